//! A purse of the Mondex-style transfer, which pays and receives alike: the concrete purse of PRG-126.
//!
//! | in | guard | effect | out |
//! |---|---|---|---|
//! | `startFrom` | own number next; value ≤ available | give up what is pending; number up; → epr | |
//! | `startTo` | own number next | give up what is pending; number up; → epv | `req` |
//! | `req`, sealed | epr, equal to what is pending; value ≤ available | **debit**; → epa | `val` |
//! | `val`, sealed | epv, equal to what is pending | **credit**; record; → credited | `ack` |
//! | `ack`, sealed | epa, equal to what is pending | record; → idle | |
//! | `req`, sealed | epa, equal to what is pending | | `val` again |
//! | `val`, sealed | credited, equal to the last | | `ack` again |
//! | anything else | | **none**: an error says why | |
//!
//! To give up is to log an exception in epv and in epa, where value may be under way, and to forget
//! in epr, where nothing has left. What departs from the Z makes it narrower, or moves nothing. A
//! start names this purse's own number, so that an old one is refused instead of making the purse
//! give up. A start is refused when its exception might not fit the log. `req` checks the funds
//! again, because a lane's payment draws on a float that others draw on too. And the last message
//! is said again when the one that it answers comes again: the product's payment resume.

pub mod status;

use crate::domain::ids::PurseId;
use crate::domain::money::{Currency, MinorUnits};
use crate::sv::SvError;
use crate::sv::exception::{ExceptionLog, MAX_EXCEPTIONS};
use crate::sv::log::{ChainHead, Evidence, LogRecord};
use crate::sv::mac::{EndKeys, Mac, MacKey};
use crate::sv::message::{End, Message, PaymentDetails};
use crate::sv::purse::status::Status;
use crate::sv::sequence::SequenceNo;

/// One end of transfers. It holds no balance: what it may draw on is passed in, and each step says
/// what to debit or credit, so that the ledger alone knows amounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purse {
    pub(super) row: PurseRow,
}

/// What the store keeps of a purse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurseRow {
    /// The purse's name, in the details of everything it takes part in.
    pub name: PurseId,
    /// The one currency that it pays and receives.
    pub currency: Currency,
    /// The number that its next payment will have; all below are used.
    pub next_seq: SequenceNo,
    /// What it waits for.
    pub status: Status,
    /// Payments given up while value may have been under way.
    pub exceptions: ExceptionLog,
    /// Where its log ends.
    pub log: ChainHead,
}

/// What one message made a purse do. The caller stores purse, movement and record in one commit,
/// and sends the reply after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Step {
    /// What the ledger has to move.
    pub movement: Movement,
    /// What to send to the other end.
    pub reply: Option<Message>,
    /// What to add to this end's log.
    pub record: Option<LogRecord>,
}

/// What a step does to the value behind a purse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Movement {
    /// Nothing.
    None,
    /// It has paid: take this away.
    Debit(MinorUnits),
    /// It has received: add this.
    Credit(MinorUnits),
}

impl Purse {
    /// A new purse, which has never paid, in its first epoch.
    #[must_use]
    pub fn new(name: PurseId, currency: Currency) -> Self {
        let row = PurseRow {
            name,
            currency,
            next_seq: SequenceNo::first(0),
            status: Status::Idle,
            exceptions: ExceptionLog::default(),
            log: ChainHead::default(),
        };
        Self { row }
    }

    /// A purse as it was stored.
    ///
    /// # Errors
    ///
    /// [`SvError::CorruptPurse`] when the row is one that no purse could have got into.
    pub fn from_row(row: PurseRow) -> Result<Self, SvError> {
        let pending = matches!(row.status, Status::Epr(_) | Status::Epv(_) | Status::Epa(_));
        let used = |details: &PaymentDetails, end| {
            details.end_of(&row.name) == Some(end)
                && details.currency == row.currency
                && details.seq_of(end) < row.next_seq
        };
        let pending_fits = match &row.status {
            Status::Idle => true,
            Status::Epr(details) | Status::Epa(details) => used(details, End::Payer),
            Status::Epv(details) | Status::Credited(details) => used(details, End::Payee),
        };
        let full = row.exceptions.len().saturating_add(usize::from(pending)) > MAX_EXCEPTIONS;
        if full || !pending_fits || !row.exceptions.belongs_to(&row.name) {
            return Err(SvError::CorruptPurse);
        }
        Ok(Self { row })
    }

    /// What to store.
    #[must_use]
    pub const fn row(&self) -> &PurseRow {
        &self.row
    }

    /// What to store, the purse being done with.
    #[must_use]
    pub fn into_row(self) -> PurseRow {
        self.row
    }

    /// Whether no payment is under way, so that a new one gives up none.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        matches!(self.row.status, Status::Idle | Status::Credited(_))
    }

    /// Takes one message and goes one step. `available` is what a payment may draw on, holds taken
    /// off; a payee needs none. A message that comes twice changes nothing the second time.
    ///
    /// # Errors
    ///
    /// Each says why the message was not followed. After any error the purse is unchanged.
    pub fn receive(
        &mut self,
        message: Message,
        available: MinorUnits,
        keys: EndKeys<'_>,
    ) -> Result<Step, SvError> {
        message.check(keys.pair)?;
        match (&self.row.status, message) {
            (_, Message::StartFrom(details)) => self.start_from(details, available, keys.own),
            (_, Message::StartTo(details)) => self.start_to(details, keys),
            (Status::Epr(pending), Message::Req { details, .. }) if *pending == details => {
                self.debit(details, available, keys)
            }
            (Status::Epv(pending), Message::Val { details, s6, mac }) if *pending == details => {
                Ok(self.credit(details, Evidence::Val { mac, s6 }, keys))
            }
            (Status::Epa(pending), Message::Ack { details, mac }) if *pending == details => {
                Ok(self.close(details, mac, keys.own))
            }
            // The answer may have been lost. Saying it again moves nothing.
            (Status::Epa(pending), Message::Req { details, .. }) if *pending == details => {
                Ok(Step::saying(Message::val(details, keys)))
            }
            (Status::Credited(last), Message::Val { details, .. }) if *last == details => {
                Ok(Step::saying(Message::ack(details, keys.pair)))
            }
            (
                Status::Idle
                | Status::Epr(_)
                | Status::Epv(_)
                | Status::Epa(_)
                | Status::Credited(_),
                Message::Req { .. } | Message::Val { .. } | Message::Ack { .. },
            ) => Err(SvError::NotExpected),
        }
    }

    /// The last message that this end said, to say it again when no answer came. It changes
    /// nothing, at either end, however often it is sent.
    #[must_use]
    pub fn resume(&self, keys: EndKeys<'_>) -> Option<Message> {
        match &self.row.status {
            Status::Idle | Status::Epr(_) => None,
            Status::Epv(details) => Some(Message::req(details.clone(), keys.pair)),
            Status::Epa(details) => Some(Message::val(details.clone(), keys)),
            Status::Credited(details) => Some(Message::ack(details.clone(), keys.pair)),
        }
    }

    /// Gives up the payment under way: an exception in epv and epa, nothing in epr. On an idle
    /// purse it changes nothing. Silence alone is no reason to call it: resume first.
    #[must_use]
    pub fn abort(&mut self, own: &MacKey) -> Option<LogRecord> {
        let (details, evidence) = match std::mem::replace(&mut self.row.status, Status::Idle) {
            last @ (Status::Idle | Status::Credited(_)) => {
                self.row.status = last;
                return None;
            }
            Status::Epr(_) => return None,
            Status::Epv(details) => (details, Evidence::LeftInEpv),
            Status::Epa(details) => (details, Evidence::LeftInEpa),
        };
        self.row.exceptions.add(details.clone());
        Some(self.row.log.append(details, evidence, own))
    }

    /// Goes on after a restore from backup, in an `epoch` above every one before. What the backup
    /// held as pending is given up; what happened since the backup this purse will never deny.
    ///
    /// # Errors
    ///
    /// [`SvError::OutOfSequence`] when `epoch` is not above the present one.
    pub fn enter_epoch(&mut self, epoch: u16, own: &MacKey) -> Result<Option<LogRecord>, SvError> {
        let first = SequenceNo::first(epoch);
        if first.epoch() <= self.row.next_seq.epoch() {
            return Err(SvError::OutOfSequence {
                next: self.row.next_seq,
                got: first,
            });
        }
        let record = self.abort(own);
        self.row.status = Status::Idle;
        self.row.next_seq = first;
        Ok(record)
    }

    /// Forgets the last `ack`, where both ends are stored in one commit and nobody will ask again.
    pub(super) fn forget_ack(&mut self) {
        if matches!(self.row.status, Status::Credited(_)) {
            self.row.status = Status::Idle;
        }
    }

    fn start_from(
        &mut self,
        details: PaymentDetails,
        available: MinorUnits,
        own: &MacKey,
    ) -> Result<Step, SvError> {
        if details.value > available {
            return Err(SvError::InsufficientFunds { available });
        }
        let record = self.begin(&details, End::Payer, own)?;
        self.row.status = Status::Epr(details);
        Ok(Step {
            movement: Movement::None,
            reply: None,
            record,
        })
    }

    fn start_to(&mut self, details: PaymentDetails, keys: EndKeys<'_>) -> Result<Step, SvError> {
        let record = self.begin(&details, End::Payee, keys.own)?;
        self.row.status = Status::Epv(details.clone());
        let reply = Some(Message::req(details, keys.pair));
        Ok(Step {
            movement: Movement::None,
            reply,
            record,
        })
    }

    /// Checks everything that a start needs, then gives up what is pending and uses the number.
    fn begin(
        &mut self,
        details: &PaymentDetails,
        end: End,
        own: &MacKey,
    ) -> Result<Option<LogRecord>, SvError> {
        let row = &self.row;
        if details.end_of(&row.name) != Some(end) {
            return Err(SvError::NotForThisPurse);
        }
        if details.currency != row.currency {
            return Err(SvError::OtherCurrency {
                purse: row.currency,
            });
        }
        let got = details.seq_of(end);
        if got != row.next_seq {
            return Err(SvError::OutOfSequence {
                next: row.next_seq,
                got,
            });
        }
        let next_seq = row.next_seq.following().ok_or(SvError::SequenceSpent)?;
        // Room for what is given up now, and for the new payment should it be given up later.
        let needed = if matches!(row.status, Status::Epv(_) | Status::Epa(_)) {
            2
        } else {
            1
        };
        if row.exceptions.len().saturating_add(needed) > MAX_EXCEPTIONS {
            return Err(SvError::ExceptionLogFull);
        }
        let record = self.abort(own);
        self.row.next_seq = next_seq;
        Ok(record)
    }

    fn debit(
        &mut self,
        details: PaymentDetails,
        available: MinorUnits,
        keys: EndKeys<'_>,
    ) -> Result<Step, SvError> {
        if details.value > available {
            return Err(SvError::InsufficientFunds { available });
        }
        let movement = Movement::Debit(details.value);
        self.row.status = Status::Epa(details.clone());
        Ok(Step {
            movement,
            reply: Some(Message::val(details, keys)),
            record: None,
        })
    }

    fn credit(&mut self, details: PaymentDetails, evidence: Evidence, keys: EndKeys<'_>) -> Step {
        let movement = Movement::Credit(details.value);
        self.row.status = Status::Credited(details.clone());
        let record = self.row.log.append(details.clone(), evidence, keys.own);
        Step {
            movement,
            reply: Some(Message::ack(details, keys.pair)),
            record: Some(record),
        }
    }

    fn close(&mut self, details: PaymentDetails, mac: Mac, own: &MacKey) -> Step {
        self.row.status = Status::Idle;
        let record = self.row.log.append(details, Evidence::Ack { mac }, own);
        Step {
            movement: Movement::None,
            reply: None,
            record: Some(record),
        }
    }
}

impl Step {
    const fn saying(message: Message) -> Self {
        Self {
            movement: Movement::None,
            reply: Some(message),
            record: None,
        }
    }
}
