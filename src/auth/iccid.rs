//! The number of a SIM card: ITU-T E.118, coded as in `EF.ICCID` (ETSI TS 102 221 §13.2).
//!
//! ```text
//! 8949 0200 0000 0000 01C  ─►  │ 98 │ 94 │ 20 │ … │ FC │   first digit in b4–b1, F after 19 digits
//! ```

use std::fmt;

/// A card number of 19 or 20 digits whose last is the Luhn check digit. It masks itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Iccid([u8; 10]);

impl Iccid {
    /// The ten octets of `EF.ICCID`, digits swapped in pairs: what keys are derived from, since
    /// they are the octets that the card itself holds.
    #[must_use]
    pub const fn ef_octets(&self) -> &[u8; 10] {
        &self.0
    }

    /// Reads back what [`Iccid::ef_octets`] gave.
    ///
    /// # Errors
    ///
    /// [`BadIccid`] for octets that are no such number.
    pub fn from_ef_octets(octets: [u8; 10]) -> Result<Self, BadIccid> {
        let digits: String = octets
            .iter()
            .flat_map(|octet| [octet & 0xF, octet >> 4])
            .map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('?'))
            .collect();
        digits.strip_suffix('f').unwrap_or(&digits).parse()
    }

    /// All digits. Only for a file that needs them or a key of the store: a reviewer can find
    /// every use.
    #[must_use]
    pub fn expose_digits(&self) -> String {
        self.digits()
            .filter_map(|digit| char::from_digit(u32::from(digit), 10))
            .collect()
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.0
            .iter()
            .flat_map(|octet| [octet & 0xF, octet >> 4])
            .filter(|digit| *digit <= 9)
    }
}

impl std::str::FromStr for Iccid {
    type Err = BadIccid;

    fn from_str(text: &str) -> Result<Self, BadIccid> {
        let digits = text.as_bytes();
        let fits = matches!(digits.len(), 19 | 20) && digits.iter().all(u8::is_ascii_digit);
        if !fits || !ends_in_luhn_digit(digits) {
            return Err(BadIccid);
        }
        let mut octets = [0xFF; 10];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks(2)) {
            *octet = match *pair {
                [first, second] => ((second & 0xF) << 4) | (first & 0xF),
                [only] => 0xF0 | (only & 0xF),
                _ => return Err(BadIccid),
            };
        }
        Ok(Self(octets))
    }
}

/// The last four digits only, in every build.
impl fmt::Display for Iccid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.expose_digits();
        write!(
            f,
            "…{}",
            digits
                .get(digits.len().saturating_sub(4)..)
                .unwrap_or_default()
        )
    }
}

impl fmt::Debug for Iccid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not 19 or 20 digits, or a wrong check digit: most often a digit mistyped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an ICCID has 19 or 20 digits, the last of which is the Luhn check digit")]
pub struct BadIccid;

/// ISO/IEC 7812-1, annex B: from the right, every second digit counts twice.
fn ends_in_luhn_digit(digits: &[u8]) -> bool {
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0_u32, |sum, (place, digit)| {
            let digit = u32::from(digit & 0xF);
            let counted = match (place % 2, digit) {
                (0, digit) => digit,
                (_, 0..=4) => digit.saturating_mul(2),
                (_, digit) => digit.saturating_mul(2).saturating_sub(9),
            };
            sum.saturating_add(counted)
        });
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_coded_as_the_card_holds_it_and_masked_when_printed() {
        let iccid: Iccid = "8988211000000000003".parse().unwrap();
        assert_eq!(hex::encode(iccid.ef_octets()), "988812010000000000f3");
        assert_eq!(format!("{iccid} {iccid:?}"), "…0003 …0003");
        assert_eq!(iccid.expose_digits(), "8988211000000000003");
    }

    #[test]
    fn the_check_digit_is_that_of_the_well_known_example() {
        for last in b'0'..=b'9' {
            let digits = [b"7992739871".as_slice(), &[last]].concat();
            assert_eq!(ends_in_luhn_digit(&digits), last == b'3');
        }
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        let bad = [
            "",
            "898821100000000000",
            "8988211000000000004",
            "898821100000000000x",
            "898821100000000000300",
        ];
        for bad in bad {
            assert_eq!(bad.parse::<Iccid>(), Err(BadIccid), "{bad}");
        }
        assert_eq!(Iccid::from_ef_octets([0xFF; 10]), Err(BadIccid));
    }

    proptest! {
        #[test]
        fn one_of_ten_last_digits_is_right_and_survives_the_card_coding(body in "89[0-9]{16,17}") {
            let right: Vec<Iccid> =
                (0..10).filter_map(|last| format!("{body}{last}").parse().ok()).collect();
            prop_assert_eq!(right.len(), 1);
            prop_assert_eq!(Iccid::from_ef_octets(*right[0].ef_octets()), Ok(right[0]));
            prop_assert!(right[0].expose_digits().starts_with(&body));
        }

        #[test]
        fn any_ten_octets_are_a_number_or_are_refused(octets in any::<[u8; 10]>()) {
            if let Ok(iccid) = Iccid::from_ef_octets(octets) {
                prop_assert_eq!(iccid.ef_octets(), &octets);
            }
        }
    }
}
