//! The running gateway between a message centre and a machine, all over loopback.

mod aggregators;
mod binds;
mod hlrs;
mod malformed;
mod metrics;
mod payer;
mod receipts;
mod rig;
mod ussd;

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use svgate::domain::ids::OutboxId;
use svgate::gateway::books::Books as _;
use svgate::gateway::intake::Reach;
use svgate::gateway::member::{ArrivalEnd, Member, Outcome};
use svgate::smpp::pdu::CommandStatus;

use self::rig::{Rig, message_of, within};
use crate::fixture::{Phone, Shop, end_of, terminal};

#[tokio::test]
async fn the_mark_stands_at_every_commit_once_the_gateway_has_ended() {
    let mut rig = Rig::start(1, |_| {}).await;
    let at_start = rig.mark();
    rig.machine_is_alive().await;
    rig.deliver(&Phone::new(0).text("BUY 4711 12")).await;
    rig.ask_to_stop().await;
    rig.ended().await.unwrap_or_else(|e| panic!("{e}"));
    let (books, at_end) = (rig.books().await, rig.mark());
    let standing = books.store.standing().await.unwrap();
    assert!(at_end.batches[&0] > at_start.batches[&0]);
    assert_eq!(standing.mark, at_end);
    assert_eq!(at_end.identity.len(), 16);
}

#[tokio::test]
async fn an_order_is_paid_given_out_and_confirmed_and_its_message_settled() {
    let mut rig = Rig::start(1, |_| {}).await;
    let mut phone = Phone::new(0);
    rig.machine_is_alive().await;
    let delivered = rig.deliver(&phone.espresso(0)).await;
    assert_eq!(delivered.status, Some(CommandStatus::ESME_ROK));
    let acks = rig.acks("after=0&wait=10").await;
    assert_eq!(acks["acks"][0]["state"], "paid", "{acks}");
    assert_eq!(rig.post("1/accept", &json!({})).await["state"], "accepted");
    let report = json!({"result": "supplied"});
    assert_eq!(rig.post("1/result", &report).await["state"], "supplied");
    let confirmation = rig.next_message().await;
    assert_eq!(confirmation.source.value.as_octets(), b"7788");
    assert_eq!(confirmation.protocol_id, 0x7F);
    phone.read(&message_of(&confirmation));
    let shop = rig.stop().await;
    assert_eq!(shop.store.outbox_after(OutboxId(0), 9).await.unwrap(), []);
}

#[tokio::test]
async fn a_forgery_is_answered_0_until_its_senders_budget_is_used_up() {
    let rig = Rig::start(2, |_| {}).await;
    let mut phone = Phone::new(1);
    let mut forged = phone.espresso(0);
    forged.sender = Some(Phone::new(2).msisdn());
    for _ in 0..5 {
        let delivered = rig.deliver(&forged).await;
        assert_eq!(
            (delivered.status, delivered.tries),
            (Some(CommandStatus(0)), 1)
        );
    }
    let mut sixth = rig.enqueue(&forged);
    until(|| rig.smsc.counts().put_back.load(Ordering::Relaxed) > 0).await;
    assert!(sixth.try_recv().is_err(), "it comes again and again");
    rig.machine_is_alive().await;
    let order = rig.deliver(&phone.espresso(0)).await;
    assert_eq!(order.tries, 1, "another sender's budget is its own");
    rig.stop().await;
}

#[tokio::test]
async fn forgeries_that_come_at_once_draw_on_the_budget_before_the_first_is_looked_at() {
    let rig = Rig::start(2, |config| config.purchase.order_take_within_ms = 5_000).await;
    let mut forged = Phone::new(1).espresso(0);
    forged.sender = Some(Phone::new(0).msisdn());
    let lock = rig.lock_books().await;
    let mut waiting: Vec<_> = (0..20).map(|_| rig.enqueue(&forged)).collect();
    until(|| rig.smsc.counts().put_back.load(Ordering::Relaxed) >= 15).await;
    lock.release().await;
    for _ in 0..5 {
        let status = within(waiting.remove(0)).await.unwrap().status;
        assert_eq!(status, Some(CommandStatus::ESME_ROK));
    }
    // A good packet gives back what it took: the owner's sixth order at once is not his last.
    let mut phone = Phone::new(1);
    rig.machine_is_alive().await;
    for _ in 0..8 {
        assert_eq!(rig.deliver(&phone.espresso(0)).await.tries, 1);
    }
    rig.stop().await;
}

#[tokio::test]
async fn what_the_writer_cannot_take_in_time_comes_again_and_is_paid_once() {
    let rig = Rig::start(5, |_| {}).await;
    rig.machine_is_alive().await;
    let lock = rig.lock_books().await;
    // The first is taken by the writer, which then waits for the lock; the others wait for it.
    let phones = 0..5_u32;
    let waiting: Vec<_> = phones
        .map(|number| rig.enqueue(&Phone::new(number).espresso(0)))
        .collect();
    until(|| rig.smsc.counts().put_back.load(Ordering::Relaxed) >= 4).await;
    lock.release().await;
    for delivered in waiting {
        let delivered = within(delivered).await.unwrap();
        assert_eq!(delivered.status, Some(CommandStatus::ESME_ROK));
    }
    let shop = rig.stop().await;
    assert_eq!(shop.paid().await, 5);
}

#[tokio::test]
async fn asked_to_stop_it_finishes_what_was_begun_and_confirms_it() {
    let mut rig = Rig::start(200, |_| {}).await;
    rig.machine_is_alive().await;
    let waiting: Vec<_> = (0..200_u32)
        .map(|number| rig.enqueue(&Phone::new(number).espresso(0)))
        .collect();
    rig.next_message().await;
    rig.ask_to_stop().await;
    rig.ended().await.unwrap();
    let mut accepted = 0;
    for mut delivered in waiting {
        let status = delivered
            .try_recv()
            .ok()
            .and_then(|delivered| delivered.status);
        accepted += i64::from(status == Some(CommandStatus::ESME_ROK));
    }
    let confirmed = i64::try_from(1 + rig.messages_so_far()).unwrap();
    assert_eq!(rig.smsc.counts().unbinds.load(Ordering::Relaxed), 1);
    let shop = rig.books().await;
    assert_eq!((shop.paid().await, confirmed), (accepted, accepted));
    assert!(accepted > 0);
    assert_eq!(shop.store.outbox_after(OutboxId(0), 9).await.unwrap(), []);
}

#[tokio::test]
async fn asked_twice_it_ends_at_once() {
    let mut rig = Rig::start(1, |_| {}).await;
    let _lock = rig.lock_books().await;
    let _held = rig.enqueue(&Phone::new(0).espresso(0));
    until(|| rig.smsc.counts().delivered.load(Ordering::Relaxed) > 0).await;
    rig.ask_to_stop().await;
    rig.ask_to_stop().await;
    tokio::time::timeout(Duration::from_secs(3), rig.ended())
        .await
        .expect("it ends before the books are free")
        .unwrap();
}

#[tokio::test]
async fn the_outbox_of_an_earlier_run_leaves_or_is_parked_with_its_cause() {
    let mut rig = Rig::before_start(3, |_| {}).await;
    let shop = rig.books().await;
    // In the order of their coming: too old by the start, by an SMSC that is gone, and a good one.
    let mut order = Phone::new(0).text("HELP");
    assert!(matches!(
        shop.submit(Member::Arrival(order.clone())).await,
        Outcome::Arrived { .. }
    ));
    shop.pass_ms(rig::HOURS_LATER_MS);
    order.smsc = "gone".into();
    shop.submit(Member::Arrival(order)).await;
    let outcome = shop
        .submit(Member::Arrival(Phone::new(1).text("HELP")))
        .await;
    assert_eq!(end_of(&outcome).1, ArrivalEnd::Answered);
    drop(shop);
    rig.serve().await;
    let message = rig.next_message().await;
    let to = message.destination.value.as_text().unwrap();
    assert_eq!(to, Phone::new(1).msisdn().expose_digits());
    let shop = rig.stop().await;
    let causes = shop.parked_causes().await;
    assert_eq!(causes, ["expired", "smsc gone is not configured"]);
    assert_eq!(shop.store.outbox_after(OutboxId(0), 9).await.unwrap(), []);
}

#[tokio::test]
async fn an_outage_is_remembered_over_a_restart_whatever_was_committed_meanwhile() {
    let mut rig = Rig::before_start(1, |_| {}).await;
    let phone = Phone::new(0);
    let words = phone.text("BUY 4711 12");
    let shop = rig.books().await;
    shop.alive(0).await;
    shop.bought(&phone, "BUY 4711 12").await;
    // Its answer is lost with the bind. Hours later a command works on the books, and the SMSC
    // delivers what nobody acknowledged.
    let reach = Reach::unbound_since(shop.now()).to_octets(shop.now());
    let smsc = words.smsc.clone();
    shop.submit(Member::Reached { smsc, reach }).await;
    shop.pass_ms(rig::HOURS_LATER_MS);
    let over_by = shop.now();
    shop.submit(Member::SweepParts { over_by }).await;
    shop.alive(0).await;
    drop(shop);
    rig.serve().await;
    rig.machine_is_alive().await;
    assert_eq!(rig.deliver(&words).await.status.unwrap().0, 0);
    let shop = rig.stop().await;
    assert_eq!(shop.paid().await, 1, "it was the same order");
}

#[tokio::test]
async fn a_message_that_gets_no_answer_leaves_again() {
    let mut rig = Rig::start(1, |_| {}).await;
    rig.machine_is_alive().await;
    rig.smsc.faults().swallow_next.store(1, Ordering::Relaxed);
    rig.deliver(&Phone::new(0).espresso(0)).await;
    rig.next_message().await;
    let shop = rig.stop().await;
    assert_eq!(shop.store.outbox_after(OutboxId(0), 9).await.unwrap(), []);
}

#[tokio::test]
async fn a_throttled_confirmation_reaches_the_card_before_later_ones() {
    let mut rig = Rig::start(1, |_| {}).await;
    rig.machine_is_alive().await;
    rig.smsc.faults().throttle_next.store(1, Ordering::Relaxed);
    let mut phone = Phone::new(0);
    for _ in 0..5 {
        rig.deliver(&phone.espresso(0)).await;
    }
    let mut counters = Vec::new();
    for _ in 0..5 {
        let message = rig.next_message().await;
        counters.push(phone.read(&message_of(&message)).0.counter);
    }
    assert!(counters.is_sorted(), "{counters:?}");
    assert_eq!(rig.smsc.counts().throttled.load(Ordering::Relaxed), 1);
    rig.stop().await;
}

#[tokio::test]
async fn after_a_start_confirmations_of_before_leave_before_new_ones() {
    let mut rig = Rig::before_start(1, |_| {}).await;
    let mut phone = Phone::new(0);
    let shop = rig.books().await;
    shop.pass_ms(rig::HOURS_LATER_MS);
    shop.alive(0).await;
    for _ in 0..20 {
        shop.submit(Member::Arrival(phone.espresso(0))).await;
    }
    drop(shop);
    rig.serve().await;
    rig.machine_is_alive().await;
    for _ in 0..5 {
        rig.deliver(&phone.espresso(0)).await;
    }
    let mut counters = Vec::new();
    for _ in 0..25 {
        let message = rig.next_message().await;
        counters.push(phone.read(&message_of(&message)).0.counter);
    }
    assert!(counters.is_sorted(), "{counters:?}");
    rig.stop().await;
}

#[tokio::test]
async fn an_ack_that_nobody_takes_is_refunded_once_machines_had_their_time() {
    let mut rig = Rig::before_start(1, |config| config.purchase.accept_within_s = 2).await;
    let shop = rig.books().await;
    shop.alive(0).await;
    let outcome = shop
        .submit(Member::Arrival(Phone::new(0).espresso(0)))
        .await;
    assert_eq!(end_of(&outcome).1, ArrivalEnd::Paid);
    drop(shop);
    rig.serve().await;
    // Its deadline is long over; the machine could not have answered before now.
    let acks = rig.acks("after=0").await;
    assert_eq!(acks["acks"][0]["state"], "paid");
    let refunded = async { while rig.acks("after=0&wait=5").await["acks"] != json!([]) {} };
    within(refunded).await;
    let metrics = rig.metrics().await;
    assert!(
        metrics.contains(r#"svgate_purchase_states_total{state="refunded"} 1"#),
        "{metrics}"
    );
    rig.stop().await;
}

#[tokio::test]
async fn it_is_ready_while_it_is_bound_and_tells_what_is_lacking() {
    let rig = Rig::start(1, |_| {}).await;
    let ready = async { while rig.ready().await.0 != 200 {} };
    within(ready).await;
    rig.smsc
        .faults()
        .refuse_binds
        .store(0x0D, Ordering::Relaxed);
    rig.smsc.unbind_all();
    let unready = async {
        loop {
            let (status, text) = rig.ready().await;
            if status == 503 {
                return text;
            }
        }
    };
    let text = within(unready).await;
    assert!(text.contains("binds: no smsc is bound"), "{text}");
    rig.stop().await;
}

#[tokio::test]
async fn a_kiosks_order_is_paid_by_its_number() {
    let rig = Rig::start(1, |_| {}).await;
    rig.machine_is_alive().await;
    let order = json!({"client_reference": "till-1", "item": "12"});
    let ordered: Value = rig.post_to("/v1/kiosks/machine-0/orders", &order).await;
    let pon = ordered["pon"].as_str().unwrap();
    rig.deliver(&Phone::new(0).text(&format!("PAY {pon}")))
        .await;
    let acks = rig.acks("after=0&wait=10").await;
    assert_eq!(acks["acks"][0]["pon"], pon, "{acks}");
    assert_eq!(terminal(0).as_str(), "machine-0");
    rig.stop().await;
}

/// Waits for what a counter will show, but not for ever.
async fn until(shown: impl Fn() -> bool) {
    let shown = async {
        while !shown() {
            tokio::task::yield_now().await;
        }
    };
    within(shown).await;
}

impl Shop {
    /// Purchases whose merchant was paid.
    async fn paid(&self) -> i64 {
        self.count("select count(*) from purchase where paid_ms is not null")
            .await
    }
}
