//! What happens in USSD sessions, and what is said in them, whatever carries them.
//!
//! ```text
//! smpp::ussd (a centre's dialect) ──┐
//! gsup (a core network's HLR) ──────┼─► Event ─► the menu ─► Reply
//! history (an aggregator's HTTP) ───┘
//! ```
//! Each carrier is a table of sessions, sans-IO; they have their names and words in common, so that
//! one desk serves them all.

pub mod history;

use crate::domain::msisdn::Msisdn;
use crate::sms::ussd_string::StringTooLong;

/// Names one session among all that ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId {
    phone: Msisdn,
    number: u64,
}

impl SessionId {
    /// The session of `phone` that has this number at its carrier.
    #[must_use]
    pub const fn new(phone: Msisdn, number: u64) -> Self {
        Self { phone, number }
    }

    /// The number that its carrier gave it.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number
    }

    /// Whose session it is.
    #[must_use]
    pub const fn phone(self) -> Msisdn {
        self.phone
    }
}

/// Whether a message was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is dealt with, whatever it was: the centre is answered 0.
    Taken,
    /// There is no room for another session: the centre is answered 0x14.
    Full,
}

/// What a phone did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A code was dialled: a [`Reply`] is waited for.
    Dialled {
        /// The new session.
        session: SessionId,
        /// All of the code, such as `*778*4711*12#`; empty when the centre told none.
        code: String,
        /// What names the session at the centre as long as it lasts; none where nothing does.
        lasting_id: Option<Vec<u8>>,
        /// Whether it may have been dialled a while ago, in a session that nobody here remembers:
        /// then nothing may be paid by it.
        retold: bool,
    },
    /// The subscriber answered: a [`Reply`] is waited for.
    Answered {
        /// Which session.
        session: SessionId,
        /// What was typed.
        text: String,
        /// As with [`Self::Dialled`].
        retold: bool,
    },
    /// The session is over.
    Ended {
        /// Which session.
        session: SessionId,
        /// Why.
        end: End,
    },
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Our last text went out.
    Closed,
    /// The subscriber or the network gave it up.
    Released,
    /// Nobody answered in time.
    TimedOut,
    /// The phone dialled anew.
    Replaced,
    /// An operation that the dialect does not know.
    Confused,
    /// The connection is gone, or the centre did not take our text.
    Lost,
}

impl End {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Released => "released",
            Self::TimedOut => "timed_out",
            Self::Replaced => "replaced",
            Self::Confused => "confused",
            Self::Lost => "lost",
        }
    }
}

/// What is said next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A text that is to be answered.
    GoesOn(String),
    /// The last text.
    End(String),
}

/// Why a phone is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// The centre lets phones begin, nobody else.
    #[error("the dialect begins no sessions")]
    Dialect,
    /// The phone is in a session.
    #[error("the phone is in another session")]
    InSession,
    /// There is no room for another session.
    #[error("too many sessions are open")]
    Full,
}

/// Why nothing was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSaid {
    /// The session is over, or it is the subscriber's turn.
    #[error("the session waits for no text of ours")]
    NotOurTurn,
    /// It does not fit one USSD string.
    #[error(transparent)]
    TooLong(#[from] StringTooLong),
}
