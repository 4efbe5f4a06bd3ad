//! Proactive commands, understood: ETSI TS 102 223 §6.6, coded as its §8 and §9.
//!
//! ```text
//! │ D0 │ length │ 81 03 number type qualifier │ 82 02 81 to │ what the type has │
//! ```

use super::answer::GeneralResult;
use super::text::{self, Coding};
use super::tlv::{self, Element};
use crate::simulator::handset::tpdu::Submit;
use crate::sms::gsm7::{self, Tables};

/// Number, type and qualifier of a command, which its answer repeats.
pub(super) type Details = [u8; 3];

/// One command that this phone can carry out.
#[derive(Debug)]
pub(super) struct Proactive {
    pub(super) details: Details,
    pub(super) command: Command,
    /// Some element was not known here, and did not have to be.
    pub(super) in_part: bool,
}

/// What a card asks for.
#[derive(Debug)]
pub(super) enum Command {
    /// SET UP MENU; none takes the menu away.
    SetUpMenu(Option<Menu>),
    /// SELECT ITEM, GET INPUT or DISPLAY TEXT.
    Ask(Prompt),
    /// SEND SHORT MESSAGE or SEND USSD.
    Send(Outgoing),
}

/// What the person with the phone has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Choose one.
    Choose(Menu),
    /// Type something.
    Type(Entry),
    /// Read it, and say so.
    Read(Text),
}

/// A title and what can be chosen under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// Its title.
    pub title: String,
    /// The choices, one at least.
    pub items: Vec<Item>,
}

/// One choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The card's number for it.
    pub identifier: u8,
    /// What stands there.
    pub text: String,
}

/// A question whose answer is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The question.
    pub question: String,
    /// Digits, `*`, `#` and `+` only.
    pub digits: bool,
    /// What is typed is not shown: a PIN.
    pub hidden: bool,
    /// The fewest characters.
    pub least: usize,
    /// The most.
    pub most: usize,
    /// How the answer is written.
    pub coding: Coding,
}

impl Entry {
    /// What was typed as a text string, if it is what was asked for.
    pub(super) fn write(&self, typed: &str) -> Option<Vec<u8>> {
        let length = match self.coding {
            Coding::Ucs2 => typed.encode_utf16().count(),
            Coding::Packed | Coding::Unpacked => gsm7::encode(typed, Tables::default()).ok()?.len(),
        };
        let dialled = |key: char| key.is_ascii_digit() || matches!(key, '*' | '#' | '+');
        let fits = (self.least..=self.most).contains(&length);
        if !fits || (self.digits && !typed.chars().all(dialled)) {
            return None;
        }
        text::write_text_string(typed, self.coding)
    }
}

/// A text to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// It stays until its reader clears it; else it goes by itself.
    pub until_cleared: bool,
}

/// What goes to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A short message.
    Message(Submit),
    /// A USSD string.
    Ussd(String),
}

/// A command that is not carried out, and how it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) details: Details,
    pub(super) result: GeneralResult,
}

/// Reads a command from D0 on.
pub(super) fn read(octets: &[u8]) -> Result<Proactive, Refused> {
    // Who cannot be named is answered so: TS 102 223 §6.8, "number, type, qualifier 00".
    let nameless = Refused {
        details: [0; 3],
        result: GeneralResult::NOT_UNDERSTOOD,
    };
    let inside = tlv::template(PROACTIVE, octets).map_err(|_| nameless)?;
    let parts = Parts(tlv::elements(inside).map_err(|_| nameless)?);
    let details = parts.value(tag::DETAILS).ok_or(nameless)?;
    let details = Details::try_from(details).map_err(|_| nameless)?;
    let refused = |result| Refused { details, result };
    let [_, kind, qualifier] = details;
    let (command, known) = match kind {
        kind::SET_UP_MENU => (parts.set_up_menu(), MENU_TAGS),
        kind::SELECT_ITEM => (
            parts.menu().map(Prompt::Choose).map(Command::Ask),
            MENU_TAGS,
        ),
        kind::GET_INPUT => (parts.entry(qualifier), ENTRY_TAGS),
        kind::DISPLAY_TEXT => (parts.text(qualifier), TEXT_TAGS),
        kind::SEND_SHORT_MESSAGE => (parts.message(qualifier), MESSAGE_TAGS),
        kind::SEND_USSD => (parts.ussd(), USSD_TAGS),
        _ => return Err(refused(GeneralResult::BEYOND)),
    };
    let command = command.map_err(refused)?;
    let mut unknown = parts.0.iter().filter(|part| {
        !matches!(part.tag, tag::DETAILS | tag::DEVICES) && !known.contains(&part.tag)
    });
    let in_part = match unknown.next() {
        None => false,
        Some(first) if first.required || unknown.any(|part| part.required) => {
            return Err(refused(GeneralResult::NOT_UNDERSTOOD));
        }
        Some(_) => true,
    };
    Ok(Proactive {
        details,
        command,
        in_part,
    })
}

/// The elements of a command.
struct Parts<'a>(Vec<Element<'a>>);

impl<'a> Parts<'a> {
    fn value(&self, tag: u16) -> Option<&'a [u8]> {
        self.0
            .iter()
            .find(|part| part.tag == tag)
            .map(|part| part.value)
    }

    fn needed(&self, tag: u16) -> Result<&'a [u8], GeneralResult> {
        self.value(tag).ok_or(GeneralResult::VALUES_MISSING)
    }

    fn set_up_menu(&self) -> Result<Command, GeneralResult> {
        // One item without octets: there is nothing to select any more (§6.6.7).
        if self.needed(tag::ITEM)?.is_empty() {
            return Ok(Command::SetUpMenu(None));
        }
        self.menu().map(Some).map(Command::SetUpMenu)
    }

    fn menu(&self) -> Result<Menu, GeneralResult> {
        let title = self.value(tag::ALPHA).unwrap_or_default();
        let item = |part: &Element<'_>| {
            let (identifier, octets) = part.value.split_first()?;
            let text = text::alpha(octets)?;
            Some(Item {
                identifier: *identifier,
                text,
            })
        };
        let items = self.0.iter().filter(|part| part.tag == tag::ITEM).map(item);
        let items: Option<Vec<Item>> = items.collect();
        let menu = text::alpha(title).zip(items);
        let (title, items) = menu.ok_or(GeneralResult::NOT_UNDERSTOOD)?;
        if items.is_empty() {
            return Err(GeneralResult::VALUES_MISSING);
        }
        Ok(Menu { title, items })
    }

    fn entry(&self, qualifier: u8) -> Result<Command, GeneralResult> {
        let question = text::text_string(self.needed(tag::TEXT)?);
        let question = question.ok_or(GeneralResult::NOT_UNDERSTOOD)?;
        let &[least, most] = self.needed(tag::RESPONSE_LENGTH)? else {
            return Err(GeneralResult::NOT_UNDERSTOOD);
        };
        let digits = qualifier & ALPHABET == 0;
        let coding = match qualifier & (ALPHABET | IN_UCS2 | PACKED) {
            asked if asked & PACKED != 0 => Coding::Packed,
            asked if asked & IN_UCS2 != 0 && !digits => Coding::Ucs2,
            _ => Coding::Unpacked,
        };
        Ok(Command::Ask(Prompt::Type(Entry {
            question,
            digits,
            hidden: qualifier & HIDDEN != 0,
            least: least.into(),
            // FF is "no bound": what a text string of a short APDU holds.
            most: most.min(TYPED_MAX).into(),
            coding,
        })))
    }

    fn text(&self, qualifier: u8) -> Result<Command, GeneralResult> {
        let text = text::text_string(self.needed(tag::TEXT)?);
        Ok(Command::Ask(Prompt::Read(Text {
            text: text.ok_or(GeneralResult::NOT_UNDERSTOOD)?,
            until_cleared: qualifier & UNTIL_CLEARED != 0,
        })))
    }

    fn message(&self, qualifier: u8) -> Result<Command, GeneralResult> {
        if qualifier & PACK_FOR_ME != 0 {
            return Err(GeneralResult::BEYOND);
        }
        let submit = Submit::parse(self.needed(tag::TPDU)?);
        let submit = submit.map_err(|_| GeneralResult::NOT_UNDERSTOOD)?;
        Ok(Command::Send(Outgoing::Message(submit)))
    }

    fn ussd(&self) -> Result<Command, GeneralResult> {
        let (coding, octets) = self
            .needed(tag::USSD)?
            .split_first()
            .ok_or(GeneralResult::NOT_UNDERSTOOD)?;
        let text = super::ussd_text(*coding, octets).ok_or(GeneralResult::NOT_UNDERSTOOD)?;
        Ok(Command::Send(Outgoing::Ussd(text)))
    }
}

/// BER-TLV of a proactive command: §9.2.
const PROACTIVE: u8 = 0xD0;

/// Types of command: §9.4.
mod kind {
    pub(super) const SEND_USSD: u8 = 0x12;
    pub(super) const SEND_SHORT_MESSAGE: u8 = 0x13;
    pub(super) const DISPLAY_TEXT: u8 = 0x21;
    pub(super) const GET_INPUT: u8 = 0x23;
    pub(super) const SELECT_ITEM: u8 = 0x24;
    pub(super) const SET_UP_MENU: u8 = 0x25;
}

/// Tags of elements: §9.3.
mod tag {
    pub(super) const DETAILS: u16 = 0x01;
    pub(super) const DEVICES: u16 = 0x02;
    pub(super) const ALPHA: u16 = 0x05;
    pub(super) const ADDRESS: u16 = 0x06;
    pub(super) const USSD: u16 = 0x0A;
    pub(super) const TPDU: u16 = 0x0B;
    pub(super) const TEXT: u16 = 0x0D;
    pub(super) const ITEM: u16 = 0x0F;
    pub(super) const RESPONSE_LENGTH: u16 = 0x11;
}

const MENU_TAGS: &[u16] = &[tag::ALPHA, tag::ITEM];
const ENTRY_TAGS: &[u16] = &[tag::TEXT, tag::RESPONSE_LENGTH];
const TEXT_TAGS: &[u16] = &[tag::TEXT];
/// The address is that of the message centre: this phone has one only.
const MESSAGE_TAGS: &[u16] = &[tag::ALPHA, tag::ADDRESS, tag::TPDU];
const USSD_TAGS: &[u16] = &[tag::ALPHA, tag::USSD];

/// Qualifiers of GET INPUT, DISPLAY TEXT and SEND SHORT MESSAGE: §8.6.
const ALPHABET: u8 = 0x01;
const IN_UCS2: u8 = 0x02;
const HIDDEN: u8 = 0x04;
const PACKED: u8 = 0x08;
const UNTIL_CLEARED: u8 = 0x80;
const PACK_FOR_ME: u8 = 0x01;
/// As many characters of one octet fit a TERMINAL RESPONSE of 255 beside the other elements.
const TYPED_MAX: u8 = 230;
