//! Books in memory that decide as the real ones do, and whose rows a test can alter as they are read.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use svgate::domain::Millis;
use svgate::domain::ids::{IdSource, OutboxId, PurchaseId, PurseId, SubscriberId};
use svgate::domain::ledger::Account;
use svgate::gateway::audit::{
    AccountBalance, AuditBooks, AuditSnapshot, LineOwed, LogRow, NodeEnds, SeriesEnds, TransferRow,
};
use svgate::gateway::books::{AckQuestion, Acks, Books, StoreError, StoredBatch};
use svgate::gateway::context::Context;
use svgate::gateway::decide::decide;
use svgate::gateway::intake::Reach;
use svgate::gateway::member::{Denied, LoadPurse, Member, Outcome, TerminalAct, Word};
use svgate::gateway::prove::prove;
use svgate::gateway::record::{Billed, BillingEntry, OutboxRow, PurchaseRecord, Transfer};
use svgate::gateway::upkeep::Upkeep;
use svgate::gateway::world::{Counters, World};
use svgate::sv::log::LogRecord;

use crate::fixture::{Phone, START, TOKEN, context_of, eur, merchant, minor, terminal};

/// One row or many of what an audit reads, changed behind everybody's back.
type Alteration = Box<dyn Fn(&mut Rows) + Send>;

#[derive(Clone)]
pub(super) struct Desk {
    pub(super) context: Arc<Context>,
    world: Arc<Mutex<World>>,
    altered: Arc<Mutex<Alteration>>,
}

/// Everything that an audit reads.
#[derive(Clone, Default)]
pub(super) struct Rows {
    pub(super) ends: SeriesEnds,
    pub(super) purse_log: Vec<LogRow>,
    pub(super) pos_log: Vec<LogRow>,
    pub(super) purchases: Vec<PurchaseRecord>,
    pub(super) transfers: Vec<TransferRow>,
    pub(super) accounts: Vec<AccountBalance>,
    pub(super) lines: Vec<LineOwed>,
    pub(super) entries: Vec<BillingEntry>,
    pub(super) batches: Vec<StoredBatch>,
}

impl Desk {
    /// A merchant with one machine, three phones, and ten purchases with every kind of end.
    pub(super) async fn with_purchases() -> Self {
        let counters = Counters {
            node: 1,
            ids: IdSource::new(1, 0),
            batch: 0,
            committed: START,
            transfer: 0,
            entry: 0,
            purse_log: 0,
            pos_log: 0,
            account: 0,
            bill: 0,
            series_from: 0,
            epoch: 0,
            writer: 0,
            files_epoch: 0,
            books: svgate::domain::epoch::BooksEpoch::default(),
        };
        let desk = Self {
            context: context_of(1),
            world: Arc::new(Mutex::new(World::new(counters, START))),
            altered: Arc::new(Mutex::new(Box::new(|_| {}))),
        };
        let load = LoadPurse {
            amount: minor(1_000_000),
            currency: eur(),
            reference: "L1".into(),
        };
        desk.submit(Member::LoadPurse(load)).await.unwrap();
        desk.submit(Member::ImportMerchant(Box::new(merchant(1))))
            .await
            .unwrap();
        let lines = (0..3).map(|n| Phone::new(n).line()).collect();
        desk.submit(Member::ImportLines(lines)).await.unwrap();
        for _ in 0..3 {
            desk.buys("BUY 4711 12 x2", &[Word::Supplied { units: None }])
                .await;
            desk.buys("BUY 4711 12 x3", &[Word::Supplied { units: Some(1) }])
                .await;
            desk.buys("BUY 4711 13", &[Word::Failed]).await;
        }
        desk.buys("PAY 4711 2.50", &[]).await;
        desk
    }

    /// A phone orders, and the machine takes the ack and says what became of it.
    pub(super) async fn buys(&self, order: &str, words: &[Word]) {
        let id = terminal(0);
        self.pass_ms(700_000);
        self.submit(Member::Seen {
            terminal: id.clone(),
        })
        .await
        .unwrap();
        let mut arrival = Phone::new(1).text(order);
        // An order that is no repetition, however often the same words come.
        arrival.repeat_since = self.now();
        let outcome = self.submit(Member::Arrival(arrival)).await.unwrap();
        let Outcome::Arrived { purchase, .. } = outcome else {
            panic!("{outcome:?}")
        };
        let ack = {
            let world = self.world.lock().unwrap();
            let record = world.purchases.get(&purchase.unwrap()).unwrap();
            record
                .ack
                .unwrap_or_else(|| panic!("not paid: {:?}", record.life.state))
        };
        for word in [Word::Accept]
            .iter()
            .chain(words)
            .filter(|_| !words.is_empty())
        {
            let act = TerminalAct {
                terminal: id.clone(),
                token_sha256: TOKEN,
                ack,
                purchase: None,
                word: *word,
                reason: None,
            };
            self.submit(Member::TerminalAct(act)).await.unwrap();
        }
    }

    pub(super) fn pass_ms(&self, milliseconds: i64) {
        let mut world = self.world.lock().unwrap();
        world.now = world.now.plus_ms(milliseconds);
    }

    pub(super) fn now(&self) -> Millis {
        self.world.lock().unwrap().now
    }

    /// What every reader will see altered from now on.
    pub(super) fn alter(&self, alteration: impl Fn(&mut Rows) + Send + 'static) {
        *self.altered.lock().unwrap() = Box::new(alteration);
    }

    pub(super) fn rows(&self) -> Rows {
        let mut rows = rows_of(&self.world.lock().unwrap());
        (self.altered.lock().unwrap())(&mut rows);
        rows
    }
}

impl Books for Desk {
    async fn submit_within(&self, member: Member, _: Duration) -> Result<Outcome, StoreError> {
        let mut world = self.world.lock().unwrap();
        let proved = prove(&mut world, member, &self.context);
        Ok(decide(&mut world, proved, &self.context))
    }

    async fn acks(&self, _: AckQuestion) -> Result<Result<Acks, Denied>, StoreError> {
        Ok(Err(Denied::Credential))
    }

    async fn outbox_after(&self, _: OutboxId, _: u32) -> Result<Vec<OutboxRow>, StoreError> {
        Ok(Vec::new())
    }

    async fn deadlines_after(
        &self,
        _: PurchaseId,
        _: u32,
    ) -> Result<Vec<(PurchaseId, Millis)>, StoreError> {
        Ok(Vec::new())
    }

    async fn batches_from(&self, sequence: i64) -> Result<Vec<StoredBatch>, StoreError> {
        let batches = self.rows().batches.into_iter();
        Ok(batches
            .filter(|stored| stored.batch.sequence >= sequence)
            .take(2)
            .collect())
    }

    async fn entries(
        &self,
        from: i64,
        to: i64,
        _most: u32,
    ) -> Result<Vec<BillingEntry>, StoreError> {
        let entries = self.rows().entries.into_iter();
        // Small pages, so that the pages' joints are tested too.
        Ok(entries
            .filter(|e| (from..=to).contains(&e.number))
            .take(3)
            .collect())
    }
}

impl Upkeep for Desk {
    async fn unclaimed(
        &self,
        _: Vec<Arc<str>>,
        _: Millis,
        _: u32,
    ) -> Result<Vec<OutboxId>, StoreError> {
        Ok(Vec::new())
    }

    async fn rekeys_due(&self, _: Millis, _: u32) -> Result<Vec<SubscriberId>, StoreError> {
        Ok(Vec::new())
    }

    async fn last_commit(&self) -> Result<Option<Millis>, StoreError> {
        Ok(Some(self.now()))
    }

    async fn reach(&self, _: &str) -> Result<Reach, StoreError> {
        Ok(Reach::unbound_since(Millis(0)))
    }

    async fn not_in_stream(
        &self,
        after: PurchaseId,
        most: u32,
    ) -> Result<Vec<PurchaseId>, StoreError> {
        let rows = self.rows();
        let waits = rows.purchases.iter().filter(|purchase| {
            let ended = purchase.life.state.is_final() && purchase.paid.is_some();
            ended && purchase.billed != Billed::Final && purchase.life.id > after
        });
        let most = usize::try_from(most).unwrap();
        Ok(waits.take(most).map(|purchase| purchase.life.id).collect())
    }

    async fn open_paid_before(
        &self,
        paid_before: Millis,
        most: u32,
    ) -> Result<Vec<PurchaseId>, StoreError> {
        let rows = self.rows();
        let open = rows.purchases.iter().filter(|purchase| {
            purchase.billed == Billed::No && purchase.paid.is_some_and(|paid| paid < paid_before)
        });
        let most = usize::try_from(most).unwrap();
        Ok(open.take(most).map(|purchase| purchase.life.id).collect())
    }
}

impl AuditBooks for Desk {
    type Snapshot = Rows;

    async fn snapshot(&self) -> Result<Rows, StoreError> {
        Ok(self.rows())
    }
}

fn page<T: Clone>(rows: &[T], is_after: impl Fn(&T) -> bool) -> Vec<T> {
    rows.iter()
        .filter(|row| is_after(row))
        .take(7)
        .cloned()
        .collect()
}

impl AuditSnapshot for Rows {
    async fn ends(&mut self) -> Result<SeriesEnds, StoreError> {
        Ok(self.ends.clone())
    }

    async fn purse_log(&mut self, after: i64, _: u32) -> Result<Vec<LogRow>, StoreError> {
        Ok(page(&self.purse_log, |row| row.number > after))
    }

    async fn pos_log(&mut self, after: i64, _: u32) -> Result<Vec<LogRow>, StoreError> {
        Ok(page(&self.pos_log, |row| row.number > after))
    }

    async fn purchases(
        &mut self,
        after: PurchaseId,
        _: u32,
    ) -> Result<Vec<PurchaseRecord>, StoreError> {
        Ok(page(&self.purchases, |row| row.life.id > after))
    }

    async fn transfers(&mut self, after: i64, _: u32) -> Result<Vec<TransferRow>, StoreError> {
        Ok(page(&self.transfers, |row| row.number > after))
    }

    async fn accounts(&mut self, after: i64, _: u32) -> Result<Vec<AccountBalance>, StoreError> {
        Ok(page(&self.accounts, |row| row.number > after))
    }

    async fn lines(&mut self, after: SubscriberId, _: u32) -> Result<Vec<LineOwed>, StoreError> {
        Ok(page(&self.lines, |row| row.subscriber > after))
    }

    async fn entries(&mut self, after: i64, _: u32) -> Result<Vec<BillingEntry>, StoreError> {
        Ok(page(&self.entries, |row| row.number > after))
    }

    async fn batches(&mut self) -> Result<Vec<StoredBatch>, StoreError> {
        Ok(self.batches.clone())
    }
}

fn rows_of(world: &World) -> Rows {
    let counters = world.counters;
    let purses = world.lanes.iter().chain(world.pos.iter());
    let chains = purses.map(|(_, purse)| (purse.row().name.clone(), purse.row().log));
    let purchases = world.purchases.iter().map(|(_, record)| record.clone());
    let transfers = world.transfers.iter().map(|row| transfer_of(world, row));
    let mut rows = Rows {
        ends: SeriesEnds {
            nodes: vec![NodeEnds {
                node: counters.node,
                from: counters.series_from,
                transfer: counters.transfer,
                entry: counters.entry,
                purse_log: counters.purse_log,
                pos_log: counters.pos_log,
            }],
            chains: chains.collect(),
        },
        purse_log: log_of(&world.purse_log),
        pos_log: log_of(&world.pos_log),
        purchases: purchases.collect(),
        transfers: transfers.collect(),
        entries: world.entries.clone(),
        ..parties_of(world)
    };
    rows.purchases.sort_by_key(|record| record.life.id);
    rows
}

/// Accounts, lines and batches.
fn parties_of(world: &World) -> Rows {
    let accounts = world.accounts.iter();
    let accounts = accounts.map(|((account, currency), row)| AccountBalance {
        number: row.number,
        account: account.clone(),
        currency: *currency,
        balance_minor: row.balance.0,
    });
    let lines = world.lines.iter().map(|(subscriber, line)| LineOwed {
        subscriber: *subscriber,
        account: Arc::clone(&line.reference),
        currency: line.currency,
        owed_minor: line.owed_minor,
    });
    let written = |sequence| {
        let mut written = world.written_batches.iter();
        let found = written.find(|(of, _)| *of == sequence);
        found.map(|(_, sha256)| *sha256)
    };
    let batches = world.closed_batches.iter().map(|batch| StoredBatch {
        batch: *batch,
        sha256: written(batch.sequence),
    });
    let mut rows = Rows {
        accounts: accounts.collect(),
        lines: lines.collect(),
        batches: batches.collect(),
        ..Rows::default()
    };
    rows.accounts.sort_by_key(|account| account.number);
    rows.lines.sort_by_key(|line| line.subscriber);
    rows
}

fn transfer_of(world: &World, row: &Transfer) -> TransferRow {
    let number = |account: &Account| {
        if let Account::Receivable(subscriber) = account {
            subscriber.0
        } else {
            let key = (account.clone(), row.currency);
            world.accounts.get(&key).unwrap().number
        }
    };
    TransferRow {
        number: row.number,
        from: number(&row.from),
        to: number(&row.to),
        amount_minor: row.amount.minor(),
        currency: row.currency,
        kind: row.kind.into(),
        purchase: row.purchase,
    }
}

fn log_of(rows: &[(i64, PurseId, LogRecord)]) -> Vec<LogRow> {
    let row = |(number, purse, record): &(i64, PurseId, LogRecord)| LogRow {
        number: *number,
        purse: purse.as_str().into(),
        octets: record.to_octets(),
    };
    rows.iter().map(row).collect()
}
