//! What an audit reads, and what it finds: the books once more, each part checked against the
//! others.
//!
//! ```text
//! purse log ─┐
//! POS log   ─┼─► one tick list per paid purchase ─► differences, each by purchase and source
//! transfers ─┤            ▲
//! files     ─┘       purchase table
//! ```
//! [`tally::Tally`] is the pure core: feed it every row, then ask for the report.

use std::future::Future;
use std::sync::Arc;

use crate::domain::charge::Charge;
use crate::domain::ids::{PurchaseId, PurseId, SubscriberId};
use crate::domain::ledger::Account;
use crate::domain::money::{AmountOutOfRange, Currency, MinorUnits};
use crate::gateway::books::{StoreError, StoredBatch};
use crate::gateway::record::{BillingEntry, EntryKind, PurchaseRecord};
use crate::sv::log::ChainHead;

mod due;
mod expected;
mod ledger;
mod logs;
mod numbers;
pub mod report;
pub mod tally;

/// Books that can be read as of one moment.
pub trait AuditBooks: Send + Sync {
    /// The books as of one moment.
    type Snapshot: AuditSnapshot;

    /// Begins to read: every page of the snapshot shows the books as they stand now, whatever is
    /// committed meanwhile (a read transaction). Drop it soon: it holds old versions alive.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    fn snapshot(&self) -> impl Future<Output = Result<Self::Snapshot, StoreError>> + Send;
}

/// Pages of the books. Each gives rows above `after` in rising order, at most `most`, and an empty
/// page at the end. Numbers and amounts come as stored, unchecked: finding wrong ones is the
/// audit's work. [`StoreError::Corrupt`] names a row that can't be read at all.
pub trait AuditSnapshot: Send {
    /// Where every gapless series and every chain ends.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn ends(&mut self) -> impl Future<Output = Result<SeriesEnds, StoreError>> + Send;

    /// Records of the lanes' logs, by row number.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn purse_log(
        &mut self,
        after: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<LogRow>, StoreError>> + Send;

    /// Records of the POS's logs, by row number.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn pos_log(
        &mut self,
        after: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<LogRow>, StoreError>> + Send;

    /// All purchases, by id.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn purchases(
        &mut self,
        after: PurchaseId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<PurchaseRecord>, StoreError>> + Send;

    /// Transfers, by number.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn transfers(
        &mut self,
        after: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<TransferRow>, StoreError>> + Send;

    /// All accounts but the subscribers', by number.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn accounts(
        &mut self,
        after: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<AccountBalance>, StoreError>> + Send;

    /// What each subscriber owes, by subscriber.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn lines(
        &mut self,
        after: SubscriberId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<LineOwed>, StoreError>> + Send;

    /// Entries of the billing stream, by number.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn entries(
        &mut self,
        after: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<BillingEntry>, StoreError>> + Send;

    /// All closed batches of this node, by sequence number: a few for each day.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn batches(&mut self) -> impl Future<Output = Result<Vec<StoredBatch>, StoreError>> + Send;
}

/// Where the gapless series of every node and the chains of every purse end, as the nodes' rows and
/// the purses say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesEnds {
    /// Every node.
    pub nodes: Vec<NodeEnds>,
    /// The head of each purse's chain, lanes and POS.
    pub chains: Vec<(PurseId, ChainHead)>,
}

/// Where the gapless series of one node begin and end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeEnds {
    /// Which node.
    pub node: u16,
    /// The number above which each of them begins.
    pub from: i64,
    /// The last transfer.
    pub transfer: i64,
    /// The last entry of the billing stream.
    pub entry: i64,
    /// The last row of the purses' log.
    pub purse_log: i64,
    /// The last row of the POS's log.
    pub pos_log: i64,
}

/// One row of a log, not decoded: what can't be decoded is a finding, not the end of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// The row's number, from 1 without a gap.
    pub number: i64,
    /// Whose log it is in.
    pub purse: Arc<str>,
    /// The record's canonical octets.
    pub octets: Vec<u8>,
}

/// One movement of money as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRow {
    /// From 1 without a gap.
    pub number: i64,
    /// The account's number, or a subscriber's id: whose balance falls.
    pub from: i64,
    /// The same: whose balance rises.
    pub to: i64,
    /// By how much, in minor units.
    pub amount_minor: i64,
    /// Of the amount.
    pub currency: Currency,
    /// Why.
    pub kind: Arc<str>,
    /// The purchase that it belongs to.
    pub purchase: Option<PurchaseId>,
}

/// One account as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountBalance {
    /// The number that transfers name it by.
    pub number: i64,
    /// Which.
    pub account: Account,
    /// Its one currency.
    pub currency: Currency,
    /// What came in less what went out, in minor units.
    pub balance_minor: i64,
}

/// What a subscriber's line says is owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineOwed {
    /// Whose; transfers name the receivable by it.
    pub subscriber: SubscriberId,
    /// The operator's name for the account, as files have it.
    pub account: Arc<str>,
    /// Of the bill.
    pub currency: Currency,
    /// In minor units; below 0 when too much was paid.
    pub owed_minor: i64,
}

/// What one entry of the billing stream asks or gives back, read from a file or from the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billed {
    /// The entry's number.
    pub number: i64,
    /// Charge or refund.
    pub kind: EntryKind,
    /// For which purchase.
    pub purchase: PurchaseId,
    /// For a refund: the entry of its charge.
    pub original: Option<i64>,
    /// Whose bill.
    pub account: Arc<str>,
    /// Of all amounts.
    pub currency: Currency,
    /// What the subscriber pays or gets back.
    pub gross: MinorUnits,
    /// Gross less tax.
    pub net: MinorUnits,
    /// What is left to the operator besides its fee, in minor units; may be below 0.
    pub margin: i64,
    /// The parts of gross.
    pub charge: Charge,
}

impl Billed {
    /// What `entry` asks or gives back.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`] when its tax is more than its gross amount, or a sum leaves i64.
    pub fn of(entry: &BillingEntry) -> Result<Self, AmountOutOfRange> {
        let charge = entry.charge;
        let gross = charge.gross()?;
        let margin = charge
            .retail
            .minor()
            .checked_sub(charge.wholesale.minor())
            .and_then(|margin| margin.checked_sub(charge.tax.minor()));
        Ok(Self {
            number: entry.number,
            kind: entry.kind,
            purchase: entry.purchase,
            original: entry.original,
            account: Arc::clone(&entry.account),
            currency: entry.currency,
            gross,
            net: gross.minus(charge.tax)?,
            margin: margin.ok_or(AmountOutOfRange)?,
            charge,
        })
    }

    /// Whether gross = wholesale + margin + fee + tax = net + tax = retail + fee.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let charge = &self.charge;
        let parts = [
            charge.wholesale.minor(),
            self.margin,
            charge.fee.minor(),
            charge.tax.minor(),
        ];
        let sum = parts
            .iter()
            .try_fold(0_i64, |sum, part| sum.checked_add(*part));
        sum == Some(self.gross.minor())
            && self.net.plus(charge.tax) == Ok(self.gross)
            && charge.gross() == Ok(self.gross)
    }
}

/// Where an entry of the stream was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// In a delivered file.
    File,
    /// In the books: its batch is open, or its file is not written yet.
    Open,
}
