//! `svgate store backup`: the whole file as of one moment, made beside a gateway that goes on.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::gateway::books::StoreError;
use crate::store::sqlite;

/// A backup that was opened and found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub octets: u64,
    /// Commits that it holds, by its node.
    pub batch: i64,
    /// The time of the last one, ms since 1970.
    pub committed_ms: i64,
    /// The epoch of the books.
    pub epoch: i64,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something stands there.
    #[error("{}: stands there already, and is left as it is", .0.display())]
    Exists(PathBuf),
    /// The copy is not what the books are.
    #[error("{}: the copy is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the engine says.
        what: String,
    },
    /// The disk.
    #[error("{}: {source}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What.
        source: std::io::Error,
    },
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies the books in the file `from` to `to`, flushes the copy, and opens it to see that it is
/// whole. What a crash leaves behind ends in `.tmp`.
///
/// # Errors
///
/// [`BackupError`]; `to` does not stand then.
pub async fn back_up(from: &Path, to: &Path) -> Result<Backup, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let mut unfinished = to.as_os_str().to_owned();
    unfinished.push(".tmp");
    let unfinished = PathBuf::from(unfinished);
    // The engine fills an empty file: one that is its owner's alone.
    let mut options = OpenOptions::new();
    let opened = options.write(true).create(true).truncate(true).mode(0o600);
    opened.open(&unfinished).map_err(disk(&unfinished))?;
    copy(from, &unfinished).await?;
    flush(&unfinished)?;
    let backup = look(&unfinished, to).await?;
    std::fs::rename(&unfinished, to).map_err(disk(to))?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    flush(folder.unwrap_or(Path::new(".")))?;
    Ok(backup)
}

/// One read transaction: what is committed meanwhile is not in the copy.
async fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut books = sqlite::connect(from).await?;
    let text = to.to_string_lossy().into_owned();
    let copied = sqlx::query("vacuum into ?")
        .bind(text)
        .execute(&mut books)
        .await;
    copied.map_err(|error| sqlite::unavailable(&error))?;
    let closed = books.close().await;
    closed.map_err(|error| sqlite::unavailable(&error).into())
}

/// Opens the copy as a restore would, reads every page of it, and tells how far it goes.
async fn look(unfinished: &Path, to: &Path) -> Result<Backup, BackupError> {
    let options = SqliteConnectOptions::new()
        .filename(unfinished)
        .read_only(true);
    let unavailable = |error: sqlx::Error| BackupError::from(sqlite::unavailable(&error));
    let mut copy = options.connect().await.map_err(unavailable)?;
    let checked: String = sqlx::query_scalar("pragma integrity_check(1)")
        .fetch_one(&mut copy)
        .await
        .map_err(unavailable)?;
    if checked != "ok" {
        return Err(BackupError::Damaged {
            path: to.to_owned(),
            what: checked,
        });
    }
    let sql = "select n.batch, n.committed_ms, b.epoch from node n cross join books b
         order by n.node limit 1";
    let (batch, committed_ms, epoch) = sqlx::query_as(sql)
        .fetch_one(&mut copy)
        .await
        .map_err(unavailable)?;
    copy.close().await.map_err(unavailable)?;
    let octets = std::fs::metadata(unfinished)
        .map_err(disk(unfinished))?
        .len();
    Ok(Backup {
        path: to.to_owned(),
        octets,
        batch,
        committed_ms,
        epoch,
    })
}

fn flush(path: &Path) -> Result<(), BackupError> {
    let flushed = File::open(path).and_then(|file| file.sync_all());
    flushed.map_err(disk(path))
}

fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |source| BackupError::Disk { path, source }
}
