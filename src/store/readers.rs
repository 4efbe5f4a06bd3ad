//! Connections that look and never decide.

use std::time::Duration;

use sqlx::sqlite::{SqliteArguments, SqlitePool};
use sqlx::{Arguments, AssertSqlSafe, Postgres, Sqlite, Transaction};

use crate::gateway::books::StoreError;
use crate::store::connection::Around;
use crate::store::postgres::primary::Cluster;
use crate::store::rows::{StoredRow, Value};
use crate::store::sqlite::unavailable;
use crate::store::statements::Query;
use crate::store::{postgres, sqlite};

/// The readers of one database; clones share them.
#[derive(Clone)]
pub(super) enum Readers {
    Sqlite(SqlitePool),
    Postgres(Cluster),
}

/// A transaction that reads: every page shows the same books.
pub(super) enum Reading {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Readers {
    /// Every row of a select, whose parameters are `$1`, `$2` and so on.
    pub(super) async fn select(
        &self,
        sql: &str,
        arguments: &[Value],
    ) -> Result<Vec<StoredRow>, StoreError> {
        match self {
            Self::Sqlite(pool) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), bound(arguments)?);
                rows(query.fetch_all(pool).await)
            }
            Self::Postgres(cluster) => {
                let reading = async { postgres::select(cluster.readers()?, sql, arguments).await };
                cluster.while_primary(READ_WITHIN, reading).await.flatten()
            }
        }
    }

    /// Every row of a query with keys.
    pub(super) async fn query(&self, query: &Query) -> Result<Vec<StoredRow>, StoreError> {
        match self {
            Self::Sqlite(pool) => {
                let mut connection = pool.acquire().await.map_err(|e| unavailable(&e))?;
                let found = sqlite::fetch(&mut connection, query, Around::Nothing).await;
                found.map_err(|broken| StoreError::Unavailable(broken.to_string()))
            }
            Self::Postgres(cluster) => {
                let reading = async { postgres::query(cluster.readers()?, query).await };
                cluster.while_primary(READ_WITHIN, reading).await.flatten()
            }
        }
    }

    /// Begins to read the books as of now.
    pub(super) async fn begin(&self) -> Result<Reading, StoreError> {
        Ok(match self {
            Self::Sqlite(pool) => Reading::Sqlite(pool.begin().await.map_err(|e| unavailable(&e))?),
            Self::Postgres(cluster) => {
                let begun = cluster.readers()?.begin_with(ONE_MOMENT).await;
                Reading::Postgres(begun.map_err(|e| unavailable(&e))?)
            }
        })
    }
}

impl Reading {
    /// As [`Readers::select`].
    pub(super) async fn select(
        &mut self,
        sql: &str,
        arguments: &[Value],
    ) -> Result<Vec<StoredRow>, StoreError> {
        match self {
            Self::Sqlite(reading) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.to_owned()), bound(arguments)?);
                rows(query.fetch_all(&mut **reading).await)
            }
            Self::Postgres(reading) => postgres::select(&mut **reading, sql, arguments).await,
        }
    }
}

fn rows(
    found: Result<Vec<sqlx::sqlite::SqliteRow>, sqlx::Error>,
) -> Result<Vec<StoredRow>, StoreError> {
    let found = found.map_err(|e| unavailable(&e))?;
    Ok(found.into_iter().map(StoredRow::Sqlite).collect())
}

fn bound(arguments: &[Value]) -> Result<SqliteArguments, StoreError> {
    let mut bound = SqliteArguments::default();
    for value in arguments {
        let added = match value.clone() {
            Value::Null => bound.add(None::<i64>),
            Value::Int(number) => bound.add(number),
            Value::Text(text) => bound.add(text),
            Value::Octets(octets) => bound.add(octets),
        };
        added.map_err(|error| unavailable(&sqlx::Error::Encode(error)))?;
    }
    Ok(bound)
}

/// Longer than the largest page takes.
const READ_WITHIN: Duration = Duration::from_secs(10);
const ONE_MOMENT: &str = "begin isolation level repeatable read, read only";
