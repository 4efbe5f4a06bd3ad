//! Whether the time of day goes as fast as time does.
//!
//! Deadlines, refunds and bills go by the time of day. A clock that leaps would refund every machine
//! that had no chance to answer; one that was set back would let no deadline pass. While it has
//! leapt nothing is decided: orders come again, machines ask again, and a person sees why.

use std::sync::{Mutex, PoisonError};

use crate::domain::Millis;
use crate::serve::{Clock, Elapsed};

/// The time of day, held against a clock that can't be set.
pub(super) struct Steady {
    clock: Clock,
    elapsed_us: Elapsed,
    /// The time of the last commit before the start.
    books_at: Millis,
    agreed: Mutex<Agreed>,
}

/// When both clocks last agreed.
#[derive(Clone, Copy)]
struct Agreed {
    wall: Millis,
    elapsed_us: u64,
}

/// What is wrong with the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsteady {
    /// It was set, or the process stood still.
    #[error(
        "the clock leapt by {0} s: nothing is decided until it is set right, or svgate is started \
         anew if it is right now"
    )]
    Leapt(i64),
    /// The last commit lies in its future.
    #[error("the clock is {0} s behind the last commit: set it right")]
    BehindBooks(i64),
}

impl Steady {
    /// A clock that is believed at the start, but where it is behind the books.
    pub(super) fn new(clock: Clock, elapsed_us: Elapsed, books_at: Option<Millis>) -> Self {
        let agreed = Agreed {
            wall: clock(),
            elapsed_us: elapsed_us(),
        };
        Self {
            clock,
            elapsed_us,
            books_at: books_at.unwrap_or_default(),
            agreed: Mutex::new(agreed),
        }
    }

    /// Looks at both clocks. Steps too small to matter are followed.
    ///
    /// # Errors
    ///
    /// [`Unsteady`] for as long as the time of day is not what it should be.
    pub(super) fn check(&self) -> Result<(), Unsteady> {
        let now = Agreed {
            wall: (self.clock)(),
            elapsed_us: (self.elapsed_us)(),
        };
        let behind_ms = self.books_at.since(now.wall);
        if behind_ms > LEAP_MS {
            return Err(Unsteady::BehindBooks(seconds(behind_ms)));
        }
        let mut agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        let passed_us = now.elapsed_us.saturating_sub(agreed.elapsed_us);
        let passed_ms = i64::try_from(passed_us.div_ceil(1_000)).unwrap_or(i64::MAX);
        let leap_ms = now.wall.since(agreed.wall).saturating_sub(passed_ms);
        if leap_ms.saturating_abs() > LEAP_MS {
            return Err(Unsteady::Leapt(seconds(leap_ms)));
        }
        *agreed = now;
        Ok(())
    }
}

fn seconds(ms: i64) -> i64 {
    ms.checked_div(1_000).unwrap_or_default()
}

/// More than any time server steps a clock that runs, and less than a machine counts as dead after.
const LEAP_MS: i64 = 45_000;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

    use super::*;

    const WALL_MS: i64 = 1_000_000_000;

    struct Clocks {
        wall_ms: Arc<AtomicI64>,
        elapsed_us: Arc<AtomicU64>,
        steady: Steady,
    }

    fn clocks(books_at_ms: i64) -> Clocks {
        let (wall_ms, elapsed_us) = (Arc::new(AtomicI64::new(WALL_MS)), Arc::default());
        let (wall, elapsed) = (Arc::clone(&wall_ms), Arc::clone(&elapsed_us));
        let steady = Steady::new(
            Arc::new(move || Millis(wall.load(Ordering::Relaxed))),
            Arc::new(move || AtomicU64::load(&elapsed, Ordering::Relaxed)),
            Some(Millis(books_at_ms)),
        );
        Clocks {
            wall_ms,
            elapsed_us,
            steady,
        }
    }

    impl Clocks {
        fn pass(&self, wall_ms: i64, elapsed_ms: u64) -> Result<(), Unsteady> {
            self.wall_ms.fetch_add(wall_ms, Ordering::Relaxed);
            self.elapsed_us
                .fetch_add(elapsed_ms * 1_000, Ordering::Relaxed);
            self.steady.check()
        }
    }

    #[test]
    fn a_clock_that_was_set_stops_decisions_until_it_is_right_again() {
        let clocks = clocks(0);
        for _ in 0..100 {
            assert_eq!(
                clocks.pass(30_500, 30_000),
                Ok(()),
                "slow steps are followed"
            );
        }
        let day_ms = 86_400_000;
        assert_eq!(clocks.pass(day_ms, 10), Err(Unsteady::Leapt(86_399)));
        assert_eq!(
            clocks.pass(1_000, 1_000),
            Err(Unsteady::Leapt(86_399)),
            "it does not get used to it"
        );
        assert_eq!(clocks.pass(-day_ms, 0), Ok(()));
        assert!(matches!(
            clocks.pass(-day_ms, 1_000),
            Err(Unsteady::Leapt(..-86_000))
        ));
    }

    #[test]
    fn a_clock_behind_the_books_is_not_believed_until_it_has_caught_up() {
        let clocks = clocks(WALL_MS + 100_000);
        assert_eq!(clocks.pass(0, 0), Err(Unsteady::BehindBooks(100)));
        assert_eq!(clocks.pass(40_000, 40_000), Err(Unsteady::BehindBooks(60)));
        assert_eq!(clocks.pass(20_000, 20_000), Ok(()));
    }
}
