//! The messages of SMPP 3.4 and what of 5.0 meets us: bytes in, values out, nothing copied.
//!
//! ```text
//! │ header (16 octets): length, id, status, sequence │ mandatory fields │ TLVs │
//! ```
//! Three steps, so that one bad message never costs a link: [`split_frame`] cuts by length alone,
//! the header is always read, the body is read leniently by [`decode`]. What still cannot be read
//! is a [`DecodeError`] that knows its answer.

mod bind;
mod command;
mod field;
mod frame;
mod message;
mod multi;
mod status;
mod stored;
mod tag;
mod tlv;
mod wire;

use bytes::{BufMut, BytesMut};

use self::wire::{Flaw, Reader, Writer};
pub use self::{
    bind::{Bind, BindMode, BindResp, Outbind},
    command::CommandId,
    field::{Address, COctetString, Password, Payload},
    frame::{Frame, FrameError, Header, MAX_PDU_OCTETS, split_frame, split_frame_within},
    message::{AlertNotification, DataSm, MessageResp, ShortMessage},
    multi::{Destination, RefusedDestination, SubmitMulti, SubmitMultiResp},
    status::CommandStatus,
    stored::{CancelSm, QueryResult, QuerySm, ReplaceSm},
    tag::Tag,
    tlv::{NetworkError, Sar, Tlv, Tlvs},
};

/// One message of SMPP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// How the request went; [`CommandStatus::ESME_ROK`] in requests.
    pub status: CommandStatus,
    /// Ties a response to its request: 1 to `0x7FFF_FFFF` by the specification.
    pub sequence: u32,
    /// What it says.
    pub body: Body,
}

impl Pdu {
    /// A request.
    #[must_use]
    pub const fn request(sequence: u32, body: Body) -> Self {
        Self {
            status: CommandStatus::ESME_ROK,
            sequence,
            body,
        }
    }

    /// What it is for.
    #[must_use]
    pub const fn id(&self) -> CommandId {
        self.body.id()
    }

    /// The answer to this request with `status` and otherwise empty; `None` when it is a response
    /// or one of the two requests that nobody answers (`outbind`, `alert_notification`).
    #[must_use]
    pub fn answer(&self, status: CommandStatus) -> Option<Self> {
        let body = Body::empty_answer(self.id())?;
        Some(Self {
            status,
            sequence: self.sequence,
            body,
        })
    }
}

/// What a PDU says: its `command_id` and the fields that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is the PDU of its name; the types tell what is in it"
)]
pub enum Body {
    GenericNack,
    Bind(Bind),
    BindResp(BindResp),
    Outbind(Outbind),
    Unbind,
    UnbindResp,
    EnquireLink,
    EnquireLinkResp,
    SubmitSm(ShortMessage),
    SubmitSmResp(MessageResp),
    SubmitMulti(SubmitMulti),
    SubmitMultiResp(SubmitMultiResp),
    DeliverSm(ShortMessage),
    DeliverSmResp(MessageResp),
    DataSm(DataSm),
    DataSmResp(MessageResp),
    QuerySm(QuerySm),
    /// `None` when the body was empty, as it is when the query failed.
    QuerySmResp(Option<QueryResult>),
    CancelSm(CancelSm),
    CancelSmResp,
    ReplaceSm(ReplaceSm),
    ReplaceSmResp,
    AlertNotification(AlertNotification),
}

impl Body {
    /// The `command_id`.
    #[must_use]
    pub const fn id(&self) -> CommandId {
        match self {
            Self::GenericNack => CommandId::GENERIC_NACK,
            Self::Bind(bind) => bind.mode.command(),
            Self::BindResp(answer) => answer.mode.command().response(),
            Self::Outbind(_) => CommandId::OUTBIND,
            Self::Unbind => CommandId::UNBIND,
            Self::UnbindResp => CommandId::UNBIND_RESP,
            Self::EnquireLink => CommandId::ENQUIRE_LINK,
            Self::EnquireLinkResp => CommandId::ENQUIRE_LINK_RESP,
            Self::SubmitSm(_) => CommandId::SUBMIT_SM,
            Self::SubmitSmResp(_) => CommandId::SUBMIT_SM_RESP,
            Self::SubmitMulti(_) => CommandId::SUBMIT_MULTI,
            Self::SubmitMultiResp(_) => CommandId::SUBMIT_MULTI_RESP,
            Self::DeliverSm(_) => CommandId::DELIVER_SM,
            Self::DeliverSmResp(_) => CommandId::DELIVER_SM_RESP,
            Self::DataSm(_) => CommandId::DATA_SM,
            Self::DataSmResp(_) => CommandId::DATA_SM_RESP,
            Self::QuerySm(_) => CommandId::QUERY_SM,
            Self::QuerySmResp(_) => CommandId::QUERY_SM_RESP,
            Self::CancelSm(_) => CommandId::CANCEL_SM,
            Self::CancelSmResp => CommandId::CANCEL_SM_RESP,
            Self::ReplaceSm(_) => CommandId::REPLACE_SM,
            Self::ReplaceSmResp => CommandId::REPLACE_SM_RESP,
            Self::AlertNotification(_) => CommandId::ALERT_NOTIFICATION,
        }
    }

    fn empty_answer(request: CommandId) -> Option<Self> {
        let bound = |mode| BindResp {
            mode,
            system_id: COctetString::default(),
            tlvs: Tlvs::new(),
        };
        match request {
            CommandId::BIND_RECEIVER => Some(Self::BindResp(bound(BindMode::Receiver))),
            CommandId::BIND_TRANSMITTER => Some(Self::BindResp(bound(BindMode::Transmitter))),
            CommandId::BIND_TRANSCEIVER => Some(Self::BindResp(bound(BindMode::Transceiver))),
            CommandId::UNBIND => Some(Self::UnbindResp),
            CommandId::ENQUIRE_LINK => Some(Self::EnquireLinkResp),
            CommandId::SUBMIT_SM => Some(Self::SubmitSmResp(MessageResp::default())),
            CommandId::SUBMIT_MULTI => Some(Self::SubmitMultiResp(SubmitMultiResp::default())),
            CommandId::DELIVER_SM => Some(Self::DeliverSmResp(MessageResp::default())),
            CommandId::DATA_SM => Some(Self::DataSmResp(MessageResp::default())),
            CommandId::QUERY_SM => Some(Self::QuerySmResp(None)),
            CommandId::CANCEL_SM => Some(Self::CancelSmResp),
            CommandId::REPLACE_SM => Some(Self::ReplaceSmResp),
            CommandId::OUTBIND | CommandId::ALERT_NOTIFICATION => None,
            unknown if unknown.is_response() => None,
            _ => Some(Self::GenericNack),
        }
    }

    fn read(id: CommandId, reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(match id {
            CommandId::GENERIC_NACK => Self::GenericNack,
            CommandId::BIND_RECEIVER => Self::Bind(Bind::read(BindMode::Receiver, reader)?),
            CommandId::BIND_TRANSMITTER => Self::Bind(Bind::read(BindMode::Transmitter, reader)?),
            CommandId::BIND_TRANSCEIVER => Self::Bind(Bind::read(BindMode::Transceiver, reader)?),
            CommandId::BIND_RECEIVER_RESP => {
                Self::BindResp(BindResp::read(BindMode::Receiver, reader)?)
            }
            CommandId::BIND_TRANSMITTER_RESP => {
                Self::BindResp(BindResp::read(BindMode::Transmitter, reader)?)
            }
            CommandId::BIND_TRANSCEIVER_RESP => {
                Self::BindResp(BindResp::read(BindMode::Transceiver, reader)?)
            }
            CommandId::OUTBIND => Self::Outbind(Outbind::read(reader)),
            CommandId::UNBIND => Self::Unbind,
            CommandId::UNBIND_RESP => Self::UnbindResp,
            CommandId::ENQUIRE_LINK => Self::EnquireLink,
            CommandId::ENQUIRE_LINK_RESP => Self::EnquireLinkResp,
            CommandId::SUBMIT_SM => Self::SubmitSm(ShortMessage::read(reader)?),
            CommandId::SUBMIT_SM_RESP => Self::SubmitSmResp(MessageResp::read(reader)?),
            CommandId::SUBMIT_MULTI => Self::SubmitMulti(SubmitMulti::read(reader)?),
            CommandId::SUBMIT_MULTI_RESP => Self::SubmitMultiResp(SubmitMultiResp::read(reader)?),
            CommandId::DELIVER_SM => Self::DeliverSm(ShortMessage::read(reader)?),
            CommandId::DELIVER_SM_RESP => Self::DeliverSmResp(MessageResp::read(reader)?),
            CommandId::DATA_SM => Self::DataSm(DataSm::read(reader)?),
            CommandId::DATA_SM_RESP => Self::DataSmResp(MessageResp::read(reader)?),
            CommandId::QUERY_SM => Self::QuerySm(QuerySm::read(reader)?),
            CommandId::QUERY_SM_RESP => Self::QuerySmResp(QueryResult::read(reader)?),
            CommandId::CANCEL_SM => Self::CancelSm(CancelSm::read(reader)?),
            CommandId::CANCEL_SM_RESP => Self::CancelSmResp,
            CommandId::REPLACE_SM => Self::ReplaceSm(ReplaceSm::read(reader)?),
            CommandId::REPLACE_SM_RESP => Self::ReplaceSmResp,
            CommandId::ALERT_NOTIFICATION => {
                Self::AlertNotification(AlertNotification::read(reader)?)
            }
            _ => {
                return Err(Flaw {
                    what: "command_id",
                    status: CommandStatus::ESME_RINVCMDID,
                });
            }
        })
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        match self {
            Self::GenericNack
            | Self::Unbind
            | Self::UnbindResp
            | Self::EnquireLink
            | Self::EnquireLinkResp
            | Self::QuerySmResp(None)
            | Self::CancelSmResp
            | Self::ReplaceSmResp => Ok(()),
            Self::Bind(bind) => bind.write(writer),
            Self::BindResp(answer) => answer.write(writer),
            Self::Outbind(outbind) => outbind.write(writer),
            Self::SubmitSm(message) | Self::DeliverSm(message) => message.write(writer),
            Self::SubmitMulti(multi) => multi.write(writer),
            Self::SubmitMultiResp(answer) => answer.write(writer),
            Self::SubmitSmResp(answer) | Self::DeliverSmResp(answer) | Self::DataSmResp(answer) => {
                answer.write(writer)
            }
            Self::DataSm(data) => data.write(writer),
            Self::QuerySm(query) => query.write(writer),
            Self::QuerySmResp(Some(result)) => result.write(writer),
            Self::CancelSm(cancel) => cancel.write(writer),
            Self::ReplaceSm(replace) => replace.write(writer),
            Self::AlertNotification(alert) => alert.write(writer),
        }
    }
}

/// Reads a frame.
///
/// Lenient about all that leaves the meaning plain: over-long strings, a missing last NUL, octets
/// after the body, empty responses, TLVs of odd lengths.
///
/// # Errors
///
/// [`DecodeError`] when the command is not known, or when a field without which the message would
/// mean something else is not there. Send what [`answer_for`] gives and keep the link.
pub fn decode(frame: &Frame) -> Result<Pdu, DecodeError> {
    let header = frame.header();
    match Body::read(header.id, &mut Reader::new(frame.body())) {
        Ok(body) => Ok(Pdu {
            status: header.status,
            sequence: header.sequence,
            body,
        }),
        Err(Flaw { what, status }) => Err(DecodeError {
            header,
            status,
            what,
        }),
    }
}

/// A PDU that could not be read; the next one can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {}: {what} cannot be read: {status}", .header.id, .header.sequence)]
pub struct DecodeError {
    /// The header, which could.
    pub header: Header,
    /// What to answer.
    pub status: CommandStatus,
    /// The first field that could not be read.
    pub what: &'static str,
}

/// The answer to a request that could not be read: the response of a known request, else
/// `generic_nack`. A response is never answered, else two peers could answer each other for ever.
#[must_use]
pub fn answer_for(error: &DecodeError) -> Option<Pdu> {
    let body = Body::empty_answer(error.header.id)?;
    Some(Pdu {
        status: error.status,
        sequence: error.header.sequence,
        body,
    })
}

/// Appends `pdu` to `out`.
///
/// # Errors
///
/// [`EncodeError`] names the field that does not fit; `out` is then as it was.
pub fn encode(pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
    let start = out.len();
    let written = encode_at(start, pdu, out);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// A field that SMPP has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Longer than the specification allows.
    #[error("{field} has {octets} octets, {limit} at most fit")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length.
        octets: usize,
        /// The most that fits.
        limit: usize,
    },
    /// A list of more entries than the specification allows.
    #[error("{field} is {entries}, {limit} at most")]
    TooMany {
        /// The field that counts them.
        field: &'static str,
        /// How many there are.
        entries: usize,
        /// The most that fit.
        limit: usize,
    },
    /// A C-octet string with a NUL inside, which would end it early.
    #[error("{field} holds a NUL")]
    HoldsNul {
        /// The field.
        field: &'static str,
    },
}

fn encode_at(start: usize, pdu: &Pdu, out: &mut BytesMut) -> Result<(), EncodeError> {
    out.put_u32(0);
    out.put_u32(pdu.id().0);
    out.put_u32(pdu.status.0);
    out.put_u32(pdu.sequence);
    pdu.body.write(&mut Writer::new(out))?;
    let octets = out.len().saturating_sub(start);
    let length = u32::try_from(octets)
        .ok()
        .filter(|length| *length <= MAX_PDU_OCTETS);
    let length = length.ok_or(EncodeError::TooLong {
        field: "command_length",
        octets,
        limit: LONGEST_PDU,
    })?;
    if let Some(place) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *place = length.to_be_bytes();
    }
    Ok(())
}

/// [`MAX_PDU_OCTETS`] as a count in memory.
const LONGEST_PDU: usize = 65_536;
