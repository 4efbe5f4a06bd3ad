//! Rows of one table that a batch has read, with what it changed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// Rows by key; remembers which were changed and which are new, in the order of their coming.
#[derive(Debug)]
pub struct Table<K, V> {
    rows: HashMap<K, Row<V>>,
    touched: Vec<K>,
}

#[derive(Debug)]
struct Row<V> {
    value: V,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Read,
    Changed,
    New,
    Removed,
    /// New and removed within the batch: the store never hears of it.
    Undone,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: HashMap::new(),
            touched: Vec::new(),
        }
    }
}

impl<K: Clone + Eq + Hash, V> Table<K, V> {
    /// Takes in a row as the store has it. A row that is there already keeps its changes.
    pub fn load(&mut self, key: K, value: V) {
        self.rows.entry(key).or_insert(Row {
            value,
            fate: Fate::Read,
        });
    }

    /// The row, with what this batch changed so far.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let row = self.rows.get(key)?;
        (!matches!(row.fate, Fate::Removed | Fate::Undone)).then_some(&row.value)
    }

    /// The row to be changed; the store will write it.
    pub fn change(&mut self, key: &K) -> Option<&mut V> {
        let row = self.rows.get_mut(key)?;
        match row.fate {
            Fate::Removed | Fate::Undone => return None,
            Fate::Read => {
                row.fate = Fate::Changed;
                self.touched.push(key.clone());
            }
            Fate::Changed | Fate::New => {}
        }
        Some(&mut row.value)
    }

    /// A row that the store will insert, or replace where the key stood before.
    pub fn insert(&mut self, key: K, value: V) {
        match self.rows.entry(key) {
            Entry::Vacant(entry) => {
                self.touched.push(entry.key().clone());
                entry.insert(Row {
                    value,
                    fate: Fate::New,
                });
            }
            Entry::Occupied(mut entry) => {
                let fate = match entry.get().fate {
                    Fate::Read => {
                        self.touched.push(entry.key().clone());
                        Fate::Changed
                    }
                    Fate::Changed | Fate::Removed => Fate::Changed,
                    Fate::New | Fate::Undone => Fate::New,
                };
                entry.insert(Row { value, fate });
            }
        }
    }

    /// A row that the store will delete.
    pub fn remove(&mut self, key: &K) {
        let Some(row) = self.rows.get_mut(key) else {
            return;
        };
        match row.fate {
            Fate::Read => {
                row.fate = Fate::Removed;
                self.touched.push(key.clone());
            }
            Fate::Changed => row.fate = Fate::Removed,
            Fate::New => row.fate = Fate::Undone,
            Fate::Removed | Fate::Undone => {}
        }
    }

    /// Rows that the store has and this batch changed.
    pub fn changed(&self) -> impl Iterator<Item = (&K, &V)> {
        self.with(Fate::Changed)
    }

    /// Rows that the store lacks.
    pub fn new_rows(&self) -> impl Iterator<Item = (&K, &V)> {
        self.with(Fate::New)
    }

    /// Rows that are to go.
    pub fn removed(&self) -> impl Iterator<Item = (&K, &V)> {
        self.with(Fate::Removed)
    }

    /// Every row that stands.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows
            .iter()
            .filter(|(_, row)| !matches!(row.fate, Fate::Removed | Fate::Undone))
            .map(|(key, row)| (key, &row.value))
    }

    /// The keys of the rows that the store has, whatever the batch made of them.
    pub fn stored(&self) -> impl Iterator<Item = &K> {
        self.rows
            .iter()
            .filter(|(_, row)| !matches!(row.fate, Fate::New | Fate::Undone))
            .map(|(key, _)| key)
    }

    /// Whether the batch changed nothing here.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.touched.is_empty()
    }

    fn with(&self, fate: Fate) -> impl Iterator<Item = (&K, &V)> {
        self.touched
            .iter()
            .filter_map(move |key| self.rows.get(key).map(|row| (key, row)))
            .filter(move |(_, row)| row.fate == fate)
            .map(|(key, row)| (key, &row.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_written_as_what_the_batch_made_of_it() {
        let mut table = Table::default();
        for key in ["read", "changed", "removed"] {
            table.load(key, 1);
        }
        *table.change(&"changed").unwrap() = 2;
        table.load("changed", 9);
        table.insert("new", 3);
        *table.change(&"new").unwrap() = 4;
        table.insert("undone", 5);
        table.remove(&"undone");
        table.remove(&"removed");
        assert_eq!(table.changed().collect::<Vec<_>>(), [(&"changed", &2)]);
        assert_eq!(table.new_rows().collect::<Vec<_>>(), [(&"new", &4)]);
        assert_eq!(
            table.removed().map(|(k, _)| *k).collect::<Vec<_>>(),
            ["removed"]
        );
        assert_eq!(table.get("removed"), None);
        assert_eq!(table.get("undone"), None);
        table.insert("removed", 7);
        assert_eq!(table.changed().count(), 2);
    }
}
