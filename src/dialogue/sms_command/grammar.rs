//! The grammar of text orders as nom parsers over folded text, one function for each phrase.

use nom::{
    Err, Finish, IResult, Parser,
    bytes::complete::take_till,
    character::complete::space0,
    combinator::opt,
    error::{ErrorKind, ParseError},
};

use super::{AgainNumber, Command, CommandError, StartCode, TypedAmount, typed_amount};
use crate::{
    dialogue::words::{Aliases, Keyword, Word},
    domain::{
        catalogue::{Quantity, ShortCode},
        pon::{BadPon, Pon},
    },
};

/// The verb, and the operands after it.
pub(super) fn verb<'a>(
    input: &'a str,
    aliases: &Aliases,
) -> Result<(Keyword, &'a str), CommandError> {
    let verb = operand(input, CommandError::Empty, |word| {
        aliases.keyword(word).ok_or_else(|| {
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                return CommandError::NoVerb;
            }
            CommandError::UnknownWord {
                word: Word::echo(word),
                closest: aliases.closest(word),
            }
        })
    });
    verb.finish().map(|(operands, verb)| (verb, operands))
}

/// The command that `verb` makes with its operands, all of which it must use up.
pub(super) fn command(
    verb: Keyword,
    operands: &str,
    aliases: &Aliases,
) -> Result<Command, CommandError> {
    let parsed = match verb {
        Keyword::Buy => buy(operands, aliases),
        Keyword::Pay => pay(operands, aliases),
        Keyword::List => short_code(operands, verb).map(|(rest, code)| (rest, Command::List(code))),
        Keyword::Limit => limit(operands),
        Keyword::Start => start(operands),
        Keyword::Balance => Ok((operands, Command::Balance)),
        Keyword::Stop => Ok((operands, Command::Stop)),
        Keyword::Help => Ok((operands, Command::Help)),
        Keyword::Again => Err(Err::Error(CommandError::NoVerb)),
    };
    let (rest, command) = parsed.finish()?;
    match word(rest).finish()?.1 {
        "" => Ok(command),
        unexpected => Err(CommandError::Unexpected(Word::echo(unexpected))),
    }
}

type Parsed<'a, T> = IResult<&'a str, T, CommandError>;

/// The grammar itself never yields these: every operand names its own error.
impl ParseError<&str> for CommandError {
    fn from_error_kind(_: &str, _: ErrorKind) -> Self {
        Self::Empty
    }

    fn append(_: &str, _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// The next word, empty at the end, and what follows it.
fn word(input: &str) -> Parsed<'_, &str> {
    (space0, take_till(|c| c == ' '))
        .map(|(_, word)| word)
        .parse(input)
}

/// The next word and not the end, as `read` reads it.
fn operand<'a, T>(
    input: &'a str,
    missing: CommandError,
    read: impl Fn(&'a str) -> Result<T, CommandError>,
) -> Parsed<'a, T> {
    let (rest, word) = word(input)?;
    if word.is_empty() {
        return Err(Err::Error(missing));
    }
    read(word).map(|value| (rest, value)).map_err(Err::Error)
}

fn short_code(input: &str, verb: Keyword) -> Parsed<'_, ShortCode> {
    operand(input, CommandError::MissingShortCode(verb), |word| {
        word.parse()
            .map_err(|_| CommandError::BadShortCode(Word::echo(word)))
    })
}

fn buy<'a>(input: &'a str, aliases: &Aliases) -> Parsed<'a, Command> {
    let (rest, short_code) = short_code(input, Keyword::Buy)?;
    let (rest, item) = operand(rest, CommandError::MissingItem(short_code), |word| {
        word.parse().map_err(|_| CommandError::BadItem {
            short_code,
            item: Word::echo(word),
        })
    })?;
    let (rest, quantity) = quantity(rest)?;
    let (rest, again) = again(rest, aliases)?;
    Ok((
        rest,
        Command::Buy {
            short_code,
            item,
            quantity,
            again,
        },
    ))
}

/// `X2`, `2X`, `X 2` or `*2`; one when there is no such word.
fn quantity(input: &str) -> Parsed<'_, Quantity> {
    let times = |c: char| c == 'X' || c == '*';
    let (rest, typed) = word(input)?;
    let (rest, digits) = match (typed.strip_prefix(times), typed.strip_suffix(times)) {
        (Some(""), _) => word(rest)?,
        (Some(digits), _) => (rest, digits),
        (None, Some(digits)) if digits.starts_with(|c: char| c.is_ascii_digit()) => (rest, digits),
        (None, _) => return Ok((input, Quantity::ONE)),
    };
    let number = digits
        .parse::<u8>()
        .ok()
        .filter(|_| !digits.starts_with('+'));
    let quantity = number.and_then(|units| Quantity::try_from(units).ok());
    quantity
        .map(|quantity| (rest, quantity))
        .ok_or_else(|| Err::Error(CommandError::BadQuantity(Word::echo(digits))))
}

fn again<'a>(input: &'a str, aliases: &Aliases) -> Parsed<'a, Option<AgainNumber>> {
    let keyword = |input| {
        operand(input, CommandError::Empty, |word| {
            aliases
                .keyword(word)
                .filter(|k| *k == Keyword::Again)
                .ok_or(CommandError::Empty)
        })
    };
    let (rest, found) = opt(keyword).parse(input)?;
    if found.is_none() {
        return Ok((input, None));
    }
    operand(rest, CommandError::BadAgain, |word| {
        let number: u16 = digits(word, 4).ok_or(CommandError::BadAgain)?;
        AgainNumber::try_from(number).map(Some)
    })
}

/// A PON alone, or a short code and then a PON or an amount.
fn pay<'a>(input: &'a str, aliases: &Aliases) -> Parsed<'a, Command> {
    let (_, first) = word(input)?;
    if first.chars().filter(char::is_ascii_digit).count() > 5 {
        let (rest, pon) = operand(input, CommandError::PonLength, pon)?;
        return Ok((
            rest,
            Command::PayPon {
                short_code: None,
                pon,
            },
        ));
    }
    let (rest, short_code) = short_code(input, Keyword::Pay)?;
    let (after, second) = word(rest)?;
    let (_, third) = word(after)?;
    if looks_like_pon(second) && !typed_amount::is_currency(third) {
        let (rest, pon) = operand(rest, CommandError::PonLength, pon)?;
        return Ok((
            rest,
            Command::PayPon {
                short_code: Some(short_code),
                pon,
            },
        ));
    }
    let (rest, amount) = amount(rest, CommandError::MissingAmount(short_code))?;
    if !amount.number().contains(|c: char| matches!(c, '1'..='9')) {
        return Err(Err::Error(CommandError::BadAmount(Word::echo(
            amount.number(),
        ))));
    }
    let (rest, again) = again(rest, aliases)?;
    Ok((
        rest,
        Command::PayAmount {
            short_code,
            amount,
            again,
        },
    ))
}

/// Eight digits, of which a dash may part the halves.
fn looks_like_pon(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    digits == Pon::DIGITS && word.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

fn pon(word: &str) -> Result<Pon, CommandError> {
    let digits: String = word.chars().filter(|c| *c != '-').collect();
    digits.parse().map_err(|bad| match bad {
        BadPon::Length => CommandError::PonLength,
        BadPon::Check => CommandError::PonCheck(Word::echo(&digits)),
    })
}

/// An amount, and the currency when the next word is one.
fn amount(input: &str, missing: CommandError) -> Parsed<'_, TypedAmount> {
    let (rest, amount) = operand(input, missing, |word| {
        word.parse::<TypedAmount>()
            .map_err(|_| CommandError::BadAmount(Word::echo(word)))
    })?;
    let (after, next) = word(rest)?;
    if amount.currency().is_none() && typed_amount::is_currency(next) {
        return Ok((after, amount.with_currency(next)));
    }
    Ok((rest, amount))
}

fn limit(input: &str) -> Parsed<'_, Command> {
    if word(input)?.1.is_empty() {
        return Ok((input, Command::Limit(None)));
    }
    let (rest, amount) = amount(input, CommandError::Empty)?;
    Ok((rest, Command::Limit(Some(amount))))
}

fn start(input: &str) -> Parsed<'_, Command> {
    let (rest, typed) = word(input)?;
    if typed.is_empty() {
        return Ok((rest, Command::Start(None)));
    }
    let code = digits(typed, 4).filter(|_| typed.len() == 4).map(StartCode);
    code.map(|code| (rest, Command::Start(Some(code))))
        .ok_or(Err::Error(CommandError::BadStartCode))
}

/// A number of at most `most` digits and nothing else.
fn digits(word: &str, most: usize) -> Option<u16> {
    let fits = word.len() <= most && word.bytes().all(|b| b.is_ascii_digit());
    word.parse().ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> CommandError {
        crate::dialogue::sms_command::parse(text, &Aliases::default()).unwrap_err()
    }

    #[test]
    fn a_near_miss_is_told_by_its_name() {
        let echo = Word::echo;
        let code = ShortCode::try_from(4711).unwrap();
        let closest = Some(echo("BUY"));
        for (text, error) in [
            ("", CommandError::Empty),
            (" \u{200f}. ", CommandError::Empty),
            (
                "BYU 4711 12",
                CommandError::UnknownWord {
                    word: echo("BYU"),
                    closest,
                },
            ),
            (
                "WEATHER",
                CommandError::UnknownWord {
                    word: echo("WEATHER"),
                    closest: None,
                },
            ),
            ("4711 12", CommandError::NoVerb),
            ("83920171", CommandError::NoVerb),
            ("AGAIN 7", CommandError::NoVerb),
            ("BUY", CommandError::MissingShortCode(Keyword::Buy)),
            ("LIST", CommandError::MissingShortCode(Keyword::List)),
            ("BUY COFFEE", CommandError::BadShortCode(echo("COFFEE"))),
            ("BUY 47 12", CommandError::BadShortCode(echo("47"))),
            ("BUY 4711", CommandError::MissingItem(code)),
            (
                "BUY 4711 A-7",
                CommandError::BadItem {
                    short_code: code,
                    item: echo("A-7"),
                },
            ),
            ("BUY 4711 12 x0", CommandError::BadQuantity(echo("0"))),
            ("BUY 4711 12 x100", CommandError::BadQuantity(echo("100"))),
            ("BUY 4711 12 x+2", CommandError::BadQuantity(echo("+2"))),
            ("BUY 4711 12 x", CommandError::BadQuantity(echo(""))),
            ("BUY 4711 12 2", CommandError::Unexpected(echo("2"))),
            (
                "BUY 4711 12 please",
                CommandError::Unexpected(echo("PLEASE")),
            ),
            ("BUY 4711 12 AGAIN", CommandError::BadAgain),
            ("BUY 4711 12 AGAIN 0", CommandError::BadAgain),
            ("BUY 4711 12 AGAIN 7 7", CommandError::Unexpected(echo("7"))),
            ("PAY 4711", CommandError::MissingAmount(code)),
            ("PAY 4711 2.5.0", CommandError::BadAmount(echo("2.5.0"))),
            ("PAY 4711 0.00", CommandError::BadAmount(echo("0.00"))),
            ("PAY 8392 0171", CommandError::BadAmount(echo("0171"))),
            ("PAY 4711 1 000", CommandError::Unexpected(echo("000"))),
            ("PAY 83920172", CommandError::PonCheck(echo("83920172"))),
            (
                "PAY 4711 83920172",
                CommandError::PonCheck(echo("83920172")),
            ),
            ("PAY 8392017", CommandError::PonLength),
            ("PAY 83920171 2.50", CommandError::Unexpected(echo("2.50"))),
            ("LIMIT x", CommandError::BadAmount(echo("X"))),
            ("START 123", CommandError::BadStartCode),
            ("START 12345", CommandError::BadStartCode),
        ] {
            assert_eq!(refused(text), error, "{text}");
        }
    }
}
