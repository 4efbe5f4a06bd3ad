//! The PIN that a subscriber types at a phone whose SIM proves nothing.
//!
//! ```text
//! chosen ─► check under the gateway's key ─► wrong, wrong, wrong ─► blocked ─► taken away by the operator
//! ```
//! Only what is made of it under the gateway's key is kept, so that the books alone do not give it away.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

/// A PIN as it was typed. Nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Zeroizing<Box<str>>);

impl Pin {
    /// Its digits, for what is made of them.
    #[must_use]
    pub fn expose_digits(&self) -> &str {
        &self.0
    }

    /// Whether anybody would try it first: equal digits, or digits in a row.
    #[must_use]
    pub fn is_obvious(&self) -> bool {
        let digits = self.0.as_bytes();
        let mut pairs = digits.iter().zip(digits.iter().skip(1));
        let step = |by: u8| move |(a, b): (&u8, &u8)| a.wrapping_add(by) == *b;
        pairs.clone().all(step(0)) || pairs.clone().all(step(1)) || pairs.all(step(u8::MAX))
    }
}

impl FromStr for Pin {
    type Err = BadPin;

    fn from_str(typed: &str) -> Result<Self, BadPin> {
        let is_pin = (4..=8).contains(&typed.len()) && typed.bytes().all(|b| b.is_ascii_digit());
        if is_pin {
            Ok(Self(Zeroizing::new(typed.into())))
        } else {
            Err(BadPin)
        }
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

/// What was typed is no PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PIN has 4 to 8 digits")]
pub struct BadPin;

/// A subscriber's PIN, as far as it is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PinCheck {
    /// Made of subscriber and PIN under the gateway's key.
    pub check: [u8; 16],
    /// Wrong tries since the last right one.
    pub wrong: u8,
}

impl PinCheck {
    /// One that was chosen just now.
    #[must_use]
    pub const fn new(check: [u8; 16]) -> Self {
        Self { check, wrong: 0 }
    }

    /// Whether no try is left.
    #[must_use]
    pub const fn is_blocked(&self) -> bool {
        self.wrong >= TRIES
    }

    /// Tries that are left.
    #[must_use]
    pub const fn tries_left(&self) -> u8 {
        TRIES.saturating_sub(self.wrong)
    }

    /// Takes a try, which is to be kept whatever it was. A blocked PIN is not even compared.
    pub fn try_with(&mut self, given: &[u8; 16]) -> Tried {
        if self.is_blocked() {
            return Tried::Blocked;
        }
        // What is compared was made under a key, so that the time it takes tells nothing of the PIN.
        if self.check == *given {
            self.wrong = 0;
            return Tried::Right;
        }
        self.wrong = self.wrong.saturating_add(1);
        Tried::Wrong
    }
}

impl fmt::Debug for PinCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinCheck({} tries left)", self.tries_left())
    }
}

/// What a try was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The PIN.
    Right,
    /// Another one.
    Wrong,
    /// No try was left.
    Blocked,
}

/// Of ten thousand PINs a thief finds one in 3,333 phones.
const TRIES: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_four_to_eight_digits_and_shown_nowhere() {
        for bad in ["", "123", "123456789", "12a4", "١٢٣٤", "12 34"] {
            assert_eq!(bad.parse::<Pin>(), Err(BadPin), "{bad}");
        }
        let pin: Pin = "4071".parse().unwrap();
        assert!(!format!("{pin:?}").contains("40"));
        for (digits, obvious) in [
            ("0000", true),
            ("1234", true),
            ("8765", true),
            ("1235", false),
            ("9012", false),
            ("4071", false),
        ] {
            assert_eq!(
                digits.parse::<Pin>().unwrap().is_obvious(),
                obvious,
                "{digits}"
            );
        }
    }

    #[test]
    fn after_three_wrong_tries_the_right_one_is_refused_too() {
        let mut pin = PinCheck::new([7; 16]);
        assert_eq!(pin.try_with(&[1; 16]), Tried::Wrong);
        assert_eq!(pin.try_with(&[1; 16]), Tried::Wrong);
        assert_eq!(pin.try_with(&[7; 16]), Tried::Right);
        assert_eq!(pin.tries_left(), 3);
        for _ in 0..3 {
            assert_eq!(pin.try_with(&[1; 16]), Tried::Wrong);
        }
        assert_eq!(pin.try_with(&[7; 16]), Tried::Blocked);
        assert!(pin.is_blocked());
    }
}
