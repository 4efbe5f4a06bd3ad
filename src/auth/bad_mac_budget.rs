//! How many bad checksums a SIM may have from one source before its packets are no longer looked
//! at: token buckets in a bounded table.
//!
//! A sender is easily forged, so nothing here is a lock: a bucket belongs to a SIM **and** a
//! source, so that one peer's forgeries never cost another peer's subscriber an order, and it
//! fills again by time alone.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use crate::domain::Millis;

/// The budgets of every SIM and source (`K`) that had a bad checksum lately.
#[derive(Debug)]
pub struct BadMacBudget<K> {
    limits: BudgetLimits,
    buckets: HashMap<K, Bucket>,
    /// Which bucket was used when, oldest first: what is dropped when the table is full.
    by_use: BTreeMap<u64, K>,
    uses: u64,
}

/// The bounds of a [`BadMacBudget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Bad checksums in a row that a rested SIM and source may have.
    pub burst: u32,
    /// Milliseconds until one more is allowed.
    pub recover_ms: i64,
    /// Most buckets kept.
    pub entries_max: usize,
}

impl Default for BudgetLimits {
    fn default() -> Self {
        Self {
            burst: BURST,
            recover_ms: RECOVER_MS,
            entries_max: ENTRIES_MAX,
        }
    }
}

impl<K: Clone + Eq + Hash> BadMacBudget<K> {
    /// An empty table: everybody has the whole budget.
    #[must_use]
    pub fn new(limits: BudgetLimits) -> Self {
        Self {
            limits,
            buckets: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
        }
    }

    /// Whether a packet of `key` may be looked at. Asking takes nothing.
    #[must_use]
    pub fn may_try(&self, key: &K, now: Millis) -> bool {
        self.left(key, now) > 0
    }

    /// Takes one from the budget of `key` before a packet is looked at; false when there is none left.
    /// Taken first and given back later, so that packets under way at once can't draw on one token.
    pub fn try_take(&mut self, key: &K, now: Millis) -> bool {
        let full_at = self
            .buckets
            .get(key)
            .map_or(now, |bucket| bucket.full_at.max(now));
        let granted = self.left(key, now) > 0;
        // Without a token there is no debt either: it recovers as soon as if nobody had tried.
        let full_at = if granted {
            full_at.plus_ms(self.limits.recover_ms)
        } else {
            full_at
        };
        self.store(key, full_at);
        granted
    }

    /// Gives back what [`Self::try_take`] took for a packet that turned out to be good. A bucket that
    /// was dropped meanwhile is full already.
    pub fn give_back(&mut self, key: &K, now: Millis) {
        if let Some(bucket) = self.buckets.get(key) {
            let missing_ms = bucket.full_at.since(now);
            let full_at = now.plus_ms(missing_ms.saturating_sub(self.limits.recover_ms).max(0));
            self.store(key, full_at);
        }
    }

    /// How many buckets are kept.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.buckets.len()
    }

    fn left(&self, key: &K, now: Millis) -> i64 {
        let missing_ms = self
            .buckets
            .get(key)
            .map_or(0, |bucket| bucket.full_at.since(now).max(0));
        // Rounded up, so that a token is there only once its time has passed. A step of 0 ms
        // would be no budget at all, so it counts as 1.
        let step_ms = self.limits.recover_ms.max(1);
        let missing = missing_ms
            .saturating_add(step_ms.saturating_sub(1))
            .checked_div(step_ms);
        i64::from(self.limits.burst).saturating_sub(missing.unwrap_or(0))
    }

    /// Writes a bucket as the one used last, and drops the one unused for longest if need be.
    fn store(&mut self, key: &K, full_at: Millis) {
        self.uses = self.uses.saturating_add(1);
        if let Some(before) = self.buckets.insert(
            key.clone(),
            Bucket {
                full_at,
                used: self.uses,
            },
        ) {
            self.by_use.remove(&before.used);
        }
        self.by_use.insert(self.uses, key.clone());
        while self.buckets.len() > self.limits.entries_max {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                return;
            };
            self.buckets.remove(&oldest);
        }
    }
}

/// A bucket is kept as the time at which it will be full again.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    full_at: Millis,
    used: u64,
}

/// A true SIM has a bad checksum only when its message is damaged or its keys are stale: it may
/// try again at once a few times, and its subscriber then rests.
const BURST: u32 = 5;
/// One a minute is half a million tries a year: a checksum of 8 octets holds for 10^13 years, one
/// of 4 octets is met with a chance of 1 in 8,000 a year.
const RECOVER_MS: i64 = 60_000;
/// About 10 MB. A forger who rotates through more than this many senders gets a burst for each,
/// which costs him this many messages.
const ENTRIES_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(entries_max: usize) -> BadMacBudget<u32> {
        BadMacBudget::new(BudgetLimits {
            burst: 3,
            recover_ms: 100,
            entries_max,
        })
    }

    #[test]
    fn a_budget_runs_out_and_recovers_by_time() {
        let mut budget = budget(10);
        for _ in 0..3 {
            assert!(budget.may_try(&1, Millis(0)));
            assert!(budget.try_take(&1, Millis(0)));
        }
        assert!(!budget.may_try(&1, Millis(0)));
        assert!(!budget.try_take(&1, Millis(99)));
        assert!(budget.try_take(&1, Millis(100)), "a refused try is no debt");
        assert!(!budget.try_take(&1, Millis(100)));
        assert!(budget.try_take(&1, Millis(200)));
        for _ in 0..3 {
            assert!(
                budget.try_take(&1, Millis(10_000)),
                "it never holds more than the burst"
            );
        }
        assert!(!budget.try_take(&1, Millis(10_000)));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_is_never_more_than_the_burst() {
        let mut budget = budget(10);
        for _ in 0..100 {
            assert!(budget.try_take(&1, Millis(0)));
            budget.give_back(&1, Millis(0));
        }
        budget.give_back(&1, Millis(0));
        budget.give_back(&2, Millis(0));
        for _ in 0..3 {
            assert!(budget.try_take(&1, Millis(0)));
        }
        assert!(!budget.try_take(&1, Millis(0)));
        budget.give_back(&1, Millis(0));
        assert!(budget.try_take(&1, Millis(0)));
        assert!(!budget.try_take(&1, Millis(0)));
    }

    #[test]
    fn forgeries_from_one_source_leave_the_sim_its_budget_at_another() {
        let mut budget = BadMacBudget::new(BudgetLimits::default());
        while budget.try_take(&("sim", "peer"), Millis(0)) {}
        assert!(!budget.may_try(&("sim", "peer"), Millis(0)));
        assert!(budget.may_try(&("sim", "home"), Millis(0)));
    }

    #[test]
    fn a_full_table_forgets_the_one_unused_for_longest() {
        let mut budget = budget(2);
        for key in [1, 1, 1, 2, 2, 2] {
            assert!(budget.try_take(&key, Millis(0)));
        }
        assert!(
            !budget.try_take(&1, Millis(0)),
            "this use keeps 1 in the table"
        );
        assert!(budget.try_take(&3, Millis(0)));
        assert_eq!(budget.entries(), 2);
        assert!(!budget.may_try(&1, Millis(0)));
        assert!(budget.may_try(&2, Millis(0)));
    }

    proptest! {
        #[test]
        fn no_more_is_granted_than_burst_and_time_allow_and_the_table_stays_bounded(
            tries in proptest::collection::vec((0_u32..4, 0_i64..50), 1..300)
        ) {
            let mut budget = budget(3);
            let mut single = BadMacBudget::new(BudgetLimits { burst: 3, recover_ms: 100, entries_max: 1 });
            let (mut now, mut granted) = (Millis(0), 0_i64);
            for (key, wait_ms) in tries {
                now = now.plus_ms(wait_ms);
                budget.try_take(&key, now);
                prop_assert!(budget.entries() <= 3);
                prop_assert_eq!(budget.entries(), budget.by_use.len());
                granted += i64::from(single.try_take(&0, now));
                prop_assert!(granted <= 3 + now.0 / 100);
            }
        }
    }
}
