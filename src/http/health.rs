//! Whether the process lives, whether it can take orders, and what it counts.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::registry::Registry;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi::NotReady;
use crate::http::problem::Problem;

/// What the gateway needs to take orders; a clone is the same value.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<BTreeMap<Need, String>>>);

impl Readiness {
    /// Nothing is ready yet.
    #[must_use]
    pub fn starting() -> Self {
        let needs = [Need::Store, Need::Binds, Need::Disk, Need::Clock];
        let missing = needs.map(|need| (need, "not started yet".to_owned()));
        Self(Arc::new(Mutex::new(missing.into())))
    }

    /// The need is met.
    pub fn met(&self, need: Need) {
        self.missing().remove(&need);
    }

    /// The need is not met; the reason is shown to whoever asks, so it holds no secret.
    pub fn lacking(&self, need: Need, reason: impl Into<String>) {
        self.missing().insert(need, reason.into());
    }

    /// What is lacking, as one line each; empty when orders can be taken.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let lines = |(need, reason): (&Need, &String)| format!("{}: {reason}", need.name());
        self.missing().iter().map(lines).collect()
    }

    fn missing(&self) -> std::sync::MutexGuard<'_, BTreeMap<Need, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thing without which no order can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The database takes commits.
    Store,
    /// At least one SMSC is bound.
    Binds,
    /// There is room for the log of the database and for exports.
    Disk,
    /// The time of day goes as fast as time does.
    Clock,
    /// The time of day is that of the other nodes, where there are any.
    Peers,
    /// The token gives keys, where they are in one.
    Keys,
}

impl Need {
    const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Binds => "binds",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Peers => "peers",
            Self::Keys => "keys",
        }
    }
}

/// What `/metrics` tells.
pub struct Scraped {
    /// Everything that is counted.
    pub registry: Registry,
    /// Reads what stands elsewhere and is told as it is when someone asks; within a bound of its own.
    pub refresh: Refresh,
}

/// Brings numbers up to date.
pub type Refresh = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The listener for those who watch: `/metrics`, `/healthz` and `/readyz`. It has no credential, so
/// it belongs on a network of the operator's own.
pub fn metrics_router(scraped: Scraped, readiness: Readiness) -> Router {
    let metrics = Router::new()
        .route("/metrics", get(metrics))
        .with_state(Arc::new(scraped));
    metrics
        .merge(routes(readiness))
        .fallback(super::no_such_path)
        .method_not_allowed_fallback(super::no_such_method)
}

pub(super) fn routes(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

/// That the process lives.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct HealthJson {
    /// Always true: who does not live does not answer.
    #[schema(example = true)]
    alive: bool,
}

/// That orders can be taken.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ReadyJson {
    /// Always true: else the answer is 503.
    #[schema(example = true)]
    ready: bool,
}

/// The process lives.
#[utoipa::path(
    get, path = "/healthz", tag = "operation", operation_id = "healthz",
    responses((status = 200, description = "It lives", body = HealthJson)),
)]
pub(super) async fn healthz() -> Json<HealthJson> {
    Json(HealthJson { alive: true })
}

/// Whether orders can be taken: store, binds and disk.
#[utoipa::path(
    get, path = "/readyz", tag = "operation", operation_id = "readyz",
    responses((status = 200, description = "Orders can be taken", body = ReadyJson), NotReady),
)]
pub(super) async fn readyz(State(readiness): State<Readiness>) -> Result<Json<ReadyJson>, Problem> {
    let reasons = readiness.reasons();
    if reasons.is_empty() {
        Ok(Json(ReadyJson { ready: true }))
    } else {
        Err(Problem::unavailable(&reasons.join("; "), NOT_READY_RETRY_S))
    }
}

async fn metrics(State(scraped): State<Arc<Scraped>>) -> Response {
    (scraped.refresh)().await;
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &scraped.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `OpenMetrics` 1.0, which Prometheus asks for first.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What load balancers wait between two looks.
const NOT_READY_RETRY_S: u16 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_nothing_is_lacking() {
        let readiness = Readiness::starting();
        assert_eq!(readiness.reasons().len(), 4);
        for need in [Need::Store, Need::Binds, Need::Disk, Need::Clock] {
            readiness.met(need);
        }
        assert!(readiness.reasons().is_empty());
        readiness
            .clone()
            .lacking(Need::Disk, "less than 1 GiB is free");
        assert_eq!(readiness.reasons(), ["disk: less than 1 GiB is free"]);
    }
}
