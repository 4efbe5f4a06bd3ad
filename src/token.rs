//! A master key that stays in a PKCS#11 token: an HSM, a smart card, or `SoftHSM2`.
//!
//! ```text
//! start ─► 4 MACs ─► named keys, held                    writer: keys of a SIM away
//!                                                            │ bring (bounded in time)
//! token ◄── MAC ── thread ◄── jobs (bounded) ◄───────────────┘
//!                    └─► ring: keys of SIMs, for a while ─► decisions, at hand or not
//! ```
//! The master never leaves the token: it has the key make the AES-CMACs of SP 800-108, and refuses
//! a key that could leave. Nobody waits for a token that is silent for `timeout_ms`, and who needs none
//! of its keys never does: a token that hangs holds up its own thread only.

mod error;
mod ring;
mod session;
mod standing;
mod thread;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::auth::named_keys::NamedKeys;
use crate::auth::sealed_keys::KeyPlace;
use crate::auth::sim_keys::SimKeys;
use crate::config::token::TokenConfig;
use crate::gateway::key_source::{Bringing, Keyring, KeysAway};
use crate::token::ring::{Card, Ring};
use crate::token::session::{Library, Pin};
use crate::token::standing::Standing;
use crate::token::thread::{Job, Worker, connect};

pub use self::error::{Flaw, TokenError, Tries};
pub use self::session::{TokenSession, Trying};

/// A token that is connected; clones are the same one, and it is let go with the last of them.
#[derive(Clone)]
pub struct Token {
    jobs: SyncSender<Job>,
    ring: Arc<Ring>,
    standing: Arc<Standing>,
    timeout: Duration,
}

/// Numbers of a token, for who watches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFigures {
    /// Why it gives no keys; none when it works.
    pub lacking: Option<String>,
    /// Cards whose keys are at hand.
    pub held: usize,
    /// Cards whose keys it gave since the start.
    pub brought: u64,
    /// Times that it was lost.
    pub lost: u64,
}

impl Token {
    /// Connects, and has the keys made that are derived once. `elapsed_us` is a stopwatch.
    ///
    /// # Errors
    ///
    /// [`TokenError`] names the setting and the remedy.
    pub fn open(
        config: &TokenConfig,
        trying: Trying,
        elapsed_us: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Result<(Self, Arc<NamedKeys>), TokenError> {
        let lifetime_us = u64::from(config.cache_minutes).saturating_mul(MINUTE_US);
        let ring = Ring::new(config.cache_sims, lifetime_us, Arc::clone(&elapsed_us));
        let standing = Standing::new(config.timeout_ms, elapsed_us);
        let (ring, standing) = (Arc::new(ring), Arc::new(standing));
        let (jobs, to_do) = sync_channel(JOBS_MAX);
        let (opened, answer) = sync_channel(1);
        let (held, told, config) = (Arc::clone(&ring), Arc::clone(&standing), config.clone());
        let timeout = config.timeout();
        let pin_file = config.pin_file.clone();
        let work = move || {
            let connected = Pin::read(&config.pin_file)
                .and_then(|pin| connect(&config, &pin, trying))
                .map(|(session, named)| (session, Arc::new(named)));
            let (session, named) = match connected {
                Ok(connected) => connected,
                Err(error) => {
                    let _ = opened.send(Err(error));
                    return;
                }
            };
            let worker = Worker::new(config, held, told, (session, &named));
            if opened.send(Ok(named)).is_ok() {
                worker.run(&to_do);
            }
        };
        let thread = std::thread::Builder::new().name("token".to_owned());
        thread.spawn(work).map_err(|error| TokenError::PinFile {
            path: pin_file,
            why: format!("no thread to read it on: {error}"),
        })?;
        let silent = |_| TokenError::Silent {
            ms: OPENED_WITHIN_MS,
        };
        let within = Duration::from_millis(OPENED_WITHIN_MS);
        let named = answer.recv_timeout(within).map_err(silent)??;
        let token = Self {
            jobs,
            ring,
            standing,
            timeout,
        };
        Ok((token, named))
    }

    /// How it stands.
    #[must_use]
    pub fn figures(&self) -> TokenFigures {
        let (brought, lost) = self.standing.counts();
        TokenFigures {
            lacking: self.standing.lacking(),
            held: self.ring.cards(),
            brought,
            lost,
        }
    }
}

impl Keyring for Token {
    fn at_hand(&self, place: &KeyPlace) -> Option<SimKeys> {
        self.ring.at_hand(place)
    }

    fn bring(&self, places: Vec<KeyPlace>) -> Bringing {
        let mut cards: Vec<Card> = places.iter().map(|p| (p.iccid, p.version)).collect();
        cards.sort_unstable();
        cards.dedup();
        cards.retain(|card| !self.ring.has(card));
        let (jobs, standing, timeout) =
            (self.jobs.clone(), Arc::clone(&self.standing), self.timeout);
        Box::pin(async move {
            if cards.is_empty() {
                return Ok(());
            }
            if let Some(reason) = standing.lacking() {
                return Err(KeysAway(reason));
            }
            let (answer, answered) = oneshot::channel();
            let busy = |_| KeysAway("the token has more to do than it can".to_owned());
            jobs.try_send(Job { cards, answer }).map_err(busy)?;
            answer_of(answered, timeout, &standing).await
        })
    }
}

/// What came of a job. It may have many cards, and others before it: it is given up once the token has
/// brought no card's keys for `silence`.
async fn answer_of(
    mut answered: oneshot::Receiver<Result<(), KeysAway>>,
    silence: Duration,
    standing: &Standing,
) -> Result<(), KeysAway> {
    loop {
        let (before, _) = standing.counts();
        match tokio::time::timeout(silence, &mut answered).await {
            Ok(Ok(brought)) => return brought,
            Ok(Err(_)) => return Err(KeysAway("the token's thread has ended".to_owned())),
            Err(_) if standing.counts().0 > before => {}
            Err(_) => {
                let ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
                return Err(KeysAway(TokenError::Silent { ms }.to_string()));
            }
        }
    }
}

/// What is wrong with a token as far as it tells without its PIN, and what it tells of its tries.
///
/// # Errors
///
/// [`TokenError`] names the setting and the remedy.
pub fn look_without_pin(config: &TokenConfig) -> Result<Tries, TokenError> {
    Pin::read(&config.pin_file)?;
    let library = Library::start(config)?;
    match library.tries() {
        Tries::None => Err(TokenError::PinLocked),
        tries @ (Tries::Unknown | Tries::Low | Tries::Final) => Ok(tries),
    }
}

/// Makes the master in the token, where there is none, and tells its named keys. It is a new one, or
/// these octets.
///
/// # Errors
///
/// [`TokenError::KeyExists`]; what else keeps it from being made or used.
pub fn make_master(
    config: &TokenConfig,
    secret: Option<&[u8; 32]>,
) -> Result<NamedKeys, TokenError> {
    let pin = Pin::read(&config.pin_file)?;
    let session = Library::start(config)?.log_in(config, &pin, Trying::Asked)?;
    session.make_master(&config.key_label, secret)?;
    drop(session);
    connect(config, &pin, Trying::Asked).map(|(_, named)| named)
}

/// A session and the named keys of its master, for checks; the PIN is tried once.
///
/// # Errors
///
/// [`TokenError`] names the setting and the remedy.
pub fn open_for_checks(config: &TokenConfig) -> Result<(TokenSession, NamedKeys), TokenError> {
    let pin = Pin::read(&config.pin_file)?;
    let (session, named) = connect(config, &pin, Trying::Asked)?;
    Ok((session.into_session(), named))
}

const MINUTE_US: u64 = 60_000_000;
/// Jobs of up to 64 members each: more than the writer parks while one is done.
const JOBS_MAX: usize = 64;
/// A network HSM that wakes up, and a person who waits for a start.
const OPENED_WITHIN_MS: u64 = 15_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_job_is_waited_for_while_keys_come_and_given_up_when_none_do() {
        let standing = Standing::new(500, Arc::new(|| 0));
        let silence = Duration::from_millis(500);
        let (answer, answered) = oneshot::channel();
        let working = async {
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                standing.brought();
            }
            let _ = answer.send(Ok(()));
        };
        let (result, ()) = tokio::join!(answer_of(answered, silence, &standing), working);
        assert_eq!(result, Ok(()));
        let (_answer, answered) = oneshot::channel();
        let given_up = answer_of(answered, silence, &standing).await.unwrap_err();
        assert!(given_up.0.contains("500 ms"), "{given_up}");
    }
}
