//! Sessions at an HLR: whose card it is, then the desk; and back by GSUP.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use crate::domain::Millis;
use crate::gateway::browse::Browse;
use crate::gsup::link::LinkState;
use crate::gsup::message::{Message, State};
use crate::gsup::sessions::{Caller, Sessions};
use crate::serve::ussd::carrier::{Callee, Carrier, Taken};
use crate::serve::ussd::seat::Seat;
use crate::ussd::{Event, NotAsked, NotSaid, Received, Reply, SessionId};

/// A message, and whose card it is about where that matters.
pub(in crate::serve) struct FromHlr {
    message: Message,
    caller: Caller,
}

/// Finds out whose cards begin sessions, in the order of the messages: an HLR waits for an answer
/// to each before the next of one session.
pub(in crate::serve) async fn find_callers(
    views: impl Browse,
    mut came: mpsc::Receiver<Message>,
    to_desk: mpsc::Sender<FromHlr>,
) {
    while let Some(message) = came.recv().await {
        let caller = match message.state {
            State::Begin => match views.number_of(&message.imsi).await {
                Ok(Some(phone)) => Caller::Known(phone),
                Ok(None) => Caller::Stranger,
                Err(error) => {
                    tracing::warn!(imsi = %message.imsi, %error, "a caller can't be looked up");
                    Caller::Unknown
                }
            },
            State::Continue | State::End => Caller::Unknown,
        };
        if to_desk.send(FromHlr { message, caller }).await.is_err() {
            return;
        }
    }
}

/// One HLR with the sessions at it.
pub(in crate::serve) struct HlrCarrier {
    sessions: Sessions<Seat>,
    state: Arc<LinkState>,
    /// The connection that the sessions came by.
    connection: u64,
    sends: mpsc::Sender<Message>,
}

impl HlrCarrier {
    pub(in crate::serve) const fn new(
        sessions: Sessions<Seat>,
        state: Arc<LinkState>,
        sends: mpsc::Sender<Message>,
    ) -> Self {
        Self {
            sessions,
            state,
            connection: 0,
            sends,
        }
    }
}

impl Carrier for HlrCarrier {
    type Came = FromHlr;

    const ACKNOWLEDGED: bool = false;

    fn take(&mut self, came: FromHlr, has_room: bool, now: Millis) -> Received {
        let caller = if has_room {
            came.caller
        } else {
            Caller::Unknown
        };
        let received = self.sessions.receive(came.message, caller, now);
        if has_room { received } else { Received::Full }
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
        let imsi = callee.imsi.clone().ok_or(NotAsked::Dialect)?;
        self.sessions.ask(callee.phone, imsi, now)
    }

    /// The HLR acknowledges nothing.
    fn failed(&mut self, _: SessionId) {}

    fn tick(&mut self, now: Millis) {
        self.sessions.tick(now);
    }

    fn next_deadline(&self) -> Option<Millis> {
        self.sessions.next_deadline()
    }

    /// Sessions die with their connection: what was underway may never come.
    fn look(&mut self) -> bool {
        let known = self.state.known.load(Ordering::Relaxed);
        let connection = self.state.connections.load(Ordering::Relaxed);
        if connection != self.connection || !known {
            self.connection = connection;
            self.sessions.lost();
        }
        known
    }

    fn len(&self) -> usize {
        self.sessions.len()
    }

    async fn send(&mut self) -> Option<Taken> {
        if !self.sessions.has_transmit() {
            return std::future::pending().await;
        }
        let Ok(permit) = self.sends.reserve().await else {
            self.sessions.lost();
            return None;
        };
        permit.send(self.sessions.poll_transmit()?);
        None
    }
}
