//! A kiosk's order: the price is frozen, and a number is shown that a subscriber pays.

use crate::domain::charge::Charge;
use crate::domain::ids::PurchaseId;
use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;
use crate::domain::purchase::{Event, Purchase, State};
use crate::domain::refusal::Refusal;
use crate::gateway::context::Context;
use crate::gateway::decide::{life, pay, speech};
use crate::gateway::member::{Denied, KioskItem, KioskOrder, Outcome};
use crate::gateway::policy::after_s;
use crate::gateway::record::{Billed, Channel, Evidence, PurchaseRecord};
use crate::gateway::world::{PonRow, World};

/// Takes an order, or answers the same one again.
#[expect(clippy::too_many_lines, reason = "one order, read from top to bottom")]
pub(super) fn ordered(world: &mut World, order: KioskOrder, context: &Context) -> Outcome {
    let Some(terminal) = world
        .terminals
        .get(&order.terminal)
        .filter(|t| t.in_service)
        .cloned()
    else {
        return Outcome::Refused(Denied::Credential);
    };
    if terminal.token_sha256 != Some(order.token_sha256) {
        return Outcome::Refused(Denied::Credential);
    }
    if order.payer.is_some() && context.policy.asking.is_none() && !context.has_offers() {
        let text = "payer_msisdn: nobody is asked here: neither [ussd] ask_by nor offers of cards \
                    are configured";
        return Outcome::Refused(Denied::Invalid(text.to_owned()));
    }
    let key = (order.terminal.clone(), order.client_reference.clone());
    if let Some(known) = world.client_references.get(&key).copied() {
        return again(world, known, &order);
    }
    let Some(merchant) = world
        .merchants
        .get(&terminal.merchant)
        .filter(|m| m.open)
        .cloned()
    else {
        return Outcome::Refused(Denied::Order(Refusal::MerchantClosed));
    };
    let (price, units, item) = match order.what {
        KioskItem::Item { code, quantity } => {
            match world
                .items
                .get(&(merchant.id.clone(), code))
                .filter(|_| terminal.offers(&code))
            {
                Some(item) => (item.price, quantity.into(), Some(code)),
                None => return Outcome::Refused(Denied::Order(Refusal::UnknownItem)),
            }
        }
        KioskItem::Amount(amount) => match pay::amount_price(amount, &merchant) {
            Ok(price) => (price, 1, None),
            Err(cause) => return Outcome::Refused(Denied::Order(cause)),
        },
    };
    let charge = context
        .policy
        .terms(merchant.currency, &merchant.tax_code)
        .and_then(|terms| Charge::of(price, units, terms).ok());
    let Some(charge) = charge else {
        return Outcome::Refused(Denied::Order(Refusal::OverCap));
    };
    if terminal.open_orders >= context.policy.kiosk_open_max {
        return Outcome::Refused(Denied::Order(Refusal::TooMany));
    }
    let Some(pon) = free(world, &order.candidates) else {
        return Outcome::Refused(Denied::Order(Refusal::Busy));
    };
    let id = PurchaseId(world.next_id());
    let requested = Purchase {
        id,
        units,
        state: State::Requested,
    };
    let Ok(checked) = requested.on(Event::Checked) else {
        return Outcome::Refused(Denied::Order(Refusal::Protocol));
    };
    let record = PurchaseRecord {
        life: checked.after,
        channel: Channel::Kiosk,
        subscriber: None,
        msisdn: None,
        terminal: Some(terminal.id.clone()),
        merchant: Some(merchant.id.clone()),
        item,
        short_code: Some(terminal.short_code),
        currency: Some(merchant.currency),
        charge,
        refunded: Charge::default(),
        pon: Some(pon),
        reference: None,
        client_reference: Some(order.client_reference.clone()),
        ack: None,
        from_seq: None,
        to_seq: None,
        bill_number: None,
        requested: world.now,
        node: None,
        recovered: false,
        paid: None,
        changed: world.now,
        deadline: life::deadline_of(State::Ordered, world.now, context),
        billed: Billed::No,
        entry: None,
        smsc: None,
        service: None,
        reason: None,
        evidence: Evidence {
            received: asked_of(&order),
            check: "token",
        },
    };
    if let Some(payer) = order.payer {
        speech::ask_to_pay(world, payer, &record, context);
    }
    let reserved_until = after_s(
        world.now,
        context.policy.pon_within_s.saturating_add(RESERVED_S),
    );
    world.pons.insert(
        pon,
        PonRow {
            purchase: id,
            reserved_until,
            open: true,
        },
    );
    world.client_references.insert(key, id);
    super::terminal::seen(world, &terminal.id);
    let outcome = view(world, &record);
    life::store(world, record);
    outcome
}

/// Keeps count of a kiosk's orders that wait to be paid, when one begins or ends to.
pub(super) fn keep_count(world: &mut World, after: &PurchaseRecord, before: Option<State>) {
    let (was, is) = (
        before == Some(State::Ordered),
        after.life.state == State::Ordered,
    );
    let (Some(pon), Some(terminal)) = (after.pon, after.terminal.as_ref()) else {
        return;
    };
    if was == is {
        return;
    }
    if let Some(row) = world.pons.change(&pon) {
        row.open = is;
    }
    if let Some(terminal) = world.terminals.change(terminal) {
        terminal.open_orders = if is {
            terminal.open_orders.saturating_add(1)
        } else {
            terminal.open_orders.saturating_sub(1)
        };
    }
}

/// The same reference again: the same order, or a conflict.
fn again(world: &World, known: PurchaseId, order: &KioskOrder) -> Outcome {
    let Some(record) = world.purchases.get(&known) else {
        return Outcome::Refused(Denied::NotFound("order"));
    };
    let same = match order.what {
        KioskItem::Item { code, quantity } => {
            record.item == Some(code) && record.life.units == u8::from(quantity)
        }
        KioskItem::Amount(amount) => record.item.is_none() && record.charge.retail == amount,
    };
    if same && record.evidence.received == asked_of(order) {
        view(world, record)
    } else {
        let text = "this client_reference stands for another order".to_owned();
        Outcome::Refused(Denied::Conflict(text))
    }
}

fn view(world: &World, record: &PurchaseRecord) -> Outcome {
    let (Some(pon), Some(currency)) = (record.pon, record.currency) else {
        return Outcome::Refused(Denied::NotFound("order"));
    };
    let Ok(gross) = record.charge.gross() else {
        return Outcome::Refused(Denied::Order(Refusal::OverCap));
    };
    let left = record
        .deadline
        .map_or(0, |deadline| deadline.since(world.now).max(0));
    let valid_ms = if record.life.state == State::Ordered {
        left
    } else {
        0
    };
    let (purchase, state) = (record.life.id, record.life.state);
    Outcome::Ordered {
        pon,
        purchase,
        gross,
        currency,
        valid_ms,
        state,
    }
}

/// The order's evidence: the digits of whom the merchant named as who pays, if anybody.
fn asked_of(order: &KioskOrder) -> bytes::Bytes {
    let payer = order.payer.map(Msisdn::expose_digits);
    payer.map(bytes::Bytes::from).unwrap_or_default()
}

/// The first candidate that no order holds.
fn free(world: &World, candidates: &[Pon]) -> Option<Pon> {
    let is_free = |pon: &&Pon| {
        world
            .pons
            .get(*pon)
            .is_none_or(|row| row.reserved_until <= world.now)
    };
    candidates.iter().find(is_free).copied()
}

/// A number is not given to another order before late reports of its own have come.
const RESERVED_S: u32 = 86_400;
