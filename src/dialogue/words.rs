//! The words of an order as people type them: folding, keywords, local aliases, near misses.
//!
//! ```text
//! "  ＢＵＹ 4711, «١٢» "  ──fold──►  BUY 4711 12  ──Aliases──►  Keyword::Buy  4711  12
//! ```
//! Folding forgives case, accents, full-width and Arabic-Indic digits, every kind of space, marks
//! of direction, quotes around a word and punctuation after it. It never joins or drops digits:
//! what stands between them (`2'50`, `.50`) stays, so that an amount is refused, not guessed.

use std::{collections::BTreeMap, fmt};

/// A word that the grammar knows, in whatever language it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keyword {
    /// Orders an item.
    Buy,
    /// Pays an amount, or a payment order.
    Pay,
    /// Shows what a terminal has.
    List,
    /// Shows what is owed.
    Balance,
    /// Shows or lowers what may be spent.
    Limit,
    /// Bars purchases.
    Stop,
    /// Lifts the bar.
    Start,
    /// Explains.
    Help,
    /// Says that an order is meant once more.
    Again,
}

impl Keyword {
    /// Every keyword.
    pub const ALL: [Self; 9] = [
        Self::Buy,
        Self::Pay,
        Self::List,
        Self::Balance,
        Self::Limit,
        Self::Stop,
        Self::Start,
        Self::Help,
        Self::Again,
    ];

    /// The word itself, which is understood in every language.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Pay => "PAY",
            Self::List => "LIST",
            Self::Balance => "BAL",
            Self::Limit => "LIMIT",
            Self::Stop => "STOP",
            Self::Start => "START",
            Self::Help => "HELP",
            Self::Again => "AGAIN",
        }
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Which typed words mean which keyword. The keywords themselves are always in it.
#[derive(Clone, Debug)]
pub struct Aliases(BTreeMap<String, Keyword>);

impl Default for Aliases {
    fn default() -> Self {
        Self(
            Keyword::ALL
                .iter()
                .map(|keyword| (keyword.word().to_owned(), *keyword))
                .collect(),
        )
    }
}

impl Aliases {
    /// Adds a local word for a keyword. Adding it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`BadAlias`] when folding leaves no single word of letters, when it is longer than 16, or
    /// when it means another keyword already.
    pub fn add(&mut self, alias: &str, keyword: Keyword) -> Result<(), BadAlias> {
        let folded = fold(alias);
        let letters = !folded.is_empty() && folded.chars().all(char::is_alphabetic);
        if !letters || folded.chars().count() > WORD_MAX {
            return Err(BadAlias::NotAWord(alias.to_owned()));
        }
        match self.0.get(&folded) {
            Some(taken) if *taken != keyword => Err(BadAlias::Taken(alias.to_owned(), *taken)),
            Some(_) => Ok(()),
            None => {
                self.0.insert(folded, keyword);
                Ok(())
            }
        }
    }

    /// What a folded word means.
    #[must_use]
    pub fn keyword(&self, word: &str) -> Option<Keyword> {
        self.0.get(word).copied()
    }

    /// The known word that `word` is most likely a slip of: at most one slip in a word of up to
    /// four letters, two in a longer one, and none at all in one of one or two.
    #[must_use]
    pub fn closest(&self, word: &str) -> Option<Word> {
        let letters = word.chars().count();
        if !(3..=WORD_MAX).contains(&letters) {
            return None;
        }
        let allowed = if letters > 4 { 2 } else { 1 };
        self.0
            .keys()
            .map(|known| (slips(word, known), known))
            .filter(|(slips, _)| *slips <= allowed)
            .min()
            .map(|(_, known)| Word::echo(known))
    }
}

/// Why a local word cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAlias {
    /// Not one word of letters.
    #[error("{0:?} is not one word of 1 to 16 letters")]
    NotAWord(String),
    /// One word cannot mean two things.
    #[error("{0:?} already means {1}")]
    Taken(String, Keyword),
}

/// A word to be said back to its sender: letters and digits, at most ten.
///
/// A sender's number can be forged, so what is echoed must be too short to carry a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// What may be echoed of `text`.
    #[must_use]
    pub fn echo(text: &str) -> Self {
        let keeps = |c: &char| c.is_alphanumeric() || matches!(c, '.' | ',');
        Self(text.chars().filter(keeps).take(ECHO_MAX).collect())
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Brings `text` to the one form that the grammar reads: capitals without accents, ASCII digits,
/// words apart by one space. Folding twice changes nothing.
#[must_use]
pub fn fold(text: &str) -> String {
    // Capitals first: the capital of one letter may be a letter and an accent of its own.
    let capitals = text.chars().flat_map(char::to_uppercase);
    let plain: String = capitals.filter_map(fold_char).map(base_letter).collect();
    let words = plain
        .split_whitespace()
        .map(bare)
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// One character in its plain form, or nothing for a mark that only directs or decorates.
fn fold_char(c: char) -> Option<char> {
    Some(match c {
        // Full-width forms are ASCII, moved by a fixed distance.
        '\u{FF01}'..='\u{FF5E}' => u32::from(c)
            .checked_sub(0xFEE0)
            .and_then(char::from_u32)
            .unwrap_or(c),
        '\u{0660}'..='\u{0669}' => digit(c, 0x0660),
        '\u{06F0}'..='\u{06F9}' => digit(c, 0x06F0),
        '\u{0966}'..='\u{096F}' => digit(c, 0x0966),
        // The Arabic decimal separator and comma.
        '\u{066B}' => '.',
        '\u{060C}' => ',',
        '\u{061B}' => ';',
        '\u{061F}' => '?',
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ة' => 'ه',
        'ى' => 'ي',
        '×' => 'X',
        // Short vowels and the stretching stroke; zero-width marks and marks of direction;
        // combining accents, as some phones send them.
        '\u{064B}'..='\u{0652}'
        | '\u{0640}'
        | '\u{00AD}'
        | '\u{FEFF}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}'
        | '\u{0300}'..='\u{036F}' => return None,
        c if c.is_control() => ' ',
        c => c,
    })
}

fn digit(c: char, zero: u32) -> char {
    u32::from(c)
        .checked_sub(zero)
        .and_then(|value| char::from_digit(value, 10))
        .unwrap_or(c)
}

/// The letter under an accent, for the capitals of Latin-1 and their neighbours.
fn base_letter(c: char) -> char {
    match c {
        'À'..='Å' => 'A',
        'Ç' => 'C',
        'È'..='Ë' => 'E',
        'Ì'..='Ï' | 'İ' => 'I',
        'Ñ' => 'N',
        'Ò'..='Ö' | 'Ø' => 'O',
        'Ù'..='Ü' => 'U',
        'Ý' | 'Ÿ' => 'Y',
        c => c,
    }
}

/// A word without the quotes around it and the punctuation after it. A point in front stays: it
/// may be half of an amount.
fn bare(word: &str) -> &str {
    let quote = |c: char| "\"'`´‘’‚“”„«»‹›<>()[]{}".contains(c);
    let after = |c: char| quote(c) || ".,;:!?…".contains(c);
    word.trim_start_matches(quote).trim_end_matches(after)
}

/// How many letters must be put in, left out, changed or swapped with the next to get from one
/// word to the other (optimal string alignment).
fn slips(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, letter) in from.chars().enumerate() {
        let mut current = vec![row.saturating_add(1)];
        for (at, target) in to.iter().enumerate() {
            let cell = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX);
            let next = at.saturating_add(1);
            let changed = cell(&last, at).saturating_add(usize::from(letter != *target));
            let mut fewest = changed
                .min(cell(&last, next).saturating_add(1))
                .min(cell(&current, at).saturating_add(1));
            let left = at.checked_sub(1);
            let swapped =
                previous == Some(*target) && left.and_then(|l| to.get(l)) == Some(&letter);
            if let (true, Some(left)) = (swapped, left) {
                fewest = fewest.min(cell(&before_last, left).saturating_add(1));
            }
            current.push(fewest);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(letter);
    }
    last.last().copied().unwrap_or_default()
}

/// Longer than any keyword in any language shipped; bounds the work of finding the closest.
const WORD_MAX: usize = 16;
/// Long enough for every verb and item code.
const ECHO_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_thumbs_and_keyboards_add_is_folded_away() {
        for typed in [
            "buy 4711 12",
            "  Buy\u{a0}4711\u{202f}12 ",
            "ＢＵＹ　４７１１　１２",
            "BUY ٤٧١١ ١٢",
            "BUY ۴۷۱۱ ۱۲",
            "\"Buy 4711, 12.\"",
            "BUY: <4711> «12»!",
            "\u{200f}bu\u{301}y 4711\r\n12",
            "büy 4711 12",
        ] {
            assert_eq!(fold(typed), "BUY 4711 12", "{typed}");
        }
        assert_eq!(fold("أَدْفَــع"), "ادفع");
        assert_eq!(fold("pay 4711 ٢٫٥٠"), "PAY 4711 2.50");
        // The capital of this letter is a letter and two accents.
        assert_eq!(fold("\u{390}"), "\u{399}");
    }

    #[test]
    fn folding_never_makes_an_amount_of_what_was_none() {
        for (typed, folded) in [
            (".50", ".50"),
            ("2'50", "2'50"),
            ("-2", "-2"),
            ("2.5.0.", "2.5.0"),
        ] {
            assert_eq!(fold(typed), folded);
        }
    }

    #[test]
    fn a_slip_finds_its_verb_and_a_strange_word_none() {
        let mut aliases = Aliases::default();
        aliases.add("Kaufe", Keyword::Buy).unwrap();
        let closest = |word: &str| aliases.closest(word).map(|word| word.0);
        for (word, verb) in [
            ("BYU", "BUY"),
            ("BUYY", "BUY"),
            ("KAFUE", "KAUFE"),
            ("LIMTI", "LIMIT"),
            ("HLP", "HELP"),
            ("SATRT", "START"),
        ] {
            assert_eq!(closest(word).as_deref(), Some(verb), "{word}");
        }
        for word in [
            "",
            "B",
            "XYZ",
            "HOLY",
            "WEATHER",
            "4711",
            "BUYBUYBUYBUYBUYBUYBUY",
        ] {
            assert_eq!(closest(word), None, "{word}");
        }
    }

    #[test]
    fn one_word_cannot_mean_two_things() {
        let mut aliases = Aliases::default();
        assert_eq!(aliases.add("Liste", Keyword::List), Ok(()));
        assert_eq!(aliases.add("LISTE", Keyword::List), Ok(()));
        assert!(matches!(
            aliases.add("liste", Keyword::Buy),
            Err(BadAlias::Taken(..))
        ));
        for bad in ["", "two words", "B4", "abcdefghijklmnopq"] {
            assert!(
                matches!(aliases.add(bad, Keyword::Buy), Err(BadAlias::NotAWord(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_echo_is_too_short_to_carry_a_message() {
        assert_eq!(Word::echo("https://evil.example/pay").0, "httpsevil.");
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in ".{0,80}") {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded);
        }

        #[test]
        fn slips_are_symmetric_and_nothing_is_no_slip(a in "[A-E]{0,8}", b in "[A-E]{0,8}") {
            prop_assert_eq!(slips(&a, &b), slips(&b, &a));
            prop_assert_eq!(slips(&a, &b) == 0, a == b);
        }
    }
}
