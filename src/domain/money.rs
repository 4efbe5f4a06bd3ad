//! Amounts in the smallest unit of an ISO 4217 currency; never a float, never negative.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in the currency's smallest unit (cents, fils), from 0 to `i64::MAX`.
///
/// There are no negative amounts: a ledger transfer names the account it debits.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "i64", into = "i64")]
pub struct MinorUnits(i64);

impl MinorUnits {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The amount as a number of smallest units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Adds, refusing to wrap: a wrapped balance is stolen money.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`] above `i64::MAX`.
    pub fn plus(self, other: Self) -> Result<Self, AmountOutOfRange> {
        self.0
            .checked_add(other.0)
            .map(Self)
            .ok_or(AmountOutOfRange)
    }

    /// Takes away, refusing to go below nothing.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`] when `other` is the larger.
    pub fn minus(self, other: Self) -> Result<Self, AmountOutOfRange> {
        self.0
            .checked_sub(other.0)
            .filter(|left| *left >= 0)
            .map(Self)
            .ok_or(AmountOutOfRange)
    }

    /// `units` times this amount.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`] above `i64::MAX`.
    pub fn times(self, units: u32) -> Result<Self, AmountOutOfRange> {
        self.0
            .checked_mul(i64::from(units))
            .map(Self)
            .ok_or(AmountOutOfRange)
    }

    /// This amount × `numerator` ÷ `denominator`, half a unit rounded up: the one rounding rule.
    ///
    /// # Errors
    ///
    /// [`AmountOutOfRange`] when the result does not fit or `denominator` is 0.
    pub fn share(self, numerator: u32, denominator: u32) -> Result<Self, AmountOutOfRange> {
        let denominator = i128::from(denominator);
        let doubled = i128::from(self.0)
            .checked_mul(i128::from(numerator))
            .and_then(|product| product.checked_mul(2))
            .and_then(|product| product.checked_add(denominator))
            .ok_or(AmountOutOfRange)?;
        let whole = denominator
            .checked_mul(2)
            .and_then(|d| doubled.checked_div(d));
        whole
            .and_then(|w| i64::try_from(w).ok())
            .map(Self)
            .ok_or(AmountOutOfRange)
    }
}

impl TryFrom<i64> for MinorUnits {
    type Error = AmountOutOfRange;
    fn try_from(minor: i64) -> Result<Self, AmountOutOfRange> {
        if minor < 0 {
            Err(AmountOutOfRange)
        } else {
            Ok(Self(minor))
        }
    }
}

impl From<MinorUnits> for i64 {
    fn from(amount: MinorUnits) -> Self {
        amount.0
    }
}

/// An amount below 0 or above `i64::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("amount is below 0 or above {}", i64::MAX)]
pub struct AmountOutOfRange;

/// A currency of ISO 4217 that svgate knows, with its exponent (0, 2 or 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(u8);

impl Currency {
    /// The alphabetic code, e.g. `EUR`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// The numeric code of ISO 4217, e.g. 978.
    #[must_use]
    pub fn number(self) -> u16 {
        self.row().1
    }

    /// How many decimal digits an amount is written with: 0, 2 or 3.
    #[must_use]
    pub fn exponent(self) -> u8 {
        self.row().2
    }

    /// The currency with this numeric code.
    #[must_use]
    pub fn by_number(number: u16) -> Option<Self> {
        let at = CURRENCIES.iter().position(|row| row.1 == number)?;
        u8::try_from(at).ok().map(Self)
    }

    /// Every currency, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        (0_u8..).take(CURRENCIES.len()).map(Self)
    }

    /// Reads an amount that a person typed: digits, and one `.` or `,` with exactly the exponent's
    /// digits after it. `2.5` is refused for EUR, for nobody knows whether 2.05 was meant.
    ///
    /// # Errors
    ///
    /// [`BadAmount`] says how an amount in this currency is written.
    pub fn parse_amount(self, text: &str) -> Result<MinorUnits, BadAmount> {
        let bad = || BadAmount { currency: self };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let exponent = usize::from(self.exponent());
        let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
        let typed_separator = whole.len() != text.len();
        if !digits(whole) || (typed_separator && (fraction.len() != exponent || !digits(fraction)))
        {
            return Err(bad());
        }
        let fraction = if typed_separator {
            fraction.to_owned()
        } else {
            "0".repeat(exponent)
        };
        let minor: i64 = format!("{whole}{fraction}").parse().map_err(|_| bad())?;
        MinorUnits::try_from(minor).map_err(|_| bad())
    }

    /// Writes `amount` with the currency's digits and no code: `2.50`.
    #[must_use]
    pub fn format(self, amount: MinorUnits) -> String {
        let exponent = usize::from(self.exponent());
        let digits = format!(
            "{:0width$}",
            amount.minor(),
            width = exponent.saturating_add(1)
        );
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(exponent));
        if fraction.is_empty() {
            whole.to_owned()
        } else {
            format!("{whole}.{fraction}")
        }
    }

    fn row(self) -> (&'static str, u16, u8) {
        CURRENCIES
            .get(usize::from(self.0))
            .copied()
            .unwrap_or(("XXX", 999, 0))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::str::FromStr for Currency {
    type Err = UnknownCurrency;
    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        let at = CURRENCIES.iter().position(|row| row.0 == code);
        at.and_then(|at| u8::try_from(at).ok())
            .map(Self)
            .ok_or_else(|| UnknownCurrency(code.chars().take(8).collect()))
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownCurrency;
    fn try_from(code: String) -> Result<Self, UnknownCurrency> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

/// Not an alphabetic code of ISO 4217 in the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown currency {0:?}: an ISO 4217 code such as EUR is needed")]
pub struct UnknownCurrency(String);

/// An amount that is not written as its currency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount in {currency} is digits, and if it has a point, exactly {} digits after it",
    currency.exponent())]
pub struct BadAmount {
    currency: Currency,
}

/// ISO 4217: code, number, exponent. Funds codes and metals are left out.
const CURRENCIES: &[(&str, u16, u8)] = &[
    ("AED", 784, 2),
    ("AFN", 971, 2),
    ("ALL", 8, 2),
    ("AMD", 51, 2),
    ("AOA", 973, 2),
    ("ARS", 32, 2),
    ("AUD", 36, 2),
    ("AWG", 533, 2),
    ("AZN", 944, 2),
    ("BAM", 977, 2),
    ("BBD", 52, 2),
    ("BDT", 50, 2),
    ("BHD", 48, 3),
    ("BIF", 108, 0),
    ("BMD", 60, 2),
    ("BND", 96, 2),
    ("BOB", 68, 2),
    ("BRL", 986, 2),
    ("BSD", 44, 2),
    ("BTN", 64, 2),
    ("BWP", 72, 2),
    ("BYN", 933, 2),
    ("BZD", 84, 2),
    ("CAD", 124, 2),
    ("CDF", 976, 2),
    ("CHF", 756, 2),
    ("CLP", 152, 0),
    ("CNY", 156, 2),
    ("COP", 170, 2),
    ("CRC", 188, 2),
    ("CUP", 192, 2),
    ("CVE", 132, 2),
    ("CZK", 203, 2),
    ("DJF", 262, 0),
    ("DKK", 208, 2),
    ("DOP", 214, 2),
    ("DZD", 12, 2),
    ("EGP", 818, 2),
    ("ERN", 232, 2),
    ("ETB", 230, 2),
    ("EUR", 978, 2),
    ("FJD", 242, 2),
    ("FKP", 238, 2),
    ("GBP", 826, 2),
    ("GEL", 981, 2),
    ("GHS", 936, 2),
    ("GIP", 292, 2),
    ("GMD", 270, 2),
    ("GNF", 324, 0),
    ("GTQ", 320, 2),
    ("GYD", 328, 2),
    ("HKD", 344, 2),
    ("HNL", 340, 2),
    ("HTG", 332, 2),
    ("HUF", 348, 2),
    ("IDR", 360, 2),
    ("ILS", 376, 2),
    ("INR", 356, 2),
    ("IQD", 368, 3),
    ("IRR", 364, 2),
    ("ISK", 352, 0),
    ("JMD", 388, 2),
    ("JOD", 400, 3),
    ("JPY", 392, 0),
    ("KES", 404, 2),
    ("KGS", 417, 2),
    ("KHR", 116, 2),
    ("KMF", 174, 0),
    ("KPW", 408, 2),
    ("KRW", 410, 0),
    ("KWD", 414, 3),
    ("KYD", 136, 2),
    ("KZT", 398, 2),
    ("LAK", 418, 2),
    ("LBP", 422, 2),
    ("LKR", 144, 2),
    ("LRD", 430, 2),
    ("LSL", 426, 2),
    ("LYD", 434, 3),
    ("MAD", 504, 2),
    ("MDL", 498, 2),
    ("MGA", 969, 2),
    ("MKD", 807, 2),
    ("MMK", 104, 2),
    ("MNT", 496, 2),
    ("MOP", 446, 2),
    ("MRU", 929, 2),
    ("MUR", 480, 2),
    ("MVR", 462, 2),
    ("MWK", 454, 2),
    ("MXN", 484, 2),
    ("MYR", 458, 2),
    ("MZN", 943, 2),
    ("NAD", 516, 2),
    ("NGN", 566, 2),
    ("NIO", 558, 2),
    ("NOK", 578, 2),
    ("NPR", 524, 2),
    ("NZD", 554, 2),
    ("OMR", 512, 3),
    ("PAB", 590, 2),
    ("PEN", 604, 2),
    ("PGK", 598, 2),
    ("PHP", 608, 2),
    ("PKR", 586, 2),
    ("PLN", 985, 2),
    ("PYG", 600, 0),
    ("QAR", 634, 2),
    ("RON", 946, 2),
    ("RSD", 941, 2),
    ("RUB", 643, 2),
    ("RWF", 646, 0),
    ("SAR", 682, 2),
    ("SBD", 90, 2),
    ("SCR", 690, 2),
    ("SDG", 938, 2),
    ("SEK", 752, 2),
    ("SGD", 702, 2),
    ("SHP", 654, 2),
    ("SLE", 925, 2),
    ("SOS", 706, 2),
    ("SRD", 968, 2),
    ("SSP", 728, 2),
    ("STN", 930, 2),
    ("SVC", 222, 2),
    ("SYP", 760, 2),
    ("SZL", 748, 2),
    ("THB", 764, 2),
    ("TJS", 972, 2),
    ("TMT", 934, 2),
    ("TND", 788, 3),
    ("TOP", 776, 2),
    ("TRY", 949, 2),
    ("TTD", 780, 2),
    ("TWD", 901, 2),
    ("TZS", 834, 2),
    ("UAH", 980, 2),
    ("UGX", 800, 0),
    ("USD", 840, 2),
    ("UYU", 858, 2),
    ("UZS", 860, 2),
    ("VED", 926, 2),
    ("VES", 928, 2),
    ("VND", 704, 0),
    ("VUV", 548, 0),
    ("WST", 882, 2),
    ("XAF", 950, 0),
    ("XCD", 951, 2),
    ("XCG", 532, 2),
    ("XOF", 952, 0),
    ("XPF", 953, 0),
    ("YER", 886, 2),
    ("ZAR", 710, 2),
    ("ZMW", 967, 2),
    ("ZWG", 924, 2),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        "EUR".parse().unwrap()
    }

    #[test]
    fn a_typed_amount_has_exactly_the_digits_of_its_currency() {
        let parse = |code: &str, text: &str| {
            code.parse::<Currency>()
                .unwrap()
                .parse_amount(text)
                .ok()
                .map(MinorUnits::minor)
        };
        assert_eq!(parse("EUR", "2.50"), Some(250));
        assert_eq!(parse("EUR", "2,50"), Some(250));
        assert_eq!(parse("EUR", "2"), Some(200));
        assert_eq!(parse("JPY", "250"), Some(250));
        assert_eq!(parse("KWD", "1.250"), Some(1250));
        for (code, text) in [
            ("EUR", "2.5"),
            ("EUR", "2.500"),
            ("EUR", ".50"),
            ("EUR", "-2"),
            ("EUR", "2.5o"),
            ("EUR", "1.000.00"),
            ("JPY", "2.50"),
            ("JPY", "2."),
            ("KWD", "1.25"),
            ("EUR", ""),
            ("EUR", "99999999999999999999"),
            ("EUR", "+2"),
        ] {
            assert_eq!(parse(code, text), None, "{code} {text}");
        }
    }

    #[test]
    fn every_currency_writes_what_it_reads_and_has_a_number_of_its_own() {
        for currency in Currency::all() {
            for minor in [0, 5, 99, 100, 123_456] {
                let amount = MinorUnits::try_from(minor).unwrap();
                assert_eq!(currency.parse_amount(&currency.format(amount)), Ok(amount));
            }
            assert_eq!(Currency::by_number(currency.number()), Some(currency));
            assert_eq!(currency.code().parse::<Currency>().unwrap(), currency);
        }
    }

    #[test]
    fn amounts_refuse_to_wrap_or_go_below_nothing() {
        let max = MinorUnits::try_from(i64::MAX).unwrap();
        let one = MinorUnits::try_from(1).unwrap();
        assert_eq!(max.plus(one), Err(AmountOutOfRange));
        assert_eq!(MinorUnits::ZERO.minus(one), Err(AmountOutOfRange));
        assert_eq!(max.times(2), Err(AmountOutOfRange));
        assert!(MinorUnits::try_from(-1).is_err());
        assert_eq!(max.share(1, 1), Ok(max));
        assert_eq!(max.share(1, 0), Err(AmountOutOfRange));
    }

    #[test]
    fn a_share_rounds_half_a_unit_up() {
        let amount = MinorUnits::try_from(260).unwrap();
        // The VAT inside 2.60 at 19 %: 0.4151 → 0.42.
        assert_eq!(amount.share(1900, 11_900).map(MinorUnits::minor), Ok(42));
        assert_eq!(eur().format(amount), "2.60");
        assert_eq!(MinorUnits(5).share(1, 10).map(MinorUnits::minor), Ok(1));
    }
}
