//! The texts of new cards: a file a language, a line a text, 32 of them.

use std::path::Path;

use crate::commands::site::Fault;
use crate::dialogue::card_command::MenuText;
use crate::dialogue::secured_reply::ShownText;
use crate::sms::gsm7::{self, Tables};

/// Reads the texts of these languages, each in one coding: the default alphabet where that has all of
/// it, else UCS2.
///
/// # Errors
///
/// [`Fault::Usage`] when a file is not there, [`Fault::Refused`] names the line that does not fit.
pub(super) fn read(folder: &Path, languages: &[String]) -> Result<Vec<MenuText>, Fault> {
    let mut all = Vec::new();
    for (language, number) in languages.iter().zip(0_u8..) {
        let path = folder.join(format!("{language}.txt"));
        let name = path.display();
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|error| Fault::Usage(format!("{name}: {error}")))?;
        let lines: Vec<&str> = text.lines().collect();
        if lines.len() != TEXTS {
            let count = lines.len();
            let told = format!("{name}: {count} lines, and a card has {TEXTS} texts");
            return Err(Fault::Refused(told));
        }
        let all_plain = lines.iter().all(|line| plain(line).is_some());
        for (line, at) in lines.iter().zip(0_u8..) {
            let shown = ShownText::new(line, |line| all_plain.then(|| plain(line)).flatten());
            let text = MenuText::new(number, at, shown).map_err(|error| {
                let line = u16::from(at).saturating_add(1);
                Fault::Refused(format!("{name}:{line}: {error}"))
            })?;
            all.push(text);
        }
    }
    Ok(all)
}

/// The default alphabet without its extension, which not every card shows.
fn plain(text: &str) -> Option<Vec<u8>> {
    let septets = gsm7::encode(text, Tables::default()).ok()?;
    (!septets.contains(&ESCAPE)).then_some(septets)
}

const TEXTS: usize = 32;
const ESCAPE: u8 = 0x1B;

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> std::path::PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        root.join("sim-applet/card/src/main/resources/texts")
    }

    #[test]
    fn the_example_texts_fit_a_card_in_every_language() {
        let languages = ["en", "de", "fr", "ar"].map(ToOwned::to_owned);
        assert_eq!(read(&folder(), &languages).unwrap().len(), 4 * TEXTS);
    }

    #[test]
    fn a_file_that_is_not_there_or_a_line_too_few_or_too_long_is_named() {
        let missing = read(&folder(), &["xx".to_owned()]).unwrap_err().to_string();
        assert!(missing.contains("xx.txt"), "{missing}");
        let other = tempfile::tempdir().unwrap();
        let told = |text: &str| {
            std::fs::write(other.path().join("en.txt"), text).unwrap();
            let told = read(other.path(), &["en".to_owned()]);
            told.unwrap_err().to_string()
        };
        assert!(told("Pay\n").contains("1 lines"));
        let long = format!("{}{}\n", "Pay\n".repeat(31), "x".repeat(32));
        assert!(told(&long).contains("en.txt:32: "), "{}", told(&long));
    }
}
