//! Looking into purchases and the outbox, and deciding what nobody knows, on a shop's own books.

use serde_json::Value;
use svgate::commands::outbox::{self, OutboxArgs};
use svgate::commands::purchase::{self, PurchaseArgs};
use svgate::commands::site::Fault;
use svgate::domain::ids::PurchaseId;
use svgate::domain::purchase::State;
use svgate::gateway::member::{Member, OutboxEnd, OutboxSettled, Outcome, Receipt, Word};
use svgate::gateway::views::Views;

use crate::fixture::{Phone, Shop, end_of};

#[derive(clap::Parser)]
struct PurchaseCli {
    #[command(flatten)]
    args: PurchaseArgs,
}

#[derive(clap::Parser)]
struct OutboxCli {
    #[command(flatten)]
    args: OutboxArgs,
}

fn words(words: &str) -> impl Iterator<Item = &str> {
    std::iter::once("svgate").chain(words.split_whitespace())
}

async fn purchase(shop: &Shop, line: &str) -> Result<String, Fault> {
    let cli = <PurchaseCli as clap::Parser>::try_parse_from(words(line)).unwrap();
    let mut output = Vec::new();
    purchase::run(&cli.args.action, &shop.store, &mut output).await?;
    Ok(String::from_utf8(output).unwrap())
}

async fn outbox(shop: &Shop, line: &str) -> Result<String, Fault> {
    let cli = <OutboxCli as clap::Parser>::try_parse_from(words(line)).unwrap();
    let mut output = Vec::new();
    outbox::run(&cli.args.action, &shop.store, &mut output).await?;
    Ok(String::from_utf8(output).unwrap())
}

/// A purchase that a machine took and never reported on.
async fn unknown(shop: &Shop) -> PurchaseId {
    shop.stocked(1, 1).await;
    let ordered = shop
        .submit(Member::Arrival(Phone::new(0).espresso(0)))
        .await;
    let purchase = end_of(&ordered).0.unwrap();
    shop.act(0, 1, Word::Accept).await;
    shop.pass_ms(100_000);
    shop.submit(Member::Deadline { purchase }).await;
    let record = shop.store.purchase(purchase).await.unwrap().unwrap();
    assert_eq!(record.life.state, State::Unknown);
    purchase
}

#[tokio::test]
async fn an_unknown_end_is_listed_shown_and_decided_by_a_person_once() {
    let shop = Shop::open(None).await;
    let id = unknown(&shop).await;
    let listed = purchase(&shop, "list --state unknown --json")
        .await
        .unwrap();
    let listed: Value = serde_json::from_str(listed.trim()).unwrap();
    assert_eq!(
        (&listed["purchase"], &listed["retail"]),
        (&id.0.into(), &"2.50".into())
    );
    let shown = purchase(&shop, &format!("show {id}")).await.unwrap();
    assert!(
        shown.contains("unknown") && shown.contains("cmac"),
        "{shown}"
    );
    assert!(!shown.contains("491700000000"), "{shown}");
    let received = hex::encode(Phone::new(0).espresso(0).received);
    assert!(shown.contains(&received), "{shown}");

    let resolve = format!("resolve {id} --supplied none --who ada --why jammed");
    assert!(
        purchase(&shop, &resolve)
            .await
            .unwrap()
            .contains("refunded")
    );
    let again = purchase(
        &shop,
        &format!("resolve {id} --supplied all --who ada --why x"),
    )
    .await;
    assert_eq!(again.unwrap_err().status(), 5);
    let gone = purchase(&shop, "resolve 7 --supplied all --who ada --why x").await;
    assert_eq!(gone.unwrap_err().status(), 4);
    assert_eq!(purchase(&shop, "list --state unknown").await.unwrap(), "");
    let notices = shop.store.notices(0, 10).await.unwrap();
    let told = notices
        .iter()
        .find(|notice| *notice.kind == *"resolved")
        .unwrap();
    assert!(
        told.text.contains("ada") && told.text.contains("jammed"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_parked_message_is_listed_with_its_cause_and_sent_again() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    shop.submit(Member::Arrival(Phone::new(0).espresso(0)))
        .await;
    let id = shop.messages()[0].id;
    assert!(outbox(&shop, "list").await.unwrap().ends_with("waits\n"));
    let end = OutboxEnd::Parked {
        cause: "0x0B".into(),
    };
    let settled = Member::OutboxSettled(vec![OutboxSettled { id, end }]);
    assert_eq!(shop.submit(settled).await, Outcome::Done);
    let parked = outbox(&shop, "list --parked --json").await.unwrap();
    let parked: Value = serde_json::from_str(parked.trim()).unwrap();
    assert_eq!(
        (&parked["id"], &parked["parked"]),
        (&id.0.into(), &"0x0B".into())
    );
    assert!(parked["to"].as_str().unwrap().starts_with('…'));
    assert!(outbox(&shop, &format!("retry {id}")).await.is_ok());
    assert_eq!(outbox(&shop, "list --parked").await.unwrap(), "");
    assert_eq!(outbox(&shop, "retry 7").await.unwrap_err().status(), 4);
}

#[tokio::test]
async fn what_a_receipt_said_is_shown_with_its_message_and_its_purchase() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let ordered = Member::Arrival(Phone::new(0).espresso(0));
    let id = end_of(&shop.submit(ordered).await).0.unwrap();
    let message = shop.messages()[0].id;
    let end = OutboxEnd::Taken {
        message_id: "a7".into(),
        receipt: true,
    };
    shop.submit(Member::OutboxSettled(vec![OutboxSettled {
        id: message,
        end,
    }]))
    .await;
    let waits = outbox(&shop, "list --sent").await.unwrap();
    assert!(waits.ends_with("no receipt yet\n"), "{waits}");
    let receipt = Receipt {
        smsc: "smsc-1".into(),
        to: Some(Phone::new(0).msisdn()),
        candidates: vec!["a7".into()],
        reference: None,
        state: "UNDELIVERABLE".into(),
    };
    assert_eq!(shop.submit(Member::Receipt(receipt)).await, Outcome::Done);
    let sent = outbox(&shop, "list --sent --json").await.unwrap();
    let sent: Value = serde_json::from_str(sent.trim()).unwrap();
    assert_eq!(
        (&sent["id"], &sent["purchase"], &sent["receipt"]),
        (&message.0.into(), &id.0.into(), &"UNDELIVERABLE".into())
    );
    assert!(sent["to"].as_str().unwrap().starts_with('…'), "{sent}");
    let shown = purchase(&shop, &format!("show {id} --json")).await.unwrap();
    let shown: Value = serde_json::from_str(shown.trim()).unwrap();
    assert_eq!(shown["messages"][0]["receipt"], "UNDELIVERABLE", "{shown}");
    assert_eq!(outbox(&shop, "list").await.unwrap(), "");
}

#[tokio::test]
async fn a_bill_is_closed_at_its_cut_off_and_listed_by_account() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 2).await;
    shop.submit(Member::Arrival(Phone::new(0).espresso(0)))
        .await;
    // START is 23 November; the cut-off is 1 December, 00:00 in Berlin.
    shop.pass_ms(10 * 86_400_000);
    let now = svgate::domain::Millis(crate::fixture::START.0 + 10 * 86_400_000);
    let cut_off = shop.context.policy.calendar.last_cut_off(now);
    let first = svgate::domain::ids::SubscriberId(0);
    let open = shop
        .store
        .lines_open_before(cut_off, first, 10)
        .await
        .unwrap();
    assert_eq!(open.len(), 1, "a line without charges is left alone");
    let member = Member::CloseBills {
        subscribers: open,
        cut_off,
    };
    assert_eq!(shop.submit(member).await, Outcome::Bills(1));
    let none = svgate::domain::ids::BillId(0);
    let bills = shop.store.bills(Some("A0".into()), none, 10).await.unwrap();
    assert_eq!(
        (bills.len(), bills[0].bill.total_minor, bills[0].bill.to),
        (1, 260, cut_off)
    );
    assert!(
        shop.store
            .bills(Some("A1".into()), none, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        shop.store
            .lines_open_before(cut_off, first, 10)
            .await
            .unwrap()
            .is_empty()
    );
}
