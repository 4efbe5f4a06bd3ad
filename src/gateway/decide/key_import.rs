//! Imports of cards' keys: begun, staged, and valid by one commit.

use std::sync::Arc;

use crate::gateway::imported_keys::{
    CardKeyImport, CardKeyRow, CardVersion, KeyFile, KeyImport, KeyImportStep,
};
use crate::gateway::member::{Denied, Outcome};
use crate::gateway::world::{KeyEvent, World};

/// One step. Said again it changes nothing.
pub(super) fn step(world: &mut World, step: KeyImportStep) -> Outcome {
    match step {
        KeyImportStep::Begin(file) => begin(world, file),
        KeyImportStep::Stage { file, cards } => stage(world, &file, cards),
        KeyImportStep::Complete { file, who } => complete(world, &file, who),
        KeyImportStep::Unstage { file, cards } => unstage(world, &file, &cards),
        KeyImportStep::Discard { file, who } => discard(world, &file, who),
    }
}

fn begin(world: &mut World, file: KeyFile) -> Outcome {
    if let Some((_, known)) = find(world, &file.file) {
        return match known {
            KeyImport {
                completed: Some(_), ..
            } => Outcome::AlreadyDone,
            KeyImport {
                discarding: Some(_),
                ..
            } => Outcome::Refused(being_discarded(&known)),
            KeyImport { .. } => Outcome::Done,
        };
    }
    let mut imports = world.key_imports.iter().map(|(_, import)| import);
    let open = imports.find(|import| import.completed.is_none()).cloned();
    drop(imports);
    if let Some(open) = open {
        return Outcome::Refused(Denied::Conflict(format!(
            "the import of {} that {} began is not complete: run it again, or take it back with \
             --discard",
            open.of.name, open.of.who
        )));
    }
    let number = world.next_id();
    let detail = format!("{} cards, MAC {}", file.lines, file.file);
    tell(world, &file.who, "import_begun", &file.name, detail);
    let import = KeyImport {
        of: file,
        begun: world.now,
        completed: None,
        discarding: None,
    };
    world.key_imports.insert(number, import);
    Outcome::Done
}

fn stage(world: &mut World, file: &Arc<str>, cards: Vec<CardKeyImport>) -> Outcome {
    let number = match staging(world, file) {
        Ok((number, _)) => number,
        Err(denied) => return Outcome::Refused(denied),
    };
    let known = |world: &World, card: &CardKeyImport| {
        let key = (Arc::clone(&card.iccid), card.version);
        world.card_keys.get(&key).cloned()
    };
    // Rows of no import that there is were left by one that was given up: they are replaced.
    let stands = |row: &CardKeyRow| row.valid || row.import == number;
    let differs = |card: &&CardKeyImport| {
        let row = known(world, card).filter(stands);
        row.is_some_and(|row| row.keys.same_keys != card.same_keys)
    };
    if let Some(card) = cards.iter().find(differs) {
        return Outcome::Refused(Denied::Conflict(format!(
            "card {} has other keys of version {} by now: run the import again",
            card.iccid, card.version
        )));
    }
    let mut added = 0_u64;
    for card in cards {
        if !known(world, &card).is_some_and(|row| stands(&row)) {
            added = added.saturating_add(1);
            let key = (Arc::clone(&card.iccid), card.version);
            let row = CardKeyRow {
                keys: card,
                import: number,
                valid: false,
            };
            world.card_keys.insert(key, row);
        }
    }
    Outcome::Imported { added, changed: 0 }
}

fn complete(world: &mut World, file: &Arc<str>, who: Arc<str>) -> Outcome {
    let (number, import) = match staging(world, file) {
        Ok(found) => found,
        // An answer that was lost.
        Err(_) if is_complete(world, file) => return Outcome::AlreadyDone,
        Err(denied) => return Outcome::Refused(denied),
    };
    let detail = format!("{} cards, MAC {file}", import.of.lines);
    tell(world, &who, "import_completed", &import.of.name, detail);
    if let Some(import) = world.key_imports.change(&number) {
        import.completed = Some(world.now);
    }
    Outcome::Done
}

fn unstage(world: &mut World, file: &Arc<str>, cards: &[CardVersion]) -> Outcome {
    let number = match open(world, file) {
        Ok((number, _)) => number,
        Err(denied) => return Outcome::Refused(denied),
    };
    if let Some(import) = world.key_imports.change(&number) {
        import.discarding.get_or_insert(world.now);
    }
    let mut changed = 0_u64;
    for key in cards {
        let own = world
            .card_keys
            .get(key)
            .is_some_and(|row| row.import == number);
        if own {
            world.card_keys.remove(key);
            changed = changed.saturating_add(1);
        }
    }
    Outcome::Imported { added: 0, changed }
}

fn discard(world: &mut World, file: &Arc<str>, who: Arc<str>) -> Outcome {
    let (number, import) = match open(world, file) {
        Ok(found) => found,
        Err(denied) => return Outcome::Refused(denied),
    };
    let detail = format!("MAC {file}");
    tell(world, &who, "import_discarded", &import.of.name, detail);
    world.key_imports.remove(&number);
    Outcome::Done
}

/// The open import of a file whose rows are not being taken away.
fn staging(world: &World, file: &Arc<str>) -> Result<(i64, KeyImport), Denied> {
    let (number, import) = open(world, file)?;
    if import.discarding.is_some() {
        return Err(being_discarded(&import));
    }
    Ok((number, import))
}

fn being_discarded(import: &KeyImport) -> Denied {
    Denied::Conflict(format!(
        "the import of {} is being taken back: run `svgate keys import --discard` to its end, then \
         import the file anew",
        import.of.name
    ))
}

fn is_complete(world: &World, file: &Arc<str>) -> bool {
    find(world, file).is_some_and(|(_, import)| import.completed.is_some())
}

/// The import of a file that is not complete.
fn open(world: &World, file: &Arc<str>) -> Result<(i64, KeyImport), Denied> {
    let (number, import) = find(world, file).ok_or(Denied::NotFound("import of keys"))?;
    if import.completed.is_some() {
        let text = format!("the import of {} is complete by now", import.of.name);
        return Err(Denied::Conflict(text));
    }
    Ok((number, import))
}

fn find(world: &World, file: &Arc<str>) -> Option<(i64, KeyImport)> {
    let mut imports = world.key_imports.iter();
    let (number, import) = imports.find(|(_, import)| import.of.file == *file)?;
    Some((*number, import.clone()))
}

fn tell(world: &mut World, who: &Arc<str>, what: &'static str, name: &Arc<str>, detail: String) {
    world.key_events.push(KeyEvent {
        who: Arc::clone(who),
        what,
        subject: Arc::clone(name),
        detail,
    });
}
