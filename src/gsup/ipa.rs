//! IPA: frames on a TCP stream, and the words by which its ends get to know each other.
//!
//! ```text
//! │ length of the payload (2) │ stream (1) │ payload │
//! stream FE: 04 ID_GET ─► 05 ID_RESP, 06 ID_ACK     00 PING ─► 01 PONG
//! stream EE: 05 │ GSUP
//! ```
//! There is no standard but the programs: libosmocore's `ipa.c`, as osmo-hlr 1.5 speaks it.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Are you there?
    Ping,
    /// Yes.
    Pong,
    /// Who are you? The tags of what is asked.
    IdentityWanted(Vec<u8>),
    /// A GSUP message.
    Gsup(Bytes),
    /// Anything else is none of our business.
    Other,
}

/// A frame that nobody sends: the stream is out of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {octets} octets: the stream is out of step")]
pub struct FrameTooLong {
    /// Its length.
    pub octets: usize,
}

/// Takes the next whole frame off `input`; none while it is not whole.
///
/// # Errors
///
/// [`FrameTooLong`]: nothing that follows can be read.
pub fn split_frame(input: &mut BytesMut) -> Result<Option<Frame>, FrameTooLong> {
    let Some(head) = input.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let [high, low, stream] = *head;
    let octets = usize::from(u16::from_be_bytes([high, low]));
    if octets > PAYLOAD_MAX {
        return Err(FrameTooLong { octets });
    }
    if input.len() < HEAD.saturating_add(octets) {
        return Ok(None);
    }
    input.advance(HEAD);
    let mut payload = input.split_to(octets).freeze();
    Ok(Some(match (stream, payload.first().copied()) {
        (CCM, Some(PING)) => Frame::Ping,
        (CCM, Some(PONG)) => Frame::Pong,
        (CCM, Some(ID_GET)) => Frame::IdentityWanted(wanted_tags(&payload)),
        (OSMO, Some(GSUP)) => {
            payload.advance(1);
            Frame::Gsup(payload)
        }
        (_, _) => Frame::Other,
    }))
}

/// Asks whether the peer lives.
pub fn ping(output: &mut BytesMut) {
    put(output, CCM, &[PING]);
}

/// Says that we live.
pub fn pong(output: &mut BytesMut) {
    put(output, CCM, &[PONG]);
}

/// Says who we are: `name` for each tag that is asked for, and that we heard the question.
pub fn identity(name: &str, tags: &[u8], output: &mut BytesMut) {
    let mut payload = vec![ID_RESP];
    // The name and the NUL behind it, which the HLR's routes count too.
    let octets = [name.as_bytes(), &[0]].concat();
    let length = u16::try_from(octets.len().saturating_add(1)).unwrap_or_default();
    for tag in tags {
        payload.extend_from_slice(&length.to_be_bytes());
        payload.push(*tag);
        payload.extend_from_slice(&octets);
    }
    put(output, CCM, &payload);
    put(output, CCM, &[ID_ACK]);
}

/// A GSUP message.
pub fn gsup(message: &[u8], output: &mut BytesMut) {
    put(output, OSMO, &[&[GSUP], message].concat());
}

fn put(output: &mut BytesMut, stream: u8, payload: &[u8]) {
    // Nothing of ours is longer than `PAYLOAD_MAX`.
    let length = u16::try_from(payload.len()).unwrap_or_default();
    output.put_u16(length);
    output.put_u8(stream);
    output.put_slice(payload);
}

/// `01 tag` for each; a length that does not fit ends the list.
fn wanted_tags(payload: &[u8]) -> Vec<u8> {
    let mut tags = Vec::new();
    let mut rest = payload.get(1..).unwrap_or_default();
    while let [1, tag, after @ ..] = rest {
        if tags.len() >= TAGS_MAX {
            break;
        }
        tags.push(*tag);
        rest = after;
    }
    tags
}

const HEAD: usize = 3;
/// A GSUP message of ours has some 200 octets, and none of the HLR's ten times that.
const PAYLOAD_MAX: usize = 4_096;
/// There are nine.
const TAGS_MAX: usize = 16;
const CCM: u8 = 0xFE;
const OSMO: u8 = 0xEE;
const GSUP: u8 = 0x05;
const PING: u8 = 0x00;
const PONG: u8 = 0x01;
const ID_GET: u8 = 0x04;
const ID_RESP: u8 = 0x05;
const ID_ACK: u8 = 0x06;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_hlr_s_question_is_answered_with_the_name_under_each_tag() {
        // As osmo-hlr asks after accept().
        let asked = hex::decode("0011fe0401080107010201030104010501010100").unwrap();
        let mut input = BytesMut::from(asked.as_slice());
        let Some(Frame::IdentityWanted(tags)) = split_frame(&mut input).unwrap() else {
            panic!("no question")
        };
        assert_eq!(tags, [8, 7, 2, 3, 4, 5, 1, 0]);
        let mut output = BytesMut::new();
        identity("EUSE-a", &[0, 1], &mut output);
        let expected = "0015fe05000800455553452d6100000801455553452d61000001fe06";
        assert_eq!(hex::encode(output), expected);
    }

    #[test]
    fn frames_come_whole_or_not_at_all() {
        let mut output = BytesMut::new();
        ping(&mut output);
        pong(&mut output);
        gsup(&[0x20, 1], &mut output);
        let whole = output.clone();
        let mut input = BytesMut::new();
        let mut frames = Vec::new();
        for octet in whole {
            input.extend_from_slice(&[octet]);
            while let Some(frame) = split_frame(&mut input).unwrap() {
                frames.push(frame);
            }
        }
        let message = Frame::Gsup(Bytes::from_static(&[0x20, 1]));
        assert_eq!(frames, [Frame::Ping, Frame::Pong, message]);
        let mut long = BytesMut::from(&[0xFF, 0xFF, 0xEE][..]);
        assert_eq!(split_frame(&mut long), Err(FrameTooLong { octets: 65_535 }));
    }

    proptest! {
        #[test]
        fn no_stream_makes_it_panic(octets: Vec<u8>) {
            let mut input = BytesMut::from(octets.as_slice());
            while let Ok(Some(_)) = split_frame(&mut input) {}
        }
    }
}
