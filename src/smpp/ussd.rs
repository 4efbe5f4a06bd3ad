//! USSD sessions over one bind, sans-IO: SMPP 5.0 §4.8.4.64, 3GPP TS 24.090, in any [`Dialect`].
//!
//! ```text
//! deliver_sm ─► receive ─► Event::Dialled, Answered ─► (the menu) ─► reply ─► poll_transmit ─► submit_sm
//!                 │        ask (a session of ours) ────────┘
//!                 │              Event::Ended ◄── tick (nobody answered), release, lost, failed
//!                 └─ an answer to a session that is over is told so: it never meets another one
//! ```
//! A phone has one session: a new one takes the place of the old. A session dies with its
//! connection, for what was underway then may come twice: an answer to one question must never be
//! read as the answer to the next. Nothing here pays, so a session that is dropped costs nothing.

pub mod dialect;
mod wire;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

pub use self::dialect::{Dialect, DialectError};
use self::wire::{Heard, Mark, Meaning, Saying};
use crate::domain::Millis;
use crate::domain::msisdn::Msisdn;
use crate::smpp::pdu::{Address, COctetString, ShortMessage};
use crate::sms::SmscAlphabet;
use crate::sms::ussd_string::UssdString;
use crate::ussd::{End, Event, NotAsked, NotSaid, Received, Reply, SessionId};

/// The sessions of one bind, each with what its user keeps in it: `T`.
#[derive(Debug)]
pub struct Sessions<T> {
    dialect: Arc<Dialect>,
    terms: Terms,
    open: HashMap<Msisdn, Open<T>>,
    due: BTreeSet<(Millis, Msisdn)>,
    next_number: u64,
    next_mark: u16,
    outgoing: VecDeque<Outgoing>,
    events: VecDeque<Event>,
}

/// A message to a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The session that must be told if the centre does not take it; none when it is over anyway.
    pub session: Option<SessionId>,
    /// The `submit_sm`.
    pub message: ShortMessage,
}

/// The bounds of [`Sessions`], and how the bind's centre carries text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How the centre carries text in its default alphabet.
    pub alphabet: SmscAlphabet,
    /// For an answer, of the subscriber as well as ours.
    pub answer_within_ms: i64,
    /// For the whole session: the network's own limit.
    pub session_ms: i64,
    /// Sessions at once; above it the newcomer is refused.
    pub sessions_max: usize,
    /// What an answer that came too late is answered with.
    pub late: String,
}

#[derive(Debug)]
struct Open<T> {
    number: u64,
    mark: Option<Mark>,
    /// The code's address as the centre wrote it first: we answer from it.
    service: Address,
    phone: Address,
    /// Texts that were sent, modulo 128.
    sent: u8,
    /// Whether the subscriber waits for us.
    our_turn: bool,
    /// Whether we began it, and not the phone.
    ours: bool,
    /// Whether the phone knows of it: ours begins with its first text.
    begun: bool,
    code: String,
    ends_at: Millis,
    due: Millis,
    state: T,
}

impl<T: Default> Sessions<T> {
    /// No session yet.
    #[must_use]
    pub fn new(dialect: Arc<Dialect>, terms: Terms) -> Self {
        Self {
            dialect,
            terms,
            open: HashMap::new(),
            due: BTreeSet::new(),
            next_number: 0,
            next_mark: 0,
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes a message from `phone`. The centre is answered at once, before anything is said.
    pub fn receive(&mut self, phone: Msisdn, message: &ShortMessage, now: Millis) -> Received {
        let heard = self.dialect.hear(message, self.terms.alphabet);
        let known = self.open.get(&phone);
        let same = known.is_some_and(|open| {
            self.dialect
                .same_session(open.mark.as_ref(), heard.mark.as_ref())
        });
        match heard.meaning {
            Meaning::Begin => return self.begin(phone, message, heard, now),
            Meaning::Answer | Meaning::BeginOrAnswer if same => self.answer(phone, heard, now),
            Meaning::BeginOrAnswer if known.is_none() && heard.dialled.is_some() => {
                return self.begin(phone, message, heard, now);
            }
            Meaning::Release if same => self.end(phone, End::Released),
            Meaning::Unknown if same => {
                self.tell_late(message, &heard);
                self.end(phone, End::Confused);
            }
            Meaning::Answer | Meaning::BeginOrAnswer | Meaning::Unknown => {
                self.tell_late(message, &heard);
            }
            Meaning::Release | Meaning::Note => {}
        }
        Received::Taken
    }

    /// Says `reply` in a session whose turn is ours.
    ///
    /// # Errors
    ///
    /// [`NotSaid`]; the session is as it was.
    pub fn reply(&mut self, session: SessionId, reply: Reply, now: Millis) -> Result<(), NotSaid> {
        let open = self.open.get_mut(&session.phone());
        let open = open.filter(|open| open.number == session.number() && open.our_turn);
        let open = open.ok_or(NotSaid::NotOurTurn)?;
        let (saying, text) = match &reply {
            Reply::GoesOn(text) if open.begun => (Saying::GoesOn, text),
            Reply::GoesOn(text) => (Saying::Asks, text),
            Reply::End(text) if open.ours => (Saying::EndsOurs, text),
            Reply::End(text) => (Saying::End, text),
        };
        if saying == Saying::EndsOurs && !open.begun {
            // Nobody waits for the end of what never began.
            self.end(session.phone(), End::Closed);
            return Ok(());
        }
        let text = UssdString::write(text, self.terms.alphabet)?;
        let message = open.say(&self.dialect, saying, text);
        open.our_turn = false;
        open.begun = true;
        let going_on = matches!(saying, Saying::GoesOn | Saying::Asks).then_some(session);
        self.outgoing.push_back(Outgoing {
            session: going_on,
            message,
        });
        match saying {
            Saying::GoesOn | Saying::Asks => self.wait(session.phone(), now),
            Saying::End | Saying::EndsOurs | Saying::Release => {
                self.end(session.phone(), End::Closed);
            }
        }
        Ok(())
    }

    /// Begins a session with `phone` from `service`, digits: the first [`Self::reply`] asks. A phone
    /// in a session is left alone, for an answer to one must never be read as the answer to the other.
    ///
    /// # Errors
    ///
    /// [`NotAsked`]; nothing is begun.
    pub fn ask(
        &mut self,
        phone: Msisdn,
        service: &str,
        now: Millis,
    ) -> Result<SessionId, NotAsked> {
        let mark = self.next_mark;
        let mark = self.dialect.own_mark(mark).ok_or(NotAsked::Dialect)?;
        if self.open.contains_key(&phone) {
            return Err(NotAsked::InSession);
        }
        let most = self.terms.sessions_max;
        if self.open.len() >= most || self.outgoing.len() >= most {
            return Err(NotAsked::Full);
        }
        self.next_mark = self.next_mark.wrapping_add(1);
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        let open = Open {
            number,
            mark: Some(mark),
            service: Address {
                ton: 0,
                npi: 1,
                value: COctetString::from(service.to_owned()),
            },
            phone: Address::international(phone.expose_digits()),
            sent: 0,
            our_turn: true,
            ours: true,
            begun: false,
            code: String::new(),
            ends_at: now.plus_ms(self.terms.session_ms),
            due: now,
            state: T::default(),
        };
        self.open.insert(phone, open);
        self.wait(phone, now);
        Ok(SessionId::new(phone, number))
    }

    /// What the user of an open session keeps in it.
    pub fn state_mut(&mut self, session: SessionId) -> Option<&mut T> {
        let open = self.open.get_mut(&session.phone());
        open.filter(|open| open.number == session.number())
            .map(|open| &mut open.state)
    }

    /// The centre did not take a text of this session, so it is over.
    pub fn failed(&mut self, session: SessionId) {
        let open = self.open.get(&session.phone());
        if open.is_some_and(|open| open.number == session.number()) {
            self.end(session.phone(), End::Lost);
        }
    }

    /// The connection is gone, and every session with it; nothing that was to be said is sent.
    pub fn lost(&mut self) {
        self.outgoing.clear();
        let phones: Vec<Msisdn> = self.open.keys().copied().collect();
        for phone in phones {
            self.end(phone, End::Lost);
        }
    }

    /// Gives up what nobody answered in time. A spurious tick changes nothing.
    pub fn tick(&mut self, now: Millis) {
        while let Some(&(due, phone)) = self.due.first() {
            if due > now {
                return;
            }
            if let Some(open) = self.open.get_mut(&phone).filter(|open| open.begun) {
                let saying = match self.dialect.outgoing.release {
                    Some(_) => Saying::Release,
                    None if open.ours => Saying::EndsOurs,
                    None => Saying::End,
                };
                let message = open.say(&self.dialect, saying, UssdString::default());
                self.outgoing.push_back(Outgoing {
                    session: None,
                    message,
                });
            }
            self.due.remove(&(due, phone));
            self.end(phone, End::TimedOut);
        }
    }

    /// When [`Self::tick`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.outgoing.pop_front()
    }

    /// Whether a message waits to be sent.
    #[must_use]
    pub fn has_transmit(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Sessions that are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no session is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn begin(
        &mut self,
        phone: Msisdn,
        message: &ShortMessage,
        heard: Heard,
        now: Millis,
    ) -> Received {
        let code = heard.dialled.unwrap_or_default();
        if let Some(open) = self.open.get(&phone) {
            let same = open.mark.is_some()
                && heard.mark.is_some()
                && self.dialect.session.is_lasting()
                && self
                    .dialect
                    .same_session(open.mark.as_ref(), heard.mark.as_ref());
            if same && open.code == code {
                // The centre sent it again: its answer is underway, or was given.
                return Received::Taken;
            }
            self.end(phone, End::Replaced);
        }
        let most = self.terms.sessions_max;
        if self.open.len() >= most || self.outgoing.len() >= most {
            return Received::Full;
        }
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        let lasting = self.dialect.session.is_lasting();
        let lasting_id = heard.mark.filter(|_| lasting);
        let lasting_id = lasting_id.map(|mark| self.dialect.id(&mark));
        let open = Open {
            number,
            mark: heard.mark,
            service: copied(&message.destination),
            phone: copied(&message.source),
            sent: 0,
            our_turn: true,
            ours: false,
            begun: true,
            code: code.clone(),
            ends_at: now.plus_ms(self.terms.session_ms),
            due: now,
            state: T::default(),
        };
        self.open.insert(phone, open);
        self.wait(phone, now);
        let session = SessionId::new(phone, number);
        self.events.push_back(Event::Dialled {
            session,
            code,
            lasting_id,
            retold: false,
        });
        Received::Taken
    }

    fn answer(&mut self, phone: Msisdn, heard: Heard, now: Millis) {
        let Some(open) = self.open.get_mut(&phone) else {
            return;
        };
        if open.our_turn {
            // Sent again, or typed before our question came: it answers nothing.
            return;
        }
        open.our_turn = true;
        open.mark = heard.mark.or(open.mark);
        let session = SessionId::new(phone, open.number);
        self.events.push_back(Event::Answered {
            session,
            text: heard.text,
            retold: false,
        });
        self.wait(phone, now);
    }

    /// Waits for whose turn it is, but never beyond the session's end.
    fn wait(&mut self, phone: Msisdn, now: Millis) {
        if let Some(open) = self.open.get_mut(&phone) {
            self.due.remove(&(open.due, phone));
            open.due = now.plus_ms(self.terms.answer_within_ms).min(open.ends_at);
            self.due.insert((open.due, phone));
        }
    }

    fn end(&mut self, phone: Msisdn, end: End) {
        if let Some(open) = self.open.remove(&phone) {
            self.due.remove(&(open.due, phone));
            let number = open.number;
            let session = SessionId::new(phone, number);
            self.events.push_back(Event::Ended { session, end });
        }
    }

    /// Ends a session that we do not have, with its own mark.
    fn tell_late(&mut self, message: &ShortMessage, heard: &Heard) {
        if self.outgoing.len() >= self.terms.sessions_max {
            return;
        }
        let text = UssdString::write(&self.terms.late, self.terms.alphabet);
        let reply = ShortMessage {
            source: copied(&message.destination),
            destination: copied(&message.source),
            ..ShortMessage::default()
        };
        let mark = heard.mark.as_ref().map(|mark| (mark, 0));
        let text = text.unwrap_or_default();
        let message = self.dialect.speak(reply, Saying::End, mark, text);
        self.outgoing.push_back(Outgoing {
            session: None,
            message,
        });
    }
}

impl<T> Open<T> {
    fn say(&mut self, dialect: &Dialect, saying: Saying, text: UssdString) -> ShortMessage {
        let message = ShortMessage {
            source: self.service.clone(),
            destination: self.phone.clone(),
            ..ShortMessage::default()
        };
        let mark = self.mark.as_ref().map(|mark| (mark, self.sent));
        let message = dialect.speak(message, saying, mark, text);
        self.sent = self.sent.wrapping_add(1) & 0x7F;
        message
    }
}

/// A copy of its own: a slice would keep all that was read with it as long as the session lasts.
fn copied(address: &Address) -> Address {
    Address {
        ton: address.ton,
        npi: address.npi,
        value: COctetString(Bytes::copy_from_slice(address.value.as_octets())),
    }
}

#[cfg(test)]
mod tests;
