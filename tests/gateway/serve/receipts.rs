//! Delivery receipts, as message centres of several habits send them.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use svgate::config::Config;
use svgate::config::smsc::RegisteredDelivery;
use svgate::domain::ids::OutboxId;
use svgate::gateway::books::Books as _;
use svgate::gateway::dispatch::message_reference;
use svgate::gateway::views::{Sent, Views as _};
use svgate::simulator::smsc::MessageIds;
use svgate::smpp::pdu::{Address, ShortMessage, Tag, Tlvs};

use super::rig::{Rig, within};
use crate::fixture::{Phone, Shop};

fn all_receipts(config: &mut Config) {
    for smsc in &mut config.smsc {
        smsc.registered_delivery = RegisteredDelivery::All;
    }
}

/// Sent messages, once so many have a receipt.
async fn receipted(shop: &Shop, count: usize) -> Vec<Sent> {
    let looking = async {
        loop {
            let sent = shop.store.sent(OutboxId(0), 100).await.unwrap();
            if sent.iter().filter(|sent| sent.row.state.is_some()).count() == count {
                return sent;
            }
            tokio::task::yield_now().await;
        }
    };
    within(looking).await
}

#[tokio::test]
async fn receipts_are_matched_whatever_a_centre_calls_its_messages() {
    for ids in [
        MessageIds::Decimal,
        MessageIds::HexThenDecimal,
        MessageIds::Alike,
    ] {
        let mut rig = Rig::by_centre(ids, 3, all_receipts).await;
        rig.serve().await;
        rig.machine_is_alive().await;
        for number in 0..3 {
            rig.deliver(&Phone::new(number).espresso(0)).await;
            rig.deliver(&Phone::new(number).text("HELP")).await;
        }
        let shop = rig.books().await;
        let sent = receipted(&shop, 6).await;
        assert_eq!(sent.len(), 6, "{ids:?}");
        let metrics = rig.metrics().await;
        let counted = r#"svgate_receipts_total{state="delivered"} 6"#;
        assert!(metrics.contains(counted), "{metrics}");
        drop(shop);
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_receipt_before_the_commit_of_its_message_waits_for_it() {
    let mut rig = Rig::start(1, all_receipts).await;
    rig.machine_is_alive().await;
    // The centre has the message, and its answer is lost: the message leaves again after a second.
    rig.smsc.faults().swallow_next.store(1, Ordering::Relaxed);
    let phone = Phone::new(0);
    rig.deliver(&phone.text("HELP")).await;
    let shop = rig.books().await;
    let row = shop.store.outbox_after(OutboxId(0), 1).await.unwrap();
    let reference = message_reference(row[0].id).to_be_bytes();
    let early = ShortMessage {
        source: Address::international(phone.msisdn().expose_digits()),
        esm_class: 0x04,
        short_message: Bytes::from_static(b"id:0000009999 stat:EXPIRED").into(),
        tlvs: Tlvs::new().with(
            Tag::USER_MESSAGE_REFERENCE,
            Bytes::copy_from_slice(&reference),
        ),
        ..ShortMessage::default()
    };
    let answered = rig.smsc.enqueue(early).unwrap();
    assert_eq!(within(answered).await.unwrap().tries, 1);
    rig.next_message().await;
    let metrics = rig.metrics().await;
    assert!(
        metrics.contains(r#"svgate_receipts_total{state="expired"} 1"#),
        "{metrics}"
    );
    drop(shop);
    rig.stop().await;
}
