//! One message to many: SMPP 3.4 §4.5.

use super::{
    Address, COctetString, CommandStatus, EncodeError, ShortMessage, Tlvs,
    wire::{Flaw, Reader, Writer, limit},
};

/// `submit_multi`: a message with a list of destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubmitMulti {
    /// Where to, at most 254.
    pub destinations: Vec<Destination>,
    /// Everything else; its own `destination` is not on the wire and stays empty.
    pub message: ShortMessage,
}

/// One destination of `submit_multi`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// `dest_flag` 1: an address.
    Address(Address),
    /// `dest_flag` 2: a list that the centre keeps, by its name of at most 20 octets.
    DistributionList(COctetString),
}

impl SubmitMulti {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        let service_type = reader.c_octets();
        let source = reader.address("source_addr")?;
        let count = reader.u8("number_of_dests")?;
        let destinations = (0..count)
            .map(|_| Destination::read(reader))
            .collect::<Result<Vec<_>, Flaw>>()?;
        let message = ShortMessage {
            service_type,
            source,
            destination: Address::default(),
            esm_class: reader.u8("esm_class")?,
            protocol_id: reader.u8("protocol_id")?,
            priority_flag: reader.u8("priority_flag")?,
            schedule_delivery_time: reader.c_octets(),
            validity_period: reader.c_octets(),
            registered_delivery: reader.u8("registered_delivery")?,
            replace_if_present_flag: reader.u8("replace_if_present_flag")?,
            data_coding: reader.u8("data_coding")?,
            sm_default_msg_id: reader.u8("sm_default_msg_id")?,
            short_message: reader.short_message()?,
            tlvs: Tlvs::read(reader)?,
        };
        Ok(Self {
            destinations,
            message,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        let message = &self.message;
        writer.c_octets("service_type", &message.service_type, limit::SERVICE_TYPE)?;
        writer.address("source_addr", &message.source, limit::ADDRESS)?;
        writer.u8(count("number_of_dests", self.destinations.len())?);
        self.destinations
            .iter()
            .try_for_each(|destination| destination.write(writer))?;
        writer.u8(message.esm_class);
        writer.u8(message.protocol_id);
        writer.u8(message.priority_flag);
        writer.c_octets(
            "schedule_delivery_time",
            &message.schedule_delivery_time,
            limit::TIME,
        )?;
        writer.c_octets("validity_period", &message.validity_period, limit::TIME)?;
        writer.u8(message.registered_delivery);
        writer.u8(message.replace_if_present_flag);
        writer.u8(message.data_coding);
        writer.u8(message.sm_default_msg_id);
        writer.short_message(&message.short_message)?;
        message.tlvs.write(writer)
    }
}

impl Destination {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        let cut = Flaw {
            what: "number_of_dests",
            status: CommandStatus::ESME_RINVNUMDESTS,
        };
        match reader.u8("dest_flag").map_err(|_| cut)? {
            1 => reader.address("destination_addr").map(Self::Address),
            2 => Ok(Self::DistributionList(reader.c_octets())),
            _ => Err(Flaw {
                what: "dest_flag",
                status: CommandStatus::ESME_RINVDESTFLAG,
            }),
        }
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        match self {
            Self::Address(address) => {
                writer.u8(1);
                writer.address("destination_addr", address, limit::ADDRESS)
            }
            Self::DistributionList(name) => {
                writer.u8(2);
                writer.c_octets("dl_name", name, limit::LIST_NAME)
            }
        }
    }
}

/// `submit_multi_resp`: where the message could not go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubmitMultiResp {
    /// The centre's name for the message, at most 64 octets.
    pub message_id: COctetString,
    /// The destinations that were refused, at most 254.
    pub refused: Vec<RefusedDestination>,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

/// A destination of `submit_multi` that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedDestination {
    /// Which.
    pub address: Address,
    /// Why.
    pub status: CommandStatus,
}

impl SubmitMultiResp {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        let message_id = reader.c_octets();
        let count = if reader.is_at_end() {
            0
        } else {
            reader.u8("no_unsuccess")?
        };
        let refused = (0..count)
            .map(|_| {
                let address = reader.address("unsuccess_sme")?;
                let status = CommandStatus(reader.u32("error_status_code")?);
                Ok(RefusedDestination { address, status })
            })
            .collect::<Result<Vec<_>, Flaw>>()?;
        Ok(Self {
            message_id,
            refused,
            tlvs: Tlvs::read(reader)?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("message_id", &self.message_id, limit::MESSAGE_ID)?;
        writer.u8(count("no_unsuccess", self.refused.len())?);
        for refused in &self.refused {
            writer.address("unsuccess_sme", &refused.address, limit::ADDRESS)?;
            writer.u32(refused.status.0);
        }
        self.tlvs.write(writer)
    }
}

fn count(field: &'static str, entries: usize) -> Result<u8, EncodeError> {
    let too_many = EncodeError::TooMany {
        field,
        entries,
        limit: limit::DESTINATIONS,
    };
    u8::try_from(entries)
        .ok()
        .filter(|_| entries <= limit::DESTINATIONS)
        .ok_or(too_many)
}
