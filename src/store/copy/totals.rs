//! What a table comes to: rows, money and the ends of chains, and a digest of every octet.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::store::copy::Values;
use crate::store::statements::Table;
use crate::store::tables;

/// A table and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotalsOf {
    /// Its name.
    pub table: &'static str,
    /// What it comes to.
    pub totals: Totals,
}

/// What the rows of a table come to.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    rows: u64,
    sums: BTreeMap<(String, String), i128>,
    heads: BTreeMap<String, String>,
    digest: Sha256,
}

impl Totals {
    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Sums of money in minor units, by currency and by what it is: a column, or of `account` the kind
    /// of account.
    #[must_use]
    pub const fn sums(&self) -> &BTreeMap<(String, String), i128> {
        &self.sums
    }

    /// The last record of each chain, by its purse or node, as a SHA-256.
    #[must_use]
    pub const fn heads(&self) -> &BTreeMap<String, String> {
        &self.heads
    }

    /// SHA-256 over all values of all rows in the order of their keys.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(self.digest.clone().finalize())
    }

    pub(super) fn add(&mut self, table: &Table, values: &Values) {
        self.rows = self.rows.saturating_add(1);
        values.digest(&mut self.digest);
        let at = |name: &str| table.columns.iter().position(|column| column.name == name);
        let text = |name: &str| at(name).and_then(|at| values.text(at));
        let currency = text("currency").unwrap_or_default();
        for (at, column) in table.columns.iter().enumerate() {
            let Some(what) = column.name.strip_suffix("_minor") else {
                continue;
            };
            let what = if table.name == tables::ACCOUNT.name {
                text("kind").unwrap_or(what)
            } else {
                what
            };
            let amount = i128::from(values.int(at).unwrap_or_default());
            let key = (currency.to_owned(), what.to_owned());
            let sum = self.sums.entry(key).or_default();
            // A table of i64 amounts has no room for so many that they wrap.
            *sum = sum.saturating_add(amount);
        }
        if let Some((chain, head)) = head(table, values) {
            self.heads.insert(chain, head);
        }
    }
}

impl PartialEq for Totals {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
            && self.sums == other.sums
            && self.heads == other.heads
            && self.digest() == other.digest()
    }
}

impl Eq for Totals {}

/// The chain that a row is part of, and what it makes its end.
fn head(table: &Table, values: &Values) -> Option<(String, String)> {
    let at = |name: &str| table.columns.iter().position(|column| column.name == name);
    if [tables::PURSE_LOG.name, tables::POS_LOG.name].contains(&table.name) {
        let purse = values.text(at("purse_id")?)?;
        let record = values.octets(at("record")?)?;
        return Some((purse.to_owned(), hex::encode(Sha256::digest(record))));
    }
    if table.name == tables::BATCH.name {
        let node = values.int(at("node")?)?;
        let sha256 = values.octets(at("sha256")?).unwrap_or_default();
        return Some((format!("node {node}"), hex::encode(sha256)));
    }
    None
}
