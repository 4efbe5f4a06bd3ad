//! The part of the books that one batch reads and changes.
//!
//! The store loads it in two rounds (what the members name, then what opening them revealed),
//! members are decided on it one after the other, and what changed is written whole. If the commit
//! fails it is dropped: nothing here outlives its batch.

mod missed;
mod news;
mod wants;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::bill::Bill;
use crate::domain::card::CardPast;
use crate::domain::catalogue::{ItemCode, ShortCode};
use crate::domain::epoch::BooksEpoch;
use crate::domain::ids::{
    IdSource, MerchantId, OutboxId, PurchaseId, PurseId, SubscriberId, TerminalId,
};
use crate::domain::ledger::{Account, Balance};
use crate::domain::merchant::{Item, Merchant, Terminal};
use crate::domain::money::{AmountOutOfRange, Currency, MinorUnits};
use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;
use crate::domain::purchase::State;
use crate::domain::subscriber::Line;
use crate::gateway::imported_keys::{CardKeyImport, CardKeyRow, CardVersion, KeyImport};
use crate::gateway::record::{BillingEntry, OutboxRow, PurchaseRecord, SentRow, Transfer};
use crate::gateway::table::Table;
use crate::sms::reassembly::{PartKey, PartSet};
use crate::sv::log::LogRecord;
use crate::sv::purse::Purse;

pub use self::missed::{MissedBy, MissedKeys};
pub use self::news::{KeyEvent, Moved, Notice};
pub use self::wants::Wants;

/// The node's own row: what only its one writer raises.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    /// The node's number, 0 to 1023.
    pub node: u16,
    /// The last id made.
    pub ids: IdSource,
    /// Commits of this node.
    pub batch: i64,
    /// The time of the last commit.
    pub committed: Millis,
    /// The last transfer.
    pub transfer: i64,
    /// The last entry of the billing stream.
    pub entry: i64,
    /// The last record of the purses' log.
    pub purse_log: i64,
    /// The last record of the POS's log.
    pub pos_log: i64,
    /// The last account made.
    pub account: i64,
    /// The last bill closed.
    pub bill: i64,
    /// The number above which the node's gapless series begin.
    pub series_from: i64,
    /// How often the node was taken over.
    pub epoch: i64,
    /// A random number of the process that commits: a batch is known again by both.
    pub writer: i64,
    /// The epoch of the books in which this node's delivered files were last read back.
    pub files_epoch: u16,
    /// What restores of the books left unsafe.
    pub books: BooksEpoch,
}

/// A row of the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// The small number that transfers are stored with.
    pub number: i64,
    /// What came in less what went out.
    pub balance: Balance,
}

/// A payment order number and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PonRow {
    /// The order.
    pub purchase: PurchaseId,
    /// Until when the number is not given to another order.
    pub reserved_until: Millis,
    /// Whether the order still waits to be paid.
    pub open: bool,
}

/// A load or a bill payment that was taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenReference {
    /// `load` or `payment`.
    pub kind: &'static str,
    /// How much it was for.
    pub amount: MinorUnits,
    /// Of the amount.
    pub currency: Currency,
    /// For a payment: whose.
    pub subscriber: Option<SubscriberId>,
}

/// The last closed batch of the billing stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastBatch {
    /// Its number; 0 when there is none.
    pub sequence: i64,
    /// Its last entry.
    pub to_entry: i64,
    /// Whether its file stands, with its hash.
    pub sha256: Option<[u8; 32]>,
}

/// A batch of the billing stream: the entries `from` to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedBatch {
    /// Its number, from 1 without a gap.
    pub sequence: i64,
    /// Its first entry; one above the last of the batch before.
    pub from_entry: i64,
    /// Its last entry; one below the first when it is empty.
    pub to_entry: i64,
    /// When it was closed.
    pub closed: Millis,
}

/// The rows of one batch, read and changed.
#[derive(Debug)]
pub struct World {
    /// Business time of the batch: never before that of the last commit.
    pub now: Millis,
    /// The node's row.
    pub counters: Counters,
    /// Lines.
    pub lines: Table<SubscriberId, Line>,
    /// Which line has this number today.
    pub by_msisdn: HashMap<Msisdn, SubscriberId>,
    /// Which line has this name.
    pub by_account: HashMap<Arc<str>, SubscriberId>,
    /// Which line has this card today.
    pub by_iccid: HashMap<Arc<str>, SubscriberId>,
    /// What is kept of cards that no line holds, and of keys that none uses.
    pub cards: Table<Arc<str>, CardPast>,
    /// Keys of cards that were imported, or are being.
    pub card_keys: Table<CardVersion, CardKeyRow>,
    /// Imports of keys, by number: those that are not complete, and those that members name.
    pub key_imports: Table<i64, KeyImport>,
    /// Numbers that someone holds or held.
    pub held_numbers: HashSet<Msisdn>,
    /// Cards that someone holds or held.
    pub held_cards: HashSet<Arc<str>>,
    /// Numbers and cards that changed hands: written to the periods.
    pub new_periods: Vec<Period>,
    /// Lines of which more than what an order touches has changed.
    pub imported_lines: HashSet<SubscriberId>,
    /// Terminals of which more than what an order touches has changed.
    pub imported_terminals: HashSet<TerminalId>,
    /// Terminals.
    pub terminals: Table<TerminalId, Terminal>,
    /// Which terminal has this short code.
    pub by_short_code: HashMap<ShortCode, TerminalId>,
    /// Merchants.
    pub merchants: Table<MerchantId, Merchant>,
    /// Price lists.
    pub items: Table<(MerchantId, ItemCode), Item>,
    /// Purchases.
    pub purchases: Table<PurchaseId, PurchaseRecord>,
    /// Open acks.
    pub acks: Table<(TerminalId, i64), PurchaseId>,
    /// Payment order numbers.
    pub pons: Table<Pon, PonRow>,
    /// Kiosks' orders by their own name.
    pub client_references: Table<(TerminalId, Arc<str>), PurchaseId>,
    /// Balances but those of subscribers, which are in their lines.
    pub accounts: Table<(Account, Currency), AccountRow>,
    /// The node's lanes, by currency.
    pub lanes: Table<Currency, Purse>,
    /// The node's points of sale, by currency.
    pub pos: Table<Currency, Purse>,
    /// Messages in parts.
    pub parts: Table<PartKey, PartSet>,
    /// Loads and payments that were taken before.
    pub references: Table<Arc<str>, TakenReference>,
    /// Sent messages of which receipts may come.
    pub sent: Table<OutboxId, SentRow>,
    /// Messages to be sent.
    pub outbox: Table<OutboxId, OutboxRow>,
    /// Parked messages with their cause.
    pub parked: Table<OutboxId, (OutboxRow, Arc<str>)>,
    /// The last batch of the billing stream.
    pub last_batch: LastBatch,
    /// Batches closed now.
    pub closed_batches: Vec<ClosedBatch>,
    /// Files written now: batch number and hash.
    pub written_batches: Vec<(i64, [u8; 32])>,
    /// Whether the node's delivered files are read back now.
    pub adopts_files: bool,
    /// Whether payment order numbers that are free again are to be forgotten.
    pub sweeps_numbers: bool,
    /// When SMSCs could reach this node, by the SMSC's name.
    pub reached: Vec<(Arc<str>, Vec<u8>)>,
    /// Transfers made now.
    pub transfers: Vec<Transfer>,
    /// Entries of the billing stream made now.
    pub entries: Vec<BillingEntry>,
    /// The lanes' records made now: number, lane, record.
    pub purse_log: Vec<(i64, PurseId, LogRecord)>,
    /// The points of sale's records made now.
    pub pos_log: Vec<(i64, PurseId, LogRecord)>,
    /// Bills closed now.
    pub bills: Vec<Bill>,
    /// What someone must look at.
    pub notices: Vec<Notice>,
    /// What was done with keys.
    pub key_events: Vec<KeyEvent>,
    /// New states made now.
    pub moved: Vec<Moved>,
    /// Keys that were not at hand: then nothing of this is stored.
    pub missed: MissedKeys,
}

/// A number or a card that a subscriber holds from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Who holds it.
    pub subscriber: SubscriberId,
    /// The number.
    pub msisdn: Msisdn,
    /// The card.
    pub iccid: Arc<str>,
    /// The card's IMSI.
    pub imsi: Arc<str>,
    /// Since when.
    pub from: Millis,
}

/// Money to be moved within one decision: all of it or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Whose balance falls.
    pub from: Account,
    /// Whose balance rises.
    pub to: Account,
    /// By how much.
    pub amount: MinorUnits,
    /// Why.
    pub kind: &'static str,
}

impl World {
    /// An empty world at the node's `counters`; business time is the later of `clock` and the last
    /// commit.
    #[must_use]
    pub fn new(counters: Counters, clock: Millis) -> Self {
        Self {
            now: clock.max(counters.committed),
            counters,
            lines: Table::default(),
            by_msisdn: HashMap::new(),
            by_account: HashMap::new(),
            by_iccid: HashMap::new(),
            cards: Table::default(),
            card_keys: Table::default(),
            key_imports: Table::default(),
            held_numbers: HashSet::new(),
            held_cards: HashSet::new(),
            new_periods: Vec::new(),
            imported_lines: HashSet::new(),
            imported_terminals: HashSet::new(),
            terminals: Table::default(),
            by_short_code: HashMap::new(),
            merchants: Table::default(),
            items: Table::default(),
            purchases: Table::default(),
            acks: Table::default(),
            pons: Table::default(),
            client_references: Table::default(),
            accounts: Table::default(),
            lanes: Table::default(),
            pos: Table::default(),
            parts: Table::default(),
            references: Table::default(),
            sent: Table::default(),
            outbox: Table::default(),
            parked: Table::default(),
            last_batch: LastBatch {
                to_entry: counters.series_from,
                ..LastBatch::default()
            },
            closed_batches: Vec::new(),
            written_batches: Vec::new(),
            adopts_files: false,
            sweeps_numbers: false,
            reached: Vec::new(),
            transfers: Vec::new(),
            entries: Vec::new(),
            purse_log: Vec::new(),
            pos_log: Vec::new(),
            bills: Vec::new(),
            notices: Vec::new(),
            key_events: Vec::new(),
            moved: Vec::new(),
            missed: MissedKeys::default(),
        }
    }

    /// A new id of this node.
    pub fn next_id(&mut self) -> i64 {
        self.counters.ids.next(self.now)
    }

    /// The balance of an account; an account that is not there holds nothing.
    #[must_use]
    pub fn balance(&self, account: &Account, currency: Currency) -> Balance {
        if let Account::Receivable(subscriber) = account {
            let owed = self.lines.get(subscriber).map(|line| line.owed_minor);
            return Balance(owed.unwrap_or_default());
        }
        let row = self.accounts.get(&(account.clone(), currency));
        row.map(|row| row.balance).unwrap_or_default()
    }

    /// The keys that were imported for this version of a card's, if its batch asked for them
    /// ([`Wants::card_keys`]) and they are valid.
    #[must_use]
    pub fn imported_keys(&self, iccid: &Arc<str>, version: u8) -> Option<&CardKeyImport> {
        let row = self.card_keys.get(&(Arc::clone(iccid), version))?;
        row.valid.then_some(&row.keys)
    }

    /// The highest version of its keys that the card of this line may know.
    #[must_use]
    pub fn newest_version(&self, line: &Line) -> u8 {
        let past = line.iccid.as_ref().and_then(|card| self.cards.get(card));
        past.map_or(0, CardPast::newest).max(line.key_version)
    }

    /// This merchant's paid purchases whose acks no terminal has taken, as far as they were read.
    #[must_use]
    pub fn untaken(&self, merchant: &MerchantId) -> Vec<PurchaseId> {
        let paid = |id: &PurchaseId| {
            self.purchases.get(id).is_some_and(|record| {
                record.life.state == State::Paid && record.merchant.as_ref() == Some(merchant)
            })
        };
        let acks = self.acks.iter().map(|(_, id)| *id);
        let mut untaken: Vec<PurchaseId> = acks.filter(paid).collect();
        untaken.sort_unstable();
        untaken
    }

    /// Moves money, all of `movements` or nothing, and writes their transfers.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`] when a balance would leave i64, or is that of a subscriber who was not
    /// read into this world; nothing has changed then.
    pub fn post(
        &mut self,
        movements: &[Movement],
        currency: Currency,
        purchase: Option<PurchaseId>,
    ) -> Result<(), AmountOutOfRange> {
        let mut after: Vec<(Account, Balance)> = Vec::with_capacity(movements.len());
        for movement in movements {
            if !(self.holds(&movement.from) && self.holds(&movement.to)) {
                return Err(AmountOutOfRange);
            }
            let from = self.planned(&after, &movement.from, currency);
            plan(&mut after, &movement.from, from.debited(movement.amount)?);
            let to = self.planned(&after, &movement.to, currency);
            plan(&mut after, &movement.to, to.credited(movement.amount)?);
        }
        for (account, balance) in after {
            self.set_balance(account, currency, balance);
        }
        for movement in movements.iter().filter(|m| !m.amount.is_zero()) {
            self.counters.transfer = self.counters.transfer.saturating_add(1);
            self.transfers.push(Transfer {
                number: self.counters.transfer,
                from: movement.from.clone(),
                to: movement.to.clone(),
                amount: movement.amount,
                currency,
                kind: movement.kind,
                purchase,
            });
        }
        Ok(())
    }

    /// Writes what someone must look at.
    pub fn notice(
        &mut self,
        kind: &'static str,
        purchase: Option<PurchaseId>,
        subscriber: Option<SubscriberId>,
        text: String,
    ) {
        self.notices.push(Notice {
            kind,
            purchase,
            subscriber,
            text,
        });
    }

    /// Whether the batch changed nothing, so that there is nothing to commit.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.lines.is_untouched()
            && self.cards.is_untouched()
            && self.card_keys.is_untouched()
            && self.key_imports.is_untouched()
            && self.terminals.is_untouched()
            && self.merchants.is_untouched()
            && self.items.is_untouched()
            && self.purchases.is_untouched()
            && self.acks.is_untouched()
            && self.pons.is_untouched()
            && self.client_references.is_untouched()
            && self.accounts.is_untouched()
            && self.lanes.is_untouched()
            && self.pos.is_untouched()
            && self.parts.is_untouched()
            && self.references.is_untouched()
            && self.sent.is_untouched()
            && self.outbox.is_untouched()
            && self.parked.is_untouched()
            && self.closed_batches.is_empty()
            && self.written_batches.is_empty()
            && !self.adopts_files
            && !self.sweeps_numbers
            && self.reached.is_empty()
            && self.new_periods.is_empty()
            && self.notices.is_empty()
            && self.key_events.is_empty()
    }

    /// Whether the account's balance can be changed here: a subscriber's is in the line's row.
    fn holds(&self, account: &Account) -> bool {
        let Account::Receivable(subscriber) = account else {
            return true;
        };
        self.lines.get(subscriber).is_some()
    }

    fn planned(
        &self,
        after: &[(Account, Balance)],
        account: &Account,
        currency: Currency,
    ) -> Balance {
        let planned = after
            .iter()
            .find(|(known, _)| known == account)
            .map(|(_, b)| *b);
        planned.unwrap_or_else(|| self.balance(account, currency))
    }

    fn set_balance(&mut self, account: Account, currency: Currency, balance: Balance) {
        if let Account::Receivable(subscriber) = account {
            if let Some(line) = self.lines.change(&subscriber) {
                line.owed_minor = balance.0;
            }
            return;
        }
        let key = (account, currency);
        if let Some(row) = self.accounts.change(&key) {
            row.balance = balance;
            return;
        }
        self.counters.account = self.counters.account.saturating_add(1);
        self.accounts.insert(
            key,
            AccountRow {
                number: self.counters.account,
                balance,
            },
        );
    }
}

fn plan(after: &mut Vec<(Account, Balance)>, account: &Account, balance: Balance) {
    match after.iter_mut().find(|(known, _)| known == account) {
        Some((_, planned)) => *planned = balance,
        None => after.push((account.clone(), balance)),
    }
}
