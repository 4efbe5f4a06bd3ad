//! What a desk needs of whatever carries USSD sessions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::imsi::Imsi;
use crate::domain::msisdn::Msisdn;
use crate::serve::ussd::seat::Seat;
use crate::ussd::{Event, NotAsked, NotSaid, Received, Reply, SessionId};

/// A way to phones and the sessions on it: a bind's centre in its dialect, a core network's HLR, an
/// aggregator by HTTP.
pub(in crate::serve) trait Carrier: Send + 'static {
    /// What comes by it.
    type Came: Send;

    /// Whether it is known of a text that it got through.
    const ACKNOWLEDGED: bool;

    /// Takes what came. Without room, here or at the desk, whoever sent it is told so.
    fn take(&mut self, came: Self::Came, has_room: bool, now: Millis) -> Received;

    /// What phones did.
    fn poll_event(&mut self) -> Option<Event>;

    /// What the desk keeps of an open session.
    fn seat(&mut self, session: SessionId) -> Option<&mut Seat>;

    /// Says something in a session whose turn is ours.
    ///
    /// # Errors
    ///
    /// [`NotSaid`]; the session is as it was.
    fn reply(&mut self, session: SessionId, reply: Reply, now: Millis) -> Result<(), NotSaid>;

    /// Begins a session: the first reply asks. A phone in a session is left alone.
    ///
    /// # Errors
    ///
    /// [`NotAsked`]; nothing is begun.
    fn ask(&mut self, callee: &Callee, now: Millis) -> Result<SessionId, NotAsked>;

    /// A text of this session did not get through, so it is over.
    fn failed(&mut self, session: SessionId);

    /// Gives up what nobody answered in time.
    fn tick(&mut self, now: Millis);

    /// When [`Self::tick`] has something to do.
    fn next_deadline(&self) -> Option<Millis>;

    /// Looks whether the way stands, and tells it: sessions die with it.
    fn look(&mut self) -> bool {
        true
    }

    /// Sessions that are open.
    fn len(&self) -> usize;

    /// Waits until something that was said can leave, and lets it leave; what tells whether it got
    /// through, where that is known. Dropped, it has done nothing.
    fn send(&mut self) -> impl Future<Output = Option<Taken>> + Send;
}

/// Whom a session is begun with, and from which service code's digits.
pub(in crate::serve) struct Callee {
    pub(super) phone: Msisdn,
    /// The card's; none where the books know no such.
    pub(super) imsi: Option<Imsi>,
    pub(super) service: Arc<str>,
}

/// Tells whether a text of a session got through.
pub(in crate::serve) struct Taken {
    pub(super) session: SessionId,
    pub(super) taken: Pin<Box<dyn Future<Output = bool> + Send>>,
}
