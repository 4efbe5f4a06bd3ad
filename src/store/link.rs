//! The writer's way to the books: the file's one connection, or a session on whichever host is the
//! primary.

use sqlx::sqlite::SqliteConnection;

use crate::gateway::books::StoreError;
use crate::store::batch::{Batch, Failed};
use crate::store::connection::{Around, Connection};
use crate::store::postgres::Session;
use crate::store::postgres::primary::Cluster;
use crate::store::rows::Columns;
use crate::store::serving::{Seat, TRIES_AT_START};
use crate::store::sqlite;
use crate::store::statements::Query;

/// The connection that decides, if there is one at present.
pub(super) struct Link {
    connection: Option<Connection>,
    /// Where another is opened; none for a file, whose connection is kept.
    cluster: Option<Cluster>,
    /// What each session has to take first, where this process serves as a node.
    seat: Option<Seat>,
    /// Whether what it reads may be on no standby: a server that was started anew shows commits that
    /// nobody was told of. From the first commit of the session on it is not so.
    unsettled: bool,
}

impl Link {
    /// The one connection that writes a file.
    pub(super) const fn file(connection: SqliteConnection) -> Self {
        Self {
            connection: Some(Connection::Sqlite(connection)),
            cluster: None,
            seat: None,
            unsettled: false,
        }
    }

    /// Sessions on the primary, one after the other.
    pub(super) const fn primary(cluster: Cluster) -> Self {
        Self {
            connection: None,
            cluster: Some(cluster),
            seat: None,
            unsettled: false,
        }
    }

    /// The same for a process that serves as a node.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when another process serves as that node.
    pub(super) async fn seated(cluster: Cluster, seat: Seat) -> Result<Self, StoreError> {
        let mut link = Self {
            seat: Some(seat),
            ..Self::primary(cluster)
        };
        let mut tries = 1;
        loop {
            let Err(failed) = link.connection().await else {
                return Ok(link);
            };
            if tries >= TRIES_AT_START {
                return Err(failed.into());
            }
            tries = tries.saturating_add(1);
        }
    }

    /// The connection; a new session where the last one was given up.
    ///
    /// # Errors
    ///
    /// [`Failed::TakenOver`] when another process serves as the node by now; [`Failed::Before`].
    pub(super) async fn connection(&mut self) -> Result<&mut Connection, Failed> {
        if self.cluster.is_some() && self.is_lost() {
            self.let_go();
            self.open_session().await?;
        }
        let closed = || StoreError::Unavailable("the books are closed".to_owned());
        self.connection
            .as_mut()
            .ok_or_else(|| Failed::Before(closed()))
    }

    async fn open_session(&mut self) -> Result<(), Failed> {
        let Some(cluster) = &self.cluster else {
            return Ok(());
        };
        let mut session = Session::open(cluster).await.map_err(Failed::Before)?;
        if let Some(seat) = &self.seat {
            seat.take(&mut session).await?;
            seat.serving().set(true);
        }
        self.connection = Some(Connection::Postgres(Box::new(session)));
        self.unsettled = true;
        Ok(())
    }

    /// Whether a commit must come before anybody is answered, even if nothing changes.
    pub(super) const fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// What is read may be on no standby, or from here on it is.
    pub(super) const fn unsettle(&mut self, unsettled: bool) {
        self.unsettled = unsettled;
    }

    fn is_lost(&self) -> bool {
        self.connection.as_ref().is_none_or(Connection::is_given_up)
    }

    /// Gives the session up: what it held is another's to take.
    fn let_go(&mut self) {
        self.connection = None;
        if let Some(seat) = &self.seat {
            seat.serving().set(false);
        }
    }

    /// Looks, while nothing is to be decided, whether this process still serves as its node.
    ///
    /// # Errors
    ///
    /// As [`Self::connection`].
    pub(super) async fn keep(&mut self) -> Result<(), Failed> {
        if self.seat.is_none() {
            return Ok(());
        }
        let mut query = Query::default();
        query.plain("select 1");
        let connection = self.connection().await?;
        if connection.fetch(&query, Around::Nothing).await.is_err() {
            self.let_go();
            self.connection().await?;
        }
        Ok(())
    }

    /// Takes back what a failed batch has open.
    pub(super) async fn settle(&mut self, failed: &Failed) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        if !connection.is_given_up() {
            connection.roll_back().await;
        }
        let ails = matches!(failed, Failed::Before(StoreError::Unavailable(_)));
        if self.cluster.is_some() && (ails || self.is_lost()) {
            // Whatever ails the session, its host or its network: the next one begins anew.
            self.let_go();
        }
    }

    /// Whether the batch of this number is stored; none when that can't be told. On `PostgreSQL`
    /// the node's row is locked for it, so that a session that was left alone in its commit is
    /// waited for, and what was found is committed, so that a standby has it.
    pub(super) async fn is_stored(&mut self, batch: &Batch, number: i64) -> Option<bool> {
        let shared = self.cluster.is_some();
        let suffix = if shared { " for update" } else { "" };
        let node = batch.node;
        let mut query = Query::default();
        query.plain(format!(
            "select batch, writer from node where node = {node}{suffix}"
        ));
        let connection = self.connection().await.ok()?;
        let rows = connection.fetch(&query, Around::Begin).await.ok()?;
        let mut c = Columns::of(rows.first()?);
        let (last, writer) = (c.int().ok()?, c.int().ok()?);
        let stands = last == number && writer == batch.writer;
        if stands && shared {
            let mut confirm = Query::default();
            confirm.plain(format!("update node set batch = batch where node = {node}"));
            connection.fetch(&confirm, Around::Commit).await.ok()?;
            self.unsettled = false;
            return Some(true);
        }
        connection.roll_back().await;
        if last < number {
            return Some(false);
        }
        // A command of the same node may have committed since: then it can't be told.
        (last == number).then_some(stands)
    }

    /// Closes the file, so that its log is left behind clean.
    pub(super) async fn close(self) {
        if let Some(Connection::Sqlite(connection)) = self.connection {
            sqlite::close(connection).await;
        }
    }
}
