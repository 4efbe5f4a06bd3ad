//! What the books keep of a purchase, of a movement of money, and of a message to be sent.

use std::sync::Arc;

use bytes::Bytes;

use crate::domain::Millis;
use crate::domain::catalogue::{ItemCode, ShortCode};
use crate::domain::charge::Charge;
use crate::domain::ids::{MerchantId, OutboxId, PurchaseId, SubscriberId, TerminalId};
use crate::domain::ledger::Account;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;
use crate::domain::purchase::Purchase;

/// One purchase with all that was known, shown and decided.
#[derive(Clone, Debug, PartialEq)]
pub struct PurchaseRecord {
    /// Id, size and state: only [`Purchase::on`] changes it.
    pub life: Purchase,
    /// How the order came.
    pub channel: Channel,
    /// Who pays; none while a kiosk's order waits.
    pub subscriber: Option<SubscriberId>,
    /// The sender's number when the order came.
    pub msisdn: Option<Msisdn>,
    /// What gives out the goods.
    pub terminal: Option<TerminalId>,
    /// Who is paid.
    pub merchant: Option<MerchantId>,
    /// What was ordered; none for an amount.
    pub item: Option<ItemCode>,
    /// The short code as ordered.
    pub short_code: Option<ShortCode>,
    /// Of all amounts.
    pub currency: Option<Currency>,
    /// What it costs, frozen when the order was checked.
    pub charge: Charge,
    /// What went back.
    pub refunded: Charge,
    /// The payment order number of a kiosk's order.
    pub pon: Option<Pon>,
    /// The applet's reference.
    pub reference: Option<u32>,
    /// The kiosk's own name for its order.
    pub client_reference: Option<Arc<str>>,
    /// The ack's number at the terminal, from 1.
    pub ack: Option<i64>,
    /// The payer's sequence number in the payment.
    pub from_seq: Option<u64>,
    /// The payee's sequence number in the payment.
    pub to_seq: Option<u64>,
    /// The subscriber's bill that holds the charge.
    pub bill_number: Option<u32>,
    /// When the order came.
    pub requested: Millis,
    /// When the merchant was paid.
    pub paid: Option<Millis>,
    /// The node whose purses paid: the value goes back by them only.
    pub node: Option<u16>,
    /// Whether it was taken from a delivered file after a restore of the books.
    pub recovered: bool,
    /// When the state last changed.
    pub changed: Millis,
    /// When the present state has lasted too long.
    pub deadline: Option<Millis>,
    /// How far the charge went to the billing stream.
    pub billed: Billed,
    /// The number of its charge in the billing stream.
    pub entry: Option<i64>,
    /// The SMSC by which the order came, and replies go.
    pub smsc: Option<Arc<str>>,
    /// The number to which the order was sent, and from which replies come.
    pub service: Option<Arc<str>>,
    /// What the terminal or a person gave as a reason.
    pub reason: Option<Arc<str>>,
    /// What proves the order.
    pub evidence: Evidence,
}

/// The merchandising logger's part: octets as received and what checking them gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The user data or words as received; empty for a kiosk's order.
    pub received: Bytes,
    /// What checking them gave: `cmac`, `trusted_originator`, `token`; `delivered_file` for one that
    /// was recovered.
    pub check: &'static str,
}

/// How an order came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A secured packet from the SIM applet.
    Secured,
    /// A plain text message.
    Text,
    /// A kiosk or merchant server made the order, and the subscriber pays it by number.
    Kiosk,
    /// A USSD session.
    Ussd,
}

impl Channel {
    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secured => "secured",
            Self::Text => "text",
            Self::Kiosk => "kiosk",
            Self::Ussd => "ussd",
        }
    }

    /// The channel of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Secured, Self::Text, Self::Kiosk, Self::Ussd]
            .into_iter()
            .find(|c| c.name() == name)
    }
}

/// How far a charge went to the billing stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Billed {
    /// Not in the stream.
    #[default]
    No,
    /// In the stream before its end was known: it took longer than a day.
    Provisional,
    /// In the stream for good.
    Final,
}

impl Billed {
    /// The stored number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::No => 0,
            Self::Provisional => 1,
            Self::Final => 2,
        }
    }

    /// The value with this stored number.
    #[must_use]
    pub const fn by_number(number: u8) -> Self {
        match number {
            0 => Self::No,
            1 => Self::Provisional,
            _ => Self::Final,
        }
    }
}

/// One movement of money. Numbers are gapless per node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Without a gap in its node's [series](crate::domain::series).
    pub number: i64,
    /// Whose balance falls.
    pub from: Account,
    /// Whose balance rises.
    pub to: Account,
    /// By how much.
    pub amount: MinorUnits,
    /// Of the amount.
    pub currency: Currency,
    /// Why: a word of the ledger such as `pay`, `charge`, `refund`, `load`.
    pub kind: &'static str,
    /// The purchase that it belongs to.
    pub purchase: Option<PurchaseId>,
}

/// One entry of the billing stream: the demand. Numbers are gapless per node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingEntry {
    /// Without a gap in its node's [series](crate::domain::series).
    pub number: i64,
    /// Charge, or refund of a charge.
    pub kind: EntryKind,
    /// The purchase that it is for.
    pub purchase: PurchaseId,
    /// For a refund: the entry number of the charge.
    pub original: Option<i64>,
    /// Whose bill.
    pub subscriber: SubscriberId,
    /// The operator's name for the account.
    pub account: Arc<str>,
    /// The number that ordered.
    pub msisdn: Option<Msisdn>,
    /// Who was paid.
    pub merchant: MerchantId,
    /// What was bought; none for an amount.
    pub item: Option<ItemCode>,
    /// Pieces.
    pub units: u8,
    /// Of all amounts.
    pub currency: Currency,
    /// Retail, wholesale, fee and tax of this entry.
    pub charge: Charge,
    /// Names the tax rate.
    pub tax_code: Arc<str>,
    /// The subscriber's bill that holds it.
    pub bill_number: u32,
    /// When it happened.
    pub at: Millis,
    /// The calendar day in the operator's zone, yyyymmdd.
    pub business_date: i32,
    /// Whether the purchase's end was still open.
    pub provisional: bool,
    /// How the order came.
    pub channel: Channel,
}

/// What an entry of the billing stream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// The subscriber owes it.
    Charge,
    /// The subscriber gets it back.
    Refund,
}

impl EntryKind {
    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Charge, Self::Refund]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A message to a phone that waits for the SMSC's acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// By which the receiver would know a duplicate; rises.
    pub id: OutboxId,
    /// The purchase that it speaks of.
    pub purchase: Option<PurchaseId>,
    /// By which SMSC it leaves.
    pub smsc: Arc<str>,
    /// The short code that it comes from.
    pub from: Arc<str>,
    /// Where to.
    pub to: Msisdn,
    /// The message, ready to be submitted.
    pub message: ShortMessage,
    /// When it was written.
    pub created: Millis,
    /// After this it is parked, not sent.
    pub expires: Millis,
    /// The node that sends it; none: any that is bound to the SMSC.
    pub node: Option<u16>,
    /// The payment that it asks for: by USSD where that can be, and else in its own words.
    pub asks: Option<Pon>,
}

/// A message that the SMSC took and of which a receipt may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRow {
    /// Which SMSC took it, by any of its binds.
    pub smsc: Arc<str>,
    /// The SMSC's id for it, which may be alike for all.
    pub message_id: Arc<str>,
    /// Where to.
    pub to: Msisdn,
    /// The reference that it carried.
    pub reference: u16,
    /// Of which purchase it spoke.
    pub purchase: Option<PurchaseId>,
    /// When it was taken.
    pub at: Millis,
    /// What the receipt said.
    pub state: Option<Arc<str>>,
}

/// A short message ready to be submitted: 3GPP TS 23.040 fields as SMPP carries them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortMessage {
    /// Whether the user data begins with a header (`esm_class` 0x40).
    pub udhi: bool,
    /// TP-PID: 0x7F for a SIM.
    pub protocol_id: u8,
    /// TP-DCS.
    pub data_coding: u8,
    /// Header and text.
    pub user_data: Bytes,
}
