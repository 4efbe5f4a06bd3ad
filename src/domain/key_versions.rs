//! The versions of a card's keys: the one in use, the one that was sent to replace it, and the one
//! before, which is good for what is still under way.
//!
//! ```text
//! rotate ─► pending: sent, sent again ──── first good packet under it ────► in use
//!           in use ───────────────────────────────────────────────────────► older ─► expired
//! ```
//! Each version has its own counters each way: a packet is new once under the keys that it was made
//! with. References of orders go on under all of them.

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::epoch::BooksEpoch;
use crate::domain::ids::PurchaseId;
use crate::domain::subscriber::{FromSim, Line, mt_with_forgotten};

/// How far the counters of one version of a card's keys went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCounters {
    /// The last authentic packet from the SIM.
    pub from_sim: FromSim,
    /// The last counter used towards the SIM.
    pub mt_counter: u64,
}

/// Keys that were sent to a card, which has used none of them yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingKeys {
    /// Their version, above that in use.
    pub version: u8,
    /// Imported keys, sealed under the master key; none when they are derived.
    pub sealed: Option<Arc<[u8]>>,
    /// When they were first sent.
    pub since: Millis,
    /// How often they were sent.
    pub times: u8,
    /// When they are sent again; none once that was done often enough.
    pub due: Option<Millis>,
    /// Nothing, unless books that were restored may have forgotten something.
    pub counters: KeyCounters,
}

/// Keys that a card used before those of today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderKeys {
    /// Their version.
    pub version: u8,
    /// Imported keys, sealed under the master key; none when they are derived.
    pub sealed: Option<Arc<[u8]>>,
    /// Until when orders under them are taken.
    pub until: Millis,
    /// What came under them, and went.
    pub counters: KeyCounters,
}

/// A version of a card's keys, with the keys when they were imported: sealed under the master key.
pub type KeyVersion = (u8, Option<Arc<[u8]>>);

impl Line {
    /// The version in use.
    #[must_use]
    pub fn keys_in_use(&self) -> KeyVersion {
        (self.key_version, self.sealed_keys.clone())
    }

    /// The last authentic packet under keys of this version; none when none such is heard.
    #[must_use]
    pub fn heard_under(&self, version: u8) -> Option<FromSim> {
        if version == self.key_version {
            return Some(self.from_sim);
        }
        let older = self.older.as_ref();
        let older = older.filter(|older| older.version == version);
        older.map(|older| older.counters.from_sim)
    }

    /// Keeps what was heard under keys of this version. True when more of the row than what an order
    /// touches has changed.
    pub fn hear_under(&mut self, version: u8, heard: FromSim) -> bool {
        if version == self.key_version {
            self.from_sim = heard;
            return false;
        }
        let older = self.older.as_mut();
        if let Some(older) = older.filter(|older| older.version == version) {
            older.counters.from_sim = heard;
            return true;
        }
        false
    }

    /// The card has used the pending keys: they are those in use from now on, and those of before
    /// are heard `until` then. Nothing happens without pending keys of this version.
    pub fn cut_over(&mut self, version: u8, until: Millis) {
        let Some(pending) = self.pending.take_if(|pending| pending.version == version) else {
            return;
        };
        self.older = Some(OlderKeys {
            version: self.key_version,
            sealed: self.sealed_keys.take(),
            until,
            counters: self.counters(),
        });
        self.key_version = pending.version;
        self.sealed_keys = pending.sealed;
        self.from_sim = pending.counters.from_sim;
        self.mt_counter = pending.counters.mt_counter;
    }

    /// The counters of the keys in use.
    #[must_use]
    pub const fn counters(&self) -> KeyCounters {
        KeyCounters {
            from_sim: self.from_sim,
            mt_counter: self.mt_counter,
        }
    }
}

impl KeyCounters {
    /// Counters of keys that the books do not know to have been used. What came under them is new, once
    /// delivered files are read back; what a card heard is in no file, so that after a restore nothing
    /// is sent to it below what it may have heard.
    #[must_use]
    pub fn of_unknown(books: &BooksEpoch) -> Self {
        let counters = Self::default().with_forgotten(books.forgotten_of_unknown());
        Self {
            mt_counter: mt_with_forgotten(0, books.forgotten_since(0)),
            ..counters
        }
    }

    /// The same when the SIM may have sent `orders` more that are forgotten.
    #[must_use]
    pub fn with_forgotten(self, orders: u32) -> Self {
        Self {
            from_sim: self.from_sim.with_forgotten(orders),
            mt_counter: mt_with_forgotten(self.mt_counter, orders),
        }
    }

    /// The farther of both, each way. A counter never falls.
    #[must_use]
    pub fn farther(self, other: Self) -> Self {
        Self {
            from_sim: if other.from_sim.counter >= self.from_sim.counter {
                other.from_sim
            } else {
                self.from_sim
            },
            mt_counter: self.mt_counter.max(other.mt_counter),
        }
    }

    /// As octets: MO counter 8, digest 8 (zeros before the first), purchase 8 (0: none), MT
    /// counter 8.
    #[must_use]
    pub fn to_octets(self) -> [u8; Self::OCTETS] {
        let purchase = self.from_sim.purchase.map_or(0, |id| id.0);
        let numbers = [
            self.from_sim.counter.to_be_bytes(),
            self.from_sim.digest.unwrap_or_default(),
            purchase.to_be_bytes(),
            self.mt_counter.to_be_bytes(),
        ];
        let mut octets = [0; Self::OCTETS];
        for (place, number) in octets.as_chunks_mut().0.iter_mut().zip(numbers) {
            *place = number;
        }
        octets
    }

    /// Reads what [`Self::to_octets`] wrote.
    #[must_use]
    pub fn from_octets(octets: &[u8; Self::OCTETS]) -> Option<Self> {
        let &[counter, digest, purchase, mt_counter] = octets.as_chunks::<8>().0 else {
            return None;
        };
        let counter = u64::from_be_bytes(counter);
        let purchase = i64::from_be_bytes(purchase);
        Some(Self {
            from_sim: FromSim {
                counter,
                // A SIM's first packet has counter 1: at 0 none was heard. Zeros: it is forgotten.
                digest: (digest != [0; 8]).then_some(digest),
                purchase: (purchase != 0).then_some(PurchaseId(purchase)),
            },
            mt_counter: u64::from_be_bytes(mt_counter),
        })
    }

    /// How many octets counters are.
    pub const OCTETS: usize = 32;
}

impl PendingKeys {
    /// Which version.
    #[must_use]
    pub fn keys(&self) -> KeyVersion {
        (self.version, self.sealed.clone())
    }

    /// As octets, all but when they are due: version 1, since 8, times 1, counters 32, sealed keys.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = vec![self.version];
        octets.extend(self.since.0.to_be_bytes());
        octets.push(self.times);
        octets.extend(self.counters.to_octets());
        octets.extend(self.sealed.iter().flat_map(|sealed| sealed.iter()));
        octets
    }

    /// Reads what [`Self::to_octets`] wrote; `None` when it is not that.
    #[must_use]
    pub fn from_octets(octets: &[u8], due: Option<Millis>) -> Option<Self> {
        let (&[version], rest) = octets.split_first_chunk()?;
        let (since, rest) = rest.split_first_chunk()?;
        let (&[times], rest) = rest.split_first_chunk()?;
        let (counters, sealed) = rest.split_first_chunk()?;
        Some(Self {
            version,
            sealed: (!sealed.is_empty()).then(|| sealed.into()),
            since: Millis(i64::from_be_bytes(*since)),
            times,
            due,
            counters: KeyCounters::from_octets(counters)?,
        })
    }
}

impl OlderKeys {
    /// Which version.
    #[must_use]
    pub fn keys(&self) -> KeyVersion {
        (self.version, self.sealed.clone())
    }

    /// As octets: version 1, until 8, counters 32, sealed keys.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = vec![self.version];
        octets.extend(self.until.0.to_be_bytes());
        octets.extend(self.counters.to_octets());
        octets.extend(self.sealed.iter().flat_map(|sealed| sealed.iter()));
        octets
    }

    /// Reads what [`Self::to_octets`] wrote; `None` when it is not that.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (&[version], rest) = octets.split_first_chunk()?;
        let (until, rest) = rest.split_first_chunk()?;
        let (counters, sealed) = rest.split_first_chunk()?;
        Some(Self {
            version,
            sealed: (!sealed.is_empty()).then(|| sealed.into()),
            until: Millis(i64::from_be_bytes(*until)),
            counters: KeyCounters::from_octets(counters)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(counter: u64, mt_counter: u64) -> KeyCounters {
        KeyCounters {
            from_sim: FromSim {
                counter,
                digest: (counter > 0).then_some([3; 8]),
                purchase: (counter > 0).then_some(PurchaseId(7)),
            },
            mt_counter,
        }
    }

    #[test]
    fn pending_and_older_keys_come_back_from_their_octets() {
        for sealed in [None, Some(Arc::from([5, 6, 7]))] {
            let due = Some(Millis(9));
            let pending = PendingKeys {
                version: 2,
                sealed: sealed.clone(),
                since: Millis(8),
                times: 3,
                due,
                counters: counters(0, 0),
            };
            let octets = pending.to_octets();
            assert_eq!(PendingKeys::from_octets(&octets, due), Some(pending));
            assert_eq!(PendingKeys::from_octets(&octets[..41], due), None);
            let older = OlderKeys {
                version: 255,
                sealed,
                until: Millis(-1),
                counters: counters(5, 7),
            };
            let octets = older.to_octets();
            assert_eq!(OlderKeys::from_octets(&octets), Some(older));
            assert_eq!(OlderKeys::from_octets(&octets[..40]), None);
        }
    }

    #[test]
    fn no_counter_falls_and_what_is_forgotten_has_no_digest() {
        let farther = counters(5, 1).farther(counters(4, 9));
        assert_eq!(farther, counters(5, 9));
        let forgotten = counters(5, 7).with_forgotten(20);
        assert_eq!(forgotten.from_sim.counter, 25);
        let read = KeyCounters::from_octets(&forgotten.to_octets());
        assert_eq!(read, Some(forgotten));
    }
}
