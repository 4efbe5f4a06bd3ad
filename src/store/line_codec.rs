//! A line as a row and back, in the order of the columns in [`tables`](super::tables).

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::ids::{PurchaseId, SubscriberId};
use crate::domain::key_versions::{OlderKeys, PendingKeys};
use crate::domain::msisdn::Msisdn;
use crate::domain::pin::PinCheck;
use crate::domain::recent::Recent;
use crate::domain::subscriber::{FromSim, Line, OpenBill, Standing};
use crate::gateway::books::StoreError;
use crate::store::rows::{Columns, Rows, corrupt};

/// A whole line.
pub(super) fn put_line(rows: &mut Rows, line: &Line) {
    rows.row()
        .int(line.subscriber.0)
        .text(&line.reference)
        .opt_int(line.msisdn.map(Msisdn::expose_number))
        .opt_text(line.iccid.as_deref())
        .text(&line.imsi)
        .text(&line.language)
        .text(&line.class)
        .text(line.currency.code())
        .int(line.credit_limit)
        .int(line.cap)
        .int(line.changed.0)
        .int(line.key_version)
        .text(&line.profile)
        .opt_octets(line.sealed_keys.as_deref())
        .opt_int(line.asked.map(|asked| asked.0))
        .opt_octets(line.pin.as_ref().map(|pin| pin.check.as_slice()))
        .int(line.pin.map_or(0, |pin| pin.wrong))
        .int(line.file_key_version)
        .opt_octets(line.pending.as_ref().map(PendingKeys::to_octets).as_deref())
        .opt_int(
            line.pending
                .as_ref()
                .and_then(|pending| pending.due)
                .map(|due| due.0),
        )
        .opt_octets(line.older.as_ref().map(OlderKeys::to_octets).as_deref());
    put_line_hot_columns(rows, line);
    rows.end();
}

/// What an order changes of a line, after its key.
pub(super) fn put_line_hot(rows: &mut Rows, line: &Line) {
    rows.row().int(line.subscriber.0);
    put_line_hot_columns(rows, line);
    rows.end();
}

fn put_line_hot_columns(rows: &mut Rows, line: &Line) {
    rows.opt_int(line.own_limit)
        .int(line.standing.number())
        .opt_int(line.start_code)
        .big(line.from_sim.counter)
        .octets(
            line.from_sim
                .digest
                .as_ref()
                .map_or(&[], |digest| digest.as_slice()),
        )
        .opt_int(line.from_sim.purchase.map(|id| id.0))
        .big(line.mt_counter)
        .octets(&line.recent.to_octets())
        .int(line.owed_minor)
        .int(line.held)
        .int(line.bill.number)
        .int(line.bill.since.0)
        .int(line.bill.total_minor)
        .int(line.bill.entries)
        .int(line.epoch);
}

pub(super) fn take_line(c: &mut Columns<'_>) -> Result<Line, StoreError> {
    Ok(Line {
        subscriber: SubscriberId(c.int()?),
        reference: c.shared()?,
        msisdn: c.opt_small::<Msisdn>()?,
        iccid: c.opt_shared()?,
        imsi: c.shared()?,
        language: c.shared()?,
        class: c.shared()?,
        currency: c.parsed()?,
        credit_limit: c.small()?,
        cap: c.small()?,
        changed: Millis(c.int()?),
        key_version: c.small()?,
        profile: c.shared()?,
        sealed_keys: c.opt_octets()?.map(Arc::from),
        asked: c.opt_int()?.map(Millis),
        pin: take_pin(c)?,
        file_key_version: c.small()?,
        pending: take_pending(c)?,
        older: take_older(c)?,
        own_limit: c.opt_small()?,
        standing: Standing::by_number(c.small()?),
        start_code: c.opt_small()?,
        from_sim: FromSim {
            counter: c.small()?,
            digest: c.octets()?.try_into().ok(),
            purchase: c.opt_int()?.map(PurchaseId),
        },
        mt_counter: c.small()?,
        recent: Recent::from_octets(c.octets()?).ok_or_else(|| corrupt("line.recent"))?,
        owed_minor: c.int()?,
        held: c.small()?,
        bill: OpenBill {
            number: c.small()?,
            since: Millis(c.int()?),
            total_minor: c.int()?,
            entries: c.small()?,
        },
        epoch: c.small()?,
    })
}

fn take_pin(c: &mut Columns<'_>) -> Result<Option<PinCheck>, StoreError> {
    let check = c.opt_octets()?.map(<[u8; 16]>::try_from).transpose();
    let check = check.map_err(|_| corrupt("line.pin_check"))?;
    let wrong = c.small()?;
    Ok(check.map(|check| PinCheck { check, wrong }))
}

fn take_pending(c: &mut Columns<'_>) -> Result<Option<PendingKeys>, StoreError> {
    let octets = c.opt_octets()?;
    let due = c.opt_int()?.map(Millis);
    let read =
        |octets| PendingKeys::from_octets(octets, due).ok_or_else(|| corrupt("line.pending_keys"));
    octets.map(read).transpose()
}

fn take_older(c: &mut Columns<'_>) -> Result<Option<OlderKeys>, StoreError> {
    let read = |octets| OlderKeys::from_octets(octets).ok_or_else(|| corrupt("line.older_keys"));
    c.opt_octets()?.map(read).transpose()
}
