//! Compares what phones and machines know with what the books say; each difference is a sentence.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::books::{Found, Row};
use super::phone::Told;
use crate::domain::ids::PurchaseId;
use crate::domain::purchase::State;
use crate::simulator::terminal::GaveOut;

/// What the parties know besides the books.
pub(super) struct Witnesses<'a> {
    /// Orders that the plan had.
    pub(super) planned: u64,
    /// Every phone.
    pub(super) told: &'a [Told],
    /// Every piece that came out, by all machines.
    pub(super) gave_out: &'a [GaveOut],
}

/// Everything that is not as it should be, in sentences; empty when all is well.
pub(super) fn faults(found: &Found, witnesses: &Witnesses<'_>) -> Vec<String> {
    let mut faults = Faults::default();
    all_ended(found, witnesses, &mut faults);
    no_bad_message(witnesses, &mut faults);
    confirmations_are_the_books(found, witnesses, &mut faults);
    texts_are_the_books(found, witnesses, &mut faults);
    each_reference_was_paid_once(found, witnesses, &mut faults);
    goods_are_the_books(found, witnesses, &mut faults);
    faults.0
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.0.len() < FAULTS_MAX {
            self.0.push(what());
        }
    }

    /// Tells how many of something there are, when there are any.
    fn count(&mut self, many: usize, what: &str) {
        if many > 0 {
            self.tell(|| format!("{many} {what}"));
        }
    }
}

fn all_ended(found: &Found, witnesses: &Witnesses<'_>, faults: &mut Faults) {
    let open = usize::try_from(found.purchases.open).unwrap_or(usize::MAX);
    faults.count(open, "purchases have not come to their end");
    if found.purchases.requested < witnesses.planned {
        let (booked, planned) = (found.purchases.requested, witnesses.planned);
        faults.tell(|| format!("{planned} orders were placed and the books have {booked}"));
    }
}

fn no_bad_message(witnesses: &Witnesses<'_>, faults: &mut Faults) {
    for told in witnesses.told {
        for bad in &told.bad {
            faults.tell(|| format!("phone {}: {bad}", told.account));
        }
        if told.unanswered > 0 {
            let many = told.unanswered;
            faults.tell(|| format!("phone {}: {many} orders had no answer", told.account));
        }
    }
}

/// What SIMs were confirmed as paid is what the books have as paid by SIMs: purchase and amount.
fn confirmations_are_the_books(found: &Found, witnesses: &Witnesses<'_>, faults: &mut Faults) {
    let mut confirmed: HashSet<PurchaseId> = HashSet::new();
    for told in witnesses.told {
        for (reference, (amount, purchase)) in &told.paid_by_reference {
            confirmed.insert(*purchase);
            let row = found.rows.get(purchase);
            let fits = row.is_some_and(|row| {
                row.is_paid
                    && row.account == told.account
                    && row.reference == Some(*reference)
                    && row.gross_minor == *amount
            });
            if !fits {
                faults.tell(|| {
                    format!(
                        "{} was told that reference {reference} is purchase {purchase}, paid; \
                         the books say otherwise",
                        told.account
                    )
                });
            }
        }
    }
    let unheard = |(id, row): &(&PurchaseId, &Row)| {
        row.is_paid
            && row.reference.is_some()
            && !matches!(row.state, State::Refunded)
            && !confirmed.contains(id)
    };
    let unheard = found.rows.iter().filter(unheard).count();
    faults.count(
        unheard,
        "purchases were paid and their SIMs never confirmed",
    );
}

/// The same for orders in words, by the short reference that people read.
fn texts_are_the_books(found: &Found, witnesses: &Witnesses<'_>, faults: &mut Faults) {
    let mut booked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in found.rows.values() {
        if row.is_paid && row.reference.is_none() {
            booked.entry(&row.account).or_default().insert(&row.shown);
        }
    }
    for told in witnesses.told {
        let books = booked.remove(told.account.as_str()).unwrap_or_default();
        let read: BTreeSet<&str> = told.paid_by_words.iter().map(String::as_str).collect();
        let account = &told.account;
        faults.count(
            read.difference(&books).count(),
            &format!("purchases that {account} read as paid are not paid in the books"),
        );
        faults.count(
            books.difference(&read).count(),
            &format!("purchases are paid in the books and {account} never read so"),
        );
    }
}

fn each_reference_was_paid_once(found: &Found, witnesses: &Witnesses<'_>, faults: &mut Faults) {
    let mut paid: HashMap<(&str, u32), u32> = HashMap::new();
    for row in found.rows.values().filter(|row| row.is_paid) {
        if let Some(reference) = row.reference {
            let count = paid.entry((&row.account, reference)).or_default();
            *count = count.saturating_add(1);
        }
    }
    for ((account, reference), _) in paid.iter().filter(|(_, count)| **count > 1) {
        faults.tell(|| format!("{account} was charged twice for reference {reference}"));
    }
    for told in witnesses.told {
        for reference in &told.forged {
            if paid.contains_key(&(told.account.as_str(), *reference)) {
                faults.tell(|| format!("a forged order of {} was paid", told.account));
            }
        }
    }
}

/// What machines gave out is what the books have as supplied, piece by piece.
fn goods_are_the_books(found: &Found, witnesses: &Witnesses<'_>, faults: &mut Faults) {
    let mut out: HashMap<PurchaseId, u8> = HashMap::new();
    for gave in witnesses.gave_out {
        if let Ok(id) = gave.purchase.parse().map(PurchaseId) {
            out.insert(id, gave.units);
        }
    }
    for (id, row) in &found.rows {
        let booked = if let State::Supplied { units } = row.state {
            units
        } else {
            0
        };
        let gave = out.remove(id).unwrap_or_default();
        if gave != booked {
            let state = row.state.name();
            faults.tell(|| {
                format!(
                    "of purchase {id} {gave} pieces came out and it stands as {state}, {booked}"
                )
            });
        }
    }
    faults.count(out.len(), "purchases came out that the books do not have");
}

/// The first ones say what is wrong.
const FAULTS_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(reference: Option<u32>, state: State) -> Row {
        Row {
            account: "A1".to_owned(),
            reference,
            shown: "KRVQKE".to_owned(),
            is_paid: true,
            gross_minor: 260,
            state,
        }
    }

    fn told(reference: u32) -> Told {
        Told {
            account: "A1".to_owned(),
            paid_by_reference: [(reference, (260, PurchaseId(1)))].into(),
            ..Told::default()
        }
    }

    fn judged(rows: &[(i64, Row)], told: Told, pieces: &[(&str, u8)]) -> Vec<String> {
        let rows = rows.iter().cloned();
        let found = Found {
            rows: rows.map(|(id, row)| (PurchaseId(id), row)).collect(),
            ..Found::default()
        };
        let gave_out: Vec<GaveOut> = pieces
            .iter()
            .map(|(purchase, units)| GaveOut {
                purchase: (*purchase).to_owned(),
                units: *units,
            })
            .collect();
        let witnesses = Witnesses {
            planned: 0,
            told: &[told],
            gave_out: &gave_out,
        };
        faults(&found, &witnesses)
    }

    const SUPPLIED: State = State::Supplied { units: 1 };

    #[test]
    fn what_everybody_knows_alike_is_no_fault() {
        let faults = judged(&[(1, row(Some(7), SUPPLIED))], told(7), &[("1", 1)]);
        assert_eq!(faults, Vec::<String>::new());
    }

    #[test]
    fn a_confirmation_that_the_books_do_not_have_is_a_fault() {
        assert_eq!(judged(&[], told(7), &[]).len(), 1);
        let other_amount = Row {
            gross_minor: 261,
            ..row(Some(7), SUPPLIED)
        };
        assert_eq!(judged(&[(1, other_amount)], told(7), &[("1", 1)]).len(), 1);
    }

    #[test]
    fn a_payment_that_nobody_was_told_of_is_a_fault() {
        let paid = [(1, row(Some(7), SUPPLIED))];
        assert_eq!(judged(&paid, Told::default(), &[("1", 1)]).len(), 1);
        let typed = [(1, row(None, SUPPLIED))];
        let silent = Told {
            account: "A1".to_owned(),
            ..Told::default()
        };
        assert_eq!(judged(&typed, silent, &[("1", 1)]).len(), 1);
    }

    #[test]
    fn one_reference_paid_twice_and_a_paid_forgery_are_faults() {
        let twice = [
            (1, row(Some(7), SUPPLIED)),
            (2, row(Some(7), State::Refunded)),
        ];
        let faults = judged(&twice, told(7), &[("1", 1)]);
        assert!(faults.iter().any(|fault| fault.contains("twice")));
        let mut victim = told(7);
        victim.forged.insert(9);
        let forged = [
            (1, row(Some(7), SUPPLIED)),
            (2, row(Some(9), State::Refunded)),
        ];
        let faults = judged(&forged, victim, &[("1", 1)]);
        assert!(faults.iter().any(|fault| fault.contains("forged")));
    }

    #[test]
    fn goods_that_came_out_unpaid_or_are_missing_are_faults() {
        let paid = [(1, row(Some(7), SUPPLIED))];
        assert_eq!(judged(&paid, told(7), &[]).len(), 1);
        let back = [(1, row(Some(7), State::Refunded))];
        assert_eq!(judged(&back, told(7), &[("1", 1)]).len(), 1);
    }
}
