//! The running gateway: the one place that starts tasks, and ends them all.
//!
//! ```text
//! SMSC ◄─► link ─► deliveries ─┐                 ┌─► outbox ─► links
//!                              ├─► Books ─commit─┼─► timers ─► Books
//! terminals, kiosks ─► http ───┘     │           ├─► wakes ──► http
//!                                  writer        └─► journal
//! stop: closing (0x14, polls end) ─► draining (messages leave) ─► unbinding ─► writer ends
//! ```
//! A task that ends before it was asked to ends the process: a gateway that is half there takes
//! orders that it can't carry out.

mod asking;
mod carriers;
mod commits;
mod deliveries;
mod error;
mod figures;
mod health;
mod keys;
mod links;
mod mark;
mod outbox;
mod peers;
mod place;
mod reach;
mod running;
mod steady;
mod stop;
mod timers;
mod tray;
mod ussd;
mod watched;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::config::smsc::SmscConfig;
use crate::config::ussd::Ussd;
use crate::domain::Millis;
use crate::gateway::books::StoreError;
use crate::gateway::context::Context;
use crate::gateway::deadlines::{DeadlineLimits, Deadlines};
use crate::gateway::upkeep::Upkeep as _;
use crate::http::aggregators::Aggregators;
use crate::http::doorway::{Doorway, Transport};
use crate::http::health::{Readiness, Scraped, metrics_router};
use crate::http::metrics::HttpMetrics;
use crate::http::wakes::Wakes;
use crate::http::{HttpSettings, HttpState, Surroundings};
use crate::serve::asking::Ask;
use crate::serve::carriers::Carriers;
use crate::serve::commits::{Commits, keep_journal};
use crate::serve::figures::Figures;
use crate::serve::links::{Bind, Binds, Started};
use crate::serve::mark::Marking;
use crate::serve::outbox::{Outbox, Way};
use crate::serve::reach::{SmscReach, keep_reach};
use crate::serve::running::{Part, Running, Stage, ending};
use crate::serve::steady::Steady;
use crate::serve::timers::{Timers, claim_messages, keep_house};
use crate::serve::ussd::Desks;
use crate::serve::watched::{Pulse, Watched};
use crate::store::{Store, StoreOptions, Writer};
use crate::telemetry::keys::TokenMetrics;
use crate::telemetry::{self, Metrics};
use crate::token::Token;

pub use self::error::ServeError;
pub use self::place::place_of;
pub use self::stop::{Signals, Stops};

/// A gateway that listens and has opened its books; [`Self::run`] lets it work.
pub struct Gateway {
    config: Config,
    surroundings: Surroundings,
    context: Arc<Context>,
    ussd: Ussd,
    store: Store,
    writer: Writer,
    last_commit: Option<Millis>,
    commits: Commits,
    mark: Marking,
    wakes: Wakes,
    readiness: Readiness,
    metrics: Metrics,
    http_metrics: HttpMetrics,
    registry: Registry,
    token: Option<Token>,
    binds: Vec<(Bind, SmscReach)>,
    reaches: Vec<SmscReach>,
    doorway: Doorway,
    metrics_doorway: Doorway,
    addresses: Addresses,
}

/// Where a gateway listens: the ports that were given for 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Terminals and kiosks.
    pub http: SocketAddr,
    /// Prometheus.
    pub metrics: SocketAddr,
}

impl Gateway {
    /// Opens the books, reads what every bind needs, and listens. Nothing is taken yet.
    ///
    /// # Errors
    ///
    /// [`ServeError`] names what an operator must mend.
    pub async fn open(
        config: Config,
        context: Arc<Context>,
        surroundings: Surroundings,
    ) -> Result<Self, ServeError> {
        let mut registry = telemetry::registry();
        let metrics = Metrics::register(&mut registry);
        let http_metrics = HttpMetrics::register(&mut registry);
        let binds = config.smsc.iter().map(Bind::prepare);
        let binds = binds.collect::<Result<Vec<_>, _>>()?;
        let wakes = Wakes::new(config.http.waiters_max);
        let readiness = Readiness::starting();
        let commits = Commits::new(wakes.clone(), metrics.clone(), readiness.clone());
        let options = StoreOptions {
            place: place_of(&config.store)?,
            node: config.node.id,
        };
        let clock = Arc::clone(&surroundings.now);
        let on_commit = commits.on_commit();
        let ussd = config.ussd()?;
        let opened = Store::open_to_serve(&options, Arc::clone(&context), clock, on_commit);
        let (store, writer) = opened.await?;
        let mark = Marking::begin(&store, &options, &config, &commits).await?;
        let writer = writer.watched(commits.watch(Arc::clone(&surroundings.elapsed_us)));
        let last_commit = store.last_commit().await?;
        let mut reaches = BTreeMap::new();
        for bind in &binds {
            let smsc = bind.smsc();
            let reach = SmscReach::new(Arc::clone(&smsc), store.reach(&smsc).await?);
            reaches.entry(smsc).or_insert(reach);
        }
        let reached = |bind: Bind| {
            reaches
                .get(&bind.smsc())
                .cloned()
                .map(|reach| (bind, reach))
        };
        let binds = binds.into_iter().filter_map(reached).collect();
        let (doorway, metrics_doorway) = doorways(&config, &http_metrics).await?;
        let addresses = Addresses {
            http: doorway.address().map_err(ServeError::System)?,
            metrics: metrics_doorway.address().map_err(ServeError::System)?,
        };
        Ok(Self {
            config,
            surroundings,
            context,
            ussd,
            store,
            writer,
            last_commit,
            commits,
            mark,
            wakes,
            readiness,
            metrics,
            http_metrics,
            registry,
            token: None,
            binds,
            reaches: reaches.into_values().collect(),
            doorway,
            metrics_doorway,
            addresses,
        })
    }

    /// The same, watching over the token that its keys come from.
    #[must_use]
    pub fn with_token(mut self, token: Option<Token>) -> Self {
        self.token = token;
        self
    }

    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until `stops` asks for the end, and then finishes what was begun; asked again it
    /// ends at once.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when a part failed that it can't do without: the process has to end.
    pub async fn run(self, stops: impl Stops) -> Result<(), ServeError> {
        self.say_hello();
        let mark = self.mark.clone();
        let (running, quiet) = self.start()?;
        let ended = running.until_stopped(quiet, stops).await;
        // Whyever it ends: the next start holds the books against all that was committed here.
        mark.raise();
        ended
    }

    /// Starts every task. The receiver ends when every delivery was answered after closing.
    fn start(mut self) -> Result<(Running, mpsc::Receiver<()>), ServeError> {
        let clock = Arc::clone(&self.surroundings.now);
        let elapsed_us = Arc::clone(&self.surroundings.elapsed_us);
        let steady = Steady::new(Arc::clone(&clock), elapsed_us, self.last_commit);
        let purchases = self.metrics.purchases.clone();
        let pulse = Arc::new(Pulse::new(clock, self.readiness.clone(), steady, purchases));
        let mut running = Running::new();
        self.watch_token(&mut running);
        running.start(Part::Writer, write(self.writer));
        let (quieting, quiet) = mpsc::channel(1);
        let desks = Desks {
            books: Watched::new(self.store.clone(), Arc::clone(&pulse)),
            views: self.store.clone(),
            config: self.config.ussd.clone(),
            purchase: self.config.purchase,
            ussd: self.ussd,
            context: self.context,
            surroundings: self.surroundings.clone(),
            metrics: self.metrics.purchases.clone(),
        };
        let binds = Binds {
            books: Watched::new(self.store.clone(), Arc::clone(&pulse)),
            surroundings: self.surroundings.clone(),
            metrics: self.metrics.clone(),
            purchase: self.config.purchase,
            ussd: desks.clone(),
            quieting: quieting.clone(),
        };
        let Started { ways, asker, stats } = binds.start(self.binds, &mut running)?;
        let carriers = Carriers {
            desks,
            reaches: &self.reaches,
            counts: &self.metrics.ussd,
            quieting,
        };
        let aggregators = carriers.aggregators(&self.config.aggregator, &mut running)?;
        let hlr_asker = carriers.hlrs(&self.config.gsup, &self.metrics.gsup, &mut running)?;
        drop(carriers);
        let file = self.config.store.postgres.is_none();
        let books = file.then(|| self.config.store.path.clone());
        let health = health::watch(stats, books, self.readiness.clone());
        running.start_until(Part::Health, Stage::Closing, health);
        let flow = Flow {
            books: Watched::new(self.store, pulse),
            config: self.config,
            surroundings: self.surroundings,
            commits: self.commits,
            metrics: self.metrics,
            reaches: self.reaches,
        };
        flow.start(ways, asker.or(hlr_asker), &mut running);
        running.start_until(Part::House, Stage::Closing, self.mark.keep());
        let listeners = Listeners {
            aggregators,
            wakes: self.wakes,
            readiness: self.readiness,
            metrics: self.http_metrics,
            registry: self.registry,
            doorway: self.doorway,
            metrics_doorway: self.metrics_doorway,
        };
        listeners.start(&flow, &mut running)?;
        Ok((running, quiet))
    }

    /// Looks again and again whether the token gives keys.
    fn watch_token(&mut self, running: &mut Running) {
        if let Some(token) = self.token.take() {
            let metrics = TokenMetrics::register(&mut self.registry);
            let watching = keys::watch(token, metrics, self.readiness.clone());
            running.start_until(Part::Health, Stage::Closing, watching);
        }
    }

    fn say_hello(&self) {
        let Addresses { http, metrics } = self.addresses;
        let config = &self.config;
        let operator = &*config.node.operator;
        tracing::info!(
            node = config.node.id,
            operator,
            books = config.store.shown(),
            "svgate starts"
        );
        let scheme = if config.http.tls.is_some() {
            "https"
        } else {
            "http"
        };
        tracing::info!("terminals and kiosks: {scheme}://{http}/openapi.json");
        tracing::info!("metrics: http://{metrics}/metrics, readiness: http://{metrics}/readyz");
        for smsc in &config.smsc {
            let (host, port) = (&smsc.host, smsc.port);
            tracing::info!(
                smsc = &*smsc.name,
                "binds to {host}:{port} as {}",
                smsc.system_id
            );
        }
        if config.smsc.is_empty() {
            tracing::warn!(
                "no [[smsc]] is configured: orders come by kiosks only, and nobody can pay them"
            );
        }
        if self.last_commit.is_none() {
            tracing::info!(
                "the books are new; next: svgate subscriber import, merchant import, purse load"
            );
        }
    }
}

/// Writes until every handle to the store is gone.
async fn write(writer: Writer) -> Result<(), ServeError> {
    let written = Box::pin(writer.run()).await;
    written.map_err(|error| match error {
        StoreError::Unknown => ServeError::Unflushed,
        other @ (StoreError::Unavailable(_)
        | StoreError::Busy
        | StoreError::Keyless(_)
        | StoreError::Corrupt(_)) => other.into(),
    })
}

/// What carries out commits, and what happens by the clock.
struct Flow {
    books: Watched<Store>,
    config: Config,
    surroundings: Surroundings,
    commits: Commits,
    metrics: Metrics,
    reaches: Vec<SmscReach>,
}

impl Flow {
    fn start(
        &self,
        ways: BTreeMap<Arc<str>, Way>,
        asker: Option<mpsc::Sender<Ask>>,
        running: &mut Running,
    ) {
        let clock = || Arc::clone(&self.surroundings.now);
        let outbox = Outbox::new(
            self.books.clone(),
            ways,
            asker,
            Arc::clone(&self.commits.messages),
            self.books.inner().serving(),
            clock(),
            self.metrics.clone(),
        );
        let drain = running.reached(Stage::Draining);
        running.start(Part::Outbox, ending(outbox.run(drain)));

        let timers = Timers {
            books: self.books.clone(),
            deadlines: Deadlines::new(deadline_limits(&self.config), clock()()),
            moved: Arc::clone(&self.commits.deadlines),
            clock: clock(),
        };
        let closing = running.reached(Stage::Closing);
        running.start(Part::Timers, ending(timers.run(closing)));

        let rules = self.config.purchase;
        let house = keep_house(self.books.clone(), rules, clock());
        let names = self.config.smsc.iter().map(SmscConfig::smsc);
        let shares_books = self.config.store.postgres.is_some();
        let claiming = claim_messages(self.books.clone(), names.collect(), clock());
        let house = async move {
            if shares_books {
                tokio::join!(house, claiming);
            } else {
                house.await;
            }
        };
        running.start_until(Part::House, Stage::Closing, house);
        let reach = keep_reach(self.books.clone(), self.reaches.clone(), clock());
        running.start_until(Part::House, Stage::Closing, reach);
        let news = Arc::clone(&self.commits.news);
        let journal = keep_journal(news, running.reached(Stage::Ended));
        running.start(Part::Journal, ending(journal));
    }
}

/// What answers by HTTP.
struct Listeners {
    aggregators: Aggregators,
    wakes: Wakes,
    readiness: Readiness,
    metrics: HttpMetrics,
    registry: Registry,
    doorway: Doorway,
    metrics_doorway: Doorway,
}

impl Listeners {
    fn start(self, flow: &Flow, running: &mut Running) -> Result<(), ServeError> {
        let settings = HttpSettings {
            alive_s: flow.config.purchase.alive_s,
            accept_within_s: flow.config.purchase.accept_within_s,
        };
        let state = HttpState::new(
            flow.books.clone(),
            self.wakes.clone(),
            self.readiness.clone(),
            self.metrics,
            flow.surroundings.clone(),
            settings,
        );
        let router = crate::http::router(state, self.aggregators);
        let router = router.map_err(ServeError::Description)?;
        let shutdown = self.wakes.close_after(running.reached(Stage::Closing));
        let serving = crate::http::serve(self.doorway, router, shutdown);
        running.start(Part::Http, async {
            serving.await.map_err(ServeError::System)
        });
        let storage = flow.metrics.storage.clone();
        let figures = Figures::new(flow.books.inner().clone(), storage);
        let closed = figures.clone().close_after(running.reached(Stage::Closing));
        running.start(Part::House, ending(closed));
        let scraped = Scraped {
            registry: self.registry,
            refresh: Box::new(move || Box::pin(figures.read())),
        };
        let router = metrics_router(scraped, self.readiness);
        let shutdown = running.reached(Stage::Ended);
        let serving = crate::http::serve(self.metrics_doorway, router, shutdown);
        running.start(Part::Metrics, async {
            serving.await.map_err(ServeError::System)
        });
        Ok(())
    }
}

/// The time of day, as everything here is told it.
type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;
/// Microseconds on a clock that never goes back.
type Elapsed = Arc<dyn Fn() -> u64 + Send + Sync>;

async fn doorways(
    config: &Config,
    metrics: &HttpMetrics,
) -> Result<(Doorway, Doorway), ServeError> {
    let http = &config.http;
    let transport = match &http.tls {
        Some(tls) => {
            let server = crate::http::tls::server_config(&tls.certificate_file, &tls.key_file)?;
            Transport::Tls(server)
        }
        None => Transport::Plain {
            allow_plain: http.allow_plain,
        },
    };
    let most = http.connections_max;
    let doorway = Doorway::bind(http.listen, transport, most, metrics.clone()).await?;
    // It tells nobody's number and no money of anybody: it may be read on the operator's network.
    let plain = Transport::Plain { allow_plain: true };
    let listen = config.metrics.listen;
    let watching = Doorway::bind(listen, plain, WATCHERS_MAX, metrics.clone()).await?;
    Ok((doorway, watching))
}

fn deadline_limits(config: &Config) -> DeadlineLimits {
    DeadlineLimits {
        entries_max: DEADLINES_MAX,
        firing_max: FIRING_MAX,
        grace_ms: i64::from(config.purchase.accept_within_s).saturating_mul(1_000),
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// Some 20 MB: ten seconds of a busy gateway, and all that is open of a quiet one.
const DEADLINES_MAX: usize = 200_000;
/// Half a batch of the writer.
const FIRING_MAX: usize = 256;
const WATCHERS_MAX: usize = 32;
