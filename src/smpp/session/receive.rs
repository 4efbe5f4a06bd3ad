//! The receiving half of a session: what each PDU of an SMSC does, the wrong ones included.

use bytes::BytesMut;

use super::events::{Closed, Event, Message, Outcome, Request, Token};
use super::pace::Congestion;
use super::{Phase, Session};
use crate::domain::Millis;
use crate::smpp::pdu::{
    Body, COctetString, CommandStatus, DecodeError, MessageResp, Pdu, ShortMessage, answer_for,
    decode, split_frame,
};

impl Session {
    /// Takes every whole PDU off the front of `input`; the rest stays for the next call.
    pub fn receive(&mut self, input: &mut BytesMut, now: Millis) {
        while self.phase != Phase::Closed {
            let frame = match split_frame(input) {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => {
                    count(&mut self.counts.malformed);
                    self.write_own(&error.answer());
                    return self.close(Closed::OutOfStep);
                }
            };
            count(&mut self.counts.pdus_in);
            self.heard_at = now;
            match decode(&frame) {
                Ok(pdu) => self.on_pdu(pdu, now),
                Err(error) => self.on_malformed(&error, now),
            }
        }
    }

    fn on_pdu(&mut self, pdu: Pdu, now: Millis) {
        let Pdu {
            status,
            sequence,
            body,
        } = pdu;
        let none = COctetString::default;
        match body {
            Body::DeliverSm(message) => {
                self.on_delivery(
                    Unanswered {
                        sequence,
                        answer: Body::DeliverSmResp,
                    },
                    message,
                );
            }
            Body::DataSm(data) => {
                self.on_delivery(
                    Unanswered {
                        sequence,
                        answer: Body::DataSmResp,
                    },
                    data.into(),
                );
            }
            Body::SubmitSmResp(resp) | Body::DataSmResp(resp) | Body::DeliverSmResp(resp) => {
                self.on_response(sequence, status, resp.message_id, now);
            }
            Body::BindResp(resp) => self.on_response(sequence, status, resp.system_id, now),
            // A nack says that something was wrong, even one that forgot to say what.
            Body::GenericNack if status.is_ok() => {
                self.on_response(sequence, CommandStatus::ESME_RUNKNOWNERR, none(), now);
            }
            Body::GenericNack
            | Body::UnbindResp
            | Body::EnquireLinkResp
            | Body::SubmitMultiResp(_)
            | Body::QuerySmResp(_)
            | Body::CancelSmResp
            | Body::ReplaceSmResp => self.on_response(sequence, status, none(), now),
            Body::EnquireLink => self.respond(sequence, Body::EnquireLinkResp),
            Body::Unbind => {
                self.respond(sequence, Body::UnbindResp);
                self.close(Closed::UnboundByPeer);
            }
            Body::AlertNotification(_) => count(&mut self.counts.alerts),
            Body::Outbind(_) => count(&mut self.counts.outbinds),
            Body::Bind(_)
            | Body::SubmitSm(_)
            | Body::SubmitMulti(_)
            | Body::QuerySm(_)
            | Body::CancelSm(_)
            | Body::ReplaceSm(_) => self.write_own(&Pdu {
                status: CommandStatus::ESME_RINVCMDID,
                sequence,
                body: Body::GenericNack,
            }),
        }
    }

    /// A message from a handset: handed up, or refused at once where nobody could answer it.
    fn on_delivery(&mut self, delivery: Unanswered, message: ShortMessage) {
        let refusal = match self.phase {
            Phase::Binding => CommandStatus::ESME_RINVBNDSTS,
            Phase::Bound if self.unanswered.len() < self.terms.unanswered_deliveries => {
                let token = Token(self.next_token);
                self.next_token = self.next_token.saturating_add(1);
                self.unanswered.insert(token, delivery);
                return self.events.push_back(Event::Delivery { token, message });
            }
            Phase::Bound | Phase::Stopping { .. } | Phase::Unbinding { .. } | Phase::Closed => {
                count(&mut self.counts.deliveries_refused);
                CommandStatus::ESME_RMSGQFUL
            }
        };
        self.write_own(&delivery.response(refusal));
    }

    /// A PDU whose body cannot be read. Its header can: a request is answered, and a response has
    /// said by its status what matters. The link stays.
    fn on_malformed(&mut self, error: &DecodeError, now: Millis) {
        count(&mut self.counts.malformed);
        let header = error.header;
        if header.id.is_response() {
            return self.on_response(header.sequence, header.status, COctetString::default(), now);
        }
        if let Some(answer) = answer_for(error) {
            self.write_own(&answer);
        }
    }

    /// A response to `sequence`, whatever its command id says it answers.
    fn on_response(&mut self, sequence: u32, status: CommandStatus, id: COctetString, now: Millis) {
        let Some(waiting) = self.window.close(sequence) else {
            return count(&mut self.counts.strays);
        };
        match waiting.request {
            Request::Bind if status.is_ok() => {
                self.phase = Phase::Bound;
                self.events.push_back(Event::Bound { smsc: id });
            }
            Request::Bind => self.close(Closed::Refused(status)),
            Request::Unbind => self.close(Closed::Unbound),
            // Even a refused enquire_link was answered by somebody alive.
            Request::EnquireLink => self.enquiring = false,
            Request::Message(message) if status.is_ok() => {
                count(&mut self.counts.accepted);
                self.pace.accepted(now);
                self.settle(message.ticket, Outcome::Accepted { message_id: id });
            }
            Request::Message(message) => self.on_refused(*message, status, waiting.sent_at, now),
        }
        self.send_again(now);
        self.unbind_when_done(now);
    }

    fn on_refused(
        &mut self,
        message: Message,
        status: CommandStatus,
        sent_at: Millis,
        now: Millis,
    ) {
        let congestion = match status {
            CommandStatus::ESME_RTHROTTLED => Congestion::Throttled,
            CommandStatus::ESME_RMSGQFUL => Congestion::QueueFull,
            _ => {
                count(&mut self.counts.refused);
                return self.settle(message.ticket, Outcome::Refused(status));
            }
        };
        count(&mut self.counts.throttled);
        let is_first = message.refusals == 0;
        self.pace.refused(congestion, is_first, sent_at, now);
        let refusals = message.refusals.saturating_add(1);
        if self.is_bound() && refusals < REFUSALS_MAX {
            self.underway = self.underway.saturating_sub(1);
            self.again.push_back(Message {
                refusals,
                status,
                ..message
            });
        } else {
            self.settle(message.ticket, Outcome::Refused(status));
        }
    }

    fn respond(&mut self, sequence: u32, body: Body) {
        self.write_own(&Pdu {
            status: CommandStatus::ESME_ROK,
            sequence,
            body,
        });
    }
}

/// A delivery that the gateway has yet to answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// The SMSC's own number for it, which it may use for another one before we answer.
    sequence: u32,
    /// The response that goes with the request.
    answer: fn(MessageResp) -> Body,
}

impl Unanswered {
    pub(super) fn response(&self, status: CommandStatus) -> Pdu {
        Pdu {
            status,
            sequence: self.sequence,
            body: (self.answer)(MessageResp::default()),
        }
    }
}

const fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// Refused so often, pauses between, a message goes back to its outbox, which has more patience.
const REFUSALS_MAX: u8 = 8;
