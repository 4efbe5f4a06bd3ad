//! Reads the master key file that `svgate keys init` makes.
//!
//! ```text
//! svgate-master-1 3f9c…64 hex digits…a1
//! ```
//! The file is the one secret that must be backed up apart from the database: without it no SIM
//! can be heard any more, and with it every SIM can be imitated.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::auth::sim_keys::{BadMasterText, Master};

/// Reads the master key file at `path`.
///
/// # Errors
///
/// [`MasterFileError`] names the file and what to do about it. A file that others than its owner
/// can open is refused: its keys must be taken for known.
pub fn load_master(path: &Path) -> Result<Master, MasterFileError> {
    load_secret(path).map(|secret| Master::new(&secret))
}

/// The octets of the master in the file at `path`.
///
/// # Errors
///
/// As [`load_master`].
pub(super) fn load_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, MasterFileError> {
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
    Master::secret_of(&text).map_err(|error| fault(Cause::Text(error)))
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

/// Group and others.
const OTHERS: u32 = 0o077;
/// A key file has 81 octets; of another file no more than this is read.
const TEXT_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn make(path: &Path) {
        let secret = std::array::from_fn(|i| u8::try_from(i).unwrap());
        fs::write(path, Master::text_of(&secret).as_bytes()).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
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
