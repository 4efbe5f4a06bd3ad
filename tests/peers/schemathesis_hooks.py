"""What schemathesis.sh leaves out of the requests it makes up, and why."""

import schemathesis


def whole_numbers_as_decimals(value):
    """Whether `62.0` stands somewhere in the body."""
    if isinstance(value, dict):
        return any(whole_numbers_as_decimals(member) for member in value.values())
    if isinstance(value, list):
        return any(whole_numbers_as_decimals(member) for member in value)
    return isinstance(value, float) and value.is_integer()


@schemathesis.hook
def filter_body(context, body):
    """JSON Schema takes `62.0` for an integer. The gateway does not, on purpose: pieces and money
    are digits without a point, or the request is refused with a word about it."""
    return not whole_numbers_as_decimals(body)
