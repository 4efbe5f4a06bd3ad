//! Machines against a gateway of the test's own, over loopback.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::simulator::kiosk::Kiosk;

/// Shows three acks and hears every word; the first try of each word is answered 503.
#[derive(Clone)]
struct Gateway {
    heard: UnboundedSender<(i64, String, serde_json::Value)>,
    refused_once: Arc<Mutex<std::collections::BTreeSet<String>>>,
}

async fn acks(Query(query): Query<std::collections::BTreeMap<String, i64>>) -> Json<AcksJson> {
    let after = query["after"];
    if after >= 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let acks = (after + 1..=3).map(ack).collect();
    Json(AcksJson {
        acks,
        poll_again_ms: 0,
    })
}

fn ack(number: i64) -> AckJson {
    AckJson {
        ack: number,
        purchase: format!("90{number}"),
        state: "paid".to_owned(),
        delivery_status: "PaymentFinished".to_owned(),
        item: Some("12".to_owned()),
        units: 2,
        supplied_units: None,
        value_minor: 400,
        currency: "EUR".to_owned(),
        exponent: 2,
        pon: None,
        remaining_ms: Some(15_000),
    }
}

async fn word(
    State(gateway): State<Gateway>,
    Path((_, number, word)): Path<(String, i64, String)>,
    Json(body): Json<serde_json::Value>,
) -> Result<Json<AckJson>, StatusCode> {
    let key = format!("{number}{word}{body}");
    if gateway.refused_once.lock().unwrap().insert(key) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    gateway.heard.send((number, word, body)).unwrap();
    Ok(Json(ack(number)))
}

async fn start(habit: Habit) -> (Machine, UnboundedReceiver<(i64, String, serde_json::Value)>) {
    let (heard, words) = unbounded_channel();
    let gateway = Gateway {
        heard,
        refused_once: Arc::default(),
    };
    let router = Router::new()
        .route("/v1/terminals/{id}/acks", get(acks))
        .route("/v1/terminals/{id}/acks/{n}/{word}", post(word))
        .with_state(gateway);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut machine = Machine::start(
        MachineConfig {
            id: "snack-1".to_owned(),
            token: "svt_test".to_owned(),
            gateway: address,
            habit,
            hands: 2,
            dispense_ms: 1,
            wait_s: 1,
            seed: 1,
        },
        Arc::new(|| Duration::ZERO),
    );
    machine.tasks.spawn(async move {
        axum::serve(listener, router).await.unwrap();
    });
    (machine, words)
}

/// What was said about all three acks, until the last word of `last` for each.
async fn words_until(
    words: &mut UnboundedReceiver<(i64, String, serde_json::Value)>,
    last: &str,
) -> Vec<(i64, String, serde_json::Value)> {
    let mut all = Vec::new();
    let mut ended = 0;
    while ended < 3 {
        let heard = words.recv().await.unwrap();
        let final_word = heard.1 == last && heard.2["result"] != "dispensing";
        ended += usize::from(final_word);
        all.push(heard);
    }
    all
}

#[tokio::test]
async fn a_machine_takes_each_ack_once_and_says_what_came_of_it_until_it_is_heard() {
    let (machine, mut words) = start(Habit::Working(MachineFaults::default())).await;
    let all = words_until(&mut words, "result").await;
    for number in 1..=3 {
        let of = |word: &'static str| {
            all.iter()
                .filter(move |(n, w, _)| *n == number && w == word)
        };
        assert_eq!(of("accept").count(), 1);
        let last = of("result").next_back().unwrap();
        assert_eq!(last.2["result"], "supplied");
        assert_eq!(last.2["purchase"], format!("90{number}"));
    }
    let units: Vec<u8> = machine.gave_out().iter().map(|gave| gave.units).collect();
    assert_eq!(units, [2, 2, 2]);
    assert!(machine.counts().again.load(Ordering::Relaxed) >= 6);
}

#[tokio::test]
async fn a_machine_with_an_open_door_gives_each_ack_back() {
    let (machine, mut words) = start(Habit::Open).await;
    let all = words_until(&mut words, "withdraw").await;
    assert_eq!(all.len(), 3);
    assert!(machine.gave_out().is_empty());
}

#[tokio::test]
async fn a_silent_machine_takes_and_says_no_more() {
    let (machine, mut words) = start(Habit::Silent).await;
    let all = words_until(&mut words, "accept").await;
    assert!(all.iter().all(|(_, word, _)| word == "accept"));
    assert!(machine.gave_out().is_empty());
}

#[tokio::test]
async fn a_machine_that_lost_power_asks_from_the_start_and_says_so() {
    let faults = MachineFaults {
        resets: 1_000,
        ..MachineFaults::default()
    };
    let (machine, mut words) = start(Habit::Working(faults)).await;
    let mut resets = std::collections::BTreeSet::new();
    while resets.len() < 3 {
        let (number, _, body) = words.recv().await.unwrap();
        if body["result"] == "reset" {
            assert!(body["approved_journalled"].is_boolean());
            resets.insert(number);
        }
    }
    assert_eq!(machine.counts().resets.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_kiosk_asks_under_one_reference_until_it_has_a_number() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    let order = move |Json(order): Json<crate::vend::OrderJson>| async move {
        let mut seen = seen.lock().unwrap();
        seen.push(order.client_reference);
        if seen.len() == 1 {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        Ok(Json(crate::vend::OrderedJson {
            pon: "83920171".to_owned(),
            purchase: "901".to_owned(),
            gross_minor: 260,
            currency: "EUR".to_owned(),
            exponent: 2,
            valid_ms: 120_000,
            pay_by_sms: "PAY 83920171".to_owned(),
            state: "ordered".to_owned(),
        }))
    };
    let router = Router::new().route("/v1/kiosks/{id}/orders", post(order));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let mut kiosk = Kiosk::new("kiosk-1", "svt_test", address);
    assert_eq!(kiosk.order("12", 1).await.unwrap().pon, "83920171");
    let asked = asked.lock().unwrap();
    assert_eq!(*asked, ["kiosk-1/1", "kiosk-1/1"]);
}
