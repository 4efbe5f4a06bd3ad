//! PostgreSQL: one session on the primary writes, pools read, and one more tells other nodes.
//!
//! ```text
//! hosts ─► primary (every 250 ms: the highest timeline, never back) ─┬─► writer's session
//!                                                                    ├─► pool of readers
//!                                                                    └─► NOTIFY and LISTEN
//! ```
//! A session that fails is given up, never mended: the next batch opens another on the host that
//! is the primary then.

pub(super) mod clocks;
mod commit;
pub(super) mod news;
pub(super) mod primary;
mod session;

use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnection, PgPool};
use sqlx::{Arguments, AssertSqlSafe, Executor};

use crate::gateway::books::StoreError;
use crate::store::connection::{Around, Broken};
use crate::store::migrations;
use crate::store::postgres::primary::Cluster;
use crate::store::rows::{Columns, Rows, StoredRow, Value};
use crate::store::sqlite::unavailable;
use crate::store::statements::{Kind, Query, Statement, Step};

pub(super) use commit::commit;
pub use session::{PostgresOptions, PostgresTls};

/// Finds the primary, brings its schema up, and makes this node's row if it is new.
pub(super) async fn open(options: &PostgresOptions, node: u16) -> Result<Cluster, StoreError> {
    let cluster = Cluster::find(options).await?;
    let mut connection = cluster.connect().await?;
    let brought_up = migrations::postgres().run(&mut connection).await;
    brought_up.map_err(migrations::failed)?;
    let added = run(&mut connection, &migrations::add_node(node), false).await;
    added.map_err(|error| StoreError::Unavailable(format!("node {node}: {error}")))?;
    Ok(cluster)
}

/// Raises the epoch of `node`, once its batch that may be under way has ended.
pub(super) async fn take_over(
    options: &PostgresOptions,
    node: u16,
) -> Result<Option<i64>, StoreError> {
    let mut session = session(options).await?;
    let raised = session
        .fetch(&migrations::raise_epoch(node), Around::Both)
        .await;
    let rows = raised.map_err(|broken| StoreError::Unavailable(broken.to_string()))?;
    rows.first().map(|row| Columns::of(row).int()).transpose()
}

/// A session on whichever host is the primary, for one command.
pub(super) async fn session(options: &PostgresOptions) -> Result<Session, StoreError> {
    Session::open(&Cluster::find(options).await?).await
}

/// A session on the primary, with limits on how long it is waited for.
pub(super) struct Session {
    connection: PgConnection,
    cluster: Cluster,
    given_up: bool,
}

impl Session {
    /// A session on the host that is the primary now.
    pub(super) async fn open(cluster: &Cluster) -> Result<Self, StoreError> {
        Ok(Self {
            connection: cluster.connect().await?,
            cluster: cluster.clone(),
            given_up: false,
        })
    }

    /// Whether an answer was not waited for: what the server makes of it is its own.
    pub(super) const fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// Runs the statements one after the other and takes every row of each. A cancelled wait for
    /// the standby answers success with a warning: that is [`Broken::OnlyLocal`].
    pub(super) async fn fetch(
        &mut self,
        query: &Query,
        around: Around,
    ) -> Result<Vec<StoredRow>, Broken> {
        let running = run(&mut self.connection, query, around.begins());
        let ran = self.cluster.while_primary(RUN_WITHIN, running).await;
        let rows = ran.unwrap_or_else(|error| {
            self.given_up = true;
            Err(Broken::Before(given_up(&error)))
        })?;
        if around.commits() {
            let committing = commit(&mut self.connection);
            let committed = self.cluster.while_primary(COMMIT_WITHIN, committing).await;
            committed.unwrap_or_else(|error| {
                self.given_up = true;
                Err(Broken::AtCommit(given_up(&error)))
            })?;
        }
        Ok(rows)
    }

    /// Takes back what the open transaction did.
    pub(super) async fn roll_back(&mut self) {
        // Outside a transaction this is a warning; of a lost session the server does it by itself.
        let rolling = self.connection.execute("rollback");
        let rolled = self.cluster.while_primary(RUN_WITHIN, rolling).await;
        self.given_up = self.given_up || !matches!(rolled, Ok(Ok(_)));
    }
}

fn given_up(error: &StoreError) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        error.to_string(),
    ))
}

pub(super) async fn run(
    connection: &mut PgConnection,
    query: &Query,
    begin: bool,
) -> Result<Vec<StoredRow>, Broken> {
    if begin {
        connection.execute("begin").await.map_err(broken)?;
    }
    let mut rows = Vec::new();
    for step in &query.steps {
        let (sql, arguments) = render(step).map_err(broken)?;
        let statement = sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(true);
        let found = connection.fetch_all(statement).await.map_err(broken)?;
        rows.extend(found.into_iter().map(StoredRow::Postgres));
    }
    Ok(rows)
}

/// Every row of a query with keys, on a reader.
pub(super) async fn query(readers: &PgPool, query: &Query) -> Result<Vec<StoredRow>, StoreError> {
    let mut connection = readers.acquire().await.map_err(|e| unavailable(&e))?;
    let found = run(&mut connection, query, false).await;
    found.map_err(|broken| StoreError::Unavailable(broken.to_string()))
}

/// The statement with an array for each column of its rows.
pub(super) fn render(step: &Step) -> Result<(String, PgArguments), sqlx::Error> {
    let mut arguments = PgArguments::default();
    let (statement, rows) = match step {
        Step::Plain(sql) => return Ok((sql.clone(), arguments)),
        Step::Read(statement, rows) | Step::Write(statement, rows) => (statement, rows),
    };
    for (at, kind) in statement.kinds.iter().enumerate() {
        bind(&mut arguments, rows, at, *kind, statement.kinds.len())?;
    }
    let Statement {
        before,
        kinds,
        after,
    } = statement;
    let sql = format!("{before}{}{after}", source(kinds));
    Ok((sql, arguments))
}

/// Rows from an array for each column.
fn source(kinds: &[Kind]) -> String {
    let mut arrays = Vec::with_capacity(kinds.len());
    let mut names = Vec::with_capacity(kinds.len());
    for (kind, at) in kinds.iter().zip(1_usize..) {
        let array = match kind {
            Kind::Int => "int8",
            Kind::Text => "text",
            Kind::Octets => "bytea",
        };
        arrays.push(format!("${at}::{array}[]"));
        names.push(format!("column{at}"));
    }
    format!(
        "select * from unnest({}) as u({})",
        arrays.join(", "),
        names.join(", ")
    )
}

fn bind(
    arguments: &mut PgArguments,
    rows: &Rows,
    at: usize,
    kind: Kind,
    width: usize,
) -> Result<(), sqlx::Error> {
    let column = rows.values().iter().skip(at).step_by(width.max(1));
    let added = match kind {
        Kind::Int => {
            let column = column.map(|value| match value {
                Value::Int(number) => Some(*number),
                Value::Null | Value::Text(_) | Value::Octets(_) => None,
            });
            arguments.add(column.collect::<Vec<Option<i64>>>())
        }
        Kind::Text => {
            let column = column.map(|value| match value {
                Value::Text(text) => Some(&**text),
                Value::Null | Value::Int(_) | Value::Octets(_) => None,
            });
            arguments.add(column.collect::<Vec<Option<&str>>>())
        }
        Kind::Octets => {
            let column = column.map(|value| match value {
                Value::Octets(octets) => Some(octets.as_slice()),
                Value::Null | Value::Int(_) | Value::Text(_) => None,
            });
            arguments.add(column.collect::<Vec<Option<&[u8]>>>())
        }
    };
    added.map_err(sqlx::Error::Encode)
}

/// What a statement's failure means before the commit: the server has rolled back.
fn broken(error: sqlx::Error) -> Broken {
    match code_of(&error).as_deref() {
        // Unique: another node was first. Serialization, deadlock, lock time-out.
        Some("23505" | "40001" | "40P01" | "55P03") => Broken::Contended(error),
        Some(code) if code.starts_with("23") => Broken::Rule(error),
        _ => Broken::Before(error),
    }
}

/// The SQLSTATE of an error of the server.
fn code_of(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}

/// Reading and writing a batch, locks of other nodes' batches included.
const RUN_WITHIN: Duration = Duration::from_secs(5);
/// The network gives up an order after five seconds: by then its sender has an answer, and what the
/// commit came to is asked before the next.
const COMMIT_WITHIN: Duration = Duration::from_secs(3);

/// Runs a select on a reader with these arguments.
pub(super) async fn select(
    executor: impl Executor<'_, Database = sqlx::Postgres>,
    sql: &str,
    arguments: &[Value],
) -> Result<Vec<StoredRow>, StoreError> {
    let mut bound = PgArguments::default();
    for value in arguments {
        let added = match value {
            Value::Null => bound.add(None::<&str>),
            Value::Int(number) => bound.add(*number),
            Value::Text(text) => bound.add(&**text),
            Value::Octets(octets) => bound.add(octets.as_slice()),
        };
        added.map_err(|error| unavailable(&sqlx::Error::Encode(error)))?;
    }
    let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), bound).persistent(true);
    let rows = executor
        .fetch_all(query)
        .await
        .map_err(|e| unavailable(&e))?;
    Ok(rows.into_iter().map(StoredRow::Postgres).collect())
}
