//! Every table with its columns, in the order in which rows are written and read.

use crate::store::statements::Table;

/// Declares a table.
macro_rules! table {
    ($const:ident, $name:literal, [$($key:literal),+], [$($column:literal),+ $(,)?]) => {
        pub(super) const $const: Table = Table {
            name: $name,
            key: &[$($key),+],
            columns: &[$($column),+],
        };
    };
}

table!(
    NODE,
    "node",
    ["node"],
    [
        "node",
        "last_id",
        "batch",
        "committed_ms",
        "transfer_no",
        "entry_no",
        "purse_log_no",
        "pos_log_no",
        "account_no",
        "bill_no",
    ]
);

table!(
    LINE,
    "line",
    ["subscriber_id"],
    [
        "subscriber_id",
        "account",
        "msisdn",
        "iccid",
        "imsi",
        "language",
        "class",
        "currency",
        "credit_limit_minor",
        "cap_minor",
        "changed_ms",
        "key_version",
        "profile",
        "sealed_keys",
        "own_limit_minor",
        "standing",
        "start_code",
        "mo_counter",
        "mo_digest",
        "mo_purchase_id",
        "mt_counter",
        "recent",
        "owed_minor",
        "held_minor",
        "bill_number",
        "bill_since_ms",
        "bill_total_minor",
        "bill_entries",
    ]
);
/// What an order changes of a line: none of it is in an index.
pub(super) const LINE_HOT: &[&str] = &[
    "own_limit_minor",
    "standing",
    "start_code",
    "mo_counter",
    "mo_digest",
    "mo_purchase_id",
    "mt_counter",
    "recent",
    "owed_minor",
    "held_minor",
    "bill_number",
    "bill_since_ms",
    "bill_total_minor",
    "bill_entries",
];

table!(CARD, "card", ["iccid"], ["iccid", "past"]);

table!(
    PERIOD,
    "period",
    ["period_no"],
    ["subscriber_id", "msisdn", "iccid", "imsi", "from_ms",]
);

table!(
    MERCHANT,
    "merchant",
    ["merchant_id"],
    [
        "merchant_id",
        "name",
        "currency",
        "tax_code",
        "discount_basis_points",
        "open",
        "unknown_end",
    ]
);

table!(
    ITEM,
    "item",
    ["merchant_id", "code"],
    [
        "merchant_id",
        "code",
        "name",
        "retail_minor",
        "wholesale_minor",
    ]
);

table!(
    TERMINAL,
    "terminal",
    ["terminal_id"],
    [
        "terminal_id",
        "short_code",
        "merchant_id",
        "items",
        "slots",
        "token_sha256",
        "file_token_sha256",
        "in_service",
        "seen_ms",
        "last_ack",
        "open_acks",
        "open_orders",
        "closed_ack",
        "closed_purchase_id",
    ]
);
/// What an order changes of a terminal.
pub(super) const TERMINAL_HOT: &[&str] = &[
    "seen_ms",
    "last_ack",
    "open_acks",
    "open_orders",
    "closed_ack",
    "closed_purchase_id",
];

table!(
    PURCHASE,
    "purchase",
    ["purchase_id"],
    [
        "purchase_id",
        "units",
        "channel",
        "subscriber_id",
        "msisdn",
        "terminal_id",
        "merchant_id",
        "item",
        "short_code",
        "currency",
        "retail_minor",
        "wholesale_minor",
        "fee_minor",
        "tax_minor",
        "pon",
        "reference",
        "client_reference",
        "ack",
        "from_seq",
        "to_seq",
        "bill_number",
        "requested_ms",
        "paid_ms",
        "smsc",
        "service",
        "received",
        "check_result",
        "state",
        "state_units",
        "back_retail_minor",
        "back_wholesale_minor",
        "back_fee_minor",
        "back_tax_minor",
        "changed_ms",
        "deadline_ms",
        "billed",
        "entry_no",
        "reason",
    ]
);
/// What happens to a purchase after it was paid.
pub(super) const PURCHASE_LATER: &[&str] = &[
    "state",
    "state_units",
    "back_retail_minor",
    "back_wholesale_minor",
    "back_fee_minor",
    "back_tax_minor",
    "changed_ms",
    "deadline_ms",
    "billed",
    "entry_no",
    "reason",
];

table!(
    OPEN_ACK,
    "open_ack",
    ["terminal_id", "ack"],
    ["terminal_id", "ack", "purchase_id",]
);

table!(
    PON,
    "pon",
    ["pon"],
    ["pon", "purchase_id", "reserved_until_ms", "open"]
);

table!(
    CLIENT_REFERENCE,
    "client_reference",
    ["terminal_id", "reference"],
    ["terminal_id", "reference", "purchase_id",]
);

table!(
    ACCOUNT,
    "account",
    ["account_no"],
    [
        "account_no",
        "kind",
        "merchant_id",
        "currency",
        "balance_minor",
    ]
);
/// What a transfer changes of an account.
pub(super) const ACCOUNT_HOT: &[&str] = &["balance_minor"];

table!(
    TRANSFER,
    "transfer",
    ["transfer_no"],
    [
        "transfer_no",
        "from_account",
        "to_account",
        "amount_minor",
        "currency",
        "kind",
        "purchase_id",
        "at_ms",
    ]
);

table!(
    PURSE,
    "purse",
    ["purse_id"],
    ["purse_id", "role", "currency", "state",]
);

table!(
    PURSE_LOG,
    "purse_log",
    ["record_no"],
    ["record_no", "purse_id", "record",]
);

table!(
    POS_LOG,
    "pos_log",
    ["record_no"],
    ["record_no", "purse_id", "record",]
);

table!(
    BILLING_ENTRY,
    "billing_entry",
    ["entry_no"],
    [
        "entry_no",
        "kind",
        "purchase_id",
        "original_no",
        "subscriber_id",
        "account",
        "msisdn",
        "merchant_id",
        "item",
        "units",
        "currency",
        "retail_minor",
        "wholesale_minor",
        "fee_minor",
        "tax_minor",
        "tax_code",
        "bill_number",
        "at_ms",
        "business_date",
        "provisional",
        "channel",
    ]
);

table!(
    BATCH,
    "batch",
    ["sequence"],
    ["sequence", "from_no", "to_no", "closed_ms",]
);
/// What is known once a batch's file stands.
pub(super) const BATCH_WRITTEN: &[&str] = &["sha256"];

table!(
    BILL,
    "bill",
    ["bill_id"],
    [
        "bill_id",
        "subscriber_id",
        "number",
        "currency",
        "total_minor",
        "from_ms",
        "to_ms",
        "cause",
    ]
);

table!(
    OUTBOX,
    "outbox",
    ["outbox_id"],
    [
        "outbox_id",
        "purchase_id",
        "smsc",
        "service",
        "msisdn",
        "udhi",
        "protocol_id",
        "data_coding",
        "user_data",
        "created_ms",
        "expires_ms",
        "parked",
    ]
);

table!(
    SENT,
    "sent",
    ["outbox_id"],
    [
        "outbox_id",
        "smsc",
        "message_id",
        "msisdn",
        "reference",
        "purchase_id",
        "at_ms",
        "receipt",
    ]
);

table!(
    PART,
    "part",
    [
        "sender",
        "trusted",
        "destination",
        "reference",
        "total",
        "wide"
    ],
    [
        "sender",
        "trusted",
        "destination",
        "reference",
        "total",
        "wide",
        "expires_ms",
        "state",
    ]
);

table!(
    TAKEN_REFERENCE,
    "taken_reference",
    ["reference"],
    [
        "reference",
        "kind",
        "amount_minor",
        "currency",
        "subscriber_id",
    ]
);

table!(REACH, "reach", ["smsc"], ["smsc", "state"]);

table!(
    NOTICE,
    "notice",
    ["notice_no"],
    ["at_ms", "kind", "purchase_id", "subscriber_id", "text",]
);
