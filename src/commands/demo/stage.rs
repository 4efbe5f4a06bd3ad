//! What everybody in the demo shares: the SMSC, the kiosks' tills, the counters, the clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use indicatif::ProgressBar;

use super::cast::Cast;
use crate::simulator::kiosk::Kiosk;
use crate::simulator::smsc::{Clock, Delivered, Smsc};
use crate::smpp::pdu::{CommandStatus, ShortMessage};

/// The stage of one demo.
pub(super) struct Stage {
    pub(super) cast: Cast,
    pub(super) smsc: Smsc,
    /// The till of each kiosk; none where the machine is no kiosk.
    pub(super) tills: Vec<Option<tokio::sync::Mutex<Kiosk>>>,
    pub(super) counts: Counts,
    pub(super) clock: Clock,
    pub(super) progress: ProgressBar,
    latencies_us: Mutex<Histogram<u64>>,
}

/// What the phones did, besides what each reports.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Errands that have come to their end.
    pub(super) errands: AtomicU64,
    /// Confirmations that SIMs opened.
    pub(super) opened: AtomicU64,
    /// Texts that were read.
    pub(super) read: AtomicU64,
    /// Orders that went out twice.
    pub(super) duplicates: AtomicU64,
    /// Orders that a thief's card sealed.
    pub(super) forgeries: AtomicU64,
    /// Old packets that a thief sent again.
    pub(super) replays: AtomicU64,
    /// Texts in two messages.
    pub(super) two_parts: AtomicU64,
    /// Second purchases of the same by `AGAIN`.
    pub(super) another_ones: AtomicU64,
    /// Orders that were dialled whole.
    pub(super) dialled: AtomicU64,
    /// Orders that were confirmed in the USSD menu.
    pub(super) by_menu: AtomicU64,
    /// Orders that a card sent again because it heard nothing.
    pub(super) sent_again: AtomicU64,
}

/// How long `deliver_sm` waited for its response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Latency {
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
}

impl Stage {
    /// A stage before the play. The histogram tells 1 µs to 60 s with two digits.
    pub(super) fn new(
        cast: Cast,
        smsc: Smsc,
        tills: Vec<Option<tokio::sync::Mutex<Kiosk>>>,
        clock: Clock,
        progress: ProgressBar,
    ) -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            cast,
            smsc,
            tills,
            counts: Counts::default(),
            clock,
            progress,
            latencies_us: Mutex::new(Histogram::new_with_bounds(1, 60_000_000, 2)?),
        })
    }

    /// Sends a phone's message by the SMSC and waits until the gateway took it, over as many tries
    /// as that takes. False when the SMSC gave it up.
    pub(super) async fn deliver(&self, message: ShortMessage) -> bool {
        let Ok(delivered) = self.smsc.deliver(message).await else {
            return false;
        };
        self.measure(delivered);
        delivered.status.is_some_and(CommandStatus::is_ok)
    }

    /// An errand has come to its end.
    pub(super) fn done(&self) {
        count(&self.counts.errands);
        self.progress.inc(1);
    }

    /// The time since the demo's beginning.
    pub(super) fn now(&self) -> Duration {
        (self.clock)()
    }

    pub(super) fn latency(&self) -> Latency {
        let latencies = self.latencies_us.lock();
        let latencies = latencies.unwrap_or_else(PoisonError::into_inner);
        Latency {
            p50_us: latencies.value_at_quantile(0.50),
            p99_us: latencies.value_at_quantile(0.99),
        }
    }

    fn measure(&self, delivered: Delivered) {
        if delivered.status.is_some() {
            let us = u64::try_from(delivered.answered_after.as_micros()).unwrap_or(u64::MAX);
            let latencies = self.latencies_us.lock();
            latencies
                .unwrap_or_else(PoisonError::into_inner)
                .saturating_record(us);
        }
    }
}

/// Counts one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
