//! `svgate store backup | restored | copy`: the books as a whole, away from where they are and back.

use std::io::Write;

use clap::{Args, Subcommand};

use crate::commands::site::{Fault, Site};

pub mod backup;
pub mod copy;
pub mod restored;

/// Arguments of `svgate store`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: StoreAction,
}

/// What to do with the books as a whole.
#[derive(Clone, Debug, Subcommand)]
pub enum StoreAction {
    /// Copy the books, beside a gateway that goes on, and check the copy
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::BackupArgs),
    /// Declare that the books were restored from a backup: their next epoch begins
    #[command(after_help = restored::EXAMPLES)]
    Restored(restored::RestoredArgs),
    /// Copy every table to an empty database, and compare before it stands
    #[command(after_help = copy::EXAMPLES)]
    Copy(Box<copy::CopyArgs>),
}

/// Backs up, declares a restore, or copies.
///
/// # Errors
///
/// As [`backup::run`], [`restored::run`] and [`copy::run`].
pub fn run(action: &StoreAction, output: &mut dyn Write, err: &mut dyn Write) -> Result<(), Fault> {
    match action {
        StoreAction::Backup(args) => backup::run(args, Site::load(&args.common.config)?, output),
        StoreAction::Restored(args) => {
            restored::run(args, &Site::load(&args.common.config)?, output)
        }
        StoreAction::Copy(args) => copy::run(args, output, err),
    }
}

const EXAMPLES: &str = "\
Examples:
  svgate store backup --to /backup/svgate-2026-11-25.db
  svgate store restored --reason 'disk of node 0 lost, backup of 25 November 03:00'
  svgate store copy --help";
