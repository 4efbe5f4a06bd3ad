//! Reads a TOML file section by section, so that every fault is told at once, each with its line.
//!
//! serde stops at the first key that does not fit. That key is told, the example's value takes its
//! place, and the section is read again: what comes of it serves to find further faults only, for
//! a file with any fault yields none of its values.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

use crate::config::faults::{Fault, Faults, KeyFault, Lines};

/// A TOML file that is being read.
pub struct Reading<'a> {
    file: PathBuf,
    text: &'a str,
    root: DeTable<'a>,
    faults: Vec<Fault>,
}

impl<'a> Reading<'a> {
    /// Parses `text`, which is what `file` holds.
    ///
    /// # Errors
    ///
    /// [`Faults`] when it is not TOML: what its sections hold can't be known then.
    pub fn open(file: &Path, text: &'a str) -> Result<Self, Faults> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut reading = Self {
            file: file.to_owned(),
            text,
            root: root.into_inner(),
            faults: Vec::new(),
        };
        for error in &errors {
            let lines = reading.lines("", error.span().unwrap_or_default(), None);
            reading.fault(&lines, "", error.message().to_owned());
        }
        if errors.is_empty() {
            Ok(reading)
        } else {
            Err(Faults(reading.faults))
        }
    }

    /// The section `[name]`; as if it were empty when the file has none.
    pub fn section<T: Section>(&mut self, name: &str, example: &Example) -> Option<Placed<T>> {
        let label = format!("[{name}]");
        let Some((_, value)) = self.root.remove_entry(name) else {
            let empty = Spanned::new(0..0, DeTable::new());
            return self.read(&label, empty, example.first(name).as_ref());
        };
        let span = value.span();
        if let DeValue::Table(table) = value.into_inner() {
            return self.read(
                &label,
                Spanned::new(span, table),
                example.first(name).as_ref(),
            );
        }
        let lines = self.lines(&label, span, None);
        self.fault(&lines, "", format!("must be one table, headed {label}"));
        None
    }

    /// Every section `[[name]]`, in order.
    pub fn sections<T: Section>(&mut self, name: &str, example: &Example) -> Vec<Placed<T>> {
        let label = format!("[[{name}]]");
        let Some((_, value)) = self.root.remove_entry(name) else {
            return Vec::new();
        };
        let span = value.span();
        let mut found = Vec::new();
        let entries = match value.into_inner() {
            DeValue::Array(entries) => entries.into_iter().collect(),
            other @ (DeValue::Table(_)
            | DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)) => vec![Spanned::new(span, other)],
        };
        for entry in entries {
            let span = entry.span();
            if let DeValue::Table(table) = entry.into_inner() {
                let table = Spanned::new(span, table);
                found.extend(self.read(&label, table, example.first(name).as_ref()));
            } else {
                let lines = self.lines(&label, span, None);
                self.fault(&lines, "", format!("must be tables, each headed {label}"));
            }
        }
        found
    }

    /// Tells that what stands at `key` can't be so; the first thing only that is wrong with a key.
    pub fn fault(&mut self, lines: &Lines, key: &str, problem: String) {
        self.tell(lines.fault(self.file.clone(), key, problem));
    }

    fn tell(&mut self, fault: Fault) {
        let told = |other: &Fault| (other.line, &other.place) == (fault.line, &fault.place);
        if fault.key_is_named() && self.faults.iter().any(told) {
            return;
        }
        self.faults.push(fault);
    }

    /// Ends the reading: sections that nobody asked for are unknown.
    ///
    /// # Errors
    ///
    /// Every fault that was found, in the order of the lines.
    pub fn finish(mut self, known: &[&str]) -> Result<(), Faults> {
        let left = std::mem::take(&mut self.root);
        for (key, _) in left {
            let label = format!("[{}]", key.get_ref());
            let lines = self.lines(&label, key.span(), None);
            let problem = format!("unknown section; there are {}", known.join(", "));
            self.fault(&lines, "", problem);
        }
        self.faults.sort_by_key(|fault| fault.line);
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Faults(self.faults))
        }
    }

    fn read<T: Section>(
        &mut self,
        label: &str,
        table: Spanned<DeTable<'a>>,
        example: Option<&Sample<'_>>,
    ) -> Option<Placed<T>> {
        let lines = self.lines(label, table.span(), Some(table.get_ref()));
        let (span, mut table) = (table.span(), table.into_inner());
        let mut mended = false;
        for _ in 0..FAULTS_MAX {
            let value = Spanned::new(span.clone(), DeValue::Table(table.clone()));
            let error = match T::deserialize(ValueDeserializer::from(value)) {
                Ok(value) => {
                    for KeyFault { key, problem } in value.faults() {
                        self.fault(&lines, &key, problem);
                    }
                    return Some(Placed {
                        value,
                        lines,
                        mended,
                    });
                }
                Err(error) => error,
            };
            let found = mend(&mut table, &error, &span, example);
            // By its place, not its key: entries of an array move up when one is taken out.
            let at = error.span().unwrap_or_else(|| span.clone());
            let line = self.line_at(at.start);
            let file = self.file.clone();
            let fault = lines.fault(file, &found.key, found.problem);
            self.tell(Fault { line, ..fault });
            if !found.mended {
                return None;
            }
            mended = true;
        }
        None
    }

    fn lines(&self, label: &str, span: Range<usize>, table: Option<&DeTable<'a>>) -> Lines {
        let mut lines = Lines {
            section: label.to_owned(),
            line: self.line_at(span.start),
            keys: BTreeMap::new(),
        };
        if let Some(table) = table {
            self.add_lines(&mut lines, "", table);
        }
        lines
    }

    fn add_lines(&self, lines: &mut Lines, parent: &str, table: &DeTable<'a>) {
        for (key, value) in table {
            let path = join(parent, key.get_ref());
            self.add_inner_lines(lines, &path, value);
            lines.keys.insert(path, self.line_at(key.span().start));
        }
    }

    fn add_inner_lines(&self, lines: &mut Lines, path: &str, value: &Spanned<DeValue<'a>>) {
        if let Some(inner) = value.get_ref().as_table() {
            self.add_lines(lines, path, inner);
        }
        for (index, entry) in value.get_ref().as_array().into_iter().flatten().enumerate() {
            let path = join(path, &index.to_string());
            self.add_inner_lines(lines, &path, entry);
            lines.keys.insert(path, self.line_at(entry.span().start));
        }
    }

    fn line_at(&self, octet: usize) -> usize {
        let before = self.text.get(..octet).unwrap_or(self.text);
        before.matches('\n').count().saturating_add(1)
    }
}

/// What one section of a file is read into; its keys are checked by their types, and by this.
pub trait Section: DeserializeOwned {
    /// What the types of the keys can't say of their values.
    fn faults(&self) -> Vec<KeyFault> {
        Vec::new()
    }
}

/// A section and where it stands in its file.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// What it says.
    pub value: T,
    /// Where.
    pub lines: Lines,
    /// Whether something in it is the example's, since the file's own could not be read: it must
    /// not be compared with other sections.
    pub mended: bool,
}

/// A file that is known to be right: it lends its values to the faults of another.
#[derive(Debug, Default)]
pub struct Example {
    text: &'static str,
    root: DeTable<'static>,
}

impl Example {
    /// The example that `text` is; empty when it is not TOML, so that faults lack a remedy only.
    #[must_use]
    pub fn of(text: &'static str) -> Self {
        let root = DeTable::parse(text).map(Spanned::into_inner);
        Self {
            text,
            root: root.unwrap_or_default(),
        }
    }

    fn first(&self, name: &str) -> Option<Sample<'_>> {
        let section = self.root.get(name)?.get_ref();
        let section = section.as_array().map_or(Some(section), |entries| {
            entries.first().map(Spanned::get_ref)
        })?;
        section.as_table().map(|table| Sample {
            text: self.text,
            table,
        })
    }
}

struct Sample<'e> {
    text: &'static str,
    table: &'e DeTable<'static>,
}

impl Sample<'_> {
    fn value(&self, path: &str) -> Option<&Spanned<DeValue<'static>>> {
        let mut keys = path.split('.');
        let mut found = self.table.get(keys.next()?)?;
        for key in keys {
            // One entry of a list stands for all.
            found = match found.get_ref().as_array() {
                Some(entries) => entries.first()?,
                None => found.get_ref().as_table()?.get(key)?,
            };
        }
        Some(found)
    }

    fn remedy(&self, path: &str) -> Option<String> {
        let written = self.text.get(self.value(path)?.span())?;
        let key = path.rsplit('.').next()?;
        (written.len() <= REMEDY_MAX).then(|| format!("; such as {key} = {written}"))
    }
}

/// What was wrong with one key of a section.
struct Found {
    key: String,
    problem: String,
    /// Whether the section can be read again without it.
    mended: bool,
}

/// Takes what `error` is about out of the table, so that the next error can be found.
fn mend(
    table: &mut DeTable<'_>,
    error: &toml::de::Error,
    whole: &Range<usize>,
    example: Option<&Sample<'_>>,
) -> Found {
    let message = error.message();
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    let remedy = |path: &str| example.and_then(|e| e.remedy(path)).unwrap_or_default();
    let span = error.span().unwrap_or_else(|| whole.clone());
    if let Some(name) = missing.filter(|_| span == *whole) {
        let sample = example.and_then(|e| e.value(name));
        if let Some(sample) = sample {
            let key = Spanned::new(whole.clone(), name.to_owned().into());
            table.insert(key, Spanned::new(whole.clone(), sample.get_ref().clone()));
        }
        return Found {
            key: name.to_owned(),
            problem: format!("is missing{}", remedy(name)),
            mended: sample.is_some(),
        };
    }
    let path = take_out(table, "", span.start, example);
    let problem = match (message.strip_prefix("unknown field "), missing) {
        (Some(rest), _) => format!("unknown key; known here: {}", listed(rest)),
        (None, Some(name)) => format!("{name} is missing"),
        (None, None) => {
            let remedy = path.as_deref().map(remedy).unwrap_or_default();
            format!("{message}{remedy}")
        }
    };
    Found {
        mended: path.is_some(),
        key: path.unwrap_or_default(),
        problem,
    }
}

/// The names of serde's "`wrong`, expected one of `this`, `that`" that are right.
fn listed(unknown: &str) -> String {
    let names = unknown.split('`').skip(3).step_by(2);
    names.collect::<Vec<_>>().join(", ")
}

/// Puts the example's value in the place of the one at `octet`, or takes that away.
fn take_out(
    table: &mut DeTable<'_>,
    parent: &str,
    octet: usize,
    example: Option<&Sample<'_>>,
) -> Option<String> {
    let at = |span: Range<usize>| span.contains(&octet);
    let here = table
        .iter()
        .find(|(key, value)| at(key.span()) || at(value.span()))
        .map(|(key, _)| key.get_ref().to_string());
    for (key, value) in table.iter_mut() {
        let name = key.get_ref().to_string();
        let may_hold = here
            .as_ref()
            .is_none_or(|here| *here == name && !at(key.span()));
        let path = join(parent, &name);
        if may_hold && let Some(found) = take_out_of(value.get_mut(), &path, octet, example) {
            return Some(found);
        }
    }
    let here = here?;
    let path = join(parent, &here);
    match (
        example.and_then(|e| e.value(&path)),
        table.get_mut(here.as_str()),
    ) {
        // The old span stays: one of the example's could be taken for another place.
        (Some(sample), Some(slot)) => *slot.get_mut() = sample.get_ref().clone(),
        (_, _) => {
            table.remove(here.as_str());
        }
    }
    Some(path)
}

/// The same within a value. An entry of an array that lacks something is taken away whole.
fn take_out_of(
    value: &mut DeValue<'_>,
    path: &str,
    octet: usize,
    example: Option<&Sample<'_>>,
) -> Option<String> {
    let entries = match value {
        DeValue::Table(inner) => return take_out(inner, path, octet, example),
        DeValue::Array(entries) => entries,
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => return None,
    };
    for (index, entry) in entries.iter_mut().enumerate() {
        let path = join(path, &index.to_string());
        if let Some(found) = take_out_of(entry.get_mut(), &path, octet, example) {
            return Some(found);
        }
    }
    let here = entries
        .iter()
        .position(|entry| entry.span().contains(&octet))?;
    let others = std::mem::replace(entries, DeArray::new())
        .into_iter()
        .enumerate();
    *entries = others
        .filter(|(index, _)| *index != here)
        .map(|(_, entry)| entry)
        .collect();
    Some(join(path, &here.to_string()))
}

fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() {
        key.to_owned()
    } else {
        format!("{parent}.{key}")
    }
}

/// More than one section has keys.
const FAULTS_MAX: usize = 64;
/// A remedy is one short value.
const REMEDY_MAX: usize = 60;
