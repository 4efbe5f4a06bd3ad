//! What is looked at without deciding: polls, timers, exports.

use std::time::Duration;

use crate::domain::Millis;
use crate::domain::ids::{OutboxId, PurchaseId};
use crate::gateway::books::{ACKS_MAX, AckQuestion, Acks, Books, StoreError, StoredBatch};
use crate::gateway::member::{AckView, Denied, Member, Outcome};
use crate::gateway::record::{BillingEntry, OutboxRow};
use crate::gateway::world::ClosedBatch;
use crate::store::Store;
use crate::store::codec::{pon, take_state};
use crate::store::outgoing::{take_entry, take_outbox};
use crate::store::rows::{Columns, StoredRow, Value};
use crate::store::tables::{BILLING_ENTRY, OUTBOX};

impl Books for Store {
    async fn submit_within(
        &self,
        member: Member,
        take_within: Duration,
    ) -> Result<Outcome, StoreError> {
        self.decided(member, take_within).await
    }

    async fn acks(&self, question: AckQuestion) -> Result<Result<Acks, Denied>, StoreError> {
        let terminal = Value::Text(question.terminal.as_str().into());
        let arguments = [terminal, Value::Int(question.after)];
        let sql = format!("{ACKS} limit {ACKS_MAX}");
        let rows = self.readers.select(&sql, &arguments).await?;
        let mut acks = Acks::default();
        let mut known = false;
        for row in &rows {
            let mut c = Columns::of(row);
            acks.seen = Millis(c.int()?);
            known = c.opt_octets()? == Some(&question.token_sha256);
            if let Some(ack) = c.opt_int()? {
                acks.acks.extend(view(&mut c, ack, question.now)?);
            }
        }
        Ok(if known {
            Ok(acks)
        } else {
            Err(Denied::Credential)
        })
    }

    async fn outbox_after(&self, after: OutboxId, most: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = format!(
            "select {} from outbox where outbox_id > $1 and parked is null and node = {}
             order by outbox_id limit $2",
            OUTBOX.list(""),
            self.node
        );
        let rows = self.rows(sql, after.0, most).await?;
        rows.iter()
            .map(|row| take_outbox(&mut Columns::of(row)).map(|(row, _)| row))
            .collect()
    }

    async fn deadlines_after(
        &self,
        after: PurchaseId,
        most: u32,
    ) -> Result<Vec<(PurchaseId, Millis)>, StoreError> {
        // Paid ones are found by their open acks, tentative ones by their numbers: both are few.
        let sql = "select purchase_id, deadline_ms from purchase where purchase_id in
             (select purchase_id from open_ack union select purchase_id from pon where open = 1)
             and purchase_id > $1 and deadline_ms is not null order by purchase_id limit $2";
        let rows = self.rows(sql.to_owned(), after.0, most).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok((PurchaseId(c.int()?), Millis(c.int()?)))
            })
            .collect()
    }

    async fn batches_from(&self, sequence: i64) -> Result<Vec<StoredBatch>, StoreError> {
        let sql = batches(&format!("node = {} and", self.node));
        let rows = self.rows(sql, sequence, BATCHES_MAX).await?;
        rows.iter().map(batch).collect()
    }

    async fn entries(
        &self,
        from: i64,
        to: i64,
        most: u32,
    ) -> Result<Vec<BillingEntry>, StoreError> {
        let sql = format!(
            "select {} from billing_entry where entry_no between $1 and $2
             order by entry_no limit $3",
            BILLING_ENTRY.list("")
        );
        let arguments = [Value::Int(from), Value::Int(to), Value::Int(most.into())];
        let rows = self.readers.select(&sql, &arguments).await?;
        rows.iter()
            .map(|row| take_entry(&mut Columns::of(row)))
            .collect()
    }
}

impl Store {
    /// Rows of a select with a key and a limit.
    pub(super) async fn rows(
        &self,
        sql: String,
        after: i64,
        most: u32,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let arguments = [Value::Int(after), Value::Int(most.into())];
        self.readers.select(&sql, &arguments).await
    }
}

/// A closed batch with the hash of its file.
pub(super) fn batch(row: &StoredRow) -> Result<StoredBatch, StoreError> {
    let mut c = Columns::of(row);
    let batch = ClosedBatch {
        sequence: c.int()?,
        from_entry: c.int()?,
        to_entry: c.int()?,
        closed: Millis(c.int()?),
    };
    let sha256 = c.opt_octets()?.and_then(|octets| octets.try_into().ok());
    Ok(StoredBatch { batch, sha256 })
}

/// Closed batches from a number on, those of `whose` nodes.
pub(super) fn batches(whose: &str) -> String {
    format!(
        "select sequence, from_no, to_no, closed_ms, sha256 from batch
         where {whose} sequence >= $1 order by node, sequence limit $2"
    )
}

/// What a poll shows, and no more: most polls find nothing, and every column of nothing costs too.
const ACKS: &str = "select t.seen_ms, t.token_sha256, o.ack, p.purchase_id, p.state,
     p.state_units, p.item, p.units, p.wholesale_minor, p.currency, p.pon, p.deadline_ms
     from terminal t
     left join open_ack o on o.terminal_id = t.terminal_id and o.ack > $2
     left join purchase p on p.purchase_id = o.purchase_id
     where t.terminal_id = $1 order by o.ack";

/// An open ack of a poll, unless the purchase reached its end meanwhile.
fn view(c: &mut Columns<'_>, ack: i64, now: Millis) -> Result<Option<AckView>, StoreError> {
    let view = AckView {
        ack,
        purchase: PurchaseId(c.int()?),
        state: take_state(c)?,
        item: c.opt_parsed()?,
        units: c.small()?,
        value: c.small()?,
        currency: c.parsed()?,
        pon: c.opt_small::<u32>()?.map(pon).transpose()?,
        remaining_ms: c
            .opt_int()?
            .map(|deadline| Millis(deadline).since(now).max(0)),
        taken: true,
    };
    Ok(view.state.ack_is_open().then_some(view))
}

/// Batches of one answer: a year of hourly files.
const BATCHES_MAX: u32 = 10_000;
