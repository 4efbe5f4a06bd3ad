//! The operator's rules that a decision needs, as values.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::bill::Calendar;
use crate::domain::charge::Terms;
use crate::domain::money::{Currency, MinorUnits};
use crate::sms::SmscAlphabet;

/// Rules of the whole gateway. Durations are whole seconds unless the name says otherwise.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How long a terminal may take to accept an ack.
    pub accept_within_s: u32,
    /// How long an accepted ack may stay without a report before it is unknown.
    pub report_within_s: u32,
    /// How long a terminal may be silent before it counts as dead.
    pub alive_s: u32,
    /// How long a kiosk's order can be paid.
    pub pon_within_s: u32,
    /// How long after a change of SIM or number plain text is refused.
    pub cooling_off_s: u32,
    /// How far a SIM's counter may jump at once.
    pub counter_jump_max: u64,
    /// How long a confirmation is worth sending.
    pub reply_within_s: u32,
    /// How long the parts of a message wait for each other.
    pub parts_within_s: u32,
    /// Orders of one kiosk that may wait to be paid at once.
    pub kiosk_open_max: u32,
    /// After how long an open charge goes to billing as provisional.
    pub provisional_after_s: u32,
    /// Cut-off day and zone.
    pub calendar: Calendar,
    /// Rules of each class of subscribers; `standard` is always there.
    pub classes: BTreeMap<Arc<str>, Class>,
    /// Tax rate of each tax code in hundredths of a percent.
    pub tax_basis_points: BTreeMap<Arc<str>, u32>,
    /// The fee that is added to a purchase, by currency.
    pub fees: BTreeMap<Currency, MinorUnits>,
    /// How each SMSC carries text in its default alphabet; GSM 7-bit unpacked when not named.
    pub alphabets: BTreeMap<Arc<str>, SmscAlphabet>,
    /// How subscribers are asked to pay what merchants order in their name; none where they are not.
    pub asking: Option<Asking>,
    /// How cards are commanded, and get new keys.
    pub cards: CardRules,
    /// Whether other nodes, with binds of their own, work on the same books.
    pub shares_books: bool,
}

/// How cards are commanded, and get new keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRules {
    /// By which commands leave; none where no SMSC transmits.
    pub way: Option<CardWay>,
    /// How long orders under a card's former keys are taken.
    pub old_version_s: u32,
    /// After how long keys that were not used are sent again.
    pub rekey_repeat_s: u32,
    /// How often they are sent in all.
    pub rekey_times: u8,
    /// A card is not asked to pay again before so many seconds.
    pub offer_every_s: u32,
}

/// By which way commands leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardWay {
    /// The SMSC.
    pub smsc: Arc<str>,
    /// The digits that they come from.
    pub service: Arc<str>,
}

/// How a subscriber is asked to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// By which the question leaves as a text message, where it can't be asked by USSD.
    pub smsc: Arc<str>,
    /// The digits that it comes from.
    pub service: Arc<str>,
    /// A subscriber is not asked again before so many seconds.
    pub every_s: u32,
}

/// Rules of one class of subscribers.
#[derive(Clone, Debug, Default)]
pub struct Class {
    /// What one order by plain text may cost, by currency; a currency that is missing allows none.
    pub plain_cap: BTreeMap<Currency, MinorUnits>,
    /// What one order by USSD may cost without the PIN, by currency; a currency that is missing
    /// needs none.
    pub pin_above: BTreeMap<Currency, MinorUnits>,
    /// The total at which a bill is closed at once, by currency.
    pub bill_maximum: BTreeMap<Currency, MinorUnits>,
}

impl Class {
    /// Whether any order by USSD needs the PIN.
    #[must_use]
    pub fn needs_pin(&self) -> bool {
        !self.pin_above.is_empty()
    }
}

impl Policy {
    /// The class's rules, or those of `standard`.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes
            .get(name)
            .or_else(|| self.classes.get("standard"))
    }

    /// The node that sends by this SMSC: ours where we are bound to it, else any that is.
    #[must_use]
    pub fn sender_by(&self, smsc: &str, own: u16) -> Option<u16> {
        (!self.shares_books || self.alphabets.contains_key(smsc)).then_some(own)
    }

    /// Fee and tax for this currency and tax code; none when the tax code is not configured.
    #[must_use]
    pub fn terms(&self, currency: Currency, tax_code: &str) -> Option<Terms> {
        let tax_basis_points = *self.tax_basis_points.get(tax_code)?;
        let fee = self.fees.get(&currency).copied().unwrap_or_default();
        Some(Terms {
            fee,
            tax_basis_points,
        })
    }
}

/// `seconds` after `from`.
#[must_use]
pub fn after_s(from: Millis, seconds: u32) -> Millis {
    from.plus_ms(i64::from(seconds).saturating_mul(1000))
}
