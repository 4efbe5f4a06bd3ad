//! The keys of a phone in the terminal: lines of standard input, a PIN without an echo.

use std::io;
use std::process::{Command, Stdio};

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, Lines};
use zeroize::Zeroizing;

/// Lines from somewhere.
pub(super) struct Keyboard<R> {
    lines: Lines<R>,
    /// Whether somebody sees what is typed.
    is_terminal: bool,
    /// Held while a line is waited for that nobody shall see.
    unseen: Option<EchoOff>,
}

impl<R: AsyncBufRead + Unpin> Keyboard<R> {
    pub(super) fn new(input: R, is_terminal: bool) -> Self {
        Self {
            lines: input.lines(),
            is_terminal,
            unseen: None,
        }
    }

    /// Whether what is typed is seen as it is typed.
    pub(super) const fn echoes(&self) -> bool {
        self.is_terminal
    }

    /// The next line; none when there are no more. Nothing is lost when the wait is given up.
    pub(super) async fn line(&mut self, hidden: bool) -> io::Result<Option<Zeroizing<String>>> {
        if !hidden {
            self.unseen = None;
        } else if self.is_terminal && self.unseen.is_none() {
            self.unseen = EchoOff::new();
        }
        let line = self.lines.next_line().await;
        self.unseen = None;
        Ok(line?.map(Zeroizing::new))
    }
}

/// While this lives the terminal shows nothing of what is typed.
struct EchoOff;

impl EchoOff {
    fn new() -> Option<Self> {
        stty("-echo").then_some(Self)
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// The standard tool for it: a terminal's settings are out of reach without `unsafe`.
fn stty(setting: &str) -> bool {
    let ran = Command::new("stty")
        .arg(setting)
        .stdin(Stdio::inherit())
        .stderr(Stdio::null())
        .status();
    ran.is_ok_and(|status| status.success())
}
