//! What was seen outside: by the eyes of the subscriber, and on the air.

use svgate::simulator::handset::tpdu::Submit;

use crate::network::{Brought, Fate, Origin};
use crate::subscriber::Order;

/// All of it, in order.
#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) walks: Vec<Walk>,
    pub(crate) heard: Vec<Heard>,
    /// Messages to the card that the network lost.
    pub(crate) lost: u64,
    /// Messages that came while the card was busy.
    pub(crate) busy: u64,
}

/// One way through the menu.
#[derive(Debug)]
pub(crate) struct Walk {
    /// What the subscriber wanted.
    pub(crate) order: Order,
    /// The screen that was agreed to last.
    pub(crate) agreed: Option<String>,
    /// Whether the last PIN was the right one.
    pub(crate) proved: bool,
    pub(crate) blocked: bool,
    pub(crate) sent: Vec<Sent>,
}

/// A message of the card.
#[derive(Debug)]
pub(crate) struct Sent {
    /// From CPL on.
    pub(crate) packet: Vec<u8>,
    pub(crate) fate: Fate,
}

/// A message to the card.
pub(crate) struct Heard {
    /// From CPL on.
    pub(crate) packet: Vec<u8>,
    pub(crate) origin: Origin,
    /// What was on the screen after it.
    pub(crate) texts: Vec<String>,
}

impl Journal {
    pub(crate) fn bring(&mut self, brought: &Brought, texts: Vec<String>) {
        self.heard.push(Heard {
            packet: brought.message.short_message.0[3..].to_vec(),
            origin: brought.origin,
            texts,
        });
    }
}

impl Walk {
    pub(crate) fn of(order: &Order) -> Self {
        Self {
            order: order.clone(),
            agreed: None,
            proved: false,
            blocked: false,
            sent: Vec::new(),
        }
    }
}

impl Sent {
    pub(crate) fn of(submit: &Submit, fate: Fate) -> Self {
        assert_eq!(
            submit.user_data[..3],
            [0x02, 0x70, 0x00],
            "a command packet"
        );
        Self {
            packet: submit.user_data[3..].to_vec(),
            fate,
        }
    }
}
