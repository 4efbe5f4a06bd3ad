//! `[[aggregator]]`: who carries USSD sessions to us by HTTP.

use std::sync::Arc;

use serde::Deserialize;

use crate::config::faults::{KeyFault, bad_word, fault};
use crate::config::reading::Section;
use crate::config::smsc::{Originator, SmscConfig};
use crate::config::ussd::bad_service_code;

/// One aggregator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregatorConfig {
    /// What its path, logs and metrics call it.
    pub name: Arc<str>,
    /// The SHA-256 of its token.
    #[serde(with = "hex")]
    pub token_sha256: [u8; 32],
    /// What subscribers dial for the menu at it; that of `[ussd]` when not said.
    pub service_code: Option<Arc<str>>,
    /// Whether what it says of a caller's number proves who calls.
    #[serde(default)]
    pub originator: Originator,
    /// The SMSC by which results are sent as messages.
    pub results_by: Arc<str>,
}

impl AggregatorConfig {
    /// What is wrong beside the SMSCs that there are; a key and the problem.
    pub(super) fn unfit(&self, smscs: &[SmscConfig]) -> Option<KeyFault> {
        let by = &self.results_by;
        let known = smscs.iter().any(|smsc| smsc.smsc() == *by);
        (!known).then(|| fault("results_by", format!("there is no [[smsc]] {by:?}")))
    }
}

impl Section for AggregatorConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let code = self.service_code.as_deref();
        let code = code.and_then(|code| bad_service_code("service_code", code));
        [bad_word("name", &self.name), code]
            .into_iter()
            .flatten()
            .collect()
    }
}
