//! The GSM 7-bit alphabet, both ways: 3GPP TS 23.038 clauses 6.1.2 and 6.2.1.
//!
//! ```text
//! octet 0: b1a7..a1   octet 1: c2c1b7..b2   …     septet i takes the bits 7i..7i+6, low bit first
//! ```
//! A *septet* here is one octet with bit 8 clear, which is also how most SMSCs carry it over SMPP
//! (unpacked). After a user data header, zero *fill bits* let the packed text start on a septet
//! boundary; on USSD and cell broadcast, seven spare bits at the end carry a carriage return.

mod locking;
mod single_shift;
mod tables;

pub use tables::{Language, Tables};

use tables::Written;

/// Reads septets as text.
///
/// Nothing is refused: an escape before a place without a symbol gives the symbol of the locking
/// table, a second escape or a last one gives a space (clause 6.2.1.1), and what is no symbol at
/// all, an octet above 0x7F too, gives U+FFFD.
#[must_use]
pub fn decode(septets: &[u8], tables: Tables) -> String {
    let mut text = String::with_capacity(septets.len());
    let mut rest = septets.iter().copied();
    while let Some(septet) = rest.next() {
        let symbol = if septet == ESCAPE {
            match rest.next() {
                None | Some(ESCAPE) => Some(' '),
                Some(after) => tables.escaped(after).or_else(|| tables.plain(after)),
            }
        } else {
            tables.plain(septet)
        };
        text.push(symbol.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    text
}

/// Writes text as septets.
///
/// # Errors
///
/// [`NotInAlphabet`] names the first character that these tables cannot write.
pub fn encode(text: &str, tables: Tables) -> Result<Vec<u8>, NotInAlphabet> {
    let mut septets = Vec::with_capacity(text.len());
    for symbol in text.chars() {
        match tables.written(symbol).ok_or(NotInAlphabet(symbol))? {
            Written::Plain(septet) => septets.push(septet),
            Written::Escaped(septet) => septets.extend([ESCAPE, septet]),
        }
    }
    Ok(septets)
}

/// How many septets one character takes, 1 or 2; `None` when these tables cannot write it.
#[must_use]
pub fn septets_of(symbol: char, tables: Tables) -> Option<usize> {
    tables.written(symbol).map(|written| match written {
        Written::Plain(_) => 1,
        Written::Escaped(_) => 2,
    })
}

/// Packs septets after `fill_bits` zero bits, as an SMS carries them (clause 6.1.2.1).
#[must_use]
pub fn pack(septets: &[u8], fill_bits: usize) -> Vec<u8> {
    let fill = std::iter::repeat_n(false, fill_bits);
    let bits: Vec<bool> = fill
        .chain(septets.iter().flat_map(|&s| bits_of(s, 7)))
        .collect();
    bits.chunks(8).map(from_bits).collect()
}

/// Unpacks every whole septet that follows `fill_bits` bits.
///
/// Seven spare bits read as one more septet, 0: who knows the number of septets truncates to it.
#[must_use]
pub fn unpack(octets: &[u8], fill_bits: usize) -> Vec<u8> {
    let bits = octets
        .iter()
        .flat_map(|&octet| bits_of(octet, 8))
        .skip(fill_bits);
    let bits: Vec<bool> = bits.collect();
    bits.chunks_exact(7).map(from_bits).collect()
}

/// Unpacks the text of an SMS whose number of septets is not known, as over SMPP: seven spare
/// bits of zero are filling, though a last `@` would look the same.
#[must_use]
pub fn unpack_sms(octets: &[u8], fill_bits: usize) -> Vec<u8> {
    let mut septets = unpack(octets, fill_bits);
    let bits = septets.len().saturating_mul(7).saturating_add(fill_bits);
    if bits == octets.len().saturating_mul(8) && septets.last() == Some(&0) {
        septets.pop();
    }
    septets
}

/// How many zero bits follow a header of `header_octets`, UDHL counted, before 7-bit text.
#[must_use]
pub const fn fill_bits_after(header_octets: usize) -> usize {
    let bits = header_octets.saturating_mul(8);
    septets_of_header(header_octets)
        .saturating_mul(7)
        .saturating_sub(bits)
}

/// How many septets of a message a header of `header_octets`, UDHL counted, takes up.
#[must_use]
pub const fn septets_of_header(header_octets: usize) -> usize {
    header_octets.saturating_mul(8).div_ceil(7)
}

/// Packs septets as USSD and cell broadcast carry them (clause 6.1.2.3.1): seven spare bits are a
/// carriage return, and a text that itself ends in one on an octet boundary gets another.
#[must_use]
pub fn pack_ussd(septets: &[u8]) -> Vec<u8> {
    let phase = septets.len() % 8;
    let padded = phase == 7 || (phase == 0 && septets.last() == Some(&CARRIAGE_RETURN));
    let padding: &[u8] = if padded { &[CARRIAGE_RETURN] } else { &[] };
    pack(&[septets, padding].concat(), 0)
}

/// Unpacks what [`pack_ussd`] packed, without the carriage return that fills the last octet.
///
/// A text that ends in two carriage returns, the first on an octet boundary, comes back with one:
/// the rule itself cannot tell the two, and neither can a display.
#[must_use]
pub fn unpack_ussd(octets: &[u8]) -> Vec<u8> {
    let mut septets = unpack(octets, 0);
    let padded = match septets.len() % 8 {
        0 => septets.ends_with(&[CARRIAGE_RETURN]),
        1 => septets.ends_with(&[CARRIAGE_RETURN, CARRIAGE_RETURN]),
        _ => false,
    };
    if padded {
        septets.pop();
    }
    septets
}

/// A character that the chosen tables do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("character U+{:04X} is not in the alphabet", u32::from(self.0))]
pub struct NotInAlphabet(pub char);

/// The low `width` bits of an octet, lowest first.
fn bits_of(octet: u8, width: u32) -> impl Iterator<Item = bool> {
    (0..width).map(move |bit| {
        octet
            .checked_shr(bit)
            .is_some_and(|shifted| shifted & 1 == 1)
    })
}

/// At most eight bits, lowest first.
fn from_bits(bits: &[bool]) -> u8 {
    bits.iter()
        .rev()
        .fold(0, |octet, &bit| (octet << 1) | u8::from(bit))
}

/// Says that the next septet is of the single shift table.
const ESCAPE: u8 = 0x1B;

const CARRIAGE_RETURN: u8 = 0x0D;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_escape_reads_as_the_standard_says() {
        let default = Tables::default();
        assert_eq!(decode(&[0x1B, 0x65], default), "€");
        assert_eq!(decode(&[0x1B, b'a'], default), "a");
        assert_eq!(decode(&[0x1B, 0x1B, b'a'], default), " a");
        assert_eq!(decode(&[b'a', 0x1B], default), "a ");
        assert_eq!(decode(&[0x80, 0xFF], default), "\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn a_national_table_takes_the_place_of_the_default_one() {
        let spanish = Tables {
            locking: Some(Language::Spanish),
            single: Some(Language::Spanish),
        };
        assert_eq!(encode("aquí 5€", spanish).unwrap(), b"aqu\x1bi 5\x1be");
        let turkish = Tables {
            locking: Some(Language::Turkish),
            single: None,
        };
        assert_eq!(encode("ış€", turkish).unwrap(), [0x07, 0x1D, 0x04]);
        assert_eq!(encode("è", turkish), Err(NotInAlphabet('è')));
    }

    #[test]
    fn a_place_without_a_symbol_is_never_guessed() {
        let kannada = Tables {
            locking: Some(Language::Kannada),
            single: None,
        };
        assert_eq!(decode(&[0x00, b'1'], kannada), "\u{FFFD}1");
    }

    fn any_tables() -> impl Strategy<Value = Tables> {
        let language = || proptest::option::of(proptest::sample::select(Language::ALL.to_vec()));
        (language(), language()).prop_map(|(locking, single)| Tables { locking, single })
    }

    proptest! {
        #[test]
        fn septets_survive_packing(
            septets in proptest::collection::vec(0u8..128, 0..200), fill_bits in 0usize..7,
        ) {
            let mut unpacked = unpack(&pack(&septets, fill_bits), fill_bits);
            unpacked.truncate(septets.len());
            prop_assert_eq!(unpacked, septets);
        }

        #[test]
        fn a_text_that_does_not_end_in_an_at_sign_needs_no_count(
            septets in proptest::collection::vec(1u8..128, 0..160), header_octets in 0usize..12,
        ) {
            let fill_bits = fill_bits_after(header_octets);
            prop_assert_eq!((header_octets * 8 + fill_bits) % 7, 0);
            prop_assert_eq!(unpack_sms(&pack(&septets, fill_bits), fill_bits), septets);
        }

        #[test]
        fn packing_adds_less_than_one_octet(
            septets in proptest::collection::vec(0u8..128, 0..200),
        ) {
            prop_assert_eq!(pack(&septets, 0).len(), (septets.len() * 7).div_ceil(8));
        }

        #[test]
        fn a_ussd_text_survives_packing(septets in proptest::collection::vec(0u8..128, 0..183)) {
            prop_assume!(!septets.ends_with(&[CARRIAGE_RETURN, CARRIAGE_RETURN]));
            prop_assert_eq!(unpack_ussd(&pack_ussd(&septets)), septets);
        }

        #[test]
        fn text_that_is_written_reads_the_same(
            places in proptest::collection::vec((0u8..128, any::<bool>()), 0..160),
            tables in any_tables(),
        ) {
            let text: String = places.into_iter().filter_map(|(septet, escaped)| {
                if escaped { tables.escaped(septet) } else { tables.plain(septet) }
            }).collect();
            let septets = encode(&text, tables).unwrap();
            let counted = text.chars().map(|c| septets_of(c, tables)).sum::<Option<usize>>();
            prop_assert_eq!(counted, Some(septets.len()));
            prop_assert_eq!(decode(&septets, tables), text);
        }

        #[test]
        fn any_octets_can_be_read(octets: Vec<u8>, tables in any_tables(), fill_bits in 0usize..9) {
            for septets in [octets.clone(), unpack(&octets, fill_bits), unpack_ussd(&octets)] {
                prop_assert!(decode(&septets, tables).chars().count() <= septets.len());
            }
        }
    }
}
