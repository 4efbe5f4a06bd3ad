//! The menu's texts in one language.

use std::collections::{BTreeMap, BTreeSet};

use crate::sms::SmscAlphabet;
use crate::sms::ussd_string::UssdString;

/// The texts of one language, by key.
#[derive(Clone, Debug)]
pub(super) struct Words(BTreeMap<String, String>);

impl Words {
    /// Reads a file of texts; `labels` are those that the menu itself names.
    pub(super) fn read(toml: &str, labels: &BTreeSet<&str>) -> Result<Self, Vec<String>> {
        let texts: BTreeMap<String, String> =
            toml::from_str(toml).map_err(|error| vec![error.to_string()])?;
        let mut problems = Vec::new();
        let own = |key: &str| TEXTS.iter().find(|(own, _)| *own == key);
        for (key, text) in &texts {
            let known: &[&str] = match own(key) {
                Some((_, known)) => known,
                None if labels.contains(key.as_str()) => LABEL,
                None => {
                    problems.push(format!("there is no text {key:?}"));
                    continue;
                }
            };
            problems.extend(flaw(key, text, known).map(|flaw| format!("{key}: {flaw}")));
        }
        let wanted = TEXTS
            .iter()
            .map(|(key, _)| *key)
            .chain(labels.iter().copied());
        let missing = wanted.filter(|key| !key.is_empty() && !texts.contains_key(*key));
        problems.extend(missing.map(|key| format!("the text {key:?} is missing")));
        if problems.is_empty() {
            Ok(Self(texts))
        } else {
            Err(problems)
        }
    }

    /// The text with its placeholders filled in.
    pub(super) fn fill(&self, key: &str, arguments: &[(&str, &str)]) -> String {
        let mut rest = self.0.get(key).map_or("", String::as_str);
        let mut filled = String::new();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let argument = arguments.iter().find(|(known, _)| *known == name);
            filled.push_str(before);
            filled.push_str(argument.map_or("", |(_, value)| value));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

/// What is wrong with a text.
fn flaw(key: &str, text: &str, known: &[&str]) -> Option<String> {
    let mut named = Vec::new();
    for (place, part) in text.split('{').enumerate() {
        let literal = match (place, part.split_once('}')) {
            (0, _) => part,
            (_, Some((name, literal))) => {
                named.push(name);
                literal
            }
            (_, None) => return Some("a brace stands alone".to_owned()),
        };
        if literal.contains('}') {
            return Some("a brace stands alone".to_owned());
        }
    }
    if let Some(unknown) = named.iter().find(|name| !known.contains(name)) {
        return Some(format!("{{{unknown}}} is not known here"));
    }
    let hidden = known
        .iter()
        .find(|name| MUST.contains(name) && !named.contains(name));
    if let Some(hidden) = hidden {
        return Some(format!("{{{hidden}}} must be shown"));
    }
    let fits = UssdString::write(text, SmscAlphabet::Gsm7Unpacked).is_ok();
    let closes = CLOSING.contains(&key);
    (closes && !fits).then(|| "is longer than one USSD string".to_owned())
}

/// Whoever pays or has paid sees how much.
const MUST: [&str; 4] = ["amount", "spent", "left", "limit"];
/// Last texts: nobody can turn their pages.
const CLOSING: [&str; 4] = ["declined", "busy", "unsure", "late"];

/// What can stand in a text that the menu names itself: the service code without its hash.
const LABEL: &[&str] = &["prefix"];

/// Every text that the menu needs, with what can stand in it.
const TEXTS: &[(&str, &[&str])] = &[
    ("name", &[]),
    ("more", &[]),
    ("back", &[]),
    ("wrong", &[]),
    ("ask_short_code", &[]),
    ("near", &["short_code"]),
    ("no_shop", &["short_code"]),
    ("nobody_near", &["short_code"]),
    ("shop", &["merchant", "short_code"]),
    ("ask_amount", &["merchant", "currency"]),
    ("wrong_amount", &["example"]),
    ("confirm_item", &["quantity", "item", "merchant", "amount"]),
    ("confirm_amount", &["merchant", "amount"]),
    ("asked", &[]),
    ("declined", &[]),
    ("yes", &[]),
    ("pieces", &[]),
    ("no", &[]),
    ("ask_quantity", &[]),
    ("ask_pon", &[]),
    ("wrong_pon", &[]),
    ("purchases", &[]),
    ("no_purchases", &[]),
    (
        "purchase",
        &["day", "month", "time", "amount", "merchant", "state"],
    ),
    ("paid", &[]),
    ("under_way", &[]),
    ("refunded", &[]),
    ("refused", &[]),
    ("bill", &["spent", "left"]),
    ("limit", &["limit", "left"]),
    ("lower", &[]),
    ("ask_limit", &["currency"]),
    ("ask_pin", &[]),
    ("bad_pin", &[]),
    ("no_pin", &[]),
    ("pin_blocked", &[]),
    ("new_pin", &[]),
    ("obvious_pin", &[]),
    ("pin_again", &[]),
    ("pins_differ", &[]),
    ("languages", &[]),
    ("busy", &[]),
    ("unsure", &[]),
    ("late", &["code"]),
];
