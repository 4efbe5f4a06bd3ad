//! Says which part of which message a short message is: 3GPP TS 23.040 clauses 9.2.3.24.1 and .8.
//!
//! ```text
//! │ 00 │ 03 │ reference         │ total │ number │
//! │ 08 │ 04 │ reference (2)     │ total │ number │
//! SMPP: sar_msg_ref_num (2), sar_total_segments, sar_segment_seqnum
//! ```

use super::user_data::Element;

/// Which part of which message a short message is: elements 0x00 and 0x08, or SMPP's SAR TLVs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Concatenation {
    reference: u16,
    total: u8,
    number: u8,
    wide: bool,
}

impl Concatenation {
    /// Part `number` (from 1) of `total`; `wide` says that the reference has 16 bits. `None` when
    /// the numbers contradict each other, or when the reference is wider than it says.
    #[must_use]
    pub const fn new(reference: u16, total: u8, number: u8, wide: bool) -> Option<Self> {
        let sane = number >= 1 && number <= total && (wide || reference <= 0xFF);
        if sane {
            Some(Self {
                reference,
                total,
                number,
                wide,
            })
        } else {
            None
        }
    }

    /// From SMPP's `sar_msg_ref_num`, `sar_total_segments` and `sar_segment_seqnum`.
    #[must_use]
    pub const fn from_sar(reference: u16, total: u8, number: u8) -> Option<Self> {
        Self::new(reference, total, number, true)
    }

    /// What the sender calls the message. With 8 bits it comes back after 256 messages.
    #[must_use]
    pub const fn reference(self) -> u16 {
        self.reference
    }

    /// How many parts the message has, at least 1.
    #[must_use]
    pub const fn total(self) -> u8 {
        self.total
    }

    /// Which part this is, from 1 to [`Self::total`].
    #[must_use]
    pub const fn number(self) -> u8 {
        self.number
    }

    /// Whether the reference has 16 bits: 0x0012 and 0x12 are two messages.
    #[must_use]
    pub const fn is_wide(self) -> bool {
        self.wide
    }

    /// From an element 0x00 or 0x08; `None` for another, one of the wrong length, or one that
    /// contradicts itself.
    pub(super) fn from_element(element: &Element) -> Option<Self> {
        match (element.id, element.data.as_slice()) {
            (CONCATENATED_8, &[reference, total, number]) => {
                Self::new(reference.into(), total, number, false)
            }
            (CONCATENATED_16, &[high, low, total, number]) => {
                Self::new(u16::from_be_bytes([high, low]), total, number, true)
            }
            _ => None,
        }
    }

    /// Whether element `id` numbers a part. The two exclude each other.
    pub(super) const fn is_told_by(id: u8) -> bool {
        matches!(id, CONCATENATED_8 | CONCATENATED_16)
    }

    /// The element that says this.
    #[must_use]
    pub fn to_element(self) -> Element {
        let [high, low] = self.reference.to_be_bytes();
        if self.wide {
            Element {
                id: CONCATENATED_16,
                data: vec![high, low, self.total, self.number],
            }
        } else {
            Element {
                id: CONCATENATED_8,
                data: vec![low, self.total, self.number],
            }
        }
    }
}

const CONCATENATED_8: u8 = 0x00;
const CONCATENATED_16: u8 = 0x08;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told_by(id: u8, data: &[u8]) -> Option<Concatenation> {
        Concatenation::from_element(&Element {
            id,
            data: data.to_vec(),
        })
    }

    #[test]
    fn both_widths_of_reference_are_read() {
        assert_eq!(
            told_by(0x00, &[0x12, 3, 2]),
            Concatenation::new(0x12, 3, 2, false)
        );
        assert_eq!(
            told_by(0x08, &[0x12, 0x34, 3, 2]),
            Concatenation::new(0x1234, 3, 2, true)
        );
        assert_ne!(
            told_by(0x00, &[0x12, 3, 2]),
            told_by(0x08, &[0, 0x12, 3, 2])
        );
    }

    #[test]
    fn a_part_number_that_contradicts_itself_is_none() {
        for (total, number) in [(0, 0), (2, 0), (2, 3)] {
            assert_eq!(told_by(0x00, &[1, total, number]), None);
            assert_eq!(Concatenation::from_sar(1, total, number), None);
        }
        assert_eq!(Concatenation::new(0x100, 2, 1, false), None);
    }

    #[test]
    fn an_element_of_another_length_or_meaning_is_none() {
        assert_eq!(told_by(0x00, &[1, 2]), None);
        assert_eq!(told_by(0x08, &[1, 2, 1]), None);
        assert_eq!(told_by(0x70, &[1, 2, 1]), None);
    }

    proptest! {
        #[test]
        fn it_survives_its_element(reference: u16, total in 1u8.., number in 1u8.., wide: bool) {
            if let Some(part) = Concatenation::new(reference, total, number, wide) {
                prop_assert_eq!(Concatenation::from_element(&part.to_element()), Some(part));
            }
        }
    }
}
