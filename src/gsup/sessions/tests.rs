//! Dialogues at an HLR, and what goes wrong in them.

use proptest::prelude::*;

use super::beginning::OURS;
use super::*;
use crate::ussd::NotAsked;

const NOW: Millis = Millis(1_000_000);

fn phone() -> Msisdn {
    "491701234567".parse().unwrap()
}

fn imsi() -> Imsi {
    "001010000000001".parse().unwrap()
}

fn sessions(sessions_max: usize) -> Sessions<u32> {
    let terms = Terms {
        answer_within_ms: 60_000,
        session_ms: 180_000,
        sessions_max,
        late: "late".to_owned(),
        stranger: "stranger".to_owned(),
        busy: "busy".to_owned(),
    };
    Sessions::new(terms, 7)
}

fn message(session: u32, state: State, component: Option<Component>) -> Message {
    let octets = component.and_then(|component| component.encode());
    Message {
        kind: Kind::Request,
        imsi: imsi(),
        session,
        state,
        component: octets.unwrap_or_default().into(),
    }
}

fn dials(session: u32, code: &str) -> Message {
    let component = Component::Invoke {
        id: 5,
        operation: PROCESS,
        string: Some(octets_of(code).unwrap()),
    };
    message(session, State::Begin, Some(component))
}

fn answers(session: u32, text: &str) -> Message {
    let component = Component::Result {
        id: 5,
        string: Some((REQUEST, octets_of(text).unwrap())),
    };
    message(session, State::Continue, Some(component))
}

/// The next message as a phone sees it: state, kind of component, id, operation and text.
fn said(sessions: &mut Sessions<u32>) -> Option<(State, String)> {
    let message = sessions.poll_transmit()?;
    let shown = match Component::decode(&message.component) {
        Ok(Component::Invoke {
            id,
            operation,
            string,
        }) => {
            let text = string.map(|string| text_of(&string)).unwrap_or_default();
            format!("invoke {id} {operation:x} {text}")
        }
        Ok(Component::Result { id, string }) => {
            let text =
                string.map(|(operation, string)| format!("{operation:x} {}", text_of(&string)));
            format!("result {id} {}", text.unwrap_or_default())
        }
        Ok(Component::Error { id, code }) => format!("error {id} {code}"),
        Ok(Component::Reject) => "reject".to_owned(),
        Err(_) => "nothing".to_owned(),
    };
    Some((message.state, shown))
}

fn begun(sessions: &mut Sessions<u32>, name: u32) -> SessionId {
    let caller = Caller::Known(phone());
    sessions.receive(dials(name, "*778#"), caller, NOW);
    loop {
        match sessions.poll_event() {
            Some(Event::Dialled { session, code, .. }) => {
                assert_eq!(code, "*778#");
                return session;
            }
            Some(Event::Ended { .. } | Event::Answered { .. }) => {}
            None => panic!("no session"),
        }
    }
}

fn hears(sessions: &mut Sessions<u32>, message: Message) -> Option<Event> {
    sessions.receive(message, Caller::Unknown, NOW);
    sessions.poll_event()
}

fn ended(session: SessionId, end: End) -> Event {
    Event::Ended { session, end }
}

fn shown(state: State, component: &str) -> (State, String) {
    (state, component.to_owned())
}

#[test]
fn a_dialogue_goes_to_and_fro_and_ends_with_the_phones_own_number() {
    let mut hlr = sessions(9);
    let session = begun(&mut hlr, 1);
    let page = || Reply::GoesOn("menu".to_owned());
    hlr.reply(session, page(), NOW).unwrap();
    assert_eq!(
        said(&mut hlr),
        Some(shown(State::Continue, "invoke 5 3c menu"))
    );
    assert_eq!(hlr.reply(session, page(), NOW), Err(NotSaid::NotOurTurn));
    let heard = hears(&mut hlr, answers(1, "1"));
    let text = "1".to_owned();
    assert_eq!(
        heard,
        Some(Event::Answered {
            session,
            text,
            retold: false
        })
    );
    // The same once more, before ours: it answers nothing.
    assert_eq!(hears(&mut hlr, answers(1, "1")), None);
    let bye = Reply::End("bye".to_owned());
    hlr.reply(session, bye, NOW).unwrap();
    assert_eq!(said(&mut hlr), Some(shown(State::End, "result 5 3b bye")));
    assert_eq!(hlr.poll_event(), Some(ended(session, End::Closed)));
    assert!(hlr.is_empty() && hlr.by_name.is_empty() && hlr.due.is_empty());
}

#[test]
fn an_answer_to_a_session_of_before_a_restart_is_told_so() {
    let mut hlr = sessions(9);
    assert_eq!(hears(&mut hlr, answers(1, "1")), None);
    assert_eq!(said(&mut hlr), Some(shown(State::End, "result 5 3b late")));
    assert_eq!(hears(&mut hlr, message(1, State::End, None)), None);
    assert_eq!(said(&mut hlr), None);
}

#[test]
fn strangers_and_other_services_get_a_word_and_no_session() {
    let mut hlr = sessions(0);
    let activate = Component::Invoke {
        id: 3,
        operation: 0x0C,
        string: None,
    };
    for (message, caller, received, told) in [
        (
            dials(1, "*778#"),
            Caller::Stranger,
            Received::Taken,
            "result 5 3b stranger",
        ),
        (
            dials(1, "*778#"),
            Caller::Unknown,
            Received::Taken,
            "result 5 3b busy",
        ),
        (
            dials(1, "*778#"),
            Caller::Known(phone()),
            Received::Full,
            "result 5 3b busy",
        ),
        (
            message(1, State::Begin, Some(activate)),
            Caller::Stranger,
            Received::Taken,
            "error 3 21",
        ),
        (
            message(1, State::Begin, None),
            Caller::Stranger,
            Received::Taken,
            "reject",
        ),
    ] {
        // Room for what is said, none for sessions.
        hlr.terms.sessions_max = usize::from(received == Received::Taken);
        if received == Received::Full {
            hlr.terms.sessions_max = 1;
            hlr.outgoing.clear();
            hlr.ask("491709999999".parse().unwrap(), imsi(), NOW)
                .unwrap();
            hlr.outgoing.clear();
        }
        assert_eq!(hlr.receive(message, caller, NOW), received, "{told}");
        assert_eq!(said(&mut hlr), Some(shown(State::End, told)));
        hlr.lost();
        while hlr.poll_event().is_some() {}
    }
}

#[test]
fn what_a_phone_does_besides_ends_its_session() {
    let error = Component::Error { id: 5, code: 34 };
    let cancelled = Component::Result {
        id: 5,
        string: None,
    };
    let other = Component::Invoke {
        id: 9,
        operation: PROCESS,
        string: None,
    };
    for (message, end, told) in [
        (
            message(1, State::Continue, Some(error)),
            End::Released,
            Some("nothing"),
        ),
        (
            message(1, State::Continue, Some(cancelled)),
            End::Released,
            Some("nothing"),
        ),
        (
            message(1, State::Continue, Some(other)),
            End::Confused,
            Some("reject"),
        ),
        (
            message(1, State::Continue, None),
            End::Confused,
            Some("reject"),
        ),
        (message(1, State::End, None), End::Released, None),
        (
            Message {
                kind: Kind::Error,
                ..message(1, State::End, None)
            },
            End::Released,
            None,
        ),
    ] {
        let mut hlr = sessions(9);
        let session = begun(&mut hlr, 1);
        let page = Reply::GoesOn("menu".to_owned());
        hlr.reply(session, page, NOW).unwrap();
        said(&mut hlr);
        assert_eq!(hears(&mut hlr, message), Some(ended(session, end)));
        assert_eq!(said(&mut hlr), told.map(|told| shown(State::End, told)));
    }
}

#[test]
fn a_session_of_ours_begins_with_a_question_and_ends_once_its_last_text_is_seen() {
    let mut hlr = sessions(9);
    let never = hlr.ask(phone(), imsi(), NOW).unwrap();
    hlr.reply(never, Reply::End("no".to_owned()), NOW).unwrap();
    assert_eq!(hlr.poll_event(), Some(ended(never, End::Closed)));
    assert_eq!(said(&mut hlr), None);
    let session = hlr.ask(phone(), imsi(), NOW).unwrap();
    let question = Reply::GoesOn("Pay 2.60 EUR?".to_owned());
    hlr.reply(session, question, NOW).unwrap();
    let begin = hlr.outgoing.front().cloned().unwrap();
    assert_eq!(begin.session, OURS | 8);
    assert_eq!(
        said(&mut hlr),
        Some(shown(State::Begin, "invoke 1 3c Pay 2.60 EUR?"))
    );
    assert_eq!(hlr.ask(phone(), imsi(), NOW), Err(NotAsked::InSession));
    let mut answer = answers(begin.session, "1");
    let component = Component::Result {
        id: 1,
        string: Some((REQUEST, octets_of("1").unwrap())),
    };
    answer.component = component.encode().unwrap().into();
    let heard = hears(&mut hlr, answer);
    assert!(matches!(heard, Some(Event::Answered { text, .. }) if text == "1"));
    hlr.reply(session, Reply::End("Paid".to_owned()), NOW)
        .unwrap();
    assert_eq!(
        said(&mut hlr),
        Some(shown(State::Continue, "invoke 1 3d Paid"))
    );
    let seen = Component::Result {
        id: 1,
        string: None,
    };
    let seen = message(begin.session, State::Continue, Some(seen));
    assert_eq!(hears(&mut hlr, seen), Some(ended(session, End::Closed)));
    assert_eq!(said(&mut hlr), Some(shown(State::End, "nothing")));
}

#[test]
fn sessions_have_their_time_their_room_and_their_connection() {
    let mut hlr = sessions(1);
    let first = begun(&mut hlr, 1);
    assert_eq!(
        hlr.ask("491709999999".parse().unwrap(), imsi(), NOW),
        Err(NotAsked::Full)
    );
    // Dialled anew: the old one is over.
    let second = begun(&mut hlr, 2);
    assert_ne!(first, second);
    assert_eq!(hlr.next_deadline(), Some(NOW.plus_ms(60_000)));
    hlr.tick(NOW.plus_ms(60_000));
    assert_eq!(hlr.poll_event(), Some(ended(second, End::TimedOut)));
    assert_eq!(said(&mut hlr), Some(shown(State::End, "nothing")));
    let third = begun(&mut hlr, 3);
    let page = Reply::GoesOn("menu".to_owned());
    hlr.reply(third, page, NOW).unwrap();
    hlr.lost();
    assert_eq!(hlr.poll_event(), Some(ended(third, End::Lost)));
    assert_eq!(said(&mut hlr), None);
}

proptest! {
    /// Whatever comes: nothing panics, nothing grows, and all ends with its time.
    #[test]
    fn no_message_upsets_it(
        steps in proptest::collection::vec(
            (0..3_u32, 0..3_u8, 0..4_u8, proptest::collection::vec(any::<u8>(), 0..8), 0..3_u8),
            0..60,
        ),
    ) {
        let mut hlr = sessions(2);
        let mut turns = Vec::new();
        for (name, state, shape, octets, act) in steps {
            let state = [State::Begin, State::Continue, State::End][usize::from(state)];
            let mut came = match shape {
                0 => dials(name, "*778#"),
                1 => answers(name, "1"),
                2 => Message { kind: Kind::Error, ..message(name, state, None) },
                _ => message(name, state, None),
            };
            if shape == 3 {
                came.component = octets.into();
            } else {
                came.state = state;
            }
            match act {
                0 | 1 => {
                    let phone = Msisdn::try_from(491_700_000_000 + i64::from(name)).unwrap();
                    hlr.receive(came, Caller::Known(phone), NOW);
                }
                _ => if let Some(session) = turns.pop() {
                    let _ = hlr.reply(session, Reply::GoesOn("?".to_owned()), NOW);
                },
            }
            while let Some(event) = hlr.poll_event() {
                if let Event::Dialled { session, .. } | Event::Answered { session, .. } = event {
                    turns.push(session);
                }
            }
            prop_assert!(hlr.len() <= 2 && hlr.outgoing.len() <= 4);
            hlr.poll_transmit();
        }
        hlr.tick(NOW.plus_ms(180_000));
        prop_assert!(hlr.is_empty() && hlr.by_name.is_empty() && hlr.due.is_empty());
    }
}
