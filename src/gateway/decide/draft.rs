//! The row of an order before anything is decided about it.

use std::sync::Arc;

use crate::domain::charge::Charge;
use crate::domain::purchase::Purchase;
use crate::gateway::decide::pay::{Goods, Order};
use crate::gateway::record::{Billed, Channel, Evidence, PurchaseRecord};
use crate::gateway::world::World;

/// A row for an order by a subscriber, before anything is decided.
pub(super) fn draft(world: &World, order: &Order<'_>, life: Purchase) -> PurchaseRecord {
    PurchaseRecord {
        life,
        channel: order.channel,
        subscriber: Some(order.subscriber),
        msisdn: order.arrival.sender,
        terminal: None,
        merchant: None,
        item: None,
        short_code: order.short_code,
        currency: world.lines.get(&order.subscriber).map(|line| line.currency),
        charge: Charge::default(),
        refunded: Charge::default(),
        pon: None,
        reference: order.reference,
        client_reference: None,
        ack: None,
        from_seq: None,
        to_seq: None,
        bill_number: None,
        requested: world.now,
        node: None,
        recovered: false,
        paid: None,
        changed: world.now,
        deadline: None,
        billed: Billed::No,
        entry: None,
        smsc: Some(Arc::clone(&order.arrival.smsc)),
        service: Some(Arc::clone(&order.arrival.service)),
        reason: None,
        evidence: evidence(order),
    }
}

pub(super) fn evidence(order: &Order<'_>) -> Evidence {
    let check = if order.channel == Channel::Secured {
        "cmac"
    } else {
        "trusted_originator"
    };
    Evidence {
        received: order.arrival.received.clone(),
        check,
    }
}

pub(super) fn units_of(goods: Goods) -> u8 {
    match goods {
        Goods::Item(_, quantity) => quantity.into(),
        Goods::Amount(_) | Goods::Waiting(_) => 1,
    }
}
