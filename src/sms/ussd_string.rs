//! Writes a text as one USSD string: 3GPP TS 23.038 clause 5, TS 24.090.
//!
//! ```text
//! data_coding 0F: 182 septets      data_coding 48: 80 UCS2 units      160 octets, no header
//! ```
//! A USSD string cannot be concatenated: a menu that is too long is refused, never cut.

use super::SmscAlphabet;
use super::gsm7::{self, Tables};
use super::segments::smsc_has;

/// A text as a USSD `submit_sm` carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UssdString {
    /// `data_coding`: 0x0F, or 0x48 for UCS2.
    pub data_coding: u8,
    /// `short_message`.
    pub octets: Vec<u8>,
}

/// How a way to phones carries a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringForm {
    /// Of text in the default alphabet.
    pub alphabet: SmscAlphabet,
    /// What it has room for once septets are packed: 160, or less where its own wrapping is longer.
    pub octets_max: usize,
}

/// An SMSC has room for all that the standard allows.
impl From<SmscAlphabet> for StringForm {
    fn from(alphabet: SmscAlphabet) -> Self {
        Self {
            alphabet,
            octets_max: OCTETS_MAX,
        }
    }
}

impl UssdString {
    /// `data_coding` of UCS2 without a class.
    pub const UCS2: u8 = 0x48;

    /// Writes `text` in the default alphabet if that has it, else in UCS2.
    ///
    /// # Errors
    ///
    /// [`StringTooLong`] above 182 septets or 80 UCS2 units, or what else `form` has room for.
    pub fn write(text: &str, form: impl Into<StringForm>) -> Result<Self, StringTooLong> {
        let StringForm {
            alphabet: smsc,
            octets_max,
        } = form.into();
        let septets = gsm7::encode(text, Tables::default()).ok();
        let Some(septets) = septets.filter(|_| smsc_has(text, smsc)) else {
            let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            within(octets.len() / 2, octets_max / 2)?;
            return Ok(Self {
                data_coding: Self::UCS2,
                octets,
            });
        };
        within(septets.len(), octets_max.saturating_mul(8) / 7)?;
        let octets = match smsc {
            SmscAlphabet::Gsm7Unpacked => septets,
            SmscAlphabet::Gsm7Packed => gsm7::pack_ussd(&septets),
            SmscAlphabet::Latin1 | SmscAlphabet::Ascii => text
                .chars()
                .filter_map(|symbol| u8::try_from(symbol).ok())
                .collect(),
        };
        Ok(Self {
            data_coding: LANGUAGE_UNSPECIFIED,
            octets,
        })
    }
}

/// A text that one USSD string cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a USSD string of {units} characters is longer than {allowed}")]
pub struct StringTooLong {
    /// Its length in septets, or in UCS2 units.
    pub units: usize,
    /// The most that fits.
    pub allowed: usize,
}

const fn within(units: usize, allowed: usize) -> Result<(), StringTooLong> {
    if units > allowed {
        Err(StringTooLong { units, allowed })
    } else {
        Ok(())
    }
}

/// 182 septets, or 80 UCS2 units.
const OCTETS_MAX: usize = 160;

/// `data_coding` of 7-bit text in whatever language.
const LANGUAGE_UNSPECIFIED: u8 = 0x0F;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sms::coding::DataCoding;
    use crate::sms::{Carriage, Message};

    #[test]
    fn a_string_holds_what_the_standard_says() {
        let unpacked = SmscAlphabet::Gsm7Unpacked;
        assert_eq!(
            UssdString::write(&"a".repeat(182), unpacked)
                .unwrap()
                .data_coding,
            0x0F
        );
        let long = UssdString::write(&"a".repeat(183), unpacked);
        assert_eq!(
            long,
            Err(StringTooLong {
                units: 183,
                allowed: 182
            })
        );
        assert_eq!(
            UssdString::write(&"Ж".repeat(80), unpacked)
                .unwrap()
                .data_coding,
            0x48
        );
        assert!(UssdString::write(&"Ж".repeat(81), unpacked).is_err());
        let short = StringForm {
            alphabet: SmscAlphabet::Gsm7Packed,
            octets_max: 112,
        };
        assert!(UssdString::write(&"1".repeat(128), short).is_ok());
        assert!(UssdString::write(&"1".repeat(129), short).is_err());
        assert!(UssdString::write(&"Ж".repeat(57), short).is_err());
        let packed = UssdString::write(&"1".repeat(182), SmscAlphabet::Gsm7Packed).unwrap();
        assert_eq!(packed.octets.len(), 160);
    }

    proptest! {
        #[test]
        fn a_string_reads_the_same(
            text in "[a-z0-9€é@ЖÇ*#\n]{0,80}",
            smsc in proptest::sample::select(vec![
                SmscAlphabet::Gsm7Unpacked, SmscAlphabet::Gsm7Packed,
                SmscAlphabet::Latin1, SmscAlphabet::Ascii,
            ]),
        ) {
            if let Ok(string) = UssdString::write(&text, smsc) {
                let coding = DataCoding::from_cbs(string.data_coding);
                let carriage = Carriage { coding, smsc, with_header: false };
                let message = Message::read(&string.octets, carriage).unwrap();
                prop_assert_eq!(message.text().unwrap(), text);
            }
        }
    }
}
