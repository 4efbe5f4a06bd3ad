//! What the gateway tells the SIM applet besides the confirmation of an order: one secured packet.
//!
//! ```text
//! │ 01 │ A1 01 command │ … the elements of that command │
//! ```
//! | A1 | command | elements |
//! |----|---------|----------|
//! | 01 | price offer | verb, short code, item, quantity, amount, currency, PON as in an order; 13 text |
//! | 02 | keys | A2 version, A3 `KIc` and KID octet, A4 four keys of 16, A5 four check values of 3 |
//! | 03 | PIN | A6 digits; without it the PIN is unblocked as it is |
//! | 04 | text | A7 language, A8 number, 93 coding octet and text |
//! | 05 | short code | A9 address: digits, type of number, BCD (3GPP TS 23.040 §9.1.2.5) |
//! | 06, 07 | lock, unlock the menu | none |
//!
//! Keys are the orders' `KIc` and KID, then the confirmations'. A check value is the first 3 octets
//! of AES over sixteen octets 01. The card carries out a command whole or not at all, and answers
//! none: what it did shows in what it sends next.

use std::fmt;

use zeroize::Zeroizing;

use super::secured_order::{
    Wanted,
    tlv::{Element, OCTETS_MAX, Packet, to_bcd},
};
use super::secured_reply::ShownText;
use crate::auth::aes_key::AesKey;
use crate::auth::secured_packet::KeyOctet;
use crate::auth::sim_keys::SimKeys;
use crate::domain::{
    money::{Currency, MinorUnits},
    pin::Pin,
};

/// A command to the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardCommand {
    /// Shows a price and asks for consent.
    Offer(Offer),
    /// Gives the card new keys.
    Keys(Box<NewKeys>),
    /// Gives a blocked PIN its tries back; with a new one where the old is forgotten.
    UnblockPin(Option<Pin>),
    /// Changes a text of the menu.
    Text(MenuText),
    /// Changes where orders go.
    Service(ServiceAddress),
    /// Takes the menu away.
    Lock,
    /// Gives it back.
    Unlock,
}

impl CardCommand {
    /// The data of the command packet, wiped when dropped: there may be keys or a PIN in it.
    ///
    /// # Errors
    ///
    /// [`TooLong`] for what one message can't carry.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, TooLong> {
        let number = match self {
            Self::Offer(_) => 0x01,
            Self::Keys(_) => 0x02,
            Self::UnblockPin(_) => 0x03,
            Self::Text(_) => 0x04,
            Self::Service(_) => 0x05,
            Self::Lock => 0x06,
            Self::Unlock => 0x07,
        };
        // As long as it may become, so that no key is left behind where it grew out of.
        let packet = Packet::with_room().critical(Element::Command, &[number]);
        let packet = match self {
            Self::Offer(offer) => offer.write(packet),
            Self::Keys(keys) => packet
                .critical(Element::KeyVersion, &[keys.version])
                .critical(Element::KeyOctets, &[keys.kic.octet(), keys.kid.octet()])
                .critical(Element::Keys, keys.keys.as_slice())
                .critical(Element::CheckValues, &keys.check_values),
            Self::UnblockPin(Some(pin)) => {
                packet.critical(Element::Pin, pin.expose_digits().as_bytes())
            }
            Self::Text(text) => packet
                .critical(Element::Language, &[text.language])
                .critical(Element::TextNumber, &[text.number])
                .critical(Element::Text, &text.text.within(usize::MAX)),
            Self::Service(service) => packet.critical(Element::Service, &service.octets()),
            Self::UnblockPin(None) | Self::Lock | Self::Unlock => packet,
        };
        let octets = Zeroizing::new(packet.finish());
        if octets.len() > OCTETS_MAX {
            return Err(TooLong(octets.len()));
        }
        Ok(octets)
    }

    /// Whether it must not be read on its way: the card takes keys and PINs from ciphered packets
    /// only.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self, Self::Keys(_) | Self::UnblockPin(Some(_)))
    }

    /// What it is called in logs and by commands.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Offer(_) => "offer",
            Self::Keys(_) => "keys",
            Self::UnblockPin(_) => "unblock",
            Self::Text(_) => "text",
            Self::Service(_) => "service",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
        }
    }
}

/// More than one message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the command has {0} octets, and one message carries {OCTETS_MAX}: shorten its text")]
pub struct TooLong(usize);

/// A price that the subscriber may agree to on the card's screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    wanted: Wanted,
    amount: MinorUnits,
    currency: Currency,
    text: Option<ShownText>,
}

impl Offer {
    /// An offer of what is `wanted` for `amount`, fee included, in `currency`, which the card
    /// refuses if it is not its own; with the merchant's words, cut where the packet is full. None
    /// for nothing: there would be nothing to agree to.
    #[must_use]
    pub fn new(
        wanted: Wanted,
        (amount, currency): (MinorUnits, Currency),
        text: Option<ShownText>,
    ) -> Option<Self> {
        (!amount.is_zero()).then_some(Self {
            wanted,
            amount,
            currency,
            text,
        })
    }

    fn write(&self, packet: Packet) -> Packet {
        let packet = self.wanted.write(packet).amount(self.amount, self.currency);
        let packet = match self.wanted {
            Wanted::PaymentOrder { pon, .. } => {
                packet.critical(Element::Pon, &to_bcd::<4>(pon.number()))
            }
            Wanted::Item { .. } | Wanted::Amount { .. } => packet,
        };
        let text = self.text.as_ref().map(|text| text.within(packet.room()));
        match text.filter(|text| text.len() > CODING_OCTET) {
            Some(text) => packet.skippable(Element::Text, &text),
            None => packet,
        }
    }
}

/// The four keys of a version that is to come, wiped when dropped; nothing shows them.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKeys {
    version: u8,
    kic: KeyOctet,
    kid: KeyOctet,
    keys: Zeroizing<[u8; 64]>,
    check_values: [u8; 12],
}

impl NewKeys {
    /// The keys of `version`, which packets will name by these octets.
    ///
    /// # Errors
    ///
    /// [`NotForCards`] for keys of another length than AES-128.
    pub fn new(
        version: u8,
        (kic, kid): (KeyOctet, KeyOctet),
        orders: &SimKeys,
        confirmations: &SimKeys,
    ) -> Result<Self, NotForCards> {
        let all = [
            &orders.kic,
            &orders.kid,
            &confirmations.kic,
            &confirmations.kid,
        ];
        let mut keys = Zeroizing::new([0; 64]);
        let mut check_values = [0; 12];
        let places = keys.as_chunks_mut::<16>().0.iter_mut();
        let places = places.zip(check_values.as_chunks_mut::<3>().0);
        for (key, (octets, check_value)) in all.into_iter().zip(places) {
            let AesKey::Aes128(of_key) = key else {
                return Err(NotForCards);
            };
            *octets = *of_key;
            let mut block = [1; 16];
            key.encipher(&mut block).map_err(|_| NotForCards)?;
            let [a, b, c, ..] = block;
            *check_value = [a, b, c];
        }
        Ok(Self {
            version,
            kic,
            kid,
            keys,
            check_values,
        })
    }
}

impl fmt::Debug for NewKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewKeys(version {})", self.version)
    }
}

/// Keys that a card can't hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the card holds keys of 16 octets, and these are longer")]
pub struct NotForCards;

/// A text of the card's menu: `sim-applet/README.md` says which number is which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuText {
    language: u8,
    number: u8,
    text: ShownText,
}

impl MenuText {
    /// Text `number` in the card's language `language`. It must be in the coding that the language
    /// was personalised in, or the card refuses it.
    ///
    /// # Errors
    ///
    /// [`BadMenuText`].
    pub fn new(language: u8, number: u8, text: ShownText) -> Result<Self, BadMenuText> {
        if language > LANGUAGE_MAX {
            return Err(BadMenuText::Language);
        }
        if number > TEXT_NUMBER_MAX {
            return Err(BadMenuText::Number);
        }
        let octets = match &text {
            ShownText::Default(octets) | ShownText::Ucs2(octets) => octets.len(),
        };
        if !(1..=TEXT_OCTETS_MAX).contains(&octets) {
            return Err(BadMenuText::Length(octets));
        }
        Ok(Self {
            language,
            number,
            text,
        })
    }
}

/// Not a text of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMenuText {
    /// There are four.
    #[error("a card's language is a number, 0 to {LANGUAGE_MAX}")]
    Language,
    /// There are 32.
    #[error("a card's text is a number, 0 to {TEXT_NUMBER_MAX}")]
    Number,
    /// It has no place for more.
    #[error(
        "the text has {0} octets, and a card's text has 1 to {TEXT_OCTETS_MAX}: so many characters \
         of the GSM alphabet, or half as many of others"
    )]
    Length(usize),
}

/// The number that the card sends its orders to: a short code, or an international number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAddress {
    digits: Box<str>,
    international: bool,
}

impl ServiceAddress {
    /// As TP-DA: how many digits, type of number and plan (ISDN), digits in pairs, the first in the
    /// low half.
    pub(super) fn octets(&self) -> Vec<u8> {
        let digits: Vec<u8> = self.digits.bytes().map(|digit| digit & 0x0F).collect();
        let type_of_number = if self.international {
            INTERNATIONAL
        } else {
            UNKNOWN_NUMBER
        };
        let count = u8::try_from(digits.len()).unwrap_or(u8::MAX);
        let pairs = digits.chunks(2).map(|pair| match pair {
            [low, high] => (high << 4) | low,
            [low, ..] => 0xF0 | low,
            [] => 0xFF,
        });
        [count, type_of_number].into_iter().chain(pairs).collect()
    }
}

impl std::str::FromStr for ServiceAddress {
    type Err = BadServiceAddress;

    fn from_str(written: &str) -> Result<Self, BadServiceAddress> {
        let international = written.starts_with('+');
        let digits = written.strip_prefix('+').unwrap_or(written);
        let fits = (1..=SERVICE_DIGITS_MAX).contains(&digits.len())
            && digits.bytes().all(|octet| octet.is_ascii_digit());
        if !fits {
            return Err(BadServiceAddress);
        }
        Ok(Self {
            digits: digits.into(),
            international,
        })
    }
}

impl fmt::Display for ServiceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = if self.international { "+" } else { "" };
        write!(f, "{plus}{}", self.digits)
    }
}

/// Not a number that orders can go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a service number has 1 to {SERVICE_DIGITS_MAX} digits, with + in front of an international one"
)]
pub struct BadServiceAddress;

const CODING_OCTET: usize = 1;
const LANGUAGE_MAX: u8 = 3;
const TEXT_NUMBER_MAX: u8 = 0x1F;
/// What the applet has place for, less the coding octet.
const TEXT_OCTETS_MAX: usize = 31;
/// Twelve octets, less two.
const SERVICE_DIGITS_MAX: usize = 20;
const INTERNATIONAL: u8 = 0x91;
const UNKNOWN_NUMBER: u8 = 0x81;

#[cfg(test)]
mod vectors;
