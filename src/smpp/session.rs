//! One bind as an ESME sees it, sans-IO: SMPP 3.4 §2.2 (states), §2.7 (windows), §7.2 (timers).
//!
//! ```text
//!            bind_resp 0          stop()                 nothing underway
//! Binding ──────────────► Bound ─────────► Stopping ──────────────────────► Unbinding ──► Closed
//!    │ refused, silent      │ unbind, dead link, broken stream, lost connection             ▲
//!    └──────────────────────┴───────────────────────────────────────────────────────────────┘
//! ```
//! Octets and the time go in, octets and events come out. Responses are matched by sequence number
//! alone, for SMSCs answer with another bind's response id. Nothing that a peer sends ends the
//! session but `unbind`, a refused bind, and a length that cannot be true.

pub mod backoff;
mod events;
pub mod pace;
mod receive;
mod terms;
pub mod window;

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};

pub use self::events::{Closed, Counts, Event, NotSent, Outcome, Ticket, Token};
use self::events::{Message, Request};
use self::pace::Pace;
use self::receive::Unanswered;
pub use self::terms::{InterfaceVersion, Password, Terms};
use self::window::Window;
use crate::domain::Millis;
use crate::smpp::pdu::{Body, CommandStatus, EncodeError, Pdu, encode};

/// The client's side of one bind over one connection. A new connection needs a new session.
#[derive(Debug)]
pub struct Session {
    terms: Terms,
    phase: Phase,
    window: Window<Request>,
    pace: Pace,
    /// Messages in the window, which also holds `enquire_link` and its like.
    underway: usize,
    /// Messages refused as too much, which go first when the pause is over.
    again: VecDeque<Message>,
    unanswered: BTreeMap<Token, Unanswered>,
    next_token: u64,
    next_ticket: u64,
    enquiring: bool,
    heard_at: Millis,
    outgoing: BytesMut,
    events: VecDeque<Event>,
    counts: Counts,
}

impl Session {
    /// A session on a fresh connection, with its bind request ready to go out.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when system id, password or system type do not fit a bind.
    pub fn new(terms: Terms, now: Millis) -> Result<Self, EncodeError> {
        let body = Body::Bind(terms.bind());
        let mut session = Self {
            window: Window::new(terms.request_timeout_ms),
            pace: Pace::new(terms.rate_per_s, terms.window_pdus, now),
            phase: Phase::Binding,
            underway: 0,
            again: VecDeque::new(),
            unanswered: BTreeMap::new(),
            next_token: 0,
            next_ticket: 0,
            enquiring: false,
            heard_at: now,
            outgoing: BytesMut::new(),
            events: VecDeque::new(),
            counts: Counts::default(),
            terms,
        };
        let sequence = session.window.open(Request::Bind, now);
        session.write(&Pdu::request(sequence, body))?;
        Ok(session)
    }

    /// Sends a `submit_sm` or `data_sm`. Its outcome comes as [`Event::Answered`] with this ticket.
    ///
    /// # Errors
    ///
    /// [`NotSent`]; nothing of the message is kept.
    pub fn send(&mut self, body: Body, now: Millis) -> Result<Ticket, NotSent> {
        match self.phase {
            Phase::Bound => {}
            Phase::Binding | Phase::Stopping { .. } | Phase::Unbinding { .. } | Phase::Closed => {
                return Err(NotSent::NotBound);
            }
        }
        if !self.is_ready(now) {
            return Err(NotSent::Full);
        }
        let ticket = Ticket(self.next_ticket);
        let message = Message {
            ticket,
            body,
            refusals: 0,
            status: CommandStatus::ESME_ROK,
        };
        self.write_message(message, now)
            .map_err(NotSent::Unencodable)?;
        self.next_ticket = self.next_ticket.saturating_add(1);
        Ok(ticket)
    }

    /// Whether [`send`](Self::send) would take a message now.
    #[must_use]
    pub fn is_ready(&self, now: Millis) -> bool {
        self.has_room() && self.pace.allows(now)
    }

    /// When the rate allows the next message; `None` while a response must come first.
    #[must_use]
    pub fn ready_at(&self) -> Option<Millis> {
        self.has_room().then(|| self.pace.next_allowed())
    }

    /// Whether the bind stands and takes messages.
    #[must_use]
    pub const fn is_bound(&self) -> bool {
        matches!(self.phase, Phase::Bound)
    }

    /// Answers a delivery, in any order. An unknown token, or the same one again, changes nothing:
    /// returns whether an answer went out.
    pub fn answer(&mut self, token: Token, status: CommandStatus, now: Millis) -> bool {
        let Some(unanswered) = self.unanswered.remove(&token) else {
            return false;
        };
        self.write_own(&unanswered.response(status));
        self.unbind_when_done(now);
        true
    }

    /// Begins to give up the bind: no new messages, 0x14 to new deliveries, and `unbind` once
    /// nothing is underway, after `within_ms` at the latest. A second call changes nothing.
    pub fn stop(&mut self, within_ms: i64, now: Millis) {
        match self.phase {
            Phase::Binding => self.close(Closed::Unbound),
            Phase::Bound => {
                self.phase = Phase::Stopping {
                    until: now.plus_ms(within_ms),
                };
                self.refuse_again();
                self.unbind_when_done(now);
            }
            Phase::Stopping { .. } | Phase::Unbinding { .. } | Phase::Closed => {}
        }
    }

    /// The connection broke: what was underway is [`Outcome::Silent`].
    pub fn lost(&mut self) {
        self.close(Closed::Lost);
    }

    /// Does what is due: time-outs, `enquire_link`, throttled messages again, the end of a stop. A
    /// spurious tick changes nothing.
    pub fn tick(&mut self, now: Millis) {
        while let Some((_, waiting)) = self.window.expire(now) {
            self.counts.timeouts = self.counts.timeouts.saturating_add(1);
            match waiting.request {
                Request::Bind => return self.close(Closed::BindUnanswered),
                Request::Unbind => return self.close(Closed::Unbound),
                // A peer that sends anything else lives, whatever it thinks of enquire_link.
                Request::EnquireLink if self.heard_at <= waiting.sent_at => {
                    return self.close(Closed::LinkDead);
                }
                Request::EnquireLink => self.enquiring = false,
                Request::Message(message) => self.settle(message.ticket, Outcome::Silent),
            }
        }
        match self.phase {
            Phase::Unbinding { until } if now >= until => return self.close(Closed::Unbound),
            Phase::Binding | Phase::Bound | Phase::Stopping { .. } => {}
            Phase::Unbinding { .. } | Phase::Closed => return,
        }
        if self.enquires_at().is_some_and(|due| now >= due) {
            self.enquiring = true;
            let sequence = self.window.open(Request::EnquireLink, now);
            self.write_own(&Pdu::request(sequence, Body::EnquireLink));
        }
        self.send_again(now);
        self.unbind_when_done(now);
    }

    /// When [`tick`](Self::tick) has something to do, if nothing comes in before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let ends = match self.phase {
            Phase::Stopping { until } | Phase::Unbinding { until } => Some(until),
            Phase::Binding | Phase::Bound => None,
            Phase::Closed => return None,
        };
        let resends = (self.again_may_go()).then(|| self.pace.next_allowed());
        [
            ends,
            resends,
            self.enquires_at(),
            self.window.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The octets to write next, all that are ready: many PDUs go in one system call.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        (!self.outgoing.is_empty()).then(|| self.outgoing.split().freeze())
    }

    /// How many octets wait to be written. A peer that does not read its answers must not be read.
    #[must_use]
    pub fn unwritten_octets(&self) -> usize {
        self.outgoing.len()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What happened since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }
}

impl Session {
    fn has_room(&self) -> bool {
        let window = usize::try_from(self.pace.window()).unwrap_or(usize::MAX);
        self.is_bound() && self.again.is_empty() && self.underway < window
    }

    fn again_may_go(&self) -> bool {
        let window = usize::try_from(self.pace.window()).unwrap_or(usize::MAX);
        self.is_bound() && !self.again.is_empty() && self.underway < window
    }

    fn enquires_at(&self) -> Option<Millis> {
        let alive = matches!(self.phase, Phase::Bound | Phase::Stopping { .. });
        (alive && !self.enquiring).then(|| self.heard_at.plus_ms(self.terms.enquire_link_ms))
    }

    fn write_message(&mut self, message: Message, now: Millis) -> Result<(), EncodeError> {
        let sequence = self.window.next_sequence();
        let pdu = Pdu::request(sequence, message.body);
        self.write(&pdu)?;
        let message = Message {
            body: pdu.body,
            ..message
        };
        self.window.open(Request::Message(Box::new(message)), now);
        self.underway = self.underway.saturating_add(1);
        self.pace.sent(now);
        Ok(())
    }

    /// Writes a PDU that always fits: one whose fields are all ours.
    fn write_own(&mut self, pdu: &Pdu) {
        if self.write(pdu).is_err() {
            tracing::error!(
                sequence = pdu.sequence,
                "a response of our own does not fit a pdu"
            );
        }
    }

    fn write(&mut self, pdu: &Pdu) -> Result<(), EncodeError> {
        encode(pdu, &mut self.outgoing)?;
        self.counts.pdus_out = self.counts.pdus_out.saturating_add(1);
        Ok(())
    }

    fn send_again(&mut self, now: Millis) {
        while self.again_may_go() && self.pace.allows(now) {
            let Some(message) = self.again.pop_front() else {
                return;
            };
            let (ticket, status) = (message.ticket, message.status);
            // It was encoded once before, so this can only repeat what the SMSC said then.
            if self.write_message(message, now).is_err() {
                self.events.push_back(Event::Answered {
                    ticket,
                    outcome: Outcome::Refused(status),
                });
            }
        }
    }

    fn refuse_again(&mut self) {
        for Message { ticket, status, .. } in self.again.drain(..) {
            self.events.push_back(Event::Answered {
                ticket,
                outcome: Outcome::Refused(status),
            });
        }
    }

    /// A message has left the window for good.
    fn settle(&mut self, ticket: Ticket, outcome: Outcome) {
        self.underway = self.underway.saturating_sub(1);
        self.events.push_back(Event::Answered { ticket, outcome });
    }

    fn unbind_when_done(&mut self, now: Millis) {
        let Phase::Stopping { until } = self.phase else {
            return;
        };
        if now >= until || (self.underway == 0 && self.unanswered.is_empty()) {
            let sequence = self.window.open(Request::Unbind, now);
            self.write_own(&Pdu::request(sequence, Body::Unbind));
            self.phase = Phase::Unbinding {
                until: now.plus_ms(UNBIND_MS),
            };
        }
    }

    fn close(&mut self, reason: Closed) {
        if self.phase == Phase::Closed {
            return;
        }
        self.phase = Phase::Closed;
        for (_, waiting) in self.window.drain() {
            if let Request::Message(message) = waiting.request {
                let ticket = message.ticket;
                self.events.push_back(Event::Answered {
                    ticket,
                    outcome: Outcome::Silent,
                });
            }
        }
        self.underway = 0;
        self.refuse_again();
        self.unanswered.clear();
        self.events.push_back(Event::Closed(reason));
    }
}

/// Where the bind stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Binding,
    Bound,
    Stopping { until: Millis },
    Unbinding { until: Millis },
    Closed,
}

/// An SMSC answers `unbind` at once or never; a stop waits no longer for it.
const UNBIND_MS: i64 = 2_000;

#[cfg(test)]
mod tests;
