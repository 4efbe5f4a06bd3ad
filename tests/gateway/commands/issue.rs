//! New cards: their scripts and letters leave in one folder, its owner's alone, and in the log.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::keys::{import, line, office, secret, whats};
use super::{Office, demo};

fn issue(office: &Office, cards: &str, folder: &str) -> String {
    let cards = office.write("cards.csv", cards);
    let transport = secret(office, "transport-master", &"5c01".repeat(16));
    let texts = demo("../../sim-applet/card/src/main/resources/texts");
    format!(
        "keys issue --in {} --out-dir {} --transport-master-file {} --service 778 --currency EUR \
         --texts {texts} --languages en,ar --who alice",
        cards.display(),
        office.path(folder).display(),
        transport.display()
    )
}

const HEADER: &str = "iccid,imsi,key_version";
const CARDS: [&str; 2] = [
    "8988211000000000003,240010000000001,1",
    "8988211000000000011,240010000000002,7",
];

fn file(lines: &[&str]) -> String {
    format!("{HEADER}\n{}\n", lines.join("\n"))
}

#[test]
fn scripts_and_letters_are_in_one_folder_that_is_never_touched_again() {
    let office = office();
    let command = issue(&office, &file(&CARDS), "batch");
    office.ends(&command, 0);
    let folder = office.path("batch");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600);
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "8988211000000000003.apdu",
            "8988211000000000011.apdu",
            "pins.csv"
        ]
    );
    let script = fs::read_to_string(folder.join(&names[0])).unwrap();
    let apdus: Vec<&str> = script.lines().skip(1).collect();
    assert_eq!(apdus.len(), 4 + 2 * 32 + 1);
    assert!(apdus.iter().all(|apdu| apdu.starts_with("80e20000")));
    let pins = fs::read_to_string(folder.join("pins.csv")).unwrap();
    let letters: Vec<Vec<&str>> = pins.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(letters.len(), 3);
    assert!(
        letters[1..]
            .iter()
            .all(|l| l[1].len() == 4 && l[2].len() == 8)
    );
    assert_eq!(
        whats(&office),
        [
            "alice issued 8988211000000000003",
            "alice issued 8988211000000000011"
        ]
    );
    let one = office
        .ends("keys log --json --subject 8988211000000000011", 0)
        .json();
    let detail = format!("keys of version 7 to {}", folder.display());
    assert_eq!((one.len(), &one[0]["detail"]), (1, &detail.into()));
    office.ends(&command, 5);
    assert_eq!(fs::read_to_string(folder.join("pins.csv")).unwrap(), pins);
}

#[test]
fn cards_are_in_the_log_before_their_scripts_are_anywhere() {
    let office = office();
    let unfit = "[[card_profile]]\nname = \"unfit\"\n\
        [card_profile.orders]\nkic = \"22\"\nkid = \"22\"\ncc_octets = 4\nspi1_min = \"16\"\ntar = \"b2f003\"\n\
        [card_profile.confirmations]\nkic = \"22\"\nkid = \"22\"\ncc_octets = 8\nspi1_min = \"16\"\n\
        tar = \"b2f004\"\n\n[[smsc]]\n";
    let config = fs::read_to_string(office.path("svgate.toml")).unwrap();
    office.write("svgate.toml", &config.replacen("[[smsc]]\n", unfit, 1));
    // The applet has no place for the second card's profile: its script can't be written.
    let cards = format!(
        "{HEADER},profile\n{},standard\n{},unfit\n",
        CARDS[0], CARDS[1]
    );
    let ended = office.ends(&issue(&office, &cards, "batch"), 3);
    assert!(ended.err.contains("cc_octets"), "{ended:?}");
    assert!(!office.path("batch").exists() && office.path("batch.part").exists());
    assert_eq!(
        whats(&office),
        [
            "alice issued 8988211000000000003",
            "alice issued 8988211000000000011"
        ]
    );
}

#[test]
fn a_file_of_cards_with_a_fault_issues_none() {
    let office = office();
    office.ends(&import(&office, "vendor.csv", &[line(1, "1")]), 0);
    let imported = line(1, "1")[..3].join(",");
    let other_card = format!("8988211000000000003,{},1", line(1, "1")[1]);
    for (cards, words) in [
        (
            file(&["8988211000000000004,240010000000001,1"]),
            "iccid: an ICCID",
        ),
        (
            file(&["8988211000000000003,2400,0"]),
            "key_version: a key version",
        ),
        (file(&[CARDS[0], CARDS[0]]), "iccid: the same as in line 2"),
        (
            file(&[&imported]),
            "key_version: keys of this version were imported",
        ),
        (file(&[&other_card]), "imsi: the books have another card"),
        ("iccid,imsi\n".to_owned(), "the first line must be"),
    ] {
        let ended = office.ends(&issue(&office, &cards, "batch"), 3);
        let told = format!("{}{}", ended.output, ended.err);
        assert!(told.contains(words), "{told}");
        assert!(!office.path("batch").exists() && !office.path("batch.part").exists());
    }
}
