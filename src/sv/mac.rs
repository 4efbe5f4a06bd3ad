//! AES-CMAC (RFC 4493, NIST SP 800-38B) with 128-bit keys, never truncated here.
//!
//! Who holds what decides who could forge what:
//!
//! | key | held by | seals |
//! |---|---|---|
//! | own key of an end | that end, and the operator that gave it | its log, exceptions, reports; S6 |
//! | pair key | both ends of one payer-and-payee pair | `req`, `val`, `ack` between the two |
//!
//! No end holds a master from which other keys follow, so a POS outside the operator can't speak
//! for any other pair. It could still write a `val` to itself under its pair key: that is why `val`
//! carries S6, which only the payer could make and which the issuer checks before it pays a record.

use std::fmt;

use aes::Aes128Enc;
use cmac::{Cmac, KeyInit, Mac as _};
use subtle::ConstantTimeEq;

/// An AES-128 key ready for CMAC, wiped when dropped. It can't be printed.
#[derive(Clone)]
pub struct MacKey(Cmac<Aes128Enc>);

impl MacKey {
    /// Expands `key`; the caller wipes its own copy.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        Self(Cmac::new(key.into()))
    }

    /// The MAC over what `write` writes. One buffer and one pass: feeding CMAC piece by piece costs
    /// more than the allocation.
    pub(super) fn over(&self, write: impl FnOnce(&mut Vec<u8>)) -> Mac {
        let mut octets = Vec::with_capacity(SEALED_OCTETS);
        write(&mut octets);
        let mut cmac = self.0.clone();
        cmac.update(&octets);
        Mac(cmac.finalize().into_bytes().into())
    }
}

/// The keys that one end of a payment uses.
#[derive(Clone, Copy)]
pub struct EndKeys<'a> {
    /// This end's own key.
    pub own: &'a MacKey,
    /// The key that it shares with the other end of this payment, and with nobody else.
    pub pair: &'a MacKey,
}

/// A MAC of 16 octets. It is not secret; two are compared in constant time all the same, since
/// one of them may be a guess.
#[derive(Clone, Copy, Default)]
pub struct Mac([u8; 16]);

impl Mac {
    /// The 16 octets, for a column of the store.
    #[must_use]
    pub const fn octets(self) -> [u8; 16] {
        self.0
    }
}

impl From<[u8; 16]> for Mac {
    fn from(octets: [u8; 16]) -> Self {
        Self(octets)
    }
}

impl PartialEq for Mac {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Mac {}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Holds everything sealed but a clear code without growing.
const SEALED_OCTETS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_is_that_of_rfc_4493() {
        let key = MacKey::new(&hex_16("2b7e151628aed2a6abf7158809cf4f3c"));
        let message = hex::decode(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
        )
        .unwrap();
        let whole = key.over(|out| out.extend_from_slice(&message));
        assert_eq!(whole, Mac(hex_16("dfa66747de9ae63030ca32611497c827")));
        assert_eq!(
            key.over(|_| ()),
            Mac(hex_16("bb1d6929e95937287fa37d129b756746"))
        );
    }

    fn hex_16(text: &str) -> [u8; 16] {
        hex::decode(text).unwrap().try_into().unwrap()
    }
}
