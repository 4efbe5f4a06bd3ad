//! From a purchase's row to what it must have left in every other source.

use crate::domain::charge::Charge;
use crate::domain::ids::PurchaseId;
use crate::domain::money::Currency;
use crate::domain::purchase::State;
use crate::gateway::audit::expected::{PaidPurchase, Tick, Ticks};
use crate::gateway::audit::report::{InFlight, NotYetExportable, Source};
use crate::gateway::audit::tally::Tally;
use crate::gateway::record::{Billed, PurchaseRecord};

impl Tally<'_> {
    /// A purchase: what it must have left everywhere else.
    pub fn purchase(&mut self, record: &PurchaseRecord) {
        let id = record.life.id;
        let on_its_way = matches!(record.life.state, State::Paying | State::InDoubt);
        if record.paid.is_none() && !on_its_way {
            return;
        }
        let (Some(subscriber), Some(merchant), Some(currency)) =
            (record.subscriber, &record.merchant, record.currency)
        else {
            return self.purchase_differs(id, "it is paid and names nobody".to_owned());
        };
        let merchant = self.paid.merchant(merchant);
        let mut purchase = PaidPurchase {
            id,
            subscriber,
            merchant,
            currency,
            charge: record.charge,
            back: None,
            entry: record.entry,
            due: Ticks::of(Tick::FloatOut),
            seen: Ticks::default(),
            off: Ticks::default(),
        };
        if on_its_way {
            self.flies(
                record,
                currency,
                "to the merchant",
                record.charge.wholesale.minor(),
            );
        } else {
            self.due_after_payment(record, &mut purchase);
            self.report.purchases = self.report.purchases.saturating_add(1);
        }
        if !self.paid.push(purchase) {
            self.purchase_differs(id, "it stands twice".to_owned());
        }
    }

    fn due_after_payment(&mut self, record: &PurchaseRecord, purchase: &mut PaidPurchase) {
        let (id, currency, charge) = (record.life.id, purchase.currency, record.charge);
        let gross = charge.gross().unwrap_or_default().minor();
        let income = gross.saturating_sub(charge.tax.minor());
        if income < 0 || gross == 0 {
            self.purchase_differs(
                id,
                "its tax is more than its gross amount, or that is 0".into(),
            );
        }
        let due = &mut purchase.due;
        *due = Ticks::default();
        for tick in [Tick::PurseLogPaid, Tick::PosLogPaid] {
            due.add(tick);
        }
        for tick in [Tick::FloatOut, Tick::HeldIn] {
            due.add_if(tick, charge.wholesale.minor());
        }
        due.add_if(Tick::Income, income);
        due.add_if(Tick::Tax, charge.tax.minor());
        let Some(back_units) = units_back(record) else {
            let text = format!("it is paid and {}", record.life.state.name());
            return self.purchase_differs(id, text);
        };
        if back_units > 0 {
            self.due_after_refund(record, back_units, purchase);
        } else if record.refunded != Charge::default() {
            self.purchase_differs(id, "something went back, and all of it was supplied".into());
        }
        let is_final = record.life.state.is_final();
        match record.billed {
            Billed::No if is_final => {
                self.purchase_differs(id, "it has ended and is not in the billing stream".into());
            }
            Billed::No => self.report.waits(NotYetExportable {
                purchase: id,
                state: record.life.state.name(),
                currency,
                gross_minor: gross,
                age_ms: self.now.since(record.paid.unwrap_or(self.now)),
            }),
            Billed::Provisional => purchase.due.add(Tick::ChargeEntry),
            Billed::Final => {
                purchase.due.add(Tick::ChargeEntry);
                if record.refunded != Charge::default() {
                    purchase.due.add(Tick::RefundEntry);
                }
            }
        }
    }

    fn due_after_refund(&mut self, record: &PurchaseRecord, units: u8, paid: &mut PaidPurchase) {
        let back = record.refunded;
        let value = back.wholesale.minor();
        let gross = back.gross().unwrap_or_default().minor();
        // The inverse charge stands as soon as the refund begins; the value may follow later.
        paid.due
            .add_if(Tick::IncomeBack, gross.saturating_sub(back.tax.minor()));
        paid.due.add_if(Tick::TaxBack, back.tax.minor());
        if matches!(record.life.state, State::Refunding { .. }) {
            self.flies(record, paid.currency, "back to the purse", value);
        } else {
            paid.due.add(Tick::PurseLogBack);
            paid.due.add(Tick::PosLogBack);
            paid.due.add_if(Tick::HeldOut, value);
            paid.due.add_if(Tick::FloatBack, value);
        }
        if record.charge.refund_of(units, record.life.units) != Ok(back) {
            let text = format!("what went back is not the share of {units} pieces");
            self.purchase_differs(record.life.id, text);
        }
        paid.back = self.paid.push_back(back);
    }

    fn flies(
        &mut self,
        record: &PurchaseRecord,
        currency: Currency,
        way: &'static str,
        minor: i64,
    ) {
        if record.paid.is_none() {
            let out = self.out.entry(currency).or_default();
            *out = out.saturating_add(minor);
        }
        self.report.flies(InFlight {
            purchase: record.life.id,
            direction: way,
            currency,
            amount_minor: minor,
            age_ms: self.now.since(record.changed),
        });
    }

    fn purchase_differs(&mut self, id: PurchaseId, text: String) {
        self.report.differs(Source::Purchases, Some(id), text);
    }
}

/// How many pieces went back; none for a state that no paid purchase has.
fn units_back(record: &PurchaseRecord) -> Option<u8> {
    let ordered = record.life.units;
    match record.life.state {
        State::Paid | State::Accepted | State::Dispensing | State::Unknown => Some(0),
        State::Supplied { units } | State::Refunding { supplied: units } => {
            ordered.checked_sub(units)
        }
        State::Refunded => Some(ordered),
        State::Requested
        | State::Ordered
        | State::Refused { .. }
        | State::Expired
        | State::Paying
        | State::InDoubt => None,
    }
}
