//! Acks: who takes one, what it leads to, and what goes back.

use svgate::domain::charge::Charge;
use svgate::domain::merchant::UnknownEnd;
use svgate::domain::purchase::State;
use svgate::domain::refusal::Refusal;
use svgate::gateway::books::{AckQuestion, Acks, Books};
use svgate::gateway::member::{ArrivalEnd, Denied, Member, Outcome, Resolve, TerminalAct, Word};

use crate::fixture::{Phone, Shop, TOKEN, merchant, minor, terminal};

async fn shop() -> (Shop, Phone) {
    let shop = Shop::open(None).await;
    shop.stocked(2, 3).await;
    (shop, Phone::new(0))
}

async fn acks(shop: &Shop, after: i64) -> Acks {
    let question = AckQuestion {
        terminal: terminal(0),
        token_sha256: TOKEN,
        after,
        now: shop.now(),
    };
    shop.store.acks(question).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_ack_that_nobody_takes_in_time_goes_back_and_accepting_then_comes_too_late() {
    let (shop, phone) = shop().await;
    let id = shop.bought(&phone, "BUY 4711 12").await;
    shop.pass_ms(14_999);
    assert_eq!(
        shop.timer(id).await,
        Outcome::AlreadyDone,
        "a timer that fires early"
    );
    shop.pass_ms(1);
    assert_eq!(shop.timer(id).await, Outcome::Done);
    assert_eq!(shop.timer(id).await, Outcome::AlreadyDone, "and again");
    assert_eq!(
        shop.told(0, 1, Word::Accept).await,
        (State::Refunded, false)
    );
    let refunded = shop.last_words();
    assert!(
        refunded.starts_with("Refunded 2.60 EUR: Coffee & Co could not supply"),
        "{refunded}"
    );
    assert_eq!(shop.balance("float").await, 1_000_000_000);
    let balance = shop.say(&phone, "BAL").await.1;
    assert_eq!(
        balance,
        "Your purchases on this bill: 0.00 EUR. Left to spend: 100.00 EUR."
    );
}

#[tokio::test]
async fn an_ack_that_was_taken_is_not_withdrawn_by_time() {
    let (shop, phone) = shop().await;
    let id = shop.bought(&phone, "BUY 4711 12").await;
    shop.pass_ms(15_000);
    assert_eq!(shop.told(0, 1, Word::Accept).await, (State::Accepted, true));
    assert_eq!(shop.timer(id).await, Outcome::AlreadyDone);
    assert_eq!(
        shop.told(0, 1, Word::Accept).await,
        (State::Accepted, true),
        "taken once more"
    );
}

#[tokio::test]
async fn a_silent_machine_is_never_refunded_by_time_alone() {
    let (shop, phone) = shop().await;
    let id = shop.bought(&phone, "BUY 4711 12").await;
    shop.told(0, 1, Word::Accept).await;
    shop.told(0, 1, Word::Dispensing).await;
    shop.pass_ms(90_000);
    assert_eq!(shop.timer(id).await, Outcome::Done);
    for _ in 0..3 {
        shop.pass_ms(86_400_000);
        shop.timer(id).await;
        assert_eq!(shop.state(id).await, State::Unknown);
    }
    assert_eq!(shop.balance("pos_held").await, 200);
    assert_eq!(
        shop.told(0, 1, Word::Failed).await,
        (State::Refunded, true),
        "a late report"
    );
    assert_eq!(shop.balance("pos_held").await, 0);
}

#[tokio::test]
async fn an_end_that_nobody_reported_counts_as_the_merchants_contract_says() {
    let (shop, phone) = shop().await;
    for (ack, unknown_end, state, held) in [
        (1, UnknownEnd::Refund, State::Refunded, 0),
        (2, UnknownEnd::Supplied, State::Supplied { units: 2 }, 400),
    ] {
        let mut file = merchant(2);
        file.merchant.unknown_end = unknown_end;
        shop.submit(Member::ImportMerchant(Box::new(file))).await;
        shop.alive(0).await;
        let id = shop.bought(&phone, "BUY 4711 12 x2").await;
        shop.told(0, ack, Word::Accept).await;
        shop.pass_ms(89_999);
        assert_eq!(shop.timer(id).await, Outcome::AlreadyDone);
        assert_eq!(shop.state(id).await, State::Accepted, "in its time");
        shop.pass_ms(1);
        assert_eq!(shop.timer(id).await, Outcome::Done);
        assert_eq!(shop.state(id).await, state);
        assert_eq!(shop.balance("pos_held").await, held);
        let why = format!(
            "the merchant's contract: unknown_end is {}",
            unknown_end.name()
        );
        assert_eq!(
            shop.purchase(id).await.reason.as_deref(),
            Some(why.as_str())
        );
        assert_eq!(shop.timer(id).await, Outcome::AlreadyDone, "once");
        shop.pass_ms(600_000);
    }
    assert_eq!(shop.notices().await, ["resolved", "resolved"]);
    let late = Word::Supplied { units: Some(1) };
    assert_eq!(
        shop.told(0, 2, late).await,
        (State::Supplied { units: 2 }, false)
    );
}

#[tokio::test]
async fn a_person_decides_an_unknown_end_once_and_nothing_else() {
    let (shop, phone) = shop().await;
    let id = shop.bought(&phone, "BUY 4711 12 x3").await;
    let resolve = |units| {
        Member::Resolve(Resolve {
            purchase: id,
            units,
            who: "ann".into(),
            why: "drop sensor".into(),
        })
    };
    let early = shop.submit(resolve(Some(0))).await;
    assert!(
        matches!(early, Outcome::Refused(Denied::Conflict(_))),
        "{early:?}"
    );
    shop.told(0, 1, Word::Accept).await;
    shop.pass_ms(90_000);
    shop.timer(id).await;
    let many = shop.submit(resolve(Some(4))).await;
    assert!(
        matches!(many, Outcome::Refused(Denied::Conflict(_))),
        "{many:?}"
    );
    assert_eq!(shop.submit(resolve(Some(1))).await, Outcome::Done);
    assert_eq!(shop.state(id).await, State::Supplied { units: 1 });
    assert_eq!(
        shop.purchase(id).await.reason.as_deref(),
        Some("ann: drop sensor")
    );
    let twice = shop.submit(resolve(Some(0))).await;
    assert!(
        matches!(twice, Outcome::Refused(Denied::Conflict(_))),
        "{twice:?}"
    );
    assert!(shop.notices().await.contains(&"resolved".to_owned()));
}

#[tokio::test]
async fn a_part_supply_gives_back_exactly_the_rest_and_keeps_the_fee() {
    let (shop, phone) = shop().await;
    let id = shop.bought(&phone, "BUY 4711 12 x3").await;
    shop.told(0, 1, Word::Accept).await;
    let two = Word::Supplied { units: Some(2) };
    assert_eq!(
        shop.told(0, 1, two).await,
        (State::Supplied { units: 2 }, true)
    );
    assert_eq!(
        shop.told(0, 1, two).await,
        (State::Supplied { units: 2 }, true),
        "said again"
    );
    // 7.50 and 0.10 with 1.21 tax: a third of the retail price, its wholesale, its tax.
    let back = Charge {
        retail: minor(250),
        wholesale: minor(200),
        fee: minor(0),
        tax: minor(39),
    };
    assert_eq!(shop.purchase(id).await.refunded, back);
    assert_eq!(shop.balance("pos_held").await, 400);
    assert!(
        shop.last_words()
            .starts_with("Refunded 2.50 EUR: 1 x Espresso")
    );
    let balance = shop.say(&phone, "BAL").await.1;
    assert!(
        balance.starts_with("Your purchases on this bill: 5.10 EUR."),
        "{balance}"
    );
}

#[tokio::test]
async fn words_out_of_order_change_nothing_and_goods_after_a_refund_are_noticed() {
    let (shop, phone) = shop().await;
    let id = shop.bought(&phone, "BUY 4711 12 x2").await;
    let all = Word::Supplied { units: None };
    assert_eq!(
        shop.told(0, 1, all).await,
        (State::Paid, false),
        "not accepted yet"
    );
    let many = Word::Supplied { units: Some(3) };
    shop.told(0, 1, Word::Accept).await;
    assert_eq!(
        shop.told(0, 1, many).await,
        (State::Accepted, false),
        "more than ordered"
    );
    shop.told(0, 1, Word::Dispensing).await;
    assert_eq!(
        shop.told(0, 1, Word::Withdraw).await,
        (State::Dispensing, false)
    );
    assert_eq!(shop.told(0, 1, Word::Failed).await, (State::Refunded, true));
    assert_eq!(shop.told(0, 1, all).await, (State::Refunded, false));
    assert!(shop.notices().await.contains(&"late_report".to_owned()));
    assert_eq!(shop.state(id).await, State::Refunded);
}

/// Two hands of one machine: what the first has taken the second can't give back, nor the reverse.
#[tokio::test]
async fn of_accept_and_withdraw_the_first_wins_and_the_other_hears_what_stands() {
    let (shop, phone) = shop().await;
    for (ack, words, first, second, stands) in [
        (
            1,
            "BUY 4711 12",
            Word::Accept,
            Word::Withdraw,
            State::Accepted,
        ),
        (
            2,
            "BUY 4711 12 x2",
            Word::Withdraw,
            Word::Accept,
            State::Refunded,
        ),
    ] {
        let id = shop.bought(&phone, words).await;
        assert_eq!(shop.told(0, ack, first).await, (stands, true));
        assert_eq!(shop.told(0, ack, second).await, (stands, false));
        assert_eq!(shop.told(0, ack, first).await, (stands, true), "said again");
        assert_eq!(shop.state(id).await, stands);
    }
}

#[tokio::test]
async fn a_reset_counts_as_success_only_when_approval_was_journalled() {
    let (shop, phone) = shop().await;
    for (ack, approved, state) in [
        (1, true, State::Supplied { units: 1 }),
        (2, false, State::Refunded),
    ] {
        shop.bought(&phone, &format!("PAY 4711 1.0{ack}")).await;
        shop.told(0, ack, Word::Accept).await;
        assert_eq!(
            shop.told(0, ack, Word::Reset { approved }).await,
            (state, true)
        );
    }
}

#[tokio::test]
async fn only_the_terminals_own_credential_reaches_its_acks() {
    let (shop, phone) = shop().await;
    let id = shop.bought(&phone, "BUY 4711 12").await;
    let act = |machine, token: [u8; 32], ack, purchase| {
        Member::TerminalAct(TerminalAct {
            terminal: terminal(machine),
            token_sha256: token,
            ack,
            purchase,
            word: Word::Accept,
            reason: None,
        })
    };
    let denied = shop.submit(act(0, [8; 32], 1, None)).await;
    assert_eq!(denied, Outcome::Refused(Denied::Credential));
    let others = shop.submit(act(1, TOKEN, 1, Some(id))).await;
    assert_eq!(others, Outcome::Refused(Denied::NotFound("ack")));
    let unknown = shop.submit(act(0, TOKEN, 2, None)).await;
    assert_eq!(unknown, Outcome::Refused(Denied::NotFound("ack")));
    assert_eq!(shop.state(id).await, State::Paid);
    let token = Member::Token {
        terminal: terminal(0),
        token_sha256: [8; 32],
    };
    assert_eq!(shop.submit(token).await, Outcome::Done);
    let old = shop.submit(act(0, TOKEN, 1, None)).await;
    assert_eq!(old, Outcome::Refused(Denied::Credential));
    assert!(matches!(
        shop.submit(act(0, [8; 32], 1, None)).await,
        Outcome::Ack(_)
    ));
}

#[tokio::test]
async fn open_acks_are_shown_in_order_until_they_are_final() {
    let (shop, _) = shop().await;
    let mut numbers = Vec::new();
    for n in 0..3 {
        shop.bought(&Phone::new(n), "BUY 4711 12").await;
    }
    let numbers_of = |acks: Acks| acks.acks.iter().map(|ack| ack.ack).collect::<Vec<_>>();
    assert_eq!(numbers_of(acks(&shop, 0).await), [1, 2, 3]);
    shop.told(0, 2, Word::Accept).await;
    shop.told(0, 2, Word::Failed).await;
    shop.told(0, 1, Word::Accept).await;
    numbers.extend(numbers_of(acks(&shop, 0).await));
    assert_eq!(
        numbers,
        [1, 3],
        "after a reboot everything that is open, accepted or not"
    );
    assert_eq!(numbers_of(acks(&shop, 1).await), [3]);
    let long_closed = shop.act(0, 2, Word::Failed).await;
    assert!(matches!(long_closed, Outcome::Ack(view) if view.state == State::Refunded));
}

#[tokio::test]
async fn a_machine_whose_ends_are_unknown_sells_again() {
    let (shop, phone) = shop().await;
    let mut one_slot = merchant(2);
    one_slot.terminals[0].slots = 1;
    shop.submit(Member::ImportMerchant(Box::new(one_slot)))
        .await;
    let id = shop.bought(&phone, "BUY 4711 12").await;
    shop.told(0, 1, Word::Accept).await;
    shop.pass_ms(90_000);
    shop.timer(id).await;
    shop.alive(0).await;
    let next = Phone::new(1);
    assert_eq!(shop.say(&next, "BUY 4711 12").await.0, ArrivalEnd::Paid);
    // The late report takes its slot and gives it back: the second order still holds its own.
    shop.told(0, 1, Word::Supplied { units: None }).await;
    let busy = shop.say(&Phone::new(2), "BUY 4711 12").await.0;
    assert!(matches!(busy, ArrivalEnd::Refused(_)), "{busy:?}");
    shop.told(0, 2, Word::Withdraw).await;
    assert_eq!(
        shop.say(&Phone::new(2), "BUY 4711 13").await.0,
        ArrivalEnd::Paid
    );
}

#[tokio::test]
async fn a_merchant_that_closes_gives_back_what_no_machine_has_taken() {
    let (shop, phone) = shop().await;
    let taken = shop.bought(&phone, "BUY 4711 12").await;
    shop.told(0, 1, Word::Accept).await;
    let untaken = shop.bought(&phone, "BUY 4711 13").await;
    let elsewhere = shop.bought(&Phone::new(1), "BUY 4712 12").await;
    let mut closed = merchant(2);
    closed.merchant.open = false;
    let close = || shop.submit(Member::ImportMerchant(Box::new(closed.clone())));
    assert_eq!(
        close().await,
        Outcome::Imported {
            added: 0,
            changed: 1
        }
    );
    assert_eq!(shop.state(untaken).await, State::Refunded);
    assert_eq!(shop.state(elsewhere).await, State::Refunded);
    assert_eq!(
        shop.purchase(untaken).await.reason.as_deref(),
        Some("the merchant was closed")
    );
    assert!(shop.last_words().starts_with("Refunded 2.60 EUR"));
    assert_eq!(shop.balance("pos_held").await, 200, "what was taken stands");
    assert_eq!(
        shop.told(0, 2, Word::Accept).await,
        (State::Refunded, false)
    );
    let all = Word::Supplied { units: None };
    assert_eq!(
        shop.told(0, 1, all).await,
        (State::Supplied { units: 1 }, true)
    );
    assert_eq!(shop.state(taken).await, State::Supplied { units: 1 });
    let again = close().await;
    assert_eq!(
        again,
        Outcome::Imported {
            added: 0,
            changed: 0
        }
    );
    let end = shop.say(&phone, "BUY 4712 12").await.0;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::MerchantClosed));
}
