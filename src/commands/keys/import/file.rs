//! A vendor's file on the disk: its MAC first, then its lines as often as they are wanted, each time
//! with the MAC of what was read: the file may be another one by then.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Take};
use std::path::Path;

use csv::StringRecord;

use crate::auth::vendor_file::{FileMac, FileMacKey, Layout, TRAILER};
use crate::commands::site::Fault;

/// A file whose MAC was right.
pub(super) struct VendorFile {
    file: File,
    /// Octets before the line of the MAC.
    body_octets: u64,
    key: FileMacKey,
    trailer: Vec<u8>,
    mac: [u8; 16],
}

/// The lines of a file.
pub(super) type Lines<'f> = csv::Reader<BufReader<Body<'f>>>;

/// The octets before the line of the MAC, and the MAC of those that were read.
pub(super) struct Body<'f> {
    octets: Take<&'f File>,
    mac: FileMac,
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.octets.read(buffer)?;
        self.mac.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl VendorFile {
    /// Opens the file and holds it against its last line.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] when there is no such file, [`Fault::Refused`] when the MAC is missing or wrong.
    pub(super) fn open(path: &Path, key: FileMacKey) -> Result<Self, Fault> {
        let name = path.display();
        let mut file =
            File::open(path).map_err(|error| Fault::Usage(format!("{name}: {error}")))?;
        let (body_octets, trailer) = last_line(&mut file)?;
        if !trailer.starts_with(TRAILER) {
            return Err(Fault::Refused(format!(
                "{name}: its last line is not that of a MAC (#mac,…): is the file cut off?"
            )));
        }
        let mut body = body(&file, body_octets, &key)?;
        let mut buffer = vec![0; BUFFER_OCTETS];
        while body.read(&mut buffer)? > 0 {}
        let mac = body.mac.is_told_by(&trailer).ok_or_else(|| {
            Fault::Refused(format!(
                "{name}: the MAC of its last line is not that of the file: it was changed on its \
                 way, or --mac-key-file is another; nothing of it was read, ask for it again"
            ))
        })?;
        Ok(Self {
            file,
            body_octets,
            key,
            trailer,
            mac,
        })
    }

    /// The MAC in hex: what the file is known by.
    pub(super) fn mac_hex(&self) -> String {
        hex::encode(self.mac)
    }

    /// What the header says.
    ///
    /// # Errors
    ///
    /// [`Fault::Refused`] names the column that is wrong.
    pub(super) fn layout(&self) -> Result<Layout, Fault> {
        let mut reader = self.reader()?;
        let header = reader.headers().map_err(|error| unreadable(&error))?;
        Layout::of(header).map_err(|bad| Fault::Refused(format!("line 1: {bad}")))
    }

    /// The lines behind the header, which was looked at before.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub(super) fn lines(&self) -> Result<Lines<'_>, Fault> {
        let mut reader = self.reader()?;
        reader.headers().map_err(|error| unreadable(&error))?;
        Ok(reader)
    }

    /// Whether `lines`, read to their end, are those whose MAC was right at first.
    pub(super) fn is_of(&self, lines: Lines<'_>) -> bool {
        let read = lines.into_inner().into_inner().mac;
        read.is_told_by(&self.trailer).is_some()
    }

    fn reader(&self) -> Result<Lines<'_>, Fault> {
        let body = body(&self.file, self.body_octets, &self.key)?;
        let body = BufReader::with_capacity(BUFFER_OCTETS, body);
        // A line of another length is told as such, not as the end of the import.
        Ok(csv::ReaderBuilder::new()
            .flexible(true)
            .quoting(false)
            .from_reader(body))
    }
}

fn body<'f>(mut file: &'f File, octets: u64, key: &FileMacKey) -> io::Result<Body<'f>> {
    file.rewind()?;
    Ok(Body {
        octets: file.take(octets),
        mac: key.begin(),
    })
}

/// Reads the next line.
///
/// # Errors
///
/// [`Fault::Refused`] for one that is no text.
pub(super) fn next(reader: &mut Lines<'_>, record: &mut StringRecord) -> Result<bool, Fault> {
    reader
        .read_record(record)
        .map_err(|error| unreadable(&error))
}

/// The number of a line.
pub(super) fn line_of(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

/// Where the last line begins, and the line; nothing of more than [`TRAILER_MAX`] octets is one.
fn last_line(file: &mut File) -> Result<(u64, Vec<u8>), Fault> {
    let octets = file.seek(SeekFrom::End(0))?;
    let from = octets.saturating_sub(TRAILER_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(TRAILER_MAX).read_to_end(&mut end)?;
    let text = end.trim_ascii_end();
    let begins = text.iter().rposition(|octet| *octet == b'\n');
    let begins = begins.map_or(0, |at| at.saturating_add(1));
    let before = u64::try_from(begins).unwrap_or(u64::MAX);
    let line = end.get(begins..).unwrap_or_default();
    Ok((from.saturating_add(before), line.to_vec()))
}

/// A line that is no text can't be told column by column; its octets are not repeated.
fn unreadable(error: &csv::Error) -> Fault {
    let line = error.position().map_or(1, csv::Position::line);
    if let csv::ErrorKind::Io(error) = error.kind() {
        return Fault::Failure(error.to_string());
    }
    Fault::Refused(format!("line {line} is not CSV in UTF-8"))
}

const BUFFER_OCTETS: usize = 1 << 18;
/// The line of the MAC has 37 octets and its end.
const TRAILER_MAX: u64 = 64;
