//! The gateway under test: the release program with books of its own, provisioned by its commands.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use svgate::http::terminal_auth::token_sha256;
use tempfile::TempDir;

use super::phones::{account, iccid, imsi, msisdn};
use super::{Sizes, now};

/// A folder with configuration, keys and books.
pub(crate) struct Site {
    folder: TempDir,
    /// Where terminals ask.
    pub(crate) http: SocketAddr,
    /// What the import of all subscribers took.
    pub(crate) imported: Imported,
}

/// What importing cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Imported {
    pub(crate) took: Duration,
    pub(crate) processor: Duration,
}

impl Site {
    /// Writes every file, and runs `keys init`, both imports and `purse load`.
    pub(crate) fn provision(sizes: Sizes, centre: SocketAddr) -> Self {
        // Beside the build, so that it is on a disk: books in a memory file system prove nothing.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let http = free.local_addr().unwrap();
        drop(free);
        let at = |name: &str| folder.path().join(name);
        fs::write(at("svgate.toml"), config(sizes, centre, http)).unwrap();
        fs::write(at("merchants.toml"), merchants(sizes)).unwrap();
        let mut secret = OpenOptions::new();
        let secret = secret.write(true).create_new(true).mode(0o600);
        writeln!(secret.open(at("smsc.password")).unwrap(), "{PASSWORD}").unwrap();
        command(
            &at("svgate.toml"),
            &["keys", "init", "--out"],
            &at("master.key"),
            false,
        );
        write_subscribers(&at("subscribers.csv"), sizes.subscribers);
        let (began, before) = (now(), children_processor_time());
        let import = ["subscriber", "import"];
        command(&at("svgate.toml"), &import, &at("subscribers.csv"), true);
        let imported = Imported {
            took: now().saturating_duration_since(began),
            processor: children_processor_time().saturating_sub(before),
        };
        fs::remove_file(at("subscribers.csv")).unwrap();
        command(
            &at("svgate.toml"),
            &["merchant", "import"],
            &at("merchants.toml"),
            true,
        );
        let load = [
            "purse",
            "load",
            "--currency",
            "EUR",
            "--reference",
            "L1",
            "--amount",
        ];
        command(&at("svgate.toml"), &load, Path::new("1000000000.00"), true);
        Self {
            folder,
            http,
            imported,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the gateway; its log goes to a file, a line for each change of state.
    pub(crate) fn serve(&self) -> Gateway {
        let log = File::create(self.path("gateway.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_svgate"))
            .args(["serve", "--config"])
            .arg(self.path("svgate.toml"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Gateway { child }
    }

    /// The octets of the books and their log on the disk.
    pub(crate) fn books_octets(&self) -> u64 {
        let octets = |name| fs::metadata(self.path(name)).map_or(0, |file| file.len());
        octets("svgate.db") + octets("svgate.db-wal")
    }
}

/// A running `svgate serve`; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
}

/// What a process used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Processor time, user and system.
    pub(crate) processor: Duration,
    /// Memory that is no mapped file.
    pub(crate) anonymous_kb: u64,
}

impl Usage {
    /// Processor time since `earlier`; memory as it is now.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            processor: self.processor.saturating_sub(earlier.processor),
            ..self
        }
    }
}

impl Gateway {
    pub(crate) fn usage(&self) -> Usage {
        let folder = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(folder.join("status")).expect("the gateway runs");
        let anonymous = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let anonymous = anonymous.and_then(|rest| rest.split_whitespace().next());
        Usage {
            processor: processor_time(&folder.join("stat"), [USER, SYSTEM]),
            anonymous_kb: anonymous.unwrap().parse().unwrap(),
        }
    }

    /// Asks it to stop, as a service manager does, and waits until it has.
    pub(crate) fn stop(mut self) {
        let id = self.child.id();
        let asked = Command::new("sh")
            .args(["-c", &format!("kill -TERM {id}")])
            .status();
        assert!(asked.unwrap().success());
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "the gateway stopped with {ended}");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended, as it was asked to.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Processor time of this process, all of its threads.
pub(crate) fn own_processor_time() -> Duration {
    processor_time(Path::new("/proc/self/stat"), [USER, SYSTEM])
}

fn children_processor_time() -> Duration {
    processor_time(
        Path::new("/proc/self/stat"),
        [CHILDREN_USER, CHILDREN_SYSTEM],
    )
}

/// proc(5): fields counted behind the command's name, in hundredths of a second.
fn processor_time(stat: &Path, fields: [usize; 2]) -> Duration {
    let text = fs::read_to_string(stat).expect("the process runs");
    let (_, behind_name) = text.rsplit_once(") ").unwrap();
    let values: Vec<&str> = behind_name.split(' ').collect();
    let ticks: u64 = fields
        .map(|n| values[n].parse::<u64>().unwrap())
        .iter()
        .sum();
    Duration::from_millis(ticks * 10)
}

fn command(config: &Path, words: &[&str], last: &Path, on_books: bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_svgate"));
    command.args(words).arg(last).stdin(Stdio::null());
    if on_books {
        command.arg("--config").arg(config);
    }
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "svgate {words:?}: {said}");
}

/// What an operator would write, but for times that nobody polls within.
fn config(sizes: Sizes, centre: SocketAddr, http: SocketAddr) -> String {
    let (accept_within_s, alive_s) = if sizes.polled {
        (15, 60)
    } else {
        (86_400, 86_400)
    };
    let mut toml = format!(
        "[node]\nid = 1\noperator = \"Bench\"\n[store]\npath = \"svgate.db\"\n\
         [keys]\nmaster_file = \"master.key\"\n\
         [keys.orders]\nkic = \"12\"\nkid = \"12\"\ntar = \"b2f001\"\n\
         [keys.confirmations]\nkic = \"12\"\nkid = \"12\"\ntar = \"b2f002\"\n\
         [http]\nlisten = \"{http}\"\nconnections_max = 20000\nwaiters_max = 10000\n\
         [metrics]\nlisten = \"127.0.0.1:0\"\n\
         [purchase]\naccept_within_s = {accept_within_s}\nalive_s = {alive_s}\n\
         plain_repeat_s = 1\n\
         [[class]]\nname = \"standard\"\nplain_cap = {{ EUR = \"10.00\" }}\n\
         bill_maximum = {{ EUR = \"300.00\" }}\n\
         [[tax]]\ncode = \"standard\"\nrate_percent = \"19.00\"\n\
         [[fee]]\ncurrency = \"EUR\"\namount = \"0.10\"\n"
    );
    for bind in 0..sizes.binds {
        let port = centre.port();
        write!(
            toml,
            "[[smsc]]\nname = \"bind-{bind}\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             system_id = \"bind-{bind}\"\npassword_file = \"smsc.password\"\nbind = \"trx\"\n\
             originator = \"trusted\"\nreconnect_min_ms = 100\n"
        )
        .unwrap();
        if sizes.ussd {
            toml.push_str("ussd_dialect = \"spec\"\n");
        }
    }
    toml
}

fn merchants(sizes: Sizes) -> String {
    let mut toml = "[[merchant]]\nid = \"coffee\"\nname = \"Coffee & Co\"\ncurrency = \"EUR\"\n\
                    tax_code = \"standard\"\n\
                    [[merchant.item]]\ncode = \"12\"\nname = \"Espresso\"\nretail_minor = 250\n\
                    wholesale_minor = 200\n"
        .to_owned();
    for machine in 0..sizes.machines {
        let (id, code) = (machine_id(machine), short_code(machine));
        let sha256 = hex::encode(token_sha256(&token(machine)));
        write!(
            toml,
            "[[merchant.terminal]]\nid = \"{id}\"\nshort_code = {code}\nslots = 65535\n\
             token_sha256 = \"{sha256}\"\n"
        )
        .unwrap();
    }
    toml
}

fn write_subscribers(path: &Path, count: u32) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    writeln!(
        file,
        "subscriber,msisdn,iccid,imsi,language,class,currency,credit_limit_minor,cap_minor,\
         key_version"
    )
    .unwrap();
    for phone in 0..count {
        let (account, msisdn) = (account(phone), msisdn(phone));
        let (iccid, imsi) = (iccid(phone), imsi(phone));
        writeln!(
            file,
            "{account},{msisdn},{iccid},{imsi},en,standard,EUR,1000000000,5000,1"
        )
        .unwrap();
    }
    file.flush().unwrap();
}

/// The id of a machine.
pub(crate) fn machine_id(machine: u32) -> String {
    format!("machine-{machine}")
}

/// What subscribers type for a machine.
pub(crate) const fn short_code(machine: u32) -> u32 {
    4_711 + machine
}

/// The bearer token of a machine.
pub(crate) fn token(machine: u32) -> String {
    format!("svt_{machine:043}")
}

const PASSWORD: &str = "bench";
const USER: usize = 11;
const SYSTEM: usize = 12;
const CHILDREN_USER: usize = 13;
const CHILDREN_SYSTEM: usize = 14;
