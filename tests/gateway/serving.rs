//! A node is served by one process, and commands write beside it.

use std::path::Path;
use std::sync::Arc;

use svgate::gateway::books::{Books as _, StoreError};
use svgate::gateway::member::{LoadPurse, Member, Outcome};
use svgate::store::{Store, StoreOptions, Writer};

use crate::fixture::{START, context, eur, minor};
use crate::home;

/// The books of `path` for a process that serves.
async fn to_serve(path: &Path) -> Result<(Store, Writer), StoreError> {
    let place = home::place(Some(path)).await;
    let options = StoreOptions { place, node: 0 };
    Store::open_to_serve(&options, context(), Arc::new(|| START), Arc::new(|_| ())).await
}

fn load(reference: &str) -> Member {
    Member::LoadPurse(LoadPurse {
        amount: minor(100),
        currency: eur(),
        reference: reference.into(),
    })
}

#[tokio::test]
async fn a_second_process_of_a_node_does_not_start_and_a_command_goes_on_beside_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.db");
    let (store, writer) = to_serve(&path).await.unwrap();
    let first = store.serving();
    assert!(first.holds());
    let refused = to_serve(&path).await.err().expect("it is refused");
    let text = refused.to_string();
    assert!(text.contains("served by another process"), "{text}");
    assert!(first.holds(), "the first goes on");

    let place = home::place(Some(&path)).await;
    let options = StoreOptions { place, node: 0 };
    let opened = Store::open(&options, context(), Arc::new(|| START), Arc::new(|_| ()));
    let (command, its_writer) = opened.await.unwrap();
    assert!(!command.serving().holds(), "a command carries nothing out");
    let (loaded, ended) = tokio::join!(
        async move { command.submit(load("beside")).await },
        its_writer.run()
    );
    ended.unwrap();
    assert_eq!(loaded.unwrap(), Outcome::Done);

    let (loaded, ended) = tokio::join!(
        async move { store.submit(load("serving")).await },
        writer.run()
    );
    ended.unwrap();
    assert_eq!(loaded.unwrap(), Outcome::Done);
    let (again, _writer) = to_serve(&path).await.unwrap();
    assert!(again.serving().holds(), "the next start has the node");
}
