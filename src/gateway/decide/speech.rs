//! What is said to a subscriber, written into the outbox in the commit of its cause: a sealed
//! command packet where the order was one, else a text.

use std::sync::Arc;

use bytes::Bytes;

use crate::dialogue::card_command::{CardCommand, Offer};
use crate::dialogue::reply::{Name, Price, PurchaseReference, Reply};
use crate::dialogue::secured_order::Wanted;
use crate::dialogue::secured_reply::{OutcomeCode, ShownText};
use crate::dialogue::texts::Language;
use crate::domain::catalogue::{ItemCode, Quantity};
use crate::domain::ids::{OutboxId, PurchaseId, SubscriberId};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::msisdn::Msisdn;
use crate::domain::purchase::State;
use crate::domain::refusal::Refusal;
use crate::domain::subscriber::{Line, Standing};
use crate::gateway::context::Context;
use crate::gateway::decide::card_command::{self, Sending};
use crate::gateway::decide::refused::RefusedOrder;
use crate::gateway::decide::secured;
use crate::gateway::member::Arrival;
use crate::gateway::policy::after_s;
use crate::gateway::record::{OutboxRow, PurchaseRecord, ShortMessage};
use crate::gateway::world::World;
use crate::sms::gsm7;
use crate::sms::segments::{SegmentRules, SegmentedText};

/// Where a message leaves and what it is about.
struct Way<'a> {
    smsc: &'a Arc<str>,
    service: &'a Arc<str>,
    purchase: Option<PurchaseId>,
}

/// Answers a text with a text, by the way that it came.
pub(super) fn answer(
    world: &mut World,
    arrival: &Arrival,
    subscriber: SubscriberId,
    purchase: Option<PurchaseId>,
    reply: &Reply,
    context: &Context,
) {
    let Some(line) = world.lines.get(&subscriber) else {
        return;
    };
    let Some(to) = arrival.sender.or(line.msisdn) else {
        return;
    };
    let message = text(language(line), &arrival.smsc, reply, context);
    let way = Way {
        smsc: &arrival.smsc,
        service: &arrival.service,
        purchase,
    };
    send(world, &way, to, message, context);
}

/// Answers a number that no subscriber has.
pub(super) fn to_stranger(world: &mut World, arrival: &Arrival, context: &Context) {
    let Some(to) = arrival.sender else { return };
    let message = text(Language::EN, &arrival.smsc, &Reply::NotBillable, context);
    let way = Way {
        smsc: &arrival.smsc,
        service: &arrival.service,
        purchase: None,
    };
    send(world, &way, to, message, context);
}

/// Answers a secured packet with one, by the way that it came; in plain text when the SIM has no
/// keys or no counter left.
pub(super) fn answer_sealed(
    world: &mut World,
    arrival: &Arrival,
    subscriber: SubscriberId,
    purchase: Option<PurchaseId>,
    saying: &secured::Saying<'_>,
    context: &Context,
) {
    let way = Way {
        smsc: &arrival.smsc,
        service: &arrival.service,
        purchase,
    };
    sealed_or_plain(world, &way, arrival.sender, subscriber, saying, context);
}

/// Tells that goods did not come and money went back, by the way that the order came: sealed when a
/// SIM ordered. It goes to the subscriber's number of today; that of the order may be another's.
pub(super) fn refunded(
    world: &mut World,
    record: &PurchaseRecord,
    units: u8,
    gross: MinorUnits,
    context: &Context,
) {
    let (Some(subscriber), Some(currency)) = (record.subscriber, record.currency) else {
        return;
    };
    let (Some(smsc), Some(service)) = (&record.smsc, &record.service) else {
        return;
    };
    let amount = Price {
        amount: gross,
        currency,
    };
    let reference = PurchaseReference(record.life.id);
    let reply = match Quantity::try_from(units) {
        Ok(quantity) if units < record.life.units => {
            let item = item_name(world, record);
            Reply::PartRefunded {
                amount,
                quantity,
                item,
                reference,
            }
        }
        Ok(_) | Err(_) => {
            let merchant = merchant_name(world, record);
            Reply::Refunded {
                amount,
                merchant,
                reference,
            }
        }
    };
    let way = Way {
        smsc,
        service,
        purchase: Some(record.life.id),
    };
    // Also a kiosk's order, when a SIM paid it.
    if record.reference.is_some() {
        let saying = secured::Saying {
            reply: &reply,
            outcome: if units < record.life.units {
                OutcomeCode::PartRefunded
            } else {
                OutcomeCode::Refunded
            },
            reference: record.reference,
            amount: Some((gross, currency)),
            purchase: Some(record.life.id),
        };
        sealed_or_plain(world, &way, None, subscriber, &saying, context);
    } else if let Some(line) = world.lines.get(&subscriber)
        && let Some(to) = line.msisdn
    {
        let message = text(language(line), smsc, &reply, context);
        send(world, &way, to, message, context);
    }
}

/// What a purchase has become, as its subscriber is told.
pub(super) fn of(
    world: &World,
    record: &PurchaseRecord,
    subscriber: SubscriberId,
    context: &Context,
) -> Reply {
    let currency = record
        .currency
        .or_else(|| world.lines.get(&subscriber).map(|l| l.currency));
    let Some(currency) = currency else {
        return Reply::Temporary;
    };
    let gross = record.charge.gross().unwrap_or_default();
    let amount = Price {
        amount: gross,
        currency,
    };
    let reference = PurchaseReference(record.life.id);
    match record.life.state {
        State::Refused { cause } => refusal(world, record, subscriber, cause, amount, context),
        State::Requested | State::Ordered | State::Paying | State::InDoubt => Reply::Pending {
            amount,
            merchant: merchant_name(world, record),
            reference,
        },
        State::Expired => Reply::OrderExpired,
        State::Paid
        | State::Accepted
        | State::Dispensing
        | State::Unknown
        | State::Refunding { supplied: 1.. }
        | State::Supplied { .. } => paid(world, record, amount, reference),
        State::Refunding { supplied: 0 } | State::Refunded => {
            let back = record.refunded.gross().unwrap_or_default();
            let amount = Price {
                amount: back,
                currency,
            };
            Reply::Refunded {
                amount,
                merchant: merchant_name(world, record),
                reference,
            }
        }
    }
}

fn paid(
    world: &World,
    record: &PurchaseRecord,
    amount: Price,
    reference: PurchaseReference,
) -> Reply {
    let merchant = merchant_name(world, record);
    match (record.item, Quantity::try_from(record.life.units)) {
        (Some(_), Ok(quantity)) => {
            let item = item_name(world, record);
            Reply::Paid {
                amount,
                merchant,
                quantity,
                item,
                reference,
            }
        }
        _ => Reply::PaidAmount {
            amount,
            merchant,
            reference,
        },
    }
}

/// Why an order was not paid, with what that text tells of the order.
fn refusal(
    world: &World,
    record: &PurchaseRecord,
    subscriber: SubscriberId,
    cause: Refusal,
    amount: Price,
    context: &Context,
) -> Reply {
    let Some(line) = world.lines.get(&subscriber) else {
        return Reply::NotBillable;
    };
    let policy = &context.policy;
    let plain_cap = policy
        .class(&line.class)
        .and_then(|class| class.plain_cap.get(&line.currency).copied());
    let told = RefusedOrder {
        amount,
        merchant: merchant_name(world, record),
        item_name: item_name(world, record),
        item: record.item,
        short_code: record.short_code,
        currency: line.currency,
        cap: line.cap,
        plain_cap: plain_cap.unwrap_or_default(),
        left: line.credit_left(),
        cooling_off_s: policy.cooling_off_s,
        pin_tries: line.pin.map_or(0, |pin| pin.tries_left()),
        plain_rests_ms: world.counters.books.plain_from.since(world.now),
    };
    told.reply(cause)
}

/// Asks whoever has the number `payer` to pay a kiosk's order, once in a while and not who stopped
/// purchases: the card itself where it can, else the phone. Who asks is not told whether anybody is: it
/// need not know who is a subscriber here.
pub(super) fn ask_to_pay(
    world: &mut World,
    payer: Msisdn,
    record: &PurchaseRecord,
    context: &Context,
) {
    let now = world.now;
    let line = world.by_msisdn.get(&payer);
    let Some(line) = line.and_then(|subscriber| world.lines.get(subscriber)) else {
        return;
    };
    let (asking, by_card) = (context.policy.asking.as_ref(), context.offers(line));
    let every_s = match asking {
        Some(asking) if !by_card => asking.every_s,
        Some(_) | None => context.policy.cards.offer_every_s,
    };
    let rests = |asked| after_s(asked, every_s) > now;
    if line.standing != Standing::Active || line.asked.is_some_and(rests) {
        return;
    }
    let (subscriber, language) = (line.subscriber, language(line));
    let is_offered = by_card && offer(world, subscriber, record, context);
    if !is_offered {
        let (Some(asking), Some(pon), Some(currency)) = (asking, record.pon, record.currency)
        else {
            return;
        };
        let amount = record.charge.gross().unwrap_or_default();
        let reply = Reply::AskedToPay {
            amount: Price { amount, currency },
            merchant: merchant_name(world, record),
            pon,
        };
        let row = OutboxRow {
            id: OutboxId(world.next_id()),
            purchase: Some(record.life.id),
            smsc: Arc::clone(&asking.smsc),
            from: Arc::clone(&asking.service),
            to: payer,
            message: text(language, &asking.smsc, &reply, context),
            created: now,
            expires: record.deadline.unwrap_or(now),
            node: context.policy.sender_by(&asking.smsc, world.counters.node),
            asks: Some(pon),
        };
        world.outbox.insert(row.id, row);
    }
    if let Some(line) = world.lines.change(&subscriber) {
        line.asked = Some(now);
        world.imported_lines.insert(subscriber);
    }
}

/// Offers the order to the card, which shows its price, asks for consent, and orders it by its number.
/// False when it can't be: then the phone is asked.
fn offer(
    world: &mut World,
    subscriber: SubscriberId,
    record: &PurchaseRecord,
    context: &Context,
) -> bool {
    let line = world.lines.get(&subscriber);
    // A card knows one currency, that of its bill, and shows no other.
    let is_own = line.is_some_and(|line| Some(line.currency) == record.currency);
    let (Some(pon), Some(currency), true) = (record.pon, record.currency, is_own) else {
        return false;
    };
    let wanted = Wanted::PaymentOrder {
        pon,
        short_code: record.short_code,
    };
    let amount = record.charge.gross().unwrap_or_default();
    let text = ShownText::new(merchant_name(world, record).as_str(), |text| {
        gsm7::encode(text, gsm7::Tables::default()).ok()
    });
    let Some(offer) = Offer::new(wanted, (amount, currency), Some(text)) else {
        return false;
    };
    let left_ms = record
        .deadline
        .map_or(0, |deadline| deadline.since(world.now));
    let sending = Sending {
        purchase: Some(record.life.id),
        for_s: u32::try_from(left_ms.max(0) / 1_000).unwrap_or(u32::MAX),
    };
    let offer = CardCommand::Offer(offer);
    card_command::send(world, subscriber, &offer, sending, context).is_ok()
}

fn sealed_or_plain(
    world: &mut World,
    way: &Way<'_>,
    sender: Option<Msisdn>,
    subscriber: SubscriberId,
    saying: &secured::Saying<'_>,
    context: &Context,
) {
    let Some(line) = world.lines.get(&subscriber) else {
        return;
    };
    // A secured order charges the SIM's subscriber, whatever the sender: the answer goes to the SIM.
    let Some(to) = line.msisdn.or(sender) else {
        return;
    };
    let language = language(line);
    let words = context.texts.render(language, saying.reply);
    let sealed = secured::seal(world, subscriber, saying, &words, context);
    let message = if let Some((counter, message)) = sealed {
        if let Some(line) = world.lines.change(&subscriber) {
            line.mt_counter = counter;
        }
        message
    } else {
        text(language, way.smsc, saying.reply, context)
    };
    send(world, way, to, message, context);
}

fn send(world: &mut World, way: &Way<'_>, to: Msisdn, message: ShortMessage, context: &Context) {
    let id = OutboxId(world.next_id());
    let row = OutboxRow {
        id,
        purchase: way.purchase,
        smsc: Arc::clone(way.smsc),
        from: Arc::clone(way.service),
        to,
        message,
        created: world.now,
        expires: after_s(world.now, context.policy.reply_within_s),
        node: context.policy.sender_by(way.smsc, world.counters.node),
        asks: None,
    };
    world.outbox.insert(id, row);
}

/// A reply as one short message; every text is known to fit.
fn text(language: Language, smsc: &Arc<str>, reply: &Reply, context: &Context) -> ShortMessage {
    let words = context.texts.render(language, reply);
    let alphabet = context
        .policy
        .alphabets
        .get(smsc)
        .copied()
        .unwrap_or_default();
    let rules = SegmentRules {
        smsc: alphabet,
        language: None,
        reference: 0,
        max_segments: 1,
    };
    let segment = SegmentedText::write(&words, rules)
        .ok()
        .and_then(|written| written.segments.into_iter().next());
    match segment {
        Some(segment) => ShortMessage {
            udhi: segment.with_header,
            protocol_id: 0,
            data_coding: segment.data_coding,
            user_data: segment.user_data.into(),
        },
        // Only a price of more than ten digits can be too long; its digits are what counts.
        None => ShortMessage {
            udhi: false,
            protocol_id: 0,
            data_coding: 0,
            user_data: Bytes::from(
                words
                    .chars()
                    .filter(char::is_ascii)
                    .take(160)
                    .collect::<String>(),
            ),
        },
    }
}

pub(super) fn language(line: &Line) -> Language {
    line.language.parse().unwrap_or(Language::EN)
}

fn merchant_name(world: &World, record: &PurchaseRecord) -> Name {
    let merchant = record
        .merchant
        .as_ref()
        .and_then(|id| world.merchants.get(id));
    Name::new(merchant.map_or("", |merchant| &merchant.name))
}

/// The item's name while the merchant's list has it, else its code.
fn item_name(world: &World, record: &PurchaseRecord) -> Name {
    let Some(code) = record.item else {
        return merchant_name(world, record);
    };
    let key = record.merchant.clone().map(|merchant| (merchant, code));
    let item = key.and_then(|key| world.items.get(&key));
    match item {
        Some(item) => Name::new(&item.name),
        None => Name::new(code_text(&code)),
    }
}

fn code_text(code: &ItemCode) -> &str {
    code.as_str()
}

/// The amount of a purchase, when it has a price.
pub(super) fn amount_of(record: &PurchaseRecord) -> Option<(MinorUnits, Currency)> {
    let gross = record.charge.gross().ok()?;
    Some((gross, record.currency?)).filter(|_| !gross.is_zero())
}
