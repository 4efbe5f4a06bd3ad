//! Gapless numbers of several nodes side by side: transfers, entries of the billing stream, rows of
//! the two logs.
//!
//! ```text
//! node 0: 1, 2, 3 …      node 1: 1 000 000 000 000 001, …      node n: n · 10¹⁵ + 1, …
//! ```
//! A number says whose it is, no two nodes ever raise the same counter, and each series begins above
//! a number that is known and has no gap: what is missing is seen.

/// The number above which a node's series begin.
#[must_use]
pub fn begins_above(node: u16) -> i64 {
    i64::from(node).saturating_mul(NUMBERS)
}

/// The number above which the series begins that `number` belongs to.
#[must_use]
pub const fn series_of(number: i64) -> i64 {
    // The first number of a series is one above its beginning, and its last is one below the next.
    number.saturating_sub(number.rem_euclid(NUMBERS))
}

/// The number above which a node's accounts are numbered. They are few, and stay below every
/// subscriber's id, by which transfers name a receivable.
#[must_use]
pub fn accounts_above(node: u16) -> i64 {
    i64::from(node).saturating_mul(ACCOUNTS)
}

/// Three hundred years of a hundred thousand transfers a second; 1,024 times as much fits i64.
const NUMBERS: i64 = 1_000_000_000_000_000;
const ACCOUNTS: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_its_series_and_the_last_node_has_room() {
        assert_eq!(begins_above(0), 0);
        for node in [0, 1, 7, 1_023] {
            let from = begins_above(node);
            assert_eq!(series_of(from + 1), from);
            assert_eq!(series_of(from + NUMBERS - 1), from);
        }
        assert!(begins_above(1_023).checked_add(NUMBERS).is_some());
        // One second after 2025 began, ids of subscribers are above every account.
        assert!(accounts_above(1_023) + ACCOUNTS < 1_000 << 22);
    }
}
