//! `svgate migrate`: brings the schema of the books up, as every opening does.

use std::io::Write;

use clap::Args;
use serde_json::json;

use crate::commands::Common;
use crate::commands::site::{Fault, Site};
use crate::gateway::views::Views;

/// Arguments of `svgate migrate`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MigrateArgs {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Tells the version that opening the books brought them to.
///
/// # Errors
///
/// [`Fault::Failure`] when the books or the output fail.
pub async fn run<B: Views>(
    args: &MigrateArgs,
    site: &Site,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let version = books.schema().await?;
    let path = site.config.store.shown();
    if args.common.json {
        let line = json!({ "store": path, "schema": version });
        writeln!(output, "{line}")?;
    } else {
        writeln!(output, "{path} has schema version {version}")?;
    }
    Ok(())
}

const EXAMPLES: &str = "\
Examples:
  svgate migrate --config /etc/svgate/svgate.toml

A schema that is newer than this program is refused: exit status 1.";
