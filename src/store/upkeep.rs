//! What the running gateway reads to keep the books in order.

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::ids::{OutboxId, PurchaseId, SubscriberId};
use crate::gateway::books::StoreError;
use crate::gateway::intake::Reach;
use crate::gateway::upkeep::Upkeep;
use crate::store::Store;
use crate::store::rows::{Columns, Value, corrupt};

impl Upkeep for Store {
    async fn last_commit(&self) -> Result<Option<Millis>, StoreError> {
        let sql = format!("select committed_ms from node where node = {}", self.node);
        let rows = self.readers.select(&sql, &[]).await?;
        let at = rows.first().map(|row| Columns::of(row).int()).transpose()?;
        Ok(at.filter(|at| *at > 0).map(Millis))
    }

    async fn reach(&self, smsc: &str) -> Result<Reach, StoreError> {
        let sql = "select state from reach where node = $1 and smsc = $2";
        let arguments = [Value::Int(self.node.into()), Value::Text(smsc.into())];
        let rows = self.readers.select(sql, &arguments).await?;
        let Some(row) = rows.first() else {
            return Ok(Reach::unbound_since(Millis::default()));
        };
        let state = Columns::of(row).octets()?;
        Reach::from_octets(state).ok_or_else(|| corrupt(format!("reach of {smsc}")))
    }

    async fn unclaimed(
        &self,
        smscs: Vec<Arc<str>>,
        now: Millis,
        most: u32,
    ) -> Result<Vec<OutboxId>, StoreError> {
        // Few rows have no sender: those of an SMSC that the node which wrote them has no bind to.
        let sql = "select outbox_id, smsc, expires_ms from outbox
             where node is null and parked is null and outbox_id > $1
             order by outbox_id limit $2";
        let rows = self.rows(sql.to_owned(), 0, most).await?;
        let mut found = Vec::new();
        for row in &rows {
            let mut c = Columns::of(row);
            let (id, smsc, expires) = (OutboxId(c.int()?), c.shared()?, Millis(c.int()?));
            if smscs.contains(&smsc) || expires <= now {
                found.push(id);
            }
        }
        Ok(found)
    }

    async fn not_in_stream(
        &self,
        after: PurchaseId,
        most: u32,
    ) -> Result<Vec<PurchaseId>, StoreError> {
        let sql = "select purchase_id from purchase
             where purchase_id > $1 and paid_ms is not null and billed <> 2
             and state in ('supplied', 'refunded') order by purchase_id limit $2";
        let rows = self.rows(sql.to_owned(), after.0, most).await?;
        rows.iter()
            .map(|row| Columns::of(row).int().map(PurchaseId))
            .collect()
    }

    async fn rekeys_due(&self, now: Millis, most: u32) -> Result<Vec<SubscriberId>, StoreError> {
        let sql = "select subscriber_id from line where rekey_due_ms <= $1
             order by rekey_due_ms, subscriber_id limit $2";
        let rows = self.rows(sql.to_owned(), now.0, most).await?;
        rows.iter()
            .map(|row| Columns::of(row).int().map(SubscriberId))
            .collect()
    }

    async fn open_paid_before(
        &self,
        paid_before: Millis,
        most: u32,
    ) -> Result<Vec<PurchaseId>, StoreError> {
        // What is not at its end has an open ack: few rows, and no index on purchases.
        let sql = "select purchase_id from purchase where purchase_id in
             (select purchase_id from open_ack) and paid_ms < $1 and billed = 0
             order by purchase_id limit $2";
        let rows = self.rows(sql.to_owned(), paid_before.0, most).await?;
        rows.iter()
            .map(|row| Columns::of(row).int().map(PurchaseId))
            .collect()
    }
}
