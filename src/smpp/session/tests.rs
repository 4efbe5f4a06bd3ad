//! Every lost answer and late second of a session, with the clock moved by hand.

mod sending;

use bytes::{BufMut as _, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::smpp::pdu::{
    AlertNotification, BindMode, BindResp, COctetString, DataSm, MessageResp, ShortMessage, Tlvs,
    decode, split_frame,
};

const NOW: Millis = Millis(1_000_000);
const OK: CommandStatus = CommandStatus::ESME_ROK;

fn terms() -> Terms {
    Terms {
        system_id: "svgate".to_owned(),
        password: Password::from("secret".to_owned()),
        system_type: String::new(),
        mode: BindMode::Transceiver,
        interface_version: InterfaceVersion::V3_4,
        window_pdus: 4,
        rate_per_s: 1_000,
        unanswered_deliveries: 3,
        enquire_link_ms: 30_000,
        request_timeout_ms: 5_000,
    }
}

fn written(session: &mut Session) -> Vec<Pdu> {
    let mut octets = BytesMut::from(session.poll_transmit().unwrap_or_default());
    let mut pdus = Vec::new();
    while let Some(frame) = split_frame(&mut octets).unwrap() {
        pdus.push(decode(&frame).unwrap());
    }
    assert!(octets.is_empty());
    pdus
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.poll_event()).collect()
}

fn give(session: &mut Session, sequence: u32, status: CommandStatus, body: Body, now: Millis) {
    let mut octets = BytesMut::new();
    encode(
        &Pdu {
            status,
            sequence,
            body,
        },
        &mut octets,
    )
    .unwrap();
    session.receive(&mut octets, now);
    assert!(octets.is_empty() || session.phase == Phase::Closed);
}

fn bind_resp(mode: BindMode) -> Body {
    Body::BindResp(BindResp {
        mode,
        system_id: "smsc".into(),
        tlvs: Tlvs::new(),
    })
}

fn submit_resp(id: &'static str) -> Body {
    Body::SubmitSmResp(MessageResp {
        message_id: id.into(),
        tlvs: Tlvs::new(),
    })
}

fn submit() -> Body {
    Body::SubmitSm(ShortMessage::default())
}

fn deliver() -> Body {
    Body::DeliverSm(ShortMessage::default())
}

fn bound() -> Session {
    let mut session = Session::new(terms(), NOW).unwrap();
    let bind = written(&mut session);
    give(
        &mut session,
        bind[0].sequence,
        OK,
        bind_resp(BindMode::Transceiver),
        NOW,
    );
    assert!(matches!(events(&mut session)[..], [Event::Bound { .. }]));
    session
}

fn tokens(session: &mut Session) -> Vec<Token> {
    let token = |event| match event {
        Event::Delivery { token, .. } => Some(token),
        Event::Bound { .. } | Event::Answered { .. } | Event::Closed(_) => None,
    };
    events(session).into_iter().filter_map(token).collect()
}

fn closed(session: &mut Session) -> Option<Closed> {
    events(session).into_iter().find_map(|event| match event {
        Event::Closed(closed) => Some(closed),
        Event::Bound { .. } | Event::Delivery { .. } | Event::Answered { .. } => None,
    })
}

fn outcomes(session: &mut Session) -> Vec<(u64, Outcome)> {
    let outcome = |event| match event {
        Event::Answered { ticket, outcome } => Some((ticket.0, outcome)),
        Event::Bound { .. } | Event::Delivery { .. } | Event::Closed(_) => None,
    };
    events(session).into_iter().filter_map(outcome).collect()
}

fn accepted(id: &'static str) -> Outcome {
    Outcome::Accepted {
        message_id: id.into(),
    }
}

#[test]
fn the_bind_offers_its_version_and_any_bind_response_with_its_number_binds() {
    for (version, octet) in [
        (InterfaceVersion::V3_4, 0x34),
        (InterfaceVersion::V5_0, 0x50),
    ] {
        let terms = Terms {
            mode: BindMode::Receiver,
            interface_version: version,
            ..terms()
        };
        let mut session = Session::new(terms, NOW).unwrap();
        let [
            Pdu {
                sequence: 1,
                body: Body::Bind(bind),
                ..
            },
        ] = &written(&mut session)[..]
        else {
            panic!("no bind first");
        };
        assert_eq!(
            (bind.mode, bind.interface_version),
            (BindMode::Receiver, octet)
        );
        assert!(session.send(submit(), NOW) == Err(NotSent::NotBound));
        give(&mut session, 1, OK, bind_resp(BindMode::Transmitter), NOW);
        assert!(session.is_bound());
    }
}

#[test]
fn a_bind_refused_or_unanswered_ends_the_session_with_its_reason() {
    for status in [CommandStatus::ESME_RALYBND, CommandStatus(0x450)] {
        let mut session = Session::new(terms(), NOW).unwrap();
        give(
            &mut session,
            1,
            status,
            bind_resp(BindMode::Transceiver),
            NOW,
        );
        assert_eq!(closed(&mut session), Some(Closed::Refused(status)));
    }
    let mut session = Session::new(terms(), NOW).unwrap();
    assert_eq!(session.next_deadline(), Some(NOW.plus_ms(5_000)));
    session.tick(NOW.plus_ms(4_999));
    assert_eq!(closed(&mut session), None);
    session.tick(NOW.plus_ms(5_000));
    assert_eq!(closed(&mut session), Some(Closed::BindUnanswered));
    assert_eq!(session.next_deadline(), None);
}

#[test]
fn a_password_too_long_for_smpp_is_refused_before_a_connection_sees_it() {
    let terms = Terms {
        password: Password::from("longer than 8".to_owned()),
        ..terms()
    };
    assert!(Session::new(terms, NOW).is_err());
}

#[test]
fn deliveries_are_answered_in_any_order_and_each_once() {
    let mut session = bound();
    give(&mut session, 7, OK, deliver(), NOW);
    give(&mut session, 8, OK, Body::DataSm(DataSm::default()), NOW);
    // The SMSC may use a number again that we have not answered.
    give(&mut session, 7, OK, deliver(), NOW);
    let tokens = tokens(&mut session);
    assert!(session.answer(tokens[2], OK, NOW));
    assert!(session.answer(tokens[1], CommandStatus::ESME_RX_T_APPN, NOW));
    assert!(session.answer(tokens[0], OK, NOW));
    assert!(!session.answer(tokens[0], OK, NOW), "answered before");
    let answers = written(&mut session);
    assert_eq!(
        answers.iter().map(|pdu| pdu.sequence).collect::<Vec<_>>(),
        [7, 8, 7]
    );
    assert_eq!(answers[0].body, Body::DeliverSmResp(MessageResp::default()));
    assert_eq!(answers[1].body, Body::DataSmResp(MessageResp::default()));
    assert_eq!(answers[1].status, CommandStatus::ESME_RX_T_APPN);
}

#[test]
fn more_unanswered_deliveries_than_agreed_are_told_to_come_again() {
    let mut session = bound();
    for sequence in 1..=5 {
        give(&mut session, sequence, OK, deliver(), NOW);
    }
    let answers = written(&mut session);
    assert_eq!(
        answers.iter().map(|pdu| pdu.sequence).collect::<Vec<_>>(),
        [4, 5]
    );
    assert!(
        answers
            .iter()
            .all(|pdu| pdu.status == CommandStatus::ESME_RMSGQFUL)
    );
    let tokens = tokens(&mut session);
    assert_eq!(tokens.len(), 3);
    session.answer(tokens[0], OK, NOW);
    give(&mut session, 6, OK, deliver(), NOW);
    assert_eq!(events(&mut session).len(), 1, "room again");
    assert_eq!(session.take_counts().deliveries_refused, 2);
}

#[test]
fn a_silent_peer_is_asked_and_without_an_answer_the_link_is_dead() {
    let mut session = bound();
    let idle = NOW.plus_ms(30_000);
    assert_eq!(session.next_deadline(), Some(idle));
    session.tick(idle.plus_ms(-1));
    assert!(written(&mut session).is_empty());
    session.tick(idle);
    session.tick(idle);
    let asked = written(&mut session);
    assert_eq!(asked.len(), 1, "a spurious tick changes nothing");
    assert_eq!(asked[0].body, Body::EnquireLink);
    give(
        &mut session,
        asked[0].sequence,
        OK,
        Body::EnquireLinkResp,
        idle.plus_ms(9),
    );
    let idle = idle.plus_ms(30_009);
    assert_eq!(session.next_deadline(), Some(idle));
    session.tick(idle);
    session.tick(idle.plus_ms(5_000));
    assert_eq!(closed(&mut session), Some(Closed::LinkDead));
}

#[test]
fn a_peer_that_ignores_enquire_link_but_delivers_is_alive() {
    let mut session = bound();
    let idle = NOW.plus_ms(30_000);
    session.tick(idle);
    give(&mut session, 1, OK, deliver(), idle.plus_ms(1));
    session.tick(idle.plus_ms(5_000));
    assert!(session.is_bound());
    assert_eq!(
        session.next_deadline(),
        Some(idle.plus_ms(30_001)),
        "it is asked again later"
    );
}

#[test]
fn the_peers_enquiries_are_answered_and_its_notices_are_not() {
    let mut session = bound();
    give(&mut session, 3, OK, Body::EnquireLink, NOW);
    give(
        &mut session,
        4,
        OK,
        Body::AlertNotification(AlertNotification::default()),
        NOW,
    );
    let outbind = crate::smpp::pdu::Outbind {
        system_id: COctetString::default(),
        password: crate::smpp::pdu::Password::default(),
    };
    give(&mut session, 5, OK, Body::Outbind(outbind), NOW);
    assert_eq!(
        written(&mut session),
        [Pdu {
            status: OK,
            sequence: 3,
            body: Body::EnquireLinkResp
        }]
    );
    let counts = session.take_counts();
    assert_eq!((counts.alerts, counts.outbinds), (1, 1));
    assert!(session.is_bound());
}

#[test]
fn requests_that_only_an_smsc_serves_are_nacked_and_the_link_stays() {
    let mut session = bound();
    give(&mut session, 9, OK, submit(), NOW);
    let [
        Pdu {
            status,
            sequence: 9,
            body: Body::GenericNack,
        },
    ] = written(&mut session)[..]
    else {
        panic!("no nack");
    };
    assert_eq!(status, CommandStatus::ESME_RINVCMDID);
    assert!(session.is_bound());
}

#[test]
fn an_unbind_of_the_peers_is_answered_and_ends_the_session() {
    let mut session = bound();
    session.send(submit(), NOW).unwrap();
    written(&mut session);
    give(&mut session, 2, OK, Body::Unbind, NOW);
    assert_eq!(written(&mut session)[0].body, Body::UnbindResp);
    let [
        Event::Answered {
            outcome: Outcome::Silent,
            ..
        },
        Event::Closed(closed),
    ] = &events(&mut session)[..]
    else {
        panic!("the message has no outcome");
    };
    assert_eq!(*closed, Closed::UnboundByPeer);
}

#[test]
fn a_stop_finishes_what_is_underway_refuses_what_comes_and_then_unbinds() {
    let mut session = bound();
    session.send(submit(), NOW).unwrap();
    give(&mut session, 1, OK, deliver(), NOW);
    let sent = written(&mut session);
    let token = tokens(&mut session)[0];
    session.stop(1_000, NOW);
    session.stop(9_000, NOW);
    assert_eq!(session.send(submit(), NOW), Err(NotSent::NotBound));
    give(&mut session, 2, OK, deliver(), NOW);
    assert_eq!(
        written(&mut session)[0].status,
        CommandStatus::ESME_RMSGQFUL
    );
    give(&mut session, sent[0].sequence, OK, submit_resp("x"), NOW);
    assert!(
        written(&mut session).is_empty(),
        "a delivery is still with the gateway"
    );
    session.answer(token, OK, NOW);
    let last = written(&mut session);
    assert_eq!(last[0].body, Body::DeliverSmResp(MessageResp::default()));
    assert_eq!(last[1].body, Body::Unbind);
    give(&mut session, last[1].sequence, OK, Body::UnbindResp, NOW);
    assert_eq!(closed(&mut session), Some(Closed::Unbound));
}

#[test]
fn a_stop_ends_in_time_though_nobody_answers() {
    let mut session = bound();
    session.send(submit(), NOW).unwrap();
    written(&mut session);
    session.stop(1_000, NOW);
    assert_eq!(session.next_deadline(), Some(NOW.plus_ms(1_000)));
    session.tick(NOW.plus_ms(1_000));
    assert_eq!(written(&mut session)[0].body, Body::Unbind);
    assert_eq!(session.next_deadline(), Some(NOW.plus_ms(3_000)));
    session.tick(NOW.plus_ms(3_000));
    assert_eq!(outcomes(&mut session), [(0, Outcome::Silent)]);
    assert_eq!(session.phase, Phase::Closed);
}

#[test]
fn a_length_that_cannot_be_true_is_nacked_and_ends_the_session() {
    let mut session = bound();
    session.receive(
        &mut BytesMut::from(&[0xFF, 0xFF, 0xFF, 0xFF, 1, 2][..]),
        NOW,
    );
    assert_eq!(
        written(&mut session)[0].status,
        CommandStatus::ESME_RINVCMDLEN
    );
    assert_eq!(closed(&mut session), Some(Closed::OutOfStep));
}

proptest! {
    #[test]
    fn no_body_whatever_ends_the_session_or_leaves_a_request_unanswered(
        pdus in prop::collection::vec(
            (0_u32..0x120, any::<bool>(), prop::collection::vec(any::<u8>(), 0..60)), 1..40,
        ),
    ) {
        let mut session = bound();
        for (id, answer, body) in pdus {
            // Unbind and what nobody answers are met elsewhere.
            if [0x06, 0x0B, 0x102].contains(&id) {
                continue;
            }
            let mut octets = BytesMut::new();
            octets.put_u32(u32::try_from(body.len()).unwrap() + 16);
            octets.put_u32(if answer { id | 0x8000_0000 } else { id });
            octets.put_u32(0);
            octets.put_u32(99_999);
            octets.put_slice(&body);
            session.receive(&mut octets, NOW);
            prop_assert!(octets.is_empty());
            for token in tokens(&mut session) {
                session.answer(token, OK, NOW);
            }
            let raw = session.poll_transmit().unwrap_or_default();
            prop_assert_eq!(raw.is_empty(), answer, "0x{:x}", id);
            prop_assert!(session.is_bound());
        }
    }
}
