//! What is counted of USSD sessions.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of sessions; clones count into the same numbers.
#[derive(Clone, Debug, Default)]
pub struct UssdMetrics {
    open: Family<BindLabels, Gauge>,
    begun: Family<BindLabels, Counter>,
    asked: Family<BindLabels, Counter>,
    ended: Family<EndLabels, Counter>,
    steps: Family<StepLabels, Counter>,
    full: Family<BindLabels, Counter>,
}

/// One bind's USSD: the labels of everything that is counted of it.
#[derive(Clone, Debug)]
pub struct BindUssd {
    metrics: UssdMetrics,
    labels: BindLabels,
}

impl UssdMetrics {
    /// Registers `ussd_open{smsc,dialect}`, `ussd_sessions_total{smsc,dialect}`,
    /// `ussd_ended_total{smsc,dialect,end}`, `ussd_steps_total{smsc,dialect,step}` and
    /// `ussd_full_total{smsc,dialect}`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "USSD sessions that are open";
        registry.register("ussd_open", help, metrics.open.clone());
        let help = "USSD sessions that were begun";
        registry.register("ussd_sessions", help, metrics.begun.clone());
        let help = "USSD sessions that we began, to ask for a payment";
        registry.register("ussd_sessions_asked", help, metrics.asked.clone());
        let help = "USSD sessions by how they ended";
        registry.register("ussd_ended", help, metrics.ended.clone());
        let help = "Texts to USSD sessions by the step of the menu that they are of";
        registry.register("ussd_steps", help, metrics.steps.clone());
        let help = "USSD sessions that were refused for want of room";
        registry.register("ussd_full", help, metrics.full.clone());
        metrics
    }

    /// The counters of one bind.
    #[must_use]
    pub fn bind(&self, smsc: &Arc<str>, dialect: &Arc<str>) -> BindUssd {
        BindUssd {
            metrics: self.clone(),
            labels: BindLabels {
                smsc: smsc.as_ref().to_owned(),
                dialect: dialect.as_ref().to_owned(),
            },
        }
    }
}

impl BindUssd {
    /// A session was begun.
    pub fn begun(&self) {
        self.metrics.begun.get_or_create(&self.labels).inc();
    }

    /// We began a session, to ask for a payment.
    pub fn asked(&self) {
        self.metrics.begun.get_or_create(&self.labels).inc();
        self.metrics.asked.get_or_create(&self.labels).inc();
    }

    /// A session is over.
    pub fn ended(&self, end: &'static str) {
        let BindLabels { smsc, dialect } = self.labels.clone();
        let labels = EndLabels { smsc, dialect, end };
        self.metrics.ended.get_or_create(&labels).inc();
    }

    /// A text of this step was sent.
    pub fn said(&self, step: &'static str) {
        let BindLabels { smsc, dialect } = self.labels.clone();
        let labels = StepLabels {
            smsc,
            dialect,
            step,
        };
        self.metrics.steps.get_or_create(&labels).inc();
    }

    /// There was no room for a session.
    pub fn full(&self) {
        self.metrics.full.get_or_create(&self.labels).inc();
    }

    /// So many are open now.
    pub fn open(&self, sessions: usize) {
        let sessions = i64::try_from(sessions).unwrap_or(i64::MAX);
        self.metrics.open.get_or_create(&self.labels).set(sessions);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BindLabels {
    smsc: String,
    dialect: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    smsc: String,
    dialect: String,
    end: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    smsc: String,
    dialect: String,
    step: &'static str,
}
