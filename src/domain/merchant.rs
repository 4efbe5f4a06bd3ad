//! Who sells, what, at which price, and the machine that gives it out.

use std::sync::Arc;

use serde::Deserialize;

use crate::domain::Millis;
use crate::domain::catalogue::{ItemCode, ShortCode};
use crate::domain::charge::Price;
use crate::domain::ids::{MerchantId, PurchaseId, TerminalId};
use crate::domain::money::Currency;

/// A seller; its prices have one currency and one tax code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// The key.
    pub id: MerchantId,
    /// What subscribers read.
    pub name: Arc<str>,
    /// Of all its prices.
    pub currency: Currency,
    /// Names the `[[tax]]` of the configuration.
    pub tax_code: Arc<str>,
    /// For an amount without an item: what the operator keeps, in hundredths of a percent.
    pub discount_basis_points: u32,
    /// Whether it sells.
    pub open: bool,
    /// What counts when a terminal took an ack and never reported.
    pub unknown_end: UnknownEnd,
}

/// What a merchant's contract says of an end that nobody reported in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownEnd {
    /// It stays unknown until a late report, or a person.
    #[default]
    Wait,
    /// Nothing was given out: the merchant bears the loss.
    Refund,
    /// All was given out: the charge stands.
    Supplied,
}

impl UnknownEnd {
    /// The name in files and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Refund => "refund",
            Self::Supplied => "supplied",
        }
    }

    /// The value of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Wait, Self::Refund, Self::Supplied]
            .into_iter()
            .find(|end| end.name() == name)
    }
}

/// One line of a merchant's price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What the subscriber types.
    pub code: ItemCode,
    /// What the subscriber reads.
    pub name: Arc<str>,
    /// What one piece costs.
    pub price: Price,
}

/// What gives out goods, named by a short code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// The key.
    pub id: TerminalId,
    /// What the subscriber types, or the number that a message is sent to.
    pub short_code: ShortCode,
    /// Whose it is.
    pub merchant: MerchantId,
    /// The items that it can give out; all of the merchant's when empty.
    pub items: Arc<[ItemCode]>,
    /// Open acks at which it is busy.
    pub slots: u16,
    /// SHA-256 of the bearer token; none before `svgate terminal token`.
    pub token_sha256: Option<[u8; 32]>,
    /// The SHA-256 that its merchant's file had last: the same again replaces no newer token.
    pub file_token_sha256: Option<[u8; 32]>,
    /// The last sign of life, to some seconds.
    pub seen: Millis,
    /// The last ack number given out.
    pub last_ack: i64,
    /// How many acks are open.
    pub open_acks: u32,
    /// How many kiosk's orders wait to be paid.
    pub open_orders: u32,
    /// The ack that was closed last, with its purchase: a repeated report finds it.
    pub last_closed: Option<(i64, PurchaseId)>,
    /// Whether its merchant's file still has it.
    pub in_service: bool,
}

impl Terminal {
    /// Whether it gives out this item.
    #[must_use]
    pub fn offers(&self, item: &ItemCode) -> bool {
        self.items.is_empty() || self.items.contains(item)
    }
}
