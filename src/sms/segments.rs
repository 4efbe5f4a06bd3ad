//! Writes a text as the short messages that carry it: 3GPP TS 23.038 clause 6.1.2, TS 23.040
//! clause 9.2.3.24.1.
//!
//! ```text
//! default alphabet 160 septets │ national tables 155, 152 │ UCS2 70 units      in one message
//!                  153         │                 149, 146 │      67            in each of several
//! each of several: │ 05 00 03 reference total number │ text │
//! ```
//! The first of the three that can write the text is used; national tables only when the caller
//! knows that the phone has them, since another phone shows wrong characters.

mod script;

pub(super) use script::smsc_has;

use super::SmscAlphabet;
use super::coding::Alphabet;
use super::concatenation::Concatenation;
use super::gsm7::{Language, Tables};
use script::Script;

/// A text in the short messages that carry it, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentedText {
    /// [`Alphabet::Gsm7`] or [`Alphabet::Ucs2`].
    pub alphabet: Alphabet,
    /// The tables of 7-bit text.
    pub tables: Tables,
    /// The whole text in septets, or in UCS2 units of two octets; headers are not counted.
    pub units: usize,
    /// The messages, in order.
    pub segments: Vec<Segment>,
}

/// What one `submit_sm` needs to carry its share of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Whether a header leads the user data: bit 6 of `esm_class`.
    pub with_header: bool,
    /// `data_coding`: 0x00, or 0x08 for UCS2.
    pub data_coding: u8,
    /// `short_message`: header and text, as the SMSC carries text.
    pub user_data: Vec<u8>,
}

/// How a text may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRules {
    /// How the SMSC carries text in its default alphabet.
    pub smsc: SmscAlphabet,
    /// Whose national tables the phone is known to have.
    pub language: Option<Language>,
    /// What parts of one message have in common; the next message to the phone takes another.
    pub reference: u8,
    /// How many messages the text may take at most.
    pub max_segments: u8,
}

impl SegmentedText {
    /// Writes `text`. No character, escape pair or surrogate pair is ever cut in two.
    ///
    /// # Errors
    ///
    /// [`TextTooLong`] when it takes more than `rules.max_segments`.
    pub fn write(text: &str, rules: SegmentRules) -> Result<Self, TextTooLong> {
        let script = Script::choose(text, rules);
        let shares = script.split(text);
        let needed = shares.len();
        let total = u8::try_from(needed)
            .ok()
            .filter(|&total| total <= rules.max_segments);
        let total = total.ok_or(TextTooLong {
            needed,
            allowed: rules.max_segments,
        })?;
        let segments = (1..=total)
            .zip(shares)
            .map(|(number, share)| {
                let part = Concatenation::new(rules.reference.into(), total, number, false);
                script.segment(share, part.filter(|_| total > 1), rules.smsc)
            })
            .collect();
        let units = script.units_of(text).unwrap_or_default();
        Ok(Self {
            alphabet: script.alphabet(),
            tables: script.tables(),
            units,
            segments,
        })
    }

    /// Whether the text takes one message only.
    #[must_use]
    pub const fn fits_one(&self) -> bool {
        self.segments.len() == 1
    }
}

/// A text longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text takes {needed} messages, {allowed} are allowed")]
pub struct TextTooLong {
    /// How many messages it takes.
    pub needed: usize,
    /// How many it may take.
    pub allowed: u8,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Millis;
    use crate::sms::coding::DataCoding;
    use crate::sms::reassembly::{Added, Part, PartSet};
    use crate::sms::{Carriage, Message};

    const RULES: SegmentRules = SegmentRules {
        smsc: SmscAlphabet::Gsm7Unpacked,
        language: None,
        reference: 0xA5,
        max_segments: 16,
    };

    fn write(text: &str, rules: SegmentRules) -> SegmentedText {
        SegmentedText::write(text, rules).unwrap()
    }

    fn lengths(text: &str) -> Vec<usize> {
        write(text, RULES)
            .segments
            .iter()
            .map(|s| s.user_data.len())
            .collect()
    }

    #[test]
    fn a_message_holds_what_the_standard_says() {
        assert_eq!(lengths(""), [0]);
        assert_eq!(lengths(&"a".repeat(160)), [160]);
        assert_eq!(lengths(&"a".repeat(161)), [6 + 153, 6 + 8]);
        assert_eq!(lengths(&"€".repeat(80)), [160]);
        assert_eq!(lengths(&"Ж".repeat(70)), [140]);
        assert_eq!(lengths(&"Ж".repeat(71)), [6 + 134, 6 + 8]);
    }

    #[test]
    fn no_pair_is_cut_in_two() {
        let text = format!("{}€{}", "a".repeat(152), "b".repeat(10));
        assert_eq!(lengths(&text), [6 + 152, 6 + 12]);
        let text = format!("Ж{}\u{1F600}{}", "a".repeat(65), "b".repeat(10));
        assert_eq!(lengths(&text), [6 + 132, 6 + 24]);
    }

    #[test]
    fn parts_carry_reference_total_and_number() {
        let segments = write(&"a".repeat(161), RULES).segments;
        assert!(segments[0].with_header && segments[1].with_header);
        assert_eq!(segments[0].user_data[..6], [0x05, 0x00, 0x03, 0xA5, 2, 1]);
        assert_eq!(segments[1].user_data[..6], [0x05, 0x00, 0x03, 0xA5, 2, 2]);
    }

    #[test]
    fn national_tables_are_used_only_for_a_phone_that_has_them() {
        let spanish = SegmentRules {
            language: Some(Language::Spanish),
            ..RULES
        };
        let reply = write("Aquí", spanish);
        assert_eq!((reply.alphabet, reply.units), (Alphabet::Gsm7, 5));
        assert_eq!(reply.segments[0].user_data, b"\x03\x24\x01\x02Aqu\x1bi");
        assert_eq!(write("Aquí", RULES).alphabet, Alphabet::Ucs2);
        assert_eq!(write("Paid", spanish).tables, Tables::default());
        let latin1 = SegmentRules {
            smsc: SmscAlphabet::Latin1,
            ..spanish
        };
        assert_eq!(write("Aquí", latin1).alphabet, Alphabet::Ucs2);
    }

    #[test]
    fn the_shorter_of_a_languages_tables_is_used() {
        let turkish = SegmentRules {
            language: Some(Language::Turkish),
            ..RULES
        };
        assert_eq!(write("şş", turkish).tables.single, None);
        assert_eq!(
            write(&format!("è{}ş", "a".repeat(152)), turkish)
                .tables
                .locking,
            None
        );
        let hindi = SegmentRules {
            language: Some(Language::Hindi),
            ..RULES
        };
        let reply = write("भुगतान 25", hindi);
        assert_eq!(
            (reply.tables.locking, reply.units),
            (Some(Language::Hindi), 9)
        );
    }

    #[test]
    fn an_smsc_that_translates_gets_its_own_alphabet() {
        let latin1 = SegmentRules {
            smsc: SmscAlphabet::Latin1,
            ..RULES
        };
        assert_eq!(write("@é[", latin1).segments[0].user_data, b"@\xe9[");
        assert_eq!(write("5€", latin1).alphabet, Alphabet::Ucs2);
        let packed = SegmentRules {
            smsc: SmscAlphabet::Gsm7Packed,
            ..RULES
        };
        let hello = [0xE8, 0x32, 0x9B, 0xFD, 0x06];
        assert_eq!(write("hello", packed).segments[0].user_data, hello);
    }

    #[test]
    fn a_text_longer_than_allowed_is_refused() {
        let rules = SegmentRules {
            max_segments: 2,
            ..RULES
        };
        assert!(SegmentedText::write(&"a".repeat(306), rules).is_ok());
        let refused = SegmentedText::write(&"a".repeat(307), rules);
        assert_eq!(
            refused,
            Err(TextTooLong {
                needed: 3,
                allowed: 2
            })
        );
        let none = SegmentRules {
            max_segments: 0,
            ..RULES
        };
        assert_eq!(
            SegmentedText::write("", none),
            Err(TextTooLong {
                needed: 1,
                allowed: 0
            })
        );
    }

    fn read_again(reply: &SegmentedText, order: &[usize], smsc: SmscAlphabet) -> String {
        let total = u8::try_from(reply.segments.len()).unwrap();
        let mut set = PartSet::open(total, Millis(1)).unwrap();
        let mut joined = None;
        for &index in order {
            let segment = &reply.segments[index];
            let coding = DataCoding::from_smpp(segment.data_coding);
            let carriage = Carriage {
                coding,
                smsc,
                with_header: segment.with_header,
            };
            let message = Message::read(&segment.user_data, carriage).unwrap();
            let Some(part) = message.concatenation(None) else {
                return message.text().unwrap();
            };
            if let Added::Complete(message) = set.add(Part::new(message, part), Millis(0)) {
                joined = message.text();
            }
        }
        joined.unwrap()
    }

    proptest! {
        #[test]
        fn a_reply_reads_the_same_in_any_order(
            text in prop_oneof!["[a-zA-Z0-9 €{}]{1,900}", "[a-zığşçЖ\u{1F600}]{1,600}"],
            smsc in proptest::sample::select(vec![
                SmscAlphabet::Gsm7Unpacked, SmscAlphabet::Gsm7Packed,
                SmscAlphabet::Latin1, SmscAlphabet::Ascii,
            ]),
            language in proptest::option::of(proptest::sample::select(Language::ALL.to_vec())),
            order in Just((0..16).collect::<Vec<usize>>()).prop_shuffle(),
        ) {
            let reply = write(&text, SegmentRules { smsc, language, ..RULES });
            let count = reply.segments.len();
            let order: Vec<usize> = order.into_iter().filter(|&index| index < count).collect();
            prop_assert_eq!(read_again(&reply, &order, smsc), text);
        }
    }
}
