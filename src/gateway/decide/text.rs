//! Plain text: orders, questions and instructions of a known subscriber.
//!
//! An order in words has no identity of its own. The same words to the same short code within the
//! time of repetition are the same order: answered again, paid once, and `AGAIN n` buys another.

use crate::dialogue::reply::{ClockTime, Name, Price, Reply};
use crate::dialogue::sms_command::{AgainNumber, Command, CommandError, NotAnAmount, TypedAmount};
use crate::domain::Millis;
use crate::domain::catalogue::ShortCode;
use crate::domain::ids::{PurchaseId, SubscriberId};
use crate::domain::money::MinorUnits;
use crate::domain::pon::Pon;
use crate::domain::purchase::State;
use crate::domain::recent::PlainOrder;
use crate::domain::refusal::Refusal;
use crate::domain::subscriber::Line;
use crate::gateway::context::Context;
use crate::gateway::decide::instructions::instructed;
use crate::gateway::decide::pay::{self, Goods, Order};
use crate::gateway::decide::speech;
use crate::gateway::identity;
use crate::gateway::member::{Arrival, ArrivalEnd};
use crate::gateway::record::Channel;
use crate::gateway::world::World;

type End = (Option<PurchaseId>, ArrivalEnd);

/// What follows from a subscriber's words.
pub(super) fn arrived(
    world: &mut World,
    arrival: &Arrival,
    subscriber: SubscriberId,
    command: Result<Command, CommandError>,
    context: &Context,
) -> End {
    if !arrival.trusted {
        return not_trusted(world, arrival, subscriber, context);
    }
    let command = match command {
        Ok(command) => command,
        Err(error) => return answer(world, arrival, subscriber, &error.into(), context),
    };
    match &command {
        Command::Buy {
            short_code,
            item,
            quantity,
            again,
        } => {
            let goods = Goods::Item(*item, *quantity);
            let order = plain(subscriber, *short_code, goods, arrival);
            once(world, &order, &command, *again, context)
        }
        Command::PayAmount {
            short_code,
            amount,
            again,
        } => match amount_at(world, *short_code, amount) {
            Ok(minor) => {
                let order = plain(subscriber, *short_code, Goods::Amount(minor), arrival);
                once(world, &order, &command, *again, context)
            }
            Err(reply) => answer(world, arrival, subscriber, &reply, context),
        },
        Command::PayPon { short_code, pon } => {
            pay_pon(world, arrival, subscriber, *short_code, *pon, context)
        }
        Command::List(_)
        | Command::Balance
        | Command::Limit(_)
        | Command::Stop
        | Command::Start(_)
        | Command::Help => {
            let reply = instructed(world, subscriber, &command, arrival, context);
            answer(world, arrival, subscriber, &reply, context)
        }
    }
}

/// Words whose sender nobody vouches for move nothing, and what they say is not looked at: whoever
/// forged the sender learns nothing. The subscriber is told why once in a while, for the words may
/// be his own.
fn not_trusted(
    world: &mut World,
    arrival: &Arrival,
    subscriber: SubscriberId,
    context: &Context,
) -> End {
    let now = world.now;
    let told = world.lines.get(&subscriber).map(|line| line.recent.told());
    if told.is_some_and(|told| now.since(told) >= TOLD_AGAIN_AFTER_MS) {
        if let Some(line) = world.lines.change(&subscriber) {
            line.recent.tell(now);
        }
        let reply = Reply::PlainNotTrusted;
        speech::answer(world, arrival, subscriber, None, &reply, context);
    }
    (None, ArrivalEnd::Refused(Refusal::NotTrusted))
}

fn plain(
    subscriber: SubscriberId,
    short_code: ShortCode,
    goods: Goods,
    arrival: &Arrival,
) -> Order<'_> {
    Order {
        subscriber,
        channel: Channel::Text,
        short_code: Some(short_code),
        goods,
        at_most: None,
        shown: false,
        reference: None,
        pin: None,
        arrival,
    }
}

/// Pays an order unless it is one that came before.
fn once(
    world: &mut World,
    order: &Order<'_>,
    command: &Command,
    again: Option<AgainNumber>,
    context: &Context,
) -> End {
    let Some(line) = world.lines.get(&order.subscriber) else {
        return (None, ArrivalEnd::Refused(Refusal::UnknownSubscriber));
    };
    let (digest, since) = (identity::of_text(command), order.arrival.repeat_since);
    let known = known_order(world, line, digest, order.arrival);
    let room = line.recent.has_room(since);
    match (known, again) {
        (Some(known), None) => return repeated(world, order, command, &known, context),
        // Before the number is used up: the subscriber may send the same words again later.
        _ if !room => return too_many(world, order, context),
        (_, Some(number)) => {
            let line = world.lines.change(&order.subscriber);
            let used = line.is_some_and(|l| l.recent.use_again(digest, since, number.number()));
            if !used {
                let id = pay::refuse(world, order, Refusal::WrongAgain, context);
                let reply = Reply::AgainUsed {
                    order: command.clone().without_again(),
                };
                speech::answer(
                    world,
                    order.arrival,
                    order.subscriber,
                    Some(id),
                    &reply,
                    context,
                );
                return (Some(id), ArrivalEnd::Refused(Refusal::WrongAgain));
            }
        }
        (None, None) => {}
    }
    let (id, result) = pay::place(world, order, context);
    let at = world.now;
    if let Some(line) = world.lines.change(&order.subscriber) {
        let offered = again_number(order.arrival.chance, again);
        if again.is_some() && result.is_err() {
            // The order that was paid stays the one that a copy of its words repeats.
            line.recent.offer_again(digest, since, offered);
        } else {
            line.recent.remember_plain(PlainOrder {
                digest,
                purchase: id,
                at,
                again: offered,
            });
        }
    }
    ended(world, order, id, result, context)
}

/// More different orders than can be told from their repetitions.
fn too_many(world: &mut World, order: &Order<'_>, context: &Context) -> End {
    let id = pay::refuse(world, order, Refusal::TooMany, context);
    let reply = Reply::TooMany;
    speech::answer(
        world,
        order.arrival,
        order.subscriber,
        Some(id),
        &reply,
        context,
    );
    (Some(id), ArrivalEnd::Refused(Refusal::TooMany))
}

/// The order of the same words that still counts: a refused one only for a short while in which the
/// SMSC could reach us, so that a copy of it is not paid after the subscriber read that it was not.
fn known_order(
    world: &World,
    line: &Line,
    digest: [u8; 8],
    arrival: &Arrival,
) -> Option<PlainOrder> {
    let known = *line.recent.plain_since(digest, arrival.repeat_since)?;
    let record = world.purchases.get(&known.purchase);
    let refused = record.is_some_and(|r| matches!(r.life.state, State::Refused { .. }));
    (!refused || known.at >= arrival.refused_since).then_some(known)
}

/// Says again what the order became, and how to buy another.
fn repeated(
    world: &mut World,
    order: &Order<'_>,
    command: &Command,
    known: &PlainOrder,
    context: &Context,
) -> End {
    let reply = match world.purchases.get(&known.purchase) {
        Some(record) if matches!(record.life.state, State::Refused { .. }) => {
            speech::of(world, record, order.subscriber, context)
        }
        Some(_) | None => Reply::Repeated {
            time: clock_time(known.at, context),
            again: match AgainNumber::try_from(known.again) {
                Ok(number) => command.clone().with_again(number),
                Err(_) => command.clone(),
            },
        },
    };
    let purchase = Some(known.purchase);
    speech::answer(
        world,
        order.arrival,
        order.subscriber,
        purchase,
        &reply,
        context,
    );
    (purchase, ArrivalEnd::Repeated)
}

fn pay_pon(
    world: &mut World,
    arrival: &Arrival,
    subscriber: SubscriberId,
    named: Option<ShortCode>,
    pon: Pon,
    context: &Context,
) -> End {
    let (id, short_code) = match waiting(world, named, pon) {
        Ok(found) => found,
        Err(reply) => return answer(world, arrival, subscriber, &reply, context),
    };
    let Some(record) = world.purchases.get(&id).cloned() else {
        return (None, ArrivalEnd::Ignored);
    };
    // The number itself is the order's identity: the payer's second message is a repetition.
    if record.subscriber == Some(subscriber) && record.paid.is_some() {
        let reply = speech::of(world, &record, subscriber, context);
        let id = Some(record.life.id);
        speech::answer(world, arrival, subscriber, id, &reply, context);
        return (id, ArrivalEnd::Repeated);
    }
    let order = plain(
        subscriber,
        short_code,
        Goods::Waiting(record.life.id),
        arrival,
    );
    let (id, result) = pay::place(world, &order, context);
    if result.is_ok() {
        remember_pon(world, &order, pon, id);
    }
    let reply = match result {
        Err(Refusal::PonExpired) => Some(Reply::PonExpired { pon }),
        Err(Refusal::PonPaid) => Some(Reply::PonPaid { pon }),
        Err(Refusal::PonWithdrawn) => Some(Reply::PonWithdrawn { pon }),
        Err(_) | Ok(()) => None,
    };
    match (reply, result) {
        (Some(reply), Err(cause)) => {
            speech::answer(world, arrival, subscriber, Some(id), &reply, context);
            (Some(id), ArrivalEnd::Refused(cause))
        }
        (_, result) => ended(world, &order, id, result, context),
    }
}

/// Only so that it is among the subscriber's last purchases: the number itself is its identity.
fn remember_pon(world: &mut World, order: &Order<'_>, pon: Pon, purchase: PurchaseId) {
    let (since, at) = (order.arrival.repeat_since, world.now);
    let command = Command::PayPon {
        short_code: None,
        pon,
    };
    let line = world.lines.change(&order.subscriber);
    if let Some(line) = line.filter(|line| line.recent.has_room(since)) {
        line.recent.remember_plain(PlainOrder {
            digest: identity::of_text(&command),
            purchase,
            at,
            again: 0,
        });
    }
}

/// The order that a number stands for, and its terminal's short code; what to say when there is none.
pub(super) fn waiting(
    world: &World,
    named: Option<ShortCode>,
    pon: Pon,
) -> Result<(PurchaseId, ShortCode), Reply> {
    let row = world.pons.get(&pon);
    let record = row.and_then(|row| world.purchases.get(&row.purchase));
    let found = record.and_then(|record| Some((record.life.id, record.short_code?)));
    let (id, short_code) = found.ok_or(Reply::PonUnknown { pon })?;
    match named {
        Some(named) if named != short_code => Err(Reply::PonElsewhere {
            pon,
            short_code: named,
        }),
        Some(_) | None => Ok((id, short_code)),
    }
}

/// Tells the subscriber what became of an order.
fn ended(
    world: &mut World,
    order: &Order<'_>,
    id: PurchaseId,
    result: Result<(), Refusal>,
    context: &Context,
) -> End {
    if let Some(record) = world.purchases.get(&id) {
        let reply = speech::of(world, record, order.subscriber, context);
        speech::answer(
            world,
            order.arrival,
            order.subscriber,
            Some(id),
            &reply,
            context,
        );
    }
    match result {
        Ok(()) => (Some(id), ArrivalEnd::Paid),
        Err(cause) => (Some(id), ArrivalEnd::Refused(cause)),
    }
}

pub(super) fn amount_at(
    world: &World,
    short_code: ShortCode,
    typed: &TypedAmount,
) -> Result<MinorUnits, Reply> {
    let terminal = world
        .by_short_code
        .get(&short_code)
        .and_then(|id| world.terminals.get(id));
    let merchant = terminal.and_then(|terminal| world.merchants.get(&terminal.merchant));
    let Some(merchant) = merchant else {
        return Err(Reply::UnknownShortCode { short_code });
    };
    match typed.in_currency(merchant.currency) {
        Ok(amount) if amount.is_zero() => Err(Reply::MissingAmount { short_code }),
        Ok(amount) => Ok(amount),
        Err(NotAnAmount::OtherCurrency { named, .. }) => {
            let merchant = Name::new(&merchant.name);
            Err(Reply::CurrencyMismatch {
                currency: named,
                merchant,
            })
        }
        Err(error) => Err(wrong_amount(typed, merchant.currency, error)),
    }
}

pub(super) fn wrong_amount(
    typed: &TypedAmount,
    currency: crate::domain::money::Currency,
    error: NotAnAmount,
) -> Reply {
    let word = crate::dialogue::words::Word::echo(typed.number());
    match error {
        NotAnAmount::Digits(_) => {
            let amount = MinorUnits::try_from(EXAMPLE_MINOR).unwrap_or_default();
            Reply::AmountDigits {
                word,
                example: Price { amount, currency },
            }
        }
        NotAnAmount::Format | NotAnAmount::OtherCurrency { .. } => Reply::BadAmount { word },
    }
}

fn answer(
    world: &mut World,
    arrival: &Arrival,
    subscriber: SubscriberId,
    reply: &Reply,
    context: &Context,
) -> End {
    speech::answer(world, arrival, subscriber, None, reply, context);
    (None, ArrivalEnd::Answered)
}

pub(super) fn price(line: &Line, amount: MinorUnits) -> Price {
    Price {
        amount,
        currency: line.currency,
    }
}

fn clock_time(at: Millis, context: &Context) -> ClockTime {
    let (hour, minute) = context.policy.calendar.hour_and_minute(at);
    ClockTime { hour, minute }
}

/// 1 to 99: short to type, and only ever compared with the one that was offered. After `used` it
/// rises, so that a copy of the message that used it never fits the number of the new order.
fn again_number(chance: u32, used: Option<AgainNumber>) -> u16 {
    let (used, span) = used.map_or((0, 99), |used| (used.number(), 9));
    let step = u16::try_from(chance.checked_rem(span).unwrap_or_default()).unwrap_or_default();
    let next = used.saturating_add(step).saturating_add(1);
    if AgainNumber::try_from(next).is_ok() {
        next
    } else {
        step.saturating_add(1)
    }
}

/// A day: nobody pays for more messages than that by forging a sender.
const TOLD_AGAIN_AFTER_MS: i64 = 86_400_000;
/// Shown as `2.50`, `250` or `0.250`.
const EXAMPLE_MINOR: i64 = 250;
