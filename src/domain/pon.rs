//! Payment order numbers: what a kiosk shows and a subscriber types.
//!
//! ```text
//! │ 7 digits, random, the first not 0 │ 1 check digit (Damm) │      83920171
//! ```
//! Damm's check catches every wrong digit and every swap of neighbours, which are what thumbs do:
//! H. M. Damm, *Total anti-symmetrische Quasigruppen*, Marburg 2004. The first digit is not 0
//! because that check is blind to leading zeros.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A payment order number of 8 digits whose check digit is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pon(u32);

impl Pon {
    /// How many digits are typed.
    pub const DIGITS: usize = 8;

    /// The number that `random` picks among the 9 000 000 there are.
    ///
    /// Every 64-bit value will do; the bias of the remainder is below one in 10¹². Whether the
    /// number is free is for the caller to see.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "at most 9 999 999 × 10 + 9")]
    pub fn from_random(random: u64) -> Self {
        let digits = u32::try_from(random % 9_000_000).unwrap_or_default() + 1_000_000;
        Self(digits * 10 + u32::from(damm(&digits.to_string())))
    }

    /// The number, all digits of it.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Pon {
    type Error = BadPon;
    fn try_from(number: u32) -> Result<Self, BadPon> {
        number.to_string().parse()
    }
}

impl FromStr for Pon {
    type Err = BadPon;
    fn from_str(text: &str) -> Result<Self, BadPon> {
        let digits = text.len() == Self::DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        if !digits || text.starts_with('0') {
            return Err(BadPon::Length);
        }
        if damm(text) != 0 {
            return Err(BadPon::Check);
        }
        text.parse().map(Self).map_err(|_| BadPon::Length)
    }
}

impl TryFrom<String> for Pon {
    type Error = BadPon;
    fn try_from(text: String) -> Result<Self, BadPon> {
        text.parse()
    }
}

impl From<Pon> for String {
    fn from(pon: Pon) -> Self {
        pon.to_string()
    }
}

impl fmt::Display for Pon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why digits are no payment order number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPon {
    /// Not 8 digits, or the first is 0.
    #[error("a payment order number has 8 digits and does not begin with 0")]
    Length,
    /// A digit was mistyped.
    #[error("the check digit of the payment order number is wrong")]
    Check,
}

/// The check digit for `digits`; 0 when they end in the right one.
fn damm(digits: &str) -> u8 {
    digits.bytes().fold(0, |interim, octet| {
        let digit = usize::from(octet.wrapping_sub(b'0'));
        let row = QUASIGROUP
            .get(usize::from(interim))
            .copied()
            .unwrap_or_default();
        row.get(digit).copied().unwrap_or_default()
    })
}

/// The totally anti-symmetric quasigroup of order 10 in Damm's thesis, page 111.
const QUASIGROUP: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_example_checks() {
        // Damm's own example, as quoted everywhere: 572 has check digit 4.
        assert_eq!(damm("572"), 4);
        assert_eq!(damm("5724"), 0);
        assert_eq!("83920171".parse::<Pon>().map(Pon::number), Ok(83_920_171));
    }

    #[test]
    fn what_is_not_eight_digits_is_told_from_a_slip() {
        for bad in [
            "",
            "8392017",
            "839201711",
            "8392017x",
            "00000000",
            "+8392017",
        ] {
            assert_eq!(bad.parse::<Pon>(), Err(BadPon::Length), "{bad}");
        }
        assert_eq!("83920172".parse::<Pon>(), Err(BadPon::Check));
    }

    proptest! {
        #[test]
        fn every_single_slip_and_every_swap_of_neighbours_is_caught(
            random: u64, at in 0_usize..8, digit in 0_u8..10,
        ) {
            let pon = Pon::from_random(random);
            let typed = pon.to_string().into_bytes();
            prop_assert_eq!(Pon::try_from(pon.number()), Ok(pon));
            let parses =
                |octets: &[u8]| String::from_utf8_lossy(octets).parse::<Pon>().is_ok();
            let mut slip = typed.clone();
            slip[at] = b'0' + digit;
            prop_assert_eq!(parses(&slip), slip == typed);
            let mut swapped = typed.clone();
            swapped.swap(at, (at + 1) % 8);
            let neighbours = at < 7;
            prop_assert!(!neighbours || parses(&swapped) == (swapped == typed));
        }
    }
}
