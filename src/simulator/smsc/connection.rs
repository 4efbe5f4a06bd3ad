//! One connection of an SMSC: the bind, its window of deliveries, and the answers to an ESME.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::faults::{Faults, comes_again, malformed};
use super::queue::Queued;
use super::{Order, Shared, SmscCounts, locked};
use crate::domain::Millis;
use crate::smpp::pdu::{
    BindMode, Body, COctetString, CommandStatus, Pdu, answer_for, decode, encode, split_frame,
};
use crate::smpp::session::window::Window;

/// Serves one ESME until either side ends it. What it did not acknowledge goes back to the queue.
pub(super) async fn serve<S>(stream: S, number: u64, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (to_orders, orders) = mpsc::channel(ORDERS_MAX);
    locked(&shared.connections).insert(number, to_orders);
    let window = Window::new(i64::from(shared.config.answer_timeout_ms));
    let mut serving = Serving {
        window,
        shared,
        bound: None,
        outgoing: BytesMut::new(),
        held_back: None,
        this_second: (0, 0),
        ended: false,
    };
    // Whatever broke the connection, the ESME will be back.
    serving.run(stream, orders).await.ok();
    serving.end(number);
}

pub(super) struct Serving {
    pub(super) shared: Arc<Shared>,
    pub(super) bound: Option<Bound>,
    window: Window<Queued>,
    outgoing: BytesMut,
    /// A delivery that lets the next one pass.
    held_back: Option<Queued>,
    /// Submits in this second.
    pub(super) this_second: (u64, u32),
    pub(super) ended: bool,
}

pub(super) struct Bound {
    pub(super) mode: BindMode,
    pub(super) system_id: COctetString,
}

impl Serving {
    async fn run(
        &mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        mut orders: mpsc::Receiver<Order>,
    ) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut input = BytesMut::with_capacity(READ_OCTETS);
        let mut output = Bytes::new();
        let mut unflushed = false;
        loop {
            let now = (shared.clock)();
            self.expire(now);
            self.fill(now);
            if output.is_empty() && !self.outgoing.is_empty() {
                output = self.outgoing.split().freeze();
                unflushed = true;
            }
            if self.ended {
                while output.has_remaining() {
                    writer.write_buf(&mut output).await?;
                }
                return writer.shutdown().await;
            }
            input.reserve(READ_OCTETS);
            tokio::select! {
                pushed = push(&mut writer, &mut output), if unflushed => unflushed = !pushed?,
                read = reader.read_buf(&mut input), if self.outgoing.len() < UNWRITTEN_OCTETS => {
                    if read? == 0 {
                        return Ok(());
                    }
                    self.receive(&mut input);
                }
                () = shared.arrived.notified(), if self.room() > 0 => {}
                Some(order) = orders.recv() => match order {
                    Order::Disconnect => return Ok(()),
                    Order::Unbind => self.write(&Pdu::request(UNBIND_SEQUENCE, Body::Unbind)),
                    Order::Write(octets) => self.outgoing.extend_from_slice(&octets),
                },
                () = sleep(self.wait(now)) => {}
            }
        }
    }

    fn end(&mut self, number: u64) {
        locked(&self.shared.connections).remove(&number);
        let unacknowledged = self.window.drain().map(|(_, waiting)| waiting.request);
        for queued in unacknowledged.chain(self.held_back.take()) {
            self.shared.put_back(queued, None);
        }
        if self.bound.is_some() {
            self.shared
                .bound
                .send_modify(|bound| *bound = bound.saturating_sub(1));
        }
    }

    /// How many more deliveries may go out on this connection.
    fn room(&self) -> usize {
        match &self.bound {
            Some(Bound {
                mode: BindMode::Receiver | BindMode::Transceiver,
                ..
            }) => self
                .shared
                .config
                .window_pdus
                .saturating_sub(self.window.len()),
            Some(Bound {
                mode: BindMode::Transmitter,
                ..
            })
            | None => 0,
        }
    }

    fn wait(&self, now: Duration) -> Option<Duration> {
        let ends = self
            .window
            .next_deadline()
            .map(|at| at.since(millis(now)).max(0));
        let ends = ends
            .and_then(|ms| u64::try_from(ms).ok())
            .map(Duration::from_millis);
        let room = self.room() > 0;
        let queue = room.then(|| locked(&self.shared.queue).wait(now)).flatten();
        [ends, queue].into_iter().flatten().min()
    }

    fn expire(&mut self, now: Duration) {
        while let Some((_, waiting)) = self.window.expire(millis(now)) {
            self.shared.put_back(waiting.request, None);
        }
    }

    fn fill(&mut self, now: Duration) {
        let shared = Arc::clone(&self.shared);
        let room = self.room();
        if room == 0 {
            return;
        }
        let (taken, more) = {
            let mut queue = locked(&shared.queue);
            let taken: Vec<Queued> = std::iter::from_fn(|| queue.take(now)).take(room).collect();
            (taken, queue.wait(now).is_some_and(|wait| wait.is_zero()))
        };
        for queued in taken {
            self.deliver(queued, now);
        }
        if let Some(queued) = self.held_back.take() {
            self.write_delivery(queued, now);
        }
        if more {
            // Another bind may have room where this one has none.
            shared.arrived.notify_one();
        }
    }

    fn deliver(&mut self, queued: Queued, now: Duration) {
        let faults = &self.shared.faults;
        let (junk, twice, later) = {
            let mut chance = locked(&self.shared.chance);
            let junk = Faults::draw(&faults.malformed_per_mille, &mut *chance)
                .then(|| malformed(JUNK_SEQUENCE, &mut *chance));
            (
                junk,
                Faults::draw(&faults.duplicate_per_mille, &mut *chance),
                Faults::draw(&faults.reorder_per_mille, &mut *chance),
            )
        };
        if let Some(junk) = junk {
            self.outgoing.extend_from_slice(&junk);
        }
        if later && self.held_back.is_none() {
            self.held_back = Some(queued);
            return;
        }
        let duplicate = twice.then(|| queued.duplicate());
        self.write_delivery(queued, now);
        for again in [duplicate, self.held_back.take()].into_iter().flatten() {
            self.write_delivery(again, now);
        }
    }

    fn write_delivery(&mut self, mut queued: Queued, now: Duration) {
        let sequence = self.window.next_sequence();
        let pdu = Pdu::request(
            sequence,
            Body::DeliverSm(std::mem::take(&mut queued.message)),
        );
        let fits = encode(&pdu, &mut self.outgoing).is_ok();
        if let Body::DeliverSm(message) = pdu.body {
            queued.message = message;
        }
        if !fits {
            return queued.end(Some(CommandStatus::ESME_RINVMSGLEN), Duration::ZERO);
        }
        SmscCounts::count(&self.shared.counts.delivered);
        queued.tries = queued.tries.saturating_add(1);
        queued.sent_at = now;
        self.window.open(queued, millis(now));
    }

    fn receive(&mut self, input: &mut BytesMut) {
        while !self.ended {
            match split_frame(input) {
                Ok(None) => return,
                Ok(Some(frame)) => match decode(&frame) {
                    Ok(pdu) if pdu.id().is_response() => {
                        self.on_response(pdu.sequence, pdu.status);
                    }
                    Ok(pdu) => self.on_request(pdu),
                    Err(error) if error.header.id.is_response() => {
                        self.on_response(error.header.sequence, error.header.status);
                    }
                    Err(error) => {
                        if let Some(answer) = answer_for(&error) {
                            self.write(&answer);
                        }
                    }
                },
                Err(error) => {
                    self.write(&error.answer());
                    self.ended = true;
                }
            }
        }
    }

    /// An answer to a delivery, or to nothing.
    fn on_response(&mut self, sequence: u32, status: CommandStatus) {
        if sequence == UNBIND_SEQUENCE {
            self.ended = true;
            return;
        }
        let Some(waiting) = self.window.close(sequence) else {
            return SmscCounts::count(&self.shared.counts.strays);
        };
        let queued = waiting.request;
        if comes_again(status) {
            return self.shared.put_back(queued, Some(status));
        }
        if status.is_ok() {
            SmscCounts::count(&self.shared.counts.acknowledged);
        }
        let answered_after = (self.shared.clock)().saturating_sub(queued.sent_at);
        queued.end(Some(status), answered_after);
    }

    pub(super) fn write(&mut self, pdu: &Pdu) {
        if encode(pdu, &mut self.outgoing).is_err() {
            tracing::error!(
                sequence = pdu.sequence,
                "a pdu of the smsc's own does not fit"
            );
        }
    }
}

/// Writes what the socket takes, or flushes when all is written: returns whether that is done.
async fn push(writer: &mut (impl AsyncWrite + Unpin), output: &mut Bytes) -> io::Result<bool> {
    if output.is_empty() {
        return writer.flush().await.map(|()| true);
    }
    writer.write_buf(output).await.map(|_| false)
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

fn millis(time: Duration) -> Millis {
    Millis(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

const READ_OCTETS: usize = 32 * 1024;
/// What may wait to be written before an ESME that does not read is not read either.
const UNWRITTEN_OCTETS: usize = 1024 * 1024;
/// Orders from outside are rare; a connection that is behind by so many is stuck.
const ORDERS_MAX: usize = 1_024;
/// Far from the numbers of deliveries, which count from 1.
const UNBIND_SEQUENCE: u32 = 0x7FFF_FFFF;
/// Answers to malformed PDUs must not be taken for answers to deliveries.
const JUNK_SEQUENCE: u32 = 0x7FFF_FFFE;
