//! SQLite, embedded: one connection writes, others read.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use crate::gateway::books::StoreError;
use crate::store::StoreOptions;

/// The writer's connections.
pub(super) struct Writing {
    /// The one that decides.
    pub(super) connection: SqliteConnection,
    /// The one that moves the log into the database file; none in memory.
    pub(super) checkpoints: Option<SqliteConnection>,
}

/// Opens the file, brings its schema up, and makes this node's row if it is new.
pub(super) async fn open(options: &StoreOptions) -> Result<(Writing, SqlitePool), StoreError> {
    let base = connect_options(options)?;
    let mut connection = base.clone().connect().await.map_err(|e| unavailable(&e))?;
    migrate(&mut connection).await?;
    let sql = "insert into node values (?1, 0, 0, 0, 0, 0, 0, 0, 0, 0) on conflict do nothing";
    sqlx::query(sql)
        .bind(i64::from(options.node))
        .execute(&mut connection)
        .await
        .map_err(|e| unavailable(&e))?;
    let reading = base
        .clone()
        .pragma("query_only", "on")
        .pragma("cache_size", READER_CACHE);
    let readers = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        // A file does not hang up; asking it would double the way to the reader's thread.
        .test_before_acquire(false)
        .connect_with(reading)
        .await
        .map_err(|e| unavailable(&e))?;
    let checkpoints = match options.path {
        Some(_) => {
            let base = base.busy_timeout(CHECKPOINT_BUSY);
            Some(base.connect().await.map_err(|e| unavailable(&e))?)
        }
        None => None,
    };
    Ok((
        Writing {
            connection,
            checkpoints,
        },
        readers,
    ))
}

fn connect_options(options: &StoreOptions) -> Result<SqliteConnectOptions, StoreError> {
    let base = if let Some(path) = &options.path {
        SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
    } else {
        // A name of its own for each: two stores of one test process are two databases.
        let number = IN_MEMORY.fetch_add(1, Ordering::Relaxed);
        let name = format!("file:books-{number}?mode=memory&cache=shared");
        SqliteConnectOptions::from_str(&name)
            .map_err(|e| unavailable(&e))?
            .shared_cache(true)
    };
    Ok(base
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .pragma("wal_autocheckpoint", "0")
        .pragma("cache_size", "-65536")
        .pragma("mmap_size", MMAP_OCTETS)
        .pragma("temp_store", "memory")
        .row_buffer_size(ROW_BUFFER)
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging())
}

/// Brings the schema up; a schema newer than this program is refused.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        let sql = sqlx::SqlSafeStr::into_sql_str(*sql);
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    });
    let migrator = Migrator {
        migrations: migrations.collect(),
        ..Migrator::DEFAULT
    };
    migrator.run(connection).await.map_err(|error| {
        StoreError::Unavailable(format!("the schema can't be brought up: {error}"))
    })
}

/// How a checkpoint treats those who still use the log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Checkpoint {
    /// Moves what nobody needs any more.
    Passive,
    /// Moves all, waiting for readers, so that the log begins anew.
    Restart,
}

/// What a checkpoint found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checkpointed {
    /// Somebody kept it from finishing.
    pub(super) busy: bool,
    /// Pages in the log.
    pub(super) frames: i64,
}

/// Moves what is committed into the database file.
pub(super) async fn checkpoint(
    connection: &mut SqliteConnection,
    how: Checkpoint,
) -> Result<Checkpointed, sqlx::Error> {
    let sql = match how {
        Checkpoint::Restart => "pragma wal_checkpoint(restart)",
        Checkpoint::Passive => "pragma wal_checkpoint(passive)",
    };
    let (busy, frames, _moved): (i64, i64, i64) = sqlx::query_as(sql).fetch_one(connection).await?;
    Ok(Checkpointed {
        busy: busy != 0,
        frames,
    })
}

/// Closes a connection, so that the log is left behind clean.
pub(super) async fn close(connection: SqliteConnection) {
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the store's connection did not close");
    }
}

pub(super) fn unavailable(error: &dyn std::error::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Databases in memory so far.
static IN_MEMORY: AtomicU64 = AtomicU64::new(0);

/// Every migration, in order: version, name, statements.
const MIGRATIONS: &[(i64, &str, &str)] = &[(1, "books", include_str!("migrations/0001_books.sql"))];
/// Polls and commands; each is a thread of its own.
const READERS: u32 = 4;
/// KiB, negative: what is in the file is read where the system has it, so that only pages of the
/// log are copied.
const READER_CACHE: &str = "-4096";
/// How long a command waits for the writer's lock, and the writer for a command's.
const BUSY: Duration = Duration::from_secs(10);
/// How long a checkpoint that holds the writer waits for readers.
const CHECKPOINT_BUSY: Duration = Duration::from_millis(100);
/// Rows that wait for the reader: more than one round reads, so that the thread never stops.
const ROW_BUFFER: usize = 16_384;
/// Texts of batches that are kept prepared. Orders alone meet some dozens again and again; with the
/// words of machines between them hardly two batches have the same text, and each takes 1 MB.
const STATEMENTS: usize = 64;
/// The file is read through the page cache of the system, up to 64 GiB of it.
const MMAP_OCTETS: &str = "68719476736";
