//! The corpus of broken PDUs against a live bind, by a message centre that writes octets by hand.

use std::net::Ipv4Addr;

use bytes::BytesMut;
use svgate::smpp::pdu::{
    Body, CommandStatus, Pdu, ShortMessage, answer_for, decode, encode, split_frame,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::rig::{Rig, deliver_sm, message_of, within};
use crate::fixture::Phone;

#[path = "../../codecs/malformed.rs"]
mod corpus;

/// The connection of the one bind. It is never taken again: a link that goes down ends the test.
struct Centre {
    stream: TcpStream,
    input: BytesMut,
    /// What the gateway sent to phones.
    submitted: Vec<ShortMessage>,
}

/// An answer as its header says it.
type Answer = (u32, u32, u32);

impl Centre {
    async fn bound(listener: &TcpListener) -> Self {
        let (stream, _) = within(listener.accept()).await.unwrap();
        let mut centre = Self {
            stream,
            input: BytesMut::new(),
            submitted: Vec::new(),
        };
        let bind = centre.read().await;
        let resp = [
            header(0x8000_0009, 0, bind.sequence, 7),
            b"centre\0".to_vec(),
        ];
        centre.write(&resp.concat()).await;
        centre
    }

    async fn write(&mut self, octets: &[u8]) {
        within(self.stream.write_all(octets)).await.unwrap();
    }

    async fn read(&mut self) -> Pdu {
        loop {
            if let Some(frame) = split_frame(&mut self.input).unwrap() {
                return decode(&frame).unwrap();
            }
            let read = within(self.stream.read_buf(&mut self.input)).await;
            assert!(read.unwrap() > 0, "the link went down");
        }
    }

    /// The next answer to one of ours; what the gateway asks is answered on the way.
    async fn answer(&mut self) -> Answer {
        loop {
            let pdu = self.read().await;
            let sequence = pdu.sequence;
            if let Body::SubmitSm(message) = pdu.body {
                let resp = [header(0x8000_0004, 0, sequence, 3), b"id\0".to_vec()];
                self.write(&resp.concat()).await;
                self.submitted.push(message);
            } else if pdu.body == Body::EnquireLink {
                self.write(&header(0x8000_0015, 0, sequence, 0)).await;
            } else {
                return (pdu.id().0, pdu.status.0, sequence);
            }
        }
    }

    /// Every answer until the one to an `enquire_link` that follows, and the `expected` one.
    async fn answers(&mut self, enquiry: u32, expected: Option<Answer>) -> Vec<Answer> {
        self.write(&header(0x15, 0, enquiry, 0)).await;
        let (mut answers, mut alive) = (Vec::new(), false);
        while !alive || (expected.is_some() && answers.is_empty()) {
            match self.answer().await {
                (0x8000_0015, 0, sequence) if sequence == enquiry => alive = true,
                other => answers.push(other),
            }
        }
        answers
    }
}

/// A header of a PDU with so many octets behind it.
fn header(id: u32, status: u32, sequence: u32, body: u32) -> Vec<u8> {
    [16 + body, id, status, sequence]
        .map(u32::to_be_bytes)
        .concat()
}

/// What SMPP 3.4 asks for: responses and what needs none are not answered; a message that can be read
/// is dealt with; what an SMSC has no business to ask, and what can't be read, is refused by the
/// response of its command where there is one.
fn expected(octets: &[u8]) -> Option<Answer> {
    let frame = split_frame(&mut BytesMut::from(octets)).unwrap().unwrap();
    let id = u32::from_be_bytes(octets[4..8].try_into().unwrap());
    let sequence = u32::from_be_bytes(octets[12..16].try_into().unwrap());
    if id & RESPONSE != 0 || [OUTBIND, ALERT_NOTIFICATION].contains(&id) {
        return None;
    }
    match decode(&frame) {
        Err(error) => {
            let answer = answer_for(&error).unwrap();
            assert!(!answer.status.is_ok());
            let answered = answer.id().0;
            assert!([id | RESPONSE, RESPONSE].contains(&answered), "{id:08X}");
            Some((answered, answer.status.0, sequence))
        }
        Ok(_) if [DELIVER_SM, DATA_SM, ENQUIRE_LINK].contains(&id) => {
            Some((id | RESPONSE, 0, sequence))
        }
        Ok(_) => Some((RESPONSE, CommandStatus::ESME_RINVCMDID.0, sequence)),
    }
}

#[tokio::test]
async fn every_broken_pdu_is_answered_the_link_stays_and_a_good_order_is_paid() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut rig = Rig::before_start(1, |config| {
        config.smsc[0].port = port;
        config.smsc[0].request_timeout_ms = 60_000;
        config.purchase.order_take_within_ms = 5_000;
    })
    .await;
    let ((), mut centre) = tokio::join!(rig.serve(), Centre::bound(&listener));
    let mut met = 0;
    for (broken, sequence) in corpus::corpus(1).into_iter().zip((FIRST..).step_by(2)) {
        let mut octets = broken.octets;
        if octets[4..8] == UNBIND {
            continue;
        }
        octets[12..16].copy_from_slice(&sequence.to_be_bytes());
        centre.write(&octets).await;
        let expected = expected(&octets);
        let answers = centre.answers(sequence + 1, expected).await;
        let expected: Vec<Answer> = expected.into_iter().collect();
        assert_eq!(answers, expected, "{}", broken.what);
        met += 1;
    }
    assert!(met > 500, "{met}");
    rig.machine_is_alive().await;
    let mut phone = Phone::new(0);
    let mut order = BytesMut::new();
    let body = Body::DeliverSm(deliver_sm(&phone.espresso(0)));
    encode(&Pdu::request(7, body), &mut order).unwrap();
    centre.submitted.clear();
    centre.write(&order).await;
    assert_eq!(centre.answer().await, (DELIVER_SM | RESPONSE, 0, 7));
    let confirmation = loop {
        let mut submitted = centre.submitted.iter();
        if let Some(sealed) = submitted.find(|message| message.protocol_id == 0x7F) {
            break sealed.clone();
        }
        centre.answers(8, None).await;
    };
    phone.read(&message_of(&confirmation));
    drop(centre);
    let shop = rig.stop().await;
    assert_eq!(shop.paid().await, 1);
}

const RESPONSE: u32 = 0x8000_0000;
const DELIVER_SM: u32 = 0x05;
const OUTBIND: u32 = 0x0B;
const ENQUIRE_LINK: u32 = 0x15;
const ALERT_NOTIFICATION: u32 = 0x102;
const DATA_SM: u32 = 0x103;
/// An SMSC that unbinds ends the link, however it writes it.
const UNBIND: [u8; 4] = [0, 0, 0, 6];
/// Far from the gateway's own numbers, so that no stray response answers one of them.
const FIRST: u32 = 0x0100_0000;
