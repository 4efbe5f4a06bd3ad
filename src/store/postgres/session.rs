//! What a session with a host is like.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use zeroize::Zeroizing;

/// The database that the nodes share.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Every host that can be the primary, with its port.
    pub hosts: Vec<(String, u16)>,
    /// The database's name.
    pub database: String,
    /// The role that svgate logs in as.
    pub user: String,
    /// Its password; none where the server asks for none.
    pub password: Option<Arc<Zeroizing<String>>>,
    /// How the network between is crossed.
    pub tls: PostgresTls,
}

/// How the network to the database is crossed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PostgresTls {
    /// In the clear.
    #[default]
    Off,
    /// By TLS to a host whose certificate one of these authorities gave to its name.
    Verified {
        /// PEM.
        ca_file: PathBuf,
    },
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("hosts", &self.hosts)
            .field("database", &self.database)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// What a session with one host is opened by. It reads by index whatever the server knows of
    /// the tables' size, waits for locks and for lost clients not for ever, and never lets a time
    /// limit cancel the wait for a standby.
    pub(super) fn session(&self, host: &str, port: u16, name: &str) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .host(host)
            .port(port)
            .database(&self.database)
            .username(&self.user)
            .application_name(name)
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging()
            .options(SETTINGS.iter().copied());
        let options = match &self.password {
            Some(password) => options.password(password),
            None => options,
        };
        match &self.tls {
            PostgresTls::Off => options.ssl_mode(PgSslMode::Disable),
            PostgresTls::Verified { ca_file } => options
                .ssl_mode(PgSslMode::VerifyFull)
                .ssl_root_cert(ca_file),
        }
    }
}

/// Statements that batches are made of, in all their combinations of tables.
const STATEMENTS: usize = 200;
const SETTINGS: &[(&str, &str)] = &[
    ("synchronous_commit", "on"),
    ("statement_timeout", "0"),
    ("lock_timeout", "2s"),
    ("idle_in_transaction_session_timeout", "10s"),
    ("client_connection_check_interval", "1s"),
    ("tcp_user_timeout", "10s"),
    // A machine that is gone says nothing: the server must notice, for its locks are waited for.
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
    ("client_min_messages", "warning"),
    ("default_transaction_isolation", "read committed"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];
