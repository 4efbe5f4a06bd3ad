//! `svgate node adopt`: what a node that is gone for good has left is finished by another.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::commands::Common;
use crate::commands::site::{Fault, PAGE, Site};
use crate::domain::ids::{OutboxId, PurchaseId};
use crate::domain::purchase::State;
use crate::gateway::books::Books;
use crate::gateway::member::{Member, Outcome};
use crate::gateway::views::Views;
use crate::serve::place_of;
use crate::store::{StoreOptions, take_over};

/// Arguments of `svgate node`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct NodeArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: NodeAction,
}

/// What to do with a node.
#[derive(Clone, Debug, Subcommand)]
pub enum NodeAction {
    /// Keep a node from writing any more, and finish what it has left
    #[command(after_help = EXAMPLES)]
    Adopt(AdoptArgs),
}

impl NodeAction {
    /// What every action takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Adopt(args) => &args.common,
        }
    }
}

/// Arguments of `svgate node adopt`.
#[derive(Clone, Debug, Args)]
pub struct AdoptArgs {
    /// The node that is gone, 0 to 1023
    #[arg(value_parser = clap::value_parser!(u16).range(0..=1023))]
    pub node: u16,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// What was left of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Messages that any node may send now.
    pub messages: usize,
    /// Refunds whose value went back.
    pub refunds: usize,
    /// Refunds that could not be finished: its purses refused.
    pub refunds_left: usize,
}

/// Takes a node over and finishes what it has left. Its process, should it be alive after all, can
/// write no more and ends.
///
/// # Errors
///
/// [`Fault::Refused`] for this node itself, [`Fault::NotFound`] for one that never wrote,
/// [`Fault::Failure`] when the books fail.
pub fn run(action: &NodeAction, site: Site, output: &mut dyn Write) -> Result<(), Fault> {
    let NodeAction::Adopt(args) = action;
    let node = args.node;
    if node == site.config.node.id {
        let text = format!("node {node} is this one: start it, and it goes on by itself");
        return Err(Fault::Refused(text));
    }
    let options = StoreOptions {
        place: place_of(&site.config.store)?,
        node,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let epoch = runtime.block_on(take_over(&options))?;
    let epoch = epoch.ok_or_else(|| Fault::NotFound(format!("node {node} never wrote here")))?;
    let left = site
        .as_node(node)?
        .on_books(async |_, books| finish(&books, node).await)?;
    let Left {
        messages,
        refunds,
        refunds_left,
    } = left;
    if args.common.json {
        let line = json!({
            "node": node, "epoch": epoch, "messages": messages, "refunds": refunds,
            "refunds_left": refunds_left,
        });
        writeln!(output, "{line}")?;
    } else {
        writeln!(
            output,
            "node {node} is taken over: {messages} messages go out by other nodes, {refunds} \
             refunds finished, {refunds_left} left"
        )?;
    }
    Ok(())
}

/// Finishes, in the name of `node`, what it has left in `books` that were opened as it.
///
/// # Errors
///
/// [`Fault::Failure`] when the books fail; run again it goes on.
pub async fn finish<B: Books + Views>(books: &B, node: u16) -> Result<Left, Fault> {
    let mut left = Left::default();
    let mut after = OutboxId(0);
    loop {
        let page = books.outbox_after(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        left.messages = left.messages.saturating_add(page.len());
        let rows = page.iter().map(|row| row.id).collect();
        books.submit(Member::OutboxRelease(rows)).await?;
    }
    let name = State::Refunding { supplied: 0 }.name();
    let mut after = PurchaseId(0);
    loop {
        let page = books.purchases(name, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.life.id;
        for record in page.iter().filter(|record| record.node == Some(node)) {
            let purchase = record.life.id;
            let outcome = books.submit(Member::Deadline { purchase }).await?;
            let stands = books
                .purchase(purchase)
                .await?
                .map(|record| record.life.state);
            let done = outcome == Outcome::Done && !matches!(stands, Some(State::Refunding { .. }));
            let count = if done {
                &mut left.refunds
            } else {
                &mut left.refunds_left
            };
            *count = count.saturating_add(1);
        }
    }
    Ok(left)
}

const EXAMPLES: &str = "\
Examples:
  svgate node adopt 2                   node 2 is gone for good, or for longer than its messages live

What the node has left is finished in its name: its messages go out by nodes that are bound to their
SMSC, and its refunds give their value back. Its float stays its own (svgate purse unload takes it
out); started again it goes on.
Exit status: 0 ok, 3 it is this node, 4 no such node.";
