//! Everything that svgate says to a subscriber, as values. [`texts`](super::texts) writes them.
//!
//! ```text
//! Reply::Paid { amount, merchant, … }  ──key "paid"──►  paid = "Paid {amount} to {merchant}. …"
//! ```
//! A field's name is its placeholder, so that the table below is the whole contract between code
//! and texts: at load every text must know its placeholders, and must show every price.

mod argument;

pub(super) use self::argument::{Argument, Shown};
pub use self::argument::{ClockTime, Count, ItemList, ListedItem, Name, Price, PurchaseReference};
use super::{
    sms_command::{Command, CommandError, StartCode},
    words::{Keyword, Word},
};
use crate::domain::{
    catalogue::{ItemCode, Quantity, ShortCode},
    money::Currency,
    pon::Pon,
};

/// What a reply's text is measured by: its key, and its arguments at their longest.
pub(super) struct Shape {
    pub(super) key: &'static str,
    pub(super) longest: fn() -> Vec<(&'static str, Argument)>,
}

/// Declares every reply with the key of its text and the types of its placeholders.
macro_rules! replies {
    ($($(#[$doc:meta])+ $name:ident = $key:literal $({ $($field:ident: $kind:ty),+ })?;)+) => {
        /// What svgate says to a subscriber. Each variant is one text in each language.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Reply {$(
            $(#[$doc])+
            $name $({$(
                #[doc = concat!("Fills `{", stringify!($field), "}`.")]
                $field: $kind,
            )+})?,
        )+}

        impl Reply {
            /// The key of this reply's text in `config/texts`.
            #[must_use]
            pub const fn key(&self) -> &'static str {
                match self { $(Self::$name { .. } => $key,)+ }
            }

            pub(super) fn arguments(&self) -> Vec<(&'static str, Argument)> {
                match self {$(
                    Self::$name $({ $($field),+ })? => {
                        vec![$($((stringify!($field), $field.argument())),+)?]
                    }
                )+}
            }
        }

        pub(super) const SHAPES: &[Shape] = &[$(
            Shape {
                key: $key,
                longest: || vec![$($((stringify!($field), <$kind as Shown>::longest())),+)?],
            },
        )+];
    };
}

replies! {
    // What became of an order.

    /// Bought: units of an item.
    Paid = "paid" {
        amount: Price, merchant: Name, quantity: Quantity, item: Name, reference: PurchaseReference
    };
    /// Paid: an amount or a payment order.
    PaidAmount = "paid_amount" { amount: Price, merchant: Name, reference: PurchaseReference };
    /// The goods did not come: all of it is given back.
    Refunded = "refunded" { amount: Price, merchant: Name, reference: PurchaseReference };
    /// Some units did not come: their price is given back.
    PartRefunded = "part_refunded" {
        amount: Price, quantity: Quantity, item: Name, reference: PurchaseReference
    };
    /// The payment is in doubt and goes on by itself; a second order would be a second purchase.
    Pending = "pending" { amount: Price, merchant: Name, reference: PurchaseReference };
    /// Equal to an order just carried out, so taken for the same one.
    Repeated = "repeated" { time: ClockTime, again: Command };
    /// The number after AGAIN was used, or never offered.
    AgainUsed = "again_used" { order: Command };
    /// The same, where the order is not at hand.
    AgainWrong = "again_wrong";

    // Refused: the subscriber.

    /// No account with a bill belongs to this number.
    NotBillable = "not_billable";
    /// Barred by the subscriber's own STOP.
    Barred = "barred";
    /// Suspended by the operator.
    Suspended = "suspended";
    /// Dearer than one purchase may be.
    OverCap = "over_cap" { amount: Price, cap: Price };
    /// More than is left of the limit of this bill.
    OverLimit = "over_limit" { amount: Price, left: Price };
    /// Plain text is not taken from here.
    PlainNotTrusted = "plain_not_trusted";
    /// Dearer than a plain order may be.
    OverPlainCap = "over_plain_cap" { cap: Price };
    /// SIM or number changed a short while ago.
    CoolingOff = "cooling_off" { hours: Count };
    /// The books were restored a short while ago: an order by text may be one that was paid.
    PlainRests = "plain_rests" { hours: Count };
    /// Too many orders in a short time.
    TooMany = "too_many";
    /// By USSD an order of so much needs the PIN.
    PinNeeded = "pin_needed";
    /// The PIN was another one.
    PinWrong = "pin_wrong" { tries: Count };
    /// No try is left.
    PinBlocked = "pin_blocked";
    /// A PIN was chosen.
    PinSet = "pin_set";

    // Refused: what was ordered.

    /// No terminal has this short code.
    UnknownShortCode = "unknown_short_code" { short_code: ShortCode };
    /// The terminal has no such item.
    UnknownItem = "unknown_item" { item: ItemCode, short_code: ShortCode };
    /// The terminal sells items and takes no amounts.
    ItemsOnly = "items_only" { short_code: ShortCode };
    /// The price is not the one that the subscriber saw, or is above what was allowed.
    PriceChanged = "price_changed" { item: Name, amount: Price };
    /// Paid in one currency, priced in another.
    CurrencyMismatch = "currency_mismatch" { currency: Currency, merchant: Name };
    /// The digits after the point are not those of the currency.
    AmountDigits = "amount_digits" { word: Word, example: Price };
    /// The machine is giving out something else.
    MachineBusy = "machine_busy" { merchant: Name };
    /// The machine does not answer.
    MachineDead = "machine_dead" { merchant: Name };
    /// The merchant's contract has ended.
    MerchantClosed = "merchant_closed" { merchant: Name };
    /// The operator's purse cannot pay just now.
    PurseEmpty = "purse_empty";
    /// The payment was proven not to have reached the merchant.
    NotPaid = "not_paid" { merchant: Name };
    /// Something failed on our side and nothing was paid.
    Temporary = "temporary";
    /// The order came too late to be meant.
    OrderExpired = "order_expired";

    // Refused: secured orders.

    /// One order reference, two contents.
    ReferenceConflict = "reference_conflict";
    /// A reference below those remembered.
    ReferenceOld = "reference_old";
    /// The packet's counter is below the last: an old packet, or a copied SIM.
    CounterLow = "counter_low";
    /// The packet's counter may have been used before the books were restored.
    CounterForgotten = "counter_forgotten";
    /// The packet's counter is further on than cards get between two orders.
    CounterHigh = "counter_high";
    /// One counter, two contents: a copied SIM.
    CounterReused = "counter_reused";
    /// The counter is at its end: the SIM needs new keys.
    CounterBlocked = "counter_blocked";
    /// Authentic, but not an order that this gateway understands.
    NotUnderstood = "not_understood";

    // Payment orders.

    /// No such payment order.
    PonUnknown = "pon_unknown" { pon: Pon };
    /// It waited too long.
    PonExpired = "pon_expired" { pon: Pon };
    /// It is paid, by whomever.
    PonPaid = "pon_paid" { pon: Pon };
    /// It belongs to another terminal.
    PonElsewhere = "pon_elsewhere" { pon: Pon, short_code: ShortCode };
    /// A merchant asks the subscriber to pay.
    AskedToPay = "asked_to_pay" { amount: Price, merchant: Name, pon: Pon };
    /// It was open when the books were restored.
    PonWithdrawn = "pon_withdrawn" { pon: Pon };
    /// No such payment order; asked for by the SIM, which shows the number itself.
    PaymentUnknown = "payment_unknown";
    /// It waited too long; asked for by the SIM.
    PaymentExpired = "payment_expired";
    /// It is paid, by whomever; asked for by the SIM.
    PaymentPaid = "payment_paid";
    /// It was open when the books were restored; asked for by the SIM.
    PaymentWithdrawn = "payment_withdrawn";

    // Answers to questions.

    /// What a terminal has.
    Items = "items" { merchant: Name, currency: Currency, items: ItemList };
    /// A terminal without items.
    NoItems = "no_items" { short_code: ShortCode };
    /// What is owed on the open bill, and what is left.
    Balance = "balance" { spent: Price, left: Price };
    /// What may be spent on one bill.
    LimitShown = "limit_shown" { limit: Price, left: Price };
    /// The limit is lower now.
    LimitLowered = "limit_lowered" { limit: Price };
    /// A limit is never raised by text.
    LimitNotRaised = "limit_not_raised" { limit: Price };
    /// Purchases are barred from now on.
    Stopped = "stopped";
    /// How to lift the bar.
    StartConfirm = "start_confirm" { code: StartCode };
    /// The bar is lifted.
    Started = "started";
    /// There was no bar.
    NotBarred = "not_barred";
    /// Not the code that was sent, or too late.
    StartCodeWrong = "start_code_wrong";
    /// What can be typed.
    Help = "help";

    // Near misses.

    /// Too long for an order.
    TooLong = "too_long";
    /// An unknown verb that is nearly a known one.
    DidYouMean = "did_you_mean" { word: Word, closest: Word };
    /// An unknown verb.
    UnknownWord = "unknown_word" { word: Word };
    /// Digits without a verb.
    NoVerb = "no_verb";
    /// A verb without its short code.
    MissingShortCode = "missing_short_code" { verb: Keyword };
    /// Not a short code.
    BadShortCode = "bad_short_code" { word: Word };
    /// BUY without an item.
    MissingItem = "missing_item" { short_code: ShortCode };
    /// Not an item code.
    BadItem = "bad_item" { word: Word, short_code: ShortCode };
    /// 0 units, more than 99, or no number.
    BadQuantity = "bad_quantity";
    /// PAY without an amount.
    MissingAmount = "missing_amount" { short_code: ShortCode };
    /// Not an amount.
    BadAmount = "bad_amount" { word: Word };
    /// Not the digits of a PON.
    PonLength = "pon_length";
    /// One digit of a PON is wrong.
    PonCheck = "pon_check" { word: Word };
    /// AGAIN without its number.
    BadAgain = "bad_again";
    /// START with something that is no code.
    BadStartCode = "bad_start_code";
    /// One word too many.
    Unexpected = "unexpected" { word: Word };
}

/// Every text that is no command is answered with what to type instead.
impl From<CommandError> for Reply {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Empty => Self::Help,
            CommandError::TooLong => Self::TooLong,
            CommandError::UnknownWord {
                word,
                closest: Some(closest),
            } => Self::DidYouMean { word, closest },
            CommandError::UnknownWord {
                word,
                closest: None,
            } => Self::UnknownWord { word },
            CommandError::NoVerb => Self::NoVerb,
            CommandError::MissingShortCode(verb) => Self::MissingShortCode { verb },
            CommandError::BadShortCode(word) => Self::BadShortCode { word },
            CommandError::MissingItem(short_code) => Self::MissingItem { short_code },
            CommandError::BadItem { short_code, item } => Self::BadItem {
                word: item,
                short_code,
            },
            CommandError::BadQuantity(_) => Self::BadQuantity,
            CommandError::MissingAmount(short_code) => Self::MissingAmount { short_code },
            CommandError::BadAmount(word) => Self::BadAmount { word },
            CommandError::PonLength => Self::PonLength,
            CommandError::PonCheck(word) => Self::PonCheck { word },
            CommandError::BadAgain => Self::BadAgain,
            CommandError::BadStartCode => Self::BadStartCode,
            CommandError::Unexpected(word) => Self::Unexpected { word },
        }
    }
}
