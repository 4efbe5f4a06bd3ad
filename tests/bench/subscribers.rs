//! How a gateway with millions of subscribers compares with one that has ten thousand: the import by
//! its own command, then purchases as in `smpp`, in turns, so that both meet the same neighbours.
//!
//! `tests/bench/run subscribers [--subscribers N] [--purchases N] [--turns N]`
//!
//! Ten million take some 6 GB of disk until the benchmark ends.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[expect(dead_code, reason = "the other benchmarks use the rest of it")]
mod rig;

use std::time::Duration;

use rig::machines::show_life;
use rig::{Measured, Rig, Sizes, argument, load, per_s, us};

const FEW: u32 = 10_000;
const MACHINES: u32 = 1_000;
const WINDOW: usize = 50;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let subscribers = argument("--subscribers", 10_000_000);
    let purchases = argument("--purchases", 100_000);
    let turns = argument("--turns", 5).max(1);
    let before = load();
    let mut many = start(subscribers).await;
    let imported = many.site.imported;
    let rate = per_s(subscribers.into(), imported.took);
    let cpu_ns = imported.processor.as_nanos() / u128::from(subscribers);
    let books_mb = many.site.books_octets() >> 20;
    println!("imported {subscribers}: {rate}/s, {cpu_ns} ns of processor each, {books_mb} MB");

    let mut few = start(FEW).await;
    let (mut of_few, mut of_many) = (Vec::new(), Vec::new());
    for turn in 0..turns {
        for (rig, runs) in [(&mut few, &mut of_few), (&mut many, &mut of_many)] {
            runs.push(rig.buy(purchases / turns, WINDOW).await);
        }
        let rates = (
            of_few[of_few.len() - 1].per_s(),
            of_many[of_many.len() - 1].per_s(),
        );
        println!(
            "turn {turn}: {} /s with few, {} /s with many",
            rates.0, rates.1
        );
    }
    few.gateway.stop();
    many.gateway.stop();
    let (few, many) = (Sum::of(&of_few), Sum::of(&of_many));
    println!(
        "{{\"bench\":\"subscribers\",\"subscribers\":{subscribers},\"import_per_s\":{rate},\
         \"import_cpu_ns_each\":{cpu_ns},\"books_mb\":{books_mb},\"few\":{},\"many\":{},\
         \"rate_percent\":{},\"gateway_cpu_percent\":{},\"load_before\":{before},\
         \"load_after\":{}}}",
        few.json(),
        many.json(),
        many.per_s() * 100 / few.per_s(),
        many.gateway_us * 100 / few.gateway_us,
        load()
    );
}

async fn start(subscribers: u32) -> Rig {
    let sizes = Sizes {
        subscribers,
        machines: MACHINES,
        binds: 4,
        polled: false,
        ussd: false,
    };
    let mut rig = Rig::start(sizes).await;
    show_life(rig.site.http, MACHINES).await;
    rig.buy(10_000, WINDOW).await;
    rig
}

/// All turns of one gateway.
struct Sum {
    purchases: u64,
    took: Duration,
    gateway_us: u64,
    p99_us: u64,
    anonymous_kb: u64,
}

impl Sum {
    fn of(runs: &[Measured]) -> Self {
        let us_of = |run: &Measured| us(run.gateway.processor);
        Self {
            purchases: runs.iter().map(|run| run.purchases).sum(),
            took: runs.iter().map(|run| run.took).sum(),
            gateway_us: runs.iter().map(us_of).sum(),
            p99_us: runs
                .iter()
                .map(|run| run.us_at(0.99))
                .max()
                .unwrap_or_default(),
            anonymous_kb: runs.last().map_or(0, |run| run.gateway.anonymous_kb),
        }
    }

    fn per_s(&self) -> u64 {
        per_s(self.purchases, self.took)
    }

    fn json(&self) -> String {
        format!(
            "{{\"per_s\":{},\"worst_p99_us\":{},\"gateway_cpu_us_each\":{},\"anonymous_kb\":{}}}",
            self.per_s(),
            self.p99_us,
            self.gateway_us / self.purchases,
            self.anonymous_kb
        )
    }
}
