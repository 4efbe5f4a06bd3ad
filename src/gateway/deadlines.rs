//! Which purchase's state has lasted too long, and when: a bounded timer queue.
//!
//! ```text
//! commits ──moved──► │ nearest deadlines, at most entries_max │ horizon ─► only in the store
//! store ───pages───► └──────── due() ─► firing ─► Member::Deadline
//! ```
//! A deadline is a terminal's time to answer, and it runs only while its answer could be taken:
//! after a start, and after each failure of the store, nothing is due for as long as a terminal
//! may take. What had passed when a commit told it was nobody's time to answer: that is due at once.
//! A spurious call of the books changes nothing, so every doubt here fires.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::domain::Millis;
use crate::domain::ids::PurchaseId;

/// The deadlines that come next.
#[derive(Debug)]
pub struct Deadlines {
    limits: DeadlineLimits,
    by_time: BTreeSet<(Millis, PurchaseId)>,
    by_purchase: HashMap<PurchaseId, Millis>,
    /// Had passed when they were told: due whenever it is asked.
    overdue: BTreeSet<PurchaseId>,
    /// Handed out by [`Self::due`], and not answered yet.
    firing: HashSet<PurchaseId>,
    /// Deadlines from here on may be missing: they did not fit.
    horizon: Option<Millis>,
    /// How far the store has been read; none when nothing is to be read.
    read_to: Option<PurchaseId>,
    /// Nothing is due before.
    quiet_until: Millis,
}

/// The bounds of [`Deadlines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadlineLimits {
    /// Deadlines kept.
    pub entries_max: usize,
    /// Deadlines at the books at once.
    pub firing_max: usize,
    /// How long the server must have been able to take an answer: `accept_within_s`.
    pub grace_ms: i64,
}

impl Deadlines {
    /// The queue of a server that takes answers from `serving_since` on. The store has not been
    /// read.
    #[must_use]
    pub fn new(limits: DeadlineLimits, serving_since: Millis) -> Self {
        Self {
            limits,
            by_time: BTreeSet::new(),
            by_purchase: HashMap::new(),
            overdue: BTreeSet::new(),
            firing: HashSet::new(),
            horizon: None,
            read_to: Some(PurchaseId(0)),
            quiet_until: serving_since.plus_ms(limits.grace_ms),
        }
    }

    /// A commit gave the purchase this deadline, or none any more.
    pub fn moved(&mut self, purchase: PurchaseId, deadline: Option<Millis>, now: Millis) {
        self.forget(purchase);
        let Some(deadline) = deadline else {
            return;
        };
        if deadline <= now && self.overdue.len() < self.limits.entries_max {
            self.overdue.insert(purchase);
        } else {
            self.insert(purchase, deadline);
        }
    }

    /// The store could not take an answer at `now`: terminals get their time anew.
    pub fn unavailable(&mut self, now: Millis) {
        let quiet_until = now.plus_ms(self.limits.grace_ms);
        self.quiet_until = self.quiet_until.max(quiet_until);
    }

    /// What is due: each is handed out once until [`Self::fired`] or [`Self::again`] says what
    /// became of it.
    pub fn due(&mut self, now: Millis) -> Vec<PurchaseId> {
        let mut due = Vec::new();
        while self.firing.len() < self.limits.firing_max
            && let Some(purchase) = self.overdue.pop_first()
        {
            if self.firing.insert(purchase) {
                due.push(purchase);
            }
        }
        if now < self.quiet_until {
            return due;
        }
        while self.firing.len() < self.limits.firing_max {
            let Some(&(deadline, purchase)) = self.by_time.first() else {
                break;
            };
            if deadline > now {
                break;
            }
            self.by_time.remove(&(deadline, purchase));
            if self.by_purchase.get(&purchase) == Some(&deadline) {
                self.by_purchase.remove(&purchase);
            }
            // One whose answer is still on its way: that answer covers this deadline, or the
            // commit behind it sets a new one.
            if self.firing.insert(purchase) {
                due.push(purchase);
            }
        }
        due
    }

    /// The books have dealt with it.
    pub fn fired(&mut self, purchase: PurchaseId) {
        self.firing.remove(&purchase);
    }

    /// The books gave no answer: it is due again at `at`, unless a commit said otherwise.
    pub fn again(&mut self, purchase: PurchaseId, at: Millis) {
        self.firing.remove(&purchase);
        if !self.by_purchase.contains_key(&purchase) {
            self.insert(purchase, at);
        }
    }

    /// When [`Self::due`] has something to say next; none while it is full or empty.
    #[must_use]
    pub fn next_due(&self) -> Option<Millis> {
        let free = self.firing.len() < self.limits.firing_max;
        if free && !self.overdue.is_empty() {
            return Some(Millis::default());
        }
        let (first, _) = self.by_time.first()?;
        free.then(|| self.quiet_until.max(*first))
    }

    /// From which purchase on the store is to be read, if it is: at the start, after hand-overs
    /// were lost, and when there is room for what lies behind the horizon.
    pub fn page_wanted(&mut self) -> Option<PurchaseId> {
        let half = self.limits.entries_max.checked_div(2).unwrap_or_default();
        if self.read_to.is_none() && self.horizon.is_some() && self.by_time.len() <= half {
            self.read_all();
        }
        self.read_to
    }

    /// Hand-overs were lost: the store is to be read from its beginning.
    pub fn read_all(&mut self) {
        self.horizon = None;
        self.read_to = Some(PurchaseId(0));
    }

    /// A page of the store, read from `from` on. What a commit has told since stands; an earlier
    /// deadline comes first all the same, for word of another node's commit may have been lost.
    pub fn page(&mut self, from: PurchaseId, rows: &[(PurchaseId, Millis)]) {
        for &(purchase, deadline) in rows {
            if self.overdue.contains(&purchase) || self.firing.contains(&purchase) {
                continue;
            }
            match self.by_purchase.get(&purchase) {
                None => self.insert(purchase, deadline),
                Some(told) if deadline < *told && self.by_time.len() < self.limits.entries_max => {
                    self.by_time.insert((deadline, purchase));
                }
                Some(_) => {}
            }
        }
        if self.read_to == Some(from) {
            self.read_to = rows.last().map(|(purchase, _)| *purchase);
        }
    }

    /// How many are kept.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.by_time.len()
    }

    fn insert(&mut self, purchase: PurchaseId, deadline: Millis) {
        if self.horizon.is_some_and(|horizon| deadline >= horizon) {
            return;
        }
        self.by_time.insert((deadline, purchase));
        self.by_purchase.insert(purchase, deadline);
        if self.by_time.len() > self.limits.entries_max
            && let Some((last, evicted)) = self.by_time.pop_last()
        {
            if self.by_purchase.get(&evicted) == Some(&last) {
                self.by_purchase.remove(&evicted);
            }
            self.horizon = Some(last);
        }
    }

    fn forget(&mut self, purchase: PurchaseId) {
        self.overdue.remove(&purchase);
        if let Some(deadline) = self.by_purchase.remove(&purchase) {
            self.by_time.remove(&(deadline, purchase));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: DeadlineLimits = DeadlineLimits {
        entries_max: 8,
        firing_max: 3,
        grace_ms: 15,
    };

    fn read_through(deadlines: &mut Deadlines, store: &[(PurchaseId, Millis)], page: usize) {
        while let Some(from) = deadlines.page_wanted() {
            let rows: Vec<_> = store
                .iter()
                .filter(|(purchase, _)| *purchase > from)
                .take(page)
                .copied()
                .collect();
            deadlines.page(from, &rows);
        }
    }

    fn empty() -> Deadlines {
        let mut deadlines = Deadlines::new(LIMITS, Millis(0));
        read_through(&mut deadlines, &[], 1);
        deadlines
    }

    #[test]
    fn nothing_is_due_before_a_terminal_could_have_answered() {
        let mut deadlines = Deadlines::new(LIMITS, Millis(1_000));
        read_through(&mut deadlines, &[(PurchaseId(1), Millis(5))], 10);
        assert_eq!(deadlines.due(Millis(1_014)), []);
        assert_eq!(deadlines.next_due(), Some(Millis(1_015)));
        deadlines.unavailable(Millis(1_010));
        assert_eq!(deadlines.due(Millis(1_024)), []);
        assert_eq!(deadlines.due(Millis(1_025)), [PurchaseId(1)]);
        assert_eq!(deadlines.due(Millis(1_025)), [], "handed out once");
    }

    #[test]
    fn what_had_passed_when_it_was_told_waits_for_no_terminal() {
        let mut deadlines = Deadlines::new(LIMITS, Millis(1_000));
        deadlines.moved(PurchaseId(1), Some(Millis(999)), Millis(1_001));
        deadlines.moved(PurchaseId(2), Some(Millis(1_002)), Millis(1_001));
        deadlines.moved(PurchaseId(3), Some(Millis(999)), Millis(1_001));
        deadlines.moved(PurchaseId(3), None, Millis(1_001));
        deadlines.page(PurchaseId(0), &[(PurchaseId(1), Millis(999))]);
        assert_eq!(deadlines.next_due(), Some(Millis(0)));
        assert_eq!(deadlines.due(Millis(1_001)), [PurchaseId(1)]);
        deadlines.fired(PurchaseId(1));
        assert_eq!(deadlines.due(Millis(1_015)), [PurchaseId(2)]);
    }

    #[test]
    fn a_commit_that_nobody_told_is_found_by_reading_again() {
        let mut deadlines = empty();
        deadlines.moved(PurchaseId(1), Some(Millis(90)), Millis(0));
        deadlines.read_all();
        // Meanwhile another node has made a refund of it, which is due.
        read_through(&mut deadlines, &[(PurchaseId(1), Millis(20))], 10);
        assert_eq!(deadlines.due(Millis(20)), [PurchaseId(1)]);
        deadlines.fired(PurchaseId(1));
        assert_eq!(deadlines.due(Millis(89)), []);
        assert_eq!(
            deadlines.due(Millis(90)),
            [PurchaseId(1)],
            "what was told stands"
        );
    }

    #[test]
    fn a_new_state_ends_the_deadline_of_the_old_one() {
        let mut deadlines = empty();
        deadlines.moved(PurchaseId(1), Some(Millis(20)), Millis(0));
        deadlines.moved(PurchaseId(2), Some(Millis(20)), Millis(0));
        deadlines.moved(PurchaseId(1), None, Millis(0));
        deadlines.moved(PurchaseId(2), Some(Millis(30)), Millis(0));
        assert_eq!(deadlines.due(Millis(29)), []);
        assert_eq!(deadlines.due(Millis(30)), [PurchaseId(2)]);
    }

    #[test]
    fn one_that_the_books_did_not_take_comes_again() {
        let mut deadlines = empty();
        deadlines.moved(PurchaseId(1), Some(Millis(20)), Millis(0));
        assert_eq!(deadlines.due(Millis(20)), [PurchaseId(1)]);
        deadlines.again(PurchaseId(1), Millis(25));
        assert_eq!(deadlines.due(Millis(25)), [PurchaseId(1)]);
        // The answer is lost, and the commit is not.
        deadlines.moved(PurchaseId(1), Some(Millis(90)), Millis(0));
        deadlines.again(PurchaseId(1), Millis(30));
        assert_eq!(deadlines.due(Millis(89)), []);
        assert_eq!(deadlines.due(Millis(90)), [PurchaseId(1)]);
    }

    #[test]
    fn no_more_are_at_the_books_than_may_be() {
        let mut deadlines = empty();
        for id in 0..8 {
            deadlines.moved(PurchaseId(id), Some(Millis(20)), Millis(0));
        }
        assert_eq!(deadlines.due(Millis(20)).len(), 3);
        assert_eq!(deadlines.next_due(), None);
        deadlines.fired(PurchaseId(0));
        assert_eq!(deadlines.due(Millis(20)), [PurchaseId(3)]);
    }

    proptest! {
        /// The store has every purchase that has not fired; commits and pages come in any order.
        #[test]
        fn every_deadline_fires_once_in_time_whatever_fits(
            times in proptest::collection::vec((16_i64..200, any::<bool>()), 0..60),
            page in 1_usize..9,
        ) {
            let mut deadlines = Deadlines::new(LIMITS, Millis(0));
            let mut store: Vec<(PurchaseId, Millis)> = Vec::new();
            for (id, (at, told)) in (1_i64..).zip(&times) {
                store.push((PurchaseId(id), Millis(*at)));
                if *told {
                    deadlines.moved(PurchaseId(id), Some(Millis(*at)), Millis(0));
                }
            }
            let mut fired = Vec::new();
            for now in 0..210 {
                loop {
                    read_through(&mut deadlines, &store, page);
                    prop_assert!(deadlines.entries() <= LIMITS.entries_max);
                    let due = deadlines.due(Millis(now));
                    if due.is_empty() {
                        break;
                    }
                    for purchase in due {
                        let at = store.iter().position(|(id, _)| *id == purchase).unwrap();
                        prop_assert_eq!(store.remove(at).1, Millis(now), "on time");
                        deadlines.fired(purchase);
                        fired.push(purchase);
                    }
                }
            }
            prop_assert_eq!(fired.len(), times.len());
        }
    }
}
