//! Both databases take the same statements and have the same tables, and every look at the books
//! works on both.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use svgate::domain::Millis;
use svgate::domain::ids::{BillId, OutboxId, PurchaseId, SubscriberId};
use svgate::gateway::audit::{AuditBooks as _, AuditSnapshot as _};
use svgate::gateway::books::{AckQuestion, Books as _};
use svgate::gateway::upkeep::Upkeep as _;
use svgate::gateway::views::Views as _;
use svgate::store::{Direct, StoreOptions};

use crate::fixture::{START, Shop, TOKEN, context, terminal};
use crate::home;

#[tokio::test]
async fn every_statement_is_taken_by_this_database_too() {
    let place = home::place(None).await;
    let options = StoreOptions { place, node: 0 };
    let mut direct = Direct::open(&options, context(), Arc::new(|| START))
        .await
        .unwrap();
    assert!(direct.run_every_statement().await.unwrap() > 100);
}

#[tokio::test]
async fn the_tables_and_columns_are_those_of_the_statements() {
    let place = home::place(None).await;
    let options = StoreOptions { place, node: 0 };
    let mut direct = Direct::open(&options, context(), Arc::new(|| START))
        .await
        .unwrap();
    let found = direct.texts(home::COLUMNS).await.unwrap();
    let mut expected: Vec<String> = Direct::tables()
        .into_iter()
        .flat_map(|(table, columns)| {
            columns
                .into_iter()
                .map(move |column| format!("{table}.{column}"))
        })
        .collect();
    // What a statement never names: a machine's own number in its table.
    expected.push("terminal.terminal_no".to_owned());
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_look_at_the_books_works_on_this_database_too() {
    let shop = Shop::open(None).await;
    shop.stocked(2, 3).await;
    let books = &shop.store;
    let question = AckQuestion {
        terminal: terminal(0),
        token_sha256: TOKEN,
        after: 0,
        now: shop.now(),
    };
    assert!(books.acks(question).await.unwrap().is_ok());
    assert!(books.outbox_after(OutboxId(0), 5).await.unwrap().is_empty());
    assert!(
        books
            .deadlines_after(PurchaseId(0), 5)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(books.batches_from(0).await.unwrap().is_empty());
    assert!(books.entries(0, 9, 5).await.unwrap().is_empty());
    assert!(books.purchase(PurchaseId(1)).await.unwrap().is_none());
    assert!(
        books
            .purchases("paid", PurchaseId(0), 5)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(books.parked(OutboxId(0), 5).await.unwrap().is_empty());
    assert!(books.balances().await.unwrap().len() >= 2);
    for account in [None, Some("A1".into())] {
        assert!(books.bills(account, BillId(0), 5).await.unwrap().is_empty());
    }
    let open = books.lines_open_before(shop.now(), SubscriberId(0), 5);
    assert!(open.await.unwrap().is_empty());
    assert!(
        books
            .currencies(vec!["nobody".into()])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(books.merchants().await.unwrap().len(), 1);
    assert_eq!(books.terminals().await.unwrap().len(), 2);
    assert!(books.notices(0, 5).await.unwrap().is_empty());
    assert_eq!(books.schema().await.unwrap(), 1);
    assert!(books.last_commit().await.unwrap().is_some());
    assert!(
        books
            .open_paid_before(Millis(i64::MAX), 5)
            .await
            .unwrap()
            .is_empty()
    );
    let mut snapshot = books.snapshot().await.unwrap();
    assert_eq!(snapshot.ends().await.unwrap().nodes.len(), 1);
    assert!(snapshot.purse_log(0, 5).await.unwrap().is_empty());
    assert!(snapshot.pos_log(0, 5).await.unwrap().is_empty());
    assert!(
        snapshot
            .purchases(PurchaseId(0), 5)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(snapshot.transfers(0, 5).await.unwrap().len(), 1);
    assert!(snapshot.accounts(0, 5).await.unwrap().len() >= 2);
    assert_eq!(snapshot.lines(SubscriberId(0), 5).await.unwrap().len(), 3);
    assert!(snapshot.entries(0, 5).await.unwrap().is_empty());
    assert!(snapshot.batches().await.unwrap().is_empty());
}

#[tokio::test]
async fn which_books_they_are_is_read_on_this_database_too() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let books = &shop.store;
    assert_eq!(books.epochs().await.unwrap(), (0, 0));
    let standing = books.standing().await.unwrap();
    assert!(standing.settled && standing.mark.batches[&0] > 0);
    let waits = books.not_in_stream(PurchaseId(0), 5).await;
    assert!(waits.unwrap().is_empty());
}

#[tokio::test]
async fn books_of_a_newer_svgate_are_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.db");
    drop(Shop::open(Some(path.clone())).await);
    let later =
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         select 99, 'later', success, checksum, 0 from _sqlx_migrations returning description";
    assert_eq!(home::texts(&path, later).await, ["later"]);
    let place = home::place(Some(&path)).await;
    let options = StoreOptions { place, node: 0 };
    let opened = Direct::open(&options, context(), Arc::new(|| START)).await;
    let error = opened.err().expect("it is not opened").to_string();
    assert!(
        error.contains("schema version 99, and this svgate knows them up to 1"),
        "{error}"
    );
}

#[test]
fn what_is_written_for_one_database_only_names_no_table() {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let inside = fs::read_dir(store.join("postgres")).unwrap();
    let files = inside.map(|entry| entry.unwrap().path());
    for file in files.chain([store.join("postgres.rs"), store.join("sqlite.rs")]) {
        let text = fs::read_to_string(&file).unwrap();
        for (table, _) in Direct::tables() {
            for word in ["from", "into", "update", "join"] {
                let named = format!("{word} {table} ");
                assert!(!text.contains(&named), "{}: {named}", file.display());
            }
        }
    }
}
