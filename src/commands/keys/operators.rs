//! Two operators for what concerns every key: `svgate keys operator` makes one's secret, and master
//! operations ask for both.
//!
//! ```text
//! svgate keys operator alice ─► secret (alice keeps it)   SHA-256 ─► [[keys.operator]] of the file
//! svgate keys import … --who alice --secret-file A --second bob --second-secret-file B
//!                          both proved, or: operator_refused in the log of keys, exit 3
//! ```
//! Who can change the configuration can name other operators: this keeps one person from doing it
//! alone and unseen, not the owner of the machine.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::commands::keys::secret_file;
use crate::commands::site::{Fault, done};
use crate::commands::who;
use crate::config::keys::KeysConfig;
use crate::gateway::books::Books;
use crate::gateway::member::Member;
use crate::gateway::world::KeyEvent;
use crate::telemetry::key_log::OPERATOR_REFUSED;

/// Arguments of `svgate keys operator`.
#[derive(Clone, Debug, Args)]
pub struct OperatorArgs {
    /// Who it is
    #[arg(value_parser = who::name)]
    pub name: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Makes an operator's secret and prints it once, with what the configuration is told of it.
///
/// # Errors
///
/// [`Fault::Failure`] when there are no random octets or the output fails.
pub(super) fn run(args: &OperatorArgs, output: &mut dyn Write) -> Result<(), Fault> {
    let mut random = Zeroizing::new([0; 32]);
    let filled = getrandom::fill(random.as_mut_slice());
    filled.map_err(|error| Fault::Failure(format!("no random octets: {error}")))?;
    let digits = Zeroizing::new(hex::encode(random.as_slice()));
    let secret = Zeroizing::new(format!("{SECRET_PREFIX}{}", digits.as_str()));
    let (name, hash) = (&args.name, hex::encode(Sha256::digest(secret.as_bytes())));
    if args.json {
        let line = json!({ "name": name, "secret": secret.as_str(), "secret_sha256": hash });
        writeln!(output, "{line}")?;
    } else {
        writeln!(
            output,
            "{}\n\n[[keys.operator]]\nname = {name:?}\nsecret_sha256 = \"{hash}\"",
            secret.as_str()
        )?;
    }
    Ok(())
}

/// Who does a master operation.
#[derive(Clone, Debug, Args)]
pub struct Operators {
    /// The operator who does it
    #[arg(long, value_name = "NAME", value_parser = who::name)]
    pub who: String,
    /// That operator's secret
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// The operator who agrees
    #[arg(long, value_name = "NAME", value_parser = who::name, requires = "second_secret_file")]
    pub second: Option<String>,
    /// That operator's secret
    #[arg(long, value_name = "FILE", requires = "second")]
    pub second_secret_file: Option<PathBuf>,
}

impl Operators {
    /// Proves as many operators as the configuration asks for, and says who they are. Whoever is named
    /// must be right, asked for or not; a wrong secret is written to the log of keys.
    ///
    /// # Errors
    ///
    /// [`Fault::Refused`] says what is missing, or that a secret is not that operator's.
    pub(super) async fn prove<B: Books>(
        &self,
        operation: &'static str,
        config: &KeysConfig,
        books: &B,
    ) -> Result<Arc<str>, Fault> {
        let claimed = self.claimed()?;
        let needed = usize::from(config.operators_needed);
        if needed > config.operator.len() {
            return Err(Fault::Refused(format!(
                "{operation} needs {needed} operators, and the configuration has {} \
                 [[keys.operator]]: `svgate keys operator NAME` makes one; where no real keys are \
                 at stake, [keys] operators_needed = 0 asks for none",
                config.operator.len()
            )));
        }
        let mut wrong = None;
        for (name, secret) in &claimed {
            if !is_operator(name, secret.as_str(), config) {
                wrong.get_or_insert(*name);
            }
        }
        let names: Vec<&str> = claimed.iter().map(|(name, _)| *name).collect();
        if let Some(name) = wrong {
            let event = KeyEvent {
                who: names.join(" and ").into(),
                what: OPERATOR_REFUSED,
                subject: operation.into(),
                detail: format!("the secret is not that of an operator {name}"),
            };
            done(books.submit(Member::KeyEvents(vec![event])).await?)?;
            return Err(Fault::Refused(format!(
                "the secret is not that of an operator {name}; the attempt is in `svgate keys log`"
            )));
        }
        if claimed.len() < needed {
            return Err(Fault::Refused(format!(
                "{operation} needs {needed} different operators, each with a secret: --who NAME \
                 --secret-file FILE --second NAME --second-secret-file FILE"
            )));
        }
        if names.is_empty() {
            return Ok(self.who.as_str().into());
        }
        Ok(names.join(" and ").into())
    }

    /// Names with the secrets that were brought for them.
    fn claimed(&self) -> Result<Vec<(&str, Zeroizing<String>)>, Fault> {
        let first = self.secret_file.as_ref().map(|file| (&self.who, file));
        let second = self.second.as_ref().zip(self.second_secret_file.as_ref());
        if second.is_some_and(|(name, _)| *name == self.who) {
            let text = "--second must be another operator than --who";
            return Err(Fault::Usage(text.to_owned()));
        }
        let claims = first.into_iter().chain(second);
        claims
            .map(|(name, file)| Ok((name.as_str(), secret_file::text(file)?)))
            .collect()
    }
}

/// Whether `name` is an operator with this secret. Hashes are compared in constant time.
fn is_operator(name: &str, secret: &str, config: &KeysConfig) -> bool {
    let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let mut named = config.operator.iter();
    let operator = named.find(|operator| *operator.name == *name);
    operator.is_some_and(|operator| operator.secret_sha256.ct_eq(&hash).into())
}

const SECRET_PREFIX: &str = "svo_";
pub(super) const EXAMPLES: &str = "\
Examples:
  (umask 077; svgate keys operator alice > alice.secret)
  svgate keys operator alice --json

The first line is alice's secret, 256 random bits: it is shown once, and the file is her --secret-file,
of which no other line is read. The others go into the configuration, which knows its SHA-256 only.
Exit status: 0 ok, 1 failure.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_its_operators_and_no_others() {
        let mut output = Vec::new();
        let args = OperatorArgs {
            name: "alice".to_owned(),
            json: true,
        };
        run(&args, &mut output).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&output).unwrap();
        let (secret, hash) = (&told["secret"], &told["secret_sha256"]);
        let text = crate::config::SHIPPED.replace(
            "\n[[smsc]]",
            &format!("\n[[keys.operator]]\nname = \"alice\"\nsecret_sha256 = {hash}\n\n[[smsc]]"),
        );
        let config = crate::config::Config::from_text(std::path::Path::new("svgate.toml"), &text);
        let keys = config.unwrap().keys;
        let secret = secret.as_str().unwrap();
        assert!(is_operator("alice", secret, &keys));
        assert!(!is_operator("bob", secret, &keys));
        assert!(!is_operator("alice", &secret[1..], &keys));
        assert!(!is_operator("alice", "", &keys));
    }
}
