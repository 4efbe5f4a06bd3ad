//! The writer's batch function for simulation and benchmark.

use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;

use crate::gateway::books::{Committed, StoreError};
use crate::gateway::context::Context;
use crate::gateway::member::{Member, Outcome};
use crate::store::Clock;
use crate::store::load::Query;
use crate::store::rows::Value;
use crate::store::sqlite::{self, unavailable};
use crate::store::writer::{Batch, Failed, decide_batch, decide_batch_seen, fetch, roll_back};

/// The writer's batch function without queue and task: a caller says which members form a batch, and
/// where the process would have died. The simulation drives it.
pub struct Direct {
    connection: SqliteConnection,
    batch: Batch,
}

/// What one batch writes.
#[derive(Clone, Debug)]
pub struct Shown(Query);

impl Shown {
    /// How many statements, and how many values they write.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let values = self
            .0
            .arguments
            .iter()
            .filter(|value| !matches!(value, Value::Null));
        (self.0.sql.matches(";\n").count(), values.count())
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
        let (writing, _readers) = sqlite::open(options).await?;
        let batch = Batch {
            node: options.node,
            context,
            clock,
        };
        Ok(Self {
            connection: writing.connection,
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
        let commit = end != DirectEnd::DiesBeforeCommit;
        match decide_batch(&self.batch, &mut self.connection, members, commit).await {
            Ok(decided) => Ok((end == DirectEnd::Answered).then_some(decided)),
            Err(Failed::Before(error)) => {
                roll_back(&mut self.connection).await;
                Err(error)
            }
            Err(Failed::AtCommit(error, _)) => {
                roll_back(&mut self.connection).await;
                Err(unavailable(&error))
            }
        }
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
        decide_batch_seen(&self.batch, &mut self.connection, members, true, &keep)
            .await
            .map_err(|failed| match failed {
                Failed::Before(error) => error,
                Failed::AtCommit(error, _) => unavailable(&error),
            })?;
        Ok(Shown(shown.into_inner().unwrap_or_default()))
    }

    /// Writes what [`Self::decide_and_show`] showed, in one transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn write_bare(&mut self, shown: Shown) -> Result<(), StoreError> {
        let Shown(query) = shown;
        let query = Query {
            sql: format!("begin immediate;\n{}", query.sql),
            ..query
        };
        fetch(&mut self.connection, query)
            .await
            .map(|_| ())
            .map_err(|e| unavailable(&e))
    }

    /// The first column of the first row of a query, for checks of what the books hold.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn integer(&mut self, sql: &'static str) -> Result<i64, StoreError> {
        let row: (Option<i64>,) = sqlx::query_as(sql)
            .fetch_one(&mut self.connection)
            .await
            .map_err(|e| unavailable(&e))?;
        Ok(row.0.unwrap_or_default())
    }

    /// The first column of every row of a query as text, for checks of what the books hold:
    /// `json_array(…)` brings whole rows.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn texts(&mut self, sql: &'static str) -> Result<Vec<String>, StoreError> {
        let rows: Vec<(String,)> = sqlx::query_as(sql)
            .fetch_all(&mut self.connection)
            .await
            .map_err(|e| unavailable(&e))?;
        Ok(rows.into_iter().map(|(text,)| text).collect())
    }
}
