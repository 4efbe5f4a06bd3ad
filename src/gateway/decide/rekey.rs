//! New keys for a card: sent under those in use, again until the card has used them, and in use from
//! its first packet under them on.
//!
//! ```text
//! rotate ─► pending ─► sent (again, again …) ─► its first packet: cut-over ─► older, good for a while
//!                 └─► sent often enough: a notice, and still pending: the card may have them
//! ```
//! While keys are pending no others are sent: a card that has them would take no others from before.
//! All versions of a card's keys carry the `KIc` and KID octets of its profile, so that a card without
//! an answer yet is known by its checksum alone.

use std::sync::Arc;

use crate::auth::sim_keys::Direction;
use crate::dialogue::card_command::{CardCommand, NewKeys};
use crate::domain::Millis;
use crate::domain::card::CardPast;
use crate::domain::ids::SubscriberId;
use crate::domain::key_versions::{KeyCounters, PendingKeys};
use crate::domain::subscriber::Line;
use crate::gateway::context::{Context, STANDARD_PROFILE};
use crate::gateway::decide::card_command::{self, Sending};
use crate::gateway::decide::sealing;
use crate::gateway::member::{Denied, Outcome, Rotation};
use crate::gateway::policy::after_s;
use crate::gateway::world::World;

/// An operator gives cards new keys: what became of each account.
pub(super) fn rotated(world: &mut World, rotation: &Rotation, context: &Context) -> Outcome {
    let accounts = rotation.accounts.iter();
    let ends = accounts.map(|account| {
        let end = rotate(world, account, rotation, context);
        (Arc::clone(account), end)
    });
    Outcome::Commanded(ends.collect())
}

fn rotate(
    world: &mut World,
    account: &Arc<str>,
    rotation: &Rotation,
    context: &Context,
) -> Result<u8, Denied> {
    let subscriber = world.by_account.get(account).copied();
    let subscriber = subscriber.ok_or(Denied::NotFound("account"))?;
    let line = world.lines.get(&subscriber);
    let line = line.ok_or(Denied::NotFound("account"))?;
    let pending = match &line.pending {
        Some(pending) => again(line, pending, rotation.to)?,
        None => first(world, line, rotation.to)?,
    };
    let version = pending.version;
    send(world, subscriber, pending, context)?;
    let detail = format!("version {version}");
    card_command::log(world, subscriber, &rotation.who, "keys_sent", &detail);
    Ok(version)
}

/// Keys that are under way are sent once more, from the beginning of their repetitions.
fn again(line: &Line, pending: &PendingKeys, to: Option<u8>) -> Result<PendingKeys, Denied> {
    let (account, version) = (&line.reference, pending.version);
    if to.is_some_and(|to| to != version) {
        return Err(Denied::Conflict(format!(
            "account {account}: keys of version {version} were sent, and its card may have them: no \
             others can be sent before it has used these"
        )));
    }
    Ok(PendingKeys {
        times: 0,
        ..pending.clone()
    })
}

/// The version after every one that the card may know, or the one that is asked for, if it is above;
/// with the keys that were imported for it, where there are any.
fn first(world: &World, line: &Line, to: Option<u8>) -> Result<PendingKeys, Denied> {
    let known = world.newest_version(line);
    let version = match to {
        Some(to) if to > known => to,
        Some(to) => {
            return Err(Denied::Invalid(format!(
                "account {}: version {to} is not above {known}, which its card may know: a card \
                 never goes back",
                line.reference
            )));
        }
        None => known.checked_add(1).ok_or_else(|| {
            let account = &line.reference;
            Denied::Invalid(format!(
                "account {account}: its card may know version 255, the last: it needs another card"
            ))
        })?,
    };
    let imported = line.iccid.as_ref();
    let imported = imported.and_then(|card| world.imported_keys(card, version));
    if let Some(keys) = imported {
        let profile = keys.profile.as_deref().unwrap_or(STANDARD_PROFILE);
        if *profile != *line.profile {
            return Err(Denied::Invalid(format!(
                "account {}: keys of version {version} were imported for cards of profile {profile}, \
                 and its card has {}",
                line.reference, line.profile
            )));
        }
    }
    Ok(PendingKeys {
        version,
        sealed: imported.map(|keys| Arc::clone(&keys.sealed)),
        since: world.now,
        times: 0,
        due: None,
        // After a restore they may have been in use already.
        counters: KeyCounters::of_unknown(&world.counters.books),
    })
}

/// Sends keys under those in use; from then on orders are heard under both.
fn send(
    world: &mut World,
    subscriber: SubscriberId,
    pending: PendingKeys,
    context: &Context,
) -> Result<(), Denied> {
    let line = world.lines.get(&subscriber);
    let line = line.ok_or(Denied::NotFound("account"))?;
    let account = Arc::clone(&line.reference);
    let keys = new_keys(world, subscriber, &pending, context)
        .map_err(|why| Denied::Invalid(format!("account {account}: {why}")))?;
    let command = CardCommand::Keys(Box::new(keys));
    let rules = &context.policy.cards;
    let sending = Sending {
        purchase: None,
        for_s: rules.rekey_repeat_s,
    };
    card_command::send(world, subscriber, &command, sending, context)?;
    let due = after_s(world.now, rules.rekey_repeat_s);
    keep(
        world,
        subscriber,
        PendingKeys {
            times: pending.times.saturating_add(1),
            due: Some(due),
            ..pending
        },
    );
    Ok(())
}

fn new_keys(
    world: &mut World,
    subscriber: SubscriberId,
    pending: &PendingKeys,
    context: &Context,
) -> Result<NewKeys, String> {
    let version = pending.keys();
    let mut keys = |direction| {
        let keys = sealing::keys(world, subscriber, &version, direction, context);
        keys.ok_or_else(|| card_command::NO_KEYS.to_owned())
    };
    let (orders, confirmations) = (keys(Direction::Mo)?, keys(Direction::Mt)?);
    let octets = (orders.profile.kic, orders.profile.kid);
    if octets != (confirmations.profile.kic, confirmations.profile.kid) {
        return Err(OTHER_OCTETS.to_owned());
    }
    let keys = NewKeys::new(pending.version, octets, &orders.keys, &confirmations.keys);
    keys.map_err(|error| error.to_string())
}

/// Sends what is due once more, on whichever node; a notice once that was done often enough.
pub(super) fn due(world: &mut World, subscribers: &[SubscriberId], context: &Context) -> Outcome {
    let mut sent = false;
    for subscriber in subscribers {
        let now = world.now;
        let pending = world.lines.get(subscriber);
        let pending = pending.and_then(|line| line.pending.clone());
        let is_due = |due: Millis| due <= now;
        let Some(pending) = pending.filter(|pending| pending.due.is_some_and(is_due)) else {
            continue;
        };
        sent = true;
        if pending.times >= context.policy.cards.rekey_times {
            unanswered(world, *subscriber, pending);
        } else if let Err(denied) = send(world, *subscriber, pending.clone(), context) {
            // Without a number or a way there is nothing to wait for.
            let text = match denied {
                Denied::Invalid(why) | Denied::Conflict(why) => why,
                Denied::NotFound(_) | Denied::Credential | Denied::Order(_) => continue,
            };
            world.notice("rekey_failed", None, Some(*subscriber), text);
            keep(
                world,
                *subscriber,
                PendingKeys {
                    due: None,
                    ..pending
                },
            );
        }
    }
    if sent {
        Outcome::Done
    } else {
        Outcome::AlreadyDone
    }
}

fn unanswered(world: &mut World, subscriber: SubscriberId, pending: PendingKeys) {
    let text = format!(
        "keys of version {} were sent {} times and are not used: `svgate keys rotate` sends them again",
        pending.version, pending.times
    );
    world.notice("rekey_unanswered", None, Some(subscriber), text);
    keep(
        world,
        subscriber,
        PendingKeys {
            due: None,
            ..pending
        },
    );
}

fn keep(world: &mut World, subscriber: SubscriberId, pending: PendingKeys) {
    if let Some(line) = world.lines.change(&subscriber) {
        line.pending = Some(pending);
        world.imported_lines.insert(subscriber);
    }
}

/// The card made a packet with keys of this version. When they were pending, it has them: they are in
/// use from now on, and those before are heard for a while.
pub(super) fn answered(
    world: &mut World,
    subscriber: SubscriberId,
    version: u8,
    context: &Context,
) {
    let until = after_s(world.now, context.policy.cards.old_version_s);
    let books = world.counters.books;
    let pending = world.lines.get(&subscriber);
    let pending = pending.and_then(|line| line.pending.as_ref());
    if pending.is_none_or(|pending| pending.version != version) {
        return;
    }
    let Some(line) = world.lines.change(&subscriber) else {
        return;
    };
    let card = line.iccid.clone();
    let pushed_out = line.older.take();
    line.cut_over(version, until);
    world.imported_lines.insert(subscriber);
    if let (Some(card), Some(older)) = (card, pushed_out) {
        let past = world.cards.get(&card).cloned();
        let mut past = past.unwrap_or_else(|| CardPast::of_unknown(&books));
        past.keep_keys(older.version, older.counters);
        world.cards.insert(card, past);
    }
    let detail = format!("version {version}");
    card_command::log(world, subscriber, &"svgate".into(), "keys_in_use", &detail);
}

const OTHER_OCTETS: &str = "its profile has other kic and kid for orders than for confirmations, and \
     a card takes new keys with the same for both";
