//! `svgate subscriber import`: accounts with their SIM, number and limits, from a CSV file; and
//! `pin-reset`.
//!
//! ```text
//! file ─► check every line (columns, repetitions, the books' currencies) ─► apply in chunks
//!             any fault: nothing is applied, exit 3                         same file again: no change
//! ```
//! The file is passed over two or three times and never held in memory.

use std::fs::File;
use std::io::{BufReader, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use csv::StringRecord;
use serde_json::json;

use crate::commands::Common;
use crate::commands::line_faults::LineFaults;
use crate::commands::repeats::{Seen, Suspects};
use crate::commands::site::{Fault, Site, done, imported};
use crate::commands::subscriber::line::{CheckedLine, Known, Layout};
use crate::commands::who;
use crate::domain::money::Currency;
use crate::gateway::books::Books;
use crate::gateway::member::{CHUNK_MAX, LineImport, Member};
use crate::gateway::views::Views;

pub mod line;

/// Arguments of `svgate subscriber`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SubscriberArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: SubscriberAction,
}

/// What to do with subscribers.
#[derive(Clone, Debug, Subcommand)]
pub enum SubscriberAction {
    /// Import subscribers, their numbers, SIMs and limits
    #[command(after_help = EXAMPLES)]
    Import(ImportArgs),
    /// Take a PIN away that is blocked or forgotten: the subscriber chooses another in the menu
    #[command(after_help = EXAMPLES)]
    PinReset(PinResetArgs),
}

impl SubscriberAction {
    /// What every action takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Import(args) => &args.common,
            Self::PinReset(args) => &args.common,
        }
    }
}

/// Arguments of `svgate subscriber import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The file
    #[arg(value_name = "F.csv")]
    pub file: PathBuf,
    /// Check only
    #[arg(long)]
    pub dry_run: bool,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate subscriber pin-reset`.
#[derive(Clone, Debug, Args)]
pub struct PinResetArgs {
    /// The account, as the file of subscribers names it
    pub account: String,
    /// Who does it
    #[arg(long, value_parser = who::name)]
    pub who: String,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Imports, or takes a PIN away.
///
/// # Errors
///
/// As `import`; [`Fault::NotFound`] for an account that there is not.
pub async fn run<B: Books + Views>(
    action: &SubscriberAction,
    site: &Site,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    match action {
        SubscriberAction::Import(args) => import(args, site, books, output).await,
        SubscriberAction::PinReset(args) => pin_reset(args, books, output).await,
    }
}

async fn pin_reset<B: Books>(
    args: &PinResetArgs,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let member = Member::ResetPin {
        account: args.account.as_str().into(),
        who: args.who.as_str().into(),
    };
    let taken = done(books.submit(member).await?)?;
    let account = &args.account;
    if args.common.json {
        writeln!(
            output,
            "{}",
            json!({"account": account, "taken_away": taken})
        )?;
    } else if taken {
        writeln!(
            output,
            "{account} has no PIN now and can choose one in the menu"
        )?;
    } else {
        writeln!(output, "{account} had no PIN")?;
    }
    Ok(())
}

/// Checks every line, then applies them in chunks. The same file again finishes an import that was
/// interrupted, or changes nothing.
///
/// # Errors
///
/// [`Fault::Usage`] when there is no such file; [`Fault::Refused`] when any line is wrong, after
/// the first hundred faults were printed and all counted.
async fn import<B: Books + Views>(
    args: &ImportArgs,
    site: &Site,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let file = File::open(&args.file)
        .map_err(|error| Fault::Usage(format!("{}: {error}", args.file.display())))?;
    let import = Import {
        layout: layout(&file)?,
        file,
        known: Known::of(&site.context),
        site,
    };
    let mut faults = LineFaults::default();
    let lines = import.check(books, &mut faults).await?;
    if faults.count > 0 {
        return Err(faults.told(&args.file, args.common.json, output)?);
    }
    let (added, changed) = if args.dry_run {
        (0, 0)
    } else {
        import.apply(books).await?
    };
    if args.common.json {
        let line = json!({
            "lines": lines, "added": added, "changed": changed, "dry_run": args.dry_run,
        });
        writeln!(output, "{line}")?;
    } else if args.dry_run {
        writeln!(output, "{lines} lines checked, nothing applied")?;
    } else {
        writeln!(output, "{lines} lines: {added} added, {changed} changed")?;
    }
    Ok(())
}

struct Import<'s> {
    file: File,
    layout: Layout,
    known: Known,
    site: &'s Site,
}

impl Import<'_> {
    /// Checks every line and returns how many there are.
    async fn check<B: Views>(&self, books: &B, faults: &mut LineFaults) -> Result<u64, Fault> {
        let (mut lines, mut seen) = (0_u64, Seen::of(UNIQUE.len()));
        let mut chunk: Vec<(Arc<str>, Currency, u64)> = Vec::with_capacity(CHUNK_MAX);
        let mut reader = self.reader()?;
        let columns = self.layout.columns;
        let mut record = StringRecord::new();
        while next(&mut reader, &mut record)? {
            lines = lines.saturating_add(1);
            if lines > LINES_MAX {
                let most = format!("more than {LINES_MAX} lines: import them in several files");
                return Err(Fault::Refused(most));
            }
            let number = line_of(&record);
            if record.len() != columns {
                let problem = format!("{} columns instead of {columns}", record.len());
                faults.add(number, "line", problem);
                continue;
            }
            let mut tell = |column, problem| faults.add(number, column, problem);
            let Some(line) = self.known.check(&record, self.layout, &mut tell) else {
                continue;
            };
            for (column, value) in unique(&line).iter().enumerate() {
                seen.add(column, value.as_bytes());
            }
            chunk.push((line.account.into(), line.currency, number));
            if chunk.len() >= CHUNK_MAX {
                same_currencies(books, &mut chunk, faults).await?;
            }
        }
        same_currencies(books, &mut chunk, faults).await?;
        self.find_repeats(seen, faults)?;
        Ok(lines)
    }

    fn find_repeats(&self, seen: Seen, faults: &mut LineFaults) -> Result<(), Fault> {
        let mut suspects = seen.repeated();
        if suspects.is_empty() {
            return Ok(());
        }
        let mut reader = self.reader()?;
        let mut record = StringRecord::new();
        while next(&mut reader, &mut record)? {
            let number = line_of(&record);
            let line = self.known.check(&record, self.layout, &mut |_, _| ());
            if let Some(line) = line {
                tell_repeats(&line, number, &mut suspects, faults);
            }
        }
        Ok(())
    }

    /// Applies every line; returns how many rows are new and how many changed.
    async fn apply<B: Books>(&self, books: &B) -> Result<(u64, u64), Fault> {
        let (mut added, mut changed) = (0_u64, 0_u64);
        let mut chunk = Vec::with_capacity(CHUNK_MAX);
        let mut reader = self.reader()?;
        let mut record = StringRecord::new();
        loop {
            let more = next(&mut reader, &mut record)?;
            if more {
                let line = self.known.check(&record, self.layout, &mut |_, _| ());
                let line = line.ok_or_else(|| {
                    let number = line_of(&record);
                    Fault::Failure(format!("line {number} changed while it was imported"))
                })?;
                let line = line.import(self.site.keys.named());
                chunk.push(line.map_err(|error| Fault::Failure(error.to_string()))?);
            }
            if chunk.len() >= CHUNK_MAX || (!more && !chunk.is_empty()) {
                let (new, other) = submit(books, std::mem::take(&mut chunk)).await?;
                added = added.saturating_add(new);
                changed = changed.saturating_add(other);
            }
            if !more {
                return Ok((added, changed));
            }
        }
    }

    /// The file's lines; the header was looked at before, and is passed over.
    fn reader(&self) -> Result<csv::Reader<BufReader<&File>>, Fault> {
        let mut reader = reader(&self.file)?;
        reader.headers().map_err(|error| unreadable(&error))?;
        Ok(reader)
    }
}

fn reader(mut file: &File) -> Result<csv::Reader<BufReader<&File>>, Fault> {
    file.rewind()?;
    let buffered = BufReader::with_capacity(BUFFER_OCTETS, file);
    // A line of another length is told as such, not as the end of the import.
    Ok(csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(buffered))
}

fn layout(file: &File) -> Result<Layout, Fault> {
    let mut reader = reader(file)?;
    let header = reader.headers().map_err(|error| unreadable(&error))?;
    Layout::of(header).ok_or_else(|| Fault::Refused(HEADER.to_owned()))
}

fn tell_repeats(
    line: &CheckedLine<'_>,
    number: u64,
    suspects: &mut Suspects,
    faults: &mut LineFaults,
) {
    let columns = UNIQUE.into_iter().zip(unique(line)).enumerate();
    for (at, (column, value)) in columns {
        if let Some(first) = suspects.met(at, value.as_bytes(), number) {
            faults.add(number, column, format!("the same as in line {first}"));
        }
    }
}

/// What stands in each of [`UNIQUE`].
fn unique(line: &CheckedLine<'_>) -> [String; UNIQUE.len()] {
    [
        line.account.to_owned(),
        // However it is written: with +, 00, or without.
        line.msisdn.expose_number().to_string(),
        line.iccid_digits.to_owned(),
        line.imsi.to_owned(),
    ]
}

/// What is owed has the line's currency: it can't change.
async fn same_currencies<B: Views>(
    books: &B,
    chunk: &mut Vec<(Arc<str>, Currency, u64)>,
    faults: &mut LineFaults,
) -> Result<(), Fault> {
    if chunk.is_empty() {
        return Ok(());
    }
    let accounts = chunk
        .iter()
        .map(|(account, _, _)| Arc::clone(account))
        .collect();
    let known = books.currencies(accounts).await?;
    let known: std::collections::HashMap<_, _> = known.into_iter().collect();
    for (account, currency, number) in chunk.drain(..) {
        if let Some(was) = known.get(&account).filter(|was| **was != currency) {
            let problem = format!("it is {was} in the books and can't change: use a new account");
            faults.add(number, "currency", problem);
        }
    }
    Ok(())
}

async fn submit<B: Books>(books: &B, chunk: Vec<LineImport>) -> Result<(u64, u64), Fault> {
    imported(books.submit(Member::ImportLines(chunk)).await?)
}

fn next(
    reader: &mut csv::Reader<BufReader<&File>>,
    record: &mut StringRecord,
) -> Result<bool, Fault> {
    reader
        .read_record(record)
        .map_err(|error| unreadable(&error))
}

fn line_of(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

/// A line that is no text can't be told column by column; its octets are not repeated.
fn unreadable(error: &csv::Error) -> Fault {
    let line = error.position().map_or(1, csv::Position::line);
    if let csv::ErrorKind::Io(error) = error.kind() {
        return Fault::Failure(error.to_string());
    }
    Fault::Refused(format!("line {line} is not CSV in UTF-8"))
}

/// Columns that no two lines share.
const UNIQUE: [&str; 4] = ["subscriber", "msisdn", "iccid", "imsi"];
/// Twice the largest operator's file that we know; its hashes take 640 MB.
const LINES_MAX: u64 = 20_000_000;
const BUFFER_OCTETS: usize = 1 << 18;
const HEADER: &str = "the first line must be subscriber,msisdn,iccid,imsi,language,class,currency,\
                      credit_limit_minor,cap_minor,key_version, and may go on with ,profile and \
                      then with ,kic,kid";
const EXAMPLES: &str = "\
Examples:
  svgate subscriber import subscribers.csv --dry-run
  svgate subscriber import subscribers.csv --json
  svgate subscriber pin-reset A1001 --who j.smith

Columns: subscriber,msisdn,iccid,imsi,language,class,currency,credit_limit_minor,cap_minor,
key_version, then profile (one of the configuration's [[card_profile]]; standard when it is empty or
not there), and for imported keys kic,kid in hex: sealed under the master key, never stored bare.
Without them a SIM has the keys that were imported for its card and key_version (`svgate keys import`;
imsi and profile must be theirs, and kic,kid empty), else derived ones. Bare keys that a line gets are in
`svgate keys log`. A file with any fault changes nothing.
Exit status: 0 ok, 2 no such file, 3 lines are wrong, 1 failure: run it again, it finishes.";
