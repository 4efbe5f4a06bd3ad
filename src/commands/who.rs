//! Who does something: what every `--who` takes, and how it is shown in a line that nobody can forge.

use std::borrow::Cow;

/// Reads the name of who does something: it stays in the log, so it is one line of visible text.
///
/// # Errors
///
/// Says what a name is, for clap to print.
pub(super) fn name(text: &str) -> Result<String, String> {
    let fits =
        !text.trim().is_empty() && text.len() <= NAME_MAX && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("1 to {NAME_MAX} octets of text without control characters"))
}

/// A name or subject inside a line: as it is, or quoted when it has anything by which the rest of the
/// line could be mistaken for another.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_.@+".contains(c);
    let mut words = text.split(' ');
    if words.all(|word| !word.is_empty() && word.chars().all(plain)) {
        text.into()
    } else {
        format!("{text:?}").into()
    }
}

/// The rest of a line: what is not printed as a character of its own is escaped.
pub(super) fn rest_of_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '"' || c == '\'' {
            shown.push(c);
        } else {
            shown.extend(c.escape_debug());
        }
    }
    shown
}

/// As long as the names and reasons that a purchase is resolved with.
const NAME_MAX: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_text() {
        for good in ["j.smith", "O'Brien, night shift", "آليس"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        let long = "x".repeat(NAME_MAX + 1);
        for bad in ["", " ", "a\nb", "a\u{1b}[2K", "a\u{7f}", "a\u{85}b", &long] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_could_be_another_line_is_quoted_or_escaped() {
        assert_eq!(shown("alice and bob"), "alice and bob");
        assert_eq!(shown("vendor.csv"), "vendor.csv");
        assert_eq!(shown("a: b\n7 by"), r#""a: b\n7 by""#);
        assert_eq!(shown("a\u{202e}b"), r#""a\u{202e}b""#);
        assert_eq!(shown(""), r#""""#);
        assert_eq!(rest_of_line("to \"x\"\n7"), r#"to "x"\n7"#);
        assert_eq!(rest_of_line("a\u{2028}b\r"), r"a\u{2028}b\r");
    }
}
