//! The two logs of stored value: each row is proven under the keys of the end that wrote it before
//! it is compared with anything.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::ids::{PurchaseId, PurseId};
use crate::domain::money::Currency;
use crate::gateway::audit::expected::Tick;
use crate::gateway::audit::ledger::missing;
use crate::gateway::audit::numbers::{Next, Numbers};
use crate::gateway::audit::report::{Report, Source};
use crate::gateway::audit::{LogRow, SeriesEnds};
use crate::gateway::context::NodePurses;
use crate::sv::log::{ChainHead, Evidence, LogRecord, verify_chain};
use crate::sv::mac::MacKey;
use crate::sv::message::PaymentDetails;

/// Which of the two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    Purses,
    Pos,
}

impl Log {
    pub(super) const fn source(self) -> Source {
        match self {
            Self::Purses => Source::PurseLog,
            Self::Pos => Source::PosLog,
        }
    }
}

/// What a proven row says happened.
pub(super) enum Said {
    /// Value moved, as this tick.
    Moved(Tick, PaymentDetails),
    /// The payer left before an acknowledgement came: the value may be at either end.
    GivenUp(PaymentDetails),
    /// The payee left before value came: nothing moved.
    Nothing,
}

/// Both logs with the chains of their purses, as far as they were read.
pub(super) struct Logs<'a> {
    keys: HashMap<PurseId, EndKeys<'a>>,
    chains: HashMap<Arc<str>, ChainHead>,
    purses: Numbers,
    pos: Numbers,
}

struct EndKeys<'a> {
    log: Log,
    own: &'a MacKey,
    other: &'a MacKey,
    pair: &'a MacKey,
}

impl<'a> Logs<'a> {
    pub(super) fn new(nodes: &'a [NodePurses]) -> Self {
        let mut keys = HashMap::new();
        let all = nodes
            .iter()
            .flat_map(|purses| Currency::all().map(move |currency| (purses, currency)));
        for (purses, currency) in all {
            let (Some(names), Some(of)) = (purses.names(currency), purses.keys(currency)) else {
                continue;
            };
            let pair = of.pair;
            let lane = (Log::Purses, of.lane, of.pos);
            let pos = (Log::Pos, of.pos, of.lane);
            for (name, (log, own, other)) in [(names.0, lane), (names.1, pos)] {
                let end = EndKeys {
                    log,
                    own,
                    other,
                    pair,
                };
                keys.insert(name.clone(), end);
            }
        }
        Self {
            keys,
            chains: HashMap::new(),
            purses: Numbers::default(),
            pos: Numbers::default(),
        }
    }

    /// Proves the next row of a log; none when there is nothing in it to compare.
    pub(super) fn row(&mut self, log: Log, row: &LogRow, report: &mut Report) -> Option<Said> {
        let source = log.source();
        let number = row.number;
        let numbers = match log {
            Log::Purses => &mut self.purses,
            Log::Pos => &mut self.pos,
        };
        match numbers.take(number) {
            Next::Right => {}
            Next::Twice => {
                report.differs(source, None, format!("row {number} stands twice"));
                return None;
            }
            Next::Missing { from, to } => {
                report.differs(source, None, missing("row", from, to));
            }
        }
        let Ok(record) = LogRecord::from_octets(&row.octets) else {
            report.differs(source, None, format!("row {number} is no log record"));
            return None;
        };
        let subject = subject_of(&record.details);
        let mut differs = |text| report.differs(source, Some(subject), text);
        let name: PurseId = row.purse.parse().ok()?;
        let Some(keys) = self.keys.get(&name).filter(|keys| keys.log == log) else {
            differs(format!("row {number}: {name} is no purse of this log"));
            return None;
        };
        let before = self.chains.get(&row.purse).copied().unwrap_or_default();
        let after = ChainHead {
            count: record.no,
            mac: record.mac,
        };
        if let Err(broken) = verify_chain([&record], keys.own, before, after) {
            differs(format!("row {number}, log of {name}: {broken}"));
        }
        self.chains.insert(Arc::clone(&row.purse), after);
        let said = said(log, &name, &record, keys);
        if said.is_none() {
            differs(format!(
                "row {number}: the other end's seal is not good, or it is of another payment"
            ));
        }
        said
    }

    /// Compares where the logs end with what the node's row and the purses say.
    pub(super) fn end(&self, ends: &SeriesEnds, report: &mut Report) {
        let purses = ends.nodes.iter().map(|node| (node.from, node.purse_log));
        let pos = ends.nodes.iter().map(|node| (node.from, node.pos_log));
        for (log, numbers, ends) in [
            (Log::Purses, &self.purses, purses.collect::<Vec<_>>()),
            (Log::Pos, &self.pos, pos.collect::<Vec<_>>()),
        ] {
            for (last, want) in numbers.differing(&ends) {
                let text = format!("the last row is {last}, the node's row says {want}");
                report.differs(log.source(), None, text);
            }
        }
        for (name, head) in &ends.chains {
            let found = self.chains.get(name.as_str()).copied().unwrap_or_default();
            if found != *head {
                let source = self
                    .keys
                    .get(name)
                    .map_or(Source::PurseLog, |k| k.log.source());
                let (found, head) = (found.count, head.count);
                let text = format!(
                    "the log of {name} ends with record {found}, its purse's chain with {head}"
                );
                report.differs(source, None, text);
            }
        }
    }
}

/// What a record says, if the other end's proof in it is good.
fn said(log: Log, name: &PurseId, record: &LogRecord, keys: &EndKeys<'_>) -> Option<Said> {
    let details = record.details.clone();
    let is_refund = details.refund_of.is_some();
    let (pays, evidenced) = match record.evidence {
        Evidence::LeftInEpa => return (details.from == *name).then_some(Said::GivenUp(details)),
        Evidence::LeftInEpv => return (details.to == *name).then_some(Said::Nothing),
        Evidence::Ack { .. } => (true, details.from == *name),
        Evidence::Val { .. } => (false, details.to == *name && record.has_good_s6(keys.other)),
    };
    if !evidenced || !record.is_evidenced(keys.pair) {
        return None;
    }
    let tick = match (log, pays, is_refund) {
        (Log::Purses, true, false) => Tick::PurseLogPaid,
        (Log::Purses, false, true) => Tick::PurseLogBack,
        (Log::Pos, false, false) => Tick::PosLogPaid,
        (Log::Pos, true, true) => Tick::PosLogBack,
        (Log::Purses, true, true)
        | (Log::Purses, false, false)
        | (Log::Pos, true, false)
        | (Log::Pos, false, true) => return None,
    };
    Some(Said::Moved(tick, details))
}

/// The purchase that a payment or a refund is for.
pub(super) fn subject_of(details: &PaymentDetails) -> PurchaseId {
    details.refund_of.unwrap_or(details.purchase)
}
