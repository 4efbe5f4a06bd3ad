//! How far the nodes' clocks are apart.
//!
//! Each node tells the others once a second how far its clock is from the server's. Both parts of
//! that are read at the same moment, so that it does not matter how long the telling takes.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::gateway::books::Elsewhere;
use crate::store::Clock;
use crate::store::postgres::news::CHANNEL;
use crate::store::postgres::primary::Cluster;
use crate::store::postgres::select;
use crate::store::rows::{Columns, Value};

/// This node's clock less the server's, ms; nothing before it was first told.
pub(in crate::store) struct Offset(AtomicI64);

impl Default for Offset {
    fn default() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }
}

impl Offset {
    /// Tells the other nodes until it is dropped.
    pub(in crate::store) async fn tell(&self, cluster: &Cluster, node: u16, clock: &Clock) {
        loop {
            tokio::time::sleep(TELL_EVERY).await;
            let arguments = [
                Value::Text(CHANNEL.into()),
                Value::Text(format!("{WORD} {node} ").into()),
                Value::Int(clock().0),
            ];
            let told = cluster.while_primary(TELL_EVERY, async {
                select(cluster.readers()?, TELL, &arguments).await
            });
            let rows = told.await.flatten().unwrap_or_default();
            if let Some(Ok(offset)) = rows.first().map(|row| Columns::of(row).int()) {
                self.0.store(offset, Ordering::Relaxed);
            }
        }
    }

    /// What a node's word about its clock means here; nothing when it is none, or our own.
    pub(super) fn compare(&self, word: &str, own: u16) -> Option<Elsewhere> {
        let mut words = word.strip_prefix(WORD)?.split_whitespace();
        let node: u16 = words.next()?.parse().ok()?;
        let theirs: i64 = words.next()?.parse().ok()?;
        let ours = self.0.load(Ordering::Relaxed);
        (node != own && ours != UNKNOWN).then(|| Elsewhere::Clock {
            node,
            apart_ms: ours.saturating_sub(theirs),
            is_ours_wrong: ours.saturating_abs() >= theirs.saturating_abs(),
        })
    }
}

const UNKNOWN: i64 = i64::MIN;
const WORD: &str = "clock";
const TELL_EVERY: Duration = Duration::from_secs(1);
/// The difference, and the word about it.
const TELL: &str = "select $3::int8 - s.ms, pg_notify($1, $2 || ($3::int8 - s.ms))::text
     from (select (extract(epoch from clock_timestamp()) * 1000)::int8 as ms) s";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_that_is_farther_from_the_servers_is_the_wrong_one() {
        let offset = Offset::default();
        assert_eq!(
            offset.compare("clock 2 5", 1),
            None,
            "ours is not known yet"
        );
        offset.0.store(-2_500, Ordering::Relaxed);
        let said = |apart_ms, is_ours_wrong| {
            let node = 2;
            Some(Elsewhere::Clock {
                node,
                apart_ms,
                is_ours_wrong,
            })
        };
        assert_eq!(offset.compare("clock 2 5", 1), said(-2_505, true));
        assert_eq!(offset.compare("clock 2 9000", 1), said(-11_500, false));
        assert_eq!(offset.compare("clock 1 9000", 1), None, "it is our own");
        assert_eq!(offset.compare("2\n5 - -", 1), None);
    }
}
