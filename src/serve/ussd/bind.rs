//! Sessions over an SMPP bind: `deliver_sm` in, `submit_sm` out, in the dialect of its centre.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};

use crate::domain::Millis;
use crate::gateway::intake::Origin;
use crate::serve::ussd::carrier::{Callee, Carrier, Taken};
use crate::serve::ussd::seat::Seat;
use crate::smpp::link::{Delivery, LinkStats, Submit};
use crate::smpp::pdu::CommandStatus;
use crate::smpp::ussd::{Dialect, Sessions, Terms};
use crate::ussd::{Event, NotAsked, NotSaid, Received, Reply, SessionId};

/// One bind with the sessions on it.
pub(in crate::serve) struct BindCarrier {
    sessions: Sessions<Seat>,
    origin: Origin,
    stats: Arc<LinkStats>,
    /// The connection that the sessions came by.
    bind: u64,
    submits: mpsc::Sender<Submit>,
}

impl BindCarrier {
    pub(in crate::serve) fn new(
        dialect: Arc<Dialect>,
        terms: Terms,
        origin: Origin,
        stats: Arc<LinkStats>,
        submits: mpsc::Sender<Submit>,
    ) -> Self {
        Self {
            sessions: Sessions::new(dialect, terms),
            origin,
            stats,
            bind: 0,
            submits,
        }
    }
}

impl Carrier for BindCarrier {
    type Came = Delivery;

    const ACKNOWLEDGED: bool = true;

    /// The centre is answered at once, before anything is said.
    fn take(&mut self, came: Delivery, has_room: bool, now: Millis) -> Received {
        let Delivery {
            message, responder, ..
        } = came;
        let received = match self.origin.sender(&message.source) {
            // Letters and numbers of no known country: there is nobody to answer.
            None => Received::Taken,
            Some(phone) if has_room => self.sessions.receive(phone, &message, now),
            Some(_) => Received::Full,
        };
        responder.answer(match received {
            Received::Taken => CommandStatus::ESME_ROK,
            Received::Full => CommandStatus::ESME_RMSGQFUL,
        });
        received
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.sessions.poll_event()
    }

    fn seat(&mut self, session: SessionId) -> Option<&mut Seat> {
        self.sessions.state_mut(session)
    }

    fn reply(&mut self, session: SessionId, reply: Reply, now: Millis) -> Result<(), NotSaid> {
        self.sessions.reply(session, reply, now)
    }

    fn ask(&mut self, callee: &Callee, now: Millis) -> Result<SessionId, NotAsked> {
        self.sessions.ask(callee.phone, &callee.service, now)
    }

    fn failed(&mut self, session: SessionId) {
        self.sessions.failed(session);
    }

    fn tick(&mut self, now: Millis) {
        self.sessions.tick(now);
    }

    fn next_deadline(&self) -> Option<Millis> {
        self.sessions.next_deadline()
    }

    /// Sessions die with their connection: what was underway may come twice.
    fn look(&mut self) -> bool {
        let bound = self.stats.bound.load(Ordering::Relaxed);
        let bind = self.stats.binds.load(Ordering::Relaxed);
        if bind != self.bind || !bound {
            self.bind = bind;
            self.sessions.lost();
        }
        bound
    }

    fn len(&self) -> usize {
        self.sessions.len()
    }

    async fn send(&mut self) -> Option<Taken> {
        if !self.sessions.has_transmit() {
            return std::future::pending().await;
        }
        let Ok(permit) = self.submits.reserve().await else {
            self.sessions.lost();
            return None;
        };
        let outgoing = self.sessions.poll_transmit()?;
        let (reply, taken) = oneshot::channel();
        permit.send(Submit {
            message: outgoing.message,
            reply,
        });
        let session = outgoing.session?;
        let taken = Box::pin(async move { matches!(taken.await, Ok(Ok(_))) });
        Some(Taken { session, taken })
    }
}
