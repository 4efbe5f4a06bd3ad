//! Chooses the alphabet of a text and cuts it into the shares of its messages.

use super::{Segment, SegmentRules};
use crate::sms::SmscAlphabet;
use crate::sms::coding::Alphabet;
use crate::sms::concatenation::Concatenation;
use crate::sms::gsm7::{self, Language, Tables};
use crate::sms::user_data::{Element, Header, LOCKING_SHIFT, SINGLE_SHIFT};

/// An alphabet that can write the whole of a text.
#[derive(Clone, Copy)]
pub(super) enum Script {
    /// GSM 7-bit with these tables.
    Gsm7(Tables),
    /// UCS2, which has everything.
    Ucs2,
}

impl Script {
    pub(super) fn choose(text: &str, rules: SegmentRules) -> Self {
        let default = Self::Gsm7(Tables::default());
        if default.units_of(text).is_some() && smsc_has(text, rules.smsc) {
            return default;
        }
        let national = rules.language.filter(|_| carries_septets(rules.smsc));
        national
            .and_then(|language| Self::national(text, language))
            .unwrap_or(Self::Ucs2)
    }

    /// The pair of tables of `language` that takes the fewest messages, then the fewest septets.
    fn national(text: &str, language: Language) -> Option<Self> {
        let locking = Some(language).filter(|language| language.has_locking_table());
        let pairs = [
            (None, Some(language)),
            (locking, None),
            (locking, Some(language)),
        ];
        let scripts = pairs.map(|(locking, single)| Self::Gsm7(Tables { locking, single }));
        let counted = scripts
            .into_iter()
            .filter_map(|s| Some((s, s.units_of(text)?)));
        let best = counted.min_by_key(|(script, units)| (script.split(text).len(), *units));
        best.map(|(script, _)| script)
    }

    pub(super) const fn alphabet(self) -> Alphabet {
        match self {
            Self::Gsm7(_) => Alphabet::Gsm7,
            Self::Ucs2 => Alphabet::Ucs2,
        }
    }

    pub(super) fn tables(self) -> Tables {
        match self {
            Self::Gsm7(tables) => tables,
            Self::Ucs2 => Tables::default(),
        }
    }

    /// Septets or UCS2 units of a character; `None` when this alphabet does not have it.
    fn unit(self, symbol: char) -> Option<usize> {
        match self {
            Self::Gsm7(tables) => gsm7::septets_of(symbol, tables),
            Self::Ucs2 => Some(symbol.len_utf16()),
        }
    }

    pub(super) fn units_of(self, text: &str) -> Option<usize> {
        text.chars().map(|symbol| self.unit(symbol)).sum()
    }

    /// How many units one message holds beside `header`.
    fn capacity(self, header: &Header) -> usize {
        let header_octets = header.to_octets().len();
        match self {
            Self::Gsm7(_) => MESSAGE_SEPTETS.saturating_sub(gsm7::septets_of_header(header_octets)),
            Self::Ucs2 => MESSAGE_OCTETS.saturating_sub(header_octets) / 2,
        }
    }

    /// The shares of the messages: one when it fits, else as many as it takes.
    pub(super) fn split(self, text: &str) -> Vec<&str> {
        let fits = |units| units <= self.capacity(&self.header(None));
        if self.units_of(text).is_some_and(fits) {
            return vec![text];
        }
        // Every part's header has the same length, so the first part's stands for all.
        let part = Concatenation::new(0, 1, 1, false);
        self.cut(text, self.capacity(&self.header(part)))
    }

    /// Cuts before the first character that would not fit.
    fn cut(self, text: &str, capacity: usize) -> Vec<&str> {
        let (mut shares, mut begin, mut used) = (Vec::new(), 0, 0_usize);
        for (at, symbol) in text.char_indices() {
            let unit = self.unit(symbol).unwrap_or_default();
            let with_this = used.saturating_add(unit);
            if with_this > capacity {
                shares.extend(text.get(begin..at));
                (begin, used) = (at, unit);
            } else {
                used = with_this;
            }
        }
        shares.extend(text.get(begin..));
        shares
    }

    fn header(self, part: Option<Concatenation>) -> Header {
        let tables = self.tables();
        let table = |id, language: Language| Element {
            id,
            data: vec![language.identifier()],
        };
        let elements = [
            part.map(Concatenation::to_element),
            tables.single.map(|language| table(SINGLE_SHIFT, language)),
            tables
                .locking
                .map(|language| table(LOCKING_SHIFT, language)),
        ];
        // Three elements take 11 octets at most, so no header is ever refused here.
        Header::new(elements.into_iter().flatten().collect()).unwrap_or_default()
    }

    pub(super) fn segment(
        self,
        share: &str,
        part: Option<Concatenation>,
        smsc: SmscAlphabet,
    ) -> Segment {
        let header = self.header(part);
        let mut user_data = header.to_octets();
        let (data_coding, text) = match self {
            Self::Ucs2 => (
                UCS2,
                share.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            ),
            Self::Gsm7(tables) => (
                SMSC_DEFAULT,
                default_octets(share, tables, smsc, user_data.len()),
            ),
        };
        user_data.extend::<Vec<u8>>(text);
        Segment {
            with_header: !header.is_empty(),
            data_coding,
            user_data,
        }
    }
}

/// Whether the SMSC's own default alphabet has every character of `text`.
pub(in crate::sms) fn smsc_has(text: &str, smsc: SmscAlphabet) -> bool {
    match smsc {
        SmscAlphabet::Gsm7Unpacked | SmscAlphabet::Gsm7Packed => true,
        SmscAlphabet::Latin1 => text.chars().all(|symbol| u8::try_from(symbol).is_ok()),
        SmscAlphabet::Ascii => text.is_ascii(),
    }
}

/// Whether the SMSC is given septets, so that a header can name their tables.
const fn carries_septets(smsc: SmscAlphabet) -> bool {
    matches!(smsc, SmscAlphabet::Gsm7Unpacked | SmscAlphabet::Gsm7Packed)
}

/// Text that the default alphabet has, as the SMSC carries it after `header_octets`.
fn default_octets(text: &str, tables: Tables, smsc: SmscAlphabet, header_octets: usize) -> Vec<u8> {
    let septets = || gsm7::encode(text, tables).unwrap_or_default();
    match smsc {
        SmscAlphabet::Gsm7Unpacked => septets(),
        SmscAlphabet::Gsm7Packed => gsm7::pack(&septets(), gsm7::fill_bits_after(header_octets)),
        SmscAlphabet::Latin1 | SmscAlphabet::Ascii => text
            .chars()
            .filter_map(|symbol| u8::try_from(symbol).ok())
            .collect(),
    }
}

/// TP-UD: 140 octets, or 160 septets.
const MESSAGE_OCTETS: usize = 140;
const MESSAGE_SEPTETS: usize = 160;

/// `data_coding` of the SMSC's default alphabet.
const SMSC_DEFAULT: u8 = 0x00;

/// `data_coding` of UCS2.
const UCS2: u8 = 0x08;
