use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::smpp::pdu::{Tag, Tlvs};

fn origin() -> Origin {
    Origin {
        smsc: "home".into(),
        trusted: true,
        alphabet: SmscAlphabet::default(),
        country: Some("49".into()),
    }
}

fn message(octets: &[u8], esm_class: u8) -> ShortMessage {
    ShortMessage {
        source: Address::international("491701234567"),
        destination: Address {
            ton: 0,
            npi: 1,
            value: "4711".into(),
        },
        esm_class,
        short_message: Bytes::copy_from_slice(octets).into(),
        ..ShortMessage::default()
    }
}

fn read(message: &ShortMessage) -> Option<Intake> {
    let moment = Moment {
        repeat_since: Millis(7),
        refused_since: Millis(8),
        chance: 9,
    };
    origin().read(message, moment)
}

fn arrival(message: &ShortMessage) -> Arrival {
    let Member::Arrival(arrival) = read(message).unwrap().member else {
        panic!("no arrival")
    };
    arrival
}

#[test]
fn text_arrives_with_what_its_order_needs() {
    let arrival = arrival(&message(b"BUY 4711 12", 0));
    assert!(matches!(&arrival.content, Content::Text(text) if &**text == "BUY 4711 12"));
    assert_eq!(arrival.sender.unwrap().expose_digits(), "491701234567");
    assert_eq!((&*arrival.service, &*arrival.smsc), ("4711", "home"));
    assert_eq!(&arrival.received[..], b"BUY 4711 12");
    assert_eq!((arrival.repeat_since, arrival.chance), (Millis(7), 9));
}

#[test]
fn a_command_packet_is_secured_and_draws_on_a_budget() {
    let packet = message(&[0x02, 0x70, 0x00, 0x00, 0x10], 0x40);
    let intake = read(&packet).unwrap();
    assert!(intake.budget.is_some());
    let Content::Secured(body) = arrival(&packet).content else {
        panic!()
    };
    assert_eq!(&body[..], [0x00, 0x10]);
}

#[test]
fn what_no_order_can_be_is_unreadable() {
    for octets in [
        &[0x02, 0x71, 0x00, 0x00][..],
        &[0x02, 0x7F, 0x00, 0x00],
        &[0x04, 0x70, 0x00, 0x72, 0x00],
        &[0x09, 0x70, 0x00],
        &[],
    ] {
        let content = arrival(&message(octets, 0x40)).content;
        assert!(matches!(content, Content::Unreadable), "{octets:02X?}");
    }
}

#[test]
fn a_part_is_known_by_its_header_or_else_by_sar() {
    let by_header = message(&[0x05, 0x00, 0x03, 0x07, 0x02, 0x01, b'B'], 0x40);
    let by_sar = ShortMessage {
        tlvs: Tlvs::new()
            .with(Tag::SAR_MSG_REF_NUM, Bytes::from_static(&[0, 7]))
            .with(Tag::SAR_TOTAL_SEGMENTS, Bytes::from_static(&[2]))
            .with(Tag::SAR_SEGMENT_SEQNUM, Bytes::from_static(&[1])),
        ..message(b"B", 0)
    };
    for (message, wide) in [(by_header, false), (by_sar, true)] {
        let Content::Part { key, part } = arrival(&message).content else {
            panic!()
        };
        assert_eq!((key.reference, key.total, key.wide), (7, 2, wide));
        assert_eq!((part.number(), &*key.destination), (1, "4711"));
    }
    let alone = message(&[0x05, 0x00, 0x03, 0x07, 0x01, 0x01, b'B'], 0x40);
    assert!(matches!(arrival(&alone).content, Content::Text(text) if &*text == "B"));
}

#[test]
fn the_first_part_of_a_packet_draws_on_a_budget_too() {
    let part = message(&[0x07, 0x00, 0x03, 7, 2, 1, 0x70, 0x00, 0xCA], 0x40);
    assert!(read(&part).unwrap().budget.is_some());
    let mut nobody = part;
    nobody.source.ton = ALPHANUMERIC;
    let arrival = arrival(&nobody);
    assert!(matches!(arrival.content, Content::Unreadable) && arrival.sender.is_none());
}

#[test]
fn a_sender_is_an_international_number_or_nobody() {
    let sender = |origin: &Origin, ton, digits: &'static str| {
        let source = Address {
            ton,
            npi: 1,
            value: digits.into(),
        };
        origin.sender(&source).map(Msisdn::expose_digits)
    };
    let german = origin();
    for (ton, digits) in [
        (1, "491701234567"),
        (1, "+491701234567"),
        (0, "00491701234567"),
        (3, "491701234567"),
        (2, "1701234567"),
        (2, "01701234567"),
        (0, "01701234567"),
    ] {
        let found = sender(&german, ton, digits);
        assert_eq!(found.as_deref(), Some("491701234567"), "{ton} {digits}");
    }
    for (ton, text) in [(5, "491701234567"), (0, "MyBank"), (1, ""), (1, "4917é")] {
        assert_eq!(sender(&german, ton, text), None, "{ton} {text}");
    }
    let anywhere = Origin {
        country: None,
        ..origin()
    };
    for (ton, digits) in [(0, "01701234567"), (2, "01701234567"), (2, "1701234567")] {
        let found = sender(&anywhere, ton, digits);
        assert_eq!(found, None, "{ton} {digits} is of no known country");
    }
    for (ton, digits) in [
        (1, "491701234567"),
        (0, "00491701234567"),
        (2, "+491701234567"),
    ] {
        let found = sender(&anywhere, ton, digits);
        assert_eq!(found.as_deref(), Some("491701234567"), "{ton} {digits}");
    }
}

#[test]
fn a_final_receipt_is_for_the_books_and_other_acknowledgements_for_nobody() {
    let text = b"id:0000000AB stat:DELIVRD err:000";
    let Some(Member::Receipt(receipt)) = read(&message(text, 0x04)).map(|i| i.member) else {
        panic!()
    };
    assert!(receipt.candidates.iter().any(|id| &**id == "ab"));
    assert_eq!((&*receipt.state, &*receipt.smsc), ("DELIVERED", "home"));
    assert_eq!(receipt.to.unwrap().expose_digits(), "491701234567");
    for (text, esm_class) in [
        (&b"id:1 stat:ENROUTE"[..], 0x20),
        (b"id:1", 0x04),
        (b"BUY 4711 12", 0x08),
        (b"BUY 4711 12", 0x10),
    ] {
        assert!(read(&message(text, esm_class)).is_none());
    }
    assert!(
        matches!(arrival(&message(text, 0)).content, Content::Text(_)),
        "anybody can write what a receipt says"
    );
}

#[test]
fn a_receipt_without_an_id_is_known_by_our_reference() {
    let mut message = message(b"stat:UNDELIV err:27", 0x04);
    assert!(read(&message).is_none(), "it can be anybody's");
    message.tlvs = Tlvs::new().with(Tag::USER_MESSAGE_REFERENCE, Bytes::from_static(&[1, 2]));
    let Some(Member::Receipt(receipt)) = read(&message).map(|i| i.member) else {
        panic!()
    };
    assert_eq!(
        (receipt.reference, &*receipt.state),
        (Some(258), "UNDELIVERABLE")
    );
}

#[test]
fn ussd_text_is_read_by_the_clause_of_ussd() {
    let ussd = ShortMessage {
        service_type: "USSD".into(),
        data_coding: 0x0F,
        ..message(b"*778#", 0)
    };
    assert!(matches!(arrival(&ussd).content, Content::Text(text) if &*text == "*778#"));
}

#[test]
fn forgeries_and_old_packets_draw_on_the_budget_and_nothing_else_does() {
    let arrived = |end| Outcome::Arrived {
        purchase: None,
        end,
        said: None,
    };
    let low = ArrivalEnd::Refused(Refusal::CounterLow);
    assert!(draws_on_budget(&arrived(ArrivalEnd::Forged("cc_failed"))));
    assert!(draws_on_budget(&arrived(low)));
    let dead = ArrivalEnd::Refused(Refusal::Dead);
    let forgotten = ArrivalEnd::Refused(Refusal::CounterForgotten);
    for end in [ArrivalEnd::Paid, ArrivalEnd::Repeated, dead, forgotten] {
        assert!(!draws_on_budget(&arrived(end)));
    }
}

proptest! {
    #[test]
    fn whatever_a_handset_sends_is_taken_or_passed_over(
        octets: Vec<u8>, source: Vec<u8>, esm_class: u8, data_coding: u8, ton in 0_u8..7,
    ) {
        let source = Address { ton, npi: 1, value: Bytes::from(source).into() };
        let message = ShortMessage { source, data_coding, ..message(&octets, esm_class) };
        if let Some(Intake { member: Member::Arrival(arrival), .. }) = read(&message) {
            prop_assert_eq!(&arrival.received[..], &octets[..]);
        }
    }
}
