//! What subscribers and gateway say to each other, seen from outside: every text in every language
//! against the alphabets of 3GPP TS 23.038, any input against the parsers, and the vectors that
//! the SIM applet's tests read too.

use std::sync::LazyLock;

use proptest::prelude::*;
use svgate::{
    dialogue::{
        reply::{ItemList, ListedItem, Name, Price, PurchaseReference, Reply},
        sms_command::{AgainNumber, Command, StartCode, parse},
        texts::{Language, Texts},
        words::Aliases,
    },
    domain::{
        catalogue::{ItemCode, Quantity, ShortCode},
        ids::PurchaseId,
        money::MinorUnits,
        pon::Pon,
    },
};

/// The default alphabet of TS 23.038 §6.2.1, one septet each, without the escape.
const DEFAULT: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The extension table of §6.2.1.1, two septets each.
const EXTENSION: &str = "^{}\\[~]|€\u{c}";

/// Septets in the default alphabet, or nothing where a character is not in it.
fn septets(text: &str) -> Option<usize> {
    text.chars()
        .map(|c| {
            if DEFAULT.contains(c) {
                Some(1)
            } else {
                EXTENSION.contains(c).then_some(2)
            }
        })
        .sum()
}

fn fits(text: &str) -> bool {
    septets(text).map_or(text.encode_utf16().count() <= 70, |septets| septets <= 160)
}

/// Read once: the properties below ask for them hundreds of times.
static TEXTS: LazyLock<Texts> = LazyLock::new(texts);

fn texts() -> Texts {
    Texts::shipped(fits).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn language(code: &str) -> Language {
    code.parse().unwrap()
}

fn price(minor: i64, currency: &str) -> Price {
    Price {
        amount: minor.try_into().unwrap(),
        currency: currency.parse().unwrap(),
    }
}

#[test]
fn every_text_in_every_language_fits_one_message_with_its_longest_arguments() {
    assert_eq!(DEFAULT.chars().count(), 127);
    let texts = texts();
    let languages: Vec<Language> = texts.languages().collect();
    assert_eq!(languages, ["ar", "de", "en", "fr"].map(language));
    for language in languages {
        let mut count = 0;
        for (key, text) in texts.longest(language) {
            count += 1;
            assert!(fits(&text), "{language} {key}: {text}");
            assert!(!text.contains(['{', '}']), "{language} {key}: {text}");
            // A list in Arabic has no word of Arabic in it but its names.
            let latin = language != self::language("ar") || key == "items";
            assert_eq!(septets(&text).is_some(), latin, "{language} {key}: {text}");
        }
        assert!(count > 60);
    }
}

#[test]
fn replies_read_as_they_should() {
    let texts = texts();
    let say = |code: &str, reply: &Reply| texts.render(language(code), reply);
    let paid = Reply::Paid {
        amount: price(250, "EUR"),
        merchant: Name::new("Café Central"),
        quantity: Quantity::ONE,
        item: Name::new("Espresso"),
        reference: PurchaseReference(PurchaseId(1)),
    };
    assert_eq!(
        say("en", &paid),
        "Paid 2.50 EUR to Café Central: 1 x Espresso. It goes on your bill. Ref KRVQKE"
    );
    assert_eq!(say("eo", &paid), say("en", &paid));
    assert_eq!(
        say("ar", &paid),
        "دفعت 2.50 EUR إلى Café Central: 1 × Espresso. رقم KRVQKE"
    );
    let aliases = texts.aliases();
    let repeated = Reply::Repeated {
        time: svgate::dialogue::reply::ClockTime {
            hour: 10,
            minute: 3,
        },
        again: parse("buy 4711 12", aliases)
            .unwrap()
            .with_again(7.try_into().unwrap()),
    };
    assert_eq!(
        say("en", &repeated),
        "Already bought 10:03. Another? BUY 4711 12 AGAIN 7"
    );
    let unknown = Reply::UnknownItem {
        item: "99".parse().unwrap(),
        short_code: "4711".parse().unwrap(),
    };
    assert_eq!(
        say("en", &unknown),
        "No item 99 at 4711. LIST 4711 shows what there is."
    );
    let slip = |text: &str| Reply::from(parse(text, aliases).unwrap_err());
    assert_eq!(
        say("de", &slip("Kafue 4711 12")),
        "KAFUE? Meinten Sie KAUFE? HILFE zeigt, was Sie senden können."
    );
}

#[test]
fn a_foreign_name_or_a_long_list_never_costs_a_price() {
    let texts = texts();
    let refunded = Reply::Refunded {
        amount: price(1_234_567, "KWD"),
        merchant: Name::new("北京咖啡馆有限公司北京咖啡馆有限公司"),
        reference: PurchaseReference(PurchaseId(77)),
    };
    let item = |n: u8| ListedItem {
        item: n.to_string().parse().unwrap(),
        name: Name::new("Caramel macchiato grande"),
        price: price(250, "EUR"),
    };
    let items = Reply::Items {
        merchant: Name::new("Coffee House"),
        currency: "EUR".parse().unwrap(),
        items: ItemList((1..=30).map(item).collect()),
    };
    for language in texts.languages() {
        let text = texts.render(language, &refunded);
        assert!(fits(&text) && text.contains("1234.567 KWD"), "{text}");
        let text = texts.render(language, &items);
        assert!(
            fits(&text) && text.contains("1 Caramel") && text.ends_with(", .."),
            "{text}"
        );
    }
    let english = texts.render(language("en"), &refunded);
    assert!(
        english.starts_with("Refunded 1234.567 KWD: ????"),
        "{english}"
    );
}

#[test]
fn the_words_of_every_language_are_understood_from_everybody() {
    let texts = texts();
    for (typed, meant) in [
        ("kaufe 4711 12 x2 nochmal 7", "BUY 4711 12 x2 AGAIN 7"),
        ("Achète 4711 12", "BUY 4711 12"),
        ("ACHETER 4711 12 encore 7", "BUY 4711 12 AGAIN 7"),
        ("شراء ٤٧١١ ١٢", "BUY 4711 12"),
        ("ادفع ٤٧١١ ٢٫٥٠", "PAY 4711 2.50"),
        ("إيقاف", "STOP"),
        ("ايقاف", "STOP"),
        ("ابدأ ١٢٣٤", "START 1234"),
        ("قائمة 4711", "LIST 4711"),
        ("شراء 4711 12 مجددا 7", "BUY 4711 12 AGAIN 7"),
        ("Arrêt", "STOP"),
        ("hilfe", "HELP"),
        ("Saldo?", "BAL"),
    ] {
        let command = parse(typed, texts.aliases()).unwrap_or_else(|e| panic!("{typed}: {e}"));
        assert_eq!(command.to_string(), meant, "{typed}");
    }
}

#[test]
fn what_a_text_tells_to_type_is_understood() {
    let texts = texts();
    // Every example in every text, for a text that teaches what is refused is worse than none.
    let numbers = |c: char| !c.is_ascii_digit() && c != '.' && c != ',';
    let mut examples = 0;
    for language in texts.languages() {
        for (key, text) in texts.longest(language) {
            let words: Vec<&str> = text.split_whitespace().collect();
            for pair in words.windows(3) {
                let known = parse(pair[0], texts.aliases()).is_err_and(|error| {
                    matches!(
                        error,
                        svgate::dialogue::sms_command::CommandError::MissingShortCode(_)
                    )
                });
                let operands =
                    pair[1] == "4711" && !pair[2].trim_end_matches(',').contains(numbers);
                if known && operands {
                    let typed = format!("{} {} {}", pair[0], pair[1], pair[2]);
                    assert!(
                        parse(&typed, texts.aliases()).is_ok(),
                        "{language} {key}: {typed}"
                    );
                    examples += 1;
                }
            }
        }
    }
    assert!(examples > 30, "{examples}");
}

fn command() -> impl Strategy<Value = Command> {
    let code = || (100_u32..=99_999).prop_map(|n| ShortCode::try_from(n).unwrap());
    let again =
        || proptest::option::of((1_u16..=9999).prop_map(|n| AgainNumber::try_from(n).unwrap()));
    let item = "[A-Z0-9]{1,8}".prop_map(|text| text.parse::<ItemCode>().unwrap());
    let quantity = (1_u8..=99).prop_map(|n| Quantity::try_from(n).unwrap());
    let amount = || {
        "[1-9][0-9]{0,6}(\\.[0-9]{2,3})?( ?(EUR|KWD))?".prop_map(|text: String| {
            let order = parse(&format!("PAY 4711 {text}"), &Aliases::default());
            let Ok(Command::PayAmount { amount, .. }) = order else {
                panic!("{text}: {order:?}")
            };
            amount
        })
    };
    let pon = any::<u64>().prop_map(Pon::from_random);
    prop_oneof![
        (code(), item, quantity, again()).prop_map(|(short_code, item, quantity, again)| {
            Command::Buy {
                short_code,
                item,
                quantity,
                again,
            }
        }),
        (code(), amount(), again()).prop_map(|(short_code, amount, again)| {
            Command::PayAmount {
                short_code,
                amount,
                again,
            }
        }),
        (proptest::option::of(code()), pon)
            .prop_map(|(short_code, pon)| Command::PayPon { short_code, pon }),
        code().prop_map(Command::List),
        proptest::option::of(amount()).prop_map(Command::Limit),
        proptest::option::of((0_u16..=9999).prop_map(|n| StartCode::try_from(n).unwrap()))
            .prop_map(Command::Start),
        Just(Command::Balance),
        Just(Command::Stop),
        Just(Command::Help),
    ]
}

proptest! {
    #[test]
    fn a_command_written_out_is_read_as_the_same(command in command()) {
        let written = command.to_string();
        prop_assert_eq!(parse(&written, &Aliases::default()), Ok(command.clone()));
        let typed = format!(" \u{200f}{}! ", written.to_lowercase().replace(' ', "\u{a0} "));
        prop_assert_eq!(parse(&typed, &Aliases::default()), Ok(command));
    }

    #[test]
    fn any_text_is_a_command_or_has_an_answer_that_fits(
        text in prop_oneof![
            ".{0,200}",
            "(buy|PAY|list|limit|start|stop|شراء|kafue)( [0-9xX.,€*-]{0,9}){0,4}",
        ],
    ) {
        if let Err(error) = parse(&text, TEXTS.aliases()) {
            let reply = Reply::from(error);
            for language in TEXTS.languages() {
                let said = TEXTS.render(language, &reply);
                prop_assert!(!said.is_empty() && fits(&said), "{}", said);
            }
        }
    }

    #[test]
    fn no_price_is_ever_cut(minor in 0_i64.., merchant in ".{0,60}", item in ".{0,60}") {
        let amount = Price { amount: MinorUnits::try_from(minor).unwrap(), ..price(0, "KWD") };
        for language in TEXTS.languages() {
            let said = TEXTS.render(language, &Reply::Paid {
                amount,
                merchant: Name::new(&merchant),
                quantity: 99.try_into().unwrap(),
                item: Name::new(&item),
                reference: PurchaseReference(PurchaseId(1)),
            });
            prop_assert!(said.contains(&amount.to_string()) && said.contains("KRVQKE"));
            prop_assert!(fits(&said) || minor > 9_999_999_999);
        }
    }
}
