//! An SMSC that costs little: PDUs made beforehand, of which only the sequence number is written,
//! and answers made of octets. It measures; what it hears is looked at afterwards.
//!
//! ```text
//! orders of a bind ─window─► deliver_sm   deliver_sm_resp ─► latency; 0x14: once more
//!                            submit_sm ─► kept, submit_sm_resp
//! ```

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::now;
use super::phones::Orders;

/// A listening SMSC with an account for each bind. It ends when this is dropped.
pub(crate) struct Centre {
    address: SocketAddr,
    binds: Vec<mpsc::Sender<Job>>,
    bound: watch::Receiver<usize>,
    _tasks: JoinSet<()>,
}

/// What one bind has to deliver.
struct Job {
    orders: Orders,
    window: usize,
    ran: oneshot::Sender<Ran>,
}

/// How one bind went.
pub(crate) struct Ran {
    /// From `deliver_sm` to its response.
    pub(crate) latencies_us: Histogram<u64>,
    /// Deliveries answered 0x14, which went again.
    pub(crate) put_back: u64,
    /// Every `submit_sm`.
    pub(crate) heard: Vec<u8>,
}

impl Centre {
    pub(crate) async fn start(binds: u32) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (jobs, receivers): (Vec<_>, Vec<_>) = (0..binds).map(|_| mpsc::channel(1)).unzip();
        let (counting, bound) = watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, receivers, Arc::new(counting)));
        Self {
            address,
            binds: jobs,
            bound,
            _tasks: tasks,
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn until_bound(&self) {
        let all = self.binds.len();
        let mut bound = self.bound.clone();
        let bound = bound.wait_for(|bound| *bound == all);
        let within = tokio::time::timeout(BOUND_WITHIN, bound).await;
        within.expect("the gateway binds").unwrap();
    }

    /// Delivers the orders of each bind, at most `window` at a time, until each was answered and
    /// confirmed.
    pub(crate) async fn run(&self, orders: Vec<Orders>, window: usize) -> Vec<Ran> {
        let mut waiting = Vec::new();
        for (bind, orders) in self.binds.iter().zip(orders) {
            let (ran, wait) = oneshot::channel();
            let job = Job {
                orders,
                window,
                ran,
            };
            bind.send(job).await.expect("the bind is up");
            waiting.push(wait);
        }
        let mut runs = Vec::new();
        for wait in waiting {
            runs.push(wait.await.expect("the bind stays up"));
        }
        runs
    }
}

async fn accept(
    listener: TcpListener,
    receivers: Vec<mpsc::Receiver<Job>>,
    bound: Arc<watch::Sender<usize>>,
) {
    let mut lines = JoinSet::new();
    for jobs in receivers {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let bound = Arc::clone(&bound);
        lines.spawn(Line::default().run(stream, jobs, bound));
    }
    while lines.join_next().await.is_some() {}
}

/// One connection.
#[derive(Default)]
struct Line {
    output: Vec<u8>,
    work: Option<Work>,
    messages: u64,
}

/// A job under way.
struct Work {
    job: Job,
    next: usize,
    /// Orders that shall come again.
    again: VecDeque<usize>,
    sent_at: Vec<Instant>,
    under_way: usize,
    answered: usize,
    confirmed: usize,
    ran: Option<(Histogram<u64>, u64, Vec<u8>)>,
}

impl Line {
    async fn run(
        mut self,
        mut stream: TcpStream,
        mut jobs: mpsc::Receiver<Job>,
        bound: Arc<watch::Sender<usize>>,
    ) {
        let mut input = BytesMut::with_capacity(READ_OCTETS);
        loop {
            input.reserve(READ_OCTETS);
            tokio::select! {
                read = stream.read_buf(&mut input) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(_) => self.receive(&mut input, &bound),
                },
                Some(job) = jobs.recv(), if self.work.is_none() => self.work = Some(Work::new(job)),
            }
            if self.work.as_ref().is_some_and(Work::is_done)
                && let Some(work) = self.work.take()
            {
                work.end();
            }
            if let Some(work) = &mut self.work {
                work.fill(&mut self.output);
            }
            if !self.output.is_empty() && stream.write_all(&self.output).await.is_err() {
                return;
            }
            self.output.clear();
        }
    }

    fn receive(&mut self, input: &mut BytesMut, bound: &watch::Sender<usize>) {
        let at = now();
        while let Some(length) = whole(input) {
            let (command, status) = (word(input, 4), word(input, 8));
            let sequence = word(input, 12);
            match command {
                DELIVER_SM_RESP => {
                    if let Some(work) = &mut self.work {
                        work.answered(sequence, status, at);
                    }
                }
                SUBMIT_SM => {
                    self.messages += 1;
                    let id = format!("{:010}\0", self.messages);
                    self.answer(command, sequence, id.as_bytes());
                    if let Some(work) = &mut self.work {
                        work.confirmed(&input[..length]);
                    }
                }
                BIND_TRANSCEIVER => {
                    self.answer(command, sequence, b"bench\0");
                    bound.send_modify(|bound| *bound += 1);
                }
                ENQUIRE_LINK | UNBIND => self.answer(command, sequence, &[]),
                _ => {}
            }
            input.advance(length);
        }
    }

    fn answer(&mut self, command: u32, sequence: u32, body: &[u8]) {
        let length = u32::try_from(HEADER_OCTETS + body.len()).unwrap();
        for word in [length, command | RESPONSE, 0, sequence] {
            self.output.extend_from_slice(&word.to_be_bytes());
        }
        self.output.extend_from_slice(body);
    }
}

impl Work {
    fn new(job: Job) -> Self {
        let histogram = Histogram::new_with_bounds(1, 60_000_000, 3).unwrap();
        Self {
            next: 0,
            again: VecDeque::new(),
            sent_at: vec![now(); job.orders.len()],
            under_way: 0,
            answered: 0,
            confirmed: 0,
            ran: Some((histogram, 0, Vec::new())),
            job,
        }
    }

    /// Writes as many orders as the window has room for; an order's sequence number is its place.
    fn fill(&mut self, output: &mut Vec<u8>) {
        let at = now();
        while self.under_way < self.job.window {
            let order = match self.again.pop_front() {
                Some(order) => order,
                None if self.next < self.job.orders.len() => {
                    self.next += 1;
                    self.next - 1
                }
                None => return,
            };
            let sequence = u32::try_from(order + 1).unwrap();
            let pdu = self.job.orders.pdu(order);
            output.extend_from_slice(&pdu[..12]);
            output.extend_from_slice(&sequence.to_be_bytes());
            output.extend_from_slice(&pdu[HEADER_OCTETS..]);
            self.sent_at[order] = at;
            self.under_way += 1;
        }
    }

    fn answered(&mut self, sequence: u32, status: u32, at: Instant) {
        let order = usize::try_from(sequence).unwrap() - 1;
        let (latencies, put_back, _) = self.ran.as_mut().unwrap();
        self.under_way -= 1;
        if status == COME_AGAIN {
            *put_back += 1;
            self.again.push_back(order);
            return;
        }
        assert_eq!(status, 0, "the status of a deliver_sm_resp");
        self.answered += 1;
        let took = at.saturating_duration_since(self.sent_at[order]);
        latencies.saturating_record(u64::try_from(took.as_micros()).unwrap());
    }

    fn confirmed(&mut self, pdu: &[u8]) {
        let (_, _, heard) = self.ran.as_mut().unwrap();
        heard.extend_from_slice(pdu);
        self.confirmed += 1;
    }

    fn is_done(&self) -> bool {
        let all = self.job.orders.len();
        self.answered == all && self.confirmed >= all
    }

    fn end(self) {
        let (latencies_us, put_back, heard) = self.ran.unwrap();
        let ran = Ran {
            latencies_us,
            put_back,
            heard,
        };
        // Whoever waited has given up.
        self.job.ran.send(ran).ok();
    }
}

/// The length of the first PDU once it is there whole.
fn whole(input: &[u8]) -> Option<usize> {
    if input.len() < HEADER_OCTETS {
        return None;
    }
    let length = usize::try_from(word(input, 0)).unwrap();
    (input.len() >= length).then_some(length)
}

fn word(octets: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(octets[at..at + 4].try_into().unwrap())
}

pub(super) const HEADER_OCTETS: usize = 16;
pub(super) const RESPONSE: u32 = 0x8000_0000;
pub(super) const SUBMIT_SM: u32 = 0x04;
pub(super) const DELIVER_SM_RESP: u32 = 0x8000_0005;
pub(super) const UNBIND: u32 = 0x06;
pub(super) const BIND_TRANSCEIVER: u32 = 0x09;
pub(super) const ENQUIRE_LINK: u32 = 0x15;
/// `ESME_RMSGQFUL`.
const COME_AGAIN: u32 = 0x14;
const READ_OCTETS: usize = 64 * 1024;
const BOUND_WITHIN: Duration = Duration::from_secs(30);
