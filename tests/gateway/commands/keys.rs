//! A vendor's file of keys: every fault is told, it is imported whole or not at all, by two operators.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use svgate::auth::aes_key::AesKey;
use svgate::auth::key_wrap::{TransportKey, check_value};
use svgate::auth::vendor_file::{COLUMNS, KEY_COLUMNS};
use svgate::config::SHIPPED;

use super::{Ended, Office};

const TRANSPORT: [u8; 32] = *b"the transport key of all tests..";
const MAC: [u8; 32] = *b"the key of MACs of all tests....";

/// A line by column, in the order of [`COLUMNS`].
pub(super) type Line = Vec<String>;

/// The `number`-th card, with keys of `version`.
pub(super) fn line(number: u32, version: &str) -> Line {
    let body = format!("894900000{number:09}");
    let checks = (0..10).map(|check| format!("{body}{check}"));
    let iccid = checks
        .filter(|digits| digits.parse::<svgate::auth::iccid::Iccid>().is_ok())
        .collect::<String>();
    let mut line = vec![
        iccid.clone(),
        format!("26201{number:010}"),
        version.to_owned(),
    ];
    for column in KEY_COLUMNS {
        line.extend(sealed(
            &iccid,
            column,
            version,
            &drawn(&[&iccid, column, version]),
        ));
    }
    line
}

/// A key that looks random, of these words.
fn drawn(words: &[&str]) -> AesKey {
    AesKey::Aes128(AesKey::Aes128([1; 16]).cmac(&[words.join("/").as_bytes()]))
}

fn sealed(iccid: &str, column: &str, version: &str, key: &AesKey) -> [String; 2] {
    let place = format!("{iccid},{column},{version}");
    let nonce = drawn(&["nonce", &place]).expose_octets()[..12].try_into();
    let sealed = TransportKey::new(&TRANSPORT).seal(key, &place, nonce.unwrap());
    [hex::encode(sealed.unwrap()), hex::encode(check_value(key))]
}

pub(super) fn secret(office: &Office, name: &str, text: &str) -> PathBuf {
    let path = office.write(name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// An office where keys are imported by whoever says a name.
pub(super) fn office() -> Office {
    let office = Office::new();
    let text = SHIPPED.replace("operators_needed = 2", "operators_needed = 0");
    office.write("svgate.toml", &text);
    secret(&office, "transport", &hex::encode(TRANSPORT));
    secret(&office, "mac", &hex::encode(MAC));
    office
}

/// Writes a file with the right MAC and returns the command that imports it.
pub(super) fn import(office: &Office, name: &str, lines: &[Line]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| line.join(",")).collect();
    let body = format!("{}\n{}\n", COLUMNS.join(","), lines.join("\n"));
    let mac = hex::encode(AesKey::Aes256(MAC).cmac(&[body.as_bytes()]));
    let file = office.write(name, &format!("{body}#mac,{mac}\n"));
    let (transport, mac) = (office.path("transport"), office.path("mac"));
    format!(
        "keys import {} --transport-key-file {} --mac-key-file {} --who alice --json",
        file.display(),
        transport.display(),
        mac.display()
    )
}

/// What is told of the first column that is wrong.
fn refused(office: &Office, lines: &[Line]) -> (u64, String, String) {
    let ended = office.ends(&import(office, "bad.csv", lines), 3);
    let told = &ended.json()[0];
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (
        told["line"].as_u64().unwrap(),
        text("column"),
        text("problem"),
    )
}

pub(super) fn whats(office: &Office) -> Vec<String> {
    let log = office.ends("keys log --json", 0).json();
    log.iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap();
            format!("{} {} {}", text("who"), text("what"), text("subject"))
        })
        .collect()
}

#[test]
fn a_file_is_imported_once_whole_and_logged() {
    let office = office();
    let lines: Vec<Line> = (1..=2_500).map(|number| line(number, "1")).collect();
    let command = import(&office, "vendor.csv", &lines);
    let dry = office.ends(&format!("{command} --dry-run"), 0).json();
    assert_eq!(
        (&dry[0]["lines"], &dry[0]["added"]),
        (&2_500.into(), &0.into())
    );
    let value = hex::encode(check_value(&AesKey::Aes256(TRANSPORT)));
    assert_eq!(dry[0]["transport_check_value"], value);
    assert_eq!(office.ends(&command, 0).json()[0]["added"], 2_500);
    assert_eq!(office.ends(&command, 0).json()[0]["added"], 0, "again");
    // Other versions side by side, and a file that has lines of the first one again.
    let other = [line(1, "1"), line(2, "2")];
    let other = office.ends(&import(&office, "other.csv", &other), 0);
    assert_eq!(other.json()[0]["added"], 1);
    assert_eq!(
        whats(&office),
        [
            "alice import_begun vendor.csv",
            "alice import_completed vendor.csv",
            "alice import_begun other.csv",
            "alice import_completed other.csv",
        ]
    );
}

#[test]
fn each_fault_is_told_with_its_line_and_nothing_is_stored() {
    let office = office();
    let with = |column: usize, text: &str| {
        let mut bad = line(2, "1");
        text.clone_into(&mut bad[column]);
        [line(1, "1"), bad]
    };
    let told = |lines: &[Line], column: &str, words: &str| {
        let (number, at, problem) = refused(&office, lines);
        assert_eq!((number, at.as_str()), (3, column), "{problem}");
        assert!(problem.contains(words), "{problem}");
    };
    told(&with(0, "8949000000000000029"), "iccid", "Luhn");
    told(&with(1, "2620x"), "imsi", "6 to 15 digits");
    told(&with(2, "0"), "key_version", "1 to 255");
    told(&with(3, "00ff"), "mo_kic", "does not open");
    told(&with(4, "000000"), "mo_kic", "check value");
    let [first, mut swapped] = [line(1, "1"), line(2, "1")];
    swapped[3..].clone_from_slice(&first[3..]);
    told(&[first.clone(), swapped], "mo_kic", "swapped");
    told(
        &[first.clone(), first.clone()],
        "iccid",
        "the same as in line 2",
    );
    let mut same_imsi = line(2, "1");
    same_imsi[1].clone_from(&first[1]);
    told(&[first.clone(), same_imsi], "imsi", "the same as in line 2");
    // A key of the first card in another place of the second, sealed for it.
    let key = drawn(&[&first[0], "mo_kic", "1"]);
    let mut repeated = line(2, "1");
    let [sealed_key, value] = sealed(&repeated[0].clone(), "mt_kid", "1", &key);
    (repeated[9], repeated[10]) = (sealed_key, value);
    told(
        &[first.clone(), repeated],
        "mt_kid",
        "the same key stands in line 2",
    );
    let mut weak = line(2, "1");
    let [sealed_key, value] = sealed(&weak[0].clone(), "mt_kid", "1", &AesKey::Aes128([9; 16]));
    (weak[9], weak[10]) = (sealed_key, value);
    told(&[first.clone(), weak], "mt_kid", "weak");
    let mut short = line(2, "1");
    short.pop();
    told(&[first, short], "line", "10 columns, not 11");
    assert_eq!(whats(&office), Vec::<String>::new(), "nothing was begun");
}

#[test]
fn what_the_books_have_of_a_card_is_never_changed() {
    let office = office();
    office.ends(&import(&office, "first.csv", &[line(1, "1")]), 0);
    let mut other_keys = line(1, "1");
    let [sealed_key, value] = sealed(&other_keys[0].clone(), "mo_kic", "1", &drawn(&["other"]));
    (other_keys[3], other_keys[4]) = (sealed_key, value);
    let (_, column, problem) = refused(&office, &[other_keys]);
    assert!(
        column == "key_version" && problem.contains("other keys"),
        "{problem}"
    );
    let mut other_card = line(2, "1");
    other_card[1].clone_from(&line(1, "1")[1]);
    let (_, column, problem) = refused(&office, &[other_card]);
    assert!(
        column == "imsi" && problem.contains("another card"),
        "{problem}"
    );
    let mut other_imsi = line(1, "2");
    other_imsi[1].clone_from(&line(3, "1")[1]);
    let (_, column, problem) = refused(&office, &[other_imsi]);
    assert!(
        column == "imsi" && problem.contains("another IMSI"),
        "{problem}"
    );
}

#[test]
fn a_file_that_is_not_what_its_mac_says_is_not_read() {
    let office = office();
    let command = import(&office, "vendor.csv", &[line(1, "1"), line(2, "1")]);
    let whole = fs::read_to_string(office.path("vendor.csv")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let swapped = [lines[0], lines[2], lines[1], lines[3]].join("\n");
    let without = lines[..3].join("\n");
    let cut = [lines[0], lines[1], lines[3]].join("\n");
    for (text, words) in [
        (swapped, "changed on its way"),
        (without, "cut off"),
        (cut, "changed"),
    ] {
        office.write("vendor.csv", &text);
        let ended = office.ends(&command, 3);
        assert!(
            ended.err.contains(words) && ended.output.is_empty(),
            "{ended:?}"
        );
    }
    office.write("vendor.csv", &whole);
    secret(&office, "mac", &"a601".repeat(16));
    assert!(office.ends(&command, 3).err.contains("--mac-key-file"));
    secret(&office, "mac", &hex::encode(TRANSPORT));
    assert!(office.ends(&command, 3).err.contains("each has a use"));
    fs::set_permissions(office.path("mac"), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(office.ends(&command, 3).err.contains("chmod 600"));
}

/// The command of this office with two operators, and their secrets' files.
fn by_two(office: &Office) -> String {
    let mut config = SHIPPED.to_owned();
    for name in ["alice", "bob"] {
        let made = office
            .run(&format!("keys operator {name} --json"))
            .json()
            .remove(0);
        let text = |key: &str| made[key].as_str().unwrap();
        secret(office, name, &format!("{}\n", text("secret")));
        let operator = format!(
            "[[keys.operator]]\nname = \"{name}\"\nsecret_sha256 = \"{}\"\n\n[[smsc]]\n",
            text("secret_sha256")
        );
        config = config.replacen("[[smsc]]\n", &operator, 1);
    }
    office.write("svgate.toml", &config);
    let command = import(office, "vendor.csv", &[line(1, "1")]);
    let file = |name: &str| office.path(name).display().to_string();
    format!(
        "{command} --secret-file {} --second bob --second-secret-file {}",
        file("alice"),
        file("bob")
    )
}

#[test]
fn a_master_operation_takes_two_operators_with_their_secrets() {
    let office = office();
    let command = by_two(&office);
    let said = |ended: Ended, words: &str| assert!(ended.err.contains(words), "{ended:?}");
    let alone = import(&office, "vendor.csv", &[line(1, "1")]);
    said(office.ends(&alone, 3), "2 different operators");
    // Dry runs change nothing and need nobody.
    office.ends(&format!("{alone} --dry-run"), 0);
    said(
        office.ends(&command.replace("--second bob", "--second alice"), 2),
        "another operator",
    );
    let swapped = command
        .replace("--who alice", "--who bob")
        .replace("--second bob", "--second eve");
    said(office.ends(&swapped, 3), "not that of an operator bob");
    let bob = fs::read_to_string(office.path("bob")).unwrap();
    secret(&office, "bob", &bob.replace("svo_", "svo_0"));
    said(office.ends(&command, 3), "not that of an operator bob");
    secret(&office, "bob", &bob);
    assert_eq!(office.ends(&command, 0).json()[0]["added"], 1);
    assert_eq!(
        whats(&office),
        [
            "bob and eve operator_refused keys import",
            "alice and bob operator_refused keys import",
            "alice and bob import_begun vendor.csv",
            "alice and bob import_completed vendor.csv",
        ]
    );
}

#[test]
fn what_an_operator_is_given_is_the_file_of_the_secret_and_place_holders_are_no_keys() {
    let office = office();
    let command = by_two(&office);
    let mut made = office.run("keys operator alice").output;
    let hash = made.lines().last().unwrap().to_owned();
    let config = fs::read_to_string(office.path("svgate.toml")).unwrap();
    let mut of_alice = config
        .lines()
        .skip_while(|line| *line != "name = \"alice\"");
    let before = of_alice.nth(1).unwrap().to_owned();
    office.write("svgate.toml", &config.replace(&before, &hash));
    made.push_str(&"more ".repeat(100));
    secret(&office, "alice", &made);
    office.ends(&command, 0);
    for (name, what) in [
        ("transport", "--transport-key-file"),
        ("mac", "--mac-key-file"),
    ] {
        let right = fs::read_to_string(office.path(name)).unwrap();
        secret(&office, name, &"5c".repeat(32));
        let ended = office.ends(&command, 3);
        assert!(
            ended.err.contains(what) && ended.err.contains("equal octets"),
            "{ended:?}"
        );
        secret(&office, name, &right);
    }
}

#[test]
fn nobody_writes_a_line_into_the_log_of_keys_that_another_did() {
    let office = office();
    let forged = "x\n9 2026-01-01T00:00:00Z import_completed all.csv by bob: 9 cards";
    let command = import(&office, "vendor.csv", &[line(1, "1")]);
    let ended = office.ends(&command.replace("--who alice", "--who eve\u{1b}[2K"), 2);
    assert!(ended.err.contains("--who"), "{ended:?}");
    for other in [
        "sim lock A1 --who",
        "sim unlock A1 --who",
        "subscriber pin-reset A1 --who",
        "keys rotate --account A1 --who",
        "keys operator",
    ] {
        let ended = office.run(&format!("{other} eve\u{1b}"));
        assert_eq!(ended.status, 2, "{ended:?}");
        assert!(ended.err.contains("control characters"), "{ended:?}");
    }
    // The name of a file is its vendor's.
    let moved = office.path(forged);
    fs::rename(office.path("vendor.csv"), &moved).unwrap();
    let mut words: Vec<&str> = command.split_whitespace().collect();
    let config = office.path("svgate.toml");
    words[2] = moved.to_str().unwrap();
    words.extend(["--config", config.to_str().unwrap()]);
    assert_eq!(office.run_words(&words).status, 0);
    let log = office.ends("keys log", 0).output;
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.lines().all(|line| line.contains(r#""x\n9 2026"#)));
}

#[test]
fn without_operators_a_master_operation_says_how_to_name_them() {
    let office = office();
    let command = import(&office, "vendor.csv", &[line(1, "1")]);
    office.write("svgate.toml", SHIPPED);
    let ended = office.ends(&command, 3);
    assert!(
        ended.err.contains("keys operator NAME") && ended.err.contains("operators_needed = 0"),
        "{ended:?}"
    );
}
