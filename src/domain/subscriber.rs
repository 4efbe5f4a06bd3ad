//! A subscriber's hot record: one row holds all that an order needs to know of who pays.
//!
//! MSISDN and SIM are attributes with a date of validity: the store keeps every period, and a
//! recycled number or card never inherits what its former holder ordered or owed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::Millis;
use crate::domain::epoch::BooksEpoch;
use crate::domain::ids::{PurchaseId, SubscriberId};
use crate::domain::key_versions::{OlderKeys, PendingKeys};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::msisdn::Msisdn;
use crate::domain::pin::PinCheck;
use crate::domain::recent::Recent;

/// One subscriber with the SIM and the number of today.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The key of everything.
    pub subscriber: SubscriberId,
    /// The operator's own name for the account.
    pub reference: Arc<str>,
    /// The number of today; none once another subscriber has it.
    pub msisdn: Option<Msisdn>,
    /// The card of today: 19 or 20 digits, ITU-T E.118; none once another subscriber has it.
    pub iccid: Option<Arc<str>>,
    /// The card's IMSI.
    pub imsi: Arc<str>,
    /// ISO 639-1 code of the language that replies are written in.
    pub language: Arc<str>,
    /// Names the `[[class]]` of the configuration whose rules apply.
    pub class: Arc<str>,
    /// The bill's currency.
    pub currency: Currency,
    /// What may be owed at most: unpaid bills, open charges and holds.
    pub credit_limit: MinorUnits,
    /// What the subscriber lowered the credit limit to by `LIMIT`.
    pub own_limit: Option<MinorUnits>,
    /// What one purchase may cost.
    pub cap: MinorUnits,
    /// Whether purchases are allowed.
    pub standing: Standing,
    /// The code that `START` must repeat, while one is out.
    pub start_code: Option<u16>,
    /// When SIM or number last changed: plain text proves nothing for a while after.
    pub changed: Millis,
    /// Which version of its keys the SIM uses, 1 to 255.
    pub key_version: u8,
    /// The version that the last import named: that one again is no other, whatever the SIM was
    /// given since.
    pub file_key_version: u8,
    /// Keys that were sent to the card, which has not used them yet.
    pub pending: Option<PendingKeys>,
    /// Keys that it used before.
    pub older: Option<OlderKeys>,
    /// Names the card profile of the configuration: what packets of this card look like.
    pub profile: Arc<str>,
    /// Imported keys, sealed under the master key; none when they are derived.
    pub sealed_keys: Option<Arc<[u8]>>,
    /// When a merchant last had the subscriber asked to pay.
    pub asked: Option<Millis>,
    /// What proves the subscriber by USSD; none before the first was chosen.
    pub pin: Option<PinCheck>,
    /// The last authentic packet from the SIM.
    pub from_sim: FromSim,
    /// The last counter used towards the SIM.
    pub mt_counter: u64,
    /// Orders that a repetition is known by.
    pub recent: Recent,
    /// What is owed: unpaid bills and open charges, in minor units. Below 0 after an overpayment.
    pub owed_minor: i64,
    /// Full charges of payments that are not settled yet.
    pub held: MinorUnits,
    /// The open bill.
    pub bill: OpenBill,
    /// The epoch of the books that counters and references are of.
    pub epoch: u16,
}

/// What the last authentic packet of a SIM was, to tell a repetition from a forgery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FromSim {
    /// The counter, 0 to 2^40 − 1; it only rises.
    pub counter: u64,
    /// The packet's digest; none before the first.
    pub digest: Option<[u8; 8]>,
    /// The order that the packet made.
    pub purchase: Option<PurchaseId>,
}

/// The charges since the last bill was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenBill {
    /// The number that this bill will have, from 1 without a gap for this subscriber.
    pub number: u32,
    /// Since when it is open.
    pub since: Millis,
    /// Charges less refunds so far, in minor units; below 0 when refunds prevail.
    pub total_minor: i64,
    /// Charges and refunds on it: a bill that sums to nothing is still a bill.
    pub entries: u32,
}

/// Whether a subscriber may buy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Yes.
    #[default]
    Active,
    /// No: the subscriber sent `STOP`.
    Stopped,
    /// No: the operator said so.
    Suspended,
}

impl Standing {
    /// The stored number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Active => 0,
            Self::Stopped => 1,
            Self::Suspended => 2,
        }
    }

    /// The standing with this stored number; what is not known buys nothing.
    #[must_use]
    pub const fn by_number(number: u8) -> Self {
        match number {
            0 => Self::Active,
            1 => Self::Stopped,
            _ => Self::Suspended,
        }
    }
}

impl FromSim {
    /// The same when the SIM may have sent `orders` more that are forgotten: counters that these may
    /// have used are refused as if they had.
    #[must_use]
    pub fn with_forgotten(self, orders: u32) -> Self {
        if orders == 0 {
            return self;
        }
        Self {
            counter: raised(self.counter, orders.into()),
            digest: None,
            purchase: None,
        }
    }
}

/// An MT counter when answers to `orders` may have been sent that are forgotten.
#[must_use]
pub fn mt_with_forgotten(counter: u64, orders: u32) -> u64 {
    raised(counter, u64::from(orders).saturating_mul(ANSWERS_PER_ORDER))
}

fn raised(counter: u64, by: u64) -> u64 {
    counter.saturating_add(by).min(COUNTER_MAX)
}

impl Line {
    /// Takes the line into the epoch of the books: what its SIM may have sent and heard since the
    /// backup, and the books have forgotten, is not taken for new. In its own epoch nothing changes.
    pub fn enter_epoch(&mut self, books: &BooksEpoch) {
        let forgotten = books.forgotten_since(self.epoch);
        self.epoch = books.number;
        self.from_sim = self.from_sim.with_forgotten(forgotten);
        self.mt_counter = mt_with_forgotten(self.mt_counter, forgotten);
        self.recent.forget(forgotten);
        if let Some(pending) = &mut self.pending {
            pending.counters = pending.counters.with_forgotten(forgotten);
        }
        if let Some(older) = &mut self.older {
            older.counters = older.counters.with_forgotten(forgotten);
        }
    }

    /// The lower of what the operator allows and what the subscriber wants.
    #[must_use]
    pub fn limit(&self) -> MinorUnits {
        self.own_limit
            .map_or(self.credit_limit, |own| own.min(self.credit_limit))
    }

    /// What may still be charged.
    #[must_use]
    pub fn credit_left(&self) -> MinorUnits {
        let left = self.limit().minor().saturating_sub(self.owed_minor);
        let left = left.saturating_sub(self.held.minor());
        MinorUnits::try_from(left).unwrap_or_default()
    }
}

/// The last counter of a key's life: 40 bits.
const COUNTER_MAX: u64 = (1 << 40) - 1;
/// A confirmation, a refund, and each once more.
const ANSWERS_PER_ORDER: u64 = 4;
