//! SQLite, embedded: one connection writes, others read.

use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Arguments, AssertSqlSafe, ConnectOptions, Connection, Either, Executor};

use crate::gateway::books::StoreError;
use crate::store::connection::{Around, Broken};
use crate::store::migrations;
use crate::store::readers::Readers;
use crate::store::rows::{Rows, StoredRow, Value};
use crate::store::serving::FileSeat;
use crate::store::statements::{Query, Statement, Step};
use crate::store::writer::Writing;

/// Opens the file, brings its schema up, and makes this node's row if it is new.
pub(super) async fn open(
    path: Option<&Path>,
    node: u16,
    seat: Option<FileSeat>,
) -> Result<(Writing, Readers), StoreError> {
    let base = connect_options(path)?;
    let mut connection = base.clone().connect().await.map_err(|e| unavailable(&e))?;
    let brought_up = migrations::sqlite().run(&mut connection).await;
    brought_up.map_err(migrations::failed)?;
    belongs_to(&mut connection, node).await?;
    let added = fetch(&mut connection, &migrations::add_node(node), Around::Both).await;
    added.map_err(|error| StoreError::Unavailable(error.to_string()))?;
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
    let checkpoints = match path {
        Some(_) => {
            let base = base.busy_timeout(CHECKPOINT_BUSY);
            Some(base.connect().await.map_err(|e| unavailable(&e))?)
        }
        None => None,
    };
    Ok((
        Writing::Sqlite {
            connection,
            checkpoints,
            seat,
        },
        Readers::Sqlite(readers),
    ))
}

/// A connection of its own to books that stand.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let options = connect_options(Some(path))?.create_if_missing(false);
    options.connect().await.map_err(|e| unavailable(&e))
}

/// A file has one node's numbers: another node beside it would have accounts of its own there.
async fn belongs_to(connection: &mut SqliteConnection, node: u16) -> Result<(), StoreError> {
    let other: Option<i64> = sqlx::query_scalar(migrations::OTHER_NODE)
        .bind(i64::from(node))
        .fetch_optional(connection)
        .await
        .map_err(|e| unavailable(&e))?;
    other.map_or(Ok(()), |other| {
        Err(StoreError::Unavailable(format!(
            "the file has the books of node {other}, and [node] id is {node}: set it to {other}, \
             or let several nodes share a PostgreSQL database"
        )))
    })
}

pub(super) fn connect_options(path: Option<&Path>) -> Result<SqliteConnectOptions, StoreError> {
    let base = if let Some(path) = path {
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

/// Runs the statements as one query string and takes every row of each.
pub(super) async fn fetch(
    connection: &mut SqliteConnection,
    query: &Query,
    around: Around,
) -> Result<Vec<StoredRow>, Broken> {
    let (sql, values) = render(query, around);
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        let added = match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Int(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
            Value::Octets(octets) => arguments.add(octets),
        };
        added.map_err(|error| Broken::Before(sqlx::Error::Encode(error)))?;
    }
    let statement = sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(true);
    let mut stream = connection.fetch_many(statement);
    let mut rows = Vec::new();
    while let Some(step) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
        if let Either::Right(row) = step.map_err(|error| broken(error, around))? {
            rows.push(StoredRow::Sqlite(row));
        }
    }
    Ok(rows)
}

pub(super) async fn roll_back(connection: &mut SqliteConnection) {
    // Outside a transaction this is an error, and then there is nothing to roll back.
    let _ = connection.execute("rollback").await;
}

/// One text with its arguments in the order of their places: numbered parameters of several
/// statements in one string are counted wrongly by the driver.
fn render(query: &Query, around: Around) -> (String, Vec<Value>) {
    let mut sql = String::new();
    let mut arguments = Vec::new();
    if around.begins() {
        sql.push_str("begin immediate;\n");
    }
    for step in &query.steps {
        match step {
            Step::Plain(text) => {
                sql.push_str(text);
                sql.push_str(";\n");
            }
            Step::Read(statement, keys) => {
                let width = statement.kinds.len();
                let source = json_source(width);
                push(&mut sql, statement, &source);
                arguments.push(Value::Text(keys.to_json(width).into()));
            }
            Step::Write(statement, rows) => write(&mut sql, &mut arguments, statement, rows),
        }
    }
    if around.commits() {
        sql.push_str("commit;");
    }
    (sql, arguments)
}

/// Adds a statement with its rows, in as many pieces as the engine's parameters ask for. The last
/// piece is padded to a power of two with rows of nulls, which the statement passes over, so that
/// few texts differ and the prepared ones are met again.
fn write(sql: &mut String, arguments: &mut Vec<Value>, statement: &Statement, rows: &Rows) {
    let width = statement.kinds.len().max(1);
    let fits = PARAMETERS_MAX.checked_div(width).unwrap_or(1);
    // The largest power of two that fits.
    let most = 1_usize
        .checked_shl(fits.checked_ilog2().unwrap_or_default())
        .unwrap_or(1);
    for piece in rows.values().chunks(most.saturating_mul(width)) {
        let count = piece.len().checked_div(width).unwrap_or_default();
        let padded = count.next_power_of_two().min(most);
        let row = format!("({})", vec!["?"; width].join(","));
        let source = format!("values {}", vec![row.as_str(); padded].join(","));
        push(sql, statement, &source);
        arguments.extend_from_slice(piece);
        let nulls = padded.saturating_sub(count).saturating_mul(width);
        arguments.extend(std::iter::repeat_n(Value::Null, nulls));
    }
}

fn push(sql: &mut String, statement: &Statement, source: &str) {
    for text in [&statement.before, source, &statement.after, ";\n"] {
        sql.push_str(text);
    }
}

/// One JSON array of keys, or of arrays of `width` of them.
fn json_source(width: usize) -> String {
    if width == 1 {
        return "select value as column1 from json_each(?)".to_owned();
    }
    let columns: Vec<String> = (0..width)
        .map(|at| format!("value->>{at} as column{}", at.saturating_add(1)))
        .collect();
    format!("select {} from json_each(?)", columns.join(", "))
}

fn broken(error: sqlx::Error, around: Around) -> Broken {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let code = code.and_then(|code| code.parse::<u32>().ok());
    match code {
        Some(code) if code & 0xFF == SQLITE_CONSTRAINT => Broken::Rule(error),
        Some(SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC) => Broken::NotFlushed(error),
        // Anything else may have happened at the commit.
        _ if around.commits() => Broken::AtCommit(error),
        _ => Broken::Before(error),
    }
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
) -> Result<Checkpointed, Broken> {
    let sql = match how {
        Checkpoint::Restart => "pragma wal_checkpoint(restart)",
        Checkpoint::Passive => "pragma wal_checkpoint(passive)",
    };
    let found: Result<(i64, i64, i64), _> = sqlx::query_as(sql).fetch_one(connection).await;
    let (busy, frames, _moved) = found.map_err(|error| broken(error, Around::Nothing))?;
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

/// `SQLITE_MAX_VARIABLE_NUMBER` of the engine as it is built.
const PARAMETERS_MAX: usize = 32_766;
const SQLITE_CONSTRAINT: u32 = 19;
const SQLITE_IOERR_FSYNC: u32 = 1034;
const SQLITE_IOERR_DIR_FSYNC: u32 = 1290;
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
