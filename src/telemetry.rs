//! What the gateway tells of itself: log lines to standard error, and numbers for Prometheus.
//!
//! ```text
//! tracing ─► text or JSON ─► stderr        Metrics (small handles) ─► Registry ─► /metrics
//! ```
//! Times are observed as integer microseconds; only the exporter prints decimals. No number of a
//! subscriber, no key and no text of a message ever gets here.

use prometheus_client::registry::Registry;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::places::{LogConfig, LogFormat, LogLevel};
use crate::telemetry::gsup::GsupMetrics;
use crate::telemetry::links::LinkCounters;
use crate::telemetry::purchases::PurchaseMetrics;
use crate::telemetry::storage::StorageMetrics;
use crate::telemetry::ussd::UssdMetrics;

pub mod clock;
pub mod gsup;
pub mod histogram;
pub mod key_log;
pub mod keys;
pub mod links;
pub mod purchases;
pub mod storage;
pub mod ussd;

/// Sends log lines to standard error from now on.
///
/// # Errors
///
/// [`LogStarted`] when that was done before.
pub fn start_log(log: &LogConfig) -> Result<(), LogStarted> {
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let all = tracing_subscriber::registry().with(lines);
    all.with(levels(log.level))
        .try_init()
        .map_err(|_| LogStarted)
}

/// Which lines are written: ours from `level` on. The libraries' own lines are for those who look
/// into a fault of theirs.
fn levels(level: LogLevel) -> Targets {
    let (ours, others) = match level {
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        LogLevel::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::WARN),
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::WARN),
        LogLevel::Trace => (LevelFilter::TRACE, LevelFilter::INFO),
    };
    Targets::new()
        .with_default(others)
        .with_target("svgate", ours)
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
    /// USSD sessions.
    pub ussd: UssdMetrics,
    /// Connections to HLRs.
    pub gsup: GsupMetrics,
}

impl Metrics {
    /// Registers all of them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        Self {
            purchases: PurchaseMetrics::register(registry),
            storage: StorageMetrics::register(registry),
            links: LinkCounters::register(registry),
            ussd: UssdMetrics::register(registry),
            gsup: GsupMetrics::register(registry),
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
    fn the_level_is_ours_and_libraries_speak_only_of_faults() {
        let levels = levels(LogLevel::Debug);
        assert!(levels.would_enable("svgate::serve::commits", &tracing::Level::DEBUG));
        assert!(!levels.would_enable("svgate::serve::commits", &tracing::Level::TRACE));
        assert!(levels.would_enable("sqlx::query", &tracing::Level::WARN));
        assert!(!levels.would_enable("sqlx::query", &tracing::Level::INFO));
    }

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
