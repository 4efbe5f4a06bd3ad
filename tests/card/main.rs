//! A purchase from the card to the goods, a few hundred times over a bad network.
//!
//! ```text
//! applet ◄─APDU─► phone ◄─► bad network ◄─► SMSC ◄─SMPP─► svgate serve ◄─HTTP─► vending machines
//!                   └── what was shown, sent and brought ──► claims ◄── machines, books, files
//! ```
//! `tests/peers/card.sh` runs it with `SVGATE`, the gateway's program, and `CARD_JAR`, the card; it takes
//! SEED, PURCHASES (200) and CAPTURE, a file for every APDU. Without the two it does nothing, says so, and
//! counts as no test.

#![expect(clippy::print_stdout, reason = "it prints what it claims")]

mod capture;
mod claims;
mod journal;
mod network;
mod site;
mod subscriber;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use svgate::simulator::handset::card_phone::CardPhone;
use svgate::simulator::handset::cell::Cell;
use svgate::simulator::smsc::{Clock, Smsc, SmscConfig};
use svgate::simulator::terminal::{Habit, Machine, MachineConfig, MachineFaults};
use svgate::telemetry::clock::stopwatch;

use crate::capture::Tap;
use crate::network::Fate;
use crate::site::{ACCOUNT, Bearer, CardProcess, ICCID, MACHINES, MSISDN, PASSWORD, Site};
use crate::subscriber::{Hand, Subscriber};

fn main() -> ExitCode {
    let place = |name| std::env::var_os(name).map(PathBuf::from);
    let (Some(svgate), Some(jar)) = (place("SVGATE"), place("CARD_JAR")) else {
        println!("not run: tests/peers/card.sh runs it, with SVGATE and CARD_JAR");
        return ExitCode::SUCCESS;
    };
    let number = |name, otherwise| {
        let given = std::env::var(name).ok();
        given.map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let (seed, purchases) = (number("SEED", 1), number("PURCHASES", 200));
    println!("SEED={seed}: {purchases} purchases");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let holds = runtime.block_on(async {
        let played = play(svgate.clone(), &jar, seed, purchases).await;
        let by_sms = terminal::a_person_buys(svgate.clone(), &jar, Bearer::Sms).await;
        let by_ussd = terminal::a_person_buys(svgate, &jar, Bearer::Ussd).await;
        played && by_sms && by_ussd
    });
    if holds {
        ExitCode::SUCCESS
    } else {
        println!("failed with SEED={seed}");
        ExitCode::FAILURE
    }
}

/// Plays it all; whether every claim holds.
async fn play(svgate: PathBuf, jar: &Path, seed: u64, purchases: u64) -> bool {
    let clock = time();
    let config = SmscConfig {
        accounts: vec![("svgate".to_owned(), PASSWORD.to_owned())],
        ..SmscConfig::default()
    };
    let any = "127.0.0.1:0".parse().unwrap();
    let (smsc, submitted) = Smsc::start(config, any, Arc::clone(&clock), 64)
        .await
        .unwrap();
    let site = Site::open(svgate, smsc.address(), Bearer::Sms).await;
    let gateway = site.serve();
    let card = CardProcess::start(jar, &site.path("master.key"), Bearer::Sms).await;
    let bound = tokio::time::timeout(Duration::from_secs(20), smsc.until_bound(1)).await;
    assert!(bound.is_ok(), "the gateway does not bind: {}", site.log());
    let mut machines = machines(&site, &clock, seed);
    for machine in &machines {
        machine.until_alive().await;
    }

    let cell = Cell::new(MSISDN.parse().unwrap(), smsc, submitted);
    let capture = std::env::var_os("CAPTURE").map_or_else(|| site.path("card.pcap"), PathBuf::from);
    let tap = Tap::open(card.address.clone(), &capture).await;
    let phone = CardPhone::switch_on(&tap.address).await.unwrap();
    let mut subscriber = Subscriber::new(phone, cell);
    subscriber.idle().await;
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut made = 0;
    while made < purchases {
        if !buy(&mut subscriber, &mut chance).await {
            continue;
        }
        made += 1;
        if made == purchases / 3 {
            block_and_unblock(&mut subscriber, &site).await;
        }
        if made == purchases / 2 {
            new_keys(&mut subscriber, &site).await;
        }
    }
    subscriber.bring_the_rest().await;
    let journal = subscriber.into_journal();

    let reached = claims::Witness::of(&site).reached(&journal);
    site.until_supplied(reached.len()).await;
    let mut gave_out = Vec::new();
    for (machine, part) in machines.iter_mut().zip(MACHINES) {
        machine.stop().await;
        gave_out.extend(
            machine
                .gave_out()
                .into_iter()
                .map(|gave| (part.short_code, gave)),
        );
    }
    gateway.stop().await;
    claims::hold(&journal, &gave_out, &site).await
}

/// A clock that begins now.
fn time() -> Clock {
    let since = stopwatch();
    Arc::new(move || Duration::from_micros(since()))
}

fn machines(site: &Site, clock: &Clock, seed: u64) -> Vec<Machine> {
    let start = |(part, token): (&site::MachinePart, &String)| {
        let config = MachineConfig {
            id: part.id.to_owned(),
            token: token.clone(),
            gateway: site.http,
            habit: Habit::Working(MachineFaults::default()),
            hands: 1,
            dispense_ms: 5,
            wait_s: 20,
            seed,
        };
        Machine::start(config, Arc::clone(clock))
    };
    MACHINES.iter().zip(&site.tokens).map(start).collect()
}

/// One purchase, as it is agreed to or not, sent or not, and confirmed or not. Whether it was made.
async fn buy(subscriber: &mut Subscriber, chance: &mut ChaCha8Rng) -> bool {
    let order = subscriber::Order::draw(chance);
    let mut hand = match chance.next_u32() % 20 {
        // Somewhere on the way the subscriber goes away: nothing is sent.
        0 => Hand::leaves_at("Pay this?", order),
        1 => Hand::leaves_at("PIN?", order),
        // One wrong digit.
        2 => Hand::buys(order).with_pins(&["4321", "1234"]),
        3..=5 if subscriber.has_bought() => Hand::repeats(subscriber.last_order()),
        _ => Hand::buys(order),
    };
    hand.waits_with_sent = chance.next_u32().is_multiple_of(4);
    let mut later = false;
    match chance.next_u32() % 10 {
        0 => hand = hand.with_network(&[Fate::Lost, Fate::Carried]),
        1 => hand = hand.with_network(&[Fate::AnswerLost, Fate::Carried]),
        2 => hand = hand.with_network(&[Fate::AnswerLost, Fate::Lost, Fate::Carried]),
        3 => {
            // Not now: by the menu, later.
            let first = if chance.next_u32().is_multiple_of(2) {
                Fate::Lost
            } else {
                Fate::AnswerLost
            };
            hand = hand.with_network(&[first]).gives_up();
            later = true;
        }
        _ => {}
    }
    let consented = subscriber.walk(hand).await;
    subscriber.bring(chance).await;
    if later && consented {
        subscriber
            .walk(Hand::sends_again(subscriber.last_order()))
            .await;
        subscriber.bring(chance).await;
    }
    consented
}

/// Three wrong PINs, an order that cannot be made, and the operator's way out.
async fn block_and_unblock(subscriber: &mut Subscriber, site: &Site) {
    let order = subscriber.last_order();
    let wrong = ["1111", "2222", "3333"];
    subscriber
        .walk(
            Hand::buys(order.clone())
                .with_pins(&wrong)
                .finds_it_blocked(),
        )
        .await;
    subscriber
        .walk(Hand::buys(order.clone()).with_pins(&[]).finds_it_blocked())
        .await;
    site.succeed(&["sim", "unblock", ACCOUNT, "--who", "desk"])
        .await;
    subscriber.bring_one_command().await;
    subscriber.walk(Hand::buys(order)).await;
    subscriber.bring_all().await;
}

/// The gateway gives the card new keys; the next orders go out under them.
async fn new_keys(subscriber: &mut Subscriber, site: &Site) {
    assert_eq!(subscriber.key_version().await, 1);
    site.succeed(&["keys", "rotate", "--account", ACCOUNT, "--who", "desk"])
        .await;
    subscriber.bring_one_command().await;
    assert_eq!(
        subscriber.key_version().await,
        2,
        "the card of {ICCID} has new keys"
    );
}
