//! Purchases by USSD over SMPP on loopback: each a session of three messages of the phone (dial, choose,
//! yes), four texts of the gateway (list, price, closing, and the SMS), all rows written; 50 sessions
//! open on each of 4 binds. No step but the last commits anything.
//!
//! `tests/bench/run ussd [--purchases N] [--open N] [--binds N]`

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[expect(dead_code, reason = "the other benchmarks use the rest of it")]
mod rig;

use rig::dialling::{Plan, listen, run};
use rig::gateway::{Site, own_processor_time};
use rig::machines::show_life;
use rig::{Sizes, argument, load, per_s, us};
use tokio::sync::oneshot;

const MACHINES: u32 = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let plan = Plan {
        binds: argument("--binds", 4),
        open: argument("--open", 50).try_into().unwrap(),
        phones: argument("--purchases", 60_000),
        machines: MACHINES,
    };
    let sizes = Sizes {
        subscribers: plan.phones,
        machines: MACHINES,
        binds: plan.binds,
        polled: false,
        ussd: true,
    };
    let (listener, address) = listen().await;
    let site = Site::provision(sizes, address);
    let gateway = site.serve();
    let (binding, bound) = oneshot::channel();
    let (begin, began) = oneshot::channel();
    #[expect(clippy::disallowed_methods, reason = "the centre beside the machines")]
    let dialled = tokio::spawn(run(listener, plan, binding, began));
    bound.await.unwrap();
    show_life(site.http, MACHINES).await;
    let (before, generator, used) = (load(), own_processor_time(), gateway.usage());
    begin.send(()).unwrap();
    let dialled = dialled.await.unwrap();
    let used = gateway.usage().since(used);
    let generator = own_processor_time().saturating_sub(generator);
    gateway.stop();
    assert_eq!((dialled.paid, dialled.told), (plan.phones, plan.phones));
    let rate = per_s(plan.phones.into(), dialled.took);
    let [p50, p99] = [0.5, 0.99].map(|at| dialled.steps_us.value_at_quantile(at));
    let each = |time| us(time) / u64::from(plan.phones);
    println!(
        "{{\"bench\":\"ussd\",\"binds\":{},\"open\":{},\"purchases\":{},\"per_s\":{rate},\
         \"step_p50_us\":{p50},\"step_p99_us\":{p99},\"gateway_cpu_us_each\":{},\
         \"generator_cpu_us_each\":{},\"gateway_anonymous_kb\":{},\"load_before\":{before},\
         \"load_after\":{}}}",
        plan.binds,
        plan.open,
        plan.phones,
        each(used.processor),
        each(generator),
        used.anonymous_kb,
        load()
    );
}
