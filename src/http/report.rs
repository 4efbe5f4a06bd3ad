//! What a machine's report means, or which of its fields is wrong.

use std::sync::Arc;

use crate::domain::ids::PurchaseId;
use crate::gateway::member::Word;
use crate::http::problem::Problem;
use crate::vend::{ReportJson, ReportResult};

/// A report as the books take it. A field that says nothing about the result is refused: the
/// machine's maker should hear of it before a buyer does.
pub(super) fn word(report: &ReportJson) -> Result<Word, Problem> {
    let journal = report.approved_journalled;
    if report.supplied_units.is_some() && report.result != ReportResult::Supplied {
        return Err(Problem::senseless(
            "supplied_units: stands with supplied only",
        ));
    }
    if journal.is_some() && report.result != ReportResult::Reset {
        return Err(Problem::senseless(
            "approved_journalled: stands with reset only",
        ));
    }
    match (report.result, journal) {
        (ReportResult::Dispensing, _) => Ok(Word::Dispensing),
        (ReportResult::Supplied, _) if report.supplied_units > Some(99) => {
            Err(Problem::invalid("supplied_units: at most 99"))
        }
        (ReportResult::Supplied, _) => Ok(Word::Supplied {
            units: report.supplied_units,
        }),
        (ReportResult::Failed, _) => Ok(Word::Failed),
        (ReportResult::Reset, Some(approved)) => Ok(Word::Reset { approved }),
        // Goods or money hang on it, so silence is not taken for a no.
        (ReportResult::Reset, None) => Err(Problem::senseless(
            "approved_journalled: stands with every reset",
        )),
    }
}

pub(super) fn purchase_id(text: &str) -> Result<PurchaseId, Problem> {
    let digits = (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || text.starts_with('0') {
        return Err(Problem::invalid("purchase: 1 to 19 digits are needed"));
    }
    text.parse()
        .map_err(|_| Problem::senseless("purchase: no id is that large"))
}

pub(super) fn reason(text: String) -> Result<Arc<str>, Problem> {
    if text.chars().count() > REASON_MAX || text.chars().any(char::is_control) {
        let message = format!("reason: at most {REASON_MAX} characters, no control characters");
        return Err(Problem::invalid(message));
    }
    Ok(text.into())
}

/// What a column and a console have room for.
const REASON_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_is_read_as_it_was_written(id in 1_i64.., other in "[0-9]{0,21}") {
            prop_assert_eq!(purchase_id(&id.to_string()).unwrap(), PurchaseId(id));
            let reads = other.parse::<i64>().is_ok_and(|id| id > 0) && !other.starts_with('0');
            prop_assert_eq!(purchase_id(&other).is_ok(), reads);
        }

        #[test]
        fn a_reason_keeps_to_one_line(text in any::<String>()) {
            let fits = text.chars().count() <= REASON_MAX && !text.chars().any(char::is_control);
            prop_assert_eq!(reason(text).is_ok(), fits);
        }

        #[test]
        fn a_field_that_says_nothing_about_the_result_is_refused(
            at in 0_usize..4,
            supplied_units in proptest::option::of(0_u8..=99),
            approved_journalled: Option<bool>,
        ) {
            let results = ["dispensing", "supplied", "failed", "reset"];
            let report = serde_json::json!({
                "result": results[at],
                "supplied_units": supplied_units,
                "approved_journalled": approved_journalled,
            });
            let word = word(&serde_json::from_value(report).unwrap()).ok();
            let expected = match (results[at], supplied_units, approved_journalled) {
                ("dispensing", None, None) => Some(Word::Dispensing),
                ("supplied", units, None) => Some(Word::Supplied { units }),
                ("failed", None, None) => Some(Word::Failed),
                ("reset", None, Some(approved)) => Some(Word::Reset { approved }),
                _ => None,
            };
            prop_assert_eq!(word, expected);
        }
    }
}
