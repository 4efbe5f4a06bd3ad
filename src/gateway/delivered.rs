//! What delivered files tell books that were restored from a backup.

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::catalogue::ItemCode;
use crate::domain::charge::Charge;
use crate::domain::ids::{MerchantId, PurchaseId};
use crate::domain::money::Currency;
use crate::domain::msisdn::Msisdn;
use crate::gateway::record::{Channel, EntryKind};
use crate::gateway::world::{ClosedBatch, Wants};

/// One step of reading delivered files back into books that were restored from a backup.
#[derive(Clone, Debug)]
pub enum Adopt {
    /// Entries that follow the last one of the books, at most [`ADOPTED_MAX`].
    Entries(Vec<DeliveredEntry>),
    /// A file whose entries the books have, and which they do not know.
    File(DeliveredFile),
    /// Every file that this node delivered is in the books.
    Finished,
    /// Purchases that ended while the stream waited for that.
    Ended(Vec<PurchaseId>),
}

impl Adopt {
    /// The rows that the step names by itself.
    pub fn wants(&self, wants: &mut Wants) {
        match self {
            Self::Entries(entries) => {
                for entry in entries {
                    wants.purchases.insert(entry.purchase);
                    wants.accounts.insert(Arc::clone(&entry.account));
                    wants.merchants.insert(entry.merchant.clone());
                }
            }
            Self::Ended(purchases) => wants.purchases.extend(purchases),
            Self::File(_) | Self::Finished => {}
        }
    }
}

/// Entries of one commit: each may be a purchase that is paid again.
pub const ADOPTED_MAX: usize = 200;

/// An entry of the billing stream as a delivered file has it, with what all files tell of its
/// purchase.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveredEntry {
    /// Its number in the stream.
    pub number: i64,
    /// Charge or refund.
    pub kind: EntryKind,
    /// For which purchase.
    pub purchase: PurchaseId,
    /// For a refund: the entry of its charge.
    pub original: Option<i64>,
    /// The operator's name for the account.
    pub account: Arc<str>,
    /// The number that ordered, where files have it.
    pub msisdn: Option<Msisdn>,
    /// Who was paid.
    pub merchant: MerchantId,
    /// What was bought; none for an amount.
    pub item: Option<ItemCode>,
    /// Pieces.
    pub units: u8,
    /// Of all amounts.
    pub currency: Currency,
    /// The amounts of this entry.
    pub charge: Charge,
    /// Names the tax rate.
    pub tax_code: Arc<str>,
    /// The account's bill that holds it.
    pub bill_number: u32,
    /// When it happened.
    pub at: Millis,
    /// The calendar day in the operator's zone, yyyymmdd.
    pub business_date: i32,
    /// Whether the purchase's end was still open.
    pub provisional: bool,
    /// How the order came.
    pub channel: Channel,
    /// Pieces that went back by another entry of the files.
    pub back_units: u8,
}

/// A delivered file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveredFile {
    /// Its batch.
    pub batch: ClosedBatch,
    /// Its hash.
    pub sha256: [u8; 32],
}
