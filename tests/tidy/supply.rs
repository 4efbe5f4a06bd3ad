//! Holds `deny.toml` with cargo alone: licences, sources and banned crates of what is built.
//!
//! cargo-deny says more, and `tests/run` calls it where it is installed; but it takes longer to build than
//! everything else here, and a check that is usually skipped holds nothing.

use std::{collections::BTreeSet, env, path::Path, process::Command};

use serde::Deserialize;

/// `deny.toml`, as far as it is held here.
#[derive(Deserialize)]
struct Deny {
    graph: Graph,
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

/// `cargo metadata`, as far as it is read here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// `None` for a crate of this tree.
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Of a path dependency as of any other: `*` accepts whatever is released next.
    req: String,
    path: Option<String>,
}

#[test]
fn everything_built_is_licensed_and_comes_from_the_crates_registry() {
    let deny = deny();
    let faults: Vec<String> = deny
        .graph
        .targets
        .iter()
        .flat_map(|target| metadata(target).packages)
        .flat_map(|package| faults(&package, &deny))
        .collect();
    assert!(
        faults.is_empty(),
        "deny.toml does not allow:\n{}\n",
        faults.join("\n")
    );
}

#[test]
fn the_lock_file_names_no_source_but_the_crates_registry() {
    let lock = include_str!("../../Cargo.lock");
    let sources = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "));
    let strange: Vec<&str> = sources
        .filter(|source| !is_registry(source.trim_matches('"')))
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
}

#[test]
fn a_bad_package_is_named_with_its_fault() {
    let good = || Package {
        name: "good".to_string(),
        version: "1.0.0".to_string(),
        license: Some("MIT".to_string()),
        source: Some("registry+https://a.place/crates.io-index".to_string()),
        dependencies: Vec::new(),
    };
    let wildcard = Dependency {
        name: "any".to_string(),
        req: "*".to_string(),
        path: None,
    };
    let deny = deny();
    assert_eq!(faults(&good(), &deny), Vec::<String>::new());

    let git = Some("git+https://a.place/good#0123456".to_string());
    let mirror = Some("registry+https://a.place/index".to_string());
    for (bad, fault) in [
        (
            Package {
                license: Some("GPL-3.0-only".to_string()),
                ..good()
            },
            "licence GPL-3.0-only",
        ),
        (
            Package {
                license: None,
                ..good()
            },
            "names no licence",
        ),
        (
            Package {
                source: git,
                ..good()
            },
            "comes from git+",
        ),
        (
            Package {
                source: mirror,
                ..good()
            },
            "comes from registry+",
        ),
        (
            Package {
                name: "native-tls".to_string(),
                ..good()
            },
            "banned: TLS is rustls",
        ),
        (
            Package {
                source: None,
                dependencies: vec![wildcard],
                ..good()
            },
            "takes any version of any",
        ),
    ] {
        let found = faults(&bad, &deny);
        assert!(
            found.len() == 1 && found[0].contains(fault),
            "{fault}: {found:?}"
        );
    }
}

#[test]
fn a_licence_expression_is_allowed_when_one_choice_is() {
    let allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
        .map(str::to_string)
        .into();
    for (expression, allowed) in [
        ("MIT", true),
        ("GPL-2.0-only", false),
        ("GPL-2.0-only OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-2.0-only / MIT", true),
        ("MIT AND GPL-2.0-only", false),
        ("(MIT OR GPL-2.0-only) AND Apache-2.0", true),
        ("(MIT OR Apache-2.0) AND GPL-2.0-only", false),
        // AND binds closer than OR.
        ("MIT OR GPL-2.0-only AND AGPL-3.0-only", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", true),
        ("Apache-2.0 WITH Classpath-exception-2.0", false),
        ("MIT AND", false),
        ("(MIT", false),
        ("MIT MIT", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allow), allowed, "{expression}");
    }
}

fn faults(package: &Package, deny: &Deny) -> Vec<String> {
    let mut found = Vec::new();
    match &package.license {
        None => found.push("names no licence".to_string()),
        Some(license) if !is_allowed(license, &deny.licenses.allow) => {
            found.push(format!("licence {license}"));
        }
        Some(_) => {}
    }
    if let Some(source) = package
        .source
        .as_ref()
        .filter(|source| !is_registry(source))
    {
        found.push(format!("comes from {source}"));
    }
    let bans = deny.bans.deny.iter().filter(|ban| ban.name == package.name);
    found.extend(bans.map(|ban| format!("banned: {}", ban.reason)));
    if package.source.is_none() {
        let wildcards = package
            .dependencies
            .iter()
            .filter(|d| d.req == "*" && d.path.is_none());
        found.extend(wildcards.map(|d| format!("takes any version of {}", d.name)));
    }
    let named = |fault| format!("{} {}: {fault}", package.name, package.version);
    found.into_iter().map(named).collect()
}

fn is_registry(source: &str) -> bool {
    (source.starts_with("registry+") || source.starts_with("sparse+"))
        && source.trim_end_matches('/').ends_with("/crates.io-index")
}

/// SPDX: `OR` of `AND` of names and brackets; `/` is the old way to write `OR`.
fn is_allowed(expression: &str, allow: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    choice(&words, allow).is_some_and(|(allowed, rest)| allowed && rest.is_empty())
}

fn choice<'w>(words: &'w [&'w str], allow: &BTreeSet<String>) -> Option<(bool, &'w [&'w str])> {
    let (mut allowed, mut rest) = all_of(words, allow)?;
    while let ["OR", more @ ..] = rest {
        let (other, after) = all_of(more, allow)?;
        (allowed, rest) = (allowed || other, after);
    }
    Some((allowed, rest))
}

fn all_of<'w>(words: &'w [&'w str], allow: &BTreeSet<String>) -> Option<(bool, &'w [&'w str])> {
    let (mut allowed, mut rest) = licence(words, allow)?;
    while let ["AND", more @ ..] = rest {
        let (other, after) = licence(more, allow)?;
        (allowed, rest) = (allowed && other, after);
    }
    Some((allowed, rest))
}

fn licence<'w>(words: &'w [&'w str], allow: &BTreeSet<String>) -> Option<(bool, &'w [&'w str])> {
    match words {
        ["(", inner @ ..] => match choice(inner, allow)? {
            (allowed, [")", rest @ ..]) => Some((allowed, rest)),
            _ => None,
        },
        [] | [")" | "AND" | "OR" | "WITH", ..] => None,
        [name, "WITH", exception, rest @ ..] => {
            Some((allow.contains(&format!("{name} WITH {exception}")), rest))
        }
        [name, rest @ ..] => Some((allow.contains(*name), rest)),
    }
}

fn deny() -> Deny {
    toml::from_str(include_str!("../../deny.toml")).expect("deny.toml is what this file reads")
}

/// The crates built for `target`; cargo has them all, or this test could not run.
fn metadata(target: &str) -> Metadata {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let answer = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            target,
        ])
        .current_dir(root)
        .output()
        .expect("cargo starts");
    assert!(
        answer.status.success(),
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    serde_json::from_slice(&answer.stdout).expect("cargo metadata writes JSON")
}
