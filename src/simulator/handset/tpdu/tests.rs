//! The published forms, and what goes wrong with them.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    #[serde(with = "hex")]
    tpdu: Vec<u8>,
    tp_da: String,
    smpp_deliver_sm: DeliverSm,
}

#[derive(Deserialize)]
struct DeliverSm {
    #[serde(with = "hex")]
    esm_class: [u8; 1],
    #[serde(with = "hex")]
    protocol_id: [u8; 1],
    #[serde(with = "hex")]
    data_coding: [u8; 1],
    #[serde(with = "hex")]
    short_message: Vec<u8>,
}

/// TPDUs that pySim read back, and what an SMSC makes of them.
#[test]
fn a_cards_message_becomes_what_an_smsc_delivers() {
    let text = include_str!("../../../../tests/vectors/sms_submit_mo.json");
    let Vectors { vectors } = serde_json::from_str(text).unwrap();
    assert!(vectors.len() > 1);
    for vector in vectors {
        let submit = Submit::parse(&vector.tpdu).unwrap();
        let message = submit.to_deliver_sm("491700000001".parse().unwrap());
        let wanted = vector.smpp_deliver_sm;
        let id = vector.id;
        assert_eq!(
            message.destination.value.as_text(),
            Some(vector.tp_da.as_str()),
            "{id}"
        );
        assert_eq!([message.esm_class], wanted.esm_class, "{id}");
        assert_eq!([message.protocol_id], wanted.protocol_id, "{id}");
        assert_eq!([message.data_coding], wanted.data_coding, "{id}");
        assert_eq!(message.short_message.0, wanted.short_message, "{id}");
    }
}

/// A text of septets with a relative validity, and the same with a header of six octets.
#[test]
fn septets_leave_the_air_one_an_octet() {
    let hello = [
        0x11, 0, 4, 0x81, 0x21, 0x43, 0, 0, 0xA7, 5, 0xE8, 0x32, 0x9B, 0xFD, 0x06,
    ];
    let submit = Submit::parse(&hello).unwrap();
    assert_eq!(submit.user_data, b"hello");
    assert_eq!(submit.destination.value.as_text(), Some("1234"));

    let header = [5, 0, 3, 7, 2, 1];
    let text = gsm7::pack(b"hi", gsm7::fill_bits_after(6));
    let tpdu = [&[0x41, 0, 2, 0x81, 0x21, 0, 0, 9][..], &header, &text].concat();
    let submit = Submit::parse(&tpdu).unwrap();
    assert_eq!(submit.user_data, [&header[..], b"hi"].concat());
}

#[test]
fn a_message_for_the_card_is_a_whole_deliver() {
    let message = ShortMessage {
        source: Address::international("491701234567"),
        esm_class: 0x40,
        protocol_id: 0x7F,
        data_coding: 0xF6,
        short_message: Bytes::from_static(&[2, 0x70, 0, 1, 2, 3]).into(),
        ..ShortMessage::default()
    };
    assert!(is_for_card(&message));
    // 2026-11-25 17:30:59 UTC.
    let tpdu = deliver(&message, Millis(1_795_627_859_000)).unwrap();
    let wanted = "440c919471103254767ff66211527103950006027000010203";
    assert_eq!(hex::encode(tpdu), wanted);
    assert!(!is_for_card(&ShortMessage {
        data_coding: 0xF5,
        ..message.clone()
    }));
    assert!(!is_for_card(&ShortMessage {
        protocol_id: 0,
        ..message
    }));
}

#[test]
fn a_sender_may_have_letters_and_a_text_is_packed() {
    let letters = Address {
        ton: 5,
        npi: 0,
        value: "Pay".into(),
    };
    let message = ShortMessage {
        source: letters,
        short_message: Bytes::from_static(b"hello").into(),
        ..ShortMessage::default()
    };
    let tpdu = deliver(&message, Millis(0)).unwrap();
    // Six half octets hold three septets; 1970-01-01; five septets.
    assert_eq!(
        hex::encode(tpdu),
        "0406d0d0701e00000710100000000005e8329bfd06"
    );
}

#[test]
fn what_is_no_message_is_refused() {
    let bad: [(&[u8], BadTpdu); 6] = [
        (&[], BadTpdu::Length),
        (&[0x00, 0, 2, 0x81, 0x21, 0, 0, 0], BadTpdu::NotSubmit),
        (&[0x01, 0, 0, 0x81, 0, 0, 0], BadTpdu::Address),
        (&[0x01, 0, 2, 0x81, 0xF1, 0, 0, 0], BadTpdu::Address),
        (&[0x01, 0, 2, 0x81, 0x21, 0, 4, 2, 1], BadTpdu::Length),
        (&[0x41, 0, 2, 0x81, 0x21, 0, 0, 2, 9, 9], BadTpdu::Length),
    ];
    for (tpdu, wanted) in bad {
        assert_eq!(Submit::parse(tpdu), Err(wanted), "{tpdu:?}");
    }
    let long = ShortMessage {
        source: Address::international("1"),
        data_coding: 4,
        short_message: Bytes::from(vec![0; 141]).into(),
        ..ShortMessage::default()
    };
    assert_eq!(deliver(&long, Millis(0)), Err(BadTpdu::TooLong));
}

proptest! {
    #[test]
    fn any_octets_are_a_message_or_none(tpdu in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Submit::parse(&tpdu);
    }

    #[test]
    fn any_message_is_delivered_or_refused(
        octets in prop::collection::vec(any::<u8>(), 0..200), coding: u8, esm_class: u8, digits in "[0-9a-z*#]{0,22}",
        ton in 0_u8..8, at: i64,
    ) {
        let message = ShortMessage {
            source: Address { ton, npi: 1, value: digits.into() },
            esm_class,
            data_coding: coding,
            short_message: Bytes::from(octets).into(),
            ..ShortMessage::default()
        };
        if let Ok(tpdu) = deliver(&message, Millis(at)) {
            prop_assert!(tpdu.len() <= 164, "{} octets", tpdu.len());
        }
    }
}
