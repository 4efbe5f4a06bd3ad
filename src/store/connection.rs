//! One connection to the books of either database: runs queries, begins, commits and rolls back.

use sqlx::sqlite::SqliteConnection;

use crate::store::postgres::Session;
use crate::store::rows::StoredRow;
use crate::store::sqlite;
use crate::store::statements::Query;

/// A connection that decides.
pub(super) enum Connection {
    /// The one that writes the file.
    Sqlite(SqliteConnection),
    /// A session on the primary.
    Postgres(Box<Session>),
}

/// What is done around the statements of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// Nothing: the transaction goes on.
    Nothing,
    /// A transaction begins before them.
    Begin,
    /// The transaction is committed after them.
    Commit,
    /// They are a transaction of their own.
    Both,
}

impl Around {
    /// Whether a transaction begins.
    pub(super) const fn begins(self) -> bool {
        matches!(self, Self::Begin | Self::Both)
    }

    /// Whether it is committed.
    pub(super) const fn commits(self) -> bool {
        matches!(self, Self::Commit | Self::Both)
    }
}

impl Connection {
    /// Runs the statements and takes every row of each.
    pub(super) async fn fetch(
        &mut self,
        query: &Query,
        around: Around,
    ) -> Result<Vec<StoredRow>, Broken> {
        match self {
            Self::Sqlite(connection) => sqlite::fetch(connection, query, around).await,
            Self::Postgres(session) => session.fetch(query, around).await,
        }
    }

    /// Takes back what the open transaction did; nothing when none is open.
    pub(super) async fn roll_back(&mut self) {
        match self {
            Self::Sqlite(connection) => sqlite::roll_back(connection).await,
            Self::Postgres(session) => session.roll_back().await,
        }
    }

    /// Whether it is of no use any more.
    pub(super) fn is_given_up(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(session) => session.is_given_up(),
        }
    }
}

/// How running a query failed, as the writer has to tell apart.
#[derive(Debug)]
pub(super) enum Broken {
    /// Nothing of it will be stored.
    Before(sqlx::Error),
    /// A statement breaks a rule of the schema: a fault of ours in one member, or another node was
    /// first.
    Rule(sqlx::Error),
    /// Another transaction was in the way; the same batch may go well at once.
    Contended(sqlx::Error),
    /// It may have been committed or not.
    AtCommit(sqlx::Error),
    /// It is committed where it was sent to, and perhaps nowhere else.
    OnlyLocal(String),
    /// The system could not flush: nobody knows what is on the disk.
    NotFlushed(sqlx::Error),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Before(error)
            | Self::Rule(error)
            | Self::Contended(error)
            | Self::AtCommit(error)
            | Self::NotFlushed(error) => error.fmt(f),
            Self::OnlyLocal(warning) => f.write_str(warning),
        }
    }
}
