//! Trees that must fail: a rule that nothing can break holds nothing.

use crate::{Texts, absent_from_architecture, faults, tokens};

/// The faults of a tree with these files.
fn faults_of(files: &[(&str, &str)]) -> Vec<String> {
    faults(&tree(files))
}

fn tree(files: &[(&str, &str)]) -> Texts {
    files
        .iter()
        .map(|(path, text)| ((*path).to_string(), (*text).to_string()))
        .collect()
}

fn assert_fault(path: &str, text: &str, expected: &str) {
    let found = faults_of(&[(path, text)]);
    let fits = |fault: &String| fault.starts_with("src/") && fault.contains(expected);
    assert!(
        found.len() == 1 && found.iter().all(fits),
        "{text}\n{expected}\n{found:#?}"
    );
}

fn assert_tidy(path: &str, text: &str) {
    assert_eq!(faults_of(&[(path, text)]), Vec::<String>::new(), "{text}");
}

#[test]
fn an_arrow_that_goes_up_is_found_however_it_is_written() {
    for text in [
        "use crate::gateway::World;",
        "use crate::{gateway::World};",
        "use crate::{\n    domain::Millis, gateway::{self, World}};",
        "use crate::{domain::{ids, money::*}, gateway};",
        "pub(crate) use svgate::gateway::World;",
        "use ::svgate::gateway::World;",
        "use super::gateway::World;",
        "use self::super::gateway as g;",
        "fn f() { let w = crate::gateway::World::new(); }",
        "fn f(w: &crate::gateway::World) {}",
        "mod inner { use super::super::gateway::World; }",
        "use crate as here; fn f(w: here::gateway::World) {}",
        "use super as above; type W = above::gateway::World;",
        "macro_rules! m { () => { $crate::gateway::step() } }",
        "const A: char = '\"'; use crate::gateway::World;",
        "const A: &str = r#\"\"#; use crate::gateway::World;",
        "/* /* */ */ use crate::gateway::World;",
        "fn f<'a>(a: &'a str) -> &'a str { crate::gateway::name('\\'') }",
        "#[cfg(not(test))] use crate::gateway::World;",
        "#[cfg(test)] mod tests { } use crate::gateway::World;",
        "#[cfg(test)] use crate::a::{b, c}; use crate::gateway::World;",
    ] {
        assert_fault("sms.rs", text, "sms -> gateway");
    }
    assert_fault(
        "sms/gsm7.rs",
        "use super::super::gateway::World;",
        "sms -> gateway",
    );
    assert_fault(
        "sms/gsm7/tables.rs",
        "use crate::store::Row;",
        "sms -> store",
    );
}

#[test]
fn an_arrow_is_found_on_its_line() {
    let text = "//! A page.\n\nuse crate::{\n    domain::Millis,\n    gateway::World,\n};\n";
    assert_fault(
        "sms.rs",
        text,
        "src/sms.rs:5: sms -> gateway: no such arrow",
    );
    let text = "const A: &str = \"one\ntwo \\\" three\";\n/* four\nfive */\nuse crate::http;";
    assert_fault("sms.rs", text, "src/sms.rs:5: sms -> http");
}

#[test]
fn each_layer_has_its_own_bad_arrow() {
    const BAD: &str = "
        domain.rs         use crate::sms::Text;                        domain -> sms
        domain/money.rs   use crate::auth::Authentic;                  domain -> auth
        gateway/decide.rs use crate::store::Writer;                    gateway -> store
        gateway.rs        use crate::smpp::link::Link;                 gateway -> smpp/link
        smpp/session.rs   use super::link::Link;                       smpp -> smpp/link
        smpp.rs           pub mod link; pub use link::Link;            smpp -> smpp/link
        smpp.rs           mod link; fn f() { link::bind() }            smpp -> smpp/link
        vend.rs           use crate::smpp; type L = smpp::link::Link;  vend -> smpp/link
        store/writer.rs   use crate::http::Body;                       store -> http
        http/pos.rs       use crate::store::Writer;                    http -> store
        export/cdr.rs     use crate::commands::Demo;                   export -> commands
        config.rs         use crate::telemetry::Span;                  config -> telemetry
        serve.rs          use crate::simulator::Handset;               serve -> simulator
        simulator/smsc.rs use crate::gateway::World;                   simulator -> gateway
        simulator/smsc.rs use crate::store::Writer;                    simulator -> store
        simulator/pos.rs  use crate::http::Ack;                        simulator -> http
        simulator.rs      use crate::smpp::link::Link;                 simulator -> smpp/link
        main.rs           use svgate::store::Writer;                   main -> store
        sms.rs            use crate::*;                                no such module
        sms.rs            use crate::billing::Bill;                    no such module
        billing.rs        use crate::domain;                           in no row of the table";
    for row in BAD.lines().filter(|row| !row.is_empty()) {
        let (path, rest) = row.trim().split_once(' ').expect("a path first");
        let (text, expected) = rest
            .trim()
            .rsplit_once("  ")
            .expect("two spaces before the fault");
        assert_fault(path, text, expected);
    }
}

#[test]
fn an_allowed_arrow_is_no_fault() {
    for (path, text) in [
        (
            "sms.rs",
            "use crate::{domain::{self, money::MinorUnits}, sms::gsm7::Septets};",
        ),
        (
            "gateway/decide.rs",
            "use crate::{auth::Authentic, gateway::World, smpp::pdu::Pdu};",
        ),
        ("smpp/link.rs", "use super::{pdu::Pdu, session::Session};"),
        (
            "http.rs",
            "pub(in crate::http) fn f() -> crate::gateway::Outcome { todo_later() }",
        ),
        (
            "commands/demo.rs",
            "use crate::{serve, simulator::smsc, store::Writer};",
        ),
        (
            "main.rs",
            "use svgate::commands; fn main() { commands::run() }",
        ),
        ("sms.rs", "fn f(gateway: u8) -> u8 { gateway.http.store }"),
        (
            "sms.rs",
            "fn f() -> impl Sized + use<'static> { std::iter::empty::<u8>() }",
        ),
    ] {
        assert_tidy(path, text);
    }
}

#[test]
fn words_in_comments_texts_and_tests_are_no_arrows() {
    for text in [
        "//! See [`crate::gateway`], which tokio::spawn is not in.",
        "/* use crate::gateway::World; */",
        "const A: &str = \"use crate::gateway::World;\";",
        "const A: &[u8] = br##\"use \"# crate::gateway::World;\"##;",
        "#[cfg(test)]\nmod tests {\n    use crate::gateway::World;\n    use std::fs;\n}\n",
        "#[cfg(test)]\n#[path = \"a.rs\"]\npub(crate) use crate::gateway::{World, decide};",
        "#[cfg(all(test, unix))] fn f<A, B>(a: [A; 2]) -> B { crate::gateway::World }",
        "struct A { #[cfg(test)] w: crate::gateway::World, b: u8 }",
        "#![cfg(test)]\nuse crate::gateway::World;",
    ] {
        assert_tidy("sms.rs", text);
    }
    let test_file = ("sms/cases.rs", "use crate::gateway::World;");
    assert_eq!(
        faults_of(&[("sms.rs", "#[cfg(test)] mod cases;"), test_file]),
        Vec::<String>::new()
    );
    assert_eq!(faults_of(&[("sms.rs", "mod cases;"), test_file]).len(), 1);
}

#[test]
fn two_modules_of_a_layer_may_not_name_each_other() {
    let there = ("sms.rs", "use crate::auth::Authentic;");
    let detour = ("auth/replay.rs", "use crate::vend::Ack;");
    assert_eq!(faults_of(&[there, detour]), Vec::<String>::new());
    let back = ("vend.rs", "use crate::sms::Text;");
    let found = faults_of(&[there, detour, back]);
    assert!(
        found.len() == 3 && found.iter().all(|fault| fault.contains("circle")),
        "{found:?}"
    );
}

#[test]
fn pure_modules_name_no_io_and_no_clock() {
    for (text, what) in [
        ("use tokio::sync::mpsc;", "tokio"),
        ("fn f() { tokio::time::sleep(d) }", "tokio"),
        ("use tokio;", "tokio"),
        ("use sqlx::Row;", "sqlx"),
        ("use axum::Json;", "axum"),
        ("use std::{fmt, net::SocketAddr};", "std::net"),
        ("use std::fs;", "std::fs"),
        ("use std as s; fn f() { s::fs::read(p) }", "std::fs"),
        ("use std::time::{Duration, Instant};", "Instant"),
        ("fn f(now: std::time::SystemTime) {}", "SystemTime"),
        ("fn f() { getrandom::fill(b) }", "getrandom"),
    ] {
        for (path, here) in [
            ("domain/ids.rs", "domain"),
            ("smpp/pdu.rs", "smpp"),
            ("gateway.rs", "gateway"),
        ] {
            assert_fault(path, text, &format!("{here} names {what}"));
        }
        assert_tidy("smpp/link.rs", text);
    }
    assert_tidy(
        "sms.rs",
        "use std::time::Duration; use std::collections::BTreeMap;",
    );
}

#[test]
fn only_serve_starts_tasks() {
    for text in [
        "fn f() { tokio::spawn(g()); }",
        "use tokio::spawn;",
        "use tokio::task; fn f() { task::spawn(g()); }",
        "fn f(tasks: &mut JoinSet<()>) { tasks.spawn(g()); }",
        "fn f(tasks: &mut JoinSet<()>) { tasks\n.spawn_on(g(), h); }",
        "fn f() { std::thread::spawn(|| g()); }",
    ] {
        assert_fault("store/writer.rs", text, "store starts a task or thread");
        assert_fault(
            "commands/packet.rs",
            text,
            "commands starts a task or thread",
        );
        assert_tidy("serve.rs", text);
        assert_tidy("serve/tasks.rs", text);
        assert_tidy("commands/demo/phones.rs", text);
        assert_tidy("simulator/handset.rs", text);
    }
    let process = "fn f() { std::process::Command::new(a).spawn(); }";
    assert_tidy("commands/packet.rs", process);
}

#[test]
fn files_are_named_after_things_and_stay_short() {
    assert_fault("sms/mod.rs", "", "never mod.rs");
    assert_fault("sms/utils.rs", "", "`utils` is a drawer");
    assert_fault("sms/helpers/gsm7.rs", "", "`helpers` is a drawer");
    assert_fault("sms/gsm7.rs", &"//\n".repeat(501), "501 lines");
    assert_tidy("sms/gsm7.rs", &"//\n".repeat(500));
}

#[test]
fn nothing_unfinished_is_left() {
    for word in crate::UNFINISHED_WORDS {
        assert_fault(
            "sms.rs",
            &format!("\n// {word}: the rest"),
            "src/sms.rs:2: unfinished",
        );
        assert_tidy("sms.rs", &format!("// {word}ED is another word"));
    }
    for name in crate::UNFINISHED_MACROS {
        assert_fault(
            "sms.rs",
            &format!("fn f() {{ {name}!() }}"),
            "src/sms.rs:1: unfinished",
        );
        assert_tidy("sms.rs", &format!("// one could call {name}!() here"));
    }
}

#[test]
fn the_architecture_page_tells_of_every_module() {
    let texts = tree(&[
        ("lib.rs", ""),
        ("sms.rs", ""),
        ("sms/gsm7.rs", ""),
        ("vend.rs", ""),
    ]);
    let absent = |page| absent_from_architecture(&texts, page);
    assert_eq!(
        absent("sms/   gsm7\n| `vend` | delivery |"),
        Vec::<String>::new()
    );
    assert_eq!(
        absent("| `sms/` | texts, sms and\n- **vend**: delivery"),
        Vec::<String>::new()
    );
    assert_eq!(
        absent("`sms/` is for us all, and so is vend"),
        ["ARCHITECTURE.md: no line for `vend`"]
    );
    assert_eq!(absent("").len(), 2);
}

#[test]
fn literals_and_comments_leave_the_lines_where_they_were() {
    for (text, code) in [
        ("a // b\nc", "a  \nc"),
        ("a /* b\n */ c", "a  \n c"),
        ("f(\"a\nb\", 'c')", "f(\"\n, \")"),
        ("f(b\"a\\\"\", b'c', r\"\\\", c\"d\")", "f(\", \", \", \")"),
        ("f::<'a>('\\u{27}', r#type)", "f::<'a>(\", r#type)"),
        ("\"open", "\""),
        ("/* open\n", " \n"),
        ("'é' 'x", "\" 'x"),
    ] {
        assert_eq!(tokens::without_literals(text), code, "{text}");
    }
}
