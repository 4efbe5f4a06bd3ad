//! `[[gsup]]`: an HLR at which we are an external USSD entity.

use std::sync::Arc;

use serde::Deserialize;

use crate::config::faults::{KeyFault, bad_word, fault};
use crate::config::reading::Section;
use crate::config::smsc::{Originator, SmscConfig};
use crate::config::ussd::bad_service_code;

/// One HLR.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GsupConfig {
    /// What logs and metrics call it.
    pub name: Arc<str>,
    /// DNS name or address.
    pub host: String,
    /// TCP port.
    #[serde(default = "defaults::port")]
    pub port: u16,
    /// Our name in its configuration.
    pub euse: String,
    /// What subscribers dial for the menu there; that of `[ussd]` when not said.
    pub service_code: Option<Arc<str>>,
    /// Whether the card that it names proves who calls.
    #[serde(default)]
    pub originator: Originator,
    /// The SMSC by which results are sent as messages.
    pub results_by: Arc<str>,
    /// Silence after which the HLR is asked whether it lives.
    #[serde(default = "defaults::ping_s")]
    pub ping_s: u32,
    /// How long TCP may take to connect, and the HLR to ask who we are.
    #[serde(default = "defaults::connect_timeout_ms")]
    pub connect_timeout_ms: u32,
    /// First wait before a new connection; it doubles with each failure.
    #[serde(default = "defaults::reconnect_min_ms")]
    pub reconnect_min_ms: u32,
    /// Longest wait before a new connection.
    #[serde(default = "defaults::reconnect_max_ms")]
    pub reconnect_max_ms: u32,
}

impl GsupConfig {
    /// What is wrong beside the SMSCs that there are.
    pub(super) fn unfit(&self, smscs: &[SmscConfig]) -> Option<KeyFault> {
        let by = &self.results_by;
        let known = smscs.iter().any(|smsc| smsc.smsc() == *by);
        (!known).then(|| fault("results_by", format!("there is no [[smsc]] {by:?}")))
    }
}

impl Section for GsupConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let within = |key, value: u32, most: u32| {
            (!(1..=most).contains(&value)).then(|| fault(key, format!("must be 1 to {most}")))
        };
        let code = self.service_code.as_deref();
        let shortest = self.reconnect_min_ms;
        [
            bad_word("name", &self.name),
            bad_word("euse", &self.euse),
            self.euse.starts_with("EUSE-").then(|| {
                let problem = "must be the name behind the HLR's word `euse`, without EUSE-";
                fault("euse", problem.to_owned())
            }),
            self.host
                .is_empty()
                .then(|| fault("host", "must be a DNS name or an address".to_owned())),
            (self.port == 0).then(|| fault("port", "must be 1 to 65535".to_owned())),
            code.and_then(|code| bad_service_code("service_code", code)),
            within("ping_s", self.ping_s, 3_600),
            within("connect_timeout_ms", self.connect_timeout_ms, 600_000),
            within("reconnect_min_ms", self.reconnect_min_ms, 3_600_000),
            within("reconnect_max_ms", self.reconnect_max_ms, 3_600_000),
            (self.reconnect_max_ms < shortest).then(|| {
                let problem = "must not be below reconnect_min_ms";
                fault("reconnect_max_ms", problem.to_owned())
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

mod defaults {
    /// osmo-hlr's own.
    pub(super) const fn port() -> u16 {
        4_222
    }

    pub(super) const fn ping_s() -> u32 {
        10
    }

    pub(super) const fn connect_timeout_ms() -> u32 {
        5_000
    }

    pub(super) const fn reconnect_min_ms() -> u32 {
        500
    }

    pub(super) const fn reconnect_max_ms() -> u32 {
        30_000
    }
}
