//! What an end writes down, built from what it saw itself: a chain that only its own key can make.
//!
//! ```text
//! │ scheme │ 09 │ kind │ record no. │ details │ evidence │ mac │
//!   1        1    1      8            46…151    0…32       16
//! ```
//! | kind | written by | when | evidence |
//! |---|---|---|---|
//! | 1 | payer | the `ack` came | the ack's MAC |
//! | 2 | payee | the `val` came | the val's MAC, then S6 |
//! | 3 | payer | it gave up in epa: debited, never acknowledged | |
//! | 4 | payee | it gave up in epv: asked, never credited | |
//!
//! The MAC is taken under the end's own key over the record's octets before it, then the MAC of the
//! record before (16 octets of zero before the first). So a record changed, dropped, inserted or
//! moved breaks the chain at its number; a chain cut short shows against a head kept elsewhere.

use std::borrow::Borrow;

use crate::sv::mac::{Mac, MacKey};
use crate::sv::message::{PaymentDetails, TAG_RECORD, ack_mac, val_mac};
use crate::sv::octets::{BadOctets, Reader};
use crate::sv::scheme::Scheme;

/// One line of an end's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// 1, 2, 3 … without a gap, for each end.
    pub no: u64,
    /// The payment that the record is about.
    pub details: PaymentDetails,
    /// What happened at this end, and the proof of it that came from the other.
    pub evidence: Evidence,
    /// Chains this record to the one before.
    pub mac: Mac,
}

/// What happened at the end that wrote the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Payer: the payee acknowledged the value.
    Ack {
        /// MAC of the `ack`, under the pair key.
        mac: Mac,
    },
    /// Payee: the value came.
    Val {
        /// MAC of the `val`, under the pair key.
        mac: Mac,
        /// The payer's end-to-end MAC, for the issuer.
        s6: Mac,
    },
    /// Payer: it debited, and left the payment before an `ack` came.
    LeftInEpa,
    /// Payee: it asked, and left the payment before a `val` came.
    LeftInEpv,
}

impl LogRecord {
    /// The canonical octets of the table above.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(RECORD_OCTETS_MAX);
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
        let mut reader = Reader::new(octets, "stored-value log record");
        if reader.take()? != [Scheme::MondexStyle.octet(), TAG_RECORD] {
            return Err(reader.bad());
        }
        let kind = reader.octet()?;
        let no = u64::from_be_bytes(reader.take()?);
        let details = PaymentDetails::read(&mut reader)?;
        let evidence = match kind {
            1 => Evidence::Ack { mac: reader.mac()? },
            2 => Evidence::Val {
                mac: reader.mac()?,
                s6: reader.mac()?,
            },
            3 => Evidence::LeftInEpa,
            4 => Evidence::LeftInEpv,
            _ => return Err(reader.bad()),
        };
        let mac = reader.mac()?;
        reader.end()?;
        Ok(Self {
            no,
            details,
            evidence,
            mac,
        })
    }

    /// Whether the other end's seal in this record is good: the `ack` or `val` that it was built
    /// from was under `pair`. A record of a payment given up has no such seal, and proves nothing.
    #[must_use]
    pub fn is_evidenced(&self, pair: &MacKey) -> bool {
        match &self.evidence {
            Evidence::Ack { mac } => *mac == ack_mac(&self.details, pair),
            Evidence::Val { mac, s6 } => *mac == val_mac(&self.details, s6, pair),
            Evidence::LeftInEpa | Evidence::LeftInEpv => false,
        }
    }

    /// Whether the issuer has to pay this record: it says that value came, and `payer`, the own key
    /// of the purse that paid, made its S6. The payee's word and the pair key count for nothing.
    #[must_use]
    pub fn has_good_s6(&self, payer: &MacKey) -> bool {
        match &self.evidence {
            Evidence::Val { s6, .. } => *s6 == self.details.s6(payer),
            Evidence::Ack { .. } | Evidence::LeftInEpa | Evidence::LeftInEpv => false,
        }
    }

    fn chained(&self, before: Mac, own: &MacKey) -> Mac {
        own.over(|out| {
            self.write_body(out);
            out.extend_from_slice(&before.octets());
        })
    }

    fn write_body(&self, out: &mut Vec<u8>) {
        let kind = match self.evidence {
            Evidence::Ack { .. } => 1,
            Evidence::Val { .. } => 2,
            Evidence::LeftInEpa => 3,
            Evidence::LeftInEpv => 4,
        };
        out.extend_from_slice(&[Scheme::MondexStyle.octet(), TAG_RECORD, kind]);
        out.extend_from_slice(&self.no.to_be_bytes());
        self.details.write(out);
        match &self.evidence {
            Evidence::Ack { mac } => out.extend_from_slice(&mac.octets()),
            Evidence::Val { mac, s6 } => {
                out.extend_from_slice(&mac.octets());
                out.extend_from_slice(&s6.octets());
            }
            Evidence::LeftInEpa | Evidence::LeftInEpv => {}
        }
    }
}

/// Where a chain ends: how many records, and the MAC of the last. The default is an empty chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainHead {
    /// The number of the last record; 0 when there is none.
    pub count: u64,
    /// The MAC of the last record; zero when there is none.
    pub mac: Mac,
}

impl ChainHead {
    /// Makes the next record, and moves on to it.
    pub(super) fn append(
        &mut self,
        details: PaymentDetails,
        evidence: Evidence,
        own: &MacKey,
    ) -> LogRecord {
        // Saturation is out of reach: 2^64 records are 29 million years at 20,000 a second.
        let no = self.count.saturating_add(1);
        let mut record = LogRecord {
            no,
            details,
            evidence,
            mac: Mac::default(),
        };
        record.mac = record.chained(self.mac, own);
        *self = Self {
            count: no,
            mac: record.mac,
        };
        record
    }
}

/// Checks that `records` lead from `after` to `head` under the `own` key of the end that wrote
/// them: every number, every MAC, and nothing cut off. A whole log starts after
/// [`ChainHead::default`].
///
/// # Errors
///
/// [`BrokenChain`] names the first record that does not fit.
pub fn verify_chain<R: Borrow<LogRecord>>(
    records: impl IntoIterator<Item = R>,
    own: &MacKey,
    after: ChainHead,
    head: ChainHead,
) -> Result<(), BrokenChain> {
    let mut at = after;
    for record in records {
        let record = record.borrow();
        let expected = at.count.saturating_add(1);
        if record.no != expected {
            return Err(BrokenChain::WrongNumber {
                expected,
                got: record.no,
            });
        }
        if record.mac != record.chained(at.mac, own) {
            return Err(BrokenChain::WrongMac { no: record.no });
        }
        at = ChainHead {
            count: record.no,
            mac: record.mac,
        };
    }
    if at == head {
        Ok(())
    } else {
        Err(BrokenChain::OtherHead {
            count: at.count,
            head: head.count,
        })
    }
}

/// Where and how a log is not what its end wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// A record is missing, repeated or out of place.
    #[error("record {got} stands where {expected} belongs")]
    WrongNumber {
        /// The number that belongs here.
        expected: u64,
        /// The number found.
        got: u64,
    },
    /// A record was changed, or belongs to another log.
    #[error("record {no} is not what its end wrote")]
    WrongMac {
        /// The record's number.
        no: u64,
    },
    /// The log was cut short, or the head is of another log.
    #[error("log ends at record {count}, its head is at {head}")]
    OtherHead {
        /// Records found.
        count: u64,
        /// Records that the head counts.
        head: u64,
    },
}

const RECORD_OCTETS_MAX: usize = 3 + 8 + 151 + 32 + 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sv::transfer::tests::sample_details;

    #[test]
    fn a_chain_holds_and_each_change_to_it_is_found_at_its_place() {
        let key = MacKey::new(&[1; 16]);
        let (log, head) = chain(&key, 5);
        assert_eq!(verify_chain(&log, &key, ChainHead::default(), head), Ok(()));

        let mut changed = log.clone();
        changed[2].details.deliver_within_s += 1;
        let found = verify_chain(&changed, &key, ChainHead::default(), head);
        assert_eq!(found, Err(BrokenChain::WrongMac { no: 3 }));

        let mut missing = log.clone();
        missing.remove(1);
        let found = verify_chain(&missing, &key, ChainHead::default(), head);
        assert_eq!(
            found,
            Err(BrokenChain::WrongNumber {
                expected: 2,
                got: 3
            })
        );

        let mut swapped = log.clone();
        swapped.swap(3, 4);
        (swapped[3].no, swapped[4].no) = (4, 5);
        let found = verify_chain(&swapped, &key, ChainHead::default(), head);
        assert_eq!(found, Err(BrokenChain::WrongMac { no: 4 }));

        let found = verify_chain(&log[..4], &key, ChainHead::default(), head);
        assert_eq!(found, Err(BrokenChain::OtherHead { count: 4, head: 5 }));
        let found = verify_chain(&log, &MacKey::new(&[2; 16]), ChainHead::default(), head);
        assert_eq!(found, Err(BrokenChain::WrongMac { no: 1 }));
    }

    #[test]
    fn records_of_two_histories_of_one_end_do_not_mix() {
        let key = MacKey::new(&[1; 16]);
        let (log, _) = chain(&key, 2);
        let mut other = ChainHead::default();
        let first = other.append(sample_details(), Evidence::LeftInEpa, &key);
        let spliced = [first, log[1].clone()];
        let found = verify_chain(&spliced, &key, ChainHead::default(), other);
        assert_eq!(found, Err(BrokenChain::WrongMac { no: 2 }));
    }

    #[test]
    fn a_part_of_a_chain_is_checked_from_the_head_before_it() {
        let key = MacKey::new(&[1; 16]);
        let (log, head) = chain(&key, 5);
        let after = ChainHead {
            count: 2,
            mac: log[1].mac,
        };
        assert_eq!(verify_chain(&log[2..], &key, after, head), Ok(()));
    }

    fn chain(key: &MacKey, count: u64) -> (Vec<LogRecord>, ChainHead) {
        let mut head = ChainHead::default();
        let evidence = Evidence::Ack {
            mac: Mac::from([9; 16]),
        };
        let log = (0..count)
            .map(|_| head.append(sample_details(), evidence, key))
            .collect();
        (log, head)
    }
}
