//! A folder of files that are there whole or not at all, and are never changed afterwards.
//!
//! ```text
//! name.csv.tmp ─fsync─► name.csv ─► name.csv.sha256 ─► name.csv.done ─fsync folder
//! ```
//! Who collects files waits for `.done`. The `.sha256` is what `sha256sum -c` reads.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::export::{ExportError, Sha};

/// A folder that this export alone works in, as long as this value lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    // Closing it gives the lock back, also when the process dies.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, and locks it.
    ///
    /// # Errors
    ///
    /// [`ExportError::Busy`] while another export has it; [`ExportError::Disk`].
    pub fn lock(path: &Path) -> Result<Self, ExportError> {
        fs::create_dir_all(path).map_err(at(path))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(at(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(ExportError::Busy(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(at(&lock_path)(source)),
        }
    }

    /// Begins a file. One that a crash left half written is begun anew.
    ///
    /// # Errors
    ///
    /// [`ExportError::Disk`].
    pub fn begin(&self, name: &str) -> Result<Placing<'_>, ExportError> {
        let unfinished = self.path.join(format!("{name}{TMP}"));
        let file = File::create(&unfinished).map_err(at(&unfinished))?;
        Ok(Placing {
            folder: self,
            name: name.to_owned(),
            out: BufWriter::with_capacity(BUFFER_OCTETS, file),
            unfinished,
        })
    }

    fn fsync(&self) -> Result<(), ExportError> {
        File::open(&self.path)
            .and_then(|folder| folder.sync_all())
            .map_err(at(&self.path))
    }
}

/// A file on its way into the folder. Dropped before [`Self::commit`], it leaves only a `.tmp`.
#[derive(Debug)]
pub struct Placing<'a> {
    folder: &'a Folder,
    name: String,
    unfinished: PathBuf,
    out: BufWriter<File>,
}

impl Placing<'_> {
    /// Adds octets.
    ///
    /// # Errors
    ///
    /// [`ExportError::Disk`].
    pub fn write(&mut self, octets: &[u8]) -> Result<(), ExportError> {
        self.out.write_all(octets).map_err(at(&self.unfinished))
    }

    /// Puts the file, whose hash is `sha256`, in its place, then `.sha256`, then `.done`. One that
    /// stands there already with the same octets is left, and what is missing beside it is added.
    ///
    /// # Errors
    ///
    /// [`ExportError::Differs`] when other octets stand under one of the names; they stay.
    pub fn commit(self, sha256: &Sha) -> Result<(), ExportError> {
        let Self {
            folder,
            name,
            unfinished,
            out,
        } = self;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all())
            .map_err(at(&unfinished))?;
        let place = folder.path.join(&name);
        match hash_of(&place).map_err(at(&place))? {
            None => fs::rename(&unfinished, &place).map_err(at(&place))?,
            Some(standing) => {
                fs::remove_file(&unfinished).map_err(at(&unfinished))?;
                if standing != *sha256 {
                    return Err(ExportError::Differs(place));
                }
            }
        }
        folder.fsync()?;
        let sum = format!("{}  {name}\n", hex::encode(sha256));
        put_once(&folder.path.join(format!("{name}{SHA256}")), sum.as_bytes())?;
        folder.fsync()?;
        put_once(&folder.path.join(format!("{name}{DONE}")), b"")?;
        folder.fsync()
    }
}

/// Writes a small file whole: beside its place, then renamed.
///
/// # Errors
///
/// [`ExportError::Disk`].
pub(super) fn put_whole(path: &Path, octets: &[u8]) -> Result<(), ExportError> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(TMP);
    let unfinished = PathBuf::from(unfinished);
    let mut file = File::create(&unfinished).map_err(at(&unfinished))?;
    file.write_all(octets)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(at(&unfinished))?;
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(at(parent))
}

/// The hash of a file; none when there is no such file.
pub(super) fn hash_of(path: &Path) -> io::Result<Option<Sha>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut hash = Sha256::new();
    let mut input = BufReader::with_capacity(BUFFER_OCTETS, file);
    let mut octets = vec![0; BUFFER_OCTETS];
    loop {
        let read = input.read(&mut octets)?;
        if read == 0 {
            return Ok(Some(hash.finalize().into()));
        }
        hash.update(octets.get(..read).unwrap_or_default());
    }
}

/// Names the place in an error of the disk.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> ExportError + use<> {
    let path = path.to_owned();
    move |source| ExportError::Disk { path, source }
}

fn put_once(path: &Path, octets: &[u8]) -> Result<(), ExportError> {
    match fs::read(path) {
        Ok(standing) if standing == octets => Ok(()),
        Ok(_) => Err(ExportError::Differs(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => put_whole(path, octets),
        Err(error) => Err(at(path)(error)),
    }
}

/// Follows the name of a file that is being written.
pub(super) const TMP: &str = ".tmp";
/// Follows the name of the file with its hash.
pub(super) const SHA256: &str = ".sha256";
/// Follows the name of the marker that a file may be collected.
pub(super) const DONE: &str = ".done";
const LOCK: &str = ".export.lock";
const BUFFER_OCTETS: usize = 65_536;
