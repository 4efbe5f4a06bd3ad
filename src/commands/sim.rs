//! `svgate sim`: a subscriber's card from afar: what is known of it, its PIN, its menu and its texts.
//!
//! ```text
//! command ─► the writer seals it under the card's next counter ─► outbox ─► `serve` ─► SMSC ─► card
//! ```
//! A card answers no command. What was lost on the way is sent by running the command again: the card
//! does it once more, which changes nothing but its counter.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;

use crate::commands::Common;
use crate::commands::sim::sending::{Cards, Ends, each};
use crate::commands::site::{Fault, Site};
use crate::commands::who;
use crate::dialogue::card_command::{CardCommand, MenuText, ServiceAddress};
use crate::dialogue::secured_reply::ShownText;
use crate::domain::pin::Pin;
use crate::gateway::books::Books;
use crate::gateway::member::{CardOrder, Member, Rotation};
use crate::gateway::views::{CardsWanted, Views};
use crate::sms::gsm7;

pub mod sending;
mod status;

/// Arguments of `svgate sim`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SimArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: SimAction,
}

/// What to do with cards.
#[derive(Clone, Debug, Subcommand)]
pub enum SimAction {
    /// Show a card, its keys and counters, and what is under way to it
    #[command(after_help = EXAMPLES)]
    Status(StatusArgs),
    /// Give the PIN of a card its tries back, or a new PIN where it is forgotten
    #[command(after_help = EXAMPLES)]
    Unblock(UnblockArgs),
    /// Take the menu away from a card
    #[command(after_help = EXAMPLES)]
    Lock(TargetArgs),
    /// Give it back
    #[command(after_help = EXAMPLES)]
    Unlock(TargetArgs),
    /// Change a text of the menu
    #[command(after_help = EXAMPLES)]
    Text(TextArgs),
    /// Change the number that cards send their orders to
    #[command(after_help = EXAMPLES)]
    Service(ServiceArgs),
    /// Give a card whose counters are in doubt new keys, under which they begin anew
    #[command(after_help = EXAMPLES)]
    Resync(ResyncArgs),
}

impl SimAction {
    /// What every action takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Status(args) => &args.common,
            Self::Unblock(args) => &args.common,
            Self::Lock(args) | Self::Unlock(args) => &args.common,
            Self::Text(args) => &args.common,
            Self::Service(args) => &args.common,
            Self::Resync(args) => &args.common,
        }
    }
}

/// Arguments of `svgate sim status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// The account, as the file of subscribers names it
    pub account: String,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate sim unblock`.
#[derive(Clone, Debug, Args)]
pub struct UnblockArgs {
    /// The account, as the file of subscribers names it
    pub account: String,
    /// File with a new PIN in one line, 4 to 8 digits, mode 0600; without it the old one stays
    #[arg(long, value_name = "FILE")]
    pub new_pin_file: Option<PathBuf>,
    /// Who does it
    #[arg(long, value_parser = who::name)]
    pub who: String,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate sim resync`.
#[derive(Clone, Debug, Args)]
pub struct ResyncArgs {
    /// The account, as the file of subscribers names it
    pub account: String,
    /// Who does it
    #[arg(long, value_parser = who::name)]
    pub who: String,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// One account, or all that have a card.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// The account, as the file of subscribers names it
    pub account: Option<String>,
    /// Every account that has a card
    #[arg(long)]
    pub all: bool,
}

/// Arguments of `svgate sim lock` and `unlock`.
#[derive(Clone, Debug, Args)]
pub struct TargetArgs {
    /// Whose cards.
    #[command(flatten)]
    pub target: Target,
    /// Who does it
    #[arg(long, value_parser = who::name)]
    pub who: String,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate sim text`.
#[derive(Clone, Debug, Args)]
pub struct TextArgs {
    /// Whose cards.
    #[command(flatten)]
    pub target: Target,
    /// The card's language, 0 to 3
    #[arg(long)]
    pub language: u8,
    /// Which of its texts, 0 to 31
    #[arg(long)]
    pub number: u8,
    /// The words: 31 characters of the GSM alphabet, or 15 of others
    #[arg(long)]
    pub text: String,
    /// Write it in UCS2 although the GSM alphabet has it all: for a language that is personalised so
    #[arg(long)]
    pub ucs2: bool,
    /// Who does it
    #[arg(long, value_parser = who::name)]
    pub who: String,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate sim service`.
#[derive(Clone, Debug, Args)]
pub struct ServiceArgs {
    /// Whose cards.
    #[command(flatten)]
    pub target: Target,
    /// The number: a short code, or an international one with + in front
    #[arg(long)]
    pub number: String,
    /// Who does it
    #[arg(long, value_parser = who::name)]
    pub who: String,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Shows a card, or sends it a command.
///
/// # Errors
///
/// [`Fault::NotFound`] for an account that there is not, [`Fault::Refused`] for what
/// can't be sent, each with its reason.
pub async fn run<B: Books + Views>(
    action: &SimAction,
    site: &Site,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let all = Target {
        account: None,
        all: true,
    };
    let one = |account: &String| Target {
        account: Some(account.clone()),
        ..all.clone()
    };
    let (target, command, who) = match action {
        SimAction::Status(args) => return status::show(args, site.now, books, output).await,
        SimAction::Resync(args) => return resync(args, books, output).await,
        SimAction::Unblock(args) => {
            let pin = args.new_pin_file.as_deref().map(pin_of).transpose()?;
            (one(&args.account), CardCommand::UnblockPin(pin), &args.who)
        }
        SimAction::Lock(args) => (args.target.clone(), CardCommand::Lock, &args.who),
        SimAction::Unlock(args) => (args.target.clone(), CardCommand::Unlock, &args.who),
        SimAction::Text(args) => (args.target.clone(), text_of(args)?, &args.who),
        SimAction::Service(args) => {
            let number: ServiceAddress = args
                .number
                .parse()
                .map_err(|error| Fault::Usage(format!("--number: {error}")))?;
            (args.target.clone(), CardCommand::Service(number), &args.who)
        }
    };
    let cards = match &target.account {
        Some(account) => Cards::Of(account.as_str().into()),
        None => Cards::All(CardsWanted::default()),
    };
    let order = |accounts| {
        Member::CardOrder(Box::new(CardOrder {
            accounts,
            command: command.clone(),
            who: who.as_str().into(),
        }))
    };
    let ends = each(books, &cards, u64::MAX, order).await?;
    told(&ends, command.name(), action.common().json, output)?;
    ends.check(&cards)
}

/// Says how many cards a command goes to; whoever was refused is named by [`Ends::check`].
fn told(ends: &Ends, command: &str, json: bool, output: &mut dyn Write) -> Result<(), Fault> {
    let sent = ends.sent.len();
    if json {
        let line = json!({"command": command, "sent": sent, "refused": ends.refused.len()});
        writeln!(output, "{line}")?;
    } else if sent > 0 {
        writeln!(output, "{command}: on its way to {sent} card(s)")?;
    }
    Ok(())
}

/// Counters are never set back: what is below them may have been used. New keys begin at 0.
async fn resync<B: Books + Views>(
    args: &ResyncArgs,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let view = status::view_of(&args.account, books).await?;
    if view.books.awaits_files() {
        return Err(Fault::Conflict(
            "the delivered files of these restored books are not read back yet, so new keys would \
             begin above what may be forgotten: run `svgate export adopt DIR` first"
                .to_owned(),
        ));
    }
    let account: Arc<str> = args.account.as_str().into();
    let card = Cards::Of(Arc::clone(&account));
    let rotate = |accounts| {
        Member::Rotate(Rotation {
            accounts,
            to: None,
            who: args.who.as_str().into(),
        })
    };
    let ends = each(books, &card, 1, rotate).await?;
    let version = ends.sent.first().map(|(_, version)| *version);
    ends.check(&card)?;
    if args.common.json {
        writeln!(
            output,
            "{}",
            json!({"account": account, "key_version": version})
        )?;
    } else {
        let version = version.unwrap_or_default();
        writeln!(
            output,
            "keys of version {version} are on their way to the card of {account}: its counters begin \
             anew with its first order under them"
        )?;
    }
    Ok(())
}

fn text_of(args: &TextArgs) -> Result<CardCommand, Fault> {
    let unpacked = |text: &str| {
        let septets = gsm7::encode(text, gsm7::Tables::default()).ok();
        septets.filter(|_| !args.ucs2)
    };
    let text = ShownText::new(&args.text, unpacked);
    let text = MenuText::new(args.language, args.number, text);
    text.map(CardCommand::Text)
        .map_err(|error| Fault::Usage(error.to_string()))
}

/// Reads a PIN that nobody but the file's owner could have read.
fn pin_of(file: &Path) -> Result<Pin, Fault> {
    let fault = |why: &str| Fault::Usage(format!("--new-pin-file {}: {why}", file.display()));
    let opened = std::fs::File::open(file).map_err(|error| fault(&error.to_string()))?;
    if opened.metadata()?.permissions().mode() & OTHERS != 0 {
        return Err(fault(
            "others than its owner can open it; run `chmod 600` on it",
        ));
    }
    let mut text = Zeroizing::new(String::with_capacity(PIN_FILE_MAX));
    let limit = u64::try_from(PIN_FILE_MAX).unwrap_or(u64::MAX);
    opened.take(limit).read_to_string(&mut text)?;
    text.trim_end()
        .parse()
        .map_err(|_| fault("its one line must be a PIN of 4 to 8 digits"))
}

/// Group and others.
const OTHERS: u32 = 0o077;
/// More than a PIN and a line end.
const PIN_FILE_MAX: usize = 32;
const EXAMPLES: &str = "\
Examples:
  svgate sim status A1001 --json
  svgate sim unblock A1001 --who j.smith
  svgate sim unblock A1001 --new-pin-file pin.txt --who j.smith
  svgate sim lock A1001 --who j.smith
  svgate sim text --all --language 0 --number 18 --text 'Pay now?' --who j.smith
  svgate sim service --all --number 779 --who j.smith
  svgate sim resync A1001 --who j.smith

Each sends a sealed message, which `svgate outbox list` shows until an SMSC takes it, and none of which is
answered by the card. The same again sends another: a card does it again, which changes nothing more. Every
command but status is written down with who gave it.
Exit status: 0 ok, 2 usage, 3 it can't be sent, 4 no such account, 5 read the delivered files back first.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_comes_from_a_file_that_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pin");
        std::fs::write(&file, "55555\n").unwrap();
        let mode = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(0o644);
        assert!(pin_of(&file).unwrap_err().to_string().contains("chmod 600"));
        mode(0o600);
        assert_eq!(pin_of(&file).unwrap().expose_digits(), "55555");
        std::fs::write(&file, "555\n").unwrap();
        assert!(matches!(pin_of(&file), Err(Fault::Usage(_))));
    }
}
