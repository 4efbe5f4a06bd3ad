//! USSD from a core network through the running gateway, with an HLR that a test plays.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::json;
use svgate::config::Config;
use svgate::config::gsup::GsupConfig;
use svgate::config::smsc::Originator;
use svgate::gsup::component::{Component, NOTIFY, PROCESS, REQUEST, UssdOctets};
use svgate::gsup::ipa;
use svgate::gsup::message::{Kind, Message, State};
use svgate::sms::coding::DataCoding;
use svgate::sms::ussd_string::UssdString;
use svgate::sms::{Carriage, Message as Text, SmscAlphabet};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::rig::{Rig, message_of, within};
use crate::fixture::{Phone, words};

fn at_hlr(port: u16) -> impl FnOnce(&mut Config) {
    move |config| {
        config.gsup.push(GsupConfig {
            name: "core".into(),
            host: "127.0.0.1".to_owned(),
            port,
            euse: "paygw".to_owned(),
            service_code: None,
            originator: Originator::Trusted,
            results_by: "smsc-1".into(),
            ping_s: 1,
            connect_timeout_ms: 1_000,
            reconnect_min_ms: 20,
            reconnect_max_ms: 50,
        });
    }
}

/// An HLR's end of one connection.
struct Hlr {
    stream: TcpStream,
    input: BytesMut,
}

impl Hlr {
    /// Takes the gateway's next connection and gets to know it.
    async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = within(listener.accept()).await.unwrap();
        let input = BytesMut::new();
        let mut hlr = Self { stream, input };
        hlr.write(&[0, 5, 0xFE, 4, 1, 1, 1, 0]).await;
        let name = b"\0\x0C\x00EUSE-paygw\0";
        let mut heard = Vec::new();
        while !heard.windows(name.len()).any(|part| part == name) {
            assert_ne!(hlr.read().await, 0, "it hung up");
            heard.extend_from_slice(&hlr.input.split());
        }
        hlr
    }

    async fn write(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    async fn read(&mut self) -> usize {
        within(self.stream.read_buf(&mut self.input)).await.unwrap()
    }

    async fn send(&mut self, state: State, imsi: &str, component: Component) {
        let message = Message {
            kind: Kind::Request,
            imsi: imsi.parse().unwrap(),
            session: 9,
            state,
            component: component.encode().unwrap().into(),
        };
        self.send_message(&message).await;
    }

    async fn send_message(&mut self, message: &Message) {
        let mut output = BytesMut::new();
        ipa::gsup(&message.encode(), &mut output);
        self.write(&output).await;
    }

    /// The next message: its state, and what its phone is shown.
    async fn next(&mut self) -> (State, String) {
        let message = self.message().await;
        (message.state, shown(&message.component))
    }

    async fn message(&mut self) -> Message {
        loop {
            match ipa::split_frame(&mut self.input).unwrap() {
                Some(ipa::Frame::Gsup(octets)) => return Message::decode(&octets).unwrap(),
                Some(ipa::Frame::Ping) => {
                    let mut output = BytesMut::new();
                    ipa::pong(&mut output);
                    self.write(&output).await;
                }
                Some(_) => {}
                None => assert_ne!(self.read().await, 0, "it hung up"),
            }
        }
    }

    async fn dial(&mut self, imsi: &str, code: &str) -> (State, String) {
        let component = Component::Invoke {
            id: 5,
            operation: PROCESS,
            string: Some(string(code)),
        };
        self.send(State::Begin, imsi, component).await;
        self.next().await
    }

    async fn answer(&mut self, imsi: &str, text: &str) -> (State, String) {
        let component = Component::Result {
            id: 5,
            string: Some((REQUEST, string(text))),
        };
        self.send(State::Continue, imsi, component).await;
        self.next().await
    }
}

fn string(text: &str) -> UssdOctets {
    let string = UssdString::write(text, SmscAlphabet::Gsm7Packed).unwrap();
    UssdOctets {
        coding: string.data_coding,
        octets: string.octets.into(),
    }
}

fn shown(component: &Bytes) -> String {
    let string = match Component::decode(component).unwrap() {
        Component::Invoke {
            id: 5,
            operation: REQUEST | NOTIFY,
            string: Some(string),
        }
        | Component::Result {
            id: 5,
            string: Some((PROCESS, string)),
        } => string,
        other => panic!("not for a phone: {other:?}"),
    };
    let carriage = Carriage {
        coding: DataCoding::from_cbs(string.coding),
        smsc: SmscAlphabet::Gsm7Packed,
        with_header: false,
    };
    let text = Text::read(&string.octets, carriage).unwrap().text();
    text.unwrap()
}

/// As the fixture's subscribers have them.
async fn imsi(rig: &Rig) -> String {
    rig.text_of_books("select imsi from line order by subscriber_id limit 1")
        .await
}

#[tokio::test]
async fn a_card_buys_from_a_menu_and_is_told_by_sms() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut rig = Rig::start(1, at_hlr(listener.local_addr().unwrap().port())).await;
    rig.machine_is_alive().await;
    let mut hlr = Hlr::accept(&listener).await;
    let imsi = imsi(&rig).await;
    let (state, menu) = hlr.dial(&imsi, "*778#").await;
    assert_eq!(state, State::Continue);
    assert!(menu.starts_with("Pay with your phone\n1 Buy"), "{menu}");
    hlr.answer(&imsi, "1").await;
    hlr.answer(&imsi, "4711").await;
    let (_, advice) = hlr.answer(&imsi, "1").await;
    assert!(
        advice.starts_with("1 x Espresso, Coffee & Co: 2.60 EUR."),
        "{advice}"
    );
    let (state, paid) = hlr.answer(&imsi, "1").await;
    assert_eq!(state, State::End);
    assert!(paid.starts_with("Paid 2.60 EUR to Coffee & Co"), "{paid}");
    let told = words(&message_of(&rig.next_message().await));
    assert_eq!(told, paid);
    let (state, late) = hlr.answer(&imsi, "1").await;
    assert!(
        state == State::End && late.starts_with("This session is over"),
        "{late}"
    );
    let (state, stranger) = hlr.dial("262019999999999", "*778*4711*12#").await;
    assert_eq!(state, State::End);
    assert!(!stranger.contains("Paid"), "{stranger}");
    let metrics = rig.metrics().await;
    for line in [
        "gsup_connected{hlr=\"core\"} 1",
        "ussd_steps_total{smsc=\"core\",dialect=\"gsup\",step=\"confirm\"} 1",
        "ussd_ended_total{smsc=\"core\",dialect=\"gsup\",end=\"closed\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert_eq!(rig.stop().await.paid().await, 1);
}

#[tokio::test]
async fn an_hlr_that_hangs_up_or_falls_silent_is_come_back_to_and_its_sessions_are_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rig = Rig::start(1, at_hlr(listener.local_addr().unwrap().port())).await;
    rig.machine_is_alive().await;
    let mut hlr = Hlr::accept(&listener).await;
    let imsi = imsi(&rig).await;
    hlr.dial(&imsi, "*778*4711#").await;
    let (_, advice) = hlr.answer(&imsi, "1").await;
    assert!(advice.contains("2.60 EUR"), "{advice}");
    drop(hlr);
    let mut hlr = Hlr::accept(&listener).await;
    let (state, late) = hlr.answer(&imsi, "1").await;
    assert!(
        state == State::End && late.starts_with("This session is over"),
        "{late}"
    );
    // It says nothing more, and answers no ping.
    let mut again = Hlr::accept(&listener).await;
    let (state, paid) = again.dial(&imsi, "*778*4711*12#").await;
    assert!(
        state == State::End && paid.starts_with("Paid 2.60 EUR"),
        "{paid}"
    );
    // What is no frame at all is the end of a connection, and of nothing else.
    again.write(&[0xFF; 64]).await;
    let mut last = Hlr::accept(&listener).await;
    last.write(&[0, 2, 0xEE, 5, 0x04]).await;
    last.write(&[0, 5, 0xEE, 5, 0x20, 1, 9, 0]).await;
    let (_, menu) = last.dial(&imsi, "*778#").await;
    assert!(menu.starts_with("Pay with"), "{menu}");
    let metrics = rig.metrics().await;
    for line in [
        "gsup_connections_total{hlr=\"core\"} 4",
        "gsup_malformed_total{hlr=\"core\"} 2",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert_eq!(rig.stop().await.paid().await, 1);
}

#[tokio::test]
async fn an_hlr_that_does_not_ask_who_comes_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let rig = Rig::start(1, |config| {
        at_hlr(port)(config);
        config.gsup[0].connect_timeout_ms = 30;
        config.gsup[0].ping_s = 60;
    })
    .await;
    let (mut silent, _) = within(listener.accept()).await.unwrap();
    let mut nothing = [0; 1];
    let left = silent.read(&mut nothing);
    assert_eq!(within(left).await.unwrap(), 0);
    let (_next, _) = tokio::time::timeout(Duration::from_secs(10), listener.accept())
        .await
        .unwrap()
        .unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn a_payer_is_asked_at_the_core_network_and_by_text_while_it_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut rig = Rig::start(2, |config| {
        at_hlr(port)(config);
        config.ussd.ask_by = Some("core".into());
    })
    .await;
    rig.machine_is_alive().await;
    let mut hlr = Hlr::accept(&listener).await;
    while !rig
        .metrics()
        .await
        .contains("gsup_connected{hlr=\"core\"} 1")
    {
        tokio::task::yield_now().await;
    }
    let order = |reference: &str, payer: Phone| {
        let payer = payer.msisdn().expose_digits();
        json!({"client_reference": reference, "item": "12", "payer_msisdn": payer})
    };
    let kiosk = "/v1/kiosks/machine-0/orders";
    rig.post_to(kiosk, &order("till/1", Phone::new(0))).await;
    let asked = hlr.message().await;
    assert_eq!((asked.state, asked.kind), (State::Begin, Kind::Request));
    assert_eq!(asked.imsi, imsi(&rig).await.parse().unwrap());
    let Ok(Component::Invoke {
        id,
        operation: REQUEST,
        string: Some(_),
    }) = Component::decode(&asked.component)
    else {
        panic!("not a question: {asked:?}")
    };
    let yes = Component::Result {
        id,
        string: Some((REQUEST, string("1"))),
    };
    let yes = Message {
        state: State::Continue,
        component: yes.encode().unwrap().into(),
        ..asked
    };
    hlr.send_message(&yes).await;
    let told = words(&message_of(&rig.next_message().await));
    assert!(told.starts_with("Paid 2.60 EUR"), "{told}");
    assert_eq!(
        hlr.message().await.state,
        State::Continue,
        "a last text to be seen"
    );
    drop((hlr, listener));
    rig.post_to(kiosk, &order("till/2", Phone::new(1))).await;
    let told = words(&message_of(&rig.next_message().await));
    assert!(
        told.starts_with("Coffee & Co asks you to pay 2.60 EUR."),
        "{told}"
    );
    assert_eq!(rig.stop().await.paid().await, 1);
}
