//! Bills that are closed, money that came in, and the stream of entries that billing is given.

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::bill::{Bill, Closed};
use crate::domain::charge::Charge;
use crate::domain::ids::{BillId, PurchaseId, SubscriberId};
use crate::domain::ledger::Account;
use crate::domain::subscriber::OpenBill;
use crate::gateway::context::Context;
use crate::gateway::decide::life::went_back;
use crate::gateway::member::{Denied, Outcome, PayBill};
use crate::gateway::policy::after_s;
use crate::gateway::record::{Billed, BillingEntry, EntryKind, PurchaseRecord};
use crate::gateway::world::{ClosedBatch, Movement, TakenReference, World};

/// Closes the subscriber's bill if the cut-off came since it was opened: the next charge belongs to
/// a new one, whenever `bill close` runs.
pub(super) fn roll_over(world: &mut World, subscriber: SubscriberId, context: &Context) {
    let cut_off = context.policy.calendar.last_cut_off(world.now);
    let due = world
        .lines
        .get(&subscriber)
        .is_some_and(|line| line.bill.since < cut_off);
    if due {
        close(world, subscriber, cut_off, Closed::CutOff);
    }
}

/// Closes the open bill at `to`, and opens the next. A bill without charges is only moved on.
pub(super) fn close(world: &mut World, subscriber: SubscriberId, to: Millis, cause: Closed) {
    let Some(line) = world.lines.change(&subscriber) else {
        return;
    };
    let open = line.bill;
    let (currency, empty) = (line.currency, open.entries == 0);
    let number = if empty {
        open.number
    } else {
        open.number.saturating_add(1)
    };
    line.bill = OpenBill {
        number,
        since: to.max(open.since),
        total_minor: 0,
        entries: 0,
    };
    if empty {
        return;
    }
    world.counters.bill = world.counters.bill.saturating_add(1);
    let id = BillId(world.next_id());
    world.bills.push(Bill {
        id,
        subscriber,
        number: open.number,
        currency,
        total_minor: open.total_minor,
        from: open.since,
        to,
        cause,
    });
}

/// Closes the bills that were open at a cut-off. One that was closed meanwhile is left alone.
pub(super) fn close_bills(
    world: &mut World,
    subscribers: &[SubscriberId],
    cut_off: Millis,
) -> Outcome {
    if cut_off > world.now {
        return Outcome::Refused(Denied::Invalid("the cut-off is in the future".to_owned()));
    }
    let before = world.bills.len();
    for subscriber in subscribers {
        if world
            .lines
            .get(subscriber)
            .is_some_and(|line| line.bill.since < cut_off)
        {
            close(world, *subscriber, cut_off, Closed::CutOff);
        }
    }
    let closed = world.bills.len().saturating_sub(before);
    Outcome::Bills(u64::try_from(closed).unwrap_or(u64::MAX))
}

/// A subscriber paid: receivable to bank, once for each reference.
pub(super) fn paid(world: &mut World, payment: &PayBill) -> Outcome {
    let Some(subscriber) = world.by_account.get(&payment.account).copied() else {
        return Outcome::Refused(Denied::NotFound("account"));
    };
    let Some(line) = world.lines.get(&subscriber) else {
        return Outcome::Refused(Denied::NotFound("account"));
    };
    if line.currency != payment.currency {
        let text = format!(
            "the account's currency is {}, not {}",
            line.currency, payment.currency
        );
        return Outcome::Refused(Denied::Invalid(text));
    }
    let taken = TakenReference {
        kind: "payment",
        amount: payment.amount,
        currency: payment.currency,
        subscriber: Some(subscriber),
    };
    if let Some(outcome) = repeated(world, &payment.reference, &taken) {
        return outcome;
    }
    let movement = Movement {
        from: Account::Receivable(subscriber),
        to: Account::Bank,
        amount: payment.amount,
        kind: "bill_paid",
    };
    match world.post(&[movement], payment.currency, None) {
        Ok(()) => {
            world
                .references
                .insert(Arc::clone(&payment.reference), taken);
            Outcome::Done
        }
        Err(error) => Outcome::Refused(Denied::Invalid(error.to_string())),
    }
}

/// What to answer when a reference was taken before: the same again, or a conflict.
pub(super) fn repeated(
    world: &World,
    reference: &Arc<str>,
    now: &TakenReference,
) -> Option<Outcome> {
    let before = world.references.get(reference)?;
    if before == now {
        return Some(Outcome::AlreadyDone);
    }
    let amount = before.currency.format(before.amount);
    Some(Outcome::Refused(Denied::Conflict(format!(
        "reference {reference} was taken for a {} of {amount} {}",
        before.kind, before.currency
    ))))
}

/// Puts a purchase that has reached its end into the billing stream: its charge, unless that went
/// before, and what went back.
pub(super) fn enter_final(world: &mut World, record: &mut PurchaseRecord, context: &Context) {
    if record.billed == Billed::Final {
        return;
    }
    if record.billed == Billed::No {
        record.entry = enter(world, record, EntryKind::Charge, false, context);
        if record.entry.is_none() {
            return not_billed(world, record);
        }
    }
    if went_back(&record.refunded)
        && enter(world, record, EntryKind::Refund, false, context).is_none()
    {
        return not_billed(world, record);
    }
    record.billed = Billed::Final;
}

/// The row lacks what an entry is made of: the purchase stays open for billing, where the check of
/// the books names it, and a person hears of it.
fn not_billed(world: &mut World, record: &PurchaseRecord) {
    let text = "the row lacks what a billing entry is made of".to_owned();
    world.notice("not_billed", Some(record.life.id), record.subscriber, text);
}

/// Charges that stayed open for too long go to billing all the same, marked as such.
pub(super) fn provisional(
    world: &mut World,
    purchases: &[PurchaseId],
    context: &Context,
) -> Outcome {
    if world.counters.books.awaits_files() {
        return Outcome::Done;
    }
    for id in purchases {
        let Some(record) = world.purchases.get(id) else {
            continue;
        };
        let due = record
            .paid
            .is_some_and(|paid| after_s(paid, context.policy.provisional_after_s) <= world.now);
        if !due || record.billed != Billed::No {
            continue;
        }
        let record = record.clone();
        let entry = enter(world, &record, EntryKind::Charge, true, context);
        if entry.is_none() {
            not_billed(world, &record);
        } else if let Some(record) = world.purchases.change(id) {
            record.entry = entry;
            record.billed = Billed::Provisional;
        }
    }
    Outcome::Done
}

/// Purchases that ended while the stream waited for delivered files go to billing now.
pub(super) fn ended(world: &mut World, purchases: &[PurchaseId], context: &Context) -> Outcome {
    if world.counters.books.awaits_files() {
        return Outcome::AlreadyDone;
    }
    for id in purchases {
        let record = world.purchases.get(id).cloned();
        let has_ended = |record: &PurchaseRecord| {
            record.life.state.is_final() && record.paid.is_some() && record.billed != Billed::Final
        };
        let Some(mut record) = record.filter(has_ended) else {
            continue;
        };
        enter_final(world, &mut record, context);
        world.purchases.insert(*id, record);
    }
    Outcome::Done
}

/// Closes the open batch: every entry since the last one. Its file is a function of these numbers.
pub(super) fn close_batch(world: &mut World, allow_empty: bool) -> Outcome {
    if world.counters.books.awaits_files() {
        let text = "the books were restored from a backup, and files were delivered that they may not \
                    know: run svgate export adopt DIR first, on each node with the folder of all that it delivered";
        return Outcome::Refused(Denied::Conflict(text.to_owned()));
    }
    let last = world.last_batch;
    let from_entry = last.to_entry.saturating_add(1);
    let to_entry = world.counters.entry;
    if to_entry < from_entry && !allow_empty {
        return Outcome::Batch(None);
    }
    let sequence = last.sequence.saturating_add(1);
    let closed = world.now;
    world.closed_batches.push(ClosedBatch {
        sequence,
        from_entry,
        to_entry,
        closed,
    });
    world.last_batch.sequence = sequence;
    world.last_batch.to_entry = to_entry;
    Outcome::Batch(Some(sequence))
}

/// Appends an entry to the billing stream; none, and no number used, when the row lacks something.
fn enter(
    world: &mut World,
    record: &PurchaseRecord,
    kind: EntryKind,
    provisional: bool,
    context: &Context,
) -> Option<i64> {
    let subscriber = record.subscriber?;
    let merchant = record.merchant.clone()?;
    let account = Arc::clone(&world.lines.get(&subscriber)?.reference);
    let tax_code = Arc::clone(&world.merchants.get(&merchant)?.tax_code);
    let currency = record.currency?;
    let (charge, units, at): (Charge, u8, Millis) = match kind {
        EntryKind::Charge => (record.charge, record.life.units, record.paid?),
        EntryKind::Refund => (record.refunded, units_back(record), world.now),
    };
    // A refund stands on the bill that is open now: that of the charge may be closed.
    let bill_number = match kind {
        EntryKind::Charge => record.bill_number.unwrap_or_default(),
        EntryKind::Refund => world.lines.get(&subscriber)?.bill.number,
    };
    world.counters.entry = world.counters.entry.saturating_add(1);
    let number = world.counters.entry;
    world.entries.push(BillingEntry {
        number,
        kind,
        purchase: record.life.id,
        original: if kind == EntryKind::Refund {
            record.entry
        } else {
            None
        },
        subscriber,
        account,
        msisdn: record.msisdn,
        merchant,
        item: record.item,
        units,
        currency,
        charge,
        tax_code,
        bill_number,
        at,
        business_date: context.policy.calendar.business_date(at),
        provisional,
        channel: record.channel,
    });
    Some(number)
}

/// How many pieces went back, by the state that the refund led to.
fn units_back(record: &PurchaseRecord) -> u8 {
    use crate::domain::purchase::State;
    match record.life.state {
        State::Supplied { units } | State::Refunding { supplied: units } => {
            record.life.units.saturating_sub(units)
        }
        State::Requested
        | State::Ordered
        | State::Refused { .. }
        | State::Expired
        | State::Paying
        | State::InDoubt
        | State::Paid
        | State::Accepted
        | State::Dispensing
        | State::Refunded
        | State::Unknown => record.life.units,
    }
}
