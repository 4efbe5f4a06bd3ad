//! `[keys]`: where the master key is, and what packets of standard cards look like each way;
//! `[[card_profile]]`: those of other cards.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::auth::secured_packet::{CcLength, KeyOctet, KeyProfile, Spi, Spi1, Tar};
use crate::config::faults::{KeyFault, bad_word, fault};
use crate::config::reading::{Placed, Reading, Section};
use crate::config::smsc::SmscConfig;
use crate::config::token::TokenConfig;
use crate::config::ussd::UssdConfig;
use crate::gateway::context::{Profiles, STANDARD_PROFILE};
use crate::gateway::policy::{CardRules, CardWay};

/// The master key, and the packets of the applet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// What `svgate keys init` made.
    #[serde(default = "master_file")]
    pub master_file: PathBuf,
    /// Hours for which orders under a card's former keys are taken.
    #[serde(default = "a_day")]
    pub old_version_h: u32,
    /// Hours after which new keys that a card has not used are sent again.
    #[serde(default = "a_day")]
    pub rekey_repeat_h: u32,
    /// How often new keys are sent in all.
    #[serde(default = "a_week")]
    pub rekey_times: u8,
    /// The SMSC by which commands go to cards; the first that transmits unless named.
    #[serde(default)]
    pub commands_by: Option<Arc<str>>,
    /// Whether AES may be made by instructions of no cipher: some ten times slower.
    #[serde(default)]
    pub allow_software_aes: bool,
    /// The token that holds the master, instead of the file.
    pub token: Option<TokenConfig>,
    /// Whether standard cards are asked themselves to pay what merchants order in their subscribers'
    /// names.
    #[serde(default)]
    pub offers: bool,
    /// How many operators a master operation needs: 2, 1 or 0.
    #[serde(default = "two")]
    pub operators_needed: u8,
    /// `[[keys.operator]]`: who may do master operations.
    #[serde(default)]
    pub operator: Vec<OperatorConfig>,
    /// Packets from the SIM.
    pub orders: PacketConfig,
    /// Packets to the SIM.
    pub confirmations: PacketConfig,
}

/// `[[keys.operator]]`: one person who may do master operations.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorConfig {
    /// Who it is.
    pub name: Arc<str>,
    /// SHA-256 of the secret that `svgate keys operator` made.
    #[serde(deserialize_with = "sha256")]
    pub secret_sha256: [u8; 32],
}

impl KeysConfig {
    /// How cards are commanded, by one of `smscs` and from the number that subscribers dial.
    #[must_use]
    pub(super) fn card_rules(&self, smscs: &[SmscConfig], ussd: &UssdConfig) -> CardRules {
        let transmitting = smscs.iter().filter(|smsc| smsc.bind.transmits());
        let first = transmitting.map(SmscConfig::smsc).next();
        let hours = |hours: u32| hours.saturating_mul(3_600);
        CardRules {
            way: self.commands_by.clone().or(first).map(|smsc| CardWay {
                smsc,
                service: ussd.service_digits().into(),
            }),
            old_version_s: hours(self.old_version_h),
            rekey_repeat_s: hours(self.rekey_repeat_h),
            rekey_times: self.rekey_times,
            offer_every_s: ussd.ask_every_s,
        }
    }

    /// What packets look like, each way.
    #[must_use]
    pub const fn profiles(&self) -> Profiles {
        Profiles {
            orders: self.orders.profile(),
            confirmations: self.confirmations.profile(),
            offers: self.offers,
        }
    }
}

impl Section for KeysConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let within = |key, value: u32, most: u32| {
            (!(1..=most).contains(&value)).then(|| fault(key, format!("must be 1 to {most}")))
        };
        let hours = [
            within("old_version_h", self.old_version_h, HOURS_MAX),
            within("rekey_repeat_h", self.rekey_repeat_h, HOURS_MAX),
            within("rekey_times", self.rekey_times.into(), u8::MAX.into()),
        ];
        let needed = (self.operators_needed > 2)
            .then(|| fault("operators_needed", "must be 0, 1 or 2".to_owned()));
        let names = self.operator.iter().flat_map(|operator| {
            let others = self
                .operator
                .iter()
                .filter(|other| !std::ptr::eq(*other, operator));
            others.filter_map(|other| {
                let same =
                    other.name == operator.name || other.secret_sha256 == operator.secret_sha256;
                same.then(|| fault("operator", ONE_PERSON.to_owned()))
            })
        });
        let faults = hours.into_iter().flatten();
        let token = self.token.iter();
        let both = token.clone().filter(|_| self.master_file != master_file());
        let both = both.map(|_| {
            let problem = "must not be given where [keys.token] is: the master is in one place";
            fault("master_file", problem.to_owned())
        });
        faults
            .chain(same_tar(self.orders, self.confirmations))
            .chain(both)
            .chain(token.flat_map(TokenConfig::faults))
            .chain(needed)
            .chain(names.take(1))
            .collect()
    }
}

/// `[[card_profile]]`: cards whose packets look otherwise, such as those with checksums of 4 octets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardProfileConfig {
    /// What a subscriber's `profile` says.
    pub name: Arc<str>,
    /// Whether they are asked themselves to pay what merchants order in their subscribers' names.
    #[serde(default)]
    pub offers: bool,
    /// Packets from the SIM.
    pub orders: PacketConfig,
    /// Packets to the SIM.
    pub confirmations: PacketConfig,
}

impl CardProfileConfig {
    /// The profiles by their names.
    #[must_use]
    pub fn profiles(all: &[Self]) -> BTreeMap<Arc<str>, Profiles> {
        let profiles = |profile: &Self| Profiles {
            orders: profile.orders.profile(),
            confirmations: profile.confirmations.profile(),
            offers: profile.offers,
        };
        all.iter()
            .map(|profile| (Arc::clone(&profile.name), profiles(profile)))
            .collect()
    }
}

impl Section for CardProfileConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let taken = (*self.name == *STANDARD_PROFILE).then(|| {
            let problem = "must not be \"standard\": that is what [keys] describes";
            fault("name", problem.to_owned())
        });
        let faults = bad_word("name", &self.name).into_iter().chain(taken);
        faults
            .chain(same_tar(self.orders, self.confirmations))
            .collect()
    }
}

/// Tells of each profile whose confirmations go where another's orders go: a card's profile can
/// change, and what was a confirmation must never become an order.
pub(super) fn apart(
    reading: &mut Reading<'_>,
    keys: Option<&Placed<KeysConfig>>,
    profiles: &[Placed<CardProfileConfig>],
) {
    let Some(keys) = keys.filter(|keys| !keys.mended) else {
        return;
    };
    let others = profiles.iter().filter(|profile| !profile.mended);
    let others = others.map(|placed| {
        let CardProfileConfig {
            name,
            orders,
            confirmations,
            offers: _,
        } = &placed.value;
        (&**name, orders, confirmations, &placed.lines)
    });
    let (orders, confirmations) = (&keys.value.orders, &keys.value.confirmations);
    let standard = (STANDARD_PROFILE, orders, confirmations, &keys.lines);
    let all: Vec<_> = std::iter::once(standard).chain(others).collect();
    for (name, _, confirmations, lines) in &all {
        let meets = |(other, orders, ..): &&(&str, &PacketConfig, &PacketConfig, _)| {
            other != name && orders.tar == confirmations.tar
        };
        if let Some((other, ..)) = all.iter().find(meets) {
            let problem = format!("must not be the tar of {other}'s orders: {READ_AS_ORDER}");
            reading.fault(lines, "confirmations.tar", problem);
        }
    }
}

/// Commands to cards leave by an SMSC that there is.
pub(super) fn way_fits(
    reading: &mut Reading<'_>,
    keys: Option<&Placed<KeysConfig>>,
    smscs: &[Placed<SmscConfig>],
) {
    let Some(keys) = keys.filter(|keys| !keys.mended) else {
        return;
    };
    let Some(by) = &keys.value.commands_by else {
        return;
    };
    let mut smscs = smscs.iter().map(|placed| &placed.value);
    if !smscs.any(|smsc| smsc.smsc() == *by && smsc.bind.transmits()) {
        let problem = format!("{by:?} is no smsc that a bind transmits to");
        reading.fault(&keys.lines, "commands_by", problem);
    }
}

/// Imported keys are the same both ways: the address is what is left to tell them apart.
fn same_tar(orders: PacketConfig, confirmations: PacketConfig) -> Option<KeyFault> {
    let problem = || format!("must not be the tar of orders: {READ_AS_ORDER}");
    (orders.tar == confirmations.tar).then(|| fault("confirmations.tar", problem()))
}

/// `[keys.orders]`, `[card_profile.orders]` and so on: what is no secret about the applet's packets.
/// Octets are written in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacketConfig {
    /// Key set and algorithm for ciphering.
    #[serde(deserialize_with = "key_octet")]
    pub kic: KeyOctet,
    /// Key set and algorithm of the checksum.
    #[serde(deserialize_with = "key_octet")]
    pub kid: KeyOctet,
    /// Length of the checksum: 8, or 4.
    #[serde(default = "eight", deserialize_with = "cc_length")]
    pub cc_octets: CcLength,
    /// The least that SPI1 must ask for.
    #[serde(default = "spi1_of_an_order", deserialize_with = "spi1")]
    pub spi1_min: Spi1,
    /// The application that packets are addressed to.
    #[serde(deserialize_with = "tar")]
    pub tar: Tar,
}

impl PacketConfig {
    const fn profile(self) -> KeyProfile {
        KeyProfile {
            kic: self.kic,
            kid: self.kid,
            cc: self.cc_octets,
            spi1_min: self.spi1_min,
            tar: self.tar,
        }
    }
}

/// A year.
const HOURS_MAX: u32 = 8_760;
const READ_AS_ORDER: &str =
    "a confirmation that came back would be read as an order under imported keys";

const fn a_day() -> u32 {
    24
}

const fn a_week() -> u8 {
    7
}

const ONE_PERSON: &str =
    "two operators must differ in name and in secret_sha256: they are two people";

const fn two() -> u8 {
    2
}

fn sha256<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    octets(
        deserializer,
        "64 hex digits, as `svgate keys operator` prints them",
    )
}

fn master_file() -> PathBuf {
    "master.key".into()
}

const fn eight() -> CcLength {
    CcLength::Eight
}

const fn spi1_of_an_order() -> Spi1 {
    Spi::ORDER.spi1
}

fn key_octet<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeyOctet, D::Error> {
    let [octet] = octets(deserializer, "one octet in hex, such as \"12\"")?;
    KeyOctet::try_from(octet).map_err(D::Error::custom)
}

fn cc_length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CcLength, D::Error> {
    let octets = usize::deserialize(deserializer)?;
    CcLength::try_from(octets).map_err(D::Error::custom)
}

fn spi1<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Spi1, D::Error> {
    let [octet] = octets(deserializer, "one octet in hex, such as \"16\"")?;
    Ok(Spi1(octet))
}

fn tar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tar, D::Error> {
    octets(deserializer, "three octets in hex, such as \"b2f001\"").map(Tar)
}

fn octets<'de, const N: usize, D: Deserializer<'de>>(
    deserializer: D,
    form: &str,
) -> Result<[u8; N], D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut octets = [0; N];
    hex::decode_to_slice(&text, &mut octets)
        .map_err(|_| D::Error::custom(format!("{text:?} is not {form}")))?;
    Ok(octets)
}
