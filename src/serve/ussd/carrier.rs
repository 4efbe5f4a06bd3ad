//! What a desk needs of whatever carries USSD sessions.

use std::future::Future;
use std::pin::Pin;

use crate::domain::Millis;
use crate::domain::msisdn::Msisdn;
use crate::serve::ussd::seat::Seat;
use crate::ussd::{Event, NotAsked, NotSaid, Received, Reply, SessionId};

/// A way to phones and the sessions on it: a bind's centre in its dialect, a core network's HLR, an
/// aggregator by HTTP.
pub(in crate::serve) trait Carrier: Send + 'static {
    /// What comes by it.
    type Came: Send;

    /// Takes what came. Without room, here or at the desk, whoever sent it is told so.
    fn take(&mut self, came: Self::Came, has_room: bool, now: Millis) -> Received;

    /// What phones did.
    fn poll_event(&mut self) -> Option<Event>;

    /// What the desk keeps of an open session.
    fn seat(&mut self, session: SessionId) -> Option<&mut Seat>;

    /// Begins a session with `phone` from `service`, digits: the first [`Self::reply`] asks.
    ///
    /// # Errors
    ///
    /// [`NotAsked`]; nothing is begun.
    fn ask(&mut self, _: Msisdn, _: &str, _: Millis) -> Result<SessionId, NotAsked> {
        Err(NotAsked::Dialect)
    }

    /// Says something in a session whose turn is ours.
    ///
    /// # Errors
    ///
    /// [`NotSaid`]; the session is as it was.
    fn reply(&mut self, session: SessionId, reply: Reply, now: Millis) -> Result<(), NotSaid>;

    /// A text of this session did not get through, so it is over.
    fn failed(&mut self, session: SessionId);

    /// Gives up what nobody answered in time.
    fn tick(&mut self, now: Millis);

    /// When [`Self::tick`] has something to do.
    fn next_deadline(&self) -> Option<Millis>;

    /// Looks whether the way stands: sessions die with it.
    fn look(&mut self) {}

    /// Whether anything that is said can get through.
    fn stands(&self) -> bool {
        true
    }

    /// Sessions that are open.
    fn len(&self) -> usize;

    /// Waits until something that was said can leave, and lets it leave; what tells whether it got
    /// through, where that is known. Dropped, it has done nothing.
    fn send(&mut self) -> impl Future<Output = Option<Taken>> + Send;
}

/// Tells whether a text of a session got through.
pub(in crate::serve) struct Taken {
    pub(super) session: SessionId,
    pub(super) taken: Pin<Box<dyn Future<Output = bool> + Send>>,
}
