//! What a terminal says about an ack, and what becomes of the ack.

use crate::domain::ids::{PurchaseId, TerminalId};
use crate::domain::purchase::{Event, State};
use crate::gateway::context::Context;
use crate::gateway::decide::life::{self, NoStep};
use crate::gateway::member::{AckView, Denied, Outcome, TerminalAct, Word};
use crate::gateway::record::PurchaseRecord;
use crate::gateway::world::World;

/// A terminal's word about one ack. The same word again gets the same answer.
pub(super) fn acted(world: &mut World, act: TerminalAct, context: &Context) -> Outcome {
    let Some(terminal) = world.terminals.get(&act.terminal) else {
        return Outcome::Refused(Denied::Credential);
    };
    if terminal.token_sha256 != Some(act.token_sha256) {
        return Outcome::Refused(Denied::Credential);
    }
    let Some(id) = purchase_of(world, &act) else {
        // Who names the purchase is told all that the books know of it: nothing.
        let gone = act.purchase.is_none() && (1..=terminal.last_ack).contains(&act.ack);
        return Outcome::Refused(if gone {
            Denied::Conflict(crate::vend::CLOSED_ACK.to_owned())
        } else {
            Denied::NotFound("ack")
        });
    };
    seen(world, &act.terminal);
    let Some(record) = world.purchases.get(&id) else {
        return Outcome::Refused(Denied::NotFound("ack"));
    };
    let before = record.life.state;
    let event = event_of(act.word, record.life.units);
    let reason = act.reason.clone();
    let taken = match life::step(world, id, event, reason, context) {
        Ok(_) => true,
        Err(NoStep::OutOfOrder(_)) => repeats(act.word, before, record_units(world, id)),
        Err(NoStep::NoPurchase | NoStep::Impossible) => false,
    };
    if !taken {
        late(world, id, &act, before);
    }
    match world
        .purchases
        .get(&id)
        .and_then(|record| view(world, record, taken))
    {
        Some(view) => Outcome::Ack(view),
        None => Outcome::Refused(Denied::NotFound("ack")),
    }
}

/// A sign of life, kept to some seconds.
pub(super) fn seen(world: &mut World, id: &TerminalId) -> Outcome {
    let now = world.now;
    let stale = world
        .terminals
        .get(id)
        .is_some_and(|t| now.since(t.seen) >= SEEN_WITHIN_MS);
    if stale && let Some(terminal) = world.terminals.change(id) {
        terminal.seen = now;
    }
    Outcome::Done
}

/// Takes the ack off the terminal's open ones and remembers it as the last.
pub(super) fn close_ack(world: &mut World, record: &PurchaseRecord) {
    let (Some(terminal), Some(ack)) = (&record.terminal, record.ack) else {
        return;
    };
    world.acks.remove(&(terminal.clone(), ack));
    if let Some(terminal) = world.terminals.change(terminal) {
        terminal.open_acks = terminal.open_acks.saturating_sub(1);
        terminal.last_closed = Some((ack, record.life.id));
    }
}

/// An end that nobody knows does not keep a slot: a machine that came back sells again while a person
/// finds out. Leaving that state takes the slot once more, so that closing the ack frees one.
pub(super) fn keep_slot(world: &mut World, after: &PurchaseRecord, before: State) {
    let (was, is) = (before == State::Unknown, after.life.state == State::Unknown);
    // One that was recovered from a file has no ack that could keep one.
    let changes = was != is && after.ack.is_some();
    let Some(terminal) = after.terminal.as_ref().filter(|_| changes) else {
        return;
    };
    if let Some(terminal) = world.terminals.change(terminal) {
        terminal.open_acks = if is {
            terminal.open_acks.saturating_sub(1)
        } else {
            terminal.open_acks.saturating_add(1)
        };
    }
}

/// An ack as its terminal sees it; none for a purchase that has none.
pub(super) fn view(world: &World, record: &PurchaseRecord, taken: bool) -> Option<AckView> {
    Some(AckView {
        ack: record.ack?,
        purchase: record.life.id,
        state: record.life.state,
        item: record.item,
        units: record.life.units,
        value: record.charge.wholesale,
        currency: record.currency?,
        pon: record.pon,
        remaining_ms: record
            .deadline
            .map(|deadline| deadline.since(world.now).max(0)),
        taken,
    })
}

/// By its open ack, as the one closed last, or by the id that the terminal kept.
fn purchase_of(world: &World, act: &TerminalAct) -> Option<PurchaseId> {
    let key = (act.terminal.clone(), act.ack);
    let open = world.acks.get(&key).copied();
    let last = world
        .terminals
        .get(&act.terminal)
        .and_then(|t| t.last_closed);
    let closed = last
        .filter(|(ack, _)| *ack == act.ack)
        .map(|(_, purchase)| purchase);
    let id = open.or(closed).or(act.purchase)?;
    let record = world.purchases.get(&id)?;
    let is_this = record.terminal.as_ref() == Some(&act.terminal) && record.ack == Some(act.ack);
    is_this.then_some(id)
}

fn event_of(word: Word, ordered: u8) -> Event {
    match word {
        Word::Accept => Event::AckAccepted,
        Word::Withdraw => Event::AckWithdrawn,
        Word::Dispensing => Event::DispensingStarted,
        Word::Supplied { units } => Event::SupplyReported {
            units: units.unwrap_or(ordered),
        },
        Word::Failed => Event::SupplyReported { units: 0 },
        Word::Reset { approved } => Event::TerminalReset { approved },
    }
}

/// Whether a word that came out of order says just what stands: it was sent again.
fn repeats(word: Word, state: State, ordered: u8) -> bool {
    match (word, state) {
        (Word::Accept, State::Accepted)
        | (Word::Accept | Word::Dispensing, State::Dispensing | State::Supplied { .. })
        | (
            Word::Withdraw | Word::Failed | Word::Reset { approved: false },
            State::Refunding { supplied: 0 } | State::Refunded,
        )
        | (Word::Supplied { units: Some(0) }, State::Refunded) => true,
        (Word::Supplied { units }, State::Supplied { units: stood }) => {
            units.unwrap_or(ordered) == stood
        }
        (Word::Supplied { units: Some(units) }, State::Refunding { supplied }) => units == supplied,
        (Word::Reset { approved: true }, State::Supplied { units }) => units == ordered,
        _ => false,
    }
}

fn record_units(world: &World, id: PurchaseId) -> u8 {
    world
        .purchases
        .get(&id)
        .map_or(0, |record| record.life.units)
}

/// Goods that were given out after the refund are not charged again: a person hears of them.
fn late(world: &mut World, id: PurchaseId, act: &TerminalAct, state: State) {
    let gave_out = matches!(act.word, Word::Supplied { units } if units != Some(0));
    let failed = matches!(act.word, Word::Failed);
    let undone = matches!(state, State::Refunding { .. } | State::Refunded);
    let supplied = matches!(state, State::Supplied { .. });
    if (gave_out && undone) || (failed && supplied) {
        let subscriber = world
            .purchases
            .get(&id)
            .and_then(|record| record.subscriber);
        let text = format!(
            "{} said {:?} while {}",
            act.terminal,
            act.word,
            state.name()
        );
        world.notice("late_report", Some(id), subscriber, text);
    }
}

/// A terminal's row is not written more often for a sign of life alone.
const SEEN_WITHIN_MS: i64 = 5_000;
