//! Reads what a batch wants into its world: one query string for all tables of a round.

use std::fmt::Write as _;

use crate::gateway::world::Wants;
use crate::store::enter::{
    TAG_ACCOUNT, TAG_ACK, TAG_BATCH, TAG_CARD, TAG_CLIENT_REFERENCE, TAG_HELD_CARD,
    TAG_HELD_NUMBER, TAG_ITEM, TAG_LINE, TAG_MERCHANT, TAG_NODE, TAG_OUTBOX, TAG_PART, TAG_PON,
    TAG_PURCHASE, TAG_PURSE, TAG_REFERENCE, TAG_SENT, TAG_TERMINAL,
};
use crate::store::rows::{Rows, Value};
use crate::store::tables::{ITEM, LINE, MERCHANT, NODE, OUTBOX, PART, PURCHASE, SENT, TERMINAL};

/// A query string with its arguments, in the order of its parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) arguments: Vec<Value>,
}

impl Query {
    /// The argument of the statement that is added next, which names it by its one `?`: numbered
    /// parameters of several statements in one string are counted wrongly by the driver.
    fn argument(&mut self, json: String) {
        self.arguments.push(Value::Text(json.into()));
    }

    fn add(&mut self, statement: std::fmt::Arguments<'_>) {
        // Writing to a String never fails.
        let _ = self.sql.write_fmt(statement);
        self.sql.push('\n');
    }
}

/// Opens the batch's transaction and reads what every batch needs.
pub(super) fn opening(node: u16) -> String {
    let columns = NODE.list("");
    format!(
        "begin immediate;
select {TAG_NODE}, {columns} from node where node = {node};
select {TAG_ACCOUNT}, account_no, kind, merchant_id, currency, balance_minor from account
 where kind in ('issuer','float','in_flight','income','tax','bank','suspense','write_off')
 and merchant_id = '';
select {TAG_PURSE}, purse_id, role, currency, state from purse;
select {TAG_BATCH}, sequence, to_no, sha256 from batch order by sequence desc limit 1;
"
    )
}

/// The selects for what is wanted.
pub(super) fn wanted(query: &mut Query, wants: &Wants) {
    lines(query, wants);
    cards(query, wants);
    terminals(query, wants);
    catalogue(query, wants);
    purchases(query, wants);
    messages(query, wants);
    sent(query, wants);
}

fn lines(query: &mut Query, wants: &Wants) {
    let columns = LINE.list("");
    let mut by = |column: &str, keys: Rows| {
        if !keys.is_empty() {
            query.argument(keys.into_json(1));
            query.add(format_args!(
                "select {TAG_LINE}, {columns} from line where {column} in
                 (select value from json_each(?));"
            ));
        }
    };
    by(
        "msisdn",
        keys(&wants.msisdns, |rows, msisdn| {
            rows.int(msisdn.expose_number());
        }),
    );
    by(
        "subscriber_id",
        keys(&wants.subscribers, |rows, id| {
            rows.int(id.0);
        }),
    );
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
    if !wants.cards.is_empty() {
        let iccids = keys(&wants.cards, |rows, iccid| {
            rows.text(iccid);
        });
        query.argument(iccids.into_json(1));
        query.add(format_args!(
            "select {TAG_CARD}, iccid, past from card
             where iccid in (select value from json_each(?));"
        ));
    }
    let mut held = |tag: i64, column: &str, keys: Rows| {
        if !keys.is_empty() {
            query.argument(keys.into_json(1));
            query.add(format_args!(
                "select distinct {tag}, {column} from period
                 where {column} in (select value from json_each(?));"
            ));
        }
    };
    held(
        TAG_HELD_NUMBER,
        "msisdn",
        keys(&wants.numbers, |rows, msisdn| {
            rows.int(msisdn.expose_number());
        }),
    );
    held(
        TAG_HELD_CARD,
        "iccid",
        keys(&wants.cards, |rows, iccid| {
            rows.text(iccid);
        }),
    );
}

fn terminals(query: &mut Query, wants: &Wants) {
    let select = format!(
        "select {TAG_TERMINAL}, {}, {}, a.account_no, a.balance_minor from terminal t
         join merchant m on m.merchant_id = t.merchant_id
         left join account a on a.kind = 'pos_held' and a.merchant_id = t.merchant_id
         and a.currency = m.currency",
        TERMINAL.list("t."),
        MERCHANT.list("m.")
    );
    let mut by = |column: &str, keys: Rows| {
        if !keys.is_empty() {
            query.argument(keys.into_json(1));
            query.add(format_args!(
                "{select} where t.{column} in (select value from json_each(?));"
            ));
        }
    };
    by(
        "short_code",
        keys(&wants.short_codes, |rows, code| {
            rows.int(code.number());
        }),
    );
    by(
        "terminal_id",
        keys(&wants.terminals, |rows, id| {
            rows.text(id.as_str());
        }),
    );
    by(
        "merchant_id",
        keys(&wants.catalogues, |rows, id| {
            rows.text(id.as_str());
        }),
    );
}

fn catalogue(query: &mut Query, wants: &Wants) {
    if !wants.merchants.is_empty() {
        let ids = keys(&wants.merchants, |rows, id| {
            rows.text(id.as_str());
        });
        query.argument(ids.into_json(1));
        let columns = MERCHANT.list("m.");
        query.add(format_args!(
            "select {TAG_MERCHANT}, {columns}, a.account_no, a.balance_minor from merchant m
             left join account a on a.kind = 'pos_held' and a.merchant_id = m.merchant_id
             and a.currency = m.currency
             where m.merchant_id in (select value from json_each(?));"
        ));
    }
    let columns = ITEM.list("i.");
    if !wants.catalogues.is_empty() {
        let ids = keys(&wants.catalogues, |rows, id| {
            rows.text(id.as_str());
        });
        query.argument(ids.into_json(1));
        query.add(format_args!(
            "select {TAG_ITEM}, {columns} from item i
             where i.merchant_id in (select value from json_each(?));"
        ));
    }
    let mut joined = |on: &str, keys: Rows| {
        if !keys.is_empty() {
            query.argument(keys.into_json(2));
            query.add(format_args!(
                "select {TAG_ITEM}, {columns} from json_each(?) j
                 cross join terminal t on {on}
                 cross join item i on i.merchant_id = t.merchant_id and i.code = j.value->>1;"
            ));
        }
    };
    joined(
        "t.short_code = j.value->>0",
        keys(&wants.items, |rows, (code, item)| {
            rows.int(code.number()).text(item.as_str());
        }),
    );
    joined(
        "t.terminal_id = j.value->>0",
        keys(&wants.terminal_items, |rows, (id, item)| {
            rows.text(id.as_str()).text(item.as_str());
        }),
    );
    if !wants.lists.is_empty() {
        let codes = keys(&wants.lists, |rows, code| {
            rows.int(code.number());
        });
        query.argument(codes.into_json(1));
        query.add(format_args!(
            "select {TAG_ITEM}, {columns} from json_each(?) j
             cross join terminal t on t.short_code = j.value
             cross join item i on i.merchant_id = t.merchant_id;"
        ));
    }
}

fn purchases(query: &mut Query, wants: &Wants) {
    let columns = PURCHASE.list("p.");
    if !wants.purchases.is_empty() {
        let ids = keys(&wants.purchases, |rows, id| {
            rows.int(id.0);
        });
        query.argument(ids.into_json(1));
        query.add(format_args!(
            "select {TAG_PURCHASE}, {columns} from purchase p
             where p.purchase_id in (select value from json_each(?));"
        ));
    }
    if !wants.acks.is_empty() {
        let acks = keys(&wants.acks, |rows, (terminal, ack)| {
            rows.text(terminal.as_str()).int(*ack);
        });
        query.argument(acks.into_json(2));
        query.add(format_args!(
            "select {TAG_ACK}, {columns} from json_each(?) j
             cross join open_ack o on o.terminal_id = j.value->>0 and o.ack = j.value->>1
             cross join purchase p on p.purchase_id = o.purchase_id;"
        ));
    }
    if !wants.untaken.is_empty() {
        let merchants = keys(&wants.untaken, |rows, id| {
            rows.text(id.as_str());
        });
        query.argument(merchants.into_json(1));
        query.add(format_args!(
            "select {TAG_ACK}, {columns} from json_each(?) j
             cross join terminal t on t.merchant_id = j.value
             cross join open_ack o on o.terminal_id = t.terminal_id
             cross join purchase p on p.purchase_id = o.purchase_id and p.state = 'paid'
             limit {UNTAKEN_MAX};"
        ));
    }
    if !wants.pons.is_empty() {
        let pons = keys(&wants.pons, |rows, pon| {
            rows.int(pon.number());
        });
        query.argument(pons.into_json(1));
        query.add(format_args!(
            "select {TAG_PON}, o.pon, o.reserved_until_ms, o.open, {columns} from json_each(?) j
             cross join pon o on o.pon = j.value
             cross join purchase p on p.purchase_id = o.purchase_id;"
        ));
    }
    if !wants.client_references.is_empty() {
        let references = keys(&wants.client_references, |rows, (terminal, reference)| {
            rows.text(terminal.as_str()).text(reference);
        });
        query.argument(references.into_json(2));
        query.add(format_args!(
            "select {TAG_CLIENT_REFERENCE}, o.reference, {columns} from json_each(?) j
             cross join client_reference o
             on o.terminal_id = j.value->>0 and o.reference = j.value->>1
             cross join purchase p on p.purchase_id = o.purchase_id;"
        ));
    }
}

fn messages(query: &mut Query, wants: &Wants) {
    let columns = PART.list("o.");
    if let Some(over_by) = wants.parts_over.iter().max() {
        query.argument(
            keys([over_by], |rows, by| {
                rows.int(by.0);
            })
            .into_json(1),
        );
        query.add(format_args!(
            "select {TAG_PART}, {columns} from part o
             where o.expires_ms <= (select value from json_each(?))
             order by o.expires_ms limit {SWEEP_MAX};"
        ));
    }
    if !wants.part_senders.is_empty() {
        let senders = keys(&wants.part_senders, |rows, (sender, trusted)| {
            rows.int(sender.expose_number()).int(*trusted);
        });
        query.argument(senders.into_json(2));
        query.add(format_args!(
            "select {TAG_PART}, {columns} from json_each(?) j
             cross join part o on o.sender = j.value->>0 and o.trusted = j.value->>1;"
        ));
    }
    if !wants.references.is_empty() {
        let references = keys(&wants.references, |rows, reference| {
            rows.text(reference);
        });
        query.argument(references.into_json(1));
        query.add(format_args!(
            "select {TAG_REFERENCE}, reference, kind, amount_minor, currency, subscriber_id
             from taken_reference where reference in (select value from json_each(?));"
        ));
    }
    if !wants.outbox.is_empty() {
        let ids = keys(&wants.outbox, |rows, id| {
            rows.int(id.0);
        });
        query.argument(ids.into_json(1));
        let columns = OUTBOX.list("");
        query.add(format_args!(
            "select {TAG_OUTBOX}, {columns} from outbox
             where outbox_id in (select value from json_each(?));"
        ));
    }
}

fn sent(query: &mut Query, wants: &Wants) {
    let columns = SENT.list("o.");
    if !wants.sent_ids.is_empty() {
        let ids = keys(&wants.sent_ids, |rows, (smsc, id)| {
            rows.text(smsc).text(id);
        });
        query.argument(ids.into_json(2));
        query.add(format_args!(
            "select {TAG_SENT}, {columns} from json_each(?) j cross join sent o
             on o.smsc = j.value->>0 and o.message_id = j.value->>1;"
        ));
    }
    if !wants.sent_to.is_empty() {
        let numbers = keys(&wants.sent_to, |rows, to| {
            rows.int(to.expose_number());
        });
        query.argument(numbers.into_json(1));
        query.add(format_args!(
            "select {TAG_SENT}, {columns} from sent o
             where o.msisdn in (select value from json_each(?));"
        ));
    }
    if let Some(below) = wants.sent_below.iter().max() {
        let below = keys([below], |rows, id| {
            rows.int(id.0);
        });
        query.argument(below.into_json(1));
        query.add(format_args!(
            "select {TAG_SENT}, {columns} from sent o
             where o.outbox_id < (select value from json_each(?))
             order by o.outbox_id limit {SWEEP_MAX};"
        ));
    }
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
