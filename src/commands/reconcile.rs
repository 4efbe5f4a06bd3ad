//! `svgate reconcile`: compares what the purses wrote, what the POS wrote, and what billing was
//! given, purchase by purchase.
//!
//! ```text
//! $ svgate reconcile      EUR … purse paid 204.00 …
//!                         1204 paid purchases, 0 in flight, 3 not yet exportable, 0 differences
//! ```

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::domain::Millis;
use crate::domain::ids::{PurchaseId, SubscriberId};
use crate::domain::series::series_of;
use crate::export::csv::Row;
use crate::export::folder::Folder;
use crate::export::verify::{Expected, verify};
use crate::export::{ExportError, Places, Profile};
use crate::gateway::audit::report::Report;
use crate::gateway::audit::tally::Tally;
use crate::gateway::audit::{AuditBooks, AuditSnapshot, Billed, NodeEnds, Stream};
use crate::gateway::context::{Context, NodePurses};

/// Arguments of `svgate reconcile`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReconcileArgs {
    /// Another folder of billing files than the configured one
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// What an audit needs besides the books.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The keys of the purses.
    pub context: &'a Context,
    /// What the files look like.
    pub profile: &'a Profile,
    /// Where they are.
    pub places: &'a Places,
    /// The time, for ages.
    pub now: Millis,
}

/// Runs `svgate reconcile` and returns its exit status: 0 only when everything matches.
pub async fn run<B: AuditBooks>(
    args: &ReconcileArgs,
    books: &B,
    setting: Setting<'_>,
    output: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let report = match reconcile(books, setting, args.dir.as_deref()).await {
        Ok(report) => report,
        Err(error) => {
            // Whether anybody reads the error or not, the books are not reconciled.
            let _written = writeln!(err, "svgate reconcile: {error}");
            return FAILURE;
        }
    };
    let written = if args.json {
        serde_json::to_string(&report)
            .map_err(std::io::Error::from)
            .and_then(|text| writeln!(output, "{text}"))
    } else {
        writeln!(output, "{report}")
    };
    if written.is_ok() && report.is_clean() {
        OK
    } else {
        FAILURE
    }
}

/// Reads everything once and compares it, with the files of `copy` instead of the folder's own if
/// there is one. The export is locked out meanwhile, and the books are read as of one moment, so
/// that a gateway at work gives no false differences.
///
/// # Errors
///
/// [`ExportError`] when the books, the folder or the head file can't be read at all.
pub async fn reconcile<B: AuditBooks>(
    books: &B,
    setting: Setting<'_>,
    copy: Option<&Path>,
) -> Result<Report, ExportError> {
    let _lock = Folder::lock(&setting.places.folder)?;
    let mut snapshot = books.snapshot().await?;
    let ends = snapshot.ends().await?;
    let nodes = ends.nodes.iter();
    let nodes = nodes.filter_map(|ends| setting.context.purses_of(ends.node).ok());
    let nodes: Vec<NodePurses> = nodes.collect();
    let mut tally = Tally::new(&nodes, setting.now);
    feed_parties(&mut snapshot, &mut tally).await?;
    feed_rows(&mut snapshot, &mut tally).await?;
    let batches = snapshot.batches().await?;
    let expected = Expected {
        operator: &setting.profile.operator,
        node: setting.profile.node,
        batches: Some(&batches),
    };
    let places = Places {
        folder: copy.unwrap_or(&setting.places.folder).to_owned(),
        head_file: setting.places.head_file.clone(),
    };
    let on_row = |row: &Row| tally.billed(&row.billed, Stream::File);
    let verified = verify(&places, expected, on_row)?;
    for fault in verified.faults {
        tally.file_fault(format!("{}: {}", fault.file, fault.reason));
    }
    for node in &ends.nodes {
        let mut after = tally.last_entry(node.from);
        if node.node == setting.profile.node {
            after = after.max(verified.to_entry);
        }
        feed_entries(&mut snapshot, &mut tally, (after, node)).await?;
    }
    Ok(tally.finish(&ends))
}

/// The entries of one node's stream that its files do not hold: all of another node's, whose files
/// are beside that one.
async fn feed_entries(
    snapshot: &mut impl AuditSnapshot,
    tally: &mut Tally<'_>,
    (after, node): (i64, &NodeEnds),
) -> Result<(), ExportError> {
    let mut after = after;
    loop {
        let mut page = snapshot.entries(after, ROWS_PER_PAGE).await?;
        page.retain(|entry| series_of(entry.number) == node.from);
        let Some(last) = page.last() else { break };
        after = last.number;
        for entry in &page {
            match Billed::of(entry) {
                Ok(billed) => tally.billed(&billed, Stream::Open),
                Err(error) => tally.unreadable_entry(entry, &error.to_string()),
            }
        }
    }
    Ok(())
}

/// Lines, accounts and purchases: what the other rows are compared with.
async fn feed_parties(
    snapshot: &mut impl AuditSnapshot,
    tally: &mut Tally<'_>,
) -> Result<(), ExportError> {
    let mut after = SubscriberId(0);
    loop {
        let page = snapshot.lines(after, ROWS_PER_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.subscriber;
        for row in &page {
            tally.line(row);
        }
    }
    let mut after = 0;
    loop {
        let page = snapshot.accounts(after, ROWS_PER_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        for row in page {
            tally.account(row);
        }
    }
    let mut after = PurchaseId(0);
    loop {
        let page = snapshot.purchases(after, ROWS_PER_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.life.id;
        for row in &page {
            tally.purchase(row);
        }
    }
    Ok(())
}

/// Transfers and both logs.
async fn feed_rows(
    snapshot: &mut impl AuditSnapshot,
    tally: &mut Tally<'_>,
) -> Result<(), ExportError> {
    let mut after = 0;
    loop {
        let page = snapshot.transfers(after, ROWS_PER_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        for row in &page {
            tally.transfer(row);
        }
    }
    let mut after = 0;
    loop {
        let page = snapshot.purse_log(after, ROWS_PER_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        for row in &page {
            tally.purse_log(row);
        }
    }
    let mut after = 0;
    loop {
        let page = snapshot.pos_log(after, ROWS_PER_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        for row in &page {
            tally.pos_log(row);
        }
    }
    Ok(())
}

const EXAMPLES: &str = "\
Examples:
  svgate reconcile                      exit status 0 only when everything matches
  svgate reconcile --json
  svgate reconcile --dir /mnt/delivered read the files where billing has them";

/// Some megabytes at most.
const ROWS_PER_PAGE: u32 = 5_000;
const OK: u8 = 0;
const FAILURE: u8 = 1;
