//! A SIM card in software: numbers and seals orders, opens confirmations, keeps its counters.
//!
//! ```text
//! SecuredOrder ──seal: counter up, then CMAC, then cipher──► command packet (MO keys)
//! command packet (MT keys) ──CMAC, counter higher──► SecuredReply, or why it was not shown
//! ```
//! Counters and reference are what a card keeps in its EEPROM: they rise before they are used, so
//! that a card pulled out at the wrong moment skips a number and never uses one twice.

use std::collections::VecDeque;

use crate::auth::Refusal;
use crate::auth::command::{CommandDraft, SealError, open_command, seal_command};
use crate::auth::iccid::Iccid;
use crate::auth::secured_packet::{KeyProfile, KeyRecord, PacketDigest, Spi};
use crate::auth::sim_keys::{Direction, Master, derive};
use crate::dialogue::secured_order::tlv::TlvError;
use crate::dialogue::secured_order::{Agreed, OrderReference, SecuredOrder, Wanted};
use crate::dialogue::secured_reply::SecuredReply;
use crate::domain::money::Currency;

/// One card of one subscriber.
pub struct SoftSim {
    orders: KeyRecord,
    confirmations: KeyRecord,
    /// The counter of the last packet sealed.
    sent: u64,
    /// The highest counter of a confirmation.
    heard: u64,
    /// The reference of the last order.
    reference: u32,
    /// Confirmations that were opened lately, to know one that the network brought twice.
    opened: VecDeque<PacketDigest>,
}

/// What the packets of an applet look like, each way.
#[derive(Clone, Copy, Debug)]
pub struct CardProfiles {
    /// Orders.
    pub orders: KeyProfile,
    /// Confirmations.
    pub confirmations: KeyProfile,
}

/// What a card makes of a packet that was sent to it.
#[derive(Debug)]
pub enum Opened {
    /// A new confirmation.
    Reply(SecuredReply),
    /// The very packet that was opened before: the network brought it twice.
    Again,
    /// Authentic, but a later one was faster: a card does not carry it out.
    Overtaken(SecuredReply),
    /// Not what this operator would send.
    Bad(BadConfirmation),
}

/// Why a confirmation is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadConfirmation {
    /// The packet is not authentic, or not addressed to the applet.
    #[error("the packet is refused: {0}")]
    Packet(#[from] Refusal),
    /// Authentic, and yet no reply.
    #[error("the packet is authentic and no reply: {0}")]
    Reply(#[from] TlvError),
}

impl SoftSim {
    /// The card `iccid` with the keys that both ends derive from `master`.
    #[must_use]
    pub fn personalise(
        master: &Master,
        iccid: &Iccid,
        key_version: u8,
        profiles: CardProfiles,
    ) -> Self {
        Self {
            orders: KeyRecord {
                profile: profiles.orders,
                keys: derive(master, iccid, key_version, Direction::Mo),
            },
            confirmations: KeyRecord {
                profile: profiles.confirmations,
                keys: derive(master, iccid, key_version, Direction::Mt),
            },
            sent: 0,
            heard: 0,
            reference: 0,
            opened: VecDeque::new(),
        }
    }

    /// The order that the subscriber has just agreed to, under the next reference; none when the
    /// card's references are used up.
    pub fn order(
        &mut self,
        wanted: Wanted,
        agreed: Agreed,
        currency: Currency,
    ) -> Option<SecuredOrder> {
        self.reference = self.reference.checked_add(1)?;
        Some(SecuredOrder {
            reference: OrderReference::try_from(self.reference).ok()?,
            wanted,
            agreed,
            currency,
        })
    }

    /// Seals an order, new or once more, under a counter that was never used.
    ///
    /// # Errors
    ///
    /// [`SealError`] when the counter is used up or the order is too long.
    pub fn seal(&mut self, order: &SecuredOrder) -> Result<Vec<u8>, SealError> {
        self.sent = self.sent.saturating_add(1);
        let draft = CommandDraft {
            spi: Spi::ORDER,
            counter: self.sent,
            data: &order.encode(),
        };
        seal_command(&draft, &self.orders)
    }

    /// Opens what the network brought, from CPL on.
    pub fn open(&mut self, packet: &[u8]) -> Opened {
        let digest = PacketDigest::of(packet);
        if self.opened.contains(&digest) {
            return Opened::Again;
        }
        let command = match open_command(packet, &self.confirmations) {
            Ok(command) => command,
            Err(refusal) => return Opened::Bad(refusal.into()),
        };
        let reply = match SecuredReply::decode(&command.data) {
            Ok(reply) => reply,
            Err(error) => return Opened::Bad(error.into()),
        };
        if self.opened.len() >= OPENED_MAX {
            self.opened.pop_front();
        }
        self.opened.push_back(digest);
        if command.counter <= self.heard {
            return Opened::Overtaken(reply);
        }
        self.heard = command.counter;
        Opened::Reply(reply)
    }
}

/// More confirmations than are ever on their way to one card at a time.
const OPENED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::secured_packet::{CcLength, KeyOctet, Spi1, Tar};
    use crate::dialogue::secured_reply::{OutcomeCode, ShownText};
    use crate::domain::money::MinorUnits;

    fn profiles() -> CardProfiles {
        let profile = |tar| KeyProfile {
            kic: KeyOctet::try_from(0x12).unwrap(),
            kid: KeyOctet::try_from(0x12).unwrap(),
            cc: CcLength::Eight,
            spi1_min: Spi1(0x16),
            tar: Tar(tar),
        };
        CardProfiles {
            orders: profile([0xB0, 0, 1]),
            confirmations: profile([0xB0, 0, 2]),
        }
    }

    fn card(secret: u8) -> SoftSim {
        let iccid = "8988211000000000003".parse().unwrap();
        SoftSim::personalise(&Master::new(&[secret; 32]), &iccid, 1, profiles())
    }

    fn order(card: &mut SoftSim) -> SecuredOrder {
        let wanted = Wanted::Item {
            short_code: "4711".parse().unwrap(),
            item: "12".parse().unwrap(),
            quantity: 1.try_into().unwrap(),
        };
        let agreed = Agreed::Exactly(MinorUnits::try_from(250).unwrap());
        card.order(wanted, agreed, "EUR".parse().unwrap()).unwrap()
    }

    fn confirmation(counter: u64, reference: u32) -> Vec<u8> {
        let reply = SecuredReply {
            outcome: OutcomeCode::Paid,
            reference: reference.try_into().unwrap(),
            amount: None,
            purchase: None,
            text: ShownText::Default(b"Paid".to_vec()),
        };
        let draft = CommandDraft {
            spi: Spi::ORDER,
            counter,
            data: &reply.encode(),
        };
        seal_command(&draft, &card(7).confirmations).unwrap()
    }

    #[test]
    fn an_order_sent_again_keeps_its_reference_and_takes_a_new_counter() {
        let mut sim = card(7);
        let order = order(&mut sim);
        let gateway = card(7);
        let opened = [sim.seal(&order).unwrap(), sim.seal(&order).unwrap()]
            .map(|packet| open_command(&packet, &gateway.orders).unwrap());
        assert_eq!(opened.each_ref().map(|packet| packet.counter), [1, 2]);
        for packet in opened {
            assert_eq!(SecuredOrder::decode(&packet.data).unwrap(), order);
        }
    }

    #[test]
    fn a_counter_is_used_up_even_when_sealing_fails() {
        let mut sim = card(7);
        let order = order(&mut sim);
        sim.sent = crate::auth::secured_packet::COUNTER_MAX;
        sim.seal(&order).unwrap_err();
        sim.seal(&order).unwrap_err();
    }

    #[test]
    fn a_packet_brought_twice_is_shown_once_and_an_older_one_is_not_carried_out() {
        let mut sim = card(7);
        let [first, second] = [confirmation(1, 1), confirmation(2, 1)];
        assert!(matches!(sim.open(&second), Opened::Reply(_)));
        assert!(matches!(sim.open(&second), Opened::Again));
        assert!(matches!(sim.open(&first), Opened::Overtaken(_)));
        assert!(matches!(sim.open(&first), Opened::Again));
    }

    #[test]
    fn a_flipped_bit_and_another_operators_key_are_bad_confirmations() {
        let good = confirmation(1, 1);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(card(7).open(&bad), Opened::Bad(_)), "bit {bit}");
        }
        assert!(matches!(card(8).open(&good), Opened::Bad(_)));
    }
}
