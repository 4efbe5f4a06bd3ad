//! What the gateway tells of itself: log lines to standard error, and numbers for Prometheus.
//!
//! ```text
//! tracing ─► text or JSON ─► stderr        Metrics (small handles) ─► Registry ─► /metrics
//! ```
//! Times are observed as integer microseconds; only the exporter prints decimals. No number of a
//! subscriber, no key and no text of a message ever gets here.

use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

use crate::config::places::{LogConfig, LogFormat, LogLevel};
use crate::telemetry::links::LinkCounters;
use crate::telemetry::purchases::PurchaseMetrics;
use crate::telemetry::storage::StorageMetrics;

pub mod clock;
pub mod histogram;
pub mod links;
pub mod purchases;
pub mod storage;

/// Sends log lines to standard error from now on.
///
/// # Errors
///
/// [`LogStarted`] when that was done before.
pub fn start_log(log: &LogConfig) -> Result<(), LogStarted> {
    let level = match log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    // The libraries' own lines are for those who look into a fault of theirs.
    let others = match log.level {
        LogLevel::Trace => "info",
        LogLevel::Error => "error",
        LogLevel::Warn | LogLevel::Info | LogLevel::Debug => "warn",
    };
    let lines = tracing_subscriber::fmt()
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_env_filter(EnvFilter::new(format!("{others},svgate={level}")))
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| LogStarted)
}

/// The log was started twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log was started before")]
pub struct LogStarted;

/// Handles for everybody who counts; clones count into the same numbers.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Orders and purchases.
    pub purchases: PurchaseMetrics,
    /// The writer, the books and what leaves them.
    pub storage: StorageMetrics,
    /// Binds.
    pub links: LinkCounters,
}

impl Metrics {
    /// Registers all of them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            purchases: PurchaseMetrics::register(registry),
            storage: StorageMetrics::register(registry),
            links: LinkCounters::register(registry),
        }
    }
}

/// An empty registry; every name in it begins with `svgate_`.
#[must_use]
pub fn registry() -> Registry {
    Registry::with_prefix("svgate")
}

/// What `/metrics` answers: `OpenMetrics` text 1.0, of the type [`CONTENT_TYPE`].
///
/// # Errors
///
/// When a number can't be written, which no number here can't.
pub fn text(registry: &Registry) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry)?;
    Ok(text)
}

/// The type of [`text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_begins_with_the_programs() {
        let mut registry = registry();
        let metrics = Metrics::register(&mut registry);
        metrics.storage.committed(1, 1_500);
        let text = text(&registry).unwrap();
        let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        assert!(names.clone().count() > 8, "{text}");
        assert!(
            names.clone().all(|name| name.starts_with("svgate_")),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"));
    }
}
