//! The rules of the tree that no compiler holds: which module may name which, who may start a task,
//! what stays out of the pure part, and how files are named. `design` and `ARCHITECTURE.md` say why.
//!
//! ```text
//! commands, serve ─► smpp/link gsup/link http store export config telemetry ─► gateway ─► pure
//! ```
//! An arrow may skip layers, but never goes up, nor round in a circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use source::Source;

#[path = "tidy/bad_examples.rs"]
mod bad_examples;
#[path = "tidy/secrets.rs"]
mod secrets;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/supply.rs"]
mod supply;
#[path = "tidy/tokens.rs"]
mod tokens;

/// Bytes, values and `now` in, values out. `smpp` and `gsup` are all but
/// their `link`.
const PURE: &[&str] = &[
    "domain", "sms", "auth", "dialogue", "sv", "vend", "smpp", "gsup", "ussd",
];
/// Joins the pure parts, and owns the traits that I/O implements.
const FLOW: &[&str] = &["gateway"];
/// What every module that does I/O needs, and nothing that could decide anything.
const SETTINGS: &[&str] = &["config", "telemetry"];
const IO: &[&str] = &[
    "smpp/link",
    "gsup/link",
    "http",
    "store",
    "export",
    "config",
    "telemetry",
    "token",
];

/// Each place of the crate, and the only others that its shipped code may name.
const ARROWS: &[(&str, &[&[&str]])] = &[
    ("main", &[&["commands", "serve"], SETTINGS]),
    ("lib", &[]),
    // It runs, checks and provisions everything; the demo also plays the world around the gateway.
    ("commands", &[&["serve", "simulator"], IO, FLOW, PURE]),
    ("serve", &[IO, FLOW, PURE]),
    // The peers of the gateway: whoever wrote them can't have seen it, so wire formats only.
    ("simulator", &[PURE]),
    ("smpp/link", &[SETTINGS, FLOW, PURE]),
    ("gsup/link", &[SETTINGS, FLOW, PURE]),
    ("http", &[SETTINGS, FLOW, PURE]),
    ("store", &[SETTINGS, FLOW, PURE]),
    ("export", &[SETTINGS, FLOW, PURE]),
    ("config", &[FLOW, PURE]),
    ("telemetry", &[&["config"], FLOW, PURE]),
    ("token", &[SETTINGS, FLOW, PURE]),
    ("gateway", &[PURE]),
    ("domain", &[]),
    ("sms", &[PURE]),
    ("auth", &[PURE]),
    ("dialogue", &[PURE]),
    ("sv", &[PURE]),
    ("vend", &[PURE]),
    ("smpp", &[PURE]),
    ("gsup", &[PURE]),
    ("ussd", &[PURE]),
];

/// What `PURE` and `FLOW` never name: time, chance and I/O come to them as arguments.
const IMPURE: &[&str] = &[
    "tokio",
    "sqlx",
    "axum",
    "reqwest",
    "rustls",
    "tokio_rustls",
    "getrandom",
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
];

/// Who may start tasks and threads, as a module or a file of one, and why.
const SPAWNERS: &[(&str, &str)] = &[
    (
        "serve",
        "owns every task of the gateway, so that it can end them all",
    ),
    (
        "simulator",
        "phones, machines and the SMSC live beside the gateway, not in it",
    ),
    (
        "token",
        "a call of a PKCS#11 library may hang: it has a thread of its own, so that nothing else does",
    ),
    (
        "commands/demo",
        "plays the world around the gateway and kills it on purpose",
    ),
];

/// Drawers without an author or an end.
const DRAWERS: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "types", "manager", "managers",
];

const UNFINISHED_MACROS: &[&str] = &["todo", "unimplemented"];
/// Put together here so that this file can be searched for them too.
const UNFINISHED_WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];

const LINES_AIM: usize = 400;
const LINES_MAX: usize = 500;

/// A file of the tree: its path from `src/` on, with `/`, and its text.
type Texts = BTreeMap<String, String>;

#[test]
fn the_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts = read_tree(&root.join("src")).expect("src can be read");
    assert!(
        texts.len() > 10,
        "found only {} files: is this the right folder?",
        texts.len()
    );

    let mut faults = faults(&texts);
    if let Ok(page) = fs::read_to_string(root.join("ARCHITECTURE.md")) {
        faults.extend(absent_from_architecture(&texts, &page));
    }
    for (path, lines) in
        lengths(&texts).filter(|(_, lines)| (LINES_AIM + 1..=LINES_MAX).contains(lines))
    {
        println!("info: src/{path} has {lines} lines, the aim is {LINES_AIM}");
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// Everything that is wrong with the files under `src/`, a line each, in order of place.
fn faults(texts: &Texts) -> Vec<String> {
    let sources = sources(texts);
    let mut found = Vec::new();
    let mut seen: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for (path, source) in &sources {
        let Some(here) = place(path, &source.module) else {
            found.push(format!(
                "src/{path}: module in no row of the table of arrows"
            ));
            continue;
        };
        for (line, there) in arrows(source) {
            let at = format!("src/{path}:{line}");
            match there {
                Ok(there) if there == here => {}
                Ok(there) if may_name(here, there) => {
                    seen.entry((here, there)).or_insert(at);
                }
                Ok(there) => found.push(format!("{at}: {here} -> {there}: no such arrow")),
                Err(unknown) => found.push(format!("{at}: {here} -> {unknown}: no such module")),
            }
        }
        if PURE.contains(&here) || FLOW.contains(&here) {
            let impure = impurities(source);
            found.extend(
                impure.map(|(line, what)| format!("src/{path}:{line}: {here} names {what}")),
            );
        }
        if !may_spawn(path) {
            let lines = source.spawns().into_iter();
            found.extend(
                lines.map(|line| format!("src/{path}:{line}: {here} starts a task or thread")),
            );
        }
        let macros = source.lines_with_macro(UNFINISHED_MACROS).into_iter();
        found.extend(macros.map(|line| format!("src/{path}:{line}: unfinished code")));
    }
    found.extend(circles(&seen));
    found.extend(secrets::printable(texts));
    found.extend(
        texts
            .iter()
            .flat_map(|(path, text)| unfinished_words(path, text)),
    );
    found.extend(texts.keys().filter_map(|path| bad_name(path)));
    let long = lengths(texts).filter(|(_, lines)| *lines > LINES_MAX);
    found.extend(
        long.map(|(path, lines)| format!("src/{path}: {lines} lines, more than {LINES_MAX}")),
    );
    // One line may write the same arrow twice.
    found.dedup();
    found
}

/// The files that ship: those that their parent declares for tests only are left out.
fn sources(texts: &Texts) -> Vec<(&str, Source)> {
    let read = texts
        .iter()
        .map(|(path, text)| (path.as_str(), Source::read(&module(path), text)));
    let mut sources: Vec<_> = read.collect();
    let exempt: BTreeSet<Vec<String>> = sources
        .iter()
        .flat_map(|(_, source)| source.test_modules.clone())
        .collect();
    sources.retain(|(_, source)| {
        !(1..=source.module.len()).any(|n| exempt.contains(&source.module[..n]))
    });
    sources
}

/// `smpp/link.rs` is `["smpp", "link"]`; the roots are the crate itself.
fn module(path: &str) -> Vec<&str> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    if matches!(stem, "lib" | "main") {
        Vec::new()
    } else {
        stem.split('/').collect()
    }
}

fn place(path: &str, module: &[String]) -> Option<&'static str> {
    match path {
        "main.rs" => Some("main"),
        "lib.rs" => Some("lib"),
        _ => row(module),
    }
}

/// The row of the table that a module belongs to: the longest that fits.
fn row(module: &[String]) -> Option<&'static str> {
    let name = module.join("/") + "/";
    let rows = ARROWS
        .iter()
        .map(|(row, _)| *row)
        .filter(|row| !matches!(*row, "main" | "lib"));
    rows.filter(|row| name.starts_with(&format!("{row}/")))
        .max_by_key(|row| row.len())
}

fn may_name(here: &str, there: &str) -> bool {
    let allowed = ARROWS.iter().find(|(row, _)| *row == here);
    allowed.is_some_and(|(_, groups)| groups.iter().any(|group| group.contains(&there)))
}

fn may_spawn(path: &str) -> bool {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let within = |owner: &str| stem == owner || stem.starts_with(&format!("{owner}/"));
    SPAWNERS.iter().any(|(owner, _)| within(owner))
}

/// Where each arrow of a file points; `Err` for a path into the crate that leads to no known place.
fn arrows(source: &Source) -> impl Iterator<Item = (usize, Result<&'static str, String>)> {
    source
        .paths()
        .into_iter()
        .filter_map(|path| match path.segments.as_slice() {
            [first, rest @ ..] if first == "crate" && !rest.is_empty() => Some((
                path.line,
                row(rest).ok_or_else(|| format!("crate::{}", rest.join("::"))),
            )),
            _ => None,
        })
}

fn impurities(source: &Source) -> impl Iterator<Item = (usize, String)> {
    source.paths().into_iter().filter_map(|path| {
        let name = path.segments.join("::") + "::";
        let part = |what: &str| path.segments.iter().skip(1).any(|segment| segment == what);
        let whole = |what: &str| name.starts_with(&format!("{what}::"));
        let impure = IMPURE.iter().find(|what| whole(what) || part(what))?;
        Some((path.line, (*impure).to_string()))
    })
}

/// Modules of one layer may name each other, but not both ways, on whatever detour.
fn circles(seen: &BTreeMap<(&str, &str), String>) -> Vec<String> {
    let reaches = |from: &str, to: &str| {
        let mut reached = BTreeSet::from([from]);
        for _ in 0..ARROWS.len() {
            let next = seen
                .keys()
                .filter(|(a, _)| reached.contains(a))
                .map(|(_, b)| *b);
            reached = reached
                .iter()
                .copied()
                .chain(next.collect::<Vec<_>>())
                .collect();
        }
        reached.contains(to)
    };
    let circular = seen.iter().filter(|((from, to), _)| reaches(to, from));
    circular
        .map(|((from, to), at)| format!("{at}: {from} -> {to}: part of a circle"))
        .collect()
}

fn unfinished_words(path: &str, text: &str) -> Vec<String> {
    let words = |line: &str| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| UNFINISHED_WORDS.contains(&word))
    };
    let lines = (1..).zip(text.lines()).filter(|(_, line)| words(line));
    lines
        .map(|(line, _): (usize, _)| format!("src/{path}:{line}: unfinished code"))
        .collect()
}

fn bad_name(path: &str) -> Option<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let drawer = stem.split('/').find(|part| DRAWERS.contains(part));
    let fault = match (drawer, stem.rsplit('/').next()) {
        (Some(drawer), _) => format!("`{drawer}` is a drawer: name the thing in it"),
        (None, Some("mod")) => "purse.rs beside purse/, never mod.rs".to_string(),
        _ => return None,
    };
    Some(format!("src/{path}: {fault}"))
}

fn lengths(texts: &Texts) -> impl Iterator<Item = (&str, usize)> {
    texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.lines().count()))
}

/// The page has a line per top-level module, which starts with its name or has it in backticks.
fn absent_from_architecture(texts: &Texts, page: &str) -> Vec<String> {
    let roots = ["lib.rs", "main.rs"];
    let modules = texts.keys().filter(|path| !roots.contains(&path.as_str()));
    let modules: BTreeSet<&str> = modules
        .filter_map(|path| module(path).first().copied())
        .collect();
    let first_word = |line: &str| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.find(|word| !word.is_empty()).map(ToString::to_string)
    };
    let firsts: BTreeSet<String> = page.lines().filter_map(first_word).collect();
    let told = |name: &str| {
        firsts.contains(name)
            || page.contains(&format!("`{name}`"))
            || page.contains(&format!("`{name}/`"))
    };
    let absent = modules.into_iter().filter(|name| !told(name));
    absent
        .map(|name| format!("ARCHITECTURE.md: no line for `{name}`"))
        .collect()
}

fn read_tree(src: &Path) -> io::Result<Texts> {
    let mut texts = Texts::new();
    let mut folders: Vec<PathBuf> = vec![src.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(src).map_err(io::Error::other)?;
                texts.insert(
                    name.to_string_lossy().replace('\\', "/"),
                    fs::read_to_string(&path)?,
                );
            }
        }
    }
    Ok(texts)
}
