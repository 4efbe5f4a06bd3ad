//! Whole dialogues in every dialect, and what goes wrong in them.

mod asking;
mod scripts;

use proptest::prelude::*;

use self::scripts::{scripts, sent};
use super::*;
use crate::smpp::pdu::Tag;

/// A centre and one of its phones: builds what it sends and takes apart what it gets.
struct Centre {
    sessions: Sessions<u32>,
    now: Millis,
}

const PHONE: &str = "491701234567";

fn phone() -> Msisdn {
    PHONE.parse().unwrap()
}

fn terms() -> Terms {
    Terms {
        alphabet: SmscAlphabet::Gsm7Unpacked,
        answer_within_ms: 60_000,
        session_ms: 180_000,
        sessions_max: 3,
        late: "too late".to_owned(),
    }
}

/// One `deliver_sm`: the code's address, the text, the operation, the mark.
#[derive(Clone, Copy)]
struct Sent<'a> {
    to: &'static str,
    text: &'a str,
    op: Option<u8>,
    mark: &'a [u8],
}

impl Centre {
    fn new(dialect: &str) -> Self {
        let dialects = Dialect::shipped().unwrap();
        let dialect = dialects.into_iter().find(|d| &*d.name == dialect).unwrap();
        Self {
            sessions: Sessions::new(Arc::new(dialect), terms()),
            now: Millis(1_000_000),
        }
    }

    fn message(&self, sent: Sent<'_>) -> ShortMessage {
        let mut message = ShortMessage {
            source: Address::international(PHONE),
            destination: Address {
                ton: 0,
                npi: 1,
                value: sent.to.into(),
            },
            data_coding: 0x0F,
            short_message: Bytes::copy_from_slice(sent.text.as_bytes()).into(),
            ..ShortMessage::default()
        };
        if let Some(op) = sent.op {
            message.tlvs.push(Tag::USSD_SERVICE_OP, vec![op]);
        }
        if let Some(tag) = self
            .sessions
            .dialect
            .session
            .tag()
            .filter(|_| !sent.mark.is_empty())
        {
            message.tlvs.push(tag, sent.mark.to_vec());
        }
        message
    }

    fn deliver(&mut self, sent: Sent<'_>) -> Option<Event> {
        let message = self.message(sent);
        let received = self.sessions.receive(phone(), &message, self.now);
        assert_eq!(received, Received::Taken);
        self.sessions.poll_event()
    }

    fn dial(&mut self, sent: Sent<'_>) -> (SessionId, String) {
        match self.deliver(sent) {
            Some(Event::Dialled { session, code, .. }) => (session, code),
            other => panic!("not dialled: {other:?}"),
        }
    }

    /// Operation, mark and text of the next `submit_sm`.
    fn got(&mut self) -> (u8, Vec<u8>, String) {
        let sent = self.sessions.poll_transmit().expect("something was sent");
        assert_eq!(sent.message.destination, Address::international(PHONE));
        let op = sent.message.tlvs.ussd_service_op().unwrap();
        let mark = self.sessions.dialect.session.tag();
        let mark = mark.and_then(|tag| sent.message.tlvs.octets(tag));
        let mark = mark.map(|octets| octets.to_vec()).unwrap_or_default();
        let text = String::from_utf8(sent.message.short_message.0.to_vec()).unwrap();
        (op, mark, text)
    }

    fn say(&mut self, session: SessionId, reply: Reply) -> (u8, Vec<u8>, String) {
        self.sessions.reply(session, reply, self.now).unwrap();
        self.got()
    }
}

fn goes_on(text: &str) -> Reply {
    Reply::GoesOn(text.to_owned())
}

fn last(text: &str) -> Reply {
    Reply::End(text.to_owned())
}

#[test]
fn every_dialect_carries_a_whole_dialogue() {
    let names: Vec<_> = scripts().iter().map(|script| script.dialect).collect();
    assert_eq!(names.len(), Dialect::shipped().unwrap().len());
    for script in scripts() {
        let mut centre = Centre::new(script.dialect);
        let (session, code) = centre.dial(script.dialled);
        assert_eq!(code, "*778#", "{}", script.dialect);
        let (op, mark, text) = centre.say(session, goes_on("1 Buy"));
        assert_eq!(
            (op, &mark[..], &*text),
            (script.question.0, script.question.1, "1 Buy")
        );
        let answered = centre.deliver(script.answered);
        let text = "1".to_owned();
        assert_eq!(
            answered,
            Some(Event::Answered {
                session,
                text,
                retold: false
            }),
            "{}",
            script.dialect
        );
        let (op, mark, text) = centre.say(session, last("Paid"));
        assert_eq!(
            (op, &mark[..], &*text),
            (script.closing.0, script.closing.1, "Paid")
        );
        let end = End::Closed;
        assert_eq!(
            centre.sessions.poll_event(),
            Some(Event::Ended { session, end })
        );
        assert!(centre.sessions.is_empty());
    }
}

#[test]
fn every_dialect_can_give_a_session_up() {
    for script in scripts() {
        let mut centre = Centre::new(script.dialect);
        let (session, _) = centre.dial(script.dialled);
        centre.say(session, goes_on("1 Buy"));
        let Some(released) = script.released else {
            continue;
        };
        let end = End::Released;
        assert_eq!(
            centre.deliver(released),
            Some(Event::Ended { session, end }),
            "{}",
            script.dialect
        );
        let late = centre.sessions.reply(session, last("Paid"), centre.now);
        assert_eq!(late, Err(NotSaid::NotOurTurn));
        assert_eq!(centre.sessions.poll_transmit(), None);
    }
}

#[test]
fn a_silent_phone_is_given_up_in_time() {
    for script in scripts() {
        let mut centre = Centre::new(script.dialect);
        let (session, _) = centre.dial(script.dialled);
        centre.say(session, goes_on("1 Buy"));
        let due = centre.sessions.next_deadline().unwrap();
        assert_eq!(due, centre.now.plus_ms(60_000));
        centre.sessions.tick(due.plus_ms(-1));
        assert_eq!(centre.sessions.len(), 1);
        centre.sessions.tick(due);
        let end = End::TimedOut;
        assert_eq!(
            centre.sessions.poll_event(),
            Some(Event::Ended { session, end })
        );
        let outgoing = centre.sessions.dialect.outgoing.clone();
        let (op, _, text) = centre.got();
        assert_eq!(
            op,
            outgoing.release.unwrap_or(outgoing.end),
            "{}",
            script.dialect
        );
        assert_eq!(text, "");
        assert_eq!(centre.sessions.next_deadline(), None);
    }
}

#[test]
fn a_session_ends_in_time_however_busy_it_is() {
    let mut centre = Centre::new("spec");
    let (session, _) = centre.dial(sent("778", "*778#", 1, &[1, 0]));
    for _ in 0..3 {
        centre.say(session, goes_on("more?"));
        centre.now = centre.now.plus_ms(59_000);
        centre.sessions.tick(centre.now);
        centre.deliver(sent("778", "1", 18, &[1, 0]));
    }
    centre.sessions.tick(centre.now.plus_ms(3_000));
    let end = End::TimedOut;
    assert_eq!(
        centre.sessions.poll_event(),
        Some(Event::Ended { session, end })
    );
}

#[test]
fn an_answer_to_another_session_is_told_so_and_changes_nothing() {
    let mut centre = Centre::new("spec");
    let (session, _) = centre.dial(sent("778", "*778#", 1, &[0x12, 0]));
    centre.say(session, goes_on("1 Buy"));
    assert_eq!(centre.deliver(sent("778", "1", 18, &[0x13, 0])), None);
    assert_eq!(centre.got(), (17, vec![0x13, 0x01], "too late".to_owned()));
    assert_eq!(centre.deliver(sent("778", "", 18, &[0x13, 1])), None);
    let text = "2".to_owned();
    let answered = centre.deliver(sent("778", "2", 18, &[0x12, 0]));
    assert_eq!(
        answered,
        Some(Event::Answered {
            session,
            text,
            retold: false
        })
    );
}

#[test]
fn an_answer_without_a_session_is_told_that_it_came_late() {
    for script in scripts() {
        let mut centre = Centre::new(script.dialect);
        assert_eq!(centre.deliver(script.answered), None, "{}", script.dialect);
        assert_eq!(centre.got().2, "too late");
    }
}

#[test]
fn what_comes_twice_is_answered_once() {
    let mut centre = Centre::new("mica");
    let dialled = sent("*778#", "", 1, &[0, 7]);
    let (session, _) = centre.dial(dialled);
    assert_eq!(centre.deliver(dialled), None);
    centre.say(session, goes_on("1 Buy"));
    assert_eq!(centre.deliver(dialled), None);
    let answer = sent("", "1", 18, &[0, 7]);
    assert!(centre.deliver(answer).is_some());
    assert_eq!(centre.deliver(answer), None);
    centre.say(session, last("Paid"));
    assert_eq!(centre.sessions.poll_transmit(), None);
}

#[test]
fn dialling_anew_takes_the_place_of_the_old_session() {
    let mut centre = Centre::new("huawei");
    let dialled = sent("778", "*778#", 1, &[]);
    let (old, _) = centre.dial(dialled);
    let end = End::Replaced;
    assert_eq!(
        centre.deliver(dialled),
        Some(Event::Ended { session: old, end })
    );
    let Some(Event::Dialled { session, .. }) = centre.sessions.poll_event() else {
        panic!("no new session");
    };
    assert_ne!(session, old);
    let late = centre.sessions.reply(old, last("Paid"), centre.now);
    assert_eq!(late, Err(NotSaid::NotOurTurn));
    assert_eq!(centre.sessions.len(), 1);
}

#[test]
fn an_unknown_operation_is_answered_and_ends_its_session_only() {
    let mut centre = Centre::new("spec");
    let (session, _) = centre.dial(sent("778", "*778#", 1, &[0x12, 0]));
    centre.say(session, goes_on("1 Buy"));
    assert_eq!(centre.deliver(sent("778", "?", 0x77, &[0x55, 0])), None);
    assert_eq!(centre.got(), (17, vec![0x55, 0x01], "too late".to_owned()));
    let end = End::Confused;
    let confused = centre.deliver(sent("778", "?", 0x77, &[0x12, 0]));
    assert_eq!(confused, Some(Event::Ended { session, end }));
    assert_eq!(centre.got().0, 17);
    assert_eq!(centre.deliver(sent("778", "", 19, &[0x12, 0])), None);
    assert_eq!(centre.sessions.poll_transmit(), None);
}

#[test]
fn a_full_house_refuses_the_newcomer() {
    let mut centre = Centre::new("spec");
    for number in 0..4_i64 {
        let caller: Msisdn = (491_700_000_000 + number).try_into().unwrap();
        let message = centre.message(sent("778", "*778#", 1, &[9, 0]));
        let received = centre.sessions.receive(caller, &message, centre.now);
        let full = number == 3;
        assert_eq!(received == Received::Full, full);
    }
    assert_eq!(centre.sessions.len(), 3);
}

#[test]
fn sessions_die_with_their_connection_and_nothing_is_said_after() {
    let mut centre = Centre::new("spec");
    let (session, _) = centre.dial(sent("778", "*778#", 1, &[1, 0]));
    centre
        .sessions
        .reply(session, goes_on("1 Buy"), centre.now)
        .unwrap();
    centre.sessions.lost();
    let end = End::Lost;
    assert_eq!(
        centre.sessions.poll_event(),
        Some(Event::Ended { session, end })
    );
    assert_eq!(centre.sessions.poll_transmit(), None);
    // What was underway comes again: it meets no question.
    assert_eq!(centre.deliver(sent("778", "1", 18, &[1, 0])), None);
    assert_eq!(centre.got().2, "too late");
}

#[test]
fn the_code_is_found_wherever_it_stands() {
    for (dialect, to, text, code) in [
        ("spec", "778", "*778*4711*12#", "*778*4711*12#"),
        ("spec", "778", " *778# ", "*778#"),
        ("spec", "778", "4711", ""),
        ("6d", "778", "*778*4711*12#", "*778*4711*12#"),
        ("6d", "*778#", "", "*778#"),
        ("6d", "*778*4711*12#", "", "*778*4711*12#"),
        ("mica", "*778#", "4711*12", "*778*4711*12#"),
        ("mica", "*778#", "*778*4711*12#", "*778*4711*12#"),
        ("mica", "778", "", "*778#"),
    ] {
        let mut centre = Centre::new(dialect);
        assert_eq!(
            centre.dial(sent(to, text, 1, &[1, 0])).1,
            code,
            "{dialect} {to} {text}"
        );
    }
}

#[test]
fn a_text_goes_out_in_the_coding_of_its_alphabet() {
    let mut centre = Centre::new("spec");
    for (text, coding) in [("Zahlen?", 0x0F), ("ادفع", 0x48)] {
        let (session, _) = centre.dial(sent("778", "*778#", 1, &[1, 0]));
        let reply = last(text);
        centre.sessions.reply(session, reply, centre.now).unwrap();
        let message = centre.sessions.poll_transmit().unwrap().message;
        assert_eq!(message.data_coding, coding);
        assert_eq!(message.service_type.as_octets(), b"USSD");
        assert_eq!(message.source.value.as_octets(), b"778");
        centre.sessions.poll_event();
    }
    let (session, _) = centre.dial(sent("778", "*778#", 1, &[1, 0]));
    let long = centre
        .sessions
        .reply(session, last(&"a".repeat(183)), centre.now);
    assert!(matches!(long, Err(NotSaid::TooLong(_))));
    centre.say(session, last("short"));
}

proptest! {
    /// Whatever a centre sends: nobody panics, a phone has one session, nothing grows, and every
    /// session that began ends once.
    #[test]
    fn any_messages_leave_every_session_with_one_end(
        dialect in 0usize..8,
        steps in proptest::collection::vec(
            (0i64..5, 0u8..40, "[*#0-9]{0,6}", proptest::collection::vec(any::<u8>(), 0..10), 0i64..70_000),
            1..80,
        ),
    ) {
        let name = scripts()[dialect].dialect;
        let mut centre = Centre::new(name);
        let (mut begun, mut ended) = (0, 0);
        for (caller, op, text, mark, wait) in steps {
            let caller: Msisdn = (491_700_000_000 + caller).try_into().unwrap();
            let op = Some(op).filter(|op| *op < 38);
            let message = centre.message(Sent { to: "778", text: &text, op, mark: &mark });
            centre.sessions.receive(caller, &message, centre.now);
            while let Some(event) = centre.sessions.poll_event() {
                match event {
                    Event::Dialled { session, .. } => {
                        begun += 1;
                        let reply = goes_on("?");
                        prop_assert_eq!(centre.sessions.reply(session, reply, centre.now), Ok(()));
                    }
                    Event::Answered { session, text, .. } => {
                        let reply = if text.len() % 2 == 0 { last("!") } else { goes_on("?") };
                        prop_assert_eq!(centre.sessions.reply(session, reply, centre.now), Ok(()));
                    }
                    Event::Ended { .. } => ended += 1,
                }
            }
            while centre.sessions.poll_transmit().is_some() {}
            centre.now = centre.now.plus_ms(wait);
            centre.sessions.tick(centre.now);
            prop_assert!(centre.sessions.len() <= 3);
            prop_assert_eq!(centre.sessions.due.len(), centre.sessions.open.len());
        }
        centre.sessions.lost();
        while let Some(event) = centre.sessions.poll_event() {
            let is_end = matches!(event, Event::Ended { .. });
            prop_assert!(is_end, "{:?}", event);
            ended += 1;
        }
        prop_assert_eq!(begun, ended);
    }
}
