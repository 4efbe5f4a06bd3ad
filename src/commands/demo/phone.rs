//! One subscriber: does the errands of the plan, opens every confirmation, remembers what was told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::cast::{MachinePart, PhonePart, Shop, Ware, pick};
use super::plan::{Errand, Twist, Way};
use super::stage::{Stage, count};
use crate::dialogue::secured_order::{Agreed, SecuredOrder, Wanted};
use crate::dialogue::secured_reply::{OutcomeCode, SecuredReply};
use crate::domain::ids::PurchaseId;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::pon::Pon;
use crate::simulator::handset::phrasebook::{Phrasebook, Said};
use crate::simulator::handset::{Handset, Received, Shown};
use crate::simulator::soft_sim::SoftSim;
use crate::smpp::pdu::ShortMessage;

mod dialling;
mod ordering;

/// A phone on the stage.
pub(super) struct Phone {
    stage: Arc<Stage>,
    currency: Currency,
    handset: Handset,
    /// A card of the same number under keys of its own making.
    thief: SoftSim,
    book: Phrasebook,
    inbox: mpsc::Receiver<ShortMessage>,
    /// The last two packets that went out, the older first.
    packets: VecDeque<ShortMessage>,
    /// What was typed lately, and when.
    typed: VecDeque<(Duration, String)>,
    /// The last order in words that was paid, and when.
    last_bought: Option<(Duration, String)>,
    told: Told,
}

/// What a subscriber was told, for the comparison with the books.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The operator's name for the account.
    pub(super) account: String,
    /// By the SIM's reference: the amount charged, in minor units, and the purchase.
    pub(super) paid_by_reference: BTreeMap<u32, (i64, PurchaseId)>,
    /// Short references of purchases that were paid by words.
    pub(super) paid_by_words: BTreeSet<String>,
    /// References of orders that a thief's card sealed.
    pub(super) forged: BTreeSet<u32>,
    /// References with any answer.
    pub(super) answered: BTreeSet<u32>,
    /// Errands without an answer.
    pub(super) unanswered: u32,
    /// What the operator should never have sent.
    pub(super) bad: Vec<String>,
}

/// What came out of listening for a while.
enum Heard {
    Confirmed,
    Said(Said),
    /// A text of the USSD session that is open.
    Shown(Shown),
    Nothing,
    /// The demo is over.
    End,
}

impl Phone {
    /// A phone whose messages come by `inbox`.
    pub(super) fn new(
        stage: Arc<Stage>,
        part: &PhonePart,
        handset: Handset,
        thief: SoftSim,
        inbox: mpsc::Receiver<ShortMessage>,
    ) -> Result<Self, toml::de::Error> {
        Ok(Self {
            stage,
            currency: part.currency,
            handset,
            thief,
            book: Phrasebook::of(part.tongue)?,
            inbox,
            packets: VecDeque::new(),
            typed: VecDeque::new(),
            last_bought: None,
            told: Told {
                account: part.account.clone(),
                ..Told::default()
            },
        })
    }

    /// Does all errands, and listens until the inbox is closed.
    pub(super) async fn play(mut self, errands: Vec<Errand>) -> Told {
        for errand in errands {
            if !self.carry_out(errand).await {
                self.told.unanswered = self.told.unanswered.saturating_add(1);
            }
            self.stage.done();
        }
        while let Some(message) = self.inbox.recv().await {
            self.take(&message);
        }
        self.told
    }

    /// Does one errand; false when nobody answered.
    async fn carry_out(&mut self, errand: Errand) -> bool {
        let stage = Arc::clone(&self.stage);
        let Some(machine) = stage.cast.machines.get(errand.machine) else {
            return false;
        };
        let Some(ware) = pick(machine.shop().wares, errand.ware) else {
            return false;
        };
        match errand.twist {
            Twist::Till | Twist::WalkedAway => self.at_a_till(machine, ware, errand).await,
            Twist::Replay => match self.older_packet() {
                Some(packet) => {
                    count(&stage.counts.replays);
                    stage.deliver(packet).await
                }
                None => self.order_sealed(machine, ware, errand).await,
            },
            Twist::AnotherOne => match self.bought_last() {
                Some(text) => self.another_one(&text).await,
                None => self.order_sealed(machine, ware, errand).await,
            },
            Twist::Amount => self.order_in_words(machine, ware, errand).await,
            Twist::None
            | Twist::Duplicate
            | Twist::Forgery
            | Twist::InTwoParts
            | Twist::OldPrice
            | Twist::NoSuchItem => match errand.way {
                Way::Secured => self.order_sealed(machine, ware, errand).await,
                Way::Words => self.order_in_words(machine, ware, errand).await,
                Way::Ussd => self.order_by_ussd(machine, ware, errand).await,
            },
        }
    }

    /// Takes a number from a kiosk, and pays it or walks away.
    async fn at_a_till(&mut self, machine: &MachinePart, ware: Ware, errand: Errand) -> bool {
        let stage = Arc::clone(&self.stage);
        let till = stage.tills.get(errand.machine).and_then(Option::as_ref);
        let Some(till) = till else { return false };
        let shown = till.lock().await.order(ware.code, errand.units).await;
        let shown = match shown {
            Ok(shown) => shown,
            Err(error) => {
                self.told.bad.push(format!("{}: {error}", machine.id));
                return false;
            }
        };
        if errand.twist == Twist::WalkedAway {
            return true;
        }
        match (errand.way, shown.pon.parse::<Pon>()) {
            (_, Err(_)) => {
                let said = format!("{}: {} is no number to pay", machine.id, shown.pon);
                self.told.bad.push(said);
                false
            }
            (Way::Words | Way::Ussd, Ok(pon)) => {
                let text = format!("{} {pon}", self.book.pay(usize::from(errand.units)));
                self.say(&text, false).await.is_some()
            }
            (Way::Secured, Ok(pon)) => {
                let wanted = Wanted::PaymentOrder {
                    pon,
                    short_code: None,
                };
                let agreed = MinorUnits::try_from(shown.gross_minor).unwrap_or_default();
                self.send_sealed(wanted, agreed, Twist::None).await
            }
        }
    }

    /// Listens until something comes or the time is over.
    async fn listen(&mut self, until: Duration) -> Heard {
        let left = until.saturating_sub(self.stage.now());
        match tokio::time::timeout(left, self.inbox.recv()).await {
            Ok(Some(message)) => self.take(&message),
            Ok(None) => Heard::End,
            Err(_) => Heard::Nothing,
        }
    }

    /// Lets the SIM or its owner read a message, and remembers what was told.
    fn take(&mut self, message: &ShortMessage) -> Heard {
        if message.tlvs.ussd_service_op().is_some() {
            // A text of a session that was given up meanwhile is no longer on the display.
            return self
                .handset
                .shown(message)
                .map_or(Heard::Nothing, Heard::Shown);
        }
        match self.handset.receive(message, &self.book) {
            Received::Confirmed(reply) => {
                count(&self.stage.counts.opened);
                self.told.remember(&reply, self.currency);
                Heard::Confirmed
            }
            Received::Overtaken(reply) => {
                let reference = reply.reference.number();
                self.told.complain(format!(
                    "the confirmation of reference {reference} came after a later one: a card \
                     refuses it"
                ));
                Heard::Nothing
            }
            Received::Again => Heard::Nothing,
            Received::Said(said) => {
                count(&self.stage.counts.read);
                // The gateway sends again what it does not know to have arrived.
                if let Said::Paid(reference) = &said
                    && !self.told.paid_by_words.insert(reference.clone())
                {
                    return Heard::Nothing;
                }
                Heard::Said(said)
            }
            Received::Bad(bad) => {
                self.told.complain(bad.to_string());
                Heard::Nothing
            }
        }
    }
}

impl Told {
    /// Something is wrong.
    pub(super) fn complain(&mut self, bad: String) {
        if self.bad.len() < BAD_MAX {
            self.bad.push(bad);
        }
    }

    /// A confirmation, as the card opened it, to a bill in this currency.
    pub(super) fn remember(&mut self, reply: &SecuredReply, bill: Currency) {
        let reference = reply.reference.number();
        if self.forged.contains(&reference) {
            self.bad.push(format!(
                "a forged order was answered with {:?}",
                reply.outcome
            ));
        }
        // A replayed packet is refused under the reference of the order that it once was.
        if reply.outcome != OutcomeCode::CounterLow {
            self.answered.insert(reference);
        }
        if let (OutcomeCode::Paid, Some((amount, currency)), Some(purchase)) =
            (reply.outcome, reply.amount, reply.purchase)
        {
            if currency != bill {
                let said = format!("a bill in {bill} was charged in {currency}");
                self.bad.push(said);
            }
            let paid = (amount.minor(), purchase);
            let before = self.paid_by_reference.insert(reference, paid);
            if before.is_some_and(|before| before != paid) {
                let said = format!("reference {reference} was confirmed as two purchases");
                self.bad.push(said);
            }
        }
    }
}

/// What a subscriber agrees to pay at a machine: the pieces and the operator's fee.
pub(super) fn gross(shop: &Shop, ware: Ware, units: u8) -> MinorUnits {
    let retail = ware.retail_minor.saturating_mul(units.into());
    MinorUnits::try_from(retail.saturating_add(shop.fee_minor)).unwrap_or_default()
}

/// Of each phone, so many faults are told; the first ones say what is wrong.
const BAD_MAX: usize = 5;
