//! What became of a payment in doubt, proved by what both ends say under seal, never by a time-out.
//!
//! ```text
//! status report  │ scheme │ 06 │ end │ standing │ details │ mac │   under the end's own key
//!                  1        1    1     1          46…151    16
//! ```
//! | payer ↓ payee → | logged | credited | left | declined | anything else |
//! |---|---|---|---|---|---|
//! | **logged** | lost | payee paid | payee paid | wait | wait |
//! | **left** | not paid | payee paid | wait | not paid | wait |
//! | **declined** | not paid | wait | not paid | not paid | wait |
//! | **archived** | wait | payee paid | wait | not paid | wait |
//! | **anything else** | wait | wait | wait | wait | wait |
//!
//! Why it is sound: a payee logs only a payment that it never credited and never will; a payer logs
//! only one that it debited, and it debits only what the payee asked for. Each of these standings
//! but the last column's is final, because an end uses a sequence number once: a report may be as
//! old as it likes. The contradictions (a debit of what the payee never asked for) wait: a person
//! has to look, for one end is broken.

use crate::sv::SvError;
use crate::sv::log::LogRecord;
use crate::sv::mac::{Mac, MacKey};
use crate::sv::message::{End, PaymentDetails, TAG_STATUS};
use crate::sv::octets::{BadOctets, Reader};
use crate::sv::purse::Purse;
use crate::sv::purse::status::Status;
use crate::sv::scheme::Scheme;

/// What is proved about one payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Debited, and never to be credited: refund the payer from what is in flight.
    Lost,
    /// Never debited, and never to be: let go what is held.
    NotPaid,
    /// The payee has the value: it was paid.
    PayeePaid,
    /// Nothing is proved yet: a `val` may be on its way. Resume, or ask again.
    Wait,
}

/// Where one end stands with one payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its sequence number is still to come: it may yet take part.
    NotReached,
    /// It is in epr, epv or epa with it.
    Pending,
    /// It gave it up in epv or epa: the payer debited, the payee did not credit.
    Logged,
    /// Payee only: it has the value, and remembers it as its last.
    Credited,
    /// Done with, and not in the exception log: completed, or never begun.
    Left,
    /// It refused it for good before any value moved, in the very step that this report is of.
    Declined,
    /// Its exception log was cleared since: the archive answers.
    Archived,
    /// It was restored from backup since, and may not testify.
    OtherEpoch,
}

/// One end's word about one payment, under its own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    end: End,
    standing: Standing,
    details: PaymentDetails,
    mac: Mac,
}

/// The own keys of both ends, which only the operator that gave them holds together.
#[derive(Clone, Copy)]
pub struct OwnKeys<'a> {
    /// Own key of the purse that pays.
    pub payer: &'a MacKey,
    /// Own key of the purse that receives.
    pub payee: &'a MacKey,
}

impl Proof {
    /// Weighs the reports of both ends of one payment: of the purse that pays, `from`, and of the
    /// one that receives, `to`.
    ///
    /// # Errors
    ///
    /// [`SvError::NotAuthentic`] for a report under another key;
    /// [`SvError::NotForThisPurse`] when they are not the two ends of one payment.
    pub fn from_reports(
        from: &StatusReport,
        to: &StatusReport,
        keys: OwnKeys<'_>,
    ) -> Result<Self, SvError> {
        let authentic = from.mac == from.sealed(keys.payer) && to.mac == to.sealed(keys.payee);
        if !authentic {
            return Err(SvError::NotAuthentic);
        }
        if (from.end, to.end) != (End::Payer, End::Payee) || from.details != to.details {
            return Err(SvError::NotForThisPurse);
        }
        Ok(Self::weigh(from.standing, to.standing))
    }

    /// The table above.
    fn weigh(from: Standing, to: Standing) -> Self {
        use Standing::{
            Archived, Credited, Declined, Left, Logged, NotReached, OtherEpoch, Pending,
        };
        match (from, to) {
            (Logged, Logged) => Self::Lost,
            (Logged, Left) | (Logged | Left | Archived, Credited) => Self::PayeePaid,
            (Left | Declined, Logged | Declined) | (Declined, Left) | (Archived, Declined) => {
                Self::NotPaid
            }
            (Logged, Declined)
            | (Left | Archived, Left)
            | (Archived, Logged)
            | (Declined, Credited)
            | (NotReached | Pending | Credited | OtherEpoch, _)
            | (_, NotReached | Pending | Archived | OtherEpoch) => Self::Wait,
        }
    }
}

impl StatusReport {
    /// The payment that the report is about.
    #[must_use]
    pub const fn details(&self) -> &PaymentDetails {
        &self.details
    }

    /// Which end says it.
    #[must_use]
    pub const fn end(&self) -> End {
        self.end
    }

    /// What it says. It is only a word until [`Proof::from_reports`] has checked the seal.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// The octets for the wire.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        self.write_body(&mut octets);
        octets.extend_from_slice(&self.mac.octets());
        octets
    }

    /// Reads the canonical octets and nothing else.
    ///
    /// # Errors
    ///
    /// [`BadOctets`] for anything that [`Self::to_octets`] does not write.
    pub fn from_octets(octets: &[u8]) -> Result<Self, BadOctets> {
        let mut reader = Reader::new(octets, "status report");
        if reader.take()? != [Scheme::MondexStyle.octet(), TAG_STATUS] {
            return Err(reader.bad());
        }
        let end = End::from_octet(reader.octet()?).ok_or(reader.bad())?;
        let standing = Standing::from_octet(reader.octet()?).ok_or(reader.bad())?;
        let details = PaymentDetails::read(&mut reader)?;
        let mac = reader.mac()?;
        reader.end()?;
        Ok(Self {
            end,
            standing,
            details,
            mac,
        })
    }

    fn new(end: End, standing: Standing, details: PaymentDetails, own: &MacKey) -> Self {
        let mut report = Self {
            end,
            standing,
            details,
            mac: Mac::default(),
        };
        report.mac = report.sealed(own);
        report
    }

    fn sealed(&self, own: &MacKey) -> Mac {
        own.over(|out| self.write_body(out))
    }

    fn write_body(&self, out: &mut Vec<u8>) {
        let [end, standing] = [self.end.octet(), self.standing.octet()];
        out.extend_from_slice(&[Scheme::MondexStyle.octet(), TAG_STATUS, end, standing]);
        self.details.write(out);
    }
}

impl Purse {
    /// Says where this purse stands with a payment; it changes nothing.
    ///
    /// # Errors
    ///
    /// [`SvError::NotForThisPurse`] when it is neither end of it.
    pub fn report(&self, details: &PaymentDetails, own: &MacKey) -> Result<StatusReport, SvError> {
        let end = details
            .end_of(&self.row.name)
            .ok_or(SvError::NotForThisPurse)?;
        Ok(StatusReport::new(
            end,
            self.standing(details, end),
            details.clone(),
            own,
        ))
    }

    /// Leaves a payment for good, so that the report which comes with it is final: gives it up when
    /// it is pending, and passes over its number when it would have been the next. A payment whose
    /// turn is further off is not left, and the report says so. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`SvError::NotForThisPurse`] when it is neither end of it; [`SvError::SequenceSpent`] at the
    /// end of the epoch.
    pub fn leave(
        &mut self,
        details: &PaymentDetails,
        own: &MacKey,
    ) -> Result<(StatusReport, Option<LogRecord>), SvError> {
        let end = details
            .end_of(&self.row.name)
            .ok_or(SvError::NotForThisPurse)?;
        let before = self.standing(details, end);
        let in_epr = matches!(self.row.status, Status::Epr(_));
        let mut record = None;
        let after = match before {
            Standing::Pending => {
                record = self.abort(own);
                if in_epr {
                    Standing::Declined
                } else {
                    Standing::Logged
                }
            }
            Standing::NotReached if details.seq_of(end) == self.row.next_seq => {
                self.row.next_seq = self
                    .row
                    .next_seq
                    .following()
                    .ok_or(SvError::SequenceSpent)?;
                Standing::Declined
            }
            Standing::NotReached
            | Standing::Logged
            | Standing::Credited
            | Standing::Left
            | Standing::Declined
            | Standing::Archived
            | Standing::OtherEpoch => before,
        };
        Ok((StatusReport::new(end, after, details.clone(), own), record))
    }

    fn standing(&self, details: &PaymentDetails, end: End) -> Standing {
        let own_seq = details.seq_of(end);
        if own_seq.epoch() != self.row.next_seq.epoch() {
            return Standing::OtherEpoch;
        }
        if own_seq >= self.row.next_seq {
            return Standing::NotReached;
        }
        match &self.row.status {
            Status::Epr(pending) | Status::Epv(pending) | Status::Epa(pending)
                if pending == details =>
            {
                Standing::Pending
            }
            Status::Credited(last) if last == details => Standing::Credited,
            Status::Idle
            | Status::Epr(_)
            | Status::Epv(_)
            | Status::Epa(_)
            | Status::Credited(_) => {
                let log = &self.row.exceptions;
                if log.entries().contains(details) {
                    Standing::Logged
                } else if log.is_cleared(own_seq) {
                    Standing::Archived
                } else {
                    Standing::Left
                }
            }
        }
    }
}

impl Standing {
    /// Every standing, in the order of their octets from 1 on.
    const ALL: [Self; 8] = [
        Self::NotReached,
        Self::Pending,
        Self::Logged,
        Self::Credited,
        Self::Left,
        Self::Declined,
        Self::Archived,
        Self::OtherEpoch,
    ];

    const fn octet(self) -> u8 {
        match self {
            Self::NotReached => 1,
            Self::Pending => 2,
            Self::Logged => 3,
            Self::Credited => 4,
            Self::Left => 5,
            Self::Declined => 6,
            Self::Archived => 7,
            Self::OtherEpoch => 8,
        }
    }

    fn from_octet(octet: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|standing| standing.octet() == octet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_standings_is_weighed_as_the_table_says() {
        use Proof::{Lost as L, NotPaid as N, PayeePaid as P, Wait as W};
        // Rows: payer, columns: payee, both in the order of `Standing::ALL`.
        let table = [
            [W, W, W, W, W, W, W, W],
            [W, W, W, W, W, W, W, W],
            [W, W, L, P, P, W, W, W],
            [W, W, W, W, W, W, W, W],
            [W, W, N, P, W, N, W, W],
            [W, W, N, W, N, N, W, W],
            [W, W, W, P, W, N, W, W],
            [W, W, W, W, W, W, W, W],
        ];
        for (from, row) in Standing::ALL.into_iter().zip(table) {
            for (to, proof) in Standing::ALL.into_iter().zip(row) {
                assert_eq!(Proof::weigh(from, to), proof, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn a_standing_is_known_by_its_octet() {
        for octet in 0..=u8::MAX {
            let standing = Standing::from_octet(octet);
            assert_eq!(
                standing.map(Standing::octet),
                (1..=8).contains(&octet).then_some(octet)
            );
        }
    }
}
