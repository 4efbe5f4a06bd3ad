//! Cuts a stream into PDUs by `command_length` alone: SMPP 3.4 §3.2 and §5.1.1.
//!
//! ```text
//! │ command_length │ command_id │ command_status │ sequence_number │ body (length − 16 octets) │
//!      4 octets        4              4                4
//! ```
//! Bodies are read later and apart, so that no fault in one can move the start of the next.

use bytes::{Buf, Bytes, BytesMut};
use nom::{IResult, Parser, number::streaming::be_u32};

use super::{Body, CommandId, CommandStatus, Pdu};

/// The first 16 octets of a PDU, which can be read whatever follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The octets of the whole PDU, these 16 included.
    pub length: u32,
    /// What the PDU is for.
    pub id: CommandId,
    /// How the request went; 0 in requests.
    pub status: CommandStatus,
    /// Ties a response to its request: 1 to `0x7FFF_FFFF` by the specification, any value here.
    pub sequence: u32,
}

/// One PDU as it came: a header, and a body of just the length that the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    header: Header,
    body: Bytes,
}

impl Frame {
    /// The header.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// Everything after the header.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Takes the next whole PDU off the front of `buffer`; `None` until more octets have come.
///
/// # Errors
///
/// [`FrameError`] when the length cannot be true. Nothing behind it can be trusted: answer with
/// [`FrameError::answer`], then close.
pub fn split_frame(buffer: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
    split_frame_within(buffer, MAX_PDU_OCTETS)
}

/// Like [`split_frame`], with a bound on `command_length` other than [`MAX_PDU_OCTETS`].
///
/// # Errors
///
/// As [`split_frame`]. A bound is refused as soon as the length has come, before any body is kept.
pub fn split_frame_within(
    buffer: &mut BytesMut,
    bound_octets: u32,
) -> Result<Option<Frame>, FrameError> {
    let Ok((_, length)) = be_u32::<_, nom::error::Error<&[u8]>>(buffer.as_ref()) else {
        return Ok(None);
    };
    if length < HEADER_OCTETS {
        return Err(FrameError::TooShort { length });
    }
    if length > bound_octets {
        return Err(FrameError::TooLong {
            length,
            bound_octets,
        });
    }
    let Ok((_, header)) = header(buffer.as_ref()) else {
        return Ok(None);
    };
    match usize::try_from(length) {
        Ok(octets) if octets <= buffer.len() => {
            let mut body = buffer.split_to(octets).freeze();
            body.advance(16);
            Ok(Some(Frame { header, body }))
        }
        Ok(_) | Err(_) => Ok(None),
    }
}

/// A `command_length` that cannot be true; the stream is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than a header.
    #[error("command_length {length} is below 16")]
    TooShort {
        /// What the peer sent.
        length: u32,
    },
    /// Longer than any PDU that we would read.
    #[error("command_length {length} is above {bound_octets}")]
    TooLong {
        /// What the peer sent.
        length: u32,
        /// The most that we read.
        bound_octets: u32,
    },
}

impl FrameError {
    /// The `generic_nack` to send before closing: the sequence number is 0, for the header cannot
    /// be trusted either (3.4 §4.3.1).
    #[must_use]
    pub const fn answer(self) -> Pdu {
        Pdu {
            status: CommandStatus::ESME_RINVCMDLEN,
            sequence: 0,
            body: Body::GenericNack,
        }
    }
}

/// The longest PDU that we read or write: a `message_payload` near its own limit of 64 KiB fits
/// with its addresses. Each connection may hold that much.
pub const MAX_PDU_OCTETS: u32 = 65_536;

fn header(input: &[u8]) -> IResult<&[u8], Header> {
    (be_u32, be_u32, be_u32, be_u32)
        .map(|(length, id, status, sequence)| Header {
            length,
            id: CommandId(id),
            status: CommandStatus(status),
            sequence,
        })
        .parse(input)
}

const HEADER_OCTETS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pdu_is_cut_only_when_it_is_whole() {
        let mut whole = vec![
            0, 0, 0, 18, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 7, 0xAA, 0xBB,
        ];
        let mut buffer = BytesMut::new();
        let last = whole.pop().unwrap();
        for octet in whole {
            buffer.extend_from_slice(&[octet]);
            assert_eq!(split_frame(&mut buffer), Ok(None));
        }
        buffer.extend_from_slice(&[last, 0xCC]);
        let frame = split_frame(&mut buffer).unwrap().unwrap();
        assert_eq!(frame.header().id, CommandId::ENQUIRE_LINK);
        assert_eq!(frame.header().sequence, 7);
        assert_eq!(frame.body().as_ref(), [0xAA, 0xBB]);
        assert_eq!(buffer.as_ref(), [0xCC], "the next PDU is untouched");
    }

    #[test]
    fn a_length_that_cannot_be_true_is_refused_before_its_body_comes() {
        let split = |octets: &[u8]| split_frame(&mut BytesMut::from(octets));
        assert_eq!(
            split(&[0, 0, 0, 15]),
            Err(FrameError::TooShort { length: 15 })
        );
        assert_eq!(split(&[0, 0, 0, 16]), Ok(None));
        let lost = split(&[0xFF; 4]).unwrap_err();
        assert_eq!(
            lost,
            FrameError::TooLong {
                length: u32::MAX,
                bound_octets: MAX_PDU_OCTETS
            }
        );
        assert_eq!(lost.answer().status, CommandStatus::ESME_RINVCMDLEN);
        assert_eq!(split(&[0, 1, 0, 0]), Ok(None));
        assert!(split(&[0, 1, 0, 1]).is_err());
    }
}
