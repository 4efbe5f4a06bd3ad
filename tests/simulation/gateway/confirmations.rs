//! What the SMSC is given: packets that the card can prove, with counters that rise, and no word of
//! a payment that does not stand.

use svgate::auth::command::open_command;
use svgate::auth::sim_keys::Direction;
use svgate::dialogue::secured_reply::{OutcomeCode, SecuredReply};
use svgate::sms::gsm7;

use super::books::{MessageRow, Row};
use super::draw::{Town, account_name};
use super::model::{Batch, Model, ensure};
use crate::fixture::{Phone, eur};

impl Model {
    /// Reads the messages of a batch in the order in which they were written.
    pub fn read_messages(&mut self, batch: &Batch<'_>, town: &Town) -> Result<(), String> {
        for message in &batch.left.messages {
            if message.0 <= self.last_message {
                continue;
            }
            self.last_message = message.0;
            self.messages.push(message.0);
            let octets = hex::decode(&message.3).map_err(|error| error.to_string())?;
            let row = message.1.and_then(|id| self.rows.get(&id)).cloned();
            match octets.strip_prefix(&[2, 0x70, 0]) {
                Some(packet) if message.2 == 1 => self.read_packet(packet, row.as_ref(), town)?,
                _ => self.read_words(&octets, message, row.as_ref())?,
            }
        }
        Ok(())
    }

    fn read_packet(&mut self, packet: &[u8], row: Option<&Row>, town: &Town) -> Result<(), String> {
        // The card of today first: only after a swap does another one fit.
        let theirs = row.and_then(|row| {
            self.lines
                .iter()
                .find(|line| Some(line.0) == row.subscriber)
        });
        let phone = theirs.and_then(|line| town.phones.iter().find(|p| account_name(p) == line.1));
        let first = phone.map(|phone| (phone.card, phone.version));
        let cards = phone.map(|phone| phone.card).into_iter();
        let cards = cards.chain(0..town.cards);
        let all = cards.flat_map(|card| (1..=VERSIONS_READ).map(move |v| (card, v)));
        let opened = first.into_iter().chain(all).find_map(|(card, version)| {
            let phone = Phone {
                card,
                version,
                ..Phone::new(0)
            };
            let opened = open_command(packet, &phone.keys(Direction::Mt)).ok()?;
            Some(((card, version), opened.into_inner()))
        });
        let (keys, opened) = opened.ok_or("a confirmation that no card can prove")?;
        let last = self.counters.entry(keys).or_default();
        ensure(opened.counter > *last, || {
            format!(
                "card and version {keys:?}: counter {} after {last}",
                opened.counter
            )
        })?;
        *last = opened.counter;
        if let [1, 0xA1, 1, command, rest @ ..] = opened.data.as_slice() {
            // A card that reads new keys may use them from its next order on.
            if let (2, [0xA2, 1, version, ..]) = (command, rest) {
                self.keys_sent.insert((keys.0, *version));
                self.met("keys sent");
            }
            return Ok(());
        }
        let reply = SecuredReply::decode(&opened.data).map_err(|error| error.to_string())?;
        let row = row.ok_or("a confirmation of nothing")?;
        let amount = reply.amount.map(|(amount, _)| amount.minor());
        self.met(&format!("confirmed {:?}", reply.outcome));
        let stands = match reply.outcome {
            OutcomeCode::Paid => row.paid.is_some() && amount == Some(row.gross()),
            OutcomeCode::Refunded => row.state == "refunded" && amount == Some(row.gross_back()),
            OutcomeCode::PartRefunded => row.back[0] > 0 && amount == Some(row.gross_back()),
            _ => true,
        };
        ensure(stands, || format!("{reply:?} of {row:?}"))
    }

    fn read_words(
        &mut self,
        octets: &[u8],
        message: &MessageRow,
        row: Option<&Row>,
    ) -> Result<(), String> {
        let words = gsm7::decode(octets, gsm7::Tables::default());
        let says = |amount: i64| {
            let amount = amount.try_into().map(|amount| eur().format(amount));
            amount.is_ok_and(|amount| words.contains(&amount))
        };
        let stands = if words.starts_with("Paid ") {
            self.met("paid by words");
            row.is_some_and(|row| row.paid.is_some() && says(row.gross()))
        } else if words.starts_with("Refunded ") {
            self.met("refunded by words");
            row.is_some_and(|row| row.back[0] > 0 && says(row.gross_back()))
        } else if let Some((_, again)) = words.split_once("Another? ") {
            self.met("offered AGAIN");
            if let Some(subscriber) = row.and_then(|row| row.subscriber) {
                self.offered.insert((subscriber, again.to_owned()));
            }
            row.is_some_and(|row| row.paid.is_some())
        } else {
            true
        };
        ensure(stands, || format!("{words:?} in {message:?} of {row:?}"))
    }
}

/// More versions of its keys than a card gets in one run.
const VERSIONS_READ: u8 = 16;
