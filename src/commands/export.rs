//! `svgate export run | list | verify | resend | adopt`: the billing files.
//!
//! ```text
//! $ svgate export run           op_demand_0_00000007.csv   1204 rows  9f86d081…
//! $ svgate export verify        7 files, chain unbroken to op_demand_0_00000007.csv
//! ```

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::domain::Millis;
use crate::export::adopt::{Adopted, adopt};
use crate::export::batch::file_name;
use crate::export::verify::{Expected, Verified, verify};
use crate::export::{self, ExportError, Places, Profile, WrittenFile};
use crate::gateway::books::{Books, StoredBatch};
use crate::gateway::upkeep::{Upkeep, bill_provisionally};

/// Arguments of `svgate export`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ExportAction,
}

/// What to do with billing files.
#[derive(Clone, Debug, Subcommand)]
pub enum ExportAction {
    /// Close the open batch, and write every file that is due.
    Run(RunArgs),
    /// List the closed batches and their files.
    List(ListArgs),
    /// Read the files from disk and check numbers, octets, chain and totals.
    Verify(VerifyArgs),
    /// Make a delivered file once more, octet for octet.
    Resend(ResendArgs),
    /// After a restore: read the delivered files back, and go on where they end.
    Adopt(AdoptArgs),
}

/// Arguments of `svgate export run`.
#[derive(Clone, Copy, Debug, Args)]
pub struct RunArgs {
    /// Write a file even when there is nothing to bill, so that no period is without one
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub allow_empty: bool,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `svgate export list`.
#[derive(Clone, Copy, Debug, Args)]
pub struct ListArgs {
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `svgate export verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// Another folder than the configured one
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `svgate export resend`.
#[derive(Clone, Debug, Args)]
pub struct ResendArgs {
    /// Which file
    pub sequence: i64,
    /// Where to [default: the configured folder]
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `svgate export adopt`.
#[derive(Clone, Debug, Args)]
pub struct AdoptArgs {
    /// The folder with every file that the node has delivered
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The files are those of another node, which does not come back; `--head` is its head file
    #[arg(long, value_name = "ID", requires = "head", value_parser = clap::value_parser!(u16).range(0..=1023))]
    pub node: Option<u16>,
    /// Where the chain ends [default: the configured head file]
    #[arg(long, value_name = "FILE")]
    pub head: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

impl ExportArgs {
    /// The node whose files it is about, if that is not this one.
    #[must_use]
    pub const fn node(&self) -> Option<u16> {
        match &self.action {
            ExportAction::Adopt(args) => args.node,
            ExportAction::Run(_)
            | ExportAction::List(_)
            | ExportAction::Verify(_)
            | ExportAction::Resend(_) => None,
        }
    }
}

/// Runs `svgate export` and returns its exit status: 0 done and everything is right, 1 failure or a
/// fault in a file, 3 delivered files are to be adopted first, or are not as they were, 4 no such
/// file, 5 something else stands where a file belongs, or in the books.
///
/// A charge that was open before `open_since` is billed as provisional.
pub async fn run<B: Upkeep>(
    args: &ExportArgs,
    books: &B,
    profile: &Profile,
    places: &Places,
    open_since: Millis,
    output: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let answer = match &args.action {
        ExportAction::Run(args) => close_and_write(*args, books, profile, places, open_since).await,
        ExportAction::List(args) => list(*args, books, profile).await,
        ExportAction::Verify(args) => verified(args, books, profile, places).await,
        ExportAction::Resend(args) => resend(args, books, profile, places).await,
        ExportAction::Adopt(args) => adopted(args, books, profile, places).await,
    };
    let (status, written) = match answer {
        Ok((status, text)) => (status, writeln!(output, "{text}")),
        Err(error) => (status_of(&error), writeln!(err, "svgate export: {error}")),
    };
    if written.is_ok() { status } else { FAILURE }
}

/// The exit status for an export that did not work.
#[must_use]
pub const fn status_of(error: &ExportError) -> u8 {
    match error {
        ExportError::NotFound(_) => NOT_FOUND,
        ExportError::NotAdopted(_) | ExportError::Faults(_) => REFUSED,
        ExportError::Differs(_)
        | ExportError::Changed(_)
        | ExportError::OtherEntry { .. }
        | ExportError::NotTaken { .. }
        | ExportError::OtherHead { .. }
        | ExportError::HeadDiffers { .. } => CONFLICT,
        ExportError::Disk { .. }
        | ExportError::Busy(_)
        | ExportError::BadHead(_)
        | ExportError::Entry { .. }
        | ExportError::Store(_)
        | ExportError::Outcome(_) => FAILURE,
    }
}

async fn close_and_write<B: Upkeep>(
    args: RunArgs,
    books: &B,
    profile: &Profile,
    places: &Places,
    open_since: Millis,
) -> Result<(u8, String), ExportError> {
    bill_provisionally(books, open_since).await?;
    let written = export::run(books, profile, places, args.allow_empty).await?;
    let text = if args.json {
        json!({ "written": written.iter().map(json_of).collect::<Vec<_>>() }).to_string()
    } else if written.is_empty() {
        "nothing to write".to_owned()
    } else {
        written.iter().map(line_of).collect::<Vec<_>>().join("\n")
    };
    Ok((OK, text))
}

async fn list<B: Books>(
    args: ListArgs,
    books: &B,
    profile: &Profile,
) -> Result<(u8, String), ExportError> {
    let batches = export::batches(books).await?;
    let rows = |stored: &StoredBatch| {
        let batch = stored.batch;
        batch
            .to_entry
            .saturating_sub(batch.from_entry)
            .saturating_add(1)
    };
    let name =
        |stored: &StoredBatch| file_name(&profile.operator, profile.node, stored.batch.sequence);
    if args.json {
        let list: Vec<Value> = batches
            .iter()
            .map(|stored| {
                json!({
                    "sequence": stored.batch.sequence,
                    "name": name(stored),
                    "from_entry": stored.batch.from_entry,
                    "to_entry": stored.batch.to_entry,
                    "rows": rows(stored),
                    "closed_ms": stored.batch.closed.0,
                    "sha256": stored.sha256.map(hex::encode),
                })
            })
            .collect();
        return Ok((OK, json!({ "batches": list }).to_string()));
    }
    let lines = batches.iter().map(|stored| {
        let hash = stored
            .sha256
            .map_or("not written yet".to_owned(), hex::encode);
        format!("{}  {} rows  {hash}", name(stored), rows(stored))
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    Ok((
        OK,
        if text.is_empty() {
            "no batch was closed yet".to_owned()
        } else {
            text
        },
    ))
}

async fn verified<B: Books>(
    args: &VerifyArgs,
    books: &B,
    profile: &Profile,
    places: &Places,
) -> Result<(u8, String), ExportError> {
    let batches = export::batches(books).await?;
    let places = Places {
        folder: args.dir.clone().unwrap_or_else(|| places.folder.clone()),
        head_file: places.head_file.clone(),
    };
    let expected = Expected {
        operator: &profile.operator,
        node: profile.node,
        batches: Some(&batches),
    };
    let verified = verify(&places, expected, |_| {})?;
    let status = if verified.faults.is_empty() {
        OK
    } else {
        FAILURE
    };
    let text = if args.json {
        json_of_verified(&verified).to_string()
    } else {
        text_of_verified(&verified, profile)
    };
    Ok((status, text))
}

async fn resend<B: Books>(
    args: &ResendArgs,
    books: &B,
    profile: &Profile,
    places: &Places,
) -> Result<(u8, String), ExportError> {
    let into = args.to.as_ref().unwrap_or(&places.folder);
    let file = export::resend(books, profile, args.sequence, into).await?;
    let text = if args.json {
        json_of(&file).to_string()
    } else {
        line_of(&file)
    };
    Ok((OK, text))
}

async fn adopted<B: Upkeep>(
    args: &AdoptArgs,
    books: &B,
    profile: &Profile,
    places: &Places,
) -> Result<(u8, String), ExportError> {
    let head = args.head.as_ref().unwrap_or(&places.head_file);
    let places = Places {
        folder: args.dir.clone(),
        head_file: head.clone(),
    };
    let adopted = adopt(books, profile, &places).await?;
    let Adopted {
        last,
        files,
        entries,
        entered,
    } = adopted;
    let text = if args.json {
        json!({ "last": last, "files": files, "entries": entries, "entered": entered }).to_string()
    } else if files == 0 && entries == 0 && entered == 0 {
        format!("nothing to adopt: the books know every file up to {last}")
    } else {
        format!(
            "adopted {entries} entries in {files} files; the next file is {}, and {entered} purchases \
             that ended meanwhile go into it",
            last.saturating_add(1)
        )
    };
    Ok((OK, text))
}

fn line_of(file: &WrittenFile) -> String {
    format!(
        "{}  {} rows  {}",
        file.name,
        file.rows,
        hex::encode(file.sha256)
    )
}

fn json_of(file: &WrittenFile) -> Value {
    json!({
        "sequence": file.sequence,
        "name": file.name,
        "rows": file.rows,
        "sha256": hex::encode(file.sha256),
    })
}

fn json_of_verified(verified: &Verified) -> Value {
    let faults: Vec<Value> = verified
        .faults
        .iter()
        .map(|fault| json!({ "file": fault.file, "reason": fault.reason }))
        .collect();
    json!({
        "ok": verified.faults.is_empty(),
        "files": verified.files,
        "last": verified.last,
        "to_entry": verified.to_entry,
        "faults": faults,
    })
}

fn text_of_verified(verified: &Verified, profile: &Profile) -> String {
    let mut text = String::new();
    for fault in &verified.faults {
        let _written = writeln!(text, "FAULT {}: {}", fault.file, fault.reason);
    }
    let (files, faults) = (verified.files, verified.faults.len());
    if faults > 0 {
        let _written = write!(text, "{files} files, {faults} faults");
    } else if files == 0 {
        text.push_str("no file was written yet");
    } else {
        let last = file_name(&profile.operator, profile.node, verified.last);
        let _written = write!(text, "{files} files, chain unbroken to {last}");
    }
    text
}

const EXAMPLES: &str = "\
Examples:
  svgate export run                     close the open batch and write its file
  svgate export run --allow-empty false write no file when there is nothing to bill
  svgate export list --json
  svgate export verify                  exit status 1 names each bad file and why
  svgate export verify --dir /mnt/copy  the same of a copy, against the same chain head
  svgate export resend 7 --to /tmp/again
  svgate export adopt /var/lib/svgate/export   once after svgate store restored, on each node
  svgate export adopt /mnt/node2/export --node 2 --head /mnt/node2/export-head";

const OK: u8 = 0;
const FAILURE: u8 = 1;
const REFUSED: u8 = 3;
const NOT_FOUND: u8 = 4;
const CONFLICT: u8 = 5;
