//! Keys of SIMs that a batch needed and that were not at hand.

use std::collections::{BTreeMap, BTreeSet};

use crate::auth::sealed_keys::KeyPlace;

/// Which member of the batch needed which keys. Where there is any, nothing of the batch is stored:
/// these members wait for their keys, and the others are decided without them.
#[derive(Debug, Default)]
pub struct MissedKeys {
    /// The place in the batch of the member that is looked at.
    pub member: usize,
    /// Members that are decided without keys: where these are away, what needs them is left out.
    pub without: BTreeSet<usize>,
    by_member: MissedBy,
}

/// The places of keys, by the place of their member in the batch.
pub type MissedBy = BTreeMap<usize, BTreeSet<KeyPlace>>;

impl MissedKeys {
    /// The member that is looked at needs the keys of this place.
    pub fn note(&mut self, place: KeyPlace) {
        if self.without.contains(&self.member) {
            return;
        }
        self.by_member.entry(self.member).or_default().insert(place);
    }

    /// Who needs what; none when all keys were at hand.
    pub fn take(&mut self) -> Option<MissedBy> {
        (!self.by_member.is_empty()).then(|| std::mem::take(&mut self.by_member))
    }
}
