//! Commands to cards and the life of their keys: what is sent, what is lost, and what comes late.

use std::sync::Arc;

use svgate::auth::command::{CommandPacket, open_command};
use svgate::auth::sim_keys::Direction;
use svgate::dialogue::card_command::{CardCommand, NewKeys};
use svgate::dialogue::secured_order::{Agreed, SecuredOrder};
use svgate::domain::Millis;
use svgate::domain::ids::SubscriberId;
use svgate::domain::refusal::Refusal;
use svgate::domain::subscriber::Line;
use svgate::gateway::member::{
    Arrival, ArrivalEnd, CardOrder, Denied, Member, OutboxEnd, OutboxSettled, Outcome, Rotation,
};
use svgate::gateway::record::OutboxRow;
use svgate::gateway::upkeep::Upkeep as _;
use svgate::gateway::views::{CardsWanted, Views as _};

use crate::asking::order_of;
use crate::fixture::{Phone, Shop, minor};
use crate::imports::import;

async fn shop() -> (Shop, Phone) {
    let shop = Shop::open(None).await;
    shop.stocked(1, 3).await;
    (shop, Phone::new(0))
}

async fn ordered(shop: &Shop, account: &str, command: CardCommand) -> Result<u8, Denied> {
    let order = CardOrder {
        accounts: vec![account.into()],
        command,
        who: "j.smith".into(),
    };
    end_of(shop.submit(Member::CardOrder(Box::new(order))).await)
}

async fn rotated(shop: &Shop, account: &str, to: Option<u8>) -> Result<u8, Denied> {
    let rotation = Rotation {
        accounts: vec![account.into()],
        to,
        who: "j.smith".into(),
    };
    end_of(shop.submit(Member::Rotate(rotation)).await)
}

fn end_of(outcome: Outcome) -> Result<u8, Denied> {
    match outcome {
        Outcome::Commanded(mut ends) if ends.len() == 1 => ends.pop().unwrap().1,
        other => panic!("{other:?}"),
    }
}

/// What the card of this phone reads of a message.
fn opened(phone: &Phone, row: &OutboxRow) -> CommandPacket {
    let packet = row.message.user_data.strip_prefix(&[2, 0x70, 0]).unwrap();
    let opened = open_command(packet, &phone.keys(Direction::Mt));
    opened.unwrap().into_inner()
}

/// The same card with the keys of the next version, which it has not used yet.
fn rekeyed(phone: &Phone) -> Phone {
    Phone {
        version: phone.version + 1,
        counter: 0,
        ..phone.clone()
    }
}

fn last(shop: &Shop) -> OutboxRow {
    shop.messages().pop().expect("a message")
}

async fn line(shop: &Shop, account: &str) -> Line {
    let view = shop.store.sim(account.into()).await.unwrap();
    view.expect("an account").line
}

async fn pays(shop: &Shop, phone: &mut Phone) -> Arrival {
    shop.alive(0).await;
    let packet = phone.espresso(0);
    assert_eq!(shop.arrive(packet.clone()).await.1, ArrivalEnd::Paid);
    packet
}

async fn repeated(shop: &Shop, now_ms: i64) -> Outcome {
    let due = shop.store.rekeys_due(shop.now().plus_ms(now_ms), 9).await;
    shop.submit(Member::RekeysDue(due.unwrap())).await
}

#[tokio::test]
async fn a_command_goes_to_the_card_under_its_next_counter_each_time_it_is_given() {
    let (shop, mut phone) = shop().await;
    pays(&shop, &mut phone).await;
    let confirmed = opened(&phone, &last(&shop)).counter;
    for counter in [confirmed + 1, confirmed + 2] {
        let end = ordered(&shop, "A0", CardCommand::UnblockPin(None)).await;
        assert_eq!(end, Ok(1));
        let row = last(&shop);
        let message = &row.message;
        assert!(message.udhi && row.purchase.is_none());
        assert_eq!((message.protocol_id, message.data_coding), (0x7F, 0xF6));
        let packet = opened(&phone, &row);
        assert_eq!(packet.data, [0x01, 0xA1, 0x01, 0x03]);
        assert_eq!(packet.counter, counter);
    }
    let unknown = ordered(&shop, "nobody", CardCommand::Lock).await;
    assert_eq!(unknown, Err(Denied::NotFound("account")));
    let heir = Phone {
        account: 9,
        ..phone.clone()
    };
    import(&shop, &[heir]).await;
    let refused = ordered(&shop, "A0", CardCommand::Lock).await;
    assert!(matches!(refused, Err(Denied::Invalid(why)) if why.contains("A0")));
}

#[tokio::test]
async fn the_first_order_under_new_keys_puts_them_in_use_and_those_before_are_good_for_a_while() {
    let (shop, mut old) = shop().await;
    pays(&shop, &mut old).await;
    assert_eq!(rotated(&shop, "A0", None).await, Ok(2));
    let mut new = rekeyed(&old);
    let sent = opened(&old, &last(&shop));
    let keys = [Direction::Mo, Direction::Mt].map(|way| new.keys(way));
    let octets = (0x12.try_into().unwrap(), 0x12.try_into().unwrap());
    let keys = NewKeys::new(2, octets, &keys[0].keys, &keys[1].keys).unwrap();
    let expected = CardCommand::Keys(Box::new(keys)).encode().unwrap();
    assert_eq!(sent.data, *expected);
    // Before it has used them, everything is as it was.
    pays(&shop, &mut old).await;
    opened(&old, &last(&shop));
    let replay = pays(&shop, &mut old).await;
    let late = {
        let mut late = old.clone();
        late.reference += 1;
        late.again(0)
    };
    new.reference = old.reference + 1;
    pays(&shop, &mut new).await;
    assert_eq!(opened(&new, &last(&shop)).counter, 1, "they begin anew");
    let line_of = line(&shop, "A0").await;
    assert_eq!((line_of.key_version, line_of.pending), (2, None));
    // What was under way pays, under its own counter, and is answered under the new keys.
    let late_end = shop.arrive(late.clone()).await.1;
    assert_eq!(late_end, ArrivalEnd::Paid);
    assert_eq!(opened(&new, &last(&shop)).counter, 2);
    let float = shop.balance("float").await;
    assert_eq!(shop.arrive(late.clone()).await.1, ArrivalEnd::Repeated);
    let low = ArrivalEnd::Refused(Refusal::CounterLow);
    assert_eq!(shop.arrive(replay).await.1, low);
    assert_eq!(shop.balance("float").await, float, "nothing is paid");
    shop.pass_ms(86_400_001);
    let mut expired = old.clone();
    expired.counter += 5;
    expired.reference += 5;
    let forged = ArrivalEnd::Forged("cc_failed");
    assert_eq!(shop.arrive(expired.again(0)).await.1, forged);
    assert_eq!(shop.arrive(late).await.1, forged);
    pays(&shop, &mut new).await;
}

#[tokio::test]
async fn one_order_is_paid_once_whichever_keys_it_comes_under() {
    let (shop, mut old) = shop().await;
    pays(&shop, &mut old).await;
    rotated(&shop, "A0", None).await.unwrap();
    // It goes out under the old keys, is late, and the card sends it again under the new.
    let late = old.espresso(0);
    let mut new = rekeyed(&old);
    assert_eq!(shop.arrive(new.again(0)).await.1, ArrivalEnd::Paid);
    let float = shop.balance("float").await;
    assert_eq!(shop.arrive(late).await.1, ArrivalEnd::Repeated);
    let other = SecuredOrder {
        agreed: Agreed::AtMost(minor(299)),
        ..order_of(&mut new.clone(), "12")
    };
    let other = SecuredOrder {
        reference: new.reference.try_into().unwrap(),
        ..other
    };
    let reused = ArrivalEnd::Refused(Refusal::ReferenceReused);
    assert_eq!(shop.arrive(old.sealed(&other)).await.1, reused);
    assert_eq!(shop.balance("float").await, float, "nothing is paid");
    let notices = shop.notices().await;
    assert!(notices.contains(&"reference".to_owned()), "{notices:?}");
    let view = shop.store.sim("A0".into()).await.unwrap().unwrap();
    assert_eq!(&*view.alarm.unwrap().kind, "reference");
}

#[tokio::test]
async fn keys_that_are_not_used_are_sent_again_once_a_day_and_then_told() {
    let (shop, mut old) = shop().await;
    pays(&shop, &mut old).await;
    rotated(&shop, "A0", None).await.unwrap();
    let first = opened(&old, &last(&shop));
    assert_eq!(repeated(&shop, 0).await, Outcome::AlreadyDone);
    for counter in [first.counter + 1, first.counter + 2] {
        shop.pass_ms(86_400_000);
        // Two nodes find it: one sends it.
        let due = shop.store.rekeys_due(shop.now(), 9).await.unwrap();
        assert_eq!(due.len(), 1);
        let member = || Member::RekeysDue(due.clone());
        assert_eq!(shop.submit(member()).await, Outcome::Done);
        assert_eq!(shop.submit(member()).await, Outcome::AlreadyDone);
        let again = opened(&old, &last(&shop));
        assert_eq!((again.data, again.counter), (first.data.clone(), counter));
    }
    let messages = shop.messages().len();
    shop.pass_ms(86_400_000);
    assert_eq!(repeated(&shop, 0).await, Outcome::Done);
    assert_eq!(shop.messages().len(), messages, "three times is all");
    let notices = shop.notices().await;
    assert!(notices.contains(&"rekey_unanswered".to_owned()));
    assert_eq!(
        repeated(&shop, i64::from(u32::MAX)).await,
        Outcome::AlreadyDone
    );
    // The card may have had them all along.
    let mut new = rekeyed(&old);
    pays(&shop, &mut new).await;
    assert_eq!(line(&shop, "A0").await.key_version, 2);
}

#[tokio::test]
async fn while_keys_are_on_their_way_no_others_are_sent_and_no_version_comes_twice() {
    let (shop, old) = shop().await;
    let invalid = |end: Result<u8, Denied>| matches!(end, Err(Denied::Invalid(_)));
    assert!(invalid(rotated(&shop, "A0", Some(1)).await));
    assert_eq!(rotated(&shop, "A0", Some(7)).await, Ok(7));
    let messages = shop.messages().len();
    let conflict = rotated(&shop, "A0", Some(8)).await;
    assert!(matches!(conflict, Err(Denied::Conflict(_))), "{conflict:?}");
    assert_eq!(
        rotated(&shop, "A0", None).await,
        Ok(7),
        "the same once more"
    );
    assert_eq!(shop.messages().len(), messages + 1);
    let mut new = Phone { version: 7, ..old };
    pays(&shop, &mut new).await;
    assert_eq!(rotated(&shop, "A0", Some(255)).await, Ok(255));
    let mut newest = Phone {
        version: 255,
        counter: 0,
        ..new.clone()
    };
    pays(&shop, &mut newest).await;
    assert!(invalid(rotated(&shop, "A0", None).await), "none is left");
    // Those of two versions before had their counters kept.
    shop.pass_ms(86_400_001);
    let told = Phone {
        version: 1,
        ..newest
    };
    import(&shop, std::slice::from_ref(&told)).await;
    assert_eq!(
        line(&shop, "A0").await.key_version,
        255,
        "the file says what it said"
    );
}

#[tokio::test]
async fn a_file_of_before_changes_no_keys_and_one_that_names_other_keys_does() {
    let (shop, mut old) = shop().await;
    let first = pays(&shop, &mut old).await;
    rotated(&shop, "A0", None).await.unwrap();
    let mut new = rekeyed(&old);
    pays(&shop, &mut new).await;
    let unchanged = Outcome::Imported {
        added: 0,
        changed: 0,
    };
    assert_eq!(import(&shop, std::slice::from_ref(&old)).await, unchanged);
    pays(&shop, &mut new).await;
    // The file tells what the books know by now, and then what they do not.
    for version in [2, 3] {
        let told = Phone {
            version,
            ..new.clone()
        };
        import(&shop, std::slice::from_ref(&told)).await;
        assert_eq!(line(&shop, "A0").await.key_version, version);
    }
    let mut third = Phone {
        version: 3,
        counter: 0,
        ..new.clone()
    };
    pays(&shop, &mut third).await;
    import(&shop, std::slice::from_ref(&old)).await;
    // Back where it was told to be, it is as far as it came.
    assert_eq!(shop.arrive(first).await.1, ArrivalEnd::Repeated);
}

#[tokio::test]
async fn keys_that_were_sent_to_a_card_leave_and_return_with_it() {
    let (shop, mut old) = shop().await;
    pays(&shop, &mut old).await;
    rotated(&shop, "A0", None).await.unwrap();
    let mut swapped = Phone {
        card: 60,
        counter: 0,
        ..old.clone()
    };
    import(&shop, std::slice::from_ref(&swapped)).await;
    let after = line(&shop, "A0").await;
    assert_eq!((after.pending, after.older), (None, None));
    swapped.reference = 0;
    pays(&shop, &mut swapped).await;
    assert_eq!(
        repeated(&shop, i64::from(u32::MAX)).await,
        Outcome::AlreadyDone
    );
    import(&shop, std::slice::from_ref(&old)).await;
    assert_eq!(
        repeated(&shop, 0).await,
        Outcome::Done,
        "sent again at once"
    );
    let sent = opened(&old, &last(&shop)).data;
    assert_eq!(sent[..7], [0x01, 0xA1, 0x01, 0x02, 0xA2, 0x01, 0x02]);
    let mut new = rekeyed(&old);
    pays(&shop, &mut new).await;
}

#[tokio::test]
async fn a_file_that_names_the_keys_on_their_way_leaves_the_card_heard_under_those_it_has() {
    let (shop, mut old) = shop().await;
    pays(&shop, &mut old).await;
    rotated(&shop, "A0", None).await.unwrap();
    import(&shop, &[rekeyed(&old)]).await;
    let told = line(&shop, "A0").await;
    assert_eq!((told.key_version, told.file_key_version), (1, 2));
    pays(&shop, &mut old).await;
    let mut new = rekeyed(&old);
    new.reference = old.reference;
    pays(&shop, &mut new).await;
    old.reference = new.reference;
    pays(&shop, &mut old).await;
    assert_eq!(line(&shop, "A0").await.key_version, 2);
}

#[tokio::test]
async fn a_card_that_returns_is_heard_under_the_newest_keys_that_it_used() {
    let (shop, mut old) = shop().await;
    pays(&shop, &mut old).await;
    rotated(&shop, "A0", None).await.unwrap();
    let mut new = rekeyed(&old);
    let replay = pays(&shop, &mut new).await;
    // The file goes on to name version 1, also when the card comes back, to whichever account.
    let swapped = Phone {
        card: 60,
        ..old.clone()
    };
    import(&shop, &[swapped]).await;
    import(&shop, std::slice::from_ref(&old)).await;
    let float = shop.balance("float").await;
    assert_eq!(shop.arrive(replay).await.1, ArrivalEnd::Repeated);
    assert_eq!(shop.balance("float").await, float, "nothing is paid again");
    pays(&shop, &mut new).await;
    assert_eq!(line(&shop, "A0").await.key_version, 2);
    assert_eq!(opened(&new, &last(&shop)).data[0], 1, "the card reads it");
}

#[tokio::test]
async fn what_waited_under_the_old_keys_leaves_under_the_new() {
    let (shop, old) = shop().await;
    ordered(&shop, "A0", CardCommand::Lock).await.unwrap();
    let lock = last(&shop);
    let end = OutboxEnd::Parked {
        cause: "expired".into(),
    };
    let settled = vec![OutboxSettled { id: lock.id, end }];
    shop.submit(Member::OutboxSettled(settled)).await;
    rotated(&shop, "A0", None).await.unwrap();
    let mut new = rekeyed(&old);
    pays(&shop, &mut new).await;
    assert_eq!(
        shop.submit(Member::OutboxRetry(lock.id)).await,
        Outcome::Done
    );
    let packet = opened(&new, &last(&shop));
    assert_eq!((packet.data, packet.counter), (vec![1, 0xA1, 1, 6], 2));
    // And one under keys that the card had two versions ago opens under none.
    let end = OutboxEnd::Parked {
        cause: "expired".into(),
    };
    let settled = vec![OutboxSettled {
        id: last(&shop).id,
        end,
    }];
    let parked = last(&shop).id;
    shop.submit(Member::OutboxSettled(settled)).await;
    for _ in 0..2 {
        rotated(&shop, "A0", None).await.unwrap();
        new = rekeyed(&new);
        pays(&shop, &mut new).await;
    }
    let gone = shop.submit(Member::OutboxRetry(parked)).await;
    assert!(matches!(gone, Outcome::Refused(Denied::Conflict(_))));
}

#[tokio::test]
async fn cards_are_found_by_class_and_version_and_keys_on_their_way_are_listed() {
    let (shop, _) = shop().await;
    let wanted = |below| CardsWanted {
        class: Some("standard".into()),
        below,
        ..CardsWanted::default()
    };
    let found = async |wanted: CardsWanted| {
        let found = shop.store.cards(wanted, SubscriberId(0), 9).await.unwrap();
        let accounts = found.into_iter().map(|(_, account)| account);
        accounts.collect::<Vec<Arc<str>>>()
    };
    rotated(&shop, "A1", Some(2)).await.unwrap();
    assert_eq!(found(wanted(None)).await.len(), 3);
    assert_eq!(found(wanted(Some(1))).await.len(), 0);
    let left: Vec<Arc<str>> = ["A0", "A2"].map(Arc::from).into();
    assert_eq!(found(wanted(Some(2))).await, left);
    let iccid = CardsWanted {
        iccid: Some(Phone::new(2).iccid().expose_digits().into()),
        ..CardsWanted::default()
    };
    assert_eq!(found(iccid).await, [Arc::from("A2")]);
    let pending = shop.store.rekeys(SubscriberId(0), 9).await.unwrap();
    assert_eq!(pending.len(), 1);
    let keys = pending[0].pending.as_ref().unwrap();
    assert_eq!((keys.version, keys.times), (2, 1));
    assert_eq!(keys.since, shop.now());
    assert!(keys.due > Some(Millis(0)));
}
