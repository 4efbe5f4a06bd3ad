//! Delivered files read back into books that were restored from a backup: the stream goes on where
//! the files end, and a purchase that only they know is paid once more, by purses and books that
//! have forgotten that they paid it.
//!
//! ```text
//! charge, purchase forgotten ─► value lane → POS, charge on the bill, row marked as recovered
//! charge, purchase known     ─► its entry; its end, where the backup had it open
//! refund                     ─► its entry; value and charge back, where the books have them
//! ```
//! Entries come in the order of their numbers. One that is refused leaves those before it: after
//! the remedy the same files are read back again, and go on there.

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::bill::Closed;
use crate::domain::charge::Charge;
use crate::domain::ids::SubscriberId;
use crate::domain::purchase::{Effect, Event, Purchase, State};
use crate::gateway::context::Context;
use crate::gateway::decide::value::{ValueOrder, movements, paid};
use crate::gateway::decide::{billing, life, terminal};
use crate::gateway::delivered::{Adopt, DeliveredEntry, DeliveredFile};
use crate::gateway::member::{Denied, Outcome};
use crate::gateway::record::{Billed, BillingEntry, EntryKind, Evidence, PurchaseRecord};
use crate::gateway::world::World;

/// One step of reading delivered files back.
pub(super) fn adopt(world: &mut World, step: &Adopt, context: &Context) -> Outcome {
    match step {
        Adopt::Entries(entries) => self::entries(world, entries, context),
        Adopt::File(file) => self::file(world, file),
        Adopt::Finished => finished(world),
        Adopt::Ended(purchases) => billing::ended(world, purchases, context),
    }
}

/// Takes entries that follow the last one of the books; those that are there already are passed
/// over.
fn entries(world: &mut World, entries: &[DeliveredEntry], context: &Context) -> Outcome {
    if !awaits(world) {
        let text = "the books do not wait for files: they know every one that was delivered";
        return Outcome::Refused(Denied::Conflict(text.to_owned()));
    }
    for entry in entries {
        if let Err(why) = take(world, entry, context) {
            let text = format!("entry {}: {why}", entry.number);
            return Outcome::Refused(Denied::Conflict(text));
        }
    }
    Outcome::Done
}

/// A file whose entries are there: its batch, with its hash.
fn file(world: &mut World, file: &DeliveredFile) -> Outcome {
    let (batch, last) = (file.batch, world.last_batch);
    if batch.sequence <= last.sequence {
        return Outcome::AlreadyDone;
    }
    let follows = batch.sequence == last.sequence.saturating_add(1)
        && batch.from_entry == last.to_entry.saturating_add(1)
        && batch.to_entry <= world.counters.entry;
    if !(follows && awaits(world)) {
        let text = format!(
            "file {} does not follow what is in the books",
            batch.sequence
        );
        return Outcome::Refused(Denied::Conflict(text));
    }
    world.closed_batches.push(batch);
    world.written_batches.push((batch.sequence, file.sha256));
    world.last_batch.sequence = batch.sequence;
    world.last_batch.to_entry = batch.to_entry;
    world.last_batch.sha256 = Some(file.sha256);
    Outcome::Done
}

/// Every file that this node delivered is in the books.
fn finished(world: &mut World) -> Outcome {
    if !awaits(world) {
        return Outcome::AlreadyDone;
    }
    world.counters.files_epoch = world.counters.books.number;
    world.adopts_files = true;
    Outcome::Done
}

/// Whether this node's files are still to be read back.
const fn awaits(world: &World) -> bool {
    world.counters.files_epoch < world.counters.books.number
}

fn take(world: &mut World, entry: &DeliveredEntry, context: &Context) -> Result<(), String> {
    let next = world.counters.entry.saturating_add(1);
    if entry.number < next {
        return Ok(());
    }
    if entry.number > next {
        return Err(format!("entry {next} is missing before it"));
    }
    let subscriber = payer(world, entry)?;
    let mut record = match entry.kind {
        EntryKind::Charge => charged(world, entry, subscriber, context)?,
        EntryKind::Refund => given_back(world, entry, subscriber, context)?,
    };
    record.changed = world.now;
    life::store(world, record);
    world.counters.entry = entry.number;
    world.entries.push(BillingEntry {
        number: entry.number,
        kind: entry.kind,
        purchase: entry.purchase,
        original: entry.original,
        subscriber,
        account: Arc::clone(&entry.account),
        msisdn: entry.msisdn,
        merchant: entry.merchant.clone(),
        item: entry.item,
        units: entry.units,
        currency: entry.currency,
        charge: entry.charge,
        tax_code: Arc::clone(&entry.tax_code),
        bill_number: entry.bill_number,
        at: entry.at,
        business_date: entry.business_date,
        provisional: entry.provisional,
        channel: entry.channel,
    });
    Ok(())
}

/// Whose bill it is on; both parties must be in the books.
fn payer(world: &World, entry: &DeliveredEntry) -> Result<SubscriberId, String> {
    let account = &entry.account;
    let line = world.by_account.get(account);
    let line = line.and_then(|id| world.lines.get(id)).ok_or_else(|| {
        format!(
            "account {account} is not in the books: import the subscribers that came after the \
             backup, and adopt again"
        )
    })?;
    let merchant = world.merchants.get(&entry.merchant).ok_or_else(|| {
        format!(
            "merchant {} is not in the books: import the merchants that came after the backup, and \
             adopt again",
            entry.merchant
        )
    })?;
    if line.currency != entry.currency || merchant.currency != entry.currency {
        return Err("account and merchant have another currency".to_owned());
    }
    Ok(line.subscriber)
}

/// The purchase of a charge, paid now if the books have forgotten that it was.
fn charged(
    world: &mut World,
    entry: &DeliveredEntry,
    subscriber: SubscriberId,
    context: &Context,
) -> Result<PurchaseRecord, String> {
    let known = world.purchases.get(&entry.purchase).cloned();
    let mut record = match known {
        Some(record) if record.paid.is_some() => record,
        forgotten => paid_again(world, entry, subscriber, forgotten, context)?,
    };
    let same = record.charge == entry.charge
        && record.subscriber == Some(subscriber)
        && record.merchant.as_ref() == Some(&entry.merchant)
        && record.life.units == entry.units;
    if !same || record.billed != Billed::No {
        return Err(format!(
            "purchase {} stands otherwise in the books",
            entry.purchase
        ));
    }
    record.entry = Some(entry.number);
    if entry.provisional {
        record.billed = Billed::Provisional;
        return Ok(record);
    }
    let supplied = entry.units.saturating_sub(entry.back_units);
    record = ended(world, record, supplied, context)?;
    record.billed = Billed::Final;
    Ok(record)
}

/// The purchase of a refund, given back now if the books have forgotten that it was.
fn given_back(
    world: &mut World,
    entry: &DeliveredEntry,
    subscriber: SubscriberId,
    context: &Context,
) -> Result<PurchaseRecord, String> {
    let record = world.purchases.get(&entry.purchase).cloned();
    let record = record.filter(|record| record.paid.is_some());
    let record = record.ok_or_else(|| {
        let id = entry.purchase;
        format!(
            "the charge of purchase {id} is in no file before: adopt the other nodes' files first"
        )
    })?;
    let back = record.charge.refund_of(entry.units, record.life.units);
    if back != Ok(entry.charge) || record.subscriber != Some(subscriber) {
        let id = entry.purchase;
        return Err(format!("purchase {id} stands otherwise in the books"));
    }
    let supplied = record.life.units.saturating_sub(entry.units);
    let mut record = ended(world, record, supplied, context)?;
    record.billed = Billed::Final;
    Ok(record)
}

/// Gives an unknown end the one that the files tell: so many pieces were supplied, the others are
/// given back. An end that a machine has told meanwhile stays.
fn ended(
    world: &mut World,
    mut record: PurchaseRecord,
    supplied: u8,
    context: &Context,
) -> Result<PurchaseRecord, String> {
    let before = record.life.state;
    let Ok(step) = record.life.on(Event::Resolved { units: supplied }) else {
        let told = [
            State::Supplied { units: supplied },
            State::Refunding { supplied },
        ];
        let stands = told.contains(&before) || (before == State::Refunded && supplied == 0);
        if !stands {
            let text = format!("the files say that {supplied} pieces were supplied");
            world.notice(
                "file_differs",
                Some(record.life.id),
                record.subscriber,
                text,
            );
        }
        return Ok(record);
    };
    record.life = step.after;
    record.deadline = None;
    record.reason = Some("its end is told by the delivered files".into());
    for effect in step.effects() {
        let Effect::Refund { units } = effect else {
            continue;
        };
        let is_back = life::undo(world, &mut record, units, context);
        if is_back.map_err(|_| "what went back can't be given back".to_owned())? {
            record.life = after(record.life, Event::RefundReceived)?;
        } else {
            record.deadline = Some(world.now);
        }
    }
    terminal::keep_slot(world, &record, before);
    if record.life.state.is_final() {
        terminal::close_ack(world, &record);
    }
    Ok(record)
}

/// Pays a purchase that the books have forgotten: what its first payment did, done by the purses of
/// this epoch. Its end is unknown at first.
fn paid_again(
    world: &mut World,
    entry: &DeliveredEntry,
    subscriber: SubscriberId,
    forgotten: Option<PurchaseRecord>,
    context: &Context,
) -> Result<PurchaseRecord, String> {
    let (currency, charge) = (entry.currency, entry.charge);
    let pon = forgotten.as_ref().and_then(|record| record.pon);
    let order = ValueOrder {
        purchase: entry.purchase,
        merchant: &entry.merchant,
        value: charge.wholesale,
        currency,
        pon,
    };
    let value = paid(world, &order, context).map_err(|cause| {
        format!(
            "the purse can't pay it again ({}): load it as it was loaded after the backup, by the \
             same references, and adopt again",
            cause.name()
        )
    })?;
    let movements = movements(subscriber, &entry.merchant, charge);
    let movements = movements.map_err(|_| "its amounts do not fit".to_owned())?;
    let posted = world.post(&movements, currency, Some(entry.purchase));
    posted.map_err(|_| "its amounts do not fit".to_owned())?;
    let (from_seq, to_seq) = value.enter(world, currency);
    onto_bill(world, subscriber, entry.bill_number, charge, entry.at);
    let record = PurchaseRecord {
        life: unknown(entry)?,
        channel: entry.channel,
        subscriber: Some(subscriber),
        msisdn: entry.msisdn,
        terminal: forgotten.as_ref().and_then(|was| was.terminal.clone()),
        merchant: Some(entry.merchant.clone()),
        item: entry.item,
        short_code: forgotten.as_ref().and_then(|was| was.short_code),
        currency: Some(currency),
        charge,
        refunded: Charge::default(),
        pon,
        reference: None,
        client_reference: forgotten
            .as_ref()
            .and_then(|was| was.client_reference.clone()),
        ack: None,
        from_seq,
        to_seq,
        bill_number: Some(entry.bill_number),
        requested: forgotten.map_or(entry.at, |was| was.requested),
        paid: Some(entry.at),
        node: Some(world.counters.node),
        recovered: true,
        changed: world.now,
        deadline: None,
        billed: Billed::No,
        entry: None,
        smsc: None,
        service: None,
        reason: Some("recovered from a delivered file".into()),
        evidence: Evidence {
            received: bytes::Bytes::new(),
            check: "delivered_file",
        },
    };
    // What follows may be refused: then it stands as a purchase whose end is unknown.
    life::store(world, record.clone());
    Ok(record)
}

/// The life of a purchase that was paid, and of which no more is known.
fn unknown(entry: &DeliveredEntry) -> Result<Purchase, String> {
    let requested = Purchase {
        id: entry.purchase,
        units: entry.units,
        state: State::Requested,
    };
    let events = [
        Event::Checked,
        Event::ValueAcknowledged,
        Event::BooksRestored,
    ];
    events.into_iter().try_fold(requested, after)
}

fn after(life: Purchase, event: Event) -> Result<Purchase, String> {
    let step = life.on(event).map_err(|refused| refused.to_string())?;
    Ok(step.after)
}

/// Puts a charge on the open bill. Where the bill that had it was closed since the backup, it is
/// closed again.
fn onto_bill(world: &mut World, subscriber: SubscriberId, number: u32, charge: Charge, at: Millis) {
    let open = |world: &World| world.lines.get(&subscriber).map(|line| line.bill);
    if open(world).is_some_and(|bill| bill.number < number && bill.entries > 0) {
        billing::close(world, subscriber, at, Closed::CutOff);
    }
    let gross = charge.gross().unwrap_or_default().minor();
    if let Some(line) = world.lines.change(&subscriber) {
        line.bill.number = line.bill.number.max(number);
        line.bill.total_minor = line.bill.total_minor.saturating_add(gross);
        line.bill.entries = line.bill.entries.saturating_add(1);
    }
}
