//! `svgate bill close | list | pay`: bills that end, and money that comes in for them.

use std::io::Write;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::json;

use crate::commands::Common;
use crate::commands::purse::reference;
use crate::commands::site::{Fault, PAGE, Site, decimal, done, unexpected, utc};
use crate::domain::Millis;
use crate::domain::ids::{BillId, SubscriberId};
use crate::domain::money::Currency;
use crate::gateway::books::Books;
use crate::gateway::member::{Member, Outcome, PayBill};
use crate::gateway::views::Views;

/// Arguments of `svgate bill`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BillArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: BillAction,
}

/// What to do with bills.
#[derive(Clone, Debug, Subcommand)]
pub enum BillAction {
    /// Close the bills that were open at the last cut-off
    #[command(after_help = EXAMPLES)]
    Close(CloseArgs),
    /// List closed bills
    #[command(after_help = EXAMPLES)]
    List(ListArgs),
    /// Note that a subscriber paid
    #[command(after_help = EXAMPLES)]
    Pay(PayArgs),
}

impl BillAction {
    /// What every action takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Close(args) => &args.common,
            Self::List(args) => &args.common,
            Self::Pay(args) => &args.common,
        }
    }
}

/// Arguments of `svgate bill close`.
#[derive(Clone, Debug, Args)]
pub struct CloseArgs {
    /// The day by whose beginning the cut-off was, as 2026-12-01 [default: today]
    #[arg(long, value_name = "DATE")]
    pub at: Option<Date>,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate bill list`.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// Of this account only
    #[arg(long)]
    pub account: Option<String>,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate bill pay`.
#[derive(Clone, Debug, Args)]
pub struct PayArgs {
    /// The operator's name for the account
    #[arg(long)]
    pub account: String,
    /// How much, with the currency's digits
    #[arg(long)]
    pub amount: String,
    /// ISO 4217 code: the account's
    #[arg(long)]
    pub currency: Currency,
    /// The billing system's own reference; the same again changes nothing
    #[arg(long, value_name = "TEXT")]
    pub reference: String,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Closes, lists or settles bills.
///
/// # Errors
///
/// [`Fault::Refused`] for a cut-off that is still to come, [`Fault::NotFound`] for an account that
/// there is not, [`Fault::Conflict`] for a reference that was taken for something else.
pub async fn run<B: Books + Views>(
    action: &BillAction,
    site: &Site,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    match action {
        BillAction::Close(args) => {
            let cut_off = cut_off(args, site)?;
            close(args, cut_off, books, output).await
        }
        BillAction::List(args) => list(args, books, output).await,
        BillAction::Pay(args) => pay(args, books, output).await,
    }
}

/// The last cut-off at the day's beginning, or by now when no day is named.
fn cut_off(args: &CloseArgs, site: &Site) -> Result<Millis, Fault> {
    let billing = &site.config.billing;
    let at = match args.at {
        None => site.now,
        Some(day) => {
            let midnight = day.to_zoned_datetime(billing.time_zone.0.clone());
            let midnight = midnight.map_err(|error| Fault::Usage(format!("--at: {error}")))?;
            Millis(midnight.timestamp().as_millisecond())
        }
    };
    if at > site.now {
        return Err(Fault::Refused("--at: that day is still to come".to_owned()));
    }
    Ok(billing.calendar().last_cut_off(at))
}

async fn close<B: Books + Views>(
    args: &CloseArgs,
    cut_off: Millis,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let mut closed = 0_u64;
    let mut after = SubscriberId(0);
    loop {
        let subscribers = books.lines_open_before(cut_off, after, PAGE).await?;
        let Some(last) = subscribers.last().copied() else {
            break;
        };
        after = last;
        let member = Member::CloseBills {
            subscribers,
            cut_off,
        };
        match books.submit(member).await? {
            Outcome::Bills(bills) => closed = closed.saturating_add(bills),
            Outcome::Refused(denied) => return Err(denied.into()),
            Outcome::Arrived { .. }
            | Outcome::Ordered { .. }
            | Outcome::Ack(_)
            | Outcome::Done
            | Outcome::AlreadyDone
            | Outcome::Imported { .. }
            | Outcome::Commanded(_)
            | Outcome::Batch(_) => return Err(unexpected()),
        }
    }
    if args.common.json {
        writeln!(
            output,
            "{}",
            json!({ "closed": closed, "cut_off": utc(cut_off) })
        )?;
    } else {
        writeln!(output, "{closed} bills closed at {}", utc(cut_off))?;
    }
    Ok(())
}

async fn list<B: Views>(args: &ListArgs, books: &B, output: &mut dyn Write) -> Result<(), Fault> {
    let mut after = BillId(0);
    loop {
        let account = args.account.as_deref().map(Into::into);
        let bills = books.bills(account, after, PAGE).await?;
        let Some(last) = bills.last() else {
            return Ok(());
        };
        after = last.bill.id;
        for closed in bills {
            let (account, bill) = (closed.account, closed.bill);
            let currency = bill.currency;
            if args.common.json {
                let line = json!({
                    "bill": bill.id.0, "account": account, "number": bill.number,
                    "currency": currency.code(), "total_minor": bill.total_minor,
                    "from": utc(bill.from), "to": utc(bill.to), "cause": bill.cause.name(),
                });
                writeln!(output, "{line}")?;
            } else {
                let (total, to) = (decimal(currency, bill.total_minor), utc(bill.to));
                let (number, cause) = (bill.number, bill.cause.name());
                writeln!(
                    output,
                    "{account} {number:>6} {total:>16} {currency} {to} {cause}"
                )?;
            }
        }
    }
}

async fn pay<B: Books>(args: &PayArgs, books: &B, output: &mut dyn Write) -> Result<(), Fault> {
    let amount = args.currency.parse_amount(&args.amount);
    let amount = amount.map_err(|bad| Fault::Usage(format!("--amount: {bad}")))?;
    if amount.is_zero() {
        return Err(Fault::Usage("--amount: nothing is no payment".to_owned()));
    }
    let member = Member::PayBill(PayBill {
        account: args.account.as_str().into(),
        amount,
        currency: args.currency,
        reference: reference(&args.reference)?,
    });
    let new = done(books.submit(member).await?)?;
    if args.common.json {
        let line = json!({
            "account": args.account, "reference": args.reference,
            "currency": args.currency.code(), "amount_minor": amount.minor(), "paid": new,
        });
        writeln!(output, "{line}")?;
    } else if new {
        let written = args.currency.format(amount);
        writeln!(output, "{} paid {written} {}", args.account, args.currency)?;
    } else {
        let was = "was taken before for the same payment: nothing changed";
        writeln!(output, "reference {} {was}", args.reference)?;
    }
    Ok(())
}

const EXAMPLES: &str = "\
Examples:
  svgate bill close
  svgate bill close --at 2026-12-01
  svgate bill list --account A-10001 --json
  svgate bill pay --account A-10001 --amount 12.60 --currency EUR --reference SEPA-77120

Bills are also closed when they reach the class's bill_maximum. Closing again changes nothing.
Exit status: 0 ok, 3 the day is still to come, 4 no such account, 5 the reference was taken.";
