//! Seeded runs: a seed picks what is asked, what is lost, and when something breaks.
#![expect(
    unreachable_pub,
    clippy::as_conversions,
    clippy::match_same_arms,
    clippy::single_match_else,
    clippy::uninlined_format_args,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    clippy::wildcard_enum_match_arm,
    reason = "a model is read beside the code that it checks: plain before strict"
)]

#[path = "../gateway/fixture.rs"]
#[expect(dead_code, reason = "the contract suite uses the rest of it")]
mod fixture;
mod gateway;
#[path = "../gateway/home.rs"]
#[expect(dead_code, reason = "the contract suite uses the rest of it")]
mod home;
mod purses;
