//! The response packet, a card's proof of receipt (`PoR`): ETSI TS 102 225 §5.2.
//!
//! ```text
//! │ RPL 2 │ RHL 1 │ TAR 3 │ CNTR 5 │ PCNTR 1 │ STATUS 1 │ CC 0|4|8 │ data │ padding │
//!                         ├─────────────── ciphered, AES-CBC ──────────────────────┤
//! ```
//! Here the UDH `02 71 00` is under the checksum (3GPP TS 31.115 §4.3), so that a response never
//! passes for a command under the same key. CNTR is that of the command answered.

use super::command::SealError;
use super::secured_packet::{
    COUNTER_AND_PADDING, KeyRecord, Spi2, Tar, check_cc, counter_octets, counter_of, padding_octets,
};
use super::{Authentic, Refusal};

/// What a response packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponsePacket {
    /// The application that answers.
    pub tar: Tar,
    /// The counter of the command answered, which the caller compares.
    pub counter: u64,
    /// 00 for success; else TS 102 225 §5.2, table 5.
    pub status: u8,
    /// The data without their padding.
    pub data: Vec<u8>,
}

/// What to seal into a response packet.
#[derive(Clone, Copy, Debug)]
pub struct ResponseDraft<'a> {
    /// The counter of the command answered.
    pub counter: u64,
    /// 00 for success; else TS 102 225 §5.2, table 5.
    pub status: u8,
    /// The data to secure.
    pub data: &'a [u8],
}

/// Opens a response (from RPL on) to a command that asked for it by `spi2`, and proves who sent it.
///
/// # Errors
///
/// A [`Refusal`]; [`Refusal::InsufficientSecurityLevel`] when `spi2` asked for no checksum:
/// [`read_unproved_response`] reads such a response, and proves nothing.
pub fn open_response(
    packet: &[u8],
    spi2: Spi2,
    record: &KeyRecord,
) -> Result<Authentic<ResponsePacket>, Refusal> {
    let header = Header::parse(packet)?;
    if header.tar != record.profile.tar {
        return Err(Refusal::UnknownTar);
    }
    if !spi2.response_has_cc() {
        return Err(Refusal::InsufficientSecurityLevel);
    }
    if header.cc_octets != record.profile.cc.octets() {
        return Err(Refusal::CcLengthRefused);
    }
    let mut secured = header.secured.to_vec();
    if spi2.response_ciphered() {
        record
            .keys
            .kic
            .decipher(&mut secured)
            .map_err(|_| Refusal::CipheringError)?;
    }
    let body = Body::parse(&secured, header.cc_octets)?;
    let right = record
        .keys
        .kid
        .cmac(&[&UDH, header.octets, body.fixed, body.padded]);
    check_cc(body.cc, &right)?;
    body.into_packet(header.tar, spi2.response_ciphered())
        .map(Authentic)
}

/// Reads a response that carries no checksum and is not ciphered: what it says may be forged.
///
/// # Errors
///
/// [`Refusal::Malformed`], or [`Refusal::CcLengthRefused`] when it has a checksum after all.
pub fn read_unproved_response(packet: &[u8]) -> Result<ResponsePacket, Refusal> {
    let header = Header::parse(packet)?;
    if header.cc_octets != 0 {
        return Err(Refusal::CcLengthRefused);
    }
    Body::parse(header.secured, 0)?.into_packet(header.tar, false)
}

/// Seals `draft` as the answer to a command that asked for it by `spi2`, from RPL on, padded
/// with 00.
///
/// # Errors
///
/// [`SealError`], also when `spi2` asked for no checksum.
pub fn seal_response(
    draft: &ResponseDraft<'_>,
    spi2: Spi2,
    record: &KeyRecord,
) -> Result<Vec<u8>, SealError> {
    if !spi2.response_has_cc() {
        return Err(SealError::NoChecksum);
    }
    let cc_octets = record.profile.cc.octets();
    let [c1, c2, c3, c4, c5] = counter_octets(draft.counter).ok_or(SealError::CounterOutOfRange)?;
    let plain = draft
        .data
        .len()
        .saturating_add(FIXED)
        .saturating_add(cc_octets);
    let padding = if spi2.response_ciphered() {
        padding_octets(plain)
    } else {
        0
    };
    let rpl = plain
        .saturating_add(usize::from(padding))
        .saturating_add(BEFORE_COUNTER)
        .saturating_sub(RPL);
    let [rpl_high, rpl_low] = u16::try_from(rpl)
        .map_err(|_| SealError::TooLong)?
        .to_be_bytes();
    let rhl = u8::try_from(HEADER.saturating_add(cc_octets)).map_err(|_| SealError::TooLong)?;
    let [tar1, tar2, tar3] = record.profile.tar.0;
    let header = [rpl_high, rpl_low, rhl, tar1, tar2, tar3];
    let fixed = [c1, c2, c3, c4, c5, padding, draft.status];

    let mut padded = draft.data.to_vec();
    padded.resize(padded.len().saturating_add(usize::from(padding)), 0);
    let cc = record.keys.kid.cmac(&[&UDH, &header, &fixed, &padded]);
    let cc = cc.get(..cc_octets).ok_or(SealError::NoChecksum)?;
    let mut secured = [&fixed, cc, &padded].concat();
    if spi2.response_ciphered() {
        record
            .keys
            .kic
            .encipher(&mut secured)
            .map_err(|_| SealError::TooLong)?;
    }
    Ok([header.as_slice(), &secured].concat())
}

/// The fields in front of the counter, with the octets they were read from.
struct Header<'a> {
    octets: &'a [u8; BEFORE_COUNTER],
    tar: Tar,
    cc_octets: usize,
    secured: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(packet: &'a [u8]) -> Result<Self, Refusal> {
        let (octets, secured) = packet
            .split_first_chunk::<BEFORE_COUNTER>()
            .ok_or(Refusal::Malformed)?;
        let [rpl_high, rpl_low, rhl, tar @ ..] = *octets;
        let rpl = usize::from(u16::from_be_bytes([rpl_high, rpl_low]));
        let cc_octets = usize::from(rhl)
            .checked_sub(HEADER)
            .ok_or(Refusal::Malformed)?;
        let fits = rpl.saturating_add(RPL) == packet.len()
            && secured.len() >= cc_octets.saturating_add(FIXED);
        if !fits {
            return Err(Refusal::Malformed);
        }
        Ok(Self {
            octets,
            tar: Tar(tar),
            cc_octets,
            secured,
        })
    }
}

/// What follows the TAR, deciphered.
struct Body<'a> {
    fixed: &'a [u8; FIXED],
    cc: &'a [u8],
    padded: &'a [u8],
}

impl<'a> Body<'a> {
    fn parse(secured: &'a [u8], cc_octets: usize) -> Result<Self, Refusal> {
        let (fixed, rest) = secured
            .split_first_chunk::<FIXED>()
            .ok_or(Refusal::Malformed)?;
        let (cc, padded) = rest.split_at_checked(cc_octets).ok_or(Refusal::Malformed)?;
        Ok(Self { fixed, cc, padded })
    }

    fn into_packet(self, tar: Tar, ciphered: bool) -> Result<ResponsePacket, Refusal> {
        let [counter @ .., padding, status] = *self.fixed;
        if padding != 0 && !ciphered {
            return Err(Refusal::Malformed);
        }
        let end = self
            .padded
            .len()
            .checked_sub(usize::from(padding))
            .ok_or(Refusal::Malformed)?;
        let data = self.padded.get(..end).ok_or(Refusal::Malformed)?.to_vec();
        Ok(ResponsePacket {
            tar,
            counter: counter_of(counter),
            status,
            data,
        })
    }
}

/// The user data header, which is under the checksum of a response.
const UDH: [u8; 3] = [0x02, 0x71, 0x00];
/// RPL itself, which it does not count.
const RPL: usize = 2;
/// RPL, RHL and TAR.
const BEFORE_COUNTER: usize = 6;
/// CNTR, PCNTR and STATUS.
const FIXED: usize = COUNTER_AND_PADDING + 1;
/// TAR to STATUS: what RHL counts besides the checksum.
const HEADER: usize = 10;
