//! Keys on their way between a card vendor and the gateway, sealed under a transport key that both
//! hold: AES-256-GCM (NIST SP 800-38D), or AES-256-KWP (RFC 5649, SP 800-38F §6.3).
//!
//! ```text
//! GCM  │ nonce 12 │ enciphered key 16|24|32 │ tag 16 │   additional data: the key's place, as text
//! KWP  │ wrapped key 24|32|40 │                         no additional data: the place is not bound
//! ```
//! Under GCM a value that is moved to another card, column or key version does not open. KWP has
//! nothing to bind a place with: two rows that are swapped open as well, with right check values
//! where those were swapped too, and only a MAC over the whole file sees it.

use aes::cipher::KeyInit as _;
use aes_gcm::aead::array::Array;
use aes_gcm::{AeadInOut as _, Aes256Gcm};
use aes_kw::KwpAes256;
use zeroize::Zeroizing;

use super::aes_key::AesKey;

/// How the keys of a file are sealed: all of them alike, said by who imports, never by the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// AES-256-GCM, bound to the place.
    Gcm,
    /// AES-256-KWP, bound by the file's MAC alone.
    Kwp,
}

/// A transport key of 256 bits. It is wiped when dropped, and can be neither printed nor cloned.
pub struct TransportKey {
    gcm: Aes256Gcm,
    kwp: KwpAes256,
    check: [u8; 3],
}

impl TransportKey {
    /// The key of these octets, which the caller wipes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self {
            gcm: Aes256Gcm::new(secret.into()),
            kwp: KwpAes256::new(secret.into()),
            check: check_value(&AesKey::Aes256(*secret)),
        }
    }

    /// What both sides compare to see that they hold the same key.
    #[must_use]
    pub const fn check_value(&self) -> [u8; 3] {
        self.check
    }

    /// Opens one key that was sealed for `place`.
    ///
    /// # Errors
    ///
    /// [`NotOpened`], without telling what differs.
    pub fn open(&self, sealing: Sealing, sealed: &[u8], place: &str) -> Result<AesKey, NotOpened> {
        match sealing {
            Sealing::Gcm => self.open_gcm(sealed, place),
            Sealing::Kwp => self.unwrap(sealed),
        }
    }

    /// Seals one key for `place` by GCM, under a random `nonce` that is never used again.
    ///
    /// # Errors
    ///
    /// [`NotOpened`] when the cipher refuses, which it does only above 2^36 octets.
    pub fn seal(&self, key: &AesKey, place: &str, nonce: [u8; 12]) -> Result<Vec<u8>, NotOpened> {
        let mut octets = Zeroizing::new(key.expose_octets().to_vec());
        let tag = self
            .gcm
            .encrypt_inout_detached(
                &Array(nonce),
                place.as_bytes(),
                octets.as_mut_slice().into(),
            )
            .map_err(|_| NotOpened)?;
        Ok([nonce.as_slice(), &octets, &tag].concat())
    }

    fn open_gcm(&self, sealed: &[u8], place: &str) -> Result<AesKey, NotOpened> {
        let (nonce, rest) = sealed.split_first_chunk::<12>().ok_or(NotOpened)?;
        let (key, tag) = rest.split_last_chunk::<16>().ok_or(NotOpened)?;
        let mut key = Zeroizing::new(key.to_vec());
        self.gcm
            .decrypt_inout_detached(
                &Array(*nonce),
                place.as_bytes(),
                key.as_mut_slice().into(),
                &Array(*tag),
            )
            .map_err(|_| NotOpened)?;
        AesKey::try_from(key.as_slice()).map_err(|_| NotOpened)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<AesKey, NotOpened> {
        if !WRAPPED_OCTETS.contains(&wrapped.len()) {
            return Err(NotOpened);
        }
        let mut key = Zeroizing::new([0; 32]);
        let key = self.kwp.unwrap_key(wrapped, key.as_mut_slice());
        AesKey::try_from(key.map_err(|_| NotOpened)?).map_err(|_| NotOpened)
    }
}

/// A sealed key that does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed key does not open")]
pub struct NotOpened;

/// The check value of a key: the first three octets of AES over sixteen octets 01, as
/// `GlobalPlatform` has it.
#[must_use]
pub fn check_value(key: &AesKey) -> [u8; 3] {
    let mut block = [1; 16];
    // One whole block: enciphering can't refuse it, and under a zero IV it is plain AES.
    let _ = key.encipher(&mut block);
    let [first, second, third, ..] = block;
    [first, second, third]
}

/// Whether nobody drew this key at random: its octets step evenly (all equal, counting), or are a
/// pattern of at most eight octets repeated. One random key in 2^60 is like that.
#[must_use]
pub fn is_weak(key: &AesKey) -> bool {
    let octets = key.expose_octets();
    let differences = octets
        .iter()
        .zip(octets.iter().skip(1))
        .map(|(one, next)| next.wrapping_sub(*one));
    let mut others = differences.clone().skip(1);
    let steps_evenly = differences.take(1).all(|step| others.all(|s| s == step));
    let repeats = |period: usize| {
        let shifted = octets.iter().skip(period);
        octets.iter().zip(shifted).all(|(one, next)| one == next)
    };
    steps_evenly || (1..=8).any(repeats)
}

/// Wrapped keys of 16, 24 and 32 octets.
const WRAPPED_OCTETS: [usize; 3] = [24, 32, 40];

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "8988211000000000003,mo_kic,1";

    const WRAPPED: [(&str, &str); 3] = [
        (
            "d1bbacd32c2a8888055058d91a792059789b20fa83fdc67c",
            "ecc62dae0806be9f9cfdf463ee45a79f",
        ),
        (
            "9196516ead35612c49cb7082c832e399e98e7c6224210343fa09776efe467fa4",
            "1cf883e4e9a7ee0307bc5ccb711d18f3330744621630e0b3",
        ),
        (
            "12d2b1da54a3c056e6f9985a95686dd926dda0508424d6c8bc2f9a6278f284c705939e8713652248",
            "25a9289d5d110c352294d86401800ef73625f81c1616b8564bd1f654168c7f06",
        ),
    ];

    fn key(hex_text: &str) -> AesKey {
        AesKey::try_from(hex::decode(hex_text).unwrap().as_slice()).unwrap()
    }

    #[test]
    fn a_key_opens_in_its_place_only_and_whatever_its_size() {
        let transport = TransportKey::new(&[7; 32]);
        for octets in [16, 24, 32_u8] {
            let plain: Vec<u8> = (1..=octets).map(|i| i.wrapping_mul(i)).collect();
            let plain = AesKey::try_from(plain.as_slice()).unwrap();
            let sealed = transport.seal(&plain, PLACE, [9; 12]).unwrap();
            let opened = transport.open(Sealing::Gcm, &sealed, PLACE).ok().unwrap();
            assert_eq!(opened.expose_octets(), plain.expose_octets());
            for elsewhere in [
                "8988211000000000011,mo_kic,1",
                "8988211000000000003,mo_kid,1",
                "8988211000000000003,mo_kic,2",
            ] {
                assert!(transport.open(Sealing::Gcm, &sealed, elsewhere).is_err());
            }
            assert!(transport.open(Sealing::Kwp, &sealed, PLACE).is_err());
            let other = TransportKey::new(&[8; 32]);
            assert!(other.open(Sealing::Gcm, &sealed, PLACE).is_err());
            for bit in 0..sealed.len() * 8 {
                let mut damaged = sealed.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(transport.open(Sealing::Gcm, &damaged, PLACE).is_err());
            }
        }
    }

    /// RFC 5649 §6 has vectors for 192 bits only; this one is OpenSSL's, by `cryptography`.
    #[test]
    fn a_key_wrapped_by_another_hand_is_unwrapped_wherever_it_stands() {
        let secret: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 7 % 256).unwrap());
        let transport = TransportKey::new(&secret);
        for (wrapped, plain) in WRAPPED {
            let wrapped = hex::decode(wrapped).unwrap();
            for place in [PLACE, ""] {
                let opened = transport.open(Sealing::Kwp, &wrapped, place).ok().unwrap();
                assert_eq!(hex::encode(opened.expose_octets()), plain);
            }
            assert!(transport.open(Sealing::Gcm, &wrapped, PLACE).is_err());
            for bit in 0..wrapped.len() * 8 {
                let mut damaged = wrapped.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(transport.open(Sealing::Kwp, &damaged, PLACE).is_err());
            }
            for end in 0..wrapped.len() {
                assert!(
                    transport
                        .open(Sealing::Kwp, &wrapped[..end], PLACE)
                        .is_err()
                );
            }
        }
    }

    #[test]
    fn the_check_value_is_that_of_the_cards_vectors() {
        // The keys of card 8988211000000000003 under a master of zeros, and their check values.
        let value = check_value(&key("50b3ef35448d9989bec59e33c1ade81c"));
        assert_eq!(hex::encode(value), "b0072a");
    }

    #[test]
    fn keys_that_nobody_drew_are_weak() {
        for weak in [
            "00000000000000000000000000000000",
            "ffffffffffffffffffffffffffffffff",
            "404142434445464748494a4b4c4d4e4f",
            "0f0e0d0c0b0a09080706050403020100",
            "00112233445566778899aabbccddeeff",
            "0123456789abcdef0123456789abcdef",
            "deadbeefdeadbeefdeadbeefdeadbeef",
            "f8f9fafbfcfdfeff0001020304050607",
            "0102030102030102030102030102030102030102030102030102030102030102",
        ] {
            assert!(is_weak(&key(weak)), "{weak}");
        }
        for drawn in [
            "50b3ef35448d9989bec59e33c1ade81c",
            "00000000000000000000000000000001",
        ] {
            assert!(!is_weak(&key(drawn)), "{drawn}");
        }
    }
}
