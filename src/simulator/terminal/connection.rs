//! One HTTP/1.1 connection of a machine: kept open, opened again when it broke.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

/// A connection that carries one credential.
pub struct Connection {
    gateway: SocketAddr,
    authorization: String,
    open: Option<Open>,
}

/// What the gateway answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, at most 1 MiB.
    pub body: Bytes,
}

/// There was no whole answer: the request may have been carried out or not.
#[derive(Debug, thiserror::Error)]
#[error("the gateway did not answer: {0}")]
pub struct NoAnswer(String);

impl Connection {
    /// A connection that is opened by the first request.
    #[must_use]
    pub fn new(gateway: SocketAddr, token: &str) -> Self {
        Self {
            gateway,
            authorization: format!("Bearer {token}"),
            open: None,
        }
    }

    /// `GET path`, with headers of the machine's own.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`]; the connection is opened again for the next request.
    pub async fn get(
        &mut self,
        path: &str,
        headers: &[(&'static str, String)],
        within: Duration,
    ) -> Result<Answer, NoAnswer> {
        let request = headers
            .iter()
            .fold(self.request(Method::GET, path), |request, (name, value)| {
                request.header(*name, value)
            });
        let request = request.body(Full::default()).map_err(said)?;
        self.send(request, within).await
    }

    /// `POST path` with a JSON body.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub async fn post(
        &mut self,
        path: &str,
        body: &impl Serialize,
        within: Duration,
    ) -> Result<Answer, NoAnswer> {
        let body = serde_json::to_vec(body).map_err(said)?;
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(said)?;
        self.send(request, within).await
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.gateway.to_string())
            .header(header::AUTHORIZATION, &self.authorization)
    }

    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Answer, NoAnswer> {
        let answer = tokio::time::timeout(within, self.exchange(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(NoAnswer("time is over".to_owned())));
        if answer.is_err() {
            self.open = None;
        }
        answer
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let open = match self.open.take().filter(|open| !open.sender.is_closed()) {
            Some(open) => self.open.insert(open),
            None => self.open.insert(Open::to(self.gateway).await?),
        };
        let Open { sender, driver } = open;
        let exchange = async {
            sender.ready().await.map_err(said)?;
            let response = sender.send_request(request).await.map_err(said)?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), BODY_MAX).collect().await;
            let body = body.map_err(said)?.to_bytes();
            Ok(Answer { status, body })
        };
        tokio::select! {
            biased;
            answer = exchange => answer,
            ended = driver => Err(match ended {
                Ok(()) => NoAnswer("the connection was closed".to_owned()),
                Err(error) => said(error),
            }),
        }
    }
}

/// An open connection. Nobody reads it between two requests: that it was closed meanwhile shows
/// with the next one.
struct Open {
    sender: SendRequest<Full<Bytes>>,
    driver: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
}

impl Open {
    async fn to(gateway: SocketAddr) -> Result<Self, NoAnswer> {
        let tcp = TcpStream::connect(gateway).await.map_err(said)?;
        tcp.set_nodelay(true).map_err(said)?;
        let (sender, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(said)?;
        Ok(Self {
            sender,
            driver: Box::pin(connection),
        })
    }
}

fn said(error: impl std::fmt::Display) -> NoAnswer {
    NoAnswer(error.to_string())
}

/// More than the longest list of acks takes.
const BODY_MAX: usize = 1024 * 1024;
