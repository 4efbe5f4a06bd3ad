//! A message centre: the server's side of SMPP, with the habits and faults of real ones.
//!
//! ```text
//! phones ──deliver()──► queue ──window──► bind 1 … n ──► ESME
//!           ▲             ▲ again: 0x14, no answer in time, connection gone (bounded tries)
//!           └─ Delivered ─┘
//! ESME ──submit_sm──► submitted() and, asked for, a receipt into the queue
//! ```
//! As a real one does, it delivers again what was not acknowledged, to whichever bind comes next.

mod connection;
mod faults;
mod queue;
mod requests;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng as _;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub use self::faults::Faults;
use self::queue::{Queue, Queued};
use crate::smpp::pdu::{COctetString, CommandStatus, ShortMessage};

/// Reads a clock that never goes back: the time since some beginning.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How an SMSC behaves when nothing is wrong.
#[derive(Clone)]
pub struct SmscConfig {
    /// Who may bind: system id and password.
    pub accounts: Vec<(String, String)>,
    /// Deliveries underway per bind.
    pub window_pdus: usize,
    /// How long a delivery waits for its answer.
    pub answer_timeout_ms: u32,
    /// How often a message is delivered before it is given up.
    pub tries_max: u32,
    /// The pause before a message that was not acknowledged is delivered again.
    pub retry_pause_ms: u32,
    /// Messages in the queue, at most.
    pub queue_max: usize,
    /// How message ids are written.
    pub message_ids: MessageIds,
    /// Submits a second above which the answer is 0x58; 0 for no bound.
    pub submits_per_s: u32,
    /// TLS, with the certificate in it.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// From which all chance is drawn.
    pub seed: u64,
}

impl Default for SmscConfig {
    fn default() -> Self {
        Self {
            accounts: vec![("svgate".to_owned(), "secret".to_owned())],
            window_pdus: 100,
            answer_timeout_ms: 5_000,
            tries_max: 20,
            retry_pause_ms: 200,
            queue_max: 1_000_000,
            message_ids: MessageIds::Decimal,
            submits_per_s: 0,
            tls: None,
            seed: 1,
        }
    }
}

/// How an SMSC names messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageIds {
    /// Ten digits, in response and receipt.
    Decimal,
    /// Hexadecimal in the response, decimal in the receipt: common, and a trap.
    HexThenDecimal,
    /// The same in every response and a number of its own in the receipt, as osmo-msc does.
    Alike,
}

/// How a delivery went in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The last answer; `None` when none ever came.
    pub status: Option<CommandStatus>,
    /// How often it went out.
    pub tries: u32,
    /// From the last time it went out to its answer.
    pub answered_after: Duration,
}

/// A message that an ESME submitted.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// Who submitted it.
    pub system_id: COctetString,
    /// What it was called in the response.
    pub message_id: COctetString,
    /// The message.
    pub message: ShortMessage,
}

/// The queue of an SMSC is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue of the smsc is full")]
pub struct QueueFull;

/// What an SMSC counts.
#[derive(Debug, Default)]
pub struct SmscCounts {
    /// Binds accepted.
    pub binds: AtomicU64,
    /// Binds refused.
    pub binds_refused: AtomicU64,
    /// Deliveries written, those written again included.
    pub delivered: AtomicU64,
    /// Deliveries acknowledged with status 0.
    pub acknowledged: AtomicU64,
    /// Deliveries put back into the queue.
    pub put_back: AtomicU64,
    /// Messages given up after `tries_max`.
    pub given_up: AtomicU64,
    /// Submits accepted.
    pub submits: AtomicU64,
    /// Submits answered 0x58 or 0x14.
    pub throttled: AtomicU64,
    /// Responses and nacks to numbers that wait for none: answers to malformed PDUs, mostly.
    pub strays: AtomicU64,
    /// `enquire_link` received.
    pub enquiries: AtomicU64,
    /// `unbind` received.
    pub unbinds: AtomicU64,
}

impl SmscCounts {
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A running SMSC. It ends, connections and all, when this is dropped.
pub struct Smsc {
    shared: Arc<Shared>,
    address: SocketAddr,
    tasks: JoinSet<()>,
}

impl Smsc {
    /// Listens at `address` (port 0 for any) and serves. Submits go to the receiver, which holds
    /// `submitted_max`; beyond, they are answered 0x14.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened at.
    pub async fn start(
        config: SmscConfig,
        address: SocketAddr,
        clock: Clock,
        submitted_max: usize,
    ) -> io::Result<(Self, mpsc::Receiver<Submitted>)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (to_submitted, submitted) = mpsc::channel(submitted_max.max(1));
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue::new(config.queue_max)),
            chance: Mutex::new(ChaCha8Rng::seed_from_u64(config.seed)),
            arrived: Notify::new(),
            connections: Mutex::new(HashMap::new()),
            bound: watch::Sender::new(0),
            faults: Faults::default(),
            counts: SmscCounts::default(),
            next_message: AtomicU64::new(1),
            submitted: to_submitted,
            config,
            clock,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok((
            Self {
                shared,
                address,
                tasks,
            },
            submitted,
        ))
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Queues a message for whichever bind receives. The receiver gets its end; dropped, nobody
    /// asks how it went.
    ///
    /// # Errors
    ///
    /// [`QueueFull`].
    pub fn enqueue(
        &self,
        message: ShortMessage,
    ) -> Result<oneshot::Receiver<Delivered>, QueueFull> {
        let (reply, delivered) = oneshot::channel();
        self.shared.enqueue(Queued::new(message, Some(reply)))?;
        Ok(delivered)
    }

    /// Delivers a message and waits for its end, over as many binds and tries as it takes.
    ///
    /// # Errors
    ///
    /// [`QueueFull`].
    pub async fn deliver(&self, message: ShortMessage) -> Result<Delivered, QueueFull> {
        let never = Delivered {
            status: None,
            tries: 0,
            answered_after: Duration::ZERO,
        };
        Ok(self.enqueue(message)?.await.unwrap_or(never))
    }

    /// What goes wrong from now on.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> &SmscCounts {
        &self.shared.counts
    }

    /// Messages in the queue, those on their way left out.
    #[must_use]
    pub fn queued(&self) -> usize {
        locked(&self.shared.queue).len()
    }

    /// Waits until exactly `binds` are bound.
    pub async fn until_bound(&self, binds: usize) {
        // The sender lives in `shared`, so the wait ends by its condition only.
        self.shared
            .bound
            .subscribe()
            .wait_for(|bound| *bound == binds)
            .await
            .ok();
    }

    /// Cuts every connection without a word, as a dead router does.
    pub fn disconnect_all(&self) {
        self.order_all(&Order::Disconnect);
    }

    /// Unbinds from every ESME, as an SMSC does that goes down for maintenance.
    pub fn unbind_all(&self) {
        self.order_all(&Order::Unbind);
    }

    /// Writes these octets on every connection, whatever they are.
    pub fn inject(&self, octets: Bytes) {
        self.order_all(&Order::Write(octets));
    }

    /// Stops listening and cuts every connection; queued messages are dropped.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    fn order_all(&self, order: &Order) {
        for orders in locked(&self.shared.connections).values() {
            // A connection that takes no more orders is on its way down.
            orders.try_send(order.clone()).ok();
        }
    }
}

/// What all connections of an SMSC share.
struct Shared {
    config: SmscConfig,
    clock: Clock,
    queue: Mutex<Queue>,
    chance: Mutex<ChaCha8Rng>,
    /// A message has come into the queue.
    arrived: Notify,
    connections: Mutex<HashMap<u64, mpsc::Sender<Order>>>,
    bound: watch::Sender<usize>,
    faults: Faults,
    counts: SmscCounts,
    next_message: AtomicU64,
    submitted: mpsc::Sender<Submitted>,
}

impl Shared {
    fn enqueue(&self, queued: Queued) -> Result<(), QueueFull> {
        locked(&self.queue).push(queued)?;
        self.arrived.notify_one();
        Ok(())
    }

    /// A message was not acknowledged: it goes again, or has come to its end.
    fn put_back(&self, queued: Queued, status: Option<CommandStatus>) {
        if queued.tries >= self.config.tries_max {
            SmscCounts::count(&self.counts.given_up);
            return queued.end(status, Duration::ZERO);
        }
        SmscCounts::count(&self.counts.put_back);
        let pause = Duration::from_millis(u64::from(self.config.retry_pause_ms));
        let due = (self.clock)().saturating_add(pause);
        locked(&self.queue).put_back(queued, due);
        self.arrived.notify_one();
    }
}

/// What a connection is told from outside.
#[derive(Clone)]
enum Order {
    Disconnect,
    Unbind,
    Write(Bytes),
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let tls = shared.config.tls.clone().map(TlsAcceptor::from);
    let mut connections = JoinSet::new();
    let mut next = 0_u64;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((tcp, _)) = accepted else { continue };
        tcp.set_nodelay(true).ok();
        next = next.saturating_add(1);
        let (shared, tls, number) = (Arc::clone(&shared), tls.clone(), next);
        connections.spawn(async move {
            match tls {
                None => connection::serve(tcp, number, shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(tcp).await {
                        connection::serve(stream, number, shared).await;
                    }
                }
            }
        });
    }
}

/// The simulator's locks guard plain collections, which a panic elsewhere cannot leave half-made.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
