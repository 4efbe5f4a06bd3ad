//! Members that wait for their SIM's keys, beside the writer: nobody else waits for a token.
//!
//! ```text
//! writer: decide ─► keys are not at hand: nothing is stored ─► parked ─► bring ─► to the writer again
//!            └► the rest of the batch is decided at once                  └► not to be had: told so
//! ```
//! What the same sender sends meanwhile waits behind, undecided: a later counter that was heard first
//! would refuse the earlier one for good. Who waits may be withdrawn by its caller, as in the queue.
//! What a terminal reports, and a deadline, moves money whether or not a notice can be sealed: where
//! the keys for that are not to be had, it is decided without them.

use std::collections::{BTreeSet, HashMap, VecDeque};

use tokio::sync::mpsc;

use crate::auth::sealed_keys::KeyPlace;
use crate::domain::msisdn::Msisdn;
use crate::gateway::books::StoreError;
use crate::gateway::key_source::KeySource;
use crate::gateway::member::Member;
use crate::gateway::world::MissedBy;
use crate::store::{KEYS_LATE, QUEUE_MAX, Waiting};

/// The writer's end: parks who has no keys, and takes back who has.
pub(super) struct Keyless {
    park: mpsc::Sender<Parked>,
    back: mpsc::Receiver<Back>,
    /// Senders one of whose arrivals is parked, and what of theirs waits behind it.
    senders: HashMap<Msisdn, VecDeque<Waiting>>,
    /// How many wait behind others.
    behind: usize,
    /// Reports of terminals that are parked.
    reports: usize,
}

/// Brings keys for as long as there is a writer.
pub(super) struct Bringer {
    source: KeySource,
    parked: mpsc::Receiver<Parked>,
    back: mpsc::Sender<Back>,
}

struct Parked {
    waiting: Waiting,
    places: BTreeSet<KeyPlace>,
}

/// Somebody who was parked, and why the keys are away if they are.
pub(super) struct Back {
    waiting: Waiting,
    away: Option<String>,
}

impl Keyless {
    /// Both ends for the keys of `source`.
    pub(super) fn open(source: KeySource) -> (Self, Bringer) {
        let (park, parked) = mpsc::channel(QUEUE_MAX);
        let (to_writer, back) = mpsc::channel(QUEUE_MAX);
        let bringer = Bringer {
            source,
            parked,
            back: to_writer,
        };
        let keyless = Self {
            park,
            back,
            senders: HashMap::new(),
            behind: 0,
            reports: 0,
        };
        (keyless, bringer)
    }

    /// The next who comes back; never, once the bringer is gone.
    pub(super) async fn next(&mut self) -> Back {
        match self.back.recv().await {
            Some(back) => back,
            None => std::future::pending().await,
        }
    }

    /// Another who comes back, if there is one.
    pub(super) fn try_next(&mut self) -> Option<Back> {
        self.back.try_recv().ok()
    }

    /// Takes somebody back into `taken`, with those behind; or tells that there are no keys.
    pub(super) fn admit(&mut self, back: Back, taken: &mut Vec<Waiting>) {
        let Back { mut waiting, away } = back;
        if matches!(waiting.member, Member::TerminalAct(_)) {
            self.reports = self.reports.saturating_sub(1);
        }
        let behind = sender(&waiting).and_then(|sender| self.senders.remove(&sender));
        match away {
            None => taken.push(waiting),
            Some(_) if stands_without(&waiting.member) => {
                waiting.without_keys = true;
                taken.push(waiting);
            }
            Some(why) => refuse(waiting, StoreError::Keyless(why)),
        }
        if let Some(behind) = behind {
            self.behind = self.behind.saturating_sub(behind.len());
            taken.extend(behind);
        }
    }

    /// Takes those out of `taken` that have to wait for somebody who is parked.
    pub(super) fn hold(&mut self, taken: &mut Vec<Waiting>) {
        if !self.senders.is_empty() {
            for waiting in std::mem::take(taken) {
                if let Some(waiting) = self.not_behind(waiting) {
                    taken.push(waiting);
                }
            }
        }
        self.hold_deadlines(taken);
    }

    /// Takes those who missed keys out of `taken`, and those behind them.
    pub(super) fn park(&mut self, taken: &mut Vec<Waiting>, mut missed: MissedBy) {
        for (at, waiting) in std::mem::take(taken).into_iter().enumerate() {
            let Some(waiting) = self.not_behind(waiting) else {
                continue;
            };
            match missed.remove(&at) {
                None => taken.push(waiting),
                Some(places) => taken.extend(self.park_one(waiting, places)),
            }
        }
        self.hold_deadlines(taken);
    }

    /// Parks one, or tells that it can't be; gives it back when it is to be decided without keys.
    fn park_one(&mut self, mut waiting: Waiting, places: BTreeSet<KeyPlace>) -> Option<Waiting> {
        let again = waiting.parked >= PARKED_MAX;
        if again || !waiting.park() {
            if stands_without(&waiting.member) {
                waiting.without_keys = true;
                return Some(waiting);
            }
            let why = if again { FORGOTTEN } else { KEYS_LATE };
            refuse(waiting, StoreError::Keyless(why.to_owned()));
            return None;
        }
        waiting.parked = waiting.parked.saturating_add(1);
        let (sender, is_report) = (
            sender(&waiting),
            matches!(waiting.member, Member::TerminalAct(_)),
        );
        if let Err(refused) = self.park.try_send(Parked { waiting, places }) {
            refuse(refused.into_inner().waiting, StoreError::Busy);
            return None;
        }
        if let Some(sender) = sender {
            self.senders.insert(sender, VecDeque::new());
        }
        if is_report {
            self.reports = self.reports.saturating_add(1);
        }
        None
    }

    /// Gives back who has to wait for nobody of the same sender.
    fn not_behind(&mut self, mut waiting: Waiting) -> Option<Waiting> {
        let sender = sender(&waiting);
        let Some(behind) = sender.and_then(|sender| self.senders.get_mut(&sender)) else {
            return Some(waiting);
        };
        if behind.len() >= BEHIND_ONE_MAX || self.behind >= QUEUE_MAX {
            refuse(waiting, StoreError::Busy);
        } else if waiting.park() {
            waiting.parked = waiting.parked.max(1);
            behind.push_back(waiting);
            self.behind = self.behind.saturating_add(1);
        } else {
            refuse(waiting, StoreError::Keyless(KEYS_LATE.to_owned()));
        }
        None
    }

    /// A report that waits for keys may be of the purchase whose time is over: that comes again.
    fn hold_deadlines(&self, taken: &mut Vec<Waiting>) {
        if self.reports == 0 {
            return;
        }
        let is_deadline = |waiting: &mut Waiting| matches!(waiting.member, Member::Deadline { .. });
        for waiting in taken.extract_if(.., is_deadline) {
            refuse(waiting, StoreError::Busy);
        }
    }
}

impl Bringer {
    /// Brings keys until the writer is gone.
    pub(super) async fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while self.parked.recv_many(&mut group, GROUP_MAX).await > 0 {
            let places: BTreeSet<KeyPlace> = group
                .iter()
                .filter(|parked: &&Parked| !parked.waiting.is_withdrawn())
                .flat_map(|parked| parked.places.iter().copied())
                .collect();
            let brought = if places.is_empty() {
                Ok(())
            } else {
                self.source.bring(places.into_iter().collect()).await
            };
            for Parked { waiting, places } in group.drain(..) {
                let at_hand = |place: &KeyPlace| self.source.sim_keys(place).is_some();
                let away = match &brought {
                    Err(away) if !places.iter().all(at_hand) => Some(away.to_string()),
                    Ok(()) | Err(_) => None,
                };
                if self.back.send(Back { waiting, away }).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Whose later members may not overtake this one.
fn sender(waiting: &Waiting) -> Option<Msisdn> {
    let Member::Arrival(arrival) = &waiting.member else {
        return None;
    };
    arrival.sender
}

/// Whether all that a member needs keys for is to tell a card what became of its money.
const fn stands_without(member: &Member) -> bool {
    matches!(member, Member::TerminalAct(_) | Member::Deadline { .. })
}

fn refuse(waiting: Waiting, error: StoreError) {
    // Who no longer waits will ask again.
    let _ = waiting.answer.send(Err(error));
}

/// Members that wait for one answer of the token: at 2 ms a key they wait half a second.
const GROUP_MAX: usize = 64;
/// How often one member may find its keys gone again.
const PARKED_MAX: u8 = 3;
/// What of one sender may wait behind what is parked of him: more than a phone sends in that time.
const BEHIND_ONE_MAX: usize = 16;
const FORGOTTEN: &str = "they are forgotten before they are used: raise [keys.token] cache_sims";
