//! Makes a gateway that can sell: files in a fresh folder, and the real commands that read them.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Trouble;
use super::cast::{Cast, MachinePart, Part, SHOPS};
use super::gateway::Program;
use crate::http::terminal_auth::{new_token, token_sha256};

/// Where the parties find each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    /// The simulated SMSC.
    pub(super) smsc: SocketAddr,
    /// The gateway's HTTP.
    pub(super) http: SocketAddr,
    /// The gateway's metrics.
    pub(super) metrics: SocketAddr,
}

impl Addresses {
    /// The SMSC's, and two ports that nobody listens at now.
    pub(super) fn beside(smsc: SocketAddr) -> io::Result<Self> {
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        // Both at once, so that they differ.
        let (http, metrics) = (free()?, free()?);
        Ok(Self {
            smsc,
            http: http.local_addr()?,
            metrics: metrics.local_addr()?,
        })
    }
}

/// The folder of the demo: a new one, or an empty one.
///
/// # Errors
///
/// [`Trouble::NotEmpty`] for a folder with anything in it.
pub(super) fn fresh_folder(folder: &Path) -> Result<(), Trouble> {
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(Trouble::NotEmpty(folder.to_owned()));
    }
    Ok(())
}

/// Writes every file that the commands and the gateway read, but for the keys.
pub(super) fn write_files(
    folder: &Path,
    cast: &Cast,
    tokens: &[String],
    addresses: Addresses,
) -> io::Result<()> {
    fs::write(folder.join("svgate.toml"), config(addresses))?;
    fs::write(folder.join("subscribers.csv"), subscribers(cast))?;
    fs::write(folder.join("merchants.toml"), merchants(cast, tokens))?;
    let mut password = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(folder.join("smsc.password"))?;
    writeln!(password, "{PASSWORD}")
}

/// Makes the keys, imports everybody and loads the purse, by the commands that an operator runs.
///
/// # Errors
///
/// [`Trouble::Command`] with what the command said.
pub(super) async fn provision(
    program: &Program,
    folder: &Path,
    cast: &Cast,
) -> Result<(), Trouble> {
    let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let master = file("master.key");
    let made = program
        .run_bare(["keys", "init", "--out", &master], None)
        .await?;
    succeed(&made, "keys init")?;
    let mut commands: Vec<Vec<String>> = vec![
        words(&["subscriber", "import", &file("subscribers.csv")]),
        words(&["merchant", "import", &file("merchants.toml")]),
    ];
    let mut loaded = Vec::new();
    for shop in SHOPS {
        let is_played = cast
            .machines
            .iter()
            .any(|machine| machine.shop().id == shop.id);
        if !is_played || loaded.contains(&shop.currency) {
            continue;
        }
        loaded.push(shop.currency);
        let reference = format!("demo-{}", shop.currency);
        let amount = match shop.currency {
            "KWD" => "1000000.000",
            "JPY" => "100000000",
            _ => "5000000.00",
        };
        commands.push(words(&[
            "purse",
            "load",
            "--amount",
            amount,
            "--currency",
            shop.currency,
            "--reference",
            &reference,
        ]));
    }
    for command in commands {
        let name = command
            .iter()
            .take(2)
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        succeed(&program.run(command).await?, &name)?;
    }
    Ok(())
}

/// A bearer token for each terminal; the merchant's file has the hashes only.
///
/// # Errors
///
/// When the system has no random octets to give.
pub(super) fn tokens(cast: &Cast) -> Result<Vec<String>, Trouble> {
    let token = |_: &MachinePart| {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| Trouble::Chance(error.to_string()))?;
        Ok(new_token(&random).to_string())
    };
    cast.machines.iter().map(token).collect()
}

/// The second terminal's token again, by the command that an operator runs.
///
/// # Errors
///
/// [`Trouble::Command`] with what the command said.
pub(super) async fn token_by_command(program: &Program, id: &str) -> Result<String, Trouble> {
    let ran = program.run(["terminal", "token", id, "--json"]).await?;
    let json = ran.json();
    let token = json.as_ref().and_then(|json| json.get("token")?.as_str());
    match token {
        Some(token) => Ok(token.to_owned()),
        None => Err(Trouble::Command(
            "terminal token".to_owned(),
            ran.said().to_owned(),
        )),
    }
}

fn succeed(ran: &super::gateway::Ran, name: &str) -> Result<(), Trouble> {
    if ran.status == 0 {
        return Ok(());
    }
    Err(Trouble::Command(name.to_owned(), ran.said().to_owned()))
}

/// The shipped configuration of the demo with the addresses of this one.
fn config(addresses: Addresses) -> String {
    let Addresses {
        smsc,
        http,
        metrics,
    } = addresses;
    CONFIG
        .replace("port = 2775", &format!("port = {}", smsc.port()))
        .replace("127.0.0.1:8080", &http.to_string())
        .replace("127.0.0.1:9464", &metrics.to_string())
}

fn subscribers(cast: &Cast) -> String {
    let mut csv = String::from(
        "subscriber,msisdn,iccid,imsi,language,class,currency,credit_limit_minor,cap_minor,\
         key_version\n",
    );
    for phone in &cast.phones {
        let (account, msisdn, imsi) = (&phone.account, &phone.msisdn, &phone.imsi);
        let (iccid, language) = (&phone.iccid, phone.tongue.code());
        let currency = phone.currency;
        // Writing to a string cannot fail.
        let _ = writeln!(
            csv,
            "{account},{msisdn},{iccid},{imsi},{language},standard,{currency},{LIMIT_MINOR},\
             {CAP_MINOR},{KEY_VERSION}"
        );
    }
    csv
}

fn merchants(cast: &Cast, tokens: &[String]) -> String {
    let mut toml = String::new();
    for (index, shop) in SHOPS.iter().enumerate() {
        let terminals: Vec<(&MachinePart, &String)> = cast
            .machines
            .iter()
            .zip(tokens)
            .filter(|(machine, _)| machine.shop == index)
            .collect();
        if terminals.is_empty() {
            continue;
        }
        let _ = write!(
            toml,
            "[[merchant]]\nid = \"{}\"\nname = \"{}\"\ncurrency = \"{}\"\ntax_code = \"{}\"\n\n",
            shop.id, shop.name, shop.currency, shop.tax_code
        );
        for ware in shop.wares {
            let _ = write!(
                toml,
                "[[merchant.item]]\ncode = \"{}\"\nname = \"{}\"\nretail_minor = {}\n\
                 wholesale_minor = {}\n\n",
                ware.code, ware.name, ware.retail_minor, ware.wholesale_minor
            );
        }
        for (machine, token) in terminals {
            let slots = if machine.part == Part::Silent {
                SLOTS_OF_A_SILENT_ONE
            } else {
                SLOTS
            };
            let _ = write!(
                toml,
                "[[merchant.terminal]]\nid = \"{}\"\nshort_code = {}\nslots = {slots}\n\
                 token_sha256 = \"{}\"\n\n",
                machine.id,
                machine.short_code,
                hex::encode(token_sha256(token))
            );
        }
    }
    toml
}

/// The key version of every card of the demo.
pub(super) const KEY_VERSION: u8 = 1;
/// The SMSC's account for the gateway.
pub(super) const SYSTEM_ID: &str = "svgate";
/// Its password: SMPP has room for eight octets.
pub(super) const PASSWORD: &str = "demo-pwd";
const CONFIG: &str = include_str!("../../../config/demo/svgate.toml");
/// More than anybody of the demo buys in one cycle.
const LIMIT_MINOR: i64 = 100_000_000;
/// Above every price of the demo.
const CAP_MINOR: i64 = 5_000;
/// Each terminal stands for a wall of machines: a buyer seldom meets another.
const SLOTS: u16 = 200;
/// Its acks stay open until their time is over.
const SLOTS_OF_A_SILENT_ONE: u16 = 2_000;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng as _;

    use super::super::cast::Sizes;
    use super::*;
    use crate::config::Config;

    fn addresses() -> Addresses {
        Addresses {
            smsc: "127.0.0.1:3000".parse().unwrap(),
            http: "127.0.0.1:3001".parse().unwrap(),
            metrics: "127.0.0.1:3002".parse().unwrap(),
        }
    }

    fn cast() -> Cast {
        let sizes = Sizes {
            purchases: 1,
            phones: 20,
            machines: 40,
        };
        Cast::new(sizes, &mut ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn the_configuration_is_one_and_has_the_addresses_of_the_demo() {
        let config = Config::from_text(&PathBuf::from("demo.toml"), &config(addresses()));
        let config = config.map_err(|faults| faults.to_string()).unwrap();
        assert_eq!(config.smsc[0].port, 3000);
        assert_eq!(config.http.listen, addresses().http);
        assert_eq!(config.metrics.listen, addresses().metrics);
    }

    #[test]
    fn the_fees_that_phones_count_with_are_those_of_the_configuration() {
        let config = Config::from_text(&PathBuf::from("demo.toml"), CONFIG);
        let policy = config
            .map_err(|faults| faults.to_string())
            .unwrap()
            .policy();
        for shop in SHOPS {
            let currency = shop.currency.parse().unwrap();
            let terms = policy.terms(currency, shop.tax_code).unwrap();
            assert_eq!(terms.fee.minor(), shop.fee_minor, "{}", shop.id);
        }
    }

    #[test]
    fn a_folder_with_anything_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fresh_folder(folder.path()).unwrap();
        fs::write(folder.path().join("precious"), "").unwrap();
        let refused = fresh_folder(folder.path()).unwrap_err();
        assert!(refused.to_string().contains("--data"), "{refused}");
    }

    #[test]
    fn no_token_stands_in_a_file() {
        let cast = cast();
        let tokens = tokens(&cast).unwrap();
        let toml = merchants(&cast, &tokens);
        assert!(tokens.iter().all(|token| !toml.contains(token)));
        assert_eq!(toml.matches("token_sha256").count(), 40);
        assert_eq!(subscribers(&cast).lines().count(), 21);
    }
}
