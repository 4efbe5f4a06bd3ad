//! Optional parameters: SMPP 3.4 §3.2.4 and 5.0 §4.8. Kept as they came, in order, known or not.
//!
//! ```text
//! │ tag (2 octets) │ length (2) │ value (length octets) │ …
//! ```
//! Peers send values of odd lengths (a `ussd_service_op` of two octets, a session of one or four),
//! so a length is never a fault; the accessors read what can only mean one thing.

use std::fmt;

use bytes::Bytes;

use super::{
    CommandStatus, EncodeError, Tag,
    wire::{Flaw, Reader, Writer},
};

/// One optional parameter.
#[derive(Clone, PartialEq, Eq)]
pub struct Tlv {
    /// What it is.
    pub tag: Tag,
    /// Its octets, of any length.
    pub value: Bytes,
}

/// Values of up to four octets are settings; longer ones may be text or addresses.
impl fmt::Debug for Tlv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.len() > 4 {
            return write!(f, "{}: {} octets", self.tag, self.value.len());
        }
        write!(f, "{}: {}", self.tag, hex::encode(&self.value))
    }
}

/// The optional parameters of a PDU, in order. Of a repeated one the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs {
    list: Vec<Tlv>,
    stray: Bytes,
}

impl Tlvs {
    /// None, for a PDU without any.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            list: Vec::new(),
            stray: Bytes::new(),
        }
    }

    /// Every parameter in order, vendors' and odd ones too.
    pub fn iter(&self) -> impl Iterator<Item = &Tlv> {
        self.list.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Adds a parameter at the end.
    pub fn push(&mut self, tag: Tag, value: impl Into<Bytes>) {
        self.list.push(Tlv {
            tag,
            value: value.into(),
        });
    }

    /// This list with one parameter more.
    #[must_use]
    pub fn with(mut self, tag: Tag, value: impl Into<Bytes>) -> Self {
        self.push(tag, value);
        self
    }

    /// What followed the last whole parameter: NUL pads, or a parameter that was cut off. Empty in
    /// a sound PDU, and never written.
    #[must_use]
    pub const fn stray(&self) -> &Bytes {
        &self.stray
    }

    /// The octets of a parameter, empty for one of length 0.
    #[must_use]
    pub fn octets(&self, tag: Tag) -> Option<&Bytes> {
        self.list
            .iter()
            .find(|tlv| tlv.tag == tag)
            .map(|tlv| &tlv.value)
    }

    /// A parameter of one octet; of a longer value, the octet beside nothing but zeros.
    #[must_use]
    pub fn u8(&self, tag: Tag) -> Option<u8> {
        self.integer::<1>(tag).map(u8::from_be_bytes)
    }

    /// A parameter of two octets, big-endian; a shorter one is read as a number too.
    #[must_use]
    pub fn u16(&self, tag: Tag) -> Option<u16> {
        self.integer::<2>(tag).map(u16::from_be_bytes)
    }

    /// A parameter of four octets, big-endian; a shorter one is read as a number too.
    #[must_use]
    pub fn u32(&self, tag: Tag) -> Option<u32> {
        self.integer::<4>(tag).map(u32::from_be_bytes)
    }

    /// A parameter that is a C-octet string, up to its NUL if it has one.
    #[must_use]
    pub fn c_octets(&self, tag: Tag) -> Option<Bytes> {
        let value = self.octets(tag)?;
        let end = value
            .iter()
            .position(|octet| *octet == 0)
            .unwrap_or(value.len());
        Some(value.slice(..end))
    }

    /// The message, where it is not in `short_message` (5.0 §4.8.4.36).
    #[must_use]
    pub fn message_payload(&self) -> Option<&Bytes> {
        self.octets(Tag::MESSAGE_PAYLOAD)
    }

    /// Which part of which message this is, when all three `sar_*` parameters say so.
    #[must_use]
    pub fn sar(&self) -> Option<Sar> {
        Some(Sar {
            reference: self.u16(Tag::SAR_MSG_REF_NUM)?,
            total: self.u8(Tag::SAR_TOTAL_SEGMENTS)?,
            part: self.u8(Tag::SAR_SEGMENT_SEQNUM)?,
        })
    }

    /// What a USSD message asks of the dialogue (5.0 §4.8.4.64); the values are a dialect's.
    #[must_use]
    pub fn ussd_service_op(&self) -> Option<u8> {
        self.u8(Tag::USSD_SERVICE_OP)
    }

    /// The USSD session as it came: two octets by the specification, other lengths in the field.
    #[must_use]
    pub fn its_session_info(&self) -> Option<&Bytes> {
        self.octets(Tag::ITS_SESSION_INFO)
    }

    /// The sender's own number for a message; some receipts can be matched by nothing else.
    #[must_use]
    pub fn user_message_reference(&self) -> Option<u16> {
        self.u16(Tag::USER_MESSAGE_REFERENCE)
    }

    /// The id of the message that a receipt is about.
    #[must_use]
    pub fn receipted_message_id(&self) -> Option<Bytes> {
        self.c_octets(Tag::RECEIPTED_MESSAGE_ID)
            .filter(|id| !id.is_empty())
    }

    /// The state of a message, as a number of 3.4 §5.2.28.
    #[must_use]
    pub fn message_state(&self) -> Option<u8> {
        self.u8(Tag::MESSAGE_STATE)
    }

    /// Why the network did not deliver: only the three octets of 5.0 §4.8.4.42 are read.
    #[must_use]
    pub fn network_error_code(&self) -> Option<NetworkError> {
        match self.octets(Tag::NETWORK_ERROR_CODE)?.as_ref() {
            [network, high, low] => Some(NetworkError {
                network: *network,
                code: u16::from_be_bytes([*high, *low]),
            }),
            _ => None,
        }
    }

    /// Why `data_sm` was not delivered (5.0 §4.8.4.19).
    #[must_use]
    pub fn delivery_failure_reason(&self) -> Option<u8> {
        self.u8(Tag::DELIVERY_FAILURE_REASON)
    }

    /// The version that the `SMSC` speaks, in answers to binds: 0x34 or 0x50.
    #[must_use]
    pub fn sc_interface_version(&self) -> Option<u8> {
        self.u8(Tag::SC_INTERFACE_VERSION)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        let mut list = Vec::new();
        // Nothing but zeros is padding, though four of them could be an empty TLV of tag 0.
        while !is_zero(reader.rest()) {
            let Some(tlv) = reader.tlv() else { break };
            if list.len() >= MAX_TLVS {
                return Err(unreadable("more than 256 TLVs"));
            }
            list.push(tlv);
        }
        match reader.peek_tag() {
            Some(cut_off) if CARRIES_MESSAGE.contains(&cut_off) => {
                Err(unreadable("a truncated TLV"))
            }
            Some(_) | None => Ok(Self {
                list,
                stray: reader.take_rest(),
            }),
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.list.iter().try_for_each(|tlv| writer.tlv(tlv))
    }

    /// A number of at most `N` octets with zeros before or after it. Both readings of an
    /// over-long value are in use; where they differ, neither is believed.
    fn integer<const N: usize>(&self, tag: Tag) -> Option<[u8; N]> {
        let value = self.octets(tag)?.as_ref();
        if value.is_empty() {
            return None;
        }
        if let Some((before, number)) = value.split_last_chunk::<N>() {
            if is_zero(before) {
                return Some(*number);
            }
            return value
                .split_first_chunk::<N>()
                .filter(|(_, after)| is_zero(after))
                .map(|n| *n.0);
        }
        let mut number = [0; N];
        number
            .iter_mut()
            .rev()
            .zip(value.iter().rev())
            .for_each(|(to, from)| *to = *from);
        Some(number)
    }
}

impl FromIterator<Tlv> for Tlvs {
    fn from_iter<I: IntoIterator<Item = Tlv>>(tlvs: I) -> Self {
        Self {
            list: tlvs.into_iter().collect(),
            stray: Bytes::new(),
        }
    }
}

/// A part of a message in several PDUs: `sar_msg_ref_num`, `sar_total_segments`,
/// `sar_segment_seqnum` (parts count from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sar {
    /// The same in every part.
    pub reference: u16,
    /// How many parts there are, as claimed: 0 is not refused here.
    pub total: u8,
    /// Which one this is, as claimed: 0 and more than `total` are not refused here.
    pub part: u8,
}

/// `network_error_code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkError {
    /// Whose code: 1 ANSI-136, 2 IS-95, 3 GSM, 4 ANSI-136 cause, 8 message centre.
    pub network: u8,
    /// The code.
    pub code: u16,
}

fn is_zero(octets: &[u8]) -> bool {
    octets.iter().all(|octet| *octet == 0)
}

const fn unreadable(what: &'static str) -> Flaw {
    Flaw {
        what,
        status: CommandStatus::ESME_RINVOPTPARSTREAM,
    }
}

/// A message read without these would be another message: an empty one, or a part taken for the
/// whole. It is refused, and the peer may send it again.
const CARRIES_MESSAGE: [Tag; 4] = [
    Tag::MESSAGE_PAYLOAD,
    Tag::SAR_MSG_REF_NUM,
    Tag::SAR_TOTAL_SEGMENTS,
    Tag::SAR_SEGMENT_SEQNUM,
];

/// Far above what any PDU has: else one frame of empty TLVs would cost ten times its size.
const MAX_TLVS: usize = 256;
