//! Orders from phone to bill, one member at a time.

use svgate::dialogue::secured_reply::OutcomeCode;
use svgate::domain::purchase::State;
use svgate::domain::refusal::Refusal;
use svgate::gateway::member::{ArrivalEnd, Member, Outcome, Word};

use crate::fixture::{Phone, Shop, end_of, words};

#[tokio::test]
async fn a_secured_order_is_paid_confirmed_and_acked() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 2).await;
    let mut phone = Phone::new(0);
    let outcome = shop.submit(Member::Arrival(phone.espresso(0))).await;
    let (purchase, end) = end_of(&outcome);
    assert_eq!(end, ArrivalEnd::Paid);
    let messages = shop.messages();
    assert_eq!(messages.len(), 1);
    let (_, reply) = phone.read(&messages[0]);
    assert_eq!(reply.outcome, OutcomeCode::Paid);
    assert_eq!(reply.amount.unwrap().0.minor(), 260);
    assert_eq!(reply.purchase, purchase);
    let Outcome::Ack(view) = shop.act(0, 1, Word::Accept).await else {
        panic!("no ack")
    };
    assert_eq!((view.state, view.taken), (State::Accepted, true));
    let Outcome::Ack(view) = shop.act(0, 1, Word::Supplied { units: None }).await else {
        panic!()
    };
    assert_eq!(view.state, State::Supplied { units: 1 });
    let Outcome::Ack(view) = shop.act(0, 1, Word::Supplied { units: None }).await else {
        panic!()
    };
    assert!(view.taken, "the same word again gets the same answer");
}

#[tokio::test]
async fn a_repeated_packet_and_a_repeated_reference_are_paid_once() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let mut phone = Phone::new(0);
    let order = phone.espresso(0);
    let (first, _) = end_of(&shop.submit(Member::Arrival(order.clone())).await);
    let again = shop.submit(Member::Arrival(order)).await;
    assert_eq!(end_of(&again), (first, ArrivalEnd::Repeated));
    let resent = shop.submit(Member::Arrival(phone.again(0))).await;
    assert_eq!(end_of(&resent), (first, ArrivalEnd::Repeated));
    let counters: Vec<u64> = shop
        .messages()
        .iter()
        .map(|row| phone.read(row).0.counter)
        .collect();
    assert_eq!(
        counters,
        [1, 2, 3],
        "each answer is sealed under a counter of its own"
    );
}

#[tokio::test]
async fn a_text_order_is_paid_once_and_again_buys_another() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let phone = Phone::new(0);
    let (first, end) = end_of(
        &shop
            .submit(Member::Arrival(phone.text("buy 4711 12")))
            .await,
    );
    assert_eq!(end, ArrivalEnd::Paid);
    let repeated = shop
        .submit(Member::Arrival(phone.text("BUY  4711 12.")))
        .await;
    assert_eq!(end_of(&repeated), (first, ArrivalEnd::Repeated));
    assert_eq!(
        words(&shop.messages()[1]),
        "Already bought 11:00. Another? BUY 4711 12 AGAIN 7"
    );
    let again = shop
        .submit(Member::Arrival(phone.text("BUY 4711 12 AGAIN 7")))
        .await;
    assert_eq!(end_of(&again).1, ArrivalEnd::Paid);
    let worn = shop
        .submit(Member::Arrival(phone.text("BUY 4711 12 AGAIN 8")))
        .await;
    assert_eq!(end_of(&worn).1, ArrivalEnd::Refused(Refusal::WrongAgain));
}
