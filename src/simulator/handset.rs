//! A mobile phone: types orders, carries its SIM's packets, and hands each reply to who can read it.
//!
//! ```text
//! a person ──words──► one deliver_sm, or two parts of one      submit_sm ──text──► phrasebook
//! the SIM's applet ──packet──► 02 70 00 │ command packet       submit_sm ──02 70 00──► the SIM
//! ```
//! It knows a phone's business only: what it sends is what an SMSC would deliver for it.

use bytes::Bytes;

use crate::auth::command::SealError;
use crate::dialogue::secured_order::SecuredOrder;
use crate::dialogue::secured_reply::SecuredReply;
use crate::domain::msisdn::Msisdn;
use crate::simulator::soft_sim::{BadConfirmation, Opened, SoftSim};
use crate::smpp::pdu::{Address, ShortMessage};
use crate::sms::coding::DataCoding;
use crate::sms::concatenation::Concatenation;
use crate::sms::segments::{SegmentRules, SegmentedText};
use crate::sms::user_data::{Header, UserData};
use crate::sms::{Carriage, Message, SmscAlphabet, gsm7};

pub mod card_phone;
pub mod cell;
mod dialling;
pub mod equipment;
pub mod phrasebook;
pub mod tpdu;

use self::dialling::Dialling;
pub use self::dialling::Shown;
use self::phrasebook::{Phrasebook, Said};

/// One phone with its SIM.
pub struct Handset {
    msisdn: Msisdn,
    /// The card in it.
    pub sim: SoftSim,
    /// What the next message of several parts is called.
    next_reference: u8,
    ussd: Dialling,
}

/// What a message to a phone turned out to be.
#[derive(Debug)]
pub enum Received {
    /// A confirmation that the SIM opened.
    Confirmed(SecuredReply),
    /// The network brought a confirmation twice.
    Again,
    /// A confirmation that a later one had overtaken: authentic, and not carried out.
    Overtaken(SecuredReply),
    /// A text.
    Said(Said),
    /// Something that the operator would never send.
    Bad(BadMessage),
}

/// Why a message to a phone is a fault of its sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// A confirmation that the SIM can't take.
    #[error(transparent)]
    Confirmation(#[from] BadConfirmation),
    /// Its header or its text cannot be read.
    #[error("a message to a phone cannot be read")]
    Unreadable,
    /// A text that is in none of the operator's files.
    #[error("a phone got a text that the operator does not have: {0:?}")]
    Unknown(String),
}

impl Handset {
    /// The phone with this number.
    #[must_use]
    pub fn new(msisdn: Msisdn, sim: SoftSim) -> Self {
        Self {
            msisdn,
            sim,
            next_reference: 0,
            ussd: Dialling::default(),
        }
    }

    /// Its number.
    #[must_use]
    pub const fn msisdn(&self) -> Msisdn {
        self.msisdn
    }

    /// A text to `service`, in one message or as many as it takes.
    #[must_use]
    pub fn text(&self, service: &str, text: &str) -> Vec<ShortMessage> {
        let rules = SegmentRules {
            smsc: SmscAlphabet::Gsm7Unpacked,
            language: None,
            reference: self.next_reference,
            max_segments: TEXT_PARTS_MAX,
        };
        let segments = SegmentedText::write(text, rules).map(|written| written.segments);
        segments
            .unwrap_or_default()
            .into_iter()
            .map(|segment| ShortMessage {
                esm_class: if segment.with_header { UDHI } else { 0 },
                data_coding: segment.data_coding,
                ..self.message(service, segment.user_data)
            })
            .collect()
    }

    /// A text of the default alphabet cut in two parts, as phones do with a text that its writer
    /// made longer than it had to be.
    pub fn text_in_two(&mut self, service: &str, text: &str) -> Option<[ShortMessage; 2]> {
        self.next_reference = self.next_reference.wrapping_add(1);
        let septets = gsm7::encode(text, gsm7::Tables::default()).ok()?;
        let (first, second) = septets.split_at_checked(septets.len().checked_div(2)?)?;
        let part = |number, body: &[u8]| {
            let part = Concatenation::new(self.next_reference.into(), 2, number, false)?;
            let user_data = UserData {
                header: Header::new(vec![part.to_element()]).ok()?,
                body: body.to_vec(),
            };
            Some(ShortMessage {
                esm_class: UDHI,
                ..self.message(service, user_data.to_octets())
            })
        };
        Some([part(1, first)?, part(2, second)?])
    }

    /// The SIM's order, sealed under a new counter.
    ///
    /// # Errors
    ///
    /// [`SealError`] when the card can't seal any more.
    pub fn secured(
        &mut self,
        service: &str,
        order: &SecuredOrder,
    ) -> Result<ShortMessage, SealError> {
        let packet = self.sim.seal(order)?;
        Ok(self.carry(service, &packet))
    }

    /// A packet as this phone sends it, whoever made it.
    #[must_use]
    pub fn carry(&self, service: &str, packet: &[u8]) -> ShortMessage {
        ShortMessage {
            esm_class: UDHI,
            protocol_id: SIM_DATA_DOWNLOAD,
            data_coding: CLASS_2_8_BIT,
            ..self.message(service, [COMMAND_HEADER, packet].concat())
        }
    }

    /// Dials a code: the USSD centre opens another session for it.
    pub fn dial(&mut self, service: &str, code: &str) -> ShortMessage {
        self.ussd.dial(self.msisdn, service, code)
    }

    /// Answers in the present USSD session.
    #[must_use]
    pub fn answer(&self, service: &str, text: &str) -> ShortMessage {
        self.ussd.answer(self.msisdn, service, text)
    }

    /// What the display shows, if this is a text of the present USSD session.
    #[must_use]
    pub fn shown(&self, message: &ShortMessage) -> Option<Shown> {
        self.ussd.shown(message)
    }

    /// Takes what the network brought, and lets the SIM or its owner read it.
    pub fn receive(&mut self, message: &ShortMessage, book: &Phrasebook) -> Received {
        let carriage = Carriage {
            coding: DataCoding::from_smpp(message.data_coding),
            smsc: SmscAlphabet::Gsm7Unpacked,
            with_header: message.esm_class & UDHI != 0,
        };
        let Ok(read) = Message::read(&message.payload().0, carriage) else {
            return Received::Bad(BadMessage::Unreadable);
        };
        if read.header.names_secured_packet() {
            return match self.sim.open(&read.body) {
                Opened::Reply(reply) => Received::Confirmed(reply),
                Opened::Again => Received::Again,
                Opened::Overtaken(reply) => Received::Overtaken(reply),
                Opened::Bad(bad) => Received::Bad(bad.into()),
            };
        }
        let Some(text) = read.text() else {
            return Received::Bad(BadMessage::Unreadable);
        };
        match book.read(&text) {
            Said::Unknown => Received::Bad(BadMessage::Unknown(text)),
            said @ (Said::Paid(_)
            | Said::Refunded(_)
            | Said::PartRefunded(_)
            | Said::Repeated(_)
            | Said::Other(_)) => Received::Said(said),
        }
    }

    fn message(&self, service: &str, octets: Vec<u8>) -> ShortMessage {
        message(self.msisdn, service, octets)
    }
}

/// What `from` sends to a short code.
fn message(from: Msisdn, service: &str, octets: Vec<u8>) -> ShortMessage {
    ShortMessage {
        source: Address::international(from.expose_digits()),
        destination: Address {
            ton: NETWORK_SPECIFIC,
            npi: 1,
            value: service.to_owned().into(),
        },
        short_message: Bytes::from(octets).into(),
        ..ShortMessage::default()
    }
}

/// TP-UDHI in `esm_class`.
const UDHI: u8 = 0x40;
/// UDHL, IEI 70 (command packet) and its length: 3GPP TS 31.115 §4.2.
const COMMAND_HEADER: &[u8] = &[0x02, 0x70, 0x00];
/// TP-PID of (U)SIM data download: 3GPP TS 23.040 §9.2.3.9.
const SIM_DATA_DOWNLOAD: u8 = 0x7F;
/// TP-DCS of 8-bit data for the SIM: 3GPP TS 23.038 §4.
const CLASS_2_8_BIT: u8 = 0xF6;
/// Type of number of a short code.
const NETWORK_SPECIFIC: u8 = 3;
/// As many as the gateway joins at most for an order.
const TEXT_PARTS_MAX: u8 = 4;

#[cfg(test)]
mod tests {
    use super::phrasebook::Tongue;
    use super::*;
    use crate::auth::secured_packet::{CcLength, KeyOctet, KeyProfile, Spi1, Tar};
    use crate::auth::sim_keys::Master;
    use crate::domain::Millis;
    use crate::simulator::soft_sim::CardProfiles;
    use crate::sms::reassembly::{Added, Part, PartSet};

    fn phone() -> Handset {
        let profile = KeyProfile {
            kic: KeyOctet::try_from(0x12).unwrap(),
            kid: KeyOctet::try_from(0x12).unwrap(),
            cc: CcLength::Eight,
            spi1_min: Spi1(0x16),
            tar: Tar([0xB0, 0, 1]),
        };
        let profiles = CardProfiles {
            orders: profile,
            confirmations: profile,
        };
        let iccid = "8988211000000000003".parse().unwrap();
        let sim = SoftSim::personalise(&Master::new(&[7; 32]), &iccid, 1, profiles);
        Handset::new("491700000001".parse().unwrap(), sim)
    }

    fn read(message: &ShortMessage) -> Message {
        let carriage = Carriage {
            coding: DataCoding::from_smpp(message.data_coding),
            smsc: SmscAlphabet::Gsm7Unpacked,
            with_header: message.esm_class & UDHI != 0,
        };
        Message::read(&message.payload().0, carriage).unwrap()
    }

    #[test]
    fn the_two_parts_of_an_order_join_to_its_text_in_any_order() {
        let parts = phone().text_in_two("778", "BUY 4711 12 x2").unwrap();
        let mut set = PartSet::open(2, Millis(1_000)).unwrap();
        let mut joined = None;
        for message in parts.iter().rev() {
            let message = read(message);
            let concatenation = message.concatenation(None).unwrap();
            if let Added::Complete(whole) = set.add(Part::new(message, concatenation), Millis(0)) {
                joined = whole.text();
            }
        }
        assert_eq!(joined.as_deref(), Some("BUY 4711 12 x2"));
    }

    #[test]
    fn an_arabic_order_goes_out_in_ucs2() {
        let [message] = phone().text("778", "اشتر 4711 12").try_into().unwrap();
        assert_eq!(message.data_coding, 8);
        assert_eq!(read(&message).text().as_deref(), Some("اشتر 4711 12"));
    }

    #[test]
    fn junk_in_the_name_of_the_operator_is_a_bad_message() {
        let book = Phrasebook::of(Tongue::English).unwrap();
        let mut phone = phone();
        let forged = phone.carry("778", &[0; 40]);
        assert!(matches!(
            phone.receive(&forged, &book),
            Received::Bad(BadMessage::Confirmation(_))
        ));
        let spam = phone.text("778", "You have won").remove(0);
        assert!(matches!(
            phone.receive(&spam, &book),
            Received::Bad(BadMessage::Unknown(_))
        ));
    }
}
