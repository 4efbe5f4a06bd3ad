//! The log line of what was done with keys.

use crate::gateway::world::KeyEvent;

/// Writes the line of `event`, once its commit stands. A card is named by its last digits.
pub fn write(event: &KeyEvent) {
    let KeyEvent {
        who, what, detail, ..
    } = event;
    let subject = event.masked_subject();
    if *what == OPERATOR_REFUSED {
        tracing::warn!(who = %who, what, subject, "keys: {detail}");
    } else {
        tracing::info!(who = %who, what, subject, "keys: {detail}");
    }
}

/// Somebody named an operator and had not that operator's secret: a person must look.
pub const OPERATOR_REFUSED: &str = "operator_refused";
