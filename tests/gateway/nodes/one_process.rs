//! One process serves as a node, also when its session with the database is lost.

use std::sync::Arc;
use std::time::Duration;

use svgate::gateway::books::{Books as _, StoreError};
use svgate::gateway::member::Outcome;
use svgate::store::{Place, PostgresOptions, Store, StoreOptions};

use super::load;
use crate::fixture::{START, context_of};
use crate::server::server;

/// A process that serves as node 1 of a new database, and its writer at work.
async fn serving() -> (
    Store,
    tokio::task::JoinHandle<Result<(), StoreError>>,
    PostgresOptions,
) {
    let shared = server().new_database().await;
    let place = Place::Postgres(shared.clone());
    let options = StoreOptions { place, node: 1 };
    let clock = Arc::new(|| START);
    let opened = Store::open_to_serve(&options, context_of(1), clock, Arc::new(|_| ()));
    let (store, writer) = opened.await.unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a test runs the writer beside itself"
    )]
    let writing = tokio::spawn(writer.run());
    (store, writing, shared)
}

/// Ends the session that holds the node.
const END_SERVING: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity
     where datname = current_database() and application_name like 'svgate serves 1 %'";

#[tokio::test]
async fn a_process_whose_session_is_lost_has_its_node_again_before_it_decides() {
    let (store, _writing, shared) = serving().await;
    let mut admin = server().connect(&shared.database).await;
    let ended: i64 = sqlx::query_scalar(END_SERVING)
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(ended, 1);
    for number in 0..50 {
        if let Ok(outcome) = store.submit(load("again")).await {
            assert!(number > 0, "the session was lost");
            assert_eq!(outcome, Outcome::Done);
            assert!(store.serving().holds());
            let held: i64 = sqlx::query_scalar(
                "select count(*) from pg_locks l join pg_stat_activity a on a.pid = l.pid
                 where l.locktype = 'advisory' and l.granted
                 and a.application_name like 'svgate serves 1 %'
                 and a.datname = current_database()",
            )
            .fetch_one(&mut admin)
            .await
            .unwrap();
            assert_eq!(held, 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not go on");
}

#[tokio::test]
async fn a_process_that_lost_its_node_to_another_decides_and_sends_no_more() {
    let (store, writing, shared) = serving().await;
    let held = store.serving();
    assert!(held.holds());
    let mut admin = server().connect(&shared.database).await;
    let mut other = server().connect(&shared.database).await;
    // It waits for the lock and gets it in the moment in which the first has it no more.
    let taking = async {
        let take = "select pg_advisory_lock(classid::int, objid::int)::text from pg_locks
             where locktype = 'advisory' and objsubid = 2 and granted
             and database = (select oid from pg_database where datname = current_database())";
        let _: String = sqlx::query_scalar(take)
            .fetch_one(&mut other)
            .await
            .unwrap();
    };
    let ending = async {
        let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted
             and database = (select oid from pg_database where datname = current_database())";
        while sqlx::query_scalar::<_, i64>(waits)
            .fetch_one(&mut admin)
            .await
            .unwrap()
            == 0
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let ended: i64 = sqlx::query_scalar(END_SERVING)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        assert_eq!(ended, 1);
    };
    tokio::join!(taking, ending);
    // Nobody asks it for anything: it finds out by itself, and ends.
    let error = writing.await.unwrap().expect_err("it ends").to_string();
    assert!(
        error.contains("node 1 is served by another process, session "),
        "{error}"
    );
    assert!(!held.holds(), "no message of its is sent any more");
    assert!(store.submit(load("late")).await.is_err());
    assert_eq!(
        sqlx::query_scalar::<_, i64>("select count(*) from taken_reference")
            .fetch_one(&mut admin)
            .await
            .unwrap(),
        0
    );
}
