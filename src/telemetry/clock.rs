//! The one place that reads the clock: everything else gets the time as an argument.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Millis;

/// The time of day. A clock before 1970 reads as 1970.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads it"
)]
pub fn clock() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Microseconds since now, on a clock that never goes back.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads it"
)]
pub fn stopwatch() -> Arc<dyn Fn() -> u64 + Send + Sync> {
    let start = Instant::now();
    Arc::new(move || u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_that_of_this_century_and_a_stopwatch_never_goes_back() {
        // 2025-01-01 and 2100-01-01.
        assert!((1_735_689_600_000..4_102_444_800_000).contains(&clock().0));
        let elapsed_us = stopwatch();
        let first = elapsed_us();
        assert!(elapsed_us() >= first);
    }
}
