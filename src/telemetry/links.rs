//! What is counted of binds. A link keeps its own counters; here they are read when someone asks.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// The counters of every bind; a clone adds binds to the same list.
#[derive(Clone, Debug, Default)]
pub struct LinkCounters(Arc<RwLock<Vec<Bind>>>);

impl LinkCounters {
    /// Registers `smpp_bound{smsc}` and one `smpp_…_total{smsc}` for each field of [`LinkCounts`].
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let counters = Self::default();
        registry.register_collector(Box::new(counters.clone()));
        counters
    }

    /// From now on tells what `read` says of the bind `smsc`.
    pub fn add(&self, smsc: Arc<str>, read: impl Fn() -> LinkCounts + Send + Sync + 'static) {
        let read = Box::new(read);
        let mut binds = self.0.write().unwrap_or_else(PoisonError::into_inner);
        binds.push(Bind { smsc, read });
    }
}

/// What a link has counted since the start, as [`crate::smpp`] names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Whether the bind stands now.
    pub bound: bool,
    /// Binds that the SMSC accepted.
    pub binds: u64,
    /// Connections that failed, were refused, or broke.
    pub failures: u64,
    /// PDUs read.
    pub pdus_in: u64,
    /// PDUs written.
    pub pdus_out: u64,
    /// Deliveries handed to the gateway.
    pub deliveries: u64,
    /// Deliveries answered 0x14 for want of room.
    pub deliveries_refused: u64,
    /// Messages that the SMSC accepted.
    pub accepted: u64,
    /// Messages that the SMSC refused.
    pub refused: u64,
    /// Answers 0x58 and 0x14 to our messages.
    pub throttled: u64,
    /// Requests that got no response in time.
    pub timeouts: u64,
    /// Responses to nothing.
    pub strays: u64,
    /// PDUs that could not be decoded.
    pub malformed: u64,
}

struct Bind {
    smsc: Arc<str>,
    read: Box<dyn Fn() -> LinkCounts + Send + Sync>,
}

impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bind({})", self.smsc)
    }
}

impl Collector for LinkCounters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let binds = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let read: Vec<_> = binds
            .iter()
            .map(|b| (b.smsc.as_ref(), (b.read)()))
            .collect();
        let help = "Whether the bind stands";
        let mut bound = encoder.encode_descriptor("smpp_bound", help, None, MetricType::Gauge)?;
        for (smsc, counts) in &read {
            let labels = [("smsc", *smsc)];
            let value = ConstGauge::new(i64::from(counts.bound));
            value.encode(bound.encode_family(&labels)?)?;
        }
        for (name, help, count) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (smsc, counts) in &read {
                let labels = [("smsc", *smsc)];
                ConstCounter::new(count(counts)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

type Count = fn(&LinkCounts) -> u64;

const COUNTERS: &[(&str, &str, Count)] = &[
    ("smpp_binds", "Binds that the SMSC accepted", |c| c.binds),
    ("smpp_failures", "Connections that failed or broke", |c| {
        c.failures
    }),
    ("smpp_pdus_in", "PDUs read", |c| c.pdus_in),
    ("smpp_pdus_out", "PDUs written", |c| c.pdus_out),
    ("smpp_deliveries", "Deliveries taken in", |c| c.deliveries),
    ("smpp_deliveries_refused", "Deliveries answered 0x14", |c| {
        c.deliveries_refused
    }),
    ("smpp_accepted", "Messages that the SMSC accepted", |c| {
        c.accepted
    }),
    ("smpp_refused", "Messages that the SMSC refused", |c| {
        c.refused
    }),
    (
        "smpp_throttled",
        "Answers 0x58 and 0x14 to our messages",
        |c| c.throttled,
    ),
    ("smpp_timeouts", "Requests without a response", |c| {
        c.timeouts
    }),
    ("smpp_strays", "Responses to nothing", |c| c.strays),
    ("smpp_malformed", "PDUs that could not be decoded", |c| {
        c.malformed
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_binds_counters_are_read_when_someone_asks() {
        let mut registry = crate::telemetry::registry();
        let counters = LinkCounters::register(&mut registry);
        for (name, deliveries) in [("east", 3), ("west", 4)] {
            counters.add(name.into(), move || LinkCounts {
                bound: name == "east",
                deliveries,
                ..LinkCounts::default()
            });
        }
        let text = crate::telemetry::text(&registry).unwrap();
        for line in [
            r#"svgate_smpp_bound{smsc="east"} 1"#,
            r#"svgate_smpp_bound{smsc="west"} 0"#,
            r#"svgate_smpp_deliveries_total{smsc="west"} 4"#,
            r#"svgate_smpp_malformed_total{smsc="east"} 0"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
