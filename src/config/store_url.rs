//! A database as one word, for commands that work on two of them at once.
//!
//! ```text
//! sqlite:PATH
//! postgres://USER@HOST:PORT[,HOST:PORT…]/DATABASE[?password_file=F&ca_file=F&allow_plain=true]
//! ```
//! The parts are those of `[store.postgres]`. A password is never one of them: what stands on a
//! command line, everybody on the machine can read.

use std::path::PathBuf;
use std::str::FromStr;

use crate::config::places::StoreConfig;
use crate::config::postgres::{HostPort, PostgresConfig};

/// Why a word names no database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadStoreUrl {
    /// Neither form.
    #[error("must be sqlite:PATH or postgres://USER@HOST:PORT/DATABASE?password_file=FILE")]
    Form,
    /// A password, which other users of the machine could read.
    #[error("must not hold a password: name its file by ?password_file=FILE")]
    Password,
    /// A part of the second form.
    #[error("{0}")]
    Part(String),
}

impl FromStr for StoreConfig {
    type Err = BadStoreUrl;

    fn from_str(text: &str) -> Result<Self, BadStoreUrl> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(BadStoreUrl::Form);
            }
            let path = PathBuf::from(path);
            return Ok(Self {
                path,
                ..Self::default()
            });
        }
        let rest = text.strip_prefix("postgres://").ok_or(BadStoreUrl::Form)?;
        let postgres = Some(shared(rest)?);
        Ok(Self {
            postgres,
            ..Self::default()
        })
    }
}

fn shared(rest: &str) -> Result<PostgresConfig, BadStoreUrl> {
    let (address, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, place) = address.split_once('@').ok_or(BadStoreUrl::Form)?;
    if user.contains(':') {
        return Err(BadStoreUrl::Password);
    }
    let (hosts, database) = place.split_once('/').ok_or(BadStoreUrl::Form)?;
    let hosts = hosts.split(',').map(|host| {
        let parsed = HostPort::try_from(host.to_owned());
        parsed.map_err(|problem| BadStoreUrl::Part(format!("{host}: {problem}")))
    });
    let mut shared = PostgresConfig {
        hosts: hosts.collect::<Result<_, _>>()?,
        database: database.to_owned(),
        user: user.to_owned(),
        password_file: None,
        ca_file: None,
        allow_plain: false,
    };
    for parameter in parameters.split('&').filter(|text| !text.is_empty()) {
        match parameter.split_once('=') {
            Some(("password_file", file)) => shared.password_file = Some(file.into()),
            Some(("ca_file", file)) => shared.ca_file = Some(file.into()),
            Some(("allow_plain", "true")) => shared.allow_plain = true,
            Some(("password", _)) => return Err(BadStoreUrl::Password),
            _ => {
                let known = "password_file, ca_file and allow_plain=true are known";
                return Err(BadStoreUrl::Part(format!("{parameter}: {known}")));
            }
        }
    }
    match shared.faults().first() {
        Some(fault) => {
            let key = fault.key.trim_start_matches("postgres.");
            Err(BadStoreUrl::Part(format!("{key}: {}", fault.problem)))
        }
        None => Ok(shared),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_are_named_by_one_word() {
        for path in [
            "sqlite:/var/lib/svgate/svgate.db",
            "sqlite:///var/lib/svgate/svgate.db",
        ] {
            let store: StoreConfig = path.parse().unwrap();
            assert_eq!(store.shown(), "/var/lib/svgate/svgate.db");
        }
        let text = "postgres://svgate@127.0.0.1:5432,[::1]:5433/books?password_file=/etc/pw";
        let store: StoreConfig = text.parse().unwrap();
        assert_eq!(store.shown(), "books on 127.0.0.1:5432, ::1:5433");
        let shared = store.postgres.unwrap();
        assert_eq!(shared.user, "svgate");
        assert_eq!(shared.password_file, Some("/etc/pw".into()));
    }

    #[test]
    fn a_password_on_the_command_line_is_refused() {
        for text in [
            "postgres://svgate:secret@127.0.0.1:5432/books",
            "postgres://svgate@127.0.0.1:5432/books?password=secret",
        ] {
            let refused = text.parse::<StoreConfig>().unwrap_err();
            assert_eq!(refused, BadStoreUrl::Password);
            assert!(!refused.to_string().contains("secret"));
        }
    }

    #[test]
    fn what_names_no_database_is_told() {
        let said = |text: &str| text.parse::<StoreConfig>().unwrap_err().to_string();
        for text in [
            "",
            "/var/lib/svgate.db",
            "sqlite:",
            "postgres://127.0.0.1/books",
        ] {
            assert!(said(text).starts_with("must be sqlite:PATH or"), "{text}");
        }
        assert!(said("postgres://a@db1:x/books").contains("db1:x: must be host:port"));
        assert!(said("postgres://a@db1:5432/books").contains("db1 is not loopback"));
        assert!(said("postgres://a@[::1]:5432/b?colour=red").contains("colour=red: "));
        assert!(said("postgres://a@[::1]:5432/").contains("database"));
    }
}
