//! Sessions of an aggregator: a request in, its answer out.

use tokio::sync::oneshot;

use crate::domain::Millis;
use crate::http::aggregators::Ask;
use crate::serve::ussd::carrier::{Callee, Carrier, Taken};
use crate::serve::ussd::seat::Seat;
use crate::ussd::history::{Histories, Terms};
use crate::ussd::{Event, NotAsked, NotSaid, Received, Reply, SessionId};

/// One aggregator with its sessions.
pub(in crate::serve) struct AggregatorCarrier {
    sessions: Histories<Seat, oneshot::Sender<Reply>>,
}

impl AggregatorCarrier {
    pub(in crate::serve) fn new(terms: Terms) -> Self {
        Self {
            sessions: Histories::new(terms),
        }
    }

    /// Whoever asked may be gone: it asks again, and is told the same.
    fn answer(&mut self) {
        while let Some((waiter, reply)) = self.sessions.poll_transmit() {
            waiter.send(reply).ok();
        }
    }
}

impl Carrier for AggregatorCarrier {
    type Came = Ask;

    const ACKNOWLEDGED: bool = false;

    /// Without room the answer's sender is dropped, which is what says so.
    fn take(&mut self, came: Ask, has_room: bool, now: Millis) -> Received {
        if !has_room {
            return Received::Full;
        }
        let received = self.sessions.receive(came.request, came.answer, now);
        self.answer();
        received
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.sessions.poll_event()
    }

    fn seat(&mut self, session: SessionId) -> Option<&mut Seat> {
        self.sessions.state_mut(session)
    }

    fn reply(&mut self, session: SessionId, reply: Reply, now: Millis) -> Result<(), NotSaid> {
        let said = self.sessions.reply(session, reply, now);
        self.answer();
        said
    }

    /// An aggregator asks, it is not asked.
    fn ask(&mut self, _: &Callee, _: Millis) -> Result<SessionId, NotAsked> {
        Err(NotAsked::Dialect)
    }

    /// Nothing is sent of which it could be known.
    fn failed(&mut self, _: SessionId) {}

    fn tick(&mut self, now: Millis) {
        self.sessions.tick(now);
        self.answer();
    }

    fn next_deadline(&self) -> Option<Millis> {
        self.sessions.next_deadline()
    }

    fn len(&self) -> usize {
        self.sessions.len()
    }

    async fn send(&mut self) -> Option<Taken> {
        // Answers leave at once.
        std::future::pending().await
    }
}
