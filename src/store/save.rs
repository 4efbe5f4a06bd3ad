//! Writes what a batch changed: one query string for all tables, and the commit at its end.

use crate::domain::ids::SubscriberId;
use crate::domain::ledger::Account;
use crate::domain::money::Currency;
use crate::gateway::record::Channel;
use crate::gateway::world::World;
use crate::store::blobs;
use crate::store::codec::{
    put_counters, put_item, put_line, put_line_hot, put_merchant, put_purchase, put_purchase_later,
    put_terminal, put_terminal_hot,
};
use crate::store::load::Query;
use crate::store::outgoing::{put_bill, put_entry, put_outbox, put_sent};
use crate::store::rows::{Rows, Value};
use crate::store::statements::Statement;
use crate::store::tables::{
    ACCOUNT, ACCOUNT_HOT, BATCH, BATCH_WRITTEN, BILL, BILLING_ENTRY, CARD, CLIENT_REFERENCE, ITEM,
    LINE, LINE_HOT, MERCHANT, NODE, NOTICE, OPEN_ACK, OUTBOX, PART, PERIOD, PON, POS_LOG, PURCHASE,
    PURCHASE_LATER, PURSE, PURSE_LOG, REACH, SENT, TAKEN_REFERENCE, TERMINAL, TERMINAL_HOT,
    TRANSFER,
};

/// The statements for everything that changed, with `commit` last. The caller has raised the
/// node's batch number.
pub(super) fn changed(world: &World) -> Query {
    let mut query = Query::default();
    subscribers(&mut query, world);
    sellers(&mut query, world);
    orders(&mut query, world);
    money(&mut query, world);
    billing(&mut query, world);
    messages(&mut query, world);
    let mut rows = Rows::default();
    put_counters(&mut rows, &world.counters);
    put(&mut query, rows, || NODE.upsert());
    query.sql.push_str("commit;");
    query
}

/// Adds a statement with its rows, in as many pieces as the engine's parameters ask for; the last
/// piece is padded with rows of nulls.
fn put(query: &mut Query, rows: Rows, statement: impl Fn() -> Statement) {
    if rows.is_empty() {
        return;
    }
    let statement = statement();
    let (values, _) = rows.into_parts();
    let most = statement.rows_max();
    for piece in values.chunks(most.saturating_mul(statement.width)) {
        let count = piece.len().checked_div(statement.width).unwrap_or_default();
        let padded = count.next_power_of_two().min(most);
        query.sql.push_str(&statement.text(padded));
        query.sql.push('\n');
        query.arguments.extend_from_slice(piece);
        let nulls = padded.saturating_sub(count).saturating_mul(statement.width);
        query
            .arguments
            .extend(std::iter::repeat_n(Value::Null, nulls));
    }
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
    put(query, imported, || LINE.upsert());
    put(query, new, || LINE.insert());
    put(query, hot, || LINE.update(LINE_HOT));
    let mut cards = Rows::default();
    for (iccid, past) in world.cards.new_rows().chain(world.cards.changed()) {
        cards.row().text(iccid).octets(&past.to_octets()).end();
    }
    put(query, cards, || CARD.upsert());
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
    put(query, periods, || PERIOD.insert());
}

fn sellers(query: &mut Query, world: &World) {
    let mut merchants = Rows::default();
    for (_, merchant) in world.merchants.new_rows().chain(world.merchants.changed()) {
        put_merchant(&mut merchants, merchant);
    }
    put(query, merchants, || MERCHANT.upsert());
    let mut items = Rows::default();
    for ((merchant, _), item) in world.items.new_rows().chain(world.items.changed()) {
        put_item(&mut items, merchant, item);
    }
    put(query, items, || ITEM.upsert());
    let mut gone = Rows::default();
    for ((merchant, code), _) in world.items.removed() {
        gone.row().text(merchant.as_str()).text(code.as_str()).end();
    }
    put(query, gone, || ITEM.delete());
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
    put(query, whole, || TERMINAL.upsert());
    put(query, hot, || TERMINAL.update(TERMINAL_HOT));
}

fn orders(query: &mut Query, world: &World) {
    let (mut new, mut whole, mut later) = (Rows::default(), Rows::default(), Rows::default());
    for (_, record) in world.purchases.new_rows() {
        put_purchase(&mut new, record);
    }
    for (_, record) in world.purchases.changed() {
        // A kiosk's order gets its payer, its ack and its payment when it is paid, whatever else
        // its terminal says in the same batch.
        if record.channel == Channel::Kiosk && record.paid == Some(world.now) {
            put_purchase(&mut whole, record);
        } else {
            put_purchase_later(&mut later, record);
        }
    }
    put(query, new, || PURCHASE.insert());
    put(query, whole, || PURCHASE.upsert());
    put(query, later, || PURCHASE.update(PURCHASE_LATER));
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
    put(query, acks, || OPEN_ACK.insert());
    put(query, closed, || OPEN_ACK.delete());
    if world.sweeps_numbers {
        query.sql.push_str(FREE_NUMBERS);
        query.arguments.push(Value::Int(world.now.0));
    }
    let mut pons = Rows::default();
    for (pon, row) in world.pons.new_rows().chain(world.pons.changed()) {
        pons.row()
            .int(pon.number())
            .int(row.purchase.0)
            .int(row.reserved_until.0)
            .int(row.open)
            .end();
    }
    put(query, pons, || PON.upsert());
    let mut references = Rows::default();
    for ((terminal, reference), purchase) in world.client_references.new_rows() {
        references
            .row()
            .text(terminal.as_str())
            .text(reference)
            .int(purchase.0)
            .end();
    }
    put(query, references, || CLIENT_REFERENCE.insert());
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
            .end();
    }
    for (_, row) in world.accounts.changed() {
        hot.row().int(row.number).int(row.balance.0).end();
    }
    put(query, new, || ACCOUNT.insert());
    put(query, hot, || ACCOUNT.update(ACCOUNT_HOT));
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
    put(query, transfers, || TRANSFER.insert());
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
    put(query, purses, || PURSE.upsert());
    for (table, records) in [(&PURSE_LOG, &world.purse_log), (&POS_LOG, &world.pos_log)] {
        let mut rows = Rows::default();
        for (number, purse, record) in records {
            rows.row()
                .int(*number)
                .text(purse.as_str())
                .octets(&record.to_octets())
                .end();
        }
        put(query, rows, || table.insert());
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
    put(query, entries, || BILLING_ENTRY.insert());
    let mut batches = Rows::default();
    for batch in &world.closed_batches {
        batches
            .row()
            .int(batch.sequence)
            .int(batch.from_entry)
            .int(batch.to_entry)
            .int(batch.closed.0)
            .end();
    }
    put(query, batches, || BATCH.insert());
    let mut written = Rows::default();
    for (sequence, sha256) in &world.written_batches {
        written.row().int(*sequence).octets(sha256).end();
    }
    put(query, written, || BATCH.update(BATCH_WRITTEN));
    let mut bills = Rows::default();
    for bill in &world.bills {
        put_bill(&mut bills, bill);
    }
    put(query, bills, || BILL.insert());
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
    put(query, references, || TAKEN_REFERENCE.insert());
}

fn messages(query: &mut Query, world: &World) {
    // A row that was parked or is sent again is in both tables: it goes out and comes in.
    let mut gone = Rows::default();
    let moved = world.outbox.removed().map(|(id, _)| id);
    for id in moved.chain(world.parked.removed().map(|(id, _)| id)) {
        gone.row().int(id.0).end();
    }
    put(query, gone, || OUTBOX.delete());
    let mut rows = Rows::default();
    for (_, row) in world.outbox.new_rows() {
        put_outbox(&mut rows, row, None);
    }
    for (_, (row, cause)) in world.parked.new_rows() {
        put_outbox(&mut rows, row, Some(cause));
    }
    put(query, rows, || OUTBOX.insert());
    sent(query, world);
    parts(query, world);
    let mut reached = Rows::default();
    for (smsc, reach) in &world.reached {
        reached.row().text(smsc).octets(reach).end();
    }
    put(query, reached, || REACH.upsert());
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
    put(query, notices, || NOTICE.insert());
}

fn sent(query: &mut Query, world: &World) {
    let (mut stand, mut gone) = (Rows::default(), Rows::default());
    for (id, row) in world.sent.new_rows().chain(world.sent.changed()) {
        put_sent(&mut stand, *id, row);
    }
    for (id, _) in world.sent.removed() {
        gone.row().int(id.0).end();
    }
    put(query, stand, || SENT.upsert());
    put(query, gone, || SENT.delete());
}

fn parts(query: &mut Query, world: &World) {
    let (mut stand, mut gone) = (Rows::default(), Rows::default());
    for (key, set) in world.parts.new_rows().chain(world.parts.changed()) {
        put_key(&mut stand, key)
            .int(set.expires_at().0)
            .octets(&blobs::part_set_octets(set))
            .end();
    }
    for (key, _) in world.parts.removed() {
        put_key(&mut gone, key).end();
    }
    put(query, stand, || PART.upsert());
    put(query, gone, || PART.delete());
}

fn put_key<'a>(rows: &'a mut Rows, key: &crate::sms::reassembly::PartKey) -> &'a mut Rows {
    rows.row()
        .int(key.sender.expose_number())
        .int(key.trusted)
        .text(&key.destination)
        .int(key.reference)
        .int(key.total)
        .int(key.wide)
}

/// Forgets payment order numbers that are free again, a batch's worth at a time.
const FREE_NUMBERS: &str = "delete from pon where pon in
 (select pon from pon where open = 0 and reserved_until_ms <= ? limit 5000);
";
