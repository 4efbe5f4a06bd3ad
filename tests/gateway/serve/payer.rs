//! A kiosk names who pays: the phone is asked, by USSD where that can be, else by text.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use svgate::config::Config;
use svgate::smpp::pdu::{Address, ShortMessage, Tag};
use svgate::smpp::ussd::Dialect;

use super::rig::{Rig, message_of, within};
use crate::fixture::{Phone, words};

fn asking_in(dialect: &str) -> impl FnOnce(&mut Config) {
    move |config| {
        config.smsc[0].ussd_dialect = Some(dialect.into());
        config.ussd.ask_by = Some(config.smsc[0].smsc());
    }
}

async fn order(rig: &Rig, reference: &str, payer: &str) -> Value {
    let order = json!({"client_reference": reference, "item": "12", "payer_msisdn": payer});
    rig.post_to("/v1/kiosks/machine-0/orders", &order).await
}

fn number(phone: &Phone) -> String {
    format!("+{}", phone.msisdn().expose_digits())
}

/// What the phone answers to a question, in the session of that.
fn answer(dialect: &Dialect, question: &ShortMessage, text: &str) -> ShortMessage {
    let mut message = ShortMessage {
        service_type: "USSD".into(),
        source: question.destination.clone(),
        destination: question.source.clone(),
        data_coding: 0x0F,
        short_message: bytes::Bytes::copy_from_slice(text.as_bytes()).into(),
        ..ShortMessage::default()
    };
    let op = dialect.incoming.answer.last().copied().unwrap();
    message.tlvs.push(Tag::USSD_SERVICE_OP, vec![op]);
    if let Some(tag) = dialect.session.tag() {
        let mark = question.tlvs.octets(tag).cloned().unwrap();
        message.tlvs.push(tag, mark.to_vec());
    }
    message
}

#[tokio::test]
async fn a_payer_who_says_yes_pays_in_every_dialect_that_can_ask() {
    for dialect in Dialect::shipped()
        .unwrap()
        .into_iter()
        .filter(Dialect::asks)
    {
        let name = &dialect.name;
        let mut rig = Rig::start(1, asking_in(name)).await;
        rig.machine_is_alive().await;
        let phone = Phone::new(0);
        let ordered = order(&rig, "till/1", &number(&phone)).await;
        assert_eq!(ordered["state"], "ordered", "{name}: {ordered}");
        let question = rig.next_message().await;
        assert_eq!(question.tlvs.ussd_service_op(), dialect.outgoing.ask);
        let asked = words(&message_of(&question));
        let shown = "You are asked to pay:\n2.60 EUR to Coffee & Co. It goes on your bill.";
        assert!(asked.starts_with(shown), "{name}: {asked}");
        assert_eq!(
            question.destination,
            Address::international(phone.msisdn().expose_digits())
        );
        rig.smsc
            .deliver(answer(&dialect, &question, "1"))
            .await
            .unwrap();
        let (mut closing, mut told) = (None, None);
        while closing.is_none() || told.is_none() {
            let message = rig.next_message().await;
            let text = words(&message_of(&message));
            match message.tlvs.ussd_service_op() {
                Some(op) => closing = Some((op, text)),
                None => told = Some(text),
            }
        }
        let ends = dialect.outgoing.ask_end.unwrap_or(dialect.outgoing.end);
        assert_eq!(closing, Some((ends, told.clone().unwrap())), "{name}");
        assert!(told.unwrap().starts_with("Paid 2.60 EUR"), "{name}");
        let acks = rig.acks("after=0").await;
        assert_eq!(acks["acks"][0]["purchase"], ordered["purchase"], "{name}");
        let counted = rig.metrics().await;
        let line = format!("ussd_sessions_asked_total{{smsc=\"smsc-1\",dialect=\"{name}\"}} 1");
        assert!(counted.contains(&line), "{counted}");
        let shop = rig.stop().await;
        assert_eq!(shop.paid().await, 1);
        assert_eq!(shop.outbox().await.len(), 0, "{name}: the question is gone");
    }
}

#[tokio::test]
async fn who_says_no_pays_nothing_and_is_left_alone_for_a_while() {
    let dialect = Dialect::shipped().unwrap().remove(0);
    let mut rig = Rig::start(2, asking_in("spec")).await;
    rig.machine_is_alive().await;
    let (phone, other) = (Phone::new(0), Phone::new(1));
    let first = order(&rig, "till/1", &number(&phone)).await;
    let question = rig.next_message().await;
    // The same order again asks nobody again.
    let again = order(&rig, "till/1", &number(&phone)).await;
    assert_eq!(again["pon"], first["pon"]);
    let conflict = order(&rig, "till/1", &number(&other)).await;
    assert_eq!(conflict["status"], 409, "{conflict}");
    rig.smsc
        .deliver(answer(&dialect, &question, "0"))
        .await
        .unwrap();
    let closing = rig.next_message().await;
    assert_eq!(words(&message_of(&closing)), "Nothing was paid.");
    // Asked a moment ago: the next order has a number, and no question.
    let second = order(&rig, "till/2", &number(&phone)).await;
    assert_eq!(second["state"], "ordered", "{second}");
    let third = order(&rig, "till/3", &number(&other)).await;
    assert_eq!(third["state"], "ordered", "{third}");
    let question = rig.next_message().await;
    assert_eq!(
        question.destination,
        Address::international(other.msisdn().expose_digits())
    );
    assert_eq!(rig.stop().await.paid().await, 0);
}

#[tokio::test]
async fn whoever_cannot_be_asked_by_ussd_is_asked_by_text() {
    let mut rig = Rig::start(1, asking_in("bare")).await;
    rig.machine_is_alive().await;
    let phone = Phone::new(0);
    let ordered = order(&rig, "till/1", &number(&phone)).await;
    let pon = ordered["pon"].as_str().unwrap();
    let asked = rig.next_message().await;
    assert_eq!(asked.tlvs.ussd_service_op(), None);
    let text = words(&message_of(&asked));
    let wanted = format!("Coffee & Co asks you to pay 2.60 EUR. If you agree, send: PAY {pon}");
    assert_eq!(text, wanted);
    let paid = rig.deliver(&phone.text(&format!("PAY {pon}"))).await;
    assert!(paid.status.is_some());
    let told = rig.next_message().await;
    assert!(words(&message_of(&told)).starts_with("Paid 2.60 EUR"));
    assert_eq!(rig.stop().await.paid().await, 1);
}

#[tokio::test]
async fn a_phone_in_a_session_is_asked_by_text() {
    let dialect = Dialect::shipped().unwrap().remove(0);
    let mut rig = Rig::start(1, asking_in("spec")).await;
    rig.machine_is_alive().await;
    let phone = Phone::new(0);
    let mut dials = ShortMessage {
        source: Address::international(phone.msisdn().expose_digits()),
        destination: Address::international("778"),
        data_coding: 0x0F,
        short_message: bytes::Bytes::from_static(b"*778#").into(),
        ..ShortMessage::default()
    };
    dials.tlvs.push(Tag::USSD_SERVICE_OP, vec![1]);
    dials
        .tlvs
        .push(dialect.session.tag().unwrap(), vec![0x33, 0]);
    rig.smsc.deliver(dials).await.unwrap();
    let menu = rig.next_message().await;
    assert!(words(&message_of(&menu)).starts_with("Pay with your phone"));
    order(&rig, "till/1", &number(&phone)).await;
    let asked = rig.next_message().await;
    assert_eq!(asked.tlvs.ussd_service_op(), None);
    assert!(words(&message_of(&asked)).contains("asks you to pay"));
    rig.stop().await;
}

#[tokio::test]
async fn nobody_learns_who_is_a_subscriber_and_a_question_waits_for_its_bind() {
    let mut rig = Rig::start(1, asking_in("spec")).await;
    rig.machine_is_alive().await;
    let stranger = order(&rig, "till/1", "+4917099999999").await;
    assert_eq!(stranger["state"], "ordered", "{stranger}");
    for (payer, field) in [("0170123", "payer_msisdn"), ("+49x70", "payer_msisdn")] {
        let refused = order(&rig, "till/9", payer).await;
        assert_eq!(refused["status"], 400, "{refused}");
        assert!(refused.to_string().contains(field), "{refused}");
    }
    rig.smsc
        .faults()
        .refuse_binds
        .store(0x0D, Ordering::Relaxed);
    rig.smsc.disconnect_all();
    within(rig.smsc.until_bound(0)).await;
    order(&rig, "till/2", &number(&Phone::new(0))).await;
    rig.smsc.faults().refuse_binds.store(0, Ordering::Relaxed);
    let question = rig.next_message().await;
    assert!(words(&message_of(&question)).starts_with("You are asked to pay:"));
    let shop = rig.books().await;
    while !shop.outbox().await.is_empty() {
        tokio::task::yield_now().await;
    }
    drop(shop);
    rig.stop().await;
}

#[tokio::test]
async fn an_order_for_a_payer_is_refused_where_nobody_is_asked() {
    let rig = Rig::start(1, |_| {}).await;
    let refused = order(&rig, "till/1", &number(&Phone::new(0))).await;
    assert_eq!(refused["status"], 422, "{refused}");
    assert!(refused.to_string().contains("ask_by"), "{refused}");
    rig.stop().await;
}
