//! What the running gateway reads of the books to keep them in order, beside what it decides.

use std::future::Future;

use crate::domain::Millis;
use crate::domain::ids::PurchaseId;
use crate::gateway::books::{Books, StoreError};
use crate::gateway::intake::Reach;

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
}
