//! Drives one bind over TCP or TLS: connects, feeds the [`Session`], carries its messages, comes
//! back after every failure.
//!
//! ```text
//!            deliveries ──────────► gateway ──► Responder ─┐
//! SMSC ◄──► Session (sans-IO)                              │ answers, in any order
//!            submits ◄──────────── outbox                  │
//!               ▲──────────────────────────────────────────┘
//! ```
//! One future owns socket and session, so nothing is locked. It spawns nothing: its caller does.

mod connection;
mod stats;
pub mod tls;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tokio::sync::{mpsc, oneshot};

use self::connection::{Connection, connect};
pub use self::stats::LinkStats;
use self::tls::{Tls, TlsError};
use crate::domain::Millis;
use crate::smpp::bind::BindConfig;
use crate::smpp::pdu::{COctetString, CommandStatus, EncodeError, ShortMessage};
use crate::smpp::session::backoff::Backoff;
use crate::smpp::session::{Closed, InterfaceVersion, Session, Token};

/// One bind to one SMSC, ready to run.
pub struct Link {
    config: BindConfig,
    tls: Option<Tls>,
    stats: Arc<LinkStats>,
}

/// The two ends that a link works between. Both are bounded by whoever makes them.
pub struct Channels {
    /// Where deliveries go. Full, the newcomer is answered 0x14 and comes again.
    pub deliveries: mpsc::Sender<Delivery>,
    /// Where our messages come from. It is read only as fast as window and rate allow.
    pub submits: mpsc::Receiver<Submit>,
}

/// A message from a handset, or a receipt. Every delivery is answered once, by its responder.
#[derive(Debug)]
pub struct Delivery {
    /// The name of the bind that it came by, for replies to go back by.
    pub bind: Arc<str>,
    /// What came; its text or data is [`ShortMessage::payload`].
    pub message: ShortMessage,
    /// Answers the SMSC.
    pub responder: Responder,
}

/// Answers one delivery. Dropped without an answer it says 0x14, so that the SMSC comes again.
#[derive(Debug)]
pub struct Responder {
    token: Token,
    answers: Option<mpsc::Sender<(Token, CommandStatus)>>,
}

impl Responder {
    /// Answers with `status`. If the connection is gone the SMSC will deliver again.
    pub fn answer(mut self, status: CommandStatus) {
        self.send(status);
    }

    fn send(&mut self, status: CommandStatus) {
        if let Some(answers) = self.answers.take() {
            // Never full: it holds as many answers as the session lets deliveries be unanswered.
            // Closed, its connection is gone, and with it whoever could be answered.
            answers.try_send((self.token, status)).ok();
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.send(CommandStatus::ESME_RMSGQFUL);
    }
}

/// A message to send, and where its outcome goes.
#[derive(Debug)]
pub struct Submit {
    /// The `submit_sm`.
    pub message: ShortMessage,
    /// The SMSC's name for the message, by which a receipt will speak of it.
    pub reply: oneshot::Sender<Result<COctetString, SubmitError>>,
}

/// Why a message is not known to be with the SMSC.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Nothing was sent: the bind does not stand. Try again, or by another bind.
    #[error("not bound")]
    NotBound,
    /// The SMSC refused it for now, if throttled several times over. Try again later.
    #[error("refused for now: {0}")]
    Temporary(CommandStatus),
    /// The SMSC will never take this message.
    #[error("refused for good: {0}")]
    Permanent(CommandStatus),
    /// It does not fit a PDU, and never will.
    #[error("does not fit a PDU")]
    Unencodable(#[source] EncodeError),
    /// It went out and no response came: the SMSC may have it. Sent again, it may arrive twice.
    #[error("no response: delivery unknown")]
    Unknown,
}

/// Why a link cannot be set up: each is a fault of the configuration.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Files or name of TLS.
    #[error("tls cannot be set up")]
    Tls(#[from] TlsError),
    /// System id, password or system type are too long for SMPP.
    #[error("the bind does not fit a PDU")]
    Bind(#[source] EncodeError),
}

impl Link {
    /// Reads the TLS files and tries the bind's fields, so that a fault stops the start.
    ///
    /// # Errors
    ///
    /// [`LinkError`], all of which an operator must mend.
    pub fn new(config: BindConfig) -> Result<Self, LinkError> {
        let tls = config.tls.as_ref().map(Tls::load).transpose()?;
        let terms = config.terms(config.interface_version);
        Session::new(terms, Millis::default()).map_err(LinkError::Bind)?;
        Ok(Self {
            config,
            tls,
            stats: Arc::default(),
        })
    }

    /// What this link counts, to be read while it runs.
    #[must_use]
    pub fn stats(&self) -> Arc<LinkStats> {
        Arc::clone(&self.stats)
    }

    /// Keeps the bind up until `stop` completes, then unbinds: within `stop_within_ms` and two
    /// seconds more, every delivery is answered and every message has its outcome.
    pub async fn run(
        self,
        channels: Channels,
        clock: impl Fn() -> Millis,
        seed: u64,
        stop: impl Future<Output = ()>,
    ) {
        let Channels {
            deliveries,
            mut submits,
        } = channels;
        self.keep_bound(&deliveries, &mut submits, clock, seed, stop)
            .await;
        // Whoever sent while the bind was being given up is told so.
        submits.close();
        while let Ok(Submit { reply, .. }) = submits.try_recv() {
            reply.send(Err(SubmitError::NotBound)).ok();
        }
    }

    async fn keep_bound(
        &self,
        deliveries: &mpsc::Sender<Delivery>,
        submits: &mut mpsc::Receiver<Submit>,
        clock: impl Fn() -> Millis,
        seed: u64,
        stop: impl Future<Output = ()>,
    ) {
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut backoff = Backoff::new(self.config.reconnect_min_ms, self.config.reconnect_max_ms);
        let mut version = self.config.interface_version;
        let name: Arc<str> = self.config.name.as_str().into();
        let mut stop = pin!(stop);
        loop {
            let ended = tokio::select! {
                () = &mut stop => return,
                () = refuse(submits) => return,
                connected = connect(&self.config, self.tls.as_ref()) => connected,
            };
            let ended = match ended {
                Err(error) => Ended::NotConnected(error),
                Ok(stream) => {
                    let connection = Connection::new(self, Arc::clone(&name), deliveries, &clock);
                    connection
                        .run(stream, version, submits, stop.as_mut())
                        .await
                }
            };
            let held = matches!(ended, Ended::Session { bound_ms, .. } if bound_ms >= HELD_MS);
            if held {
                backoff.reset();
            }
            if let Ended::Stopped = ended {
                tracing::info!(bind = %name, "unbound");
                return;
            }
            LinkStats::count(&self.stats.failures);
            let wait_ms = match &ended {
                Ended::Session {
                    closed: Closed::Refused(CommandStatus::ESME_RALYBND),
                    ..
                } => backoff.after_already_bound(chance.next_u32()),
                Ended::Session { .. } | Ended::NotConnected(_) | Ended::Stopped => {
                    backoff.after_failure(chance.next_u32())
                }
            };
            version = ended.next_version(version);
            tracing::warn!(bind = %name, why = %ended, wait_ms, "smsc link down");
            tokio::select! {
                () = &mut stop => return,
                () = refuse(submits) => return,
                () = tokio::time::sleep(millis(wait_ms)) => {}
            }
        }
    }
}

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("cannot connect: {0}")]
    NotConnected(std::io::Error),
    #[error("{closed}")]
    Session { closed: Closed, bound_ms: i64 },
    #[error("stopped")]
    Stopped,
}

impl Ended {
    /// 5.0 is given up once a bind with it fails for anything but our credentials or an earlier
    /// connection: SMSCs of 3.4 drop it in silence, refuse it, or hang up.
    fn next_version(&self, version: InterfaceVersion) -> InterfaceVersion {
        match self {
            Self::Session {
                closed,
                bound_ms: 0,
            } => match closed {
                Closed::Refused(
                    CommandStatus::ESME_RALYBND
                    | CommandStatus::ESME_RINVPASWD
                    | CommandStatus::ESME_RINVSYSID,
                ) => version,
                Closed::Refused(_)
                | Closed::BindUnanswered
                | Closed::LinkDead
                | Closed::UnboundByPeer
                | Closed::Unbound
                | Closed::OutOfStep
                | Closed::Lost => InterfaceVersion::V3_4,
            },
            Self::Session { .. } | Self::NotConnected(_) | Self::Stopped => version,
        }
    }
}

/// While there is no bind, messages are given back at once: their outbox knows other ways.
async fn refuse(submits: &mut mpsc::Receiver<Submit>) {
    while let Some(Submit { reply, .. }) = submits.recv().await {
        reply.send(Err(SubmitError::NotBound)).ok();
    }
    std::future::pending::<()>().await;
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// A bind that stood this long was a good one: the next failure starts with the shortest wait.
const HELD_MS: i64 = 10_000;
