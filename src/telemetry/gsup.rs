//! What is counted of connections to HLRs.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of connections; clones count into the same numbers.
#[derive(Clone, Debug, Default)]
pub struct GsupMetrics {
    connected: Family<HlrLabels, Gauge>,
    connections: Family<HlrLabels, Counter>,
    received: Family<HlrLabels, Counter>,
    sent: Family<HlrLabels, Counter>,
    malformed: Family<HlrLabels, Counter>,
}

/// One HLR's.
#[derive(Clone, Debug)]
pub struct HlrCounts {
    metrics: GsupMetrics,
    labels: HlrLabels,
}

impl GsupMetrics {
    /// Registers `gsup_connected{hlr}`, `gsup_connections_total{hlr}`, `gsup_received_total{hlr}`,
    /// `gsup_sent_total{hlr}` and `gsup_malformed_total{hlr}`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Whether the HLR knows us: 1 or 0";
        registry.register("gsup_connected", help, metrics.connected.clone());
        for (name, help, family) in [
            (
                "gsup_connections",
                "Connections at which the HLR got to know us",
                &metrics.connections,
            ),
            (
                "gsup_received",
                "Messages about supplementary services from the HLR",
                &metrics.received,
            ),
            (
                "gsup_sent",
                "Messages about supplementary services to the HLR",
                &metrics.sent,
            ),
            (
                "gsup_malformed",
                "Messages of the HLR that are about something else, or could not be read",
                &metrics.malformed,
            ),
        ] {
            registry.register(name, help, family.clone());
        }
        metrics
    }

    /// The counters of one HLR.
    #[must_use]
    pub fn hlr(&self, name: &Arc<str>) -> HlrCounts {
        HlrCounts {
            metrics: self.clone(),
            labels: HlrLabels {
                hlr: name.as_ref().to_owned(),
            },
        }
    }
}

impl HlrCounts {
    /// The HLR knows us, or does not any more.
    pub fn connected(&self, connected: bool) {
        let gauge = self.metrics.connected.get_or_create(&self.labels);
        gauge.set(i64::from(connected));
        drop(gauge);
        if connected {
            self.metrics.connections.get_or_create(&self.labels).inc();
        }
    }

    /// A message came.
    pub fn received(&self) {
        self.metrics.received.get_or_create(&self.labels).inc();
    }

    /// A message of ours leaves.
    pub fn sent(&self) {
        self.metrics.sent.get_or_create(&self.labels).inc();
    }

    /// Something came that is no message of ours.
    pub fn malformed(&self) {
        self.metrics.malformed.get_or_create(&self.labels).inc();
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HlrLabels {
    hlr: String,
}
