//! `svgate purse load | unload | show`: the operator's float, from which merchants are paid.

use std::io::Write;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::commands::Common;
use crate::commands::site::{Fault, decimal, done};
use crate::domain::money::Currency;
use crate::gateway::books::Books;
use crate::gateway::member::{LoadPurse, Member};
use crate::gateway::views::Views;

/// Arguments of `svgate purse`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PurseArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: PurseAction,
}

/// What to do with the purse.
#[derive(Clone, Debug, Subcommand)]
pub enum PurseAction {
    /// Load the float by an amount that the issuer put into circulation
    #[command(after_help = EXAMPLES)]
    Load(LoadArgs),
    /// Give back to the issuer what the float holds, as when another node is to have it
    #[command(after_help = EXAMPLES)]
    Unload(LoadArgs),
    /// Show every account but those of subscribers, each node's part by itself
    #[command(after_help = EXAMPLES)]
    Show(ShowArgs),
}

impl PurseAction {
    /// What every action takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Load(args) | Self::Unload(args) => &args.common,
            Self::Show(args) => &args.common,
        }
    }
}

/// Arguments of `svgate purse load` and `unload`.
#[derive(Clone, Debug, Args)]
pub struct LoadArgs {
    /// How much, with the currency's digits, such as 1000.00
    #[arg(long)]
    pub amount: String,
    /// ISO 4217 code, such as EUR
    #[arg(long)]
    pub currency: Currency,
    /// The issuer's own reference; the same again changes nothing
    #[arg(long, value_name = "TEXT")]
    pub reference: String,
    /// Whose float, where several nodes share the books; this node's when it is left out
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u16).range(0..=1023))]
    pub node: Option<u16>,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate purse show`.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Loads the purse, or shows it.
///
/// # Errors
///
/// [`Fault::Usage`] for an amount that is not its currency's; [`Fault::Conflict`] for a reference
/// that was taken for something else; [`Fault::Refused`] for more than the float holds.
pub async fn run<B: Books + Views>(
    action: &PurseAction,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    match action {
        PurseAction::Load(args) => load(args, (Member::LoadPurse, "loaded"), books, output).await,
        PurseAction::Unload(args) => {
            load(args, (Member::UnloadPurse, "unloaded"), books, output).await
        }
        PurseAction::Show(args) => show(args, books, output).await,
    }
}

/// Submits what `member` makes of the arguments, and says `done` of it.
async fn load<B: Books>(
    args: &LoadArgs,
    (member, did): (fn(LoadPurse) -> Member, &str),
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let amount = args.currency.parse_amount(&args.amount);
    let amount = amount.map_err(|bad| Fault::Usage(format!("--amount: {bad}")))?;
    let member = member(LoadPurse {
        amount,
        currency: args.currency,
        reference: reference(&args.reference)?,
    });
    let new = done(books.submit(member).await?)?;
    let (currency, written) = (args.currency, args.currency.format(amount));
    if args.common.json {
        let line = json!({
            "reference": args.reference, "currency": currency.code(),
            "amount_minor": amount.minor(), did: new,
        });
        writeln!(output, "{line}")?;
    } else if new {
        writeln!(
            output,
            "{did} {written} {currency}, reference {}",
            args.reference
        )?;
    } else {
        let was = "was taken before for the same: nothing changed";
        writeln!(output, "reference {} {was}", args.reference)?;
    }
    Ok(())
}

async fn show<B: Views>(args: &ShowArgs, books: &B, output: &mut dyn Write) -> Result<(), Fault> {
    let balances = books.balances().await?;
    let first = balances.first().map(|account| account.node);
    let several = balances.iter().any(|account| Some(account.node) != first);
    for account in balances {
        let merchant = account.merchant.as_ref().map(ToString::to_string);
        let currency = account.currency;
        if args.common.json {
            let line = json!({
                "node": account.node, "account": account.kind, "merchant": merchant, "currency": currency.code(),
                "balance_minor": account.balance.0,
            });
            writeln!(output, "{line}")?;
        } else {
            let balance = decimal(currency, account.balance.0);
            let merchant = merchant.unwrap_or_default();
            let kind = &account.kind;
            write!(output, "{kind:<20} {merchant:<32} {balance:>20} {currency}")?;
            if several {
                write!(output, "  node {}", account.node)?;
            }
            writeln!(output)?;
        }
    }
    Ok(())
}

/// A reference as another system names it.
///
/// # Errors
///
/// [`Fault::Usage`] when it is empty, too long, or has characters that can't be printed.
pub(super) fn reference(text: &str) -> Result<Arc<str>, Fault> {
    let fits = (1..=REFERENCE_MAX).contains(&text.len()) && !text.contains(char::is_control);
    let bad = || Fault::Usage(format!("--reference: 1 to {REFERENCE_MAX} octets of text"));
    fits.then(|| text.into()).ok_or_else(bad)
}

/// Longer than any reference that issuers and billing systems are known to give.
const REFERENCE_MAX: usize = 64;
const EXAMPLES: &str = "\
Examples:
  svgate purse load --amount 1000.00 --currency EUR --reference ISSUER-2026-0042
  svgate purse load --node 2 --amount 1000.00 --currency EUR --reference ISSUER-2026-0043
  svgate purse show --json
  svgate purse unload --node 2 --amount 400.00 --currency EUR --reference BACK-0001
  svgate purse load --node 1 --amount 400.00 --currency EUR --reference BACK-0002

The last two give node 1 what node 2 held, which will not come back. The first load of a currency opens the purses of that currency.
Exit status: 0 ok (the same again too), 3 the float holds less, 5 the reference was taken for another one.";
