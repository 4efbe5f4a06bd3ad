//! Which stored-value scheme moves the value. A scheme is a value of one enum: adding one is a
//! variant, and the compiler shows every place that must then decide something.
//!
//! No interoperability with the schemes that inspired them is claimed, and none of their keys exist
//! here; the names say where the protocol was published.

use crate::domain::money::MinorUnits;
use crate::sv::transfer::{self, Order, Receipts, RefundOrder, TransferKeys};
use crate::sv::{Lane, PosPurse, SvError};

/// A stored-value scheme that svgate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `startFrom, startTo, req, val, ack` between equal purses, after PRG-126.
    MondexStyle,
}

impl Scheme {
    /// What the scheme is called in documents: what it follows, not what it is not.
    #[must_use]
    pub const fn honest_name(self) -> &'static str {
        match self {
            Self::MondexStyle => "Mondex-style value transfer (PRG-126)",
        }
    }

    /// The first octet of every message and record of the scheme.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::MondexStyle => 1,
        }
    }

    /// The scheme whose messages begin with `octet`.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::MondexStyle),
            _ => None,
        }
    }

    /// Pays `order` from the float behind `lane` to `pos`, both in this process.
    ///
    /// # Errors
    ///
    /// As [`transfer::pay`]; then neither end has changed.
    pub fn pay(
        self,
        lane: &mut Lane,
        pos: &mut PosPurse,
        available: MinorUnits,
        order: &Order,
        keys: TransferKeys<'_>,
    ) -> Result<Receipts, SvError> {
        match self {
            Self::MondexStyle => transfer::pay(lane, pos, available, order, keys),
        }
    }

    /// Gives back value of an earlier payment, from `pos` to the float behind `lane`.
    ///
    /// # Errors
    ///
    /// As [`transfer::refund`]; then neither end has changed.
    pub fn refund(
        self,
        pos: &mut PosPurse,
        lane: &mut Lane,
        available: MinorUnits,
        order: &RefundOrder<'_>,
        keys: TransferKeys<'_>,
    ) -> Result<Receipts, SvError> {
        match self {
            Self::MondexStyle => transfer::refund(pos, lane, available, order, keys),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_known_by_its_octet_and_by_no_other() {
        for octet in 0..=u8::MAX {
            let scheme = Scheme::from_octet(octet);
            assert_eq!(scheme.map(Scheme::octet), (octet == 1).then_some(1));
        }
        assert!(Scheme::MondexStyle.honest_name().contains("-style"));
    }
}
