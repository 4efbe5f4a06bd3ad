//! Elements of what a card and a phone say to each other: ETSI TS 101 220 §7.1.
//!
//! ```text
//! BER-TLV            │ D0 │ length │ elements │
//! COMPREHENSION-TLV  │ C + 7 bits │ length │ value │     or │ 7F │ C + 15 bits │ length │ value │
//! length             │ 00..7F │   │ 81 │ 80..FF │   │ 82 │ two octets │
//! ```
//! C says that a receiver who does not know the element must not carry the command out.

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// Its tag, without the comprehension bit.
    pub(super) tag: u16,
    /// Whether it must be understood.
    pub(super) required: bool,
    /// What it holds.
    pub(super) value: &'a [u8],
}

/// Octets that are no elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadTlv {
    /// A length or a tag runs over the end.
    #[error("an element runs over the end")]
    CutOff,
    /// A tag of 00, 80 or FF, or a length that begins with neither 81 nor 82.
    #[error("a tag or a length is a reserved value")]
    Reserved,
    /// There is something else, or something more, than the one template.
    #[error("it is not one template with that tag")]
    NotTheTemplate,
}

/// The elements in `octets`, which are nothing else.
pub(super) fn elements(octets: &[u8]) -> Result<Vec<Element<'_>>, BadTlv> {
    let mut found = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let (tag, after) = tag(rest)?;
        let (value, after) = value(after)?;
        found.push(Element {
            tag: tag & !REQUIRED_WIDE,
            required: tag & REQUIRED_WIDE != 0,
            value,
        });
        rest = after;
    }
    Ok(found)
}

/// What is in the one template that `octets` are.
pub(super) fn template(tag: u8, octets: &[u8]) -> Result<&[u8], BadTlv> {
    let inside = octets.split_first().filter(|(first, _)| **first == tag);
    let (_, rest) = inside.ok_or(BadTlv::NotTheTemplate)?;
    match value(rest)? {
        (inside, []) => Ok(inside),
        _ => Err(BadTlv::NotTheTemplate),
    }
}

/// Appends an element or a template with this tag, comprehension bit and all.
pub(super) fn push(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag);
    match u8::try_from(value.len()) {
        Ok(length) if length < LONGER => out.push(length),
        Ok(length) => out.extend([ONE_OCTET, length]),
        Err(_) => {
            let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
            out.push(TWO_OCTETS);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(value);
}

/// The tag with the comprehension bit as the highest of sixteen, and what follows it.
fn tag(octets: &[u8]) -> Result<(u16, &[u8]), BadTlv> {
    match octets {
        [0x00 | 0x80 | 0xFF, ..] => Err(BadTlv::Reserved),
        [0x7F, high, low, rest @ ..] => Ok((u16::from_be_bytes([*high, *low]), rest)),
        [] | [0x7F, ..] => Err(BadTlv::CutOff),
        [tag, rest @ ..] => Ok((u16::from_be_bytes([tag & REQUIRED, tag & !REQUIRED]), rest)),
    }
}

/// A length and as many octets, and what follows them.
fn value(octets: &[u8]) -> Result<(&[u8], &[u8]), BadTlv> {
    let (length, rest) = match octets {
        [length, rest @ ..] if *length < LONGER => (usize::from(*length), rest),
        [ONE_OCTET, length, rest @ ..] => (usize::from(*length), rest),
        [TWO_OCTETS, high, low, rest @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        [] | [ONE_OCTET | TWO_OCTETS, ..] => return Err(BadTlv::CutOff),
        [_, ..] => return Err(BadTlv::Reserved),
    };
    rest.split_at_checked(length).ok_or(BadTlv::CutOff)
}

/// The comprehension bit of a tag of one octet, and of one of three.
const REQUIRED: u8 = 0x80;
const REQUIRED_WIDE: u16 = 0x8000;
/// The first octet of a length from 128 on, and of one from 256 on.
const ONE_OCTET: u8 = 0x81;
const TWO_OCTETS: u8 = 0x82;
/// The least length that takes more than one octet.
const LONGER: u8 = 0x80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_length_is_one_two_or_three_octets() {
        for (octets, header) in [(0x7F, vec![0x8B, 0x7F]), (0x80, vec![0x8B, 0x81, 0x80])] {
            let mut out = Vec::new();
            push(&mut out, 0x8B, &vec![7; octets]);
            assert_eq!(out[..header.len()], header);
        }
        let mut out = Vec::new();
        push(&mut out, 0x8B, &[7; 300]);
        assert_eq!(out[..4], [0x8B, 0x82, 0x01, 0x2C]);
        // A sender may write a short length long.
        let element = elements(&[0x0D, 0x82, 0x00, 0x01, 0x04]).unwrap();
        assert_eq!(element[0].value, [0x04]);
    }

    #[test]
    fn a_tag_of_three_octets_keeps_its_comprehension_bit() {
        let found = elements(&[0x7F, 0x81, 0x02, 0x00, 0x85, 0x00]).unwrap();
        assert_eq!((found[0].tag, found[0].required), (0x0102, true));
        assert_eq!((found[1].tag, found[1].required), (0x05, true));
    }

    #[test]
    fn what_is_cut_off_or_reserved_is_refused() {
        let cut: [&[u8]; 6] = [
            &[0x01],
            &[0x01, 2, 0],
            &[0x01, 0x81],
            &[0x01, 0x82, 0],
            &[0x7F, 1],
            &[0x01, 0x81, 200, 1],
        ];
        for octets in cut {
            assert_eq!(elements(octets), Err(BadTlv::CutOff), "{octets:?}");
        }
        for octets in [[0x00, 0], [0x80, 0], [0xFF, 0], [0x01, 0x83]] {
            assert_eq!(elements(&octets), Err(BadTlv::Reserved), "{octets:?}");
        }
        for octets in [&[][..], &[0xD1, 0], &[0xD0, 0, 1]] {
            assert_eq!(template(0xD0, octets), Err(BadTlv::NotTheTemplate));
        }
    }

    proptest! {
        #[test]
        fn what_is_pushed_is_found(values in prop::collection::vec((1_u8..0x7F, any::<bool>(),
                prop::collection::vec(any::<u8>(), 0..400)), 0..5)) {
            let mut out = Vec::new();
            for (tag, required, value) in &values {
                push(&mut out, tag | if *required { REQUIRED } else { 0 }, value);
            }
            let found = elements(&out).unwrap();
            let found: Vec<_> = found.iter().map(|e| (e.tag, e.required, e.value.to_vec())).collect();
            let wanted: Vec<_> = values.into_iter().map(|(t, r, v)| (t.into(), r, v)).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
