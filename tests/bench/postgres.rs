//! Purchases on PostgreSQL by one node and by two, beside pgbench's TPC-B-like script on the same
//! server in the same run. Commits are flushed. Prints one JSON object on its last line.
//!
//! `tests/bench/run postgres [--purchases N] [--phones N] [--turns N] [--seconds N] [--scale N]`

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and spawns callers"
)]

#[expect(dead_code, reason = "the suites use more of it")]
#[path = "../gateway/fixture.rs"]
mod fixture;
#[expect(dead_code, reason = "the suites use more of it")]
#[path = "../gateway/home_on_postgres.rs"]
mod home;
#[expect(dead_code, reason = "the suites use more of it")]
#[path = "../postgres/server.rs"]
mod server;
#[path = "postgres/wakes.rs"]
mod wakes;

use std::process::Command;
use std::time::Instant;

use fixture::{Phone, Shop, eur, minor};
use hdrhistogram::Histogram;
use server::Server;
use svgate::gateway::books::Books;
use svgate::gateway::member::{Arrival, ArrivalEnd, LoadPurse, Member, Outcome};
use svgate::store::Place;

const MACHINES: u32 = 1_000;
const CLIENTS: &str = "32";
/// What a server of this size is commonly given; what a commit promises is as it comes.
const SETTINGS: &[&str] = &[
    "shared_buffers=512MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=30min",
];

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

fn at(number: u32) -> usize {
    usize::try_from(number).unwrap()
}

/// pgbench on this server.
struct PgBench<'a>(&'a Server);

impl PgBench<'_> {
    fn run(&self, arguments: &[&str]) -> String {
        let port = self.0.port.to_string();
        let output = Command::new("pgbench")
            .args(["-h", "127.0.0.1", "-U", "postgres", "-p", &port])
            .args(arguments)
            .arg("pgbench")
            .output()
            .expect("pgbench runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Transactions a second.
    fn tps(&self, seconds: u32) -> u64 {
        let seconds = seconds.to_string();
        let said = self.run(&["-n", "-c", CLIENTS, "-j", "2", "-T", &seconds]);
        let line = said.lines().find(|line| line.starts_with("tps = "));
        let tps = line.and_then(|line| line.split(['=', '.']).nth(1));
        tps.and_then(|tps| tps.trim().parse().ok()).expect("a rate")
    }
}

/// How callers and machines are spread.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    callers: u32,
    nodes: u32,
    /// Whether each node's orders are for machines of its own.
    apart: bool,
}

const CASES: [Case; 5] = [
    case("one_64", 64, 1, true),
    case("one_500", 500, 1, true),
    case("two_64", 64, 2, true),
    case("two_500", 500, 2, true),
    case("two_500_shared_machines", 500, 2, false),
];

const fn case(name: &'static str, callers: u32, nodes: u32, apart: bool) -> Case {
    Case {
        name,
        callers,
        nodes,
        apart,
    }
}

#[tokio::main]
async fn main() {
    let [purchases, phones] = [
        argument("--purchases", 30_000),
        argument("--phones", 10_000),
    ];
    let [turns, seconds] = [argument("--turns", 3), argument("--seconds", 15)];
    let server = Server::with(SETTINGS);
    drop(server.database("pgbench").await);
    let pgbench = PgBench(&server);
    pgbench.run(&["-i", "-q", "-s", &argument("--scale", 50).to_string()]);
    let mut lines = Vec::new();
    for turn in 0..turns {
        let before = pgbench.tps(seconds);
        println!("turn {turn}: pgbench, {CLIENTS} clients: {before} tps");
        let mut told = vec![format!("\"pgbench_tps\":{before}")];
        for case in CASES {
            let rate = run(&server, case, purchases, phones).await;
            let tenths = rate.0 * 10 / before.max(1);
            let (whole, tenth) = (tenths / 10, tenths % 10);
            println!(
                "  {}: {}/s, {whole}.{tenth} of pgbench, {}",
                case.name, rate.0, rate.1
            );
            told.push(format!("\"{}_per_s\":{}", case.name, rate.0));
        }
        lines.push(format!("{{{}}}", told.join(",")));
    }
    let mut woken = Vec::new();
    for callers in [0, 64] {
        let place = Place::Postgres(server.new_database().await);
        woken.push(wakes::run(place, callers).await);
    }
    println!(
        "{{\"postgres\":[{}],\"wakes\":[{}]}}",
        lines.join(","),
        woken.join(",")
    );
}

/// Purchases a second, and how long each took.
async fn run(server: &Server, case: Case, count: u32, phones: u32) -> (u64, String) {
    let place = Place::Postgres(server.new_database().await);
    let mut nodes = Vec::new();
    for node in 1..=case.nodes {
        let number = u16::try_from(node).unwrap();
        let (shop, writer) = Shop::of_node(place.clone(), number, None).await;
        tokio::spawn(writer.run());
        nodes.push(shop);
    }
    nodes[0].stocked(MACHINES, phones).await;
    for shop in &nodes[1..] {
        let load = LoadPurse {
            amount: minor(1_000_000_000),
            currency: eur(),
            reference: "L2".into(),
        };
        assert_eq!(shop.submit(Member::LoadPurse(load)).await, Outcome::Done);
    }
    let mut sims: Vec<Phone> = (0..phones).map(Phone::new).collect();
    let mut shares: Vec<Vec<Arrival>> = vec![Vec::new(); at(case.callers)];
    for n in 0..count {
        // An even number of phones and machines: each node has every second of them.
        let machine = if case.apart { n } else { n / case.nodes };
        let order = sims[at(n % phones)].espresso(machine % MACHINES);
        shares[at(n % case.callers)].push(order);
    }
    let started = Instant::now();
    let tasks: Vec<_> = shares
        .into_iter()
        .enumerate()
        .map(|(caller, share)| {
            let shop = nodes[caller % nodes.len()].clone();
            tokio::spawn(async move { buy_all(&shop, share).await })
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
    let quantile = |of| histogram.value_at_quantile(of) / 1_000;
    let told = format!("p50 {} ms, p99 {} ms", quantile(0.5), quantile(0.99));
    (u64::try_from(rate).unwrap(), told)
}

async fn buy_all(shop: &Shop, orders: Vec<Arrival>) -> Vec<u64> {
    let mut latencies = Vec::with_capacity(orders.len());
    for order in orders {
        let begin = Instant::now();
        let outcome = shop.store.submit(Member::Arrival(order)).await;
        latencies.push(u64::try_from(begin.elapsed().as_micros()).unwrap());
        let Ok(Outcome::Arrived { end, .. }) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(end, ArrivalEnd::Paid);
    }
    latencies
}
