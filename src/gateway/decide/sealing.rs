//! What goes to a card: a command packet under the next counter, in one short message that the phone
//! hands to the card unread.

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::auth::command::{CommandDraft, open_command, seal_command};
use crate::auth::secured_packet::{COUNTER_MAX, KeyRecord, Spi, Spi1, Spi2};
use crate::auth::sim_keys::Direction;
use crate::domain::ids::SubscriberId;
use crate::domain::key_versions::{KeyVersion, OlderKeys};
use crate::domain::subscriber::Line;
use crate::gateway::context::{Context, NoKeys};
use crate::gateway::record::ShortMessage;
use crate::gateway::world::World;

/// Data under the next counter towards the SIM: that counter, and the message. None when no counter
/// is left.
pub(super) fn seal(
    line: &Line,
    data: &[u8],
    spi1: Spi1,
    record: &KeyRecord,
) -> Option<(u64, ShortMessage)> {
    let counter = line
        .mt_counter
        .checked_add(1)
        .filter(|counter| *counter < COUNTER_MAX)?;
    let spi2 = Spi2(0);
    let draft = CommandDraft {
        spi: Spi { spi1, spi2 },
        counter,
        data,
    };
    let packet = seal_command(&draft, record).ok()?;
    let user_data = [COMMAND_HEADER, &packet].concat();
    let message = ShortMessage {
        udhi: true,
        protocol_id: SIM_DATA_DOWNLOAD,
        data_coding: CLASS_2_8_BIT,
        user_data: Bytes::from(user_data),
    };
    Some((counter, message))
}

/// A sealed message once more, under the next counter of the keys in use: others may have reached the
/// card since. None when it was not sealed for the card that the line has now, or no counter is left.
pub(super) fn reseal(
    world: &mut World,
    subscriber: SubscriberId,
    message: &ShortMessage,
    context: &Context,
) -> Option<(u64, ShortMessage)> {
    let packet = message.user_data.strip_prefix(COMMAND_HEADER)?;
    let line = world.lines.get(&subscriber)?;
    let (in_use, older) = (line.keys_in_use(), line.older.as_ref().map(OlderKeys::keys));
    let record = keys(world, subscriber, &in_use, Direction::Mt, context)?;
    let opened = open_command(packet, &record).or_else(|refused| {
        let record =
            older.and_then(|older| keys(world, subscriber, &older, Direction::Mt, context));
        record.map_or(Err(refused), |record| open_command(packet, &record))
    });
    let opened = opened.ok()?.into_inner();
    // There may be keys in it, or a PIN.
    let data = Zeroizing::new(opened.data);
    let line = world.lines.get(&subscriber)?;
    seal(line, &data, opened.spi.spi1, &record)
}

/// Keys of a subscriber's SIM. Those that are not at hand undo what is decided here: it is decided
/// again when they are.
pub(super) fn keys(
    world: &mut World,
    subscriber: SubscriberId,
    version: &KeyVersion,
    direction: Direction,
    context: &Context,
) -> Option<KeyRecord> {
    let line = world.lines.get(&subscriber)?;
    match context.version_keys(line, version, direction) {
        Ok(record) => Some(record),
        Err(NoKeys::None) => None,
        Err(NoKeys::Away(place)) => {
            world.missed.note(place);
            None
        }
    }
}

/// Whether a message is a sealed one.
pub(super) fn is_sealed(message: &ShortMessage) -> bool {
    message.udhi && message.user_data.starts_with(COMMAND_HEADER)
}

/// UDHL, IEI 70 (command packet) and its length: 3GPP TS 31.115 §4.2.
const COMMAND_HEADER: &[u8] = &[0x02, 0x70, 0x00];
/// TP-PID of (U)SIM data download: 3GPP TS 23.040 §9.2.3.9.
const SIM_DATA_DOWNLOAD: u8 = 0x7F;
/// TP-DCS of 8-bit data for the SIM: 3GPP TS 23.038 §4.
const CLASS_2_8_BIT: u8 = 0xF6;
