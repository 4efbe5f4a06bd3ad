//! Every statement that a batch can be made of, with rows that touch nothing: a test runs them on
//! each database, so that none exists on one only.

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::ids::{OutboxId, PurchaseId, SubscriberId};
use crate::domain::pon::Pon;
use crate::gateway::world::Wants;
use crate::store::load;
use crate::store::locks;
use crate::store::rows::Rows;
use crate::store::save;
use crate::store::statements::{Kind, Query, Statement, Table};
use crate::store::tables;

/// All of them for `node`; `suffix` locks.
pub(super) fn statements(node: u16, suffix: &str) -> Query {
    let mut query = load::opening(node);
    load::wanted(&mut query, node, &one_of_each());
    for table in tables::ALL {
        for statement in of(table) {
            let rows = nothing(&statement.kinds);
            query.write(rows, || statement);
        }
    }
    query.read(zeros(&[Kind::Int]), save::FREE_NUMBERS);
    for (sql, kinds) in locks::every(suffix) {
        query.read(zeros(&kinds), &sql);
    }
    query
}

/// The names of the tables, and of their columns as selects list them.
pub(super) fn names() -> Vec<(String, Vec<String>)> {
    let columns = |table: &Table| {
        let names = table.columns.iter().map(|column| column.name);
        let mut names: Vec<String> = names
            .chain(table.key.iter().copied())
            .map(Into::into)
            .collect();
        names.sort();
        names.dedup();
        names
    };
    let tables = tables::ALL.iter();
    tables
        .map(|table| (table.name.to_owned(), columns(table)))
        .collect()
}

fn of(table: &Table) -> [Statement; 4] {
    let rest = table.columns.iter().map(|column| column.name);
    let rest: Vec<_> = rest.filter(|name| !table.key.contains(name)).collect();
    let kept: Vec<_> = rest.into_iter().take(1).collect();
    [
        table.insert(),
        table.upsert(),
        table.update(&kept),
        table.delete(),
    ]
}

/// A row that every statement passes over.
fn nothing(kinds: &[Kind]) -> Rows {
    let mut rows = Rows::default();
    rows.row();
    for _ in kinds {
        rows.opt_int(None::<i64>);
    }
    rows
}

/// Keys that no row has.
fn zeros(kinds: &[Kind]) -> Rows {
    let mut rows = Rows::default();
    rows.row();
    for kind in kinds {
        match kind {
            Kind::Int => rows.int(0),
            Kind::Text | Kind::Octets => rows.text(""),
        };
    }
    rows
}

fn one_of_each() -> Wants {
    let mut wants = Wants::default();
    let name: Arc<str> = "0".into();
    wants.subscribers.insert(SubscriberId(0));
    wants.purchases.insert(PurchaseId(0));
    wants.outbox.insert(OutboxId(0));
    for set in [
        &mut wants.accounts,
        &mut wants.iccids,
        &mut wants.cards,
        &mut wants.references,
    ] {
        set.insert(Arc::clone(&name));
    }
    wants
        .sent_ids
        .insert((Arc::clone(&name), Arc::clone(&name)));
    wants.sent_below.insert(OutboxId(0));
    wants.parts_over.insert(Millis(0));
    wants.card_keys.insert((Arc::clone(&name), 1));
    wants.key_imports.insert(Arc::clone(&name));
    let msisdn = "491700000001".parse().ok();
    wants.msisdns.extend(msisdn);
    wants.sent_to.extend(msisdn);
    wants.numbers.extend(msisdn);
    wants.part_senders.extend(msisdn.zip(Some(true)));
    wants.merchants.extend("m".parse().ok());
    wants.catalogues.extend("m".parse().ok());
    wants.untaken.extend("m".parse().ok());
    let code = "4711".parse().ok();
    wants.short_codes.extend(code);
    wants.lists.extend(code);
    let item = "12".parse().ok();
    wants.items.extend(code.zip(item));
    let terminal: Option<crate::domain::ids::TerminalId> = "t".parse().ok();
    wants.terminals.extend(terminal.clone());
    wants.terminal_items.extend(terminal.clone().zip(item));
    wants.acks.extend(terminal.clone().zip(Some(1)));
    wants.client_references.extend(terminal.zip(Some(name)));
    wants.pons.extend("83920171".parse::<Pon>().ok());
    wants
}
