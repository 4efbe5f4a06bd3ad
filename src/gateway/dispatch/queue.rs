//! The rows of one SMSC: those that wait, those put off, those on their way, those that ended.
//!
//! To one number they leave one at a time and in the order of their ids: a card refuses a sealed
//! message whose counter is below that of one before. Rows that leave by two SMSCs have no order,
//! here as on the air.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::domain::Millis;
use crate::domain::ids::OutboxId;
use crate::domain::msisdn::Msisdn;
use crate::gateway::dispatch::QueueLimits;
use crate::gateway::record::OutboxRow;

#[derive(Debug)]
pub(super) struct Queue {
    limits: QueueLimits,
    waiting: BTreeMap<OutboxId, Try>,
    /// Numbers with a row on its way or put off, and the rows that wait behind it.
    busy: HashMap<Msisdn, BTreeMap<OutboxId, Try>>,
    /// How many wait behind others.
    behind: usize,
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
    /// Rows from here on may be unknown here: what is known of them does not leave before.
    held_from: Option<OutboxId>,
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
            waiting: BTreeMap::new(),
            busy: HashMap::new(),
            behind: 0,
            later: BTreeMap::new(),
            in_flight: HashMap::new(),
            ended: HashSet::new(),
            overdue: Vec::new(),
            paused_until: Millis::default(),
            missing: None,
            wanting: true,
            held_from: Some(FIRST),
        }
    }

    /// Takes the row in, or remembers that it misses it. While older rows are missing a newer one
    /// is not taken either: they would never get their turn. An older one takes the place of the
    /// newest where there is no room.
    pub(super) fn offer(&mut self, row: OutboxRow, read_to: Option<OutboxId>) -> Offered {
        let is_older = self.missing.is_none_or(|missing| row.id < missing);
        if is_older && self.rows() < self.limits.rows_max {
            self.waiting.insert(row.id, Try { row, failures: 0 });
            return Offered::Taken;
        }
        let newest = self.waiting.last_entry();
        if let Some(newest) = newest.filter(|newest| is_older && row.id < *newest.key()) {
            let (left, _) = newest.remove_entry();
            self.waiting.insert(row.id, Try { row, failures: 0 });
            self.misses(left, read_to);
            return Offered::TakenFor(left);
        }
        self.misses(row.id, read_to);
        Offered::Missed
    }

    /// A row is left to the store.
    fn misses(&mut self, row: OutboxId, read_to: Option<OutboxId>) {
        let unread = match self.held_from {
            // What was read joins without a gap, and goes on to.
            Some(_) => None,
            None => read_to.filter(|_| self.wanting).map(above),
        };
        let missing = [self.missing, unread, Some(row)].into_iter().flatten();
        self.missing = missing.min();
        if self.held_from.is_none() {
            self.wanting = false;
        }
        self.held_from = self.held_from.into_iter().chain(self.missing).min();
    }

    pub(super) fn next(&mut self, now: Millis) -> Option<OutboxRow> {
        if now < self.paused_until || self.in_flight.len() >= self.limits.in_flight_max {
            return None;
        }
        loop {
            let next = self.take_due(now).or_else(|| self.take_waiting())?;
            let row = next.row.clone();
            if row.expires <= now {
                self.overdue.push(row.id);
                self.free(row.to);
                continue;
            }
            self.busy.entry(row.to).or_default();
            self.in_flight.insert(row.id, next);
            return Some(row);
        }
    }

    /// The row on its way has come to its end; false when it was not on its way.
    pub(super) fn end(&mut self, id: OutboxId) -> bool {
        let Some(tried) = self.in_flight.remove(&id) else {
            return false;
        };
        self.free(tried.row.to);
        self.ended.insert(id)
    }

    pub(super) fn not_bound(&mut self, id: OutboxId, now: Millis) {
        if let Some(tried) = self.in_flight.remove(&id) {
            self.free(tried.row.to);
            self.waiting.insert(id, tried);
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
        self.waiting.retain(|_, tried| keep(tried));
        for behind in self.busy.values_mut() {
            behind.retain(|_, tried| keep(tried));
        }
        let put_off = self.later.extract_if(.., |_, tried| !keep(tried));
        let freed: Vec<Msisdn> = put_off.map(|(_, tried)| tried.row.to).collect();
        self.behind = self.busy.values().map(BTreeMap::len).sum();
        for to in freed {
            self.free(to);
        }
        self.ended.extend(&expired);
        expired
    }

    /// The books have settled it; false when it had not ended here.
    pub(super) fn settled(&mut self, id: OutboxId) -> bool {
        self.ended.remove(&id)
    }

    pub(super) fn next_due(&self) -> Option<Millis> {
        let first = self.waiting.keys().next();
        if first.is_some_and(|first| !self.is_held(*first)) {
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
        // Where all that waits is held, only the store can tell what leaves before.
        let first = self.waiting.keys().next();
        let all_held = first.is_some_and(|first| self.is_held(*first));
        let missing = self.missing.filter(|_| all_held || self.rows() <= half)?;
        self.want();
        Some(missing)
    }

    pub(super) fn want(&mut self) {
        self.missing = None;
        self.wanting = true;
    }

    /// Rows were lost on their way here: none leaves before the store has told of them.
    pub(super) fn hold(&mut self) {
        self.want();
        self.held_from = Some(FIRST);
    }

    /// The store told of every row above `after` up to `last`.
    pub(super) fn have(&mut self, after: OutboxId, last: OutboxId) {
        // A page that begins above what is known leaves a gap.
        let Some(from) = self.held_from.filter(|from| above(after) <= *from) else {
            return;
        };
        let known = self.missing.into_iter().fold(above(last), OutboxId::min);
        self.held_from = Some(from.max(known));
        // What lies further on is read once there is room for it.
        self.wanting = self.wanting && self.held_from != self.missing;
    }

    pub(super) fn have_all(&mut self) {
        self.wanting = false;
        self.held_from = self.missing;
    }

    pub(super) const fn is_wanting(&self) -> bool {
        self.wanting
    }

    fn rows(&self) -> usize {
        let waiting = self.waiting.len().saturating_add(self.behind);
        let waiting = waiting.saturating_add(self.later.len());
        let away = self.in_flight.len().saturating_add(self.ended.len());
        waiting
            .saturating_add(away)
            .saturating_add(self.overdue.len())
    }

    /// The first that nothing keeps; those that wait for an earlier one to their number step aside.
    fn take_waiting(&mut self) -> Option<Try> {
        while let Some(first) = self.waiting.first_entry() {
            if self.held_from.is_some_and(|from| from <= *first.key()) {
                return None;
            }
            let (id, tried) = first.remove_entry();
            let Some(behind) = self.busy.get_mut(&tried.row.to) else {
                return Some(tried);
            };
            behind.insert(id, tried);
            self.behind = self.behind.saturating_add(1);
        }
        None
    }

    /// No row to this number is on its way or put off any more.
    fn free(&mut self, to: Msisdn) {
        let mut behind = self.busy.remove(&to).unwrap_or_default();
        self.behind = self.behind.saturating_sub(behind.len());
        self.waiting.append(&mut behind);
    }

    fn is_held(&self, id: OutboxId) -> bool {
        self.held_from.is_some_and(|from| from <= id)
    }

    fn take_due(&mut self, now: Millis) -> Option<Try> {
        let first = self.later.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

/// What became of a row that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    /// It is known here.
    Taken,
    /// The same, and this one is no more.
    TakenFor(OutboxId),
    /// It is left to the store.
    Missed,
}

fn above(id: OutboxId) -> OutboxId {
    OutboxId(id.0.saturating_add(1))
}

/// Twice as long after each failure, and a little more by the row's id, so that what was refused
/// together does not come together.
fn wait_ms(id: OutboxId, failures: u32) -> i64 {
    let doubled = AGAIN_MIN_MS.saturating_mul(1_i64 << failures.min(AGAIN_DOUBLINGS));
    let spread = id.0.wrapping_mul(SPREAD) >> 54;
    doubled.min(AGAIN_MAX_MS).saturating_add(spread & 0xFF)
}

/// No id is below.
const FIRST: OutboxId = OutboxId(1);
const UNBOUND_PAUSE_MS: i64 = 500;
const AGAIN_MIN_MS: i64 = 1_000;
const AGAIN_MAX_MS: i64 = 60_000;
const AGAIN_DOUBLINGS: u32 = 10;
/// An odd number of many bits (2^64 by the golden ratio): neighbours end up far apart.
const SPREAD: i64 = -7_046_029_254_386_353_131;
