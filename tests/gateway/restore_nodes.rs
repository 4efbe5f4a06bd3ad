//! A shared database that came back from a backup: every node is held against its own mark, whoever
//! runs on is fenced, and the stream waits for the files of all.

use svgate::domain::ids::PurchaseId;
use svgate::domain::purchase::State;
use svgate::gateway::books::{Books as _, StoreError};
use svgate::gateway::member::{LoadPurse, Member, Outcome, Word};

use crate::fixture::{Phone, eur, minor, terminal};
use crate::home;
use crate::restore::site::Site;
use crate::restore::{ALL, DECLARE};

/// Two nodes that each delivered a file before the backup and one after it.
async fn two() -> [Site; 2] {
    let first = Site::new().await;
    let second = Site::of(tempfile::tempdir().unwrap(), first.books().to_owned(), 1).await;
    let shop = first.shop().await;
    shop.stocked(1, 4).await;
    let other = second.shop().await;
    let load = LoadPurse {
        amount: minor(1_000_000),
        currency: eur(),
        reference: "L2".into(),
    };
    assert_eq!(other.submit(Member::LoadPurse(load)).await, Outcome::Done);
    shop.sells(Phone::new(0).text("BUY 4711 12"), ALL).await;
    other.sells(Phone::new(1).text("BUY 4711 12"), ALL).await;
    for site in [&first, &second] {
        site.ends("export run", 0).await;
    }
    first.back_up().await;
    let (shop, other) = (first.shop().await, second.shop().await);
    // Paid at the first node; its machine told the second what became of it.
    let (purchase, _) = shop.arrive(Phone::new(2).text("BUY 4711 13 x2")).await;
    let ack = shop.purchase(purchase.unwrap()).await.ack.unwrap();
    other.told(0, ack, Word::Accept).await;
    other.told(0, ack, ALL).await;
    shop.sells(Phone::new(3).text("BUY 4711 12"), ALL).await;
    for site in [&first, &second] {
        site.ends("export run", 0).await;
    }
    first.put_back().await;
    [first, second]
}

#[tokio::test]
async fn every_node_is_refused_and_the_stream_waits_for_the_files_of_all() {
    let [first, second] = two().await;
    for site in [&first, &second] {
        let refused = site.starts().await.expect_err("it does not start");
        assert!(refused.contains("svgate store restored"), "{refused}");
    }
    // One that was open before is fenced by the declaration.
    let runs_on = second.shop().await;
    assert_eq!(second.ends(DECLARE, 0).await.json()["epoch"], 1);
    let terminal = terminal(0);
    runs_on.pass_ms(60_000);
    let late = runs_on.store.submit(Member::Seen { terminal }).await;
    let Err(StoreError::Unavailable(why)) = late else {
        panic!("{late:?}")
    };
    assert!(why.contains("was taken over"), "{why}");
    for site in [&first, &second] {
        site.starts().await.unwrap();
        site.ends("export run", 3).await;
    }
    let adopt = format!("export adopt {}", first.path("export").display());
    first.ends(&adopt, 0).await;
    first.ends("export run", 3).await;
    // The other machine is gone, and its disk is read here.
    let (folder, head) = (second.path("export"), second.path("export-head"));
    let adopt = format!(
        "export adopt {} --node 1 --head {} --json",
        folder.display(),
        head.display()
    );
    let adopted = first.ends(&adopt, 0).await.json();
    assert_eq!(
        (&adopted["files"], &adopted["entries"]),
        (&1.into(), &1.into())
    );
    for site in [&first, &second] {
        site.ends("export run", 0).await;
        site.ends("export verify", 0).await;
        let reconciled = site.ends("reconcile", 0).await.output;
        assert!(reconciled.contains("0 differences"), "{reconciled}");
    }
    let shop = first.shop().await;
    let recovered = "select count(*) from purchase where recovered = 1";
    assert_eq!(shop.count(recovered).await, 2);
    let by_both = "select max(purchase_id) from purchase where units = 2";
    let by_both = PurchaseId(shop.count(by_both).await);
    assert_eq!(shop.state(by_both).await, State::Supplied { units: 2 });
}

#[tokio::test]
async fn a_gateway_whose_books_are_set_back_under_it_ends() {
    let site = Site::new().await;
    let (shop, writer) = site.resting().await;
    let stocking = async {
        shop.stocked(1, 1).await;
        site.back_up().await;
        // The server ended every session: the writer comes back by itself.
        for _ in 0..100 {
            let phone = Phone::new(0);
            let order = Member::Arrival(phone.text("BUY 4711 12"));
            if shop.store.submit(order).await.is_ok() {
                break;
            }
        }
        assert_eq!(shop.count("select count(*) from transfer").await, 5);
        site.put_back().await;
        loop {
            shop.pass_ms(60_000);
            let seen = Member::Seen {
                terminal: terminal(0),
            };
            match shop.store.submit(seen).await {
                Err(StoreError::Unavailable(why)) if why.contains("are gone") => return why,
                Ok(_) => panic!("it was decided on books that lost a commit"),
                Err(_) => {}
            }
        }
    };
    let (why, ended) = tokio::join!(stocking, writer.run());
    assert!(why.contains("svgate store restored"), "{why}");
    assert!(ended.is_err());
    assert_eq!(
        home::integer(site.books(), "select count(*) from transfer").await,
        1
    );
}
