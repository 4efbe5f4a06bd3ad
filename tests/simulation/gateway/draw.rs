//! Draws what happens next: phones and forgers, machines and kiosks, the SMSC, the operator.

mod sms;
mod trade;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use svgate::domain::Millis;
use svgate::domain::ids::{PurchaseId, SubscriberId};
use svgate::gateway::member::{Arrival, LineImport, LoadPurse, Member, MerchantImport, Resolve};

use super::Dice;
use super::books::Row;
use super::model::{Intent, Model};
use crate::fixture::{self, Phone, eur, minor, terminal};

/// Everybody around the gateway, as far as their own memory goes.
pub struct Town {
    pub phones: Vec<Phone>,
    /// How many cards were ever made.
    pub cards: u32,
    /// What every card remembers that was ever in a phone.
    memories: HashMap<u32, Memory>,
    accounts: u32,
    /// What every message that was sent says, by its octets.
    pub sent: HashMap<Vec<u8>, Intent>,
    arrivals: Vec<Arrival>,
    /// Parts that are still on their way.
    parts: Vec<Arrival>,
    part_references: u8,
    numbers: u32,
    silent: Vec<bool>,
    /// Retail and wholesale price of a piece, by item: as imported last, then every one drawn.
    prices: BTreeMap<String, (i64, i64)>,
    old_prices: Vec<(String, (i64, i64))>,
    references: u64,
    kiosk_orders: u64,
}

impl Town {
    pub fn new(dice: &mut Dice) -> Self {
        let phones: Vec<Phone> = (0..PHONES).map(Phone::new).collect();
        Self {
            phones,
            cards: PHONES,
            memories: HashMap::new(),
            accounts: PHONES,
            sent: HashMap::new(),
            arrivals: Vec::new(),
            parts: Vec::new(),
            part_references: 0,
            numbers: PHONES,
            silent: (0..MACHINES).map(|_| dice.one_in(6)).collect(),
            prices: [("12".to_owned(), (250, 200)), ("13".to_owned(), (150, 120))].into(),
            old_prices: vec![("12".to_owned(), (250, 200)), ("13".to_owned(), (150, 120))],
            references: 0,
            kiosk_orders: 0,
        }
    }

    /// What an operator does before the first order: a small float, a merchant, subscribers.
    pub fn opening(&mut self) -> Vec<Member> {
        let load = LoadPurse {
            amount: minor(4_000),
            currency: eur(),
            reference: "opening".into(),
        };
        let lines = self.phones.iter().map(|phone| {
            let mut line = phone.line();
            let poor = phone.account.is_multiple_of(3);
            line.credit_limit = minor(if poor { 900 } else { 6_000 });
            line.cap = minor(if phone.account == 1 { 700 } else { 3_000 });
            line
        });
        let mut members = vec![
            Member::LoadPurse(load),
            Member::ImportMerchant(Box::new(self.price_list())),
            Member::ImportLines(lines.collect()),
        ];
        members.extend((0..MACHINES).map(|n| Member::Seen {
            terminal: terminal(n),
        }));
        members
    }

    /// One event.
    pub fn draw(&mut self, dice: &mut Dice, model: &Model, now: Millis) -> Member {
        if dice.one_in(3) {
            self.new_keys(dice, model);
        }
        let drawn = match dice.below(100) {
            0..=19 => self.fresh_order(dice),
            20..=25 => self.old_message(dice),
            26..=29 => self.sent_again(dice),
            30..=31 => self.cloned(dice),
            32..=34 => self.forged(dice),
            35..=44 => self.words(dice),
            45..=48 => self.again(dice, model),
            49..=54 => self.part(dice),
            55..=59 => Some(self.kiosk_order(dice, model)),
            60..=64 => self.pays_number(dice, model),
            65..=83 => self.terminal_act(dice, model),
            84..=88 => Some(self.operator(dice, model, now)),
            89..=90 => Some(self.import(dice)),
            91 => Some(self.new_prices(dice)),
            92..=96 => Some(self.settled(dice, model)),
            97..=98 => Some(self.talk(dice)),
            _ => Some(sweep()),
        };
        match drawn {
            Some(member) => member,
            None => self.fresh_order(dice).unwrap_or(sweep()),
        }
    }

    /// Machines that are not silent poll.
    pub fn signs_of_life(&mut self, dice: &mut Dice) -> Vec<Member> {
        let mut polls = Vec::new();
        for (machine, silent) in (0_u32..).zip(&mut self.silent) {
            if dice.one_in(12) {
                *silent = !*silent;
            }
            if !*silent {
                polls.push(Member::Seen {
                    terminal: terminal(machine),
                });
            }
        }
        polls
    }

    /// Timers that fire, in time, late, or without need.
    pub fn timers(&mut self, dice: &mut Dice, model: &Model) -> Vec<Member> {
        let waiting = model.rows.values().filter(|row| row.deadline.is_some());
        let fire = |row: &Row| Member::Deadline {
            purchase: PurchaseId(row.id),
        };
        let mut timers: Vec<Member> = waiting.filter(|_| dice.one_in(3)).map(fire).collect();
        let subscribers = || {
            model
                .lines
                .iter()
                .map(|line| SubscriberId(line.0))
                .collect()
        };
        timers.extend(dice.one_in(4).then(|| Member::RekeysDue(subscribers())));
        timers
    }

    /// What is known once a batch was stored; tells what became of cards.
    pub fn learn(&mut self, members: &[Member]) -> BTreeSet<&'static str> {
        let mut met = BTreeSet::new();
        for member in members {
            match member {
                Member::ImportLines(lines) => {
                    met.extend(lines.iter().flat_map(|line| self.learn_line(line)));
                }
                Member::ImportMerchant(import) => self.learn_prices(import),
                _ => {}
            }
        }
        met
    }

    pub fn iccid(&self, card: u32) -> String {
        Phone {
            card,
            ..Phone::new(0)
        }
        .iccid()
        .expose_digits()
    }

    /// Every price that this item had, has, or gets in an import that was drawn.
    pub fn prices_ever(&self, item: &str) -> impl Iterator<Item = (i64, i64)> {
        let all = self.old_prices.iter().filter(move |(code, _)| code == item);
        all.map(|(_, price)| *price)
    }

    /// The card goes where the import says, with all that it remembers; whose phone it was in gets
    /// one that nobody has imported yet.
    fn learn_line(&mut self, line: &LineImport) -> Vec<&'static str> {
        let number = u32::try_from(line.msisdn.expose_number() - 491_700_000_000).unwrap();
        let card = (0..self.cards).find(|card| self.iccid(*card) == *line.iccid);
        let card = card.expect("every card has a number below the next");
        for phone in &mut self.phones {
            self.memories.entry(phone.card).or_default().keep(phone);
        }
        let held = self.phones.iter().position(|phone| phone.card == card);
        let named = |phone: &Phone| account_name(phone) == *line.account;
        let at = match self.phones.iter().position(named) {
            Some(at) => at,
            // The account has another name: whoever has the card, or the number, is meant.
            None => {
                let numbered = self.phones.iter().position(|phone| phone.number == number);
                match held.or(numbered) {
                    Some(at) => at,
                    None => return Vec::new(),
                }
            }
        };
        let before = self.phones[at].clone();
        let heard = |memory: &Memory| memory.counters.values().any(|counter| *counter > 0);
        let (same, loser) = (before.card == card, held.filter(|loser| *loser != at));
        let returned = !same && held.is_none() && self.memories.get(&card).is_some_and(heard);
        if let Some(loser) = loser {
            self.put_in(loser, self.cards, 1);
            self.cards += 1;
        }
        self.phones[at].account = line.account[1..].parse().unwrap();
        self.phones[at].number = number;
        self.put_in(at, card, line.key_version);
        let phone = &self.phones[at];
        let met = [
            (loser.is_some(), "a card moved"),
            (returned, "a card returned"),
            (same && before.account != phone.account, "a new name"),
            (
                same && before.version != phone.version && phone.counter > 0,
                "keys were used again",
            ),
        ];
        let met = met.into_iter().filter(|(is_so, _)| *is_so);
        met.map(|(_, met)| met).collect()
    }

    /// A card that was sent keys has read them: its next order is made with them.
    fn new_keys(&mut self, dice: &mut Dice, model: &Model) {
        let at = dice.index(self.phones.len());
        let phone = self.phones[at].clone();
        let newer = model.keys_sent.range((phone.card, phone.version + 1)..);
        let newer = newer.take_while(|(card, _)| *card == phone.card).next();
        if let Some(&(card, version)) = newer {
            self.memories.entry(card).or_default().keep(&phone);
            self.put_in(at, card, version);
        }
    }

    fn put_in(&mut self, at: usize, card: u32, version: u8) {
        let memory = self.memories.entry(card).or_default();
        let phone = &mut self.phones[at];
        (phone.card, phone.version) = (card, version);
        phone.reference = memory.reference;
        phone.counter = memory.counters.get(&version).copied().unwrap_or_default();
    }

    fn learn_prices(&mut self, import: &MerchantImport) {
        for item in &import.items {
            let price = (item.price.retail.minor(), item.price.wholesale.minor());
            self.prices.insert(item.code.to_string(), price);
        }
    }

    /// The merchant's file with the prices of now: two slots a machine.
    fn price_list(&self) -> MerchantImport {
        let mut list = fixture::merchant(MACHINES);
        for item in &mut list.items {
            if let Some((retail, wholesale)) = self.prices.get(item.code.as_str()) {
                item.price.retail = minor(*retail);
                item.price.wholesale = minor(*wholesale);
            }
        }
        for terminal in &mut list.terminals {
            terminal.slots = 3;
        }
        list
    }
}

/// What a card keeps for good: a counter for each version of its keys, and its last reference.
#[derive(Default)]
struct Memory {
    counters: HashMap<u8, u64>,
    reference: u32,
}

impl Memory {
    fn keep(&mut self, phone: &Phone) {
        self.counters.insert(phone.version, phone.counter);
        self.reference = phone.reference;
    }
}

/// A person's decision about a purchase, whether it needs one or not.
pub fn resolve(row: &Row, dice: &mut Dice) -> Member {
    let units = u8::try_from(row.units).unwrap();
    Member::Resolve(Resolve {
        purchase: PurchaseId(row.id),
        units: (!dice.one_in(3)).then(|| dice.small(0, units)),
        who: "ops".into(),
        why: "the sensor says so".into(),
    })
}

pub fn account_name(phone: &Phone) -> String {
    format!("A{}", phone.account)
}

const PHONES: u32 = 6;
pub const MACHINES: u32 = 3;
/// Versions of its keys that an import may name.
pub const VERSIONS: u8 = 3;

/// What is over by the books' clock, whatever that is.
fn sweep() -> Member {
    Member::SweepParts {
        over_by: Millis(i64::MAX),
    }
}
