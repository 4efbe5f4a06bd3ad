//! Wakes the long polls of a terminal when a commit has news for it.
//!
//! ```text
//! poll: mark ─► read (nothing) ─► subscribe with the mark ─► wait ─► read
//! commit:  wake ──┴───────────────────┴────────────────────────┘  a wake after `mark` is never lost
//! ```
//! A waiter is there only while its poll is: dropping it takes it out, so that the registry holds
//! nothing for terminals that do not ask.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

use crate::domain::ids::TerminalId;

/// Who waits for news; a clone is the same registry.
#[derive(Clone, Debug)]
pub struct Wakes(Arc<Shared>);

impl Wakes {
    /// A registry for at most `waiters_max` polls at once.
    #[must_use]
    pub fn new(waiters_max: usize) -> Self {
        Self(Arc::new(Shared {
            waiters_max,
            registry: Mutex::new(Registry {
                wakes: vec![0; MARKS],
                ..Registry::default()
            }),
        }))
    }

    /// Ends the present wait of each poll of this terminal, or the next one of a poll that has
    /// subscribed and does not wait yet. It never blocks for longer than a look into a map.
    pub fn wake(&self, terminal: &TerminalId) {
        let mut registry = self.registry();
        if let Some(wakes) = registry.wakes.get_mut(place_of(terminal)) {
            *wakes = wakes.wrapping_add(1);
        }
        for bell in registry.bells.get(terminal).into_iter().flatten() {
            bell.rung.notify_one();
        }
    }

    /// Where the wakes of this terminal stand: to be taken before the reading that finds nothing.
    pub(super) fn mark(&self, terminal: &TerminalId) -> Mark {
        self.registry().mark(terminal)
    }

    /// Ends the present wait of every poll, and the next one of those that have not subscribed yet:
    /// anything may have happened.
    pub fn wake_all(&self) {
        let mut registry = self.registry();
        for wakes in &mut registry.wakes {
            *wakes = wakes.wrapping_add(1);
        }
        for bell in registry.bells.values().flatten() {
            bell.rung.notify_one();
        }
    }

    /// How many polls wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.registry().waiting
    }

    /// Ends every wait, now and from now on.
    pub fn close(&self) {
        let mut registry = self.registry();
        registry.closed = true;
        for bell in registry.bells.values().flatten() {
            bell.end(Rang::Closing);
        }
    }

    /// Waits for `shutdown` and closes: what [`crate::http::serve`] takes as its signal, so that
    /// no poll holds up the end.
    pub async fn close_after(self, shutdown: impl Future<Output = ()> + Send) {
        shutdown.await;
        self.close();
    }

    /// Joins those who wait for news of this terminal since `mark`: what came in between rings at
    /// once. The newest win: a machine that lost its network asks anew while its old connection
    /// still seems alive. Only a caller that has shown its credential may subscribe, for it can
    /// displace another.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] when `waiters_max` polls wait already.
    pub(super) fn subscribe(&self, terminal: &TerminalId, mark: Mark) -> Result<Waiter, NoRoom> {
        let mut registry = self.registry();
        if registry.waiting >= self.0.waiters_max {
            return Err(NoRoom);
        }
        let bell = Arc::new(Bell::default());
        if registry.closed {
            bell.end(Rang::Closing);
        }
        if registry.mark(terminal) != mark {
            bell.rung.notify_one();
        }
        registry.waiting = registry.waiting.saturating_add(1);
        let bells = registry.bells.entry(terminal.clone()).or_default();
        if bells.len() >= PER_TERMINAL_MAX {
            bells.remove(0).end(Rang::Displaced);
        }
        bells.push(bell.clone());
        drop(registry);
        Ok(Waiter {
            wakes: self.clone(),
            terminal: terminal.clone(),
            bell,
        })
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many wakes a terminal had, by some beginning. Terminals that share a place in the table are
/// woken for nothing now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u32);

/// One poll that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    wakes: Wakes,
    terminal: TerminalId,
    bell: Arc<Bell>,
}

impl Waiter {
    /// Waits for the next ring. Wakes that came between two waits count as one.
    pub(super) async fn rang(&self) -> Rang {
        if self.bell.ending.get().is_none() {
            self.bell.rung.notified().await;
        }
        self.bell.ending.get().copied().unwrap_or(Rang::News)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut registry = self.wakes.registry();
        registry.waiting = registry.waiting.saturating_sub(1);
        if let Some(bells) = registry.bells.get_mut(&self.terminal) {
            bells.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
            if bells.is_empty() {
                registry.bells.remove(&self.terminal);
            }
        }
    }
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rang {
    /// A commit concerned the terminal.
    News,
    /// Later polls of the same terminal took the place.
    Displaced,
    /// The gateway is going down.
    Closing,
}

/// As many polls wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many polls wait")]
pub(super) struct NoRoom;

#[derive(Debug)]
struct Shared {
    waiters_max: usize,
    registry: Mutex<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    /// Oldest first.
    bells: HashMap<TerminalId, Vec<Arc<Bell>>>,
    waiting: usize,
    closed: bool,
    /// Wakes so far, of all terminals of a place.
    wakes: Vec<u32>,
}

impl Registry {
    fn mark(&self, terminal: &TerminalId) -> Mark {
        let wakes = self.wakes.get(place_of(terminal));
        Mark(wakes.copied().unwrap_or_default())
    }
}

fn place_of(terminal: &TerminalId) -> usize {
    let mut hasher = DefaultHasher::new();
    terminal.hash(&mut hasher);
    let hash = usize::try_from(hasher.finish() & u64::from(u32::MAX)).unwrap_or_default();
    hash.checked_rem(MARKS).unwrap_or_default()
}

#[derive(Debug, Default)]
struct Bell {
    rung: Notify,
    ending: OnceLock<Rang>,
}

impl Bell {
    fn end(&self, why: Rang) {
        // The first ending stands.
        let _ = self.ending.set(why);
        self.rung.notify_one();
    }
}

/// One for the machine's poll, one for the half-open connection that it left behind.
const PER_TERMINAL_MAX: usize = 2;
/// 16 KiB, and seldom two of a thousand machines in one place.
const MARKS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(name: &str) -> TerminalId {
        name.parse().unwrap()
    }

    fn subscribe(wakes: &Wakes, name: &str) -> Result<Waiter, NoRoom> {
        let terminal = terminal(name);
        wakes.subscribe(&terminal, wakes.mark(&terminal))
    }

    #[tokio::test]
    async fn a_wake_between_the_mark_and_subscribing_rings_at_once() {
        let wakes = Wakes::new(10);
        let mark = wakes.mark(&terminal("a"));
        wakes.wake(&terminal("a"));
        let waiter = wakes.subscribe(&terminal("a"), mark).unwrap();
        assert_eq!(waiter.rang().await, Rang::News);
        let mut again = Box::pin(waiter.rang());
        let pending = std::future::poll_fn(|cx| std::task::Poll::Ready(again.as_mut().poll(cx)));
        assert!(pending.await.is_pending());
    }

    #[tokio::test]
    async fn a_wake_between_subscribing_and_waiting_is_not_lost() {
        let wakes = Wakes::new(10);
        let waiter = subscribe(&wakes, "a").unwrap();
        wakes.wake(&terminal("b"));
        wakes.wake(&terminal("a"));
        wakes.wake(&terminal("a"));
        assert_eq!(waiter.rang().await, Rang::News);
        let mut again = Box::pin(waiter.rang());
        let pending = std::future::poll_fn(|cx| std::task::Poll::Ready(again.as_mut().poll(cx)));
        assert!(pending.await.is_pending());
    }

    #[tokio::test]
    async fn the_third_poll_of_a_machine_ends_its_oldest() {
        let wakes = Wakes::new(10);
        let [first, second, third] = [0; 3].map(|_| subscribe(&wakes, "a").unwrap());
        assert_eq!(first.rang().await, Rang::Displaced);
        wakes.wake(&terminal("a"));
        assert_eq!(second.rang().await, Rang::News);
        assert_eq!(third.rang().await, Rang::News);
    }

    #[tokio::test]
    async fn closing_ends_waits_that_are_and_those_to_come() {
        let wakes = Wakes::new(10);
        let before = subscribe(&wakes, "a").unwrap();
        wakes.clone().close_after(async {}).await;
        assert_eq!(before.rang().await, Rang::Closing);
        assert_eq!(subscribe(&wakes, "a").unwrap().rang().await, Rang::Closing);
    }

    #[test]
    fn a_poll_that_ends_leaves_nothing_behind() {
        let wakes = Wakes::new(3);
        let kept: Vec<_> = ["a", "a", "a"]
            .map(|id| subscribe(&wakes, id).unwrap())
            .into();
        assert_eq!(subscribe(&wakes, "b").unwrap_err(), NoRoom);
        assert_eq!(wakes.waiting(), 3);
        drop(kept);
        assert_eq!(wakes.waiting(), 0);
        assert!(wakes.registry().bells.is_empty());
    }
}
