//! Carries the outbox to the SMSCs and what they say to the books.
//!
//! ```text
//! commits ─tray─► Dispatch ─► the links of each SMSC ─► answers ─► Dispatch ─► books (settled)
//! store ──pages──►   ▲────────────────────────────────────────────────┘
//! ```
//! One task owns the [`Dispatch`], so nothing of it is locked and no row leaves twice at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::domain::Millis;
use crate::domain::ids::OutboxId;
use crate::gateway::books::{Books, StoreError};
use crate::gateway::dispatch::{Answer, Dispatch, QueueLimits, submit_sm};
use crate::gateway::member::{Member, OutboxSettled, Outcome};
use crate::gateway::record::OutboxRow;
use crate::serve::asking::{Ask, Asked, ask};
use crate::serve::tray::Tray;
use crate::serve::{Clock, millis};
use crate::smpp::link::{LinkStats, Submit, SubmitError};
use crate::smpp::pdu::COctetString;
use crate::smpp::receipt::lookup_key;
use crate::store::Serving;
use crate::telemetry::Metrics;
use crate::telemetry::purchases::Stage;

/// The way to one SMSC: every bind to it that transmits.
#[derive(Default)]
pub(super) struct Way {
    pub(super) lanes: Vec<Lane>,
}

/// One bind that transmits.
pub(super) struct Lane {
    pub(super) submits: mpsc::Sender<Submit>,
    pub(super) stats: Arc<LinkStats>,
    /// Which receipts are asked for: SMPP 3.4 §5.2.17.
    pub(super) registered_delivery: u8,
    /// Messages that it has and that are not answered.
    pub(super) in_flight: usize,
    /// What its link takes at once.
    pub(super) in_flight_max: usize,
}

/// The outbox of this node.
pub(super) struct Outbox<B> {
    books: B,
    dispatch: Dispatch,
    ways: BTreeMap<Arc<str>, Way>,
    /// Where subscribers are asked by USSD.
    asker: Option<mpsc::Sender<Ask>>,
    messages: Arc<Tray<OutboxRow>>,
    serving: Serving,
    clock: Clock,
    metrics: Metrics,
    under_way: JoinSet<Done>,
    settling: usize,
    /// When ended rows are settled though they are few.
    settle_at: Option<Millis>,
    /// Rows that the books did not settle, and when to ask again.
    unsettled: Option<(Millis, Vec<OutboxSettled>)>,
    page_at: Millis,
    read_all_at: Millis,
    tick_at: Millis,
}

/// Something that was waited for.
enum Done {
    Answered {
        smsc: Arc<str>,
        lane: usize,
        id: OutboxId,
        created: Millis,
        answer: Answer,
    },
    Page(Result<Vec<OutboxRow>, StoreError>),
    Settled(Vec<OutboxSettled>, Result<Outcome, StoreError>),
}

impl<B: Books> Outbox<B> {
    pub(super) fn new(
        books: B,
        ways: BTreeMap<Arc<str>, Way>,
        asker: Option<mpsc::Sender<Ask>>,
        messages: Arc<Tray<OutboxRow>>,
        serving: Serving,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let now = clock();
        let limits = ways
            .iter()
            .map(|(smsc, way)| (Arc::clone(smsc), way.limits()));
        Self {
            books,
            dispatch: Dispatch::new(limits),
            ways,
            asker,
            messages,
            serving,
            clock,
            metrics,
            under_way: JoinSet::new(),
            settling: 0,
            settle_at: None,
            unsettled: None,
            page_at: now,
            read_all_at: now.plus_ms(READ_ALL_EVERY_MS),
            tick_at: now,
        }
    }

    /// Sends until `drain` completes and nothing that can leave is left. Whoever can't wait for
    /// that drops it: what was not settled is in the store, and leaves again after a start.
    pub(super) async fn run(mut self, drain: impl Future<Output = ()> + Send) {
        let mut drain = std::pin::pin!(drain);
        let mut draining = false;
        loop {
            let now = (self.clock)();
            self.take_messages();
            self.send(now);
            self.keep_time(now);
            self.settle(now, draining);
            self.ask_page(now);
            self.metrics.storage.outbox_waits(self.dispatch.rows());
            if draining && self.is_drained(now) {
                return;
            }
            let rest = self.rest(now);
            tokio::select! {
                () = self.messages.news() => {}
                Some(done) = self.under_way.join_next() => self.done(done.ok()),
                () = tokio::time::sleep(rest) => {}
                () = &mut drain, if !draining => draining = true,
            }
            while let Some(done) = self.under_way.try_join_next() {
                self.done(done.ok());
            }
        }
    }

    fn take_messages(&mut self) {
        let taken = self.messages.take();
        for row in taken.items {
            self.dispatch.offer(row);
        }
        if taken.spilled > 0 {
            self.dispatch.read_missed();
        }
    }

    /// Hands every link what it may have, while no other process can be sending the same.
    fn send(&mut self, now: Millis) {
        if !self.serving.holds() {
            return;
        }
        for (smsc, way) in &mut self.ways {
            while let Some((number, lane)) = way.free_lane()
                && let Some(row) = self.dispatch.next(smsc, now)
            {
                let (reply, answer) = oneshot::channel();
                let receipt = lane.registered_delivery;
                let message = submit_sm(&row, receipt, now);
                let submit = Submit { message, reply };
                let submits = lane.submits.clone();
                let (smsc, id, created) = (Arc::clone(smsc), row.id, row.created);
                // There is room: the lane has no more on their way than the channel holds. A link
                // that is gone drops the reply, which says that nothing was sent.
                let asking = if let Some((pon, desk)) = row.asks.zip(self.asker.clone()) {
                    Some((ask(desk, row.to, pon), submit))
                } else {
                    submits.try_send(submit).ok();
                    None
                };
                lane.in_flight = lane.in_flight.saturating_add(1);
                self.under_way.spawn(async move {
                    let answered = |answer| Done::Answered {
                        smsc,
                        lane: number,
                        id,
                        created,
                        answer,
                    };
                    if let Some((asking, submit)) = asking {
                        match asking.await {
                            Some(Asked::ByText) => submits.try_send(submit).unwrap_or(()),
                            Some(Asked::Done) => {
                                return answered(answer_of(Ok(COctetString::default()), false));
                            }
                            None => return answered(Answer::NotBound),
                        }
                    }
                    let answer = answer.await.unwrap_or(Err(SubmitError::NotBound));
                    answered(answer_of(answer, receipt != 0))
                });
            }
        }
    }

    fn keep_time(&mut self, now: Millis) {
        if now >= self.tick_at {
            self.tick_at = now.plus_ms(TICK_EVERY_MS);
            self.dispatch.tick(now);
        }
        if now >= self.read_all_at {
            self.read_all_at = now.plus_ms(READ_ALL_EVERY_MS);
            self.dispatch.read_all();
        }
    }

    /// Tells the books what ended: a full batch at once, a smaller one soon.
    fn settle(&mut self, now: Millis, draining: bool) {
        if self.unsettled.as_ref().is_some_and(|(at, _)| *at <= now)
            && let Some((_, rows)) = self.unsettled.take()
        {
            self.submit_settled(rows);
        }
        while self.settling < SETTLING_MAX && self.dispatch.ended() > 0 {
            let at = *self
                .settle_at
                .get_or_insert_with(|| now.plus_ms(SETTLE_WITHIN_MS));
            if self.dispatch.ended() < SETTLE_AT_ONCE && now < at && !draining {
                return;
            }
            self.settle_at = None;
            let rows = self.dispatch.take_ended(SETTLE_AT_ONCE);
            self.submit_settled(rows);
        }
    }

    fn submit_settled(&mut self, rows: Vec<OutboxSettled>) {
        self.settling = self.settling.saturating_add(1);
        let books = self.books.clone();
        self.under_way.spawn(async move {
            let result = books.submit(Member::OutboxSettled(rows.clone())).await;
            Done::Settled(rows, result)
        });
    }

    fn ask_page(&mut self, now: Millis) {
        if now >= self.page_at
            && let Some(after) = self.dispatch.ask_page()
        {
            let books = self.books.clone();
            self.under_way
                .spawn(async move { Done::Page(books.outbox_after(after, PAGE_ROWS).await) });
        }
    }

    /// A task that panicked says nothing: what it was about is read from the store again.
    fn done(&mut self, done: Option<Done>) {
        let now = (self.clock)();
        match done {
            None => {}
            Some(Done::Answered {
                smsc,
                lane,
                id,
                created,
                answer,
            }) => {
                let way = self.ways.get_mut(&smsc);
                if let Some(lane) = way.and_then(|way| way.lanes.get_mut(lane)) {
                    lane.in_flight = lane.in_flight.saturating_sub(1);
                }
                if matches!(answer, Answer::Taken { .. }) {
                    let us = u64::try_from(now.since(created)).unwrap_or(0);
                    let us = us.saturating_mul(1_000);
                    self.metrics.purchases.took(Stage::Confirmed, us);
                }
                self.dispatch.answered(&smsc, id, answer, now);
            }
            Some(Done::Page(Ok(rows))) => {
                let short = rows.len() < usize::try_from(PAGE_ROWS).unwrap_or(usize::MAX);
                self.dispatch.page(rows, short);
            }
            Some(Done::Page(Err(error))) => {
                tracing::warn!(%error, "the outbox can't be read");
                self.dispatch.page_failed();
                self.page_at = now.plus_ms(AGAIN_AFTER_MS);
            }
            Some(Done::Settled(rows, Ok(_))) => {
                self.settling = self.settling.saturating_sub(1);
                // A page may have told of a row before its commit did. It must not seem new after
                // it was settled, so what that commit told is taken in first.
                self.take_messages();
                self.dispatch.settled(rows.into_iter().map(|row| row.id));
            }
            // Settling twice changes nothing, so what is unknown is asked again too.
            Some(Done::Settled(rows, Err(_))) => {
                self.settling = self.settling.saturating_sub(1);
                let at = now.plus_ms(AGAIN_AFTER_MS);
                let (_, waiting) = self.unsettled.get_or_insert_with(|| (at, Vec::new()));
                waiting.extend(rows);
            }
        }
    }

    /// Nothing is on its way, at the books, or could leave at once. What is put off stays.
    fn is_drained(&self, now: Millis) -> bool {
        let mut ways = self.ways.iter();
        self.under_way.is_empty()
            && self.unsettled.is_none()
            && self.dispatch.is_quiet()
            && !ways.any(|(smsc, way)| way.is_bound() && self.dispatch.is_ready(smsc, now))
    }

    /// How long until something is to be done by the clock.
    fn rest(&self, now: Millis) -> Duration {
        let due = |(smsc, way): (&Arc<str>, &Way)| {
            let due = self.dispatch.next_due(smsc)?;
            let next_look = now.plus_ms(LOOK_EVERY_MS);
            // What is due and did not leave waits for a bind, or for an answer, which wakes us.
            Some(if way.is_bound() && due > now {
                due
            } else {
                next_look
            })
        };
        let ways = self.ways.iter().filter_map(due);
        let unsettled = self.unsettled.as_ref().map(|(at, _)| *at);
        let settling = self.settle_at.filter(|_| self.settling < SETTLING_MAX);
        let at = ways
            .chain(unsettled)
            .chain(settling)
            .chain([self.tick_at, self.read_all_at])
            .min();
        millis(
            at.map_or(TICK_EVERY_MS, |at| at.since(now))
                .clamp(1, TICK_EVERY_MS),
        )
    }
}

impl Way {
    fn is_bound(&self) -> bool {
        self.lanes.iter().any(Lane::is_bound)
    }

    /// The bind that has the fewest messages on their way, when one has room.
    fn free_lane(&mut self) -> Option<(usize, &mut Lane)> {
        let lanes = self.lanes.iter_mut().enumerate();
        lanes
            .filter(|(_, lane)| lane.is_bound() && lane.in_flight < lane.in_flight_max)
            .min_by_key(|(_, lane)| lane.in_flight)
    }

    fn limits(&self) -> QueueLimits {
        let in_flight = self.lanes.iter().map(|lane| lane.in_flight_max);
        QueueLimits {
            rows_max: ROWS_MAX,
            in_flight_max: in_flight.fold(0, usize::saturating_add),
        }
    }
}

impl Lane {
    fn is_bound(&self) -> bool {
        self.stats.bound.load(Ordering::Relaxed)
    }
}

fn answer_of(answer: Result<COctetString, SubmitError>, receipt: bool) -> Answer {
    match answer {
        Ok(id) => {
            let id: String = id.as_octets().iter().map(|&o| char::from(o)).collect();
            let message_id = if id.is_empty() { id } else { lookup_key(&id) };
            Answer::Taken {
                message_id: message_id.into(),
                receipt,
            }
        }
        Err(SubmitError::NotBound) => Answer::NotBound,
        // Silence is not a refusal: it leaves again, and the handset knows a duplicate.
        Err(SubmitError::Temporary(_) | SubmitError::Unknown) => Answer::Again,
        Err(SubmitError::Permanent(status)) => Answer::Never {
            cause: status.to_string().into(),
        },
        Err(SubmitError::Unencodable(error)) => Answer::Never {
            cause: format!("does not fit a PDU: {error}").into(),
        },
    }
}

/// Messages of one SMSC in memory, some 10 MB: what a busy gateway writes in two seconds.
const ROWS_MAX: usize = 20_000;
/// Rows of one commit; about what one takes at full speed.
const SETTLE_AT_ONCE: usize = 256;
const SETTLE_WITHIN_MS: i64 = 5;
/// Batches at the books at once: one that is decided, others that fill meanwhile.
const SETTLING_MAX: usize = 8;
const PAGE_ROWS: u32 = 1_000;
const AGAIN_AFTER_MS: i64 = 500;
const LOOK_EVERY_MS: i64 = 200;
const TICK_EVERY_MS: i64 = 1_000;
/// Finds what another process put there: a parked message that a command sends again.
const READ_ALL_EVERY_MS: i64 = 15_000;

#[cfg(test)]
mod tests {
    use crate::smpp::pdu::CommandStatus;

    use super::*;

    #[test]
    fn each_answer_of_an_smsc_has_its_own_end() {
        assert_eq!(
            answer_of(Err(SubmitError::NotBound), true),
            Answer::NotBound
        );
        for again in [
            SubmitError::Unknown,
            SubmitError::Temporary(CommandStatus::ESME_RTHROTTLED),
        ] {
            assert_eq!(answer_of(Err(again), true), Answer::Again);
        }
        let status = CommandStatus::ESME_RINVDSTADR;
        let cause = "ESME_RINVDSTADR (0x0B)".into();
        let never = answer_of(Err(SubmitError::Permanent(status)), true);
        assert_eq!(never, Answer::Never { cause });
        for (id, message_id) in [("0x00AB", "ab"), ("", ""), ("0000", "0")] {
            let message_id = message_id.into();
            let receipt = true;
            let taken = Answer::Taken {
                message_id,
                receipt,
            };
            assert_eq!(answer_of(Ok(id.into()), true), taken);
        }
    }
}
