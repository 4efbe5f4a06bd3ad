//! The schema's versions: each is born on both databases.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use crate::domain::series::{accounts_above, begins_above};
use crate::gateway::books::StoreError;
use crate::store::statements::Query;

/// Versions of `SQLite` files.
pub(super) fn sqlite() -> Migrator {
    migrator(SQLITE)
}

/// Versions of `PostgreSQL` databases.
pub(super) fn postgres() -> Migrator {
    migrator(POSTGRES)
}

/// The version that this program writes, on either database.
pub(super) fn newest() -> i64 {
    let versions = SQLITE.iter().map(|(version, ..)| *version);
    versions.max().unwrap_or_default()
}

/// Why a schema could not be brought up.
pub(super) fn failed(error: MigrateError) -> StoreError {
    let text = if let MigrateError::VersionMissing(version) = error {
        format!(
            "the books have schema version {version}, and this svgate knows them up to {}: \
             run the svgate that they were brought up by, or a newer one",
            newest()
        )
    } else {
        format!("the schema can't be brought up: {error}")
    };
    StoreError::Unavailable(text)
}

/// Makes a node's row, unless it stands.
pub(super) fn add_node(node: u16) -> Query {
    let (from, accounts) = (begins_above(node), accounts_above(node));
    let mut query = Query::default();
    query.plain(format!(
        "insert into node (node, last_id, batch, committed_ms, transfer_no, entry_no,
         purse_log_no, pos_log_no, account_no, bill_no, series_from, epoch, writer, files_epoch)
         select {node}, 0, 0, 0, {from}, {from}, {from}, {from}, {accounts}, 0, {from}, 0, 0, epoch
         from books where books = 1
         on conflict (node) do nothing"
    ));
    query
}

/// Takes a node over: batches that began under its old epoch are its last.
pub(super) fn raise_epoch(node: u16) -> Query {
    let mut query = Query::default();
    query.plain(format!(
        "update node set epoch = epoch + 1 where node = {node} returning epoch"
    ));
    query
}

/// Another node that the books know besides `$1`.
pub(super) const OTHER_NODE: &str = "select node from node where node <> $1 limit 1";

fn migrator(versions: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migrations = versions.iter().map(|(version, name, sql)| {
        let sql = sqlx::SqlSafeStr::into_sql_str(*sql);
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    });
    Migrator {
        migrations: migrations.collect(),
        ..Migrator::DEFAULT
    }
}

/// In order: version, name, statements.
const SQLITE: &[(i64, &str, &str)] = &[(1, "books", include_str!("migrations/0001_books.sql"))];
const POSTGRES: &[(i64, &str, &str)] = &[(
    1,
    "books",
    include_str!("migrations/postgres/0001_books.sql"),
)];
