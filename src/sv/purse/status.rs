//! What a purse waits for, and how a store keeps it.
//!
//! ```text
//! │ status │ details │      1 epr, 2 epv, 3 epa, 4 credited; idle is no octets at all
//! ```

use crate::sv::message::PaymentDetails;
use crate::sv::octets::{BadOctets, Reader};

/// What a purse waits for. The three short names are those of PRG-126.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// For nothing.
    Idle,
    /// Expecting payment request: told to pay, nothing debited.
    Epr(PaymentDetails),
    /// Expecting payment value: asked for it.
    Epv(PaymentDetails),
    /// Expecting payment acknowledgement: debited.
    Epa(PaymentDetails),
    /// For nothing, and able to repeat its last `ack` should the payer ask again.
    Credited(PaymentDetails),
}

impl Status {
    /// The payment that this is about; `None` for an idle purse.
    #[must_use]
    pub const fn details(&self) -> Option<&PaymentDetails> {
        match self {
            Self::Idle => None,
            Self::Epr(details)
            | Self::Epv(details)
            | Self::Epa(details)
            | Self::Credited(details) => Some(details),
        }
    }

    /// The octets for a column of the store; none for the usual, idle purse.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let (status, details) = match self {
            Self::Idle => return Vec::new(),
            Self::Epr(details) => (1, details),
            Self::Epv(details) => (2, details),
            Self::Epa(details) => (3, details),
            Self::Credited(details) => (4, details),
        };
        let mut octets = vec![status];
        details.write(&mut octets);
        octets
    }

    /// Reads what [`Self::to_octets`] writes.
    ///
    /// # Errors
    ///
    /// [`BadOctets`] for anything else.
    pub fn from_octets(octets: &[u8]) -> Result<Self, BadOctets> {
        if octets.is_empty() {
            return Ok(Self::Idle);
        }
        let mut reader = Reader::new(octets, "status of a purse");
        let status = reader.octet()?;
        let details = PaymentDetails::read(&mut reader)?;
        let status = match status {
            1 => Self::Epr(details),
            2 => Self::Epv(details),
            3 => Self::Epa(details),
            4 => Self::Credited(details),
            _ => return Err(reader.bad()),
        };
        reader.end()?;
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sv::transfer::tests::sample_details;

    #[test]
    fn every_status_reads_back_as_stored_and_nothing_else_reads() {
        let of = |status: fn(PaymentDetails) -> Status| status(sample_details());
        for status in [
            Status::Idle,
            of(Status::Epr),
            of(Status::Epv),
            of(Status::Epa),
            of(Status::Credited),
        ] {
            let octets = status.to_octets();
            assert_eq!(Status::from_octets(&octets), Ok(status));
            assert!(Status::from_octets(&[&octets[..], &[0]].concat()).is_err());
        }
        assert!(Status::from_octets(&[5]).is_err());
    }
}
