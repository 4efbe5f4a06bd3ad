//! A file of merchants, read and checked by itself and against what the books have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::config::faults::{Faults, KeyFault, fault};
use crate::config::reading::{Example, Placed, Reading, Section};
use crate::domain::catalogue::{ItemCode, ShortCode};
use crate::domain::charge::Price;
use crate::domain::ids::{MerchantId, TerminalId};
use crate::domain::merchant::{Item, Merchant, UnknownEnd};
use crate::domain::money::{Currency, MinorUnits};
use crate::gateway::member::{MerchantImport, TerminalImport};
use crate::gateway::policy::Policy;

/// The merchants of a file, known to be right.
#[derive(Clone, Debug)]
pub struct MerchantFile {
    /// In the order of the file.
    pub merchants: Vec<MerchantImport>,
}

/// What the books have of merchants and terminals.
#[derive(Clone, Copy, Debug)]
pub struct InBooks<'a> {
    /// Every merchant with its currency.
    pub merchants: &'a [(MerchantId, Currency)],
    /// Every terminal with its short code and merchant.
    pub terminals: &'a [(TerminalId, ShortCode, MerchantId)],
}

impl MerchantFile {
    /// Reads `text`, which is what `file` holds.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with its line.
    pub fn read(
        file: &Path,
        text: &str,
        policy: &Policy,
        in_books: InBooks<'_>,
    ) -> Result<Self, Faults> {
        let mut reading = Reading::open(file, text)?;
        let merchants: Vec<Placed<MerchantSection>> =
            reading.sections("merchant", &Example::of(EXAMPLE));
        let mut known = Known::new(in_books);
        for merchant in merchants.iter().filter(|merchant| !merchant.mended) {
            for KeyFault { key, problem } in known.faults(&merchant.value, policy) {
                reading.fault(&merchant.lines, &key, problem);
            }
        }
        reading.finish(&["merchant"])?;
        let merchants = merchants.into_iter();
        Ok(Self {
            merchants: merchants.map(|merchant| merchant.value.import()).collect(),
        })
    }
}

/// `[[merchant]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantSection {
    id: MerchantId,
    name: Arc<str>,
    currency: Currency,
    tax_code: Arc<str>,
    #[serde(default)]
    discount_basis_points: u32,
    #[serde(default = "yes")]
    open: bool,
    #[serde(default)]
    unknown_end: UnknownEnd,
    #[serde(default)]
    item: Vec<ItemSection>,
    #[serde(default)]
    terminal: Vec<TerminalSection>,
}

/// `[[merchant.item]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemSection {
    code: ItemCode,
    name: Arc<str>,
    retail_minor: MinorUnits,
    wholesale_minor: MinorUnits,
}

/// `[[merchant.terminal]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TerminalSection {
    id: TerminalId,
    short_code: ShortCode,
    #[serde(default)]
    items: Vec<ItemCode>,
    #[serde(default = "one")]
    slots: u16,
    #[serde(default, deserialize_with = "sha256")]
    token_sha256: Option<[u8; 32]>,
}

impl MerchantSection {
    fn import(self) -> MerchantImport {
        let item = |item: ItemSection| Item {
            code: item.code,
            name: item.name,
            price: Price {
                retail: item.retail_minor,
                wholesale: item.wholesale_minor,
            },
        };
        let terminal = |terminal: TerminalSection| TerminalImport {
            id: terminal.id,
            short_code: terminal.short_code,
            items: terminal.items,
            slots: terminal.slots,
            token_sha256: terminal.token_sha256,
        };
        MerchantImport {
            merchant: Merchant {
                id: self.id,
                name: self.name,
                currency: self.currency,
                tax_code: self.tax_code,
                discount_basis_points: self.discount_basis_points,
                open: self.open,
                unknown_end: self.unknown_end,
            },
            items: self.item.into_iter().map(item).collect(),
            terminals: self.terminal.into_iter().map(terminal).collect(),
        }
    }
}

impl Section for MerchantSection {
    fn faults(&self) -> Vec<KeyFault> {
        let mut faults: Vec<KeyFault> = bad_name("name".to_owned(), &self.name).collect();
        if self.discount_basis_points > ALL {
            let problem = "must be 0 to 10000, hundredths of a percent".to_owned();
            faults.push(fault("discount_basis_points", problem));
        }
        let mut codes = BTreeSet::new();
        for (index, item) in self.item.iter().enumerate() {
            faults.extend(bad_name(format!("item.{index}.name"), &item.name));
            if !codes.insert(item.code) {
                let problem = format!("{} is in the list already", item.code);
                faults.push(fault(format!("item.{index}.code"), problem));
            }
            if item.retail_minor.is_zero() {
                let problem = "must be above 0".to_owned();
                faults.push(fault(format!("item.{index}.retail_minor"), problem));
            }
            if item.wholesale_minor > item.retail_minor {
                let problem = "must not be above retail_minor: the operator would pay for it";
                let key = format!("item.{index}.wholesale_minor");
                faults.push(fault(key, problem.to_owned()));
            }
        }
        for (index, terminal) in self.terminal.iter().enumerate() {
            if terminal.slots == 0 {
                let problem = "must be above 0".to_owned();
                faults.push(fault(format!("terminal.{index}.slots"), problem));
            }
            if let Some(item) = terminal.items.iter().find(|item| !codes.contains(item)) {
                let problem = format!("{item} is not in the merchant's list");
                faults.push(fault(format!("terminal.{index}.items"), problem));
            }
        }
        faults
    }
}

/// Who has which name and short code: the books, and the file so far.
struct Known<'a> {
    currencies: BTreeMap<&'a MerchantId, Currency>,
    owners: BTreeMap<&'a TerminalId, &'a MerchantId>,
    codes: BTreeMap<ShortCode, &'a TerminalId>,
    merchants: BTreeSet<MerchantId>,
    terminals: BTreeSet<TerminalId>,
    short_codes: BTreeSet<ShortCode>,
}

impl<'a> Known<'a> {
    fn new(books: InBooks<'a>) -> Self {
        let (merchants, terminals) = (books.merchants, books.terminals);
        Self {
            currencies: merchants
                .iter()
                .map(|(id, currency)| (id, *currency))
                .collect(),
            owners: terminals.iter().map(|(id, _, owner)| (id, owner)).collect(),
            codes: terminals.iter().map(|(id, code, _)| (*code, id)).collect(),
            merchants: BTreeSet::new(),
            terminals: BTreeSet::new(),
            short_codes: BTreeSet::new(),
        }
    }

    fn faults(&mut self, merchant: &MerchantSection, policy: &Policy) -> Vec<KeyFault> {
        let mut faults = Vec::new();
        let (id, currency) = (&merchant.id, merchant.currency);
        if !self.merchants.insert(id.clone()) {
            faults.push(fault("id", format!("{id} is in this file already")));
        }
        if let Some(was) = self.currencies.get(id).filter(|was| **was != currency) {
            let problem = format!("it is {was} in the books and can't change: make a new merchant");
            faults.push(fault("currency", problem));
        }
        if !policy.tax_basis_points.contains_key(&merchant.tax_code) {
            let codes: Vec<&str> = policy.tax_basis_points.keys().map(AsRef::as_ref).collect();
            let problem = format!("not in the configuration; [[tax]] has {}", codes.join(", "));
            faults.push(fault("tax_code", problem));
        }
        for (index, terminal) in merchant.terminal.iter().enumerate() {
            let mut tell = |key, problem| {
                faults.push(fault(format!("terminal.{index}.{key}"), problem));
            };
            if !self.terminals.insert(terminal.id.clone()) {
                tell("id", format!("{} is in this file already", terminal.id));
            }
            if let Some(owner) = self.owners.get(&terminal.id).filter(|owner| **owner != id) {
                tell("id", format!("{} belongs to merchant {owner}", terminal.id));
            }
            let code = terminal.short_code;
            if !self.short_codes.insert(code) {
                tell("short_code", format!("{code} is in this file already"));
            }
            if let Some(other) = self
                .codes
                .get(&code)
                .filter(|other| ***other != terminal.id)
            {
                tell("short_code", format!("{code} belongs to terminal {other}"));
            }
        }
        faults
    }
}

fn bad_name(key: String, name: &str) -> impl Iterator<Item = KeyFault> + use<> {
    let fits = (1..=NAME_MAX).contains(&name.chars().count()) && !name.contains(char::is_control);
    let problem = format!("must be 1 to {NAME_MAX} characters: subscribers read it");
    (!fits).then(|| fault(key, problem)).into_iter()
}

fn sha256<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut octets = [0; 32];
    hex::decode_to_slice(&text, &mut octets)
        .map_err(|_| D::Error::custom("must be the 64 hex digits of a token's SHA-256"))?;
    Ok(Some(octets))
}

const fn yes() -> bool {
    true
}

const fn one() -> u16 {
    1
}

/// 100 % in basis points.
const ALL: u32 = 10_000;
/// More than a reply ever shows.
const NAME_MAX: usize = 64;
/// What faults take their remedies from.
const EXAMPLE: &str = include_str!("../../../config/demo/merchants.toml");
