//! What a phone answers a proactive command with: TERMINAL RESPONSE, ETSI TS 102 223 §6.8.
//!
//! ```text
//! │ 81 03 number type qualifier │ 82 02 82 81 │ 83 n result, cause │ 90 01 item │ or │ 8D n text │
//! ```

use std::fmt;

use super::command::Details;
use super::tlv;

/// How a command went: §8.12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneralResult(pub u8);

impl GeneralResult {
    /// Performed.
    pub const PERFORMED: Self = Self(0x00);
    /// Performed, though some of it was not known here.
    pub const IN_PART: Self = Self(0x01);
    /// The user ended the session.
    pub const ENDED: Self = Self(0x10);
    /// The user went one step back.
    pub const BACK: Self = Self(0x11);
    /// The user did nothing.
    pub const NO_ANSWER: Self = Self(0x12);
    /// The phone cannot at the moment.
    pub const PHONE_UNABLE: Self = Self(0x20);
    /// The network cannot at the moment.
    pub const NETWORK_UNABLE: Self = Self(0x21);
    /// The phone never can.
    pub const BEYOND: Self = Self(0x30);
    /// The data of the command are not what the phone understands.
    pub const NOT_UNDERSTOOD: Self = Self(0x32);
    /// The message centre refused a short message.
    pub const MESSAGE_REFUSED: Self = Self(0x35);
    /// An element that must be there is missing.
    pub const VALUES_MISSING: Self = Self(0x36);
    /// The network refused a USSD string.
    pub const USSD_REFUSED: Self = Self(0x37);

    /// Whether a cause must follow: it does after 20, 21, 35 and 37.
    const fn has_cause(self) -> bool {
        matches!(
            self,
            Self::PHONE_UNABLE | Self::NETWORK_UNABLE | Self::MESSAGE_REFUSED | Self::USSD_REFUSED
        )
    }
}

/// What the person with the phone does about a prompt.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// Has read it.
    Read,
    /// Chooses the item with this identifier.
    Chosen(u8),
    /// Types this.
    Typed(String),
    /// Anything else: goes back, ends it, does nothing.
    Otherwise(GeneralResult),
}

/// What was typed may be a PIN: its length is all that is shown.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("Read"),
            Self::Chosen(item) => write!(f, "Chosen({item})"),
            Self::Typed(typed) => write!(f, "Typed({} octets)", typed.len()),
            Self::Otherwise(result) => write!(f, "Otherwise({result:?})"),
        }
    }
}

/// What became of something that went to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// It was taken.
    Taken,
    /// A USSD string was answered with this text.
    Answered(String),
    /// It was not, or it is not known: the card may send it again.
    Failed(GeneralResult),
}

/// What follows the result in an answer.
pub(super) enum Extra {
    Nothing,
    Item(u8),
    /// A whole text string, its coding first.
    Text(Vec<u8>),
}

/// The elements of a TERMINAL RESPONSE.
pub(super) fn response(details: Details, result: GeneralResult, extra: &Extra) -> Vec<u8> {
    let mut out = Vec::new();
    tlv::push(&mut out, DETAILS, &details);
    tlv::push(&mut out, DEVICES, &[TERMINAL, UICC]);
    if result.has_cause() {
        tlv::push(&mut out, RESULT, &[result.0, NO_SPECIFIC_CAUSE]);
    } else {
        tlv::push(&mut out, RESULT, &[result.0]);
    }
    match extra {
        Extra::Nothing => {}
        Extra::Item(identifier) => tlv::push(&mut out, ITEM_IDENTIFIER, &[*identifier]),
        Extra::Text(text) => tlv::push(&mut out, TEXT, text),
    }
    out
}

const DETAILS: u8 = 0x81;
const DEVICES: u8 = 0x82;
const RESULT: u8 = 0x83;
const ITEM_IDENTIFIER: u8 = 0x90;
const TEXT: u8 = 0x8D;
/// Devices: §8.7.
const UICC: u8 = 0x81;
const TERMINAL: u8 = 0x82;
const NO_SPECIFIC_CAUSE: u8 = 0x00;
