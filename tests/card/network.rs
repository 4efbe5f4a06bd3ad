//! The network between phone and message centre, which loses, doubles, swaps and forges.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng as _;
use svgate::smpp::pdu::ShortMessage;

/// What happens to a message of the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives, and the card is told.
    Carried,
    /// It does not arrive, and the card is told so.
    Lost,
    /// It arrives, and the card is told that it did not.
    AnswerLost,
}

/// A message that goes to the card.
pub(crate) struct Brought {
    /// The message.
    pub(crate) message: ShortMessage,
    /// Who made it.
    pub(crate) origin: Origin,
}

/// Who made a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// The gateway, and this is its first time here.
    Gateway,
    /// The gateway, and it was here before, or was overtaken.
    Late,
    /// Somebody who changed a bit of it, or wrote it.
    Forger,
}

/// What the network does to messages for the card.
#[derive(Default)]
pub(crate) struct Network {
    /// The last ones that came through, to be brought once more.
    older: Vec<ShortMessage>,
    /// One that is to come after the next.
    held: Option<ShortMessage>,
    /// How many never came.
    pub(crate) lost: u64,
}

impl Network {
    /// What of `message`, and of others, comes to the card now, in order.
    pub(crate) fn carry(&mut self, message: ShortMessage, chance: &mut ChaCha8Rng) -> Vec<Brought> {
        let mut brought = Vec::new();
        match chance.next_u32() % 10 {
            0 => {
                self.lost += 1;
                return brought;
            }
            1 if self.held.is_none() => {
                self.held = Some(message);
                return brought;
            }
            2 | 3 => brought.push(forged(&message, chance)),
            _ => {}
        }
        let first = Brought {
            message: message.clone(),
            origin: Origin::Gateway,
        };
        brought.push(first);
        let late = |message| Brought {
            message,
            origin: Origin::Late,
        };
        brought.extend(self.held.take().map(late));
        if chance.next_u32().is_multiple_of(4) {
            brought.push(late(message.clone()));
        }
        if let Some(old) = self
            .older
            .first()
            .filter(|_| chance.next_u32().is_multiple_of(8))
        {
            brought.push(late(old.clone()));
        }
        if chance.next_u32().is_multiple_of(10) {
            brought.push(forged(&message, chance));
        }
        self.older.insert(0, message);
        self.older.truncate(4);
        brought
    }

    /// What was held back to the end.
    pub(crate) fn rest(&mut self) -> Option<Brought> {
        let message = self.held.take()?;
        let origin = Origin::Gateway;
        Some(Brought { message, origin })
    }
}

/// One bit of the packet is another, or all of it after its lengths.
fn forged(message: &ShortMessage, chance: &mut ChaCha8Rng) -> Brought {
    let mut octets = message.short_message.0.to_vec();
    // UDHL and header, CPL: a card that finds other lengths does not look further.
    let from = 5;
    if chance.next_u32().is_multiple_of(3) {
        chance.fill_bytes(&mut octets[from + 8..]);
    } else {
        let bits = (octets.len() - from) * 8;
        let bit = from * 8 + usize::try_from(chance.next_u32()).unwrap() % bits;
        octets[bit / 8] ^= 1 << (bit % 8);
    }
    let message = ShortMessage {
        short_message: bytes::Bytes::from(octets).into(),
        ..message.clone()
    };
    let origin = Origin::Forger;
    Brought { message, origin }
}
