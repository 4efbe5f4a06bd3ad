//! The gateway under test: this very program as a child, started, killed without warning, stopped.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};

use super::Trouble;

/// This program, and the folder that it works in.
#[derive(Clone, Debug)]
pub(super) struct Program {
    executable: PathBuf,
    folder: PathBuf,
}

/// A running `svgate serve`. It is killed when this is dropped.
pub(super) struct Serving {
    child: Child,
}

/// What a command printed, and its exit status.
#[derive(Clone, Debug)]
pub(super) struct Ran {
    /// 0 when all is well.
    pub(super) status: i32,
    /// Standard output.
    pub(super) output: String,
    /// Standard error.
    pub(super) err: String,
}

impl Program {
    /// The program that runs now, for the demo in `folder`.
    pub(super) fn this(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            executable: std::env::current_exe()?,
            folder: folder.to_owned(),
        })
    }

    /// The configuration of the demo.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("svgate.toml")
    }

    /// Where the gateway's log goes.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("gateway.log")
    }

    /// Starts the gateway. Its log goes on where an earlier start ended.
    pub(super) fn serve(&self) -> io::Result<Serving> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())?;
        let child = Command::new(&self.executable)
            .arg("serve")
            .arg("--config")
            .arg(self.config())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Serving { child })
    }

    /// Runs one command to its end; `words` without `--config`, which is added.
    pub(super) async fn run(
        &self,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> io::Result<Ran> {
        self.run_bare(words, Some(self.config())).await
    }

    /// Runs one command that has no configuration.
    pub(super) async fn run_bare(
        &self,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
        config: Option<PathBuf>,
    ) -> io::Result<Ran> {
        let mut command = Command::new(&self.executable);
        command.args(words).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(config) = config {
            command.arg("--config").arg(config);
        }
        let ended = command.output().await?;
        Ok(Ran {
            status: ended.status.code().unwrap_or(-1),
            output: String::from_utf8_lossy(&ended.stdout).into_owned(),
            err: String::from_utf8_lossy(&ended.stderr).into_owned(),
        })
    }

    /// The last lines of the gateway's log, for when something went wrong.
    pub(super) fn last_lines(&self) -> String {
        let tail = || -> io::Result<Vec<u8>> {
            let mut file = File::open(self.log())?;
            let octets = file.metadata()?.len();
            file.seek(SeekFrom::Start(octets.saturating_sub(TAIL_OCTETS)))?;
            let mut tail = Vec::new();
            file.read_to_end(&mut tail)?;
            Ok(tail)
        };
        let tail = tail().unwrap_or_default();
        let text = String::from_utf8_lossy(&tail);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

impl Serving {
    /// Kills it as a power cut does: nothing is written, flushed or said any more.
    pub(super) async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Whether it has ended by itself, and how.
    pub(super) fn ended(&mut self) -> Option<String> {
        let ended = self.child.try_wait().ok().flatten();
        ended.map(|status| status.to_string())
    }

    /// Asks it to stop, as a service manager does, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), Trouble> {
        if let Some(id) = self.child.id() {
            let asked = Command::new("sh")
                .arg("-c")
                .arg(format!("kill -TERM {id}"))
                .status();
            asked.await?;
        }
        match tokio::time::timeout(STOPPED_WITHIN, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Trouble::Gateway(format!("it stopped with {status}"))),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Trouble::Gateway(format!(
                "it did not stop within {} s",
                STOPPED_WITHIN.as_secs()
            ))),
        }
    }
}

impl Ran {
    /// The one JSON object that the command printed last.
    pub(super) fn json(&self) -> Option<Value> {
        let last = self.output.lines().next_back()?;
        serde_json::from_str(last).ok()
    }

    /// What was said, for a person.
    pub(super) fn said(&self) -> &str {
        let err = self.err.trim();
        if err.is_empty() {
            self.output.trim()
        } else {
            err
        }
    }
}

/// Enough to see why a gateway ended.
const TAIL_LINES: usize = 15;
const TAIL_OCTETS: u64 = 16 * 1024;
const STOPPED_WITHIN: Duration = Duration::from_secs(20);
