//! Messages, their answers, and who can be reached again: SMPP 3.4 §4.4, §4.6, §4.7 and §4.12.

use super::{
    Address, COctetString, EncodeError, Payload, Tlvs,
    wire::{Flaw, Reader, Writer, limit},
};

/// The body of `submit_sm` and of `deliver_sm`, which are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShortMessage {
    /// Empty, `CMT`, `USSD` …; at most 5 octets.
    pub service_type: COctetString,
    /// Who sends.
    pub source: Address,
    /// Who shall get it.
    pub destination: Address,
    /// Mode, type and features of the message (3.4 §5.2.12).
    pub esm_class: u8,
    /// TP-PID of 3GPP TS 23.040.
    pub protocol_id: u8,
    /// 0 to 3, 3 the most urgent.
    pub priority_flag: u8,
    /// When to send it first; empty for at once.
    pub schedule_delivery_time: COctetString,
    /// Until when, or how long; empty for the centre's default.
    pub validity_period: COctetString,
    /// Which receipts are asked for (3.4 §5.2.17).
    pub registered_delivery: u8,
    /// 1 to replace an earlier message.
    pub replace_if_present_flag: u8,
    /// TP-DCS of 3GPP TS 23.038; for USSD, the cell broadcast coding of its §5.
    pub data_coding: u8,
    /// A message stored at the centre; 0 for none.
    pub sm_default_msg_id: u8,
    /// At most 254 octets; empty when the text is in `message_payload`.
    pub short_message: Payload,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

impl ShortMessage {
    /// The message wherever it is: in `short_message`, or, if that is empty, `message_payload`.
    #[must_use]
    pub fn payload(&self) -> Payload {
        match self.tlvs.message_payload() {
            Some(payload) if self.short_message.0.is_empty() => Payload(payload.clone()),
            Some(_) | None => self.short_message.clone(),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            service_type: reader.c_octets(),
            source: reader.address("source_addr")?,
            destination: reader.address("destination_addr")?,
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
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("service_type", &self.service_type, limit::SERVICE_TYPE)?;
        writer.address("source_addr", &self.source, limit::ADDRESS)?;
        writer.address("destination_addr", &self.destination, limit::ADDRESS)?;
        writer.u8(self.esm_class);
        writer.u8(self.protocol_id);
        writer.u8(self.priority_flag);
        writer.c_octets(
            "schedule_delivery_time",
            &self.schedule_delivery_time,
            limit::TIME,
        )?;
        writer.c_octets("validity_period", &self.validity_period, limit::TIME)?;
        writer.u8(self.registered_delivery);
        writer.u8(self.replace_if_present_flag);
        writer.u8(self.data_coding);
        writer.u8(self.sm_default_msg_id);
        writer.short_message(&self.short_message)?;
        self.tlvs.write(writer)
    }
}

/// `data_sm`: a message without store and forward; its text is in `message_payload`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataSm {
    /// At most 5 octets.
    pub service_type: COctetString,
    /// Who sends, at most 64 octets.
    pub source: Address,
    /// Who shall get it, at most 64 octets.
    pub destination: Address,
    /// Mode, type and features of the message (3.4 §5.2.12).
    pub esm_class: u8,
    /// Which receipts are asked for (3.4 §5.2.17).
    pub registered_delivery: u8,
    /// TP-DCS of 3GPP TS 23.038.
    pub data_coding: u8,
    /// Optional parameters, `message_payload` among them.
    pub tlvs: Tlvs,
}

impl DataSm {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            service_type: reader.c_octets(),
            source: reader.address("source_addr")?,
            destination: reader.address("destination_addr")?,
            esm_class: reader.u8("esm_class")?,
            registered_delivery: reader.u8("registered_delivery")?,
            data_coding: reader.u8("data_coding")?,
            tlvs: Tlvs::read(reader)?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("service_type", &self.service_type, limit::SERVICE_TYPE)?;
        writer.address("source_addr", &self.source, limit::LONG_ADDRESS)?;
        writer.address("destination_addr", &self.destination, limit::LONG_ADDRESS)?;
        writer.u8(self.esm_class);
        writer.u8(self.registered_delivery);
        writer.u8(self.data_coding);
        self.tlvs.write(writer)
    }
}

/// A `data_sm` is a `deliver_sm` with fewer fields; whoever takes both may turn it into one.
impl From<DataSm> for ShortMessage {
    fn from(data: DataSm) -> Self {
        Self {
            service_type: data.service_type,
            source: data.source,
            destination: data.destination,
            esm_class: data.esm_class,
            registered_delivery: data.registered_delivery,
            data_coding: data.data_coding,
            tlvs: data.tlvs,
            ..Self::default()
        }
    }
}

/// The body of `submit_sm_resp`, `deliver_sm_resp` and `data_sm_resp`.
///
/// The id may be absent on the wire. We always write its NUL: a centre that reads without looking
/// at the length (measured) takes a `deliver_sm_resp` of 16 octets for a time-out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageResp {
    /// The centre's name for the message, at most 64 octets; empty in `deliver_sm_resp`.
    pub message_id: COctetString,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

impl MessageResp {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            message_id: reader.c_octets(),
            tlvs: Tlvs::read(reader)?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("message_id", &self.message_id, limit::MESSAGE_ID)?;
        self.tlvs.write(writer)
    }
}

/// `alert_notification`: a handset can be reached again. Nobody answers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertNotification {
    /// The handset, at most 64 octets.
    pub source: Address,
    /// Who asked to be told, at most 64 octets.
    pub esme: Address,
    /// `ms_availability_status`, most often.
    pub tlvs: Tlvs,
}

impl AlertNotification {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            source: reader.address("source_addr")?,
            esme: reader.address("esme_addr")?,
            tlvs: Tlvs::read(reader)?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.address("source_addr", &self.source, limit::LONG_ADDRESS)?;
        writer.address("esme_addr", &self.esme, limit::LONG_ADDRESS)?;
        self.tlvs.write(writer)
    }
}
