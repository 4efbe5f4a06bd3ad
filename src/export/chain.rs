//! Where the chain of files ends, kept apart from them: without it, a folder whose last files were
//! taken away would look whole.
//!
//! ```text
//! 12 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 op_demand_0_00000012.csv
//! ```
//! One line: the last file's number, its SHA-256, its name. Keep it where whoever can change the
//! folder can't.

use std::fs;
use std::io;
use std::path::Path;

use crate::export::folder::{at, put_whole};
use crate::export::{ExportError, Sha, WrittenFile};

/// The last file of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub sequence: i64,
    /// Its hash.
    pub sha256: Sha,
    /// Its name.
    pub name: String,
}

impl Head {
    /// The head when `file` is the last.
    #[must_use]
    pub fn of(file: &WrittenFile) -> Self {
        Self {
            sequence: file.sequence,
            sha256: file.sha256,
            name: file.name.clone(),
        }
    }

    /// Reads a head file; none when there is none.
    ///
    /// # Errors
    ///
    /// [`ExportError::BadHead`] for anything that [`Self::move_on`] does not write.
    pub fn read(path: &Path) -> Result<Option<Self>, ExportError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(path)(error)),
        };
        let head = Self::parse(&text).filter(|head| head.line() == text);
        head.map(Some)
            .ok_or_else(|| ExportError::BadHead(path.to_owned()))
    }

    /// Makes this the chain's head. A head that lags behind (the file was lost, or kept elsewhere
    /// and brought back) is moved up; one that is ahead is not touched: then the books were set
    /// back, and would give a second file the same number.
    ///
    /// # Errors
    ///
    /// [`ExportError::OtherHead`] when the head is ahead, or at this number with another hash;
    /// [`ExportError::HeadDiffers`] when it has another hash for the file `before` this one.
    pub fn move_on(&self, path: &Path, before: Option<&Sha>) -> Result<(), ExportError> {
        if self.may_stand(path, before)? {
            put_whole(path, self.line().as_bytes())
        } else {
            Ok(())
        }
    }

    /// Whether [`Self::move_on`] would change the head file: false when this is the head already.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn may_stand(&self, path: &Path, before: Option<&Sha>) -> Result<bool, ExportError> {
        match Self::read(path)? {
            Some(standing) if standing == *self => Ok(false),
            Some(standing) if standing.sequence >= self.sequence => Err(ExportError::OtherHead {
                path: path.to_owned(),
                at: standing.sequence,
                before: self.sequence.saturating_sub(1),
            }),
            // The only witness kept apart: it is not overwritten by books that say otherwise.
            Some(standing)
                if standing.sequence.saturating_add(1) == self.sequence
                    && before.is_some_and(|before| *before != standing.sha256) =>
            {
                Err(ExportError::HeadDiffers {
                    path: path.to_owned(),
                    at: standing.sequence,
                })
            }
            Some(_) | None => Ok(true),
        }
    }

    fn line(&self) -> String {
        let Self {
            sequence,
            sha256,
            name,
        } = self;
        format!("{sequence} {} {name}\n", hex::encode(sha256))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let sequence = words.next()?.parse().ok()?;
        let mut sha256 = Sha::default();
        hex::decode_to_slice(words.next()?, &mut sha256).ok()?;
        let name = words.next()?.to_owned();
        Some(Self {
            sequence,
            sha256,
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(sequence: i64, octet: u8) -> Head {
        Head {
            sequence,
            sha256: [octet; 32],
            name: format!("op_demand_0_{sequence:08}.csv"),
        }
    }

    #[test]
    fn a_head_moves_up_and_never_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        assert_eq!(Head::read(&path).unwrap(), None);
        head(1, 1).move_on(&path, None).unwrap();
        head(1, 1).move_on(&path, None).unwrap();
        head(2, 2).move_on(&path, Some(&[1; 32])).unwrap();
        assert_eq!(Head::read(&path).unwrap(), Some(head(2, 2)));
        for wrong in [head(1, 1), head(2, 3)] {
            let moved = wrong.move_on(&path, Some(&[1; 32]));
            assert!(matches!(moved, Err(ExportError::OtherHead { at: 2, .. })));
        }
        let moved = head(3, 3).move_on(&path, Some(&[7; 32]));
        assert!(matches!(moved, Err(ExportError::HeadDiffers { at: 2, .. })));
        assert_eq!(Head::read(&path).unwrap(), Some(head(2, 2)));
        // One that lags behind can't witness the file before.
        head(5, 5).move_on(&path, Some(&[4; 32])).unwrap();
    }

    #[test]
    fn what_is_not_a_head_is_not_taken_for_an_empty_chain() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head");
        for bad in ["", "1", "1 00 name\n", "1\n"] {
            fs::write(&path, bad).unwrap();
            assert!(
                matches!(Head::read(&path), Err(ExportError::BadHead(_))),
                "{bad:?}"
            );
        }
    }
}
