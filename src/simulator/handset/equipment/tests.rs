//! The phone against cards that are played here, good ones and bad ones.

use proptest::prelude::*;

use super::tlv::push;
use super::*;

/// A proactive command of this type with these elements.
fn proactive(kind: u8, qualifier: u8, elements: &[(u8, &[u8])]) -> Vec<u8> {
    let mut inside = Vec::new();
    push(&mut inside, 0x81, &[1, kind, qualifier]);
    push(&mut inside, 0x82, &[0x81, 0x82]);
    for (tag, value) in elements {
        push(&mut inside, *tag, value);
    }
    let mut out = Vec::new();
    push(&mut out, 0xD0, &inside);
    out
}

/// A phone whose card has put "Pay" into its menu.
fn phone() -> Equipment {
    let mut phone = Equipment::new();
    assert!(matches!(phone.wanted(), Wanted::Card(apdu) if apdu[1] == TERMINAL_PROFILE));
    let menu = proactive(0x25, 0, &[(0x85, b"Card"), (0x8F, b"\x01Pay")]);
    say(&mut phone, 0x91, u8::try_from(menu.len()).unwrap());
    let response = fetched(&mut phone, &menu);
    assert_eq!(result(&response), 0x00);
    say(&mut phone, 0x90, 0);
    assert_eq!(phone.wanted(), Wanted::Nothing);
    phone
}

fn say(phone: &mut Equipment, sw1: u8, sw2: u8) {
    phone.card_said(&[sw1, sw2]).unwrap();
}

/// The FETCH that is due brings `command`.
fn fetch(phone: &mut Equipment, command: &[u8]) {
    assert!(matches!(phone.wanted(), Wanted::Card(apdu) if apdu[1] == FETCH));
    phone.card_said(&[command, &OK].concat()).unwrap();
}

/// The same, and what the phone answers at once.
fn fetched(phone: &mut Equipment, command: &[u8]) -> Vec<u8> {
    fetch(phone, command);
    response_of(phone)
}

fn response_of(phone: &mut Equipment) -> Vec<u8> {
    let wanted = phone.wanted();
    let Wanted::Card(apdu) = wanted else {
        panic!("{wanted:?}");
    };
    assert_eq!(apdu[1], TERMINAL_RESPONSE);
    apdu
}

/// The general result in a TERMINAL RESPONSE.
fn result(response: &[u8]) -> u8 {
    assert_eq!(
        response[..5],
        [0x80, 0x14, 0, 0, u8::try_from(response.len() - 5).unwrap()]
    );
    let elements = tlv::elements(&response[5..]).unwrap();
    elements
        .iter()
        .find(|element| element.tag == 3)
        .unwrap()
        .value[0]
}

/// A phone in a session that has begun with `command`.
fn in_session(command: &[u8]) -> Equipment {
    let mut phone = phone();
    phone.select(1).unwrap();
    assert_eq!(
        phone.wanted(),
        Wanted::Card(vec![
            0x80, 0xC2, 0, 0, 9, 0xD3, 7, 0x82, 2, 1, 0x81, 0x90, 1, 1
        ])
    );
    say(&mut phone, 0x91, 20);
    fetch(&mut phone, command);
    phone
}

fn display(text: &[u8]) -> Vec<u8> {
    proactive(0x21, 0x81, &[(0x8D, &[b"\x04", text].concat())])
}

#[test]
fn an_item_is_chosen_and_a_pin_typed() {
    let menu = proactive(
        0x24,
        0,
        &[
            (0x85, b"Pay"),
            (0x8F, b"\x01Buy"),
            (0x8F, b"\x07Send again"),
        ],
    );
    let mut phone = in_session(&menu);
    let Wanted::User(Prompt::Choose(menu)) = phone.wanted() else {
        panic!("nothing to choose");
    };
    assert_eq!(menu.items[1].text, "Send again");
    assert_eq!(phone.user_said(Answer::Chosen(2)), Err(NotAnAnswer));
    assert_eq!(phone.user_said(Answer::Read), Err(NotAnAnswer));
    phone.user_said(Answer::Chosen(7)).unwrap();
    assert!(response_of(&mut phone).ends_with(&[0x83, 1, 0, 0x90, 1, 7]));

    say(&mut phone, 0x91, 18);
    fetch(
        &mut phone,
        &proactive(0x23, 0x04, &[(0x8D, b"\x04PIN?"), (0x91, &[4, 8])]),
    );
    let Wanted::User(Prompt::Type(entry)) = phone.wanted() else {
        panic!("nothing to type");
    };
    assert!(entry.hidden && entry.digits);
    for wrong in ["123", "123456789", "12a4"] {
        assert_eq!(
            phone.user_said(Answer::Typed(wrong.into())),
            Err(NotAnAnswer)
        );
    }
    let pin = Answer::Typed("1234".into());
    assert!(!format!("{pin:?}").contains("1234"));
    phone.user_said(pin).unwrap();
    assert!(response_of(&mut phone).ends_with(b"\x8D\x05\x041234"));
}

#[test]
fn every_other_end_of_a_prompt_is_told() {
    for (end, cause) in [(0x10, false), (0x11, false), (0x12, false), (0x20, true)] {
        let mut phone = in_session(&display(b"Pay this?"));
        phone
            .user_said(Answer::Otherwise(GeneralResult(end)))
            .unwrap();
        let response = response_of(&mut phone);
        assert_eq!(result(&response), end);
        assert_eq!(response.ends_with(&[0x83, 2, end, 0]), cause);
    }
}

#[test]
fn a_message_goes_to_the_network_and_its_end_to_the_card() {
    let tpdu = hex::decode("4100038177f87ff605027000abcd").unwrap();
    for (carried, told) in [
        (Carried::Taken, 0x00),
        (Carried::Failed(GeneralResult::MESSAGE_REFUSED), 0x35),
        (Carried::Failed(GeneralResult::NETWORK_UNABLE), 0x21),
    ] {
        let mut phone = in_session(&proactive(0x13, 0, &[(0x85, b"Pay"), (0x8B, &tpdu)]));
        let Wanted::Network(Outgoing::Message(message)) = phone.wanted() else {
            panic!("nothing to send: {:?}", phone.wanted());
        };
        assert_eq!(message.destination.value.as_text(), Some("778"));
        phone.network_said(carried);
        assert_eq!(result(&response_of(&mut phone)), told);
    }
}

#[test]
fn a_ussd_string_is_unpacked_and_its_answer_told() {
    let packed = gsm7_ussd(b"*778*0000000001120A");
    let mut phone = in_session(&proactive(0x12, 0, &[(0x85, b"Pay"), (0x8A, &packed)]));
    assert_eq!(
        phone.wanted(),
        Wanted::Network(Outgoing::Ussd("*778*0000000001120A".into()))
    );
    phone.network_said(Carried::Answered("Paid".into()));
    assert!(response_of(&mut phone).ends_with(b"\x83\x01\x00\x8D\x05\x04Paid"));
}

fn gsm7_ussd(septets: &[u8]) -> Vec<u8> {
    [&[0x0F], crate::sms::gsm7::pack_ussd(septets).as_slice()].concat()
}

#[test]
fn a_message_that_comes_in_a_session_is_kept_until_its_end() {
    let mut phone = in_session(&display(b"Pay this?"));
    phone.download(&[4; 150]).unwrap();
    let Wanted::Card(envelope) = phone.wanted() else {
        panic!("the card is not offered the message");
    };
    // 150 octets of TPDU and 7 of headers: lengths of two octets.
    assert_eq!(
        envelope[..13],
        [
            0x80, 0xC2, 0, 0, 160, 0xD1, 0x81, 157, 0x82, 2, 0x83, 0x81, 0x8B
        ]
    );
    say(&mut phone, 0x93, 0);
    assert!(matches!(phone.wanted(), Wanted::User(_)));
    assert_eq!(phone.waiting(), 1);
    phone.user_said(Answer::Read).unwrap();
    response_of(&mut phone);
    say(&mut phone, 0x90, 0);
    assert_eq!(phone.wanted(), Wanted::Card(envelope));
    say(&mut phone, 0x90, 0);
    assert_eq!((phone.wanted(), phone.waiting()), (Wanted::Nothing, 0));
}

#[test]
fn a_card_that_is_busy_without_a_session_is_asked_again_after_a_pause() {
    let mut phone = phone();
    phone.download(&[4; 20]).unwrap();
    assert!(matches!(phone.wanted(), Wanted::Card(_)));
    say(&mut phone, 0x93, 0);
    assert_eq!(phone.wanted(), Wanted::Pause);
    assert!(matches!(phone.wanted(), Wanted::Card(_)));
    say(&mut phone, 0x63, 0);
    assert_eq!(phone.wanted(), Wanted::Nothing);
}

#[test]
fn a_phone_keeps_so_many_messages_and_no_more() {
    let mut phone = in_session(&display(b"?"));
    for _ in 0..ENVELOPES_MAX {
        phone.download(&[4; 20]).unwrap();
    }
    assert_eq!(phone.download(&[4; 20]), Err(MemoryFull));
}

#[test]
fn what_the_phone_cannot_do_is_answered_so() {
    let text: &[u8] = b"\x04?";
    for (command, told) in [
        (proactive(0x10, 0, &[]), 0x30),
        (proactive(0x21, 0, &[]), 0x36),
        (proactive(0x21, 0, &[(0x8D, &[0x20, 1])]), 0x32),
        (proactive(0x24, 0, &[(0x85, b"Pay")]), 0x36),
        (proactive(0x23, 0, &[(0x8D, text), (0x91, &[1])]), 0x32),
        (proactive(0x13, 1, &[(0x8B, &[0x41])]), 0x30),
        (proactive(0x13, 0, &[(0x8B, &[0x41])]), 0x32),
        // An element that must be understood, and is not.
        (proactive(0x21, 0, &[(0x8D, text), (0xB9, &[1])]), 0x32),
        (vec![0xD0, 3, 0x81, 9, 9], 0x32),
        (vec![], 0x32),
    ] {
        let mut phone = phone();
        phone.select(1).unwrap();
        say(&mut phone, 0x91, 3);
        assert_eq!(
            result(&fetched(&mut phone, &command)),
            told,
            "{command:02x?}"
        );
    }
}

#[test]
fn what_was_not_all_understood_is_not_told_as_performed() {
    let mut phone = in_session(&proactive(0x21, 0x80, &[(0x8D, b"\x04?"), (0x39, &[1])]));
    phone.user_said(Answer::Read).unwrap();
    assert_eq!(result(&response_of(&mut phone)), 0x01);
}

#[test]
fn a_menu_goes_when_its_one_item_is_empty() {
    let mut phone = phone();
    assert_eq!(phone.menu().unwrap().items[0].text, "Pay");
    phone.download(&[4; 20]).unwrap();
    phone.wanted();
    say(&mut phone, 0x91, 13);
    fetched(&mut phone, &proactive(0x25, 0, &[(0x85, b""), (0x8F, b"")]));
    say(&mut phone, 0x90, 0);
    assert!(phone.menu().is_none());
    assert_eq!(phone.select(1), Err(NotAnAnswer));
}

#[test]
fn a_card_that_does_not_keep_to_the_protocol_is_left_alone() {
    let mut phone = phone();
    assert_eq!(phone.card_said(&[0x90, 0]), Err(CardFault::Unasked));
    phone.select(1).unwrap();
    assert_eq!(phone.card_said(&[0x90]), Err(CardFault::NoStatus));
    phone.select(1).unwrap();
    assert!(
        phone
            .card_said(&[0x6F, 0])
            .unwrap_err()
            .to_string()
            .contains("ENVELOPE with 6F00")
    );
    phone.select(1).unwrap();
    say(&mut phone, 0x91, 3);
    let mut endless = || {
        while let Wanted::Card(apdu) = phone.wanted() {
            let command = match apdu[1] {
                FETCH => [&proactive(0x26, 0, &[])[..], &OK].concat(),
                _ => vec![0x91, 3],
            };
            phone.card_said(&command)?;
        }
        Ok(())
    };
    let endless: Result<(), CardFault> = endless();
    assert_eq!(endless, Err(CardFault::Endless));
    assert_eq!(phone.wanted(), Wanted::Nothing);
}

proptest! {
    /// Whatever a card sends, the phone answers or ends, and can go on.
    #[test]
    fn a_card_that_sends_garbage_does_no_harm(
        said in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..40),
    ) {
        let mut phone = phone();
        for octets in said {
            match phone.wanted() {
                Wanted::Card(_) => drop(phone.card_said(&octets)),
                Wanted::User(_) => drop(phone.user_said(Answer::Otherwise(GeneralResult::BACK))),
                Wanted::Network(_) => phone.network_said(Carried::Taken),
                Wanted::Nothing => drop(phone.select(1).and_then(|()| phone.download(&octets).map_err(|_| NotAnAnswer))),
                Wanted::Pause => {}
            }
        }
    }

    /// The same with commands that are nearly right.
    #[test]
    fn a_command_with_a_wrong_octet_does_no_harm(at in 0_usize..60, octet: u8, kind in 0x10_u8..0x28) {
        let tpdu = hex::decode("4100038177f87ff605027000abcd").unwrap();
        let mut command = proactive(kind, 1, &[
            (0x85, b"Pay"), (0x8B, &tpdu), (0x8D, b"\x04?"), (0x8F, b"\x01Buy"), (0x91, &[0, 255]),
            (0x8A, &[0x0F, 1, 2]),
        ]);
        if let Some(place) = command.get_mut(at) {
            *place = octet;
        }
        let mut phone = in_session(&command);
        prop_assert_ne!(phone.wanted(), Wanted::Nothing);
    }
}
