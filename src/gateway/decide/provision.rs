//! Loads of the purse, and imports of subscribers.

use std::sync::Arc;

use crate::domain::card::CardPast;
use crate::domain::ids::SubscriberId;
use crate::domain::key_versions::PendingKeys;
use crate::domain::ledger::Account;
use crate::domain::money::Currency;
use crate::domain::recent::Recent;
use crate::domain::subscriber::{FromSim, Line, OpenBill, Standing};
use crate::gateway::context::{Context, STANDARD_PROFILE};
use crate::gateway::decide::billing;
use crate::gateway::member::{Denied, LineImport, LoadPurse, Outcome};
use crate::gateway::world::{KeyEvent, Movement, Period, TakenReference, World};
use crate::sv::purse::Purse;

/// The issuer loads the float, once for each reference. The first load of a currency makes the
/// node's lane and point of sale of it.
pub(super) fn loaded(world: &mut World, load: &LoadPurse, context: &Context) -> Outcome {
    let taken = TakenReference {
        kind: "load",
        amount: load.amount,
        currency: load.currency,
        subscriber: None,
    };
    if let Some(outcome) = billing::repeated(world, &load.reference, &taken) {
        return outcome;
    }
    if load.amount.is_zero() {
        return Outcome::Refused(Denied::Invalid("the amount is 0".to_owned()));
    }
    let movement = Movement {
        from: Account::Issuer,
        to: Account::Float,
        amount: load.amount,
        kind: "load",
    };
    if let Err(error) = world.post(&[movement], load.currency, None) {
        return Outcome::Refused(Denied::Invalid(error.to_string()));
    }
    open_purses(world, load.currency, context);
    world.references.insert(Arc::clone(&load.reference), taken);
    Outcome::Done
}

/// What the issuer takes back out of the float, as far as the float holds it.
pub(super) fn unloaded(world: &mut World, load: &LoadPurse) -> Outcome {
    let LoadPurse {
        amount,
        currency,
        reference,
    } = load;
    let taken = TakenReference {
        kind: "unload",
        amount: *amount,
        currency: *currency,
        subscriber: None,
    };
    if let Some(outcome) = billing::repeated(world, reference, &taken) {
        return outcome;
    }
    if amount.is_zero() {
        return Outcome::Refused(Denied::Invalid("the amount is 0".to_owned()));
    }
    let held = world.balance(&Account::Float, *currency).available();
    if *amount > held {
        let (held, wanted) = (currency.format(held), currency.format(*amount));
        return Outcome::Refused(Denied::Invalid(format!(
            "the float holds {held} {currency}, less than {wanted}"
        )));
    }
    let movement = Movement {
        from: Account::Float,
        to: Account::Issuer,
        amount: *amount,
        kind: "unload",
    };
    if let Err(error) = world.post(&[movement], *currency, None) {
        return Outcome::Refused(Denied::Invalid(error.to_string()));
    }
    world.references.insert(Arc::clone(reference), taken);
    Outcome::Done
}

fn open_purses(world: &mut World, currency: Currency, context: &Context) {
    let Some((lane, pos)) = context.purse_names(currency) else {
        return;
    };
    if world.lanes.get(&currency).is_none() {
        world
            .lanes
            .insert(currency, Purse::new(lane.clone(), currency));
    }
    if world.pos.get(&currency).is_none() {
        world
            .pos
            .insert(currency, Purse::new(pos.clone(), currency));
    }
}

/// A chunk of checked lines, applied whole or not at all. The same again changes nothing.
pub(super) fn lines(world: &mut World, lines: Vec<LineImport>, context: &Context) -> Outcome {
    let with_keys = lines.into_iter().map(|import| with_keys(world, import));
    let lines: Vec<Keyed> = match with_keys.collect() {
        Ok(lines) => lines,
        Err(denied) => return Outcome::Refused(denied),
    };
    let unknown = lines
        .iter()
        .find(|line| !context.card_profiles().any(|name| *name == line.profile));
    if let Some(Keyed {
        import, profile, ..
    }) = unknown
    {
        return Outcome::Refused(Denied::Invalid(format!(
            "account {}: profile {profile:?} is not among the configuration's [[card_profile]]",
            import.account
        )));
    }
    let (mut added, mut changed) = (0_u64, 0_u64);
    for Keyed {
        import,
        profile,
        brought,
    } in lines
    {
        let account = Arc::clone(&import.account);
        let known = world.by_account.get(&import.account).copied();
        match known.and_then(|id| world.lines.get(&id).cloned()) {
            None => {
                add(world, import, profile, context);
                added = added.saturating_add(1);
            }
            Some(before) => {
                if update(world, &before, import, profile) {
                    changed = changed.saturating_add(1);
                }
            }
        }
        if let Some(brought) = brought {
            tell_keys(world, &account, &brought);
        }
    }
    Outcome::Imported { added, changed }
}

/// A line with its keys and profile.
struct Keyed {
    import: LineImport,
    profile: Arc<str>,
    /// The keys that its file has bare.
    brought: Option<Arc<[u8]>>,
}

/// A line without keys takes those that were imported for its card and version, and one without a
/// profile that of such keys; what the file says of such a card must be what the vendor says.
fn with_keys(world: &World, import: LineImport) -> Result<Keyed, Denied> {
    let brought = import.sealed_keys.clone();
    let Some(keys) = world.imported_keys(&import.iccid, import.key_version) else {
        let profile = import.profile.clone();
        return Ok(Keyed {
            profile: profile.unwrap_or_else(|| STANDARD_PROFILE.into()),
            brought,
            import,
        });
    };
    let (account, version) = (&import.account, import.key_version);
    // A vendor's keys differ each way and those of a line do not: they are never the same.
    if brought.is_some() {
        return Err(Denied::Invalid(format!(
            "account {account}: other keys of version {version} were imported for its card: leave \
             kic and kid empty, and the line takes those"
        )));
    }
    if import.imsi != keys.imsi {
        return Err(Denied::Invalid(format!(
            "account {account}: keys of version {version} were imported for its card with IMSI {}, \
             and its line has {}: correct iccid or imsi",
            keys.imsi, import.imsi
        )));
    }
    let of_keys = keys.profile.as_deref().unwrap_or(STANDARD_PROFILE);
    let own = import.profile.as_deref();
    if let Some(profile) = own.filter(|own| *own != of_keys) {
        return Err(Denied::Invalid(format!(
            "account {account}: keys of version {version} were imported for cards of profile \
             {of_keys}, and its line has {profile}: correct profile, or leave it empty"
        )));
    }
    Ok(Keyed {
        profile: of_keys.into(),
        brought: None,
        import: LineImport {
            sealed_keys: Some(Arc::clone(&keys.sealed)),
            ..import
        },
    })
}

/// An event when a line has from now on the keys that its file has bare.
fn tell_keys(world: &mut World, account: &Arc<str>, brought: &Arc<[u8]>) {
    let subscriber = world.by_account.get(account).copied();
    let line = subscriber.and_then(|id| world.lines.get(&id));
    // Sealing is randomized: those that the line had before are not these.
    let Some(line) = line.filter(|line| line.sealed_keys.as_ref() == Some(brought)) else {
        return;
    };
    let event = KeyEvent {
        who: "subscriber import".into(),
        what: "keys_set",
        subject: line.iccid.clone().unwrap_or_else(|| Arc::clone(account)),
        detail: format!("version {} of account {account}", line.key_version),
    };
    world.key_events.push(event);
}

fn add(world: &mut World, import: LineImport, profile: Arc<str>, context: &Context) {
    let subscriber = SubscriberId(world.next_id());
    // What a former holder sent may still be under way, also one's who has another number by now;
    // where nobody ever held number and card, there is nothing to cool off from.
    let passed_on =
        world.held_numbers.contains(&import.msisdn) || world.held_cards.contains(&import.iccid);
    hold(world, subscriber, &import);
    let card = Arc::clone(&import.iccid);
    world
        .by_account
        .insert(Arc::clone(&import.account), subscriber);
    let mut line = Line {
        subscriber,
        reference: import.account,
        msisdn: Some(import.msisdn),
        iccid: Some(import.iccid),
        imsi: import.imsi,
        language: import.language,
        class: import.class,
        currency: import.currency,
        credit_limit: import.credit_limit,
        own_limit: None,
        cap: import.cap,
        standing: import.standing,
        start_code: None,
        changed: if passed_on {
            world.now
        } else {
            crate::domain::Millis(0)
        },
        key_version: import.key_version,
        file_key_version: import.key_version,
        pending: None,
        older: None,
        profile,
        sealed_keys: import.sealed_keys,
        asked: None,
        pin: None,
        from_sim: FromSim::default(),
        mt_counter: 0,
        recent: Recent::default(),
        owed_minor: 0,
        held: crate::domain::money::MinorUnits::ZERO,
        bill: OpenBill {
            number: 1,
            since: context.policy.calendar.last_cut_off(world.now),
            total_minor: 0,
            entries: 0,
        },
        epoch: world.counters.books.number,
    };
    take_up(world, &card, &mut line);
    world.lines.insert(subscriber, line);
}

/// True when the row differs from what the books have. A currency never changes: what is owed
/// would change with it; the command's checks say so before anything is applied.
fn update(world: &mut World, before: &Line, import: LineImport, profile: Arc<str>) -> bool {
    let new_card = before.iccid.as_ref() != Some(&import.iccid);
    let new_number = before.msisdn != Some(import.msisdn);
    // What the file said before it says again, whatever the card was given since. What is on its way
    // to the card is put in use by the card's first packet under it, and by no file.
    let is_on_its_way = before.pending.as_ref();
    let is_on_its_way = is_on_its_way.is_some_and(|keys| keys.version == import.key_version);
    let is_told_anew =
        new_card || (before.file_key_version != import.key_version && !is_on_its_way);
    let key_version = if is_told_anew {
        import.key_version
    } else {
        before.key_version
    };
    let new_version = before.key_version != key_version;
    let standing = match (before.standing, import.standing) {
        // What the subscriber stopped, only the subscriber starts.
        (Standing::Stopped, Standing::Active) => Standing::Stopped,
        (_, wanted) => wanted,
    };
    let mut after = Line {
        msisdn: Some(import.msisdn),
        iccid: Some(Arc::clone(&import.iccid)),
        imsi: Arc::clone(&import.imsi),
        language: Arc::clone(&import.language),
        class: Arc::clone(&import.class),
        credit_limit: import.credit_limit,
        cap: import.cap,
        standing,
        key_version,
        file_key_version: import.key_version,
        profile,
        // Sealing is randomized: keys are replaced only with a new card or version, or where none
        // were imported and no packet has proved that the derived ones are the card's.
        sealed_keys: if new_card || new_version || is_unproved(before, import.key_version) {
            import.sealed_keys.clone()
        } else {
            before.sealed_keys.clone()
        },
        ..before.clone()
    };
    if new_card || new_number {
        after.changed = world.now;
    }
    if after == *before {
        return false;
    }
    if new_card || new_number {
        hold(world, before.subscriber, &import);
    }
    if new_card || new_version {
        // Counters belong to the card and its keys, references to the card: both stay behind, and
        // are there again when it returns.
        put_away(world, before);
        take_up(world, &import.iccid, &mut after);
    }
    world.imported_lines.insert(before.subscriber);
    world.lines.insert(before.subscriber, after);
    true
}

/// Whether keys are derived of a version that no packet was under yet.
fn is_unproved(line: &Line, version: u8) -> bool {
    line.key_version == version && line.sealed_keys.is_none() && line.from_sim == FromSim::default()
}

/// Number and card are this subscriber's from now on; who holds them has them no more. A holder
/// that an earlier line of the same import gave another one keeps that: two that change places.
fn hold(world: &mut World, subscriber: SubscriberId, import: &LineImport) {
    let books = world.counters.books;
    let former = world.by_msisdn.insert(import.msisdn, subscriber);
    if let Some(former) = former.filter(|former| *former != subscriber)
        && world
            .lines
            .get(&former)
            .is_some_and(|line| line.msisdn == Some(import.msisdn))
        && let Some(line) = world.lines.change(&former)
    {
        line.msisdn = None;
        world.imported_lines.insert(former);
        let text = format!(
            "number {} passed to account {}",
            import.msisdn, import.account
        );
        world.notice("number_passed_on", None, Some(former), text);
    }
    let former = world.by_iccid.insert(Arc::clone(&import.iccid), subscriber);
    if let Some(former) = former.filter(|former| *former != subscriber)
        && let Some(before) = world.lines.get(&former).cloned()
        && before.iccid.as_ref() == Some(&import.iccid)
        && let Some(line) = world.lines.change(&former)
    {
        line.iccid = None;
        CardPast::default().take_up(line, &books);
        put_away(world, &before);
        world.imported_lines.insert(former);
        let text = format!("card passed to account {}", import.account);
        world.notice("card_passed_on", None, Some(former), text);
    }
    world.held_numbers.insert(import.msisdn);
    world.held_cards.insert(Arc::clone(&import.iccid));
    world.new_periods.push(Period {
        subscriber,
        msisdn: import.msisdn,
        iccid: Arc::clone(&import.iccid),
        imsi: Arc::clone(&import.imsi),
        from: world.now,
    });
}

/// Keeps what a line knows of the card and the keys that it leaves.
fn put_away(world: &mut World, line: &Line) {
    if let Some(card) = &line.iccid {
        let mut past = world.cards.get(card).cloned().unwrap_or_default();
        past.keep(line);
        world.cards.insert(Arc::clone(card), past);
    }
}

/// Gives a line the past of the card and the keys that it has from now on. Who held the card before
/// was made to give it back.
fn take_up(world: &World, card: &Arc<str>, line: &mut Line) {
    let books = &world.counters.books;
    let past = world.cards.get(card).cloned();
    let past = past.unwrap_or_else(|| CardPast::of_unknown(books));
    past.take_up(line, books);
    // A card never goes back: one that used newer keys than it is told to have is heard under them.
    let newer = past.newest_heard().filter(|(version, _)| {
        let sent = line.pending.as_ref().map_or(0, |pending| pending.version);
        *version > line.key_version.max(sent)
    });
    if let Some((version, counters)) = newer {
        let imported = world.imported_keys(card, version);
        line.pending = Some(PendingKeys {
            version,
            sealed: imported.map(|keys| Arc::clone(&keys.sealed)),
            since: world.now,
            times: 0,
            due: None,
            counters,
        });
    }
}
