//! Texts between card and phone: ETSI TS 102 223 §8.15 and TS 102 221 Annex A.
//!
//! ```text
//! text string  │ DCS │ text │    00 septets, packed   04 septets, one an octet   08 UCS2
//! alpha        │ septets, one an octet │    │ 80 │ UCS2 │
//!              │ 81 │ n │ bits 15..8 of a base │ n octets │    │ 82 │ n │ base │ n octets │
//! ```
//! After 81 and 82 an octet below 80 is a septet, another one counts from the base.

use crate::sms::Message;
use crate::sms::coding::{Alphabet, DataCoding};
use crate::sms::gsm7::{self, Tables};
use crate::sms::user_data::Header;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Septets, packed: 00.
    Packed,
    /// Septets, one an octet: 04.
    Unpacked,
    /// 08.
    Ucs2,
}

impl Coding {
    const fn octet(self) -> u8 {
        match self {
            Self::Packed => 0x00,
            Self::Unpacked => 0x04,
            Self::Ucs2 => 0x08,
        }
    }
}

/// Reads a text string; none when it is in no coding that a phone can show.
pub(super) fn text_string(value: &[u8]) -> Option<String> {
    // No octet at all is no text: TS 102 223 §8.15.
    let Some((coding, octets)) = value.split_first() else {
        return Some(String::new());
    };
    match DataCoding::from_sms(*coding).alphabet {
        Alphabet::Gsm7 => Some(septets(&gsm7::unpack_sms(octets, 0))),
        Alphabet::EightBit => Some(septets(octets)),
        Alphabet::Ucs2 => ucs2(octets),
        Alphabet::Ascii | Alphabet::Latin1 | Alphabet::Unreadable => None,
    }
}

/// Writes a text string; none when the alphabet does not have every character.
pub(super) fn write_text_string(text: &str, coding: Coding) -> Option<Vec<u8>> {
    let octets = match coding {
        Coding::Packed => gsm7::pack(&gsm7::encode(text, Tables::default()).ok()?, 0),
        Coding::Unpacked => gsm7::encode(text, Tables::default()).ok()?,
        Coding::Ucs2 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    };
    Some([&[coding.octet()], octets.as_slice()].concat())
}

/// Reads an alpha identifier or the text of an item; none when its lengths do not fit.
pub(super) fn alpha(value: &[u8]) -> Option<String> {
    match value {
        [0x80, octets @ ..] => {
            let units = octets.chunks_exact(2);
            let used = units.take_while(|unit| *unit != [UNUSED, UNUSED]);
            ucs2(&used.flatten().copied().collect::<Vec<_>>())
        }
        [0x81, count, base, octets @ ..] => {
            from_base(u32::from(*base) << 7, octets.get(..usize::from(*count))?)
        }
        [0x82, count, high, low, octets @ ..] => {
            let base = u16::from_be_bytes([*high, *low]);
            from_base(base.into(), octets.get(..usize::from(*count))?)
        }
        [0x81 | 0x82, ..] => None,
        octets => {
            let end = octets.iter().position(|octet| *octet == UNUSED);
            Some(septets(octets.get(..end.unwrap_or(octets.len()))?))
        }
    }
}

/// Septets below 80, and characters of a half page of UCS2 from 80 on.
fn from_base(base: u32, octets: &[u8]) -> Option<String> {
    let mut text = String::new();
    for run in octets.chunk_by(|one, next| one & 0x80 == next & 0x80) {
        if run.first()? & 0x80 == 0 {
            text.push_str(&septets(run));
            continue;
        }
        for octet in run {
            let number = base.checked_add(u32::from(octet & 0x7F))?;
            text.push(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }
    Some(text)
}

fn septets(octets: &[u8]) -> String {
    let septets: Vec<u8> = octets.iter().map(|octet| octet & 0x7F).collect();
    gsm7::decode(&septets, Tables::default())
}

fn ucs2(octets: &[u8]) -> Option<String> {
    let message = Message {
        header: Header::default(),
        alphabet: Alphabet::Ucs2,
        body: octets.to_vec(),
    };
    message.text()
}

/// Fills an alpha identifier of a fixed length.
const UNUSED: u8 = 0xFF;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_string_is_read_in_each_coding() {
        let packed = [&[0x00][..], &gsm7::pack(b"PIN?", 0)].concat();
        assert_eq!(text_string(&packed).as_deref(), Some("PIN?"));
        assert_eq!(text_string(b"\x04PIN?").as_deref(), Some("PIN?"));
        let ucs2 = text_string(&[0x08, 0x06, 0x2F, 0x06, 0x41]);
        assert_eq!(ucs2.as_deref(), Some("دف"));
        assert_eq!(text_string(&[]).as_deref(), Some(""));
        // Compressed.
        assert_eq!(text_string(&[0x20, 1]), None);
    }

    #[test]
    fn what_is_written_is_read() {
        for coding in [Coding::Packed, Coding::Unpacked, Coding::Ucs2] {
            let written = write_text_string("12.50 €", coding).unwrap();
            assert_eq!(
                text_string(&written).as_deref(),
                Some("12.50 €"),
                "{coding:?}"
            );
        }
        assert_eq!(write_text_string("اشتر", Coding::Unpacked), None);
    }

    /// The examples of TS 102 221 Annex A for 81 and 82, and one in each other form.
    #[test]
    fn an_alpha_identifier_is_read_in_each_form() {
        let bengali = alpha(&[0x81, 0x05, 0x13, 0x53, 0x95, 0xA6, 0x2E, 0xFF, 0xFF]);
        assert_eq!(bengali.as_deref(), Some("S\u{995}\u{9A6}.\u{9FF}"));
        let armenian = alpha(&[0x82, 0x05, 0x05, 0x30, 0x2D, 0x82, 0xD3, 0x2D, 0x31]);
        assert_eq!(armenian.as_deref(), Some("-\u{532}\u{583}-1"));
        assert_eq!(alpha(b"Pay\xFF\xFF").as_deref(), Some("Pay"));
        assert_eq!(alpha(&[0x80, 0x06, 0x2F, 0xFF, 0xFF]).as_deref(), Some("د"));
        assert_eq!(alpha(&[0x81, 5, 0x33, 0x53]), None);
        assert_eq!(alpha(&[0x82]), None);
    }
}
