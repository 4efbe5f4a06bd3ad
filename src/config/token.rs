//! `[keys.token]`: the PKCS#11 token that holds the master key, instead of a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::config::faults::{KeyFault, fault};

/// Which token and which key, and how long what it gave is held.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// The token's library.
    pub module: PathBuf,
    /// The token, by its label.
    pub token_label: Arc<str>,
    /// The master key, by its label.
    pub key_label: Arc<str>,
    /// The file with the user PIN in its first line.
    pub pin_file: PathBuf,
    /// Cards whose keys are held at most.
    #[serde(default = "cache_sims")]
    pub cache_sims: usize,
    /// Minutes for which they are held.
    #[serde(default = "cache_minutes")]
    pub cache_minutes: u32,
    /// How long one answer of the token is waited for, ms.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

impl TokenConfig {
    /// How long one answer is waited for.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(super) fn set_in(&mut self, folder: &Path) {
        self.module = folder.join(&self.module);
        self.pin_file = folder.join(&self.pin_file);
    }

    pub(super) fn faults(&self) -> Vec<KeyFault> {
        let mut faults = Vec::new();
        let mut say = |wrong: bool, key: &'static str, problem: &str| {
            if wrong {
                faults.push(fault(key, problem.to_owned()));
            }
        };
        let label = |label: &str| !label.is_empty() && label.len() <= TOKEN_LABEL_MAX;
        say(
            !label(&self.token_label),
            "token.token_label",
            "must have 1 to 32 octets, as the labels of tokens",
        );
        say(
            self.key_label.is_empty(),
            "token.key_label",
            "must not be empty",
        );
        say(
            !(SIMS_MIN..=SIMS_MAX).contains(&self.cache_sims),
            "token.cache_sims",
            "must be 2048 to 5000000: those of one batch and of one command's step at least, 200 octets each",
        );
        say(
            !(1..=MINUTES_MAX).contains(&self.cache_minutes),
            "token.cache_minutes",
            "must be 1 to 1440: so long a card goes on without the token, and no longer",
        );
        say(
            !(TIMEOUT_MIN_MS..=TIMEOUT_MAX_MS).contains(&self.timeout_ms),
            "token.timeout_ms",
            "must be 50 to 3000: the network gives a delivery 5 seconds",
        );
        faults
    }
}

const fn cache_sims() -> usize {
    100_000
}

const fn cache_minutes() -> u32 {
    60
}

const fn timeout_ms() -> u64 {
    1_000
}

const TOKEN_LABEL_MAX: usize = 32;
const SIMS_MIN: usize = 2_048;
const SIMS_MAX: usize = 5_000_000;
const MINUTES_MAX: u32 = 1_440;
const TIMEOUT_MIN_MS: u64 = 50;
const TIMEOUT_MAX_MS: u64 = 3_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_has_room_for_the_cards_of_one_step() {
        let of = |cache_sims| TokenConfig {
            module: "libsofthsm2.so".into(),
            token_label: "svgate".into(),
            key_label: "svgate-master".into(),
            pin_file: "token.pin".into(),
            cache_sims,
            cache_minutes: cache_minutes(),
            timeout_ms: timeout_ms(),
        };
        assert_eq!(of(2_048).faults().len(), 0);
        assert_eq!(of(2_047).faults().len(), 1);
    }
}
