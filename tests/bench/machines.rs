//! Purchases from the order to the goods: over SMPP as in `smpp`, and 1,000 machines that poll,
//! accept and report by HTTP. The clock stops when everything was confirmed and given out.
//!
//! `tests/bench/run machines [--purchases N] [--subscribers N] [--machines N]`

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[expect(dead_code, reason = "the other benchmarks use the rest of it")]
mod rig;

use rig::machines::Floor;
use rig::{Rig, Sizes, argument, load};

const WINDOW: usize = 50;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let purchases = argument("--purchases", 60_000);
    let sizes = Sizes {
        subscribers: argument("--subscribers", 10_000),
        machines: argument("--machines", 1_000),
        binds: 4,
        polled: true,
        ussd: false,
    };
    let mut rig = Rig::start(sizes).await;
    let mut floor = Floor::start(rig.site.http, sizes.machines).await;
    let warm = purchases / 20;
    rig.buy_until(warm, WINDOW, floor.until_supplied(warm.into()))
        .await;
    let before = load();
    let all = floor.supplied() + u64::from(purchases);
    let run = rig
        .buy_until(purchases, WINDOW, floor.until_supplied(all))
        .await;
    drop(floor);
    rig.gateway.stop();
    let (rate, p50, p99) = (run.per_s(), run.us_at(0.5), run.us_at(0.99));
    println!("{rate}/s, order to response p50 {p50} us, p99 {p99} us");
    println!(
        "{{\"bench\":\"machines\",\"machines\":{},{},\"load_before\":{before},\"load_after\":{}}}",
        sizes.machines,
        run.json(),
        load()
    );
}
