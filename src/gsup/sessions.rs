//! USSD sessions at an HLR, sans-IO: 3GPP TS 24.090 as GSUP carries it.
//!
//! ```text
//! phone dials   ◄ begin, invoke 3B    ► go on, invoke 3C    ◄ go on, result 3C    ► end, result 3B
//! we ask        ► begin, invoke 3C    ◄ go on, result 3C    ► go on, notify 3D    ◄ result   ► end
//! ```
//! Each phone has one session. Our invokes carry the number of the phone's own: after a restart an
//! answer to one names it, so that a session of before can still be ended with a word. A phone that
//! hangs up is not heard of: osmo-hlr passes that on to nobody, so its session runs out.

mod beginning;

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::domain::Millis;
use crate::domain::imsi::Imsi;
use crate::domain::msisdn::Msisdn;
use crate::gsup::component::{Component, NOTIFY, PROCESS, REQUEST, UssdOctets};
use crate::gsup::message::{Kind, Message, State};
use crate::gsup::text::{octets_of, text_of};
use crate::ussd::{End, Event, NotSaid, Received, Reply, SessionId};

/// The sessions at one HLR, each with what its user keeps in it: `T`.
#[derive(Debug)]
pub struct Sessions<T> {
    terms: Terms,
    open: HashMap<Msisdn, Open<T>>,
    by_name: HashMap<(Imsi, u32), Msisdn>,
    due: BTreeSet<(Millis, Msisdn)>,
    next_number: u64,
    outgoing: VecDeque<Message>,
    events: VecDeque<Event>,
}

/// The bounds of [`Sessions`], and what is said where no menu is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// For an answer, of the subscriber as well as ours.
    pub answer_within_ms: i64,
    /// For the whole session.
    pub session_ms: i64,
    /// Sessions at once.
    pub sessions_max: usize,
    /// What an answer that came too late is answered with.
    pub late: String,
    /// What a card that is nobody's is told.
    pub stranger: String,
    /// What is said without room, or while nobody can be looked up.
    pub busy: String,
}

/// Whose card a session is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// This number's.
    Known(Msisdn),
    /// Nobody's.
    Stranger,
    /// The books could not be asked.
    Unknown,
}

#[derive(Debug)]
struct Open<T> {
    number: u64,
    imsi: Imsi,
    session: u32,
    /// The number of the phone's invoke, and of each of ours.
    invoke: u8,
    turn: Turn,
    begun: Begun,
    ends_at: Millis,
    due: Millis,
    state: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    ByPhone,
    ByUs,
    /// It is ours, and begins with its first text.
    NotYet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Ours,
    Theirs,
    /// Our last text is on the display: the phone's word that it is ends the session.
    Last,
}

impl<T: Default> Sessions<T> {
    /// No session yet. `first` is drawn, so that the sessions that we begin have other names than
    /// those of a process before.
    #[must_use]
    pub fn new(terms: Terms, first: u32) -> Self {
        Self {
            terms,
            open: HashMap::new(),
            by_name: HashMap::new(),
            due: BTreeSet::new(),
            next_number: u64::from(first),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes a message. `caller` is asked for only of one that begins a session.
    pub fn receive(&mut self, message: Message, caller: Caller, now: Millis) -> Received {
        let component = Component::decode(&message.component).ok();
        let name = (message.imsi.clone(), message.session);
        let known = self.by_name.get(&name).copied();
        match (message.kind, message.state, known) {
            (Kind::Error, _, Some(phone)) | (_, State::End, Some(phone)) => {
                self.end(phone, End::Released);
            }
            (Kind::Error, ..) | (_, State::End, None) => {}
            (_, State::Begin, None) => return self.begin(message, component, caller, now),
            // The HLR has two sessions of one name: neither can be told from the other.
            (_, State::Begin, Some(phone)) => self.end(phone, End::Confused),
            (_, State::Continue, Some(phone)) => self.go_on(phone, component, now),
            (_, State::Continue, None) => self.tell_late(message, component),
        }
        Received::Taken
    }

    /// Says `reply` in a session whose turn is ours.
    ///
    /// # Errors
    ///
    /// [`NotSaid`]; the session is as it was.
    pub fn reply(&mut self, session: SessionId, reply: Reply, now: Millis) -> Result<(), NotSaid> {
        let phone = session.phone();
        let open = self.open.get_mut(&phone);
        let open = open.filter(|open| open.number == session.number() && open.turn == Turn::Ours);
        let open = open.ok_or(NotSaid::NotOurTurn)?;
        let invoke = |operation, string| Component::Invoke {
            id: open.invoke,
            operation,
            string: Some(string),
        };
        match reply {
            Reply::GoesOn(text) => {
                let component = invoke(REQUEST, octets_of(&text)?);
                let state = match open.begun {
                    Begun::ByPhone | Begun::ByUs => State::Continue,
                    Begun::NotYet => State::Begin,
                };
                let message = open.message(Kind::Request, state, Some(&component));
                self.outgoing.push_back(message);
                if open.begun == Begun::NotYet {
                    open.begun = Begun::ByUs;
                }
                open.turn = Turn::Theirs;
                self.wait(phone, now);
            }
            // Nobody waits for the end of what never began.
            Reply::End(_) if open.begun == Begun::NotYet => self.end(phone, End::Closed),
            Reply::End(text) if open.begun == Begun::ByUs => {
                let component = invoke(NOTIFY, octets_of(&text)?);
                let message = open.message(Kind::Request, State::Continue, Some(&component));
                self.outgoing.push_back(message);
                open.turn = Turn::Last;
                self.wait(phone, now);
            }
            Reply::End(text) => {
                let component = closing(open.invoke, octets_of(&text)?);
                let message = open.message(Kind::Result, State::End, Some(&component));
                self.outgoing.push_back(message);
                self.end(phone, End::Closed);
            }
        }
        Ok(())
    }

    /// What the user of an open session keeps in it.
    pub fn state_mut(&mut self, session: SessionId) -> Option<&mut T> {
        let open = self.open.get_mut(&session.phone());
        open.filter(|open| open.number == session.number())
            .map(|open| &mut open.state)
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
            self.due.remove(&(due, phone));
            let open = self.open.get(&phone);
            if let Some(open) = open.filter(|open| open.begun != Begun::NotYet) {
                let message = open.message(Kind::Result, State::End, None);
                self.outgoing.push_back(message);
            }
            self.end(phone, End::TimedOut);
        }
    }

    /// When [`Self::tick`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Message> {
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

    fn go_on(&mut self, phone: Msisdn, component: Option<Component>, now: Millis) {
        let Some(open) = self.open.get_mut(&phone) else {
            return;
        };
        let session = SessionId::new(phone, open.number);
        match (open.turn, component) {
            (Turn::Last, _) => {
                let message = open.message(Kind::Result, State::End, None);
                self.outgoing.push_back(message);
                self.end(phone, End::Closed);
            }
            (
                Turn::Theirs,
                Some(Component::Result {
                    id,
                    string: Some((_, string)),
                }),
            ) if id == open.invoke => {
                open.turn = Turn::Ours;
                self.events.push_back(Event::Answered {
                    session,
                    text: text_of(&string),
                    retold: false,
                });
                self.wait(phone, now);
            }
            // Typed before our question came: it answers nothing.
            (Turn::Ours, Some(Component::Result { .. })) => {}
            (
                Turn::Theirs | Turn::Ours,
                Some(Component::Result { .. } | Component::Error { .. } | Component::Reject),
            ) => {
                let message = open.message(Kind::Result, State::End, None);
                self.outgoing.push_back(message);
                self.end(phone, End::Released);
            }
            (Turn::Theirs | Turn::Ours, Some(Component::Invoke { .. }) | None) => {
                let message = open.message(Kind::Result, State::End, Some(&Component::Reject));
                self.outgoing.push_back(message);
                self.end(phone, End::Confused);
            }
        }
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
            self.by_name.remove(&(open.imsi, open.session));
            let session = SessionId::new(phone, open.number);
            self.events.push_back(Event::Ended { session, end });
        }
    }

    /// Ends a session that we do not have: the number of our lost invoke is that of the phone's own.
    fn tell_late(&mut self, message: Message, component: Option<Component>) {
        match component {
            Some(Component::Result { id, .. } | Component::Error { id, .. }) => {
                let text = self.terms.late.clone();
                self.refuse(&message, id, &text, Received::Taken);
            }
            Some(Component::Invoke { .. } | Component::Reject) | None => {
                self.finish(&message, &Component::Reject);
            }
        }
    }

    fn finish(&mut self, message: &Message, component: &Component) {
        if self.outgoing.len() < self.terms.sessions_max {
            self.outgoing.push_back(Message {
                kind: Kind::Result,
                imsi: message.imsi.clone(),
                session: message.session,
                state: State::End,
                component: component.encode().unwrap_or_default().into(),
            });
        }
    }
}

impl<T> Open<T> {
    fn message(&self, kind: Kind, state: State, component: Option<&Component>) -> Message {
        let octets = component.and_then(Component::encode);
        Message {
            kind,
            imsi: self.imsi.clone(),
            session: self.session,
            state,
            component: octets.unwrap_or_default().into(),
        }
    }
}

/// The answer to what the phone dialled, which is the last word of its session.
const fn closing(id: u8, string: UssdOctets) -> Component {
    Component::Result {
        id,
        string: Some((PROCESS, string)),
    }
}

#[cfg(test)]
mod tests;
