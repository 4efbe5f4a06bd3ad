//! A bounded hand-over from a commit to the task that carries its part out.
//!
//! ```text
//! commit ─put (never waits)─► │ at most `most` items │ ─take all─► task
//!                                    full: spilled ─────────────► reads the store instead
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Items on their way to one task.
#[derive(Debug)]
pub(super) struct Tray<T> {
    most: usize,
    held: Mutex<Held<T>>,
    news: Notify,
}

#[derive(Debug)]
struct Held<T> {
    items: Vec<T>,
    spilled: usize,
}

/// What a tray held.
#[derive(Debug)]
pub(super) struct Taken<T> {
    /// In the order of their coming.
    pub(super) items: Vec<T>,
    /// How many found no room, or were missed, since the tray was last emptied.
    pub(super) spilled: usize,
}

impl<T> Tray<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            held: Mutex::new(Held {
                items: Vec::new(),
                spilled: 0,
            }),
            news: Notify::new(),
        }
    }

    /// Puts the items in as far as there is room.
    pub(super) fn put(&self, items: impl IntoIterator<Item = T>) {
        let mut held = self.held();
        let before = held.items.len().saturating_add(held.spilled);
        for item in items {
            if held.items.len() < self.most {
                held.items.push(item);
            } else {
                held.spilled = held.spilled.saturating_add(1);
            }
        }
        let after = held.items.len().saturating_add(held.spilled);
        drop(held);
        if after > before {
            self.news.notify_one();
        }
    }

    /// Tells that something was never put in.
    pub(super) fn miss(&self) {
        let mut held = self.held();
        held.spilled = held.spilled.saturating_add(1);
        drop(held);
        self.news.notify_one();
    }

    /// Empties the tray.
    pub(super) fn take(&self) -> Taken<T> {
        let mut held = self.held();
        Taken {
            items: std::mem::take(&mut held.items),
            spilled: std::mem::take(&mut held.spilled),
        }
    }

    /// Waits until something was put in since the last wait. Only one task may wait.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    fn held(&self) -> MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_finds_no_room_is_counted_and_the_rest_keeps_its_order() {
        let tray = Tray::new(3);
        tray.put([1, 2]);
        tray.put([3, 4, 5]);
        tray.news().await;
        let taken = tray.take();
        assert_eq!((taken.items, taken.spilled), (vec![1, 2, 3], 2));
        let taken = tray.take();
        assert_eq!((taken.items, taken.spilled), (vec![], 0));
        tray.put([6]);
        tray.news().await;
        assert_eq!(tray.take().items, [6]);
    }
}
