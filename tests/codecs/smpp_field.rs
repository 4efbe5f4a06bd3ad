//! The field's faults and habits, one test each: what message centres, other stacks and USSD
//! gateways were seen to send, and what we must read in it.

use bytes::{Bytes, BytesMut};
use svgate::smpp::{
    pdu::{
        Address, Bind, BindMode, BindResp, Body, COctetString, CommandId, CommandStatus,
        EncodeError, FrameError, MessageResp, Password, Payload, Pdu, Sar, ShortMessage, Tag, Tlvs,
        answer_for, decode, encode, split_frame,
    },
    receipt::{Receipt, candidates, lookup_key},
};

use super::{encoded, frame_of, framed};

#[test]
fn a_length_of_4_gib_is_answered_and_ends_the_stream() {
    let mut stream = BytesMut::from(&[0xFF; 64][..]);
    let lost = split_frame(&mut stream).unwrap_err();
    assert!(matches!(
        lost,
        FrameError::TooLong {
            length: u32::MAX,
            ..
        }
    ));
    let answer = encoded(&lost.answer());
    assert_eq!(answer, [0, 0, 0, 16, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
}

#[test]
fn stray_octets_behind_an_enquire_link_are_not_the_next_length() {
    let stray = frame_of(CommandId::ENQUIRE_LINK, &[0, 0, 0, 99]);
    assert_eq!(decode(&stray), Ok(Pdu::request(9, Body::EnquireLink)));
}

#[test]
fn odd_lengths_of_ussd_parameters_are_read() {
    for op in [&[2][..], &[0, 2], &[2, 0], &[2, 0, 0], &[0, 0, 0, 2]] {
        let tlvs = delivered(&tlv(Tag::USSD_SERVICE_OP, op)).tlvs;
        assert_eq!(tlvs.ussd_service_op(), Some(2), "{op:?}");
    }
    for session in [&[7][..], &[0x12, 0x34], &[0, 0, 0x12, 0x35], &[]] {
        let tlvs = delivered(&tlv(Tag::ITS_SESSION_INFO, session)).tlvs;
        assert_eq!(tlvs.its_session_info().unwrap().as_ref(), session);
    }
    let both_ways = delivered(&tlv(Tag::USSD_SERVICE_OP, &[2, 1])).tlvs;
    assert_eq!(
        both_ways.ussd_service_op(),
        None,
        "2 or 1: neither is believed"
    );
    assert_eq!(
        both_ways.octets(Tag::USSD_SERVICE_OP).unwrap().as_ref(),
        [2, 1]
    );
}

#[test]
fn every_dialects_operation_is_kept_as_it_came() {
    // 17 was meant but written as hexadecimal; 0x81 aborts; 32 closes; none is of the standard.
    for op in [1, 2, 16, 17, 18, 0x17, 0x20, 0x81, 0xFF] {
        let tlvs = delivered(&tlv(Tag::USSD_SERVICE_OP, &[op])).tlvs;
        assert_eq!(tlvs.ussd_service_op(), Some(op));
    }
    let by_reference = delivered(&tlv(Tag::USER_MESSAGE_REFERENCE, &[0xAB, 0xCD])).tlvs;
    assert_eq!(by_reference.user_message_reference(), Some(0xABCD));
}

#[test]
fn a_ussd_request_with_nothing_but_an_operation_is_read() {
    // As in jasmin issue 842: no service type, coding 0x0F, the code as text.
    let body =
        b"\0\x01\x01491701234567\0\0\x014006\0\0\0\0\0\0\0\0\x0F\0\x06*4006#\x05\x01\0\x01\x01";
    let Ok(Pdu {
        body: Body::DeliverSm(message),
        ..
    }) = decode(&frame_of(CommandId::DELIVER_SM, body))
    else {
        panic!("not read")
    };
    assert_eq!(message.payload().0, b"*4006#"[..]);
    assert_eq!(
        (message.data_coding, message.tlvs.ussd_service_op()),
        (0x0F, Some(1))
    );
}

#[test]
fn pads_behind_the_body_are_set_aside() {
    for pads in 1..9 {
        let tail = [tlv(Tag::USSD_SERVICE_OP, &[1]), vec![0; pads]].concat();
        let tlvs = delivered(&tail).tlvs;
        assert_eq!((tlvs.ussd_service_op(), tlvs.iter().count()), (Some(1), 1));
        assert_eq!(tlvs.stray().len(), pads);
        assert!(delivered(&vec![0; pads]).tlvs.is_empty());
    }
}

#[test]
fn an_empty_parameter_is_kept_and_has_no_number() {
    let tail = [tlv(Tag::USSD_SERVICE_OP, &[]), tlv(Tag(0x1411), b"op")].concat();
    let tlvs = delivered(&tail).tlvs;
    assert_eq!(tlvs.ussd_service_op(), None);
    assert!(tlvs.octets(Tag::USSD_SERVICE_OP).unwrap().is_empty());
    assert_eq!(
        tlvs.octets(Tag(0x1411)).unwrap(),
        "op",
        "a vendor's parameter is kept"
    );
}

#[test]
fn parameters_keep_their_order_and_the_first_of_two_counts() {
    let tail = [
        tlv(Tag(0x1500), &[1]),
        tlv(Tag(0x1400), &[2]),
        tlv(Tag(0x1500), &[3]),
    ]
    .concat();
    let tlvs = delivered(&tail).tlvs;
    let tags: Vec<u16> = tlvs.iter().map(|tlv| tlv.tag.0).collect();
    assert_eq!(tags, [0x1500, 0x1400, 0x1500]);
    assert_eq!(tlvs.u8(Tag(0x1500)), Some(1));
}

#[test]
fn a_last_parameter_that_is_cut_off_is_flagged_and_the_others_count() {
    let whole = tlv(Tag::USSD_SERVICE_OP, &[1]);
    let cut = &tlv(Tag::ITS_SESSION_INFO, &[1, 2])[..5];
    let tlvs = delivered(&[&whole[..], cut].concat()).tlvs;
    assert_eq!(tlvs.ussd_service_op(), Some(1));
    assert_eq!(tlvs.stray(), cut);
}

#[test]
fn a_message_that_is_cut_off_is_refused_and_never_read_as_empty() {
    let part = [
        Tag::SAR_MSG_REF_NUM,
        Tag::SAR_TOTAL_SEGMENTS,
        Tag::SAR_SEGMENT_SEQNUM,
    ];
    for tag in part.into_iter().chain([Tag::MESSAGE_PAYLOAD]) {
        let cut = [DELIVER_HEAD, &[0], &tag.0.to_be_bytes(), &[0, 9, b'B']].concat();
        let error = decode(&frame_of(CommandId::DELIVER_SM, &cut)).unwrap_err();
        assert_eq!(error.status, CommandStatus::ESME_RINVOPTPARSTREAM);
        assert_eq!(answer_for(&error).unwrap().id(), CommandId::DELIVER_SM_RESP);
    }
    let short = [DELIVER_HEAD, &[9, b'B']].concat();
    let error = decode(&frame_of(CommandId::DELIVER_SM, &short)).unwrap_err();
    assert_eq!(
        (error.status, error.what),
        (CommandStatus::ESME_RINVMSGLEN, "short_message")
    );
    let error = decode(&frame_of(CommandId::DELIVER_SM, &DELIVER_HEAD[..20])).unwrap_err();
    assert_eq!(error.status, CommandStatus::ESME_RINVCMDLEN);
}

#[test]
fn a_long_message_is_found_in_its_payload() {
    let long = delivered(&tlv(Tag::MESSAGE_PAYLOAD, &[b'x'; 300]));
    assert_eq!(long.payload().0.len(), 300);
    let short = ShortMessage {
        short_message: Payload(Bytes::from_static(b"y")),
        ..long
    };
    assert_eq!(short.payload().0, "y");
}

#[test]
fn segments_are_read_even_where_the_text_has_a_header_too() {
    let tail = [
        tlv(Tag::SAR_MSG_REF_NUM, &[9]),
        tlv(Tag::SAR_TOTAL_SEGMENTS, &[2]),
        tlv(Tag::SAR_SEGMENT_SEQNUM, &[0, 1]),
    ];
    let message = delivered(&tail.concat());
    assert_eq!(
        message.tlvs.sar(),
        Some(Sar {
            reference: 9,
            total: 2,
            part: 1
        })
    );
    assert_eq!(delivered(&tail[..2].concat()).tlvs.sar(), None);
}

#[test]
fn strings_above_the_limits_and_outside_ascii_are_read_but_not_written() {
    let message = ShortMessage {
        service_type: "USSD-SERVICE".into(),
        source: Address {
            ton: 5,
            npi: 0,
            value: Bytes::from_static(b"Caf\xE9 \xA7 du coin").into(),
        },
        destination: Address::international("49".repeat(30)),
        ..Default::default()
    };
    let body = [
        message.service_type.as_octets(),
        b"\0\x05\0",
        message.source.value.as_octets(),
        b"\0\x01\x01",
        message.destination.value.as_octets(),
        &[0; 11],
    ]
    .concat();
    let read = decode(&frame_of(CommandId::DELIVER_SM, &body));
    let pdu = Pdu::request(9, Body::DeliverSm(message));
    assert_eq!(read.as_ref(), Ok(&pdu));
    let mut out = BytesMut::from(&b"kept"[..]);
    let refused = EncodeError::TooLong {
        field: "service_type",
        octets: 12,
        limit: 5,
    };
    assert_eq!(encode(&pdu, &mut out), Err(refused));
    assert_eq!(out, "kept", "nothing half-written stays");
}

#[test]
fn a_bind_with_a_long_password_is_read_and_its_last_nul_may_be_missing() {
    let body = b"gateway\0a-password-of-24-octets!\0VMA\0\x50\x01\x01^49";
    let expected = Bind {
        mode: BindMode::Transceiver,
        system_id: "gateway".into(),
        password: Password("a-password-of-24-octets!".into()),
        system_type: "VMA".into(),
        interface_version: 0x50,
        address_range: Address {
            ton: 1,
            npi: 1,
            value: "^49".into(),
        },
    };
    let read = decode(&frame_of(CommandId::BIND_TRANSCEIVER, body)).unwrap();
    assert_eq!(read.body, Body::Bind(expected));
}

#[test]
fn a_nul_inside_a_string_of_ours_is_refused() {
    let message_id = COctetString(Bytes::from_static(b"1\x002"));
    let pdu = Pdu::request(
        1,
        Body::SubmitSmResp(MessageResp {
            message_id,
            ..Default::default()
        }),
    );
    let refused = encode(&pdu, &mut BytesMut::new());
    assert_eq!(
        refused,
        Err(EncodeError::HoldsNul {
            field: "message_id"
        })
    );
}

#[test]
fn bind_receiver_may_be_answered_as_bind_transmitter() {
    let read = decode(&frame_of(CommandId::BIND_TRANSMITTER_RESP, b"osmo\0")).unwrap();
    let expected = BindResp {
        mode: BindMode::Transmitter,
        system_id: "osmo".into(),
        tlvs: Tlvs::new(),
    };
    assert_eq!((read.sequence, read.body), (9, Body::BindResp(expected)));
}

#[test]
fn responses_without_a_body_are_read_whatever_their_status() {
    for id in [
        CommandId::BIND_RECEIVER_RESP,
        CommandId::BIND_TRANSMITTER_RESP,
        CommandId::BIND_TRANSCEIVER_RESP,
        CommandId::SUBMIT_SM_RESP,
        CommandId::SUBMIT_MULTI_RESP,
        CommandId::DELIVER_SM_RESP,
        CommandId::DATA_SM_RESP,
        CommandId::QUERY_SM_RESP,
        CommandId::CANCEL_SM_RESP,
        CommandId::REPLACE_SM_RESP,
        CommandId::GENERIC_NACK,
    ] {
        // 0x450 is a vendor's: too many users with this login.
        for status in [0, 8, 0x450] {
            let frame = framed(&[0, id.0, status, 9].map(u32::to_be_bytes).concat());
            let read = decode(&frame).unwrap();
            assert_eq!((read.id(), read.status.0), (id, status));
        }
    }
}

#[test]
fn our_deliver_sm_resp_always_has_its_nul() {
    let deliver = Pdu::request(7, Body::DeliverSm(ShortMessage::default()));
    for status in [CommandStatus::ESME_ROK, CommandStatus::ESME_RMSGQFUL] {
        let octets = encoded(&deliver.answer(status).unwrap());
        assert_eq!((octets.len(), octets.last()), (17, Some(&0)));
    }
}

#[test]
fn an_unknown_request_is_refused_by_number_and_an_unknown_response_is_not_answered() {
    for id in [0x0001_0200, 0x111, 0x7FFF_FFFF].map(CommandId) {
        let error = decode(&frame_of(id, b"anything")).unwrap_err();
        assert_eq!(error.status, CommandStatus::ESME_RINVCMDID);
        let answer = answer_for(&error).unwrap();
        assert_eq!((answer.body, answer.sequence), (Body::GenericNack, 9));
        let error = decode(&frame_of(id.response(), b"anything")).unwrap_err();
        assert_eq!(answer_for(&error), None);
    }
}

#[test]
fn nobody_answers_an_alert_an_outbind_or_an_answer() {
    let alert = frame_of(
        CommandId::ALERT_NOTIFICATION,
        b"\x01\x01491701234567\0\0\x014711",
    );
    let alert = decode(&alert).unwrap();
    assert_eq!(alert.answer(CommandStatus::ESME_ROK), None);
    let outbind = decode(&frame_of(CommandId::OUTBIND, b"centre\0secret")).unwrap();
    assert_eq!(outbind.answer(CommandStatus::ESME_ROK), None);
    let cut = decode(&frame_of(CommandId::ALERT_NOTIFICATION, b"\x01")).unwrap_err();
    assert_eq!(answer_for(&cut), None);
    let nack = decode(&frame_of(CommandId::GENERIC_NACK, b"")).unwrap();
    assert_eq!(nack.answer(CommandStatus::ESME_ROK), None);
}

#[test]
fn a_receipt_is_matched_by_our_reference_where_every_message_has_one_id() {
    // osmo-msc 1.9: the id of the answer says nothing, the dates are letters, the coding is 2.
    let text = b"id:00000001 sub:000 dlvrd:000 submit date:YYMMDDhhmm \
        done date:YYMMDDhhmm stat:DELIVRD err:000 text:";
    let message = ShortMessage {
        esm_class: 0x04,
        data_coding: 2,
        short_message: Payload(Bytes::from_static(text)),
        tlvs: Tlvs::new().with(Tag::USER_MESSAGE_REFERENCE, &[0, 42][..]),
        ..Default::default()
    };
    let frame = framed(&encoded(&Pdu::request(1, Body::DeliverSm(message))));
    let Ok(Pdu {
        body: Body::DeliverSm(read),
        ..
    }) = decode(&frame)
    else {
        panic!("not read")
    };
    let receipt = Receipt::read(&read).unwrap();
    assert_eq!(receipt.user_message_reference, Some(42));
    assert!(
        !receipt
            .candidates()
            .contains(&lookup_key("msg_id_not_implemented"))
    );
    assert_eq!((receipt.delivered(), receipt.done_date), (Some(true), None));
}

#[test]
fn ids_with_leading_zeros_or_in_the_other_base_are_matched() {
    for (submitted, receipted) in [
        ("0000001F", "31"),
        ("31", "1f"),
        ("0123456789", "123456789"),
        ("abc", "0000002748"),
    ] {
        assert!(
            candidates(receipted).contains(&lookup_key(submitted)),
            "{submitted} {receipted}"
        );
    }
}

/// The message of a `deliver_sm` without text, with `tail` behind it.
fn delivered(tail: &[u8]) -> ShortMessage {
    let body = [DELIVER_HEAD, &[0], tail].concat();
    match decode(&frame_of(CommandId::DELIVER_SM, &body)) {
        Ok(Pdu {
            body: Body::DeliverSm(message),
            ..
        }) => message,
        other => panic!("{other:?}"),
    }
}

fn tlv(tag: Tag, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&tag.0.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

/// From `service_type` to `sm_default_msg_id`, as osmo-msc fills it: `CMT`, source of type 3.
const DELIVER_HEAD: &[u8] = b"CMT\0\x03\x01491701234567\0\0\x014711\0\x01\0\0\0\0\0\0\0\0";
