//! `svgate serve`: runs the gateway until it is asked to stop.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::commands::key_source::{OpenedKeys, lock_keys, open_keys};
use crate::config::Config;
use crate::config::places::LogFormat;
use crate::http::Surroundings;
use crate::serve::{Gateway, ServeError, Signals};
use crate::telemetry;
use crate::telemetry::clock::{clock, stopwatch};

/// Arguments of `svgate serve`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// The configuration; `svgate check-config` tells what is wrong with it
    #[arg(long, value_name = "FILE", default_value = "/etc/svgate/svgate.toml")]
    pub config: PathBuf,
    /// Write the log as JSON, one object a line, whatever the configuration says
    #[arg(long)]
    pub json: bool,
}

/// Runs the gateway. SIGTERM or SIGINT ends it in order, the second one at once.
///
/// Returns the exit status: 0 when it was stopped, 1 when it could not start or had to end.
pub fn run(args: &ServeArgs, err: &mut dyn Write) -> u8 {
    match serve(args) {
        Ok(()) => 0,
        Err(fault) => {
            // Who reads nothing any more can't be told.
            let _ = writeln!(err, "svgate serve: {fault}");
            1
        }
    }
}

fn serve(args: &ServeArgs) -> Result<(), String> {
    let mut config = Config::load(&args.config).map_err(|error| error.to_string())?;
    if args.json {
        config.log.format = LogFormat::Json;
    }
    telemetry::start_log(&config.log).map_err(|error| error.to_string())?;
    let OpenedKeys { source, token } = open_keys(&config).map_err(|error| error.to_string())?;
    let context = config.context(source).map_err(|error| error.to_string())?;
    lock_keys();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let served = runtime.block_on(async {
        let signals = Signals::new().map_err(ServeError::System)?;
        let surroundings = surroundings();
        let gateway = Gateway::open(config, Arc::new(context), surroundings).await?;
        gateway.with_token(token).run(signals).await
    });
    // What a second signal left behind is not waited for.
    runtime.shutdown_background();
    served.map_err(|error| with_causes(&error))
}

/// Time and chance of this machine.
fn surroundings() -> Surroundings {
    Surroundings {
        now: Arc::new(clock),
        elapsed_us: stopwatch(),
        random: Arc::new(|| {
            let mut octets = [0; 32];
            getrandom::fill(&mut octets).ok().map(|()| octets)
        }),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        // Some errors quote their cause already.
        if !text.ends_with(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = error.source();
    }
    text
}

const EXAMPLES: &str = "Examples:
  svgate serve --config /etc/svgate/svgate.toml
  svgate check-config /etc/svgate/svgate.toml && svgate serve --config /etc/svgate/svgate.toml
  svgate serve --json 2>> /var/log/svgate.jsonl

Exit status: 0 stopped by SIGTERM or SIGINT, 1 it could not start or had to end, 2 usage.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_fails_says_what_and_where() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("missing.toml");
        let mut said = Vec::new();
        let args = ServeArgs { config, json: true };
        assert_eq!(run(&args, &mut said), 1);
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("missing.toml"), "{said}");
    }
}
