//! The pages of what is being shown.

use std::fmt::Write as _;

use crate::dialogue::reply::Price;
use crate::sms::ussd_pages::{NO_BREAK, pages};
use crate::sms::ussd_string::{StringForm, UssdString};

/// The page that is shown, and those to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    /// The last one first.
    left: Vec<Box<str>>,
}

impl Pages {
    /// `text` in pages; the last one ends with `foot`, the others with `more`.
    pub(super) fn of(text: &str, more: &str, foot: &str, form: StringForm) -> Self {
        let foot = Some(foot).filter(|foot| !foot.is_empty());
        let pages = pages(text, more, foot, form);
        Self {
            left: pages.into_iter().rev().map(Into::into).collect(),
        }
    }

    /// The page that is shown.
    pub(super) fn shown(&self) -> String {
        self.left
            .last()
            .map(|page| page.as_ref().to_owned())
            .unwrap_or_default()
    }

    /// Whether the page that is shown is the last.
    pub(super) fn is_last(&self) -> bool {
        self.left.len() < 2
    }

    /// The next page; none after the last, which stays.
    pub(super) fn turn(&mut self) -> Option<String> {
        if self.is_last() {
            return None;
        }
        self.left.pop();
        Some(self.shown())
    }

    /// The page that is shown, with a line above it if it has room for that.
    pub(super) fn again(&self, line: &str, form: StringForm) -> String {
        let shown = self.shown();
        let both = format!("{line}\n{shown}");
        if UssdString::write(&both, form).is_ok() {
            both
        } else {
            shown
        }
    }
}

/// A head and lines numbered from 1.
pub(super) fn numbered(head: &str, lines: impl IntoIterator<Item = String>) -> String {
    let mut text = head.to_owned();
    for (place, line) in lines.into_iter().enumerate() {
        // Writing to a String never fails.
        let _ = write!(text, "\n{} {line}", place.saturating_add(1));
    }
    text
}

/// A price that no page can cut.
pub(super) fn price(price: &Price) -> String {
    price.to_string().replace(' ', &NO_BREAK.to_string())
}
