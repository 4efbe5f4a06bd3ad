//! The outbox, receipts, and members that the writer never took.

use std::time::Duration;

use svgate::domain::ids::OutboxId;
use svgate::gateway::books::{Books, StoreError};
use svgate::gateway::dispatch::message_reference;
use svgate::gateway::member::{
    ArrivalEnd, Denied, Member, OutboxEnd, OutboxSettled, Outcome, Receipt,
};
use svgate::gateway::views::Views;

use crate::fixture::{Phone, Shop};

async fn shop() -> (Shop, Phone) {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    (shop, Phone::new(0))
}

fn settled(id: OutboxId, end: OutboxEnd) -> Member {
    Member::OutboxSettled(vec![OutboxSettled { id, end }])
}

fn taken(id: OutboxId, receipt: bool) -> Member {
    let message_id = "00A7".into();
    settled(
        id,
        OutboxEnd::Taken {
            message_id,
            receipt,
        },
    )
}

/// A receipt of a message to `phone` by `smsc-1`.
fn receipt(phone: &Phone, candidates: &[&str], reference: Option<u16>) -> Receipt {
    Receipt {
        smsc: "smsc-1".into(),
        to: Some(phone.msisdn()),
        candidates: candidates.iter().map(|id| (*id).into()).collect(),
        reference,
        state: "DELIVERED".into(),
    }
}

/// Which messages have a receipt.
async fn receipted(shop: &Shop) -> Vec<OutboxId> {
    let sent = shop.store.sent(OutboxId(0), 100).await.unwrap();
    let sent = sent.into_iter().filter(|sent| sent.row.state.is_some());
    sent.map(|sent| sent.id).collect()
}

const UNKNOWN: Outcome = Outcome::Refused(Denied::NotFound("sent message"));

#[tokio::test]
async fn a_message_stands_in_the_outbox_until_the_smsc_took_it() {
    let (shop, phone) = shop().await;
    shop.bought(&phone, "BUY 4711 12").await;
    let rows = shop.outbox().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&*rows[0].smsc, &*rows[0].from, rows[0].to),
        ("smsc-1", "7788", phone.msisdn())
    );
    shop.submit(taken(rows[0].id, false)).await;
    assert!(shop.outbox().await.is_empty());
    assert_eq!(
        shop.submit(taken(rows[0].id, false)).await,
        Outcome::Done,
        "told twice"
    );
}

#[tokio::test]
async fn a_receipt_that_comes_twice_or_belongs_to_nothing_changes_nothing() {
    let (shop, phone) = shop().await;
    shop.bought(&phone, "BUY 4711 12").await;
    let id = shop.outbox().await[0].id;
    let of = |ids: &[&str]| Member::Receipt(receipt(&phone, ids, None));
    assert_eq!(shop.submit(of(&["00A7"])).await, UNKNOWN, "too early");
    shop.submit(taken(id, true)).await;
    assert_eq!(shop.submit(of(&["167", "00A7"])).await, Outcome::Done);
    assert_eq!(shop.submit(of(&["00A7"])).await, Outcome::Done);
    assert_eq!(shop.submit(of(&["00A8"])).await, UNKNOWN);
    assert_eq!(receipted(&shop).await, [id]);
}

#[tokio::test]
async fn a_receipts_id_counts_only_for_the_number_and_the_smsc_that_it_names() {
    let (shop, phone) = shop().await;
    shop.bought(&phone, "BUY 4711 12").await;
    let id = shop.outbox().await[0].id;
    shop.submit(taken(id, true)).await;
    let right = receipt(&phone, &["00A7"], None);
    let others = [
        Receipt {
            to: Some(Phone::new(1).msisdn()),
            ..right.clone()
        },
        Receipt {
            smsc: "smsc-2".into(),
            ..right.clone()
        },
        Receipt {
            to: None,
            candidates: vec!["167".into(), "00A7".into()],
            ..right.clone()
        },
    ];
    for other in others {
        assert_eq!(shop.submit(Member::Receipt(other)).await, UNKNOWN);
    }
    let nobody = Receipt {
        to: None,
        ..right.clone()
    };
    assert_eq!(shop.submit(Member::Receipt(nobody)).await, Outcome::Done);
    assert_eq!(shop.submit(Member::Receipt(right)).await, Outcome::Done);
}

#[tokio::test]
async fn where_an_smsc_names_all_messages_alike_their_receipts_are_told_apart_by_our_reference() {
    let (shop, phone) = shop().await;
    for order in ["BUY 4711 12", "BUY 4711 13", "HELP"] {
        shop.arrive(phone.text(order)).await;
    }
    let rows = shop.outbox().await;
    for row in &rows {
        shop.submit(taken(row.id, true)).await;
    }
    let reference = Some(message_reference(rows[1].id));
    for ids in [&["00000001"][..], &["00A7"]] {
        let receipt = receipt(&phone, ids, reference);
        assert_eq!(shop.submit(Member::Receipt(receipt)).await, Outcome::Done);
        assert_eq!(receipted(&shop).await, [rows[1].id], "{ids:?}");
    }
    // The reference of another's message is no proof: it has 16 bits.
    let other = receipt(&Phone::new(1), &["00000002"], reference);
    assert_eq!(shop.submit(Member::Receipt(other)).await, UNKNOWN);
}

#[tokio::test]
async fn what_was_sent_is_forgotten_after_its_time_and_not_before() {
    let (shop, phone) = shop().await;
    shop.bought(&phone, "BUY 4711 12").await;
    let id = shop.outbox().await[0].id;
    shop.submit(taken(id, true)).await;
    let sweep = |at| Member::SweepSent {
        below: OutboxId::at(at),
    };
    shop.pass_ms(1);
    let written = shop.now().plus_ms(-1);
    assert_eq!(shop.submit(sweep(written)).await, Outcome::AlreadyDone);
    assert_eq!(shop.store.sent(OutboxId(0), 9).await.unwrap().len(), 1);
    assert_eq!(shop.submit(sweep(shop.now())).await, Outcome::Done);
    assert_eq!(shop.store.sent(OutboxId(0), 9).await.unwrap(), []);
}

#[tokio::test]
async fn a_refused_message_is_parked_with_its_cause_and_goes_out_again_on_demand() {
    let (shop, phone) = shop().await;
    shop.bought(&phone, "BUY 4711 12").await;
    let row = shop.outbox().await.remove(0);
    let parked = settled(
        row.id,
        OutboxEnd::Parked {
            cause: "0x0B".into(),
        },
    );
    shop.submit(parked.clone()).await;
    shop.submit(parked).await;
    assert!(shop.outbox().await.is_empty());
    let listed = shop.store.parked(OutboxId(0), 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(&*listed[0].cause, "0x0B");
    shop.pass_ms(7_200_000);
    assert_eq!(
        shop.submit(Member::OutboxRetry(row.id)).await,
        Outcome::Done
    );
    let again = shop.outbox().await.remove(0);
    assert!(again.id > row.id, "behind what was written meanwhile");
    assert_eq!(again.message, row.message);
    assert_eq!(
        again.expires,
        shop.now().plus_ms(3_600_000),
        "with a new time to live"
    );
    let twice = shop.submit(Member::OutboxRetry(row.id)).await;
    assert_eq!(twice, Outcome::Refused(Denied::NotFound("parked message")));
    assert!(shop.store.parked(OutboxId(0), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn answers_go_back_the_way_the_order_came() {
    let (shop, phone) = shop().await;
    let mut arrival = phone.text("BUY 4711 12");
    arrival.smsc = "smsc-2".into();
    arrival.service = "5566".into();
    let (purchase, _) = shop.arrive(arrival).await;
    shop.pass_ms(15_000);
    shop.timer(purchase.unwrap()).await;
    let rows = shop.outbox().await;
    assert_eq!(rows.len(), 2, "the confirmation, and the refund");
    assert!(
        rows.iter()
            .all(|row| (&*row.smsc, &*row.from) == ("smsc-2", "5566"))
    );
}

#[tokio::test]
async fn a_member_that_the_writer_does_not_take_in_time_is_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = Some(folder.path().join("books.db"));
    let phone = Phone::new(0);
    Shop::open(path.clone()).await.stocked(1, 1).await;
    let (shop, writer) = Shop::resting(path).await;
    let order = Member::Arrival(phone.text("BUY 4711 12"));
    let busy = shop
        .store
        .submit_within(order, Duration::from_millis(1))
        .await;
    assert!(matches!(busy, Err(StoreError::Busy)), "{busy:?}");
    // The writer finds it in its queue, and leaves it there.
    let buying = async {
        shop.alive(0).await;
        assert_eq!(shop.balance("pos_held").await, 0);
        let end = shop.say(&phone, "BUY 4711 12").await.0;
        assert_eq!(
            end,
            ArrivalEnd::Paid,
            "not a repetition of what was withdrawn"
        );
    };
    tokio::select! {
        ended = writer.run() => panic!("{ended:?}"),
        () = buying => {}
    }
}

#[tokio::test]
async fn a_sealed_message_is_sealed_anew_for_the_card_that_it_is_sent_to_again() {
    let (shop, mut phone) = shop().await;
    for _ in 0..2 {
        shop.arrive(phone.espresso(0)).await;
    }
    let rows = shop.outbox().await;
    let (packet, reply) = phone.read(&rows[0]);
    let (later, _) = phone.read(&rows[1]);
    let cause = "expired".into();
    shop.submit(settled(rows[0].id, OutboxEnd::Parked { cause }))
        .await;
    let retry = Member::OutboxRetry(rows[0].id);
    assert_eq!(shop.submit(retry).await, Outcome::Done);
    let again = shop.outbox().await.pop().unwrap();
    let (opened, same) = phone.read(&again);
    assert!(packet.counter < later.counter && later.counter < opened.counter);
    assert_eq!(same, reply);

    // Parked again, and then the number gets another card.
    let cause = "expired".into();
    shop.submit(settled(again.id, OutboxEnd::Parked { cause }))
        .await;
    phone.card = 77;
    shop.submit(Member::ImportLines(vec![phone.line()])).await;
    let refused = shop.submit(Member::OutboxRetry(again.id)).await;
    assert!(
        matches!(&refused, Outcome::Refused(Denied::Conflict(_))),
        "{refused:?}"
    );
    assert_eq!(shop.store.parked(OutboxId(0), 9).await.unwrap().len(), 1);
}
