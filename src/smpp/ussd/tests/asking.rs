//! Sessions that we begin.

use super::*;
use crate::ussd::NotAsked;

#[test]
fn a_session_of_ours_is_asked_answered_and_ended_in_its_dialect() {
    for (dialect, mark, ops) in [
        ("spec", [0x00, 0x00], [2, 3]),
        ("tata", [0x00, 0x00], [2, 2]),
        ("6d", [0x00, 0x00], [2, 17]),
        ("mica", [0x00, 0x00], [2, 17]),
        ("op32", [0x00, 0x00], [2, 32]),
    ] {
        let mut centre = Centre::new(dialect);
        let session = centre.sessions.ask(phone(), "778", centre.now).unwrap();
        assert!(
            !centre.sessions.has_transmit(),
            "nothing is known to the phone yet"
        );
        let again = centre.sessions.ask(phone(), "778", centre.now);
        assert_eq!(again, Err(NotAsked::InSession), "{dialect}");
        let question = Reply::GoesOn("Pay 2.50 EUR?".to_owned());
        centre
            .sessions
            .reply(session, question, centre.now)
            .unwrap();
        let asked = centre.sessions.poll_transmit().unwrap();
        assert_eq!(asked.session, Some(session));
        let message = asked.message;
        assert_eq!(message.tlvs.ussd_service_op(), Some(ops[0]), "{dialect}");
        assert_eq!(message.destination.value.as_octets(), PHONE.as_bytes());
        assert_eq!(message.source.value.as_octets(), b"778");
        let answer = centre.message(Sent {
            to: "778",
            text: "1",
            op: Some(18),
            mark: &mark,
        });
        centre.sessions.receive(phone(), &answer, centre.now);
        let answered = centre.sessions.poll_event();
        let text = "1".to_owned();
        assert_eq!(
            answered,
            Some(Event::Answered {
                session,
                text,
                retold: false
            }),
            "{dialect}"
        );
        let end = Reply::End("Paid.".to_owned());
        centre.sessions.reply(session, end, centre.now).unwrap();
        let ended = centre.sessions.poll_transmit().unwrap().message;
        assert_eq!(ended.tlvs.ussd_service_op(), Some(ops[1]), "{dialect}");
        assert!(centre.sessions.is_empty());
    }
}

#[test]
fn an_answer_to_another_session_is_none_to_ours() {
    let mut centre = Centre::new("6d");
    let _ = centre.sessions.ask(phone(), "778", centre.now).unwrap();
    let late = centre.message(Sent {
        to: "778",
        text: "1",
        op: Some(18),
        mark: &[0x42, 0x42],
    });
    centre.sessions.receive(phone(), &late, centre.now);
    assert_eq!(centre.sessions.poll_event(), None);
    assert_eq!(centre.sessions.len(), 1);
}

#[test]
fn a_question_that_was_not_sent_leaves_no_trace() {
    let mut centre = Centre::new("spec");
    let session = centre.sessions.ask(phone(), "778", centre.now).unwrap();
    let gone = Reply::End("It is too late.".to_owned());
    centre.sessions.reply(session, gone, centre.now).unwrap();
    assert!(!centre.sessions.has_transmit());
    let _ = centre.sessions.ask(phone(), "778", centre.now).unwrap();
    centre.sessions.tick(centre.now.plus_ms(200_000));
    assert!(
        !centre.sessions.has_transmit(),
        "a phone that knows nothing is told nothing"
    );
    assert!(centre.sessions.is_empty());
}

#[test]
fn a_centre_that_lets_only_phones_begin_is_not_asked() {
    for dialect in ["huawei", "bare", "comverse"] {
        let mut centre = Centre::new(dialect);
        let asked = centre.sessions.ask(phone(), "778", centre.now);
        assert_eq!(asked, Err(NotAsked::Dialect), "{dialect}");
    }
}
