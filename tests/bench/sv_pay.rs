//! How long one whole in-process payment takes: `startFrom … ack`, eight CMACs, two log records.
//!
//! Prints one line of JSON: payments, and the median and worst of rounds in ns per payment. With an
//! argument, that many payments a round.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use svgate::domain::ids::PurchaseId;
use svgate::domain::money::MinorUnits;
use svgate::sv::mac::MacKey;
use svgate::sv::purse::Purse;
use svgate::sv::scheme::Scheme;
use svgate::sv::transfer::{Order, TransferKeys};
use svgate::sv::{Lane, PosPurse};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let asked = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let payments: u32 = asked.unwrap_or(PAYMENTS_A_ROUND);
    let currency = "EUR".parse().unwrap();
    let mut lane = Lane(Purse::new("float-eur-lane-01".parse().unwrap(), currency));
    let mut pos = PosPurse(Purse::new("pos-shared-0001".parse().unwrap(), currency));
    let [own_lane, own_pos, pair] = [1, 2, 3].map(|octet| MacKey::new(&[octet; 16]));
    let keys = TransferKeys {
        lane: &own_lane,
        pos: &own_pos,
        pair: &pair,
    };
    let mut order = Order {
        merchant: "coffee-and-more".parse().unwrap(),
        value: MinorUnits::try_from(200).unwrap(),
        currency,
        purchase: PurchaseId(0),
        pon: Some(83_920_171),
        deliver_within_s: 90,
    };
    let available = MinorUnits::try_from(i64::MAX).unwrap();
    let mut round = || {
        let begun = now();
        for _ in 0..payments {
            order.purchase.0 += 1;
            let receipts = Scheme::MondexStyle.pay(&mut lane, &mut pos, available, &order, keys);
            let _ = black_box(receipts.unwrap());
        }
        begun.elapsed().as_nanos() / u128::from(payments.max(1))
    };
    let mut rounds: Vec<u128> = (0..ROUNDS).map(|_| round()).collect();
    rounds.sort_unstable();
    let (median, worst) = (rounds[rounds.len() / 2], rounds[rounds.len() - 1]);
    let all = u64::from(payments) * u64::try_from(ROUNDS)?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        r#"{{"bench":"sv_pay","payments":{all},"median_ns":{median},"worst_ns":{worst}}}"#,
    )?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}

const PAYMENTS_A_ROUND: u32 = 10_000;
const ROUNDS: usize = 11;
