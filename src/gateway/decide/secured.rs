//! Secured orders: the counter first, then the reference, then the order; and answers in kind.

use crate::auth::Authentic;
use crate::auth::command::CommandPacket;
use crate::auth::replay::{LastHeard, Verdict, judge};
use crate::auth::secured_packet::PacketDigest;
use crate::auth::sim_keys::Direction;
use crate::dialogue::reply::Reply;
use crate::dialogue::secured_order::tlv::TlvError;
use crate::dialogue::secured_order::{Agreed, OrderReference, SecuredOrder, Wanted};
use crate::dialogue::secured_reply::{OutcomeCode, SecuredReply, ShownText};
use crate::domain::catalogue::ShortCode;
use crate::domain::ids::{PurchaseId, SubscriberId};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::purchase::State;
use crate::domain::recent::{ByReference, Referenced};
use crate::domain::refusal::Refusal;
use crate::domain::subscriber::FromSim;
use crate::gateway::context::Context;
use crate::gateway::decide::pay::{self, Goods, Order};
use crate::gateway::decide::{rekey, sealing, speech};
use crate::gateway::identity;
use crate::gateway::member::{Arrival, ArrivalEnd};
use crate::gateway::record::{Channel, PurchaseRecord, ShortMessage};
use crate::gateway::world::World;
use crate::sms::gsm7;

type End = (Option<PurchaseId>, ArrivalEnd);

/// What a secured answer says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saying<'a> {
    /// Its words.
    pub(super) reply: &'a Reply,
    /// How it ended.
    pub(super) outcome: OutcomeCode,
    /// The applet's reference; none when the packet had none that could be read.
    pub(super) reference: Option<u32>,
    /// What was charged or given back.
    pub(super) amount: Option<(MinorUnits, Currency)>,
    /// The purchase.
    pub(super) purchase: Option<PurchaseId>,
}

/// An authentic packet.
pub(super) struct Proven<'a> {
    /// Whose SIM made it.
    pub(super) subscriber: SubscriberId,
    /// The version of its keys.
    pub(super) version: u8,
    /// What it says.
    pub(super) packet: &'a Authentic<CommandPacket>,
    /// The order in it.
    pub(super) order: Result<SecuredOrder, TlvError>,
}

/// What follows from an authentic packet. Paid or refused, its counter, digest and outcome are
/// stored in the commit of its effect. The first one under keys that were sent to the card says
/// that it has them.
pub(super) fn arrived(
    world: &mut World,
    arrival: &Arrival,
    proven: Proven<'_>,
    context: &Context,
) -> End {
    let Proven {
        subscriber,
        version,
        packet,
        order,
    } = proven;
    rekey::answered(world, subscriber, version, context);
    let line = world.lines.get(&subscriber);
    let Some(heard) = line.and_then(|line| line.heard_under(version)) else {
        return (None, ArrivalEnd::Refused(Refusal::UnknownSubscriber));
    };
    let last = LastHeard {
        counter: heard.counter,
        digest: heard.digest.map(PacketDigest),
    };
    // A card that was another's repeats nothing of what that one bought.
    let known = heard.purchase;
    let known = known.filter(|purchase| is_of(world, *purchase, subscriber));
    let place = Place {
        arrival,
        subscriber,
        reference: order.as_ref().ok().map(reference_of),
    };
    match judge(packet, &last, context.policy.counter_jump_max) {
        Verdict::Fresh => {
            let (purchase, end) = fresh(world, &place, order, context);
            let heard = FromSim {
                counter: packet.counter,
                digest: Some(packet.digest.0),
                purchase,
            };
            if let Some(line) = world.lines.change(&subscriber)
                && line.hear_under(version, heard)
            {
                world.imported_lines.insert(subscriber);
            }
            (purchase, end)
        }
        Verdict::Repeated => match known {
            Some(purchase) => {
                say_again(world, &place, purchase, context);
                (known, ArrivalEnd::Repeated)
            }
            None => (None, ArrivalEnd::Repeated),
        },
        Verdict::SameCounterOtherDigest => {
            let text = format!(
                "counter {} came with another content: the card was copied, or its keys are known",
                packet.counter
            );
            world.notice(CLONE, None, Some(subscriber), text);
            refuse(world, &place, order.ok(), Refusal::CounterReused, context)
        }
        Verdict::Low if heard.digest.is_none() => {
            let cause = Refusal::CounterForgotten;
            refuse(world, &place, order.ok(), cause, context)
        }
        Verdict::Low => refuse(world, &place, order.ok(), Refusal::CounterLow, context),
        Verdict::Blocked => refuse(world, &place, order.ok(), Refusal::CounterBlocked, context),
        Verdict::High => {
            let text = format!("counter {} is far above {}", packet.counter, last.counter);
            world.notice("counter_high", None, Some(subscriber), text);
            refuse(world, &place, order.ok(), Refusal::CounterHigh, context)
        }
        Verdict::Unordered => refuse(world, &place, order.ok(), Refusal::NotUnderstood, context),
    }
}

/// Where a packet came from and which reference it named.
struct Place<'a> {
    arrival: &'a Arrival,
    subscriber: SubscriberId,
    reference: Option<u32>,
}

/// A packet that is new: its order may be one that the card sent before under another counter.
fn fresh(
    world: &mut World,
    place: &Place<'_>,
    order: Result<SecuredOrder, TlvError>,
    context: &Context,
) -> End {
    let Ok(order) = order else {
        return refuse(world, place, None, Refusal::NotUnderstood, context);
    };
    let Some(line) = world.lines.get(&place.subscriber) else {
        return (None, ArrivalEnd::Refused(Refusal::UnknownSubscriber));
    };
    let (reference, digest) = (reference_of(&order), identity::of_secured(&order));
    match line.recent.by_reference(reference, digest) {
        // Ordered by whoever had the card before: paid once, and not this subscriber's to hear of.
        ByReference::Repeated(purchase) if !is_of(world, purchase, place.subscriber) => {
            return refuse(world, place, Some(order), Refusal::ReferenceOld, context);
        }
        ByReference::Repeated(purchase) => {
            say_again(world, place, purchase, context);
            return (Some(purchase), ArrivalEnd::Repeated);
        }
        ByReference::Reused => {
            let text = format!("reference {reference} came with another order");
            world.notice(REFERENCE, None, Some(place.subscriber), text);
            return refuse(world, place, Some(order), Refusal::ReferenceReused, context);
        }
        ByReference::TooOld => {
            return refuse(world, place, Some(order), Refusal::ReferenceOld, context);
        }
        ByReference::New => {}
    }
    let (purchase, result) = match wanted(world, place, &order, context) {
        Ok(wanted) => pay::place(world, &wanted, context),
        Err((code, cause)) => {
            let order = ordered(place, code, Goods::Amount(MinorUnits::ZERO), &order);
            (pay::refuse(world, &order, cause, context), Err(cause))
        }
    };
    // What went wrong on our side is told as temporary: the card may send the same reference again.
    let may_come_again = result == Err(Refusal::Protocol);
    if !may_come_again && let Some(line) = world.lines.change(&place.subscriber) {
        line.recent.remember_reference(Referenced {
            reference,
            digest,
            purchase,
        });
    }
    say(world, place, purchase, context);
    match result {
        Ok(()) => (Some(purchase), ArrivalEnd::Paid),
        Err(cause) => (Some(purchase), ArrivalEnd::Refused(cause)),
    }
}

fn is_of(world: &World, purchase: PurchaseId, subscriber: SubscriberId) -> bool {
    let record = world.purchases.get(&purchase);
    record.is_some_and(|record| record.subscriber == Some(subscriber))
}

/// The order in the terms of `pay`; a payment order is looked up by its number.
fn wanted<'a>(
    world: &World,
    place: &'a Place<'_>,
    order: &SecuredOrder,
    context: &Context,
) -> Result<Order<'a>, (Option<ShortCode>, Refusal)> {
    match order.wanted {
        Wanted::Item {
            short_code,
            item,
            quantity,
        } => Ok(ordered(
            place,
            Some(short_code),
            Goods::Item(item, quantity),
            order,
        )),
        Wanted::Amount { short_code } => {
            // What was agreed includes the fee: the merchant's part is the rest.
            let fee = context.policy.fees.get(&order.currency).copied();
            let retail = amount_of(order.agreed)
                .minus(fee.unwrap_or_default())
                .map_err(|_| (Some(short_code), Refusal::PriceChanged))?;
            Ok(ordered(
                place,
                Some(short_code),
                Goods::Amount(retail),
                order,
            ))
        }
        Wanted::PaymentOrder { pon, short_code } => {
            let row = world
                .pons
                .get(&pon)
                .ok_or((short_code, Refusal::UnknownPon))?;
            let record = world.purchases.get(&row.purchase);
            let code = record.and_then(|record| record.short_code);
            let code = code.ok_or((short_code, Refusal::UnknownPon))?;
            if short_code.is_some_and(|named| named != code) {
                return Err((Some(code), Refusal::UnknownPon));
            }
            Ok(ordered(
                place,
                Some(code),
                Goods::Waiting(row.purchase),
                order,
            ))
        }
    }
}

fn ordered<'a>(
    place: &'a Place<'_>,
    short_code: Option<ShortCode>,
    goods: Goods,
    order: &SecuredOrder,
) -> Order<'a> {
    let (amount, shown) = match order.agreed {
        Agreed::Exactly(amount) => (amount, true),
        Agreed::AtMost(amount) => (amount, false),
    };
    Order {
        subscriber: place.subscriber,
        channel: Channel::Secured,
        short_code,
        goods,
        at_most: Some((amount, order.currency)),
        shown,
        reference: Some(reference_of(order)),
        pin: None,
        arrival: place.arrival,
    }
}

/// Writes the refusal down and tells the SIM.
fn refuse(
    world: &mut World,
    place: &Place<'_>,
    order: Option<SecuredOrder>,
    cause: Refusal,
    context: &Context,
) -> End {
    let order = match &order {
        Some(order) => {
            let (code, goods) = match order.wanted {
                Wanted::Item {
                    short_code,
                    item,
                    quantity,
                } => (Some(short_code), Goods::Item(item, quantity)),
                Wanted::Amount { short_code } => {
                    (Some(short_code), Goods::Amount(amount_of(order.agreed)))
                }
                Wanted::PaymentOrder { short_code, .. } => {
                    (short_code, Goods::Amount(MinorUnits::ZERO))
                }
            };
            ordered(place, code, goods, order)
        }
        None => Order {
            subscriber: place.subscriber,
            channel: Channel::Secured,
            short_code: None,
            goods: Goods::Amount(MinorUnits::ZERO),
            at_most: None,
            shown: false,
            reference: None,
            pin: None,
            arrival: place.arrival,
        },
    };
    let purchase = pay::refuse(world, &order, cause, context);
    say(world, place, purchase, context);
    (Some(purchase), ArrivalEnd::Refused(cause))
}

/// The same outcome again, sealed under a new counter.
fn say_again(world: &mut World, place: &Place<'_>, purchase: PurchaseId, context: &Context) {
    say(world, place, purchase, context);
}

fn say(world: &mut World, place: &Place<'_>, purchase: PurchaseId, context: &Context) {
    let Some(record) = world.purchases.get(&purchase) else {
        return;
    };
    let reply = speech::of(world, record, place.subscriber, context);
    let saying = Saying {
        reply: &reply,
        outcome: outcome_of(record),
        reference: place.reference.or(record.reference),
        amount: speech::amount_of(record),
        purchase: Some(purchase),
    };
    let (arrival, subscriber) = (place.arrival, place.subscriber);
    speech::answer_sealed(world, arrival, subscriber, Some(purchase), &saying, context);
}

/// Seals an answer under the next counter towards the SIM: that counter, and the message. None when
/// the SIM has no card, no key or no counter left, or the packet had no reference.
pub(super) fn seal(
    world: &mut World,
    subscriber: SubscriberId,
    saying: &Saying<'_>,
    words: &str,
    context: &Context,
) -> Option<(u64, ShortMessage)> {
    let reference = OrderReference::try_from(saying.reference?).ok()?;
    let text = ShownText::new(words, |text| {
        gsm7::encode(text, gsm7::Tables::default()).ok()
    });
    let reply = SecuredReply {
        outcome: saying.outcome,
        reference,
        amount: saying.amount.filter(|(amount, _)| !amount.is_zero()),
        purchase: saying.purchase,
        text,
    };
    let version = world.lines.get(&subscriber)?.keys_in_use();
    let record = sealing::keys(world, subscriber, &version, Direction::Mt, context)?;
    let line = world.lines.get(&subscriber)?;
    sealing::seal(line, &reply.encode(), record.profile.spi1_min, &record)
}

fn outcome_of(record: &PurchaseRecord) -> OutcomeCode {
    match record.life.state {
        State::Refused { cause } => refused_code(cause),
        State::Expired => OutcomeCode::PonExpired,
        State::Refunding { supplied: 0 } | State::Refunded => OutcomeCode::Refunded,
        State::Requested | State::Ordered | State::Paying | State::InDoubt => OutcomeCode::Pending,
        State::Paid
        | State::Accepted
        | State::Dispensing
        | State::Unknown
        | State::Refunding { supplied: 1.. }
        | State::Supplied { .. } => OutcomeCode::Paid,
    }
}

fn refused_code(cause: Refusal) -> OutcomeCode {
    match cause {
        Refusal::UnknownSubscriber => OutcomeCode::NotBillable,
        Refusal::Stopped => OutcomeCode::Barred,
        Refusal::Suspended => OutcomeCode::Suspended,
        Refusal::OverCap | Refusal::OverPlainCap => OutcomeCode::OverCap,
        Refusal::OverCredit => OutcomeCode::OverLimit,
        Refusal::UnknownShortCode => OutcomeCode::UnknownShortCode,
        Refusal::UnknownItem => OutcomeCode::UnknownItem,
        Refusal::PriceChanged => OutcomeCode::PriceChanged,
        Refusal::Busy => OutcomeCode::MachineBusy,
        Refusal::Dead | Refusal::MerchantClosed => OutcomeCode::MachineDead,
        Refusal::PurseEmpty => OutcomeCode::PurseEmpty,
        Refusal::OtherCurrency => OutcomeCode::CurrencyMismatch,
        Refusal::UnknownPon => OutcomeCode::PonUnknown,
        Refusal::PonExpired | Refusal::PonWithdrawn => OutcomeCode::PonExpired,
        Refusal::PonPaid => OutcomeCode::PonPaid,
        Refusal::CounterLow
        | Refusal::CounterForgotten
        | Refusal::CounterBlocked
        | Refusal::CounterHigh => OutcomeCode::CounterLow,
        Refusal::CounterReused | Refusal::ReferenceReused | Refusal::ReferenceOld => {
            OutcomeCode::ReferenceConflict
        }
        Refusal::NotUnderstood => OutcomeCode::NotUnderstood,
        Refusal::TooMany => OutcomeCode::TooMany,
        Refusal::CoolingOff
        | Refusal::PlainRests
        | Refusal::NotTrusted
        | Refusal::WrongAgain
        | Refusal::PinNeeded
        | Refusal::PinWrong
        | Refusal::PinBlocked
        | Refusal::NotPaid
        | Refusal::Protocol => OutcomeCode::Temporary,
    }
}

const fn amount_of(agreed: Agreed) -> MinorUnits {
    match agreed {
        Agreed::Exactly(amount) | Agreed::AtMost(amount) => amount,
    }
}

fn reference_of(order: &SecuredOrder) -> u32 {
    order.reference.number()
}

/// Notices that a card may have been copied: what `card_alarms` counts.
const CLONE: &str = "clone";
const REFERENCE: &str = "reference";
