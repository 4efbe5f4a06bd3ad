//! What is counted of the writer, the books and what leaves them.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::domain::Millis;
use crate::domain::ledger::Balance;
use crate::domain::money::Currency;
use crate::telemetry::histogram::{Histogram, Scale};

/// Numbers of the books; clones tell the same ones.
#[derive(Clone, Debug)]
pub struct StorageMetrics {
    batch_members: Histogram,
    commit_seconds: Histogram,
    commits_failed: Counter,
    notices: Family<KindLabel, Counter>,
    key_events: Family<WhatLabel, Counter>,
    purse_balance_minor: Family<CurrencyLabel, Gauge>,
    outbox_backlog: Gauge,
    export_last_sequence: Gauge,
    export_closed_ms: Gauge,
    export_unwritten: Gauge,
    books_epoch: Gauge,
    export_unadopted: Gauge,
}

impl Default for StorageMetrics {
    fn default() -> Self {
        Self {
            batch_members: Histogram::new(Scale::Pieces),
            commit_seconds: Histogram::new(Scale::Micros),
            commits_failed: Counter::default(),
            notices: Family::default(),
            key_events: Family::default(),
            purse_balance_minor: Family::default(),
            outbox_backlog: Gauge::default(),
            export_last_sequence: Gauge::default(),
            export_closed_ms: Gauge::default(),
            export_unwritten: Gauge::default(),
            books_epoch: Gauge::default(),
            export_unadopted: Gauge::default(),
        }
    }
}

impl StorageMetrics {
    /// Registers `writer_batch_members`, `writer_commit_seconds`, `writer_commits_failed_total`,
    /// `notices_total{kind}`, `key_events_total{what}`, `purse_balance_minor{currency}`,
    /// `outbox_backlog`, `export_last_sequence`, `export_closed_timestamp_ms`, `export_unwritten`, `books_epoch` and
    /// `export_unadopted`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Members that were decided in one commit";
        registry.register("writer_batch_members", help, metrics.batch_members.clone());
        let help = "Time from taking a batch to its commit";
        registry.register(
            "writer_commit_seconds",
            help,
            metrics.commit_seconds.clone(),
        );
        let help = "Batches that were not stored, or of which it is unknown";
        registry.register(
            "writer_commits_failed",
            help,
            metrics.commits_failed.clone(),
        );
        let help = "Notices that a person should look at";
        registry.register("notices", help, metrics.notices.clone());
        let help = "What this process did with keys";
        registry.register("key_events", help, metrics.key_events.clone());
        let help = "What the operator's purse holds, in the currency's smallest unit";
        let balance = metrics.purse_balance_minor.clone();
        registry.register("purse_balance_minor", help, balance);
        let help = "Messages that wait for an SMSC's acknowledgement";
        registry.register("outbox_backlog", help, metrics.outbox_backlog.clone());
        let help = "Number of the last closed billing batch, and of its file";
        registry.register(
            "export_last_sequence",
            help,
            metrics.export_last_sequence.clone(),
        );
        let help = "When the last billing batch was closed, milliseconds since 1970";
        registry.register(
            "export_closed_timestamp_ms",
            help,
            metrics.export_closed_ms.clone(),
        );
        let help = "Closed billing batches whose file is not written";
        registry.register("export_unwritten", help, metrics.export_unwritten.clone());
        let help = "How often the books were restored from a backup";
        registry.register("books_epoch", help, metrics.books_epoch.clone());
        let help = "1 while no billing file is written, because delivered ones are not read back";
        registry.register("export_unadopted", help, metrics.export_unadopted.clone());
        metrics
    }

    /// A batch of so many members was stored within so many microseconds.
    pub fn committed(&self, members: usize, us: u64) {
        self.batch_members
            .observe(u64::try_from(members).unwrap_or(u64::MAX));
        self.commit_seconds.observe(us);
    }

    /// A batch was not stored, or it is unknown whether it was.
    pub fn commit_failed(&self) {
        self.commits_failed.inc();
    }

    /// A notice of this kind was written.
    pub fn noticed(&self, kind: &'static str) {
        self.notices.get_or_create(&KindLabel { kind }).inc();
    }

    /// Something was done with keys.
    pub fn keys_touched(&self, what: &'static str) {
        self.key_events.get_or_create(&WhatLabel { what }).inc();
    }

    /// The float of a currency holds so much now.
    pub fn purse_holds(&self, currency: Currency, balance: Balance) {
        let label = CurrencyLabel {
            currency: currency.code(),
        };
        self.purse_balance_minor
            .get_or_create(&label)
            .set(balance.0);
    }

    /// So many messages wait now.
    pub fn outbox_waits(&self, messages: usize) {
        let messages = i64::try_from(messages).unwrap_or(i64::MAX);
        self.outbox_backlog.set(messages);
    }

    /// The billing batch of this number is the last one that was closed.
    pub fn closed(&self, sequence: i64, at: Millis) {
        self.export_last_sequence.set(sequence);
        self.export_closed_ms.set(at.0);
    }

    /// The books are in this epoch, and the delivered files were read back in that one.
    pub fn epochs(&self, books: u16, files: u16) {
        self.books_epoch.set(books.into());
        self.export_unadopted.set((files < books).into());
    }

    /// So many closed batches have no file yet.
    pub fn unwritten(&self, batches: usize) {
        let batches = i64::try_from(batches).unwrap_or(i64::MAX);
        self.export_unwritten.set(batches);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhatLabel {
    what: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CurrencyLabel {
    currency: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_the_books_is_what_was_last_said() {
        let mut registry = Registry::default();
        let metrics = StorageMetrics::register(&mut registry);
        metrics.committed(3, 900);
        metrics.purse_holds("EUR".parse().unwrap(), Balance(-5));
        metrics.outbox_waits(9);
        metrics.outbox_waits(7);
        metrics.noticed("late_report");
        metrics.keys_touched("issued");
        metrics.closed(4, Millis(1_790_000_000_000));
        metrics.unwritten(1);
        metrics.epochs(2, 1);
        let text = crate::telemetry::text(&registry).unwrap();
        for line in [
            "writer_batch_members_count 1",
            "writer_commit_seconds_sum 0.0009",
            r#"purse_balance_minor{currency="EUR"} -5"#,
            "outbox_backlog 7",
            r#"notices_total{kind="late_report"} 1"#,
            r#"key_events_total{what="issued"} 1"#,
            "export_last_sequence 4",
            "export_closed_timestamp_ms 1790000000000",
            "export_unwritten 1",
            "books_epoch 2",
            "export_unadopted 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
