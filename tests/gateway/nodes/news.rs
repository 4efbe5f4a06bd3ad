//! A commit on one node is told to the other, also after the connection that hears it was lost.

use std::time::Duration;

use svgate::gateway::books::Elsewhere;

use super::Pair;
use crate::fixture::{Phone, Shop, terminal};
use crate::server::server;

/// How often a node heard that.
fn times(shop: &Shop, want: fn(&Elsewhere) -> bool) -> usize {
    let committed = shop.committed.lock().unwrap();
    let heard = committed.iter().filter_map(|c| c.elsewhere.as_ref());
    heard.filter(|news| want(news)).count()
}

/// Whether a node hears it for the nth time before it is too late for any machine.
async fn hears(shop: &Shop, want: fn(&Elsewhere) -> bool, n: usize) -> bool {
    for _ in 0..800 {
        if times(shop, want) >= n {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

fn is_anything(news: &Elsewhere) -> bool {
    *news == Elsewhere::Anything
}

fn is_moved(news: &Elsewhere) -> bool {
    matches!(news, Elsewhere::Moved { terminals, .. } if terminals.contains(&terminal(0)))
}

#[tokio::test]
async fn a_commit_on_one_node_wakes_the_polls_of_the_other() {
    let pair = Pair::open(1).await;
    let [first, second] = &pair.nodes;
    // Listening begins with the writer; until it does, nothing is heard.
    assert!(hears(second, is_anything, 1).await, "it listens");
    first.bought(&Phone::new(0), "BUY 4711 12").await;
    assert!(hears(second, is_moved, 1).await);
}

#[tokio::test]
async fn a_node_that_hears_nothing_looks_by_itself_and_listens_again() {
    let pair = Pair::open(2).await;
    let [first, second] = &pair.nodes;
    assert!(hears(second, is_anything, 1).await, "it listens");
    let mut admin = server().connect("postgres").await;
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = $1 and query ilike 'listen%'";
    let ended: i64 = sqlx::query_scalar(end)
        .bind(pair.database())
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(ended, 2, "each node has one that listens");
    // What was told in between is lost: everybody who waits looks once more.
    assert!(hears(second, is_anything, 2).await, "it looks by itself");
    let before = times(second, is_moved);
    for number in 0..2 {
        // The first may be told before the second has begun to listen again.
        first.bought(&Phone::new(number), "BUY 4711 12").await;
        if hears(second, is_moved, before + 1).await {
            return;
        }
    }
    panic!("it does not listen again");
}
