//! The cards that are to be issued, checked by themselves, against each other and against the books.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use csv::StringRecord;

use crate::auth::iccid::Iccid;
use crate::commands::line_faults::LineFaults;
use crate::commands::site::{Fault, Site};
use crate::domain::card::{imsi, key_version};
use crate::gateway::context::STANDARD_PROFILE;
use crate::gateway::member::CHUNK_MAX;
use crate::gateway::views::Views;

/// One card.
pub(super) struct NewCard {
    pub(super) iccid: Iccid,
    /// As written.
    pub(super) digits: String,
    pub(super) imsi: String,
    pub(super) version: u8,
    pub(super) profile: Arc<str>,
    line: u64,
}

/// Reads all of them; `faults` has what is wrong.
///
/// # Errors
///
/// [`Fault::Usage`] when there is no such file, [`Fault::Refused`] for another header.
pub(super) async fn read<B: Views>(
    path: &Path,
    site: &Site,
    books: &B,
    faults: &mut LineFaults,
) -> Result<Vec<NewCard>, Fault> {
    let name = path.display();
    let file = File::open(path).map_err(|error| Fault::Usage(format!("{name}: {error}")))?;
    let mut reader = csv::Reader::from_reader(BufReader::new(file));
    let unreadable = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        Fault::Refused(format!(
            "{name}:{line}: not a line of as many columns, in UTF-8"
        ))
    };
    let header = reader.headers().map_err(unreadable)?;
    let has_profile = match header.iter().collect::<Vec<_>>().as_slice() {
        ["iccid", "imsi", "key_version"] => false,
        ["iccid", "imsi", "key_version", "profile"] => true,
        _ => return Err(Fault::Refused(HEADER.to_owned())),
    };
    let (mut cards, mut by_value) = (Vec::new(), HashMap::new());
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        if cards.len() >= CARDS_MAX {
            let text =
                format!("{name}: more than {CARDS_MAX} cards: issue them in several folders");
            return Err(Fault::Refused(text));
        }
        let Some(card) = card(&record, has_profile, site, faults) else {
            continue;
        };
        for (column, value) in [("iccid", &card.digits), ("imsi", &card.imsi)] {
            if let Some(first) = by_value.insert((column, value.clone()), card.line) {
                faults.add(card.line, column, format!("the same as in line {first}"));
            }
        }
        cards.push(card);
    }
    for chunk in cards.chunks(CHUNK_MAX) {
        against_books(chunk, books, faults).await?;
    }
    Ok(cards)
}

fn card(
    record: &StringRecord,
    has_profile: bool,
    site: &Site,
    faults: &mut LineFaults,
) -> Option<NewCard> {
    let line = record.position().map_or(0, csv::Position::line);
    let text = |column: usize| record.get(column).unwrap_or_default();
    let mut tell = |column, problem: String| faults.add(line, column, problem);
    let iccid = text(0).parse::<Iccid>();
    let iccid = iccid.map_err(|bad| tell("iccid", bad.to_string()));
    let imsi = imsi(text(1)).map_err(|bad| tell("imsi", bad.to_owned()));
    let version = key_version(text(2)).map_err(|bad| tell("key_version", bad.to_owned()));
    let named = Some(text(3)).filter(|name| has_profile && !name.is_empty());
    let named = named.unwrap_or(STANDARD_PROFILE);
    let mut known = site.context.card_profiles();
    let profile = known.find(|profile| ***profile == *named).cloned();
    if profile.is_none() {
        let problem = "not among the configuration's [[card_profile]]";
        tell("profile", problem.to_owned());
    }
    Some(NewCard {
        iccid: iccid.ok()?,
        digits: text(0).to_owned(),
        imsi: imsi.ok()?.to_owned(),
        version: version.ok()?,
        profile: profile?,
        line,
    })
}

/// A card whose keys were imported would be heard under those, not under the derived ones.
async fn against_books<B: Views>(
    cards: &[NewCard],
    books: &B,
    faults: &mut LineFaults,
) -> Result<(), Fault> {
    let asked = cards
        .iter()
        .map(|card| (card.digits.as_str().into(), card.imsi.as_str().into()));
    let known = books.known_cards(asked.collect()).await?;
    for card in cards {
        let keys = known.iter().filter(|known| *known.iccid == *card.digits);
        let mut versions = keys.filter_map(|known| known.keys).map(|keys| keys.version);
        if versions.any(|version| version == card.version) {
            faults.add(card.line, "key_version", IMPORTED.to_owned());
        }
        let mut others = known.iter().filter(|known| *known.imsi == *card.imsi);
        if others.any(|known| *known.iccid != *card.digits) {
            faults.add(card.line, "imsi", OTHER_CARD.to_owned());
        }
    }
    Ok(())
}

const HEADER: &str = "the first line must be iccid,imsi,key_version, and may go on with ,profile";
const IMPORTED: &str = "keys of this version were imported for this card: it is no new one";
const OTHER_CARD: &str = "the books have another card with this IMSI";
/// Two files a card in one folder, and all in memory.
const CARDS_MAX: usize = 100_000;
