//! `tests/vectors/orders.json`, which the SIM applet's tests read too; what holds for any order.

use proptest::{collection::vec, prelude::*};
use serde::Deserialize;

use super::*;
use crate::{
    dialogue::secured_reply::{OutcomeCode, SecuredReply, ShownText},
    domain::ids::PurchaseId,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    #[serde(rename = "about")]
    _about: String,
    orders: Vec<Good<OrderFields>>,
    bad_orders: Vec<Bad>,
    replies: Vec<Good<ReplyFields>>,
    bad_replies: Vec<Bad>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Good<F> {
    name: String,
    hex: String,
    canonical: Option<String>,
    fields: F,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    name: String,
    hex: String,
    error: String,
    element: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderFields {
    verb: String,
    short_code: Option<ShortCode>,
    item: Option<ItemCode>,
    quantity: Option<Quantity>,
    amount_minor: MinorUnits,
    currency: Currency,
    amount_kind: String,
    pon: Option<Pon>,
    reference: u32,
}

impl OrderFields {
    fn order(&self) -> SecuredOrder {
        let wanted = match self.verb.as_str() {
            "buy" => Wanted::Item {
                short_code: self.short_code.unwrap(),
                item: self.item.unwrap(),
                quantity: self.quantity.unwrap(),
            },
            "pay" => Wanted::Amount {
                short_code: self.short_code.unwrap(),
            },
            "pay_order" => Wanted::PaymentOrder {
                pon: self.pon.unwrap(),
                short_code: self.short_code,
            },
            verb => panic!("{verb}"),
        };
        let agreed = match self.amount_kind.as_str() {
            "shown" => Agreed::Exactly(self.amount_minor),
            "most" => Agreed::AtMost(self.amount_minor),
            kind => panic!("{kind}"),
        };
        let reference = self.reference.try_into().unwrap();
        SecuredOrder {
            reference,
            wanted,
            agreed,
            currency: self.currency,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplyFields {
    outcome: u8,
    reference: u32,
    amount_minor: Option<MinorUnits>,
    currency: Option<Currency>,
    purchase: Option<PurchaseId>,
    coding: String,
    text_hex: String,
}

impl ReplyFields {
    fn reply(&self) -> SecuredReply {
        let text = hex::decode(&self.text_hex).unwrap();
        SecuredReply {
            outcome: OutcomeCode::from_octet(self.outcome).unwrap(),
            reference: self.reference.try_into().unwrap(),
            amount: self.amount_minor.zip(self.currency),
            purchase: self.purchase,
            text: match self.coding.as_str() {
                "default" => ShownText::Default(text),
                "ucs2" => ShownText::Ucs2(text),
                coding => panic!("{coding}"),
            },
        }
    }
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../tests/vectors/orders.json")).unwrap()
}

#[test]
fn every_good_order_is_read_and_written_as_the_vectors_say() {
    for vector in vectors().orders {
        let order = vector.fields.order();
        let octets = hex::decode(&vector.hex).unwrap();
        assert_eq!(SecuredOrder::decode(&octets), Ok(order), "{}", vector.name);
        let canonical = vector.canonical.unwrap_or(vector.hex);
        assert_eq!(
            hex::encode_upper(order.encode()),
            canonical,
            "{}",
            vector.name
        );
    }
}

#[test]
fn every_good_reply_is_read_and_written_as_the_vectors_say() {
    for vector in vectors().replies {
        let reply = vector.fields.reply();
        let octets = hex::decode(&vector.hex).unwrap();
        assert_eq!(
            SecuredReply::decode(&octets),
            Ok(reply.clone()),
            "{}",
            vector.name
        );
        assert_eq!(
            hex::encode_upper(reply.encode()),
            vector.hex,
            "{}",
            vector.name
        );
    }
}

#[test]
fn every_bad_packet_is_refused_for_its_own_reason() {
    let check = |bad: &Bad, refused: Option<TlvError>| {
        let error = refused.unwrap_or_else(|| panic!("{} was taken", bad.name));
        assert_eq!(error.class(), bad.error, "{}: {error}", bad.name);
        if let Some(element) = &bad.element {
            assert!(
                error.to_string().starts_with(element),
                "{}: {error}",
                bad.name
            );
        }
    };
    let vectors = vectors();
    for bad in &vectors.bad_orders {
        check(
            bad,
            SecuredOrder::decode(&hex::decode(&bad.hex).unwrap()).err(),
        );
    }
    for bad in &vectors.bad_replies {
        check(
            bad,
            SecuredReply::decode(&hex::decode(&bad.hex).unwrap()).err(),
        );
    }
}

#[test]
fn a_price_is_covered_exactly_or_up_to_the_most() {
    let minor = |amount: i64| MinorUnits::try_from(amount).unwrap();
    let covered = |agreed: Agreed| [249, 250, 251].map(|price| agreed.covers(minor(price)));
    assert_eq!(covered(Agreed::Exactly(minor(250))), [false, true, false]);
    assert_eq!(covered(Agreed::AtMost(minor(250))), [true, true, false]);
}

fn order() -> impl Strategy<Value = SecuredOrder> {
    let code = || (100_u32..=99_999).prop_map(|number| ShortCode::try_from(number).unwrap());
    let item = "[A-Z0-9]{1,8}".prop_map(|text| text.parse::<ItemCode>().unwrap());
    let quantity = (1_u8..=99).prop_map(|units| Quantity::try_from(units).unwrap());
    let wanted = prop_oneof![
        (code(), item, quantity).prop_map(|(short_code, item, quantity)| Wanted::Item {
            short_code,
            item,
            quantity
        }),
        code().prop_map(|short_code| Wanted::Amount { short_code }),
        (any::<u64>(), proptest::option::of(code())).prop_map(|(random, short_code)| {
            Wanted::PaymentOrder {
                pon: Pon::from_random(random),
                short_code,
            }
        }),
    ];
    let amount = (1_i64..=i64::MAX, 0_u32..63).prop_map(|(minor, shift)| (minor >> shift).max(1));
    let currency = proptest::sample::select(Currency::all().collect::<Vec<_>>());
    (wanted, amount, any::<bool>(), currency, 1_u32..).prop_map(
        |(wanted, minor, most, currency, reference)| {
            let amount = MinorUnits::try_from(minor).unwrap();
            let most = most && !matches!(wanted, Wanted::Amount { .. });
            let agreed = if most {
                Agreed::AtMost(amount)
            } else {
                Agreed::Exactly(amount)
            };
            SecuredOrder {
                reference: reference.try_into().unwrap(),
                wanted,
                agreed,
                currency,
            }
        },
    )
}

proptest! {
    #[test]
    fn an_order_survives_its_packet_and_fits_half_a_message(order in order()) {
        let octets = order.encode();
        prop_assert!(octets.len() <= 49);
        prop_assert_eq!(SecuredOrder::decode(&octets), Ok(order));
    }

    #[test]
    fn no_octet_of_an_order_can_change_without_changing_the_order(
        order in order(), at: proptest::sample::Index, flip in 1_u8..,
    ) {
        let mut octets = order.encode();
        let at = at.index(octets.len());
        octets[at] ^= flip;
        // Only the critical bit of a known element says nothing about the order.
        prop_assume!(flip != 0x80 || SecuredOrder::decode(&octets) != Ok(order));
        prop_assert_ne!(SecuredOrder::decode(&octets), Ok(order));
    }

    #[test]
    fn any_octets_are_read_without_a_panic_and_reading_is_canonical(
        octets in vec(any::<u8>(), 0..120),
        tail in vec((0x81_u8..0x95, vec(0_u8..20, 0..6)), 0..12),
    ) {
        let mut likely = vec![1];
        for (tag, value) in tail {
            likely.extend([tag, u8::try_from(value.len()).unwrap()]);
            likely.extend(value);
        }
        for octets in [octets, likely] {
            if let Ok(order) = SecuredOrder::decode(&octets) {
                prop_assert_eq!(SecuredOrder::decode(&order.encode()), Ok(order));
            }
            if let Ok(reply) = SecuredReply::decode(&octets) {
                prop_assert!(reply.encode().len() <= 98);
            }
        }
    }
}
