//! When an SMSC could not reach us, so that a plain order's repetition is known all the same.
//!
//! ```text
//!          repeat_since                                    now
//! bound ───────┼─────┐     ┌──────────┐        ┌────────────┤   the bound stretches of it last
//! unbound      ·     └─────┘          └────────┘            ·   as long as repetition may take
//! ```
//! An SMSC keeps what it could not deliver: the text that was sent twice an hour ago comes as a
//! pair when the bind is back.

use std::collections::VecDeque;

use crate::domain::Millis;

/// The times without a bind to one SMSC that still matter, oldest first.
#[derive(Clone, Debug)]
pub struct Reach {
    unbound: VecDeque<Gap>,
    /// Since when there has been no bind.
    down: Option<Millis>,
}

impl Reach {
    /// There was no bind since `since`: the last commit before the start.
    #[must_use]
    pub fn unbound_since(since: Millis) -> Self {
        Self {
            unbound: VecDeque::new(),
            down: Some(since),
        }
    }

    /// A bind stands, or none does any more. Telling the same twice changes nothing.
    pub fn tell(&mut self, bound: bool, now: Millis) {
        match (bound, self.down) {
            (true, Some(from)) => {
                self.down = None;
                self.close(Gap {
                    from,
                    to: now.max(from),
                });
            }
            (false, None) => self.down = Some(now),
            (true, None) | (false, Some(_)) => {}
        }
    }

    /// Since when equal orders are one: `repeat_ms` of time with a bind before `now`.
    #[must_use]
    pub fn repeat_since(&self, now: Millis, repeat_ms: i64) -> Millis {
        let mut left_ms = repeat_ms.max(0);
        let mut later = self.down.map_or(now, |down| down.min(now));
        for gap in self.unbound.iter().rev() {
            let bound_ms = later.since(gap.to).max(0);
            if bound_ms >= left_ms {
                break;
            }
            left_ms = left_ms.saturating_sub(bound_ms);
            later = later.min(gap.from);
        }
        later.plus_ms(left_ms.saturating_neg())
    }

    /// Forgets what lies before the time that still matters.
    pub fn forget(&mut self, now: Millis, repeat_ms: i64) {
        let since = self.repeat_since(now, repeat_ms);
        while self.unbound.front().is_some_and(|gap| gap.to < since) {
            self.unbound.pop_front();
        }
    }

    fn close(&mut self, gap: Gap) {
        self.unbound.push_back(gap);
        if self.unbound.len() <= GAPS_MAX {
            return;
        }
        // Joined, they make the time longer: an order is rather asked about than paid twice.
        if let (Some(first), Some(second)) = (self.unbound.pop_front(), self.unbound.pop_front()) {
            self.unbound.push_front(Gap {
                from: first.from,
                to: second.to,
            });
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Gap {
    from: Millis,
    to: Millis,
}

/// More losses than a bind that flaps every ten seconds has while a repetition counts.
const GAPS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn time_without_a_bind_does_not_count() {
        let mut reach = Reach::unbound_since(Millis(1_000));
        assert_eq!(reach.repeat_since(Millis(9_000), 600), Millis(400));
        reach.tell(true, Millis(9_000));
        assert_eq!(reach.repeat_since(Millis(9_000), 600), Millis(400));
        assert_eq!(reach.repeat_since(Millis(9_100), 600), Millis(500));
        assert_eq!(reach.repeat_since(Millis(9_600), 600), Millis(9_000));
        assert_eq!(reach.repeat_since(Millis(10_000), 600), Millis(9_400));
        reach.tell(false, Millis(10_000));
        assert_eq!(reach.repeat_since(Millis(99_000), 600), Millis(9_400));
    }

    /// Changes of the bind, each so many milliseconds after the one before.
    fn told(steps: &[(bool, i64)]) -> (Reach, Vec<bool>) {
        let mut reach = Reach::unbound_since(Millis(0));
        let (mut now, mut bound, mut each_ms) = (Millis(0), false, Vec::new());
        for &(next, wait_ms) in steps {
            each_ms.extend((0..wait_ms).map(|_| bound));
            now = now.plus_ms(wait_ms);
            reach.tell(next, now);
            bound = next;
        }
        (reach, each_ms)
    }

    proptest! {
        #[test]
        fn exactly_the_bound_time_of_a_repetition_lies_between(
            steps in proptest::collection::vec((any::<bool>(), 0_i64..20), 1..60),
            repeat_ms in 0_i64..100,
        ) {
            let (mut reach, each_ms) = told(&steps);
            let now = Millis(i64::try_from(each_ms.len()).unwrap());
            let since = reach.repeat_since(now, repeat_ms);
            prop_assert!(since <= now);
            let from = usize::try_from(since.0.max(0)).unwrap();
            let bound = each_ms[from..].iter().filter(|bound| **bound).count();
            // Before the first bind there was none, as far as anybody knows.
            let before = since.0.min(0).abs();
            prop_assert_eq!(i64::try_from(bound).unwrap() + before, repeat_ms);
            reach.forget(now, repeat_ms);
            prop_assert_eq!(reach.repeat_since(now, repeat_ms), since);
        }

        #[test]
        fn what_is_joined_for_room_only_makes_the_time_longer(gaps in 0_i64..200) {
            let steps: Vec<_> = (0..gaps).map(|gap| (gap % 2 == 0, 3)).collect();
            let (reach, each_ms) = told(&steps);
            prop_assert!(reach.unbound.len() <= GAPS_MAX);
            let now = Millis(i64::try_from(each_ms.len()).unwrap());
            let since = reach.repeat_since(now, 250);
            let from = usize::try_from(since.0.max(0)).unwrap();
            let bound = each_ms[from..].iter().filter(|bound| **bound).count();
            prop_assert!(i64::try_from(bound).unwrap() + since.0.min(0).abs() >= 250);
        }
    }
}
