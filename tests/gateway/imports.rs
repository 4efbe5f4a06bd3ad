//! Imports: the same again changes nothing, and who gets a number or a card inherits nothing.

use svgate::domain::refusal::Refusal;
use svgate::gateway::member::{ArrivalEnd, Denied, Member, Outcome, Word};

use crate::asking::order_of;
use crate::fixture::{Phone, Shop, TOKEN, merchant, terminal};

async fn shop() -> Shop {
    let shop = Shop::open(None).await;
    shop.stocked(1, 3).await;
    shop
}

pub(crate) async fn import(shop: &Shop, phones: &[Phone]) -> Outcome {
    let lines = phones.iter().map(Phone::line).collect();
    shop.submit(Member::ImportLines(lines)).await
}

#[tokio::test]
async fn an_import_that_comes_again_changes_nothing() {
    let shop = shop().await;
    let phones: Vec<Phone> = (0..4).map(Phone::new).collect();
    let first = import(&shop, &phones).await;
    assert_eq!(
        first,
        Outcome::Imported {
            added: 1,
            changed: 0
        }
    );
    let again = import(&shop, &phones).await;
    assert_eq!(
        again,
        Outcome::Imported {
            added: 0,
            changed: 0
        }
    );
    let same = shop
        .submit(Member::ImportMerchant(Box::new(merchant(1))))
        .await;
    assert_eq!(
        same,
        Outcome::Imported {
            added: 0,
            changed: 0
        }
    );
    let more = shop
        .submit(Member::ImportMerchant(Box::new(merchant(2))))
        .await;
    assert_eq!(
        more,
        Outcome::Imported {
            added: 1,
            changed: 0
        }
    );
}

#[tokio::test]
async fn a_recycled_number_inherits_neither_orders_nor_debts_nor_trust() {
    let shop = shop().await;
    let former = Phone::new(0);
    shop.bought(&former, "BUY 4711 12").await;
    let heir = Phone {
        account: 90,
        card: 90,
        ..Phone::new(0)
    };
    import(&shop, std::slice::from_ref(&heir)).await;
    // What the former holder sent is still under way.
    let late = shop.say(&former, "BUY 4711 13").await;
    assert_eq!(
        late.0,
        ArrivalEnd::Refused(Refusal::CoolingOff),
        "{}",
        late.1
    );
    let balance = shop.say(&heir, "BAL").await.1;
    assert_eq!(
        balance,
        "Your purchases on this bill: 0.00 EUR. Left to spend: 100.00 EUR."
    );
    let mut heir = heir;
    let order = order_of(&mut heir, "12");
    assert_eq!(
        shop.order(&mut heir, &order).await.0,
        ArrivalEnd::Paid,
        "not a repetition"
    );
    let mut former = former;
    let forged = former.espresso(0);
    assert_eq!(shop.arrive(forged).await.1, ArrivalEnd::Forged("cc_failed"));
    assert!(
        shop.notices()
            .await
            .contains(&"number_passed_on".to_owned())
    );
}

#[tokio::test]
async fn a_number_or_card_whose_holder_moved_on_before_is_cooled_off_from_all_the_same() {
    let shop = shop().await;
    let moved_on = Phone {
        number: 50,
        card: 50,
        ..Phone::new(0)
    };
    import(&shop, &[moved_on]).await;
    let with_number = Phone {
        account: 91,
        card: 91,
        ..Phone::new(0)
    };
    let with_card = Phone {
        account: 92,
        number: 92,
        ..Phone::new(0)
    };
    let with_neither = Phone::new(93);
    import(
        &shop,
        &[with_number.clone(), with_card.clone(), with_neither.clone()],
    )
    .await;
    for heir in [with_number, with_card] {
        assert_eq!(
            shop.say(&heir, "BUY 4711 12").await.0,
            ArrivalEnd::Refused(Refusal::CoolingOff)
        );
    }
    shop.bought(&with_neither, "BUY 4711 12").await;
}

#[tokio::test]
async fn two_that_change_places_in_one_import_both_keep_a_number() {
    let shop = shop().await;
    let first = Phone {
        number: 1,
        ..Phone::new(0)
    };
    let second = Phone {
        number: 0,
        ..Phone::new(1)
    };
    let swapped = import(&shop, &[first.clone(), second.clone()]).await;
    assert_eq!(
        swapped,
        Outcome::Imported {
            added: 0,
            changed: 2
        }
    );
    let again = import(&shop, &[first.clone(), second.clone()]).await;
    assert_eq!(
        again,
        Outcome::Imported {
            added: 0,
            changed: 0
        }
    );
    for mut phone in [first, second] {
        let order = order_of(&mut phone, "12");
        assert_eq!(shop.order(&mut phone, &order).await.0, ArrivalEnd::Paid);
    }
}

#[tokio::test]
async fn a_new_card_begins_its_own_counters_and_the_old_ones_packets_are_worth_nothing() {
    let shop = shop().await;
    let mut old = Phone::new(0);
    let kept = old.espresso(0);
    let order = order_of(&mut old, "12");
    shop.order(&mut old, &order).await;
    let mut new = Phone {
        card: 60,
        ..Phone::new(0)
    };
    import(&shop, std::slice::from_ref(&new)).await;
    assert_eq!(shop.arrive(kept).await.1, ArrivalEnd::Forged("cc_failed"));
    let order = order_of(&mut new, "12");
    assert_eq!(shop.order(&mut new, &order).await.0, ArrivalEnd::Paid);
    assert_eq!(phone_counter(&shop, &new), 1);
}

/// An import and an old packet that the writer takes into one batch.
#[tokio::test]
async fn a_card_change_makes_no_old_packet_new_in_its_own_batch() {
    let shop = shop().await;
    let mut old = Phone::new(0);
    let kept = old.espresso(0);
    let order = order_of(&mut old, "12");
    shop.order(&mut old, &order).await;
    let paid = shop.balance("pos_held").await;
    let new = Phone {
        card: 60,
        ..Phone::new(0)
    };
    let importing = Member::ImportLines(vec![new.line()]);
    let (_, replayed) = tokio::join!(shop.submit(importing), shop.submit(Member::Arrival(kept)));
    let Outcome::Arrived { end, .. } = replayed else {
        panic!("{replayed:?}")
    };
    assert_ne!(end, ArrivalEnd::Paid);
    assert_eq!(shop.balance("pos_held").await, paid);
}

#[tokio::test]
async fn what_a_subscriber_stopped_no_import_starts() {
    let shop = shop().await;
    let phone = Phone::new(0);
    shop.say(&phone, "STOP").await;
    import(&shop, std::slice::from_ref(&phone)).await;
    let end = shop.say(&phone, "BUY 4711 12").await.0;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::Stopped));
}

#[tokio::test]
async fn a_merchants_file_takes_no_others_terminals_and_no_other_currency() {
    let shop = shop().await;
    let mut other = merchant(1);
    other.merchant.id = "other".parse().unwrap();
    let stolen = shop
        .submit(Member::ImportMerchant(Box::new(other.clone())))
        .await;
    assert!(
        matches!(stolen, Outcome::Refused(Denied::Conflict(_))),
        "{stolen:?}"
    );
    other.terminals[0].id = "other-machine".parse().unwrap();
    let code = shop.submit(Member::ImportMerchant(Box::new(other))).await;
    assert!(
        matches!(code, Outcome::Refused(Denied::Conflict(_))),
        "{code:?}"
    );
    let mut dollars = merchant(1);
    dollars.merchant.currency = "USD".parse().unwrap();
    let currency = shop.submit(Member::ImportMerchant(Box::new(dollars))).await;
    assert!(
        matches!(currency, Outcome::Refused(Denied::Conflict(_))),
        "{currency:?}"
    );
    let mut untaxed = merchant(1);
    untaxed.merchant.tax_code = "nowhere".into();
    let tax = shop.submit(Member::ImportMerchant(Box::new(untaxed))).await;
    assert!(
        matches!(tax, Outcome::Refused(Denied::Invalid(_))),
        "{tax:?}"
    );
}

/// The counter of the last confirmation.
fn phone_counter(shop: &Shop, phone: &Phone) -> u64 {
    phone.read(shop.messages().last().unwrap()).0.counter
}

#[tokio::test]
async fn a_token_that_was_replaced_is_not_brought_back_by_its_merchants_file() {
    let shop = shop().await;
    shop.bought(&Phone::new(0), "BUY 4711 12").await;
    let token = |token_sha256| Member::Token {
        terminal: terminal(0),
        token_sha256,
    };
    let import = |token: Option<[u8; 32]>| {
        let mut file = merchant(1);
        file.terminals[0].token_sha256 = token;
        Member::ImportMerchant(Box::new(file))
    };
    let unchanged = Outcome::Imported {
        added: 0,
        changed: 0,
    };
    shop.submit(token([8; 32])).await;
    assert_eq!(shop.submit(import(Some(TOKEN))).await, unchanged);
    assert_eq!(shop.submit(import(None)).await, unchanged);
    assert_eq!(shop.submit(import(Some(TOKEN))).await, unchanged);
    let old = shop.act(0, 1, Word::Accept).await;
    assert_eq!(old, Outcome::Refused(Denied::Credential));
    // Another one in the file is meant to be taken.
    shop.submit(import(Some([9; 32]))).await;
    shop.submit(token([8; 32])).await;
    shop.submit(import(Some(TOKEN))).await;
    assert!(matches!(
        shop.act(0, 1, Word::Accept).await,
        Outcome::Ack(_)
    ));
}

#[tokio::test]
async fn a_refund_is_not_told_to_who_has_the_number_by_now() {
    let shop = shop().await;
    let phone = Phone::new(0);
    shop.bought(&phone, "BUY 4711 12").await;
    let heir = Phone {
        account: 90,
        card: 90,
        ..Phone::new(0)
    };
    import(&shop, std::slice::from_ref(&heir)).await;
    let messages = shop.messages().len();
    shop.told(0, 1, Word::Withdraw).await;
    assert_eq!(shop.messages().len(), messages, "nobody to tell");
    shop.bought(&Phone::new(1), "BUY 4711 12").await;
    let moved = Phone {
        number: 91,
        ..Phone::new(1)
    };
    import(&shop, std::slice::from_ref(&moved)).await;
    shop.told(0, 2, Word::Withdraw).await;
    let told = shop.messages();
    assert_eq!(told.last().unwrap().to, moved.msisdn());
    assert!(shop.last_words().starts_with("Refunded 2.60 EUR"));
}
