//! `svgate sim status`: one card, its keys and counters, and what is under way to it.

use std::io::Write;

use serde_json::{Value, json};

use crate::commands::sim::StatusArgs;
use crate::commands::site::{Fault, utc};
use crate::domain::Millis;
use crate::domain::epoch::BooksEpoch;
use crate::domain::key_versions::KeyCounters;
use crate::domain::subscriber::Line;
use crate::gateway::books::Books;
use crate::gateway::views::{SimView, Views};

/// What is known of the card of an account.
///
/// # Errors
///
/// [`Fault::NotFound`] for an account that there is not.
pub(super) async fn view_of<B: Views>(account: &str, books: &B) -> Result<SimView, Fault> {
    let view = books.sim(account.into()).await?;
    view.ok_or_else(|| Fault::NotFound(format!("no account {account}")))
}

pub(super) async fn show<B: Books + Views>(
    args: &StatusArgs,
    now: Millis,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let mut view = view_of(&args.account, books).await?;
    // What is over is kept for its counters alone.
    view.line.older.take_if(|older| older.until <= now);
    if args.common.json {
        writeln!(output, "{}", as_json(&view))?;
        return Ok(());
    }
    let SimView {
        line,
        books: epoch,
        waiting,
        parked,
        alarm,
    } = &view;
    let now = now_of(line, epoch);
    let card = line.iccid.as_deref().unwrap_or("no card");
    let (account, profile) = (&line.reference, &line.profile);
    writeln!(output, "account {account}: card {card}, profile {profile}")?;
    writeln!(
        output,
        "keys of version {}{} in use: last order {}, last message to it {}",
        line.key_version,
        imported(line.sealed_keys.is_some()),
        now.from_sim.counter,
        now.mt_counter
    )?;
    if let Some(pending) = &line.pending {
        let again = pending.due.map_or("not sent again".to_owned(), |due| {
            format!("sent again {}", utc(due))
        });
        writeln!(
            output,
            "keys of version {}{} on their way since {}, sent {} time(s), {again}",
            pending.version,
            imported(pending.sealed.is_some()),
            utc(pending.since),
            pending.times
        )?;
    }
    if let Some(older) = &line.older {
        let counter = older.counters.from_sim.counter;
        let (version, until) = (older.version, utc(older.until));
        writeln!(
            output,
            "keys of version {version} good until {until}: last order {counter}"
        )?;
    }
    if is_in_doubt(line, epoch) {
        writeln!(
            output,
            "its counters are in doubt since a restore: orders up to {} are refused; `svgate sim \
             resync` gives it new keys",
            now.from_sim.counter
        )?;
    }
    writeln!(output, "messages to it: {waiting} wait, {parked} parked")?;
    match alarm {
        Some(alarm) => writeln!(
            output,
            "alarm {} {}: {}",
            utc(alarm.at),
            alarm.kind,
            alarm.text
        )?,
        None => writeln!(output, "no alarm")?,
    }
    writeln!(output, "{BUDGET}")?;
    Ok(())
}

fn as_json(view: &SimView) -> Value {
    let SimView {
        line,
        books,
        waiting,
        parked,
        alarm,
    } = view;
    let now = now_of(line, books);
    let pending = line.pending.as_ref().map(|pending| {
        json!({
            "version": pending.version, "imported": pending.sealed.is_some(),
            "since": utc(pending.since), "times": pending.times, "due": pending.due.map(utc),
        })
    });
    let older = line.older.as_ref().map(|older| {
        json!({
            "version": older.version, "until": utc(older.until),
            "mo_counter": older.counters.from_sim.counter, "mt_counter": older.counters.mt_counter,
        })
    });
    let alarm = alarm
        .as_ref()
        .map(|alarm| json!({"at": utc(alarm.at), "kind": alarm.kind, "text": alarm.text}));
    json!({
        "account": line.reference, "iccid": line.iccid, "imsi": line.imsi, "profile": line.profile,
        "card_since": (line.changed != Millis(0)).then(|| utc(line.changed)),
        "key_version": line.key_version, "imported": line.sealed_keys.is_some(),
        "mo_counter": now.from_sim.counter, "mt_counter": now.mt_counter,
        "epoch": line.epoch, "books_epoch": books.number, "in_doubt": is_in_doubt(line, books),
        "pending": pending, "older": older, "waiting": waiting, "parked": parked, "alarm": alarm,
    })
}

/// The counters as the next order meets them: after a restore above what may be forgotten.
fn now_of(line: &Line, books: &BooksEpoch) -> KeyCounters {
    let mut line = line.clone();
    line.enter_epoch(books);
    line.counters()
}

/// Whether the card's counter was raised past what it may have used, and no order has come since.
fn is_in_doubt(line: &Line, books: &BooksEpoch) -> bool {
    let now = now_of(line, books);
    now.from_sim.counter > 0 && now.from_sim.digest.is_none()
}

const fn imported(sealed: bool) -> &'static str {
    if sealed { " (imported)" } else { "" }
}

const BUDGET: &str = "bad checksums: each node counts its own, by SIM and source, and a budget that is used up \
                      recovers by one a minute: see forged_total in its metrics";
