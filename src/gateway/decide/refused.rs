//! What a subscriber is told of a refusal: each cause has a text of its own.

use crate::dialogue::reply::{Count, Name, Price, Reply};
use crate::domain::catalogue::{ItemCode, ShortCode};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::refusal::Refusal;

/// What texts tell of an order that was refused, and of its subscriber.
#[derive(Clone, Debug)]
pub(super) struct RefusedOrder {
    /// What it would have cost.
    pub(super) amount: Price,
    /// Empty when there is none.
    pub(super) merchant: Name,
    /// The item's name, or its code.
    pub(super) item_name: Name,
    pub(super) item: Option<ItemCode>,
    pub(super) short_code: Option<ShortCode>,
    /// The subscriber's, and of the amounts below.
    pub(super) currency: Currency,
    /// The most that one purchase may cost.
    pub(super) cap: MinorUnits,
    /// The most that one order in words may cost.
    pub(super) plain_cap: MinorUnits,
    /// What is left of the credit.
    pub(super) left: MinorUnits,
    /// How long words are not taken after a change of SIM or number, s.
    pub(super) cooling_off_s: u32,
    /// Tries of the PIN that are left.
    pub(super) pin_tries: u8,
    /// How long words are not taken after a restore of the books, ms from now.
    pub(super) plain_rests_ms: i64,
}

impl RefusedOrder {
    /// The text of `cause`.
    pub(super) fn reply(self, cause: Refusal) -> Reply {
        match cause {
            Refusal::UnknownSubscriber => Reply::NotBillable,
            Refusal::Stopped => Reply::Barred,
            Refusal::Suspended => Reply::Suspended,
            Refusal::CoolingOff => {
                let hours = self.cooling_off_s.div_ceil(3600);
                Reply::CoolingOff {
                    hours: Count(u16::try_from(hours).unwrap_or(u16::MAX)),
                }
            }
            Refusal::PlainRests => {
                let ms = u64::try_from(self.plain_rests_ms).unwrap_or_default();
                let hours = ms.div_ceil(HOUR_MS).max(1);
                Reply::PlainRests {
                    hours: Count(u16::try_from(hours).unwrap_or(u16::MAX)),
                }
            }
            Refusal::NotTrusted => Reply::PlainNotTrusted,
            Refusal::OverPlainCap => Reply::OverPlainCap {
                cap: self.own(self.plain_cap),
            },
            Refusal::OverCap => Reply::OverCap {
                amount: self.amount,
                cap: self.own(self.cap),
            },
            Refusal::OverCredit => Reply::OverLimit {
                amount: self.amount,
                left: self.own(self.left),
            },
            Refusal::TooMany => Reply::TooMany,
            Refusal::PinNeeded => Reply::PinNeeded,
            Refusal::PinWrong => Reply::PinWrong {
                tries: Count(self.pin_tries.into()),
            },
            Refusal::PinBlocked => Reply::PinBlocked,
            Refusal::WrongAgain => Reply::AgainWrong,
            Refusal::CounterLow => Reply::CounterLow,
            Refusal::CounterForgotten => Reply::CounterForgotten,
            Refusal::CounterHigh => Reply::CounterHigh,
            Refusal::CounterBlocked => Reply::CounterBlocked,
            Refusal::CounterReused => Reply::CounterReused,
            Refusal::ReferenceReused => Reply::ReferenceConflict,
            Refusal::ReferenceOld => Reply::ReferenceOld,
            Refusal::NotUnderstood => Reply::NotUnderstood,
            Refusal::UnknownPon => Reply::PaymentUnknown,
            Refusal::PonExpired => Reply::PaymentExpired,
            Refusal::PonPaid => Reply::PaymentPaid,
            Refusal::PonWithdrawn => Reply::PaymentWithdrawn,
            Refusal::UnknownShortCode
            | Refusal::UnknownItem
            | Refusal::PriceChanged
            | Refusal::Busy
            | Refusal::Dead
            | Refusal::PurseEmpty
            | Refusal::OtherCurrency
            | Refusal::MerchantClosed
            | Refusal::NotPaid
            | Refusal::Protocol => self.of_the_goods(cause),
        }
    }

    /// What is wrong with what was ordered, and on the merchant's side.
    fn of_the_goods(self, cause: Refusal) -> Reply {
        let merchant = self.merchant;
        match (cause, self.item, self.short_code) {
            (Refusal::UnknownShortCode, _, Some(short_code)) => {
                Reply::UnknownShortCode { short_code }
            }
            (Refusal::UnknownItem, Some(item), Some(short_code)) => {
                Reply::UnknownItem { item, short_code }
            }
            (Refusal::UnknownItem, None, Some(short_code)) => Reply::ItemsOnly { short_code },
            // An order that names no machine says nothing that could be carried out.
            (Refusal::UnknownShortCode | Refusal::UnknownItem, _, None) => Reply::NotUnderstood,
            (Refusal::PriceChanged, ..) => Reply::PriceChanged {
                item: self.item_name,
                amount: self.amount,
            },
            (Refusal::Busy, ..) => Reply::MachineBusy { merchant },
            (Refusal::Dead, ..) => Reply::MachineDead { merchant },
            (Refusal::MerchantClosed, ..) => Reply::MerchantClosed { merchant },
            (Refusal::NotPaid, ..) => Reply::NotPaid { merchant },
            (Refusal::PurseEmpty, ..) => Reply::PurseEmpty,
            (Refusal::OtherCurrency, ..) => Reply::CurrencyMismatch {
                currency: self.currency,
                merchant,
            },
            _ => Reply::Temporary,
        }
    }

    fn own(&self, amount: MinorUnits) -> Price {
        Price {
            amount,
            currency: self.currency,
        }
    }
}

const HOUR_MS: u64 = 3_600_000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_cause_has_a_text_of_its_own() {
        let currency = "EUR".parse().unwrap();
        let order = RefusedOrder {
            amount: Price {
                amount: MinorUnits::default(),
                currency,
            },
            merchant: Name::new("Snack Bar"),
            item_name: Name::new("Espresso"),
            item: Some("12".parse().unwrap()),
            short_code: Some(4711.try_into().unwrap()),
            currency,
            cap: MinorUnits::default(),
            plain_cap: MinorUnits::default(),
            left: MinorUnits::default(),
            cooling_off_s: 86_400,
            pin_tries: 2,
            plain_rests_ms: 86_400_000,
        };
        let mut told = BTreeMap::new();
        for cause in Refusal::ALL {
            let key = order.clone().reply(*cause).key();
            let other = told.insert(key, *cause);
            assert_eq!(other, None, "{key} is said of {cause:?} too");
        }
    }
}
