//! Delivery receipts: SMPP 3.4 §5.2.12, §5.3.2 and appendix B.
//!
//! ```text
//! id:0123456789 sub:001 dlvrd:001 submit date:2601311200
//!     done date:2601311201 stat:DELIVRD err:000 text:…
//! ```
//! The text is a habit, not a rule: case, spacing, order and fields differ by vendor, and dates may
//! be the letters `YYMMDDhhmm`. The TLVs 0x001E, 0x0427 and 0x0423 say the same and are believed first.
//! How ids are matched, `message_id` tells.

mod message_id;
mod message_state;

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag_no_case, take_while},
    character::complete::{char, space0},
    combinator::value,
};

pub use self::{
    message_id::{candidates, lookup_key},
    message_state::MessageState,
};
use super::pdu::{NetworkError, ShortMessage};

/// What a centre says became of a message that we sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The message's id by TLV.
    pub tlv_id: Option<String>,
    /// The message's id by text. There are centres where the two are written differently.
    pub text_id: Option<String>,
    /// Our own number for the message, which the centre gives back. Some centres name every message
    /// alike, so that receipts can be matched by this alone.
    pub user_message_reference: Option<u16>,
    /// What became of it; `None` when the centre says nothing that we know.
    pub state: Option<MessageState>,
    /// On its way still (3.4 §5.2.12, intermediate notification): another receipt will follow.
    pub intermediate: bool,
    /// `err`: the centre's own code, mostly three digits.
    pub error: Option<String>,
    /// Why the network did not deliver.
    pub network_error: Option<NetworkError>,
    /// `done date`: 10 or 12 digits (`YYMMDDhhmm`, with `ss` or without) in the centre's zone.
    pub done_date: Option<String>,
}

impl Receipt {
    /// Reads a receipt; `None` when the message is none.
    ///
    /// It is one by its `esm_class`, or by both TLVs. Never by its text alone: any subscriber can
    /// write `id:7 stat:DELIVRD`.
    #[must_use]
    pub fn read(message: &ShortMessage) -> Option<Self> {
        let kind = message.esm_class & MESSAGE_TYPE;
        let tlvs = &message.tlvs;
        let marked = kind == DELIVERY_RECEIPT || kind == INTERMEDIATE_NOTIFICATION;
        if !marked && (tlvs.receipted_message_id().is_none() || tlvs.message_state().is_none()) {
            return None;
        }
        let mut receipt = Self::read_text(&latin1(&message.payload().0));
        receipt.tlv_id = tlvs.receipted_message_id().map(|id| latin1(&id));
        receipt.user_message_reference = tlvs.user_message_reference();
        receipt.state = tlvs
            .message_state()
            .and_then(MessageState::by_number)
            .or(receipt.state);
        receipt.intermediate = kind == INTERMEDIATE_NOTIFICATION;
        receipt.network_error = tlvs.network_error_code();
        Some(receipt)
    }

    /// Whether the message arrived: `None` while another receipt may tell more.
    #[must_use]
    pub fn delivered(&self) -> Option<bool> {
        if self.intermediate {
            None
        } else {
            self.state.and_then(MessageState::delivered)
        }
    }

    /// The keys under which [`lookup_key`] may have filed the message, the most likely first.
    /// A short id can be another message's in the other base: compare the receipt's source with the
    /// message's destination too.
    #[must_use]
    pub fn candidates(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for id in [&self.tlv_id, &self.text_id].into_iter().flatten() {
            for key in candidates(id) {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        keys
    }

    fn read_text(text: &str) -> Self {
        let mut receipt = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let Ok((after, field)) = field(rest) else {
                // Not a field that we know: go on behind this word.
                rest = rest
                    .trim_start_matches(|c| !is_gap(c))
                    .trim_start_matches(is_gap);
                continue;
            };
            if field == Field::Text {
                // What the subscriber was sent could look like fields too.
                break;
            }
            let value;
            (rest, value) = word(after);
            let told = || (!value.is_empty()).then(|| value.to_owned());
            match field {
                Field::Id => receipt.text_id = receipt.text_id.or_else(told),
                Field::State => {
                    receipt.state = receipt.state.or_else(|| MessageState::by_name(value));
                }
                Field::Error => receipt.error = receipt.error.or_else(told),
                Field::DoneDate => receipt.done_date = told().filter(|date| is_date(date)),
                Field::Submitted | Field::Delivered | Field::SubmitDate | Field::Text => {}
            }
        }
        receipt
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    Submitted,
    Delivered,
    SubmitDate,
    DoneDate,
    State,
    Error,
    Text,
}

/// A field's name and its colon.
fn field(input: &str) -> IResult<&str, Field> {
    let name = alt((
        value(Field::Id, tag_no_case("id")),
        value(
            Field::SubmitDate,
            (tag_no_case("submit"), gap, tag_no_case("date")),
        ),
        value(Field::Submitted, tag_no_case("sub")),
        value(Field::Delivered, tag_no_case("dlvrd")),
        value(
            Field::DoneDate,
            (tag_no_case("done"), gap, tag_no_case("date")),
        ),
        value(Field::State, tag_no_case("stat")),
        value(Field::Error, tag_no_case("err")),
        value(Field::Text, tag_no_case("text")),
    ));
    let (rest, (field, _, _)) = (name, space0, char(':')).parse(input)?;
    Ok((rest, field))
}

/// A value and what follows it; empty when the next thing is a field already.
fn word(input: &str) -> (&str, &str) {
    let input = input.trim_start_matches(is_gap);
    if field(input).is_ok() {
        return (input, "");
    }
    let (value, rest) = input.split_at(input.find(is_gap).unwrap_or(input.len()));
    (rest.trim_start_matches(is_gap), value)
}

fn gap(input: &str) -> IResult<&str, &str> {
    take_while(|c| c == ' ' || c == '_').parse(input)
}

fn is_gap(c: char) -> bool {
    c.is_whitespace() || c == ',' || c == ';'
}

fn is_date(text: &str) -> bool {
    matches!(text.len(), 10 | 12) && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// One character per octet, whatever `data_coding` says: it is wrong in receipts often, and the
/// fields are ASCII in all codings but UCS2, where every other octet is 0.
fn latin1(octets: &[u8]) -> String {
    octets
        .iter()
        .filter(|octet| **octet != 0)
        .map(|octet| char::from(*octet))
        .collect()
}

/// Bits 5 to 2 of `esm_class` from a centre.
const MESSAGE_TYPE: u8 = 0x3C;
const DELIVERY_RECEIPT: u8 = 0x04;
const INTERMEDIATE_NOTIFICATION: u8 = 0x20;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::smpp::pdu::{Payload, Tag, Tlvs};

    fn receipt(text: &'static str) -> Receipt {
        let short_message = Payload(Bytes::from_static(text.as_bytes()));
        Receipt::read(&ShortMessage {
            esm_class: 0x04,
            short_message,
            ..Default::default()
        })
        .unwrap()
    }

    #[test]
    fn a_receipt_of_appendix_b_is_read() {
        let read = receipt(
            "id:0123456789 sub:001 dlvrd:001 submit date:2601311200 done date:2601311201 \
             stat:DELIVRD err:000 text:thanks",
        );
        assert_eq!(read.text_id.as_deref(), Some("0123456789"));
        assert_eq!(read.state, Some(MessageState::Delivered));
        assert_eq!(read.delivered(), Some(true));
        assert_eq!(read.error.as_deref(), Some("000"));
        assert_eq!(read.done_date.as_deref(), Some("2601311201"));
    }

    #[test]
    fn any_case_spacing_and_order_is_read() {
        for text in [
            "ID: AB12 Stat :UndeliV ERR:  11 Text:x",
            "stat:UNDELIVERABLE,err:11;id:AB12",
            "id:AB12  submit_date:  done_date:260131120100\r\nSTAT:5 err:11",
            "report for you: id:AB12 foo:bar stat:undelivered err:11 done date:junk",
            "id:AB12 submitdate:2026-01-31 12:00 donedate: 12:01 stat:UNDELIV err:11 text",
        ] {
            let read = receipt(text);
            assert_eq!(read.text_id.as_deref(), Some("AB12"), "{text}");
            assert_eq!(read.delivered(), Some(false), "{text}");
            assert_eq!(read.error.as_deref(), Some("11"), "{text}");
        }
    }

    #[test]
    fn missing_fields_and_literal_dates_do_no_harm() {
        let read = receipt(
            "id:00000001 sub:001 dlvrd:001 submit date:YYMMDDhhmm done date:YYMMDDhhmm \
             stat:DELIVRD err: text:",
        );
        assert_eq!((read.done_date, read.error), (None, None));
        assert_eq!(read.state, Some(MessageState::Delivered));
        assert_eq!(receipt(""), Receipt::default());
        assert_eq!(receipt("id:").text_id, None);
        assert_eq!(receipt("id:7 stat:PARKED").state, None);
    }

    #[test]
    fn what_the_subscriber_was_sent_is_not_taken_for_fields() {
        let read = receipt("id:7 stat:UNDELIV err:1 text:id:8 stat:DELIVRD");
        assert_eq!(read.candidates(), ["7"]);
        assert_eq!(read.delivered(), Some(false));
        assert_eq!(receipt("id:7 text:stat:DELIVRD").state, None);
        assert_eq!(
            receipt("id:7 id:8").candidates(),
            ["7"],
            "the first of two counts"
        );
    }

    #[test]
    fn a_subscriber_cannot_write_a_receipt() {
        let forged = Payload(Bytes::from_static(b"id:7 stat:DELIVRD err:000"));
        let message = ShortMessage {
            short_message: forged,
            ..Default::default()
        };
        assert_eq!(Receipt::read(&message), None);
        let with_header = ShortMessage {
            esm_class: 0x40,
            ..message.clone()
        };
        assert_eq!(Receipt::read(&with_header), None);
        let tlvs = Tlvs::new().with(Tag::MESSAGE_STATE, &[2][..]);
        assert_eq!(Receipt::read(&ShortMessage { tlvs, ..message }), None);
    }

    #[test]
    fn tlvs_are_believed_before_the_text_and_make_a_receipt_by_themselves() {
        let tlvs = Tlvs::new()
            .with(Tag::RECEIPTED_MESSAGE_ID, &b"1F\0"[..])
            .with(Tag::MESSAGE_STATE, &[8][..])
            .with(Tag::NETWORK_ERROR_CODE, &[3, 0, 27][..])
            .with(Tag::USER_MESSAGE_REFERENCE, &[0, 9][..]);
        let short_message = Payload(Bytes::from_static(b"id:31 stat:DELIVRD"));
        let message = ShortMessage {
            short_message,
            tlvs,
            ..Default::default()
        };
        let read = Receipt::read(&message).unwrap();
        assert_eq!(read.state, Some(MessageState::Rejected));
        assert_eq!(read.candidates(), ["1f", "31", "49"]);
        assert_eq!(read.user_message_reference, Some(9));
        assert_eq!(read.network_error.unwrap().code, 27);
    }

    #[test]
    fn an_intermediate_notification_settles_nothing() {
        let short_message = Payload(Bytes::from_static(b"id:7 stat:UNDELIV"));
        let message = ShortMessage {
            esm_class: 0x20,
            short_message,
            ..Default::default()
        };
        assert_eq!(Receipt::read(&message).unwrap().delivered(), None);
    }

    #[test]
    fn a_receipt_in_ucs2_is_read() {
        let octets: Vec<u8> = "id:7 stat:DELIVRD".bytes().flat_map(|o| [0, o]).collect();
        let short_message = Payload(octets.into());
        let message = ShortMessage {
            esm_class: 4,
            short_message,
            ..Default::default()
        };
        assert_eq!(Receipt::read(&message).unwrap().delivered(), Some(true));
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(octets: Vec<u8>, esm_class: u8) {
            let short_message = Payload(octets.into());
            let _ = Receipt::read(&ShortMessage { esm_class, short_message, ..Default::default() });
        }

        #[test]
        fn fields_among_noise_are_found(noise in "[a-z ]{0,20}", id in "[0-9A-F]{1,16}") {
            let read = Receipt::read_text(&format!("{noise} id:{id} {noise} stat:EXPIRED"));
            prop_assert_eq!(read.text_id, Some(id));
            prop_assert_eq!(read.state, Some(MessageState::Expired));
        }
    }
}
