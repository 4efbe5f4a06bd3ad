//! The menu as the operator described it: screens and where their choices lead, in every language.
//!
//! ```text
//! menu.toml ─► screens, checked: each is there, reached, and further down than what leads to it
//! en.toml … ─► texts, checked: every key in every language, with the placeholders it may have
//! ```
//! Choices lead down only, so a menu has no circle and its depth is bounded.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::words::Words;
use crate::dialogue::texts::Language;

/// Screens and their texts.
#[derive(Clone, Debug)]
pub struct Menu {
    pub(super) screens: Vec<Screen>,
    words: BTreeMap<Language, Words>,
    fallback: Language,
}

/// One screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Screen {
    pub(super) kind: Kind,
    /// The key of its title, or of what it has to read.
    pub(super) title: String,
    pub(super) choices: Vec<Choice>,
}

/// A choice: the key of its text, and the place of the screen that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) text: String,
    pub(super) to: usize,
}

/// What a screen shows and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Choices,
    Shop,
    Near,
    Payment,
    Purchases,
    Bill,
    Limit,
    Language,
    Pin,
    Reading,
}

impl Menu {
    /// The menu that comes with svgate, in English, German, French and Arabic.
    ///
    /// # Errors
    ///
    /// As [`Self::with_files`]; a test sees that there are none.
    pub fn shipped(fallback: Language) -> Result<Self, Vec<MenuError>> {
        Self::with_files(BTreeMap::new(), fallback)
    }

    /// The shipped menu with an operator's files put in the place of those of the same name, or
    /// added. Who speaks none of its languages, and whoever is not known, gets `fallback`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong in any of the files.
    pub fn with_files(
        files: BTreeMap<String, String>,
        fallback: Language,
    ) -> Result<Self, Vec<MenuError>> {
        let shipped = SHIPPED.map(|(name, content)| (name.to_owned(), content.to_owned()));
        let mut latest: BTreeMap<String, String> = shipped.into();
        latest.extend(files);
        let description = latest.remove(MENU).unwrap_or_default();
        let screens = screens(&description);
        let screens = screens.map_err(|problem| vec![MenuError::new(MENU, problem)])?;
        let mut errors = Vec::new();
        let mut bad = |file: &str, problem: String| errors.push(MenuError::new(file, problem));
        let titles = screens.iter().map(|screen| screen.title.as_str());
        let choices = screens.iter().flat_map(|screen| &screen.choices);
        let labels: BTreeSet<&str> = titles.chain(choices.map(|c| c.text.as_str())).collect();
        let mut words = BTreeMap::new();
        for (name, content) in &latest {
            let language: Option<Language> = name
                .strip_suffix(".toml")
                .and_then(|code| code.parse().ok());
            let Some(language) = language else {
                bad(
                    name,
                    "is neither menu.toml nor named by a language".to_owned(),
                );
                continue;
            };
            match Words::read(content, &labels) {
                Ok(read) => {
                    words.insert(language, read);
                }
                Err(problems) => problems.into_iter().for_each(|problem| bad(name, problem)),
            }
        }
        if !latest.contains_key(&format!("{fallback}.toml")) {
            bad(
                MENU,
                format!("there are no texts in the language {fallback}"),
            );
        }
        if errors.is_empty() {
            Ok(Self {
                screens,
                words,
                fallback,
            })
        } else {
            Err(errors)
        }
    }

    /// The language of whoever speaks none of the menu's, or is not known.
    #[must_use]
    pub const fn fallback(&self) -> Language {
        self.fallback
    }

    /// The text with this key in `language`; what is in braces is filled in.
    #[must_use]
    pub fn text(&self, language: Language, key: &str, arguments: &[(&str, &str)]) -> String {
        let words = self.words.get(&language);
        let words = words.or_else(|| self.words.get(&self.fallback));
        words.map_or_else(String::new, |words| words.fill(key, arguments))
    }

    /// The languages, with what each calls itself.
    pub fn languages(&self) -> impl Iterator<Item = (Language, String)> {
        let names = self.words.iter();
        names.map(|(language, words)| (*language, words.fill("name", &[])))
    }
}

/// One thing that is wrong in the menu's files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct MenuError {
    file: String,
    problem: String,
}

impl MenuError {
    fn new(file: &str, problem: String) -> Self {
        Self {
            file: file.to_owned(),
            problem,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    first: String,
    screen: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    kind: Kind,
    #[serde(default)]
    title: String,
    #[serde(default)]
    choices: Vec<WrittenChoice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenChoice {
    text: String,
    to: String,
}

/// The screens of `menu.toml`, the first one first.
fn screens(toml: &str) -> Result<Vec<Screen>, String> {
    let file: File = toml::from_str(toml).map_err(|error| error.to_string())?;
    let names: Vec<&str> = file.screen.iter().map(|s| s.name.as_str()).collect();
    if names.first() != Some(&file.first.as_str()) {
        return Err(format!(
            "first: the screen {:?} must stand first",
            file.first
        ));
    }
    if names.len() > SCREENS_MAX {
        return Err(format!("more than {SCREENS_MAX} screens"));
    }
    let mut twice = names.iter().enumerate();
    let twice = twice.find(|(place, name)| names.iter().take(*place).any(|n| n == *name));
    if let Some((_, name)) = twice {
        return Err(format!("there are two screens {name:?}"));
    }
    let mut reached = BTreeSet::from([0]);
    let mut depths = vec![1_usize; names.len()];
    let mut screens = Vec::new();
    for (place, written) in file.screen.iter().enumerate() {
        let name = &written.name;
        let asks = written.kind == Kind::Choices;
        if asks != (1..=CHOICES_MAX).contains(&written.choices.len()) {
            return Err(format!(
                "{name}: 1 to {CHOICES_MAX} choices are for the kind \"choices\" only"
            ));
        }
        let titled = matches!(written.kind, Kind::Choices | Kind::Reading);
        if titled == written.title.is_empty() {
            return Err(format!(
                "{name}: a title is for \"choices\" and \"reading\""
            ));
        }
        let mut choices = Vec::new();
        for choice in &written.choices {
            let to = names.iter().position(|other| *other == choice.to);
            let to = to.ok_or_else(|| format!("{name}: there is no screen {:?}", choice.to))?;
            if to <= place {
                return Err(format!(
                    "{name}: {:?} does not stand further down",
                    choice.to
                ));
            }
            let depth = depths.get(place).copied().unwrap_or(1).saturating_add(1);
            if let Some(below) = depths.get_mut(to) {
                *below = depth.max(*below);
            }
            reached.insert(to);
            let text = choice.text.clone();
            choices.push(Choice { text, to });
        }
        screens.push(Screen {
            kind: written.kind,
            title: written.title.clone(),
            choices,
        });
    }
    if let Some(lost) = (0..names.len()).find(|place| !reached.contains(place)) {
        let name = names.get(lost).copied().unwrap_or_default();
        return Err(format!("{name}: no choice leads here"));
    }
    if depths.iter().any(|depth| *depth > DEPTH_MAX) {
        return Err(format!("the menu is deeper than {DEPTH_MAX} screens"));
    }
    Ok(screens)
}

/// A subscriber who went deeper would have forgotten where from.
const DEPTH_MAX: usize = 6;
/// One digit each; 0 goes back.
const CHOICES_MAX: usize = 9;
/// Far more than anybody reads.
const SCREENS_MAX: usize = 100;
const MENU: &str = "menu.toml";
const SHIPPED: [(&str, &str); 5] = [
    (MENU, include_str!("../../../config/menu/menu.toml")),
    ("ar.toml", include_str!("../../../config/menu/ar.toml")),
    ("de.toml", include_str!("../../../config/menu/de.toml")),
    ("en.toml", include_str!("../../../config/menu/en.toml")),
    ("fr.toml", include_str!("../../../config/menu/fr.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(file: &str, from: &str, to: &str) -> String {
        let shipped = SHIPPED.iter().find(|(name, _)| *name == file).unwrap().1;
        let changed = shipped.replacen(from, to, 1);
        assert_ne!(changed, shipped, "{from}");
        let files = BTreeMap::from([(file.to_owned(), changed)]);
        let refused = Menu::with_files(files, Language::EN).unwrap_err();
        let lines: Vec<String> = refused.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn the_shipped_menu_speaks_four_languages() {
        let menu = Menu::shipped(Language::EN).unwrap();
        let names: Vec<String> = menu.languages().map(|(_, name)| name).collect();
        assert_eq!(names, ["العربية", "Deutsch", "English", "Français"]);
        let esperanto: Language = "eo".parse().unwrap();
        assert_eq!(menu.text(esperanto, "yes", &[]), "1 Pay");
        assert!(Menu::shipped(esperanto).is_err());
    }

    #[test]
    fn a_menu_that_leads_nowhere_or_round_is_refused() {
        for (from, to, problem) in [
            ("first = \"main\"", "first = \"buy\"", "must stand first"),
            ("to = \"pay\"", "to = \"payy\"", "no screen \"payy\""),
            ("to = \"last\"", "to = \"main\"", "further down"),
            (
                "to = \"help\"",
                "to = \"buy\"",
                "help: no choice leads here",
            ),
            ("name = \"bill\"", "name = \"buy\"", "two screens"),
            ("kind = \"near\"", "kind = \"far\"", "unknown variant"),
            ("title = \"main\"\n", "", "main: a title"),
            ("text = \"help\"", "text = \"hlep\"", "\"hlep\" is missing"),
        ] {
            let told = errors("menu.toml", from, to);
            assert!(told.contains(problem), "{from}: {told}");
        }
    }

    #[test]
    fn a_text_that_hides_a_price_or_is_missing_is_refused() {
        for (from, to, problem) in [
            (
                "{amount}. It",
                "it. It",
                "confirm_item: {amount} must be shown",
            ),
            ("yes = ", "yess = ", "there is no text \"yess\""),
            ("yes = ", "yess = ", "the text \"yes\" is missing"),
            (
                "{code} again",
                "{cod} again",
                "late: {cod} is not known here",
            ),
            ("1 Pay", "1 Pay {", "yes: a brace stands alone"),
            (
                "Please dial",
                &"Please dial ".repeat(20),
                "late: is longer than one",
            ),
        ] {
            let told = errors("en.toml", from, to);
            assert!(told.contains(problem), "{from}: {told}");
        }
    }
}
