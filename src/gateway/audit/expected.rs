//! What must stand elsewhere for each purchase that moved money, and what was found.
//!
//! The purchase table comes in order of id, so that this is a sorted list: 88 octets for each paid
//! purchase, 440 MB for five million, and a look-up is a binary search.

use std::collections::HashMap;

use crate::domain::charge::Charge;
use crate::domain::ids::{MerchantId, PurchaseId, SubscriberId};
use crate::domain::money::Currency;
use crate::gateway::audit::report::Source;

/// One purchase that moved money.
#[derive(Clone, Debug)]
pub(super) struct PaidPurchase {
    pub(super) id: PurchaseId,
    pub(super) subscriber: SubscriberId,
    pub(super) merchant: MerchantNo,
    pub(super) currency: Currency,
    pub(super) charge: Charge,
    /// Where its refund is in the list of refunds.
    pub(super) back: Option<u32>,
    /// The number of its charge in the billing stream.
    pub(super) entry: Option<i64>,
    pub(super) due: Ticks,
    pub(super) seen: Ticks,
    /// Found with another amount.
    pub(super) off: Ticks,
}

/// A merchant's number within one audit: names would take more room than amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MerchantNo(u32);

/// One row that a purchase leaves somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    PurseLogPaid,
    PosLogPaid,
    FloatOut,
    HeldIn,
    Income,
    Tax,
    PurseLogBack,
    PosLogBack,
    HeldOut,
    FloatBack,
    IncomeBack,
    TaxBack,
    ChargeEntry,
    RefundEntry,
}

impl Tick {
    pub(super) const ALL: [Self; 14] = [
        Self::PurseLogPaid,
        Self::PosLogPaid,
        Self::FloatOut,
        Self::HeldIn,
        Self::Income,
        Self::Tax,
        Self::PurseLogBack,
        Self::PosLogBack,
        Self::HeldOut,
        Self::FloatBack,
        Self::IncomeBack,
        Self::TaxBack,
        Self::ChargeEntry,
        Self::RefundEntry,
    ];

    /// Where the row is looked for.
    pub(super) const fn source(self) -> Source {
        match self {
            Self::PurseLogPaid | Self::PurseLogBack => Source::PurseLog,
            Self::PosLogPaid | Self::PosLogBack => Source::PosLog,
            Self::FloatOut
            | Self::HeldIn
            | Self::Income
            | Self::Tax
            | Self::HeldOut
            | Self::FloatBack
            | Self::IncomeBack
            | Self::TaxBack => Source::Transfers,
            Self::ChargeEntry | Self::RefundEntry => Source::Billing,
        }
    }

    /// What the row is.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::PurseLogPaid | Self::PosLogPaid => "payment",
            Self::PurseLogBack | Self::PosLogBack => "refund of value",
            Self::FloatOut => "value out of the float",
            Self::HeldIn => "value to the merchant",
            Self::Income => "charge",
            Self::Tax => "tax",
            Self::HeldOut => "value back from the merchant",
            Self::FloatBack => "value back to the float",
            Self::IncomeBack => "refund of the charge",
            Self::TaxBack => "refund of tax",
            Self::ChargeEntry => "charge entry",
            Self::RefundEntry => "refund entry",
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Self::PurseLogPaid => 1,
            Self::PosLogPaid => 1 << 1,
            Self::FloatOut => 1 << 2,
            Self::HeldIn => 1 << 3,
            Self::Income => 1 << 4,
            Self::Tax => 1 << 5,
            Self::PurseLogBack => 1 << 6,
            Self::PosLogBack => 1 << 7,
            Self::HeldOut => 1 << 8,
            Self::FloatBack => 1 << 9,
            Self::IncomeBack => 1 << 10,
            Self::TaxBack => 1 << 11,
            Self::ChargeEntry => 1 << 12,
            Self::RefundEntry => 1 << 13,
        }
    }
}

/// A set of ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ticks(u16);

impl Ticks {
    pub(super) const fn of(tick: Tick) -> Self {
        Self(tick.bit())
    }

    pub(super) const fn has(self, tick: Tick) -> bool {
        self.0 & tick.bit() != 0
    }

    pub(super) const fn add(&mut self, tick: Tick) {
        self.0 |= tick.bit();
    }

    /// Adds `tick` where the amount is not 0: nothing is not moved.
    pub(super) const fn add_if(&mut self, tick: Tick, minor: i64) {
        if minor != 0 {
            self.add(tick);
        }
    }

    pub(super) const fn has_all(self, of: &[Tick]) -> bool {
        let mut rest = of;
        while let [tick, after @ ..] = rest {
            if !self.has(*tick) {
                return false;
            }
            rest = after;
        }
        true
    }
}

/// All purchases that moved money.
#[derive(Debug, Default)]
pub(super) struct Paid {
    purchases: Vec<PaidPurchase>,
    backs: Vec<Charge>,
    merchants: HashMap<MerchantId, MerchantNo>,
}

impl Paid {
    /// Adds the next purchase; false when ids don't rise.
    pub(super) fn push(&mut self, purchase: PaidPurchase) -> bool {
        let rises = self
            .purchases
            .last()
            .is_none_or(|last| last.id < purchase.id);
        if rises {
            self.purchases.push(purchase);
        }
        rises
    }

    /// Keeps what went back, for [`PaidPurchase::back`].
    pub(super) fn push_back(&mut self, back: Charge) -> Option<u32> {
        self.backs.push(back);
        u32::try_from(self.backs.len().saturating_sub(1)).ok()
    }

    /// The number of a merchant, from now on.
    pub(super) fn merchant(&mut self, merchant: &MerchantId) -> MerchantNo {
        if let Some(known) = self.merchants.get(merchant) {
            return *known;
        }
        let next = MerchantNo(u32::try_from(self.merchants.len()).unwrap_or(u32::MAX));
        self.merchants.insert(merchant.clone(), next);
        next
    }

    /// Whether `merchant` has this number.
    pub(super) fn is_merchant(&self, number: MerchantNo, merchant: &MerchantId) -> bool {
        self.merchants.get(merchant) == Some(&number)
    }

    pub(super) fn find(&mut self, id: PurchaseId) -> Option<&mut PaidPurchase> {
        let at = self
            .purchases
            .binary_search_by_key(&id, |paid| paid.id)
            .ok()?;
        self.purchases.get_mut(at)
    }

    /// What went back of a purchase; nothing when nothing did.
    pub(super) fn back_of(&self, paid: &PaidPurchase) -> Charge {
        let at = paid.back.and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.backs.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// The amount that a tick must have.
    pub(super) fn amount(&self, paid: &PaidPurchase, tick: Tick) -> i64 {
        let (charge, back) = (paid.charge, self.back_of(paid));
        let gross = |of: Charge| of.gross().unwrap_or_default().minor();
        let income = |of: Charge| gross(of).saturating_sub(of.tax.minor());
        match tick {
            Tick::PurseLogPaid | Tick::PosLogPaid | Tick::FloatOut | Tick::HeldIn => {
                charge.wholesale.minor()
            }
            Tick::PurseLogBack | Tick::PosLogBack | Tick::HeldOut | Tick::FloatBack => {
                back.wholesale.minor()
            }
            Tick::Income => income(charge),
            Tick::IncomeBack => income(back),
            Tick::Tax => charge.tax.minor(),
            Tick::TaxBack => back.tax.minor(),
            Tick::ChargeEntry => gross(charge),
            Tick::RefundEntry => gross(back),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &PaidPurchase> {
        self.purchases.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_million_purchases_take_less_than_half_a_gigabyte() {
        assert!(size_of::<PaidPurchase>() <= 88);
    }

    #[test]
    fn every_tick_has_a_bit_of_its_own() {
        let mut all = Ticks::default();
        for tick in Tick::ALL {
            assert!(!all.has(tick), "{tick:?}");
            all.add(tick);
        }
        assert!(all.has_all(&Tick::ALL));
    }
}
