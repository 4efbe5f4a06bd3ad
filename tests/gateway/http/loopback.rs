//! A gateway that listens, and a client with the token of its one terminal.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus_client::registry::Registry;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use svgate::domain::Millis;
use svgate::domain::ids::TerminalId;
use svgate::http::aggregators::Aggregators;
use svgate::http::doorway::{Doorway, Transport};
use svgate::http::health::Readiness;
use svgate::http::metrics::HttpMetrics;
use svgate::http::terminal_auth::{new_token, token_sha256};
use svgate::http::wakes::Wakes;
use svgate::http::{HttpSettings, HttpState, Surroundings, router, serve};
use svgate::vend::ProblemJson;
use tokio::sync::oneshot;

use super::fake_books::FakeBooks;

/// Checks status, shape and code, and returns the rest.
pub(super) async fn assert_problem(answer: Response, status: u16, code: &str) -> ProblemJson {
    assert_eq!(answer.status().as_u16(), status);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let problem: ProblemJson = answer.json().await.unwrap();
    assert_eq!((problem.status, problem.code.as_str()), (status, code));
    assert!(!problem.message.is_empty());
    problem
}

/// A gateway that listens, and a client with the token of its one terminal.
pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    pub(super) books: FakeBooks,
    pub(super) wakes: Wakes,
    pub(super) readiness: Readiness,
    pub(super) clock: Arc<AtomicI64>,
    pub(super) registry: Registry,
    pub(super) client: Client,
    pub(super) token: String,
    pub(super) stop: Mutex<Option<oneshot::Sender<()>>>,
}

impl Gateway {
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn poll(&self, query: &str) -> RequestBuilder {
        let url = self.url(&format!("/v1/terminals/snack-1/acks?{query}"));
        self.client.get(url).bearer_auth(&self.token)
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path)).bearer_auth(&self.token)
    }

    pub(super) async fn report(&self, ack: i64, report: &Value) -> Response {
        let path = format!("/v1/terminals/snack-1/acks/{ack}/result");
        self.post(&path).json(report).send().await.unwrap()
    }

    pub(super) async fn order(&self, order: &Value) -> Response {
        self.post("/v1/kiosks/snack-1/orders")
            .json(order)
            .send()
            .await
            .unwrap()
    }

    pub(super) fn metrics_text(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

pub(super) async fn with_gateway(test: impl AsyncFnOnce(Gateway)) {
    with_gateway_by(plain(), test).await;
}

/// Serves beside the test; when the test ends the gateway, it must come to its end.
pub(super) async fn with_gateway_by(transport: Transport, test: impl AsyncFnOnce(Gateway)) {
    let mut registry = Registry::default();
    let metrics = HttpMetrics::register(&mut registry);
    let doorway = doorway(transport, metrics.clone()).await;
    let token = new_token(&[7; 32]).to_string();
    let books = FakeBooks::new(token_sha256(&token));
    let (wakes, readiness) = (Wakes::new(WAITERS_MAX), Readiness::starting());
    let clock = Arc::new(AtomicI64::new(NOW.0));
    let (stop, stopped) = oneshot::channel::<()>();
    let gateway = Gateway {
        address: doorway.address().unwrap(),
        books: books.clone(),
        wakes: wakes.clone(),
        readiness: readiness.clone(),
        clock: clock.clone(),
        registry,
        client: Client::builder().no_proxy().build().unwrap(),
        token,
        stop: Mutex::new(Some(stop)),
    };
    let draws = AtomicUsize::new(0);
    let surroundings = Surroundings {
        now: Arc::new(move || Millis(clock.load(Ordering::SeqCst))),
        elapsed_us: Arc::new(|| 0),
        random: Arc::new(move || {
            let draw = draws.fetch_add(1, Ordering::SeqCst);
            Some(token_sha256(&draw.to_string()))
        }),
    };
    let settings = HttpSettings {
        alive_s: 60,
        accept_within_s: 15,
    };
    let state = HttpState::new(
        books,
        wakes.clone(),
        readiness,
        metrics,
        surroundings,
        settings,
    );
    let signal = wakes.close_after(async {
        // The test's end drops the sender.
        let _ = stopped.await;
    });
    let served = serve(
        doorway,
        router(state, Aggregators::default()).unwrap(),
        signal,
    );
    let both = async { tokio::join!(served, test(gateway)) };
    let (served, ()) = tokio::time::timeout(Duration::from_mins(1), both)
        .await
        .unwrap();
    served.unwrap();
}

pub(super) fn plain() -> Transport {
    Transport::Plain { allow_plain: false }
}

pub(super) async fn doorway(transport: Transport, metrics: HttpMetrics) -> Doorway {
    let address = "127.0.0.1:0".parse().unwrap();
    Doorway::bind(address, transport, CONNECTIONS_MAX, metrics)
        .await
        .unwrap()
}

pub(super) fn terminal() -> TerminalId {
    "snack-1".parse().unwrap()
}

pub(super) const NOW: Millis = Millis(1_800_000_000_000);
pub(super) const WAITERS_MAX: usize = 3;
pub(super) const CONNECTIONS_MAX: usize = 8;
