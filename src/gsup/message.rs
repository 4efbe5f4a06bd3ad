//! GSUP messages about supplementary services: osmo-hlr's substitute for MAP.
//!
//! ```text
//! │ type (1) │ tag (1) │ length (1) │ value │ …
//!   20 request   01 IMSI, digits in half octets     30 session id (4)     35 component
//!   21 error     02 cause (1)                       31 state (1): 1 begin, 2 go on, 3 end
//!   22 result
//! ```

use bytes::Bytes;

use crate::domain::imsi::Imsi;

/// One message of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Request, error or result.
    pub kind: Kind,
    /// Whose session.
    pub imsi: Imsi,
    /// Which of them.
    pub session: u32,
    /// Where it stands.
    pub state: State,
    /// A component of 3GPP TS 24.080; empty where there is none.
    pub component: Bytes,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `PROC_SS_REQUEST`; all but the last word of a dialogue.
    Request,
    /// `PROC_SS_ERROR`.
    Error,
    /// `PROC_SS_RESULT`.
    Result,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its first message.
    Begin,
    /// One in its middle.
    Continue,
    /// Its last one.
    End,
}

/// Why octets are no message of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is about something else, such as where a phone is.
    #[error("type {0:#04x} is not of supplementary services")]
    OtherType(u8),
    /// An element is longer than the message.
    #[error("element {0:#04x} does not fit")]
    Truncated(u8),
    /// There is no such element, or its value can't be.
    #[error("element {0:#04x} is missing or wrong")]
    Element(u8),
}

impl Message {
    /// Reads what stands behind the frame's head. Elements that are not known are skipped.
    ///
    /// # Errors
    ///
    /// [`MessageError`].
    pub fn decode(octets: &Bytes) -> Result<Self, MessageError> {
        let (kind, mut rest) = match octets.split_first() {
            Some((&REQUEST, rest)) => (Kind::Request, rest),
            Some((&ERROR, rest)) => (Kind::Error, rest),
            Some((&RESULT, rest)) => (Kind::Result, rest),
            Some((&other, _)) => return Err(MessageError::OtherType(other)),
            None => return Err(MessageError::OtherType(0)),
        };
        let (mut imsi, mut session, mut state) = (None, None, None);
        let mut component = Bytes::new();
        while let Some((&tag, after)) = rest.split_first() {
            let truncated = MessageError::Truncated(tag);
            let (&length, after) = after.split_first().ok_or(truncated)?;
            let (value, after) = after
                .split_at_checked(usize::from(length))
                .ok_or(truncated)?;
            match tag {
                IMSI => imsi = read_imsi(value),
                SESSION_ID => session = <[u8; 4]>::try_from(value).ok().map(u32::from_be_bytes),
                SESSION_STATE => state = State::of(value),
                SS_INFO => component = octets.slice_ref(value),
                _ => {}
            }
            rest = after;
        }
        Ok(Self {
            kind,
            imsi: imsi.ok_or(MessageError::Element(IMSI))?,
            session: session.ok_or(MessageError::Element(SESSION_ID))?,
            state: state.ok_or(MessageError::Element(SESSION_STATE))?,
            component,
        })
    }

    /// The octets behind the frame's head; a component of more than 255 octets is left out.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut octets = vec![match self.kind {
            Kind::Request => REQUEST,
            Kind::Error => ERROR,
            Kind::Result => RESULT,
        }];
        let mut put = |tag, value: &[u8]| {
            if let Ok(length) = u8::try_from(value.len()) {
                octets.extend_from_slice(&[tag, length]);
                octets.extend_from_slice(value);
            }
        };
        put(IMSI, &write_imsi(&self.imsi));
        if self.kind == Kind::Error {
            put(CAUSE, &[NETWORK_FAILURE]);
        }
        put(SESSION_ID, &self.session.to_be_bytes());
        put(
            SESSION_STATE,
            &[match self.state {
                State::Begin => BEGIN,
                State::Continue => CONTINUE,
                State::End => END,
            }],
        );
        if !self.component.is_empty() {
            put(SS_INFO, &self.component);
        }
        octets
    }
}

impl State {
    fn of(value: &[u8]) -> Option<Self> {
        match value {
            [BEGIN] => Some(Self::Begin),
            [CONTINUE] => Some(Self::Continue),
            [END] => Some(Self::End),
            _ => None,
        }
    }
}

/// The first digit in the low half; F fills the last octet.
fn read_imsi(value: &[u8]) -> Option<Imsi> {
    let halves = value.iter().flat_map(|octet| [octet & 0x0F, octet >> 4]);
    let digits: Option<String> = halves
        .take_while(|half| *half != FILLER)
        .map(|half| char::from_digit(u32::from(half), 10))
        .collect();
    digits?.parse().ok()
}

fn write_imsi(imsi: &Imsi) -> Vec<u8> {
    let digits: Vec<u8> = imsi.expose_digits().bytes().map(|b| b & 0x0F).collect();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| {
            let (low, high) = (pair.first(), pair.get(1));
            low.copied().unwrap_or(FILLER) | (high.copied().unwrap_or(FILLER) << 4)
        })
        .collect()
}

const REQUEST: u8 = 0x20;
const ERROR: u8 = 0x21;
const RESULT: u8 = 0x22;
const IMSI: u8 = 0x01;
const CAUSE: u8 = 0x02;
const SESSION_ID: u8 = 0x30;
const SESSION_STATE: u8 = 0x31;
const SS_INFO: u8 = 0x35;
const BEGIN: u8 = 1;
const CONTINUE: u8 = 2;
const END: u8 = 3;
const FILLER: u8 = 0x0F;
/// 3GPP TS 24.008 §10.5.5.14.
const NETWORK_FAILURE: u8 = 0x11;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn imsi() -> impl Strategy<Value = Imsi> {
        "[0-9]{6,15}".prop_map(|digits| digits.parse().unwrap())
    }

    #[test]
    fn a_message_of_an_msc_is_read() {
        // BEGIN of 001010000000001, session 0x20000001, and elements that are none of ours.
        let octets = "20010800010100000000f13004200000013101013502a1000a010060044d534300";
        let octets = Bytes::from(hex::decode(octets).unwrap());
        let message = Message::decode(&octets).unwrap();
        assert_eq!(message.imsi.expose_digits(), "001010000000001");
        assert_eq!(
            (message.kind, message.session, message.state),
            (Kind::Request, 0x2000_0001, State::Begin)
        );
        assert_eq!(message.component.as_ref(), [0xA1, 0]);
    }

    #[test]
    fn what_is_missing_or_too_long_is_named() {
        for (octets, error) in [
            ("", MessageError::OtherType(0)),
            ("04", MessageError::OtherType(4)),
            ("2001", MessageError::Truncated(1)),
            ("20010800", MessageError::Truncated(1)),
            ("20", MessageError::Element(1)),
            ("200102ffff300400000001310101", MessageError::Element(1)),
            ("20010800010100000000f1310101", MessageError::Element(0x30)),
            (
                "20010800010100000000f1300400000001310104",
                MessageError::Element(0x31),
            ),
        ] {
            let octets = Bytes::from(hex::decode(octets).unwrap());
            assert_eq!(Message::decode(&octets), Err(error));
        }
    }

    proptest! {
        #[test]
        fn a_message_reads_as_it_was_written(
            kind in prop_oneof![Just(Kind::Request), Just(Kind::Error), Just(Kind::Result)],
            state in prop_oneof![Just(State::Begin), Just(State::Continue), Just(State::End)],
            imsi in imsi(),
            session: u32,
            component in proptest::collection::vec(any::<u8>(), 0..=255),
        ) {
            let message = Message { kind, imsi, session, state, component: component.into() };
            let octets = Bytes::from(message.encode());
            prop_assert_eq!(Message::decode(&octets), Ok(message));
        }

        #[test]
        fn no_octets_make_it_panic(octets: Vec<u8>) {
            let _ = Message::decode(&Bytes::from(octets));
        }
    }
}
