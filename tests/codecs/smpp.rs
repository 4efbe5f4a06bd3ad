//! The SMPP codec from outside: properties over PDUs of every kind, two independent codecs as
//! oracles, the field's faults, and a corpus of broken PDUs.

#[path = "malformed.rs"]
mod malformed;
#[path = "smpp_field.rs"]
mod smpp_field;
#[path = "smpp_limits.rs"]
mod smpp_limits;
#[path = "smpp_oracles.rs"]
mod smpp_oracles;
#[path = "smpp_pdus.rs"]
mod smpp_pdus;

use bytes::BytesMut;
use proptest::{collection::vec, prelude::*, sample::Index};
use svgate::smpp::pdu::{
    Body, CommandId, CommandStatus, DecodeError, Frame, Pdu, Tlvs, answer_for, decode, encode,
    split_frame,
};

proptest! {
    #[test]
    fn every_pdu_is_read_as_it_was_written(pdu in smpp_pdus::any_pdu(1..=255, 1..=u16::MAX)) {
        prop_assert_eq!(decode(&framed(&encoded(&pdu))), Ok(pdu));
    }

    #[test]
    fn pdus_in_one_stream_are_cut_apart_wherever_the_reads_end(
        pdus in vec(smpp_pdus::any_pdu(1..=255, 1..=u16::MAX), 1..5),
        reads in vec(1_usize..400, 1..50),
    ) {
        let stream: Vec<u8> = pdus.iter().flat_map(encoded).collect();
        let (mut rest, mut buffer, mut read) = (&stream[..], BytesMut::new(), Vec::new());
        for octets in reads.into_iter().cycle() {
            let (now, later) = rest.split_at(octets.min(rest.len()));
            buffer.extend_from_slice(now);
            rest = later;
            while let Some(frame) = split_frame(&mut buffer).unwrap() {
                read.push(decode(&frame).unwrap());
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read, pdus);
    }

    #[test]
    fn a_changed_pdu_never_panics_and_never_moves_the_next(
        pdu in smpp_pdus::any_pdu(1..=255, 1..=u16::MAX),
        changes in vec((any::<Index>(), any::<u8>()), 1..6),
        cut in any::<Option<Index>>(),
    ) {
        let mut octets = encoded(&pdu);
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        octets.truncate(cut.map_or(octets.len(), |cut| 16.max(cut.index(octets.len()))));
        check_broken(&octets);
    }

    #[test]
    fn noise_in_a_frame_never_panics(
        id in prop_oneof![0_u32..0x120, 0x8000_0000_u32..0x8000_0120],
        body: Vec<u8>,
    ) {
        check_broken(&[[0, id, 0, 9].map(u32::to_be_bytes).concat(), body].concat());
    }

    #[test]
    fn noise_for_a_stream_never_panics(stream: Vec<u8>) {
        let mut buffer = BytesMut::from(&stream[..]);
        while let Ok(Some(frame)) = split_frame(&mut buffer) {
            let _ = decode(&frame);
        }
    }
}

#[test]
fn every_broken_pdu_of_the_corpus_leaves_the_next_one_whole() {
    for seed in 1..=20 {
        let corpus = malformed::corpus(seed);
        assert!(corpus.len() >= 500);
        for broken in corpus {
            let told = u32::from_be_bytes(*broken.octets.first_chunk().unwrap());
            assert_eq!(
                usize::try_from(told),
                Ok(broken.octets.len()),
                "{}",
                broken.what
            );
            check_broken(&broken.octets);
            let whole = broken.what.ends_with(", whole");
            assert!(
                !whole || decode(&framed(&broken.octets)).is_ok(),
                "{}",
                broken.what
            );
        }
    }
}

/// A broken PDU is read or refused, its answer can be sent, and the PDU behind it is untouched.
fn check_broken(octets: &[u8]) {
    let octets = with_true_length(octets);
    let frame = framed(&octets);
    let mut buffer = BytesMut::from(&octets[..]);
    buffer.extend_from_slice(&encoded(&Pdu::request(77, Body::EnquireLink)));
    assert_eq!(split_frame(&mut buffer), Ok(Some(frame.clone())));
    let next = split_frame(&mut buffer).unwrap().unwrap();
    assert_eq!(decode(&next), Ok(Pdu::request(77, Body::EnquireLink)));
    assert!(buffer.is_empty());
    match decode(&frame) {
        Ok(read) => check_read_again(&read),
        Err(error) => check_answer(&error),
    }
}

/// What was read leniently and can be written at all reads back the same.
fn check_read_again(read: &Pdu) {
    let mut octets = BytesMut::new();
    let stray = tlvs_of(&read.body).is_some_and(|tlvs| !tlvs.stray().is_empty());
    if !stray && encode(read, &mut octets).is_ok() {
        assert_eq!(decode(&framed(&octets)).as_ref(), Ok(read));
    }
}

fn check_answer(error: &DecodeError) {
    assert!(!error.status.is_ok());
    let id = error.header.id;
    let unanswered = [CommandId::OUTBIND, CommandId::ALERT_NOTIFICATION].contains(&id);
    let Some(answer) = answer_for(error) else {
        assert!(id.is_response() || unanswered, "{error}");
        return;
    };
    assert!(!id.is_response() && !unanswered, "{error}");
    assert_eq!(
        (answer.sequence, answer.status),
        (error.header.sequence, error.status)
    );
    let unknown = error.status == CommandStatus::ESME_RINVCMDID;
    let expected = if unknown {
        CommandId::GENERIC_NACK
    } else {
        id.response()
    };
    assert_eq!(answer.id(), expected);
    assert_eq!(decode(&framed(&encoded(&answer))), Ok(answer));
}

fn tlvs_of(body: &Body) -> Option<&Tlvs> {
    match body {
        Body::SubmitSm(message) | Body::DeliverSm(message) => Some(&message.tlvs),
        Body::SubmitSmResp(answer) | Body::DeliverSmResp(answer) | Body::DataSmResp(answer) => {
            Some(&answer.tlvs)
        }
        Body::BindResp(answer) => Some(&answer.tlvs),
        Body::SubmitMulti(multi) => Some(&multi.message.tlvs),
        Body::SubmitMultiResp(answer) => Some(&answer.tlvs),
        Body::DataSm(data) => Some(&data.tlvs),
        Body::ReplaceSm(replace) => Some(&replace.tlvs),
        Body::AlertNotification(alert) => Some(&alert.tlvs),
        Body::GenericNack
        | Body::Bind(_)
        | Body::Outbind(_)
        | Body::Unbind
        | Body::UnbindResp
        | Body::EnquireLink
        | Body::EnquireLinkResp
        | Body::QuerySm(_)
        | Body::QuerySmResp(_)
        | Body::CancelSm(_)
        | Body::CancelSmResp
        | Body::ReplaceSmResp => None,
    }
}

fn encoded(pdu: &Pdu) -> Vec<u8> {
    let mut out = BytesMut::from(&b"before"[..]);
    encode(pdu, &mut out).unwrap();
    assert_eq!(out.split_to(6), b"before"[..]);
    out.to_vec()
}

/// `octets` as one frame, with a `command_length` that is made true.
fn framed(octets: &[u8]) -> Frame {
    let mut buffer = BytesMut::from(&with_true_length(octets)[..]);
    let frame = split_frame(&mut buffer).unwrap().unwrap();
    assert!(buffer.is_empty());
    frame
}

fn with_true_length(octets: &[u8]) -> Vec<u8> {
    let length = u32::try_from(octets.len()).unwrap();
    [&length.to_be_bytes()[..], &octets[4..]].concat()
}

/// A frame of `body` under this id, with sequence number 9.
fn frame_of(id: CommandId, body: &[u8]) -> Frame {
    framed(&[&[0, id.0, 0, 9].map(u32::to_be_bytes).concat()[..], body].concat())
}
