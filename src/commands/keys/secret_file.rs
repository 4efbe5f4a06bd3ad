//! Secrets that a person holds in a file: an operator's secret, a transport key.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::commands::site::Fault;

/// The first line of the file at `path`, without the white space around it: what `svgate keys operator`
/// prints is a secret's file as it is.
///
/// # Errors
///
/// [`Fault::Usage`] when there is no such file, [`Fault::Refused`] when others than its owner can open
/// it or its first line is no text; neither quotes it.
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
    let mut octets = Zeroizing::new(Vec::with_capacity(TEXT_MAX));
    let limit = u64::try_from(TEXT_MAX).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut octets).map_err(usage)?;
    let line = octets.split(|octet| *octet == b'\n').next();
    let line = std::str::from_utf8(line.unwrap_or_default());
    let line = line.map_err(|_| Fault::Refused(format!("{name}: its first line is no text")))?;
    Ok(Zeroizing::new(line.trim().to_owned()))
}

/// The key of 256 bits in `path`: 64 hex digits. `what` it is stands in errors.
///
/// # Errors
///
/// As [`text`]; [`Fault::Refused`] also for 32 equal octets, which nobody drew.
pub(super) fn key(path: &Path, what: &str) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let text = text(path)?;
    let mut key = Zeroizing::new([0; 32]);
    let name = path.display();
    hex::decode_to_slice(text.as_bytes(), key.as_mut_slice())
        .map_err(|_| Fault::Refused(format!("{name}: {what} is 64 hex digits")))?;
    if key.iter().all(|octet| Some(octet) == key.first()) {
        return Err(Fault::Refused(format!(
            "{name}: {what} is 32 equal octets, a place-holder that someone left in: draw a random one"
        )));
    }
    Ok(key)
}

/// Group and others.
const OTHERS: u32 = 0o077;
/// More than any secret has; of another file no more than this is read.
const TEXT_MAX: usize = 256;
