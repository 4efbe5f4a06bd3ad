//! The command packet, orders inwards and confirmations outwards: ETSI TS 102 225 §5.1.
//!
//! ```text
//! │ CPL 2 │ CHL 1 │ SPI 2 │ KIc 1 │ KID 1 │ TAR 3 │ CNTR 5 │ PCNTR 1 │ CC 4|8 │ data │ padding │
//!                                                 ├─────────── ciphered, AES-CBC ─────────────┤
//! ```
//! CPL counts the octets after itself; CHL counts SPI to CC. The checksum is made first, over
//! everything but itself. The UDH (`02 70 00`) is in front, read by the caller, and not covered:
//! 3GPP TS 31.115 §4.2 covers it only where CPL has a BER length.

use zeroize::Zeroizing;

use super::secured_packet::{
    BEFORE_COUNTER, COUNTER_AND_PADDING, KeyRecord, PacketDigest, Spi, Spi1, Spi2, Tar, check_cc,
    counter_octets, counter_of, padding_octets,
};
use super::{Authentic, Refusal};

/// What a command packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandPacket {
    /// How it was secured, and what proof of receipt it asks for.
    pub spi: Spi,
    /// The application that it is addressed to.
    pub tar: Tar,
    /// The sender's counter, 0 to `COUNTER_MAX`. It is authentic; that it is new is for `replay`.
    pub counter: u64,
    /// The secured data without its padding.
    pub data: Vec<u8>,
    /// The digest of the packet as received.
    pub digest: PacketDigest,
}

/// What to seal into a command packet; keys, TAR and checksum length come from the key record.
#[derive(Clone, Copy, Debug)]
pub struct CommandDraft<'a> {
    /// How to secure it, and what proof of receipt to ask for.
    pub spi: Spi,
    /// A counter that was never used under these keys.
    pub counter: u64,
    /// The data to secure.
    pub data: &'a [u8],
}

/// Opens a packet (from CPL on) of the SIM that `record` belongs to, and proves who sent it. Only
/// the counter is left to look at.
///
/// # Errors
///
/// The first [`Refusal`] in the order of that enum; it tells nothing of keys or of the right
/// checksum. No part of a refused packet comes out.
pub fn open_command(
    packet: &[u8],
    record: &KeyRecord,
) -> Result<Authentic<CommandPacket>, Refusal> {
    let header = Header::parse(packet)?;
    header.admit(record)?;

    let mut secured = header.secured.to_vec();
    if header.spi.spi1.ciphered() {
        record
            .keys
            .kic
            .decipher(&mut secured)
            .map_err(|_| Refusal::CipheringError)?;
    }
    let (counter, rest) = secured.split_first_chunk::<6>().ok_or(Refusal::Malformed)?;
    let (cc, padded) = rest
        .split_at_checked(header.cc_octets)
        .ok_or(Refusal::Malformed)?;
    check_cc(cc, &record.keys.kid.cmac(&[header.octets, counter, padded]))?;

    // From here on the octets are the SIM's. Before, PCNTR could have been anybody's.
    let [counter @ .., padding] = *counter;
    if padding != 0 && !header.spi.spi1.ciphered() {
        return Err(Refusal::Malformed);
    }
    let octets = padded
        .len()
        .checked_sub(usize::from(padding))
        .ok_or(Refusal::Malformed)?;
    let begin = secured.len().saturating_sub(padded.len());
    secured.truncate(begin.saturating_add(octets));
    secured.drain(..begin);
    Ok(Authentic(CommandPacket {
        spi: header.spi,
        tar: header.tar,
        counter: counter_of(counter),
        data: secured,
        digest: PacketDigest::of(packet),
    }))
}

/// Refuses a packet of a sender that nobody is registered under, with the work of a bad checksum:
/// `decoy` is a record like any other, under keys that no SIM has. Else the time of the answer
/// would tell which numbers are customers.
#[must_use]
pub fn refuse_stranger(packet: &[u8], decoy: &KeyRecord) -> Refusal {
    match open_command(packet, decoy) {
        Err(Refusal::Malformed) => Refusal::Malformed,
        Ok(_) | Err(_) => Refusal::UnknownSender,
    }
}

/// Seals `draft` into a packet from CPL on, padded with 00.
///
/// # Errors
///
/// [`SealError`]; there is no packet without a checksum to be had.
pub fn seal_command(draft: &CommandDraft<'_>, record: &KeyRecord) -> Result<Vec<u8>, SealError> {
    let spi1 = draft.spi.spi1;
    if !spi1.has_cc() {
        return Err(SealError::NoChecksum);
    }
    let cc_octets = record.profile.cc.octets();
    let counter = counter_octets(draft.counter).ok_or(SealError::CounterOutOfRange)?;
    let plain = draft
        .data
        .len()
        .saturating_add(COUNTER_AND_PADDING)
        .saturating_add(cc_octets);
    let padding = if spi1.ciphered() {
        padding_octets(plain)
    } else {
        0
    };
    let secured_octets = plain.saturating_add(usize::from(padding));
    let cpl = secured_octets
        .saturating_add(BEFORE_COUNTER)
        .saturating_sub(CPL);
    let [cpl_high, cpl_low] = u16::try_from(cpl)
        .map_err(|_| SealError::TooLong)?
        .to_be_bytes();
    let chl = HEADER.saturating_add(cc_octets);
    let chl = u8::try_from(chl).map_err(|_| SealError::TooLong)?;
    let [tar1, tar2, tar3] = record.profile.tar.0;
    let [c1, c2, c3, c4, c5] = counter;
    let header = [
        cpl_high,
        cpl_low,
        chl,
        spi1.0,
        draft.spi.spi2.0,
        record.profile.kic.octet(),
        record.profile.kid.octet(),
        tar1,
        tar2,
        tar3,
    ];
    let counter_and_padding = [c1, c2, c3, c4, c5, padding];

    // There may be keys in it: wiped, and never moved.
    let padded_octets = draft.data.len().saturating_add(usize::from(padding));
    let mut padded = Zeroizing::new(Vec::with_capacity(padded_octets));
    padded.extend_from_slice(draft.data);
    padded.resize(padded_octets, 0);
    let cc = record
        .keys
        .kid
        .cmac(&[&header, &counter_and_padding, &padded]);
    let cc = cc.get(..cc_octets).ok_or(SealError::NoChecksum)?;
    let mut secured = [&counter_and_padding, cc, padded.as_slice()].concat();
    if spi1.ciphered() {
        record
            .keys
            .kic
            .encipher(&mut secured)
            .map_err(|_| SealError::TooLong)?;
    }
    Ok([header.as_slice(), &secured].concat())
}

/// Why a packet cannot be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// SPI asks for no cryptographic checksum: such a packet would prove nothing.
    #[error("the security parameters ask for no cryptographic checksum")]
    NoChecksum,
    /// The counter does not fit its 5 octets: the SIM needs new keys.
    #[error("the counter is above ffffffffff")]
    CounterOutOfRange,
    /// The data do not fit the 2 octets of the packet's length.
    #[error("the data do not fit a packet")]
    TooLong,
}

/// The fields in front of the counter, with the octets they were read from.
struct Header<'a> {
    octets: &'a [u8; BEFORE_COUNTER],
    spi: Spi,
    kic: u8,
    kid: u8,
    tar: Tar,
    cc_octets: usize,
    secured: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(packet: &'a [u8]) -> Result<Self, Refusal> {
        let (octets, secured) = packet
            .split_first_chunk::<BEFORE_COUNTER>()
            .ok_or(Refusal::Malformed)?;
        let [cpl_high, cpl_low, chl, spi1, spi2, kic, kid, tar @ ..] = *octets;
        let cpl = usize::from(u16::from_be_bytes([cpl_high, cpl_low]));
        let cc_octets = usize::from(chl)
            .checked_sub(HEADER)
            .ok_or(Refusal::Malformed)?;
        let fits = cpl.saturating_add(CPL) == packet.len()
            && secured.len() >= cc_octets.saturating_add(COUNTER_AND_PADDING);
        if !fits {
            return Err(Refusal::Malformed);
        }
        let spi = Spi {
            spi1: Spi1(spi1),
            spi2: Spi2(spi2),
        };
        Ok(Self {
            octets,
            spi,
            kic,
            kid,
            tar: Tar(tar),
            cc_octets,
            secured,
        })
    }

    /// Compares what the sender chose with what is registered: nothing is taken from the packet.
    fn admit(&self, record: &KeyRecord) -> Result<(), Refusal> {
        let demanded = &record.profile;
        if self.tar != demanded.tar {
            return Err(Refusal::UnknownTar);
        }
        if !self.spi.spi1.reaches(demanded.spi1_min) {
            return Err(Refusal::InsufficientSecurityLevel);
        }
        if !demanded.kic.admits_key_set(self.kic) || !demanded.kid.admits_key_set(self.kid) {
            return Err(Refusal::UnknownKey);
        }
        if !demanded.kic.admits_algorithm(self.kic) || !demanded.kid.admits_algorithm(self.kid) {
            return Err(Refusal::AlgorithmRefused);
        }
        if self.cc_octets != demanded.cc.octets() {
            return Err(Refusal::CcLengthRefused);
        }
        Ok(())
    }
}

/// CPL itself, which it does not count.
const CPL: usize = 2;
/// SPI to PCNTR: what CHL counts besides the checksum.
const HEADER: usize = 13;
