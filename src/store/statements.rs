//! The tables as lists of columns, from which every statement is made, and statements with a place
//! for rows.
//!
//! A statement is the same for every database but for its row source, whose columns are `column1`,
//! `column2` and so on: SQLite gets rows to be written as `values` with a parameter for each value,
//! and keys to be looked up as one JSON array; PostgreSQL gets an array for each column.

use crate::store::rows::{Rows, Value};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An integer of 64 bits.
    Int,
    /// UTF-8.
    Text,
    /// Octets.
    Octets,
}

/// One column of a table.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// One table.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) key: &'static [&'static str],
    pub(super) columns: &'static [Column],
}

impl Table {
    /// The columns' names, as a select lists them, each with `prefix`.
    pub(super) fn list(&self, prefix: &str) -> String {
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("{prefix}{}", column.name))
            .collect();
        names.join(", ")
    }

    /// Inserts rows.
    pub(super) fn insert(&self) -> Statement {
        self.inserting("")
    }

    /// Inserts rows, or replaces those whose key stands.
    pub(super) fn upsert(&self) -> Statement {
        let set: Vec<String> = self
            .columns
            .iter()
            .filter(|column| !self.key.contains(&column.name))
            .map(|column| format!("{0} = excluded.{0}", column.name))
            .collect();
        let (key, set) = (self.key.join(", "), set.join(", "));
        self.inserting(&format!(" on conflict ({key}) do update set {set}"))
    }

    /// Updates `columns` of rows that hold the key first.
    pub(super) fn update(&self, columns: &[&'static str]) -> Statement {
        let keys = self.key.len();
        let set: Vec<String> = columns
            .iter()
            .zip(keys.saturating_add(1)..)
            .map(|(name, at)| format!("{name} = v.column{at}"))
            .collect();
        let on: Vec<String> = self
            .key
            .iter()
            .zip(1_usize..)
            .map(|(key, at)| format!("{}.{key} = v.column{at}", self.name))
            .collect();
        Statement {
            kinds: self.kinds(self.key.iter().chain(columns)),
            before: format!("update {} set {} from (", self.name, set.join(", ")),
            after: format!(") v where {}", on.join(" and ")),
        }
    }

    /// Deletes the rows with these keys.
    pub(super) fn delete(&self) -> Statement {
        let names: Vec<String> = self
            .key
            .iter()
            .zip(1_usize..)
            .map(|(_, at)| format!("column{at}"))
            .collect();
        Statement {
            kinds: self.kinds(self.key),
            before: format!(
                "delete from {} where ({}) in (select {} from (",
                self.name,
                self.key.join(", "),
                names.join(", ")
            ),
            after: ") v where column1 is not null)".to_owned(),
        }
    }

    fn inserting(&self, after: &str) -> Statement {
        Statement {
            kinds: self.columns.iter().map(|column| column.kind).collect(),
            before: format!(
                "insert into {} ({}) select * from (",
                self.name,
                self.list("")
            ),
            after: format!(") v where column1 is not null{after}"),
        }
    }

    fn kinds<'a>(&self, names: impl IntoIterator<Item = &'a &'static str>) -> Vec<Kind> {
        let kind = |name: &&str| {
            let column = self.columns.iter().find(|column| column.name == *name);
            // A key that rows are not written with is the number that the database gives them.
            column.map_or(Kind::Int, |column| column.kind)
        };
        names.into_iter().map(kind).collect()
    }
}

/// A statement with a place for a list of rows.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// What each value of a row is.
    pub(super) kinds: Vec<Kind>,
    /// The text up to the row source.
    pub(super) before: String,
    /// The text after it.
    pub(super) after: String,
}

/// One statement of a query, with its rows.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A statement without rows.
    Plain(String),
    /// Rows of a table to be written.
    Write(Statement, Rows),
    /// A select for keys, which are integers and texts only.
    Read(Statement, Rows),
}

/// Statements to be run one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) steps: Vec<Step>,
}

impl Query {
    /// Adds a statement without rows.
    pub(super) fn plain(&mut self, sql: impl Into<String>) {
        self.steps.push(Step::Plain(sql.into()));
    }

    /// Adds rows to be written; nothing when there are none.
    pub(super) fn write(&mut self, rows: Rows, statement: impl FnOnce() -> Statement) {
        if !rows.is_empty() {
            self.steps.push(Step::Write(statement(), rows));
        }
    }

    /// Adds a select for keys, with [`KEYS`] where they come; nothing when there are none.
    pub(super) fn read(&mut self, keys: Rows, sql: &str) {
        let kinds = keys.first_kinds();
        if kinds.is_empty() {
            return;
        }
        let (before, after) = sql.split_once(KEYS).unwrap_or((sql, ""));
        let statement = Statement {
            kinds,
            before: before.to_owned(),
            after: after.to_owned(),
        };
        self.steps.push(Step::Read(statement, keys));
    }

    /// How many statements, and how many values they take.
    pub(super) fn size(&self) -> (usize, usize) {
        let values = self.steps.iter().map(|step| match step {
            Step::Plain(_) => 0,
            Step::Write(_, rows) | Step::Read(_, rows) => rows
                .values()
                .iter()
                .filter(|value| !matches!(value, Value::Null))
                .count(),
        });
        (self.steps.len(), values.sum())
    }
}

/// Where the keys of a select come.
pub(super) const KEYS: &str = "{keys}";
