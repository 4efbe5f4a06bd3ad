//! What the books hold, read by SQL of our own: rows that changed, sums, and logs.

use std::collections::BTreeMap;

use serde::Deserialize;
use svgate::store::Direct;
use svgate::sv::log::{ChainHead, LogRecord, verify_chain};
use svgate::sv::transfer::TransferKeys;

/// One purchase as its row stands.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Row {
    pub id: i64,
    pub state: String,
    pub state_units: i64,
    pub units: i64,
    pub channel: String,
    pub subscriber: Option<i64>,
    pub terminal: Option<String>,
    pub item: Option<String>,
    pub pon: Option<u32>,
    pub client: Option<String>,
    pub ack: Option<i64>,
    /// Retail, wholesale, fee, tax.
    pub charge: [i64; 4],
    pub back: [i64; 4],
    pub paid: Option<i64>,
    pub changed: i64,
    pub deadline: Option<i64>,
    /// Hexadecimal digits of the evidence.
    pub received: String,
}

impl Row {
    pub fn gross(&self) -> i64 {
        self.charge[0] + self.charge[2]
    }

    pub fn gross_back(&self) -> i64 {
        self.back[0] + self.back[2]
    }

    pub fn ack_is_open(&self) -> bool {
        ["paid", "accepted", "dispensing", "unknown", "refunding"].contains(&self.state.as_str())
    }
}

/// One line: subscriber, account, number, card, limit, owed, cap of one purchase.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LineRow(
    pub i64,
    pub String,
    pub Option<i64>,
    pub Option<String>,
    pub i64,
    pub i64,
    pub i64,
);

/// One transfer: number, from, to, amount, kind, purchase.
#[derive(Clone, Debug, Deserialize)]
pub struct TransferRow(
    pub i64,
    pub i64,
    pub i64,
    pub i64,
    pub String,
    pub Option<i64>,
);

/// One message: id, purchase, whether it has a header, user data in hexadecimal.
#[derive(Clone, Debug, Deserialize)]
pub struct MessageRow(pub i64, pub Option<i64>, pub i64, pub String);

/// What a commit left behind, each in the order of its numbers.
#[derive(Clone, Debug, Default)]
pub struct Left {
    pub changed: Vec<Row>,
    pub lines: Vec<LineRow>,
    pub transfers: Vec<TransferRow>,
    pub messages: Vec<MessageRow>,
}

impl Left {
    pub async fn read(direct: &mut Direct) -> Self {
        let mut left = Self::default();
        for text in direct.texts(LEFT).await.expect("the books can be read") {
            let (tag, json) = text.split_at(1);
            match tag {
                "p" => left.changed.push(read(json)),
                "l" => left.lines.push(read(json)),
                "t" => left.transfers.push(read(json)),
                _ => left.messages.push(read(json)),
            }
        }
        left.changed.sort_by_key(|row| row.id);
        left.lines.sort_by_key(|line| line.0);
        left.transfers.sort_by_key(|transfer| transfer.0);
        left.messages.sort_by_key(|message| message.0);
        left
    }
}

/// Every row of a query, read from its JSON.
pub async fn rows<T: for<'a> Deserialize<'a>>(direct: &mut Direct, sql: &'static str) -> Vec<T> {
    let texts = direct.texts(sql).await.expect("the books can be read");
    texts.iter().map(|text| read(text)).collect()
}

fn read<T: for<'a> Deserialize<'a>>(json: &str) -> T {
    serde_json::from_str(json).expect("as asked")
}

/// Every rule that SQL can check, by name, with how often it is broken.
pub async fn broken_rules(direct: &mut Direct) -> BTreeMap<String, i64> {
    let rules: Vec<BTreeMap<String, i64>> = rows(direct, RULES).await;
    rules
        .into_iter()
        .flatten()
        .filter(|(_, broken)| *broken != 0)
        .collect()
}

/// Both ends' logs: chain-valid under their keys, and for each payment and each refund one record
/// at each end.
pub async fn check_logs(direct: &mut Direct, keys: TransferKeys<'_>, purchases: &[Row]) {
    let lanes = log(
        direct,
        "select hex(record) from purse_log order by record_no",
    )
    .await;
    let pos = log(direct, "select hex(record) from pos_log order by record_no").await;
    for (records, key) in [(&lanes, keys.lane), (&pos, keys.pos)] {
        let head = records
            .last()
            .map_or(ChainHead::default(), |last| ChainHead {
                count: last.no,
                mac: last.mac,
            });
        verify_chain(records, key, ChainHead::default(), head).expect("the chain holds");
        assert!(records.iter().all(|record| record.is_evidenced(keys.pair)));
        for row in purchases.iter().filter(|row| row.paid.is_some()) {
            let of = |refund: bool| {
                let of_this = records.iter().filter(move |record| {
                    let details = &record.details;
                    match &details.refund_of {
                        None => !refund && details.purchase.0 == row.id,
                        Some(_) => refund && refers_to(record, row),
                    }
                });
                of_this
                    .map(|record| record.details.value.minor())
                    .collect::<Vec<_>>()
            };
            assert_eq!(of(false), [row.charge[1]], "one payment of {row:?}");
            let back = if row.back == [0; 4] {
                vec![]
            } else {
                vec![row.back[1]]
            };
            assert_eq!(of(true), back, "what came back of {row:?}");
        }
    }
    let paid = purchases.iter().filter(|row| row.paid.is_some()).count();
    let back = purchases.iter().filter(|row| row.back != [0; 4]).count();
    assert_eq!(
        (lanes.len(), pos.len()),
        (paid + back, paid + back),
        "no record of anything else"
    );
}

async fn log(direct: &mut Direct, sql: &'static str) -> Vec<LogRecord> {
    let texts = direct.texts(sql).await.expect("the log can be read");
    let record = |text: &String| LogRecord::from_octets(&hex::decode(text).unwrap()).unwrap();
    texts.iter().map(record).collect()
}

/// Purchases and messages that the last commit wrote, its transfers, and every line; each with a
/// letter in front.
const LEFT: &str = "with now as (select committed_ms as ms from node)
select 'p' || json_object('id', purchase_id, 'state', state,
 'state_units', state_units, 'units', units, 'channel', channel, 'subscriber', subscriber_id,
 'terminal', terminal_id, 'item', item, 'pon', pon, 'client', client_reference, 'ack', ack,
 'charge', json_array(retail_minor, wholesale_minor, fee_minor, tax_minor),
 'back', json_array(back_retail_minor, back_wholesale_minor, back_fee_minor, back_tax_minor),
 'paid', paid_ms, 'changed', changed_ms, 'deadline', deadline_ms, 'received', hex(received))
 from purchase, now where changed_ms = now.ms
union all select 'l' || json_array(subscriber_id, account, msisdn, iccid,
 min(credit_limit_minor, ifnull(own_limit_minor, credit_limit_minor)), owed_minor,
 cap_minor) from line
union all select 't' || json_array(transfer_no, from_account, to_account, amount_minor, kind,
 purchase_id) from transfer, now where at_ms = now.ms
union all select 'm' || json_array(outbox_id, purchase_id, udhi, hex(user_data))
 from outbox, now where created_ms = now.ms";

/// Every purchase.
pub const ALL: &str = "select json_object('id', purchase_id, 'state', state,
 'state_units', state_units, 'units', units, 'channel', channel, 'subscriber', subscriber_id,
 'terminal', terminal_id, 'item', item, 'pon', pon, 'client', client_reference, 'ack', ack,
 'charge', json_array(retail_minor, wholesale_minor, fee_minor, tax_minor),
 'back', json_array(back_retail_minor, back_wholesale_minor, back_fee_minor, back_tax_minor),
 'paid', paid_ms, 'changed', changed_ms, 'deadline', deadline_ms, 'received', hex(received))
 from purchase order by purchase_id";

/// Bills, closed and open, whose total is not the sum of the entries that name them.
pub const BILLS_WITHOUT_ENTRIES: &str = "select count(*) from
 (select subscriber_id, number, total_minor as total from bill
  union all select subscriber_id, bill_number, bill_total_minor from line) b
 where b.total <> (select ifnull(sum(iif(kind = 'charge', 1, -1) * (retail_minor + fee_minor)), 0)
  from billing_entry e where e.subscriber_id = b.subscriber_id and e.bill_number = b.number)";

/// Each value counts how often a rule is broken: all are 0 after every commit.
const RULES: &str = "select json_object(
 'balances do not sum to 0', (select ifnull(sum(balance_minor), 0) from account)
  + (select ifnull(sum(owed_minor), 0) from line),
 'a balance is not the sum of its transfers', (select count(*) from
  (select account_no as no, balance_minor as balance from account
   union all select subscriber_id, owed_minor from line) b
  where b.balance <> (select ifnull(sum(amount_minor), 0) from transfer where to_account = b.no)
   - (select ifnull(sum(amount_minor), 0) from transfer where from_account = b.no)),
 'value in flight', (select count(*) from account where kind = 'in_flight' and balance_minor <> 0),
 'open acks are miscounted', (select count(*) from terminal t where open_acks <>
  (select count(*) from open_ack o join purchase p using (purchase_id)
   where o.terminal_id = t.terminal_id and p.state <> 'unknown')),
 'an ack is open without cause', (select count(*) from open_ack o join purchase p
  using (purchase_id) where p.ack <> o.ack or p.terminal_id <> o.terminal_id or p.state not in
  ('paid','accepted','dispensing','unknown','refunding')),
 'an ack is missing', (select count(*) from purchase p where p.state in
  ('paid','accepted','dispensing','unknown','refunding') and not exists
  (select 1 from open_ack o where o.terminal_id = p.terminal_id and o.ack = p.ack)),
 'ack numbers are not 1 to the last', (select count(*) from terminal t where
  (select count(distinct ack) || ' ' || count(ack) || ' ' || ifnull(max(ack), 0)
   from purchase p where p.terminal_id = t.terminal_id)
  <> last_ack || ' ' || last_ack || ' ' || last_ack),
 'more went back than was charged', (select count(*) from purchase where
  back_retail_minor > retail_minor or back_wholesale_minor > wholesale_minor
  or back_fee_minor > fee_minor or back_tax_minor > tax_minor),
 'refunds moved more than their purchase', (select count(*) from purchase p where
  (select ifnull(sum(amount_minor), 0) from transfer t where t.purchase_id = p.purchase_id
   and t.kind like 'refund%')
  <> back_retail_minor + back_fee_minor + 2 * back_wholesale_minor),
 'payments moved more than their purchase', (select count(*) from purchase p where
  (select ifnull(sum(amount_minor), 0) from transfer t where t.purchase_id = p.purchase_id
   and t.kind not like 'refund%') <> iif(paid_ms is null, 0,
   retail_minor + fee_minor + 2 * wholesale_minor)),
 'numbers have gaps', (select count(*) from node where
  transfer_no <> (select count(*) from transfer)
  or transfer_no <> (select ifnull(max(transfer_no), 0) from transfer)
  or entry_no <> (select count(*) from billing_entry)
  or entry_no <> (select ifnull(max(entry_no), 0) from billing_entry)),
 'bills do not hold the charges', (select count(*) from line l where bill_total_minor
  + (select ifnull(sum(total_minor), 0) from bill b where b.subscriber_id = l.subscriber_id)
  <> (select ifnull(sum(retail_minor + fee_minor - back_retail_minor - back_fee_minor), 0)
   from purchase p where p.subscriber_id = l.subscriber_id and paid_ms is not null)),
 'bill numbers have gaps', (select count(*) from line l where bill_number - 1 <>
  (select count(distinct number) from bill b where b.subscriber_id = l.subscriber_id)),
 'a bill overlaps the one before', (select count(*) from bill a join bill b
  on a.subscriber_id = b.subscriber_id and a.number = b.number - 1 where b.from_ms < a.to_ms),
 'an end is not billed', (select count(*) from purchase where paid_ms is not null
  and (state in ('supplied', 'refunded')) <> (billed = 2)),
 'entries differ from the purchase', (select count(*) from purchase p where billed > 0 and
  (select ifnull(sum(iif(kind = 'charge', 1, -1) * (retail_minor + fee_minor)), 0)
   || ' ' || sum(kind = 'charge') from billing_entry e where e.purchase_id = p.purchase_id)
  <> (retail_minor + fee_minor - iif(billed = 2, back_retail_minor + back_fee_minor, 0))
   || ' 1'),
 'batches overlap or leave a gap', (select count(*) from batch b where b.from_no <>
  ifnull((select a.to_no + 1 from batch a where a.sequence = b.sequence - 1), 1)),
 'paid and refused', (select count(*) from purchase where (paid_ms is not null)
  = (state in ('refused', 'expired', 'ordered', 'requested')))
)";

fn refers_to(record: &LogRecord, row: &Row) -> bool {
    let merchant = record.details.refund_of.as_ref();
    merchant.is_some_and(|original| original.0 == row.id)
}
