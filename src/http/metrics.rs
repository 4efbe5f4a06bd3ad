//! What is counted of HTTP itself: requests, their time, connections that were turned away.
//!
//! Times are integer microseconds; only the exporter prints decimals.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The counters; a clone counts into the same ones.
#[derive(Clone, Debug, Default)]
pub struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabel, Latency>,
    turned_away: Counter,
}

impl HttpMetrics {
    /// Registers `http_requests_total{route,method,status}`, `http_request_seconds{route}` and
    /// `http_connections_turned_away_total`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let requests = metrics.requests.clone();
        registry.register(
            "http_requests",
            "HTTP requests that were answered",
            requests,
        );
        let help = "Time to answer an HTTP request, long polls with their wait";
        registry.register("http_request_seconds", help, metrics.latency.clone());
        let help = "Connections refused because as many were open as may be";
        let turned_away = metrics.turned_away.clone();
        registry.register("http_connections_turned_away", help, turned_away);
        metrics
    }

    pub(super) fn answered(
        &self,
        route: &'static str,
        method: &Method,
        status: StatusCode,
        us: u64,
    ) {
        let labels = RequestLabels {
            route,
            method: method_label(method),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
        self.latency
            .get_or_create(&RouteLabel { route })
            .observe(us);
    }

    pub(super) fn turned_away(&self) {
        self.turned_away.inc();
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

/// A caller may send any word as method: those that no route has are one.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

/// A histogram of microseconds.
#[derive(Clone, Debug, Default)]
struct Latency(Arc<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS.len()],
    sum_us: AtomicU64,
}

impl Latency {
    fn observe(&self, us: u64) {
        let mut buckets = BOUNDS.iter().zip(&self.0.counts);
        if let Some((_, count)) = buckets.find(|((bound_us, _), _)| us <= *bound_us) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.0.sum_us.fetch_add(us, Ordering::Relaxed);
    }
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counts = self
            .0
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = BOUNDS
            .iter()
            .map(|(_, bound_s)| *bound_s)
            .zip(counts)
            .collect();
        let total = buckets
            .iter()
            .fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        let sum_s = seconds(self.0.sum_us.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum_s, total, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl prometheus_client::metrics::TypedMetric for Latency {
    const TYPE: MetricType = MetricType::Histogram;
}

/// Decimals are made as text, where no digit gets lost.
fn seconds(us: u64) -> f64 {
    let (whole, rest) = (us.checked_div(1_000_000), us.checked_rem(1_000_000));
    let text = format!(
        "{}.{:06}",
        whole.unwrap_or_default(),
        rest.unwrap_or_default()
    );
    text.parse().unwrap_or_default()
}

/// Upper bounds in microseconds, and the same in seconds for the exporter.
const BOUNDS: [(u64, f64); 13] = [
    (500, 0.000_5),
    (1_000, 0.001),
    (2_500, 0.002_5),
    (5_000, 0.005),
    (10_000, 0.01),
    (25_000, 0.025),
    (50_000, 0.05),
    (100_000, 0.1),
    (250_000, 0.25),
    (1_000_000, 1.0),
    (5_000_000, 5.0),
    (30_000_000, 30.0),
    (u64::MAX, f64::INFINITY),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_printed_as_seconds() {
        let mut registry = Registry::default();
        let metrics = HttpMetrics::register(&mut registry);
        for us in [400, 500, 501, 60_000_000] {
            metrics.answered("/v1", &Method::GET, StatusCode::OK, us);
        }
        metrics.answered(
            "/v1",
            &Method::from_bytes(b"BREW").unwrap(),
            StatusCode::OK,
            1,
        );
        metrics.turned_away();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"http_requests_total{route="/v1",method="GET",status="200"} 4"#,
            r#"http_requests_total{route="/v1",method="other",status="200"} 1"#,
            r#"http_request_seconds_bucket{le="0.0005",route="/v1"} 3"#,
            r#"http_request_seconds_bucket{le="0.001",route="/v1"} 4"#,
            r#"http_request_seconds_bucket{le="+Inf",route="/v1"} 5"#,
            r#"http_request_seconds_sum{route="/v1"} 60.001402"#,
            r"http_connections_turned_away_total 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
