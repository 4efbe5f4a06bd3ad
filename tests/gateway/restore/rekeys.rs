//! New keys that were on their way when the backup was made, and used after it.

use svgate::domain::refusal::Refusal;
use svgate::gateway::member::{ArrivalEnd, Member, Outcome, Rotation};
use svgate::gateway::views::Views as _;

use super::{ALL, DECLARE, Site};
use crate::fixture::{Phone, Shop};

/// The card is sent the next keys.
async fn rotated(shop: &Shop, version: u8) {
    let rotation = Rotation {
        accounts: vec!["A0".into()],
        to: None,
        who: "j.smith".into(),
    };
    let sent = shop.submit(Member::Rotate(rotation)).await;
    let expected = vec![("A0".into(), Ok(version))];
    assert_eq!(sent, Outcome::Commanded(expected));
}

#[tokio::test]
async fn what_paid_under_keys_that_were_on_their_way_is_not_paid_again_and_newer_keys_begin_anew() {
    let site = Site::new().await;
    let shop = site.shop().await;
    shop.stocked(1, 3).await;
    let mut card = Phone::new(0);
    let first = card.espresso(0);
    shop.sells(first, ALL).await;
    rotated(&shop, 2).await;
    drop(shop);
    site.back_up().await;

    let shop = site.shop().await;
    let (version, counter) = (2, 0);
    card = Phone {
        version,
        counter,
        ..card
    };
    let forgotten = card.espresso(0);
    shop.sells(forgotten.clone(), ALL).await;
    drop(shop);
    site.ends("export run", 0).await;
    site.put_back().await;
    site.ends(DECLARE, 0).await;
    let early = site.ends("sim resync A0 --who j.smith", 5).await;
    assert!(early.err.contains("svgate export adopt"), "{early:?}");
    let adopt = format!("export adopt {}", site.path("export").display());
    site.ends(&adopt, 0).await;

    // The card has its keys, whatever is forgotten of what it did with them.
    let shop = site.shop().await;
    shop.alive(0).await;
    let old = ArrivalEnd::Refused(Refusal::CounterForgotten);
    assert_eq!(shop.arrive(forgotten.clone()).await.1, old);
    let line = shop.store.sim("A0".into()).await.unwrap().unwrap().line;
    assert_eq!((line.key_version, line.from_sim.counter), (2, 20));
    drop(shop);
    let status = site.ends("sim status A0 --json", 0).await.json();
    assert_eq!(
        (&status["in_doubt"], &status["key_version"]),
        (&true.into(), &2.into())
    );
    let shop = site.shop().await;
    rotated(&shop, 3).await;
    shop.alive(0).await;
    let (version, reference) = (3, card.reference + 30);
    let mut renewed = Phone {
        version,
        counter,
        reference,
        ..card
    };
    assert_eq!(shop.arrive(renewed.espresso(0)).await.1, ArrivalEnd::Paid);
    assert_eq!(
        shop.arrive(forgotten).await.1,
        old,
        "nor under keys of before"
    );
}
