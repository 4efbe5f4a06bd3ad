//! Where reading stops being lenient, and what we never write: each refusal has its own status or
//! names its own field.

use bytes::{Bytes, BytesMut};
use svgate::smpp::pdu::{
    Address, Bind, BindMode, BindResp, Body, COctetString, CommandId, CommandStatus, DataSm,
    DecodeError, Destination, EncodeError, MAX_PDU_OCTETS, MessageResp, Password, Payload, Pdu,
    QuerySm, ReplaceSm, ShortMessage, SubmitMulti, SubmitMultiResp, Tag, Tlvs, decode, encode,
    split_frame,
};

use super::{encoded, frame_of, framed};

#[test]
fn a_message_has_at_most_256_parameters() {
    let answered = |count| {
        let octets = [&[0][..], &[0x14, 0, 0, 0].repeat(count)].concat();
        decode(&frame_of(CommandId::DELIVER_SM_RESP, &octets)).map_err(|error| error.status)
    };
    assert!(answered(256).is_ok());
    assert_eq!(answered(257), Err(CommandStatus::ESME_RINVOPTPARSTREAM));
}

#[test]
fn the_destinations_of_submit_multi_are_counted_and_known() {
    let refused = |body: &[u8]| refusal(CommandId::SUBMIT_MULTI, body);
    let head = b"\0\x01\x014711\0";
    let two_said_one_there = [&head[..], b"\x02\x01\x01\x01491\0"].concat();
    let (status, what) = refused(&two_said_one_there);
    assert_eq!(
        (status, what),
        (CommandStatus::ESME_RINVNUMDESTS, "number_of_dests")
    );
    let neither_address_nor_list = [&head[..], b"\x01\x03491\0"].concat();
    let (status, what) = refused(&neither_address_nor_list);
    assert_eq!(
        (status, what),
        (CommandStatus::ESME_RINVDESTFLAG, "dest_flag")
    );
}

#[test]
fn a_field_that_is_missing_is_named() {
    for (id, body, missing) in [
        (
            CommandId::BIND_TRANSCEIVER,
            &b"me\0pw\0\0"[..],
            "interface_version",
        ),
        (CommandId::DELIVER_SM, b"", "source_addr"),
        (
            CommandId::DELIVER_SM,
            b"\0\x01\x01491\0\0\x014711\0\0\0",
            "priority_flag",
        ),
        (
            CommandId::DATA_SM,
            b"\0\x01\x01491\0\0\x014711\0\0\0",
            "data_coding",
        ),
        (
            CommandId::SUBMIT_MULTI_RESP,
            b"id\0\x02\x01\x01491\0\0\0",
            "error_status_code",
        ),
        (CommandId::REPLACE_SM, b"id\0\0\0\0\0\0\0\0", "sm_length"),
    ] {
        assert_eq!(
            refusal(id, body),
            (CommandStatus::ESME_RINVCMDLEN, missing),
            "{id}"
        );
    }
    let error = decode(&frame_of(CommandId::DELIVER_SM, b"")).unwrap_err();
    let told = "deliver_sm 9: source_addr cannot be read: ESME_RINVCMDLEN (0x02)";
    assert_eq!(error.to_string(), told);
}

#[test]
fn answers_that_stop_early_are_read_as_far_as_they_go() {
    let read = |id, body: &[u8]| decode(&frame_of(id, body)).unwrap().body;
    let multi = SubmitMultiResp {
        message_id: "id".into(),
        ..Default::default()
    };
    let only_an_id = read(CommandId::SUBMIT_MULTI_RESP, b"id\0");
    assert_eq!(only_an_id, Body::SubmitMultiResp(multi));
    let Body::QuerySmResp(Some(queried)) = read(CommandId::QUERY_SM_RESP, b"id\0\0\x02") else {
        panic!("no result")
    };
    assert_eq!((queried.message_state, queried.error_code), (2, 0));
    assert_eq!(
        read(CommandId::QUERY_SM_RESP, b"id\0\0"),
        Body::QuerySmResp(None)
    );
}

#[test]
fn a_pdu_above_64_kib_is_neither_written_nor_read() {
    let of = |octets: usize| {
        let tlvs = Tlvs::new()
            .with(Tag::MESSAGE_PAYLOAD, vec![0; octets])
            .with(Tag(0x1400), vec![0; 32_768]);
        Pdu::request(
            1,
            Body::DeliverSmResp(MessageResp {
                tlvs,
                ..Default::default()
            }),
        )
    };
    // The header, a NUL, and two parameters' tags and lengths.
    let fits = 65_536 - 32_768 - 16 - 1 - 8;
    assert_eq!(decode(&framed(&encoded(&of(fits)))), Ok(of(fits)));
    let refused = encode(&of(fits + 1), &mut BytesMut::new());
    let too_long = EncodeError::TooLong {
        field: "command_length",
        octets: 65_537,
        limit: 65_536,
    };
    assert_eq!(refused, Err(too_long));
    let mut stream = BytesMut::from(&(MAX_PDU_OCTETS + 1).to_be_bytes()[..]);
    assert!(split_frame(&mut stream).is_err());
}

#[test]
fn every_string_that_is_too_long_is_named() {
    for (body, field, limit) in overlong_bodies() {
        let mut out = BytesMut::from(&b"kept"[..]);
        let refused = encode(&Pdu::request(1, body), &mut out).unwrap_err();
        let expected = EncodeError::TooLong {
            field,
            octets: limit + 1,
            limit,
        };
        assert_eq!(refused, expected);
        assert_eq!(out, "kept");
    }
}

#[test]
fn more_than_254_destinations_are_refused() {
    let destinations = vec![Destination::Address(Address::default()); 255];
    let multi = SubmitMulti {
        destinations,
        message: ShortMessage::default(),
    };
    let refused = encode(
        &Pdu::request(1, Body::SubmitMulti(multi)),
        &mut BytesMut::new(),
    );
    let field = "number_of_dests";
    assert_eq!(
        refused,
        Err(EncodeError::TooMany {
            field,
            entries: 255,
            limit: 254
        })
    );
}

/// Bodies in which one field has one octet more than its limit.
fn overlong_bodies() -> Vec<(Body, &'static str, usize)> {
    let mut bodies = overlong_messages();
    bodies.extend(overlong_binds());
    let data = DataSm {
        source: address_of(65),
        ..Default::default()
    };
    bodies.push((Body::DataSm(data), "source_addr", 64));
    let list = vec![Destination::DistributionList(text_of(21))];
    let multi = SubmitMulti {
        destinations: list,
        ..Default::default()
    };
    bodies.push((Body::SubmitMulti(multi), "dl_name", 20));
    let query = QuerySm {
        message_id: text_of(65),
        ..Default::default()
    };
    bodies.push((Body::QuerySm(query), "message_id", 64));
    let replace = ReplaceSm {
        schedule_delivery_time: text_of(17),
        ..Default::default()
    };
    bodies.push((Body::ReplaceSm(replace), "schedule_delivery_time", 16));
    bodies
}

fn overlong_messages() -> Vec<(Body, &'static str, usize)> {
    let message = ShortMessage::default;
    let text = Payload(Bytes::from(vec![0; 255]));
    let messages = [
        (
            ShortMessage {
                service_type: text_of(6),
                ..message()
            },
            "service_type",
            5,
        ),
        (
            ShortMessage {
                source: address_of(21),
                ..message()
            },
            "source_addr",
            20,
        ),
        (
            ShortMessage {
                destination: address_of(21),
                ..message()
            },
            "destination_addr",
            20,
        ),
        (
            ShortMessage {
                validity_period: text_of(17),
                ..message()
            },
            "validity_period",
            16,
        ),
        (
            ShortMessage {
                short_message: text,
                ..message()
            },
            "short_message",
            254,
        ),
    ];
    let submitted = messages.map(|(message, field, limit)| (Body::SubmitSm(message), field, limit));
    submitted.to_vec()
}

fn overlong_binds() -> Vec<(Body, &'static str, usize)> {
    let bind = Bind {
        mode: BindMode::Transceiver,
        system_id: text_of(15),
        password: Password(text_of(8)),
        system_type: text_of(12),
        interface_version: 0x34,
        address_range: address_of(40),
    };
    let mode = BindMode::Receiver;
    let bound = BindResp {
        mode,
        system_id: text_of(16),
        tlvs: Tlvs::new(),
    };
    vec![
        (
            Body::Bind(Bind {
                system_id: text_of(16),
                ..bind.clone()
            }),
            "system_id",
            15,
        ),
        (
            Body::Bind(Bind {
                password: Password(text_of(9)),
                ..bind.clone()
            }),
            "password",
            8,
        ),
        (
            Body::Bind(Bind {
                system_type: text_of(13),
                ..bind.clone()
            }),
            "system_type",
            12,
        ),
        (
            Body::Bind(Bind {
                address_range: address_of(41),
                ..bind
            }),
            "address_range",
            40,
        ),
        (Body::BindResp(bound), "system_id", 15),
    ]
}

fn text_of(octets: usize) -> COctetString {
    COctetString(Bytes::from(vec![b'x'; octets]))
}

fn address_of(octets: usize) -> Address {
    Address {
        ton: 0,
        npi: 0,
        value: text_of(octets),
    }
}

fn refusal(id: CommandId, body: &[u8]) -> (CommandStatus, &'static str) {
    let DecodeError { status, what, .. } = decode(&frame_of(id, body)).unwrap_err();
    (status, what)
}
