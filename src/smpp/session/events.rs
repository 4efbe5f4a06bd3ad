//! What a session tells its driver: events, outcomes, counts.

use crate::smpp::pdu::{Body, COctetString, CommandStatus, EncodeError, ShortMessage};

/// Something that the driver must know, in the order in which it happened.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "deliveries are nearly all events; a box for each would only cost"
)]
pub enum Event {
    /// The SMSC took the bind.
    Bound {
        /// What the SMSC calls itself.
        smsc: COctetString,
    },
    /// A message from a handset, or a receipt: [`Session::answer`](super::Session::answer) it.
    Delivery {
        /// What the answer names. Tokens are never used twice within a session.
        token: Token,
        /// What came; a `data_sm` is met as the `deliver_sm` that it could have been.
        message: ShortMessage,
    },
    /// A message of ours has come to its end here.
    Answered {
        /// As [`Session::send`](super::Session::send) gave it.
        ticket: Ticket,
        /// How it went.
        outcome: Outcome,
    },
    /// The session is over. This is its last event; every ticket has had its own before.
    Closed(Closed),
}

/// Names one delivery until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub(super) u64);

/// Names one message of ours until its outcome; it stays when the message is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(super) u64);

/// How a message of ours went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The SMSC has it.
    Accepted {
        /// The SMSC's name for it, by which a receipt will speak of it; may be empty.
        message_id: COctetString,
    },
    /// The SMSC does not have it, and said why.
    Refused(CommandStatus),
    /// No response came. The SMSC may have it or not: sending it again may double it.
    Silent,
}

/// Why a message was not taken; it may be offered again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The bind does not stand, or is being given up.
    #[error("not bound")]
    NotBound,
    /// Window or rate is used up: see [`Session::ready_at`](super::Session::ready_at).
    #[error("window or rate used up")]
    Full,
    /// It does not fit a PDU, and never will.
    #[error("does not fit a PDU")]
    Unencodable(#[source] EncodeError),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The SMSC refused the bind.
    #[error("bind refused: {0}")]
    Refused(CommandStatus),
    /// The SMSC did not answer the bind in time.
    #[error("bind not answered")]
    BindUnanswered,
    /// Nothing came for longer than `enquire_link` may take.
    #[error("link dead: enquire_link not answered")]
    LinkDead,
    /// The SMSC unbound.
    #[error("unbound by the smsc")]
    UnboundByPeer,
    /// We unbound.
    #[error("unbound")]
    Unbound,
    /// A `command_length` that cannot be true: what follows it cannot be read.
    #[error("stream out of step")]
    OutOfStep,
    /// The connection broke under the session.
    #[error("connection lost")]
    Lost,
}

/// What happened since the last [`Session::take_counts`](super::Session::take_counts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// PDUs read.
    pub pdus_in: u64,
    /// PDUs written.
    pub pdus_out: u64,
    /// Deliveries answered 0x14 here: too many unanswered, or stopping.
    pub deliveries_refused: u64,
    /// Messages that the SMSC took.
    pub accepted: u64,
    /// Messages that the SMSC refused, throttling apart.
    pub refused: u64,
    /// Answers 0x58 and 0x14 to our messages.
    pub throttled: u64,
    /// Requests without a response in time.
    pub timeouts: u64,
    /// Responses to nothing: late ones, or made up.
    pub strays: u64,
    /// PDUs that could not be decoded.
    pub malformed: u64,
    /// `alert_notification`, which needs no answer.
    pub alerts: u64,
    /// `outbind`, which makes no sense on a connection that we opened.
    pub outbinds: u64,
}

/// One request of ours in the window.
#[derive(Debug)]
pub(super) enum Request {
    Bind,
    EnquireLink,
    Unbind,
    Message(Box<Message>),
}

/// A message of ours, kept until its outcome so that a throttled one can be sent again.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) ticket: Ticket,
    pub(super) body: Body,
    /// How often the SMSC refused it as too much.
    pub(super) refusals: u8,
    /// What it said last.
    pub(super) status: CommandStatus,
}
