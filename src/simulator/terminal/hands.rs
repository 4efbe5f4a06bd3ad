//! The part of a machine that gives out: one ack after the other, each word until it is answered.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex as Turn, mpsc};

use super::{
    AckJson, ActJson, Connection, Habit, MachineFaults, PAUSE, ReportJson, ReportResult, Shared,
    WORD_WITHIN, count, locked,
};

/// Works on acks for as long as the machine runs.
pub(super) async fn work(shared: Arc<Shared>, acks: Arc<Turn<mpsc::Receiver<AckJson>>>) {
    let mut hand = Hand {
        connection: Connection::new(shared.config.gateway, &shared.config.token),
        shared,
    };
    loop {
        let next = acks.lock().await.recv().await;
        let Some(ack) = next else { return };
        let is_new = locked(&hand.shared.journal).begin(ack.ack);
        if is_new {
            hand.take(&ack).await;
        }
    }
}

struct Hand {
    shared: Arc<Shared>,
    connection: Connection,
}

/// What the gateway made of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// It stands so.
    Taken,
    /// Something else stands: the word came too late.
    TooLate,
}

impl Hand {
    async fn take(&mut self, ack: &AckJson) {
        let faults = match self.shared.config.habit {
            Habit::Working(faults) => faults,
            Habit::Open => return self.give_back(ack).await,
            Habit::Silent => {
                self.accept(ack).await;
                return;
            }
            Habit::Dead => return,
        };
        if !self.accept(ack).await {
            return;
        }
        if self.shared.happens(faults.resets) {
            return self.restart(ack).await;
        }
        if self.shared.happens(DISPENSING_SAID) {
            self.say(ack, &report(ReportResult::Dispensing, ack)).await;
        }
        let pause = self.shared.draw(self.shared.config.dispense_ms);
        tokio::time::sleep(Duration::from_millis(pause.into())).await;
        let report = self.outcome(ack, faults);
        self.finish(ack, report).await;
    }

    /// Takes the ack; false when it is over already.
    async fn accept(&mut self, ack: &AckJson) -> bool {
        let taken = ack.state != "paid" || self.act(ack, "accept").await == Heard::Taken;
        if taken {
            count(&self.shared.counts.accepted);
            locked(&self.shared.journal).approve(ack.ack);
        } else {
            count(&self.shared.counts.too_late);
            locked(&self.shared.journal).forget(ack.ack);
        }
        taken
    }

    async fn give_back(&mut self, ack: &AckJson) {
        match self.act(ack, "withdraw").await {
            Heard::Taken => count(&self.shared.counts.withdrawn),
            Heard::TooLate => count(&self.shared.counts.too_late),
        }
        locked(&self.shared.journal).forget(ack.ack);
    }

    /// Gives out, or jams.
    fn outcome(&self, ack: &AckJson, faults: MachineFaults) -> ReportJson {
        let counts = &self.shared.counts;
        if self.shared.happens(faults.jams) {
            count(&counts.jams);
            return ReportJson {
                reason: Some("coil jammed".to_owned()),
                ..report(ReportResult::Failed, ack)
            };
        }
        if ack.units > 1 && self.shared.happens(faults.parts) {
            count(&counts.parts);
            return ReportJson {
                supplied_units: Some(ack.units.saturating_sub(1)),
                reason: Some("the last one hangs".to_owned()),
                ..report(ReportResult::Supplied, ack)
            };
        }
        count(&counts.supplied);
        report(ReportResult::Supplied, ack)
    }

    /// Power is lost with an ack in hand. After it: the last report again, and `reset`, with what
    /// the journal says; "approved" stands there, so the goods count as given out.
    async fn restart(&mut self, ack: &AckJson) {
        let last = locked(&self.shared.journal).last_report();
        self.shared.lose_power();
        self.connection = Connection::new(self.shared.config.gateway, &self.shared.config.token);
        tokio::time::sleep(BOOT_TIME).await;
        if let Some((number, report)) = last {
            self.report(number, &report).await;
        }
        let approved = self.shared.happens(APPROVED_WRITTEN);
        let reset = ReportJson {
            approved_journalled: Some(approved),
            ..report(ReportResult::Reset, ack)
        };
        self.finish(ack, reset).await;
    }

    /// Journals what came of it before it says so.
    async fn finish(&mut self, ack: &AckJson, report: ReportJson) {
        locked(&self.shared.journal).report(ack.ack, report.clone());
        self.say(ack, &report).await;
    }

    async fn say(&mut self, ack: &AckJson, report: &ReportJson) {
        self.report(ack.ack, report).await;
    }

    async fn report(&mut self, ack: i64, report: &ReportJson) -> Heard {
        let path = format!("{}/{ack}/result", self.shared.acks_path());
        self.until_heard(&path, report).await
    }

    async fn act(&mut self, ack: &AckJson, word: &str) -> Heard {
        let path = format!("{}/{}/{word}", self.shared.acks_path(), ack.ack);
        let body = ActJson {
            purchase: Some(ack.purchase.clone()),
            reason: None,
        };
        self.until_heard(&path, &body).await
    }

    /// Says a word until the gateway decides about it: no answer and 503 decide nothing.
    async fn until_heard(&mut self, path: &str, body: &impl serde::Serialize) -> Heard {
        loop {
            match self.connection.post(path, body, WORD_WITHIN).await {
                Ok(answer) if answer.status == 200 => return Heard::Taken,
                Ok(answer) if matches!(answer.status, 404 | 409 | 410) => return Heard::TooLate,
                Ok(_) | Err(_) => {
                    count(&self.shared.counts.again);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

fn report(result: ReportResult, ack: &AckJson) -> ReportJson {
    ReportJson {
        result,
        supplied_units: None,
        approved_journalled: None,
        reason: None,
        purchase: Some(ack.purchase.clone()),
    }
}

/// One machine in four says that it has begun; the others are quick.
const DISPENSING_SAID: u32 = 250;
/// In four of five losses of power "approved" had been written before.
const APPROVED_WRITTEN: u32 = 800;
/// A machine's controller starts in a moment.
const BOOT_TIME: Duration = Duration::from_millis(200);
