//! A histogram of integers. Prometheus wants decimals: they are made as text, at one place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Integers counted by how large they are; clones count into the same buckets.
#[derive(Clone, Debug)]
pub struct Histogram {
    scale: Scale,
    buckets: Arc<Buckets>,
}

/// What the integers are, and the bounds that they are counted between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Microseconds, told as seconds: from 0.5 ms to 30 s.
    Micros,
    /// Pieces: from 1 to 10000.
    Pieces,
}

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BUCKETS],
    /// What is above the last bound.
    above: AtomicU64,
    sum: AtomicU64,
}

impl Histogram {
    /// An empty one.
    #[must_use]
    pub fn new(scale: Scale) -> Self {
        Self {
            scale,
            buckets: Arc::default(),
        }
    }

    /// Counts `value`, in the unit of the scale.
    pub fn observe(&self, value: u64) {
        let mut places = self.scale.bounds().iter().zip(&self.buckets.counts);
        let place = places.find(|(bound, _)| value <= **bound);
        let count = place.map_or(&self.buckets.above, |(_, count)| count);
        count.fetch_add(1, Ordering::Relaxed);
        self.buckets.sum.fetch_add(value, Ordering::Relaxed);
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let bounds = self
            .scale
            .bounds()
            .iter()
            .map(|bound| self.scale.decimal(*bound));
        let mut buckets: Vec<(f64, u64)> =
            bounds.zip(self.buckets.counts.iter().map(read)).collect();
        buckets.push((f64::INFINITY, read(&self.buckets.above)));
        let total = buckets
            .iter()
            .fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        let sum = self.scale.decimal(read(&self.buckets.sum));
        encoder.encode_histogram::<NoLabelSet>(sum, total, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

impl Scale {
    const fn bounds(self) -> &'static [u64; BUCKETS] {
        match self {
            Self::Micros => &[
                500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
                5_000_000, 30_000_000,
            ],
            Self::Pieces => &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 10_000],
        }
    }

    /// The integer as the exporter tells it: through text, where no digit gets lost on our side.
    fn decimal(self, value: u64) -> f64 {
        let digits = match self {
            Self::Pieces => value.to_string(),
            Self::Micros => {
                let digits = format!("{value:07}");
                let (whole, rest) = digits.split_at(digits.len().saturating_sub(6));
                format!("{whole}.{rest}")
            }
        };
        digits.parse().unwrap_or_default()
    }
}

const BUCKETS: usize = 12;

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    fn told(scale: Scale, values: &[u64]) -> String {
        let histogram = Histogram::new(scale);
        let mut registry = Registry::default();
        registry.register("h", "Help", histogram.clone());
        for value in values {
            histogram.observe(*value);
        }
        crate::telemetry::text(&registry).unwrap()
    }

    #[test]
    fn microseconds_are_told_as_seconds_in_buckets_that_add_up() {
        let text = told(Scale::Micros, &[400, 500, 501, 60_000_000]);
        for line in [
            "h_bucket{le=\"0.0005\"} 2",
            "h_bucket{le=\"0.001\"} 3",
            "h_bucket{le=\"30.0\"} 3",
            "h_bucket{le=\"+Inf\"} 4",
            "h_sum 60.001401",
            "h_count 4",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn pieces_are_told_as_they_are() {
        let text = told(Scale::Pieces, &[1, 3, 20_000]);
        for line in [
            "h_bucket{le=\"1.0\"} 1",
            "h_bucket{le=\"5.0\"} 2",
            "h_sum 20004",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
