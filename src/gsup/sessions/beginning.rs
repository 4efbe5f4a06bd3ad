//! How sessions begin: a phone dials, or we ask.

use super::{Begun, Caller, Open, Sessions, Turn, closing};
use crate::domain::Millis;
use crate::domain::imsi::Imsi;
use crate::domain::msisdn::Msisdn;
use crate::gsup::component::{Component, NOT_SUPPORTED, PROCESS};
use crate::gsup::message::Message;
use crate::gsup::text::{octets_of, text_of};
use crate::ussd::{End, Event, NotAsked, Received, SessionId};

impl<T: Default> Sessions<T> {
    /// Begins a session with the phone that has the card `imsi`: the first [`Self::reply`] asks, and
    /// what is answered comes as [`Event::Answered`]. A phone in a session is left alone.
    ///
    /// Not for osmo-hlr 1.5.0, of Debian 12: it hands the question on, and dies of a segmentation
    /// fault at the phone's answer.
    ///
    /// # Errors
    ///
    /// [`NotAsked`]; nothing is begun.
    pub fn ask(&mut self, phone: Msisdn, imsi: Imsi, now: Millis) -> Result<SessionId, NotAsked> {
        if self.open.contains_key(&phone) {
            return Err(NotAsked::InSession);
        }
        if !self.has_room() {
            return Err(NotAsked::Full);
        }
        let [_, _, _, _, octets @ ..] = self.next_number.to_be_bytes();
        let open = Open {
            number: self.next_number,
            imsi,
            session: u32::from_be_bytes(octets) | OURS,
            invoke: FIRST_INVOKE,
            turn: Turn::Ours,
            begun: Begun::NotYet,
            ends_at: now.plus_ms(self.terms.session_ms),
            due: now,
            state: T::default(),
        };
        Ok(self.opened(phone, open, now))
    }

    pub(super) fn begin(
        &mut self,
        message: Message,
        component: Option<Component>,
        caller: Caller,
        now: Millis,
    ) -> Received {
        let (id, code) = match component {
            Some(Component::Invoke {
                id,
                operation: PROCESS,
                string: Some(string),
            }) => (id, text_of(&string)),
            Some(Component::Invoke { id, .. }) => {
                let code = NOT_SUPPORTED;
                self.finish(&message, &Component::Error { id, code });
                return Received::Taken;
            }
            Some(Component::Result { .. } | Component::Error { .. } | Component::Reject) | None => {
                self.finish(&message, &Component::Reject);
                return Received::Taken;
            }
        };
        let phone = match caller {
            Caller::Known(phone) => phone,
            Caller::Stranger => {
                let text = self.terms.stranger.clone();
                return self.refuse(&message, id, &text, Received::Taken);
            }
            Caller::Unknown => {
                let text = self.terms.busy.clone();
                return self.refuse(&message, id, &text, Received::Taken);
            }
        };
        self.end(phone, End::Replaced);
        if !self.has_room() {
            let text = self.terms.busy.clone();
            return self.refuse(&message, id, &text, Received::Full);
        }
        let digits = message.imsi.expose_digits();
        let lasting_id = [digits.as_bytes(), b" ", &message.session.to_be_bytes()].concat();
        let open = Open {
            number: self.next_number,
            imsi: message.imsi.clone(),
            session: message.session,
            invoke: id,
            turn: Turn::Ours,
            begun: Begun::ByPhone,
            ends_at: now.plus_ms(self.terms.session_ms),
            due: now,
            state: T::default(),
        };
        let session = self.opened(phone, open, now);
        self.events.push_back(Event::Dialled {
            session,
            code,
            lasting_id: Some(lasting_id),
            retold: false,
        });
        Received::Taken
    }

    fn has_room(&self) -> bool {
        let most = self.terms.sessions_max;
        self.open.len() < most && self.outgoing.len() < most
    }

    fn opened(&mut self, phone: Msisdn, open: Open<T>, now: Millis) -> SessionId {
        let number = open.number;
        self.next_number = number.saturating_add(1);
        self.by_name
            .insert((open.imsi.clone(), open.session), phone);
        self.open.insert(phone, open);
        self.wait(phone, now);
        SessionId::new(phone, number)
    }

    /// Ends a session that never was with a text.
    pub(super) fn refuse(
        &mut self,
        message: &Message,
        id: u8,
        text: &str,
        received: Received,
    ) -> Received {
        let component = match octets_of(text) {
            Ok(string) => closing(id, string),
            Err(_) => Component::Reject,
        };
        self.finish(message, &component);
        received
    }
}

/// Sessions that we begin: MSCs count theirs from 0.
pub(super) const OURS: u32 = 0x8000_0000;
const FIRST_INVOKE: u8 = 1;
