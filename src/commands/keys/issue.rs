//! `svgate keys issue`: a personalisation script for each new card, and a letter with its PIN.
//!
//! ```text
//! cards.csv ─► check every line ─► log of keys ─► FOLDER.part ─► FOLDER ─┬─ 8988…003.apdu   a line an APDU
//!                any fault: nothing      │            (0700)             └─ pins.csv        iccid,pin,puk
//!                                keys leave the gateway: two operators
//! ```
//! The keys are those that the gateway derives for card and version, so that nothing need be stored
//! for a card to be heard: the import of its subscriber is enough.

mod cards;
mod folder;
mod texts;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use crate::auth::sealed_keys::KeyPlace;
use crate::auth::sim_keys::{Direction, Master, SimKeys};
use crate::commands::Common;
use crate::commands::keys::operators::Operators;
use crate::commands::keys::secret_file;
use crate::commands::line_faults::LineFaults;
use crate::commands::site::{Fault, Site, done};
use crate::dialogue::card_command::{MenuText, NewKeys, ServiceAddress};
use crate::dialogue::personalisation::{CardProfile, Personalisation, PinPolicy, Puk};
use crate::domain::money::Currency;
use crate::domain::pin::Pin;
use crate::gateway::books::Books;
use crate::gateway::member::{CHUNK_MAX, Member};
use crate::gateway::views::Views;
use crate::gateway::world::KeyEvent;

use cards::NewCard;
use folder::Folder;

/// Arguments of `svgate keys issue`.
#[derive(Clone, Debug, Args)]
pub struct IssueArgs {
    /// The cards: columns as below
    #[arg(long = "in", value_name = "cards.csv")]
    pub cards: PathBuf,
    /// The folder to make; one that exists is never touched
    #[arg(long, value_name = "FOLDER")]
    pub out_dir: PathBuf,
    /// The key that the cards' transport keys are derived of: 64 hex digits
    #[arg(long, value_name = "FILE")]
    pub transport_master_file: PathBuf,
    /// Where cards send orders to: a short code, or + and an international number
    #[arg(long, value_name = "NUMBER")]
    pub service: ServiceAddress,
    /// The type of that number (3GPP TS 23.040 §9.1.2.5), one octet in hex, such as b1
    #[arg(long, value_name = "HEX", value_parser = octet)]
    pub service_type: Option<u8>,
    /// The currency that the cards order in
    #[arg(long)]
    pub currency: Currency,
    /// When a card asks for its PIN: always, never, or above an amount, such as 10.00
    #[arg(long, value_name = "always|never|AMOUNT", default_value = "always")]
    pub pin: String,
    /// The folder of the cards' texts: en.txt and so on, 32 lines each
    #[arg(long, value_name = "FOLDER")]
    pub texts: PathBuf,
    /// Languages of those, at most four, the first one's first
    #[arg(long, value_delimiter = ',', default_value = "en")]
    pub languages: Vec<String>,
    /// Who does it.
    #[command(flatten)]
    pub operators: Operators,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Writes the scripts of all cards, or none.
///
/// # Errors
///
/// [`Fault::Refused`] when operators are missing, a line is wrong, or the applet has no place for what
/// the configuration says; [`Fault::Conflict`] when the folder exists.
pub(super) async fn run<B: Books + Views>(
    args: &IssueArgs,
    site: &Site,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let transport = Master::new(&*secret_file::key(
        &args.transport_master_file,
        "the key of --transport-master-file",
    )?);
    let texts = texts::read(&args.texts, &args.languages)?;
    let who = args.operators.prove(OPERATION, &site.config.keys, books);
    let who = who.await?;
    let mut faults = LineFaults::default();
    let cards = cards::read(&args.cards, site, books, &mut faults).await?;
    if faults.count > 0 {
        return Err(faults.told(&args.cards, args.common.json, output)?);
    }
    let issuer = Issuer {
        args,
        site,
        texts,
        transport,
        pin_policy: pin_policy(&args.pin, args.currency)?,
    };
    let folder = Folder::begin(&args.out_dir)?;
    log(&cards, &who, &args.out_dir, books).await?;
    for chunk in cards.chunks(CHUNK_MAX) {
        let places = chunk.iter().map(|card| card.place(Direction::Mo));
        let brought = site.keys.bring(places.collect()).await;
        brought.map_err(|error| Fault::Failure(error.to_string()))?;
        for card in chunk {
            issuer.write(card, &folder)?;
        }
    }
    folder.finish()?;
    let (count, folder) = (cards.len(), args.out_dir.display());
    if args.common.json {
        let line = json!({ "cards": count, "folder": folder.to_string() });
        writeln!(output, "{line}")?;
    } else {
        writeln!(
            output,
            "{count} cards in {folder}: scripts, and PINs in {}",
            folder::PINS
        )?;
    }
    Ok(())
}

struct Issuer<'s> {
    args: &'s IssueArgs,
    site: &'s Site,
    texts: Vec<MenuText>,
    transport: Master,
    pin_policy: PinPolicy,
}

impl Issuer<'_> {
    fn write(&self, card: &NewCard, folder: &Folder) -> Result<(), Fault> {
        let profiles = self.site.context.profiles_of(&card.profile);
        let profiles = profiles.ok_or_else(|| Fault::Failure(NO_PROFILE.to_owned()))?;
        let profile = CardProfile {
            orders: profiles.orders,
            confirmations: profiles.confirmations,
            currency: self.args.currency,
            pin_policy: self.pin_policy,
        };
        let keys = |direction| {
            let keys = self.site.keys.sim_keys(&card.place(direction));
            keys.ok_or_else(|| Fault::Failure("the card's keys are not at hand".to_owned()))
        };
        let octets = (profile.orders.kic, profile.orders.kid);
        let (orders, confirmations) = (keys(Direction::Mo)?, keys(Direction::Mt)?);
        let keys = NewKeys::new(card.version, octets, &orders, &confirmations);
        let (pin, puk) = (drawn_pin()?, Puk::of(drawn(PUK_DIGITS)?));
        let asks = self.pin_policy != PinPolicy::Never;
        let told = Personalisation {
            keys: keys.map_err(|error| Fault::Refused(error.to_string()))?,
            profile,
            puk,
            service: self.args.service.clone(),
            type_of_number: self.args.service_type,
            pin: asks.then(|| pin.clone()),
            texts: self.texts.clone(),
        };
        let script = told.script(transport_keys(&self.transport, card));
        let script = script.map_err(|error| Fault::Refused(error.to_string()))?;
        folder.card(&card.digits, card.version, &script)?;
        folder.letter(&card.digits, told.pin.as_ref(), &told.puk)?;
        Ok(())
    }
}

/// The transport keys of a card: NIST SP 800-108r1 §4.1 like its other keys, of a master that the
/// gateway does not keep, for version 0, which no other keys have.
fn transport_keys(transport: &Master, card: &NewCard) -> SimKeys {
    crate::auth::sim_keys::derive(transport, &card.iccid, 0, Direction::Mt)
}

/// An event for each card, before its script is anywhere: no keys leave the gateway unlogged, and what
/// a run that failed logs names the folder that is not there.
async fn log<B: Books>(
    cards: &[NewCard],
    who: &Arc<str>,
    folder: &Path,
    books: &B,
) -> Result<(), Fault> {
    for chunk in cards.chunks(CHUNK_MAX) {
        let events = chunk.iter().map(|card| KeyEvent {
            who: Arc::clone(who),
            what: "issued",
            subject: card.digits.as_str().into(),
            detail: format!("keys of version {} to {}", card.version, folder.display()),
        });
        done(books.submit(Member::KeyEvents(events.collect())).await?)?;
    }
    Ok(())
}

/// Four digits that nobody would try first.
fn drawn_pin() -> Result<Pin, Fault> {
    loop {
        let digits = Zeroizing::new(format!("{:04}", drawn(PIN_DIGITS)?));
        if let Some(pin) = digits.parse::<Pin>().ok().filter(|pin| !pin.is_obvious()) {
            return Ok(pin);
        }
    }
}

/// A random number of so many digits, each as likely as the others: draws that would favour low
/// numbers are thrown away.
fn drawn(digits: u32) -> Result<u32, Fault> {
    let end = 10_u32.saturating_pow(digits);
    let fair = u32::MAX.saturating_sub(u32::MAX.checked_rem(end).unwrap_or_default());
    loop {
        let mut octets = Zeroizing::new([0; 4]);
        let filled = getrandom::fill(octets.as_mut_slice());
        filled.map_err(|error| Fault::Failure(format!("no random octets: {error}")))?;
        let drawn = u32::from_be_bytes(*octets);
        if drawn < fair {
            return Ok(drawn.checked_rem(end).unwrap_or_default());
        }
    }
}

fn pin_policy(text: &str, currency: Currency) -> Result<PinPolicy, Fault> {
    match text {
        "always" => Ok(PinPolicy::Always),
        "never" => Ok(PinPolicy::Never),
        amount => currency
            .parse_amount(amount)
            .map(PinPolicy::Above)
            .map_err(|error| Fault::Usage(format!("--pin: always, never, or an amount: {error}"))),
    }
}

fn octet(text: &str) -> Result<u8, String> {
    let mut octet = [0];
    hex::decode_to_slice(text, &mut octet).map_err(|_| "one octet in hex".to_owned())?;
    Ok(u8::from_be_bytes(octet))
}

impl NewCard {
    /// Where its keys of a direction are.
    fn place(&self, direction: Direction) -> KeyPlace {
        KeyPlace {
            iccid: self.iccid,
            direction,
            version: self.version,
        }
    }
}

const OPERATION: &str = "keys issue";
const NO_PROFILE: &str = "the card's profile is not configured";
const PIN_DIGITS: u32 = 4;
const PUK_DIGITS: u32 = 8;

pub(super) const EXAMPLES: &str = "\
Examples:
  svgate keys issue --in cards.csv --out-dir batch-7 --transport-master-file T --service 778 \\
      --currency EUR --texts sim-applet/card/src/main/resources/texts --languages en,de \\
      --who alice --secret-file alice.secret --second bob --second-secret-file bob.secret

cards.csv has the columns iccid,imsi,key_version and, if cards differ, profile. FOLDER/ICCID.apdu has one
APDU a line in hex, 80 E2 …, sealed under the card's transport keys, which INSTALL brought to it: KIc and
KID by SP 800-108 (counter mode, AES-256-CMAC) of the key in T, as cards' other keys are derived, with
labels svgate-mt-kic and svgate-mt-kid and version 0. FOLDER/pins.csv has PIN and PUK for the letters.
All files are their owner's alone. The log of keys has every card and FOLDER before a script is written;
a run that fails leaves FOLDER.part, which may be removed.
Exit status: 0 ok, 2 no such file, 3 refused, 5 the folder exists, 1 failure.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_digits_at_most_and_pins_are_not_obvious() {
        for _ in 0..200 {
            assert!(drawn(1).unwrap() < 10 && drawn(8).unwrap() < 100_000_000);
            let pin = drawn_pin().unwrap();
            assert!(pin.expose_digits().len() == 4 && !pin.is_obvious());
        }
    }

    #[test]
    fn a_pin_policy_is_a_word_or_an_exact_amount() {
        let eur = "EUR".parse().unwrap();
        assert_eq!(pin_policy("always", eur).unwrap(), PinPolicy::Always);
        let above = pin_policy("10.00", eur).unwrap();
        assert_eq!(above, PinPolicy::Above(1_000.try_into().unwrap()));
        assert!(pin_policy("10.0", eur).is_err() && pin_policy("often", eur).is_err());
    }
}
