//! The writer's way to the books: the file's one connection, or a session on whichever host is the
//! primary.

use sqlx::sqlite::SqliteConnection;

use crate::gateway::books::StoreError;
use crate::store::batch::{Batch, Failed};
use crate::store::connection::{Around, Connection};
use crate::store::postgres::primary::Cluster;
use crate::store::rows::Columns;
use crate::store::sqlite;
use crate::store::statements::Query;

/// The connection that decides, if there is one at present.
pub(super) struct Link {
    connection: Option<Connection>,
    /// Where another is opened; none for a file, whose connection is kept.
    cluster: Option<Cluster>,
}

impl Link {
    /// The one connection that writes a file.
    pub(super) const fn file(connection: SqliteConnection) -> Self {
        Self {
            connection: Some(Connection::Sqlite(connection)),
            cluster: None,
        }
    }

    /// Sessions on the primary, one after the other.
    pub(super) const fn primary(cluster: Cluster) -> Self {
        Self {
            connection: None,
            cluster: Some(cluster),
        }
    }

    /// The connection; a new session where the last one was given up.
    pub(super) async fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        if let Some(cluster) = &self.cluster {
            let lost = self.connection.as_ref().is_none_or(Connection::is_given_up);
            if lost {
                self.connection = None;
                self.connection = Some(Connection::session(cluster).await?);
            }
        }
        let closed = || StoreError::Unavailable("the books are closed".to_owned());
        self.connection.as_mut().ok_or_else(closed)
    }

    /// Takes back what a failed batch has open.
    pub(super) async fn settle(&mut self, failed: &Failed) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        if !connection.is_given_up() {
            connection.roll_back().await;
        }
        if self.cluster.is_some() && matches!(failed, Failed::Before(StoreError::Unavailable(_))) {
            // Whatever ails the session, its host or its network: the next one begins anew.
            self.connection = None;
        }
    }

    /// Whether the batch of this number is stored; none when that can't be told. On `PostgreSQL`
    /// the node's row is locked for it, so that a session that was left alone in its commit is
    /// waited for.
    pub(super) async fn is_stored(&mut self, batch: &Batch, number: i64) -> Option<bool> {
        let suffix = if self.cluster.is_some() {
            " for update"
        } else {
            ""
        };
        let node = batch.node;
        let mut query = Query::default();
        query.plain(format!(
            "select batch, writer from node where node = {node}{suffix}"
        ));
        let connection = self.connection().await.ok()?;
        let rows = connection.fetch(&query, Around::Begin).await.ok()?;
        connection.roll_back().await;
        let mut c = Columns::of(rows.first()?);
        let (last, writer) = (c.int().ok()?, c.int().ok()?);
        if last < number {
            return Some(false);
        }
        // A command of the same node may have committed since: then it can't be told.
        (last == number).then_some(writer == batch.writer)
    }

    /// Closes the file, so that its log is left behind clean.
    pub(super) async fn close(self) {
        if let Some(Connection::Sqlite(connection)) = self.connection {
            sqlite::close(connection).await;
        }
    }
}
