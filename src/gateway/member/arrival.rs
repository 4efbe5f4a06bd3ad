//! What came from a phone, as a member of a batch.

use std::sync::Arc;

use bytes::Bytes;

use crate::dialogue::sms_command::Command;
use crate::dialogue::texts::Language;
use crate::domain::Millis;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::msisdn::Msisdn;
use crate::domain::pin::Pin;
use crate::sms::reassembly::{Part, PartKey};

/// A short message as the link read it.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The SMSC's name in the configuration.
    pub smsc: Arc<str>,
    /// Whether that bind's sender addresses can be trusted.
    pub trusted: bool,
    /// The sender, when it is a number.
    pub sender: Option<Msisdn>,
    /// The number that the message was sent to, as the SMSC wrote it.
    pub service: Arc<str>,
    /// What it holds.
    pub content: Content,
    /// The user data as received, for the evidence; of a message in parts, all of it once it is whole.
    pub received: Bytes,
    /// Plain orders since this time count as the same: the time of repetition, and as much again
    /// as the SMSC could not reach us.
    pub repeat_since: Millis,
    /// A refused plain order since this time is not tried again, but answered as it was.
    pub refused_since: Millis,
    /// A random number: for the `AGAIN` and `START` codes.
    pub chance: u32,
}

/// What a short message holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// Words.
    Text(Arc<str>),
    /// A command packet of TS 31.115, from CPL on.
    Secured(Bytes),
    /// One part of a longer message.
    Part {
        /// Which message.
        key: PartKey,
        /// The part.
        part: Part,
    },
    /// What was confirmed in a USSD session, or dialled whole.
    Ussd(Box<UssdWish>),
    /// Nothing that could be an order.
    Unreadable,
}

/// What a subscriber wants by USSD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UssdWish {
    /// An order or an instruction.
    Order(UssdOrder),
    /// Texts in another language from now on.
    Language(Language),
    /// An order of the SIM's applet, as [`crate::auth::short_order`] has it.
    Sealed(Bytes),
    /// Another PIN, or the first one.
    Pin {
        /// The one of now, where there is one.
        old: Option<Pin>,
        /// The new one.
        new: Pin,
    },
}

/// An order or instruction by USSD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UssdOrder {
    /// What is wanted, in the words that a text message would have.
    pub command: Command,
    /// The very price that the subscriber was shown and said yes to; none for an order that was
    /// dialled whole.
    pub shown: Option<(MinorUnits, Currency)>,
    /// The PIN, where one was asked for.
    pub pin: Option<Pin>,
    /// What names the session at its centre, and the centre: an order that comes again with it is
    /// the same. None where nothing names it: then equal orders within a short time are one.
    pub session: Option<Arc<[u8]>>,
    /// Plain orders since this time are not forgotten for this one: text messages of so long ago
    /// may still come twice.
    pub room_since: Millis,
}
