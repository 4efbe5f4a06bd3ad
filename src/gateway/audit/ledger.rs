//! Transfers against balances: every balance is the sum of its transfers, and all of them are 0.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::ids::SubscriberId;
use crate::domain::ledger::Account;
use crate::domain::money::Currency;
use crate::gateway::audit::numbers::{Next, Numbers};
use crate::gateway::audit::report::{Report, Source};
use crate::gateway::audit::{AccountBalance, LineOwed, NodeEnds, TransferRow};

/// Balances as stored, with the sums of the transfers that were seen. Lines take 40 octets each.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    accounts: Vec<AccountSum>,
    lines: Vec<LineSum>,
    numbers: Numbers,
}

#[derive(Debug)]
struct AccountSum {
    row: AccountBalance,
    sum: i128,
}

#[derive(Debug)]
struct LineSum {
    subscriber: SubscriberId,
    currency: Currency,
    account_hash: u64,
    owed_minor: i64,
    sum: i64,
}

impl Ledger {
    pub(super) fn account(&mut self, row: AccountBalance, report: &mut Report) {
        if self
            .accounts
            .last()
            .is_some_and(|last| last.row.number >= row.number)
        {
            let text = format!("account {} stands twice", row.number);
            return report.differs(Source::Accounts, None, text);
        }
        self.accounts.push(AccountSum { row, sum: 0 });
    }

    pub(super) fn line(&mut self, row: &LineOwed, report: &mut Report) {
        let subscriber = row.subscriber;
        if self
            .lines
            .last()
            .is_some_and(|last| last.subscriber >= subscriber)
        {
            let text = format!("subscriber {subscriber} stands twice");
            return report.differs(Source::Lines, None, text);
        }
        self.lines.push(LineSum {
            subscriber,
            currency: row.currency,
            account_hash: hash_of(&row.account),
            owed_minor: row.owed_minor,
            sum: 0,
        });
    }

    /// Whether this is the operator's name for the subscriber's account.
    pub(super) fn is_account_of(&self, subscriber: SubscriberId, account: &str) -> bool {
        let at = self
            .lines
            .binary_search_by_key(&subscriber, |line| line.subscriber);
        let line = at.ok().and_then(|at| self.lines.get(at));
        line.is_some_and(|line| line.account_hash == hash_of(account))
    }

    /// Adds a transfer to both sums, and tells which accounts it names; none when it is no
    /// transfer at all.
    pub(super) fn transfer(
        &mut self,
        row: &TransferRow,
        report: &mut Report,
    ) -> Option<(Account, Account)> {
        let number = row.number;
        match self.numbers.take(number) {
            Next::Right => {}
            Next::Twice => {
                let text = format!("transfer {number} stands twice");
                report.differs(Source::Transfers, row.purchase, text);
                return None;
            }
            Next::Missing { from, to } => {
                let text = missing("transfer", from, to);
                report.differs(Source::Transfers, None, text);
            }
        }
        let mut differs = |text| report.differs(Source::Transfers, row.purchase, text);
        if row.amount_minor <= 0 || row.from == row.to {
            differs(format!(
                "transfer {number} moves nothing, or to where it was"
            ));
        }
        let from = self.post(row.from, row.currency, row.amount_minor.saturating_neg());
        let to = self.post(row.to, row.currency, row.amount_minor);
        if from.is_none() || to.is_none() {
            let (from, to) = (row.from, row.to);
            differs(format!(
                "transfer {number}: account {from} or {to} is not there, or of another currency"
            ));
        }
        Some((from?, to?))
    }

    fn post(&mut self, number: i64, currency: Currency, minor: i64) -> Option<Account> {
        let at = self
            .accounts
            .binary_search_by_key(&number, |account| account.row.number);
        if let Some(account) = at.ok().and_then(|at| self.accounts.get_mut(at)) {
            account.sum = account.sum.saturating_add(minor.into());
            return (account.row.currency == currency).then(|| account.row.account.clone());
        }
        let subscriber = SubscriberId(number);
        let at = self
            .lines
            .binary_search_by_key(&subscriber, |line| line.subscriber);
        let line = at.ok().and_then(|at| self.lines.get_mut(at))?;
        line.sum = line.sum.saturating_add(minor);
        (line.currency == currency).then_some(Account::Receivable(subscriber))
    }

    /// Compares sums and balances when all transfers were seen, up to the last of each node.
    pub(super) fn end(&self, nodes: &[NodeEnds], report: &mut Report) {
        let ends: Vec<_> = nodes.iter().map(|n| (n.from, n.transfer)).collect();
        for (last, want) in self.numbers.differing(&ends) {
            let text = format!("the last is {last}, the node's row says {want}");
            report.differs(Source::Transfers, None, text);
        }
        let mut all: BTreeMap<Currency, i128> = BTreeMap::new();
        let mut add = |currency, minor: i64| {
            let sum: &mut i128 = all.entry(currency).or_default();
            *sum = sum.saturating_add(minor.into());
        };
        for AccountSum { row, sum } in &self.accounts {
            add(row.currency, row.balance_minor);
            if *sum != i128::from(row.balance_minor) {
                let (name, number) = (named(&row.account), row.number);
                let (currency, balance) = (row.currency, row.balance_minor);
                let text = format!(
                    "account {number} ({name} {currency}) has {balance}, its transfers sum to {sum}"
                );
                report.differs(Source::Accounts, None, text);
            }
        }
        for line in &self.lines {
            add(line.currency, line.owed_minor);
            if line.sum != line.owed_minor {
                let (subscriber, owed, sum) = (line.subscriber, line.owed_minor, line.sum);
                let text =
                    format!("subscriber {subscriber} owes {owed}, the transfers sum to {sum}");
                report.differs(Source::Lines, None, text);
            }
        }
        for (currency, sum) in all.iter().filter(|(_, sum)| **sum != 0) {
            let text = format!("all balances of {currency} sum to {sum}, not to 0");
            report.differs(Source::Accounts, None, text);
        }
    }

    /// The balances of what is in flight, by currency.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = (Currency, i64)> {
        let accounts = self.accounts.iter().map(|account| &account.row);
        accounts
            .filter(|row| row.account == Account::InFlight)
            .map(|row| (row.currency, row.balance_minor))
    }
}

/// What to say about a gap in a series.
pub(super) fn missing(what: &str, from: i64, to: i64) -> String {
    if from == to {
        format!("{what} {from} is missing")
    } else {
        format!("{what} {from} to {to} are missing")
    }
}

fn named(account: &Account) -> String {
    match account.merchant() {
        Some(merchant) => format!("{} of {merchant}", account.kind()),
        None => account.kind().to_owned(),
    }
}

/// Names of accounts are compared by their hash: eight octets instead of a string for each line.
fn hash_of(account: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    account.hash(&mut hasher);
    hasher.finish()
}
