//! A message centre on loopback and a link bound to it.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use svgate::domain::Millis;
use svgate::simulator::smsc::{Smsc, SmscConfig, Submitted};
use svgate::smpp::bind::BindConfig;
use svgate::smpp::link::{Channels, Delivery, Link, LinkStats, Submit, SubmitError};
use svgate::smpp::pdu::{Address, COctetString, CommandStatus, ShortMessage};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

#[path = "tls.rs"]
pub(crate) mod tls;

/// Both sides, and what a gateway would hold of them.
pub(crate) struct Rig {
    pub(crate) smsc: Smsc,
    pub(crate) submitted: mpsc::Receiver<Submitted>,
    pub(crate) stats: Arc<LinkStats>,
    started: Instant,
    deliveries: Option<mpsc::Receiver<Delivery>>,
    submits: Option<mpsc::Sender<Submit>>,
    stop: Option<oneshot::Sender<()>>,
    link: JoinSet<()>,
}

/// A message centre that is quick to come again.
pub(crate) fn options() -> SmscConfig {
    SmscConfig {
        retry_pause_ms: 5,
        tries_max: 1_000,
        ..SmscConfig::default()
    }
}

pub(crate) fn message(text: &str) -> ShortMessage {
    ShortMessage {
        source: Address::international("491700000001"),
        destination: Address::international("4711"),
        short_message: bytes::Bytes::copy_from_slice(text.as_bytes()).into(),
        ..ShortMessage::default()
    }
}

/// Answers every delivery with 0.
pub(crate) fn echo(mut deliveries: mpsc::Receiver<Delivery>) -> JoinSet<()> {
    let mut answering = JoinSet::new();
    answering.spawn(async move {
        while let Some(delivery) = deliveries.recv().await {
            delivery.responder.answer(CommandStatus::ESME_ROK);
        }
    });
    answering
}

impl Rig {
    /// A message centre, and no link yet.
    pub(crate) async fn prepare(smsc: SmscConfig) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one clock of these tests")]
        let started = Instant::now();
        let clock = Arc::new(move || started.elapsed());
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (smsc, submitted) = Smsc::start(smsc, any, clock, 10_000).await.unwrap();
        Self {
            smsc,
            submitted,
            stats: Arc::default(),
            started,
            deliveries: None,
            submits: None,
            stop: None,
            link: JoinSet::new(),
        }
    }

    /// Both sides, bound.
    pub(crate) async fn start(smsc: SmscConfig, adapt: impl FnOnce(&mut BindConfig)) -> Self {
        let mut rig = Self::prepare(smsc).await;
        rig.link(adapt);
        rig.until_bound(1).await;
        rig
    }

    /// Starts the link.
    pub(crate) fn link(&mut self, adapt: impl FnOnce(&mut BindConfig)) {
        let mut config: BindConfig = toml::from_str(&format!(
            "name = 'test'\nhost = '127.0.0.1'\nport = {}\nsystem_id = 'svgate'\n\
             reconnect_min_ms = 20\nreconnect_max_ms = 100\nrequest_timeout_ms = 2000",
            self.smsc.address().port()
        ))
        .unwrap();
        config.password = "secret".to_owned().into();
        adapt(&mut config);
        let link = Link::new(config).unwrap();
        self.stats = link.stats();
        let (to_gateway, deliveries) = mpsc::channel(1_000);
        let (outbox, submits) = mpsc::channel(1_000);
        let (stop, stopped) = oneshot::channel();
        let started = self.started;
        let clock = move || Millis(i64::try_from(started.elapsed().as_millis()).unwrap());
        let channels = Channels {
            deliveries: to_gateway,
            submits,
        };
        self.link.spawn(link.run(channels, clock, 7, async move {
            stopped.await.ok();
        }));
        (self.deliveries, self.submits, self.stop) = (Some(deliveries), Some(outbox), Some(stop));
    }

    pub(crate) async fn until_bound(&self, binds: usize) {
        within(self.smsc.until_bound(binds)).await;
    }

    pub(crate) async fn delivery(&mut self) -> Delivery {
        within(self.deliveries.as_mut().unwrap().recv())
            .await
            .unwrap()
    }

    pub(crate) fn take_deliveries(&mut self) -> mpsc::Receiver<Delivery> {
        self.deliveries.take().unwrap()
    }

    /// Hands a message to the link; the receiver gets its outcome.
    pub(crate) async fn offer(
        &self,
        message: ShortMessage,
    ) -> oneshot::Receiver<Result<COctetString, SubmitError>> {
        let (reply, outcome) = oneshot::channel();
        self.submits
            .as_ref()
            .unwrap()
            .send(Submit { message, reply })
            .await
            .unwrap();
        outcome
    }

    pub(crate) async fn submit(&self, message: ShortMessage) -> Result<COctetString, SubmitError> {
        within(self.offer(message).await).await.unwrap()
    }

    /// The centre may know of a bind before the link does.
    pub(crate) async fn submit_when_bound(&self, message: ShortMessage) {
        let sending = async {
            while self.submit(message.clone()).await == Err(SubmitError::NotBound) {
                tokio::task::yield_now().await;
            }
        };
        within(sending).await;
    }

    pub(crate) fn ask_to_stop(&mut self) {
        self.stop.take();
    }

    /// Stops the link and then the centre; both must come to their end.
    pub(crate) async fn stop(mut self) {
        self.ask_to_stop();
        within(self.link.join_next()).await.unwrap().unwrap();
        self.smsc.stop().await;
    }
}

/// Waits until `condition` holds: other tasks bring that about.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    within(waiting).await;
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it takes too long")
}
