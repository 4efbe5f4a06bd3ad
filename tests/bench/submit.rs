//! `submit` of secured purchases: rate and latency at 1, 8, 64 and 256 callers, beside a bare loop
//! that writes the same rows. Prints one JSON object on its last line.
//!
//! `tests/bench/run submit [--purchases N] [--phones N]`

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and spawns callers"
)]

#[expect(dead_code, reason = "the suites use more of it")]
#[path = "../gateway/fixture.rs"]
mod fixture;
#[expect(dead_code, reason = "the suites use more of it")]
#[path = "../gateway/home.rs"]
mod home;

use std::sync::Arc;
use std::time::Instant;

use fixture::{Phone, Shop, context};
use hdrhistogram::Histogram;
use svgate::gateway::books::Books;
use svgate::gateway::member::{Arrival, ArrivalEnd, Member, Outcome};
use svgate::store::{Direct, Place, StoreOptions};

const MACHINES: u32 = 1_000;

fn argument(name: &str, default: u32) -> u32 {
    let mut arguments = std::env::args();
    while let Some(argument) = arguments.next() {
        if argument == name {
            return arguments
                .next()
                .and_then(|value| value.parse().ok())
                .unwrap_or(default);
        }
    }
    default
}

fn orders(phones: &mut [Phone], count: u32) -> Vec<Arrival> {
    let many = u32::try_from(phones.len()).unwrap();
    (0..count)
        .map(|n| phones[(n % many).at()].espresso(n % MACHINES))
        .collect()
}

trait AsUsize {
    fn at(self) -> usize;
}

impl AsUsize for u32 {
    fn at(self) -> usize {
        usize::try_from(self).unwrap()
    }
}

#[tokio::main]
async fn main() {
    let purchases = argument("--purchases", 40_000);
    let phones = argument("--phones", 10_000);
    let mut lines = Vec::new();
    let only = argument("--callers", 0);
    for callers in [1, 8, 64, 256]
        .into_iter()
        .filter(|n| only == 0 || *n == only)
    {
        let count = if callers == 1 {
            purchases / 10
        } else {
            purchases
        };
        lines.push(run(callers, count, phones).await);
    }
    let bare = bare(purchases / 2, phones, 64).await;
    println!("bare loop, 64 purchases a commit: {bare}/s");
    println!(
        "{{\"submit\":[{}],\"bare_64_per_s\":{bare}}}",
        lines.join(",")
    );
}

async fn run(callers: u32, count: u32, phones: u32) -> String {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open(Some(folder.path().join("books.db"))).await;
    shop.stocked(MACHINES, phones).await;
    let mut sims: Vec<Phone> = (0..phones).map(Phone::new).collect();
    let mut shares: Vec<Vec<Arrival>> = vec![Vec::new(); callers.at()];
    for (n, order) in orders(&mut sims, count).into_iter().enumerate() {
        shares[n % callers.at()].push(order);
    }
    let started = Instant::now();
    let tasks: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let store = shop.store.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(share.len());
                for order in share {
                    let begin = Instant::now();
                    let outcome = store.submit(Member::Arrival(order)).await.unwrap();
                    latencies.push(u64::try_from(begin.elapsed().as_micros()).unwrap());
                    let Outcome::Arrived { end, .. } = outcome else {
                        panic!("{outcome:?}")
                    };
                    assert_eq!(end, ArrivalEnd::Paid);
                }
                latencies
            })
        })
        .collect();
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    for task in tasks {
        for latency in task.await.unwrap() {
            histogram.record(latency).unwrap();
        }
    }
    let elapsed = started.elapsed().as_micros();
    let rate = u128::from(count) * 1_000_000 / elapsed.max(1);
    let commits = shop.committed.lock().unwrap().len();
    let (p50, p99) = (
        histogram.value_at_quantile(0.5),
        histogram.value_at_quantile(0.99),
    );
    println!(
        "{callers:>4} callers: {rate:>7}/s  p50 {p50:>6} us  p99 {p99:>6} us  {commits} commits"
    );
    format!("{{\"callers\":{callers},\"per_s\":{rate},\"p50_us\":{p50},\"p99_us\":{p99}}}")
}

/// The same rows, written with nothing around: what the engine itself allows.
async fn bare(count: u32, phones: u32, batch: u32) -> u128 {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut books = Vec::new();
    for folder in [&first, &second] {
        let path = Some(folder.path().join("books.db"));
        let shop = Shop::open(path.clone()).await;
        shop.stocked(MACHINES, phones).await;
        drop(shop);
        let place = path.map_or(Place::Memory, Place::File);
        let options = StoreOptions { place, node: 0 };
        books.push(
            Direct::open(&options, context(), Arc::new(|| fixture::START))
                .await
                .unwrap(),
        );
    }
    let mut sims: Vec<Phone> = (0..phones).map(Phone::new).collect();
    let members: Vec<Member> = orders(&mut sims, count)
        .into_iter()
        .map(Member::Arrival)
        .collect();
    let mut shown = Vec::new();
    for chunk in members.chunks(batch.at()) {
        shown.push(books[0].decide_and_show(chunk.to_vec()).await.unwrap());
    }
    let (statements, values) = shown
        .first()
        .map(svgate::store::Shown::size)
        .unwrap_or_default();
    println!("a commit of {batch}: {values} values in {statements} statements");
    let started = Instant::now();
    for shown in shown {
        books[1].write_bare(shown).await.unwrap();
    }
    u128::from(count) * 1_000_000 / started.elapsed().as_micros().max(1)
}
