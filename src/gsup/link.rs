//! Drives one connection to an HLR over TCP: connects, feeds the [`Conversation`], comes back after
//! every failure.
//!
//! ```text
//!          came ──────────► whose card it is ──► desk
//! HLR ◄──► Conversation (sans-IO)                 │
//!          sends ◄────────────────────────────────┘
//! ```
//! One future owns socket and conversation. It spawns nothing: its caller does. While `came` is full
//! nothing is read, so that the HLR waits and nothing is lost.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::domain::Millis;
use crate::gsup::conversation::{Closed, Conversation, Event};
use crate::gsup::message::Message;
use crate::smpp::session::backoff::Backoff;
use crate::telemetry::gsup::HlrCounts;

/// Where an HLR is, and who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// What logs call it.
    pub name: Arc<str>,
    /// DNS name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Our name in the HLR's configuration, without `EUSE-`.
    pub euse: String,
    /// Silence after which the HLR is asked whether it lives.
    pub ping_s: u32,
    /// How long TCP may take to connect, and the HLR to ask who we are.
    pub connect_timeout_ms: u32,
    /// First wait before a new connection; it doubles with each failure.
    pub reconnect_min_ms: u32,
    /// Longest wait before a new connection.
    pub reconnect_max_ms: u32,
}

/// The two ends that a link works between. Both are bounded by whoever makes them.
pub struct Channels {
    /// Where messages go.
    pub came: mpsc::Sender<Message>,
    /// Where ours come from. What comes while the HLR does not know us is dropped: its session
    /// died with the connection.
    pub sends: mpsc::Receiver<Message>,
}

/// Whether the HLR knows us, to be read while the link runs.
#[derive(Debug, Default)]
pub struct LinkState {
    /// It does.
    pub known: AtomicBool,
    /// How often it got to.
    pub connections: AtomicU64,
}

/// One connection that is kept up.
pub struct Link {
    config: LinkConfig,
    state: Arc<LinkState>,
    counts: HlrCounts,
}

impl Link {
    /// A link that has still to run.
    #[must_use]
    pub fn new(config: LinkConfig, counts: HlrCounts) -> Self {
        Self {
            config,
            state: Arc::default(),
            counts,
        }
    }

    /// Whether it stands.
    #[must_use]
    pub fn state(&self) -> Arc<LinkState> {
        Arc::clone(&self.state)
    }

    /// Keeps the connection up until `stop` completes, or nobody takes messages any more.
    pub async fn run(
        self,
        channels: Channels,
        clock: impl Fn() -> Millis,
        seed: u64,
        stop: impl Future<Output = ()>,
    ) {
        let Channels { came, mut sends } = channels;
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut backoff = Backoff::new(self.config.reconnect_min_ms, self.config.reconnect_max_ms);
        let mut stop = pin!(stop);
        loop {
            let connected = tokio::select! {
                () = &mut stop => return,
                () = drop_all(&mut sends) => return,
                connected = self.connect() => connected,
            };
            let mut held_ms = 0;
            let ended = match connected {
                Err(error) => Ended::NotConnected(error),
                Ok(stream) => {
                    let began = clock();
                    let ended = self
                        .converse(stream, &came, &mut sends, &clock, stop.as_mut())
                        .await;
                    if self.state.known.swap(false, Ordering::Relaxed) {
                        held_ms = clock().since(began);
                    }
                    self.counts.connected(false);
                    ended
                }
            };
            if matches!(ended, Ended::Stopped) {
                tracing::info!(hlr = %self.config.name, "disconnected");
                return;
            }
            if held_ms >= HELD_MS {
                backoff.reset();
            }
            let wait_ms = backoff.after_failure(chance.next_u32());
            tracing::warn!(hlr = %self.config.name, why = %ended, wait_ms, "hlr link down");
            tokio::select! {
                () = &mut stop => return,
                () = drop_all(&mut sends) => return,
                () = tokio::time::sleep(millis(wait_ms)) => {}
            }
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let connecting = async {
            let place = (self.config.host.as_str(), self.config.port);
            let stream = TcpStream::connect(place).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        tokio::time::timeout(self.connect_within(), connecting)
            .await
            .unwrap_or(Err(io::ErrorKind::TimedOut.into()))
    }

    async fn converse(
        &self,
        mut stream: TcpStream,
        came: &mpsc::Sender<Message>,
        sends: &mut mpsc::Receiver<Message>,
        clock: &impl Fn() -> Millis,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Ended {
        let ping_ms = i64::from(self.config.ping_s).saturating_mul(1_000);
        let name = format!("EUSE-{}", self.config.euse);
        let mut hlr = Conversation::new(name, ping_ms, clock());
        let (mut reader, mut writer) = stream.split();
        let mut input = BytesMut::with_capacity(READ_OCTETS);
        let mut output = Bytes::new();
        let mut unknown = pin!(tokio::time::sleep(self.connect_within()));
        loop {
            if self.carry_out(&mut hlr, came).await.is_err() {
                return Ended::Stopped;
            }
            if let Some(closed) = hlr.closed() {
                return Ended::Closed(closed);
            }
            if output.is_empty() {
                output = hlr.poll_transmit().unwrap_or_default();
            }
            input.reserve(READ_OCTETS);
            let due = hlr.next_deadline().since(clock());
            tokio::select! {
                () = &mut stop => return Ended::Stopped,
                () = &mut unknown, if !hlr.is_known() => return Ended::NotAsked,
                written = writer.write(&output), if !output.is_empty() => match written {
                    Ok(octets) => output.advance(octets),
                    Err(error) => return Ended::Broken(error),
                },
                read = reader.read_buf(&mut input) => match read {
                    Ok(0) => return Ended::HungUp,
                    Ok(_) => hlr.receive(&mut input, clock()),
                    Err(error) => return Ended::Broken(error),
                },
                // While our octets don't leave, no more are made.
                send = sends.recv(), if hlr.is_known() && output.is_empty() => match send {
                    Some(message) => {
                        self.counts.sent();
                        hlr.send(&message);
                    }
                    None => return Ended::Stopped,
                },
                () = tokio::time::sleep(millis(due)) => hlr.tick(clock()),
            }
        }
    }

    async fn carry_out(
        &self,
        hlr: &mut Conversation,
        came: &mpsc::Sender<Message>,
    ) -> Result<(), mpsc::error::SendError<Message>> {
        while let Some(event) = hlr.poll_event() {
            match event {
                Event::Known => {
                    tracing::info!(hlr = %self.config.name, euse = %self.config.euse, "connected");
                    self.state.connections.fetch_add(1, Ordering::Relaxed);
                    self.state.known.store(true, Ordering::Relaxed);
                    self.counts.connected(true);
                }
                Event::Message(message) => {
                    self.counts.received();
                    came.send(message).await?;
                }
                Event::Malformed(error) => {
                    tracing::debug!(hlr = %self.config.name, %error, "not read");
                    self.counts.malformed();
                }
            }
        }
        Ok(())
    }

    fn connect_within(&self) -> Duration {
        millis(i64::from(self.config.connect_timeout_ms))
    }
}

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("cannot connect: {0}")]
    NotConnected(io::Error),
    #[error("it did not ask who we are")]
    NotAsked,
    #[error("{0}")]
    Broken(io::Error),
    #[error("it hung up")]
    HungUp,
    #[error("{0}")]
    Closed(Closed),
    #[error("stopped")]
    Stopped,
}

/// Ends when nobody sends any more.
async fn drop_all(sends: &mut mpsc::Receiver<Message>) {
    while sends.recv().await.is_some() {}
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// A connection that stood this long was a good one: the next failure starts with the shortest wait.
const HELD_MS: i64 = 10_000;
const READ_OCTETS: usize = 4_096;
