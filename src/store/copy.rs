//! Takes books from one database to another: every table, in one transaction, compared before it is
//! committed.
//!
//! ```text
//! source: nobody serves, nobody writes ─► rows in the order of their keys ─► target: empty, migrated
//!                                               │                               │ read back
//!                                            totals ◄──────── equal? ────────► totals ─► commit
//! ```
//! A copy that is interrupted leaves nothing behind: the same command begins anew.

mod side;
mod totals;

use sha2::{Digest as _, Sha256};

use crate::gateway::books::StoreError;
use crate::store::Place;
use crate::store::copy::side::Side;
use crate::store::migrations;
use crate::store::rows::{Columns, Rows, StoredRow};
use crate::store::statements::{Kind, Query, Table};
use crate::store::tables;

pub use totals::{Totals, TotalsOf};

/// Why books were not copied; nothing was changed then, but where it says so.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A node serves from the source or the target.
    #[error("node {node} is served from {place}: stop it first")]
    Served {
        /// Which node.
        node: i64,
        /// The database.
        place: String,
    },
    /// Somebody else holds one of the databases.
    #[error("{0} is written just now, or served: stop every process that uses it")]
    InUse(String),
    /// The target has books already.
    #[error("{place} is not empty: {table} has rows. Take a new database, and run svgate migrate")]
    NotEmpty {
        /// The target.
        place: String,
        /// A table with rows.
        table: &'static str,
    },
    /// A schema is not this program's.
    #[error(
        "{place} has schema version {found}, and this svgate copies version {wanted}: run svgate \
         migrate on it first"
    )]
    Schema {
        /// The database.
        place: String,
        /// Its version; 0 for none.
        found: i64,
        /// Ours.
        wanted: i64,
    },
    /// What was written is not what was read; it was taken back.
    #[error("{table} reads back otherwise than it was written: nothing was copied")]
    Differs {
        /// The table.
        table: &'static str,
    },
    /// The commit got no good answer.
    #[error(
        "whether the copy was committed is not known: {0}. Run it again: it is refused as not empty \
         if it was"
    )]
    Unknown(String),
    /// A database failed; nothing was copied.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies the books of `from` to `to`; `told` hears of each table that was read back alike.
///
/// # Errors
///
/// [`CopyError`].
pub async fn copy(
    from: &Place,
    to: &Place,
    told: &dyn Fn(&TotalsOf),
) -> Result<Vec<TotalsOf>, CopyError> {
    let mut source = Side::open(from).await?;
    let mut target = Side::open(to).await?;
    source.hold().await?;
    target.hold().await?;
    for side in [&mut source, &mut target] {
        has_our_schema(side).await?;
    }
    is_empty(&mut target).await?;
    let mut copied = Vec::with_capacity(tables::ALL.len());
    for table in tables::ALL {
        let written = transfer(table, &mut source, &mut target).await?;
        let mut read = Totals::default();
        let mut check = async |rows: Vec<StoredRow>| {
            for row in &rows {
                read.add(table, &values(table, row)?);
            }
            Ok::<(), CopyError>(())
        };
        target.read(&select(table), &mut check).await?;
        if written != read {
            return Err(CopyError::Differs { table: table.name });
        }
        let of = TotalsOf {
            table: table.name,
            totals: written,
        };
        told(&of);
        copied.push(of);
    }
    source.let_go().await;
    target.commit().await?;
    Ok(copied)
}

/// Every row of a table, chunk by chunk.
async fn transfer(
    table: &'static Table,
    source: &mut Side,
    target: &mut Side,
) -> Result<Totals, CopyError> {
    let mut totals = Totals::default();
    let mut write = async |found: Vec<StoredRow>| {
        let mut rows = Rows::default();
        for row in &found {
            let read = values(table, row)?;
            totals.add(table, &read);
            read.write(&mut rows);
        }
        let mut query = Query::default();
        query.write(rows, || table.insert());
        target.write(&query).await
    };
    source.read(&select(table), &mut write).await?;
    Ok(totals)
}

/// One row of a table, column by column.
struct Values(Vec<Read>);

enum Read {
    Int(Option<i64>),
    Text(Option<String>),
    Octets(Option<Vec<u8>>),
}

fn values(table: &Table, row: &StoredRow) -> Result<Values, StoreError> {
    let mut c = Columns::of(row);
    let read = table.columns.iter().map(|column| {
        Ok(match column.kind {
            Kind::Int => Read::Int(c.opt_int()?),
            Kind::Text => Read::Text(c.opt_text()?.map(ToOwned::to_owned)),
            Kind::Octets => Read::Octets(c.opt_octets()?.map(ToOwned::to_owned)),
        })
    });
    read.collect::<Result<_, StoreError>>().map(Values)
}

impl Values {
    fn write(&self, rows: &mut Rows) {
        rows.row();
        for value in &self.0 {
            match value {
                Read::Int(number) => rows.opt_int(*number),
                Read::Text(text) => rows.opt_text(text.as_deref()),
                Read::Octets(octets) => rows.opt_octets(octets.as_deref()),
            };
        }
        rows.end();
    }

    /// Every value with its kind and length, so that no two rows are alike that differ.
    fn digest(&self, sha256: &mut Sha256) {
        for value in &self.0 {
            let (kind, octets) = match value {
                Read::Int(number) => (b'i', number.map(|number| number.to_be_bytes().to_vec())),
                Read::Text(text) => (b't', text.clone().map(String::into_bytes)),
                Read::Octets(octets) => (b'o', octets.clone()),
            };
            match octets {
                None => sha256.update([kind, 0]),
                Some(octets) => {
                    sha256.update([kind, 1]);
                    sha256.update(octets.len().to_be_bytes());
                    sha256.update(octets);
                }
            }
        }
    }

    fn int(&self, at: usize) -> Option<i64> {
        match self.0.get(at) {
            Some(Read::Int(number)) => *number,
            _ => None,
        }
    }

    fn text(&self, at: usize) -> Option<&str> {
        match self.0.get(at) {
            Some(Read::Text(text)) => text.as_deref(),
            _ => None,
        }
    }

    fn octets(&self, at: usize) -> Option<&[u8]> {
        match self.0.get(at) {
            Some(Read::Octets(octets)) => octets.as_deref(),
            _ => None,
        }
    }
}

/// All rows in the order of their keys, which is the same on every database.
fn select(table: &Table) -> String {
    let (columns, key) = (table.list(""), table.key.join(", "));
    format!("select {columns} from {} order by {key}", table.name)
}

async fn has_our_schema(side: &mut Side) -> Result<(), CopyError> {
    let (found, wanted) = (side.schema().await, migrations::newest());
    if found == wanted {
        return Ok(());
    }
    let place = side.name();
    Err(CopyError::Schema {
        place,
        found,
        wanted,
    })
}

/// Refuses books that anything was written to. What every opening makes, and a schema begins with, is
/// taken away for what comes from the source.
async fn is_empty(target: &mut Side) -> Result<(), CopyError> {
    for table in tables::ALL {
        let written = if table.name == tables::NODE.name {
            "where batch > 0"
        } else if table.name == tables::BOOKS.name {
            "where identity <> '' or epoch > 0"
        } else {
            ""
        };
        let any = format!("select 1 from {} {written} limit 1", table.name);
        if !target.rows(&any).await?.is_empty() {
            let (place, table) = (target.name(), table.name);
            return Err(CopyError::NotEmpty { place, table });
        }
    }
    let mut query = Query::default();
    query.plain("delete from node");
    query.plain("delete from books");
    target.write(&query).await
}
