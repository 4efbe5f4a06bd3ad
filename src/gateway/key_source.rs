//! Where the keys of SIMs come from: a master that this process holds, or one that never leaves its
//! token.
//!
//! ```text
//! master file ─► derive ──────────────────────────────► keys, at once
//! token ─► bring (outside of any decision) ─► keyring ─► keys at hand, or none yet
//! ```
//! A decision never waits for a token. It looks whether keys are at hand, and where they are not it
//! is undone, whoever asked for it waits until they were brought, and then it is made.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::auth::named_keys::NamedKeys;
use crate::auth::sealed_keys::KeyPlace;
use crate::auth::sim_keys::{Master, SimKeys, derive};

/// The keys of SIMs and those that were derived once at the start; a clone is the same source.
#[derive(Clone)]
pub struct KeySource {
    named: Arc<NamedKeys>,
    sims: SimSource,
}

#[derive(Clone)]
enum SimSource {
    Master(Arc<Master>),
    Ring(Arc<dyn Keyring>),
}

/// Keys of SIMs that a token gave, held for a while: the I/O side fills it.
pub trait Keyring: Send + Sync {
    /// The keys of a place, if they are at hand. It never waits.
    fn at_hand(&self, place: &KeyPlace) -> Option<SimKeys>;

    /// Has the keys of these places brought, both directions of each: they are at hand when it
    /// completes well. It completes in a bounded time.
    fn bring(&self, places: Vec<KeyPlace>) -> Bringing;
}

/// What [`Keyring::bring`] promises.
pub type Bringing = Pin<Box<dyn Future<Output = Result<(), KeysAway>> + Send>>;

/// The token does not give keys now; it may later. The reason holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeysAway(pub String);

impl KeySource {
    /// A source whose SIM keys are on a ring.
    #[must_use]
    pub fn of_ring(named: Arc<NamedKeys>, ring: Arc<dyn Keyring>) -> Self {
        let sims = SimSource::Ring(ring);
        Self { named, sims }
    }

    /// The keys that are no SIM's.
    #[must_use]
    pub fn named(&self) -> &NamedKeys {
        &self.named
    }

    /// The keys of a SIM; none when they have to be brought first.
    #[must_use]
    pub fn sim_keys(&self, place: &KeyPlace) -> Option<SimKeys> {
        match &self.sims {
            SimSource::Master(master) => {
                Some(derive(master, &place.iccid, place.version, place.direction))
            }
            SimSource::Ring(ring) => ring.at_hand(place),
        }
    }

    /// Has keys brought that were not at hand.
    ///
    /// # Errors
    ///
    /// [`KeysAway`]: the token does not give them now.
    pub async fn bring(&self, places: Vec<KeyPlace>) -> Result<(), KeysAway> {
        match &self.sims {
            SimSource::Master(_) => Ok(()),
            SimSource::Ring(ring) => ring.bring(places).await,
        }
    }
}

impl From<Arc<Master>> for KeySource {
    fn from(master: Arc<Master>) -> Self {
        Self {
            named: Arc::clone(master.named()),
            sims: SimSource::Master(master),
        }
    }
}
