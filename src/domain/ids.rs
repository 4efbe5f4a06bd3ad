//! Ids as types of their own, so that two arguments can never change places.
//!
//! ```text
//! │ 1 bit 0 │ 41 bits: ms since 2025-01-01 │ 10 bits: node │ 12 bits: counter │
//! ```
//! A node makes its ids itself and never below the last one it stored: [`IdSource`].

use serde::{Deserialize, Serialize};

use crate::domain::Millis;

/// Declares an id that is an `i64` made by a node.
macro_rules! node_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

node_ids! {
    /// An account with a bill. MSISDN and SIM are attributes of it, each with a date of validity.
    SubscriberId,
    /// One order from request to bill line or refund.
    PurchaseId,
    /// One bill: the charges of one cycle.
    BillId,
    /// One row of the outbox, which is what a receiver knows a duplicate by.
    OutboxId,
}

/// Declares an id that an operator writes in a file: 1 to 32 of `A-Z a-z 0-9 . _ -`.
macro_rules! written_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The id as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let fits = (1..=WRITTEN_ID_MAX).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
                if fits { Ok(Self(text.into())) } else { Err(BadId { what: stringify!($name) }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

written_ids! {
    /// A merchant, as the operator's merchant file names it.
    MerchantId,
    /// What gives out goods: vending machine, kiosk or merchant's server.
    TerminalId,
    /// A purse that pays or receives: a lane of the operator's float, or a POS.
    PurseId,
}

/// An id that is empty, too long, or has a character outside `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {what} has 1 to 32 of the characters A-Z a-z 0-9 . _ -")]
pub struct BadId {
    what: &'static str,
}

/// Makes a node's ids, strictly rising. Feed it the last stored id after every start.
#[derive(Clone, Copy, Debug)]
pub struct IdSource {
    node: i64,
    last: i64,
}

impl OutboxId {
    /// An id that no message written since `at` is below, and every one written before it is.
    #[must_use]
    pub const fn at(at: Millis) -> Self {
        Self(ms_of(at) << 22)
    }
}

impl IdSource {
    /// A source for `node` (0 to 1023) that goes on above `last`.
    #[must_use]
    pub fn new(node: u16, last: i64) -> Self {
        Self {
            node: i64::from(node) & NODE_MAX,
            last,
        }
    }

    /// The last id made or stored.
    #[must_use]
    pub const fn last(&self) -> i64 {
        self.last
    }

    /// The next id: by the clock where it has moved on, else one above the last.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "41 + 22 bits fit 63 until the year 2094"
    )]
    pub fn next(&mut self, now: Millis) -> i64 {
        let by_clock = (ms_of(now) << 22) | (self.node << 12);
        let after_last = self.last.saturating_add(1);
        // A full counter of one millisecond runs into the node bits: go to the next millisecond.
        let after_last = if (after_last >> 12) & NODE_MAX == self.node {
            after_last
        } else {
            (((self.last >> 22) + 1) << 22) | (self.node << 12)
        };
        self.last = by_clock.max(after_last);
        self.last
    }
}

/// Milliseconds as ids begin with them.
const fn ms_of(at: Millis) -> i64 {
    let ms = at.since(EPOCH);
    if ms < 0 {
        0
    } else if ms > MS_MAX {
        MS_MAX
    } else {
        ms
    }
}

/// 2025-01-01T00:00:00Z.
const EPOCH: Millis = Millis(1_735_689_600_000);
const MS_MAX: i64 = (1 << 41) - 1;
const NODE_MAX: i64 = (1 << 10) - 1;
/// Long enough for a serial number, short enough for one column of a file.
const WRITTEN_ID_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_when_the_clock_stands_or_goes_back_and_keep_their_node() {
        let now = Millis(1_790_000_000_000);
        let mut source = IdSource::new(7, 0);
        let mut last = 0;
        for step in 0..20_000_i64 {
            let id = source.next(now.plus_ms(-step % 3));
            assert!(id > last);
            assert_eq!((id >> 12) & NODE_MAX, 7);
            last = id;
        }
        assert!(IdSource::new(7, last).next(Millis(0)) > last);
    }

    #[test]
    fn an_id_tells_what_was_written_before_a_time() {
        let at = Millis(1_795_428_000_000);
        let mut source = IdSource::new(1_023, 0);
        assert!(source.next(at.plus_ms(-1)) < OutboxId::at(at).0);
        assert!(source.next(at) >= OutboxId::at(at).0);
        assert_eq!(OutboxId::at(Millis(0)), OutboxId(0));
    }

    #[test]
    fn a_written_id_has_a_small_alphabet() {
        assert!("coffee-4711".parse::<TerminalId>().is_ok());
        for bad in ["", "a b", "a/b", "ü", &"x".repeat(33)] {
            assert!(bad.parse::<MerchantId>().is_err(), "{bad}");
        }
    }
}
