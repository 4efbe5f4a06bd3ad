//! `svgate notices list`: what happened that a person should look at.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::commands::Common;
use crate::commands::site::{Fault, PAGE, utc};
use crate::gateway::views::Views;

/// Arguments of `svgate notices`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct NoticesArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: NoticesAction,
}

/// What to do with notices.
#[derive(Clone, Debug, Subcommand)]
pub enum NoticesAction {
    /// List them, in the order in which they were written
    #[command(after_help = EXAMPLES)]
    List(ListArgs),
}

impl NoticesAction {
    /// What every action takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        let Self::List(args) = self;
        &args.common
    }
}

/// Arguments of `svgate notices list`.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// Only those above this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub after: i64,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Prints the notices.
///
/// # Errors
///
/// [`Fault::Failure`] when the books or the output fail.
pub async fn run<B: Views>(
    action: &NoticesAction,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let NoticesAction::List(args) = action;
    let mut after = args.after;
    loop {
        let notices = books.notices(after, PAGE).await?;
        let Some(last) = notices.last() else {
            return Ok(());
        };
        after = last.number;
        for notice in &notices {
            let (at, purchase) = (utc(notice.at), notice.purchase.map(|purchase| purchase.0));
            if args.common.json {
                let line = json!({
                    "number": notice.number, "at": at, "kind": notice.kind, "purchase": purchase,
                    "subscriber": notice.subscriber.map(|subscriber| subscriber.0),
                    "text": notice.text,
                });
                writeln!(output, "{line}")?;
            } else {
                let purchase = purchase
                    .map(|p| format!(" purchase {p}"))
                    .unwrap_or_default();
                let (number, kind, text) = (notice.number, &notice.kind, &notice.text);
                writeln!(output, "{number} {at} {kind}{purchase}: {text}")?;
            }
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  svgate notices list
  svgate notices list --after 120 --json";
