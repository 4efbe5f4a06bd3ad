//! When a bill is closed: at the cut-off day, or as soon as its total reaches the maximum.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::domain::Millis;
use crate::domain::ids::{BillId, SubscriberId};
use crate::domain::money::Currency;

/// A closed bill. It is never changed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bill {
    /// The key.
    pub id: BillId,
    /// Who owes it.
    pub subscriber: SubscriberId,
    /// From 1 without a gap for this subscriber.
    pub number: u32,
    /// The subscriber's currency.
    pub currency: Currency,
    /// Charges less refunds, in minor units; below 0 when refunds prevail.
    pub total_minor: i64,
    /// Since when it was open.
    pub from: Millis,
    /// Where it ends: later charges belong to the next.
    pub to: Millis,
    /// Why it was closed.
    pub cause: Closed,
}

/// Why a bill was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The cut-off day came.
    CutOff,
    /// The total reached the subscriber's maximum.
    Maximum,
}

impl Closed {
    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CutOff => "cut_off",
            Self::Maximum => "maximum",
        }
    }
}

/// The operator's calendar: cut-off day and zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    cut_off_day: i8,
}

impl Calendar {
    /// A calendar whose bills end at 00:00 of `cut_off_day` (1 to 31; the last day of a shorter
    /// month) in `zone`.
    #[must_use]
    pub fn new(zone: TimeZone, cut_off_day: u8) -> Self {
        Self {
            zone,
            cut_off_day: i8::try_from(cut_off_day.clamp(1, 31)).unwrap_or(1),
        }
    }

    /// The calendar day of `at` in the operator's zone, as the integer yyyymmdd.
    #[must_use]
    pub fn business_date(&self, at: Millis) -> i32 {
        let date = self.date(at);
        let year = i32::from(date.year()).saturating_mul(10_000);
        let month = i32::from(date.month()).saturating_mul(100);
        year.saturating_add(month).saturating_add(date.day().into())
    }

    /// The last cut-off at or before `at`.
    #[must_use]
    pub fn last_cut_off(&self, at: Millis) -> Millis {
        let date = self.date(at);
        let this_month = self.cut_off_in(date);
        if date >= this_month {
            return self.midnight(this_month);
        }
        let before = date.first_of_month().saturating_sub(1.day());
        self.midnight(self.cut_off_in(before))
    }

    /// The time of day of `at` in the operator's zone, for replies: hour and minute.
    #[must_use]
    pub fn hour_and_minute(&self, at: Millis) -> (u8, u8) {
        let time = timestamp(at).to_zoned_datetime(self.zone.clone()).time();
        let small = |n: i8| u8::try_from(n).unwrap_or_default();
        (small(time.hour()), small(time.minute()))
    }

    fn cut_off_in(&self, month: Date) -> Date {
        let day = self.cut_off_day.min(month.days_in_month());
        month
            .with()
            .day(day)
            .build()
            .unwrap_or_else(|_| month.last_of_month())
    }

    fn date(&self, at: Millis) -> Date {
        timestamp(at).to_zoned_datetime(self.zone.clone()).date()
    }

    fn midnight(&self, date: Date) -> Millis {
        let start = date
            .to_zoned_datetime(self.zone.clone())
            .map(|z| z.timestamp().as_millisecond());
        start.map(Millis).unwrap_or_default()
    }
}

fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn calendar(zone: &str, day: u8) -> Calendar {
        Calendar::new(TimeZone::get(zone).unwrap(), day)
    }

    #[test]
    fn the_last_cut_off_is_midnight_of_its_day_in_the_operators_zone() {
        let berlin = calendar("Europe/Berlin", 1);
        assert_eq!(
            berlin.last_cut_off(at("2026-11-23T12:00:00Z")),
            at("2026-10-31T23:00:00Z")
        );
        // Midnight itself belongs to the new bill; a millisecond before it to the old one.
        assert_eq!(
            berlin.last_cut_off(at("2026-10-31T23:00:00Z")),
            at("2026-10-31T23:00:00Z")
        );
        assert_eq!(
            berlin.last_cut_off(at("2026-10-31T22:59:59.999Z")),
            at("2026-09-30T22:00:00Z")
        );
    }

    #[test]
    fn a_cut_off_day_that_a_month_lacks_is_its_last_day() {
        let tokyo = calendar("Asia/Tokyo", 31);
        assert_eq!(
            tokyo.last_cut_off(at("2027-03-01T00:00:00Z")),
            at("2027-02-27T15:00:00Z")
        );
    }

    #[test]
    fn the_business_date_follows_the_zone_over_a_change_of_the_clock() {
        let berlin = calendar("Europe/Berlin", 1);
        assert_eq!(berlin.business_date(at("2026-10-25T22:59:59Z")), 20_261_025);
        assert_eq!(berlin.business_date(at("2026-10-25T23:00:00Z")), 20_261_026);
        assert_eq!(berlin.hour_and_minute(at("2026-10-25T23:05:00Z")), (0, 5));
    }
}
