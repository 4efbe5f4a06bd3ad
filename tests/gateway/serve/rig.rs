//! A gateway that serves, its books before and after, a message centre and a machine.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;
use svgate::config::Config;
use svgate::domain::Millis;
use svgate::domain::ids::OutboxId;
use svgate::gateway::member::{Arrival, Content, Member};
use svgate::gateway::record::{self, OutboxRow};
use svgate::http::Surroundings;
use svgate::http::terminal_auth::{new_token, token_sha256};
use svgate::serve::{Addresses, Gateway, ServeError};
use svgate::simulator::smsc::{Delivered, MessageIds, Smsc, SmscConfig, Submitted};
use svgate::smpp::pdu::{Address, ShortMessage};
use svgate::store::Mark;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::fixture::{START, Shop, master, terminal};
use crate::home;

/// How long after the books were stocked the gateway starts, less a quarter of an hour.
pub(crate) const HOURS_LATER_MS: i64 = 7_200_000;

pub(crate) struct Rig {
    pub(crate) smsc: Smsc,
    submitted: mpsc::Receiver<Submitted>,
    folder: TempDir,
    config: Config,
    started: Instant,
    token: String,
    client: Client,
    addresses: Option<Addresses>,
    stop: Option<mpsc::Sender<()>>,
    gateway: JoinSet<Result<(), ServeError>>,
}

impl Rig {
    /// Books of one merchant with one machine and `phones`; a gateway that is bound.
    pub(crate) async fn start(phones: u32, adapt: impl FnOnce(&mut Config)) -> Self {
        let mut rig = Self::before_start(phones, adapt).await;
        rig.serve().await;
        rig
    }

    /// The same, before the gateway starts.
    pub(crate) async fn before_start(phones: u32, adapt: impl FnOnce(&mut Config)) -> Self {
        Self::by_centre(MessageIds::Decimal, phones, adapt).await
    }

    /// The same, with a message centre that writes ids so.
    pub(crate) async fn by_centre(
        message_ids: MessageIds,
        phones: u32,
        adapt: impl FnOnce(&mut Config),
    ) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one clock of these tests")]
        let started = Instant::now();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let centre = SmscConfig {
            retry_pause_ms: 20,
            tries_max: 10_000,
            message_ids,
            ..SmscConfig::default()
        };
        let clock = Arc::new(move || started.elapsed());
        let (smsc, submitted) = Smsc::start(centre, any, clock, 10_000).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "secret\n").unwrap();
        let file = folder.path().join("svgate.toml");
        let store = home::config(&folder.path().join("books.db")).await;
        let text = CONFIG.replace("PORT", &smsc.address().port().to_string());
        let text = text.replace("STORE", &store);
        let mut config = Config::from_text(&file, &text).unwrap_or_else(|e| panic!("{e}"));
        adapt(&mut config);
        let token = new_token(&[7; 32]).to_string();
        let rig = Self {
            smsc,
            submitted,
            folder,
            config,
            started,
            token,
            client: Client::builder().no_proxy().build().unwrap(),
            addresses: None,
            stop: None,
            gateway: JoinSet::new(),
        };
        let shop = rig.books().await;
        shop.stocked(1, phones).await;
        let token = Member::Token {
            terminal: terminal(0),
            token_sha256: token_sha256(&rig.token),
        };
        shop.submit(token).await;
        rig
    }

    /// Starts the gateway and waits until it is bound.
    pub(crate) async fn serve(&mut self) {
        let context = self.config.context(master()).unwrap();
        let started = self.started;
        let now = move || {
            let ms = i64::try_from(started.elapsed().as_millis()).unwrap();
            START.plus_ms(HOURS_LATER_MS + 900_000 + ms)
        };
        let surroundings = Surroundings {
            now: Arc::new(now),
            elapsed_us: Arc::new(move || u64::try_from(started.elapsed().as_micros()).unwrap()),
            random: Arc::new(|| {
                let mut octets = [0; 32];
                getrandom::fill(&mut octets).unwrap();
                Some(octets)
            }),
        };
        let gateway = Gateway::open(self.config.clone(), Arc::new(context), surroundings)
            .await
            .unwrap_or_else(|e| panic!("{e}"));
        self.addresses = Some(gateway.addresses());
        let (stop, stops) = mpsc::channel(2);
        self.stop = Some(stop);
        self.gateway.spawn(gateway.run(stops));
        let port = self.smsc.address().port();
        let binds = self.config.smsc.iter().filter(|bind| bind.port == port);
        within(self.smsc.until_bound(binds.count())).await;
    }

    /// The books, beside the gateway or without it.
    pub(crate) async fn books(&self) -> Shop {
        Shop::open(Some(self.file())).await
    }

    pub(crate) fn enqueue(&self, arrival: &Arrival) -> oneshot::Receiver<Delivered> {
        self.smsc.enqueue(deliver_sm(arrival)).unwrap()
    }

    pub(crate) async fn deliver(&self, arrival: &Arrival) -> Delivered {
        within(self.enqueue(arrival)).await.unwrap()
    }

    pub(crate) async fn next_message(&mut self) -> ShortMessage {
        within(self.submitted.recv()).await.unwrap().message
    }

    /// Messages that came and were not looked at.
    pub(crate) fn messages_so_far(&mut self) -> usize {
        std::iter::from_fn(|| self.submitted.try_recv().ok()).count()
    }

    /// Polls as often as it takes: a writer that is busy forgets a sign of life.
    pub(crate) async fn machine_is_alive(&self) {
        let seen = "select count(*) from terminal where seen_ms >= 1795435200000";
        let polling = async {
            self.acks("after=0").await;
            while home::integer(&self.file(), seen).await == 0 {
                self.acks("after=0").await;
            }
        };
        within(polling).await;
    }

    pub(crate) async fn acks(&self, query: &str) -> Value {
        let url = self.url(&format!("/v1/terminals/machine-0/acks?{query}"));
        let asked = self.client.get(url).bearer_auth(&self.token).send();
        within(asked).await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn post(&self, what: &str, body: &Value) -> Value {
        self.post_to(&format!("/v1/terminals/machine-0/acks/{what}"), body)
            .await
    }

    pub(crate) async fn post_to(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(self.url(path)).bearer_auth(&self.token);
        within(request.json(body).send())
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// What an aggregator is answered to a form.
    pub(crate) async fn ask_form(
        &self,
        aggregator: &str,
        token: &str,
        form: &[(&str, &str)],
    ) -> (u16, String) {
        let escaped = |text: &str| text.replace('+', "%2B").replace('#', "%23");
        let pairs = form
            .iter()
            .map(|(key, value)| format!("{key}={}", escaped(value)));
        let url = self.url(&format!("/v1/ussd/{aggregator}"));
        let request = self.client.post(url).basic_auth(aggregator, Some(token));
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(pairs.collect::<Vec<_>>().join("&"));
        let answer = within(request.send()).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The same of JSON, with a bearer token.
    pub(crate) async fn ask_json(
        &self,
        aggregator: &str,
        token: &str,
        body: &Value,
    ) -> (u16, String) {
        let url = self.url(&format!("/v1/ussd/{aggregator}"));
        let request = self.client.post(url).bearer_auth(token).json(body);
        let answer = within(request.send()).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Stops the gateway in order and starts it again.
    pub(crate) async fn restart(&mut self) {
        self.ask_to_stop().await;
        self.ended().await.unwrap_or_else(|e| panic!("{e}"));
        self.serve().await;
    }

    pub(crate) async fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.addresses.unwrap().metrics);
        let answer = within(self.client.get(url).send()).await.unwrap();
        answer.text().await.unwrap()
    }

    /// Cuts the connection of the only bind, and waits until the gateway is bound by another.
    pub(crate) async fn is_bound_anew(&self) {
        self.smsc.disconnect_all();
        let again = async {
            while !self
                .metrics()
                .await
                .contains("smpp_binds_total{smsc=\"smsc-1\"} 2")
            {
                tokio::task::yield_now().await;
            }
            self.smsc.until_bound(1).await;
        };
        within(again).await;
    }

    pub(crate) async fn ready(&self) -> (u16, String) {
        let url = format!("http://{}/readyz", self.addresses.unwrap().metrics);
        let answer = within(self.client.get(url).send()).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Keeps the writer from writing.
    pub(crate) async fn lock_books(&self) -> home::Lock {
        home::lock(&self.file()).await
    }

    pub(crate) async fn ask_to_stop(&self) {
        self.stop.as_ref().unwrap().send(()).await.unwrap();
    }

    /// How the gateway ended.
    pub(crate) async fn ended(&mut self) -> Result<(), ServeError> {
        within(self.gateway.join_next()).await.unwrap().unwrap()
    }

    /// Stops the gateway in order; the books that it left.
    pub(crate) async fn stop(mut self) -> Shop {
        self.ask_to_stop().await;
        self.ended().await.unwrap_or_else(|e| panic!("{e}"));
        let shop = self.books().await;
        // An open file needs its folder no longer than the test lives.
        std::mem::forget(self.folder);
        shop
    }

    /// One text that the books hold.
    pub(crate) async fn text_of_books(&self, sql: &'static str) -> String {
        home::texts(&self.file(), sql).await.remove(0)
    }

    /// The mark outside of the books.
    pub(crate) fn mark(&self) -> Mark {
        Mark::read(&self.config.store.mark_file).unwrap().unwrap()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("books.db")
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addresses.unwrap().http)
    }
}

/// What a phone sent, as the message centre delivers it.
pub(crate) fn deliver_sm(arrival: &Arrival) -> ShortMessage {
    let plain = ShortMessage {
        source: Address::international(arrival.sender.unwrap().expose_digits()),
        destination: Address {
            ton: 0,
            npi: 1,
            value: arrival.service.as_ref().to_owned().into(),
        },
        short_message: arrival.received.clone().into(),
        ..ShortMessage::default()
    };
    match &arrival.content {
        Content::Secured(packet) => ShortMessage {
            esm_class: 0x40,
            protocol_id: 0x7F,
            data_coding: 0xF6,
            short_message: bytes::Bytes::from([&[2, 0x70, 0], packet.as_ref()].concat()).into(),
            ..plain
        },
        Content::Text(_) | Content::Part { .. } | Content::Ussd(_) | Content::Unreadable => plain,
    }
}

/// A message as a phone reads it.
pub(crate) fn message_of(message: &ShortMessage) -> OutboxRow {
    OutboxRow {
        id: OutboxId(0),
        purchase: None,
        smsc: "smsc-1".into(),
        from: "7788".into(),
        to: message
            .destination
            .value
            .as_text()
            .unwrap()
            .parse()
            .unwrap(),
        message: record::ShortMessage {
            udhi: message.esm_class & 0x40 != 0,
            protocol_id: message.protocol_id,
            data_coding: message.data_coding,
            user_data: message.short_message.0.clone(),
        },
        created: Millis(0),
        expires: Millis(0),
        node: Some(0),
        asks: None,
    }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("it takes too long")
}

impl Shop {
    pub(super) async fn parked_causes(&self) -> Vec<String> {
        let sql = "select parked from outbox where parked is not null order by outbox_id";
        home::texts(self.path.as_deref().unwrap(), sql).await
    }
}

const CONFIG: &str = r#"
[node]
id = 0
[store]
STORE
[keys.orders]
kic = "12"
kid = "12"
cc_octets = 8
spi1_min = "16"
tar = "b2f001"
[keys.confirmations]
kic = "12"
kid = "12"
cc_octets = 8
spi1_min = "16"
tar = "b2f002"
[[smsc]]
name = "smsc-1"
host = "127.0.0.1"
port = PORT
system_id = "svgate"
password_file = "password"
originator = "trusted"
request_timeout_ms = 300
reconnect_min_ms = 20
reconnect_max_ms = 100
[http]
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
[purchase]
order_take_within_ms = 200
cooling_off_s = 0
reply_within_s = 3600
[[class]]
name = "standard"
plain_cap = { EUR = "10.00" }
[[tax]]
code = "standard"
rate_percent = "19.00"
[[fee]]
currency = "EUR"
amount = "0.10"
"#;
