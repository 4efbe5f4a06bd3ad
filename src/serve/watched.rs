//! The books with an eye on whether they take anything: readiness, and since when timers count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use crate::domain::Millis;
use crate::domain::ids::{OutboxId, PurchaseId, SubscriberId};
use crate::gateway::books::{AckQuestion, Acks, Books, StoreError, StoredBatch};
use crate::gateway::intake::Reach;
use crate::gateway::member::{ArrivalEnd, Denied, Member, Outcome};
use crate::gateway::record::{BillingEntry, Channel, OutboxRow};
use crate::gateway::upkeep::Upkeep;
use crate::http::health::{Need, Readiness};
use crate::serve::Clock;
use crate::serve::steady::Steady;
use crate::telemetry::purchases::PurchaseMetrics;

/// Books of which it is known when they last failed.
#[derive(Clone)]
pub(super) struct Watched<B> {
    books: B,
    pulse: Arc<Pulse>,
}

/// When the books last failed, whether they do still, and what kiosks were told.
pub(super) struct Pulse {
    clock: Clock,
    readiness: Readiness,
    purchases: PurchaseMetrics,
    lacking: AtomicBool,
    failed_at: AtomicI64,
    steady: Steady,
    unsteady: AtomicBool,
}

impl Pulse {
    /// Books that have not been asked yet.
    pub(super) fn new(
        clock: Clock,
        readiness: Readiness,
        steady: Steady,
        purchases: PurchaseMetrics,
    ) -> Self {
        Self {
            clock,
            readiness,
            purchases,
            lacking: AtomicBool::new(true),
            failed_at: AtomicI64::new(i64::MIN),
            steady,
            unsteady: AtomicBool::new(true),
        }
    }

    /// Nothing is decided by a clock that is not believed.
    fn believe_clock(&self) -> Result<(), StoreError> {
        match self.steady.check() {
            Ok(()) => {
                if self.unsteady.load(Ordering::Relaxed)
                    && self.unsteady.swap(false, Ordering::Relaxed)
                {
                    self.readiness.met(Need::Clock);
                }
                Ok(())
            }
            Err(problem) => {
                self.no_answer_taken();
                self.readiness.lacking(Need::Clock, problem.to_string());
                if !self.unsteady.swap(true, Ordering::Relaxed) {
                    tracing::error!(%problem, "no decision is made by this clock");
                }
                Err(StoreError::Unavailable(problem.to_string()))
            }
        }
    }

    fn failed_at(&self) -> Option<Millis> {
        let at = self.failed_at.load(Ordering::Relaxed);
        (at > i64::MIN).then_some(Millis(at))
    }

    fn no_answer_taken(&self) {
        self.failed_at.store((self.clock)().0, Ordering::Relaxed);
    }

    fn tell<T>(&self, result: &Result<T, StoreError>) {
        match result {
            Ok(_) => {
                if self.lacking.load(Ordering::Relaxed)
                    && self.lacking.swap(false, Ordering::Relaxed)
                {
                    self.readiness.met(Need::Store);
                    tracing::info!("the books take orders");
                }
            }
            // They have too much to do, or one SIM's keys are away: that is no failure of theirs.
            Err(StoreError::Busy) => {}
            Err(error @ StoreError::Keyless(_)) => tracing::debug!(%error, "comes again"),
            Err(error @ (StoreError::Unavailable(_) | StoreError::Unknown)) => {
                self.no_answer_taken();
                if !self.lacking.swap(true, Ordering::Relaxed) {
                    self.readiness.lacking(Need::Store, "it takes no commits");
                    tracing::warn!(%error, "the books take no orders");
                }
            }
            // One row, not all of them.
            Err(error @ StoreError::Corrupt(_)) => tracing::error!(%error, "unreadable books"),
        }
    }
}

impl Pulse {
    /// Counts what a kiosk asked; whoever takes messages in counts those.
    fn count(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Ordered { .. } => self.purchases.ordered(),
            Outcome::Refused(Denied::Order(cause)) => {
                let end = ArrivalEnd::Refused(*cause);
                self.purchases.arrived(Channel::Kiosk, end);
            }
            Outcome::Refused(_)
            | Outcome::Arrived { .. }
            | Outcome::Ack(_)
            | Outcome::Done
            | Outcome::AlreadyDone
            | Outcome::Imported { .. }
            | Outcome::Batch(_)
            | Outcome::Bills(_)
            | Outcome::Commanded(_) => {}
        }
    }
}

impl<B: Books> Watched<B> {
    pub(super) fn new(books: B, pulse: Arc<Pulse>) -> Self {
        Self { books, pulse }
    }

    /// When the books last could not take an answer; none when they always did.
    pub(super) fn failed_at(&self) -> Option<Millis> {
        self.pulse.failed_at()
    }

    /// What reads beside the books.
    pub(super) const fn inner(&self) -> &B {
        &self.books
    }
}

impl<B: Books> Books for Watched<B> {
    async fn submit_within(
        &self,
        member: Member,
        take_within: Duration,
    ) -> Result<Outcome, StoreError> {
        self.pulse.believe_clock()?;
        let from_terminal = matches!(member, Member::TerminalAct(_));
        let result = self.books.submit_within(member, take_within).await;
        self.pulse.tell(&result);
        if let Ok(outcome) = &result {
            self.pulse.count(outcome);
        }
        if from_terminal && matches!(result, Err(StoreError::Busy | StoreError::Keyless(_))) {
            // Its word was not taken, so the time until now does not count against it.
            self.pulse.no_answer_taken();
        }
        result
    }

    async fn acks(&self, question: AckQuestion) -> Result<Result<Acks, Denied>, StoreError> {
        self.books.acks(question).await
    }

    async fn outbox_after(&self, after: OutboxId, most: u32) -> Result<Vec<OutboxRow>, StoreError> {
        self.books.outbox_after(after, most).await
    }

    async fn deadlines_after(
        &self,
        after: PurchaseId,
        most: u32,
    ) -> Result<Vec<(PurchaseId, Millis)>, StoreError> {
        self.books.deadlines_after(after, most).await
    }

    async fn batches_from(&self, sequence: i64) -> Result<Vec<StoredBatch>, StoreError> {
        self.books.batches_from(sequence).await
    }

    async fn entries(
        &self,
        from: i64,
        to: i64,
        most: u32,
    ) -> Result<Vec<BillingEntry>, StoreError> {
        self.books.entries(from, to, most).await
    }
}

impl<B: Upkeep> Upkeep for Watched<B> {
    async fn last_commit(&self) -> Result<Option<Millis>, StoreError> {
        self.books.last_commit().await
    }

    async fn reach(&self, smsc: &str) -> Result<Reach, StoreError> {
        self.books.reach(smsc).await
    }

    async fn unclaimed(
        &self,
        smscs: Vec<Arc<str>>,
        now: Millis,
        most: u32,
    ) -> Result<Vec<OutboxId>, StoreError> {
        self.books.unclaimed(smscs, now, most).await
    }

    async fn not_in_stream(
        &self,
        after: PurchaseId,
        most: u32,
    ) -> Result<Vec<PurchaseId>, StoreError> {
        self.books.not_in_stream(after, most).await
    }

    async fn rekeys_due(&self, now: Millis, most: u32) -> Result<Vec<SubscriberId>, StoreError> {
        self.books.rekeys_due(now, most).await
    }

    async fn open_paid_before(
        &self,
        paid_before: Millis,
        most: u32,
    ) -> Result<Vec<PurchaseId>, StoreError> {
        self.books.open_paid_before(paid_before, most).await
    }
}
