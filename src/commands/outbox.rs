//! `svgate outbox list | retry`: messages to phones that wait, and those that were given up.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::commands::Common;
use crate::commands::site::{Fault, PAGE, done, utc};
use crate::domain::ids::OutboxId;
use crate::gateway::books::Books;
use crate::gateway::member::Member;
use crate::gateway::record::OutboxRow;
use crate::gateway::views::{Sent, Views};

/// Arguments of `svgate outbox`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct OutboxArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: OutboxAction,
}

/// What to do with the outbox.
#[derive(Clone, Debug, Subcommand)]
pub enum OutboxAction {
    /// List messages that wait for an SMSC, that will not be sent, or that were sent
    #[command(after_help = EXAMPLES)]
    List(ListArgs),
    /// Send a parked message after all
    #[command(after_help = EXAMPLES)]
    Retry(RetryArgs),
}

impl OutboxAction {
    /// What every action takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::List(args) => &args.common,
            Self::Retry(args) => &args.common,
        }
    }
}

/// Arguments of `svgate outbox list`.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// Only those that will not be sent
    #[arg(long)]
    pub parked: bool,
    /// Only those that an SMSC took and of which a receipt was asked for, with what it said
    #[arg(long, conflicts_with = "parked")]
    pub sent: bool,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate outbox retry`.
#[derive(Clone, Debug, Args)]
pub struct RetryArgs {
    /// The message, as `outbox list --parked` names it
    pub id: OutboxId,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Lists messages, or sends one again.
///
/// # Errors
///
/// [`Fault::NotFound`] for a message that is not parked.
pub async fn run<B: Books + Views>(
    action: &OutboxAction,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    match action {
        OutboxAction::List(args) if args.sent => sent(args, books, output).await,
        OutboxAction::List(args) => {
            if !args.parked {
                waiting(args, books, output).await?;
            }
            parked(args, books, output).await
        }
        OutboxAction::Retry(args) => {
            done(books.submit(Member::OutboxRetry(args.id)).await?)?;
            if args.common.json {
                writeln!(output, "{}", json!({ "id": args.id.0, "parked": null }))?;
            } else {
                writeln!(output, "{} goes out again, as a new message", args.id)?;
            }
            Ok(())
        }
    }
}

async fn waiting<B: Books>(
    args: &ListArgs,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let mut after = OutboxId(0);
    loop {
        let rows = books.outbox_after(after, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.id;
        for row in &rows {
            print(args, row, None, output)?;
        }
    }
}

async fn parked<B: Views>(args: &ListArgs, books: &B, output: &mut dyn Write) -> Result<(), Fault> {
    let mut after = OutboxId(0);
    loop {
        let rows = books.parked(after, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.row.id;
        for parked in &rows {
            print(args, &parked.row, Some(&parked.cause), output)?;
        }
    }
}

async fn sent<B: Views>(args: &ListArgs, books: &B, output: &mut dyn Write) -> Result<(), Fault> {
    let mut after = OutboxId(0);
    loop {
        let rows = books.sent(after, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.id;
        for Sent { id, row } in &rows {
            let purchase = row.purchase.map(|purchase| purchase.0);
            if args.common.json {
                let line = json!({
                    "id": id.0, "purchase": purchase, "smsc": row.smsc, "to": row.to.to_string(),
                    "message_id": row.message_id, "taken": utc(row.at), "receipt": row.state,
                });
                writeln!(output, "{line}")?;
            } else {
                let purchase = purchase.map_or_else(|| "-".to_owned(), |id| id.to_string());
                let (smsc, to, taken) = (&row.smsc, row.to, utc(row.at));
                let receipt = row.state.as_deref().unwrap_or("no receipt yet");
                writeln!(
                    output,
                    "{id} purchase {purchase} by {smsc} to {to} taken {taken} {receipt}"
                )?;
            }
        }
    }
}

fn print(
    args: &ListArgs,
    row: &OutboxRow,
    parked: Option<&str>,
    output: &mut dyn Write,
) -> std::io::Result<()> {
    let purchase = row.purchase.map(|purchase| purchase.0);
    if args.common.json {
        let line = json!({
            "id": row.id.0, "purchase": purchase, "smsc": row.smsc, "from": row.from,
            "to": row.to.to_string(), "octets": row.message.user_data.len(),
            "created": utc(row.created), "expires": utc(row.expires), "parked": parked,
        });
        return writeln!(output, "{line}");
    }
    let purchase = purchase.map_or_else(|| "-".to_owned(), |purchase| purchase.to_string());
    let (id, smsc, to, created) = (row.id, &row.smsc, row.to, utc(row.created));
    let state = parked.map_or_else(|| "waits".to_owned(), |cause| format!("parked: {cause}"));
    writeln!(
        output,
        "{id} purchase {purchase} by {smsc} to {to} of {created} {state}"
    )
}

const EXAMPLES: &str = "\
Examples:
  svgate outbox list --parked
  svgate outbox list --sent --json
  svgate outbox retry 7311402983424001 --json

A message that is sent again has a new id, and a new counter if it is sealed. It is parked when the SMSC refuses it for good, or when its time is over. Its text is not
shown, and of numbers the last three digits.
Exit status: 0 ok, 4 no such parked message, 5 it is sealed for a card that the number no longer has.";
