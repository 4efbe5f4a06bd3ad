//! What the running gateway reads of the books to keep them in order, beside what it decides.

use std::future::Future;
use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::ids::{OutboxId, PurchaseId, SubscriberId};
use crate::gateway::books::{Books, StoreError};
use crate::gateway::intake::Reach;
use crate::gateway::member::Member;

/// The books as the node that serves them looks after them.
pub trait Upkeep: Books {
    /// The time of the last commit before the start; none in books that are new.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn last_commit(&self) -> impl Future<Output = Result<Option<Millis>, StoreError>> + Send;

    /// When `smsc` could reach this node, as it was last kept; since the beginning of time there was
    /// no bind to one that the books do not know.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn reach(&self, smsc: &str) -> impl Future<Output = Result<Reach, StoreError>> + Send;

    /// Messages that no node sends, by one of `smscs` or past their time at `now`; at most `most`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn unclaimed(
        &self,
        smscs: Vec<Arc<str>>,
        now: Millis,
        most: u32,
    ) -> impl Future<Output = Result<Vec<OutboxId>, StoreError>> + Send;

    /// Lines whose cards were sent keys that they have not used, and that are to be sent again at
    /// `now`; the first that were due, at most `most`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn rekeys_due(
        &self,
        now: Millis,
        most: u32,
    ) -> impl Future<Output = Result<Vec<SubscriberId>, StoreError>> + Send;

    /// Purchases paid before `paid_before` whose charge is not in the billing stream in any form,
    /// the oldest first, at most `most`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn open_paid_before(
        &self,
        paid_before: Millis,
        most: u32,
    ) -> impl Future<Output = Result<Vec<PurchaseId>, StoreError>> + Send;

    /// Purchases that were paid and have ended, and are not in the billing stream for good: above
    /// `after`, at most `most`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn not_in_stream(
        &self,
        after: PurchaseId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<PurchaseId>, StoreError>> + Send;
}

/// Sends keys again that cards have not used in time; how many were due.
///
/// # Errors
///
/// As [`Books::submit`]; what was sent before stays.
pub async fn send_keys_again<B: Upkeep>(books: &B, now: Millis) -> Result<u64, StoreError> {
    let (mut sent, mut last) = (0_u64, None);
    for _ in 0..REKEY_CHUNKS_MAX {
        let due = books.rekeys_due(now, REKEYS_AT_ONCE).await?;
        if due.is_empty() || due.first() == last.as_ref() {
            break;
        }
        last = due.first().copied();
        sent = sent.saturating_add(u64::try_from(due.len()).unwrap_or(u64::MAX));
        books.submit(Member::RekeysDue(due)).await?;
    }
    Ok(sent)
}

/// Sends charges to the billing stream, flagged as provisional, whose purchases were paid before
/// `paid_before` and have no end yet; how many.
///
/// # Errors
///
/// As [`Books::submit`]; what was sent before stays.
pub async fn bill_provisionally<B: Upkeep>(
    books: &B,
    paid_before: Millis,
) -> Result<u64, StoreError> {
    let (mut sent, mut last) = (0_u64, None);
    for _ in 0..PROVISIONAL_CHUNKS_MAX {
        let open = books
            .open_paid_before(paid_before, PROVISIONAL_AT_ONCE)
            .await?;
        // The first one again: the books think otherwise about it, and will the next time.
        if open.is_empty() || open.first() == last.as_ref() {
            break;
        }
        last = open.first().copied();
        sent = sent.saturating_add(u64::try_from(open.len()).unwrap_or(u64::MAX));
        books.submit(Member::Provisional(open)).await?;
    }
    Ok(sent)
}

/// Some milliseconds of the writer.
const REKEYS_AT_ONCE: u32 = 200;
/// As many as a minute's messages to cards may be; the next minute goes on.
const REKEY_CHUNKS_MAX: usize = 50;
/// Some milliseconds of the writer.
const PROVISIONAL_AT_ONCE: u32 = 500;
/// As many as one round may find open; the next round goes on.
const PROVISIONAL_CHUNKS_MAX: usize = 10_000;
