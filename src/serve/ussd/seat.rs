//! What the desk keeps of one session.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::dialogue::ussd_menu::{Dialogue, Wish};
use crate::domain::Millis;
use crate::gateway::member::{UssdOrder, UssdWish};
use crate::serve::asking::Asked;

/// One caller.
#[derive(Debug, Default)]
pub(in crate::serve) struct Seat {
    pub(super) dialogue: Dialogue,
    /// What was dialled.
    pub(super) code: Box<str>,
    /// What names the session and its centre; none where nothing does.
    pub(super) named: Option<Arc<[u8]>>,
    /// Who waits to hear that the phone was asked, in a session of ours.
    pub(super) asking: Option<oneshot::Sender<Asked>>,
}

impl Seat {
    /// Tells who had the phone asked what became of that, once.
    pub(super) fn asked(&mut self, asked: Asked) {
        if let Some(asking) = self.asking.take() {
            asking.send(asked).ok();
        }
    }

    /// What the books are asked for.
    pub(super) fn wish(&self, wish: &Wish, room_since: Millis) -> UssdWish {
        match wish {
            Wish::Order {
                command,
                shown,
                pin,
            } => UssdWish::Order(UssdOrder {
                command: command.clone(),
                shown: shown.map(|price| (price.amount, price.currency)),
                pin: pin.clone(),
                session: self.named.clone(),
                room_since,
            }),
            Wish::Language(language) => UssdWish::Language(*language),
            Wish::Sealed(octets) => UssdWish::Sealed(octets.clone().into()),
            Wish::Pin { old, new } => UssdWish::Pin {
                old: old.clone(),
                new: new.clone(),
            },
        }
    }

    /// What proves the order later: what was dialled, or what was shown and said yes to. No PIN.
    pub(super) fn evidence(&self, wish: &Wish) -> String {
        match wish {
            Wish::Order {
                command,
                shown: Some(price),
                ..
            } => format!("{} {command} = {price}", self.code),
            Wish::Order { shown: None, .. }
            | Wish::Language(_)
            | Wish::Pin { .. }
            | Wish::Sealed(_) => self.code.as_ref().to_owned(),
        }
    }
}
