//! Why an order was not paid. Each cause has a name in the books and a text to the subscriber.

use serde::{Deserialize, Serialize};

/// Declares the causes with their stable numbers and names.
macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $name:literal),+ $(,)?) => {
        /// Why an order was not paid. The numbers are stored: they never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Refusal {
            $($(#[$doc])* $variant),+
        }

        impl Refusal {
            /// Every cause, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stored number.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number),+ }
            }

            /// The cause as files, metrics and commands name it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

refusals! {
    /// No subscriber has this number.
    UnknownSubscriber = 1 "unknown_subscriber",
    /// The subscriber barred purchases with STOP.
    Stopped = 2 "stopped",
    /// The operator suspended the account.
    Suspended = 3 "suspended",
    /// SIM or number changed a short time ago, and plain text proves nothing.
    CoolingOff = 4 "cooling_off",
    /// Plain text came by a bind whose sender addresses are not trusted.
    NotTrusted = 5 "not_trusted",
    /// Above what plain text may order.
    OverPlainCap = 6 "over_plain_cap",
    /// Above what one purchase may cost this subscriber.
    OverCap = 7 "over_cap",
    /// Unpaid bills, open charges and holds leave too little credit.
    OverCredit = 8 "over_credit",
    /// No terminal has this short code.
    UnknownShortCode = 9 "unknown_short_code",
    /// The terminal has no such item.
    UnknownItem = 10 "unknown_item",
    /// The price is above what the order allows or not what the subscriber was shown.
    PriceChanged = 11 "price_changed",
    /// The terminal has as many open acks as it has slots.
    Busy = 12 "busy",
    /// The terminal has been silent for too long.
    Dead = 13 "dead",
    /// The operator's purse does not hold the price.
    PurseEmpty = 14 "purse_empty",
    /// Subscriber and merchant have different currencies.
    OtherCurrency = 15 "other_currency",
    /// The merchant's contract has ended.
    MerchantClosed = 16 "merchant_closed",
    /// No order has this payment order number.
    UnknownPon = 17 "unknown_pon",
    /// The order's time to be paid is over.
    PonExpired = 18 "pon_expired",
    /// The order was paid before, by this or another subscriber.
    PonPaid = 19 "pon_paid",
    /// The packet's counter is below the last one.
    CounterLow = 20 "counter_low",
    /// The packet's counter jumps further than the policy allows.
    CounterHigh = 21 "counter_high",
    /// The packet's counter is at the end of its range: the SIM needs new keys.
    CounterBlocked = 22 "counter_blocked",
    /// The same counter came with other content: a cloned card or a leaked key.
    CounterReused = 23 "counter_reused",
    /// The same reference came with other content.
    ReferenceReused = 24 "reference_reused",
    /// The reference is below those remembered: too old to be told from a repetition.
    ReferenceOld = 25 "reference_old",
    /// The packet is authentic and says nothing that svgate understands.
    NotUnderstood = 26 "not_understood",
    /// More different orders in a short time than can be told from repetitions.
    TooMany = 27 "too_many",
    /// The payment was proven not to have reached the merchant.
    NotPaid = 28 "not_paid",
    /// The AGAIN number is not the one that was offered, or was used.
    WrongAgain = 29 "wrong_again",
    /// The stored-value protocol refused the payment.
    Protocol = 30 "protocol",
    /// The order costs so much that the PIN must be given.
    PinNeeded = 31 "pin_needed",
    /// The PIN was another one.
    PinWrong = 32 "pin_wrong",
    /// No try is left.
    PinBlocked = 33 "pin_blocked",
    /// The books were restored a short time ago, and a plain text may be one that was paid before.
    PlainRests = 34 "plain_rests",
    /// The order was open when the books were restored: nobody knows whether it was paid.
    PonWithdrawn = 35 "pon_withdrawn",
    /// The counter is one that the card may have used before the books were restored: whether it did
    /// is forgotten.
    CounterForgotten = 36 "counter_forgotten",
}

impl Refusal {
    /// The cause with this stored number.
    #[must_use]
    pub fn by_number(number: u8) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|cause| cause.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_found_by_its_number_and_has_its_own_name() {
        let mut names: Vec<_> = Refusal::ALL.iter().map(|c| c.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Refusal::ALL.len());
        for cause in Refusal::ALL {
            assert_eq!(Refusal::by_number(cause.number()), Some(*cause));
        }
        assert_eq!(Refusal::by_number(0), None);
    }
}
