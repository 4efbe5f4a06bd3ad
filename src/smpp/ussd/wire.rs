//! A dialect put to work: what a `deliver_sm` means, and the `submit_sm` of what is said.

use bytes::Bytes;

use super::dialect::{CodePlace, Dialect, IdOctets};
use crate::smpp::pdu::{COctetString, ShortMessage, Tag};
use crate::sms::coding::DataCoding;
use crate::sms::ussd_string::UssdString;
use crate::sms::{Carriage, Message, SmscAlphabet};

/// What marks a session on the wire: the octets of its TLV as they came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    octets: [u8; MARK_MAX],
    length: u8,
}

impl Mark {
    /// None for what no centre uses: no octet at all, or more than eight.
    fn read(value: &[u8]) -> Option<Self> {
        let mut octets = [0; MARK_MAX];
        octets.get_mut(..value.len())?.copy_from_slice(value);
        let length = u8::try_from(value.len())
            .ok()
            .filter(|length| *length > 0)?;
        Some(Self { octets, length })
    }

    fn as_octets(&self) -> &[u8] {
        self.octets
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    fn last_mut(&mut self) -> Option<&mut u8> {
        self.octets
            .get_mut(..usize::from(self.length))
            .and_then(|octets| octets.last_mut())
    }
}

/// A message from a phone as its dialect reads it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) meaning: Meaning,
    pub(super) mark: Option<Mark>,
    pub(super) text: String,
    /// The whole code, if one was dialled: `*778*4711*12#`.
    pub(super) dialled: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Begin,
    Answer,
    /// No operation, or one of two meanings: what is in the message decides.
    BeginOrAnswer,
    Release,
    Note,
    Unknown,
}

/// What is said to a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saying {
    /// A text to be answered, the first of a session of ours.
    Asks,
    /// A text to be answered.
    GoesOn,
    /// The last text.
    End,
    /// The last text of a session of ours.
    EndsOurs,
    /// Nothing more.
    Release,
}

impl Dialect {
    /// Whether this message is USSD; receipts and the handset's own acknowledgements never are.
    #[must_use]
    pub fn is_ussd(&self, message: &ShortMessage) -> bool {
        let marked = message.tlvs.octets(Tag::USSD_SERVICE_OP).is_some()
            || message.service_type.as_octets() == USSD_SERVICE;
        message.esm_class & MESSAGE_TYPE == 0 && (marked || self.incoming.every_message)
    }

    pub(super) fn hear(&self, message: &ShortMessage, smsc: SmscAlphabet) -> Heard {
        let mark = self.session.tag();
        let mark = mark.and_then(|tag| Mark::read(message.tlvs.octets(tag)?));
        let text = text(message, smsc);
        let dialled = self.dialled(&text, message);
        let mut meaning = self.meaning(message.tlvs.ussd_service_op());
        if mark.is_some_and(|mark| self.ends(&mark)) {
            // Whatever the operation is.
            meaning = Meaning::Release;
        } else if meaning == Meaning::BeginOrAnswer
            && (is_code(text.trim()) || is_made_by_card(text.trim()))
        {
            meaning = Meaning::Begin;
        }
        Heard {
            meaning,
            mark,
            text,
            dialled,
        }
    }

    /// The mark of a session of ours, `number` in the octets and bits that name it; none where a
    /// centre lets nobody but phones begin.
    pub(super) fn own_mark(&self, number: u16) -> Option<Mark> {
        self.outgoing.ask?;
        let octets = self.session.own_octets?;
        let [high, low] = number.to_be_bytes();
        let [first, second] = match (self.session.id, octets) {
            (IdOctets::Whole, 1) | (IdOctets::FirstOctet, _) => [low, 0],
            (IdOctets::Whole, _) => [high, low],
            (IdOctets::ButLastBit, 1) => [low << 1, 0],
            (IdOctets::ButLastBit, _) => (number << 1).to_be_bytes(),
        };
        Mark::read([first, second].get(..usize::from(octets))?)
    }

    /// Whether both marks name one session. A message without a mark is taken by its number alone.
    pub(super) fn same_session(&self, known: Option<&Mark>, heard: Option<&Mark>) -> bool {
        match (known, heard) {
            (Some(_), Some(_)) if self.session.changes => true,
            (Some(known), Some(heard)) => self.id(known) == self.id(heard),
            (None, _) | (_, None) => true,
        }
    }

    /// What names the session in a mark, for whoever must know it from others of the same phone.
    pub(super) fn id(&self, mark: &Mark) -> Vec<u8> {
        let octets = mark.as_octets();
        match self.session.id {
            IdOctets::Whole => octets.to_vec(),
            IdOctets::FirstOctet => octets.iter().take(1).copied().collect(),
            IdOctets::ButLastBit => match octets.split_last() {
                Some((last, before)) => [before, &[last & !ENDS]].concat(),
                None => Vec::new(),
            },
        }
    }

    /// Fills operation, mark, coding and text into `message`, which has its addresses.
    pub(super) fn speak(
        &self,
        message: ShortMessage,
        saying: Saying,
        session: Option<(&Mark, u8)>,
        text: UssdString,
    ) -> ShortMessage {
        let operation = match saying {
            Saying::Asks => self.outgoing.ask.unwrap_or(self.outgoing.goes_on),
            Saying::GoesOn => self.outgoing.goes_on,
            Saying::End => self.outgoing.end,
            Saying::EndsOurs => self.outgoing.ask_end.unwrap_or(self.outgoing.end),
            Saying::Release => self.outgoing.release.unwrap_or(self.outgoing.end),
        };
        let mut tlvs = message.tlvs;
        tlvs.push(Tag::USSD_SERVICE_OP, vec![operation]);
        if let (Some(tag), Some((mark, count))) = (self.session.tag(), session) {
            let ends = !matches!(saying, Saying::Asks | Saying::GoesOn);
            let mark = self.marked(*mark, count, ends);
            tlvs.push(tag, mark.as_octets().to_vec());
        }
        let data_coding = match text.data_coding {
            UssdString::UCS2 => self.text.ucs2_coding,
            _ => self.text.default_coding,
        };
        ShortMessage {
            service_type: COctetString::from(self.outgoing.service_type.clone()),
            data_coding,
            short_message: Bytes::from(text.octets).into(),
            tlvs,
            ..message
        }
    }

    fn meaning(&self, operation: Option<u8>) -> Meaning {
        let Some(operation) = operation else {
            return Meaning::BeginOrAnswer;
        };
        let incoming = &self.incoming;
        let begins = incoming.begin.contains(&operation);
        let answers = incoming.answer.contains(&operation);
        match (begins, answers) {
            (true, true) => Meaning::BeginOrAnswer,
            (true, false) => Meaning::Begin,
            (false, true) => Meaning::Answer,
            (false, false) if incoming.release.contains(&operation) => Meaning::Release,
            (false, false) if incoming.note.contains(&operation) => Meaning::Note,
            (false, false) => Meaning::Unknown,
        }
    }

    /// The code that was dialled; what stands elsewhere is no part of it.
    fn dialled(&self, text: &str, message: &ShortMessage) -> Option<String> {
        let text = text.trim();
        let in_text = (is_code(text) || is_made_by_card(text)).then(|| text.to_owned());
        match self.code {
            CodePlace::Text => in_text,
            CodePlace::Either if in_text.is_some() => in_text,
            CodePlace::Either | CodePlace::Destination => {
                let code = message.destination.value.as_text()?;
                let code = code.trim_start_matches('*').trim_end_matches('#');
                let rest = text.trim_start_matches('*').trim_end_matches('#');
                let dialled = match rest.is_empty() {
                    true => format!("*{code}#"),
                    // Some centres write the whole of it into the text all the same.
                    false if rest.split('*').next() == code.split('*').next() => {
                        format!("*{rest}#")
                    }
                    false => format!("*{code}*{rest}#"),
                };
                is_code(&dialled).then_some(dialled)
            }
        }
    }

    fn ends(&self, mark: &Mark) -> bool {
        let last = mark.as_octets().last();
        self.session.last_bit_ends && last.is_some_and(|last| last & ENDS != 0)
    }

    fn marked(&self, mut mark: Mark, count: u8, ends: bool) -> Mark {
        let rule = self.session;
        // A mark of one octet has nothing but the number.
        let whole = mark.length > 1 || rule.id != IdOctets::FirstOctet;
        if let Some(last) = mark.last_mut().filter(|_| whole) {
            if rule.counts {
                *last = (count << 1) | (*last & ENDS);
            }
            if rule.last_bit_ends {
                *last = (*last & !ENDS) | u8::from(ends);
            }
        }
        mark
    }
}

/// Digits and stars between a star and a hash: 3GPP TS 22.090 clause 4.
fn is_code(text: &str) -> bool {
    let inner = text.strip_prefix('*').and_then(|t| t.strip_suffix('#'));
    inner.is_some_and(|inner| {
        let digits_and_stars = inner.bytes().all(|b| b.is_ascii_digit() || b == b'*');
        digits_and_stars && inner.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// What a SIM's applet sends by itself: stars and hex digits, more than anybody dials, and no hash.
fn is_made_by_card(text: &str) -> bool {
    let hex = |b: u8| b == b'*' || b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    text.len() > CODE_MAX && text.starts_with('*') && text.bytes().all(hex)
}

fn text(message: &ShortMessage, smsc: SmscAlphabet) -> String {
    let carriage = Carriage {
        coding: DataCoding::from_cbs(message.data_coding),
        smsc,
        with_header: message.esm_class & UDHI != 0,
    };
    let read = Message::read(&message.payload().0, carriage).ok();
    // Eight-bit octets are no text of a keypad, but an answer of digits may come so.
    let text = read.and_then(|read| read.text().or_else(|| String::from_utf8(read.body).ok()));
    text.unwrap_or_default().chars().take(TEXT_MAX).collect()
}

/// Bit 0 of the mark's last octet.
const ENDS: u8 = 1;
/// Two octets by the specification, four of a vendor; longer ones have not been seen.
const MARK_MAX: usize = 8;
/// Longer than what a person dials.
const CODE_MAX: usize = 26;
/// 160 octets of packed septets.
const TEXT_MAX: usize = 182;
/// Bits 5 to 2 of `esm_class`: what kind of message (SMPP 3.4 §5.2.12).
const MESSAGE_TYPE: u8 = 0b0011_1100;
/// Bit 6 of `esm_class`: a header leads the octets.
const UDHI: u8 = 0b0100_0000;
const USSD_SERVICE: &[u8] = b"USSD";
