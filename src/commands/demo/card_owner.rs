//! A subscriber with a real card: buys by the card's menu, and reads what the card shows.
//!
//! ```text
//! errand ─► menu, entries, PIN ─► card ─► deliver_sm        submit_sm ─► card ─► its screen
//!                                                               └─► witness: what it had to show
//! ```
//! The witness has the card's keys too, and says of each packet what a card makes of it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Trouble;
use super::cast::{PhonePart, pick};
use super::phone::{Told, gross};
use super::plan::Errand;
use super::stage::{Stage, count};
use crate::domain::money::Currency;
use crate::domain::msisdn::Msisdn;
use crate::simulator::handset::card_phone::{CardError, CardPhone, WaitsFor};
use crate::simulator::handset::equipment::{Answer, Carried, GeneralResult, Outgoing, Prompt};
use crate::simulator::handset::tpdu;
use crate::simulator::soft_sim::{Opened, SoftSim};
use crate::smpp::pdu::ShortMessage;
use crate::telemetry::clock::clock;

/// The subscriber.
pub(super) struct CardOwner {
    pub(super) stage: Arc<Stage>,
    pub(super) phone: CardPhone,
    pub(super) msisdn: Msisdn,
    pub(super) currency: Currency,
    pub(super) witness: SoftSim,
    pub(super) inbox: mpsc::Receiver<ShortMessage>,
    pub(super) told: Told,
}

/// What to run in another terminal, so that the card has the keys of this demo.
pub(super) fn how_to_start(address: &str, part: &PhonePart, folder: &Path) -> String {
    let port = address.rsplit(':').next().unwrap_or_default();
    format!(
        "start the card of {}, in another terminal (a new one for each demo):\n  \
         java -jar sim-applet/card/target/svgate-card-1.0.0.jar --port {port} --master {} --iccid {}",
        part.account,
        folder.join("master.key").display(),
        part.iccid
    )
}

/// Waits until the card listens, for as long as a person takes to start it.
///
/// # Errors
///
/// [`Trouble::Card`] when it does not.
pub(super) async fn inserted(address: &str) -> Result<CardPhone, Trouble> {
    let mut phone = CardPhone::switch_on(address).await;
    for _ in 0..STARTED_WITHIN_S {
        if phone.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        phone = CardPhone::switch_on(address).await;
    }
    let mut phone = phone.map_err(|error| Trouble::Card(error.to_string()))?;
    let ready = phone.carry_on().await;
    ready.map_err(|error| Trouble::Card(error.to_string()))?;
    Ok(phone)
}

impl CardOwner {
    /// Does all errands, and listens until the inbox is closed.
    pub(super) async fn play(mut self, errands: Vec<Errand>) -> Told {
        for errand in errands {
            let bought = self.buy(errand).await;
            let heard = match bought {
                Ok(true) => self.hears().await,
                Ok(false) => Ok(false),
                Err(error) => Err(error),
            };
            match heard {
                Ok(true) => {}
                Ok(false) => self.told.unanswered = self.told.unanswered.saturating_add(1),
                Err(error) => self.told.complain(error.to_string()),
            }
            self.stage.done();
        }
        while let Some(message) = self.inbox.recv().await {
            if let Err(error) = self.take(&message).await {
                self.told.complain(error.to_string());
            }
        }
        self.told
    }

    /// Walks through the menu. False when nothing was sent.
    async fn buy(&mut self, errand: Errand) -> Result<bool, CardError> {
        let stage = Arc::clone(&self.stage);
        let Some(machine) = stage.cast.machines.get(errand.machine) else {
            return Ok(false);
        };
        let shop = machine.shop();
        let Some(ware) = pick(shop.wares, errand.ware) else {
            return Ok(false);
        };
        let most = gross(shop, ware, errand.units);
        let mut typed = VecDeque::from([
            machine.short_code.to_string(),
            ware.code.to_owned(),
            errand.units.to_string(),
            self.currency.format(most),
            PIN.to_owned(),
        ]);
        if self.phone.select(MENU_ENTRY).is_err() {
            self.told.complain("the card has no menu".to_owned());
            return Ok(false);
        }
        let mut sent = false;
        loop {
            match self.phone.carry_on().await? {
                WaitsFor::User(prompt) => {
                    let answer = match prompt {
                        Prompt::Choose(_) => Answer::Chosen(BUY),
                        Prompt::Read(_) => Answer::Read,
                        Prompt::Type(_) => match typed.pop_front() {
                            Some(entry) => Answer::Typed(entry),
                            None => Answer::Otherwise(GeneralResult::ENDED),
                        },
                    };
                    if self.phone.user_said(answer).is_err() {
                        self.phone
                            .user_said(Answer::Otherwise(GeneralResult::ENDED))
                            .ok();
                    }
                }
                WaitsFor::Network(Outgoing::Message(submit)) => {
                    let taken = stage.deliver(submit.to_deliver_sm(self.msisdn)).await;
                    sent |= taken;
                    self.phone.network_said(if taken {
                        Carried::Taken
                    } else {
                        Carried::Failed(GeneralResult::MESSAGE_REFUSED)
                    });
                }
                WaitsFor::Network(Outgoing::Ussd(_)) => {
                    let failed = Carried::Failed(GeneralResult::NETWORK_UNABLE);
                    self.phone.network_said(failed);
                }
                WaitsFor::Anybody => return Ok(sent),
            }
        }
    }

    /// Listens until an order is answered. False when it is not.
    async fn hears(&mut self) -> Result<bool, CardError> {
        let until = self.stage.now().saturating_add(ANSWERED_WITHIN);
        loop {
            let left = until.saturating_sub(self.stage.now());
            match tokio::time::timeout(left, self.inbox.recv()).await {
                Ok(Some(message)) if self.take(&message).await? => return Ok(true),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Ok(false),
            }
        }
    }

    /// Brings a message to the card. Whether it was a confirmation, new and shown.
    async fn take(&mut self, message: &ShortMessage) -> Result<bool, CardError> {
        let Ok(tpdu) = tpdu::deliver(message, clock()) else {
            self.told
                .complain("a message is too long for a phone".to_owned());
            return Ok(false);
        };
        if !tpdu::is_for_card(message) {
            return Ok(false);
        }
        self.phone.download(&tpdu).ok();
        let mut screens = 0_u32;
        while let WaitsFor::User(_) = self.phone.carry_on().await? {
            screens = screens.saturating_add(1);
            self.phone.user_said(Answer::Read).ok();
        }
        let packet = message.payload().0;
        let packet = packet.get(COMMAND_HEADER_OCTETS..).unwrap_or_default();
        match (self.witness.open(packet), screens) {
            (Opened::Reply(reply), 1..) => {
                count(&self.stage.counts.opened);
                self.told.remember(&reply, self.currency);
                Ok(true)
            }
            (Opened::Reply(reply), 0) => {
                let reference = reply.reference.number();
                self.told.complain(format!(
                    "the card shows nothing of the confirmation of reference {reference}; was it \
                     started for this demo?"
                ));
                Ok(false)
            }
            (Opened::Again, 0) => Ok(false),
            (Opened::Overtaken(_), 0) => {
                self.told
                    .complain("a confirmation came after a later one".to_owned());
                Ok(false)
            }
            (Opened::Bad(bad), _) => {
                self.told.complain(bad.to_string());
                Ok(false)
            }
            (Opened::Again | Opened::Overtaken(_), _) => {
                self.told
                    .complain("the card shows what it must not".to_owned());
                Ok(false)
            }
        }
    }
}

/// The PIN that the card is personalised with, unless it is told otherwise.
const PIN: &str = "1234";
/// The applet's entry in the phone's menu, and "Buy" under it.
const MENU_ENTRY: u8 = 1;
const BUY: u8 = 1;
/// UDHL, element 70 and its length.
const COMMAND_HEADER_OCTETS: usize = 3;
const STARTED_WITHIN_S: u32 = 60;
/// With a restart of the gateway in it; below what counts as stuck.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
