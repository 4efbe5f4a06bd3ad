//! Several nodes on one database: what two of them get at the same time counts once, and what one
//! leaves another finishes.

mod across;
mod news;
mod one_process;

use std::sync::Arc;
use std::time::Duration;

use sqlx::Executor as _;
use svgate::commands::node::{Left, finish};
use svgate::domain::bill::Calendar;
use svgate::domain::purchase::State;
use svgate::domain::refusal::Refusal;
use svgate::gateway::books::{Books as _, Elsewhere, StoreError};
use svgate::gateway::member::{Arrival, ArrivalEnd, Denied, LoadPurse, Member, Outcome, Word};
use svgate::gateway::views::Views as _;
use svgate::store::{Direct, Place, PostgresOptions, StoreOptions, take_over};
use zeroize::Zeroizing;

use crate::fixture::{Phone, START, Shop, context, end_of, eur, minor};
use crate::server::{Server, server};

/// Two nodes on one new database, each with a loaded float.
struct Pair {
    nodes: [Shop; 2],
    place: Place,
}

impl Pair {
    async fn open(phones: u32) -> Self {
        Self::at(Place::Postgres(server().new_database().await), phones).await
    }

    async fn at(place: Place, phones: u32) -> Self {
        let nodes = [node(&place, 1).await, node(&place, 2).await];
        nodes[0].stocked(2, phones).await;
        let load = load("L2");
        assert_eq!(nodes[1].submit(load).await, Outcome::Done);
        Self { nodes, place }
    }

    /// The same at both nodes at once: how it ended at each.
    async fn both(&self, order: &Arrival) -> [ArrivalEnd; 2] {
        let submit = |shop: &Shop| {
            let (shop, member) = (shop.clone(), Member::Arrival(order.clone()));
            async move { end_of(&shop.submit(member).await).1 }
        };
        let [first, second] = &self.nodes;
        let (first, second) = tokio::join!(submit(first), submit(second));
        [first, second]
    }

    fn database(&self) -> String {
        let Place::Postgres(options) = &self.place else {
            panic!("a database that is shared");
        };
        options.database.clone()
    }

    async fn sum(&self, sql: &str) -> i64 {
        let mut connection = server().connect(&self.database()).await;
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }
}

async fn node(place: &Place, node: u16) -> Shop {
    let (shop, writer) = Shop::of_node(place.clone(), node, None).await;
    #[expect(
        clippy::disallowed_methods,
        reason = "a test runs the writer beside itself"
    )]
    tokio::spawn(writer.run());
    shop
}

fn load(reference: &str) -> Member {
    Member::LoadPurse(LoadPurse {
        amount: minor(1_000_000),
        currency: eur(),
        reference: reference.into(),
    })
}

/// All balances, those of subscribers included.
const ALL_BALANCES: &str = "select (select coalesce(sum(balance_minor), 0) from account)::int8
     + (select coalesce(sum(owed_minor), 0) from line)::int8";
const PAID: &str = "select count(*) from purchase where paid_ms is not null";

#[tokio::test]
async fn the_same_message_at_two_nodes_at_once_is_paid_once() {
    let pair = Pair::open(20).await;
    let mut paid_by_second = 0;
    for number in 0..20 {
        let mut phone = Phone::new(number);
        let order = if number % 2 == 0 {
            phone.text("BUY 4711 12")
        } else {
            phone.espresso(0)
        };
        let mut ends = pair.both(&order).await;
        paid_by_second += i32::from(ends[1] == ArrivalEnd::Paid);
        ends.sort_by_key(|end| *end != ArrivalEnd::Paid);
        assert_eq!(
            ends,
            [ArrivalEnd::Paid, ArrivalEnd::Repeated],
            "phone {number}"
        );
    }
    assert_eq!(pair.sum(PAID).await, 20);
    assert_eq!(pair.sum(ALL_BALANCES).await, 0);
    println!("{paid_by_second} of 20 were paid by the second node");
}

#[tokio::test]
async fn of_64_orders_at_two_nodes_exactly_as_many_are_paid_as_the_credit_holds() {
    let pair = Pair::open(1).await;
    let mut phone = Phone::new(0);
    let mut asked = tokio::task::JoinSet::new();
    for at in 0..64 {
        // A counter that is overtaken is refused: each goes on from a number that is free.
        let (shop, order) = (pair.nodes[at % 2].clone(), phone.espresso(0));
        asked.spawn(async move { end_of(&shop.submit(Member::Arrival(order)).await).1 });
        if at % 8 == 7 {
            while asked.join_next().await.is_some() {}
        }
    }
    // 100.00 hold 38 times 2.60; what came after one with a higher counter is refused, never paid.
    let paid = pair.sum(PAID).await;
    assert!((1..=38).contains(&paid), "{paid} paid");
    assert_eq!(pair.sum("select owed_minor from line").await, paid * 260);
    assert_eq!(pair.sum(ALL_BALANCES).await, 0);
}

#[tokio::test]
async fn bills_batches_and_loads_count_once_wherever_they_are_asked_for() {
    let pair = Pair::open(4).await;
    for number in 0..4 {
        let order = Phone::new(number).text("BUY 4711 12");
        assert_eq!(
            pair.both(&order)
                .await
                .iter()
                .filter(|e| **e == ArrivalEnd::Paid)
                .count(),
            1
        );
    }
    let [first, second] = &pair.nodes;
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    for shop in &pair.nodes {
        shop.pass_ms(30 * 86_400_000);
    }
    let cut_off = Calendar::new(zone, 1).last_cut_off(first.now());
    assert!(cut_off > START);
    let open = first
        .store
        .lines_open_before(cut_off, svgate::domain::ids::SubscriberId(0), 9);
    let subscribers = open.await.unwrap();
    assert_eq!(subscribers.len(), 4);
    let close = Member::CloseBills {
        subscribers,
        cut_off,
    };
    let (one, other) = tokio::join!(first.submit(close.clone()), second.submit(close));
    let closed = |outcome| match outcome {
        Outcome::Bills(count) => count,
        other => panic!("{other:?}"),
    };
    assert_eq!(closed(one) + closed(other), 4);
    assert_eq!(pair.sum("select count(*) from bill").await, 4);

    let (one, other) = tokio::join!(first.submit(load("L9")), second.submit(load("L9")));
    let mut ends = [one, other];
    ends.sort_by_key(|end| *end != Outcome::Done);
    assert_eq!(ends, [Outcome::Done, Outcome::AlreadyDone]);
    assert_eq!(pair.sum(ALL_BALANCES).await, 0);
}

#[tokio::test]
async fn the_node_that_paid_gives_back_what_fails_at_another() {
    let pair = Pair::open(1).await;
    let [first, second] = &pair.nodes;
    let id = first.bought(&Phone::new(0), "BUY 4711 12").await;
    second.told(0, 1, Word::Accept).await;
    let (state, taken) = second.told(0, 1, Word::Failed).await;
    assert_eq!((state, taken), (State::Refunding { supplied: 0 }, true));
    assert_eq!(
        pair.sum("select owed_minor from line").await,
        0,
        "the charge is gone at once"
    );
    assert_eq!(
        second.timer(id).await,
        Outcome::AlreadyDone,
        "it is not the second node's to give"
    );
    assert_eq!(first.timer(id).await, Outcome::Done);
    let stands = first.store.purchase(id).await.unwrap().unwrap();
    assert_eq!((stands.life.state, stands.node), (State::Refunded, Some(1)));
    assert_eq!(pair.sum(ALL_BALANCES).await, 0);
    let held = "select sum(balance_minor)::int8 from account where kind = 'pos_held'";
    assert_eq!(pair.sum(held).await, 0);
}

#[tokio::test]
async fn a_node_that_was_taken_over_writes_no_more_and_what_it_left_is_finished() {
    let pair = Pair::open(3).await;
    let [first, second] = &pair.nodes;
    let id = second.bought(&Phone::new(0), "BUY 4711 12").await;
    first.told(0, 1, Word::Accept).await;
    first.told(0, 1, Word::Failed).await;
    let options = StoreOptions {
        place: pair.place.clone(),
        node: 2,
    };
    assert_eq!(take_over(&options).await.unwrap(), Some(1));
    let order = Member::Arrival(Phone::new(1).text("BUY 4711 12"));
    let refused = second.store.submit(order.clone()).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(text)) if text.contains("taken over")),
        "{refused:?}"
    );
    assert!(
        second.store.submit(order.clone()).await.is_err(),
        "its writer has ended"
    );
    let as_second = node(&pair.place, 2).await;
    let left = finish(&as_second.store, 2).await.unwrap();
    assert_eq!(
        left,
        Left {
            messages: 1,
            refunds: 1,
            refunds_left: 0
        }
    );
    let stands = first.store.purchase(id).await.unwrap().unwrap();
    assert_eq!(stands.life.state, State::Refunded);
    let free = "select count(*) from outbox where node is null";
    assert!(pair.sum(free).await >= 1, "any node may send its messages");
    assert_eq!(end_of(&first.submit(order).await).1, ArrivalEnd::Paid);
    let unknown = StoreOptions {
        place: pair.place.clone(),
        node: 9,
    };
    assert_eq!(take_over(&unknown).await.unwrap(), None);
}

#[tokio::test]
async fn a_lost_session_is_replaced_by_itself() {
    let pair = Pair::open(2).await;
    let Place::Postgres(options) = &pair.place else {
        panic!("a database that is shared");
    };
    let mut other = server().connect("postgres").await;
    let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1";
    for number in 0..2 {
        let ended: i64 = sqlx::query_scalar(sql)
            .bind(&options.database)
            .fetch_one(&mut other)
            .await
            .unwrap();
        assert!(ended > 0);
        let order = Phone::new(number).text("BUY 4711 12");
        let mut ended = None;
        for _ in 0..50 {
            match pair.nodes[0]
                .store
                .submit(Member::Arrival(order.clone()))
                .await
            {
                Ok(outcome) => {
                    ended = Some(end_of(&outcome).1);
                    break;
                }
                Err(StoreError::Unavailable(_) | StoreError::Unknown) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(ended, Some(ArrivalEnd::Paid));
    }
    assert_eq!(pair.sum(PAID).await, 2);
}

#[tokio::test]
async fn nodes_hear_how_far_their_clocks_are_apart() {
    let pair = Pair::open(1).await;
    let [first, second] = &pair.nodes;
    second.pass_ms(3_000);
    let mut found = None;
    for _ in 0..800 {
        found = first
            .committed
            .lock()
            .unwrap()
            .iter()
            .rev()
            .find_map(|c| match &c.elsewhere {
                Some(Elsewhere::Clock { node, apart_ms, .. }) => Some((*node, *apart_ms)),
                _ => None,
            });
        if found.is_some_and(|(_, apart_ms)| apart_ms < -2_000) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (node, apart_ms) = found.expect("a word about a clock");
    assert_eq!(node, 2);
    // Both clocks stand still here while the server's goes on: a second passes between two words.
    assert!((-5_000..-1_000).contains(&apart_ms), "{apart_ms}");
}

#[tokio::test]
async fn a_wrong_password_a_missing_database_and_no_server_are_each_told() {
    let server = Server::of_its_own();
    let options = server.database("books").await;
    let mut admin = server.connect("postgres").await;
    admin
        .execute("create role clerk login password 'right'")
        .await
        .unwrap();
    server.ask_for_passwords("clerk");
    admin.execute("select pg_reload_conf()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let told = async |options: PostgresOptions| {
        let place = Place::Postgres(options);
        let options = StoreOptions { place, node: 1 };
        let opened = Direct::open(&options, context(), Arc::new(|| START));
        opened.await.err().expect("it can't be opened").to_string()
    };
    let password = Some(Arc::new(Zeroizing::new("wrong".to_owned())));
    let user = "clerk".to_owned();
    let wrong = told(PostgresOptions {
        user,
        password,
        ..options.clone()
    })
    .await;
    assert!(wrong.contains("password authentication failed"), "{wrong}");
    assert!(
        wrong.contains("see user and password_file of [store.postgres]"),
        "{wrong}"
    );
    assert!(!wrong.contains("wrong"), "{wrong}");
    let missing = told(PostgresOptions {
        database: "nothing".to_owned(),
        ..options.clone()
    })
    .await;
    assert!(missing.contains("does not exist: create it"), "{missing}");
    let hosts = vec![("127.0.0.1".to_owned(), 1)];
    let nobody = told(PostgresOptions { hosts, ..options }).await;
    assert!(
        nobody.contains("no host of [store.postgres] is a primary: 127.0.0.1:1: "),
        "{nobody}"
    );
}

#[tokio::test]
async fn on_a_server_that_only_reads_nothing_is_paid_until_it_writes_again() {
    let server = Server::of_its_own();
    let options = server.database("books").await;
    let mut admin = server.connect("postgres").await;
    let shop = node(&Place::Postgres(options), 1).await;
    shop.stocked(1, 1).await;
    let set = "alter database books set default_transaction_read_only = on;
         select pg_terminate_backend(pid) from pg_stat_activity where datname = 'books'";
    admin.execute(sqlx::raw_sql(set)).await.unwrap();
    let order = Member::Arrival(Phone::new(0).text("BUY 4711 12"));
    let mut refused = String::new();
    for _ in 0..50 {
        match shop.store.submit(order.clone()).await {
            Err(error) => refused = error.to_string(),
            Ok(outcome) => panic!("{outcome:?}"),
        }
        if refused.contains("read-only") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(refused.contains("read-only transaction"), "{refused}");
    assert!(refused.contains("which server is the primary"), "{refused}");
    let set = "alter database books set default_transaction_read_only = off;
         select pg_terminate_backend(pid) from pg_stat_activity where datname = 'books'";
    admin.execute(sqlx::raw_sql(set)).await.unwrap();
    for _ in 0..50 {
        if let Ok(outcome) = shop.store.submit(order.clone()).await {
            assert_eq!(end_of(&outcome).1, ArrivalEnd::Paid, "it goes on by itself");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not go on");
}

/// Cancelling the wait for a standby answers success with a warning.
#[tokio::test]
async fn a_commit_whose_wait_for_the_standby_was_cancelled_is_unknown() {
    let server = Server::of_its_own();
    let options = server.database("books").await;
    let shop = node(&Place::Postgres(options), 1).await;
    shop.stocked(1, 1).await;
    let mut admin = server.connect("postgres").await;
    let set = |value: &'static str| {
        sqlx::AssertSqlSafe(format!(
            "alter system set synchronous_standby_names = '{value}'"
        ))
    };
    admin.execute(set("nobody")).await.unwrap();
    admin.execute("select pg_reload_conf()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let order = Member::Arrival(Phone::new(0).text("BUY 4711 12"));
    let waiting = shop.store.submit(order.clone());
    let cancelling = async {
        let sql = "select coalesce(bool_or(pg_cancel_backend(pid)), false) from pg_stat_activity
             where wait_event = 'SyncRep' and application_name = 'svgate writes'";
        for _ in 0..100 {
            if sqlx::query_scalar::<_, bool>(sql)
                .fetch_one(&mut admin)
                .await
                .unwrap()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no commit waits for a standby");
    };
    let (ended, ()) = tokio::join!(waiting, cancelling);
    assert!(matches!(ended, Err(StoreError::Unknown)), "{ended:?}");
    assert!(shop.messages().is_empty(), "nothing is carried out of it");
    admin.execute(set("")).await.unwrap();
    admin.execute("select pg_reload_conf()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let again = end_of(&shop.submit(order).await).1;
    assert_eq!(
        again,
        ArrivalEnd::Repeated,
        "asked again, it stands as paid"
    );
}

#[tokio::test]
async fn on_a_server_whose_disk_is_full_nothing_is_paid_until_there_is_room() {
    let pair = Pair::open(1).await;
    let mut admin = server().connect(&pair.database()).await;
    // What the server answers when a table can't grow.
    let full = "create function full_disk() returns trigger language plpgsql as
           $$begin raise exception 'could not extend file' using errcode = 'disk_full'; end$$;
         create trigger full_disk before insert on transfer execute function full_disk()";
    admin.execute(sqlx::raw_sql(full)).await.unwrap();
    let first = &pair.nodes[0];
    let order = Member::Arrival(Phone::new(0).text("BUY 4711 12"));
    let refused = first.store.submit(order.clone()).await;
    assert!(
        matches!(&refused, Err(StoreError::Unavailable(text))
            if text.contains("the database's server has no room on its disk")),
        "{refused:?}"
    );
    admin
        .execute("drop trigger full_disk on transfer")
        .await
        .unwrap();
    let paid = first.submit(order).await;
    assert_eq!(end_of(&paid).1, ArrivalEnd::Paid, "it goes on by itself");
    assert_eq!(pair.sum(ALL_BALANCES).await, 0);
}

/// A server that crashed under a commit shows it after its restart, though no standby has it.
#[tokio::test]
async fn nobody_is_answered_from_what_a_crash_left_on_the_primary_alone() {
    let server = Server::of_its_own();
    let options = server.database("books").await;
    let shop = node(&Place::Postgres(options), 1).await;
    shop.stocked(1, 1).await;
    let mut admin = server.connect("postgres").await;
    let set = "alter system set synchronous_standby_names = 'nobody'";
    admin.execute(set).await.unwrap();
    admin.execute("select pg_reload_conf()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // The same again changes nothing, so that by itself no commit would wait for a standby.
    let waiting = shop.store.submit(load("L9"));
    let crashing = async {
        let sql = "select pid from pg_stat_activity
             where wait_event = 'SyncRep' and application_name = 'svgate writes'";
        loop {
            let found: Option<i32> = sqlx::query_scalar(sql)
                .fetch_optional(&mut admin)
                .await
                .unwrap();
            let Some(pid) = found else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let kill = std::process::Command::new("kill")
                .args(["-9", &pid.to_string()])
                .status();
            assert!(kill.unwrap().success());
            return;
        }
    };
    let (ended, ()) = tokio::join!(waiting, crashing);
    assert!(ended.is_err(), "{ended:?}");
    let mut admin = server.connect("books").await;
    let sql = "select count(*) from taken_reference where reference = 'L9'";
    let taken: i64 = sqlx::query_scalar(sql).fetch_one(&mut admin).await.unwrap();
    assert_eq!(taken, 1, "it is there, and no standby has it");
    for _ in 0..3 {
        let again = shop.store.submit(load("L9")).await;
        assert!(again.is_err(), "{again:?}");
    }
    admin
        .execute("alter system set synchronous_standby_names = ''")
        .await
        .unwrap();
    admin.execute("select pg_reload_conf()").await.unwrap();
    for _ in 0..100 {
        if let Ok(outcome) = shop.store.submit(load("L9")).await {
            assert_eq!(outcome, Outcome::AlreadyDone);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not go on");
}

#[tokio::test]
async fn what_the_float_of_a_node_that_is_gone_held_is_another_nodes_again() {
    let pair = Pair::open(1).await;
    let [first, second] = &pair.nodes;
    let as_load = |amount, reference: &str| LoadPurse {
        amount: minor(amount),
        currency: eur(),
        reference: reference.into(),
    };
    let too_much = Member::UnloadPurse(as_load(1_000_001, "B0"));
    let refused = second.submit(too_much).await;
    assert!(
        matches!(&refused, Outcome::Refused(Denied::Invalid(why))
            if why == "the float holds 10000.00 EUR, less than 10000.01"),
        "{refused:?}"
    );
    let unload = || Member::UnloadPurse(as_load(999_900, "B1"));
    assert_eq!(second.submit(unload()).await, Outcome::Done);
    assert_eq!(second.submit(unload()).await, Outcome::AlreadyDone);
    let again = first
        .submit(Member::LoadPurse(as_load(999_900, "B1")))
        .await;
    assert!(
        matches!(again, Outcome::Refused(Denied::Conflict(_))),
        "the reference was another's: {again:?}"
    );
    let load = Member::LoadPurse(as_load(999_900, "B2"));
    assert_eq!(first.submit(load).await, Outcome::Done);
    let float = "select sum(balance_minor)::int8 from account where kind = 'float' and node = ";
    assert_eq!(pair.sum(&format!("{float}2")).await, 100);
    assert_eq!(pair.sum(&format!("{float}1")).await, 1_000_999_900);
    assert_eq!(pair.sum(ALL_BALANCES).await, 0);
    let order = Phone::new(0).text("BUY 4711 12");
    let (_, end) = end_of(&second.submit(Member::Arrival(order)).await);
    assert_eq!(end, ArrivalEnd::Refused(Refusal::PurseEmpty));
}
