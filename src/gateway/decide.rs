//! Decides one member of a batch on the world, in order of arrival: member k sees what k − 1 did.
//!
//! Everything that can fail is worked out before the first row is changed, so that a refusal leaves
//! nothing half done.

mod arrival;
mod billing;
mod card_command;
mod draft;
mod epoch;
mod instructions;
mod key_import;
mod kiosk;
mod life;
mod merchant;
mod messages;
mod pay;
mod pin;
mod provision;
mod recover;
mod refused;
mod rekey;
mod sealing;
mod secured;
mod speech;
mod terminal;
mod text;
mod ussd;
mod value;

pub(super) use self::pay::amount_price;
use crate::gateway::context::Context;
use crate::gateway::member::{Denied, Member, Outcome};
use crate::gateway::prove::Proved;
use crate::gateway::world::World;

/// Decides a whole batch: in order of arrival, but imports of subscribers after everything else.
///
/// A packet was proven by the card that the line had when the batch began. An import that came in
/// between would bring another card's counters, under which the former's old packets may be new.
pub fn decide_batch(world: &mut World, proved: Vec<Proved>, context: &Context) -> Vec<Outcome> {
    epoch::enter(world, context);
    let mut decided = Vec::with_capacity(proved.len());
    let mut imports = Vec::new();
    for (place, member) in proved.into_iter().enumerate() {
        if matches!(member, Proved::Other(Member::ImportLines(_))) {
            imports.push((place, member));
        } else {
            world.missed.member = place;
            decided.push((place, decide(world, member, context)));
        }
    }
    for (place, member) in imports {
        world.missed.member = place;
        decided.push((place, decide(world, member, context)));
    }
    decided.sort_unstable_by_key(|(place, _)| *place);
    decided.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Decides what follows from a proven member. A refusal is an outcome, not an error.
pub fn decide(world: &mut World, proved: Proved, context: &Context) -> Outcome {
    match proved {
        Proved::Arrival(arrival) => arrival::arrived(world, *arrival, context),
        Proved::Other(member) => other(world, member, context),
    }
}

fn other(world: &mut World, member: Member, context: &Context) -> Outcome {
    match member {
        // Every arrival is proven to be one, or not.
        Member::Arrival(_) => Outcome::Refused(Denied::Invalid("not proven".to_owned())),
        Member::KioskOrder(order) => kiosk::ordered(world, order, context),
        Member::TerminalAct(act) => terminal::acted(world, act, context),
        Member::Seen { terminal } => terminal::seen(world, &terminal),
        Member::Deadline { purchase } => life::deadline(world, purchase, context),
        Member::Resolve(resolve) => life::resolved(world, &resolve, context),
        Member::OutboxSettled(settled) => messages::settled(world, settled),
        Member::OutboxRetry(id) => messages::retried(world, id, context),
        Member::OutboxClaim(rows) => messages::claimed(world, &rows, context),
        Member::OutboxRelease(rows) => messages::released(world, &rows),
        Member::Receipt(receipt) => messages::received(world, &receipt),
        Member::LoadPurse(load) => provision::loaded(world, &load, context),
        Member::UnloadPurse(load) => provision::unloaded(world, &load),
        Member::ImportLines(lines) => provision::lines(world, lines, context),
        Member::ImportMerchant(import) => merchant::imported(world, *import, context),
        Member::Token {
            terminal,
            token_sha256,
        } => merchant::token(world, &terminal, token_sha256),
        Member::ResetPin { account, who } => pin::reset(world, &account, &who),
        Member::KeyImport(step) => key_import::step(world, step),
        Member::KeyEvents(events) => {
            world.key_events.extend(events);
            Outcome::Done
        }
        Member::CardOrder(order) => card_command::ordered(world, &order, context),
        Member::Rotate(rotation) => rekey::rotated(world, &rotation, context),
        Member::RekeysDue(subscribers) => rekey::due(world, &subscribers, context),
        Member::CloseBills {
            subscribers,
            cut_off,
        } => billing::close_bills(world, &subscribers, cut_off),
        Member::PayBill(payment) => billing::paid(world, &payment),
        Member::Provisional(purchases) => billing::provisional(world, &purchases, context),
        Member::CloseBatch { allow_empty } => billing::close_batch(world, allow_empty),
        Member::BatchWritten { sequence, sha256 } => {
            world.written_batches.push((sequence, sha256));
            Outcome::Done
        }
        Member::EndEpoch(purchases) => epoch::ended(world, &purchases, context),
        Member::Adopt(step) => recover::adopt(world, &step, context),
        Member::SweepSent { below } => messages::sweep_sent(world, below),
        Member::SweepParts { .. } => messages::sweep(world),
        Member::Reached { smsc, reach } => {
            world.reached.push((smsc, reach));
            Outcome::Done
        }
    }
}
