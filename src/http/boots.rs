//! Notes when a machine restarted: by the boot id and the uptime that it sends with each poll.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;

use crate::domain::ids::TerminalId;
use crate::vend::{BOOT_ID_HEADER, UPTIME_HEADER};

/// The last boot of each machine that polled since this process began.
#[derive(Debug, Default)]
pub(super) struct Boots(Mutex<HashMap<TerminalId, Boot>>);

/// What a poll's headers say about the machine's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Boot {
    id: Box<str>,
    uptime_ms: u64,
}

impl Boot {
    /// What does not look like a boot id says nothing: it is for the log only, so no poll fails by
    /// it.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let id = headers.get(BOOT_ID_HEADER)?.to_str().ok()?;
        let fits =
            (1..=BOOT_ID_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
        let uptime = headers
            .get(UPTIME_HEADER)
            .and_then(|value| value.to_str().ok());
        let uptime_ms = uptime
            .and_then(|text| text.parse().ok())
            .unwrap_or_default();
        fits.then(|| Self {
            id: id.into(),
            uptime_ms,
        })
    }

    fn followed_by(&self, next: &Self) -> Heard {
        if self.id != next.id || next.uptime_ms < self.uptime_ms {
            Heard::Restarted
        } else {
            Heard::Nothing
        }
    }
}

/// What a poll tells of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing new.
    Nothing,
    /// The machine's first poll since this process began.
    First,
    /// It has another boot id, or the same one with less uptime.
    Restarted,
}

impl Boots {
    /// Takes what an authenticated poll said, and writes a line when the machine has restarted.
    pub(super) fn heard(&self, terminal: &TerminalId, boot: Boot) -> Heard {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = known.get(terminal);
        let heard = last.map_or(Heard::First, |last| last.followed_by(&boot));
        if heard == Heard::First && known.len() >= MACHINES_MAX {
            tracing::debug!("as many machines as are remembered: all are forgotten");
            known.clear();
        }
        let Boot { id, uptime_ms } = &boot;
        match heard {
            Heard::Nothing => {}
            Heard::First => tracing::debug!(%terminal, boot = %id, uptime_ms, "a machine polls"),
            Heard::Restarted => tracing::info!(%terminal, boot = %id, uptime_ms, "it restarted"),
        }
        known.insert(terminal.clone(), boot);
        heard
    }
}

/// A UUID and some room.
const BOOT_ID_MAX: usize = 64;
/// Some megabytes; one node with more machines than that writes a few lines more.
const MACHINES_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(id: &str, uptime: &str) -> Boot {
        Boot::of(&headers(id, uptime)).unwrap()
    }

    fn headers(id: &str, uptime: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(BOOT_ID_HEADER, id.parse().unwrap());
        headers.insert(UPTIME_HEADER, uptime.parse().unwrap());
        headers
    }

    #[test]
    fn a_restart_shows_by_another_id_or_by_less_uptime() {
        let boots = Boots::default();
        let machine = "a".parse().unwrap();
        for (id, uptime, heard) in [
            ("one", "10", Heard::First),
            ("one", "20", Heard::Nothing),
            ("two", "5", Heard::Restarted),
            ("two", "4", Heard::Restarted),
            ("two", "9", Heard::Nothing),
        ] {
            assert_eq!(
                boots.heard(&machine, boot(id, uptime)),
                heard,
                "{id} {uptime}"
            );
        }
    }

    #[test]
    fn what_is_no_boot_id_says_nothing() {
        assert_eq!(Boot::of(&HeaderMap::new()), None);
        assert_eq!(Boot::of(&headers(" ", "1")), None);
        assert_eq!(Boot::of(&headers(&"x".repeat(65), "1")), None);
        assert_eq!(Boot::of(&headers("x", "soon")).unwrap().uptime_ms, 0);
    }

    #[test]
    fn it_remembers_no_more_machines_than_it_may() {
        let boots = Boots::default();
        for number in 0..=MACHINES_MAX {
            boots.heard(&format!("m{number}").parse().unwrap(), boot("x", "1"));
        }
        assert_eq!(boots.0.lock().unwrap().len(), 1);
    }
}
