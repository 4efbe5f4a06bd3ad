//! The commands as a person runs them: arguments in, output and exit status out, on real books.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Parser;
use serde_json::Value;
use svgate::commands::{self, Cli, Streams};
use svgate::config::SHIPPED;

mod cards;
mod imports;
mod issue;
mod keys;
mod looking;

/// A folder with a configuration, a master key and a password.
struct Office {
    folder: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    status: u8,
    output: String,
    err: String,
}

impl Ended {
    /// The output's lines as JSON.
    fn json(&self) -> Vec<Value> {
        let lines = self.output.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Office {
    fn new() -> Self {
        let office = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        office.write("svgate.toml", SHIPPED);
        let password = office.write("smsc-main.password", "secret08\n");
        fs::set_permissions(password, fs::Permissions::from_mode(0o600)).unwrap();
        let master = office.path("master.key");
        let made = office.run(&format!("keys init --out {}", master.display()));
        assert_eq!(made.status, 0, "{made:?}");
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs `svgate` with these words.
    fn run(&self, words: &str) -> Ended {
        let words: Vec<&str> = words.split_whitespace().collect();
        self.run_words(&words)
    }

    /// The same with words that may have white space in them.
    fn run_words(&self, words: &[&str]) -> Ended {
        let words = std::iter::once("svgate").chain(words.iter().copied());
        let (mut input, mut output, mut err) = (std::io::empty(), Vec::new(), Vec::new());
        let status = match Cli::try_parse_from(words) {
            Ok(cli) => {
                let mut streams = Streams {
                    input: &mut input,
                    output: &mut output,
                    err: &mut err,
                };
                commands::run(&cli, &mut streams)
            }
            Err(error) => {
                err = error.to_string().into_bytes();
                u8::try_from(error.exit_code()).unwrap()
            }
        };
        Ended {
            status,
            output: String::from_utf8(output).unwrap(),
            err: String::from_utf8(err).unwrap(),
        }
    }

    /// Runs `svgate` on this office's configuration.
    fn on_books(&self, words: &str) -> Ended {
        let config = self.path("svgate.toml");
        self.run(&format!("{words} --config {}", config.display()))
    }

    /// Runs it and expects that status.
    fn ends(&self, words: &str, status: u8) -> Ended {
        let ended = self.on_books(words);
        assert_eq!(ended.status, status, "{words}: {ended:?}");
        assert_eq!(ended.err.is_empty(), status == 0, "{words}: {ended:?}");
        ended
    }
}

fn demo(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo");
    folder.join(name).display().to_string()
}

#[test]
fn a_load_is_taken_once_for_each_reference() {
    let office = Office::new();
    let load = "purse load --currency EUR --reference R1 --json --amount";
    let first = office.ends(&format!("{load} 1000.00"), 0).json();
    assert_eq!(
        (&first[0]["loaded"], &first[0]["amount_minor"]),
        (&true.into(), &100_000.into())
    );
    assert_eq!(
        office.ends(&format!("{load} 1000.00"), 0).json()[0]["loaded"],
        false
    );
    let conflict = office.ends(&format!("{load} 1000.01"), 5);
    assert!(conflict.err.contains("1000.00 EUR"), "{conflict:?}");
    office.ends(&format!("{load} 1000.0"), 2);
    office.ends("purse load --amount 0.00 --currency EUR --reference R2", 3);
    let held = office.ends("purse show --json", 0).json();
    let float = held.iter().find(|line| line["account"] == "float").unwrap();
    assert_eq!(float["balance_minor"], 100_000);
    let shown = office.ends("purse show", 0).output;
    assert!(
        shown.contains("-1000.00 EUR") && shown.contains(" 1000.00 EUR"),
        "{shown}"
    );
}

#[test]
fn a_token_is_printed_once_and_differs_each_time() {
    let office = Office::new();
    office.ends("terminal token coffee-4711", 4);
    office.ends(&format!("merchant import {}", demo("merchants.toml")), 0);
    let first = office.ends("terminal token coffee-4711", 0).output;
    let other = office.ends("terminal token coffee-4711 --json", 0).json();
    assert_eq!(
        (first.len(), first.starts_with("svt_")),
        (48, true),
        "{first}"
    );
    assert_ne!(other[0]["token"], first.trim());
    office.ends("terminal token bad/name", 2);
    let books = fs::read(office.path("svgate.db")).unwrap();
    let token = first.trim().as_bytes();
    assert!(!books.windows(token.len()).any(|octets| octets == token));
}

#[test]
fn the_configuration_is_checked_with_the_files_that_it_names() {
    let office = Office::new();
    let check = format!("check-config {}", office.path("svgate.toml").display());
    let right = office.run(&check);
    assert_eq!((right.status, right.err.as_str()), (0, ""), "{right:?}");
    fs::set_permissions(
        office.path("smsc-main.password"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    let warned = office.run(&check);
    assert!(
        warned.status == 0 && warned.err.starts_with("warning: "),
        "{warned:?}"
    );
    fs::remove_file(office.path("smsc-main.password")).unwrap();
    fs::remove_file(office.path("master.key")).unwrap();
    let wrong = office.run(&format!("{check} --json"));
    assert_eq!(wrong.status, 3);
    let errors = wrong.json()[0]["errors"].clone();
    let errors: Vec<String> = serde_json::from_value(errors).unwrap();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].contains("[keys] master_file: "), "{errors:?}");
    assert!(errors[1].contains("[[smsc]] password_file: "), "{errors:?}");

    office.write(
        "svgate.toml",
        &SHIPPED.replace("id = 0", "id = 0\nstray = 1"),
    );
    let wrong = office.run(&check);
    assert!(
        wrong.status == 3 && wrong.err.contains("stray: unknown key"),
        "{wrong:?}"
    );
    office.ends("purse show", 3);
    assert_eq!(office.run("check-config nowhere.toml").status, 2);
    assert_eq!(office.run("purse show --config nowhere.toml").status, 2);
}

#[test]
fn commands_without_a_usable_master_key_say_what_to_do() {
    let office = Office::new();
    fs::set_permissions(office.path("master.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let refused = office.ends("purse show", 1);
    assert!(refused.err.contains("chmod 600"), "{refused:?}");
}

#[test]
fn every_command_has_help_with_examples_and_refuses_what_it_does_not_know() {
    let office = Office::new();
    for words in [
        "subscriber import",
        "merchant import",
        "purse load",
        "purse show",
        "terminal token",
        "bill close",
        "bill list",
        "bill pay",
        "purchase show",
        "purchase list",
        "purchase resolve",
        "outbox list",
        "outbox retry",
        "notices list",
        "keys init",
        "packet open",
        "packet seal",
        "check-config",
        "migrate",
        "store backup",
        "store restored",
        "serve",
    ] {
        let help = office.run(&format!("{words} --help"));
        assert_eq!(help.status, 0, "{words}: {help:?}");
        assert!(
            help.err.contains("Examples:") && help.err.contains("svgate "),
            "{words}"
        );
        assert_eq!(
            office.run(&format!("{words} --no-such-thing")).status,
            2,
            "{words}"
        );
    }
    assert_eq!(office.run("frobnicate").status, 2);
    assert_eq!(office.ends("migrate --json", 0).json()[0]["schema"], 1);
}

#[test]
fn a_backup_is_whole_and_its_owners_alone_and_overwrites_nothing() {
    let office = Office::new();
    office.ends("purse load --amount 5.00 --currency EUR --reference R1", 0);
    let copy = office.path("copy.db");
    let backup = format!("store backup --to {} --json", copy.display());
    let made = office.ends(&backup, 0).json();
    assert_eq!(
        (&made[0]["batch"], &made[0]["epoch"]),
        (&1.into(), &0.into())
    );
    let metadata = fs::metadata(&copy).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(made[0]["octets"], metadata.len());
    assert!(office.ends(&backup, 5).err.contains("stands there already"));
    let nowhere = office.path("no-such-folder/copy.db");
    office.ends(&format!("store backup --to {}", nowhere.display()), 1);
    // It holds what the books held, and they go on.
    office.ends("purse load --amount 5.00 --currency EUR --reference R2", 0);
    let config = SHIPPED.replace("path = \"svgate.db\"", "path = \"copy.db\"");
    office.write("svgate.toml", &config);
    let refused = office.ends("purse show", 3);
    assert!(refused.err.contains("svgate store restored"), "{refused:?}");
    office.ends("store restored --reason test", 0);
    let held = office.ends("purse show --json", 0).json();
    let float = held.iter().find(|line| line["account"] == "float").unwrap();
    assert_eq!(float["balance_minor"], 500);
}

#[test]
fn what_is_in_postgresql_is_backed_up_by_its_own_tools() {
    let office = Office::new();
    let shared = "[store.postgres]\nhosts = [\"127.0.0.1:1\"]\ndatabase = \"b\"\nuser = \"u\"\n";
    let config = SHIPPED.replace("[keys]\n", &format!("{shared}[keys]\n"));
    office.write("svgate.toml", &config);
    let refused = office.ends("store backup --to copy.db", 3);
    assert!(refused.err.contains("pg_basebackup"), "{refused:?}");
    assert!(refused.err.contains("svgate store restored"), "{refused:?}");
}

#[test]
fn bills_are_paid_by_account_and_reference() {
    let office = Office::new();
    office.ends(&format!("subscriber import {}", demo("subscribers.csv")), 0);
    let pay = "bill pay --account A-10001 --currency EUR --reference P1 --amount";
    office.ends(&format!("{pay} 5.00"), 0);
    assert!(
        office
            .ends(&format!("{pay} 5.00"), 0)
            .output
            .contains("nothing changed")
    );
    office.ends(&format!("{pay} 5.01"), 5);
    office.ends(&format!("{pay} 0.00"), 2);
    office.ends(
        "bill pay --account A-1 --currency EUR --reference P2 --amount 1.00",
        4,
    );
    office.ends(
        "bill pay --account A-10001 --currency USD --reference P2 --amount 1.00",
        3,
    );
    office.ends("bill close --at 2099-01-01", 3);
    office.ends("bill close --at yesterday", 2);
    assert_eq!(office.ends("bill close --json", 0).json()[0]["closed"], 0);
    assert!(office.ends("bill list", 0).output.is_empty());
}
