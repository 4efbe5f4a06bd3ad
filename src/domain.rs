//! The pure rules of the trade: money, subscribers, merchants, purchases, ledger, charges, bills.
//!
//! Nothing here names SMPP, HTTP, SQL, tokio, a clock or a source of chance: time and ids are
//! arguments. All times are [`Millis`]: i64 milliseconds UTC since the Unix epoch.

pub mod bill;
pub mod card;
pub mod catalogue;
pub mod charge;
pub mod epoch;
pub mod ids;
pub mod imsi;
pub mod key_versions;
pub mod ledger;
pub mod merchant;
pub mod money;
pub mod msisdn;
pub mod pin;
pub mod pon;
pub mod purchase;
pub mod recent;
pub mod refusal;
pub mod series;
pub mod subscriber;

/// Milliseconds UTC since 1970-01-01. Zones exist only at cut-offs and in files.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Millis(pub i64);

impl Millis {
    /// This time moved by `milliseconds`, held within the range of the type.
    #[must_use]
    pub const fn plus_ms(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds from `earlier` to this time; negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}
