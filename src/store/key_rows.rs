//! Imported keys of cards and their imports as rows.

use std::sync::Arc;

use crate::domain::Millis;
use crate::gateway::books::StoreError;
use crate::gateway::imported_keys::{CardKeyImport, CardKeyRow, KeyFile, KeyImport};
use crate::gateway::views::{KnownCard, KnownKeys};
use crate::gateway::world::{KeyEvent, World};
use crate::store::rows::{Columns, Rows, corrupt};
use crate::store::statements::{KEYS, Query};
use crate::store::tables::{CARD_KEY, KEY_EVENT, KEY_IMPORT};

/// What a batch did with keys of cards.
pub(super) fn changed(query: &mut Query, world: &World) {
    let mut imports = Rows::default();
    for (number, import) in world
        .key_imports
        .new_rows()
        .chain(world.key_imports.changed())
    {
        put_key_import(&mut imports, *number, import);
    }
    query.write(imports, || KEY_IMPORT.upsert());
    let mut gone = Rows::default();
    for (number, _) in world.key_imports.removed() {
        gone.row().int(*number).end();
    }
    query.write(gone, || KEY_IMPORT.delete());
    let mut keys = Rows::default();
    for (_, row) in world.card_keys.new_rows().chain(world.card_keys.changed()) {
        put_card_key(&mut keys, row);
    }
    query.write(keys, || CARD_KEY.upsert());
    let mut gone = Rows::default();
    for ((iccid, version), _) in world.card_keys.removed() {
        gone.row().text(iccid).int(*version).end();
    }
    query.write(gone, || CARD_KEY.delete());
    let mut events = Rows::default();
    for event in &world.key_events {
        put_event(&mut events, world, event);
    }
    query.write(events, || KEY_EVENT.insert());
}

fn put_event(rows: &mut Rows, world: &World, event: &KeyEvent) {
    rows.row()
        .int(world.now.0)
        .int(world.counters.node)
        .text(&event.who)
        .text(event.what)
        .text(&event.subject)
        .text(&event.detail)
        .end();
}

fn put_key_import(rows: &mut Rows, number: i64, import: &KeyImport) {
    let KeyFile {
        file,
        name,
        who,
        lines,
    } = &import.of;
    rows.row()
        .int(number)
        .text(file)
        .text(name)
        .text(who)
        .big(*lines)
        .int(import.begun.0)
        .opt_int(import.completed.map(|at| at.0))
        .opt_int(import.discarding.map(|at| at.0))
        .end();
}

/// An import behind its number.
pub(super) fn take_key_import(c: &mut Columns<'_>) -> Result<KeyImport, StoreError> {
    Ok(KeyImport {
        of: KeyFile {
            file: c.shared()?,
            name: c.shared()?,
            who: c.shared()?,
            lines: c.small()?,
        },
        begun: Millis(c.int()?),
        completed: c.opt_int()?.map(Millis),
        discarding: c.opt_int()?.map(Millis),
    })
}

fn put_card_key(rows: &mut Rows, row: &CardKeyRow) {
    let keys = &row.keys;
    rows.row()
        .text(&keys.iccid)
        .int(keys.version)
        .text(&keys.imsi)
        .opt_text(keys.profile.as_deref())
        .octets(&keys.sealed)
        .octets(&keys.same_keys)
        .int(row.import)
        .end();
}

/// Keys of a card, and their import.
pub(super) fn take_card_key(c: &mut Columns<'_>) -> Result<(CardKeyImport, i64), StoreError> {
    let keys = CardKeyImport {
        iccid: c.shared()?,
        version: c.small()?,
        imsi: c.shared()?,
        profile: c.opt_shared()?,
        sealed: c.octets()?.into(),
        same_keys: same_keys(c)?,
    };
    Ok((keys, c.int()?))
}

/// What tells one card's keys from others.
fn same_keys(c: &mut Columns<'_>) -> Result<[u8; 16], StoreError> {
    let octets = c.octets()?.try_into();
    octets.map_err(|_| corrupt("card_key.same_keys has not 16 octets"))
}

/// Asks for what the books know of cards and IMSIs.
pub(super) fn known(cards: &[(Arc<str>, Arc<str>)]) -> Query {
    let mut wanted = Rows::default();
    for (iccid, imsi) in cards {
        wanted.row().text(iccid).text(imsi).end();
    }
    let mut query = Query::default();
    for on in ["k.iccid = w.column1", "k.imsi = w.column2"] {
        let sql = format!(
            "select k.iccid, k.imsi, k.key_version, k.same_keys
             from ({KEYS}) w cross join card_key k
             join key_import i on i.import_no = k.import_no where {on}"
        );
        query.read(wanted.clone(), &sql);
    }
    let sql = format!(
        "select l.iccid, l.imsi, cast(null as bigint), cast(null as {OCTETS})
         from ({KEYS}) w cross join line l where l.iccid = w.column1"
    );
    query.read(wanted, &sql);
    query
}

/// A row of [`known`].
pub(super) fn take_known(c: &mut Columns<'_>) -> Result<KnownCard, StoreError> {
    let (iccid, imsi) = (c.shared()?, c.shared()?);
    let keys = match c.opt_small()? {
        None => None,
        Some(version) => Some(KnownKeys {
            version,
            same_keys: same_keys(c)?,
        }),
    };
    Ok(KnownCard { iccid, imsi, keys })
}

/// PostgreSQL's name; SQLite takes any.
const OCTETS: &str = "bytea";
