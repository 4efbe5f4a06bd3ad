//! What an SMSC has yet to deliver: fresh messages, and those that must go again after a pause.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Delivered, QueueFull};
use crate::smpp::pdu::{CommandStatus, ShortMessage};

/// A message on its way to an ESME.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) message: ShortMessage,
    /// How often it went out.
    pub(super) tries: u32,
    /// When it went out last.
    pub(super) sent_at: Duration,
    reply: Option<oneshot::Sender<Delivered>>,
}

impl Queued {
    pub(super) const fn new(
        message: ShortMessage,
        reply: Option<oneshot::Sender<Delivered>>,
    ) -> Self {
        Self {
            message,
            tries: 0,
            sent_at: Duration::ZERO,
            reply,
        }
    }

    /// The message once more, with nobody to ask how it went.
    pub(super) fn duplicate(&self) -> Self {
        Self {
            message: self.message.clone(),
            reply: None,
            ..*self
        }
    }

    /// Tells whoever asked how it went.
    pub(super) fn end(self, status: Option<CommandStatus>, answered_after: Duration) {
        if let Some(reply) = self.reply {
            // Whoever asked may have stopped waiting.
            reply
                .send(Delivered {
                    status,
                    tries: self.tries,
                    answered_after,
                })
                .ok();
        }
    }
}

/// The messages that wait.
#[derive(Debug)]
pub(super) struct Queue {
    ready: VecDeque<Queued>,
    /// In order of time, for every pause is equally long.
    later: VecDeque<(Duration, Queued)>,
    most: usize,
}

impl Queue {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            ready: VecDeque::new(),
            later: VecDeque::new(),
            most,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len().saturating_add(self.later.len())
    }

    pub(super) fn push(&mut self, queued: Queued) -> Result<(), QueueFull> {
        if self.len() >= self.most {
            return Err(QueueFull);
        }
        self.ready.push_back(queued);
        Ok(())
    }

    /// Takes back what was in the queue before, so there is always room.
    pub(super) fn put_back(&mut self, queued: Queued, due: Duration) {
        self.later.push_back((due, queued));
    }

    /// The next message to go out now: one that waited before one that is fresh.
    pub(super) fn take(&mut self, now: Duration) -> Option<Queued> {
        match self.later.front() {
            Some((due, _)) if *due <= now => self.later.pop_front().map(|(_, queued)| queued),
            Some(_) | None => self.ready.pop_front(),
        }
    }

    /// How long until [`take`](Self::take) has something to give.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        self.later.front().map(|(due, _)| due.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tries: u32) -> Queued {
        Queued {
            tries,
            ..Queued::new(ShortMessage::default(), None)
        }
    }

    #[test]
    fn a_message_put_back_waits_its_pause_and_then_goes_first() {
        let second = Duration::from_secs(1);
        let mut queue = Queue::new(2);
        queue.put_back(message(7), second);
        assert_eq!(queue.wait(Duration::ZERO), Some(second));
        queue.push(message(0)).unwrap();
        assert_eq!(queue.push(message(0)), Err(QueueFull));
        assert_eq!(queue.wait(Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(queue.take(second).unwrap().tries, 7);
        assert_eq!(queue.take(second).unwrap().tries, 0);
        assert!(queue.take(second).is_none() && queue.wait(second).is_none());
    }
}
