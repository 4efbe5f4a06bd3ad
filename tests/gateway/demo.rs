//! The demo as a person runs it, small: the whole world around a gateway that is killed once.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn demo(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_svgate"))
        .arg("demo")
        .arg("--data")
        .arg(folder)
        .args(words)
        .output()
        .expect("the program runs")
}

const SMALL: [&str; 6] = ["--purchases", "150", "--phones", "20", "--machines", "7"];

#[test]
fn a_small_demo_with_a_killed_gateway_reconciles_and_its_numbers_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let ran = demo(folder.path(), &[&SMALL[..], &["--json"]].concat());
    let output = String::from_utf8(ran.stdout).unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    assert!(ran.status.success(), "{err}\n{output}");

    let summary: Value = serde_json::from_str(output.lines().last().unwrap()).unwrap();
    assert_eq!(summary["reconciled"], true, "{summary}");
    let many = |key: &str| summary["purchases"][key].as_u64().unwrap();
    assert!(many("requested") >= 150, "{summary}");
    assert_eq!(
        many("requested"),
        many("refused") + many("expired") + many("paid")
    );
    assert_eq!(
        many("paid"),
        many("supplied") + many("refunded") + many("unknown")
    );
    // The silent machine, the one with an open door, and the number that nobody paid.
    assert!(many("unknown") >= 1 && many("refunded") >= 1 && many("expired") >= 1);
    let money = summary["money"].as_object().unwrap();
    assert!(money.contains_key("EUR"));
    for (currency, sums) in money {
        assert_eq!(sums["purse_paid"], sums["pos_received"], "{currency}");
        assert_eq!(sums["in_flight"], 0, "{currency}");
        assert!(sums["billed"].as_i64() >= sums["refunded"].as_i64());
    }
    let files = summary["files"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    for file in files {
        let path = folder
            .path()
            .join("export")
            .join(file["name"].as_str().unwrap());
        assert!(path.exists(), "{}", path.display());
    }

    let again = demo(folder.path(), &SMALL);
    assert_eq!(again.status.code(), Some(2));
    let refused = String::from_utf8(again.stderr).unwrap();
    assert!(
        refused.contains("not empty") && refused.contains("--data"),
        "{refused}"
    );
}

#[test]
fn a_demo_of_one_phone_and_one_machine_fits_the_screen() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["--purchases", "5", "--phones", "1", "--machines", "1"];
    let ran = demo(folder.path(), &words);
    let screen = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{screen}");
    let framed = screen.lines().filter(|line| line.starts_with('│'));
    assert!(framed.clone().count() > 10);
    for line in framed {
        assert_eq!(line.chars().count(), 100, "{line}");
    }
    assert!(!screen.contains('\u{1b}'), "colours are for terminals");
}
