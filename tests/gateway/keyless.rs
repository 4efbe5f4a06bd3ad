//! Keys of SIMs that are in a token: who needs them waits for them, and nobody else does.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use svgate::auth::sealed_keys::KeyPlace;
use svgate::auth::sim_keys::{Direction, SimKeys, derive};
use svgate::dialogue::secured_reply::OutcomeCode;
use svgate::gateway::books::{Books as _, StoreError};
use svgate::gateway::key_source::{Bringing, KeySource, Keyring, KeysAway};
use svgate::gateway::member::{ArrivalEnd, Content, Member, Outcome, TerminalAct, Word};
use tokio::sync::watch;

use crate::fixture::{Phone, Shop, end_of, master};
use crate::parts::parts;

/// What a token does with what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Gives,
    Gone,
    Hangs,
}

/// A ring that a token of any mood fills.
struct Ring {
    held: Mutex<HashSet<KeyPlace>>,
    mood: watch::Sender<Mood>,
    asked: watch::Sender<usize>,
}

impl Ring {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self {
            held: Mutex::default(),
            mood: watch::Sender::new(mood),
            asked: watch::Sender::new(0),
        })
    }

    /// Keys that came by the way, while the token hangs.
    fn hold(&self, phone: &Phone) {
        let place = |direction| KeyPlace {
            iccid: phone.iccid(),
            direction,
            version: 1,
        };
        let places = [Direction::Mo, Direction::Mt].map(place);
        self.held.lock().unwrap().extend(places);
    }

    async fn is_asked(&self) {
        let mut asked = self.asked.subscribe();
        asked.wait_for(|asked| *asked > 0).await.unwrap();
    }

    fn forget(&self) {
        self.held.lock().unwrap().clear();
    }
}

struct Held(Arc<Ring>);

impl Keyring for Held {
    fn at_hand(&self, place: &KeyPlace) -> Option<SimKeys> {
        let held = self.0.held.lock().unwrap().contains(place);
        held.then(|| derive(&master(), &place.iccid, place.version, place.direction))
    }

    fn bring(&self, places: Vec<KeyPlace>) -> Bringing {
        let ring = Arc::clone(&self.0);
        Box::pin(async move {
            ring.asked.send_modify(|asked| *asked += 1);
            let mut mood = ring.mood.subscribe();
            let mood = *mood.wait_for(|mood| *mood != Mood::Hangs).await.unwrap();
            if mood == Mood::Gone {
                return Err(KeysAway("it was taken away".to_owned()));
            }
            ring.held.lock().unwrap().extend(places);
            Ok(())
        })
    }
}

/// Books with `phones` whose keys are on `ring`.
async fn shop(ring: &Arc<Ring>, phones: u32) -> Shop {
    let keys = Arc::new(Held(Arc::clone(ring)));
    let source = KeySource::of_ring(Arc::clone(master().named()), keys);
    let shop = Shop::with_keys(source).await;
    shop.stocked(1, phones).await;
    shop
}

fn is_keyless(result: &Result<Outcome, StoreError>) -> bool {
    matches!(result, Err(StoreError::Keyless(why)) if why.contains("taken away"))
}

#[tokio::test]
async fn an_order_waits_for_its_keys_and_is_paid_and_confirmed_once_they_came() {
    let ring = Ring::new(Mood::Gives);
    let shop = shop(&ring, 1).await;
    let mut phone = Phone::new(0);
    for counter in 1..=3 {
        let outcome = shop.submit(Member::Arrival(phone.espresso(0))).await;
        assert_eq!(end_of(&outcome).1, ArrivalEnd::Paid);
        let (packet, reply) = phone.read(shop.messages().last().unwrap());
        assert_eq!(
            (packet.counter, reply.outcome),
            (counter, OutcomeCode::Paid)
        );
    }
    // Once for the orders, once for the confirmations: this ring does not bring both at once.
    assert_eq!(*ring.asked.borrow(), 2);
}

#[tokio::test]
async fn while_the_token_hangs_who_needs_none_of_its_keys_is_served() {
    let ring = Ring::new(Mood::Hangs);
    let shop = shop(&ring, 3).await;
    let mut cold = Phone::new(0);
    let (first, second) = (cold.espresso(0), cold.espresso(0));
    let waiting = async {
        tokio::join!(
            shop.store.submit(Member::Arrival(first)),
            shop.store.submit(Member::Arrival(second)),
        )
    };
    let others = async {
        ring.is_asked().await;
        let words = shop
            .submit(Member::Arrival(Phone::new(1).text("BUY 4711 12")))
            .await;
        assert_eq!(end_of(&words).1, ArrivalEnd::Paid);
        // Nobody's number: it waits for no token, and is told nothing.
        let stranger = shop
            .submit(Member::Arrival(Phone::new(99).espresso(0)))
            .await;
        assert!(
            matches!(end_of(&stranger).1, ArrivalEnd::Forged(_)),
            "{stranger:?}"
        );
        shop.alive(0).await;
        ring.mood.send_replace(Mood::Gives);
    };
    let ((first, second), ()) = tokio::join!(waiting, others);
    // In the order in which they came: else the first had a counter that is too low.
    assert_eq!(end_of(&first.unwrap()).1, ArrivalEnd::Paid);
    assert_eq!(end_of(&second.unwrap()).1, ArrivalEnd::Paid);
}

#[tokio::test]
async fn a_token_that_is_gone_refuses_nobody_for_good_and_moves_no_counter() {
    let ring = Ring::new(Mood::Gives);
    let shop = shop(&ring, 2).await;
    let (mut warm, mut cold) = (Phone::new(0), Phone::new(1));
    let outcome = shop.submit(Member::Arrival(warm.espresso(0))).await;
    assert_eq!(end_of(&outcome).1, ArrivalEnd::Paid);
    ring.mood.send_replace(Mood::Gone);
    let order = cold.espresso(0);
    let (away, at_hand) = tokio::join!(
        shop.store.submit(Member::Arrival(order.clone())),
        shop.store.submit(Member::Arrival(warm.espresso(0))),
    );
    assert!(is_keyless(&away), "{away:?}");
    assert_eq!(end_of(&at_hand.unwrap()).1, ArrivalEnd::Paid);
    let messages = shop.messages().len();
    // A bad checksum is not told from a good one before the keys are there.
    let mut forged = order.clone();
    let mut octets = order.received.to_vec();
    *octets.last_mut().unwrap() ^= 1;
    forged.content = Content::Secured(octets.into());
    assert!(is_keyless(
        &shop.store.submit(Member::Arrival(forged)).await
    ));
    assert_eq!(shop.messages().len(), messages);
    ring.mood.send_replace(Mood::Gives);
    let outcome = shop.submit(Member::Arrival(order)).await;
    assert_eq!(
        end_of(&outcome).1,
        ArrivalEnd::Paid,
        "nothing was stored of it before"
    );
}

fn jammed() -> Member {
    Member::TerminalAct(TerminalAct {
        terminal: crate::fixture::terminal(0),
        token_sha256: crate::fixture::TOKEN,
        ack: 1,
        purchase: None,
        word: Word::Failed,
        reason: None,
    })
}

#[tokio::test]
async fn a_refund_is_told_under_keys_that_are_brought_for_it_and_in_words_where_none_are_to_be_had()
{
    for mood in [Mood::Gives, Mood::Gone] {
        let ring = Ring::new(Mood::Gives);
        let shop = shop(&ring, 1).await;
        let mut phone = Phone::new(0);
        shop.submit(Member::Arrival(phone.espresso(0))).await;
        shop.act(0, 1, Word::Accept).await;
        ring.forget();
        ring.mood.send_replace(mood);
        let told = shop.store.submit(jammed()).await;
        assert!(matches!(told, Ok(Outcome::Ack(_))), "{told:?}");
        let messages = shop.messages();
        let notice = messages.last().unwrap();
        if mood == Mood::Gives {
            assert_eq!(phone.read(notice).1.outcome, OutcomeCode::Refunded);
        } else {
            // The order's confirmation was the one before: the money went back all the same.
            assert_eq!((messages.len(), notice.message.udhi), (2, false));
        }
    }
}

#[tokio::test]
async fn no_deadline_passes_while_a_report_waits_for_keys() {
    let ring = Ring::new(Mood::Gives);
    let shop = shop(&ring, 1).await;
    let mut phone = Phone::new(0);
    let paid = shop.submit(Member::Arrival(phone.espresso(0))).await;
    let purchase = end_of(&paid).0.unwrap();
    shop.act(0, 1, Word::Accept).await;
    ring.forget();
    ring.asked.send_replace(0);
    ring.mood.send_replace(Mood::Hangs);
    let passing = async {
        ring.is_asked().await;
        shop.pass_ms(3_600_000);
        let passed = shop.store.submit(Member::Deadline { purchase }).await;
        assert!(matches!(passed, Err(StoreError::Busy)), "{passed:?}");
        ring.mood.send_replace(Mood::Gone);
    };
    let (told, ()) = tokio::join!(shop.store.submit(jammed()), passing);
    assert!(matches!(told, Ok(Outcome::Ack(_))), "{told:?}");
    let passed = shop.submit(Member::Deadline { purchase }).await;
    assert_eq!(passed, Outcome::AlreadyDone, "it was refunded");
}

#[tokio::test]
async fn an_order_waits_for_keys_no_longer_than_it_has_and_is_not_decided_afterwards() {
    let ring = Ring::new(Mood::Hangs);
    let shop = shop(&ring, 1).await;
    let mut phone = Phone::new(0);
    let order = phone.espresso(0);
    let within = Duration::from_millis(20);
    let member = Member::Arrival(order.clone());
    let waiting = shop.store.submit_within(member, within);
    let late = tokio::time::timeout(Duration::from_secs(5), waiting).await;
    let late = late.expect("it is told in its time");
    assert!(matches!(late, Err(StoreError::Keyless(_))), "{late:?}");
    ring.mood.send_replace(Mood::Gives);
    // Behind it in the bringer's row: when this is decided, the first came back too.
    let second = shop.submit(Member::Arrival(phone.espresso(0))).await;
    assert_eq!(end_of(&second).1, ArrivalEnd::Paid);
    let paid = shop.messages().len();
    assert_eq!(paid, 1, "only the second");
}

#[tokio::test]
async fn a_later_order_of_a_sender_does_not_overtake_the_one_that_waits() {
    let ring = Ring::new(Mood::Hangs);
    let shop = shop(&ring, 2).await;
    let mut phone = Phone::new(0);
    let (first, second) = (phone.espresso(0), phone.espresso(0));
    let later = async {
        ring.is_asked().await;
        ring.hold(&phone);
        let letting = async {
            // Whoever has keys and waits behind nobody is decided meanwhile.
            let other = Phone::new(1).text("BUY 4711 12");
            shop.submit(Member::Arrival(other)).await;
            shop.alive(0).await;
            ring.mood.send_replace(Mood::Gives);
        };
        tokio::join!(shop.store.submit(Member::Arrival(second)), letting).0
    };
    let (first, second) = tokio::join!(shop.store.submit(Member::Arrival(first)), later);
    assert_eq!(end_of(&first.unwrap()).1, ArrivalEnd::Paid);
    assert_eq!(end_of(&second.unwrap()).1, ArrivalEnd::Paid);
}

#[tokio::test]
async fn a_packet_with_a_wrong_header_costs_no_call_of_the_token() {
    let ring = Ring::new(Mood::Gone);
    let shop = shop(&ring, 1).await;
    let mut forged = Phone::new(0).espresso(0);
    let mut octets = forged.received.to_vec();
    // The TAR's first octet: CPL 2, CHL 1, SPI 2, KIc 1, KID 1.
    octets[7] ^= 1;
    forged.content = Content::Secured(octets.into());
    let outcome = shop.submit(Member::Arrival(forged)).await;
    assert!(
        matches!(end_of(&outcome).1, ArrivalEnd::Forged(_)),
        "{outcome:?}"
    );
    assert_eq!(*ring.asked.borrow(), 0);
}

#[tokio::test]
async fn an_order_in_parts_is_whole_when_its_keys_came() {
    let ring = Ring::new(Mood::Gone);
    let shop = shop(&ring, 1).await;
    let mut phone = Phone::new(0);
    let parts = parts(&phone.espresso(0), 7, 40);
    assert_eq!(parts.len(), 2);
    let first = shop.submit(Member::Arrival(parts[0].clone())).await;
    assert_eq!(end_of(&first).1, ArrivalEnd::Waiting);
    let last = shop.store.submit(Member::Arrival(parts[1].clone())).await;
    assert!(is_keyless(&last), "{last:?}");
    ring.mood.send_replace(Mood::Gives);
    let last = shop.submit(Member::Arrival(parts[1].clone())).await;
    assert_eq!(end_of(&last).1, ArrivalEnd::Paid);
}
