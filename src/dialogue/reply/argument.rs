//! What a reply fills into its text, how each is written, and the longest that each can be.
//!
//! Prices, numbers to type and references are never cut. Names are, when a message would not fit:
//! a merchant is known by half its name, a price is not known by half its digits.

use std::fmt;

use crate::{
    dialogue::{
        sms_command::{Command, StartCode},
        words::{Keyword, Word},
    },
    domain::{
        catalogue::{ItemCode, Quantity, ShortCode},
        ids::PurchaseId,
        money::{Currency, MinorUnits},
        pon::Pon,
    },
};

/// An amount with its currency: `2.50 EUR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// The amount.
    pub amount: MinorUnits,
    /// Its currency.
    pub currency: Currency,
}

/// The name of a merchant or an item, as the merchant's file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// A name for display: at most 40 characters, control characters as blanks.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        Self(name.trim().chars().take(NAME_MAX).map(plain).collect())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An hour and a minute on the subscriber's clock: `10:03`. The caller knows the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockTime {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

/// A number of hours, of attempts, of days: whatever the text says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub u16);

/// What a terminal has, in the order in which it is to be shown; what does not fit is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemList(pub Vec<ListedItem>);

/// One item of a list: `12 Coffee 2.50`. The currency is said once, by the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedItem {
    /// What to type.
    pub item: ItemCode,
    /// What it is.
    pub name: Name,
    /// What one unit costs, fee included.
    pub price: Price,
}

/// The six characters by which a subscriber tells customer care which purchase is meant.
///
/// They are no key: two purchases of one subscriber have the same with a chance of one in 10⁹. The
/// id is spread by Fibonacci hashing, since its own last bits hardly change from day to day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurchaseReference(pub PurchaseId);

/// An argument as the renderer sees it.
#[derive(Clone, Debug)]
pub(in crate::dialogue) enum Argument {
    /// Must be in every text, and is never cut.
    Must(String),
    /// May be left out of a text; never cut.
    May(String),
    /// May be cut, or written in plain letters.
    Name(String),
    /// `(code, name, price)`; entries may be dropped from the end.
    List(Vec<(String, String, String)>),
}

/// What can stand in a reply.
pub(in crate::dialogue) trait Shown {
    /// How it is written.
    fn argument(&self) -> Argument;
    /// The longest one there is, by which texts are measured.
    fn longest() -> Argument;
}

impl Shown for Price {
    fn argument(&self) -> Argument {
        Argument::Must(self.to_string())
    }

    /// Ten digits. A dearer purchase is still shown whole, if need be in two messages.
    fn longest() -> Argument {
        Argument::Must("9999999.999 KWD".to_owned())
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency.format(self.amount), self.currency)
    }
}

impl Shown for Name {
    fn argument(&self) -> Argument {
        Argument::Name(self.0.clone())
    }

    fn longest() -> Argument {
        Argument::Name("W".repeat(NAME_MAX))
    }
}

impl Shown for Word {
    fn argument(&self) -> Argument {
        Argument::Name(self.as_str().to_owned())
    }

    fn longest() -> Argument {
        Argument::Name("WWWWWWWWWW".to_owned())
    }
}

impl Shown for ItemList {
    fn argument(&self) -> Argument {
        let entry = |listed: &ListedItem| {
            let price = listed.price.currency.format(listed.price.amount);
            (listed.item.to_string(), listed.name.0.clone(), price)
        };
        Argument::List(self.0.iter().take(LIST_MAX).map(entry).collect())
    }

    fn longest() -> Argument {
        let entry = (
            "WWWWWWWW".to_owned(),
            "W".repeat(NAME_MAX),
            "9999999.999".to_owned(),
        );
        Argument::List(vec![entry; LIST_MAX])
    }
}

/// Arguments that are written as they display themselves.
macro_rules! shown_as_displayed {
    ($($kind:ty: $argument:ident, $longest:literal);+ $(;)?) => {$(
        impl Shown for $kind {
            fn argument(&self) -> Argument {
                Argument::$argument(self.to_string())
            }

            fn longest() -> Argument {
                Argument::$argument($longest.to_owned())
            }
        }
    )+};
}

shown_as_displayed! {
    // The longest order that can be repeated is an amount: fifteen digits, point and currency.
    Command: Must, "PAY 99999 999999999999.999 KWD AGAIN 9999";
    StartCode: Must, "9999";
    ShortCode: May, "99999";
    ItemCode: May, "WWWWWWWW";
    Quantity: May, "99";
    Pon: May, "99999999";
    Currency: May, "KWD";
    Keyword: May, "LIMIT";
    ClockTime: May, "23:59";
    Count: May, "65535";
    PurchaseReference: May, "WWWWWW";
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for PurchaseReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread = self.0.0.cast_unsigned().wrapping_mul(GOLDEN);
        [59, 54, 49, 44, 39, 34].into_iter().try_for_each(|shift| {
            let index = usize::try_from((spread >> shift) & 31).unwrap_or_default();
            write!(f, "{}", CROCKFORD.get(index).copied().unwrap_or('0'))
        })
    }
}

/// What a merchant's file may call its wares in full; longer names are cut when read.
const NAME_MAX: usize = 40;
/// More than fit one message in any language; bounds the work of a `LIST`.
const LIST_MAX: usize = 16;
/// 2⁶⁴ divided by the golden ratio, odd: the multiplier of Fibonacci hashing.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// Crockford's base 32: no I, L, O and U, so that nothing is misread on the telephone.
const CROCKFORD: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J',
    'K', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_of_neighbouring_purchases_differ_and_stay() {
        let shown = |id: i64| PurchaseReference(PurchaseId(id)).to_string();
        let base = 7_000_000_000_000_000_000;
        let references: BTreeSet<String> = (0..10_000).map(|n| shown(base + n * 4096)).collect();
        assert_eq!(references.len(), 10_000);
        assert_eq!(shown(1), "KRVQKE");
    }

    proptest! {
        #[test]
        fn no_price_up_to_ten_digits_is_longer_than_the_one_that_texts_are_measured_by(
            minor in 0_i64..=9_999_999_999,
        ) {
            let (Argument::Must(longest), amount) =
                (Price::longest(), MinorUnits::try_from(minor).unwrap())
            else {
                panic!("a price is always shown")
            };
            for currency in Currency::all() {
                let written = Price { amount, currency }.to_string();
                prop_assert!(written.len() <= longest.len());
            }
        }
    }
}
