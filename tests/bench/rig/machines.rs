//! Machines that poll, accept and report, each on one connection, with HTTP/1.1 written by hand: the
//! gateway answers with `content-length` and nothing chunked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use svgate::vend::AcksJson;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::gateway::{machine_id, token};

/// Machines that work. They end when this is dropped.
pub(crate) struct Floor {
    supplied: Arc<Supplied>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Supplied {
    count: AtomicU64,
    more: Notify,
}

impl Floor {
    /// Switches `count` machines on, each alive when this returns.
    pub(crate) async fn start(gateway: SocketAddr, count: u32) -> Self {
        let supplied = Arc::<Supplied>::default();
        let mut tasks = JoinSet::new();
        for machine in 0..count {
            let mut machine = Machine::connect(gateway, machine).await;
            machine.poll(0).await;
            tasks.spawn(machine.work(Arc::clone(&supplied)));
        }
        Self { supplied, tasks }
    }

    /// How many purchases were given out so far.
    pub(crate) fn supplied(&self) -> u64 {
        self.supplied.count.load(Ordering::Relaxed)
    }

    /// Waits until `count` purchases were given out and reported.
    pub(crate) async fn until_supplied(&mut self, count: u64) {
        while self.supplied.count.load(Ordering::Relaxed) < count {
            tokio::select! {
                () = self.supplied.more.notified() => {}
                Some(ended) = self.tasks.join_next() => panic!("a machine ended: {ended:?}"),
            }
        }
    }
}

/// Lets each machine ask once, and be alive from then on for as long as the configuration says.
pub(crate) async fn show_life(gateway: SocketAddr, count: u32) {
    for machine in 0..count {
        Machine::connect(gateway, machine).await.poll(0).await;
    }
}

/// One machine with its connection.
struct Machine {
    stream: TcpStream,
    input: BytesMut,
    /// Path and headers of its own.
    path: String,
    headers: String,
    /// The last ack that it knows.
    last: i64,
}

impl Machine {
    async fn connect(gateway: SocketAddr, machine: u32) -> Self {
        let stream = TcpStream::connect(gateway).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (id, token) = (machine_id(machine), token(machine));
        Self {
            stream,
            input: BytesMut::new(),
            path: format!("/v1/terminals/{id}/acks"),
            headers: format!("host: {gateway}\r\nauthorization: Bearer {token}\r\n"),
            last: 0,
        }
    }

    async fn work(mut self, supplied: Arc<Supplied>) {
        loop {
            for ack in self.poll(POLL_WAIT_S).await {
                self.say(ack, "accept", "{}").await;
                self.say(ack, "result", "{\"result\":\"supplied\"}").await;
                supplied.count.fetch_add(1, Ordering::Relaxed);
                supplied.more.notify_one();
            }
        }
    }

    /// Asks for acks that it does not know yet.
    async fn poll(&mut self, wait_s: u8) -> Vec<i64> {
        let (path, headers, last) = (&self.path, &self.headers, self.last);
        let request = format!("GET {path}?after={last}&wait={wait_s} HTTP/1.1\r\n{headers}\r\n");
        let body = self.ask(&request).await;
        let acks: AcksJson = serde_json::from_slice(&body).expect("acks");
        let acks: Vec<i64> = acks.acks.iter().map(|ack| ack.ack).collect();
        self.last = acks.last().copied().unwrap_or(last);
        acks
    }

    async fn say(&mut self, ack: i64, word: &str, body: &str) {
        let (path, headers, length) = (&self.path, &self.headers, body.len());
        let request = format!(
            "POST {path}/{ack}/{word} HTTP/1.1\r\n{headers}content-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.ask(&request).await;
    }

    /// Says it again, as a machine does, until the gateway is not too busy for it.
    async fn ask(&mut self, request: &str) -> Bytes {
        loop {
            let (status, body) = self.exchange(request).await;
            match &*status {
                b"200" => return body,
                b"503" => tokio::time::sleep(PAUSE).await,
                _ => panic!("{request} -> {}", body.escape_ascii()),
            }
        }
    }

    /// Sends a request and takes status and body of its answer.
    async fn exchange(&mut self, request: &str) -> (Bytes, Bytes) {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        loop {
            if let Some((head, length)) = answer(&self.input)
                && self.input.len() >= head + length
            {
                let status = self.input.split_to(head).freeze().slice(STATUS);
                return (status, self.input.split_to(length).freeze());
            }
            let read = self.stream.read_buf(&mut self.input).await.unwrap();
            assert!(read > 0, "the gateway hung up");
        }
    }
}

/// The octets of an answer's head, once it is there whole, and of its body.
fn answer(input: &[u8]) -> Option<(usize, usize)> {
    let end = input.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&input[..end]).unwrap();
    let length = head
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: "));
    Some((end + 4, length.expect("content-length").parse().unwrap()))
}

/// Where a response's head has its status.
const STATUS: std::ops::Range<usize> = 9..12;
/// The pause before a word is said again.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
/// A long poll's wait, s.
const POLL_WAIT_S: u8 = 20;
