//! One row of a billing file: RFC 4180 with `;` between cells, one canonical form for each entry.
//!
//! ```text
//! D;17;charge;5839201;;A-1001;491701234567;m1;12;1;EUR;2;260;218;42;vat19;200;8;10;20260301;…
//! ```
//! | cell | what | cell | what |
//! |---|---|---|---|
//! | 1 | `D` | 15 | tax inside gross |
//! | 2 | entry, gapless | 16 | tax code |
//! | 3 | `charge` or `refund` | 17 | wholesale: what the merchant was paid |
//! | 4 | purchase | 18 | margin, may be below 0 |
//! | 5 | refund: entry of its charge | 19 | fee |
//! | 6 | account | 20 | business date, yyyymmdd |
//! | 7 | MSISDN, digits; empty where the profile says so | 21 | event, RFC 3339 with ms and offset |
//! | 8 | merchant | 22 | bill number of the account |
//! | 9 | item; empty for an amount | 23 | channel |
//! | 10 | pieces | 24 | 1 when late: it happened before this batch was opened |
//! | 11 | ISO 4217 code | 25 | 1 when provisional: the purchase's end was still open |
//! | 12 | exponent of the amounts | | |
//! | 13 | gross | | |
//! | 14 | net: gross less tax | | |
//!
//! Amounts are integers in minor units and positive for refunds too; gross = wholesale + margin +
//! fee + tax. Text that a spreadsheet would take for a formula has a `'` before it, and so has text
//! that begins with `'`. A row that is not written just so is refused: reading it and writing it
//! again must give the same octets.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};

use crate::domain::Millis;
use crate::domain::catalogue::ItemCode;
use crate::domain::charge::Charge;
use crate::domain::ids::{MerchantId, PurchaseId};
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::msisdn::Msisdn;
use crate::gateway::audit::Billed;
use crate::gateway::record::{BillingEntry, Channel, EntryKind};

/// One entry as a file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What money is asked or given back, and for which purchase.
    pub billed: Billed,
    /// The number that ordered, where the profile exposes it.
    pub msisdn: Option<Msisdn>,
    /// Who was paid.
    pub merchant: MerchantId,
    /// What was bought; none for an amount.
    pub item: Option<ItemCode>,
    /// Pieces.
    pub units: u8,
    /// Names the tax rate.
    pub tax_code: Arc<str>,
    /// The calendar day in the operator's zone, yyyymmdd.
    pub business_date: i32,
    /// When it happened.
    pub event: When,
    /// The account's bill that holds it.
    pub bill_number: u32,
    /// How the order came.
    pub channel: Channel,
    /// Whether it happened before its batch was opened.
    pub late: bool,
    /// Whether the purchase's end was still open.
    pub provisional: bool,
}

impl Row {
    /// The row of `entry` in a batch that was opened at `opened`.
    ///
    /// # Errors
    ///
    /// [`BadRow`] when the entry's amounts don't fit each other, or its time fits no calendar.
    pub fn of(
        entry: &BillingEntry,
        opened: Option<Millis>,
        zone: &TimeZone,
        exposes_msisdn: bool,
    ) -> Result<Self, BadRow> {
        Ok(Self {
            billed: Billed::of(entry).map_err(|_| BadRow("amounts"))?,
            msisdn: entry.msisdn.filter(|_| exposes_msisdn),
            merchant: entry.merchant.clone(),
            item: entry.item,
            units: entry.units,
            tax_code: Arc::clone(&entry.tax_code),
            business_date: entry.business_date,
            event: When::in_zone(entry.at, zone)?,
            bill_number: entry.bill_number,
            channel: entry.channel,
            late: opened.is_some_and(|opened| entry.at < opened),
            provisional: entry.provisional,
        })
    }

    /// Adds the row with its line feed.
    pub(super) fn write(&self, out: &mut String) {
        let billed = &self.billed;
        let charge = &billed.charge;
        out.push('D');
        put(out, billed.number);
        put(out, billed.kind.name());
        put(out, billed.purchase);
        put_some(out, billed.original);
        put_text(out, &billed.account);
        put_some(out, self.msisdn.map(Msisdn::expose_number));
        put_text(out, self.merchant.as_str());
        put_some(out, self.item);
        put(out, self.units);
        put(out, billed.currency);
        put(out, billed.currency.exponent());
        put(out, billed.gross.minor());
        put(out, billed.net.minor());
        put(out, charge.tax.minor());
        put_text(out, &self.tax_code);
        put(out, charge.wholesale.minor());
        put(out, billed.margin);
        put(out, charge.fee.minor());
        put(out, self.business_date);
        put(out, self.event);
        put(out, self.bill_number);
        put(out, self.channel.name());
        put(out, u8::from(self.late));
        put(out, u8::from(self.provisional));
        out.push('\n');
    }

    /// Reads one row without its line feed.
    ///
    /// # Errors
    ///
    /// [`BadRow`] names the first cell that is not as the table above says.
    pub(super) fn read(record: &str) -> Result<Self, BadRow> {
        let mut cells = Cells::of(record).ok_or(BadRow("quoting"))?;
        cells.literal("record type", "D")?;
        let number = cells.parsed("entry")?;
        let kind = cells.text("kind")?;
        let kind = EntryKind::by_name(&kind).ok_or(BadRow("kind"))?;
        let purchase: PurchaseId = cells.parsed("purchase")?;
        let original = cells.optional("original entry")?;
        let account = unguarded(&cells.text("account")?).into();
        let msisdn = cells.optional::<i64>("msisdn")?.map(Msisdn::try_from);
        let msisdn = msisdn.transpose().map_err(|_| BadRow("msisdn"))?;
        let merchant = unguarded(&cells.text("merchant")?).parse();
        let merchant = merchant.map_err(|_| BadRow("merchant"))?;
        let item = cells.optional("item")?;
        let units = cells.parsed("pieces")?;
        let currency: Currency = cells.parsed("currency")?;
        cells.literal("exponent", &currency.exponent().to_string())?;
        let gross = cells.amount("gross")?;
        let net = cells.amount("net")?;
        let tax = cells.amount("tax")?;
        let tax_code = unguarded(&cells.text("tax code")?).into();
        let wholesale = cells.amount("wholesale")?;
        let margin: i64 = cells.parsed("margin")?;
        let fee = cells.amount("fee")?;
        let retail = gross.minus(fee).map_err(|_| BadRow("fee"))?;
        let billed = Billed {
            number,
            kind,
            purchase,
            original,
            account,
            currency,
            gross,
            net,
            margin,
            charge: Charge {
                retail,
                wholesale,
                fee,
                tax,
            },
        };
        if !billed.adds_up() {
            return Err(BadRow("amounts"));
        }
        let row = Self {
            billed,
            msisdn,
            merchant,
            item,
            units,
            tax_code,
            business_date: cells.parsed("business date")?,
            event: cells.parsed("event")?,
            bill_number: cells.parsed("bill number")?,
            channel: Channel::by_name(&cells.text("channel")?).ok_or(BadRow("channel"))?,
            late: cells.flag("late")?,
            provisional: cells.flag("provisional")?,
        };
        cells.end()?;
        Ok(row)
    }
}

/// A time with the operator's offset, so that a bill can print the hour that the subscriber saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    /// The time.
    pub at: Millis,
    offset: Offset,
}

impl When {
    /// `at` as the clocks of `zone` show it.
    ///
    /// # Errors
    ///
    /// [`BadRow`] for a time outside the years −9999 to 9999.
    pub fn in_zone(at: Millis, zone: &TimeZone) -> Result<Self, BadRow> {
        let time = Timestamp::from_millisecond(at.0).map_err(|_| BadRow("event"))?;
        let seconds = zone.to_offset(time).seconds();
        // No zone has had an offset with seconds since 1972; RFC 3339 could not write it.
        let whole = seconds.saturating_sub(seconds.checked_rem(60).unwrap_or_default());
        let offset = Offset::from_seconds(whole).map_err(|_| BadRow("event"))?;
        Ok(Self { at, offset })
    }
}

impl Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = Timestamp::from_millisecond(self.at.0).map_err(|_| std::fmt::Error)?;
        let local = self.offset.to_datetime(time);
        let minutes = self.offset.seconds().checked_div(60).unwrap_or_default();
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.unsigned_abs();
        let (hours, rest) = (minutes.checked_div(60), minutes.checked_rem(60));
        write!(
            f,
            "{}.{:03}{sign}{:02}:{:02}",
            local.strftime("%Y-%m-%dT%H:%M:%S"),
            local.millisecond(),
            hours.unwrap_or_default(),
            rest.unwrap_or_default()
        )
    }
}

impl FromStr for When {
    type Err = BadRow;
    fn from_str(text: &str) -> Result<Self, BadRow> {
        let bad = || BadRow("event");
        let pieces = Pieces::parse(text).map_err(|_| bad())?;
        let offset = pieces.to_numeric_offset().ok_or_else(bad)?;
        let local = DateTime::from_parts(pieces.date(), pieces.time().ok_or_else(bad)?);
        let time = offset.to_timestamp(local).map_err(|_| bad())?;
        let when = Self {
            at: Millis(time.as_millisecond()),
            offset,
        };
        if when.to_string() == text {
            Ok(when)
        } else {
            Err(bad())
        }
    }
}

/// A row or line that is not as this layout writes it: the cell that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not as the layout writes it")]
pub struct BadRow(pub &'static str);

/// The cells of one record, read from left to right.
pub(super) struct Cells<'a>(std::vec::IntoIter<Cow<'a, str>>);

impl<'a> Cells<'a> {
    /// Splits a record; none when its quotes don't match.
    pub(super) fn of(record: &'a str) -> Option<Self> {
        let mut cells = Vec::with_capacity(CELLS);
        let mut rest = record;
        loop {
            let (cell, after) = if let Some(quoted) = rest.strip_prefix('"') {
                unquoted(quoted)?
            } else {
                let end = rest.find(';').unwrap_or(rest.len());
                let (cell, after) = rest.split_at_checked(end)?;
                (Cow::Borrowed(cell), after)
            };
            cells.push(cell);
            match after.strip_prefix(';') {
                Some(next) => rest = next,
                None if after.is_empty() => return Some(Self(cells.into_iter())),
                None => return None,
            }
        }
    }

    pub(super) fn text(&mut self, column: &'static str) -> Result<Cow<'a, str>, BadRow> {
        self.0.next().ok_or(BadRow(column))
    }

    pub(super) fn literal(&mut self, column: &'static str, want: &str) -> Result<(), BadRow> {
        (self.text(column)? == want)
            .then_some(())
            .ok_or(BadRow(column))
    }

    pub(super) fn parsed<T: FromStr>(&mut self, column: &'static str) -> Result<T, BadRow> {
        self.text(column)?.parse().map_err(|_| BadRow(column))
    }

    pub(super) fn optional<T: FromStr>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, BadRow> {
        let cell = self.text(column)?;
        let filled = (!cell.is_empty()).then(|| cell.parse().map_err(|_| BadRow(column)));
        filled.transpose()
    }

    pub(super) fn end(mut self) -> Result<(), BadRow> {
        match self.0.next() {
            Some(_) => Err(BadRow("number of cells")),
            None => Ok(()),
        }
    }

    fn amount(&mut self, column: &'static str) -> Result<MinorUnits, BadRow> {
        let minor: i64 = self.parsed(column)?;
        MinorUnits::try_from(minor).map_err(|_| BadRow(column))
    }

    fn flag(&mut self, column: &'static str) -> Result<bool, BadRow> {
        match self.text(column)?.as_ref() {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(BadRow(column)),
        }
    }
}

/// Adds a cell that needs no quotes: a number, a code, a time.
pub(super) fn put(out: &mut String, cell: impl Display) {
    // Writing to a String fails only when the value's own Display does, which leaves a cell that
    // no reader takes.
    let _written = write!(out, ";{cell}");
}

/// Adds a cell that is empty when there is nothing.
pub(super) fn put_some(out: &mut String, cell: Option<impl Display>) {
    match cell {
        Some(cell) => put(out, cell),
        None => out.push(';'),
    }
}

/// Adds text of anybody's: guarded against spreadsheets, quoted where RFC 4180 needs it.
pub(super) fn put_text(out: &mut String, text: &str) {
    let guard = if text.trim_start().starts_with(FORMULA_STARTS) {
        "'"
    } else {
        ""
    };
    if text.contains(QUOTED) {
        put(
            out,
            format_args!("\"{guard}{}\"", text.replace('"', "\"\"")),
        );
    } else {
        put(out, format_args!("{guard}{text}"));
    }
}

fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

/// The text up to the closing quote, and what follows it.
fn unquoted(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut cell = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"')?;
        cell.push_str(part);
        match after.strip_prefix('"') {
            Some(next) => {
                cell.push('"');
                rest = next;
            }
            None => return Some((Cow::Owned(cell), after)),
        }
    }
}

/// What spreadsheets take for a formula, in full width too, and the guard itself.
const FORMULA_STARTS: [char; 9] = ['=', '+', '-', '@', '\'', '＝', '＋', '－', '＠'];
/// The comma too, for a spreadsheet that is told the wrong separator.
const QUOTED: [char; 6] = [';', ',', '"', '\n', '\r', '\t'];
const CELLS: usize = 25;

#[cfg(test)]
pub(super) mod tests;
