//! What a person reads out of a reply: which of the operator's texts it is, and what to answer.
//!
//! A text is known again by what stands between its placeholders. Its language is the phone's.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Deserialize;

/// The languages that subscribers of the demo speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tongue {
    /// `en`
    English,
    /// `de`
    German,
    /// `fr`
    French,
    /// `ar`
    Arabic,
}

impl Tongue {
    /// Every language.
    pub const ALL: [Self; 4] = [Self::English, Self::German, Self::French, Self::Arabic];

    /// Its code, as a subscriber's record has it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Arabic => "ar",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::English => include_str!("../../../config/texts/en.toml"),
            Self::German => include_str!("../../../config/texts/de.toml"),
            Self::French => include_str!("../../../config/texts/fr.toml"),
            Self::Arabic => include_str!("../../../config/texts/ar.toml"),
        }
    }
}

/// What a reply in words says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Paid; the short reference of the purchase.
    Paid(String),
    /// All of it was given back.
    Refunded(String),
    /// A part of it was given back.
    PartRefunded(String),
    /// The same order came before; what to type to buy another.
    Repeated(String),
    /// Anything else, by the text's key: `machine_busy`, `over_limit` …
    Other(&'static str),
    /// No text that the operator has in this language.
    Unknown,
}

/// The words and texts of one language.
#[derive(Debug)]
pub struct Phrasebook {
    buy: Vec<String>,
    pay: Vec<String>,
    texts: Vec<Phrase>,
}

impl Phrasebook {
    /// The phrasebook of a language.
    ///
    /// # Errors
    ///
    /// When the text file in this binary is none, which a test shows not to happen.
    pub fn of(tongue: Tongue) -> Result<Self, toml::de::Error> {
        let file: TextFile = toml::from_str(tongue.file())?;
        let words = |keyword: &str| {
            let mut words = vec![keyword.to_owned()];
            words.extend(file.words.get(keyword).into_iter().flatten().cloned());
            words
        };
        let mut texts: Vec<Phrase> = file
            .texts
            .iter()
            .map(|(key, text)| Phrase::new(key, text))
            .collect();
        // The text that says most in words of its own is the one that is meant.
        texts.sort_by_key(|phrase| std::cmp::Reverse(phrase.literal_octets()));
        Ok(Self {
            buy: words("BUY"),
            pay: words("PAY"),
            texts,
        })
    }

    /// A word for buying; `nth` picks one of those there are.
    #[must_use]
    pub fn buy(&self, nth: usize) -> &str {
        pick(&self.buy, nth)
    }

    /// A word for paying.
    #[must_use]
    pub fn pay(&self, nth: usize) -> &str {
        pick(&self.pay, nth)
    }

    /// Reads a reply.
    #[must_use]
    pub fn read(&self, text: &str) -> Said {
        let found = self
            .texts
            .iter()
            .find_map(|phrase| phrase.read(text).map(|values| (phrase, values)));
        let Some((phrase, values)) = found else {
            return Said::Unknown;
        };
        let value = |name: &str| {
            let value = values.iter().find(|(known, _)| *known == name);
            value.map_or_else(String::new, |(_, value)| (*value).to_owned())
        };
        match phrase.key.as_str() {
            "paid" | "paid_amount" => Said::Paid(value("reference")),
            "refunded" => Said::Refunded(value("reference")),
            "part_refunded" => Said::PartRefunded(value("reference")),
            "repeated" => Said::Repeated(value("again")),
            key => Said::Other(known_key(key)),
        }
    }
}

#[derive(Deserialize)]
struct TextFile {
    words: BTreeMap<String, Vec<String>>,
    texts: BTreeMap<String, String>,
}

/// A text as literal, placeholder, literal, …: it begins and ends with a literal, maybe an empty one.
#[derive(Debug)]
struct Phrase {
    key: String,
    first: String,
    rest: Vec<(String, String)>,
}

impl Phrase {
    fn new(key: &str, text: &str) -> Self {
        let mut parts = text.split('{');
        let first = parts.next().unwrap_or_default().to_owned();
        let rest = parts
            .filter_map(|part| part.split_once('}'))
            .map(|(name, literal)| (name.to_owned(), literal.to_owned()))
            .collect();
        Self {
            key: key.to_owned(),
            first,
            rest,
        }
    }

    fn literal_octets(&self) -> usize {
        let rest = self.rest.iter().map(|(_, literal)| literal.len());
        rest.fold(self.first.len(), usize::saturating_add)
    }

    /// The values of the placeholders when `text` is this phrase.
    fn read<'a>(&'a self, text: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let mut left = text.strip_prefix(self.first.as_str())?;
        let mut values = Vec::with_capacity(self.rest.len());
        for (index, (name, literal)) in self.rest.iter().enumerate() {
            let is_last = index.saturating_add(1) == self.rest.len();
            let (value, after) = if is_last {
                (left.strip_suffix(literal.as_str())?, "")
            } else if literal.is_empty() {
                ("", left)
            } else {
                left.split_once(literal.as_str())?
            };
            values.push((name.as_str(), value));
            left = after;
        }
        left.is_empty().then_some(values)
    }
}

fn pick(words: &[String], nth: usize) -> &str {
    let index = nth.checked_rem(words.len()).unwrap_or_default();
    words.get(index).map_or("", String::as_str)
}

/// The keys that the demo counts, as names that live as long as the program.
fn known_key(key: &str) -> &'static str {
    REFUSALS
        .iter()
        .copied()
        .find(|known| *known == key)
        .unwrap_or("something else")
}

const REFUSALS: [&str; 38] = [
    "again_used",
    "again_wrong",
    "barred",
    "cooling_off",
    "counter_blocked",
    "counter_forgotten",
    "counter_high",
    "counter_low",
    "counter_reused",
    "currency_mismatch",
    "items_only",
    "machine_busy",
    "machine_dead",
    "merchant_closed",
    "not_billable",
    "not_paid",
    "not_understood",
    "order_expired",
    "over_cap",
    "over_limit",
    "over_plain_cap",
    "payment_expired",
    "payment_paid",
    "payment_unknown",
    "pending",
    "plain_not_trusted",
    "pon_expired",
    "pon_paid",
    "pon_unknown",
    "price_changed",
    "purse_empty",
    "reference_conflict",
    "reference_old",
    "suspended",
    "temporary",
    "too_many",
    "unknown_item",
    "unknown_short_code",
];

impl FromStr for Tongue {
    type Err = UnknownTongue;
    fn from_str(code: &str) -> Result<Self, UnknownTongue> {
        let known = Self::ALL.into_iter().find(|tongue| tongue.code() == code);
        known.ok_or(UnknownTongue)
    }
}

/// Nobody in the demo speaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no phone of the simulator speaks this language")]
pub struct UnknownTongue;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::reply::{Name, Price, PurchaseReference, Reply};
    use crate::dialogue::texts::Texts;
    use crate::domain::ids::PurchaseId;

    fn in_words(tongue: Tongue, reply: &Reply) -> Said {
        let texts = Texts::shipped(|_| true).unwrap();
        let text = texts.render(tongue.code().parse().unwrap(), reply);
        Phrasebook::of(tongue).unwrap().read(&text)
    }

    fn price() -> Price {
        Price {
            amount: 260.try_into().unwrap(),
            currency: "EUR".parse().unwrap(),
        }
    }

    #[test]
    fn a_payment_and_its_refund_are_understood_in_every_language() {
        let reference = PurchaseReference(PurchaseId(1));
        let merchant = || Name::new("Snack Corner");
        for tongue in Tongue::ALL {
            let paid = Reply::Paid {
                amount: price(),
                merchant: merchant(),
                quantity: 2.try_into().unwrap(),
                item: Name::new("Cola"),
                reference,
            };
            let refunded = Reply::Refunded {
                amount: price(),
                merchant: merchant(),
                reference,
            };
            let busy = Reply::MachineBusy {
                merchant: merchant(),
            };
            let key = || "KRVQKE".to_owned();
            assert_eq!(in_words(tongue, &paid), Said::Paid(key()), "{tongue:?}");
            assert_eq!(in_words(tongue, &refunded), Said::Refunded(key()));
            assert_eq!(in_words(tongue, &busy), Said::Other("machine_busy"));
        }
    }

    #[test]
    fn what_to_type_for_another_one_is_read_out_of_the_reply() {
        let command = |text: &str| {
            let aliases = crate::dialogue::words::Aliases::default();
            crate::dialogue::sms_command::parse(text, &aliases).unwrap()
        };
        for tongue in Tongue::ALL {
            let time = crate::dialogue::reply::ClockTime {
                hour: 10,
                minute: 3,
            };
            let again = command("BUY 4711 12 AGAIN 7");
            let said = in_words(tongue, &Reply::Repeated { time, again });
            let Said::Repeated(typed) = said else {
                panic!("{said:?}")
            };
            assert_eq!(command(&typed), command("BUY 4711 12 AGAIN 7"));
        }
    }

    #[test]
    fn a_text_of_nobodys_is_not_understood() {
        let book = Phrasebook::of(Tongue::English).unwrap();
        assert_eq!(book.read("You have won a prize"), Said::Unknown);
    }
}
