//! Books of one token, as simple as the routes allow.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use svgate::domain::Millis;
use svgate::domain::ids::{OutboxId, PurchaseId, TerminalId};
use svgate::domain::money::{Currency, MinorUnits};
use svgate::domain::pon::Pon;
use svgate::domain::purchase::State;
use svgate::domain::refusal::Refusal;
use svgate::gateway::books::{AckQuestion, Acks, Books, StoreError, StoredBatch};
use svgate::gateway::member::{
    AckView, Denied, KioskItem, KioskOrder, Member, Outcome, TerminalAct, Word,
};
use svgate::gateway::record::{BillingEntry, OutboxRow};
use svgate::http::wakes::Wakes;

use super::loopback::{NOW, terminal};

/// Books of one token, as simple as the routes allow.
#[derive(Clone)]
pub(super) struct FakeBooks(Arc<Mutex<Rows>>);

pub(super) struct Rows {
    pub(super) token_sha256: [u8; 32],
    pub(super) terminals: Vec<TerminalId>,
    pub(super) acks: Vec<AckView>,
    /// Acks that only their purchase finds.
    pub(super) closed: Vec<i64>,
    pub(super) orders: Vec<(KioskOrder, Pon)>,
    pub(super) acts: Vec<TerminalAct>,
    pub(super) seen: Millis,
    pub(super) signs_of_life: usize,
    pub(super) readings: usize,
    /// During which reading an ack is committed, and who is woken then.
    pub(super) commit_during_reading: Option<(usize, Wakes)>,
    pub(super) failure: Option<Failure>,
}

#[derive(Clone, Copy)]
pub(super) enum Failure {
    Busy,
    Unavailable,
    Unknown,
    Corrupt,
}

impl FakeBooks {
    pub(super) fn new(token_sha256: [u8; 32]) -> Self {
        Self(Arc::new(Mutex::new(Rows {
            token_sha256,
            terminals: vec![terminal()],
            acks: Vec::new(),
            closed: Vec::new(),
            orders: Vec::new(),
            acts: Vec::new(),
            seen: Millis(0),
            signs_of_life: 0,
            readings: 0,
            commit_during_reading: None,
            failure: None,
        })))
    }

    pub(super) fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap()
    }

    pub(super) fn readings(&self) -> usize {
        self.rows().readings
    }

    pub(super) fn publish(&self, ack: i64, state: State) {
        self.rows().publish(ack, state);
    }
}

impl Rows {
    pub(super) fn publish(&mut self, ack: i64, state: State) {
        self.acks.push(AckView {
            ack,
            // Above 2⁵³, where a script's number would lose its last digit.
            purchase: PurchaseId(9_007_199_254_740_993 + ack),
            state,
            item: Some("12".parse().unwrap()),
            units: 1,
            value: minor(200),
            currency: eur(),
            pon: None,
            remaining_ms: Some(15_000),
            taken: true,
        });
    }

    pub(super) fn fail(&self) -> Result<(), StoreError> {
        match self.failure {
            None => Ok(()),
            Some(Failure::Busy) => Err(StoreError::Busy),
            Some(Failure::Unavailable) => Err(StoreError::Unavailable("disk full".to_owned())),
            Some(Failure::Unknown) => Err(StoreError::Unknown),
            Some(Failure::Corrupt) => Err(StoreError::Corrupt("ack".to_owned())),
        }
    }

    pub(super) fn knows(&self, terminal: &TerminalId, token_sha256: [u8; 32]) -> bool {
        self.terminals.contains(terminal) && self.token_sha256 == token_sha256
    }

    pub(super) fn acted(&mut self, act: &TerminalAct) -> Outcome {
        if !self.knows(&act.terminal, act.token_sha256) {
            return Outcome::Refused(Denied::Credential);
        }
        self.acts.push(act.clone());
        let Some(view) = self.acks.iter_mut().find(|view| view.ack == act.ack) else {
            return Outcome::Refused(Denied::NotFound("ack"));
        };
        if self.closed.contains(&act.ack) && act.purchase != Some(view.purchase) {
            return Outcome::Refused(Denied::Conflict("closed".to_owned()));
        }
        let (state, taken) = match (act.word, view.state) {
            (Word::Accept, State::Paid | State::Accepted) => (State::Accepted, true),
            (Word::Dispensing, State::Accepted) => (State::Dispensing, true),
            (Word::Supplied { .. }, State::Dispensing) => (State::Supplied { units: 1 }, true),
            (Word::Supplied { .. }, State::Supplied { .. }) | (Word::Failed, State::Refunded) => {
                (view.state, true)
            }
            (_, stands) => (stands, false),
        };
        view.state = state;
        Outcome::Ack(AckView {
            taken,
            ..view.clone()
        })
    }

    pub(super) fn ordered(&mut self, order: &KioskOrder) -> Outcome {
        if !self.knows(&order.terminal, order.token_sha256) {
            return Outcome::Refused(Denied::Credential);
        }
        let known = self.orders.iter();
        let known = known
            .clone()
            .find(|(old, _)| old.client_reference == order.client_reference);
        let pon = match known {
            Some((old, pon)) if old.what == order.what => *pon,
            Some(_) => return Outcome::Refused(Denied::Conflict("another order".to_owned())),
            None => {
                let pon = order.candidates[0];
                self.orders.push((order.clone(), pon));
                pon
            }
        };
        let gross = match order.what {
            KioskItem::Item { code, .. } if code.as_str() == "NONE" => {
                return Outcome::Refused(Denied::Order(Refusal::UnknownItem));
            }
            KioskItem::Item { quantity, .. } => minor(260 * i64::from(quantity.units())),
            KioskItem::Amount(amount) => amount,
        };
        Outcome::Ordered {
            pon,
            purchase: PurchaseId(77),
            gross,
            currency: eur(),
            valid_ms: 120_000,
            state: State::Ordered,
        }
    }
}

impl Books for FakeBooks {
    async fn submit_within(
        &self,
        member: Member,
        _take_within: Duration,
    ) -> Result<Outcome, StoreError> {
        tokio::task::yield_now().await;
        let mut rows = self.rows();
        rows.fail()?;
        Ok(match member {
            Member::TerminalAct(act) => rows.acted(&act),
            Member::KioskOrder(order) => rows.ordered(&order),
            Member::Seen { .. } => {
                rows.signs_of_life += 1;
                rows.seen = Millis(NOW.0 + if rows.signs_of_life == 1 { 0 } else { 15_000 });
                Outcome::Done
            }
            Member::Arrival(_)
            | Member::Deadline { .. }
            | Member::Resolve(_)
            | Member::OutboxSettled(_)
            | Member::OutboxRetry(_)
            | Member::OutboxClaim(_)
            | Member::OutboxRelease(_)
            | Member::Receipt(_)
            | Member::LoadPurse(_)
            | Member::UnloadPurse(_)
            | Member::ImportLines(_)
            | Member::ImportMerchant(_)
            | Member::Token { .. }
            | Member::CloseBills { .. }
            | Member::PayBill(_)
            | Member::Reached { .. }
            | Member::Provisional(_)
            | Member::CloseBatch { .. }
            | Member::BatchWritten { .. }
            | Member::SweepSent { .. }
            | Member::ResetPin { .. }
            | Member::KeyEvents(_)
            | Member::CardOrder(_)
            | Member::Rotate(_)
            | Member::RekeysDue(_)
            | Member::KeyImport(_)
            | Member::EndEpoch(_)
            | Member::Adopt(_)
            | Member::SweepParts { .. } => panic!("no route submits this"),
        })
    }

    async fn acks(&self, question: AckQuestion) -> Result<Result<Acks, Denied>, StoreError> {
        tokio::task::yield_now().await;
        let answer = {
            let mut rows = self.rows();
            rows.fail()?;
            rows.readings += 1;
            if !rows.knows(&question.terminal, question.token_sha256) {
                return Ok(Err(Denied::Credential));
            }
            let mut acks = rows.acks.clone();
            acks.retain(|ack| ack.ack > question.after);
            let meanwhile = rows.commit_during_reading.clone();
            if let Some((_, wakes)) = meanwhile.filter(|(reading, _)| *reading == rows.readings) {
                rows.publish(1, State::Paid);
                wakes.wake(&question.terminal);
            }
            Acks {
                acks,
                seen: rows.seen,
            }
        };
        tokio::task::yield_now().await;
        Ok(Ok(answer))
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

    async fn batches_from(&self, _: i64) -> Result<Vec<StoredBatch>, StoreError> {
        Ok(Vec::new())
    }

    async fn entries(&self, _: i64, _: i64, _: u32) -> Result<Vec<BillingEntry>, StoreError> {
        Ok(Vec::new())
    }
}

pub(super) fn minor(amount: i64) -> MinorUnits {
    amount.try_into().unwrap()
}

pub(super) fn eur() -> Currency {
    "EUR".parse().unwrap()
}
