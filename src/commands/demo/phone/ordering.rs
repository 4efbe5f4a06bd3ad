//! How a subscriber orders: by the SIM's applet until there is a confirmation, or in words.

use super::{
    Agreed, Currency, Duration, Errand, Heard, MachinePart, MinorUnits, Phone, Said, SecuredOrder,
    ShortMessage, Twist, Wanted, Ware, count, gross,
};

impl Phone {
    /// Orders by the applet.
    pub(super) async fn order_sealed(
        &mut self,
        machine: &MachinePart,
        ware: Ware,
        errand: Errand,
    ) -> bool {
        let shop = machine.shop();
        let code = if errand.twist == Twist::NoSuchItem {
            NO_ITEM
        } else {
            ware.code
        };
        let mut agreed = gross(shop, ware, errand.units);
        if errand.twist == Twist::OldPrice {
            let before = MinorUnits::try_from(OLD_PRICE_LESS_MINOR).unwrap_or_default();
            agreed = agreed.minus(before).unwrap_or(agreed);
        }
        let (Ok(short_code), Ok(item), Ok(quantity)) = (
            machine.short_code.try_into(),
            code.parse(),
            errand.units.try_into(),
        ) else {
            return false;
        };
        let wanted = Wanted::Item {
            short_code,
            item,
            quantity,
        };
        self.send_sealed(wanted, agreed, errand.twist).await
    }

    /// Sends an order until the SIM has its confirmation: each time under a new counter, and
    /// always under the same reference.
    pub(super) async fn send_sealed(
        &mut self,
        wanted: Wanted,
        agreed: MinorUnits,
        twist: Twist,
    ) -> bool {
        let agreed = Agreed::Exactly(agreed);
        let Some(order) = self.handset.sim.order(wanted, agreed, self.currency) else {
            return false;
        };
        if twist == Twist::Forgery {
            self.forge(&order).await;
        }
        for attempt in 0..ATTEMPTS_MAX {
            if attempt > 0 {
                count(&self.stage.counts.sent_again);
            }
            let Ok(message) = self.handset.secured(SERVICE, &order) else {
                return false;
            };
            self.remember_packet(&message);
            if twist == Twist::Duplicate && attempt == 0 {
                count(&self.stage.counts.duplicates);
                // Nobody waits for the copy: its answer is the order's.
                drop(self.stage.smsc.enqueue(message.clone()));
            }
            self.stage.deliver(message).await;
            if self.hears_of(&order).await {
                return true;
            }
        }
        false
    }

    /// The thief's card seals the order under a reference far above the victim's.
    async fn forge(&mut self, order: &SecuredOrder) {
        let reference = FORGED_FROM.saturating_add(order.reference.number());
        let Ok(number) = reference.try_into() else {
            return;
        };
        let forged = SecuredOrder {
            reference: number,
            ..*order
        };
        if let Ok(packet) = self.thief.seal(&forged) {
            count(&self.stage.counts.forgeries);
            self.told.forged.insert(reference);
            let message = self.handset.carry(SERVICE, &packet);
            self.stage.deliver(message).await;
        }
    }

    async fn hears_of(&mut self, order: &SecuredOrder) -> bool {
        let until = self.stage.now().saturating_add(CONFIRMED_WITHIN);
        loop {
            if self.told.answered.contains(&order.reference.number()) {
                return true;
            }
            if matches!(self.listen(until).await, Heard::End) || self.stage.now() >= until {
                return self.told.answered.contains(&order.reference.number());
            }
        }
    }

    /// Orders in words, unless so much was typed lately that the applet is used instead.
    pub(super) async fn order_in_words(
        &mut self,
        machine: &MachinePart,
        ware: Ware,
        errand: Errand,
    ) -> bool {
        let (short_code, units) = (machine.short_code, errand.units);
        let nth = usize::from(units).saturating_add(errand.ware);
        let text = if errand.twist == Twist::Amount {
            let amount = written(self.currency, ware.retail_minor);
            format!("PAY {short_code} {amount}")
        } else if errand.twist == Twist::NoSuchItem {
            format!("BUY {short_code} {NO_ITEM}")
        } else if units > 1 {
            format!("BUY {short_code} {} x{units}", ware.code)
        } else {
            format!("BUY {short_code} {}", ware.code)
        };
        if !self.may_type(&text) {
            // The applet sells items, so that an amount becomes an item.
            return self.order_sealed(machine, ware, errand).await;
        }
        self.typed.push_back((self.stage.now(), text.clone()));
        let own_words = match text.split_once(' ') {
            Some(("BUY", rest)) => format!("{} {rest}", self.book.buy(nth)),
            Some((_, rest)) => format!("{} {rest}", self.book.pay(nth)),
            None => text.clone(),
        };
        if errand.twist == Twist::InTwoParts
            && let Some(parts) = self.handset.text_in_two(SERVICE, &text)
        {
            count(&self.stage.counts.two_parts);
            let [first, second] = parts;
            // The second part overtakes the first.
            drop(self.stage.smsc.enqueue(second));
            self.stage.deliver(first).await;
            let answer = self.hears_about(true).await;
            return self.bought(text, answer.as_ref());
        }
        let answer = self.say(&own_words, true).await;
        self.bought(text, answer.as_ref())
    }

    /// Types the same as before, reads what to type for another one, and types that.
    pub(super) async fn another_one(&mut self, text: &str) -> bool {
        for message in self.handset.text(SERVICE, text) {
            self.stage.deliver(message).await;
        }
        let mut answer = self.hears_about(false).await;
        if let Some(Said::Other(_)) = answer {
            // A refusal of before that the gateway sent again: the answer is still to come.
            answer = self.hears_about(false).await;
        }
        match answer {
            Some(Said::Repeated(again)) => {
                count(&self.stage.counts.another_ones);
                self.typed.push_back((self.stage.now(), text.to_owned()));
                self.say(&again, true).await.is_some()
            }
            answer => answer.is_some(),
        }
    }

    /// Remembers what was bought by words; whether there was an answer at all.
    fn bought(&mut self, text: String, answer: Option<&Said>) -> bool {
        let is_paid = matches!(answer, Some(Said::Paid(_)));
        self.last_bought = is_paid.then(|| (self.stage.now(), text));
        answer.is_some()
    }

    /// Sends a text and waits for its answer. `is_order` tells that a reply that it was bought
    /// before comes from the network, not from the owner.
    pub(super) async fn say(&mut self, text: &str, is_order: bool) -> Option<Said> {
        for message in self.handset.text(SERVICE, text) {
            self.stage.deliver(message).await;
        }
        self.hears_about(is_order).await
    }

    /// Waits for the answer to a text. For a new order, a reply that this very order came before
    /// means that the network delivered it twice: its first answer is on the way.
    async fn hears_about(&mut self, is_order: bool) -> Option<Said> {
        let until = self.stage.now().saturating_add(ANSWERED_WITHIN);
        loop {
            match self.listen(until).await {
                Heard::Said(Said::Repeated(_)) if is_order => {}
                Heard::Said(
                    said @ (Said::Paid(_) | Said::Repeated(_) | Said::Other(_) | Said::Unknown),
                ) => return Some(said),
                Heard::End => return None,
                Heard::Said(Said::Refunded(_) | Said::PartRefunded(_))
                | Heard::Confirmed
                | Heard::Shown(_)
                | Heard::Nothing => {}
            }
            if self.stage.now() >= until {
                return None;
            }
        }
    }

    /// Whether the owner may type this: not the same as lately, and not more than the gateway
    /// remembers of one number.
    fn may_type(&mut self, text: &str) -> bool {
        let now = self.stage.now();
        while let Some((at, _)) = self.typed.front()
            && at.saturating_add(TYPED_COUNTS) < now
        {
            self.typed.pop_front();
        }
        self.typed.len() < TYPED_MAX && self.typed.iter().all(|(_, typed)| typed != text)
    }

    /// What was bought last, while the gateway takes the same words for a repetition.
    pub(super) fn bought_last(&self) -> Option<String> {
        let (at, text) = self.last_bought.as_ref()?;
        let is_fresh = at.saturating_add(REPETITION) > self.stage.now();
        (is_fresh && self.typed.len() < TYPED_MAX).then(|| text.clone())
    }

    fn remember_packet(&mut self, message: &ShortMessage) {
        self.packets.push_back(message.clone());
        while self.packets.len() > 2 {
            self.packets.pop_front();
        }
    }

    /// A packet that another one has followed.
    pub(super) fn older_packet(&self) -> Option<ShortMessage> {
        let older = self.packets.front()?;
        (self.packets.len() > 1).then(|| older.clone())
    }
}

fn written(currency: Currency, minor: i64) -> String {
    currency.format(MinorUnits::try_from(minor).unwrap_or_default())
}

/// The number that orders are sent to.
pub(super) const SERVICE: &str = "778";
/// No merchant of the demo sells it.
const NO_ITEM: &str = "99";
/// By so much the price has risen since the card learned it.
const OLD_PRICE_LESS_MINOR: i64 = 5;
/// Far above what a card of the demo ever counts to.
pub(in crate::commands::demo) const FORGED_FROM: u32 = 4_000_000_000;
/// How often a card sends one order.
const ATTEMPTS_MAX: u32 = 8;
/// How long a card waits for a confirmation.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(3);
/// How long a person waits for an answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
/// More than twice the `plain_repeat_s` of `config/demo/svgate.toml`, with a restart in it.
const TYPED_COUNTS: Duration = Duration::from_secs(14);
/// Below the eight that the gateway remembers.
const TYPED_MAX: usize = 6;
/// Less than `plain_repeat_s`.
const REPETITION: Duration = Duration::from_secs(3);
