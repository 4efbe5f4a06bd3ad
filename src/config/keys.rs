//! `[keys]`: the master key file, and what packets look like each way.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use crate::auth::secured_packet::{CcLength, KeyOctet, KeyProfile, Spi, Spi1, Tar};
use crate::config::faults::{KeyFault, fault};
use crate::config::reading::Section;
use crate::gateway::context::Profiles;

/// The master key, and the packets of the applet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// What `svgate keys init` made.
    #[serde(default = "master_file")]
    pub master_file: PathBuf,
    /// Packets from the SIM.
    pub orders: PacketConfig,
    /// Packets to the SIM.
    pub confirmations: PacketConfig,
}

impl KeysConfig {
    /// What packets look like, each way.
    #[must_use]
    pub const fn profiles(&self) -> Profiles {
        Profiles {
            orders: self.orders.profile(),
            confirmations: self.confirmations.profile(),
        }
    }
}

impl Section for KeysConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let same = self.orders.tar == self.confirmations.tar;
        // Imported keys are the same both ways: the address is what is left to tell them apart.
        let problem = "must not be the tar of orders: a confirmation that came back would be \
                       read as an order under imported keys";
        same.then(|| fault("confirmations.tar", problem.to_owned()))
            .into_iter()
            .collect()
    }
}

/// `[keys.orders]` and `[keys.confirmations]`: what is no secret about the applet's packets.
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
