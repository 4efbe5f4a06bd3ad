//! What a subscriber confirmed in a USSD session, or dialled whole: `*778*4711*12#`.
//!
//! ```text
//! same session, same words ─► the same answer again      else ─► paid or refused ─► closing text
//!                                                                                └─► and by SMS
//! ```
//! The closing text may never be seen, for a session dies with the radio: what became of an order
//! is told by SMS too, in the same commit.

use std::sync::Arc;

use crate::dialogue::reply::Reply;
use crate::dialogue::sms_command::Command;
use crate::dialogue::texts::Language;
use crate::domain::ids::{PurchaseId, SubscriberId};
use crate::domain::recent::PlainOrder;
use crate::domain::refusal::Refusal;
use crate::gateway::context::Context;
use crate::gateway::decide::instructions::instructed;
use crate::gateway::decide::pay::{self, Goods, Order};
use crate::gateway::decide::{pin, speech, text};
use crate::gateway::identity;
use crate::gateway::member::{Arrival, ArrivalEnd, Outcome, UssdOrder, UssdWish};
use crate::gateway::record::Channel;
use crate::gateway::world::World;

/// What became of a wish, and what is said of it.
type End = (Option<PurchaseId>, ArrivalEnd, Reply);

/// What follows from a wish; its closing text is in the outcome.
pub(super) fn arrived(
    world: &mut World,
    arrival: &Arrival,
    subscriber: Option<SubscriberId>,
    wish: &UssdWish,
    context: &Context,
) -> Outcome {
    let (purchase, end, reply) = match (subscriber, wish) {
        (None, _) => (None, ArrivalEnd::Answered, Reply::NotBillable),
        (Some(_), _) if !arrival.trusted => (None, ArrivalEnd::Answered, Reply::PlainNotTrusted),
        (Some(subscriber), UssdWish::Order(order)) => {
            ordered(world, arrival, subscriber, order, context)
        }
        // It is opened before anything is decided, and is an order of the card then.
        (Some(_), UssdWish::Sealed(_)) => (None, ArrivalEnd::Ignored, Reply::NotUnderstood),
        (Some(subscriber), UssdWish::Pin { old, new }) => {
            let pins = (old.as_ref(), new);
            let (end, reply) = pin::chosen(world, arrival, subscriber, pins, context);
            (None, end, reply)
        }
        (Some(subscriber), UssdWish::Language(language)) => {
            speak(world, subscriber, *language);
            return Outcome::Arrived {
                purchase: None,
                end: ArrivalEnd::Answered,
                said: None,
            };
        }
    };
    let line = subscriber.and_then(|subscriber| world.lines.get(&subscriber));
    let language = line.map_or(Language::EN, speech::language);
    let said = context.texts.render(language, &reply);
    Outcome::Arrived {
        purchase,
        end,
        said: Some(Arc::from(said)),
    }
}

/// What became of a card's order, in words.
pub(super) fn said_of(world: &World, purchase: PurchaseId, context: &Context) -> Option<Arc<str>> {
    let record = world.purchases.get(&purchase)?;
    let line = world.lines.get(&record.subscriber?)?;
    let reply = speech::of(world, record, line.subscriber, context);
    Some(context.texts.render(speech::language(line), &reply).into())
}

fn ordered(
    world: &mut World,
    arrival: &Arrival,
    subscriber: SubscriberId,
    wish: &UssdOrder,
    context: &Context,
) -> End {
    let (digest, since) = (identity::of_ussd(wish), arrival.repeat_since);
    let known = world
        .lines
        .get(&subscriber)
        .and_then(|line| line.recent.plain_since(digest, since).copied());
    if let Some(known) = known
        && let Some(record) = world.purchases.get(&known.purchase)
    {
        let reply = speech::of(world, record, subscriber, context);
        return (Some(known.purchase), ArrivalEnd::Repeated, reply);
    }
    let pin = wish.pin.as_ref();
    let pin = pin.map(|pin| pin::tried(world, subscriber, pin, context));
    let order = |short_code, goods| Order {
        subscriber,
        channel: Channel::Ussd,
        short_code: Some(short_code),
        goods,
        at_most: wish.shown,
        shown: wish.shown.is_some(),
        reference: None,
        pin,
        arrival,
    };
    let order = match &wish.command {
        Command::Buy {
            short_code,
            item,
            quantity,
            ..
        } => order(*short_code, Goods::Item(*item, *quantity)),
        Command::PayAmount {
            short_code, amount, ..
        } => match text::amount_at(world, *short_code, amount) {
            Ok(minor) => order(*short_code, Goods::Amount(minor)),
            Err(reply) => return (None, ArrivalEnd::Answered, reply),
        },
        Command::PayPon { short_code, pon } => match text::waiting(world, *short_code, *pon) {
            Ok((id, _)) if paid_before(world, id, subscriber) => {
                let record = world.purchases.get(&id);
                let reply = record.map(|record| speech::of(world, record, subscriber, context));
                let reply = reply.unwrap_or(Reply::PonUnknown { pon: *pon });
                return (Some(id), ArrivalEnd::Repeated, reply);
            }
            Ok((id, short_code)) => order(short_code, Goods::Waiting(id)),
            Err(reply) => return (None, ArrivalEnd::Answered, reply),
        },
        instruction @ (Command::List(_)
        | Command::Balance
        | Command::Limit(_)
        | Command::Stop
        | Command::Start(_)
        | Command::Help) => {
            let reply = instructed(world, subscriber, instruction, arrival, context);
            return (None, ArrivalEnd::Answered, reply);
        }
    };
    placed(world, &order, wish, context)
}

/// Pays the order or refuses it, remembers it by its session, and tells what became of it by SMS.
fn placed(world: &mut World, order: &Order<'_>, wish: &UssdOrder, context: &Context) -> End {
    let (subscriber, digest) = (order.subscriber, identity::of_ussd(wish));
    let since = wish.room_since.min(order.arrival.repeat_since);
    let line = world.lines.get(&subscriber);
    let (id, result) = if line.is_some_and(|line| line.recent.has_room(since)) {
        pay::place(world, order, context)
    } else {
        let cause = Refusal::TooMany;
        (pay::refuse(world, order, cause, context), Err(cause))
    };
    let at = world.now;
    if !result.is_err_and(is_forgotten)
        && let Some(line) = world.lines.change(&subscriber)
    {
        line.recent.remember_plain(PlainOrder {
            digest,
            purchase: id,
            at,
            again: 0,
        });
    }
    let of_record = |record| speech::of(world, record, subscriber, context);
    let reply = match (&wish.command, result) {
        (Command::PayPon { pon, .. }, Err(Refusal::PonExpired)) => Reply::PonExpired { pon: *pon },
        (Command::PayPon { pon, .. }, Err(Refusal::PonPaid)) => Reply::PonPaid { pon: *pon },
        (Command::PayPon { pon, .. }, Err(Refusal::PonWithdrawn)) => {
            Reply::PonWithdrawn { pon: *pon }
        }
        (_, _) => world.purchases.get(&id).map_or(Reply::Temporary, of_record),
    };
    let purchase = Some(id);
    speech::answer(world, order.arrival, subscriber, purchase, &reply, context);
    let end = match result {
        Ok(()) => ArrivalEnd::Paid,
        Err(cause) => ArrivalEnd::Refused(cause),
    };
    (purchase, end, reply)
}

fn paid_before(world: &World, id: PurchaseId, subscriber: SubscriberId) -> bool {
    let record = world.purchases.get(&id);
    record.is_some_and(|record| record.subscriber == Some(subscriber) && record.paid.is_some())
}

/// Refusals after which the same order is another try, not a repetition.
const fn is_forgotten(cause: Refusal) -> bool {
    matches!(
        cause,
        Refusal::TooMany | Refusal::PinNeeded | Refusal::PinWrong | Refusal::PinBlocked
    )
}

/// The language is in none of a line's hot columns: the row is written whole.
fn speak(world: &mut World, subscriber: SubscriberId, language: Language) {
    if let Some(line) = world.lines.change(&subscriber) {
        line.language = language.to_string().into();
        world.imported_lines.insert(subscriber);
    }
}
