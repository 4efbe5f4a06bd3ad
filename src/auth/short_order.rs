//! An order of a SIM applet as USSD text, which has room for no command packet: hex digits behind the
//! service code.
//!
//! ```text
//! *778* │ CNTR 5 │ KID 1 │ order │ CC 4 │          CC over FF 55 01 ‖ KID ‖ TAR ‖ CNTR ‖ 00×4 ‖ order
//! ```
//! A command packet begins with 00, so that neither can pass for the other under one key; counters
//! are drawn from one row. It is not ciphered and its checksum is short: only a key record that asks
//! for no more takes it.

use super::command::CommandPacket;
use super::secured_packet::{KeyRecord, PacketDigest, Spi, Spi1, Spi2, check_cc, counter_of};
use super::{Authentic, Refusal};

/// Opens the octets behind the service code, of the SIM that `record` belongs to. Only the counter
/// is left to look at.
///
/// # Errors
///
/// The first [`Refusal`] in the order of that enum.
pub fn open_short_order(
    octets: &[u8],
    record: &KeyRecord,
) -> Result<Authentic<CommandPacket>, Refusal> {
    let (counter, rest) = octets.split_first_chunk::<5>().ok_or(Refusal::Malformed)?;
    let (kid, rest) = rest.split_first().ok_or(Refusal::Malformed)?;
    let (order, cc) = rest.split_last_chunk::<4>().ok_or(Refusal::Malformed)?;
    let demanded = &record.profile;
    if !LEVEL.reaches(demanded.spi1_min) {
        return Err(Refusal::InsufficientSecurityLevel);
    }
    if !demanded.kid.admits_key_set(*kid) {
        return Err(Refusal::UnknownKey);
    }
    if !demanded.kid.admits_algorithm(*kid) {
        return Err(Refusal::AlgorithmRefused);
    }
    if demanded.cc.octets() != cc.len() {
        return Err(Refusal::CcLengthRefused);
    }
    let tar = demanded.tar;
    let mac = record
        .keys
        .kid
        .cmac(&[APART, &[*kid], &tar.0, counter, &[0; 4], order]);
    check_cc(cc, &mac)?;
    Ok(Authentic(CommandPacket {
        spi: Spi {
            spi1: LEVEL,
            spi2: Spi2(0),
        },
        tar,
        counter: counter_of(*counter),
        data: order.to_vec(),
        digest: PacketDigest::of(octets),
    }))
}

/// Refuses one of a sender that nobody is registered under, with the work of a bad checksum.
#[must_use]
pub fn refuse_short_stranger(octets: &[u8], decoy: &KeyRecord) -> Refusal {
    match open_short_order(octets, decoy) {
        Err(Refusal::Malformed) => Refusal::Malformed,
        Ok(_) | Err(_) => Refusal::UnknownSender,
    }
}

/// What such an order is secured with: a checksum, and a counter that rises.
const LEVEL: Spi1 = Spi1(0x12);
/// No command packet begins so.
const APART: &[u8] = &[0xFF, 0x55, 0x01];

#[cfg(test)]
mod tests;
