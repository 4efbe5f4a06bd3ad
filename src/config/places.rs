//! `[node]`, `[store]`, `[http]`, `[metrics]`, `[texts]`, `[export]` and `[log]`: who this gateway
//! is, where its files are, and where it listens.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::config::faults::{KeyFault, bad_word, fault};
use crate::config::postgres::PostgresConfig;
use crate::config::reading::Section;

/// Who this node is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// Its number among the nodes of one operator, 0 to 1023: part of every id.
    pub id: u16,
    /// The operator's name, as files for people carry it.
    pub operator: Arc<str>,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            id: 0,
            operator: "Example Mobile".into(),
        }
    }
}

impl Section for NodeConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let problem = "must be 0 to 1023, and another one on each node".to_owned();
        (self.id > NODE_MAX)
            .then(|| fault("id", problem))
            .into_iter()
            .collect()
    }
}

/// Where the books are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// The SQLite file; two more stand beside it.
    pub path: PathBuf,
    /// The file outside of the books that says how far they went.
    pub mark_file: PathBuf,
    /// The database that several nodes share, instead of the file.
    pub postgres: Option<PostgresConfig>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            path: "svgate.db".into(),
            mark_file: "svgate.mark".into(),
            postgres: None,
        }
    }
}

impl StoreConfig {
    /// Where the books are, for people: the file, or the database and its hosts.
    #[must_use]
    pub fn shown(&self) -> String {
        let Some(shared) = &self.postgres else {
            return self.path.display().to_string();
        };
        let hosts = shared.hosts.iter();
        let hosts: Vec<String> = hosts.map(|at| format!("{}:{}", at.host, at.port)).collect();
        format!("{} on {}", shared.database, hosts.join(", "))
    }
}

impl Section for StoreConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let postgres = self.postgres.as_ref();
        postgres.map(PostgresConfig::faults).unwrap_or_default()
    }
}

/// Where terminals and kiosks ask.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Whether tokens may cross a network unencrypted.
    pub allow_plain: bool,
    /// Connections at once, at most.
    pub connections_max: usize,
    /// Long polls at once, at most.
    pub waiters_max: usize,
    /// Certificate and key; without them HTTP is plain.
    pub tls: Option<ServerTls>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            allow_plain: false,
            connections_max: 2_048,
            waiters_max: 1_024,
            tls: None,
        }
    }
}

impl Section for HttpConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let mut faults = Vec::new();
        let loopback = self.listen.ip().is_loopback();
        if !loopback && self.tls.is_none() && !self.allow_plain {
            let problem = "is not loopback: name [http.tls], or set allow_plain = true where \
                           another server in front ends TLS";
            faults.push(fault("listen", problem.to_owned()));
        }
        for (key, value) in [
            ("connections_max", self.connections_max),
            ("waiters_max", self.waiters_max),
        ] {
            if !(1..=CONNECTIONS_MAX).contains(&value) {
                faults.push(fault(key, format!("must be 1 to {CONNECTIONS_MAX}")));
            }
        }
        if self.waiters_max > self.connections_max {
            let problem = "must not be above connections_max: each waiter holds a connection";
            faults.push(fault("waiters_max", problem.to_owned()));
        }
        faults
    }
}

/// The files with which the gateway proves who it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// PEM: the gateway's certificate first, then those that lead to its CA.
    pub certificate_file: PathBuf,
    /// PEM: the private key.
    pub key_file: PathBuf,
}

/// Where Prometheus asks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address and port of `/metrics`; nothing else is served there.
    pub listen: SocketAddr,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9464)),
        }
    }
}

impl Section for MetricsConfig {}

/// What is said to subscribers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextsConfig {
    /// Folder of files such as `de.toml`, put before the shipped ones.
    pub folder: Option<PathBuf>,
}

impl Section for TextsConfig {}

/// Where billing files go, and what stands in them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportConfig {
    /// Folder of the billing files.
    pub dir: PathBuf,
    /// File outside that folder with the last number and hash, so that a cut-off tail shows.
    pub head_file: PathBuf,
    /// The operator's code in names and headers of files.
    pub operator: Arc<str>,
    /// Whether numbers of subscribers stand in the files.
    pub msisdn: MsisdnInFiles,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self {
            dir: "export".into(),
            head_file: "export-head".into(),
            operator: "SVGATE".into(),
            msisdn: MsisdnInFiles::Full,
        }
    }
}

impl Section for ExportConfig {
    fn faults(&self) -> Vec<KeyFault> {
        let mut faults: Vec<_> = bad_word("operator", &self.operator).into_iter().collect();
        if self.head_file.starts_with(&self.dir) {
            let problem = "must be outside of dir: who cuts files off there must not reach it";
            faults.push(fault("head_file", problem.to_owned()));
        }
        faults
    }
}

/// Whether numbers of subscribers stand in billing files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MsisdnInFiles {
    /// Every digit: billing goes by the number.
    #[default]
    Full,
    /// No number: billing goes by the account.
    None,
}

/// What is logged, to standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// For people or for programs.
    pub format: LogFormat,
    /// The least that is told.
    pub level: LogLevel,
}

impl Section for LogConfig {}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Words.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// And what a person must look at.
    Warn,
    /// And each change of a purchase's state.
    #[default]
    Info,
    /// And each message.
    Debug,
    /// And each PDU.
    Trace,
}

/// Ten bits of every id.
const NODE_MAX: u16 = 1023;
/// A file descriptor each: more than one process is commonly given.
const CONNECTIONS_MAX: usize = 65_536;
