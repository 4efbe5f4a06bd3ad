//! What machines, kiosks, the SMSC's acknowledgements and the operator bring.

use std::sync::Arc;

use svgate::dialogue::card_command::CardCommand;
use svgate::domain::Millis;
use svgate::domain::ids::{OutboxId, PurchaseId, SubscriberId};
use svgate::domain::pon::Pon;
use svgate::gateway::member::{
    CardOrder, KioskItem, KioskOrder, LoadPurse, Member, OutboxEnd, OutboxSettled, PayBill,
    Receipt, Rotation, TerminalAct, Word,
};

use super::super::Dice;
use super::super::books::Row;
use super::super::model::Model;
use super::{Town, VERSIONS, resolve, sweep};
use crate::fixture::{Phone, TOKEN, eur, minor, terminal};

impl Town {
    /// A kiosk orders, asks again, or takes one name for another order.
    pub(super) fn kiosk_order(&mut self, dice: &mut Dice, model: &Model) -> Member {
        let known = model.rows.values().rev().find_map(|row| row.client.clone());
        let repeated = known.filter(|_| dice.one_in(4));
        let client_reference: Arc<str> = match repeated {
            Some(known) => known.into(),
            None => {
                self.kiosk_orders += 1;
                format!("K{}", self.kiosk_orders).into()
            }
        };
        let what = if dice.one_in(4) {
            KioskItem::Amount(minor(dice.signed(1, 900)))
        } else {
            KioskItem::Item {
                code: "12".parse().unwrap(),
                quantity: dice.small(1, 3).try_into().unwrap(),
            }
        };
        let mut token_sha256 = TOKEN;
        token_sha256[0] ^= u8::from(dice.one_in(15));
        Member::KioskOrder(KioskOrder {
            payer: None,
            terminal: terminal(u32::from(dice.small(0, 2))),
            token_sha256,
            what,
            client_reference,
            // Few enough that the same number is drawn again.
            candidates: [(); 4].map(|()| Pon::from_random(dice.below(24))),
        })
    }

    /// A machine's word about an ack: mostly what comes next, at times anything.
    pub(super) fn terminal_act(&mut self, dice: &mut Dice, model: &Model) -> Option<Member> {
        let open: Vec<&Row> = model
            .rows
            .values()
            .filter(|row| row.ack_is_open())
            .collect();
        let any: Vec<&Row> = model
            .rows
            .values()
            .filter(|row| row.ack.is_some())
            .collect();
        let among = if dice.one_in(4) { &any } else { &open };
        let row = among.get(dice.index(among.len()))?;
        let units = u8::try_from(row.units).ok()?;
        let wild = dice.one_in(5);
        let word = match (row.state.as_str(), dice.below(10)) {
            ("paid", 0..=6) if !wild => Word::Accept,
            ("accepted", 0..=2) if !wild => Word::Dispensing,
            (_, 0..=2) => Word::Supplied { units: None },
            (_, 3 | 4) => Word::Supplied {
                units: Some(dice.small(0, units + 1)),
            },
            (_, 5) => Word::Failed,
            (_, 6) => Word::Reset {
                approved: dice.one_in(2),
            },
            (_, 7) => Word::Withdraw,
            (_, 8) => Word::Dispensing,
            _ => Word::Accept,
        };
        let mut token_sha256 = TOKEN;
        token_sha256[31] ^= u8::from(dice.one_in(20));
        let ahead = i64::from(dice.one_in(15));
        Some(Member::TerminalAct(TerminalAct {
            terminal: row.terminal.as_ref()?.parse().ok()?,
            token_sha256,
            ack: row.ack? + ahead,
            purchase: dice.one_in(2).then_some(PurchaseId(row.id)),
            word,
            reason: dice.one_in(5).then(|| "jam".into()),
        }))
    }

    /// Money in, bills, files, decisions.
    pub(super) fn operator(&mut self, dice: &mut Dice, model: &Model, now: Millis) -> Member {
        self.references += u64::from(!dice.one_in(4));
        let reference: Arc<str> = format!("R{}", self.references).into();
        let subscribers: Vec<SubscriberId> = model
            .lines
            .iter()
            .map(|line| SubscriberId(line.0))
            .collect();
        let paid = || model.rows.values().map(|row| PurchaseId(row.id)).collect();
        match dice.below(20) {
            0..=1 => Member::LoadPurse(LoadPurse {
                amount: minor(2_000 + 500 * dice.signed(0, 2)),
                currency: eur(),
                reference: format!("L{}", self.references).into(),
            }),
            2..=4 => Member::PayBill(PayBill {
                account: format!("A{}", dice.index(self.phones.len())).into(),
                amount: minor(100 * dice.signed(1, 6)),
                currency: eur(),
                reference,
            }),
            5..=6 => Member::CloseBills {
                subscribers,
                cut_off: context_cut_off(now),
            },
            7 => Member::Provisional(paid()),
            8 => Member::CloseBatch {
                allow_empty: dice.one_in(2),
            },
            9 => Member::BatchWritten {
                sequence: 1,
                sha256: [9; 32],
            },
            10..=14 => {
                let phone = &self.phones[dice.index(self.phones.len())];
                Member::Rotate(Rotation {
                    accounts: vec![super::account_name(phone).into()],
                    to: dice.one_in(4).then(|| dice.small(2, 5)),
                    who: "ops".into(),
                })
            }
            15..=16 => {
                let phone = &self.phones[dice.index(self.phones.len())];
                Member::CardOrder(Box::new(CardOrder {
                    accounts: vec![super::account_name(phone).into()],
                    command: CardCommand::UnblockPin(None),
                    who: "ops".into(),
                }))
            }
            _ => {
                let unknown: Vec<&Row> = model
                    .rows
                    .values()
                    .filter(|row| row.state == "unknown")
                    .collect();
                let any: Vec<&Row> = model.rows.values().collect();
                let among = if unknown.is_empty() { &any } else { &unknown };
                match among.get(dice.index(among.len())) {
                    Some(row) => resolve(row, dice),
                    None => sweep(),
                }
            }
        }
    }

    /// A new card, one that was there before, another's card, other keys, a new name of the account,
    /// a new number, two numbers changing places, or another's number.
    pub(super) fn import(&mut self, dice: &mut Dice) -> Member {
        let mut phone = self.phones[dice.index(self.phones.len())].clone();
        let other = self.phones[dice.index(self.phones.len())].clone();
        let mut phones: Vec<Phone> = Vec::new();
        match dice.below(10) {
            0 => {
                phone.card = self.cards;
                self.cards += 1;
            }
            // Any card that was ever made: one that returns, or another's.
            1 | 2 => phone.card = u32::try_from(dice.index(self.cards as usize)).unwrap(),
            3 => phone.card = other.card,
            // Also back to keys that were left.
            4 | 5 => phone.version = dice.small(1, VERSIONS),
            6 => {
                phone.account = self.accounts;
                self.accounts += 1;
            }
            7 => {
                phone.number = self.numbers;
                self.numbers += 1;
            }
            8 if other.account != phone.account => {
                phones.push(Phone {
                    number: phone.number,
                    ..other.clone()
                });
                phone.number = other.number;
            }
            _ => phone.number = other.number,
        }
        phones.insert(0, phone);
        Member::ImportLines(phones.iter().map(Phone::line).collect())
    }

    /// A price list of today.
    pub(super) fn new_prices(&mut self, dice: &mut Dice) -> Member {
        let mut list = self.price_list();
        for item in &mut list.items {
            let retail = dice.signed(140, 260);
            item.price.retail = minor(retail);
            item.price.wholesale = minor(retail * 4 / 5);
            let price = (retail, retail * 4 / 5);
            self.old_prices.push((item.code.to_string(), price));
        }
        Member::ImportMerchant(Box::new(list))
    }

    /// The SMSC took messages, or refused them; receipts; a parked one goes out again.
    pub(super) fn settled(&mut self, dice: &mut Dice, model: &Model) -> Member {
        let written = model.messages.get(dice.index(model.messages.len()));
        let id = OutboxId(written.copied().unwrap_or(1));
        match dice.below(8) {
            0 => Member::OutboxRetry(id),
            1 => Member::Receipt(Receipt {
                smsc: "smsc-1".into(),
                to: None,
                reference: None,
                candidates: vec![format!("M{}", id.0).into()],
                state: "DELIVERED".into(),
            }),
            2 => settled(
                id,
                OutboxEnd::Parked {
                    cause: "unknown number".into(),
                },
            ),
            _ => settled(
                id,
                OutboxEnd::Taken {
                    message_id: format!("M{}", id.0).into(),
                    receipt: dice.one_in(2),
                },
            ),
        }
    }
}

fn settled(id: OutboxId, end: OutboxEnd) -> Member {
    Member::OutboxSettled(vec![OutboxSettled { id, end }])
}

fn context_cut_off(now: Millis) -> Millis {
    crate::fixture::policy().calendar.last_cut_off(now)
}
