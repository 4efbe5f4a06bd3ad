//! What the gateway's books say when the demo is over, each sum from its own side's rows.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::dialogue::reply::PurchaseReference;
use crate::domain::ids::{PurchaseId, SubscriberId};
use crate::domain::purchase::State;
use crate::gateway::audit::AuditSnapshot;
use crate::gateway::books::StoreError;
use crate::gateway::record::PurchaseRecord;
use crate::sv::log::{Evidence, LogRecord};

/// The books as the demo compares them.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Purchases by outcome.
    pub(super) purchases: Outcomes,
    /// Refusals by cause.
    pub(super) refusals: BTreeMap<&'static str, u64>,
    /// Value that left the purse, by currency code, in minor units.
    pub(super) purse_paid: BTreeMap<&'static str, i128>,
    /// Value that came to the POS.
    pub(super) pos_received: BTreeMap<&'static str, i128>,
    /// Every purchase.
    pub(super) rows: HashMap<PurchaseId, Row>,
}

/// Purchases counted by what became of them.
///
/// requested = refused + expired + paid; paid = supplied + refunded + unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Outcomes {
    pub(super) requested: u64,
    pub(super) paid: u64,
    pub(super) refused: u64,
    pub(super) expired: u64,
    pub(super) supplied: u64,
    pub(super) refunded: u64,
    pub(super) unknown: u64,
    /// Not at an end: 0 when all is well.
    #[serde(skip)]
    pub(super) open: u64,
}

/// One purchase.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The operator's name for the account.
    pub(super) account: String,
    /// What the SIM called the order.
    pub(super) reference: Option<u32>,
    /// What the subscriber reads as its reference.
    pub(super) shown: String,
    /// Whether it was paid.
    pub(super) is_paid: bool,
    /// What the subscriber was charged before any refund.
    pub(super) gross_minor: i64,
    /// What it has become.
    pub(super) state: State,
}

impl Outcomes {
    fn add(&mut self, state: State) {
        let [one_more, paid] = match state {
            State::Refused { .. } => [&mut self.refused, &mut 0],
            State::Expired => [&mut self.expired, &mut 0],
            State::Supplied { .. } => [&mut self.supplied, &mut self.paid],
            State::Refunded => [&mut self.refunded, &mut self.paid],
            State::Unknown => [&mut self.unknown, &mut self.paid],
            State::Requested
            | State::Ordered
            | State::Paying
            | State::InDoubt
            | State::Paid
            | State::Accepted
            | State::Dispensing
            | State::Refunding { .. } => [&mut self.open, &mut 0],
        };
        *one_more = one_more.saturating_add(1);
        *paid = paid.saturating_add(1);
        self.requested = self.requested.saturating_add(1);
    }
}

impl Found {
    /// Reads the books.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub(super) async fn read(snapshot: &mut impl AuditSnapshot) -> Result<Self, StoreError> {
        let mut found = Self::default();
        let accounts = accounts(snapshot).await?;
        let mut after = PurchaseId(0);
        loop {
            let page = snapshot.purchases(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.life.id;
            for record in &page {
                found.add(record, &accounts);
            }
        }
        let mut after = 0;
        loop {
            let page = snapshot.purse_log(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            for row in &page {
                add_value(&mut found.purse_paid, &row.octets, Side::Payer)?;
            }
        }
        let mut after = 0;
        loop {
            let page = snapshot.pos_log(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            for row in &page {
                add_value(&mut found.pos_received, &row.octets, Side::Payee)?;
            }
        }
        Ok(found)
    }

    fn add(&mut self, record: &PurchaseRecord, accounts: &HashMap<SubscriberId, String>) {
        let state = record.life.state;
        self.purchases.add(state);
        if let State::Refused { cause } = state {
            let count = self.refusals.entry(cause.name()).or_default();
            *count = count.saturating_add(1);
        }
        let account = record.subscriber.and_then(|id| accounts.get(&id));
        let row = Row {
            account: account.cloned().unwrap_or_default(),
            reference: record.reference,
            shown: PurchaseReference(record.life.id).to_string(),
            is_paid: record.paid.is_some(),
            gross_minor: record.charge.gross().unwrap_or_default().minor(),
            state,
        };
        self.rows.insert(record.life.id, row);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Payer,
    Payee,
}

async fn accounts(
    snapshot: &mut impl AuditSnapshot,
) -> Result<HashMap<SubscriberId, String>, StoreError> {
    let mut accounts = HashMap::new();
    let mut after = SubscriberId(0);
    loop {
        let page = snapshot.lines(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(accounts);
        };
        after = last.subscriber;
        let named = page
            .iter()
            .map(|line| (line.subscriber, line.account.to_string()));
        accounts.extend(named);
    }
}

/// Adds a payment that this side's own record proves; refunds are sums of their own.
fn add_value(
    sums: &mut BTreeMap<&'static str, i128>,
    octets: &[u8],
    side: Side,
) -> Result<(), StoreError> {
    let record = LogRecord::from_octets(octets)
        .map_err(|bad| StoreError::Corrupt(format!("a log record: {bad}")))?;
    let counts = match record.evidence {
        Evidence::Ack { .. } => side == Side::Payer,
        Evidence::Val { .. } => side == Side::Payee,
        Evidence::LeftInEpa | Evidence::LeftInEpv => false,
    };
    if counts && record.details.refund_of.is_none() {
        let sum = sums.entry(record.details.currency.code()).or_default();
        *sum = sum.saturating_add(record.details.value.minor().into());
    }
    Ok(())
}

const PAGE: u32 = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::Refusal;

    #[test]
    fn what_was_requested_is_the_sum_of_what_became_of_it() {
        let mut outcomes = Outcomes::default();
        for state in [
            State::Refused {
                cause: Refusal::Busy,
            },
            State::Expired,
            State::Supplied { units: 1 },
            State::Supplied { units: 2 },
            State::Refunded,
            State::Unknown,
            State::Paid,
        ] {
            outcomes.add(state);
        }
        let Outcomes {
            requested,
            paid,
            refused,
            expired,
            supplied,
            refunded,
            unknown,
            open,
        } = outcomes;
        assert_eq!(requested, refused + expired + paid + open);
        assert_eq!(paid, supplied + refunded + unknown);
        assert_eq!((supplied, open), (2, 1));
    }
}
