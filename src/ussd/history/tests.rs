//! Requests in order, twice, out of order, and after a restart.

use proptest::prelude::*;

use super::*;

type Told = Histories<u32, u32>;

const PHONE: &str = "491701234567";
const NOW: Millis = Millis(1_000_000);

fn sessions(sessions_max: usize) -> Told {
    Histories::new(Terms {
        service_code: "*778#".to_owned(),
        answer_within_ms: 60_000,
        session_ms: 180_000,
        sessions_max,
        late: "late".to_owned(),
    })
}

fn request(session: &str, phone: &str, text: &str) -> Request {
    Request {
        session: session.into(),
        phone: phone.parse().unwrap(),
        text: text.to_owned(),
    }
}

/// One request of a session's only phone; what was heard of it.
fn ask(told: &mut Told, session: &str, text: &str) -> Vec<String> {
    assert_eq!(
        told.receive(request(session, PHONE, text), 7, NOW),
        Received::Taken
    );
    heard(told)
}

fn heard(told: &mut Told) -> Vec<String> {
    let events = std::iter::from_fn(|| told.poll_event());
    let shown = |event| match event {
        Event::Dialled { code, retold, .. } => format!("{code} {retold}"),
        Event::Answered { text, retold, .. } => format!("{text} {retold}"),
        Event::Ended { end, .. } => end.name().to_owned(),
    };
    events.map(shown).collect()
}

fn says(told: &mut Told, number: u64, reply: Reply) -> Result<(), NotSaid> {
    told.reply(SessionId::new(PHONE.parse().unwrap(), number), reply, NOW)
}

fn page(text: &str) -> Reply {
    Reply::GoesOn(text.to_owned())
}

fn last(text: &str) -> Reply {
    Reply::End(text.to_owned())
}

fn answers(told: &mut Told) -> Vec<Reply> {
    std::iter::from_fn(|| told.poll_transmit().map(|(_, reply)| reply)).collect()
}

#[test]
fn a_session_goes_on_from_what_is_new() {
    let mut told = sessions(9);
    assert_eq!(ask(&mut told, "s", ""), ["*778# true"]);
    says(&mut told, 0, page("menu")).unwrap();
    assert_eq!(answers(&mut told), [page("menu")]);
    assert_eq!(ask(&mut told, "s", "1"), ["1 false"]);
    says(&mut told, 0, page("number?")).unwrap();
    // A star that the caller typed is part of the answer.
    assert_eq!(ask(&mut told, "s", "1*2*50"), ["2*50 false"]);
    says(&mut told, 0, last("bye")).unwrap();
    assert_eq!(answers(&mut told), [page("number?"), last("bye")]);
    assert_eq!(heard(&mut told), ["closed"]);
    assert_eq!(says(&mut told, 0, last("more")), Err(NotSaid::NotOurTurn));
}

#[test]
fn a_request_that_comes_again_is_told_the_same_and_does_nothing() {
    let mut told = sessions(9);
    ask(&mut told, "s", "");
    assert!(ask(&mut told, "s", "").is_empty());
    says(&mut told, 0, page("menu")).unwrap();
    assert_eq!(answers(&mut told), [page("menu"), page("menu")]);
    assert!(ask(&mut told, "s", "").is_empty());
    ask(&mut told, "s", "1");
    says(&mut told, 0, last("paid")).unwrap();
    answers(&mut told);
    assert_eq!(heard(&mut told), ["closed"]);
    assert!(ask(&mut told, "s", "1").is_empty());
    assert_eq!(answers(&mut told), [last("paid")]);
    // What goes on from its end, or from before it, is too late.
    for text in ["1*1", ""] {
        assert!(ask(&mut told, "s", text).is_empty());
        assert_eq!(answers(&mut told), [last("late")]);
    }
}

#[test]
fn those_who_wait_for_one_answer_are_bounded() {
    let mut told = sessions(9);
    for _ in 0..WAITING_MAX {
        assert_eq!(
            told.receive(request("s", PHONE, ""), 7, NOW),
            Received::Taken
        );
    }
    assert_eq!(
        told.receive(request("s", PHONE, ""), 7, NOW),
        Received::Full
    );
}

#[test]
fn a_text_that_does_not_go_on_ends_the_session() {
    for text in ["2", "12", "2*1"] {
        let mut told = sessions(9);
        ask(&mut told, "s", "");
        says(&mut told, 0, page("menu")).unwrap();
        ask(&mut told, "s", "1");
        says(&mut told, 0, page("number?")).unwrap();
        answers(&mut told);
        assert_eq!(ask(&mut told, "s", text), ["confused"], "{text}");
        assert_eq!(answers(&mut told), [last("late")]);
        assert_eq!(ask(&mut told, "s", "1*4711"), Vec::<String>::new());
        assert_eq!(answers(&mut told), [last("late")]);
    }
}

#[test]
fn another_phone_under_the_same_name_hears_and_ends_nothing() {
    let mut told = sessions(9);
    ask(&mut told, "s", "");
    says(&mut told, 0, page("menu")).unwrap();
    answers(&mut told);
    told.receive(request("s", "491709999999", ""), 7, NOW);
    assert_eq!(answers(&mut told), [last("late")]);
    assert_eq!(ask(&mut told, "s", "1"), ["1 false"]);
}

#[test]
fn a_session_that_is_not_known_is_played_again_and_only_its_last_page_is_told() {
    let mut told = sessions(9);
    assert_eq!(ask(&mut told, "s", "1*4711*1"), ["*778# true"]);
    for (text, expected) in [
        ("menu", "1 true"),
        ("number?", "4711 true"),
        ("shop", "1 true"),
    ] {
        says(&mut told, 0, page(text)).unwrap();
        assert_eq!(heard(&mut told), [expected]);
        assert!(answers(&mut told).is_empty());
    }
    says(&mut told, 0, page("2.60 EUR, 1 yes")).unwrap();
    assert_eq!(answers(&mut told), [page("2.60 EUR, 1 yes")]);
    assert_eq!(ask(&mut told, "s", "1*4711*1*1"), ["1 false"]);
    // One dialled whole is one code, and told as old as well.
    assert_eq!(
        ask(&mut told, "t", "4711*12"),
        ["replaced", "*778*4711*12# true"]
    );
    answers(&mut told);
    let endless = vec!["0"; PLAYED_MAX + 1].join("*");
    assert!(ask(&mut told, "u", &endless).is_empty());
    assert_eq!(answers(&mut told), [last("late")]);
}

#[test]
fn a_phone_has_one_session_and_all_have_their_time() {
    let mut told = sessions(2);
    ask(&mut told, "s", "");
    assert_eq!(ask(&mut told, "t", ""), ["replaced", "*778# true"]);
    assert_eq!(answers(&mut told), [last("late")], "whoever waited is told");
    says(&mut told, 1, page("menu")).unwrap();
    // A third finds room where one is over, a fourth none.
    let other = |n: u32| request(&format!("o{n}"), &format!("49170000000{n}"), "");
    assert_eq!(told.receive(other(1), 7, NOW), Received::Taken);
    assert_eq!(told.receive(other(2), 7, NOW), Received::Full);
    assert_eq!(told.len(), 2);
    heard(&mut told);
    assert_eq!(told.next_deadline(), Some(NOW.plus_ms(60_000)));
    told.tick(NOW.plus_ms(60_000));
    assert_eq!(heard(&mut told), ["timed_out", "timed_out"]);
    assert_eq!(told.next_deadline(), Some(NOW.plus_ms(240_000)));
    told.tick(NOW.plus_ms(240_000));
    assert!(told.known.is_empty() && told.by_name.is_empty() && told.by_phone.is_empty());
    assert_eq!(told.next_deadline(), None);
}

proptest! {
    /// Whatever comes: every request is answered at the latest when its time is over, and none twice.
    #[test]
    fn every_request_gets_one_answer(
        steps in proptest::collection::vec((0..3_u8, 0..2_u8, "[01*]{0,4}", 0..4_u8), 0..60),
    ) {
        let mut told: Told = sessions(3);
        let (mut asked, mut answered, mut now) = (0, 0, NOW);
        let mut turns: Vec<SessionId> = Vec::new();
        for (session, phone, text, act) in steps {
            match act {
                0 | 1 => {
                    let phone = format!("49170000000{phone}");
                    let received = told.receive(request(&session.to_string(), &phone, &text), 7, now);
                    asked += u32::from(received == Received::Taken);
                }
                2 => if let Some(session) = turns.pop() {
                    let reply = if text.is_empty() { last("bye") } else { page("go on") };
                    let _ = told.reply(session, reply, now);
                },
                _ => {
                    now = now.plus_ms(20_000);
                    told.tick(now);
                }
            }
            while let Some(event) = told.poll_event() {
                if let Event::Dialled { session, .. } | Event::Answered { session, .. } = event {
                    turns.push(session);
                }
            }
            answered += u32::try_from(answers(&mut told).len()).unwrap();
            prop_assert!(answered <= asked);
            prop_assert!(told.known.len() <= 3);
        }
        for _ in 0..2 {
            now = now.plus_ms(180_000);
            told.tick(now);
        }
        answered += u32::try_from(answers(&mut told).len()).unwrap();
        prop_assert_eq!(answered, asked);
        prop_assert!(told.known.is_empty() && told.by_name.is_empty());
    }
}
