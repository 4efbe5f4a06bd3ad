//! What terminals, kiosks, aggregators and those who watch ask by HTTP.
//!
//! ```text
//! Doorway (places, TLS, slow callers) ─► router ─► around (correlator, headers, counters)
//!     ├─ /v1/terminals/{id}/acks …   terminals ─► Books          Wakes ◄─ each commit
//!     ├─ /v1/kiosks/{id}/orders      kiosk     ─► Books
//!     ├─ /v1/ussd/{aggregator}       aggregators ─► desk
//!     └─ /healthz /readyz /openapi.json
//! ```
//! No number of a subscriber is ever in a request or an answer here but an aggregator's, and neither
//! number nor token in a log.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::domain::Millis;
use crate::gateway::books::Books;
use crate::http::aggregators::Aggregators;
use crate::http::boots::Boots;
use crate::http::connection::Turn;
use crate::http::doorway::Doorway;
use crate::http::health::Readiness;
use crate::http::metrics::HttpMetrics;
use crate::http::problem::Problem;
use crate::http::wakes::Wakes;

pub mod aggregators;
mod body;
mod boots;
mod connection;
pub mod doorway;
pub mod health;
mod kiosk;
pub mod metrics;
pub mod openapi;
mod problem;
mod report;
pub mod terminal_auth;
mod terminals;
pub mod tls;
pub mod wakes;

/// What the routes need.
#[derive(Debug)]
pub struct HttpState<B> {
    books: B,
    wakes: Wakes,
    readiness: Readiness,
    metrics: HttpMetrics,
    surroundings: Surroundings,
    settings: HttpSettings,
    boots: Boots,
}

impl<B: Books> HttpState<B> {
    /// The state of a router. `wakes` is rung by each commit, `readiness` kept by who starts the
    /// parts.
    #[must_use]
    pub fn new(
        books: B,
        wakes: Wakes,
        readiness: Readiness,
        metrics: HttpMetrics,
        surroundings: Surroundings,
        settings: HttpSettings,
    ) -> Self {
        Self {
            books,
            wakes,
            readiness,
            metrics,
            surroundings,
            settings,
            boots: Boots::default(),
        }
    }
}

/// Rules that the routes share with the books.
#[derive(Clone, Copy, Debug)]
pub struct HttpSettings {
    /// How long a terminal may be silent before it counts as dead.
    pub alive_s: u32,
    /// How long a terminal may take to accept an ack.
    pub accept_within_s: u32,
}

/// Time and chance, from the one place that reads them.
#[derive(Clone)]
pub struct Surroundings {
    /// The time of day.
    pub now: Arc<dyn Fn() -> Millis + Send + Sync>,
    /// Microseconds on a clock that never goes back.
    pub elapsed_us: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Octets that nobody can foretell; none when the system has none to give.
    pub random: Arc<dyn Fn() -> Option<[u8; 32]> + Send + Sync>,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Surroundings")
    }
}

/// Every route for terminals, kiosks, aggregators and health.
///
/// # Errors
///
/// When the API's description can't be written, which a test shows not to happen.
pub fn router<B: Books>(
    state: HttpState<B>,
    aggregators: Aggregators,
) -> Result<Router, serde_json::Error> {
    let readiness = state.readiness.clone();
    let state = Arc::new(state);
    let routes = Router::new()
        .route("/v1/terminals/{id}/acks", get(terminals::acks::<B>))
        .route(
            "/v1/terminals/{id}/acks/{n}/accept",
            post(terminals::accept::<B>),
        )
        .route(
            "/v1/terminals/{id}/acks/{n}/withdraw",
            post(terminals::withdraw::<B>),
        )
        .route(
            "/v1/terminals/{id}/acks/{n}/result",
            post(terminals::result::<B>),
        )
        .route("/v1/kiosks/{id}/orders", post(kiosk::order::<B>))
        .with_state(Arc::clone(&state))
        .merge(aggregators.routes())
        .merge(health::routes(readiness))
        .merge(openapi::routes()?)
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(body::BODY_MAX))
        .layer(middleware::from_fn_with_state(state, around::<B>));
    Ok(routes)
}

/// Serves until `shutdown`, then finishes what is under way; what takes longer than 15 s
/// is cut off. Long polls end at once when `shutdown` is
/// [`Wakes::close_after`] of the real signal.
///
/// # Errors
///
/// What the listener says.
pub async fn serve(
    doorway: Doorway,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let signal = async move {
        shutdown.await;
        drop(stopping);
    };
    let make = router.into_make_service_with_connect_info::<Turn>();
    let served = axum::serve(doorway, make)
        .with_graceful_shutdown(signal)
        .into_future();
    let overdue = async {
        // Dropping the sender is the message.
        let _ = stopped.await;
        tokio::time::sleep(DRAIN_WITHIN).await;
    };
    tokio::select! {
        served = served => served,
        () = overdue => {
            tracing::warn!("connections were still open at the end");
            Ok(())
        }
    }
}

/// What every request meets, whatever its route.
async fn around<B: Books>(
    State(http): State<Arc<HttpState<B>>>,
    request: Request,
    next: Next,
) -> Response {
    let began_us = (http.surroundings.elapsed_us)();
    if let Some(ConnectInfo(turn)) = request.extensions().get::<ConnectInfo<Turn>>() {
        turn.serving();
    }
    let method = request.method().clone();
    let route = route_label(request.extensions().get::<MatchedPath>());
    let correlator = correlator(request.headers());
    let mut response = match &correlator {
        Ok(_) => next.run(request).await,
        Err(problem) => problem.clone().into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in &SECURITY_HEADERS {
        headers.insert(name, value.clone());
    }
    if let Ok(Some(correlator)) = correlator {
        headers.insert(CORRELATOR, correlator);
    }
    let us = (http.surroundings.elapsed_us)().saturating_sub(began_us);
    http.metrics.answered(route, &method, response.status(), us);
    response
}

/// CAMARA's `x-correlator`: what a caller sends to find its request again comes back as it is.
fn correlator(headers: &HeaderMap) -> Result<Option<HeaderValue>, Problem> {
    let Some(value) = headers.get(CORRELATOR) else {
        return Ok(None);
    };
    let in_alphabet = |b: &u8| b.is_ascii_alphanumeric() || b"-_:;./<>{}".contains(b);
    if value.len() > CORRELATOR_MAX || !value.as_bytes().iter().all(in_alphabet) {
        let message = "x-correlator: at most 256 of A-Z a-z 0-9 - _ : ; . / < > { }";
        return Err(Problem::invalid(message));
    }
    Ok(Some(value.clone()))
}

/// The route as counters name it: a path that does not exist must not make a counter.
fn route_label(matched: Option<&MatchedPath>) -> &'static str {
    let matched = matched.map(MatchedPath::as_str);
    let known = ROUTES.iter().find(|route| Some(**route) == matched);
    known.copied().unwrap_or("other")
}

async fn no_such_path() -> Problem {
    Problem::not_found("path")
}

async fn no_such_method() -> Problem {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Problem::new(status, "METHOD_NOT_ALLOWED", "no such method here")
}

const ROUTES: [&str; 9] = [
    "/v1/terminals/{id}/acks",
    "/v1/terminals/{id}/acks/{n}/accept",
    "/v1/terminals/{id}/acks/{n}/withdraw",
    "/v1/terminals/{id}/acks/{n}/result",
    "/v1/kiosks/{id}/orders",
    aggregators::ROUTE,
    "/healthz",
    "/readyz",
    "/openapi.json",
];
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];
const CORRELATOR: HeaderName = HeaderName::from_static("x-correlator");
/// CAMARA Commonalities 0.6.
const CORRELATOR_MAX: usize = 256;
/// Longer than any commit; shorter than a service manager waits before it kills.
const DRAIN_WITHIN: Duration = Duration::from_secs(15);
