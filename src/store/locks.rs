//! The rows that a batch may change, locked in one order on every node, so that no two wait for
//! each other: node, line, purchase, PON, terminal, parts, references, messages; by key within each.
//!
//! ```text
//! look (no lock) ─► lock by key ─► read ─► did the lock hold all that was read? ─► decide
//!   ▲                                                   │ no: another node was in between
//!   └───────────── release ◄────────────────────────────┘
//! ```
//! An order names a number, the number a line, a deadline a purchase and that its line: what leads
//! to what is found without locks. `SQLite` has one writer and needs none of this.

use std::collections::HashSet;

use crate::domain::ids::{OutboxId, PurchaseId, SubscriberId, TerminalId};
use crate::gateway::member::Member;
use crate::gateway::world::Wants;
use crate::gateway::world::World;
use crate::store::connection::{Around, Broken, Connection};
use crate::store::enter::{
    TAG_LINE, TAG_OUTBOX, TAG_PART, TAG_PON, TAG_PURCHASE, TAG_REFERENCE, TAG_SENT, TAG_TERMINAL,
};
use crate::store::load::{
    outbox_keys, part_keys, pon_keys, purchase_keys, reference_keys, subscriber_keys, terminal_keys,
};
use crate::store::rows::{Columns, StoredRow};
use crate::store::statements::{Column, KEYS, Kind, Query};

/// What a batch holds.
#[derive(Debug, Default)]
pub(super) struct Locked {
    lines: HashSet<SubscriberId>,
    purchases: HashSet<PurchaseId>,
    terminals: HashSet<TerminalId>,
    sent: HashSet<OutboxId>,
    others: Others,
}

/// How many rows are held of tables whose rows are read by the very keys that are locked, or are
/// only ever added to by others.
#[derive(Debug, Default, PartialEq, Eq)]
struct Others {
    pons: usize,
    parts: usize,
    references: usize,
    outbox: usize,
}

/// Holds the node's row, so that its batches come one after the other whoever makes them, and, for
/// an import, all other imports: two of them could give a number to two lines.
pub(super) fn opening(node: u16, members: &[Member]) -> Query {
    let mut query = Query::default();
    query.plain(format!(
        "select node from node where node = {node} for update"
    ));
    let imports = members.iter().any(|member| {
        matches!(
            member,
            Member::ImportLines(_) | Member::ImportMerchant(_) | Member::KeyImport(_)
        )
    });
    if imports {
        query.plain(format!("select pg_advisory_xact_lock({IMPORTS})::text"));
    }
    query
}

/// A table whose rows are locked by key.
struct Lockable {
    tag: i64,
    table: &'static str,
    key: &'static [Column],
}

/// The tables in the order of locking.
const ORDER: &[Lockable] = &[
    lockable(TAG_LINE, "line", &[int("subscriber_id")]),
    lockable(TAG_PURCHASE, "purchase", &[int("purchase_id")]),
    lockable(TAG_PON, "pon", &[int("pon")]),
    lockable(TAG_TERMINAL, "terminal", &[text("terminal_id")]),
    lockable(TAG_PART, "part", PART_KEY),
    lockable(TAG_REFERENCE, "taken_reference", &[text("reference")]),
    lockable(TAG_SENT, "sent", &[int("outbox_id")]),
    lockable(TAG_OUTBOX, "outbox", &[int("outbox_id")]),
];
const PART_KEY: &[Column] = &[
    int("sender"),
    int("trusted"),
    text("destination"),
    int("reference"),
    int("total"),
    int("wide"),
];

const fn lockable(tag: i64, table: &'static str, key: &'static [Column]) -> Lockable {
    Lockable { tag, table, key }
}

const fn int(name: &'static str) -> Column {
    let kind = Kind::Int;
    Column { name, kind }
}

const fn text(name: &'static str) -> Column {
    let kind = Kind::Text;
    Column { name, kind }
}

/// The select for each table, with what its keys are; `suffix` locks.
pub(super) fn every(suffix: &str) -> Vec<(String, Vec<Kind>)> {
    let selects = ORDER.iter().map(|Lockable { tag, table, key }| {
        let columns: Vec<&str> = key.iter().map(|column| column.name).collect();
        let places: Vec<String> = (1..=key.len()).map(|at| format!("column{at}")).collect();
        let (columns, places) = (columns.join(", "), places.join(", "));
        let sql = format!(
            "select {tag}, {columns} from {table} where ({columns}) in
             (select {places} from ({KEYS}) v) order by {columns}{suffix}"
        );
        (sql, key.iter().map(|column| column.kind).collect())
    });
    selects.collect()
}

/// The selects that lock what was looked at.
fn selects(looked: &World, asked: &Wants) -> Query {
    let keys = [
        subscriber_keys(looked.lines.stored()),
        purchase_keys(looked.purchases.stored()),
        pon_keys(&asked.pons),
        terminal_keys(looked.terminals.stored()),
        part_keys(looked.parts.stored()),
        reference_keys(&asked.references),
        outbox_keys(looked.sent.stored()),
        outbox_keys(&asked.outbox),
    ];
    let mut query = Query::default();
    for ((sql, _), keys) in every(" for update").iter().zip(keys) {
        query.read(keys, sql);
    }
    query
}

impl Locked {
    /// Marks where [`Self::release`] goes back to.
    pub(super) async fn begin(connection: &mut Connection) -> Result<(), Broken> {
        run(connection, "savepoint looked").await
    }

    /// Locks what was looked at.
    pub(super) async fn take(
        connection: &mut Connection,
        looked: &World,
        asked: &Wants,
    ) -> Result<Self, Broken> {
        let query = selects(looked, asked);
        let rows = connection.fetch(&query, Around::Nothing).await?;
        let mut locked = Self::default();
        for row in &rows {
            locked.count(row);
        }
        Ok(locked)
    }

    /// Lets every lock go but that of the node's row.
    pub(super) async fn release(connection: &mut Connection) -> Result<(), Broken> {
        run(connection, "rollback to savepoint looked").await
    }

    /// Whether every row of `read` is locked, and every number, card and account still leads to
    /// the line that it led to when it was looked at.
    pub(super) fn holds_all(&self, looked: &World, read: &World) -> bool {
        let others = Others {
            pons: read.pons.stored().count(),
            parts: read.parts.stored().count(),
            references: read.references.stored().count(),
            outbox: read.outbox.stored().chain(read.parked.stored()).count(),
        };
        others == self.others
            && read.lines.stored().all(|id| self.lines.contains(id))
            && read
                .purchases
                .stored()
                .all(|id| self.purchases.contains(id))
            && read
                .terminals
                .stored()
                .all(|id| self.terminals.contains(id))
            && read.sent.stored().all(|id| self.sent.contains(id))
            && looked.by_msisdn == read.by_msisdn
            && looked.by_iccid == read.by_iccid
            && looked.by_account == read.by_account
            && looked.by_short_code == read.by_short_code
    }

    /// A row that can't be read is not held: then the batch says so when it reads it.
    fn count(&mut self, row: &StoredRow) {
        let mut c = Columns::of(row);
        let Ok(tag) = c.int() else {
            return;
        };
        let others = &mut self.others;
        let count = match tag {
            TAG_LINE => {
                self.lines.extend(c.int().map(SubscriberId));
                return;
            }
            TAG_PURCHASE => {
                self.purchases.extend(c.int().map(PurchaseId));
                return;
            }
            TAG_TERMINAL => {
                self.terminals.extend(c.parsed::<TerminalId>());
                return;
            }
            TAG_SENT => {
                self.sent.extend(c.int().map(OutboxId));
                return;
            }
            TAG_PON => &mut others.pons,
            TAG_PART => &mut others.parts,
            TAG_REFERENCE => &mut others.references,
            _ => &mut others.outbox,
        };
        *count = count.saturating_add(1);
    }
}

async fn run(connection: &mut Connection, sql: &str) -> Result<(), Broken> {
    let mut query = Query::default();
    query.plain(sql);
    connection.fetch(&query, Around::Nothing).await.map(|_| ())
}

/// The advisory lock of imports: any number that nothing else takes.
const IMPORTS: i64 = 0x5376_0001;
