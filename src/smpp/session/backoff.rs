//! How long to wait before the next connection: doubling, with jitter, bounded.
//!
//! ```text
//! try    1      2      3      …      n
//! wait   ½–1 b  1–2 b  2–4 b  …      ½–1 max        b: the base, drawn evenly within the range
//! ```
//! Jitter keeps the gateways of a cluster from coming back at one SMSC in the same second. The
//! random number is an argument.

/// The wait between connections, which grows with every failure.
#[derive(Clone, Debug)]
pub struct Backoff {
    base_ms: u32,
    max_ms: u32,
    failures: u32,
}

impl Backoff {
    /// Waits from `base_ms` on, never longer than `max_ms`.
    #[must_use]
    pub const fn new(base_ms: u32, max_ms: u32) -> Self {
        Self {
            base_ms,
            max_ms,
            failures: 0,
        }
    }

    /// A bind has held long enough: the next failure is a first one.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait in milliseconds after one more failure. `random` is any even draw.
    pub fn after_failure(&mut self, random: u32) -> i64 {
        let doubled = u64::from(self.base_ms)
            .checked_shl(self.failures)
            .unwrap_or(u64::MAX);
        let full = doubled.min(u64::from(self.max_ms)).max(1);
        if doubled < u64::from(self.max_ms) {
            self.failures = self.failures.saturating_add(1);
        }
        let half = full / 2;
        let spread = full.saturating_sub(half).saturating_add(1);
        let drawn = u64::from(random).checked_rem(spread).unwrap_or(0);
        i64::try_from(half.saturating_add(drawn)).unwrap_or(i64::MAX)
    }

    /// The wait after `ESME_RALYBND`: the SMSC still believes in our old connection, and every
    /// early try only renews that belief, so this never comes before `ALREADY_BOUND_MS`.
    pub fn after_already_bound(&mut self, random: u32) -> i64 {
        let drawn = self.after_failure(random);
        drawn.max(ALREADY_BOUND_MS)
    }
}

/// SMSCs find a dead connection by their own `enquire_link`, commonly every 10 to 60 s.
const ALREADY_BOUND_MS: i64 = 10_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_to_the_bound_and_start_again_after_a_good_bind() {
        let mut backoff = Backoff::new(500, 60_000);
        let longest: Vec<i64> = (0..9)
            .map(|_| {
                let shortest = backoff.clone().after_failure(0);
                let longest = (0..=60_000)
                    .map(|r| backoff.clone().after_failure(r))
                    .max()
                    .unwrap();
                assert_eq!(shortest, longest / 2);
                backoff.after_failure(7);
                longest
            })
            .collect();
        assert_eq!(
            longest,
            [
                500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000
            ]
        );
        backoff.reset();
        assert!(backoff.after_failure(u32::MAX) <= 500);
    }

    #[test]
    fn an_smsc_that_says_already_bound_is_given_time_to_forget_us() {
        let mut backoff = Backoff::new(500, 60_000);
        assert!((0..20).all(|r| backoff.after_already_bound(r) >= 10_000));
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_bound(
            base in 0_u32.., max in 1_u32.., randoms in prop::collection::vec(any::<u32>(), 1..80),
        ) {
            let mut backoff = Backoff::new(base, max);
            for random in randoms {
                prop_assert!((0..=i64::from(max)).contains(&backoff.after_failure(random)));
            }
        }
    }
}
