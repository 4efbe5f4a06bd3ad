//! The log of what was done with keys.

use svgate::gateway::member::{Member, Outcome};
use svgate::gateway::views::Views as _;
use svgate::gateway::world::KeyEvent;

use crate::fixture::Shop;

/// Keys of `subject` left the gateway.
pub(crate) fn issued(subject: &str) -> Member {
    Member::KeyEvents(vec![KeyEvent {
        who: "alice and bob".into(),
        what: "issued",
        subject: subject.into(),
        detail: "version 2".to_owned(),
    }])
}

#[tokio::test]
async fn what_was_done_with_keys_stays_with_who_did_it() {
    let shop = Shop::open(None).await;
    let card = "8949020000000000014";
    let began = shop.now();
    for subject in [card, "A1", card] {
        assert_eq!(shop.submit(issued(subject)).await, Outcome::Done);
        shop.pass_ms(1_000);
    }
    let subjects = async |subject: Option<&str>, after, most| {
        let events = shop
            .store
            .key_events(subject.map(Into::into), after, most)
            .await;
        let events = events.unwrap();
        let at = events
            .iter()
            .map(|event| event.at.0.saturating_sub(began.0));
        let seconds: Vec<i64> = at.map(|ms| ms / 1_000).collect();
        (events, seconds)
    };
    let (all, seconds) = subjects(None, 0, 9).await;
    assert_eq!(seconds, [0, 1, 2]);
    assert!(all.is_sorted_by_key(|event| event.number));
    let first = &all[0];
    assert_eq!(
        [&*first.who, &first.what, &first.subject, &first.detail],
        ["alice and bob", "issued", card, "version 2"]
    );
    assert_eq!(subjects(Some(card), 0, 9).await.1, [0, 2]);
    assert_eq!(subjects(None, 0, 2).await.1, [1, 2], "the last ones");
    assert_eq!(subjects(None, all[1].number, 9).await.1, [2]);
    assert!(subjects(Some("nobody"), 0, 9).await.0.is_empty());
}
