//! Finds what stands in a file twice, in the memory of one number a value.
//!
//! The first pass over the file keeps a hash of each value. Equal hashes are few: they are what a
//! second pass looks at closely, so that a collision is not taken for a repetition and the line
//! of the first one can be told.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet};
use std::hash::Hasher;

use sha2::{Digest as _, Sha256};

/// Hashes of the first pass, a list for each kind of value.
pub(super) struct Seen {
    hashes: Vec<Vec<u64>>,
}

impl Seen {
    /// Nothing yet of so many kinds.
    pub(super) fn of(kinds: usize) -> Self {
        Self {
            hashes: vec![Vec::new(); kinds],
        }
    }

    /// Notes a value of a kind, counted from 0.
    pub(super) fn add(&mut self, kind: usize, value: &[u8]) {
        if let Some(hashes) = self.hashes.get_mut(kind) {
            hashes.push(hash(value));
        }
    }

    /// What may stand there twice.
    pub(super) fn repeated(self) -> Suspects {
        let kinds = self.hashes.into_iter().map(|mut hashes| {
            hashes.sort_unstable();
            let pairs = hashes.windows(2).filter_map(|pair| match pair {
                [one, other] if one == other => Some(*one),
                _ => None,
            });
            Kind {
                hashes: pairs.collect(),
                first: HashMap::new(),
            }
        });
        Suspects {
            kinds: kinds.collect(),
        }
    }
}

/// What the second pass looks at. It keeps digests, for a value may be a key.
pub(super) struct Suspects {
    kinds: Vec<Kind>,
}

struct Kind {
    hashes: HashSet<u64>,
    first: HashMap<[u8; 32], u64>,
}

impl Suspects {
    /// Whether there is nothing to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.iter().all(|kind| kind.hashes.is_empty())
    }

    /// The line before `number` that had this value, if one had.
    pub(super) fn met(&mut self, kind: usize, value: &[u8], number: u64) -> Option<u64> {
        let kind = self.kinds.get_mut(kind)?;
        if !kind.hashes.contains(&hash(value)) {
            return None;
        }
        match kind.first.entry(Sha256::digest(value).into()) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(number);
                None
            }
        }
    }
}

fn hash(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(value);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_twice_is_looked_at_again_and_told_with_the_first() {
        let mut seen = Seen::of(3);
        for value in [b"a", b"b", b"c", b"a"] {
            seen.add(0, value);
        }
        seen.add(1, b"a");
        let mut suspects = seen.repeated();
        let counts: Vec<usize> = suspects
            .kinds
            .iter()
            .map(|kind| kind.hashes.len())
            .collect();
        assert_eq!(counts, [1, 0, 0]);
        assert_eq!(suspects.met(0, b"b", 1), None);
        assert_eq!(suspects.met(0, b"a", 2), None);
        assert_eq!(suspects.met(0, b"a", 5), Some(2));
        assert_eq!(suspects.met(1, b"a", 5), None);
    }

    #[test]
    fn a_collision_of_hashes_is_no_repetition() {
        let mut suspects = Suspects {
            kinds: vec![Kind {
                hashes: [hash(b"a"), hash(b"b")].into(),
                first: HashMap::new(),
            }],
        };
        assert_eq!(suspects.met(0, b"a", 1), None);
        assert_eq!(suspects.met(0, b"b", 2), None);
    }
}
