//! Which message of the outbox leaves next, by which SMSC, and what its end is.
//!
//! ```text
//! commits ──offer──┐   per SMSC: waiting ─► next() ─► on its way ─► answered() ─┬─► ended ─► books
//! store ───page────┴─► later (refused for now, silent) ◄───────────────────────┘
//!              no room ─► missing: the store is read again when there is room
//! ```
//! A row is known here from its coming until the books have settled it, and leaves only while it
//! is known and not on its way: never twice at once. What the SMSC did not answer leaves again. By one
//! SMSC the rows to one number leave in the order of their ids, each once the one before was answered:
//! so do sealed messages, whose counters rise with the ids, reach a card in order.

mod queue;
mod submit;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::ids::OutboxId;
use crate::gateway::dispatch::queue::{Offered, Queue};
use crate::gateway::member::{OutboxEnd, OutboxSettled};
use crate::gateway::record::OutboxRow;

pub use self::submit::{message_reference, submit_sm};

/// The outbox as far as it is in memory.
#[derive(Debug)]
pub struct Dispatch {
    queues: BTreeMap<Arc<str>, Queue>,
    /// Rows that are known: in a queue, on their way, or ended and not settled yet.
    known: HashSet<OutboxId>,
    /// Settled since a page was asked for: it may still hold them.
    gone: HashSet<OutboxId>,
    ended: Vec<OutboxSettled>,
    /// Ended for want of an SMSC: bounded like a queue.
    homeless: usize,
    homeless_missing: Option<OutboxId>,
    /// How far the store has been read; none when nothing is to be read.
    read_to: Option<OutboxId>,
    page_asked: Option<OutboxId>,
}

/// The bounds of one SMSC's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Rows in memory.
    pub rows_max: usize,
    /// Rows on their way at once: what keeps the link's window full.
    pub in_flight_max: usize,
}

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The SMSC has it.
    Taken {
        /// The id as [`crate::smpp::receipt::lookup_key`] writes it; empty when it gave none: its
        /// receipt is then known by its reference.
        message_id: Arc<str>,
        /// Whether a receipt was asked for.
        receipt: bool,
    },
    /// Nothing was sent: there is no bind.
    NotBound,
    /// Refused for now, or no answer: it leaves again.
    Again,
    /// It will never be taken.
    Never {
        /// Why.
        cause: Arc<str>,
    },
}

impl Dispatch {
    /// Queues for these SMSCs. The store has not been read.
    #[must_use]
    pub fn new(smscs: impl IntoIterator<Item = (Arc<str>, QueueLimits)>) -> Self {
        let queues = smscs
            .into_iter()
            .map(|(smsc, limits)| (smsc, Queue::new(limits)));
        Self {
            queues: queues.collect(),
            known: HashSet::new(),
            gone: HashSet::new(),
            ended: Vec::new(),
            homeless: 0,
            homeless_missing: None,
            read_to: Some(BEFORE_ALL),
            page_asked: None,
        }
    }

    /// Takes in a row of a commit or of a page. One that is known changes nothing; one without
    /// room is left to the store.
    pub fn offer(&mut self, row: OutboxRow) {
        if self.known.contains(&row.id) {
            return;
        }
        let id = row.id;
        let read_to = self.page_asked.into_iter().chain(self.read_to).min();
        let offered = match self.queues.get_mut(&row.smsc) {
            Some(queue) => queue.offer(row, read_to),
            None => self.refuse_homeless(&row),
        };
        match offered {
            Offered::Missed => return,
            Offered::Taken => {}
            Offered::TakenFor(newer) => {
                self.known.remove(&newer);
            }
        }
        self.known.insert(id);
    }

    /// The row that leaves next by `smsc`: it is on its way from now on.
    pub fn next(&mut self, smsc: &str, now: Millis) -> Option<OutboxRow> {
        self.queues.get_mut(smsc)?.next(now)
    }

    /// What became of a row on its way. A second answer changes nothing.
    pub fn answered(&mut self, smsc: &str, id: OutboxId, answer: Answer, now: Millis) {
        let Some(queue) = self.queues.get_mut(smsc) else {
            return;
        };
        match answer {
            Answer::Taken {
                message_id,
                receipt,
            } => {
                if queue.end(id) {
                    let end = OutboxEnd::Taken {
                        message_id,
                        receipt,
                    };
                    self.ended.push(OutboxSettled { id, end });
                }
            }
            Answer::Never { cause } => {
                if queue.end(id) {
                    self.ended.push(parked(id, cause));
                }
            }
            Answer::NotBound => queue.not_bound(id, now),
            Answer::Again => queue.again(id, now),
        }
    }

    /// Parks what has expired while it waited. A spurious call changes nothing.
    pub fn tick(&mut self, now: Millis) {
        for queue in self.queues.values_mut() {
            let expired = queue.expired(now);
            let expired = expired.into_iter().map(|id| parked(id, EXPIRED.into()));
            self.ended.extend(expired);
        }
    }

    /// When a row that was put off may leave by `smsc`; none when none waits for a time.
    #[must_use]
    pub fn next_due(&self, smsc: &str) -> Option<Millis> {
        self.queues.get(smsc)?.next_due()
    }

    /// Ended rows for the books, the oldest first, at most `most`. They stay known until
    /// [`Self::settled`]; whoever takes them submits them until they are.
    pub fn take_ended(&mut self, most: usize) -> Vec<OutboxSettled> {
        let rest = self.ended.split_off(self.ended.len().min(most));
        std::mem::replace(&mut self.ended, rest)
    }

    /// How many ended rows wait to be taken.
    #[must_use]
    pub const fn ended(&self) -> usize {
        self.ended.len()
    }

    /// The books have settled these rows.
    pub fn settled(&mut self, rows: impl IntoIterator<Item = OutboxId>) {
        for id in rows {
            self.known.remove(&id);
            if self.page_asked.is_some() {
                self.gone.insert(id);
            }
            let was_queued = self.queues.values_mut().any(|queue| queue.settled(id));
            if !was_queued {
                self.homeless = self.homeless.saturating_sub(1);
            }
        }
    }

    /// Rows of the store may be unknown here: those of another process, or hand-overs that were
    /// lost. It is read from its beginning, once.
    pub fn read_all(&mut self) {
        for queue in self.queues.values_mut() {
            queue.want();
        }
        self.lower(BEFORE_ALL);
    }

    /// Rows were lost on their way here, and later ones may have come: nothing leaves before the
    /// store was read.
    pub fn read_missed(&mut self) {
        for queue in self.queues.values_mut() {
            queue.hold();
        }
        self.lower(BEFORE_ALL);
    }

    /// After which row a page of the store is to be read, if one is. It is asked for once: the
    /// caller answers by [`Self::page`] or [`Self::page_failed`].
    pub fn ask_page(&mut self) -> Option<OutboxId> {
        if self.page_asked.is_some() {
            return None;
        }
        let missing = self.queues.values_mut().filter_map(Queue::take_missing);
        let missing = missing.min();
        let homeless = self.homeless_missing.take_if(|_| self.homeless == 0);
        if let Some(first) = missing.into_iter().chain(homeless).min() {
            self.lower(OutboxId(first.0.saturating_sub(1)));
        }
        self.page_asked = self.read_to.take();
        self.page_asked
    }

    /// A page, read after the row that [`Self::ask_page`] named; `short` when it has fewer rows
    /// than it could have.
    pub fn page(&mut self, rows: Vec<OutboxRow>, short: bool) {
        let last = rows.last().map(|row| row.id);
        for row in rows {
            if !self.gone.contains(&row.id) {
                self.offer(row);
            }
        }
        let asked = self.page_asked.take();
        self.gone.clear();
        if let (Some(after), Some(last)) = (asked, last) {
            for queue in self.queues.values_mut() {
                queue.have(after, last);
            }
        }
        let lowered = self.read_to.is_some();
        match last {
            // Queues that are full know from where on they miss rows.
            Some(last) if !short && self.queues.values().any(Queue::is_wanting) => self.lower(last),
            Some(_) | None if lowered => {}
            Some(_) | None => self.queues.values_mut().for_each(Queue::have_all),
        }
    }

    /// The page could not be read: it is asked for again.
    pub fn page_failed(&mut self) {
        self.gone.clear();
        if let Some(asked) = self.page_asked.take() {
            self.lower(asked);
        }
    }

    /// Rows that are known.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.known.len()
    }

    /// Whether nothing is on its way or waits to be settled.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.ended.is_empty() && self.queues.values().all(Queue::is_quiet)
    }

    /// Whether a row could leave by `smsc` at once.
    #[must_use]
    pub fn is_ready(&self, smsc: &str, now: Millis) -> bool {
        self.queues
            .get(smsc)
            .is_some_and(|queue| queue.is_ready(now))
    }

    fn lower(&mut self, to: OutboxId) {
        self.read_to = Some(self.read_to.map_or(to, |other| other.min(to)));
    }

    /// A row for an SMSC that is not in the configuration is parked, as far as there is room.
    fn refuse_homeless(&mut self, row: &OutboxRow) -> Offered {
        if self.homeless >= HOMELESS_MAX {
            let missing = self.homeless_missing.map_or(row.id, |id| id.min(row.id));
            self.homeless_missing = Some(missing);
            return Offered::Missed;
        }
        self.homeless = self.homeless.saturating_add(1);
        let cause = format!("smsc {} is not configured", row.smsc);
        self.ended.push(parked(row.id, cause.into()));
        Offered::Taken
    }
}

fn parked(id: OutboxId, cause: Arc<str>) -> OutboxSettled {
    let end = OutboxEnd::Parked { cause };
    OutboxSettled { id, end }
}

/// Below every id.
const BEFORE_ALL: OutboxId = OutboxId(0);
/// Parked in a few batches; the next ones are read when these are settled.
const HOMELESS_MAX: usize = 1_000;
/// What an operator reads of a message that nobody took in time.
const EXPIRED: &str = "expired";

#[cfg(test)]
mod tests;
