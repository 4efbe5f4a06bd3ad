//! What the outside world knows, and what must follow from it: every new payment has one order
//! that explains it, every step has its cause, every amount is what the price list says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use svgate::dialogue::secured_order::{Agreed, SecuredOrder, Wanted};
use svgate::domain::purchase::State;
use svgate::gateway::member::{Denied, Member, Outcome, Word};

use super::REPEAT_MS;
use super::books::{Left, LineRow, Row, TransferRow};
use super::draw::{Town, account_name};
use crate::fixture::TOKEN;

/// What a message that was sent says, by its octets.
#[derive(Clone, Debug)]
pub enum Intent {
    /// A packet that the SIM made.
    Secured {
        card: u32,
        version: u8,
        counter: u64,
        order: SecuredOrder,
    },
    /// A packet that no SIM made.
    Forged,
    /// Words.
    Words,
}

/// One batch with what it left.
pub struct Batch<'a> {
    /// Business time.
    pub now: i64,
    pub members: &'a [Member],
    /// None when the process died.
    pub outcomes: Option<&'a [Outcome]>,
    pub stored: bool,
    pub left: Left,
}

/// What is known of the past.
#[derive(Default)]
pub struct Model {
    pub rows: BTreeMap<i64, Row>,
    pub lines: Vec<LineRow>,
    /// Commands `… AGAIN n` that were offered and not used, by number.
    pub offered: BTreeSet<(i64, String)>,
    /// The last counter that each card saw under each version of its keys.
    pub counters: HashMap<(u32, u8), u64>,
    /// Versions of its keys that were sent to each card.
    pub keys_sent: BTreeSet<(u32, u8)>,
    pub last_message: i64,
    /// Ids of all messages.
    pub messages: Vec<i64>,
    pub met: BTreeSet<String>,
    /// Loads and payments by reference: what they were for.
    taken: HashMap<String, (Option<String>, i64)>,
    paid_references: BTreeSet<(u32, u32)>,
    paid_counters: BTreeSet<(u32, u8, u64)>,
    balances: HashMap<i64, i64>,
    last_transfer: i64,
    /// The highest ack that each machine was ever shown.
    acks: HashMap<String, i64>,
}

type Checked = Result<(), String>;

/// What one order in words may cost: the fixture's class.
const PLAIN_CAP: i64 = 1_000;

impl Model {
    pub fn met(&mut self, end: &str) {
        if !self.met.contains(end) {
            self.met.insert(end.to_owned());
        }
    }

    /// Follows one batch, or tells what can't be.
    pub fn follow(&mut self, batch: &Batch<'_>, town: &Town) -> Checked {
        if !batch.stored {
            let grew = batch
                .left
                .changed
                .iter()
                .any(|row| self.rows.get(&row.id) != Some(row));
            let same = !grew && (self.lines == batch.left.lines);
            return ensure(same, || {
                "a batch that was not committed left rows".to_owned()
            });
        }
        self.take_references(batch)?;
        self.transfers(batch)?;
        // A kiosk's order has an older id than the packet that pays it: it is looked at last.
        let (kiosks, others): (Vec<&Row>, Vec<&Row>) = batch
            .left
            .changed
            .iter()
            .partition(|row| row.channel == "kiosk");
        for row in others.into_iter().chain(kiosks) {
            if self.rows.get(&row.id) != Some(row) {
                self.step(row, batch, town)?;
            }
        }
        if let Some(outcomes) = batch.outcomes {
            for (member, outcome) in batch.members.iter().zip(outcomes) {
                self.answered(member, outcome, batch, town)?;
            }
        }
        for row in &batch.left.changed {
            if let (Some(terminal), Some(ack)) = (&row.terminal, row.ack) {
                let last = self.acks.entry(terminal.clone()).or_default();
                *last = ack.max(*last);
            }
            self.rows.insert(row.id, row.clone());
        }
        self.expect_lines(batch, town)?;
        self.lines.clone_from(&batch.left.lines);
        self.read_messages(batch, town)
    }

    /// Loads − paid + refunded.
    pub fn float(&self) -> i64 {
        let loads = self.taken.values().filter(|(account, _)| account.is_none());
        let loads: i64 = loads.map(|(_, amount)| amount).sum();
        let paid = self.rows.values().filter(|row| row.paid.is_some());
        loads - paid.map(|row| row.charge[1] - row.back[1]).sum::<i64>()
    }

    /// Charges less refunds.
    pub fn charged_in_all(&self) -> i64 {
        let paid = self.rows.values().filter(|row| row.paid.is_some());
        paid.map(|row| row.gross() - row.gross_back()).sum()
    }

    /// Charges less refunds and payments.
    pub fn owed(&self) -> i64 {
        let paid = self.taken.values().filter(|(account, _)| account.is_some());
        self.charged_in_all() - paid.map(|(_, amount)| amount).sum::<i64>()
    }

    /// A reference counts once, whatever is asked under it later.
    fn take_references(&mut self, batch: &Batch<'_>) -> Checked {
        for (at, member) in batch.members.iter().enumerate() {
            let (reference, wanted) = match member {
                Member::LoadPurse(load) => (&load.reference, (None, load.amount.minor())),
                Member::PayBill(paid) => {
                    let account = Some(paid.account.to_string());
                    (&paid.reference, (account, paid.amount.minor()))
                }
                _ => continue,
            };
            let before = self.taken.get(reference.as_ref()).cloned();
            let expected = match &before {
                None => "Done",
                Some(known) if *known == wanted => "AlreadyDone",
                Some(_) => "Conflict",
            };
            let got = batch.outcomes.and_then(|outcomes| outcomes.get(at));
            let fits = match got {
                None => true,
                Some(Outcome::Done) => expected == "Done",
                Some(Outcome::AlreadyDone) => expected == "AlreadyDone",
                Some(Outcome::Refused(Denied::Conflict(_))) => expected == "Conflict",
                Some(_) => false,
            };
            ensure(fits, || format!("{reference}: {got:?}, not {expected}"))?;
            self.met(expected);
            if before.is_none() {
                self.taken.insert(reference.to_string(), wanted);
            }
        }
        Ok(())
    }

    /// Plays the transfers: no charge goes beyond the limit as it stood.
    fn transfers(&mut self, batch: &Batch<'_>) -> Checked {
        for TransferRow(number, from, to, amount, kind, purchase) in &batch.left.transfers {
            if *number <= self.last_transfer {
                continue;
            }
            ensure(*number == self.last_transfer + 1, || {
                format!("transfer {number}")
            })?;
            self.last_transfer = *number;
            *self.balances.entry(*from).or_default() -= amount;
            *self.balances.entry(*to).or_default() += amount;
            if kind == "charge_tax" {
                let owed = self.balances.get(to).copied().unwrap_or_default();
                let limit = |lines: &[LineRow]| {
                    lines
                        .iter()
                        .find(|line| line.0 == *to)
                        .map_or(0, |line| line.4)
                };
                let limit = limit(&self.lines).max(limit(&batch.left.lines));
                ensure(owed <= limit, || {
                    format!("{purchase:?}: {owed} owed above the limit of {limit}")
                })?;
            }
        }
        Ok(())
    }

    /// One purchase is new or has changed.
    fn step(&mut self, row: &Row, batch: &Batch<'_>, town: &Town) -> Checked {
        let before = self.rows.get(&row.id).cloned();
        let was_paid = before.as_ref().is_some_and(|row| row.paid.is_some());
        if row.paid.is_some() && !was_paid {
            self.explain_payment(row, batch, town)?;
        }
        if let Some(before) = &before {
            let kept = before.units == row.units
                && before.charge == row.charge
                && before.client == row.client
                && (!was_paid
                    || (
                        before.paid,
                        before.ack,
                        &before.terminal,
                        before.subscriber,
                        &before.received,
                    ) == (
                        row.paid,
                        row.ack,
                        &row.terminal,
                        row.subscriber,
                        &row.received,
                    ));
            ensure(kept, || {
                format!("what was fixed has changed: {before:?} {row:?}")
            })?;
        }
        let reached = reachable(before.as_ref(), row, batch);
        let state = (row.state.clone(), counted_units(row));
        ensure(reached.contains(&state), || {
            format!("no cause leads from {before:?} to {row:?}, only to {reached:?}")
        })?;
        self.amounts_back(row)
    }

    /// The price list's amounts, and one order that was not paid before.
    fn explain_payment(&mut self, row: &Row, batch: &Batch<'_>, town: &Town) -> Checked {
        let received = said(row);
        let subscriber = row.subscriber.unwrap_or_default();
        let line = |lines: &[LineRow]| lines.iter().find(|line| line.0 == subscriber).cloned();
        let lines = [line(&self.lines), line(&batch.left.lines)];
        let pays_pon = |pon: u32| row.pon == Some(pon);
        match town.sent.get(&received) {
            Some(Intent::Secured {
                card,
                version,
                counter,
                order,
            }) => {
                let iccid = town.iccid(*card);
                let is_theirs = lines
                    .iter()
                    .flatten()
                    .any(|line| line.3 == Some(iccid.clone()));
                ensure(is_theirs, || format!("another's card paid {row:?}"))?;
                let fits = match order.wanted {
                    Wanted::Item { item, quantity, .. } => {
                        row.item.as_deref() == Some(item.as_str())
                            && row.units == i64::from(quantity.units())
                    }
                    Wanted::Amount { .. } => row.item.is_none(),
                    Wanted::PaymentOrder { pon, .. } => pays_pon(pon.number()),
                };
                let agreed = match order.agreed {
                    Agreed::Exactly(amount) => row.gross() == amount.minor(),
                    Agreed::AtMost(amount) => row.gross() <= amount.minor(),
                };
                ensure(fits && agreed, || format!("{order:?} is not {row:?}"))?;
                self.met_keys(*card, *version);
                let risen = row.channel == "kiosk" || self.highest_paid(*card, *version) < *counter;
                let is_new = self.paid_counters.insert((*card, *version, *counter));
                ensure(is_new && risen, || {
                    format!("counter {counter} is not new: {row:?}")
                })?;
                let reference = (*card, order.reference.number());
                let is_new = self.paid_references.insert(reference);
                ensure(is_new, || format!("{reference:?} is paid twice: {row:?}"))?;
            }
            Some(Intent::Words) => {
                let words = String::from_utf8_lossy(&received).into_owned();
                if row.channel == "kiosk" {
                    ensure(
                        row.pon.is_some_and(|pon| words.contains(&pon.to_string())),
                        || format!("{words} paid {row:?}"),
                    )?;
                } else {
                    self.words_paid(&words, row)?;
                }
            }
            Some(Intent::Forged) | None => return Err(format!("nobody ordered {row:?}")),
        }
        self.price(row, town)?;
        let in_words = matches!(town.sent.get(&received), Some(Intent::Words));
        let plain_cap = if in_words { PLAIN_CAP } else { i64::MAX };
        let cap = lines.iter().flatten().map(|line| line.6).max();
        let cap = cap.unwrap_or_default().min(plain_cap);
        ensure(row.gross() <= cap, || {
            format!("above the cap of {cap}: {row:?}")
        })?;
        self.met(&format!("paid {}", row.channel));
        let terminal = row.terminal.clone().unwrap_or_default();
        let shown = self.acks.get(&terminal).copied();
        let risen = row.ack > Some(shown.unwrap_or_default());
        ensure(risen, || {
            format!("an ack number that does not rise: {row:?}")
        })
    }

    /// Which of a card's keys paid: those that it was sent, or those before them once these had paid.
    fn met_keys(&mut self, card: u32, version: u8) {
        if self.keys_sent.contains(&(card, version)) {
            self.met("paid under keys that were sent");
        }
        let newer = (card, version.saturating_add(1));
        let sent = self.keys_sent.range(newer..=(card, u8::MAX)).next();
        let paid = (newer.0, newer.1, 0)..=(card, u8::MAX, u64::MAX);
        if sent.is_some() && self.paid_counters.range(paid).next().is_some() {
            self.met("paid under keys of before");
        }
    }

    /// The highest counter that paid; a kiosk's order is older than the packet that pays it, so
    /// that it does not tell which packet of a batch came first.
    fn highest_paid(&self, card: u32, version: u8) -> u64 {
        let (first, last) = ((card, version, 0), (card, version, u64::MAX));
        let of_keys = self.paid_counters.range(first..=last);
        of_keys
            .map(|(.., counter)| *counter)
            .max()
            .unwrap_or_default()
    }

    /// The same words are paid once within the time of repetition, and `AGAIN` as offered.
    fn words_paid(&mut self, words: &str, row: &Row) -> Checked {
        let subscriber = row.subscriber.unwrap_or_default();
        let at = row.paid.unwrap_or_default();
        let twice = self.rows.values().find(|other| {
            other.id != row.id
                && other.subscriber == Some(subscriber)
                && other.received == row.received
                && other.paid.is_some_and(|paid| at - paid <= REPEAT_MS)
        });
        if let Some(twice) = twice {
            return Err(format!("the same words paid twice: {twice:?} {row:?}"));
        }
        if words.contains("AGAIN") {
            let offered = self.offered.remove(&(subscriber, words.to_owned()));
            ensure(offered, || format!("{words} was not offered: {row:?}"))?;
            self.met("paid AGAIN");
        }
        Ok(())
    }

    fn price(&self, row: &Row, town: &Town) -> Checked {
        let [retail, wholesale, fee, tax] = row.charge;
        let list = match &row.item {
            // A kiosk's price was frozen when it ordered: `step` sees that it stays.
            Some(item) => town
                .prices_ever(item)
                .any(|(each, whole)| (retail, wholesale) == (each * row.units, whole * row.units)),
            None => wholesale == retail - (retail * 500 * 2 + 10_000) / 20_000,
        };
        let inside = ((retail + fee) * 1_900 * 2 + 11_900) / 23_800;
        ensure(list && fee == 10 && tax == inside, || {
            format!("a wrong price: {row:?}")
        })
    }

    /// What went back is the share of what was not given out, as the design counts it.
    fn amounts_back(&mut self, row: &Row) -> Checked {
        let [retail, wholesale, fee, tax] = row.charge;
        let whole = counted_units(row);
        let expected = match row.state.as_str() {
            "refunded" => {
                self.met("refunded");
                row.charge
            }
            "supplied" if whole < row.units => {
                self.met("supplied part");
                let share = |amount: i64| amount * (row.units - whole) / row.units;
                let back = share(retail);
                [back, share(wholesale), 0, tax * back / (retail + fee)]
            }
            state => {
                self.met(if state == "supplied" {
                    "supplied whole"
                } else {
                    state
                });
                [0; 4]
            }
        };
        ensure(row.back == expected, || {
            format!("{:?} should be back: {row:?}", expected)
        })
    }

    /// An answer must agree with what stands.
    fn answered(
        &mut self,
        member: &Member,
        outcome: &Outcome,
        batch: &Batch<'_>,
        town: &Town,
    ) -> Checked {
        let now_is = |id: i64| {
            let changed = batch.left.changed.iter().find(|row| row.id == id);
            changed.or_else(|| self.rows.get(&id)).cloned()
        };
        match (member, outcome) {
            (Member::Arrival(arrival), Outcome::Arrived { purchase, end, .. }) => {
                let word = format!("{end:?}");
                let word = word
                    .split_once("(\"")
                    .map_or(word.as_str(), |(word, _)| word);
                let row = purchase.and_then(|id| now_is(id.0));
                let forged = matches!(
                    town.sent.get(arrival.received.as_ref()),
                    Some(Intent::Forged)
                );
                ensure(
                    !forged || ["Forged", "Waiting", "Ignored"].contains(&word),
                    || format!("a forgery was {word}"),
                )?;
                let stands = word != "Paid" || row.is_some_and(|row| row.paid.is_some());
                self.met(word);
                ensure(stands, || format!("{outcome:?} and nothing is paid"))
            }
            (Member::TerminalAct(act), Outcome::Ack(view)) => {
                let row = now_is(view.purchase.0).ok_or("an ack of nothing")?;
                ensure(act.token_sha256 == TOKEN, || {
                    "a wrong token was taken".to_owned()
                })?;
                let ours = row.terminal.as_deref() == Some(act.terminal.as_str());
                ensure(ours && row.ack == Some(act.ack), || {
                    format!("{act:?} got {row:?}")
                })?;
                let undone = row.back != [0; 4];
                let lost = view.taken
                    && view.state == State::Accepted
                    && undone
                    && !words_of(&row, batch)
                        .any(|word| !matches!(word, Word::Accept | Word::Withdraw));
                ensure(!lost, || format!("accepted and withdrawn: {row:?}"))
            }
            (Member::TerminalAct(act), Outcome::Refused(Denied::Credential)) => {
                self.met("credential");
                ensure(act.token_sha256 != TOKEN, || {
                    "a good token was refused".to_owned()
                })
            }
            _ => Ok(()),
        }
    }

    /// Numbers and cards are where the imports put them.
    fn expect_lines(&self, batch: &Batch<'_>, town: &Town) -> Checked {
        let mut held: BTreeMap<String, (Option<i64>, Option<String>)> = self
            .lines
            .iter()
            .map(|line| (line.1.clone(), (line.2, line.3.clone())))
            .collect();
        for member in batch.members {
            let Member::ImportLines(lines) = member else {
                continue;
            };
            for line in lines {
                let number = line.msisdn.expose_number();
                for (number_of, card_of) in held.values_mut() {
                    if *number_of == Some(number) {
                        *number_of = None;
                    }
                    if card_of.as_deref() == Some(&*line.iccid) {
                        *card_of = None;
                    }
                }
                let card = Some(line.iccid.to_string());
                held.insert(line.account.to_string(), (Some(number), card));
            }
        }
        let stands: BTreeMap<_, _> = batch
            .left
            .lines
            .iter()
            .map(|line| (line.1.clone(), (line.2, line.3.clone())))
            .collect();
        let known = town
            .phones
            .iter()
            .all(|phone| held.contains_key(&account_name(phone)));
        ensure(known && stands == held, || {
            format!("held {held:?}, stands {stands:?}")
        })
    }
}

pub fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(wrong()) }
}

/// What the subscriber sent: a packet that came in parts is kept with the header that names it.
fn said(row: &Row) -> Vec<u8> {
    let received = hex::decode(&row.received).unwrap_or_default();
    match received.strip_prefix(&[0x02, 0x70, 0x00]) {
        Some(packet) => packet.to_vec(),
        None => received,
    }
}

/// Pieces given out; a refusal's number is not one.
fn counted_units(row: &Row) -> i64 {
    if row.state == "supplied" {
        row.state_units
    } else {
        0
    }
}

/// What machines with the right token said about this purchase in the batch.
fn words_of<'a>(row: &'a Row, batch: &'a Batch<'_>) -> impl Iterator<Item = Word> + 'a {
    batch.members.iter().filter_map(|member| match member {
        Member::TerminalAct(act)
            if act.token_sha256 == TOKEN
                && row.terminal.as_deref() == Some(act.terminal.as_str())
                && row.ack == Some(act.ack) =>
        {
            Some(act.word)
        }
        _ => None,
    })
}

/// Every state that the batch's events can lead to, by a table of our own. A deadline counts only
/// for a state that began long enough ago.
fn reachable(before: Option<&Row>, row: &Row, batch: &Batch<'_>) -> BTreeSet<(String, i64)> {
    let state = |name: &str, units: i64| (name.to_owned(), units);
    let mut reached: BTreeSet<(String, i64)> = BTreeSet::new();
    match before {
        None => {
            reached.extend(["refused", "ordered", "paid"].map(|name| state(name, 0)));
        }
        Some(before) => {
            reached.insert(state(&before.state, counted_units(before)));
            if before.state == "ordered" && row.paid.is_some() {
                reached.insert(state("paid", 0));
            }
            let deadline = batch.members.iter().any(
                |member| matches!(member, Member::Deadline { purchase } if purchase.0 == row.id),
            );
            let waited = batch.now - before.changed;
            reached.extend(match before.state.as_str() {
                "paid" if deadline && waited >= 15_000 => Some(state("refunded", 0)),
                "accepted" | "dispensing" if deadline && waited >= 90_000 => {
                    Some(state("unknown", 0))
                }
                "ordered" if deadline && waited >= 120_000 => Some(state("expired", 0)),
                _ => None,
            });
        }
    }
    let given = |units: i64| match units {
        0 => Some(state("refunded", 0)),
        units if units <= row.units => Some(state("supplied", units)),
        _ => None,
    };
    let words: Vec<Word> = words_of(row, batch).collect();
    for _ in 0..3 {
        let mut further = Vec::new();
        for (name, _) in &reached {
            for word in &words {
                further.extend(match (name.as_str(), word) {
                    ("paid", Word::Accept) => Some(state("accepted", 0)),
                    ("paid", Word::Withdraw) => Some(state("refunded", 0)),
                    ("accepted", Word::Dispensing) => Some(state("dispensing", 0)),
                    ("accepted" | "dispensing" | "unknown", Word::Supplied { units }) => {
                        given(units.map_or(row.units, i64::from))
                    }
                    ("accepted" | "dispensing" | "unknown", Word::Failed) => given(0),
                    ("accepted" | "dispensing" | "unknown", Word::Reset { approved }) => {
                        given(if *approved { row.units } else { 0 })
                    }
                    _ => None,
                });
            }
            for member in batch.members {
                if let Member::Resolve(resolve) = member
                    && resolve.purchase.0 == row.id
                    && name == "unknown"
                {
                    further.extend(given(resolve.units.map_or(row.units, i64::from)));
                }
            }
        }
        reached.extend(further);
    }
    reached
}
