//! One batch of the billing stream as one file: header, rows, control totals, trailer.
//!
//! ```text
//! H;svgate-demand-1;<operator>;demand;<node>;<sequence>;live|test;<opened>;<closed>;<from>;<to>
//! D;…                                                                     one for each entry
//! S;<currency>;<exponent>;charge|refund;<rows>;<gross>;<tax>;<wholesale>;<margin>;<fee>
//! T;<rows D>;<first event>;<last event>;<SHA-256 of the file before>;<SHA-256 up to here>
//! ```
//! UTF-8, LF, cells as in [`super::csv`]. A file holds every currency of its batch and a pair of
//! `S` lines for each, in order of their codes: amounts of two currencies are never added. `opened`
//! is when the batch before was closed, empty for the first; `from` to `to` are entry numbers, `to`
//! one below `from` in an empty file. The hash in `T` is over every octet before that line; the
//! file before the first has a hash of zeros. The stream is the demand: no other is to be billed.
//!
//! [`Assembly`] makes the octets and does no I/O. Reading a file is making it again and comparing:
//! [`read_file`].

use std::collections::BTreeMap;
use std::io::BufRead;

use sha2::{Digest, Sha256};

use crate::domain::money::Currency;
use crate::export::csv::{BadRow, Cells, Row, When, put, put_some};
use crate::export::{Operator, Sha};
use crate::gateway::audit::Billed;
use crate::gateway::record::EntryKind;

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who bills.
    pub operator: Operator,
    /// Which node's stream.
    pub node: u16,
    /// The file's number, from 1 without a gap.
    pub sequence: i64,
    /// Whether it is to be billed; a test file is not.
    pub live: bool,
    /// When the batch before was closed.
    pub opened: Option<When>,
    /// When this one was closed.
    pub closed: When,
    /// Its first entry.
    pub from_entry: i64,
    /// Its last entry.
    pub to_entry: i64,
}

impl Header {
    /// `<operator>_demand_<node>_<sequence, 8 digits>.csv`.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(&self.operator, self.node, self.sequence)
    }

    fn write(&self, out: &mut String) {
        out.push('H');
        put(out, LAYOUT);
        put(out, &self.operator);
        put(out, "demand");
        put(out, self.node);
        put(out, self.sequence);
        put(out, if self.live { "live" } else { "test" });
        put_some(out, self.opened);
        put(out, self.closed);
        put(out, self.from_entry);
        put(out, self.to_entry);
        out.push('\n');
    }

    fn read(record: &str) -> Result<Self, BadRow> {
        let mut cells = Cells::of(record).ok_or(BadRow("quoting"))?;
        cells.literal("record type", "H")?;
        cells.literal("layout", LAYOUT)?;
        let operator = cells.parsed("operator")?;
        cells.literal("stream", "demand")?;
        let header = Self {
            operator,
            node: cells.parsed("node")?,
            sequence: cells.parsed("sequence")?,
            live: match cells.text("live or test")?.as_ref() {
                "live" => true,
                "test" => false,
                _ => return Err(BadRow("live or test")),
            },
            opened: cells.optional("opened")?,
            closed: cells.parsed("closed")?,
            from_entry: cells.parsed("first entry")?,
            to_entry: cells.parsed("last entry")?,
        };
        cells.end()?;
        Ok(header)
    }
}

/// The name of a batch's file.
#[must_use]
pub fn file_name(operator: &Operator, node: u16, sequence: i64) -> String {
    format!("{operator}_demand_{node}_{sequence:08}.csv")
}

/// Control totals of one currency and kind, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Rows.
    pub rows: u64,
    /// Sum of gross. i128 holds more rows of the largest amount than there are entry numbers.
    pub gross: i128,
    /// Sum of tax.
    pub tax: i128,
    /// Sum of wholesale.
    pub wholesale: i128,
    /// Sum of margin; may be below 0.
    pub margin: i128,
    /// Sum of fee.
    pub fee: i128,
}

impl Total {
    fn add(&mut self, billed: &Billed) {
        let plus = |sum: &mut i128, minor: i64| *sum = sum.saturating_add(minor.into());
        self.rows = self.rows.saturating_add(1);
        plus(&mut self.gross, billed.gross.minor());
        plus(&mut self.tax, billed.charge.tax.minor());
        plus(&mut self.wholesale, billed.charge.wholesale.minor());
        plus(&mut self.margin, billed.margin);
        plus(&mut self.fee, billed.charge.fee.minor());
    }

    /// Adds another file's total.
    pub(super) fn add_all(&mut self, other: &Self) {
        self.rows = self.rows.saturating_add(other.rows);
        for (sum, minor) in [
            (&mut self.gross, other.gross),
            (&mut self.tax, other.tax),
            (&mut self.wholesale, other.wholesale),
            (&mut self.margin, other.margin),
            (&mut self.fee, other.fee),
        ] {
            *sum = sum.saturating_add(minor);
        }
    }

    fn write(&self, currency: Currency, kind: EntryKind, out: &mut String) {
        out.push('S');
        put(out, currency);
        put(out, currency.exponent());
        put(out, kind.name());
        put(out, self.rows);
        for sum in [self.gross, self.tax, self.wholesale, self.margin, self.fee] {
            put(out, sum);
        }
        out.push('\n');
    }
}

/// Totals of charges and of refunds, by currency code.
pub type Totals = BTreeMap<&'static str, (Currency, Total, Total)>;

/// Makes a file's octets, line after line.
pub struct Assembly {
    header: Header,
    line: String,
    hash: Sha256,
    rows: u64,
    next: i64,
    totals: Totals,
    first: Option<When>,
    last: Option<When>,
}

impl Assembly {
    /// Nothing yet.
    #[must_use]
    pub fn new(header: Header) -> Self {
        Self {
            next: header.from_entry,
            header,
            line: String::new(),
            hash: Sha256::new(),
            rows: 0,
            totals: Totals::new(),
            first: None,
            last: None,
        }
    }

    /// The first line. Call it once, before any other.
    pub fn head(&mut self) -> &[u8] {
        self.line.clear();
        self.header.write(&mut self.line);
        self.hashed()
    }

    /// The next row.
    ///
    /// # Errors
    ///
    /// [`BadRow`] when it is not the entry that comes next in the batch.
    pub fn row(&mut self, row: &Row) -> Result<&[u8], BadRow> {
        let billed = &row.billed;
        if billed.number != self.next || billed.number > self.header.to_entry {
            return Err(BadRow("entry number"));
        }
        self.next = self.next.saturating_add(1);
        self.rows = self.rows.saturating_add(1);
        let currency = billed.currency;
        let none = (currency, Total::default(), Total::default());
        let (_, charges, refunds) = self.totals.entry(currency.code()).or_insert(none);
        match billed.kind {
            EntryKind::Charge => charges.add(billed),
            EntryKind::Refund => refunds.add(billed),
        }
        let event = row.event;
        self.first = Some(
            self.first
                .filter(|first| first.at <= event.at)
                .unwrap_or(event),
        );
        self.last = Some(
            self.last
                .filter(|last| last.at >= event.at)
                .unwrap_or(event),
        );
        self.line.clear();
        row.write(&mut self.line);
        Ok(self.hashed())
    }

    /// Control totals and trailer: the last lines.
    ///
    /// # Errors
    ///
    /// [`BadRow`] when entries of the batch are still to come.
    pub fn tail(&mut self, before: &Sha) -> Result<&[u8], BadRow> {
        if self.next != self.header.to_entry.saturating_add(1) {
            return Err(BadRow("number of entries"));
        }
        self.line.clear();
        for (currency, charges, refunds) in self.totals.values() {
            charges.write(*currency, EntryKind::Charge, &mut self.line);
            refunds.write(*currency, EntryKind::Refund, &mut self.line);
        }
        self.hash.update(self.line.as_bytes());
        let body: Sha = self.hash.clone().finalize().into();
        let from = self.line.len();
        self.line.push('T');
        put(&mut self.line, self.rows);
        put_some(&mut self.line, self.first);
        put_some(&mut self.line, self.last);
        put(&mut self.line, hex::encode(before));
        put(&mut self.line, hex::encode(body));
        self.line.push('\n');
        self.hash.update(self.line.get(from..).unwrap_or_default());
        Ok(self.line.as_bytes())
    }

    /// SHA-256 of everything made so far, and the totals.
    #[must_use]
    pub fn finish(self) -> (Sha, Totals) {
        (self.hash.finalize().into(), self.totals)
    }

    fn hashed(&mut self) -> &[u8] {
        self.hash.update(self.line.as_bytes());
        self.line.as_bytes()
    }
}

/// A file that was read to its end, and is exactly what its content makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFile {
    /// Its first line.
    pub header: Header,
    /// What it says the hash of the file before is.
    pub before: Sha,
    /// Its own hash.
    pub sha256: Sha,
    /// Its control totals.
    pub totals: Totals,
}

/// Why a file is not one that this layout makes.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// It can't be read at all.
    #[error("can't be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// A line is not as it must be.
    #[error("line {line}: {cause}")]
    Line {
        /// From 1.
        line: u64,
        /// The cell.
        cause: BadRow,
    },
    /// Lines are missing: no trailer, or not all of one.
    #[error("it ends after line {0}, before its trailer")]
    Short(u64),
    /// The hash in the trailer is of other octets.
    #[error("its trailer has the hash or the totals of other content")]
    Trailer,
    /// Something follows the trailer.
    #[error("line {0} follows the trailer")]
    Long(u64),
}

/// Reads a file strictly, giving each row to `on_row` as it comes. Rows of a file that proves bad
/// later have been given too: they stand in the file all the same.
///
/// # Errors
///
/// [`BadFile`] for the first thing that a file made from the same content would not have.
pub fn read_file(input: impl BufRead, mut on_row: impl FnMut(&Row)) -> Result<ReadFile, BadFile> {
    let mut lines = Lines::new(input);
    let first = lines.next()?;
    let header = Header::read(lines.text()?).map_err(|cause| lines.bad(cause))?;
    let mut assembly = Assembly::new(header.clone());
    if !first || lines.record != assembly.head() {
        return Err(lines.bad(BadRow("header")));
    }
    while lines.next()? && lines.record.starts_with(b"D;") {
        let row = Row::read(lines.text()?).map_err(|cause| lines.bad(cause))?;
        let written = assembly.row(&row).map_err(|cause| lines.bad(cause))?;
        if lines.record != written {
            return Err(lines.bad(BadRow("way of writing")));
        }
        on_row(&row);
    }
    let mut rest = lines.record.clone();
    while rest.ends_with(b"\n") && !lines.record.starts_with(b"T;") && lines.next()? {
        rest.extend_from_slice(&lines.record);
    }
    if !lines.record.starts_with(b"T;") {
        return Err(BadFile::Short(lines.number));
    }
    let before = before_of(lines.text()?).map_err(|cause| lines.bad(cause))?;
    let tail = assembly.tail(&before).map_err(|cause| lines.bad(cause))?;
    if rest != tail {
        return Err(BadFile::Trailer);
    }
    if lines.next()? {
        return Err(BadFile::Long(lines.number));
    }
    let (sha256, totals) = assembly.finish();
    Ok(ReadFile {
        header,
        before,
        sha256,
        totals,
    })
}

fn before_of(trailer: &str) -> Result<Sha, BadRow> {
    let mut cells = Cells::of(trailer).ok_or(BadRow("quoting"))?;
    for column in ["record type", "rows", "first event", "last event"] {
        cells.text(column)?;
    }
    let mut before = Sha::default();
    let text = cells.text("hash of the file before")?;
    hex::decode_to_slice(text.as_ref(), &mut before)
        .map_err(|_| BadRow("hash of the file before"))?;
    Ok(before)
}

/// Records of a file: lines, but for line feeds within quotes.
struct Lines<R> {
    input: R,
    record: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    const fn new(input: R) -> Self {
        Self {
            input,
            record: Vec::new(),
            number: 0,
        }
    }

    /// Reads the next record, with its line feed; false at the end.
    fn next(&mut self) -> Result<bool, BadFile> {
        self.record.clear();
        self.number = self.number.saturating_add(1);
        loop {
            let left = RECORD_MAX.saturating_sub(self.record.len());
            let mut input = std::io::Read::take(&mut self.input, u64::try_from(left).unwrap_or(0));
            let read = input.read_until(b'\n', &mut self.record)?;
            let parts = self.record.split(|octet| *octet == b'"').count();
            let is_quoting = parts.is_multiple_of(2);
            if read == 0 || (self.record.ends_with(b"\n") && !is_quoting) {
                return Ok(!self.record.is_empty());
            }
        }
    }

    /// The record without its line feed.
    fn text(&self) -> Result<&str, BadFile> {
        let line = self.record.strip_suffix(b"\n");
        let line = line.ok_or(BadFile::Short(self.number))?;
        std::str::from_utf8(line).map_err(|_| self.bad(BadRow("UTF-8")))
    }

    const fn bad(&self, cause: BadRow) -> BadFile {
        BadFile::Line {
            line: self.number,
            cause,
        }
    }
}

/// Names this layout and its version: any change to it is another name.
const LAYOUT: &str = "svgate-demand-1";
/// More than 25 cells of the longest content; what is longer is no record.
const RECORD_MAX: usize = 65_536;

#[cfg(test)]
mod tests;
