//! What is wrong in a file, and where: file, line, section, key, and what would be right.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// Section and key.
    pub place: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl Fault {
    /// Whether it is about one key, not about a section as a whole.
    pub(super) fn key_is_named(&self) -> bool {
        self.place.contains(' ')
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file.display(), self.line)?;
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.problem)
    }
}

/// Everything that is wrong in a file, at least one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// What is wrong with the value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault {
    /// Which key; empty for the section as a whole.
    pub key: Cow<'static, str>,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// The lines of a section and its keys.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    pub(super) section: String,
    pub(super) line: usize,
    pub(super) keys: BTreeMap<String, usize>,
}

impl Lines {
    /// A fault at `key`, or at its nearest parent that the file has.
    #[must_use]
    pub fn fault(&self, file: PathBuf, key: &str, problem: String) -> Fault {
        let mut path = key;
        let line = loop {
            match (self.keys.get(path), path.rsplit_once('.')) {
                (Some(line), _) => break *line,
                (None, Some((parent, _))) => path = parent,
                (None, None) => break self.line,
            }
        };
        // The line says which entry of a list is meant; its index would have to be counted out.
        let named = key.split('.').filter(|word| word.parse::<usize>().is_err());
        let key = named.collect::<Vec<_>>().join(".");
        let place = [self.section.as_str(), &key];
        let place = place.into_iter().filter(|word| !word.is_empty());
        let place = place.collect::<Vec<_>>().join(" ");
        Fault {
            file,
            line,
            place,
            problem,
        }
    }
}

/// Says that what stands at `key` can't be so.
pub fn fault(key: impl Into<Cow<'static, str>>, problem: String) -> KeyFault {
    KeyFault {
        key: key.into(),
        problem,
    }
}

/// A word that files and labels carry.
pub(super) fn bad_word(key: &'static str, word: &str) -> Option<KeyFault> {
    let fits = (1..=WORD_MAX).contains(&word.len())
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    (!fits).then(|| {
        fault(
            key,
            format!("must be 1 to {WORD_MAX} of the characters A-Z a-z 0-9 . _ -"),
        )
    })
}

/// As long as an id that an operator writes.
const WORD_MAX: usize = 32;
