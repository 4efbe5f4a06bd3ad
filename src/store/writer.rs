//! The one writer: takes what waits, decides it as one batch, commits, and answers.

use std::sync::Arc;

use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Either, Executor};
use tokio::sync::{Mutex, mpsc};

use crate::gateway::books::{Committed, OnCommit, StoreError, WriterWatch};
use crate::gateway::context::Context;
use crate::gateway::decide;
use crate::gateway::member::{Member, Outcome};
use crate::gateway::prove::{Proved, first_wants, further_wants, prove};
use crate::gateway::world::{Wants, World};
use crate::store::load::{self, Query};
use crate::store::rows::{Value, corrupt};
use crate::store::sqlite::{self, Checkpoint, Writing, unavailable};
use crate::store::told::Told;
use crate::store::{Clock, Waiting, enter, save};

/// Runs the books' one writer. Drop it and nothing more is written.
pub struct Writer {
    writing: Writing,
    waiting: mpsc::Receiver<Waiting>,
    batch: Batch,
    told: Told,
}

/// What deciding a batch needs besides its members.
pub(super) struct Batch {
    pub(super) node: u16,
    pub(super) context: Arc<Context>,
    pub(super) clock: Clock,
}

/// How a batch failed.
pub(super) enum Failed {
    /// Nothing was stored.
    Before(StoreError),
    /// The commit was refused or got no answer: only reading back tells.
    AtCommit(sqlx::Error, i64),
}

impl Writer {
    pub(super) fn new(
        writing: Writing,
        node: u16,
        waiting: mpsc::Receiver<Waiting>,
        context: Arc<Context>,
        clock: Clock,
        on_commit: OnCommit,
    ) -> Self {
        Self {
            writing,
            waiting,
            batch: Batch {
                node,
                context,
                clock,
            },
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
    /// unknown, and only a new start, which reads the log, can tell. The process has to end.
    pub async fn run(self) -> Result<(), StoreError> {
        let Self {
            writing,
            mut waiting,
            batch,
            told,
        } = self;
        let Writing {
            mut connection,
            checkpoints,
        } = writing;
        let gate = Arc::new(Mutex::new(()));
        let stop = Arc::new(tokio::sync::Notify::new());
        let checkpointing = checkpoint_for_ever(checkpoints, Arc::clone(&gate), Arc::clone(&stop));
        let deciding = async {
            let mut taken = Vec::with_capacity(BATCH_MAX);
            let mut result = Ok(());
            while waiting.recv_many(&mut taken, BATCH_MAX).await > 0 {
                gather(&mut waiting, &mut taken).await;
                let open = gate.lock().await;
                taken.retain(Waiting::take);
                result = serve(&batch, &mut connection, &mut taken, &told).await;
                drop(open);
                if result.is_err() {
                    break;
                }
            }
            stop.notify_one();
            result
        };
        let result = tokio::try_join!(deciding, checkpointing).map(|_| ());
        sqlite::close(connection).await;
        result
    }
}

/// Who was just answered asks again at once: lets them come into this batch, for as long as each
/// turn of the others brings some.
async fn gather(waiting: &mut mpsc::Receiver<Waiting>, taken: &mut Vec<Waiting>) {
    for _ in 0..TURNS_MAX {
        tokio::task::yield_now().await;
        let before = taken.len();
        while taken.len() < BATCH_MAX {
            let Ok(next) = waiting.try_recv() else { break };
            taken.push(next);
        }
        if taken.len() == before {
            break;
        }
    }
}

/// Decides what was taken and answers everybody.
async fn serve(
    batch: &Batch,
    connection: &mut SqliteConnection,
    taken: &mut Vec<Waiting>,
    told: &Told,
) -> Result<(), StoreError> {
    if taken.is_empty() {
        return Ok(());
    }
    let began_us = told.began_us();
    let members: Vec<Member> = taken.iter().map(|waiting| waiting.member.clone()).collect();
    match decide_batch(batch, connection, members, true).await {
        Ok((outcomes, committed)) => {
            told.stored(taken.len(), began_us);
            for (waiting, outcome) in taken.drain(..).zip(outcomes) {
                // Who no longer waits will ask again.
                let _ = waiting.answer.send(Ok(outcome));
            }
            (told.on_commit)(committed);
            Ok(())
        }
        Err(Failed::Before(error)) => {
            roll_back(connection).await;
            if matches!(error, StoreError::Corrupt(_)) && taken.len() > 1 {
                return one_by_one(batch, connection, taken, told).await;
            }
            told.failed();
            refuse(taken, &error);
            Ok(())
        }
        Err(Failed::AtCommit(error, number)) => {
            let lost = is_flush_failure(&error);
            roll_back(connection).await;
            let read_back = batch_number(batch, connection).await;
            tracing::error!(%error, batch = number, ?read_back, "a commit failed");
            told.failed();
            match read_back {
                Some(stands) if !lost && stands != number => refuse(taken, &unavailable(&error)),
                // Stored without an answer, or nobody can tell: every caller asks again and is
                // told what stands.
                Some(_) | None => refuse(taken, &StoreError::Unknown),
            }
            if lost {
                Err(StoreError::Unknown)
            } else {
                Ok(())
            }
        }
    }
}

/// A batch with something unreadable in it: each member alone, so that one can't stop the rest.
async fn one_by_one(
    batch: &Batch,
    connection: &mut SqliteConnection,
    taken: &mut Vec<Waiting>,
    told: &Told,
) -> Result<(), StoreError> {
    let mut all: Vec<Waiting> = std::mem::take(taken);
    for waiting in all.drain(..) {
        let mut alone = vec![waiting];
        Box::pin(serve(batch, connection, &mut alone, told)).await?;
    }
    Ok(())
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
        StoreError::Unknown => StoreError::Unknown,
        StoreError::Corrupt(text) => StoreError::Corrupt(text.clone()),
    }
}

/// Reads, proves, decides, writes and commits one batch.
pub(super) async fn decide_batch(
    batch: &Batch,
    connection: &mut SqliteConnection,
    members: Vec<Member>,
    commit: bool,
) -> Result<(Vec<Outcome>, Committed), Failed> {
    decide_batch_seen(batch, connection, members, commit, &|_| ()).await
}

#[expect(
    clippy::too_many_lines,
    reason = "the batch from its first read to its commit, in order"
)]
pub(super) async fn decide_batch_seen(
    batch: &Batch,
    connection: &mut SqliteConnection,
    members: Vec<Member>,
    commit: bool,
    seen: &(dyn Fn(&Query) + Sync),
) -> Result<(Vec<Outcome>, Committed), Failed> {
    let context = &batch.context;
    let (mut wants, mut asked) = (Wants::default(), Wants::default());
    for member in &members {
        first_wants(member, &mut wants);
    }
    let mut query = Query {
        sql: load::opening(batch.node),
        arguments: Vec::new(),
    };
    load::wanted(&mut query, &wants.not_asked(&mut asked));
    let rows = fetch(connection, query)
        .await
        .map_err(|e| Failed::Before(unavailable(&e)))?;
    let counters = enter::counters(&rows).map_err(Failed::Before)?;
    let mut world = World::new(counters, (batch.clock)());
    enter_all(&mut world, &rows)?;
    let count = members.len();
    let proved: Vec<Proved> = members
        .into_iter()
        .map(|member| prove(&mut world, member, context))
        .collect();
    for _ in 0..ROUNDS_MAX {
        let mut wants = Wants::default();
        for member in &proved {
            further_wants(&world, member, &mut wants);
        }
        let wants = wants.not_asked(&mut asked);
        if wants.is_empty() {
            break;
        }
        let mut query = Query::default();
        load::wanted(&mut query, &wants);
        let rows = fetch(connection, query)
            .await
            .map_err(|e| Failed::Before(unavailable(&e)))?;
        enter_all(&mut world, &rows)?;
    }
    let outcomes = decide::decide_batch(&mut world, proved, context);
    if world.is_untouched() {
        roll_back(connection).await;
        return Ok((
            outcomes,
            Committed {
                members: count,
                ..Committed::default()
            },
        ));
    }
    world.counters.batch = world.counters.batch.saturating_add(1);
    world.counters.committed = world.now;
    let number = world.counters.batch;
    let query = save::changed(&world);
    seen(&query);
    if !commit {
        roll_back(connection).await;
        return Ok((outcomes, Committed::default()));
    }
    fetch(connection, query)
        .await
        .map_err(|error| failed_to_save(error, number))?;
    let outbox = world
        .outbox
        .new_rows()
        .map(|(_, row)| row.clone())
        .collect();
    let committed = Committed {
        moved: world.moved,
        outbox,
        notices: world.notices,
        members: count,
        batch: number,
    };
    Ok((outcomes, committed))
}

fn enter_all(world: &mut World, rows: &[SqliteRow]) -> Result<(), Failed> {
    for row in rows {
        enter::enter(world, row).map_err(Failed::Before)?;
    }
    Ok(())
}

/// A statement that breaks a rule of the schema is a fault of ours in one member; anything else may
/// have happened at the commit.
fn failed_to_save(error: sqlx::Error, number: i64) -> Failed {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let code = code.and_then(|code| code.parse::<u32>().ok());
    let constraint = code.is_some_and(|code| code & 0xFF == SQLITE_CONSTRAINT);
    if constraint {
        Failed::Before(corrupt(error.to_string()))
    } else {
        Failed::AtCommit(error, number)
    }
}

/// Whether the system said that it could not flush: then nobody knows what is on the disk.
fn is_flush_failure(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(database) = error else {
        return false;
    };
    let code = database.code().and_then(|code| code.parse::<u32>().ok());
    matches!(code, Some(SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC))
}

/// Runs a query string and takes every row of every statement in it.
pub(super) async fn fetch(
    connection: &mut SqliteConnection,
    query: Query,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(query.arguments.len(), 0);
    for value in query.arguments {
        let added = match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Int(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
            Value::Octets(octets) => arguments.add(octets),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    let statement = sqlx::query_with(AssertSqlSafe(query.sql), arguments).persistent(true);
    let mut stream = connection.fetch_many(statement);
    let mut rows = Vec::new();
    while let Some(step) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        if let Either::Right(row) = step? {
            rows.push(row);
        }
    }
    Ok(rows)
}

pub(super) async fn roll_back(connection: &mut SqliteConnection) {
    // Outside a transaction this is an error, and then there is nothing to roll back.
    let _ = connection.execute("rollback").await;
}

async fn batch_number(batch: &Batch, connection: &mut SqliteConnection) -> Option<i64> {
    let sql = "select batch from node where node = ?1";
    let row: Result<(i64,), sqlx::Error> = sqlx::query_as(sql)
        .bind(i64::from(batch.node))
        .fetch_one(connection)
        .await;
    row.ok().map(|(number,)| number)
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
    gate: Arc<Mutex<()>>,
    stop: Arc<tokio::sync::Notify>,
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
            Err(error) => checkpoint_failed(&error)?,
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
            Err(error) => {
                checkpoint_failed(&error)?;
            }
        }
    }
    sqlite::close(connection).await;
    Ok(())
}

/// Nothing is lost by a checkpoint that did not happen; by one that was not flushed, perhaps.
fn checkpoint_failed(error: &sqlx::Error) -> Result<bool, StoreError> {
    if is_flush_failure(error) {
        tracing::error!(%error, "the database file was not flushed");
        return Err(StoreError::Unknown);
    }
    tracing::warn!(%error, "a checkpoint failed");
    Ok(false)
}

/// Members of one commit: above this the time of a commit no longer falls per member.
const BATCH_MAX: usize = 512;
/// A number leads to an order, the order to its terminal, the terminal to its merchant.
const ROUNDS_MAX: usize = 4;
/// Turns that the callers get to come into a batch: each brings fewer.
const TURNS_MAX: usize = 8;
const CHECKPOINT_EVERY: std::time::Duration = std::time::Duration::from_millis(500);
/// 256 MiB of pages of 4 KiB.
const LOG_FRAMES_MAX: i64 = 65_536;
/// Half a minute of rounds, so that a long reader costs the writer a tenth of a second of it.
const RESTART_AGAIN_AFTER: u32 = 60;
const SQLITE_CONSTRAINT: u32 = 19;
const SQLITE_IOERR_FSYNC: u32 = 1034;
const SQLITE_IOERR_DIR_FSYNC: u32 = 1290;
