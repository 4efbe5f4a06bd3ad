//! The order inside a secured packet: what a SIM applet sends once its subscriber has agreed.
//!
//! ```text
//! │ 01 │ 81 01 verb │ 82 03 short code │ 83 n item │ 84 01 quantity │ 85 n amount │ …
//! ```
//! | tag | element | octets | value |
//! |-----|---------|--------|-------|
//! | 81 | verb | 1 | 01 buy an item, 02 pay an amount, 03 pay a payment order |
//! | 82 | short code | 3 | decimal digits, two in an octet, zeros in front: `00 47 11` |
//! | 83 | item | 1 to 8 | ASCII `A-Z 0-9` |
//! | 84 | quantity | 1 | binary, 1 to 99 |
//! | 85 | amount | 1 to 8 | smallest units, **whole order**, binary, highest octet first, not 0 |
//! | 86 | currency | 2 | ISO 4217 number as decimal digits: `09 78` |
//! | 87 | amount kind | 1 | 01 the price as shown to the subscriber, 02 the most that is allowed |
//! | 88 | PON | 4 | eight decimal digits |
//! | 89 | reference | 4 | binary, not 0; the card's own, rising |
//!
//! | verb | short code | item | quantity | amount kind | PON |
//! |------|-----------|------|----------|-------------|-----|
//! | 01 buy | must | must | must | 01 or 02 | no |
//! | 02 pay | must | no | no | 01 | no |
//! | 03 pay a payment order | may | no | no | 01 or 02 | must |
//!
//! Amount, currency, amount kind and reference are in every order, so that what was agreed to is
//! under the MAC. A Java Card writes it without `int`: octets, digits and copies only. Numbers from
//! 0A on are for later: the card sets the critical bit where ignoring them would be wrong.
//! [`tlv`] has the form of an element, `tests/vectors/orders.json` has examples.

pub mod tlv;
#[cfg(test)]
mod vectors;

use std::num::NonZeroU32;

use self::tlv::{Element, Elements, Packet, TlvError, from_bcd, to_bcd};
use crate::domain::{
    catalogue::{ItemCode, Quantity, ShortCode},
    money::{Currency, MinorUnits},
    pon::Pon,
};

/// An order as its subscriber agreed to it on the SIM's screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecuredOrder {
    /// By which the same order, sent again under a new counter, is known.
    pub reference: OrderReference,
    /// What is wanted.
    pub wanted: Wanted,
    /// What the whole order may cost, never nothing.
    pub agreed: Agreed,
    /// The currency of what was agreed.
    pub currency: Currency,
}

/// What a secured order asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Units of an item.
    Item {
        /// The terminal.
        short_code: ShortCode,
        /// The item.
        item: ItemCode,
        /// How many units.
        quantity: Quantity,
    },
    /// To pay what was agreed, and nothing else.
    Amount {
        /// The terminal.
        short_code: ShortCode,
    },
    /// To pay a payment order.
    PaymentOrder {
        /// The payment order.
        pon: Pon,
        /// The terminal, where it was named: it must be the payment order's.
        short_code: Option<ShortCode>,
    },
}

impl Wanted {
    /// Verb, short code, item and quantity; the PON comes after the amount.
    pub(super) fn write(&self, packet: Packet) -> Packet {
        let code = |code: ShortCode| to_bcd::<3>(code.number());
        match *self {
            Self::Item {
                short_code,
                item,
                quantity,
            } => packet
                .critical(Element::Verb, &[BUY])
                .critical(Element::ShortCode, &code(short_code))
                .critical(Element::Item, item.as_str().as_bytes())
                .critical(Element::Quantity, &[quantity.into()]),
            Self::Amount { short_code } => packet
                .critical(Element::Verb, &[PAY])
                .critical(Element::ShortCode, &code(short_code)),
            Self::PaymentOrder {
                short_code: Some(short_code),
                ..
            } => packet
                .critical(Element::Verb, &[PAY_ORDER])
                .critical(Element::ShortCode, &code(short_code)),
            Self::PaymentOrder {
                short_code: None, ..
            } => packet.critical(Element::Verb, &[PAY_ORDER]),
        }
    }
}

/// What the subscriber agreed to pay, fee included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreed {
    /// This price was shown: another one is `price_changed`.
    Exactly(MinorUnits),
    /// The price was not known to the card: up to this.
    AtMost(MinorUnits),
}

impl Agreed {
    /// Whether `price` is what was agreed to.
    #[must_use]
    pub fn covers(self, price: MinorUnits) -> bool {
        match self {
            Self::Exactly(shown) => price == shown,
            Self::AtMost(most) => price <= most,
        }
    }

    const fn amount(self) -> MinorUnits {
        match self {
            Self::Exactly(amount) | Self::AtMost(amount) => amount,
        }
    }
}

/// The number of an order, one per order and SIM, never 0, surviving a change of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderReference(NonZeroU32);

impl OrderReference {
    /// The reference as a number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0.get()
    }

    pub(super) fn read(elements: &Elements<'_>) -> Result<Self, TlvError> {
        let number = u32::from_be_bytes(elements.array(Element::Reference)?);
        Self::try_from(number).map_err(|_| TlvError::Value(Element::Reference))
    }
}

impl TryFrom<u32> for OrderReference {
    type Error = ZeroReference;
    fn try_from(number: u32) -> Result<Self, ZeroReference> {
        NonZeroU32::new(number).map(Self).ok_or(ZeroReference)
    }
}

/// A card that never numbered its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order reference is not 0")]
pub struct ZeroReference;

impl SecuredOrder {
    /// Reads the data of an authentic command packet.
    ///
    /// # Errors
    ///
    /// [`TlvError`], one variant for each way of not being an order.
    pub fn decode(octets: &[u8]) -> Result<Self, TlvError> {
        let elements = Elements::split(octets, &KNOWN)?;
        let [verb] = elements.array(Element::Verb)?;
        let wanted = match verb {
            BUY => {
                elements.without(&[Element::Pon])?;
                let short_code = short_code(&elements)?;
                let item = item(&elements)?;
                Wanted::Item {
                    short_code,
                    item,
                    quantity: quantity(&elements)?,
                }
            }
            PAY => {
                elements.without(&[Element::Item, Element::Quantity, Element::Pon])?;
                Wanted::Amount {
                    short_code: short_code(&elements)?,
                }
            }
            PAY_ORDER => {
                elements.without(&[Element::Item, Element::Quantity])?;
                let named = elements.optional(Element::ShortCode);
                let short_code = named.map(|_| short_code(&elements)).transpose()?;
                Wanted::PaymentOrder {
                    pon: elements.pon()?,
                    short_code,
                }
            }
            _ => return Err(TlvError::Value(Element::Verb)),
        };
        let agreed = agreed(&elements, wanted)?;
        let currency = elements.currency()?;
        Ok(Self {
            reference: OrderReference::read(&elements)?,
            wanted,
            agreed,
            currency,
        })
    }

    /// The one canonical form of this order: elements by rising number, values in their shortest
    /// form, nothing that is not understood. Two orders are the same order if these octets are
    /// equal, so the digest kept beside a reference is the digest of them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let packet = self.wanted.write(Packet::new());
        let kind = match self.agreed {
            Agreed::Exactly(_) => AS_SHOWN,
            Agreed::AtMost(_) => MOST_ALLOWED,
        };
        let packet = packet
            .amount(self.agreed.amount(), self.currency)
            .critical(Element::AmountKind, &[kind]);
        let packet = match self.wanted {
            Wanted::PaymentOrder { pon, .. } => {
                packet.critical(Element::Pon, &to_bcd::<4>(pon.number()))
            }
            Wanted::Item { .. } | Wanted::Amount { .. } => packet,
        };
        packet
            .critical(Element::Reference, &self.reference.number().to_be_bytes())
            .finish()
    }
}

fn short_code(elements: &Elements<'_>) -> Result<ShortCode, TlvError> {
    let number = from_bcd(
        Element::ShortCode,
        &elements.array::<3>(Element::ShortCode)?,
    )?;
    ShortCode::try_from(number).map_err(|_| TlvError::Value(Element::ShortCode))
}

fn item(elements: &Elements<'_>) -> Result<ItemCode, TlvError> {
    let octets = elements.value(Element::Item)?;
    if !(1..=8).contains(&octets.len()) {
        return Err(TlvError::Length(Element::Item));
    }
    let text = std::str::from_utf8(octets).map_err(|_| TlvError::Value(Element::Item))?;
    text.parse().map_err(|_| TlvError::Value(Element::Item))
}

fn quantity(elements: &Elements<'_>) -> Result<Quantity, TlvError> {
    let [units] = elements.array(Element::Quantity)?;
    Quantity::try_from(units).map_err(|_| TlvError::Value(Element::Quantity))
}

fn agreed(elements: &Elements<'_>, wanted: Wanted) -> Result<Agreed, TlvError> {
    let amount = elements.amount()?;
    if amount.is_zero() {
        return Err(TlvError::Value(Element::Amount));
    }
    let [kind] = elements.array(Element::AmountKind)?;
    match (kind, wanted) {
        (AS_SHOWN, _) => Ok(Agreed::Exactly(amount)),
        (MOST_ALLOWED, Wanted::Item { .. } | Wanted::PaymentOrder { .. }) => {
            Ok(Agreed::AtMost(amount))
        }
        // "Pay at most 5" names no amount.
        (_, _) => Err(TlvError::Value(Element::AmountKind)),
    }
}

const KNOWN: [Element; 9] = [
    Element::Verb,
    Element::ShortCode,
    Element::Item,
    Element::Quantity,
    Element::Amount,
    Element::Currency,
    Element::AmountKind,
    Element::Pon,
    Element::Reference,
];
const BUY: u8 = 0x01;
const PAY: u8 = 0x02;
const PAY_ORDER: u8 = 0x03;
const AS_SHOWN: u8 = 0x01;
const MOST_ALLOWED: u8 = 0x02;
