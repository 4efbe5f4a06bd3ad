//! The orders that a repetition is known by: the last references of the SIM, the last plain texts.

use std::collections::VecDeque;

use crate::domain::Millis;
use crate::domain::ids::PurchaseId;

/// Bounded lists that travel in the subscriber's one hot row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    references: VecDeque<Referenced>,
    /// References up to it may have been used and are forgotten.
    forgotten_to: u32,
    plain: VecDeque<PlainOrder>,
    told: Millis,
}

/// An order of the SIM applet, which keeps its reference when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Referenced {
    /// The applet's reference: 4 octets, rising, not 0.
    pub reference: u32,
    /// The first 8 octets of the SHA-256 of the order.
    pub digest: [u8; 8],
    /// What the order became.
    pub purchase: PurchaseId,
}

/// A plain text, which has no identity but its sender, its short code, its words and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainOrder {
    /// The first 8 octets of the SHA-256 of short code and order.
    pub digest: [u8; 8],
    /// What the order became.
    pub purchase: PurchaseId,
    /// When it came.
    pub at: Millis,
    /// The number that `AGAIN` must carry, 1 to 9999; 0 once it was used.
    pub again: u16,
}

/// What a reference of the SIM says about the order it came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByReference {
    /// Above all before it.
    New,
    /// The same order again.
    Repeated(PurchaseId),
    /// Another order under a reference that was used.
    Reused,
    /// Below those remembered, or forgotten: it can't be told from a repetition.
    TooOld,
}

impl Recent {
    /// What `reference` says about an order with this `digest`.
    #[must_use]
    pub fn by_reference(&self, reference: u32, digest: [u8; 8]) -> ByReference {
        if let Some(known) = self.references.iter().find(|r| r.reference == reference) {
            return if known.digest == digest {
                ByReference::Repeated(known.purchase)
            } else {
                ByReference::Reused
            };
        }
        if reference <= self.forgotten_to {
            return ByReference::TooOld;
        }
        // References rise; one that was skipped may still come late while the list reaches back.
        let forgotten = self.references.len() >= REFERENCES_MAX;
        match self.references.iter().map(|r| r.reference).min() {
            Some(lowest) if forgotten && reference < lowest => ByReference::TooOld,
            Some(_) | None => ByReference::New,
        }
    }

    /// Remembers an order by its reference and forgets the lowest beyond the last 8.
    pub fn remember_reference(&mut self, order: Referenced) {
        self.references.push_back(order);
        self.references
            .make_contiguous()
            .sort_unstable_by_key(|r| r.reference);
        while self.references.len() > REFERENCES_MAX {
            self.references.pop_front();
        }
    }

    /// The card may have used the next `orders` references, and what for is forgotten: none of them
    /// is taken for new.
    pub fn forget(&mut self, orders: u32) {
        if orders > 0 {
            let last = self.references.iter().map(|order| order.reference).max();
            let last = last.unwrap_or_default().max(self.forgotten_to);
            self.forgotten_to = last.saturating_add(orders);
        }
    }

    /// The references without anything of plain texts: what belongs to the card, not to its holder.
    #[must_use]
    pub fn references_only(&self) -> Self {
        Self {
            references: self.references.clone(),
            forgotten_to: self.forgotten_to,
            ..Self::default()
        }
    }

    /// The same plain texts, with the references of another card.
    #[must_use]
    pub fn with_references_of(&self, card: &Self) -> Self {
        Self {
            references: card.references.clone(),
            forgotten_to: card.forgotten_to,
            ..self.clone()
        }
    }

    /// The plain order of the same words that came at `since` or later.
    #[must_use]
    pub fn plain_since(&self, digest: [u8; 8], since: Millis) -> Option<&PlainOrder> {
        self.plain
            .iter()
            .rev()
            .find(|order| order.digest == digest && order.at >= since)
    }

    /// Every purchase that is remembered, in no order; one may be there twice.
    pub fn purchases(&self) -> impl Iterator<Item = PurchaseId> {
        let by_reference = self.references.iter().map(|order| order.purchase);
        by_reference.chain(self.plain.iter().map(|order| order.purchase))
    }

    /// Whether another plain order can be remembered without forgetting one of `since` or later.
    #[must_use]
    pub fn has_room(&self, since: Millis) -> bool {
        self.plain.iter().filter(|order| order.at >= since).count() < PLAIN_MAX
    }

    /// Remembers a plain order in place of the oldest beyond the last 8.
    pub fn remember_plain(&mut self, order: PlainOrder) {
        while self.plain.len() >= PLAIN_MAX {
            self.plain.pop_front();
        }
        self.plain.push_back(order);
    }

    /// Marks the `AGAIN` number of this order as used. False when it was not the one offered.
    pub fn use_again(&mut self, digest: [u8; 8], since: Millis, again: u16) -> bool {
        let order = self
            .plain
            .iter_mut()
            .rev()
            .find(|o| o.digest == digest && o.at >= since);
        match order {
            Some(order) if order.again == again && again != 0 => {
                order.again = 0;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Offers another number for one more of this order.
    pub fn offer_again(&mut self, digest: [u8; 8], since: Millis, again: u16) {
        let mut orders = self.plain.iter_mut().rev();
        if let Some(order) = orders.find(|o| o.digest == digest && o.at >= since) {
            order.again = again;
        }
    }

    /// When the subscriber was last told that words by a bind without trusted senders buy nothing.
    #[must_use]
    pub const fn told(&self) -> Millis {
        self.told
    }

    /// The subscriber is told so now.
    pub fn tell(&mut self, now: Millis) {
        self.told = now;
    }

    /// The lists as octets: 8 octets for when the subscriber was told, 4 for the highest reference that is
    /// forgotten, a count of references, then 20
    /// octets for each, then 26 for each text.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        if *self == Self::default() {
            return Vec::new();
        }
        let mut octets = Vec::with_capacity(OCTETS_MAX);
        octets.extend_from_slice(&self.told.0.to_be_bytes());
        octets.extend_from_slice(&self.forgotten_to.to_be_bytes());
        octets.push(u8::try_from(self.references.len()).unwrap_or(u8::MAX));
        for order in &self.references {
            octets.extend_from_slice(&order.reference.to_be_bytes());
            octets.extend_from_slice(&order.digest);
            octets.extend_from_slice(&order.purchase.0.to_be_bytes());
        }
        for order in &self.plain {
            octets.extend_from_slice(&order.digest);
            octets.extend_from_slice(&order.purchase.0.to_be_bytes());
            octets.extend_from_slice(&order.at.0.to_be_bytes());
            octets.extend_from_slice(&order.again.to_be_bytes());
        }
        octets
    }

    /// Reads what [`Self::to_octets`] wrote; `None` when it is not that.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let mut rest = octets;
        if rest.is_empty() {
            return Some(Self::default());
        }
        let mut recent = Self {
            told: Millis(i64::from_be_bytes(take(&mut rest)?)),
            forgotten_to: u32::from_be_bytes(take(&mut rest)?),
            ..Self::default()
        };
        let [count] = take(&mut rest)?;
        for _ in 0..count {
            recent.references.push_back(Referenced {
                reference: u32::from_be_bytes(take(&mut rest)?),
                digest: take(&mut rest)?,
                purchase: PurchaseId(i64::from_be_bytes(take(&mut rest)?)),
            });
        }
        while !rest.is_empty() {
            recent.plain.push_back(PlainOrder {
                digest: take(&mut rest)?,
                purchase: PurchaseId(i64::from_be_bytes(take(&mut rest)?)),
                at: Millis(i64::from_be_bytes(take(&mut rest)?)),
                again: u16::from_be_bytes(take(&mut rest)?),
            });
        }
        Some(recent)
    }
}

/// Takes the first `N` octets off `rest`.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

/// An SMSC may hold a handful of an applet's orders; the design keeps 8.
const REFERENCES_MAX: usize = 8;
/// Different texts within the time of repetition: more than a person types in ten minutes.
const PLAIN_MAX: usize = 8;
const OCTETS_MAX: usize = 8 + 4 + 1 + REFERENCES_MAX * 20 + PLAIN_MAX * 26;

#[cfg(test)]
mod tests {
    use super::*;

    fn referenced(reference: u32) -> Referenced {
        let id = PurchaseId(i64::from(reference));
        Referenced {
            reference,
            digest: reference.to_be_bytes().repeat(2).try_into().unwrap(),
            purchase: id,
        }
    }

    #[test]
    fn references_that_may_have_been_used_are_not_new_and_known_ones_stay_known() {
        let mut recent = Recent::default();
        recent.remember_reference(referenced(7));
        recent.forget(0);
        assert_eq!(recent.by_reference(8, [1; 8]), ByReference::New);
        recent.forget(20);
        let known = referenced(7);
        assert_eq!(
            recent.by_reference(7, known.digest),
            ByReference::Repeated(known.purchase)
        );
        assert_eq!(recent.by_reference(8, [1; 8]), ByReference::TooOld);
        assert_eq!(recent.by_reference(27, [1; 8]), ByReference::TooOld);
        assert_eq!(recent.by_reference(28, [1; 8]), ByReference::New);
        // What belongs to the card goes with it, and a second restore forgets as much again.
        let mut moved = Recent::default().with_references_of(&recent.references_only());
        assert_eq!(moved.by_reference(27, [1; 8]), ByReference::TooOld);
        moved.forget(20);
        assert_eq!(moved.by_reference(47, [1; 8]), ByReference::TooOld);
        assert_eq!(moved.by_reference(48, [1; 8]), ByReference::New);
    }

    #[test]
    fn a_reference_is_new_once_and_then_known_by_its_content() {
        let mut recent = Recent::default();
        for n in 1..=20 {
            let order = referenced(n);
            assert_eq!(recent.by_reference(n, order.digest), ByReference::New);
            recent.remember_reference(order);
            assert_eq!(
                recent.by_reference(n, order.digest),
                ByReference::Repeated(order.purchase)
            );
            assert_eq!(recent.by_reference(n, [0xEE; 8]), ByReference::Reused);
        }
        assert_eq!(
            recent.by_reference(12, referenced(12).digest),
            ByReference::TooOld
        );
        assert_eq!(
            recent.by_reference(13, referenced(13).digest),
            ByReference::Repeated(PurchaseId(13))
        );
    }

    #[test]
    fn a_late_reference_within_reach_is_new_and_keeps_the_order() {
        let mut recent = Recent::default();
        for n in [10, 12, 14, 16, 18, 20, 22] {
            recent.remember_reference(referenced(n));
        }
        assert_eq!(recent.by_reference(5, [0; 8]), ByReference::New);
        recent.remember_reference(referenced(11));
        assert_eq!(recent.by_reference(5, [0; 8]), ByReference::TooOld);
        assert_eq!(recent.by_reference(13, [0; 8]), ByReference::New);
    }

    #[test]
    fn an_again_number_works_once_and_within_the_time_only() {
        let mut recent = Recent::default();
        let order = PlainOrder {
            digest: [1; 8],
            purchase: PurchaseId(5),
            at: Millis(100),
            again: 7,
        };
        recent.remember_plain(order);
        assert!(recent.plain_since([1; 8], Millis(100)).is_some());
        assert!(recent.plain_since([1; 8], Millis(101)).is_none());
        assert!(!recent.use_again([1; 8], Millis(0), 8));
        assert!(recent.use_again([1; 8], Millis(0), 7));
        assert!(!recent.use_again([1; 8], Millis(0), 7));
        assert!(!recent.use_again([1; 8], Millis(0), 0));
        recent.offer_again([1; 8], Millis(101), 9);
        assert!(!recent.use_again([1; 8], Millis(0), 9));
        recent.offer_again([1; 8], Millis(100), 9);
        assert!(recent.use_again([1; 8], Millis(0), 9));
    }

    #[test]
    fn the_lists_come_back_from_their_octets() {
        let mut recent = Recent::default();
        assert!(recent.to_octets().is_empty());
        for n in 1..=9_u8 {
            recent.remember_reference(referenced(n.into()));
            recent.remember_plain(PlainOrder {
                digest: [n; 8],
                purchase: PurchaseId(n.into()),
                at: Millis(n.into()),
                again: n.into(),
            });
        }
        recent.tell(Millis(77));
        recent.forget(5);
        assert!(!recent.has_room(Millis(0)));
        assert!(recent.has_room(Millis(9)));
        let octets = recent.to_octets();
        assert_eq!(Recent::from_octets(&octets), Some(recent));
        assert_eq!(Recent::from_octets(&octets[..30]), None);
    }
}
