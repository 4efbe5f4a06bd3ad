//! From the outbox to the desk that asks subscribers to pay.
//!
//! ```text
//! outbox ─ Ask ─► desk ─► a session of ours ─► the centre took the question ─► Asked::Done: the row ends
//!    └──────────────┴──── it can't be asked so ─► Asked::ByText: the row leaves as the text that it is
//! ```
//! A question that was lost with its bind is asked again: what it asks for is paid once all the same.

use tokio::sync::{mpsc, oneshot};

use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;

/// A question for a phone.
#[derive(Debug)]
pub(super) struct Ask {
    /// Whom.
    pub(super) phone: Msisdn,
    /// What for.
    pub(super) pon: Pon,
    /// Dropped when the question was lost.
    pub(super) reply: oneshot::Sender<Asked>,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The phone was asked, or there is nothing to ask any more.
    Done,
    /// The phone is in a session, or its centre lets nobody but phones begin one.
    ByText,
}

/// Asks; none when the question was lost.
pub(super) async fn ask(desk: mpsc::Sender<Ask>, phone: Msisdn, pon: Pon) -> Option<Asked> {
    let (reply, asked) = oneshot::channel();
    desk.send(Ask { phone, pon, reply }).await.ok()?;
    asked.await.ok()
}
