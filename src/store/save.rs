//! Writes what a batch changed: one query for all tables.

use crate::domain::ids::SubscriberId;
use crate::domain::ledger::Account;
use crate::domain::money::Currency;
use crate::domain::pon::Pon;
use crate::gateway::record::Channel;
use crate::gateway::world::{PonRow, World};
use crate::sms::reassembly::{PartKey, PartSet};
use crate::store::blobs;
use crate::store::codec::{
    put_counters, put_item, put_merchant, put_purchase, put_purchase_later, put_terminal,
    put_terminal_hot,
};
use crate::store::key_rows;
use crate::store::line_codec::{put_line, put_line_hot};
use crate::store::outgoing::{put_bill, put_entry, put_outbox, put_sent};
use crate::store::rows::Rows;
use crate::store::statements::Query;
use crate::store::tables::{
    ACCOUNT, ACCOUNT_HOT, BATCH, BATCH_WRITTEN, BILL, BILLING_ENTRY, CARD, CLIENT_REFERENCE, ITEM,
    LINE, LINE_HOT, MERCHANT, NODE, NOTICE, OPEN_ACK, OUTBOX, OUTBOX_SENDER, PART, PART_HOT,
    PERIOD, PON, PON_HOT, POS_LOG, PURCHASE, PURCHASE_LATER, PURSE, PURSE_LOG, REACH, SENT,
    TAKEN_REFERENCE, TERMINAL, TERMINAL_HOT, TRANSFER,
};

/// The statements for everything that changed. The caller has raised the node's batch number.
pub(super) fn changed(world: &World) -> Query {
    let mut query = Query::default();
    subscribers(&mut query, world);
    sellers(&mut query, world);
    orders(&mut query, world);
    money(&mut query, world);
    billing(&mut query, world);
    messages(&mut query, world);
    key_rows::changed(&mut query, world);
    let mut rows = Rows::default();
    put_counters(&mut rows, &world.counters);
    query.write(rows, || NODE.upsert());
    query
}

fn subscribers(query: &mut Query, world: &World) {
    let (mut new, mut imported, mut hot) = (Rows::default(), Rows::default(), Rows::default());
    for (_, line) in world.lines.new_rows() {
        put_line(&mut new, line);
    }
    for (id, line) in world.lines.changed() {
        if world.imported_lines.contains(id) {
            put_line(&mut imported, line);
        } else {
            put_line_hot(&mut hot, line);
        }
    }
    query.write(imported, || LINE.upsert());
    query.write(new, || LINE.insert());
    query.write(hot, || LINE.update(LINE_HOT));
    let mut cards = Rows::default();
    for (iccid, past) in world.cards.new_rows().chain(world.cards.changed()) {
        cards.row().text(iccid).octets(&past.to_octets()).end();
    }
    query.write(cards, || CARD.upsert());
    let mut periods = Rows::default();
    for period in &world.new_periods {
        periods
            .row()
            .int(period.subscriber.0)
            .int(period.msisdn.expose_number())
            .text(&period.iccid)
            .text(&period.imsi)
            .int(period.from.0)
            .end();
    }
    query.write(periods, || PERIOD.insert());
}

fn sellers(query: &mut Query, world: &World) {
    let mut merchants = Rows::default();
    for (_, merchant) in world.merchants.new_rows().chain(world.merchants.changed()) {
        put_merchant(&mut merchants, merchant);
    }
    query.write(merchants, || MERCHANT.upsert());
    let mut items = Rows::default();
    for ((merchant, _), item) in world.items.new_rows().chain(world.items.changed()) {
        put_item(&mut items, merchant, item);
    }
    query.write(items, || ITEM.upsert());
    let mut gone = Rows::default();
    for ((merchant, code), _) in world.items.removed() {
        gone.row().text(merchant.as_str()).text(code.as_str()).end();
    }
    query.write(gone, || ITEM.delete());
    let (mut whole, mut hot) = (Rows::default(), Rows::default());
    for (_, terminal) in world.terminals.new_rows() {
        put_terminal(&mut whole, terminal);
    }
    for (id, terminal) in world.terminals.changed() {
        if world.imported_terminals.contains(id) {
            put_terminal(&mut whole, terminal);
        } else {
            put_terminal_hot(&mut hot, terminal);
        }
    }
    query.write(whole, || TERMINAL.upsert());
    query.write(hot, || TERMINAL.update(TERMINAL_HOT));
}

fn orders(query: &mut Query, world: &World) {
    let (mut new, mut whole, mut later) = (Rows::default(), Rows::default(), Rows::default());
    for (_, record) in world.purchases.new_rows() {
        put_purchase(&mut new, record);
    }
    for (_, record) in world.purchases.changed() {
        // A kiosk's order gets its payer, its ack and its payment when it is paid, whatever else
        // its terminal says in the same batch; or from a delivered file, after a restore.
        let is_paid_now = record.channel == Channel::Kiosk && record.paid == Some(world.now);
        if is_paid_now || record.recovered {
            put_purchase(&mut whole, record);
        } else {
            put_purchase_later(&mut later, record);
        }
    }
    query.write(new, || PURCHASE.insert());
    query.write(whole, || PURCHASE.upsert());
    query.write(later, || PURCHASE.update(PURCHASE_LATER));
    let (mut acks, mut closed) = (Rows::default(), Rows::default());
    for ((terminal, ack), purchase) in world.acks.new_rows() {
        acks.row()
            .text(terminal.as_str())
            .int(*ack)
            .int(purchase.0)
            .end();
    }
    for ((terminal, ack), _) in world.acks.removed() {
        closed.row().text(terminal.as_str()).int(*ack).end();
    }
    query.write(acks, || OPEN_ACK.insert());
    query.write(closed, || OPEN_ACK.delete());
    if world.sweeps_numbers {
        let mut now = Rows::default();
        now.row().int(world.now.0).end();
        query.read(now, FREE_NUMBERS);
    }
    query.write(pon_rows(world.pons.new_rows()), || PON.insert());
    query.write(pon_rows(world.pons.changed()), || PON.update(PON_HOT));
    let mut references = Rows::default();
    for ((terminal, reference), purchase) in world.client_references.new_rows() {
        references
            .row()
            .text(terminal.as_str())
            .text(reference)
            .int(purchase.0)
            .end();
    }
    query.write(references, || CLIENT_REFERENCE.insert());
}

fn pon_rows<'a>(pons: impl Iterator<Item = (&'a Pon, &'a PonRow)>) -> Rows {
    let mut rows = Rows::default();
    for (pon, row) in pons {
        rows.row()
            .int(pon.number())
            .int(row.purchase.0)
            .int(row.reserved_until.0)
            .int(row.open)
            .end();
    }
    rows
}

fn money(query: &mut Query, world: &World) {
    let (mut new, mut hot) = (Rows::default(), Rows::default());
    for ((account, currency), row) in world.accounts.new_rows() {
        let merchant = account.merchant().map_or("", |merchant| merchant.as_str());
        new.row()
            .int(row.number)
            .text(account.kind())
            .text(merchant)
            .text(currency.code())
            .int(row.balance.0)
            .int(world.counters.node)
            .end();
    }
    for (_, row) in world.accounts.changed() {
        hot.row().int(row.number).int(row.balance.0).end();
    }
    query.write(new, || ACCOUNT.insert());
    query.write(hot, || ACCOUNT.update(ACCOUNT_HOT));
    let mut transfers = Rows::default();
    for transfer in &world.transfers {
        transfers
            .row()
            .int(transfer.number)
            .int(number_of(world, &transfer.from, transfer.currency))
            .int(number_of(world, &transfer.to, transfer.currency))
            .int(transfer.amount)
            .text(transfer.currency.code())
            .text(transfer.kind)
            .opt_int(transfer.purchase.map(|id| id.0))
            .int(world.now.0)
            .end();
    }
    query.write(transfers, || TRANSFER.insert());
    let mut purses = Rows::default();
    for (role, table) in [("lane", &world.lanes), ("pos", &world.pos)] {
        for (currency, purse) in table.new_rows().chain(table.changed()) {
            purses
                .row()
                .text(purse.row().name.as_str())
                .text(role)
                .text(currency.code())
                .octets(&blobs::purse_octets(purse))
                .end();
        }
    }
    query.write(purses, || PURSE.upsert());
    for (table, records) in [(&PURSE_LOG, &world.purse_log), (&POS_LOG, &world.pos_log)] {
        let mut rows = Rows::default();
        for (number, purse, record) in records {
            rows.row()
                .int(*number)
                .text(purse.as_str())
                .octets(&record.to_octets())
                .end();
        }
        query.write(rows, || table.insert());
    }
}

/// The number that a transfer names an account by: a subscriber's id stands for its receivable.
fn number_of(world: &World, account: &Account, currency: Currency) -> i64 {
    if let Account::Receivable(SubscriberId(id)) = account {
        return *id;
    }
    world
        .accounts
        .get(&(account.clone(), currency))
        .map_or(0, |row| row.number)
}

fn billing(query: &mut Query, world: &World) {
    let mut entries = Rows::default();
    for entry in &world.entries {
        put_entry(&mut entries, entry);
    }
    query.write(entries, || BILLING_ENTRY.insert());
    let mut batches = Rows::default();
    for batch in &world.closed_batches {
        batches
            .row()
            .int(world.counters.node)
            .int(batch.sequence)
            .int(batch.from_entry)
            .int(batch.to_entry)
            .int(batch.closed.0)
            .opt_octets(None)
            .end();
    }
    query.write(batches, || BATCH.insert());
    let mut written = Rows::default();
    for (sequence, sha256) in &world.written_batches {
        written
            .row()
            .int(world.counters.node)
            .int(*sequence)
            .octets(sha256)
            .end();
    }
    query.write(written, || BATCH.update(BATCH_WRITTEN));
    let mut bills = Rows::default();
    for bill in &world.bills {
        put_bill(&mut bills, bill);
    }
    query.write(bills, || BILL.insert());
    let mut references = Rows::default();
    for (reference, taken) in world.references.new_rows() {
        references
            .row()
            .text(reference)
            .text(taken.kind)
            .int(taken.amount)
            .text(taken.currency.code())
            .opt_int(taken.subscriber.map(|id| id.0))
            .end();
    }
    query.write(references, || TAKEN_REFERENCE.insert());
}

fn messages(query: &mut Query, world: &World) {
    // A row that was parked or is sent again is in both tables: it goes out and comes in.
    let mut gone = Rows::default();
    let moved = world.outbox.removed().map(|(id, _)| id);
    for id in moved.chain(world.parked.removed().map(|(id, _)| id)) {
        gone.row().int(id.0).end();
    }
    query.write(gone, || OUTBOX.delete());
    let mut rows = Rows::default();
    for (_, row) in world.outbox.new_rows() {
        put_outbox(&mut rows, row, None);
    }
    for (_, (row, cause)) in world.parked.new_rows() {
        put_outbox(&mut rows, row, Some(cause));
    }
    query.write(rows, || OUTBOX.insert());
    let mut handed_over = Rows::default();
    for (id, row) in world.outbox.changed() {
        handed_over.row().int(id.0).opt_int(row.node).end();
    }
    query.write(handed_over, || OUTBOX.update(OUTBOX_SENDER));
    sent(query, world);
    parts(query, world);
    let mut reached = Rows::default();
    for (smsc, reach) in &world.reached {
        reached
            .row()
            .int(world.counters.node)
            .text(smsc)
            .octets(reach)
            .end();
    }
    query.write(reached, || REACH.upsert());
    let mut notices = Rows::default();
    for notice in &world.notices {
        notices
            .row()
            .int(world.now.0)
            .text(notice.kind)
            .opt_int(notice.purchase.map(|id| id.0))
            .opt_int(notice.subscriber.map(|id| id.0))
            .text(&notice.text)
            .end();
    }
    query.write(notices, || NOTICE.insert());
}

fn sent(query: &mut Query, world: &World) {
    let (mut stand, mut gone) = (Rows::default(), Rows::default());
    for (id, row) in world.sent.new_rows().chain(world.sent.changed()) {
        put_sent(&mut stand, *id, row);
    }
    for (id, _) in world.sent.removed() {
        gone.row().int(id.0).end();
    }
    query.write(stand, || SENT.upsert());
    query.write(gone, || SENT.delete());
}

fn parts(query: &mut Query, world: &World) {
    query.write(part_rows(world.parts.new_rows()), || PART.insert());
    query.write(part_rows(world.parts.changed()), || PART.update(PART_HOT));
    let mut gone = Rows::default();
    for (key, _) in world.parts.removed() {
        put_key(&mut gone, key).end();
    }
    query.write(gone, || PART.delete());
}

fn part_rows<'a>(parts: impl Iterator<Item = (&'a PartKey, &'a PartSet)>) -> Rows {
    let mut rows = Rows::default();
    for (key, set) in parts {
        put_key(&mut rows, key)
            .int(set.expires_at().0)
            .octets(&blobs::part_set_octets(set))
            .end();
    }
    rows
}

fn put_key<'a>(rows: &'a mut Rows, key: &PartKey) -> &'a mut Rows {
    rows.row()
        .int(key.sender.expose_number())
        .int(key.trusted)
        .text(&key.destination)
        .int(key.reference)
        .int(key.total)
        .int(key.wide)
}

/// Forgets payment order numbers that are free again, a batch's worth at a time. The outer condition
/// is looked at again where another node has just taken one.
pub(super) const FREE_NUMBERS: &str = "delete from pon where open = 0 and pon in
     (select p.pon from ({keys}) v cross join pon p
      where p.open = 0 and p.reserved_until_ms <= v.column1 limit 5000)";
