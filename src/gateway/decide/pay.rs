//! One order from its checks to payment, charge, ack and confirmation: a single decision.

use std::sync::Arc;

use crate::domain::bill::Closed;
use crate::domain::catalogue::{ItemCode, Quantity, ShortCode};
use crate::domain::charge::{Charge, Price};
use crate::domain::ids::{PurchaseId, SubscriberId};
use crate::domain::merchant::{Merchant, Terminal};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::pin::Tried;
use crate::domain::purchase::{Event, Purchase, State};
use crate::domain::refusal::Refusal;
use crate::domain::subscriber::{Line, Standing};
use crate::gateway::context::Context;
use crate::gateway::decide::draft::{draft, evidence, units_of};
use crate::gateway::decide::value::{self, ValueOrder, movements};
use crate::gateway::decide::{billing, life};
use crate::gateway::member::Arrival;
use crate::gateway::policy::after_s;
use crate::gateway::record::{Channel, PurchaseRecord};
use crate::gateway::world::World;

/// What a subscriber wants to have paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goods {
    /// Pieces of an item.
    Item(ItemCode, Quantity),
    /// An amount that the subscriber named.
    Amount(MinorUnits),
    /// A kiosk's order that waits.
    Waiting(PurchaseId),
}

/// An order by a known subscriber.
#[derive(Clone, Debug)]
pub(super) struct Order<'a> {
    pub(super) subscriber: SubscriberId,
    pub(super) channel: Channel,
    pub(super) short_code: Option<ShortCode>,
    pub(super) goods: Goods,
    /// The most that it may cost, as signed or typed.
    pub(super) at_most: Option<(MinorUnits, Currency)>,
    /// Whether `at_most` is the very price that was shown.
    pub(super) shown: bool,
    pub(super) reference: Option<u32>,
    /// What the PIN was; none where none was given.
    pub(super) pin: Option<Tried>,
    pub(super) arrival: &'a Arrival,
}

/// What the order is checked against and paid with.
struct Deal {
    terminal: Terminal,
    merchant: Merchant,
    charge: Charge,
    gross: MinorUnits,
    units: u8,
    item: Option<ItemCode>,
}

/// Pays an order or refuses it; either way the purchase stands in the books with its evidence.
pub(super) fn place(
    world: &mut World,
    order: &Order<'_>,
    context: &Context,
) -> (PurchaseId, Result<(), Refusal>) {
    let id = match order.goods {
        Goods::Waiting(id) => id,
        Goods::Item(..) | Goods::Amount(_) => PurchaseId(world.next_id()),
    };
    match checked(world, order, context).and_then(|deal| pay(world, id, order, &deal, context)) {
        Ok(()) => (id, Ok(())),
        Err(cause) => (refuse(world, order, cause, context), Err(cause)),
    }
}

/// Writes down an order that is not paid, and why, with the price as far as there is one. A
/// kiosk's order stays open for another try.
pub(super) fn refuse(
    world: &mut World,
    order: &Order<'_>,
    cause: Refusal,
    context: &Context,
) -> PurchaseId {
    let id = PurchaseId(world.next_id());
    let requested = Purchase {
        id,
        units: units_of(order.goods),
        state: State::Requested,
    };
    let refused = requested.on(Event::Refuse(cause)).map(|step| step.after);
    let mut record = draft(world, order, refused.unwrap_or(requested));
    if let Goods::Item(item, _) = order.goods {
        record.item = Some(item);
    }
    let terminal = order
        .short_code
        .and_then(|code| world.by_short_code.get(&code))
        .and_then(|id| world.terminals.get(id));
    let merchant = terminal.and_then(|terminal| world.merchants.get(&terminal.merchant));
    if let (Some(terminal), Some(merchant)) = (terminal, merchant) {
        if let Ok(deal) = priced(world, order, terminal, merchant, context) {
            record.charge = deal.charge;
        }
        record.terminal = Some(terminal.id.clone());
        record.merchant = Some(merchant.id.clone());
        record.currency = Some(merchant.currency);
    }
    life::store(world, record);
    id
}

/// The checks before payment, each with its own refusal, from who pays to what is left.
fn checked(world: &World, order: &Order<'_>, context: &Context) -> Result<Deal, Refusal> {
    let line = world
        .lines
        .get(&order.subscriber)
        .ok_or(Refusal::UnknownSubscriber)?;
    billable(line, order, world, context)?;
    let terminal = order
        .short_code
        .and_then(|code| world.by_short_code.get(&code))
        .and_then(|id| world.terminals.get(id))
        .filter(|terminal| terminal.in_service)
        .ok_or(Refusal::UnknownShortCode)?;
    let merchant = world
        .merchants
        .get(&terminal.merchant)
        .ok_or(Refusal::UnknownShortCode)?;
    if !merchant.open {
        return Err(Refusal::MerchantClosed);
    }
    let deal = priced(world, order, terminal, merchant, context)?;
    if line.currency != merchant.currency {
        return Err(Refusal::OtherCurrency);
    }
    if let Some((most, currency)) = order.at_most {
        let fits = if order.shown {
            deal.gross == most
        } else {
            deal.gross <= most
        };
        if currency != merchant.currency || !fits {
            return Err(Refusal::PriceChanged);
        }
    }
    proven(line, order, deal.gross, context)?;
    affordable(line, order.channel, deal.gross, context)?;
    ready(terminal, world, context)?;
    Ok(deal)
}

/// Whether this subscriber may buy at all by this channel.
fn billable(
    line: &Line,
    order: &Order<'_>,
    world: &World,
    context: &Context,
) -> Result<(), Refusal> {
    match line.standing {
        Standing::Active => {}
        Standing::Stopped => return Err(Refusal::Stopped),
        Standing::Suspended => return Err(Refusal::Suspended),
    }
    if order.channel == Channel::Secured {
        return Ok(());
    }
    if !order.arrival.trusted {
        return Err(Refusal::NotTrusted);
    }
    if after_s(line.changed, context.policy.cooling_off_s) > world.now {
        return Err(Refusal::CoolingOff);
    }
    // A payment order is told from others by its number, and nothing stores what is dialled; other
    // words may be a message that was paid before the books were restored.
    let has_identity = order.channel != Channel::Text || matches!(order.goods, Goods::Waiting(_));
    if !has_identity && world.counters.books.plain_from > world.now {
        return Err(Refusal::PlainRests);
    }
    Ok(())
}

fn priced(
    world: &World,
    order: &Order<'_>,
    terminal: &Terminal,
    merchant: &Merchant,
    context: &Context,
) -> Result<Deal, Refusal> {
    let terms = context.policy.terms(merchant.currency, &merchant.tax_code);
    let terms = terms.ok_or(Refusal::MerchantClosed)?;
    let (price, units, item) = match order.goods {
        Goods::Item(code, quantity) => {
            let item = world.items.get(&(merchant.id.clone(), code));
            let item = item
                .filter(|_| terminal.offers(&code))
                .ok_or(Refusal::UnknownItem)?;
            (item.price, quantity.into(), Some(code))
        }
        Goods::Amount(amount) => (amount_price(amount, merchant)?, 1, None),
        Goods::Waiting(id) => return waiting(world, id, terminal, merchant),
    };
    let charge = Charge::of(price, units, terms).map_err(|_| Refusal::OverCap)?;
    deal(terminal, merchant, charge, units, item)
}

/// A named amount: the merchant gets it less the discount of its contract.
pub(in crate::gateway) fn amount_price(
    amount: MinorUnits,
    merchant: &Merchant,
) -> Result<Price, Refusal> {
    let kept = amount.share(merchant.discount_basis_points, HUNDRED_PERCENT);
    let wholesale = kept
        .and_then(|kept| amount.minus(kept))
        .map_err(|_| Refusal::OverCap)?;
    if wholesale.is_zero() {
        return Err(Refusal::UnknownItem);
    }
    Ok(Price {
        retail: amount,
        wholesale,
    })
}

fn waiting(
    world: &World,
    id: PurchaseId,
    terminal: &Terminal,
    merchant: &Merchant,
) -> Result<Deal, Refusal> {
    let record = world.purchases.get(&id).ok_or(Refusal::UnknownPon)?;
    // A short code that passed to another terminal meanwhile does not take the order with it.
    if record.terminal.as_ref() != Some(&terminal.id) {
        return Err(Refusal::UnknownShortCode);
    }
    match record.life.state {
        State::Ordered if record.deadline.is_none_or(|deadline| deadline > world.now) => {}
        State::Ordered | State::Expired => return Err(Refusal::PonExpired),
        State::Refused {
            cause: Refusal::PonWithdrawn,
        } => return Err(Refusal::PonWithdrawn),
        State::Refused { .. } => return Err(Refusal::MerchantClosed),
        State::Requested
        | State::Paying
        | State::InDoubt
        | State::Paid
        | State::Accepted
        | State::Dispensing
        | State::Supplied { .. }
        | State::Refunding { .. }
        | State::Refunded
        | State::Unknown => return Err(Refusal::PonPaid),
    }
    deal(
        terminal,
        merchant,
        record.charge,
        record.life.units,
        record.item,
    )
}

fn deal(
    terminal: &Terminal,
    merchant: &Merchant,
    charge: Charge,
    units: u8,
    item: Option<ItemCode>,
) -> Result<Deal, Refusal> {
    let gross = charge.gross().map_err(|_| Refusal::OverCap)?;
    let (terminal, merchant) = (terminal.clone(), merchant.clone());
    Ok(Deal {
        terminal,
        merchant,
        charge,
        gross,
        units,
        item,
    })
}

/// By USSD whoever holds the phone could buy: above a sum the PIN tells whether it is the subscriber.
fn proven(
    line: &Line,
    order: &Order<'_>,
    gross: MinorUnits,
    context: &Context,
) -> Result<(), Refusal> {
    let class = context.policy.class(&line.class);
    let above = class.and_then(|class| class.pin_above.get(&line.currency));
    if order.channel != Channel::Ussd || above.is_none_or(|above| gross <= *above) {
        return Ok(());
    }
    match order.pin {
        Some(Tried::Right) => Ok(()),
        Some(Tried::Wrong) => Err(Refusal::PinWrong),
        Some(Tried::Blocked) => Err(Refusal::PinBlocked),
        None => Err(Refusal::PinNeeded),
    }
}

fn affordable(
    line: &Line,
    channel: Channel,
    gross: MinorUnits,
    context: &Context,
) -> Result<(), Refusal> {
    if gross > line.cap {
        return Err(Refusal::OverCap);
    }
    if channel != Channel::Secured {
        let class = context.policy.class(&line.class);
        let cap = class.and_then(|class| class.plain_cap.get(&line.currency));
        if cap.is_none_or(|cap| gross > *cap) {
            return Err(Refusal::OverPlainCap);
        }
    }
    if gross > line.credit_left() {
        Err(Refusal::OverCredit)
    } else {
        Ok(())
    }
}

/// Whether the machine can give something out: a dead or a busy one costs nothing.
fn ready(terminal: &Terminal, world: &World, context: &Context) -> Result<(), Refusal> {
    if after_s(terminal.seen, context.policy.alive_s) <= world.now {
        return Err(Refusal::Dead);
    }
    if terminal.open_acks >= u32::from(terminal.slots) {
        return Err(Refusal::Busy);
    }
    Ok(())
}

/// Value to the POS, charge to the bill, ack to the terminal: all of it or nothing.
fn pay(
    world: &mut World,
    id: PurchaseId,
    order: &Order<'_>,
    deal: &Deal,
    context: &Context,
) -> Result<(), Refusal> {
    let currency = deal.merchant.currency;
    let protocol = Refusal::Protocol;
    let before = match order.goods {
        Goods::Waiting(id) => world.purchases.get(&id).ok_or(Refusal::UnknownPon)?.clone(),
        Goods::Item(..) | Goods::Amount(_) => {
            let life = Purchase {
                id,
                units: deal.units,
                state: State::Requested,
            };
            let checked = life.on(Event::Checked).map_err(|_| protocol)?.after;
            draft(world, order, checked)
        }
    };
    let paid = before
        .life
        .on(Event::ValueAcknowledged)
        .map_err(|_| Refusal::PonPaid)?
        .after;
    let order_of_value = ValueOrder {
        purchase: id,
        merchant: &deal.merchant.id,
        value: deal.charge.wholesale,
        currency,
        pon: before.pon,
    };
    let value = value::paid(world, &order_of_value, context)?;
    billing::roll_over(world, order.subscriber, context);
    world
        .post(
            &movements(order.subscriber, &deal.merchant.id, deal.charge)?,
            currency,
            Some(id),
        )
        .map_err(|_| protocol)?;
    let (from_seq, to_seq) = value.enter(world, currency);
    let (ack, bill_number) = charge_and_ack(world, id, order.subscriber, deal, context);
    let now = world.now;
    let record = PurchaseRecord {
        life: paid,
        subscriber: Some(order.subscriber),
        msisdn: order.arrival.sender.or(before.msisdn),
        terminal: Some(deal.terminal.id.clone()),
        merchant: Some(deal.merchant.id.clone()),
        item: deal.item,
        currency: Some(currency),
        charge: deal.charge,
        ack: Some(ack),
        from_seq,
        to_seq,
        bill_number: Some(bill_number),
        paid: Some(now),
        node: Some(world.counters.node),
        changed: now,
        deadline: life::deadline_of(State::Paid, now, context),
        smsc: Some(Arc::clone(&order.arrival.smsc)),
        service: Some(Arc::clone(&order.arrival.service)),
        evidence: evidence(order),
        reference: order.reference.or(before.reference),
        ..before
    };
    life::store(world, record);
    Ok(())
}

/// Puts the gross amount on the open bill and gives the terminal's next ack number.
fn charge_and_ack(
    world: &mut World,
    id: PurchaseId,
    subscriber: SubscriberId,
    deal: &Deal,
    context: &Context,
) -> (i64, u32) {
    let mut bill_number = 0;
    if let Some(line) = world.lines.change(&subscriber) {
        line.bill.total_minor = line.bill.total_minor.saturating_add(deal.gross.minor());
        line.bill.entries = line.bill.entries.saturating_add(1);
        bill_number = line.bill.number;
    }
    let maximum = world.lines.get(&subscriber).and_then(|line| {
        let class = context.policy.class(&line.class)?;
        let maximum = class.bill_maximum.get(&line.currency)?;
        (line.bill.total_minor >= maximum.minor()).then_some(())
    });
    if maximum.is_some() {
        billing::close(world, subscriber, world.now, Closed::Maximum);
    }
    let mut ack = 0;
    if let Some(terminal) = world.terminals.change(&deal.terminal.id) {
        terminal.last_ack = terminal.last_ack.saturating_add(1);
        terminal.open_acks = terminal.open_acks.saturating_add(1);
        ack = terminal.last_ack;
    }
    world.acks.insert((deal.terminal.id.clone(), ack), id);
    (ack, bill_number)
}

/// 100 % in basis points.
const HUNDRED_PERCENT: u32 = 10_000;
