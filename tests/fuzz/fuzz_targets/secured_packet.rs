//! No octets make the opener of secured packets panic, nor pass it without the key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use svgate::auth::aes_key::AesKey;
use svgate::auth::command::open_command;
use svgate::auth::secured_packet::{KeyProfile, KeyRecord, Spi1, Tar};
use svgate::auth::sim_keys::SimKeys;
use svgate::dialogue::secured_order::SecuredOrder;
use svgate::dialogue::secured_reply::SecuredReply;

fuzz_target!(|octets: &[u8]| {
    let (Ok(kic), Ok(kid), Ok(cc)) = (0x12.try_into(), 0x12.try_into(), 8_usize.try_into()) else {
        return;
    };
    let profile =
        KeyProfile { kic, kid, cc, spi1_min: Spi1(0x12), tar: Tar([0xB2, 0xF0, 0x01]) };
    let keys = SimKeys { kic: AesKey::Aes128([1; 16]), kid: AesKey::Aes128([2; 16]) };
    let _ = open_command(octets, &KeyRecord { profile, keys });
    let _ = SecuredOrder::decode(octets);
    let _ = SecuredReply::decode(octets);
});
