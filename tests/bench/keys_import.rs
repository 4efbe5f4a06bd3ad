//! What a card vendor's file of keys costs beside a plain file of as many subscribers: both by their own
//! commands, in turns, each into books of its own.
//!
//! `tests/bench/run keys_import [--cards N] [--turns N]`

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use svgate::auth::aes_key::AesKey;
use svgate::auth::iccid::Iccid;
use svgate::auth::key_wrap::{TransportKey, check_value};
use svgate::auth::vendor_file::{COLUMNS, KEY_COLUMNS};
use svgate::config::SHIPPED;

const TRANSPORT: [u8; 32] = *b"the transport key of this bench.";
const MAC: [u8; 32] = *b"the key of the MAC of this bench";

fn main() {
    let cards = argument("--cards", 1_000_000);
    let turns = argument("--turns", 3);
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path(), cards);
    let (mut keys, mut plain) = (Vec::new(), Vec::new());
    for turn in 0..turns {
        let site = folder.path().join(format!("site-{turn}"));
        site_in(&site);
        let vendor = [
            "keys import ../vendor.csv --transport-key-file ../transport --mac-key-file ../mac",
            "--who bench --config svgate.toml",
        ];
        keys.push(timed(&site, &vendor.join(" ")));
        let subscribers = "subscriber import ../subscribers.csv --config svgate.toml";
        // Into the same books: each line takes its card's keys.
        let taking = timed(&site, subscribers);
        fs::remove_dir_all(&site).unwrap();
        site_in(&site);
        plain.push(timed(&site, subscribers));
        fs::remove_dir_all(&site).unwrap();
        let (keys, plain) = (keys[keys.len() - 1], plain[plain.len() - 1]);
        println!(
            "turn {turn}: keys {}/s, subscribers {}/s, subscribers that take keys {}/s",
            per_s(cards, keys),
            per_s(cards, plain),
            per_s(cards, taking)
        );
    }
    let rate = |runs: &[Duration]| per_s(cards * turns, runs.iter().sum());
    let (keys, plain) = (rate(&keys), rate(&plain));
    println!(
        "{{\"bench\":\"keys_import\",\"cards\":{cards},\"keys_per_s\":{keys},\
         \"subscribers_per_s\":{plain},\"keys_percent\":{}}}",
        keys * 100 / plain
    );
}

fn write_files(folder: &Path, cards: u32) {
    let transport = TransportKey::new(&TRANSPORT);
    let mut vendor = COLUMNS.join(",") + "\n";
    let mut subscribers = "subscriber,msisdn,iccid,imsi,language,class,currency,\
                           credit_limit_minor,cap_minor,key_version\n"
        .to_owned();
    for number in 1..=cards {
        let (iccid, imsi) = (iccid(number), format!("26201{number:010}"));
        write!(vendor, "{iccid},{imsi},1").unwrap();
        for (column, at) in KEY_COLUMNS.into_iter().zip(0_u32..) {
            let seed = [number.to_be_bytes(), at.to_be_bytes()].concat();
            let key = AesKey::Aes128(AesKey::Aes128([1; 16]).cmac(&[&seed]));
            let nonce = [&[0; 4], seed.as_slice()].concat().try_into().unwrap();
            let place = format!("{iccid},{column},1");
            let sealed = hex::encode(transport.seal(&key, &place, nonce).unwrap());
            write!(vendor, ",{sealed},{}", hex::encode(check_value(&key))).unwrap();
        }
        vendor.push('\n');
        writeln!(
            subscribers,
            "A{number},+4915{number:09},{iccid},{imsi},en,standard,EUR,10000,5000,1"
        )
        .unwrap();
    }
    let mac = hex::encode(AesKey::Aes256(MAC).cmac(&[vendor.as_bytes()]));
    writeln!(vendor, "#mac,{mac}").unwrap();
    fs::write(folder.join("vendor.csv"), vendor).unwrap();
    fs::write(folder.join("subscribers.csv"), subscribers).unwrap();
    for (name, key) in [("transport", TRANSPORT), ("mac", MAC)] {
        secret(&folder.join(name), &hex::encode(key));
    }
}

fn iccid(number: u32) -> String {
    let body = format!("894900000{number:09}");
    let mut with_digit = (0..10).map(|check| format!("{body}{check}"));
    with_digit
        .find(|text| text.parse::<Iccid>().is_ok())
        .unwrap()
}

fn site_in(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let config = SHIPPED.replace("operators_needed = 2", "operators_needed = 0");
    fs::write(folder.join("svgate.toml"), config).unwrap();
    secret(&folder.join("smsc-main.password"), "secret08");
    timed(folder, "keys init --out master.key");
}

fn secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// How long this takes.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timed(folder: &Path, words: &str) -> Duration {
    let began = std::time::Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_svgate"));
    command.args(words.split(' ')).current_dir(folder);
    let ended = command.output().unwrap();
    let took = began.elapsed();
    let err = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{words}: {err}");
    took
}

fn per_s(count: u32, took: Duration) -> u64 {
    let rate = u128::from(count) * 1_000_000 / took.as_micros().max(1);
    u64::try_from(rate).unwrap()
}

/// A number from the command line.
fn argument(name: &str, default: u32) -> u32 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.next();
    arguments
        .next()
        .map_or(default, |value| value.parse().unwrap())
}
