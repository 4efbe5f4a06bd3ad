//! The writer's batch function for simulation and benchmark.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::gateway::books::{Committed, StoreError};
use crate::gateway::context::Context;
use crate::gateway::member::{Member, Outcome};
use crate::store::Clock;
use crate::store::batch::{self, Batch, Decided, End, Members};
use crate::store::connection::{Around, Connection};
use crate::store::every;
use crate::store::link::Link;
use crate::store::readers::Readers;
use crate::store::rows::Columns;
use crate::store::serving::Opening;
use crate::store::statements::Query;
use crate::store::writer::Writing;

/// The writer's batch function without queue and task: a caller says which members form a batch, and
/// where the process would have died. The simulation drives it.
pub struct Direct {
    link: Link,
    readers: Readers,
    batch: Batch,
}

/// What one batch writes.
#[derive(Clone, Debug)]
pub struct Shown(Query);

impl Shown {
    /// How many statements, and how many values they write.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.0.size()
    }
}

/// Where a batch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectEnd {
    /// Committed and answered.
    Answered,
    /// The process dies just before the commit: nothing is stored, nobody is answered.
    DiesBeforeCommit,
    /// The process dies just after it: all is stored, nobody is answered.
    DiesAfterCommit,
}

impl Direct {
    /// Opens the books of `options` for a caller that decides batch by batch.
    ///
    /// # Errors
    ///
    /// As [`crate::store::Store::open`].
    pub async fn open(
        options: &crate::store::StoreOptions,
        context: Arc<Context>,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let opened = batch::open(options, Opening::Beside, context, clock).await?;
        let (writing, readers, batch) = opened;
        let mut link = match writing {
            Writing::Sqlite { connection, .. } => Link::file(connection),
            Writing::Postgres(_, link) => link,
        };
        link.connection().await?;
        Ok(Self {
            link,
            readers,
            batch,
        })
    }

    /// Decides `members` as one batch; none when the process died.
    ///
    /// # Errors
    ///
    /// [`StoreError`] as for any member; nothing is stored then.
    pub async fn decide(
        &mut self,
        members: Vec<Member>,
        end: DirectEnd,
    ) -> Result<Option<(Vec<Outcome>, Committed)>, StoreError> {
        let how = match end {
            DirectEnd::DiesBeforeCommit => End::Never,
            DirectEnd::Answered | DirectEnd::DiesAfterCommit => End::Commit,
        };
        let decided = self.decide_seen(&members, how, &|_| ()).await?;
        Ok((end == DirectEnd::Answered).then_some((decided.outcomes, decided.committed)))
    }

    /// What a batch writes: the benchmark writes the same rows with nothing around them.
    ///
    /// # Errors
    ///
    /// As [`Self::decide`]; the batch itself is decided and committed as well.
    pub async fn decide_and_show(&mut self, members: Vec<Member>) -> Result<Shown, StoreError> {
        let shown = std::sync::Mutex::new(Query::default());
        let keep = |query: &Query| {
            if let Ok(mut shown) = shown.lock() {
                *shown = query.clone();
            }
        };
        self.decide_seen(&members, End::Commit, &keep).await?;
        Ok(Shown(shown.into_inner().unwrap_or_default()))
    }

    async fn decide_seen(
        &mut self,
        members: &[Member],
        end: End,
        seen: &(dyn Fn(&Query) + Sync),
    ) -> Result<Decided, StoreError> {
        let connection = self.link.connection().await?;
        let members = Members {
            all: members,
            without_keys: &BTreeSet::new(),
        };
        match self.batch.decide_seen(connection, members, end, seen).await {
            Ok(decided) => Ok(decided),
            Err(failed) => {
                self.link.settle(&failed).await;
                Err(failed.into())
            }
        }
    }

    /// Writes what [`Self::decide_and_show`] showed, in one transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn write_bare(&mut self, shown: Shown) -> Result<(), StoreError> {
        let connection = self.link.connection().await?;
        let written = connection.fetch(&shown.0, Around::Both).await;
        written
            .map(|_| ())
            .map_err(|broken| StoreError::Unavailable(broken.to_string()))
    }

    /// Runs every statement that a batch can be made of, with rows that touch nothing, and takes it
    /// back: none may exist on one database only.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] with what the database says to the first that it does not take.
    pub async fn run_every_statement(&mut self) -> Result<usize, StoreError> {
        let connection = self.link.connection().await?;
        let locks = match connection {
            Connection::Sqlite(_) => "",
            Connection::Postgres(_) => " for update",
        };
        let query = every::statements(self.batch.node, locks);
        let ran = connection.fetch(&query, Around::Begin).await;
        connection.roll_back().await;
        ran.map_err(|broken| StoreError::Unavailable(broken.to_string()))?;
        Ok(query.size().0)
    }

    /// Tables with their columns, both in the order of their names, as the statements have them.
    #[must_use]
    pub fn tables() -> Vec<(String, Vec<String>)> {
        every::names()
    }

    /// The first column of the first row of a query, for checks of what the books hold.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn integer(&mut self, sql: &'static str) -> Result<i64, StoreError> {
        let rows = self.readers.select(sql, &[]).await?;
        let first = rows.first().map(|row| Columns::of(row).opt_int());
        Ok(first.transpose()?.flatten().unwrap_or_default())
    }

    /// The first column of every row of a query as text, for checks of what the books hold:
    /// `json_array(…)` brings whole rows.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn texts(&mut self, sql: &'static str) -> Result<Vec<String>, StoreError> {
        let rows = self.readers.select(sql, &[]).await?;
        rows.iter()
            .map(|row| Columns::of(row).text().map(ToOwned::to_owned))
            .collect()
    }
}
