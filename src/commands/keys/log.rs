//! `svgate keys log`: what was done with keys, when and by whom, from the books.

use std::io::Write;

use clap::Args;
use serde_json::json;

use crate::commands::Common;
use crate::commands::site::{Fault, utc};
use crate::commands::who::{rest_of_line, shown};
use crate::gateway::views::Views;

/// Arguments of `svgate keys log`.
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    /// Only what was done to this card, account or other thing
    #[arg(long, value_name = "ICCID|ACCOUNT")]
    pub subject: Option<String>,
    /// Only events above this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub after: i64,
    /// How many at most: the last ones
    #[arg(long, value_name = "N", default_value_t = 1_000,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Prints the events, the oldest of them first.
///
/// # Errors
///
/// [`Fault::Failure`] when the books or the output fail.
pub(super) async fn run<B: Views>(
    args: &LogArgs,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let subject = args.subject.as_deref().map(Into::into);
    let events = books.key_events(subject, args.after, args.limit).await?;
    for event in &events {
        let (number, at, who, what) = (event.number, utc(event.at), &event.who, &event.what);
        let (subject, detail) = (&event.subject, &event.detail);
        if args.common.json {
            let line = json!({
                "number": number, "at": at, "node": event.node, "who": who, "what": what,
                "subject": subject, "detail": detail,
            });
            writeln!(output, "{line}")?;
        } else {
            let (subject, who, detail) = (shown(subject), shown(who), rest_of_line(detail));
            writeln!(output, "{number} {at} {what} {subject} by {who}: {detail}")?;
        }
    }
    Ok(())
}

pub(super) const EXAMPLES: &str = "\
Examples:
  svgate keys log --limit 20
  svgate keys log --subject 8988211000000000003 --json

Exit status: 0 ok, 1 failure.";
