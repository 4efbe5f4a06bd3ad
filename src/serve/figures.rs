//! Numbers that stand in the books, whoever wrote them there: read when `/metrics` is.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::gateway::books::{Books, StoreError};
use crate::gateway::views::Views;
use crate::telemetry::storage::StorageMetrics;

/// Reads the purse and the billing batches into their metrics; clones are the same one.
#[derive(Clone)]
pub(super) struct Figures<B> {
    storage: StorageMetrics,
    /// Held while someone reads; none once it is closed.
    reading: Arc<Mutex<Option<Reading<B>>>>,
}

struct Reading<B> {
    books: B,
    /// The first billing batch that can still change.
    from: i64,
}

impl<B: Books + Views> Figures<B> {
    pub(super) fn new(books: B, storage: StorageMetrics) -> Self {
        let reading = Reading { books, from: 0 };
        Self {
            storage,
            reading: Arc::new(Mutex::new(Some(reading))),
        }
    }

    /// Reads them within [`READ_WITHIN`]; what can't be read stays as it was told last. Of several
    /// who ask at once one reads for all.
    pub(super) fn read(&self) -> impl Future<Output = ()> + Send + use<B> {
        let (storage, reading) = (self.storage.clone(), Arc::clone(&self.reading));
        async move {
            let Ok(mut reading) = reading.try_lock() else {
                return;
            };
            let Some(Reading { books, from }) = reading.as_mut() else {
                return;
            };
            let reading = read(books, &storage, from);
            match tokio::time::timeout(READ_WITHIN, reading).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "figures can't be read"),
                Err(_) => tracing::warn!("figures take too long to read"),
            }
        }
    }

    /// Lets go of the books once `closing` completes: their writer ends when nobody holds them.
    pub(super) async fn close_after(self, closing: impl Future<Output = ()> + Send) {
        closing.await;
        self.reading.lock().await.take();
    }
}

async fn read<B: Books + Views>(
    books: &B,
    storage: &StorageMetrics,
    from: &mut i64,
) -> Result<(), StoreError> {
    for account in books.balances().await? {
        if *account.kind == *FLOAT {
            storage.purse_holds(account.currency, account.balance);
        }
    }
    let (epoch, files) = books.epochs().await?;
    storage.epochs(epoch, files);
    // They come in pages; the first batch without its file is where the next look begins.
    loop {
        let batches = books.batches_from(*from).await?;
        let Some(last) = batches.last() else {
            return Ok(());
        };
        let mut unwritten = batches.iter().filter(|batch| batch.sha256.is_none());
        storage.closed(last.batch.sequence, last.batch.closed);
        storage.unwritten(unwritten.clone().count());
        let next = unwritten.next().unwrap_or(last).batch.sequence;
        if next == std::mem::replace(from, next) {
            return Ok(());
        }
    }
}

/// The kind of the accounts that are the operator's purses.
const FLOAT: &str = "float";
/// Less than a scraper waits.
const READ_WITHIN: Duration = Duration::from_secs(2);
