//! Which tables a 7-bit text is read with: 3GPP TS 23.038 clause 6.2.1.2 and annex A.
//!
//! ```text
//! septet s            ─► locking shift table [s]    (default alphabet, or a language's)
//! septets 1B s        ─► single shift table  [s]    (default extension, or a language's)
//! ```
//! A message names its languages in its header, elements 0x24 (single) and 0x25 (locking).
//!
//! The values of the tables are those of AOSP's `GsmAlphabet` (Apache-2.0), so that most handsets
//! agree with them; `tests/codecs/sms.rs` compares every place with two other typings.

use super::{ESCAPE, locking::locking_table, single_shift::single_shift_table};

/// A national language with tables of its own: TS 23.038 clause 6.2.1.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Identifier 1.
    Turkish,
    /// Identifier 2. It has a single shift table only.
    Spanish,
    /// Identifier 3.
    Portuguese,
    /// Identifier 4; Assamese too.
    Bengali,
    /// Identifier 5.
    Gujarati,
    /// Identifier 6.
    Hindi,
    /// Identifier 7.
    Kannada,
    /// Identifier 8.
    Malayalam,
    /// Identifier 9.
    Oriya,
    /// Identifier 10.
    Punjabi,
    /// Identifier 11.
    Tamil,
    /// Identifier 12.
    Telugu,
    /// Identifier 13.
    Urdu,
}

impl Language {
    /// Every language, by rising identifier.
    pub const ALL: [Self; 13] = [
        Self::Turkish,
        Self::Spanish,
        Self::Portuguese,
        Self::Bengali,
        Self::Gujarati,
        Self::Hindi,
        Self::Kannada,
        Self::Malayalam,
        Self::Oriya,
        Self::Punjabi,
        Self::Tamil,
        Self::Telugu,
        Self::Urdu,
    ];

    /// The national language identifier of the elements 0x24 and 0x25.
    #[must_use]
    pub const fn identifier(self) -> u8 {
        match self {
            Self::Turkish => 1,
            Self::Spanish => 2,
            Self::Portuguese => 3,
            Self::Bengali => 4,
            Self::Gujarati => 5,
            Self::Hindi => 6,
            Self::Kannada => 7,
            Self::Malayalam => 8,
            Self::Oriya => 9,
            Self::Punjabi => 10,
            Self::Tamil => 11,
            Self::Telugu => 12,
            Self::Urdu => 13,
        }
    }

    /// The language of `identifier`; `None` for a reserved one, whose text is read with the
    /// default tables (clause 6.2.1.2.4).
    #[must_use]
    pub fn from_identifier(identifier: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.identifier() == identifier)
    }

    /// Whether the language has a locking shift table.
    #[must_use]
    pub const fn has_locking_table(self) -> bool {
        !matches!(self, Self::Spanish)
    }
}

/// The pair of tables of one text. The default pair is the default alphabet and its extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tables {
    /// Whose locking shift table takes the default alphabet's place.
    pub locking: Option<Language>,
    /// Whose single shift table takes the default extension table's place.
    pub single: Option<Language>,
}

impl Tables {
    /// The symbol of a septet that no escape precedes; `None` at a place without one.
    pub(super) fn plain(self, septet: u8) -> Option<char> {
        symbol(locking_table(self.locking), septet)
    }

    /// The symbol of a septet that follows an escape; `None` at a place without one.
    pub(super) fn escaped(self, septet: u8) -> Option<char> {
        symbol(single_shift_table(self.single), septet)
    }

    /// How these tables write `symbol`; `None` when neither has it.
    pub(super) fn written(self, symbol: char) -> Option<Written> {
        let plain = place(locking_table(self.locking), symbol).map(Written::Plain);
        plain.or_else(|| place(single_shift_table(self.single), symbol).map(Written::Escaped))
    }
}

/// One symbol in septets.
#[derive(Clone, Copy)]
pub(super) enum Written {
    /// One septet.
    Plain(u8),
    /// An escape and one septet, which must never be parted.
    Escaped(u8),
}

/// 128 symbols of the Basic Multilingual Plane, 0 where there is none.
pub(super) type Table = [u16; 128];

fn symbol(table: &Table, septet: u8) -> Option<char> {
    let code = *table.get(usize::from(septet))?;
    if code == 0 {
        None
    } else {
        char::from_u32(u32::from(code))
    }
}

/// The first place of `symbol` in `table`.
fn place(table: &Table, symbol: char) -> Option<u8> {
    let code = u16::try_from(u32::from(symbol))
        .ok()
        .filter(|&code| code != 0)?;
    // Most letters and digits stand at their ASCII place: try that before searching.
    let same = u8::try_from(code)
        .ok()
        .filter(|&s| table.get(usize::from(s)) == Some(&code));
    let found = same.or_else(|| (0..).zip(table).find(|(_, c)| **c == code).map(|(s, _)| s));
    found.filter(|&septet| septet != ESCAPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_and_its_language_name_each_other() {
        for (identifier, language) in (1..=13).zip(Language::ALL) {
            assert_eq!(language.identifier(), identifier);
            assert_eq!(Language::from_identifier(identifier), Some(language));
        }
        assert_eq!(Language::from_identifier(0), None);
        assert_eq!(Language::from_identifier(14), None);
    }

    #[test]
    fn every_symbol_of_every_table_can_be_written_again() {
        let languages = std::iter::once(None).chain(Language::ALL.map(Some));
        for tables in languages.map(|l| Tables {
            locking: l,
            single: l,
        }) {
            for septet in 0..128 {
                for symbol in tables
                    .plain(septet)
                    .into_iter()
                    .chain(tables.escaped(septet))
                {
                    let read = match tables.written(symbol).unwrap() {
                        Written::Plain(s) => tables.plain(s),
                        Written::Escaped(s) => tables.escaped(s),
                    };
                    assert_eq!(read, Some(symbol), "{tables:?} {septet:02x}");
                }
            }
        }
    }

    #[test]
    fn no_table_has_a_symbol_at_the_escape() {
        for language in std::iter::once(None).chain(Language::ALL.map(Some)) {
            let tables = Tables {
                locking: language,
                single: language,
            };
            assert_eq!((tables.plain(ESCAPE), tables.escaped(ESCAPE)), (None, None));
        }
    }

    #[test]
    fn a_nul_or_a_symbol_beyond_the_plane_is_in_no_table() {
        for symbol in ['\0', '\u{1F600}', '\u{FFFF}'] {
            assert!(Tables::default().written(symbol).is_none());
        }
    }
}
