//! What a link counts, for the metrics page to read while the link runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::smpp::session::Counts;

/// Counters of one link since the start, over all its connections.
///
/// Each is read by itself: sums over several may be off by what happens in between.
#[derive(Debug, Default)]
pub struct LinkStats {
    /// Whether the bind stands now.
    pub bound: AtomicBool,
    /// Binds that the SMSC accepted.
    pub binds: AtomicU64,
    /// Connections that failed, were refused, or broke.
    pub failures: AtomicU64,
    /// PDUs read, of every kind.
    pub pdus_in: AtomicU64,
    /// PDUs written, of every kind.
    pub pdus_out: AtomicU64,
    /// Deliveries handed to the gateway.
    pub deliveries: AtomicU64,
    /// Deliveries answered 0x14 because the gateway had no room for them.
    pub deliveries_refused: AtomicU64,
    /// Messages that the SMSC accepted.
    pub accepted: AtomicU64,
    /// Messages that the SMSC refused for good or for now, throttling apart.
    pub refused: AtomicU64,
    /// Answers 0x58 and 0x14 to our messages.
    pub throttled: AtomicU64,
    /// Requests of ours that got no response in time.
    pub timeouts: AtomicU64,
    /// Responses to nothing: late ones, or made up.
    pub strays: AtomicU64,
    /// PDUs that could not be decoded.
    pub malformed: AtomicU64,
}

impl LinkStats {
    /// Adds what a session has counted since the last call.
    pub(super) fn add(&self, counts: &Counts) {
        for (total, more) in [
            (&self.pdus_in, counts.pdus_in),
            (&self.pdus_out, counts.pdus_out),
            (&self.deliveries_refused, counts.deliveries_refused),
            (&self.accepted, counts.accepted),
            (&self.refused, counts.refused),
            (&self.throttled, counts.throttled),
            (&self.timeouts, counts.timeouts),
            (&self.strays, counts.strays),
            (&self.malformed, counts.malformed),
        ] {
            if more > 0 {
                total.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn count(total: &AtomicU64) {
        total.fetch_add(1, Ordering::Relaxed);
    }
}
