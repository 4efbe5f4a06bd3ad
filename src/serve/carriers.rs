//! Starts what carries USSD besides SMPP binds.

use std::sync::Arc;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc;

use crate::config::aggregator::AggregatorConfig;
use crate::config::gsup::GsupConfig;
use crate::config::smsc::Originator;
use crate::gateway::books::Books;
use crate::gateway::intake::{Origin, Reach};
use crate::gsup::link::{Channels, Link, LinkConfig};
use crate::gsup::sessions::Sessions;
use crate::gsup::text::FORM;
use crate::http::aggregators::{Aggregator, Aggregators};
use crate::serve::asking::Ask;
use crate::serve::error::ServeError;
use crate::serve::reach::SmscReach;
use crate::serve::running::{Part, Running, Stage, ending};
use crate::serve::ussd::{AggregatorCarrier, Desks, HlrCarrier, Line, find_callers};
use crate::sms::SmscAlphabet;
use crate::telemetry::gsup::GsupMetrics;
use crate::telemetry::ussd::UssdMetrics;

/// What all of them work with.
pub(super) struct Carriers<'a, B> {
    pub(super) desks: Desks<B>,
    pub(super) reaches: &'a [SmscReach],
    pub(super) counts: &'a UssdMetrics,
    /// Dropped by each when everything was answered after closing.
    pub(super) quieting: mpsc::Sender<()>,
}

impl<B: Books> Carriers<'_, B> {
    /// A desk for each aggregator, and who may ask there.
    pub(super) fn aggregators(
        &self,
        configs: &[AggregatorConfig],
        running: &mut Running,
    ) -> Result<Aggregators, ServeError> {
        let doors = configs.iter().map(|config| {
            let code = config.service_code.clone();
            let code = code.unwrap_or_else(|| self.desks.service_code());
            let carrier = AggregatorCarrier::new(self.desks.history_terms(&code));
            let line = Line {
                origin: Origin {
                    smsc: format!("http/{}", config.name).into(),
                    trusted: config.originator == Originator::Trusted,
                    alphabet: SmscAlphabet::Gsm7Unpacked,
                    country: None,
                },
                reach: self.reach(&config.results_by),
                counts: self.counts.bind(&config.name, &HTTP.into()),
                service_code: code,
                form: SmscAlphabet::Gsm7Unpacked.into(),
                results_by: Arc::clone(&config.results_by),
            };
            let desk = self.desks.open(carrier, line, &mut self.chance()?);
            let (to_desk, came) = mpsc::channel(WAITING_MAX);
            let stage = running.stage.subscribe();
            let serving = desk.run(came, stage, self.quieting.clone());
            running.start(Part::Deliveries, ending(serving));
            let aggregator = Aggregator {
                token_sha256: config.token_sha256,
                desk: to_desk,
            };
            Ok((Arc::clone(&config.name), aggregator))
        });
        doors.collect()
    }

    /// A link to each HLR, with its desk; where subscribers are asked to pay, if by one of them.
    pub(super) fn hlrs(
        &self,
        configs: &[GsupConfig],
        counts: &GsupMetrics,
        running: &mut Running,
    ) -> Result<Option<mpsc::Sender<Ask>>, ServeError> {
        let mut asker = None;
        for config in configs {
            let mut chance = self.chance()?;
            let link = Link::new(link_config(config), counts.hlr(&config.name));
            let code = config.service_code.clone();
            let code = code.unwrap_or_else(|| self.desks.service_code());
            let terms = self.desks.gsup_terms(&code);
            let sessions = Sessions::new(terms, chance.next_u32());
            let (sends, to_link) = mpsc::channel(WAITING_MAX);
            let carrier = HlrCarrier::new(sessions, link.state(), sends);
            let line = Line {
                origin: Origin {
                    smsc: format!("gsup/{}", config.name).into(),
                    trusted: config.originator == Originator::Trusted,
                    alphabet: SmscAlphabet::Gsm7Packed,
                    country: None,
                },
                reach: self.reach(&config.results_by),
                counts: self.counts.bind(&config.name, &GSUP.into()),
                service_code: code,
                form: FORM,
                results_by: Arc::clone(&config.results_by),
            };
            let mut desk = self.desks.open(carrier, line, &mut chance);
            if self.desks.asks_by(&config.name) {
                asker = Some(desk.takes_asks());
            }
            let (to_callers, came) = mpsc::channel(WAITING_MAX);
            let (to_desk, found) = mpsc::channel(WAITING_MAX);
            let stage = running.stage.subscribe();
            let serving = desk.run(found, stage, self.quieting.clone());
            running.start(Part::Deliveries, ending(serving));
            let finding = find_callers(self.desks.views.clone(), came, to_desk);
            running.start(Part::Deliveries, ending(finding));
            let channels = Channels {
                came: to_callers,
                sends: to_link,
            };
            let clock = Arc::clone(&self.desks.surroundings.now);
            let stop = running.reached(Stage::Unbinding);
            let linking = link.run(channels, move || clock(), chance.next_u64(), stop);
            running.start(Part::Links, ending(linking));
        }
        Ok(asker)
    }

    /// That of the SMSC by which subscribers are told of their orders.
    fn reach(&self, smsc: &Arc<str>) -> SmscReach {
        let known = self.reaches.iter().find(|reach| reach.smsc() == &**smsc);
        known.cloned().unwrap_or_else(|| {
            let now = (self.desks.surroundings.now)();
            SmscReach::new(Arc::clone(smsc), Reach::unbound_since(now))
        })
    }

    fn chance(&self) -> Result<ChaCha20Rng, ServeError> {
        let seed = (self.desks.surroundings.random)().ok_or(ServeError::NoChance)?;
        Ok(ChaCha20Rng::from_seed(seed))
    }
}

fn link_config(config: &GsupConfig) -> LinkConfig {
    LinkConfig {
        name: Arc::clone(&config.name),
        host: config.host.clone(),
        port: config.port,
        euse: config.euse.clone(),
        ping_s: config.ping_s,
        connect_timeout_ms: config.connect_timeout_ms,
        reconnect_min_ms: config.reconnect_min_ms,
        reconnect_max_ms: config.reconnect_max_ms,
    }
}

/// What metrics call the dialect of aggregators.
const HTTP: &str = "http";
/// What metrics call the dialect of HLRs.
const GSUP: &str = "gsup";
/// A second of a busy aggregator or HLR.
const WAITING_MAX: usize = 4_096;
