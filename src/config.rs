//! The operator's configuration: one TOML file, read whole, refused whole.
//!
//! ```text
//! file ─► reading (every fault with its line) ─► Config ─► Policy, Profiles, Texts, Context
//! ```
//! The shipped `config/svgate.toml` names every key with its unit and default. What does not parse
//! stops the start. Secrets are paths of files, and relative paths start at the file's own folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::aggregator::AggregatorConfig;
use crate::config::faults::{Faults, KeyFault};
use crate::config::files::Origin;
use crate::config::gsup::GsupConfig;
use crate::config::keys::{CardProfileConfig, KeysConfig};
use crate::config::places::{
    ExportConfig, HttpConfig, LogConfig, MetricsConfig, NodeConfig, StoreConfig, TextsConfig,
};
use crate::config::reading::{Example, Placed, Reading, Section};
use crate::config::rules::{
    BillingConfig, ClassConfig, FeeConfig, PurchaseConfig, RestoreConfig, TaxConfig,
};
use crate::config::smsc::SmscConfig;
use crate::config::ussd::{Ussd, UssdConfig, UssdFiles};
use crate::dialogue::texts::{TextError, Texts};
use crate::gateway::context::Context;
use crate::gateway::key_source::KeySource;
use crate::gateway::policy::Policy;
use crate::sms::SmscAlphabet;
use crate::sms::segments::{SegmentRules, SegmentedText};

pub mod aggregator;
pub mod faults;
pub mod files;
pub mod gsup;
pub mod keys;
pub mod places;
pub mod postgres;
pub mod reading;
pub mod rules;
pub mod smsc;
pub mod store_url;
pub mod token;
pub mod ussd;

/// Everything that an operator decides, one field for each section of the file.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[node]`
    pub node: NodeConfig,
    /// `[store]`
    pub store: StoreConfig,
    /// `[keys]`
    pub keys: KeysConfig,
    /// `[[card_profile]]`, beside the standard one of `[keys]`.
    pub card_profile: Vec<CardProfileConfig>,
    /// `[[smsc]]`, each a bind with a name of its own.
    pub smsc: Vec<SmscConfig>,
    /// `[http]`
    pub http: HttpConfig,
    /// `[metrics]`
    pub metrics: MetricsConfig,
    /// `[purchase]`
    pub purchase: PurchaseConfig,
    /// `[restore]`
    pub restore: RestoreConfig,
    /// `[ussd]`
    pub ussd: UssdConfig,
    /// `[[aggregator]]`, each with a name of its own.
    pub aggregator: Vec<AggregatorConfig>,
    /// `[[gsup]]`, each with a name of its own.
    pub gsup: Vec<GsupConfig>,
    /// `[billing]`
    pub billing: BillingConfig,
    /// `[[class]]`, among them `standard`.
    pub class: Vec<ClassConfig>,
    /// `[[tax]]`
    pub tax: Vec<TaxConfig>,
    /// `[[fee]]`
    pub fee: Vec<FeeConfig>,
    /// `[texts]`
    pub texts: TextsConfig,
    /// `[export]`
    pub export: ExportConfig,
    /// `[log]`
    pub log: LogConfig,
    origin: Origin,
}

impl Config {
    /// Reads the configuration in `file`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: no such file, or everything that is wrong in it.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable {
            file: file.to_owned(),
            source,
        })?;
        Ok(Self::from_text(file, &text)?)
    }

    /// The configuration that `text` is, as if it stood in `file`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with its line.
    pub fn from_text(file: &Path, text: &str) -> Result<Self, Faults> {
        let mut reading = Reading::open(file, text)?;
        let (from, example) = (&mut reading, &Example::of(SHIPPED));
        let node = from.section("node", example);
        let store = from.section("store", example);
        let keys = from.section("keys", example);
        let card_profile: Vec<Placed<CardProfileConfig>> = from.sections("card_profile", example);
        let smsc: Vec<Placed<SmscConfig>> = from.sections("smsc", example);
        let http = from.section("http", example);
        let metrics = from.section("metrics", example);
        let purchase = from.section("purchase", example);
        let restore = from.section("restore", example);
        let ussd = from.section("ussd", example);
        let aggregator: Vec<Placed<AggregatorConfig>> = from.sections("aggregator", example);
        let gsup: Vec<Placed<GsupConfig>> = from.sections("gsup", example);
        let billing = from.section("billing", example);
        let class: Vec<Placed<ClassConfig>> = from.sections("class", example);
        let tax: Vec<Placed<TaxConfig>> = from.sections("tax", example);
        let fee: Vec<Placed<FeeConfig>> = from.sections("fee", example);
        let texts = from.section("texts", example);
        let export = from.section("export", example);
        let log = from.section("log", example);

        unlike(from, "name", &card_profile, |card| Arc::clone(&card.name));
        keys::apart(from, keys.as_ref(), &card_profile);
        keys::way_fits(from, keys.as_ref(), &smsc);
        unlike(from, "name", &class, |class| Arc::clone(&class.name));
        unlike(from, "code", &tax, |tax| Arc::clone(&tax.code));
        unlike(from, "currency", &fee, |fee| fee.currency);
        has_standard(from, &class);
        ways_fit(from, &smsc, &aggregator, &gsup);
        reading.finish(&SECTIONS)?;

        let (Some(node), Some(store), Some(keys), Some(http), Some(metrics), Some(restore)) =
            (node, store, keys, http, metrics, restore)
        else {
            return Err(Faults::default());
        };
        let (Some(purchase), Some(ussd), Some(billing), Some(texts), Some(export), Some(log)) =
            (purchase, ussd, billing, texts, export, log)
        else {
            return Err(Faults::default());
        };
        let mut origin = Origin::new(file);
        let mut config = Self {
            node: origin.keep("node", node),
            store: origin.keep("store", store),
            keys: origin.keep("keys", keys),
            card_profile: origin.keep_all("card_profile", card_profile),
            smsc: origin.keep_all("smsc", smsc),
            http: origin.keep("http", http),
            metrics: origin.keep("metrics", metrics),
            purchase: origin.keep("purchase", purchase),
            restore: origin.keep("restore", restore),
            ussd: origin.keep("ussd", ussd),
            aggregator: origin.keep_all("aggregator", aggregator),
            gsup: origin.keep_all("gsup", gsup),
            billing: origin.keep("billing", billing),
            class: origin.keep_all("class", class),
            tax: origin.keep_all("tax", tax),
            fee: origin.keep_all("fee", fee),
            texts: origin.keep("texts", texts),
            export: origin.keep("export", export),
            log: origin.keep("log", log),
            origin: Origin::default(),
        };
        config.origin = origin;
        config.set_in(file.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// The rules as a decision needs them.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let rules = self.purchase;
        let classes = self.class.iter();
        let taxes = self.tax.iter();
        let fees = self.fee.iter();
        let smscs = self.smsc.iter();
        Policy {
            accept_within_s: rules.accept_within_s,
            report_within_s: rules.report_within_s,
            alive_s: rules.alive_s,
            kiosk_open_max: rules.kiosk_open_max,
            pon_within_s: rules.pon_within_s,
            cooling_off_s: rules.cooling_off_s,
            counter_jump_max: rules.counter_jump_max,
            reply_within_s: rules.reply_within_s,
            parts_within_s: rules.parts_within_s,
            provisional_after_s: rules.provisional_after_s,
            calendar: self.billing.calendar(),
            classes: classes.map(|c| (Arc::clone(&c.name), c.rules())).collect(),
            tax_basis_points: taxes
                .map(|tax| (Arc::clone(&tax.code), tax.rate_percent.basis_points))
                .collect(),
            fees: fees.map(|fee| (fee.currency, fee.amount)).collect(),
            shares_books: self.store.postgres.is_some(),
            asking: self.ussd.asking(&self.smsc, &self.gsup),
            cards: self.keys.card_rules(&self.smsc, &self.ussd),
            alphabets: smscs.map(|s| (s.smsc(), s.alphabet)).collect(),
        }
    }

    /// What is said to subscribers: the shipped texts, and those of the operator's folder.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: the folder can't be read, or everything that is wrong in its files.
    pub fn texts(&self) -> Result<Texts, ConfigError> {
        let files = text_files(self.texts.folder.as_deref())?;
        Texts::with_files(fits_one_message, files).map_err(ConfigError::Texts)
    }

    /// The menu, and the dialect of each bind that carries USSD, by the bind's name.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: a folder can't be read, or everything that is wrong in its files and in
    /// what the binds say of dialects.
    pub fn ussd(&self) -> Result<Ussd, ConfigError> {
        let files = UssdFiles {
            menu: text_files(self.ussd.menu.as_deref())?,
            dialects: text_files(self.ussd.dialects.as_deref())?,
        };
        Ussd::gather(files, &self.ussd, &self.smsc, &self.gsup).map_err(ConfigError::Ussd)
    }

    /// What every decision may look at.
    ///
    /// # Errors
    ///
    /// As [`Self::texts`].
    pub fn context(&self, keys: impl Into<KeySource>) -> Result<Context, ConfigError> {
        let texts = self.texts()?;
        let profiles = self.keys.profiles();
        let context = Context::new(self.node.id, self.policy(), texts, keys, profiles);
        let context = context.map_err(|bad| {
            let fault = self.origin.fault("node", 0, "id", bad.to_string());
            ConfigError::Faults(Faults(vec![fault]))
        })?;
        Ok(context.with_card_profiles(CardProfileConfig::profiles(&self.card_profile)))
    }

    fn set_in(&mut self, folder: &Path) {
        let tls = self.http.tls.iter_mut();
        let places = [
            &mut self.store.path,
            &mut self.store.mark_file,
            &mut self.keys.master_file,
            &mut self.export.dir,
            &mut self.export.head_file,
        ];
        let places = places
            .into_iter()
            .chain(tls.flat_map(|tls| [&mut tls.certificate_file, &mut tls.key_file]))
            .chain(self.texts.folder.as_mut())
            .chain(self.ussd.dialects.as_mut())
            .chain(self.ussd.menu.as_mut());
        for place in places {
            *place = folder.join(&place);
        }
        if let Some(postgres) = &mut self.store.postgres {
            postgres.set_in(folder);
        }
        if let Some(token) = &mut self.keys.token {
            token.set_in(folder);
        }
        for smsc in &mut self.smsc {
            smsc.set_in(folder);
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or folder that is not there, or not for us.
    #[error("{file} can't be read: {source}", file = file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is wrong in the file.
    #[error(transparent)]
    Faults(#[from] Faults),
    /// What is wrong in the operator's texts.
    #[error("{}", lines_of(.0))]
    Texts(Vec<TextError>),
    /// What is wrong in the menu or in a dialect.
    #[error("{}", .0.join("\n"))]
    Ussd(Vec<String>),
}

/// The configuration that comes with svgate: every key with its unit and default.
pub const SHIPPED: &str = include_str!("../config/svgate.toml");

/// Whether a text fits one short message: 160 septets, or 70 UCS2 units.
#[must_use]
pub fn fits_one_message(text: &str) -> bool {
    let rules = SegmentRules {
        smsc: SmscAlphabet::Gsm7Unpacked,
        language: None,
        reference: 0,
        max_segments: 1,
    };
    SegmentedText::write(text, rules).is_ok()
}

fn unlike<T: Section, K: Ord + std::fmt::Display>(
    reading: &mut Reading<'_>,
    key: &str,
    entries: &[Placed<T>],
    name: fn(&T) -> K,
) {
    let mut seen = BTreeSet::new();
    for entry in entries.iter().filter(|entry| !entry.mended) {
        let name = name(&entry.value);
        let problem = format!("{name} is there already: each must be unlike the others");
        if !seen.insert(name) {
            reading.fault(&entry.lines, key, problem);
        }
    }
}

fn has_standard(reading: &mut Reading<'_>, classes: &[Placed<ClassConfig>]) {
    let names = || classes.iter().map(|class| class.value.name.as_ref());
    if names().any(|name| name == STANDARD) {
        return;
    }
    let problem = format!("one [[class]] must have name = \"{STANDARD}\": it stands in for others");
    let lines = classes.first().map(|class| class.lines.clone());
    reading.fault(&lines.unwrap_or_default(), "", problem);
}

/// Each way to phones has a name of its own, and leads where there is something.
fn ways_fit(
    reading: &mut Reading<'_>,
    smscs: &[Placed<SmscConfig>],
    aggregators: &[Placed<AggregatorConfig>],
    hlrs: &[Placed<GsupConfig>],
) {
    unlike(reading, "name", smscs, |smsc| Arc::clone(&smsc.name));
    unlike(reading, "name", aggregators, |one| Arc::clone(&one.name));
    unlike(reading, "name", hlrs, |hlr| Arc::clone(&hlr.name));
    binds_fit(reading, smscs);
    fit_smscs(reading, aggregators, smscs, AggregatorConfig::unfit);
    fit_smscs(reading, hlrs, smscs, GsupConfig::unfit);
}

/// Every SMSC has a bind that transmits, and its binds agree on how text is written.
fn binds_fit(reading: &mut Reading<'_>, binds: &[Placed<SmscConfig>]) {
    let mut by_smsc: BTreeMap<Arc<str>, Vec<&Placed<SmscConfig>>> = BTreeMap::new();
    for bind in binds {
        by_smsc.entry(bind.value.smsc()).or_default().push(bind);
    }
    for (smsc, binds) in by_smsc {
        let sound = binds.iter().all(|bind| !bind.mended);
        let Some((first, others)) = binds.split_first().filter(|_| sound) else {
            continue;
        };
        if !binds.iter().any(|bind| bind.value.bind.transmits()) {
            let problem = format!(
                "smsc {smsc} has no bind that transmits, so nothing that comes by it can be \
                 answered: make this one \"trx\", or add an [[smsc]] with smsc = \"{smsc}\" and \
                 bind = \"tx\""
            );
            reading.fault(&first.lines, "bind", problem);
        }
        for other in others {
            if other.value.alphabet != first.value.alphabet {
                let problem = format!("all binds of smsc {smsc} must have the same");
                reading.fault(&other.lines, "alphabet", problem);
            }
        }
    }
}

/// Sections that name an SMSC name one that there is.
fn fit_smscs<T: Section>(
    reading: &mut Reading<'_>,
    entries: &[Placed<T>],
    smscs: &[Placed<SmscConfig>],
    unfit: fn(&T, &[SmscConfig]) -> Option<KeyFault>,
) {
    let smscs: Vec<SmscConfig> = smscs.iter().map(|smsc| smsc.value.clone()).collect();
    for entry in entries.iter().filter(|entry| !entry.mended) {
        if let Some(KeyFault { key, problem }) = unfit(&entry.value, &smscs) {
            reading.fault(&entry.lines, &key, problem);
        }
    }
}

/// The files `*.toml` of an operator's folder, if there is one.
fn text_files(folder: Option<&Path>) -> Result<BTreeMap<String, String>, ConfigError> {
    let Some(folder) = folder else {
        return Ok(BTreeMap::new());
    };
    toml_files(folder).map_err(|source| ConfigError::Unreadable {
        file: folder.to_owned(),
        source,
    })
}

fn toml_files(folder: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.insert(name.to_owned(), std::fs::read_to_string(&path)?);
        }
    }
    Ok(files)
}

fn lines_of(errors: &[TextError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

const SECTIONS: [&str; 19] = [
    "node",
    "store",
    "keys",
    "card_profile",
    "smsc",
    "http",
    "metrics",
    "purchase",
    "restore",
    "ussd",
    "aggregator",
    "gsup",
    "billing",
    "class",
    "tax",
    "fee",
    "texts",
    "export",
    "log",
];
/// The class whose rules stand in for a class that is not configured.
const STANDARD: &str = "standard";
