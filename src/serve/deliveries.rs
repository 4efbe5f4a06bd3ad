//! What one SMSC delivers: read, handed to the books in order, answered after the commit.
//!
//! ```text
//! link ─► read (who, what) ─► budget of bad checksums ─► books ─► 0, or 0x14: come again
//! ```
//! A message is first offered to the writer in the order of arrival, and only its wait for the
//! commit is a task of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::auth::bad_mac_budget::BadMacBudget;
use crate::domain::refusal::Refusal;
use crate::gateway::books::{Books, StoreError};
use crate::gateway::intake::{BudgetKey, Intake, Moment, Origin, draws_on_budget};
use crate::gateway::member::{ArrivalEnd, Member, Outcome};
use crate::gateway::record::Channel;
use crate::serve::reach::SmscReach;
use crate::serve::running::Stage;
use crate::serve::{Clock, Elapsed};
use crate::smpp::link::{Delivery, LinkStats, Responder};
use crate::smpp::pdu::CommandStatus;
use crate::smpp::ussd::Dialect;
use crate::telemetry::purchases::{self, PurchaseMetrics};

/// Takes the deliveries of one link.
pub(super) struct Deliveries<B> {
    pub(super) books: B,
    pub(super) origin: Origin,
    pub(super) reach: SmscReach,
    /// This bind's number among all.
    pub(super) bind: usize,
    pub(super) budget: BadMacBudget<BudgetKey>,
    pub(super) chance: ChaCha20Rng,
    pub(super) clock: Clock,
    pub(super) elapsed_us: Elapsed,
    pub(super) stats: Arc<LinkStats>,
    /// Whether messages may come by this bind.
    pub(super) receives: bool,
    pub(super) metrics: PurchaseMetrics,
    pub(super) terms: DeliveryTerms,
    /// Where messages of this dialect go, if the bind carries USSD.
    pub(super) desk: Option<(Arc<Dialect>, mpsc::Sender<Delivery>)>,
}

/// The bounds of [`Deliveries`].
#[derive(Clone, Copy, Debug)]
pub(super) struct DeliveryTerms {
    /// An order that the writer has not taken by then is withdrawn.
    pub(super) take_within: Duration,
    /// Within so much time with a bind equal plain orders are one.
    pub(super) repeat_ms: i64,
    /// So much time with a bind is remembered: no shorter than any time of repetition.
    pub(super) remember_ms: i64,
    /// Deliveries at the books at once.
    pub(super) at_books_max: usize,
}

impl<B: Books> Deliveries<B> {
    /// Takes deliveries until the link is gone. From [`Stage::Closing`] on each is answered 0x14; `quiet`
    /// is dropped once then everything at the books has been answered.
    pub(super) async fn run(
        mut self,
        mut deliveries: mpsc::Receiver<Delivery>,
        mut stage: watch::Receiver<Stage>,
        quiet: mpsc::Sender<()>,
    ) {
        let mut at_books: JoinSet<Option<BudgetKey>> = JoinSet::new();
        let mut came = Vec::with_capacity(AT_ONCE);
        let mut quiet = Some(quiet);
        loop {
            let closed = *stage.borrow_and_update() >= Stage::Closing;
            if closed && at_books.is_empty() {
                quiet = None;
            }
            tokio::select! {
                Some(dealt) = at_books.join_next() => self.dealt(dealt.ok().flatten()),
                count = deliveries.recv_many(&mut came, AT_ONCE),
                    if at_books.len() < self.terms.at_books_max =>
                {
                    if count == 0 {
                        break;
                    }
                    for delivery in came.drain(..).filter(|_| !closed) {
                        self.take(delivery, &mut at_books).await;
                    }
                }
                // Nobody closes any more: then the link is what ends it.
                Ok(()) = stage.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => self.look(),
            }
            while let Some(dealt) = at_books.try_join_next() {
                self.dealt(dealt.ok().flatten());
            }
        }
        at_books.join_all().await;
        drop(quiet);
    }

    async fn take(&mut self, delivery: Delivery, at_books: &mut JoinSet<Option<BudgetKey>>) {
        if let Some((dialect, desk)) = &self.desk
            && dialect.is_ussd(&delivery.message)
        {
            // Without room there the delivery is dropped, and so answered 0x14.
            desk.try_send(delivery).ok();
            return;
        }
        let now = (self.clock)();
        self.reach.tell(self.bind, true, now);
        let moment = Moment {
            repeat_since: self.reach.repeat_since(now, self.terms.repeat_ms),
            refused_since: self.reach.repeat_since(now, REFUSED_COUNTS_MS),
            chance: self.chance.next_u32(),
        };
        let Delivery {
            message, responder, ..
        } = delivery;
        let Some(intake) = self.origin.read(&message, moment) else {
            return responder.answer(CommandStatus::ESME_ROK);
        };
        let budget = intake.budget.as_ref();
        if budget.is_some_and(|key| !self.budget.try_take(key, now)) {
            tracing::debug!(smsc = %self.origin.smsc, "too many bad checksums: not looked at");
            return responder.answer(CommandStatus::ESME_RMSGQFUL);
        }
        let waits: &[Duration] = if at_books.len() < self.terms.at_books_max / EARLY_SHARE {
            &EARLY_WAITS
        } else {
            &[]
        };
        let mut dealing = Box::pin(self.deal(intake, responder, waits));
        // Its place in the writer's queue is that of its arrival.
        match polled_once(dealing.as_mut()).await {
            Poll::Ready(dealt) => self.dealt(dealt),
            Poll::Pending => {
                at_books.spawn(dealing);
            }
        }
    }

    /// Asks the books and answers the SMSC; the budget that gets back what was taken of it.
    fn deal(
        &self,
        intake: Intake,
        responder: Responder,
        waits: &'static [Duration],
    ) -> impl Future<Output = Option<BudgetKey>> + Send + use<B> {
        let (books, metrics) = (self.books.clone(), self.metrics.clone());
        let (elapsed_us, take_within) = (Arc::clone(&self.elapsed_us), self.terms.take_within);
        let began_us = elapsed_us();
        let smsc = Arc::clone(&self.origin.smsc);
        async move {
            let Intake { member, budget } = intake;
            let receipt = if let Member::Receipt(receipt) = &member {
                Some(Arc::clone(&receipt.state))
            } else {
                None
            };
            let result = match &receipt {
                Some(_) => received(&books, member, take_within, waits).await,
                None => books.submit_within(member, take_within).await,
            };
            responder.answer(status_of(&result));
            if let (Some(state), Ok(outcome)) = (receipt, &result) {
                let matched = *outcome == Outcome::Done;
                metrics.received(if matched { &state } else { "unmatched" });
            }
            metrics.took(
                purchases::Stage::Committed,
                elapsed_us().saturating_sub(began_us),
            );
            let Ok(outcome) = result else { return budget };
            if let Outcome::Arrived { purchase, end, .. } = outcome {
                let channel = match budget {
                    Some(_) => Channel::Secured,
                    None => Channel::Text,
                };
                if purchase.is_none() && end == ArrivalEnd::Refused(Refusal::TooMany) {
                    tracing::warn!(%smsc, "a sender has too many messages in parts: refused");
                }
                metrics.arrived(channel, end);
            }
            budget.filter(|_| !draws_on_budget(&outcome))
        }
    }

    fn dealt(&mut self, good: Option<BudgetKey>) {
        if let Some(key) = good {
            self.budget.give_back(&key, (self.clock)());
        }
    }

    fn look(&mut self) {
        let now = (self.clock)();
        // Nothing comes by a bind that only transmits.
        let bound = self.receives && self.stats.bound.load(Ordering::Relaxed);
        self.reach.tell(self.bind, bound, now);
        self.reach.forget(now, self.terms.remember_ms);
    }
}

/// Hands over a receipt. It may be faster than the commit that says that its message was sent, so one
/// that is of no known message is asked about again some times.
async fn received<B: Books>(
    books: &B,
    member: Member,
    take_within: Duration,
    waits: &[Duration],
) -> Result<Outcome, StoreError> {
    for wait in waits {
        let result = books.submit_within(member.clone(), take_within).await;
        if !matches!(result, Ok(Outcome::Refused(_))) {
            return result;
        }
        tokio::time::sleep(*wait).await;
    }
    books.submit_within(member, take_within).await
}

/// What the SMSC is told: everything is dealt with, refusals and forgeries too, but what shall
/// come again.
pub(super) const fn status_of(result: &Result<Outcome, StoreError>) -> CommandStatus {
    match result {
        Ok(_) => CommandStatus::ESME_ROK,
        Err(
            StoreError::Busy
            | StoreError::Keyless(_)
            | StoreError::Unavailable(_)
            | StoreError::Unknown
            | StoreError::Corrupt(_),
        ) => CommandStatus::ESME_RMSGQFUL,
    }
}

async fn polled_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Deliveries taken up in one turn.
const AT_ONCE: usize = 64;
/// An SMSC that got no answer sends again within a minute of the bind's return.
const REFUSED_COUNTS_MS: i64 = 60_000;
/// When a receipt is asked about again: the network waits 5 s for its answer.
const EARLY_WAITS: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(900),
    Duration::from_secs(2),
];
/// Receipts of no message may wait in a quarter of the places, so that orders always find one.
const EARLY_SHARE: usize = 4;
/// How closely the times without a bind are known.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_shall_come_again_is_answered_0x14() {
        assert_eq!(status_of(&Ok(Outcome::Done)).0, 0);
        let text = String::new;
        for error in [
            StoreError::Busy,
            StoreError::Keyless(text()),
            StoreError::Unavailable(text()),
            StoreError::Unknown,
            StoreError::Corrupt(text()),
        ] {
            assert_eq!(status_of(&Err(error)).0, 0x14);
        }
    }
}
