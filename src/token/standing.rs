//! Whether the token works: told by its thread, read by everybody without waiting.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::token::error::TokenError;

/// Whether the token works, and what it did.
pub(super) struct Standing {
    /// Why it does not work.
    down: Mutex<Option<String>>,
    /// When the call that is under way began, in microseconds of the stopwatch; [`NO_CALL`].
    call_since_us: AtomicU64,
    brought: AtomicU64,
    lost: AtomicU64,
    timeout_ms: u64,
    elapsed_us: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Standing {
    pub(super) fn new(timeout_ms: u64, elapsed_us: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        Self {
            down: Mutex::new(None),
            call_since_us: AtomicU64::new(NO_CALL),
            brought: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            timeout_ms,
            elapsed_us,
        }
    }

    /// Why no key can be had now; none when the token works. A call that takes too long counts as
    /// a token that does not, until it ends.
    pub(super) fn lacking(&self) -> Option<String> {
        let since_us = self.call_since_us.load(Ordering::Relaxed);
        let took_us = (self.elapsed_us)().saturating_sub(since_us);
        if took_us > self.timeout_ms.saturating_mul(1_000) {
            let ms = took_us.checked_div(1_000).unwrap_or_default();
            return Some(TokenError::Silent { ms }.to_string());
        }
        let down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        down.clone()
    }

    /// Makes a call of the token, so that others see how long it takes.
    pub(super) fn calling<T>(&self, call: impl FnOnce() -> T) -> T {
        self.call_since_us
            .store((self.elapsed_us)(), Ordering::Relaxed);
        let answer = call();
        self.call_since_us.store(NO_CALL, Ordering::Relaxed);
        answer
    }

    /// It works.
    pub(super) fn up(&self) {
        *self.down.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// It does not; true when that, or why, is news.
    pub(super) fn down(&self, reason: String) -> bool {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        if down.is_none() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        let news = down.as_ref() != Some(&reason);
        *down = Some(reason);
        news
    }

    /// The keys of one more card came.
    pub(super) fn brought(&self) {
        self.brought.fetch_add(1, Ordering::Relaxed);
    }

    /// Cards whose keys came, and times that the token was lost.
    pub(super) fn counts(&self) -> (u64, u64) {
        (
            self.brought.load(Ordering::Relaxed),
            self.lost.load(Ordering::Relaxed),
        )
    }
}

/// Later than any stopwatch.
const NO_CALL: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_hangs_is_a_token_that_does_not_work_until_it_ends() {
        let clock = Arc::new(AtomicU64::new(1_000));
        let reads = Arc::clone(&clock);
        let standing = Standing::new(500, Arc::new(move || reads.load(Ordering::Relaxed)));
        standing.calling(|| {
            clock.store(401_000, Ordering::Relaxed);
            assert_eq!(standing.lacking(), None);
            clock.store(601_000, Ordering::Relaxed);
            let said = standing.lacking().unwrap();
            assert!(said.contains("600 ms"), "{said}");
        });
        assert_eq!(standing.lacking(), None);
        assert!(standing.down("gone".to_owned()));
        assert!(!standing.down("gone".to_owned()), "no news");
        assert_eq!(standing.lacking().as_deref(), Some("gone"));
        standing.up();
        assert_eq!((standing.lacking(), standing.counts()), (None, (0, 1)));
    }
}
