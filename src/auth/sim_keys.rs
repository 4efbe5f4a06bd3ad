//! The keys of every SIM from one master: NIST SP 800-108r1 §4.1, counter mode with AES-CMAC.
//!
//! ```text
//! │ i 1 │ "svgate-mo-kic" 13 │ 00 │ key version 1 │ ICCID 10 │ L 2 │    i = 1, L = 128 bits
//!         …mo-kid, …mt-kic, …mt-kid
//! ```
//! The first block of 16 octets is the same for every card: it is enciphered once, and the keys of a
//! packet are one block of AES each. Deriving costs as much as a look-up, so a line stores its key
//! version and counters, no keys. MO and MT keys differ, so that nothing the gateway sends can come
//! back as an order.

use std::sync::Arc;

use aes::Aes256Enc;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use cmac::{Cmac, Mac};
use zeroize::{Zeroize, Zeroizing};

use super::aes_key::{AesKey, doubled};
use super::iccid::Iccid;
use super::named_keys::NamedKeys;

/// The key pair of one SIM, direction and key version. Each key wipes itself when dropped.
pub struct SimKeys {
    /// Ciphers, AES-CBC.
    pub kic: AesKey,
    /// Makes the checksum, AES-CMAC.
    pub kid: AesKey,
}

impl SimKeys {
    /// The same keys once more, for who opens one packet with what is kept for many. Both wipe
    /// themselves.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            kic: self.kic.another(),
            kid: self.kid.another(),
        }
    }
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Mobile originated: orders.
    Mo,
    /// Mobile terminated: confirmations.
    Mt,
}

/// A master secret that this process holds, in the forms it is used in. It is wiped when dropped, and
/// can be neither printed nor cloned: share it by reference.
pub struct Master {
    /// The cipher of the derivation and its second subkey, for [`derive`].
    cipher: Aes256Enc,
    subkey_2: Zeroizing<u128>,
    /// The first block of each derivation, enciphered: it is the same for every card. By direction and
    /// version, for `KIc` and KID.
    stems: Zeroizing<Vec<[u128; 2]>>,
    named: Arc<NamedKeys>,
}

impl Master {
    /// The master of these 32 octets, which the caller wipes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let derivation = Cmac::<Aes256Enc>::new(secret.into());
        // The master derives and never enciphers: one key, one use (SP 800-57 §5.2).
        let blocks = NamedKeys::inputs().map(|input| {
            let mac = derivation.clone().chain_update(input);
            mac.finalize().into_bytes().into()
        });
        let cipher = Aes256Enc::new(secret.into());
        let mut zeros = Array::from([0; 16]);
        cipher.encrypt_block(&mut zeros);
        let subkey_2 = Zeroizing::new(doubled(doubled(u128::from_be_bytes(zeros.into()))));
        zeros.zeroize();
        let stem = |(direction, version)| {
            labels(version, direction).map(|label| {
                let mut block = Array::from(label);
                cipher.encrypt_block(&mut block);
                u128::from_be_bytes(block.0)
            })
        };
        let both = [Direction::Mo, Direction::Mt].into_iter();
        let places =
            both.flat_map(|direction| (0..=u8::MAX).map(move |version| (direction, version)));
        let stems = Zeroizing::new(places.map(stem).collect());
        Self {
            cipher,
            subkey_2,
            stems,
            named: Arc::new(NamedKeys::new(&Zeroizing::new(blocks))),
        }
    }

    /// The keys of this master that are no SIM's.
    #[must_use]
    pub const fn named(&self) -> &Arc<NamedKeys> {
        &self.named
    }

    /// Reads the text of a key file: `svgate-master-1`, a space, 64 hex digits, a line end.
    ///
    /// # Errors
    ///
    /// [`BadMasterText`] says what is wrong and never quotes the text.
    pub fn from_text(text: &str) -> Result<Self, BadMasterText> {
        Self::secret_of(text).map(|secret| Self::new(&secret))
    }

    /// The octets that the text of a key file has, for who brings them into a token.
    ///
    /// # Errors
    ///
    /// As [`Self::from_text`].
    pub fn secret_of(text: &str) -> Result<Zeroizing<[u8; 32]>, BadMasterText> {
        let (version, digits) = text.trim_end().split_once(' ').ok_or(BadMasterText::Form)?;
        if version != TEXT_VERSION {
            return Err(BadMasterText::Version);
        }
        let mut secret = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, secret.as_mut_slice()).map_err(|_| BadMasterText::Digits)?;
        match secret.as_slice() {
            [first, rest @ ..] if rest.iter().any(|octet| octet != first) => Ok(secret),
            _ => Err(BadMasterText::NotRandom),
        }
    }

    /// The text of a key file for these 32 random octets.
    #[must_use]
    pub fn text_of(secret: &[u8; 32]) -> Zeroizing<String> {
        let digits = Zeroizing::new(hex::encode(secret));
        Zeroizing::new(format!("{TEXT_VERSION} {}\n", digits.as_str()))
    }
}

/// Why the text of a key file is no master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMasterText {
    /// Not two words.
    #[error("it is not one line of `{TEXT_VERSION}`, a space and 64 hex digits")]
    Form,
    /// The first word is another: another kind of file, or of another version of svgate.
    #[error("its first word is not `{TEXT_VERSION}`")]
    Version,
    /// The second word is not 64 hex digits.
    #[error("its second word is not 64 hex digits")]
    Digits,
    /// 32 equal octets: a place-holder that someone left in.
    #[error("its key is one octet repeated, not random")]
    NotRandom,
}

/// Derives the keys of one SIM for one direction and key version: AES-128, which every SIM can do.
#[must_use]
pub fn derive(master: &Master, iccid: &Iccid, version: u8, direction: Direction) -> SimKeys {
    let first = match direction {
        Direction::Mo => 0,
        Direction::Mt => VERSIONS,
    };
    let stems = master.stems.get(usize::from(version).saturating_add(first));
    // Every version has its place.
    let [kic, kid] = stems.copied().unwrap_or_default();
    // ICCID, L = 0080, and the 80 00 00 00 that CMAC fills a last block with.
    let iccid = iccid
        .ef_octets()
        .iter()
        .fold(0, |number, octet| (number << 8) | u128::from(*octet));
    let last = ((iccid << 48) | 0x0080_8000_0000) ^ *master.subkey_2;

    let mut blocks = [kic, kid].map(|stem| Array::from((stem ^ last).to_be_bytes()));
    master.cipher.encrypt_blocks(&mut blocks);
    let [kic, kid] = &blocks;
    let keys = SimKeys {
        kic: AesKey::Aes128(kic.0),
        kid: AesKey::Aes128(kid.0),
    };
    for block in &mut blocks {
        block.zeroize();
    }
    keys
}

/// What a master in a token makes an AES-CMAC of, for `KIc` and KID: the octets that [`derive()`] works
/// out of the same place.
#[must_use]
pub fn sim_key_inputs(iccid: &Iccid, version: u8, direction: Direction) -> [[u8; 28]; 2] {
    labels(version, direction).map(|label| {
        let mut input = [0; 28];
        let parts = label.iter().chain(iccid.ef_octets()).chain(&L_128);
        for (octet, part) in input.iter_mut().zip(parts) {
            *octet = *part;
        }
        input
    })
}

/// Counter, label, 00 and, in the last place, the key version; of `KIc` and KID.
const fn labels(version: u8, direction: Direction) -> [[u8; 16]; 2] {
    let [mut kic, mut kid] = match direction {
        Direction::Mo => [*b"\x01svgate-mo-kic\0\0", *b"\x01svgate-mo-kid\0\0"],
        Direction::Mt => [*b"\x01svgate-mt-kic\0\0", *b"\x01svgate-mt-kid\0\0"],
    };
    let ([.., kic_last], [.., kid_last]) = (&mut kic, &mut kid);
    *kic_last = version;
    *kid_last = version;
    [kic, kid]
}

/// Fills `output` by SP 800-108r1 §4.1 with the counter, one octet, before the fixed input, which
/// comes in parts. `output` has at most 255 blocks of 16 octets: every caller's is one or two.
pub(super) fn sp800_108_counter<M: Mac + Clone>(
    keyed: &M,
    fixed_input: &[&[u8]],
    output: &mut [u8],
) {
    for (counter, block) in (1..=u8::MAX).zip(output.chunks_mut(M::output_size())) {
        let mut mac = keyed.clone().chain_update([counter]);
        for part in fixed_input {
            mac.update(part);
        }
        for (octet, derived) in block.iter_mut().zip(mac.finalize().into_bytes()) {
            *octet = derived;
        }
    }
}

/// Of keys, in one octet.
const VERSIONS: usize = 256;
/// The length of the output in bits, as the end of the input.
const L_128: [u8; 2] = [0, 128];
const TEXT_VERSION: &str = "svgate-master-1";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use aes::{Aes128Enc, Aes192Enc};

    use super::*;

    fn iccid(text: &str) -> Iccid {
        text.parse().unwrap()
    }

    #[test]
    fn the_derivation_is_that_of_the_nist_vectors() {
        let file = include_str!("../../tests/vectors/kbkdf_sp800_108_ctr_cmac.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let octets = |value: &serde_json::Value| hex::decode(value.as_str().unwrap()).unwrap();
        let mut counted = 0;
        // The rest of the file has counters of 4 octets, which svgate does not use.
        for vector in file["vectors"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|v| v["r_bits"] == 8)
        {
            let (key, input) = (octets(&vector["ki"]), octets(&vector["fixed_input"]));
            let right = octets(&vector["ko"]);
            let mut output = vec![0; right.len()];
            match key.len() {
                16 => {
                    let keyed = Cmac::<Aes128Enc>::new_from_slice(&key).unwrap();
                    sp800_108_counter(&keyed, &[&input], &mut output);
                }
                24 => {
                    let keyed = Cmac::<Aes192Enc>::new_from_slice(&key).unwrap();
                    sp800_108_counter(&keyed, &[&input], &mut output);
                }
                _ => {
                    let keyed = Cmac::<Aes256Enc>::new_from_slice(&key).unwrap();
                    sp800_108_counter(&keyed, &[&input], &mut output);
                }
            }
            assert_eq!(output, right, "{}", vector["id"]);
            counted += 1;
        }
        assert_eq!(counted, 24);
    }

    /// The sum written out, so that the card's side can be checked against it.
    #[test]
    fn the_input_of_a_sim_key_is_counter_label_version_iccid_and_length() {
        for start in 0..32 {
            let secret: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 5 + start).unwrap());
            let iccid = iccid("8988211000000000003");
            let by_hand = |label: &[u8], version| {
                let mut input = vec![1];
                input.extend(label);
                input.extend([0, version]);
                input.extend(hex::decode("988812010000000000f3").unwrap());
                input.extend([0, 128]);
                AesKey::Aes256(secret).cmac(&[&input])
            };
            let master = Master::new(&secret);
            let mo = derive(&master, &iccid, 3, Direction::Mo);
            let mt = derive(&master, &iccid, 255, Direction::Mt);
            assert_eq!(mo.kic.expose_octets(), by_hand(b"svgate-mo-kic", 3));
            assert_eq!(mo.kid.expose_octets(), by_hand(b"svgate-mo-kid", 3));
            assert_eq!(mt.kic.expose_octets(), by_hand(b"svgate-mt-kic", 255));
            assert_eq!(mt.kid.expose_octets(), by_hand(b"svgate-mt-kid", 255));
            // What a token is given to sign.
            let [kic, kid] = sim_key_inputs(&iccid, 3, Direction::Mo);
            assert_eq!(mo.kic.expose_octets(), AesKey::Aes256(secret).cmac(&[&kic]));
            assert_eq!(mo.kid.expose_octets(), AesKey::Aes256(secret).cmac(&[&kid]));
        }
    }

    #[test]
    fn no_two_uses_directions_versions_cards_or_masters_share_a_key() {
        let mut seen = HashSet::new();
        for master in [Master::new(&[1; 32]), Master::new(&[2; 32])] {
            for iccid in [iccid("8988211000000000003"), iccid("8988211000000000011")] {
                for version in [0, 1, 255] {
                    for direction in [Direction::Mo, Direction::Mt] {
                        let keys = derive(&master, &iccid, version, direction);
                        assert!(seen.insert(keys.kic.expose_octets().to_vec()));
                        assert!(seen.insert(keys.kid.expose_octets().to_vec()));
                    }
                }
            }
        }
        assert_eq!(seen.len(), 48);
    }

    #[test]
    fn the_text_of_a_key_file_is_read_back_and_a_damaged_one_is_named() {
        let secret: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 7).unwrap());
        let text = Master::text_of(&secret);
        let read = Master::from_text(&text).ok().unwrap();
        let made = Master::new(&secret);
        assert_eq!(read.named().check_value(), made.named().check_value());
        let placeholder = format!("svgate-master-1 {}", "00".repeat(32));
        for (text, error) in [
            ("", BadMasterText::Form),
            ("00".repeat(32).as_str(), BadMasterText::Form),
            (text.replace("-1", "-2").as_str(), BadMasterText::Version),
            (
                text.trim_end().strip_suffix('9').unwrap(),
                BadMasterText::Digits,
            ),
            (placeholder.as_str(), BadMasterText::NotRandom),
        ] {
            assert_eq!(Master::from_text(text).err(), Some(error));
        }
    }
}
