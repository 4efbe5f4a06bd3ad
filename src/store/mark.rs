//! How far the books went, kept outside of them: the only witness that shows a start on books that
//! were restored from a backup, when nobody has said so.
//!
//! ```text
//! svgate-mark-1
//! books 5f1c09a2b7d84e63
//! epoch 0
//! node 0 184467
//! ```
//! One line for each node: its commits so far. It is written at each start, every few seconds while
//! commits are made, and at each orderly end; a backup that is younger than the last writing can't
//! be told from the books themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::domain::Millis;
use crate::gateway::books::StoreError;

/// What is known of the books, in them or outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Which books: random digits; empty in books that were never marked.
    pub identity: String,
    /// Restores from a backup so far.
    pub epoch: u16,
    /// Commits of each node so far.
    pub batches: BTreeMap<u16, i64>,
}

/// Where the books stand, and what a node's mark may say of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What a mark keeps of them.
    pub mark: Mark,
    /// Whether no restore is half declared.
    pub settled: bool,
    /// Whether this node keeps a mark of them.
    pub marked: bool,
    /// The time of the last commit of any node.
    pub committed: Millis,
}

impl Standing {
    /// What `mark`, which stands at `path`, says of the books.
    ///
    /// # Errors
    ///
    /// Why they must not be served.
    pub fn judge(&self, mark: Option<&Mark>, path: &Path) -> Result<Verdict, MarkError> {
        let books = &self.mark;
        if !self.settled {
            return Err(MarkError::Unsettled);
        }
        let Some(mark) = mark else {
            return if self.marked {
                Err(MarkError::Missing(path.to_owned()))
            } else {
                Ok(Verdict::New)
            };
        };
        if mark.identity != books.identity {
            return Err(MarkError::Others(path.to_owned()));
        }
        // Another machine declared a restore: what this mark knows is of the epoch before.
        if books.epoch > mark.epoch {
            return Ok(Verdict::Newest);
        }
        for (node, marked) in &mark.batches {
            let found = books.batches.get(node).copied().unwrap_or_default();
            if books.epoch < mark.epoch || found < *marked {
                return Err(MarkError::Older {
                    mark: path.to_owned(),
                    node: *node,
                    found,
                    epoch: books.epoch,
                    marked: *marked,
                    marked_epoch: mark.epoch,
                });
            }
        }
        Ok(Verdict::Newest)
    }
}

/// Why books are not served as they are.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// They end before the mark.
    #[error(
        "the books are older than {mark} says: they end with commit {found} of node {node} in epoch \
         {epoch}, and the mark is at commit {marked} in epoch {marked_epoch}. {RESTORED}",
        mark = mark.display()
    )]
    Older {
        /// The mark file.
        mark: PathBuf,
        /// The node whose commits are missing.
        node: u16,
        /// Its last commit in the books.
        found: i64,
        /// The epoch of the books.
        epoch: u16,
        /// Its last commit by the mark.
        marked: i64,
        /// The epoch of the mark.
        marked_epoch: u16,
    },
    /// They are not those that were marked.
    #[error(
        "{mark} is the mark of other books: check [store] path or [store.postgres] database. {RESTORED}",
        mark = .0.display()
    )]
    Others(PathBuf),
    /// The mark is gone, so that nobody can tell.
    #[error(
        "{mark} is missing, and with it the proof that these books are the newest: bring it back from \
         this machine's own disk, not from the backup. {RESTORED}",
        mark = .0.display()
    )]
    Missing(PathBuf),
    /// A restore is half declared.
    #[error(
        "svgate store restored was begun and did not finish: run it again, it goes on where it stopped"
    )]
    Unsettled,
    /// The file is none of ours.
    #[error(
        "{mark} is not a mark: bring it back from this machine's own disk. {RESTORED}",
        mark = .0.display()
    )]
    Bad(PathBuf),
    /// The disk.
    #[error("{mark}: {source}", mark = mark.display())]
    Disk {
        /// The mark file.
        mark: PathBuf,
        /// What.
        source: std::io::Error,
    },
    /// The books gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What to do when the books were restored.
const RESTORED: &str = "If they were restored from a backup, end every node and declare it, so that \
                        nothing is paid twice: svgate store restored --reason TEXT";

/// What a mark says of books that are not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This node never marked them: from now on it does.
    New,
    /// They are as far as the mark, or further.
    Newest,
}

impl Mark {
    /// Reads a mark file; none when there is none.
    ///
    /// # Errors
    ///
    /// [`MarkError::Bad`] for anything that [`Self::raise`] does not write, [`MarkError::Disk`].
    pub fn read(path: &Path) -> Result<Option<Self>, MarkError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(disk(path, error)),
        };
        let mark = Self::parse(&text).filter(|mark| mark.text() == text);
        mark.map(Some)
            .ok_or_else(|| MarkError::Bad(path.to_owned()))
    }

    /// Writes the mark, whole or not at all, for the owner alone. One that another process wrote is
    /// never set back.
    ///
    /// # Errors
    ///
    /// As [`Self::read`], and [`MarkError::Others`] when it is of other books.
    pub fn raise(&self, path: &Path) -> Result<(), MarkError> {
        let mut raised = self.clone();
        if let Some(standing) = Self::read(path)? {
            if standing.identity != self.identity {
                return Err(MarkError::Others(path.to_owned()));
            }
            if standing.epoch > self.epoch {
                return Ok(());
            }
            if standing.epoch == self.epoch {
                for (node, batch) in &standing.batches {
                    let mine = raised.batches.entry(*node).or_default();
                    *mine = (*mine).max(*batch);
                }
            }
            if raised == standing {
                return Ok(());
            }
        }
        raised.replace(path)
    }

    /// Puts this mark in the place of whatever stands there.
    ///
    /// # Errors
    ///
    /// [`MarkError::Disk`].
    pub fn replace(&self, path: &Path) -> Result<(), MarkError> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(format!(".{}.tmp", std::process::id()));
        let unfinished = PathBuf::from(unfinished);
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o600);
        let written = opened.open(&unfinished).and_then(|mut file| {
            file.write_all(self.text().as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&unfinished, path)?;
            File::open(folder)?.sync_all()
        });
        written.map_err(|error| disk(path, error))
    }

    fn text(&self) -> String {
        let Self {
            identity,
            epoch,
            batches,
        } = self;
        let mut text = format!("{LAYOUT}\nbooks {identity}\nepoch {epoch}\n");
        for (node, batch) in batches {
            // Writing to a String never fails.
            let _ = writeln!(text, "node {node} {batch}");
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(LAYOUT)?.strip_prefix('\n')?;
        let mut lines = rest.lines();
        let identity = lines.next()?.strip_prefix("books ")?.to_owned();
        let epoch = lines.next()?.strip_prefix("epoch ")?.parse().ok()?;
        let mut batches = BTreeMap::new();
        for line in lines {
            let (node, batch) = line.strip_prefix("node ")?.split_once(' ')?;
            batches.insert(node.parse().ok()?, batch.parse().ok()?);
        }
        Some(Self {
            identity,
            epoch,
            batches,
        })
    }
}

fn disk(path: &Path, source: std::io::Error) -> MarkError {
    MarkError::Disk {
        mark: path.to_owned(),
        source,
    }
}

/// Names this layout and its version.
const LAYOUT: &str = "svgate-mark-1";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mark(epoch: u16, batches: &[(u16, i64)]) -> Mark {
        Mark {
            identity: "5f1c".to_owned(),
            epoch,
            batches: batches.iter().copied().collect(),
        }
    }

    #[test]
    fn a_mark_rises_for_its_owner_alone_and_is_never_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("svgate.mark");
        assert_eq!(Mark::read(&path).unwrap(), None);
        mark(0, &[(0, 7)]).raise(&path).unwrap();
        mark(0, &[(0, 5), (2, 3)]).raise(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Mark::read(&path).unwrap(), Some(mark(0, &[(0, 7), (2, 3)])));
        mark(1, &[(0, 5)]).raise(&path).unwrap();
        mark(0, &[(0, 9)]).raise(&path).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Some(mark(1, &[(0, 5)])));
        let other = Mark {
            identity: "77".to_owned(),
            ..mark(2, &[])
        };
        assert!(matches!(other.raise(&path), Err(MarkError::Others(_))));
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "nothing half written is left");
    }

    #[test]
    fn books_that_are_older_than_their_mark_are_refused_with_a_remedy() {
        let path = Path::new("svgate.mark");
        let books = Standing {
            mark: mark(1, &[(0, 10), (1, 4)]),
            settled: true,
            marked: true,
            committed: Millis(0),
        };
        for newest in [
            mark(1, &[(0, 10), (1, 4)]),
            mark(1, &[]),
            mark(0, &[(0, 99)]),
        ] {
            assert_eq!(books.judge(Some(&newest), path).unwrap(), Verdict::Newest);
        }
        for ahead in [mark(1, &[(0, 11)]), mark(1, &[(5, 1)]), mark(2, &[(0, 1)])] {
            let refused = books.judge(Some(&ahead), path).unwrap_err();
            assert!(matches!(refused, MarkError::Older { .. }));
            assert!(
                refused
                    .to_string()
                    .contains("svgate store restored --reason")
            );
        }
        assert!(matches!(
            books.judge(None, path),
            Err(MarkError::Missing(_))
        ));
        let mut new = Standing {
            mark: Mark::default(),
            marked: false,
            ..books.clone()
        };
        assert_eq!(new.judge(None, path).unwrap(), Verdict::New);
        let others = new.judge(Some(&books.mark), path);
        assert!(matches!(others, Err(MarkError::Others(_))));
        new.mark = books.mark.clone();
        assert_eq!(
            new.judge(None, path).unwrap(),
            Verdict::New,
            "one more node"
        );
        let half = Standing {
            settled: false,
            ..books.clone()
        };
        let half = half.judge(Some(&books.mark), path);
        assert!(matches!(half, Err(MarkError::Unsettled)));
    }

    #[test]
    fn what_is_no_mark_is_not_taken_for_one_that_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("svgate.mark");
        let good = mark(3, &[(0, 12)]).text();
        for bad in [
            String::new(),
            good.replace("node 0", "node x"),
            good.replace("-1", "-2"),
            good.replace("epoch 3", "epoch 03"),
            format!("{good}node 0 1\n"),
        ] {
            std::fs::write(&path, &bad).unwrap();
            assert!(matches!(Mark::read(&path), Err(MarkError::Bad(_))), "{bad}");
        }
    }
}
