//! Splits a short message's user data into header and body: 3GPP TS 23.040 clause 9.2.3.24.
//!
//! ```text
//! │ UDHL │ IEI │ IEDL │ IED (IEDL octets) │ IEI │ … │ body │
//! ```
//! Over SMPP the header stands before the body whatever the coding, and `esm_class` bit 6 says
//! that it is there. Of an element that occurs twice, or of two that exclude each other, the last
//! one holds (clause 9.2.3.24); elements that nobody here knows are kept.

use std::fmt;

use super::concatenation::Concatenation;
use super::gsm7::{Language, Tables};

/// The user data of one short message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UserData {
    /// The elements before the body; empty when there is no header.
    pub header: Header,
    /// What follows the header, as it came.
    pub body: Vec<u8>,
}

impl UserData {
    /// Splits `octets`; `with_header` is TP-UDHI, bit 6 of SMPP's `esm_class`.
    ///
    /// # Errors
    ///
    /// [`MalformedHeader`] when the header is longer than the message, or when its last element
    /// does not end where the header ends.
    pub fn parse(octets: &[u8], with_header: bool) -> Result<Self, MalformedHeader> {
        if !with_header {
            return Ok(Self {
                header: Header::default(),
                body: octets.to_vec(),
            });
        }
        let (&length, rest) = octets.split_first().ok_or(MalformedHeader)?;
        let (elements, body) = rest
            .split_at_checked(length.into())
            .ok_or(MalformedHeader)?;
        Ok(Self {
            header: Header::parse(elements)?,
            body: body.to_vec(),
        })
    }

    /// Header and body as one; whether a header leads them is [`Header::is_empty`].
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = self.header.to_octets();
        octets.extend_from_slice(&self.body);
        octets
    }
}

/// The body is a subscriber's text or a packet: only its length is shown.
impl fmt::Debug for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header, body } = self;
        write!(f, "UserData({header:?}, {} octets)", body.len())
    }
}

/// The elements of a user data header, at most 255 octets of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    elements: Vec<Element>,
}

/// One information element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its identifier, IEI.
    pub id: u8,
    /// Its data, at most 253 octets.
    pub data: Vec<u8>,
}

impl Header {
    /// A header of `elements`, in that order.
    ///
    /// # Errors
    ///
    /// [`HeaderTooLong`] when they take more than 255 octets.
    pub fn new(elements: Vec<Element>) -> Result<Self, HeaderTooLong> {
        let header = Self { elements };
        if header.elements_length() > usize::from(u8::MAX) {
            Err(HeaderTooLong)
        } else {
            Ok(header)
        }
    }

    /// Whether there are no elements, so that the message needs no header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The elements as they came, duplicates and unknown ones too.
    #[must_use]
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The data of the last element `id`.
    #[must_use]
    pub fn element(&self, id: u8) -> Option<&[u8]> {
        self.elements
            .iter()
            .rfind(|e| e.id == id)
            .map(|e| e.data.as_slice())
    }

    /// Which part of which message this is. An element that contradicts itself (part 0, or 4 of
    /// 3) is ignored, as clause 9.2.3.24.1 asks.
    #[must_use]
    pub fn concatenation(&self) -> Option<Concatenation> {
        let last = self
            .elements
            .iter()
            .rfind(|e| Concatenation::is_told_by(e.id))?;
        Concatenation::from_element(last)
    }

    /// The same header without the elements that number a part.
    #[must_use]
    pub fn without_concatenation(mut self) -> Self {
        self.elements.retain(|e| !Concatenation::is_told_by(e.id));
        self
    }

    /// The tables that 7-bit text is read with (clause 9.2.3.24.15 and .16).
    #[must_use]
    pub fn tables(&self) -> Tables {
        let language = |id| match self.element(id) {
            Some(&[identifier]) => Language::from_identifier(identifier),
            _ => None,
        };
        Tables {
            locking: language(LOCKING_SHIFT),
            single: language(SINGLE_SHIFT),
        }
    }

    /// The application ports, 8 or 16 bits wide (clauses 9.2.3.24.3 and .4).
    #[must_use]
    pub fn ports(&self) -> Option<Ports> {
        let last = self
            .elements
            .iter()
            .rfind(|e| matches!(e.id, PORTS_8 | PORTS_16))?;
        match (last.id, last.data.as_slice()) {
            (PORTS_8, &[destination, source]) => Some(Ports {
                destination: destination.into(),
                source: source.into(),
            }),
            (PORTS_16, &[a, b, c, d]) => Some(Ports {
                destination: u16::from_be_bytes([a, b]),
                source: u16::from_be_bytes([c, d]),
            }),
            _ => None,
        }
    }

    /// Whether the body is a secured packet, a command or a response: 3GPP TS 31.115 clause 4.
    #[must_use]
    pub fn names_secured_packet(&self) -> bool {
        self.elements
            .iter()
            .any(|e| matches!(e.id, COMMAND_PACKET | RESPONSE_PACKET))
    }

    /// UDHL and elements; nothing at all when there are no elements.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        if self.is_empty() {
            Vec::new()
        } else {
            self.to_octets_with_length()
        }
    }

    /// UDHL and elements; UDHL 0 when there are none, so that the header can always be found.
    pub(super) fn to_octets_with_length(&self) -> Vec<u8> {
        let mut octets = vec![narrowed(self.elements_length())];
        for element in &self.elements {
            octets.extend([element.id, narrowed(element.data.len())]);
            octets.extend_from_slice(&element.data);
        }
        octets
    }

    fn parse(mut octets: &[u8]) -> Result<Self, MalformedHeader> {
        let mut elements = Vec::new();
        while let Some((&id, after_id)) = octets.split_first() {
            let (&length, rest) = after_id.split_first().ok_or(MalformedHeader)?;
            let (data, rest) = rest
                .split_at_checked(length.into())
                .ok_or(MalformedHeader)?;
            elements.push(Element {
                id,
                data: data.to_vec(),
            });
            octets = rest;
        }
        Ok(Self { elements })
    }

    /// Octets of the elements, UDHL itself not counted.
    fn elements_length(&self) -> usize {
        self.elements
            .iter()
            .map(|e| e.data.len().saturating_add(2))
            .sum()
    }
}

/// The application ports of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The receiver's.
    pub destination: u16,
    /// The sender's.
    pub source: u16,
}

/// A header that does not fit its own lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("user data header does not fit its lengths")]
pub struct MalformedHeader;

/// Elements that no header can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("user data header is longer than 255 octets")]
pub struct HeaderTooLong;

/// Element: the body is a command packet (the data is empty).
pub const COMMAND_PACKET: u8 = 0x70;

/// Element: the body is a response packet (the data is empty).
pub const RESPONSE_PACKET: u8 = 0x71;

/// Element: whose single shift table the text uses.
pub const SINGLE_SHIFT: u8 = 0x24;

/// Element: whose locking shift table the text uses.
pub const LOCKING_SHIFT: u8 = 0x25;

const PORTS_8: u8 = 0x04;
const PORTS_16: u8 = 0x05;

/// A length that the constructors keep within an octet.
fn narrowed(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header_of(octets: &[u8]) -> Header {
        UserData::parse(octets, true).unwrap().header
    }

    #[test]
    fn a_secured_packet_and_a_part_number_share_one_header() {
        let octets = [0x07, 0x00, 0x03, 0xA5, 0x02, 0x01, 0x70, 0x00, 0xCA, 0xFE];
        let user_data = UserData::parse(&octets, true).unwrap();
        let concatenation = user_data.header.concatenation().unwrap();
        assert_eq!(
            (concatenation.reference(), concatenation.total()),
            (0xA5, 2)
        );
        assert_eq!(
            (concatenation.number(), concatenation.is_wide()),
            (1, false)
        );
        assert!(user_data.header.names_secured_packet());
        assert_eq!(user_data.header.element(COMMAND_PACKET), Some(&[][..]));
        assert_eq!(user_data.body, [0xCA, 0xFE]);
        let rest = user_data.header.without_concatenation();
        assert_eq!(rest.to_octets(), [0x02, 0x70, 0x00]);
    }

    #[test]
    fn the_last_of_two_elements_holds() {
        let header = header_of(&[0x06, 0x24, 0x01, 0x01, 0x24, 0x01, 0x03]);
        assert_eq!(header.tables().single, Some(Language::Portuguese));
        let both = [
            0x0B, 0x08, 0x04, 0x12, 0x34, 0x03, 0x02, 0x00, 0x03, 0x07, 0x02, 0x01,
        ];
        assert_eq!(
            header_of(&both).concatenation(),
            Concatenation::new(7, 2, 1, false)
        );
        assert_eq!(header_of(&both).elements().len(), 2);
    }

    #[test]
    fn national_tables_are_named_by_the_header() {
        let tables = header_of(&[0x06, 0x24, 0x01, 0x02, 0x25, 0x01, 0x01]).tables();
        assert_eq!(tables.single, Some(Language::Spanish));
        assert_eq!(tables.locking, Some(Language::Turkish));
        assert_eq!(
            header_of(&[0x03, 0x25, 0x01, 0x63]).tables(),
            Tables::default()
        );
    }

    #[test]
    fn ports_are_read_in_both_widths() {
        let narrow = header_of(&[0x04, 0x04, 0x02, 0xF0, 0xF1]).ports().unwrap();
        assert_eq!((narrow.destination, narrow.source), (0xF0, 0xF1));
        let wide = header_of(&[0x06, 0x05, 0x04, 0x0B, 0x84, 0x23, 0xF0])
            .ports()
            .unwrap();
        assert_eq!((wide.destination, wide.source), (2948, 9200));
    }

    #[test]
    fn a_header_that_does_not_fit_its_lengths_is_refused() {
        for octets in [
            &[][..],
            &[0x01],
            &[0x01, 0x70],
            &[0x02, 0x70],
            &[0x02, 0x70, 0x01],
            &[0x02, 0x70, 0x01, 0xAA],
            &[0x05, 0x00, 0x03, 0x01, 0x02],
        ] {
            assert_eq!(
                UserData::parse(octets, true),
                Err(MalformedHeader),
                "{octets:02x?}"
            );
        }
        assert!(UserData::parse(&[0x00], true).unwrap().header.is_empty());
    }

    #[test]
    fn elements_beyond_255_octets_make_no_header() {
        let element = |octets| Element {
            id: 0xA0,
            data: vec![0; octets],
        };
        assert!(Header::new(vec![element(253)]).is_ok());
        assert_eq!(
            Header::new(vec![element(252), element(0)]),
            Err(HeaderTooLong)
        );
    }

    proptest! {
        #[test]
        fn any_octets_are_split_or_refused_and_joined_again(
            octets in proptest::collection::vec(prop_oneof![0u8..8, any::<u8>()], 0..40),
        ) {
            if let Ok(user_data) = UserData::parse(&octets, true)
                && !user_data.header.is_empty()
            {
                prop_assert_eq!(user_data.to_octets(), octets);
            }
        }
    }
}
