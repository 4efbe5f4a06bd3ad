//! `tests/vectors/applet_commands.json`, which the SIM applet's tests read too.

use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::auth::command::{CommandDraft, open_command, seal_command};
use crate::auth::iccid::Iccid;
use crate::auth::secured_packet::{CcLength, KeyProfile, KeyRecord, Spi, Spi1, Spi2, Tar};
use crate::auth::sim_keys::{Direction, Master, derive};
use crate::domain::catalogue::{Quantity, ShortCode};
use crate::sms::gsm7;

#[derive(Deserialize)]
struct Vectors {
    commands: Vec<Good>,
    bad_commands: Vec<Bad>,
    sealed: Vec<Sealed>,
}

#[derive(Deserialize)]
struct Good {
    name: String,
    hex: String,
    fields: Value,
}

#[derive(Deserialize)]
struct Bad {
    name: String,
}

#[derive(Deserialize)]
struct Sealed {
    name: String,
    kic: String,
    kid: String,
    kic_octet: String,
    kid_octet: String,
    tar: String,
    spi1: String,
    cc_octets: usize,
    counter: u64,
    data: String,
    packet: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../tests/vectors/applet_commands.json")).unwrap()
}

fn text_of(text: &str) -> ShownText {
    ShownText::new(text, |text| {
        gsm7::encode(text, gsm7::Tables::default()).ok()
    })
}

fn of<T: serde::de::DeserializeOwned>(fields: &Value, name: &str) -> T {
    serde_json::from_value(fields[name].clone()).unwrap()
}

fn offer(fields: &Value) -> CardCommand {
    let short_code = fields.get("short_code").map(|_| of(fields, "short_code"));
    let wanted = match fields["verb"].as_str().unwrap() {
        "buy" => Wanted::Item {
            short_code: short_code.unwrap(),
            item: of(fields, "item"),
            quantity: of(fields, "quantity"),
        },
        "pay" => Wanted::Amount {
            short_code: short_code.unwrap(),
        },
        _ => Wanted::PaymentOrder {
            pon: of(fields, "pon"),
            short_code,
        },
    };
    let amount = (of(fields, "amount_minor"), of(fields, "currency"));
    let text = fields
        .get("text")
        .map(|text| text_of(text.as_str().unwrap()));
    CardCommand::Offer(Offer::new(wanted, amount, text).unwrap())
}

fn octet(fields: &Value, name: &str) -> u8 {
    hex::decode(fields[name].as_str().unwrap()).unwrap()[0]
}

fn new_keys(fields: &Value) -> CardCommand {
    let master = Master::new(&[0; 32]);
    let iccid: Iccid = fields["iccid"].as_str().unwrap().parse().unwrap();
    let version = of(fields, "key_version");
    let octets = ["kic_octet", "kid_octet"].map(|name| octet(fields, name).try_into().unwrap());
    let keys = [Direction::Mo, Direction::Mt].map(|way| derive(&master, &iccid, version, way));
    let [orders, confirmations] = &keys;
    let keys = NewKeys::new(version, octets.into(), orders, confirmations).unwrap();
    CardCommand::Keys(Box::new(keys))
}

fn command(fields: &Value) -> CardCommand {
    match fields["command"].as_str().unwrap() {
        "offer" => offer(fields),
        "keys" => new_keys(fields),
        "pin" => CardCommand::UnblockPin(
            fields
                .get("pin")
                .map(|pin| pin.as_str().unwrap().parse().unwrap()),
        ),
        "text" => {
            let text = text_of(fields["text"].as_str().unwrap());
            let number = of(fields, "number");
            CardCommand::Text(MenuText::new(of(fields, "language"), number, text).unwrap())
        }
        "service" => CardCommand::Service(fields["digits"].as_str().unwrap().parse().unwrap()),
        "lock" => CardCommand::Lock,
        "unlock" => CardCommand::Unlock,
        other => panic!("{other}"),
    }
}

#[test]
fn every_command_is_written_as_the_vectors_say() {
    let mut written = 0;
    for vector in vectors().commands {
        // What is never written: the card's tests skip an element with it.
        if vector.name == "an unknown element that may be skipped" {
            continue;
        }
        let octets = command(&vector.fields).encode().unwrap();
        assert_eq!(hex::encode_upper(&*octets), vector.hex, "{}", vector.name);
        written += 1;
    }
    assert_eq!(written, 13);
}

/// Commands that the card refuses, as far as a value could stand for one: there is no such value.
#[test]
fn no_value_stands_for_a_command_that_the_card_refuses() {
    let text = |octets| ShownText::Default(vec![b'x'; octets]);
    let menu = |language, number, octets| MenuText::new(language, number, text(octets)).is_err();
    let service = |written: &str| written.parse::<ServiceAddress>().is_err();
    let pin = |written: &str| written.parse::<Pin>().is_err();
    let eur = || "EUR".parse().unwrap();
    let wanted = Wanted::Amount {
        short_code: 4711.try_into().unwrap(),
    };
    let refused = [
        (
            "an offer of nothing",
            Offer::new(wanted, (MinorUnits::ZERO, eur()), None).is_none(),
        ),
        ("an offer above 63 bits", MinorUnits::try_from(-1).is_err()),
        (
            "a short code of two digits",
            ShortCode::try_from(99).is_err(),
        ),
        (
            "a short code of six digits",
            ShortCode::try_from(104_711).is_err(),
        ),
        ("quantity 0", Quantity::try_from(0).is_err()),
        ("quantity 100", Quantity::try_from(100).is_err()),
        ("keys for DES", KeyOctet::try_from(0x21).is_err()),
        ("a PIN of three digits", pin("555")),
        ("a PIN of nine digits", pin("555555555")),
        ("a PIN with a letter", pin("55a5")),
        ("a text of language 4", menu(4, 18, 1)),
        ("text number 32", menu(0, 32, 1)),
        ("an empty text", menu(0, 18, 0)),
        ("a text of 32 octets", menu(0, 18, 32)),
        ("a short code of no digits", service("")),
        ("an address of thirteen octets", service(&"1".repeat(22))),
    ];
    let listed = vectors().bad_commands;
    for (name, is_refused) in refused {
        assert!(listed.iter().any(|bad| bad.name == name), "{name}");
        assert!(is_refused, "{name}");
    }
}

#[test]
fn the_sealed_vectors_are_made_and_opened() {
    let (vectors, mut secret) = (vectors(), 0);
    for vector in &vectors.sealed {
        let name = &vector.name;
        let octets = |text: &str| hex::decode(text).unwrap();
        let key = |text: &str| AesKey::try_from(octets(text).as_slice()).unwrap();
        let spi1 = Spi1(octets(&vector.spi1)[0]);
        let profile = KeyProfile {
            kic: octets(&vector.kic_octet)[0].try_into().unwrap(),
            kid: octets(&vector.kid_octet)[0].try_into().unwrap(),
            cc: CcLength::try_from(vector.cc_octets).unwrap(),
            spi1_min: spi1,
            tar: Tar(octets(&vector.tar).try_into().unwrap()),
        };
        let keys = SimKeys {
            kic: key(&vector.kic),
            kid: key(&vector.kid),
        };
        let record = KeyRecord { profile, keys };
        let good = vectors.commands.iter().find(|good| good.name == *name);
        let command = command(&good.unwrap().fields);
        secret += usize::from(command.is_secret());
        let data = command.encode().unwrap();
        assert_eq!(hex::encode(&*data), vector.data, "{name}");
        let draft = CommandDraft {
            spi: Spi {
                spi1,
                spi2: Spi2(0),
            },
            counter: vector.counter,
            data: &data,
        };
        let packet = seal_command(&draft, &record).unwrap();
        assert_eq!(hex::encode(&packet), vector.packet, "{name}");
        let opened = open_command(&packet, &record).unwrap();
        assert_eq!((&opened.data, opened.counter), (&*data, vector.counter));
    }
    assert_eq!((vectors.sealed.len(), secret), (10, 2));
}

#[test]
fn an_offer_is_cut_to_one_message_and_nothing_shows_keys() {
    let words = text_of(&"Coffee and cake ".repeat(9));
    let amount = (i64::MAX.try_into().unwrap(), "KWD".parse().unwrap());
    let wanted = Wanted::Amount {
        short_code: 4711.try_into().unwrap(),
    };
    let offer = Offer::new(wanted, amount, Some(words)).unwrap();
    let octets = CardCommand::Offer(offer).encode().unwrap();
    assert!(
        (80..=OCTETS_MAX).contains(&octets.len()),
        "{}",
        octets.len()
    );
    let fields = vectors().commands.swap_remove(5).fields;
    let shown = format!("{:?}", new_keys(&fields));
    assert_eq!(shown, "Keys(NewKeys(version 2))");
}

#[test]
fn a_key_that_no_card_can_hold_is_refused() {
    let long = |octet| SimKeys {
        kic: AesKey::Aes128([octet; 16]),
        kid: AesKey::Aes256([octet; 32]),
    };
    let octets = (0x12.try_into().unwrap(), 0x12.try_into().unwrap());
    let refused = NewKeys::new(2, octets, &long(1), &long(2));
    assert_eq!(refused, Err(NotForCards));
}
