//! `[[smsc]]`: one bind to an SMSC, which may have several.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::config::faults::{KeyFault, bad_word, fault};
use crate::config::reading::Section;
use crate::smpp::bind::{BindConfig, TlsConfig};
use crate::smpp::pdu::BindMode;
use crate::smpp::session::{InterfaceVersion, Password};
use crate::sms::SmscAlphabet;

/// One bind to an SMSC, with all its bounds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmscConfig {
    /// What logs and metrics call this bind.
    pub name: Arc<str>,
    /// Which SMSC it belongs to, where that has several binds; the bind's own name when not said.
    pub smsc: Option<Arc<str>>,
    /// DNS name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Our name there, at most 15 octets.
    pub system_id: String,
    /// File of one line: the password, at most 8 octets.
    pub password_file: PathBuf,
    /// What kind of ESME we are, where an SMSC asks; at most 12 octets.
    #[serde(default)]
    pub system_type: String,
    /// Which way messages go.
    #[serde(default)]
    pub bind: BindWord,
    /// The version offered first.
    #[serde(default)]
    pub interface_version: InterfaceVersion,
    /// Whether a sender's number proves who sent plain text.
    #[serde(default)]
    pub originator: Originator,
    /// The E.164 country code of senders that come as national numbers; without it they have no
    /// sender.
    pub country_code: Option<Arc<str>>,
    /// How the SMSC carries text in its default alphabet.
    #[serde(default)]
    pub alphabet: SmscAlphabet,
    /// Which delivery receipts are asked for.
    #[serde(default)]
    pub registered_delivery: RegisteredDelivery,
    /// The profile of `config/ussd/` by which USSD comes over this bind.
    pub ussd_dialect: Option<Arc<str>>,
    /// The SMSC by which results of USSD orders are sent as messages; this one unless named.
    pub ussd_results_by: Option<Arc<str>>,
    /// Messages underway without a response, at most.
    #[serde(default = "defaults::window_pdus")]
    pub window_pdus: u32,
    /// Messages a second, at most.
    #[serde(default = "defaults::rate_per_s")]
    pub rate_per_s: u32,
    /// Deliveries handed up and not answered yet, at most.
    #[serde(default = "defaults::unanswered_deliveries")]
    pub unanswered_deliveries: usize,
    /// Silence after which the SMSC is asked whether it lives.
    #[serde(default = "defaults::enquire_link_s")]
    pub enquire_link_s: u32,
    /// How long a request waits for its response.
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
    /// How long a stop waits for responses before it unbinds.
    #[serde(default = "defaults::stop_within_ms")]
    pub stop_within_ms: u32,
    /// TLS, where the SMSC offers it.
    pub tls: Option<TlsConfig>,
}

impl SmscConfig {
    /// The bind, with the password that its file holds.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] names the file and never what is in it.
    pub fn bind_config(&self) -> Result<BindConfig, PasswordError> {
        Ok(BindConfig {
            name: self.name.as_ref().to_owned(),
            host: self.host.clone(),
            port: self.port,
            system_id: self.system_id.clone(),
            password: read_password(&self.password_file)?,
            system_type: self.system_type.clone(),
            bind: self.bind.into(),
            interface_version: self.interface_version,
            window_pdus: self.window_pdus,
            rate_per_s: self.rate_per_s,
            unanswered_deliveries: self.unanswered_deliveries,
            enquire_link_s: self.enquire_link_s,
            request_timeout_ms: self.request_timeout_ms,
            connect_timeout_ms: self.connect_timeout_ms,
            reconnect_min_ms: self.reconnect_min_ms,
            reconnect_max_ms: self.reconnect_max_ms,
            stop_within_ms: self.stop_within_ms,
            tls: self.tls.clone(),
        })
    }

    /// The SMSC by its name: replies to what came by one of its binds leave by any that transmits.
    #[must_use]
    pub fn smsc(&self) -> Arc<str> {
        Arc::clone(self.smsc.as_ref().unwrap_or(&self.name))
    }

    pub(super) fn set_in(&mut self, folder: &Path) {
        let move_in = |path: &mut PathBuf| *path = folder.join(&path);
        move_in(&mut self.password_file);
        if let Some(tls) = &mut self.tls {
            move_in(&mut tls.ca_file);
            if let Some(client) = &mut tls.client {
                move_in(&mut client.certificate_file);
                move_in(&mut client.key_file);
            }
        }
    }

    fn bad_country(&self) -> Option<KeyFault> {
        let code = self.country_code.as_deref()?;
        let digits = (1..=COUNTRY_DIGITS_MAX).contains(&code.len())
            && code.bytes().all(|octet| octet.is_ascii_digit())
            && !code.starts_with('0');
        let problem = "must be an E.164 country code of 1 to 3 digits, such as \"49\"";
        (!digits).then(|| fault("country_code", problem.to_owned()))
    }

    fn lengths(&self) -> impl Iterator<Item = KeyFault> {
        let longest = |key, text: &str, most: usize| {
            (text.len() > most || !text.is_ascii())
                .then(|| fault(key, format!("must have at most {most} octets of ASCII")))
        };
        [
            longest("system_id", &self.system_id, 15),
            longest("system_type", &self.system_type, 12),
            self.host
                .is_empty()
                .then(|| fault("host", "must be a DNS name or an address".to_owned())),
            (self.port == 0).then(|| fault("port", "must be 1 to 65535".to_owned())),
        ]
        .into_iter()
        .flatten()
    }
}

impl Section for SmscConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let from_1 = |key, value: u32, most: u32| {
            (!(1..=most).contains(&value)).then(|| fault(key, format!("must be 1 to {most}")))
        };
        let unanswered = u32::try_from(self.unanswered_deliveries).unwrap_or(u32::MAX);
        let mut faults: Vec<_> = [
            bad_word("name", &self.name),
            self.smsc.as_ref().and_then(|smsc| bad_word("smsc", smsc)),
            from_1("window_pdus", self.window_pdus, 10_000),
            from_1("rate_per_s", self.rate_per_s, 1_000_000),
            from_1("unanswered_deliveries", unanswered, 1_000_000),
            from_1("enquire_link_s", self.enquire_link_s, 3_600),
            from_1("request_timeout_ms", self.request_timeout_ms, 600_000),
            from_1("connect_timeout_ms", self.connect_timeout_ms, 600_000),
            from_1("reconnect_min_ms", self.reconnect_min_ms, 3_600_000),
            from_1("reconnect_max_ms", self.reconnect_max_ms, 3_600_000),
        ]
        .into_iter()
        .flatten()
        .collect();
        faults.extend(self.lengths());
        faults.extend(self.bad_country());
        if self.reconnect_max_ms < self.reconnect_min_ms {
            let problem = "must not be below reconnect_min_ms";
            faults.push(fault("reconnect_max_ms", problem.to_owned()));
        }
        faults
    }
}

/// Which way messages go over a bind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindWord {
    /// Both ways.
    #[default]
    Trx,
    /// To phones only.
    Tx,
    /// From phones only.
    Rx,
}

impl BindWord {
    /// Whether messages to phones can leave by it.
    #[must_use]
    pub const fn transmits(self) -> bool {
        matches!(self, Self::Trx | Self::Tx)
    }

    /// Whether messages from phones come by it.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::Trx | Self::Rx)
    }
}

impl From<BindWord> for BindMode {
    fn from(word: BindWord) -> Self {
        match word {
            BindWord::Trx => Self::Transceiver,
            BindWord::Tx => Self::Transmitter,
            BindWord::Rx => Self::Receiver,
        }
    }
}

/// Whether the sender's number of a message can be relied on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Originator {
    /// The operator's own SMSC checked it: plain text may order, to a cap.
    Trusted,
    /// Anybody could have written it: only secured packets may order.
    #[default]
    Untrusted,
}

/// Which delivery receipts are asked for: SMPP 3.4 §5.2.17.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisteredDelivery {
    /// None.
    #[default]
    None,
    /// Of messages that did not arrive.
    Failure,
    /// Of every message.
    All,
}

impl RegisteredDelivery {
    /// The octet of `submit_sm`.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::None => 0,
            Self::All => 1,
            Self::Failure => 2,
        }
    }
}

/// A password file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is not there, or not for us.
    #[error("{file} can't be read: {source}; put the password there, in one line", file = file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// SMPP has no room for it.
    #[error("{file} must hold 1 to 8 octets of ASCII in one line", file = file.display())]
    Form {
        /// Which.
        file: PathBuf,
    },
}

/// The password in a file of one line.
///
/// # Errors
///
/// [`PasswordError`].
pub fn read_password(file: &Path) -> Result<Password, PasswordError> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(|source| PasswordError::Unreadable {
        file: file.to_owned(),
        source,
    })?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    let fits = (1..=PASSWORD_MAX).contains(&password.len())
        && password
            .bytes()
            .all(|b| b.is_ascii() && !b.is_ascii_control());
    if fits {
        Ok(Password::from(password.to_owned()))
    } else {
        Err(PasswordError::Form {
            file: file.to_owned(),
        })
    }
}

mod defaults {
    /// What most SMSCs grant without being asked.
    pub(super) const fn window_pdus() -> u32 {
        50
    }

    /// Above every contract: the SMSC's own 0x58 sets the pace.
    pub(super) const fn rate_per_s() -> u32 {
        50_000
    }

    /// A second of one busy bind.
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

/// ITU-T E.164 §6.2.1.
const COUNTRY_DIGITS_MAX: usize = 3;
/// SMPP 3.4 §5.2.2: eight octets and a NUL.
const PASSWORD_MAX: usize = 8;
