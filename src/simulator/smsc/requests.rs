//! What an SMSC answers to an ESME: binds, submits with their receipts, enquiries.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::connection::{Bound, Serving};
use super::faults::Faults;
use super::queue::Queued;
use super::{MessageIds, SmscCounts, Submitted};
use crate::smpp::pdu::{
    Bind, BindMode, BindResp, Body, COctetString, CommandStatus, MessageResp, Pdu, ShortMessage,
    Tag, Tlvs,
};

impl Serving {
    /// Answers a request, or does what it asks.
    pub(super) fn on_request(&mut self, pdu: Pdu) {
        let counts = &self.shared.counts;
        let unserved = CommandStatus::ESME_RINVCMDID;
        match &pdu.body {
            Body::Bind(bind) => self.on_bind(bind, pdu.sequence),
            Body::SubmitSm(_) => self.on_submit(pdu),
            Body::EnquireLink => {
                SmscCounts::count(&counts.enquiries);
                if !Faults::is_on(&self.shared.faults.ignore_enquiries) {
                    self.respond(&pdu, CommandStatus::ESME_ROK);
                }
            }
            Body::Unbind => {
                SmscCounts::count(&counts.unbinds);
                self.respond(&pdu, CommandStatus::ESME_ROK);
                self.ended = true;
            }
            Body::SubmitMulti(_)
            | Body::DeliverSm(_)
            | Body::DataSm(_)
            | Body::QuerySm(_)
            | Body::CancelSm(_)
            | Body::ReplaceSm(_)
            | Body::Outbind(_)
            | Body::AlertNotification(_) => self.respond(&pdu, unserved),
            // Responses never come here.
            Body::GenericNack
            | Body::BindResp(_)
            | Body::UnbindResp
            | Body::EnquireLinkResp
            | Body::SubmitSmResp(_)
            | Body::SubmitMultiResp(_)
            | Body::DeliverSmResp(_)
            | Body::DataSmResp(_)
            | Body::QuerySmResp(_)
            | Body::CancelSmResp
            | Body::ReplaceSmResp => {}
        }
    }

    fn on_bind(&mut self, bind: &Bind, sequence: u32) {
        let faults = &self.shared.faults;
        if bind.interface_version >= 0x50 && Faults::is_on(&faults.ignore_version_5) {
            return;
        }
        let known = self
            .shared
            .config
            .accounts
            .iter()
            .any(|(system_id, password)| {
                system_id.as_bytes() == bind.system_id.as_octets()
                    && password.as_bytes() == bind.password.0.as_octets()
            });
        let refusal = faults.refuse_binds.load(Ordering::Relaxed);
        let status = match (known, &self.bound) {
            _ if refusal != 0 => CommandStatus(refusal),
            (false, _) => CommandStatus::ESME_RINVPASWD,
            (true, Some(_)) => CommandStatus::ESME_RALYBND,
            (true, None) => CommandStatus::ESME_ROK,
        };
        let mode = if Faults::is_on(&faults.wrong_bind_resp) {
            BindMode::Transmitter
        } else {
            bind.mode
        };
        let tlvs = Tlvs::new().with(Tag::SC_INTERFACE_VERSION, Bytes::from_static(&[0x34]));
        let resp = BindResp {
            mode,
            system_id: "svgate-smsc".into(),
            tlvs,
        };
        self.write(&Pdu {
            status,
            sequence,
            body: Body::BindResp(resp),
        });
        if status.is_ok() {
            SmscCounts::count(&self.shared.counts.binds);
            self.bound = Some(Bound {
                mode: bind.mode,
                system_id: bind.system_id.clone(),
            });
            self.shared
                .bound
                .send_modify(|bound| *bound = bound.saturating_add(1));
        } else {
            SmscCounts::count(&self.shared.counts.binds_refused);
        }
    }

    fn on_submit(&mut self, pdu: Pdu) {
        let transmits = self
            .bound
            .as_ref()
            .filter(|bound| bound.mode != BindMode::Receiver);
        let Some(system_id) = transmits.map(|bound| bound.system_id.clone()) else {
            return self.respond(&pdu, CommandStatus::ESME_RINVBNDSTS);
        };
        let faults = &self.shared.faults;
        if Faults::take(&faults.swallow_next) {
            return;
        }
        let refusal = if Faults::take(&faults.queue_full_next) {
            Some(CommandStatus::ESME_RMSGQFUL)
        } else if Faults::take(&faults.throttle_next) || self.is_above_rate() {
            Some(CommandStatus::ESME_RTHROTTLED)
        } else {
            None
        };
        if let Some(status) = refusal {
            SmscCounts::count(&self.shared.counts.throttled);
            return self.respond(&pdu, status);
        }
        let Pdu {
            sequence,
            body: Body::SubmitSm(message),
            ..
        } = pdu
        else {
            return;
        };
        let number = self.shared.next_message.fetch_add(1, Ordering::Relaxed);
        let message_id = match self.shared.config.message_ids {
            MessageIds::Decimal => format!("{number:010}"),
            MessageIds::HexThenDecimal => format!("{number:08X}"),
            MessageIds::Alike => "msg_id_not_implemented".to_owned(),
        };
        let message_id = COctetString::from(message_id);
        let receipt = (message.registered_delivery & 1 == 1).then(|| receipt(&message, number));
        let submitted = Submitted {
            system_id,
            message_id: message_id.clone(),
            message,
        };
        let status = match self.shared.submitted.try_send(submitted) {
            Ok(()) => CommandStatus::ESME_ROK,
            Err(_) => CommandStatus::ESME_RMSGQFUL,
        };
        let resp = MessageResp {
            message_id,
            tlvs: Tlvs::new(),
        };
        self.write(&Pdu {
            status,
            sequence,
            body: Body::SubmitSmResp(resp),
        });
        if status.is_ok() {
            SmscCounts::count(&self.shared.counts.submits);
            if let Some(receipt) = receipt {
                // A receipt is a favour: with the queue full there is none.
                self.shared.enqueue(Queued::new(receipt, None)).ok();
            }
        } else {
            SmscCounts::count(&self.shared.counts.throttled);
        }
    }

    fn is_above_rate(&mut self) -> bool {
        let most = self.shared.config.submits_per_s;
        let second = (self.shared.clock)().as_secs();
        if self.this_second.0 != second {
            self.this_second = (second, 0);
        }
        self.this_second.1 = self.this_second.1.saturating_add(1);
        most > 0 && self.this_second.1 > most
    }

    fn respond(&mut self, request: &Pdu, status: CommandStatus) {
        if let Some(answer) = request.answer(status) {
            self.write(&answer);
        }
    }
}

/// The receipt for a message: text form and TLVs, for ESMEs read either (3.4 appendix B).
fn receipt(message: &ShortMessage, number: u64) -> ShortMessage {
    let text = format!(
        "id:{number:010} sub:001 dlvrd:001 submit date:YYMMDDhhmm done date:YYMMDDhhmm \
         stat:DELIVRD err:000 text:"
    );
    let tlvs = Tlvs::new()
        .with(Tag::RECEIPTED_MESSAGE_ID, format!("{number:010}\0"))
        .with(Tag::MESSAGE_STATE, Bytes::from_static(&[DELIVERED]));
    let tlvs = match message.tlvs.user_message_reference() {
        Some(reference) => {
            let octets = Bytes::copy_from_slice(&reference.to_be_bytes());
            tlvs.with(Tag::USER_MESSAGE_REFERENCE, octets)
        }
        None => tlvs,
    };
    ShortMessage {
        source: message.destination.clone(),
        destination: message.source.clone(),
        esm_class: RECEIPT,
        short_message: Bytes::from(text).into(),
        tlvs,
        ..ShortMessage::default()
    }
}

/// `esm_class` of a delivery receipt.
const RECEIPT: u8 = 0x04;
/// `message_state` 2, delivered.
const DELIVERED: u8 = 2;
