//! USSD sessions whose every request tells all that was said in them, sans-IO: the form in which
//! aggregators ask applications by HTTP.
//!
//! ```text
//! text ""         ─► CON menu          text "1"            ─► the answer is "1"
//! text "1*4711"   ─► the answer is "4711"                     same text: same answer, nothing done
//! anything that does not go on from what was said ─► END
//! ```
//! A session goes on from what is kept of it here; of a text only what is new is read. One that is
//! not known (it began before a restart, or at another node) is played again from its text: every
//! answer but the last gets a page that nobody sees. Nothing can be paid by that, for what is played
//! is *retold*: where an order would be placed, its whole price is shown again.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::{End, Event, NotSaid, Received, Reply, SessionId};
use crate::dialogue::ussd_menu::Dialled;
use crate::domain::Millis;
use crate::domain::msisdn::Msisdn;

/// The sessions of one aggregator, each with what its user keeps in it: `T`; `W` is who waits for
/// an answer.
#[derive(Debug)]
pub struct Histories<T, W> {
    terms: Terms,
    known: HashMap<u64, Known<T, W>>,
    by_name: HashMap<Box<str>, u64>,
    by_phone: HashMap<Msisdn, u64>,
    /// When open sessions are given up.
    due: BTreeSet<(Millis, u64)>,
    /// Until when those that are over are remembered.
    over: BTreeSet<(Millis, u64)>,
    next_number: u64,
    outgoing: VecDeque<(W, Reply)>,
    events: VecDeque<Event>,
}

/// The bounds of [`Histories`], and what is said where no menu is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What subscribers dial at this aggregator, such as `*384*778#`.
    pub service_code: String,
    /// For an answer, of the subscriber as well as ours.
    pub answer_within_ms: i64,
    /// For the whole session.
    pub session_ms: i64,
    /// Sessions that are remembered at once.
    pub sessions_max: usize,
    /// What a text is answered with that goes on from nothing.
    pub late: String,
}

/// What an aggregator tells in one request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Its name for the session.
    pub session: Box<str>,
    /// Who dialled.
    pub phone: Msisdn,
    /// All that was said, with `*` between.
    pub text: String,
}

#[derive(Debug)]
struct Known<T, W> {
    name: Box<str>,
    phone: Msisdn,
    /// The text of the last request that was taken.
    said: String,
    /// Answers of before that are still to be played.
    unplayed: VecDeque<String>,
    /// Who waits for the answer to `said`.
    waiting: Vec<W>,
    /// The answer to `said`; while there is none, the turn is ours.
    answer: Option<Reply>,
    /// Set once it is over: until when it is remembered.
    over: bool,
    ends_at: Millis,
    due: Millis,
    state: T,
}

impl<T: Default, W> Histories<T, W> {
    /// No session yet.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            known: HashMap::new(),
            by_name: HashMap::new(),
            by_phone: HashMap::new(),
            due: BTreeSet::new(),
            over: BTreeSet::new(),
            next_number: 0,
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes a request; its answer comes out of [`Self::poll_transmit`]. Without room `waiter` is
    /// dropped.
    pub fn receive(&mut self, request: Request, waiter: W, now: Millis) -> Received {
        let number = self.by_name.get(&request.session).copied();
        let Some(number) = number else {
            return self.begin(request, waiter, now);
        };
        let Some(known) = self.known.get_mut(&number) else {
            return Received::Full;
        };
        let same_phone = known.phone == request.phone;
        if same_phone && known.said == request.text {
            return match &known.answer {
                Some(answer) => {
                    self.outgoing.push_back((waiter, answer.clone()));
                    Received::Taken
                }
                None if known.waiting.len() < WAITING_MAX => {
                    known.waiting.push(waiter);
                    Received::Taken
                }
                None => Received::Full,
            };
        }
        let answer = said_after(&known.said, &request.text);
        let theirs = matches!(known.answer, Some(Reply::GoesOn(_)));
        if let Some(answer) = answer.filter(|_| same_phone && theirs && !known.over) {
            let text = answer.to_owned();
            known.said = request.text;
            known.answer = None;
            known.waiting.push(waiter);
            let session = SessionId::new(known.phone, number);
            self.events.push_back(Event::Answered {
                session,
                text,
                retold: false,
            });
            self.wait(number, now);
        } else {
            let late = self.late();
            self.outgoing.push_back((waiter, late));
            // Another phone that knows a name must not end the session of its owner.
            if same_phone {
                self.end(number, End::Confused, now);
            }
        }
        Received::Taken
    }

    /// Says `reply` in a session whose turn is ours; while answers of before are played, it is not
    /// told to anybody.
    ///
    /// # Errors
    ///
    /// [`NotSaid::NotOurTurn`]; the session is as it was.
    pub fn reply(&mut self, session: SessionId, reply: Reply, now: Millis) -> Result<(), NotSaid> {
        let number = session.number();
        let known = self.known.get_mut(&number);
        let known = known.filter(|known| !known.over && known.answer.is_none());
        let known = known.ok_or(NotSaid::NotOurTurn)?;
        let goes_on = matches!(reply, Reply::GoesOn(_));
        if goes_on && let Some(text) = known.unplayed.pop_front() {
            self.events.push_back(Event::Answered {
                session,
                text,
                retold: true,
            });
            return Ok(());
        }
        known.unplayed.clear();
        let waiting = std::mem::take(&mut known.waiting);
        let answers = waiting.into_iter().map(|waiter| (waiter, reply.clone()));
        self.outgoing.extend(answers);
        known.answer = Some(reply);
        if goes_on {
            self.wait(number, now);
        } else {
            self.end(number, End::Closed, now);
        }
        Ok(())
    }

    /// What the user of an open session keeps in it.
    pub fn state_mut(&mut self, session: SessionId) -> Option<&mut T> {
        let known = self.known.get_mut(&session.number());
        known
            .filter(|known| !known.over)
            .map(|known| &mut known.state)
    }

    /// Gives up what nobody answered in time, and forgets what is long over. A spurious tick
    /// changes nothing.
    pub fn tick(&mut self, now: Millis) {
        while let Some(&(due, number)) = self.due.first() {
            if due > now {
                break;
            }
            self.end(number, End::TimedOut, now);
        }
        while let Some(&(until, number)) = self.over.first() {
            if until > now {
                break;
            }
            self.forget(until, number);
        }
    }

    /// When [`Self::tick`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let first = |set: &BTreeSet<(Millis, u64)>| set.first().map(|(at, _)| *at);
        [first(&self.due), first(&self.over)]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next answer, and who waits for it.
    pub fn poll_transmit(&mut self) -> Option<(W, Reply)> {
        self.outgoing.pop_front()
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Sessions that are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// Whether no session is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    fn begin(&mut self, request: Request, waiter: W, now: Millis) -> Received {
        let Request {
            session: name,
            phone,
            text,
        } = request;
        let (code, unplayed) = self.retold(&text);
        if unplayed.len() > PLAYED_MAX {
            let late = self.late();
            self.outgoing.push_back((waiter, late));
            return Received::Taken;
        }
        if let Some(before) = self.by_phone.get(&phone).copied() {
            self.end(before, End::Replaced, now);
        }
        if self.known.len() >= self.terms.sessions_max {
            let Some((until, number)) = self.over.first().copied() else {
                return Received::Full;
            };
            self.forget(until, number);
        }
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        let session = SessionId::new(phone, number);
        self.events.push_back(Event::Dialled {
            session,
            code,
            lasting_id: Some(name.as_bytes().to_vec()),
            // With no text it is the menu, which pays nothing.
            retold: true,
        });
        let ends_at = now.plus_ms(self.terms.session_ms);
        let known = Known {
            name: name.clone(),
            phone,
            said: text,
            unplayed,
            waiting: vec![waiter],
            answer: None,
            over: false,
            ends_at,
            due: ends_at,
            state: T::default(),
        };
        self.known.insert(number, known);
        self.by_name.insert(name, number);
        self.by_phone.insert(phone, number);
        self.wait(number, now);
        Received::Taken
    }

    /// A text that nothing is known before: one dialled behind the service code, such as `4711*12`,
    /// or else answers to the menu.
    fn retold(&self, text: &str) -> (String, VecDeque<String>) {
        let service = &self.terms.service_code;
        if text.is_empty() {
            return (service.clone(), VecDeque::new());
        }
        let dialled = format!("{}*{text}#", service.trim_end_matches('#'));
        if Dialled::read(&dialled, service) == Dialled::Menu {
            (
                service.clone(),
                text.split('*').map(ToOwned::to_owned).collect(),
            )
        } else {
            (dialled, VecDeque::new())
        }
    }

    /// Waits for whose turn it is, but never beyond the session's end.
    fn wait(&mut self, number: u64, now: Millis) {
        if let Some(known) = self.known.get_mut(&number) {
            self.due.remove(&(known.due, number));
            known.due = now.plus_ms(self.terms.answer_within_ms).min(known.ends_at);
            self.due.insert((known.due, number));
        }
    }

    /// Whoever asks the same again is still told the same; anything else is too late.
    fn end(&mut self, number: u64, end: End, now: Millis) {
        let late = self.late();
        let Some(known) = self.known.get_mut(&number).filter(|known| !known.over) else {
            return;
        };
        known.over = true;
        known.unplayed.clear();
        self.due.remove(&(known.due, number));
        let until = now.plus_ms(self.terms.session_ms);
        known.due = until;
        self.over.insert((until, number));
        if self.by_phone.get(&known.phone) == Some(&number) {
            self.by_phone.remove(&known.phone);
        }
        if !matches!(known.answer, Some(Reply::End(_))) {
            known.answer = Some(late.clone());
        }
        for waiter in std::mem::take(&mut known.waiting) {
            self.outgoing.push_back((waiter, late.clone()));
        }
        // What its user keeps is needed no more.
        known.state = T::default();
        let session = SessionId::new(known.phone, number);
        self.events.push_back(Event::Ended { session, end });
    }

    fn forget(&mut self, until: Millis, number: u64) {
        self.over.remove(&(until, number));
        if let Some(known) = self.known.remove(&number) {
            self.by_name.remove(&known.name);
        }
    }

    fn late(&self) -> Reply {
        Reply::End(self.terms.late.clone())
    }
}

/// No digit of a number, and nothing that was typed.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("session", &self.session)
            .field("phone", &self.phone)
            .finish_non_exhaustive()
    }
}

/// What a text says beyond what was said before. A star in it is the caller's own: `2*50` is an
/// amount.
fn said_after<'a>(before: &str, text: &'a str) -> Option<&'a str> {
    let new = text.strip_prefix(before)?;
    match before {
        "" => Some(new),
        _ => new.strip_prefix('*'),
    }
}

/// An aggregator that got no answer asks again two or three times.
const WAITING_MAX: usize = 4;
/// Deeper than any way through the menu that a session has time for.
const PLAYED_MAX: usize = 32;

#[cfg(test)]
mod tests;
