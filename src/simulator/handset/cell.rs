//! Where one phone is: its message centre, to which the gateway binds.
//!
//! ```text
//! SMS-SUBMIT ──► deliver_sm ──0──► taken     no answer in 5 s ──► "network unable": sent or not
//! USSD string ──► op 1 ──► op 17 ──► its text
//! submit_sm ──► for the card: SMS-DELIVER     to its owner: a text
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;

use super::dialling::Dialling;
use super::equipment::{Carried, GeneralResult, Outgoing};
use super::tpdu;
use crate::domain::Millis;
use crate::domain::msisdn::Msisdn;
use crate::simulator::smsc::{Smsc, Submitted};
use crate::smpp::pdu::{CommandStatus, ShortMessage};
use crate::sms::coding::DataCoding;
use crate::sms::{Carriage, Message, SmscAlphabet};

/// The cell, with one phone in it.
pub struct Cell {
    msisdn: Msisdn,
    smsc: Smsc,
    submitted: mpsc::Receiver<Submitted>,
    ussd: Dialling,
    /// What came while something else was waited for, the oldest first.
    kept: VecDeque<ShortMessage>,
}

/// What has come to the phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// For its card: a whole SMS-DELIVER.
    ForCard(Vec<u8>),
    /// For its owner.
    Text(String),
    /// Not for this phone, or not to be read.
    Stray(&'static str),
}

impl Cell {
    /// The cell of the phone with this number.
    #[must_use]
    pub fn new(msisdn: Msisdn, smsc: Smsc, submitted: mpsc::Receiver<Submitted>) -> Self {
        Self {
            msisdn,
            smsc,
            submitted,
            ussd: Dialling::default(),
            kept: VecDeque::new(),
        }
    }

    /// Its message centre.
    #[must_use]
    pub const fn smsc(&self) -> &Smsc {
        &self.smsc
    }

    /// Carries something to the gateway, as long as a network waits.
    pub async fn carry(&mut self, outgoing: Outgoing) -> Carried {
        match outgoing {
            Outgoing::Message(submit) => self.deliver(submit.to_deliver_sm(self.msisdn)).await,
            Outgoing::Ussd(text) => {
                let service: String = text
                    .chars()
                    .skip_while(|key| !key.is_ascii_digit())
                    .take_while(char::is_ascii_digit)
                    .collect();
                let dialled = self.ussd.dial(self.msisdn, &service, &text);
                match self.deliver(dialled).await {
                    Carried::Taken => self.answer_to_ussd().await,
                    Carried::Answered(_) | Carried::Failed(_) => {
                        Carried::Failed(GeneralResult::USSD_REFUSED)
                    }
                }
            }
        }
    }

    /// The next message to the phone; none when the centre has ended. Nothing is lost when the wait
    /// is given up.
    pub async fn arrival(&mut self) -> Option<ShortMessage> {
        match self.kept.pop_front() {
            Some(message) => Some(message),
            None => Some(self.submitted.recv().await?.message),
        }
    }

    /// What a message is to this phone, to which it comes at `at`.
    #[must_use]
    pub fn read(&self, message: &ShortMessage, at: Millis) -> Arrival {
        if message.destination.value.as_octets() != self.msisdn.expose_digits().as_bytes() {
            return Arrival::Stray("a message for another number");
        }
        if message.tlvs.ussd_service_op().is_some() {
            return Arrival::Stray("a text of a USSD session that is over");
        }
        if tpdu::is_for_card(message) {
            let tpdu = tpdu::deliver(message, at);
            return tpdu.map_or(
                Arrival::Stray("a message that is too long"),
                Arrival::ForCard,
            );
        }
        let carriage = Carriage {
            coding: DataCoding::from_smpp(message.data_coding),
            smsc: SmscAlphabet::Gsm7Unpacked,
            with_header: message.esm_class & UDHI != 0,
        };
        let text = Message::read(&message.payload().0, carriage).ok();
        text.and_then(|message| message.text())
            .map_or(Arrival::Stray("a message that is no text"), Arrival::Text)
    }

    async fn deliver(&self, message: ShortMessage) -> Carried {
        let delivered = tokio::time::timeout(NETWORK_WAITS, self.smsc.deliver(message)).await;
        match delivered {
            Ok(Ok(delivered)) if delivered.status.is_some_and(CommandStatus::is_ok) => {
                Carried::Taken
            }
            Ok(_) => Carried::Failed(GeneralResult::MESSAGE_REFUSED),
            // It may have arrived, and may yet.
            Err(_) => Carried::Failed(GeneralResult::NETWORK_UNABLE),
        }
    }

    /// Waits for the text of the present USSD session; other messages are kept.
    async fn answer_to_ussd(&mut self) -> Carried {
        let answer = async {
            while let Some(submitted) = self.submitted.recv().await {
                if let Some(shown) = self.ussd.shown(&submitted.message) {
                    return Carried::Answered(shown.text);
                }
                if self.kept.len() < KEPT_MAX {
                    self.kept.push_back(submitted.message);
                }
            }
            Carried::Failed(GeneralResult::NETWORK_UNABLE)
        };
        let answered = tokio::time::timeout(USSD_WAITS, answer).await;
        answered.unwrap_or(Carried::Failed(GeneralResult::USSD_REFUSED))
    }
}

/// TP-UDHI in `esm_class`.
const UDHI: u8 = 0x40;
/// A message centre that has no answer from an ESME by then tells the phone that it failed.
const NETWORK_WAITS: Duration = Duration::from_secs(5);
/// A network ends a session without an answer after that.
const USSD_WAITS: Duration = Duration::from_secs(30);
/// More than come in half a minute.
const KEPT_MAX: usize = 64;
