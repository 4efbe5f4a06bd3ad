//! `svgate check-config`: everything that is wrong in a configuration, each with its line.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::commands::Streams;
use crate::commands::keys::load_master;
use crate::commands::site::Fault;
use crate::config::faults::Faults;
use crate::config::{Config, ConfigError};

/// Arguments of `svgate check-config`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckConfigArgs {
    /// The configuration
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Checks the file, and the files that it names.
///
/// # Errors
///
/// [`Fault::Usage`] when there is no such file; [`Fault::Refused`] when anything is wrong with it.
pub fn run(args: &CheckConfigArgs, streams: &mut Streams<'_>) -> Result<(), Fault> {
    let (faults, warnings) = found(args)?;
    if args.json {
        let line = json!({ "ok": faults.is_empty(), "errors": faults, "warnings": warnings });
        writeln!(streams.output, "{line}")?;
    } else {
        for line in &faults {
            writeln!(streams.err, "{line}")?;
        }
        for line in &warnings {
            writeln!(streams.err, "warning: {line}")?;
        }
    }
    if !faults.is_empty() {
        let (file, count) = (args.file.display(), faults.len());
        let errors = if count == 1 { "error" } else { "errors" };
        return Err(Fault::Refused(format!("{file} has {count} {errors}")));
    }
    if !args.json {
        writeln!(streams.output, "{} is right", args.file.display())?;
    }
    Ok(())
}

/// Errors and warnings, a line each.
fn found(args: &CheckConfigArgs) -> Result<(Vec<String>, Vec<String>), Fault> {
    let lines = |mut faults: Faults| {
        faults.0.sort_by_key(|fault| fault.line);
        faults.0.iter().map(ToString::to_string).collect()
    };
    let config = match Config::load(&args.file) {
        Ok(config) => config,
        Err(ConfigError::Faults(faults)) => return Ok((lines(faults), Vec::new())),
        Err(
            error @ (ConfigError::Unreadable { .. } | ConfigError::Texts(_) | ConfigError::Ussd(_)),
        ) => {
            return Err(error.into());
        }
    };
    let mut faults = config.file_faults();
    if let Err(error) = load_master(&config.keys.master_file) {
        faults.push(config.fault("keys", "master_file", error.to_string()));
    }
    let mut faults: Vec<String> = lines(Faults(faults));
    if let Err(error) = config.texts() {
        faults.extend(error.to_string().lines().map(str::to_owned));
    }
    if let Err(error) = config.ussd() {
        faults.extend(error.to_string().lines().map(str::to_owned));
    }
    Ok((faults, lines(Faults(config.warnings()))))
}

const EXAMPLES: &str = "\
Examples:
  svgate check-config /etc/svgate/svgate.toml
  svgate check-config svgate.toml --json

Exit status: 0 right (warnings or not), 2 the file can't be read, 3 there are errors.";
