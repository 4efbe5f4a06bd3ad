//! What a dialled code asks for: 3GPP TS 22.090 leaves all behind the service code to us.
//!
//! ```text
//! *778#                menu            *778*4711#           the shop of 4711
//! *778*4711*12#        order           *778*4711*12*2#      order of two
//! *778*83920171#       payment order number, the last of its eight digits a check digit
//! *778*0000000001…     an order of the SIM's applet, in hex digits and without the #
//! ```

use crate::dialogue::sms_command::Command;
use crate::domain::catalogue::{Quantity, ShortCode};
use crate::domain::pon::{BadPon, Pon};

/// What was dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialled {
    /// The service code alone, or what nobody could mean otherwise.
    Menu,
    /// What a terminal has.
    Shop(ShortCode),
    /// An order that is whole.
    Order(Command),
    /// Eight digits, one of them wrong.
    WrongPon,
    /// What the SIM's applet made.
    Sealed(Vec<u8>),
}

impl Dialled {
    /// Reads `code`, all of it, under the service code, such as `*778#`. Another service code
    /// never orders: whoever dials it gets the menu.
    #[must_use]
    pub fn read(code: &str, service: &str) -> Self {
        let service = service.strip_suffix('#').unwrap_or(service);
        let sealed = code.strip_prefix(service).and_then(|c| c.strip_prefix('*'));
        let sealed = sealed.filter(|digits| digits.len() >= SEALED_MIN);
        if let Some(octets) = sealed.and_then(|digits| hex::decode(digits).ok()) {
            return Self::Sealed(octets);
        }
        let rest = code.strip_suffix('#').and_then(|c| c.strip_prefix(service));
        let Some(rest) = rest.and_then(|rest| rest.strip_prefix('*')) else {
            return Self::Menu;
        };
        let words: Vec<&str> = rest.split('*').take(WORDS_MAX).collect();
        match words.as_slice() {
            [number] => Self::one(number),
            [short_code, item] => Self::item(short_code, item, "1"),
            [short_code, item, quantity] => Self::item(short_code, item, quantity),
            _ => Self::Menu,
        }
    }

    fn one(number: &str) -> Self {
        if let Ok(short_code) = number.parse() {
            return Self::Shop(short_code);
        }
        match number.parse::<Pon>() {
            Ok(pon) => Self::Order(Command::PayPon {
                short_code: None,
                pon,
            }),
            Err(BadPon::Check) => Self::WrongPon,
            Err(BadPon::Length) => Self::Menu,
        }
    }

    fn item(short_code: &str, item: &str, quantity: &str) -> Self {
        let quantity = quantity.parse::<u8>().ok();
        let quantity = quantity.and_then(|units| Quantity::try_from(units).ok());
        match (short_code.parse(), item.parse(), quantity) {
            (Ok(short_code), Ok(item), Some(quantity)) => Self::Order(Command::Buy {
                short_code,
                item,
                quantity,
                again: None,
            }),
            (Ok(short_code), _, _) => Self::Shop(short_code),
            (Err(_), _, _) => Self::Menu,
        }
    }
}

/// More words than any code of ours has.
const WORDS_MAX: usize = 4;
/// Digits of a counter, a key, a checksum and an order of an octet: more than anybody dials.
const SEALED_MIN: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_an_order_only_when_it_is_whole() {
        for (code, meant) in [
            ("*778#", "menu"),
            ("", "menu"),
            ("*778*#", "menu"),
            ("*779*4711*12#", "menu"),
            ("*7781*4711*12#", "menu"),
            ("*778*4711#", "shop 4711"),
            ("*778*4711*12#", "BUY 4711 12"),
            ("*778*4711*12*3#", "BUY 4711 12 x3"),
            ("*778*4711*12*0#", "shop 4711"),
            ("*778*4711*12*300#", "shop 4711"),
            ("*778*4711*123456789#", "shop 4711"),
            ("*778*4711*12*1*1#", "menu"),
            ("*778*11*12#", "menu"),
            ("*778*83920171#", "PAY 83920171"),
            ("*778*83920172#", "wrong"),
            ("*778*8392017#", "menu"),
            ("*778*0000000001120181010199887766", "14 octets"),
            ("*778*000000000112018101019988776", "menu"),
            ("*778*00000000011299887766", "menu"),
            ("*779*0000000001120181010199887766", "menu"),
        ] {
            let dialled = match Dialled::read(code, "*778#") {
                Dialled::Menu => "menu".to_owned(),
                Dialled::Shop(short_code) => format!("shop {short_code}"),
                Dialled::Order(command) => command.to_string(),
                Dialled::WrongPon => "wrong".to_owned(),
                Dialled::Sealed(octets) => format!("{} octets", octets.len()),
            };
            assert_eq!(dialled, meant, "{code}");
        }
    }
}
