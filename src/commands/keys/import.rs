//! `svgate keys import`: a card vendor's file of keys, checked whole before anything is stored.
//!
//! ```text
//! file ─► MAC over all of it ─► open every key, check, find repetitions ─► stage in chunks ─► complete
//!           wrong: nothing is read      any fault: nothing is stored       invisible │         valid
//!                                           MAC over what was staged, wrong: discard ◄─┘
//! ```
//! The file is passed over three or four times and never held in memory.

mod against_books;
mod discard;
mod file;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use csv::StringRecord;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::auth::key_wrap::{Sealing, TransportKey};
use crate::auth::named_keys::NamedKeys;
use crate::auth::vendor_file::{FileMacKey, KEY_COLUMNS, Layout, Opener, VendorLine};
use crate::commands::Common;
use crate::commands::keys::operators::Operators;
use crate::commands::keys::sealing::sealed;
use crate::commands::keys::secret_file;
use crate::commands::line_faults::LineFaults;
use crate::commands::repeats::{Seen, Suspects};
use crate::commands::site::{Fault, Site, done, imported};
use crate::gateway::books::Books;
use crate::gateway::imported_keys::{CardKeyImport, KeyFile, KeyImportStep};
use crate::gateway::member::{CHUNK_MAX, Member};
use crate::gateway::views::Views;

use against_books::Chunk;
use file::VendorFile;

/// Arguments of `svgate keys import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The vendor's file
    #[arg(value_name = "F.csv", required_unless_present = "discard")]
    pub file: Option<PathBuf>,
    /// The key that the file's keys are sealed under: 64 hex digits
    #[arg(long, value_name = "FILE", required_unless_present = "discard")]
    pub transport_key_file: Option<PathBuf>,
    /// The key of the MAC over the whole file: 64 hex digits
    #[arg(long, value_name = "FILE", required_unless_present = "discard")]
    pub mac_key_file: Option<PathBuf>,
    /// How the file's keys are sealed
    #[arg(long, value_enum, default_value_t = Sealed::Gcm)]
    pub sealing: Sealed,
    /// Check only
    #[arg(long, conflicts_with = "discard")]
    pub dry_run: bool,
    /// Take an import back that is not complete
    #[arg(long, conflicts_with = "file")]
    pub discard: bool,
    /// Who does it.
    #[command(flatten)]
    pub operators: Operators,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// How the keys of a file are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sealed {
    /// AES-256-GCM, bound to card, column and key version
    Gcm,
    /// AES-256-KWP (RFC 5649), bound by the file's MAC alone
    Kwp,
}

/// Imports a vendor's file, or takes an unfinished import back.
///
/// # Errors
///
/// [`Fault::Usage`] when a file is not there; [`Fault::Refused`] when operators are missing, the MAC is
/// wrong, or any line is, after the first hundred faults were printed and all counted;
/// [`Fault::Conflict`] while another import is not complete.
pub(super) async fn run<B: Books + Views>(
    args: &ImportArgs,
    site: &Site,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let (Some(path), Some(transport), Some(mac)) =
        (&args.file, &args.transport_key_file, &args.mac_key_file)
    else {
        let who = args.operators.prove(OPERATION, &site.config.keys, books);
        return discard::run(who.await?, books, args.common.json, output).await;
    };
    let who = if args.dry_run {
        None
    } else {
        let who = args.operators.prove(OPERATION, &site.config.keys, books);
        Some(who.await?)
    };
    let transport = secret_file::key(transport, "the key of --transport-key-file")?;
    let mac = secret_file::key(mac, "the key of --mac-key-file")?;
    if transport == mac {
        let text = "the transport key and the key of the MAC are one: each has a use of its own";
        return Err(Fault::Refused(text.to_owned()));
    }
    let sealing = match args.sealing {
        Sealed::Gcm => Sealing::Gcm,
        Sealed::Kwp => Sealing::Kwp,
    };
    let opener = Opener {
        transport: TransportKey::new(&transport),
        sealing,
    };
    let file = VendorFile::open(path, FileMacKey::new(&mac))?;
    let layout = file.layout()?;
    let import = Import {
        file,
        layout,
        opener,
        site,
    };
    let mut faults = LineFaults::default();
    let lines = import.check(books, &mut faults).await?;
    if faults.count > 0 {
        return Err(faults.told(path, args.common.json, output)?);
    }
    let added = match who {
        None => None,
        Some(who) => {
            let of = KeyFile {
                file: import.file.mac_hex().into(),
                name: name_of(path).into(),
                who,
                lines,
            };
            Some(import.apply(of, books).await?)
        }
    };
    import.report(lines, added, args.common.json, output)
}

struct Import<'s> {
    file: VendorFile,
    layout: Layout,
    opener: Opener,
    site: &'s Site,
}

impl Import<'_> {
    /// Checks every line and returns how many there are.
    async fn check<B: Views>(&self, books: &B, faults: &mut LineFaults) -> Result<u64, Fault> {
        let (mut lines, mut seen) = (0_u64, Seen::of(KINDS));
        let mut chunk = Chunk::default();
        let mut reader = self.file.lines()?;
        let mut record = StringRecord::new();
        while file::next(&mut reader, &mut record)? {
            lines = lines.saturating_add(1);
            if lines > LINES_MAX {
                let most = format!("more than {LINES_MAX} lines: import them in several files");
                return Err(Fault::Refused(most));
            }
            let number = file::line_of(&record);
            let Some(line) = self.line(&record, number, faults) else {
                continue;
            };
            for_unique(&line, |kind, _, value| seen.add(kind, value));
            chunk.push(&line, number);
            if chunk.len() >= CHUNK_MAX {
                chunk.compare(books, faults).await?;
            }
        }
        chunk.compare(books, faults).await?;
        self.find_repeats(seen, faults)?;
        Ok(lines)
    }

    fn line<'r>(
        &self,
        record: &'r StringRecord,
        number: u64,
        faults: &mut LineFaults,
    ) -> Option<VendorLine<'r>> {
        if record.len() != self.layout.columns {
            let problem = format!("{} columns, not {}", record.len(), self.layout.columns);
            faults.add(number, "line", problem);
            return None;
        }
        let mut tell = |column, problem: &dyn std::fmt::Display| {
            faults.add(number, column, problem.to_string());
        };
        let line = self.opener.open(record, &self.layout, &mut tell)?;
        let mut profiles = self.site.context.card_profiles();
        if let Some(profile) = line.profile
            && !profiles.any(|known| **known == *profile)
        {
            let problem = "not among the configuration's [[card_profile]]".to_owned();
            faults.add(number, "profile", problem);
        }
        Some(line)
    }

    fn find_repeats(&self, seen: Seen, faults: &mut LineFaults) -> Result<(), Fault> {
        let mut suspects = seen.repeated();
        if suspects.is_empty() {
            return Ok(());
        }
        let mut reader = self.file.lines()?;
        let mut record = StringRecord::new();
        while file::next(&mut reader, &mut record)? {
            let number = file::line_of(&record);
            let opened = self.opener.open(&record, &self.layout, &mut |_, _| ());
            if let Some(line) = opened {
                tell_repeats(&line, number, &mut suspects, faults);
            }
        }
        Ok(())
    }

    /// Stages every line and makes them valid; returns how many cards' keys are new, none when this
    /// file was imported before.
    async fn apply<B: Books + Views>(&self, of: KeyFile, books: &B) -> Result<u64, Fault> {
        let (file, who) = (of.file.clone(), of.who.clone());
        let begin = Member::KeyImport(KeyImportStep::Begin(of));
        if !done(books.submit(begin).await?)? {
            return Ok(0);
        }
        let Some(added) = self.stage(&file, books).await? else {
            discard::take_back(who, books).await?;
            return Err(Fault::Refused(CHANGED.to_owned()));
        };
        let complete = KeyImportStep::Complete { file, who };
        done(books.submit(Member::KeyImport(complete)).await?)?;
        Ok(added)
    }

    /// Stages every line; returns how many are new, or nothing when the file is not the one any more
    /// that was checked.
    async fn stage<B: Books>(&self, file: &Arc<str>, books: &B) -> Result<Option<u64>, Fault> {
        let mut added = 0_u64;
        let mut cards = Vec::with_capacity(CHUNK_MAX);
        let mut reader = self.file.lines()?;
        let mut record = StringRecord::new();
        loop {
            let more = match file::next(&mut reader, &mut record) {
                Err(Fault::Refused(_)) => return Ok(None),
                read => read?,
            };
            if more {
                let line = self.opener.open(&record, &self.layout, &mut |_, _| ());
                let Some(line) = line else { return Ok(None) };
                cards.push(to_books(&line, self.site.keys.named())?);
            }
            if cards.len() >= CHUNK_MAX || (!more && !cards.is_empty()) {
                let cards = std::mem::take(&mut cards);
                let file = Arc::clone(file);
                let step = KeyImportStep::Stage { file, cards };
                added = added.saturating_add(staged(books, step).await?);
            }
            if !more {
                break;
            }
        }
        Ok(self.file.is_of(reader).then_some(added))
    }

    fn report(
        &self,
        lines: u64,
        added: Option<u64>,
        as_json: bool,
        output: &mut dyn Write,
    ) -> Result<(), Fault> {
        let transport = hex::encode(self.opener.transport.check_value());
        if as_json {
            let line = json!({
                "lines": lines, "added": added.unwrap_or(0), "dry_run": added.is_none(),
                "mac": self.file.mac_hex(), "transport_check_value": transport,
            });
            writeln!(output, "{line}")?;
        } else if let Some(added) = added {
            writeln!(output, "{lines} lines: {added} added, the others are known")?;
        } else {
            writeln!(output, "{lines} lines checked, nothing applied")?;
        }
        Ok(())
    }
}

/// What became of one chunk: how many rows are new, or were taken away.
async fn staged<B: Books>(books: &B, step: KeyImportStep) -> Result<u64, Fault> {
    let (added, taken) = imported(books.submit(Member::KeyImport(step)).await?)?;
    Ok(added.saturating_add(taken))
}

fn to_books(line: &VendorLine<'_>, named: &NamedKeys) -> Result<CardKeyImport, Fault> {
    let sealed = sealed(&line.keys, line.iccid, line.version, named)
        .map_err(|error| Fault::Failure(error.to_string()))?;
    Ok(CardKeyImport {
        iccid: line.iccid_digits.into(),
        version: line.version,
        imsi: line.imsi.into(),
        profile: line.profile.map(Into::into),
        sealed,
        same_keys: same_keys(line),
    })
}

/// Tells the same keys of a card from others. They are random and have 128 bits at least, so that a
/// hash of them can't be tried.
fn same_keys(line: &VendorLine<'_>) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(b"svgate-same-keys");
    hash.update(line.iccid.ef_octets());
    hash.update([line.version]);
    for key in line.keys.all() {
        let octets = key.expose_octets();
        hash.update([u8::try_from(octets.len()).unwrap_or_default()]);
        hash.update(octets);
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// What stands in no two places of a file: cards, IMSIs, and keys wherever they stand.
fn for_unique(line: &VendorLine<'_>, mut each: impl FnMut(usize, &'static str, &[u8])) {
    each(0, "iccid", line.iccid_digits.as_bytes());
    each(1, "imsi", line.imsi.as_bytes());
    for (key, column) in line.keys.all().into_iter().zip(KEY_COLUMNS) {
        each(KEYS_KIND, column, key.expose_octets());
    }
}

fn tell_repeats(
    line: &VendorLine<'_>,
    number: u64,
    suspects: &mut Suspects,
    faults: &mut LineFaults,
) {
    for_unique(line, |kind, column, value| {
        if let Some(first) = suspects.met(kind, value, number) {
            let problem = if kind == KEYS_KIND {
                format!("the same key stands in line {first}: each key is drawn for one use")
            } else {
                format!("the same as in line {first}")
            };
            faults.add(number, column, problem);
        }
    });
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

const OPERATION: &str = "keys import";
const CHANGED: &str = "the file changed while it was imported: what was stored of it is taken back; import \
                       it again once nobody writes it";
/// Kinds of [`for_unique`].
const KINDS: usize = 3;
const KEYS_KIND: usize = 2;
/// As many as an import of subscribers takes; their hashes take 1 GB.
const LINES_MAX: u64 = 20_000_000;

pub(super) const EXAMPLES: &str = "\
Examples:
  svgate keys import vendor.csv --transport-key-file K --mac-key-file M --who alice --dry-run
  svgate keys import vendor.csv --transport-key-file K --mac-key-file M --who alice \\
      --secret-file alice.secret --second bob --second-secret-file bob.secret
  svgate keys import --discard --who alice --secret-file alice.secret --second bob \\
      --second-secret-file bob.secret

The file is CSV in UTF-8, columns by name in any order: iccid,imsi,key_version,mo_kic,mo_kic_kcv,mo_kid,
mo_kid_kcv,mt_kic,mt_kic_kcv,mt_kid,mt_kid_kcv and, if cards differ, profile. mo_ are the keys of
orders, mt_ those of confirmations. A key is hex of nonce (12 octets), AES-256-GCM of the key (16, 24 or
32) under the transport key, and tag (16); the additional data are the text ICCID,column,key_version as
in the file: 8988211000000000003,mo_kic,1. A kcv is the first 3 octets of AES(key, 16 octets 01), in hex.
The last line is #mac, and the AES-256-CMAC of every octet before it in hex, under the other key.

With --sealing kwp a key is hex of AES-256-KWP (RFC 5649). That has no place for additional data: rows
or columns that the vendor swapped open as well. What is swapped on the way is seen by the MAC alone.

All or nothing: keys count once all are stored, in one commit. Interrupted, run it again, or --discard
it. The same file again changes nothing; other keys of a version that the books have are refused. A line
that subscriber import brings without kic,kid takes the keys of its card and key_version.
Exit status: 0 ok, 2 no such file, 3 refused, 5 another import is open, 1 failure: run it again.";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::auth::aes_key::AesKey;
    use crate::auth::vendor_file::COLUMNS;
    use crate::config::SHIPPED;

    /// An office with a configuration and its secrets.
    fn site(office: &Path) -> Site {
        let master = format!("svgate-master-1 {}\n", "0123456789abcdef".repeat(4));
        let secrets = [
            ("master.key", master.as_str()),
            ("smsc-main.password", "secret08\n"),
        ];
        for (name, text) in secrets {
            fs::write(office.join(name), text).unwrap();
            let alone = fs::Permissions::from_mode(0o600);
            fs::set_permissions(office.join(name), alone).unwrap();
        }
        let config = office.join("svgate.toml");
        fs::write(&config, SHIPPED).unwrap();
        Site::load(&config).unwrap()
    }

    #[test]
    fn a_file_that_changes_behind_its_checks_is_taken_back() {
        let office = tempfile::tempdir().unwrap();
        let (path, secret) = (office.path().join("vendor.csv"), [0xA5; 32]);
        let body = format!("{}\n", COLUMNS.join(","));
        let mac = hex::encode(AesKey::Aes256(secret).cmac(&[body.as_bytes()]));
        let whole = format!("{body}#mac,{mac}\n");
        // As long as before, and right by itself.
        let changed = whole.replace("iccid,imsi", "imsi,iccid");
        let imported = site(office.path()).on_books(async |site, books| {
            let mut ends = Vec::new();
            for then in [&changed, &whole] {
                fs::write(&path, &whole)?;
                let file = VendorFile::open(&path, FileMacKey::new(&secret))?;
                let import = Import {
                    layout: file.layout()?,
                    file,
                    opener: Opener {
                        transport: TransportKey::new(&[0x5A; 32]),
                        sealing: Sealing::Gcm,
                    },
                    site: &site,
                };
                fs::write(&path, then)?;
                let of = KeyFile {
                    file: import.file.mac_hex().into(),
                    name: "vendor.csv".into(),
                    who: "alice".into(),
                    lines: 0,
                };
                let end = import.apply(of, &books).await;
                let begun = books.key_imports(0, 9).await?;
                ends.push((end.map_err(|fault| fault.to_string()), begun.len()));
            }
            Ok(ends)
        });
        let changed = (Err(CHANGED.to_owned()), 0);
        assert_eq!(imported.unwrap(), [changed, (Ok(0), 1)]);
    }
}
