//! Double entry: every movement of money is a transfer between two accounts, and Σ = 0 per currency.
//!
//! ```text
//! load      issuer ─► float, unload back    pay       float ─► in flight ─► POS held (merchant)
//! charge    income ─► receivable            charge    tax ─► receivable
//! refund    each of the above the other way, with the stored amounts, never computed again
//! bill paid receivable ─► bank
//! ```
//! A transfer takes its amount from one account's balance and adds it to the other's: the sum of
//! all balances of a currency stays 0. Issuer, income and tax are below 0 in the ordinary run.

use crate::domain::ids::{MerchantId, SubscriberId};
use crate::domain::money::{AmountOutOfRange, MinorUnits};

/// Which account, for one currency.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// What the issuer has put into circulation (below 0).
    Issuer,
    /// The operator's purse: what its lanes pay from.
    Float,
    /// Value that left the float and has not reached a POS.
    InFlight,
    /// What the POS holds for a merchant.
    PosHeld(MerchantId),
    /// What the merchant was paid out.
    Settled(MerchantId),
    /// What a subscriber owes: unpaid bills and open charges. Kept in the subscriber's line.
    Receivable(SubscriberId),
    /// The operator's income (below 0).
    Income,
    /// Tax owed to the state (below 0).
    Tax,
    /// What a merchant owes for a refund that its POS has not paid back yet.
    MerchantReceivable(MerchantId),
    /// Money that subscribers paid.
    Bank,
    /// What waits for a person's decision.
    Suspense,
    /// What was given up.
    WriteOff,
}

impl Account {
    /// The kind's stored name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Float => "float",
            Self::InFlight => "in_flight",
            Self::PosHeld(_) => "pos_held",
            Self::Settled(_) => "settled",
            Self::Receivable(_) => "receivable",
            Self::Income => "income",
            Self::Tax => "tax",
            Self::MerchantReceivable(_) => "merchant_receivable",
            Self::Bank => "bank",
            Self::Suspense => "suspense",
            Self::WriteOff => "write_off",
        }
    }

    /// The merchant whose account it is.
    #[must_use]
    pub const fn merchant(&self) -> Option<&MerchantId> {
        match self {
            Self::PosHeld(m) | Self::Settled(m) | Self::MerchantReceivable(m) => Some(m),
            Self::Issuer
            | Self::Float
            | Self::InFlight
            | Self::Receivable(_)
            | Self::Income
            | Self::Tax
            | Self::Bank
            | Self::Suspense
            | Self::WriteOff => None,
        }
    }
}

/// A balance: what came in less what went out, in minor units; below 0 for some kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Balance(pub i64);

impl Balance {
    /// With `amount` more.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`] beyond i64.
    pub fn credited(self, amount: MinorUnits) -> Result<Self, AmountOutOfRange> {
        self.0
            .checked_add(amount.minor())
            .map(Self)
            .ok_or(AmountOutOfRange)
    }

    /// With `amount` less.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`] beyond i64.
    pub fn debited(self, amount: MinorUnits) -> Result<Self, AmountOutOfRange> {
        self.0
            .checked_sub(amount.minor())
            .map(Self)
            .ok_or(AmountOutOfRange)
    }

    /// What can be spent: the balance, or nothing when it is below 0.
    #[must_use]
    pub fn available(self) -> MinorUnits {
        MinorUnits::try_from(self.0).unwrap_or_default()
    }
}
