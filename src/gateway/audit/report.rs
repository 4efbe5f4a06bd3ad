//! What an audit found, as a table for people and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::domain::ids::PurchaseId;
use crate::domain::money::{Currency, MinorUnits};

/// The outcome of an audit. It is clean when [`Self::differences_count`] is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Sums by currency code. They explain; what is compared is every single purchase.
    pub currencies: BTreeMap<&'static str, Sums>,
    /// Purchases that were paid.
    pub purchases: u64,
    /// Value that has left one end and is not proven at the other, the first [`LISTED_MAX`].
    pub in_flight: Vec<InFlight>,
    /// How many there are.
    pub in_flight_count: u64,
    /// Purchases that were paid and are in no batch, for their end is open; the first few.
    pub not_yet_exportable: Vec<NotYetExportable>,
    /// How many there are.
    pub not_yet_exportable_count: u64,
    /// What does not match, the first [`LISTED_MAX`].
    pub differences: Vec<Difference>,
    /// How many there are.
    pub differences_count: u64,
}

impl Report {
    /// Whether everything matches.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.differences_count == 0
    }

    /// Adds a difference.
    pub fn differs(&mut self, source: Source, purchase: Option<PurchaseId>, text: String) {
        self.differences_count = self.differences_count.saturating_add(1);
        if self.differences.len() < LISTED_MAX {
            self.differences.push(Difference {
                source,
                purchase,
                text,
            });
        }
    }

    pub(super) fn flies(&mut self, item: InFlight) {
        self.in_flight_count = self.in_flight_count.saturating_add(1);
        let sums = self.sums(item.currency);
        sums.in_flight = sums.in_flight.saturating_add(item.amount_minor.into());
        if self.in_flight.len() < LISTED_MAX {
            self.in_flight.push(item);
        }
    }

    pub(super) fn waits(&mut self, item: NotYetExportable) {
        self.not_yet_exportable_count = self.not_yet_exportable_count.saturating_add(1);
        let sums = self.sums(item.currency);
        sums.not_yet_billed = sums.not_yet_billed.saturating_add(item.gross_minor.into());
        if self.not_yet_exportable.len() < LISTED_MAX {
            self.not_yet_exportable.push(item);
        }
    }

    pub(super) fn sums(&mut self, currency: Currency) -> &mut Sums {
        self.currencies
            .entry(currency.code())
            .or_insert(Sums::of(currency))
    }
}

/// Sums of one currency, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Which.
    pub currency: Currency,
    /// What the purses' log says they paid, less what came back to them.
    pub purse_paid: i128,
    /// What the POS's log says it received, less what it gave back.
    pub pos_received: i128,
    /// Value between the two.
    pub in_flight: i128,
    /// Gross of all charges in the billing stream.
    pub billed_gross: i128,
    /// Gross of all refunds in the billing stream.
    pub refunded: i128,
    /// Gross of paid purchases that are not in the stream.
    pub not_yet_billed: i128,
    /// Charges less refunds of the stream: what merchants were paid.
    pub wholesale: i128,
    /// The same: what is left to the operator besides fees; may be below 0.
    pub margin: i128,
    /// The same: fees.
    pub fee: i128,
    /// The same: tax.
    pub tax: i128,
}

impl Sums {
    const fn of(currency: Currency) -> Self {
        Self {
            currency,
            purse_paid: 0,
            pos_received: 0,
            in_flight: 0,
            billed_gross: 0,
            refunded: 0,
            not_yet_billed: 0,
            wholesale: 0,
            margin: 0,
            fee: 0,
            tax: 0,
        }
    }
}

/// Value on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InFlight {
    /// For which purchase.
    pub purchase: PurchaseId,
    /// `to the merchant`, `back to the purse`, or `given up by the payer`.
    pub direction: &'static str,
    /// Of the amount.
    pub currency: Currency,
    /// In minor units.
    pub amount_minor: i64,
    /// For how long, in ms.
    pub age_ms: i64,
}

/// A paid purchase that billing has not heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotYetExportable {
    /// Which.
    pub purchase: PurchaseId,
    /// Where it stands.
    pub state: &'static str,
    /// Of the amount.
    pub currency: Currency,
    /// In minor units.
    pub gross_minor: i64,
    /// Since it was paid, in ms.
    pub age_ms: i64,
}

/// Something that does not match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where.
    pub source: Source,
    /// The purchase, where it is one's.
    pub purchase: Option<PurchaseId>,
    /// What.
    pub text: String,
}

/// Where a row was read that does not match the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The purchase table.
    Purchases,
    /// The payer's log.
    PurseLog,
    /// The payee's log.
    PosLog,
    /// The transfers of the ledger.
    Transfers,
    /// An account's balance.
    Accounts,
    /// What a line says is owed.
    Lines,
    /// The billing stream, in files and open batch.
    Billing,
    /// A delivered file as such.
    File,
}

impl Source {
    const fn name(self) -> &'static str {
        match self {
            Self::Purchases => "purchase table",
            Self::PurseLog => "purse log",
            Self::PosLog => "POS log",
            Self::Transfers => "transfers",
            Self::Accounts => "account balance",
            Self::Lines => "line",
            Self::Billing => "billing stream",
            Self::File => "file",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source.name())?;
        if let Some(purchase) = self.purchase {
            write!(f, "purchase {purchase}: ")?;
        }
        f.write_str(&self.text)
    }
}

/// The table, the lists, and the verdict.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sums in self.currencies.values() {
            let rows = [
                ("purse paid", sums.purse_paid),
                ("POS received", sums.pos_received),
                ("in flight", sums.in_flight),
                ("billed gross", sums.billed_gross),
                ("refunded", sums.refunded),
                ("  wholesale", sums.wholesale),
                ("+ margin", sums.margin),
                ("+ fee", sums.fee),
                ("+ tax", sums.tax),
                ("not yet billed", sums.not_yet_billed),
            ];
            writeln!(f, "{:<16}{:>20}", sums.currency.code(), "")?;
            for (name, sum) in rows {
                writeln!(f, "{name:<16}{:>20}", decimal(sums.currency, sum))?;
            }
        }
        for item in &self.in_flight {
            let amount = decimal(item.currency, item.amount_minor.into());
            let (code, age) = (item.currency, seconds(item.age_ms));
            let (purchase, way) = (item.purchase, item.direction);
            writeln!(
                f,
                "in flight {way}: purchase {purchase}: {amount} {code}, {age} s"
            )?;
        }
        for item in &self.not_yet_exportable {
            let amount = decimal(item.currency, item.gross_minor.into());
            let (code, age) = (item.currency, seconds(item.age_ms));
            let (purchase, state) = (item.purchase, item.state);
            writeln!(
                f,
                "not yet exportable: purchase {purchase}: {amount} {code}, {state}, {age} s"
            )?;
        }
        for difference in &self.differences {
            writeln!(f, "DIFFERENCE {difference}")?;
        }
        let (purchases, differences) = (self.purchases, self.differences_count);
        let (flying, open) = (self.in_flight_count, self.not_yet_exportable_count);
        write!(
            f,
            "{purchases} paid purchases, {flying} in flight, {open} not yet exportable, \
             {differences} differences"
        )
    }
}

/// An amount with the currency's digits; sums may be below 0 and above any single amount.
fn decimal(currency: Currency, minor: i128) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let amount = i64::try_from(minor.unsigned_abs()).ok();
    let amount = amount.and_then(|minor| MinorUnits::try_from(minor).ok());
    match amount {
        Some(amount) => format!("{sign}{}", currency.format(amount)),
        None => format!("{minor} minor units"),
    }
}

fn seconds(ms: i64) -> i64 {
    ms.checked_div(1000).unwrap_or_default()
}

/// Lines of each list that are kept: enough to see what happened. All are counted.
pub const LISTED_MAX: usize = 1_000;
