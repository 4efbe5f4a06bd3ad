//! Every bind with what takes its deliveries and what brings its messages.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc;

use crate::auth::bad_mac_budget::{BadMacBudget, BudgetLimits};
use crate::config::rules::PurchaseConfig;
use crate::config::smsc::{Originator, SmscConfig};
use crate::gateway::books::Books;
use crate::gateway::intake::Origin;
use crate::http::Surroundings;
use crate::serve::asking::Ask;
use crate::serve::deliveries::{Deliveries, DeliveryTerms};
use crate::serve::error::ServeError;
use crate::serve::outbox::{Lane, Way};
use crate::serve::reach::SmscReach;
use crate::serve::running::{Part, Running, Stage, ending};
use crate::serve::ussd::{BindCarrier, Desk, Desks, Line};
use crate::smpp::link::{Channels, Link, LinkStats, Submit};
use crate::smpp::ussd::Dialect;
use crate::store::Store;
use crate::telemetry::Metrics;
use crate::telemetry::links::LinkCounts;

/// One bind, checked.
pub(super) struct Bind {
    config: SmscConfig,
    link: Link,
}

impl Bind {
    /// Reads what the bind needs.
    pub(super) fn prepare(config: &SmscConfig) -> Result<Self, ServeError> {
        let smsc = || Arc::clone(&config.name);
        let bind = config
            .bind_config()
            .map_err(|source| ServeError::Password {
                smsc: smsc(),
                source,
            })?;
        let link = Link::new(bind).map_err(|source| ServeError::Link {
            smsc: smsc(),
            source,
        })?;
        Ok(Self {
            config: config.clone(),
            link,
        })
    }

    /// The SMSC that it leads to.
    pub(super) fn smsc(&self) -> Arc<str> {
        self.config.smsc()
    }

    fn origin(&self) -> Origin {
        Origin {
            smsc: self.config.smsc(),
            trusted: self.config.originator == Originator::Trusted,
            alphabet: self.config.alphabet,
            country: self.config.country_code.clone(),
        }
    }
}

/// What was started, for those who send and who watch.
#[derive(Default)]
pub(super) struct Started {
    /// The ways on which messages leave, by SMSC.
    pub(super) ways: BTreeMap<Arc<str>, Way>,
    /// Where subscribers are asked to pay by USSD.
    pub(super) asker: Option<mpsc::Sender<Ask>>,
    /// Of every bind.
    pub(super) stats: Vec<Arc<LinkStats>>,
}

/// What all binds work with.
pub(super) struct Binds<B> {
    pub(super) books: B,
    pub(super) surroundings: Surroundings,
    pub(super) metrics: Metrics,
    pub(super) purchase: PurchaseConfig,
    pub(super) ussd: Desks<B>,
    /// Dropped by each when everything was answered after closing.
    pub(super) quieting: mpsc::Sender<()>,
}

impl<B: Books> Binds<B> {
    /// Starts every bind with its deliveries.
    pub(super) fn start(
        self,
        binds: Vec<(Bind, SmscReach)>,
        running: &mut Running,
    ) -> Result<Started, ServeError> {
        let mut started = Started::default();
        for (number, (bind, reach)) in binds.into_iter().enumerate() {
            let seed = (self.surroundings.random)().ok_or(ServeError::NoChance)?;
            let mut chance = ChaCha20Rng::from_seed(seed);
            let link_seed = chance.next_u64();
            let stats = bind.link.stats();
            let name = Arc::clone(&bind.config.name);
            let counted = Arc::clone(&stats);
            self.metrics
                .links
                .add(Arc::clone(&name), move || counts(&counted));

            let (to_deliveries, came) = mpsc::channel(bind.config.unanswered_deliveries);
            let smsc = bind.config.smsc();
            let in_flight_max = in_flight_max(&bind.config);
            let (submits, to_link) = mpsc::channel(in_flight_max);
            let desk = self.desk(&bind, &submits, &reach, &mut chance, Arc::clone(&stats));
            let mut deliveries =
                self.deliveries(&bind, (number, reach), chance, Arc::clone(&stats));
            if let Some((dialect, mut desk)) = desk {
                let asks = dialect.asks() && started.asker.is_none();
                if asks && self.ussd.asks_by(&bind.config.smsc()) {
                    started.asker = Some(desk.takes_asks());
                }
                let (to_desk, dialled) = mpsc::channel(bind.config.unanswered_deliveries);
                deliveries.desk = Some((dialect, to_desk));
                let stage = running.stage.subscribe();
                let serving = desk.run(dialled, stage, self.quieting.clone());
                running.start(Part::Deliveries, ending(serving));
            }
            let stage = running.stage.subscribe();
            let taking = deliveries.run(came, stage, self.quieting.clone());
            running.start(Part::Deliveries, ending(taking));

            let channels = Channels {
                deliveries: to_deliveries,
                submits: to_link,
            };
            let clock = Arc::clone(&self.surroundings.now);
            let stop = running.reached(Stage::Unbinding);
            let linking = bind.link.run(channels, move || clock(), link_seed, stop);
            running.start(Part::Links, ending(linking));
            started.stats.push(Arc::clone(&stats));
            let way = started.ways.entry(smsc).or_default();
            if bind.config.bind.transmits() {
                way.lanes.push(Lane {
                    submits,
                    stats,
                    registered_delivery: bind.config.registered_delivery.octet(),
                    in_flight: 0,
                    in_flight_max,
                });
            }
        }
        Ok(started)
    }

    fn deliveries(
        &self,
        bind: &Bind,
        (number, reach): (usize, SmscReach),
        chance: ChaCha20Rng,
        stats: Arc<LinkStats>,
    ) -> Deliveries<B> {
        let purchase = &self.purchase;
        Deliveries {
            books: self.books.clone(),
            origin: bind.origin(),
            reach,
            bind: number,
            budget: BadMacBudget::new(BudgetLimits::default()),
            chance,
            clock: Arc::clone(&self.surroundings.now),
            elapsed_us: Arc::clone(&self.surroundings.elapsed_us),
            stats,
            receives: bind.config.bind.receives(),
            metrics: self.metrics.purchases.clone(),
            terms: DeliveryTerms {
                take_within: Duration::from_millis(u64::from(purchase.order_take_within_ms)),
                repeat_ms: i64::from(purchase.plain_repeat_s).saturating_mul(1_000),
                remember_ms: i64::from(purchase.plain_repeat_s.max(self.ussd.session_s()))
                    .saturating_mul(1_000),
                at_books_max: bind.config.unanswered_deliveries,
            },
            desk: None,
        }
    }

    /// The desk of a bind that carries USSD.
    fn desk(
        &self,
        bind: &Bind,
        submits: &mpsc::Sender<Submit>,
        reach: &SmscReach,
        chance: &mut ChaCha20Rng,
        stats: Arc<LinkStats>,
    ) -> Option<(Arc<Dialect>, Desk<B, Store, BindCarrier>)> {
        let config = &bind.config;
        let dialect = self.ussd.dialect_of(&config.name)?;
        let terms = self.ussd.bind_terms(config.alphabet);
        let origin = bind.origin();
        let submits = submits.clone();
        let carrier = BindCarrier::new(Arc::clone(&dialect), terms, origin.clone(), stats, submits);
        let line = Line {
            origin,
            reach: reach.clone(),
            counts: self.metrics.ussd.bind(&config.name, &dialect.name),
            service_code: self.ussd.service_code(),
            form: config.alphabet.into(),
            results_by: config
                .ussd_results_by
                .clone()
                .unwrap_or_else(|| config.smsc()),
        };
        Some((dialect, self.ussd.open(carrier, line, chance)))
    }
}

/// Twice the window, so that the link always has the next one at hand.
fn in_flight_max(config: &SmscConfig) -> usize {
    let window = usize::try_from(config.window_pdus).unwrap_or(usize::MAX);
    window.saturating_mul(2).clamp(1, IN_FLIGHT_MAX)
}

fn counts(stats: &LinkStats) -> LinkCounts {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    LinkCounts {
        bound: stats.bound.load(Ordering::Relaxed),
        binds: read(&stats.binds),
        failures: read(&stats.failures),
        pdus_in: read(&stats.pdus_in),
        pdus_out: read(&stats.pdus_out),
        deliveries: read(&stats.deliveries),
        deliveries_refused: read(&stats.deliveries_refused),
        accepted: read(&stats.accepted),
        refused: read(&stats.refused),
        throttled: read(&stats.throttled),
        timeouts: read(&stats.timeouts),
        strays: read(&stats.strays),
        malformed: read(&stats.malformed),
    }
}

/// No window is wider.
const IN_FLIGHT_MAX: usize = 20_000;
