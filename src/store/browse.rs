//! The books as the USSD menu reads them: selects by key on the readers' connections.

use std::sync::Arc;

use crate::domain::catalogue::ShortCode;
use crate::domain::ids::{MerchantId, PurchaseId};
use crate::domain::imsi::Imsi;
use crate::domain::merchant::{Item, Merchant, Terminal};
use crate::domain::msisdn::Msisdn;
use crate::domain::pon::Pon;
use crate::domain::subscriber::Line;
use crate::gateway::books::StoreError;
use crate::gateway::browse::Browse;
use crate::gateway::record::PurchaseRecord;
use crate::store::Store;
use crate::store::codec::{take_item, take_merchant, take_purchase, take_terminal};
use crate::store::line_codec::take_line;
use crate::store::rows::{Columns, Rows, Value, corrupt};
use crate::store::statements::{KEYS, Query};
use crate::store::tables::{ITEM, LINE, MERCHANT, PURCHASE, TERMINAL};

impl Browse for Store {
    async fn line(&self, msisdn: Msisdn) -> Result<Option<Line>, StoreError> {
        let sql = format!(
            "select {} from line where msisdn = $1 limit $2",
            LINE.list("")
        );
        let rows = self.rows(sql, msisdn.expose_number(), 1).await?;
        let row = rows.first().map(|row| take_line(&mut Columns::of(row)));
        row.transpose()
    }

    async fn number_of(&self, imsi: &Imsi) -> Result<Option<Msisdn>, StoreError> {
        // One whose card or number has passed to another has neither any more.
        let sql = "select msisdn from line
             where imsi = $1 and iccid is not null and msisdn is not null limit 2";
        let imsi = Value::Text(imsi.expose_digits().into());
        let rows = self.readers.select(sql, &[imsi]).await?;
        let [row] = rows.as_slice() else {
            return Ok(None);
        };
        let number = Msisdn::try_from(Columns::of(row).int()?);
        number.map(Some).map_err(|_| corrupt("line.msisdn"))
    }

    async fn shop(
        &self,
        short_code: ShortCode,
    ) -> Result<Option<(Terminal, Merchant)>, StoreError> {
        let sql = format!(
            "select {}, {} from terminal t join merchant m on m.merchant_id = t.merchant_id
             where t.short_code = $1 limit $2",
            TERMINAL.list("t."),
            MERCHANT.list("m.")
        );
        let rows = self.rows(sql, short_code.number().into(), 1).await?;
        let row = rows.first().map(|row| {
            let mut c = Columns::of(row);
            Ok((take_terminal(&mut c)?, take_merchant(&mut c)?))
        });
        row.transpose()
    }

    async fn price_list(&self, merchant: &MerchantId) -> Result<Vec<Item>, StoreError> {
        let sql = format!(
            "select {} from item where merchant_id = $1 order by code limit {ITEMS_MAX}",
            ITEM.list("")
        );
        let merchant = Value::Text(merchant.as_str().into());
        let rows = self.readers.select(&sql, &[merchant]).await?;
        rows.iter()
            .map(|row| take_item(&mut Columns::of(row)).map(|(_, item)| item))
            .collect()
    }

    async fn nearest(
        &self,
        short_code: ShortCode,
        most: u32,
    ) -> Result<Vec<(ShortCode, Arc<str>)>, StoreError> {
        let mut nearest = Vec::new();
        for (side, order) in [("<", "desc"), (">=", "asc")] {
            let sql = format!(
                "select t.short_code, m.name from terminal t
                 join merchant m on m.merchant_id = t.merchant_id
                 where t.short_code {side} $1 and t.in_service = 1 and m.open = 1
                 order by t.short_code {order} limit $2"
            );
            for row in &self.rows(sql, short_code.number().into(), most).await? {
                let mut c = Columns::of(row);
                let code = ShortCode::try_from(c.small::<u32>()?);
                let code = code.map_err(|_| corrupt("a short code is out of range"))?;
                nearest.push((code, c.shared()?));
            }
        }
        Ok(nearest)
    }

    async fn waiting(&self, pon: Pon) -> Result<Option<(PurchaseRecord, Arc<str>)>, StoreError> {
        let sql = format!(
            "select {}, coalesce(m.name, '') from pon o
             join purchase p on p.purchase_id = o.purchase_id
             left join merchant m on m.merchant_id = p.merchant_id
             where o.pon = $1 limit $2",
            PURCHASE.list("p.")
        );
        let rows = self.rows(sql, pon.number().into(), 1).await?;
        let row = rows.first().map(|row| named(&mut Columns::of(row)));
        row.transpose()
    }

    async fn bought(
        &self,
        purchases: Vec<PurchaseId>,
    ) -> Result<Vec<(PurchaseRecord, Arc<str>)>, StoreError> {
        if purchases.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted = Rows::default();
        for id in &purchases {
            wanted.row().int(id.0).end();
        }
        let mut query = Query::default();
        query.read(
            wanted,
            &format!(
                "select {}, coalesce(m.name, '') from ({KEYS}) k
                 cross join purchase p
                 left join merchant m on m.merchant_id = p.merchant_id
                 where p.purchase_id = k.column1",
                PURCHASE.list("p.")
            ),
        );
        let rows = self.readers.query(&query).await?;
        rows.iter()
            .map(|row| named(&mut Columns::of(row)))
            .collect()
    }
}

/// A purchase and the name of who is paid.
fn named(c: &mut Columns<'_>) -> Result<(PurchaseRecord, Arc<str>), StoreError> {
    Ok((take_purchase(c)?, c.shared()?))
}

/// A merchant's whole list: more than any machine has room for.
const ITEMS_MAX: u32 = 1_000;
