//! Reads what a batch wants into its world: one query for all tables of a round.

use std::sync::Arc;

use crate::domain::ids::{OutboxId, PurchaseId, SubscriberId, TerminalId};
use crate::domain::pon::Pon;
use crate::gateway::world::Wants;
use crate::sms::reassembly::PartKey;
use crate::store::enter::{
    TAG_ACCOUNT, TAG_ACK, TAG_BATCH, TAG_CARD, TAG_CARD_KEY, TAG_CLIENT_REFERENCE, TAG_HELD_CARD,
    TAG_HELD_NUMBER, TAG_ITEM, TAG_KEY_IMPORT, TAG_LINE, TAG_MERCHANT, TAG_NODE, TAG_OUTBOX,
    TAG_PART, TAG_PON, TAG_PURCHASE, TAG_PURSE, TAG_REFERENCE, TAG_SENT, TAG_TERMINAL,
};
use crate::store::rows::Rows;
use crate::store::statements::{KEYS, Query};
use crate::store::tables::{
    CARD_KEY, ITEM, KEY_IMPORT, LINE, MERCHANT, NODE, OUTBOX, PART, PURCHASE, SENT, TERMINAL,
};

/// What every batch needs: the node's row, its accounts and purses, and its last closed batch.
pub(super) fn opening(node: u16) -> Query {
    let mut query = Query::default();
    let columns = NODE.list("n.");
    query.plain(format!(
        "select {TAG_NODE}, {columns}, b.epoch,
         (select min(files_epoch) from node), b.plain_from_ms, b.counter_margin
         from node n cross join books b where n.node = {node}"
    ));
    query.plain(format!(
        "select {TAG_ACCOUNT}, account_no, kind, merchant_id, currency, balance_minor from account
         where node = {node} and merchant_id = '' and kind in
         ('issuer','float','in_flight','income','tax','bank','suspense','write_off')"
    ));
    query.plain(format!(
        "select {TAG_PURSE}, purse_id, role, currency, state from purse"
    ));
    query.plain(format!(
        "select {TAG_BATCH}, sequence, to_no, sha256 from batch where node = {node}
         order by sequence desc limit 1"
    ));
    query
}

/// The selects for what is wanted by `node`.
pub(super) fn wanted(query: &mut Query, node: u16, wants: &Wants) {
    lines(query, wants);
    cards(query, wants);
    imported_keys(query, wants);
    terminals(query, node, wants);
    catalogue(query, node, wants);
    purchases(query, wants);
    messages(query, wants);
    sent(query, wants);
}

fn lines(query: &mut Query, wants: &Wants) {
    let columns = LINE.list("");
    let mut by = |column: &str, keys: Rows| {
        query.read(
            keys,
            &format!(
                "select {TAG_LINE}, {columns} from line
                 where {column} in (select column1 from ({KEYS}) v)"
            ),
        );
    };
    by(
        "msisdn",
        keys(&wants.msisdns, |rows, msisdn| {
            rows.int(msisdn.expose_number());
        }),
    );
    by("subscriber_id", subscriber_keys(&wants.subscribers));
    by(
        "account",
        keys(&wants.accounts, |rows, account| {
            rows.text(account);
        }),
    );
    by(
        "iccid",
        keys(&wants.iccids, |rows, iccid| {
            rows.text(iccid);
        }),
    );
}

fn cards(query: &mut Query, wants: &Wants) {
    let iccids = || {
        keys(&wants.cards, |rows, iccid| {
            rows.text(iccid);
        })
    };
    query.read(
        iccids(),
        &format!(
            "select {TAG_CARD}, iccid, past from card
             where iccid in (select column1 from ({KEYS}) v)"
        ),
    );
    let mut held = |tag: i64, column: &str, keys: Rows| {
        query.read(
            keys,
            &format!(
                "select distinct {tag}, {column} from period
                 where {column} in (select column1 from ({KEYS}) v)"
            ),
        );
    };
    held(
        TAG_HELD_NUMBER,
        "msisdn",
        keys(&wants.numbers, |rows, msisdn| {
            rows.int(msisdn.expose_number());
        }),
    );
    held(TAG_HELD_CARD, "iccid", iccids());
}

fn imported_keys(query: &mut Query, wants: &Wants) {
    let columns = CARD_KEY.list("k.");
    query.read(
        keys(&wants.card_keys, |rows, (iccid, version)| {
            rows.text(iccid).int(*version);
        }),
        &format!(
            "select {TAG_CARD_KEY}, {columns},
             case when i.completed_ms is null then 0 else 1 end
             from ({KEYS}) w cross join card_key k
             left join key_import i on i.import_no = k.import_no
             where k.iccid = w.column1 and k.key_version = w.column2"
        ),
    );
    let columns = KEY_IMPORT.list("");
    query.read(
        keys(&wants.key_imports, |rows, file| {
            rows.text(file);
        }),
        &format!(
            "select {TAG_KEY_IMPORT}, {columns} from key_import
             where completed_ms is null or file in (select column1 from ({KEYS}) v)"
        ),
    );
}

fn terminals(query: &mut Query, node: u16, wants: &Wants) {
    let select = format!(
        "select {TAG_TERMINAL}, {}, {}, a.account_no, a.balance_minor from terminal t
         join merchant m on m.merchant_id = t.merchant_id {}",
        TERMINAL.list("t."),
        MERCHANT.list("m."),
        held(node)
    );
    let mut by = |column: &str, keys: Rows| {
        query.read(
            keys,
            &format!("{select} where t.{column} in (select column1 from ({KEYS}) v)"),
        );
    };
    by(
        "short_code",
        keys(&wants.short_codes, |rows, code| {
            rows.int(code.number());
        }),
    );
    by("terminal_id", terminal_keys(&wants.terminals));
    by(
        "merchant_id",
        keys(&wants.catalogues, |rows, id| {
            rows.text(id.as_str());
        }),
    );
}

/// The account of what the node's POS holds for merchant `m`.
fn held(node: u16) -> String {
    format!(
        "left join account a on a.node = {node} and a.kind = 'pos_held'
         and a.merchant_id = m.merchant_id and a.currency = m.currency"
    )
}

fn catalogue(query: &mut Query, node: u16, wants: &Wants) {
    let columns = MERCHANT.list("m.");
    let ids = keys(&wants.merchants, |rows, id| {
        rows.text(id.as_str());
    });
    query.read(
        ids,
        &format!(
            "select {TAG_MERCHANT}, {columns}, a.account_no, a.balance_minor from merchant m {}
             where m.merchant_id in (select column1 from ({KEYS}) v)",
            held(node)
        ),
    );
    let columns = ITEM.list("i.");
    let ids = keys(&wants.catalogues, |rows, id| {
        rows.text(id.as_str());
    });
    query.read(
        ids,
        &format!(
            "select {TAG_ITEM}, {columns} from item i
             where i.merchant_id in (select column1 from ({KEYS}) v)"
        ),
    );
    let mut joined = |on: &str, keys: Rows| {
        query.read(
            keys,
            &format!(
                "select {TAG_ITEM}, {columns} from ({KEYS}) j cross join terminal t
                 cross join item i where {on} and i.merchant_id = t.merchant_id"
            ),
        );
    };
    joined(
        "t.short_code = j.column1 and i.code = j.column2",
        keys(&wants.items, |rows, (code, item)| {
            rows.int(code.number()).text(item.as_str());
        }),
    );
    joined(
        "t.terminal_id = j.column1 and i.code = j.column2",
        keys(&wants.terminal_items, |rows, (id, item)| {
            rows.text(id.as_str()).text(item.as_str());
        }),
    );
    joined(
        "t.short_code = j.column1",
        keys(&wants.lists, |rows, code| {
            rows.int(code.number());
        }),
    );
}

fn purchases(query: &mut Query, wants: &Wants) {
    let columns = PURCHASE.list("p.");
    query.read(
        purchase_keys(&wants.purchases),
        &format!(
            "select {TAG_PURCHASE}, {columns} from purchase p
             where p.purchase_id in (select column1 from ({KEYS}) v)"
        ),
    );
    let acks = keys(&wants.acks, |rows, (terminal, ack)| {
        rows.text(terminal.as_str()).int(*ack);
    });
    query.read(
        acks,
        &format!(
            "select {TAG_ACK}, {columns} from ({KEYS}) j cross join open_ack o
             cross join purchase p where o.terminal_id = j.column1 and o.ack = j.column2
             and p.purchase_id = o.purchase_id"
        ),
    );
    let merchants = keys(&wants.untaken, |rows, id| {
        rows.text(id.as_str());
    });
    query.read(
        merchants,
        &format!(
            "select {TAG_ACK}, {columns} from ({KEYS}) j cross join terminal t
             cross join open_ack o cross join purchase p
             where t.merchant_id = j.column1 and o.terminal_id = t.terminal_id
             and p.purchase_id = o.purchase_id and p.state = 'paid'
             order by p.purchase_id limit {UNTAKEN_MAX}"
        ),
    );
    query.read(
        pon_keys(&wants.pons),
        &format!(
            "select {TAG_PON}, o.pon, o.reserved_until_ms, o.open, {columns} from ({KEYS}) j
             cross join pon o cross join purchase p
             where o.pon = j.column1 and p.purchase_id = o.purchase_id"
        ),
    );
    let references = keys(&wants.client_references, |rows, (terminal, reference)| {
        rows.text(terminal.as_str()).text(reference);
    });
    query.read(
        references,
        &format!(
            "select {TAG_CLIENT_REFERENCE}, o.reference, {columns} from ({KEYS}) j
             cross join client_reference o cross join purchase p
             where o.terminal_id = j.column1 and o.reference = j.column2
             and p.purchase_id = o.purchase_id"
        ),
    );
}

fn messages(query: &mut Query, wants: &Wants) {
    let columns = PART.list("o.");
    let over_by = wants.parts_over.iter().max();
    query.read(
        keys(over_by, |rows, by| {
            rows.int(by.0);
        }),
        &format!(
            "select {TAG_PART}, {columns} from part o
             where o.expires_ms <= (select column1 from ({KEYS}) v)
             order by o.expires_ms limit {SWEEP_MAX}"
        ),
    );
    let senders = keys(&wants.part_senders, |rows, (sender, trusted)| {
        rows.int(sender.expose_number()).int(*trusted);
    });
    query.read(
        senders,
        &format!(
            "select {TAG_PART}, {columns} from ({KEYS}) j cross join part o
             where o.sender = j.column1 and o.trusted = j.column2"
        ),
    );
    query.read(
        reference_keys(&wants.references),
        &format!(
            "select {TAG_REFERENCE}, reference, kind, amount_minor, currency, subscriber_id
             from taken_reference where reference in (select column1 from ({KEYS}) v)"
        ),
    );
    let columns = OUTBOX.list("");
    query.read(
        outbox_keys(&wants.outbox),
        &format!(
            "select {TAG_OUTBOX}, {columns} from outbox
             where outbox_id in (select column1 from ({KEYS}) v)"
        ),
    );
}

fn sent(query: &mut Query, wants: &Wants) {
    let columns = SENT.list("o.");
    let ids = keys(&wants.sent_ids, |rows, (smsc, id)| {
        rows.text(smsc).text(id);
    });
    query.read(
        ids,
        &format!(
            "select {TAG_SENT}, {columns} from ({KEYS}) j cross join sent o
             where o.smsc = j.column1 and o.message_id = j.column2"
        ),
    );
    let numbers = keys(&wants.sent_to, |rows, to| {
        rows.int(to.expose_number());
    });
    query.read(
        numbers,
        &format!(
            "select {TAG_SENT}, {columns} from sent o
             where o.msisdn in (select column1 from ({KEYS}) v)"
        ),
    );
    let below = wants.sent_below.iter().max();
    query.read(
        outbox_keys(below),
        &format!(
            "select {TAG_SENT}, {columns} from sent o
             where o.outbox_id < (select column1 from ({KEYS}) v)
             order by o.outbox_id limit {SWEEP_MAX}"
        ),
    );
}

pub(super) fn subscriber_keys<'a>(wanted: impl IntoIterator<Item = &'a SubscriberId>) -> Rows {
    keys(wanted, |rows, id| {
        rows.int(id.0);
    })
}

pub(super) fn purchase_keys<'a>(wanted: impl IntoIterator<Item = &'a PurchaseId>) -> Rows {
    keys(wanted, |rows, id| {
        rows.int(id.0);
    })
}

pub(super) fn terminal_keys<'a>(wanted: impl IntoIterator<Item = &'a TerminalId>) -> Rows {
    keys(wanted, |rows, id| {
        rows.text(id.as_str());
    })
}

pub(super) fn pon_keys<'a>(wanted: impl IntoIterator<Item = &'a Pon>) -> Rows {
    keys(wanted, |rows, pon| {
        rows.int(pon.number());
    })
}

pub(super) fn outbox_keys<'a>(wanted: impl IntoIterator<Item = &'a OutboxId>) -> Rows {
    keys(wanted, |rows, id| {
        rows.int(id.0);
    })
}

pub(super) fn reference_keys<'a>(wanted: impl IntoIterator<Item = &'a Arc<str>>) -> Rows {
    keys(wanted, |rows, reference| {
        rows.text(reference);
    })
}

pub(super) fn part_keys<'a>(wanted: impl IntoIterator<Item = &'a PartKey>) -> Rows {
    keys(wanted, |rows, key| {
        rows.int(key.sender.expose_number())
            .int(key.trusted)
            .text(&key.destination)
            .int(key.reference)
            .int(key.total)
            .int(key.wide);
    })
}

fn keys<'a, K: 'a>(wanted: impl IntoIterator<Item = &'a K>, put: impl Fn(&mut Rows, &K)) -> Rows {
    let mut rows = Rows::default();
    for key in wanted {
        put(rows.row(), key);
        rows.end();
    }
    rows
}

/// Purchases that go back in the commit that closes their merchant; those beyond go back when their
/// terminals take too long, or when the merchant is closed again.
const UNTAKEN_MAX: u32 = 2_000;
/// Rows that one sweep takes: the next goes on.
const SWEEP_MAX: u32 = 5_000;
