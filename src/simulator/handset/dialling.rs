//! The USSD session of a phone, as a centre carries it: SMPP 5.0 §4.8.4.64, the dialect `spec`.
//!
//! ```text
//! code ──► op 1 ──► ESME      ESME ──► op 2: a question, op 17: the last text ──► display
//! answer ──► op 18 ──► ESME   its_session_info: │ number of the session │ count, last │
//! ```

use crate::domain::msisdn::Msisdn;
use crate::smpp::pdu::{ShortMessage, Tag};
use crate::sms::coding::DataCoding;
use crate::sms::{Carriage, Message, SmscAlphabet};

/// One phone's sessions: it has one at a time.
#[derive(Default)]
pub(super) struct Dialling {
    /// The number of the present one.
    session: u8,
}

/// A text of a USSD session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What stands on the display.
    pub text: String,
    /// Whether it was the last one.
    pub ends: bool,
}

impl Dialling {
    /// Dials a code, in a new session.
    pub(super) fn dial(&mut self, from: Msisdn, service: &str, code: &str) -> ShortMessage {
        self.session = self.session.wrapping_add(1);
        self.ussd(from, service, code, PSSR_INDICATION)
    }

    /// Answers in the present one.
    pub(super) fn answer(&self, from: Msisdn, service: &str, text: &str) -> ShortMessage {
        self.ussd(from, service, text, USSR_CONFIRM)
    }

    /// What the display shows, if this is a text of the present one.
    pub(super) fn shown(&self, message: &ShortMessage) -> Option<Shown> {
        let operation = message.tlvs.ussd_service_op()?;
        let mark = message.tlvs.its_session_info()?;
        if mark.first() != Some(&self.session) {
            return None;
        }
        let carriage = Carriage {
            coding: DataCoding::from_cbs(message.data_coding),
            smsc: SmscAlphabet::Gsm7Unpacked,
            with_header: false,
        };
        let text = Message::read(&message.payload().0, carriage).ok()?.text()?;
        let ends = operation == PSSR_RESPONSE;
        Some(Shown { text, ends })
    }

    fn ussd(&self, from: Msisdn, service: &str, text: &str, operation: u8) -> ShortMessage {
        let mut message = super::message(from, service, text.as_bytes().to_vec());
        message.service_type = "USSD".into();
        message.data_coding = LANGUAGE_UNSPECIFIED;
        message.tlvs.push(Tag::USSD_SERVICE_OP, vec![operation]);
        message
            .tlvs
            .push(Tag::ITS_SESSION_INFO, vec![self.session, 0]);
        message
    }
}

/// `ussd_service_op` of a code that was dialled, of an answer, and of the last text.
const PSSR_INDICATION: u8 = 1;
const USSR_CONFIRM: u8 = 18;
const PSSR_RESPONSE: u8 = 17;
/// `data_coding` of 7-bit text: 3GPP TS 23.038 §5.
const LANGUAGE_UNSPECIFIED: u8 = 0x0F;
