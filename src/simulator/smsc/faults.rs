//! What can go wrong with an SMSC: it throttles, falls silent, doubles, mixes up, and sends junk.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::{Bytes, BytesMut};
use rand_core::Rng;

use crate::smpp::pdu::{Body, CommandStatus, Pdu, ShortMessage, encode};

/// Faults that are switched on and off while an SMSC runs. All are off at first; shares are per
/// thousand deliveries.
#[derive(Debug, Default)]
pub struct Faults {
    /// So many submits from now on are answered 0x58.
    pub throttle_next: AtomicU32,
    /// So many submits from now on are answered 0x14.
    pub queue_full_next: AtomicU32,
    /// So many submits from now on get no answer at all.
    pub swallow_next: AtomicU32,
    /// Deliveries that go out twice, under two numbers.
    pub duplicate_per_mille: AtomicU32,
    /// Deliveries that let the next one pass first.
    pub reorder_per_mille: AtomicU32,
    /// Deliveries before which a malformed PDU goes out.
    pub malformed_per_mille: AtomicU32,
    /// `enquire_link` is not answered.
    pub ignore_enquiries: AtomicBool,
    /// Binds that offer 5.0 are dropped without an answer, as osmo-msc does.
    pub ignore_version_5: AtomicBool,
    /// Binds are answered with this status instead of being accepted; 0 for none.
    pub refuse_binds: AtomicU32,
    /// A bind is answered with another bind's response id, as osmo-msc does.
    pub wrong_bind_resp: AtomicBool,
}

impl Faults {
    /// Takes one from a counted fault: whether there was one left.
    pub(super) fn take(counter: &AtomicU32) -> bool {
        let take = |left: u32| left.checked_sub(1);
        counter
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }

    /// Draws whether a fault with this share happens now.
    pub(super) fn draw(share: &AtomicU32, chance: &mut impl Rng) -> bool {
        match share.load(Ordering::Relaxed) {
            0 => false,
            per_mille => chance.next_u32() % 1_000 < per_mille,
        }
    }

    pub(super) fn is_on(switch: &AtomicBool) -> bool {
        switch.load(Ordering::Relaxed)
    }
}

/// A PDU whose length is true and whose rest is not: cut off, mangled, of an unknown command, or
/// with parameters that run over its end. It keeps the stream in step.
#[must_use]
pub(super) fn malformed(sequence: u32, chance: &mut impl Rng) -> Bytes {
    let message = ShortMessage {
        source: crate::smpp::pdu::Address::international("491700000001"),
        destination: crate::smpp::pdu::Address::international("4711"),
        short_message: Bytes::from_static(b"BUY 4711 12").into(),
        ..ShortMessage::default()
    };
    let mut pdu = BytesMut::new();
    if encode(&Pdu::request(sequence, Body::DeliverSm(message)), &mut pdu).is_err() {
        return Bytes::new();
    }
    match chance.next_u32() % 4 {
        0 => {
            // Keeps the addresses, loses the text.
            let shorter = pdu.len().saturating_sub(12);
            pdu.truncate(shorter);
        }
        1 => pdu.extend_from_slice(&[0x04, 0x24, 0xFF, 0xFF, 1, 2, 3]),
        2 => put(&mut pdu, 4, (chance.next_u32() & 0x7FFF_FFFF).to_be_bytes()),
        _ => {
            let whole = pdu.len();
            pdu.truncate(16);
            pdu.resize(whole, 0xFF);
        }
    }
    let length = u32::try_from(pdu.len()).unwrap_or(0);
    put(&mut pdu, 0, length.to_be_bytes());
    pdu.freeze()
}

/// `deliver_sm_resp` statuses after which a real SMSC delivers again.
pub(super) const fn comes_again(status: CommandStatus) -> bool {
    matches!(
        status,
        CommandStatus::ESME_RMSGQFUL
            | CommandStatus::ESME_RTHROTTLED
            | CommandStatus::ESME_RX_T_APPN
            | CommandStatus::ESME_RINVBNDSTS
    )
}

fn put(pdu: &mut BytesMut, at: usize, octets: [u8; 4]) {
    if let Some(place) = pdu.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = octets;
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng as _;

    use super::*;
    use crate::smpp::pdu::split_frame;

    #[test]
    fn malformed_pdus_keep_the_stream_in_step() {
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        for sequence in 0..500 {
            let mut octets = BytesMut::from(malformed(sequence, &mut chance));
            assert!(split_frame(&mut octets).unwrap().is_some());
            assert!(octets.is_empty());
        }
    }

    #[test]
    fn a_counted_fault_runs_out() {
        let counter = AtomicU32::new(2);
        let taken: Vec<bool> = (0..3).map(|_| Faults::take(&counter)).collect();
        assert_eq!(taken, [true, true, false]);
    }
}
