//! The confirmation of a secured order, which travels back inside a command packet of its own.
//!
//! ```text
//! │ 01 │ 91 01 outcome │ 89 04 reference │ 85 n amount │ 86 02 currency │ …
//! … │ 92 08 purchase │ 13 n text │
//! ```
//! | tag | element | octets | value |
//! |-----|---------|--------|-------|
//! | 91 | outcome | 1 | [`OutcomeCode`]: 0x paid and on its way, 1x given back, 2x to 4x refused |
//! | 89 | reference | 4 | of the order that is answered |
//! | 85 | amount | 1 to 8 | charged or given back, in smallest units; with 86 or not at all |
//! | 86 | currency | 2 | ISO 4217 number as decimal digits |
//! | 92 | purchase | 8 | binary, highest octet first; when there is a purchase |
//! | 13 | text | 1 + n | a coding octet, and the text to show; may be skipped |
//!
//! The coding is that of a Text String, ETSI TS 102 223 §8.15: 04 the default alphabet of TS 23.038
//! unpacked, 08 UCS2. The text is cut so that the packet fits 98 octets: the applet has the
//! outcome, amount and currency as fields and cannot lose them.

use super::secured_order::{
    OrderReference,
    tlv::{Element, Elements, Packet, TlvError},
};
use crate::domain::{
    ids::PurchaseId,
    money::{Currency, MinorUnits},
};

/// What became of a secured order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecuredReply {
    /// How it ended.
    pub outcome: OutcomeCode,
    /// Which order it was.
    pub reference: OrderReference,
    /// What was charged or given back.
    pub amount: Option<(MinorUnits, Currency)>,
    /// The purchase, when there is one.
    pub purchase: Option<PurchaseId>,
    /// What to show.
    pub text: ShownText,
}

impl SecuredReply {
    /// The data of the command packet, at most 98 octets; a longer text is cut after a word.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut packet = Packet::new()
            .critical(Element::Outcome, &[self.outcome.octet()])
            .critical(Element::Reference, &self.reference.number().to_be_bytes());
        if let Some((amount, currency)) = self.amount {
            packet = packet.amount(amount, currency);
        }
        if let Some(purchase) = self.purchase {
            packet = packet.critical(Element::Purchase, &purchase.0.to_be_bytes());
        }
        let text = self.text.within(packet.room());
        packet.skippable(Element::Text, &text).finish()
    }

    /// Reads what a gateway sent: for the simulated handset, and for tests.
    ///
    /// # Errors
    ///
    /// [`TlvError`] as for an order.
    pub fn decode(octets: &[u8]) -> Result<Self, TlvError> {
        let elements = Elements::split(octets, &KNOWN)?;
        let [outcome] = elements.array(Element::Outcome)?;
        let outcome = OutcomeCode::from_octet(outcome).ok_or(TlvError::Value(Element::Outcome))?;
        let reference = OrderReference::read(&elements)?;
        let amount = if elements.optional(Element::Amount).is_some() {
            Some((elements.amount()?, elements.currency()?))
        } else {
            elements.without(&[Element::Currency])?;
            None
        };
        let purchase = elements.optional(Element::Purchase);
        let purchase = purchase
            .map(|_| elements.array(Element::Purchase))
            .transpose()?;
        let purchase = purchase.map(|octets| PurchaseId(i64::from_be_bytes(octets)));
        let text = ShownText::read(elements.optional(Element::Text))?;
        Ok(Self {
            outcome,
            reference,
            amount,
            purchase,
            text,
        })
    }
}

/// A text for the screen, in octets of one of the two codings that every card has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShownText {
    /// The default alphabet, one septet in an octet.
    Default(Vec<u8>),
    /// UCS2, two octets a unit, the higher first.
    Ucs2(Vec<u8>),
}

impl ShownText {
    /// `text` in the default alphabet when `unpacked` (which is the business of `sms`) knows all of
    /// it, else in UCS2.
    #[must_use]
    pub fn new(text: &str, unpacked: impl Fn(&str) -> Option<Vec<u8>>) -> Self {
        let ucs2 = || text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        unpacked(text).map_or_else(|| Self::Ucs2(ucs2()), Self::Default)
    }

    fn read(value: Option<&[u8]>) -> Result<Self, TlvError> {
        match value.and_then(<[u8]>::split_first) {
            None if value.is_some() => Err(TlvError::Length(Element::Text)),
            None => Ok(Self::Default(Vec::new())),
            Some((&CODING_DEFAULT, octets)) => Ok(Self::Default(octets.to_vec())),
            Some((&CODING_UCS2, octets)) if octets.len().is_multiple_of(2) => {
                Ok(Self::Ucs2(octets.to_vec()))
            }
            Some((&CODING_UCS2, _)) => Err(TlvError::Length(Element::Text)),
            Some(_) => Err(TlvError::Value(Element::Text)),
        }
    }

    /// The coding octet and as much of the text as `room` has place for: whole, else up to a blank
    /// in its second half, else hard. Neither an escape nor half a surrogate pair is left behind.
    pub(super) fn within(&self, room: usize) -> Vec<u8> {
        let (coding, text, unit) = match self {
            Self::Default(text) => (CODING_DEFAULT, text, 1),
            Self::Ucs2(text) => (CODING_UCS2, text, 2),
        };
        let room = room.saturating_sub(1);
        let mut units: Vec<&[u8]> = text.chunks_exact(unit).collect();
        if text.len() > room {
            units.truncate(room.checked_div(unit).unwrap_or_default());
            let blank = units
                .iter()
                .rposition(|u| matches!(u, [0x20] | [0x00, 0x20]));
            let half = units.len().checked_div(2).unwrap_or_default();
            units.truncate(blank.filter(|at| *at >= half).unwrap_or(units.len()));
            while units
                .last()
                .is_some_and(|u| matches!(u, [0x1B] | [0xD8..=0xDB, _]))
            {
                units.pop();
            }
        }
        [&[coding], units.concat().as_slice()].concat()
    }
}

/// Declares each outcome with its octet, once for both directions.
macro_rules! outcomes {
    ($($(#[$doc:meta])+ $name:ident = $octet:literal,)+) => {
        /// How a secured order ended, as one octet for the applet.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum OutcomeCode {
            $($(#[$doc])+ $name,)+
        }

        impl OutcomeCode {
            /// Every outcome.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The octet on the air.
            #[must_use]
            pub const fn octet(self) -> u8 {
                match self { $(Self::$name => $octet,)+ }
            }

            /// The outcome that an octet stands for.
            #[must_use]
            pub const fn from_octet(octet: u8) -> Option<Self> {
                match octet { $($octet => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

outcomes! {
    /// 00: paid; the goods are on their way.
    Paid = 0x00,
    /// 01: the payment is in doubt and goes on by itself.
    Pending = 0x01,
    /// 10: all of it was given back.
    Refunded = 0x10,
    /// 11: some units did not come and were given back.
    PartRefunded = 0x11,
    /// 20: no bill, or none that may be charged.
    NotBillable = 0x20,
    /// 21: barred by the subscriber's own STOP.
    Barred = 0x21,
    /// 22: suspended by the operator.
    Suspended = 0x22,
    /// 23: this class of subscriber may not buy here.
    NotAllowed = 0x23,
    /// 24: dearer than one purchase may be.
    OverCap = 0x24,
    /// 25: more than is left of the limit.
    OverLimit = 0x25,
    /// 26: too many orders in a short time.
    TooMany = 0x26,
    /// 30: no such terminal.
    UnknownShortCode = 0x30,
    /// 31: no such item.
    UnknownItem = 0x31,
    /// 32: not the price that was agreed to.
    PriceChanged = 0x32,
    /// 33: the terminal takes another currency.
    CurrencyMismatch = 0x33,
    /// 34: the machine is busy.
    MachineBusy = 0x34,
    /// 35: the machine does not answer.
    MachineDead = 0x35,
    /// 36: the operator's purse cannot pay.
    PurseEmpty = 0x36,
    /// 37: no such payment order, or not of this terminal.
    PonUnknown = 0x37,
    /// 38: the payment order waited too long.
    PonExpired = 0x38,
    /// 39: the payment order is paid.
    PonPaid = 0x39,
    /// 3A: the terminal sells items and takes no amounts.
    ItemsOnly = 0x3A,
    /// 40: not an order that this gateway understands.
    NotUnderstood = 0x40,
    /// 41: this reference was used for another order.
    ReferenceConflict = 0x41,
    /// 42: the packet's counter is below the last.
    CounterLow = 0x42,
    /// 43: the order came too late.
    OrderExpired = 0x43,
    /// 4F: nothing was decided; the card may send the order again under a new counter.
    Temporary = 0x4F,
}

const KNOWN: [Element; 6] = [
    Element::Outcome,
    Element::Reference,
    Element::Amount,
    Element::Currency,
    Element::Purchase,
    Element::Text,
];
const CODING_DEFAULT: u8 = 0x04;
const CODING_UCS2: u8 = 0x08;

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: ShownText) -> SecuredReply {
        SecuredReply {
            outcome: OutcomeCode::Paid,
            reference: 7.try_into().unwrap(),
            amount: Some((i64::MAX.try_into().unwrap(), "KWD".parse().unwrap())),
            purchase: Some(PurchaseId(i64::MAX)),
            text,
        }
    }

    #[test]
    fn a_long_text_is_cut_after_a_word_and_the_packet_fits() {
        let long = "Paid 2.50 EUR to Coffee House: 1 x Espresso. It goes on your bill. Ref KRVQKE";
        let ascii = |text: &str| Some(text.as_bytes().to_vec());
        let octets = reply(ShownText::new(long, ascii)).encode();
        assert!(octets.len() <= 98);
        let shown = SecuredReply::decode(&octets).unwrap().text;
        assert_eq!(
            shown,
            ShownText::new(
                "Paid 2.50 EUR to Coffee House: 1 x Espresso. It goes on your",
                ascii
            )
        );
        let octets = reply(ShownText::new(&"دفعت 2.50 ".repeat(9), |_| None)).encode();
        let shown = SecuredReply::decode(&octets).unwrap().text;
        assert_eq!(
            shown,
            ShownText::new("دفعت 2.50 دفعت 2.50 دفعت 2.50", |_| None)
        );
    }

    #[test]
    fn neither_an_escape_nor_half_a_surrogate_pair_is_left_behind() {
        let text = ShownText::Default(vec![0x1B; 200]).within(20);
        assert_eq!(text, [CODING_DEFAULT]);
        let pairs = ShownText::new(&"😀".repeat(40), |_| None);
        assert_eq!(pairs.within(8).len(), 5);
    }

    #[test]
    fn every_outcome_has_an_octet_of_its_own() {
        for outcome in OutcomeCode::ALL {
            assert_eq!(OutcomeCode::from_octet(outcome.octet()), Some(*outcome));
        }
        assert_eq!(OutcomeCode::from_octet(0xFF), None);
    }
}
