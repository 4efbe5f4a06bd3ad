//! The flow: what arrived is proven, decided against the books, and turned into what leaves.
//!
//! ```text
//! Member ─► prove (open the packet, join the parts, read the words) ─► decide ─► Outcome
//!              reads and changes one World per batch; the store loads it and writes what changed
//! ```
//! No I/O, no clock, no chance of its own: time, ids and random octets come in as arguments.

pub mod audit;
pub mod books;
pub mod browse;
pub mod context;
pub mod deadlines;
pub mod decide;
pub mod delivered;
pub mod dispatch;
pub mod identity;
pub mod imported_keys;
pub mod intake;
pub mod key_source;
pub mod member;
pub mod policy;
pub mod prove;
pub mod record;
pub mod table;
pub mod upkeep;
pub mod views;
pub mod world;
