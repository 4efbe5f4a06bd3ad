//! `svgate store copy`: takes the books from one database to another, as when a node that outgrew its
//! file goes on with others on PostgreSQL.

use std::cell::RefCell;
use std::io::Write;

use clap::Args;
use serde_json::json;

use crate::commands::site::{Fault, decimal};
use crate::config::places::StoreConfig;
use crate::domain::money::Currency;
use crate::serve::place_of;
use crate::store::{CopyError, TotalsOf, copy};

/// Arguments of `svgate store copy`.
#[derive(Clone, Debug, Args)]
pub struct CopyArgs {
    /// The books as they are: `sqlite:PATH`, or a server and its database as in the examples
    #[arg(long, value_name = "URL")]
    pub from: StoreConfig,
    /// An empty database that `svgate migrate` was run on
    #[arg(long, value_name = "URL")]
    pub to: StoreConfig,
    /// Print JSON, one object a table
    #[arg(long)]
    pub json: bool,
}

/// Copies books while nobody serves from either database.
///
/// # Errors
///
/// [`Fault::Refused`] when somebody uses one of them, a schema is not ours, or the target has books;
/// [`Fault::Failure`] when a database fails. Nothing was copied then.
pub fn run(args: &CopyArgs, output: &mut dyn Write, err: &mut dyn Write) -> Result<(), Fault> {
    let (from, to) = (place_of(&args.from)?, place_of(&args.to)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let progress = RefCell::new(err);
    let told = |of: &TotalsOf| {
        if !args.json {
            // It is only said while one waits.
            let _ = writeln!(
                progress.borrow_mut(),
                "{}: {} rows",
                of.table,
                of.totals.rows()
            );
        }
    };
    let copied = runtime.block_on(copy(&from, &to, &told))?;
    if args.json {
        return copied
            .iter()
            .try_for_each(|of| Ok(writeln!(output, "{}", as_json(of))?));
    }
    let (from, to) = (args.from.shown(), args.to.shown());
    writeln!(output, "{from} was copied to {to}, and read back alike:")?;
    for of in &copied {
        table(of, output)?;
    }
    writeln!(
        output,
        "Set [store] to the new database, keep [node] id, and put the old one away: whoever serves \
         from it again splits the books."
    )?;
    Ok(())
}

fn table(of: &TotalsOf, output: &mut dyn Write) -> Result<(), Fault> {
    let (totals, digest) = (&of.totals, of.totals.digest());
    let short: String = digest.chars().take(DIGITS).collect();
    let (name, rows) = (of.table, totals.rows());
    writeln!(output, "{name:<18} {rows:>12} rows   sha256 {short}")?;
    for ((currency, what), sum) in totals.sums() {
        writeln!(output, "{:18} {:>26} {what}", "", money(currency, *sum))?;
    }
    for (chain, head) in totals.heads() {
        let head: String = head.chars().take(DIGITS).collect();
        writeln!(output, "{:18} {chain:<32} ends in {head}", "")?;
    }
    Ok(())
}

/// A sum with the digits of its currency; in minor units where there is none.
fn money(currency: &str, sum: i128) -> String {
    match (currency.parse::<Currency>(), i64::try_from(sum)) {
        (Ok(currency), Ok(sum)) => format!("{} {currency}", decimal(currency, sum)),
        _ => format!("{sum} minor"),
    }
}

fn as_json(of: &TotalsOf) -> serde_json::Value {
    let totals = &of.totals;
    let sums = totals.sums().iter().map(|((currency, what), sum)| {
        json!({ "currency": currency, "what": what, "sum_minor": sum.to_string() })
    });
    json!({
        "table": of.table, "rows": totals.rows(), "sha256": totals.digest(),
        "sums": sums.collect::<Vec<_>>(), "heads": totals.heads(),
    })
}

impl From<CopyError> for Fault {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Served { .. }
            | CopyError::InUse(_)
            | CopyError::NotEmpty { .. }
            | CopyError::Schema { .. } => Self::Refused(error.to_string()),
            CopyError::Differs { .. } | CopyError::Unknown(_) | CopyError::Store(_) => {
                Self::Failure(error.to_string())
            }
        }
    }
}

/// As many of a digest as a person compares.
const DIGITS: usize = 16;
/// Shown after the help.
pub const EXAMPLES: &str = "\
Examples:
  svgate migrate --config node1.toml    its [store.postgres] is the new database
  svgate store copy --from sqlite:/var/lib/svgate/svgate.db \\
      --to 'postgres://svgate@db1:5432,db2:5432/svgate?password_file=pg.password&ca_file=ca.pem'

Every process that uses either database is stopped first. All rows are written and read back in one
transaction: a copy that was interrupted left nothing, and is run again.
Exit status: 0 ok, 2 usage, 3 in use, not migrated or not empty, 1 a database failed.";
