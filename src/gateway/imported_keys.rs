//! Keys of cards that come from outside: a card vendor's file, or drawn for cards that are issued.
//!
//! ```text
//! Begin ─► Stage (chunk) ─► Stage ─► … ─► Complete: valid, all of them, by this one commit
//!   │         └ rows that nothing looks at          └ Unstage (chunk) ─► … ─► Discard: as if never begun
//!   └ one import at a time
//! ```
//! An import that was interrupted is finished by running it again, or discarded; from the first Unstage
//! on it takes no row and is never complete, so that none is missing. The same file again changes nothing. Keys that are valid never change: a card gets others by another version.

use std::sync::Arc;

use crate::domain::Millis;
use crate::gateway::world::Wants;

/// A card and a version of its keys.
pub type CardVersion = (Arc<str>, u8);

/// One step of an import. The file is named by the MAC of its octets, in hex.
#[derive(Clone, Debug)]
pub enum KeyImportStep {
    /// Begins, or goes on with what was begun.
    Begin(KeyFile),
    /// Rows, at most [`CHUNK_MAX`](crate::gateway::member::CHUNK_MAX).
    Stage {
        /// Of which file.
        file: Arc<str>,
        /// The rows.
        cards: Vec<CardKeyImport>,
    },
    /// All rows are there: they count from now on.
    Complete {
        /// Which file.
        file: Arc<str>,
        /// Who did it.
        who: Arc<str>,
    },
    /// Takes rows of an import that is not complete away.
    Unstage {
        /// Of which file.
        file: Arc<str>,
        /// Whose keys.
        cards: Vec<CardVersion>,
    },
    /// Gives the import up, once its rows are taken away.
    Discard {
        /// Which file.
        file: Arc<str>,
        /// Who did it.
        who: Arc<str>,
    },
}

impl KeyImportStep {
    /// The file that it is about.
    #[must_use]
    pub const fn file(&self) -> &Arc<str> {
        match self {
            Self::Begin(KeyFile { file, .. })
            | Self::Stage { file, .. }
            | Self::Complete { file, .. }
            | Self::Unstage { file, .. }
            | Self::Discard { file, .. } => file,
        }
    }

    /// The rows that it needs.
    pub fn wants(&self, wants: &mut Wants) {
        wants.key_imports.insert(Arc::clone(self.file()));
        match self {
            Self::Stage { cards, .. } => {
                let keys = cards
                    .iter()
                    .map(|card| (Arc::clone(&card.iccid), card.version));
                wants.card_keys.extend(keys);
            }
            Self::Unstage { cards, .. } => wants.card_keys.extend(cards.iter().cloned()),
            Self::Begin(_) | Self::Complete { .. } | Self::Discard { .. } => {}
        }
    }
}

/// A file of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// The MAC of its octets, in hex.
    pub file: Arc<str>,
    /// What it is called.
    pub name: Arc<str>,
    /// The operators who begin it.
    pub who: Arc<str>,
    /// How many cards it has.
    pub lines: u64,
}

/// The keys of one card and version, sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardKeyImport {
    /// The card.
    pub iccid: Arc<str>,
    /// The version of the keys.
    pub version: u8,
    /// The card's IMSI.
    pub imsi: Arc<str>,
    /// The card's profile; none for the standard one.
    pub profile: Option<Arc<str>>,
    /// Both directions' keys: [`sealed_column`](crate::gateway::context::sealed_column).
    pub sealed: Arc<[u8]>,
    /// Equal for equal keys only, and tells nothing of them.
    pub same_keys: [u8; 16],
}

/// An import as the books have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyImport {
    /// What it is of.
    pub of: KeyFile,
    /// When it was begun.
    pub begun: Millis,
    /// When it became valid; none before.
    pub completed: Option<Millis>,
    /// When its rows began to be taken away: from then on it can only be discarded.
    pub discarding: Option<Millis>,
}

/// Keys of a card as the books have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardKeyRow {
    /// As they were imported.
    pub keys: CardKeyImport,
    /// By which import.
    pub import: i64,
    /// Whether that is complete.
    pub valid: bool,
}
