//! What is counted of orders and purchases.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::registry::Registry;

use crate::domain::purchase::State;
use crate::domain::refusal::Refusal;
use crate::gateway::member::ArrivalEnd;
use crate::gateway::record::Channel;
use crate::telemetry::histogram::{Histogram, Scale};

/// Counters of orders; clones count into the same numbers.
#[derive(Clone, Debug)]
pub struct PurchaseMetrics {
    purchases: Family<OutcomeLabels, Counter>,
    refusals: Family<CauseLabel, Counter>,
    forged: Family<ClassLabel, Counter>,
    states: Family<StateLabel, Counter>,
    receipts: Family<ReceiptLabel, Counter>,
    card_alarms: Family<AlarmLabel, Counter>,
    seconds: Family<StageLabel, Histogram, Micros>,
}

impl Default for PurchaseMetrics {
    fn default() -> Self {
        Self {
            purchases: Family::default(),
            refusals: Family::default(),
            forged: Family::default(),
            states: Family::default(),
            receipts: Family::default(),
            card_alarms: Family::default(),
            seconds: Family::new_with_constructor(Micros),
        }
    }
}

impl PurchaseMetrics {
    /// Registers `purchases_total{channel,outcome}`, `refusals_total{cause}`,
    /// `forged_total{class}`, `purchase_states_total{state}`, `receipts_total{state}`,
    /// `card_alarms_total{kind}` and `purchase_seconds{stage}`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Messages and kiosks' orders by what became of them";
        registry.register("purchases", help, metrics.purchases.clone());
        let help = "Orders that were refused before payment";
        registry.register("refusals", help, metrics.refusals.clone());
        let help = "Secured packets that no SIM made, by the check that failed";
        registry.register("forged", help, metrics.forged.clone());
        let help = "Purchases that came to a state";
        registry.register("purchase_states", help, metrics.states.clone());
        let help =
            "Delivery receipts by what they say of a message; unmatched: of no known message";
        registry.register("receipts", help, metrics.receipts.clone());
        let help = "Signs that a card was copied, or that its keys are known: one counter (clone) or one \
                    reference (reference) with two contents";
        registry.register("card_alarms", help, metrics.card_alarms.clone());
        let help = "Time that a stage of an order took";
        registry.register("purchase_seconds", help, metrics.seconds.clone());
        metrics
    }

    /// Counts a message, or a kiosk's order, by its end.
    pub fn arrived(&self, channel: Channel, end: ArrivalEnd) {
        let outcome = match end {
            ArrivalEnd::Paid => "paid",
            ArrivalEnd::Refused(cause) => {
                self.refused(cause);
                "refused"
            }
            ArrivalEnd::Repeated => "repeated",
            ArrivalEnd::Answered => "answered",
            ArrivalEnd::Waiting => "waiting",
            ArrivalEnd::Forged(class) => {
                self.forged.get_or_create(&ClassLabel { class }).inc();
                "forged"
            }
            ArrivalEnd::Ignored => "ignored",
        };
        let channel = channel.name();
        let labels = OutcomeLabels { channel, outcome };
        self.purchases.get_or_create(&labels).inc();
    }

    /// Counts an order that a kiosk made, and that waits to be paid.
    pub fn ordered(&self) {
        let channel = Channel::Kiosk.name();
        let outcome = "ordered";
        let labels = OutcomeLabels { channel, outcome };
        self.purchases.get_or_create(&labels).inc();
    }

    fn refused(&self, cause: Refusal) {
        let label = CauseLabel {
            cause: cause.name(),
        };
        self.refusals.get_or_create(&label).inc();
    }

    /// Counts a purchase that came to `state`.
    pub fn moved(&self, state: State) {
        let label = StateLabel {
            state: state.name(),
        };
        self.states.get_or_create(&label).inc();
    }

    /// Counts a delivery receipt: the state that it tells of a message, by its name in SMPP, or
    /// `unmatched`.
    pub fn received(&self, state: &str) {
        let label = ReceiptLabel {
            state: state.to_ascii_lowercase(),
        };
        self.receipts.get_or_create(&label).inc();
    }

    /// Counts a notice that is a sign of a copied card; of others, nothing.
    pub fn noticed(&self, kind: &'static str) {
        if matches!(kind, "clone" | "reference") {
            self.card_alarms.get_or_create(&AlarmLabel { kind }).inc();
        }
    }

    /// How long a stage took, in microseconds.
    pub fn took(&self, stage: Stage, us: u64) {
        let label = StageLabel {
            stage: stage.name(),
        };
        self.seconds.get_or_create(&label).observe(us);
    }
}

/// A stage of an order's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// From the message's arrival until its commit.
    Committed,
    /// From the message's arrival until the SMSC took the confirmation.
    Confirmed,
    /// From the payment until the terminal accepted the ack.
    Accepted,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Confirmed => "confirmed",
            Self::Accepted => "accepted",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    channel: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabel {
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlarmLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReceiptLabel {
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: &'static str,
}

#[derive(Clone, Debug, Default)]
struct Micros;

impl MetricConstructor<Histogram> for Micros {
    fn new_metric(&self) -> Histogram {
        Histogram::new(Scale::Micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_counted_by_its_end_and_a_refusal_by_its_cause_too() {
        let mut registry = Registry::default();
        let metrics = PurchaseMetrics::register(&mut registry);
        metrics.arrived(Channel::Secured, ArrivalEnd::Paid);
        metrics.arrived(Channel::Secured, ArrivalEnd::Forged("cc_failed"));
        metrics.arrived(Channel::Text, ArrivalEnd::Refused(Refusal::Busy));
        metrics.moved(State::Supplied { units: 2 });
        metrics.received("DELIVERED");
        metrics.took(Stage::Committed, 700);
        let text = crate::telemetry::text(&registry).unwrap();
        for line in [
            r#"purchases_total{channel="secured",outcome="paid"} 1"#,
            r#"purchases_total{channel="secured",outcome="forged"} 1"#,
            r#"purchases_total{channel="text",outcome="refused"} 1"#,
            r#"refusals_total{cause="busy"} 1"#,
            r#"forged_total{class="cc_failed"} 1"#,
            r#"receipts_total{state="delivered"} 1"#,
            r#"purchase_states_total{state="supplied"} 1"#,
            r#"purchase_seconds_bucket{le="0.001",stage="committed"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
