//! What a commit tells besides the rows that it leaves: to logs, metrics, timers and persons.

use std::sync::Arc;

use crate::auth::iccid::Iccid;
use crate::domain::Millis;
use crate::domain::ids::{PurchaseId, SubscriberId, TerminalId};
use crate::domain::purchase::State;

/// What happened that someone must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// A word: `late_report`, `clone`, `reference`, `resolved`.
    pub kind: &'static str,
    /// The purchase.
    pub purchase: Option<PurchaseId>,
    /// The subscriber.
    pub subscriber: Option<SubscriberId>,
    /// What is known.
    pub text: String,
}

/// A new state of a purchase, for logs, metrics and timers.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// Which.
    pub purchase: PurchaseId,
    /// Where to.
    pub state: State,
    /// When this state has lasted too long.
    pub deadline: Option<Millis>,
    /// The terminal that waits for it.
    pub terminal: Option<TerminalId>,
    /// How long ago its merchant was paid, ms; none before that.
    pub since_paid_ms: Option<i64>,
}

/// Something that was done with keys, for the log of keys in the books: who, what and to which,
/// never a key or a PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEvent {
    /// The operators who did it, as they named themselves; two are joined by `" and "`. `svgate`
    /// for what the gateway did by itself.
    pub who: Arc<str>,
    /// A word: `import_completed`, `issued`, `operator_refused`.
    pub what: &'static str,
    /// The card by its digits, the account, or what else it was done to.
    pub subject: Arc<str>,
    /// What is known besides.
    pub detail: String,
}

impl KeyEvent {
    /// The subject as a log may have it: a card by its last digits only.
    #[must_use]
    pub fn masked_subject(&self) -> String {
        match self.subject.parse::<Iccid>() {
            Ok(iccid) => iccid.to_string(),
            Err(_) => self.subject.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_shows_the_end_of_a_card_number_only() {
        let event = |subject: &str| KeyEvent {
            who: "alice".into(),
            what: "issued",
            subject: subject.into(),
            detail: String::new(),
        };
        assert_eq!(event("8988211000000000003").masked_subject(), "…0003");
        assert_eq!(event("A1001").masked_subject(), "A1001");
    }
}
