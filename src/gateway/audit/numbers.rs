//! The numbers of one kind of row, which each node gives without a gap in a series of its own.

use std::collections::BTreeMap;

use crate::domain::series::series_of;

/// How far each node's series was read.
#[derive(Debug, Default)]
pub(super) struct Numbers(BTreeMap<i64, i64>);

/// What a number is after those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next one.
    Right,
    /// One that was read before, or below one that was.
    Twice,
    /// These are missing before it.
    Missing {
        /// The first of them.
        from: i64,
        /// The last of them.
        to: i64,
    },
}

impl Numbers {
    /// Takes a number; numbers of one node come in order, nodes in any.
    pub(super) fn take(&mut self, number: i64) -> Next {
        let from = series_of(number);
        let last = self.0.entry(from).or_insert(from);
        let expected = last.saturating_add(1);
        if number < expected {
            return Next::Twice;
        }
        *last = number;
        if number == expected {
            return Next::Right;
        }
        Next::Missing {
            from: expected,
            to: number.saturating_sub(1),
        }
    }

    /// The last number of the series that begins above `from`.
    pub(super) fn last(&self, from: i64) -> i64 {
        self.0.get(&from).copied().unwrap_or(from)
    }

    /// Series that do not end where `ends` says: the last number that was read, and the one that
    /// ought to be. A series that no node has ends nowhere.
    pub(super) fn differing(&self, ends: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let known = ends
            .iter()
            .map(|(from, want)| (self.last(*from), *want))
            .filter(|(last, want)| last != want);
        let is_known = |from: &i64| ends.iter().any(|(known, _)| known == from);
        let unknown = self.0.iter().filter(|(from, _)| !is_known(from));
        known
            .chain(unknown.map(|(from, last)| (*last, *from)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::series::begins_above;

    use super::*;

    #[test]
    fn each_node_counts_for_itself() {
        let mut numbers = Numbers::default();
        let second = begins_above(2);
        for number in [1, second + 1, 2, second + 2] {
            assert_eq!(numbers.take(number), Next::Right);
        }
        assert_eq!(numbers.take(2), Next::Twice);
        let (from, to) = (second + 3, second + 4);
        assert_eq!(numbers.take(second + 5), Next::Missing { from, to });
        assert_eq!(numbers.differing(&[(0, 2), (second, second + 5)]), []);
        assert_eq!(numbers.differing(&[(0, 3)]), [(2, 3), (second + 5, second)]);
        assert_eq!(numbers.last(begins_above(9)), begins_above(9));
    }
}
