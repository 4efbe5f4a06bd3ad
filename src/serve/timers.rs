//! What happens by the clock: deadlines of purchases, and the books' housekeeping.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::config::rules::PurchaseConfig;
use crate::domain::Millis;
use crate::domain::ids::{OutboxId, PurchaseId};
use crate::gateway::books::{Books, StoreError};
use crate::gateway::deadlines::Deadlines;
use crate::gateway::member::{Member, Outcome};
use crate::gateway::upkeep::{Upkeep, bill_provisionally, send_keys_again};
use crate::serve::tray::Tray;
use crate::serve::watched::Watched;
use crate::serve::{Clock, millis};

/// Fires the deadlines of purchases.
pub(super) struct Timers<B> {
    pub(super) books: Watched<B>,
    pub(super) deadlines: Deadlines,
    pub(super) moved: Arc<Tray<(PurchaseId, Option<Millis>)>>,
    pub(super) clock: Clock,
}

/// Something that was waited for.
enum Done {
    Fired(PurchaseId, Result<Outcome, StoreError>),
    Page(PurchaseId, Result<Vec<(PurchaseId, Millis)>, StoreError>),
}

impl<B: Books> Timers<B> {
    /// Fires until `stopping` completes; what is at the books then is waited for.
    pub(super) async fn run(mut self, stopping: impl Future<Output = ()> + Send) {
        let mut stopping = std::pin::pin!(stopping);
        let mut under_way: JoinSet<Done> = JoinSet::new();
        let mut page_asked = false;
        let mut read_all_at = (self.clock)().plus_ms(READ_ALL_EVERY_MS);
        let mut page_at = Millis::default();
        loop {
            let now = (self.clock)();
            self.take_moved();
            if let Some(failed_at) = self.books.failed_at() {
                self.deadlines.unavailable(failed_at);
            }
            if now >= read_all_at {
                read_all_at = now.plus_ms(READ_ALL_EVERY_MS);
                self.deadlines.read_all();
            }
            if !page_asked
                && now >= page_at
                && let Some(from) = self.deadlines.page_wanted()
            {
                page_asked = true;
                let books = self.books.clone();
                under_way.spawn(async move {
                    Done::Page(from, books.deadlines_after(from, PAGE_ROWS).await)
                });
            }
            for purchase in self.deadlines.due(now) {
                let books = self.books.clone();
                under_way.spawn(async move {
                    let member = Member::Deadline { purchase };
                    let result = books.submit_within(member, TAKEN_WITHIN).await;
                    Done::Fired(purchase, result)
                });
            }
            let rest_ms = self.deadlines.next_due().map(|due| due.since(now));
            let rest_ms = rest_ms.unwrap_or(REST_MAX_MS).clamp(1, REST_MAX_MS);
            tokio::select! {
                () = self.moved.news() => {}
                Some(done) = under_way.join_next() => match done {
                    Ok(Done::Fired(purchase, result)) => self.fired(purchase, &result),
                    Ok(Done::Page(from, page)) => {
                        page_asked = false;
                        page_at = self.read(from, page);
                    }
                    Err(_) => page_asked = false,
                },
                () = tokio::time::sleep(millis(rest_ms)) => {}
                () = &mut stopping => break,
            }
        }
        under_way.join_all().await;
    }

    fn take_moved(&mut self) {
        let (taken, now) = (self.moved.take(), (self.clock)());
        for (purchase, deadline) in taken.items {
            self.deadlines.moved(purchase, deadline, now);
        }
        if taken.spilled > 0 {
            self.deadlines.read_all();
        }
    }

    fn fired(&mut self, purchase: PurchaseId, result: &Result<Outcome, StoreError>) {
        if result.is_ok() {
            return self.deadlines.fired(purchase);
        }
        let at = (self.clock)().plus_ms(AGAIN_AFTER_MS);
        self.deadlines.again(purchase, at);
    }

    /// Takes a page in; when the next one may be asked for.
    fn read(
        &mut self,
        from: PurchaseId,
        page: Result<Vec<(PurchaseId, Millis)>, StoreError>,
    ) -> Millis {
        match page {
            Ok(rows) => {
                self.deadlines.page(from, &rows);
                Millis::default()
            }
            Err(error) => {
                tracing::warn!(%error, "deadlines can't be read");
                (self.clock)().plus_ms(AGAIN_AFTER_MS)
            }
        }
    }
}

/// Sweeps parts and sent messages that wait no more each minute, sends keys again that cards have not
/// used, and each hour sends charges to billing that have
/// been open for longer than `provisional_after_s`.
pub(super) async fn keep_house<B: Upkeep>(books: Watched<B>, rules: PurchaseConfig, clock: Clock) {
    let ago = |seconds: u32| clock().plus_ms(i64::from(seconds).saturating_mul(-1_000));
    let mut minute = 0_u64;
    loop {
        let over_by = clock();
        if let Err(error) = sweep(&books, &Member::SweepParts { over_by }).await {
            tracing::warn!(%error, "parts of messages were not swept");
        }
        let below = OutboxId::at(ago(rules.sent_kept_s));
        if let Err(error) = sweep(&books, &Member::SweepSent { below }).await {
            tracing::warn!(%error, "messages whose receipts never came were not swept");
        }
        match send_keys_again(&books, clock()).await {
            Ok(0) => {}
            Ok(cards) => tracing::info!(cards, "have not used their new keys: sent again"),
            Err(error) => tracing::warn!(%error, "new keys of cards were not sent again"),
        }
        if minute.is_multiple_of(PROVISIONAL_EVERY_MIN) {
            let before = ago(rules.provisional_after_s);
            match bill_provisionally(&books, before).await {
                Ok(0) => {}
                Ok(charges) => tracing::info!(charges, "still open, and sent to billing"),
                Err(error) => {
                    tracing::warn!(%error, "charges that are still open were not sent to billing");
                }
            }
        }
        minute = minute.wrapping_add(1);
        tokio::time::sleep(MINUTE).await;
    }
}

/// Sweeps until nothing is left to be swept.
async fn sweep<B: Books>(books: &Watched<B>, sweep: &Member) -> Result<(), StoreError> {
    for _ in 0..SWEEPS_MAX {
        if books.submit(sweep.clone()).await? != Outcome::Done {
            break;
        }
    }
    Ok(())
}

/// Takes on messages that no node sends yet, where nodes share the books: those for an SMSC that we
/// are bound to, and expired ones, to be parked.
pub(super) async fn claim_messages<B: Upkeep>(
    books: Watched<B>,
    smscs: Vec<Arc<str>>,
    clock: Clock,
) {
    loop {
        tokio::time::sleep(CLAIM_EVERY).await;
        let found = books.unclaimed(smscs.clone(), clock(), CLAIM_MOST);
        let claimed = match found.await {
            Ok(rows) if rows.is_empty() => continue,
            Ok(rows) => books.submit(Member::OutboxClaim(rows)).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = claimed {
            tracing::warn!(%error, "messages that other nodes left were not taken on");
        }
    }
}

const PAGE_ROWS: u32 = 5_000;
/// As long as a terminal's word waits: a writer that is too busy for words takes no deadlines before
/// them.
const TAKEN_WITHIN: Duration = Duration::from_secs(2);
const AGAIN_AFTER_MS: i64 = 1_000;
/// How late a clock that was set forward is noticed.
const REST_MAX_MS: i64 = 200;
/// Finds what hand-overs and pages crossed each other.
const READ_ALL_EVERY_MS: i64 = 60_000;
const CLAIM_EVERY: Duration = Duration::from_secs(1);
const CLAIM_MOST: u32 = 1_000;
const MINUTE: Duration = Duration::from_mins(1);
const PROVISIONAL_EVERY_MIN: u64 = 60;
/// As many as a minute may bring; the next minute goes on.
const SWEEPS_MAX: usize = 1_000;
