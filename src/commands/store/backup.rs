//! `svgate store backup`: the books as of one moment, in one file.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::commands::Common;
use crate::commands::site::{Fault, Site, utc};
use crate::domain::Millis;
use crate::store::{BackupError, back_up};

/// Arguments of `svgate store backup`.
#[derive(Clone, Debug, Args)]
pub struct BackupArgs {
    /// The file to make; one that exists is never touched
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Copies the books.
///
/// # Errors
///
/// [`Fault::Refused`] for a `PostgreSQL` database, with what backs that up; [`Fault::Conflict`] when
/// the file exists; [`Fault::Failure`] when the copy can't be made, or is not whole.
pub fn run(args: &BackupArgs, site: Site, output: &mut dyn Write) -> Result<(), Fault> {
    if site.config.store.postgres.is_some() {
        return Err(Fault::Refused(POSTGRES.to_owned()));
    }
    let to = args.to.clone();
    let backup = site.on_books(async |site, _books| {
        let made = back_up(&site.config.store.path, &to).await;
        made.map_err(|error| match error {
            BackupError::Exists(_) => Fault::Conflict(error.to_string()),
            BackupError::Damaged { .. } | BackupError::Disk { .. } | BackupError::Store(_) => {
                Fault::Failure(error.to_string())
            }
        })
    })?;
    let (file, until) = (backup.path.display(), utc(Millis(backup.committed_ms)));
    if args.common.json {
        let line = json!({
            "file": backup.path.to_string_lossy(), "octets": backup.octets, "batch": backup.batch,
            "epoch": backup.epoch, "committed": until,
        });
        writeln!(output, "{line}")?;
    } else {
        let (octets, batch) = (backup.octets, backup.batch);
        writeln!(
            output,
            "{file}: {octets} octets, whole, with every commit up to {batch} of {until}\n\
             keep the master key and the billing files apart from it, and leave the mark where it is"
        )?;
    }
    Ok(())
}

const POSTGRES: &str = "\
the books are in PostgreSQL, which has better: a base backup and its log, from which it is restored to
any moment. On the server, with archive_mode = on and an archive_command:
  pg_basebackup -h HOST -U replication -D /backup/base -X stream -c fast
To restore: put the base backup in an empty data folder, set restore_command (and recovery_target_time
for an earlier moment), touch recovery.signal, start the server, and then on one node
  svgate store restored --reason TEXT";

/// Shown after the help.
pub const EXAMPLES: &str = "\
Examples:
  svgate store backup --to /backup/svgate-2026-11-25.db
  svgate store backup --to /backup/svgate.db --json

To restore it: end the gateway, put the file in the place of [store] path, remove the files beside it
that end in -wal and -shm, and run `svgate store restored`.
Exit status: 0 made and found whole, 3 the books are in PostgreSQL, 5 the file exists, 1 failure.";
