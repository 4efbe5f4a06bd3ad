//! One connection to an HLR, sans-IO: says who we are, carries messages, sees whether the HLR lives.
//!
//! ```text
//! connected ──ID_GET──► known: messages go both ways ──silence──► PING ──silence──► dead
//! ```

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::domain::Millis;
use crate::gsup::ipa::{self, Frame, FrameTooLong};
use crate::gsup::message::{Message, MessageError};

/// What passes on one connection.
#[derive(Debug)]
pub struct Conversation {
    name: String,
    ping_ms: i64,
    heard: Millis,
    /// Since when the HLR owes a sign of life.
    asked: Option<Millis>,
    known: bool,
    closed: Option<Closed>,
    output: BytesMut,
    events: VecDeque<Event>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The HLR knows us: messages can come and go.
    Known,
    /// A message.
    Message(Message),
    /// Octets that are none; the stream goes on behind them.
    Malformed(MessageError),
}

/// Why a connection is no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// Its octets are no frames.
    #[error(transparent)]
    OutOfStep(FrameTooLong),
    /// It says nothing.
    #[error("the hlr is silent")]
    Silent,
}

impl Conversation {
    /// A connection that stands since `now`. `name` is how the HLR calls us, with its `EUSE-`; after
    /// `ping_ms` of silence it is asked whether it lives, and after as long again it does not.
    #[must_use]
    pub fn new(name: String, ping_ms: i64, now: Millis) -> Self {
        Self {
            name,
            ping_ms,
            heard: now,
            asked: None,
            known: false,
            closed: None,
            output: BytesMut::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes what is whole off `input`.
    pub fn receive(&mut self, input: &mut BytesMut, now: Millis) {
        while self.closed.is_none() {
            let frame = match ipa::split_frame(input) {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => {
                    self.closed = Some(Closed::OutOfStep(error));
                    return;
                }
            };
            self.heard = now;
            self.asked = None;
            match frame {
                Frame::Ping => ipa::pong(&mut self.output),
                Frame::IdentityWanted(tags) => {
                    ipa::identity(&self.name, &tags, &mut self.output);
                    if !self.known {
                        self.known = true;
                        self.events.push_back(Event::Known);
                    }
                }
                Frame::Gsup(octets) => self.events.push_back(match Message::decode(&octets) {
                    Ok(message) => Event::Message(message),
                    Err(error) => Event::Malformed(error),
                }),
                Frame::Pong | Frame::Other => {}
            }
        }
    }

    /// Says something.
    pub fn send(&mut self, message: &Message) {
        ipa::gsup(&message.encode(), &mut self.output);
    }

    /// Asks an HLR that is silent whether it lives. A spurious tick changes nothing.
    pub fn tick(&mut self, now: Millis) {
        if now < self.next_deadline() || self.closed.is_some() {
            return;
        }
        if self.asked.is_some() {
            self.closed = Some(Closed::Silent);
        } else {
            self.asked = Some(now);
            ipa::ping(&mut self.output);
        }
    }

    /// When [`Self::tick`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Millis {
        self.asked.unwrap_or(self.heard).plus_ms(self.ping_ms)
    }

    /// Whether messages can be sent.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// Why it is over, if it is.
    #[must_use]
    pub const fn closed(&self) -> Option<Closed> {
        self.closed
    }

    /// Octets to write.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        (!self.output.is_empty()).then(|| self.output.split().freeze())
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_000_000);

    fn hears(conversation: &mut Conversation, octets: &str, now: Millis) -> Vec<Event> {
        let mut input = BytesMut::from(hex::decode(octets).unwrap().as_slice());
        conversation.receive(&mut input, now);
        std::iter::from_fn(|| conversation.poll_event()).collect()
    }

    fn said(conversation: &mut Conversation) -> String {
        hex::encode(conversation.poll_transmit().unwrap_or_default())
    }

    #[test]
    fn whoever_asks_is_told_the_name_and_pings_are_answered() {
        let mut hlr = Conversation::new("EUSE-a".to_owned(), 10_000, NOW);
        assert!(!hlr.is_known());
        assert_eq!(hears(&mut hlr, "0003fe040100", NOW), [Event::Known]);
        assert_eq!(said(&mut hlr), "000bfe05000800455553452d61000001fe06");
        assert_eq!(hears(&mut hlr, "0003fe0401000001fe00", NOW), []);
        assert!(said(&mut hlr).ends_with("0001fe01"));
        let malformed = Event::Malformed(MessageError::OtherType(4));
        assert_eq!(hears(&mut hlr, "0002ee0504", NOW), [malformed]);
        assert_eq!(hlr.closed(), None);
    }

    #[test]
    fn an_hlr_that_says_nothing_is_asked_and_then_given_up() {
        let mut hlr = Conversation::new("EUSE-a".to_owned(), 10_000, NOW);
        hlr.tick(NOW.plus_ms(9_999));
        assert_eq!(said(&mut hlr), "");
        hlr.tick(NOW.plus_ms(10_000));
        assert_eq!(said(&mut hlr), "0001fe00");
        hears(&mut hlr, "0001fe01", NOW.plus_ms(15_000));
        hlr.tick(NOW.plus_ms(25_000));
        assert_eq!(said(&mut hlr), "0001fe00");
        hlr.tick(NOW.plus_ms(30_000));
        assert_eq!(hlr.closed(), None);
        hlr.tick(NOW.plus_ms(35_000));
        assert_eq!(hlr.closed(), Some(Closed::Silent));
    }

    #[test]
    fn a_stream_out_of_step_is_given_up() {
        let mut hlr = Conversation::new("EUSE-a".to_owned(), 10_000, NOW);
        assert_eq!(hears(&mut hlr, "ffffee05", NOW), []);
        let closed = hlr.closed().unwrap().to_string();
        assert!(closed.contains("65535 octets"), "{closed}");
    }
}
