//! Records as rows and back, in the order of the columns in [`tables`](super::tables).

use bytes::Bytes;

use crate::domain::Millis;
use crate::domain::catalogue::{ItemCode, ShortCode};
use crate::domain::charge::{Charge, Price};
use crate::domain::epoch::BooksEpoch;
use crate::domain::ids::{IdSource, MerchantId, PurchaseId, SubscriberId, TerminalId};
use crate::domain::merchant::{Item, Merchant, Terminal, UnknownEnd};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;
use crate::domain::purchase::{Purchase, State};
use crate::domain::refusal::Refusal;
use crate::gateway::books::StoreError;
use crate::gateway::record::{Billed, Channel, Evidence, PurchaseRecord};
use crate::gateway::world::Counters;
use crate::store::rows::{Columns, Rows, corrupt};

/// The node's row.
pub(super) fn put_counters(rows: &mut Rows, counters: &Counters) {
    rows.row()
        .int(i64::from(counters.node))
        .int(counters.ids.last())
        .int(counters.batch)
        .int(counters.committed.0)
        .int(counters.transfer)
        .int(counters.entry)
        .int(counters.purse_log)
        .int(counters.pos_log)
        .int(counters.account)
        .int(counters.bill)
        .int(counters.series_from)
        .int(counters.epoch)
        .int(counters.writer)
        .int(counters.files_epoch)
        .end();
}

/// The node's row, and after it the epoch of the books.
pub(super) fn take_counters(c: &mut Columns<'_>) -> Result<Counters, StoreError> {
    let node = c.small()?;
    Ok(Counters {
        node,
        ids: IdSource::new(node, c.int()?),
        batch: c.int()?,
        committed: Millis(c.int()?),
        transfer: c.int()?,
        entry: c.int()?,
        purse_log: c.int()?,
        pos_log: c.int()?,
        account: c.int()?,
        bill: c.int()?,
        series_from: c.int()?,
        epoch: c.int()?,
        writer: c.int()?,
        files_epoch: c.small()?,
        books: take_epoch(c)?,
    })
}

pub(super) fn take_epoch(c: &mut Columns<'_>) -> Result<BooksEpoch, StoreError> {
    Ok(BooksEpoch {
        number: c.small()?,
        files: c.small()?,
        plain_from: Millis(c.int()?),
        margin: c.small()?,
    })
}

pub(super) fn put_merchant(rows: &mut Rows, merchant: &Merchant) {
    rows.row()
        .text(merchant.id.as_str())
        .text(&merchant.name)
        .text(merchant.currency.code())
        .text(&merchant.tax_code)
        .int(merchant.discount_basis_points)
        .int(merchant.open)
        .text(merchant.unknown_end.name())
        .end();
}

pub(super) fn take_merchant(c: &mut Columns<'_>) -> Result<Merchant, StoreError> {
    Ok(Merchant {
        id: c.parsed()?,
        name: c.shared()?,
        currency: c.parsed()?,
        tax_code: c.shared()?,
        discount_basis_points: c.small()?,
        open: c.int()? != 0,
        unknown_end: UnknownEnd::by_name(c.text()?)
            .ok_or_else(|| corrupt("merchant.unknown_end"))?,
    })
}

pub(super) fn put_item(rows: &mut Rows, merchant: &MerchantId, item: &Item) {
    rows.row()
        .text(merchant.as_str())
        .text(item.code.as_str())
        .text(&item.name)
        .int(item.price.retail)
        .int(item.price.wholesale)
        .end();
}

pub(super) fn take_item(c: &mut Columns<'_>) -> Result<(MerchantId, Item), StoreError> {
    let merchant = c.parsed()?;
    let code = c.parsed()?;
    let name = c.shared()?;
    let price = Price {
        retail: c.small()?,
        wholesale: c.small()?,
    };
    Ok((merchant, Item { code, name, price }))
}

/// A whole terminal.
pub(super) fn put_terminal(rows: &mut Rows, terminal: &Terminal) {
    let items: Vec<&str> = terminal.items.iter().map(ItemCode::as_str).collect();
    rows.row()
        .text(terminal.id.as_str())
        .int(terminal.short_code.number())
        .text(terminal.merchant.as_str())
        .text(&items.join(" "))
        .int(terminal.slots)
        .opt_octets(terminal.token_sha256.as_ref().map(<[u8; 32]>::as_slice))
        .opt_octets(
            terminal
                .file_token_sha256
                .as_ref()
                .map(<[u8; 32]>::as_slice),
        )
        .int(terminal.in_service);
    put_terminal_hot_columns(rows, terminal);
    rows.end();
}

/// What an order changes of a terminal, after its key.
pub(super) fn put_terminal_hot(rows: &mut Rows, terminal: &Terminal) {
    rows.row().text(terminal.id.as_str());
    put_terminal_hot_columns(rows, terminal);
    rows.end();
}

fn put_terminal_hot_columns(rows: &mut Rows, terminal: &Terminal) {
    rows.int(terminal.seen.0)
        .int(terminal.last_ack)
        .int(terminal.open_acks)
        .int(terminal.open_orders)
        .opt_int(terminal.last_closed.map(|(ack, _)| ack))
        .opt_int(terminal.last_closed.map(|(_, purchase)| purchase.0));
}

pub(super) fn take_terminal(c: &mut Columns<'_>) -> Result<Terminal, StoreError> {
    let id = c.parsed()?;
    let short_code = short_code(c.small()?)?;
    let merchant = c.parsed()?;
    let items: Result<Vec<ItemCode>, _> = c
        .text()?
        .split(' ')
        .filter(|t| !t.is_empty())
        .map(str::parse)
        .collect();
    let items = items.map_err(|_| corrupt("terminal.items"))?.into();
    let slots = c.small()?;
    let mut token = |column: &'static str| {
        let token = c.opt_octets()?.map(<[u8; 32]>::try_from).transpose();
        token.map_err(|_| corrupt(column))
    };
    let token_sha256 = token("terminal.token_sha256")?;
    let file_token_sha256 = token("terminal.file_token_sha256")?;
    Ok(Terminal {
        id,
        short_code,
        merchant,
        items,
        slots,
        token_sha256,
        file_token_sha256,
        in_service: c.int()? != 0,
        seen: Millis(c.int()?),
        last_ack: c.int()?,
        open_acks: c.small()?,
        open_orders: c.small()?,
        last_closed: match (c.opt_int()?, c.opt_int()?) {
            (Some(ack), Some(purchase)) => Some((ack, PurchaseId(purchase))),
            _ => None,
        },
    })
}

/// A whole purchase.
pub(super) fn put_purchase(rows: &mut Rows, record: &PurchaseRecord) {
    rows.row()
        .int(record.life.id.0)
        .int(record.life.units)
        .text(record.channel.name())
        .opt_int(record.subscriber.map(|id| id.0))
        .opt_int(record.msisdn.map(Msisdn::expose_number))
        .opt_text(record.terminal.as_ref().map(TerminalId::as_str))
        .opt_text(record.merchant.as_ref().map(MerchantId::as_str))
        .opt_text(record.item.as_ref().map(ItemCode::as_str))
        .opt_int(record.short_code.map(ShortCode::number))
        .opt_text(record.currency.map(Currency::code));
    put_charge(rows, &record.charge);
    rows.opt_int(record.pon.map(Pon::number))
        .opt_int(record.reference)
        .opt_text(record.client_reference.as_deref())
        .opt_int(record.ack)
        .opt_int(record.from_seq.and_then(|seq| i64::try_from(seq).ok()))
        .opt_int(record.to_seq.and_then(|seq| i64::try_from(seq).ok()))
        .opt_int(record.bill_number)
        .int(record.requested.0)
        .opt_int(record.paid.map(|at| at.0))
        .opt_int(record.node)
        .int(record.recovered)
        .opt_text(record.smsc.as_deref())
        .opt_text(record.service.as_deref())
        .octets(&record.evidence.received)
        .text(record.evidence.check);
    put_purchase_later_columns(rows, record);
    rows.end();
}

/// What happens to a purchase after it was paid, after its key.
pub(super) fn put_purchase_later(rows: &mut Rows, record: &PurchaseRecord) {
    rows.row().int(record.life.id.0);
    put_purchase_later_columns(rows, record);
    rows.end();
}

fn put_purchase_later_columns(rows: &mut Rows, record: &PurchaseRecord) {
    rows.text(record.life.state.name())
        .int(state_number(record.life.state));
    put_charge(rows, &record.refunded);
    rows.int(record.changed.0)
        .opt_int(record.deadline.map(|at| at.0))
        .int(record.billed.number())
        .opt_int(record.entry)
        .opt_text(record.reason.as_deref());
}

pub(super) fn take_purchase(c: &mut Columns<'_>) -> Result<PurchaseRecord, StoreError> {
    let id = PurchaseId(c.int()?);
    let units = c.small()?;
    let channel = Channel::by_name(c.text()?).ok_or_else(|| corrupt("purchase.channel"))?;
    let mut record = PurchaseRecord {
        life: Purchase {
            id,
            units,
            state: State::Requested,
        },
        channel,
        subscriber: c.opt_int()?.map(SubscriberId),
        msisdn: c.opt_small::<Msisdn>()?,
        terminal: c.opt_parsed()?,
        merchant: c.opt_parsed()?,
        item: c.opt_parsed()?,
        short_code: c.opt_small::<u32>()?.map(short_code).transpose()?,
        currency: c.opt_parsed()?,
        charge: take_charge(c)?,
        pon: match c.opt_small::<u32>()? {
            Some(number) => Some(pon(number)?),
            None => None,
        },
        reference: c.opt_small()?,
        client_reference: c.opt_shared()?,
        ack: c.opt_int()?,
        from_seq: c.opt_small()?,
        to_seq: c.opt_small()?,
        bill_number: c.opt_small()?,
        requested: Millis(c.int()?),
        paid: c.opt_int()?.map(Millis),
        node: c.opt_small()?,
        recovered: c.int()? != 0,
        smsc: c.opt_shared()?,
        service: c.opt_shared()?,
        evidence: Evidence {
            received: Bytes::copy_from_slice(c.octets()?),
            check: check(c.text()?)?,
        },
        refunded: Charge::default(),
        changed: Millis::default(),
        deadline: None,
        billed: Billed::No,
        entry: None,
        reason: None,
    };
    record.life.state = take_state(c)?;
    record.refunded = take_charge(c)?;
    record.changed = Millis(c.int()?);
    record.deadline = c.opt_int()?.map(Millis);
    record.billed = Billed::by_number(c.small()?);
    record.entry = c.opt_int()?;
    record.reason = c.opt_shared()?;
    Ok(record)
}

pub(super) fn put_charge(rows: &mut Rows, charge: &Charge) {
    rows.int(charge.retail)
        .int(charge.wholesale)
        .int(charge.fee)
        .int(charge.tax);
}

pub(super) fn take_charge(c: &mut Columns<'_>) -> Result<Charge, StoreError> {
    let mut amount = || c.small::<MinorUnits>();
    Ok(Charge {
        retail: amount()?,
        wholesale: amount()?,
        fee: amount()?,
        tax: amount()?,
    })
}

fn short_code(number: u32) -> Result<ShortCode, StoreError> {
    ShortCode::try_from(number).map_err(|_| corrupt("short_code"))
}

pub(super) fn pon(number: u32) -> Result<Pon, StoreError> {
    Pon::try_from(number).map_err(|_| corrupt("pon"))
}

/// The number beside a state's name: pieces supplied, or the cause of a refusal.
fn state_number(state: State) -> u8 {
    match state {
        State::Refused { cause } => cause.number(),
        State::Supplied { units } | State::Refunding { supplied: units } => units,
        State::Requested
        | State::Ordered
        | State::Expired
        | State::Paying
        | State::InDoubt
        | State::Paid
        | State::Accepted
        | State::Dispensing
        | State::Refunded
        | State::Unknown => 0,
    }
}

pub(super) fn take_state(c: &mut Columns<'_>) -> Result<State, StoreError> {
    let (name, number) = (c.text()?, c.small()?);
    state(name, number).ok_or_else(|| corrupt("purchase.state"))
}

fn state(name: &str, number: u8) -> Option<State> {
    Some(match name {
        "requested" => State::Requested,
        "ordered" => State::Ordered,
        "refused" => State::Refused {
            cause: Refusal::by_number(number)?,
        },
        "expired" => State::Expired,
        "paying" => State::Paying,
        "in_doubt" => State::InDoubt,
        "paid" => State::Paid,
        "accepted" => State::Accepted,
        "dispensing" => State::Dispensing,
        "supplied" => State::Supplied { units: number },
        "refunding" => State::Refunding { supplied: number },
        "refunded" => State::Refunded,
        "unknown" => State::Unknown,
        _ => return None,
    })
}

fn check(name: &str) -> Result<&'static str, StoreError> {
    let known = ["cmac", "trusted_originator", "token", "delivered_file"]
        .into_iter()
        .find(|known| *known == name);
    known.ok_or_else(|| corrupt("purchase.check_result"))
}
