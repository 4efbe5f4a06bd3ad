//! Messages in parts: any order, twice, and over an end of the process.

use bytes::Bytes;
use svgate::domain::refusal::Refusal;
use svgate::gateway::books::Books;
use svgate::gateway::member::{Arrival, ArrivalEnd, Content, Member, Outcome};
use svgate::gateway::views::Views;
use svgate::sms::Message;
use svgate::sms::coding::Alphabet;
use svgate::sms::concatenation::Concatenation;
use svgate::sms::reassembly::{Part, PartKey, SETS_PER_SENDER_MAX};
use svgate::sms::user_data::{Element, Header};

use crate::fixture::{Phone, Shop};

/// Cuts a message into parts of `length` octets.
pub(crate) fn parts(whole: &Arrival, reference: u16, length: usize) -> Vec<Arrival> {
    let secured = matches!(whole.content, Content::Secured(_));
    let total = u8::try_from(whole.received.len().div_ceil(length)).unwrap();
    (1..=total)
        .zip(whole.received.chunks(length))
        .map(|(number, body)| {
            let concatenation = Concatenation::new(reference, total, number, false).unwrap();
            let mut elements = vec![concatenation.to_element()];
            if secured && number == 1 {
                elements.push(Element {
                    id: 0x70,
                    data: Vec::new(),
                });
            }
            let message = Message {
                header: Header::new(elements).unwrap(),
                alphabet: if secured {
                    Alphabet::EightBit
                } else {
                    Alphabet::Ascii
                },
                body: body.to_vec(),
            };
            let sender = whole.sender.unwrap();
            let key = PartKey::new(sender, whole.trusted, "7788".to_owned(), concatenation);
            let part = Part::new(message, concatenation);
            Arrival {
                content: Content::Part { key, part },
                received: Bytes::copy_from_slice(body),
                ..whole.clone()
            }
        })
        .collect()
}

#[tokio::test]
async fn parts_in_any_order_and_twice_are_one_order() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let phone = Phone::new(0);
    let parts = parts(&phone.text("BUY 4711 12"), 7, 4);
    for at in [2, 2, 0, 0] {
        assert_eq!(
            shop.arrive(parts[at].clone()).await,
            (None, ArrivalEnd::Waiting)
        );
    }
    let (purchase, end) = shop.arrive(parts[1].clone()).await;
    assert_eq!(end, ArrivalEnd::Paid);
    assert!(purchase.is_some());
    for part in &parts {
        assert_eq!(
            shop.arrive(part.clone()).await,
            (None, ArrivalEnd::Waiting),
            "late copies"
        );
    }
    assert_eq!(shop.balance("pos_held").await, 200);
}

#[tokio::test]
async fn a_packet_in_parts_is_proven_whole() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let mut phone = Phone::new(0);
    let packet = phone.espresso(0);
    let parts = parts(&packet, 9, 30);
    assert_eq!(shop.arrive(parts[1].clone()).await.1, ArrivalEnd::Waiting);
    let (purchase, end) = shop.arrive(parts[0].clone()).await;
    assert_eq!(end, ArrivalEnd::Paid);
    let record = shop.store.purchase(purchase.unwrap()).await.unwrap();
    let whole = [&[0x02, 0x70, 0x00], packet.received.as_ref()].concat();
    assert_eq!(
        record.unwrap().evidence.received,
        whole,
        "the evidence is the whole packet, which can be proven again"
    );
}

#[tokio::test]
async fn a_part_that_contradicts_an_earlier_one_does_not_push_it_out() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let phone = Phone::new(0);
    let good = parts(&phone.text("BUY 4711 12"), 7, 6);
    let bad = parts(&phone.text("PAY 4711 99"), 7, 6);
    shop.arrive(good[0].clone()).await;
    assert_eq!(shop.arrive(bad[0].clone()).await.1, ArrivalEnd::Ignored);
    assert_eq!(shop.arrive(good[1].clone()).await.1, ArrivalEnd::Paid);
}

#[tokio::test]
async fn parts_that_were_answered_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = Some(folder.path().join("books.db"));
    let phone = Phone::new(0);
    let parts = parts(&phone.text("BUY 4711 12"), 7, 4);
    let first = Shop::open(path.clone()).await;
    first.stocked(1, 1).await;
    first.arrive(parts[0].clone()).await;
    first.arrive(parts[2].clone()).await;
    drop(first);
    let second = Shop::open(path.clone()).await;
    assert_eq!(second.arrive(parts[1].clone()).await.1, ArrivalEnd::Paid);
    drop(second);
    let third = Shop::open(path).await;
    assert_eq!(
        third.arrive(parts[1].clone()).await.1,
        ArrivalEnd::Waiting,
        "a tombstone"
    );
    assert_eq!(third.balance("pos_held").await, 200);
}

#[tokio::test]
async fn parts_wait_for_their_time_and_are_swept_after_it() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let phone = Phone::new(0);
    let parts = parts(&phone.text("BUY 4711 12"), 7, 6);
    shop.arrive(parts[0].clone()).await;
    shop.pass_ms(299_999);
    assert_eq!(sweep(&shop).await, Outcome::AlreadyDone);
    shop.pass_ms(1);
    assert_eq!(sweep(&shop).await, Outcome::Done);
    shop.alive(0).await;
    let rest = shop.arrive(parts[1].clone()).await;
    assert_eq!(rest.1, ArrivalEnd::Waiting, "the first part is gone");
    assert_eq!(shop.arrive(parts[0].clone()).await.1, ArrivalEnd::Paid);
}

/// Sweeps by the shop's clock.
async fn sweep(shop: &Shop) -> Outcome {
    let over_by = shop.now();
    shop.submit(Member::SweepParts { over_by }).await
}

/// The first of two parts, under `reference`.
fn first_part(phone: &Phone, reference: u16, trusted: bool) -> Arrival {
    let mut whole = phone.text("BUY 4711 12");
    whole.trusted = trusted;
    parts(&whole, reference, 6).remove(0)
}

#[tokio::test]
async fn parts_that_anybody_could_have_written_are_never_joined_with_trusted_ones() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    let phone = Phone::new(0);
    let good = parts(&phone.text("BUY 4711 12"), 7, 6);
    let mut forged = phone.text("PAY 4711 99");
    forged.trusted = false;
    let forged = parts(&forged, 7, 6);
    assert_eq!(shop.arrive(forged[0].clone()).await.1, ArrivalEnd::Waiting);
    assert_eq!(shop.arrive(good[0].clone()).await.1, ArrivalEnd::Waiting);
    assert_eq!(shop.arrive(good[1].clone()).await.1, ArrivalEnd::Paid);
}

#[tokio::test]
async fn a_sender_has_so_many_messages_in_parts_at_a_time_and_no_more() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 2).await;
    let (flooded, other) = (Phone::new(0), Phone::new(1));
    let most = u16::try_from(SETS_PER_SENDER_MAX).unwrap();
    for reference in 0..most {
        let part = first_part(&flooded, reference, false);
        assert_eq!(shop.arrive(part).await.1, ArrivalEnd::Waiting);
    }
    let one_more = shop.arrive(first_part(&flooded, most, false)).await;
    let refused = ArrivalEnd::Refused(Refusal::TooMany);
    assert_eq!(one_more, (None, refused));
    let copy = first_part(&flooded, 0, false);
    assert_eq!(
        shop.arrive(copy).await.1,
        ArrivalEnd::Waiting,
        "it is known"
    );
    let order = parts(&flooded.text("BUY 4711 12"), most, 6);
    assert_eq!(shop.arrive(order[0].clone()).await.1, ArrivalEnd::Waiting);
    assert_eq!(
        shop.arrive(order[1].clone()).await.1,
        ArrivalEnd::Paid,
        "a flood in a subscriber's name leaves the trusted bind alone"
    );
    let part = first_part(&other, most, false);
    assert_eq!(shop.arrive(part).await.1, ArrivalEnd::Waiting);
    shop.pass_ms(300_000);
    let part = first_part(&flooded, most, false);
    assert_eq!(shop.arrive(part).await.1, ArrivalEnd::Waiting, "time helps");
}

#[tokio::test]
async fn a_sweep_finds_what_is_over_behind_any_number_of_sets_that_are_not() {
    let shop = Shop::open(None).await;
    shop.stocked(1, 1).await;
    // The old one comes last by key: 5,000 sets in order of their key would hide it.
    let old = first_part(&Phone::new(9_999), 1, true);
    shop.arrive(old).await;
    shop.pass_ms(200_000);
    let young: Vec<_> = (0..5_100)
        .map(|n| Member::Arrival(first_part(&Phone::new(n), 1, true)))
        .map(|member| {
            let store = shop.store.clone();
            async move { store.submit(member).await }
        })
        .collect();
    for submitted in futures(young).await {
        submitted.unwrap();
    }
    shop.pass_ms(100_000);
    assert_eq!(sweep(&shop).await, Outcome::Done);
    assert_eq!(sweep(&shop).await, Outcome::AlreadyDone);
}

/// Awaits all at once.
async fn futures<F: Future + Send + 'static>(all: Vec<F>) -> Vec<F::Output>
where
    F::Output: Send,
{
    let all: tokio::task::JoinSet<_> = all.into_iter().collect();
    all.join_all().await
}
