//! The books on a database: one writer that decides in batches, readers apart.
//!
//! ```text
//! submit ─► queue ─► writer: take what waits ─► begin ─► read ─► prove ─► read ─► decide
//!                            ─► write, commit ─► answer everybody ─► tell who carries it out
//! ```
//! Nobody outside this module knows SQL. The queue is bounded: a full one refuses the newcomer.

mod audit;
mod backup;
mod batch;
mod blobs;
mod browse;
mod codec;
mod connection;
mod copy;
mod direct;
mod enter;
mod epoch;
mod every;
mod key_rows;
mod keyless;
mod line_codec;
mod link;
mod load;
mod locks;
mod mark;
mod migrations;
mod outgoing;
mod postgres;
mod read;
mod readers;
mod rows;
mod save;
mod serving;
mod sqlite;
mod statements;
mod tables;
mod told;
mod upkeep;
mod views;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::domain::Millis;
use crate::gateway::books::{OnCommit, StoreError};
use crate::gateway::context::Context;
use crate::gateway::member::{Member, Outcome};
use crate::store::readers::Readers;
use crate::store::serving::Opening;

pub use backup::{Backup, BackupError, back_up};
pub use copy::{CopyError, Totals, TotalsOf, copy};
pub use direct::{Direct, DirectEnd, Shown};
pub use epoch::{Restore, begin_epoch, settle};
pub use mark::{Mark, MarkError, Standing, Verdict};
pub use postgres::{PostgresOptions, PostgresTls};
pub use serving::Serving;
pub use writer::Writer;

/// Where the books are and whose they are.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Which database.
    pub place: Place,
    /// This node's number, 0 to 1023.
    pub node: u16,
}

/// Which database holds the books.
#[derive(Clone, Debug)]
pub enum Place {
    /// `SQLite` without a file: for tests.
    Memory,
    /// `SQLite` in this file, for one node.
    File(PathBuf),
    /// `PostgreSQL`, which several nodes share.
    Postgres(PostgresOptions),
}

/// The only reader of the clock, handed in by whoever starts the store.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// A handle to the books; clones share one queue and one set of readers.
#[derive(Clone)]
pub struct Store {
    queue: mpsc::Sender<Waiting>,
    readers: Readers,
    node: u16,
    serving: Serving,
}

/// A member in the queue.
struct Waiting {
    member: Member,
    taken: Arc<AtomicU8>,
    answer: oneshot::Sender<Result<Outcome, StoreError>>,
    /// How often it waited for keys.
    parked: u8,
    /// Its keys can't be had, and it is decided all the same.
    without_keys: bool,
}

impl Store {
    /// Opens the books for a command, bringing their schema up. The caller runs the writer beside
    /// its work.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the database can't be opened, is of a newer version, or of
    /// another node.
    pub async fn open(
        options: &StoreOptions,
        context: Arc<Context>,
        clock: Clock,
        on_commit: OnCommit,
    ) -> Result<(Self, Writer), StoreError> {
        Self::opened(options, Opening::Beside, (context, clock, on_commit)).await
    }

    /// Opens the books for the one process that serves as the node, as [`Self::open`] does.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and when another process serves as the node already.
    pub async fn open_to_serve(
        options: &StoreOptions,
        context: Arc<Context>,
        clock: Clock,
        on_commit: OnCommit,
    ) -> Result<(Self, Writer), StoreError> {
        Self::opened(options, Opening::ToServe, (context, clock, on_commit)).await
    }

    /// Whether this process serves as its node, now and later.
    #[must_use]
    pub fn serving(&self) -> Serving {
        self.serving.clone()
    }

    async fn opened(
        options: &StoreOptions,
        opening: Opening,
        (context, clock, on_commit): (Arc<Context>, Clock, OnCommit),
    ) -> Result<(Self, Writer), StoreError> {
        let (writing, readers, batch) = batch::open(options, opening, context, clock).await?;
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let node = options.node;
        let store = Self {
            queue,
            readers,
            node,
            serving: batch.serving.clone(),
        };
        Ok((store, Writer::new(writing, batch, waiting, on_commit)))
    }

    async fn decided(&self, member: Member, take_within: Duration) -> Result<Outcome, StoreError> {
        let (answer, mut answered) = oneshot::channel();
        let taken = Arc::new(AtomicU8::new(WAITING));
        let waiting = Waiting {
            member,
            taken: Arc::clone(&taken),
            answer,
            parked: 0,
            without_keys: false,
        };
        self.queue.try_send(waiting).map_err(|_| StoreError::Busy)?;
        let gone = |_| StoreError::Unknown;
        tokio::select! {
            biased;
            outcome = &mut answered => outcome.map_err(gone)?,
            () = tokio::time::sleep(take_within) => {
                let over = |state| match state {
                    WAITING | PARKED => Some(WITHDRAWN),
                    TAKEN => Some(LATE),
                    _ => None,
                };
                match taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, over) {
                    Ok(WAITING) => Err(StoreError::Busy),
                    Ok(PARKED) => Err(StoreError::Keyless(KEYS_LATE.to_owned())),
                    // The writer has it: what it decides is what counts.
                    Ok(_) | Err(_) => answered.await.map_err(gone)?,
                }
            }
        }
    }
}

impl Waiting {
    /// Takes the member out of the queue, or from those that wait for keys; false when its caller has
    /// withdrawn it.
    fn take(&self) -> bool {
        let take = |state| matches!(state, WAITING | PARKED).then_some(TAKEN);
        self.taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .is_ok()
    }

    /// Lets it wait for keys, during which its caller may withdraw it; false when its time is over.
    fn park(&self) -> bool {
        self.taken
            .compare_exchange(TAKEN, PARKED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Whether its caller no longer waits.
    fn is_withdrawn(&self) -> bool {
        self.taken.load(Ordering::Acquire) == WITHDRAWN
    }
}

/// Raises a node's epoch: what it has under way is the last that it writes. Its new epoch; none
/// when there is no such node.
///
/// # Errors
///
/// [`StoreError::Unavailable`] when the database can't be reached, or is a file: that has one node.
pub async fn take_over(options: &StoreOptions) -> Result<Option<i64>, StoreError> {
    match &options.place {
        Place::Postgres(shared) => postgres::take_over(shared, options.node).await,
        Place::Memory | Place::File(_) => {
            let text = "a file has the books of one node: there is no other to take over";
            Err(StoreError::Unavailable(text.to_owned()))
        }
    }
}

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const WITHDRAWN: u8 = 2;
/// It waits for keys.
const PARKED: u8 = 3;
/// The writer has it, and the time in which its caller wanted it taken is over.
const LATE: u8 = 4;
const KEYS_LATE: &str = "the token has not given them in the time that the order has";
/// Members that wait for the writer: some tenths of a second of its work.
const QUEUE_MAX: usize = 8_192;
