//! When each SMSC could reach us, as all its binds know it together, kept in the books for the next
//! start.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::Millis;
use crate::gateway::books::Books;
use crate::gateway::intake::Reach;
use crate::gateway::member::Member;
use crate::serve::Clock;

/// One SMSC's; a clone is the same value.
#[derive(Clone)]
pub(super) struct SmscReach {
    smsc: Arc<str>,
    state: Arc<Mutex<State>>,
}

struct State {
    reach: Reach,
    /// The binds that stand, by their number.
    bound: BTreeSet<usize>,
}

impl SmscReach {
    /// Goes on from what was kept.
    pub(super) fn new(smsc: Arc<str>, reach: Reach) -> Self {
        let bound = BTreeSet::new();
        let state = Arc::new(Mutex::new(State { reach, bound }));
        Self { smsc, state }
    }

    /// The SMSC.
    pub(super) fn smsc(&self) -> &str {
        &self.smsc
    }

    /// One of its binds stands or does not.
    pub(super) fn tell(&self, bind: usize, bound: bool, now: Millis) {
        let mut state = self.state();
        if bound {
            state.bound.insert(bind);
        } else {
            state.bound.remove(&bind);
        }
        let any = !state.bound.is_empty();
        state.reach.tell(any, now);
    }

    /// [`Reach::repeat_since`].
    pub(super) fn repeat_since(&self, now: Millis, repeat_ms: i64) -> Millis {
        self.state().reach.repeat_since(now, repeat_ms)
    }

    /// [`Reach::forget`].
    pub(super) fn forget(&self, now: Millis, repeat_ms: i64) {
        self.state().reach.forget(now, repeat_ms);
    }

    fn kept(&self, now: Millis) -> Member {
        Member::Reached {
            smsc: Arc::clone(&self.smsc),
            reach: self.state().reach.to_octets(now),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what is known of each SMSC in the books until it is dropped. What the last seconds before a
/// crash would have said is not missed: without it the time without a bind is only longer.
pub(super) async fn keep_reach<B: Books>(books: B, all: Vec<SmscReach>, clock: Clock) {
    loop {
        tokio::time::sleep(KEPT_EVERY).await;
        for one in &all {
            if let Err(error) = books.submit(one.kept(clock())).await {
                tracing::debug!(%error, smsc = &*one.smsc, "not kept when it could reach us");
            }
        }
    }
}

const KEPT_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_smsc_is_out_of_reach_when_its_last_bind_is_gone() {
        let reach = SmscReach::new("a".into(), Reach::unbound_since(Millis(0)));
        reach.tell(0, true, Millis(1_000));
        reach.tell(1, true, Millis(1_000));
        reach.tell(0, false, Millis(2_000));
        assert_eq!(reach.repeat_since(Millis(3_000), 600), Millis(2_400));
        reach.tell(1, false, Millis(3_000));
        assert_eq!(reach.repeat_since(Millis(9_000), 600), Millis(2_400));
        let Member::Reached { reach: kept, .. } = reach.kept(Millis(9_000)) else {
            panic!("another member")
        };
        let kept = Reach::from_octets(&kept).unwrap();
        assert_eq!(kept.repeat_since(Millis(99_000), 600), Millis(2_400));
    }
}
