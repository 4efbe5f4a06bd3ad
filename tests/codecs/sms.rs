//! Text and user data against what others made: packed texts of libosmocore, national tables as
//! two other projects typed them, and short messages around secured packets.

use std::fs;

use serde_json::Value;
use svgate::sms::coding::{Alphabet, DataCoding};
use svgate::sms::gsm7::{self, Language, Tables};
use svgate::sms::user_data::COMMAND_PACKET;
use svgate::sms::{Carriage, Message, SmscAlphabet};

#[test]
fn texts_are_packed_as_by_another_codec() {
    let file = vectors("gsm0338_7bit.json");
    let cases = list(&file["vectors"]);
    assert_eq!(cases.len(), 26);
    for case in cases {
        let id = string(&case["id"]);
        let septets = octets(&case["septets"]);
        assert_eq!(
            gsm7::encode(string(&case["text"]), Tables::default()).unwrap(),
            septets,
            "{id}"
        );
        assert_eq!(
            gsm7::decode(&septets, Tables::default()),
            string(&case["text"]),
            "{id}"
        );
        assert_eq!(septets.len(), number(&case["n_septets"]), "{id}");
        let packed = octets(&case["packed"]);
        if case["mode"] == "ussd" {
            assert_eq!(gsm7::pack_ussd(&septets), packed, "{id}");
            assert_eq!(gsm7::unpack_ussd(&packed), septets, "{id}");
        } else {
            assert_eq!(gsm7::pack(&septets, 0), packed, "{id}");
            assert_eq!(gsm7::unpack_sms(&packed, 0), septets, "{id}");
        }
        if let Some(fill_bits) = case.get("fill_bits") {
            let (fill_bits, packed) = (number(fill_bits), octets(&case["packed_with_fill"]));
            assert_eq!(gsm7::pack(&septets, fill_bits), packed, "{id}");
            assert_eq!(gsm7::unpack_sms(&packed, fill_bits), septets, "{id}");
        }
    }
}

#[test]
fn texts_of_libosmocores_own_tests_are_packed_the_same() {
    let file = vectors("gsm0338_7bit.json");
    let cases = list(&file["from_repo"]);
    assert_eq!(cases.len(), 10);
    for case in cases {
        let (text, packed) = (string(&case["text"]), octets(&case["packed"]));
        let septets = gsm7::encode(text, Tables::default()).unwrap();
        let (made, read) = if case["mode"] == "ussd" {
            (gsm7::pack_ussd(&septets), gsm7::unpack_ussd(&packed))
        } else {
            (gsm7::pack(&septets, 0), gsm7::unpack_sms(&packed, 0))
        };
        assert_eq!((made, read), (packed, septets), "{text:?}");
    }
}

/// Every place of every table, against two projects that typed the annex each on their own. The
/// places where one of them differs are listed, with what it has there; there are no others.
#[test]
fn the_tables_are_those_that_others_typed() {
    let file = vectors("gsm0338_national_tables.json");
    for (source, exceptions) in [("gsmcodecs", GSMCODECS), ("lib3gpp23038", LIB3GPP23038)] {
        let mut differing = Vec::new();
        for (name, rows) in file["tables"][source].as_object().unwrap() {
            let (kind, identifier) = name.split_once('-').unwrap();
            let language = Language::from_identifier(identifier.parse().unwrap());
            let rows = list(rows);
            let theirs = rows.iter().flat_map(|row| string(row).split(' '));
            for (septet, theirs) in (0..128).zip(theirs) {
                let theirs = u32::from_str_radix(theirs, 16)
                    .ok()
                    .and_then(char::from_u32);
                if septet != 0x1B && ours(kind, language, septet) != theirs {
                    differing.push((name.clone(), septet, theirs));
                }
            }
        }
        differing.sort();
        let mut expected: Vec<_> = exceptions
            .iter()
            .map(|&(n, s, c)| (n.to_owned(), s, c))
            .collect();
        expected.sort();
        assert_eq!(differing, expected, "{source}");
        assert_eq!(file["tables"][source].as_object().unwrap().len(), 27);
    }
}

#[test]
fn a_short_message_around_a_secured_packet_is_split() {
    let file = vectors("sms_submit_mo.json");
    let cases = list(&file["vectors"]);
    assert_eq!(cases.len(), 8);
    for case in cases {
        let id = string(&case["id"]);
        let deliver = &case["smpp_deliver_sm"];
        let coding = DataCoding::from_smpp(octets(&deliver["data_coding"])[0]);
        let with_header = octets(&deliver["esm_class"])[0] & 0x40 != 0;
        let carriage = Carriage {
            coding,
            smsc: SmscAlphabet::Gsm7Unpacked,
            with_header,
        };
        let message = Message::read(&octets(&deliver["short_message"]), carriage).unwrap();
        assert_eq!(coding.alphabet, Alphabet::EightBit, "{id}");
        assert_eq!(
            message.header.element(COMMAND_PACKET),
            Some(&[][..]),
            "{id}"
        );
        assert_eq!(message.body, octets(&case["packet"]), "{id}");
        assert_eq!(message.concatenation(None), None, "{id}");
    }
}

/// What `gsmcodecs` has otherwise: an apostrophe where all others read a comma (the apostrophe has
/// its place in the single shift tables), the annex's misprint in Kannada, no euro sign in Telugu.
const GSMCODECS: &[(&str, u8, Option<char>)] = &[
    ("locking-4", 0x2C, Some('\'')),
    ("locking-5", 0x2C, Some('\'')),
    ("locking-6", 0x2C, Some('\'')),
    ("locking-7", 0x24, Some('\u{0CAA}')),
    ("locking-7", 0x2C, Some('\'')),
    ("locking-8", 0x2C, Some('\'')),
    ("locking-9", 0x2C, Some('\'')),
    ("locking-10", 0x2C, Some('\'')),
    ("locking-11", 0x2C, Some('\'')),
    ("locking-12", 0x2C, Some('\'')),
    ("locking-13", 0x2C, Some('\'')),
    ("single-12", 0x65, None),
];

/// What `lib3gpp23038` has otherwise: a small cedilla as in the first edition, slips of its own,
/// and the annex's misprints in Kannada, Tamil and Telugu.
const LIB3GPP23038: &[(&str, u8, Option<char>)] = &[
    ("locking-0", 0x09, Some('ç')),
    ("locking-1", 0x1F, Some(' ')),
    ("locking-7", 0x24, Some('\u{0CAA}')),
    ("locking-9", 0x47, Some('\u{0B3C}')),
    ("single-10", 0x23, Some('O')),
    ("single-11", 0x24, Some('\u{0BEF}')),
    ("single-12", 0x22, Some('\u{06CC}')),
    ("single-12", 0x23, Some('\u{06CD}')),
    ("single-12", 0x65, None),
];

/// The symbol at one place of one table, seen through the decoder. A single shift place without a
/// symbol falls back on the locking table, which is why the locking table here has others.
fn ours(kind: &str, language: Option<Language>, septet: u8) -> Option<char> {
    let read = |octets: &[u8], tables| gsm7::decode(octets, tables).chars().next();
    if kind == "locking" {
        let tables = Tables {
            locking: language,
            single: None,
        };
        return read(&[septet], tables).filter(|&symbol| symbol != char::REPLACEMENT_CHARACTER);
    }
    let fallback = |locking| {
        read(
            &[0x1B, septet],
            Tables {
                locking,
                single: language,
            },
        )
    };
    let plain = |locking| {
        read(
            &[septet],
            Tables {
                locking,
                single: language,
            },
        )
    };
    let tables = [
        None,
        Some(Language::Urdu),
        Some(Language::Telugu),
        Some(Language::Turkish),
    ];
    let falls_back = tables
        .iter()
        .all(|&locking| fallback(locking) == plain(locking));
    if falls_back { None } else { fallback(None) }
}

fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap().try_into().unwrap()
}

fn octets(value: &Value) -> Vec<u8> {
    hex::decode(string(value)).unwrap()
}
