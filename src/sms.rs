//! Text and user data of short messages and USSD strings: 3GPP TS 23.038 and TS 23.040.
//!
//! ```text
//! octets ──► user_data: header │ body ──► coding: alphabet ──► Message ──► text, or a packet
//!                                  parts of one message ──► reassembly ──┘
//! a reply's text ──► segments | ussd_string ──► octets, data_coding, UDHI
//! ```
//! Everything here is values in, values out; no input makes it panic.

pub mod coding;
pub mod concatenation;
pub mod gsm7;
pub mod reassembly;
pub mod segments;

pub mod user_data;
pub mod ussd_pages;
pub mod ussd_string;

use std::fmt;

use serde::{Deserialize, Serialize};

use coding::{Alphabet, DataCoding, Layout};
use concatenation::Concatenation;
use user_data::{Header, MalformedHeader, UserData};

/// A short message or USSD string as its sender wrote it, whatever way its SMSC carried it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The elements of its header; empty when it has none.
    pub header: Header,
    /// What the octets of the body mean.
    pub alphabet: Alphabet,
    /// The body; 7-bit text has one septet an octet here.
    pub body: Vec<u8>,
}

impl Message {
    /// Header and body as they are evidence: a body of 7-bit text has one septet an octet.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = self.header.to_octets();
        octets.extend_from_slice(&self.body);
        octets
    }

    /// Reads what SMPP carries in `short_message` or `message_payload`.
    ///
    /// A body that the header names a secured packet is octets, whatever its coding says.
    ///
    /// # Errors
    ///
    /// [`MalformedHeader`] when there should be a header and it does not fit its lengths.
    pub fn read(octets: &[u8], carriage: Carriage) -> Result<Self, MalformedHeader> {
        let Carriage {
            coding,
            smsc,
            with_header,
        } = carriage;
        let with_header = with_header || coding.layout == Layout::CbsWithHeader;
        let UserData { header, body } = UserData::parse(octets, with_header)?;
        let header_octets = octets.len().saturating_sub(body.len());
        if header.names_secured_packet() {
            return Ok(Self {
                header,
                alphabet: Alphabet::EightBit,
                body,
            });
        }
        let (alphabet, mut body) = match (coding.alphabet, smsc) {
            (Alphabet::Gsm7, SmscAlphabet::Gsm7Packed) => (
                Alphabet::Gsm7,
                unpacked(&body, coding.layout, header_octets),
            ),
            (Alphabet::Gsm7, SmscAlphabet::Latin1) => (Alphabet::Latin1, body),
            (Alphabet::Gsm7, SmscAlphabet::Ascii) => (Alphabet::Ascii, body),
            (as_coded, _) => (as_coded, body),
        };
        if coding.layout == Layout::CbsWithLanguage {
            let letters = if alphabet == Alphabet::Ucs2 { 2 } else { 3 };
            body.drain(..body.len().min(letters));
        }
        Ok(Self {
            header,
            alphabet,
            body,
        })
    }

    /// The text; `None` when the body is no text, or one that cannot be read.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self.alphabet {
            Alphabet::Gsm7 => Some(gsm7::decode(&self.body, self.header.tables())),
            Alphabet::Ascii => Some(self.body.iter().map(|&octet| ascii(octet)).collect()),
            Alphabet::Latin1 => Some(self.body.iter().map(|&octet| char::from(octet)).collect()),
            Alphabet::Ucs2 => Some(ucs2(&self.body)),
            Alphabet::EightBit | Alphabet::Unreadable => None,
        }
    }

    /// Which part of which message this is: by its header, else by `sar`, what SMPP's TLVs say.
    #[must_use]
    pub fn concatenation(&self, sar: Option<Concatenation>) -> Option<Concatenation> {
        self.header.concatenation().or(sar)
    }
}

/// The body is a subscriber's text or a packet: only its length is shown.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            header,
            alphabet,
            body,
        } = self;
        write!(
            f,
            "Message({header:?}, {alphabet:?}, {} octets)",
            body.len()
        )
    }
}

/// How the octets of one message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carriage {
    /// Its data coding, read by the clause of its service.
    pub coding: DataCoding,
    /// How its SMSC carries text in the default alphabet.
    pub smsc: SmscAlphabet,
    /// Whether a header leads the octets: TP-UDHI, bit 6 of SMPP's `esm_class`.
    pub with_header: bool,
}

/// How one SMSC carries text in the default alphabet, both ways; SMPP leaves it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmscAlphabet {
    /// GSM 7-bit, one septet an octet: what most do.
    #[default]
    Gsm7Unpacked,
    /// GSM 7-bit, packed as on the air.
    Gsm7Packed,
    /// ISO 8859-1: the SMSC translates.
    Latin1,
    /// ASCII: the SMSC translates.
    Ascii,
}

fn unpacked(body: &[u8], layout: Layout, header_octets: usize) -> Vec<u8> {
    match layout {
        Layout::Sms | Layout::CbsWithHeader => {
            gsm7::unpack_sms(body, gsm7::fill_bits_after(header_octets))
        }
        Layout::Cbs | Layout::CbsWithLanguage => gsm7::unpack_ussd(body),
    }
}

fn ascii(octet: u8) -> char {
    if octet.is_ascii() {
        char::from(octet)
    } else {
        char::REPLACEMENT_CHARACTER
    }
}

/// UTF-16, most significant octet first. Half a surrogate pair reads as U+FFFD, and so does an
/// octet too many, unless it is the NUL that some SMSCs end a text with. A byte order mark is not
/// text.
fn ucs2(octets: &[u8]) -> String {
    let (pairs, rest) = octets.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| u16::from_be_bytes(pair));
    let symbols = char::decode_utf16(units);
    let stray = rest
        .iter()
        .filter(|&&octet| octet != 0)
        .map(|_| char::REPLACEMENT_CHARACTER);
    let text: String = symbols
        .map(|s| s.unwrap_or(char::REPLACEMENT_CHARACTER))
        .chain(stray)
        .collect();
    text.strip_prefix('\u{FEFF}')
        .map(str::to_owned)
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn carriage(coding: DataCoding, smsc: SmscAlphabet) -> Carriage {
        Carriage {
            coding,
            smsc,
            with_header: false,
        }
    }

    fn text_of(octets: &[u8], coding: DataCoding, smsc: SmscAlphabet) -> Option<String> {
        Message::read(octets, carriage(coding, smsc))
            .unwrap()
            .text()
    }

    #[test]
    fn the_smsc_says_what_its_default_alphabet_is() {
        let coding = DataCoding::from_smpp(0);
        for (octets, smsc, text) in [
            (
                &[0x00, b'1', 0x1B, 0x65][..],
                SmscAlphabet::Gsm7Unpacked,
                "@1€",
            ),
            (
                &[0xE8, 0x32, 0x9B, 0xFD, 0x06],
                SmscAlphabet::Gsm7Packed,
                "hello",
            ),
            (&[b'@', 0xE9], SmscAlphabet::Latin1, "@é"),
            (&[b'@', 0xE9], SmscAlphabet::Ascii, "@\u{FFFD}"),
        ] {
            assert_eq!(text_of(octets, coding, smsc).unwrap(), text);
        }
    }

    #[test]
    fn packed_text_after_a_header_starts_on_a_septet() {
        let mut octets = vec![0x05, 0x00, 0x03, 0x01, 0x02, 0x01];
        octets.extend(gsm7::pack(b"hello", 1));
        let message = Message::read(
            &octets,
            Carriage {
                with_header: true,
                ..carriage(DataCoding::from_smpp(0), SmscAlphabet::Gsm7Packed)
            },
        )
        .unwrap();
        assert_eq!(message.text().unwrap(), "hello");
    }

    #[test]
    fn ucs2_never_fails() {
        let coding = DataCoding::from_smpp(8);
        for (octets, text) in [
            (&[0x20, 0xAC, 0xD8, 0x3D, 0xDE, 0x00][..], "€\u{1F600}"),
            (&[0xD8, 0x3D, 0x00, 0x41], "\u{FFFD}A"),
            (&[0xDE, 0x00], "\u{FFFD}"),
            (&[0x00, 0x41, 0x42], "A\u{FFFD}"),
            (&[0x00, 0x41, 0x00], "A"),
            (&[0xFE, 0xFF, 0x00, 0x41], "A"),
        ] {
            assert_eq!(
                text_of(octets, coding, SmscAlphabet::default()).unwrap(),
                text
            );
        }
    }

    #[test]
    fn the_language_before_a_ussd_text_is_not_part_of_it() {
        let packed = gsm7::pack_ussd(b"en\r*778#");
        let coding = DataCoding::from_cbs(0x10);
        assert_eq!(
            text_of(&packed, coding, SmscAlphabet::Gsm7Packed).unwrap(),
            "*778#"
        );
        let ucs2 = [0x65, 0x6E, 0x00, 0x2A];
        let coding = DataCoding::from_cbs(0x11);
        assert_eq!(
            text_of(&ucs2, coding, SmscAlphabet::Gsm7Unpacked).unwrap(),
            "*"
        );
    }

    #[test]
    fn a_secured_packet_is_octets_whatever_its_coding_says() {
        for octet in [0x00, 0x08, 0xF6] {
            let carriage = Carriage {
                coding: DataCoding::from_smpp(octet),
                smsc: SmscAlphabet::Gsm7Packed,
                with_header: true,
            };
            let message = Message::read(&[0x02, 0x70, 0x00, 0xFF, 0x01], carriage).unwrap();
            assert_eq!(message.alphabet, Alphabet::EightBit);
            assert_eq!((message.text(), message.body), (None, vec![0xFF, 0x01]));
        }
    }

    #[test]
    fn a_part_number_in_the_header_goes_before_the_one_of_smpp() {
        let sar = Concatenation::from_sar(7, 2, 1);
        let mut message = Message::read(
            &[0x05, 0x00, 0x03, 0x01, 0x03, 0x02, b'a'],
            Carriage {
                with_header: true,
                ..carriage(DataCoding::from_smpp(0), SmscAlphabet::default())
            },
        )
        .unwrap();
        assert_eq!(
            message.concatenation(sar),
            Concatenation::new(1, 3, 2, false)
        );
        message.header = Header::default();
        assert_eq!(message.concatenation(sar), sar);
    }

    proptest! {
        #[test]
        fn any_octets_under_any_coding_are_read_or_refused(
            octets: Vec<u8>, coding: u8, ussd: bool, with_header: bool,
        ) {
            let coding =
                if ussd { DataCoding::from_cbs(coding) } else { DataCoding::from_smpp(coding) };
            for smsc in [SmscAlphabet::Gsm7Packed, SmscAlphabet::Latin1, SmscAlphabet::Ascii] {
                let carriage = Carriage { coding, smsc, with_header };
                if let Ok(message) = Message::read(&octets, carriage) {
                    let symbols = message.text().map_or(0, |text| text.chars().count());
                    prop_assert!(symbols <= octets.len() * 8 / 7);
                }
            }
        }
    }
}
