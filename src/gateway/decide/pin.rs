//! PINs: tried, chosen, and taken away. Every try is in the books before it is answered.

use std::sync::Arc;

use crate::dialogue::reply::{Count, Reply};
use crate::domain::ids::SubscriberId;
use crate::domain::pin::{Pin, PinCheck, Tried};
use crate::gateway::context::Context;
use crate::gateway::decide::speech;
use crate::gateway::member::{Arrival, ArrivalEnd, Denied, Outcome};
use crate::gateway::world::World;

/// What a PIN is for this subscriber. Where none was chosen, none is right.
pub(super) fn tried(
    world: &mut World,
    subscriber: SubscriberId,
    pin: &Pin,
    context: &Context,
) -> Tried {
    let given = context.pin_check(subscriber, pin);
    let Some(line) = world.lines.change(&subscriber) else {
        return Tried::Wrong;
    };
    let Some(check) = line.pin.as_mut() else {
        return Tried::Wrong;
    };
    let before = *check;
    let tried = check.try_with(&given);
    // Tries are in none of a line's hot columns: the row is written whole.
    if before != *check {
        world.imported_lines.insert(subscriber);
    }
    tried
}

/// Chooses a PIN: the first one, or another by the one of now. It is told by SMS too, for whoever
/// holds the phone may not be its owner.
pub(super) fn chosen(
    world: &mut World,
    arrival: &Arrival,
    subscriber: SubscriberId,
    (old, new): (Option<&Pin>, &Pin),
    context: &Context,
) -> (ArrivalEnd, Reply) {
    let answered = |reply| (ArrivalEnd::Answered, reply);
    let known = world.lines.get(&subscriber).and_then(|line| line.pin);
    let right = match (known, old) {
        (None, _) => Tried::Right,
        (Some(_), Some(old)) => tried(world, subscriber, old, context),
        (Some(_), None) => return answered(Reply::PinNeeded),
    };
    match right {
        Tried::Right => {}
        Tried::Blocked => return answered(Reply::PinBlocked),
        Tried::Wrong => {
            let line = world.lines.get(&subscriber);
            let tries = line.and_then(|line| line.pin);
            let tries = tries.map_or(0, |pin| pin.tries_left());
            let tries = Count(tries.into());
            return answered(Reply::PinWrong { tries });
        }
    }
    let check = context.pin_check(subscriber, new);
    if let Some(line) = world.lines.change(&subscriber) {
        line.pin = Some(PinCheck::new(check));
        world.imported_lines.insert(subscriber);
    }
    speech::answer(world, arrival, subscriber, None, &Reply::PinSet, context);
    answered(Reply::PinSet)
}

/// An operator takes a PIN away, blocked or forgotten: the subscriber chooses another.
pub(super) fn reset(world: &mut World, account: &Arc<str>, who: &str) -> Outcome {
    let Some(subscriber) = world.by_account.get(account).copied() else {
        return Outcome::Refused(Denied::NotFound("account"));
    };
    let Some(line) = world.lines.change(&subscriber) else {
        return Outcome::Refused(Denied::NotFound("account"));
    };
    if line.pin.take().is_none() {
        return Outcome::AlreadyDone;
    }
    world.imported_lines.insert(subscriber);
    let text = format!("the PIN of {account} was taken away by {who}");
    world.notice("pin_reset", None, None, text);
    Outcome::Done
}
