//! Imports: every fault of a file is told, and a file with any changes nothing.

use std::fmt::Write as _;

use super::{Office, demo};

const HEADER: &str = "subscriber,msisdn,iccid,imsi,language,class,currency,credit_limit_minor,\
                      cap_minor,key_version";
const GOOD: &str =
    "A-1,+4915112345601,8949020000000000014,262020000000001,en,standard,EUR,30000,5000,1";

/// The good line with one word changed.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from));
    GOOD.replacen(from, to, 1)
}

fn subscribers(office: &Office, lines: &[String]) -> String {
    let text = format!("{HEADER}\n{}\n", lines.join("\n"));
    let file = office.write("subscribers.csv", &text);
    format!("subscriber import {}", file.display())
}

#[test]
fn subscribers_are_added_once_and_changed_when_they_differ() {
    let office = Office::new();
    let import = format!("subscriber import --json {}", demo("subscribers.csv"));
    let dry = office.ends(&format!("{import} --dry-run"), 0).json();
    assert_eq!((&dry[0]["lines"], &dry[0]["added"]), (&3.into(), &0.into()));
    assert_eq!(office.ends(&import, 0).json()[0]["added"], 3);
    let again = office.ends(&import, 0).json();
    assert_eq!(
        (&again[0]["added"], &again[0]["changed"]),
        (&0.into(), &0.into())
    );
    let text = std::fs::read_to_string(demo("subscribers.csv")).unwrap();
    let file = office.write("changed.csv", &text.replacen("10000,1000", "20000,1000", 1));
    let changed = office
        .ends(&format!("subscriber import --json {}", file.display()), 0)
        .json();
    assert_eq!(
        (&changed[0]["added"], &changed[0]["changed"]),
        (&0.into(), &1.into())
    );
}

#[test]
fn each_wrong_column_is_told_with_its_line() {
    let office = Office::new();
    let lines = [
        with("A-1", ""),
        with("+4915112345601", "0x"),
        with("0014", "0015"),
        with("262020000000001", "26202000000000x"),
        with(",en,", ",xx,"),
        with("standard", "gold"),
        with("EUR", "EURO"),
        with("30000", "-1"),
        with("5000", "50.00"),
        with(",1", ",0"),
        format!("{GOOD},extra"),
    ];
    let ended = office.ends(&subscribers(&office, &lines), 3);
    for (number, place) in [
        (2, "subscriber: "),
        (3, "msisdn: "),
        (4, "iccid: "),
        (5, "imsi: "),
        (6, "language: not configured; there are ar, de, en, fr"),
        (7, "class: not configured; there are standard"),
        (8, "currency: "),
        (9, "credit_limit_minor: "),
        (10, "cap_minor: "),
        (11, "key_version: "),
        (12, "line: 11 columns instead of 10"),
    ] {
        let told = format!("subscribers.csv:{number}: {place}");
        assert!(ended.output.contains(&told), "{told}\n{}", ended.output);
    }
    assert!(ended.err.contains("nothing was applied"), "{ended:?}");
    let good = subscribers(&office, &[GOOD.to_owned()]);
    assert!(office.ends(&good, 0).output.contains("1 added"));
}

#[test]
fn what_two_lines_share_is_told_with_both() {
    let office = Office::new();
    let other = "A-2,+4915112345602,8949020000000000022,262020000000002,en,standard,EUR,1,1,1";
    let lines = [
        GOOD.to_owned(),
        other.replace("A-2", "A-1"),
        other
            .replace("A-2", "A-3")
            .replace("+4915112345602", "004915112345601"),
        other
            .replace("A-2", "A-4")
            .replace("+4915112345602", "4915112345604"),
    ];
    let ended = office.ends(&subscribers(&office, &lines), 3);
    let told: Vec<&str> = ended
        .output
        .lines()
        .filter_map(|l| l.split("csv:").nth(1))
        .collect();
    assert_eq!(
        told,
        [
            "3: subscriber: the same as in line 2",
            "4: msisdn: the same as in line 2",
            "4: iccid: the same as in line 3",
            "4: imsi: the same as in line 3",
            "5: iccid: the same as in line 3",
            "5: imsi: the same as in line 3",
        ]
    );
}

#[test]
fn at_most_a_hundred_faults_are_printed_and_all_are_counted() {
    let office = Office::new();
    let lines = vec![with("30000", "x"); 250];
    let ended = office.ends(&subscribers(&office, &lines), 3);
    assert_eq!(ended.output.lines().count(), 100);
    assert!(
        ended.err.contains("250 faults, 100 of them printed"),
        "{ended:?}"
    );
}

#[test]
fn a_currency_in_the_books_never_changes() {
    let office = Office::new();
    office.ends(&subscribers(&office, &[GOOD.to_owned()]), 0);
    let ended = office.ends(&subscribers(&office, &[with("EUR", "USD")]), 3);
    assert!(
        ended
            .output
            .contains(":2: currency: it is EUR in the books"),
        "{ended:?}"
    );
}

#[test]
fn imported_keys_are_checked_and_never_shown_or_stored_bare() {
    let office = Office::new();
    let keys = |kic: &str, kid: &str| {
        let file = office.write(
            "keys.csv",
            &format!("{HEADER},kic,kid\n{GOOD},{kic},{kid}\n"),
        );
        format!("subscriber import {}", file.display())
    };
    let kic = "00112233445566778899aabbccddeeff";
    for (kic, kid) in [(kic, ""), (kic, "0011"), ("zz", kic)] {
        let ended = office.ends(&keys(kic, kid), 3);
        assert!(ended.output.contains(":2: kic,kid: both keys"), "{ended:?}");
        assert!(
            !ended.output.contains("0011") && !ended.output.contains("zz"),
            "{ended:?}"
        );
    }
    office.ends(&keys("", ""), 0);
    office.ends(&keys(kic, kic), 0);
    for name in ["svgate.db", "svgate.db-wal"] {
        let Ok(books) = std::fs::read(office.path(name)) else {
            continue;
        };
        let bare = hex::decode(kic).unwrap();
        assert!(!books.windows(16).any(|octets| octets == bare), "{name}");
        assert!(
            !books.windows(32).any(|octets| octets == kic.as_bytes()),
            "{name}"
        );
    }
}

#[test]
fn more_than_a_chunk_is_applied_whole() {
    let office = Office::new();
    let mut text = format!("{HEADER}\n");
    for number in 0..4_500_u64 {
        let body = format!("894902{number:012}");
        let card = (0..10).find_map(|check| {
            let card = format!("{body}{check}");
            card.parse::<svgate::auth::iccid::Iccid>()
                .ok()
                .map(|_| card)
        });
        let card = card.unwrap();
        writeln!(
            text,
            "A-{number},+4915{number:09},{card},26202{number:010},en,standard,EUR,1,1,1"
        )
        .unwrap();
    }
    let file = office.write("many.csv", &text);
    let import = format!("subscriber import --json {}", file.display());
    assert_eq!(office.ends(&import, 0).json()[0]["added"], 4_500);
    let again = office.ends(&import, 0).json();
    assert_eq!(
        (&again[0]["added"], &again[0]["changed"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn files_that_are_no_subscribers_are_refused() {
    let office = Office::new();
    for text in ["", "subscriber,msisdn\n", "\u{feff}\n", "a\nb\nc\n"] {
        let file = office.write("wrong.csv", text);
        let ended = office.ends(&format!("subscriber import {}", file.display()), 3);
        assert!(
            ended.err.contains("the first line must be"),
            "{text:?}: {ended:?}"
        );
    }
    let file = office.path("latin1.csv");
    std::fs::write(
        &file,
        [HEADER.as_bytes(), b"\nM\xFCller,,,,,,,,,\n"].concat(),
    )
    .unwrap();
    let ended = office.ends(&format!("subscriber import {}", file.display()), 3);
    assert!(
        ended.err.contains("line 2 is not CSV in UTF-8"),
        "{ended:?}"
    );
    office.ends("subscriber import nowhere.csv", 2);
}

#[test]
fn merchants_are_added_once_and_follow_their_file() {
    let office = Office::new();
    let import = format!("merchant import --json {}", demo("merchants.toml"));
    assert_eq!(
        office.ends(&format!("{import} --dry-run"), 0).json()[0]["added"],
        0
    );
    assert_eq!(office.ends(&import, 0).json()[0]["added"], 7);
    let again = office.ends(&import, 0).json();
    assert_eq!(
        (&again[0]["added"], &again[0]["changed"]),
        (&0.into(), &0.into())
    );
    let text = std::fs::read_to_string(demo("merchants.toml")).unwrap();
    let dearer = office.write("merchants.toml", &text.replace("= 250", "= 260"));
    let changed = office
        .ends(&format!("merchant import --json {}", dearer.display()), 0)
        .json();
    assert_eq!(
        (&changed[0]["added"], &changed[0]["changed"]),
        (&0.into(), &1.into())
    );
}

/// What is told of a file of merchants when the books have those of the demo.
fn told_of(text: &str) -> String {
    let office = Office::new();
    office.ends(&format!("merchant import {}", demo("merchants.toml")), 0);
    let file = office.write("wrong.toml", text);
    let ended = office.ends(&format!("merchant import {}", file.display()), 3);
    let held = office.ends(
        &format!("merchant import --json {}", demo("merchants.toml")),
        0,
    );
    assert_eq!(held.json()[0]["changed"], 0, "nothing was applied");
    ended.err
}

fn is_told(err: &str, wanted: &[&str]) {
    for told in wanted {
        assert!(err.contains(told), "{told}\n{err}");
    }
    assert_eq!(
        err.lines().filter(|line| line.contains("toml:")).count(),
        wanted.len(),
        "{err}"
    );
}

#[test]
fn what_cannot_be_read_in_a_merchants_file_is_told_with_its_line() {
    let err = told_of(
        "\
[[merchant]]
id = \"new\"
name = \"\"
currency = \"EUR\"
tax_code = \"standard\"
[[merchant.item]]
code = \"12\"
name = \"Espresso\"
retail_minor = 100
wholesale_minor = 200
[[merchant.item]]
code = \"12\"
nane = \"Espresso\"
name = \"Tea\"
retail_minor = -1
wholesale_minor = 0
[[merchant.item]]
name = \"No code\"
retail_minor = 1
wholesale_minor = 1
[[merchant.terminal]]
id = \"new-1\"
short_code = 99
items = [\"77\"]
token_sha256 = \"12\"
slots = 0
",
    );
    is_told(
        &err,
        &[
            ":3: [[merchant]] name: must be 1 to 64 characters",
            ":10: [[merchant]] item.wholesale_minor: must not be above",
            ":12: [[merchant]] item.code: 12 is in the list already",
            ":13: [[merchant]] item.nane: unknown key; known here: code, name, retail_minor",
            ":15: [[merchant]] item.retail_minor: ",
            ":17: [[merchant]] item: code is missing",
            ":23: [[merchant]] terminal.short_code: ",
            ":24: [[merchant]] terminal.items: 77 is not in the merchant's list",
            ":25: [[merchant]] terminal.token_sha256: ",
            ":26: [[merchant]] terminal.slots: must be above 0",
        ],
    );
}

#[test]
fn what_contradicts_the_books_or_the_file_itself_is_told_with_its_line() {
    let err = told_of(
        "\
[[merchant]]
id = \"espresso-bar\"
name = \"Espresso Bar\"
currency = \"USD\"
tax_code = \"reduced\"
[[merchant.terminal]]
id = \"parking-server\"
short_code = 779
[[merchant]]
id = \"espresso-bar\"
name = \"Again\"
currency = \"EUR\"
tax_code = \"standard\"
[[merchant.terminal]]
id = \"new\"
short_code = 4711
[[merchant.terminal]]
id = \"new\"
short_code = 779
",
    );
    is_told(
        &err,
        &[
            ":4: [[merchant]] currency: it is EUR in the books",
            ":5: [[merchant]] tax_code: not in the configuration; [[tax]] has standard",
            ":7: [[merchant]] terminal.id: parking-server belongs to merchant city-parking",
            ":10: [[merchant]] id: espresso-bar is in this file already",
            ":16: [[merchant]] terminal.short_code: 4711 belongs to terminal coffee-4711",
            ":18: [[merchant]] terminal.id: new is in this file already",
            ":19: [[merchant]] terminal.short_code: 779 is in this file already",
        ],
    );
}
