//! The books as commands look at them: selects on the readers' connections.

use std::sync::Arc;

use crate::domain::Millis;
use crate::domain::bill::{Bill, Closed};
use crate::domain::catalogue::ShortCode;
use crate::domain::ids::{BillId, MerchantId, OutboxId, PurchaseId, SubscriberId, TerminalId};
use crate::domain::ledger::Balance;
use crate::domain::money::Currency;
use crate::domain::subscriber::Line;
use crate::gateway::books::StoreError;
use crate::gateway::imported_keys::{CardVersion, KeyImport};
use crate::gateway::record::PurchaseRecord;
use crate::gateway::views::{
    AccountBalance, AccountBill, CardsWanted, KeyEventRow, KnownCard, NoticeRow, Parked, Sent,
    SimView, Views,
};
use crate::store::Store;
use crate::store::codec::{take_epoch, take_purchase};
use crate::store::key_rows;
use crate::store::line_codec::take_line;
use crate::store::outgoing::{take_outbox, take_sent};
use crate::store::rows::{Columns, Rows, StoredRow, Value, corrupt};
use crate::store::statements::{KEYS, Query};
use crate::store::tables::{KEY_IMPORT, LINE, OUTBOX, PURCHASE, SENT};

impl Views for Store {
    async fn purchase(&self, id: PurchaseId) -> Result<Option<PurchaseRecord>, StoreError> {
        let columns = PURCHASE.list("");
        let sql = format!("select {columns} from purchase where purchase_id = $1 limit $2");
        let rows = self.rows(sql, id.0, 1).await?;
        let row = rows.first().map(|row| take_purchase(&mut Columns::of(row)));
        row.transpose()
    }

    async fn purchases(
        &self,
        state: &'static str,
        after: PurchaseId,
        most: u32,
    ) -> Result<Vec<PurchaseRecord>, StoreError> {
        let columns = PURCHASE.list("");
        let sql = format!(
            "select {columns} from purchase where state = $1 and purchase_id > $2
             order by purchase_id limit $3"
        );
        let state = Value::Text(state.into());
        let arguments = [state, Value::Int(after.0), Value::Int(most.into())];
        let rows = self.readers.select(&sql, &arguments).await?;
        rows.iter()
            .map(|row| take_purchase(&mut Columns::of(row)))
            .collect()
    }

    async fn epochs(&self) -> Result<(u16, u16), StoreError> {
        let sql = "select b.epoch, n.files_epoch from books b cross join node n
             where n.node = $1 limit $2";
        let rows = self.rows(sql.to_owned(), self.node.into(), 1).await?;
        let Some(row) = rows.first() else {
            return Ok((0, 0));
        };
        let mut c = Columns::of(row);
        Ok((c.small()?, c.small()?))
    }

    async fn parked(&self, after: OutboxId, most: u32) -> Result<Vec<Parked>, StoreError> {
        let sql = format!(
            "select {} from outbox where outbox_id > $1 and parked is not null
             order by outbox_id limit $2",
            OUTBOX.list("")
        );
        let rows = self.rows(sql, after.0, most).await?;
        rows.iter()
            .map(|row| {
                let (row, cause) = take_outbox(&mut Columns::of(row))?;
                let cause = cause.unwrap_or_default();
                Ok(Parked { row, cause })
            })
            .collect()
    }

    async fn sent(&self, after: OutboxId, most: u32) -> Result<Vec<Sent>, StoreError> {
        let columns = SENT.list("");
        let sql =
            format!("select {columns} from sent where outbox_id > $1 order by outbox_id limit $2");
        let rows = self.rows(sql, after.0, most).await?;
        rows.iter().map(sent).collect()
    }

    async fn sent_of(&self, purchase: PurchaseId) -> Result<Vec<Sent>, StoreError> {
        // By the numbers that it can have gone to, which are in an index.
        let columns = SENT.list("s.");
        let sql = format!(
            "select {columns} from sent s where s.purchase_id = $1 and s.msisdn in
             (select p.msisdn from purchase p where p.purchase_id = $1 union
              select l.msisdn from purchase p join line l on l.subscriber_id = p.subscriber_id
              where p.purchase_id = $1) order by s.outbox_id limit $2"
        );
        let rows = self.rows(sql, purchase.0, SENT_OF_ONE_MAX).await?;
        rows.iter().map(sent).collect()
    }

    async fn balances(&self) -> Result<Vec<AccountBalance>, StoreError> {
        let sql = "select node, kind, merchant_id, currency, balance_minor from account
             where account_no > $1 order by kind, merchant_id, currency, node limit $2";
        let rows = self.rows(sql.to_owned(), 0, ROWS_MAX).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok(AccountBalance {
                    node: c.small()?,
                    kind: c.shared()?,
                    merchant: c.text()?.parse().ok(),
                    currency: c.parsed()?,
                    balance: Balance(c.int()?),
                })
            })
            .collect()
    }

    async fn bills(
        &self,
        account: Option<Arc<str>>,
        after: BillId,
        most: u32,
    ) -> Result<Vec<AccountBill>, StoreError> {
        let sql = "select l.account, b.bill_id, b.subscriber_id, b.number, b.currency,
               b.total_minor, b.from_ms, b.to_ms, b.cause
             from bill b join line l on l.subscriber_id = b.subscriber_id
             where b.bill_id > $1 and (cast($3 as text) is null or l.account = $3)
             order by b.bill_id limit $2";
        let account = account.map_or(Value::Null, Value::Text);
        let arguments = [Value::Int(after.0), Value::Int(most.into()), account];
        let rows = self.readers.select(sql, &arguments).await?;
        rows.iter().map(bill).collect()
    }

    async fn lines_open_before(
        &self,
        cut_off: Millis,
        after: SubscriberId,
        most: u32,
    ) -> Result<Vec<SubscriberId>, StoreError> {
        let sql = "select subscriber_id from line
             where subscriber_id > $1 and bill_since_ms < $2 and bill_entries > 0
             order by subscriber_id limit $3";
        let arguments = [after.0, cut_off.0, most.into()].map(Value::Int);
        let rows = self.readers.select(sql, &arguments).await?;
        rows.iter()
            .map(|row| Columns::of(row).int().map(SubscriberId))
            .collect()
    }

    async fn currencies(
        &self,
        accounts: Vec<Arc<str>>,
    ) -> Result<Vec<(Arc<str>, Currency)>, StoreError> {
        let mut wanted = Rows::default();
        for account in &accounts {
            wanted.row().text(account).end();
        }
        let mut query = Query::default();
        let sql = format!(
            "select l.account, l.currency from ({KEYS}) w cross join line l
             where l.account = w.column1"
        );
        query.read(wanted, &sql);
        let rows = self.readers.query(&query).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok((c.shared()?, c.parsed()?))
            })
            .collect()
    }

    async fn merchants(&self) -> Result<Vec<(MerchantId, Currency)>, StoreError> {
        let sql = "select merchant_id, currency from merchant where $1 = 0
             order by merchant_id limit $2";
        let rows = self.rows(sql.to_owned(), 0, ROWS_MAX).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok((c.parsed()?, c.parsed()?))
            })
            .collect()
    }

    async fn terminals(&self) -> Result<Vec<(TerminalId, ShortCode, MerchantId)>, StoreError> {
        let sql = "select terminal_id, short_code, merchant_id from terminal
             where terminal_no > $1 order by terminal_id limit $2";
        let rows = self.rows(sql.to_owned(), 0, ROWS_MAX).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                let terminal = c.parsed()?;
                let code = ShortCode::try_from(c.small::<u32>()?);
                let code = code.map_err(|_| corrupt("a short code is out of range"))?;
                Ok((terminal, code, c.parsed()?))
            })
            .collect()
    }

    async fn sim(&self, account: Arc<str>) -> Result<Option<SimView>, StoreError> {
        let sql = format!("select {} from line where account = $1", LINE.list(""));
        let rows = self.readers.select(&sql, &[Value::Text(account)]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let line = take_line(&mut Columns::of(row))?;
        let sql = "select epoch, (select min(files_epoch) from node), plain_from_ms, counter_margin
             from books";
        let rows = self.readers.select(sql, &[]).await?;
        let books = rows
            .first()
            .map(|row| take_epoch(&mut Columns::of(row)))
            .transpose()?
            .unwrap_or_default();
        let to = line.msisdn.map(|to| Value::Int(to.expose_number()));
        let (mut waiting, mut parked) = (0_u64, 0_u64);
        let sql = format!(
            "select {} from outbox where msisdn = $1 and udhi = 1 and protocol_id = 127",
            OUTBOX.list("")
        );
        for row in &self
            .readers
            .select(&sql, &[to.unwrap_or(Value::Null)])
            .await?
        {
            let (_, cause) = take_outbox(&mut Columns::of(row))?;
            let of = if cause.is_some() {
                &mut parked
            } else {
                &mut waiting
            };
            *of = of.saturating_add(1);
        }
        let sql = format!(
            "{NOTICES} where subscriber_id = $1 and kind in ('clone', 'reference')
             order by notice_no desc limit 1"
        );
        let rows = self
            .readers
            .select(&sql, &[Value::Int(line.subscriber.0)])
            .await?;
        let alarm = rows.first().map(notice).transpose()?;
        Ok(Some(SimView {
            line,
            books,
            waiting,
            parked,
            alarm,
        }))
    }

    async fn cards(
        &self,
        wanted: CardsWanted,
        after: SubscriberId,
        most: u32,
    ) -> Result<Vec<(SubscriberId, Arc<str>)>, StoreError> {
        let mut sql = "select subscriber_id, account from line
             where subscriber_id > $1 and iccid is not null and msisdn is not null"
            .to_owned();
        let mut arguments = vec![Value::Int(after.0), Value::Int(most.into())];
        let below = wanted.below.map(|version| Value::Int(version.into()));
        for (condition, value) in [
            ("and iccid = $", wanted.iccid.map(Value::Text)),
            ("and class = $", wanted.class.map(Value::Text)),
            (
                "and (pending_keys is null or rekey_due_ms is null) and key_version < $",
                below,
            ),
        ] {
            if let Some(value) = value {
                arguments.push(value);
                sql = format!("{sql} {condition}{}", arguments.len());
            }
        }
        sql.push_str(" order by subscriber_id limit $2");
        let rows = self.readers.select(&sql, &arguments).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok((SubscriberId(c.int()?), c.shared()?))
            })
            .collect()
    }

    async fn key_events(
        &self,
        subject: Option<Arc<str>>,
        after: i64,
        most: u32,
    ) -> Result<Vec<KeyEventRow>, StoreError> {
        let sql = "select event_no, at_ms, node, who, what, subject, detail from key_event
             where event_no > $1 and (cast($3 as text) is null or subject = $3)
             order by event_no desc limit $2";
        let subject = subject.map_or(Value::Null, Value::Text);
        let arguments = [Value::Int(after), Value::Int(most.into()), subject];
        let rows = self.readers.select(sql, &arguments).await?;
        rows.iter()
            .rev()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok(KeyEventRow {
                    number: c.int()?,
                    at: Millis(c.int()?),
                    node: c.small()?,
                    who: c.shared()?,
                    what: c.shared()?,
                    subject: c.shared()?,
                    detail: c.shared()?,
                })
            })
            .collect()
    }

    async fn rekeys(&self, after: SubscriberId, most: u32) -> Result<Vec<Line>, StoreError> {
        let sql = format!(
            "select {} from line where subscriber_id > $1 and pending_keys is not null
             order by subscriber_id limit $2",
            LINE.list("")
        );
        let rows = self.rows(sql, after.0, most).await?;
        rows.iter()
            .map(|row| take_line(&mut Columns::of(row)))
            .collect()
    }

    async fn notices(&self, after: i64, most: u32) -> Result<Vec<NoticeRow>, StoreError> {
        let sql = format!("{NOTICES} where notice_no > $1 order by notice_no limit $2");
        let rows = self.rows(sql, after, most).await?;
        rows.iter().map(notice).collect()
    }

    async fn known_cards(
        &self,
        cards: Vec<(Arc<str>, Arc<str>)>,
    ) -> Result<Vec<KnownCard>, StoreError> {
        let rows = self.readers.query(&key_rows::known(&cards)).await?;
        rows.iter()
            .map(|row| key_rows::take_known(&mut Columns::of(row)))
            .collect()
    }

    async fn key_imports(
        &self,
        after: i64,
        most: u32,
    ) -> Result<Vec<(i64, KeyImport)>, StoreError> {
        let columns = KEY_IMPORT.list("");
        let sql = format!(
            "select {columns} from key_import where import_no > $1 order by import_no limit $2"
        );
        let rows = self.rows(sql, after, most).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok((c.int()?, key_rows::take_key_import(&mut c)?))
            })
            .collect()
    }

    async fn cards_of_import(
        &self,
        import: i64,
        after: Arc<str>,
        most: u32,
    ) -> Result<Vec<CardVersion>, StoreError> {
        let sql = "select iccid, key_version from card_key
             where import_no = $1 and iccid > $2 order by iccid limit $3";
        let arguments = [
            Value::Int(import),
            Value::Text(after),
            Value::Int(most.into()),
        ];
        let rows = self.readers.select(sql, &arguments).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(row);
                Ok((c.shared()?, c.small()?))
            })
            .collect()
    }

    async fn schema(&self) -> Result<i64, StoreError> {
        let sql = "select coalesce(max(version), 0) from _sqlx_migrations
             where version > $1 limit $2";
        let rows = self.rows(sql.to_owned(), 0, 1).await?;
        let version = rows.first().map(|row| Columns::of(row).int());
        version.unwrap_or(Ok(0))
    }
}

fn sent(row: &StoredRow) -> Result<Sent, StoreError> {
    let (id, row) = take_sent(&mut Columns::of(row))?;
    Ok(Sent { id, row })
}

fn notice(row: &StoredRow) -> Result<NoticeRow, StoreError> {
    let mut c = Columns::of(row);
    Ok(NoticeRow {
        number: c.int()?,
        at: Millis(c.int()?),
        kind: c.shared()?,
        purchase: c.opt_int()?.map(PurchaseId),
        subscriber: c.opt_int()?.map(SubscriberId),
        text: c.shared()?,
    })
}

fn bill(row: &StoredRow) -> Result<AccountBill, StoreError> {
    let mut c = Columns::of(row);
    Ok(AccountBill {
        account: c.shared()?,
        bill: Bill {
            id: BillId(c.int()?),
            subscriber: SubscriberId(c.int()?),
            number: c.small()?,
            currency: c.parsed()?,
            total_minor: c.int()?,
            from: Millis(c.int()?),
            to: Millis(c.int()?),
            cause: cause(c.text()?)?,
        },
    })
}

fn cause(name: &str) -> Result<Closed, StoreError> {
    [Closed::CutOff, Closed::Maximum]
        .into_iter()
        .find(|cause| cause.name() == name)
        .ok_or_else(|| corrupt(format!("a bill was closed by {name:?}")))
}

const NOTICES: &str = "select notice_no, at_ms, kind, purchase_id, subscriber_id, text from notice";
/// Messages about one purchase: it has few, unless its order is repeated for days.
const SENT_OF_ONE_MAX: u32 = 100;
/// Accounts, merchants and terminals of one answer: more than any operator has.
const ROWS_MAX: u32 = 10_000_000;
