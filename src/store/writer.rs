//! The one writer: takes what waits, decides it as one batch, commits, and answers.

use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, mpsc};

use crate::gateway::books::{OnCommit, StoreError, WriterWatch};
use crate::gateway::member::Member;
use crate::store::Waiting;
use crate::store::batch::{Batch, Decided, End, Failed, Members};
use crate::store::connection::Broken;
use crate::store::keyless::Keyless;
use crate::store::link::Link;
use crate::store::postgres::clocks::Offset;
use crate::store::postgres::news;
use crate::store::postgres::primary::Cluster;
use crate::store::serving::FileSeat;
use crate::store::sqlite::{self, Checkpoint};
use crate::store::told::Told;

/// Runs the books' one writer. Drop it and nothing more is written.
pub struct Writer {
    writing: Writing,
    waiting: mpsc::Receiver<Waiting>,
    batch: Batch,
    told: Told,
}

/// What the writer works on.
pub(super) enum Writing {
    /// A file.
    Sqlite {
        /// The connection that decides.
        connection: SqliteConnection,
        /// The one that moves the log into the database file; none in memory.
        checkpoints: Option<SqliteConnection>,
        /// Held for as long as this process serves from the file; none for a command.
        seat: Option<FileSeat>,
    },
    /// The primary of these hosts, whichever it is, and the way to it.
    Postgres(Cluster, Link),
}

/// The writer at work.
struct Desk<'a> {
    batch: Batch,
    told: Told,
    keyless: Keyless,
    /// Held over each batch.
    gate: &'a Mutex<()>,
}

impl Writer {
    pub(super) fn new(
        writing: Writing,
        batch: Batch,
        waiting: mpsc::Receiver<Waiting>,
        on_commit: OnCommit,
    ) -> Self {
        Self {
            writing,
            waiting,
            batch,
            told: Told {
                on_commit,
                watch: None,
            },
        }
    }

    /// Tells `watch` of every batch.
    #[must_use]
    pub fn watched(mut self, watch: WriterWatch) -> Self {
        self.told.watch = Some(watch);
        self
    }

    /// Writes until every handle to the store is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unknown`] when a commit was not flushed to the disk: what the system wrote is
    /// unknown, and only a new start, which reads the log, can tell. [`StoreError::Unavailable`]
    /// when another node took this one over, or the books lost what this one committed. The process
    /// has to end.
    pub async fn run(self) -> Result<(), StoreError> {
        let Self {
            writing,
            waiting,
            batch,
            told,
        } = self;
        match writing {
            Writing::Sqlite {
                connection,
                checkpoints,
                seat: _seat,
            } => {
                let gate = Mutex::new(());
                let stop = tokio::sync::Notify::new();
                let (keyless, bringer) = Keyless::open(batch.context.key_source().clone());
                let desk = Desk::new(batch, told, keyless, &gate);
                let deciding = async {
                    let mut link = Link::file(connection);
                    let result = desk.decide_for_ever(&mut link, waiting).await;
                    stop.notify_one();
                    link.close().await;
                    result
                };
                let checkpointing = checkpoint_for_ever(checkpoints, &gate, &stop);
                let bringing = async {
                    bringer.run().await;
                    Ok(())
                };
                tokio::try_join!(deciding, checkpointing, bringing).map(|_| ())
            }
            Writing::Postgres(cluster, link) => {
                Box::pin(on_primary(cluster, link, batch, waiting, told)).await
            }
        }
    }
}

/// Decides on the primary, follows it, tells other nodes of commits and listens to theirs.
async fn on_primary(
    cluster: Cluster,
    mut link: Link,
    batch: Batch,
    waiting: mpsc::Receiver<Waiting>,
    told: Told,
) -> Result<(), StoreError> {
    let (node, clock) = (batch.node, Arc::clone(&batch.clock));
    let (tray, to_tell) = mpsc::channel(news::TRAY_MAX);
    let Told { on_commit, watch } = told;
    let commits = Arc::clone(&on_commit);
    let telling = Told {
        on_commit: Arc::new(move |committed| {
            news::hand_over(&tray, node, &committed);
            commits(committed);
        }),
        watch,
    };
    let (keyless, bringer) = Keyless::open(batch.context.key_source().clone());
    let deciding = async {
        let gate = Mutex::new(());
        let desk = Desk::new(batch, telling, keyless, &gate);
        let result = desk.decide_for_ever(&mut link, waiting).await;
        link.close().await;
        result
    };
    let offset = Offset::default();
    let beside = async {
        tokio::join!(
            cluster.follow(),
            news::listen(&cluster, node, &offset, &on_commit),
            news::remind(&on_commit),
            offset.tell(&cluster, node, &clock),
            bringer.run(),
        );
    };
    let working = async {
        tokio::select! {
            result = deciding => result,
            () = beside => Ok(()),
        }
    };
    let (result, ()) = tokio::join!(working, news::tell(&cluster, to_tell));
    result
}

impl<'a> Desk<'a> {
    const fn new(batch: Batch, told: Told, keyless: Keyless, gate: &'a Mutex<()>) -> Self {
        Self {
            batch,
            told,
            keyless,
            gate,
        }
    }

    async fn decide_for_ever(
        mut self,
        link: &mut Link,
        mut waiting: mpsc::Receiver<Waiting>,
    ) -> Result<(), StoreError> {
        let mut taken = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                back = self.keyless.next() => self.keyless.admit(back, &mut taken),
                came = waiting.recv_many(&mut taken, BATCH_MAX) => {
                    if came == 0 {
                        return Ok(());
                    }
                }
                () = tokio::time::sleep(KEPT_EVERY) => {
                    keep(link).await?;
                    continue;
                }
            }
            gather(&mut waiting, &mut self.keyless, &mut taken).await;
            let open = self.gate.lock().await;
            taken.retain(Waiting::take);
            // Who came back was first.
            taken.sort_by_key(|waiting| waiting.parked == 0);
            self.keyless.hold(&mut taken);
            let served = self.serve(link, &mut taken).await;
            drop(open);
            served?;
        }
    }

    /// Decides what was taken and answers everybody.
    async fn serve(&mut self, link: &mut Link, taken: &mut Vec<Waiting>) -> Result<(), StoreError> {
        if taken.is_empty() {
            return Ok(());
        }
        let began_us = self.told.began_us();
        let members: Vec<Member> = taken.iter().map(|waiting| waiting.member.clone()).collect();
        let places = taken.iter().enumerate();
        let without_keys = places.filter(|(_, waiting)| waiting.without_keys);
        let without_keys = without_keys.map(|(place, _)| place).collect();
        let members = Members {
            all: &members,
            without_keys: &without_keys,
        };
        match self.decide(link, members).await {
            Ok(decided) => {
                self.told.stored(taken.len(), began_us);
                self.answer(taken, decided);
                Ok(())
            }
            Err(Failed::Before(error) | Failed::Again(error)) => {
                if matches!(error, StoreError::Corrupt(_)) && taken.len() > 1 {
                    return self.one_by_one(link, taken).await;
                }
                self.told.failed();
                refuse(taken, &error);
                Ok(())
            }
            Err(Failed::Keyless(missed)) => {
                self.keyless.park(taken, missed);
                // Every round parks somebody, or lets it do without: the rest is decided in the end.
                Box::pin(self.serve(link, taken)).await
            }
            Err(Failed::TakenOver(why)) => {
                let error = StoreError::Unavailable(why);
                refuse(taken, &error);
                Err(error)
            }
            Err(Failed::AtCommit {
                broken,
                number,
                decided,
            }) => {
                self.after_commit(link, taken, (broken, number, *decided))
                    .await
            }
        }
    }

    /// Decides a batch; again at once when another transaction was in the way.
    async fn decide(&mut self, link: &mut Link, members: Members<'_>) -> Result<Decided, Failed> {
        let mut tries = 0_u32;
        loop {
            link.connection().await?;
            let end = if link.is_unsettled() {
                End::CommitAnyway
            } else {
                End::Commit
            };
            let connection = link.connection().await?;
            let failed = match self.batch.decide(connection, members, end).await {
                Ok(decided) => {
                    link.unsettle(false);
                    return Ok(decided);
                }
                Err(failed) => failed,
            };
            link.settle(&failed).await;
            tries = tries.saturating_add(1);
            if !matches!(failed, Failed::Again(_)) || tries >= TRIES_MAX {
                return Err(failed);
            }
        }
    }

    /// The commit got no good answer: what the books say now decides what is told.
    async fn after_commit(
        &mut self,
        link: &mut Link,
        taken: &mut Vec<Waiting>,
        (broken, number, decided): (Broken, i64, Decided),
    ) -> Result<(), StoreError> {
        let stored = match &broken {
            Broken::NotFlushed(_) => None,
            Broken::OnlyLocal(_) => {
                link.unsettle(true);
                None
            }
            Broken::Before(_) | Broken::Rule(_) | Broken::Contended(_) | Broken::AtCommit(_) => {
                link.is_stored(&self.batch, number).await
            }
        };
        tracing::error!(error = %broken, batch = number, stored, "a commit failed");
        self.told.failed();
        match stored {
            Some(true) => self.answer(taken, decided),
            Some(false) => refuse(taken, &StoreError::Unavailable(broken.to_string())),
            // Every caller asks again and is told what stands.
            None => refuse(taken, &StoreError::Unknown),
        }
        if matches!(broken, Broken::NotFlushed(_)) {
            return Err(StoreError::Unknown);
        }
        Ok(())
    }

    fn answer(&self, taken: &mut Vec<Waiting>, decided: Decided) {
        for (waiting, outcome) in taken.drain(..).zip(decided.outcomes) {
            // Who no longer waits will ask again.
            let _ = waiting.answer.send(Ok(outcome));
        }
        (self.told.on_commit)(decided.committed);
    }

    /// A batch with something unreadable in it: each member alone, so that one can't stop the rest.
    async fn one_by_one(
        &mut self,
        link: &mut Link,
        taken: &mut Vec<Waiting>,
    ) -> Result<(), StoreError> {
        let mut all: Vec<Waiting> = std::mem::take(taken);
        for waiting in all.drain(..) {
            let mut alone = vec![waiting];
            // The one before may wait for keys.
            self.keyless.hold(&mut alone);
            Box::pin(self.serve(link, &mut alone)).await?;
        }
        Ok(())
    }
}

/// Nobody wants anything: whether this process still serves as its node is looked at all the same,
/// since another one could have begun to.
async fn keep(link: &mut Link) -> Result<(), StoreError> {
    match link.keep().await {
        Err(Failed::TakenOver(why)) => Err(StoreError::Unavailable(why)),
        Ok(())
        | Err(
            Failed::Before(_) | Failed::Again(_) | Failed::Keyless(_) | Failed::AtCommit { .. },
        ) => Ok(()),
    }
}

/// Who was just answered asks again at once: lets them come into this batch, for as long as each
/// turn of the others brings some.
async fn gather(
    waiting: &mut mpsc::Receiver<Waiting>,
    keyless: &mut Keyless,
    taken: &mut Vec<Waiting>,
) {
    for _ in 0..TURNS_MAX {
        tokio::task::yield_now().await;
        let before = taken.len();
        while taken.len() < BATCH_MAX {
            if let Some(back) = keyless.try_next() {
                keyless.admit(back, taken);
            } else if let Ok(next) = waiting.try_recv() {
                taken.push(next);
            } else {
                break;
            }
        }
        if taken.len() == before {
            break;
        }
    }
}

fn refuse(taken: &mut Vec<Waiting>, error: &StoreError) {
    for waiting in taken.drain(..) {
        let _ = waiting.answer.send(Err(copy(error)));
    }
}

fn copy(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(text) => StoreError::Unavailable(text.clone()),
        StoreError::Busy => StoreError::Busy,
        StoreError::Keyless(text) => StoreError::Keyless(text.clone()),
        StoreError::Unknown => StoreError::Unknown,
        StoreError::Corrupt(text) => StoreError::Corrupt(text.clone()),
    }
}

/// Moves the log into the database file beside the writer; when the log has grown too long because
/// the writer never rests, holds it for the one checkpoint that lets the log begin anew. A reader
/// that looks long at old pages keeps that from happening: then the writer goes on, and the log
/// grows until a later try.
///
/// # Errors
///
/// [`StoreError::Unknown`] when the database file was not flushed: the process has to end, as at a
/// commit.
async fn checkpoint_for_ever(
    connection: Option<SqliteConnection>,
    gate: &Mutex<()>,
    stop: &tokio::sync::Notify,
) -> Result<(), StoreError> {
    let Some(mut connection) = connection else {
        return Ok(());
    };
    let mut rounds_to_rest = 0_u32;
    loop {
        tokio::select! {
            () = stop.notified() => break,
            () = tokio::time::sleep(CHECKPOINT_EVERY) => {}
        }
        rounds_to_rest = rounds_to_rest.saturating_sub(1);
        let long = match sqlite::checkpoint(&mut connection, Checkpoint::Passive).await {
            Ok(done) => done.frames > LOG_FRAMES_MAX,
            Err(broken) => checkpoint_failed(&broken)?,
        };
        if !long || rounds_to_rest > 0 {
            continue;
        }
        let _held = gate.lock().await;
        match sqlite::checkpoint(&mut connection, Checkpoint::Restart).await {
            Ok(done) if done.busy => {
                rounds_to_rest = RESTART_AGAIN_AFTER;
                tracing::warn!(
                    frames = done.frames,
                    "the log can't begin anew: a reader looks at old pages"
                );
            }
            Ok(_) => {}
            Err(broken) => {
                checkpoint_failed(&broken)?;
            }
        }
    }
    sqlite::close(connection).await;
    Ok(())
}

/// Nothing is lost by a checkpoint that did not happen; by one that was not flushed, perhaps.
fn checkpoint_failed(broken: &Broken) -> Result<bool, StoreError> {
    if matches!(broken, Broken::NotFlushed(_)) {
        tracing::error!(error = %broken, "the database file was not flushed");
        return Err(StoreError::Unknown);
    }
    tracing::warn!(error = %broken, "a checkpoint failed");
    Ok(false)
}

/// Members of one commit: above this the time of a commit no longer falls per member.
const BATCH_MAX: usize = 512;
/// Another node was in the way this often: the callers are told to come again.
const TRIES_MAX: u32 = 5;
/// Turns that the callers get to come into a batch: each brings fewer.
const TURNS_MAX: usize = 8;
/// How soon a process that is idle learns that its session is lost: well before the server counts
/// it as gone and gives its lock to another.
const KEPT_EVERY: std::time::Duration = std::time::Duration::from_secs(1);
const CHECKPOINT_EVERY: std::time::Duration = std::time::Duration::from_millis(500);
/// 256 MiB of pages of 4 KiB.
const LOG_FRAMES_MAX: i64 = 65_536;
/// Half a minute of rounds, so that a long reader costs the writer a tenth of a second of it.
const RESTART_AGAIN_AFTER: u32 = 60;
