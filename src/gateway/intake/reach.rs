//! When an SMSC could not reach us, so that a plain order's repetition is known all the same.
//!
//! ```text
//!          repeat_since                                    now
//! bound ───────┼─────┐     ┌──────────┐        ┌────────────┤   the bound stretches of it last
//! unbound      ·     └─────┘          └────────┘            ·   as long as repetition may take
//! ```
//! An SMSC keeps what it could not deliver: the text that was sent twice an hour ago comes as a
//! pair when the bind is back. So what is known of it is kept over a restart too, and what was kept
//! a while before the process died makes the time without a bind only longer.

use std::collections::VecDeque;

use crate::domain::Millis;

/// The times without a bind to one SMSC that still matter, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    unbound: VecDeque<Gap>,
    /// Since when there has been no bind.
    down: Option<Millis>,
    /// When somebody last told.
    told: Millis,
}

impl Reach {
    /// There was no bind since `since`; the beginning of time where nothing is known.
    #[must_use]
    pub fn unbound_since(since: Millis) -> Self {
        Self {
            unbound: VecDeque::new(),
            down: Some(since),
            told: since,
        }
    }

    /// A bind stands, or none does any more. Telling the same twice changes nothing; when nobody told
    /// for long, the process stood still, and no SMSC could reach it.
    pub fn tell(&mut self, bound: bool, now: Millis) {
        if self.down.is_none() && now.since(self.told) > SILENCE_MS {
            self.close(Gap {
                from: self.told,
                to: now,
            });
        }
        self.told = self.told.max(now);
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

    /// What a later start goes on from: until when a bind stood, in 8 octets, then 16 for each time
    /// without one.
    #[must_use]
    pub fn to_octets(&self, now: Millis) -> Vec<u8> {
        let until = self.down.unwrap_or(now);
        let mut octets = until.0.to_be_bytes().to_vec();
        for gap in &self.unbound {
            octets.extend_from_slice(&gap.from.0.to_be_bytes());
            octets.extend_from_slice(&gap.to.0.to_be_bytes());
        }
        octets
    }

    /// Reads what [`Self::to_octets`] wrote, and knows of no bind since; `None` when it is not that.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (until, mut rest) = octets.split_first_chunk::<8>()?;
        let mut reach = Self::unbound_since(Millis(i64::from_be_bytes(*until)));
        while !rest.is_empty() {
            let (from, after) = rest.split_first_chunk::<8>()?;
            let (to, after) = after.split_first_chunk::<8>()?;
            reach.unbound.push_back(Gap {
                from: Millis(i64::from_be_bytes(*from)),
                to: Millis(i64::from_be_bytes(*to)),
            });
            rest = after;
        }
        (reach.unbound.len() <= GAPS_MAX).then_some(reach)
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    from: Millis,
    to: Millis,
}

/// More losses than a bind that flaps every ten seconds has while a repetition counts.
const GAPS_MAX: usize = 64;
/// Twenty looks at the bind that did not take place.
const SILENCE_MS: i64 = 10_000;

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

    #[test]
    fn a_restart_forgets_no_time_without_a_bind_and_trusts_what_it_kept_only_until_then() {
        let mut reach = Reach::unbound_since(Millis(0));
        reach.tell(true, Millis(1_000));
        reach.tell(false, Millis(5_000));
        reach.tell(true, Millis(8_000));
        let kept = reach.to_octets(Millis(9_000));
        // Killed at 9 900; what happened after 9 000 was not kept.
        let mut later = Reach::from_octets(&kept).unwrap();
        later.tell(true, Millis(500_000));
        assert_eq!(
            later.repeat_since(Millis(500_100), 600),
            Millis(9_000 - 500),
            "100 ms since the start, 500 ms before it"
        );
        assert_eq!(
            later.repeat_since(Millis(500_100), 2_000),
            Millis(5_000 - 900)
        );
        reach.tell(false, Millis(9_500));
        let kept = reach.to_octets(Millis(20_000));
        assert_eq!(Reach::from_octets(&kept).unwrap().down, Some(Millis(9_500)));
        assert_eq!(Reach::from_octets(&kept[..12]), None);
        assert_eq!(Reach::from_octets(&[]), None);
    }

    #[test]
    fn a_process_that_stood_still_could_not_be_reached() {
        let mut reach = Reach::unbound_since(Millis(0));
        reach.tell(true, Millis(0));
        reach.tell(true, Millis(9_000));
        assert_eq!(reach.repeat_since(Millis(9_000), 600), Millis(8_400));
        // Twenty minutes later the virtual machine goes on.
        reach.tell(true, Millis(1_209_000));
        assert_eq!(reach.repeat_since(Millis(1_209_100), 600), Millis(8_500));
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
