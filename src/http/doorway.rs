//! Where connections come in: by TLS or plain, and no more at once than there are places.

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use crate::http::connection::{Connection, Stream, Turn};
use crate::http::metrics::HttpMetrics;

/// A bound listener.
pub struct Doorway {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
    places: Arc<Semaphore>,
    metrics: HttpMetrics,
}

impl Doorway {
    /// Listens on `address` for at most `connections_max` connections at once; who comes when all
    /// places are taken is told 503 and let go.
    ///
    /// # Errors
    ///
    /// [`DoorwayError::PlainNotLoopback`] when tokens would cross a network unencrypted without
    /// the operator having said so; [`DoorwayError::Bind`].
    pub async fn bind(
        address: SocketAddr,
        transport: Transport,
        connections_max: usize,
        metrics: HttpMetrics,
    ) -> Result<Self, DoorwayError> {
        let tls = match transport {
            Transport::Tls(config) => Some(TlsAcceptor::from(config)),
            Transport::Plain { allow_plain } => {
                if !allow_plain && !address.ip().is_loopback() {
                    return Err(DoorwayError::PlainNotLoopback { address });
                }
                None
            }
        };
        let tcp = TcpListener::bind(address)
            .await
            .map_err(|source| DoorwayError::Bind { address, source })?;
        let places = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        Ok(Self {
            tcp,
            tls,
            places,
            metrics,
        })
    }

    /// Where it listens: the port that was given for 0.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    fn let_in(&self, tcp: TcpStream, place: OwnedSemaphorePermit) -> Connection {
        // Answers are small and someone waits for each.
        let _ = tcp.set_nodelay(true);
        let stream = match &self.tls {
            Some(acceptor) => Stream::Handshake(Box::new(acceptor.accept(tcp))),
            None => Stream::Plain(tcp),
        };
        Connection::new(stream, place)
    }

    fn turn_away(&self, tcp: TcpStream) {
        self.metrics.turned_away();
        // Best effort, and never a wait: the room in a new socket's buffer is enough for it.
        if self.tls.is_none()
            && let Ok(mut socket) = tcp.into_std()
        {
            let _ = socket.write_all(FULL);
            let _ = socket.shutdown(Shutdown::Write);
        }
    }
}

impl Listener for Doorway {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok((tcp, peer)) => match Arc::clone(&self.places).try_acquire_owned() {
                    Ok(place) => return (self.let_in(tcp, place), peer),
                    Err(_) => self.turn_away(tcp),
                },
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    // Out of files, most likely: some may be closed soon.
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.address()
    }
}

impl Connected<IncomingStream<'_, Doorway>> for Turn {
    fn connect_info(stream: IncomingStream<'_, Doorway>) -> Self {
        stream.io().turn().clone()
    }
}

/// How octets travel.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Unencrypted.
    Plain {
        /// Whether that may be so beyond loopback.
        allow_plain: bool,
    },
    /// By [`crate::http::tls::server_config`].
    Tls(Arc<rustls::ServerConfig>),
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum DoorwayError {
    /// Tokens would be readable on the way.
    #[error("{address}: plain HTTP beyond loopback needs a certificate or allow_plain = true")]
    PlainNotLoopback {
        /// Where it should have listened.
        address: SocketAddr,
    },
    /// The address is taken or not ours.
    #[error("can't listen on {address}")]
    Bind {
        /// Where it should have listened.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    let kinds = [
        Kind::ConnectionRefused,
        Kind::ConnectionAborted,
        Kind::ConnectionReset,
    ];
    kinds.contains(&error.kind())
}

const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\ncontent-length: 84\r\nretry-after: 5\r\n\
    connection: close\r\n\r\n\
    {\"status\":503,\"code\":\"UNAVAILABLE\",\"message\":\"too many connections; try again soon\"}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_at_the_door_is_as_long_as_it_says() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}\r\n", body.len())),
            "{}",
            body.len()
        );
        assert!(serde_json::from_str::<crate::vend::ProblemJson>(body).is_ok());
    }

    #[tokio::test]
    async fn plain_http_stays_on_loopback_unless_the_operator_says_otherwise() {
        let anywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
        let bind = |address, allow_plain| {
            let metrics = HttpMetrics::default();
            Doorway::bind(address, Transport::Plain { allow_plain }, 1, metrics)
        };
        let refused = bind(anywhere, false).await.err().unwrap();
        assert!(matches!(refused, DoorwayError::PlainNotLoopback { .. }));
        assert!(bind(anywhere, true).await.is_ok());
        assert!(bind("127.0.0.1:0".parse().unwrap(), false).await.is_ok());
        assert!(bind("[::1]:0".parse().unwrap(), false).await.is_ok());
    }
}
