//! Our own messages: window, throttling, refusals, silence.

use super::*;

#[test]
fn responses_out_of_order_reach_their_messages_and_the_window_opens_again() {
    let mut session = bound();
    let tickets: Vec<_> = (0..4)
        .map(|_| session.send(submit(), NOW).unwrap())
        .collect();
    assert_eq!(session.send(submit(), NOW), Err(NotSent::Full));
    assert_eq!(session.ready_at(), None, "only a response makes room");
    let sent = written(&mut session);
    give(&mut session, sent[2].sequence, OK, submit_resp("c"), NOW);
    // data_sm_resp for a submit_sm: the number decides.
    let odd = Body::DataSmResp(MessageResp {
        message_id: "a".into(),
        tlvs: Tlvs::new(),
    });
    give(&mut session, sent[0].sequence, OK, odd, NOW);
    assert_eq!(
        outcomes(&mut session),
        [(tickets[2].0, accepted("c")), (tickets[0].0, accepted("a"))]
    );
    assert!(session.is_ready(NOW));
}

#[test]
fn a_late_or_invented_response_is_counted_and_nothing_else() {
    let mut session = bound();
    session.send(submit(), NOW).unwrap();
    let sequence = written(&mut session)[0].sequence;
    let late = NOW.plus_ms(5_000);
    session.tick(late);
    assert_eq!(outcomes(&mut session), [(0, Outcome::Silent)]);
    give(&mut session, sequence, OK, submit_resp("late"), late);
    give(&mut session, 0, OK, Body::GenericNack, late);
    give(&mut session, 77, OK, Body::EnquireLinkResp, late);
    assert!(events(&mut session).is_empty() && written(&mut session).is_empty());
    let counts = session.take_counts();
    assert_eq!((counts.timeouts, counts.strays), (1, 3));
    assert!(session.is_bound());
}

#[test]
fn refusals_are_handed_up_and_a_nack_without_a_status_is_one() {
    let mut session = bound();
    session.send(submit(), NOW).unwrap();
    session.send(submit(), NOW).unwrap();
    let sent = written(&mut session);
    let refused = CommandStatus::ESME_RINVDSTADR;
    give(
        &mut session,
        sent[0].sequence,
        refused,
        submit_resp(""),
        NOW,
    );
    give(&mut session, sent[1].sequence, OK, Body::GenericNack, NOW);
    let unknown = CommandStatus::ESME_RUNKNOWNERR;
    assert_eq!(
        outcomes(&mut session),
        [
            (0, Outcome::Refused(refused)),
            (1, Outcome::Refused(unknown))
        ]
    );
}

#[test]
fn a_submit_sm_resp_that_cannot_be_read_still_says_by_its_status_that_the_smsc_has_it() {
    let mut session = bound();
    session.send(submit(), NOW).unwrap();
    let sequence = written(&mut session)[0].sequence;
    let mut octets = BytesMut::new();
    octets.put_slice(&[0, 0, 0, 22, 0x80, 0, 0, 4, 0, 0, 0, 0]);
    octets.put_u32(sequence);
    // An id, its NUL, and the head of a message_payload whose value is missing.
    octets.put_slice(&[b'7', 0, 0x04, 0x24, 0, 9]);
    session.receive(&mut octets, NOW);
    assert!(matches!(
        outcomes(&mut session)[..],
        [(0, Outcome::Accepted { .. })]
    ));
}

#[test]
fn a_throttled_message_goes_again_after_the_pause_under_its_ticket() {
    for status in [CommandStatus::ESME_RTHROTTLED, CommandStatus::ESME_RMSGQFUL] {
        let mut session = bound();
        let ticket = session.send(submit(), NOW).unwrap();
        let first = written(&mut session)[0].sequence;
        give(&mut session, first, status, submit_resp(""), NOW);
        assert!(outcomes(&mut session).is_empty());
        assert_eq!(
            session.send(submit(), NOW),
            Err(NotSent::Full),
            "the older one goes first"
        );
        let due = session.next_deadline().unwrap();
        assert!(due >= NOW.plus_ms(1_000), "{due:?}");
        session.tick(due.plus_ms(-1));
        assert!(written(&mut session).is_empty());
        assert_eq!(session.send(submit(), due), Err(NotSent::Full), "even then");
        session.tick(due);
        let again = written(&mut session);
        assert_eq!(again.len(), 1);
        assert_ne!(again[0].sequence, first);
        give(&mut session, again[0].sequence, OK, submit_resp("x"), due);
        assert_eq!(outcomes(&mut session), [(ticket.0, accepted("x"))]);
        assert_eq!(session.take_counts().throttled, 1);
    }
}

#[test]
fn a_message_throttled_without_end_goes_back_to_its_outbox() {
    let mut session = bound();
    session.send(submit(), NOW).unwrap();
    let mut now = NOW;
    let mut tries = 0;
    loop {
        for pdu in written(&mut session) {
            tries += 1;
            let status = CommandStatus::ESME_RTHROTTLED;
            give(&mut session, pdu.sequence, status, submit_resp(""), now);
        }
        if let Some((_, outcome)) = outcomes(&mut session).pop() {
            assert_eq!(outcome, Outcome::Refused(CommandStatus::ESME_RTHROTTLED));
            break;
        }
        now = session.next_deadline().unwrap();
        session.tick(now);
    }
    assert_eq!(tries, 8);
}

#[test]
fn a_lost_connection_leaves_messages_unknown_and_throttled_ones_refused() {
    let mut session = bound();
    session.send(submit(), NOW).unwrap();
    session.send(submit(), NOW).unwrap();
    let sent = written(&mut session);
    let throttled = CommandStatus::ESME_RTHROTTLED;
    give(
        &mut session,
        sent[1].sequence,
        throttled,
        submit_resp(""),
        NOW,
    );
    session.lost();
    session.lost();
    assert_eq!(
        outcomes(&mut session),
        [(0, Outcome::Silent), (1, Outcome::Refused(throttled))]
    );
    assert!(!session.answer(Token(0), OK, NOW));
}

proptest! {
    #[test]
    fn every_ticket_has_one_outcome_whatever_is_lost(
        steps in prop::collection::vec((0_u8..6, 0_i64..3_000, any::<prop::sample::Index>()), 1..200),
    ) {
        let mut session = bound();
        let (mut now, mut open, mut underway) = (NOW, std::collections::BTreeSet::new(), vec![]);
        for (what, ms, which) in steps {
            now = now.plus_ms(ms);
            session.tick(now);
            if let Ok(ticket) = session.send(submit(), now) {
                prop_assert!(open.insert(ticket.0));
            }
            for pdu in written(&mut session) {
                if pdu.body == Body::EnquireLink {
                    give(&mut session, pdu.sequence, OK, Body::EnquireLinkResp, now);
                } else {
                    underway.push(pdu.sequence);
                }
            }
            if !underway.is_empty() && what < 4 {
                let sequence = underway.swap_remove(which.index(underway.len()));
                let status = [OK, CommandStatus::ESME_RTHROTTLED, CommandStatus::ESME_RMSGQFUL,
                    CommandStatus::ESME_RINVDSTADR][usize::from(what)];
                give(&mut session, sequence, status, submit_resp("1"), now);
            }
            for (ticket, _) in outcomes(&mut session) {
                prop_assert!(open.remove(&ticket));
            }
            prop_assert!(session.window.len() <= 5 && session.underway <= 4);
        }
        session.lost();
        for (ticket, _) in outcomes(&mut session) {
            prop_assert!(open.remove(&ticket));
        }
        prop_assert!(open.is_empty());
    }
}
