//! Books that came back from a backup: refused until it is said, and then nothing is paid twice,
//! nobody is believed who was only witnessed by what is lost, and the files go on where they end.

use std::fs;

use svgate::dialogue::secured_reply::OutcomeCode;
use svgate::domain::ids::PurchaseId;
use svgate::domain::purchase::State;
use svgate::domain::refusal::Refusal;
use svgate::gateway::member::{Arrival, ArrivalEnd, Member, Word};
use svgate::store::{Mark, Restore, StoreOptions, begin_epoch};

use crate::asking::order_of;
use crate::fixture::{Phone, START, end_of};
use crate::home;

use site::Site;

#[path = "restore/rekeys.rs"]
mod rekeys;
#[path = "restore/site.rs"]
pub(crate) mod site;

pub(crate) const ALL: Word = Word::Supplied { units: None };

/// What a backup, and what came after it, left behind.
struct Lost {
    site: Site,
    /// The phone with a SIM applet, as it is after all its orders.
    card: Phone,
    /// Its orders after the backup: one that is in a file, one that is in none.
    delivered: Arrival,
    forgotten: Arrival,
    /// Taken by the machine when the backup was made; supplied after it.
    open: PurchaseId,
    /// Waited when the backup was made; paid after it.
    pon: String,
    kiosk: PurchaseId,
    /// After the backup: supplied, refunded, and sold in part.
    after: [PurchaseId; 3],
    highest_ack: i64,
}

/// Two files; the second, and one purchase that is in none, are of after the backup. The books are
/// those of the backup.
async fn lost() -> Lost {
    let site = Site::new().await;
    let shop = site.shop().await;
    shop.stocked(1, 4).await;
    let (mut card, texter) = (Phone::new(0), Phone::new(1));
    let first = card.espresso(0);
    shop.sells(first, ALL).await;
    let open = shop.bought(&texter, "BUY 4711 12").await;
    let ack = shop.purchase(open).await.ack.unwrap();
    shop.told(0, ack, Word::Accept).await;
    let (pon, kiosk) = shop.number(0, "order-1", 2).await;
    drop(shop);
    site.ends("export run", 0).await;
    site.back_up().await;

    let shop = site.shop().await;
    shop.told(0, ack, ALL).await;
    let delivered = card.espresso(0);
    let paid = shop.sells(delivered.clone(), ALL).await;
    let failed = shop.sells(texter.text("BUY 4711 13"), Word::Failed).await;
    let part = Word::Supplied { units: Some(1) };
    let part = shop.sells(texter.text("BUY 4711 13 x3"), part).await;
    let by_number = Phone::new(3).text(&format!("PAY {pon}"));
    assert_eq!(shop.sells(by_number, ALL).await, kiosk);
    drop(shop);
    site.ends("export run", 0).await;
    let shop = site.shop().await;
    let forgotten = card.espresso(0);
    let last = shop.sells(forgotten.clone(), ALL).await;
    let highest_ack = shop.purchase(last).await.ack.unwrap();
    drop(shop);
    site.put_back().await;
    Lost {
        site,
        card,
        delivered,
        forgotten,
        open,
        pon: pon.to_string(),
        kiosk,
        after: [paid, failed, part],
        highest_ack,
    }
}

pub(crate) const DECLARE: &str = "store restored --reason disk-lost --json";

#[tokio::test]
async fn an_older_file_in_place_of_the_books_is_refused_until_it_is_declared() {
    let Lost { site, .. } = lost().await;
    let mark = fs::read_to_string(site.path("svgate.mark")).unwrap();
    for words in ["purse show", "export run", "purchase list --state paid"] {
        let refused = site.ends(words, 3).await;
        assert!(
            refused.err.contains("svgate store restored --reason"),
            "{refused:?}"
        );
        assert!(refused.err.contains("svgate.mark"), "{refused:?}");
    }
    let started = site.starts().await.expect_err("it does not start");
    assert!(started.contains("svgate store restored"), "{started}");
    assert_eq!(fs::read_to_string(site.path("svgate.mark")).unwrap(), mark);

    let declared = site.ends(DECLARE, 0).await.json();
    assert_eq!(declared["epoch"], 1);
    assert_eq!(declared["numbers_withdrawn"], 1);
    assert_eq!(declared["purchases_unknown"], 1);
    site.starts().await.unwrap();
    // The same backup once more is older than the epoch that was declared.
    site.put_back().await;
    site.ends("purse show", 3).await;
    assert_eq!(site.ends(DECLARE, 0).await.json()["epoch"], 2);
}

#[tokio::test]
async fn a_declaration_that_was_killed_goes_on_in_the_same_epoch() {
    let Lost { site, .. } = lost().await;
    let place = home::place(Some(site.books())).await;
    let options = StoreOptions { place, node: 0 };
    let mark = Mark::read(&site.path("svgate.mark")).unwrap();
    let restore = Restore {
        epoch: 1,
        mark: mark.as_ref(),
        now: START,
        plain_from: START,
        counter_margin: 20,
        reason: "killed after its first commit",
    };
    begin_epoch(&options, &restore).await.unwrap();
    let refused = site.ends("purse show", 3).await;
    assert!(refused.err.contains("run it again"), "{refused:?}");
    let declared = site.ends(DECLARE, 0).await.json();
    assert_eq!(
        (&declared["epoch"], &declared["purchases_unknown"]),
        (&1.into(), &1.into())
    );
    site.ends("purse show", 0).await;
}

#[tokio::test]
async fn a_mark_that_is_lost_or_of_other_books_is_no_leave_to_start() {
    let Lost { site, .. } = lost().await;
    let mark = site.path("svgate.mark");
    let other = fs::read_to_string(&mark)
        .unwrap()
        .replace("books ", "books f");
    fs::write(&mark, other).unwrap();
    assert!(site.ends("purse show", 3).await.err.contains("other books"));
    site.ends(DECLARE, 5).await;
    fs::write(&mark, "svgate-mark-1\n").unwrap();
    assert!(
        site.ends("purse show", 3)
            .await
            .err
            .contains("is not a mark")
    );
    fs::remove_file(&mark).unwrap();
    assert!(site.ends("purse show", 3).await.err.contains("is missing"));
    let declared = site.ends(&format!("{DECLARE} --epoch 7"), 0).await.json();
    assert_eq!(declared["epoch"], 7);
    site.ends("purse show", 0).await;
    site.ends(&format!("{DECLARE} --epoch 7"), 5).await;
}

#[tokio::test]
async fn nothing_that_was_paid_before_the_restore_is_paid_again() {
    let lost = lost().await;
    let site = &lost.site;
    site.ends(DECLARE, 0).await;
    let shop = site.shop().await;
    let held = shop.balance("pos_held").await;
    // The same packets again, whether a file knows them or none does.
    for packet in [&lost.delivered, &lost.forgotten] {
        let (_, end) = shop.arrive(packet.clone()).await;
        assert_eq!(end, ArrivalEnd::Refused(Refusal::CounterForgotten));
    }
    // The same order under new keys' counter: its reference may have been used.
    let mut card = lost.card.clone();
    card.counter += 20;
    let (_, end) = shop.arrive(card.again(0)).await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::ReferenceOld));
    // The same words, which an SMSC may deliver again.
    let texter = Phone::new(1);
    let (end, says) = shop.say(&texter, "BUY 4711 13").await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::PlainRests));
    assert!(says.contains("orders by text rest for 24 h"), "{says}");
    let (end, says) = shop.say(&Phone::new(2), &format!("PAY {}", lost.pon)).await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::PonWithdrawn));
    assert!(says.contains("was withdrawn"), "{says}");
    assert_eq!(shop.balance("pos_held").await, held, "nothing was paid");
    assert_eq!(shop.state(lost.open).await, State::Unknown);
    let parked = "select count(*) from outbox where parked like '%may have been sent%'";
    assert!(shop.count(parked).await > 0);

    // A card goes on above what it may have sent; its confirmation is above what it may have heard.
    card.reference += 20;
    let order = order_of(&mut card, "12");
    assert_eq!(
        shop.order(&mut card, &order).await,
        (ArrivalEnd::Paid, OutcomeCode::Paid)
    );
    let (packet, _) = card.read(shop.messages().last().unwrap());
    assert!(packet.counter > 20 * 4, "{}", packet.counter);
    let paid = shop
        .count("select max(purchase_id) from purchase where state = 'paid'")
        .await;
    let record = shop.purchase(PurchaseId(paid)).await;
    assert!(record.ack.unwrap() > 1_000_000_000 && record.ack.unwrap() > lost.highest_ack);
    assert_eq!(
        record.from_seq.unwrap() >> 48,
        1,
        "purses pay by the epoch's numbers"
    );
    // A number of now is told from others by itself; words wait for their time.
    let (pon, _) = shop.number(0, "order-2", 1).await;
    shop.bought(&Phone::new(2), &format!("PAY {pon}")).await;
    shop.pass_ms(86_400_001);
    shop.alive(0).await;
    shop.bought(&texter, "BUY 4711 13").await;
}

#[tokio::test]
async fn delivered_files_are_read_back_and_their_purchases_are_there_once() {
    let lost = lost().await;
    let site = &lost.site;
    site.ends(DECLARE, 0).await;
    let refused = site.ends("export run", 3).await;
    assert!(
        refused.err.contains("svgate export adopt DIR"),
        "{refused:?}"
    );
    // What is sold meanwhile goes to the stream behind the files.
    let shop = site.shop().await;
    let (pon, between) = shop.number(0, "order-2", 1).await;
    let sold = shop
        .sells(Phone::new(2).text(&format!("PAY {pon}")), ALL)
        .await;
    assert_eq!(sold, between);
    assert_eq!(shop.purchase(sold).await.entry, None);
    drop(shop);

    let adopt = format!("export adopt {} --json", site.path("export").display());
    let adopted = site.ends(&adopt, 0).await.json();
    assert_eq!(adopted["last"], 2);
    assert_eq!(
        (&adopted["files"], &adopted["entered"]),
        (&1.into(), &1.into())
    );
    let again = site.ends(&adopt, 0).await.json();
    assert_eq!((&again["files"], &again["entries"]), (&0.into(), &0.into()));

    recovered_once(&lost).await;
    let shop = site.shop().await;
    assert!(shop.purchase(sold).await.entry.is_some());
    drop(shop);

    let whole = fs::read_to_string(site.file(2)).unwrap();
    site.ends("export run", 0).await;
    let third = fs::read_to_string(site.file(3)).unwrap();
    assert!(third.contains(&format!(";{sold};")), "{third}");
    site.ends("export verify", 0).await;
    let reconciled = site.ends("reconcile", 0).await.output;
    assert!(reconciled.contains("0 differences"), "{reconciled}");
    // The books make the recovered file octet for octet.
    let resent = site.path("resent");
    site.ends(&format!("export resend 2 --to {}", resent.display()), 0)
        .await;
    let again = resent.join(site.file(2).file_name().unwrap());
    assert_eq!(fs::read_to_string(again).unwrap(), whole);
}

/// What only the file knew is in the books, and marked; what the backup had open has its end.
async fn recovered_once(lost: &Lost) {
    let site = &lost.site;
    let [paid, failed, part] = lost.after;
    let shop = site.shop().await;
    assert_eq!(shop.state(paid).await, State::Supplied { units: 1 });
    assert_eq!(shop.state(failed).await, State::Refunded);
    assert_eq!(shop.state(part).await, State::Supplied { units: 1 });
    assert_eq!(shop.state(lost.kiosk).await, State::Supplied { units: 2 });
    assert_eq!(shop.state(lost.open).await, State::Supplied { units: 1 });
    assert!(
        !shop.purchase(lost.open).await.recovered,
        "the backup knew it"
    );
    assert_eq!(
        shop.count("select count(*) from purchase where recovered = 1")
            .await,
        4
    );
    drop(shop);
    let shown = site
        .ends(&format!("purchase show {paid} --json"), 0)
        .await
        .json();
    assert_eq!(
        (&shown["recovered"], &shown["check"]),
        (&true.into(), &"delivered_file".into())
    );
    let listed = site.ends("purchase list --state supplied", 0).await.output;
    assert_eq!(listed.matches(" recovered").count(), 3, "{listed}");
}

#[tokio::test]
async fn files_that_are_not_as_they_were_delivered_are_named_and_nothing_is_adopted() {
    let lost = lost().await;
    let site = &lost.site;
    site.ends(DECLARE, 0).await;
    let whole = fs::read_to_string(site.file(2)).unwrap();
    let altered = site.copy_of_files("altered");
    let name = site.file(2).file_name().unwrap().to_owned();
    fs::write(altered.join(&name), whole.replacen(";13;", ";12;", 1)).unwrap();
    let refused = site
        .ends(&format!("export adopt {}", altered.display()), 3)
        .await;
    assert!(
        refused.err.contains("op_demand_0_00000002.csv"),
        "{refused:?}"
    );
    let short = site.copy_of_files("short");
    fs::remove_file(short.join(&name)).unwrap();
    let refused = site
        .ends(&format!("export adopt {}", short.display()), 3)
        .await;
    assert!(
        refused.err.contains("op_demand_0_00000002.csv: is missing"),
        "{refused:?}"
    );
    let entries = "select entry_no from node";
    assert_eq!(home::integer(site.books(), entries).await, 1);
    site.ends("export run", 3).await;
}

#[tokio::test]
async fn an_adoption_that_lacks_something_says_so_and_goes_on_where_it_stopped() {
    let lost = lost().await;
    let site = &lost.site;
    site.ends(DECLARE, 0).await;
    let shop = site.shop().await;
    // As if the account of the buyer by number had come after the backup.
    let sql = "update line set account = 'gone' where account = 'A3' returning account";
    home::texts(site.books(), sql).await;
    drop(shop);
    let adopt = format!("export adopt {} --json", site.path("export").display());
    let refused = site.ends(&adopt, 5).await;
    assert!(
        refused.err.contains("account A3 is not in the books"),
        "{refused:?}"
    );
    let taken = "select entry_no from node";
    let before = home::integer(site.books(), taken).await;
    assert!(before > 1, "what came before it stays");
    site.ends("export run", 3).await;
    let sql = "update line set account = 'A3' where account = 'gone' returning account";
    home::texts(site.books(), sql).await;
    let adopted = site.ends(&adopt, 0).await.json();
    assert_eq!(adopted["files"], 1);
    site.ends("export run", 0).await;
    site.ends("export verify", 0).await;
    site.ends("reconcile", 0).await;
}

#[tokio::test]
async fn a_card_that_is_imported_again_before_adoption_goes_on_above_what_it_may_have_sent() {
    let lost = lost().await;
    let site = &lost.site;
    site.ends(DECLARE, 0).await;
    let shop = site.shop().await;
    let mut phone = Phone::new(9);
    let packet = phone.espresso(0);
    shop.submit(Member::ImportLines(vec![phone.line()])).await;
    let (_, end) = end_of(&shop.submit(Member::Arrival(packet)).await);
    assert_eq!(end, ArrivalEnd::Refused(Refusal::CounterForgotten));
    drop(shop);
    site.ends(
        &format!("export adopt {}", site.path("export").display()),
        0,
    )
    .await;
    let shop = site.shop().await;
    let mut later = Phone::new(10);
    shop.submit(Member::ImportLines(vec![later.line()])).await;
    let packet = later.espresso(0);
    let (_, end) = end_of(&shop.submit(Member::Arrival(packet)).await);
    assert_eq!(end, ArrivalEnd::Paid, "a card of after is new");
}

/// Runs `svgate` as a process of its own that is killed a little later each time, until it ends by
/// itself; how often it was killed.
async fn killed_until_done(site: &Site, words: &str) -> u32 {
    let mut kills = 0;
    for milliseconds in (10..).step_by(15) {
        let mut process = site.process(words);
        tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
        if let Some(ended) = process.try_wait().unwrap() {
            assert!(ended.success(), "{words}: {ended:?}");
            break;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        kills += 1;
    }
    kills
}

#[tokio::test]
async fn declaring_and_adopting_are_killed_anywhere_and_go_on() {
    let site = Site::new().await;
    let shop = site.shop().await;
    shop.stocked(1, 25).await;
    shop.bought(&Phone::new(24), "BUY 4711 12").await;
    drop(shop);
    site.ends("export run", 0).await;
    site.back_up().await;
    let shop = site.shop().await;
    for _ in 0..12 {
        let sold = (0..24).map(|n| {
            let (shop, phone) = (shop.clone(), Phone::new(n));
            async move {
                // Each a purchase of its own, whatever words came before.
                let mut arrival = phone.text("BUY 4711 12");
                arrival.repeat_since = shop.now().plus_ms(1);
                let outcome = shop.submit(Member::Arrival(arrival)).await;
                let (id, end) = end_of(&outcome);
                assert_eq!(end, ArrivalEnd::Paid);
                let ack = shop.purchase(id.unwrap()).await.ack.unwrap();
                shop.told(0, ack, Word::Accept).await;
                shop.told(0, ack, ALL).await;
            }
        });
        beside_each_other(sold).await;
        shop.pass_ms(1_000);
    }
    drop(shop);
    site.ends("export run", 0).await;
    site.put_back().await;

    let declared = killed_until_done(&site, DECLARE).await;
    let adopt = format!("export adopt {}", site.path("export").display());
    let adopted = killed_until_done(&site, &adopt).await;
    assert!(
        declared > 0 && adopted > 0,
        "{declared} and {adopted} kills"
    );
    let shop = site.shop().await;
    let recovered = "select count(*) from purchase where recovered = 1";
    assert_eq!(shop.count(recovered).await, 12 * 24);
    drop(shop);
    site.ends("export run", 0).await;
    site.ends("export verify", 0).await;
    let reconciled = site.ends("reconcile", 0).await.output;
    assert!(reconciled.contains("0 differences"), "{reconciled}");
}

/// Waits for all of them, which go on beside each other.
async fn beside_each_other<F: Future<Output = ()> + Send + 'static>(all: impl Iterator<Item = F>) {
    let set: tokio::task::JoinSet<()> = all.collect();
    set.join_all().await;
}
