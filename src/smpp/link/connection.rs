//! One connection: socket and session in one future.
//!
//! Each turn of the loop takes all that waits (answers, messages, octets) before it writes, so
//! that under load one system call carries many PDUs, and with none a PDU leaves at once.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::tls::Tls;
use super::{Delivery, Ended, Link, LinkStats, Responder, Submit, SubmitError, millis};
use crate::domain::Millis;
use crate::smpp::bind::BindConfig;
use crate::smpp::pdu::{Body, COctetString, CommandStatus};
use crate::smpp::session::{
    Closed, Event, InterfaceVersion, NotSent, Outcome, Session, Ticket, Token,
};

/// TCP, or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects within the time that `config` gives.
pub(super) async fn connect(config: &BindConfig, tls: Option<&Tls>) -> io::Result<Box<dyn Stream>> {
    let connecting = async {
        let tcp = TcpStream::connect((config.host.as_str(), config.port)).await?;
        // Small PDUs must not wait for each other's acknowledgements.
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(tcp),
            Some(Tls { connector, name }) => Box::new(connector.connect(name.clone(), tcp).await?),
        };
        Ok(stream)
    };
    let within = millis(i64::from(config.connect_timeout_ms));
    tokio::time::timeout(within, connecting)
        .await
        .unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}

/// What one connection works with.
pub(super) struct Connection<'a, C> {
    link: &'a Link,
    name: Arc<str>,
    deliveries: &'a mpsc::Sender<Delivery>,
    clock: &'a C,
    to_answer: mpsc::Sender<(Token, CommandStatus)>,
    answers: mpsc::Receiver<(Token, CommandStatus)>,
    waiting: HashMap<Ticket, oneshot::Sender<Result<COctetString, SubmitError>>>,
    bound_at: Option<Millis>,
    closed: Option<Closed>,
}

impl<'a, C: Fn() -> Millis> Connection<'a, C> {
    pub(super) fn new(
        link: &'a Link,
        name: Arc<str>,
        deliveries: &'a mpsc::Sender<Delivery>,
        clock: &'a C,
    ) -> Self {
        let (to_answer, answers) = mpsc::channel(link.config.unanswered_deliveries.max(1));
        Self {
            link,
            name,
            deliveries,
            clock,
            to_answer,
            answers,
            waiting: HashMap::new(),
            bound_at: None,
            closed: None,
        }
    }

    /// Runs until the session is over, and says why.
    pub(super) async fn run(
        mut self,
        stream: Box<dyn Stream>,
        version: InterfaceVersion,
        submits: &mut mpsc::Receiver<Submit>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Ended {
        let Ok(mut session) = Session::new(self.link.config.terms(version), (self.clock)()) else {
            // `Link::new` has tried the same terms.
            return Ended::Stopped;
        };
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut input = BytesMut::with_capacity(READ_OCTETS);
        let mut output = Bytes::new();
        let (mut unflushed, mut stopping) = (false, false);
        loop {
            let now = (self.clock)();
            self.take_turn(&mut session, submits, now);
            if output.is_empty() {
                output = session.poll_transmit().unwrap_or_default();
            }
            if let Some(closed) = self.closed {
                let last = session.poll_transmit().unwrap_or_default();
                finish(&mut writer, output.chain(last)).await;
                return self.ended(closed, stopping, now);
            }
            unflushed |= !output.is_empty();
            input.reserve(READ_OCTETS);
            let may_read = session.unwritten_octets() < UNWRITTEN_OCTETS;
            tokio::select! {
                biased;
                () = &mut stop, if !stopping => {
                    stopping = true;
                    session.stop(i64::from(self.link.config.stop_within_ms), (self.clock)());
                }
                pushed = push(&mut writer, &mut output), if unflushed => match pushed {
                    Ok(flushed) => unflushed = !flushed,
                    Err(_) => session.lost(),
                },
                read = reader.read_buf(&mut input), if may_read => match read {
                    Ok(0) | Err(_) => session.lost(),
                    Ok(_) => session.receive(&mut input, (self.clock)()),
                },
                Some((token, status)) = self.answers.recv() => {
                    session.answer(token, status, (self.clock)());
                }
                Some(submit) = submits.recv(), if session.is_ready(now) => {
                    self.submit(&mut session, submit, (self.clock)());
                }
                () = sleep_until(wakes_at(&session, now), now) => {}
            }
        }
    }

    /// Does all that needs no waiting.
    fn take_turn(
        &mut self,
        session: &mut Session,
        submits: &mut mpsc::Receiver<Submit>,
        now: Millis,
    ) {
        session.tick(now);
        while let Ok((token, status)) = self.answers.try_recv() {
            session.answer(token, status, now);
        }
        while session.is_ready(now)
            && let Ok(submit) = submits.try_recv()
        {
            self.submit(session, submit, now);
        }
        while let Some(event) = session.poll_event() {
            self.carry_out(event, now);
        }
        self.link.stats.add(&session.take_counts());
    }

    fn submit(&mut self, session: &mut Session, submit: Submit, now: Millis) {
        match session.send(Body::SubmitSm(submit.message), now) {
            Ok(ticket) => {
                self.waiting.insert(ticket, submit.reply);
            }
            Err(NotSent::Unencodable(error)) => {
                submit.reply.send(Err(SubmitError::Unencodable(error))).ok();
            }
            Err(NotSent::NotBound | NotSent::Full) => {
                submit.reply.send(Err(SubmitError::NotBound)).ok();
            }
        }
    }

    fn carry_out(&mut self, event: Event, now: Millis) {
        match event {
            Event::Bound { smsc } => {
                tracing::info!(bind = %self.name, ?smsc, "bound");
                LinkStats::count(&self.link.stats.binds);
                self.link.stats.bound.store(true, Ordering::Relaxed);
                self.bound_at = Some(now);
            }
            Event::Delivery { token, message } => {
                let responder = Responder {
                    token,
                    answers: Some(self.to_answer.clone()),
                };
                let bind = Arc::clone(&self.name);
                // Without room it is dropped here, and its responder says 0x14.
                let counter = match self.deliveries.try_send(Delivery {
                    bind,
                    message,
                    responder,
                }) {
                    Ok(()) => &self.link.stats.deliveries,
                    Err(_) => &self.link.stats.deliveries_refused,
                };
                LinkStats::count(counter);
            }
            Event::Answered { ticket, outcome } => {
                if let Some(reply) = self.waiting.remove(&ticket) {
                    // Nobody may be waiting any more; the SMSC's receipt will tell the same.
                    reply.send(result_of(outcome)).ok();
                }
            }
            Event::Closed(closed) => self.closed = Some(closed),
        }
    }

    fn ended(self, closed: Closed, stopping: bool, now: Millis) -> Ended {
        self.link.stats.bound.store(false, Ordering::Relaxed);
        if stopping {
            return Ended::Stopped;
        }
        let bound_ms = self
            .bound_at
            .map_or(0, |bound_at| now.since(bound_at).max(1));
        Ended::Session { closed, bound_ms }
    }
}

fn result_of(outcome: Outcome) -> Result<COctetString, SubmitError> {
    match outcome {
        Outcome::Accepted { message_id } => Ok(message_id),
        Outcome::Refused(status) if status.is_temporary() => Err(SubmitError::Temporary(status)),
        Outcome::Refused(status) => Err(SubmitError::Permanent(status)),
        Outcome::Silent => Err(SubmitError::Unknown),
    }
}

/// Writes what the socket takes of `output`, or flushes when all is written: returns whether that
/// is done. TLS holds octets back until then. Cancelled, it has done nothing.
async fn push(writer: &mut (impl AsyncWrite + Unpin), output: &mut Bytes) -> io::Result<bool> {
    if output.is_empty() {
        return writer.flush().await.map(|()| true);
    }
    writer.write_buf(output).await.map(|_| false)
}

/// The last octets of a session, an `unbind_resp` say, as far as the peer takes them.
async fn finish(writer: &mut (impl AsyncWrite + Unpin), mut output: impl Buf) {
    let last = async {
        while output.has_remaining() && writer.write_buf(&mut output).await.is_ok_and(|n| n > 0) {}
        writer.shutdown().await.ok();
    };
    tokio::time::timeout(millis(FINISH_MS), last).await.ok();
}

/// When the session has something to do. What paces our messages counts too: the channel is read
/// again then.
fn wakes_at(session: &Session, now: Millis) -> Option<Millis> {
    let paced = session.ready_at().filter(|at| *at > now);
    [session.next_deadline(), paced].into_iter().flatten().min()
}

async fn sleep_until(at: Option<Millis>, now: Millis) {
    match at {
        Some(at) => tokio::time::sleep(millis(at.since(now))).await,
        None => std::future::pending().await,
    }
}

/// Some 300 short messages: one read feeds one turn.
const READ_OCTETS: usize = 32 * 1024;
/// What may wait to be written before a peer that does not read is not read either.
const UNWRITTEN_OCTETS: usize = 256 * 1024;
/// How long a closed session may take to write its last octets.
const FINISH_MS: i64 = 1_000;
