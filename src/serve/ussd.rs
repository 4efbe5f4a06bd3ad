//! The desk at which USSD sessions are served, whatever carries them.
//!
//! ```text
//! what comes ─► Carrier ─► Dialogue ─┬─ Look ───► readers ──► found ─┐
//!                  ▲                 └─ Submit ─► writer ───► said ──┤
//!                  └──────────── Reply ◄─────────────────────────────┘
//! ```
//! One task owns the sessions of one bind or aggregator, so nothing of them is locked; a session
//! that dies while its order is at the books is told by SMS what became of it.

mod aggregator;
mod bind;
mod carrier;
mod hlr;
mod opening;
mod seat;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub(super) use self::aggregator::AggregatorCarrier;
pub(super) use self::bind::BindCarrier;
use self::carrier::{Callee, Carrier, Taken};
pub(super) use self::hlr::{HlrCarrier, find_callers};
pub(super) use self::opening::{Desks, Line};
use self::seat::Seat;
use crate::auth::bad_mac_budget::BadMacBudget;
use crate::dialogue::ussd_menu::{Found, Guide, Menu, Question, Step, Wish};
use crate::domain::imsi::Imsi;
use crate::domain::msisdn::Msisdn;
use crate::gateway::books::{Books, StoreError};
use crate::gateway::browse::{Browse, look};
use crate::gateway::context::Context;
use crate::gateway::intake::{Origin, draws_on_budget};
use crate::gateway::member::{Arrival, Content, Member, Outcome};
use crate::gateway::record::Channel;
use crate::serve::asking::{Ask, Asked};
use crate::serve::reach::SmscReach;
use crate::serve::running::Stage;
use crate::serve::{Clock, Elapsed, millis};
use crate::sms::ussd_string::StringForm;
use crate::telemetry::purchases::{self, PurchaseMetrics};
use crate::telemetry::ussd::BindUssd;
use crate::ussd::{Event, Received, Reply, SessionId};

/// Serves the USSD sessions of one carrier.
pub(super) struct Desk<B, V, C> {
    pub(super) carrier: C,
    pub(super) books: B,
    /// What reads beside the books.
    pub(super) views: V,
    pub(super) menu: Arc<Menu>,
    pub(super) context: Arc<Context>,
    pub(super) origin: Origin,
    pub(super) reach: SmscReach,
    pub(super) chance: ChaCha20Rng,
    pub(super) clock: Clock,
    pub(super) elapsed_us: Elapsed,
    pub(super) metrics: PurchaseMetrics,
    pub(super) counts: BindUssd,
    /// Bad checksums of each phone's card.
    pub(super) budget: BadMacBudget<Msisdn>,
    /// Whom to ask to pay; none where nobody is.
    pub(super) asks: Option<mpsc::Receiver<Ask>>,
    pub(super) terms: DeskTerms,
}

/// The bounds of [`Desk`], and where results go.
#[derive(Clone, Debug)]
pub(super) struct DeskTerms {
    /// What subscribers dial.
    pub(super) service_code: Arc<str>,
    /// What a page has room for.
    pub(super) form: StringForm,
    /// Whom messages with results come from.
    pub(super) results_from: Arc<str>,
    /// The SMSC by which results are sent as messages.
    pub(super) results_by: Arc<str>,
    /// An order that the writer has not taken by then is withdrawn.
    pub(super) take_within: Duration,
    /// Within so much time equal orders of one session are the same.
    pub(super) session_ms: i64,
    /// Within so much time equal orders are the same where nothing names their session.
    pub(super) repeat_ms: i64,
    /// Within so much time equal text messages are the same order, and so are not forgotten.
    pub(super) plain_repeat_ms: i64,
    /// Questions, orders and texts under way at once.
    pub(super) under_way_max: usize,
}

/// Something that was waited for.
enum Done {
    Found(SessionId, Result<Found, StoreError>),
    Decided(SessionId, Wish, Result<Outcome, StoreError>),
    /// Whose phone is to be asked.
    Payer(Ask, Option<Imsi>),
    /// Whether a text of this session got through.
    Taken(SessionId, bool),
}

impl<B: Books, V: Browse, C: Carrier> Desk<B, V, C> {
    /// Where this desk is told whom to ask.
    pub(super) fn takes_asks(&mut self) -> mpsc::Sender<Ask> {
        let (asker, asks) = mpsc::channel(ASKS_MAX);
        self.asks = Some(asks);
        asker
    }

    /// Serves until nothing can come any more. `quiet` is dropped once, after closing, no order is
    /// at the books.
    pub(super) async fn run(
        mut self,
        mut came: mpsc::Receiver<C::Came>,
        mut stage: watch::Receiver<Stage>,
        quiet: mpsc::Sender<()>,
    ) {
        let mut under_way: JoinSet<Done> = JoinSet::new();
        let mut quiet = Some(quiet);
        loop {
            let closed = *stage.borrow_and_update() >= Stage::Closing;
            if closed && under_way.is_empty() {
                quiet = None;
            }
            let wait = self.until_due();
            tokio::select! {
                came = came.recv() => match came {
                    Some(came) => {
                        self.look_at_carrier();
                        self.take(came, under_way.len());
                    }
                    None => break,
                },
                Some(done) = under_way.join_next() => {
                    if let Ok(done) = done {
                        self.done(done, &mut under_way);
                    }
                }
                Some(ask) = next_ask(&mut self.asks),
                    if under_way.len() < self.terms.under_way_max =>
                {
                    under_way.spawn(self.find_payer(ask));
                }
                sent = self.carrier.send() => {
                    if let Some(Taken { session, taken }) = sent {
                        under_way.spawn(async move { Done::Taken(session, taken.await) });
                    }
                }
                // Nobody closes any more: then the carrier is what ends it.
                Ok(()) = stage.changed() => {}
                () = tokio::time::sleep(wait) => {
                    self.look_at_carrier();
                    self.carrier.tick((self.clock)());
                }
            }
            self.carry_on(&mut under_way);
        }
        drop(quiet);
    }

    fn take(&mut self, came: C::Came, under_way: usize) {
        let has_room = under_way < self.terms.under_way_max;
        let now = (self.clock)();
        if self.carrier.take(came, has_room, now) == Received::Full {
            self.counts.full();
        }
    }

    fn look_at_carrier(&mut self) -> bool {
        let stands = self.carrier.look();
        self.counts.open(self.carrier.len());
        stands
    }

    fn until_due(&self) -> Duration {
        let now = (self.clock)();
        let due = self.carrier.next_deadline();
        due.map_or(LOOK_EVERY, |due| millis(due.since(now)).min(LOOK_EVERY))
    }

    /// What phones did since the last turn.
    fn carry_on(&mut self, under_way: &mut JoinSet<Done>) {
        while let Some(event) = self.carrier.poll_event() {
            let (session, step) = match event {
                Event::Dialled {
                    session,
                    code,
                    lasting_id,
                    retold,
                } => {
                    self.counts.begun();
                    let smsc = self.origin.smsc.as_bytes();
                    let names = lasting_id.map(|id| [smsc, b" ", &id].concat());
                    let step = self.at(session, |seat, guide| {
                        seat.named = names.map(Arc::from);
                        seat.code = code.as_str().into();
                        if retold {
                            seat.dialogue.dialled_before(&code, guide)
                        } else {
                            seat.dialogue.dialled(&code, guide)
                        }
                    });
                    (session, step)
                }
                Event::Answered {
                    session,
                    text,
                    retold,
                } => {
                    let step = self.at(session, |seat, guide| {
                        if retold {
                            seat.dialogue.heard_before(&text, guide)
                        } else {
                            seat.dialogue.heard(&text, guide)
                        }
                    });
                    (session, step)
                }
                Event::Ended { end, .. } => {
                    self.counts.ended(end.name());
                    continue;
                }
            };
            if let Some(step) = step {
                self.go(session, step, under_way);
            }
        }
    }

    fn done(&mut self, done: Done, under_way: &mut JoinSet<Done>) {
        let (session, step) = match done {
            Done::Found(session, Ok(found)) => {
                let step = self.at(session, |seat, guide| seat.dialogue.found(found, guide));
                (session, step)
            }
            Done::Decided(session, Wish::Language(language), Ok(_)) => {
                let step = self.at(session, |seat, guide| seat.dialogue.spoken(language, guide));
                (session, step)
            }
            Done::Decided(session, Wish::Order { .. } | Wish::Pin { .. }, Ok(outcome)) => {
                (session, self.said(outcome))
            }
            Done::Decided(session, Wish::Sealed(_), result) => {
                // An outage is no bad checksum.
                if !result.as_ref().is_ok_and(draws_on_budget) {
                    self.budget.give_back(&session.phone(), (self.clock)());
                }
                let said = match result {
                    Ok(outcome) => self.said(outcome),
                    Err(error) => self.failed(session, &error),
                };
                (session, said.or_else(|| self.unproven(session)))
            }
            Done::Found(session, Err(error)) | Done::Decided(session, _, Err(error)) => {
                (session, self.failed(session, &error))
            }
            Done::Payer(ask, imsi) => match self.ask(ask, imsi) {
                Some((session, step)) => (session, Some(step)),
                None => return,
            },
            Done::Taken(session, true) => return self.asked(session, Asked::Done),
            Done::Taken(session, false) => {
                self.asked(session, Asked::ByText);
                return self.carrier.failed(session);
            }
        };
        if let Some(step) = step {
            self.go(session, step, under_way);
        }
    }

    fn go(&mut self, session: SessionId, step: Step, under_way: &mut JoinSet<Done>) {
        match step {
            Step::Look(question) => {
                under_way.spawn(self.look(session, question));
            }
            Step::Submit(Wish::Sealed(_))
                if !self.budget.try_take(&session.phone(), (self.clock)()) =>
            {
                if let Some(Step::Close(text)) = self.unproven(session) {
                    self.say(session, Reply::End(text));
                }
            }
            Step::Submit(wish) => {
                if let Some(submitting) = self.submit(session, wish) {
                    under_way.spawn(submitting);
                }
            }
            Step::Show(page) => self.say(session, Reply::GoesOn(page)),
            Step::Close(text) => {
                let last = self.at(session, |seat, guide| seat.dialogue.closing(&text, guide));
                match last {
                    Some(Step::Show(page)) => self.say(session, Reply::GoesOn(page)),
                    Some(Step::Close(page)) => self.say(session, Reply::End(page)),
                    Some(Step::Look(_) | Step::Submit(_)) | None => {}
                }
            }
        }
    }

    fn say(&mut self, session: SessionId, reply: Reply) {
        let step = match (&reply, self.carrier.seat(session)) {
            (Reply::GoesOn(_), Some(seat)) => seat.dialogue.step_name(),
            (Reply::End(_), Some(_)) => "closing",
            (_, None) => return,
        };
        let now = (self.clock)();
        if matches!(reply, Reply::End(_)) {
            self.asked(session, Asked::Done);
        }
        match self.carrier.reply(session, reply, now) {
            Ok(()) => {
                self.counts.said(step);
                if !C::ACKNOWLEDGED {
                    self.asked(session, Asked::Done);
                }
            }
            Err(error) => tracing::warn!(phone = %session.phone(), step, %error, "not said"),
        }
    }

    /// Finds out whose phone it is that a merchant named.
    fn find_payer(&self, ask: Ask) -> impl Future<Output = Done> + Send + use<B, V, C> {
        let views = self.views.clone();
        async move {
            let line = views.line(ask.phone).await.ok().flatten();
            Done::Payer(ask, line.and_then(|line| line.imsi.parse().ok()))
        }
    }

    /// Begins a session with whom a merchant named as who pays; who can't be asked so gets a text.
    fn ask(&mut self, ask: Ask, imsi: Option<Imsi>) -> Option<(SessionId, Step)> {
        let Ask { phone, pon, reply } = ask;
        let callee = Callee {
            phone,
            imsi,
            service: self.terms.results_from.clone(),
        };
        let now = (self.clock)();
        let stands = self.look_at_carrier();
        let Some(session) = stands
            .then(|| self.carrier.ask(&callee, now).ok())
            .flatten()
        else {
            reply.send(Asked::ByText).ok();
            return None;
        };
        self.counts.asked();
        let step = self.at(session, |seat, _| {
            seat.asking = Some(reply);
            seat.code = "asked".into();
            seat.dialogue.asked(pon)
        });
        step.map(|step| (session, step))
    }

    /// What is said to whoever sends what no card made: nothing of why.
    fn unproven(&mut self, session: SessionId) -> Option<Step> {
        self.at(session, |seat, guide| {
            let language = seat.dialogue.language(guide.menu);
            Step::Close(guide.menu.text(language, "declined", &[]))
        })
    }

    fn asked(&mut self, session: SessionId, asked: Asked) {
        if let Some(seat) = self.carrier.seat(session) {
            seat.asked(asked);
        }
    }

    fn look(
        &self,
        session: SessionId,
        question: Question,
    ) -> impl Future<Output = Done> + Send + use<B, V, C> {
        let (views, context) = (self.views.clone(), Arc::clone(&self.context));
        let now = (self.clock)();
        async move {
            let found = look(&views, session.phone(), question, now, &context).await;
            Done::Found(session, found)
        }
    }

    fn submit(
        &mut self,
        session: SessionId,
        wish: Wish,
    ) -> Option<impl Future<Output = Done> + Send + use<B, V, C>> {
        let chance = self.chance.next_u32();
        let now = (self.clock)();
        let seat = self.carrier.seat(session)?;
        let repeat_ms = match seat.named {
            Some(_) => self.terms.session_ms,
            None => self.terms.repeat_ms,
        };
        let room_since = self.reach.repeat_since(now, self.terms.plain_repeat_ms);
        let repeat_since = self.reach.repeat_since(now, repeat_ms);
        let received: Bytes = seat.evidence(&wish).into();
        let content = Content::Ussd(Box::new(seat.wish(&wish, room_since)));
        let arrival = Arrival {
            smsc: Arc::clone(&self.terms.results_by),
            trusted: self.origin.trusted,
            sender: Some(session.phone()),
            service: Arc::clone(&self.terms.results_from),
            content,
            received,
            repeat_since,
            refused_since: repeat_since,
            chance,
        };
        let (books, metrics) = (self.books.clone(), self.metrics.clone());
        let (elapsed_us, take_within) = (Arc::clone(&self.elapsed_us), self.terms.take_within);
        let began_us = elapsed_us();
        Some(async move {
            let result = books.submit_within(Member::Arrival(arrival), take_within);
            let result = result.await;
            let took_us = elapsed_us().saturating_sub(began_us);
            metrics.took(purchases::Stage::Committed, took_us);
            if let Ok(Outcome::Arrived { end, .. }) = &result {
                let channel = match wish {
                    Wish::Sealed(_) => Channel::Secured,
                    Wish::Order { .. } | Wish::Language(_) | Wish::Pin { .. } => Channel::Ussd,
                };
                metrics.arrived(channel, *end);
            }
            Done::Decided(session, wish, result)
        })
    }

    /// What the books said of an order.
    fn said(&self, outcome: Outcome) -> Option<Step> {
        match outcome {
            Outcome::Arrived { said, .. } => {
                let said = said.map(|said| said.as_ref().to_owned());
                said.map(Step::Close)
            }
            other @ (Outcome::Ordered { .. }
            | Outcome::Ack(_)
            | Outcome::Done
            | Outcome::AlreadyDone
            | Outcome::Imported { .. }
            | Outcome::Batch(_)
            | Outcome::Bills(_)
            | Outcome::Commanded(_)
            | Outcome::Refused(_)) => {
                tracing::error!(?other, "an order by USSD was decided as something else");
                let fallback = self.menu.fallback();
                Some(Step::Close(self.menu.text(fallback, "unsure", &[])))
            }
        }
    }

    fn failed(&mut self, session: SessionId, error: &StoreError) -> Option<Step> {
        let key = match error {
            StoreError::Busy
            | StoreError::Keyless(_)
            | StoreError::Unavailable(_)
            | StoreError::Corrupt(_) => "busy",
            StoreError::Unknown => "unsure",
        };
        self.at(session, |seat, guide| {
            let language = seat.dialogue.language(guide.menu);
            Step::Close(guide.menu.text(language, key, &[]))
        })
    }

    /// Does the next step of an open session; none when it is over.
    fn at(
        &mut self,
        session: SessionId,
        step: impl FnOnce(&mut Seat, &Guide<'_>) -> Step,
    ) -> Option<Step> {
        let guide = Guide {
            menu: &self.menu,
            texts: &self.context.texts,
            form: self.terms.form,
            service: &self.terms.service_code,
        };
        let seat = self.carrier.seat(session)?;
        Some(step(seat, &guide))
    }
}

/// The next of whom to ask; never, where nobody is.
async fn next_ask(asks: &mut Option<mpsc::Receiver<Ask>>) -> Option<Ask> {
    match asks {
        Some(asks) => asks.recv().await,
        None => None,
    }
}

/// Questions that wait for the desk; the outbox keeps the others.
const ASKS_MAX: usize = 64;
/// When the carrier is looked at, and time-outs are seen at the latest.
const LOOK_EVERY: Duration = Duration::from_millis(500);
