//! Orders by USSD on real books, and what the menu reads from them.

use std::sync::Arc;

use bytes::Bytes;
use svgate::dialogue::reply::Reply;
use svgate::dialogue::texts::Language;
use svgate::dialogue::ussd_menu::{self, BoughtState, Found, Question, Wanted};
use svgate::domain::Millis;
use svgate::domain::purchase::State;
use svgate::domain::refusal::Refusal;
use svgate::gateway::browse::{Browse as _, look};
use svgate::gateway::member::{
    Arrival, ArrivalEnd, Content, Member, Outcome, UssdOrder, UssdWish, Word,
};
use svgate::gateway::record::Channel;
use svgate::gateway::views::Views as _;

use crate::fixture::{Phone, Shop, end_of, eur, merchant, minor, words};

async fn shop() -> Shop {
    let shop = Shop::open(None).await;
    shop.stocked(2, 3).await;
    shop
}

/// Without the name of a session, equal orders are told apart by time.
fn wish(words: &str, shown: Option<i64>, session: Option<&[u8]>) -> UssdWish {
    let aliases = svgate::dialogue::words::Aliases::default();
    UssdWish::Order(UssdOrder {
        command: svgate::dialogue::sms_command::parse(words, &aliases).unwrap(),
        shown: shown.map(|amount| (minor(amount), eur())),
        pin: None,
        session: session.map(Arc::from),
        room_since: Millis(0),
    })
}

fn arrival(phone: &Phone, wish: UssdWish) -> Arrival {
    phone.arrival(
        Content::Ussd(Box::new(wish)),
        Bytes::from_static(b"*778*4711*12#"),
    )
}

impl Shop {
    async fn wished(&self, phone: &Phone, wish: UssdWish) -> (ArrivalEnd, String) {
        let outcome = self.submit(Member::Arrival(arrival(phone, wish))).await;
        let (_, end) = end_of(&outcome);
        let Outcome::Arrived { said, .. } = outcome else {
            panic!("not an arrival")
        };
        (end, said.as_deref().unwrap_or_default().to_owned())
    }

    async fn in_state_paid(&self) -> usize {
        let first = svgate::domain::ids::PurchaseId(0);
        self.store.purchases("paid", first, 99).await.unwrap().len()
    }

    async fn look(&self, phone: &Phone, question: Question) -> Found {
        let (store, context) = (&self.store, &self.context);
        look(store, phone.msisdn(), question, self.now(), context)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_dialled_order_is_paid_said_and_told_by_sms() {
    let shop = shop().await;
    let phone = Phone::new(0);
    let (end, said) = shop
        .wished(&phone, wish("BUY 4711 12", None, Some(b"a 1")))
        .await;
    assert_eq!(end, ArrivalEnd::Paid);
    assert!(
        said.starts_with("Paid 2.60 EUR to Coffee & Co: 1 x Espresso"),
        "{said}"
    );
    let messages = shop.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(words(&messages[0]), said);
    assert_eq!(shop.in_state_paid().await, 1);
    let record = shop.purchase(messages[0].purchase.unwrap()).await;
    assert_eq!(record.channel, Channel::Ussd);
    assert_eq!(&record.evidence.received[..], b"*778*4711*12#");
    assert_eq!(shop.told(0, 1, Word::Accept).await, (State::Accepted, true));
}

#[tokio::test]
async fn one_session_orders_once_and_the_next_one_again() {
    let shop = shop().await;
    let phone = Phone::new(0);
    let order = |name| wish("BUY 4711 12", None, Some(name));
    let (_, first) = shop.wished(&phone, order(b"a 1")).await;
    let again = shop.wished(&phone, order(b"a 1")).await;
    assert_eq!(again, (ArrivalEnd::Repeated, first));
    assert_eq!(shop.messages().len(), 1, "told once");
    assert_eq!(shop.wished(&phone, order(b"a 2")).await.0, ArrivalEnd::Paid);
    assert_eq!(shop.wished(&phone, order(b"b 1")).await.0, ArrivalEnd::Paid);
    // A text message is another order than the same words by USSD.
    assert_eq!(shop.say(&phone, "BUY 4711 12").await.0, ArrivalEnd::Paid);
    assert_eq!(shop.in_state_paid().await, 4);
}

#[tokio::test]
async fn without_a_name_of_the_session_the_time_tells() {
    let shop = shop().await;
    let phone = Phone::new(0);
    let order = || arrival(&phone, wish("BUY 4711 12", None, None));
    let end = |outcome| end_of(&outcome).1;
    assert_eq!(
        end(shop.submit(Member::Arrival(order())).await),
        ArrivalEnd::Paid
    );
    shop.pass_ms(9_000);
    assert_eq!(
        end(shop.submit(Member::Arrival(order())).await),
        ArrivalEnd::Repeated
    );
    let mut later = order();
    later.repeat_since = shop.now().plus_ms(-8_000);
    assert_eq!(
        end(shop.submit(Member::Arrival(later)).await),
        ArrivalEnd::Paid
    );
}

#[tokio::test]
async fn what_was_shown_is_what_is_paid() {
    let shop = shop().await;
    let phone = Phone::new(0);
    let (end, said) = shop
        .wished(&phone, wish("BUY 4711 12 x2", Some(510), Some(b"1")))
        .await;
    assert_eq!(end, ArrivalEnd::Paid, "{said}");
    let mut dearer = merchant(2);
    dearer.items[0].price.retail = minor(300);
    shop.submit(Member::ImportMerchant(Box::new(dearer))).await;
    let (end, said) = shop
        .wished(&phone, wish("BUY 4711 12", Some(260), Some(b"2")))
        .await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::PriceChanged));
    assert!(said.contains("3.10 EUR"), "{said}");
    let (end, _) = shop
        .wished(&phone, wish("PAY 4711 2.50", Some(260), Some(b"3")))
        .await;
    assert_eq!(end, ArrivalEnd::Paid);
    assert_eq!(shop.in_state_paid().await, 2);
}

#[tokio::test]
async fn a_number_is_paid_by_ussd_once() {
    let shop = shop().await;
    let phone = Phone::new(0);
    let (pon, id) = shop.number(0, "order-1", 2).await;
    let pay = |name| wish(&format!("PAY {pon}"), Some(510), Some(name));
    let Found::Offer(offer) = shop.look(&phone, Question::Price(Wanted::Pon(pon))).await else {
        panic!("no offer")
    };
    assert_eq!(offer.amount.to_string(), "5.10 EUR");
    let (end, said) = shop.wished(&phone, pay(b"1")).await;
    assert_eq!(end, ArrivalEnd::Paid, "{said}");
    let again = shop.wished(&phone, pay(b"2")).await;
    assert_eq!(again, (ArrivalEnd::Repeated, said));
    let other = shop.wished(&Phone::new(1), pay(b"3")).await;
    assert_eq!(other.0, ArrivalEnd::Refused(Refusal::PonPaid));
    assert!(other.1.contains("is paid already"), "{}", other.1);
    assert_eq!(shop.purchase(id).await.life.state, State::Paid);
    let refused = shop.look(&phone, Question::Price(Wanted::Pon(pon))).await;
    assert_eq!(refused, Found::Refused(Reply::PonPaid { pon }));
    let unknown = "PAY 12345676";
    let pon = "12345676".parse();
    if let Ok(pon) = pon {
        let (_, said) = shop.wished(&phone, wish(unknown, None, None)).await;
        assert!(said.contains("no payment"), "{said}");
        let found = shop.look(&phone, Question::Price(Wanted::Pon(pon))).await;
        assert_eq!(found, Found::Refused(Reply::PonUnknown { pon }));
    }
}

#[tokio::test]
async fn strangers_and_untrusted_binds_buy_nothing() {
    let shop = shop().await;
    let stranger = Phone::new(77);
    let order = wish("BUY 4711 12", None, Some(b"1"));
    let (end, said) = shop.wished(&stranger, order.clone()).await;
    assert_eq!(end, ArrivalEnd::Answered);
    assert!(said.contains("no bill"), "{said}");
    let mut untrusted = arrival(&Phone::new(0), order);
    untrusted.trusted = false;
    let outcome = shop.submit(Member::Arrival(untrusted)).await;
    assert_eq!(end_of(&outcome), (None, ArrivalEnd::Answered));
    assert_eq!((shop.in_state_paid().await, shop.messages().len()), (0, 0));
    assert_eq!(
        shop.look(&stranger, Question::Account).await,
        Found::Stranger
    );
}

#[tokio::test]
async fn too_dear_for_a_channel_without_a_key_is_refused_and_told() {
    let shop = shop().await;
    let phone = Phone::new(0);
    let (end, said) = shop
        .wished(&phone, wish("BUY 4711 12 x9", Some(2260), Some(b"1")))
        .await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::OverPlainCap));
    assert!(said.contains("10.00 EUR"), "{said}");
    assert_eq!(words(&shop.messages()[0]), said);
}

#[tokio::test]
async fn a_language_is_kept_and_a_limit_lowered() {
    let shop = shop().await;
    let phone = Phone::new(0);
    let german: Language = "de".parse().unwrap();
    assert_eq!(
        shop.wished(&phone, UssdWish::Language(german)).await,
        (ArrivalEnd::Answered, String::new())
    );
    let (_, said) = shop.wished(&phone, wish("LIMIT 20", None, None)).await;
    assert!(
        said.contains("20.00 EUR") && said.contains("Limit"),
        "{said}"
    );
    let Found::Account(account) = shop.look(&phone, Question::Account).await else {
        panic!("no account")
    };
    assert_eq!(
        (account.language, account.limit.amount),
        (german, minor(2_000))
    );
    let line = shop.store.line(phone.msisdn()).await.unwrap().unwrap();
    assert_eq!(&*line.language, "de");
}

#[tokio::test]
async fn the_menu_reads_names_whole_prices_and_neighbours() {
    let shop = shop().await;
    let phone = Phone::new(0);
    let code = |number: u32| number.try_into().unwrap();
    let Found::Shop(ussd_menu::Shop {
        merchant, items, ..
    }) = shop.look(&phone, Question::Shop(code(4711))).await
    else {
        panic!("no shop")
    };
    assert_eq!(merchant.as_str(), "Coffee & Co");
    let listed: Vec<String> = items
        .iter()
        .map(|item| format!("{} {} {}", item.item, item.name.as_str(), item.price))
        .collect();
    assert_eq!(listed, ["12 Espresso 2.60 EUR", "13 Tea 1.60 EUR"]);
    let near = shop.look(&phone, Question::Shop(code(4800))).await;
    let Found::Near {
        missing: true,
        terminals,
        ..
    } = near
    else {
        panic!("{near:?}")
    };
    let numbers: Vec<u32> = terminals.iter().map(|(code, _)| code.number()).collect();
    assert_eq!(numbers, [4712, 4711]);
    let tea = Wanted::Item {
        short_code: code(4712),
        item: "13".parse().unwrap(),
        quantity: 3.try_into().unwrap(),
    };
    let Found::Offer(offer) = shop.look(&phone, Question::Price(tea)).await else {
        panic!("no offer")
    };
    assert_eq!(offer.amount.to_string(), "4.60 EUR");
    let nothing = Wanted::Item {
        short_code: code(4711),
        item: "99".parse().unwrap(),
        quantity: 1.try_into().unwrap(),
    };
    let found = shop.look(&phone, Question::Price(nothing.clone())).await;
    assert!(
        matches!(found, Found::Refused(Reply::UnknownItem { .. })),
        "{found:?}"
    );
    // A silent machine is said to be dead before anybody confirms.
    shop.pass_ms(120_000);
    shop.say(&phone, "HELP").await;
    let found = shop.look(&phone, Question::Price(nothing)).await;
    assert!(
        matches!(found, Found::Refused(Reply::MachineDead { .. })),
        "{found:?}"
    );
}

#[tokio::test]
async fn last_purchases_are_those_of_every_channel_and_nobody_elses() {
    let shop = shop().await;
    let phone = Phone::new(0);
    let (pon, _) = shop.number(0, "order-1", 1).await;
    shop.say(&phone, "BUY 4711 13").await;
    shop.pass_ms(1_000);
    shop.say(&phone, &format!("PAY {pon}")).await;
    shop.pass_ms(1_000);
    shop.wished(&phone, wish("BUY 4711 12 x9", None, Some(b"1")))
        .await;
    shop.wished(&phone, wish("BUY 4711 12", None, Some(b"2")))
        .await;
    shop.wished(&Phone::new(1), wish("BUY 4711 12", None, Some(b"3")))
        .await;
    let Found::Purchases(bought) = shop.look(&phone, Question::Purchases).await else {
        panic!("no list")
    };
    let told: Vec<String> = bought
        .iter()
        .map(|one| format!("{:?} {} {:?}", one.date, one.amount, one.state))
        .collect();
    assert_eq!(
        told,
        [
            "(23, 11) 2.60 EUR Paid",
            "(23, 11) 22.60 EUR Refused",
            "(23, 11) 2.60 EUR Paid",
            "(23, 11) 1.60 EUR Paid",
        ]
    );
    assert_eq!(bought[0].state, BoughtState::Paid);
}

#[tokio::test]
async fn no_order_is_forgotten_for_another_while_it_may_come_again() {
    let shop = shop().await;
    let phone = Phone::new(0);
    for number in 0..8_u8 {
        let order = wish("BUY 4711 13", None, Some(&[number]));
        assert_eq!(shop.wished(&phone, order).await.0, ArrivalEnd::Paid);
    }
    let (end, said) = shop
        .wished(&phone, wish("BUY 4711 13", None, Some(b"9")))
        .await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::TooMany));
    assert!(said.starts_with("Too many orders"), "{said}");
    let again = shop
        .wished(&phone, wish("BUY 4711 13", None, Some(&[0])))
        .await;
    assert_eq!(again.0, ArrivalEnd::Repeated);
}
