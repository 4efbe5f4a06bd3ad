//! What a network knows a card by: 3GPP TS 23.003 clause 2.2. It masks itself wherever it is printed.

use std::fmt;
use std::sync::Arc;

/// 6 to 15 digits; zeros at its beginning count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Imsi(Arc<str>);

impl Imsi {
    /// All digits. Only for a wire, or a key of the store: a reviewer can find every use.
    #[must_use]
    pub fn expose_digits(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Imsi {
    type Err = BadImsi;

    fn from_str(text: &str) -> Result<Self, BadImsi> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        if digits && (SHORTEST..=LONGEST).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(BadImsi)
        }
    }
}

/// The last three digits only, in every build.
impl fmt::Display for Imsi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.0.len().saturating_sub(3);
        write!(f, "…{}", self.0.get(from..).unwrap_or_default())
    }
}

impl fmt::Debug for Imsi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Imsi({self})")
    }
}

/// No IMSI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an IMSI has 6 to 15 digits")]
pub struct BadImsi;

/// Country, network and one digit.
const SHORTEST: usize = 6;
const LONGEST: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_its_zeros_and_shows_three_digits() {
        let imsi: Imsi = "001010000000001".parse().unwrap();
        assert_eq!(imsi.expose_digits(), "001010000000001");
        assert_eq!(format!("{imsi} {imsi:?}"), "…001 Imsi(…001)");
        for bad in ["", "00101", "0010100000000012", "00101000000000a"] {
            assert_eq!(bad.parse::<Imsi>(), Err(BadImsi), "{bad}");
        }
    }
}
