//! Ways through the menu, and random ones.

use proptest::prelude::*;

use super::*;
use crate::dialogue::reply::{ClockTime, ListedItem, Name};
use crate::sms::SmscAlphabet;
use crate::sms::ussd_string::UssdString;

/// A caller, and books in which everything costs what the test says.
struct Call {
    menu: Menu,
    texts: Texts,
    dialogue: Dialogue,
    language: Language,
}

impl Call {
    fn new(language: &str) -> Self {
        Self {
            menu: Menu::shipped(Language::EN).unwrap(),
            texts: Texts::shipped(|_| true).unwrap(),
            dialogue: Dialogue::default(),
            language: language.parse().unwrap(),
        }
    }

    fn step(&mut self, go: impl FnOnce(&mut Dialogue, &Guide<'_>) -> Step) -> Step {
        let guide = Guide {
            menu: &self.menu,
            texts: &self.texts,
            form: SmscAlphabet::Gsm7Unpacked.into(),
            service: "*778#",
        };
        let mut step = go(&mut self.dialogue, &guide);
        while let Step::Look(question) = step {
            step = self.dialogue.found(books(&question, self.language), &guide);
        }
        step
    }

    fn dial(&mut self, code: &str) -> Step {
        self.step(|dialogue, guide| dialogue.dialled(code, guide))
    }

    fn answer(&mut self, text: &str) -> Step {
        self.step(|dialogue, guide| dialogue.heard(text, guide))
    }

    /// The page after dialling and answering.
    fn page(&mut self, code: &str, answers: &[&str]) -> String {
        let mut step = self.dial(code);
        for answer in answers {
            step = self.answer(answer);
        }
        match step {
            Step::Show(page) => page,
            other @ (Step::Look(_) | Step::Close(_) | Step::Submit(_)) => {
                panic!("no page: {other:?}")
            }
        }
    }
}

fn eur(minor: i64) -> Price {
    Price {
        amount: minor.try_into().unwrap(),
        currency: "EUR".parse().unwrap(),
    }
}

fn items() -> Vec<ListedItem> {
    let item = |n: u8| ListedItem {
        item: n.to_string().parse().unwrap(),
        name: Name::new(&format!("Espresso doppio {n}")),
        price: eur(i64::from(n) * 10 + 180),
    };
    (1..=12).map(item).collect()
}

/// 4711 has items, 4712 takes amounts, 4714 and above are not there.
fn books(question: &Question, language: Language) -> Found {
    let near = |short_code, missing| Found::Near {
        short_code,
        missing,
        terminals: vec![(4711.try_into().unwrap(), Name::new("Coffee Ltd"))],
    };
    match question {
        Question::Account => Found::Account(Account {
            language,
            spent: eur(1_234),
            left: eur(8_766),
            limit: eur(10_000),
            pin: PinState::Set,
        }),
        Question::Near(code) => near(*code, false),
        Question::Shop(code) if code.number() >= 4714 => near(*code, true),
        Question::Shop(code) => Found::Shop(Shop {
            short_code: *code,
            merchant: Name::new("Coffee Ltd"),
            currency: "EUR".parse().unwrap(),
            items: if code.number() == 4712 {
                vec![]
            } else {
                items()
            },
        }),
        Question::Price(wanted) => offer(wanted),
        Question::Purchases => Found::Purchases(vec![Bought {
            date: (3, 11),
            time: ClockTime { hour: 9, minute: 5 },
            amount: eur(260),
            merchant: Name::new("Coffee Ltd"),
            state: BoughtState::Refunded,
        }]),
    }
}

fn offer(wanted: &Wanted) -> Found {
    let merchant = Name::new("Coffee Ltd");
    let (command, amount, item) = match wanted {
        Wanted::Item {
            short_code,
            item,
            quantity,
        } => (
            Command::Buy {
                short_code: *short_code,
                item: *item,
                quantity: *quantity,
                again: None,
            },
            eur(i64::from(quantity.units()) * 250 + 10),
            Some((Name::new("Espresso"), *quantity)),
        ),
        Wanted::Amount { short_code, amount } => (
            Command::PayAmount {
                short_code: *short_code,
                amount: amount.clone(),
                again: None,
            },
            eur(amount.in_currency("EUR".parse().unwrap()).unwrap().minor() + 10),
            None,
        ),
        Wanted::Pon(pon) if pon.number() != 83_920_171 => {
            return Found::Refused(Reply::PonUnknown { pon: *pon });
        }
        Wanted::Pon(pon) => (
            Command::PayPon {
                short_code: None,
                pon: *pon,
            },
            eur(990),
            None,
        ),
    };
    Found::Offer(Offer {
        command,
        amount,
        merchant,
        item,
        pin: None,
    })
}

#[test]
fn an_item_is_browsed_priced_and_confirmed() {
    let mut call = Call::new("en");
    let main = call.page("*778#", &[]);
    assert!(
        main.starts_with("Pay with your phone\n1 Buy at a machine\n"),
        "{main}"
    );
    let Step::Show(asked) = call.answer("1") else {
        panic!()
    };
    assert_eq!(asked, "Number on the machine or shop?\n0 Back");
    let Step::Show(shop) = call.answer("4711") else {
        panic!()
    };
    assert!(
        shop.starts_with("Coffee Ltd 4711\n1 Espresso doppio 1 1.90 EUR\n"),
        "{shop}"
    );
    assert!(shop.ends_with("\n0 More"), "{shop}");
    let Step::Show(more) = call.answer("0") else {
        panic!()
    };
    assert!(more.contains(" EUR\n"), "{more}");
    let Step::Show(advice) = call.answer("9") else {
        panic!()
    };
    let words = "1 x Espresso, Coffee Ltd: 2.60 EUR. It goes on your bill.";
    assert_eq!(advice, format!("{words}\n1 Pay\n2 More of it\n0 No"));
    let Step::Show(_) = call.answer("2") else {
        panic!()
    };
    let Step::Show(advice) = call.answer("3") else {
        panic!()
    };
    assert!(
        advice.starts_with("3 x Espresso, Coffee Ltd: 7.60 EUR."),
        "{advice}"
    );
    let Step::Submit(Wish::Order { command, shown, .. }) = call.answer("1") else {
        panic!("not submitted");
    };
    assert_eq!(
        (command.to_string().as_str(), shown),
        ("BUY 4711 9 x3", Some(eur(760)))
    );
}

#[test]
fn a_whole_code_is_an_order_at_once_and_half_of_one_is_a_shop() {
    let dialled = Call::new("en").dial("*778*4711*12#");
    let Step::Submit(Wish::Order { command, shown, .. }) = dialled else {
        panic!()
    };
    assert_eq!((command.to_string().as_str(), shown), ("BUY 4711 12", None));
    let shop = Call::new("en").page("*778*4711#", &[]);
    assert!(shop.starts_with("Coffee Ltd 4711\n1 "));
    let wrong = Call::new("en").page("*778*83920172#", &[]);
    assert!(wrong.starts_with("One digit is wrong."));
    let advice = Call::new("en").page("*778*83920172#", &["83920171"]);
    assert!(advice.starts_with("9.90 EUR to Coffee Ltd."), "{advice}");
}

#[test]
fn amounts_are_asked_for_where_nothing_is_listed() {
    let mut call = Call::new("en");
    let asked = call.page("*778*4712#", &[]);
    assert_eq!(asked, "Coffee Ltd: how much, in EUR?\n0 Back");
    for wrong in ["2.5", "x", "00", "2.505"] {
        let Step::Show(page) = call.answer(wrong) else {
            panic!()
        };
        assert!(page.contains("like 2.50"), "{wrong}: {page}");
    }
    let Step::Show(advice) = call.answer("2*50") else {
        panic!()
    };
    assert!(advice.starts_with("2.60 EUR to Coffee Ltd."), "{advice}");
    assert!(!advice.contains("More"), "{advice}");
    assert!(matches!(call.answer("1"), Step::Submit(_)));
}

#[test]
fn nothing_is_there_but_neighbours() {
    let mut call = Call::new("en");
    let page = call.page("*778#", &["1", "4799"]);
    assert_eq!(
        page,
        "There is no 4799. Near it:\n1 Coffee Ltd 4711\n0 Back"
    );
    let Step::Show(shop) = call.answer("1") else {
        panic!()
    };
    assert!(shop.starts_with("Coffee Ltd 4711"));
    let page = Call::new("en").page("*778#", &["2", "4711"]);
    assert!(page.starts_with("Near 4711:"));
}

#[test]
fn the_account_tells_and_lowers_and_speaks() {
    let mut call = Call::new("en");
    let page = call.page("*778#", &["4", "1"]);
    assert_eq!(
        page,
        "Last purchases:\n03.11. 2.60 EUR Coffee Ltd refunded\n0 Back"
    );
    let Step::Show(page) = call.answer("0") else {
        panic!()
    };
    assert!(page.starts_with("My account"), "{page}");
    let Step::Show(page) = call.answer("2") else {
        panic!()
    };
    assert_eq!(
        page,
        "On this bill: 12.34 EUR. Left to spend: 87.66 EUR.\n0 Back"
    );
    call.answer("0");
    let Step::Show(page) = call.answer("3") else {
        panic!()
    };
    assert!(
        page.contains("100.00 EUR") && page.contains("1 Lower it"),
        "{page}"
    );
    call.answer("1");
    let Step::Submit(Wish::Order { command, .. }) = call.answer("50") else {
        panic!()
    };
    assert_eq!(command.to_string(), "LIMIT 50");

    let mut call = Call::new("en");
    call.page("*778#", &["5"]);
    let Step::Submit(Wish::Language(language)) = call.answer("2") else {
        panic!()
    };
    let Step::Show(main) = call.step(|dialogue, guide| dialogue.spoken(language, guide)) else {
        panic!()
    };
    assert!(
        main.starts_with("Mit dem Handy zahlen\n1 Am Automaten"),
        "{main}"
    );
}

#[test]
fn no_is_no_and_goes_back() {
    let mut call = Call::new("de");
    let advice = call.page("*778#", &["1", "4711", "1"]);
    assert!(advice.ends_with("0 Nein"), "{advice}");
    let Step::Show(page) = call.answer("0") else {
        panic!()
    };
    assert!(page.starts_with("Mit dem Handy zahlen"), "{page}");
    let Step::Show(page) = call.answer("99") else {
        panic!()
    };
    assert!(page.starts_with("Bitte antworten Sie"), "{page}");
}

#[test]
fn a_stranger_is_told_so_and_that_is_all() {
    let mut call = Call::new("en");
    let guide = Guide {
        menu: &call.menu,
        texts: &call.texts,
        form: SmscAlphabet::Gsm7Unpacked.into(),
        service: "*778#",
    };
    call.dialogue.dialled("*778#", &guide);
    let step = call.dialogue.found(Found::Stranger, &guide);
    assert!(matches!(step, Step::Close(text) if text.contains("no bill")));
}

#[test]
fn what_may_be_old_pays_nothing_but_shows_its_price_again() {
    let mut call = Call::new("en");
    let advice = call.step(|dialogue, guide| dialogue.dialled_before("*778*4711*12*2#", guide));
    let Step::Show(page) = advice else {
        panic!("no page: {advice:?}")
    };
    assert!(page.contains("1 Pay"), "{page}");
    let again = call.step(|dialogue, guide| dialogue.heard_before("1", guide));
    assert_eq!(again, Step::Show(page.clone()));
    assert_eq!(call.dialogue.step_name(), "confirm");
    let paid = call.answer("1");
    assert!(
        matches!(&paid, Step::Submit(Wish::Order { shown: Some(_), .. })),
        "{paid:?}"
    );
    let number = call.step(|dialogue, guide| dialogue.dialled_before("*778*83920171#", guide));
    assert!(matches!(number, Step::Show(_)), "{number:?}");
    let menu = call.step(|dialogue, guide| dialogue.dialled_before("*778#", guide));
    assert!(matches!(&menu, Step::Show(page) if page.starts_with("Pay with")));
}

#[test]
fn a_pin_that_was_typed_before_is_asked_for_again_behind_the_price() {
    let mut call = Call::new("en");
    call.dial("*778#");
    let wanted = Wanted::Pon("83920171".parse().unwrap());
    let Found::Offer(mut offered) = offer(&wanted) else {
        panic!("no offer")
    };
    offered.pin = Some(PinState::Set);
    let advice = call.step(|dialogue, guide| dialogue.found(Found::Offer(offered), guide));
    // Yes and PIN, as they were said to a process that is gone.
    for before in ["1", "4711"] {
        call.step(|dialogue, guide| dialogue.heard_before(before, guide));
        assert_eq!(call.dialogue.step_name(), "confirm");
    }
    let again = call.step(|dialogue, guide| dialogue.heard_before("1", guide));
    assert_eq!(again, advice);
    call.answer("1");
    assert_eq!(call.dialogue.step_name(), "ask_pin");
    // Nor is one set by what is old.
    let asked = call.step(|dialogue, guide| dialogue.heard_before("4711", guide));
    assert!(matches!(asked, Step::Show(_)), "{asked:?}");
    let paid = call.answer("4711");
    assert!(
        matches!(&paid, Step::Submit(Wish::Order { pin: Some(_), .. })),
        "{paid:?}"
    );
}

#[test]
fn a_last_text_that_one_string_cannot_hold_is_read_page_by_page() {
    let mut call = Call::new("en");
    let text = "Paid 2.60 EUR. ".repeat(20);
    let mut step = call.step(|dialogue, guide| dialogue.closing(&text, guide));
    let mut pages = 1;
    while let Step::Show(page) = &step {
        assert!(page.ends_with("0 More"), "{page}");
        step = call.answer("0");
        pages += 1;
    }
    assert!(matches!(&step, Step::Close(page) if page.ends_with("EUR.")));
    assert_eq!(pages, 2);
    let short = call.step(|dialogue, guide| dialogue.closing("Bye", guide));
    assert_eq!(short, Step::Close("Bye".to_owned()));
}

proptest! {
    /// Whatever is typed: every page fits one string, prices stay whole, the way stays short, and
    /// nothing is submitted but what was confirmed with its price, or has none.
    #[test]
    fn nothing_is_paid_that_was_not_confirmed(
        language in proptest::sample::select(vec!["en", "de", "fr", "ar"]),
        answers in proptest::collection::vec("[0-9]|1|0|4711|4712|4799|83920171|2\\.50|[a-z*#]{0,4}", 1..60),
    ) {
        let mut call = Call::new(language);
        let mut step = call.dial("*778#");
        let mut page = String::new();
        for answer in answers {
            match step {
                Step::Show(shown) => {
                    let string = UssdString::write(&shown, SmscAlphabet::Gsm7Unpacked);
                    prop_assert!(string.is_ok(), "{}", shown);
                    let glued = shown.contains('\u{a0}');
                    prop_assert!(!glued, "{}", shown);
                    page = shown;
                }
                Step::Submit(Wish::Order { command, shown, .. }) => {
                    if let Some(price) = shown {
                        prop_assert!(page.contains(&price.to_string()), "{}", page);
                    } else {
                        let lowers = matches!(command, Command::Limit(Some(_)));
                        prop_assert!(lowers, "{}", command);
                    }
                    return Ok(());
                }
                Step::Submit(Wish::Language(_) | Wish::Pin { .. } | Wish::Sealed(_)) | Step::Close(_) => return Ok(()),
                Step::Look(_) => prop_assert!(false, "the books answer at once"),
            }
            step = call.answer(&answer);
            prop_assert!(call.dialogue.path.len() <= 3);
        }
    }
}

#[test]
fn who_is_asked_to_pay_sees_the_price_first_and_has_no_menu() {
    for language in ["en", "de", "fr", "ar"] {
        let pon: Pon = "83920171".parse().unwrap();
        let mut call = Call::new(language);
        let Step::Show(page) = call.step(|dialogue, _| dialogue.asked(pon)) else {
            panic!("{language}: nothing is asked");
        };
        let asked = call.menu.text(call.language, "asked", &[]);
        assert!(page.starts_with(&asked) && page.contains('1'), "{page}");
        let Step::Show(again) = call.answer("what?") else {
            panic!("{language}: not asked again");
        };
        assert!(again.contains("Coffee"), "{again}");
        let shown = eur(990);
        let command = Command::PayPon {
            short_code: None,
            pon,
        };
        let Step::Submit(Wish::Order {
            command: said,
            shown: price,
            ..
        }) = call.answer("1")
        else {
            panic!("{language}: a yes that pays nothing");
        };
        assert_eq!((said, price), (command, Some(shown)));

        let mut call = Call::new(language);
        call.step(|dialogue, _| dialogue.asked(pon));
        let declined = call.menu.text(call.language, "declined", &[]);
        assert_eq!(call.answer("0"), Step::Close(declined), "{language}");
    }
}
