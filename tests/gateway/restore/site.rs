//! An operator's machine on which commands are run, and its books as a gateway has them open.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::Parser as _;
use serde_json::Value;
use svgate::auth::sim_keys::Master;
use svgate::commands::{self, Cli, Streams};
use svgate::config::Config;
use svgate::domain::ids::PurchaseId;
use svgate::gateway::member::{Arrival, ArrivalEnd, Word};
use svgate::http::Surroundings;
use svgate::serve::Gateway;
use svgate::store::Writer;
use svgate::telemetry::clock::clock;
use tempfile::TempDir;

use crate::fixture::{START, Shop, master};
use crate::home;

/// An operator's machine: configuration, master key, mark, billing files, and the books.
pub(crate) struct Site {
    folder: TempDir,
    /// What the books are found by.
    books: PathBuf,
    node: u16,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: u8,
    pub(crate) output: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.output.lines().next().unwrap_or_default()).unwrap()
    }
}

impl Site {
    /// The only machine of its operator.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let books = folder.path().join("books.db");
        Self::of(folder, books, 0).await
    }

    /// The machine of a node whose books are found by `books`.
    pub(crate) async fn of(folder: TempDir, books: PathBuf, node: u16) -> Self {
        let site = Self {
            folder,
            books,
            node,
        };
        let secret = std::array::from_fn(|n| u8::try_from(n).unwrap());
        let key = site.path("master.key");
        fs::write(&key, Master::text_of(&secret).as_bytes()).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let store = home::config(&site.books).await;
        let text = CONFIG.replace("STORE", &store);
        let text = text.replace("NODE", &node.to_string());
        fs::write(site.path("svgate.toml"), text).unwrap();
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `svgate` with these words on this machine.
    pub(crate) async fn run(&self, words: &str) -> Ended {
        let config = self.path("svgate.toml");
        let words = format!("svgate {words} --config {}", config.display());
        let running = tokio::task::spawn_blocking(move || {
            let cli = Cli::try_parse_from(words.split_whitespace()).unwrap();
            let (mut input, mut output, mut err) = (std::io::empty(), Vec::new(), Vec::new());
            let mut streams = Streams {
                input: &mut input,
                output: &mut output,
                err: &mut err,
            };
            let status = commands::run(&cli, &mut streams);
            Ended {
                status,
                output: String::from_utf8(output).unwrap(),
                err: String::from_utf8(err).unwrap(),
            }
        });
        running.await.unwrap()
    }

    /// The same as a process of its own.
    pub(crate) fn process(&self, words: &str) -> Child {
        Command::new(env!("CARGO_BIN_EXE_svgate"))
            .args(words.split_whitespace())
            .arg("--config")
            .arg(self.path("svgate.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub(crate) async fn ends(&self, words: &str, status: u8) -> Ended {
        let ended = self.run(words).await;
        assert_eq!(ended.status, status, "{words}: {ended:?}");
        ended
    }

    /// The books as a gateway has them open.
    pub(crate) async fn shop(&self) -> Shop {
        let (shop, writer) = self.resting().await;
        #[expect(
            clippy::disallowed_methods,
            reason = "a test runs the writer beside itself"
        )]
        tokio::spawn(writer.run());
        shop.alive(0).await;
        shop
    }

    /// The same, before the writer runs.
    pub(crate) async fn resting(&self) -> (Shop, Writer) {
        let place = home::place(Some(&self.books)).await;
        let (shop, writer) = Shop::of_node(place, self.node, Some(self.books.clone())).await;
        let now = clock().max(START);
        shop.clock.store(now.0, Ordering::Relaxed);
        (shop, writer)
    }

    /// Opens a gateway, as `serve` does before anything is taken.
    pub(crate) async fn starts(&self) -> Result<(), String> {
        let config = Config::load(&self.path("svgate.toml")).unwrap();
        let context = config.context(master()).unwrap();
        let surroundings = Surroundings {
            now: Arc::new(clock),
            elapsed_us: Arc::new(|| 0),
            random: Arc::new(|| Some([7; 32])),
        };
        let opened = Gateway::open(config, Arc::new(context), surroundings).await;
        opened.map(drop).map_err(|error| error.to_string())
    }

    pub(crate) async fn back_up(&self) {
        home::back_up(&self.books, &self.path("backup.db")).await;
    }

    pub(crate) async fn put_back(&self) {
        home::put_back(&self.books, &self.path("backup.db")).await;
    }

    pub(crate) fn file(&self, sequence: i64) -> PathBuf {
        self.path(&format!("export/op_demand_{}_{sequence:08}.csv", self.node))
    }

    /// The file of the books, or what stands for it.
    pub(crate) fn books(&self) -> &Path {
        &self.books
    }

    /// A copy of the delivered files.
    pub(crate) fn copy_of_files(&self, name: &str) -> PathBuf {
        let copy = self.path(name);
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(self.path("export")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
        copy
    }
}

impl Shop {
    /// Hands in an arrival that must be paid, and takes its ack to that end.
    pub(crate) async fn sells(&self, arrival: Arrival, end: Word) -> PurchaseId {
        let (purchase, paid) = self.arrive(arrival).await;
        assert_eq!(paid, ArrivalEnd::Paid);
        let id = purchase.unwrap();
        let ack = self.purchase(id).await.ack.unwrap();
        self.told(0, ack, Word::Accept).await;
        self.told(0, ack, end).await;
        id
    }
}

const CONFIG: &str = r#"
[node]
id = NODE
[store]
STORE
[keys]
master_file = "master.key"
[keys.orders]
kic = "12"
kid = "12"
cc_octets = 8
spi1_min = "16"
tar = "b2f001"
[keys.confirmations]
kic = "12"
kid = "12"
cc_octets = 8
spi1_min = "16"
tar = "b2f002"
[http]
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
[billing]
time_zone = "Europe/Berlin"
[export]
operator = "op"
[[class]]
name = "standard"
plain_cap = { EUR = "10.00" }
[[tax]]
code = "standard"
rate_percent = "19.00"
[[fee]]
currency = "EUR"
amount = "0.10"
"#;
