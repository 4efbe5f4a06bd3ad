//! What a secured packet and a SIM's key record have in common: ETSI TS 102 225 §5.1.
//!
//! ```text
//! SPI1 │ b8 b7 b6 RFU │ b5 b4 counter │ b3 ciphering │ b2 b1 checksum │
//! SPI2 │ b8 b7 RFU │ b6 PoR by submit │ b5 PoR ciphered │ b4 b3 PoR checksum │ b2 b1 PoR wanted │
//! KIc, KID │ b8 … b5 key set │ b4 … b1 algorithm: 2 is AES │
//! ```

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Refusal;
use super::sim_keys::SimKeys;

/// What the gateway holds about one key set of one SIM: the demands and the keys.
pub struct KeyRecord {
    /// What a packet under these keys must look like.
    pub profile: KeyProfile,
    /// The keys themselves.
    pub keys: SimKeys,
}

/// The part of a key record that is no secret, and is the same for every SIM of one applet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyProfile {
    /// The `KIc` octet that a packet must carry, key set and algorithm.
    pub kic: KeyOctet,
    /// The KID octet that a packet must carry, key set and algorithm.
    pub kid: KeyOctet,
    /// The length of the checksum: an attribute of the key, never taken from a packet.
    pub cc: CcLength,
    /// The least that SPI1 must ask for. A checksum is always demanded, whatever this says.
    pub spi1_min: Spi1,
    /// The application that packets are addressed to.
    pub tar: Tar,
}

/// A `KIc` or KID octet that names an AES key: key set in b8–b5, 2 in b4–b1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyOctet(u8);

impl KeyOctet {
    /// The octet as it stands in a packet.
    #[must_use]
    pub const fn octet(self) -> u8 {
        self.0
    }

    /// Compares with the octet of a packet: first the key set, then the algorithm.
    pub(super) const fn admits_key_set(self, octet: u8) -> bool {
        self.0 & KEY_SET == octet & KEY_SET
    }

    pub(super) const fn admits_algorithm(self, octet: u8) -> bool {
        self.0 & ALGORITHM == octet & ALGORITHM
    }
}

impl TryFrom<u8> for KeyOctet {
    type Error = NotAes;
    fn try_from(octet: u8) -> Result<Self, NotAes> {
        if octet & ALGORITHM == AES {
            Ok(Self(octet))
        } else {
            Err(NotAes)
        }
    }
}

/// A `KIc` or KID octet whose low half is not 2. DES and 3DES are not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the low half of a KIc or KID octet is 2, for AES")]
pub struct NotAes;

/// How many of the leftmost octets of the AES-CMAC a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CcLength {
    /// 2^32 tries to forge one packet: bearable only under a budget of bad checksums.
    Four,
    /// What every new key should have.
    Eight,
}

impl CcLength {
    /// The length in octets.
    #[must_use]
    pub const fn octets(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

impl TryFrom<usize> for CcLength {
    type Error = BadCcLength;
    fn try_from(octets: usize) -> Result<Self, BadCcLength> {
        match octets {
            4 => Ok(Self::Four),
            8 => Ok(Self::Eight),
            _ => Err(BadCcLength),
        }
    }
}

/// A checksum length that is neither 4 nor 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cryptographic checksum has 4 or 8 octets")]
pub struct BadCcLength;

/// The two octets of a command's security parameter indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spi {
    /// How the command itself is secured.
    pub spi1: Spi1,
    /// What proof of receipt the sender wants, and how that is secured.
    pub spi2: Spi2,
}

impl Spi {
    /// Checksum, ciphering, counter higher; no proof of receipt: what an order asks for.
    pub const ORDER: Self = Self {
        spi1: Spi1(0x16),
        spi2: Spi2(0),
    };
}

/// How a command is secured. Bits b8–b6 are reserved: kept, checksummed and otherwise ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spi1(pub u8);

impl Spi1 {
    /// Whether CNTR and what follows it are ciphered.
    #[must_use]
    pub const fn ciphered(self) -> bool {
        self.0 & CIPHERED != 0
    }

    /// The same level with ciphering.
    #[must_use]
    pub const fn with_ciphering(self) -> Self {
        Self(self.0 | CIPHERED)
    }

    /// Whether a cryptographic checksum is carried: b2b1 = 10, nothing else.
    #[must_use]
    pub const fn has_cc(self) -> bool {
        self.0 & CHECK_KIND == CC
    }

    /// What the sender asks of the counter.
    #[must_use]
    pub const fn counter_mode(self) -> CounterMode {
        match (self.0 >> 3) & 3 {
            0 => CounterMode::None,
            1 => CounterMode::Unchecked,
            2 => CounterMode::Higher,
            _ => CounterMode::OneHigher,
        }
    }

    /// Whether this level reaches `min`, field by field: as numbers, 1C would pass for 16. The
    /// checksum is compulsory even where `min` has none, else nothing would be proved.
    #[must_use]
    pub const fn reaches(self, min: Self) -> bool {
        self.has_cc()
            && (self.ciphered() || !min.ciphered())
            && (self.counter_mode().is_checked() || !min.counter_mode().is_checked())
    }
}

/// SPI1 b5b4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterMode {
    /// 00: the counter field is there but means nothing.
    None,
    /// 01: a counter that the receiver does not check. It must not be stored either: that would
    /// let one old packet wind the counter back.
    Unchecked,
    /// 10: process only if the counter is higher than the receiver's.
    Higher,
    /// 11: process only if the counter is exactly one higher.
    OneHigher,
}

impl CounterMode {
    /// Whether a packet sent again would be noticed.
    #[must_use]
    pub const fn is_checked(self) -> bool {
        matches!(self, Self::Higher | Self::OneHigher)
    }
}

/// What proof of receipt a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spi2(pub u8);

impl Spi2 {
    /// Whether the proof of receipt carries a cryptographic checksum: b4b3 = 10.
    #[must_use]
    pub const fn response_has_cc(self) -> bool {
        (self.0 >> 2) & CHECK_KIND == CC
    }

    /// Whether the proof of receipt is ciphered from CNTR on.
    #[must_use]
    pub const fn response_ciphered(self) -> bool {
        self.0 & 0x10 != 0
    }
}

/// Toolkit application reference: which application on the card, or here which service.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tar(pub [u8; 3]);

impl fmt::Debug for Tar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tar({})", hex::encode(self.0))
    }
}

/// The first 8 octets of SHA-256 over a packet as it was received, CPL to the end. It tells a
/// packet sent again from another one under the same counter, and names a packet in the log. Only a
/// holder of the SIM's keys could look for a second packet with the same digest, and would gain
/// nothing by it: a repeated packet is not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketDigest(pub [u8; 8]);

impl PacketDigest {
    /// The digest of `octets`.
    #[must_use]
    pub fn of(octets: &[u8]) -> Self {
        let whole: [u8; 32] = Sha256::digest(octets).into();
        Self(whole.first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Debug for PacketDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PacketDigest({})", hex::encode(self.0))
    }
}

/// Most octets of data that one short message carries: 140, less UDH and header, and when
/// ciphered in whole blocks. 113 plain and 98 ciphered with a checksum of 8.
#[must_use]
pub const fn single_message_data_max(spi1: Spi1, cc: CcLength) -> usize {
    let after_tar = SINGLE_MESSAGE_PACKET_MAX.saturating_sub(BEFORE_COUNTER);
    let room = if spi1.ciphered() {
        after_tar & !(BLOCK.saturating_sub(1))
    } else {
        after_tar
    };
    room.saturating_sub(COUNTER_AND_PADDING)
        .saturating_sub(cc.octets())
}

/// The highest counter, 5 octets of ones. A counter that has reached it is blocked.
pub const COUNTER_MAX: u64 = 0xFF_FFFF_FFFF;

/// A counter in its 5 octets, or `None` above [`COUNTER_MAX`].
pub(super) fn counter_octets(counter: u64) -> Option<[u8; 5]> {
    let [0, 0, 0, octets @ ..] = counter.to_be_bytes() else {
        return None;
    };
    Some(octets)
}

pub(super) fn counter_of(octets: [u8; 5]) -> u64 {
    octets
        .into_iter()
        .fold(0, |counter, octet| (counter << 8) | u64::from(octet))
}

/// How many octets of padding make `octets` a number of whole blocks.
pub(super) fn padding_octets(octets: usize) -> u8 {
    let missing = octets
        .checked_next_multiple_of(BLOCK)
        .map_or(0, |end| end.saturating_sub(octets));
    u8::try_from(missing).unwrap_or(0)
}

/// Compares the checksum of a packet, of the length already agreed, with the leftmost octets of
/// the right one, in a time that does not depend on where they differ.
pub(super) fn check_cc(got: &[u8], right: &[u8; 16]) -> Result<(), Refusal> {
    let right = right.get(..got.len()).ok_or(Refusal::CcLengthRefused)?;
    if bool::from(right.ct_eq(got)) {
        Ok(())
    } else {
        Err(Refusal::CcFailed)
    }
}

/// CPL, CHL, SPI, `KIc`, KID and TAR.
pub(super) const BEFORE_COUNTER: usize = 10;
/// CNTR and PCNTR.
pub(super) const COUNTER_AND_PADDING: usize = 6;
/// TP-UD of 140 octets less the UDH 02 70 00.
const SINGLE_MESSAGE_PACKET_MAX: usize = 137;
const BLOCK: usize = 16;

const CHECK_KIND: u8 = 0b11;
const CC: u8 = 0b10;
const CIPHERED: u8 = 0b100;
const KEY_SET: u8 = 0xF0;
const ALGORITHM: u8 = 0x0F;
const AES: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_compared_field_by_field_and_reserved_bits_are_ignored() {
        for spi1 in 0..=u8::MAX {
            let cc = spi1 & 3 == 2;
            let ciphered = spi1 & 4 != 0;
            let checked = spi1 & 0x10 != 0;
            assert_eq!(
                Spi1(spi1).reaches(Spi1(0x16)),
                cc && ciphered && checked,
                "{spi1:02x}"
            );
            assert_eq!(Spi1(spi1).reaches(Spi1(0x12)), cc && checked, "{spi1:02x}");
            assert_eq!(Spi1(spi1).reaches(Spi1(0)), cc, "{spi1:02x}");
        }
    }

    #[test]
    fn padding_fills_blocks_as_the_card_side_code_does() {
        let file = include_str!("../../tests/vectors/onomondo_repo_cc.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let vectors = file["pcntr_for_ciphered_length"].as_array().unwrap();
        assert_eq!(vectors.len(), 11);
        for vector in vectors {
            let octets = usize::try_from(vector["len"].as_u64().unwrap()).unwrap();
            assert_eq!(
                u64::from(padding_octets(octets)),
                vector["pcntr"].as_u64().unwrap()
            );
        }
    }

    #[test]
    fn one_short_message_holds_113_octets_plain_and_98_ciphered() {
        assert_eq!(single_message_data_max(Spi1(0x12), CcLength::Eight), 113);
        assert_eq!(single_message_data_max(Spi1(0x16), CcLength::Eight), 98);
        assert_eq!(single_message_data_max(Spi1(0x16), CcLength::Four), 102);
    }

    #[test]
    fn a_counter_has_five_octets() {
        assert_eq!(counter_octets(COUNTER_MAX), Some([0xFF; 5]));
        assert_eq!(counter_octets(COUNTER_MAX + 1), None);
        assert_eq!(counter_of([0, 0, 0, 3, 0xE8]), 1000);
    }

    #[test]
    fn only_aes_keys_can_be_registered() {
        for octet in 0..=u8::MAX {
            assert_eq!(KeyOctet::try_from(octet).is_ok(), octet & 0xF == 2);
        }
    }
}
