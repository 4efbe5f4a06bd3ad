//! Bills: closed once at the cut-off or at the maximum, paid once, and given to billing as a stream.

use svgate::domain::bill::{Bill, Closed};
use svgate::domain::ids::{BillId, SubscriberId};
use svgate::gateway::books::Books;
use svgate::gateway::member::{Denied, Member, Outcome, PayBill, Word};
use svgate::gateway::record::EntryKind;
use svgate::gateway::views::Views;

use crate::fixture::{Phone, Shop, minor};

const DAY_MS: i64 = 86_400_000;

async fn shop() -> (Shop, Phone) {
    let shop = Shop::open(None).await;
    shop.stocked(1, 2).await;
    (shop, Phone::new(0))
}

async fn bills(shop: &Shop) -> Vec<Bill> {
    let bills = shop
        .store
        .bills(Some("A0".into()), BillId(0), 100)
        .await
        .unwrap();
    bills.into_iter().map(|row| row.bill).collect()
}

/// Closes what was open at the last cut-off, as `bill close` does.
async fn close(shop: &Shop) -> Outcome {
    let cut_off = shop.context.policy.calendar.last_cut_off(shop.now());
    let open = shop
        .store
        .lines_open_before(cut_off, SubscriberId(0), 100)
        .await
        .unwrap();
    shop.submit(Member::CloseBills {
        subscribers: open,
        cut_off,
    })
    .await
}

#[tokio::test]
async fn a_bill_is_closed_at_the_cut_off_exactly_once() {
    let (shop, phone) = shop().await;
    shop.bought(&phone, "BUY 4711 12").await;
    assert_eq!(close(&shop).await, Outcome::Bills(0), "no cut-off has come");
    shop.pass_ms(10 * DAY_MS);
    shop.alive(0).await;
    assert_eq!(close(&shop).await, Outcome::Bills(1));
    assert_eq!(close(&shop).await, Outcome::Bills(0));
    let closed = bills(&shop).await;
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].number, closed[0].total_minor), (1, 260));
    assert_eq!(closed[0].cause, Closed::CutOff);
    let cut_off = shop.context.policy.calendar.last_cut_off(shop.now());
    assert_eq!(closed[0].to, cut_off);
    let future = Member::CloseBills {
        subscribers: vec![],
        cut_off: shop.now().plus_ms(1),
    };
    assert!(matches!(
        shop.submit(future).await,
        Outcome::Refused(Denied::Invalid(_))
    ));
}

#[tokio::test]
async fn a_bill_that_sums_to_nothing_is_a_bill_of_its_own() {
    let (shop, phone) = shop().await;
    shop.bought(&phone, "BUY 4711 12").await;
    shop.told(0, 1, Word::Withdraw).await;
    shop.pass_ms(40 * DAY_MS);
    shop.alive(0).await;
    shop.bought(&phone, "BUY 4711 12").await;
    shop.pass_ms(40 * DAY_MS);
    assert_eq!(close(&shop).await, Outcome::Bills(1));
    let closed: Vec<_> = bills(&shop)
        .await
        .iter()
        .map(|bill| (bill.number, bill.total_minor))
        .collect();
    assert_eq!(closed, [(1, 0), (2, 260)]);
}

#[tokio::test]
async fn the_first_order_after_a_cut_off_belongs_to_the_next_bill_whenever_bills_are_closed() {
    let (shop, phone) = shop().await;
    shop.bought(&phone, "BUY 4711 12").await;
    shop.pass_ms(10 * DAY_MS);
    shop.alive(0).await;
    let id = shop.bought(&phone, "BUY 4711 13").await;
    assert_eq!(shop.purchase(id).await.bill_number, Some(2));
    assert_eq!(bills(&shop).await.len(), 1);
    assert_eq!(
        close(&shop).await,
        Outcome::Bills(0),
        "the order has closed it"
    );
}

#[tokio::test]
async fn a_bill_that_reaches_its_maximum_is_closed_at_once() {
    let (shop, _) = shop().await;
    let mut phone = Phone::new(0);
    let mut line = phone.line();
    line.credit_limit = minor(100_000);
    line.cap = minor(50_000);
    shop.submit(Member::ImportLines(vec![line])).await;
    let mut order = crate::asking::order_of(&mut phone, "12");
    order.wanted = svgate::dialogue::secured_order::Wanted::Amount {
        short_code: 4711.try_into().unwrap(),
    };
    order.agreed = svgate::dialogue::secured_order::Agreed::Exactly(minor(20_000));
    shop.order(&mut phone, &order).await;
    let closed = bills(&shop).await;
    assert_eq!((closed.len(), closed[0].total_minor), (1, 20_000));
    assert_eq!(closed[0].cause, Closed::Maximum);
    shop.bought(&phone, "BUY 4711 12").await;
    assert_eq!(bills(&shop).await.len(), 1, "the next one has only begun");
    shop.pass_ms(10 * DAY_MS);
    assert_eq!(close(&shop).await, Outcome::Bills(1));
    let numbers: Vec<u32> = bills(&shop).await.iter().map(|bill| bill.number).collect();
    assert_eq!(numbers, [1, 2]);
}

#[tokio::test]
async fn a_refund_after_the_cut_off_stands_on_the_open_bill_with_its_entry() {
    let (shop, phone) = shop().await;
    let id = shop.bought(&phone, "BUY 4711 12").await;
    shop.told(0, 1, Word::Accept).await;
    shop.pass_ms(10 * DAY_MS);
    close(&shop).await;
    shop.told(0, 1, Word::Failed).await;
    let entries = shop.store.entries(1, 10, 10).await.unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|e| (e.kind, e.purchase, e.bill_number))
        .collect();
    assert_eq!(
        seen,
        [(EntryKind::Charge, id, 1), (EntryKind::Refund, id, 2)]
    );
    assert_eq!(entries[1].original, Some(entries[0].number));
    shop.pass_ms(31 * DAY_MS);
    close(&shop).await;
    let totals: Vec<i64> = bills(&shop)
        .await
        .iter()
        .map(|bill| bill.total_minor)
        .collect();
    assert_eq!(totals, [260, -260]);
}

#[tokio::test]
async fn a_payment_counts_once_for_its_reference() {
    let (shop, phone) = shop().await;
    shop.bought(&phone, "BUY 4711 12").await;
    let pay = |account: &str, amount, currency: &str| {
        Member::PayBill(PayBill {
            account: account.into(),
            amount: minor(amount),
            currency: currency.parse().unwrap(),
            reference: "bank-1".into(),
        })
    };
    assert!(matches!(
        shop.submit(pay("A0", 260, "USD")).await,
        Outcome::Refused(Denied::Invalid(_))
    ));
    let nobody = shop.submit(pay("A77", 260, "EUR")).await;
    assert_eq!(nobody, Outcome::Refused(Denied::NotFound("account")));
    assert_eq!(shop.submit(pay("A0", 260, "EUR")).await, Outcome::Done);
    assert_eq!(
        shop.submit(pay("A0", 260, "EUR")).await,
        Outcome::AlreadyDone
    );
    let other = shop.submit(pay("A1", 260, "EUR")).await;
    assert!(
        matches!(other, Outcome::Refused(Denied::Conflict(_))),
        "{other:?}"
    );
    assert_eq!(shop.balance("bank").await, 260);
    let left = shop.say(&phone, "BAL").await.1;
    assert!(left.ends_with("Left to spend: 100.00 EUR."), "{left}");
}

#[tokio::test]
async fn a_charge_that_stays_open_for_a_day_is_given_to_billing_once_as_provisional() {
    let (shop, phone) = shop().await;
    let id = shop.bought(&phone, "BUY 4711 12").await;
    shop.told(0, 1, Word::Accept).await;
    let early = shop.submit(Member::Provisional(vec![id])).await;
    assert_eq!(early, Outcome::Done);
    assert!(shop.store.entries(1, 10, 10).await.unwrap().is_empty());
    shop.pass_ms(DAY_MS);
    shop.submit(Member::Provisional(vec![id])).await;
    shop.submit(Member::Provisional(vec![id])).await;
    shop.told(0, 1, Word::Failed).await;
    let entries = shop.store.entries(1, 10, 10).await.unwrap();
    let seen: Vec<_> = entries.iter().map(|e| (e.kind, e.provisional)).collect();
    assert_eq!(
        seen,
        [(EntryKind::Charge, true), (EntryKind::Refund, false)]
    );
}

#[tokio::test]
async fn batches_are_numbered_without_a_gap_and_leave_nothing_between_them() {
    let (shop, phone) = shop().await;
    assert_eq!(
        shop.submit(Member::CloseBatch { allow_empty: false }).await,
        Outcome::Batch(None)
    );
    for (ack, text) in [(1, "BUY 4711 12"), (2, "BUY 4711 13")] {
        shop.bought(&phone, text).await;
        shop.told(0, ack, Word::Accept).await;
        shop.told(0, ack, Word::Supplied { units: None }).await;
        let closed = shop.submit(Member::CloseBatch { allow_empty: false }).await;
        assert_eq!(closed, Outcome::Batch(Some(ack)));
    }
    let empty = shop.submit(Member::CloseBatch { allow_empty: true }).await;
    assert_eq!(empty, Outcome::Batch(Some(3)));
    let written = Member::BatchWritten {
        sequence: 2,
        sha256: [5; 32],
    };
    assert_eq!(shop.submit(written).await, Outcome::Done);
    let batches = shop.store.batches_from(1).await.unwrap();
    let ranges: Vec<_> = batches
        .iter()
        .map(|stored| {
            (
                stored.batch.from_entry,
                stored.batch.to_entry,
                stored.sha256.is_some(),
            )
        })
        .collect();
    assert_eq!(ranges, [(1, 1, false), (2, 2, true), (3, 2, false)]);
}
