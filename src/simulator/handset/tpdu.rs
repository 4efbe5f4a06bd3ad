//! Short messages as a phone has them on the air: 3GPP TS 23.040 §9.2.2.
//!
//! ```text
//! SMS-SUBMIT   │ 01 │ MR │ TP-DA │ PID │ DCS │ VP: 0, 1 or 7 │ UDL │ UD │   to the message centre
//! SMS-DELIVER  │ 04 │ TP-OA │ PID │ DCS │ SCTS: 7 │ UDL │ UD │             to the phone
//! address      │ digits │ 80, type of number, plan │ digits, two an octet, the first one low │
//! ```
//! UDL counts septets where DCS says so, and they are packed; SMPP has them one an octet.

use bytes::Bytes;

use crate::domain::Millis;
use crate::domain::msisdn::Msisdn;
use crate::smpp::pdu::{Address, ShortMessage};
use crate::sms::coding::{Alphabet, DataCoding, MessageClass};
use crate::sms::gsm7::{self, Tables};

/// A message that a card or a phone wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// TP-DA.
    pub destination: Address,
    /// TP-PID.
    pub protocol_id: u8,
    /// TP-DCS.
    pub data_coding: u8,
    /// TP-UDHI.
    pub with_header: bool,
    /// TP-UD; septets are one an octet.
    pub user_data: Vec<u8>,
}

/// Octets that are no message, or a message that is too much for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTpdu {
    /// A field runs over the end, or something follows the last one.
    #[error("the TPDU has not the length that its fields say")]
    Length,
    /// It is something else.
    #[error("the TPDU is no SMS-SUBMIT")]
    NotSubmit,
    /// An address that has no digits, or too many, or something else.
    #[error("an address in a message is no number")]
    Address,
    /// More than 140 octets of user data.
    #[error("the message is longer than one short message")]
    TooLong,
}

impl Submit {
    /// Reads an SMS-SUBMIT.
    ///
    /// # Errors
    ///
    /// [`BadTpdu`] when it is none.
    pub fn parse(tpdu: &[u8]) -> Result<Self, BadTpdu> {
        let mut octets = tpdu;
        let first = take(&mut octets, 1)?.first().copied().unwrap_or_default();
        if first & MESSAGE_TYPE != SUBMIT {
            return Err(BadTpdu::NotSubmit);
        }
        // The reference is the phone's to give.
        take(&mut octets, 1)?;
        let destination = take_address(&mut octets)?;
        let &[protocol_id, data_coding] = take(&mut octets, 2)? else {
            return Err(BadTpdu::Length);
        };
        let validity = match first & VALIDITY {
            0 => 0,
            RELATIVE => 1,
            _ => 7,
        };
        take(&mut octets, validity)?;
        let length: usize = take(&mut octets, 1)?
            .iter()
            .map(|udl| usize::from(*udl))
            .sum();
        let with_header = first & UDHI != 0;
        Ok(Self {
            destination,
            protocol_id,
            data_coding,
            with_header,
            user_data: unpacked(octets, length, data_coding, with_header)?,
        })
    }

    /// The message as its centre delivers it.
    #[must_use]
    pub fn to_deliver_sm(&self, from: Msisdn) -> ShortMessage {
        ShortMessage {
            source: Address::international(from.expose_digits()),
            destination: self.destination.clone(),
            esm_class: if self.with_header { UDHI } else { 0 },
            protocol_id: self.protocol_id,
            data_coding: self.data_coding,
            short_message: Bytes::from(self.user_data.clone()).into(),
            ..ShortMessage::default()
        }
    }
}

/// Whether a message is for the card: data download, 8 bit, class 2 (§9.2.3.9).
#[must_use]
pub fn is_for_card(message: &ShortMessage) -> bool {
    let coding = DataCoding::from_sms(message.data_coding);
    message.protocol_id == SIM_DATA_DOWNLOAD && coding.class == Some(MessageClass::Sim)
}

/// Writes the SMS-DELIVER of a message that came to its centre at `at`.
///
/// # Errors
///
/// [`BadTpdu::Address`] or [`BadTpdu::TooLong`].
pub fn deliver(message: &ShortMessage, at: Millis) -> Result<Vec<u8>, BadTpdu> {
    let payload = message.payload();
    let with_header = message.esm_class & UDHI != 0;
    let (length, user_data) = packed(&payload.0, message.data_coding, with_header)?;
    let header = if with_header { UDHI } else { 0 };
    let mut tpdu = vec![NO_MORE_MESSAGES | header];
    push_address(&mut tpdu, &message.source)?;
    tpdu.extend([message.protocol_id, message.data_coding]);
    tpdu.extend(time_stamp(at));
    tpdu.push(length);
    tpdu.extend(user_data);
    Ok(tpdu)
}

fn take<'a>(octets: &mut &'a [u8], count: usize) -> Result<&'a [u8], BadTpdu> {
    let (taken, rest) = octets.split_at_checked(count).ok_or(BadTpdu::Length)?;
    *octets = rest;
    Ok(taken)
}

fn take_address(octets: &mut &[u8]) -> Result<Address, BadTpdu> {
    let &[count, kind] = take(octets, 2)? else {
        return Err(BadTpdu::Length);
    };
    let count = usize::from(count);
    if count > DIGITS_MAX {
        return Err(BadTpdu::Address);
    }
    let pairs = take(octets, count.div_ceil(2))?;
    let nibbles = pairs.iter().flat_map(|pair| [pair & 0x0F, pair >> 4]);
    let digits: Option<Vec<u8>> = nibbles
        .take(count)
        .map(|nibble| DIALLED.get(usize::from(nibble)).copied())
        .collect();
    let digits = digits.filter(|digits| !digits.is_empty());
    Ok(Address {
        ton: (kind >> 4) & 0x07,
        npi: kind & 0x0F,
        value: String::from_utf8_lossy(&digits.ok_or(BadTpdu::Address)?)
            .into_owned()
            .into(),
    })
}

/// TP-OA: digits, or letters as packed septets with their number of half octets in front.
fn push_address(out: &mut Vec<u8>, address: &Address) -> Result<(), BadTpdu> {
    let octets = address.value.as_octets();
    let kind = 0x80 | ((address.ton & 0x07) << 4) | (address.npi & 0x0F);
    let (count, body) = if address.ton == LETTERS {
        let text = address.value.as_text().ok_or(BadTpdu::Address)?;
        let septets = gsm7::encode(text, Tables::default()).map_err(|_| BadTpdu::Address)?;
        let halves = septets.len().saturating_mul(7).div_ceil(4);
        (halves, gsm7::pack(&septets, 0))
    } else {
        let nibble = |digit: &u8| DIALLED.iter().position(|key| key == digit);
        let nibbles: Option<Vec<usize>> = octets.iter().map(nibble).collect();
        let nibbles = nibbles.ok_or(BadTpdu::Address)?;
        let pairs = nibbles.chunks(2).map(|pair| match pair {
            [low, high] => (high << 4) | low,
            [low] => 0xF0 | low,
            _ => 0xFF,
        });
        let body = pairs
            .map(|pair| u8::try_from(pair).unwrap_or(0xFF))
            .collect();
        (octets.len(), body)
    };
    if count == 0 || count > DIGITS_MAX {
        return Err(BadTpdu::Address);
    }
    out.push(u8::try_from(count).map_err(|_| BadTpdu::Address)?);
    out.push(kind);
    out.extend(body);
    Ok(())
}

/// User data with septets one an octet. UDL counts those of the header too, and what fills its
/// last one.
fn unpacked(
    octets: &[u8],
    length: usize,
    data_coding: u8,
    with_header: bool,
) -> Result<Vec<u8>, BadTpdu> {
    if DataCoding::from_sms(data_coding).alphabet != Alphabet::Gsm7 {
        return if octets.len() == length && length <= USER_DATA_MAX {
            Ok(octets.to_vec())
        } else {
            Err(BadTpdu::Length)
        };
    }
    if octets.len() != length.saturating_mul(7).div_ceil(8) || octets.len() > USER_DATA_MAX {
        return Err(BadTpdu::Length);
    }
    let (header, text) = split_header(octets, with_header)?;
    let count = length.checked_sub(gsm7::septets_of_header(header.len()));
    let mut septets = gsm7::unpack(text, gsm7::fill_bits_after(header.len()));
    septets.truncate(count.ok_or(BadTpdu::Length)?);
    Ok([header, &septets].concat())
}

/// UDL, and the user data as they are on the air.
fn packed(octets: &[u8], data_coding: u8, with_header: bool) -> Result<(u8, Vec<u8>), BadTpdu> {
    let is_text = DataCoding::from_sms(data_coding).alphabet == Alphabet::Gsm7;
    let (length, user_data) = if is_text {
        let (header, text) = split_header(octets, with_header)?;
        let fill = gsm7::fill_bits_after(header.len());
        let length = gsm7::septets_of_header(header.len()).saturating_add(text.len());
        (length, [header, &gsm7::pack(text, fill)].concat())
    } else {
        (octets.len(), octets.to_vec())
    };
    if user_data.len() > USER_DATA_MAX {
        return Err(BadTpdu::TooLong);
    }
    Ok((
        u8::try_from(length).map_err(|_| BadTpdu::TooLong)?,
        user_data,
    ))
}

fn split_header(octets: &[u8], with_header: bool) -> Result<(&[u8], &[u8]), BadTpdu> {
    let length = match octets.first() {
        Some(length) if with_header => usize::from(*length).saturating_add(1),
        _ => 0,
    };
    octets.split_at_checked(length).ok_or(BadTpdu::Length)
}

/// Year to second and the zone, in half octets that change places: §9.2.3.11. The centre is in UTC.
fn time_stamp(at: Millis) -> [u8; 7] {
    let instant = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    let time = jiff::tz::TimeZone::UTC.to_datetime(instant);
    let century = time.year().rem_euclid(100);
    let fields = [
        i8::try_from(century).unwrap_or_default(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        0,
    ];
    fields.map(|field| {
        let field = u8::try_from(field).unwrap_or_default();
        ((field % 10) << 4) | (field / 10)
    })
}

/// TP-MTI and its value of an SMS-SUBMIT; TP-MMS, TP-UDHI and TP-VPF.
const MESSAGE_TYPE: u8 = 0x03;
const SUBMIT: u8 = 0x01;
const NO_MORE_MESSAGES: u8 = 0x04;
const UDHI: u8 = 0x40;
const VALIDITY: u8 = 0x18;
const RELATIVE: u8 = 0x10;
/// TP-PID of (U)SIM data download.
const SIM_DATA_DOWNLOAD: u8 = 0x7F;
/// Half octets of an address: 0 to 9, then these.
const DIALLED: &[u8] = b"0123456789*#abc";
const DIGITS_MAX: usize = 20;
/// Type of number of letters.
const LETTERS: u8 = 5;
const USER_DATA_MAX: usize = 140;

#[cfg(test)]
#[path = "tpdu/tests.rs"]
mod tests;
