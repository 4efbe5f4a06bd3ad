//! `svgate terminal token`: the credential with which a machine, kiosk or server polls.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;

use crate::commands::Common;
use crate::commands::site::{Fault, done};
use crate::domain::ids::TerminalId;
use crate::gateway::books::Books;
use crate::gateway::member::Member;
use crate::http::terminal_auth::{new_token, token_sha256};

/// Arguments of `svgate terminal`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TerminalArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: TerminalAction,
}

/// What to do with a terminal.
#[derive(Clone, Debug, Subcommand)]
pub enum TerminalAction {
    /// Make a new token and print it, once; the old one is worth nothing from then on
    #[command(after_help = EXAMPLES)]
    Token(TokenArgs),
}

impl TerminalAction {
    /// What every action takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        let Self::Token(args) = self;
        &args.common
    }
}

/// Arguments of `svgate terminal token`.
#[derive(Clone, Debug, Args)]
pub struct TokenArgs {
    /// The terminal, as its merchant's file names it
    pub terminal: TerminalId,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Makes a new token, stores its hash, and only then prints it.
///
/// # Errors
///
/// [`Fault::NotFound`] for a terminal that no merchant's file named.
pub async fn run<B: Books>(
    action: &TerminalAction,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let TerminalAction::Token(args) = action;
    let mut random = Zeroizing::new([0; 32]);
    let filled = getrandom::fill(random.as_mut_slice());
    filled.map_err(|error| Fault::Failure(format!("no random octets: {error}")))?;
    let token = new_token(&random);
    let member = Member::Token {
        terminal: args.terminal.clone(),
        token_sha256: token_sha256(&token),
    };
    done(books.submit(member).await?)?;
    if args.common.json {
        let line = json!({ "terminal": args.terminal.as_str(), "token": token.as_str() });
        writeln!(output, "{line}")?;
    } else {
        writeln!(output, "{}", token.as_str())?;
    }
    Ok(())
}

const EXAMPLES: &str = "\
Examples:
  svgate terminal token coffee-4711 > coffee-4711.token
  svgate terminal token coffee-4711 --json

The token is 256 random bits behind `svt_`; the books keep its SHA-256, so it can't be shown again.
Exit status: 0 ok, 4 no such terminal.";
