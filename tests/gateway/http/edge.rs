//! What every request meets, and what meets a connection.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use svgate::http::doorway::Transport;
use svgate::http::health::{Need, Readiness, Scraped, metrics_router};
use svgate::http::metrics::HttpMetrics;
use svgate::http::terminal_auth::new_token;
use svgate::http::{serve, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fake_books::Failure;
use super::loopback::{
    CONNECTIONS_MAX, assert_problem, doorway, plain, with_gateway, with_gateway_by,
};

#[tokio::test]
async fn who_has_no_credential_of_the_terminal_learns_nothing() {
    with_gateway(async |gateway| {
        let paths = [
            (Method::GET, "/v1/terminals/snack-1/acks"),
            (Method::POST, "/v1/terminals/snack-1/acks/1/accept"),
            (Method::POST, "/v1/terminals/snack-1/acks/1/withdraw"),
            (Method::POST, "/v1/kiosks/snack-1/orders"),
        ];
        for (method, path) in paths {
            let request = || gateway.client.request(method.clone(), gateway.url(path));
            let order = json!({"client_reference": "a", "item": "12"});
            let missing = request().send().await.unwrap();
            assert_eq!(
                missing.headers()["www-authenticate"],
                r#"Bearer realm="svgate""#
            );
            assert_problem(missing, 401, "UNAUTHENTICATED").await;
            let malformed = request().bearer_auth("hunter2").send().await.unwrap();
            let challenge = malformed.headers()["www-authenticate"]
                .to_str()
                .unwrap()
                .to_owned();
            assert!(challenge.contains("invalid_token"));
            assert_problem(malformed, 401, "UNAUTHENTICATED").await;
            let token = new_token(&[8; 32]);
            let others = if path.ends_with("orders") {
                request().json(&order)
            } else {
                request()
            };
            let others = others.bearer_auth(&*token).send().await.unwrap();
            assert_problem(others, 403, "PERMISSION_DENIED").await;
        }
        let unknown = gateway.url("/v1/terminals/nobody/acks");
        let unknown = gateway
            .client
            .get(unknown)
            .bearer_auth(&*gateway.token)
            .send()
            .await;
        assert_problem(unknown.unwrap(), 403, "PERMISSION_DENIED").await;
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_read_is_refused_in_one_shape() {
    with_gateway(async |gateway| {
        for (query, field) in [
            ("after=x", "after"),
            ("after=-1", "after"),
            ("after=99999999999999999999", "after"),
            ("wait=26", "wait"),
            ("wait=", "wait"),
            ("afer=1", "afer"),
            ("after=1&after=2", "after"),
        ] {
            let answer = gateway.poll(query).send().await.unwrap();
            let problem = assert_problem(answer, 400, "INVALID_ARGUMENT").await;
            assert!(
                problem.message.contains(field),
                "{query}: {}",
                problem.message
            );
        }
        for path in [
            "/v1/terminals/snack-1/acks/0/accept",
            "/v1/terminals/snack-1/acks/x/accept",
        ] {
            let answer = gateway.post(path).send().await.unwrap();
            assert_problem(answer, 400, "INVALID_ARGUMENT").await;
        }
        let path = "/v1/terminals/snack-1/acks/1/result";
        let big = gateway
            .post(path)
            .header("content-type", "application/json");
        let big = big.body("x".repeat(4_097)).send().await.unwrap();
        assert_problem(big, 413, "PAYLOAD_TOO_LARGE").await;
        let text = gateway.post(path).body("supplied").send().await.unwrap();
        assert_problem(text, 415, "UNSUPPORTED_MEDIA_TYPE").await;
        let nowhere = gateway.client.get(gateway.url("/v2")).send().await.unwrap();
        assert_problem(nowhere, 404, "NOT_FOUND").await;
        for (method, path, allow) in [
            (Method::POST, "/v1/terminals/snack-1/acks", "GET,HEAD"),
            (Method::GET, "/v1/terminals/snack-1/acks/1/accept", "POST"),
            (Method::TRACE, "/openapi.json", "GET,HEAD"),
            (Method::DELETE, "/healthz", "GET,HEAD"),
        ] {
            let answer = gateway
                .client
                .request(method, gateway.url(path))
                .send()
                .await
                .unwrap();
            assert_eq!(answer.headers()["allow"], allow, "{path}");
            assert_problem(answer, 405, "METHOD_NOT_ALLOWED").await;
        }
    })
    .await;
}

#[tokio::test]
async fn when_the_books_give_no_outcome_the_machine_asks_again() {
    with_gateway(async |gateway| {
        for failure in [Failure::Busy, Failure::Unavailable, Failure::Unknown] {
            gateway.books.rows().failure = Some(failure);
            let order = json!({"client_reference": "a", "item": "12"});
            let answers = [
                gateway
                    .post("/v1/terminals/snack-1/acks/1/accept")
                    .send()
                    .await
                    .unwrap(),
                gateway.order(&order).await,
                gateway.poll("after=0").send().await.unwrap(),
            ];
            for answer in answers {
                let seconds = answer.headers()["retry-after"]
                    .to_str()
                    .unwrap()
                    .parse::<u16>();
                assert!(seconds.is_ok_and(|seconds| (1..=5).contains(&seconds)));
                assert_problem(answer, 503, "UNAVAILABLE").await;
            }
        }
        gateway.books.rows().failure = Some(Failure::Corrupt);
        let answer = gateway.poll("after=0").send().await.unwrap();
        assert_problem(answer, 500, "INTERNAL").await;
    })
    .await;
}

#[tokio::test]
async fn every_answer_has_the_caller_s_correlator_and_the_headers_of_safety() {
    with_gateway(async |gateway| {
        for path in ["/healthz", "/nowhere", "/v1/terminals/snack-1/acks"] {
            let request = gateway
                .client
                .get(gateway.url(path))
                .header("x-correlator", "a-1:{x}");
            let answer = request.send().await.unwrap();
            assert_eq!(answer.headers()["x-correlator"], "a-1:{x}", "{path}");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            assert_eq!(answer.headers()["cache-control"], "no-store");
        }
        for bad in ["a b".to_owned(), "x".repeat(257), "(".to_owned()] {
            let request = gateway
                .client
                .get(gateway.url("/healthz"))
                .header("x-correlator", bad);
            let answer = request.send().await.unwrap();
            assert!(!answer.headers().contains_key("x-correlator"));
            assert_problem(answer, 400, "INVALID_ARGUMENT").await;
        }
    })
    .await;
}

#[tokio::test]
async fn it_is_ready_once_every_need_is_met() {
    with_gateway(async |gateway| {
        let get = async |path: &str| gateway.client.get(gateway.url(path)).send().await.unwrap();
        assert_eq!(get("/healthz").await.status(), StatusCode::OK);
        gateway.readiness.met(Need::Store);
        gateway.readiness.lacking(Need::Binds, "no SMSC is bound");
        let problem = assert_problem(get("/readyz").await, 503, "UNAVAILABLE").await;
        assert_eq!(
            problem.message,
            "binds: no SMSC is bound; disk: not started yet; clock: not started yet"
        );
        for need in [Need::Binds, Need::Disk, Need::Clock] {
            gateway.readiness.met(need);
        }
        assert_eq!(get("/readyz").await.status(), StatusCode::OK);
        let described: Value = get("/openapi.json").await.json().await.unwrap();
        assert!(described["paths"]["/v1/kiosks/{id}/orders"]["post"].is_object());
    })
    .await;
}

#[tokio::test]
async fn a_connection_without_a_place_is_told_so() {
    with_gateway(async |gateway| {
        let mut places = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            let mut socket = TcpStream::connect(gateway.address).await.unwrap();
            // An answer shows that this connection has its place.
            let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
            socket.write_all(request).await.unwrap();
            assert!(socket.read(&mut [0; 1024]).await.unwrap() > 0);
            places.push(socket);
        }
        let mut turned_away = TcpStream::connect(gateway.address).await.unwrap();
        let mut answer = String::new();
        turned_away.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 5"));
        drop(places);
        let mut answered = false;
        for _ in 0..10_000 {
            answered = gateway
                .poll("after=0")
                .send()
                .await
                .is_ok_and(|a| a.status().is_success());
            if answered {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(answered, "a place that became free is given again");
        let counted = gateway.metrics_text();
        assert!(
            counted.contains("http_connections_turned_away_total "),
            "{counted}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    with_gateway(async |gateway| {
        let mut socket = TcpStream::connect(gateway.address).await.unwrap();
        socket
            .write_all(b"GET /healthz HTTP/1.1\r\nx: ")
            .await
            .unwrap();
        let filler = vec![b'x'; 128 * 1024];
        let cut_off = async {
            let written = socket.write_all(&filler).await;
            let read = socket.read(&mut [0; 64]).await;
            assert!(written.is_err() || !read.is_ok_and(|octets| octets > 0));
        };
        // By its size: a slow head would be cut off only later.
        let waited = tokio::time::timeout(Duration::from_secs(5), cut_off).await;
        assert!(waited.is_ok());
    })
    .await;
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_path() {
    with_gateway(async |gateway| {
        gateway.poll("after=0").send().await.unwrap();
        gateway
            .client
            .get(gateway.url("/etc/passwd"))
            .send()
            .await
            .unwrap();
        let text = gateway.metrics_text();
        let route = r#"route="/v1/terminals/{id}/acks",method="GET",status="200"} 1"#;
        assert!(text.contains(route), "{text}");
        assert!(
            text.contains(r#"route="other",method="GET",status="404"} 1"#),
            "{text}"
        );
        assert!(
            !text.contains("passwd") && !text.contains("snack-1"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_counters_have_a_listener_of_their_own() {
    let mut registry = Registry::default();
    let metrics = HttpMetrics::register(&mut registry);
    let doorway = doorway(plain(), metrics).await;
    let address = doorway.address().unwrap();
    let scraped = Scraped {
        registry,
        refresh: Box::new(|| Box::pin(async {})),
    };
    let router = metrics_router(scraped, Readiness::starting());
    let client = Client::builder().no_proxy().build().unwrap();
    let asked = async {
        let answer = client
            .get(format!("http://{address}/metrics"))
            .send()
            .await
            .unwrap();
        let media = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(media.starts_with("application/openmetrics-text"));
        assert!(answer.text().await.unwrap().ends_with("# EOF\n"));
        let answer = client
            .get(format!("http://{address}/v1"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    };
    tokio::select! {
        served = serve(doorway, router, std::future::pending()) => panic!("{served:?}"),
        () = asked => {}
    }
}

#[tokio::test]
async fn the_same_routes_answer_by_tls() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/tls");
    // A key for these tests alone: it is published here, so it is nobody's secret.
    let (cert, key) = (
        folder.join("localhost.pem"),
        folder.join("localhost_key.pem"),
    );
    let transport = Transport::Tls(tls::server_config(&cert, &key).unwrap());
    with_gateway_by(transport, async |gateway| {
        let mut silent = TcpStream::connect(gateway.address).await.unwrap();
        silent.write_all(b"\x16").await.unwrap();
        let connector = trusting(&cert);
        let tcp = TcpStream::connect(gateway.address).await.unwrap();
        let mut stream = connector
            .connect("localhost".try_into().unwrap(), tcp)
            .await
            .unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.ends_with(r#"{"alive":true}"#), "{answer}");
    })
    .await;
}

/// A client that trusts this one certificate.
fn trusting(cert: &Path) -> tokio_rustls::TlsConnector {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(cert).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config).into()
}
