//! Canonical octets: one way to write each value, and nothing else is read.
//!
//! Integers are big-endian and of fixed width; an id is its length (1 octet, 1 to 32) and its
//! ASCII; an optional value is `00`, or `01` and the value. Every MAC is over octets written so.

use std::str::FromStr;

use crate::sv::mac::Mac;

/// Writes an id: its length, then its ASCII. Ids have at most 32 octets by their type.
pub(super) fn put_id(out: &mut Vec<u8>, id: &str) {
    let [.., length] = id.len().to_be_bytes();
    out.push(length);
    out.extend_from_slice(id.as_bytes());
}

/// Reads canonical octets from the front; every verb refuses what its writer never writes.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `octets` as a `what`, the word that an error says.
    pub(super) const fn new(octets: &'a [u8], what: &'static str) -> Self {
        Self { rest: octets, what }
    }

    /// The error that says what these octets are not.
    pub(super) const fn bad(&self) -> BadOctets {
        BadOctets { what: self.what }
    }

    /// The next `N` octets.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], BadOctets> {
        let (first, rest) = self.rest.split_first_chunk::<N>().ok_or(self.bad())?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next octet.
    pub(super) fn octet(&mut self) -> Result<u8, BadOctets> {
        self.take::<1>().map(|[octet]| octet)
    }

    /// An id of 1 to 32 characters of its alphabet.
    pub(super) fn id<T: FromStr>(&mut self) -> Result<T, BadOctets> {
        let length = usize::from(self.octet()?);
        let (text, rest) = self.rest.split_at_checked(length).ok_or(self.bad())?;
        self.rest = rest;
        let text = std::str::from_utf8(text).map_err(|_| self.bad())?;
        text.parse().map_err(|_| self.bad())
    }

    /// An optional value of `N` octets.
    pub(super) fn option<const N: usize>(&mut self) -> Result<Option<[u8; N]>, BadOctets> {
        match self.octet()? {
            0 => Ok(None),
            1 => self.take().map(Some),
            _ => Err(self.bad()),
        }
    }

    /// A MAC: 16 octets.
    pub(super) fn mac(&mut self) -> Result<Mac, BadOctets> {
        self.take().map(Mac::from)
    }

    /// Whether everything was read.
    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses octets that are left over.
    pub(super) const fn end(self) -> Result<(), BadOctets> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.bad())
        }
    }
}

/// Octets that no writer of this module makes: short, long, or with a field out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("octets are not the canonical form of a {what}")]
pub struct BadOctets {
    what: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::PurseId;

    #[test]
    fn what_is_written_is_read_and_nothing_may_be_left_over() {
        let mut octets = Vec::new();
        put_id(&mut octets, "lane-1");
        octets.extend_from_slice(&[1, 0, 0, 0, 9, 0]);
        let mut reader = Reader::new(&octets, "test");
        assert_eq!(reader.id::<PurseId>().unwrap().as_str(), "lane-1");
        assert_eq!(reader.option::<4>(), Ok(Some([0, 0, 0, 9])));
        assert!(Reader::new(reader.rest, "test").end().is_err());
        assert_eq!(reader.option::<4>(), Ok(None));
        assert!(reader.end().is_ok());
    }

    #[test]
    fn a_second_way_to_write_a_value_is_refused() {
        for octets in [&[2_u8, 0, 0][..], &[1, 0], &[]] {
            assert!(
                Reader::new(octets, "option").option::<2>().is_err(),
                "{octets:?}"
            );
        }
        for octets in [
            &[0_u8][..],
            &[3, b'a', b'b'],
            &[1, b' '],
            &[2, 0xC3, 0xBC],
            &[33; 34],
        ] {
            assert!(
                Reader::new(octets, "id").id::<PurseId>().is_err(),
                "{octets:?}"
            );
        }
    }
}
