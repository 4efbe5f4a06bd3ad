//! The tables as lists of columns, from which every statement is made.
//!
//! A statement is the same for every database but for its row source: [`values`] is a list of rows
//! with a parameter for each value (SQLite); PostgreSQL takes an array for each column. The list is
//! padded to a power of two with rows of nulls, which the statement passes over, so that few texts
//! differ and the prepared ones are met again.

/// One table.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) key: &'static [&'static str],
    pub(super) columns: &'static [&'static str],
}

impl Table {
    /// The columns' names, as a select lists them, each with `prefix`.
    pub(super) fn list(&self, prefix: &str) -> String {
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|name| format!("{prefix}{name}"))
            .collect();
        names.join(", ")
    }

    /// Inserts rows.
    pub(super) fn insert(&self) -> Statement {
        Statement::new(
            self.columns.len(),
            &format!("insert into {} ({})", self.name, self.list("")),
            "",
        )
    }

    /// Inserts rows, or replaces those whose key stands.
    pub(super) fn upsert(&self) -> Statement {
        let set: Vec<String> = self
            .columns
            .iter()
            .filter(|name| !self.key.contains(name))
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        let before = format!("insert into {} ({})", self.name, self.list(""));
        let after = format!(
            "on conflict ({}) do update set {}",
            self.key.join(", "),
            set.join(", ")
        );
        Statement::new(self.columns.len(), &before, after)
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
            width: keys.saturating_add(columns.len()),
            before: format!("update {} set {} from (", self.name, set.join(", ")),
            after: format!(") v where {};", on.join(" and ")),
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
            width: self.key.len(),
            before: format!(
                "delete from {} where ({}) in (select {} from (",
                self.name,
                self.key.join(", "),
                names.join(", ")
            ),
            after: ") where column1 is not null);".to_owned(),
        }
    }
}

/// A statement with a place for a list of rows.
pub(super) struct Statement {
    /// Values in a row.
    pub(super) width: usize,
    before: String,
    after: String,
}

impl Statement {
    fn new(width: usize, before: &str, after: impl Into<String>) -> Self {
        let after = after.into();
        Self {
            width,
            before: format!("{before} select * from ("),
            after: format!(") where column1 is not null {after};"),
        }
    }

    /// The text for `rows` rows.
    pub(super) fn text(&self, rows: usize) -> String {
        format!("{}{}{}", self.before, values(self.width, rows), self.after)
    }

    /// Rows that one statement may have: the engine counts parameters.
    pub(super) fn rows_max(&self) -> usize {
        let fits = PARAMETERS_MAX.checked_div(self.width).unwrap_or(1);
        // The largest power of two that fits.
        1_usize
            .checked_shl(fits.checked_ilog2().unwrap_or_default())
            .unwrap_or(1)
    }
}

/// `values (?, ?), (?, ?)` for `rows` rows of `width`.
fn values(width: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(","));
    format!("values {}", vec![row.as_str(); rows].join(","))
}

/// `SQLITE_MAX_VARIABLE_NUMBER` of the engine as it is built.
const PARAMETERS_MAX: usize = 32_766;
