//! Rows on their way in and out: values in the order of their columns.

use std::fmt::Write as _;
use std::sync::Arc;

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use crate::gateway::books::StoreError;
use crate::store::statements::Kind;

/// One value on its way into a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(Arc<str>),
    Octets(Vec<u8>),
}

/// Rows of one table, value after value.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    values: Vec<Value>,
    count: usize,
}

impl Rows {
    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Begins a row.
    pub(super) fn row(&mut self) -> &mut Self {
        self.count = self.count.saturating_add(1);
        self
    }

    /// Ends a row: here only for the reader's eye.
    #[expect(
        clippy::unused_self,
        clippy::needless_pass_by_ref_mut,
        reason = "ends a chain"
    )]
    pub(super) fn end(&mut self) {}

    pub(super) fn int(&mut self, value: impl Into<i64>) -> &mut Self {
        self.values.push(Value::Int(value.into()));
        self
    }

    pub(super) fn opt_int(&mut self, value: Option<impl Into<i64>>) -> &mut Self {
        self.values
            .push(value.map_or(Value::Null, |value| Value::Int(value.into())));
        self
    }

    /// A number of the domain that is at most `i64::MAX`.
    pub(super) fn big(&mut self, value: u64) -> &mut Self {
        self.int(i64::try_from(value).unwrap_or(i64::MAX))
    }

    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.values.push(Value::Text(value.into()));
        self
    }

    pub(super) fn opt_text(&mut self, value: Option<&str>) -> &mut Self {
        self.values
            .push(value.map_or(Value::Null, |value| Value::Text(value.into())));
        self
    }

    pub(super) fn octets(&mut self, value: &[u8]) -> &mut Self {
        self.values.push(Value::Octets(value.to_vec()));
        self
    }

    pub(super) fn opt_octets(&mut self, value: Option<&[u8]>) -> &mut Self {
        self.values
            .push(value.map_or(Value::Null, |value| Value::Octets(value.to_vec())));
        self
    }

    /// The values, row after row.
    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    /// What the values of the first row are; nothing when there is no row.
    pub(super) fn first_kinds(&self) -> Vec<Kind> {
        let width = self.values.len().checked_div(self.count).unwrap_or(0);
        let kind = |value: &Value| match value {
            Value::Int(_) => Kind::Int,
            Value::Text(_) => Kind::Text,
            Value::Null | Value::Octets(_) => Kind::Octets,
        };
        self.values.iter().take(width).map(kind).collect()
    }

    /// Keys as one JSON array: of integers and texts, or of arrays of `columns` of them.
    pub(super) fn to_json(&self, columns: usize) -> String {
        let mut text = "[".to_owned();
        for (row, values) in self.values.chunks(columns.max(1)).enumerate() {
            text.push_str(if row == 0 { "" } else { "," });
            text.push_str(if columns > 1 { "[" } else { "" });
            for (column, value) in values.iter().enumerate() {
                text.push_str(if column == 0 { "" } else { "," });
                push_json(&mut text, value);
            }
            text.push_str(if columns > 1 { "]" } else { "" });
        }
        text.push(']');
        text
    }
}

/// Keys are integers and texts only.
fn push_json(json: &mut String, value: &Value) {
    match value {
        Value::Null | Value::Octets(_) => json.push_str("null"),
        // Writing to a String never fails.
        Value::Int(number) => {
            let _ = write!(json, "{number}");
        }
        Value::Text(text) => {
            json.push('"');
            for character in text.chars() {
                match character {
                    '"' => json.push_str("\\\""),
                    '\\' => json.push_str("\\\\"),
                    control if u32::from(control) < 0x20 => {
                        let _ = write!(json, "\\u{:04x}", u32::from(control));
                    }
                    other => json.push(other),
                }
            }
            json.push('"');
        }
    }
}

/// One row as a database gave it.
pub(super) enum StoredRow {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// One row that was read, taken column by column.
pub(super) struct Columns<'a> {
    row: &'a StoredRow,
    at: usize,
}

impl<'a> Columns<'a> {
    /// The row's columns from the first on.
    pub(super) fn of(row: &'a StoredRow) -> Self {
        Self { row, at: 0 }
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        self.next()
    }

    pub(super) fn opt_int(&mut self) -> Result<Option<i64>, StoreError> {
        self.next()
    }

    /// An integer of a narrower type.
    pub(super) fn small<T: TryFrom<i64>>(&mut self) -> Result<T, StoreError> {
        let at = self.at;
        T::try_from(self.int()?).map_err(|_| corrupt(format!("column {at} is out of range")))
    }

    pub(super) fn opt_small<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, StoreError> {
        let at = self.at;
        let value = self.opt_int()?.map(T::try_from).transpose();
        value.map_err(|_| corrupt(format!("column {at} is out of range")))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, StoreError> {
        self.next()
    }

    pub(super) fn opt_text(&mut self) -> Result<Option<&'a str>, StoreError> {
        self.next()
    }

    pub(super) fn shared(&mut self) -> Result<Arc<str>, StoreError> {
        self.text().map(Arc::from)
    }

    pub(super) fn opt_shared(&mut self) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.opt_text()?.map(Arc::from))
    }

    pub(super) fn octets(&mut self) -> Result<&'a [u8], StoreError> {
        self.next()
    }

    pub(super) fn opt_octets(&mut self) -> Result<Option<&'a [u8]>, StoreError> {
        self.next()
    }

    /// A text that is parsed to `T`.
    pub(super) fn parsed<T: std::str::FromStr>(&mut self) -> Result<T, StoreError> {
        let at = self.at;
        let text = self.text()?;
        text.parse()
            .map_err(|_| corrupt(format!("column {at} holds {text:?}")))
    }

    pub(super) fn opt_parsed<T: std::str::FromStr>(&mut self) -> Result<Option<T>, StoreError> {
        let at = self.at;
        let Some(text) = self.opt_text()? else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| corrupt(format!("column {at} holds {text:?}")))
    }

    fn next<T>(&mut self) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'a, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
        T: sqlx::Decode<'a, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let at = self.at;
        self.at = at.saturating_add(1);
        let value = match self.row {
            StoredRow::Sqlite(row) => row.try_get_unchecked(at),
            StoredRow::Postgres(row) => row.try_get_unchecked(at),
        };
        value.map_err(|error| corrupt(format!("column {at}: {error}")))
    }
}

/// Something in the store that svgate never wrote.
pub(super) fn corrupt(what: impl Into<String>) -> StoreError {
    StoreError::Corrupt(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_json_whatever_a_text_holds() {
        let mut rows = Rows::default();
        assert!(rows.is_empty());
        rows.row().int(1).text("a\"b\\c\n\u{1}ä").end();
        rows.row().int(-2).text("").end();
        let parsed: serde_json::Value = serde_json::from_str(&rows.to_json(2)).unwrap();
        assert_eq!(
            parsed,
            serde_json::json!([[1, "a\"b\\c\n\u{1}ä"], [-2, ""]])
        );
        let mut rows = Rows::default();
        rows.row().int(1).end();
        rows.row().int(2).end();
        assert_eq!(rows.to_json(1), "[1,2]");
    }
}
