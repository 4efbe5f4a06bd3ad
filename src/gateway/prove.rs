//! Opens what arrived: joins parts, proves packets, reads words; and says which rows are needed.
//!
//! The batch's members are proven in the order of their arrival, before any is decided: what is in
//! a secured packet decides which rows must be read. Nothing but sets of parts changes here.

mod first;
mod opening;

use std::sync::Arc;

pub use self::first::first_wants;
use self::opening::{open, open_short};
use crate::auth::Authentic;
use crate::auth::command::CommandPacket;
use crate::auth::sealed_keys::KeyPlace;
use crate::dialogue::secured_order::tlv::TlvError;
use crate::dialogue::secured_order::{SecuredOrder, Wanted};
use crate::dialogue::sms_command::{self, Command, CommandError};
use crate::domain::ids::{PurchaseId, SubscriberId};
use crate::domain::purchase::State;
use crate::domain::recent::ByReference;
use crate::gateway::context::Context;
use crate::gateway::delivered::Adopt;
use crate::gateway::identity;
use crate::gateway::member::{Arrival, Content, Member, Rotation, UssdWish};
use crate::gateway::policy::after_s;
use crate::gateway::world::{Wants, World};
use crate::sms::Message;
use crate::sms::reassembly::{Added, Part, PartKey, PartSet, SETS_PER_SENDER_MAX};

/// A member whose content is known.
#[derive(Debug)]
pub enum Proved {
    /// A short message.
    Arrival(Box<ProvenArrival>),
    /// Anything else needs no proof but its caller's.
    Other(Member),
}

/// A short message and what it turned out to be.
#[derive(Debug)]
pub struct ProvenArrival {
    /// As it came.
    pub arrival: Arrival,
    /// What it says.
    pub said: Said,
}

/// What a short message says.
#[derive(Debug)]
pub enum Said {
    /// A packet that this subscriber's SIM made.
    Secured {
        /// Whose SIM.
        subscriber: SubscriberId,
        /// The version of its keys that the packet was made with.
        version: u8,
        /// The packet.
        packet: Authentic<CommandPacket>,
        /// The order in it.
        order: Result<SecuredOrder, TlvError>,
    },
    /// Words.
    Text {
        /// Whose number sent them, if it is anybody's.
        subscriber: Option<SubscriberId>,
        /// The words, understood or not.
        command: Result<Command, CommandError>,
    },
    /// What was confirmed in a USSD session.
    Ussd {
        /// Whose number it is, if it is anybody's.
        subscriber: Option<SubscriberId>,
        /// What is wanted.
        wish: UssdWish,
    },
    /// A packet whose keys are not at hand: once they are, it is proven.
    Keyless(KeyPlace),
    /// A packet that nobody's SIM made; the class of the check that failed.
    Forged(&'static str),
    /// A part of a message that is not whole, or that was whole before.
    Waiting,
    /// A part that contradicts one that came before, or does not fit any order.
    BadPart,
    /// A part of one more message than a sender may have in parts at a time.
    TooManyParts,
    /// Nothing that can be read.
    Unreadable,
}

/// Opens a member's content. Called once for each, in order of arrival, when the rows of
/// [`first_wants`] are there.
pub fn prove(world: &mut World, member: Member, context: &Context) -> Proved {
    let Member::Arrival(mut arrival) = member else {
        return Proved::Other(member);
    };
    let said = match arrival.content.clone() {
        Content::Text(text) => read(world, &arrival, &text, context),
        Content::Secured(packet) => open(world, &arrival, &packet, context),
        Content::Part { key, part } => match join(world, key, part, context) {
            Ok(message) => {
                // What proves the order is the whole message, not the part that came last.
                arrival.received = message.to_octets().into();
                whole(world, &arrival, &message, context)
            }
            Err(said) => said,
        },
        Content::Ussd(wish) => match *wish {
            UssdWish::Sealed(octets) => open_short(world, &arrival, &octets, context),
            wish @ (UssdWish::Order(_) | UssdWish::Language(_) | UssdWish::Pin { .. }) => {
                Said::Ussd {
                    subscriber: sender_of(world, &arrival),
                    wish,
                }
            }
        },
        Content::Unreadable => Said::Unreadable,
    };
    if let Said::Keyless(place) = &said {
        world.missed.note(*place);
    }
    Proved::Arrival(Box::new(ProvenArrival { arrival, said }))
}

/// The rows that a proven member needs besides, as far as the world can tell by now. Called again
/// until it wants nothing new: a number leads to an order, and that to its terminal.
pub fn further_wants(world: &World, proved: &Proved, wants: &mut Wants) {
    match proved {
        Proved::Arrival(arrival) => said_wants(world, arrival, wants),
        Proved::Other(Member::TerminalAct(act)) => {
            let key = (act.terminal.clone(), act.ack);
            let last = world
                .terminals
                .get(&act.terminal)
                .and_then(|t| t.last_closed);
            let open = world.acks.get(&key).copied();
            for id in open
                .into_iter()
                .chain(act.purchase)
                .chain(last.map(|(_, id)| id))
            {
                purchase_wants(world, id, wants);
            }
        }
        Proved::Other(Member::OutboxRetry(id)) => {
            // A sealed one is sealed again for the card of its number.
            wants
                .msisdns
                .extend(world.parked.get(id).map(|(row, _)| row.to));
        }
        Proved::Other(Member::OutboxClaim(rows)) => {
            let rows = rows.iter().filter_map(|id| world.outbox.get(id));
            wants.msisdns.extend(rows.map(|row| row.to));
        }
        Proved::Other(Member::Deadline { purchase }) => purchase_wants(world, *purchase, wants),
        Proved::Other(Member::Resolve(resolve)) => {
            purchase_wants(world, resolve.purchase, wants);
        }
        Proved::Other(Member::Adopt(Adopt::Entries(entries))) => {
            for entry in entries {
                purchase_wants(world, entry.purchase, wants);
            }
        }
        Proved::Other(
            Member::Provisional(purchases)
            | Member::EndEpoch(purchases)
            | Member::Adopt(Adopt::Ended(purchases)),
        ) => {
            for purchase in purchases {
                purchase_wants(world, *purchase, wants);
            }
        }
        Proved::Other(Member::ImportLines(lines)) => {
            // The card that a line may have to give back.
            let accounts = lines.iter().map(|import| &import.account);
            card_wants(world, accounts, wants);
            // The keys that a card which comes back has used meanwhile.
            wants.card_keys.extend(lines.iter().filter_map(|import| {
                let past = world.cards.get(&import.iccid)?;
                let (version, _) = past.newest_heard()?;
                Some((Arc::clone(&import.iccid), version))
            }));
        }
        Proved::Other(Member::Rotate(rotation)) => rotation_wants(world, rotation, wants),
        Proved::Other(Member::ImportMerchant(import)) if !import.merchant.open => {
            for id in world.untaken(&import.merchant.id) {
                purchase_wants(world, id, wants);
            }
        }
        Proved::Other(Member::KioskOrder(order)) => {
            let key = (order.terminal.clone(), Arc::clone(&order.client_reference));
            wants.purchases.extend(world.client_references.get(&key));
        }
        Proved::Other(_) => {}
    }
}

/// Which versions of its keys each card may know, and keys that were imported for the next.
fn rotation_wants(world: &World, rotation: &Rotation, wants: &mut Wants) {
    card_wants(world, &rotation.accounts, wants);
    let accounts = rotation.accounts.iter();
    let known = accounts.filter_map(|account| world.by_account.get(account));
    let lines = known.filter_map(|id| world.lines.get(id));
    for line in lines {
        let Some(card) = &line.iccid else { continue };
        // The card may use what is on its way to it in this very batch.
        let pending = line.pending.as_ref().map(|pending| pending.version);
        for known in std::iter::once(world.newest_version(line)).chain(pending) {
            let next = rotation.to.or(known.checked_add(1));
            wants
                .card_keys
                .extend(next.map(|next| (card.clone(), next)));
        }
    }
}

/// The past of the cards that these accounts have.
fn card_wants<'a>(
    world: &World,
    accounts: impl IntoIterator<Item = &'a Arc<str>>,
    wants: &mut Wants,
) {
    let known = accounts
        .into_iter()
        .filter_map(|account| world.by_account.get(account));
    let lines = known.filter_map(|id| world.lines.get(id));
    wants
        .cards
        .extend(lines.filter_map(|line| line.iccid.clone()));
}

fn said_wants(world: &World, proven: &ProvenArrival, wants: &mut Wants) {
    match &proven.said {
        Said::Secured {
            subscriber,
            version,
            packet,
            order,
        } => {
            if let Some(line) = world.lines.get(subscriber) {
                let heard = line.heard_under(*version);
                if let Some(heard) = heard.filter(|heard| packet.counter <= heard.counter) {
                    let known = heard.purchase.into_iter();
                    known.for_each(|known| purchase_wants(world, known, wants));
                }
                // Under keys that were pending: the card's past takes in those that are pushed out.
                if heard.is_none() {
                    wants.cards.extend(line.iccid.clone());
                }
                if let Ok(order) = order
                    && let ByReference::Repeated(known) = line
                        .recent
                        .by_reference(order.reference.number(), identity::of_secured(order))
                {
                    purchase_wants(world, known, wants);
                }
            }
            if let Ok(order) = order {
                secured_wants(world, order, wants);
            }
        }
        Said::Text {
            subscriber: Some(subscriber),
            command: Ok(command),
        } => {
            let digest = identity::of_text(command);
            plain_wants(world, proven, *subscriber, digest, wants);
            command_wants(world, command, wants);
        }
        Said::Ussd {
            subscriber: Some(subscriber),
            wish: UssdWish::Order(order),
        } => {
            let digest = identity::of_ussd(order);
            plain_wants(world, proven, *subscriber, digest, wants);
            command_wants(world, &order.command, wants);
        }
        Said::Text { .. }
        | Said::Ussd { .. }
        | Said::Keyless(_)
        | Said::Forged(_)
        | Said::Waiting
        | Said::BadPart
        | Said::TooManyParts
        | Said::Unreadable => {}
    }
}

/// The order that this one may repeat.
fn plain_wants(
    world: &World,
    proven: &ProvenArrival,
    subscriber: SubscriberId,
    digest: [u8; 8],
    wants: &mut Wants,
) {
    let since = proven.arrival.repeat_since;
    let line = world.lines.get(&subscriber);
    if let Some(known) = line.and_then(|line| line.recent.plain_since(digest, since)) {
        purchase_wants(world, known.purchase, wants);
    }
}

fn command_wants(world: &World, command: &Command, wants: &mut Wants) {
    match command {
        Command::Buy {
            short_code, item, ..
        } => {
            wants.short_codes.insert(*short_code);
            wants.items.insert((*short_code, *item));
        }
        Command::PayAmount { short_code, .. } => {
            wants.short_codes.insert(*short_code);
        }
        Command::PayPon { pon, .. } => pon_wants(world, *pon, wants),
        Command::List(short_code) => {
            wants.short_codes.insert(*short_code);
            wants.lists.insert(*short_code);
        }
        Command::Balance
        | Command::Limit(_)
        | Command::Stop
        | Command::Start(_)
        | Command::Help => {}
    }
}

fn secured_wants(world: &World, order: &SecuredOrder, wants: &mut Wants) {
    match order.wanted {
        Wanted::Item {
            short_code, item, ..
        } => {
            wants.short_codes.insert(short_code);
            wants.items.insert((short_code, item));
        }
        Wanted::Amount { short_code } => {
            wants.short_codes.insert(short_code);
        }
        Wanted::PaymentOrder { pon, .. } => pon_wants(world, pon, wants),
    }
}

fn pon_wants(world: &World, pon: crate::domain::pon::Pon, wants: &mut Wants) {
    wants.pons.insert(pon);
    if let Some(row) = world.pons.get(&pon) {
        purchase_wants(world, row.purchase, wants);
    }
}

fn purchase_wants(world: &World, id: PurchaseId, wants: &mut Wants) {
    wants.purchases.insert(id);
    if let Some(record) = world.purchases.get(&id) {
        wants.subscribers.extend(record.subscriber);
        wants.terminals.extend(record.terminal.clone());
        wants.merchants.extend(record.merchant.clone());
        if record.life.state == State::Ordered {
            wants.pons.extend(record.pon);
        }
        // Whatever ends the purchase takes its ack off the terminal.
        wants.acks.extend(record.terminal.clone().zip(record.ack));
        if let (Some(terminal), Some(item)) = (&record.terminal, record.item) {
            wants.terminal_items.insert((terminal.clone(), item));
        }
    }
}

fn whole(world: &World, arrival: &Arrival, message: &Message, context: &Context) -> Said {
    if message.header.names_secured_packet() {
        return open(world, arrival, &message.body, context);
    }
    match message.text() {
        Some(text) => read(world, arrival, &text, context),
        None => Said::Unreadable,
    }
}

fn read(world: &World, arrival: &Arrival, text: &str, context: &Context) -> Said {
    let subscriber = sender_of(world, arrival);
    let command = sms_command::parse(text, context.texts.aliases());
    Said::Text {
        subscriber,
        command,
    }
}

fn sender_of(world: &World, arrival: &Arrival) -> Option<SubscriberId> {
    let sender = arrival.sender?;
    world.by_msisdn.get(&sender).copied()
}

/// Adds a part to its set; the whole message when it was the last.
fn join(world: &mut World, key: PartKey, part: Part, context: &Context) -> Result<Message, Said> {
    let now = world.now;
    let expires = after_s(now, context.policy.parts_within_s);
    let fresh = || PartSet::open(key.total, expires).map_err(|_| Said::BadPart);
    let mut set = match world.parts.get(&key) {
        Some(set) if !set.is_expired(now) => set.clone(),
        Some(_) | None => {
            let of_sender =
                |other: &PartKey| (other.sender, other.trusted) == (key.sender, key.trusted);
            let sets = world.parts.iter();
            let sets = sets.filter(|(other, set)| of_sender(other) && !set.is_expired(now));
            if sets.count() >= SETS_PER_SENDER_MAX {
                return Err(Said::TooManyParts);
            }
            fresh()?
        }
    };
    match set.add(part, now) {
        Added::Waiting => {
            world.parts.insert(key, set);
            Err(Said::Waiting)
        }
        Added::Complete(message) => {
            world.parts.insert(key, set);
            Ok(message)
        }
        Added::Duplicate | Added::Finished => Err(Said::Waiting),
        Added::Conflict | Added::Expired | Added::OutOfBounds => Err(Said::BadPart),
    }
}
