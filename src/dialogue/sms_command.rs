//! Orders in plain text: the grammar, and what to say when something is nearly one.
//!
//! ```text
//! BUY   <short code> <item> [x<n>] [AGAIN <n>]      12 x2, 12 x 2, 12 2x, 12 ×2
//! PAY   <short code> <amount> [AGAIN <n>]           2.50, 2,50, 2.50 EUR, €2.50
//! PAY   <PON>                                       83920171, 8392-0171
//! PAY   <short code> <PON>
//! LIST  <short code>
//! BAL   LIMIT [<amount>]   STOP   START [<code>]   HELP
//! ```
//! The text is [folded](super::words::fold) first; a keyword may be any of its [`Aliases`]. An
//! amount stays as typed, for its currency is the merchant's. Eight digits and nothing else are
//! always a PON: an amount of eight digits needs its point or its currency. An order with a word
//! too many is refused, since that word may be a number of units.

mod grammar;
mod typed_amount;

use std::fmt;

pub use self::typed_amount::{NotAnAmount, TypedAmount};
use super::words::{Aliases, Keyword, Word, fold};
use crate::domain::{
    catalogue::{ItemCode, Quantity, ShortCode},
    pon::Pon,
};

/// What a subscriber asks for in plain text. Its [`Display`](fmt::Display) is the text that parses
/// to it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Units of an item.
    Buy {
        /// The terminal.
        short_code: ShortCode,
        /// The item, as printed on the machine.
        item: ItemCode,
        /// How many units.
        quantity: Quantity,
        /// The number that makes an equal order another one.
        again: Option<AgainNumber>,
    },
    /// An amount that the subscriber names.
    PayAmount {
        /// The terminal.
        short_code: ShortCode,
        /// As typed.
        amount: TypedAmount,
        /// The number that makes an equal order another one.
        again: Option<AgainNumber>,
    },
    /// A payment order that a kiosk or merchant opened.
    PayPon {
        /// The terminal, where the subscriber named it: it must be the order's.
        short_code: Option<ShortCode>,
        /// The payment order.
        pon: Pon,
    },
    /// What a terminal has.
    List(ShortCode),
    /// What is owed so far.
    Balance,
    /// Shows what may be spent, or lowers it.
    Limit(Option<TypedAmount>),
    /// Bars purchases.
    Stop,
    /// Asks to lift the bar, or with the code that was sent in answer lifts it.
    Start(Option<StartCode>),
    /// Explains.
    Help,
}

impl Command {
    /// This order without its `AGAIN`: orders equal in this are the same order when they come from
    /// one sender within `plain_repeat_s`.
    #[must_use]
    pub fn without_again(mut self) -> Self {
        match &mut self {
            Self::Buy { again, .. } | Self::PayAmount { again, .. } => *again = None,
            Self::PayPon { .. }
            | Self::List(_)
            | Self::Balance
            | Self::Limit(_)
            | Self::Stop
            | Self::Start(_)
            | Self::Help => {}
        }
        self
    }

    /// This order with `AGAIN number`, as a reply offers it. Only `BUY` and `PAY` with an amount
    /// can be meant twice; every other command stays as it is.
    #[must_use]
    pub fn with_again(mut self, number: AgainNumber) -> Self {
        match &mut self {
            Self::Buy { again, .. } | Self::PayAmount { again, .. } => *again = Some(number),
            Self::PayPon { .. }
            | Self::List(_)
            | Self::Balance
            | Self::Limit(_)
            | Self::Stop
            | Self::Start(_)
            | Self::Help => {}
        }
        self
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = match self {
            Self::Buy {
                short_code,
                item,
                quantity,
                again,
            } => {
                write!(f, "BUY {short_code} {item}")?;
                if *quantity != Quantity::ONE {
                    write!(f, " x{quantity}")?;
                }
                again
            }
            Self::PayAmount {
                short_code,
                amount,
                again,
            } => {
                write!(f, "PAY {short_code} {amount}")?;
                again
            }
            Self::PayPon {
                short_code: Some(short_code),
                pon,
            } => {
                return write!(f, "PAY {short_code} {pon}");
            }
            Self::PayPon {
                short_code: None,
                pon,
            } => return write!(f, "PAY {pon}"),
            Self::List(short_code) => return write!(f, "LIST {short_code}"),
            Self::Balance => return f.write_str("BAL"),
            Self::Limit(None) => return f.write_str("LIMIT"),
            Self::Limit(Some(amount)) => return write!(f, "LIMIT {amount}"),
            Self::Stop => return f.write_str("STOP"),
            Self::Start(None) => return f.write_str("START"),
            Self::Start(Some(code)) => return write!(f, "START {code}"),
            Self::Help => return f.write_str("HELP"),
        };
        again.map_or(Ok(()), |number| write!(f, " AGAIN {number}"))
    }
}

/// The number after `AGAIN`, 1 to 9999. It works once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgainNumber(u16);

impl AgainNumber {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for AgainNumber {
    type Error = CommandError;
    fn try_from(number: u16) -> Result<Self, CommandError> {
        if (1..=9999).contains(&number) {
            Ok(Self(number))
        } else {
            Err(CommandError::BadAgain)
        }
    }
}

impl fmt::Display for AgainNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The code that lifts a bar: four digits, 0000 to 9999, sent to the subscriber's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartCode(u16);

impl TryFrom<u16> for StartCode {
    type Error = CommandError;
    fn try_from(number: u16) -> Result<Self, CommandError> {
        if number <= 9999 {
            Ok(Self(number))
        } else {
            Err(CommandError::BadStartCode)
        }
    }
}

impl fmt::Display for StartCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.0)
    }
}

/// Why a text is no command, told apart by what the subscriber is to be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Nothing but blanks.
    #[error("the text is empty")]
    Empty,
    /// More than 160 characters, and neither STOP nor HELP.
    #[error("the text is too long for an order")]
    TooLong,
    /// The first word means nothing; perhaps it is a slip of `closest`.
    #[error("unknown word {word:?}")]
    UnknownWord {
        /// What was typed.
        word: Word,
        /// The keyword or alias that it is nearest to.
        closest: Option<Word>,
    },
    /// It begins with a number: the verb was left out.
    #[error("the verb is missing")]
    NoVerb,
    /// The verb stands alone.
    #[error("{0} needs a short code")]
    MissingShortCode(Keyword),
    /// Where the short code belongs stands something else.
    #[error("not a short code: {0:?}")]
    BadShortCode(Word),
    /// BUY without an item.
    #[error("the item is missing")]
    MissingItem(ShortCode),
    /// Where the item belongs stands something else.
    #[error("not an item code: {item:?}")]
    BadItem {
        /// The terminal that was named.
        short_code: ShortCode,
        /// What was typed.
        item: Word,
    },
    /// 0, more than 99, or no number.
    #[error("not a quantity: {0:?}")]
    BadQuantity(Word),
    /// PAY with a short code and nothing else.
    #[error("the amount is missing")]
    MissingAmount(ShortCode),
    /// Not digits with at most one point.
    #[error("not an amount: {0:?}")]
    BadAmount(Word),
    /// As many digits as a PON nearly has.
    #[error("a payment order number has 8 digits")]
    PonLength,
    /// The right number of digits, and one of them wrong.
    #[error("the check digit of the payment order number is wrong")]
    PonCheck(Word),
    /// AGAIN without a number from 1 to 9999.
    #[error("AGAIN needs its number")]
    BadAgain,
    /// START with something that is not four digits.
    #[error("the code after START has four digits")]
    BadStartCode,
    /// All was understood but this word.
    #[error("{0:?} is one word too many")]
    Unexpected(Word),
}

/// Reads one text message as a command.
///
/// # Errors
///
/// [`CommandError`], which has a reply of its own for every case.
pub fn parse(text: &str, aliases: &Aliases) -> Result<Command, CommandError> {
    let folded = fold(&text.chars().take(TEXT_MAX).collect::<String>());
    let (verb, operands) = grammar::verb(&folded, aliases)?;
    match verb {
        // Obeyed or answered whatever else is said: they can do no harm.
        Keyword::Stop => Ok(Command::Stop),
        Keyword::Help => Ok(Command::Help),
        Keyword::Balance => Ok(Command::Balance),
        Keyword::Again => Err(CommandError::NoVerb),
        Keyword::Buy | Keyword::Pay | Keyword::List | Keyword::Limit | Keyword::Start => {
            if text.chars().nth(TEXT_MAX).is_some() {
                return Err(CommandError::TooLong);
            }
            grammar::command(verb, operands, aliases)
        }
    }
}

/// One message of the default alphabet; every order is far shorter.
const TEXT_MAX: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Command, CommandError> {
        let mut aliases = Aliases::default();
        aliases.add("kaufe", Keyword::Buy).unwrap();
        aliases.add("nochmal", Keyword::Again).unwrap();
        parse(text, &aliases)
    }

    /// The text that a typed one means.
    fn means(text: &str) -> String {
        parsed(text).map_or_else(|error| error.to_string(), |command| command.to_string())
    }

    #[test]
    fn every_command_is_read_however_it_is_typed() {
        for (typed, meant) in [
            ("BUY 4711 12", "BUY 4711 12"),
            ("kaufe 4711 a7 x2", "BUY 4711 A7 x2"),
            ("buy 4711 12 x 2", "BUY 4711 12 x2"),
            ("Buy 4711 12 \u{d7}2.", "BUY 4711 12 x2"),
            ("buy 4711 12 2x", "BUY 4711 12 x2"),
            ("buy 4711 12 x1", "BUY 4711 12"),
            ("Buy 4711 12 again 7", "BUY 4711 12 AGAIN 7"),
            ("kaufe 4711 12 x3 nochmal 7!", "BUY 4711 12 x3 AGAIN 7"),
            ("pay 4711 2,50", "PAY 4711 2.50"),
            (
                "pay 4711 2.50 eur again 9999",
                "PAY 4711 2.50 EUR AGAIN 9999",
            ),
            ("pay 4711 \u{20ac}2", "PAY 4711 2 EUR"),
            ("pay 83920171", "PAY 83920171"),
            ("Pay 8392-0171.", "PAY 83920171"),
            ("pay 4711 83920171", "PAY 4711 83920171"),
            ("pay 4711 83920171 JPY", "PAY 4711 83920171 JPY"),
            ("list 4711", "LIST 4711"),
            ("bal please", "BAL"),
            ("limit", "LIMIT"),
            ("limit 20", "LIMIT 20"),
            ("limit 0", "LIMIT 0"),
            ("STOP NOW!!!", "STOP"),
            ("start", "START"),
            ("start 0042", "START 0042"),
            ("help?", "HELP"),
        ] {
            assert_eq!(means(typed), meant, "{typed}");
            assert_eq!(means(meant), meant);
        }
    }

    #[test]
    fn a_long_text_is_no_order_but_stop_is_stop() {
        let long = " please".repeat(40);
        assert_eq!(parsed(&format!("STOP{long}")), Ok(Command::Stop));
        assert_eq!(
            parsed(&format!("BUY 4711 12{}", " ".repeat(200))),
            Err(CommandError::TooLong)
        );
    }

    #[test]
    fn an_equal_order_is_known_without_its_again() {
        let order = parsed("BUY 4711 12").unwrap();
        let number = AgainNumber::try_from(7).unwrap();
        let again = order.clone().with_again(number);
        assert_eq!(again.to_string(), "BUY 4711 12 AGAIN 7");
        assert_eq!(again.without_again(), order);
        assert_eq!(Command::Stop.with_again(number), Command::Stop);
    }
}
