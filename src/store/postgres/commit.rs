//! COMMIT, and the one warning that must not be missed.
//!
//! When the wait for a synchronous standby is cancelled, the server answers success with a warning:
//! the transaction is committed on the primary and perhaps nowhere else. The driver writes warnings
//! to the log only, so a subscriber of our own listens while the answer is awaited.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::Executor;
use sqlx::postgres::PgConnection;
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::store::connection::Broken;
use crate::store::postgres::code_of;

/// Commits. No statement time-out is set for it, and nothing cancels it: a cancelled wait for the
/// standby is no error.
pub(in crate::store) async fn commit(connection: &mut PgConnection) -> Result<(), Broken> {
    let warnings = Warnings::default();
    let heard = Arc::clone(&warnings.0);
    let committed = connection.execute("commit").with_subscriber(warnings).await;
    committed.map_err(refused)?;
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    heard
        .take()
        .map_or(Ok(()), |text| Err(Broken::OnlyLocal(text)))
}

/// A transaction that the server rolled back by its own rules is not stored; anything else may be.
fn refused(error: sqlx::Error) -> Broken {
    match code_of(&error).as_deref() {
        Some("40001" | "40P01") => Broken::Contended(error),
        Some(code) if code.starts_with("23") => Broken::Rule(error),
        _ => Broken::AtCommit(error),
    }
}

/// Keeps the first warning of the server.
#[derive(Default)]
struct Warnings(Arc<Mutex<Option<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == NOTICES && *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if self.enabled(event.metadata()) {
            let mut text = Text::default();
            event.record(&mut text);
            let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            heard.get_or_insert(text.0);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message of an event.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Where the driver writes what the server says besides its answers.
const NOTICES: &str = "sqlx::postgres::notice";
