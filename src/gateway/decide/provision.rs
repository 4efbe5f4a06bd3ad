//! Loads of the purse, and imports of subscribers, merchants and tokens.

use std::sync::Arc;

use crate::domain::card::CardPast;
use crate::domain::ids::{SubscriberId, TerminalId};
use crate::domain::ledger::Account;
use crate::domain::merchant::Terminal;
use crate::domain::money::Currency;
use crate::domain::recent::Recent;
use crate::domain::subscriber::{FromSim, Line, OpenBill, Standing};
use crate::gateway::context::{Context, STANDARD_PROFILE};
use crate::gateway::decide::{billing, life};
use crate::gateway::member::{
    Denied, LineImport, LoadPurse, MerchantImport, Outcome, TerminalImport,
};
use crate::gateway::world::{Movement, Period, TakenReference, World};
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
    let lines: Vec<(LineImport, Arc<str>)> = with_keys.collect();
    let unknown = lines
        .iter()
        .find(|(_, profile)| !context.card_profiles().any(|name| name == profile));
    if let Some((import, profile)) = unknown {
        return Outcome::Refused(Denied::Invalid(format!(
            "account {}: profile {profile:?} is not among the configuration's [[card_profile]]",
            import.account
        )));
    }
    let (mut added, mut changed) = (0_u64, 0_u64);
    for (import, profile) in lines {
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
    }
    Outcome::Imported { added, changed }
}

/// A line without keys takes those that were imported for its card and version, and one without a
/// profile that of such keys.
fn with_keys(world: &World, import: LineImport) -> (LineImport, Arc<str>) {
    let none_of_its_own = import.sealed_keys.is_none();
    let known = world
        .imported_keys(&import.iccid, import.key_version)
        .filter(|_| none_of_its_own);
    let own = import.profile.clone();
    let profile = own.or_else(|| known.and_then(|keys| keys.profile.clone()));
    let sealed = known.map(|keys| Arc::clone(&keys.sealed));
    let import = LineImport {
        sealed_keys: sealed.or(import.sealed_keys),
        ..import
    };
    (import, profile.unwrap_or_else(|| STANDARD_PROFILE.into()))
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
    // What the file said before it says again, whatever the card was given since.
    let is_told_anew = new_card || before.file_key_version != import.key_version;
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
}

/// One merchant with items and terminals, as its file says: all of it or nothing.
#[expect(
    clippy::too_many_lines,
    reason = "one file is taken whole: merchant, items, terminals"
)]
pub(super) fn merchant(world: &mut World, import: MerchantImport, context: &Context) -> Outcome {
    let MerchantImport {
        merchant,
        items,
        terminals,
    } = import;
    if let Some(before) = world.merchants.get(&merchant.id)
        && before.currency != merchant.currency
    {
        return Outcome::Refused(Denied::Conflict(format!(
            "merchant {}: its currency is {} and can't become {}: make a new merchant",
            merchant.id, before.currency, merchant.currency
        )));
    }
    if !context
        .policy
        .tax_basis_points
        .contains_key(&merchant.tax_code)
    {
        return Outcome::Refused(Denied::Invalid(format!(
            "merchant {}: tax_code {:?} is not in the configuration's [[tax]]",
            merchant.id, merchant.tax_code
        )));
    }
    for terminal in &terminals {
        if let Some(conflict) = taken(world, &merchant.id, terminal) {
            return Outcome::Refused(Denied::Conflict(conflict));
        }
    }
    let (mut added, mut changed) = (0_u64, 0_u64);
    let mut count = |is_new: bool, differs: bool| {
        added = added.saturating_add(u64::from(is_new));
        changed = changed.saturating_add(u64::from(!is_new && differs));
    };
    let known = world.merchants.get(&merchant.id);
    let differs = known != Some(&merchant);
    count(known.is_none(), differs);
    if differs {
        world
            .merchants
            .insert(merchant.id.clone(), merchant.clone());
    }
    let stale: Vec<_> = world
        .items
        .iter()
        .filter(|((owner, code), _)| {
            *owner == merchant.id && !items.iter().any(|item| item.code == *code)
        })
        .map(|(key, _)| key.clone())
        .collect();
    for key in stale {
        world.items.remove(&key);
        count(false, true);
    }
    for item in items {
        let key = (merchant.id.clone(), item.code);
        let known = world.items.get(&key);
        let differs = known != Some(&item);
        count(known.is_none(), differs);
        if differs {
            world.items.insert(key, item);
        }
    }
    let stale: Vec<TerminalId> = world
        .terminals
        .iter()
        .filter(|(id, terminal)| {
            let listed = terminals.iter().any(|import| import.id == **id);
            terminal.merchant == merchant.id && terminal.in_service && !listed
        })
        .map(|(id, _)| id.clone())
        .collect();
    for id in stale {
        if let Some(terminal) = world.terminals.change(&id) {
            terminal.in_service = false;
            world.imported_terminals.insert(id);
            count(false, true);
        }
    }
    for import in terminals {
        let known = world.terminals.get(&import.id).cloned();
        let after = after_import(known.clone(), import, &merchant.id);
        let differs = known.as_ref() != Some(&after);
        count(known.is_none(), differs);
        if differs {
            world.imported_terminals.insert(after.id.clone());
            world
                .by_short_code
                .insert(after.short_code, after.id.clone());
            world.terminals.insert(after.id.clone(), after);
        }
    }
    if !merchant.open {
        life::revoke(world, &merchant.id, context);
    }
    Outcome::Imported { added, changed }
}

fn after_import(
    known: Option<Terminal>,
    import: TerminalImport,
    merchant: &crate::domain::ids::MerchantId,
) -> Terminal {
    let told = import.token_sha256;
    let base = known.unwrap_or(Terminal {
        id: import.id.clone(),
        short_code: import.short_code,
        merchant: merchant.clone(),
        items: Arc::from([]),
        slots: import.slots,
        token_sha256: None,
        file_token_sha256: None,
        seen: crate::domain::Millis(0),
        last_ack: 0,
        open_acks: 0,
        open_orders: 0,
        last_closed: None,
        in_service: true,
    });
    Terminal {
        short_code: import.short_code,
        items: import.items.into(),
        slots: import.slots,
        // A token that was replaced since is not brought back by the file that it once stood in.
        token_sha256: told
            .filter(|_| told != base.file_token_sha256)
            .or(base.token_sha256)
            .or(told),
        file_token_sha256: told.or(base.file_token_sha256),
        in_service: true,
        ..base
    }
}

/// Why a terminal of the file can't be this merchant's.
fn taken(
    world: &World,
    merchant: &crate::domain::ids::MerchantId,
    import: &TerminalImport,
) -> Option<String> {
    if let Some(other) = world
        .by_short_code
        .get(&import.short_code)
        .filter(|id| **id != import.id)
    {
        return Some(format!(
            "terminal {}: short_code {} belongs to terminal {other}",
            import.id, import.short_code
        ));
    }
    let known = world.terminals.get(&import.id)?;
    (known.merchant != *merchant).then(|| {
        format!(
            "terminal {}: it belongs to merchant {}",
            import.id, known.merchant
        )
    })
}

/// A new token: the old one is worth nothing from now on.
pub(super) fn token(world: &mut World, id: &TerminalId, token_sha256: [u8; 32]) -> Outcome {
    match world.terminals.change(id) {
        Some(terminal) => {
            terminal.token_sha256 = Some(token_sha256);
            world.imported_terminals.insert(id.clone());
            Outcome::Done
        }
        None => Outcome::Refused(Denied::NotFound("terminal")),
    }
}
