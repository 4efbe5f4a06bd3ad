//! What must hold, one claim a line: said by screen, air and machines, and held against the books.

use std::collections::{BTreeMap, BTreeSet};

use svgate::auth::command::{CommandPacket, open_command};
use svgate::auth::secured_packet::{CcLength, KeyOctet, KeyProfile, KeyRecord, Spi1, Tar};
use svgate::auth::sim_keys::{Direction, Master, derive};
use svgate::dialogue::secured_order::{Agreed, OrderReference, SecuredOrder, Wanted};
use svgate::dialogue::secured_reply::{OutcomeCode, SecuredReply, ShownText};
use svgate::simulator::terminal::GaveOut;
use svgate::sms::gsm7::{self, Tables};

use crate::journal::{Heard, Journal, Walk};
use crate::network::{Fate, Origin};
use crate::site::{ICCID, Site};
use crate::subscriber::Order;

/// The keys of the card, by which a witness reads along.
pub(crate) struct Witness {
    /// Orders and confirmations, by version from 1 on.
    records: Vec<[KeyRecord; 2]>,
}

impl Witness {
    pub(crate) fn of(site: &Site) -> Self {
        let text = std::fs::read_to_string(site.path("master.key")).unwrap();
        let master = Master::from_text(text.trim_end()).unwrap();
        let iccid = ICCID.parse().unwrap();
        let record = |version, direction, tar| KeyRecord {
            profile: KeyProfile {
                kic: KeyOctet::try_from(0x12).unwrap(),
                kid: KeyOctet::try_from(0x12).unwrap(),
                cc: CcLength::Eight,
                spi1_min: Spi1(0x16),
                tar: Tar(tar),
            },
            keys: derive(&master, &iccid, version, direction),
        };
        let both = |version| {
            let orders = record(version, Direction::Mo, [0xB2, 0xF0, 0x01]);
            [orders, record(version, Direction::Mt, [0xB2, 0xF0, 0x02])]
        };
        Self {
            records: (1..=2).map(both).collect(),
        }
    }

    /// The version and the packet, if it is authentic.
    fn open(&self, packet: &[u8], direction: usize) -> Option<(usize, CommandPacket)> {
        let mut versions = (1..).zip(&self.records);
        versions.find_map(|(version, records)| {
            let opened = open_command(packet, &records[direction]).ok()?;
            Some((version, opened.into_inner()))
        })
    }

    /// Every order that came to the message centre, by its reference.
    pub(crate) fn reached(&self, journal: &Journal) -> BTreeMap<u32, Order> {
        let mut reached = BTreeMap::new();
        for walk in &journal.walks {
            for sent in walk.sent.iter().filter(|sent| sent.fate != Fate::Lost) {
                if let Some((_, packet)) = self.open(&sent.packet, ORDERS) {
                    let order = SecuredOrder::decode(&packet.data).expect("an order");
                    reached.insert(order.reference.number(), walk.order.clone());
                }
            }
        }
        reached
    }
}

/// Claims, and whether they hold.
#[derive(Default)]
struct Claims {
    failed: usize,
    passed: usize,
}

impl Claims {
    fn claim(&mut self, what: &str, cases: usize, faults: &[String]) {
        let holds = cases > 0 && faults.is_empty();
        let mark = if holds { "ok    " } else { "FAILED" };
        println!("{mark} {what} ({cases})");
        for fault in faults.iter().take(5) {
            println!("         {fault}");
        }
        self.failed += usize::from(!holds);
        self.passed += usize::from(holds);
    }
}

/// Holds all of it against all of it.
pub(crate) async fn hold(journal: &Journal, gave_out: &[(u32, GaveOut)], site: &Site) -> bool {
    let witness = Witness::of(site);
    let mut claims = Claims::default();
    let reached = witness.reached(journal);
    consent(&mut claims, journal);
    packets(&mut claims, journal, &witness);
    receipts(&mut claims, journal, &witness, &reached);
    let books = site.supplied().await;
    paid_once(&mut claims, &reached, &books);
    given_once(&mut claims, &books, gave_out);
    for words in [
        &["export", "run"][..],
        &["export", "verify"],
        &["reconcile"],
    ] {
        let ran = site.run(words).await;
        let faults: Vec<String> = (ran.status != 0).then_some(ran.said).into_iter().collect();
        claims.claim(&format!("svgate {}", words.join(" ")), 1, &faults);
    }
    cases(&mut claims, journal);
    println!("{} passed, {} failed", claims.passed, claims.failed);
    claims.failed == 0
}

/// No order leaves the card that was not on the screen, agreed to, and proved by the PIN.
fn consent(claims: &mut Claims, journal: &Journal) {
    let mut faults = Vec::new();
    for walk in &journal.walks {
        let wanted = format!("\n{}", walk.order.on_screen());
        let agreed = walk
            .agreed
            .as_ref()
            .is_some_and(|screen| screen.ends_with(&wanted));
        let consent = agreed && walk.proved;
        if !walk.sent.is_empty() && !consent {
            faults.push(format!("{walk:?}"));
        }
        if walk.blocked && !walk.sent.is_empty() {
            faults.push(format!("sent though the PIN is blocked: {walk:?}"));
        }
    }
    let sent = journal.walks.iter().filter(|walk| !walk.sent.is_empty());
    claims.claim(
        "an order is sent only after its screen and the PIN",
        sent.count(),
        &faults,
    );
    let left = journal.walks.iter().filter(|walk| walk.sent.is_empty());
    claims.claim(
        "who leaves, or has no PIN left, sends nothing",
        left.count(),
        &[],
    );
}

/// What is sealed is what was shown; counters and references are what they must be.
fn packets(claims: &mut Claims, journal: &Journal, witness: &Witness) {
    let (mut faults, mut order_faults) = (Vec::new(), Vec::new());
    let mut last = (0, 0);
    let mut references = BTreeMap::new();
    let mut again = 0;
    let mut by_version = BTreeMap::new();
    for walk in &journal.walks {
        for sent in &walk.sent {
            let Some((version, packet)) = witness.open(&sent.packet, ORDERS) else {
                faults.push("a packet of the card is not authentic".to_owned());
                continue;
            };
            if (version, packet.counter) <= last {
                faults.push(format!(
                    "counter {} of version {version} after {last:?}",
                    packet.counter
                ));
            }
            last = (version, packet.counter);
            *by_version.entry(version).or_insert(0) += 1;
            let order = SecuredOrder::decode(&packet.data).expect("an order");
            if !is_of(&order, walk) {
                order_faults.push(format!("{order:?} for {walk:?}"));
            }
            if let Some(before) = references.insert(order.reference.number(), packet.data.clone()) {
                again += 1;
                if before != packet.data {
                    order_faults.push(format!("another order under {:?}", order.reference));
                }
            }
        }
    }
    let sent = by_version.values().sum();
    claims.claim("no counter is used twice, and none is lower", sent, &faults);
    claims.claim(
        "what is sealed is what was shown",
        references.len(),
        &order_faults,
    );
    claims.claim(
        "an order that is sent again keeps its reference",
        again,
        &[],
    );
    claims.claim(
        "orders go on under the new keys",
        by_version.get(&2).copied().unwrap_or(0),
        &[],
    );
}

fn is_of(order: &SecuredOrder, walk: &Walk) -> bool {
    let Order {
        short_code,
        item,
        units,
        most,
        ..
    } = walk.order;
    let Wanted::Item {
        short_code: code,
        item: of,
        quantity,
    } = order.wanted
    else {
        return false;
    };
    let agreed = matches!(order.agreed, Agreed::AtMost(amount) if amount.minor() == most);
    code.number() == short_code && of.as_str() == item && u8::from(quantity) == units && agreed
}

/// A screen after a message is that of a genuine confirmation that is newer than all before.
fn receipts(
    claims: &mut Claims,
    journal: &Journal,
    witness: &Witness,
    reached: &BTreeMap<u32, Order>,
) {
    let mut faults = Vec::new();
    let mut last = (0, 0);
    let (mut shown, mut silent) = (0, 0);
    for Heard {
        packet,
        origin,
        texts,
    } in &journal.heard
    {
        let opened = witness.open(packet, CONFIRMATIONS);
        let newer = opened.filter(|(version, packet)| (*version, packet.counter) > last);
        let Some((version, packet)) = newer else {
            silent += 1;
            if !texts.is_empty() {
                faults.push(format!("{origin:?} made the card show {texts:?}"));
            }
            continue;
        };
        if *origin != Origin::Gateway && *origin != Origin::Late {
            faults.push("a forger made an authentic packet".to_owned());
        }
        last = (version, packet.counter);
        let Ok(reply) = SecuredReply::decode(&packet.data) else {
            continue;
        };
        shown += 1;
        if let Some(fault) = receipt_fault(&reply, texts, reached) {
            faults.push(fault);
        }
    }
    claims.claim(
        "a new confirmation is shown, once, with its words",
        shown,
        &faults,
    );
    claims.claim(
        "forged, repeated and overtaken packets show nothing",
        silent,
        &[],
    );
}

fn receipt_fault(
    reply: &SecuredReply,
    texts: &[String],
    reached: &BTreeMap<u32, Order>,
) -> Option<String> {
    let ShownText::Default(septets) = &reply.text else {
        return Some("an English text in UCS2".to_owned());
    };
    let words = gsm7::decode(septets, Tables::default());
    let [text] = texts else {
        return Some(format!("{words} was shown as {texts:?}"));
    };
    let Some(order) = reached.get(&OrderReference::number(reply.reference)) else {
        return Some(format!("{text} is for an order that nobody made"));
    };
    let price = order.price;
    let amount = format!("Paid {}.{:02} EUR", price / 100, price % 100);
    let good = reply.outcome == OutcomeCode::Paid
        && reply
            .amount
            .is_some_and(|(amount, _)| amount.minor() == price)
        && text.starts_with(&amount)
        && text.ends_with(&words);
    (!good).then(|| format!("{text} for {order:?}"))
}

/// What the books have is what was agreed to, once each.
fn paid_once(claims: &mut Claims, reached: &BTreeMap<u32, Order>, books: &[Bought]) {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for bought in books {
        if !seen.insert(bought.reference) {
            faults.push(format!("reference {} was paid twice", bought.reference));
        }
        let order = reached.get(&bought.reference);
        let same = order.is_some_and(|order| {
            (order.short_code, order.units, order.price)
                == (bought.short_code, bought.units, bought.price)
                && order.item == bought.item
        });
        if !same {
            faults.push(format!("{bought:?} for {order:?}"));
        }
    }
    let unpaid = reached.keys().filter(|reference| !seen.contains(reference));
    faults.extend(unpaid.map(|reference| format!("reference {reference} was not paid")));
    claims.claim(
        "an order that was agreed to and arrived is paid once",
        reached.len(),
        &faults,
    );
}

/// Each purchase came to its machine once, with its pieces.
fn given_once(claims: &mut Claims, books: &[Bought], gave_out: &[(u32, GaveOut)]) {
    let mut wanted: Vec<_> = books
        .iter()
        .map(|bought| (bought.purchase.clone(), bought.short_code, bought.units))
        .collect();
    let mut given: Vec<_> = gave_out
        .iter()
        .map(|(short_code, gave)| (gave.purchase.clone(), *short_code, gave.units))
        .collect();
    wanted.sort();
    given.sort();
    let differ = wanted != given;
    let faults: Vec<String> = differ
        .then(|| format!("books {wanted:?}, machines {given:?}"))
        .into_iter()
        .collect();
    claims.claim("its machine gave it out once", given.len(), &faults);
}

/// A run in which nothing went wrong proves little.
fn cases(claims: &mut Claims, journal: &Journal) {
    let of = |origin| {
        journal
            .heard
            .iter()
            .filter(|heard| heard.origin == origin)
            .count()
    };
    let fates = |fate| {
        let sent = journal.walks.iter().flat_map(|walk| &walk.sent);
        sent.filter(|sent| sent.fate == fate).count()
    };
    let lost = usize::try_from(journal.lost).unwrap();
    let busy = usize::try_from(journal.busy).unwrap();
    for (what, count) in [
        ("packets to the card were forged", of(Origin::Forger)),
        ("were repeated or overtaken", of(Origin::Late)),
        ("were lost", lost),
        ("came while the card was busy", busy),
        ("orders were lost", fates(Fate::Lost)),
        (
            "arrived, and the card was told that they did not",
            fates(Fate::AnswerLost),
        ),
        (
            "PINs were blocked",
            journal.walks.iter().filter(|walk| walk.blocked).count(),
        ),
    ] {
        claims.claim(what, count, &[]);
    }
}

/// A purchase as the books have it.
#[derive(Debug)]
pub(crate) struct Bought {
    pub(crate) purchase: String,
    pub(crate) reference: u32,
    pub(crate) short_code: u32,
    pub(crate) item: String,
    pub(crate) units: u8,
    /// Retail and fee, minor units.
    pub(crate) price: i64,
}

const ORDERS: usize = 0;
const CONFIRMATIONS: usize = 1;
