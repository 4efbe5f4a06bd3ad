//! Reads the delivered files from disk and says of each what is wrong with it.
//!
//! | checked | found |
//! |---|---|
//! | numbers 1 to n, from the head file too | a missing file, a chain cut short |
//! | name against header | two files that changed places |
//! | every octet against what its content makes, the trailer's hash | a flipped bit |
//! | hash in the trailer of the file after, `.sha256`, head, the books | a file made anew |
//! | entries and times from file to file | a gap between two batches |
//! | `.done` | a file that nobody would collect |

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use crate::domain::Millis;
use crate::domain::series::series_of;
use crate::export::batch::{ReadFile, Total, Totals, file_name, read_file};
use crate::export::chain::Head;
use crate::export::csv::Row;
use crate::export::folder::{DONE, SHA256, TMP, at};
use crate::export::{ExportError, Operator, Places, Sha};
use crate::gateway::books::StoredBatch;

/// What the folder should hold.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Whose files.
    pub operator: &'a Operator,
    /// Which node's.
    pub node: u16,
    /// The closed batches as the books have them; none to look at the files alone.
    pub batches: Option<&'a [StoredBatch]>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// With which file.
    pub file: String,
    /// What.
    pub reason: String,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Files that were there.
    pub files: u64,
    /// The number of the last.
    pub last: i64,
    /// The last entry in them: what follows is not delivered yet.
    pub to_entry: i64,
    /// Sums over all good files.
    pub totals: Totals,
    /// Everything that is wrong, in order of the files.
    pub faults: Vec<Fault>,
}

/// Checks the folder, and gives every row of it to `on_row`.
///
/// # Errors
///
/// [`ExportError::Disk`] when the folder or the head file can't be read, [`ExportError::BadHead`].
pub fn verify(
    places: &Places,
    expected: Expected<'_>,
    on_row: impl FnMut(&Row),
) -> Result<Verified, ExportError> {
    check(places, expected, Beyond::IsFault, on_row)
}

/// The same for books that were restored from a backup: files beyond those that they know are what
/// is looked for.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_delivered(
    places: &Places,
    expected: Expected<'_>,
    on_row: impl FnMut(&Row),
) -> Result<Verified, ExportError> {
    check(places, expected, Beyond::IsForgotten, on_row)
}

/// What a file is whose batch the books do not know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// Nobody's.
    IsFault,
    /// Delivered after the backup that the books were restored from.
    IsForgotten,
}

fn check(
    places: &Places,
    expected: Expected<'_>,
    beyond: Beyond,
    mut on_row: impl FnMut(&Row),
) -> Result<Verified, ExportError> {
    let head = Head::read(&places.head_file)?;
    let mut walk = Walk {
        places,
        expected,
        beyond,
        verified: Verified::default(),
        before: Some(Link::default()),
        next: 1,
    };
    let present = walk.present()?;
    for sequence in &present {
        walk.missing_up_to(*sequence);
        walk.file(*sequence, &mut on_row);
        walk.next = sequence.saturating_add(1);
    }
    walk.end(head.as_ref());
    Ok(walk.verified)
}

/// What one file leaves for the next to be checked against.
#[derive(Clone, Copy, Default)]
struct Link {
    sha256: Sha,
    to_entry: i64,
    closed: Option<Millis>,
}

struct Walk<'a> {
    places: &'a Places,
    expected: Expected<'a>,
    beyond: Beyond,
    verified: Verified,
    /// None after a file that is missing or bad: it says nothing about the next.
    before: Option<Link>,
    next: i64,
}

impl Walk<'_> {
    /// The numbers of the files that are there; names that look like one and are none are faults.
    fn present(&mut self) -> Result<BTreeSet<i64>, ExportError> {
        let folder = &self.places.folder;
        let mut present = BTreeSet::new();
        let prefix = format!("{}_demand_{}_", self.expected.operator, self.expected.node);
        let mut strangers = Vec::new();
        for entry in fs::read_dir(folder).map_err(at(folder))? {
            let entry = entry.map_err(at(folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(rest) = name.strip_prefix(&prefix) else {
                continue;
            };
            let digits = rest.split('.').next().unwrap_or_default();
            let sequence = digits.parse::<i64>().unwrap_or_default();
            let whole = self.name(sequence);
            match name.strip_prefix(&whole) {
                Some("") if sequence > 0 => {
                    present.insert(sequence);
                }
                Some(SHA256 | DONE | TMP) if sequence > 0 => {}
                Some(_) | None => strangers.push(name),
            }
        }
        strangers.sort();
        for name in strangers {
            self.fault(name, "is not the name of a file of this stream");
        }
        Ok(present)
    }

    fn name(&self, sequence: i64) -> String {
        file_name(self.expected.operator, self.expected.node, sequence)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.places.folder.join(name)
    }

    fn fault(&mut self, file: String, reason: impl Into<String>) {
        let reason = reason.into();
        self.verified.faults.push(Fault { file, reason });
    }

    /// One line for a run of missing files, however long.
    fn missing_up_to(&mut self, sequence: i64) {
        let last = sequence.saturating_sub(1);
        if self.next > last {
            return;
        }
        let reason = if self.next == last {
            "is missing".to_owned()
        } else {
            format!(
                "is missing, and so are the others up to {}",
                self.name(last)
            )
        };
        self.fault(self.name(self.next), reason);
        self.before = None;
        self.next = sequence;
    }

    fn file(&mut self, sequence: i64, on_row: &mut impl FnMut(&Row)) {
        let name = self.name(sequence);
        let faults = self.verified.faults.len();
        self.verified.files = self.verified.files.saturating_add(1);
        self.verified.last = sequence;
        let read = match File::open(self.path(&name)) {
            Ok(file) => read_file(BufReader::with_capacity(BUFFER_OCTETS, file), on_row),
            Err(error) => Err(error.into()),
        };
        match read {
            Ok(read) => {
                self.header(&name, sequence, &read);
                self.beside(&name, &read.sha256);
                self.stored(&name, sequence, &read);
                self.verified.to_entry = self.verified.to_entry.max(read.header.to_entry);
                add(&mut self.verified.totals, &read.totals);
                self.before = Some(Link {
                    sha256: read.sha256,
                    to_entry: read.header.to_entry,
                    closed: Some(read.header.closed.at),
                });
            }
            Err(cause) => self.fault(name, cause.to_string()),
        }
        if self.verified.faults.len() > faults {
            self.before = None;
        }
    }

    fn header(&mut self, name: &str, sequence: i64, read: &ReadFile) {
        let header = &read.header;
        if header.file_name() != name {
            let reason = format!("its first line is that of {}", header.file_name());
            return self.fault(name.to_owned(), reason);
        }
        let Some(before) = self.before else {
            return;
        };
        if read.before != before.sha256 {
            let former = self.name(sequence.saturating_sub(1));
            let reason = format!("it does not follow {former} as that stands: the chain is broken");
            self.fault(name.to_owned(), reason);
        }
        // The first file begins where its node's series does.
        let to = if sequence == 1 {
            series_of(header.from_entry)
        } else {
            before.to_entry
        };
        if header.from_entry != to.saturating_add(1) {
            let from = header.from_entry;
            let reason = format!("it begins with entry {from}, and the file before ends with {to}");
            self.fault(name.to_owned(), reason);
        }
        if header.opened.map(|when| when.at) != before.closed {
            self.fault(
                name.to_owned(),
                "it was not opened when the one before was closed",
            );
        }
    }

    fn beside(&mut self, name: &str, sha256: &Sha) {
        let sum = format!("{name}{SHA256}");
        match fs::read_to_string(self.path(&sum)) {
            Ok(text) if text == format!("{}  {name}\n", hex::encode(sha256)) => {}
            Ok(_) => self.fault(sum, "has another hash than the file"),
            Err(error) => self.fault(sum, error.to_string()),
        }
        let done = format!("{name}{DONE}");
        if !self.path(&done).is_file() {
            self.fault(done, "is missing: nobody would collect the file");
        }
    }

    fn stored(&mut self, name: &str, sequence: i64, read: &ReadFile) {
        let Some(batches) = self.expected.batches else {
            return;
        };
        let stored = batches
            .iter()
            .find(|stored| stored.batch.sequence == sequence);
        let last = batches.last().map_or(0, |last| last.batch.sequence);
        if stored.is_none() && self.beyond == Beyond::IsForgotten && sequence > last {
            return;
        }
        let Some(stored) = stored else {
            return self.fault(name.to_owned(), "the books have no such batch");
        };
        let (batch, header) = (&stored.batch, &read.header);
        if (batch.from_entry, batch.to_entry) != (header.from_entry, header.to_entry) {
            self.fault(
                name.to_owned(),
                "its entries are not those of the batch in the books",
            );
        }
        // A file without a hash in the books was written just before a crash; `run` adds the hash.
        if stored.sha256.is_some_and(|sha256| sha256 != read.sha256) {
            self.fault(name.to_owned(), "its hash is not the one in the books");
        }
    }

    /// What the head file and the books know beyond the last file that is there.
    fn end(&mut self, head: Option<&Head>) {
        let delivered = |stored: &&StoredBatch| stored.sha256.is_some();
        let stored = self.expected.batches.unwrap_or_default();
        let stored = stored
            .iter()
            .filter(delivered)
            .map(|stored| stored.batch.sequence);
        let known = stored.chain(head.map(|head| head.sequence)).max();
        self.missing_up_to(known.unwrap_or_default().saturating_add(1));
        let place = self.places.head_file.display().to_string();
        let last = self.verified.last;
        match (head, self.before) {
            (None, _) if last == 0 => {}
            (None, _) => self.fault(place, "there is no head to check the chain against"),
            (Some(head), _) if head.sequence < last => {
                let reason = format!("the chain's head is file {}, not {last}", head.sequence);
                self.fault(place, reason);
            }
            (Some(head), Some(before)) if head.sequence == last => {
                if (head.sha256, &head.name) != (before.sha256, &self.name(last)) {
                    self.fault(
                        place,
                        format!("the chain's head has another hash than file {last}"),
                    );
                }
            }
            // The missing or bad file is named already.
            (Some(_), _) => {}
        }
    }
}

fn add(sums: &mut Totals, of: &Totals) {
    for (code, (currency, charges, refunds)) in of {
        let none = (*currency, Total::default(), Total::default());
        let (_, all_charges, all_refunds) = sums.entry(code).or_insert(none);
        all_charges.add_all(charges);
        all_refunds.add_all(refunds);
    }
}

const BUFFER_OCTETS: usize = 65_536;
