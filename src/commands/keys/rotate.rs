//! `svgate keys rotate`: gives cards new keys over the air, and shows who has not used them yet.
//!
//! ```text
//! rotate ─► sealed under the keys in use ─► card ─► its first order under the new keys: cut-over
//!      └── `serve` sends them again each [keys] rekey_repeat_h, rekey_times in all, then a notice
//! ```

use std::io::Write;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::commands::Common;
use crate::commands::sim::sending::{Cards, each};
use crate::commands::site::{Fault, PAGE, utc};
use crate::commands::who;
use crate::domain::ids::SubscriberId;
use crate::gateway::books::Books;
use crate::gateway::member::{Member, Rotation};
use crate::gateway::views::{CardsWanted, Views};

/// Arguments of `svgate keys rotate`.
#[derive(Clone, Debug, Args)]
pub struct RotateArgs {
    /// Whose cards.
    #[command(flatten)]
    pub whose: Whose,
    /// Their version, above every one that the card may know; the next unless named
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u8).range(2..))]
    pub to: Option<u8>,
    /// Cards at most, the longest known first
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub limit: u64,
    /// Who does it
    #[arg(long, value_parser = who::name, required_unless_present = "status")]
    pub who: Option<String>,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Whose cards get new keys.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// That of this account
    #[arg(long)]
    pub account: Option<String>,
    /// This card, by the digits of its ICCID
    #[arg(long)]
    pub iccid: Option<String>,
    /// Those of a class of subscribers; with --to
    #[arg(long, requires = "to")]
    pub class: Option<String>,
    /// All of them; with --to
    #[arg(long, requires = "to")]
    pub all: bool,
    /// None: list the cards that were sent keys and have not used them
    #[arg(long)]
    pub status: bool,
}

/// Sends keys, or lists whose are on their way.
///
/// # Errors
///
/// [`Fault::NotFound`] when there is no such card, [`Fault::Refused`] and [`Fault::Conflict`] for
/// cards that can't be sent any, each with its reason.
pub async fn run<B: Books + Views>(
    args: &RotateArgs,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    if args.whose.status {
        return status(args, books, output).await;
    }
    let Whose {
        account,
        iccid,
        class,
        ..
    } = &args.whose;
    let shared = |text: &Option<String>| text.as_deref().map(Arc::from);
    let cards = match account {
        Some(account) => Cards::Of(account.as_str().into()),
        None => Cards::All(CardsWanted {
            iccid: shared(iccid),
            class: shared(class),
            // Who has them, or is sent some, is passed over: the next run goes on from there.
            below: args.to.filter(|_| iccid.is_none()),
        }),
    };
    let is_one = account.is_some() || iccid.is_some();
    let who: Arc<str> = args.who.as_deref().unwrap_or_default().into();
    let rotate = |accounts| {
        Member::Rotate(Rotation {
            accounts,
            to: args.to,
            who: Arc::clone(&who),
        })
    };
    let ends = each(books, &cards, args.limit, rotate).await?;
    if args.common.json {
        for (account, version) in &ends.sent {
            let line = json!({"account": account, "key_version": version});
            writeln!(output, "{line}")?;
        }
    } else if let [(account, version)] = ends.sent.as_slice() {
        writeln!(
            output,
            "keys of version {version} are on their way to the card of {account}"
        )?;
    } else if !ends.sent.is_empty() {
        writeln!(output, "keys are on their way to {} cards", ends.sent.len())?;
    }
    if !is_one && ends.sent.is_empty() && ends.refused.is_empty() {
        if !args.common.json {
            writeln!(output, "no card is left that has no such keys")?;
        }
        return Ok(());
    }
    ends.check(&cards)
}

async fn status<B: Views>(
    args: &RotateArgs,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let (mut after, mut left) = (SubscriberId(0), args.limit);
    while left > 0 {
        let most = u32::try_from(left).unwrap_or(u32::MAX).min(PAGE);
        let lines = books.rekeys(after, most).await?;
        let Some(last) = lines.last() else { break };
        after = last.subscriber;
        left = left.saturating_sub(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        for line in &lines {
            let Some(pending) = &line.pending else {
                continue;
            };
            let (account, in_use) = (&line.reference, line.key_version);
            let (version, times) = (pending.version, pending.times);
            let (since, due) = (utc(pending.since), pending.due.map(utc));
            if args.common.json {
                let line = json!({
                    "account": account, "iccid": line.iccid, "key_version": in_use,
                    "pending": version, "since": since, "times": times, "due": due,
                });
                writeln!(output, "{line}")?;
            } else {
                let due = due.map_or("not sent again".to_owned(), |due| format!("again {due}"));
                writeln!(
                    output,
                    "{account} uses version {in_use}; {version} on its way since {since}, sent \
                     {times} time(s), {due}"
                )?;
            }
        }
    }
    Ok(())
}

/// Examples of `svgate keys rotate`.
pub const EXAMPLES: &str = "\
Examples:
  svgate keys rotate --account A1001 --who j.smith
  svgate keys rotate --class standard --to 2 --limit 5000 --who j.smith
  svgate keys rotate --status --json

The keys of the version are those that were imported for it (`svgate keys import`), else they are derived.
A card uses them from its next order on, and the first one
puts them in use here; orders under those before are taken for [keys] old_version_h more. The same command
again sends them once more, and with --class and --all goes on with the cards that are left.
Exit status: 0 ok, 2 usage, 3 refused, 4 no such card, 5 other keys are on their way to it.";
