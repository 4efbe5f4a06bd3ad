//! `svgate demo`: a gateway and the whole world around it, on one machine, in half a minute.
//!
//! ```text
//! phones + SIMs ──► simulated SMSC ──SMPP──► svgate serve (a child) ◄──HTTP── machines, kiosks
//!        └─────────── what everybody was told ───────────┐   │ killed once, and started again
//! export run ─► verify ─► reconcile ─► the books ──► verdict ─► one screen, or one JSON object
//! ```
//! Everything is provisioned and checked by the commands that an operator runs. The exit status is
//! 0 only when everything reconciles and every expectation of the demo itself was met.

mod books;
mod card_owner;
mod cast;
mod closing;
mod crowd;
mod frame;
mod gateway;
mod phone;
mod plan;
mod play;
mod provision;
mod screen;
mod stage;
mod verdict;

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use clap::Args;

use self::cast::Sizes;
use self::gateway::Program;
use self::screen::Summary;
use crate::telemetry::clock::clock;

/// Arguments of `svgate demo`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Orders that the phones place
    #[arg(long, value_name = "N", default_value_t = PURCHASES,
          value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    pub purchases: u32,
    /// Subscribers, each with a phone and a SIM
    #[arg(long, value_name = "N", default_value_t = PHONES,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub phones: u32,
    /// Vending machines and kiosks
    #[arg(long, value_name = "N", default_value_t = MACHINES,
          value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub machines: u32,
    /// Folder for books, keys, files and log: new or empty [default: a new one for temporary files]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// From which who buys what, and every fault, is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// One of the phones has the card that listens there; the demo says how to start it, and waits
    #[arg(long, value_name = "HOST:PORT")]
    pub card: Option<String>,
    /// Print one JSON object in place of the screen
    #[arg(long)]
    pub json: bool,
}

/// Runs the demo and returns its exit status: 0 when everything reconciles, 2 when the folder is in
/// use, 1 for anything else.
pub fn run(args: &DemoArgs, output: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let folder = args.data.clone().unwrap_or_else(|| {
        let name = format!("svgate-demo-{}-{}", std::process::id(), clock().0);
        std::env::temp_dir().join(name)
    });
    let played = provision::fresh_folder(&folder)
        .and_then(|()| Ok(std::path::absolute(&folder)?))
        .and_then(|folder| played(args, &folder, err));
    let summary = match played {
        Ok(summary) => summary,
        Err(trouble) => {
            let tail = match (&trouble, Program::this(&folder)) {
                (Trouble::NotEmpty(_) | Trouble::Interrupted, _) | (_, Err(_)) => String::new(),
                (_, Ok(program)) => program.last_lines(),
            };
            // Who reads nothing any more can't be told.
            let _ = writeln!(err, "svgate demo: {trouble}");
            if !tail.is_empty() {
                let log = folder.join("gateway.log");
                let _ = writeln!(err, "the end of {}:\n{tail}", log.display());
            }
            return trouble.status();
        }
    };
    let written = if args.json {
        writeln!(output, "{}", summary.json())
    } else {
        summary.show(output, io::stdout().is_terminal())
    };
    match written {
        Ok(()) if summary.is_good() => 0,
        Ok(()) | Err(_) => FAILURE,
    }
}

/// Plays the demo in a runtime of its own.
fn played(
    args: &DemoArgs,
    folder: &std::path::Path,
    err: &mut dyn Write,
) -> Result<Summary, Trouble> {
    let sizes = Sizes {
        purchases: args.purchases,
        phones: args.phones,
        machines: args.machines,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            played = play::play(sizes, args.seed, args.card.as_deref(), folder, err) => played,
            pressed = tokio::signal::ctrl_c() => Err(match pressed {
                Ok(()) => Trouble::Interrupted,
                Err(error) => error.into(),
            }),
        }
    })
}

/// Why there is no demo to show.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The folder is in use.
    #[error("{} is not empty; name a new folder with --data, or empty this one", .0.display())]
    NotEmpty(PathBuf),
    /// The system would not do something.
    #[error(transparent)]
    System(#[from] io::Error),
    /// No random octets.
    #[error("the system has no random octets: {0}")]
    Chance(String),
    /// A command that the demo needs did not work.
    #[error("svgate {0} failed: {1}")]
    Command(String, String),
    /// The gateway did not do its part.
    #[error("the gateway failed: {0}")]
    Gateway(String),
    /// Something of the demo's own is not what it must be.
    #[error("the demo is made wrong: {0}")]
    Part(String),
    /// There is no card.
    #[error("{0}; start it within a minute, as the demo says")]
    Card(String),
    /// Nothing moves any more.
    #[error("nothing moves any more: {0}")]
    Stuck(String),
    /// Somebody pressed ctrl-C.
    #[error("interrupted; the gateway was killed")]
    Interrupted,
}

impl Trouble {
    const fn status(&self) -> u8 {
        match self {
            Self::NotEmpty(_) => USAGE,
            Self::System(_)
            | Self::Chance(_)
            | Self::Command(..)
            | Self::Gateway(_)
            | Self::Part(_)
            | Self::Card(_)
            | Self::Stuck(_)
            | Self::Interrupted => FAILURE,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  svgate demo
  svgate demo --purchases 2000 --phones 100 --machines 12 --data ./demo
  svgate demo --json | tail -n 1
  svgate demo --card 127.0.0.1:35963       one phone has the card of sim-applet, in another terminal

The folder stays: look into it with
  svgate purchase list --state unknown --config DIR/svgate.toml
  svgate reconcile --config DIR/svgate.toml";
/// Some twenty seconds on two cores.
const PURCHASES: u32 = 15_000;
const PHONES: u32 = 400;
const MACHINES: u32 = 40;
const FAILURE: u8 = 1;
const USAGE: u8 = 2;
