//! USSD by HTTP through the running gateway: whole dialogues, requests that come again, restarts.

use serde_json::json;
use svgate::config::Config;
use svgate::config::aggregator::AggregatorConfig;
use svgate::config::smsc::Originator;
use svgate::http::terminal_auth::token_sha256;

use super::rig::{Rig, message_of};
use crate::fixture::{Phone, words};

fn by_http(config: &mut Config) {
    config.aggregator.push(AggregatorConfig {
        name: "example".into(),
        token_sha256: token_sha256("s3cret"),
        service_code: Some("*384*778#".into()),
        originator: Originator::Trusted,
        results_by: "smsc-1".into(),
    });
}

/// A phone's session as an aggregator carries it.
struct Session {
    name: &'static str,
    phone: Phone,
    text: String,
}

impl Session {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            phone: Phone::new(0),
            text: String::new(),
        }
    }

    /// What the gateway answers to the text so far.
    async fn ask(&self, rig: &Rig) -> String {
        let number = format!("+{}", self.phone.msisdn().expose_digits());
        let form = [
            ("sessionId", self.name),
            ("phoneNumber", &number),
            ("serviceCode", "*384*778#"),
            ("networkCode", "99999"),
            ("text", &self.text),
        ];
        let (status, text) = rig.ask_form("example", "s3cret", &form).await;
        assert_eq!(status, 200, "{text}");
        text
    }

    async fn answer(&mut self, rig: &Rig, text: &str) -> String {
        if !self.text.is_empty() {
            self.text.push('*');
        }
        self.text.push_str(text);
        self.ask(rig).await
    }
}

#[tokio::test]
async fn an_aggregators_caller_browses_buys_and_is_told_by_sms() {
    let mut rig = Rig::start(1, by_http).await;
    rig.machine_is_alive().await;
    let mut session = Session::new("one");
    let menu = session.ask(&rig).await;
    assert!(menu.starts_with("CON Pay with your phone\n1 Buy"), "{menu}");
    session.answer(&rig, "1").await;
    session.answer(&rig, "4711").await;
    let advice = session.answer(&rig, "1").await;
    assert!(
        advice.starts_with("CON 1 x Espresso, Coffee & Co: 2.60 EUR."),
        "{advice}"
    );
    let paid = session.answer(&rig, "1").await;
    assert!(
        paid.starts_with("END Paid 2.60 EUR to Coffee & Co"),
        "{paid}"
    );
    let told = rig.next_message().await;
    assert_eq!(told.source.value.as_octets(), b"778");
    assert_eq!(format!("END {}", words(&message_of(&told))), paid);
    // The answer was lost on its way, and the aggregator asks again.
    assert_eq!(session.ask(&rig).await, paid);
    let metrics = rig.metrics().await;
    for line in [
        "ussd_steps_total{smsc=\"example\",dialect=\"http\",step=\"confirm\"} 1",
        "ussd_ended_total{smsc=\"example\",dialect=\"http\",end=\"closed\"} 1",
        "svgate_purchases_total{channel=\"ussd\",outcome=\"paid\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert_eq!(rig.stop().await.paid().await, 1);
}

#[tokio::test]
async fn after_a_restart_the_price_is_shown_again_and_nothing_is_paid_twice() {
    let mut rig = Rig::start(1, by_http).await;
    rig.machine_is_alive().await;
    let mut session = Session::new("one");
    session.ask(&rig).await;
    for answer in ["1", "4711", "1"] {
        session.answer(&rig, answer).await;
    }
    rig.restart().await;
    rig.machine_is_alive().await;
    // Said yes to what a process that is gone had shown.
    let again = session.answer(&rig, "1").await;
    assert!(again.starts_with("CON 1 x Espresso"), "{again}");
    let paid = session.answer(&rig, "1").await;
    assert!(paid.starts_with("END Paid 2.60 EUR"), "{paid}");
    rig.restart().await;
    rig.machine_is_alive().await;
    // Now the order had been paid, and only its answer was lost.
    let again = session.ask(&rig).await;
    assert!(again.starts_with("CON 1 x Espresso"), "{again}");
    assert_eq!(session.answer(&rig, "1").await, paid);
    assert_eq!(rig.stop().await.paid().await, 1);
}

#[tokio::test]
async fn an_order_dialled_whole_is_shown_with_its_price_first() {
    let rig = Rig::start(1, by_http).await;
    rig.machine_is_alive().await;
    let mut session = Session::new("one");
    let advice = session.answer(&rig, "4711*12*2").await;
    assert!(advice.starts_with("CON 2 x Espresso"), "{advice}");
    let paid = session.answer(&rig, "1").await;
    assert!(paid.starts_with("END Paid"), "{paid}");
    session.text = "2".to_owned();
    let late = session.ask(&rig).await;
    assert!(
        late.starts_with("END This session is over. Please dial *384*778#"),
        "{late}"
    );
    let mut stranger = Session::new("two");
    stranger.phone = Phone::new(5);
    let refused = stranger.ask(&rig).await;
    assert!(refused.starts_with("END "), "{refused}");
    assert_eq!(rig.stop().await.paid().await, 1);
}

#[tokio::test]
async fn who_is_not_trusted_to_know_its_callers_pays_nothing_and_who_is_unknown_asks_nothing() {
    let rig = Rig::start(1, |config| {
        by_http(config);
        config.aggregator[0].originator = Originator::Untrusted;
    })
    .await;
    rig.machine_is_alive().await;
    let mut session = Session::new("one");
    session.answer(&rig, "4711*12").await;
    let refused = session.answer(&rig, "1").await;
    assert!(
        refused.starts_with("END ") && !refused.contains("Paid"),
        "{refused}"
    );
    let form = [("sessionId", "x"), ("phoneNumber", "+491701234567")];
    for (aggregator, token) in [("example", "other"), ("other", "s3cret")] {
        let (status, text) = rig.ask_form(aggregator, token, &form).await;
        assert_eq!(status, 401, "{text}");
    }
    let (status, text) = rig.ask_form("example", "s3cret", &form[1..]).await;
    assert!(status == 400 && text.contains("sessionId"), "{text}");
    let told = json!({"sessionId": "two", "phoneNumber": "+491701234567", "text": ""});
    let (status, text) = rig.ask_json("example", "s3cret", &told).await;
    assert!(status == 200 && text.starts_with("END "), "{text}");
    assert_eq!(rig.stop().await.paid().await, 0);
}
