//! Opens what a card made, with the keys of the card that the sender has: those in use, those that
//! were sent to replace them, and those before while they are good.

use super::Said;
use crate::auth::command::{CommandPacket, open_command, refuse_stranger};
use crate::auth::secured_packet::KeyRecord;
use crate::auth::short_order::{open_short_order, refuse_short_stranger};
use crate::auth::sim_keys::Direction;
use crate::auth::{Authentic, Refusal};
use crate::dialogue::secured_order::SecuredOrder;
use crate::domain::key_versions::{KeyVersion, OlderKeys, PendingKeys};
use crate::domain::subscriber::Line;
use crate::gateway::context::{Context, NoKeys};
use crate::gateway::member::Arrival;
use crate::gateway::world::World;

/// Proves a packet. A stranger's costs as much time as a forger's.
pub(super) fn open(world: &World, arrival: &Arrival, packet: &[u8], context: &Context) -> Said {
    let form = Form {
        open: |packet, record| open_command(packet, record),
        refuse: |packet, decoy| refuse_stranger(packet, decoy),
    };
    form.prove(world, arrival, packet, context)
}

/// The same by USSD.
pub(super) fn open_short(
    world: &World,
    arrival: &Arrival,
    octets: &[u8],
    context: &Context,
) -> Said {
    let form = Form {
        open: |octets, record| open_short_order(octets, record),
        refuse: |octets, decoy| refuse_short_stranger(octets, decoy),
    };
    form.prove(world, arrival, octets, context)
}

/// How one form of packet is opened, and how one of a stranger is refused in the same time.
struct Form {
    open: fn(&[u8], &KeyRecord) -> Result<Authentic<CommandPacket>, Refusal>,
    refuse: fn(&[u8], &KeyRecord) -> Refusal,
}

impl Form {
    /// Tries every version of the card's keys that is good. A forgery is tried as often under keys of
    /// no card: the time of the answer tells neither who is a customer nor whose keys change.
    fn prove(&self, world: &World, arrival: &Arrival, packet: &[u8], context: &Context) -> Said {
        let line = arrival
            .sender
            .and_then(|sender| world.by_msisdn.get(&sender))
            .and_then(|subscriber| world.lines.get(subscriber));
        let (mut tried, mut refused) = (0_usize, None);
        for (line, version) in line.into_iter().flat_map(|line| good(line, world)) {
            let record = match context.version_keys(line, &version, Direction::Mo) {
                Ok(record) => record,
                Err(NoKeys::Away(place)) => {
                    return match self.wrong_under_any(line, packet, context) {
                        Some(refusal) => Said::Forged(refusal.class()),
                        None => Said::Keyless(place),
                    };
                }
                Err(NoKeys::None) => continue,
            };
            tried = tried.saturating_add(1);
            match (self.open)(packet, &record) {
                Ok(packet) => return opened(line, version.0, packet),
                Err(Refusal::CcFailed) => refused = Some(Refusal::CcFailed),
                // What is wrong besides is wrong under every version.
                Err(refusal) => {
                    refused = Some(refusal);
                    break;
                }
            }
        }
        match refused {
            None | Some(Refusal::CcFailed) => {}
            Some(refusal) => return Said::Forged(refusal.class()),
        }
        let mut stranger = Refusal::UnknownSender;
        for _ in tried..VERSIONS_GOOD_MAX {
            stranger = (self.refuse)(packet, context.decoy());
        }
        Said::Forged(refused.unwrap_or(stranger).class())
    }

    /// What is wrong with a packet whatever the keys, so that no token is asked for those of a card
    /// whose number a forger wrote.
    fn wrong_under_any(&self, line: &Line, packet: &[u8], context: &Context) -> Option<Refusal> {
        let opened = (self.open)(packet, &context.keyless(line)?);
        opened.err().filter(|refusal| *refusal != Refusal::CcFailed)
    }
}

/// The versions of a card's keys that an order may be made with now.
fn good<'a>(line: &'a Line, world: &World) -> impl Iterator<Item = (&'a Line, KeyVersion)> {
    let older = line.older.as_ref();
    let older = older.filter(|older| world.now < older.until);
    let pending = line.pending.as_ref().map(PendingKeys::keys);
    let others = pending.into_iter().chain(older.map(OlderKeys::keys));
    std::iter::once(line.keys_in_use())
        .chain(others)
        .map(move |version| (line, version))
}

fn opened(line: &Line, version: u8, packet: Authentic<CommandPacket>) -> Said {
    let order = SecuredOrder::decode(&packet.data);
    Said::Secured {
        subscriber: line.subscriber,
        version,
        packet,
        order,
    }
}

/// Those in use, those to come, those before.
const VERSIONS_GOOD_MAX: usize = 3;
