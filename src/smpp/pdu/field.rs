//! The kinds of field that PDUs are made of: SMPP 3.4 §3.1. Each hides what no log may show.

use std::fmt;

use bytes::Bytes;

/// A C-octet string without its closing NUL. Mostly ASCII, but the field has Latin-1 and worse,
/// so octets are kept as they came.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct COctetString(pub Bytes);

impl COctetString {
    /// Whether there is no octet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The octets, without the NUL.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        &self.0
    }

    /// As text; `None` when it is not UTF-8 (ASCII always is).
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&'static str> for COctetString {
    fn from(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl From<String> for COctetString {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<Bytes> for COctetString {
    fn from(octets: Bytes) -> Self {
        Self(octets)
    }
}

impl fmt::Debug for COctetString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// An address: type of number, numbering plan, digits or letters. Masks itself when printed.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// Type of number: 0 unknown, 1 international, 2 national, 3 network specific, 5 letters.
    pub ton: u8,
    /// Numbering plan: 0 unknown, 1 E.164.
    pub npi: u8,
    /// The address itself, at most 20 octets by the specification.
    pub value: COctetString,
}

impl Address {
    /// An address of E.164 digits, international, without `+`.
    #[must_use]
    pub fn international(digits: impl Into<COctetString>) -> Self {
        Self {
            ton: 1,
            npi: 1,
            value: digits.into(),
        }
    }
}

/// The last three octets only, and only of an address longer than a short code.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = self.value.as_octets();
        write!(f, "{}/{}/", self.ton, self.npi)?;
        match octets.last_chunk::<3>() {
            Some(last) if octets.len() > LONGEST_SHORT_CODE => {
                write!(f, "…{}", last.escape_ascii())
            }
            Some(_) | None => write!(f, "{}", octets.escape_ascii()),
        }
    }
}

/// The text or data of a message, or a part of one. It may hold an order, so it prints its length.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Payload(pub Bytes);

impl From<Bytes> for Payload {
    fn from(octets: Bytes) -> Self {
        Self(octets)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.0.len())
    }
}

/// A bind's password. Never printed, in any build.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(pub COctetString);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Short codes name terminals, not persons, and are needed in logs.
const LONGEST_SHORT_CODE: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_printed() {
        assert_eq!(
            format!("{:?}", Address::international("491701234567")),
            "1/1/…567"
        );
        assert_eq!(format!("{:?}", Address::international("4711")), "1/1/4711");
        assert_eq!(
            format!("{:?}", Payload(Bytes::from_static(b"BUY 4711 12"))),
            "11 octets"
        );
        assert_eq!(format!("{:?}", Password("secret".into())), "(hidden)");
    }
}
