//! The books on a database: one writer that decides in batches, readers apart.
//!
//! ```text
//! submit ─► queue ─► writer: take what waits ─► begin ─► read ─► prove ─► read ─► decide
//!                            ─► write, commit ─► answer everybody ─► tell who carries it out
//! ```
//! Nobody outside this module knows SQL. The queue is bounded: a full one refuses the newcomer.

mod audit;
mod blobs;
mod browse;
mod codec;
mod direct;
mod enter;
mod load;
mod outgoing;
mod read;
mod rows;
mod save;
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

use sqlx::sqlite::SqlitePool;
use tokio::sync::{mpsc, oneshot};

use crate::domain::Millis;
use crate::gateway::books::{OnCommit, StoreError};
use crate::gateway::context::Context;
use crate::gateway::member::{Member, Outcome};

pub use direct::{Direct, DirectEnd, Shown};
pub use writer::Writer;

/// Where the books are and whose they are.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The database file; none for one in memory, which tests use.
    pub path: Option<PathBuf>,
    /// This node's number, 0 to 1023.
    pub node: u16,
}

/// The only reader of the clock, handed in by whoever starts the store.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// A handle to the books; clones share one queue and one set of readers.
#[derive(Clone)]
pub struct Store {
    queue: mpsc::Sender<Waiting>,
    readers: SqlitePool,
}

/// A member in the queue.
struct Waiting {
    member: Member,
    taken: Arc<AtomicU8>,
    answer: oneshot::Sender<Result<Outcome, StoreError>>,
}

impl Store {
    /// Opens the books, bringing their schema up. The caller runs the writer beside its work.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file can't be opened or is of a newer version.
    pub async fn open(
        options: &StoreOptions,
        context: Arc<Context>,
        clock: Clock,
        on_commit: OnCommit,
    ) -> Result<(Self, Writer), StoreError> {
        let (writing, readers) = sqlite::open(options).await?;
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let store = Self { queue, readers };
        let writer = Writer::new(writing, options.node, waiting, context, clock, on_commit);
        Ok((store, writer))
    }

    async fn decided(&self, member: Member, take_within: Duration) -> Result<Outcome, StoreError> {
        let (answer, mut answered) = oneshot::channel();
        let taken = Arc::new(AtomicU8::new(WAITING));
        let waiting = Waiting {
            member,
            taken: Arc::clone(&taken),
            answer,
        };
        self.queue.try_send(waiting).map_err(|_| StoreError::Busy)?;
        let gone = |_| StoreError::Unknown;
        tokio::select! {
            biased;
            outcome = &mut answered => outcome.map_err(gone)?,
            () = tokio::time::sleep(take_within) => {
                let withdrawn = taken.compare_exchange(
                    WAITING, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire,
                );
                match withdrawn {
                    Ok(_) => Err(StoreError::Busy),
                    // The writer has it: what it decides is what counts.
                    Err(_) => answered.await.map_err(gone)?,
                }
            }
        }
    }
}

impl Waiting {
    /// Takes the member out of the queue; false when its caller has withdrawn it.
    fn take(&self) -> bool {
        self.taken
            .compare_exchange(WAITING, TAKEN, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

const WAITING: u8 = 0;
const TAKEN: u8 = 1;
const WITHDRAWN: u8 = 2;
/// Members that wait for the writer: some tenths of a second of its work.
const QUEUE_MAX: usize = 8_192;
