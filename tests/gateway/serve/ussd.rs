//! USSD through the running gateway: whole dialogues in every dialect, and what goes wrong in them.

use svgate::config::Config;
use svgate::smpp::pdu::{Address, CommandStatus, ShortMessage, Tag};
use svgate::smpp::ussd::Dialect;

use super::rig::{Rig, message_of};
use super::until;
use crate::fixture::{Phone, words};

/// A phone at a centre that speaks a dialect.
struct Caller {
    phone: Phone,
    dialect: Dialect,
    mark: Vec<u8>,
}

impl Caller {
    fn new(dialect: &str, number: u32) -> Self {
        let dialects = Dialect::shipped().unwrap();
        let dialect = dialects.into_iter().find(|d| &*d.name == dialect).unwrap();
        let octets = if &*dialect.name == "comverse" { 4 } else { 2 };
        let mut mark = vec![0x12; octets];
        mark[1] = 0x34;
        Self {
            phone: Phone::new(number),
            dialect,
            mark,
        }
    }

    fn message(&self, text: &str, op: u8) -> ShortMessage {
        let mut message = ShortMessage {
            service_type: "USSD".into(),
            source: Address::international(self.phone.msisdn().expose_digits()),
            destination: Address {
                ton: 0,
                npi: 1,
                value: "*778#".into(),
            },
            data_coding: 0x0F,
            short_message: bytes::Bytes::copy_from_slice(text.as_bytes()).into(),
            ..ShortMessage::default()
        };
        message.tlvs.push(Tag::USSD_SERVICE_OP, vec![op]);
        if let Some(tag) = self.dialect.session.tag() {
            message.tlvs.push(tag, self.mark.clone());
        }
        message
    }

    fn dials(&self, code: &str) -> ShortMessage {
        self.message(code, 1)
    }

    fn answers(&self, text: &str) -> ShortMessage {
        let answer = self.dialect.incoming.answer.last().copied().unwrap();
        self.message(text, answer)
    }

    /// Sends a message and waits for the next page; whether it ends the session.
    async fn next(&self, rig: &mut Rig, message: ShortMessage) -> (String, bool) {
        let delivered = rig.smsc.deliver(message).await.unwrap();
        assert_eq!(delivered.status, Some(CommandStatus::ESME_ROK));
        self.page(rig).await
    }

    /// The next page, past messages that are none.
    async fn page(&self, rig: &mut Rig) -> (String, bool) {
        loop {
            let message = rig.next_message().await;
            if let Some(op) = message.tlvs.ussd_service_op() {
                let outgoing = &self.dialect.outgoing;
                let mark = self.dialect.session.tag();
                let mark = mark.and_then(|tag| message.tlvs.octets(tag)).cloned();
                let bit = mark.is_some_and(|mark| mark.last().unwrap() & 1 == 1);
                let ends = if self.dialect.session.last_bit_ends {
                    bit
                } else {
                    op == outgoing.end
                };
                assert!(ends || op == outgoing.goes_on, "{op}");
                return (words(&message_of(&message)), ends);
            }
        }
    }
}

fn speaking(dialect: &str) -> impl FnOnce(&mut Config) {
    move |config| config.smsc[0].ussd_dialect = Some(dialect.into())
}

#[tokio::test]
async fn every_dialect_browses_buys_and_is_told_by_sms() {
    for dialect in Dialect::shipped().unwrap() {
        let name = dialect.name.clone();
        let mut rig = Rig::start(1, speaking(&name)).await;
        rig.machine_is_alive().await;
        let caller = Caller::new(&name, 0);
        let batches = "select batch from node";
        let shop = rig.books().await;
        let (page, ends) = caller.next(&mut rig, caller.dials("*778#")).await;
        assert!(
            page.starts_with("Pay with your phone\n1 Buy") && !ends,
            "{name}: {page}"
        );
        let before = shop.count(batches).await;
        let mut page = String::new();
        for answer in ["1", "4711", "1"] {
            let (next, ends) = caller.next(&mut rig, caller.answers(answer)).await;
            assert!(!ends, "{name}: {next}");
            page = next;
        }
        assert!(
            page.starts_with("1 x Espresso, Coffee & Co: 2.60 EUR."),
            "{name}: {page}"
        );
        assert_eq!(shop.count(batches).await, before, "a step commits nothing");
        rig.smsc.deliver(caller.answers("1")).await.unwrap();
        let (mut closing, mut told) = (None, None);
        while closing.is_none() || told.is_none() {
            let message = rig.next_message().await;
            let text = words(&message_of(&message));
            match message.tlvs.ussd_service_op() {
                Some(_) => closing = Some(text),
                None => told = Some((text, message.source.value)),
            }
        }
        let (told, from) = told.unwrap();
        assert!(
            told.starts_with("Paid 2.60 EUR to Coffee & Co"),
            "{name}: {told}"
        );
        assert_eq!((closing, from.as_octets()), (Some(told), &b"778"[..]));
        let metrics = rig.metrics().await;
        for line in [
            format!("ussd_steps_total{{smsc=\"smsc-1\",dialect=\"{name}\",step=\"confirm\"}} 1"),
            format!("ussd_ended_total{{smsc=\"smsc-1\",dialect=\"{name}\",end=\"closed\"}} 1"),
            "svgate_purchases_total{channel=\"ussd\",outcome=\"paid\"} 1".to_owned(),
        ] {
            assert!(metrics.contains(&line), "{line}\n{metrics}");
        }
        drop(shop);
        assert_eq!(rig.stop().await.paid().await, 1);
    }
}

#[tokio::test]
async fn a_dialled_order_that_comes_again_after_a_break_is_paid_once() {
    let mut rig = Rig::start(1, speaking("mica")).await;
    rig.machine_is_alive().await;
    let caller = Caller::new("mica", 0);
    let dialled = caller.dials("*778*4711*12#");
    let (said, ends) = caller.next(&mut rig, dialled.clone()).await;
    assert!(ends && said.starts_with("Paid 2.60 EUR"), "{said}");
    rig.is_bound_anew().await;
    let (again, ends) = caller.next(&mut rig, dialled).await;
    assert!(ends);
    assert_eq!(again, said);
    let (wrong, _) = caller.next(&mut rig, caller.dials("*778*83920172#")).await;
    assert!(wrong.starts_with("One digit is wrong."), "{wrong}");
    assert_eq!(rig.stop().await.paid().await, 1);
}

#[tokio::test]
async fn a_session_that_dies_after_its_order_is_paid_once_and_told_by_sms() {
    let mut rig = Rig::start(1, |config| {
        speaking("6d")(config);
        config.purchase.order_take_within_ms = 20_000;
    })
    .await;
    rig.machine_is_alive().await;
    let caller = Caller::new("6d", 0);
    caller.next(&mut rig, caller.dials("*778*4711#")).await;
    caller.next(&mut rig, caller.answers("1")).await;
    let lock = rig.lock_books().await;
    rig.smsc.deliver(caller.answers("1")).await.unwrap();
    // The subscriber hangs up while the order is at the books.
    rig.smsc.deliver(caller.message("", 0x81)).await.unwrap();
    let ended = "end=\"released\"} 1";
    while !rig.metrics().await.contains(ended) {
        tokio::task::yield_now().await;
    }
    lock.release().await;
    let told = rig.next_message().await;
    assert_eq!(
        told.tlvs.ussd_service_op(),
        None,
        "{}",
        words(&message_of(&told))
    );
    assert!(words(&message_of(&told)).starts_with("Paid 2.60 EUR"));
    // What comes late for that session is told so, and buys nothing.
    let (late, ends) = caller.next(&mut rig, caller.answers("1")).await;
    assert!(ends && late.starts_with("This session is over."), "{late}");
    assert_eq!(rig.stop().await.paid().await, 1);
}

#[tokio::test]
async fn books_that_take_nothing_cost_nothing() {
    let mut rig = Rig::start(2, speaking("spec")).await;
    rig.machine_is_alive().await;
    let caller = Caller::new("spec", 0);
    let lock = rig.lock_books().await;
    // One that the writer takes and waits with, so that the next one is not taken in time.
    let first = rig.enqueue(&Phone::new(1).text("HELP"));
    until(|| rig.smsc.queued() == 0).await;
    let (said, ends) = caller.next(&mut rig, caller.dials("*778*4711*12#")).await;
    assert!(ends && said.contains("Nothing was paid"), "{said}");
    lock.release().await;
    first.await.unwrap();
    assert_eq!(rig.stop().await.paid().await, 0);
}

#[tokio::test]
async fn a_lost_connection_takes_its_sessions_along() {
    let mut rig = Rig::start(1, speaking("tata")).await;
    rig.machine_is_alive().await;
    let caller = Caller::new("tata", 0);
    caller.next(&mut rig, caller.dials("*778*4711#")).await;
    let (page, _) = caller.next(&mut rig, caller.answers("1")).await;
    assert!(page.contains("2.60 EUR"), "{page}");
    rig.is_bound_anew().await;
    let (late, ends) = caller.next(&mut rig, caller.answers("1")).await;
    assert!(ends && late.starts_with("This session is over."), "{late}");
    assert_eq!(rig.stop().await.paid().await, 0);
}

#[tokio::test]
async fn what_no_card_made_ends_its_session_and_says_nothing_of_why() {
    let mut rig = Rig::start(1, speaking("spec")).await;
    rig.machine_is_alive().await;
    let caller = Caller::new("spec", 0);
    let forged =
        "*778*000000000112018101018203004711830231328401018501FA8602097887010289040000000100000000";
    for _ in 0..12 {
        let (said, ends) = caller.next(&mut rig, caller.dials(forged)).await;
        assert_eq!((said.as_str(), ends), ("Nothing was paid.", true));
    }
    // After some in a row the books are not even asked.
    let metrics = rig.metrics().await;
    let forgeries = metrics
        .lines()
        .find(|line| line.starts_with("svgate_forged_total") && line.contains("insufficient"));
    let forgeries = forgeries.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    assert!(forgeries.is_some_and(|count: u32| count < 12), "{metrics}");
    assert_eq!(rig.stop().await.paid().await, 0);
}

#[tokio::test]
async fn an_outage_is_no_bad_checksum() {
    let mut rig = Rig::start(2, |config| {
        speaking("spec")(config);
        config.purchase.order_take_within_ms = 50;
    })
    .await;
    rig.machine_is_alive().await;
    let caller = Caller::new("spec", 0);
    let lock = rig.lock_books().await;
    // One that the writer takes and waits with, so that the next ones are not taken in time.
    let first = rig.enqueue(&Phone::new(1).text("HELP"));
    until(|| rig.smsc.queued() == 0).await;
    for _ in 0..12 {
        let (said, ends) = caller.next(&mut rig, caller.dials(FORGED)).await;
        assert!(
            ends && said.starts_with("We can't do that just now."),
            "{said}"
        );
    }
    lock.release().await;
    first.await.unwrap();
    assert_eq!(rig.stop().await.paid().await, 0);
}

/// What looks like an order of a card, and was made by none.
const FORGED: &str =
    "*778*000000000112018101018203004711830231328401018501FA8602097887010289040000000100000000";
