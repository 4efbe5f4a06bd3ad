//! Stored value: the Mondex-style purse protocol (PRG-126), in which value is at one end or at the
//! other, or provably lost, whatever becomes of the messages.
//!
//! ```text
//! float ──lane (purse)── req/val/ack ──POS (purse)── held per merchant
//! ```
//! Nothing here does I/O, reads a clock or draws a random number: a [`purse::Purse`] takes a
//! message and says what to move, what to answer and what to write down. Both ends are the same
//! machine, so a refund is a payment the other way. [`proof`] tells what became of a payment in doubt.

pub mod exception;
pub mod log;
pub mod mac;
pub mod message;
pub mod proof;
pub mod purse;
pub mod scheme;
pub mod sequence;
pub mod transfer;

mod octets;

pub use octets::BadOctets;

use crate::domain::money::{Currency, MinorUnits};
use crate::sv::purse::Purse;
use crate::sv::sequence::SequenceNo;

/// A purse whose payments draw on the operator's float. The float has several, so that a payment in
/// doubt stops one lane and not the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane(pub Purse);

/// A purse that receives for one or many merchants: a stored-value point of sale. What it holds for
/// each merchant is the ledger's to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PosPurse(pub Purse);

/// Why a purse did not follow; it has not changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SvError {
    /// Forged, altered, or sealed for another pair: these are not told apart, on purpose.
    #[error("stored-value message is not authentic")]
    NotAuthentic,
    /// A sealed message that this purse does not wait for: an old one again, or one for a payment
    /// that it has left. The sender may ask for a status report.
    #[error("purse does not expect this message")]
    NotExpected,
    /// A payment between others, or to itself.
    #[error("payment is not one of this purse's")]
    NotForThisPurse,
    /// A purse has one currency.
    #[error("purse holds {purse} only")]
    OtherCurrency {
        /// The purse's currency.
        purse: Currency,
    },
    /// An old start again, or one prepared before another payment went ahead of it.
    #[error("next sequence number is {next}, not {got}")]
    OutOfSequence {
        /// The purse's next number.
        next: SequenceNo,
        /// The number named.
        got: SequenceNo,
    },
    /// The epoch has no number left; the purse is retired.
    #[error("purse has used up its sequence numbers")]
    SequenceSpent,
    /// Less is there than the payment needs.
    #[error("payment exceeds the available value of {} minor units", available.minor())]
    InsufficientFunds {
        /// What may be drawn on.
        available: MinorUnits,
    },
    /// The archive has to take exceptions first.
    #[error("exception log is full")]
    ExceptionLogFull,
    /// An end has a payment under way, to be resumed or left before another.
    #[error("purse has a payment in doubt")]
    InDoubt,
    /// The original is a refund itself, was paid elsewhere, or is worth less.
    #[error("payment can't be refunded so")]
    NotRefundable,
    /// Not over exactly the logged exceptions, or there are none.
    #[error("clear code does not fit the exception log")]
    WrongClearCode,
    /// A stored row that no purse could have got into: a person must act.
    #[error("stored purse contradicts itself")]
    CorruptPurse,
}
