//! What a commit on one node is told to the others: which terminals have news, and which deadlines
//! another node has to keep.
//!
//! ```text
//! commit ─► tray ─► NOTIFY on a connection of its own      (only after the commit, never in it)
//!                      └─► LISTEN on every node ─► on_commit: long polls wake, timers know
//! ```
//! News can be lost with a connection or a full tray; whoever waits looks again by itself.

use std::fmt::Write as _;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::mpsc;

use crate::domain::Millis;
use crate::domain::ids::{PurchaseId, TerminalId};
use crate::gateway::books::{Committed, Elsewhere, OnCommit, StoreError};
use crate::gateway::world::Moved;
use crate::store::postgres::clocks::Offset;
use crate::store::postgres::primary::Cluster;
use crate::store::sqlite::unavailable;

/// Hands over what other nodes must hear; what finds no room is left out.
pub(in crate::store) fn hand_over(tray: &mpsc::Sender<String>, node: u16, committed: &Committed) {
    for chunk in committed.moved.chunks(MOVED_MAX) {
        // A full tray: the network is slower than the books, and polls look by themselves.
        let _ = tray.try_send(written(node, chunk));
    }
}

/// Tells other nodes until the tray's other end is gone.
pub(in crate::store) async fn tell(cluster: &Cluster, mut tray: mpsc::Receiver<String>) {
    while let Some(text) = tray.recv().await {
        let told = cluster.while_primary(TELL_WITHIN, async {
            let query = sqlx::query("select pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(text);
            let told = query.execute(cluster.readers()?).await;
            told.map(|_| ()).map_err(|e| unavailable(&e))
        });
        if let Err(error) = told.await.flatten() {
            tracing::debug!(%error, "other nodes were not told of a commit");
        }
    }
}

/// Listens to other nodes until it is dropped. After each connection it says that anything may have
/// happened.
pub(in crate::store) async fn listen(
    cluster: &Cluster,
    node: u16,
    offset: &Offset,
    on_commit: &OnCommit,
) {
    loop {
        let ended = cluster.while_primary(FOR_EVER, async {
            let listening = PgListener::connect_with(cluster.readers()?).await;
            let mut listener = listening.map_err(|e| unavailable(&e))?;
            listener
                .listen(CHANNEL)
                .await
                .map_err(|e| unavailable(&e))?;
            on_commit(elsewhere(Elsewhere::Anything));
            loop {
                let heard = listener.try_recv().await.map_err(|e| unavailable(&e))?;
                let Some(heard) = heard else {
                    return Ok::<(), StoreError>(());
                };
                if let Some(clock) = offset.compare(heard.payload(), node) {
                    on_commit(elsewhere(clock));
                } else if let Some((from, news)) = read(heard.payload())
                    && from != node
                {
                    on_commit(elsewhere(news));
                }
            }
        });
        if let Err(error) = ended.await.flatten() {
            tracing::debug!(%error, "not listening to other nodes");
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// Has everybody who waits look again, now and then, until it is dropped: news can be lost.
pub(in crate::store) async fn remind(on_commit: &OnCommit) {
    loop {
        tokio::time::sleep(REMIND_EVERY).await;
        on_commit(elsewhere(Elsewhere::Anything));
    }
}

fn elsewhere(news: Elsewhere) -> Committed {
    Committed {
        elsewhere: Some(news),
        ..Committed::default()
    }
}

/// `node`, then for each purchase a line: id, deadline or `-`, terminal or `-`.
fn written(node: u16, moved: &[Moved]) -> String {
    let mut text = node.to_string();
    for step in moved {
        let deadline = step.deadline.map(|at| at.0.to_string());
        let terminal = step.terminal.as_ref().map(TerminalId::as_str);
        let deadline = deadline.as_deref().unwrap_or(NONE);
        let terminal = terminal.unwrap_or(NONE);
        // Writing to a String never fails.
        let _ = write!(text, "\n{} {deadline} {terminal}", step.purchase);
    }
    text
}

fn read(text: &str) -> Option<(u16, Elsewhere)> {
    let mut lines = text.split('\n');
    let node = lines.next()?.parse().ok()?;
    let (mut terminals, mut deadlines) = (Vec::new(), Vec::new());
    for line in lines {
        let mut words = line.split(' ');
        let purchase: PurchaseId = words.next()?.parse().ok()?;
        let deadline = words.next()?.parse().ok().map(Millis);
        deadlines.push((purchase, deadline));
        let terminal = words.next().filter(|word| *word != NONE);
        terminals.extend(terminal.and_then(|word| word.parse::<TerminalId>().ok()));
    }
    Some((
        node,
        Elsewhere::Moved {
            terminals,
            deadlines,
        },
    ))
}

/// No deadline, or no terminal: one that has this name waits for its own next look.
const NONE: &str = "-";
pub(super) const CHANNEL: &str = "svgate";
/// A payload has at most 8,000 octets, and a line of it some 70.
const MOVED_MAX: usize = 100;
/// Messages between commit and network: seconds of a busy node.
pub(in crate::store) const TRAY_MAX: usize = 1_000;
const TELL_WITHIN: Duration = Duration::from_secs(2);
/// What a machine waits longer for its ack than it should when its news was lost.
const REMIND_EVERY: Duration = Duration::from_secs(5);
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// A listener has no time limit of its own.
const FOR_EVER: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use crate::domain::purchase::State;

    use super::*;

    #[test]
    fn what_one_node_writes_another_reads() {
        let moved = |terminal: Option<&str>, deadline| Moved {
            purchase: PurchaseId(5),
            state: State::Paid,
            deadline,
            terminal: terminal.map(|id| id.parse().unwrap()),
            since_paid_ms: None,
        };
        let steps = [moved(Some("coffee"), Some(Millis(9))), moved(None, None)];
        let (node, news) = read(&written(7, &steps)).unwrap();
        assert_eq!(node, 7);
        let Elsewhere::Moved {
            terminals,
            deadlines,
        } = news
        else {
            panic!("something moved");
        };
        assert_eq!(terminals.first().map(TerminalId::as_str), Some("coffee"));
        let want = [(PurchaseId(5), Some(Millis(9))), (PurchaseId(5), None)];
        assert_eq!(deadlines, want);
        assert!(read("no number").is_none());
        assert!(
            written(
                1_023,
                &vec![moved(Some(&"t".repeat(32)), Some(Millis(i64::MAX))); MOVED_MAX]
            )
            .len()
                < 8_000
        );
    }
}
