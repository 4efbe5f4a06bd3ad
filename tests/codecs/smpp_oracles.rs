//! Two codecs by other hands as oracles: `rusmpp` and `smpp-codec`. What we write they read and
//! write again octet by octet, and what they write we read; where `rusmpp` accepts a broken PDU,
//! so do we.

use bytes::BytesMut;
use proptest::prelude::*;
use rusmpp::{
    Command,
    decode::DecodeWithLength as _,
    encode::{Encode as _, Length as _},
};
use smpp_codec::pdus as other;
use svgate::smpp::pdu::{Body, CommandId, CommandStatus, Pdu, Tag, decode};

use super::{encoded, framed, malformed, smpp_pdus};

proptest! {
    #[test]
    fn rusmpp_reads_what_we_write(pdu in smpp_pdus::any_pdu(b'!'..=b'~', 0x1400..=0x3FFF)) {
        // It takes no more than 20 octets here; 3.4 §4.7.1 has room for 64.
        prop_assume!(!matches!(&pdu.body, Body::DataSm(data)
            if data.source.value.0.len().max(data.destination.value.0.len()) > 20));
        let octets = encoded(&pdu);
        let command = rusmpp_read(&octets);
        prop_assert!(command.is_some(), "{:?}", pdu);
        prop_assert_eq!(rusmpp_written(&command.unwrap()), octets);
    }

    #[test]
    fn smpp_codec_reads_what_we_write(pdu in smpp_pdus::any_pdu(b'!'..=b'~', 0x1400..=0x3FFF)) {
        let octets = encoded(&Pdu { status: CommandStatus::ESME_ROK, ..pdu.clone() });
        if let Some(rewritten) = smpp_codec_rewritten(pdu.id(), &octets) {
            let rewritten = rewritten.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let (ours, theirs) = (&octets[4..], &rewritten[4..]);
            if pdu.body == Body::QuerySmResp(None) {
                prop_assert!(theirs.starts_with(ours), "it fills an empty body with zeros");
            } else if pdu.id().is_response() || pdu.id() == CommandId::REPLACE_SM {
                prop_assert!(ours.starts_with(theirs), "it leaves out parameters: {:?}", pdu);
            } else {
                prop_assert_eq!(ours, theirs, "{:?}", pdu);
            }
        }
    }
}

#[test]
fn what_rusmpp_accepts_of_the_broken_we_accept() {
    let mut accepted = 0;
    for broken in (1..=20).flat_map(malformed::corpus) {
        let Some(command) = rusmpp_read(&broken.octets) else {
            continue;
        };
        // It takes every request without a body for sound, and every unknown command.
        if command.pdu().is_some() && !matches!(command.id(), rusmpp::CommandId::Other(_)) {
            let refused = decode(&framed(&broken.octets))
                .err()
                .map(|error| error.status);
            // A message that would be read as another one, or hundreds of parameters: on purpose.
            let on_purpose = refused == Some(CommandStatus::ESME_RINVOPTPARSTREAM);
            assert!(
                refused.is_none() || on_purpose,
                "{} {:02X?}",
                broken.what,
                broken.octets
            );
            accepted += 1;
        }
    }
    assert!(accepted > 1000, "{accepted}");
}

#[test]
fn we_read_a_ussd_message_of_rusmpp() {
    use rusmpp::{pdus::DeliverSm, tlvs::MessageDeliveryRequestTlvValue as Value, values};
    let theirs = DeliverSm::builder()
        .source_addr_ton(values::Ton::International)
        .source_addr(rusmpp::types::COctetString::from_static_slice(b"491701234567\0").unwrap())
        .data_coding(values::DataCoding::from(0x0F))
        .short_message(rusmpp::types::OctetString::from_static_slice(b"*123#").unwrap())
        .push_tlv(Value::UssdServiceOp(values::UssdServiceOp::PssrIndication))
        .push_tlv(Value::ItsSessionInfo(values::ItsSessionInfo::new(
            0x12, 0x35,
        )))
        .build();
    let command = Command::new(rusmpp::CommandStatus::EsmeRok, 5, theirs);
    let read = decode(&framed(&rusmpp_written(&command))).unwrap();
    let Body::DeliverSm(message) = read.body else {
        panic!("{read:?}")
    };
    assert_eq!(
        (read.sequence, message.source.ton, message.data_coding),
        (5, 1, 0x0F)
    );
    assert_eq!(message.source.value.as_octets(), b"491701234567");
    assert_eq!(message.short_message.0, "*123#");
    assert_eq!(message.tlvs.ussd_service_op(), Some(1));
    assert_eq!(
        message.tlvs.its_session_info().unwrap().as_ref(),
        [0x12, 0x35]
    );
}

#[test]
fn we_read_a_message_of_smpp_codec() {
    let mut theirs =
        other::SubmitSmRequest::new(5, "4711".into(), "491701234567".into(), b"hi".to_vec());
    theirs.esm_class = 0x40;
    theirs.validity_period = "000000010000000R".into();
    theirs.registered_delivery = 1;
    theirs.optional_params = vec![smpp_codec::tlv::Tlv::new_u16(0x0204, 0xABCD)];
    let mut octets = Vec::new();
    theirs.encode(&mut octets).unwrap();
    let read = decode(&framed(&octets)).unwrap();
    let Body::SubmitSm(message) = read.body else {
        panic!("{read:?}")
    };
    assert_eq!(message.destination.value.as_octets(), b"491701234567");
    assert_eq!(message.validity_period.as_octets(), b"000000010000000R");
    assert_eq!((message.esm_class, message.registered_delivery), (0x40, 1));
    assert_eq!(message.tlvs.user_message_reference(), Some(0xABCD));
    assert_eq!(message.payload().0, "hi");
}

#[test]
fn the_oracles_have_the_same_numbers() {
    for status in 0..=0xFF {
        let theirs = smpp_codec::common::get_status_description(status);
        let theirs = theirs.replace("ESME_RINVSERVICETYPE", "ESME_RINVSERTYP");
        let ours = CommandStatus(status).name().unwrap_or("Unknown");
        assert!(theirs.starts_with(ours), "{theirs} {ours}");
    }
    for status in 0..=0x200 {
        let theirs = rusmpp::CommandStatus::from(status);
        let known = !matches!(theirs, rusmpp::CommandStatus::Other(_));
        assert_eq!(CommandStatus(status).name().is_some(), known, "{theirs:?}");
    }
    for id in (0..=0x200).flat_map(|id| [id, id | 0x8000_0000]) {
        let theirs = rusmpp::CommandId::from(id);
        let known = !matches!(theirs, rusmpp::CommandId::Other(_));
        assert_eq!(CommandId(id).name().is_some(), known, "{theirs:?}");
    }
    for tag in 0..=u16::MAX {
        let name = Tag(tag).name().unwrap_or_default();
        let theirs = smpp_codec::tlv::get_tag_by_name(name);
        // It numbers some parameters of broadcasts otherwise than 5.0 §4.8.1.
        let agreed = theirs == tag || theirs == 0 || name.starts_with("broadcast_");
        assert!(agreed, "{name} {theirs:04X}");
    }
}

fn rusmpp_read(octets: &[u8]) -> Option<Command> {
    let mut rest = BytesMut::from(&octets[4..]);
    let (command, _) = Command::decode(&mut rest, octets.len() - 4).ok()?;
    rest.is_empty().then_some(command)
}

fn rusmpp_written(command: &Command) -> Vec<u8> {
    let mut octets = vec![0; 4 + command.length()];
    let length = u32::try_from(octets.len()).unwrap();
    octets[..4].copy_from_slice(&length.to_be_bytes());
    command.encode(&mut octets[4..]);
    octets
}

macro_rules! rewritten {
    ($octets:expr, $read:ty) => {
        Some(<$read>::decode($octets).and_then(|read| {
            let mut out = Vec::new();
            read.encode(&mut out).map(|()| out)
        }))
    };
}

/// `None` for a kind that it does not know.
fn smpp_codec_rewritten(
    id: CommandId,
    octets: &[u8],
) -> Option<Result<Vec<u8>, smpp_codec::common::PduError>> {
    match id {
        CommandId::BIND_RECEIVER | CommandId::BIND_TRANSMITTER | CommandId::BIND_TRANSCEIVER => {
            rewritten!(octets, other::BindRequest)
        }
        CommandId::BIND_RECEIVER_RESP
        | CommandId::BIND_TRANSMITTER_RESP
        | CommandId::BIND_TRANSCEIVER_RESP => rewritten!(octets, other::BindResponse),
        CommandId::OUTBIND => rewritten!(octets, other::OutbindRequest),
        CommandId::UNBIND => rewritten!(octets, other::UnbindRequest),
        CommandId::UNBIND_RESP => rewritten!(octets, other::UnbindResponse),
        CommandId::ENQUIRE_LINK => rewritten!(octets, other::EnquireLinkRequest),
        CommandId::ENQUIRE_LINK_RESP => rewritten!(octets, other::EnquireLinkResponse),
        CommandId::SUBMIT_SM => rewritten!(octets, other::SubmitSmRequest),
        CommandId::SUBMIT_SM_RESP => rewritten!(octets, other::SubmitSmResponse),
        CommandId::DELIVER_SM => rewritten!(octets, other::DeliverSmRequest),
        CommandId::DELIVER_SM_RESP => rewritten!(octets, other::DeliverSmResponse),
        CommandId::DATA_SM => rewritten!(octets, other::DataSm),
        CommandId::DATA_SM_RESP => rewritten!(octets, other::DataSmResp),
        CommandId::SUBMIT_MULTI => rewritten!(octets, other::SubmitMulti),
        CommandId::SUBMIT_MULTI_RESP => rewritten!(octets, other::SubmitMultiResp),
        CommandId::QUERY_SM => rewritten!(octets, other::QuerySmRequest),
        CommandId::QUERY_SM_RESP => rewritten!(octets, other::QuerySmResponse),
        CommandId::CANCEL_SM => rewritten!(octets, other::CancelSmRequest),
        CommandId::CANCEL_SM_RESP => rewritten!(octets, other::CancelSmResponse),
        CommandId::REPLACE_SM => rewritten!(octets, other::ReplaceSm),
        CommandId::REPLACE_SM_RESP => rewritten!(octets, other::ReplaceSmResp),
        CommandId::ALERT_NOTIFICATION => rewritten!(octets, other::AlertNotification),
        _ => None,
    }
}
