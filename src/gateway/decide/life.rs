//! Carries out what [`Purchase::on`](crate::domain::purchase::Purchase::on) decided: the one place
//! where a purchase's row changes its state.

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::charge::Charge;
use crate::domain::ids::{MerchantId, PurchaseId};
use crate::domain::ledger::Account;
use crate::domain::merchant::UnknownEnd;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::pon::Pon;
use crate::domain::purchase::{Effect, Event, State};
use crate::gateway::context::Context;
use crate::gateway::decide::{billing, kiosk, speech, terminal};
use crate::gateway::member::{Denied, Outcome, Resolve};
use crate::gateway::policy::after_s;
use crate::gateway::record::PurchaseRecord;
use crate::gateway::world::{Moved, Movement, World};
use crate::sv::log::LogRecord;
use crate::sv::message::PaymentDetails;
use crate::sv::purse::Purse;
use crate::sv::scheme::Scheme;
use crate::sv::sequence::SequenceNo;
use crate::sv::transfer::RefundOrder;
use crate::sv::{Lane, PosPurse};

/// Why a step was not made; nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoStep {
    /// There is no such purchase.
    NoPurchase,
    /// The event is a duplicate, late or forged: the state that stands.
    OutOfOrder(State),
    /// An amount would leave i64, or the row lacks what its state must have.
    Impossible,
}

/// Takes one event to a purchase whose merchant was paid, with all that follows from it.
pub(super) fn step(
    world: &mut World,
    id: PurchaseId,
    event: Event,
    reason: Option<Arc<str>>,
    context: &Context,
) -> Result<State, NoStep> {
    let record = world.purchases.get(&id).ok_or(NoStep::NoPurchase)?.clone();
    let step = record
        .life
        .on(event)
        .map_err(|refused| NoStep::OutOfOrder(refused.state))?;
    let before = record.life.state;
    let mut after = PurchaseRecord {
        life: step.after,
        ..record
    };
    let mut value_is_back = false;
    // The one effect that can fail comes before anything has changed.
    for effect in step.effects() {
        if let Effect::Refund { units } = effect {
            value_is_back = refund(world, &mut after, units, context)?;
        }
    }
    terminal::keep_slot(world, &after, before);
    // The others belong to a payment's beginning: `pay` carries them out.
    if step.effects().any(|e| e == Effect::Finish) {
        finish(world, &mut after, context);
    }
    after.changed = world.now;
    after.reason = reason.or(after.reason);
    after.deadline = deadline_of(after.life.state, world.now, context);
    if matches!(after.life.state, State::Refunding { .. }) && !is_own(world, &after) {
        // Its node hears of this commit and gives the value back at once: there it has passed,
        // whatever the clocks of two nodes that are ready are apart.
        after.deadline = Some(world.now.plus_ms(CLOCKS_APART_MS.saturating_neg()));
    }
    store(world, after);
    if value_is_back {
        return self::step(world, id, Event::RefundReceived, None, context);
    }
    Ok(step.after.state)
}

/// Puts a purchase's row back and tells those who wait for its state.
pub(super) fn store(world: &mut World, record: PurchaseRecord) {
    let before = world.purchases.get(&record.life.id).map(|r| r.life.state);
    kiosk::keep_count(world, &record, before);
    world.moved.push(Moved {
        purchase: record.life.id,
        state: record.life.state,
        deadline: record.deadline,
        terminal: record.terminal.clone(),
        since_paid_ms: record.paid.map(|paid| world.now.since(paid)),
    });
    world.purchases.insert(record.life.id, record);
}

/// When a state that begins now has lasted too long.
pub(super) fn deadline_of(state: State, now: Millis, context: &Context) -> Option<Millis> {
    let policy = &context.policy;
    match state {
        State::Ordered => Some(after_s(now, policy.pon_within_s)),
        State::Paid => Some(after_s(now, policy.accept_within_s)),
        State::Accepted | State::Dispensing => Some(after_s(now, policy.report_within_s)),
        State::Paying | State::InDoubt => Some(after_s(now, RESEND_AFTER_S)),
        State::Refunding { .. } => Some(after_s(now, REFUND_AGAIN_AFTER_S)),
        State::Requested
        | State::Refused { .. }
        | State::Expired
        | State::Supplied { .. }
        | State::Refunded
        | State::Unknown => None,
    }
}

/// A deadline may have passed. A spurious call changes nothing.
pub(super) fn deadline(world: &mut World, id: PurchaseId, context: &Context) -> Outcome {
    let Some(record) = world.purchases.get(&id) else {
        return Outcome::AlreadyDone;
    };
    if record.deadline.is_none_or(|deadline| deadline > world.now) {
        return Outcome::AlreadyDone;
    }
    if matches!(record.life.state, State::Refunding { .. }) {
        return refund_again(world, id, context);
    }
    match step(world, id, Event::DeadlinePassed, None, context) {
        Ok(State::Unknown) => {
            by_contract(world, id, context);
            Outcome::Done
        }
        Ok(_) => Outcome::Done,
        Err(_) => Outcome::AlreadyDone,
    }
}

/// An end that has just become unknown counts as the merchant's contract says. It is decided once,
/// here: a report that comes later comes too late.
fn by_contract(world: &mut World, id: PurchaseId, context: &Context) {
    let Some(record) = world.purchases.get(&id) else {
        return;
    };
    let merchant = record.merchant.as_ref();
    let merchant = merchant.and_then(|merchant| world.merchants.get(merchant));
    let says = merchant.map(|merchant| merchant.unknown_end);
    let units = match says.unwrap_or_default() {
        UnknownEnd::Wait => return,
        UnknownEnd::Refund => 0,
        UnknownEnd::Supplied => record.life.units,
    };
    let resolve = Resolve {
        purchase: id,
        units: Some(units),
        who: "the merchant's contract".into(),
        why: format!("unknown_end is {}", says.unwrap_or_default().name()).into(),
    };
    resolved(world, &resolve, context);
}

/// A merchant no longer sells: what was paid and no terminal has taken goes back.
pub(super) fn revoke(world: &mut World, merchant: &MerchantId, context: &Context) {
    let reason: Arc<str> = "the merchant was closed".into();
    for id in world.untaken(merchant) {
        let reason = Some(Arc::clone(&reason));
        if step(world, id, Event::MerchantRevoked, reason, context).is_err() {
            let text = "the refund could not be made when the merchant was closed".to_owned();
            world.notice("not_revoked", Some(id), None, text);
        }
    }
}

/// A person decides what an unknown end was.
pub(super) fn resolved(world: &mut World, resolve: &Resolve, context: &Context) -> Outcome {
    let Some(record) = world.purchases.get(&resolve.purchase) else {
        return Outcome::Refused(Denied::NotFound("purchase"));
    };
    let units = resolve.units.unwrap_or(record.life.units);
    let subscriber = record.subscriber;
    let reason: Arc<str> = format!("{}: {}", resolve.who, resolve.why).into();
    let event = Event::Resolved { units };
    match step(
        world,
        resolve.purchase,
        event,
        Some(Arc::clone(&reason)),
        context,
    ) {
        Ok(state) => {
            let text = format!("{} by {reason}", state.name());
            world.notice("resolved", Some(resolve.purchase), subscriber, text);
            Outcome::Done
        }
        Err(NoStep::OutOfOrder(state)) => Outcome::Refused(Denied::Conflict(format!(
            "purchase {} is {}: only an unknown end can be resolved, with 0 to the ordered pieces",
            resolve.purchase,
            state.name()
        ))),
        Err(NoStep::NoPurchase) => Outcome::Refused(Denied::NotFound("purchase")),
        Err(NoStep::Impossible) => {
            Outcome::Refused(Denied::Conflict("the amounts do not fit".to_owned()))
        }
    }
}

/// Undoes the charge for `units` pieces, asks the value back and tells the subscriber; true when the
/// value is back already.
fn refund(
    world: &mut World,
    record: &mut PurchaseRecord,
    units: u8,
    context: &Context,
) -> Result<bool, NoStep> {
    let is_back = undo(world, record, units, context)?;
    let gross = record.refunded.gross().map_err(|_| NoStep::Impossible)?;
    speech::refunded(world, record, units, gross, context);
    Ok(is_back)
}

/// Undoes the charge for `units` pieces and asks the value back; true when it is back already.
pub(super) fn undo(
    world: &mut World,
    record: &mut PurchaseRecord,
    units: u8,
    context: &Context,
) -> Result<bool, NoStep> {
    let impossible = |_| NoStep::Impossible;
    let back = record
        .charge
        .refund_of(units, record.life.units)
        .map_err(impossible)?;
    let (Some(subscriber), Some(currency)) = (record.subscriber, record.currency) else {
        return Err(NoStep::Impossible);
    };
    let gross = back.gross().map_err(impossible)?;
    let receivable = Account::Receivable(subscriber);
    let mut movements = vec![
        Movement {
            from: receivable.clone(),
            to: Account::Income,
            amount: gross.minus(back.tax).map_err(impossible)?,
            kind: "refund_charge",
        },
        Movement {
            from: receivable,
            to: Account::Tax,
            amount: back.tax,
            kind: "refund_tax",
        },
    ];
    let value = if is_own(world, record) {
        value_back(world, record, back.wholesale, currency, context)
    } else {
        None
    };
    if value.is_some() {
        movements.extend(value_movements(record, back.wholesale));
    }
    world
        .post(&movements, currency, Some(record.life.id))
        .map_err(impossible)?;
    record.refunded = back;
    billing::roll_over(world, subscriber, context);
    if let Some(line) = world.lines.change(&subscriber) {
        line.bill.total_minor = line.bill.total_minor.saturating_sub(gross.minor());
        line.bill.entries = line.bill.entries.saturating_add(1);
    }
    let is_back = value.is_some();
    if let Some(value) = value {
        value.enter(world, currency);
    }
    Ok(is_back)
}

/// Whether this node's purses paid: no other's give the value back, so that none is used by two.
fn is_own(world: &World, record: &PurchaseRecord) -> bool {
    record.node == Some(world.counters.node)
}

/// The value did not come back at once: tries again.
fn refund_again(world: &mut World, id: PurchaseId, context: &Context) -> Outcome {
    let Some(record) = world.purchases.get(&id).cloned() else {
        return Outcome::AlreadyDone;
    };
    if !is_own(world, &record) {
        return Outcome::AlreadyDone;
    }
    let Some(currency) = record.currency else {
        return Outcome::AlreadyDone;
    };
    let amount = record.refunded.wholesale;
    if let Some(value) = value_back(world, &record, amount, currency, context)
        && world
            .post(&value_movements(&record, amount), currency, Some(id))
            .is_ok()
    {
        value.enter(world, currency);
        return match step(world, id, Event::RefundReceived, None, context) {
            Ok(_) => Outcome::Done,
            Err(_) => Outcome::AlreadyDone,
        };
    }
    if let Some(record) = world.purchases.change(&id) {
        record.deadline = Some(after_s(world.now, REFUND_AGAIN_AFTER_S));
    }
    if let Some(record) = world.purchases.get(&id).cloned() {
        store(world, record);
    }
    Outcome::Done
}

/// What a refund's transfer left at both ends, not yet in the world.
struct ValueBack {
    lane: Purse,
    pos: Purse,
    payer: LogRecord,
    payee: LogRecord,
}

impl ValueBack {
    fn enter(self, world: &mut World, currency: Currency) {
        world.lanes.insert(currency, self.lane);
        world.pos.insert(currency, self.pos);
        log(world, &self.payer, &self.payee, Payer::Pos);
    }
}

/// Which end paid: its record goes to that end's log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Payer {
    Lane,
    Pos,
}

/// Writes each end's record to that end's own log.
pub(super) fn log(world: &mut World, payer: &LogRecord, payee: &LogRecord, who: Payer) {
    let (lane, pos) = match who {
        Payer::Lane => (payer, payee),
        Payer::Pos => (payee, payer),
    };
    let (lane_name, pos_name) = match who {
        Payer::Lane => (&payer.details.from, &payer.details.to),
        Payer::Pos => (&payer.details.to, &payer.details.from),
    };
    world.counters.purse_log = world.counters.purse_log.saturating_add(1);
    let number = world.counters.purse_log;
    world
        .purse_log
        .push((number, lane_name.clone(), lane.clone()));
    world.counters.pos_log = world.counters.pos_log.saturating_add(1);
    let number = world.counters.pos_log;
    world.pos_log.push((number, pos_name.clone(), pos.clone()));
}

/// Runs the refund's transfer on copies of both ends; none when an end refuses for now.
fn value_back(
    world: &mut World,
    record: &PurchaseRecord,
    value: MinorUnits,
    currency: Currency,
    context: &Context,
) -> Option<ValueBack> {
    let merchant = record.merchant.clone()?;
    let mut lane = Lane(world.lanes.get(&currency)?.clone());
    let mut pos = PosPurse(world.pos.get(&currency)?.clone());
    let keys = context.transfer_keys(currency)?;
    let original = PaymentDetails {
        from: lane.0.row().name.clone(),
        to: pos.0.row().name.clone(),
        merchant: merchant.clone(),
        value: record.charge.wholesale,
        currency,
        from_seq: SequenceNo::try_from(i64::try_from(record.from_seq?).ok()?).ok()?,
        to_seq: SequenceNo::try_from(i64::try_from(record.to_seq?).ok()?).ok()?,
        purchase: record.life.id,
        refund_of: None,
        pon: record.pon.map(Pon::number),
        deliver_within_s: context.policy.accept_within_s,
    };
    let available = world
        .balance(&Account::PosHeld(merchant), currency)
        .available();
    let refund = PurchaseId(world.next_id());
    let order = RefundOrder {
        refund,
        value,
        original: &original,
    };
    let receipts = Scheme::MondexStyle
        .refund(&mut pos, &mut lane, available, &order, keys)
        .ok()?;
    if receipts.debit != value || receipts.credit != value {
        return None;
    }
    Some(ValueBack {
        lane: lane.0,
        pos: pos.0,
        payer: receipts.payer,
        payee: receipts.payee,
    })
}

fn value_movements(record: &PurchaseRecord, amount: MinorUnits) -> Vec<Movement> {
    let Some(merchant) = record.merchant.clone() else {
        return Vec::new();
    };
    vec![
        Movement {
            from: Account::PosHeld(merchant),
            to: Account::InFlight,
            amount,
            kind: "refund_value",
        },
        Movement {
            from: Account::InFlight,
            to: Account::Float,
            amount,
            kind: "refund_value",
        },
    ]
}

/// Closes the ack and lets the charge go to billing.
fn finish(world: &mut World, record: &mut PurchaseRecord, context: &Context) {
    terminal::close_ack(world, record);
    // The stream's next numbers may stand in files that are not read back yet.
    if record.paid.is_some() && !world.counters.books.awaits_files() {
        billing::enter_final(world, record, context);
    }
}

/// Whether anything of a charge went back.
pub(super) fn went_back(charge: &Charge) -> bool {
    !(charge.retail.is_zero() && charge.fee.is_zero() && charge.wholesale.is_zero())
}

/// A node whose clock is farther from its peers' is not ready.
const CLOCKS_APART_MS: i64 = 2_000;
/// How soon a payment without an answer is sent again.
const RESEND_AFTER_S: u32 = 5;
/// How soon a refund that an end refused is tried again.
const REFUND_AGAIN_AFTER_S: u32 = 60;
