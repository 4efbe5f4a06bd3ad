//! `svgate store restored`: the books came back from a backup, and have forgotten what happened
//! since. Their next epoch begins, in which nothing is paid twice and no one is believed who was
//! only witnessed by what is lost.

use std::io::Write;

use clap::Args;
use serde_json::json;

use crate::commands::Common;
use crate::commands::site::{Fault, PAGE, Site, done, utc};
use crate::domain::Millis;
use crate::domain::ids::PurchaseId;
use crate::domain::purchase::State;
use crate::gateway::books::Books;
use crate::gateway::member::Member;
use crate::gateway::views::Views;
use crate::store::{Mark, Restore, Standing, StoreOptions, begin_epoch, settle};

/// Arguments of `svgate store restored`.
#[derive(Clone, Debug, Args)]
pub struct RestoredArgs {
    /// Why the books were restored, and from which backup
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The epoch that begins, where the mark is lost: above every one before
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=EPOCH_MAX))]
    pub epoch: Option<u16>,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// What the new epoch found.
struct Begun {
    epoch: u16,
    before: Standing,
    plain_from: Millis,
    withdrawn: u64,
    unknown: u64,
}

/// Declares the restore. Killed anywhere, the same command goes on.
///
/// # Errors
///
/// [`Fault::Usage`] for a reason that can't be read; [`Fault::Conflict`] when the mark is that of
/// other books, or the epoch was used; [`Fault::Failure`] when the books or the mark fail.
pub fn run(args: &RestoredArgs, site: &Site, output: &mut dyn Write) -> Result<(), Fault> {
    let fits = (1..=REASON_MAX).contains(&args.reason.trim().len());
    if !fits || args.reason.contains(char::is_control) {
        let text = format!("--reason: 1 to {REASON_MAX} octets of text on one line");
        return Err(Fault::Usage(text));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let begun = runtime.block_on(begin(args, site))?;
    tell(args, &begun, output)
}

async fn begin(args: &RestoredArgs, site: &Site) -> Result<Begun, Fault> {
    let (options, path) = (site.options()?, &site.config.store.mark_file);
    let mark = Mark::read(path)?;
    // Opening brings the schema up: the backup may be of an older version.
    let (store, writer) = site.open(&options).await?;
    let before = store.standing().await?;
    drop((store, writer));
    let epoch = next_epoch(args, mark.as_ref(), &before)?;
    let rules = site.config.restore;
    let closed_ms = i64::from(rules.plain_closed_s).saturating_mul(1_000);
    // A clock that is behind the books does not shorten the rest.
    let now = site.now.max(before.committed);
    let plain_from = now.plus_ms(closed_ms);
    let restore = Restore {
        epoch,
        mark: mark.as_ref(),
        now,
        plain_from,
        counter_margin: rules.counter_margin,
        reason: args.reason.trim(),
    };
    begin_epoch(&options, &restore).await?;
    let (withdrawn, unknown) = end_open(site, &options).await?;
    settle(&options).await?;
    let (store, writer) = site.open(&options).await?;
    let after = store.standing().await?;
    drop((store, writer));
    // Books that were never marked are at the next start.
    if !after.mark.identity.is_empty() {
        after.mark.replace(path)?;
    }
    let reason = &*args.reason;
    tracing::warn!(epoch, withdrawn, unknown, reason, "the books were restored");
    Ok(Begun {
        epoch,
        before,
        plain_from,
        withdrawn,
        unknown,
    })
}

/// The epoch that begins; the one that had begun, when that was not finished.
fn next_epoch(args: &RestoredArgs, mark: Option<&Mark>, books: &Standing) -> Result<u16, Fault> {
    let found = &books.mark;
    if let Some(mark) = mark
        && !found.identity.is_empty()
        && found.identity != mark.identity
    {
        let text = "[store] mark_file is the mark of other books than [store] path or \
                    [store.postgres] database has: put the one aside that is wrong";
        return Err(Fault::Conflict(text.to_owned()));
    }
    let last = mark.map_or(found.epoch, |mark| mark.epoch.max(found.epoch));
    if !books.settled {
        return Ok(found.epoch);
    }
    let next = args.epoch.unwrap_or(last.saturating_add(1));
    if next <= last || i64::from(next) > EPOCH_MAX {
        let text = format!("--epoch: {last} was used, and the last one is {EPOCH_MAX}");
        return Err(Fault::Conflict(text));
    }
    Ok(next)
}

/// Gives what was open in the backup its end: how many numbers were withdrawn, and of how many
/// purchases the end is unknown.
async fn end_open(site: &Site, options: &StoreOptions) -> Result<(u64, u64), Fault> {
    let (store, writer) = site.open(options).await?;
    let ending = async move {
        let withdrawn = end_all(&store, State::Ordered).await?;
        let mut unknown = 0_u64;
        for state in [State::Paid, State::Accepted, State::Dispensing] {
            unknown = unknown.saturating_add(end_all(&store, state).await?);
        }
        Ok((withdrawn, unknown))
    };
    let (ended, wrote) = tokio::join!(ending, writer.run());
    wrote?;
    ended
}

async fn end_all<B: Books + Views>(books: &B, state: State) -> Result<u64, Fault> {
    let (mut after, mut count) = (PurchaseId(0), 0_u64);
    loop {
        let open = books.purchases(state.name(), after, PAGE).await?;
        let Some(last) = open.last() else {
            return Ok(count);
        };
        after = last.life.id;
        for some in open.chunks(AT_ONCE) {
            let ids: Vec<PurchaseId> = some.iter().map(|record| record.life.id).collect();
            count = count.saturating_add(u64::try_from(ids.len()).unwrap_or(u64::MAX));
            done(books.submit(Member::EndEpoch(ids)).await?)?;
        }
    }
}

fn tell(args: &RestoredArgs, begun: &Begun, output: &mut dyn Write) -> Result<(), Fault> {
    let Begun {
        epoch,
        before,
        plain_from,
        withdrawn,
        unknown,
    } = begun;
    let (ends, plain) = (utc(before.committed), utc(*plain_from));
    if args.common.json {
        let line = json!({
            "epoch": epoch, "books_end": ends, "plain_text_from": plain,
            "numbers_withdrawn": withdrawn, "purchases_unknown": unknown,
        });
        writeln!(output, "{line}")?;
        return Ok(());
    }
    writeln!(
        output,
        "epoch {epoch} begins; the books end {ends}, and what came after is forgotten\n\
         {withdrawn} payment numbers are withdrawn, the end of {unknown} purchases is unknown\n\
         plain text orders rest until {plain}\n\
         next, in this order:\n\
         \x20 svgate subscriber import, merchant import, purse load: what came after the backup\n\
         \x20 svgate export adopt DIR                on each node, with its delivered files\n\
         \x20 svgate serve\n\
         \x20 svgate outbox list --parked, purchase list --state unknown: for a person"
    )?;
    Ok(())
}

/// Some milliseconds of the writer.
const AT_ONCE: usize = 200;
/// Longer than a person writes.
const REASON_MAX: usize = 500;
/// What the numbers of purses have room for.
const EPOCH_MAX: i64 = 0x7FFF;
/// Shown after the help.
pub const EXAMPLES: &str = "\
Examples:
  svgate store restored --reason 'disk lost, backup of 25 November 03:00'
  svgate store restored --reason 'machine and mark lost' --epoch 7 --json

Run it once, on one node, while no node serves. In the new epoch: counters and references of SIMs that
may have been used are refused (`[restore] counter_margin`), plain text orders rest
(`plain_closed_s`), numbers of kiosks from before are dead, acks go on far above the old ones, purses
pay by new numbers, and no billing file is written before `svgate export adopt` has read back those
that were delivered.
Exit status: 0 declared, 2 usage, 5 the mark is of other books or the epoch was used, 1 failure.";
