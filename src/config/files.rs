//! The files that a configuration names: whether they are there, and closed to others.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::config::faults::{Fault, Lines};
use crate::config::reading::Placed;

impl Config {
    /// What is wrong with the files that the configuration names, each with the line that names it.
    /// The master key file is its own reader's business.
    #[must_use]
    pub fn file_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (index, smsc) in self.smsc.iter().enumerate() {
            let mut fault = |key, problem| {
                faults.push(self.origin.fault("smsc", index, key, problem));
            };
            if let Err(error) = smsc.bind_config() {
                fault("password_file", error.to_string());
            }
            let tls = smsc.tls.iter();
            for (key, file) in tls.flat_map(|tls| {
                let client = tls.client.iter().flat_map(|client| {
                    [
                        ("tls.client.certificate_file", &client.certificate_file),
                        ("tls.client.key_file", &client.key_file),
                    ]
                });
                client.chain([("tls.ca_file", &tls.ca_file)])
            }) {
                if let Some(problem) = unreadable(file) {
                    fault(key, problem);
                }
            }
        }
        if let Some(tls) = &self.http.tls {
            for (key, file) in [
                ("tls.certificate_file", &tls.certificate_file),
                ("tls.key_file", &tls.key_file),
            ] {
                let problem = unreadable(file);
                faults.extend(problem.map(|p| self.origin.fault("http", 0, key, p)));
            }
        }
        faults
    }

    /// What a person should look at, though the gateway would start.
    #[must_use]
    pub fn warnings(&self) -> Vec<Fault> {
        let mut warnings = Vec::new();
        for (index, smsc) in self.smsc.iter().enumerate() {
            let mut warn = |key, problem| {
                warnings.push(self.origin.fault("smsc", index, key, problem));
            };
            if let Some(problem) = open_to_others(&smsc.password_file) {
                warn("password_file", problem);
            }
            let client = smsc.tls.as_ref().and_then(|tls| tls.client.as_ref());
            if let Some(problem) = client.and_then(|client| open_to_others(&client.key_file)) {
                warn("tls.client.key_file", problem);
            }
        }
        let key = self.http.tls.as_ref().map(|tls| &tls.key_file);
        if let Some(problem) = key.and_then(|key| open_to_others(key)) {
            warnings.push(self.origin.fault("http", 0, "tls.key_file", problem));
        }
        let by = self.ussd.ask_by.as_ref();
        if by.is_some_and(|by| self.gsup.iter().any(|hlr| hlr.name == *by)) {
            let problem = "names a [[gsup]]: try it first, for osmo-hlr 1.5.0 dies when a phone \
                           answers a session that its external entity began";
            warnings.push(self.origin.fault("ussd", 0, "ask_by", problem.to_owned()));
        }
        if self.smsc.is_empty() {
            let problem = "there is no [[smsc]]: no order can come".to_owned();
            warnings.push(self.origin.fault("smsc", 0, "", problem));
        }
        warnings
    }

    /// A fault at a key of the configuration, for what only its user can find out.
    #[must_use]
    pub fn fault(&self, section: &'static str, key: &str, problem: String) -> Fault {
        self.origin.fault(section, 0, key, problem)
    }
}

/// Where the sections of a configuration stand in its file.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    file: PathBuf,
    lines: BTreeMap<(&'static str, usize), Lines>,
}

impl Origin {
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            lines: BTreeMap::new(),
        }
    }

    pub(super) fn keep<T>(&mut self, section: &'static str, placed: Placed<T>) -> T {
        self.lines.insert((section, 0), placed.lines);
        placed.value
    }

    pub(super) fn keep_all<T>(&mut self, section: &'static str, all: Vec<Placed<T>>) -> Vec<T> {
        let kept = all.into_iter().enumerate().map(|(index, placed)| {
            self.lines.insert((section, index), placed.lines);
            placed.value
        });
        kept.collect()
    }

    pub(super) fn fault(
        &self,
        section: &'static str,
        index: usize,
        key: &str,
        problem: String,
    ) -> Fault {
        let lines = self.lines.get(&(section, index)).cloned();
        lines
            .unwrap_or_default()
            .fault(self.file.clone(), key, problem)
    }
}

fn unreadable(file: &Path) -> Option<String> {
    let opened = std::fs::File::open(file);
    opened
        .err()
        .map(|error| format!("{} can't be read: {error}", file.display()))
}

fn open_to_others(file: &Path) -> Option<String> {
    let mode = std::fs::metadata(file).ok()?.permissions().mode();
    (mode & OTHERS != 0).then(|| {
        format!(
            "every user of this machine can open {}: run `chmod o= {}`",
            file.display(),
            file.display()
        )
    })
}

/// The rights of users that are neither owner nor in the group.
const OTHERS: u32 = 0o007;
