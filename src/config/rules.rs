//! `[purchase]`, `[restore]`, `[billing]`, `[[class]]`, `[[tax]]` and `[[fee]]`: what decisions go by.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, de::DeserializeSeed};

use crate::config::faults::{KeyFault, bad_word, fault};
use crate::config::reading::Section;
use crate::domain::bill::Calendar;
use crate::domain::money::{Currency, MinorUnits};
use crate::gateway::policy::Class;
use crate::vend::WAIT_MAX_S;

/// How long each step of a purchase may take. Durations are in the unit that ends their name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PurchaseConfig {
    /// For the terminal to accept an ack.
    pub accept_within_s: u32,
    /// From accepting an ack to its report.
    pub report_within_s: u32,
    /// Orders of one kiosk that may wait to be paid at once.
    pub kiosk_open_max: u32,
    /// Silence after which a terminal counts as dead.
    pub alive_s: u32,
    /// For a kiosk's order to be paid.
    pub pon_within_s: u32,
    /// In which equal plain text is the same order.
    pub plain_repeat_s: u32,
    /// In which equal orders by USSD are the same where nothing names their session.
    pub ussd_repeat_s: u32,
    /// After a change of SIM or number, for plain text.
    pub cooling_off_s: u32,
    /// How far a SIM's counter may jump at once.
    pub counter_jump_max: u64,
    /// For a confirmation to be worth sending.
    pub reply_within_s: u32,
    /// For the parts of one message to come.
    pub parts_within_s: u32,
    /// For the delivery receipt of a message to come.
    pub sent_kept_s: u32,
    /// After which an open charge goes to billing all the same.
    pub provisional_after_s: u32,
    /// For the writer to take an order: later ones are answered 0x14.
    pub order_take_within_ms: u32,
}

impl Default for PurchaseConfig {
    fn default() -> Self {
        Self {
            accept_within_s: 15,
            report_within_s: 90,
            kiosk_open_max: 100,
            alive_s: 60,
            pon_within_s: 120,
            plain_repeat_s: 600,
            ussd_repeat_s: 10,
            cooling_off_s: 259_200,
            counter_jump_max: 10_000,
            reply_within_s: 86_400,
            parts_within_s: 300,
            sent_kept_s: 604_800,
            provisional_after_s: 86_400,
            order_take_within_ms: 1_500,
        }
    }
}

impl Section for PurchaseConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let above_0 =
            |key, value: u32| (value == 0).then(|| fault(key, "must be above 0".to_owned()));
        let mut faults: Vec<_> = [
            above_0("accept_within_s", self.accept_within_s),
            above_0("report_within_s", self.report_within_s),
            above_0("kiosk_open_max", self.kiosk_open_max),
            above_0("pon_within_s", self.pon_within_s),
            above_0("reply_within_s", self.reply_within_s),
            above_0("parts_within_s", self.parts_within_s),
            above_0("sent_kept_s", self.sent_kept_s),
            above_0("provisional_after_s", self.provisional_after_s),
        ]
        .into_iter()
        .flatten()
        .collect();
        let least = u32::from(WAIT_MAX_S).saturating_mul(2);
        if self.alive_s < least {
            let problem = format!(
                "must be at least {least}: a machine is seen when it asks, and a poll may last \
                 {WAIT_MAX_S} s"
            );
            faults.push(fault("alive_s", problem));
        }
        if self.counter_jump_max == 0 {
            let problem = "must be above 0: each order raises the SIM's counter by 1";
            faults.push(fault("counter_jump_max", problem.to_owned()));
        }
        if !(1..=ORDER_TAKE_MAX_MS).contains(&self.order_take_within_ms) {
            let problem = format!(
                "must be 1 to {ORDER_TAKE_MAX_MS}: the network gives a message up after 5 s"
            );
            faults.push(fault("order_take_within_ms", problem));
        }
        faults
    }
}

/// What is held for unsafe after a restore from a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestoreConfig {
    /// Orders that one SIM may have sent since the backup.
    pub counter_margin: u32,
    /// In which plain text orders buy nothing.
    pub plain_closed_s: u32,
}

impl Default for RestoreConfig {
    fn default() -> Self {
        Self {
            counter_margin: 20,
            plain_closed_s: 86_400,
        }
    }
}

impl Section for RestoreConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let fits = self.counter_margin <= COUNTER_MARGIN_MAX;
        let problem = format!(
            "must be at most {COUNTER_MARGIN_MAX}: what a SIM sends below its margin is refused"
        );
        (!fits)
            .then(|| fault("counter_margin", problem))
            .into_iter()
            .collect()
    }
}

/// When bills end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingConfig {
    /// The day of the month at whose beginning bills end, 1 to 31; the last of a shorter month.
    pub cutoff_day: u8,
    /// The operator's zone.
    pub time_zone: ZoneName,
}

impl BillingConfig {
    /// Cut-off day and zone.
    #[must_use]
    pub fn calendar(&self) -> Calendar {
        Calendar::new(self.time_zone.0.clone(), self.cutoff_day)
    }
}

impl Default for BillingConfig {
    fn default() -> Self {
        Self {
            cutoff_day: 1,
            time_zone: ZoneName(TimeZone::UTC),
        }
    }
}

impl Section for BillingConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let fits = (1..=31).contains(&self.cutoff_day);
        let problem = "must be a day of the month, 1 to 31";
        (!fits)
            .then(|| fault("cutoff_day", problem.to_owned()))
            .into_iter()
            .collect()
    }
}

/// A zone of the IANA database, such as `Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ZoneName(pub TimeZone);

impl TryFrom<String> for ZoneName {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        TimeZone::get(&name).map(Self).map_err(|_| {
            format!(
                "unknown zone {name:?}: a name of the IANA database is needed, as Europe/Berlin"
            )
        })
    }
}

/// Rules of one class of subscribers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassConfig {
    /// What a subscriber's `class` says.
    pub name: Arc<str>,
    /// What one order by plain text may cost.
    #[serde(default)]
    pub plain_cap: Amounts,
    /// What one order by USSD may cost without the PIN.
    #[serde(default)]
    pub pin_above: Amounts,
    /// The total at which a bill is closed at once.
    #[serde(default)]
    pub bill_maximum: Amounts,
}

impl ClassConfig {
    /// As a decision needs it.
    #[must_use]
    pub fn rules(&self) -> Class {
        Class {
            plain_cap: self.plain_cap.0.clone(),
            pin_above: self.pin_above.0.clone(),
            bill_maximum: self.bill_maximum.0.clone(),
        }
    }
}

impl Section for ClassConfig {
    fn faults(&self) -> Vec<KeyFault> {
        bad_word("name", &self.name).into_iter().collect()
    }
}

/// A tax rate, by the code that merchants name it with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaxConfig {
    /// What a merchant's `tax_code` says.
    pub code: Arc<str>,
    /// The rate.
    pub rate_percent: Percent,
}

impl Section for TaxConfig {
    fn faults(&self) -> Vec<KeyFault> {
        bad_word("code", &self.code).into_iter().collect()
    }
}

/// A rate in hundredths of a percent, written as percent with two digits: `"19.00"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Percent {
    /// Hundredths of a percent, 0 to 10000.
    pub basis_points: u32,
}

impl TryFrom<String> for Percent {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, &'static str> {
        let bad = "a rate is a text from \"0.00\" to \"100.00\" with two digits after the point";
        let (whole, hundredths) = text.split_once('.').ok_or(bad)?;
        let digits = [whole, hundredths].concat();
        if whole.is_empty() || hundredths.len() != 2 || !digits.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(bad);
        }
        let basis_points = digits.parse().map_err(|_| bad)?;
        if basis_points > 10_000 {
            return Err(bad);
        }
        Ok(Self { basis_points })
    }
}

/// What the operator adds to a purchase.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FeeAsWritten")]
pub struct FeeConfig {
    /// Of the amount.
    pub currency: Currency,
    /// Added once to each purchase.
    pub amount: MinorUnits,
}

impl Section for FeeConfig {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeAsWritten {
    currency: Currency,
    amount: String,
}

impl TryFrom<FeeAsWritten> for FeeConfig {
    type Error = String;
    fn try_from(fee: FeeAsWritten) -> Result<Self, String> {
        let amount = fee.currency.parse_amount(&fee.amount);
        Ok(Self {
            currency: fee.currency,
            amount: amount.map_err(|error| format!("amount: {error}"))?,
        })
    }
}

/// Amounts by currency, each a text with the digits of its currency: `{ EUR = "10.00" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts(pub BTreeMap<Currency, MinorUnits>);

impl<'de> Deserialize<'de> for Amounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AmountsVisitor)
    }
}

struct AmountsVisitor;

impl<'de> Visitor<'de> for AmountsVisitor {
    type Value = Amounts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("amounts by currency, such as { EUR = \"10.00\" }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Amounts, A::Error> {
        let mut amounts = BTreeMap::new();
        while let Some(currency) = map.next_key::<Currency>()? {
            amounts.insert(currency, map.next_value_seed(AmountIn(currency))?);
        }
        Ok(Amounts(amounts))
    }
}

struct AmountIn(Currency);

impl<'de> DeserializeSeed<'de> for AmountIn {
    type Value = MinorUnits;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<MinorUnits, D::Error> {
        let text = String::deserialize(deserializer)?;
        self.0.parse_amount(&text).map_err(D::Error::custom)
    }
}

/// More orders than a SIM sends in a year.
const COUNTER_MARGIN_MAX: u32 = 5_000;
/// The answer must reach the SMSC within the 5 s after which the network gives up.
const ORDER_TAKE_MAX_MS: u32 = 4_000;
