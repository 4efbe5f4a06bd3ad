//! Several binds to one SMSC.

use std::sync::atomic::Ordering;

use svgate::config::Config;
use svgate::config::smsc::{BindWord, RegisteredDelivery};
use svgate::domain::ids::OutboxId;
use svgate::gateway::books::Books as _;
use svgate::gateway::views::Views as _;
use svgate::smpp::pdu::CommandStatus;

use super::rig::{Rig, message_of, within};
use crate::fixture::Phone;

/// Binds of these kinds to the one SMSC `smsc-1`.
fn binds(config: &mut Config, kinds: &[BindWord]) {
    let one = config.smsc.remove(0);
    for (number, kind) in (1..).zip(kinds) {
        let mut bind = one.clone();
        bind.name = format!("bind-{number}").into();
        bind.smsc = Some("smsc-1".into());
        bind.bind = *kind;
        config.smsc.push(bind);
    }
}

#[tokio::test]
async fn what_comes_by_a_receiver_is_answered_by_the_transmitter_of_its_smsc() {
    let mut rig = Rig::start(2, |config| {
        binds(config, &[BindWord::Rx, BindWord::Tx]);
        for bind in &mut config.smsc {
            bind.registered_delivery = RegisteredDelivery::All;
        }
    })
    .await;
    rig.machine_is_alive().await;
    for number in 0..2 {
        let phone = Phone::new(number);
        let delivered = rig.deliver(&phone.clone().espresso(0)).await;
        assert_eq!(delivered.status, Some(CommandStatus::ESME_ROK));
        phone.read(&message_of(&rig.next_message().await));
    }
    // Their receipts came by the receiver.
    let shop = rig.books().await;
    let receipted = async {
        loop {
            let sent = shop.store.sent(OutboxId(0), 9).await.unwrap();
            if sent.len() == 2 && sent.iter().all(|sent| sent.row.state.is_some()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    within(receipted).await;
    drop(shop);
    let shop = rig.stop().await;
    assert_eq!(shop.parked_causes().await, [""; 0]);
    assert_eq!(shop.store.outbox_after(OutboxId(0), 9).await.unwrap(), []);
}

#[tokio::test]
async fn with_several_transceivers_every_order_is_answered_though_all_are_cut() {
    const PHONES: u32 = 40;
    let mut rig = Rig::start(PHONES, |config| binds(config, &[BindWord::Trx; 3])).await;
    rig.machine_is_alive().await;
    let orders = |from: u32, to: u32| (from..to).map(|n| Phone::new(n).espresso(0));
    let first: Vec<_> = orders(0, PHONES / 2)
        .map(|order| rig.enqueue(&order))
        .collect();
    for delivered in first {
        within(delivered).await.unwrap();
    }
    // All are cut, and for a while the centre takes none back.
    rig.smsc
        .faults()
        .refuse_binds
        .store(0x0D, Ordering::Relaxed);
    rig.smsc.disconnect_all();
    within(rig.smsc.until_bound(0)).await;
    rig.smsc.faults().refuse_binds.store(0, Ordering::Relaxed);
    for order in orders(PHONES / 2, PHONES) {
        within(rig.enqueue(&order)).await.unwrap();
    }
    for _ in 0..PHONES {
        rig.next_message().await;
    }
    let shop = rig.stop().await;
    assert_eq!(shop.paid().await, i64::from(PHONES));
    assert_eq!(shop.store.outbox_after(OutboxId(0), 9).await.unwrap(), []);
}
