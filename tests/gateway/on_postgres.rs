//! The same flow on PostgreSQL: every suite of the books, on a server that this binary starts.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test is read beside the code that it checks: plain before strict"
)]

mod asking;
mod bills;
mod card_keys;
mod cards;
mod copying;
mod fixture;
#[path = "home_on_postgres.rs"]
mod home;
mod imports;
mod key_log;
mod keyless;
mod kiosk;
mod limits;
mod messages;
mod nodes;
mod offers;
mod orders;
mod parts;
mod pin;
mod rekey;
mod restore;
mod restore_nodes;
mod schema;
mod serve;
#[path = "../postgres/server.rs"]
mod server;
mod serving;
mod short_orders;
mod terminals;
