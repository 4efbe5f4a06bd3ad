//! The end of the demo as one screen of at most 100 columns, or as one JSON object.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::cast::Sizes;
use super::closing::Closed;
use super::frame::Screen;
use super::stage::Stage;
use crate::domain::money::{Currency, MinorUnits};
use crate::simulator::terminal::MachineCounts;

/// What a demo comes to.
pub(super) struct Summary {
    pub(super) sizes: Sizes,
    pub(super) seed: u64,
    pub(super) folder: PathBuf,
    pub(super) stage: Arc<Stage>,
    pub(super) machines: MachineSums,
    pub(super) closed: Closed,
    /// Expectations of the demo's own that were not met, in sentences.
    pub(super) faults: Vec<String>,
    /// From the first order to the end of the last errand.
    pub(super) sold_in: Duration,
    /// From the kill to the next bind.
    pub(super) down: Duration,
    /// The whole demo.
    pub(super) took: Duration,
}

/// The counts of all machines together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MachineSums {
    accepted: u64,
    supplied: u64,
    parts: u64,
    jams: u64,
    withdrawn: u64,
    resets: u64,
    again: u64,
}

impl MachineSums {
    /// Adds one machine.
    pub(super) fn add(&mut self, counts: &MachineCounts) {
        for (sum, count) in [
            (&mut self.accepted, &counts.accepted),
            (&mut self.supplied, &counts.supplied),
            (&mut self.parts, &counts.parts),
            (&mut self.jams, &counts.jams),
            (&mut self.withdrawn, &counts.withdrawn),
            (&mut self.resets, &counts.resets),
            (&mut self.again, &counts.again),
        ] {
            *sum = sum.saturating_add(read(count));
        }
    }
}

impl Summary {
    /// Whether everything reconciles and every expectation was met.
    pub(super) const fn is_good(&self) -> bool {
        self.closed.verified.0 && self.closed.reconciled && self.faults.is_empty()
    }

    /// The one object of `--json`.
    pub(super) fn json(&self) -> Value {
        let latency = self.stage.latency();
        json!({
            "purchases": self.closed.found.purchases,
            "money": self.money(),
            "files": self.closed.files,
            "verified": self.closed.verified.0,
            "reconciled": self.closed.reconciled,
            "expectations_met": self.faults.is_empty(),
            "faults": self.faults,
            "rate_per_s": self.rate_per_s(),
            "latency_ms": {
                "p50": number(&thousandths(latency.p50_us)),
                "p99": number(&thousandths(latency.p99_us)),
            },
            "sold_in_ms": millis(self.sold_in),
            "down_ms": millis(self.down),
            "took_ms": millis(self.took),
            "phones": self.sizes.phones,
            "machines": self.sizes.machines,
            "seed": self.seed,
            "data": self.folder.to_string_lossy(),
        })
    }

    /// The screen; in colours when a terminal shows it.
    pub(super) fn show(&self, output: &mut dyn Write, colours: bool) -> io::Result<()> {
        let mut screen = Screen::new(output, colours);
        screen.top("svgate demo")?;
        self.show_purchases(&mut screen)?;
        screen.rule("machines and network")?;
        self.show_world(&mut screen)?;
        screen.rule("money, by the side that wrote it down")?;
        self.show_money(&mut screen)?;
        screen.rule("billing files")?;
        for file in &self.closed.files {
            let hash = file.sha256.get(..16).unwrap_or_default();
            screen.row(&format!(
                "{:<40} {:>9} rows   sha256 {hash}…",
                file.name, file.rows
            ))?;
        }
        screen.rule("checks")?;
        self.show_checks(&mut screen)?;
        screen.rule("speed")?;
        self.show_speed(&mut screen)?;
        screen.bottom()?;
        let folder = self.folder.display();
        screen.below(&format!("books, files and log stay in {folder}"))
    }

    fn show_purchases(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let found = &self.closed.found;
        let p = found.purchases;
        screen.row(&format!(
            "purchases {:>9}   paid {:>9}   refused {:>7}   expired {:>7}",
            p.requested, p.paid, p.refused, p.expired
        ))?;
        screen.row(&format!(
            "of the paid          supplied {:>5}   refunded {:>6}   unknown {:>7}",
            p.supplied, p.refunded, p.unknown
        ))?;
        let causes = found.refusals.iter();
        let causes: Vec<String> = causes
            .map(|(name, many)| format!("{name} {many}"))
            .collect();
        screen.wrapped("refused: ", &causes)
    }

    fn show_world(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let (m, c) = (self.machines, &self.stage.counts);
        screen.row(&format!(
            "machines {:>4}   took {}, gave out {} and {} in part, jammed {}, gave back {}",
            self.sizes.machines, m.accepted, m.supplied, m.parts, m.jams, m.withdrawn
        ))?;
        screen.row(&format!(
            "                lost power {} times, said {} words again",
            m.resets, m.again
        ))?;
        screen.row(&format!(
            "phones {:>6}   opened {} confirmations, read {} texts",
            self.sizes.phones,
            read(&c.opened),
            read(&c.read)
        ))?;
        screen.row(&format!(
            "                {} duplicates, {} forgeries, {} replays, {} texts in two parts,",
            read(&c.duplicates),
            read(&c.forgeries),
            read(&c.replays),
            read(&c.two_parts)
        ))?;
        let delivered = &self.stage.smsc.counts().put_back;
        screen.row(&format!(
            "                {} times AGAIN, {} orders sent again, {} delivered again",
            read(&c.another_ones),
            read(&c.sent_again),
            read(delivered)
        ))?;
        screen.row(&format!(
            "                {} orders dialled by USSD, {} through its menu",
            read(&c.dialled),
            read(&c.by_menu)
        ))?;
        let down = thousandths(u64::try_from(self.down.as_micros()).unwrap_or(u64::MAX));
        screen.row(&format!(
            "gateway         killed (-9) half way, back after {down} ms"
        ))
    }

    fn show_money(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        screen.row(&format!(
            "{:<5}{:>17}{:>17}{:>15}{:>17}{:>17}",
            "", "purse paid", "POS received", "in flight", "billed", "refunded"
        ))?;
        for (code, sums) in self.money() {
            let cell = |key: &str| {
                let sum = sums.get(key).and_then(Value::as_i64).unwrap_or_default();
                amount(&code, sum)
            };
            screen.row(&format!(
                "{code:<5}{:>17}{:>17}{:>15}{:>17}{:>17}",
                cell("purse_paid"),
                cell("pos_received"),
                cell("in_flight"),
                cell("billed"),
                cell("refunded")
            ))?;
        }
        Ok(())
    }

    fn show_checks(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let (verified, said) = &self.closed.verified;
        let said = said.lines().next_back().unwrap_or_default();
        screen.check(*verified, &format!("export verify: {said}"))?;
        let report = &self.closed.report;
        let many = |key: &str| report.get(key).and_then(Value::as_u64).unwrap_or_default();
        screen.check(
            self.closed.reconciled,
            &format!(
                "reconcile: {} paid purchases, {} in flight, {} not yet exportable, {} differences",
                many("purchases"),
                many("in_flight_count"),
                many("not_yet_exportable_count"),
                many("differences_count")
            ),
        )?;
        let differences = report.get("differences").and_then(Value::as_array);
        for difference in differences.into_iter().flatten().take(DIFFERENCES_SHOWN) {
            screen.check(false, &difference.to_string())?;
        }
        if self.faults.is_empty() {
            screen.check(
                true,
                "phones, machines and books tell the same of every purchase",
            )?;
        }
        for fault in &self.faults {
            screen.check(false, fault)?;
        }
        Ok(())
    }

    fn show_speed(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let latency = self.stage.latency();
        screen.row(&format!(
            "{} purchases/s paid   deliver_sm to its resp: p50 {} ms, p99 {} ms   in all {} s",
            self.rate_per_s(),
            thousandths(latency.p50_us),
            thousandths(latency.p99_us),
            self.took.as_secs()
        ))
    }

    /// Paid purchases a second while phones were buying, the restart included.
    fn rate_per_s(&self) -> u64 {
        let paid = self.closed.found.purchases.paid.saturating_mul(1_000);
        paid.checked_div(millis(self.sold_in)).unwrap_or_default()
    }

    /// Sums in minor units: the purse's log, the POS's log, and what `reconcile` read in the files.
    fn money(&self) -> BTreeMap<String, Value> {
        let found = &self.closed.found;
        let mut money = BTreeMap::new();
        let currencies = self.closed.report.get("currencies");
        for (code, sums) in currencies.and_then(Value::as_object).into_iter().flatten() {
            let billing = |key: &str| sums.get(key).cloned().unwrap_or_default();
            let log = |log: &BTreeMap<&str, i128>| {
                let sum = log.get(code.as_str()).copied().unwrap_or_default();
                i64::try_from(sum).unwrap_or(i64::MAX)
            };
            money.insert(
                code.clone(),
                json!({
                    "purse_paid": log(&found.purse_paid),
                    "pos_received": log(&found.pos_received),
                    "in_flight": billing("in_flight"),
                    "billed": billing("billed_gross"),
                    "refunded": billing("refunded"),
                }),
            );
        }
        money
    }
}

fn amount(code: &str, minor: i64) -> String {
    let currency = code.parse::<Currency>();
    match (currency, MinorUnits::try_from(minor)) {
        (Ok(currency), Ok(amount)) => currency.format(amount),
        _ => minor.to_string(),
    }
}

/// Microseconds as milliseconds with three digits, as text: only writers print decimals.
fn thousandths(us: u64) -> String {
    let whole = us.checked_div(1_000).unwrap_or_default();
    let rest = us.checked_rem(1_000).unwrap_or_default();
    format!("{whole}.{rest:03}")
}

fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

const DIFFERENCES_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_amounts_are_written_from_integers() {
        assert_eq!(thousandths(1_234_567), "1234.567");
        assert_eq!(thousandths(7), "0.007");
        assert_eq!(number(&thousandths(3_250)).to_string(), "3.25");
        assert_eq!(amount("KWD", 1_250), "1.250");
        assert_eq!(amount("JPY", 160), "160");
    }
}
