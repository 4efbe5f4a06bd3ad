//! Whether orders can be taken, looked at again and again: binds and disk. The books tell of
//! themselves at each commit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::http::health::{Need, Readiness};
use crate::smpp::link::LinkStats;

/// Keeps `readiness` true to the binds and to the disk of `books`, if they are a file, until it is
/// dropped.
pub(super) async fn watch(
    stats: Vec<Arc<LinkStats>>,
    books: Option<PathBuf>,
    readiness: Readiness,
) {
    let probe = books.as_deref().map(probe_beside);
    if probe.is_none() {
        // The room is on the database's servers: they refuse commits when there is none.
        readiness.met(Need::Disk);
    }
    let mut second = 0_u64;
    let mut roomy = true;
    loop {
        let bound = stats
            .iter()
            .filter(|s| s.bound.load(Ordering::Relaxed))
            .count();
        if bound > 0 {
            readiness.met(Need::Binds);
        } else {
            readiness.lacking(Need::Binds, "no smsc is bound");
        }
        if let Some(probe) = &probe
            && second.is_multiple_of(PROBE_EVERY_S)
        {
            roomy = look_for_room(probe, roomy, &readiness).await;
        }
        second = second.wrapping_add(1);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Writes a file beside the books as large as their log may grow between two looks, and takes it
/// away again: what fails here would fail in a commit.
async fn look_for_room(probe: &Path, was_roomy: bool, readiness: &Readiness) -> bool {
    let written = tokio::fs::write(probe, vec![0_u8; PROBE_OCTETS]).await;
    // What is left of a failed one takes the last room there is.
    let removed = tokio::fs::remove_file(probe).await;
    match written.and(removed) {
        Ok(()) => {
            readiness.met(Need::Disk);
            true
        }
        Err(error) => {
            readiness.lacking(Need::Disk, "there is no room beside the books");
            if was_roomy {
                tracing::warn!(%error, "no room beside the books");
            }
            false
        }
    }
}

fn probe_beside(books: &Path) -> PathBuf {
    let mut name = books.file_name().unwrap_or_default().to_owned();
    name.push("-room");
    books.with_file_name(name)
}

/// Some seconds of a busy gateway's log.
const PROBE_OCTETS: usize = 4 * 1024 * 1024;
const PROBE_EVERY_S: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_without_room_makes_the_gateway_unready_until_there_is_some() {
        let folder = tempfile::tempdir().unwrap();
        let readiness = Readiness::starting();
        let books = folder.path().join("gone").join("books.db");
        assert!(!look_for_room(&probe_beside(&books), true, &readiness).await);
        assert!(
            readiness
                .reasons()
                .iter()
                .any(|r| r.starts_with("disk: there is no room"))
        );
        std::fs::create_dir(folder.path().join("gone")).unwrap();
        assert!(look_for_room(&probe_beside(&books), false, &readiness).await);
        assert!(!readiness.reasons().iter().any(|r| r.starts_with("disk")));
        assert_eq!(
            std::fs::read_dir(books.parent().unwrap()).unwrap().count(),
            0
        );
    }
}
