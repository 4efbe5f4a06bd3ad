//! The billing files: each closed batch of the stream becomes one file, once and always the same.
//!
//! ```text
//! CloseBatch ─► batch n ─► .tmp ─► fsync ─► rename ─► .sha256 ─► .done ─► head ─► BatchWritten
//!                             a crash anywhere: `run` again gives identical octets
//! ```
//! A file's octets are a function of its batch, its entries, the hash of the file before, and the
//! [`Profile`]; nothing of the clock or the machine gets in. Memory is bounded: entries come in
//! pages.

pub mod adopt;
pub mod batch;
pub mod chain;
pub mod csv;
pub mod folder;
pub mod verify;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::domain::Millis;
use crate::export::batch::{Assembly, Header, Totals, file_name};
use crate::export::chain::Head;
use crate::export::csv::{BadRow, Row, When};
use crate::export::folder::{Folder, Placing};
use crate::export::verify::Fault;
use crate::gateway::books::{Books, StoreError, StoredBatch};
use crate::gateway::member::{Denied, Member, Outcome};

/// A SHA-256.
pub type Sha = [u8; 32];

/// What the operator decided about its files. A change shows in later files only: delivered ones
/// can't be made again under another profile, and [`resend`] says so.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Who bills: the first part of every file name.
    pub operator: Operator,
    /// Whose stream: the node that closed the batches.
    pub node: u16,
    /// Whether the files are to be billed.
    pub live: bool,
    /// Whether rows have the number that ordered beside the account.
    pub exposes_msisdn: bool,
    /// Of the event times.
    pub zone: TimeZone,
}

/// Where files go.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folder that is delivered.
    pub folder: PathBuf,
    /// Where the chain ends, kept outside the folder, so that a shortened one shows.
    pub head_file: PathBuf,
}

/// The operator's name in files: 1 to 32 of `A-Z a-z 0-9 . -`, the first a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator(Arc<str>);

impl FromStr for Operator {
    type Err = BadOperator;
    fn from_str(text: &str) -> Result<Self, BadOperator> {
        let fits = text.len() <= OPERATOR_MAX
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
        fits.then(|| Self(text.into())).ok_or(BadOperator)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name that would not do as a part of a file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an operator has 1 to 32 of the characters A-Z a-z 0-9 . - and begins with none of . -")]
pub struct BadOperator;

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The disk, with the place.
    #[error("{}: {source}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What.
        source: std::io::Error,
    },
    /// Another export works in this folder.
    #[error("{}: another export is at work here", .0.display())]
    Busy(PathBuf),
    /// A file of this name has other content. It was left as it is.
    #[error("{}: stands there with other content, and was not overwritten", .0.display())]
    Differs(PathBuf),
    /// The books and this profile no longer make the octets that were delivered.
    #[error("{0}: the books and the profile no longer make the octets that were delivered")]
    Changed(String),
    /// The chain head outside the folder is not the one before this file.
    #[error("{}: the chain stands at file {at}, not at {before} or the one after", path.display())]
    OtherHead {
        /// The head file.
        path: PathBuf,
        /// What it says.
        at: i64,
        /// What the books say.
        before: i64,
    },
    /// The chain head outside the folder has another hash for the file before than the books.
    #[error(
        "{}: the hash of file {at} is not the one in the books: run svgate export verify, and find \
         out who changed which before anything is added",
        path.display()
    )]
    HeadDiffers {
        /// The head file.
        path: PathBuf,
        /// The file that it names.
        at: i64,
    },
    /// The head file is not one.
    #[error("{}: is not a chain head: <sequence> <sha256> <file name>", .0.display())]
    BadHead(PathBuf),
    /// An entry can't be written.
    #[error("entry {number}: {cause}")]
    Entry {
        /// Which.
        number: i64,
        /// Why.
        cause: BadRow,
    },
    /// There is no such batch, or it has no file yet.
    #[error("no file of batch {0} was ever written")]
    NotFound(i64),
    /// The books were restored, and do not know what was delivered since.
    #[error("{0}")]
    NotAdopted(String),
    /// Delivered files are not as they were.
    #[error("nothing was adopted, for these files are not as they were delivered:\n{}", lines_of(.0))]
    Faults(Vec<Fault>),
    /// A delivered file says something else than the books.
    #[error("{file}: entry {entry} stands otherwise in the books")]
    OtherEntry {
        /// The file.
        file: String,
        /// The entry.
        entry: i64,
    },
    /// The books did not take what a delivered file says.
    #[error("{file}: {why}")]
    NotTaken {
        /// The file.
        file: String,
        /// Why, and what to do.
        why: String,
    },
    /// The books gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The books gave an answer that makes no sense.
    #[error("the books answered {0} to the closing of a batch")]
    Outcome(String),
}

fn lines_of(faults: &[Fault]) -> String {
    let lines = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.file, fault.reason));
    lines.collect::<Vec<_>>().join("\n")
}

/// A file that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its batch.
    pub sequence: i64,
    /// Its name.
    pub name: String,
    /// Rows.
    pub rows: i64,
    /// Its hash.
    pub sha256: Sha,
    /// Its control totals.
    pub totals: Totals,
}

/// Closes the open batch, and writes the file of every closed batch that has none. After an error
/// or a crash anywhere, the next call finishes what this one began.
///
/// # Errors
///
/// [`ExportError`]; files written before it stand.
pub async fn run<B: Books>(
    books: &B,
    profile: &Profile,
    places: &Places,
    allow_empty: bool,
) -> Result<Vec<WrittenFile>, ExportError> {
    let folder = Folder::lock(&places.folder)?;
    let closed = books.submit(Member::CloseBatch { allow_empty }).await?;
    match closed {
        Outcome::Batch(_) => {}
        Outcome::Refused(Denied::Conflict(why)) => return Err(ExportError::NotAdopted(why)),
        other @ (Outcome::Arrived { .. }
        | Outcome::Ordered { .. }
        | Outcome::Ack(_)
        | Outcome::Done
        | Outcome::AlreadyDone
        | Outcome::Imported { .. }
        | Outcome::Bills(_)
        | Outcome::Commanded(_)
        | Outcome::Refused(_)) => return Err(ExportError::Outcome(format!("{other:?}"))),
    }
    let mut written = Vec::new();
    let mut before: Option<StoredBatch> = None;
    for stored in batches(books).await? {
        if stored.sha256.is_some() {
            before = Some(stored);
            continue;
        }
        let (file, placing) = make(books, profile, &folder, stored, before).await?;
        let head = Head::of(&file);
        let sha_before = before.and_then(|before| before.sha256);
        head.may_stand(&places.head_file, sha_before.as_ref())?;
        placing.commit(&file.sha256)?;
        head.move_on(&places.head_file, sha_before.as_ref())?;
        let (sequence, sha256) = (file.sequence, file.sha256);
        books
            .submit(Member::BatchWritten { sequence, sha256 })
            .await?;
        before = Some(StoredBatch {
            sha256: Some(sha256),
            ..stored
        });
        written.push(file);
    }
    Ok(written)
}

/// Every closed batch, in order.
///
/// # Errors
///
/// [`ExportError::Store`].
pub async fn batches<B: Books>(books: &B) -> Result<Vec<StoredBatch>, ExportError> {
    let mut all: Vec<StoredBatch> = Vec::new();
    loop {
        let next = all
            .last()
            .map_or(1, |last| last.batch.sequence.saturating_add(1));
        let page = books.batches_from(next).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Makes the file of a batch once more, into a folder of one's choice: the same name, the same
/// octets. The chain does not move.
///
/// # Errors
///
/// [`ExportError::NotFound`] for a batch without a file; [`ExportError::Changed`] when the octets
/// would be others than those delivered.
pub async fn resend<B: Books>(
    books: &B,
    profile: &Profile,
    sequence: i64,
    into: &Path,
) -> Result<WrittenFile, ExportError> {
    let folder = Folder::lock(into)?;
    let batches = books.batches_from(sequence.saturating_sub(1)).await?;
    let find = |wanted: i64| batches.iter().find(|b| b.batch.sequence == wanted).copied();
    let stored = find(sequence).filter(|stored| stored.sha256.is_some());
    let stored = stored.ok_or(ExportError::NotFound(sequence))?;
    let before = find(sequence.saturating_sub(1));
    let (file, placing) = make(books, profile, &folder, stored, before).await?;
    placing.commit(&file.sha256)?;
    Ok(file)
}

/// Makes a batch's file beside its place.
async fn make<'a, B: Books>(
    books: &B,
    profile: &Profile,
    folder: &'a Folder,
    stored: StoredBatch,
    before: Option<StoredBatch>,
) -> Result<(WrittenFile, Placing<'a>), ExportError> {
    let batch = stored.batch;
    let opened = before.map(|before| before.batch.closed);
    let name = file_name(&profile.operator, profile.node, batch.sequence);
    let entry_error = |number| move |cause| ExportError::Entry { number, cause };
    let when = |at: Millis| When::in_zone(at, &profile.zone);
    let mut assembly = Assembly::new(Header {
        operator: profile.operator.clone(),
        node: profile.node,
        sequence: batch.sequence,
        live: profile.live,
        opened: opened.map(when).transpose().map_err(entry_error(0))?,
        closed: when(batch.closed).map_err(entry_error(0))?,
        from_entry: batch.from_entry,
        to_entry: batch.to_entry,
    });
    let mut placing = folder.begin(&name)?;
    placing.write(assembly.head())?;
    let mut next = batch.from_entry;
    while next <= batch.to_entry {
        let page = books
            .entries(next, batch.to_entry, ENTRIES_PER_PAGE)
            .await?;
        let from = next;
        for entry in page {
            let row = Row::of(&entry, opened, &profile.zone, profile.exposes_msisdn);
            let row = row.map_err(entry_error(entry.number))?;
            placing.write(assembly.row(&row).map_err(entry_error(next))?)?;
            next = next.saturating_add(1);
        }
        if next == from {
            // An entry of a closed batch is missing: no file is better than a short one.
            return Err(entry_error(next)(BadRow(
                "it is not in the books, and so the stream",
            )));
        }
    }
    let chained = before.and_then(|before| before.sha256).unwrap_or_default();
    placing.write(assembly.tail(&chained).map_err(entry_error(next))?)?;
    let (sha256, totals) = assembly.finish();
    if stored.sha256.is_some_and(|delivered| delivered != sha256) {
        return Err(ExportError::Changed(name));
    }
    let file = WrittenFile {
        sequence: batch.sequence,
        name,
        rows: next.saturating_sub(batch.from_entry),
        sha256,
        totals,
    };
    Ok((file, placing))
}

const OPERATOR_MAX: usize = 32;
/// Some megabytes at most.
const ENTRIES_PER_PAGE: u32 = 5_000;
