//! One of the two databases of a copy, held so that nobody else writes there.

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::gateway::books::StoreError;
use crate::store::connection::{Around, Broken};
use crate::store::copy::CopyError;
use crate::store::postgres::primary::Cluster;
use crate::store::rows::{Columns, StoredRow};
use crate::store::serving::{FileSeat, NODES, Serving};
use crate::store::sqlite::unavailable;
use crate::store::statements::Query;
use crate::store::{Place, postgres, sqlite};

/// One of the two databases.
pub(super) struct Side {
    name: String,
    connection: Either,
    /// While it is held, no process serves from the file.
    _seat: Option<FileSeat>,
}

enum Either {
    Sqlite(SqliteConnection),
    Postgres(Box<PgConnection>),
}

impl Side {
    /// Connects to books that exist.
    pub(super) async fn open(place: &Place) -> Result<Self, CopyError> {
        match place {
            Place::Memory => {
                let text = "books in memory are one process's own".to_owned();
                Err(StoreError::Unavailable(text).into())
            }
            Place::File(path) => {
                let name = path.display().to_string();
                if !path.is_file() {
                    let text = format!("{name}: there is no such file");
                    return Err(StoreError::Unavailable(text).into());
                }
                let seat = FileSeat::take(path, Serving::default()).await?;
                let options = sqlite::connect_options(Some(path))?.create_if_missing(false);
                let connected = options.connect().await.map_err(|e| unavailable(&e))?;
                Ok(Self {
                    name,
                    connection: Either::Sqlite(connected),
                    _seat: Some(seat),
                })
            }
            Place::Postgres(options) => {
                let cluster = Cluster::find(options).await?;
                Ok(Self {
                    name: format!("database {}", options.database),
                    connection: Either::Postgres(Box::new(cluster.connect().await?)),
                    _seat: None,
                })
            }
        }
    }

    /// What an operator calls it.
    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    /// Begins the one transaction of the copy: from here on nobody else writes, and what is read is
    /// of one moment.
    pub(super) async fn hold(&mut self) -> Result<(), CopyError> {
        if let Either::Sqlite(connection) = &mut self.connection {
            let begun = sqlite::fetch(connection, &Query::default(), Around::Begin).await;
            return begun.map(|_| ()).map_err(|broken| match broken {
                Broken::Before(error) if is_locked(&error) => CopyError::InUse(self.name.clone()),
                broken @ (Broken::Before(_)
                | Broken::Rule(_)
                | Broken::Contended(_)
                | Broken::AtCommit(_)
                | Broken::OnlyLocal(_)
                | Broken::NotFlushed(_)) => failed(&broken),
            });
        }
        self.plain("begin isolation level repeatable read").await?;
        self.plain("set local idle_in_transaction_session_timeout = 0")
            .await?;
        if self.schema_exists().await? {
            // Every batch begins by locking its node's row.
            let locked = self
                .write(&plain("lock table node in exclusive mode"))
                .await;
            locked.map_err(|_| CopyError::InUse(self.name.clone()))?;
            self.nobody_serves().await?;
        }
        Ok(())
    }

    async fn nobody_serves(&mut self) -> Result<(), CopyError> {
        let try_all = format!(
            "select node, pg_try_advisory_xact_lock({NODES}, node::int)::int::int8 from node
             order by node"
        );
        for row in self.rows(&try_all).await? {
            let mut c = Columns::of(&row);
            let (node, locked) = (c.int()?, c.int()?);
            if locked == 0 {
                let place = self.name();
                return Err(CopyError::Served { node, place });
            }
        }
        Ok(())
    }

    /// The schema's version; 0 where there is none.
    pub(super) async fn schema(&mut self) -> i64 {
        if !self.schema_exists().await.unwrap_or_default() {
            return 0;
        }
        let sql = "select coalesce(max(version), 0) from _sqlx_migrations";
        let rows = self.rows(sql).await.unwrap_or_default();
        let version = rows.first().map(|row| Columns::of(row).int());
        version.and_then(Result::ok).unwrap_or_default()
    }

    /// Asked without an error, which would end the transaction.
    async fn schema_exists(&mut self) -> Result<bool, CopyError> {
        let sql = match &self.connection {
            Either::Sqlite(_) => "select 1 from sqlite_schema where name = '_sqlx_migrations'",
            Either::Postgres(_) => "select 1 where to_regclass('_sqlx_migrations') is not null",
        };
        Ok(!self.rows(sql).await?.is_empty())
    }

    /// Every row of a short answer.
    pub(super) async fn rows(&mut self, sql: &str) -> Result<Vec<StoredRow>, CopyError> {
        let mut all = Vec::new();
        let mut keep = async |rows: Vec<StoredRow>| {
            all.extend(rows);
            Ok(())
        };
        self.read(sql, &mut keep).await?;
        Ok(all)
    }

    /// Hands the rows of a select on, at most [`CHUNK`] at a time.
    pub(super) async fn read(
        &mut self,
        sql: &str,
        chunk: &mut impl AsyncFnMut(Vec<StoredRow>) -> Result<(), CopyError>,
    ) -> Result<(), CopyError> {
        let query = || AssertSqlSafe(sql.to_owned());
        match &mut self.connection {
            Either::Sqlite(connection) => {
                let mut rows = sqlx::query(query()).fetch(connection);
                let next = async || {
                    let row = std::future::poll_fn(|cx| rows.as_mut().poll_next(cx)).await;
                    row.map(|row| row.map(StoredRow::Sqlite))
                };
                in_chunks(next, chunk).await
            }
            Either::Postgres(connection) => {
                let mut rows = sqlx::query(query()).fetch(&mut **connection);
                let next = async || {
                    let row = std::future::poll_fn(|cx| rows.as_mut().poll_next(cx)).await;
                    row.map(|row| row.map(StoredRow::Postgres))
                };
                in_chunks(next, chunk).await
            }
        }
    }

    /// Runs statements inside the transaction.
    pub(super) async fn write(&mut self, query: &Query) -> Result<(), CopyError> {
        let ran = match &mut self.connection {
            Either::Sqlite(connection) => sqlite::fetch(connection, query, Around::Nothing).await,
            Either::Postgres(connection) => postgres::run(connection, query, false).await,
        };
        ran.map(|_| ()).map_err(|broken| failed(&broken))
    }

    /// Makes what was written stand.
    pub(super) async fn commit(mut self) -> Result<(), CopyError> {
        let unknown = |broken: Broken| CopyError::Unknown(broken.to_string());
        match &mut self.connection {
            Either::Sqlite(connection) => {
                let committed = sqlite::fetch(connection, &Query::default(), Around::Commit).await;
                committed.map_err(unknown)?;
            }
            Either::Postgres(connection) => {
                postgres::commit(connection).await.map_err(unknown)?;
            }
        }
        self.close().await;
        Ok(())
    }

    /// Lets others write again.
    pub(super) async fn let_go(mut self) {
        // Should it fail, the end of the session does the same.
        let _ = self.plain("rollback").await;
        self.close().await;
    }

    async fn close(self) {
        match self.connection {
            Either::Sqlite(connection) => sqlite::close(connection).await,
            Either::Postgres(connection) => {
                // Nothing hangs on how it ends.
                let _ = connection.close().await;
            }
        }
    }

    async fn plain(&mut self, sql: &str) -> Result<(), CopyError> {
        self.write(&plain(sql)).await
    }
}

async fn in_chunks(
    mut next: impl AsyncFnMut() -> Option<Result<StoredRow, sqlx::Error>>,
    chunk: &mut impl AsyncFnMut(Vec<StoredRow>) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let mut rows = Vec::with_capacity(CHUNK);
    while let Some(row) = next().await {
        rows.push(row.map_err(|error| unavailable(&error))?);
        if rows.len() >= CHUNK {
            chunk(std::mem::replace(&mut rows, Vec::with_capacity(CHUNK))).await?;
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    chunk(rows).await
}

fn plain(sql: &str) -> Query {
    let mut query = Query::default();
    query.plain(sql);
    query
}

fn failed(broken: &Broken) -> CopyError {
    StoreError::Unavailable(broken.to_string()).into()
}

fn is_locked(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == SQLITE_BUSY)
}

/// Rows in memory at once: some hundred kilobytes, and a fraction of a second of any database.
const CHUNK: usize = 1_000;
const SQLITE_BUSY: &str = "5";
