//! What the benchmarks of a whole gateway share: the gateway in a process of its own, and around it,
//! on the same processors, an SMSC, phones and machines that cost as little as they can.
//!
//! ```text
//! phones (orders sealed before the clock starts) ─► SMSC ──SMPP──► svgate serve ◄──HTTP── machines
//!        └──── confirmations, all opened after the clock stopped ◄──┘   its books on a disk
//! ```

pub(crate) mod centre;
pub(crate) mod dialling;
pub(crate) mod gateway;
pub(crate) mod machines;
pub(crate) mod phones;

use std::time::Duration;

use hdrhistogram::Histogram;

use self::centre::{Centre, Ran};
use self::gateway::{Gateway, Site, Usage};
use self::phones::{Orders, Phones};

/// How large the world around the gateway is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Subscribers, each with a SIM.
    pub(crate) subscribers: u32,
    /// Machines, each with a short code of its own.
    pub(crate) machines: u32,
    /// Binds between the SMSC and the gateway.
    pub(crate) binds: u32,
    /// Whether the machines poll. Else no ack is accepted, and none comes to its deadline.
    pub(crate) polled: bool,
    /// Whether the binds carry USSD.
    pub(crate) ussd: bool,
}

/// A gateway that serves, with everybody who wants something of it.
pub(crate) struct Rig {
    pub(crate) site: Site,
    pub(crate) gateway: Gateway,
    pub(crate) centre: Centre,
    pub(crate) phones: Phones,
}

/// One run, measured.
pub(crate) struct Measured {
    pub(crate) purchases: u64,
    pub(crate) took: Duration,
    pub(crate) latencies_us: Histogram<u64>,
    pub(crate) put_back: u64,
    /// Processor time of the gateway and of everything around it.
    pub(crate) gateway: Usage,
    pub(crate) generator: Duration,
}

impl Rig {
    /// Provisions the books by the commands that an operator runs, and starts the gateway.
    pub(crate) async fn start(sizes: Sizes) -> Self {
        let centre = Centre::start(sizes.binds).await;
        let site = Site::provision(sizes, centre.address());
        let phones = Phones::new(&site, sizes);
        let gateway = site.serve();
        centre.until_bound().await;
        Self {
            site,
            gateway,
            centre,
            phones,
        }
    }

    /// Lets the phones order and waits until each has its confirmation; checks them all.
    pub(crate) async fn buy(&mut self, count: u32, window: usize) -> Measured {
        self.buy_until(count, window, std::future::ready(())).await
    }

    /// As [`Self::buy`], one after the other over one bind.
    pub(crate) async fn buy_by_one(&mut self, count: u32) -> Measured {
        let orders = self.phones.orders(count, 1);
        self.measure(count, orders, 1, std::future::ready(())).await
    }

    /// As [`Self::buy`]; it also waits for `ended` before the clock stops.
    pub(crate) async fn buy_until(
        &mut self,
        count: u32,
        window: usize,
        ended: impl Future<Output = ()>,
    ) -> Measured {
        let orders = self.phones.orders(count, u32::MAX);
        self.measure(count, orders, window, ended).await
    }

    async fn measure(
        &mut self,
        count: u32,
        orders: Vec<Orders>,
        window: usize,
        ended: impl Future<Output = ()>,
    ) -> Measured {
        let (gateway, generator) = (self.gateway.usage(), gateway::own_processor_time());
        let began = now();
        let runs = self.centre.run(orders, window).await;
        ended.await;
        let took = now().saturating_duration_since(began);
        let measured = Measured {
            purchases: count.into(),
            took,
            latencies_us: latencies(&runs),
            put_back: runs.iter().map(|run| run.put_back).sum(),
            gateway: self.gateway.usage().since(gateway),
            generator: gateway::own_processor_time().saturating_sub(generator),
        };
        let heard: u32 = runs.iter().map(|run| self.phones.read(&run.heard)).sum();
        assert_eq!(count, heard, "confirmations that say paid");
        measured
    }
}

impl Measured {
    pub(crate) fn per_s(&self) -> u64 {
        per_s(self.purchases, self.took)
    }

    pub(crate) fn us_at(&self, quantile: f64) -> u64 {
        self.latencies_us.value_at_quantile(quantile)
    }

    /// As members of a JSON object. Two processors with nothing else to do would allow
    /// `2 s / (gateway + generator)` purchases a second, if all of it could run beside each other.
    pub(crate) fn json(&self) -> String {
        let each = |time: Duration| us(time).checked_div(self.purchases).unwrap_or_default();
        format!(
            "\"purchases\":{},\"per_s\":{},\"p50_us\":{},\"p99_us\":{},\"max_us\":{},\
             \"put_back\":{},\"gateway_cpu_us_each\":{},\"generator_cpu_us_each\":{},\
             \"gateway_anonymous_kb\":{}",
            self.purchases,
            self.per_s(),
            self.us_at(0.5),
            self.us_at(0.99),
            self.latencies_us.max(),
            self.put_back,
            each(self.gateway.processor),
            each(self.generator),
            self.gateway.anonymous_kb,
        )
    }
}

fn latencies(runs: &[Ran]) -> Histogram<u64> {
    let mut all = Histogram::new_with_bounds(1, 60_000_000, 3).unwrap();
    for run in runs {
        all.add(&run.latencies_us).unwrap();
    }
    all
}

pub(crate) fn per_s(count: u64, took: Duration) -> u64 {
    let rate = u128::from(count) * 1_000_000 / took.as_micros().max(1);
    u64::try_from(rate).unwrap()
}

pub(crate) fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The load of the machine over the last minute: what else ran while this was measured.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    text.split(' ').next().unwrap().to_owned()
}

/// A number from the command line.
pub(crate) fn argument(name: &str, default: u32) -> u32 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    if arguments.next().is_none() {
        return default;
    }
    let value = arguments.next().unwrap_or_default();
    value
        .parse()
        .unwrap_or_else(|_| panic!("{name} needs a number, not {value:?}"))
}
