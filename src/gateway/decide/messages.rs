//! What became of messages to phones: acknowledged, parked, received; and parts that wait no more.

use std::sync::Arc;

use crate::domain::ids::OutboxId;
use crate::gateway::context::Context;
use crate::gateway::decide::sealing;
use crate::gateway::dispatch::message_reference;
use crate::gateway::member::{Denied, OutboxEnd, OutboxSettled, Outcome, Receipt};
use crate::gateway::policy::after_s;
use crate::gateway::record::{OutboxRow, SentRow, ShortMessage};
use crate::gateway::world::World;

/// The SMSC took or refused these messages. A row that is gone was settled before.
pub(super) fn settled(world: &mut World, settled: Vec<OutboxSettled>) -> Outcome {
    for OutboxSettled { id, end } in settled {
        let Some(row) = world.outbox.get(&id).cloned() else {
            continue;
        };
        world.outbox.remove(&id);
        match end {
            OutboxEnd::Taken {
                message_id,
                receipt: true,
            } => {
                let sent = SentRow {
                    smsc: row.smsc,
                    message_id,
                    to: row.to,
                    reference: message_reference(id),
                    purchase: row.purchase,
                    at: world.now,
                    state: None,
                };
                world.sent.insert(id, sent);
            }
            OutboxEnd::Taken { receipt: false, .. } => {}
            OutboxEnd::Parked { cause } => {
                let text = format!("message {id} by {}: {cause}", row.smsc);
                world.notice("message_parked", row.purchase, None, text);
                world.parked.insert(id, (row, cause));
            }
        }
    }
    Outcome::Done
}

/// This node sends these from now on, unless another does. A sealed one is sealed anew: what this
/// node wrote to the card meanwhile, under higher counters, may have left before it.
pub(super) fn claimed(world: &mut World, rows: &[OutboxId], context: &Context) -> Outcome {
    let node = Some(world.counters.node);
    for id in rows {
        let free = world.outbox.get(id).filter(|row| row.node.is_none());
        let Some(row) = free.cloned() else {
            continue;
        };
        let sealed = sealing::is_sealed(&row.message);
        let anew = sealed.then(|| sealed_anew(world, &row, context)).flatten();
        if let Some(message) = anew {
            let id = OutboxId(world.next_id());
            world.outbox.remove(&row.id);
            let row = OutboxRow {
                id,
                message,
                node,
                ..row
            };
            world.outbox.insert(id, row);
        } else if let Some(row) = world.outbox.change(id) {
            row.node = node;
        }
    }
    Outcome::Done
}

/// A sealed message under the next counter of its number's card; none when that is another card
/// now, which could not open it.
fn sealed_anew(world: &mut World, row: &OutboxRow, context: &Context) -> Option<ShortMessage> {
    let line = world.by_msisdn.get(&row.to);
    let line = line.and_then(|subscriber| world.lines.get(subscriber))?;
    let subscriber = line.subscriber;
    let (counter, message) = sealing::reseal(world, subscriber, &row.message, context)?;
    world.lines.change(&subscriber)?.mt_counter = counter;
    Some(message)
}

/// These are left to any node that is bound to their SMSC.
pub(super) fn released(world: &mut World, rows: &[OutboxId]) -> Outcome {
    let node = world.counters.node;
    for id in rows {
        let is_own = world
            .outbox
            .get(id)
            .is_some_and(|row| row.node == Some(node));
        if is_own && let Some(row) = world.outbox.change(id) {
            row.node = None;
        }
    }
    Outcome::Done
}

/// A parked message goes out again as a new one, with a new time to live. A sealed one has a new
/// counter too: the card has opened later ones meanwhile. Ids and counters rise together, so that
/// messages that leave in the order of their ids are in order for the card.
pub(super) fn retried(world: &mut World, parked: OutboxId, context: &Context) -> Outcome {
    let Some((mut row, _)) = world.parked.get(&parked).cloned() else {
        return Outcome::Refused(Denied::NotFound("parked message"));
    };
    if sealing::is_sealed(&row.message) {
        let Some(message) = sealed_anew(world, &row, context) else {
            let text = "the number has another card now, which could not open the message";
            return Outcome::Refused(Denied::Conflict(text.to_owned()));
        };
        row.message = message;
    }
    row.id = OutboxId(world.next_id());
    row.expires = after_s(world.now, context.policy.reply_within_s);
    row.node = context.policy.sender_by(&row.smsc, world.counters.node);
    world.parked.remove(&parked);
    world.outbox.insert(row.id, row);
    Outcome::Done
}

/// A delivery receipt is matched to what was sent by any bind of its SMSC. One that matches nothing
/// is not found: its message may not be committed as sent yet, so whoever brings it may ask again.
pub(super) fn received(world: &mut World, receipt: &Receipt) -> Outcome {
    let sent = named(world, receipt).and_then(|id| world.sent.change(&id));
    let Some(sent) = sent else {
        return Outcome::Refused(Denied::NotFound("sent message"));
    };
    sent.state = Some(Arc::clone(&receipt.state));
    Outcome::Done
}

/// The message that a receipt is of. Among those to its number it is one with its id, in whichever
/// base the SMSC wrote it; else one with our reference: the latest, should several be. Without a
/// number only the id as written counts: read in another base it could be another subscriber's.
fn named(world: &World, receipt: &Receipt) -> Option<OutboxId> {
    let of_smsc = world.sent.iter();
    let of_smsc = of_smsc.filter(|(_, sent)| sent.smsc == receipt.smsc);
    let Some(to) = receipt.to else {
        let written = receipt.candidates.first()?;
        let with_id = of_smsc.filter(|(_, sent)| sent.message_id == *written);
        return with_id.map(|(id, _)| *id).max();
    };
    let likeness = |sent: &SentRow| {
        let id = receipt.candidates.contains(&sent.message_id);
        let reference = receipt.reference == Some(sent.reference);
        (id || reference).then_some((id && reference, id))
    };
    of_smsc
        .filter(|(_, sent)| sent.to == to)
        .filter_map(|(id, sent)| likeness(sent).map(|likeness| (likeness, *id)))
        .max()
        .map(|(_, id)| id)
}

/// Drops messages below an id that were sent, as many as were read; nothing was left to do when none
/// was.
pub(super) fn sweep_sent(world: &mut World, below: OutboxId) -> Outcome {
    let old: Vec<OutboxId> = world.sent.iter().map(|(id, _)| *id).collect();
    let old: Vec<OutboxId> = old.into_iter().filter(|id| *id < below).collect();
    if old.is_empty() {
        return Outcome::AlreadyDone;
    }
    for id in old {
        world.sent.remove(&id);
    }
    Outcome::Done
}

/// Drops parts and tombstones whose time is over, as many as were read, and payment order numbers
/// that are free again; no part was left to be dropped when none was.
pub(super) fn sweep(world: &mut World) -> Outcome {
    world.sweeps_numbers = true;
    let now = world.now;
    let over: Vec<_> = world
        .parts
        .iter()
        .filter(|(_, set)| set.is_expired(now))
        .map(|(key, _)| key.clone())
        .collect();
    if over.is_empty() {
        return Outcome::AlreadyDone;
    }
    for key in over {
        world.parts.remove(&key);
    }
    Outcome::Done
}
