//! Purses over a network that loses, repeats, re-orders, alters and replays: PRG-126's properties
//! after every step, for as many seeds as there is time for.
//!
//! What is held against the purses is told by the harness from what the ledger was told to move,
//! never by the purses: `debited` and `credited`. `SIM_SEED=…` replays one seed, `SIM_SEEDS=…` runs
//! that many instead of the default.

#[path = "purses/books.rs"]
mod books;
#[path = "purses/moves.rs"]
mod moves;

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use svgate::sv::log::LogRecord;
use svgate::sv::mac::MacKey;
use svgate::sv::message::PaymentDetails;
use svgate::sv::proof::{Proof, StatusReport};
use svgate::sv::purse::Purse;

#[test]
fn no_value_is_made_or_forgotten_whatever_becomes_of_the_messages() {
    if let Some(seed) = number_from("SIM_SEED") {
        run(seed);
        return;
    }
    let seeds = number_from("SIM_SEEDS").unwrap_or(SEEDS);
    let half = |first: u64| move || (first..seeds).step_by(2).flat_map(told).collect();
    let (even, odd): (BTreeSet<String>, BTreeSet<String>) = std::thread::scope(|scope| {
        let odd = scope.spawn(half(1));
        (half(0)(), odd.join().expect("no seed fails"))
    });
    let reached: BTreeSet<String> = even.union(&odd).cloned().collect();
    let all = [Proof::Lost, Proof::NotPaid, Proof::PayeePaid, Proof::Wait];
    assert_eq!(
        reached,
        all.map(|proof| format!("{proof:?}")).into(),
        "every end is met"
    );
}

#[test]
fn a_payment_whose_messages_are_all_lost_is_finished_by_resuming() {
    let mut world = World::new(0);
    world.start(0, 1, 30);
    world.deliver_all();
    assert!(world.all_idle());
    for losses in 0..32 {
        world.start(0, 1, 1);
        // The starts arrive; of what follows, each may be lost on its first way.
        let mut lose = losses;
        while !world.network.is_empty() {
            let (to, octets) = world.network.remove(0);
            if octets[1] > 2 && lose & 1 == 1 {
                lose >>= 1;
                continue;
            }
            lose >>= u32::from(octets[1] > 2);
            world.deliver(to, &octets);
        }
        while !world.all_idle() {
            world.resume(1);
            world.resume(0);
            world.deliver_all();
        }
        world.check();
    }
    assert_eq!(
        world.ends.iter().map(|end| end.balance).collect::<Vec<_>>(),
        [38, 162, 100]
    );
}

/// Runs one seed, and prints it when it fails.
fn told(seed: u64) -> Vec<String> {
    std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|panic| {
        eprintln!("replay it with SIM_SEED={seed}");
        std::panic::resume_unwind(panic)
    })
}

/// Runs one seed, and tells which proofs were found on the way.
fn run(seed: u64) -> Vec<String> {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
        world.check();
    }
    world.settle();
    world
        .proved
        .iter()
        .map(|(_, proof)| format!("{proof:?}"))
        .collect()
}

/// Purses, what lies between them, and what really happened.
struct World {
    rng: ChaCha8Rng,
    ends: Vec<Holder>,
    /// Key of each pair, at `lower * PURSES + higher`.
    pairs: Vec<MacKey>,
    network: Vec<(usize, Vec<u8>)>,
    /// Messages that a purse has followed: bringing them again must change nothing.
    followed: Vec<(usize, Vec<u8>)>,
    payments: Vec<PaymentDetails>,
    debited: BTreeSet<i64>,
    credited: BTreeSet<i64>,
    reports: Vec<StatusReport>,
    proved: Vec<(i64, Proof)>,
}

/// One purse with its balance, its log, and what the archive holds of it.
struct Holder {
    purse: Purse,
    balance: i64,
    own: MacKey,
    log: Vec<LogRecord>,
    archive: Vec<PaymentDetails>,
}

impl World {
    fn new(seed: u64) -> Self {
        let end = |number: u8| Holder {
            purse: Purse::new(
                format!("purse-{number}").parse().unwrap(),
                "EUR".parse().unwrap(),
            ),
            balance: BALANCE,
            own: MacKey::new(&[number + 1; 16]),
            log: Vec::new(),
            archive: Vec::new(),
        };
        let pair = |number: usize| MacKey::new(&[u8::try_from(number).unwrap() + 100; 16]);
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            ends: (0..3).map(end).collect(),
            pairs: (0..PURSES * PURSES).map(pair).collect(),
            network: Vec::new(),
            followed: Vec::new(),
            payments: Vec::new(),
            debited: BTreeSet::new(),
            credited: BTreeSet::new(),
            reports: Vec::new(),
            proved: Vec::new(),
        }
    }

    fn step(&mut self) {
        let at = self.below(PURSES);
        match self.below(100) {
            0..16 => self.start_any(),
            16..56 => self.deliver_any(true),
            56..64 => self.deliver_any(false),
            64..67 => self.lose_any(),
            67..73 => self.replay_any(),
            73..77 => self.alter_any(),
            77..84 => self.resume(at),
            84..87 => self.abort(at),
            87..90 => self.leave_any(),
            90..95 => self.report_any(),
            95..97 => self.archive(at),
            _ => self.restart(at),
        }
        if self.below(4) == 0 {
            self.prove_any();
        }
    }
    fn all_idle(&self) -> bool {
        self.ends.iter().all(|end| end.purse.is_idle())
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u32()).unwrap() % bound
    }
}

/// `purse-2` is 2; an altered name is nobody, and has no keys.
fn end_number(name: &str) -> usize {
    name.strip_prefix("purse-")
        .and_then(|number| number.parse().ok())
        .unwrap_or(1000)
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().expect("a number"))
}

const PURSES: usize = 3;
const BALANCE: i64 = 100;
const STEPS: u32 = 100;
/// About a second in a debug build.
const SEEDS: u64 = 1_000;
