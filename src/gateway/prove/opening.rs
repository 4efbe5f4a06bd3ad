//! Opens what a card made, with the keys of the card that the sender has.

use super::Said;
use crate::auth::command::{CommandPacket, open_command, refuse_stranger};
use crate::auth::secured_packet::KeyRecord;
use crate::auth::short_order::{open_short_order, refuse_short_stranger};
use crate::auth::sim_keys::Direction;
use crate::auth::{Authentic, Refusal};
use crate::dialogue::secured_order::SecuredOrder;
use crate::domain::ids::SubscriberId;
use crate::gateway::context::{Context, NoKeys};
use crate::gateway::member::Arrival;
use crate::gateway::world::World;

/// Proves a packet. A stranger's costs as much time as a forger's.
pub(super) fn open(world: &World, arrival: &Arrival, packet: &[u8], context: &Context) -> Said {
    match card_of(world, arrival, context) {
        Ok((subscriber, record)) => opened(subscriber, open_command(packet, &record)),
        Err(NoKeys::Away(place)) => Said::Keyless(place),
        Err(NoKeys::None) => Said::Forged(refuse_stranger(packet, context.decoy()).class()),
    }
}

/// The same by USSD.
pub(super) fn open_short(
    world: &World,
    arrival: &Arrival,
    octets: &[u8],
    context: &Context,
) -> Said {
    match card_of(world, arrival, context) {
        Ok((subscriber, record)) => opened(subscriber, open_short_order(octets, &record)),
        Err(NoKeys::Away(place)) => Said::Keyless(place),
        Err(NoKeys::None) => Said::Forged(refuse_short_stranger(octets, context.decoy()).class()),
    }
}

/// The subscriber who has the sender's number, and the keys of the card.
fn card_of(
    world: &World,
    arrival: &Arrival,
    context: &Context,
) -> Result<(SubscriberId, KeyRecord), NoKeys> {
    let subscriber = arrival
        .sender
        .and_then(|sender| world.by_msisdn.get(&sender));
    let line = subscriber.and_then(|subscriber| world.lines.get(subscriber));
    let line = line.ok_or(NoKeys::None)?;
    let record = context.sim_keys(line, Direction::Mo)?;
    Ok((line.subscriber, record))
}

fn opened(subscriber: SubscriberId, packet: Result<Authentic<CommandPacket>, Refusal>) -> Said {
    match packet {
        Ok(packet) => {
            let order = SecuredOrder::decode(&packet.data);
            Said::Secured {
                subscriber,
                packet,
                order,
            }
        }
        Err(refusal) => Said::Forged(refusal.class()),
    }
}
