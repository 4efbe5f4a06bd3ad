//! An amount as a subscriber typed it, before anybody knows its currency.

use std::{fmt, str::FromStr};

use crate::domain::money::{BadAmount, Currency, MinorUnits};

/// Digits with at most one point or comma, and perhaps a currency: `2.50`, `2,50 EUR`, `€2.50`.
///
/// It begins with `0` only before a point: in `PAY 8392 0171` the second half of a PON is not to
/// be read as an amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedAmount {
    number: String,
    currency: Option<Currency>,
}

impl TypedAmount {
    /// The currency, when the subscriber named one.
    #[must_use]
    pub const fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// The digits as typed, with a point as separator.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The amount in the merchant's or the bill's currency.
    ///
    /// # Errors
    ///
    /// [`NotAnAmount::Digits`] when the digits after the point are not those of `currency`, or are
    /// too many; [`NotAnAmount::OtherCurrency`] when the subscriber named another one.
    pub fn in_currency(&self, currency: Currency) -> Result<MinorUnits, NotAnAmount> {
        match self.currency {
            Some(named) if named != currency => Err(NotAnAmount::OtherCurrency { named, currency }),
            Some(_) | None => currency
                .parse_amount(&self.number)
                .map_err(NotAnAmount::Digits),
        }
    }

    /// This amount with the currency that the next word names; without one when it names none.
    pub(super) fn with_currency(self, word: &str) -> Self {
        Self {
            currency: named(word),
            ..self
        }
    }
}

impl FromStr for TypedAmount {
    type Err = NotAnAmount;

    /// Reads one folded word.
    fn from_str(word: &str) -> Result<Self, NotAnAmount> {
        let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
        let number = word
            .trim_start_matches(|c| !numeric(c))
            .trim_end_matches(|c| !numeric(c));
        let (before, after) = word.split_once(number).ok_or(NotAnAmount::Format)?;
        let currency = match (before, after) {
            ("", "") => None,
            (name, "") | ("", name) => Some(named(name).ok_or(NotAnAmount::Format)?),
            (_, _) => return Err(NotAnAmount::Format),
        };
        let number = number.replace(',', ".");
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, "0"));
        let padded = whole.len() > 1 && whole.starts_with('0');
        if !digits(whole) || !digits(fraction) || padded || number.len() > NUMBER_MAX {
            return Err(NotAnAmount::Format);
        }
        Ok(Self { number, currency })
    }
}

impl fmt::Display for TypedAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.number)?;
        self.currency
            .map_or(Ok(()), |currency| write!(f, " {currency}"))
    }
}

/// Why what was typed is no amount in the currency at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAmount {
    /// Not digits with at most one point between them.
    #[error("an amount is digits with at most one point between them")]
    Format,
    /// Not the digits after the point that its currency has.
    #[error(transparent)]
    Digits(BadAmount),
    /// Equal currencies only: the gateway does not change money.
    #[error("the amount is in {named}, the price in {currency}")]
    OtherCurrency {
        /// What the subscriber typed.
        named: Currency,
        /// What the merchant takes.
        currency: Currency,
    },
}

/// Whether a folded word names a currency.
pub(super) fn is_currency(word: &str) -> bool {
    named(word).is_some()
}

/// The currency by its ISO 4217 code, or by the one sign that has a single meaning.
fn named(word: &str) -> Option<Currency> {
    if word == "€" {
        "EUR".parse().ok()
    } else {
        word.parse().ok()
    }
}

/// Fifteen digits and a point: more does not fit an amount in any currency anyway.
const NUMBER_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Result<TypedAmount, NotAnAmount> {
        text.parse()
    }

    #[test]
    fn an_amount_waits_for_its_currency() {
        let eur: Currency = "EUR".parse().unwrap();
        let kwd: Currency = "KWD".parse().unwrap();
        let minor = |text: &str, currency| typed(text).unwrap().in_currency(currency);
        assert_eq!(minor("2.50", eur).map(MinorUnits::minor), Ok(250));
        assert_eq!(minor("2,500", kwd).map(MinorUnits::minor), Ok(2500));
        assert_eq!(minor("€2", eur).map(MinorUnits::minor), Ok(200));
        assert_eq!(minor("2.50EUR", eur).map(MinorUnits::minor), Ok(250));
        assert!(matches!(minor("2.5", eur), Err(NotAnAmount::Digits(_))));
        assert!(matches!(
            minor("2EUR", kwd),
            Err(NotAnAmount::OtherCurrency { .. })
        ));
    }

    #[test]
    fn what_is_not_clearly_an_amount_is_refused() {
        for bad in [
            "",
            ".",
            ".50",
            "2.",
            "2..5",
            "1.000,00",
            "1'000",
            "0171",
            "00",
            "-2",
            "+2",
            "2X",
            "2EURO",
            "€2€",
            "12345678901234567",
            "TWO",
            "€",
            "2-50",
        ] {
            assert_eq!(typed(bad), Err(NotAnAmount::Format), "{bad}");
        }
    }
}
