//! Components of unstructured supplementary services: 3GPP TS 24.080 clauses 3.6 and 4, in the BER of
//! ITU-T X.690.
//!
//! ```text
//! A1 invoke   02 id, [80 linked id,] 02 operation, 30 { 04 coding, 04 string }
//! A2 result   02 id, 30 { 02 operation, 30 { 04 coding, 04 string } }
//! A3 error    02 id, 02 code          A4 reject   02 id or 05, 80 … 83 problem
//! ```
//! Lengths are written in one octet: osmo-hlr reads no others, so that a string of ours has at most
//! [`STRING_MAX`] octets. Read are those of two and three octets too.

use bytes::Bytes;

/// One component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Component {
    /// Something is asked for.
    Invoke {
        /// What answers name it by.
        id: u8,
        /// Such as [`PROCESS`].
        operation: u8,
        /// What was typed or is to be shown.
        string: Option<UssdOctets>,
    },
    /// The answer.
    Result {
        /// Of the invoke.
        id: u8,
        /// The string and the operation's name again, where there is one.
        string: Option<(u8, UssdOctets)>,
    },
    /// The operation failed.
    Error {
        /// Of the invoke.
        id: u8,
        /// 3GPP TS 24.080 §4.5.
        code: u8,
    },
    /// It was not understood.
    Reject,
}

/// A USSD string as it is on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UssdOctets {
    /// 3GPP TS 23.038 clause 5.
    pub coding: u8,
    /// Septets are packed.
    pub octets: Bytes,
}

/// Not a component that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no component of unstructured supplementary services")]
pub struct BadComponent;

impl Component {
    /// Reads one component; what stands behind it is not looked at.
    ///
    /// # Errors
    ///
    /// [`BadComponent`].
    pub fn decode(octets: &Bytes) -> Result<Self, BadComponent> {
        let (tag, body, _) = element(octets).ok_or(BadComponent)?;
        let read = match tag {
            INVOKE => invoke(octets, body),
            RESULT => result(octets, body),
            ERROR => integer(body).and_then(|(id, rest)| {
                let (code, _) = integer(rest)?;
                Some(Self::Error { id, code })
            }),
            REJECT => Some(Self::Reject),
            _ => None,
        };
        read.ok_or(BadComponent)
    }

    /// Its octets; none of a string that is longer than [`STRING_MAX`].
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        match self {
            Self::Invoke {
                id,
                operation,
                string,
            } => {
                let mut body = [tagged(INTEGER, &[*id])?, tagged(INTEGER, &[*operation])?].concat();
                if let Some(string) = string {
                    body.extend(string.encode()?);
                }
                tagged(INVOKE, &body)
            }
            Self::Result { id, string } => {
                let mut body = tagged(INTEGER, &[*id])?;
                if let Some((operation, string)) = string {
                    let inner = [tagged(INTEGER, &[*operation])?, string.encode()?].concat();
                    body.extend(tagged(SEQUENCE, &inner)?);
                }
                tagged(RESULT, &body)
            }
            Self::Error { id, code } => {
                let body = [tagged(INTEGER, &[*id])?, tagged(INTEGER, &[*code])?].concat();
                tagged(ERROR, &body)
            }
            // A general problem: the component is not understood.
            Self::Reject => tagged(REJECT, &[NULL, 0, GENERAL_PROBLEM, 1, 0]),
        }
    }
}

impl UssdOctets {
    fn encode(&self) -> Option<Vec<u8>> {
        let coding = tagged(OCTETS, &[self.coding])?;
        tagged(SEQUENCE, &[coding, tagged(OCTETS, &self.octets)?].concat())
    }
}

fn invoke(whole: &Bytes, body: &[u8]) -> Option<Component> {
    let (id, mut rest) = integer(body)?;
    if let Some((LINKED_ID, _, after)) = element(rest) {
        rest = after;
    }
    let (operation, rest) = integer(rest)?;
    Some(Component::Invoke {
        id,
        operation,
        string: string(whole, rest),
    })
}

fn result(whole: &Bytes, body: &[u8]) -> Option<Component> {
    let (id, rest) = integer(body)?;
    let inner = element(rest).filter(|(tag, ..)| *tag == SEQUENCE);
    let string = inner.and_then(|(_, inner, _)| {
        let (operation, rest) = integer(inner)?;
        Some((operation, string(whole, rest)?))
    });
    Some(Component::Result { id, string })
}

/// Other parameters, such as an alerting pattern, may follow the string.
fn string(whole: &Bytes, octets: &[u8]) -> Option<UssdOctets> {
    let (SEQUENCE, inner, _) = element(octets)? else {
        return None;
    };
    let (OCTETS, [coding], rest) = element(inner)? else {
        return None;
    };
    let (OCTETS, string, _) = element(rest)? else {
        return None;
    };
    Some(UssdOctets {
        coding: *coding,
        octets: whole.slice_ref(string),
    })
}

/// An integer of one octet: identities and operations have no more.
fn integer(octets: &[u8]) -> Option<(u8, &[u8])> {
    match element(octets)? {
        (INTEGER, [value], rest) => Some((*value, rest)),
        _ => None,
    }
}

/// Tag, value and what follows; none when the length is indefinite or longer than what there is.
fn element(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match (first, rest) {
        (0..LONG_FORM, rest) => (usize::from(first), rest),
        (ONE_OCTET, [length, rest @ ..]) => (usize::from(*length), rest),
        (TWO_OCTETS, [high, low, rest @ ..]) => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        (LONG_FORM.., _) => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

fn tagged(tag: u8, value: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(value.len()).ok();
    let length = length.filter(|length| *length < LONG_FORM)?;
    Some([&[tag, length], value].concat())
}

/// `processUnstructuredSS-Request`: a phone dialled.
pub const PROCESS: u8 = 0x3B;
/// `unstructuredSS-Request`: a text to be answered.
pub const REQUEST: u8 = 0x3C;
/// `unstructuredSS-Notify`: a text.
pub const NOTIFY: u8 = 0x3D;
/// `facilityNotSupported`.
pub const NOT_SUPPORTED: u8 = 21;
/// What leaves the outermost length of a result in one octet.
pub const STRING_MAX: usize = 112;

const INVOKE: u8 = 0xA1;
const RESULT: u8 = 0xA2;
const ERROR: u8 = 0xA3;
const REJECT: u8 = 0xA4;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const NULL: u8 = 0x05;
const SEQUENCE: u8 = 0x30;
const LINKED_ID: u8 = 0x80;
const GENERAL_PROBLEM: u8 = 0x80;
const LONG_FORM: u8 = 0x80;
const ONE_OCTET: u8 = 0x81;
const TWO_OCTETS: u8 = 0x82;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Component, BadComponent> {
        Component::decode(&Bytes::from(hex::decode(text).unwrap()))
    }

    #[test]
    fn what_a_phone_sends_is_read() {
        // *100# as 3GPP TS 24.080 has it, with a linked id that nobody sends, and with long lengths.
        let string = UssdOctets {
            coding: 0x0F,
            octets: Bytes::from(hex::decode("aa180c3602").unwrap()),
        };
        let expected = Component::Invoke {
            id: 1,
            operation: PROCESS,
            string: Some(string),
        };
        for text in [
            "a112020101 02013b 300a 04010f 0405aa180c3602",
            "a115020101 800100 02013b 300a 04010f 0405aa180c3602",
            "a18113020101 02013b 30810a 04010f 0405aa180c3602",
            "a1820014020101 02013b 30 8104 0a",
        ] {
            let text = text.replace(' ', "");
            match read(&text) {
                Ok(component) => assert_eq!(component, expected, "{text}"),
                Err(_) => assert!(text.ends_with("81040a"), "{text}"),
            }
        }
        assert_eq!(
            read("a203020105"),
            Ok(Component::Result {
                id: 5,
                string: None
            })
        );
        assert_eq!(
            read("a306020101020122"),
            Ok(Component::Error { id: 1, code: 0x22 })
        );
        assert_eq!(read("a4050500800100"), Ok(Component::Reject));
    }

    #[test]
    fn what_is_no_component_is_refused() {
        for text in [
            "",
            "a1",
            "a100",
            "a103020101",
            "a17f02",
            "a180020101000",
            "a50100",
            "a104020200 01",
            "a3030201",
        ] {
            let text = text.replace(' ', "");
            let octets = hex::decode(&text).unwrap_or_default();
            assert_eq!(
                Component::decode(&octets.into()),
                Err(BadComponent),
                "{text}"
            );
        }
    }

    #[test]
    fn a_string_that_would_need_a_longer_length_is_not_written() {
        let result = |octets: usize| Component::Result {
            id: 1,
            string: Some((
                PROCESS,
                UssdOctets {
                    coding: 0x0F,
                    octets: vec![0x31; octets].into(),
                },
            )),
        };
        assert_eq!(result(STRING_MAX).encode().unwrap().len(), 129);
        assert_eq!(result(STRING_MAX + 1).encode(), None);
    }

    fn string() -> impl Strategy<Value = UssdOctets> {
        let octets = proptest::collection::vec(any::<u8>(), 0..=STRING_MAX);
        (any::<u8>(), octets).prop_map(|(coding, octets)| UssdOctets {
            coding,
            octets: octets.into(),
        })
    }

    proptest! {
        #[test]
        fn a_component_reads_as_it_was_written(
            id: u8, operation: u8, code: u8,
            string in proptest::option::of(string()),
        ) {
            let result = string.clone().map(|string| (operation, string));
            for component in [
                Component::Invoke { id, operation, string },
                Component::Result { id, string: result },
                Component::Error { id, code },
                Component::Reject,
            ] {
                let octets = Bytes::from(component.encode().unwrap());
                prop_assert_eq!(Component::decode(&octets), Ok(component));
            }
        }

        #[test]
        fn no_octets_make_it_panic(octets: Vec<u8>, tag in 0xA0..=0xA4_u8) {
            let octets = [&[tag], octets.as_slice()].concat();
            let _ = Component::decode(&octets.into());
        }
    }
}
