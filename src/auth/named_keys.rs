//! The keys of the master that are no SIM's: derived once, at the start, and held.
//!
//! ```text
//! master ─┬─ "svgate-naming-key" ─► naming key ─► purse logs, PIN checks, the decoy, …: by name
//!         └─ "svgate-sealed-keys" ─► sealing key ─► imported SIM keys at rest
//! ```
//! Both are NIST SP 800-108r1 §4.1 in counter mode with AES-CMAC, 256 bits. A master that stays in
//! a token is asked for them at the start and never again, so that a decision that needs such a key
//! waits for no token.

use aes::Aes256Enc;
use aes_gcm::Aes256Gcm;
use cmac::{Cmac, KeyInit};
use zeroize::Zeroizing;

use super::sim_keys::sp800_108_counter;

/// What is derived of the master once. It is wiped when dropped, and can be neither printed nor
/// cloned: share it by reference.
pub struct NamedKeys {
    naming: Cmac<Aes256Enc>,
    sealing: Aes256Gcm,
}

impl NamedKeys {
    /// The keys of a master that answers [`Self::inputs`] with these blocks, one after the other.
    #[must_use]
    pub fn new(blocks: &Blocks) -> Self {
        let [naming_1, naming_2, sealing_1, sealing_2] = &**blocks;
        let whole = |first: &[u8; 16], second: &[u8; 16]| {
            let mut key = Zeroizing::new([0; 32]);
            for (octet, derived) in key.iter_mut().zip(first.iter().chain(second)) {
                *octet = *derived;
            }
            key
        };
        let naming = whole(naming_1, naming_2);
        let sealing = whole(sealing_1, sealing_2);
        Self {
            naming: Cmac::new((&*naming).into()),
            sealing: Aes256Gcm::new((&*sealing).into()),
        }
    }

    /// What the master makes an AES-CMAC of, for the blocks of [`Self::new`].
    #[must_use]
    pub fn inputs() -> [Vec<u8>; 4] {
        let input = |counter: u8, label: &[u8]| [&[counter], label, &[0], &L_256].concat();
        [
            input(1, NAMING_LABEL),
            input(2, NAMING_LABEL),
            input(1, SEALING_LABEL),
            input(2, SEALING_LABEL),
        ]
    }

    /// Six octets that tell two masters apart and nothing else, to compare nodes by.
    #[must_use]
    pub fn check_value(&self) -> [u8; 6] {
        let derived = derive_named(self, "check-value", &[]);
        derived.first_chunk().copied().unwrap_or_default()
    }

    pub(super) const fn sealing(&self) -> &Aes256Gcm {
        &self.sealing
    }
}

/// The master's answers to [`NamedKeys::inputs`].
pub type Blocks = Zeroizing<[[u8; 16]; 4]>;

/// Derives a key that is no SIM's, such as the one that chains a purse's log. `label` names the
/// use and `context` the owner; the input is label ‖ 00 ‖ context ‖ 128.
#[must_use]
pub fn derive_named(keys: &NamedKeys, label: &'static str, context: &[u8]) -> Zeroizing<[u8; 16]> {
    let mut key = Zeroizing::new([0; 16]);
    let input: [&[u8]; 4] = [label.as_bytes(), &[0], context, &L_128];
    sp800_108_counter(&keys.naming, &input, key.as_mut_slice());
    key
}

/// The length of the output in bits, as the end of the input.
const L_128: [u8; 2] = [0, 128];
const L_256: [u8; 2] = [1, 0];
const NAMING_LABEL: &[u8] = b"svgate-naming-key";
const SEALING_LABEL: &[u8] = b"svgate-sealed-keys";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::aes_key::AesKey;
    use crate::auth::sim_keys::Master;

    /// Whatever makes the blocks, a file or a token, the keys are the same.
    #[test]
    fn the_keys_of_a_master_are_those_of_its_answers() {
        let secret = [0x3C; 32];
        let master = AesKey::Aes256(secret);
        let blocks = Zeroizing::new(NamedKeys::inputs().map(|input| master.cmac(&[&input])));
        let (asked, held) = (NamedKeys::new(&blocks), Master::new(&secret));
        assert_eq!(asked.check_value(), held.named().check_value());
        let [naming_1, naming_2, ..] = *blocks;
        let naming = AesKey::try_from([naming_1, naming_2].concat().as_slice()).unwrap();
        let by_hand = naming.cmac(&[b"\x01sv-lane\x00lane.1.EUR\x00\x80"]);
        let derived = derive_named(held.named(), "sv-lane", b"lane.1.EUR");
        assert_eq!(*derived, by_hand);
    }

    #[test]
    fn keys_of_other_names_owners_and_masters_differ() {
        let masters = [[1; 32], [2; 32]].map(|secret| Master::new(&secret));
        let mut seen = std::collections::HashSet::new();
        for master in &masters {
            for (label, context) in [("sv-lane", "a"), ("sv-lane", "b"), ("sv-pos", "a")] {
                let key = derive_named(master.named(), label, context.as_bytes());
                assert!(seen.insert(*key), "{label} {context}");
            }
        }
    }
}
