//! What a command works on: the configuration, the master key, and the books, opened beside a
//! `serve` that may be running on the same file.

use std::path::Path;
use std::sync::Arc;

use crate::commands::key_source::{KeySourceError, open_keys};
use crate::commands::secrecy::lock_memory;
use crate::config::places::MsisdnInFiles;
use crate::config::{Config, ConfigError};
use crate::domain::Millis;
use crate::domain::money::{Currency, MinorUnits};
use crate::export::{Places, Profile};
use crate::gateway::books::{Committed, StoreError};
use crate::gateway::context::Context;
use crate::gateway::key_source::KeySource;
use crate::gateway::member::{Denied, Outcome};
use crate::serve::place_of;
use crate::store::{MarkError, Store, StoreOptions, Writer};
use crate::telemetry::{self, clock, key_log};

/// The configuration and what is made of it.
#[derive(Clone)]
pub struct Site {
    /// What the operator decided.
    pub config: Arc<Config>,
    /// Where keys come from.
    pub keys: KeySource,
    /// What decisions look at.
    pub context: Arc<Context>,
    /// The time that the command began.
    pub now: Millis,
}

impl Site {
    /// Reads the configuration and the files that every command needs.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] when there is no such file, [`Fault::Refused`] for what is wrong in it,
    /// [`Fault::Failure`] for a master key that can't be used, or a token that does not give it.
    pub fn load(config: &Path) -> Result<Self, Fault> {
        let config = Config::load(config)?;
        // A log that was started before goes on as it is.
        let _ = telemetry::start_log(&config.log);
        let keys = open_keys(&config)?.source;
        // A command is short: what hinders it is told by `serve`.
        if let Err(error) = lock_memory() {
            tracing::debug!("{error}");
        }
        let context = Arc::new(config.context(keys.clone())?);
        Ok(Self {
            config: Arc::new(config),
            keys,
            context,
            now: clock::clock(),
        })
    }

    /// The same as another node of the same books sees it.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn as_node(self, node: u16) -> Result<Self, Fault> {
        let mut config = Config::clone(&self.config);
        config.node.id = node;
        let context = Arc::new(config.context(self.keys.clone())?);
        Ok(Self {
            config: Arc::new(config),
            context,
            ..self
        })
    }

    /// What billing files look like and where they are.
    ///
    /// # Errors
    ///
    /// [`Fault::Refused`] for an operator code that can't be part of a file name.
    pub fn billing_files(&self) -> Result<(Profile, Places), Fault> {
        let export = &self.config.export;
        let operator = export.operator.parse();
        let profile = Profile {
            operator: operator
                .map_err(|error| Fault::Refused(format!("[export] operator: {error}")))?,
            node: self.config.node.id,
            live: true,
            exposes_msisdn: export.msisdn == MsisdnInFiles::Full,
            zone: self.config.billing.time_zone.0.clone(),
        };
        let places = Places {
            folder: export.dir.clone(),
            head_file: export.head_file.clone(),
        };
        Ok((profile, places))
    }

    /// Holds the books against their mark and does `work` with them, the writer running beside it.
    ///
    /// # Errors
    ///
    /// What `work` says, or why there are no books, or none that may be used.
    pub fn on_books<T>(
        self,
        work: impl AsyncFnOnce(Self, Store) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.on_unmarked_books(async move |site: Self, store: Store| {
            let (options, mark) = (site.options()?, site.config.store.mark_file.clone());
            store.check_mark(&options, &mark).await?;
            let done = work(site, store.clone()).await;
            // What was committed belongs to the mark, whatever came of the rest.
            store.check_mark(&options, &mark).await?;
            done
        })
    }

    /// The same with books that may be none that a mark knows, as those that are to be filled.
    ///
    /// # Errors
    ///
    /// What `work` says, or why there are no books.
    pub fn on_unmarked_books<T>(
        self,
        work: impl AsyncFnOnce(Self, Store) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let options = self.options()?;
            let (store, writer) = self.open(&options).await?;
            let (done, wrote) = tokio::join!(work(self, store), writer.run());
            wrote?;
            done
        })
    }

    /// Opens the books without looking at their mark, for who declares a restore.
    ///
    /// # Errors
    ///
    /// Why there are no books.
    pub async fn open(&self, options: &StoreOptions) -> Result<(Store, Writer), StoreError> {
        let context = Arc::clone(&self.context);
        // What commits bring about is carried out by `serve`, which looks for it. What a person does
        // with keys is told where the person is, too.
        let on_commit = Arc::new(|committed: Committed| {
            committed.key_events.iter().for_each(key_log::write);
        });
        Store::open(options, context, Arc::new(clock::clock), on_commit).await
    }

    /// Where the books are, and whose.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] names the password file that can't be read.
    pub fn options(&self) -> Result<StoreOptions, StoreError> {
        Ok(StoreOptions {
            place: place_of(&self.config.store)?,
            node: self.config.node.id,
        })
    }
}

/// Why a command did not do what it was asked, with its exit status.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Asked in a way that can't be meant.
    #[error("{0}")]
    Usage(String),
    /// What was asked can't be.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// It stands otherwise in the books.
    #[error("{0}")]
    Conflict(String),
    /// Something else failed; the same command may go well later.
    #[error("{0}")]
    Failure(String),
}

impl Fault {
    /// The exit status.
    #[must_use]
    pub const fn status(&self) -> u8 {
        match self {
            Self::Failure(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::NotFound(_) => 4,
            Self::Conflict(_) => 5,
        }
    }
}

impl From<Denied> for Fault {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotFound(what) => Self::NotFound(format!("no such {what}")),
            Denied::Credential => Self::Refused("the credential is missing or another's".into()),
            Denied::Conflict(why) => Self::Conflict(why),
            Denied::Order(refusal) => Self::Refused(refusal.name().to_owned()),
            Denied::Invalid(why) => Self::Refused(why),
        }
    }
}

impl From<ConfigError> for Fault {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Unreadable { .. } => Self::Usage(error.to_string()),
            ConfigError::Faults(_) | ConfigError::Texts(_) | ConfigError::Ussd(_) => {
                Self::Refused(error.to_string())
            }
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.to_string())
    }
}

impl From<MarkError> for Fault {
    fn from(error: MarkError) -> Self {
        match error {
            MarkError::Disk { .. } | MarkError::Store(_) => Self::Failure(error.to_string()),
            MarkError::Older { .. }
            | MarkError::Others(_)
            | MarkError::Missing(_)
            | MarkError::Unsettled
            | MarkError::Bad(_) => Self::Refused(error.to_string()),
        }
    }
}

impl From<KeySourceError> for Fault {
    fn from(error: KeySourceError) -> Self {
        match error {
            KeySourceError::SoftwareAes(_) => Self::Refused(error.to_string()),
            KeySourceError::File(_) | KeySourceError::Token(_) => Self::Failure(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Failure(error.to_string())
    }
}

/// An outcome that says whether anything was done: true when it was, false when it had been before.
///
/// # Errors
///
/// What the books refused.
pub fn done(outcome: Outcome) -> Result<bool, Fault> {
    match outcome {
        Outcome::Done => Ok(true),
        Outcome::AlreadyDone => Ok(false),
        Outcome::Refused(denied) => Err(denied.into()),
        Outcome::Arrived { .. }
        | Outcome::Ordered { .. }
        | Outcome::Ack(_)
        | Outcome::Imported { .. }
        | Outcome::Batch(_)
        | Outcome::Bills(_)
        | Outcome::Commanded(_) => Err(unexpected()),
    }
}

/// An outcome that says what an import came to: how many rows are new, and how many changed.
///
/// # Errors
///
/// What the books refused.
pub fn imported(outcome: Outcome) -> Result<(u64, u64), Fault> {
    match outcome {
        Outcome::Imported { added, changed } => Ok((added, changed)),
        Outcome::Refused(denied) => Err(denied.into()),
        Outcome::Arrived { .. }
        | Outcome::Ordered { .. }
        | Outcome::Ack(_)
        | Outcome::Done
        | Outcome::AlreadyDone
        | Outcome::Batch(_)
        | Outcome::Bills(_)
        | Outcome::Commanded(_) => Err(unexpected()),
    }
}

/// An outcome that belongs to another kind of member.
#[must_use]
pub fn unexpected() -> Fault {
    Fault::Failure("the books answered something else than was asked".to_owned())
}

/// A balance or total with the currency's digits and its sign.
#[must_use]
pub fn decimal(currency: Currency, minor: i64) -> String {
    let amount = i64::try_from(minor.unsigned_abs()).unwrap_or(i64::MAX);
    let amount = currency.format(MinorUnits::try_from(amount).unwrap_or_default());
    if minor < 0 {
        format!("-{amount}")
    } else {
        amount
    }
}

/// A time as people and programs read it: RFC 3339 in UTC.
#[must_use]
pub fn utc(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |t| t.to_string())
}

/// Rows that one question asks for.
pub const PAGE: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_below_nothing_keeps_its_sign_and_digits() {
        let (eur, jpy): (Currency, Currency) = ("EUR".parse().unwrap(), "JPY".parse().unwrap());
        assert_eq!(decimal(eur, -5), "-0.05");
        assert_eq!(decimal(eur, 123_456), "1234.56");
        assert_eq!(decimal(jpy, -7), "-7");
    }

    #[test]
    fn every_fault_has_the_status_that_is_documented() {
        let faults = [
            Fault::Failure,
            Fault::Usage,
            Fault::Refused,
            Fault::NotFound,
            Fault::Conflict,
        ];
        let statuses = faults.map(|fault| fault("x".to_owned()).status());
        assert_eq!(statuses, [1, 2, 3, 4, 5]);
    }
}
