//! Who is told of the writer's batches.

use crate::gateway::books::{BatchEnd, OnCommit, WriterWatch};

/// Those who carry a commit out, and who counts.
pub(super) struct Told {
    pub(super) on_commit: OnCommit,
    pub(super) watch: Option<WriterWatch>,
}

impl Told {
    /// When a batch begins, microseconds on the watch.
    pub(super) fn began_us(&self) -> u64 {
        self.watch.as_ref().map_or(0, |watch| (watch.elapsed_us)())
    }

    /// A batch that began at `began_us` is stored.
    pub(super) fn stored(&self, members: usize, began_us: u64) {
        if let Some(watch) = &self.watch {
            let us = (watch.elapsed_us)().saturating_sub(began_us);
            (watch.told)(BatchEnd::Stored { members, us });
        }
    }

    /// A batch is not stored, or nobody knows.
    pub(super) fn failed(&self) {
        if let Some(watch) = &self.watch {
            (watch.told)(BatchEnd::Failed);
        }
    }
}
