//! Whether this node's clock is that of the other nodes: orders that two nodes get are told apart by
//! their times.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::http::health::{Need, Readiness};

/// Nodes from whose clock ours differs by too much, ours being the wrong one.
pub(super) struct Peers {
    readiness: Readiness,
    differing: Mutex<BTreeMap<u16, Heard>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Lately,
    Before,
}

impl Peers {
    pub(super) fn new(readiness: Readiness) -> Self {
        let differing = Mutex::default();
        Self {
            readiness,
            differing,
        }
    }

    /// Node `node` told of its clock.
    pub(super) fn heard(&self, node: u16, apart_ms: i64, is_ours_wrong: bool) {
        let mut differing = self
            .differing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if is_ours_wrong && apart_ms.saturating_abs() > APART_MAX_MS {
            let text = format!("the clock is {apart_ms} ms from that of node {node}: set it right");
            if differing.insert(node, Heard::Lately).is_none() {
                tracing::warn!("{text}");
            }
            self.readiness.lacking(Need::Peers, text);
        } else if differing.remove(&node).is_some() && differing.is_empty() {
            self.readiness.met(Need::Peers);
        }
    }

    /// Forgets those that have not told of theirs since the last call: they are gone.
    pub(super) fn forget_silent(&self) {
        let mut differing = self
            .differing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = differing.len();
        differing.retain(|_, heard| std::mem::replace(heard, Heard::Before) == Heard::Lately);
        if before > 0 && differing.is_empty() {
            self.readiness.met(Need::Peers);
        }
    }
}

/// Far more than clocks that are kept in step are apart, far less than any deadline.
const APART_MAX_MS: i64 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_its_peers_is_not_ready_until_it_is_right_or_they_are_gone() {
        let readiness = Readiness::starting();
        let peers = Peers::new(readiness.clone());
        let lacks = || readiness.reasons().iter().any(|r| r.starts_with("peers"));
        peers.heard(2, 2_000, true);
        peers.heard(3, 9_000, false);
        assert!(!lacks(), "little, or the other one's fault");
        peers.heard(2, -2_001, true);
        peers.heard(3, -2_500, true);
        assert!(lacks());
        peers.heard(2, 5, true);
        assert!(lacks(), "node 3 still differs");
        peers.forget_silent();
        assert!(lacks(), "it was heard a moment ago");
        peers.forget_silent();
        assert!(!lacks(), "it is gone");
    }
}
