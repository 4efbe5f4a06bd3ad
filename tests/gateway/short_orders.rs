//! Orders that a SIM's applet sends as USSD text, with a short checksum.

use bytes::Bytes;
use svgate::auth::sim_keys::Direction;
use svgate::dialogue::secured_order::SecuredOrder;
use svgate::dialogue::secured_reply::OutcomeCode;
use svgate::gateway::member::{
    Arrival, ArrivalEnd, Content, LineImport, Member, Outcome, UssdWish,
};

use crate::asking::order_of;
use crate::fixture::{Phone, Shop, end_of};

/// Counter, key, order, and the checksum over what stands before them and them.
fn short(phone: &Phone, counter: u64, order: &SecuredOrder) -> Vec<u8> {
    let record = phone.keys(Direction::Mo);
    let [_, _, _, counter @ ..] = counter.to_be_bytes();
    let kid = [record.profile.kid.octet()];
    let (tar, order) = (record.profile.tar.0, order.encode());
    let mac = record
        .keys
        .kid
        .cmac(&[&[0xFF, 0x55, 0x01], &kid, &tar, &counter, &[0; 4], &order]);
    [&counter, &kid[..], &order, &mac[..4]].concat()
}

fn by_ussd(phone: &Phone, octets: Vec<u8>) -> Arrival {
    let octets = Bytes::from(octets);
    let content = Content::Ussd(Box::new(UssdWish::Sealed(octets.clone())));
    phone.arrival(content, octets)
}

impl Shop {
    async fn sent(&self, arrival: Arrival) -> (ArrivalEnd, Option<String>) {
        let outcome = self.submit(Member::Arrival(arrival)).await;
        let (_, end) = end_of(&outcome);
        let Outcome::Arrived { said, .. } = outcome else {
            panic!("not an arrival")
        };
        (end, said.map(|said| said.to_string()))
    }
}

async fn with_card(profile: &'static str) -> (Shop, Phone) {
    let shop = Shop::open(None).await;
    shop.stocked(2, 1).await;
    let phone = Phone {
        profile,
        ..Phone::new(0)
    };
    let line = LineImport { ..phone.line() };
    shop.submit(Member::ImportLines(vec![line])).await;
    (shop, phone)
}

#[tokio::test]
async fn a_card_orders_by_ussd_once_and_is_told_twice() {
    let (shop, mut phone) = with_card("four").await;
    let order = order_of(&mut phone, "12");
    let first = short(&phone, 1, &order);
    let (end, said) = shop.sent(by_ussd(&phone, first.clone())).await;
    assert_eq!(end, ArrivalEnd::Paid);
    assert!(said.unwrap().starts_with("Paid 2.60 EUR"), "in the session");
    assert_eq!(
        shop.shown(&phone).outcome,
        OutcomeCode::Paid,
        "and on the card"
    );
    // The network delivers it again; the card sends again what was not sent.
    let (end, said) = shop.sent(by_ussd(&phone, first)).await;
    assert_eq!(end, ArrivalEnd::Repeated);
    assert!(said.unwrap().starts_with("Paid 2.60 EUR"));
    let again = short(&phone, 2, &order);
    assert_eq!(
        shop.sent(by_ussd(&phone, again)).await.0,
        ArrivalEnd::Repeated
    );
    // By SMS it would have been the same order, and counters are one row.
    phone.counter = 2;
    let sealed = phone.sealed(&order);
    assert_eq!(shop.arrive(sealed).await.1, ArrivalEnd::Repeated);
    let next = order_of(&mut phone, "12");
    let behind = short(&phone, 2, &next);
    let (end, _) = shop.sent(by_ussd(&phone, behind)).await;
    assert!(matches!(end, ArrivalEnd::Refused(_)), "{end:?}");
}

#[tokio::test]
async fn a_forged_one_and_one_whose_card_must_cipher_are_answered_by_nothing() {
    let (shop, mut phone) = with_card("four").await;
    let order = order_of(&mut phone, "12");
    let mut forged = short(&phone, 1, &order);
    *forged.last_mut().unwrap() ^= 1;
    let (end, said) = shop.sent(by_ussd(&phone, forged)).await;
    assert_eq!((end, said), (ArrivalEnd::Forged("cc_failed"), None));
    let stranger = Phone::new(99);
    let (end, said) = shop
        .sent(by_ussd(&stranger, short(&phone, 1, &order)))
        .await;
    assert!(matches!(end, ArrivalEnd::Forged(_)), "{end:?}");
    assert_eq!(said, None);
    assert_eq!(shop.messages().len(), 0);

    let (shop, mut phone) = with_card("standard").await;
    let order = order_of(&mut phone, "12");
    let (end, said) = shop.sent(by_ussd(&phone, short(&phone, 1, &order))).await;
    let refused = ArrivalEnd::Forged("insufficient_security_level");
    assert_eq!((end, said), (refused, None));
}
