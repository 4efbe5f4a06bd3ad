//! The gateway's texts in every language: checked and measured once, filled in for each reply.
//!
//! ```toml
//! [words]                     # local aliases of the keywords, understood from everybody
//! BUY = ["KAUFE"]
//! [texts]                     # one line for each key of `Reply`
//! paid = "{amount} bezahlt an {merchant}. {quantity} x {item}. Beleg {reference}"
//! ```
//! A text that does not fit one message with its longest arguments (names cut to eight characters)
//! is an error at load, never a second message at run time. What fits is asked of a function that
//! the caller hands in, since alphabets are the business of `sms`: 160 septets, or 70 UCS2 units.

mod template;

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use self::template::Template;
use super::{
    reply::{Argument, Reply, SHAPES},
    words::{Aliases, Keyword},
};

/// Whether a text fits one message.
pub type Fits = fn(&str) -> bool;

/// Every text in every language, each known to fit one message.
#[derive(Clone, Debug)]
pub struct Texts {
    languages: BTreeMap<Language, BTreeMap<&'static str, Template>>,
    aliases: Aliases,
    fits: Fits,
}

impl Texts {
    /// The texts that come with svgate: English, German, French and Arabic.
    ///
    /// # Errors
    ///
    /// As [`with_files`](Self::with_files); a test sees that there are none.
    pub fn shipped(fits: Fits) -> Result<Self, Vec<TextError>> {
        Self::with_files(fits, [])
    }

    /// The shipped texts, with the languages of an operator's folder added or put in their place.
    /// Each file is its name (`de.toml`) and its content.
    ///
    /// # Errors
    ///
    /// Everything that is wrong in any of the files, each with its line.
    pub fn with_files(
        fits: Fits,
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<TextError>> {
        let shipped = SHIPPED.map(|(name, content)| (name.to_owned(), content.to_owned()));
        let mut latest: BTreeMap<String, String> = shipped.into();
        latest.extend(files);
        let mut texts = Self {
            languages: BTreeMap::new(),
            aliases: Aliases::default(),
            fits,
        };
        let mut errors = Vec::new();
        for (name, content) in &latest {
            let mut report = Report {
                file: name,
                content,
                errors: &mut errors,
            };
            texts.add(name, content, &mut report);
        }
        if errors.is_empty() {
            Ok(texts)
        } else {
            Err(errors)
        }
    }

    /// The words that stand for keywords, of all languages together.
    #[must_use]
    pub const fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// The languages there are.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        self.languages.keys().copied()
    }

    /// `reply` in `language`, in English where there is no such language, within one message.
    ///
    /// Names give way first; prices, references and what is to be typed are never cut. Only a
    /// price of more than ten digits can make a text longer than one message.
    #[must_use]
    pub fn render(&self, language: Language, reply: &Reply) -> String {
        let texts = self
            .languages
            .get(&language)
            .or_else(|| self.languages.get(&Language::EN));
        let template = texts.and_then(|texts| texts.get(reply.key()));
        template
            .map(|t| t.fill(&reply.arguments(), self.fits))
            .unwrap_or_default()
    }

    /// Every text of `language` with its longest arguments, as it would be sent, by key.
    pub fn longest(&self, language: Language) -> impl Iterator<Item = (&'static str, String)> {
        let texts = self.languages.get(&language);
        SHAPES.iter().filter_map(move |shape| {
            let template = texts?.get(shape.key)?;
            Some((shape.key, template.fill(&(shape.longest)(), self.fits)))
        })
    }

    fn add(&mut self, name: &str, content: &str, report: &mut Report<'_>) {
        let Some(language) = name
            .strip_suffix(".toml")
            .and_then(|code| code.parse().ok())
        else {
            return report.whole_file("the file is not named by a language, such as de.toml");
        };
        let file: File = match toml::from_str(content) {
            Ok(file) => file,
            Err(error) => return report.at(error.span(), error.message().to_owned()),
        };
        for (word, aliases) in file.words {
            let keyword = Keyword::ALL
                .into_iter()
                .find(|keyword| keyword.word() == *word.as_ref());
            let Some(keyword) = keyword else {
                report.at(
                    Some(word.span()),
                    format!("{} is not a keyword", word.as_ref()),
                );
                continue;
            };
            for alias in aliases {
                if let Err(error) = self.aliases.add(alias.as_ref(), keyword) {
                    report.at(Some(alias.span()), error.to_string());
                }
            }
        }
        self.languages
            .insert(language, self.templates(file.texts, report));
    }

    fn templates(
        &self,
        mut written: BTreeMap<String, Spanned<String>>,
        report: &mut Report<'_>,
    ) -> BTreeMap<&'static str, Template> {
        let mut templates = BTreeMap::new();
        for shape in SHAPES {
            let Some(text) = written.remove(shape.key) else {
                report.whole_file(&format!("the text {:?} is missing", shape.key));
                continue;
            };
            match self.template(text.as_ref(), &(shape.longest)()) {
                Ok(template) => {
                    templates.insert(shape.key, template);
                }
                Err(problem) => report.at(Some(text.span()), format!("{}: {problem}", shape.key)),
            }
        }
        for (key, text) in written {
            report.at(Some(text.span()), format!("there is no text {key:?}"));
        }
        templates
    }

    fn template(
        &self,
        text: &str,
        longest: &[(&'static str, Argument)],
    ) -> Result<Template, String> {
        let template = Template::parse(text)?;
        let known = |name: &&str| longest.iter().any(|(known, _)| known == name);
        if let Some(unknown) = template.placeholders().find(|name| !known(name)) {
            return Err(format!("{{{unknown}}} is not known here"));
        }
        for (name, argument) in longest {
            let must = matches!(argument, Argument::Must(_) | Argument::List(_));
            if must
                && !template
                    .placeholders()
                    .any(|placeholder| placeholder == *name)
            {
                return Err(format!("{{{name}}} must be shown"));
            }
        }
        if !template.can_fit(longest, self.fits) {
            return Err("does not fit one message when its arguments are long".to_owned());
        }
        Ok(template)
    }
}

/// A language by its two letters of ISO 639-1: `en`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language([char; 2]);

impl Language {
    /// English, whose texts are always there.
    pub const EN: Self = Self(['e', 'n']);
}

impl FromStr for Language {
    type Err = BadLanguage;
    fn from_str(code: &str) -> Result<Self, BadLanguage> {
        let mut letters = code.chars();
        match (letters.next(), letters.next(), letters.next()) {
            (Some(first @ 'a'..='z'), Some(second @ 'a'..='z'), None) => Ok(Self([first, second])),
            (_, _, _) => Err(BadLanguage),
        }
    }
}

impl TryFrom<String> for Language {
    type Error = BadLanguage;
    fn try_from(code: String) -> Result<Self, BadLanguage> {
        code.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0.iter().collect()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{letter}"))
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not two small letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a language is two small letters of ISO 639-1, such as en")]
pub struct BadLanguage;

/// One thing that is wrong in a file of texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct TextError {
    file: String,
    line: usize,
    problem: String,
}

/// A file of texts as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    words: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    texts: BTreeMap<String, Spanned<String>>,
}

/// Collects what is wrong in one file.
struct Report<'a> {
    file: &'a str,
    content: &'a str,
    errors: &'a mut Vec<TextError>,
}

impl Report<'_> {
    fn whole_file(&mut self, problem: &str) {
        self.at(None, problem.to_owned());
    }

    fn at(&mut self, span: Option<std::ops::Range<usize>>, problem: String) {
        let before = span
            .and_then(|span| self.content.get(..span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        self.errors.push(TextError {
            file: self.file.to_owned(),
            line,
            problem,
        });
    }
}

const SHIPPED: [(&str, &str); 4] = [
    ("ar.toml", include_str!("../../config/texts/ar.toml")),
    ("de.toml", include_str!("../../config/texts/de.toml")),
    ("en.toml", include_str!("../../config/texts/en.toml")),
    ("fr.toml", include_str!("../../config/texts/fr.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixty characters stand for a message here; the real measure is in `tests/codecs`.
    fn sixty(text: &str) -> bool {
        text.chars().count() <= 60
    }

    fn errors(name: &str, content: &str) -> Vec<String> {
        let english = SHIPPED[2].1.replace("paid = \"", "paid = \"Really: ");
        let content = if content.is_empty() {
            english
        } else {
            content.to_owned()
        };
        let files = [(name.to_owned(), content)];
        let refused = Texts::with_files(|_| true, files).err().unwrap_or_default();
        refused.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_folder_adds_a_language_or_replaces_one() {
        assert_eq!(errors("eo.toml", ""), [""; 0]);
        assert_eq!(errors("en.toml", ""), [""; 0]);
    }

    #[test]
    fn whatever_is_wrong_in_a_file_is_told_with_its_line() {
        let english = SHIPPED[2].1;
        let line_of = |text: &str| english.lines().position(|l| l.starts_with(text)).unwrap() + 1;
        let paid = line_of("paid = ");
        let changed = |from: &str, to: &str| errors("en.toml", &english.replacen(from, to, 1));
        for (from, to, error) in [
            (
                "\npaid = ",
                "\npayed = ",
                "en.toml:1: the text \"paid\" is missing".to_owned(),
            ),
            (
                "\npaid = \"",
                "\npaid = \"{who} ",
                format!("en.toml:{paid}: paid: {{who}} is not"),
            ),
            (
                "\npaid = \"",
                "\npaid = \"{",
                format!("en.toml:{paid}: paid: a brace"),
            ),
            (
                "{again}",
                "",
                format!("en.toml:{}: repeated: {{again}} must", line_of("repeated")),
            ),
            (
                "[texts]",
                "[text]",
                format!("en.toml:{}: unknown field", line_of("[texts]")),
            ),
            ("[words]", "[words]\nBYU = []", "en.toml:".to_owned()),
            ("[words]", "[words]\nX = [\"KAUFE\"]", "en.toml:".to_owned()),
        ] {
            let errors = changed(from, to);
            assert!(
                errors.iter().any(|e| e.starts_with(&error)),
                "{error}: {errors:?}"
            );
        }
        assert_eq!(errors("english.toml", "").len(), 1);
    }

    #[test]
    fn a_text_too_long_for_one_message_is_refused_at_load() {
        let errors = Texts::shipped(sixty).unwrap_err();
        assert!(
            errors
                .iter()
                .all(|error| error.problem.contains("does not fit"))
        );
    }
}
