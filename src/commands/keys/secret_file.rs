//! Secrets that a person holds in a file: an operator's secret, a transport key.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::commands::site::Fault;

/// The text of the secret in `path`, without the white space around it.
///
/// # Errors
///
/// [`Fault::Usage`] when there is no such file, [`Fault::Refused`] when others than its owner can open
/// it or it is no short text; neither quotes it.
pub(super) fn text(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let name = path.display();
    let usage = |error: std::io::Error| Fault::Usage(format!("{name}: {error}"));
    let file = File::open(path).map_err(usage)?;
    // Asked of the open file, not of its name: the name may be another file's by now.
    let mode = file.metadata().map_err(usage)?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(Fault::Refused(format!(
            "{name}: its mode {mode:03o} lets others than its owner in; run `chmod 600` on it, and \
             take a new secret unless nobody can have read it"
        )));
    }
    let mut text = Zeroizing::new(String::with_capacity(TEXT_MAX));
    let limit = u64::try_from(TEXT_MAX).unwrap_or(u64::MAX);
    let read = file.take(limit).read_to_string(&mut text);
    read.map_err(|_| Fault::Refused(format!("{name}: it is no text")))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

/// The key of 256 bits in `path`: 64 hex digits.
///
/// # Errors
///
/// As [`text`].
pub(super) fn key(path: &Path) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let text = text(path)?;
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.as_bytes(), key.as_mut_slice()).map_err(|_| {
        let name = path.display();
        Fault::Refused(format!("{name}: a transport key is 64 hex digits"))
    })?;
    Ok(key)
}

/// Group and others.
const OTHERS: u32 = 0o077;
/// More than any secret has; of another file no more than this is read.
const TEXT_MAX: usize = 256;
