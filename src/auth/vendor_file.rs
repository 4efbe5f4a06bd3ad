//! A card vendor's file of keys: CSV, each key sealed by itself, and a MAC over the whole.
//!
//! ```text
//! iccid,imsi,key_version,mo_kic,mo_kic_kcv,mo_kid,mo_kid_kcv,mt_kic,mt_kic_kcv,mt_kid,mt_kid_kcv
//! 8988211000000000003,240010000000001,1,5e0c…,b0072a,…
//! #mac,3f9c…32 hex digits: AES-256-CMAC over every octet before this line
//! ```
//! Columns are known by their names and come in any order; `profile` may be among them. A key is hex
//! of what [`key_wrap`](super::key_wrap) opens, and its place, the additional data of AES-GCM, is the
//! text `ICCID,column,key_version` as the file has it (`8988211000000000003,mo_kic,1`). A check value
//! has six hex digits. Lines end in LF or CR LF; nothing is quoted or follows the last line.

use aes::Aes256Enc;
use aes::cipher::KeyInit as _;
use cmac::{Cmac, Mac as _};
use csv::StringRecord;
use subtle::ConstantTimeEq as _;

use super::aes_key::AesKey;
use super::iccid::Iccid;
use super::key_wrap::{Sealing, TransportKey, check_value, is_weak};
use super::sim_keys::SimKeys;
use crate::domain::card::{imsi, key_version};

/// Where each column of a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    at: [usize; COLUMNS.len()],
    profile: Option<usize>,
    /// How many columns there are.
    pub columns: usize,
}

impl Layout {
    /// What a header says.
    ///
    /// # Errors
    ///
    /// [`BadHeader`] names the column that is unknown, missing or there twice.
    pub fn of(header: &StringRecord) -> Result<Self, BadHeader> {
        for (place, name) in header.iter().enumerate() {
            if !COLUMNS.contains(&name) && name != PROFILE {
                return Err(BadHeader::Unknown(name.chars().take(NAME_MAX).collect()));
            }
            if header.iter().take(place).any(|before| before == name) {
                return Err(BadHeader::Twice(name.to_owned()));
            }
        }
        let find = |name: &str| header.iter().position(|column| column == name);
        let mut at = [0; COLUMNS.len()];
        for (place, name) in at.iter_mut().zip(COLUMNS) {
            *place = find(name).ok_or(BadHeader::Missing(name))?;
        }
        Ok(Self {
            at,
            profile: find(PROFILE),
            columns: header.len(),
        })
    }

    fn text<'r>(&self, record: &'r StringRecord, column: usize) -> &'r str {
        let place = self.at.get(column).copied();
        place
            .and_then(|place| record.get(place))
            .unwrap_or_default()
    }
}

/// Why the first line is not that of a vendor's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// A column of another name.
    #[error("column {0:?} is unknown; the columns are {names}, and profile if you like", names = COLUMNS.join(","))]
    Unknown(String),
    /// A column that must be there.
    #[error("column {0} is missing")]
    Missing(&'static str),
    /// One name for two columns.
    #[error("column {0} is there twice")]
    Twice(String),
}

/// The keys of one card and version, each way.
pub struct CardKeys {
    /// Of orders.
    pub orders: SimKeys,
    /// Of confirmations.
    pub confirmations: SimKeys,
}

impl CardKeys {
    /// The four keys in the order of [`KEY_COLUMNS`].
    #[must_use]
    pub const fn all(&self) -> [&AesKey; 4] {
        let (mo, mt) = (&self.orders, &self.confirmations);
        [&mo.kic, &mo.kid, &mt.kic, &mt.kid]
    }
}

/// A line whose keys were opened and are right by themselves.
pub struct VendorLine<'r> {
    /// The card.
    pub iccid: Iccid,
    /// The card as written.
    pub iccid_digits: &'r str,
    /// The card's IMSI.
    pub imsi: &'r str,
    /// The version of the keys.
    pub version: u8,
    /// The card's profile, if the file names one.
    pub profile: Option<&'r str>,
    /// The keys.
    pub keys: CardKeys,
}

/// Opens the lines of one file.
pub struct Opener {
    /// The key that both sides hold.
    pub transport: TransportKey,
    /// How the file's keys are sealed.
    pub sealing: Sealing,
}

impl Opener {
    /// Opens and checks one line, which has the columns of `layout`. `tell` hears of each column that
    /// is wrong, with what to do about it, and never of what stands in it.
    pub fn open<'r>(
        &self,
        record: &'r StringRecord,
        layout: &Layout,
        tell: &mut dyn FnMut(&'static str, &dyn std::fmt::Display),
    ) -> Option<VendorLine<'r>> {
        let (digits, imsi_text) = (layout.text(record, 0), layout.text(record, 1));
        let iccid = digits.parse::<Iccid>().map_err(|bad| tell("iccid", &bad));
        let imsi = imsi(imsi_text).map_err(|bad| tell("imsi", &bad));
        let version_text = layout.text(record, 2);
        let version = key_version(version_text).map_err(|bad| tell("key_version", &bad));
        let mut keys = KEY_COLUMNS
            .into_iter()
            .zip([(3, 4), (5, 6), (7, 8), (9, 10)])
            .map(|(column, (at, value_at))| {
                let place = format!("{digits},{column},{version_text}");
                let (sealed, value) = (layout.text(record, at), layout.text(record, value_at));
                self.key(sealed, value, &place)
                    .map_err(|bad| tell(column, &bad))
                    .ok()
            });
        let mut next = || keys.next().flatten();
        let (mo_kic, mo_kid, mt_kic, mt_kid) = (next(), next(), next(), next());
        let pair = |kic, kid| SimKeys { kic, kid };
        let keys = CardKeys {
            orders: pair(mo_kic?, mo_kid?),
            confirmations: pair(mt_kic?, mt_kid?),
        };
        let profile = layout.profile.and_then(|place| record.get(place));
        Some(VendorLine {
            iccid: iccid.ok()?,
            iccid_digits: digits,
            imsi: imsi.ok()?,
            version: version.ok()?,
            profile: profile.filter(|name| !name.is_empty()),
            keys,
        })
    }

    fn key(&self, sealed: &str, value: &str, place: &str) -> Result<AesKey, &'static str> {
        // In place: a file has four a card, each read twice.
        let mut octets = [0; SEALED_OCTETS_MAX];
        let octets = octets.get_mut(..sealed.len() / 2).ok_or(TOO_LONG)?;
        hex::decode_to_slice(sealed, octets).map_err(|_| NOT_HEX)?;
        let opened = self.transport.open(self.sealing, octets, place);
        let key = opened.map_err(|_| match self.sealing {
            Sealing::Gcm => NOT_OPENED,
            Sealing::Kwp => NOT_UNWRAPPED,
        })?;
        let mut right = [0; 3];
        hex::decode_to_slice(value, &mut right).map_err(|_| VALUE_NOT_HEX)?;
        if check_value(&key) != right {
            return Err(WRONG_VALUE);
        }
        if is_weak(&key) {
            return Err(WEAK);
        }
        Ok(key)
    }
}

/// The key of the MAC over whole files; wiped when dropped.
pub struct FileMacKey(Cmac<Aes256Enc>);

impl FileMacKey {
    /// The key of these octets, which the caller wipes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(Cmac::new(secret.into()))
    }

    /// A MAC of nothing yet.
    #[must_use]
    pub fn begin(&self) -> FileMac {
        FileMac(self.0.clone())
    }
}

/// The MAC of as much of a file as was read.
pub struct FileMac(Cmac<Aes256Enc>);

impl FileMac {
    /// Takes the next octets in.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// Whether the file's last line says this MAC; the MAC itself, if it does.
    #[must_use]
    pub fn is_told_by(self, trailer: &[u8]) -> Option<[u8; 16]> {
        let told = trailer.trim_ascii_end().strip_prefix(TRAILER)?;
        let mut right = [0; 16];
        hex::decode_to_slice(told, &mut right).ok()?;
        let mac: [u8; 16] = self.0.finalize().into_bytes().into();
        bool::from(mac.ct_eq(&right)).then_some(mac)
    }
}

/// What the last line begins with.
pub const TRAILER: &[u8] = b"#mac,";
/// The columns of keys.
pub const KEY_COLUMNS: [&str; 4] = ["mo_kic", "mo_kid", "mt_kic", "mt_kid"];
/// The columns of every file.
pub const COLUMNS: [&str; 11] = [
    "iccid",
    "imsi",
    "key_version",
    "mo_kic",
    "mo_kic_kcv",
    "mo_kid",
    "mo_kid_kcv",
    "mt_kic",
    "mt_kic_kcv",
    "mt_kid",
    "mt_kid_kcv",
];
const PROFILE: &str = "profile";
/// More of a column's name than a person needs to find it.
const NAME_MAX: usize = 32;

/// Nonce, a key of 32 octets, tag.
const SEALED_OCTETS_MAX: usize = 12 + 32 + 16;
const TOO_LONG: &str = "a sealed key has 120 hex digits at most";
const NOT_HEX: &str = "a sealed key is hex digits";
const NOT_OPENED: &str = "does not open: it is damaged, was sealed under another transport key, or \
                          for another card, column or key version (are rows or columns swapped?)";
const NOT_UNWRAPPED: &str =
    "does not open: it is damaged, or was wrapped under another transport key";
const VALUE_NOT_HEX: &str = "its check value has not six hex digits";
const WRONG_VALUE: &str = "its check value is another key's: ask the vendor for the right one";
const WEAK: &str = "is a weak key (equal octets, a sequence or a repeated pattern): nobody drew it at \
                    random, ask the vendor for new cards";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(seed: u8) -> [u8; 32] {
        std::array::from_fn(|i| u8::try_from(i * i % 251).unwrap() ^ seed)
    }

    fn opener() -> Opener {
        Opener {
            transport: TransportKey::new(&secret(1)),
            sealing: Sealing::Gcm,
        }
    }

    fn key(column: &str) -> AesKey {
        let cmac = AesKey::Aes128([5; 16]).cmac(&[column.as_bytes()]);
        AesKey::Aes128(cmac)
    }

    /// A right line, by column.
    fn line() -> Vec<(String, String)> {
        let transport = TransportKey::new(&secret(1));
        let (iccid, version) = ("8988211000000000003", "2");
        let mut line = vec![
            ("iccid".to_owned(), iccid.to_owned()),
            ("imsi".to_owned(), "240010000000001".to_owned()),
            ("key_version".to_owned(), version.to_owned()),
        ];
        for column in KEY_COLUMNS {
            let place = format!("{iccid},{column},{version}");
            let sealed = transport.seal(&key(column), &place, [3; 12]).unwrap();
            line.push((column.to_owned(), hex::encode(sealed)));
            let value = hex::encode(check_value(&key(column)));
            line.push((format!("{column}_kcv"), value));
        }
        line
    }

    fn records(line: &[(String, String)]) -> (StringRecord, StringRecord) {
        let header = line.iter().map(|(name, _)| name).collect();
        (header, line.iter().map(|(_, text)| text).collect())
    }

    /// What is told of a line.
    fn told(line: &[(String, String)]) -> Vec<(&'static str, String)> {
        let (header, record) = records(line);
        let layout = Layout::of(&header).unwrap();
        let mut told = Vec::new();
        let opened = opener().open(&record, &layout, &mut |column, problem| {
            told.push((column, problem.to_string()));
        });
        assert_eq!(opened.is_none(), !told.is_empty());
        told
    }

    #[test]
    fn columns_are_known_by_name_in_any_order() {
        let mut line = line();
        line.push(("profile".to_owned(), "four".to_owned()));
        for _ in 0..line.len() {
            line.rotate_left(1);
            let (header, record) = records(&line);
            let layout = Layout::of(&header).unwrap();
            let opened = opener().open(&record, &layout, &mut |_, _| ()).unwrap();
            assert_eq!((opened.version, opened.profile), (2, Some("four")));
            for (opened, column) in opened.keys.all().into_iter().zip(KEY_COLUMNS) {
                assert_eq!(opened.expose_octets(), key(column).expose_octets());
            }
        }
    }

    #[test]
    fn a_header_with_a_column_too_many_too_few_or_twice_is_refused_by_name() {
        let header = |change: &dyn Fn(&mut Vec<&str>)| {
            let mut columns = COLUMNS.to_vec();
            change(&mut columns);
            Layout::of(&columns.into_iter().collect()).map_err(|bad| bad.to_string())
        };
        assert!(header(&|_| ()).is_ok());
        let unknown = header(&|columns| columns.push("ki")).unwrap_err();
        assert!(unknown.contains("\"ki\" is unknown") && unknown.contains("mt_kid_kcv"));
        let missing = header(&|columns| columns.retain(|name| *name != "mo_kic_kcv")).unwrap_err();
        assert_eq!(missing, "column mo_kic_kcv is missing");
        let twice = header(&|columns| columns.push("imsi")).unwrap_err();
        assert_eq!(twice, "column imsi is there twice");
    }

    #[test]
    fn each_wrong_column_is_told_with_what_is_wrong_and_never_quoted() {
        let with = |column: &str, text: &str| {
            let mut line = line();
            let cell = line.iter_mut().find(|(name, _)| name == column).unwrap();
            text.clone_into(&mut cell.1);
            line
        };
        assert_eq!(told(&line()), []);
        // The Luhn digit; and under another card no key opens.
        let other_card = told(&with("iccid", "8988211000000000004"));
        assert!(other_card[0].0 == "iccid" && other_card[0].1.contains("Luhn"));
        assert_eq!(other_card.len(), 5);
        assert_eq!(told(&with("imsi", "12x"))[0].0, "imsi");
        for version in ["0", "256", "", "two", "+2"] {
            assert_eq!(told(&with("key_version", version))[0].0, "key_version");
        }
        assert_eq!(
            told(&with("mt_kid", "5ec2e7z")),
            [("mt_kid", NOT_HEX.to_owned())]
        );
        let long = "5e".repeat(61);
        assert_eq!(
            told(&with("mt_kid", &long)),
            [("mt_kid", TOO_LONG.to_owned())]
        );
        assert_eq!(
            told(&with("mt_kid", "5ec2e7")),
            [("mt_kid", NOT_OPENED.to_owned())]
        );
        assert_eq!(
            told(&with("mo_kic_kcv", "b0072a")),
            [("mo_kic", WRONG_VALUE.to_owned())]
        );
        assert_eq!(
            told(&with("mo_kic_kcv", "b0072")),
            [("mo_kic", VALUE_NOT_HEX.to_owned())]
        );
        // Columns that changed places.
        let (mut swapped, right) = (line(), line());
        swapped[3].1.clone_from(&right[5].1);
        swapped[5].1.clone_from(&right[3].1);
        assert_eq!(
            told(&swapped),
            [
                ("mo_kic", NOT_OPENED.to_owned()),
                ("mo_kid", NOT_OPENED.to_owned())
            ]
        );
    }

    #[test]
    fn a_weak_key_is_refused_though_it_opens() {
        let weak = AesKey::Aes128([0x11; 16]);
        let transport = TransportKey::new(&secret(1));
        let place = "8988211000000000003,mo_kic,2";
        let mut line = line();
        line[3].1 = hex::encode(transport.seal(&weak, place, [4; 12]).unwrap());
        line[4].1 = hex::encode(check_value(&weak));
        assert_eq!(told(&line), [("mo_kic", WEAK.to_owned())]);
    }

    #[test]
    fn a_file_is_what_its_last_line_says_whatever_pieces_it_was_read_in() {
        let key = FileMacKey::new(&secret(2));
        let body = b"iccid,imsi\n1,2\n";
        let mac = AesKey::Aes256(secret(2)).cmac(&[body]);
        let trailer = format!("#mac,{}\r\n", hex::encode(mac));
        for cut in 0..=body.len() {
            let mut file = key.begin();
            file.update(&body[..cut]);
            file.update(&body[cut..]);
            assert_eq!(file.is_told_by(trailer.as_bytes()), Some(mac));
        }
        let told = |body: &[u8], trailer: &str| {
            let mut file = key.begin();
            file.update(body);
            file.is_told_by(trailer.as_bytes())
        };
        assert!(told(b"iccid,imsi\n2,1\n", &trailer).is_none());
        for bad in ["", "#mac,", "#mac,00", &trailer[1..], &trailer[..30]] {
            assert!(told(body, bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_opens_that_nobody_sealed(cells in proptest::collection::vec(".{0,40}", 0..14)) {
            let layout = Layout::of(&COLUMNS.into_iter().collect()).unwrap();
            let record: StringRecord = cells.iter().collect();
            prop_assert!(opener().open(&record, &layout, &mut |_, _| ()).is_none());
        }
    }
}
