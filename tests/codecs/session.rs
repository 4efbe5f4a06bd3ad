//! A link and a message centre over loopback: what only shows with sockets, TLS and real time.

#[path = "session/rig.rs"]
mod rig;

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use rig::{Rig, echo, message, options, tls, until};
use svgate::simulator::smsc::{Delivered, MessageIds, SmscConfig};
use svgate::smpp::link::{Delivery, SubmitError};
use svgate::smpp::pdu::{BindMode, CommandStatus, MAX_PDU_OCTETS};
use svgate::smpp::session::InterfaceVersion;

const OK: Option<CommandStatus> = Some(CommandStatus::ESME_ROK);

#[tokio::test]
async fn orders_come_up_answers_go_down_and_receipts_follow() {
    let smsc = SmscConfig {
        message_ids: MessageIds::HexThenDecimal,
        ..options()
    };
    let mut rig = Rig::start(smsc, |_| {}).await;
    let order = rig.smsc.enqueue(message("BUY 4711 12")).unwrap();
    let Delivery {
        bind,
        message: order_sm,
        responder,
    } = rig.delivery().await;
    assert_eq!(&*bind, "test");
    assert_eq!(order_sm.payload().0, Bytes::from_static(b"BUY 4711 12"));
    responder.answer(CommandStatus::ESME_ROK);
    let delivered = order.await.unwrap();
    assert_eq!((delivered.status, delivered.tries), (OK, 1));

    let mut reply = message("Bought.");
    reply.registered_delivery = 1;
    let id = rig.submit(reply).await.unwrap();
    assert_eq!(id.as_text(), Some("00000001"));
    assert_eq!(rig.submitted.recv().await.unwrap().message_id, id);
    let receipt = rig.delivery().await;
    assert_eq!(receipt.message.esm_class, 4);
    assert_eq!(
        receipt.message.tlvs.receipted_message_id().unwrap(),
        "0000000001"
    );
    receipt.responder.answer(CommandStatus::ESME_ROK);
    rig.stop().await;
}

#[tokio::test]
async fn every_way_of_binding_works_though_the_smsc_answers_with_the_wrong_one() {
    for mode in [
        BindMode::Receiver,
        BindMode::Transmitter,
        BindMode::Transceiver,
    ] {
        let mut rig = Rig::prepare(options()).await;
        rig.smsc.faults().wrong_bind_resp.store(true, Relaxed);
        rig.link(|bind| bind.bind = mode);
        rig.until_bound(1).await;
        if mode != BindMode::Receiver {
            rig.submit(message("menu")).await.unwrap();
        }
        if mode != BindMode::Transmitter {
            let delivered = rig.smsc.enqueue(message("BAL")).unwrap();
            rig.delivery()
                .await
                .responder
                .answer(CommandStatus::ESME_RX_P_APPN);
            assert_eq!(
                delivered.await.unwrap().status,
                Some(CommandStatus::ESME_RX_P_APPN)
            );
        }
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_bind_of_5_0_that_nobody_answers_is_made_again_with_3_4() {
    let mut rig = Rig::prepare(options()).await;
    rig.smsc.faults().ignore_version_5.store(true, Relaxed);
    rig.link(|bind| {
        bind.interface_version = InterfaceVersion::V5_0;
        bind.request_timeout_ms = 100;
    });
    rig.until_bound(1).await;
    assert_eq!(rig.stats.failures.load(Relaxed), 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_dropped_delivery_comes_again_until_somebody_answers_it() {
    let mut rig = Rig::start(options(), |_| {}).await;
    let delivered = rig.smsc.enqueue(message("BUY 4711 12")).unwrap();
    for _ in 0..3 {
        drop(rig.delivery().await);
    }
    rig.delivery()
        .await
        .responder
        .answer(CommandStatus::ESME_ROK);
    let Delivered { status, tries, .. } = delivered.await.unwrap();
    assert_eq!((status, tries), (OK, 4));
    rig.stop().await;
}

#[tokio::test]
async fn connections_cut_in_the_middle_of_a_window_lose_no_order() {
    let mut rig = Rig::start(options(), |_| {}).await;
    let mut waiting = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for k in 0..600 {
        waiting.push(rig.smsc.enqueue(message(&format!("BUY 4711 {k}"))).unwrap());
    }
    let mut count = 0;
    while seen.len() < 600 {
        let Delivery {
            message, responder, ..
        } = rig.delivery().await;
        count += 1;
        if [50, 200, 450].contains(&count) {
            rig.smsc.disconnect_all();
        }
        seen.insert(message.payload().0);
        // Answers to a connection that is gone go nowhere, and must not reach its successor.
        responder.answer(CommandStatus::ESME_ROK);
    }
    let mut rest = echo(rig.take_deliveries());
    for delivered in waiting {
        tokio::select! {
            delivered = delivered => assert_eq!(delivered.unwrap().status, OK),
            _ = rest.join_next() => panic!("the link has gone"),
        }
    }
    assert_eq!(rig.smsc.counts().binds.load(Relaxed), 4);
    assert!(count >= 600);
    rig.stop().await;
}

#[tokio::test]
async fn a_message_under_way_when_the_connection_is_cut_is_unknown_and_never_sent_twice() {
    let mut rig = Rig::start(options(), |_| {}).await;
    rig.smsc.faults().swallow_next.store(1, Relaxed);
    let outcome = rig.offer(message("Bought.")).await;
    until(|| rig.smsc.faults().swallow_next.load(Relaxed) == 0).await;
    rig.smsc.disconnect_all();
    assert_eq!(outcome.await.unwrap(), Err(SubmitError::Unknown));
    rig.until_bound(1).await;
    rig.submit_when_bound(message("next")).await;
    assert_eq!(
        rig.submitted.recv().await.unwrap().message.payload().0,
        "next"
    );
    rig.stop().await;
}

#[tokio::test]
async fn a_storm_of_malformed_doubled_and_reordered_pdus_leaves_the_bind_alive() {
    let mut rig = Rig::start(options(), |_| {}).await;
    let faults = rig.smsc.faults();
    faults.malformed_per_mille.store(700, Relaxed);
    faults.duplicate_per_mille.store(200, Relaxed);
    faults.reorder_per_mille.store(200, Relaxed);
    let _answering = echo(rig.take_deliveries());
    let waiting: Vec<_> = (0..2_000)
        .map(|k| rig.smsc.enqueue(message(&format!("PAY {k}"))).unwrap())
        .collect();
    for delivered in waiting {
        assert_eq!(delivered.await.unwrap().status, OK);
    }
    assert_eq!(rig.smsc.counts().binds.load(Relaxed), 1, "never dropped");
    assert!(rig.stats.malformed.load(Relaxed) > 500);
    assert_eq!(rig.stats.failures.load(Relaxed), 0);
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_out_of_step_is_given_up_and_bound_anew() {
    let rig = Rig::start(options(), |_| {}).await;
    let length = (MAX_PDU_OCTETS + 1).to_be_bytes();
    rig.smsc.inject(Bytes::copy_from_slice(&length));
    rig.until_bound(0).await;
    rig.until_bound(1).await;
    rig.submit_when_bound(message("back")).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_throttling_smsc_slows_the_link_and_every_message_still_arrives() {
    let smsc = SmscConfig {
        submits_per_s: 60,
        ..options()
    };
    let rig = Rig::start(smsc, |_| {}).await;
    let mut waiting = Vec::new();
    for k in 0..120 {
        waiting.push(rig.offer(message(&k.to_string())).await);
    }
    for outcome in waiting {
        outcome.await.unwrap().unwrap();
    }
    let throttled = rig.stats.throttled.load(Relaxed);
    assert!((1..=200).contains(&throttled), "{throttled}");
    rig.stop().await;
}

#[tokio::test]
async fn a_silent_smsc_is_found_out_by_enquire_link() {
    let mut rig = Rig::prepare(options()).await;
    rig.smsc.faults().ignore_enquiries.store(true, Relaxed);
    rig.link(|bind| {
        bind.enquire_link_s = 0;
        bind.request_timeout_ms = 100;
    });
    rig.until_bound(1).await;
    rig.until_bound(0).await;
    rig.smsc.faults().ignore_enquiries.store(false, Relaxed);
    rig.until_bound(1).await;
    rig.stop().await;
}

#[tokio::test]
async fn an_smsc_that_unbinds_is_bound_to_again() {
    let rig = Rig::start(options(), |_| {}).await;
    rig.smsc.unbind_all();
    rig.until_bound(0).await;
    rig.until_bound(1).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_stop_answers_what_was_taken_refuses_what_comes_and_unbinds() {
    let mut rig = Rig::start(options(), |_| {}).await;
    let taken = rig.smsc.enqueue(message("BUY 4711 12")).unwrap();
    let delivery = rig.delivery().await;
    rig.ask_to_stop();
    // The stop has begun once a new delivery is told to come again.
    let late = rig.smsc.enqueue(message("BUY 4711 13")).unwrap();
    until(|| rig.stats.deliveries_refused.load(Relaxed) > 0).await;
    delivery.responder.answer(CommandStatus::ESME_ROK);
    assert_eq!(taken.await.unwrap().status, OK);
    rig.until_bound(0).await;
    assert_eq!(rig.smsc.counts().unbinds.load(Relaxed), 1);
    assert!(rig.smsc.queued() > 0, "it waits for the next bind");
    drop(late);
    rig.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_messages_go_back_to_their_outbox() {
    let mut rig = Rig::prepare(options()).await;
    rig.link(|bind| bind.password = "wrong".to_owned().into());
    until(|| rig.smsc.counts().binds_refused.load(Relaxed) > 0).await;
    assert_eq!(
        rig.submit(message("Bought.")).await,
        Err(SubmitError::NotBound)
    );
    rig.stop().await;
}

#[tokio::test]
async fn tls_carries_the_bind_and_each_side_proves_itself() {
    let files = tls::Files::new();
    let smsc = SmscConfig {
        tls: Some(files.server()),
        ..options()
    };
    let mut rig = Rig::start(smsc, |bind| bind.tls = Some(files.client(true))).await;
    let delivered = rig.smsc.enqueue(message("BUY 4711 12")).unwrap();
    rig.delivery()
        .await
        .responder
        .answer(CommandStatus::ESME_ROK);
    assert_eq!(delivered.await.unwrap().status, OK);
    rig.submit(message("Bought.")).await.unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn a_certificate_of_another_ca_or_none_of_ours_makes_no_bind() {
    let (files, others) = (tls::Files::new(), tls::Files::new());
    let mut stranger = files.client(true);
    stranger.ca_file = others.client(true).ca_file;
    let mut wrong_name = files.client(true);
    wrong_name.domain = "another.example".to_owned();
    let mut forged = files.client(true);
    forged.client = others.client(true).client;
    for config in [stranger, wrong_name, forged, files.client(false)] {
        let smsc = SmscConfig {
            tls: Some(files.server()),
            ..options()
        };
        let mut rig = Rig::prepare(smsc).await;
        let case = config.clone();
        rig.link(|bind| bind.tls = Some(config));
        until(|| rig.stats.failures.load(Relaxed) >= 2).await;
        assert_eq!(rig.smsc.counts().binds.load(Relaxed), 0, "{case:?}");
        rig.stop().await;
    }
}
