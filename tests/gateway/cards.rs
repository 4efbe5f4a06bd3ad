//! Cards and keys that leave and return: what was paid once is never paid again, by nobody.

use svgate::domain::refusal::Refusal;
use svgate::gateway::member::{Arrival, ArrivalEnd, Denied, Outcome};

use crate::asking::order_of;
use crate::fixture::{Phone, Shop};
use crate::imports::import;

/// A shop, a phone that has paid one order, the packet of it, and how many messages there are.
async fn paid_once() -> (Shop, Phone, Arrival, usize) {
    let shop = Shop::open(None).await;
    shop.stocked(1, 3).await;
    let mut phone = Phone::new(0);
    let packet = phone.espresso(0);
    assert_eq!(shop.arrive(packet.clone()).await.1, ArrivalEnd::Paid);
    let messages = shop.messages().len();
    (shop, phone, packet, messages)
}

async fn imported(shop: &Shop, phone: &Phone) {
    import(shop, std::slice::from_ref(phone)).await;
}

/// The packet comes again and is known; who holds the card is told so only when it was theirs.
async fn is_known(shop: &Shop, packet: &Arrival, told: bool) {
    let (float, messages) = (shop.balance("float").await, shop.messages().len());
    let end = shop.arrive(packet.clone()).await.1;
    assert_eq!(end, ArrivalEnd::Repeated);
    assert_eq!(shop.balance("float").await, float, "nothing is paid");
    assert_eq!(shop.messages().len() - messages, usize::from(told));
}

#[tokio::test]
async fn a_card_that_returns_to_its_line_goes_on_where_it_stood() {
    let (shop, mut phone, packet, _) = paid_once().await;
    let confirmed = phone.read(shop.messages().last().unwrap()).0.counter;
    for card in [60, 61] {
        let other = Phone {
            card,
            ..phone.clone()
        };
        imported(&shop, &other).await;
    }
    imported(&shop, &phone).await;
    is_known(&shop, &packet, true).await;
    let again = phone.read(shop.messages().last().unwrap()).0.counter;
    assert_eq!(
        again,
        confirmed + 1,
        "no counter towards the SIM comes twice"
    );
    let order = order_of(&mut phone, "12");
    assert_eq!(shop.order(&mut phone, &order).await.0, ArrivalEnd::Paid);
}

#[tokio::test]
async fn an_account_with_a_new_name_pays_no_packet_again() {
    let (shop, phone, packet, _) = paid_once().await;
    let mut renamed = Phone {
        account: 90,
        ..phone
    };
    imported(&shop, &renamed).await;
    is_known(&shop, &packet, false).await;
    let order = order_of(&mut renamed, "12");
    assert_eq!(shop.order(&mut renamed, &order).await.0, ArrivalEnd::Paid);
}

#[tokio::test]
async fn who_gets_a_card_pays_nothing_of_what_it_ordered_and_hears_nothing_of_it() {
    let (shop, phone, packet, messages) = paid_once().await;
    // In one import: each gets the other's card.
    let mut heir = Phone {
        account: 1,
        number: 1,
        ..phone.clone()
    };
    let loser = Phone {
        card: 1,
        ..Phone::new(0)
    };
    import(&shop, &[heir.clone(), loser]).await;
    let moved = Arrival {
        sender: Some(heir.msisdn()),
        ..packet.clone()
    };
    is_known(&shop, &moved, false).await;
    // The card sends its order again, under the next counter: it has no other answer to it.
    let again = heir.again(0);
    assert_eq!(
        shop.arrive(again).await.1,
        ArrivalEnd::Refused(Refusal::ReferenceOld)
    );
    assert_eq!(shop.messages().len(), messages + 1);
    let order = order_of(&mut heir, "12");
    assert_eq!(shop.order(&mut heir, &order).await.0, ArrivalEnd::Paid);
    // Back with its first holder, it is as far as the heir brought it.
    imported(&shop, &phone).await;
    let end = shop.arrive(packet).await.1;
    assert_eq!(end, ArrivalEnd::Refused(Refusal::CounterLow));
}

#[tokio::test]
async fn keys_that_are_used_again_go_on_and_references_outlive_them() {
    let (shop, mut phone, packet, _) = paid_once().await;
    let mut rekeyed = Phone {
        version: 2,
        counter: 0,
        ..phone.clone()
    };
    imported(&shop, &rekeyed).await;
    assert_eq!(
        shop.arrive(packet.clone()).await.1,
        ArrivalEnd::Forged("cc_failed")
    );
    let again = rekeyed.again(0);
    assert_eq!(shop.arrive(again).await.1, ArrivalEnd::Repeated);
    assert_eq!(
        rekeyed.read(shop.messages().last().unwrap()).0.counter,
        1,
        "keys never used begin anew"
    );
    let newer = rekeyed.espresso(0);
    assert_eq!(shop.arrive(newer.clone()).await.1, ArrivalEnd::Paid);
    imported(&shop, &phone).await;
    is_known(&shop, &packet, true).await;
    phone.reference = rekeyed.reference;
    let again = phone.again(0);
    assert_eq!(shop.arrive(again).await.1, ArrivalEnd::Repeated);
    // Off by way of another card, under the second version.
    let other = Phone {
        card: 60,
        ..phone.clone()
    };
    imported(&shop, &other).await;
    imported(&shop, &rekeyed).await;
    is_known(&shop, &newer, true).await;
}

#[tokio::test]
async fn a_packet_is_held_against_the_profile_of_its_card_and_no_other() {
    let (shop, standard, ..) = paid_once().await;
    let mut four = Phone {
        profile: "four",
        ..Phone::new(5)
    };
    imported(&shop, &four).await;
    let order = order_of(&mut four, "12");
    assert_eq!(shop.order(&mut four, &order).await.0, ArrivalEnd::Paid);
    let message = shop.messages().last().unwrap().message.user_data.clone();
    // UDH 3, CPL 2, CHL 1, SPI 2, KIc, KID, TAR 3, ciphered: CNTR 5, PCNTR 1, CC 4.
    assert_eq!(
        (message[5], message[8], &message[10..13]),
        (17, 0x22, &[0xB2, 0xF0, 4][..])
    );
    // A packet made to look as another profile's is refused, whatever its checksum says.
    let order = order_of(&mut four, "12");
    let mut posing = Phone {
        profile: "standard",
        ..four.clone()
    };
    let packet = posing.sealed(&order);
    assert_eq!(
        shop.arrive(packet).await.1,
        ArrivalEnd::Forged("unknown_tar")
    );
    let mut posing = Phone {
        profile: "four",
        ..standard
    };
    let order = order_of(&mut posing, "12");
    let packet = posing.sealed(&order);
    assert_eq!(
        shop.arrive(packet).await.1,
        ArrivalEnd::Forged("unknown_tar")
    );
    // Another profile of the same keys goes on with their counters.
    four.counter = 1;
    let old = four.sealed(&order);
    let standard = Phone {
        profile: "standard",
        ..four.clone()
    };
    imported(&shop, &standard).await;
    imported(&shop, &four).await;
    assert_eq!(shop.arrive(old).await.1, ArrivalEnd::Paid);
}

#[tokio::test]
async fn a_profile_that_is_not_configured_is_refused_with_the_whole_import() {
    let (shop, ..) = paid_once().await;
    let lines = [(7, "standard"), (8, "five")].map(|(number, profile)| Phone {
        profile,
        ..Phone::new(number)
    });
    let told = import(&shop, &lines).await;
    let Outcome::Refused(Denied::Invalid(why)) = told else {
        panic!("{told:?}")
    };
    assert!(why.contains("account A8: profile \"five\""), "{why}");
    let (end, says) = shop.say(&Phone::new(7), "BAL").await;
    assert!(says.contains("has no bill"), "{end:?} {says}");
}
