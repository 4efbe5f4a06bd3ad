//! How a subscriber orders by USSD: dials the whole order, or goes through the menu.

use super::{Duration, Errand, Heard, MachinePart, Phone, Said, Shown, Ware, count};
use crate::commands::demo::phone::ordering::SERVICE;

/// Where a walk through the menu ended.
enum Walk {
    /// The price was said yes to.
    Confirmed,
    /// The menu said no, or nothing came: nothing was ordered.
    Left,
}

impl Phone {
    /// Orders by USSD until an SMS tells what became of it.
    pub(super) async fn order_by_ussd(
        &mut self,
        machine: &MachinePart,
        ware: Ware,
        errand: Errand,
    ) -> bool {
        let by_menu = errand.ware.is_multiple_of(2);
        let has_digits = ware.code.bytes().all(|octet| octet.is_ascii_digit());
        if by_menu || !has_digits {
            for _ in 0..WALKS_MAX {
                if let Walk::Confirmed = self.walk(machine, ware, errand).await {
                    count(&self.stage.counts.by_menu);
                    if self.is_told().await {
                        return true;
                    }
                }
            }
        }
        // A letter can't be dialled.
        if !has_digits {
            return self.order_sealed(machine, ware, errand).await;
        }
        let (short_code, code, units) = (machine.short_code, ware.code, errand.units);
        let dialled = format!("*{SERVICE}*{short_code}*{code}*{units}#");
        let message = self.handset.dial(SERVICE, &dialled);
        count(&self.stage.counts.dialled);
        for _ in 0..DIALS_MAX {
            // The network brings it again in the same session: it is the same order.
            self.stage.deliver(message.clone()).await;
            if self.is_told().await {
                return true;
            }
        }
        false
    }

    /// Dials the machine, finds the ware, and says yes to its price.
    async fn walk(&mut self, machine: &MachinePart, ware: Ware, errand: Errand) -> Walk {
        let code = format!("*{SERVICE}*{}#", machine.short_code);
        let dialled = self.handset.dial(SERVICE, &code);
        self.stage.deliver(dialled).await;
        let mut page = self.page().await;
        for _ in 0..PAGES_MAX {
            let Some(shown) = page.filter(|shown| !shown.ends) else {
                return Walk::Left;
            };
            let Some(number) = choice_of(&shown.text, ware.name) else {
                page = self.answer("0").await;
                continue;
            };
            let mut advice = self.answer(&number).await;
            if errand.units > 1 && advice.is_some() {
                self.answer("2").await;
                advice = self.answer(&errand.units.to_string()).await;
            }
            let advised = advice.is_some_and(|shown| shown.text.contains("\n1 "));
            if !advised {
                return Walk::Left;
            }
            let yes = self.handset.answer(SERVICE, "1");
            self.stage.deliver(yes).await;
            return Walk::Confirmed;
        }
        Walk::Left
    }

    async fn answer(&mut self, text: &str) -> Option<Shown> {
        let answer = self.handset.answer(SERVICE, text);
        self.stage.deliver(answer).await;
        self.page().await
    }

    /// The next page; none when the session is dead.
    async fn page(&mut self) -> Option<Shown> {
        let until = self.stage.now().saturating_add(SHOWN_WITHIN);
        loop {
            match self.listen(until).await {
                Heard::Shown(shown) => return Some(shown),
                Heard::End => return None,
                Heard::Said(_) | Heard::Confirmed | Heard::Nothing => {}
            }
            if self.stage.now() >= until {
                return None;
            }
        }
    }

    /// Whether an SMS told what became of the order; the closing text may have got lost.
    async fn is_told(&mut self) -> bool {
        let mut until = self.stage.now().saturating_add(TOLD_WITHIN);
        loop {
            match self.listen(until).await {
                Heard::Said(Said::Paid(_) | Said::Other(_)) => return true,
                Heard::End => return false,
                // The gateway was started anew and knows of no session; what was paid before then is
                // told all the same.
                Heard::Shown(shown) if shown.text.starts_with(SESSION_OVER) => {
                    until = until.min(self.stage.now().saturating_add(STILL_TOLD_WITHIN));
                }
                Heard::Said(
                    Said::Refunded(_) | Said::PartRefunded(_) | Said::Repeated(_) | Said::Unknown,
                )
                | Heard::Shown(_)
                | Heard::Confirmed
                | Heard::Nothing => {}
            }
            if self.stage.now() >= until {
                return false;
            }
        }
    }
}

/// The digits before the choice that names `ware`: a heading may name it too.
fn choice_of(page: &str, ware: &str) -> Option<String> {
    page.lines().find_map(|line| {
        let (number, choice) = line.split_once(' ')?;
        let is_choice = number.bytes().all(|octet| octet.is_ascii_digit());
        (is_choice && choice.contains(ware)).then(|| number.to_owned())
    })
}

/// How the closing text begins that an answer to no session gets.
const SESSION_OVER: &str = "This session is over";
/// How often a subscriber goes through the menu before dialling the whole order.
const WALKS_MAX: u32 = 2;
/// How often the network brings a code that nobody answered.
const DIALS_MAX: u32 = 6;
/// More pages than any list of the demo has.
const PAGES_MAX: u32 = 6;
/// How long a person waits for a page.
const SHOWN_WITHIN: Duration = Duration::from_secs(4);
/// How long a person still waits for the SMS when the session was over.
const STILL_TOLD_WITHIN: Duration = Duration::from_secs(1);
/// How long a person waits for the SMS, with a restart of the gateway in it.
const TOLD_WITHIN: Duration = Duration::from_secs(8);
