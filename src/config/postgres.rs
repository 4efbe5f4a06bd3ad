//! `[store.postgres]`: the database that several nodes share.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::config::faults::{KeyFault, fault};

/// Where the shared database is, and who we are there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// Every server that can be the primary: `host:port`.
    pub hosts: Vec<HostPort>,
    /// The database's name.
    pub database: String,
    /// The role that svgate logs in as; the schema is its own.
    pub user: String,
    /// File of one line: the role's password.
    pub password_file: Option<PathBuf>,
    /// PEM of the authorities that a server's certificate may come from.
    pub ca_file: Option<PathBuf>,
    /// Whether passwords and orders may cross a network unencrypted.
    #[serde(default)]
    pub allow_plain: bool,
}

/// A host with its port, as `host:port` or `[address]:port`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HostPort {
    /// DNS name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl TryFrom<String> for HostPort {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bad = "must be host:port, such as \"db1.example.net:5432\"";
        let (host, port) = text.rsplit_once(':').ok_or(bad)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port > 0).ok_or(bad)?;
        if host.is_empty() {
            return Err(bad);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl HostPort {
    fn is_loopback(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

impl PostgresConfig {
    /// The role's password; none where there is no file of it.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] when the file can't be read.
    pub fn password(&self) -> std::io::Result<Option<Arc<Zeroizing<String>>>> {
        let Some(file) = &self.password_file else {
            return Ok(None);
        };
        let text = Zeroizing::new(std::fs::read_to_string(file)?);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        Ok(Some(Arc::new(Zeroizing::new(line.to_owned()))))
    }

    pub(super) fn faults(&self) -> Vec<KeyFault> {
        let mut faults = Vec::new();
        if self.hosts.is_empty() {
            let problem = "must name every server that can be the primary, one at least";
            faults.push(fault("postgres.hosts", problem.to_owned()));
        }
        let far = self.hosts.iter().find(|host| !host.is_loopback());
        if let Some(HostPort { host, .. }) = far
            && self.ca_file.is_none()
            && !self.allow_plain
        {
            let problem = format!(
                "{host} is not loopback: name ca_file, or set allow_plain = true where the \
                 network in between is your own"
            );
            faults.push(fault("postgres.hosts", problem));
        }
        for (key, text) in [
            ("postgres.database", &self.database),
            ("postgres.user", &self.user),
        ] {
            if text.is_empty() {
                faults.push(fault(key, "must not be empty".to_owned()));
            }
        }
        faults
    }

    pub(super) fn set_in(&mut self, folder: &Path) {
        for file in self.password_file.iter_mut().chain(&mut self.ca_file) {
            *file = folder.join(&file);
        }
    }
}
