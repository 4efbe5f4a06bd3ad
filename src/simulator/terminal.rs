//! Vending machines: they poll for acks, take them, give out goods, jam, restart, fall silent.
//!
//! ```text
//!            ┌─ asks acks?after=N&wait=S ◄─────────────┐ after=0 when power was lost
//! machine ───┤                                         │
//!            └─ hands 1…n: accept ─► dispensing ─► supplied │ part │ failed │ reset
//! ```
//! A word that got no answer is said again until it has one: the gateway knows it again.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tokio::sync::{Mutex as Turn, Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::vend::{
    AckJson, AcksJson, ActJson, BOOT_ID_HEADER, ReportJson, ReportResult, UPTIME_HEADER,
};

mod connection;
mod hands;
mod journal;

pub use self::connection::{Answer, Connection, NoAnswer};
pub use self::journal::GaveOut;
use self::journal::Journal;
use crate::simulator::smsc::Clock;

/// One machine.
#[derive(Clone)]
pub struct MachineConfig {
    /// Its id as its merchant's file has it.
    pub id: String,
    /// Its bearer token.
    pub token: String,
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// How it behaves.
    pub habit: Habit,
    /// Acks that it works on at a time.
    pub hands: u8,
    /// How long giving out takes, ms at most.
    pub dispense_ms: u32,
    /// How long a poll may wait, s.
    pub wait_s: u8,
    /// From which all its chance is drawn.
    pub seed: u64,
}

/// What a machine does with its acks. Shares are per thousand acks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Gives out, but for its faults.
    Working(MachineFaults),
    /// Takes each ack and never says what came of it.
    Silent,
    /// Gives each ack back: its door is open.
    Open,
    /// Never asks for anything.
    Dead,
}

/// The faults of a machine that works, per thousand acks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MachineFaults {
    /// Nothing comes out.
    pub jams: u32,
    /// Of several pieces the last does not come out.
    pub parts: u32,
    /// Power is lost between taking the ack and giving out.
    pub resets: u32,
}

/// What happened at a machine.
#[derive(Debug, Default)]
pub struct MachineCounts {
    /// Acks taken.
    pub accepted: AtomicU64,
    /// Purchases given out whole.
    pub supplied: AtomicU64,
    /// Purchases given out in part.
    pub parts: AtomicU64,
    /// Purchases of which nothing came out.
    pub jams: AtomicU64,
    /// Acks given back.
    pub withdrawn: AtomicU64,
    /// Times that power was lost.
    pub resets: AtomicU64,
    /// Acks that were over before the machine took them.
    pub too_late: AtomicU64,
    /// Words said again because no answer came.
    pub again: AtomicU64,
}

/// A machine that runs. It ends when this is dropped.
pub struct Machine {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Machine {
    /// Switches the machine on.
    #[must_use]
    pub fn start(config: MachineConfig, clock: Clock) -> Self {
        let (to_hands, acks) = mpsc::channel(ACKS_WAITING_MAX);
        let shared = Arc::new(Shared {
            journal: Mutex::default(),
            chance: Mutex::new(ChaCha8Rng::seed_from_u64(config.seed)),
            counts: MachineCounts::default(),
            power_lost: Notify::new(),
            alive: watch::Sender::new(false),
            booted_at: Mutex::new(clock()),
            clock,
            config,
        });
        let mut tasks = JoinSet::new();
        if shared.config.habit != Habit::Dead {
            tasks.spawn(poll(Arc::clone(&shared), to_hands));
            let acks = Arc::new(Turn::new(acks));
            for _ in 0..shared.config.hands {
                tasks.spawn(hands::work(Arc::clone(&shared), Arc::clone(&acks)));
            }
        }
        Self { shared, tasks }
    }

    /// Waits until the gateway has answered this machine's first question: it counts as alive from
    /// then on. A dead one never does.
    pub async fn until_alive(&self) {
        // The sender lives in `shared`, so the wait ends by its condition only.
        self.shared
            .alive
            .subscribe()
            .wait_for(|alive| *alive)
            .await
            .ok();
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> &MachineCounts {
        &self.shared.counts
    }

    /// What came out, by the machine's own journal.
    #[must_use]
    pub fn gave_out(&self) -> Vec<GaveOut> {
        locked(&self.shared.journal).gave_out().collect()
    }

    /// Switches the machine off.
    pub async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// What the parts of one machine share.
struct Shared {
    config: MachineConfig,
    journal: Mutex<Journal>,
    chance: Mutex<ChaCha8Rng>,
    counts: MachineCounts,
    /// A hand lost power: the poll under way is lost with it.
    power_lost: Notify,
    /// The gateway has answered.
    alive: watch::Sender<bool>,
    booted_at: Mutex<Duration>,
    clock: Clock,
}

impl Shared {
    /// Draws whether something with this share happens now.
    fn happens(&self, per_mille: u32) -> bool {
        per_mille > 0 && self.draw(1_000) < per_mille
    }

    /// A number below `most`, or 0.
    fn draw(&self, most: u32) -> u32 {
        let random = locked(&self.chance).next_u32();
        random.checked_rem(most).unwrap_or_default()
    }

    fn acks_path(&self) -> String {
        format!("/v1/terminals/{}/acks", self.config.id)
    }

    fn lose_power(&self) {
        count(&self.counts.resets);
        locked(&self.journal).lose_power();
        *locked(&self.booted_at) = (self.clock)();
        self.power_lost.notify_one();
    }
}

/// Asks for acks for as long as the machine runs.
async fn poll(shared: Arc<Shared>, to_hands: mpsc::Sender<AckJson>) {
    let mut connection = Connection::new(shared.config.gateway, &shared.config.token);
    let within = Duration::from_secs(u64::from(shared.config.wait_s)).saturating_add(WORD_WITHIN);
    loop {
        let after = locked(&shared.journal).last();
        // The first question is short, so that its answer comes as soon as the gateway knows.
        let is_alive = *shared.alive.borrow();
        let wait = if is_alive { shared.config.wait_s } else { 0 };
        let path = format!("{}?after={after}&wait={wait}", shared.acks_path());
        let booted_at = *locked(&shared.booted_at);
        let uptime = (shared.clock)().saturating_sub(booted_at);
        let headers = [
            (BOOT_ID_HEADER, booted_at.as_micros().to_string()),
            (UPTIME_HEADER, uptime.as_millis().to_string()),
        ];
        let answer = tokio::select! {
            answer = connection.get(&path, &headers, within) => answer,
            () = shared.power_lost.notified() => {
                connection = Connection::new(shared.config.gateway, &shared.config.token);
                continue;
            }
        };
        let acks = match answer {
            Ok(Answer { status: 200, body }) => serde_json::from_slice::<AcksJson>(&body).ok(),
            Ok(_) | Err(_) => None,
        };
        let Some(acks) = acks else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        shared.alive.send_replace(true);
        for ack in acks.acks {
            let is_new = locked(&shared.journal).learn(&ack);
            if is_new && to_hands.send(ack).await.is_err() {
                return;
            }
        }
        if is_alive {
            tokio::time::sleep(Duration::from_millis(acks.poll_again_ms.into())).await;
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The locks guard plain collections, which a panic elsewhere cannot leave half-made.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// More acks than a machine has slots for.
const ACKS_WAITING_MAX: usize = 1_024;
/// How long a machine waits for the answer to one word.
const WORD_WITHIN: Duration = Duration::from_secs(5);
/// The pause before a word that got no answer is said again.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
