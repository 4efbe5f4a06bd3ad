//! One `[[smsc]]` of the configuration: where an SMSC is, who we are to it, and every bound.

use std::path::PathBuf;

use serde::Deserialize;

use crate::smpp::pdu::BindMode;
use crate::smpp::session::{InterfaceVersion, Password, Terms};

/// One bind to one SMSC. `config` adds keys of its own beside these, so it refuses stray ones.
#[derive(Clone, Debug, Deserialize)]
pub struct BindConfig {
    /// What logs, metrics and reply routes call this bind.
    pub name: String,
    /// DNS name or address of the SMSC.
    pub host: String,
    /// TCP port, commonly 2775, or 3550 with TLS.
    pub port: u16,
    /// Our name there, at most 15 octets.
    pub system_id: String,
    /// At most 8 octets; the caller reads it from its file.
    #[serde(skip)]
    pub password: Password,
    /// What kind of ESME we are, where an SMSC asks; at most 12 octets.
    #[serde(default)]
    pub system_type: String,
    /// Which way messages go.
    #[serde(default = "defaults::bind", with = "BindModeName")]
    pub bind: BindMode,
    /// The version offered first. An SMSC that does not answer 5.0 is asked again with 3.4.
    #[serde(default)]
    pub interface_version: InterfaceVersion,
    /// Messages underway without a response, at most.
    #[serde(default = "defaults::window_pdus")]
    pub window_pdus: u32,
    /// Messages a second, at most: what the contract with the SMSC says.
    #[serde(default = "defaults::rate_per_s")]
    pub rate_per_s: u32,
    /// Deliveries handed up and not answered yet, at most; above it 0x14.
    #[serde(default = "defaults::unanswered_deliveries")]
    pub unanswered_deliveries: usize,
    /// Silence after which the peer is asked whether it lives.
    #[serde(default = "defaults::enquire_link_s")]
    pub enquire_link_s: u32,
    /// How long a request of ours waits for its response.
    #[serde(default = "defaults::request_timeout_ms")]
    pub request_timeout_ms: u32,
    /// How long TCP and TLS may take to connect.
    #[serde(default = "defaults::connect_timeout_ms")]
    pub connect_timeout_ms: u32,
    /// First wait before a new connection; it doubles with each failure.
    #[serde(default = "defaults::reconnect_min_ms")]
    pub reconnect_min_ms: u32,
    /// Longest wait before a new connection.
    #[serde(default = "defaults::reconnect_max_ms")]
    pub reconnect_max_ms: u32,
    /// How long a stop waits for responses and answers before it unbinds.
    #[serde(default = "defaults::stop_within_ms")]
    pub stop_within_ms: u32,
    /// TLS, where the SMSC offers it.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
}

impl BindConfig {
    /// What a session of this bind keeps to, once connected.
    #[must_use]
    pub fn terms(&self, interface_version: InterfaceVersion) -> Terms {
        Terms {
            system_id: self.system_id.clone(),
            password: self.password.clone(),
            system_type: self.system_type.clone(),
            mode: self.bind,
            interface_version,
            window_pdus: self.window_pdus,
            rate_per_s: self.rate_per_s,
            unanswered_deliveries: self.unanswered_deliveries,
            enquire_link_ms: i64::from(self.enquire_link_s).saturating_mul(1_000),
            request_timeout_ms: i64::from(self.request_timeout_ms),
        }
    }
}

/// How to reach an SMSC over TLS 1.2 or 1.3.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the certificates that may sign the SMSC's own.
    pub ca_file: PathBuf,
    /// The name that the SMSC's certificate must carry.
    pub domain: String,
    /// Our certificate and key, for an SMSC that asks for one.
    pub client: Option<ClientCertificate>,
}

/// The files with which we prove who we are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// PEM file: our certificate first, then those that lead to the SMSC's CA.
    pub certificate_file: PathBuf,
    /// PEM file: the private key (PKCS #8, PKCS #1 or SEC 1).
    pub key_file: PathBuf,
}

/// How the configuration spells a [`BindMode`].
#[derive(Deserialize)]
#[serde(remote = "BindMode", rename_all = "snake_case")]
enum BindModeName {
    Receiver,
    Transmitter,
    Transceiver,
}

mod defaults {
    use crate::smpp::pdu::BindMode;

    pub(super) const fn bind() -> BindMode {
        BindMode::Transceiver
    }

    /// What most SMSCs grant without being asked.
    pub(super) const fn window_pdus() -> u32 {
        50
    }

    /// Above every contract we know: the SMSC's own 0x58 sets the pace.
    pub(super) const fn rate_per_s() -> u32 {
        50_000
    }

    /// A second of one busy bind; each holds at most one read buffer of memory.
    pub(super) const fn unanswered_deliveries() -> usize {
        4_096
    }

    pub(super) const fn enquire_link_s() -> u32 {
        30
    }

    /// An SMSC in transaction mode answers after the handset did.
    pub(super) const fn request_timeout_ms() -> u32 {
        10_000
    }

    pub(super) const fn connect_timeout_ms() -> u32 {
        10_000
    }

    pub(super) const fn reconnect_min_ms() -> u32 {
        500
    }

    pub(super) const fn reconnect_max_ms() -> u32 {
        60_000
    }

    pub(super) const fn stop_within_ms() -> u32 {
        5_000
    }
}
