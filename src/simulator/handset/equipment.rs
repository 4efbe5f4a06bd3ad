//! The phone around a card: it fetches what the card wants, and has it done (ETSI TS 102 223).
//!
//! ```text
//! TERMINAL PROFILE ─┐                     ┌─► Wanted::User(prompt)    ◄── user_said ───┐
//! ENVELOPE (menu)  ─┼─► 91 nn ─► FETCH ───┼─► Wanted::Network(…)      ◄── network_said ┤
//! ENVELOPE (SMS)   ─┘                     └─► unknown: 30             TERMINAL RESPONSE ◄┘
//!        ▲ 93 00: kept until the session is over                      └─► 91 nn, or 90 00
//! ```
//! It does nothing itself: [`Equipment::wanted`] says what is to be done, and is told by another call
//! what came of it. Who asks [`Equipment::wanted`] twice is told the same, but for the end of a pause.

mod answer;
mod command;
mod text;
mod tlv;

use std::collections::VecDeque;

pub use self::answer::{Answer, Carried, GeneralResult};
use self::answer::{Extra, response};
use self::command::{Command, Details, Proactive, Refused};
pub use self::command::{Entry, Item, Menu, Outgoing, Prompt, Text};
pub use self::text::Coding;
use crate::sms::coding::DataCoding;
use crate::sms::{Carriage, Message, SmscAlphabet};

/// A phone with a card in it, switched on.
pub struct Equipment {
    state: State,
    /// What the card has put into the phone's own menu.
    menu: Option<Menu>,
    /// ENVELOPEs that the card has not taken, the oldest first.
    envelopes: VecDeque<Vec<u8>>,
    /// How many of them were not offered to the card since they came or since the last session.
    fresh: usize,
    /// Commands since somebody outside last did something.
    unattended: u32,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This APDU goes to the card; its response goes to [`Equipment::card_said`].
    Card(Vec<u8>),
    /// The user is asked; the answer goes to [`Equipment::user_said`].
    User(Prompt),
    /// This goes to the network; what came of it goes to [`Equipment::network_said`].
    Network(Outgoing),
    /// The card is busy though it has no session with this phone: ask again in a moment.
    Pause,
    /// Nothing, until the user opens the menu or a message comes.
    Nothing,
}

/// The card does not keep to the protocol. The phone goes on as after the end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardFault {
    /// A response without a status word.
    #[error("the card answered without a status word")]
    NoStatus,
    /// A status that has no meaning there.
    #[error("the card answered {command} with {status:04X}")]
    Status {
        /// What it answered.
        command: &'static str,
        /// SW1 and SW2.
        status: u16,
    },
    /// Nobody was asked anything.
    #[error("the card spoke without being asked")]
    Unasked,
    /// One command after the other, none of which needs anybody.
    #[error("the card sends commands without an end")]
    Endless,
}

/// This is not what was asked for: the question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is no answer to what the phone asks")]
pub struct NotAnAnswer;

/// Messages wait that the card has not taken; the network keeps the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{ENVELOPES_MAX} messages wait for the card already")]
pub struct MemoryFull;

enum State {
    /// No session, nothing underway.
    Idle,
    /// An APDU is to go out, or is underway.
    Card(Exchange),
    /// The user is asked; within it a message may be offered to the card.
    User(Asked, Prompt, Offer),
    /// The network has something.
    Network(Asked, Outgoing),
}

/// Which command is being carried out.
#[derive(Clone, Copy)]
struct Asked {
    details: Details,
    /// What to say of it when it was.
    performed: GeneralResult,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Offer {
    None,
    Underway,
}

struct Exchange {
    what: What,
    apdu: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Profile,
    Envelope,
    Fetch,
    Response,
}

impl Equipment {
    /// A phone that was just switched on.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: State::Card(Exchange {
                what: What::Profile,
                apdu: apdu(TERMINAL_PROFILE, PROFILE),
            }),
            menu: None,
            envelopes: VecDeque::new(),
            fresh: 0,
            unattended: 0,
        }
    }

    /// The card's entry in the phone's own menu.
    #[must_use]
    pub const fn menu(&self) -> Option<&Menu> {
        self.menu.as_ref()
    }

    /// Messages that the card has not taken yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.envelopes.len()
    }

    /// The user chooses the entry of the card's menu with this identifier.
    ///
    /// # Errors
    ///
    /// [`NotAnAnswer`] when the card has none, or is in a session already.
    pub fn select(&mut self, identifier: u8) -> Result<(), NotAnAnswer> {
        let known = self.menu.iter().flat_map(|menu| &menu.items);
        let known = known.into_iter().any(|item| item.identifier == identifier);
        if !known || !matches!(self.state, State::Idle) {
            return Err(NotAnAnswer);
        }
        let mut list = Vec::new();
        tlv::push(&mut list, DEVICES, &[KEYPAD, UICC]);
        tlv::push(&mut list, ITEM_IDENTIFIER, &[identifier]);
        self.unattended = 0;
        self.send(What::Envelope, envelope(MENU_SELECTION, &list));
        Ok(())
    }

    /// A message for the card has come: a whole SMS-DELIVER.
    ///
    /// # Errors
    ///
    /// [`MemoryFull`] when too many wait.
    pub fn download(&mut self, tpdu: &[u8]) -> Result<(), MemoryFull> {
        if self.envelopes.len() >= ENVELOPES_MAX {
            return Err(MemoryFull);
        }
        let mut list = Vec::new();
        tlv::push(&mut list, DEVICES, &[NETWORK, UICC]);
        tlv::push(&mut list, TPDU, tpdu);
        self.envelopes.push_back(envelope(SMS_PP_DOWNLOAD, &list));
        self.fresh = self.fresh.saturating_add(1);
        self.unattended = 0;
        Ok(())
    }

    /// What is to be done next.
    pub fn wanted(&mut self) -> Wanted {
        match &mut self.state {
            State::Card(exchange) => Wanted::Card(exchange.apdu.clone()),
            State::Network(_, outgoing) => Wanted::Network(outgoing.clone()),
            State::User(_, prompt, offer) => {
                let newest = self.envelopes.len().checked_sub(self.fresh);
                match newest.and_then(|at| self.envelopes.get(at)) {
                    Some(envelope) => {
                        *offer = Offer::Underway;
                        Wanted::Card(envelope.clone())
                    }
                    None => Wanted::User(prompt.clone()),
                }
            }
            State::Idle => match self.envelopes.front() {
                Some(envelope) if self.fresh > 0 => {
                    let apdu = envelope.clone();
                    self.send(What::Envelope, apdu.clone());
                    Wanted::Card(apdu)
                }
                Some(_) => {
                    // After the pause all of them may be offered again.
                    self.fresh = self.envelopes.len();
                    Wanted::Pause
                }
                None => Wanted::Nothing,
            },
        }
    }

    /// The card answered the APDU that [`Self::wanted`] gave out.
    ///
    /// # Errors
    ///
    /// [`CardFault`]; the phone then has no session.
    pub fn card_said(&mut self, response: &[u8]) -> Result<(), CardFault> {
        let Some((data, status)) = response.split_last_chunk::<2>() else {
            // It is not told a second time what it answered so.
            self.taken(What::Envelope);
            return Err(self.fault(CardFault::NoStatus));
        };
        match &mut self.state {
            State::User(_, _, offer) if *offer == Offer::Underway => {
                *offer = Offer::None;
                let at = self.envelopes.len().saturating_sub(self.fresh);
                self.fresh = self.fresh.saturating_sub(1);
                if *status != BUSY {
                    self.envelopes.remove(at);
                }
                Ok(())
            }
            State::Card(exchange) => {
                let what = exchange.what;
                self.on_status(what, data, *status)
            }
            State::Idle | State::User(..) | State::Network(..) => Err(CardFault::Unasked),
        }
    }

    /// The user did something about the prompt.
    ///
    /// # Errors
    ///
    /// [`NotAnAnswer`] when it is not what was asked for; the prompt stands.
    pub fn user_said(&mut self, answer: Answer) -> Result<(), NotAnAnswer> {
        let State::User(Asked { details, performed }, prompt, Offer::None) = &self.state else {
            return Err(NotAnAnswer);
        };
        let (details, performed) = (*details, *performed);
        let (result, extra) = match (prompt, answer) {
            (_, Answer::Otherwise(result)) => (result, Extra::Nothing),
            (Prompt::Read(_), Answer::Read) => (performed, Extra::Nothing),
            (Prompt::Choose(menu), Answer::Chosen(identifier)) => {
                let mut items = menu.items.iter();
                if !items.any(|item| item.identifier == identifier) {
                    return Err(NotAnAnswer);
                }
                (performed, Extra::Item(identifier))
            }
            (Prompt::Type(entry), Answer::Typed(typed)) => {
                let text = entry.write(&typed).ok_or(NotAnAnswer)?;
                (performed, Extra::Text(text))
            }
            _ => return Err(NotAnAnswer),
        };
        self.unattended = 0;
        self.respond(details, result, &extra);
        Ok(())
    }

    /// What became of what went to the network. Nothing changes when nothing went there.
    pub fn network_said(&mut self, carried: Carried) {
        let State::Network(Asked { details, performed }, _) = &self.state else {
            return;
        };
        let (details, performed) = (*details, *performed);
        self.unattended = 0;
        let (result, extra) = match carried {
            Carried::Taken => (performed, Extra::Nothing),
            Carried::Failed(result) => (result, Extra::Nothing),
            Carried::Answered(text) => {
                let written = text::write_text_string(&text, Coding::Unpacked)
                    .or_else(|| text::write_text_string(&text, Coding::Ucs2))
                    .filter(|written| written.len() <= ANSWER_MAX);
                (performed, written.map_or(Extra::Nothing, Extra::Text))
            }
        };
        self.respond(details, result, &extra);
    }

    fn on_status(&mut self, what: What, data: &[u8], status: [u8; 2]) -> Result<(), CardFault> {
        match (what, status) {
            (What::Envelope, BUSY) => {
                // The menu's own is not kept: its user may choose again.
                self.fresh = 0;
                self.state = State::Idle;
                Ok(())
            }
            (What::Fetch, OK) => self.on_command(data),
            (_, [MORE, length]) => {
                self.taken(what);
                self.send(What::Fetch, vec![CLA, FETCH, 0, 0, length]);
                Ok(())
            }
            (What::Fetch, _) => Err(self.fault(fault("FETCH", status))),
            // Warnings and errors of the application say that the card has had it.
            (What::Envelope, [OK_SW1 | WARNING | UNSURE | TOLD, _]) => {
                self.taken(what);
                self.end();
                Ok(())
            }
            (What::Profile | What::Response, OK) => {
                self.end();
                Ok(())
            }
            (What::Envelope, _) => {
                self.taken(what);
                Err(self.fault(fault("ENVELOPE", status)))
            }
            (What::Profile, _) => Err(self.fault(fault("TERMINAL PROFILE", status))),
            (What::Response, _) => Err(self.fault(fault("TERMINAL RESPONSE", status))),
        }
    }

    fn on_command(&mut self, octets: &[u8]) -> Result<(), CardFault> {
        self.unattended = self.unattended.saturating_add(1);
        if self.unattended > UNATTENDED_MAX {
            return Err(self.fault(CardFault::Endless));
        }
        let Proactive {
            details,
            command,
            in_part,
        } = match command::read(octets) {
            Ok(proactive) => proactive,
            Err(Refused { details, result }) => {
                self.respond(details, result, &Extra::Nothing);
                return Ok(());
            }
        };
        let performed = if in_part {
            GeneralResult::IN_PART
        } else {
            GeneralResult::PERFORMED
        };
        let asked = Asked { details, performed };
        match command {
            Command::SetUpMenu(menu) => {
                self.menu = menu;
                self.respond(details, performed, &Extra::Nothing);
            }
            Command::Ask(prompt) => self.state = State::User(asked, prompt, Offer::None),
            Command::Send(outgoing) => self.state = State::Network(asked, outgoing),
        }
        Ok(())
    }

    fn respond(&mut self, details: Details, result: GeneralResult, extra: &Extra) {
        let answer = response(details, result, extra);
        self.send(What::Response, apdu(TERMINAL_RESPONSE, &answer));
    }

    fn send(&mut self, what: What, apdu: Vec<u8>) {
        self.state = State::Card(Exchange { what, apdu });
    }

    /// The card has had an ENVELOPE: a message is no longer kept.
    fn taken(&mut self, what: What) {
        let State::Card(exchange) = &self.state else {
            return;
        };
        if what == What::Envelope && self.envelopes.front() == Some(&exchange.apdu) {
            self.envelopes.pop_front();
            self.fresh = self.fresh.min(self.envelopes.len());
        }
    }

    /// The session is over: what the card was too busy for is offered again.
    fn end(&mut self) {
        self.state = State::Idle;
        self.fresh = self.envelopes.len();
    }

    fn fault(&mut self, fault: CardFault) -> CardFault {
        self.end();
        fault
    }
}

impl Default for Equipment {
    fn default() -> Self {
        Self::new()
    }
}

const fn fault(command: &'static str, status: [u8; 2]) -> CardFault {
    CardFault::Status {
        command,
        status: u16::from_be_bytes(status),
    }
}

/// A USSD string by its coding: 3GPP TS 23.038 §5.
fn ussd_text(coding: u8, octets: &[u8]) -> Option<String> {
    let carriage = Carriage {
        coding: DataCoding::from_cbs(coding),
        smsc: SmscAlphabet::Gsm7Packed,
        with_header: false,
    };
    Message::read(octets, carriage).ok()?.text()
}

/// A command APDU with data of at most 255 octets, which all of ours have.
fn apdu(instruction: u8, data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
    [&[CLA, instruction, 0, 0, length], data].concat()
}

fn envelope(tag: u8, list: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    tlv::push(&mut data, tag, list);
    apdu(ENVELOPE, &data)
}

const CLA: u8 = 0x80;
const TERMINAL_PROFILE: u8 = 0x10;
const FETCH: u8 = 0x12;
const TERMINAL_RESPONSE: u8 = 0x14;
const ENVELOPE: u8 = 0xC2;
/// Status words: ETSI TS 102 221 §10.2.1.
const OK: [u8; 2] = [0x90, 0x00];
const OK_SW1: u8 = 0x90;
const MORE: u8 = 0x91;
const BUSY: [u8; 2] = [0x93, 0x00];
const WARNING: u8 = 0x62;
const UNSURE: u8 = 0x63;
const TOLD: u8 = 0x9E;
/// BER-TLV of ENVELOPEs, and tags in them: TS 102 223 §9.2, 3GPP TS 31.111 §9.
const SMS_PP_DOWNLOAD: u8 = 0xD1;
const MENU_SELECTION: u8 = 0xD3;
const DEVICES: u8 = 0x82;
const ITEM_IDENTIFIER: u8 = 0x90;
const TPDU: u8 = 0x8B;
const KEYPAD: u8 = 0x01;
const UICC: u8 = 0x81;
const NETWORK: u8 = 0x83;
/// What this phone can (TS 102 223 §5.2), from the first octet on: profile, SMS-PP download, menu
/// selection; command result, entry and display in UCS2; DISPLAY TEXT, GET INPUT; SELECT ITEM, SEND
/// SHORT MESSAGE, SEND USSD, SET UP MENU.
const PROFILE: &[u8] = &[0x0B, 0xC1, 0x05, 0x2B];
/// As many as a phone's memory holds while its user reads; the network keeps the rest.
const ENVELOPES_MAX: usize = 16;
/// A card that wants something of nobody so often in a row is broken.
const UNATTENDED_MAX: u32 = 64;
/// What fits a TERMINAL RESPONSE beside the other elements.
const ANSWER_MAX: usize = 230;

#[cfg(test)]
mod tests;
