//! `svgate keys`: the keys that every SIM's orders are proved by, from the making of the master on.

pub mod check;
pub mod import;
pub mod init;
pub mod issue;
pub mod log;
pub mod master_file;
pub mod operators;
pub mod rotate;
pub mod sealing;
mod secret_file;

use std::io::Write;

use clap::{Args, Subcommand};

use crate::commands::site::{Fault, Site};

pub use master_file::{MasterFileError, load_master};

/// Arguments of `svgate keys`.
#[derive(Clone, Debug, Args)]
#[command(after_help = init::EXAMPLES)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: KeysAction,
}

/// What to do with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysAction {
    /// Make a new master key: a file, or in the token.
    #[command(after_help = init::EXAMPLES)]
    Init(init::InitArgs),
    /// Check the keys' source and every algorithm that keys meet
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArgs),
    /// Give cards new keys over the air, or list those that have not used them yet
    #[command(after_help = rotate::EXAMPLES)]
    Rotate(rotate::RotateArgs),
    /// Import keys of cards from a vendor's file
    #[command(after_help = import::EXAMPLES)]
    Import(import::ImportArgs),
    /// Write personalisation scripts of new cards
    #[command(after_help = issue::EXAMPLES)]
    Issue(issue::IssueArgs),
    /// Make an operator's secret
    #[command(after_help = operators::EXAMPLES)]
    Operator(operators::OperatorArgs),
    /// Show what was done with keys, and by whom
    #[command(after_help = log::EXAMPLES)]
    Log(log::LogArgs),
}

/// Runs `svgate keys` and returns its exit status, which each action explains.
///
/// # Errors
///
/// What the action says, or why there are no books.
pub fn run(args: &KeysArgs, output: &mut dyn Write, err: &mut dyn Write) -> Result<u8, Fault> {
    match &args.action {
        KeysAction::Init(args) => init::run(args, output, err),
        KeysAction::Check(args) => check::run(args, output),
        KeysAction::Rotate(args) => {
            let site = Site::load(&args.common.config)?;
            site.on_books(async |_, books| rotate::run(args, &books, output).await.map(|()| 0))
        }
        KeysAction::Issue(args) => {
            Site::load(&args.common.config)?.on_books(async |site, books| {
                issue::run(args, &site, &books, output).await.map(|()| 0)
            })
        }
        KeysAction::Operator(args) => operators::run(args, output).map(|()| 0),
        KeysAction::Import(args) => {
            Site::load(&args.common.config)?.on_books(async |site, books| {
                import::run(args, &site, &books, output).await.map(|()| 0)
            })
        }
        KeysAction::Log(args) => {
            let site = Site::load(&args.common.config)?;
            site.on_books(async |_, books| log::run(args, &books, output).await.map(|()| 0))
        }
    }
}
