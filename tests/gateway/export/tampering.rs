//! One row altered, deleted or doubled in each source is named.

use svgate::domain::ledger::Account;
use svgate::domain::purchase::State;
use svgate::gateway::audit::report::Source;
use svgate::gateway::audit::{AccountBalance, TransferRow};
use svgate::gateway::record::Billed;
use svgate::sv::log::LogRecord;

use super::desk::Rows;
use super::{Office, names};

/// The row that is tampered with: of a purchase whose charge is in the first file.
const AT: usize = 4;

/// What is done to the rows, and the source that must be named.
type Case = (&'static str, Source, fn(&mut Rows));

fn minor(amount: i64) -> svgate::domain::money::MinorUnits {
    crate::fixture::minor(amount)
}

const CASES: &[Case] = &[
    ("purse log: a MAC", Source::PurseLog, |r| {
        *r.purse_log[AT].octets.last_mut().unwrap() ^= 1;
    }),
    ("purse log: any octet", Source::PurseLog, |r| {
        r.purse_log[AT].octets[60] ^= 1;
    }),
    ("purse log: the last row's MAC", Source::PurseLog, |r| {
        *r.purse_log.last_mut().unwrap().octets.last_mut().unwrap() ^= 1;
    }),
    ("purse log: deleted", Source::PurseLog, |r| {
        drop(r.purse_log.remove(AT));
    }),
    ("purse log: cut short", Source::PurseLog, |r| {
        drop(r.purse_log.pop());
    }),
    ("purse log: doubled", Source::PurseLog, |r| {
        let row = r.purse_log[AT].clone();
        r.purse_log.insert(AT, row);
    }),
    ("purse log: a row of the POS", Source::PurseLog, |r| {
        r.purse_log[AT] = r.pos_log[AT].clone();
    }),
    ("POS log: an octet", Source::PosLog, |r| {
        r.pos_log[AT].octets[60] ^= 1;
    }),
    ("POS log: deleted", Source::PosLog, |r| {
        drop(r.pos_log.remove(AT));
    }),
    ("POS log: doubled", Source::PosLog, |r| {
        let row = r.pos_log[AT].clone();
        r.pos_log.insert(AT, row);
    }),
    ("both logs without the last row", Source::PosLog, |r| {
        r.purse_log.pop();
        r.pos_log.pop();
        r.ends.nodes[0].purse_log -= 1;
        r.ends.nodes[0].pos_log -= 1;
    }),
    ("purchase: wholesale", Source::Purchases, |r| {
        r.purchases[AT].charge.wholesale = minor(1);
    }),
    ("purchase: retail", Source::Purchases, |r| {
        r.purchases[AT].charge.retail = minor(999);
    }),
    ("purchase: what went back", Source::Purchases, |r| {
        r.purchases[1].refunded.wholesale = minor(1);
    }),
    ("purchase: deleted", Source::Billing, |r| {
        drop(r.purchases.remove(AT));
    }),
    ("purchase: doubled", Source::Purchases, |r| {
        let row = r.purchases[AT].clone();
        r.purchases.insert(AT, row);
    }),
    ("purchase: back out of the stream", Source::Purchases, |r| {
        r.purchases[AT].billed = Billed::No;
    }),
    ("transfer: amount", Source::Transfers, |r| {
        r.transfers[9].amount_minor += 1;
    }),
    ("transfer: kind", Source::Transfers, |r| {
        r.transfers[9].kind = "gift".into();
    }),
    ("transfer: purchase", Source::Transfers, |r| {
        r.transfers[9].purchase = None;
    }),
    ("transfer: another subscriber", Source::Lines, |r| {
        let other = r.lines[2].subscriber.0;
        let subscriber = r.lines[1].subscriber.0;
        let row = r.transfers.iter_mut().find(|t| t.to == subscriber).unwrap();
        row.to = other;
    }),
    ("transfer: deleted", Source::Transfers, |r| {
        drop(r.transfers.remove(9));
    }),
    ("transfer: the last deleted", Source::Transfers, |r| {
        drop(r.transfers.pop());
    }),
    ("transfer: doubled", Source::Transfers, |r| {
        let row = r.transfers[9].clone();
        r.transfers.insert(9, row);
    }),
    ("transfer: added", Source::Transfers, |r| {
        let mut row = r.transfers[9].clone();
        row.number = r.ends.nodes[0].transfer + 1;
        r.ends.nodes[0].transfer += 1;
        r.transfers.push(row);
    }),
    ("balance: altered", Source::Accounts, |r| {
        r.accounts[0].balance_minor += 1;
    }),
    ("balance: moved to another account", Source::Accounts, |r| {
        r.accounts[0].balance_minor += 1;
        r.accounts[1].balance_minor -= 1;
    }),
    ("balance: deleted", Source::Accounts, |r| {
        drop(r.accounts.remove(0));
    }),
    ("line: owed", Source::Lines, |r| r.lines[1].owed_minor -= 1),
    ("line: deleted", Source::Transfers, |r| {
        drop(r.lines.remove(1));
    }),
    ("line: another account", Source::Billing, |r| {
        r.lines[1].account = "A9".into();
    }),
    ("open batch: amount", Source::Billing, |r| {
        r.entries.last_mut().unwrap().charge.fee = minor(11);
    }),
    ("open batch: account", Source::Billing, |r| {
        r.entries.last_mut().unwrap().account = "A2".into();
    }),
    ("open batch: deleted", Source::Billing, |r| {
        drop(r.entries.pop());
    }),
    ("open batch: doubled", Source::Billing, |r| {
        let row = r.entries.last().unwrap().clone();
        r.entries.push(row);
    }),
    ("batch: hash", Source::File, |r| {
        r.batches[0].sha256 = Some([1; 32]);
    }),
    ("batch: deleted", Source::File, |r| {
        r.batches.pop();
    }),
];

#[tokio::test]
async fn one_row_altered_deleted_or_doubled_in_any_source_is_named() {
    let office = Office::with_files().await;
    for (what, source, alteration) in CASES {
        office.desk.alter(*alteration);
        let report = office.reconciled().await;
        assert!(names(&report, *source), "{what}: {report}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            json["differences_count"], report.differences_count,
            "{what}"
        );
    }
    office.desk.alter(|_| {});
    let report = office.reconciled().await;
    assert!(report.is_clean(), "{report}");
}

/// Words that only one check says, and what is done to the rows.
type Said = (&'static str, fn(&mut Rows));

const WORDS: &[Said] = &[
    (
        "log of lane.1.EUR: record 5 is not what its end wrote",
        |r| {
            *r.purse_log[AT].octets.last_mut().unwrap() ^= 1;
        },
    ),
    ("row 5: the other end's seal is not good", |r| {
        // In S6, the payer's end-to-end MAC.
        let octets = &mut r.pos_log[AT].octets;
        let at = octets.len() - 20;
        octets[at] ^= 1;
    }),
    ("the log of lane.1.EUR ends with record", |r| {
        r.purse_log.pop();
        r.ends.nodes[0].purse_log -= 1;
    }),
    ("the last row is", |r| drop(r.pos_log.pop())),
    ("row 5 is missing", |r| drop(r.purse_log.remove(AT))),
    ("transfer 10 is missing", |r| drop(r.transfers.remove(9))),
    ("transfers: the last is", |r| drop(r.transfers.pop())),
    (": there is no tax of ", |r| {
        let found = |row: &TransferRow| row.purchase.is_some() && &*row.kind == "charge_tax";
        let at = r.transfers.iter().position(found).unwrap();
        r.transfers.remove(at);
    }),
    ("is of another subscriber or merchant", |r| {
        let (subscriber, other) = (r.lines[1].subscriber.0, r.lines[2].subscriber.0);
        let row = r.transfers.iter_mut().find(|row| row.to == subscriber);
        row.unwrap().to = other;
    }),
    ("is of another subscriber or merchant", |r| {
        let other = r.lines[2].subscriber.0;
        let mut rows = r.transfers.iter_mut();
        rows.find(|row| &*row.kind == "refund_charge").unwrap().from = other;
    }),
    ("no purchase explains gift", |r| {
        r.transfers[9].kind = "gift".into();
    }),
    ("or of another currency", |r| {
        r.accounts[0].currency = "JPY".parse().unwrap();
    }),
    ("all balances of EUR sum to 1, not to 0", |r| {
        r.accounts[0].balance_minor += 1;
    }),
    ("are in flight, and purchases explain 0", |r| {
        let found = |row: &&mut AccountBalance| row.account == Account::InFlight;
        r.accounts.iter_mut().find(found).unwrap().balance_minor = 7;
    }),
    ("owes ", |r| r.lines[1].owed_minor -= 1),
    ("is on another account than the purchase's", |r| {
        r.entries.last_mut().unwrap().account = "A2".into();
    }),
    ("wholesale, fee or tax are not the purchase's", |r| {
        r.entries.last_mut().unwrap().charge.wholesale = minor(1);
    }),
    ("has another entry number for its charge", |r| {
        r.purchases[AT].entry = Some(99);
    }),
    ("what went back is not the share of", |r| {
        r.purchases[1].refunded.fee = minor(1);
    }),
    ("billing stream: the last entry is", |r| {
        drop(r.entries.pop());
    }),
    ("it has ended and is not in the billing stream", |r| {
        r.purchases[AT].billed = Billed::No;
    }),
    ("its hash is not the one in the books", |r| {
        r.batches[0].sha256 = Some([1; 32]);
    }),
    ("its entries are not those of the batch in the books", |r| {
        r.batches[0].batch.to_entry += 1;
    }),
];

#[tokio::test]
async fn every_check_says_its_own_words() {
    let office = Office::with_files().await;
    for (words, alteration) in WORDS {
        office.desk.alter(*alteration);
        let report = office.reconciled().await.to_string();
        assert!(report.contains(words), "{words}: {report}");
    }
}

#[tokio::test]
async fn value_on_its_way_is_a_list_with_ages_and_no_difference() {
    let office = Office::with_files().await;
    // The books as they would be between the two ends of the last payment: value has left the
    // float, and neither log, charge nor entry stands yet.
    office.desk.alter(|r| {
        let id = r.purchases.last().unwrap().life.id;
        let purchase = r.purchases.last_mut().unwrap();
        purchase.life.state = State::Paying;
        purchase.paid = None;
        purchase.billed = Billed::No;
        let value = purchase.charge.wholesale.minor();
        let gross = purchase.charge.gross().unwrap().minor();
        let (subscriber, tax) = (purchase.subscriber.unwrap(), purchase.charge.tax.minor());
        r.purse_log.pop();
        r.pos_log.pop();
        r.entries.pop();
        r.ends.nodes[0].purse_log -= 1;
        r.ends.nodes[0].pos_log -= 1;
        r.ends.nodes[0].entry -= 1;
        for (name, head) in &mut r.ends.chains {
            let is_lane = name.as_str().starts_with("lane");
            let log = if is_lane { &r.purse_log } else { &r.pos_log };
            let last = LogRecord::from_octets(&log.last().unwrap().octets).unwrap();
            (head.count, head.mac) = (last.no, last.mac);
        }
        let is_out = |row: &TransferRow| row.purchase == Some(id);
        let first = r.transfers.iter().position(is_out).unwrap();
        r.transfers.truncate(first + 1);
        r.ends.nodes[0].transfer = r.transfers.last().unwrap().number;
        for account in &mut r.accounts {
            account.balance_minor += match account.account {
                Account::InFlight => value,
                Account::PosHeld(_) => -value,
                Account::Income => gross - tax,
                Account::Tax => tax,
                Account::Issuer
                | Account::Float
                | Account::Settled(_)
                | Account::Receivable(_)
                | Account::MerchantReceivable(_)
                | Account::Bank
                | Account::Suspense
                | Account::WriteOff => 0,
            };
        }
        r.lines
            .iter_mut()
            .find(|l| l.subscriber == subscriber)
            .unwrap()
            .owed_minor -= gross;
    });
    let report = office.reconciled().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.in_flight_count, 1);
    assert_eq!(report.in_flight[0].direction, "to the merchant");
    assert!(
        report
            .to_string()
            .contains("in flight to the merchant: purchase "),
        "{report}"
    );
}

#[tokio::test]
async fn a_difference_names_its_purchase() {
    let office = Office::with_files().await;
    let id = office.desk.rows().purchases[AT].life.id;
    office
        .desk
        .alter(|r| r.purchases[AT].charge.wholesale = minor(1));
    let report = office.reconciled().await;
    assert!(
        report
            .differences
            .iter()
            .all(|difference| difference.purchase == Some(id))
    );
    let text = report.to_string();
    assert!(
        text.contains(&format!("DIFFERENCE purchase table: purchase {id}: ")),
        "{text}"
    );
    assert!(
        text.contains(&format!("DIFFERENCE purse log: purchase {id}: ")),
        "{text}"
    );
}
