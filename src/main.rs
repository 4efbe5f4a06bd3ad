//! The `svgate` program: parses arguments, calls one command, maps its end to an exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use svgate::commands::pipe::Pipe;
use svgate::commands::{self, Cli, Streams};

fn main() -> anyhow::Result<ExitCode> {
    // clap prints help and ends with 0, or tells what is wrong and ends with 2.
    let cli = Cli::parse();
    let mut output = io::BufWriter::new(Pipe::new(io::stdout()));
    let (mut input, mut err) = (io::stdin(), io::stderr());
    let mut streams = Streams {
        input: &mut input,
        output: &mut output,
        err: &mut err,
    };
    let status = commands::run(&cli, &mut streams);
    output.flush().context("standard output")?;
    Ok(ExitCode::from(status))
}
