//! What a data coding octet says: 3GPP TS 23.038 clauses 4 (SMS) and 5 (cell broadcast, USSD).
//!
//! ```text
//! SMS   00cm aacc general   01cm aacc the same, deleted by itself   1100/1101 waiting, 7-bit
//!       1110 waiting, UCS2  1111 -acc alphabet and class            c compressed, m class present
//! CBS   0000 language       0001 000x language in the text          01cm aacc general
//!       1001 aacc with a user data header                           1111 -acc alphabet and class
//! SMPP  00..0F its own list (SMPP 3.4 clause 5.2.19), the rest as SMS
//! ```
//! A reserved value is read as the default alphabet, as both clauses ask of a receiver.

/// The alphabet of a text, or why it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// GSM 7-bit, with the tables that the header names.
    Gsm7,
    /// ASCII: SMPP's coding 1, or an SMSC's own default.
    Ascii,
    /// ISO 8859-1: SMPP's coding 3, or an SMSC's own default.
    Latin1,
    /// UCS2, read as UTF-16, most significant octet first.
    Ucs2,
    /// Octets that are no text: a secured packet.
    EightBit,
    /// Compressed text, or an alphabet that no subscriber of ours orders in (JIS, Cyrillic).
    Unreadable,
}

/// Where a message shall be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageClass {
    /// Class 0: shown at once, not stored.
    Flash,
    /// Class 1: for the handset (cell broadcast: user defined).
    Handset,
    /// Class 2: for the SIM.
    Sim,
    /// Class 3: for external equipment.
    Terminal,
}

/// By whose rules the octets are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A short message.
    Sms,
    /// A USSD string or cell broadcast page: the carriage return rule holds.
    Cbs,
    /// The same, led by two letters of a language (and a carriage return when 7-bit).
    CbsWithLanguage,
    /// The same, led by a user data header.
    CbsWithHeader,
}

/// One data coding octet, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DataCoding {
    /// What the octets of the text mean.
    pub alphabet: Alphabet,
    /// Where the message shall be kept, if it says so.
    pub class: Option<MessageClass>,
    /// By whose rules they are laid out.
    pub layout: Layout,
}

impl DataCoding {
    /// Reads TP-DCS: clause 4.
    #[must_use]
    pub const fn from_sms(octet: u8) -> Self {
        match octet >> 4 {
            0x0..=0x7 => Self::general(octet, Layout::Sms),
            0xE => Self::plain(Alphabet::Ucs2, Layout::Sms),
            0xF => Self::alphabet_and_class(octet, Layout::Sms),
            // 8 to B are reserved; C and D are message waiting with 7-bit text.
            _ => Self::plain(Alphabet::Gsm7, Layout::Sms),
        }
    }

    /// Reads the data coding of a USSD string or a cell broadcast page: clause 5.
    #[must_use]
    pub const fn from_cbs(octet: u8) -> Self {
        match octet >> 4 {
            0x1 => match octet {
                0x10 => Self::plain(Alphabet::Gsm7, Layout::CbsWithLanguage),
                0x11 => Self::plain(Alphabet::Ucs2, Layout::CbsWithLanguage),
                _ => Self::plain(Alphabet::Gsm7, Layout::Cbs),
            },
            0x4..=0x7 => Self::general(octet, Layout::Cbs),
            0x9 => Self {
                alphabet: alphabet_bits(octet),
                class: Some(class_bits(octet)),
                layout: Layout::CbsWithHeader,
            },
            // The I1 protocol (D) and WAP (E) are not text.
            0xD | 0xE => Self::plain(Alphabet::EightBit, Layout::Cbs),
            0xF => Self::alphabet_and_class(octet, Layout::Cbs),
            // 0 and 2 name a language of 7-bit text; the others are reserved.
            _ => Self::plain(Alphabet::Gsm7, Layout::Cbs),
        }
    }

    /// Reads `data_coding` of a short message over SMPP.
    #[must_use]
    pub const fn from_smpp(octet: u8) -> Self {
        match octet {
            0x01 => Self::plain(Alphabet::Ascii, Layout::Sms),
            0x02 | 0x04 => Self::plain(Alphabet::EightBit, Layout::Sms),
            0x03 => Self::plain(Alphabet::Latin1, Layout::Sms),
            0x08 => Self::plain(Alphabet::Ucs2, Layout::Sms),
            // JIS, Cyrillic, Hebrew, pictograms, ISO-2022-JP, extended kanji, KS C 5601.
            0x05..=0x07 | 0x09 | 0x0A | 0x0D | 0x0E => {
                Self::plain(Alphabet::Unreadable, Layout::Sms)
            }
            0x00 | 0x0B | 0x0C | 0x0F => Self::plain(Alphabet::Gsm7, Layout::Sms),
            0x10.. => Self::from_sms(octet),
        }
    }

    /// `--cm aacc`: compressed, class present, alphabet, class.
    const fn general(octet: u8, layout: Layout) -> Self {
        let alphabet = if octet & 0x20 == 0 {
            alphabet_bits(octet)
        } else {
            Alphabet::Unreadable
        };
        let class = if octet & 0x10 == 0 {
            None
        } else {
            Some(class_bits(octet))
        };
        Self {
            alphabet,
            class,
            layout,
        }
    }

    /// `1111 -acc`: 7-bit or 8-bit, and a class.
    const fn alphabet_and_class(octet: u8, layout: Layout) -> Self {
        let alphabet = if octet & 0x04 == 0 {
            Alphabet::Gsm7
        } else {
            Alphabet::EightBit
        };
        Self {
            alphabet,
            class: Some(class_bits(octet)),
            layout,
        }
    }

    const fn plain(alphabet: Alphabet, layout: Layout) -> Self {
        Self {
            alphabet,
            class: None,
            layout,
        }
    }
}

const fn alphabet_bits(octet: u8) -> Alphabet {
    match octet & 0x0C {
        0x04 => Alphabet::EightBit,
        0x08 => Alphabet::Ucs2,
        _ => Alphabet::Gsm7,
    }
}

const fn class_bits(octet: u8) -> MessageClass {
    match octet & 0x03 {
        0 => MessageClass::Flash,
        1 => MessageClass::Handset,
        2 => MessageClass::Sim,
        _ => MessageClass::Terminal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Alphabet::{Ascii, EightBit, Gsm7, Latin1, Ucs2, Unreadable};
    use MessageClass::{Flash, Handset, Sim, Terminal};

    #[test]
    fn a_short_messages_coding_is_read_by_clause_4() {
        for (octet, alphabet, class) in [
            (0x00, Gsm7, None),
            (0x03, Gsm7, None),
            (0x04, EightBit, None),
            (0x08, Ucs2, None),
            (0x0C, Gsm7, None),
            (0x10, Gsm7, Some(Flash)),
            (0x16, EightBit, Some(Sim)),
            (0x19, Ucs2, Some(Handset)),
            (0x20, Unreadable, None),
            (0x44, EightBit, None),
            (0x58, Ucs2, Some(Flash)),
            (0x61, Unreadable, None),
            (0x88, Gsm7, None),
            (0xB8, Gsm7, None),
            (0xC8, Gsm7, None),
            (0xD0, Gsm7, None),
            (0xE0, Ucs2, None),
            (0xF0, Gsm7, Some(Flash)),
            (0xF4, EightBit, Some(Flash)),
            (0xF6, EightBit, Some(Sim)),
            (0xF3, Gsm7, Some(Terminal)),
        ] {
            let coding = DataCoding {
                alphabet,
                class,
                layout: Layout::Sms,
            };
            assert_eq!(DataCoding::from_sms(octet), coding, "{octet:02x}");
        }
    }

    #[test]
    fn a_ussd_strings_coding_is_read_by_clause_5() {
        for (octet, alphabet, class, layout) in [
            (0x00, Gsm7, None, Layout::Cbs),
            (0x0F, Gsm7, None, Layout::Cbs),
            (0x10, Gsm7, None, Layout::CbsWithLanguage),
            (0x11, Ucs2, None, Layout::CbsWithLanguage),
            (0x12, Gsm7, None, Layout::Cbs),
            (0x24, Gsm7, None, Layout::Cbs),
            (0x38, Gsm7, None, Layout::Cbs),
            (0x44, EightBit, None, Layout::Cbs),
            (0x48, Ucs2, None, Layout::Cbs),
            (0x5A, Ucs2, Some(Sim), Layout::Cbs),
            (0x68, Unreadable, None, Layout::Cbs),
            (0x88, Gsm7, None, Layout::Cbs),
            (0x96, EightBit, Some(Sim), Layout::CbsWithHeader),
            (0x98, Ucs2, Some(Flash), Layout::CbsWithHeader),
            (0xE1, EightBit, None, Layout::Cbs),
            (0xF5, EightBit, Some(Handset), Layout::Cbs),
        ] {
            let coding = DataCoding {
                alphabet,
                class,
                layout,
            };
            assert_eq!(DataCoding::from_cbs(octet), coding, "{octet:02x}");
        }
    }

    #[test]
    fn smpp_has_a_list_of_its_own_below_hex_10() {
        for (octet, alphabet) in [
            (0x00, Gsm7),
            (0x01, Ascii),
            (0x02, EightBit),
            (0x03, Latin1),
            (0x04, EightBit),
            (0x06, Unreadable),
            (0x08, Ucs2),
            (0x0E, Unreadable),
        ] {
            assert_eq!(
                DataCoding::from_smpp(octet).alphabet,
                alphabet,
                "{octet:02x}"
            );
        }
        for octet in 0x10..=0xFF {
            assert_eq!(DataCoding::from_smpp(octet), DataCoding::from_sms(octet));
        }
    }
}
