//! `svgate check-config`: everything that is wrong in a configuration, each with its line.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::commands::Streams;
use crate::commands::keys::load_master;
use crate::commands::secrecy::before_keys;
use crate::commands::site;
use crate::config::faults::{Fault, Faults};
use crate::config::{Config, ConfigError};
use crate::token::{Tries, look_without_pin};

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
/// [`site::Fault::Usage`] when there is no such file; [`site::Fault::Refused`] when anything is wrong with it.
pub fn run(args: &CheckConfigArgs, streams: &mut Streams<'_>) -> Result<(), site::Fault> {
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
        return Err(site::Fault::Refused(format!("{file} has {count} {errors}")));
    }
    if !args.json {
        writeln!(streams.output, "{} is right", args.file.display())?;
    }
    Ok(())
}

/// Errors and warnings, a line each.
fn found(args: &CheckConfigArgs) -> Result<(Vec<String>, Vec<String>), site::Fault> {
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
    let mut warnings = config.warnings();
    keys(&config, &mut faults, &mut warnings);
    let mut faults: Vec<String> = lines(Faults(faults));
    if let Err(error) = config.texts() {
        faults.extend(error.to_string().lines().map(str::to_owned));
    }
    if let Err(error) = config.ussd() {
        faults.extend(error.to_string().lines().map(str::to_owned));
    }
    Ok((faults, lines(Faults(warnings))))
}

/// What is wrong with the source of keys. A token is given no PIN: tries are counted.
fn keys(config: &Config, faults: &mut Vec<Fault>, warnings: &mut Vec<Fault>) {
    let mut found = |key: &str, problem: String| faults.push(config.fault("keys", key, problem));
    if let Err(error) = before_keys(config.keys.allow_software_aes) {
        found("allow_software_aes", error.to_string());
    }
    let Some(token) = &config.keys.token else {
        if let Err(error) = load_master(&config.keys.master_file) {
            found("master_file", error.to_string());
        }
        return;
    };
    match look_without_pin(token) {
        Err(error) => {
            // The line has the name of the key in front already.
            let said = error.to_string();
            let problem = said.strip_prefix("[keys.token] ");
            let problem = problem.and_then(|said| said.split_once(": "));
            let problem = problem.map_or(said.as_str(), |(_, problem)| problem);
            found(error.key(), problem.to_owned());
        }
        Ok(Tries::Unknown) => {}
        Ok(tries) => {
            let problem = format!(
                "{tries}: `svgate serve` does not try the PIN by itself then; see that it is right, and \
                 try it by `svgate keys check`"
            );
            warnings.push(config.fault("keys", "token.pin_file", problem));
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  svgate check-config /etc/svgate/svgate.toml
  svgate check-config svgate.toml --json

Exit status: 0 right (warnings or not), 2 the file can't be read, 3 there are errors.";
