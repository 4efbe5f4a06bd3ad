//! The requests that wait for their response: SMPP 3.4 §2.7.2 (window) and §3.2 (`sequence_number`).
//!
//! ```text
//! ordinal (u64, never wraps) ──► sequence_number 1 ..= 0x7FFF_FFFF, then 1 again
//! ```
//! Every request of a bind waits equally long, so the oldest is always the next to run out: one
//! ordered map is queue, look-up and timer at once, and never holds more than the window.

use std::collections::BTreeMap;

use crate::domain::Millis;

/// The outgoing requests without a response yet, oldest first.
#[derive(Debug)]
pub struct Window<T> {
    waiting: BTreeMap<u64, Waiting<T>>,
    next: u64,
    timeout_ms: i64,
}

/// One request on its way.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting<T> {
    /// What was asked.
    pub request: T,
    /// When it was sent.
    pub sent_at: Millis,
}

impl<T> Window<T> {
    /// An empty window whose requests run out `timeout_ms` after they were sent.
    #[must_use]
    pub fn new(timeout_ms: i64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            next: 0,
            timeout_ms,
        }
    }

    /// How many requests wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The number that the next request gets.
    #[must_use]
    pub fn next_sequence(&self) -> u32 {
        sequence_of(self.next)
    }

    /// Takes up `request` and gives it the next `sequence_number`. The caller bounds the window:
    /// a bind or an `enquire_link` must go out even where no order for a handset may.
    pub fn open(&mut self, request: T, now: Millis) -> u32 {
        let ordinal = self.next;
        self.next = ordinal.saturating_add(1);
        self.waiting.insert(
            ordinal,
            Waiting {
                request,
                sent_at: now,
            },
        );
        sequence_of(ordinal)
    }

    /// The request that a response with this `sequence_number` answers; `None` for a number never
    /// sent, answered before, or run out, which a caller counts and ignores.
    pub fn close(&mut self, sequence: u32) -> Option<Waiting<T>> {
        let ordinal = self.ordinal_of(sequence)?;
        self.waiting.remove(&ordinal)
    }

    /// The oldest request, once its time is over. Call until `None`.
    pub fn expire(&mut self, now: Millis) -> Option<(u32, Waiting<T>)> {
        let oldest = self.waiting.first_entry()?;
        if now.since(oldest.get().sent_at) < self.timeout_ms {
            return None;
        }
        let (ordinal, waiting) = oldest.remove_entry();
        Some((sequence_of(ordinal), waiting))
    }

    /// When [`expire`](Self::expire) has something to give.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.waiting
            .values()
            .next()
            .map(|oldest| oldest.sent_at.plus_ms(self.timeout_ms))
    }

    /// Takes out what still waits, oldest first: the link is gone and no response can come.
    pub fn drain(&mut self) -> impl Iterator<Item = (u32, Waiting<T>)> {
        std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|(ordinal, waiting)| (sequence_of(ordinal), waiting))
    }

    /// The newest ordinal with this number. A window is far shorter than a turn of the numbers,
    /// so that no other ordinal with it can still be waiting.
    fn ordinal_of(&self, sequence: u32) -> Option<u64> {
        let newest = self.next.checked_sub(1)?;
        let residue = u64::from(sequence)
            .checked_sub(1)
            .filter(|r| *r < NUMBERS)?;
        let back = (newest % NUMBERS).checked_sub(residue);
        let back = back.or_else(|| {
            (newest % NUMBERS)
                .checked_add(NUMBERS)?
                .checked_sub(residue)
        });
        newest.checked_sub(back?)
    }
}

fn sequence_of(ordinal: u64) -> u32 {
    // The remainder fits 31 bits; 1 is a legal number should that ever change.
    u32::try_from(ordinal % NUMBERS).map_or(1, |residue| residue.saturating_add(1))
}

/// 1 ..= `0x7FFF_FFFF`: §3.2 keeps the rest reserved.
const NUMBERS: u64 = 0x7FFF_FFFF;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis(1_000);

    #[test]
    fn numbers_wrap_at_0x7fffffff_and_both_sides_of_the_turn_are_found() {
        let mut window = Window::new(5_000);
        window.next = 0x7FFF_FFFD;
        let numbers: Vec<u32> = (0..4).map(|k| window.open(k, NOW)).collect();
        assert_eq!(numbers, [0x7FFF_FFFE, 0x7FFF_FFFF, 1, 2]);
        for (k, number) in numbers.iter().enumerate().rev() {
            assert_eq!(window.close(*number).unwrap().request, k);
            assert_eq!(window.close(*number), None, "answered twice");
        }
    }

    #[test]
    fn numbers_that_were_never_sent_are_nobodys() {
        let mut window = Window::new(5_000);
        assert_eq!(window.close(1), None);
        window.open((), NOW);
        for stranger in [0, 2, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
            assert_eq!(window.close(stranger), None, "{stranger:#x}");
        }
        assert_eq!(window.len(), 1);
    }

    #[test]
    fn a_request_runs_out_at_its_deadline_and_not_before() {
        let mut window = Window::new(5_000);
        window.open('a', NOW);
        window.open('b', NOW.plus_ms(10));
        assert_eq!(window.next_deadline(), Some(NOW.plus_ms(5_000)));
        assert_eq!(window.expire(NOW.plus_ms(4_999)), None);
        assert_eq!(window.expire(NOW.plus_ms(5_000)).unwrap().1.request, 'a');
        assert_eq!(window.expire(NOW.plus_ms(5_000)), None);
        assert_eq!(window.close(1), None, "a late response finds nothing");
    }

    proptest! {
        #[test]
        fn responses_in_any_order_find_their_own_request(
            start in prop_oneof![Just(0_u64), 0x7FFF_FF00..0x7FFF_FFFF_u64, 0xFFFF_FF00..0xFFFF_FFFF_u64],
            answers in prop::collection::vec(any::<prop::sample::Index>(), 1..400),
        ) {
            let mut window = Window::new(5_000);
            window.next = start;
            let mut open = HashMap::new();
            for (k, answer) in answers.iter().enumerate() {
                open.insert(window.open(k, NOW), k);
                if k % 2 == 0 {
                    let numbers: Vec<u32> = open.keys().copied().collect();
                    let number = *answer.get(&numbers);
                    prop_assert_eq!(window.close(number).map(|w| w.request), open.remove(&number));
                }
            }
            prop_assert_eq!(window.len(), open.len());
        }
    }
}
