//! What one bind is agreed to be: identity, direction, version, and every bound of its session.

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::smpp::pdu::{self, Address, Bind, BindMode, COctetString};

/// What a session keeps to.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Our name at the SMSC, at most 15 octets.
    pub system_id: String,
    /// At most 8 octets.
    pub password: Password,
    /// At most 12 octets, mostly empty.
    pub system_type: String,
    /// Which way messages go.
    pub mode: BindMode,
    /// The version offered in the bind.
    pub interface_version: InterfaceVersion,
    /// Messages underway without a response, at most.
    pub window_pdus: u32,
    /// Messages a second, at most.
    pub rate_per_s: u32,
    /// Deliveries handed up and not answered yet, at most; above it 0x14.
    pub unanswered_deliveries: usize,
    /// Silence after which the peer is asked whether it lives.
    pub enquire_link_ms: i64,
    /// How long a request of ours waits for its response.
    pub request_timeout_ms: i64,
}

impl Terms {
    /// The bind request that these terms make.
    pub(super) fn bind(&self) -> Bind {
        Bind {
            mode: self.mode,
            system_id: COctetString::from(self.system_id.clone()),
            password: pdu::Password(COctetString::from(self.password.expose().to_owned())),
            system_type: COctetString::from(self.system_type.clone()),
            interface_version: self.interface_version.octet(),
            address_range: Address::default(),
        }
    }
}

/// `interface_version` of a bind: SMPP 3.4 §5.2.4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum InterfaceVersion {
    /// 0x34, which every SMSC speaks.
    #[default]
    #[serde(rename = "3.4")]
    V3_4,
    /// 0x50. Some SMSCs drop such a bind without an answer.
    #[serde(rename = "5.0")]
    V5_0,
}

impl InterfaceVersion {
    /// The octet in the bind.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::V3_4 => 0x34,
            Self::V5_0 => 0x50,
        }
    }
}

/// A bind's password. It shows in no log, and its memory is overwritten when dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The password as it goes over the wire.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows() {
        let password = Password::from("s3cret".to_owned());
        assert_eq!(format!("{password:?}"), "Password(…)");
        assert_eq!(password.expose(), "s3cret");
    }
}
