//! The audit itself: feed it every row of the books and of the files, then ask for the report.
//!
//! In this order: lines, accounts, purchases, and after them transfers, both logs and the billing
//! stream, each in order of its numbers. Memory: some 90 octets for each paid purchase and 40 for
//! each line, whatever the size of the other sources; five million purchases and a million lines
//! take half a gigabyte.

use std::collections::BTreeMap;

use crate::domain::Millis;
use crate::domain::ids::PurchaseId;
use crate::domain::ledger::Account;
use crate::domain::money::Currency;
use crate::gateway::audit::expected::{Paid, PaidPurchase, Tick};
use crate::gateway::audit::ledger::{Ledger, missing};
use crate::gateway::audit::logs::{Log, Logs, Said, subject_of};
use crate::gateway::audit::numbers::{Next, Numbers};
use crate::gateway::audit::report::{InFlight, Report, Source};
use crate::gateway::audit::{
    AccountBalance, Billed, LineOwed, LogRow, SeriesEnds, Stream, TransferRow,
};
use crate::gateway::context::NodePurses;
use crate::gateway::record::{BillingEntry, EntryKind};

/// An audit under way.
pub struct Tally<'a> {
    pub(super) now: Millis,
    pub(super) paid: Paid,
    ledger: Ledger,
    logs: Logs<'a>,
    entries: Numbers,
    /// What purchases that are being paid have in flight.
    pub(super) out: BTreeMap<Currency, i64>,
    pub(super) report: Report,
}

impl<'a> Tally<'a> {
    /// Nothing read yet. `nodes` are the purses of every node; ages count to `now`.
    #[must_use]
    pub fn new(nodes: &'a [NodePurses], now: Millis) -> Self {
        Self {
            now,
            paid: Paid::default(),
            ledger: Ledger::default(),
            logs: Logs::new(nodes),
            entries: Numbers::default(),
            out: BTreeMap::new(),
            report: Report::default(),
        }
    }

    /// What a subscriber owes.
    pub fn line(&mut self, row: &LineOwed) {
        self.ledger.line(row, &mut self.report);
    }

    /// An account.
    pub fn account(&mut self, row: AccountBalance) {
        self.ledger.account(row, &mut self.report);
    }

    /// A movement of money.
    pub fn transfer(&mut self, row: &TransferRow) {
        let Some((from, to)) = self.ledger.transfer(row, &mut self.report) else {
            return;
        };
        let what = format!("transfer {}", row.number);
        let tick = match (&*row.kind, &from, &to) {
            ("load", Account::Issuer, Account::Float)
            | ("unload", Account::Float, Account::Issuer)
            | ("bill_paid", Account::Receivable(_), Account::Bank)
                if row.purchase.is_none() =>
            {
                return;
            }
            ("pay", Account::Float, Account::InFlight) => Some(Tick::FloatOut),
            ("pay", Account::InFlight, Account::PosHeld(_)) => Some(Tick::HeldIn),
            ("charge", Account::Income, Account::Receivable(_)) => Some(Tick::Income),
            ("charge_tax", Account::Tax, Account::Receivable(_)) => Some(Tick::Tax),
            ("refund_charge", Account::Receivable(_), Account::Income) => Some(Tick::IncomeBack),
            ("refund_tax", Account::Receivable(_), Account::Tax) => Some(Tick::TaxBack),
            ("refund_value", Account::PosHeld(_), Account::InFlight) => Some(Tick::HeldOut),
            ("refund_value", Account::InFlight, Account::Float) => Some(Tick::FloatBack),
            _ => None,
        };
        let (Some(tick), Some(id)) = (tick, row.purchase) else {
            let (kind, from, to) = (&row.kind, from.kind(), to.kind());
            let text = format!("{what}: no purchase explains {kind} from {from} to {to}");
            return self.report.differs(Source::Transfers, row.purchase, text);
        };
        self.tick(id, tick, (&what, row.currency, row.amount_minor));
        let Some(paid) = self.paid.find(id) else {
            return;
        };
        let (subscriber, merchant) = (paid.subscriber, paid.merchant);
        let fits = |account: &Account| match account {
            Account::Receivable(of) => *of == subscriber,
            Account::PosHeld(of) => self.paid.is_merchant(merchant, of),
            Account::Issuer
            | Account::Float
            | Account::InFlight
            | Account::Settled(_)
            | Account::Income
            | Account::Tax
            | Account::MerchantReceivable(_)
            | Account::Bank
            | Account::Suspense
            | Account::WriteOff => true,
        };
        if !fits(&from) || !fits(&to) {
            let text = format!("{what} is of another subscriber or merchant");
            self.report.differs(Source::Transfers, Some(id), text);
        }
    }

    /// A row of the lanes' log.
    pub fn purse_log(&mut self, row: &LogRow) {
        self.log_row(Log::Purses, row);
    }

    /// A row of the POS's log.
    pub fn pos_log(&mut self, row: &LogRow) {
        self.log_row(Log::Pos, row);
    }

    /// An entry of the billing stream: first all in files, then those that are not delivered yet.
    pub fn billed(&mut self, billed: &Billed, stream: Stream) {
        let number = billed.number;
        match self.entries.take(number) {
            Next::Right => {}
            Next::Twice => {
                let text = format!("entry {number} stands twice");
                return self
                    .report
                    .differs(Source::Billing, Some(billed.purchase), text);
            }
            Next::Missing { from, to } => {
                let text = missing("entry", from, to);
                self.report.differs(Source::Billing, None, text);
            }
        }
        let place = match stream {
            Stream::File => "delivered entry",
            Stream::Open => "entry",
        };
        let what = format!("{place} {number}");
        let tick = match billed.kind {
            EntryKind::Charge => Tick::ChargeEntry,
            EntryKind::Refund => Tick::RefundEntry,
        };
        self.tick(
            billed.purchase,
            tick,
            (&what, billed.currency, billed.gross.minor()),
        );
        self.sum_billed(billed);
        let Some(paid) = self.paid.find(billed.purchase).cloned() else {
            return;
        };
        let (want, original) = match billed.kind {
            EntryKind::Charge => (paid.charge, None),
            EntryKind::Refund => (self.paid.back_of(&paid), paid.entry),
        };
        let is_own = billed.kind == EntryKind::Refund || paid.entry == Some(number);
        let mut differs = |text: &str| {
            let text = format!("{what}: {text}");
            self.report
                .differs(Source::Billing, Some(billed.purchase), text);
        };
        if billed.charge != want {
            differs("wholesale, fee or tax are not the purchase's");
        }
        if !billed.adds_up() {
            differs("gross is not wholesale + margin + fee + tax");
        }
        if billed.original != original || !is_own {
            differs("the purchase has another entry number for its charge");
        }
        if !self.ledger.is_account_of(paid.subscriber, &billed.account) {
            differs("it is on another account than the purchase's");
        }
    }

    /// An entry of the books whose amounts are none.
    pub fn unreadable_entry(&mut self, entry: &BillingEntry, cause: &str) {
        self.entries.take(entry.number);
        let text = format!("entry {}: {cause}", entry.number);
        self.report
            .differs(Source::Billing, Some(entry.purchase), text);
    }

    /// The last entry so far of the stream that begins above `from`.
    #[must_use]
    pub fn last_entry(&self, from: i64) -> i64 {
        self.entries.last(from)
    }

    /// Something wrong with a delivered file as such.
    pub fn file_fault(&mut self, text: String) {
        self.report.differs(Source::File, None, text);
    }

    /// The report, when every row was fed and the series end as `ends` says.
    #[must_use]
    pub fn finish(mut self, ends: &SeriesEnds) -> Report {
        let mut report = std::mem::take(&mut self.report);
        self.logs.end(ends, &mut report);
        self.ledger.end(&ends.nodes, &mut report);
        let entries: Vec<_> = ends.nodes.iter().map(|n| (n.from, n.entry)).collect();
        for (last, want) in self.entries.differing(&entries) {
            let text = format!("the last entry is {last}, the node's row says {want}");
            report.differs(Source::Billing, None, text);
        }
        for paid in self.paid.iter() {
            self.not_found(paid, &mut report);
        }
        for (currency, balance) in self.ledger.in_flight() {
            let listed = self.out.get(&currency).copied().unwrap_or_default();
            if balance != listed {
                let text = format!(
                    "{balance} of {currency} are in flight, and purchases explain {listed} of it"
                );
                report.differs(Source::Accounts, None, text);
            }
        }
        report
    }

    fn log_row(&mut self, log: Log, row: &LogRow) {
        let Some(said) = self.logs.row(log, row, &mut self.report) else {
            return;
        };
        let (tick, details) = match said {
            Said::Moved(tick, details) => (tick, details),
            Said::GivenUp(details) => {
                return self.report.flies(InFlight {
                    purchase: subject_of(&details),
                    direction: "given up by the payer",
                    currency: details.currency,
                    amount_minor: details.value.minor(),
                    age_ms: 0,
                });
            }
            Said::Nothing => return,
        };
        let id = subject_of(&details);
        let what = format!("row {}", row.number);
        let value = details.value.minor();
        self.tick(id, tick, (&what, details.currency, value));
        let sums = self.report.sums(details.currency);
        let (sum, by) = match (log, details.refund_of) {
            (Log::Purses, None) => (&mut sums.purse_paid, value),
            (Log::Purses, Some(_)) => (&mut sums.purse_paid, value.saturating_neg()),
            (Log::Pos, None) => (&mut sums.pos_received, value),
            (Log::Pos, Some(_)) => (&mut sums.pos_received, value.saturating_neg()),
        };
        *sum = sum.saturating_add(by.into());
        let merchant = self.paid.find(id).map(|paid| paid.merchant);
        if merchant.is_some_and(|number| !self.paid.is_merchant(number, &details.merchant)) {
            let text = format!("{what} is of merchant {}", details.merchant);
            self.report.differs(log.source(), Some(id), text);
        }
    }

    /// Ticks a row off the purchase's list, or says why it does not belong there.
    fn tick(&mut self, id: PurchaseId, tick: Tick, row: (&str, Currency, i64)) {
        let (what, currency, minor) = row;
        let (source, name) = (tick.source(), tick.name());
        let want = match self.paid.find(id).cloned() {
            Some(paid) => self.paid.amount(&paid, tick),
            None => 0,
        };
        let report = &mut self.report;
        let Some(paid) = self.paid.find(id) else {
            let text = format!("{what}: {name} of {minor} for a purchase that is not paid");
            return report.differs(source, Some(id), text);
        };
        if paid.seen.has(tick) {
            return report.differs(source, Some(id), format!("{what}: {name} a second time"));
        }
        paid.seen.add(tick);
        if !paid.due.has(tick) {
            let text = format!("{what}: {name} of {minor} that the purchase's state rules out");
            report.differs(source, Some(id), text);
        } else if currency != paid.currency || minor != want {
            paid.off.add(tick);
            let own = paid.currency;
            let text = format!(
                "{what}: {name} of {minor} {currency}, the purchase table has {want} {own}"
            );
            report.differs(source, Some(id), text);
        }
    }

    /// What a purchase should have left and did not; and when all others agree against it, that.
    fn not_found(&self, paid: &PaidPurchase, report: &mut Report) {
        for tick in Tick::ALL {
            if paid.due.has(tick) && !paid.seen.has(tick) {
                let (name, minor) = (tick.name(), self.paid.amount(paid, tick));
                let text = format!("there is no {name} of {minor}");
                report.differs(tick.source(), Some(paid.id), text);
            }
        }
        for witnesses in WITNESSES {
            if paid.off.has_all(witnesses) {
                let text = "its charge is not what all other sources say".to_owned();
                report.differs(Source::Purchases, Some(paid.id), text);
                return;
            }
        }
    }

    fn sum_billed(&mut self, billed: &Billed) {
        let sums = self.report.sums(billed.currency);
        let gross = i128::from(billed.gross.minor());
        let sign = match billed.kind {
            EntryKind::Charge => {
                sums.billed_gross = sums.billed_gross.saturating_add(gross);
                1
            }
            EntryKind::Refund => {
                sums.refunded = sums.refunded.saturating_add(gross);
                -1
            }
        };
        let charge = &billed.charge;
        for (sum, minor) in [
            (&mut sums.wholesale, charge.wholesale.minor()),
            (&mut sums.margin, billed.margin),
            (&mut sums.fee, charge.fee.minor()),
            (&mut sums.tax, charge.tax.minor()),
        ] {
            *sum = sum.saturating_add(i128::from(minor).saturating_mul(sign));
        }
    }
}

/// Rows of different hands: when all of a list disagree with the purchase, it is the wrong one.
const WITNESSES: [&[Tick]; 3] = [
    &[Tick::PurseLogPaid, Tick::PosLogPaid, Tick::FloatOut],
    &[Tick::Income, Tick::ChargeEntry],
    &[Tick::IncomeBack, Tick::RefundEntry],
];
