//! What the menu must know from the books to go on, and what it gets.

use crate::dialogue::reply::{ClockTime, ListedItem, Name, Price, Reply};
use crate::dialogue::sms_command::{Command, TypedAmount};
use crate::dialogue::texts::Language;
use crate::domain::catalogue::{ItemCode, Quantity, ShortCode};
use crate::domain::money::Currency;
use crate::domain::pon::Pon;

/// A question to the books: read apart from the writer, so that no step of a menu commits anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who calls, and what is owed.
    Account,
    /// What a terminal has.
    Shop(ShortCode),
    /// Who sells at the numbers nearest to this one.
    Near(ShortCode),
    /// What something costs, all in all, now.
    Price(Wanted),
    /// What the caller bought last.
    Purchases,
}

/// What is to be paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Pieces of an item.
    Item {
        /// The terminal.
        short_code: ShortCode,
        /// Which.
        item: ItemCode,
        /// How many.
        quantity: Quantity,
    },
    /// An amount that the caller named.
    Amount {
        /// The terminal.
        short_code: ShortCode,
        /// As typed.
        amount: TypedAmount,
    },
    /// A payment order.
    Pon(Pon),
}

/// What the books know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No subscriber has this number.
    Stranger,
    /// The caller.
    Account(Account),
    /// A terminal and what it has.
    Shop(Shop),
    /// Terminals at the nearest numbers, at most [`LIST_MAX`].
    Near {
        /// The number that was asked about.
        short_code: ShortCode,
        /// Whether it was asked for as a shop, and there is none.
        missing: bool,
        /// Numbers and names.
        terminals: Vec<(ShortCode, Name)>,
    },
    /// What it costs.
    Offer(Offer),
    /// Why it can't be had.
    Refused(Reply),
    /// What the caller bought, the latest first.
    Purchases(Vec<Bought>),
}

/// A terminal and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    /// Its number.
    pub short_code: ShortCode,
    /// Whose it is.
    pub merchant: Name,
    /// Of its prices.
    pub currency: Currency,
    /// What it has, at most [`LIST_MAX`]; nothing where amounts are paid.
    pub items: Vec<ListedItem>,
}

/// The caller's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Of the texts.
    pub language: Language,
    /// On the open bill.
    pub spent: Price,
    /// What may still be spent.
    pub left: Price,
    /// What may be spent on one bill.
    pub limit: Price,
    /// The caller's PIN.
    pub pin: PinState,
}

/// How a caller's PIN stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinState {
    /// None was chosen.
    Unset,
    /// There is one.
    Set,
    /// Too many tries were wrong.
    Blocked,
}

/// Advice of charge: what an order would pay for, and the whole price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The order.
    pub command: Command,
    /// The whole price, fee included.
    pub amount: Price,
    /// Who is paid.
    pub merchant: Name,
    /// What for; none for an amount.
    pub item: Option<(Name, Quantity)>,
    /// How the PIN stands, where this order needs it.
    pub pin: Option<PinState>,
}

/// One purchase of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    /// Day and month.
    pub date: (u8, u8),
    /// The time of day.
    pub time: ClockTime,
    /// What it cost.
    pub amount: Price,
    /// Who was paid.
    pub merchant: Name,
    /// What became of it.
    pub state: BoughtState,
}

/// What became of a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoughtState {
    /// It is paid.
    Paid,
    /// Nobody knows yet.
    UnderWay,
    /// Its price went back.
    Refunded,
    /// It was not paid.
    Refused,
}

impl BoughtState {
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::UnderWay => "under_way",
            Self::Refunded => "refunded",
            Self::Refused => "refused",
        }
    }
}

/// Entries of one list: more than anybody reads on a phone's display.
pub const LIST_MAX: usize = 30;
