//! Where the books of this binary's tests are: SQLite, in memory or in a file.
#![expect(clippy::unused_async, reason = "on another database it takes time")]

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use svgate::store::Place;

/// New books, or those of `path`.
pub(crate) async fn place(path: Option<&Path>) -> Place {
    path.map_or(Place::Memory, |path| Place::File(path.to_owned()))
}

/// The keys of `[store]` for the books of `path`.
pub(crate) async fn config(path: &Path) -> String {
    format!("path = \"{}\"", path.display())
}

/// Makes a backup of the books of `path` that stands for `copy`.
pub(crate) async fn back_up(path: &Path, copy: &Path) {
    svgate::store::back_up(path, copy).await.unwrap();
}

/// Puts a backup in the place of the books, as an operator does once nobody has them open. The last
/// one who closes them takes their log away; of two who close at once neither is the last, so what is
/// left is removed, as the readme says.
pub(crate) async fn put_back(path: &Path, copy: &Path) {
    let beside = |what: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(what);
        std::path::PathBuf::from(name)
    };
    for _ in 0..200 {
        if !beside("-wal").exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    for left in ["-wal", "-shm"] {
        std::fs::remove_file(beside(left)).ok();
    }
    std::fs::remove_file(path).unwrap();
    std::fs::copy(copy, path).unwrap();
}

/// A transaction of somebody else, which keeps the writer from writing.
pub(crate) struct Lock(SqliteConnection);

pub(crate) async fn lock(path: &Path) -> Lock {
    let mut connection = connect(path).await;
    let begin = sqlx::query("begin immediate");
    begin.execute(&mut connection).await.unwrap();
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

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    options.connect().await.unwrap()
}

/// Every column of the books as `table.column`, in order.
pub(crate) const COLUMNS: &str = "select t.name || '.' || c.name from sqlite_schema t
     join pragma_table_info(t.name) c
     where t.type = 'table' and t.name not like '!_%' escape '!' and t.name not like 'sqlite!_%' escape '!'
     order by 1";
