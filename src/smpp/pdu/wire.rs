//! Reads and writes the fields of a body in order. Reading is lenient and copies nothing: what it
//! hands out are slices of the frame. Writing keeps to the limits of SMPP 3.4 §5.2.

use bytes::{BufMut, Bytes, BytesMut};
use nom::{
    IResult, Parser,
    bytes::complete::{tag, take_till},
    combinator::opt,
    multi::length_data,
    number::complete::{be_u8, be_u16, be_u32},
    sequence::terminated,
};

use super::{Address, COctetString, CommandStatus, EncodeError, Payload, Tag, Tlv};

/// What could not be read, and how to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) what: &'static str,
    pub(super) status: CommandStatus,
}

/// A place in a body.
pub(super) struct Reader<'a> {
    body: &'a Bytes,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(body: &'a Bytes) -> Self {
        Self { body, rest: body }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8, Flaw> {
        let flaw = Flaw {
            what,
            status: CommandStatus::ESME_RINVCMDLEN,
        };
        self.take(be_u8).ok_or(flaw)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, Flaw> {
        let flaw = Flaw {
            what,
            status: CommandStatus::ESME_RINVCMDLEN,
        };
        self.take(be_u32).ok_or(flaw)
    }

    /// A C-octet string of any length. The end of the body ends it as well as a NUL does: peers
    /// leave out the last NUL, and so the whole of a last field that is empty.
    pub(super) fn c_octets(&mut self) -> COctetString {
        let octets = self.take(terminated(take_till(|octet| octet == 0), opt(tag(NUL))));
        COctetString(self.slice(octets.unwrap_or_default()))
    }

    pub(super) fn address(&mut self, what: &'static str) -> Result<Address, Flaw> {
        Ok(Address {
            ton: self.u8(what)?,
            npi: self.u8(what)?,
            value: self.c_octets(),
        })
    }

    /// A length octet and as many octets.
    pub(super) fn short_message(&mut self) -> Result<Payload, Flaw> {
        if self.is_at_end() {
            self.u8("sm_length")?;
        }
        let flaw = Flaw {
            what: "short_message",
            status: CommandStatus::ESME_RINVMSGLEN,
        };
        let octets = self.take(length_data(be_u8)).ok_or(flaw)?;
        Ok(Payload(self.slice(octets)))
    }

    /// The next TLV; `None`, and nothing taken, when what is left is not a whole one.
    pub(super) fn tlv(&mut self) -> Option<Tlv> {
        let (number, value) = self.take((be_u16, length_data(be_u16)))?;
        Some(Tlv {
            tag: Tag(number),
            value: self.slice(value),
        })
    }

    /// The tag of the next TLV, whole or not; takes nothing.
    pub(super) fn peek_tag(&self) -> Option<Tag> {
        let parsed: IResult<&[u8], u16> = be_u16(self.rest);
        parsed.ok().map(|(_, number)| Tag(number))
    }

    /// All that is left, as it stands.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// All that is left, taken.
    pub(super) fn take_rest(&mut self) -> Bytes {
        let rest = std::mem::take(&mut self.rest);
        self.slice(rest)
    }

    fn take<T>(
        &mut self,
        mut parser: impl Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
    ) -> Option<T> {
        let (rest, value) = parser.parse(self.rest).ok()?;
        self.rest = rest;
        Some(value)
    }

    fn slice(&self, part: &'a [u8]) -> Bytes {
        self.body.slice_ref(part)
    }
}

/// Appends a body, with the limits that the specification puts on its fields.
pub(super) struct Writer<'a> {
    out: &'a mut BytesMut,
}

impl<'a> Writer<'a> {
    pub(super) const fn new(out: &'a mut BytesMut) -> Self {
        Self { out }
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.out.put_u8(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.out.put_u32(value);
    }

    /// `limit` counts octets without the NUL.
    pub(super) fn c_octets(
        &mut self,
        field: &'static str,
        value: &COctetString,
        limit: usize,
    ) -> Result<(), EncodeError> {
        let octets = value.as_octets();
        if octets.len() > limit {
            return Err(EncodeError::TooLong {
                field,
                octets: octets.len(),
                limit,
            });
        }
        if octets.contains(&0) {
            return Err(EncodeError::HoldsNul { field });
        }
        self.out.put_slice(octets);
        self.out.put_u8(0);
        Ok(())
    }

    pub(super) fn address(
        &mut self,
        field: &'static str,
        address: &Address,
        limit: usize,
    ) -> Result<(), EncodeError> {
        self.u8(address.ton);
        self.u8(address.npi);
        self.c_octets(field, &address.value, limit)
    }

    pub(super) fn short_message(&mut self, message: &Payload) -> Result<(), EncodeError> {
        let field = "short_message";
        let octets = message.0.len();
        match u8::try_from(octets) {
            Ok(length) if octets <= limit::SHORT_MESSAGE => {
                self.u8(length);
                self.out.put_slice(&message.0);
                Ok(())
            }
            Ok(_) | Err(_) => Err(EncodeError::TooLong {
                field,
                octets,
                limit: limit::SHORT_MESSAGE,
            }),
        }
    }

    pub(super) fn tlv(&mut self, tlv: &Tlv) -> Result<(), EncodeError> {
        let field = tlv.tag.name().unwrap_or("a vendor's TLV");
        let octets = tlv.value.len();
        let length = u16::try_from(octets).map_err(|_| EncodeError::TooLong {
            field,
            octets,
            limit: limit::TLV,
        })?;
        self.out.put_u16(tlv.tag.0);
        self.out.put_u16(length);
        self.out.put_slice(&tlv.value);
        Ok(())
    }
}

/// What we write at most, in octets without a closing NUL: 3.4 §4. We read far more.
pub(super) mod limit {
    pub(in super::super) const SYSTEM_ID: usize = 15;
    pub(in super::super) const PASSWORD: usize = 8;
    pub(in super::super) const SYSTEM_TYPE: usize = 12;
    pub(in super::super) const ADDRESS_RANGE: usize = 40;
    pub(in super::super) const SERVICE_TYPE: usize = 5;
    pub(in super::super) const ADDRESS: usize = 20;
    /// `data_sm` and `alert_notification` have room for names of the Internet.
    pub(in super::super) const LONG_ADDRESS: usize = 64;
    pub(in super::super) const LIST_NAME: usize = 20;
    pub(in super::super) const MESSAGE_ID: usize = 64;
    pub(in super::super) const TIME: usize = 16;
    pub(in super::super) const SHORT_MESSAGE: usize = 254;
    pub(in super::super) const DESTINATIONS: usize = 254;
    pub(in super::super) const TLV: usize = 65_535;
}

const NUL: &[u8] = &[0];
