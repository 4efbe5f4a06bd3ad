//! The USSD menu: browse, see the whole price, confirm; a state machine without I/O.
//!
//! ```text
//! dialled ─┐                 ┌─► Look (a question to the books) ─► found ─┐
//! heard ───┼─► Dialogue ─────┼─► Show (a page to be answered)             │
//! found ───┘       ▲         └─► Submit (a wish that was confirmed)       │
//!                  └──────────────────────────────────────────────────────┘
//! ```
//! Only [`Step::Submit`] can pay, and it comes from a confirmed advice of charge with the whole
//! price, or from a code that was dialled whole; never from what may be old: `heard_before`. Everything before it is forgotten at no cost.

mod dialled;
mod menu;
mod pages;
mod pin;
mod question;
mod reading;
mod showing;
mod words;

pub use self::dialled::Dialled;
pub use self::menu::{Menu, MenuError};
pub use self::question::{
    Account, Bought, BoughtState, Found, LIST_MAX, Offer, PinState, Question, Shop, Wanted,
};

use self::menu::Kind;
use self::pages::Pages;
use self::reading::{amount, price, wanted};
use crate::dialogue::reply::{Price, Reply};
use crate::dialogue::sms_command::Command;
use crate::dialogue::texts::{Language, Texts};
use crate::domain::catalogue::{ItemCode, Quantity, ShortCode};
use crate::domain::money::Currency;
use crate::domain::pin::Pin;
use crate::domain::pon::Pon;
use crate::sms::ussd_string::StringForm;

/// Where a caller is in the menu.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    language: Option<Language>,
    place: Place,
    /// The screens of choices that led here, the first one first.
    path: Vec<usize>,
    pages: Pages,
    /// The payment that the caller is asked for, where we began and not the phone.
    asked: Option<Pon>,
}

/// What a dialogue goes by.
#[derive(Clone, Copy)]
pub struct Guide<'a> {
    /// The screens.
    pub menu: &'a Menu,
    /// What is said of orders.
    pub texts: &'a Texts,
    /// What a page has room for.
    pub form: StringForm,
    /// The service code, such as `*778#`.
    pub service: &'a str,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The books are asked; [`Dialogue::found`] takes the answer.
    Look(Question),
    /// A page that the caller answers.
    Show(String),
    /// The last text.
    Close(String),
    /// The caller confirmed it.
    Submit(Wish),
}

/// What a caller confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// An order or instruction; with the price that was shown, if one was.
    Order {
        /// In the words of a text message.
        command: Command,
        /// The very price.
        shown: Option<Price>,
        /// The PIN, where it was asked for.
        pin: Option<Pin>,
    },
    /// An order that the SIM's applet made.
    Sealed(Vec<u8>),
    /// Another PIN, or the first one.
    Pin {
        /// The one of now, where there is one.
        old: Option<Pin>,
        /// The new one.
        new: Pin,
    },
    /// Texts in this language from now on; [`Dialogue::spoken`] goes on.
    Language(Language),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Begun,
    /// Who calls is being looked up for what was dialled.
    Opening(Dialled),
    Choosing(usize),
    AskShortCode {
        near: bool,
    },
    Shop {
        short_code: ShortCode,
        items: Box<[ItemCode]>,
    },
    Near(Box<[ShortCode]>),
    AskAmount {
        short_code: ShortCode,
        currency: Currency,
    },
    AskPon,
    Confirm(Box<Confirming>),
    /// The PIN for what was said yes to.
    AskPin(Box<Confirming>),
    /// The PIN of now is being looked up, or asked for.
    Pin,
    OldPin,
    NewPin(Option<Pin>),
    PinAgain {
        old: Option<Pin>,
        new: Pin,
    },
    AskQuantity {
        short_code: ShortCode,
        item: ItemCode,
    },
    Purchases,
    Bill,
    /// The currency is known once the books have answered.
    Limit(Option<Currency>),
    AskLimit(Currency),
    Languages(Box<[Language]>),
    Reading,
    /// What was confirmed is at the books.
    Submitted,
    /// The last text is being read.
    Closing,
}

/// An order whose whole price is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Confirming {
    command: Command,
    price: Price,
    pin: Option<PinState>,
}

impl Dialogue {
    /// A name for metrics of the step that the caller is at.
    #[must_use]
    pub const fn step_name(&self) -> &'static str {
        match self.place {
            Place::Begun | Place::Opening(_) => "dialled",
            Place::Choosing(_) => "choosing",
            Place::AskShortCode { .. } => "ask_short_code",
            Place::Shop { .. } => "shop",
            Place::Near(_) => "near",
            Place::AskAmount { .. } => "ask_amount",
            Place::AskPon => "ask_pon",
            Place::Confirm(_) => "confirm",
            Place::AskPin(_) => "ask_pin",
            Place::Pin | Place::OldPin | Place::NewPin(_) | Place::PinAgain { .. } => "choose_pin",
            Place::AskQuantity { .. } => "ask_quantity",
            Place::Purchases => "purchases",
            Place::Bill => "bill",
            Place::Limit(_) => "limit",
            Place::AskLimit(_) => "ask_limit",
            Place::Languages(_) => "languages",
            Place::Reading => "reading",
            Place::Submitted => "submitted",
            Place::Closing => "closing",
        }
    }

    /// The language of the caller as far as it is known.
    #[must_use]
    pub fn language(&self, menu: &Menu) -> Language {
        self.language.unwrap_or_else(|| menu.fallback())
    }

    /// The caller dialled `code`, all of it.
    pub fn dialled(&mut self, code: &str, guide: &Guide<'_>) -> Step {
        match Dialled::read(code, guide.service) {
            Dialled::Order(command) => self.submit(command, None),
            Dialled::Sealed(octets) => {
                self.place = Place::Submitted;
                Step::Submit(Wish::Sealed(octets))
            }
            other @ (Dialled::Menu | Dialled::Shop(_) | Dialled::WrongPon) => {
                self.place = Place::Opening(other);
                Step::Look(Question::Account)
            }
        }
    }

    /// A merchant named the caller as who pays `pon`: there is one question, and no menu behind it.
    pub fn asked(&mut self, pon: Pon) -> Step {
        self.asked = Some(pon);
        Step::Look(Question::Account)
    }

    /// As [`Self::dialled`], for a code that may have been dialled a while ago, in a session that
    /// nobody remembers: nothing is paid by it, but its whole price is shown.
    pub fn dialled_before(&mut self, code: &str, guide: &Guide<'_>) -> Step {
        self.place = Place::Opening(Dialled::read(code, guide.service));
        Step::Look(Question::Account)
    }

    /// As [`Self::heard`], for an answer that may have been given before, in a session that nobody
    /// remembers: a price that was said yes to is shown again, and nothing is asked of the books but
    /// the language.
    pub fn heard_before(&mut self, text: &str, guide: &Guide<'_>) -> Step {
        if matches!(self.place, Place::Confirm(_)) && is_yes(typed_in(text)) {
            return Step::Show(self.pages.shown());
        }
        let before = self.clone();
        match self.heard(text, guide) {
            Step::Submit(Wish::Order { .. } | Wish::Pin { .. } | Wish::Sealed(_)) => {
                *self = before;
                Step::Show(self.pages.shown())
            }
            step @ (Step::Look(_)
            | Step::Show(_)
            | Step::Close(_)
            | Step::Submit(Wish::Language(_))) => step,
        }
    }

    /// The caller answered what was shown.
    pub fn heard(&mut self, text: &str, guide: &Guide<'_>) -> Step {
        let typed = typed_in(text);
        if self.place == Place::Closing {
            self.pages.turn();
            return self.closing_page();
        }
        if typed == "0" {
            return match self.pages.turn() {
                Some(page) => Step::Show(page),
                None => self.back(guide),
            };
        }
        let chosen = typed.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        match &self.place {
            Place::Choosing(screen) => {
                let (here, screens) = (*screen, &guide.menu.screens);
                let screen = screens.get(here);
                let choice = chosen.and_then(|n| screen?.choices.get(n));
                match choice.map(|choice| choice.to) {
                    Some(to) => self.go_to(to, guide),
                    None => self.wrong(guide),
                }
            }
            Place::AskShortCode { near } => match (typed.parse(), near) {
                (Ok(code), true) => Step::Look(Question::Near(code)),
                (Ok(code), false) => Step::Look(Question::Shop(code)),
                (Err(_), _) => self.wrong(guide),
            },
            Place::Shop { short_code, items } => match chosen.and_then(|n| items.get(n)) {
                Some(item) => price(*short_code, *item, Quantity::ONE),
                None => self.wrong(guide),
            },
            Place::Near(codes) => match chosen.and_then(|n| codes.get(n)) {
                Some(code) => Step::Look(Question::Shop(*code)),
                None => self.wrong(guide),
            },
            Place::AskPon => match typed.parse::<Pon>() {
                Ok(pon) => Step::Look(Question::Price(Wanted::Pon(pon))),
                Err(_) => self.ask(Place::AskPon, &self.text("wrong_pon", guide), guide),
            },
            Place::Languages(languages) => match chosen.and_then(|n| languages.get(n).copied()) {
                Some(language) => {
                    self.place = Place::Submitted;
                    Step::Submit(Wish::Language(language))
                }
                None => self.wrong(guide),
            },
            Place::AskAmount { .. }
            | Place::AskQuantity { .. }
            | Place::AskLimit(_)
            | Place::Confirm(_)
            | Place::Limit(_) => self.decided(typed, guide),
            Place::AskPin(_) | Place::OldPin | Place::NewPin(_) | Place::PinAgain { .. } => {
                self.pin_typed(typed, guide)
            }
            Place::Purchases | Place::Bill | Place::Pin | Place::Reading => self.back(guide),
            Place::Begun | Place::Opening(_) | Place::Submitted | Place::Closing => {
                self.wrong(guide)
            }
        }
    }

    /// The books answered.
    pub fn found(&mut self, found: Found, guide: &Guide<'_>) -> Step {
        match found {
            Found::Stranger => {
                let language = self.language(guide.menu);
                Step::Close(guide.texts.render(language, &Reply::NotBillable))
            }
            Found::Account(account) => self.account(&account, guide),
            Found::Shop(shop) => self.shop(&shop, guide),
            Found::Near {
                short_code,
                missing,
                terminals,
            } => self.near(short_code, missing, &terminals, guide),
            Found::Offer(offer) => self.advise(offer, guide),
            Found::Refused(reply) => {
                let text = guide.texts.render(self.language(guide.menu), &reply);
                if self.asked.is_some() {
                    return Step::Close(text);
                }
                self.ask(Place::Reading, &text, guide)
            }
            Found::Purchases(bought) => {
                let text = self.bought(&bought, guide);
                self.ask(Place::Purchases, &text, guide)
            }
        }
    }

    /// The caller's language is another from now on: the menu begins again in it.
    pub fn spoken(&mut self, language: Language, guide: &Guide<'_>) -> Step {
        self.language = Some(language);
        self.path.clear();
        self.go_to(0, guide)
    }

    /// The last text, page by page where one has no room for it.
    pub fn closing(&mut self, text: &str, guide: &Guide<'_>) -> Step {
        let more = self.text("more", guide);
        self.pages = Pages::of(text, &more, "", guide.form);
        self.place = Place::Closing;
        self.closing_page()
    }

    fn go_to(&mut self, to: usize, guide: &Guide<'_>) -> Step {
        if let Place::Choosing(from) = self.place {
            self.path.push(from);
        }
        let Some(screen) = guide.menu.screens.get(to) else {
            return self.wrong(guide);
        };
        match screen.kind {
            Kind::Choices => {
                let choices = screen.choices.iter();
                let lines = choices.map(|choice| self.text(&choice.text, guide));
                let text = pages::numbered(&self.text(&screen.title, guide), lines);
                self.ask(Place::Choosing(to), &text, guide)
            }
            Kind::Shop | Kind::Near => {
                let near = screen.kind == Kind::Near;
                let text = self.text("ask_short_code", guide);
                self.ask(Place::AskShortCode { near }, &text, guide)
            }
            Kind::Payment => self.ask(Place::AskPon, &self.text("ask_pon", guide), guide),
            Kind::Purchases => self.look(Place::Purchases, Question::Purchases),
            Kind::Bill => self.look(Place::Bill, Question::Account),
            Kind::Limit => self.look(Place::Limit(None), Question::Account),
            Kind::Pin => self.look(Place::Pin, Question::Account),
            Kind::Language => {
                let (languages, names): (Vec<_>, Vec<_>) = guide.menu.languages().unzip();
                let text = pages::numbered(&self.text("languages", guide), names);
                self.ask(Place::Languages(languages.into()), &text, guide)
            }
            Kind::Reading => self.ask(Place::Reading, &self.text(&screen.title, guide), guide),
        }
    }

    /// The screen of choices before this one; the first one stays.
    fn back(&mut self, guide: &Guide<'_>) -> Step {
        if self.asked.is_some() {
            return Step::Close(self.text("declined", guide));
        }
        let to = self.path.pop().unwrap_or(0);
        self.place = Place::Begun;
        self.go_to(to, guide)
    }

    /// An answer that says how much, how many, or yes.
    fn decided(&mut self, typed: &str, guide: &Guide<'_>) -> Step {
        match self.place.clone() {
            Place::AskAmount {
                short_code,
                currency,
            } => match amount(typed, currency) {
                Some(amount) => Step::Look(Question::Price(Wanted::Amount { short_code, amount })),
                None => self.wrong_amount(currency, guide),
            },
            Place::AskQuantity { short_code, item } => {
                let quantity = typed.parse::<u8>().ok();
                match quantity.and_then(|units| Quantity::try_from(units).ok()) {
                    Some(quantity) => price(short_code, item, quantity),
                    None => self.wrong(guide),
                }
            }
            Place::AskLimit(currency) => match amount(typed, currency) {
                Some(amount) => self.submit(Command::Limit(Some(amount)), None),
                None => self.wrong_amount(currency, guide),
            },
            Place::Limit(Some(currency)) if typed == "1" => {
                let text = self.filled("ask_limit", &[("currency", currency.code())], guide);
                self.ask(Place::AskLimit(currency), &text, guide)
            }
            Place::Confirm(offer) => match (typed, &offer.command) {
                (yes, _) if is_yes(yes) => self.agreed(*offer, guide),
                (
                    "2",
                    Command::Buy {
                        short_code, item, ..
                    },
                ) => {
                    let place = Place::AskQuantity {
                        short_code: *short_code,
                        item: *item,
                    };
                    self.ask(place, &self.text("ask_quantity", guide), guide)
                }
                (_, _) => self.wrong(guide),
            },
            Place::Begun
            | Place::Opening(_)
            | Place::Choosing(_)
            | Place::AskShortCode { .. }
            | Place::Shop { .. }
            | Place::Near(_)
            | Place::AskPon
            | Place::Purchases
            | Place::Bill
            | Place::Limit(_)
            | Place::Languages(_)
            | Place::AskPin(_)
            | Place::Pin
            | Place::OldPin
            | Place::NewPin(_)
            | Place::PinAgain { .. }
            | Place::Reading
            | Place::Submitted
            | Place::Closing => self.wrong(guide),
        }
    }

    fn submit(&mut self, command: Command, shown: Option<Price>) -> Step {
        self.place = Place::Submitted;
        Step::Submit(Wish::Order {
            command,
            shown,
            pin: None,
        })
    }

    fn look(&mut self, place: Place, question: Question) -> Step {
        self.place = place;
        Step::Look(question)
    }
}

fn typed_in(text: &str) -> &str {
    text.trim().trim_end_matches('#')
}

/// To an advice of charge.
fn is_yes(typed: &str) -> bool {
    typed == "1"
}

/// Shown as `2.50`, `250` or `0.250`.
const EXAMPLE_MINOR: i64 = 250;

#[cfg(test)]
mod tests;
