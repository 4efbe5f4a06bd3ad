//! Finds what stands in a file twice, in the memory of four numbers a line.
//!
//! The first pass over the file keeps a hash of each key. Equal hashes are few: they are what a
//! second pass looks at closely, so that a collision is not taken for a repetition and the line
//! of the first one can be told.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet};
use std::hash::Hasher;

use crate::commands::subscriber::line::CheckedLine;

/// Columns that no two lines share.
pub(super) const UNIQUE: [&str; 4] = ["subscriber", "msisdn", "iccid", "imsi"];

/// Hashes of the first pass, a list for each of [`UNIQUE`].
#[derive(Default)]
pub(super) struct Seen {
    hashes: [Vec<u64>; UNIQUE.len()],
}

impl Seen {
    /// Notes a line.
    pub(super) fn add(&mut self, line: &CheckedLine<'_>) {
        for (hashes, key) in self.hashes.iter_mut().zip(keys(line)) {
            hashes.push(hash(&key));
        }
    }

    /// What may stand there twice.
    pub(super) fn repeated(self) -> Suspects {
        let mut suspects = Suspects::default();
        for (column, mut hashes) in suspects.columns.iter_mut().zip(self.hashes) {
            hashes.sort_unstable();
            let pairs = hashes.windows(2).filter_map(|pair| match pair {
                [one, other] if one == other => Some(*one),
                _ => None,
            });
            column.hashes = pairs.collect();
        }
        suspects
    }
}

/// What the second pass looks at.
#[derive(Default)]
pub(super) struct Suspects {
    columns: [Column; UNIQUE.len()],
}

#[derive(Default)]
struct Column {
    hashes: HashSet<u64>,
    first: HashMap<Key, u64>,
}

impl Suspects {
    /// Whether there is nothing to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.columns.iter().all(|column| column.hashes.is_empty())
    }

    /// The columns in which the line `number` has what a line before it had, and that line.
    pub(super) fn met(
        &mut self,
        line: &CheckedLine<'_>,
        number: u64,
    ) -> impl Iterator<Item = (&'static str, u64)> {
        let columns = UNIQUE.into_iter().zip(self.columns.iter_mut());
        columns
            .zip(keys(line))
            .filter_map(move |((name, column), key)| {
                if !column.hashes.contains(&hash(&key)) {
                    return None;
                }
                match column.first.entry(key) {
                    Entry::Occupied(first) => Some((name, *first.get())),
                    Entry::Vacant(place) => {
                        place.insert(number);
                        None
                    }
                }
            })
    }
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Number(i64),
    Text(Box<str>),
}

fn keys(line: &CheckedLine<'_>) -> [Key; UNIQUE.len()] {
    [
        Key::Text(line.account.into()),
        // However it is written: with +, 00, or without.
        Key::Number(line.msisdn.expose_number()),
        Key::Text(line.iccid_digits.into()),
        Key::Text(line.imsi.into()),
    ]
}

fn hash(key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    match key {
        Key::Number(number) => hasher.write_i64(*number),
        Key::Text(text) => hasher.write(text.as_bytes()),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_twice_is_looked_at_again() {
        let seen = Seen {
            hashes: [vec![3, 1, 2, 3], vec![1, 2], vec![5, 5, 5], vec![]],
        };
        let suspects = seen.repeated();
        let counts = suspects.columns.map(|column| column.hashes.len());
        assert_eq!(counts, [1, 0, 1, 0]);
    }
}
