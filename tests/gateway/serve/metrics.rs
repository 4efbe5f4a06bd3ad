//! What `/metrics` tells after real traffic.

use serde_json::json;
use svgate::gateway::member::Member;

use super::rig::Rig;
use crate::fixture::Phone;

#[tokio::test]
async fn every_metric_is_set_where_its_name_says() {
    let mut rig = Rig::start(3, |_| {}).await;
    rig.machine_is_alive().await;
    rig.deliver(&Phone::new(0).espresso(0)).await;
    rig.acks("after=0&wait=10").await;
    rig.post("1/accept", &json!({})).await;
    rig.post("1/result", &json!({"result": "supplied"})).await;
    rig.deliver(&Phone::new(1).text("BUY 4711 99")).await;
    let mut forged = Phone::new(2).espresso(0);
    forged.sender = Some(Phone::new(1).msisdn());
    rig.deliver(&forged).await;
    for (reference, item) in [("till-1", "12"), ("till-2", "99")] {
        let order = json!({"client_reference": reference, "item": item});
        rig.post_to("/v1/kiosks/machine-0/orders", &order).await;
    }
    // The purchase is confirmed, and the refusal told.
    rig.next_message().await;
    rig.next_message().await;
    let shop = rig.books().await;
    shop.submit(Member::CloseBatch { allow_empty: true }).await;
    drop(shop);
    let told = rig.metrics().await;
    for line in [
        r#"svgate_purchases_total{channel="secured",outcome="paid"} 1"#,
        r#"svgate_purchases_total{channel="secured",outcome="forged"} 1"#,
        r#"svgate_purchases_total{channel="text",outcome="refused"} 1"#,
        r#"svgate_purchases_total{channel="kiosk",outcome="ordered"} 1"#,
        r#"svgate_purchases_total{channel="kiosk",outcome="refused"} 1"#,
        r#"svgate_refusals_total{cause="unknown_item"} 2"#,
        r#"svgate_forged_total{class="cc_failed"} 1"#,
        r#"svgate_purchase_states_total{state="supplied"} 1"#,
        r#"svgate_purchase_seconds_count{stage="committed"} 3"#,
        r#"svgate_purchase_seconds_count{stage="accepted"} 1"#,
        r#"svgate_purchase_seconds_count{stage="confirmed"} 2"#,
        // Of ten million the merchant got two euros.
        r#"svgate_purse_balance_minor{currency="EUR"} 999999800"#,
        "svgate_export_last_sequence 1",
        "svgate_export_unwritten 1",
        "svgate_writer_commits_failed_total 0",
        r#"svgate_smpp_bound{smsc="smsc-1"} 1"#,
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    let batches = number(&told, "svgate_writer_batch_members_count");
    assert!(batches > 0, "{told}");
    assert_eq!(batches, number(&told, "svgate_writer_commit_seconds_count"));
    assert_eq!(silent(&told), IN_FAIR_WEATHER, "nobody sets these\n{told}");
    rig.stop().await;
}

/// The value of a sample without labels.
fn number(told: &str, name: &str) -> u64 {
    let value = told
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap()
}

/// Metrics of which every sample is 0, or that have none, in the order of their names.
fn silent(told: &str) -> Vec<&str> {
    let names = told.lines().filter_map(|line| {
        let name = line.strip_prefix("# TYPE svgate_")?;
        name.split_whitespace().next()
    });
    let speaks = |name: &str| {
        told.lines().any(|line| {
            let sample = line
                .strip_prefix("svgate_")
                .and_then(|l| l.strip_prefix(name));
            let value = sample.and_then(|sample| sample.rsplit(' ').next());
            value.is_some_and(|value| value != "0" && value != "0.0")
        })
    };
    let mut silent: Vec<&str> = names.filter(|name| !speaks(name)).collect();
    silent.sort_unstable();
    silent
}

/// What counts only when something goes wrong, or waits.
const IN_FAIR_WEATHER: [&str; 12] = [
    "books_epoch",
    "export_unadopted",
    "http_connections_turned_away",
    "outbox_backlog",
    "smpp_deliveries_refused",
    "smpp_failures",
    "smpp_malformed",
    "smpp_refused",
    "smpp_strays",
    "smpp_throttled",
    "smpp_timeouts",
    "writer_commits_failed",
];
