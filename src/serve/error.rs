//! Why the gateway does not start, or has to end.

use std::sync::Arc;

use crate::config::ConfigError;
use crate::config::smsc::PasswordError;
use crate::gateway::books::StoreError;
use crate::http::doorway::DoorwayError;
use crate::http::tls::TlsError;
use crate::smpp::link::LinkError;
use crate::store::MarkError;

/// Why the gateway does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The books can't be opened, or their writer failed.
    #[error("the books: {0}")]
    Store(#[from] StoreError),
    /// The books are older than the mark outside of them, or others.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// The disk did not take what the writer flushed.
    #[error(
        "the books: the disk failed to flush them, and what it has is unknown; \
         mend the disk and start again, which reads the log"
    )]
    Unflushed,
    /// The menu or a dialect of USSD can't be used.
    #[error(transparent)]
    Ussd(#[from] ConfigError),
    /// A bind's password can't be had.
    #[error("smsc {smsc}")]
    Password {
        /// Which bind.
        smsc: Arc<str>,
        /// Why.
        source: PasswordError,
    },
    /// A bind can't be set up.
    #[error("smsc {smsc}")]
    Link {
        /// Which bind.
        smsc: Arc<str>,
        /// Why.
        source: LinkError,
    },
    /// There is no listener.
    #[error(transparent)]
    Doorway(#[from] DoorwayError),
    /// The listener's certificate can't be used.
    #[error("[http.tls]")]
    Tls(#[from] TlsError),
    /// The API's description can't be written.
    #[error("the description of the interface can't be written")]
    Description(#[source] serde_json::Error),
    /// The system has no random octets.
    #[error("the system gives no random octets")]
    NoChance,
    /// The system refused something.
    #[error("the system refused")]
    System(#[source] std::io::Error),
    /// A task ended that nobody had asked to.
    #[error("a part ended by itself: {part}")]
    Ended {
        /// Which.
        part: String,
    },
}
