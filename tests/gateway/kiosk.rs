//! A kiosk's order: a number that one subscriber pays once, at the price that was shown.

use svgate::dialogue::secured_order::{Agreed, Wanted};
use svgate::dialogue::secured_reply::OutcomeCode;
use svgate::domain::purchase::State;
use svgate::domain::refusal::Refusal;
use svgate::gateway::member::{ArrivalEnd, Denied, KioskItem, Member, Outcome, Word};

use crate::asking::{espressos, order_of};
use crate::fixture::{Phone, Shop, merchant, minor};

async fn shop() -> Shop {
    let shop = Shop::open(None).await;
    shop.stocked(2, 3).await;
    shop
}

#[tokio::test]
async fn the_price_stays_as_shown_though_the_list_changes() {
    let shop = shop().await;
    let (pon, id) = shop.number(0, "order-1", 2).await;
    let mut dearer = merchant(2);
    dearer.items[0].price.retail = minor(900);
    shop.submit(Member::ImportMerchant(Box::new(dearer))).await;
    let (end, says) = shop.say(&Phone::new(0), &format!("PAY {pon}")).await;
    assert_eq!(end, ArrivalEnd::Paid);
    assert!(
        says.starts_with("Paid 5.10 EUR to Coffee & Co: 2 x Espresso"),
        "{says}"
    );
    let record = shop.purchase(id).await;
    assert_eq!(
        (record.life.state, record.pon, record.ack),
        (State::Paid, Some(pon), Some(1))
    );
    assert_eq!(shop.told(0, 1, Word::Accept).await, (State::Accepted, true));
}

#[tokio::test]
async fn a_number_is_paid_once_and_by_one() {
    let shop = shop().await;
    let (pon, id) = shop.number(0, "order-1", 1).await;
    let payer = Phone::new(0);
    assert_eq!(shop.bought(&payer, &format!("PAY {pon}")).await, id);
    let again = shop.say(&payer, &format!("pay 4711 {pon}")).await;
    assert_eq!(again.0, ArrivalEnd::Repeated);
    assert!(again.1.starts_with("Paid 2.60 EUR"), "{}", again.1);
    let (end, says) = shop.say(&Phone::new(1), &format!("PAY {pon}")).await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::PonPaid));
    assert!(says.contains("is paid already"), "{says}");
    let mut third = Phone::new(2);
    let mut order = order_of(&mut third, "12");
    order.wanted = Wanted::PaymentOrder {
        pon,
        short_code: None,
    };
    let got = shop.order(&mut third, &order).await;
    assert_eq!(
        got,
        (ArrivalEnd::Refused(Refusal::PonPaid), OutcomeCode::PonPaid)
    );
    assert_eq!(shop.balance("pos_held").await, 200);
}

#[tokio::test]
async fn a_card_pays_a_number_up_to_what_was_agreed() {
    let shop = shop().await;
    let (pon, id) = shop.number(0, "order-1", 1).await;
    let mut phone = Phone::new(0);
    let mut order = order_of(&mut phone, "12");
    order.wanted = Wanted::PaymentOrder {
        pon,
        short_code: Some(4711.try_into().unwrap()),
    };
    order.agreed = Agreed::AtMost(minor(259));
    let low = shop.order(&mut phone, &order).await;
    assert_eq!(low.0, ArrivalEnd::Refused(Refusal::PriceChanged));
    assert_eq!(shop.state(id).await, State::Ordered, "open for another try");
    let mut next = order_of(&mut phone, "12");
    next.wanted = Wanted::PaymentOrder {
        pon,
        short_code: Some(4712.try_into().unwrap()),
    };
    let elsewhere = shop.order(&mut phone, &next).await;
    assert_eq!(
        elsewhere,
        (
            ArrivalEnd::Refused(Refusal::UnknownPon),
            OutcomeCode::PonUnknown
        )
    );
    let mut last = order_of(&mut phone, "12");
    last.wanted = Wanted::PaymentOrder {
        pon,
        short_code: None,
    };
    let paid = shop.order(&mut phone, &last).await;
    assert_eq!(paid, (ArrivalEnd::Paid, OutcomeCode::Paid));
}

#[tokio::test]
async fn a_number_expires_and_neither_a_timer_nor_a_payer_revives_it() {
    let shop = shop().await;
    let (pon, id) = shop.number(0, "order-1", 1).await;
    shop.pass_ms(119_999);
    assert_eq!(shop.timer(id).await, Outcome::AlreadyDone);
    shop.pass_ms(1);
    shop.alive(0).await;
    let before_timer = shop.say(&Phone::new(0), &format!("PAY {pon}")).await;
    assert_eq!(before_timer.0, ArrivalEnd::Refused(Refusal::PonExpired));
    assert!(before_timer.1.contains("has expired"), "{}", before_timer.1);
    assert_eq!(shop.timer(id).await, Outcome::Done);
    assert_eq!(shop.state(id).await, State::Expired);
    let after = shop.say(&Phone::new(1), &format!("PAY {pon}")).await.0;
    assert_eq!(after, ArrivalEnd::Refused(Refusal::PonExpired));
}

#[tokio::test]
async fn a_number_belongs_to_its_terminal() {
    let shop = shop().await;
    let (pon, _) = shop.number(0, "order-1", 1).await;
    let (end, says) = shop.say(&Phone::new(0), &format!("PAY 4712 {pon}")).await;
    assert_eq!(end, ArrivalEnd::Answered);
    assert!(says.contains("does not belong to 4712"), "{says}");
    // Its short code passes to the other machine: the order does not go with it.
    let mut moved = merchant(2);
    moved.terminals[0].short_code = 4800.try_into().unwrap();
    shop.submit(Member::ImportMerchant(Box::new(moved.clone())))
        .await;
    moved.terminals[1].short_code = 4711.try_into().unwrap();
    shop.submit(Member::ImportMerchant(Box::new(moved))).await;
    let end = shop.say(&Phone::new(0), &format!("PAY {pon}")).await.0;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::UnknownShortCode));
    assert_eq!(shop.balance("pos_held").await, 0);
}

#[tokio::test]
async fn the_kiosks_own_name_stands_for_one_order() {
    let shop = shop().await;
    let first = shop.kiosk(0, "order-1", espressos(1)).await;
    shop.pass_ms(20_000);
    let Outcome::Ordered {
        pon,
        purchase,
        valid_ms,
        gross,
        ..
    } = first
    else {
        panic!("{first:?}")
    };
    assert_eq!((valid_ms, gross), (120_000, minor(260)));
    let again = shop.kiosk(0, "order-1", espressos(1)).await;
    let Outcome::Ordered {
        pon: same,
        purchase: known,
        valid_ms,
        ..
    } = again
    else {
        panic!("{again:?}")
    };
    assert_eq!((same, known, valid_ms), (pon, purchase, 100_000));
    let other = shop.kiosk(0, "order-1", espressos(2)).await;
    assert!(
        matches!(other, Outcome::Refused(Denied::Conflict(_))),
        "{other:?}"
    );
    let amount = shop
        .kiosk(0, "order-1", KioskItem::Amount(minor(250)))
        .await;
    assert!(
        matches!(amount, Outcome::Refused(Denied::Conflict(_))),
        "{amount:?}"
    );
    // Another kiosk's name for an order is its own, and a number in use is not given twice.
    let Outcome::Ordered { pon: second, .. } = shop.kiosk(1, "order-1", espressos(1)).await else {
        panic!()
    };
    assert_ne!(second, pon);
}

#[tokio::test]
async fn what_the_kiosk_does_not_sell_gets_no_number() {
    let shop = shop().await;
    let unknown = KioskItem::Item {
        code: "99".parse().unwrap(),
        quantity: 1.try_into().unwrap(),
    };
    let refused = shop.kiosk(0, "a", unknown).await;
    assert_eq!(
        refused,
        Outcome::Refused(Denied::Order(Refusal::UnknownItem))
    );
    let nothing = shop.kiosk(0, "b", KioskItem::Amount(minor(0))).await;
    assert_eq!(
        nothing,
        Outcome::Refused(Denied::Order(Refusal::UnknownItem))
    );
    let stranger = shop.kiosk(9, "c", espressos(1)).await;
    assert_eq!(stranger, Outcome::Refused(Denied::Credential));
    let words = shop.say(&Phone::new(0), "PAY 83920171").await;
    assert_eq!(words.0, ArrivalEnd::Answered);
    assert!(
        words.1.contains("There is no payment 83920171"),
        "{}",
        words.1
    );
}

#[tokio::test]
async fn a_kiosk_has_so_many_open_orders_and_a_free_number_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(Some(folder.path().join("books.db"))).await;
    shop.stocked(2, 3).await;
    let mut pons = Vec::new();
    for n in 0..5 {
        pons.push(shop.number(0, &format!("order-{n}"), 1).await);
    }
    let sixth = shop.kiosk(0, "order-5", espressos(1)).await;
    assert_eq!(
        sixth,
        Outcome::Refused(Denied::Order(Refusal::TooMany)),
        "five may wait"
    );
    assert!(matches!(
        shop.kiosk(1, "order-5", espressos(1)).await,
        Outcome::Ordered { .. }
    ));
    // One is paid, another expires: both make room.
    shop.bought(&Phone::new(0), &format!("PAY {}", pons[0].0))
        .await;
    shop.number(0, "order-6", 1).await;
    shop.pass_ms(121_000);
    let expired = Member::Deadline {
        purchase: pons[1].1,
    };
    shop.submit(expired).await;
    shop.number(0, "order-7", 1).await;
    assert!(matches!(
        shop.kiosk(0, "order-8", espressos(1)).await,
        Outcome::Refused(Denied::Order(Refusal::TooMany))
    ));
    assert_eq!(shop.count("select count(*) from pon").await, 8);
    shop.pass_ms(2 * 86_400_000);
    let over_by = shop.now();
    shop.submit(Member::SweepParts { over_by }).await;
    let left = "select count(*) from pon where open = 0";
    assert_eq!(shop.count(left).await, 0);
    assert_eq!(
        shop.count("select count(*) from pon").await,
        6,
        "what still waits keeps its number"
    );
}

#[tokio::test]
async fn the_refund_of_a_number_that_a_card_paid_is_told_to_the_card() {
    let shop = shop().await;
    let (pon, id) = shop.number(0, "order-1", 1).await;
    let mut phone = Phone::new(0);
    let mut order = order_of(&mut phone, "12");
    order.wanted = Wanted::PaymentOrder {
        pon,
        short_code: None,
    };
    assert_eq!(shop.order(&mut phone, &order).await.0, ArrivalEnd::Paid);
    assert_eq!(
        shop.told(0, 1, Word::Withdraw).await,
        (State::Refunded, true)
    );
    let shown = shop.shown(&phone);
    assert_eq!(shown.outcome, OutcomeCode::Refunded);
    assert_eq!(shown.reference, order.reference);
    assert_eq!(shown.purchase, Some(id));
}
