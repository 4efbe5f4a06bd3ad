//! Which books these are and in which epoch: read for the mark outside of them, and changed only
//! when a restore from a backup is declared.
//!
//! ```text
//! declare ─► epoch + 1, every writer fenced, messages parked (one transaction, not settled)
//!         ─► open purchases get an unknown end (members) ─► settled ─► mark
//!    killed anywhere: books that are not settled are refused, and declaring goes on
//! ```

use std::path::Path;

use sqlx::Connection as _;

use crate::domain::Millis;
use crate::gateway::books::StoreError;
use crate::store::connection::{Around, Connection};
use crate::store::mark::{Mark, MarkError, Standing, Verdict};
use crate::store::rows::{Columns, Rows, StoredRow};
use crate::store::statements::Query;
use crate::store::tables::{BOOKS, MARKED};
use crate::store::{Place, Store, StoreOptions, postgres, sqlite};

/// A restore to be declared.
#[derive(Clone, Debug)]
pub struct Restore<'a> {
    /// The epoch that begins: above every one before.
    pub epoch: u16,
    /// What was known of the books outside of them.
    pub mark: Option<&'a Mark>,
    /// When it is declared.
    pub now: Millis,
    /// Plain text orders buy nothing before.
    pub plain_from: Millis,
    /// Orders that one SIM may have sent since the backup.
    pub counter_margin: u32,
    /// Why, as the operator says it.
    pub reason: &'a str,
}

impl Store {
    /// Where the books stand now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        let sql = "select identity, epoch, settled from books";
        let rows = self.readers.select(sql, &[]).await?;
        let none = || StoreError::Corrupt("the books say not which they are".to_owned());
        let mut c = Columns::of(rows.first().ok_or_else(none)?);
        let mut mark = Mark {
            identity: c.text()?.to_owned(),
            epoch: c.small()?,
            ..Mark::default()
        };
        let settled = c.int()? != 0;
        let mut committed = Millis::default();
        let sql = "select node, batch, committed_ms from node order by node";
        for row in &self.readers.select(sql, &[]).await? {
            let mut c = Columns::of(row);
            mark.batches.insert(c.small()?, c.int()?);
            committed = committed.max(Millis(c.int()?));
        }
        let sql = format!("select node from marked where node = {}", self.node);
        let marked = !self.readers.select(&sql, &[]).await?.is_empty();
        Ok(Standing {
            mark,
            settled,
            marked,
            committed,
        })
    }

    /// Holds the books against the mark at `path`, and moves that up to them. A node that never marked
    /// them does from now on.
    ///
    /// # Errors
    ///
    /// [`MarkError`]: why they must not be served, and what to do.
    pub async fn check_mark(&self, options: &StoreOptions, path: &Path) -> Result<Mark, MarkError> {
        let standing = self.standing().await?;
        let found = Mark::read(path)?;
        let mut mark = standing.mark.clone();
        if standing.judge(found.as_ref(), path)? == Verdict::New {
            mark.identity = first_marked(options, standing.committed).await?;
        }
        mark.raise(path)?;
        Ok(mark)
    }
}

/// Notes that this node keeps a mark from now on, and gives books that have none their identity. Of
/// two that do so at once one is first.
async fn first_marked(options: &StoreOptions, now: Millis) -> Result<String, StoreError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let mut query = Query::default();
    let identity = hex::encode(random);
    query.plain(format!(
        "update books set identity = '{identity}' where identity = ''"
    ));
    let mut rows = Rows::default();
    rows.row().int(options.node).int(now.0).end();
    query.write(rows, || MARKED.upsert());
    query.plain("select identity from books");
    let rows = alone(options, &query).await?;
    let given = rows
        .last()
        .map(|row| Columns::of(row).text().map(str::to_owned));
    given.unwrap_or(Ok(identity))
}

/// Begins the new epoch: no writer of before can commit any more, and nothing is served until
/// [`settle`]. It may be begun again.
///
/// # Errors
///
/// [`StoreError::Unavailable`]: nothing was stored.
pub async fn begin_epoch(options: &StoreOptions, restore: &Restore<'_>) -> Result<(), StoreError> {
    let mut query = Query::default();
    let mut rows = Rows::default();
    rows.row()
        .int(1)
        .int(restore.epoch)
        .int(0)
        .int(restore.now.0)
        .text(restore.reason)
        .int(restore.plain_from.0)
        .int(restore.counter_margin)
        .end();
    query.write(rows, || BOOKS.update(EPOCH_BEGINS));
    query.plain("update node set epoch = epoch + 1");
    let known = restore.mark.map(|mark| &mark.batches);
    for (node, batch) in known.into_iter().flatten() {
        // A number of a commit that is forgotten is not given to another one.
        query.plain(format!(
            "update node set batch = {batch} where node = {node} and batch < {batch}"
        ));
    }
    query.plain(format!(
        "update outbox set parked = '{MAY_BE_SENT}' where parked is null"
    ));
    if let Some(mark) = restore.mark {
        let mut rows = Rows::default();
        rows.row().int(1).text(&mark.identity).end();
        query.write(rows, || BOOKS.update(&["identity"]));
    }
    alone(options, &query).await.map(|_| ())
}

/// The books are in their new epoch whole.
///
/// # Errors
///
/// [`StoreError::Unavailable`].
pub async fn settle(options: &StoreOptions) -> Result<(), StoreError> {
    let mut query = Query::default();
    query.plain("update books set settled = 1");
    alone(options, &query).await.map(|_| ())
}

/// Runs statements as a transaction of their own, on a connection of their own.
async fn alone(options: &StoreOptions, query: &Query) -> Result<Vec<StoredRow>, StoreError> {
    let mut connection = match &options.place {
        Place::Memory => {
            let text = "books in memory are gone with their process: there is nothing to restore";
            return Err(StoreError::Unavailable(text.to_owned()));
        }
        Place::File(path) => Connection::Sqlite(sqlite::connect(path).await?),
        Place::Postgres(shared) => Connection::Postgres(Box::new(postgres::session(shared).await?)),
    };
    let rows = connection.fetch(query, Around::Both).await;
    let rows = rows.map_err(|broken| StoreError::Unavailable(broken.to_string()));
    if let Connection::Sqlite(connection) = connection {
        let closed = connection.close().await;
        closed.map_err(|error| sqlite::unavailable(&error))?;
    }
    rows
}

/// What a declared restore changes of the row of the books.
const EPOCH_BEGINS: &[&str] = &[
    "epoch",
    "settled",
    "restored_ms",
    "reason",
    "plain_from_ms",
    "counter_margin",
];
/// Why messages of a backup wait for a person.
const MAY_BE_SENT: &str = "it waited when the books were restored, and may have been sent since";
