//! A kiosk's order in a subscriber's name, offered to the card: shown with its price, agreed to there,
//! and paid once.

use svgate::auth::command::open_command;
use svgate::auth::sim_keys::Direction;
use svgate::dialogue::card_command::{CardCommand, Offer};
use svgate::dialogue::secured_order::{Agreed, SecuredOrder, Wanted};
use svgate::dialogue::secured_reply::{OutcomeCode, ShownText};
use svgate::domain::pon::Pon;
use svgate::domain::purchase::State;
use svgate::gateway::member::{ArrivalEnd, KioskOrder, Member, Outcome};

use crate::asking::{espressos, order_of};
use crate::fixture::{Phone, Shop, TOKEN, eur, minor, terminal};
use crate::imports::import;

/// A shop and a phone whose card shows offers.
async fn shop() -> (Shop, Phone) {
    let shop = Shop::open(None).await;
    shop.stocked(1, 3).await;
    let phone = Phone {
        profile: "four",
        ..Phone::new(0)
    };
    import(&shop, std::slice::from_ref(&phone)).await;
    (shop, phone)
}

/// A kiosk's order for an espresso in the name of `phone`.
async fn ordered(shop: &Shop, reference: &str, phone: &Phone) -> Pon {
    let seed = reference.bytes().map(u64::from).sum::<u64>();
    let order = KioskOrder {
        payer: Some(phone.msisdn()),
        terminal: terminal(0),
        token_sha256: TOKEN,
        what: espressos(1),
        client_reference: reference.into(),
        candidates: [0, 1, 2, 3].map(|n| Pon::from_random(seed * 4 + n)),
    };
    match shop.submit(Member::KioskOrder(order)).await {
        Outcome::Ordered { pon, .. } => pon,
        other => panic!("no order: {other:?}"),
    }
}

#[tokio::test]
async fn what_a_kiosk_orders_is_offered_to_the_card_and_its_order_pays_it_once() {
    let (shop, mut phone) = shop().await;
    let pon = ordered(&shop, "order-1", &phone).await;
    let row = shop.messages().pop().unwrap();
    let wanted = Wanted::PaymentOrder {
        pon,
        short_code: Some(4711.try_into().unwrap()),
    };
    let words = ShownText::Default(b"Coffee & Co".to_vec());
    let offer = Offer::new(wanted, (minor(260), eur()), Some(words)).unwrap();
    let expected = CardCommand::Offer(offer).encode().unwrap();
    let packet = row.message.user_data.strip_prefix(&[2, 0x70, 0]).unwrap();
    let opened = open_command(packet, &phone.keys(Direction::Mt)).unwrap();
    assert_eq!((&opened.data, row.asks), (&*expected, None));
    assert_eq!(
        row.expires.since(row.created),
        120_000,
        "while it can be paid"
    );
    let order = SecuredOrder {
        wanted,
        agreed: Agreed::Exactly(minor(260)),
        ..order_of(&mut phone, "12")
    };
    let (end, outcome) = shop.order(&mut phone, &order).await;
    assert_eq!((end, outcome), (ArrivalEnd::Paid, OutcomeCode::Paid));
    let float = shop.balance("float").await;
    let (end, outcome) = shop.order(&mut phone, &order).await;
    assert_eq!((end, outcome), (ArrivalEnd::Repeated, OutcomeCode::Paid));
    assert_eq!(shop.balance("float").await, float, "paid once");
    let record = shop.purchase(row.purchase.unwrap()).await;
    assert_eq!((record.life.state, record.pon), (State::Paid, Some(pon)));
}

#[tokio::test]
async fn a_card_is_asked_once_in_a_while_and_one_that_shows_no_offers_is_not() {
    let (shop, phone) = shop().await;
    let messages = || shop.messages().len();
    ordered(&shop, "order-1", &phone).await;
    assert_eq!(messages(), 1);
    ordered(&shop, "order-2", &phone).await;
    assert_eq!(messages(), 1, "not within half a minute");
    shop.pass_ms(30_001);
    ordered(&shop, "order-3", &phone).await;
    assert_eq!(messages(), 2);
    ordered(&shop, "order-4", &Phone::new(1)).await;
    ordered(&shop, "order-5", &Phone::new(99)).await;
    assert_eq!(messages(), 2, "and nobody is told that they are not");
}
