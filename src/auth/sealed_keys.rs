//! Imported SIM keys at rest: AES-256-GCM (NIST SP 800-38D) under a key derived of the master.
//!
//! ```text
//! │ 01 │ nonce 12 │ enciphered: KIc's length 1, KIc 16|24|32, KID 16|24|32 │ tag 16 │
//! additional data: "svgate-sealed-1" │ ICCID 10 │ direction 1 │ key version 1 │
//! ```
//! The additional data bind a pair to its place: moved to another SIM, direction or version it
//! does not open, and `KIc` and KID cannot change places. A file with ciphered columns lacks that:
//! swap two rows, and nothing notices.

use aes_gcm::AeadInOut;
use aes_gcm::aead::array::Array;
use zeroize::Zeroizing;

use super::aes_key::AesKey;
use super::iccid::Iccid;
use super::named_keys::NamedKeys;
use super::sim_keys::{Direction, SimKeys};

/// The place of a pair of keys: which they are, without being them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPlace {
    /// The card.
    pub iccid: Iccid,
    /// Orders or confirmations.
    pub direction: Direction,
    /// The version of the keys.
    pub version: u8,
}

/// Seals `keys` for their `place`. The `nonce` is random and never used twice under one master:
/// SP 800-38D §8.3 allows 2^32 random ones, and no operator has as many SIMs.
///
/// # Errors
///
/// [`NotTheseKeys`] when the cipher refuses, which it does only above 2^36 octets.
pub fn seal_keys(
    keys: &SimKeys,
    place: &KeyPlace,
    nonce: [u8; 12],
    named: &NamedKeys,
) -> Result<Vec<u8>, NotTheseKeys> {
    let (kic, kid) = (keys.kic.expose_octets(), keys.kid.expose_octets());
    let kic_octets = u8::try_from(kic.len()).map_err(|_| NotTheseKeys)?;
    let mut pair = Zeroizing::new([&[kic_octets], kic, kid].concat());
    let data = place.additional_data();
    let tag = named
        .sealing()
        .encrypt_inout_detached(&Array(nonce), &data, pair.as_mut_slice().into())
        .map_err(|_| NotTheseKeys)?;
    Ok([&[FORM], nonce.as_slice(), &pair, &tag].concat())
}

/// Opens what [`seal_keys`] made for the same `place` under the same master.
///
/// # Errors
///
/// [`NotTheseKeys`] for anything else, without telling what differs.
pub fn unseal_keys(
    sealed: &[u8],
    place: &KeyPlace,
    named: &NamedKeys,
) -> Result<SimKeys, NotTheseKeys> {
    let (&[form], rest) = sealed.split_first_chunk().ok_or(NotTheseKeys)?;
    let (nonce, rest) = rest.split_first_chunk::<12>().ok_or(NotTheseKeys)?;
    let (pair, tag) = rest.split_last_chunk::<16>().ok_or(NotTheseKeys)?;
    if form != FORM {
        return Err(NotTheseKeys);
    }
    let mut pair = Zeroizing::new(pair.to_vec());
    let data = place.additional_data();
    named
        .sealing()
        .decrypt_inout_detached(
            &Array(*nonce),
            &data,
            pair.as_mut_slice().into(),
            &Array(*tag),
        )
        .map_err(|_| NotTheseKeys)?;
    let (&kic_octets, keys) = pair.split_first().ok_or(NotTheseKeys)?;
    let (kic, kid) = keys
        .split_at_checked(kic_octets.into())
        .ok_or(NotTheseKeys)?;
    let key = |octets: &[u8]| AesKey::try_from(octets).map_err(|_| NotTheseKeys);
    Ok(SimKeys {
        kic: key(kic)?,
        kid: key(kid)?,
    })
}

/// Sealed keys that are damaged, of another place, or sealed under another master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed keys are damaged, belong to another place, or to another master key file")]
pub struct NotTheseKeys;

impl KeyPlace {
    fn additional_data(&self) -> Vec<u8> {
        let direction = match self.direction {
            Direction::Mo => 0,
            Direction::Mt => 1,
        };
        [CONTEXT, self.iccid.ef_octets(), &[direction, self.version]].concat()
    }
}

const FORM: u8 = 1;
const CONTEXT: &[u8] = b"svgate-sealed-1";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auth::sim_keys::Master;

    fn place() -> KeyPlace {
        let iccid = "8988211000000000003".parse().unwrap();
        KeyPlace {
            iccid,
            direction: Direction::Mo,
            version: 2,
        }
    }

    fn keys(ciphering: usize, checksum: usize) -> SimKeys {
        let key = |octet: u8, octets| AesKey::try_from(vec![octet; octets].as_slice()).unwrap();
        SimKeys {
            kic: key(5, ciphering),
            kid: key(6, checksum),
        }
    }

    #[test]
    fn sealed_keys_open_only_in_their_own_place_and_under_their_own_master() {
        let master = Master::new(&[7; 32]);
        for (kic, kid) in [(16, 16), (16, 32), (32, 16), (24, 24), (32, 32)] {
            let sealed = seal_keys(&keys(kic, kid), &place(), [9; 12], master.named()).unwrap();
            let opened = unseal_keys(&sealed, &place(), master.named()).ok().unwrap();
            assert_eq!(opened.kic.expose_octets(), vec![5; kic]);
            assert_eq!(opened.kid.expose_octets(), vec![6; kid]);
            let elsewhere = [
                KeyPlace {
                    iccid: "8988211000000000011".parse().unwrap(),
                    ..place()
                },
                KeyPlace {
                    direction: Direction::Mt,
                    ..place()
                },
                KeyPlace {
                    version: 3,
                    ..place()
                },
            ];
            for elsewhere in elsewhere {
                assert!(unseal_keys(&sealed, &elsewhere, master.named()).is_err());
            }
            assert!(unseal_keys(&sealed, &place(), Master::new(&[8; 32]).named()).is_err());
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_of_sealed_keys_is_noticed() {
        let master = Master::new(&[7; 32]);
        let sealed = seal_keys(&keys(16, 16), &place(), [9; 12], master.named()).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                unseal_keys(&damaged, &place(), master.named()).is_err(),
                "bit {bit}"
            );
        }
        for end in 0..sealed.len() {
            assert!(
                unseal_keys(&sealed[..end], &place(), master.named()).is_err(),
                "cut at {end}"
            );
        }
    }

    proptest! {
        #[test]
        fn octets_that_nobody_sealed_do_not_open(
            octets in proptest::collection::vec(any::<u8>(), 0..120)
        ) {
            prop_assert!(unseal_keys(&octets, &place(), Master::new(&[7; 32]).named()).is_err());
        }
    }
}
