//! After a restore from a backup: the delivered files are read back into books that have forgotten
//! them, and the chain goes on at the next number.
//!
//! ```text
//! verify all ─► what went back, of each purchase ─► file by file: entries ─► batch
//!             ─► purchases that ended meanwhile ─► the stream is open again
//! ```
//! Nothing is taken before every file is found whole, back to the first and up to the head that is
//! kept outside of the folder. A run that died anywhere is finished by the next, and after one that
//! was finished there is nothing to do.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::domain::Millis;
use crate::domain::ids::PurchaseId;
use crate::export::batch::{ReadFile, file_name, read_file};
use crate::export::csv::Row;
use crate::export::folder::at;
use crate::export::verify::{Expected, Fault, verify_delivered};
use crate::export::{ExportError, Places, Profile, batches};
use crate::gateway::books::{Books, StoredBatch};
use crate::gateway::delivered::{ADOPTED_MAX, Adopt, DeliveredEntry, DeliveredFile};
use crate::gateway::member::{Denied, Member, Outcome};
use crate::gateway::record::EntryKind;
use crate::gateway::upkeep::Upkeep;
use crate::gateway::world::ClosedBatch;

/// What was read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// The number of the last file.
    pub last: i64,
    /// Files that the books did not know.
    pub files: u64,
    /// Entries that they did not know.
    pub entries: u64,
    /// Purchases that had ended while the stream waited, and are in it now.
    pub entered: u64,
}

/// Reads the delivered files of a folder back into the books.
///
/// # Errors
///
/// [`ExportError::Faults`] names every file that is missing or not as it was delivered: nothing is
/// taken then. [`ExportError::NotTaken`] says what the books lack; what was taken before stays, and
/// the next run goes on.
pub async fn adopt<B: Upkeep>(
    books: &B,
    profile: &Profile,
    places: &Places,
) -> Result<Adopted, ExportError> {
    let known = batches(books).await?;
    let expected = Expected {
        operator: &profile.operator,
        node: profile.node,
        batches: Some(&known),
    };
    let mut back: HashMap<PurchaseId, u8> = HashMap::new();
    let verified = verify_delivered(places, expected, |row| {
        if row.billed.kind == EntryKind::Refund {
            back.insert(row.billed.purchase, row.units);
        }
    })?;
    if !verified.faults.is_empty() {
        return Err(ExportError::Faults(verified.faults));
    }
    let mut adopted = Adopted {
        last: verified.last,
        ..Adopted::default()
    };
    // Files that the books know whole are as they say: their hashes were compared.
    let whole = known.iter().take_while(|stored| stored.sha256.is_some());
    let first = whole.count();
    let mut before = first.checked_sub(1).and_then(|at| known.get(at)).copied();
    let from = i64::try_from(first).unwrap_or(i64::MAX).saturating_add(1);
    for sequence in from..=verified.last {
        let file = DeliveredAt {
            folder: &places.folder,
            name: file_name(&profile.operator, profile.node, sequence),
            opened: before.map(|before| before.batch.closed),
        };
        let known = known.iter().find(|s| s.batch.sequence == sequence);
        before = Some(
            file.take(books, profile, (known, &back), &mut adopted)
                .await?,
        );
    }
    match books.submit(Member::Adopt(Adopt::Finished)).await? {
        Outcome::Done | Outcome::AlreadyDone => {}
        other @ (Outcome::Arrived { .. }
        | Outcome::Ordered { .. }
        | Outcome::Ack(_)
        | Outcome::Imported { .. }
        | Outcome::Batch(_)
        | Outcome::Bills(_)
        | Outcome::Commanded(_)
        | Outcome::Refused(_)) => return Err(unexpected(&other)),
    }
    adopted.entered = enter_ended(books).await?;
    Ok(adopted)
}

/// One file that was found whole.
struct DeliveredAt<'a> {
    folder: &'a Path,
    name: String,
    opened: Option<Millis>,
}

impl DeliveredAt<'_> {
    /// Takes its entries and then its batch.
    async fn take<B: Books>(
        &self,
        books: &B,
        profile: &Profile,
        (known, back): (Option<&StoredBatch>, &HashMap<PurchaseId, u8>),
        adopted: &mut Adopted,
    ) -> Result<StoredBatch, ExportError> {
        let (read, rows) = self.read()?;
        for some in rows.chunks(ADOPTED_MAX) {
            let forgotten = self.compared(books, profile, some).await?;
            let entries = some.get(forgotten..).unwrap_or_default();
            if entries.is_empty() {
                continue;
            }
            let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
            let entries = entries.iter().map(|row| delivered(row, back)).collect();
            self.submit(books, Member::Adopt(Adopt::Entries(entries)))
                .await?;
            adopted.entries = adopted.entries.saturating_add(count);
        }
        let sha256 = read.sha256;
        let batch = ClosedBatch {
            sequence: read.header.sequence,
            from_entry: read.header.from_entry,
            to_entry: read.header.to_entry,
            closed: read.header.closed.at,
        };
        let member = match known {
            // Closed before the backup, written after it.
            Some(_) => Member::BatchWritten {
                sequence: batch.sequence,
                sha256,
            },
            None => Member::Adopt(Adopt::File(DeliveredFile { batch, sha256 })),
        };
        self.submit(books, member).await?;
        adopted.files = adopted.files.saturating_add(1);
        Ok(StoredBatch {
            batch,
            sha256: Some(sha256),
        })
    }

    /// The file once more, with its rows: a day of entries at most.
    fn read(&self) -> Result<(ReadFile, Vec<Row>), ExportError> {
        let path = self.folder.join(&self.name);
        let file = File::open(&path).map_err(at(&path))?;
        let mut rows = Vec::new();
        let read = read_file(BufReader::new(file), |row| rows.push(row.clone()));
        let read = read.map_err(|error| {
            ExportError::Faults(vec![Fault {
                file: self.name.clone(),
                reason: error.to_string(),
            }])
        })?;
        Ok((read, rows))
    }

    /// How many of the first of these rows the books have: each as the file has it.
    async fn compared<B: Books>(
        &self,
        books: &B,
        profile: &Profile,
        rows: &[Row],
    ) -> Result<usize, ExportError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(0);
        };
        let most = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let (from, to) = (first.billed.number, last.billed.number);
        let stood = books.entries(from, to, most).await?;
        for (entry, row) in stood.iter().zip(rows) {
            let exposed = row.msisdn.is_some();
            let made = Row::of(entry, self.opened, &profile.zone, exposed);
            if made.as_ref() != Ok(row) {
                return Err(ExportError::OtherEntry {
                    file: self.name.clone(),
                    entry: row.billed.number,
                });
            }
        }
        Ok(stood.len())
    }

    async fn submit<B: Books>(&self, books: &B, member: Member) -> Result<(), ExportError> {
        match books.submit(member).await? {
            Outcome::Done | Outcome::AlreadyDone => Ok(()),
            Outcome::Refused(Denied::Conflict(why)) => Err(ExportError::NotTaken {
                file: self.name.clone(),
                why,
            }),
            other @ (Outcome::Arrived { .. }
            | Outcome::Ordered { .. }
            | Outcome::Ack(_)
            | Outcome::Imported { .. }
            | Outcome::Batch(_)
            | Outcome::Bills(_)
            | Outcome::Commanded(_)
            | Outcome::Refused(_)) => Err(unexpected(&other)),
        }
    }
}

/// Sends what ended meanwhile to the stream, behind the delivered entries; nothing while another
/// node's files are still to be read back, for they may have some of it.
async fn enter_ended<B: Upkeep>(books: &B) -> Result<u64, ExportError> {
    let (mut after, mut entered) = (PurchaseId(0), 0_u64);
    loop {
        let ended = books.not_in_stream(after, ENTERED_AT_ONCE).await?;
        let Some(last) = ended.last() else {
            return Ok(entered);
        };
        after = *last;
        let count = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        if books.submit(Member::Adopt(Adopt::Ended(ended))).await? == Outcome::AlreadyDone {
            return Ok(entered);
        }
        entered = entered.saturating_add(count);
    }
}

fn unexpected(outcome: &Outcome) -> ExportError {
    ExportError::Outcome(format!("{outcome:?}"))
}

fn delivered(row: &Row, back: &HashMap<PurchaseId, u8>) -> DeliveredEntry {
    let billed = &row.billed;
    DeliveredEntry {
        number: billed.number,
        kind: billed.kind,
        purchase: billed.purchase,
        original: billed.original,
        account: billed.account.clone(),
        msisdn: row.msisdn,
        merchant: row.merchant.clone(),
        item: row.item,
        units: row.units,
        currency: billed.currency,
        charge: billed.charge,
        tax_code: row.tax_code.clone(),
        bill_number: row.bill_number,
        at: row.event.at,
        business_date: row.business_date,
        provisional: row.provisional,
        channel: row.channel,
        back_units: back.get(&billed.purchase).copied().unwrap_or_default(),
    }
}

/// Some milliseconds of the writer.
const ENTERED_AT_ONCE: u32 = 500;
