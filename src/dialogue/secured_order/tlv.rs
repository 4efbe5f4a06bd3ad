//! Tag, length, value: one octet, one octet, up to 95 octets.
//!
//! ```text
//! │ 01 version │ C nnnnnnn │ length 00..5F │ value │ C nnnnnnn │ length │ value │ …
//!               └ 1: who does not know this number must refuse the whole
//! ```
//! The critical bit and the number are those of a COMPREHENSION-TLV (ETSI TS 101 220 §7.1.1). The
//! order of the elements is free; an element comes at most once.

use crate::domain::{
    money::{Currency, MinorUnits},
    pon::Pon,
};

/// What is in a packet, by number. The tables are in [`secured_order`](super), `secured_reply` and
/// `card_command`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// 01: what is asked for.
    Verb,
    /// 02: the terminal.
    ShortCode,
    /// 03: the item.
    Item,
    /// 04: how many units.
    Quantity,
    /// 05: an amount in the smallest unit.
    Amount,
    /// 06: the currency of the amount.
    Currency,
    /// 07: whether the amount was shown, or is the most that is allowed.
    AmountKind,
    /// 08: a payment order.
    Pon,
    /// 09: the order's reference.
    Reference,
    /// 11: how the order ended.
    Outcome,
    /// 12: the purchase.
    Purchase,
    /// 13: what to show.
    Text,
    /// 21: which command to the card.
    Command,
    /// 22: the version of new keys.
    KeyVersion,
    /// 23: their `KIc` and KID octet.
    KeyOctets,
    /// 24: new keys.
    Keys,
    /// 25: the check values of new keys.
    CheckValues,
    /// 26: a PIN of the card.
    Pin,
    /// 27: a language of the card.
    Language,
    /// 28: the number of a text of the card.
    TextNumber,
    /// 29: where orders go.
    Service,
}

impl Element {
    const ALL: [(Self, u8); 21] = [
        (Self::Verb, 0x01),
        (Self::ShortCode, 0x02),
        (Self::Item, 0x03),
        (Self::Quantity, 0x04),
        (Self::Amount, 0x05),
        (Self::Currency, 0x06),
        (Self::AmountKind, 0x07),
        (Self::Pon, 0x08),
        (Self::Reference, 0x09),
        (Self::Outcome, 0x11),
        (Self::Purchase, 0x12),
        (Self::Text, 0x13),
        (Self::Command, 0x21),
        (Self::KeyVersion, 0x22),
        (Self::KeyOctets, 0x23),
        (Self::Keys, 0x24),
        (Self::CheckValues, 0x25),
        (Self::Pin, 0x26),
        (Self::Language, 0x27),
        (Self::TextNumber, 0x28),
        (Self::Service, 0x29),
    ];

    fn number(self) -> u8 {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == self)
            .map_or(0, |(_, number)| *number)
    }
}

/// Why octets are no order, or no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlvError {
    /// More than one message carries.
    #[error("more than 98 octets")]
    TooLong,
    /// Nothing, or a version other than 01.
    #[error("not version 01")]
    Version,
    /// An element ends after the packet does.
    #[error("an element is cut off")]
    Truncated,
    /// An element comes twice.
    #[error("{0:?} comes twice")]
    Duplicate(Element),
    /// An element with the critical bit that is not known here.
    #[error("unknown critical tag {0:#04x}")]
    UnknownCritical(u8),
    /// An element that this verb needs is not there.
    #[error("{0:?} is missing")]
    Missing(Element),
    /// An element that this verb has no use for.
    #[error("{0:?} does not belong here")]
    Unwanted(Element),
    /// An element of a length that it cannot have.
    #[error("{0:?} has a wrong length")]
    Length(Element),
    /// An element with a value that it cannot have.
    #[error("{0:?} has a wrong value")]
    Value(Element),
}

impl TlvError {
    /// The name of this error in `tests/vectors/orders.json`.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Version => "version",
            Self::Truncated => "truncated",
            Self::Duplicate(_) => "duplicate",
            Self::UnknownCritical(_) => "unknown_critical",
            Self::Missing(_) => "missing",
            Self::Unwanted(_) => "unwanted",
            Self::Length(_) => "length",
            Self::Value(_) => "value",
        }
    }
}

/// The elements of one packet, split but not yet read.
#[derive(Debug)]
pub(in crate::dialogue) struct Elements<'a>(Vec<(Element, &'a [u8])>);

impl<'a> Elements<'a> {
    /// Splits a packet whose elements may be `known`; others are skipped, or refused if critical.
    pub(in crate::dialogue) fn split(
        octets: &'a [u8],
        known: &[Element],
    ) -> Result<Self, TlvError> {
        if octets.len() > OCTETS_MAX {
            return Err(TlvError::TooLong);
        }
        let Some((&VERSION, mut rest)) = octets.split_first() else {
            return Err(TlvError::Version);
        };
        let mut found: Vec<(Element, &[u8])> = Vec::new();
        while let Some((tag, after)) = rest.split_first() {
            let (length, after) = after.split_first().ok_or(TlvError::Truncated)?;
            let (value, after) = after
                .split_at_checked(usize::from(*length))
                .ok_or(TlvError::Truncated)?;
            rest = after;
            let number = tag & !CRITICAL;
            match known.iter().find(|element| element.number() == number) {
                Some(element) if found.iter().any(|(seen, _)| seen == element) => {
                    return Err(TlvError::Duplicate(*element));
                }
                Some(element) => found.push((*element, value)),
                None if *tag != number => return Err(TlvError::UnknownCritical(*tag)),
                None => {}
            }
        }
        Ok(Self(found))
    }

    /// The value of `element`, when it is there.
    pub(in crate::dialogue) fn optional(&self, element: Element) -> Option<&'a [u8]> {
        self.0
            .iter()
            .find(|(found, _)| *found == element)
            .map(|(_, value)| *value)
    }

    /// The value of `element`, which must be there.
    pub(in crate::dialogue) fn value(&self, element: Element) -> Result<&'a [u8], TlvError> {
        self.optional(element).ok_or(TlvError::Missing(element))
    }

    /// The value of `element`, which must be there and have `N` octets.
    pub(in crate::dialogue) fn array<const N: usize>(
        &self,
        element: Element,
    ) -> Result<[u8; N], TlvError> {
        self.value(element)?
            .try_into()
            .map_err(|_| TlvError::Length(element))
    }

    /// Refuses any of `elements`.
    pub(in crate::dialogue) fn without(&self, elements: &[Element]) -> Result<(), TlvError> {
        let unwanted = elements
            .iter()
            .find(|element| self.optional(**element).is_some());
        unwanted.map_or(Ok(()), |element| Err(TlvError::Unwanted(*element)))
    }

    /// An amount, 1 to 8 octets, the highest first; leading zeros are allowed.
    pub(in crate::dialogue) fn amount(&self) -> Result<MinorUnits, TlvError> {
        let octets = self.value(Element::Amount)?;
        if !(1..=AMOUNT_OCTETS_MAX).contains(&octets.len()) {
            return Err(TlvError::Length(Element::Amount));
        }
        let minor = octets
            .iter()
            .fold(0_u64, |high, octet| (high << 8) | u64::from(*octet));
        let minor = i64::try_from(minor).map_err(|_| TlvError::Value(Element::Amount))?;
        MinorUnits::try_from(minor).map_err(|_| TlvError::Value(Element::Amount))
    }

    /// A currency by its number in ISO 4217, as four decimal digits.
    pub(in crate::dialogue) fn currency(&self) -> Result<Currency, TlvError> {
        let digits = from_bcd(Element::Currency, &self.array::<2>(Element::Currency)?)?;
        let number = u16::try_from(digits).ok().and_then(Currency::by_number);
        number.ok_or(TlvError::Value(Element::Currency))
    }
}

/// Writes a packet, element by element, in their one order and their shortest form.
#[derive(Debug)]
pub(in crate::dialogue) struct Packet(Vec<u8>);

impl Packet {
    pub(in crate::dialogue) fn new() -> Self {
        Self(vec![VERSION])
    }

    /// One that never has to be moved as it grows: there may be keys in it.
    pub(in crate::dialogue) fn with_room() -> Self {
        let mut octets = Vec::with_capacity(usize::from(u8::MAX).saturating_mul(2));
        octets.push(VERSION);
        Self(octets)
    }

    /// An element that must be understood.
    pub(in crate::dialogue) fn critical(self, element: Element, value: &[u8]) -> Self {
        self.push(element.number() | CRITICAL, value)
    }

    /// An element that may be skipped.
    pub(in crate::dialogue) fn skippable(self, element: Element, value: &[u8]) -> Self {
        self.push(element.number(), value)
    }

    pub(in crate::dialogue) fn amount(self, amount: MinorUnits, currency: Currency) -> Self {
        let octets = amount.minor().to_be_bytes();
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        let shortest = octets.get(zeros..).filter(|octets| !octets.is_empty());
        self.critical(Element::Amount, shortest.unwrap_or(&[0]))
            .critical(
                Element::Currency,
                &to_bcd::<2>(u32::from(currency.number())),
            )
    }

    /// How many octets a value may have so that the packet stays within one message.
    pub(in crate::dialogue) fn room(&self) -> usize {
        OCTETS_MAX.saturating_sub(self.0.len()).saturating_sub(2)
    }

    pub(in crate::dialogue) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn push(mut self, tag: u8, value: &[u8]) -> Self {
        // Every value is bounded far below 255 by its type, or by `room`.
        let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
        self.0.extend([tag, length]);
        self.0.extend(value.iter().take(usize::from(length)));
        self
    }
}

/// `number` as decimal digits, two in an octet, zeros in front: 4711 in three octets is `00 47 11`.
pub(in crate::dialogue) fn to_bcd<const N: usize>(number: u32) -> [u8; N] {
    let mut octets = [0; N];
    let mut left = number;
    for octet in octets.iter_mut().rev() {
        let pair = u8::try_from(left % 100).unwrap_or_default();
        *octet = ((pair / 10) << 4) | (pair % 10);
        left /= 100;
    }
    octets
}

/// The number that decimal digits stand for; up to four octets.
pub(in crate::dialogue) fn from_bcd(element: Element, octets: &[u8]) -> Result<u32, TlvError> {
    let mut number = 0_u32;
    for octet in octets {
        let (high, low) = (octet >> 4, octet & 0x0F);
        if high > 9 || low > 9 {
            return Err(TlvError::Value(element));
        }
        let pair = u32::from(high)
            .saturating_mul(10)
            .saturating_add(u32::from(low));
        number = number.saturating_mul(100).saturating_add(pair);
    }
    Ok(number)
}

impl Elements<'_> {
    /// A payment order number as eight decimal digits.
    pub(in crate::dialogue) fn pon(&self) -> Result<Pon, TlvError> {
        let number = from_bcd(Element::Pon, &self.array::<4>(Element::Pon)?)?;
        Pon::try_from(number).map_err(|_| TlvError::Value(Element::Pon))
    }
}

/// What AES leaves of one message at the default level: 140 octets less the header `02 70 00`, the
/// command header and padding to a whole block.
pub(in crate::dialogue) const OCTETS_MAX: usize = 98;
const VERSION: u8 = 0x01;
const CRITICAL: u8 = 0x80;
const AMOUNT_OCTETS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimal_digits_are_read_as_written_and_nothing_else_is() {
        assert_eq!(to_bcd::<3>(4711), [0x00, 0x47, 0x11]);
        assert_eq!(to_bcd::<4>(83_920_171), [0x83, 0x92, 0x01, 0x71]);
        for bad in [[0x0A, 0], [0xF0, 0]] {
            assert_eq!(
                from_bcd(Element::Pon, &bad),
                Err(TlvError::Value(Element::Pon))
            );
        }
    }

    #[test]
    fn the_critical_bit_decides_what_becomes_of_an_unknown_element() {
        let split = |octets: &[u8]| Elements::split(octets, &[Element::Verb]).map(|e| e.0.len());
        assert_eq!(split(&[1, 0x81, 1, 1, 0x7F, 2, 0, 0]), Ok(1));
        assert_eq!(
            split(&[1, 0x81, 1, 1, 0xFF, 0]),
            Err(TlvError::UnknownCritical(0xFF))
        );
        assert_eq!(
            split(&[1, 0x81, 1, 1, 0x01, 1, 1]),
            Err(TlvError::Duplicate(Element::Verb))
        );
        assert_eq!(split(&[1, 0x81]), Err(TlvError::Truncated));
        assert_eq!(split(&[]), Err(TlvError::Version));
    }

    proptest! {
        #[test]
        fn digits_survive(number in 0_u32..100_000_000) {
            prop_assert_eq!(from_bcd(Element::Pon, &to_bcd::<4>(number)), Ok(number));
        }
    }
}
