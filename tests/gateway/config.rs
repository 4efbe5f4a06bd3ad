//! The shipped configuration, and how faults in one are told.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use svgate::config::faults::Faults;
use svgate::config::smsc::SmscConfig;
use svgate::config::{Config, SHIPPED};

fn read(text: &str) -> Result<Config, Faults> {
    Config::from_text(Path::new("svgate.toml"), text)
}

/// What is told of `text`, a line each.
fn told(text: &str) -> Vec<String> {
    let faults = read(text).err().map(|faults| faults.0);
    let faults = faults.unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

/// The sections of a configuration, without where they stand in their file.
fn sections(config: &Config) -> String {
    let shown = format!("{config:#?}");
    shown.split("\n    origin: ").next().unwrap().to_owned()
}

/// Each section of the shipped file: its header, the number of its line and those up to the next.
fn shipped_sections() -> Vec<(&'static str, usize, Vec<&'static str>)> {
    let mut sections: Vec<(&str, usize, Vec<&str>)> = Vec::new();
    for (index, line) in SHIPPED.lines().enumerate() {
        let header = line.trim_start_matches("# ");
        if header.starts_with('[') && header.ends_with(']') {
            sections.push((line, index + 1, Vec::new()));
        } else if let Some((_, _, lines)) = sections.last_mut() {
            lines.push(line);
        }
    }
    sections
}

/// The shipped file with everything commented out switched on.
fn all_switched_on() -> String {
    let on = |line: &str| {
        let bare = line.trim_start_matches("# ");
        let key = bare.split(" = ").next().unwrap();
        let of_a_key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let is_key = bare.contains(" = ") && key.bytes().all(of_a_key);
        if is_key || (bare.starts_with('[') && bare.ends_with(']')) {
            bare.to_owned()
        } else {
            line.to_owned()
        }
    };
    SHIPPED.lines().map(|line| on(line) + "\n").collect()
}

#[test]
fn the_shipped_file_is_right_and_so_is_all_that_it_has_commented_out() {
    read(SHIPPED).unwrap_or_else(|faults| panic!("{faults}"));
    let config = read(&all_switched_on()).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(config.smsc[0].tls.as_ref().unwrap().client.is_some());
    assert!(config.http.tls.is_some() && config.texts.folder.is_some());
    assert!(config.smsc[0].ussd_dialect.is_some());
    assert_eq!((config.aggregator.len(), config.gsup.len()), (1, 1));
}

#[test]
fn the_file_of_one_of_several_nodes_is_right_and_its_network_is_guarded() {
    let text = include_str!("../../config/cluster.toml");
    let config = read(text).unwrap_or_else(|faults| panic!("{faults}"));
    let shared = config.store.postgres.as_ref().unwrap();
    assert_eq!((shared.hosts.len(), shared.hosts[2].port), (3, 5432));
    assert!(config.policy().shares_books);
    assert!(
        config
            .store
            .shown()
            .starts_with("svgate on db1.example.net:5432, ")
    );
    let plain = text.replace("ca_file = \"postgres-ca.pem\"\n", "");
    let told = told(&plain).join("\n");
    assert!(
        told.contains("db1.example.net is not loopback: name ca_file"),
        "{told}"
    );
    let allowed = plain.replace(
        "user = \"svgate\"\n",
        "user = \"svgate\"\nallow_plain = true\n",
    );
    read(&allowed).unwrap_or_else(|faults| panic!("{faults}"));
}

#[test]
fn a_stray_key_in_any_section_is_refused_with_its_line() {
    let text = all_switched_on();
    let mut headers = 0;
    for (index, line) in text.lines().enumerate() {
        if !line.starts_with('[') {
            continue;
        }
        headers += 1;
        let mut lines: Vec<&str> = text.lines().collect();
        lines.insert(index + 1, "stray = 1");
        let told = told(&lines.join("\n"));
        let place = format!("svgate.toml:{}: ", index + 2);
        assert_eq!(told.len(), 1, "{line}: {told:?}");
        assert!(
            told[0].starts_with(&place) && told[0].contains("stray"),
            "{line}: {told:?}"
        );
        assert!(told[0].contains("known here: "), "{told:?}");
    }
    assert_eq!(headers, 28);
}

#[test]
fn the_shipped_file_names_every_key_that_there_is() {
    for (header, _, lines) in shipped_sections() {
        let bare = header.trim_start_matches("# ");
        let on = all_switched_on();
        let stray = on.replacen(&format!("{bare}\n"), &format!("{bare}\nstray = 1\n"), 1);
        let told = told(&stray).join("\n");
        let (_, known) = told.split_once("known here: ").unwrap();
        for key in known.split(", ") {
            let named = lines.iter().any(|line| {
                line.trim_start_matches("# ")
                    .starts_with(&format!("{key} = "))
            });
            let table = format!("{}.{key}]", bare.trim_matches(|c| c == '[' || c == ']'));
            assert!(named || SHIPPED.contains(&table), "{header} lacks {key}");
        }
    }
}

#[test]
fn what_the_shipped_file_says_is_what_holds_without_it() {
    let shipped = sections(&read(SHIPPED).unwrap());
    let all: Vec<&str> = SHIPPED.lines().collect();
    let mut required = BTreeSet::new();
    let mut optional = 0;
    for (index, line) in all.iter().enumerate() {
        let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let mut without = all.clone();
        without.remove(index);
        match read(&without.join("\n")) {
            Ok(config) if ["plain_cap", "bill_maximum"].contains(&key) => {
                // Amounts and names that only an operator can know are examples.
                drop(config);
            }
            Ok(config) => {
                assert_eq!(sections(&config), shipped, "{line}");
                optional += 1;
            }
            Err(faults) => {
                let told = faults.to_string();
                assert!(told.contains(key) && told.contains("is missing"), "{told}");
                required.insert(key);
            }
        }
    }
    let known = [
        "amount",
        "code",
        "currency",
        "host",
        "kic",
        "kid",
        "name",
        "password_file",
        "port",
        "rate_percent",
        "system_id",
        "tar",
    ];
    assert_eq!(required, known.into());
    assert_eq!(optional, 65);
}

#[test]
fn who_carries_ussd_beside_smpp_is_checked_and_told_with_its_line() {
    let on = all_switched_on();
    let line = |text: &str| 1 + on.lines().position(|line| line.starts_with(text)).unwrap();
    for (from, to, problem) in [
        (
            "token_sha256 = \"b5",
            "token_sha256 = \"b",
            "[[aggregator]] token_sha256: ",
        ),
        (
            "service_code = \"*384*778#\"",
            "service_code = \"384\"",
            "[[aggregator]] service_code: must be digits between * and #",
        ),
        (
            "service_code = \"*778#\"",
            "service_code = \"*7*8#\"",
            "[ussd] service_code: must have no * inside",
        ),
        (
            "euse = \"paygw\"",
            "euse = \"EUSE-paygw\"",
            "[[gsup]] euse: must be the name behind",
        ),
        (
            "reconnect_max_ms = 30000",
            "reconnect_max_ms = 499",
            "[[gsup]] reconnect_max_ms: must not be below",
        ),
    ] {
        let told = told(&on.replacen(from, to, 1));
        let place = format!("svgate.toml:{}: {problem}", line(from));
        let last = told.last().unwrap();
        assert!(last.starts_with(&place), "{told:?}, not {place}");
    }
    let nobody = on.replace("\nresults_by = \"main\"", "\nresults_by = \"other\"");
    let told = told(&nobody);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("[[aggregator]] results_by: there is no [[smsc]] \"other\""));
    assert!(told[1].contains("[[gsup]] results_by: there is no [[smsc]] \"other\""));
}

#[test]
fn card_profiles_are_unlike_and_none_confirms_where_another_orders() {
    let on = all_switched_on();
    let with = |from: &str, to: &str| {
        assert!(on.contains(from));
        told(&on.replacen(from, to, 1))
    };
    let taken = with("name = \"four-octets\"", "name = \"standard\"");
    assert!(taken[0].contains("[[card_profile]] name: must not be \"standard\""));
    let line = |text: &str| 1 + on.lines().position(|line| line.contains(text)).unwrap();
    for (from, to, at, problem) in [
        (
            "b2f004",
            "b2f003",
            "b2f004",
            "[[card_profile]] confirmations.tar: must not be the tar of orders",
        ),
        (
            "b2f004",
            "b2f001",
            "b2f004",
            "[[card_profile]] confirmations.tar: must not be the tar of standard's orders",
        ),
        (
            "b2f002",
            "b2f003",
            "b2f002",
            "[keys] confirmations.tar: must not be the tar of four-octets's orders",
        ),
    ] {
        let told = with(from, to);
        let wanted = format!("svgate.toml:{}: {problem}", line(at));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(&wanted), "{told:?} is not {wanted}");
    }
    let five = with("cc_octets = 4", "cc_octets = 5");
    assert!(
        five[0].contains("[[card_profile]] orders.cc_octets: a cryptographic checksum has 4 or 8"),
        "{five:?}"
    );
}

#[test]
fn every_fault_of_a_file_is_told_at_once_with_line_key_and_remedy() {
    let text = "\
[node]
id = 2000
[keys.orders]
kic = \"12\"
kid = \"15\"
tar = \"b2f0\"
[keys.confirmations]
kic = \"12\"
kid = \"12\"
tar = \"b2f002\"
[[smsc]]
name = \"main\"
port = 70000
system_id = \"far-too-long-for-smpp\"
bind = \"both\"
password = \"secret\"
[purchase]
acept_within_s = 3
alive_s = \"60\"
[[class]]
name = \"gold\"
plain_cap = { EUR = \"2.5\", XYZ = \"1\" }
[[tax]]
code = \"standard\"
rate_percent = 19
[[fee]]
currency = \"EUR\"
amount = \"0.1\"
[log]
level = \"loud\"
[smcs]
";
    let told = told(text);
    for wanted in [
        "svgate.toml:2: [node] id: must be 0 to 1023",
        "svgate.toml:5: [keys] orders.kid: the low half",
        "svgate.toml:6: [keys] orders.tar: \"b2f0\" is not three octets in hex, such as",
        "svgate.toml:11: [[smsc]] host: is missing; such as host = \"127.0.0.1\"",
        "svgate.toml:11: [[smsc]] password_file: is missing; such as",
        "svgate.toml:13: [[smsc]] port: invalid value: integer `70000`",
        "svgate.toml:14: [[smsc]] system_id: must have at most 15",
        "svgate.toml:15: [[smsc]] bind: unknown variant `both`, expected one of `trx`",
        "svgate.toml:16: [[smsc]] password: unknown key; known here: name, smsc, host",
        "svgate.toml:18: [purchase] acept_within_s: unknown key; known here: accept_within_s",
        "svgate.toml:19: [purchase] alive_s: invalid type: string \"60\", expected u32; such as \
         alive_s = 60",
        "svgate.toml:20: [[class]]: one [[class]] must have name = \"standard\"",
        "svgate.toml:22: [[class]] plain_cap.EUR: an amount in EUR is digits",
        "svgate.toml:22: [[class]] plain_cap.XYZ: unknown currency \"XYZ\"",
        "svgate.toml:25: [[tax]] rate_percent: invalid type: integer `19`, expected a string; \
         such as rate_percent = \"19.00\"",
        "svgate.toml:26: [[fee]]: amount: an amount in EUR is digits",
        "svgate.toml:30: [log] level: unknown variant `loud`",
        "svgate.toml:31: [smcs]: unknown section; there are node, store",
    ] {
        assert!(
            told.iter().any(|line| line.starts_with(wanted)),
            "{wanted}\nis not in\n{}",
            told.join("\n")
        );
    }
    assert_eq!(told.len(), 18, "{}", told.join("\n"));
}

#[test]
fn rules_between_keys_are_held() {
    for (from, to, wanted) in [
        (
            "b2f002",
            "b2f001",
            "confirmations.tar: must not be the tar of orders",
        ),
        (
            "\"127.0.0.1:8080\"",
            "\"0.0.0.0:8080\"",
            "listen: is not loopback",
        ),
        (
            "export-head",
            "export/head",
            "head_file: must be outside of dir",
        ),
        (
            "waiters_max = 1024",
            "waiters_max = 4096",
            "waiters_max: must not be above",
        ),
        (
            "reconnect_max_ms = 60000",
            "reconnect_max_ms = 1",
            "must not be below reconnect_min_ms",
        ),
        (
            "take_within_ms = 1500",
            "take_within_ms = 5000",
            "the network gives a message up",
        ),
        ("cutoff_day = 1", "cutoff_day = 32", "a day of the month"),
        ("\"UTC\"", "\"Mars/Olympus\"", "time_zone: unknown zone"),
        (
            "[billing]",
            "[[class]]\nname = \"standard\"\n[billing]",
            "standard is there already",
        ),
        ("[billing]", "[billing\n", "line"),
    ] {
        let text = SHIPPED.replacen(from, to, 1);
        assert_ne!(text, SHIPPED);
        let told = told(&text).join("\n");
        assert!(
            told.contains(wanted) || wanted == "line",
            "{wanted}: {told}"
        );
        assert!(told.starts_with("svgate.toml:"), "{told}");
    }
}

#[test]
fn amounts_rates_and_paths_arrive_as_the_policy_needs_them() {
    let config = Config::from_text(Path::new("/etc/svgate/svgate.toml"), SHIPPED).unwrap();
    assert_eq!(config.store.path, Path::new("/etc/svgate/svgate.db"));
    assert_eq!(
        config.smsc[0].password_file,
        Path::new("/etc/svgate/smsc-main.password")
    );
    let policy = config.policy();
    let eur = "EUR".parse().unwrap();
    let terms = policy.terms(eur, "standard").unwrap();
    assert_eq!((terms.fee.minor(), terms.tax_basis_points), (10, 1900));
    let class = policy.class("unheard-of").unwrap();
    assert_eq!(class.plain_cap[&eur].minor(), 1_000);
    assert_eq!(class.bill_maximum[&eur].minor(), 30_000);
    assert!(config.texts().is_ok());
}

#[test]
fn a_password_comes_from_its_file_and_a_file_open_to_others_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("svgate.toml");
    fs::write(&file, SHIPPED).unwrap();
    let config = Config::load(&file).unwrap();
    let faults = config.file_faults();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].to_string().contains("[[smsc]] password_file: "),
        "{faults:?}"
    );
    let line = SHIPPED
        .lines()
        .position(|line| line.starts_with("password_file"))
        .unwrap()
        + 1;
    assert_eq!(faults[0].line, line);

    let password = folder.path().join("smsc-main.password");
    for (text, good) in [
        ("secret08\n", true),
        ("", false),
        ("far too long\n", false),
        ("a\nb", false),
    ] {
        fs::write(&password, text).unwrap();
        assert_eq!(config.file_faults().is_empty(), good, "{text:?}");
    }
    fs::write(&password, "secret08\r\n").unwrap();
    assert_eq!(
        config.smsc[0].bind_config().unwrap().password.expose(),
        "secret08"
    );
    for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1), (0o602, 1)] {
        fs::set_permissions(&password, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(config.warnings().len(), warnings, "{mode:o}");
    }
}

#[test]
fn a_broken_text_of_the_operator_is_told_with_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("texts")).unwrap();
    fs::write(
        folder.path().join("texts/xx.toml"),
        "[words]\n[texts]\nfoo = \"bar\"\n",
    )
    .unwrap();
    let file = folder.path().join("svgate.toml");
    fs::write(&file, all_switched_on()).unwrap();
    let error = Config::load(&file).unwrap().texts().err().unwrap();
    assert!(error.to_string().contains("xx.toml:3: "), "{error}");
}

#[test]
fn an_smsc_without_a_bind_that_transmits_is_refused_and_one_with_it_is_not() {
    let base = SHIPPED.replace("bind = \"trx\"", "bind = \"rx\"");
    let told_of = told(&base);
    assert_eq!(told_of.len(), 1, "{told_of:?}");
    assert!(
        told_of[0].contains("[[smsc]] bind: smsc main has no bind that transmits")
            && told_of[0].contains("bind = \"tx\""),
        "{told_of:?}"
    );
    let transmitter = "
[[smsc]]
name = \"main-tx\"
smsc = \"main\"
host = \"127.0.0.1\"
port = 2775
system_id = \"svgate\"
password_file = \"smsc-main.password\"
bind = \"tx\"
";
    let config = read(&format!("{base}{transmitter}")).unwrap_or_else(|faults| panic!("{faults}"));
    let smscs: Vec<_> = config.smsc.iter().map(SmscConfig::smsc).collect();
    assert_eq!(smscs, ["main".into(), "main".into()]);
    let told_of = told(&format!("{base}{transmitter}alphabet = \"latin1\"\n"));
    assert_eq!(told_of.len(), 1, "{told_of:?}");
    assert!(
        told_of[0].contains("alphabet: all binds of smsc main must have the same"),
        "{told_of:?}"
    );
}

/// What is told of the USSD of a configuration in which `from` is `to`.
fn ussd_told(from: &str, to: &str) -> String {
    let shipped = SHIPPED.replacen("# ussd_dialect", "ussd_dialect", 1);
    assert!(shipped.contains(from), "{from}");
    let config = read(&shipped.replacen(from, to, 1)).unwrap_or_else(|faults| panic!("{faults}"));
    config
        .ussd()
        .map_or_else(|e| e.to_string(), |_| String::new())
}

#[test]
fn a_dialect_that_is_not_there_or_a_bind_that_cannot_answer_is_told() {
    assert_eq!(ussd_told("\"spec\"", "\"mica\""), "");
    let told = ussd_told("ussd_dialect = \"spec\"", "ussd_dialect = \"smpp\"");
    assert!(
        told.contains("there is no \"smpp\", there are 6d, bare"),
        "{told}"
    );
    let told = ussd_told("\nbind = \"trx\"", "\nbind = \"tx\"");
    assert!(told.contains("make it \"trx\""), "{told}");
    let told = ussd_told(
        "# ussd_results_by = \"main\"",
        "ussd_results_by = \"nobody\"",
    );
    assert!(told.contains("no smsc \"nobody\""), "{told}");
    let told = ussd_told("\nlanguage = \"en\"", "\nlanguage = \"eo\"");
    assert!(told.contains("no texts in the language eo"), "{told}");
}

#[test]
fn an_operators_dialect_is_used_or_told_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mine =
        "[session]\n[incoming]\nbegin = [1]\nanswer = [18]\n[outgoing]\ncontinue = 2\nend = 17\n";
    fs::write(folder.path().join("mine.toml"), mine).unwrap();
    let shipped = SHIPPED
        .replacen("# ussd_dialect = \"spec\"", "ussd_dialect = \"mine\"", 1)
        .replacen("# dialects = \"ussd\"", "dialects = \".\"", 1);
    let file = folder.path().join("svgate.toml");
    let config = Config::from_text(&file, &shipped).unwrap_or_else(|faults| panic!("{faults}"));
    let ussd = config.ussd().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(&*ussd.dialects["main"].name, "mine");
    fs::write(
        folder.path().join("mine.toml"),
        mine.replace("end = 17", "end = 2"),
    )
    .unwrap();
    let told = config.ussd().unwrap_err().to_string();
    assert!(told.contains("mine can't be used"), "{told}");
}
