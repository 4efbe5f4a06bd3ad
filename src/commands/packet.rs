//! `svgate packet open | seal`: one secured packet by hand, to look into a complaint or to test a
//! card. It keeps nothing: no counter moves, and without a digest an equal counter is an old one.
//!
//! ```text
//! $ svgate packet open --keys sim.json 0028151601…        {"tar":"b2f001","data":"…","counter":7,…}
//! $ echo 48656c6c6f | svgate packet seal --keys sim.json --counter 8         {"packet":"0028…",…}
//! ```

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::auth::Refusal;
use crate::auth::aes_key::AesKey;
use crate::auth::command::{CommandDraft, open_command, seal_command};
use crate::auth::replay::{LastHeard, judge};
use crate::auth::secured_packet::{
    CcLength, KeyOctet, KeyProfile, KeyRecord, Spi, Spi1, Spi2, Tar,
};
use crate::auth::sim_keys::SimKeys;

/// Arguments of `svgate packet`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PacketArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: PacketAction,
}

/// What to do with a packet.
#[derive(Clone, Debug, Subcommand)]
pub enum PacketAction {
    /// Open and prove one secured packet.
    #[command(after_help = EXAMPLES)]
    Open(OpenArgs),
    /// Seal data (hex, from standard input) into one secured packet.
    #[command(after_help = EXAMPLES)]
    Seal(SealArgs),
}

/// Arguments of `svgate packet open`.
#[derive(Clone, Debug, Args)]
pub struct OpenArgs {
    /// The packet in hex from CPL on, without its user data header [default: standard input]
    pub packet: Option<String>,
    /// JSON file of the SIM's keys and demands
    #[arg(long, value_name = "F.json")]
    pub keys: PathBuf,
    /// Accepted as everywhere: the answer is JSON in any case
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `svgate packet seal`.
#[derive(Clone, Debug, Args)]
pub struct SealArgs {
    /// JSON file of the SIM's keys and demands
    #[arg(long, value_name = "F.json")]
    pub keys: PathBuf,
    /// The counter, 0 to 1099511627775, never used before under these keys
    #[arg(long)]
    pub counter: u64,
    /// SPI in hex: both octets, or the first one only
    #[arg(long, default_value = "1600", value_parser = spi_of)]
    pub spi: Spi,
    /// Accepted as everywhere: the answer is JSON in any case
    #[arg(long)]
    pub json: bool,
}

/// Runs `svgate packet` and returns its exit status: 0 done, 3 refused, 2 wrong input, 1 failure.
pub fn run(
    args: &PacketArgs,
    input: &mut dyn Read,
    output: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let answer = match &args.action {
        PacketAction::Open(args) => open(args, input),
        PacketAction::Seal(args) => seal(args, input),
    };
    let (status, written) = match answer {
        Ok(Answer::Refused { refused }) => (REFUSED, print(output, &Answer::Refused { refused })),
        Ok(answer) => (OK, print(output, &answer)),
        Err(fault) => (
            fault.status,
            writeln!(err, "svgate packet: {}", fault.message),
        ),
    };
    if written.is_ok() { status } else { FAILURE }
}

fn open(args: &OpenArgs, input: &mut dyn Read) -> Result<Answer, Fault> {
    let file = KeyFile::read(&args.keys)?;
    let record = file
        .record()
        .map_err(|problem| problem.in_file(&args.keys))?;
    let packet = match &args.packet {
        Some(text) => octets_of(text)?,
        None => read_octets(input)?,
    };
    let opened = match open_command(&packet, &record) {
        Ok(opened) => opened,
        Err(refusal) => return Ok(refusal.into()),
    };
    let last = LastHeard {
        counter: file.last_counter,
        digest: None,
    };
    // How far a counter may leap is the gateway's policy; here only the packet is judged.
    if let Some(refusal) = judge(&opened, &last, u64::MAX).refusal() {
        return Ok(refusal.into());
    }
    Ok(Answer::Opened {
        tar: hex::encode(opened.tar.0),
        data: hex::encode(&opened.data),
        counter: opened.counter,
        cc_octets: record.profile.cc.octets(),
    })
}

fn seal(args: &SealArgs, input: &mut dyn Read) -> Result<Answer, Fault> {
    let file = KeyFile::read(&args.keys)?;
    let record = file
        .record()
        .map_err(|problem| problem.in_file(&args.keys))?;
    let data = read_octets(input)?;
    let draft = CommandDraft {
        spi: args.spi,
        counter: args.counter,
        data: &data,
    };
    let packet = seal_command(&draft, &record).map_err(|error| Fault::usage(error.to_string()))?;
    Ok(Answer::Sealed {
        packet: hex::encode(packet),
        tar: hex::encode(record.profile.tar.0),
        data: hex::encode(&data),
        counter: args.counter,
        cc_octets: record.profile.cc.octets(),
    })
}

/// The one JSON object that is printed.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Opened {
        tar: String,
        data: String,
        counter: u64,
        cc_octets: usize,
    },
    Sealed {
        packet: String,
        tar: String,
        data: String,
        counter: u64,
        cc_octets: usize,
    },
    Refused {
        refused: &'static str,
    },
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::Refused {
            refused: refusal.class(),
        }
    }
}

fn print(output: &mut dyn Write, answer: &Answer) -> std::io::Result<()> {
    writeln!(output, "{}", serde_json::to_string(answer)?)
}

/// The key file as written. A field with a wrong name is an error, so that a misspelt counter
/// never passes for 0.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    kic: String,
    kid: String,
    kic_octet: String,
    kid_octet: String,
    spi1_min: String,
    tar: String,
    #[serde(default = "eight")]
    cc_octets: usize,
    /// The counter of the last packet heard; 0 for a SIM that was never heard.
    #[serde(default)]
    last_counter: u64,
}

impl KeyFile {
    fn read(path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|error| Fault::failure(format!("{}: {error}", path.display())))?;
        // A parser's own words may quote the file, and what it quotes may be a key: only the
        // place is told.
        serde_json::from_str(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what = if error.is_data() {
                WRONG_FIELDS
            } else {
                "not a JSON object"
            };
            Fault::usage(format!(
                "{} line {line} column {column}: {what}",
                path.display()
            ))
        })
    }

    fn record(&self) -> Result<KeyRecord, BadField> {
        let key = |name, text: &str| {
            let octets = hex::decode(text)
                .map(Zeroizing::new)
                .map_err(|_| BadField(name))?;
            AesKey::try_from(octets.as_slice()).map_err(|_| BadField(name))
        };
        let octet = |name, text| {
            octets_in::<1>(text)
                .map(|[octet]| octet)
                .ok_or(BadField(name))
        };
        let key_octet =
            |name, text| octet(name, text).and_then(|o| o.try_into().map_err(|_| BadField(name)));
        let kic: KeyOctet = key_octet("kic_octet: one octet that ends in 2", &self.kic_octet)?;
        let kid: KeyOctet = key_octet("kid_octet: one octet that ends in 2", &self.kid_octet)?;
        let cc = CcLength::try_from(self.cc_octets).map_err(|_| BadField("cc_octets: 4 or 8"))?;
        let spi1_min = Spi1(octet("spi1_min: one octet", &self.spi1_min)?);
        let tar = octets_in(&self.tar)
            .map(Tar)
            .ok_or(BadField("tar: three octets"))?;
        let keys = SimKeys {
            kic: key("kic: 16, 24 or 32 octets", &self.kic)?,
            kid: key("kid: 16, 24 or 32 octets", &self.kid)?,
        };
        Ok(KeyRecord {
            profile: KeyProfile {
                kic,
                kid,
                cc,
                spi1_min,
                tar,
            },
            keys,
        })
    }
}

/// A field of the key file with a value that it cannot have, and what it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BadField(&'static str);

impl BadField {
    fn in_file(self, path: &Path) -> Fault {
        Fault::usage(format!(
            "{}: write {} in hex, cc_octets as a number",
            path.display(),
            self.0
        ))
    }
}

/// Why nothing was opened or sealed.
struct Fault {
    status: u8,
    message: String,
}

impl Fault {
    const fn usage(message: String) -> Self {
        Self {
            status: USAGE,
            message,
        }
    }

    const fn failure(message: String) -> Self {
        Self {
            status: FAILURE,
            message,
        }
    }
}

fn read_octets(input: &mut dyn Read) -> Result<Vec<u8>, Fault> {
    let mut text = String::new();
    let read = input.take(INPUT_MAX).read_to_string(&mut text);
    read.map_err(|error| {
        if error.kind() == std::io::ErrorKind::InvalidData {
            Fault::usage(NOT_HEX.to_owned())
        } else {
            Fault::failure(format!("standard input: {error}"))
        }
    })?;
    octets_of(&text)
}

fn octets_of(text: &str) -> Result<Vec<u8>, Fault> {
    let digits: String = text.split_ascii_whitespace().collect();
    hex::decode(digits).map_err(|_| Fault::usage(NOT_HEX.to_owned()))
}

fn octets_in<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut octets = [0; N];
    hex::decode_to_slice(text, &mut octets)
        .ok()
        .map(|()| octets)
}

fn spi_of(text: &str) -> Result<Spi, &'static str> {
    let one = || octets_in::<1>(text).map(|[spi1]| [spi1, 0]);
    let [spi1, spi2] = octets_in(text)
        .or_else(one)
        .ok_or("SPI is one or two octets in hex")?;
    Ok(Spi {
        spi1: Spi1(spi1),
        spi2: Spi2(spi2),
    })
}

const fn eight() -> usize {
    8
}

const OK: u8 = 0;
const FAILURE: u8 = 1;
const USAGE: u8 = 2;
const REFUSED: u8 = 3;

/// The longest packet has 65,537 octets; what is longer is cut and then malformed.
const INPUT_MAX: u64 = 1 << 18;
const NOT_HEX: &str = "the input is not hex: an even number of the digits 0-9 a-f";
const WRONG_FIELDS: &str = "the fields are the strings kic, kid, kic_octet, kid_octet, spi1_min, \
     tar and the integers cc_octets, last_counter";
const EXAMPLES: &str = "\
Examples:
  svgate packet open --keys sim.json 00281516011212b00010b2e0c40ccafef52e45edf0c612d4eca0…
  svgate packet open --keys sim.json < packet.hex
  echo 000e0ab0001000 | svgate packet seal --keys sim.json --counter 8 --spi 1600

sim.json (hex strings, two integers):
  {\"kic\": \"…\", \"kid\": \"…\", \"kic_octet\": \"12\", \"kid_octet\": \"12\", \"spi1_min\": \"16\",
   \"tar\": \"b2f001\", \"cc_octets\": 8, \"last_counter\": 7}

Exit status: 0 accepted or sealed, 2 wrong input, 3 refused, 1 failure.";

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        packet: PacketArgs,
    }

    /// The exit status, what was printed, and what was said on standard error.
    fn packet(file: &Value, arguments: &[&str], input: &str) -> (u8, Value, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sim.json");
        std::fs::write(&path, file.to_string()).unwrap();
        let path = path.to_str().unwrap();
        let keys = ["--keys", path];
        let line = ["packet"].iter().chain(arguments).chain(&keys);
        let args = Program::try_parse_from(line).unwrap().packet;
        let (mut output, mut err) = (vec![], vec![]);
        let status = run(&args, &mut input.as_bytes(), &mut output, &mut err);
        let printed = serde_json::from_slice(&output).unwrap_or(Value::Null);
        (status, printed, String::from_utf8(err).unwrap())
    }

    fn keys() -> Value {
        let (kic, kid) = ("0b".repeat(16), "0c".repeat(32));
        json!({
            "kic": kic, "kid": kid, "kic_octet": "12", "kid_octet": "32", "spi1_min": "16",
            "tar": "b2f001", "cc_octets": 8, "last_counter": 7,
        })
    }

    #[test]
    fn what_is_sealed_opens_once_and_is_then_old() {
        let seal = ["seal", "--counter", "8"];
        let (status, sealed, _) = packet(&keys(), &seal, "48656C 6c6f\n");
        assert_eq!(status, OK);
        let text = sealed["packet"].as_str().unwrap();

        let right = json!({"tar": "b2f001", "data": "48656c6c6f", "counter": 8, "cc_octets": 8});
        assert_eq!(
            packet(&keys(), &["open", text], ""),
            (OK, right.clone(), String::new())
        );
        assert_eq!(packet(&keys(), &["open"], &format!(" {text}\n")).1, right);

        let mut heard = keys();
        heard["last_counter"] = json!(8);
        let (status, refused, said) = packet(&heard, &["open", text], "");
        assert_eq!(
            (status, refused, said),
            (REFUSED, json!({"refused": "cntr_low"}), String::new())
        );
    }

    #[test]
    fn what_is_not_hex_is_wrong_input_and_what_is_empty_is_malformed() {
        for text in ["0", "zz", "0x00", "ü"] {
            let (status, printed, said) = packet(&keys(), &["open", text], "");
            assert_eq!((status, printed), (USAGE, Value::Null), "{text}");
            assert!(said.contains("not hex"), "{said}");
            assert_eq!(packet(&keys(), &["seal", "--counter", "8"], text).0, USAGE);
        }
        for arguments in [["open", ""].as_slice(), &["open"]] {
            let (status, printed, _) = packet(&keys(), arguments, "");
            assert_eq!(
                (status, printed),
                (REFUSED, json!({"refused": "malformed"}))
            );
        }
    }

    #[test]
    fn a_wrong_key_file_is_named_by_its_field_and_never_quoted() {
        for (field, wrong) in [
            ("kic", json!("0badc0de")),
            ("kid", json!("0badc0dex")),
            ("kic_octet", json!("11")),
            ("spi1_min", json!("1600")),
            ("tar", json!("b2f0")),
            ("cc_octets", json!(5)),
        ] {
            let mut keys = keys();
            keys[field] = wrong;
            let (status, _, said) = packet(&keys, &["open", "00"], "");
            assert_eq!(status, USAGE, "{field}");
            assert!(said.contains(field) && !said.contains("0badc0de"), "{said}");
        }
        let mut misspelt = keys();
        misspelt["last_cuonter"] = json!("0badc0de");
        let (status, _, said) = packet(&misspelt, &["open", "00"], "");
        assert!(status == USAGE && said.contains("last_counter") && !said.contains("0badc0de"));
    }

    #[test]
    fn nothing_without_a_checksum_is_sealed() {
        let (status, _, said) = packet(&keys(), &["seal", "--counter", "8", "--spi", "14"], "00");
        assert!(status == USAGE && said.contains("checksum"), "{said}");
        let too_high = ["seal", "--counter", "1099511627776"];
        assert_eq!(packet(&keys(), &too_high, "00").0, USAGE);
    }
}
