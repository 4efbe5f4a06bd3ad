//! One connection, with a limit on each thing that a caller may take its time for.
//!
//! ```text
//! accept ─► Head ──the router has the request──► Serving ──octets of the answer──► Idle ─┐
//!            ▲      10 s, 64 KiB                  60 s                       75 s        │
//!            └────────────────────────── first octet of the next request ────────────────┘
//! ```
//! hyper has no such limits unless it is given a timer, which `axum::serve` does not do. Time is
//! counted in ticks of one timer per connection, so that a request costs no timer of its own.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_rustls::Accept;
use tokio_rustls::server::TlsStream;

/// A connection that closes itself when its caller is too slow.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    turn: Turn,
    patience: Patience,
    tick: Pin<Box<Sleep>>,
    head_octets: usize,
    /// Given back when the connection is dropped.
    _place: OwnedSemaphorePermit,
}

impl Connection {
    pub(super) fn new(stream: Stream, place: OwnedSemaphorePermit) -> Self {
        Self {
            stream,
            turn: Turn::default(),
            patience: Patience::default(),
            tick: Box::pin(tokio::time::sleep(TICK)),
            head_octets: 0,
            _place: place,
        }
    }

    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Looks at the clock. It must be called whenever the connection is polled: its timer wakes
    /// the task that polled it last.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.tick.as_mut().poll(cx).is_ready() {
            self.patience.tick(&self.turn)?;
            let last = self.tick.deadline();
            self.tick
                .as_mut()
                .reset(last.checked_add(TICK).unwrap_or(last));
        }
        Ok(())
    }

    fn received(&mut self, octets: usize) -> io::Result<()> {
        if self.turn.phase() == Phase::Idle {
            self.turn.enter(Phase::Head);
            self.head_octets = 0;
        }
        if self.turn.phase() == Phase::Head {
            self.head_octets = self.head_octets.saturating_add(octets);
            if self.head_octets > HEAD_OCTETS_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(cx)?;
        let before = buffer.filled().len();
        ready!(this.stream.poll_read(cx, buffer))?;
        Poll::Ready(match buffer.filled().len().saturating_sub(before) {
            0 => Ok(()),
            octets => this.received(octets),
        })
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(cx)?;
        let written = ready!(this.stream.poll_write(cx, octets))?;
        this.turn.enter(Phase::Idle);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(cx)?;
        match &mut this.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
            Stream::Handshake(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check(cx)?;
        match &mut this.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
            Stream::Handshake(_) => Poll::Ready(Ok(())),
        }
    }
}

/// The octets below HTTP. A handshake is made by the connection's own task, so that a slow one
/// holds up nobody else's.
pub(super) enum Stream {
    Plain(TcpStream),
    Handshake(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Handshake(_) => "Handshake",
            Self::Tls(_) => "Tls",
        })
    }
}

impl Stream {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_handshake(cx))?;
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buffer),
            Self::Handshake(_) => Poll::Pending,
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_handshake(cx))?;
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, octets),
            Self::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, octets),
            Self::Handshake(_) => Poll::Pending,
        }
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self::Handshake(accept) = self {
            let tls = ready!(Pin::new(accept.as_mut()).poll(cx))?;
            *self = Self::Tls(Box::new(tls));
        }
        Poll::Ready(Ok(()))
    }
}

/// Whose turn it is; the router tells the connection by it that a request has arrived whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn(Arc<Turns>);

#[derive(Debug, Default)]
struct Turns {
    phase: AtomicU8,
    /// How many turns there have been: a phase that came back is another turn.
    count: AtomicU32,
}

impl Turn {
    /// The router has the request's head.
    pub(super) fn serving(&self) {
        self.enter(Phase::Serving);
    }

    fn enter(&self, phase: Phase) {
        self.0.phase.store(phase.number(), Ordering::Relaxed);
        self.0.count.fetch_add(1, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Relaxed) {
            0 => Phase::Head,
            1 => Phase::Serving,
            _ => Phase::Idle,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Head,
    Serving,
    Idle,
}

impl Phase {
    const fn number(self) -> u8 {
        match self {
            Self::Head => 0,
            Self::Serving => 1,
            Self::Idle => 2,
        }
    }

    /// A turn may last one tick less or more than this, for ticks don't begin with it.
    const fn ticks_max(self) -> u32 {
        match self {
            // A modem needs some seconds for a TLS handshake and a head.
            Self::Head => 2,
            // 25 s of a long poll, 10 s of a slow body, a slow commit.
            Self::Serving => 12,
            // A machine that asks once a minute keeps its connection.
            Self::Idle => 15,
        }
    }
}

/// Ticks of the present turn.
#[derive(Debug, Default)]
struct Patience {
    turns: u32,
    ticks: u32,
}

impl Patience {
    fn tick(&mut self, turn: &Turn) -> io::Result<()> {
        let turns = turn.0.count.load(Ordering::Relaxed);
        if self.turns != turns {
            *self = Self { turns, ticks: 0 };
        }
        self.ticks = self.ticks.saturating_add(1);
        if self.ticks > turn.phase().ticks_max() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

const TICK: Duration = Duration::from_secs(5);
/// Heads are some hundred octets; hyper alone would take 400 KiB of each connection.
const HEAD_OCTETS_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks_until_closed(patience: &mut Patience, turn: &Turn) -> u32 {
        let mut ticks = 0;
        while patience.tick(turn).is_ok() {
            ticks += 1;
        }
        ticks
    }

    #[test]
    fn each_turn_has_its_own_time() {
        let (mut patience, turn) = (Patience::default(), Turn::default());
        assert_eq!(ticks_until_closed(&mut patience, &turn), 2);
        turn.serving();
        assert_eq!(ticks_until_closed(&mut patience, &turn), 12);
        turn.enter(Phase::Idle);
        assert_eq!(ticks_until_closed(&mut patience, &turn), 15);
    }

    #[test]
    fn a_busy_connection_lives_on_though_every_tick_finds_it_serving() {
        let (mut patience, turn) = (Patience::default(), Turn::default());
        for _ in 0..1_000 {
            turn.serving();
            assert!(patience.tick(&turn).is_ok());
            turn.enter(Phase::Idle);
            turn.serving();
        }
    }
}
