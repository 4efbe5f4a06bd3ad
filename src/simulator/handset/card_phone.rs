//! A phone with a real card in it: the equipment, and the link to the card. One task owns it.

use std::time::Duration;

use super::equipment::{
    Answer, CardFault, Carried, Equipment, MemoryFull, Menu, NotAnAnswer, Outgoing, Prompt, Wanted,
};
use crate::simulator::card::{CardLink, CardLinkError};

/// The phone.
pub struct CardPhone {
    link: CardLink,
    equipment: Equipment,
    answer_to_reset: Vec<u8>,
}

/// Whom the phone waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// Its user: [`CardPhone::user_said`].
    User(Prompt),
    /// The network, to carry this: [`CardPhone::network_said`].
    Network(Outgoing),
    /// Anybody: [`CardPhone::select`], [`CardPhone::download`].
    Anybody,
}

/// The card does not do its part.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// The connection to it.
    #[error(transparent)]
    Link(#[from] CardLinkError),
    /// What it says; the phone goes on without a session.
    #[error(transparent)]
    Fault(#[from] CardFault),
}

impl CardPhone {
    /// Resets the card at `HOST:PORT`, and switches the phone on.
    ///
    /// # Errors
    ///
    /// [`CardLinkError`] when there is no card, or it does not answer.
    pub async fn switch_on(address: &str) -> Result<Self, CardLinkError> {
        let mut link = CardLink::connect(address, CARD_WITHIN).await?;
        link.reset().await?;
        let answer_to_reset = link.answer_to_reset().await?;
        Ok(Self {
            link,
            equipment: Equipment::new(),
            answer_to_reset,
        })
    }

    /// The card's answer to reset.
    #[must_use]
    pub fn answer_to_reset(&self) -> &[u8] {
        &self.answer_to_reset
    }

    /// The card's entry in the phone's own menu.
    #[must_use]
    pub const fn menu(&self) -> Option<&Menu> {
        self.equipment.menu()
    }

    /// Messages that the card has not taken yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.equipment.waiting()
    }

    /// Goes on until somebody outside has to do something. Safe to be asked again at any time, and
    /// to be dropped between two exchanges only: not inside of a `select!`.
    ///
    /// # Errors
    ///
    /// [`CardError`].
    pub async fn carry_on(&mut self) -> Result<WaitsFor, CardError> {
        let mut pauses = PAUSES_MAX;
        loop {
            match self.equipment.wanted() {
                Wanted::Card(apdu) => {
                    let response = self.link.transmit(&apdu).await?;
                    self.equipment.card_said(&response)?;
                }
                Wanted::User(prompt) => return Ok(WaitsFor::User(prompt)),
                Wanted::Network(outgoing) => return Ok(WaitsFor::Network(outgoing)),
                Wanted::Pause if pauses > 0 => {
                    pauses = pauses.saturating_sub(1);
                    tokio::time::sleep(PAUSE).await;
                }
                Wanted::Pause | Wanted::Nothing => return Ok(WaitsFor::Anybody),
            }
        }
    }

    /// Sends the card an APDU of one's own, outside of any session.
    ///
    /// # Errors
    ///
    /// [`CardLinkError`].
    pub async fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, CardLinkError> {
        self.link.transmit(apdu).await
    }

    /// As [`Equipment::select`].
    ///
    /// # Errors
    ///
    /// [`NotAnAnswer`].
    pub fn select(&mut self, identifier: u8) -> Result<(), NotAnAnswer> {
        self.equipment.select(identifier)
    }

    /// As [`Equipment::download`].
    ///
    /// # Errors
    ///
    /// [`MemoryFull`].
    pub fn download(&mut self, tpdu: &[u8]) -> Result<(), MemoryFull> {
        self.equipment.download(tpdu)
    }

    /// As [`Equipment::user_said`].
    ///
    /// # Errors
    ///
    /// [`NotAnAnswer`].
    pub fn user_said(&mut self, answer: Answer) -> Result<(), NotAnAnswer> {
        self.equipment.user_said(answer)
    }

    /// As [`Equipment::network_said`].
    pub fn network_said(&mut self, carried: Carried) {
        self.equipment.network_said(carried);
    }
}

/// The slowest cards take a second or two for an order; one in a debugger may take longer.
const CARD_WITHIN: Duration = Duration::from_secs(10);
/// A card that is busy without a session is given five seconds, then left alone until something
/// comes.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSES_MAX: u32 = 25;
