//! One part of a concatenated message, and the row that it is stored as.
//!
//! ```text
//! │ alphabet, 1 octet │ UDHL │ elements without the part's number │ body │
//! ```

use crate::sms::Message;
use crate::sms::coding::Alphabet;
use crate::sms::concatenation::Concatenation;
use crate::sms::user_data::UserData;

/// One part, without the element that numbers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    number: u8,
    message: Message,
}

impl Part {
    /// `message` as the part that `concatenation` says it is.
    #[must_use]
    pub fn new(message: Message, concatenation: Concatenation) -> Self {
        let header = message.header.without_concatenation();
        Self {
            number: concatenation.number(),
            message: Message { header, ..message },
        }
    }

    /// Its number, from 1.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// The octets of its row: alphabet, header with its length, body.
    #[must_use]
    pub fn to_row(&self) -> Vec<u8> {
        let mut row = vec![alphabet_code(self.message.alphabet)];
        row.extend(self.message.header.to_octets_with_length());
        row.extend_from_slice(&self.message.body);
        row
    }

    /// The part of a row; `None` when [`Self::to_row`] did not make it.
    #[must_use]
    pub fn from_row(number: u8, row: &[u8]) -> Option<Self> {
        let (&code, user_data) = row.split_first()?;
        let alphabet = ALPHABETS.into_iter().find(|&a| alphabet_code(a) == code)?;
        let UserData { header, body } = UserData::parse(user_data, true).ok()?;
        Some(Self {
            number,
            message: Message {
                header,
                alphabet,
                body,
            },
        })
    }

    /// The message that this is a part of, as far as it goes.
    pub(super) const fn message(&self) -> &Message {
        &self.message
    }

    /// Header and body, the element that numbered the part not counted.
    pub(super) fn octets(&self) -> usize {
        let header = self.message.header.to_octets().len();
        header.saturating_add(self.message.body.len())
    }
}

/// The codes are stored: they never change.
const fn alphabet_code(alphabet: Alphabet) -> u8 {
    match alphabet {
        Alphabet::Gsm7 => 0,
        Alphabet::Ascii => 1,
        Alphabet::Latin1 => 2,
        Alphabet::Ucs2 => 3,
        Alphabet::EightBit => 4,
        Alphabet::Unreadable => 5,
    }
}

const ALPHABETS: [Alphabet; 6] = [
    Alphabet::Gsm7,
    Alphabet::Ascii,
    Alphabet::Latin1,
    Alphabet::Ucs2,
    Alphabet::EightBit,
    Alphabet::Unreadable,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sms::user_data::{Element, Header};

    #[test]
    fn a_part_keeps_every_element_but_its_number() {
        let header = UserData::parse(&[0x07, 0x00, 0x03, 7, 2, 1, 0x70, 0x00], true)
            .unwrap()
            .header;
        let concatenation = header.concatenation().unwrap();
        let message = Message {
            header,
            alphabet: Alphabet::EightBit,
            body: vec![0xCA],
        };
        let part = Part::new(message, concatenation);
        assert_eq!((part.number(), part.octets()), (1, 4));
        assert_eq!(part.to_row(), [4, 0x02, 0x70, 0x00, 0xCA]);
    }

    fn any_part() -> impl Strategy<Value = Part> {
        let elements = proptest::collection::vec((0x20u8..0x80, any::<[u8; 2]>()), 0..4);
        let body = proptest::collection::vec(any::<u8>(), 0..140);
        (elements, proptest::sample::select(ALPHABETS.to_vec()), body).prop_map(
            |(elements, alphabet, body)| {
                let elements = elements
                    .into_iter()
                    .map(|(id, data)| Element {
                        id,
                        data: data.to_vec(),
                    })
                    .collect();
                Part {
                    number: 1,
                    message: Message {
                        header: Header::new(elements).unwrap(),
                        alphabet,
                        body,
                    },
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_part_survives_its_row(part in any_part()) {
            prop_assert_eq!(Part::from_row(1, &part.to_row()), Some(part));
        }

        #[test]
        fn no_row_of_another_making_is_a_panic(number: u8, row: Vec<u8>) {
            if let Some(part) = Part::from_row(number, &row) {
                prop_assert_eq!(part.number(), number);
            }
        }
    }
}
