//! Proves that an order came from the SIM that it names: ETSI TS 102 225, 3GPP TS 31.115.
//!
//! ```text
//!  octets from CPL on ─► secured_packet / command ─► Authentic<CommandPacket> ─► replay ─► Verdict
//!                              ▲
//!  Master ── sim_keys ─► SimKeys ◄── sealed_keys ── keys imported from a card vendor
//!    └────── named_keys ─► the keys that are no SIM's: of logs, PINs, sealing
//! ```
//!
//! Octets and `now` in, values out: no clock, no source of chance, no I/O. Nothing secret is in an
//! error, and no type that holds a key can be printed or cloned.

use std::ops::Deref;

pub mod aes_key;
pub mod bad_mac_budget;
pub mod command;
pub mod iccid;
pub mod key_wrap;
pub mod named_keys;
pub mod replay;
pub mod response;
pub mod sealed_keys;
pub mod secured_packet;
pub mod short_order;
pub mod sim_keys;
pub mod vendor_file;

/// A packet whose AES-CMAC was checked against the SIM's key. Only `auth` can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentic<T>(T);

impl<T> Authentic<T> {
    /// The packet without its proof, for a caller that has used the proof.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Reads only: a packet that could be altered would carry a proof of something else.
impl<T> Deref for Authentic<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Why a packet is refused, in the order in which the checks are made. Nothing is paid, no counter
/// moves, and a packet refused before its counter is looked at gets no answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// Lengths that do not fit the octets, or padding that does not fit the data.
    #[error("lengths in the packet do not fit its octets")]
    Malformed,
    /// Nobody is registered under this number. For the log only: outside it is a bad checksum.
    #[error("no SIM is registered for the sender")]
    UnknownSender,
    /// Addressed to another application than ours.
    #[error("toolkit application reference is not ours")]
    UnknownTar,
    /// SPI1 asks for less than the key record demands.
    #[error("security level is below the SIM's minimum")]
    InsufficientSecurityLevel,
    /// `KIc` or KID names a key set that the SIM is not registered for.
    #[error("key set is not registered for the SIM")]
    UnknownKey,
    /// `KIc` or KID names another algorithm than the registered key's.
    #[error("algorithm is not the key's")]
    AlgorithmRefused,
    /// The checksum has another length than the key record says.
    #[error("cryptographic checksum has another length than the key's")]
    CcLengthRefused,
    /// The ciphered part is not a number of whole blocks.
    #[error("ciphered part is not a number of whole blocks")]
    CipheringError,
    /// Forged, damaged, or made with another SIM's key: not told apart, on purpose.
    #[error("cryptographic checksum does not match")]
    CcFailed,
    /// The stored counter has reached its end; the SIM needs new keys.
    #[error("counter is used up")]
    CntrBlocked,
    /// An old packet sent again.
    #[error("counter is not above the last")]
    CntrLow,
    /// More than one above the last where the sender promised exactly one, or far above it.
    #[error("counter is too far above the last")]
    CntrHigh,
}

impl Refusal {
    /// The name of the class, as logs, metrics and `svgate packet` write it.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownSender => "unknown_sender",
            Self::UnknownTar => "unknown_tar",
            Self::InsufficientSecurityLevel => "insufficient_security_level",
            Self::UnknownKey => "unknown_key",
            Self::AlgorithmRefused => "algorithm_refused",
            Self::CcLengthRefused => "cc_length_refused",
            Self::CipheringError => "ciphering_error",
            Self::CcFailed => "cc_failed",
            Self::CntrBlocked => "cntr_blocked",
            Self::CntrLow => "cntr_low",
            Self::CntrHigh => "cntr_high",
        }
    }

    /// The response status of TS 102 225 §5.2 that names the class, for a receiver that answers.
    #[must_use]
    pub const fn status(self) -> u8 {
        match self {
            Self::CcFailed | Self::CcLengthRefused | Self::UnknownSender => 0x01,
            Self::CntrLow => 0x02,
            Self::CntrHigh => 0x03,
            Self::CntrBlocked => 0x04,
            Self::CipheringError => 0x05,
            Self::Malformed | Self::UnknownKey | Self::AlgorithmRefused => 0x06,
            Self::UnknownTar => 0x09,
            Self::InsufficientSecurityLevel => 0x0A,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_is_answered_like_a_forger() {
        assert_eq!(Refusal::UnknownSender.status(), Refusal::CcFailed.status());
    }
}
