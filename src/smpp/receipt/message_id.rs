//! Matches the id of a receipt with the id that was given on submission.
//!
//! Centres write one number in two ways: hexadecimal in `submit_sm_resp` and decimal in receipts,
//! or the other way round, with leading zeros or without. SMPP says nothing about it.

/// The key under which to file a message by the id of its `submit_sm_resp`: numbers without
/// leading zeros and in lower case, any other id as it is (letters may count in both cases there).
#[must_use]
pub fn lookup_key(id: &str) -> String {
    let id = id.trim();
    let digits = id
        .strip_prefix("0x")
        .or_else(|| id.strip_prefix("0X"))
        .unwrap_or(id);
    if digits.is_empty() || !digits.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return id.to_owned();
    }
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        "0".to_owned()
    } else {
        significant.to_ascii_lowercase()
    }
}

/// Every [`lookup_key`] that a receipt's id may stand for, without repetition: as it is, as the
/// hexadecimal form of a decimal number, as the decimal form of a hexadecimal one.
#[must_use]
pub fn candidates(id: &str) -> Vec<String> {
    let key = lookup_key(id);
    let as_hexadecimal = key.parse::<u128>().ok().map(|number| format!("{number:x}"));
    let as_decimal = u128::from_str_radix(&key, 16)
        .ok()
        .map(|number| number.to_string());
    let mut keys = vec![key];
    for other in [as_hexadecimal, as_decimal].into_iter().flatten() {
        if !keys.contains(&other) {
            keys.push(other);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_of_another_alphabet_are_left_alone() {
        assert_eq!(candidates("0aZ-9"), ["0aZ-9"]);
        assert_eq!(
            candidates("msg_id_not_implemented"),
            ["msg_id_not_implemented"]
        );
        assert_eq!(lookup_key(" 0x00Ab "), "ab");
        assert_eq!(lookup_key("000"), "0");
    }

    proptest! {
        #[test]
        fn a_message_is_found_in_either_base_with_or_without_zeros(
            number: u64, zeros in 0_usize..12, upper: bool,
        ) {
            let hexadecimal = format!("{}{number:x}", "0".repeat(zeros));
            let hexadecimal = if upper { hexadecimal.to_uppercase() } else { hexadecimal };
            let decimal = format!("{}{number}", "0".repeat(zeros));
            for (submitted, receipted) in [
                (&hexadecimal, &decimal), (&decimal, &hexadecimal),
                (&decimal, &decimal), (&hexadecimal, &hexadecimal),
            ] {
                let key = lookup_key(submitted);
                prop_assert!(candidates(receipted).contains(&key), "{submitted} {receipted}");
            }
        }
    }
}
