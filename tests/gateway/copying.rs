//! Books that go from a file to PostgreSQL and back: every row goes with them, and they go on.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use clap::Parser as _;
use sqlx::Executor as _;
use svgate::commands::reconcile::{Setting, reconcile};
use svgate::commands::{self, Cli, Streams};
use svgate::domain::Millis;
use svgate::export::verify::{Expected, verify};
use svgate::export::{ExportError, Places, Profile, batches, run};
use svgate::gateway::audit::report::Report;
use svgate::gateway::books::StoreError;
use svgate::gateway::member::{Member, Word};
use svgate::store::{CopyError, Direct, Place, PostgresOptions, Store, StoreOptions, copy};
use tempfile::TempDir;

use crate::fixture::{Phone, START, Shop, context, context_of};
use crate::server::server;

/// A folder with a file of books and the billing files of node 0.
struct Office {
    folder: TempDir,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn file(&self, name: &str) -> Place {
        Place::File(self.folder.path().join(name))
    }

    /// Books with purchases in several states, two billing files, parts and references.
    async fn with_purchases() -> Self {
        let office = Self::new();
        let shop = opened(office.file("books.db")).await;
        shop.stocked(2, 12).await;
        for number in 0..10 {
            let mut phone = Phone::new(number);
            if number % 2 == 0 {
                shop.submit(Member::Arrival(phone.espresso(0))).await;
            } else {
                shop.bought(&phone, "BUY 4711 12").await;
            }
        }
        for ack in 1..=6 {
            shop.told(0, ack, Word::Accept).await;
            let word = if ack % 3 == 0 {
                Word::Failed
            } else {
                Word::Supplied { units: None }
            };
            shop.told(0, ack, word).await;
        }
        shop.submit(crate::key_log::issued("A0")).await;
        for step in crate::card_keys::whole_import() {
            shop.submit(step).await;
        }
        office.export(&shop).await;
        shop.pass_ms(3_600_000);
        office.export(&shop).await;
        office
    }

    async fn export(&self, shop: &Shop) {
        for _ in 0..10 {
            let ran = run(&shop.store, &profile(), &self.places(), true).await;
            match ran {
                // The disk has much to do: what was not taken is asked again.
                Err(ExportError::Store(StoreError::Busy)) => {}
                ran => return drop(ran.unwrap()),
            }
        }
        panic!("the books stay busy");
    }

    fn places(&self) -> Places {
        Places {
            folder: self.folder.path().join("out"),
            head_file: self.folder.path().join("head"),
        }
    }

    /// Three-way check of books against the delivered files.
    async fn reconciled(&self, shop: &Shop) -> Report {
        let (profile, places) = (profile(), self.places());
        let known = batches(&shop.store).await.unwrap();
        let expected = Expected {
            operator: &profile.operator,
            node: 0,
            batches: Some(&known),
        };
        let verified = verify(&places, expected, |_| {}).unwrap();
        assert_eq!(verified.faults, []);
        let setting = Setting {
            context: &shop.context,
            profile: &profile,
            places: &places,
            now: shop.now(),
        };
        reconcile(&shop.store, setting, None).await.unwrap()
    }
}

fn profile() -> Profile {
    Profile {
        operator: "op".parse().unwrap(),
        node: 0,
        live: true,
        exposes_msisdn: true,
        zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
    }
}

/// Books with their writer at work.
async fn opened(place: Place) -> Shop {
    let (shop, writer) = Shop::of_node(place, 0, None).await;
    #[expect(
        clippy::disallowed_methods,
        reason = "a test runs the writer beside itself"
    )]
    tokio::spawn(writer.run());
    shop
}

/// Brings a schema up, as `svgate migrate` does.
async fn migrated(place: &Place) {
    let place = place.clone();
    let options = StoreOptions { place, node: 0 };
    Direct::open(&options, context(), Arc::new(|| START))
        .await
        .unwrap();
}

async fn new_database() -> (Place, PostgresOptions) {
    let options = server().new_database().await;
    (Place::Postgres(options.clone()), options)
}

/// The tables that a database has, by its own word.
async fn tables_of(options: &PostgresOptions) -> BTreeSet<String> {
    let mut connection = server().connect(&options.database).await;
    let sql = "select table_name::text from information_schema.tables where table_schema = 'public'
         and table_name <> '_sqlx_migrations'";
    let names: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    names.into_iter().collect()
}

#[tokio::test]
async fn books_go_to_postgresql_with_every_table_reconcile_there_and_go_on() {
    let office = Office::with_purchases().await;
    let from = office.file("books.db");
    let (to, options) = new_database().await;
    migrated(&to).await;
    let copied = copy(&from, &to, &|_| ()).await.unwrap();
    let names: BTreeSet<String> = copied.iter().map(|of| of.table.to_owned()).collect();
    assert_eq!(names, tables_of(&options).await, "every table is covered");
    let of = |name: &str| {
        &copied
            .iter()
            .find(|of| of.table == name)
            .expect("the table")
            .totals
    };
    assert_eq!((of("line").rows(), of("batch").rows()), (12, 2));
    assert_eq!(
        of("purse_log").heads().len(),
        1,
        "the lane's chain has an end"
    );
    assert!(!of("pos_log").heads().is_empty());
    let eur = |name: &str, what: &str| of(name).sums()[&("EUR".to_owned(), what.to_owned())];
    let accounts: i128 = of("account").sums().values().sum();
    assert_eq!(accounts + eur("line", "owed"), 0, "the books balance");
    assert!(eur("line", "owed") > 0 && eur("transfer", "amount") > 0);

    let shop = opened(to.clone()).await;
    shop.pass_ms(7_200_000);
    let report = office.reconciled(&shop).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.purchases, 10);
    shop.alive(0).await;
    shop.bought(&Phone::new(11), "BUY 4711 12").await;
    office.export(&shop).await;
    let report = office.reconciled(&shop).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.purchases, 11);
    drop(shop);

    let back = office.file("back.db");
    migrated(&back).await;
    let returned = copy(&to, &back, &|_| ()).await.unwrap();
    assert_eq!(returned.len(), copied.len());
    let shop = opened(back).await;
    shop.pass_ms(7_300_000);
    let report = office.reconciled(&shop).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.purchases, 11, "and the same back in a file");
}

#[tokio::test]
async fn a_copy_that_is_interrupted_anywhere_leaves_nothing_and_is_run_again() {
    let office = Office::with_purchases().await;
    let from = office.file("books.db");
    let (to, options) = new_database().await;
    migrated(&to).await;
    for table in ["node", "purchase", "outbox"] {
        let stop = tokio::sync::Notify::new();
        let told = |of: &svgate::store::TotalsOf| {
            if of.table == table {
                stop.notify_one();
            }
        };
        tokio::select! {
            biased;
            () = stop.notified() => {}
            copied = copy(&from, &to, &told) => panic!("it was to end at {table}: {copied:?}"),
        }
        let mut connection = server().connect(&options.database).await;
        let rows: i64 = sqlx::query_scalar(
            "select (select count(*) from line) + (select count(*) from node where batch > 0)",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(rows, 0, "after {table}");
    }
    copy(&from, &to, &|_| ()).await.unwrap();
}

#[tokio::test]
async fn books_are_not_copied_to_where_there_are_some_or_no_schema() {
    let office = Office::with_purchases().await;
    let from = office.file("books.db");
    let (to, _) = new_database().await;
    let said = async |from: &Place, to: &Place| copy(from, to, &|_| ()).await.unwrap_err();
    let bare = said(&from, &to).await;
    assert!(
        matches!(
            bare,
            CopyError::Schema {
                found: 0,
                wanted: 1,
                ..
            }
        ),
        "{bare}"
    );
    migrated(&to).await;
    copy(&from, &to, &|_| ()).await.unwrap();
    let again = said(&from, &to).await;
    assert!(matches!(again, CopyError::NotEmpty { .. }), "{again}");
    assert!(
        again.to_string().contains("is not empty: node has rows"),
        "{again}"
    );
    let nothing = said(&office.file("nothing.db"), &to).await.to_string();
    assert!(nothing.contains("there is no such file"), "{nothing}");
    assert!(!office.folder.path().join("nothing.db").exists());
}

#[tokio::test]
async fn books_are_not_copied_while_a_node_serves_from_either_or_a_command_writes() {
    let office = Office::with_purchases().await;
    let from = office.file("books.db");
    let (to, options) = new_database().await;
    migrated(&to).await;
    let serve = async |place: &Place, node: u16| {
        let place = place.clone();
        let options = StoreOptions { place, node };
        let clock = Arc::new(|| Millis(START.0 + 9_000_000));
        Store::open_to_serve(&options, context_of(node), clock, Arc::new(|_| ()))
            .await
            .unwrap()
    };
    let serving = serve(&from, 0).await;
    let refused = copy(&from, &to, &|_| ()).await.unwrap_err().to_string();
    assert!(refused.contains("served by another process"), "{refused}");
    drop(serving);
    let serving = serve(&to, 3).await;
    let refused = copy(&from, &to, &|_| ()).await.unwrap_err().to_string();
    assert!(
        refused.contains("node 3 is served from database"),
        "{refused}"
    );
    drop(serving);
    let mut command = server().connect(&options.database).await;
    command
        .execute("begin; select node from node for update")
        .await
        .unwrap();
    let refused = copy(&from, &to, &|_| ()).await.unwrap_err();
    assert!(matches!(refused, CopyError::InUse(_)), "{refused}");
    command.execute("rollback").await.unwrap();
    copy(&from, &to, &|_| ()).await.unwrap();
}

#[tokio::test]
async fn what_reads_back_otherwise_is_not_copied() {
    let office = Office::with_purchases().await;
    let from = office.file("books.db");
    let (to, options) = new_database().await;
    migrated(&to).await;
    let mut admin = server().connect(&options.database).await;
    // A database that is not as it should be: it keeps a cent of every transfer.
    let rule = "create function keep() returns trigger language plpgsql as
           $$begin new.amount_minor = new.amount_minor - 1; return new; end$$;
         create trigger keep before insert on transfer for each row execute function keep()";
    admin.execute(sqlx::raw_sql(rule)).await.unwrap();
    let refused = copy(&from, &to, &|_| ()).await.unwrap_err();
    assert!(
        matches!(refused, CopyError::Differs { table: "transfer" }),
        "{refused}"
    );
    let rows: i64 = sqlx::query_scalar("select count(*) from line")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

/// Runs `svgate store copy` with these words: status, output and what went wrong.
fn command(words: &[&str]) -> (u8, String, String) {
    let words = ["svgate", "store", "copy"].iter().chain(words);
    let (mut input, mut output, mut err) = (std::io::empty(), Vec::new(), Vec::new());
    let status = match Cli::try_parse_from(words) {
        Ok(cli) => {
            let mut streams = Streams {
                input: &mut input,
                output: &mut output,
                err: &mut err,
            };
            commands::run(&cli, &mut streams)
        }
        Err(error) => {
            err = error.to_string().into_bytes();
            u8::try_from(error.exit_code()).unwrap()
        }
    };
    let text = |octets| String::from_utf8(octets).unwrap();
    (status, text(output), text(err))
}

fn url_of(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

#[test]
fn the_command_shows_tables_money_and_ends_of_chains() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (office, first, second) = runtime.block_on(async {
        let office = Office::with_purchases().await;
        let (first, second) = (new_database().await, new_database().await);
        migrated(&first.0).await;
        migrated(&second.0).await;
        (office, first.1, second.1)
    });
    let from = url_of(&office.folder.path().join("books.db"));
    let to = |options: &PostgresOptions| {
        let (port, database) = (server().port, &options.database);
        format!("postgres://postgres@127.0.0.1:{port}/{database}")
    };
    let (status, output, err) = command(&["--from", &from, "--to", &to(&first)]);
    assert_eq!(status, 0, "{err}");
    for want in [
        "line                         12 rows",
        " EUR float",
        "ends in ",
        "put the old one away",
    ] {
        assert!(output.contains(want), "{want}: {output}");
    }
    assert!(err.contains("transfer: "), "progress: {err}");
    let (status, output, _) = command(&["--from", &from, "--to", &to(&second), "--json"]);
    assert_eq!(status, 0);
    let lines: Vec<serde_json::Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), Direct::tables().len());
    let (status, _, err) = command(&["--from", &from, "--to", &to(&second)]);
    assert_eq!(status, 3, "{err}");
    let (status, _, err) = command(&["--from", "books.db", "--to", &to(&second)]);
    assert_eq!(status, 2);
    assert!(err.contains("must be sqlite:PATH or postgres://"), "{err}");
}
