//! Billing entries, bills and messages as rows and back.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::Millis;
use crate::domain::bill::Bill;
use crate::domain::catalogue::ItemCode;
use crate::domain::ids::{MerchantId, OutboxId, PurchaseId, SubscriberId};
use crate::domain::ledger::Account;
use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;
use crate::gateway::books::StoreError;
use crate::gateway::record::{BillingEntry, Channel, EntryKind, OutboxRow, SentRow, ShortMessage};
use crate::store::codec::{pon, put_charge, take_charge};
use crate::store::rows::{Columns, Rows, corrupt};

pub(super) fn put_entry(rows: &mut Rows, entry: &BillingEntry) {
    rows.row()
        .int(entry.number)
        .text(entry.kind.name())
        .int(entry.purchase.0)
        .opt_int(entry.original)
        .int(entry.subscriber.0)
        .text(&entry.account)
        .opt_int(entry.msisdn.map(Msisdn::expose_number))
        .text(entry.merchant.as_str())
        .opt_text(entry.item.as_ref().map(ItemCode::as_str))
        .int(entry.units)
        .text(entry.currency.code());
    put_charge(rows, &entry.charge);
    rows.text(&entry.tax_code)
        .int(entry.bill_number)
        .int(entry.at.0)
        .int(entry.business_date)
        .int(entry.provisional)
        .text(entry.channel.name())
        .end();
}

pub(super) fn take_entry(c: &mut Columns<'_>) -> Result<BillingEntry, StoreError> {
    Ok(BillingEntry {
        number: c.int()?,
        kind: EntryKind::by_name(c.text()?).ok_or_else(|| corrupt("billing_entry.kind"))?,
        purchase: PurchaseId(c.int()?),
        original: c.opt_int()?,
        subscriber: SubscriberId(c.int()?),
        account: c.shared()?,
        msisdn: c.opt_small::<Msisdn>()?,
        merchant: c.parsed()?,
        item: c.opt_parsed()?,
        units: c.small()?,
        currency: c.parsed()?,
        charge: take_charge(c)?,
        tax_code: c.shared()?,
        bill_number: c.small()?,
        at: Millis(c.int()?),
        business_date: c.small()?,
        provisional: c.int()? != 0,
        channel: Channel::by_name(c.text()?).ok_or_else(|| corrupt("billing_entry.channel"))?,
    })
}

pub(super) fn put_outbox(rows: &mut Rows, row: &OutboxRow, parked: Option<&str>) {
    rows.row()
        .int(row.id.0)
        .opt_int(row.purchase.map(|id| id.0))
        .text(&row.smsc)
        .text(&row.from)
        .int(row.to.expose_number())
        .int(row.message.udhi)
        .int(row.message.protocol_id)
        .int(row.message.data_coding)
        .octets(&row.message.user_data)
        .int(row.created.0)
        .int(row.expires.0)
        .opt_text(parked)
        .opt_int(row.node)
        .opt_int(row.asks.map(Pon::number))
        .end();
}

pub(super) fn take_outbox(
    c: &mut Columns<'_>,
) -> Result<(OutboxRow, Option<Arc<str>>), StoreError> {
    let mut row = OutboxRow {
        id: OutboxId(c.int()?),
        purchase: c.opt_int()?.map(PurchaseId),
        smsc: c.shared()?,
        from: c.shared()?,
        to: c.small::<Msisdn>()?,
        message: ShortMessage {
            udhi: c.int()? != 0,
            protocol_id: c.small()?,
            data_coding: c.small()?,
            user_data: Bytes::copy_from_slice(c.octets()?),
        },
        created: Millis(c.int()?),
        expires: Millis(c.int()?),
        node: None,
        asks: None,
    };
    let parked = c.opt_shared()?;
    row.node = c.opt_small()?;
    row.asks = c.opt_small()?.map(pon).transpose()?;
    Ok((row, parked))
}

pub(super) fn put_sent(rows: &mut Rows, id: OutboxId, sent: &SentRow) {
    rows.row()
        .int(id.0)
        .text(&sent.smsc)
        .text(&sent.message_id)
        .int(sent.to.expose_number())
        .int(sent.reference)
        .opt_int(sent.purchase.map(|id| id.0))
        .int(sent.at.0)
        .opt_text(sent.state.as_deref())
        .end();
}

pub(super) fn take_sent(c: &mut Columns<'_>) -> Result<(OutboxId, SentRow), StoreError> {
    let id = OutboxId(c.int()?);
    let sent = SentRow {
        smsc: c.shared()?,
        message_id: c.shared()?,
        to: c.small::<Msisdn>()?,
        reference: c.small()?,
        purchase: c.opt_int()?.map(PurchaseId),
        at: Millis(c.int()?),
        state: c.opt_shared()?,
    };
    Ok((id, sent))
}

pub(super) fn put_bill(rows: &mut Rows, bill: &Bill) {
    rows.row()
        .int(bill.id.0)
        .int(bill.subscriber.0)
        .int(bill.number)
        .text(bill.currency.code())
        .int(bill.total_minor)
        .int(bill.from.0)
        .int(bill.to.0)
        .text(bill.cause.name())
        .end();
}

/// An account as its row names it; a subscriber's is in its line.
pub(super) fn account(kind: &str, merchant: &str) -> Option<Account> {
    let owner = || merchant.parse::<MerchantId>().ok();
    Some(match kind {
        "issuer" => Account::Issuer,
        "float" => Account::Float,
        "in_flight" => Account::InFlight,
        "pos_held" => Account::PosHeld(owner()?),
        "settled" => Account::Settled(owner()?),
        "income" => Account::Income,
        "tax" => Account::Tax,
        "merchant_receivable" => Account::MerchantReceivable(owner()?),
        "bank" => Account::Bank,
        "suspense" => Account::Suspense,
        "write_off" => Account::WriteOff,
        _ => return None,
    })
}
