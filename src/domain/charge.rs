//! What a subscriber owes for a purchase, and what goes back for a part of it.
//!
//! ```text
//! gross = retail + fee = wholesale + margin + fee + tax        tax is inside the gross amount
//! ```
//! Example: retail 2.50, fee 0.10, VAT 19 % inside, wholesale 2.00: gross 2.60, tax 0.42.

use crate::domain::money::{AmountOutOfRange, MinorUnits};

/// The amounts of one purchase, all in the purchase's currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// The price of all pieces as the merchant asks it, tax included.
    pub retail: MinorUnits,
    /// What the merchant receives as stored value.
    pub wholesale: MinorUnits,
    /// What the operator adds.
    pub fee: MinorUnits,
    /// Tax inside retail + fee.
    pub tax: MinorUnits,
}

impl Charge {
    /// Prices `units` pieces, or refuses what does not fit an `i64`.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`].
    pub fn of(price: Price, units: u8, terms: Terms) -> Result<Self, AmountOutOfRange> {
        let retail = price.retail.times(units.into())?;
        let wholesale = price.wholesale.times(units.into())?;
        let gross = retail.plus(terms.fee)?;
        let parts = PER_HUNDRED_PERCENT.saturating_add(terms.tax_basis_points);
        let tax = gross.share(terms.tax_basis_points, parts)?;
        Ok(Self {
            retail,
            wholesale,
            fee: terms.fee,
            tax,
        })
    }

    /// What the subscriber pays: retail and fee.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`].
    pub fn gross(&self) -> Result<MinorUnits, AmountOutOfRange> {
        self.retail.plus(self.fee)
    }

    /// What goes back when `units` of `of` pieces were not given out: that share of everything,
    /// rounded down but for the last piece, so that parts never sum to more than the whole. The
    /// fee goes back only with the whole.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`] when `of` is 0 or less than `units`.
    pub fn refund_of(&self, units: u8, of: u8) -> Result<Self, AmountOutOfRange> {
        if units > of || of == 0 {
            return Err(AmountOutOfRange);
        }
        if units == of {
            return Ok(*self);
        }
        let share = |amount: MinorUnits| {
            let part = i128::from(amount.minor())
                .checked_mul(units.into())
                .and_then(|product| product.checked_div(of.into()))
                .and_then(|part| i64::try_from(part).ok());
            part.ok_or(AmountOutOfRange).and_then(MinorUnits::try_from)
        };
        let retail = share(self.retail)?;
        // The tax that lies in the part of the gross amount that goes back.
        let gross = i128::from(self.gross()?.minor());
        let tax = i128::from(self.tax.minor())
            .checked_mul(i128::from(retail.minor()))
            .and_then(|product| product.checked_div(gross.max(1)))
            .and_then(|part| i64::try_from(part).ok())
            .ok_or(AmountOutOfRange)
            .and_then(MinorUnits::try_from)?;
        Ok(Self {
            retail,
            wholesale: share(self.wholesale)?,
            fee: MinorUnits::ZERO,
            tax,
        })
    }
}

/// What one piece costs, in the merchant's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Retail price of one piece, tax included.
    pub retail: MinorUnits,
    /// What the merchant receives for one piece.
    pub wholesale: MinorUnits,
}

/// What the operator adds, and the tax inside, for one currency and tax code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Added once to a purchase.
    pub fee: MinorUnits,
    /// Tax rate in hundredths of a percent: 1900 is 19 %.
    pub tax_basis_points: u32,
}

/// 100 % in basis points.
const PER_HUNDRED_PERCENT: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(amount: i64) -> MinorUnits {
        MinorUnits::try_from(amount).unwrap()
    }

    #[test]
    fn the_example_of_the_design_comes_out() {
        let price = Price {
            retail: minor(250),
            wholesale: minor(200),
        };
        let terms = Terms {
            fee: minor(10),
            tax_basis_points: 1900,
        };
        let charge = Charge::of(price, 1, terms).unwrap();
        assert_eq!(charge.gross(), Ok(minor(260)));
        assert_eq!(charge.tax, minor(42));
    }

    #[test]
    fn parts_never_give_back_more_than_the_whole() {
        for retail in [1, 99, 250, 333] {
            for of in 1..=9_u8 {
                let price = Price {
                    retail: minor(retail),
                    wholesale: minor(retail / 3),
                };
                let terms = Terms {
                    fee: minor(7),
                    tax_basis_points: 1900,
                };
                let whole = Charge::of(price, of, terms).unwrap();
                assert_eq!(whole.refund_of(of, of), Ok(whole));
                for units in 0..of {
                    let back = whole.refund_of(units, of).unwrap();
                    let rest = whole.refund_of(of - units, of).unwrap();
                    assert!(back.retail.minor() <= retail * i64::from(units));
                    assert!(back.tax <= whole.tax && back.wholesale <= whole.wholesale);
                    assert!(back.tax <= back.gross().unwrap());
                    assert!(back.retail.plus(rest.retail).unwrap() <= whole.retail || units == 0);
                }
                assert!(whole.refund_of(of + 1, of).is_err());
            }
        }
    }
}
