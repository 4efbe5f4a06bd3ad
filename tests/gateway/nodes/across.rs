//! An order that one node paid and a machine that talks to the other.

use svgate::dialogue::secured_order::{Agreed, SecuredOrder, Wanted};
use svgate::dialogue::secured_reply::OutcomeCode;
use svgate::domain::purchase::State;
use svgate::gateway::member::{ArrivalEnd, Member, Outcome, Word};
use svgate::gateway::record::OutboxRow;

use super::Pair;
use crate::fixture::{Phone, Shop, eur, minor};

/// Messages that nobody has sent yet, in the order in which they leave.
async fn outbox(shop: &Shop) -> Vec<OutboxRow> {
    let mut rows = shop.outbox().await;
    rows.sort_by_key(|row| row.id);
    rows
}

#[tokio::test]
async fn a_sealed_message_that_changes_its_node_is_opened_after_what_that_node_wrote_before() {
    let pair = Pair::open(1).await;
    let [first, second] = &pair.nodes;
    let mut phone = Phone::new(0);
    let order = phone.espresso(0);
    first.submit(Member::Arrival(order)).await;
    second.told(0, 1, Word::Accept).await;
    second.told(0, 1, Word::Failed).await;
    let theirs = outbox(second).await;
    assert_eq!(theirs.len(), 1, "the refund is told by the second node");
    let refund = theirs[0].id;
    assert_eq!(
        second.submit(Member::OutboxRelease(vec![refund])).await,
        Outcome::Done
    );
    // Before the first node takes it on, it answers another order of the same card.
    let order = phone.espresso(0);
    first.submit(Member::Arrival(order)).await;
    first.submit(Member::OutboxClaim(vec![refund])).await;
    let rows = outbox(first).await;
    let opened: Vec<_> = rows.iter().map(|row| phone.read(row)).collect();
    let counters: Vec<u64> = opened.iter().map(|(packet, _)| packet.counter).collect();
    assert_eq!(counters, [1, 3, 4], "the card opens each");
    let outcomes: Vec<OutcomeCode> = opened.iter().map(|(_, reply)| reply.outcome).collect();
    assert_eq!(
        outcomes,
        [OutcomeCode::Paid, OutcomeCode::Paid, OutcomeCode::Refunded]
    );
    assert!(outbox(second).await.is_empty());
    // Taken on once more, by whoever was late, nothing changes.
    first
        .submit(Member::OutboxClaim(vec![refund, rows[2].id]))
        .await;
    assert_eq!(outbox(first).await, rows);
}

#[tokio::test]
async fn an_order_that_comes_again_while_a_part_goes_back_is_not_called_refunded() {
    let pair = Pair::open(1).await;
    let [first, second] = &pair.nodes;
    let mut phone = Phone::new(0);
    phone.reference += 1;
    let order = SecuredOrder {
        reference: phone.reference.try_into().unwrap(),
        wanted: Wanted::Item {
            short_code: 4711.try_into().unwrap(),
            item: "12".parse().unwrap(),
            quantity: 3.try_into().unwrap(),
        },
        agreed: Agreed::AtMost(minor(900)),
        currency: eur(),
    };
    let arrival = phone.sealed(&order);
    first.submit(Member::Arrival(arrival)).await;
    second.told(0, 1, Word::Accept).await;
    let (state, _) = second.told(0, 1, Word::Supplied { units: Some(2) }).await;
    assert_eq!(
        state,
        State::Refunding { supplied: 2 },
        "its node gives it back"
    );
    let (end, outcome) = second.order(&mut phone, &order).await;
    assert_eq!((end, outcome), (ArrivalEnd::Repeated, OutcomeCode::Paid));
}
