//! USSD strings as an HLR carries them: 3GPP TS 23.038 clause 5, septets packed.

use bytes::Bytes;

use crate::gsup::component::{STRING_MAX, UssdOctets};
use crate::sms::coding::DataCoding;
use crate::sms::ussd_string::{StringForm, StringTooLong, UssdString};
use crate::sms::{Carriage, Message, SmscAlphabet};

/// How an HLR carries text: septets are packed, and lengths have one octet.
pub const FORM: StringForm = StringForm {
    alphabet: SmscAlphabet::Gsm7Packed,
    octets_max: STRING_MAX,
};

/// `text` as a string.
///
/// # Errors
///
/// [`StringTooLong`] above what [`FORM`] has room for.
pub(super) fn octets_of(text: &str) -> Result<UssdOctets, StringTooLong> {
    let string = UssdString::write(text, FORM)?;
    Ok(UssdOctets {
        coding: string.data_coding,
        octets: Bytes::from(string.octets),
    })
}

/// What a phone wrote.
pub(super) fn text_of(string: &UssdOctets) -> String {
    let carriage = Carriage {
        coding: DataCoding::from_cbs(string.coding),
        smsc: SmscAlphabet::Gsm7Packed,
        with_header: false,
    };
    let read = Message::read(&string.octets, carriage).ok();
    let text = read.and_then(|read| read.text());
    text.unwrap_or_default().chars().take(TEXT_MAX).collect()
}

/// 160 octets of packed septets.
const TEXT_MAX: usize = 182;
