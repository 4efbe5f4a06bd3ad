//! The applet's vectors, and what is refused of them.

use serde_json::Value;

use super::*;
use crate::auth::aes_key::AesKey;
use crate::auth::secured_packet::{CcLength, KeyOctet, KeyProfile, Tar};
use crate::auth::sim_keys::SimKeys;

const VECTORS: &str = include_str!("../../../tests/vectors/applet_commands.json");

fn vectors() -> Vec<Value> {
    let all: Value = serde_json::from_str(VECTORS).unwrap();
    all["ussd_orders"].as_array().unwrap().clone()
}

fn octets(vector: &Value, key: &str) -> Vec<u8> {
    hex::decode(vector[key].as_str().unwrap()).unwrap()
}

fn record(vector: &Value) -> KeyRecord {
    let key = || AesKey::try_from(octets(vector, "kid").as_slice()).unwrap();
    let octet = KeyOctet::try_from(octets(vector, "kid_octet")[0]).unwrap();
    KeyRecord {
        profile: KeyProfile {
            kic: octet,
            kid: octet,
            cc: CcLength::try_from(4).unwrap(),
            spi1_min: Spi1(0x12),
            tar: Tar(octets(vector, "tar").try_into().unwrap()),
        },
        keys: SimKeys {
            kic: key(),
            kid: key(),
        },
    }
}

fn text_octets(vector: &Value) -> Vec<u8> {
    let text = vector["text"].as_str().unwrap();
    let digits = text
        .strip_prefix(vector["prefix"].as_str().unwrap())
        .unwrap();
    hex::decode(digits).unwrap()
}

#[test]
fn what_the_applet_sends_is_proven() {
    assert_eq!(vectors().len(), 3);
    for vector in vectors() {
        let opened = open_short_order(&text_octets(&vector), &record(&vector)).unwrap();
        assert_eq!(Some(opened.counter), vector["counter"].as_u64());
        assert_eq!(opened.data, octets(&vector, "order"));
    }
}

#[test]
fn a_changed_octet_or_a_record_that_asks_for_more_is_refused() {
    let vector = vectors().remove(0);
    let right = text_octets(&vector);
    for place in 0..right.len() {
        let mut changed = right.clone();
        changed[place] ^= 1;
        let refused = open_short_order(&changed, &record(&vector)).unwrap_err();
        let wanted = match place {
            5 => Refusal::AlgorithmRefused,
            _ => Refusal::CcFailed,
        };
        assert_eq!(refused, wanted, "octet {place}");
    }
    for length in 0..right.len() {
        assert!(open_short_order(&right[..length], &record(&vector)).is_err());
    }
    let mut dearer = record(&vector);
    dearer.profile.spi1_min = Spi1(0x16);
    let refused = open_short_order(&right, &dearer).unwrap_err();
    assert_eq!(refused, Refusal::InsufficientSecurityLevel);
    let mut longer = record(&vector);
    longer.profile.cc = CcLength::Eight;
    let refused = open_short_order(&right, &longer).unwrap_err();
    assert_eq!(refused, Refusal::CcLengthRefused);
    assert_eq!(
        refuse_short_stranger(&right, &record(&vector)),
        Refusal::UnknownSender
    );
}
