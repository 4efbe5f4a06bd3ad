//! What the running gateway reads to keep the books in order.

use crate::domain::Millis;
use crate::domain::ids::PurchaseId;
use crate::gateway::books::StoreError;
use crate::gateway::intake::Reach;
use crate::gateway::upkeep::Upkeep;
use crate::store::Store;
use crate::store::rows::{Columns, corrupt};
use crate::store::sqlite::unavailable;

impl Upkeep for Store {
    async fn last_commit(&self) -> Result<Option<Millis>, StoreError> {
        let row: (Option<i64>,) = sqlx::query_as("select max(committed_ms) from node")
            .fetch_one(&self.readers)
            .await
            .map_err(|e| unavailable(&e))?;
        Ok(row.0.filter(|at| *at > 0).map(Millis))
    }

    async fn reach(&self, smsc: &str) -> Result<Reach, StoreError> {
        let row: Option<(Vec<u8>,)> = sqlx::query_as("select state from reach where smsc = ?1")
            .bind(smsc.to_owned())
            .fetch_optional(&self.readers)
            .await
            .map_err(|e| unavailable(&e))?;
        let Some((state,)) = row else {
            return Ok(Reach::unbound_since(Millis::default()));
        };
        Reach::from_octets(&state).ok_or_else(|| corrupt(format!("reach of {smsc}")))
    }

    async fn open_paid_before(
        &self,
        paid_before: Millis,
        most: u32,
    ) -> Result<Vec<PurchaseId>, StoreError> {
        // What is not at its end has an open ack: few rows, and no index on purchases.
        let sql = "select purchase_id from purchase where purchase_id in
             (select purchase_id from open_ack) and paid_ms < ?1 and billed = 0
             order by purchase_id limit ?2";
        let rows = self.rows(sql.to_owned(), paid_before.0, most).await?;
        rows.iter()
            .map(|row| Columns::from(row, 0).int().map(PurchaseId))
            .collect()
    }
}
