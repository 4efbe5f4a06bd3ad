//! The rows of one SMSC: those that wait, those put off, those on their way, those that ended.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use crate::domain::Millis;
use crate::domain::ids::OutboxId;
use crate::gateway::dispatch::QueueLimits;
use crate::gateway::record::OutboxRow;

#[derive(Debug)]
pub(super) struct Queue {
    limits: QueueLimits,
    waiting: VecDeque<Try>,
    /// By the time at which they leave again.
    later: BTreeMap<(Millis, OutboxId), Try>,
    in_flight: HashMap<OutboxId, Try>,
    /// Ended, and not settled by the books yet.
    ended: HashSet<OutboxId>,
    /// Found to have expired when their turn came.
    overdue: Vec<OutboxId>,
    /// Without a bind nothing leaves before.
    paused_until: Millis,
    /// Rows from here on are in the store and not here.
    missing: Option<OutboxId>,
    /// The store is being read for it.
    wanting: bool,
}

#[derive(Debug)]
struct Try {
    row: OutboxRow,
    /// How often it was refused for now, or not answered.
    failures: u32,
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            waiting: VecDeque::new(),
            later: BTreeMap::new(),
            in_flight: HashMap::new(),
            ended: HashSet::new(),
            overdue: Vec::new(),
            paused_until: Millis::default(),
            missing: None,
            wanting: true,
        }
    }

    /// Takes the row in, or remembers that it misses it. While older rows are missing a newer one
    /// is not taken either: they would never get their turn.
    pub(super) fn offer(&mut self, row: OutboxRow, read_to: Option<OutboxId>) -> bool {
        if self.missing.is_none() && self.rows() < self.limits.rows_max {
            self.waiting.push_back(Try { row, failures: 0 });
            return true;
        }
        let unread = read_to
            .filter(|_| self.wanting)
            .map(|id| OutboxId(id.0.saturating_add(1)));
        self.wanting = false;
        self.missing = [self.missing, unread, Some(row.id)]
            .into_iter()
            .flatten()
            .min();
        false
    }

    pub(super) fn next(&mut self, now: Millis) -> Option<OutboxRow> {
        if now < self.paused_until || self.in_flight.len() >= self.limits.in_flight_max {
            return None;
        }
        loop {
            let next = self.take_due(now).or_else(|| self.waiting.pop_front())?;
            let row = next.row.clone();
            if row.expires <= now {
                self.overdue.push(row.id);
                continue;
            }
            self.in_flight.insert(row.id, next);
            return Some(row);
        }
    }

    /// The row on its way has come to its end; false when it was not on its way.
    pub(super) fn end(&mut self, id: OutboxId) -> bool {
        self.in_flight.remove(&id).is_some() && self.ended.insert(id)
    }

    pub(super) fn not_bound(&mut self, id: OutboxId, now: Millis) {
        if let Some(tried) = self.in_flight.remove(&id) {
            self.waiting.push_front(tried);
            self.paused_until = now.plus_ms(UNBOUND_PAUSE_MS);
        }
    }

    pub(super) fn again(&mut self, id: OutboxId, now: Millis) {
        if let Some(mut tried) = self.in_flight.remove(&id) {
            let at = now.plus_ms(wait_ms(id, tried.failures));
            tried.failures = tried.failures.saturating_add(1);
            self.later.insert((at, id), tried);
        }
    }

    /// Rows that waited for too long; they have ended.
    pub(super) fn expired(&mut self, now: Millis) -> Vec<OutboxId> {
        let mut expired = std::mem::take(&mut self.overdue);
        let mut keep = |tried: &Try| {
            let over = tried.row.expires <= now;
            if over {
                expired.push(tried.row.id);
            }
            !over
        };
        self.waiting.retain(&mut keep);
        self.later.retain(|_, tried| keep(tried));
        self.ended.extend(&expired);
        expired
    }

    /// The books have settled it; false when it had not ended here.
    pub(super) fn settled(&mut self, id: OutboxId) -> bool {
        self.ended.remove(&id)
    }

    pub(super) fn next_due(&self) -> Option<Millis> {
        if !self.waiting.is_empty() {
            return Some(self.paused_until);
        }
        let (due, _) = self.later.keys().next()?;
        Some(self.paused_until.max(*due))
    }

    pub(super) fn is_ready(&self, now: Millis) -> bool {
        self.next_due().is_some_and(|due| due <= now)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.in_flight.is_empty() && self.overdue.is_empty()
    }

    /// From which row on it misses some, once it has room for them; the store is then read for it.
    pub(super) fn take_missing(&mut self) -> Option<OutboxId> {
        let half = self.limits.rows_max.checked_div(2).unwrap_or_default();
        let missing = self.missing.filter(|_| self.rows() <= half)?;
        self.want();
        Some(missing)
    }

    pub(super) fn want(&mut self) {
        self.missing = None;
        self.wanting = true;
    }

    pub(super) const fn have_all(&mut self) {
        self.wanting = false;
    }

    pub(super) const fn is_wanting(&self) -> bool {
        self.wanting
    }

    fn rows(&self) -> usize {
        let waiting = self.waiting.len().saturating_add(self.later.len());
        let away = self.in_flight.len().saturating_add(self.ended.len());
        waiting
            .saturating_add(away)
            .saturating_add(self.overdue.len())
    }

    fn take_due(&mut self, now: Millis) -> Option<Try> {
        let first = self.later.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

/// Twice as long after each failure, and a little more by the row's id, so that what was refused
/// together does not come together.
fn wait_ms(id: OutboxId, failures: u32) -> i64 {
    let doubled = AGAIN_MIN_MS.saturating_mul(1_i64 << failures.min(AGAIN_DOUBLINGS));
    let spread = id.0.wrapping_mul(SPREAD) >> 54;
    doubled.min(AGAIN_MAX_MS).saturating_add(spread & 0xFF)
}

const UNBOUND_PAUSE_MS: i64 = 500;
const AGAIN_MIN_MS: i64 = 1_000;
const AGAIN_MAX_MS: i64 = 60_000;
const AGAIN_DOUBLINGS: u32 = 10;
/// An odd number of many bits (2^64 by the golden ratio): neighbours end up far apart.
const SPREAD: i64 = -7_046_029_254_386_353_131;
