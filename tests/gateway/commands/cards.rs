//! Commands to cards and new keys for them, on an office's own books.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Office, demo};

/// An office with the demo's subscribers.
fn office() -> Office {
    let office = Office::new();
    office.ends(&format!("subscriber import {}", demo("subscribers.csv")), 0);
    office
}

/// The accounts of the demo's file.
fn accounts() -> Vec<String> {
    let file = fs::read_to_string(demo("subscribers.csv")).unwrap();
    let lines = file.lines().skip(1);
    lines
        .map(|line| line.split(',').next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_card_is_shown_commanded_and_given_new_keys_and_each_is_written_down() {
    let office = office();
    let account = &accounts()[0];
    let status = || {
        office
            .ends(&format!("sim status {account} --json"), 0)
            .json()
    };
    let before = status().remove(0);
    assert_eq!(
        (&before["key_version"], &before["waiting"]),
        (&1.into(), &0.into())
    );
    assert_eq!(
        (&before["pending"], &before["in_doubt"]),
        (&().into(), &false.into())
    );
    let pin = office.write("pin", "55555\n");
    fs::set_permissions(&pin, fs::Permissions::from_mode(0o600)).unwrap();
    let file = pin.display();
    for command in [
        format!("sim unblock {account} --who j.smith"),
        format!("sim unblock {account} --new-pin-file {file} --who j.smith"),
        format!("sim lock {account} --who j.smith"),
        format!("sim unlock {account} --who j.smith"),
        format!("sim text {account} --language 0 --number 18 --text Pay? --who j.smith"),
        format!("sim service {account} --number 779 --who j.smith"),
        format!("keys rotate --account {account} --who j.smith"),
        format!("sim resync {account} --who j.smith"),
    ] {
        let told = office.ends(&command, 0).output;
        assert!(
            told.contains("on") && told.contains("way to"),
            "{command}: {told}"
        );
    }
    let after = status().remove(0);
    assert_eq!(
        (&after["waiting"], &after["mt_counter"]),
        (&8.into(), &8.into())
    );
    let pending = &after["pending"];
    assert_eq!(
        (&pending["version"], &pending["times"]),
        (&2.into(), &1.into())
    );
    let shown = office.ends(&format!("sim status {account}"), 0).output;
    assert!(shown.contains("keys of version 2 on their way"), "{shown}");
    let iccid = after["iccid"].as_str().unwrap();
    let log = office
        .ends(&format!("keys log --subject {iccid} --json"), 0)
        .json();
    assert_eq!(log.len(), 8);
    assert!(log.iter().all(|event| event["who"] == "j.smith"));
    assert_eq!(
        (&log[7]["what"], &log[0]["what"]),
        (&"keys_sent".into(), &"card_command".into())
    );
    // What is under way is told by its length alone.
    let outbox = office.ends("outbox list --json", 0).output;
    assert_eq!(outbox.lines().count(), 8);
    assert!(
        !outbox.contains("55555") && !outbox.contains("user_data"),
        "{outbox}"
    );
}

#[test]
fn many_cards_get_new_keys_in_steps_until_none_is_left() {
    let office = office();
    let all = accounts().len();
    let rotate = |limit: usize| {
        let command = format!("keys rotate --all --to 2 --limit {limit} --who j.smith --json");
        office.ends(&command, 0).json().len()
    };
    assert_eq!(
        (rotate(2), rotate(1), rotate(100_000), rotate(5)),
        (2, 1, all - 3, 0)
    );
    let listed = office.ends("keys rotate --status --json", 0).json();
    assert_eq!(listed.len(), all);
    assert!(
        listed
            .iter()
            .all(|card| card["pending"] == 2 && card["key_version"] == 1)
    );
}

#[test]
fn what_cannot_be_sent_to_a_card_is_refused_with_its_reason() {
    let office = office();
    let account = &accounts()[0];
    let pin = office.write("pin", "55555\n");
    let file = pin.display();
    for (command, status, reason) in [
        ("sim status nobody".to_owned(), 4, "no account nobody"),
        ("sim lock nobody --who j".to_owned(), 4, "no such account"),
        (format!("sim lock {account}"), 2, "--who"),
        ("sim lock --who j".to_owned(), 2, "--all"),
        (
            format!("sim unblock {account} --new-pin-file {file} --who j"),
            2,
            "chmod 600",
        ),
        (
            format!("sim text {account} --language 4 --number 1 --text x --who j"),
            2,
            "0 to 3",
        ),
        (
            format!("sim service {account} --number 7x --who j"),
            2,
            "digits",
        ),
        (format!("keys rotate --account {account}"), 2, "--who"),
        ("keys rotate --all --who j".to_owned(), 2, "--to"),
        (
            "keys rotate --iccid 8949 --who j".to_owned(),
            4,
            "no such card",
        ),
    ] {
        let ended = office.ends(&command, status);
        assert!(ended.err.contains(reason), "{command}: {ended:?}");
    }
    office.ends(
        &format!("keys rotate --account {account} --to 5 --who j"),
        0,
    );
    let other = office.ends(
        &format!("keys rotate --account {account} --to 6 --who j"),
        5,
    );
    assert!(other.err.contains("version 5"), "{other:?}");
    let receiver = svgate::config::SHIPPED.replace("bind = \"trx\"", "bind = \"rx\"");
    office.write("svgate.toml", &receiver);
    let told = office.run(&format!(
        "check-config {}",
        office.path("svgate.toml").display()
    ));
    assert_ne!(told.status, 0);
    let nowhere =
        svgate::config::SHIPPED.replace("# commands_by = \"main\"", "commands_by = \"other\"");
    office.write("svgate.toml", &nowhere);
    let told = office.on_books(&format!("sim lock {account} --who j"));
    assert!(
        told.err.contains("commands_by: \"other\" is no smsc"),
        "{told:?}"
    );
}
