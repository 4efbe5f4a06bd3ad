//! How the gateway is asked to stop: SIGTERM or SIGINT, the second time at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Tells of each wish to stop.
pub trait Stops: Send {
    /// Completes when somebody wants the gateway to stop, each time anew.
    fn asked(&mut self) -> impl Future<Output = ()> + Send;
}

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Signals from now on.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

impl Stops for Signals {
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// For whoever runs the gateway in its own process: each message asks once, and so does its end.
impl Stops for tokio::sync::mpsc::Receiver<()> {
    async fn asked(&mut self) {
        self.recv().await;
    }
}
