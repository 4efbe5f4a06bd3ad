//! How a subscriber names what is for sale: short code, item code, quantity.
//!
//! ```text
//! BUY 4711     12         x2
//!     │        │          └ quantity, 1 to 99
//!     │        └ item code, 1 to 8 of A-Z 0-9, as printed on the machine
//!     └ short code, 3 to 5 digits: one terminal
//! ```

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The number of one terminal, 3 to 5 digits, the first not 0: typed and printed without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct ShortCode(u32);

impl ShortCode {
    /// The code as a number, from 100 to 99999.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for ShortCode {
    type Error = BadShortCode;
    fn try_from(number: u32) -> Result<Self, BadShortCode> {
        if (100..=99_999).contains(&number) {
            Ok(Self(number))
        } else {
            Err(BadShortCode)
        }
    }
}

impl From<ShortCode> for u32 {
    fn from(code: ShortCode) -> Self {
        code.0
    }
}

impl FromStr for ShortCode {
    type Err = BadShortCode;

    /// Digits only: `04711` is not 4711, for nobody prints it so and a slip is more likely.
    fn from_str(text: &str) -> Result<Self, BadShortCode> {
        if text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadShortCode);
        }
        let number: u32 = text.parse().map_err(|_| BadShortCode)?;
        Self::try_from(number)
    }
}

impl fmt::Display for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Not a number of 3 to 5 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a short code has 3 to 5 digits and does not begin with 0")]
pub struct BadShortCode;

/// What a merchant calls an item: 1 to 8 of `A-Z 0-9`. It fits a register, so it is copied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemCode([u8; ITEM_CODE_MAX]);

impl ItemCode {
    /// The code as printed on the machine.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let octets = self.0.split(|octet| *octet == 0).next().unwrap_or_default();
        // Only ASCII got in, so this never yields the default.
        std::str::from_utf8(octets).unwrap_or_default()
    }
}

impl FromStr for ItemCode {
    type Err = BadItemCode;

    /// Takes capitals only: folding what a person typed is the dialogue's work.
    fn from_str(text: &str) -> Result<Self, BadItemCode> {
        let in_alphabet = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        if text.is_empty() || !text.bytes().all(in_alphabet) {
            return Err(BadItemCode);
        }
        let mut octets = [0; ITEM_CODE_MAX];
        octets
            .get_mut(..text.len())
            .ok_or(BadItemCode)?
            .copy_from_slice(text.as_bytes());
        Ok(Self(octets))
    }
}

impl TryFrom<String> for ItemCode {
    type Error = BadItemCode;
    fn try_from(text: String) -> Result<Self, BadItemCode> {
        text.parse()
    }
}

impl From<ItemCode> for String {
    fn from(code: ItemCode) -> Self {
        code.as_str().to_owned()
    }
}

impl fmt::Display for ItemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ItemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Empty, longer than 8, or with a character outside `A-Z 0-9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an item code has 1 to 8 of the characters A-Z 0-9")]
pub struct BadItemCode;

/// How many units of an item one purchase is for, 1 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Quantity(u8);

impl Quantity {
    /// One unit, which is what an order means that names no number.
    pub const ONE: Self = Self(1);

    /// The number of units.
    #[must_use]
    pub fn units(self) -> u32 {
        u32::from(self.0)
    }
}

impl TryFrom<u8> for Quantity {
    type Error = BadQuantity;
    fn try_from(units: u8) -> Result<Self, BadQuantity> {
        if (1..=99).contains(&units) {
            Ok(Self(units))
        } else {
            Err(BadQuantity)
        }
    }
}

impl From<Quantity> for u8 {
    fn from(quantity: Quantity) -> Self {
        quantity.0
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// None, or more than a machine gives out in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quantity is 1 to 99")]
pub struct BadQuantity;

/// Eight characters are what a vending machine's label and the secured order have room for.
const ITEM_CODE_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_code_has_three_to_five_digits() {
        for good in ["100", "4711", "99999"] {
            assert_eq!(good.parse::<ShortCode>().unwrap().to_string(), good);
        }
        for bad in ["", "12", "123456", "0123", "000", "47a1", "+471", " 4711"] {
            assert_eq!(bad.parse::<ShortCode>(), Err(BadShortCode), "{bad}");
        }
        assert!(ShortCode::try_from(99).is_err() && ShortCode::try_from(100_000).is_err());
    }

    #[test]
    fn an_item_code_reads_back_as_written() {
        for good in ["1", "12", "A7", "ABCDEFGH", "00000000"] {
            assert_eq!(good.parse::<ItemCode>().unwrap().as_str(), good);
        }
        for bad in ["", "ABCDEFGHI", "a", "A B", "Ä", "A\0"] {
            assert_eq!(bad.parse::<ItemCode>(), Err(BadItemCode), "{bad}");
        }
    }

    #[test]
    fn a_quantity_is_neither_none_nor_a_hundred() {
        assert!(Quantity::try_from(0).is_err() && Quantity::try_from(100).is_err());
        assert_eq!(Quantity::try_from(99).unwrap().units(), 99);
    }
}
