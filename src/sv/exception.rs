//! The exception log: payments given up while value may have been under way, kept until the archive
//! has them. PRG-126: `readExceptionLog`, `exceptionLogResult`, `exceptionLogClear`.
//!
//! ```text
//! result      │ scheme │ 07 │ end │ details │ mac │      under the purse's own key
//! clear code  │ scheme │ 08 │ name │ count │ details … │  MAC of this, under the purse's own key
//! ```
//! `end` is 1 for the payer, 2 for the payee. A clear code is over exactly the logged set, in order
//! of this purse's sequence numbers, so that nothing is cleared that the archive has not seen.

use crate::domain::ids::PurseId;
use crate::sv::SvError;
use crate::sv::log::LogRecord;
use crate::sv::mac::{Mac, MacKey};
use crate::sv::message::{End, PaymentDetails, TAG_CLEAR, TAG_EXCEPTION};
use crate::sv::octets::{BadOctets, Reader, put_id};
use crate::sv::purse::Purse;
use crate::sv::scheme::Scheme;
use crate::sv::sequence::SequenceNo;

/// The exceptions of one purse, in order of its own sequence numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionLog {
    entries: Vec<PaymentDetails>,
    /// The highest own number that was cleared: the archive answers for it and all below.
    cleared_through: Option<SequenceNo>,
}

impl ExceptionLog {
    /// How many exceptions wait for the archive; at most [`MAX_EXCEPTIONS`].
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The exceptions, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[PaymentDetails] {
        &self.entries
    }

    /// Whether a payment with own number `own_seq` may have been logged here and cleared since.
    pub(super) fn is_cleared(&self, own_seq: SequenceNo) -> bool {
        self.cleared_through
            .is_some_and(|cleared| own_seq <= cleared)
    }

    /// The octets for a column of the store; empty for the usual purse that never had one.
    ///
    /// ```text
    /// │ 00, or 01 and cleared_through (8) │ details … │
    /// ```
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        if self.entries.is_empty() && self.cleared_through.is_none() {
            return octets;
        }
        match self.cleared_through {
            None => octets.push(0),
            Some(cleared) => {
                octets.push(1);
                octets.extend_from_slice(&cleared.octets());
            }
        }
        self.entries
            .iter()
            .for_each(|details| details.write(&mut octets));
        octets
    }

    /// Reads what [`Self::to_octets`] writes. That the payments are this purse's own, and no more
    /// than fit, is checked with the rest of its row.
    ///
    /// # Errors
    ///
    /// [`BadOctets`] for anything else.
    pub fn from_octets(octets: &[u8]) -> Result<Self, BadOctets> {
        if octets.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(octets, "exception log");
        let bad = reader.bad();
        let cleared_through = reader
            .option()?
            .map(|number| SequenceNo::try_from(i64::from_be_bytes(number)).map_err(|_| bad))
            .transpose()?;
        let mut entries = Vec::new();
        while !reader.is_empty() {
            entries.push(PaymentDetails::read(&mut reader)?);
        }
        if entries.is_empty() && cleared_through.is_none() {
            return Err(bad);
        }
        Ok(Self {
            entries,
            cleared_through,
        })
    }

    /// Adds a payment given up; the purse has seen to it that there is room.
    pub(super) fn add(&mut self, details: PaymentDetails) {
        self.entries.push(details);
    }

    /// Whether every entry is a payment of `name`, each with a higher own number than the last.
    pub(super) fn belongs_to(&self, name: &PurseId) -> bool {
        let mut last = self.cleared_through;
        self.entries.iter().all(|details| {
            let own_seq = details.end_of(name).map(|end| details.seq_of(end));
            let rises = own_seq.is_some() && own_seq > last;
            last = own_seq;
            rises
        })
    }
}

/// One exception as the purse tells it to the archive: `exceptionLogResult`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionLogResult {
    end: End,
    details: PaymentDetails,
    mac: Mac,
}

impl ExceptionLogResult {
    /// The payment given up, if the purse with the key `own` said so.
    ///
    /// # Errors
    ///
    /// [`SvError::NotAuthentic`] when another key made the result.
    pub fn open(&self, own: &MacKey) -> Result<(End, &PaymentDetails), SvError> {
        if self.mac == result_mac(self.end, &self.details, own) {
            Ok((self.end, &self.details))
        } else {
            Err(SvError::NotAuthentic)
        }
    }
}

impl Purse {
    /// `readExceptionLog`: gives up what is pending, then tells every exception, oldest first, and
    /// the record of what was given up.
    #[must_use]
    pub fn read_exception_log(
        &mut self,
        own: &MacKey,
    ) -> (Vec<ExceptionLogResult>, Option<LogRecord>) {
        let record = self.abort(own);
        let tell = |details: &PaymentDetails| {
            let end = details.end_of(&self.row.name)?;
            let mac = result_mac(end, details, own);
            Some(ExceptionLogResult {
                end,
                details: details.clone(),
                mac,
            })
        };
        (
            self.row
                .exceptions
                .entries
                .iter()
                .filter_map(tell)
                .collect(),
            record,
        )
    }

    /// `exceptionLogClear`: forgets the exceptions if `code` is over exactly these.
    ///
    /// # Errors
    ///
    /// [`SvError::WrongClearCode`] when it is not, or when there is nothing to clear.
    pub fn clear_exception_log(&mut self, code: Mac, own: &MacKey) -> Result<(), SvError> {
        let log = &mut self.row.exceptions;
        let newest = log.entries.last().ok_or(SvError::WrongClearCode)?;
        if code != code_over(&self.row.name, &log.entries, own) {
            return Err(SvError::WrongClearCode);
        }
        let end = newest.end_of(&self.row.name).ok_or(SvError::CorruptPurse)?;
        log.cleared_through = Some(newest.seq_of(end));
        log.entries.clear();
        Ok(())
    }
}

/// The clear code that the archive gives out for `name` once it holds all of `results`, told in the
/// order in which the purse told them.
///
/// # Errors
///
/// [`SvError::NotAuthentic`] when one of them is not from this purse.
pub fn clear_code(
    name: &PurseId,
    results: &[ExceptionLogResult],
    own: &MacKey,
) -> Result<Mac, SvError> {
    let mut set = Vec::with_capacity(results.len());
    for result in results {
        let (end, details) = result.open(own)?;
        if details.end_of(name) != Some(end) {
            return Err(SvError::NotAuthentic);
        }
        set.push(details.clone());
    }
    Ok(code_over(name, &set, own))
}

fn result_mac(end: End, details: &PaymentDetails, own: &MacKey) -> Mac {
    own.over(|out| {
        out.extend_from_slice(&[Scheme::MondexStyle.octet(), TAG_EXCEPTION, end.octet()]);
        details.write(out);
    })
}

fn code_over(name: &PurseId, set: &[PaymentDetails], own: &MacKey) -> Mac {
    let [.., count] = set.len().to_be_bytes();
    own.over(|out| {
        out.extend_from_slice(&[Scheme::MondexStyle.octet(), TAG_CLEAR]);
        put_id(out, name.as_str());
        out.push(count);
        for details in set {
            details.write(out);
        }
    })
}

/// A purse that has given up this many payments in doubt needs a person before it pays again; and
/// they all fit one row of the store (2.4 kB).
pub const MAX_EXCEPTIONS: usize = 16;
