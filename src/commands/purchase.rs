//! `svgate purchase show | list | resolve`: what happened to an order and why, and what to do when
//! nobody knows whether the goods were given out.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::commands::Common;
use crate::commands::site::{Fault, PAGE, decimal, done, utc};
use crate::commands::who;
use crate::domain::catalogue::ShortCode;
use crate::domain::ids::PurchaseId;
use crate::domain::money::Currency;
use crate::domain::purchase::State;
use crate::gateway::books::Books;
use crate::gateway::member::{Member, Resolve};
use crate::gateway::record::PurchaseRecord;
use crate::gateway::views::{Sent, Views};

/// Arguments of `svgate purchase`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PurchaseArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: PurchaseAction,
}

/// What to do with purchases.
#[derive(Clone, Debug, Subcommand)]
pub enum PurchaseAction {
    /// Show one purchase with everything that is known of it
    #[command(after_help = EXAMPLES)]
    Show(ShowArgs),
    /// List the purchases that are in a state
    #[command(after_help = EXAMPLES)]
    List(ListArgs),
    /// Decide how many pieces of an unknown purchase count as given out
    #[command(after_help = EXAMPLES)]
    Resolve(ResolveArgs),
}

impl PurchaseAction {
    /// What every action takes.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Show(args) => &args.common,
            Self::List(args) => &args.common,
            Self::Resolve(args) => &args.common,
        }
    }
}

/// Arguments of `svgate purchase show`.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The purchase, as replies and files name it
    pub id: PurchaseId,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate purchase list`.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// The state
    #[arg(long, value_parser = STATES)]
    pub state: String,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `svgate purchase resolve`.
#[derive(Clone, Debug, Args)]
pub struct ResolveArgs {
    /// The purchase
    pub id: PurchaseId,
    /// Pieces that count as given out: a number, `all` or `none`; the rest is refunded
    #[arg(long, value_name = "N|all|none", value_parser = supplied)]
    pub supplied: Supplied,
    /// Who decides
    #[arg(long, value_parser = who::name)]
    pub who: String,
    /// Why
    #[arg(long)]
    pub why: String,
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// How much counts as given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supplied {
    /// Everything that was ordered.
    All,
    /// So many pieces; 0 for nothing.
    Pieces(u8),
}

/// Shows, lists or resolves.
///
/// # Errors
///
/// [`Fault::NotFound`] for a purchase that there is not; what the books refuse.
pub async fn run<B: Books + Views>(
    action: &PurchaseAction,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    match action {
        PurchaseAction::Show(args) => show(args, books, output).await,
        PurchaseAction::List(args) => list(args, books, output).await,
        PurchaseAction::Resolve(args) => resolve(args, books, output).await,
    }
}

async fn show<B: Views>(args: &ShowArgs, books: &B, output: &mut dyn Write) -> Result<(), Fault> {
    let record = books.purchase(args.id).await?;
    let record = record.ok_or_else(|| Fault::NotFound(format!("no purchase {}", args.id)))?;
    let mut shown = shown(&record);
    if let Value::Object(fields) = &mut shown {
        // What proves the order, as an auditor checks it.
        let received = hex::encode(&record.evidence.received);
        fields.insert("received".to_owned(), received.into());
        let messages = books.sent_of(args.id).await?;
        let messages = messages.iter().map(message).collect();
        fields.insert("messages".to_owned(), Value::Array(messages));
    }
    if args.common.json {
        writeln!(output, "{shown}")?;
        return Ok(());
    }
    for (name, value) in shown.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) => writeln!(output, "{name:<18} {text}")?,
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                writeln!(output, "{name:<18} {value}")?;
            }
        }
    }
    Ok(())
}

async fn list<B: Views>(args: &ListArgs, books: &B, output: &mut dyn Write) -> Result<(), Fault> {
    let state = STATES.iter().find(|name| **name == args.state);
    let state = state.ok_or_else(|| Fault::Usage(format!("--state: no state {}", args.state)))?;
    let mut after = PurchaseId(0);
    loop {
        let records = books.purchases(state, after, PAGE).await?;
        let Some(last) = records.last() else {
            return Ok(());
        };
        after = last.life.id;
        for record in &records {
            if args.common.json {
                writeln!(output, "{}", shown(record))?;
            } else {
                writeln!(output, "{}", line(record))?;
            }
        }
    }
}

async fn resolve<B: Books + Views>(
    args: &ResolveArgs,
    books: &B,
    output: &mut dyn Write,
) -> Result<(), Fault> {
    let why = &args.why;
    if why.trim().is_empty() || why.len() > WORDS_MAX || why.contains(char::is_control) {
        return Err(Fault::Usage(format!(
            "--why: 1 to {WORDS_MAX} octets of text"
        )));
    }
    let member = Member::Resolve(Resolve {
        purchase: args.id,
        units: match args.supplied {
            Supplied::All => None,
            Supplied::Pieces(pieces) => Some(pieces),
        },
        who: args.who.as_str().into(),
        why: args.why.as_str().into(),
    });
    let new = done(books.submit(member).await?)?;
    let record = books.purchase(args.id).await?;
    let state = record.map_or("unknown", |record| record.life.state.name());
    if args.common.json {
        let line = json!({ "purchase": args.id.0, "resolved": new, "state": state });
        writeln!(output, "{line}")?;
    } else {
        writeln!(output, "purchase {} is {state} now", args.id)?;
    }
    Ok(())
}

/// A purchase on one line.
fn line(record: &PurchaseRecord) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let terminal = or_none(record.terminal.as_ref().map(ToString::to_string));
    let item = or_none(record.item.map(|item| item.to_string()));
    let amount = or_none(record.currency.map(|currency| {
        let gross = record.charge.gross().unwrap_or_default();
        format!("{} {currency}", currency.format(gross))
    }));
    let (id, units, at) = (record.life.id, record.life.units, utc(record.requested));
    let (state, channel) = (record.life.state.name(), record.channel.name());
    let recovered = if record.recovered { " recovered" } else { "" };
    format!("{id} {at} {state} {channel} {terminal} {units} x {item} {amount}{recovered}")
}

/// Everything that is known, without digits of the number; of what was received only its length.
fn shown(record: &PurchaseRecord) -> Value {
    let (charge, back) = (record.charge, record.refunded);
    let amount = |minor: i64| record.currency.map(|currency| decimal(currency, minor));
    json!({
        "purchase": record.life.id.0,
        "state": record.life.state.name(),
        "refused_for": refused_for(record.life.state),
        "supplied_units": supplied_units(record.life.state),
        "units": record.life.units,
        "channel": record.channel.name(),
        "recovered": record.recovered,
        "check": record.evidence.check,
        "received_octets": record.evidence.received.len(),
        "subscriber": record.subscriber.map(|subscriber| subscriber.0),
        "msisdn": record.msisdn.map(|msisdn| msisdn.to_string()),
        "merchant": record.merchant.as_ref().map(ToString::to_string),
        "terminal": record.terminal.as_ref().map(ToString::to_string),
        "short_code": record.short_code.map(ShortCode::number),
        "item": record.item.map(|item| item.to_string()),
        "currency": record.currency.map(Currency::code),
        "retail": amount(charge.retail.minor()),
        "wholesale": amount(charge.wholesale.minor()),
        "fee": amount(charge.fee.minor()),
        "tax": amount(charge.tax.minor()),
        "refunded_retail": amount(back.retail.minor()),
        "refunded_wholesale": amount(back.wholesale.minor()),
        "refunded_fee": amount(back.fee.minor()),
        "refunded_tax": amount(back.tax.minor()),
        "pon": record.pon.map(|pon| pon.to_string()),
        "reference": record.reference,
        "client_reference": record.client_reference,
        "ack": record.ack,
        "from_seq": record.from_seq,
        "to_seq": record.to_seq,
        "bill_number": record.bill_number,
        "billing_entry": record.entry,
        "requested": utc(record.requested),
        "paid": record.paid.map(utc),
        "changed": utc(record.changed),
        "deadline": record.deadline.map(utc),
        "smsc": record.smsc,
        "service": record.service,
        "reason": record.reason,
    })
}

/// A message about the purchase that an SMSC took, and what its receipt said.
fn message(sent: &Sent) -> Value {
    let row = &sent.row;
    json!({
        "id": sent.id.0, "smsc": row.smsc, "to": row.to.to_string(), "taken": utc(row.at),
        "receipt": row.state,
    })
}

const fn refused_for(state: State) -> Option<&'static str> {
    match state {
        State::Refused { cause } => Some(cause.name()),
        State::Requested
        | State::Ordered
        | State::Expired
        | State::Paying
        | State::InDoubt
        | State::Paid
        | State::Accepted
        | State::Dispensing
        | State::Supplied { .. }
        | State::Refunding { .. }
        | State::Refunded
        | State::Unknown => None,
    }
}

const fn supplied_units(state: State) -> Option<u8> {
    match state {
        State::Supplied { units } | State::Refunding { supplied: units } => Some(units),
        State::Refunded => Some(0),
        State::Requested
        | State::Ordered
        | State::Refused { .. }
        | State::Expired
        | State::Paying
        | State::InDoubt
        | State::Paid
        | State::Accepted
        | State::Dispensing
        | State::Unknown => None,
    }
}

fn supplied(text: &str) -> Result<Supplied, &'static str> {
    match text {
        "all" => Ok(Supplied::All),
        "none" => Ok(Supplied::Pieces(0)),
        number => {
            let pieces = number.parse().ok().filter(|pieces| *pieces <= PIECES_MAX);
            pieces
                .map(Supplied::Pieces)
                .ok_or("a number of pieces, `all` or `none`")
        }
    }
}

/// Every state by its name.
const STATES: [&str; 13] = [
    "requested",
    "ordered",
    "refused",
    "expired",
    "paying",
    "in_doubt",
    "paid",
    "accepted",
    "dispensing",
    "supplied",
    "refunding",
    "refunded",
    "unknown",
];
/// An order has at most so many.
const PIECES_MAX: u8 = 99;
/// A decision is told in a sentence or two.
const WORDS_MAX: usize = 240;
const EXAMPLES: &str = "\
Examples:
  svgate purchase show 7311402983424001
  svgate purchase list --state unknown --json
  svgate purchase resolve 7311402983424001 --supplied none --who ada --why 'coil 12 was jammed'

`show` prints what was received in hex, header first, all of a message that came in parts; and the
check that proved it: cmac, trusted_originator or token; delivered_file for a purchase that was
recovered by `svgate export adopt` after a restore.
Messages are shown where `registered_delivery` asks for receipts, for `sent_kept_s`.
Only purchases whose end is unknown can be resolved.
Exit status: 0 ok, 4 no such purchase, 5 its end is known.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_given_out_is_a_number_all_or_none() {
        assert_eq!(supplied("all"), Ok(Supplied::All));
        assert_eq!(supplied("none"), Ok(Supplied::Pieces(0)));
        assert_eq!(supplied("2"), Ok(Supplied::Pieces(2)));
        for bad in ["", "-1", "100", "some"] {
            assert!(supplied(bad).is_err(), "{bad}");
        }
    }
}
