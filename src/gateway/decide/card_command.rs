//! Commands to a card: sealed under the next counter, in the outbox with their cause. The card answers
//! none of them: that one was lost shows by its receipt, or by what the card does next.

use std::sync::Arc;

use crate::auth::sim_keys::Direction;
use crate::dialogue::card_command::CardCommand;
use crate::domain::ids::{OutboxId, PurchaseId, SubscriberId};
use crate::gateway::context::Context;
use crate::gateway::decide::sealing;
use crate::gateway::member::{CardOrder, Denied, Outcome};
use crate::gateway::policy::after_s;
use crate::gateway::record::OutboxRow;
use crate::gateway::world::{KeyEvent, World};

/// An operator has cards do something. The same again is another message: a card does it again.
pub(super) fn ordered(world: &mut World, order: &CardOrder, context: &Context) -> Outcome {
    let accounts = order.accounts.iter();
    let ends = accounts.map(|account| {
        let end = to_account(world, account, order, context);
        (Arc::clone(account), end)
    });
    Outcome::Commanded(ends.collect())
}

fn to_account(
    world: &mut World,
    account: &Arc<str>,
    order: &CardOrder,
    context: &Context,
) -> Result<u8, Denied> {
    let subscriber = world.by_account.get(account).copied();
    let subscriber = subscriber.ok_or(Denied::NotFound("account"))?;
    let sending = Sending {
        purchase: None,
        for_s: context.policy.reply_within_s,
    };
    let version = send(world, subscriber, &order.command, sending, context)?;
    let detail = order.command.name();
    log(world, subscriber, &order.who, "card_command", detail);
    Ok(version)
}

/// How a command goes.
#[derive(Clone, Copy)]
pub(super) struct Sending {
    /// What it is about.
    pub(super) purchase: Option<PurchaseId>,
    /// For how many seconds it is worth sending.
    pub(super) for_s: u32,
}

/// Writes a command into the outbox; the version of the keys that it is sealed under.
///
/// # Errors
///
/// [`Denied`] says why nothing can be sent to this card, and the remedy; nothing has changed then.
pub(super) fn send(
    world: &mut World,
    subscriber: SubscriberId,
    command: &CardCommand,
    sending: Sending,
    context: &Context,
) -> Result<u8, Denied> {
    let line = world.lines.get(&subscriber);
    let line = line.ok_or(Denied::NotFound("account"))?;
    let account = Arc::clone(&line.reference);
    let invalid = |why: &str| Denied::Invalid(format!("account {account}: {why}"));
    let way = context.policy.cards.way.as_ref();
    let way = way.ok_or_else(|| invalid("no [[smsc]] transmits, so nothing reaches its card"))?;
    let to = line.msisdn.ok_or_else(|| invalid("it has no number"))?;
    if line.iccid.is_none() {
        return Err(invalid("it has no card"));
    }
    let version = line.keys_in_use();
    let record = sealing::keys(world, subscriber, &version, Direction::Mt, context);
    let record = record.ok_or_else(|| invalid(NO_KEYS))?;
    let data = command
        .encode()
        .map_err(|long| invalid(&long.to_string()))?;
    let level = record.profile.spi1_min;
    let spi1 = if command.is_secret() {
        level.with_ciphering()
    } else {
        level
    };
    let line = world.lines.get(&subscriber);
    let (counter, message) = line
        .and_then(|line| sealing::seal(line, &data, spi1, &record))
        .ok_or_else(|| invalid("the counter to its card is used up: give it new keys"))?;
    let row = OutboxRow {
        id: OutboxId(world.next_id()),
        purchase: sending.purchase,
        smsc: Arc::clone(&way.smsc),
        from: Arc::clone(&way.service),
        to,
        message,
        created: world.now,
        expires: after_s(world.now, sending.for_s),
        node: context.policy.sender_by(&way.smsc, world.counters.node),
        asks: None,
    };
    world.outbox.insert(row.id, row);
    if let Some(line) = world.lines.change(&subscriber) {
        line.mt_counter = counter;
    }
    Ok(version.0)
}

/// Writes who did what to a subscriber's card.
pub(super) fn log(
    world: &mut World,
    subscriber: SubscriberId,
    who: &Arc<str>,
    what: &'static str,
    detail: &str,
) {
    let Some(line) = world.lines.get(&subscriber) else {
        return;
    };
    let account = &line.reference;
    let event = KeyEvent {
        who: Arc::clone(who),
        what,
        subject: line.iccid.clone().unwrap_or_else(|| Arc::clone(account)),
        detail: format!("{detail}, account {account}"),
    };
    world.key_events.push(event);
}

/// Why a card can't be spoken with.
pub(super) const NO_KEYS: &str = "its card's keys are not to be had: its profile is not in the \
     configuration, or its imported keys are of another master";
