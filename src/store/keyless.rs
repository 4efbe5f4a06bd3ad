//! Members that wait for their SIM's keys, beside the writer: nobody else waits for a token.
//!
//! ```text
//! writer: decide ─► keys are not at hand: nothing is stored ─► parked ─► bring ─► to the writer again
//!            └► the rest of the batch is decided at once                  └► not to be had: told so
//! ```
//! They come back in the order in which they were parked, so that two packets of one SIM stay in
//! order.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use crate::auth::sealed_keys::KeyPlace;
use crate::gateway::books::StoreError;
use crate::gateway::key_source::KeySource;
use crate::gateway::world::MissedBy;
use crate::store::{QUEUE_MAX, Waiting};

/// The writer's end: parks who has no keys, and takes back who has.
pub(super) struct Keyless {
    park: mpsc::Sender<Parked>,
    back: mpsc::Receiver<Waiting>,
}

/// Brings keys for as long as there is a writer.
pub(super) struct Bringer {
    source: KeySource,
    parked: mpsc::Receiver<Parked>,
    back: mpsc::Sender<Waiting>,
}

struct Parked {
    waiting: Waiting,
    places: BTreeSet<KeyPlace>,
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
        (Self { park, back }, bringer)
    }

    /// The next who has keys by now; never, once the bringer is gone.
    pub(super) async fn next(&mut self) -> Waiting {
        match self.back.recv().await {
            Some(waiting) => waiting,
            None => std::future::pending().await,
        }
    }

    /// Another who has keys by now, if there is one.
    pub(super) fn try_next(&mut self) -> Option<Waiting> {
        self.back.try_recv().ok()
    }

    /// Takes those who missed keys out of `taken`.
    pub(super) fn park(&self, taken: &mut Vec<Waiting>, mut missed: MissedBy) {
        let before = std::mem::take(taken);
        for (at, mut waiting) in before.into_iter().enumerate() {
            let Some(places) = missed.remove(&at) else {
                taken.push(waiting);
                continue;
            };
            if waiting.parked >= PARKED_MAX {
                let text = "they are forgotten before they are used: raise [keys.token] cache_sims";
                refuse(waiting, StoreError::Keyless(text.to_owned()));
                continue;
            }
            waiting.parked = waiting.parked.saturating_add(1);
            if let Err(refused) = self.park.try_send(Parked { waiting, places }) {
                refuse(refused.into_inner().waiting, StoreError::Busy);
            }
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
                .flat_map(|parked: &Parked| parked.places.iter().copied())
                .collect();
            let brought = self.source.bring(places.into_iter().collect()).await;
            for Parked { waiting, places } in group.drain(..) {
                let at_hand = |place: &KeyPlace| self.source.sim_keys(place).is_some();
                match &brought {
                    Err(away) if !places.iter().all(at_hand) => {
                        refuse(waiting, StoreError::Keyless(away.to_string()));
                    }
                    Ok(()) | Err(_) => {
                        if self.back.send(waiting).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    }
}

fn refuse(waiting: Waiting, error: StoreError) {
    // Who no longer waits will ask again.
    let _ = waiting.answer.send(Err(error));
}

/// Members that wait for one answer of the token: at 2 ms a key they wait half a second.
const GROUP_MAX: usize = 64;
/// How often one member may find its keys gone again.
const PARKED_MAX: u8 = 3;
