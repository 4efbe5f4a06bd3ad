//! `svgate keys init`: makes the master that every SIM's keys come from, as a file or in a token.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use crate::auth::sim_keys::Master;
use crate::commands::Common;
use crate::commands::key_source::KeySourceError;
use crate::commands::keys::master_file::load_secret;
use crate::commands::secrecy::before_keys;
use crate::commands::site::Fault;
use crate::config::Config;
use crate::token::{TokenError, make_master};

/// Arguments of `svgate keys init`.
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    /// The file to make; one that exists is never touched
    #[arg(long, value_name = "FILE", required_unless_present = "token")]
    pub out: Option<PathBuf>,
    /// Make it in the token of the configuration, which it never leaves
    #[arg(long, conflicts_with = "out")]
    pub token: bool,
    /// Bring the master of this key file into the token, in place of a new one
    #[arg(long, value_name = "FILE", requires = "token")]
    pub from: Option<PathBuf>,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Makes the master and returns the exit status: 0 made, 5 there is one already, 1 failure.
///
/// # Errors
///
/// [`Fault`] tells what is wrong with the configuration or its token.
pub(super) fn run(
    args: &InitArgs,
    output: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<u8, Fault> {
    match &args.out {
        Some(path) => Ok(in_file(path, args.common.json, output, err)),
        None => in_token(args, output).map(|()| OK),
    }
}

fn in_token(args: &InitArgs, output: &mut dyn Write) -> Result<(), Fault> {
    let config = Config::load(&args.common.config)?;
    let keys = &config.keys;
    before_keys(keys.allow_software_aes).map_err(KeySourceError::from)?;
    let token = keys.token.as_ref().ok_or_else(|| {
        let text = "the configuration has no [keys.token] to make a master in";
        Fault::Refused(text.to_owned())
    })?;
    let secret = args.from.as_deref().map(load_secret).transpose();
    let secret = secret.map_err(KeySourceError::from)?;
    let named = make_master(token, secret.as_deref()).map_err(|error| {
        if matches!(error, TokenError::KeyExists { .. }) {
            Fault::Conflict(error.to_string())
        } else {
            KeySourceError::from(error).into()
        }
    })?;
    let check_value = hex::encode(named.check_value());
    let (token, key) = (&*token.token_label, &*token.key_label);
    if args.common.json {
        let made = serde_json::json!({ "token": token, "key": key, "check_value": check_value });
        writeln!(output, "{made}")?;
    } else {
        writeln!(
            output,
            "made {key:?} in the token {token:?}, check value {check_value}\n\
             back the token up by its own means: every SIM's keys come from it"
        )?;
    }
    Ok(())
}

fn in_file(path: &Path, json: bool, output: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let (file, path) = (path, path.display());
    let (status, written) = match init(file) {
        Ok(master) => {
            let check_value = hex::encode(master.named().check_value());
            let written = if json {
                let made = serde_json::json!({
                    "file": file.to_string_lossy(), "check_value": check_value,
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

pub(super) const EXAMPLES: &str = "\
Examples:
  svgate keys init --out /etc/svgate/master.key
  svgate keys init --out master.key --json
  svgate keys init --token --config /etc/svgate/svgate.toml
  svgate keys init --token --from /etc/svgate/master.key

The check value tells two masters apart and nothing else: compare it between nodes, and before a key
file that was brought into a token is destroyed.
Exit status: 0 made, 5 there is one already, 1 failure.";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::commands::keys::load_master;

    fn make(path: &Path) -> (u8, String, String) {
        let (mut output, mut err) = (vec![], vec![]);
        let status = in_file(path, false, &mut output, &mut err);
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
        assert!(said.contains(&hex::encode(master.named().check_value())));
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
}
