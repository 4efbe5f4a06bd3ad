//! What phones, clones and forgers send.

use bytes::Bytes;
use svgate::dialogue::secured_order::{Agreed, SecuredOrder, Wanted};
use svgate::gateway::member::{Arrival, Content, Member};
use svgate::sms::Message;
use svgate::sms::coding::Alphabet;
use svgate::sms::concatenation::Concatenation;
use svgate::sms::reassembly::{Part, PartKey};
use svgate::sms::user_data::{Element, Header};

use super::super::Dice;
use super::super::model::{Intent, Model};
use super::{MACHINES, Town};
use crate::fixture::{eur, minor};

impl Town {
    /// A new order under the next counter and reference; at times it is written and never sent.
    pub(super) fn fresh_order(&mut self, dice: &mut Dice) -> Option<Member> {
        let at = dice.index(self.phones.len());
        self.phones[at].reference += 1;
        let order = self.order(dice, at);
        let arrival = self.sealed(dice, at, &order);
        (!dice.one_in(12)).then(|| Member::Arrival(arrival))
    }

    /// Any message of the past comes again: late, twice, or from someone who kept it.
    pub(super) fn old_message(&mut self, dice: &mut Dice) -> Option<Member> {
        let recent = self.arrivals.len().saturating_sub(4);
        let from = if dice.one_in(2) { recent } else { 0 };
        let at = from + dice.index(self.arrivals.len() - from);
        self.arrivals.get(at).cloned().map(Member::Arrival)
    }

    /// The last order under a new counter, or another one under its reference.
    pub(super) fn sent_again(&mut self, dice: &mut Dice) -> Option<Member> {
        let at = dice.index(self.phones.len());
        let last = self.last_order(at)?;
        let order = if dice.one_in(4) {
            self.order(dice, at)
        } else {
            last
        };
        Some(Member::Arrival(self.sealed(dice, at, &order)))
    }

    /// Another order under a counter that was used: two cards with one key.
    pub(super) fn cloned(&mut self, dice: &mut Dice) -> Option<Member> {
        let at = dice.index(self.phones.len());
        if self.phones[at].counter == 0 {
            return None;
        }
        let mut order = self.order(dice, at);
        let reference = self.phones[at].reference + u32::from(dice.small(0, 2));
        order.reference = reference.max(1).try_into().unwrap();
        let before = self.phones[at].clone();
        self.phones[at].counter -= 1;
        let arrival = self.sealed(dice, at, &order);
        self.phones[at] = before;
        Some(Member::Arrival(arrival))
    }

    /// A packet with a bit turned, or one that another's card made.
    pub(super) fn forged(&mut self, dice: &mut Dice) -> Option<Member> {
        let at = dice.index(self.phones.len());
        let order = self.order(dice, at);
        let mut forger = self.phones[at].clone();
        let turned = dice.one_in(2);
        if !turned {
            forger.card = 999;
        }
        let sealed = forger.sealed(&order);
        let mut octets = sealed.received.to_vec();
        if turned {
            let place = 2 + dice.index(octets.len() - 2);
            octets[place] ^= 1 << dice.below(8);
        }
        let octets = Bytes::from(octets);
        self.sent.insert(octets.to_vec(), Intent::Forged);
        let arrival = forger.arrival(Content::Secured(octets.clone()), octets);
        self.arrivals.push(arrival.clone());
        Some(Member::Arrival(arrival))
    }

    /// An order in words.
    pub(super) fn words(&mut self, dice: &mut Dice) -> Option<Member> {
        let at = dice.index(self.phones.len());
        let code = 4711 + dice.below(MACHINES.into());
        let words = match dice.below(10) {
            0 => format!("BUY {code} 12 x{}", dice.small(2, 4)),
            1 => format!("PAY {code} {}.50", dice.small(0, 13)),
            2 => format!("BUY {code} 99"),
            3..=4 => format!("BUY {code} 13"),
            _ => format!("BUY {code} 12"),
        };
        Some(self.text(dice, at, &words))
    }

    /// `AGAIN` with a number that was offered, used, or never heard of.
    pub(super) fn again(&mut self, dice: &mut Dice, model: &Model) -> Option<Member> {
        let offers = &model.offered;
        let offered = offers.iter().nth(dice.index(offers.len()));
        if let Some((subscriber, words)) = offered.filter(|_| !dice.one_in(6)) {
            let line = model.lines.iter().find(|line| line.0 == *subscriber)?;
            let of_line = |phone: &crate::fixture::Phone| super::account_name(phone) == line.1;
            let at = self.phones.iter().position(of_line)?;
            return Some(self.text(dice, at, words));
        }
        let at = dice.index(self.phones.len());
        Some(self.text(dice, at, "BUY 4711 12 AGAIN 9001"))
    }

    /// The next part of a longer message, in any order and at times again; or a new such message.
    pub(super) fn part(&mut self, dice: &mut Dice) -> Option<Member> {
        if self.parts.is_empty() || dice.one_in(8) {
            let at = dice.index(self.phones.len());
            let member = if dice.one_in(2) {
                self.phones[at].reference += 1;
                let order = self.order(dice, at);
                Member::Arrival(self.sealed(dice, at, &order))
            } else {
                self.words(dice)?
            };
            if let Member::Arrival(whole) = member {
                self.cut(dice, &whole);
            }
        }
        let at = dice.index(self.parts.len());
        let part = self.parts.get(at).cloned()?;
        if dice.one_in(4) {
            self.arrivals.push(part.clone());
        } else {
            self.parts.remove(at);
        }
        Some(Member::Arrival(part))
    }

    /// Pays an order that a kiosk shows, by packet or by words.
    pub(super) fn pays_number(&mut self, dice: &mut Dice, model: &Model) -> Option<Member> {
        let shown: Vec<_> = model
            .rows
            .values()
            .filter(|row| row.pon.is_some())
            .collect();
        let row = shown.get(
            shown
                .len()
                .checked_sub(1 + dice.index(shown.len().min(4)))?,
        )?;
        let at = dice.index(self.phones.len());
        let pon = row.pon?;
        if dice.one_in(2) {
            return Some(self.text(dice, at, &format!("PAY {pon}")));
        }
        self.phones[at].reference += 1;
        let order = SecuredOrder {
            reference: self.phones[at].reference.try_into().ok()?,
            wanted: Wanted::PaymentOrder {
                pon: pon.try_into().ok()?,
                short_code: None,
            },
            agreed: Agreed::AtMost(minor(row.gross() + 5 - dice.signed(0, 6))),
            currency: eur(),
        };
        Some(Member::Arrival(self.sealed(dice, at, &order)))
    }

    /// Questions and instructions.
    pub(super) fn talk(&mut self, dice: &mut Dice) -> Member {
        let at = dice.index(self.phones.len());
        let code = dice.below(4);
        let words = match dice.below(20) {
            0 => "STOP".to_owned(),
            1..=4 => "START".to_owned(),
            5..=9 => format!("START 000{code}"),
            10 => format!("LIMIT {}", 10 + dice.below(30)),
            11..=13 => "BAL".to_owned(),
            14..=15 => "LIST 4711".to_owned(),
            16..=17 => "HELP".to_owned(),
            _ => "BYU 4711 12".to_owned(),
        };
        self.text(dice, at, &words)
    }

    /// An order of the phone's reference for something, up to a price that may be too low.
    fn order(&mut self, dice: &mut Dice, at: usize) -> SecuredOrder {
        let machine = u32::try_from(dice.below(MACHINES.into())).unwrap();
        let short_code = (4711 + machine).try_into().unwrap();
        let item = ["12", "13", "12", "13", "99"][dice.index(5)];
        let quantity = dice.small(1, 3);
        let each = self.prices.get(item).map_or(100, |(retail, _)| *retail);
        let price = each * i64::from(quantity) + 10;
        let wanted = if dice.one_in(8) {
            Wanted::Amount { short_code }
        } else {
            Wanted::Item {
                short_code,
                item: item.parse().unwrap(),
                quantity: quantity.try_into().unwrap(),
            }
        };
        let agreed = match (wanted, dice.below(8)) {
            (Wanted::Amount { .. }, _) => Agreed::Exactly(minor(price)),
            (_, 0) => Agreed::Exactly(minor(price - 1)),
            (_, 1..=3) => Agreed::Exactly(minor(price)),
            _ => Agreed::AtMost(minor(price + 200)),
        };
        SecuredOrder {
            reference: self.phones[at].reference.max(1).try_into().unwrap(),
            wanted,
            agreed,
            currency: eur(),
        }
    }

    fn last_order(&self, at: usize) -> Option<SecuredOrder> {
        let phone = &self.phones[at];
        self.sent.values().find_map(|intent| match intent {
            Intent::Secured { card, order, .. }
                if *card == phone.card && order.reference.number() == phone.reference =>
            {
                Some(*order)
            }
            _ => None,
        })
    }

    /// Seals an order under the phone's next counter and keeps what it says.
    fn sealed(&mut self, dice: &mut Dice, at: usize, order: &SecuredOrder) -> Arrival {
        let phone = &mut self.phones[at];
        let mut arrival = phone.sealed(order);
        arrival.chance = chance(dice);
        let intent = Intent::Secured {
            card: phone.card,
            version: phone.version,
            counter: phone.counter,
            order: *order,
        };
        self.sent.insert(arrival.received.to_vec(), intent);
        self.arrivals.push(arrival.clone());
        arrival
    }

    fn text(&mut self, dice: &mut Dice, at: usize, words: &str) -> Member {
        let mut arrival = self.phones[at].text(words);
        arrival.chance = chance(dice);
        self.sent.insert(words.as_bytes().to_vec(), Intent::Words);
        self.arrivals.push(arrival.clone());
        Member::Arrival(arrival)
    }

    /// Cuts a message into two or three parts.
    fn cut(&mut self, dice: &mut Dice, whole: &Arrival) {
        let total = dice.small(2, 3);
        self.part_references = self.part_references.wrapping_add(1);
        let reference = u16::from(self.part_references);
        let secured = matches!(whole.content, Content::Secured(_));
        let length = whole.received.len().div_ceil(usize::from(total));
        for (number, body) in (1..=total).zip(whole.received.chunks(length)) {
            let concatenation = Concatenation::new(reference, total, number, false).unwrap();
            let mut elements = vec![concatenation.to_element()];
            if secured && number == 1 {
                elements.push(Element {
                    id: 0x70,
                    data: Vec::new(),
                });
            }
            let alphabet = if secured {
                Alphabet::EightBit
            } else {
                Alphabet::Ascii
            };
            let message = Message {
                header: Header::new(elements).unwrap(),
                alphabet,
                body: body.to_vec(),
            };
            let sender = whole.sender.unwrap();
            let key = PartKey::new(
                sender,
                whole.trusted,
                whole.service.to_string(),
                concatenation,
            );
            let part = Part::new(message, concatenation);
            let content = Content::Part { key, part };
            self.parts.push(Arrival {
                content,
                ..whole.clone()
            });
        }
    }
}

/// Small, so that codes which are drawn from it meet each other.
fn chance(dice: &mut Dice) -> u32 {
    u32::from(dice.small(0, 3))
}
