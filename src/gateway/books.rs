//! The books as the flow sees them: hand over a member, get its outcome; look at what stands.
//!
//! No connection and no transaction leaks out, and nobody outside the writer ever decides on
//! something that it read earlier.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::Millis;
use crate::domain::ids::{OutboxId, PurchaseId, TerminalId};
use crate::gateway::member::{AckView, Denied, Member, Outcome};
use crate::gateway::record::{BillingEntry, OutboxRow};
use crate::gateway::world::{ClosedBatch, Moved};

/// Why the books gave no outcome.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was stored; it may be tried again later.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The queue before the writer is full, or the writer did not take the member in time:
    /// nothing was stored.
    #[error("the writer is busy")]
    Busy,
    /// The keys of a SIM can't be had now, for this member alone: nothing of it was stored, and it may
    /// be tried again later.
    #[error("the keys of the SIM can't be had now: {0}")]
    Keyless(String),
    /// A commit got no answer. Ask again: every member is known by its content.
    #[error("it is unknown whether the commit took place")]
    Unknown,
    /// What is stored can't be read as what it must be.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

/// What a commit brought about, for those who carry it out: each has seen it only after the commit.
#[derive(Debug, Default)]
pub struct Committed {
    /// New states of purchases.
    pub moved: Vec<Moved>,
    /// Messages to be sent.
    pub outbox: Vec<OutboxRow>,
    /// Things that a person must look at: `warn` lines.
    pub notices: Vec<crate::gateway::world::Notice>,
    /// What was done with keys.
    pub key_events: Vec<crate::gateway::world::KeyEvent>,
    /// Members in the batch.
    pub members: usize,
    /// Commits of this node so far, those of other processes too; 0 when nothing was stored.
    pub batch: i64,
    /// What another node has committed, if this tells of one.
    pub elsewhere: Option<Elsewhere>,
}

/// What a node hears of another's commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// These have news.
    Moved {
        /// Terminals whose polls have something to see.
        terminals: Vec<TerminalId>,
        /// Purchases with the deadline of their new state.
        deadlines: Vec<(PurchaseId, Option<Millis>)>,
    },
    /// Something may have been missed: whoever waits should look.
    Anything,
    /// Another node's clock shows something else.
    Clock {
        /// Whose.
        node: u16,
        /// Our clock less that one, ms.
        apart_ms: i64,
        /// Whether ours is the one that is farther from the database's.
        is_ours_wrong: bool,
    },
}

/// Told of every commit, in order, on the writer's own time: it must not wait.
pub type OnCommit = Arc<dyn Fn(Committed) + Send + Sync>;

/// What became of a batch of the writer's, for those who count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchEnd {
    /// It is stored.
    Stored {
        /// Members that were decided in it.
        members: usize,
        /// From taking them to the commit, microseconds.
        us: u64,
    },
    /// It is not stored, or nobody knows whether it is.
    Failed,
}

/// Watches the writer: a stopwatch in microseconds, and who is told of each batch's end, on the
/// writer's own time.
#[derive(Clone)]
pub struct WriterWatch {
    /// Microseconds on a clock that never goes back.
    pub elapsed_us: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Told of each batch. It must not wait.
    pub told: Arc<dyn Fn(BatchEnd) + Send + Sync>,
}

/// The books. One trait for every database.
pub trait Books: Clone + Send + Sync + 'static {
    /// Decides `member` against the books as they stand, and stores what follows whole or not at
    /// all: new state, ledger transfers, outgoing messages. A refusal is an [`Outcome`], not an
    /// error. A member that the writer has not taken within `take_within` is withdrawn.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Keyless`] and [`StoreError::Unavailable`] when nothing was stored;
    /// [`StoreError::Unknown`] when a commit got no answer.
    fn submit_within(
        &self,
        member: Member,
        take_within: Duration,
    ) -> impl Future<Output = Result<Outcome, StoreError>> + Send;

    /// [`Self::submit_within`] with the time that commands and timers have.
    ///
    /// # Errors
    ///
    /// As there.
    fn submit(&self, member: Member) -> impl Future<Output = Result<Outcome, StoreError>> + Send {
        self.submit_within(member, PATIENCE)
    }

    /// Every open ack of a terminal above `after`, in order, at most [`ACKS_MAX`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn acks(
        &self,
        question: AckQuestion,
    ) -> impl Future<Output = Result<Result<Acks, Denied>, StoreError>> + Send;

    /// The outbox above `after`, in order, at most `most`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn outbox_after(
        &self,
        after: OutboxId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<OutboxRow>, StoreError>> + Send;

    /// Purchases with a deadline, in order of their id above `after`, at most `most`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn deadlines_after(
        &self,
        after: PurchaseId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<(PurchaseId, Millis)>, StoreError>> + Send;

    /// Closed batches of the billing stream from `sequence` on, with the hash of their file.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn batches_from(
        &self,
        sequence: i64,
    ) -> impl Future<Output = Result<Vec<StoredBatch>, StoreError>> + Send;

    /// Entries `from` to `to` of the billing stream, in order, at most `most`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn entries(
        &self,
        from: i64,
        to: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<BillingEntry>, StoreError>> + Send;
}

/// What a polling terminal asks.
#[derive(Clone, Debug)]
pub struct AckQuestion {
    /// Who.
    pub terminal: TerminalId,
    /// SHA-256 of the bearer token.
    pub token_sha256: [u8; 32],
    /// The last ack number that it knows.
    pub after: i64,
    /// The time, for what remains of each state.
    pub now: Millis,
}

/// What it gets.
#[derive(Clone, Debug, Default)]
pub struct Acks {
    /// The acks.
    pub acks: Vec<AckView>,
    /// When it was last seen, as the books have it.
    pub seen: Millis,
}

/// A closed batch as the store has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// Which entries.
    pub batch: ClosedBatch,
    /// SHA-256 of its file, once it was written.
    pub sha256: Option<[u8; 32]>,
}

/// Acks in one answer: more than any machine has slots, and a bound for a merchant's server.
pub const ACKS_MAX: u32 = 500;
/// Longer than any batch takes on a slow disk.
const PATIENCE: Duration = Duration::from_secs(20);
