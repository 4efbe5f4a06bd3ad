//! Keys of cards that come from outside: staged where nobody sees them, valid by one commit.

use svgate::auth::command::open_command;
use svgate::auth::sealed_keys::{KeyPlace, seal_keys};
use svgate::auth::sim_keys::{Direction, derive};
use svgate::gateway::context::sealed_column;
use svgate::gateway::imported_keys::{CardKeyImport, KeyFile, KeyImportStep};
use svgate::gateway::member::{ArrivalEnd, Denied, LineImport, Member, Outcome, Rotation};
use svgate::gateway::views::Views as _;

use crate::fixture::{Phone, Shop, master};
use crate::imports::import;

/// A phone whose card has the keys that a vendor drew: here those of another version, so that none
/// of its packets is one of the derived keys.
fn phone() -> Phone {
    Phone {
        version: 9,
        ..Phone::new(30)
    }
}

/// What a vendor's file says of the card of `phone()`: its keys are version 1.
fn keys(same_keys: u8) -> CardKeyImport {
    keys_of_version(1, same_keys)
}

fn keys_of_version(version: u8, same_keys: u8) -> CardKeyImport {
    let (iccid, master) = (phone().iccid(), master());
    let sealed = |direction| {
        let keys = derive(&master, &iccid, 9, direction);
        let place = KeyPlace {
            iccid,
            direction,
            version,
        };
        seal_keys(&keys, &place, [7; 12], master.named()).unwrap()
    };
    let column = sealed_column(&sealed(Direction::Mo), &sealed(Direction::Mt)).unwrap();
    CardKeyImport {
        iccid: iccid.expose_digits().into(),
        version,
        imsi: phone().line().imsi,
        profile: None,
        sealed: column.into(),
        same_keys: [same_keys; 16],
    }
}

fn begin(file: &str) -> KeyImportStep {
    KeyImportStep::Begin(KeyFile {
        file: file.into(),
        name: format!("{file}.csv").into(),
        who: "alice and bob".into(),
        lines: 1,
    })
}

fn stage(file: &str, same_keys: u8) -> KeyImportStep {
    KeyImportStep::Stage {
        file: file.into(),
        cards: vec![keys(same_keys)],
    }
}

fn complete(file: &str) -> KeyImportStep {
    KeyImportStep::Complete {
        file: file.into(),
        who: "alice and bob".into(),
    }
}

/// An import from its beginning to its end.
pub(crate) fn whole_import() -> [Member; 3] {
    [begin("a"), stage("a", 1), complete("a")].map(Member::KeyImport)
}

async fn step(shop: &Shop, step: KeyImportStep) -> Outcome {
    shop.submit(Member::KeyImport(step)).await
}

/// How many rows were new.
const fn added(added: u64) -> Outcome {
    Outcome::Imported { added, changed: 0 }
}

/// The line of `phone()` as an import of subscribers has it: under key version 1.
async fn line(shop: &Shop) {
    let line = Phone {
        version: 1,
        ..phone()
    };
    import(shop, &[line]).await;
}

fn is_conflict(outcome: &Outcome, words: &str) -> bool {
    matches!(outcome, Outcome::Refused(Denied::Conflict(why)) if why.contains(words))
}

#[tokio::test]
async fn keys_of_an_import_are_nothing_before_it_is_complete_and_a_lines_afterwards() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    assert_eq!(step(&shop, begin("a")).await, Outcome::Done);
    assert_eq!(step(&shop, stage("a", 1)).await, added(1));
    line(&shop).await;
    let mut phone = phone();
    let forged = shop.arrive(phone.espresso(0)).await.1;
    assert!(matches!(forged, ArrivalEnd::Forged(_)), "{forged:?}");
    assert_eq!(step(&shop, complete("a")).await, Outcome::Done);
    // Nothing proved the derived keys: the same line takes the imported ones.
    line(&shop).await;
    assert_eq!(shop.arrive(phone.espresso(0)).await.1, ArrivalEnd::Paid);
    let confirmed = phone.read(shop.messages().last().unwrap());
    assert_eq!(confirmed.0.counter, 1, "sealed under the imported keys too");
    let events = shop.store.key_events(Some("a.csv".into()), 0, 9).await;
    let whats: Vec<String> = events
        .unwrap()
        .iter()
        .map(|event| event.what.to_string())
        .collect();
    assert_eq!(whats, ["import_begun", "import_completed"]);
}

#[tokio::test]
async fn a_new_line_takes_the_keys_of_its_card_and_version_only() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    for each in whole_import() {
        shop.submit(each).await;
    }
    let other_version = Phone {
        version: 2,
        ..phone()
    };
    import(&shop, std::slice::from_ref(&other_version)).await;
    let mut derived = other_version;
    assert_eq!(shop.arrive(derived.espresso(0)).await.1, ArrivalEnd::Paid);
    line(&shop).await;
    let mut phone = phone();
    phone.reference = derived.reference;
    assert_eq!(shop.arrive(phone.espresso(0)).await.1, ArrivalEnd::Paid);
    // A line that goes on under keys that a packet proved keeps them.
    line(&shop).await;
    assert_eq!(shop.arrive(phone.espresso(0)).await.1, ArrivalEnd::Paid);
}

/// What is wrong with a line, once the keys of its card came from the vendor.
async fn refused_line(shop: &Shop, change: impl FnOnce(&mut LineImport)) -> String {
    let own = Phone {
        version: 1,
        ..phone()
    };
    let mut line = own.line();
    change(&mut line);
    match shop.submit(Member::ImportLines(vec![line])).await {
        Outcome::Refused(Denied::Invalid(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_line_that_contradicts_the_vendor_of_its_card_is_refused() {
    let shop = Shop::open(None).await;
    for each in whole_import() {
        shop.submit(each).await;
    }
    let told = refused_line(&shop, |line| line.imsi = "262019999999999".into()).await;
    assert!(
        told.contains("account A30") && told.contains("262019999999999"),
        "{told}"
    );
    assert!(told.contains(&*phone().line().imsi), "{told}");
    let told = refused_line(&shop, |line| line.profile = Some("four-octets".into())).await;
    assert!(
        told.contains("of profile standard, and its line has four-octets"),
        "{told}"
    );
    let bare = keys(2).sealed;
    let told = refused_line(&shop, |line| line.sealed_keys = Some(bare)).await;
    assert!(
        told.contains("account A30") && told.contains("kic and kid empty"),
        "{told}"
    );
    line(&shop).await;
}

#[tokio::test]
async fn bare_keys_that_a_line_gets_are_in_the_log_once() {
    let shop = Shop::open(None).await;
    let own = Phone {
        version: 1,
        ..phone()
    };
    for sealed in [
        keys(1).sealed,
        keys(1).sealed.iter().rev().copied().collect(),
    ] {
        let mut line = own.line();
        line.sealed_keys = Some(sealed);
        shop.submit(Member::ImportLines(vec![line])).await;
    }
    let events = shop
        .store
        .key_events(Some(own.line().iccid), 0, 9)
        .await
        .unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| (&*event.who, &*event.what, &*event.detail))
        .collect();
    assert_eq!(
        told,
        [("subscriber import", "keys_set", "version 1 of account A30")]
    );
}

#[tokio::test]
async fn new_keys_over_the_air_are_those_that_were_imported_for_their_version() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let card = Phone::new(30);
    import(&shop, std::slice::from_ref(&card)).await;
    let (file, cards) = ("a".into(), vec![keys_of_version(2, 1)]);
    for each in [
        begin("a"),
        KeyImportStep::Stage { file, cards },
        complete("a"),
    ] {
        step(&shop, each).await;
    }
    let rotation = Rotation {
        accounts: vec!["A30".into()],
        to: None,
        who: "j.smith".into(),
    };
    let ends = shop.submit(Member::Rotate(rotation)).await;
    assert_eq!(ends, Outcome::Commanded(vec![("A30".into(), Ok(2))]));
    let message = shop.messages().pop().unwrap();
    let packet = message
        .message
        .user_data
        .strip_prefix(&[2, 0x70, 0])
        .unwrap();
    let opened = open_command(packet, &card.keys(Direction::Mt)).unwrap();
    let (vendors, now) = (phone().keys(Direction::Mo), opened.data.clone());
    let kic = vendors.keys.kic.expose_octets().to_vec();
    assert!(
        now.windows(16).any(|octets| octets == kic),
        "not the vendor's"
    );
    // The card's first packet under them is paid.
    let mut phone = phone();
    assert_eq!(shop.arrive(phone.espresso(0)).await.1, ArrivalEnd::Paid);
}

#[tokio::test]
async fn one_import_is_open_at_a_time_and_said_again_changes_nothing() {
    let shop = Shop::open(None).await;
    for _ in 0..2 {
        assert_eq!(step(&shop, begin("a")).await, Outcome::Done);
    }
    let other = step(&shop, begin("b")).await;
    assert!(is_conflict(&other, "--discard"), "{other:?}");
    assert_eq!(step(&shop, stage("a", 1)).await, added(1));
    assert_eq!(step(&shop, stage("a", 1)).await, added(0));
    assert_eq!(step(&shop, complete("a")).await, Outcome::Done);
    assert_eq!(step(&shop, complete("a")).await, Outcome::AlreadyDone);
    assert_eq!(step(&shop, begin("a")).await, Outcome::AlreadyDone);
    let late = step(&shop, stage("a", 1)).await;
    assert!(is_conflict(&late, "complete"), "{late:?}");
    let unknown = step(&shop, stage("c", 1)).await;
    let not_found = Outcome::Refused(Denied::NotFound("import of keys"));
    assert_eq!(unknown, not_found);
    // Another file with the same keys of the card changes nothing of them; other keys are refused.
    assert_eq!(step(&shop, begin("b")).await, Outcome::Done);
    assert_eq!(step(&shop, stage("b", 1)).await, added(0));
    let refused = step(&shop, stage("b", 2)).await;
    assert!(is_conflict(&refused, "other keys"), "{refused:?}");
}

#[tokio::test]
async fn a_discarded_import_leaves_nothing() {
    let shop = Shop::open(None).await;
    step(&shop, begin("a")).await;
    step(&shop, stage("a", 1)).await;
    let (number, import) = shop.store.key_imports(0, 9).await.unwrap().remove(0);
    assert_eq!((&*import.of.file, import.completed), ("a", None));
    let cards = shop.store.cards_of_import(number, "".into(), 9);
    let cards = cards.await.unwrap();
    assert_eq!(cards.len(), 1);
    let file: std::sync::Arc<str> = "a".into();
    let unstage = KeyImportStep::Unstage {
        file: file.clone(),
        cards,
    };
    let removed = Outcome::Imported {
        added: 0,
        changed: 1,
    };
    assert_eq!(step(&shop, unstage).await, removed);
    let who = "carol".into();
    assert_eq!(
        step(&shop, KeyImportStep::Discard { file, who }).await,
        Outcome::Done
    );
    assert!(shop.store.key_imports(0, 9).await.unwrap().is_empty());
    // Other keys of the card can come now.
    step(&shop, begin("b")).await;
    assert_eq!(step(&shop, stage("b", 2)).await, added(1));
}

/// Whoever imports the file meanwhile may have staged the rows that are gone: it must not end well.
#[tokio::test]
async fn an_import_whose_rows_are_taken_away_takes_none_and_is_never_complete() {
    let shop = Shop::open(None).await;
    step(&shop, begin("a")).await;
    step(&shop, stage("a", 1)).await;
    let file: std::sync::Arc<str> = "a".into();
    let unstage = KeyImportStep::Unstage {
        file: file.clone(),
        cards: vec![(phone().line().iccid, 1)],
    };
    step(&shop, unstage).await;
    for late in [stage("a", 1), complete("a"), begin("a")] {
        let refused = step(&shop, late).await;
        assert!(is_conflict(&refused, "--discard"), "{refused:?}");
    }
    let (number, import) = shop.store.key_imports(0, 9).await.unwrap().remove(0);
    assert_eq!(import.completed, None);
    let left = shop.store.cards_of_import(number, "".into(), 9).await;
    assert!(left.unwrap().is_empty());
    let who = "carol".into();
    step(&shop, KeyImportStep::Discard { file, who }).await;
    for (anew, end) in [
        (begin("a"), Outcome::Done),
        (stage("a", 1), added(1)),
        (complete("a"), Outcome::Done),
    ] {
        assert_eq!(step(&shop, anew).await, end);
    }
}

#[tokio::test]
async fn rows_that_no_import_owns_are_replaced() {
    let shop = Shop::open(None).await;
    step(&shop, begin("a")).await;
    step(&shop, stage("a", 1)).await;
    let (file, who) = ("a".into(), "carol".into());
    step(&shop, KeyImportStep::Discard { file, who }).await;
    let asked = (phone().line().iccid, phone().line().imsi);
    let known = shop.store.known_cards(vec![asked.clone()]).await;
    assert!(known.unwrap().is_empty());
    for each in [begin("b"), stage("b", 2), complete("b")] {
        step(&shop, each).await;
    }
    let known = shop.store.known_cards(vec![asked]).await.unwrap();
    let same_keys = known.iter().filter_map(|card| card.keys);
    assert!(same_keys.map(|keys| keys.same_keys).all(|k| k == [2; 16]));
    assert_eq!(known.len(), 2, "by card and by IMSI");
}
