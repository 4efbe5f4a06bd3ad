//! What the two ends of a transfer say to each other, and its canonical octets.
//!
//! ```text
//! payer                 payee          │ scheme │ tag │ details │ s6 (val only) │ mac │
//!   ◄─ startFrom  startTo ─►             1        1     46…151    16              16
//!   ◄──────── req ─────────
//!   ───────── val ────────►            MAC: pair key, over everything before it
//!   ◄──────── ack ─────────            S6: payer's own key, over │ scheme │ 11 │ details │
//! ```
//! `startFrom` and `startTo` (tags 01, 02) come from whoever brings the ends together and have
//! neither MAC nor S6: lying in them makes the ends disagree, and then nothing is paid.
//! `req`, `val` and `ack` (03, 04, 05) are sealed. Details are written in this order:
//!
//! | octets | field | |
//! |---|---|---|
//! | 2–33 | `from` | payer: length 1–32, ASCII |
//! | 2–33 | `to` | payee |
//! | 2–33 | `merchant` | for whom the payee receives, or who refunds |
//! | 8 | `value` | minor units, top bit 0 |
//! | 2 | `currency` | ISO 4217 number |
//! | 8 | `from_seq` | payer's sequence number, top bit 0 |
//! | 8 | `to_seq` | payee's sequence number, top bit 0 |
//! | 8 | `purchase` | id of the order, or a refund's own id |
//! | 1 or 9 | `refund_of` | `00`, or `01` and the purchase that a refund gives back |
//! | 1 or 5 | `pon` | `00`, or `01` and the payment order number |
//! | 4 | `deliver_within_s` | seconds |

use crate::domain::ids::{MerchantId, PurchaseId, PurseId};
use crate::domain::money::{Currency, MinorUnits};
use crate::sv::SvError;
use crate::sv::mac::{EndKeys, Mac, MacKey};
use crate::sv::octets::{BadOctets, Reader, put_id};
use crate::sv::scheme::Scheme;
use crate::sv::sequence::SequenceNo;

/// One transfer, complete: both ends, both sequence numbers, and what is paid for. Two payments
/// never have equal details, since each end uses a sequence number once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentDetails {
    /// The purse that pays.
    pub from: PurseId,
    /// The purse that receives.
    pub to: PurseId,
    /// For whom the payee receives; of a refund, the merchant that gives back.
    pub merchant: MerchantId,
    /// What moves from payer to payee.
    pub value: MinorUnits,
    /// The one currency of both ends.
    pub currency: Currency,
    /// The payer's sequence number for this transfer.
    pub from_seq: SequenceNo,
    /// The payee's sequence number for this transfer.
    pub to_seq: SequenceNo,
    /// The order, or a refund's own id.
    pub purchase: PurchaseId,
    /// The purchase that this transfer gives back; `None` unless it is a refund.
    pub refund_of: Option<PurchaseId>,
    /// The payment order number, where the order was allotted one.
    pub pon: Option<u32>,
    /// How long the merchant has to deliver, from the payment on.
    pub deliver_within_s: u32,
}

impl PaymentDetails {
    /// The canonical octets of the table above.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(DETAILS_OCTETS_MAX);
        self.write(&mut octets);
        octets
    }

    /// Reads the canonical octets and nothing else.
    ///
    /// # Errors
    ///
    /// [`BadOctets`] for anything that [`Self::to_octets`] does not write.
    pub fn from_octets(octets: &[u8]) -> Result<Self, BadOctets> {
        let mut reader = Reader::new(octets, "payment");
        let details = Self::read(&mut reader)?;
        reader.end()?;
        Ok(details)
    }

    /// S6: the payer's end-to-end MAC, which the issuer checks without trusting the payee.
    #[must_use]
    pub fn s6(&self, payer: &MacKey) -> Mac {
        payer.over(|out| {
            out.extend_from_slice(&[Scheme::MondexStyle.octet(), TAG_S6]);
            self.write(out);
        })
    }

    /// Which end of this payment `name` is; `None` for a stranger, or when it would pay itself.
    #[must_use]
    pub fn end_of(&self, name: &PurseId) -> Option<End> {
        match (self.from == *name, self.to == *name) {
            (true, false) => Some(End::Payer),
            (false, true) => Some(End::Payee),
            (true, true) | (false, false) => None,
        }
    }

    /// The sequence number of that end.
    #[must_use]
    pub const fn seq_of(&self, end: End) -> SequenceNo {
        match end {
            End::Payer => self.from_seq,
            End::Payee => self.to_seq,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_id(out, self.from.as_str());
        put_id(out, self.to.as_str());
        put_id(out, self.merchant.as_str());
        out.extend_from_slice(&self.value.minor().to_be_bytes());
        out.extend_from_slice(&self.currency.number().to_be_bytes());
        out.extend_from_slice(&self.from_seq.octets());
        out.extend_from_slice(&self.to_seq.octets());
        out.extend_from_slice(&self.purchase.0.to_be_bytes());
        match self.refund_of {
            None => out.push(0),
            Some(original) => {
                out.push(1);
                out.extend_from_slice(&original.0.to_be_bytes());
            }
        }
        match self.pon {
            None => out.push(0),
            Some(pon) => {
                out.push(1);
                out.extend_from_slice(&pon.to_be_bytes());
            }
        }
        out.extend_from_slice(&self.deliver_within_s.to_be_bytes());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, BadOctets> {
        let bad = reader.bad();
        Ok(Self {
            from: reader.id()?,
            to: reader.id()?,
            merchant: reader.id()?,
            value: MinorUnits::try_from(i64::from_be_bytes(reader.take()?)).map_err(|_| bad)?,
            currency: Currency::by_number(u16::from_be_bytes(reader.take()?)).ok_or(bad)?,
            from_seq: SequenceNo::try_from(i64::from_be_bytes(reader.take()?)).map_err(|_| bad)?,
            to_seq: SequenceNo::try_from(i64::from_be_bytes(reader.take()?)).map_err(|_| bad)?,
            purchase: PurchaseId(i64::from_be_bytes(reader.take()?)),
            refund_of: reader
                .option()?
                .map(|id| PurchaseId(i64::from_be_bytes(id))),
            pon: reader.option()?.map(u32::from_be_bytes),
            deliver_within_s: u32::from_be_bytes(reader.take()?),
        })
    }
}

/// Which end of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The purse that pays.
    Payer,
    /// The purse that receives.
    Payee,
}

impl End {
    pub(super) const fn octet(self) -> u8 {
        match self {
            Self::Payer => 1,
            Self::Payee => 2,
        }
    }

    pub(super) const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Payer),
            2 => Some(Self::Payee),
            _ => None,
        }
    }
}

/// A message of the transfer, as PRG-126 names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Tells the payer what to pay, to whom, and under which sequence numbers.
    StartFrom(PaymentDetails),
    /// Tells the payee what it will receive.
    StartTo(PaymentDetails),
    /// The payee asks for the value. Only this makes the payer debit itself.
    Req {
        /// The payment that the payee is ready for.
        details: PaymentDetails,
        /// Under the pair key.
        mac: Mac,
    },
    /// The value. Only this makes the payee credit itself.
    Val {
        /// The payment that the payer has debited.
        details: PaymentDetails,
        /// The payer's proof to its issuer: [`PaymentDetails::s6`].
        s6: Mac,
        /// Under the pair key, over S6 as well.
        mac: Mac,
    },
    /// The payee has the value.
    Ack {
        /// The payment that the payee has credited.
        details: PaymentDetails,
        /// Under the pair key.
        mac: Mac,
    },
}

impl Message {
    /// The octets for the wire, MAC last.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(MESSAGE_OCTETS_MAX);
        let (tag, details, s6, mac) = match self {
            Self::StartFrom(details) => (TAG_START_FROM, details, None, None),
            Self::StartTo(details) => (TAG_START_TO, details, None, None),
            Self::Req { details, mac } => (TAG_REQ, details, None, Some(mac)),
            Self::Val { details, s6, mac } => (TAG_VAL, details, Some(s6), Some(mac)),
            Self::Ack { details, mac } => (TAG_ACK, details, None, Some(mac)),
        };
        write_body(&mut octets, tag, details, s6);
        if let Some(mac) = mac {
            octets.extend_from_slice(&mac.octets());
        }
        octets
    }

    /// Reads a message; its MAC is checked by the purse that receives it.
    ///
    /// # Errors
    ///
    /// [`BadOctets`] for another scheme, an unknown tag, or anything not canonical.
    pub fn from_octets(octets: &[u8]) -> Result<Self, BadOctets> {
        let mut reader = Reader::new(octets, "stored-value message");
        if Scheme::from_octet(reader.octet()?) != Some(Scheme::MondexStyle) {
            return Err(reader.bad());
        }
        let tag = reader.octet()?;
        let details = PaymentDetails::read(&mut reader)?;
        let message = match tag {
            TAG_START_FROM => Self::StartFrom(details),
            TAG_START_TO => Self::StartTo(details),
            TAG_REQ => Self::Req {
                details,
                mac: reader.mac()?,
            },
            TAG_VAL => Self::Val {
                details,
                s6: reader.mac()?,
                mac: reader.mac()?,
            },
            TAG_ACK => Self::Ack {
                details,
                mac: reader.mac()?,
            },
            _ => return Err(reader.bad()),
        };
        reader.end()?;
        Ok(message)
    }

    pub(super) fn req(details: PaymentDetails, pair: &MacKey) -> Self {
        let mac = seal(TAG_REQ, &details, None, pair);
        Self::Req { details, mac }
    }

    pub(super) fn val(details: PaymentDetails, keys: EndKeys<'_>) -> Self {
        let s6 = details.s6(keys.own);
        let mac = seal(TAG_VAL, &details, Some(&s6), keys.pair);
        Self::Val { details, s6, mac }
    }

    pub(super) fn ack(details: PaymentDetails, pair: &MacKey) -> Self {
        let mac = ack_mac(&details, pair);
        Self::Ack { details, mac }
    }

    /// Refuses a sealed message whose MAC is not that of `pair`.
    pub(super) fn check(&self, pair: &MacKey) -> Result<(), SvError> {
        let authentic = match self {
            Self::StartFrom(_) | Self::StartTo(_) => true,
            Self::Req { details, mac } => *mac == seal(TAG_REQ, details, None, pair),
            Self::Val { details, s6, mac } => *mac == val_mac(details, s6, pair),
            Self::Ack { details, mac } => *mac == ack_mac(details, pair),
        };
        if authentic {
            Ok(())
        } else {
            Err(SvError::NotAuthentic)
        }
    }
}

/// The MAC of `val(details, s6)`; a payee's log record keeps it as evidence.
pub(super) fn val_mac(details: &PaymentDetails, s6: &Mac, pair: &MacKey) -> Mac {
    seal(TAG_VAL, details, Some(s6), pair)
}

/// The MAC of `ack(details)`; a payer's log record keeps it as evidence.
pub(super) fn ack_mac(details: &PaymentDetails, pair: &MacKey) -> Mac {
    seal(TAG_ACK, details, None, pair)
}

fn seal(tag: u8, details: &PaymentDetails, s6: Option<&Mac>, pair: &MacKey) -> Mac {
    pair.over(|out| write_body(out, tag, details, s6))
}

fn write_body(out: &mut Vec<u8>, tag: u8, details: &PaymentDetails, s6: Option<&Mac>) {
    out.extend_from_slice(&[Scheme::MondexStyle.octet(), tag]);
    details.write(out);
    if let Some(s6) = s6 {
        out.extend_from_slice(&s6.octets());
    }
}

/// The second octet of everything under a MAC says what it is, so that no MAC of one thing is
/// ever that of another under the same key. These are all of them.
const TAG_START_FROM: u8 = 0x01;
const TAG_START_TO: u8 = 0x02;
const TAG_REQ: u8 = 0x03;
const TAG_VAL: u8 = 0x04;
const TAG_ACK: u8 = 0x05;
pub(super) const TAG_STATUS: u8 = 0x06;
pub(super) const TAG_EXCEPTION: u8 = 0x07;
pub(super) const TAG_CLEAR: u8 = 0x08;
pub(super) const TAG_RECORD: u8 = 0x09;
const TAG_S6: u8 = 0x11;

const DETAILS_OCTETS_MAX: usize = 151;
const MESSAGE_OCTETS_MAX: usize = 2 + DETAILS_OCTETS_MAX + 16 + 16;
