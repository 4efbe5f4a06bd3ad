//! Asking about, cancelling and replacing a message that the centre holds: SMPP 3.4 §4.8 to §4.10.

use super::{
    Address, COctetString, EncodeError, Payload, Tlvs,
    wire::{Flaw, Reader, Writer, limit},
};

/// `query_sm`: what became of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuerySm {
    /// The centre's name for the message.
    pub message_id: COctetString,
    /// Its source, as submitted.
    pub source: Address,
}

impl QuerySm {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            message_id: reader.c_octets(),
            source: reader.address("source_addr")?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("message_id", &self.message_id, limit::MESSAGE_ID)?;
        writer.address("source_addr", &self.source, limit::ADDRESS)
    }
}

/// What `query_sm_resp` tells when the query succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryResult {
    /// The centre's name for the message.
    pub message_id: COctetString,
    /// When it reached its last state; empty while it has not.
    pub final_date: COctetString,
    /// A number of 3.4 §5.2.28.
    pub message_state: u8,
    /// The network's own code; 0 for none.
    pub error_code: u8,
}

impl QueryResult {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, Flaw> {
        let message_id = reader.c_octets();
        let final_date = reader.c_octets();
        // Refusals come with an empty body, or with an id and nothing behind it.
        if reader.is_at_end() {
            return Ok(None);
        }
        let message_state = reader.u8("message_state")?;
        let error_code = if reader.is_at_end() {
            0
        } else {
            reader.u8("error_code")?
        };
        Ok(Some(Self {
            message_id,
            final_date,
            message_state,
            error_code,
        }))
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("message_id", &self.message_id, limit::MESSAGE_ID)?;
        writer.c_octets("final_date", &self.final_date, limit::TIME)?;
        writer.u8(self.message_state);
        writer.u8(self.error_code);
        Ok(())
    }
}

/// `cancel_sm`: drop a message, or all between two addresses when the id is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelSm {
    /// At most 5 octets.
    pub service_type: COctetString,
    /// The centre's name for the message.
    pub message_id: COctetString,
    /// Its source, as submitted.
    pub source: Address,
    /// Its destination, when there is no id.
    pub destination: Address,
}

impl CancelSm {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            service_type: reader.c_octets(),
            message_id: reader.c_octets(),
            source: reader.address("source_addr")?,
            destination: reader.address("destination_addr")?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("service_type", &self.service_type, limit::SERVICE_TYPE)?;
        writer.c_octets("message_id", &self.message_id, limit::MESSAGE_ID)?;
        writer.address("source_addr", &self.source, limit::ADDRESS)?;
        writer.address("destination_addr", &self.destination, limit::ADDRESS)
    }
}

/// `replace_sm`: put another text in the place of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplaceSm {
    /// The centre's name for the message.
    pub message_id: COctetString,
    /// Its source, as submitted.
    pub source: Address,
    /// When to send it first; empty to leave as it was.
    pub schedule_delivery_time: COctetString,
    /// Until when; empty to leave as it was.
    pub validity_period: COctetString,
    /// Which receipts are asked for.
    pub registered_delivery: u8,
    /// A message stored at the centre; 0 for none.
    pub sm_default_msg_id: u8,
    /// The new text, at most 254 octets.
    pub short_message: Payload,
    /// Optional parameters (5.0: `message_payload`).
    pub tlvs: Tlvs,
}

impl ReplaceSm {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            message_id: reader.c_octets(),
            source: reader.address("source_addr")?,
            schedule_delivery_time: reader.c_octets(),
            validity_period: reader.c_octets(),
            registered_delivery: reader.u8("registered_delivery")?,
            sm_default_msg_id: reader.u8("sm_default_msg_id")?,
            short_message: reader.short_message()?,
            tlvs: Tlvs::read(reader)?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("message_id", &self.message_id, limit::MESSAGE_ID)?;
        writer.address("source_addr", &self.source, limit::ADDRESS)?;
        writer.c_octets(
            "schedule_delivery_time",
            &self.schedule_delivery_time,
            limit::TIME,
        )?;
        writer.c_octets("validity_period", &self.validity_period, limit::TIME)?;
        writer.u8(self.registered_delivery);
        writer.u8(self.sm_default_msg_id);
        writer.short_message(&self.short_message)?;
        self.tlvs.write(writer)
    }
}
