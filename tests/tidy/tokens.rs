//! Cuts Rust text into words and signs, without comments, literals and what is built for tests only.

/// A word, `::`, or one other sign; any literal is `"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The tokens of a file that ship, and the names of the modules that it declares for tests only.
pub(crate) fn shipped(text: &str) -> (Vec<Token>, Vec<String>) {
    without_tests(&tokens(&without_literals(text)))
}

fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let mut kept = Vec::new();
    let mut test_modules = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match cfg_test(&tokens[at..]) {
            Some(Cfg { inner: true, .. }) => return (Vec::new(), Vec::new()),
            Some(Cfg { length, .. }) => {
                let start = at + length;
                at = start + item_length(&tokens[start..]);
                let item = &tokens[start..at];
                if let Some(module) = item.windows(3).find(|w| w[0].text == "mod") {
                    test_modules.extend((module[2].text == ";").then(|| module[1].text.clone()));
                }
            }
            None => {
                kept.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    (kept, test_modules)
}

/// A `#[cfg(test)]` or `#[cfg(all(test, …))]`; `inner` for `#![…]`, which covers the whole file.
struct Cfg {
    inner: bool,
    length: usize,
}

fn cfg_test(tokens: &[Token]) -> Option<Cfg> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let inner = text(1) == "!";
    let open = if inner { 2 } else { 1 };
    let head =
        text(0) == "#" && text(open) == "[" && text(open + 1) == "cfg" && text(open + 2) == "(";
    let tested = text(open + 3) == "test" && text(open + 4) == ")"
        || text(open + 3) == "all" && text(open + 5) == "test";
    (head && tested).then(|| Cfg {
        inner,
        length: open + group_length(&tokens[open..]),
    })
}

/// How many tokens the item at the start takes, further attributes included: to its `;`, to the end
/// of its first braces, or, for a field or a variant, to its comma.
fn item_length(tokens: &[Token]) -> usize {
    let mut at = 0;
    while tokens.get(at).is_some_and(|token| token.text == "#") {
        at += 1 + group_length(&tokens[at + 1..]);
    }
    let keyword = tokens
        .get(at)
        .is_some_and(|token| ITEM_KEYWORDS.contains(&token.text.as_str()));
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            ";" => return at + 1,
            "," if !keyword => return at + 1,
            ")" | "]" | "}" => return at,
            "{" => {
                let end = at + group_length(&tokens[at..]);
                let semicolon = tokens.get(end).is_some_and(|token| token.text == ";");
                return if semicolon { end + 1 } else { end };
            }
            "(" | "[" => at += group_length(&tokens[at..]),
            _ => at += 1,
        }
    }
    at
}

/// How many tokens the group takes that the first token opens, both ends included.
fn group_length(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

fn tokens(code: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c: char| !is_word_char(c)).unwrap_or(rest.len());
            let length = match word {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                _ => word,
            };
            let (token, after) = rest.split_at(length);
            found.push(Token {
                line,
                text: token.to_string(),
            });
            rest = after.trim_start();
        }
    }
    found
}

/// The code with every comment gone and `"` in place of every literal; lines stay where they were.
pub(crate) fn without_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = code.ends_with(is_word_char);
        let (kept, length) = match comment_length(rest) {
            0 => match literal_length(rest, in_word) {
                0 => (&rest[..first.len_utf8()], first.len_utf8()),
                length => ("\"", length),
            },
            length => (" ", length),
        };
        let (passed, after) = rest.split_at(length);
        code.push_str(kept);
        if length > first.len_utf8() {
            code.extend(passed.chars().filter(|c| *c == '\n'));
        }
        rest = after;
    }
    code
}

fn comment_length(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while rest.starts_with("/*") {
        let after = &rest[at..];
        match (
            after.starts_with("/*"),
            after.starts_with("*/"),
            after.chars().next(),
        ) {
            (true, ..) => (depth, at) = (depth + 1, at + 2),
            (_, true, _) => (depth, at) = (depth - 1, at + 2),
            (.., Some(c)) => at += c.len_utf8(),
            (.., None) => return at,
        }
        if depth == 0 {
            return at;
        }
    }
    0
}

fn literal_length(rest: &str, in_word: bool) -> usize {
    let prefix = if in_word {
        0
    } else {
        rest.find(|c: char| !"bcr".contains(c)).unwrap_or(0)
    };
    let raw = rest[..prefix].contains('r');
    let after = &rest[prefix..];
    let hashes = if raw {
        after.find(|c: char| c != '#').unwrap_or(0)
    } else {
        0
    };
    if raw && after[hashes..].starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = prefix + hashes + 1;
        return rest[start..]
            .find(&end)
            .map_or(rest.len(), |at| start + at + end.len());
    }
    match after.chars().next() {
        Some('"') => prefix + quoted_length(after, '"'),
        // `'a'` and `'\n'` are letters; `'a` is a lifetime.
        Some('\'') if after[1..].starts_with('\\') || after.chars().nth(2) == Some('\'') => {
            prefix + quoted_length(after, '\'')
        }
        _ => 0,
    }
}

fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

pub(crate) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| is_word_char(c) && !c.is_ascii_digit())
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

const ITEM_KEYWORDS: [&str; 16] = [
    "pub",
    "mod",
    "fn",
    "use",
    "impl",
    "struct",
    "enum",
    "trait",
    "type",
    "const",
    "static",
    "async",
    "unsafe",
    "extern",
    "macro_rules",
    "union",
];
