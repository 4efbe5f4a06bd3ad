//! `svgate keys init`: makes the master key file that every SIM's keys come from, and reads it.
//!
//! ```text
//! svgate-master-1 3f9c…64 hex digits…a1
//! ```
//! The file is the one secret that must be backed up apart from the database: without it no SIM
//! can be heard any more, and with it every SIM can be imitated.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::auth::sim_keys::{BadMasterText, Master};

/// Arguments of `svgate keys`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: KeysAction,
}

/// What to do with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysAction {
    /// Make a new master key file.
    #[command(after_help = EXAMPLES)]
    Init(InitArgs),
}

/// Arguments of `svgate keys init`.
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    /// The file to make; one that exists is never touched
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs `svgate keys` and returns its exit status: 0 made, 5 the file exists, 1 failure.
pub fn run(args: &KeysArgs, output: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let KeysAction::Init(args) = &args.action;
    let path = args.out.display();
    let (status, written) = match init(&args.out) {
        Ok(master) => {
            let check_value = hex::encode(master.check_value());
            let written = if args.json {
                let made = serde_json::json!({
                    "file": args.out.to_string_lossy(), "check_value": check_value,
                });
                writeln!(output, "{made}")
            } else {
                writeln!(
                    output,
                    "made {path}, check value {check_value}\n\
                     back it up apart from the database: every SIM's keys come from it"
                )
            };
            (OK, written)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let said = "exists and is left as it is: a new master would silence every SIM";
            (CONFLICT, writeln!(err, "svgate keys init: {path} {said}"))
        }
        Err(error) => (FAILURE, writeln!(err, "svgate keys init: {path}: {error}")),
    };
    if written.is_ok() { status } else { FAILURE }
}

/// Reads the master key file at `path`.
///
/// # Errors
///
/// [`MasterFileError`] names the file and what to do about it. A file that others than its owner
/// can open is refused: its keys must be taken for known.
pub fn load_master(path: &Path) -> Result<Master, MasterFileError> {
    let fault = |cause| MasterFileError {
        path: path.to_owned(),
        cause,
    };
    let file = File::open(path).map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        fault(if missing {
            Cause::Missing
        } else {
            Cause::Unreadable(error)
        })
    })?;
    // Asked of the open file, not of its name: the name may be another file's by now.
    let metadata = file
        .metadata()
        .map_err(|error| fault(Cause::Unreadable(error)))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(fault(Cause::OpenToOthers(mode)));
    }
    let mut text = Zeroizing::new(String::with_capacity(TEXT_MAX));
    let limit = u64::try_from(TEXT_MAX).unwrap_or(u64::MAX);
    let read = file.take(limit).read_to_string(&mut text);
    read.map_err(|error| fault(Cause::Unreadable(error)))?;
    Master::from_text(&text).map_err(|error| fault(Cause::Text(error)))
}

/// A master key file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("master key file {}: {cause}", path.display())]
pub struct MasterFileError {
    path: PathBuf,
    #[source]
    cause: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("there is none; restore it, or make one with `svgate keys init --out`")]
    Missing,
    #[error("it cannot be read; it must belong to the user that svgate runs as")]
    Unreadable(#[source] std::io::Error),
    #[error(
        "its mode {0:03o} lets others than its owner in; run `chmod 600` on it, and unless nobody \
         can have read it, give every SIM a new key version under a new master"
    )]
    OpenToOthers(u32),
    #[error("{0}; restore it from the backup, since a new one would silence every SIM")]
    Text(BadMasterText),
}

fn init(path: &Path) -> std::io::Result<Master> {
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(secret.as_mut_slice())?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file
        .write_all(Master::text_of(&secret).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_folder_of(path));
    if let Err(error) = written {
        // Half a key would stop the next try as a file that exists. Should removing fail too, the
        // first error is still the one to tell.
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(Master::new(&secret))
}

/// A new file is on the disk only once its folder is.
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

const OK: u8 = 0;
const FAILURE: u8 = 1;
const CONFLICT: u8 = 5;

/// Group and others.
const OTHERS: u32 = 0o077;
/// A key file has 81 octets; of another file no more than this is read.
const TEXT_MAX: usize = 256;
const EXAMPLES: &str = "\
Examples:
  svgate keys init --out /etc/svgate/master.key
  svgate keys init --out master.key --json

The check value tells two masters apart and nothing else: compare it between nodes.
Exit status: 0 made, 5 the file exists, 1 failure.";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn make(path: &Path) -> (u8, String, String) {
        let init = InitArgs {
            out: path.to_owned(),
            json: false,
        };
        let args = KeysArgs {
            action: KeysAction::Init(init),
        };
        let (mut output, mut err) = (vec![], vec![]);
        let status = run(&args, &mut output, &mut err);
        (
            status,
            String::from_utf8(output).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    #[test]
    fn a_new_master_is_its_owners_alone_and_can_be_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let (status, said, _) = make(&path);
        assert_eq!(status, OK);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let master = load_master(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(said.contains(&hex::encode(master.check_value())));
        assert!(!said.contains(fs::read_to_string(&path).unwrap().trim_end()));
    }

    #[test]
    fn a_master_that_exists_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert_eq!(make(&path).0, OK);
        let before = fs::read(&path).unwrap();
        let (status, _, said) = make(&path);
        assert_eq!(status, CONFLICT);
        assert!(said.contains("master.key"), "{said}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn two_masters_are_not_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().join("a"), folder.path().join("b")];
        let [a, b] = paths.map(|path| {
            make(&path);
            fs::read(path).unwrap()
        });
        assert_ne!(a, b);
    }

    #[test]
    fn a_master_that_others_can_open_is_refused_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        make(&path);
        for mode in [0o640, 0o604, 0o660, 0o610, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let said = load_master(&path).err().unwrap().to_string();
            assert!(
                said.contains("chmod 600") && said.contains("master.key"),
                "{said}"
            );
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(load_master(&path).is_ok());
    }

    #[test]
    fn a_missing_or_damaged_master_is_named_with_a_remedy_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let said = load_master(&path).err().unwrap().to_string();
        assert!(
            said.contains("master.key") && said.contains("keys init"),
            "{said}"
        );

        make(&path);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("svgate-master-1 ", "svgate-master-1 g")).unwrap();
        let said = load_master(&path).err().unwrap().to_string();
        assert!(
            said.contains("64 hex digits") && said.contains("backup"),
            "{said}"
        );
        assert!(!said.contains(&text[16..40]));
    }
}
