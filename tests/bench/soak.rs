//! Memory over a long run: purchases from the order to the goods, wave after wave, and after each
//! what the gateway holds without mapped files.
//!
//! `tests/bench/run soak [--purchases N] [--minutes N] [--wave N] [--subscribers N] [--machines N]`

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[expect(dead_code, reason = "the other benchmarks use the rest of it")]
mod rig;

use std::time::Duration;

use rig::machines::Floor;
use rig::{Rig, Sizes, argument, load, now};

const WINDOW: usize = 50;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let purchases = u64::from(argument("--purchases", 1_000_000));
    let within = Duration::from_secs(60 * u64::from(argument("--minutes", 60)));
    let wave = argument("--wave", 50_000);
    let sizes = Sizes {
        subscribers: argument("--subscribers", 10_000),
        machines: argument("--machines", 200),
        binds: 4,
        polled: true,
        ussd: false,
    };
    let mut rig = Rig::start(sizes).await;
    let mut floor = Floor::start(rig.site.http, sizes.machines).await;
    let began = now();
    let mut curve = Vec::new();
    println!("purchases  rate/s  p99 us  anonymous kB  books MB  load");
    while floor.supplied() < purchases && now().saturating_duration_since(began) < within {
        let all = floor.supplied() + u64::from(wave);
        let run = rig.buy_until(wave, WINDOW, floor.until_supplied(all)).await;
        let (kb, load) = (run.gateway.anonymous_kb, load());
        let books_mb = rig.site.books_octets() >> 20;
        let (rate, p99) = (run.per_s(), run.us_at(0.99));
        println!("{all:>9}  {rate:>6}  {p99:>6}  {kb:>12}  {books_mb:>8}  {load}");
        curve.push(format!("[{all},{kb}]"));
    }
    let bought = floor.supplied();
    drop(floor);
    rig.gateway.stop();
    let seconds = now().saturating_duration_since(began).as_secs();
    println!(
        "{{\"bench\":\"soak\",\"purchases\":{bought},\"seconds\":{seconds},\
         \"anonymous_kb\":[{}],\"load_after\":{}}}",
        curve.join(","),
        load()
    );
}
