//! The books as of one moment, page by page, for the audit.

use crate::domain::ids::{PurchaseId, SubscriberId};
use crate::gateway::audit::{
    AccountBalance, AuditBooks, AuditSnapshot, LineOwed, LogRow, NodeEnds, SeriesEnds, TransferRow,
};
use crate::gateway::books::{StoreError, StoredBatch};
use crate::gateway::record::{BillingEntry, PurchaseRecord};
use crate::store::codec::take_purchase;
use crate::store::outgoing::{account, take_entry};
use crate::store::readers::Reading;
use crate::store::rows::{Columns, StoredRow, Value, corrupt};
use crate::store::tables::{BILLING_ENTRY, PURCHASE};
use crate::store::{Store, blobs, read};

/// A read transaction: every page shows the same books.
pub struct Snapshot {
    reading: Reading,
    node: u16,
}

impl AuditBooks for Store {
    type Snapshot = Snapshot;

    async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let reading = self.readers.begin().await?;
        let node = self.node;
        Ok(Snapshot { reading, node })
    }
}

impl Snapshot {
    async fn page(
        &mut self,
        sql: String,
        after: i64,
        most: u32,
    ) -> Result<Vec<StoredRow>, StoreError> {
        let arguments = [Value::Int(after), Value::Int(most.into())];
        self.reading.select(&sql, &arguments).await
    }

    async fn log(&mut self, table: &str, after: i64, most: u32) -> Result<Vec<LogRow>, StoreError> {
        let sql = format!(
            "select record_no, purse_id, record from {table} where record_no > $1
             order by record_no limit $2"
        );
        let rows = self.page(sql, after, most).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok(LogRow {
                    number: c.int()?,
                    purse: c.shared()?,
                    octets: c.octets()?.to_vec(),
                })
            })
            .collect()
    }
}

impl AuditSnapshot for Snapshot {
    async fn ends(&mut self) -> Result<SeriesEnds, StoreError> {
        let sql =
            "select node, series_from, transfer_no, entry_no, purse_log_no, pos_log_no from node
             order by series_from";
        let mut nodes = Vec::new();
        for row in &self.reading.select(sql, &[]).await? {
            let mut c = Columns::of(row);
            nodes.push(NodeEnds {
                node: c.small()?,
                from: c.int()?,
                transfer: c.int()?,
                entry: c.int()?,
                purse_log: c.int()?,
                pos_log: c.int()?,
            });
        }
        let sql = "select purse_id, currency, state from purse order by purse_id";
        let rows = self.reading.select(sql, &[]).await?;
        let mut chains = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut c = Columns::of(row);
            let (name, currency) = (c.parsed()?, c.parsed()?);
            let purse = blobs::purse(name, currency, c.octets()?)?;
            chains.push((purse.row().name.clone(), purse.row().log));
        }
        Ok(SeriesEnds { nodes, chains })
    }

    async fn purse_log(&mut self, after: i64, most: u32) -> Result<Vec<LogRow>, StoreError> {
        self.log("purse_log", after, most).await
    }

    async fn pos_log(&mut self, after: i64, most: u32) -> Result<Vec<LogRow>, StoreError> {
        self.log("pos_log", after, most).await
    }

    async fn purchases(
        &mut self,
        after: PurchaseId,
        most: u32,
    ) -> Result<Vec<PurchaseRecord>, StoreError> {
        let sql = format!(
            "select {} from purchase where purchase_id > $1 order by purchase_id limit $2",
            PURCHASE.list("")
        );
        let rows = self.page(sql, after.0, most).await?;
        rows.iter()
            .map(|row| take_purchase(&mut Columns::of(row)))
            .collect()
    }

    async fn transfers(&mut self, after: i64, most: u32) -> Result<Vec<TransferRow>, StoreError> {
        let sql = "select transfer_no, from_account, to_account, amount_minor, currency, kind,
             purchase_id from transfer where transfer_no > $1 order by transfer_no limit $2";
        let rows = self.page(sql.to_owned(), after, most).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok(TransferRow {
                    number: c.int()?,
                    from: c.int()?,
                    to: c.int()?,
                    amount_minor: c.int()?,
                    currency: c.parsed()?,
                    kind: c.shared()?,
                    purchase: c.opt_int()?.map(PurchaseId),
                })
            })
            .collect()
    }

    async fn accounts(&mut self, after: i64, most: u32) -> Result<Vec<AccountBalance>, StoreError> {
        let sql = "select account_no, kind, merchant_id, currency, balance_minor from account
             where account_no > $1 order by account_no limit $2";
        let rows = self.page(sql.to_owned(), after, most).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                let number = c.int()?;
                let (kind, merchant) = (c.text()?, c.text()?);
                Ok(AccountBalance {
                    number,
                    account: account(kind, merchant).ok_or_else(|| corrupt("account.kind"))?,
                    currency: c.parsed()?,
                    balance_minor: c.int()?,
                })
            })
            .collect()
    }

    async fn lines(&mut self, after: SubscriberId, most: u32) -> Result<Vec<LineOwed>, StoreError> {
        let sql = "select subscriber_id, account, currency, owed_minor from line
             where subscriber_id > $1 order by subscriber_id limit $2";
        let rows = self.page(sql.to_owned(), after.0, most).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok(LineOwed {
                    subscriber: SubscriberId(c.int()?),
                    account: c.shared()?,
                    currency: c.parsed()?,
                    owed_minor: c.int()?,
                })
            })
            .collect()
    }

    async fn entries(&mut self, after: i64, most: u32) -> Result<Vec<BillingEntry>, StoreError> {
        let sql = format!(
            "select {} from billing_entry where entry_no > $1 order by entry_no limit $2",
            BILLING_ENTRY.list("")
        );
        let rows = self.page(sql, after, most).await?;
        rows.iter()
            .map(|row| take_entry(&mut Columns::of(row)))
            .collect()
    }

    async fn batches(&mut self) -> Result<Vec<StoredBatch>, StoreError> {
        let own = format!("node = {} and", self.node);
        let rows = self.page(read::batches(&own), 0, u32::MAX).await?;
        rows.iter().map(read::batch).collect()
    }
}
