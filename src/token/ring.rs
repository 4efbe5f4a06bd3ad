//! Keys of SIMs that the token gave: bounded, forgotten after a while, wiped where they lie.
//!
//! ```text
//!           oldest ─────────────► newest        a card's four keys lie in one place until they are
//! slots  │ .. │ card │ card │ card │ .. │       wiped there: they are never moved, and the room for
//!                                               all of them is had at the start
//! ```
//! Keys live for a fixed time since they were brought, however often they are used, so that the
//! oldest are always the next to go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::{Zeroize, Zeroizing};

use crate::auth::aes_key::AesKey;
use crate::auth::iccid::Iccid;
use crate::auth::sealed_keys::KeyPlace;
use crate::auth::sim_keys::{Direction, SimKeys};

/// A card and the version of its keys.
pub(super) type Card = (Iccid, u8);

/// `KIc` and KID of orders, `KIc` and KID of confirmations.
pub(super) type CardKeys = Zeroizing<[[u8; 16]; 4]>;

/// The keys at hand.
pub(super) struct Ring {
    held: Mutex<Held>,
    cards_max: usize,
    lifetime_us: u64,
    elapsed_us: Arc<dyn Fn() -> u64 + Send + Sync>,
}

struct Held {
    places: HashMap<Card, usize>,
    slots: Vec<Slot>,
    oldest: usize,
    /// How many from the oldest on were wiped already.
    wiped: usize,
}

struct Slot {
    card: Card,
    until_us: u64,
    keys: CardKeys,
}

impl Ring {
    /// A ring for so many cards, at least one.
    pub(super) fn new(
        cards_max: usize,
        lifetime_us: u64,
        elapsed_us: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Self {
        let cards_max = cards_max.max(1);
        let held = Held {
            places: HashMap::with_capacity(cards_max),
            slots: Vec::with_capacity(cards_max),
            oldest: 0,
            wiped: 0,
        };
        Self {
            held: Mutex::new(held),
            cards_max,
            lifetime_us,
            elapsed_us,
        }
    }

    /// The keys of a place, if they are here.
    pub(super) fn at_hand(&self, place: &KeyPlace) -> Option<SimKeys> {
        let held = self.held();
        let at = held.places.get(&(place.iccid, place.version))?;
        let slot = held.slots.get(*at)?;
        if slot.until_us <= (self.elapsed_us)() {
            return None;
        }
        let [mo_kic, mo_kid, mt_kic, mt_kid] = *slot.keys;
        let (kic, kid) = match place.direction {
            Direction::Mo => (mo_kic, mo_kid),
            Direction::Mt => (mt_kic, mt_kid),
        };
        Some(SimKeys {
            kic: AesKey::Aes128(kic),
            kid: AesKey::Aes128(kid),
        })
    }

    /// Whether the keys of a card are here, for as long again as anything takes that needs them.
    pub(super) fn has(&self, card: &Card) -> bool {
        let held = self.held();
        let slot = held.places.get(card).and_then(|at| held.slots.get(*at));
        let soon_us = (self.elapsed_us)().saturating_add(SOON_US);
        slot.is_some_and(|slot| slot.until_us > soon_us)
    }

    /// Keeps the keys of a card; for room the oldest are forgotten.
    pub(super) fn keep(&self, card: Card, keys: &CardKeys) {
        let until_us = (self.elapsed_us)().saturating_add(self.lifetime_us);
        let mut held = self.held();
        if let Some(at) = held.places.get(&card).copied() {
            // About to expire: as good as gone.
            if let Some(slot) = held.slots.get_mut(at) {
                slot.keys.zeroize();
            }
            held.places.remove(&card);
        }
        let room = held.slots.len() < self.cards_max;
        let at = if room {
            held.slots.len()
        } else {
            let at = held.oldest;
            held.forget(at);
            held.oldest = at
                .saturating_add(1)
                .checked_rem(self.cards_max)
                .unwrap_or(0);
            held.wiped = held.wiped.saturating_sub(1);
            at
        };
        if room {
            let keys = Zeroizing::new([[0; 16]; 4]);
            held.slots.push(Slot {
                card,
                until_us: 0,
                keys,
            });
        }
        if let Some(slot) = held.slots.get_mut(at) {
            slot.card = card;
            slot.until_us = until_us;
            *slot.keys = **keys;
        }
        held.places.insert(card, at);
    }

    /// Wipes what is too old: from the oldest on, until one is still good.
    pub(super) fn forget_old(&self) {
        let now_us = (self.elapsed_us)();
        let mut held = self.held();
        while let Some(at) = held.oldest_good() {
            let is_good = |slot: &Slot| slot.until_us > now_us;
            if held.slots.get(at).is_none_or(is_good) {
                return;
            }
            held.forget(at);
            held.wiped = held.wiped.saturating_add(1);
        }
    }

    /// How many cards' keys are here.
    pub(super) fn cards(&self) -> usize {
        self.held().places.len()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The oldest slot that was not wiped; the oldest is the first until the ring is full.
    fn oldest_good(&self) -> Option<usize> {
        let slots = self.slots.len();
        if self.wiped >= slots {
            return None;
        }
        self.oldest.saturating_add(self.wiped).checked_rem(slots)
    }

    fn forget(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else {
            return;
        };
        slot.keys.zeroize();
        slot.until_us = 0;
        // The card may have come again, into another slot.
        if self.places.get(&slot.card) == Some(&at) {
            self.places.remove(&slot.card);
        }
    }
}

/// Keys that live less long than this are brought anew, so that they do not go away in a decision.
const SOON_US: u64 = 100_000;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn card(number: u32, version: u8) -> Card {
        let body = format!("894902{number:012}");
        let text = (0..10).map(|last| format!("{body}{last}"));
        (
            text.into_iter().find_map(|text| text.parse().ok()).unwrap(),
            version,
        )
    }

    fn place((iccid, version): Card, direction: Direction) -> KeyPlace {
        KeyPlace {
            iccid,
            direction,
            version,
        }
    }

    fn ring(cards_max: usize, lifetime_us: u64) -> (Ring, Arc<AtomicU64>) {
        let clock = Arc::new(AtomicU64::new(1));
        let reads = Arc::clone(&clock);
        let elapsed = Arc::new(move || reads.load(Ordering::Relaxed));
        (Ring::new(cards_max, lifetime_us, elapsed), clock)
    }

    fn keys(octet: u8) -> CardKeys {
        Zeroizing::new(std::array::from_fn(|n| {
            [octet + u8::try_from(n).unwrap(); 16]
        }))
    }

    #[test]
    fn keys_are_at_hand_by_card_version_and_direction_until_they_are_too_old() {
        let (ring, clock) = ring(10, 1_000_000);
        ring.keep(card(1, 1), &keys(10));
        ring.keep(card(1, 2), &keys(20));
        let first = |place| {
            let keys = ring.at_hand(&place)?;
            Some((keys.kic.expose_octets()[0], keys.kid.expose_octets()[0]))
        };
        assert_eq!(first(place(card(1, 1), Direction::Mo)), Some((10, 11)));
        assert_eq!(first(place(card(1, 1), Direction::Mt)), Some((12, 13)));
        assert_eq!(first(place(card(1, 2), Direction::Mo)), Some((20, 21)));
        assert_eq!(first(place(card(2, 1), Direction::Mo)), None);
        assert!(ring.has(&card(1, 1)));
        clock.store(950_000, Ordering::Relaxed);
        assert!(!ring.has(&card(1, 1)), "soon gone");
        assert!(ring.at_hand(&place(card(1, 1), Direction::Mo)).is_some());
        clock.store(1_000_001, Ordering::Relaxed);
        assert!(ring.at_hand(&place(card(1, 1), Direction::Mo)).is_none());
        ring.forget_old();
        assert_eq!(ring.cards(), 0);
        assert!(
            ring.held()
                .slots
                .iter()
                .all(|slot| *slot.keys == [[0; 16]; 4])
        );
    }

    #[test]
    fn a_full_ring_wipes_its_oldest_and_never_grows() {
        let (ring, clock) = ring(3, 1_000_000);
        for number in 0..8 {
            clock.fetch_add(10, Ordering::Relaxed);
            ring.keep(card(number, 1), &keys(1));
            assert!(ring.cards() <= 3 && ring.held().slots.len() <= 3);
        }
        let held: Vec<bool> = (0..8).map(|number| ring.has(&card(number, 1))).collect();
        assert_eq!(held, [false, false, false, false, false, true, true, true]);
    }

    #[test]
    fn what_is_too_old_goes_from_the_oldest_on_and_nobody_looks_behind_one_that_is_good() {
        let (ring, clock) = ring(4, 1_000);
        for number in 0..6 {
            clock.store(u64::from(number) * 100, Ordering::Relaxed);
            ring.keep(card(number, 1), &keys(1));
        }
        // Cards 2 to 5 are held, the oldest in the third slot. Were the youngest too old, whoever
        // began with the oldest would not see it.
        let youngest = ring.held().places[&card(5, 1)];
        ring.held().slots[youngest].until_us = 1;
        clock.store(1_299, Ordering::Relaxed);
        ring.forget_old();
        assert_eq!((ring.cards(), ring.held().wiped), (3, 1));
        ring.keep(card(6, 1), &keys(1));
        assert_eq!((ring.cards(), ring.held().wiped), (4, 0));
        clock.store(9_000, Ordering::Relaxed);
        ring.forget_old();
        ring.forget_old();
        assert_eq!((ring.cards(), ring.held().wiped), (0, 4));
        let slots = &ring.held().slots;
        assert!(slots.iter().all(|slot| *slot.keys == [[0; 16]; 4]));
    }

    #[test]
    fn keys_that_are_brought_again_are_kept_once_and_for_their_whole_time() {
        let (ring, clock) = ring(3, 1_000_000);
        ring.keep(card(1, 1), &keys(10));
        clock.store(900_000, Ordering::Relaxed);
        ring.keep(card(1, 1), &keys(10));
        clock.store(1_500_000, Ordering::Relaxed);
        ring.forget_old();
        assert!(ring.has(&card(1, 1)));
        assert_eq!(ring.cards(), 1);
        for number in 2..4 {
            ring.keep(card(number, 1), &keys(20));
        }
        assert!(ring.has(&card(1, 1)), "what was wiped is the oldest slot");
    }
}
