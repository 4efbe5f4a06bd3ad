//! The world around the gateway, for demo, tests and benches: wire formats only.
//!
//! Nothing here names `gateway`, `store` or `http`: a peer knows what goes over the wire, no more.

pub mod card;
pub mod handset;
pub mod kiosk;

pub mod smsc;
pub mod soft_sim;
pub mod terminal;
