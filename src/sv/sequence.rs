//! Sequence numbers of a purse: they rise before use, and a restore from backup can't repeat one.
//!
//! ```text
//! │ 1 bit 0 │ 15 bits: epoch │ 48 bits: counter │
//! ```
//! A restored purse may have forgotten payments. It goes on in a new epoch, above every number it
//! ever used, and no longer testifies about payments of an older one.

use std::fmt;

/// A purse's number for one payment. PRG-126 leaves the upper bound open; here it is the end of
/// the epoch, which a purse that pays 1,000 times a second meets after 8,900 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceNo(u64);

impl SequenceNo {
    /// The first number of `epoch`; the top bit of `epoch` is not used, so that every number fits
    /// an i64 of the store.
    #[must_use]
    pub fn first(epoch: u16) -> Self {
        Self((u64::from(epoch & EPOCH_MAX) << COUNTER_BITS) | 1)
    }

    /// The epoch that this number belongs to.
    #[must_use]
    pub const fn epoch(self) -> u64 {
        self.0 >> COUNTER_BITS
    }

    /// The number after this one, or `None` at the end of the epoch.
    #[must_use]
    pub fn following(self) -> Option<Self> {
        self.0
            .checked_add(1)
            .map(Self)
            .filter(|next| next.epoch() == self.epoch())
    }

    /// The number as the store keeps it.
    #[must_use]
    pub const fn number(self) -> i64 {
        i64::from_be_bytes(self.0.to_be_bytes())
    }

    /// The number as it is written on the wire.
    pub(super) const fn octets(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl TryFrom<i64> for SequenceNo {
    type Error = std::num::TryFromIntError;
    fn try_from(number: i64) -> Result<Self, Self::Error> {
        u64::try_from(number).map(Self)
    }
}

impl fmt::Display for SequenceNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const COUNTER_BITS: u32 = 48;
const EPOCH_MAX: u16 = 0x7FFF;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_to_the_end_of_their_epoch_and_a_later_epoch_is_above_them_all() {
        let first = SequenceNo::first(3);
        assert_eq!(first.following().unwrap().number(), first.number() + 1);
        let last = SequenceNo::try_from((4 << 48) - 1).unwrap();
        assert_eq!((last.epoch(), last.following()), (3, None));
        assert!(SequenceNo::first(4) > last);
    }

    #[test]
    fn every_number_fits_the_store() {
        let last = SequenceNo::try_from(i64::MAX).unwrap();
        assert_eq!((last.number(), last.following()), (i64::MAX, None));
        assert!(SequenceNo::try_from(-1).is_err());
        assert_eq!(SequenceNo::first(u16::MAX).epoch(), 0x7FFF);
    }
}
