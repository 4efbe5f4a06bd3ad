//! How soon a machine that polls one node has the ack of a purchase that another node committed.

use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use svgate::domain::Millis;
use svgate::gateway::books::{AckQuestion, Books, Committed, Elsewhere};
use svgate::gateway::member::{ArrivalEnd, Member};
use svgate::store::{Place, Store, StoreOptions};
use tokio::sync::mpsc;

use crate::fixture::{Phone, START, Shop, TOKEN, context_of, end_of, terminal};
use crate::{MACHINES, at, buy_all};

/// The machine whose acks are waited for; no other order names it.
const WATCHED: u32 = MACHINES - 1;
const PURCHASES: u32 = 500;
/// Phones of each caller beside: their credit lasts for longer than it is measured.
const SIMS: u32 = 40;

/// From the answer to the order at one node to the ack in the hands of who polls the other; at rest,
/// and while as many callers as given buy at the first.
pub(crate) async fn run(place: Place, callers: u32) -> String {
    let (shop, writer) = Shop::of_node(place.clone(), 1, None).await;
    tokio::spawn(writer.run());
    shop.stocked(MACHINES, PURCHASES + callers * SIMS).await;
    let (heard, news) = mpsc::unbounded_channel();
    let options = StoreOptions { place, node: 2 };
    let on_commit = Arc::new(move |committed: Committed| {
        if let Some(Elsewhere::Moved { terminals, .. }) = committed.elsewhere
            && terminals.contains(&terminal(WATCHED))
        {
            heard.send(()).ok();
        }
    });
    let opened = Store::open(&options, context_of(2), Arc::new(|| START), on_commit);
    let (polled, writer) = opened.await.unwrap();
    tokio::spawn(writer.run());
    // Listening begins with the writer.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let busy: Vec<_> = (0..callers)
        .map(|caller| {
            let first = PURCHASES + caller * SIMS;
            let (shop, sims) = (shop.clone(), first..first + SIMS);
            tokio::spawn(async move {
                let mut sims: Vec<Phone> = sims.map(Phone::new).collect();
                for number in (0..SIMS).cycle() {
                    let order = sims[at(number)].espresso(caller % WATCHED);
                    buy_all(&shop, vec![order]).await;
                }
            })
        })
        .collect();
    let histogram = waits(&shop, &polled, news).await;
    for caller in busy {
        caller.abort();
    }
    let quantile = |of| histogram.value_at_quantile(of);
    let (p50, p99, max) = (quantile(0.5), quantile(0.99), histogram.max());
    println!(
        "wake on the other node, {callers} callers beside: p50 {p50} us, p99 {p99} us, max {max} us"
    );
    format!("{{\"callers\":{callers},\"p50_us\":{p50},\"p99_us\":{p99},\"max_us\":{max}}}")
}

async fn waits(
    shop: &Shop,
    polled: &Store,
    mut news: mpsc::UnboundedReceiver<()>,
) -> Histogram<u64> {
    let mut histogram = Histogram::<u64>::new(3).unwrap();
    for number in 0..PURCHASES {
        let order = Phone::new(number).espresso(WATCHED);
        let outcome = shop.submit(Member::Arrival(order)).await;
        let paid = Instant::now();
        assert_eq!(end_of(&outcome).1, ArrivalEnd::Paid);
        news.recv().await.unwrap();
        let question = AckQuestion {
            terminal: terminal(WATCHED),
            token_sha256: TOKEN,
            after: i64::from(number),
            now: Millis(START.0),
        };
        let acks = polled.acks(question).await.unwrap().unwrap();
        let us = u64::try_from(paid.elapsed().as_micros()).unwrap();
        assert_eq!(acks.acks.len(), 1, "the ack of this purchase");
        histogram.record(us).unwrap();
    }
    assert_eq!(histogram.len(), u64::try_from(at(PURCHASES)).unwrap());
    histogram
}
