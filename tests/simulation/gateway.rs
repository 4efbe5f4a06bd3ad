//! The gateway's flow on real SQLite: a seed draws what is asked, what is lost and repeated, which
//! members form a batch, where the process dies, and the clock.
//!
//! After every batch a model that knows only what was sent and answered is held against the books:
//! `model` explains every new payment and every step, `books` has the rules that SQL can check, and
//! `confirmations` reads what the SMSC is given. `SIM_SEED=…` replays one seed, `SIM_SEEDS=…` runs
//! that many instead of the default.

mod books;
mod confirmations;
mod draw;
mod model;

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use svgate::dialogue::texts::Texts;
use svgate::domain::Millis;
use svgate::domain::ids::PurchaseId;
use svgate::gateway::context::Context;
use svgate::gateway::member::{Member, Outcome};
use svgate::store::{Direct, DirectEnd, Place, StoreOptions};

use crate::fixture;
use crate::gateway::books::{Left, Row, broken_rules, check_logs, rows};
use crate::gateway::draw::Town;
use crate::gateway::model::{Batch, Model};

#[test]
fn no_order_is_paid_twice_and_no_money_is_lost_whatever_happens() {
    if let Some(seed) = number_from("SIM_SEED") {
        run(seed);
        return;
    }
    let seeds = number_from("SIM_SEEDS").unwrap_or(SEEDS);
    let half = |first: u64| move || (first..seeds).step_by(2).flat_map(told).collect();
    let (mut met, odd): (BTreeSet<String>, BTreeSet<String>) = std::thread::scope(|scope| {
        let odd = scope.spawn(half(1));
        (half(0)(), odd.join().expect("no seed fails"))
    });
    met.extend(odd);
    let missed: Vec<&str> = MET
        .iter()
        .copied()
        .filter(|end| !met.contains(*end))
        .collect();
    assert!(
        missed.is_empty() || seeds < SEEDS,
        "never met: {missed:?} of {met:?}"
    );
}

/// Runs one seed, and prints it when it fails.
fn told(seed: u64) -> BTreeSet<String> {
    std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|panic| {
        eprintln!("replay it with SIM_SEED={seed}");
        std::panic::resume_unwind(panic)
    })
}

/// Runs one seed, and tells which ends were met on the way.
fn run(seed: u64) -> BTreeSet<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut simulation = Simulation::open(seed).await;
        for _ in 0..BATCHES {
            simulation.batch().await;
        }
        simulation.settle().await;
        std::mem::take(&mut simulation.model.met)
    })
}

/// One operator with its books, and the world around it.
struct Simulation {
    dice: Dice,
    direct: Direct,
    clock: Arc<AtomicI64>,
    town: Town,
    model: Model,
    /// What was asked and never answered: it is asked again.
    unanswered: Vec<Member>,
    events: Events,
}

impl Simulation {
    async fn open(seed: u64) -> Self {
        let clock = Arc::new(AtomicI64::new(fixture::START.0));
        let ticking = Arc::clone(&clock);
        let direct = Direct::open(
            &StoreOptions {
                place: Place::Memory,
                node: 0,
            },
            context(),
            Arc::new(move || Millis(ticking.load(Ordering::Relaxed))),
        )
        .await
        .expect("books in memory");
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let town = Town::new(&mut dice);
        let mut simulation = Self {
            dice,
            direct,
            clock,
            town,
            model: Model::default(),
            unanswered: Vec::new(),
            events: Events::default(),
        };
        let opening = simulation.town.opening();
        simulation.decide(opening, DirectEnd::Answered).await;
        simulation
    }

    /// Some time passes, and one batch is decided.
    async fn batch(&mut self) {
        let crashed = !self.unanswered.is_empty();
        self.pass_time(crashed);
        let now = self.now();
        let mut members = std::mem::take(&mut self.unanswered);
        let size = match self.dice.below(10) {
            0..=5 => 1 + self.dice.below(6),
            6..=8 => 1 + self.dice.below(14),
            _ => 1 + self.dice.below(40),
        };
        for _ in 0..size {
            let member = self.town.draw(&mut self.dice, &self.model, now);
            // Who asks anew is not behind those who ask again.
            let place = self.dice.below(members.len() as u64 + 1);
            members.insert(usize::try_from(place).unwrap(), member);
        }
        members.extend(self.town.signs_of_life(&mut self.dice));
        members.extend(self.town.timers(&mut self.dice, &self.model));
        let end = match self.dice.below(20) {
            0 | 1 => DirectEnd::DiesBeforeCommit,
            2 | 3 => DirectEnd::DiesAfterCommit,
            _ => DirectEnd::Answered,
        };
        self.decide(members, end).await;
    }

    /// Mostly seconds, at times minutes, days over a cut-off, or backwards; after a crash the
    /// SMSC is back within a minute.
    fn pass_time(&mut self, crashed: bool) {
        let seconds = match self.dice.below(40) {
            _ if crashed => self.dice.signed(0, 60),
            0 => self.dice.signed(86_400, 9 * 86_400),
            1 => -self.dice.signed(0, 7_200),
            2..=4 => self.dice.signed(60, 900),
            5..=14 => self.dice.signed(10, 40),
            _ => self.dice.signed(0, 8),
        };
        self.clock.fetch_add(
            seconds * 1_000 + self.dice.signed(0, 999),
            Ordering::Relaxed,
        );
        if seconds > 60 {
            self.model.met("a long time");
        }
    }

    /// Decides a batch, and holds what it left against the model.
    async fn decide(&mut self, mut members: Vec<Member>, end: DirectEnd) {
        for member in &mut members {
            if let Member::Arrival(arrival) = member {
                arrival.repeat_since = self.now().plus_ms(-REPEAT_MS);
            }
        }
        self.events.note(self.now(), &members, end);
        let told = self.direct.decide(members.clone(), end).await;
        let told = told.unwrap_or_else(|error| panic!("{error}\n{}", self.events));
        let outcomes = told.map(|(outcomes, _)| outcomes);
        self.events.answered(outcomes.as_deref());
        let stored = end != DirectEnd::DiesBeforeCommit;
        let batch = Batch {
            now: self
                .direct
                .integer("select committed_ms from node")
                .await
                .unwrap(),
            members: &members,
            outcomes: outcomes.as_deref(),
            stored,
            left: Left::read(&mut self.direct).await,
        };
        let broken = broken_rules(&mut self.direct).await;
        assert!(broken.is_empty(), "{broken:?}\n{}", self.events);
        let checked = self.model.follow(&batch, &self.town);
        checked.unwrap_or_else(|wrong| panic!("{wrong}\n{}", self.events));
        if stored {
            for met in self.town.learn(&members) {
                self.model.met(met);
            }
        }
        if end != DirectEnd::Answered {
            self.model.met(if stored {
                "died after commit"
            } else {
                "died before commit"
            });
            self.unanswered = members;
            self.check_everything().await;
        }
    }

    /// What is too dear for every batch: each row again, each chain, the float by the model.
    async fn check_everything(&mut self) {
        let all: Vec<Row> = rows(&mut self.direct, books::ALL).await;
        assert!(
            all.iter().eq(self.model.rows.values()),
            "a row changed unseen\n{}",
            self.events
        );
        let context = context();
        let keys = context.transfer_keys(fixture::eur()).expect("keys");
        check_logs(&mut self.direct, keys, &all).await;
        let sql = "select balance_minor from account where kind = 'float'";
        let float = self.direct.integer(sql).await.unwrap();
        assert_eq!(
            float,
            self.model.float(),
            "float = loads − paid + refunded\n{}",
            self.events
        );
        let sql = "select sum(owed_minor) from line";
        let owed = self.direct.integer(sql).await.unwrap();
        assert_eq!(
            owed,
            self.model.owed(),
            "owed = charges − refunds − payments"
        );
    }

    /// The faults stop: every purchase reaches its end or is unknown, and a person empties those.
    async fn settle(&mut self) {
        let members = std::mem::take(&mut self.unanswered);
        self.decide(members, DirectEnd::Answered).await;
        for _ in 0..4 {
            self.clock.fetch_add(86_400_000, Ordering::Relaxed);
            let deadline = |row: &Row| Member::Deadline {
                purchase: PurchaseId(row.id),
            };
            let members: Vec<Member> = self.model.rows.values().map(deadline).collect();
            self.decide(members, DirectEnd::Answered).await;
        }
        for row in self.model.rows.values() {
            let ended = ["supplied", "refunded", "refused", "expired", "unknown"];
            assert!(
                ended.contains(&row.state.as_str()),
                "{row:?}\n{}",
                self.events
            );
        }
        let unknown = self
            .model
            .rows
            .values()
            .filter(|row| row.state == "unknown");
        let unknown: Vec<Row> = unknown.cloned().collect();
        let resolve = unknown
            .iter()
            .map(|row| draw::resolve(row, &mut self.dice))
            .collect();
        self.decide(resolve, DirectEnd::Answered).await;
        let open = self
            .model
            .rows
            .values()
            .filter(|row| row.ack_is_open())
            .count();
        assert_eq!(open, 0, "nothing is unknown any more\n{}", self.events);
        self.check_everything().await;
        let sql = "select sum(iif(kind = 'charge', 1, -1) * (retail_minor + fee_minor))
             from billing_entry";
        let billed = self.direct.integer(sql).await.unwrap();
        assert_eq!(
            billed,
            self.model.charged_in_all(),
            "entries = charges − refunds"
        );
        let wrong = self
            .direct
            .integer(books::BILLS_WITHOUT_ENTRIES)
            .await
            .unwrap();
        assert_eq!(
            wrong, 0,
            "a bill is the sum of its entries\n{}",
            self.events
        );
    }

    fn now(&self) -> Millis {
        Millis(self.clock.load(Ordering::Relaxed))
    }
}

/// The seed's chances.
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    pub fn signed(&mut self, from: i64, to: i64) -> i64 {
        let width = u64::try_from(to - from).unwrap() + 1;
        from + i64::try_from(self.below(width)).unwrap()
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn small(&mut self, from: u8, to: u8) -> u8 {
        u8::try_from(self.signed(from.into(), to.into())).unwrap()
    }

    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length.max(1) as u64)).unwrap()
    }
}

/// The last batches, for the message of a failure.
#[derive(Default)]
struct Events(VecDeque<(Millis, DirectEnd, Vec<Member>, Vec<Outcome>)>);

impl Events {
    fn note(&mut self, now: Millis, members: &[Member], end: DirectEnd) {
        self.0.push_back((now, end, members.to_vec(), Vec::new()));
        while self.0.len() > BATCHES_KEPT {
            self.0.pop_front();
        }
    }

    fn answered(&mut self, outcomes: Option<&[Outcome]>) {
        if let (Some((.., told)), Some(outcomes)) = (self.0.back_mut(), outcomes) {
            *told = outcomes.to_vec();
        }
    }
}

impl std::fmt::Display for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (now, end, members, told) in &self.0 {
            writeln!(f, "── {} {end:?}", now.0)?;
            for (at, member) in members.iter().enumerate() {
                if !matches!(member, Member::Seen { .. }) {
                    let event: String = format!("{member:?}").chars().take(EVENT_CHARS).collect();
                    writeln!(f, "{event}\n   {:?}", told.get(at))?;
                }
            }
        }
        Ok(())
    }
}

/// One context for all seeds: it never changes.
fn context() -> Arc<Context> {
    static CONTEXT: OnceLock<Arc<Context>> = OnceLock::new();
    let make = || {
        let mut policy = fixture::policy();
        if let Some(class) = policy.classes.get_mut("standard") {
            class.bill_maximum = [(fixture::eur(), fixture::minor(1_500))].into();
        }
        let texts = Texts::shipped(fixture::fits).expect("texts");
        let made = Context::new(0, policy, texts, fixture::master(), fixture::profiles());
        Arc::new(made.expect("a context"))
    };
    Arc::clone(CONTEXT.get_or_init(make))
}

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
    )
}

const SEEDS: u64 = 1_000;
const BATCHES: usize = 10;
/// The time of repetition of plain text.
pub const REPEAT_MS: i64 = 600_000;
const BATCHES_KEPT: usize = 5;
const EVENT_CHARS: usize = 400;

/// Ends that some seed has to meet, so that a gateway which refuses everything fails.
const MET: &[&str] = &[
    "a card moved",
    "a card returned",
    "a new name",
    "keys were used again",
    "keys sent",
    "paid under keys that were sent",
    "paid under keys of before",
    "a long time",
    "died after commit",
    "died before commit",
    "Paid",
    "Repeated",
    "Waiting",
    "Forged",
    "Answered",
    "Refused(CounterLow)",
    "Refused(CounterReused)",
    "Refused(ReferenceReused)",
    "Refused(WrongAgain)",
    "Refused(OverCredit)",
    "Refused(OverCap)",
    "Refused(OverPlainCap)",
    "Refused(PurseEmpty)",
    "Refused(PriceChanged)",
    "Refused(Busy)",
    "Refused(Dead)",
    "Refused(Stopped)",
    "Refused(CoolingOff)",
    "Refused(UnknownItem)",
    "Refused(PonExpired)",
    "Refused(PonPaid)",
    "paid secured",
    "paid text",
    "paid kiosk",
    "paid AGAIN",
    "supplied whole",
    "supplied part",
    "refunded",
    "unknown",
    "expired",
    "confirmed Paid",
    "confirmed Refunded",
    "confirmed PartRefunded",
    "paid by words",
    "refunded by words",
    "offered AGAIN",
    "credential",
];
