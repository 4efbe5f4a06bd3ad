//! Takes an import back that is not complete: its rows in chunks, then the import itself. From the first
//! chunk on nobody can complete it.

use std::io::Write;
use std::sync::Arc;

use serde_json::json;

use crate::commands::keys::import::staged;
use crate::commands::site::{Fault, PAGE, done};
use crate::gateway::books::Books;
use crate::gateway::imported_keys::{KeyImport, KeyImportStep};
use crate::gateway::member::Member;
use crate::gateway::views::Views;

/// Discards the open import for `who`.
///
/// # Errors
///
/// [`Fault::NotFound`] when every import is complete.
pub(super) async fn run<B: Books + Views>(
    who: Arc<str>,
    books: &B,
    as_json: bool,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let (name, removed) = take_back(who, books).await?;
    if as_json {
        writeln!(
            output,
            "{}",
            json!({ "discarded": *name, "removed": removed })
        )?;
    } else {
        writeln!(
            output,
            "the import of {name} is taken back: {removed} cards"
        )?;
    }
    Ok(())
}

/// Takes the open import back, of which there is one at most: what its file is called, and how many
/// rows it had.
///
/// # Errors
///
/// As [`run`].
pub(super) async fn take_back<B: Books + Views>(
    who: Arc<str>,
    books: &B,
) -> Result<(Arc<str>, u64), Fault> {
    let (number, import) = open(books).await?;
    let (file, name) = (import.of.file, import.of.name);
    let (mut removed, mut last): (u64, Arc<str>) = (0, "".into());
    loop {
        let cards = books.cards_of_import(number, last, PAGE).await?;
        let Some((iccid, _)) = cards.last() else {
            break;
        };
        last = Arc::clone(iccid);
        let file = Arc::clone(&file);
        let step = KeyImportStep::Unstage { file, cards };
        removed = removed.saturating_add(staged(books, step).await?);
    }
    let discard = KeyImportStep::Discard { file, who };
    done(books.submit(Member::KeyImport(discard)).await?)?;
    Ok((name, removed))
}

async fn open<B: Views>(books: &B) -> Result<(i64, KeyImport), Fault> {
    let mut after = 0;
    loop {
        let imports = books.key_imports(after, PAGE).await?;
        let Some((last, _)) = imports.last() else {
            return Err(Fault::NotFound("every import of keys is complete".into()));
        };
        after = *last;
        let mut imports = imports.into_iter();
        if let Some(open) = imports.find(|(_, import)| import.completed.is_none()) {
            return Ok(open);
        }
    }
}
