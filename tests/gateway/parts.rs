//! Messages in parts: any order, twice, and over an end of the process.

use bytes::Bytes;
use svgate::gateway::member::{Arrival, ArrivalEnd, Content, Member, Outcome};
use svgate::gateway::views::Views;
use svgate::sms::Message;
use svgate::sms::coding::Alphabet;
use svgate::sms::concatenation::Concatenation;
use svgate::sms::reassembly::{Part, PartKey};
use svgate::sms::user_data::{Element, Header};

use crate::fixture::{Phone, Shop};

/// Cuts a message into parts of `length` octets.
fn parts(whole: &Arrival, reference: u16, length: usize) -> Vec<Arrival> {
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
            let key = PartKey::new(whole.sender.unwrap(), "7788".to_owned(), concatenation);
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
    assert_eq!(shop.submit(Member::SweepParts).await, Outcome::Done);
    shop.pass_ms(1);
    shop.submit(Member::SweepParts).await;
    shop.alive(0).await;
    let rest = shop.arrive(parts[1].clone()).await;
    assert_eq!(rest.1, ArrivalEnd::Waiting, "the first part is gone");
    assert_eq!(shop.arrive(parts[0].clone()).await.1, ArrivalEnd::Paid);
}
