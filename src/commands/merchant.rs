//! `svgate merchant import`: who sells what at which price, and the machines that give it out.
//!
//! ```toml
//! [[merchant]]
//! id = "espresso-bar"
//! name = "Espresso Bar"
//! currency = "EUR"
//! tax_code = "standard"
//! [[merchant.item]]
//! code = "12"
//! name = "Espresso"
//! retail_minor = 250
//! wholesale_minor = 200
//! [[merchant.terminal]]
//! id = "coffee-4711"
//! short_code = 4711
//! ```
//! The file is checked whole, by itself and against the books, before anything is applied.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::commands::Common;
use crate::commands::merchant::file::{InBooks, MerchantFile};
use crate::commands::site::{Fault, Site, imported};
use crate::gateway::books::Books;
use crate::gateway::member::Member;
use crate::gateway::views::Views;

pub mod file;

/// Arguments of `svgate merchant`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MerchantArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: MerchantAction,
}

/// What to do with merchants.
#[derive(Clone, Debug, Subcommand)]
pub enum MerchantAction {
    /// Import merchants with their items and terminals
    #[command(after_help = EXAMPLES)]
    Import(ImportArgs),
}

impl MerchantAction {
    /// What every action takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        let Self::Import(args) = self;
        &args.common
    }
}

/// Arguments of `svgate merchant import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The file
    #[arg(value_name = "F.toml")]
    pub file: PathBuf,
    /// Check only
    #[arg(long)]
    pub dry_run: bool,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Checks the file and applies it, merchant by merchant. The same file again changes nothing.
///
/// # Errors
///
/// [`Fault::Usage`] when there is no such file, [`Fault::Refused`] with every line that is wrong,
/// [`Fault::Conflict`] when the books changed in between so that a merchant can't be as it says.
pub async fn run<B: Books + Views>(
    action: &MerchantAction,
    site: &Site,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let MerchantAction::Import(args) = action;
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Fault::Usage(format!("{}: {error}", args.file.display())))?;
    let policy = &site.context.policy;
    let (merchants, terminals) = (books.merchants().await?, books.terminals().await?);
    let in_books = InBooks {
        merchants: &merchants,
        terminals: &terminals,
    };
    let read = MerchantFile::read(&args.file, &text, policy, in_books);
    let read = read.map_err(|faults| Fault::Refused(faults.to_string()))?;
    let (count, mut added, mut changed) = (read.merchants.len(), 0_u64, 0_u64);
    for merchant in read.merchants {
        if args.dry_run {
            continue;
        }
        let member = Member::ImportMerchant(Box::new(merchant));
        let (new, other) = imported(books.submit(member).await?)?;
        added = added.saturating_add(new);
        changed = changed.saturating_add(other);
    }
    if args.common.json {
        let line = json!({
            "merchants": count, "added": added, "changed": changed, "dry_run": args.dry_run,
        });
        writeln!(output, "{line}")?;
    } else if args.dry_run {
        writeln!(output, "{count} merchants checked, nothing applied")?;
    } else {
        writeln!(
            output,
            "{count} merchants: {added} rows added, {changed} changed"
        )?;
    }
    Ok(())
}

const EXAMPLES: &str = "\
Examples:
  svgate merchant import merchants.toml --dry-run
  svgate merchant import merchants.toml --json

[[merchant]]           id, name, currency, tax_code; discount_basis_points (0), open (true),
                       unknown_end (wait; refund, supplied)
[[merchant.item]]      code, name, retail_minor, wholesale_minor
[[merchant.terminal]]  id, short_code; items ([]: all), slots (1), token_sha256
Items that a merchant's file no longer names are no longer sold; terminals take no order any more.
Exit status: 0 ok, 2 no such file, 3 lines are wrong, 5 it stands otherwise in the books.";
