//! `svgate keys check`: known answers of every algorithm that keys meet, in this process and in the
//! token, and the source that the configuration names.
//!
//! The token is given its PIN once, even after a wrong one: a person asked for it.

use std::io::Write;

use clap::Args;
use serde_json::json;

use crate::auth::aes_key::AesKey;
use crate::auth::iccid::Iccid;
use crate::auth::sim_keys::{Direction, Master, derive, sim_key_inputs};
use crate::commands::Common;
use crate::commands::keys::load_master;
use crate::commands::secrecy::{aes_in_hardware, before_keys};
use crate::commands::site::Fault;
use crate::config::Config;
use crate::config::token::TokenConfig;
use crate::token::{TokenSession, open_for_checks};

/// Arguments of `svgate keys check`.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// How one check ended.
enum Ended {
    /// As it must.
    Well(String),
    /// It could not be made here, which is no fault.
    Not(String),
    /// Wrong.
    Badly(String),
}

/// Makes every check and prints a line for each; the exit status is 1 when any ended badly.
///
/// # Errors
///
/// [`Fault`] when there is no configuration, or the output fails.
pub(super) fn run(args: &CheckArgs, output: &mut dyn Write) -> Result<u8, Fault> {
    let config = Config::load(&args.common.config)?;
    let mut failed = false;
    let mut tell = |name: &str, ended: Ended| -> std::io::Result<()> {
        let (word, detail) = match &ended {
            Ended::Well(detail) => ("ok", detail),
            Ended::Not(detail) => ("not checked", detail),
            Ended::Badly(detail) => ("FAILED", detail),
        };
        failed |= matches!(ended, Ended::Badly(_));
        if args.common.json {
            let line = json!({ "check": name, "result": word, "detail": detail });
            writeln!(output, "{line}")
        } else {
            writeln!(output, "{word}: {name}: {detail}")
        }
    };
    tell("AES instructions", hardware(&config))?;
    tell("AES, FIPS 197 appendix C", known_aes())?;
    tell("AES-CMAC, RFC 4493", known_cmacs(in_process))?;
    tell("SIM keys, SP 800-108", known_sim_keys(in_process))?;
    match &config.keys.token {
        None => tell("master key file", of_file(&config))?,
        Some(token) => {
            let (session, ended) = of_token(token);
            tell("master key in the token", ended)?;
            for (name, ended) in in_token(session.as_ref()) {
                tell(name, ended)?;
            }
        }
    }
    Ok(u8::from(failed))
}

fn hardware(config: &Config) -> Ended {
    match before_keys(config.keys.allow_software_aes) {
        Ok(()) if aes_in_hardware() => Ended::Well("used".to_owned()),
        Ok(()) => Ended::Not("none, which the configuration accepts".to_owned()),
        Err(error) => Ended::Badly(error.to_string()),
    }
}

fn known_aes() -> Ended {
    for (octets, right) in [
        (16, "69c4e0d86a7b0430d8cdb78070b4c55a"),
        (24, "dda97ca4864cdfe06eaf70a0ec0d7191"),
        (32, "8ea2b7ca516745bfeafc49904b496089"),
    ] {
        let key: Vec<u8> = (0..octets).collect();
        let mut block: Vec<u8> = (0..16).map(|n: u8| n.saturating_mul(0x11)).collect();
        let ciphered = AesKey::try_from(key.as_slice())
            .map_err(|error| error.to_string())
            .and_then(|key| key.encipher(&mut block).map_err(|error| error.to_string()));
        if ciphered.is_err() || hex::encode(&block) != right {
            return Ended::Badly(format!("another answer with a key of {octets} octets"));
        }
    }
    Ended::Well("3 known answers".to_owned())
}

/// The examples of RFC 4493 §4.
fn known_cmacs(cmac: impl Fn(&[u8], &[u8]) -> Result<Vec<u8>, String>) -> Ended {
    for (octets, right) in [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ] {
        let message = RFC_4493_MESSAGE.get(..octets).unwrap_or_default();
        match cmac(RFC_4493_KEY, message) {
            Ok(mac) if hex::encode(&mac) == right => {}
            Ok(_) => return Ended::Badly(format!("another answer over {octets} octets")),
            Err(why) => return Ended::Not(why),
        }
    }
    Ended::Well("4 known answers".to_owned())
}

/// The keys of one card of a master that everybody knows, by its MACs and by `derive`.
fn known_sim_keys(cmac: impl Fn(&[u8], &[u8]) -> Result<Vec<u8>, String>) -> Ended {
    let secret: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap_or_default());
    let Ok(iccid) = KNOWN_CARD.parse::<Iccid>() else {
        return Ended::Badly(format!("{KNOWN_CARD} is read as no ICCID"));
    };
    for (direction, right) in [
        (
            Direction::Mo,
            [
                "a64293c7fd6b06b5ccd57b283707170c",
                "91d4acd38fd4bc21ca8358da42ac0f53",
            ],
        ),
        (
            Direction::Mt,
            [
                "63c61059e880d567c4371dfe4843234f",
                "e996ba046681d8345d12d3c60cc43a1d",
            ],
        ),
    ] {
        let derived = derive(&Master::new(&secret), &iccid, KNOWN_VERSION, direction);
        let derived = [derived.kic.expose_octets(), derived.kid.expose_octets()];
        let inputs = sim_key_inputs(&iccid, KNOWN_VERSION, direction);
        for ((input, derived), right) in inputs.iter().zip(derived).zip(right) {
            match cmac(&secret, input) {
                Ok(mac) if mac == derived && hex::encode(&mac) == right => {}
                Ok(_) => return Ended::Badly(format!("another key, {direction:?}")),
                Err(why) => return Ended::Not(why),
            }
        }
    }
    Ended::Well("4 known keys".to_owned())
}

fn in_process(key: &[u8], message: &[u8]) -> Result<Vec<u8>, String> {
    let key = AesKey::try_from(key).map_err(|error| error.to_string())?;
    Ok(key.cmac(&[message]).to_vec())
}

fn of_file(config: &Config) -> Ended {
    match load_master(&config.keys.master_file) {
        Ok(master) => Ended::Well(format!(
            "{}, check value {}",
            config.keys.master_file.display(),
            hex::encode(master.named().check_value())
        )),
        Err(error) => Ended::Badly(error.to_string()),
    }
}

fn of_token(config: &TokenConfig) -> (Option<TokenSession>, Ended) {
    match open_for_checks(config) {
        Ok((session, named)) => {
            let told = format!(
                "{:?} in {:?}, not extractable, signs only, check value {}",
                config.key_label,
                config.token_label,
                hex::encode(named.check_value())
            );
            (Some(session), Ended::Well(told))
        }
        Err(error) => (None, Ended::Badly(error.to_string())),
    }
}

/// The known answers once more, by keys that are in the token for one call.
fn in_token(session: Option<&TokenSession>) -> Vec<(&'static str, Ended)> {
    let Some(session) = session else {
        return Vec::new();
    };
    let cmac = |key: &[u8], message: &[u8]| {
        let made = session.cmac_under(key, message);
        made.map_err(|error| error.to_string())
    };
    vec![
        ("AES-CMAC, RFC 4493, in the token", known_cmacs(cmac)),
        ("SIM keys, SP 800-108, in the token", known_sim_keys(cmac)),
    ]
}

const RFC_4493_KEY: &[u8] = b"\x2b\x7e\x15\x16\x28\xae\xd2\xa6\xab\xf7\x15\x88\x09\xcf\x4f\x3c";
const RFC_4493_MESSAGE: &[u8] = b"\
    \x6b\xc1\xbe\xe2\x2e\x40\x9f\x96\xe9\x3d\x7e\x11\x73\x93\x17\x2a\
    \xae\x2d\x8a\x57\x1e\x03\xac\x9c\x9e\xb7\x6f\xac\x45\xaf\x8e\x51\
    \x30\xc8\x1c\x46\xa3\x5c\xe4\x11\xe5\xfb\xc1\x19\x1a\x0a\x52\xef\
    \xf6\x9f\x24\x45\xdf\x4f\x9b\x17\xad\x2b\x41\x7b\xe6\x6c\x37\x10";
/// Known keys were worked out by another program (`openssl mac`).
const KNOWN_CARD: &str = "8988211000000000003";
const KNOWN_VERSION: u8 = 3;

pub(super) const EXAMPLES: &str = "\
Examples:
  svgate keys check --config /etc/svgate/svgate.toml
  svgate keys check --json

A token is given its PIN once, even if it tells of a wrong one before. A token that takes no known keys
can't be checked against known answers: that is told, and is no failure.
Exit status: 0 all is well, 1 something is not, 2 the configuration can't be read, 3 it is wrong.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_answers_are_those_of_this_process_and_a_wrong_one_is_seen() {
        assert!(matches!(known_aes(), Ended::Well(_)));
        assert!(matches!(known_cmacs(in_process), Ended::Well(_)));
        assert!(matches!(known_sim_keys(in_process), Ended::Well(_)));
        let wrong = |key: &[u8], message: &[u8]| {
            let mut mac = in_process(key, message)?;
            if let Some(last) = mac.last_mut() {
                *last ^= 1;
            }
            Ok(mac)
        };
        assert!(matches!(known_cmacs(wrong), Ended::Badly(_)));
        assert!(matches!(known_sim_keys(wrong), Ended::Badly(_)));
    }
}
