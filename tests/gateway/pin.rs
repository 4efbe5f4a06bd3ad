//! Orders by USSD that need a PIN: chosen, tried, blocked, and taken away.

use std::sync::Arc;

use bytes::Bytes;
use svgate::dialogue::ussd_menu::{Dialogue, Found, Guide, Menu, PinState, Question, Step, Wish};
use svgate::domain::Millis;
use svgate::domain::refusal::Refusal;
use svgate::gateway::browse::look;
use svgate::gateway::member::{
    ArrivalEnd, Content, LineImport, Member, Outcome, UssdOrder, UssdWish,
};
use svgate::sms::SmscAlphabet;

use crate::fixture::{Phone, Shop, end_of, eur, minor};

async fn careful() -> (Shop, Phone) {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let phone = Phone::new(0);
    let line = LineImport {
        class: "careful".into(),
        ..phone.line()
    };
    shop.submit(Member::ImportLines(vec![line])).await;
    (shop, phone)
}

/// An espresso for 2.60, in a session of its own.
fn espresso(session: u8, pin: Option<&str>) -> UssdWish {
    let aliases = svgate::dialogue::words::Aliases::default();
    UssdWish::Order(UssdOrder {
        command: svgate::dialogue::sms_command::parse("BUY 4711 12", &aliases).unwrap(),
        shown: Some((minor(260), eur())),
        pin: pin.map(|pin| pin.parse().unwrap()),
        session: Some(Arc::from([session])),
        room_since: Millis(0),
    })
}

fn choose(old: Option<&str>, new: &str) -> UssdWish {
    UssdWish::Pin {
        old: old.map(|old| old.parse().unwrap()),
        new: new.parse().unwrap(),
    }
}

impl Shop {
    async fn by_ussd(&self, phone: &Phone, wish: UssdWish) -> (ArrivalEnd, String) {
        let arrival = phone.arrival(Content::Ussd(Box::new(wish)), Bytes::from_static(b"*778#"));
        let outcome = self.submit(Member::Arrival(arrival)).await;
        let (_, end) = end_of(&outcome);
        let Outcome::Arrived { said, .. } = outcome else {
            panic!("not an arrival")
        };
        (end, said.as_deref().unwrap_or_default().to_owned())
    }
}

#[tokio::test]
async fn a_dear_order_needs_the_pin_and_three_wrong_ones_block_it() {
    let (shop, phone) = careful().await;
    let needed = ArrivalEnd::Refused(Refusal::PinNeeded);
    assert_eq!(shop.by_ussd(&phone, espresso(1, None)).await.0, needed);
    // No PIN was chosen: none is right.
    let wrong = ArrivalEnd::Refused(Refusal::PinWrong);
    assert_eq!(
        shop.by_ussd(&phone, espresso(2, Some("4071"))).await.0,
        wrong
    );
    let (_, said) = shop.by_ussd(&phone, choose(None, "4071")).await;
    assert!(said.starts_with("Your PIN is set."), "{said}");
    assert_eq!(shop.last_words(), said, "told by SMS too");
    let (end, said) = shop.by_ussd(&phone, espresso(3, Some("4071"))).await;
    assert_eq!(end, ArrivalEnd::Paid, "{said}");
    let (end, said) = shop.by_ussd(&phone, espresso(4, Some("1111"))).await;
    assert_eq!(end, wrong);
    assert!(said.contains("Tries left: 2"), "{said}");
    // Choosing another by a wrong one is a try too.
    let (_, said) = shop.by_ussd(&phone, choose(Some("2222"), "5555")).await;
    assert!(said.contains("Tries left: 1"), "{said}");
    assert_eq!(
        shop.by_ussd(&phone, espresso(5, Some("3333"))).await.0,
        wrong
    );
    let blocked = ArrivalEnd::Refused(Refusal::PinBlocked);
    let (end, said) = shop.by_ussd(&phone, espresso(6, Some("4071"))).await;
    assert_eq!(end, blocked, "{said}");
    let (_, said) = shop.by_ussd(&phone, choose(Some("4071"), "5566")).await;
    assert!(said.starts_with("Your PIN is blocked."), "{said}");
    // An operator takes it away, once; then another is chosen, and pays.
    let reset = |account: &str| Member::ResetPin {
        account: account.into(),
        who: "j.smith".into(),
    };
    assert_eq!(shop.submit(reset("A0")).await, Outcome::Done);
    assert_eq!(shop.submit(reset("A0")).await, Outcome::AlreadyDone);
    assert!(matches!(
        shop.submit(reset("A9")).await,
        Outcome::Refused(_)
    ));
    assert!(shop.notices().await.contains(&"pin_reset".to_owned()));
    shop.by_ussd(&phone, choose(None, "5566")).await;
    let (end, said) = shop.by_ussd(&phone, espresso(7, Some("5566"))).await;
    assert_eq!(end, ArrivalEnd::Paid, "{said}");
}

#[tokio::test]
async fn one_order_of_one_session_is_paid_once_with_its_pin() {
    let (shop, phone) = careful().await;
    shop.by_ussd(&phone, choose(None, "4071")).await;
    let (end, _) = shop.by_ussd(&phone, espresso(1, Some("1111"))).await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::PinWrong));
    // Another try of the same session is no repetition of the refusal.
    let (end, said) = shop.by_ussd(&phone, espresso(1, Some("4071"))).await;
    assert_eq!(end, ArrivalEnd::Paid);
    let (end, again) = shop.by_ussd(&phone, espresso(1, Some("4071"))).await;
    assert_eq!((end, again), (ArrivalEnd::Repeated, said));
}

#[tokio::test]
async fn words_and_cards_need_no_pin() {
    let (shop, phone) = careful().await;
    shop.bought(&phone, "BUY 4711 12").await;
}

/// The menu as the desk drives it, without its desk.
struct Call<'a> {
    shop: &'a Shop,
    phone: &'a Phone,
    menu: Menu,
    dialogue: Dialogue,
}

impl Call<'_> {
    async fn step(&mut self, go: impl FnOnce(&mut Dialogue, &Guide<'_>) -> Step) -> Step {
        let guide = Guide {
            menu: &self.menu,
            texts: &self.shop.context.texts,
            form: SmscAlphabet::Gsm7Unpacked.into(),
            service: "*778#",
        };
        let mut step = go(&mut self.dialogue, &guide);
        while let Step::Look(question) = step {
            let (store, context) = (&self.shop.store, &self.shop.context);
            let now = self.shop.now();
            let found = look(store, self.phone.msisdn(), question, now, context).await;
            step = self.dialogue.found(found.unwrap(), &guide);
        }
        step
    }

    async fn page(&mut self, answer: &str) -> String {
        match self
            .step(|dialogue, guide| dialogue.heard(answer, guide))
            .await
        {
            Step::Show(page) => page,
            other => panic!("no page: {other:?}"),
        }
    }

    async fn wish(&mut self, answer: &str) -> Wish {
        match self
            .step(|dialogue, guide| dialogue.heard(answer, guide))
            .await
        {
            Step::Submit(wish) => wish,
            other => panic!("no wish: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_menu_chooses_a_pin_and_asks_for_it() {
    let (shop, phone) = careful().await;
    let call = || Call {
        shop: &shop,
        phone: &phone,
        menu: Menu::shipped("en".parse().unwrap()).unwrap(),
        dialogue: Dialogue::default(),
    };
    let mut first = call();
    first.step(|d, guide| d.dialled("*778*4711#", guide)).await;
    first.page("1").await;
    assert!(first.page("1").await.starts_with("This needs a PIN."));

    let mut choosing = call();
    choosing.step(|d, guide| d.dialled("*778#", guide)).await;
    choosing.page("4").await;
    assert!(
        choosing
            .page("4")
            .await
            .starts_with("New PIN, 4 to 8 digits?")
    );
    assert!(
        choosing
            .page("12")
            .await
            .starts_with("A PIN has 4 to 8 digits.")
    );
    assert!(
        choosing
            .page("1234")
            .await
            .starts_with("That one is too easy")
    );
    assert!(
        choosing
            .page("4071")
            .await
            .starts_with("The new PIN once more?")
    );
    assert!(
        choosing
            .page("4072")
            .await
            .starts_with("These were two different ones.")
    );
    choosing.page("4071").await;
    let Wish::Pin { old: None, new } = choosing.wish("4071").await else {
        panic!("no PIN was chosen")
    };
    shop.by_ussd(&phone, UssdWish::Pin { old: None, new }).await;
    let account = look(
        &shop.store,
        phone.msisdn(),
        Question::Account,
        shop.now(),
        &shop.context,
    );
    assert!(
        matches!(account.await.unwrap(), Found::Account(account) if account.pin == PinState::Set)
    );

    let mut buying = call();
    buying.step(|d, guide| d.dialled("*778*4711#", guide)).await;
    buying.page("1").await;
    assert!(buying.page("1").await.starts_with("Your PIN?"));
    let Wish::Order { pin: Some(_), .. } = buying.wish("4071").await else {
        panic!("no PIN was given")
    };
}
