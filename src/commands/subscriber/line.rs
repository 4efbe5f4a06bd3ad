//! One line of a subscribers' file, checked column by column.
//!
//! ```text
//! subscriber,msisdn,iccid,imsi,language,class,currency,credit_limit_minor,cap_minor,key_version[,profile][,kic,kid]
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use csv::StringRecord;
use zeroize::Zeroizing;

use crate::auth::aes_key::AesKey;
use crate::auth::iccid::Iccid;
use crate::auth::named_keys::NamedKeys;
use crate::auth::sim_keys::SimKeys;
use crate::auth::vendor_file::CardKeys;
use crate::commands::keys::sealing::{NotSealed, sealed};
use crate::domain::card::{imsi, key_version};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::msisdn::Msisdn;
use crate::domain::subscriber::Standing;
use crate::gateway::context::Context;
use crate::gateway::member::LineImport;

/// Which columns a file has beside those that every file has.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    profile: bool,
    /// How many columns there are.
    pub columns: usize,
}

impl Layout {
    /// What `header` says; `None` when it is not that of a subscribers' file.
    #[must_use]
    pub fn of(header: &StringRecord) -> Option<Self> {
        let columns: Vec<&str> = header.iter().collect();
        let more = columns.strip_prefix(&COLUMNS)?;
        let after_profile = more.strip_prefix(&[PROFILE_COLUMN]);
        let more = after_profile.unwrap_or(more);
        (more.is_empty() || more == KEY_COLUMNS).then_some(Self {
            profile: after_profile.is_some(),
            columns: columns.len(),
        })
    }
}

/// What a line is checked against: languages, classes and card profiles that there are.
pub struct Known {
    languages: BTreeSet<Arc<str>>,
    classes: BTreeSet<Arc<str>>,
    profiles: BTreeSet<Arc<str>>,
}

impl Known {
    /// The texts' languages, the policy's classes and the card profiles.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        let languages = context.texts.languages();
        Self {
            languages: languages
                .map(|language| language.to_string().into())
                .collect(),
            classes: context.policy.classes.keys().cloned().collect(),
            profiles: context.card_profiles().cloned().collect(),
        }
    }

    /// Checks `record`, which has the columns of `layout`; `tell` hears of each column that is wrong,
    /// with what would be right, and never of what stands in a column of keys.
    pub fn check<'r>(
        &self,
        record: &'r StringRecord,
        layout: Layout,
        tell: &mut dyn FnMut(&'static str, String),
    ) -> Option<CheckedLine<'r>> {
        let text = |column: usize| record.get(column).unwrap_or_default();
        let account = told(account(text(0)), "subscriber", tell);
        let msisdn = told(text(1).parse::<Msisdn>(), "msisdn", tell);
        let iccid = told(text(2).parse::<Iccid>(), "iccid", tell);
        let imsi = told(imsi(text(3)), "imsi", tell);
        let language = told(one_of(&self.languages, text(4)), "language", tell);
        let class = told(one_of(&self.classes, text(5)), "class", tell);
        let currency = told(text(6).parse::<Currency>(), "currency", tell);
        let credit_limit = told(minor(text(7)), "credit_limit_minor", tell);
        let cap = told(minor(text(8)), "cap_minor", tell);
        let key_version = told(key_version(text(9)), "key_version", tell);
        let profile = Some(text(10)).filter(|name| layout.profile && !name.is_empty());
        let profile = profile.map(|name| one_of(&self.profiles, name)).transpose();
        let profile = told(profile, PROFILE_COLUMN, tell);
        let first = if layout.profile { 11 } else { 10 };
        let keys = imported_keys(text(first), text(first.saturating_add(1)));
        let keys = told(keys, "kic,kid", tell);
        Some(CheckedLine {
            account: account?,
            msisdn: msisdn?,
            iccid: iccid?,
            iccid_digits: text(2),
            imsi: imsi?,
            language: language?,
            class: class?,
            currency: currency?,
            credit_limit: credit_limit?,
            cap: cap?,
            key_version: key_version?,
            profile: profile?,
            keys: keys?,
        })
    }
}

/// A line that is right by itself.
pub struct CheckedLine<'r> {
    /// The operator's name for the account.
    pub account: &'r str,
    /// The number.
    pub msisdn: Msisdn,
    /// The card.
    pub iccid: Iccid,
    /// The card as written.
    pub iccid_digits: &'r str,
    /// The card's IMSI.
    pub imsi: &'r str,
    /// Of the bill.
    pub currency: Currency,
    language: Arc<str>,
    class: Arc<str>,
    credit_limit: MinorUnits,
    cap: MinorUnits,
    key_version: u8,
    profile: Option<Arc<str>>,
    keys: Option<(&'r str, &'r str)>,
}

impl CheckedLine<'_> {
    /// The line as the books take it, imported keys sealed with random nonces.
    /// Both directions have the imported pair: their addresses keep them apart.
    ///
    /// # Errors
    ///
    /// [`NotSealed`] when the system has no random octets, or the cipher refuses.
    pub fn import(&self, named: &NamedKeys) -> Result<LineImport, NotSealed> {
        let sealed_keys = match self.keys {
            None => None,
            Some((kic, kid)) => {
                let pair = || {
                    Ok(SimKeys {
                        kic: key(kic)?,
                        kid: key(kid)?,
                    })
                };
                let keys = CardKeys {
                    orders: pair()?,
                    confirmations: pair()?,
                };
                Some(sealed(&keys, self.iccid, self.key_version, named)?)
            }
        };
        Ok(LineImport {
            account: self.account.into(),
            msisdn: self.msisdn,
            iccid: self.iccid_digits.into(),
            imsi: self.imsi.into(),
            language: Arc::clone(&self.language),
            class: Arc::clone(&self.class),
            currency: self.currency,
            credit_limit: self.credit_limit,
            cap: self.cap,
            key_version: self.key_version,
            profile: self.profile.clone(),
            sealed_keys,
            standing: Standing::Active,
        })
    }
}

fn told<T, E: ToString>(
    read: Result<T, E>,
    column: &'static str,
    tell: &mut dyn FnMut(&'static str, String),
) -> Option<T> {
    read.map_err(|bad| tell(column, bad.to_string())).ok()
}

fn account(text: &str) -> Result<&str, &'static str> {
    let fits = (1..=ACCOUNT_MAX).contains(&text.len())
        && !text.contains(char::is_control)
        && text.trim().len() == text.len();
    fits.then_some(text)
        .ok_or("1 to 64 octets of text, no space around it")
}

fn one_of(known: &BTreeSet<Arc<str>>, text: &str) -> Result<Arc<str>, String> {
    known.get(text).cloned().ok_or_else(|| {
        let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
        format!("not configured; there are {}", known.join(", "))
    })
}

fn minor(text: &str) -> Result<MinorUnits, &'static str> {
    let number = digits(text).then(|| text.parse::<i64>().ok()).flatten();
    let amount = number.and_then(|number| MinorUnits::try_from(number).ok());
    amount.ok_or("a whole number of the currency's smallest unit, 0 or more")
}

/// Both keys or none; derived ones need no columns.
fn imported_keys<'r>(
    kic: &'r str,
    kid: &'r str,
) -> Result<Option<(&'r str, &'r str)>, &'static str> {
    if kic.is_empty() && kid.is_empty() {
        return Ok(None);
    }
    let both = key(kic).is_ok() && key(kid).is_ok();
    both.then_some(Some((kic, kid)))
        .ok_or("both keys in hex, of 16, 24 or 32 octets, or neither")
}

fn key(text: &str) -> Result<AesKey, NotSealed> {
    let octets = hex::decode(text)
        .map(Zeroizing::new)
        .map_err(|_| NotSealed)?;
    AesKey::try_from(octets.as_slice()).map_err(|_| NotSealed)
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

const COLUMNS: [&str; 10] = [
    "subscriber",
    "msisdn",
    "iccid",
    "imsi",
    "language",
    "class",
    "currency",
    "credit_limit_minor",
    "cap_minor",
    "key_version",
];
const PROFILE_COLUMN: &str = "profile";
const KEY_COLUMNS: [&str; 2] = ["kic", "kid"];
/// Longer than any account number that billing systems are known to give.
const ACCOUNT_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::sealed_keys::{KeyPlace, unseal_keys};
    use crate::auth::sim_keys::Direction;
    use crate::auth::sim_keys::Master;

    fn named() -> Arc<NamedKeys> {
        Arc::clone(Master::new(&[7; 32]).named())
    }

    fn known() -> Known {
        Known {
            languages: ["en".into()].into(),
            classes: ["standard".into()].into(),
            profiles: ["standard".into(), "four".into()].into(),
        }
    }

    fn record(kic: &str, kid: &str) -> StringRecord {
        let line = "A-1,+4915112345601,8949020000000000014,262020000000001,en,standard,EUR,1,2,3";
        line.split(',').chain([kic, kid]).collect()
    }

    fn import(kic: &str, kid: &str) -> LineImport {
        let record = record(kic, kid);
        let line = known().check(&record, with_keys(), &mut |column, problem| {
            panic!("{column}: {problem}")
        });
        line.unwrap().import(&named()).unwrap()
    }

    #[test]
    fn imported_keys_open_for_both_directions_of_their_card_and_version_only() {
        let (kic, kid) = ("00112233445566778899aabbccddeeff", "11".repeat(32));
        let line = import(kic, &kid);
        let column = line.sealed_keys.unwrap();
        let (orders, confirmations) = column[1..].split_at(column[0].into());
        let place = KeyPlace {
            iccid: line.iccid.parse().unwrap(),
            direction: Direction::Mo,
            version: 3,
        };
        for (sealed, direction) in [(orders, Direction::Mo), (confirmations, Direction::Mt)] {
            let place = KeyPlace { direction, ..place };
            let keys = unseal_keys(sealed, &place, &named()).ok().unwrap();
            assert_eq!(hex::encode(keys.kic.expose_octets()), kic);
            assert_eq!(hex::encode(keys.kid.expose_octets()), kid);
            let other = KeyPlace {
                version: 4,
                ..place
            };
            assert!(unseal_keys(sealed, &other, &named()).is_err());
        }
        assert!(unseal_keys(confirmations, &place, &named()).is_err());
        assert_ne!(
            import(kic, &kid).sealed_keys.unwrap(),
            column,
            "nonces are random"
        );
    }

    fn with_keys() -> Layout {
        layout(&KEY_COLUMNS).unwrap()
    }

    fn layout(more: &[&str]) -> Option<Layout> {
        Layout::of(&COLUMNS.iter().chain(more).collect())
    }

    #[test]
    fn a_card_has_the_profile_of_its_column_or_names_none() {
        assert!(layout(&["kic", "kid", "profile"]).is_none() && layout(&["kic"]).is_none());
        let plain = "A-1,+4915112345601,8949020000000000014,262020000000001,en,standard,EUR,1,2,3";
        let profile = |more: &[&str], cells: &str| {
            let record: StringRecord = format!("{plain}{cells}").split(',').collect();
            let mut told = String::new();
            let layout = layout(more).unwrap();
            assert_eq!(record.len(), layout.columns);
            let line = known().check(&record, layout, &mut |column, problem| {
                told = format!("{column}: {problem}");
            });
            line.map(|line| line.import(&named()).unwrap().profile)
                .ok_or(told)
        };
        assert_eq!(profile(&[], ""), Ok(None));
        assert_eq!(profile(&["kic", "kid"], ",,"), Ok(None));
        assert_eq!(profile(&["profile"], ",four"), Ok(Some("four".into())));
        assert_eq!(profile(&["profile"], ","), Ok(None));
        assert_eq!(
            profile(&["profile", "kic", "kid"], ",four,,"),
            Ok(Some("four".into()))
        );
        assert_eq!(
            profile(&["profile"], ",five"),
            Err("profile: not configured; there are four, standard".into())
        );
    }

    #[test]
    fn derived_keys_need_no_columns() {
        assert!(import("", "").sealed_keys.is_none());
    }

    #[test]
    fn a_wrong_key_is_told_without_being_quoted() {
        let record = record("5ec2e7", "00");
        let mut told = String::new();
        let line = known().check(&record, with_keys(), &mut |column, problem| {
            told = format!("{column}: {problem}");
        });
        assert!(line.is_none() && told.starts_with("kic,kid: "), "{told}");
        assert!(!told.contains("5ec2e7"), "{told}");
    }
}
