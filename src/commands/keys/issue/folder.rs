//! The folder that issued cards leave by: whole under its name, or not at all.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::commands::site::Fault;
use crate::dialogue::personalisation::Puk;
use crate::domain::pin::Pin;

/// A folder that is being filled.
pub(super) struct Folder {
    wanted: PathBuf,
    part: PathBuf,
    pins: File,
}

impl Folder {
    /// Makes `FOLDER.part`, its owner's alone.
    ///
    /// # Errors
    ///
    /// [`Fault::Conflict`] when the folder or its part exists.
    pub(super) fn begin(wanted: &Path) -> Result<Self, Fault> {
        let mut name = OsString::from(wanted.as_os_str());
        name.push(".part");
        let part = PathBuf::from(name);
        if wanted.exists() {
            return Err(exists(wanted, "take another: PINs are drawn once"));
        }
        let made = DirBuilder::new().mode(0o700).create(&part);
        made.map_err(|error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                exists(
                    &part,
                    "a run that failed left it; remove it: no card has its PINs",
                )
            } else {
                Fault::Failure(format!("{}: {error}", part.display()))
            }
        })?;
        let mut pins = new(&part.join(PINS))?;
        pins.write_all(b"iccid,pin,puk\n")?;
        Ok(Self {
            wanted: wanted.to_owned(),
            part,
            pins,
        })
    }

    /// Writes the script of a card.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub(super) fn card(&self, digits: &str, version: u8, script: &[Vec<u8>]) -> Result<(), Fault> {
        let octets: usize = script.iter().map(Vec::len).sum();
        let mut text = String::with_capacity(octets.saturating_mul(3));
        let _ = writeln!(text, "# card {digits}, keys of version {version}");
        for apdu in script {
            text.push_str(&hex::encode(apdu));
            text.push('\n');
        }
        let mut file = new(&self.part.join(format!("{digits}.apdu")))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(())
    }

    /// Writes what the subscriber is told.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub(super) fn letter(&self, digits: &str, pin: Option<&Pin>, puk: &Puk) -> Result<(), Fault> {
        let pin = pin.map(Pin::expose_digits).unwrap_or_default();
        let puk = puk.expose_digits();
        let line = Zeroizing::new(format!("{digits},{pin},{puk}\n"));
        (&self.pins).write_all(line.as_bytes())?;
        Ok(())
    }

    /// Gives the folder its name, once all of it is on the disk.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub(super) fn finish(self) -> Result<(), Fault> {
        self.pins.sync_all()?;
        File::open(&self.part)?.sync_all()?;
        std::fs::rename(&self.part, &self.wanted)?;
        let above = self.wanted.parent();
        let above = above.filter(|folder| !folder.as_os_str().is_empty());
        File::open(above.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }
}

fn new(path: &Path) -> Result<File, Fault> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map_err(|error| Fault::Failure(format!("{}: {error}", path.display())))
}

fn exists(path: &Path, remedy: &str) -> Fault {
    Fault::Conflict(format!("{} exists: {remedy}", path.display()))
}

/// The file of the letters.
pub(super) const PINS: &str = "pins.csv";
