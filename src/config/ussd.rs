//! `[ussd]`: the service code, the bounds of sessions, and files of the operator's own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::config::faults::{KeyFault, fault};
use crate::config::gsup::GsupConfig;
use crate::config::reading::Section;
use crate::config::smsc::SmscConfig;
use crate::dialogue::texts::Language;
use crate::dialogue::ussd_menu::Menu;
use crate::gateway::policy::Asking;
use crate::smpp::ussd::Dialect;

/// What holds for the USSD of every bind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UssdConfig {
    /// What subscribers dial for the menu.
    pub service_code: Arc<str>,
    /// For an answer of the subscriber, and of ours.
    pub answer_within_s: u32,
    /// For a whole session: the network's own limit.
    pub session_s: u32,
    /// Sessions at once on one bind.
    pub sessions_max: usize,
    /// The SMSC by which subscribers are asked to pay what merchants order in their name; none:
    /// they are not asked.
    pub ask_by: Option<Arc<str>>,
    /// A subscriber is not asked again before so many seconds.
    pub ask_every_s: u32,
    /// Of whoever speaks none of the menu's languages.
    pub language: Language,
    /// Folder of files such as `mine.toml`, beside the shipped dialects.
    pub dialects: Option<PathBuf>,
    /// Folder with `menu.toml` and files such as `de.toml`, put before the shipped ones.
    pub menu: Option<PathBuf>,
}

impl Default for UssdConfig {
    fn default() -> Self {
        Self {
            service_code: "*778#".into(),
            answer_within_s: 60,
            session_s: 180,
            sessions_max: 100_000,
            ask_by: None,
            ask_every_s: 30,
            language: Language::EN,
            dialects: None,
            menu: None,
        }
    }
}

/// What USSD needs besides.
#[derive(Clone, Debug)]
pub struct Ussd {
    /// The menu.
    pub menu: Arc<Menu>,
    /// The dialect of each bind that has one, by its name.
    pub dialects: BTreeMap<Arc<str>, Arc<Dialect>>,
}

/// The operator's own files, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct UssdFiles {
    pub(super) menu: BTreeMap<String, String>,
    pub(super) dialects: BTreeMap<String, String>,
}

impl Ussd {
    /// Reads the menu and finds each bind's dialect; all that is wrong, a line each.
    pub(super) fn gather(
        files: UssdFiles,
        config: &UssdConfig,
        smscs: &[SmscConfig],
        hlrs: &[GsupConfig],
    ) -> Result<Self, Vec<String>> {
        let menu = Menu::with_files(files.menu, config.language);
        let menu =
            menu.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>());
        let known = known_dialects(files.dialects)?;
        let mut dialects = BTreeMap::new();
        let mut problems = Vec::new();
        if let Some(by) = &config.ask_by
            && !smscs.iter().any(|s| s.smsc() == *by && s.bind.transmits())
            && !hlrs.iter().any(|hlr| hlr.name == *by)
        {
            let problem = "is neither an smsc that a bind transmits to, nor a [[gsup]]";
            problems.push(format!("[ussd] ask_by: {by:?} {problem}"));
        }
        for smsc in smscs {
            let name = &smsc.name;
            let by = smsc.ussd_results_by.as_ref();
            if let Some(by) = by.filter(|by| !smscs.iter().any(|s| s.smsc() == **by)) {
                problems.push(format!("[[smsc]] {name}: ussd_results_by: no smsc {by:?}"));
            }
            let Some(wanted) = &smsc.ussd_dialect else {
                continue;
            };
            if !(smsc.bind.transmits() && smsc.bind.receives()) {
                let problem = "a session is answered by its own bind: make it \"trx\"";
                problems.push(format!("[[smsc]] {name}: ussd_dialect: {problem}"));
            }
            if let Some(dialect) = known.get(wanted) {
                dialects.insert(Arc::clone(name), Arc::clone(dialect));
            } else {
                let names: Vec<&str> = known.keys().map(AsRef::as_ref).collect();
                let names = names.join(", ");
                let problem = format!("there is no {wanted:?}, there are {names}");
                problems.push(format!("[[smsc]] {name}: ussd_dialect: {problem}"));
            }
        }
        match menu {
            Ok(menu) if problems.is_empty() => Ok(Self {
                menu: Arc::new(menu),
                dialects,
            }),
            Ok(_) => Err(problems),
            Err(errors) => Err(errors.into_iter().chain(problems).collect()),
        }
    }
}

/// What can't be dialled: 3GPP TS 22.090 clause 4.
pub(super) fn bad_service_code(key: &'static str, code: &str) -> Option<KeyFault> {
    let inner = code.strip_prefix('*').and_then(|c| c.strip_suffix('#'));
    let inner = inner.unwrap_or("");
    let is_code = inner.len() <= CODE_MAX
        && inner
            .split('*')
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()));
    let problem = "must be digits between * and #, such as \"*778#\"";
    (!is_code).then(|| fault(key, problem.to_owned()))
}

/// The shipped dialects and the operator's own, by name.
fn known_dialects(
    files: BTreeMap<String, String>,
) -> Result<BTreeMap<Arc<str>, Arc<Dialect>>, Vec<String>> {
    let shipped = Dialect::shipped().map_err(|error| vec![error.to_string()])?;
    let mut problems = Vec::new();
    let mut dialects = shipped;
    for (file, toml) in files {
        match Dialect::read(file.strip_suffix(".toml").unwrap_or(&file), &toml) {
            Ok(dialect) => dialects.push(dialect),
            Err(error) => problems.push(error.to_string()),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    // One of the same name takes the place of a shipped one.
    let named = dialects
        .into_iter()
        .map(|d| (Arc::clone(&d.name), Arc::new(d)));
    Ok(named.collect())
}

impl UssdConfig {
    /// How subscribers are asked to pay; none where they are not.
    pub(super) fn asking(&self, smscs: &[SmscConfig], hlrs: &[GsupConfig]) -> Option<Asking> {
        let by = self.ask_by.as_ref()?;
        let smsc = smscs.iter().filter(|smsc| smsc.smsc() == *by);
        let hlr = hlrs.iter().find(|hlr| hlr.name == *by);
        let results_by = smsc
            .filter_map(|smsc| smsc.ussd_results_by.as_ref())
            .chain(hlr.map(|hlr| &hlr.results_by))
            .next();
        Some(Asking {
            smsc: results_by.cloned().unwrap_or_else(|| Arc::clone(by)),
            service: self.service_digits().into(),
            every_s: self.ask_every_s,
        })
    }

    /// The digits of the service code.
    #[must_use]
    pub fn service_digits(&self) -> &str {
        self.service_code.trim_matches(['*', '#'])
    }
}

impl Section for UssdConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let within = |key, value: u32, most: u32| {
            (!(1..=most).contains(&value)).then(|| fault(key, format!("must be 1 to {most}")))
        };
        let sessions = u32::try_from(self.sessions_max).unwrap_or(u32::MAX);
        let inner = self.service_code.trim_matches(['*', '#']);
        [
            bad_service_code("service_code", &self.service_code),
            inner.contains('*').then(|| {
                let problem = "must have no * inside: results by SMS come from its digits";
                fault("service_code", problem.to_owned())
            }),
            within("answer_within_s", self.answer_within_s, 600),
            within("session_s", self.session_s, 600),
            within("sessions_max", sessions, 1_000_000),
            within("ask_every_s", self.ask_every_s, 86_400),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Longer than any that is given out.
const CODE_MAX: usize = 24;
