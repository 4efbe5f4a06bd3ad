//! No type that holds a key can be printed: none of them derives or writes `Debug`, and neither does a
//! type with such a field. `Zeroizing` prints what is in it, so it counts as a key.

use crate::Texts;

/// Types that hold keys, and what wraps their octets.
const HOLDERS: &[&str] = &[
    "AesKey",
    "SimKeys",
    "Master",
    "NamedKeys",
    "KeyRecord",
    "KeySource",
    "MacKey",
    "CardKeys",
    "Zeroizing",
];

/// Every type that could print a key, a line each.
pub(crate) fn printable(texts: &Texts) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in texts {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let holder = line
                .split_once("Debug for ")
                .map(|(_, name)| word(name))
                .filter(|name| HOLDERS.contains(name));
            if let Some(name) = holder {
                found.push(format!("src/{path}:{}: {name} can be printed", at + 1));
            }
            if line.trim_start().starts_with("#[derive(") && line.contains("Debug") {
                let item = declared(&lines[at + 1..]);
                if let Some(name) = item
                    .iter()
                    .flat_map(|line| words(line))
                    .find(|w| HOLDERS.contains(w))
                {
                    found.push(format!(
                        "src/{path}:{}: what has a {name} can be printed",
                        at + 1
                    ));
                }
            }
        }
    }
    found
}

/// The lines of the item that comes next, without its attributes and comments.
fn declared<'t>(lines: &[&'t str]) -> Vec<&'t str> {
    let code = lines
        .iter()
        .map(|line| line.split("//").next().unwrap_or_default());
    let mut item = Vec::new();
    for line in code.filter(|line| !line.trim_start().starts_with("#[")) {
        item.push(line);
        let end = line.trim_end();
        if end.ends_with(';') || end == "}" || (item.len() == 1 && end.ends_with('}')) {
            break;
        }
    }
    item
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn word(text: &str) -> &str {
    words(text).next().unwrap_or_default()
}

#[test]
fn a_key_that_could_be_printed_is_found() {
    let found = |text: &str| {
        let texts = [("auth/x.rs".to_owned(), text.to_owned())].into();
        printable(&texts)
    };
    for bad in [
        "#[derive(Clone, Debug)]\npub struct Pair {\n    kic: AesKey,\n}\n",
        "#[derive(Debug)]\n/// Of a card.\n#[non_exhaustive]\nenum Kept {\n    One(Zeroizing<[u8; 16]>),\n}\n",
        "#[derive(Debug)]\npub struct MacKey([u8; 16]);\n",
        "impl fmt::Debug for Master {\n",
    ] {
        assert_eq!(found(bad).len(), 1, "{bad}");
    }
    for good in [
        "#[derive(Clone)]\npub struct Pair {\n    kic: AesKey,\n}\n",
        "#[derive(Debug)]\nstruct Name(u8);\nstruct Pair {\n    kic: AesKey,\n}\n",
        "#[derive(Debug)]\nenum NoKeys {\n    /// No AesKey.\n    None,\n}\nstruct Pair(AesKey);\n",
    ] {
        assert_eq!(found(good), Vec::<String>::new(), "{good}");
    }
}
