//! The first steps in a new epoch of the books: what was open when the backup was made has gone on
//! since, and nobody here knows how.

use std::sync::Arc;

use crate::domain::ids::{PurchaseId, PurseId};
use crate::domain::money::Currency;
use crate::domain::purchase::{Event, State};
use crate::domain::refusal::Refusal;
use crate::gateway::context::Context;
use crate::gateway::decide::life;
use crate::gateway::member::Outcome;
use crate::gateway::table::Table;
use crate::gateway::world::World;
use crate::sv::log::LogRecord;
use crate::sv::mac::MacKey;
use crate::sv::purse::Purse;

/// Takes the node's purses into the epoch of the books: numbers of an older one neither pay nor
/// testify from now on. In their own epoch nothing changes.
pub(super) fn enter(world: &mut World, context: &Context) {
    let epoch = world.counters.books.number;
    for currency in older(&world.lanes, epoch) {
        let own = context.transfer_keys(currency).map(|keys| keys.lane);
        if let Some((name, record)) = renew(world.lanes.change(&currency), epoch, own) {
            world.counters.purse_log = world.counters.purse_log.saturating_add(1);
            let number = world.counters.purse_log;
            world.purse_log.push((number, name, record));
        }
    }
    for currency in older(&world.pos, epoch) {
        let own = context.transfer_keys(currency).map(|keys| keys.pos);
        if let Some((name, record)) = renew(world.pos.change(&currency), epoch, own) {
            world.counters.pos_log = world.counters.pos_log.saturating_add(1);
            let number = world.counters.pos_log;
            world.pos_log.push((number, name, record));
        }
    }
}

/// The currencies whose purses are of an older epoch.
fn older(purses: &Table<Currency, Purse>, epoch: u16) -> Vec<Currency> {
    let is_older = |purse: &Purse| purse.row().next_seq.epoch() < u64::from(epoch);
    let older = purses.iter().filter(|(_, purse)| is_older(purse));
    older.map(|(currency, _)| *currency).collect()
}

/// Takes a purse into its new epoch; its record of a payment that it gave up for that.
fn renew(
    purse: Option<&mut Purse>,
    epoch: u16,
    own: Option<&MacKey>,
) -> Option<(PurseId, LogRecord)> {
    let (purse, own) = (purse?, own?);
    // The only error is an epoch that is not above the purse's, and it is.
    let record = purse.enter_epoch(epoch, own).ok().flatten()?;
    Some((purse.row().name.clone(), record))
}

/// Purchases that were open in the backup. A number that waited to be paid is withdrawn; what was
/// paid has an end that is unknown until a machine, a delivered file or a person tells it.
pub(super) fn ended(world: &mut World, purchases: &[PurchaseId], context: &Context) -> Outcome {
    let reason: Arc<str> = "the books were restored from a backup".into();
    for id in purchases {
        let Some(record) = world.purchases.get(id) else {
            continue;
        };
        let event = if record.life.state == State::Ordered {
            Event::Refuse(Refusal::PonWithdrawn)
        } else {
            Event::BooksRestored
        };
        // One that has ended meanwhile is out of order, and is left as it is.
        let _ = life::step(world, *id, event, Some(Arc::clone(&reason)), context);
    }
    Outcome::Done
}
