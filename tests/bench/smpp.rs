//! Purchases over SMPP on loopback: a gateway in a process of its own, half of the orders sealed and
//! half in words, each confirmed; 4 binds of window 50, then one bind of window 1.
//!
//! `tests/bench/run smpp [--purchases N] [--subscribers N] [--window N] [--binds N]`

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[expect(dead_code, reason = "the other benchmarks use the rest of it")]
mod rig;

use rig::machines::show_life;
use rig::{Rig, Sizes, argument, load};

const MACHINES: u32 = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let purchases = argument("--purchases", 200_000);
    let window = usize::try_from(argument("--window", 50)).unwrap();
    let sizes = Sizes {
        subscribers: argument("--subscribers", 10_000),
        machines: MACHINES,
        binds: argument("--binds", 4),
        polled: false,
        ussd: false,
    };
    let mut rig = Rig::start(sizes).await;
    show_life(rig.site.http, MACHINES).await;
    rig.buy(purchases / 20, window).await;
    let before = load();
    let wide = rig.buy(purchases, window).await;
    let narrow = rig.buy_by_one(purchases / 100).await;
    rig.gateway.stop();
    let binds = sizes.binds;
    for (name, run) in [("wide", &wide), ("one by one", &narrow)] {
        let (rate, p50, p99) = (run.per_s(), run.us_at(0.5), run.us_at(0.99));
        println!("{name}: {rate}/s, p50 {p50} us, p99 {p99} us");
    }
    println!(
        "{{\"bench\":\"smpp\",\"binds\":{binds},\"window\":{window},{},\"window_1\":{{{}}},\
         \"load_before\":{before},\"load_after\":{}}}",
        wide.json(),
        narrow.json(),
        load()
    );
}
