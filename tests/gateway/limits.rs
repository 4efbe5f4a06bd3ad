//! Every cause of a refusal has its own answer, and nothing is paid.

use svgate::dialogue::secured_order::{Agreed, SecuredOrder, Wanted};
use svgate::dialogue::secured_reply::OutcomeCode;
use svgate::domain::refusal::Refusal;
use svgate::domain::subscriber::Standing;
use svgate::gateway::member::{Arrival, ArrivalEnd, LoadPurse, Member, Outcome, Word};

use crate::asking::order_of;
use crate::fixture::{Phone, Shop, end_of, eur, merchant, minor};

/// A shop with two machines and phones, the second of which is changed by `change`.
async fn shop_with(change: impl Fn(&mut svgate::gateway::member::LineImport)) -> (Shop, Phone) {
    let shop = Shop::open(None).await;
    shop.stocked(2, 1).await;
    let phone = Phone::new(7);
    let mut line = phone.line();
    change(&mut line);
    shop.submit(Member::ImportLines(vec![line])).await;
    (shop, phone)
}

async fn refused(shop: &Shop, phone: &Phone, text: &str, cause: Refusal, says: &str) {
    let float = shop.balance("float").await;
    let (end, words) = shop.say(phone, text).await;
    assert_eq!(end, ArrivalEnd::Refused(cause), "{text}");
    assert!(words.contains(says), "{text}: {words}");
    assert_eq!(shop.balance("float").await, float);
    assert_eq!(shop.balance("pos_held").await, 0);
}

async fn shown(
    shop: &Shop,
    phone: &mut Phone,
    order: &SecuredOrder,
    cause: Refusal,
    code: OutcomeCode,
) {
    let got = shop.order(phone, order).await;
    assert_eq!(got, (ArrivalEnd::Refused(cause), code));
    assert_eq!(shop.balance("pos_held").await, 0);
}

#[tokio::test]
async fn who_may_not_buy_is_told_so_by_text_and_by_packet() {
    let (shop, phone) = shop_with(|line| line.standing = Standing::Suspended).await;
    refused(
        &shop,
        &phone,
        "BUY 4711 12",
        Refusal::Suspended,
        "suspended for your number",
    )
    .await;
    let mut phone = phone;
    let order = order_of(&mut phone, "12");
    shown(
        &shop,
        &mut phone,
        &order,
        Refusal::Suspended,
        OutcomeCode::Suspended,
    )
    .await;
    let (shop, mut phone) = shop_with(|_| ()).await;
    shop.say(&phone, "STOP").await;
    refused(
        &shop,
        &phone,
        "BUY 4711 12",
        Refusal::Stopped,
        "You have stopped purchases",
    )
    .await;
    let order = order_of(&mut phone, "12");
    shown(
        &shop,
        &mut phone,
        &order,
        Refusal::Stopped,
        OutcomeCode::Barred,
    )
    .await;
}

#[tokio::test]
async fn caps_and_credit_hold_for_the_amount_with_its_fee() {
    let (shop, mut phone) = shop_with(|line| line.cap = minor(259)).await;
    refused(
        &shop,
        &phone,
        "BUY 4711 12",
        Refusal::OverCap,
        "2.60 EUR is above your maximum",
    )
    .await;
    let order = order_of(&mut phone, "12");
    shown(
        &shop,
        &mut phone,
        &order,
        Refusal::OverCap,
        OutcomeCode::OverCap,
    )
    .await;
    let (shop, phone) = shop_with(|_| ()).await;
    let over = "Above 10.00 EUR please order from the SIM";
    refused(&shop, &phone, "PAY 4711 9.91", Refusal::OverPlainCap, over).await;
    assert_eq!(shop.say(&phone, "PAY 4711 9.90").await.0, ArrivalEnd::Paid);
    let (shop, mut phone) = shop_with(|line| line.credit_limit = minor(259)).await;
    let left = "2.60 EUR is too much: 2.59 EUR is left";
    refused(&shop, &phone, "BUY 4711 12", Refusal::OverCredit, left).await;
    let order = order_of(&mut phone, "12");
    shown(
        &shop,
        &mut phone,
        &order,
        Refusal::OverCredit,
        OutcomeCode::OverLimit,
    )
    .await;
    let (shop, phone) = shop_with(|line| line.credit_limit = minor(260)).await;
    assert_eq!(shop.say(&phone, "BUY 4711 12").await.0, ArrivalEnd::Paid);
}

#[tokio::test]
async fn what_is_not_for_sale_is_named() {
    let (shop, mut phone) = shop_with(|_| ()).await;
    refused(
        &shop,
        &phone,
        "BUY 999 12",
        Refusal::UnknownShortCode,
        "There is no 999",
    )
    .await;
    refused(
        &shop,
        &phone,
        "BUY 4711 99",
        Refusal::UnknownItem,
        "No item 99 at 4711",
    )
    .await;
    let order = order_of(&mut phone, "99");
    shown(
        &shop,
        &mut phone,
        &order,
        Refusal::UnknownItem,
        OutcomeCode::UnknownItem,
    )
    .await;
    let mut order = order_of(&mut phone, "12");
    order.agreed = Agreed::AtMost(minor(259));
    shown(
        &shop,
        &mut phone,
        &order,
        Refusal::PriceChanged,
        OutcomeCode::PriceChanged,
    )
    .await;
    let mut order = order_of(&mut phone, "12");
    order.agreed = Agreed::Exactly(minor(261));
    shown(
        &shop,
        &mut phone,
        &order,
        Refusal::PriceChanged,
        OutcomeCode::PriceChanged,
    )
    .await;
    let mut order = order_of(&mut phone, "12");
    order.currency = "USD".parse().unwrap();
    shown(
        &shop,
        &mut phone,
        &order,
        Refusal::PriceChanged,
        OutcomeCode::PriceChanged,
    )
    .await;
}

#[tokio::test]
async fn a_secured_amount_is_charged_as_it_was_agreed() {
    let (shop, mut phone) = shop_with(|_| ()).await;
    let mut order = order_of(&mut phone, "12");
    order.wanted = Wanted::Amount {
        short_code: 4711.try_into().unwrap(),
    };
    order.agreed = Agreed::Exactly(minor(250));
    let got = shop.order(&mut phone, &order).await;
    assert_eq!(got, (ArrivalEnd::Paid, OutcomeCode::Paid));
    assert_eq!(
        shop.shown(&phone).amount.unwrap().0,
        minor(250),
        "fee included"
    );
    // 2.40 less 5 %.
    assert_eq!(shop.balance("pos_held").await, 228);
    let mut order = order_of(&mut phone, "12");
    order.wanted = Wanted::Amount {
        short_code: 4711.try_into().unwrap(),
    };
    order.agreed = Agreed::Exactly(minor(9));
    let got = shop.order(&mut phone, &order).await;
    assert_eq!(
        got.0,
        ArrivalEnd::Refused(Refusal::PriceChanged),
        "less than the fee"
    );
}

#[tokio::test]
async fn a_merchant_of_another_currency_and_a_closed_one_are_not_paid() {
    let (shop, mut phone) = shop_with(|_| ()).await;
    let mut dollars = merchant(1);
    dollars.merchant.id = "dollars".parse().unwrap();
    dollars.merchant.currency = "USD".parse().unwrap();
    dollars.terminals[0].id = "dollar-machine".parse().unwrap();
    dollars.terminals[0].short_code = 5000.try_into().unwrap();
    shop.submit(Member::ImportMerchant(Box::new(dollars))).await;
    refused(
        &shop,
        &phone,
        "BUY 5000 12",
        Refusal::OtherCurrency,
        "Coffee & Co takes",
    )
    .await;
    let mut closed = merchant(2);
    closed.merchant.open = false;
    shop.submit(Member::ImportMerchant(Box::new(closed))).await;
    refused(
        &shop,
        &phone,
        "BUY 4711 12",
        Refusal::MerchantClosed,
        "does not sell here any more",
    )
    .await;
    let order = order_of(&mut phone, "12");
    shown(
        &shop,
        &mut phone,
        &order,
        Refusal::MerchantClosed,
        OutcomeCode::MachineDead,
    )
    .await;
    let mut without = merchant(2);
    without.terminals.pop();
    shop.submit(Member::ImportMerchant(Box::new(without))).await;
    refused(
        &shop,
        &phone,
        "BUY 4712 12",
        Refusal::UnknownShortCode,
        "There is no 4712",
    )
    .await;
}

#[tokio::test]
async fn a_silent_machine_is_dead_and_a_full_one_busy_before_anything_is_paid() {
    let (shop, mut phone) = shop_with(|_| ()).await;
    let mut one_slot = merchant(2);
    one_slot.terminals[0].slots = 1;
    shop.submit(Member::ImportMerchant(Box::new(one_slot)))
        .await;
    shop.bought(&phone, "BUY 4711 12").await;
    let (end, says) = shop.say(&phone, "BUY 4711 13").await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::Busy));
    assert!(says.contains("is serving somebody else"), "{says}");
    let order = order_of(&mut phone, "12");
    let got = shop.order(&mut phone, &order).await;
    assert_eq!(
        got,
        (ArrivalEnd::Refused(Refusal::Busy), OutcomeCode::MachineBusy)
    );
    shop.pass_ms(60_000);
    let (end, says) = shop.say(&phone, "BUY 4712 12").await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::Dead));
    assert!(says.contains("is out of order"), "{says}");
    let mut order = order_of(&mut phone, "12");
    order.wanted = Wanted::Amount {
        short_code: 4712.try_into().unwrap(),
    };
    order.agreed = Agreed::Exactly(minor(300));
    let got = shop.order(&mut phone, &order).await;
    assert_eq!(
        got,
        (ArrivalEnd::Refused(Refusal::Dead), OutcomeCode::MachineDead)
    );
    shop.alive(1).await;
    assert_eq!(shop.say(&phone, "BUY 4712 13").await.0, ArrivalEnd::Paid);
}

#[tokio::test]
async fn an_empty_purse_pays_nothing_until_it_is_loaded() {
    let shop = Shop::open(None).await;
    let load = |amount, reference: &str| {
        Member::LoadPurse(LoadPurse {
            amount: minor(amount),
            currency: eur(),
            reference: reference.into(),
        })
    };
    shop.submit(Member::ImportMerchant(Box::new(merchant(1))))
        .await;
    shop.submit(Member::ImportLines(vec![Phone::new(0).line()]))
        .await;
    shop.alive(0).await;
    let mut phone = Phone::new(0);
    refused(
        &shop,
        &phone,
        "BUY 4711 12",
        Refusal::PurseEmpty,
        "We cannot pay merchants",
    )
    .await;
    shop.submit(load(199, "A")).await;
    let order = order_of(&mut phone, "12");
    shown(
        &shop,
        &mut phone,
        &order,
        Refusal::PurseEmpty,
        OutcomeCode::PurseEmpty,
    )
    .await;
    shop.submit(load(1, "B")).await;
    let order = order_of(&mut phone, "12");
    assert_eq!(shop.order(&mut phone, &order).await.0, ArrivalEnd::Paid);
    assert_eq!(shop.balance("float").await, 0);
}

#[tokio::test]
async fn text_proves_nothing_by_an_untrusted_bind_or_soon_after_a_change() {
    let (shop, phone) = shop_with(|_| ()).await;
    let untrusted = Arrival {
        trusted: false,
        ..phone.text("BUY 4711 12")
    };
    assert_eq!(
        shop.arrive(untrusted).await.1,
        ArrivalEnd::Refused(Refusal::NotTrusted)
    );
    assert!(
        shop.last_words().contains("not accepted from here"),
        "{}",
        shop.last_words()
    );
    let new_card = Phone {
        card: 99,
        ..phone.clone()
    };
    shop.submit(Member::ImportLines(vec![new_card.line()]))
        .await;
    refused(
        &shop,
        &phone,
        "BUY 4711 13",
        Refusal::CoolingOff,
        "rest for 24 h",
    )
    .await;
    let mut new_card = new_card;
    let order = order_of(&mut new_card, "12");
    assert_eq!(
        shop.order(&mut new_card, &order).await.0,
        ArrivalEnd::Paid,
        "a packet does prove"
    );
    shop.pass_ms(86_400_000);
    shop.alive(0).await;
    assert_eq!(shop.say(&phone, "BUY 4711 13").await.0, ArrivalEnd::Paid);
}

#[tokio::test]
async fn words_by_an_untrusted_bind_take_nothing_from_their_supposed_sender() {
    let (shop, phone) = shop_with(|_| ()).await;
    shop.bought(&phone, "BUY 4711 12").await;
    let sent = shop.messages().len();
    let again: Vec<String> = (1..=99).map(|n| format!("BUY 4711 12 AGAIN {n}")).collect();
    let others = (1..=9).map(|n| format!("BUY 4711 13 x{n}"));
    for words in again.into_iter().chain(others) {
        let forged = Arrival {
            trusted: false,
            ..phone.text(&words)
        };
        assert_eq!(
            shop.arrive(forged).await,
            (None, ArrivalEnd::Refused(Refusal::NotTrusted))
        );
    }
    assert_eq!(shop.messages().len(), sent + 1, "told once, not for each");
    let (end, says) = shop.say(&phone, "BUY 4711 12").await;
    assert_eq!(end, ArrivalEnd::Repeated);
    let number = says.rsplit("AGAIN ").next().unwrap();
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    shop.told(0, 1, Word::Accept).await;
    shop.told(0, 1, Word::Supplied { units: None }).await;
    shop.bought(&phone, &format!("BUY 4711 12 AGAIN {number}"))
        .await;
    shop.pass_ms(86_400_000);
    let forged = Arrival {
        trusted: false,
        ..phone.text("HELP")
    };
    let sent = shop.messages().len();
    shop.arrive(forged).await;
    assert_eq!(shop.messages().len(), sent + 1, "told again the next day");
}

#[tokio::test]
async fn a_copy_of_a_refused_order_is_refused_for_as_long_as_the_smsc_may_send_it_again() {
    let (shop, phone) = shop_with(|_| ()).await;
    let dead = |shop: &Shop| shop.pass_ms(120_000);
    dead(&shop);
    let refused = shop.say(&phone, "BUY 4711 12").await;
    assert_eq!(refused.0, ArrivalEnd::Refused(Refusal::Dead));
    let at = shop.now();
    // The bind is lost for an hour: that time does not count.
    shop.pass_ms(3_600_000);
    shop.alive(0).await;
    let copy = Arrival {
        repeat_since: at.plus_ms(-540_000),
        refused_since: at.plus_ms(-1),
        ..phone.text("BUY 4711 12")
    };
    let outcome = shop.submit(Member::Arrival(copy.clone())).await;
    assert_eq!(end_of(&outcome).1, ArrivalEnd::Repeated);
    let later = Arrival {
        refused_since: at.plus_ms(1),
        ..copy
    };
    let outcome = shop.submit(Member::Arrival(later)).await;
    assert_eq!(end_of(&outcome).1, ArrivalEnd::Paid, "asked for once more");
}

#[tokio::test]
async fn strangers_and_forgers_pay_nothing_and_only_a_trusted_number_is_answered() {
    let (shop, phone) = shop_with(|_| ()).await;
    let stranger = Phone::new(500);
    let (end, says) = shop.say(&stranger, "BUY 4711 12").await;
    assert_eq!(end, ArrivalEnd::Answered);
    assert!(says.contains("has no bill"), "{says}");
    let messages = shop.messages().len();
    let untrusted = Arrival {
        trusted: false,
        ..stranger.text("BUY 4711 12")
    };
    assert_eq!(shop.arrive(untrusted).await, (None, ArrivalEnd::Ignored));
    let mut twin = Phone {
        card: 500,
        ..phone.clone()
    };
    let forged = twin.espresso(0);
    assert_eq!(
        shop.arrive(forged).await,
        (None, ArrivalEnd::Forged("cc_failed"))
    );
    let mut stranger = stranger;
    let unknown = stranger.espresso(0);
    assert!(matches!(
        shop.arrive(unknown).await,
        (None, ArrivalEnd::Forged(_))
    ));
    assert_eq!(shop.messages().len(), messages, "nobody is told");
}

#[tokio::test]
async fn counters_and_references_are_refused_each_in_its_own_words() {
    let (shop, mut phone) = shop_with(|_| ()).await;
    let old = phone.espresso(0);
    let first = order_of(&mut phone, "12");
    let fresh = phone.sealed(&first);
    shop.arrive(fresh).await;
    assert_eq!(
        shop.arrive(old).await.1,
        ArrivalEnd::Refused(Refusal::CounterLow)
    );
    assert_eq!(shop.shown(&phone).outcome, OutcomeCode::CounterLow);
    phone.counter -= 1;
    let other = order_of(&mut phone, "13");
    let clone = shop.order(&mut phone, &other).await;
    let reused = ArrivalEnd::Refused(Refusal::CounterReused);
    assert_eq!(clone, (reused, OutcomeCode::ReferenceConflict));
    let mut changed = first;
    changed.agreed = Agreed::AtMost(minor(1));
    let conflict = shop.order(&mut phone, &changed).await;
    let reused = ArrivalEnd::Refused(Refusal::ReferenceReused);
    assert_eq!(conflict, (reused, OutcomeCode::ReferenceConflict));
    for _ in 0..8 {
        let next = order_of(&mut phone, "99");
        shop.order(&mut phone, &next).await;
    }
    let late = shop.order(&mut phone, &first).await;
    let old = ArrivalEnd::Refused(Refusal::ReferenceOld);
    assert_eq!(late, (old, OutcomeCode::ReferenceConflict));
    phone.counter += 20_000;
    let far = order_of(&mut phone, "12");
    let high = shop.order(&mut phone, &far).await;
    assert_eq!(
        high,
        (
            ArrivalEnd::Refused(Refusal::CounterHigh),
            OutcomeCode::CounterLow
        )
    );
    let notices = shop.notices().await;
    for kind in ["clone", "reference", "counter_high"] {
        assert!(
            notices.iter().any(|notice| notice == kind),
            "{kind} in {notices:?}"
        );
    }
}

#[tokio::test]
async fn ten_different_texts_in_ten_minutes_are_too_many_to_tell_repetitions() {
    let (shop, phone) = shop_with(|_| ()).await;
    for n in 1..=8 {
        shop.bought(&phone, &format!("PAY 4711 0.{n}0")).await;
    }
    let (end, says) = shop.say(&phone, "PAY 4711 0.90").await;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::TooMany));
    assert!(says.contains("Too many orders"), "{says}");
    shop.pass_ms(601_000);
    shop.alive(0).await;
    assert_eq!(shop.say(&phone, "PAY 4711 0.90").await.0, ArrivalEnd::Paid);
}

#[tokio::test]
async fn of_64_orders_at_once_exactly_as_many_are_paid_as_the_credit_holds() {
    let (shop, phone) = shop_with(|line| line.credit_limit = minor(2_600)).await;
    let mut phone = phone;
    let orders: Vec<_> = (0..64).map(|_| phone.espresso(0)).collect();
    let mut asked = tokio::task::JoinSet::new();
    for order in orders {
        let shop = shop.clone();
        asked.spawn(async move { end_of(&shop.submit(Member::Arrival(order)).await).1 });
    }
    let ends = asked.join_all().await;
    let paid = ends.iter().filter(|end| **end == ArrivalEnd::Paid).count();
    assert_eq!((ends.len(), paid), (64, 10));
    assert_eq!(shop.balance("pos_held").await, 2_000);
    let (_, balance) = shop.say(&phone, "BAL").await;
    assert_eq!(
        balance,
        "Your purchases on this bill: 26.00 EUR. Left to spend: 0.00 EUR."
    );
}

#[tokio::test]
async fn limit_only_lowers_and_stop_is_lifted_by_the_code_that_was_sent() {
    let (shop, phone) = shop_with(|_| ()).await;
    let lowered = shop.say(&phone, "LIMIT 20").await.1;
    assert_eq!(lowered, "Your limit for one bill is now 20.00 EUR.");
    let raised = shop.say(&phone, "LIMIT 30").await.1;
    assert!(
        raised.starts_with("Your limit stays at 20.00 EUR"),
        "{raised}"
    );
    let limit = shop.say(&phone, "LIMIT").await.1;
    assert!(
        limit.starts_with("Your limit for one bill is 20.00 EUR, 20.00 EUR of it"),
        "{limit}"
    );
    assert!(
        shop.say(&phone, "START")
            .await
            .1
            .contains("allowed already")
    );
    assert!(
        shop.say(&phone, "STOP")
            .await
            .1
            .starts_with("Purchases are stopped")
    );
    let code = shop.say(&phone, "START").await.1;
    let code = code.rsplit(' ').next().unwrap().to_owned();
    let wrong = if code == "0001" { "0002" } else { "0001" };
    assert!(
        shop.say(&phone, &format!("START {wrong}"))
            .await
            .1
            .contains("wrong")
    );
    let late = shop.say(&phone, &format!("START {code}")).await.1;
    assert!(
        late.contains("wrong"),
        "a wrong guess costs the code: {late}"
    );
    let code = shop.say(&phone, "START").await.1;
    let code = code.rsplit(' ').next().unwrap().to_owned();
    let started = shop.say(&phone, &format!("START {code}")).await.1;
    assert_eq!(started, "Purchases are allowed again.");
    assert_eq!(shop.say(&phone, "BUY 4711 12").await.0, ArrivalEnd::Paid);
}

#[tokio::test]
async fn questions_are_answered_and_cost_nothing() {
    let (shop, phone) = shop_with(|_| ()).await;
    let list = shop.say(&phone, "list 4711").await.1;
    assert!(
        list.contains("12 Espresso 2.60") && list.contains("13 Tea 1.60"),
        "{list}"
    );
    assert!(
        shop.say(&phone, "HELP")
            .await
            .1
            .starts_with("BUY 4711 12 buys item 12")
    );
    assert!(
        shop.say(&phone, "LIST 999")
            .await
            .1
            .contains("There is no 999")
    );
    let near = shop.say(&phone, "BYU 4711 12").await.1;
    assert!(near.contains("Did you mean"), "{near}");
    let balance = shop.say(&phone, "BAL").await.1;
    assert_eq!(
        balance,
        "Your purchases on this bill: 0.00 EUR. Left to spend: 100.00 EUR."
    );
    assert_eq!(shop.balance("pos_held").await, 0);
}

#[tokio::test]
async fn a_load_counts_once_for_its_reference_and_another_amount_is_a_conflict() {
    let (shop, _) = shop_with(|_| ()).await;
    let before = shop.balance("float").await;
    let load = |amount| {
        Member::LoadPurse(LoadPurse {
            amount: minor(amount),
            currency: eur(),
            reference: "issuer-7".into(),
        })
    };
    assert_eq!(shop.submit(load(500)).await, Outcome::Done);
    assert_eq!(shop.submit(load(500)).await, Outcome::AlreadyDone);
    let other = shop.submit(load(501)).await;
    assert!(matches!(
        other,
        Outcome::Refused(svgate::gateway::member::Denied::Conflict(_))
    ));
    assert_eq!(shop.balance("float").await, before + 500);
    assert!(matches!(shop.submit(load(0)).await, Outcome::Refused(_)));
}
