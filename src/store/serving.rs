//! One process at a time serves as a node: it alone decides orders and carries the node's messages.
//! Commands write beside it, batch by batch, and carry nothing out.
//!
//! ```text
//! PostgreSQL: the session that decides holds an advisory lock of the node's number; each further
//!             session takes it again before it decides, on whichever host is the primary then
//! SQLite:     a lock on a file beside the books, for as long as the process lives
//! ```

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::gateway::books::StoreError;
use crate::store::batch::Failed;
use crate::store::connection::{Around, Broken};
use crate::store::postgres::Session;
use crate::store::rows::Columns;
use crate::store::statements::Query;

/// Whether this process is the one that serves as its node just now; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Serving(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    holds: AtomicBool,
    /// The log says that messages wait, and no commit went well since.
    waits: AtomicBool,
}

impl Serving {
    /// Whether it may carry out what the books say.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.0.holds.load(Ordering::Acquire)
    }

    /// The log hears of an outage once, however often a session is taken and lost in it.
    pub(super) fn set(&self, holds: bool) {
        let lost = self.0.holds.swap(holds, Ordering::AcqRel) && !holds;
        if lost && !self.0.waits.swap(true, Ordering::Relaxed) {
            tracing::warn!("messages wait until the books are reached again");
        }
    }

    /// A batch was committed.
    pub(super) fn works(&self) {
        if self.0.waits.load(Ordering::Relaxed) && self.0.waits.swap(false, Ordering::Relaxed) {
            tracing::info!("the books are reached again");
        }
    }
}

/// How books are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// To serve as the node.
    ToServe,
    /// For a command beside the process that serves.
    Beside,
}

/// What a session that decides for a process that serves has to hold.
pub(super) struct Seat {
    node: u16,
    /// The random number of this process.
    writer: i64,
    serving: Serving,
}

impl Seat {
    pub(super) const fn new(node: u16, writer: i64, serving: Serving) -> Self {
        Self {
            node,
            writer,
            serving,
        }
    }

    pub(super) const fn serving(&self) -> &Serving {
        &self.serving
    }

    /// Takes the node's lock for a session, or finds out who has it.
    ///
    /// # Errors
    ///
    /// [`Failed::TakenOver`] when another process serves as the node, [`Failed::Before`] when a lost
    /// session of this one has not ended yet, or the database fails.
    pub(super) async fn take(&self, session: &mut Session) -> Result<(), Failed> {
        let Self { node, writer, .. } = self;
        let mut query = Query::default();
        // Other processes are told it; the session is found by it among those of the server.
        query.plain(format!(
            "select set_config('application_name', '{}', false)",
            session_name(*node, *writer)
        ));
        query.plain(format!("select pg_advisory_lock({NODES}, {node})::text"));
        match session.fetch(&query, Around::Nothing).await {
            Ok(_) => Ok(()),
            Err(Broken::Contended(_)) => Err(self.taken(session).await),
            Err(broken) => Err(Failed::Before(StoreError::Unavailable(broken.to_string()))),
        }
    }

    /// Why the lock is not to be had.
    async fn taken(&self, session: &mut Session) -> Failed {
        let node = self.node;
        let mut query = Query::default();
        query.plain(format!(
            "select a.application_name, a.pid::int8, coalesce(host(a.client_addr), 'the server')
             from pg_locks l join pg_stat_activity a on a.pid = l.pid
             where l.locktype = 'advisory' and l.granted and l.objsubid = 2
             and l.classid = {NODES} and l.objid = {node}
             and l.database = (select oid from pg_database where datname = current_database())"
        ));
        let found = session.fetch(&query, Around::Nothing).await;
        let holder = found.ok().and_then(|rows| {
            let mut c = Columns::of(rows.first()?);
            let name = c.text().ok()?.to_owned();
            Some((name, c.int().ok()?, c.text().ok()?.to_owned()))
        });
        match holder {
            Some((name, pid, from)) if name != session_name(node, self.writer) => {
                Failed::TakenOver(format!(
                    "node {node} is served by another process, session {pid} from {from}: stop \
                     that one, or give this one a number of its own ([node] id)"
                ))
            }
            _ => Failed::Before(StoreError::Unavailable(format!(
                "a lost session of node {node} has not ended yet"
            ))),
        }
    }
}

/// The lock of a file of books; it goes with the process, however that ends.
pub(super) struct FileSeat {
    _locked: File,
    serving: Serving,
}

impl FileSeat {
    /// Takes the lock, waiting for a process that is just ending.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when another process has it.
    pub(super) async fn take(books: &Path, serving: Serving) -> Result<Self, StoreError> {
        let path = lock_file(books);
        let said = |what: &dyn std::fmt::Display| {
            StoreError::Unavailable(format!("{}: {what}", path.display()))
        };
        let opening = File::options().create(true).append(true).open(&path);
        let file = opening.map_err(|error| said(&error))?;
        for _ in 0..FILE_TRIES {
            match file.try_lock() {
                Ok(()) => {
                    serving.set(true);
                    return Ok(Self {
                        _locked: file,
                        serving,
                    });
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(FILE_AGAIN_AFTER).await,
                Err(TryLockError::Error(error)) => return Err(said(&error)),
            }
        }
        Err(StoreError::Unavailable(format!(
            "{} are served by another process: stop that one",
            books.display()
        )))
    }
}

impl Drop for FileSeat {
    fn drop(&mut self) {
        self.serving.set(false);
    }
}

fn lock_file(books: &Path) -> PathBuf {
    let mut name = books.file_name().unwrap_or_default().to_owned();
    name.push("-serving");
    books.with_file_name(name)
}

/// What a session that serves calls itself.
fn session_name(node: u16, writer: i64) -> String {
    format!("svgate serves {node} {writer:016x}")
}

/// The class of the advisory locks of nodes: any number that nothing else takes.
pub(super) const NODES: i64 = 0x5376_0002;
/// How often a start asks for the lock; the server lets each wait for two seconds.
pub(super) const TRIES_AT_START: u32 = 2;
const FILE_TRIES: u32 = 30;
const FILE_AGAIN_AFTER: Duration = Duration::from_millis(100);
