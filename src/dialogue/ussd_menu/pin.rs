//! Where the menu asks for the PIN. What was typed is never shown again.

use super::question::PinState;
use super::{Confirming, Dialogue, Guide, Place, Step, Wish};
use crate::domain::pin::Pin;

impl Dialogue {
    /// The caller said yes to the price.
    pub(super) fn agreed(&mut self, offer: Confirming, guide: &Guide<'_>) -> Step {
        match offer.pin {
            None => self.submit(offer.command, Some(offer.price)),
            Some(PinState::Set) => {
                let text = self.text("ask_pin", guide);
                self.ask(Place::AskPin(Box::new(offer)), &text, guide)
            }
            Some(PinState::Unset) => self.read("no_pin", guide),
            Some(PinState::Blocked) => self.read("pin_blocked", guide),
        }
    }

    /// The caller wants to choose a PIN, and this is how the one of now stands.
    pub(super) fn choose_pin(&mut self, pin: PinState, guide: &Guide<'_>) -> Step {
        match pin {
            PinState::Unset => self.ask(Place::NewPin(None), &self.text("new_pin", guide), guide),
            PinState::Set => self.ask(Place::OldPin, &self.text("ask_pin", guide), guide),
            PinState::Blocked => self.read("pin_blocked", guide),
        }
    }

    /// Digits where a PIN was asked for.
    pub(super) fn pin_typed(&mut self, typed: &str, guide: &Guide<'_>) -> Step {
        let Ok(pin) = typed.parse::<Pin>() else {
            let place = self.place.clone();
            return self.ask(place, &self.text("bad_pin", guide), guide);
        };
        match self.place.clone() {
            Place::AskPin(offer) => {
                self.place = Place::Submitted;
                Step::Submit(Wish::Order {
                    command: offer.command,
                    shown: Some(offer.price),
                    pin: Some(pin),
                })
            }
            Place::OldPin => {
                let text = self.text("new_pin", guide);
                self.ask(Place::NewPin(Some(pin)), &text, guide)
            }
            Place::NewPin(old) if pin.is_obvious() => {
                let text = self.text("obvious_pin", guide);
                self.ask(Place::NewPin(old), &text, guide)
            }
            Place::NewPin(old) => {
                let text = self.text("pin_again", guide);
                self.ask(Place::PinAgain { old, new: pin }, &text, guide)
            }
            Place::PinAgain { old, new } if new == pin => {
                self.place = Place::Submitted;
                Step::Submit(Wish::Pin { old, new })
            }
            Place::PinAgain { old, .. } => {
                let text = self.text("pins_differ", guide);
                self.ask(Place::NewPin(old), &text, guide)
            }
            Place::Begun
            | Place::Opening(_)
            | Place::Choosing(_)
            | Place::AskShortCode { .. }
            | Place::Shop { .. }
            | Place::Near(_)
            | Place::AskAmount { .. }
            | Place::AskPon
            | Place::Confirm(_)
            | Place::Pin
            | Place::AskQuantity { .. }
            | Place::Purchases
            | Place::Bill
            | Place::Limit(_)
            | Place::AskLimit(_)
            | Place::Languages(_)
            | Place::Reading
            | Place::Submitted
            | Place::Closing => self.wrong(guide),
        }
    }

    fn read(&mut self, key: &str, guide: &Guide<'_>) -> Step {
        self.ask(Place::Reading, &self.text(key, guide), guide)
    }
}
