//! Reads one Rust file as far as the tidy rules need: what ships, and the paths that it names.
//!
//! ```text
//! text ──► code without comments and literals ──► tokens ──► tokens that ship ──► paths
//!                                                   └ #[cfg(test)] items are cut out ┘
//! ```
//! This is no parser: it knows use-trees, aliases, inline modules, `super` and `self`, which is all
//! that an arrow between modules can hide behind. What a macro makes up at build time escapes it.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{Token, is_word, shipped};

/// A Rust file of the crate: its place in the tree of modules, and the code of it that ships.
pub(crate) struct Source {
    /// `["smpp", "link"]` for `src/smpp/link.rs`; empty for `lib.rs` and `main.rs`.
    pub(crate) module: Vec<String>,
    /// The child modules that this file declares for tests only, as whole paths.
    pub(crate) test_modules: Vec<Vec<String>>,
    tokens: Vec<Token>,
}

/// A path as written in the code, made absolute where it starts in this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) line: usize,
    /// `["crate", "domain", "Money"]` or `["tokio", "spawn"]`; a glob ends in `*`.
    pub(crate) segments: Vec<String>,
}

impl Source {
    /// Reads the text of the file that holds `module`.
    pub(crate) fn read(module: &[&str], text: &str) -> Self {
        let module: Vec<String> = module.iter().map(ToString::to_string).collect();
        let (tokens, tests) = shipped(text);
        let child = |name: String| module.iter().cloned().chain([name]).collect();
        Self {
            test_modules: tests.into_iter().map(child).collect(),
            module,
            tokens,
        }
    }

    /// Every path that shipped code names, use-trees spread out, in order of appearance.
    pub(crate) fn paths(&self) -> Vec<Path> {
        let mut names = self.child_modules();
        let written = written_paths(&self.tokens);
        for path in &written {
            if let Some(name) = &path.name {
                names.insert(name.clone(), absolute(path, &self.module, &names));
            }
        }
        let resolve = |path: &Written| Path {
            line: path.line,
            segments: absolute(path, &self.module, &names),
        };
        written.iter().map(resolve).collect()
    }

    /// Lines on which shipped code starts a task or a thread: `tokio::spawn`, `thread::spawn`, and
    /// `.spawn(…)` of a set or scope. `.spawn()` without arguments starts a process: not meant.
    pub(crate) fn spawns(&self) -> Vec<usize> {
        let is = |at: usize, text: &str| self.tokens.get(at).is_some_and(|t| t.text == text);
        let method = |at: &usize| {
            is(*at, ".")
                && ["spawn", "spawn_on", "spawn_local"]
                    .iter()
                    .any(|name| is(at + 1, name))
                && is(at + 2, "(")
                && !is(at + 3, ")")
        };
        let methods = (0..self.tokens.len())
            .filter(method)
            .map(|at| self.tokens[at].line);
        let by_path = self.paths().into_iter().filter(|path| {
            let [first, .., last] = path.segments.as_slice() else {
                return false;
            };
            ["tokio", "std"].contains(&first.as_str())
                && ["spawn", "spawn_local"].contains(&last.as_str())
        });
        let lines: BTreeSet<usize> = methods.chain(by_path.map(|path| path.line)).collect();
        lines.into_iter().collect()
    }

    /// `mod link;` lets this file say `link::Link` without `self::`.
    fn child_modules(&self) -> BTreeMap<String, Vec<String>> {
        let declared = self
            .tokens
            .windows(3)
            .filter(|w| w[0].text == "mod" && w[2].text == ";");
        let start = ["crate".to_string()];
        declared
            .map(|w| w[1].text.clone())
            .map(|name| {
                let whole = start
                    .iter()
                    .chain(&self.module)
                    .chain([&name])
                    .cloned()
                    .collect();
                (name, whole)
            })
            .collect()
    }

    /// Lines on which shipped code calls one of the macros `names`.
    pub(crate) fn lines_with_macro(&self, names: &[&str]) -> Vec<usize> {
        let calls = self.tokens.windows(2);
        let calls = calls.filter(|w| names.contains(&w[0].text.as_str()) && w[1].text == "!");
        calls.map(|w| w[0].line).collect()
    }
}

/// A path before it is made absolute.
struct Written {
    line: usize,
    segments: Vec<String>,
    /// Inline modules (`mod inner { … }`) around it, outermost first.
    inside: Vec<String>,
    /// The name that a `use` gives it in this file.
    name: Option<String>,
}

fn absolute(
    path: &Written,
    module: &[String],
    names: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let mut here: Vec<String> = vec!["crate".to_string()];
    let mut rest = path.segments.as_slice();
    match rest.first().map(String::as_str) {
        Some("crate" | "svgate") => rest = &rest[1..],
        Some("self" | "super") => {
            here.extend(module.iter().chain(&path.inside).cloned());
            if rest[0] == "self" {
                rest = &rest[1..];
            }
            while rest.first().is_some_and(|segment| segment == "super") {
                here.pop();
                rest = &rest[1..];
            }
        }
        Some(first) => match names.get(first) {
            Some(whole) => {
                here.clone_from(whole);
                rest = &rest[1..];
            }
            None => here.clear(),
        },
        None => {}
    }
    here.extend(rest.iter().cloned());
    here
}

fn written_paths(tokens: &[Token]) -> Vec<Written> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    let mut scopes: Vec<Option<String>> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let inside: Vec<String> = scopes.iter().flatten().cloned().collect();
        match text(at) {
            "{" => {
                let named = at >= 2 && text(at - 2) == "mod";
                scopes.push(named.then(|| text(at - 1).to_string()));
                at += 1;
            }
            "}" => {
                scopes.pop();
                at += 1;
            }
            // `impl Trait + use<'a>` captures a lifetime; every other `use` opens a tree.
            "use" if text(at + 1) != "<" => {
                at = use_tree(tokens, at + 1, &[], &inside, &mut found);
            }
            word if is_word(word) && !(at > 0 && ["::", "."].contains(&text(at - 1))) => {
                let mut segments = vec![word.to_string()];
                let line = tokens[at].line;
                at += 1;
                while text(at) == "::" && is_word(text(at + 1)) {
                    segments.push(text(at + 1).to_string());
                    at += 2;
                }
                // A single word is a variable or an imported name, and the import is its arrow.
                if segments.len() > 1 {
                    found.push(Written {
                        line,
                        segments,
                        inside,
                        name: None,
                    });
                }
            }
            _ => at += 1,
        }
    }
    found
}

/// Reads one branch of a use-tree from `at` on, and returns where the branch ends: at `,`, `}` or `;`.
fn use_tree(
    tokens: &[Token],
    mut at: usize,
    prefix: &[String],
    inside: &[String],
    found: &mut Vec<Written>,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut name = None;
    let start = at;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "," | "}" | ";" => break,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = use_tree(tokens, at, &segments, inside, found);
                    if tokens.get(at).is_some_and(|token| token.text == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "as" => {
                name = tokens.get(at + 1).map(|token| token.text.clone());
                at += 1;
            }
            // `domain::{self, Money}`: the `self` of a group is the group's own module.
            "self" if !segments.is_empty() => {}
            word if is_word(word) || word == "*" => segments.push(word.to_string()),
            _ => {}
        }
        at += 1;
    }
    let line = tokens.get(start).map_or(0, |token| token.line);
    let name = name.or_else(|| segments.last().cloned());
    let name = name.filter(|name| !["*", "_"].contains(&name.as_str()));
    found.push(Written {
        line,
        segments,
        inside: inside.to_vec(),
        name,
    });
    // A `;` or a brace left over by a broken file must not hold the reader up.
    if at == start { at + 1 } else { at }
}
