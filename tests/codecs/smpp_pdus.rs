//! PDUs of every kind, drawn by proptest within the limits that we write.

use std::ops::RangeInclusive;

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*};
use svgate::smpp::pdu::{
    Address, AlertNotification, Bind, BindMode, BindResp, Body, COctetString, CancelSm,
    CommandStatus, DataSm, Destination, MessageResp, Outbind, Password, Payload, Pdu, QueryResult,
    QuerySm, RefusedDestination, ReplaceSm, ShortMessage, SubmitMulti, SubmitMultiResp, Tag, Tlv,
    Tlvs,
};

/// Any PDU; the strings in it are of `letters` and the TLVs have `tags`.
pub(crate) fn any_pdu(
    letters: RangeInclusive<u8>,
    tags: RangeInclusive<u16>,
) -> impl Strategy<Value = Pdu> {
    let drawn = Drawn { letters, tags };
    (0_u32..0x500, any::<u32>(), drawn.body()).prop_map(|(status, sequence, body)| Pdu {
        status: CommandStatus(status),
        sequence,
        body,
    })
}

#[derive(Clone)]
struct Drawn {
    letters: RangeInclusive<u8>,
    tags: RangeInclusive<u16>,
}

impl Drawn {
    fn body(&self) -> BoxedStrategy<Body> {
        prop_oneof![self.session_body(), self.message_body(), self.stored_body()].boxed()
    }

    fn session_body(&self) -> BoxedStrategy<Body> {
        let names = (self.text(15), self.text(8), self.text(12));
        let bind = (mode(), names, any::<u8>(), self.address(40)).prop_map(
            |(mode, (system_id, password, system_type), interface_version, address_range)| {
                Body::Bind(Bind {
                    mode,
                    system_id,
                    password: Password(password),
                    system_type,
                    interface_version,
                    address_range,
                })
            },
        );
        let bound = (mode(), self.text(15), self.one_tlv()).prop_map(|(mode, system_id, tlvs)| {
            Body::BindResp(BindResp {
                mode,
                system_id,
                tlvs,
            })
        });
        let outbind = (self.text(15), self.text(8)).prop_map(|(system_id, password)| {
            Body::Outbind(Outbind {
                system_id,
                password: Password(password),
            })
        });
        let alert = (self.address(64), self.address(64), self.one_tlv()).prop_map(
            |(source, esme, tlvs)| {
                Body::AlertNotification(AlertNotification { source, esme, tlvs })
            },
        );
        prop_oneof![
            bind,
            bound,
            outbind,
            alert,
            Just(Body::Unbind),
            Just(Body::UnbindResp),
            Just(Body::EnquireLink),
            Just(Body::EnquireLinkResp),
            Just(Body::GenericNack),
        ]
        .boxed()
    }

    fn message_body(&self) -> BoxedStrategy<Body> {
        let data = (self.addressed(64), any::<[u8; 3]>(), self.tlvs()).prop_map(
            |((service_type, source, destination), octets, tlvs)| {
                let [esm_class, registered_delivery, data_coding] = octets;
                Body::DataSm(DataSm {
                    service_type,
                    source,
                    destination,
                    esm_class,
                    registered_delivery,
                    data_coding,
                    tlvs,
                })
            },
        );
        prop_oneof![
            self.message().prop_map(Body::SubmitSm),
            self.message().prop_map(Body::DeliverSm),
            self.message_resp().prop_map(Body::SubmitSmResp),
            self.message_resp().prop_map(Body::DeliverSmResp),
            self.message_resp().prop_map(Body::DataSmResp),
            data,
            self.multi(),
            self.multi_resp(),
        ]
        .boxed()
    }

    fn multi(&self) -> BoxedStrategy<Body> {
        let destination = prop_oneof![
            self.address(20).prop_map(Destination::Address),
            self.text(20).prop_map(Destination::DistributionList),
        ];
        let counts = prop_oneof![0_usize..5, Just(254)];
        let destinations = counts.prop_flat_map(move |count| vec(destination.clone(), count));
        (destinations, self.message())
            .prop_map(|(destinations, message)| {
                let message = ShortMessage {
                    destination: Address::default(),
                    ..message
                };
                Body::SubmitMulti(SubmitMulti {
                    destinations,
                    message,
                })
            })
            .boxed()
    }

    fn multi_resp(&self) -> BoxedStrategy<Body> {
        let refused =
            (self.address(20), any::<u32>()).prop_map(|(address, status)| RefusedDestination {
                address,
                status: CommandStatus(status),
            });
        (self.text(64), vec(refused, 0..9), self.tlvs())
            .prop_map(|(message_id, refused, tlvs)| {
                Body::SubmitMultiResp(SubmitMultiResp {
                    message_id,
                    refused,
                    tlvs,
                })
            })
            .boxed()
    }

    fn stored_body(&self) -> BoxedStrategy<Body> {
        let query = (self.text(64), self.address(20))
            .prop_map(|(message_id, source)| Body::QuerySm(QuerySm { message_id, source }));
        let result = (self.text(64), time(), any::<u8>(), any::<u8>()).prop_map(
            |(message_id, final_date, message_state, error_code)| QueryResult {
                message_id,
                final_date,
                message_state,
                error_code,
            },
        );
        let cancel = (self.addressed(20), self.text(64)).prop_map(
            |((service_type, source, destination), message_id)| {
                Body::CancelSm(CancelSm {
                    service_type,
                    message_id,
                    source,
                    destination,
                })
            },
        );
        let named = (self.text(64), self.address(20));
        let replace = (
            named,
            (time(), time()),
            any::<[u8; 2]>(),
            payload(),
            self.one_tlv(),
        )
            .prop_map(
                |((message_id, source), times, octets, short_message, tlvs)| {
                    Body::ReplaceSm(ReplaceSm {
                        message_id,
                        source,
                        schedule_delivery_time: times.0,
                        validity_period: times.1,
                        registered_delivery: octets[0],
                        sm_default_msg_id: octets[1],
                        short_message,
                        tlvs,
                    })
                },
            );
        prop_oneof![
            query,
            option::of(result).prop_map(Body::QuerySmResp),
            cancel,
            Just(Body::CancelSmResp),
            replace,
            Just(Body::ReplaceSmResp),
        ]
        .boxed()
    }

    fn message(&self) -> BoxedStrategy<ShortMessage> {
        (
            self.addressed(20),
            (time(), time()),
            any::<[u8; 7]>(),
            payload(),
            self.tlvs(),
        )
            .prop_map(
                |(addressed, times, octets, short_message, tlvs)| ShortMessage {
                    service_type: addressed.0,
                    source: addressed.1,
                    destination: addressed.2,
                    esm_class: octets[0],
                    protocol_id: octets[1],
                    priority_flag: octets[2],
                    schedule_delivery_time: times.0,
                    validity_period: times.1,
                    registered_delivery: octets[3],
                    replace_if_present_flag: octets[4],
                    data_coding: octets[5],
                    sm_default_msg_id: octets[6],
                    short_message,
                    tlvs,
                },
            )
            .boxed()
    }

    fn message_resp(&self) -> BoxedStrategy<MessageResp> {
        (self.text(64), self.tlvs())
            .prop_map(|(message_id, tlvs)| MessageResp { message_id, tlvs })
            .boxed()
    }

    fn addressed(&self, limit: usize) -> BoxedStrategy<(COctetString, Address, Address)> {
        (self.text(5), self.address(limit), self.address(limit)).boxed()
    }

    fn address(&self, limit: usize) -> BoxedStrategy<Address> {
        (
            0_u8..7,
            prop_oneof![Just(0_u8), Just(1), Just(9)],
            self.text(limit),
        )
            .prop_map(|(ton, npi, value)| Address { ton, npi, value })
            .boxed()
    }

    fn text(&self, limit: usize) -> BoxedStrategy<COctetString> {
        vec(self.letters.clone(), 0..=limit)
            .prop_map(|octets| COctetString(Bytes::from(octets)))
            .boxed()
    }

    fn tlvs(&self) -> BoxedStrategy<Tlvs> {
        vec(self.tlv(), 0..5).prop_map(Tlvs::from_iter).boxed()
    }

    /// At most one: other readers take no more where the specification names but one.
    fn one_tlv(&self) -> BoxedStrategy<Tlvs> {
        vec(self.tlv(), 0..=1).prop_map(Tlvs::from_iter).boxed()
    }

    fn tlv(&self) -> BoxedStrategy<Tlv> {
        (self.tags.clone(), vec(any::<u8>(), 0..20))
            .prop_map(|(tag, value)| Tlv {
                tag: Tag(tag),
                value: value.into(),
            })
            .boxed()
    }
}

fn mode() -> impl Strategy<Value = BindMode> + Clone {
    prop_oneof![
        Just(BindMode::Receiver),
        Just(BindMode::Transmitter),
        Just(BindMode::Transceiver)
    ]
}

/// Empty or full, as 3.4 §7.1.1 has it: other readers insist.
fn time() -> impl Strategy<Value = COctetString> + Clone {
    prop_oneof![
        Just(COctetString::default()),
        Just("260131120100000+".into())
    ]
}

fn payload() -> impl Strategy<Value = Payload> {
    vec(any::<u8>(), 0..=254).prop_map(|octets| Payload(octets.into()))
}
