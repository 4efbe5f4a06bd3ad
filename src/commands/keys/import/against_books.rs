//! Lines of a vendor's file against what the books know of their cards.

use std::collections::HashMap;
use std::sync::Arc;

use crate::auth::vendor_file::VendorLine;
use crate::commands::keys::import::same_keys;
use crate::commands::line_faults::LineFaults;
use crate::commands::site::Fault;
use crate::gateway::views::{KnownCard, Views};

/// Lines that were not compared yet.
#[derive(Default)]
pub(super) struct Chunk(Vec<Compared>);

struct Compared {
    number: u64,
    iccid: Arc<str>,
    imsi: Arc<str>,
    version: u8,
    same_keys: [u8; 16],
}

impl Chunk {
    /// Adds a line.
    pub(super) fn push(&mut self, line: &VendorLine<'_>, number: u64) {
        self.0.push(Compared {
            number,
            iccid: line.iccid_digits.into(),
            imsi: line.imsi.into(),
            version: line.version,
            same_keys: same_keys(line),
        });
    }

    /// How many lines there are.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Compares them, and is empty again.
    ///
    /// # Errors
    ///
    /// When the books fail.
    pub(super) async fn compare<B: Views>(
        &mut self,
        books: &B,
        faults: &mut LineFaults,
    ) -> Result<(), Fault> {
        if self.0.is_empty() {
            return Ok(());
        }
        let asked = self.0.iter();
        let asked = asked.map(|line| (Arc::clone(&line.iccid), Arc::clone(&line.imsi)));
        let known = books.known_cards(asked.collect()).await?;
        let mut by_iccid: HashMap<&str, Vec<&KnownCard>> = HashMap::new();
        let mut by_imsi: HashMap<&str, Vec<&KnownCard>> = HashMap::new();
        for card in &known {
            by_iccid.entry(&card.iccid).or_default().push(card);
            by_imsi.entry(&card.imsi).or_default().push(card);
        }
        for line in &self.0 {
            let of_card = by_iccid.get(&*line.iccid).into_iter().flatten();
            if of_card.clone().any(|card| card.imsi != line.imsi) {
                faults.add(line.number, "imsi", OTHER_IMSI.to_owned());
            }
            let keys = of_card.filter_map(|card| card.keys);
            let mut same_version = keys.filter(|keys| keys.version == line.version);
            if same_version.any(|keys| keys.same_keys != line.same_keys) {
                faults.add(line.number, "key_version", OTHER_KEYS.to_owned());
            }
            // A line of a subscriber may have an IMSI that its former card had.
            let of_imsi = by_imsi.get(&*line.imsi).into_iter().flatten();
            let mut others = of_imsi.filter(|card| card.keys.is_some());
            if others.any(|card| card.iccid != line.iccid) {
                faults.add(line.number, "imsi", OTHER_CARD.to_owned());
            }
        }
        self.0.clear();
        Ok(())
    }
}

const OTHER_IMSI: &str = "the books have another IMSI for this card";
const OTHER_CARD: &str = "the books have keys of another card with this IMSI";
const OTHER_KEYS: &str = "the books have other keys of this card and version: keys never change, a \
                          card gets others by a new version";
