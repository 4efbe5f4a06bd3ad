//! A USSD centre that costs little: sessions in the dialect of the specification, each of a phone that
//! dials a machine, chooses what stands first, and says yes to its price.
//!
//! ```text
//! dial *778*4711# ─► list   1 ─► whole price   1 ─► closing text, and an SMS      then the next phone
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use hdrhistogram::Histogram;
use svgate::smpp::pdu::{
    Address, Body, Frame, Pdu, ShortMessage, Tag, decode, encode, split_frame,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::centre::{
    BIND_TRANSCEIVER, DELIVER_SM_RESP, ENQUIRE_LINK, HEADER_OCTETS, RESPONSE, SUBMIT_SM, UNBIND,
};
use super::gateway::short_code;
use super::now;
use super::phones::msisdn;

/// What the binds of one run do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) binds: u32,
    /// Sessions open on each bind.
    pub(crate) open: u8,
    /// Phones, each of which buys once.
    pub(crate) phones: u32,
    pub(crate) machines: u32,
}

/// How a run went.
pub(crate) struct Dialled {
    pub(crate) took: Duration,
    /// From a `deliver_sm` to the text that answers it.
    pub(crate) steps_us: Histogram<u64>,
    pub(crate) paid: u32,
    /// Texts besides the sessions.
    pub(crate) told: u32,
}

/// Listens; the gateway may be started.
pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Takes every bind, and lets the phones buy once it is told to.
pub(crate) async fn run(
    listener: TcpListener,
    plan: Plan,
    bound: oneshot::Sender<()>,
    begin: oneshot::Receiver<()>,
) -> Dialled {
    let mut streams = Vec::new();
    for bind in 0..plan.binds {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(Line::bind(bind, stream, plan).await);
    }
    bound.send(()).unwrap();
    begin.await.unwrap();
    let began = now();
    let mut lines: JoinSet<Line> = streams.into_iter().map(Line::run).collect();
    let mut all = Dialled {
        took: Duration::ZERO,
        steps_us: histogram(),
        paid: 0,
        told: 0,
    };
    let mut ended = Vec::new();
    while let Some(line) = lines.join_next().await {
        let line = line.unwrap();
        all.took = now().saturating_duration_since(began);
        all.steps_us.add(&line.steps_us).unwrap();
        all.paid += line.paid;
        all.told += line.told;
        ended.push(line);
    }
    // The gateway unbinds from lines that are still answered.
    for mut line in ended {
        #[expect(clippy::disallowed_methods, reason = "it ends with the benchmark")]
        tokio::spawn(async move { while line.turn().await {} });
    }
    all
}

/// One bind.
struct Line {
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
    plan: Plan,
    /// Phones of this bind that have not dialled.
    waiting: Vec<u32>,
    sessions: Vec<Option<Session>>,
    steps_us: Histogram<u64>,
    sequence: u32,
    messages: u32,
    bound: bool,
    paid: u32,
    told: u32,
}

#[derive(Clone, Copy)]
struct Session {
    phone: u32,
    answers: u8,
    at: Instant,
}

impl Line {
    async fn bind(bind: u32, stream: TcpStream, plan: Plan) -> Self {
        let phones = (0..plan.phones).filter(|phone| phone % plan.binds == bind);
        let mut line = Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            plan,
            waiting: phones.collect(),
            sessions: vec![None; usize::from(plan.open)],
            steps_us: histogram(),
            sequence: 0,
            messages: 0,
            bound: false,
            paid: 0,
            told: 0,
        };
        while !line.bound {
            assert!(line.turn().await, "the gateway binds");
        }
        line
    }

    async fn run(mut self) -> Self {
        let all = u32::try_from(self.waiting.len()).unwrap();
        for slot in 0..self.plan.open {
            self.dial(slot);
        }
        while self.paid < all || self.told < all {
            assert!(self.turn().await, "the gateway stays");
        }
        self
    }

    /// Writes what is to be written, and takes what came; false when the gateway is gone.
    async fn turn(&mut self) -> bool {
        let output = self.output.split();
        if !output.is_empty() && self.stream.write_all(&output).await.is_err() {
            return false;
        }
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
        let at = now();
        while let Some(frame) = split_frame(&mut self.input).unwrap() {
            self.take(&frame, at);
        }
        true
    }

    fn take(&mut self, frame: &Frame, at: Instant) {
        let header = frame.header();
        let (command, sequence) = (header.id.0, header.sequence);
        match command {
            SUBMIT_SM => {
                self.messages += 1;
                let id = format!("{:010}\0", self.messages);
                self.answer(command, sequence, id.as_bytes());
                let Body::SubmitSm(message) = decode(frame).unwrap().body else {
                    panic!("not a submit_sm")
                };
                self.heard(&message, at);
            }
            DELIVER_SM_RESP => assert_eq!(header.status.0, 0, "the status of a deliver_sm_resp"),
            BIND_TRANSCEIVER => {
                self.answer(command, sequence, b"bench\0");
                self.bound = true;
            }
            ENQUIRE_LINK | UNBIND => self.answer(command, sequence, &[]),
            _ => {}
        }
    }

    fn heard(&mut self, message: &ShortMessage, at: Instant) {
        let text = message.payload().0;
        let Some(op) = message.tlvs.ussd_service_op() else {
            assert!(text.starts_with(b"Paid"), "{}", text.escape_ascii());
            self.told += 1;
            return;
        };
        let slot = message.tlvs.octets(Tag(ITS_SESSION_INFO)).unwrap()[0];
        let session = self.sessions[usize::from(slot)].as_mut().unwrap();
        let took = at.saturating_duration_since(session.at);
        let took = u64::try_from(took.as_micros()).unwrap();
        self.steps_us.saturating_record(took);
        if op == PSSR_RESPONSE {
            assert!(text.starts_with(b"Paid"), "{}", text.escape_ascii());
            self.paid += 1;
            self.sessions[usize::from(slot)] = None;
            self.dial(slot);
        } else {
            session.answers += 1;
            session.at = at;
            assert!(session.answers <= 2, "{}", text.escape_ascii());
            let phone = session.phone;
            self.deliver(slot, phone, "1", USSR_CONFIRM);
        }
    }

    fn dial(&mut self, slot: u8) {
        let Some(phone) = self.waiting.pop() else {
            return;
        };
        let code = format!("*778*{}#", short_code(phone % self.plan.machines));
        self.sessions[usize::from(slot)] = Some(Session {
            phone,
            answers: 0,
            at: now(),
        });
        self.deliver(slot, phone, &code, PSSR_INDICATION);
    }

    fn deliver(&mut self, slot: u8, phone: u32, text: &str, op: u8) {
        let mut message = ShortMessage {
            service_type: "USSD".into(),
            source: Address::international(msisdn(phone).to_string()),
            destination: Address::international("778"),
            data_coding: CBS_DEFAULT,
            short_message: Bytes::copy_from_slice(text.as_bytes()).into(),
            ..ShortMessage::default()
        };
        message.tlvs.push(Tag::USSD_SERVICE_OP, vec![op]);
        message.tlvs.push(Tag(ITS_SESSION_INFO), vec![slot, 0]);
        self.sequence += 1;
        let pdu = Pdu::request(self.sequence, Body::DeliverSm(message));
        encode(&pdu, &mut self.output).unwrap();
    }

    fn answer(&mut self, command: u32, sequence: u32, body: &[u8]) {
        let length = u32::try_from(HEADER_OCTETS + body.len()).unwrap();
        for word in [length, command | RESPONSE, 0, sequence] {
            self.output.extend_from_slice(&word.to_be_bytes());
        }
        self.output.extend_from_slice(body);
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).unwrap()
}

const ITS_SESSION_INFO: u16 = 0x1383;
const PSSR_INDICATION: u8 = 1;
const PSSR_RESPONSE: u8 = 17;
const USSR_CONFIRM: u8 = 18;
const CBS_DEFAULT: u8 = 0x0F;
