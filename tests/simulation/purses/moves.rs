//! What may happen to purses and to the messages between them.

use svgate::domain::ids::PurchaseId;
use svgate::domain::money::MinorUnits;
use svgate::sv::SvError;
use svgate::sv::exception::{ExceptionLog, ExceptionLogResult, clear_code};
use svgate::sv::mac::EndKeys;
use svgate::sv::message::{Message, PaymentDetails};
use svgate::sv::purse::status::Status;
use svgate::sv::purse::{Movement, Purse, PurseRow, Step};

use super::{PURSES, World, end_number};

impl World {
    pub(super) fn start_any(&mut self) {
        let from = self.below(PURSES);
        let to = (from + 1 + self.below(PURSES - 1)) % PURSES;
        let value = i64::try_from(self.below(60)).unwrap();
        self.start(from, to, value);
    }

    pub(super) fn start(&mut self, from: usize, to: usize, value: i64) {
        let number = i64::try_from(self.payments.len()).unwrap();
        let [paying, receiving] = [from, to].map(|end| self.ends[end].purse.row());
        let details = PaymentDetails {
            from: paying.name.clone(),
            to: receiving.name.clone(),
            merchant: "coffee".parse().unwrap(),
            value: MinorUnits::try_from(value).unwrap(),
            currency: paying.currency,
            from_seq: paying.next_seq,
            to_seq: receiving.next_seq,
            purchase: PurchaseId(number),
            refund_of: None,
            pon: None,
            deliver_within_s: 90,
        };
        self.payments.push(details.clone());
        self.network
            .push((from, Message::StartFrom(details.clone()).to_octets()));
        self.network
            .push((to, Message::StartTo(details).to_octets()));
    }

    pub(super) fn deliver_any(&mut self, take: bool) {
        if self.network.is_empty() {
            return;
        }
        let at = self.below(self.network.len());
        let (to, octets) = if take {
            self.network.swap_remove(at)
        } else {
            self.network[at].clone()
        };
        self.deliver(to, &octets);
    }

    pub(super) fn deliver_all(&mut self) {
        while !self.network.is_empty() {
            let (to, octets) = self.network.remove(0);
            self.deliver(to, &octets);
        }
    }

    /// Brings a message to a purse, and books what the purse says.
    pub(super) fn deliver(&mut self, to: usize, octets: &[u8]) {
        let message = Message::from_octets(octets).unwrap();
        let details = details_of(&message).clone();
        let before = self.ends[to].purse.clone();
        match self.receive(to, message) {
            Ok(step) => {
                self.book(to, &details, step);
                self.followed.push((to, octets.to_vec()));
            }
            Err(_) => assert_eq!(self.ends[to].purse, before, "an error changed the purse"),
        }
    }

    pub(super) fn receive(&mut self, to: usize, message: Message) -> Result<Step, SvError> {
        let details = details_of(&message);
        let ends = [details.from.as_str(), details.to.as_str()].map(end_number);
        let pair = ends[0].min(ends[1]) * PURSES + ends[0].max(ends[1]);
        let Some(pair) = self.pairs.get(pair) else {
            return Err(SvError::NotAuthentic);
        };
        let holder = &mut self.ends[to];
        let available = MinorUnits::try_from(holder.balance).unwrap();
        holder.purse.receive(
            message,
            available,
            EndKeys {
                own: &holder.own,
                pair,
            },
        )
    }

    pub(super) fn book(&mut self, at: usize, details: &PaymentDetails, step: Step) {
        let holder = &mut self.ends[at];
        match step.movement {
            Movement::None => {}
            Movement::Debit(value) => {
                holder.balance -= value.minor();
                assert!(holder.balance >= 0, "SP4: more than there was");
                assert!(self.debited.insert(details.purchase.0), "debited twice");
            }
            Movement::Credit(value) => {
                holder.balance += value.minor();
                assert!(
                    self.debited.contains(&details.purchase.0),
                    "SP1: value from nowhere"
                );
                assert!(self.credited.insert(details.purchase.0), "credited twice");
            }
        }
        holder.log.extend(step.record);
        if let Some(reply) = step.reply {
            let other = if end_number(details.from.as_str()) == at {
                &details.to
            } else {
                &details.from
            };
            self.network
                .push((end_number(other.as_str()), reply.to_octets()));
        }
    }

    pub(super) fn lose_any(&mut self) {
        if !self.network.is_empty() {
            let at = self.below(self.network.len());
            self.network.swap_remove(at);
        }
    }

    /// A message that was followed once, brought again, moves nothing and writes nothing down.
    pub(super) fn replay_any(&mut self) {
        if self.followed.is_empty() {
            return;
        }
        let at = self.below(self.followed.len());
        let (to, octets) = self.followed[at].clone();
        let before = self.ends[to].purse.clone();
        if let Ok(step) = self.receive(to, Message::from_octets(&octets).unwrap()) {
            assert_eq!(
                (step.movement, step.record),
                (Movement::None, None),
                "replay was followed"
            );
        }
        assert_eq!(self.ends[to].purse, before, "replay changed the purse");
    }

    /// One bit of a sealed message is turned on its way: nobody follows it.
    pub(super) fn alter_any(&mut self) {
        let sealed = |(_, octets): &&(usize, Vec<u8>)| octets[1] > 2;
        let Some((to, mut octets)) = self.network.iter().find(sealed).cloned() else {
            return;
        };
        let bit = self.below(octets.len() * 8);
        octets[bit / 8] ^= 1 << (bit % 8);
        if bit / 8 == 1 && octets[1] <= 2 {
            return;
        }
        let Ok(message) = Message::from_octets(&octets) else {
            return;
        };
        assert_eq!(self.receive(to, message), Err(SvError::NotAuthentic));
    }

    pub(super) fn resume(&mut self, at: usize) {
        let holder = &self.ends[at];
        let (Status::Epr(details)
        | Status::Epv(details)
        | Status::Epa(details)
        | Status::Credited(details)) = &holder.purse.row().status
        else {
            return;
        };
        let ends = [details.from.as_str(), details.to.as_str()].map(end_number);
        let other = if ends[0] == at { ends[1] } else { ends[0] };
        let pair = &self.pairs[at.min(other) * PURSES + at.max(other)];
        if let Some(message) = holder.purse.resume(EndKeys {
            own: &holder.own,
            pair,
        }) {
            self.network.push((other, message.to_octets()));
        }
    }

    pub(super) fn abort(&mut self, at: usize) {
        let holder = &mut self.ends[at];
        holder.log.extend(holder.purse.abort(&holder.own));
    }

    pub(super) fn leave_any(&mut self) {
        let Some((details, at)) = self.any_end() else {
            return;
        };
        let holder = &mut self.ends[at];
        let (report, record) = holder.purse.leave(&details, &holder.own).unwrap();
        holder.log.extend(record);
        self.reports.push(report);
    }

    pub(super) fn report_any(&mut self) {
        let Some((details, at)) = self.any_end() else {
            return;
        };
        let holder = &self.ends[at];
        self.reports
            .push(holder.purse.report(&details, &holder.own).unwrap());
    }

    pub(super) fn any_end(&mut self) -> Option<(PaymentDetails, usize)> {
        let recent = self.payments.len().min(6);
        if recent == 0 {
            return None;
        }
        let at = self.payments.len() - 1 - self.below(recent);
        let details = self.payments[at].clone();
        let end = if self.below(2) == 0 {
            &details.from
        } else {
            &details.to
        };
        let end = end_number(end.as_str());
        Some((details, end))
    }

    /// The archive takes the exceptions, and clears the purse with a code over exactly these.
    pub(super) fn archive(&mut self, at: usize) {
        let holder = &mut self.ends[at];
        let (results, record) = holder.purse.read_exception_log(&holder.own);
        holder.log.extend(record);
        let name = holder.purse.row().name.clone();
        let code = |part: &[ExceptionLogResult]| clear_code(&name, part, &holder.own).unwrap();
        if let Some((_, fewer)) = results.split_last() {
            let refused = holder.purse.clear_exception_log(code(fewer), &holder.own);
            assert_eq!(refused, Err(SvError::WrongClearCode));
        }
        if holder
            .purse
            .clear_exception_log(code(&results), &holder.own)
            .is_ok()
        {
            let taken = results
                .iter()
                .map(|result| result.open(&holder.own).unwrap().1.clone());
            holder.archive.extend(taken);
        }
    }

    /// The process ends and starts again from the stored row.
    pub(super) fn restart(&mut self, at: usize) {
        let holder = &mut self.ends[at];
        let row = holder.purse.row();
        let exceptions = ExceptionLog::from_octets(&row.exceptions.to_octets()).unwrap();
        let status = Status::from_octets(&row.status.to_octets()).unwrap();
        let row = PurseRow {
            status,
            exceptions,
            ..row.clone()
        };
        let again = Purse::from_row(row).unwrap();
        assert_eq!(again, holder.purse);
        holder.purse = again;
    }
}

fn details_of(message: &Message) -> &PaymentDetails {
    match message {
        Message::StartFrom(details)
        | Message::StartTo(details)
        | Message::Req { details, .. }
        | Message::Val { details, .. }
        | Message::Ack { details, .. } => details,
    }
}
