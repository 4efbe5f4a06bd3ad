//! Decides by its counter whether an authentic packet is new: ETSI TS 102 225 §5.1.4, and what a
//! payment needs beyond it.
//!
//! ```text
//! counter    │ low │ = last │ +1 │ … up to the jump allowed │ beyond │
//! Higher     │ Low │ by     │ Fresh                         │ High   │
//! OneHigher  │ Low │ digest │ Fresh │ High                            │
//! ```
//! Counters are per SIM, direction and key version, and begin at 0: the first packet has 1. The
//! caller stores counter and digest in the commit of the packet's effect, paid or refused.

use super::command::CommandPacket;
use super::secured_packet::{COUNTER_MAX, CounterMode, PacketDigest};
use super::{Authentic, Refusal};

/// The last packet of a SIM that was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LastHeard {
    /// Its counter; 0 under keys that were never heard.
    pub counter: u64,
    /// Its digest; `None` under keys never heard, or for a reader that keeps none.
    pub digest: Option<PacketDigest>,
}

/// What an authentic packet is to a receiver that heard `LastHeard` before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// New: carry it out, and store its counter and digest with the effect.
    Fresh,
    /// The same packet again, since an SMSC delivers at least once: repeat its outcome, sealed
    /// under a new MT counter. Nothing is paid and nothing stored.
    Repeated,
    /// Another packet under the last counter. A SIM never makes one: its card was cloned, or its
    /// keys are known. Refuse, and raise the alarm.
    SameCounterOtherDigest,
    /// Below the last: an old packet, or a card behind. Refuse, and tell the subscriber.
    Low,
    /// The counter has reached its end under these keys. Refuse until the SIM has new ones.
    Blocked,
    /// Too far above: not the next in the mode that promises it, or a leap that no card makes by
    /// itself and that would shut out the true card. Refuse, and raise the alarm.
    High,
    /// The sender switched the counter off and the key record allows that: nothing tells this
    /// packet from an old one. No order may be carried out on it, and no counter stored.
    Unordered,
}

impl Verdict {
    /// The class of refusal by counter alone, for a reader that has no outcome to repeat.
    #[must_use]
    pub const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Fresh | Self::Unordered => None,
            Self::Repeated | Self::SameCounterOtherDigest | Self::Low => Some(Refusal::CntrLow),
            Self::Blocked => Some(Refusal::CntrBlocked),
            Self::High => Some(Refusal::CntrHigh),
        }
    }
}

/// Judges `packet` against the `last` one heard; a counter more than `jump_max` above is too high.
/// Judging changes nothing, so that it may be done any number of times.
#[must_use]
pub fn judge(packet: &Authentic<CommandPacket>, last: &LastHeard, jump_max: u64) -> Verdict {
    let mode = packet.spi.spi1.counter_mode();
    if !mode.is_checked() {
        return Verdict::Unordered;
    }
    // Asked before `Blocked`: also the last packet of a key's life may be delivered twice.
    if packet.counter == last.counter
        && let Some(digest) = last.digest
    {
        return if packet.digest == digest {
            Verdict::Repeated
        } else {
            Verdict::SameCounterOtherDigest
        };
    }
    if last.counter >= COUNTER_MAX {
        return Verdict::Blocked;
    }
    let jump_max = if mode == CounterMode::OneHigher {
        1
    } else {
        jump_max
    };
    match packet.counter.checked_sub(last.counter) {
        None | Some(0) => Verdict::Low,
        Some(jump) if jump > jump_max => Verdict::High,
        Some(_) => Verdict::Fresh,
    }
}

/// The jump allowed by default. A card skips one number for each order that never arrived; ten
/// thousand lost in a row is no card, and a thief of keys cannot use the counter up in one message.
pub const JUMP_MAX: u64 = 10_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auth::secured_packet::{Spi, Spi1, Spi2, Tar};

    fn packet(spi1: u8, counter: u64, digest: u8) -> Authentic<CommandPacket> {
        let spi = Spi {
            spi1: Spi1(spi1),
            spi2: Spi2(0),
        };
        let digest = PacketDigest([digest; 8]);
        Authentic(CommandPacket {
            spi,
            tar: Tar([0; 3]),
            counter,
            data: vec![],
            digest,
        })
    }

    fn heard(counter: u64) -> LastHeard {
        LastHeard {
            counter,
            digest: Some(PacketDigest([1; 8])),
        }
    }

    #[test]
    fn the_counter_alone_decides_unless_it_is_equal() {
        use Verdict::{Blocked, Fresh, High, Low, Repeated, SameCounterOtherDigest, Unordered};
        for (spi1, last, counter, digest, verdict) in [
            (0x16, 1000, 1001, 2, Fresh),
            (0x16, 1000, 11_000, 2, Fresh),
            (0x16, 1000, 11_001, 2, High),
            (0x16, 1000, 1000, 1, Repeated),
            (0x16, 1000, 1000, 2, SameCounterOtherDigest),
            (0x16, 1000, 999, 1, Low),
            (0x16, COUNTER_MAX - 1, COUNTER_MAX, 2, Fresh),
            (0x16, COUNTER_MAX, COUNTER_MAX, 1, Repeated),
            (0x16, COUNTER_MAX, 5, 2, Blocked),
            (0x1E, 1000, 1001, 2, Fresh),
            (0x1E, 1000, 1002, 2, High),
            (0x1E, 1000, 1000, 1, Repeated),
            (0x1E, 1000, 999, 2, Low),
            (0x06, 1000, 1001, 2, Unordered),
            (0x0E, 1000, 5, 2, Unordered),
        ] {
            let packet = packet(spi1, counter, digest);
            let judged = judge(&packet, &heard(last), JUMP_MAX);
            assert_eq!(judged, verdict, "{spi1:02x} {last} {counter}");
        }
    }

    #[test]
    fn a_reader_without_digests_takes_an_equal_counter_for_an_old_one() {
        let last = LastHeard {
            counter: 7,
            digest: None,
        };
        assert_eq!(judge(&packet(0x16, 7, 1), &last, JUMP_MAX), Verdict::Low);
        let first = judge(&packet(0x16, 0, 1), &LastHeard::default(), JUMP_MAX);
        assert_eq!(first, Verdict::Low, "keys never heard begin at 1");
        let last = LastHeard {
            counter: COUNTER_MAX,
            digest: None,
        };
        assert_eq!(
            judge(&packet(0x16, COUNTER_MAX, 1), &last, JUMP_MAX),
            Verdict::Blocked
        );
    }

    proptest! {
        #[test]
        fn no_packet_is_fresh_twice(
            counters in proptest::collection::vec((0_u64..60, any::<bool>()), 0..200)
        ) {
            let mut last = LastHeard::default();
            let mut carried_out = std::collections::HashSet::new();
            for (counter, one_higher) in counters {
                let packet = packet(if one_higher { 0x1E } else { 0x16 }, counter, 3);
                if judge(&packet, &last, 20) == Verdict::Fresh {
                    prop_assert!(counter > last.counter && counter <= last.counter + 20);
                    prop_assert!(carried_out.insert(counter));
                    last = LastHeard { counter, digest: Some(packet.digest) };
                }
            }
        }
    }
}
