//! Binding: SMPP 3.4 §4.1.

use super::{
    Address, COctetString, CommandId, EncodeError, Password, Tlvs,
    wire::{Flaw, Reader, Writer, limit},
};

/// What a bind may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindMode {
    /// Messages from the `SMSC`.
    Receiver,
    /// Messages to the `SMSC`.
    Transmitter,
    /// Both.
    Transceiver,
}

impl BindMode {
    /// The id of its request.
    #[must_use]
    pub const fn command(self) -> CommandId {
        match self {
            Self::Receiver => CommandId::BIND_RECEIVER,
            Self::Transmitter => CommandId::BIND_TRANSMITTER,
            Self::Transceiver => CommandId::BIND_TRANSCEIVER,
        }
    }
}

/// `bind_receiver`, `bind_transmitter`, `bind_transceiver`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Which of the three.
    pub mode: BindMode,
    /// Who binds, at most 15 octets.
    pub system_id: COctetString,
    /// At most 8 octets.
    pub password: Password,
    /// What kind of system binds, at most 12 octets; mostly empty.
    pub system_type: COctetString,
    /// 0x34 for 3.4, 0x50 for 5.0.
    pub interface_version: u8,
    /// `addr_ton`, `addr_npi`, `address_range`: which addresses this bind serves, at most 40
    /// octets; mostly empty.
    pub address_range: Address,
}

impl Bind {
    pub(super) fn read(mode: BindMode, reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            mode,
            system_id: reader.c_octets(),
            password: Password(reader.c_octets()),
            system_type: reader.c_octets(),
            interface_version: reader.u8("interface_version")?,
            address_range: reader.address("address_range")?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("system_id", &self.system_id, limit::SYSTEM_ID)?;
        writer.c_octets("password", &self.password.0, limit::PASSWORD)?;
        writer.c_octets("system_type", &self.system_type, limit::SYSTEM_TYPE)?;
        writer.u8(self.interface_version);
        writer.address("address_range", &self.address_range, limit::ADDRESS_RANGE)
    }
}

/// The answer to a bind. Match it by its sequence number: there are centres that answer
/// `bind_receiver` with `bind_transmitter_resp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindResp {
    /// The mode that the answer names.
    pub mode: BindMode,
    /// Who answers; empty when the bind was refused.
    pub system_id: COctetString,
    /// `sc_interface_version`, most often.
    pub tlvs: Tlvs,
}

impl BindResp {
    pub(super) fn read(mode: BindMode, reader: &mut Reader<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            mode,
            system_id: reader.c_octets(),
            tlvs: Tlvs::read(reader)?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("system_id", &self.system_id, limit::SYSTEM_ID)?;
        self.tlvs.write(writer)
    }
}

/// `outbind`: the `SMSC` asks to be bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbind {
    /// The centre's name, at most 15 octets.
    pub system_id: COctetString,
    /// The centre's password, at most 8 octets.
    pub password: Password,
}

impl Outbind {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            system_id: reader.c_octets(),
            password: Password(reader.c_octets()),
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.c_octets("system_id", &self.system_id, limit::SYSTEM_ID)?;
        writer.c_octets("password", &self.password.0, limit::PASSWORD)
    }
}
