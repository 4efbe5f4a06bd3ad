//! The token's own thread: derives what is asked for, looks whether the token is still there, and
//! connects again when it is not.
//!
//! ```text
//! bring ─► jobs ─► derive ─► ring          2 s without a job: one MAC, to see that it works
//!                    └ a call fails ─► down, its reason kept ─► connect again: 250 ms, 500 ms, … 10 s
//! ```
//! A PIN that the token refused is not given a second time until another is in the file, and never as
//! the last try.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::auth::named_keys::{Blocks, NamedKeys};
use crate::auth::sim_keys::{Direction, sim_key_inputs};
use crate::config::token::TokenConfig;
use crate::gateway::key_source::KeysAway;
use crate::token::error::TokenError;
use crate::token::ring::{Card, CardKeys, Ring};
use crate::token::session::{Library, MasterSession, Pin, Trying};
use crate::token::standing::Standing;

/// Cards whose keys somebody waits for.
pub(super) struct Job {
    pub(super) cards: Vec<Card>,
    pub(super) answer: oneshot::Sender<Result<(), KeysAway>>,
}

/// What runs on the thread.
pub(super) struct Worker {
    config: TokenConfig,
    ring: Arc<Ring>,
    standing: Arc<Standing>,
    session: Option<MasterSession>,
    /// Tells the master of the start from another.
    check_value: [u8; 6],
    /// SHA-256 of a PIN that the token refused.
    refused_pin: Option<[u8; 32]>,
    pause: Duration,
}

/// Opens a session, and has the keys made that are derived once.
pub(super) fn connect(
    config: &TokenConfig,
    pin: &Pin,
    trying: Trying,
) -> Result<(MasterSession, NamedKeys), TokenError> {
    let library = Library::start(config)?;
    let session = library.log_in(config, pin, trying)?;
    let session = session.master(&config.key_label)?;
    let mut blocks = Blocks::default();
    for (block, input) in blocks.iter_mut().zip(NamedKeys::inputs()) {
        *block = *session.cmac(&input)?;
    }
    let named = NamedKeys::new(&blocks);
    Ok((session, named))
}

impl Worker {
    pub(super) fn new(
        config: TokenConfig,
        ring: Arc<Ring>,
        standing: Arc<Standing>,
        (session, named): (MasterSession, &NamedKeys),
    ) -> Self {
        Self {
            config,
            ring,
            standing,
            session: Some(session),
            check_value: named.check_value(),
            refused_pin: None,
            pause: PAUSE_MIN,
        }
    }

    /// Works until nobody can ask any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let wait = if self.session.is_some() {
                PROBE_EVERY
            } else {
                self.pause
            };
            match jobs.recv_timeout(wait) {
                Ok(job) => self.serve(&job.cards, job.answer),
                Err(RecvTimeoutError::Timeout) if self.session.is_some() => self.probe(),
                Err(RecvTimeoutError::Timeout) => self.connect_again(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.ring.forget_old();
        }
    }

    fn serve(&mut self, cards: &[Card], answer: oneshot::Sender<Result<(), KeysAway>>) {
        for card in cards {
            // Who waited for this asks again: what is newer comes first.
            if answer.is_closed() {
                return;
            }
            if self.ring.has(card) {
                continue;
            }
            let Some(session) = &self.session else {
                let reason = self.standing.lacking().unwrap_or_default();
                let _ = answer.send(Err(KeysAway(reason)));
                return;
            };
            match self.standing.calling(|| derive(session, card)) {
                Ok(keys) => {
                    self.ring.keep(*card, &keys);
                    self.standing.brought();
                }
                Err(error) => {
                    let _ = answer.send(Err(KeysAway(error.to_string())));
                    self.lose(&error);
                    return;
                }
            }
        }
        let _ = answer.send(Ok(()));
    }

    fn probe(&mut self) {
        let Some(session) = &self.session else { return };
        if let Err(error) = self.standing.calling(|| session.cmac(PROBE)) {
            self.lose(&error);
        }
    }

    fn lose(&mut self, error: &TokenError) {
        tracing::error!(%error, "the token is lost: keys at hand serve until they are too old");
        self.standing.down(error.to_string());
        // Sessions of a token that comes back are not those of now.
        self.session = None;
        self.pause = PAUSE_MIN;
    }

    fn connect_again(&mut self) {
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
        match self.connected() {
            Ok(session) => {
                self.session = Some(session);
                self.standing.up();
                tracing::info!("the token is back");
            }
            Err(error) => {
                if self.standing.down(error.to_string()) {
                    tracing::warn!(%error, "the token is not back");
                }
            }
        }
    }

    fn connected(&mut self) -> Result<MasterSession, TokenError> {
        let config = &self.config;
        let pin = Pin::read(&config.pin_file)?;
        let digest: [u8; 32] = Sha256::digest(pin.expose_octets()).into();
        if self.refused_pin == Some(digest) {
            return Err(TokenError::PinRefused {
                path: config.pin_file.clone(),
            });
        }
        let connecting = || connect(config, &pin, Trying::Again);
        let connected = self.standing.calling(connecting);
        if matches!(connected, Err(TokenError::PinWrong { .. })) {
            self.refused_pin = Some(digest);
        }
        let (session, named) = connected?;
        if named.check_value() != self.check_value {
            return Err(TokenError::OtherMaster);
        }
        Ok(session)
    }
}

/// The four keys of a card and key version.
fn derive(session: &MasterSession, (iccid, version): &Card) -> Result<CardKeys, TokenError> {
    let [mo_kic, mo_kid] = sim_key_inputs(iccid, *version, Direction::Mo);
    let [mt_kic, mt_kid] = sim_key_inputs(iccid, *version, Direction::Mt);
    let mut keys: CardKeys = Zeroizing::new([[0; 16]; 4]);
    for (key, input) in keys.iter_mut().zip([mo_kic, mo_kid, mt_kic, mt_kid]) {
        *key = *session.cmac(&input)?;
    }
    Ok(keys)
}

/// Of no key: every input of a derivation begins with its counter.
const PROBE: &[u8] = b"svgate-probe";
/// How soon a token that was taken away is noticed when nobody needs a key.
const PROBE_EVERY: Duration = Duration::from_secs(2);
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(10);
