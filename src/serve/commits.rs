//! What happens at each commit: it is told, without waiting, to those who carry it out.
//!
//! ```text
//! Committed ─┬─ outbox ───► tray of messages ──► outbox task
//!            ├─ deadlines ► tray of deadlines ─► timers task
//!            ├─ terminals ► wakes (long polls)
//!            └─ states, notices, keys ──► tray of news ► journal task ─► log
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::Millis;
use crate::domain::ids::{PurchaseId, TerminalId};
use crate::domain::purchase::State;
use crate::gateway::books::{BatchEnd, Committed, Elsewhere, OnCommit, WriterWatch};
use crate::gateway::record::OutboxRow;
use crate::gateway::world::{KeyEvent, Moved, Notice};
use crate::http::health::Readiness;
use crate::http::wakes::Wakes;
use crate::serve::Elapsed;
use crate::serve::peers::Peers;
use crate::serve::tray::Tray;
use crate::telemetry::Metrics;
use crate::telemetry::key_log;
use crate::telemetry::purchases::Stage;

/// Where the parts of a commit go.
#[derive(Clone)]
pub(super) struct Commits {
    pub(super) messages: Arc<Tray<OutboxRow>>,
    pub(super) deadlines: Arc<Tray<(PurchaseId, Option<Millis>)>>,
    pub(super) news: Arc<Tray<News>>,
    wakes: Wakes,
    metrics: Metrics,
    /// The last commit that was told.
    pub(super) batch: Arc<AtomicI64>,
    peers: Arc<Peers>,
}

/// One line of the log.
#[derive(Debug)]
pub(super) enum News {
    /// A purchase has a new state.
    Moved(Moved),
    /// A person must look at something.
    Notice(Notice),
    /// Something was done with keys.
    Keys(KeyEvent),
}

impl Commits {
    pub(super) fn new(wakes: Wakes, metrics: Metrics, readiness: Readiness) -> Self {
        Self {
            messages: Arc::new(Tray::new(MESSAGES_MAX)),
            deadlines: Arc::new(Tray::new(DEADLINES_MAX)),
            news: Arc::new(Tray::new(NEWS_MAX)),
            wakes,
            metrics,
            batch: Arc::new(AtomicI64::new(0)),
            peers: Arc::new(Peers::new(readiness)),
        }
    }

    /// What the writer calls after each commit.
    pub(super) fn on_commit(&self) -> OnCommit {
        let commits = self.clone();
        Arc::new(move |committed| commits.tell(committed))
    }

    /// What the writer tells of its batches besides.
    pub(super) fn watch(&self, elapsed_us: Elapsed) -> WriterWatch {
        let storage = self.metrics.storage.clone();
        let told = move |end| match end {
            BatchEnd::Stored { members, us } => storage.committed(members, us),
            BatchEnd::Failed => storage.commit_failed(),
        };
        WriterWatch {
            elapsed_us,
            told: Arc::new(told),
        }
    }

    fn tell(&self, committed: Committed) {
        let Committed {
            moved,
            outbox,
            notices,
            key_events,
            members: _,
            batch,
            elsewhere,
        } = committed;
        if let Some(elsewhere) = elsewhere {
            return self.tell_elsewhere(elsewhere);
        }
        if batch > 0 && self.batch.swap(batch, Ordering::Relaxed) != batch.saturating_sub(1) {
            // A command committed in between: its messages come before those of this commit.
            self.messages.miss();
        }
        for step in &moved {
            self.metrics.purchases.moved(step.state);
            if let (State::Accepted, Some(ms)) = (step.state, step.since_paid_ms) {
                let us = u64::try_from(ms).unwrap_or(0).saturating_mul(1_000);
                self.metrics.purchases.took(Stage::Accepted, us);
            }
            // Only a payment opens an ack; what a machine said itself is no news to it.
            if let (State::Paid, Some(terminal)) = (step.state, &step.terminal) {
                self.wakes.wake(terminal);
            }
        }
        for notice in &notices {
            self.metrics.storage.noticed(notice.kind);
            self.metrics.purchases.noticed(notice.kind);
        }
        for event in &key_events {
            self.metrics.storage.keys_touched(event.what);
        }
        self.messages.put(outbox);
        self.deadlines
            .put(moved.iter().map(|step| (step.purchase, step.deadline)));
        let moved = moved.into_iter().map(News::Moved);
        let notices = notices.into_iter().map(News::Notice);
        let keys = key_events.into_iter().map(News::Keys);
        self.news.put(notices.chain(keys).chain(moved));
    }

    /// Another node has committed: its own log and metrics have it.
    fn tell_elsewhere(&self, elsewhere: Elsewhere) {
        match elsewhere {
            Elsewhere::Moved {
                terminals,
                deadlines,
            } => {
                for terminal in &terminals {
                    self.wakes.wake(terminal);
                }
                self.deadlines.put(deadlines);
            }
            Elsewhere::Anything => {
                self.wakes.wake_all();
                self.peers.forget_silent();
            }
            Elsewhere::Clock {
                node,
                apart_ms,
                is_ours_wrong,
            } => self.peers.heard(node, apart_ms, is_ours_wrong),
        }
    }
}

/// Writes the log of purchases until `stopping` completes and nothing is left to be said: a slow
/// log holds up neither a commit nor a timer.
pub(super) async fn keep_journal(news: Arc<Tray<News>>, stopping: impl Future<Output = ()> + Send) {
    let mut stopping = std::pin::pin!(stopping);
    loop {
        let stopped = tokio::select! {
            () = news.news() => false,
            () = &mut stopping => true,
        };
        let taken = news.take();
        for line in taken.items {
            write(&line);
        }
        if taken.spilled > 0 {
            tracing::warn!(
                lines = taken.spilled,
                "the log is too slow: lines are missing"
            );
        }
        if stopped {
            return;
        }
    }
}

fn write(news: &News) {
    match news {
        News::Moved(Moved {
            purchase,
            state,
            terminal,
            deadline: _,
            since_paid_ms: _,
        }) => {
            let terminal = terminal.as_ref().map(TerminalId::as_str);
            tracing::info!(%purchase, state = state.name(), terminal, "purchase");
        }
        News::Keys(event) => key_log::write(event),
        News::Notice(notice) => {
            let purchase = notice.purchase.map(|id| id.0);
            let subscriber = notice.subscriber.map(|id| id.0);
            tracing::warn!(purchase, subscriber, kind = notice.kind, "{}", notice.text);
        }
    }
}

/// Messages between two looks of the outbox task: two seconds of a busy gateway.
const MESSAGES_MAX: usize = 20_000;
/// Several states a purchase in the same time.
const DEADLINES_MAX: usize = 100_000;
/// As many lines of the log.
const NEWS_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_part_of_a_commit_goes_where_it_is_carried_out() {
        let commits = Commits::new(Wakes::new(1), Metrics::default(), Readiness::starting());
        let moved = Moved {
            purchase: PurchaseId(5),
            state: State::Paid,
            deadline: Some(Millis(9)),
            terminal: Some("coffee".parse().unwrap()),
            since_paid_ms: Some(0),
        };
        (commits.on_commit())(Committed {
            moved: vec![moved],
            ..Committed::default()
        });
        let deadlines = commits.deadlines.take().items;
        assert_eq!(deadlines, [(PurchaseId(5), Some(Millis(9)))]);
        assert!(commits.messages.take().items.is_empty());
        let missed = |batch| {
            (commits.on_commit())(Committed {
                batch,
                ..Committed::default()
            });
            commits.messages.take().spilled
        };
        let found: Vec<usize> = [8, 9, 0, 10, 12].into_iter().map(missed).collect();
        assert_eq!(found, [1, 0, 0, 0, 1], "the start, and 11 of a command");
        keep_journal(Arc::clone(&commits.news), async {}).await;
        assert!(
            commits.news.take().items.is_empty(),
            "all was said before the end"
        );
    }
}
