//! svgate: a mobile operator's SIM/USSD gateway for micropayments with stored value.
//!
//! A subscriber orders by SMS; the gateway proves the order with the SIM's AES-CMAC key, pays the
//! merchant at once with stored value, lets the goods go, and puts the price on the mobile bill.
//! `ARCHITECTURE.md` has the picture, one line per module, and the invariants.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod auth;
pub mod commands;
pub mod config;
pub mod dialogue;
pub mod domain;
pub mod export;
pub mod gateway;
pub mod gsup;
pub mod http;
pub mod serve;
pub mod simulator;
pub mod smpp;
pub mod sms;
pub mod store;
pub mod sv;
pub mod telemetry;
pub mod token;
pub mod ussd;
pub mod vend;
