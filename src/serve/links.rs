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
use crate::config::smsc::{BindWord, Originator, SmscConfig};
use crate::gateway::books::Books;
use crate::gateway::dispatch::QueueLimits;
use crate::gateway::intake::Origin;
use crate::http::Surroundings;
use crate::serve::deliveries::{Deliveries, DeliveryTerms};
use crate::serve::error::ServeError;
use crate::serve::outbox::Way;
use crate::serve::reach::SmscReach;
use crate::serve::running::{Part, Running, Stage, ending};
use crate::smpp::link::{Channels, Link, LinkStats};
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
        if config.bind == BindWord::Rx {
            let name = &*config.name;
            tracing::warn!(
                smsc = name,
                "only receives: answers to its orders can't leave by it"
            );
        }
        Ok(Self {
            config: config.clone(),
            link,
        })
    }

    /// The SMSC that it leads to.
    pub(super) fn smsc(&self) -> &Arc<str> {
        &self.config.name
    }

    fn origin(&self) -> Origin {
        Origin {
            smsc: Arc::clone(&self.config.name),
            trusted: self.config.originator == Originator::Trusted,
            alphabet: self.config.alphabet,
            country: self.config.country_code.clone(),
        }
    }
}

/// What all binds work with.
pub(super) struct Binds<B> {
    pub(super) books: B,
    pub(super) surroundings: Surroundings,
    pub(super) metrics: Metrics,
    pub(super) purchase: PurchaseConfig,
    /// Dropped by each when everything was answered after closing.
    pub(super) quieting: mpsc::Sender<()>,
}

impl<B: Books> Binds<B> {
    /// Starts every bind with its deliveries; the ways on which messages leave.
    pub(super) fn start(
        self,
        binds: Vec<(Bind, SmscReach)>,
        running: &mut Running,
    ) -> Result<BTreeMap<Arc<str>, Way>, ServeError> {
        let mut ways = BTreeMap::new();
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
            let limits = queue_limits(&bind.config);
            let (submits, to_link) = mpsc::channel(limits.in_flight_max);
            let deliveries = self.deliveries(&bind, (number, reach), chance, Arc::clone(&stats));
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
            let way = Way {
                submits,
                stats,
                registered_delivery: bind.config.registered_delivery.octet(),
                limits,
            };
            ways.insert(name, way);
        }
        Ok(ways)
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
            metrics: self.metrics.purchases.clone(),
            terms: DeliveryTerms {
                take_within: Duration::from_millis(u64::from(purchase.order_take_within_ms)),
                repeat_ms: i64::from(purchase.plain_repeat_s).saturating_mul(1_000),
                at_books_max: bind.config.unanswered_deliveries,
            },
        }
    }
}

/// Twice the window, so that the link always has the next one at hand.
fn queue_limits(config: &SmscConfig) -> QueueLimits {
    let window = usize::try_from(config.window_pdus).unwrap_or(usize::MAX);
    QueueLimits {
        rows_max: ROWS_MAX,
        in_flight_max: window.saturating_mul(2).clamp(1, ROWS_MAX),
    }
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

/// Messages of one SMSC in memory, some 10 MB: what a busy gateway writes in two seconds.
const ROWS_MAX: usize = 20_000;
