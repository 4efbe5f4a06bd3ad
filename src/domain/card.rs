//! What is kept of a card while no line holds it, and of the versions of its keys that are not in
//! use: one packet is paid once, wherever its card goes and whenever it returns.
//!
//! A line holds what an order needs of the card and the version of today. When either leaves, that
//! comes here; when it returns, it is taken up where it stood: keys that are used again go on with
//! their counters, and a reference that was used is known whichever account has the card.

use std::collections::BTreeMap;

use crate::domain::Millis;
use crate::domain::epoch::BooksEpoch;
use crate::domain::key_versions::{KeyCounters, PendingKeys};
use crate::domain::recent::Recent;
use crate::domain::subscriber::Line;

/// The past of one card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardPast {
    /// References of its orders, under whichever keys; no plain texts.
    references: Recent,
    /// By version of its keys.
    keys: BTreeMap<u8, KeyCounters>,
    /// Keys that were sent to it: it may have them, whoever has the card.
    pending: Option<PendingKeys>,
    /// The epoch of the books that all of it is of.
    epoch: u16,
}

impl CardPast {
    /// The past of a card that the books do not know.
    #[must_use]
    pub fn of_unknown(books: &BooksEpoch) -> Self {
        let mut past = Self {
            epoch: books.number,
            ..Self::default()
        };
        past.references.forget(books.forgotten_of_unknown());
        past
    }

    /// Takes the past into the epoch of the books, as [`Line::enter_epoch`] does for a line.
    pub fn enter_epoch(&mut self, books: &BooksEpoch) {
        let forgotten = books.forgotten_since(self.epoch);
        self.epoch = books.number;
        self.references.forget(forgotten);
        for keys in self.keys.values_mut() {
            *keys = keys.with_forgotten(forgotten);
        }
        if let Some(pending) = &mut self.pending {
            pending.counters = pending.counters.with_forgotten(forgotten);
        }
    }

    /// Keeps what `line` knows of its card, of the keys in use, and of those before and after them. A
    /// counter never falls.
    pub fn keep(&mut self, line: &Line) {
        self.references = line.recent.references_only();
        self.epoch = line.epoch;
        self.keep_keys(line.key_version, line.counters());
        if let Some(older) = &line.older {
            self.keep_keys(older.version, older.counters);
        }
        if let Some(pending) = &line.pending {
            self.keep_keys(pending.version, pending.counters);
        }
        self.pending.clone_from(&line.pending);
    }

    /// Keeps the counters of keys that a line has no place for any more.
    pub fn keep_keys(&mut self, version: u8, counters: KeyCounters) {
        let kept = self.keys.entry(version).or_default();
        *kept = kept.farther(counters);
    }

    /// The highest version of its keys that the card may know besides that of its line.
    #[must_use]
    pub fn newest(&self) -> u8 {
        let used = self.keys.keys().max().copied();
        let sent = self.pending.as_ref().map(|pending| pending.version);
        used.max(sent).unwrap_or_default()
    }

    /// The highest version of its keys that an order came under, with its counters.
    #[must_use]
    pub fn newest_heard(&self) -> Option<(u8, KeyCounters)> {
        let mut heard = self.keys.iter();
        let newest = heard.rfind(|(_, keys)| keys.from_sim.digest.is_some());
        newest.map(|(version, keys)| (*version, *keys))
    }

    /// Gives `line` what is known of this card, which it holds from now on, and of the line's
    /// version of its keys. Keys that were never used begin anew, or above what may have been sent
    /// under them and is forgotten; references go on.
    pub fn take_up(&self, line: &mut Line, books: &BooksEpoch) {
        let keys = self
            .keys
            .get(&line.key_version)
            .copied()
            .unwrap_or_else(|| KeyCounters::of_unknown(books));
        line.from_sim = keys.from_sim;
        line.mt_counter = keys.mt_counter;
        line.recent = line.recent.with_references_of(&self.references);
        line.epoch = books.number;
        line.older = None;
        // It may have what it was sent, and is sent it again at once.
        let pending = self.pending.as_ref();
        let pending = pending.filter(|pending| pending.version > line.key_version);
        line.pending = pending.cloned().map(|pending| PendingKeys {
            times: 0,
            due: Some(Millis::default()),
            ..pending
        });
    }

    /// The past as octets: epoch in two, length of the references in two, references, length of the
    /// pending keys in two, these, then 33 for each version of its keys: version 1, counters 32.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let references = self.references.to_octets();
        let pending = self.pending.as_ref().map(PendingKeys::to_octets);
        let mut octets = self.epoch.to_be_bytes().to_vec();
        for part in [references, pending.unwrap_or_default()] {
            let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
            octets.extend(length.to_be_bytes());
            octets.extend(part);
        }
        for (version, keys) in &self.keys {
            octets.push(*version);
            octets.extend(keys.to_octets());
        }
        octets
    }

    /// Reads what [`Self::to_octets`] wrote; `None` when it is not that.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (epoch, rest) = octets.split_first_chunk()?;
        let (references, rest) = part(rest)?;
        let (pending, rest) = part(rest)?;
        let (keys, []) = rest.as_chunks::<KEYS_OCTETS>() else {
            return None;
        };
        let read = |octets: &[u8; KEYS_OCTETS]| {
            let (&[version], counters) = octets.split_first_chunk()?;
            Some((version, KeyCounters::from_octets(counters.first_chunk()?)?))
        };
        let pending = match pending {
            [] => None,
            octets => Some(PendingKeys::from_octets(octets, None)?),
        };
        Some(Self {
            references: Recent::from_octets(references)?,
            keys: keys.iter().map(read).collect::<Option<_>>()?,
            pending,
            epoch: u16::from_be_bytes(*epoch),
        })
    }
}

/// Octets behind their length in two, and the rest.
fn part(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// Reads the IMSI of a card in a file: 3GPP TS 23.003 §2.2.
///
/// # Errors
///
/// What would be right.
pub fn imsi(text: &str) -> Result<&str, &'static str> {
    let fits = IMSI_DIGITS.contains(&text.len()) && is_digits(text);
    fits.then_some(text)
        .ok_or("an IMSI has 6 to 15 digits (3GPP TS 23.003 §2.2)")
}

/// Reads the version of a card's keys in a file.
///
/// # Errors
///
/// What would be right.
pub fn key_version(text: &str) -> Result<u8, &'static str> {
    let number = is_digits(text).then(|| text.parse::<u8>().ok()).flatten();
    number
        .filter(|version| *version > 0)
        .ok_or("a key version is 1 to 255")
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

const IMSI_DIGITS: std::ops::RangeInclusive<usize> = 6..=15;
const KEYS_OCTETS: usize = 1 + KeyCounters::OCTETS;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{PurchaseId, SubscriberId};
    use crate::domain::key_versions::OlderKeys;
    use crate::domain::money::MinorUnits;
    use crate::domain::recent::ByReference::{New, TooOld};
    use crate::domain::recent::Referenced;
    use crate::domain::subscriber::{FromSim, OpenBill, Standing};

    const FIRST: BooksEpoch = BooksEpoch {
        number: 0,
        files: 0,
        plain_from: Millis(0),
        margin: 0,
    };

    fn line(version: u8, counter: u64, mt_counter: u64, reference: u32) -> Line {
        let purchase = PurchaseId(7);
        let mut line = Line {
            subscriber: SubscriberId(1),
            reference: "A1".into(),
            msisdn: None,
            iccid: None,
            imsi: "".into(),
            language: "en".into(),
            class: "standard".into(),
            currency: "EUR".parse().unwrap(),
            credit_limit: MinorUnits::ZERO,
            own_limit: None,
            cap: MinorUnits::ZERO,
            standing: Standing::Active,
            start_code: None,
            changed: Millis(0),
            key_version: version,
            file_key_version: version,
            pending: None,
            older: None,
            profile: "standard".into(),
            sealed_keys: None,
            asked: None,
            pin: None,
            from_sim: FromSim {
                counter,
                digest: (counter > 0).then_some([version; 8]),
                purchase: (counter > 0).then_some(purchase),
            },
            mt_counter,
            recent: Recent::default(),
            owed_minor: 0,
            held: MinorUnits::ZERO,
            bill: OpenBill::default(),
            epoch: 0,
        };
        line.recent.remember_reference(Referenced {
            reference,
            digest: [1; 8],
            purchase,
        });
        line
    }

    #[test]
    fn each_version_of_the_keys_goes_on_and_references_go_on_under_all() {
        let mut past = CardPast::default();
        past.keep(&line(1, 5, 7, 3));
        let mut next = line(2, 0, 0, 9);
        past.take_up(&mut next, &FIRST);
        assert_eq!((next.from_sim, next.mt_counter), (FromSim::default(), 0));
        assert_eq!(next.recent, line(1, 5, 7, 3).recent);
        past.keep(&line(2, 1, 1, 4));
        let mut back = line(1, 0, 0, 9);
        past.take_up(&mut back, &FIRST);
        assert_eq!(back, line(1, 5, 7, 4));
    }

    #[test]
    fn after_a_restore_a_card_that_was_away_or_is_not_known_goes_on_above_what_may_be_forgotten() {
        let restored = BooksEpoch {
            number: 1,
            margin: 20,
            ..FIRST
        };
        let mut past = CardPast::default();
        past.keep(&line(1, 5, 7, 3));
        past.enter_epoch(&restored);
        past.enter_epoch(&restored);
        let mut back = line(1, 0, 0, 9);
        past.take_up(&mut back, &restored);
        assert_eq!((back.from_sim.counter, back.mt_counter), (25, 87));
        assert_eq!((back.from_sim.digest, back.epoch), (None, 1));
        assert_eq!(back.recent.by_reference(23, [1; 8]), TooOld);
        assert_eq!(back.recent.by_reference(24, [1; 8]), New);
        let mut new_keys = line(2, 0, 0, 9);
        past.take_up(&mut new_keys, &restored);
        assert_eq!(new_keys.from_sim.counter, 20, "they may have been in use");
        let mut stranger = line(1, 0, 0, 9);
        CardPast::of_unknown(&restored).take_up(&mut stranger, &restored);
        assert_eq!(stranger.from_sim.counter, 20);
        assert_eq!(stranger.recent.by_reference(20, [1; 8]), TooOld);
        // Once the files are read back, what comes is new.
        let read_back = BooksEpoch {
            files: 1,
            ..restored
        };
        past.take_up(&mut new_keys, &read_back);
        assert_eq!(new_keys.from_sim.counter, 0);
        // What the card heard under them is in no file.
        assert_eq!(new_keys.mt_counter, 80);
    }

    #[test]
    fn no_counter_falls() {
        let mut past = CardPast::default();
        past.keep(&line(1, 5, 7, 3));
        past.keep(&line(1, 4, 6, 3));
        let mut back = line(1, 0, 0, 3);
        past.take_up(&mut back, &FIRST);
        assert_eq!(back, line(1, 5, 7, 3));
    }

    /// What was sent to a card stays sent wherever the card goes, and what it used before is known.
    #[test]
    fn pending_and_older_keys_go_with_the_card_and_come_back_with_it() {
        let pending = PendingKeys {
            version: 3,
            sealed: None,
            since: Millis(4),
            times: 7,
            due: None,
            counters: KeyCounters::default(),
        };
        let older = OlderKeys {
            version: 1,
            sealed: None,
            until: Millis(9),
            counters: line(1, 5, 7, 3).counters(),
        };
        let mut past = CardPast::default();
        past.keep(&Line {
            pending: Some(pending.clone()),
            older: Some(older),
            ..line(2, 1, 1, 3)
        });
        assert_eq!(past.newest(), 3);
        let mut back = line(2, 0, 0, 9);
        past.take_up(&mut back, &FIRST);
        let again = PendingKeys {
            times: 0,
            due: Some(Millis(0)),
            ..pending
        };
        assert_eq!(back.pending, Some(again), "sent again at once");
        assert_eq!(
            (back.counters(), back.older),
            (line(2, 1, 1, 3).counters(), None)
        );
        // An operator who says that the card has them need not wait for it to tell.
        let mut told = line(3, 0, 0, 9);
        past.take_up(&mut told, &FIRST);
        assert_eq!((told.pending, told.from_sim.counter), (None, 0));
        let mut before = line(1, 0, 0, 9);
        past.take_up(&mut before, &FIRST);
        assert_eq!(before.counters(), line(1, 5, 7, 3).counters());
    }

    #[test]
    fn the_past_comes_back_from_its_octets() {
        let mut past = CardPast::default();
        past.keep(&line(1, 5, 7, 3));
        past.keep(&line(255, 0, 0, 4));
        let octets = past.to_octets();
        assert_eq!(CardPast::from_octets(&octets), Some(past));
        assert_eq!(CardPast::from_octets(&octets[..octets.len() - 1]), None);
        let none = CardPast::default();
        assert_eq!(CardPast::from_octets(&none.to_octets()), Some(none));
        assert_eq!(CardPast::from_octets(&[]), None);
    }
}
