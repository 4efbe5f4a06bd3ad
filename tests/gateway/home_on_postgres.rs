//! Where the books of this binary's tests are: a database of its own for each on one server.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use svgate::store::Place;

use crate::server::server;

/// New books, or those that stand for `path`.
pub(crate) async fn place(path: Option<&Path>) -> Place {
    Place::Postgres(match path {
        None => server().new_database().await,
        Some(path) => server().database(&name(path)).await,
    })
}

/// The keys of `[store]` for the books that stand for `path`.
pub(crate) async fn config(path: &Path) -> String {
    server().database(&name(path)).await;
    let (port, name) = (server().port, name(path));
    format!(
        "[store.postgres]\nhosts = [\"127.0.0.1:{port}\"]\ndatabase = {name:?}\nuser = \"postgres\""
    )
}

/// Makes a copy of the books of `path` that stands for `copy`, as a server restored to this moment.
pub(crate) async fn back_up(path: &Path, copy: &Path) {
    replace(&name(copy), &name(path)).await;
}

/// Puts a backup in the place of the books.
pub(crate) async fn put_back(path: &Path, copy: &Path) {
    replace(&name(path), &name(copy)).await;
}

/// Makes `database` anew, like `other` is now. Whoever is in either is sent out first, and kept out
/// meanwhile.
async fn replace(database: &str, other: &str) {
    let mut connection = server().connect("postgres").await;
    for sql in [
        format!("alter database \"{other}\" allow_connections false"),
        format!(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '{other}'"
        ),
        format!("drop database if exists \"{database}\" with (force)"),
        format!("create database \"{database}\" template \"{other}\""),
        format!("alter database \"{other}\" allow_connections true"),
    ] {
        connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }
}

/// A transaction of somebody else, which keeps the writer from writing.
pub(crate) struct Lock(PgConnection);

pub(crate) async fn lock(path: &Path) -> Lock {
    let mut connection = connect(path).await;
    let lock = "begin; select node from node for update";
    connection.execute(sqlx::raw_sql(lock)).await.unwrap();
    Lock(connection)
}

impl Lock {
    pub(crate) async fn release(self) {
        self.0.close().await.unwrap();
    }
}

pub(crate) async fn integer(path: &Path, sql: &'static str) -> i64 {
    let row = sqlx::query_scalar(sql)
        .fetch_one(&mut connect(path).await)
        .await;
    row.unwrap()
}

pub(crate) async fn texts(path: &Path, sql: &'static str) -> Vec<String> {
    let rows = sqlx::query_scalar(sql)
        .fetch_all(&mut connect(path).await)
        .await;
    rows.unwrap()
}

async fn connect(path: &Path) -> PgConnection {
    server().connect(&name(path)).await
}

fn name(path: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    format!("books_of_{:x}", hasher.finish())
}

/// Every column of the books as `table.column`, in order.
pub(crate) const COLUMNS: &str = "select (table_name || '.' || column_name) collate \"C\"
     from information_schema.columns
     where table_schema = 'public' and table_name <> '_sqlx_migrations' order by 1";
