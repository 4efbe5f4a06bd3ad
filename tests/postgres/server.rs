//! A PostgreSQL server for one test process: started on first use as an unprivileged user, on a
//! free port, in a folder of its own, and gone with the process.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Executor as _};
use svgate::store::{PostgresOptions, PostgresTls};

/// A server that answers.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    /// While this end of its input is open, the server runs.
    _process: Child,
}

/// Where Debian and others put the server's programs.
const PLACES: &[&str] = &[
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
    "/usr/lib/postgresql/14/bin",
    "/usr/local/pgsql/bin",
    "/usr/bin",
];

/// The server of this process.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::of_its_own)
}

/// Where the server's programs are. Where there are none, the process says so and ends: its tests
/// are passed over, which is a failure with CI=true.
fn programs() -> &'static Path {
    let found = PLACES
        .iter()
        .map(Path::new)
        .find(|place| place.join("initdb").exists());
    found.unwrap_or_else(|| {
        // The harness keeps what is printed; this goes past it.
        let text = "SKIPPED: no PostgreSQL is installed (Debian: postgresql), looked in";
        let _ = writeln!(std::io::stderr(), "{text} {}", PLACES.join(" "));
        let is_failure = std::env::var("CI").is_ok_and(|ci| ci == "true");
        std::process::exit(i32::from(is_failure));
    })
}

impl Server {
    /// A server for one test that changes its settings.
    pub(crate) fn of_its_own() -> Self {
        Self::with(NOTHING_LASTS)
    }

    /// A server with these settings.
    pub(crate) fn with(settings: &[&str]) -> Self {
        let programs = programs();
        let folder = tempfile::tempdir().unwrap();
        let port = {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            free.local_addr().unwrap().port()
        };
        std::fs::write(folder.path().join("run"), SCRIPT).unwrap();
        let mut command = as_nobody(folder.path());
        let process = command
            .arg(folder.path().join("run"))
            .arg(programs)
            .arg(folder.path())
            .arg(port.to_string())
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            port,
            folder,
            _process: process,
        }
    }

    /// From the next reading of its settings on, `user` has to prove who it is.
    pub(crate) fn ask_for_passwords(&self, user: &str) {
        let file = self.folder.path().join("data/pg_hba.conf");
        let rules = std::fs::read_to_string(&file).unwrap();
        let rule = format!("host all {user} 127.0.0.1/32 scram-sha-256\n");
        std::fs::write(file, rule + &rules).unwrap();
    }

    /// What a session of `user` on `database` is opened by.
    pub(crate) fn options(&self, database: &str, user: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(user)
            .database(database)
            .disable_statement_logging()
    }

    /// A session on `database`, as soon as the server answers.
    pub(crate) async fn connect(&self, database: &str) -> PgConnection {
        for _ in 0..600 {
            match self.options(database, "postgres").connect().await {
                Ok(connection) => return connection,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        panic!("the server on port {} does not start", self.port);
    }

    /// A new database of this name, or the one that stands.
    pub(crate) async fn database(&self, name: &str) -> PostgresOptions {
        let mut connection = self.connect("postgres").await;
        let found: Option<i32> = sqlx::query_scalar("select 1 from pg_database where datname = $1")
            .bind(name)
            .fetch_optional(&mut connection)
            .await
            .unwrap();
        if found.is_none() {
            let sql = format!("create database \"{name}\"");
            connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
        }
        PostgresOptions {
            hosts: vec![("127.0.0.1".to_owned(), self.port)],
            database: name.to_owned(),
            user: "postgres".to_owned(),
            password: None,
            tls: PostgresTls::Off,
        }
    }

    /// A database that no other test has.
    pub(crate) async fn new_database(&self) -> PostgresOptions {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.database(&format!("books_{number}")).await
    }
}

/// `sh` as the user that the package made, or as who runs the tests where that is not root: the
/// server refuses to run as root.
fn as_nobody(folder: &Path) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|of| {
        use std::os::unix::fs::MetadataExt as _;
        of.uid() == 0
    });
    if !is_root {
        return Command::new("sh");
    }
    let owner = Command::new("chown")
        .arg("-R")
        .arg("postgres")
        .arg(folder)
        .status();
    assert!(owner.unwrap().success(), "no user postgres");
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=postgres",
        "--regid=postgres",
        "--init-groups",
        "sh",
    ]);
    command
}

/// Nothing here has to survive a crash of the machine.
const NOTHING_LASTS: &[&str] = &["fsync=off", "full_page_writes=off", "shared_buffers=64MB"];
/// Programs, folder, port, settings. When the test process ends, however it does, its end of the pipe closes and the server is stopped.
const SCRIPT: &str = r#"
bin=$1 at=$2 port=$3
shift 3
cd "$at" || exit 1
"$bin/initdb" -D "$at/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$at/init.log" 2>&1
"$bin/postgres" -D "$at/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  -c max_connections=400 "$@" >"$at/server.log" 2>&1 </dev/null &
cat >/dev/null
kill -QUIT $!
wait
rm -rf "$at"
"#;
