//! The operator's site in a folder, the gateway and the card as processes, and the operator's commands.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::claims::Bought;

/// A machine as its merchant's file has it.
pub(crate) struct MachinePart {
    pub(crate) id: &'static str,
    pub(crate) short_code: u32,
}

pub(crate) const MACHINES: &[MachinePart] = &[
    MachinePart {
        id: "coffee-4711",
        short_code: 4711,
    },
    MachinePart {
        id: "coffee-4712",
        short_code: 4712,
    },
];
/// What both sell, and for how much retail; the fee of the configuration is 0.10.
pub(crate) const ITEMS: &[(&str, i64)] = &[("12", 250), ("13", 320), ("C7", 90)];
pub(crate) const ACCOUNT: &str = "A-10001";
pub(crate) const ICCID: &str = "8949020000000000014";
pub(crate) const MSISDN: &str = "4915112345601";
pub(crate) const PASSWORD: &str = "demo-pwd";

/// How the orders of a card go out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bearer {
    /// In short messages.
    Sms,
    /// As text of a USSD session.
    Ussd,
}

/// The folder, provisioned.
pub(crate) struct Site {
    folder: TempDir,
    svgate: PathBuf,
    pub(crate) http: SocketAddr,
    pub(crate) tokens: Vec<String>,
}

/// What a command printed, and its exit status.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) output: String,
    pub(crate) said: String,
}

impl Site {
    /// Writes every file, and has the commands make the rest.
    pub(crate) async fn open(svgate: PathBuf, smsc: SocketAddr, bearer: Bearer) -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (http, metrics) = (free(), free());
        let (http, metrics) = (http.local_addr().unwrap(), metrics.local_addr().unwrap());
        let mut folder = TempDir::new().unwrap();
        if std::env::var("KEEP").is_ok_and(|keep| keep == "1") {
            folder.disable_cleanup(true);
            println!("kept: {}", folder.path().display());
        }
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let config = include_str!("../../config/demo/svgate.toml")
            .replace("port = 2775", &format!("port = {}", smsc.port()))
            .replace("127.0.0.1:8080", &http.to_string())
            .replace("127.0.0.1:9464", &metrics.to_string());
        let config = match bearer {
            Bearer::Sms => config,
            // What an order as text has room for; the first of the two levels is that of orders.
            Bearer::Ussd => config.replace("cc_octets = 8", "cc_octets = 4").replacen(
                "spi1_min = \"16\"",
                "spi1_min = \"12\"",
                1,
            ),
        };
        write("svgate.toml", &config);
        write("subscribers.csv", &subscribers());
        write("merchants.toml", &merchants());
        write("smsc.password", PASSWORD);
        let closed = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.path().join("smsc.password"), closed).unwrap();
        let mut site = Self {
            folder,
            svgate,
            http,
            tokens: Vec::new(),
        };
        let key = site.path("master.key");
        let made = Command::new(&site.svgate)
            .args(["keys", "init", "--out"])
            .arg(key)
            .output()
            .await;
        assert!(made.unwrap().status.success(), "keys init");
        let place = |name| site.path(name).to_string_lossy().into_owned();
        site.succeed(&["merchant", "import", &place("merchants.toml")])
            .await;
        site.succeed(&["subscriber", "import", &place("subscribers.csv")])
            .await;
        let load = [
            "purse",
            "load",
            "--amount",
            "100000.00",
            "--currency",
            "EUR",
            "--reference",
            "1",
        ];
        site.succeed(&load).await;
        for machine in MACHINES {
            let token = site
                .succeed(&["terminal", "token", machine.id, "--json"])
                .await;
            let token: Value = serde_json::from_str(token.trim()).unwrap();
            site.tokens
                .push(token["token"].as_str().unwrap().to_owned());
        }
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the gateway.
    pub(crate) fn serve(&self) -> Gateway {
        let log = fs::File::create(self.path("gateway.log")).unwrap();
        let child = Command::new(&self.svgate)
            .arg("serve")
            .arg("--config")
            .arg(self.path("svgate.toml"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        Gateway(child.expect("svgate serve starts"))
    }

    /// The end of the gateway's log.
    pub(crate) fn log(&self) -> String {
        let log = fs::read_to_string(self.path("gateway.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Runs a command of the operator's.
    pub(crate) async fn run(&self, words: &[&str]) -> Ran {
        let mut command = Command::new(&self.svgate);
        command
            .args(words)
            .arg("--config")
            .arg(self.path("svgate.toml"));
        let ended = command.stdin(Stdio::null()).output().await.unwrap();
        let output = String::from_utf8_lossy(&ended.stdout).into_owned();
        let err = String::from_utf8_lossy(&ended.stderr);
        Ran {
            status: ended.status.code().unwrap_or(-1),
            said: format!("{output}{err}"),
            output,
        }
    }

    /// The same, and it must go well.
    pub(crate) async fn succeed(&self, words: &[&str]) -> String {
        let ran = self.run(words).await;
        assert_eq!(ran.status, 0, "svgate {}: {}", words.join(" "), ran.said);
        ran.output
    }

    /// Waits until so many purchases were given out.
    pub(crate) async fn until_supplied(&self, purchases: usize) {
        let mut supplied = 0;
        for _ in 0..30 {
            supplied = self.supplied().await.len();
            if supplied >= purchases {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        println!(
            "{supplied} of {purchases} purchases were supplied\n{}",
            self.log()
        );
    }

    /// The purchases that were given out, by the books.
    pub(crate) async fn supplied(&self) -> Vec<Bought> {
        let list = self
            .succeed(&["purchase", "list", "--state", "supplied", "--json"])
            .await;
        list.lines().map(bought).collect()
    }
}

fn bought(line: &str) -> Bought {
    let purchase: Value = serde_json::from_str(line).unwrap();
    let whole = |key: &str| purchase[key].as_u64().unwrap();
    let text = |key: &str| purchase[key].as_str().unwrap();
    let minor = |key: &str| text(key).replace('.', "").parse::<i64>().unwrap();
    Bought {
        purchase: whole("purchase").to_string(),
        reference: u32::try_from(whole("reference")).unwrap(),
        short_code: u32::try_from(whole("short_code")).unwrap(),
        item: text("item").to_owned(),
        units: u8::try_from(whole("units")).unwrap(),
        price: minor("retail") + minor("fee"),
    }
}

/// A running `svgate serve`; killed when it is dropped.
pub(crate) struct Gateway(Child);

impl Gateway {
    /// Asks it to stop, as a service manager does; it must end well.
    pub(crate) async fn stop(mut self) {
        let id = self.0.id().expect("the gateway runs").to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(asked.unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(40), self.0.wait()).await;
        assert!(ended.expect("it ends").unwrap().success());
    }
}

/// The card's process; killed when it is dropped.
pub(crate) struct CardProcess {
    pub(crate) address: String,
    _process: Child,
}

impl CardProcess {
    pub(crate) async fn start(jar: &Path, master: &Path, bearer: Bearer) -> Self {
        let bearer = match bearer {
            Bearer::Sms => "sms",
            Bearer::Ussd => "ussd",
        };
        let mut process = Command::new("java")
            .arg("-jar")
            .arg(jar)
            .args([
                "--port", "0", "--bearer", bearer, "--iccid", ICCID, "--master",
            ])
            .arg(master)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("java starts");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await;
        let line = line
            .expect("the card says where it listens")
            .unwrap()
            .unwrap();
        let address = line.strip_prefix("card listening on ").expect("an address");
        Self {
            address: address.to_owned(),
            _process: process,
        }
    }
}

fn subscribers() -> String {
    format!(
        "subscriber,msisdn,iccid,imsi,language,class,currency,credit_limit_minor,cap_minor,key_version\n\
         {ACCOUNT},+{MSISDN},{ICCID},262020000000001,en,standard,EUR,100000000,5000,1\n"
    )
}

fn merchants() -> String {
    let mut toml =
        "[[merchant]]\nid = \"espresso-bar\"\nname = \"Espresso Bar\"\ncurrency = \"EUR\"\n\
                    tax_code = \"standard\"\n"
            .to_owned();
    for (code, retail) in ITEMS {
        let _ = write!(
            toml,
            "[[merchant.item]]\ncode = \"{code}\"\nname = \"Item {code}\"\nretail_minor = {retail}\n\
             wholesale_minor = {}\n",
            retail - 40
        );
    }
    for MachinePart { id, short_code } in MACHINES {
        let _ = write!(
            toml,
            "[[merchant.terminal]]\nid = \"{id}\"\nshort_code = {short_code}\nslots = 100\n"
        );
    }
    toml
}
