//! Secured packets against every vector of `tests/vectors/`, and the properties that hold for any
//! packet. The card's side reads the same files.

use proptest::prelude::*;
use serde_json::Value;
use svgate::auth::Refusal;
use svgate::auth::aes_key::AesKey;
use svgate::auth::command::{CommandDraft, open_command, refuse_stranger, seal_command};
use svgate::auth::replay::{JUMP_MAX, LastHeard, Verdict, judge};
use svgate::auth::response::{ResponseDraft, open_response, read_unproved_response, seal_response};
use svgate::auth::secured_packet::{
    CcLength, KeyOctet, KeyProfile, KeyRecord, Spi, Spi1, Spi2, Tar,
};
use svgate::auth::sim_keys::SimKeys;

#[test]
fn every_generated_command_is_opened_and_sealed_again() {
    let file = read(include_str!("../vectors/generated_commands_aes.json"));
    let vectors = list(&file, "vectors");
    assert_eq!(vectors.len(), 27);
    for vector in vectors {
        check_command(vector, number(vector, "cntr"));
    }
}

#[test]
fn the_aes_commands_and_responses_of_pysim_and_gsm0348_are_opened_and_sealed_again() {
    let pysim = read(include_str!("../vectors/pysim_repo_ota.json"));
    let gsm0348 = read(include_str!("../vectors/gsm0348_repo_ota.json"));
    let commands: Vec<&Value> = [&pysim, &gsm0348]
        .into_iter()
        .flat_map(|file| list(file, "commands"))
        .filter(|vector| vector["alg"] == "aes")
        .collect();
    assert_eq!(commands.len(), 7);
    for vector in commands {
        let field = if vector["cntr"].is_string() {
            "cntr"
        } else {
            "cntr_in"
        };
        check_command(vector, number(vector, field));
    }

    let answered = list(&pysim, "commands")
        .iter()
        .filter(|vector| vector["alg"] == "aes");
    for vector in answered {
        let response = &vector["response"];
        let opened = open_response(
            &after_udh(response),
            Spi2(octets(vector, "spi")[1]),
            &record(vector),
        );
        let opened = opened.unwrap();
        assert_eq!(opened.data, octets(response, "response_data"));
        assert_eq!((opened.status, opened.counter), (0, 0));
    }
    let mut checked = 0;
    for vector in list(&gsm0348, "responses")
        .iter()
        .filter(|vector| vector["alg"] == "aes")
    {
        let mut vector = vector.clone();
        vector["kic"] = vector["kid"].clone();
        vector["tar"] = "000001".into();
        let opened = open_response(&after_udh(&vector), Spi2(0x09), &record(&vector)).unwrap();
        assert_eq!(opened.data, octets(&vector["expect"], "data"));
        checked += 1;
    }
    assert_eq!(checked, 1);
}

#[test]
fn a_packet_of_the_des_family_is_refused_whatever_key_is_registered() {
    let pysim = read(include_str!("../vectors/pysim_repo_ota.json"));
    let gsm0348 = read(include_str!("../vectors/gsm0348_repo_ota.json"));
    let mut refused = 0;
    for vector in list(&pysim, "commands")
        .iter()
        .chain(list(&gsm0348, "commands"))
    {
        if vector["alg"] == "aes" {
            continue;
        }
        let packet = octets(vector, "packet");
        let mut aes = vector.clone();
        (aes["kic"], aes["kid"]) = (SOME_KEY.into(), SOME_KEY.into());
        for field in ["kic_byte", "kid_byte"] {
            aes[field] = hex::encode([octets(vector, field)[0] & 0xF0 | 2]).into();
        }
        let refusal = open_command(&packet, &record(&aes)).err().unwrap();
        let expected = if Spi1(packet[3]).has_cc() {
            Refusal::AlgorithmRefused
        } else {
            Refusal::InsufficientSecurityLevel
        };
        assert_eq!(refusal, expected, "{}", vector["id"]);
        refused += 1;
    }
    assert_eq!(refused, 33);
}

#[test]
fn a_response_of_the_des_family_proves_nothing_and_one_without_checksum_can_be_read() {
    let pysim = read(include_str!("../vectors/pysim_repo_ota.json"));
    let gsm0348 = read(include_str!("../vectors/gsm0348_repo_ota.json"));
    let (mut refused, mut unproved) = (0, 0);
    for vector in list(&pysim, "responses")
        .iter()
        .chain(list(&gsm0348, "responses"))
    {
        if vector["alg"] == "aes" {
            continue;
        }
        let mut aes = vector.clone();
        (aes["kic"], aes["kid"]) = (SOME_KEY.into(), SOME_KEY.into());
        let packet = after_udh(vector);
        aes["tar"] = hex::encode(&packet[3..6]).into();
        for spi2 in [0x09, 0x19] {
            assert!(open_response(&packet, Spi2(spi2), &record(&aes)).is_err());
        }
        refused += 1;
        if let Ok(response) = read_unproved_response(&packet) {
            let data = if vector["expect"].is_object() {
                octets(&vector["expect"], "data")
            } else {
                octets(vector, "response_data")
            };
            assert_eq!((response.status, response.data), (0, data));
            unproved += 1;
        }
    }
    assert_eq!((refused, unproved), (8, 4));
}

#[test]
fn every_generated_response_is_opened_and_sealed_again() {
    let file = read(include_str!("../vectors/generated_responses_aes.json"));
    let vectors = list(&file, "vectors");
    assert_eq!(vectors.len(), 16);
    for vector in vectors {
        let packet = octets(vector, "packet");
        let record = record(vector);
        let spi2 = Spi2(octets(vector, "spi2")[0]);
        let opened = if vector["cc_len"] == 0 {
            let unproved = open_response(&packet, spi2, &record).err();
            assert_eq!(unproved, Some(Refusal::InsufficientSecurityLevel));
            read_unproved_response(&packet).unwrap()
        } else {
            open_response(&packet, spi2, &record).unwrap().into_inner()
        };
        assert_eq!(
            opened.data,
            octets(vector, "response_data"),
            "{}",
            vector["id"]
        );
        assert_eq!(opened.counter, number(vector, "cntr"));
        assert_eq!(opened.status, octets(vector, "status")[0]);
        let (data, counter, status) = (opened.data.as_slice(), opened.counter, opened.status);
        let sealed = seal_response(
            &ResponseDraft {
                counter,
                status,
                data,
            },
            spi2,
            &record,
        );
        if vector["cc_len"] != 0 && vector["pad_first_octet"] == "00" {
            assert_eq!(sealed.unwrap(), packet, "{}", vector["id"]);
        }
        // The UDH under its checksum keeps a response from passing for a command.
        assert!(open_command(&packet, &record).is_err());
    }
}

#[test]
fn every_wrong_command_is_refused_with_the_class_that_it_is_named_for() {
    let file = read(include_str!("../vectors/negative_commands.json"));
    let vectors = list(&file, "vectors");
    assert_eq!(vectors.len(), 22);
    for vector in vectors {
        let mut registered = vector["registered"].clone();
        (registered["kic"], registered["kid"]) = (vector["kic"].clone(), vector["kid"].clone());
        let mut record = record(&registered);
        record.profile.spi1_min = Spi1(0x12);
        let last = LastHeard {
            counter: number(&registered, "stored_cntr"),
            digest: None,
        };
        let packet = octets(vector, "packet");
        let class = match open_command(&packet, &record) {
            Err(refusal) => Some(refusal),
            Ok(opened) => judge(&opened, &last, JUMP_MAX).refusal(),
        };
        let expected = vector["expect"].as_str().unwrap();
        if expected == "malformed_or_ignored_bit" {
            assert_eq!(class, None, "reserved bits are ignored");
            continue;
        }
        let class = class.unwrap();
        assert_eq!(class.class(), expected, "{}", vector["id"]);
        let status = format!("{:02x}", class.status());
        let named = vector["por"].as_str().unwrap();
        assert!(
            named.split('|').any(|por| por == status),
            "{}",
            vector["id"]
        );
    }
}

#[test]
fn another_application_is_refused_before_anything_else_is_looked_at() {
    let record = plain_record();
    let mut packet = seal_command(&draft(0x16, 1, b"order"), &record).unwrap();
    packet[7] ^= 1;
    packet[3] = 0;
    assert_eq!(
        open_command(&packet, &record).err(),
        Some(Refusal::UnknownTar)
    );
}

#[test]
fn an_authentic_packet_that_pads_without_ciphering_is_malformed() {
    let record = plain_record();
    let mut packet = seal_command(&draft(0x12, 1, b"order"), &record).unwrap();
    packet[15] = 2;
    let cc = record.keys.kid.cmac(&[&packet[..16], &packet[24..]]);
    packet[16..24].copy_from_slice(&cc[..8]);
    assert_eq!(
        open_command(&packet, &record).err(),
        Some(Refusal::Malformed)
    );
}

#[test]
fn a_stranger_is_refused_whatever_the_packet_holds() {
    let decoy = plain_record();
    let packet = seal_command(&draft(0x16, 1, b"order"), &decoy).unwrap();
    assert_eq!(refuse_stranger(&packet, &decoy), Refusal::UnknownSender);
    assert_eq!(refuse_stranger(&packet[..9], &decoy), Refusal::Malformed);
}

#[test]
fn the_same_packet_is_repeated_and_another_under_its_counter_is_an_alarm() {
    let record = plain_record();
    let open = |data: &[u8]| {
        let packet = seal_command(&draft(0x16, 8, data), &record).unwrap();
        open_command(&packet, &record).unwrap()
    };
    let (first, other) = (open(b"order"), open(b"Order"));
    let before = LastHeard {
        counter: 7,
        digest: None,
    };
    assert_eq!(judge(&first, &before, JUMP_MAX), Verdict::Fresh);
    let after = LastHeard {
        counter: first.counter,
        digest: Some(first.digest),
    };
    assert_eq!(judge(&first, &after, JUMP_MAX), Verdict::Repeated);
    assert_eq!(
        judge(&other, &after, JUMP_MAX),
        Verdict::SameCounterOtherDigest
    );
}

proptest! {
    #[test]
    fn a_sealed_command_opens_to_what_was_sealed(
        keys in any_keys(), spi1 in any_spi1(), spi2: u8, counter in 0..1_u64 << 40,
        data in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let record = keys.record();
        let spi = Spi { spi1: Spi1(spi1), spi2: Spi2(spi2) };
        let packet = seal_command(&CommandDraft { spi, counter, data: &data }, &record).unwrap();
        let opened = open_command(&packet, &record).unwrap().into_inner();
        prop_assert_eq!((opened.spi, opened.counter), (spi, counter));
        prop_assert_eq!(opened.data, data);
    }

    #[test]
    fn a_sealed_response_opens_to_what_was_sealed(
        keys in any_keys(), ciphered: bool, counter in 0..1_u64 << 40, status: u8,
        data in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let record = keys.record();
        let spi2 = Spi2(if ciphered { 0x19 } else { 0x09 });
        let draft = ResponseDraft { counter, status, data: &data };
        let packet = seal_response(&draft, spi2, &record).unwrap();
        let opened = open_response(&packet, spi2, &record).unwrap().into_inner();
        prop_assert_eq!((opened.status, opened.counter), (status, counter));
        prop_assert_eq!(opened.data, data);
    }

    #[test]
    fn a_packet_with_any_bit_flipped_is_refused(
        keys in any_keys(), spi1 in any_spi1(), bit: prop::sample::Index,
        data in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let record = keys.record();
        let mut packet = seal_command(&draft(spi1, 9, &data), &record).unwrap();
        let bit = bit.index(packet.len() * 8);
        packet[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(open_command(&packet, &record).is_err());
    }

    #[test]
    fn octets_that_nobody_sealed_are_refused_without_a_panic(
        mut octets in proptest::collection::vec(any::<u8>(), 0..200), fitting: bool, ciphered: bool,
    ) {
        let record = plain_record();
        if fitting && octets.len() >= 24 {
            // Right lengths and a right header lead the reader past the first checks.
            let cpl = u8::try_from(octets.len() - 2).unwrap();
            let spi1 = if ciphered { 0x16 } else { 0x12 };
            octets[..7].copy_from_slice(&[0, cpl, 21, spi1, 0, 0x12, 0x12]);
            octets[7..10].copy_from_slice(&record.profile.tar.0);
        }
        prop_assert!(open_command(&octets, &record).is_err());
        prop_assert!(open_response(&octets, Spi2(0x19), &record).is_err());
        let _ = read_unproved_response(&octets);
    }
}

fn check_command(vector: &Value, counter: u64) {
    let packet = octets(vector, "packet");
    let record = record(vector);
    let spi = octets(vector, "spi");
    let spi = Spi {
        spi1: Spi1(spi[0]),
        spi2: Spi2(spi[1]),
    };
    let data = octets(vector, "secured_data");

    let opened = open_command(&packet, &record).unwrap();
    assert_eq!(opened.data, data, "{}", vector["id"]);
    assert_eq!(
        (opened.counter, opened.spi, opened.tar),
        (counter, spi, record.profile.tar)
    );
    let sealed = seal_command(
        &CommandDraft {
            spi,
            counter,
            data: &data,
        },
        &record,
    )
    .unwrap();
    assert_eq!(sealed, packet, "{}", vector["id"]);
}

fn draft(spi1: u8, counter: u64, data: &[u8]) -> CommandDraft<'_> {
    CommandDraft {
        spi: Spi {
            spi1: Spi1(spi1),
            spi2: Spi2(0),
        },
        counter,
        data,
    }
}

fn plain_record() -> KeyRecord {
    record(&serde_json::json!({
        "kic": SOME_KEY, "kid": SOME_KEY, "kic_byte": "12", "kid_byte": "12", "tar": "b2f001",
        "cc_len": 8,
    }))
}

/// A record that admits the vector's packet: the least level is a checksum.
fn record(vector: &Value) -> KeyRecord {
    let key = |name| AesKey::try_from(octets(vector, name).as_slice()).unwrap();
    let octet = |name: &str| {
        let octet = if vector[name].is_string() {
            octets(vector, name)[0]
        } else {
            0x12
        };
        KeyOctet::try_from(octet).unwrap()
    };
    let cc = if vector["cc_len"] == 4 {
        CcLength::Four
    } else {
        CcLength::Eight
    };
    let tar = Tar(octets(vector, "tar").try_into().unwrap());
    let (kic, kid) = (octet("kic_byte"), octet("kid_byte"));
    KeyRecord {
        profile: KeyProfile {
            kic,
            kid,
            cc,
            spi1_min: Spi1(0x02),
            tar,
        },
        keys: SimKeys {
            kic: key("kic"),
            kid: key("kid"),
        },
    }
}

/// What a record is made of, for keys of every size and both checksum lengths.
#[derive(Clone, Debug)]
struct AnyKeys {
    kic: Vec<u8>,
    kid: Vec<u8>,
    octets: [u8; 5],
    four: bool,
}

impl AnyKeys {
    fn record(&self) -> KeyRecord {
        let [kic, kid, tar @ ..] = self.octets;
        KeyRecord {
            profile: KeyProfile {
                kic: KeyOctet::try_from(kic & 0xF0 | 2).unwrap(),
                kid: KeyOctet::try_from(kid & 0xF0 | 2).unwrap(),
                cc: if self.four {
                    CcLength::Four
                } else {
                    CcLength::Eight
                },
                spi1_min: Spi1(0x02),
                tar: Tar(tar),
            },
            keys: SimKeys {
                kic: AesKey::try_from(self.kic.as_slice()).unwrap(),
                kid: AesKey::try_from(self.kid.as_slice()).unwrap(),
            },
        }
    }
}

fn any_keys() -> impl Strategy<Value = AnyKeys> {
    let key = || {
        prop_oneof![Just(16_usize), Just(24), Just(32)]
            .prop_flat_map(|octets| proptest::collection::vec(any::<u8>(), octets))
    };
    (key(), key(), any::<[u8; 5]>(), any::<bool>()).prop_map(|(kic, kid, octets, four)| AnyKeys {
        kic,
        kid,
        octets,
        four,
    })
}

/// Any level with a checksum, reserved bits included.
fn any_spi1() -> impl Strategy<Value = u8> {
    any::<u8>().prop_map(|spi1| spi1 & !3 | 2)
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn list<'a>(file: &'a Value, name: &str) -> &'a Vec<Value> {
    file[name].as_array().unwrap()
}

fn octets(vector: &Value, name: &str) -> Vec<u8> {
    hex::decode(vector[name].as_str().unwrap()).unwrap()
}

fn after_udh(vector: &Value) -> Vec<u8> {
    let octets = octets(vector, "tp_ud");
    assert_eq!(octets[..3], [0x02, 0x71, 0x00]);
    octets[3..].to_vec()
}

fn number(vector: &Value, name: &str) -> u64 {
    u64::from_str_radix(vector[name].as_str().unwrap(), 16).unwrap()
}

const SOME_KEY: &str = "000102030405060708090a0b0c0d0e0f";
