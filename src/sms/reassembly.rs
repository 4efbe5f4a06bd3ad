//! Joins the parts of a concatenated message: 3GPP TS 23.040 clause 9.2.3.24.1.
//!
//! ```text
//! PartKey ──► PartSet { number ─► Part }    any order; waiting ──last part──► finished, until it
//!                                           expires: late copies are known and not joined again
//! ```
//! Nothing here is authenticated, so a set is bounded in parts, octets and time, and what came
//! first stays: a later part that differs cannot push it out. The caller stores each part that
//! was taken as a row (number, octets) before it answers the SMSC, and drops sets that expired.

mod part;

pub use part::Part;

use std::collections::BTreeMap;

use super::Message;
use super::coding::Alphabet;
use super::concatenation::Concatenation;
use crate::domain::{Millis, msisdn::Msisdn};

/// Which message a part belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartKey {
    /// Who sent it, as the SMSC says.
    pub sender: Msisdn,
    /// Whether that SMSC checked the sender: parts that anybody could have written are never joined
    /// with others, and take no other's place.
    pub trusted: bool,
    /// The short code that it was sent to.
    pub destination: String,
    /// What the sender calls the message.
    pub reference: u16,
    /// How many parts it has.
    pub total: u8,
    /// Whether the reference has 16 bits.
    pub wide: bool,
}

impl PartKey {
    /// The key of the message that `concatenation` numbers a part of.
    #[must_use]
    pub const fn new(
        sender: Msisdn,
        trusted: bool,
        destination: String,
        concatenation: Concatenation,
    ) -> Self {
        Self {
            sender,
            trusted,
            destination,
            reference: concatenation.reference(),
            total: concatenation.total(),
            wide: concatenation.is_wide(),
        }
    }
}

/// The parts of one message that have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSet {
    total: u8,
    expires_at: Millis,
    finished: bool,
    parts: BTreeMap<u8, Part>,
}

impl PartSet {
    /// An empty set for a message of `total` parts, which is over at `expires_at` whether it was
    /// finished or not.
    ///
    /// # Errors
    ///
    /// [`TooManyParts`] above [`MAX_PARTS`]: no order is that long.
    pub const fn open(total: u8, expires_at: Millis) -> Result<Self, TooManyParts> {
        if total > MAX_PARTS {
            return Err(TooManyParts { total });
        }
        Ok(Self {
            total,
            expires_at,
            finished: false,
            parts: BTreeMap::new(),
        })
    }

    /// The set again as it was stored. A finished one may come without its parts; it then knows
    /// late copies by their key only.
    ///
    /// # Errors
    ///
    /// [`TooManyParts`] as in [`Self::open`].
    pub fn restore(
        total: u8,
        expires_at: Millis,
        finished: bool,
        parts: impl IntoIterator<Item = Part>,
    ) -> Result<Self, TooManyParts> {
        let empty = Self::open(total, expires_at)?;
        let parts = parts
            .into_iter()
            .map(|part| (part.number(), part))
            .collect();
        Ok(Self {
            finished,
            parts,
            ..empty
        })
    }

    /// Takes one part. A part that comes twice changes nothing the second time; a set that is
    /// finished or expired never changes.
    pub fn add(&mut self, part: Part, now: Millis) -> Added {
        if self.is_expired(now) {
            return Added::Expired;
        }
        if part.number() > self.total || part.octets() > MAX_PART_OCTETS {
            return Added::OutOfBounds;
        }
        match self.parts.get(&part.number()) {
            Some(first) if *first != part => return Added::Conflict,
            _ if self.finished => return Added::Finished,
            Some(_) => return Added::Duplicate,
            None => {}
        }
        self.parts.insert(part.number(), part);
        if self.parts.len() < usize::from(self.total) {
            return Added::Waiting;
        }
        self.finished = true;
        Added::Complete(self.joined())
    }

    /// Whether the set is over, so that its key is free for another message.
    #[must_use]
    pub fn is_expired(&self, now: Millis) -> bool {
        now >= self.expires_at
    }

    /// When the set is over.
    #[must_use]
    pub const fn expires_at(&self) -> Millis {
        self.expires_at
    }

    /// Whether every part has come; what is left is a tombstone.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// The parts that have come, by number.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.values()
    }

    /// The parts in order under the header of the first: a secured packet is named there only.
    ///
    /// Parts of one alphabet are joined as octets, since a phone may cut a character in two.
    /// Text parts that differ in alphabet or tables are each read, and joined as UCS2.
    fn joined(&self) -> Message {
        let messages = || self.parts.values().map(Part::message);
        let header = messages()
            .next()
            .map(|first| first.header.clone())
            .unwrap_or_default();
        let alphabet = messages()
            .next()
            .map_or(Alphabet::EightBit, |first| first.alphabet);
        let alike = messages().all(|m| {
            m.alphabet == alphabet
                && (alphabet != Alphabet::Gsm7 || m.header.tables() == header.tables())
        });
        let texts: Option<String> = if alike {
            None
        } else {
            messages().map(Message::text).collect()
        };
        if let Some(text) = texts {
            let body = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            return Message {
                header,
                alphabet: Alphabet::Ucs2,
                body,
            };
        }
        let body = messages().flat_map(|m| m.body.iter().copied()).collect();
        Message {
            header,
            alphabet,
            body,
        }
    }
}

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// Taken; others are missing.
    Waiting,
    /// Had come before, the same octets.
    Duplicate,
    /// Another one with its number came before; that one stays.
    Conflict,
    /// Taken, and it was the last: the whole message.
    Complete(Message),
    /// The message was joined before: a late copy of one of its parts.
    Finished,
    /// The set is over: the caller opens another in its place.
    Expired,
    /// A number above the set's total, or more than [`MAX_PART_OCTETS`].
    OutOfBounds,
}

/// A message of more parts than the gateway keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {total} parts is longer than any order")]
pub struct TooManyParts {
    /// How many it says it has.
    pub total: u8,
}

/// An order takes one or two parts; a long secured packet, three. More is somebody filling tables.
pub const MAX_PARTS: u8 = 16;

/// Sets that one sender may have at a time, finished ones included until they expire: nobody types so
/// many long orders in some minutes, and a forger who claims the sender fills no more than this.
pub const SETS_PER_SENDER_MAX: usize = 64;

/// What SMPP's `short_message` can hold. A part in `message_payload` is no longer on the air.
pub const MAX_PART_OCTETS: usize = 255;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sms::user_data::{Element, Header};

    fn part(total: u8, number: u8, alphabet: Alphabet, header: Vec<Element>, body: &[u8]) -> Part {
        let concatenation = Concatenation::new(7, total, number, false).unwrap();
        let elements = [vec![concatenation.to_element()], header].concat();
        let header = Header::new(elements).unwrap();
        Part::new(
            Message {
                header,
                alphabet,
                body: body.to_vec(),
            },
            concatenation,
        )
    }

    fn text_part(total: u8, number: u8, text: &str) -> Part {
        part(total, number, Alphabet::Ascii, Vec::new(), text.as_bytes())
    }

    fn open(total: u8) -> PartSet {
        PartSet::open(total, LATER).unwrap()
    }

    const NOW: Millis = Millis(1_000);
    const LATER: Millis = Millis(2_000);

    #[test]
    fn parts_in_any_order_are_one_message() {
        let mut set = open(3);
        assert_eq!(set.add(text_part(3, 3, "12"), NOW), Added::Waiting);
        assert_eq!(set.add(text_part(3, 1, "BUY "), NOW), Added::Waiting);
        let Added::Complete(message) = set.add(text_part(3, 2, "4711 "), NOW) else {
            panic!()
        };
        assert_eq!(message.text().unwrap(), "BUY 4711 12");
        assert!(set.is_finished() && message.header.is_empty());
    }

    #[test]
    fn a_message_of_one_part_is_complete_at_once() {
        assert!(matches!(
            open(1).add(text_part(1, 1, "BAL"), NOW),
            Added::Complete(_)
        ));
    }

    #[test]
    fn a_copy_changes_nothing_and_a_contradiction_is_refused() {
        let mut set = open(2);
        set.add(text_part(2, 1, "BUY "), NOW);
        let before = set.clone();
        assert_eq!(set.add(text_part(2, 1, "BUY "), NOW), Added::Duplicate);
        assert_eq!(set.add(text_part(2, 1, "PAY "), NOW), Added::Conflict);
        let other = part(2, 1, Alphabet::Latin1, Vec::new(), b"BUY ");
        assert_eq!(set.add(other, NOW), Added::Conflict);
        assert_eq!(set, before);
    }

    #[test]
    fn a_finished_set_is_a_tombstone_until_it_expires() {
        let mut set = open(2);
        set.add(text_part(2, 1, "a"), NOW);
        set.add(text_part(2, 2, "b"), NOW);
        assert_eq!(set.add(text_part(2, 2, "b"), NOW), Added::Finished);
        assert_eq!(set.add(text_part(2, 2, "c"), NOW), Added::Conflict);
        assert_eq!(set.add(text_part(2, 2, "b"), LATER), Added::Expired);
        let mut bare = PartSet::restore(2, LATER, true, []).unwrap();
        assert_eq!(bare.add(text_part(2, 1, "x"), NOW), Added::Finished);
    }

    #[test]
    fn a_set_is_bounded() {
        assert_eq!(PartSet::open(17, LATER), Err(TooManyParts { total: 17 }));
        let mut set = open(2);
        assert_eq!(set.add(text_part(3, 3, "x"), NOW), Added::OutOfBounds);
        assert_eq!(
            set.add(text_part(2, 1, &"x".repeat(256)), NOW),
            Added::OutOfBounds
        );
        assert_eq!(
            set.add(text_part(2, 1, &"x".repeat(255)), NOW),
            Added::Waiting
        );
    }

    #[test]
    fn the_joined_packet_keeps_the_first_header_without_its_number() {
        let packet = vec![Element {
            id: 0x70,
            data: Vec::new(),
        }];
        let mut set = open(2);
        set.add(part(2, 2, Alphabet::EightBit, Vec::new(), &[3, 4]), NOW);
        let first = part(2, 1, Alphabet::EightBit, packet, &[1, 2]);
        let Added::Complete(message) = set.add(first, NOW) else {
            panic!()
        };
        assert_eq!(message.header.to_octets(), [0x02, 0x70, 0x00]);
        assert_eq!(message.body, [1, 2, 3, 4]);
    }

    #[test]
    fn a_pair_cut_in_two_by_the_phone_is_one_character_again() {
        let mut set = open(2);
        set.add(part(2, 1, Alphabet::Ucs2, Vec::new(), &[0xD8, 0x3D]), NOW);
        let last = part(2, 2, Alphabet::Ucs2, Vec::new(), &[0xDE, 0x00]);
        let Added::Complete(message) = set.add(last, NOW) else {
            panic!()
        };
        assert_eq!(message.text().unwrap(), "\u{1F600}");
    }

    #[test]
    fn parts_of_several_alphabets_are_read_each_in_its_own() {
        let mut set = open(2);
        set.add(part(2, 1, Alphabet::Gsm7, Vec::new(), &[0x04]), NOW);
        let last = part(2, 2, Alphabet::Ucs2, Vec::new(), &[0x04, 0x16]);
        let Added::Complete(message) = set.add(last, NOW) else {
            panic!()
        };
        assert_eq!(message.text().unwrap(), "èЖ");
    }

    #[test]
    fn parts_of_several_tables_are_read_each_with_its_own() {
        let turkish = vec![Element {
            id: 0x25,
            data: vec![1],
        }];
        let mut set = open(2);
        set.add(part(2, 1, Alphabet::Gsm7, Vec::new(), &[0x04]), NOW);
        let last = part(2, 2, Alphabet::Gsm7, turkish, &[0x04]);
        let Added::Complete(message) = set.add(last, NOW) else {
            panic!()
        };
        assert_eq!(message.text().unwrap(), "è€");
    }

    proptest! {
        #[test]
        fn a_set_survives_its_rows(
            bodies in proptest::collection::vec("[a-z]{1,9}", 1..16), kept in 0usize..16,
        ) {
            let total = u8::try_from(bodies.len()).unwrap();
            let mut set = open(total);
            for (number, body) in (1..).zip(&bodies).take(kept.min(bodies.len() - 1)) {
                set.add(text_part(total, number, body), NOW);
            }
            let rows: Vec<(u8, Vec<u8>)> = set.parts().map(|p| (p.number(), p.to_row())).collect();
            let parts = rows.iter().map(|(number, row)| Part::from_row(*number, row).unwrap());
            prop_assert_eq!(PartSet::restore(total, LATER, false, parts), Ok(set));
        }
    }
}
