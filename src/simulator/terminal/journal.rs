//! What a machine keeps over a loss of power: which acks it approved, and what came of each.
//!
//! ```text
//! learned ──► in hand ──► approved ──► reported(result)     a restart forgets `learned` only
//! ```

use std::collections::BTreeMap;

use crate::vend::{AckJson, ReportJson, ReportResult};

/// The journal of one machine.
#[derive(Debug, Default)]
pub(super) struct Journal {
    entries: BTreeMap<i64, Entry>,
    last: i64,
}

/// One ack in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    purchase: String,
    units: u8,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Learned,
    InHand,
    Approved,
    Reported(ReportJson),
}

/// How many pieces came out for a purchase, as the machine counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaveOut {
    /// The purchase as the ack named it.
    pub purchase: String,
    /// Pieces.
    pub units: u8,
}

impl Journal {
    /// The last ack that the machine knows: what it asks after.
    #[must_use]
    pub(super) const fn last(&self) -> i64 {
        self.last
    }

    /// Takes an ack that the gateway showed; whether it is new work.
    pub(super) fn learn(&mut self, ack: &AckJson) -> bool {
        self.last = self.last.max(ack.ack);
        if self.entries.contains_key(&ack.ack) {
            return false;
        }
        let entry = Entry {
            purchase: ack.purchase.clone(),
            units: ack.units,
            stage: Stage::Learned,
        };
        self.entries.insert(ack.ack, entry);
        true
    }

    /// A hand begins with an ack; false when another did, or when it is over.
    pub(super) fn begin(&mut self, ack: i64) -> bool {
        let entry = self.entries.get_mut(&ack);
        let learned = entry.filter(|entry| entry.stage == Stage::Learned);
        learned.map(|entry| entry.stage = Stage::InHand).is_some()
    }

    /// The gateway gave the ack to the machine: from now on the goods are its own task.
    pub(super) fn approve(&mut self, ack: i64) {
        self.set(ack, Stage::Approved);
    }

    /// The ack is settled without this machine.
    pub(super) fn forget(&mut self, ack: i64) {
        self.entries.remove(&ack);
    }

    /// What came of it; kept so that it can be said again.
    pub(super) fn report(&mut self, ack: i64, report: ReportJson) {
        self.set(ack, Stage::Reported(report));
    }

    /// The last report that was made, to be said again after a loss of power.
    #[must_use]
    pub(super) fn last_report(&self) -> Option<(i64, ReportJson)> {
        let mut newest_first = self.entries.iter().rev();
        newest_first.find_map(|(ack, entry)| match &entry.stage {
            Stage::Reported(report) => Some((*ack, report.clone())),
            Stage::Learned | Stage::InHand | Stage::Approved => None,
        })
    }

    /// Power was lost: what was only learned must be asked for again.
    pub(super) fn lose_power(&mut self) {
        self.entries
            .retain(|_, entry| entry.stage != Stage::Learned);
        self.last = 0;
    }

    /// What came out, by every report made.
    pub(super) fn gave_out(&self) -> impl Iterator<Item = GaveOut> {
        self.entries
            .values()
            .filter_map(|entry| match &entry.stage {
                Stage::Reported(report) => Some(GaveOut {
                    purchase: entry.purchase.clone(),
                    units: units_of(report, entry.units),
                }),
                Stage::Learned | Stage::InHand | Stage::Approved => None,
            })
    }

    fn set(&mut self, ack: i64, stage: Stage) {
        if let Some(entry) = self.entries.get_mut(&ack) {
            entry.stage = stage;
        }
    }
}

fn units_of(report: &ReportJson, ordered: u8) -> u8 {
    match (report.result, report.approved_journalled) {
        (ReportResult::Supplied, _) => report.supplied_units.unwrap_or(ordered),
        (ReportResult::Reset, Some(true)) => ordered,
        (ReportResult::Reset | ReportResult::Dispensing | ReportResult::Failed, _) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(number: i64) -> AckJson {
        AckJson {
            ack: number,
            purchase: number.to_string(),
            state: "paid".to_owned(),
            delivery_status: "PaymentFinished".to_owned(),
            item: Some("12".to_owned()),
            units: 2,
            supplied_units: None,
            value_minor: 200,
            currency: "EUR".to_owned(),
            exponent: 2,
            pon: None,
            remaining_ms: Some(1_000),
        }
    }

    fn report(result: ReportResult) -> ReportJson {
        ReportJson {
            result,
            supplied_units: None,
            approved_journalled: None,
            reason: None,
            purchase: None,
        }
    }

    #[test]
    fn an_ack_shown_twice_is_worked_on_once() {
        let mut journal = Journal::default();
        assert!(journal.learn(&ack(1)));
        assert!(!journal.learn(&ack(1)));
        assert_eq!(journal.last(), 1);
    }

    #[test]
    fn a_loss_of_power_forgets_what_was_only_learned() {
        let mut journal = Journal::default();
        for number in 1..=3 {
            journal.learn(&ack(number));
        }
        journal.approve(2);
        journal.approve(3);
        journal.report(3, report(ReportResult::Supplied));
        journal.lose_power();
        assert_eq!(journal.last(), 0);
        assert!(!journal.begin(1));
        assert!(journal.learn(&ack(1)) && !journal.learn(&ack(2)) && !journal.learn(&ack(3)));
        // It waits twice for a hand now, and is worked on once.
        assert!(journal.begin(1) && !journal.begin(1));
        assert_eq!(journal.last_report().unwrap().0, 3);
    }

    #[test]
    fn what_came_out_is_what_was_reported() {
        let mut journal = Journal::default();
        for number in 1..=4 {
            journal.learn(&ack(number));
            journal.approve(number);
        }
        let part = ReportJson {
            supplied_units: Some(1),
            ..report(ReportResult::Supplied)
        };
        let reset = ReportJson {
            approved_journalled: Some(true),
            ..report(ReportResult::Reset)
        };
        journal.report(1, part);
        journal.report(2, report(ReportResult::Failed));
        journal.report(3, reset);
        let units: Vec<u8> = journal.gave_out().map(|gave| gave.units).collect();
        assert_eq!(units, [1, 0, 2]);
    }
}
