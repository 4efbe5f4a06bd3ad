//! The tasks of a gateway, and the order in which they end.
//!
//! ```text
//! serving ─► closing: 0x14, polls end ─► draining: messages leave ─► unbinding ─► ended
//!              deliveries answered           outbox                    links       writer, log
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::serve::error::ServeError;
use crate::serve::stop::Stops;

/// The tasks and how far the end has come.
pub(super) struct Running {
    tasks: JoinSet<(Part, Result<(), ServeError>)>,
    left: BTreeMap<Part, Vec<AbortHandle>>,
    pub(super) stage: watch::Sender<Stage>,
}

impl Running {
    pub(super) fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            left: BTreeMap::new(),
            stage: watch::Sender::new(Stage::Serving),
        }
    }

    pub(super) fn start(
        &mut self,
        part: Part,
        task: impl Future<Output = Result<(), ServeError>> + Send + 'static,
    ) {
        let handle = self.tasks.spawn(async move { (part, task.await) });
        self.left.entry(part).or_default().push(handle);
    }

    /// Starts a task that is dropped, wherever it stands, when `stage` is reached.
    pub(super) fn start_until(
        &mut self,
        part: Part,
        stage: Stage,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let reached = self.reached(stage);
        self.start(part, async move {
            tokio::select! {
                () = task => {}
                () = reached => {}
            }
            Ok(())
        });
    }

    pub(super) fn reached(
        &self,
        stage: Stage,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut now = self.stage.subscribe();
        async move {
            // A stage that can't come any more is reached: everything is over.
            now.wait_for(|now| *now >= stage).await.ok();
        }
    }

    /// Serves until `stops` asks; no task may end before.
    pub(super) async fn serve(&mut self, stops: &mut impl Stops) -> Result<(), ServeError> {
        tokio::select! {
            () = stops.asked() => Ok(()),
            ended = self.tasks.join_next() => Err(match ended {
                Some(Ok((_, Err(error)))) => error,
                Some(Ok((part, Ok(())))) => ServeError::Ended { part: format!("{part:?}") },
                Some(Err(panicked)) => ServeError::Ended { part: panicked.to_string() },
                None => ServeError::Ended { part: "all".to_owned() },
            }),
        }
    }

    /// Serves until `stops` asks, and then finishes what was begun; asked again it ends at once.
    pub(super) async fn until_stopped(
        mut self,
        quiet: mpsc::Receiver<()>,
        mut stops: impl Stops,
    ) -> Result<(), ServeError> {
        self.serve(&mut stops).await?;
        tracing::info!("stopping: what was begun is finished; a second signal ends at once");
        tokio::select! {
            ended = self.finish(quiet) => ended,
            () = stops.asked() => {
                tracing::warn!("ended at once");
                Ok(())
            }
        }
    }

    /// Ends everything in the order in which it hangs together.
    pub(super) async fn finish(&mut self, mut quiet: mpsc::Receiver<()>) -> Result<(), ServeError> {
        self.stage.send_replace(Stage::Closing);
        // Nothing is ever sent: it ends when its senders are gone.
        let quiet = tokio::time::timeout(ANSWERED_WITHIN, quiet.recv());
        if quiet.await.is_err() {
            tracing::warn!("orders at the books are not answered; they come again");
        }
        self.end(
            &[Part::Timers, Part::House, Part::Health, Part::Http],
            CLOSED_WITHIN,
        )
        .await?;
        self.stage.send_replace(Stage::Draining);
        self.end(&[Part::Outbox], DRAINED_WITHIN).await?;
        self.stage.send_replace(Stage::Unbinding);
        self.end(&[Part::Links, Part::Deliveries], UNBOUND_WITHIN)
            .await?;
        // It ends by itself: nobody is left who could hand it anything.
        self.end(&[Part::Writer], WRITTEN_WITHIN).await?;
        self.stage.send_replace(Stage::Ended);
        self.end(&[Part::Journal, Part::Metrics], TOLD_WITHIN)
            .await?;
        tracing::info!("stopped");
        Ok(())
    }

    /// Waits for the end of these parts; what takes longer than `within` is dropped.
    async fn end(&mut self, parts: &[Part], within: Duration) -> Result<(), ServeError> {
        let overdue = tokio::time::sleep(within);
        let mut overdue = std::pin::pin!(overdue);
        let unfinished = |left: &BTreeMap<Part, Vec<AbortHandle>>| {
            let handles = parts.iter().filter_map(|part| left.get(part)).flatten();
            handles.filter(|handle| !handle.is_finished()).count()
        };
        while unfinished(&self.left) > 0 {
            tokio::select! {
                ended = self.tasks.join_next() => match ended {
                    Some(Ok((_, Err(error)))) => return Err(error),
                    Some(Err(panicked)) if panicked.is_panic() => {
                        return Err(ServeError::Ended { part: panicked.to_string() });
                    }
                    Some(Ok(_) | Err(_)) => {}
                    None => return Ok(()),
                },
                () = &mut overdue => {
                    tracing::warn!(?parts, "took too long to end, and is cut off");
                    let handles = parts.iter().filter_map(|part| self.left.get(part));
                    handles.flatten().for_each(AbortHandle::abort);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// How far the end has come. Each task ends at a stage of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Serving,
    /// Nothing new is taken.
    Closing,
    /// What was written leaves.
    Draining,
    /// Binds are given up.
    Unbinding,
    /// What only tells of the rest ends.
    Ended,
}

/// The tasks of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Writer,
    Http,
    Timers,
    House,
    Health,
    Outbox,
    Links,
    Deliveries,
    Journal,
    Metrics,
}

/// A task that can't fail.
pub(super) async fn ending(task: impl Future<Output = ()>) -> Result<(), ServeError> {
    task.await;
    Ok(())
}

/// What the network gives a delivery.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// A little more than what HTTP gives its last requests.
const CLOSED_WITHIN: Duration = Duration::from_secs(17);
/// Confirmations that leave now spare a subscriber the wait for the next start.
const DRAINED_WITHIN: Duration = Duration::from_secs(10);
/// A little more than a link gives itself by default.
const UNBOUND_WITHIN: Duration = Duration::from_secs(10);
/// A queue full of members on a slow disk, and the checkpoint after it.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);
const TOLD_WITHIN: Duration = Duration::from_secs(2);
