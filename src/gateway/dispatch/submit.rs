//! One row of the outbox as a `submit_sm`: SMPP 3.4 §4.4.1.

use bytes::Bytes;

use crate::domain::Millis;
use crate::domain::ids::OutboxId;
use crate::gateway::record::OutboxRow;
use crate::smpp::pdu::{Address, COctetString, ShortMessage, Tag, Tlvs};

/// The message as its SMSC gets it at `now`: it lives there for what is left of its time.
#[must_use]
pub fn submit_sm(row: &OutboxRow, registered_delivery: u8, now: Millis) -> ShortMessage {
    ShortMessage {
        source: service_address(&row.from),
        destination: Address::international(row.to.expose_digits()),
        esm_class: if row.message.udhi { UDHI } else { 0 },
        protocol_id: row.message.protocol_id,
        validity_period: relative(row.expires.since(now)).into(),
        registered_delivery,
        data_coding: row.message.data_coding,
        short_message: row.message.user_data.clone().into(),
        tlvs: Tlvs::new().with(
            Tag::USER_MESSAGE_REFERENCE,
            Bytes::copy_from_slice(&message_reference(row.id).to_be_bytes()),
        ),
        ..ShortMessage::default()
    }
}

/// `user_message_reference` (3.4 §5.3.2.17) of a message, the same each time it leaves. Receipts
/// carry it back, and some centres name every message alike, so that nothing else tells theirs
/// apart. Of 16 bits: with the number that the message went to it is as good as unique.
#[must_use]
pub fn message_reference(id: OutboxId) -> u16 {
    let mixed = id.0.wrapping_mul(SPREAD) >> 48;
    u16::try_from(mixed & 0xFFFF).unwrap_or_default()
}

/// The number that we send from, as the SMSC wrote it when it sent us something. Plan E.164 even
/// for a short code: measured, a centre keeps messages of plan 0 and never delivers them.
fn service_address(service: &str) -> Address {
    let digits = service.strip_prefix('+').unwrap_or(service);
    let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    let (ton, npi, value) = match is_number {
        true if digits.len() != service.len() || digits.len() > SHORT_CODE_MAX => (1, 1, digits),
        true => (0, 1, digits),
        false => (ALPHANUMERIC, 0, service),
    };
    Address {
        ton,
        npi,
        value: COctetString::from(value.to_owned()),
    }
}

/// `YYMMDDhhmmss000R` of SMPP 3.4 §7.1.1: at least a minute, which many centres count in, and at
/// most a month.
fn relative(left_ms: i64) -> String {
    let seconds = left_ms.saturating_add(999).checked_div(1_000);
    let seconds = seconds.unwrap_or_default().clamp(60, 30 * DAY_S);
    let part = |unit: i64, of: i64| seconds.rem_euclid(of).div_euclid(unit);
    format!(
        "0000{:02}{:02}{:02}{:02}000R",
        seconds.div_euclid(DAY_S),
        part(3_600, DAY_S),
        part(60, 3_600),
        part(1, 60)
    )
}

const UDHI: u8 = 0x40;
const ALPHANUMERIC: u8 = 5;
/// Longer numbers are no short codes.
const SHORT_CODE_MAX: usize = 8;
const DAY_S: i64 = 86_400;
/// An odd number of many bits (2^64 by the golden ratio): ids that differ little end up far apart.
const SPREAD: i64 = -7_046_029_254_386_353_131;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::record::ShortMessage as Reply;

    fn row(from: &str) -> OutboxRow {
        OutboxRow {
            id: OutboxId(1),
            purchase: None,
            smsc: "home".into(),
            from: from.into(),
            to: "491701234567".parse().unwrap(),
            message: Reply {
                udhi: true,
                protocol_id: 0x7F,
                data_coding: 0xF6,
                user_data: Bytes::from_static(&[0x02, 0x71, 0x00, 0x01]),
            },
            created: Millis(0),
            expires: Millis(900_000),
            node: Some(0),
            asks: None,
        }
    }

    #[test]
    fn every_field_of_the_row_is_in_the_message() {
        let message = submit_sm(&row("4711"), 1, Millis(1));
        let source = &message.source;
        assert_eq!(
            (source.ton, source.npi, source.value.as_octets()),
            (0, 1, &b"4711"[..])
        );
        assert_eq!(message.destination, Address::international("491701234567"));
        assert_eq!(
            (message.esm_class, message.protocol_id, message.data_coding),
            (0x40, 0x7F, 0xF6)
        );
        assert_eq!(message.validity_period.as_octets(), b"000000001500000R");
        assert_eq!(message.registered_delivery, 1);
        let reference = message.tlvs.user_message_reference();
        assert_eq!(reference, Some(message_reference(OutboxId(1))));
        assert_eq!(&message.short_message.0[..], [0x02, 0x71, 0x00, 0x01]);
    }

    #[test]
    fn neighbours_have_references_far_apart() {
        let references = |step: i64| {
            let ids = (0..1_000).map(|n| OutboxId((7 << 22) + n * step));
            let references: std::collections::HashSet<u16> = ids.map(message_reference).collect();
            references.len()
        };
        for step in [1, 1 << 12, 1 << 22, 1_000 << 22] {
            assert!(references(step) > 950, "{step}: {}", references(step));
        }
    }

    #[test]
    fn a_service_is_a_short_code_a_number_or_letters() {
        for (service, expected) in [
            ("778", (0, 1, "778")),
            ("+49301234", (1, 1, "49301234")),
            ("491771780000", (1, 1, "491771780000")),
            ("SVGATE", (5, 0, "SVGATE")),
            ("*778#", (5, 0, "*778#")),
        ] {
            let Address { ton, npi, value } = service_address(service);
            assert_eq!((ton, npi, value.as_text().unwrap()), expected);
        }
    }

    #[test]
    fn a_life_is_told_in_days_hours_minutes_seconds() {
        for (ms, told) in [
            (-5, "000000000100000R"),
            (60_001, "000000000101000R"),
            (90_061_000, "000001010101000R"),
            (i64::MAX, "000030000000000R"),
        ] {
            assert_eq!(relative(ms), told);
        }
    }
}
