//! The flow on real books: members in, money and messages out.
#![expect(
    clippy::unused_self,
    clippy::wildcard_enum_match_arm,
    reason = "a test is read beside the code that it checks: plain before strict"
)]

mod asking;
mod bills;
mod card_keys;
mod cards;
mod commands;
mod config;
mod export;
mod fixture;
mod home;
mod http;
mod imports;
mod key_log;
mod keyless;
mod kiosk;
mod limits;
mod messages;
mod offers;
mod orders;
mod parts;
mod pin;
mod rekey;
mod restore;
mod schema;
mod serve;
mod serving;
mod short_orders;
mod terminals;
mod ussd;
