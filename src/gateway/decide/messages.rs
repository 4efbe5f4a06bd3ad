//! What became of messages to phones: acknowledged, parked, received; and parts that wait no more.

use std::sync::Arc;

use crate::domain::ids::OutboxId;
use crate::gateway::context::Context;
use crate::gateway::member::{Denied, OutboxEnd, OutboxSettled, Outcome, Receipt};
use crate::gateway::policy::after_s;
use crate::gateway::world::{SentRow, World};

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
                    outbox: id,
                    purchase: row.purchase,
                    at: world.now,
                    state: None,
                };
                world.sent.insert((row.smsc, message_id), sent);
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

/// A parked message goes out again, with a new time to live.
pub(super) fn retried(world: &mut World, id: OutboxId, context: &Context) -> Outcome {
    let Some((mut row, _)) = world.parked.get(&id).cloned() else {
        return Outcome::Refused(Denied::NotFound("parked message"));
    };
    row.expires = after_s(world.now, context.policy.reply_within_s);
    world.parked.remove(&id);
    world.outbox.insert(id, row);
    Outcome::Done
}

/// A delivery receipt is matched to what was sent; one that matches nothing is left alone.
pub(super) fn received(world: &mut World, receipt: &Receipt) -> Outcome {
    for candidate in &receipt.candidates {
        let key = (Arc::clone(&receipt.smsc), Arc::clone(candidate));
        if let Some(sent) = world.sent.change(&key) {
            sent.state = Some(Arc::clone(&receipt.state));
            return Outcome::Done;
        }
    }
    Outcome::AlreadyDone
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
