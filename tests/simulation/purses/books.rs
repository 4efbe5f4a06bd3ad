//! What must hold, whatever happened: the sums, the proofs, the logs.

use std::collections::BTreeSet;

use svgate::sv::log::{ChainHead, Evidence, verify_chain};
use svgate::sv::message::{End, PaymentDetails};
use svgate::sv::proof::{OwnKeys, Proof, StatusReport};
use svgate::sv::purse::status::Status;

use super::{BALANCE, Holder, PURSES, World, end_number};

impl World {
    /// Weighs two reports about one payment, however old each of them is.
    pub(super) fn prove_any(&mut self) {
        if self.reports.is_empty() {
            return;
        }
        let at = self.below(self.reports.len());
        let [from, to] = [End::Payer, End::Payee].map(|end| {
            let same = |r: &&StatusReport| {
                r.end() == end && r.details().purchase == self.reports[at].details().purchase
            };
            let mut found: Vec<&StatusReport> = self.reports.iter().filter(same).collect();
            // Now the oldest, now the newest.
            if at.is_multiple_of(2) {
                found.pop()
            } else {
                found.drain(..).next()
            }
        });
        if let (Some(from), Some(to)) = (from, to) {
            let proof = self.weigh(from, to);
            self.proved.push((from.details().purchase.0, proof));
        }
        let Some((id, proof)) = self.proved.last() else {
            return;
        };
        self.assert_true(*id, *proof);
    }

    pub(super) fn weigh(&self, from: &StatusReport, to: &StatusReport) -> Proof {
        let own = |report: &StatusReport, id: &str| {
            assert!(
                [&report.details().from, &report.details().to]
                    .iter()
                    .any(|n| n.as_str() == id)
            );
            &self.ends[end_number(id)].own
        };
        let details = from.details();
        let keys = OwnKeys {
            payer: own(from, details.from.as_str()),
            payee: own(to, details.to.as_str()),
        };
        Proof::from_reports(from, to, keys).unwrap()
    }

    pub(super) fn assert_true(&self, id: i64, proof: Proof) {
        let really = (self.debited.contains(&id), self.credited.contains(&id));
        match proof {
            Proof::Lost => assert_eq!(really, (true, false), "proved lost: {id}"),
            Proof::NotPaid => assert_eq!(really, (false, false), "proved not paid: {id}"),
            Proof::PayeePaid => assert_eq!(really, (true, true), "proved paid: {id}"),
            Proof::Wait => {}
        }
    }

    /// SP1 and SP2.1, exactly and at every moment: what the purses hold, and what has left one and
    /// may yet arrive at another or never will, is what there was at the start.
    pub(super) fn check(&self) {
        let held: i64 = self.ends.iter().map(|end| end.balance).sum();
        let under_way: i64 = self.in_doubt().map(|details| details.value.minor()).sum();
        assert_eq!(held + under_way, BALANCE * i64::try_from(PURSES).unwrap());
    }

    /// (fromInEpa ∪ fromLogged) ∩ (toInEpv ∪ toLogged): definitely lost, and maybe lost.
    pub(super) fn in_doubt(&self) -> impl Iterator<Item = &PaymentDetails> {
        let asked: Vec<_> = self
            .ends
            .iter()
            .flat_map(|end| end.unsettled(End::Payee))
            .collect();
        let debited = self.ends.iter().flat_map(|end| end.unsettled(End::Payer));
        debited.filter(move |details| {
            asked
                .iter()
                .any(|other| other.purchase == details.purchase && other == details)
        })
    }

    pub(super) fn settle(&mut self) {
        self.network.clear();
        (0..PURSES).for_each(|at| self.abort(at));
        self.check();
        for (id, proof) in &self.proved {
            self.assert_true(*id, *proof);
        }
        for details in &self.payments {
            let id = details.purchase.0;
            let ends = [(&details.from, End::Payer), (&details.to, End::Payee)]
                .map(|(name, end)| (&self.ends[end_number(name.as_str())], end));
            let logged =
                ends.map(|(holder, end)| holder.unsettled(end).any(|other| other.purchase.0 == id));
            let really = (self.debited.contains(&id), self.credited.contains(&id));
            match logged {
                [true, true] => assert_eq!(really, (true, false), "both logged: lost"),
                [false, true] => assert_eq!(really, (false, false), "to only: never debited"),
                [true, false] => assert_eq!(really, (true, true), "from only: to was paid"),
                [false, false] => assert_eq!(really.0, really.1, "neither: paid or never begun"),
            }
            let [from, to] =
                ends.map(|(holder, _)| holder.purse.report(details, &holder.own).unwrap());
            self.assert_true(id, self.weigh(&from, &to));
        }
        self.ends
            .iter()
            .for_each(|end| end.check_log(&self.credited));
    }
}

impl Holder {
    /// The payments that this purse has debited and does not know acknowledged (payer), or has
    /// asked for and not credited (payee): pending, in the exception log, or in the archive.
    pub(super) fn unsettled(&self, end: End) -> impl Iterator<Item = &PaymentDetails> {
        let row = self.purse.row();
        let pending = match (&row.status, end) {
            (Status::Epa(details), End::Payer) | (Status::Epv(details), End::Payee) => {
                Some(details)
            }
            (
                Status::Idle
                | Status::Epr(_)
                | Status::Epv(_)
                | Status::Epa(_)
                | Status::Credited(_),
                End::Payer | End::Payee,
            ) => None,
        };
        let logged = self.archive.iter().chain(row.exceptions.entries());
        logged
            .chain(pending)
            .filter(move |details| details.end_of(&row.name) == Some(end))
    }

    /// The log is one chain, and a payer's "paid" is never of a payment that did not arrive.
    pub(super) fn check_log(&self, credited: &BTreeSet<i64>) {
        let head = self.purse.row().log;
        assert_eq!(
            verify_chain(&self.log, &self.own, ChainHead::default(), head),
            Ok(())
        );
        for record in &self.log {
            let arrived = credited.contains(&record.details.purchase.0);
            match record.evidence {
                Evidence::Ack { .. } | Evidence::Val { .. } => assert!(arrived),
                Evidence::LeftInEpv => assert!(!arrived),
                Evidence::LeftInEpa => {}
            }
        }
    }
}
