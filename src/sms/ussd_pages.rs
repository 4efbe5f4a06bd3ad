//! Cuts a text into pages that are one USSD string each, since a USSD string can't be concatenated.
//!
//! ```text
//! Coffee 4711⏎1 Espresso 1.80 EUR⏎2 Cola 2.50 EUR⏎…  ─►  │ Coffee 4711⏎1 Espresso…⏎0 More │ … │
//! ```
//! A page ends where a line ends, or else between two words. A no-break space holds a price and its
//! currency together, and is a plain space in what is sent: no page ever shows half a price.

use super::ussd_string::{StringForm, UssdString};

/// `text` as pages; all but the last end with a line that says `more`, the last with `foot` where
/// there is one. There is always a page, though it may be empty.
#[must_use]
pub fn pages(
    text: &str,
    more: &str,
    foot: Option<&str>,
    form: impl Into<StringForm>,
) -> Vec<String> {
    let form = form.into();
    let mut pages = Vec::new();
    let mut rest = text.trim();
    while pages.len() < PAGES_MAX {
        let whole = page(rest, foot);
        if fits(&whole, form) {
            pages.push(whole);
            return pages;
        }
        let end = longest(rest, more, form);
        let (head, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
        pages.push(page(head, Some(more)));
        rest = tail.trim_start();
    }
    pages
}

/// Where the longest page ends: after a line rather than after a word, unless that leaves most of
/// it empty.
fn longest(rest: &str, more: &str, form: StringForm) -> usize {
    let fits_to = |at: usize| {
        let head = rest.get(..at).unwrap_or(rest);
        fits(&page(head, Some(more)), form)
    };
    let ends_at = |is_end: fn(char) -> bool| {
        let ends = rest.char_indices().filter(move |(_, c)| is_end(*c));
        ends.map(|(at, _)| at).take_while(|at| fits_to(*at)).last()
    };
    let line = ends_at(|c| c == '\n');
    let word = ends_at(|c| c == ' ' || c == '\n');
    match (line, word) {
        (Some(line), Some(word)) if line.saturating_mul(2) >= word => line,
        (_, Some(word)) => word,
        // A word that no page holds is cut: names have 40 characters at most.
        (_, None) => rest
            .char_indices()
            .map(|(at, c)| at.saturating_add(c.len_utf8()))
            .take_while(|at| fits_to(*at))
            .last()
            .unwrap_or(rest.len()),
    }
}

fn page(text: &str, foot: Option<&str>) -> String {
    let text = text.trim_end().replace(NO_BREAK, " ");
    match foot {
        Some(foot) if text.is_empty() => foot.to_owned(),
        Some(foot) => format!("{text}\n{foot}"),
        None => text,
    }
}

fn fits(text: &str, form: StringForm) -> bool {
    UssdString::write(text, form).is_ok()
}

/// Holds two words together.
pub const NO_BREAK: char = '\u{a0}';
/// Nobody turns more pages within the life of a session: what is beyond is not shown.
const PAGES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sms::SmscAlphabet;

    const PLAIN: SmscAlphabet = SmscAlphabet::Gsm7Unpacked;

    fn shop(items: usize, name: &str) -> String {
        let line = |n| format!("\n{n} {name} {n}.50{NO_BREAK}EUR");
        let lines: String = (1..=items).map(line).collect();
        format!("Coffee 4711{lines}")
    }

    #[test]
    fn a_short_text_is_one_page_with_its_foot() {
        assert_eq!(pages("Bye", "0 More", None, PLAIN), ["Bye"]);
        assert_eq!(
            pages("Bye", "0 More", Some("0 Back"), PLAIN),
            ["Bye\n0 Back"]
        );
        assert_eq!(pages("", "0 More", None, PLAIN), [""]);
    }

    #[test]
    fn a_list_is_cut_between_its_lines() {
        for name in ["Espresso", "قهوة"] {
            let pages = pages(&shop(15, name), "0 More", Some("0 Back"), PLAIN);
            assert!(pages.len() > 1);
            let (last, before) = pages.split_last().unwrap();
            assert!(last.ends_with("\n0 Back"));
            let mut seen = 0;
            for page in &pages {
                for line in page.lines().filter(|line| line.contains(name)) {
                    seen += 1;
                    assert_eq!(line, format!("{seen} {name} {seen}.50 EUR"));
                }
            }
            assert_eq!(seen, 15);
            assert!(before.iter().all(|page| page.ends_with("\n0 More")));
        }
    }

    proptest! {
        #[test]
        fn no_word_and_no_price_is_ever_cut(
            words in proptest::collection::vec("[a-zé€Ж]{1,40}|[0-9]{1,4}\\.[0-9]{2}\u{a0}EUR", 1..80),
            breaks in proptest::collection::vec(any::<bool>(), 80),
        ) {
            let ends = breaks.iter().map(|line| if *line { "\n" } else { " " });
            let text: String = words.iter().zip(ends).flat_map(|(word, end)| [word, end]).collect();
            let pages = pages(&text, "0 More", Some("0 Back"), PLAIN);
            let mut shown = String::new();
            for page in &pages {
                prop_assert!(fits(page, PLAIN.into()));
                let (body, _) = page.rsplit_once('\n').unwrap_or_default();
                shown.push_str(body);
                shown.push(' ');
            }
            let apart = |text: &str| {
                let text = text.replace(NO_BREAK, " ");
                text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
            };
            if pages.len() < PAGES_MAX {
                prop_assert_eq!(apart(&shown), apart(&text));
            }
            let priced = |text: &str| text.matches(" EUR").count();
            for page in &pages {
                let whole = page.split_whitespace().filter(|w| w.contains('.')).count();
                prop_assert_eq!(priced(page), whole);
            }
        }
    }
}
