//! What the menu shows: pages of what the books answered.

use super::pages::{self, Pages};
use super::question::{Account, Bought, LIST_MAX, Offer, Question, Shop, Wanted};
use super::{Confirming, Dialled, Dialogue, EXAMPLE_MINOR, Guide, Place, Step, wanted};
use crate::dialogue::reply::Name;
use crate::dialogue::sms_command::Command;
use crate::domain::catalogue::ShortCode;
use crate::domain::money::{Currency, MinorUnits};

impl Dialogue {
    /// What a terminal has; how much, where nothing is listed.
    pub(super) fn shop(&mut self, shop: &Shop, guide: &Guide<'_>) -> Step {
        let Shop {
            short_code,
            currency,
            ..
        } = *shop;
        let merchant = shop.merchant.as_str();
        if shop.items.is_empty() {
            let place = Place::AskAmount {
                short_code,
                currency,
            };
            let with = [("merchant", merchant), ("currency", currency.code())];
            let text = self.filled("ask_amount", &with, guide);
            return self.ask(place, &text, guide);
        }
        let number = short_code.to_string();
        let with = [("merchant", merchant), ("short_code", &number)];
        let head = self.filled("shop", &with, guide);
        let items = shop.items.iter().take(LIST_MAX);
        let lines = items
            .clone()
            .map(|listed| format!("{} {}", listed.name.as_str(), pages::price(&listed.price)));
        let text = pages::numbered(&head, lines);
        let items = items.map(|listed| listed.item).collect();
        self.ask(Place::Shop { short_code, items }, &text, guide)
    }

    pub(super) fn account(&mut self, account: &Account, guide: &Guide<'_>) -> Step {
        self.language = Some(account.language);
        let [spent, left, limit] =
            [&account.spent, &account.left, &account.limit].map(pages::price);
        if let Some(pon) = self.asked {
            return Step::Look(Question::Price(Wanted::Pon(pon)));
        }
        match self.place.clone() {
            Place::Opening(Dialled::Shop(short_code)) => {
                self.place = Place::AskShortCode { near: false };
                Step::Look(Question::Shop(short_code))
            }
            Place::Opening(Dialled::Order(command)) => match wanted(&command) {
                Some(wanted) => {
                    self.place = Place::Reading;
                    Step::Look(Question::Price(wanted))
                }
                None => self.go_to(0, guide),
            },
            Place::Opening(Dialled::WrongPon) => {
                self.ask(Place::AskPon, &self.text("wrong_pon", guide), guide)
            }
            Place::Pin => self.choose_pin(account.pin, guide),
            Place::Bill => {
                let text = self.filled("bill", &[("spent", &spent), ("left", &left)], guide);
                self.ask(Place::Bill, &text, guide)
            }
            Place::Limit(_) => {
                let text = self.filled("limit", &[("limit", &limit), ("left", &left)], guide);
                let text = format!("{text}\n{}", self.text("lower", guide));
                self.ask(Place::Limit(Some(account.limit.currency)), &text, guide)
            }
            Place::Begun
            | Place::Opening(Dialled::Menu | Dialled::Sealed(_))
            | Place::Choosing(_)
            | Place::AskShortCode { .. }
            | Place::Shop { .. }
            | Place::Near(_)
            | Place::AskAmount { .. }
            | Place::AskPon
            | Place::Confirm(_)
            | Place::AskQuantity { .. }
            | Place::Purchases
            | Place::AskLimit(_)
            | Place::Languages(_)
            | Place::AskPin(_)
            | Place::OldPin
            | Place::NewPin(_)
            | Place::PinAgain { .. }
            | Place::Reading
            | Place::Submitted
            | Place::Closing => self.go_to(0, guide),
        }
    }

    pub(super) fn near(
        &mut self,
        short_code: ShortCode,
        missing: bool,
        terminals: &[(ShortCode, Name)],
        guide: &Guide<'_>,
    ) -> Step {
        let number = short_code.to_string();
        let with = [("short_code", number.as_str())];
        if terminals.is_empty() {
            let text = self.filled("nobody_near", &with, guide);
            return self.ask(Place::Reading, &text, guide);
        }
        let head = if missing { "no_shop" } else { "near" };
        let head = self.filled(head, &with, guide);
        let terminals = terminals.iter().take(LIST_MAX);
        let lines = terminals
            .clone()
            .map(|(code, name)| format!("{} {code}", name.as_str()));
        let text = pages::numbered(&head, lines);
        let codes = terminals.map(|(code, _)| *code).collect();
        self.ask(Place::Near(codes), &text, guide)
    }

    /// Advice of charge: nothing is paid before the whole price was said yes to.
    pub(super) fn advise(&mut self, offer: Offer, guide: &Guide<'_>) -> Step {
        let amount = pages::price(&offer.amount);
        let merchant = offer.merchant.as_str();
        let mut text = if let Some((item, quantity)) = &offer.item {
            let quantity = quantity.to_string();
            let with = [
                ("quantity", quantity.as_str()),
                ("item", item.as_str()),
                ("merchant", merchant),
                ("amount", &amount),
            ];
            self.filled("confirm_item", &with, guide)
        } else {
            let with = [("merchant", merchant), ("amount", &amount)];
            self.filled("confirm_amount", &with, guide)
        };
        if self.asked.is_some() {
            text = format!("{}\n{text}", self.text("asked", guide));
        }
        let mut answers = vec!["yes"];
        if matches!(offer.command, Command::Buy { .. }) {
            answers.push("pieces");
        }
        for key in answers {
            text.push('\n');
            text.push_str(&self.text(key, guide));
        }
        let no = self.text("no", guide);
        self.place = Place::Confirm(Box::new(Confirming {
            command: offer.command,
            price: offer.amount,
            pin: offer.pin,
        }));
        self.show(&text, &no, guide)
    }

    pub(super) fn bought(&self, bought: &[Bought], guide: &Guide<'_>) -> String {
        if bought.is_empty() {
            return self.text("no_purchases", guide);
        }
        let mut text = self.text("purchases", guide);
        for one in bought.iter().take(LIST_MAX) {
            let (day, month) = (format!("{:02}", one.date.0), format!("{:02}", one.date.1));
            let with = [
                ("day", day.as_str()),
                ("month", &month),
                ("time", &one.time.to_string()),
                ("amount", &pages::price(&one.amount)),
                ("merchant", one.merchant.as_str()),
                ("state", &self.text(one.state.key(), guide)),
            ];
            text.push('\n');
            text.push_str(&self.filled("purchase", &with, guide));
        }
        text
    }

    /// What was shown is shown again, below what was wrong if there is room for that.
    pub(super) fn wrong(&mut self, guide: &Guide<'_>) -> Step {
        let wrong = self.text("wrong", guide);
        Step::Show(self.pages.again(&wrong, guide.form))
    }

    pub(super) fn wrong_amount(&mut self, currency: Currency, guide: &Guide<'_>) -> Step {
        let amount = MinorUnits::try_from(EXAMPLE_MINOR).unwrap_or_default();
        let example = currency.format(amount);
        let text = self.filled("wrong_amount", &[("example", &example)], guide);
        let place = self.place.clone();
        self.ask(place, &text, guide)
    }

    pub(super) fn ask(&mut self, place: Place, text: &str, guide: &Guide<'_>) -> Step {
        let first = matches!(place, Place::Choosing(0));
        self.place = place;
        let back = self.text("back", guide);
        self.show(text, if first { "" } else { &back }, guide)
    }

    pub(super) fn show(&mut self, text: &str, foot: &str, guide: &Guide<'_>) -> Step {
        let more = self.text("more", guide);
        self.pages = Pages::of(text, &more, foot, guide.form);
        Step::Show(self.pages.shown())
    }

    /// The page of the last text that is shown: the last one closes.
    pub(super) fn closing_page(&self) -> Step {
        let page = self.pages.shown();
        if self.pages.is_last() {
            Step::Close(page)
        } else {
            Step::Show(page)
        }
    }

    pub(super) fn text(&self, key: &str, guide: &Guide<'_>) -> String {
        let prefix = guide.service.trim_end_matches('#');
        self.filled(key, &[("prefix", prefix)], guide)
    }

    pub(super) fn filled(&self, key: &str, with: &[(&str, &str)], guide: &Guide<'_>) -> String {
        guide.menu.text(self.language(guide.menu), key, with)
    }
}
