//! The epoch of the books: each restore from a backup begins one, because everything that was given
//! out since the backup was made is out there and the books no longer know of it.
//!
//! ```text
//! backup ──── orders, acks, files that are forgotten ────► lost │ restored: the next epoch
//!   counters and references of SIMs: those that may have been used are refused
//!   acks: go on far above      purses: go on in numbers that begin with the epoch
//!   plain text: rests for as long as an SMSC keeps it      files: none before the old are read back
//! ```

use crate::domain::Millis;

/// In which epoch the books are, and what its beginning left unsafe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BooksEpoch {
    /// Restores so far.
    pub number: u16,
    /// The epoch in which the delivered files of every node were last read back.
    pub files: u16,
    /// Plain text orders buy nothing before: an SMSC may still hold some that were paid.
    pub plain_from: Millis,
    /// Orders that one SIM may have sent between a backup and the loss of the books.
    pub margin: u32,
}

impl BooksEpoch {
    /// Whether files were delivered that these books may not know: no entry is made and no file
    /// written before they were read back, on whichever node.
    #[must_use]
    pub const fn awaits_files(&self) -> bool {
        self.files < self.number
    }

    /// Acks of this epoch have numbers above.
    #[must_use]
    pub fn acks_above(&self) -> i64 {
        i64::from(self.number).saturating_mul(ACKS_PER_EPOCH)
    }

    /// How many orders a SIM may have sent that the books have forgotten, when what they know of it
    /// was stored in the epoch `since`.
    #[must_use]
    pub fn forgotten_since(&self, since: u16) -> u32 {
        let epochs = self.number.saturating_sub(since);
        self.margin.saturating_mul(epochs.into())
    }

    /// The same of a SIM, or of keys, that the books do not know: imports may have been forgotten
    /// too, until the delivered files are read back. What comes later is new.
    #[must_use]
    pub const fn forgotten_of_unknown(&self) -> u32 {
        if self.awaits_files() { self.margin } else { 0 }
    }
}

/// More than a machine serves in a hundred years.
const ACKS_PER_EPOCH: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_above_what_was_given_out_before_it() {
        let first = BooksEpoch::default();
        assert!(!first.awaits_files());
        assert_eq!((first.acks_above(), first.forgotten_since(0)), (0, 0));
        let third = BooksEpoch {
            number: 3,
            files: 2,
            margin: 20,
            ..first
        };
        assert!(third.awaits_files());
        assert_eq!(third.acks_above(), 3_000_000_000);
        assert_eq!(third.forgotten_since(1), 40);
        assert_eq!(third.forgotten_since(3), 0);
        assert_eq!(third.forgotten_of_unknown(), 20);
    }
}
