//! Puts rows that were read into the world of a batch.

use crate::store::rows::StoredRow;

use crate::domain::Millis;
use crate::domain::card::CardPast;
use crate::domain::ledger::{Account, Balance};
use crate::domain::msisdn::Msisdn;
use crate::gateway::books::StoreError;
use crate::gateway::imported_keys::CardKeyRow;
use crate::gateway::world::{AccountRow, Counters, LastBatch, PonRow, TakenReference, World};
use crate::sms::reassembly::PartKey;
use crate::store::blobs;
use crate::store::codec::{
    pon, take_counters, take_item, take_merchant, take_purchase, take_terminal,
};
use crate::store::key_rows::{take_card_key, take_key_import};
use crate::store::line_codec::take_line;
use crate::store::outgoing::{account, take_outbox, take_sent};
use crate::store::rows::{Columns, corrupt};

/// The node's row among those of [`opening`].
pub(super) fn counters<'a>(
    rows: impl IntoIterator<Item = &'a StoredRow>,
) -> Result<Counters, StoreError> {
    for row in rows {
        let mut c = Columns::of(row);
        if c.int()? == TAG_NODE {
            return take_counters(&mut c);
        }
    }
    Err(corrupt("no row for this node"))
}

/// Puts one row that was read into the world.
#[expect(clippy::too_many_lines, reason = "one arm for each table")]
pub(super) fn enter(world: &mut World, row: &StoredRow) -> Result<(), StoreError> {
    let mut c = Columns::of(row);
    match c.int()? {
        TAG_ACCOUNT => {
            let number = c.int()?;
            let (kind, merchant) = (c.text()?, c.text()?);
            let account = account(kind, merchant).ok_or_else(|| corrupt("account.kind"))?;
            let row = AccountRow {
                number,
                balance: Balance(0),
            };
            let key = (account, c.parsed()?);
            world.accounts.load(
                key,
                AccountRow {
                    balance: Balance(c.int()?),
                    ..row
                },
            );
        }
        TAG_PURSE => enter_purse(world, &mut c)?,
        TAG_BATCH => {
            world.last_batch = LastBatch {
                sequence: c.int()?,
                to_entry: c.int()?,
                sha256: c.opt_octets()?.and_then(|octets| octets.try_into().ok()),
            };
        }
        TAG_LINE => {
            let mut line = take_line(&mut c)?;
            let id = line.subscriber;
            let has_others = line.pending.is_some() || line.older.is_some();
            if has_others && line.epoch < world.counters.books.number {
                // Their counters rise too, and are in none of a line's hot columns.
                world.imported_lines.insert(id);
            }
            line.enter_epoch(&world.counters.books);
            if let Some(msisdn) = line.msisdn {
                world.by_msisdn.entry(msisdn).or_insert(id);
            }
            if let Some(iccid) = &line.iccid {
                world.by_iccid.entry(iccid.clone()).or_insert(id);
            }
            world.by_account.entry(line.reference.clone()).or_insert(id);
            world.lines.load(id, line);
        }
        TAG_CARD => {
            let iccid = c.shared()?;
            let past = CardPast::from_octets(c.octets()?);
            let mut past = past.ok_or_else(|| corrupt("card.past"))?;
            past.enter_epoch(&world.counters.books);
            world.cards.load(iccid, past);
        }
        TAG_TERMINAL => {
            let mut terminal = take_terminal(&mut c)?;
            terminal.last_ack = terminal.last_ack.max(world.counters.books.acks_above());
            world
                .by_short_code
                .entry(terminal.short_code)
                .or_insert_with(|| terminal.id.clone());
            world.terminals.load(terminal.id.clone(), terminal);
            enter_merchant(world, &mut c)?;
        }
        TAG_MERCHANT => enter_merchant(world, &mut c)?,
        TAG_ITEM => {
            let (merchant, item) = take_item(&mut c)?;
            world.items.load((merchant, item.code), item);
        }
        TAG_PURCHASE => {
            let record = take_purchase(&mut c)?;
            world.purchases.load(record.life.id, record);
        }
        TAG_ACK => {
            let record = take_purchase(&mut c)?;
            if let (Some(terminal), Some(ack)) = (record.terminal.clone(), record.ack) {
                world.acks.load((terminal, ack), record.life.id);
            }
            world.purchases.load(record.life.id, record);
        }
        TAG_PON => {
            let pon = pon(c.small()?)?;
            let reserved_until = Millis(c.int()?);
            let open = c.int()? != 0;
            let record = take_purchase(&mut c)?;
            world.pons.load(
                pon,
                PonRow {
                    purchase: record.life.id,
                    reserved_until,
                    open,
                },
            );
            world.purchases.load(record.life.id, record);
        }
        TAG_CLIENT_REFERENCE => {
            let reference = c.shared()?;
            let record = take_purchase(&mut c)?;
            if let Some(terminal) = record.terminal.clone() {
                world
                    .client_references
                    .load((terminal, reference), record.life.id);
            }
            world.purchases.load(record.life.id, record);
        }
        _ => enter_message(world, row)?,
    }
    Ok(())
}

fn enter_message(world: &mut World, row: &StoredRow) -> Result<(), StoreError> {
    let mut c = Columns::of(row);
    match c.int()? {
        TAG_PART => {
            let key = PartKey {
                sender: c.small::<Msisdn>()?,
                trusted: c.int()? != 0,
                destination: c.text()?.to_owned(),
                reference: c.small()?,
                total: c.small()?,
                wide: c.int()? != 0,
            };
            let expires = Millis(c.int()?);
            let set = blobs::part_set(key.total, expires, c.octets()?)?;
            world.parts.load(key, set);
        }
        TAG_REFERENCE => {
            let reference = c.shared()?;
            let kind = match c.text()? {
                "load" => "load",
                "unload" => "unload",
                _ => "payment",
            };
            let taken = TakenReference {
                kind,
                amount: c.small()?,
                currency: c.parsed()?,
                subscriber: c.opt_int()?.map(crate::domain::ids::SubscriberId),
            };
            world.references.load(reference, taken);
        }
        TAG_SENT => {
            let (id, sent) = take_sent(&mut c)?;
            world.sent.load(id, sent);
        }
        TAG_OUTBOX => match take_outbox(&mut c)? {
            (row, None) => world.outbox.load(row.id, row),
            (row, Some(cause)) => world.parked.load(row.id, (row, cause)),
        },
        TAG_CARD_KEY => enter_card_key(world, &mut c)?,
        TAG_KEY_IMPORT => {
            let number = c.int()?;
            world.key_imports.load(number, take_key_import(&mut c)?);
        }
        TAG_HELD_NUMBER => {
            world.held_numbers.insert(c.small()?);
        }
        TAG_HELD_CARD => {
            world.held_cards.insert(c.shared()?);
        }
        // The node's row was taken before the world was made.
        TAG_NODE => {}
        tag => return Err(corrupt(format!("row with tag {tag}"))),
    }
    Ok(())
}

fn enter_card_key(world: &mut World, c: &mut Columns<'_>) -> Result<(), StoreError> {
    let (keys, import) = take_card_key(c)?;
    let key = (keys.iccid.clone(), keys.version);
    let valid = c.int()? != 0;
    let row = CardKeyRow {
        keys,
        import,
        valid,
    };
    world.card_keys.load(key, row);
    Ok(())
}

fn enter_merchant(world: &mut World, c: &mut Columns<'_>) -> Result<(), StoreError> {
    let merchant = take_merchant(c)?;
    if let (Some(number), Some(balance)) = (c.opt_int()?, c.opt_int()?) {
        let key = (Account::PosHeld(merchant.id.clone()), merchant.currency);
        world.accounts.load(
            key,
            AccountRow {
                number,
                balance: Balance(balance),
            },
        );
    }
    world.merchants.load(merchant.id.clone(), merchant);
    Ok(())
}

/// A node's own purses carry its number in their names; others' are not its to use.
fn enter_purse(world: &mut World, c: &mut Columns<'_>) -> Result<(), StoreError> {
    let name: crate::domain::ids::PurseId = c.parsed()?;
    let role = c.text()?;
    let currency = c.parsed()?;
    let own = format!("{role}.{}.{currency}", world.counters.node);
    if name.as_str() == own {
        let purse = blobs::purse(name, currency, c.octets()?)?;
        if role == "lane" {
            world.lanes.load(currency, purse);
        } else {
            world.pos.load(currency, purse);
        }
    }
    Ok(())
}

// Each select says which table its rows are of: they all come in one stream.
pub(super) const TAG_NODE: i64 = 1;
pub(super) const TAG_ACCOUNT: i64 = 2;
pub(super) const TAG_PURSE: i64 = 3;
pub(super) const TAG_BATCH: i64 = 4;
pub(super) const TAG_LINE: i64 = 5;
pub(super) const TAG_TERMINAL: i64 = 6;
pub(super) const TAG_MERCHANT: i64 = 7;
pub(super) const TAG_ITEM: i64 = 8;
pub(super) const TAG_PURCHASE: i64 = 9;
pub(super) const TAG_ACK: i64 = 10;
pub(super) const TAG_PON: i64 = 11;
pub(super) const TAG_CLIENT_REFERENCE: i64 = 12;
pub(super) const TAG_PART: i64 = 13;
pub(super) const TAG_REFERENCE: i64 = 14;
pub(super) const TAG_SENT: i64 = 15;
pub(super) const TAG_OUTBOX: i64 = 16;
pub(super) const TAG_CARD: i64 = 17;
pub(super) const TAG_HELD_NUMBER: i64 = 18;
pub(super) const TAG_HELD_CARD: i64 = 19;
pub(super) const TAG_CARD_KEY: i64 = 20;
pub(super) const TAG_KEY_IMPORT: i64 = 21;
