//! What the link read, as a member of the books: 3GPP TS 23.040 inside SMPP 3.4 §4.6.1.
//!
//! ```text
//! deliver_sm ─┬─ receipt (esm_class 0x04 …) ───────────────────► Member::Receipt
//!             ├─ other acknowledgement of a handset ───────────► nothing
//!             └─ message ─┬─ element 0x71 to 0x7F, bad header ─► Content::Unreadable
//!                         ├─ one part of several (UDH, else SAR)► Content::Part
//!                         ├─ element 0x70 ─────────────────────► Content::Secured
//!                         └─ text in the SMSC's alphabet ──────► Content::Text
//! ```
//! No octet that a handset can send is an error here: what can't be read is dealt with unread.

mod reach;

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::msisdn::Msisdn;
use crate::domain::refusal::Refusal;
use crate::gateway::member::{Arrival, ArrivalEnd, Content, Member, Outcome, Receipt};
use crate::smpp::pdu::{Address, COctetString, ShortMessage};
use crate::smpp::receipt::{self, MessageState};
use crate::sms::coding::DataCoding;
use crate::sms::concatenation::Concatenation;
use crate::sms::reassembly::{Part, PartKey};
use crate::sms::user_data::{COMMAND_PACKET, Header};
use crate::sms::{Carriage, Message, SmscAlphabet};

pub use self::reach::Reach;

/// One SMSC as those read who take its messages.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its name in the configuration.
    pub smsc: Arc<str>,
    /// Whether its sender addresses can be trusted.
    pub trusted: bool,
    /// How it carries text in its default alphabet.
    pub alphabet: SmscAlphabet,
    /// The country code that national numbers lack, such as `49`; without one a national number
    /// is nobody's.
    pub country: Option<Arc<str>>,
}

/// What a message brings along from its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Plain orders since this time count as the same: [`Reach::repeat_since`].
    pub repeat_since: Millis,
    /// A refused one since this time is not tried again: the same, for a shorter while.
    pub refused_since: Millis,
    /// A random number.
    pub chance: u32,
}

/// A message to be decided by the books.
#[derive(Clone, Debug)]
pub struct Intake {
    /// What it is to them.
    pub member: Member,
    /// For a secured packet or a part of one: whose budget of bad checksums it draws on.
    pub budget: Option<BudgetKey>,
}

/// Whose budget of bad checksums: the sender as claimed, at one SMSC. Senders that are no numbers
/// have one budget in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BudgetKey {
    sender: Option<Msisdn>,
    smsc: Arc<str>,
}

impl Origin {
    /// What a delivery is to the books; none when it is dealt with unread: a handset's own
    /// acknowledgement, or a receipt that says nothing final.
    #[must_use]
    pub fn read(&self, message: &ShortMessage, moment: Moment) -> Option<Intake> {
        if let Some(receipt) = receipt::Receipt::read(message) {
            let receipt = self.receipt(&receipt, &message.source)?;
            return Some(Intake {
                member: Member::Receipt(receipt),
                budget: None,
            });
        }
        if message.esm_class & MESSAGE_TYPE != 0 {
            return None;
        }
        let sender = self.sender(&message.source);
        let payload = message.payload().0;
        let (content, secured) = match Message::read(&payload, self.carriage(message)) {
            Ok(read) => self.content(read, message, sender),
            Err(_) => (Content::Unreadable, false),
        };
        let budget = secured.then(|| BudgetKey {
            sender,
            smsc: Arc::clone(&self.smsc),
        });
        let arrival = Arrival {
            smsc: Arc::clone(&self.smsc),
            trusted: self.trusted,
            sender,
            service: text_of(&message.destination.value).into(),
            content,
            received: payload,
            repeat_since: moment.repeat_since,
            refused_since: moment.refused_since,
            chance: moment.chance,
        };
        Some(Intake {
            member: Member::Arrival(arrival),
            budget,
        })
    }

    fn content(
        &self,
        read: Message,
        message: &ShortMessage,
        sender: Option<Msisdn>,
    ) -> (Content, bool) {
        if is_reserved(&read.header) {
            return (Content::Unreadable, false);
        }
        let secured = read.header.element(COMMAND_PACKET).is_some();
        let sar = message.tlvs.sar();
        let sar = sar.and_then(|sar| Concatenation::from_sar(sar.reference, sar.total, sar.part));
        let concatenation = read.concatenation(sar).filter(|c| c.total() > 1);
        if let Some(concatenation) = concatenation {
            // Parts are joined by their sender: without one they wait for nobody.
            let Some(sender) = sender else {
                return (Content::Unreadable, secured);
            };
            let destination = text_of(&message.destination.value);
            let key = PartKey::new(sender, self.trusted, destination, concatenation);
            let part = Part::new(read, concatenation);
            return (Content::Part { key, part }, secured);
        }
        if secured {
            return (Content::Secured(read.body.into()), true);
        }
        let content = read
            .text()
            .map_or(Content::Unreadable, |text| Content::Text(text.into()));
        (content, false)
    }

    fn carriage(&self, message: &ShortMessage) -> Carriage {
        let ussd = message.tlvs.ussd_service_op().is_some()
            || message.service_type.as_octets() == USSD_SERVICE;
        let coding = if ussd {
            DataCoding::from_cbs(message.data_coding)
        } else {
            DataCoding::from_smpp(message.data_coding)
        };
        Carriage {
            coding,
            smsc: self.alphabet,
            with_header: message.esm_class & UDHI != 0,
        }
    }

    fn receipt(&self, receipt: &receipt::Receipt, source: &Address) -> Option<Receipt> {
        let state = receipt.state.filter(|_| !receipt.intermediate)?;
        let candidates: Vec<Arc<str>> = receipt.candidates().into_iter().map(Into::into).collect();
        let reference = receipt.user_message_reference;
        (!candidates.is_empty() || reference.is_some()).then(|| Receipt {
            smsc: Arc::clone(&self.smsc),
            to: self.sender(source),
            candidates,
            reference,
            state: state_name(state).into(),
        })
    }

    /// The sender as an international number; none when it is letters, or a national number that
    /// no country is known for: the national `170…` must never be charged to +1 70….
    #[must_use]
    pub fn sender(&self, source: &Address) -> Option<Msisdn> {
        if source.ton == ALPHANUMERIC {
            return None;
        }
        let digits = source.value.as_text()?;
        if digits.starts_with('+') || digits.starts_with("00") {
            return digits.parse().ok();
        }
        let national = source.ton == NATIONAL || digits.starts_with('0');
        if !national {
            return digits.parse().ok();
        }
        let country = self.country.as_ref()?;
        let significant = digits.trim_start_matches('0');
        format!("{country}{significant}").parse().ok()
    }
}

/// Whether the books found the packet not to be the SIM's own, or one of its old ones: both are
/// what a forger's tries look like. One whose counter is forgotten is an honest card's after a restore.
#[must_use]
pub const fn draws_on_budget(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Arrived {
            end: ArrivalEnd::Forged(_) | ArrivalEnd::Refused(Refusal::CounterLow),
            ..
        }
    )
}

/// A response packet, or another security header of the toolkit: 3GPP TS 31.115 clause 4.
fn is_reserved(header: &Header) -> bool {
    let reserved =
        |id| (COMMAND_PACKET..=LAST_SECURITY_HEADER).contains(&id) && id != COMMAND_PACKET;
    header.elements().iter().any(|element| reserved(element.id))
}

/// An address as its SMSC wrote it; an octet that is not ASCII is one Latin-1 letter.
fn text_of(address: &COctetString) -> String {
    address.as_octets().iter().map(|&o| char::from(o)).collect()
}

/// The names of SMPP 3.4 §5.2.28.
const fn state_name(state: MessageState) -> &'static str {
    match state {
        MessageState::Scheduled => "SCHEDULED",
        MessageState::Enroute => "ENROUTE",
        MessageState::Delivered => "DELIVERED",
        MessageState::Expired => "EXPIRED",
        MessageState::Deleted => "DELETED",
        MessageState::Undeliverable => "UNDELIVERABLE",
        MessageState::Accepted => "ACCEPTED",
        MessageState::Unknown => "UNKNOWN",
        MessageState::Rejected => "REJECTED",
        MessageState::Skipped => "SKIPPED",
    }
}

/// Bits 5 to 2 of `esm_class`: what kind of message (SMPP 3.4 §5.2.12).
const MESSAGE_TYPE: u8 = 0b0011_1100;
/// Bit 6 of `esm_class`: a header leads the octets.
const UDHI: u8 = 0b0100_0000;
const USSD_SERVICE: &[u8] = b"USSD";
const LAST_SECURITY_HEADER: u8 = 0x7F;
const NATIONAL: u8 = 2;
const ALPHANUMERIC: u8 = 5;

#[cfg(test)]
mod tests;
