//! `svgate keys`: the keys that every SIM's orders are proved by, from the making of the master on.

pub mod init;
pub mod master_file;

use std::io::Write;

use clap::{Args, Subcommand};

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
    /// Make a new master key file.
    #[command(after_help = init::EXAMPLES)]
    Init(init::InitArgs),
}

/// Runs `svgate keys` and returns its exit status, which each action explains.
pub fn run(args: &KeysArgs, output: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match &args.action {
        KeysAction::Init(args) => init::run(args, output, err),
    }
}
