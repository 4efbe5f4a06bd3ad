//! The books as a person looks at them: read apart from the writer, decided upon never.
//!
//! What is seen here may be old by the time it is read: a command that acts on it hands a member
//! to [`Books`](crate::gateway::books::Books), which decides on the books as they stand.

use std::future::Future;
use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::bill::Bill;
use crate::domain::catalogue::ShortCode;
use crate::domain::epoch::BooksEpoch;
use crate::domain::ids::{BillId, MerchantId, OutboxId, PurchaseId, SubscriberId, TerminalId};
use crate::domain::ledger::Balance;
use crate::domain::money::Currency;
use crate::domain::subscriber::Line;
use crate::gateway::books::StoreError;
use crate::gateway::imported_keys::{CardVersion, KeyImport};
use crate::gateway::record::{OutboxRow, PurchaseRecord, SentRow};

/// What commands read. Each list comes in the order of its key, above `after`, `most` at a time.
///
/// # Errors
///
/// Every method: [`StoreError::Unavailable`], and [`StoreError::Corrupt`] for what can't be read.
pub trait Views: Clone + Send + Sync + 'static {
    /// One purchase with everything that is known of it.
    fn purchase(
        &self,
        id: PurchaseId,
    ) -> impl Future<Output = Result<Option<PurchaseRecord>, StoreError>> + Send;

    /// Purchases in the state of this name ([`State::name`](crate::domain::purchase::State::name)).
    fn purchases(
        &self,
        state: &'static str,
        after: PurchaseId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<PurchaseRecord>, StoreError>> + Send;

    /// The epoch of the books, and the one in which this node's delivered files were read back.
    fn epochs(&self) -> impl Future<Output = Result<(u16, u16), StoreError>> + Send;

    /// Messages that will not be sent until a person says so.
    fn parked(
        &self,
        after: OutboxId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<Parked>, StoreError>> + Send;

    /// Messages that an SMSC took and of which a receipt was asked for, as long as they are kept.
    fn sent(
        &self,
        after: OutboxId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<Sent>, StoreError>> + Send;

    /// Those of them that speak of a purchase.
    fn sent_of(
        &self,
        purchase: PurchaseId,
    ) -> impl Future<Output = Result<Vec<Sent>, StoreError>> + Send;

    /// Every account but those of subscribers, by node, in the order of kind, merchant and currency.
    fn balances(&self) -> impl Future<Output = Result<Vec<AccountBalance>, StoreError>> + Send;

    /// Closed bills; of one account only when it is named.
    fn bills(
        &self,
        account: Option<Arc<str>>,
        after: BillId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<AccountBill>, StoreError>> + Send;

    /// Subscribers whose open bill holds a charge and was opened before `cut_off`.
    fn lines_open_before(
        &self,
        cut_off: Millis,
        after: SubscriberId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<SubscriberId>, StoreError>> + Send;

    /// Currencies of those of `accounts` that are known, in any order.
    fn currencies(
        &self,
        accounts: Vec<Arc<str>>,
    ) -> impl Future<Output = Result<Vec<(Arc<str>, Currency)>, StoreError>> + Send;

    /// Every merchant with its currency.
    fn merchants(
        &self,
    ) -> impl Future<Output = Result<Vec<(MerchantId, Currency)>, StoreError>> + Send;

    /// Every terminal, in service or not, with its short code and merchant.
    fn terminals(
        &self,
    ) -> impl Future<Output = Result<Vec<(TerminalId, ShortCode, MerchantId)>, StoreError>> + Send;

    /// The SIM of this account and all that is known of it.
    fn sim(
        &self,
        account: Arc<str>,
    ) -> impl Future<Output = Result<Option<SimView>, StoreError>> + Send;

    /// Accounts that have a card and are `wanted`.
    fn cards(
        &self,
        wanted: CardsWanted,
        after: SubscriberId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<(SubscriberId, Arc<str>)>, StoreError>> + Send;

    /// Lines whose cards were sent keys that they have not used yet.
    fn rekeys(
        &self,
        after: SubscriberId,
        most: u32,
    ) -> impl Future<Output = Result<Vec<Line>, StoreError>> + Send;

    /// What a person should look at.
    fn notices(
        &self,
        after: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<NoticeRow>, StoreError>> + Send;

    /// What was done with keys, to `subject` if one is named: the last `most` above `after`, in the
    /// order in which they were written.
    fn key_events(
        &self,
        subject: Option<Arc<str>>,
        after: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<KeyEventRow>, StoreError>> + Send;

    /// What the books know of these cards and IMSIs, in any order: of each card and IMSI all keys
    /// that were imported or are being, and the line that has the card.
    fn known_cards(
        &self,
        cards: Vec<(Arc<str>, Arc<str>)>,
    ) -> impl Future<Output = Result<Vec<KnownCard>, StoreError>> + Send;

    /// Imports of cards' keys above this number.
    fn key_imports(
        &self,
        after: i64,
        most: u32,
    ) -> impl Future<Output = Result<Vec<(i64, KeyImport)>, StoreError>> + Send;

    /// Cards above this one whose keys came by an import.
    fn cards_of_import(
        &self,
        import: i64,
        after: Arc<str>,
        most: u32,
    ) -> impl Future<Output = Result<Vec<CardVersion>, StoreError>> + Send;

    /// The version of the schema, which opening brings up.
    fn schema(&self) -> impl Future<Output = Result<i64, StoreError>> + Send;
}

/// A SIM and what is known of it.
#[derive(Clone, Debug)]
pub struct SimView {
    /// Its line, as stored.
    pub line: Line,
    /// The epoch of the books.
    pub books: BooksEpoch,
    /// Sealed messages to it that wait.
    pub waiting: u64,
    /// Sealed messages to it that will not be sent.
    pub parked: u64,
    /// The last sign that it was copied.
    pub alarm: Option<NoticeRow>,
}

/// Which cards.
#[derive(Clone, Debug, Default)]
pub struct CardsWanted {
    /// This one only.
    pub iccid: Option<Arc<str>>,
    /// Of this class only.
    pub class: Option<Arc<str>>,
    /// With keys below this version only, and none of it on their way.
    pub below: Option<u8>,
}

/// A message that will not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The message.
    pub row: OutboxRow,
    /// Why not.
    pub cause: Arc<str>,
}

/// A message that an SMSC took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Which.
    pub id: OutboxId,
    /// By whom it was taken, where it went to, and what its receipt said.
    pub row: SentRow,
}

/// An account of the ledger with what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountBalance {
    /// The node whose part of it this is.
    pub node: u16,
    /// [`Account::kind`](crate::domain::ledger::Account::kind).
    pub kind: Arc<str>,
    /// Whose, where it is a merchant's.
    pub merchant: Option<MerchantId>,
    /// Of the balance.
    pub currency: Currency,
    /// What came in less what went out.
    pub balance: Balance,
}

/// A closed bill and the operator's name for the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountBill {
    /// The account.
    pub account: Arc<str>,
    /// The bill.
    pub bill: Bill,
}

/// Something that a person should look at, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRow {
    /// Rises by one.
    pub number: i64,
    /// When it was written.
    pub at: Millis,
    /// A word, such as `late_report`.
    pub kind: Arc<str>,
    /// The purchase.
    pub purchase: Option<PurchaseId>,
    /// The subscriber.
    pub subscriber: Option<SubscriberId>,
    /// What is known.
    pub text: Arc<str>,
}

/// Something that was done with keys, as it was written:
/// [`KeyEvent`](crate::gateway::world::KeyEvent).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEventRow {
    /// Rises.
    pub number: i64,
    /// When it was written.
    pub at: Millis,
    /// The node that wrote it.
    pub node: u16,
    /// Who did it.
    pub who: Arc<str>,
    /// A word, such as `import_completed`.
    pub what: Arc<str>,
    /// The card, account or other thing that it was done to.
    pub subject: Arc<str>,
    /// What is known besides.
    pub detail: Arc<str>,
}

/// What the books know of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCard {
    /// The card.
    pub iccid: Arc<str>,
    /// Its IMSI.
    pub imsi: Arc<str>,
    /// Imported keys; none where a line has the card.
    pub keys: Option<KnownKeys>,
}

/// Imported keys that the books have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownKeys {
    /// Their version.
    pub version: u8,
    /// [`CardKeyImport::same_keys`](crate::gateway::imported_keys::CardKeyImport::same_keys).
    pub same_keys: [u8; 16],
}
