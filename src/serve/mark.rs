//! Moves the mark outside of the books up while commits are made.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::config::Config;
use crate::serve::commits::Commits;
use crate::store::{Mark, MarkError, Store, StoreOptions};

/// The mark, and what moves it.
#[derive(Clone)]
pub(super) struct Marking {
    /// What it was at the start.
    mark: Mark,
    /// Its file.
    path: PathBuf,
    /// This node, whose commits are counted.
    node: u16,
    /// The last commit that was told; 0 before the first.
    batch: Arc<AtomicI64>,
}

impl Marking {
    /// Holds the books against their mark.
    ///
    /// # Errors
    ///
    /// [`MarkError`]: they must not be served.
    pub(super) async fn begin(
        store: &Store,
        options: &StoreOptions,
        config: &Config,
        commits: &Commits,
    ) -> Result<Self, MarkError> {
        let path = &config.store.mark_file;
        Ok(Self {
            mark: store.check_mark(options, path).await?,
            path: path.clone(),
            node: config.node.id,
            batch: Arc::clone(&commits.batch),
        })
    }

    /// Moves it up every [`MARK_EVERY`]. A disk that fails is told of once, and tried again.
    pub(super) async fn keep(self) {
        let mut failing = false;
        loop {
            tokio::time::sleep(MARK_EVERY).await;
            let marking = self.clone();
            // The disk may take its time; nobody waits for it.
            let raised = tokio::task::spawn_blocking(move || marking.raise()).await;
            let fails = !raised.unwrap_or(false);
            if fails && !failing {
                tracing::warn!("a restore from backup would not be seen until the mark is written");
            }
            failing = fails;
        }
    }

    /// Moves it up to the last commit; false when it can't be written.
    pub(super) fn raise(&self) -> bool {
        let batch = self.batch.load(Ordering::Relaxed);
        let mut mark = self.mark.clone();
        let marked = mark.batches.entry(self.node).or_default();
        if batch <= *marked {
            return true;
        }
        *marked = batch;
        match mark.raise(&self.path) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the mark is not written");
                false
            }
        }
    }
}

/// What may be lost by a restore that nobody declares: a backup cannot be younger than the last
/// writing and pass.
const MARK_EVERY: Duration = Duration::from_secs(5);
