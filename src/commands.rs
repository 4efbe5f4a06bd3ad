//! What a person runs, one file for each noun. They may name everything.
//!
//! ```text
//! arguments ─► Cli ─► Site (configuration, books opened beside a running `serve`) ─► one command
//!                                            exit status 0 ok, 2 usage, 3 refused, 4, 5, 1 ◄─┘
//! ```
//! A command reads through `Views` and changes through `Books` only: the writer decides.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::commands::site::{Fault, Site};
use crate::gateway::books::Books;
use crate::gateway::views::Views;
use crate::store::Store;

pub mod bill;
pub mod check_config;
pub mod demo;
pub mod export;
pub mod key_source;
pub mod keys;
mod line_faults;
pub mod merchant;
pub mod migrate;
pub mod node;
pub mod notices;
pub mod outbox;
pub mod packet;
pub mod phone;
pub mod pipe;
pub mod purchase;
pub mod purse;
pub mod reconcile;
mod repeats;
pub mod secrecy;
pub mod serve;
pub mod sim;
pub mod site;
pub mod store;
pub mod subscriber;
pub mod terminal;
mod who;

/// svgate: a mobile operator's SIM/USSD gateway for micropayments with stored value.
#[derive(Clone, Debug, Parser)]
#[command(name = "svgate", version, max_term_width = 100, after_help = STATUSES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the gateway until it is asked to stop
    Serve(serve::ServeArgs),
    /// Provisioning, money, and looking into what happened.
    #[command(flatten)]
    OnBooks(BooksCommand),
    /// Back the books up, declare a restore, or take them from one database to another
    Store(store::StoreArgs),
    /// Finish what a node that is gone has left
    Node(node::NodeArgs),
    /// Run a gateway with the whole world around it, and check every book afterwards
    Demo(demo::DemoArgs),
    /// A phone in the terminal, with a card on a TCP port in it
    Phone(phone::PhoneArgs),
    /// Write, list, verify and resend the billing files
    Export(OnSite<export::ExportArgs>),
    /// Compare the purse's log, the POS's log and the delivered files
    Reconcile(OnSite<reconcile::ReconcileArgs>),
    /// Make the master key file, and look into what was done with keys
    Keys(keys::KeysArgs),
    /// Open or seal one secured packet by hand
    Packet(packet::PacketArgs),
    /// Tell everything that is wrong in a configuration
    CheckConfig(check_config::CheckConfigArgs),
}

/// What is done with the books alone.
#[derive(Clone, Debug, Subcommand)]
pub enum BooksCommand {
    /// Import subscribers from a CSV file
    Subscriber(subscriber::SubscriberArgs),
    /// Import merchants, items and terminals from a TOML file
    Merchant(merchant::MerchantArgs),
    /// Load the operator's purse, or show what it holds
    Purse(purse::PurseArgs),
    /// Look into a subscriber's card, and command it from afar
    Sim(sim::SimArgs),
    /// Give a terminal a new token
    Terminal(terminal::TerminalArgs),
    /// Close, list and settle bills
    Bill(bill::BillArgs),
    /// Look into purchases, and decide unknown ends
    Purchase(purchase::PurchaseArgs),
    /// Look into messages that wait or were parked
    Outbox(outbox::OutboxArgs),
    /// What a person should look at
    Notices(notices::NoticesArgs),
    /// Bring the schema of the books up
    Migrate(migrate::MigrateArgs),
}

/// A command that finds the books by the configuration.
#[derive(Clone, Debug, Args)]
pub struct OnSite<T: Args> {
    /// The configuration
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "/etc/svgate/svgate.toml"
    )]
    pub config: PathBuf,
    /// What the command itself takes.
    #[command(flatten)]
    pub args: T,
}

/// What every command that works on the books takes.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/svgate/svgate.toml")]
    pub config: PathBuf,
    /// Print JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

/// Where a command reads and writes.
pub struct Streams<'a> {
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// What was asked for.
    pub output: &'a mut dyn Write,
    /// What went wrong.
    pub err: &'a mut dyn Write,
}

/// Runs one command and returns its exit status.
pub fn run(cli: &Cli, streams: &mut Streams<'_>) -> u8 {
    match dispatch(&cli.command, streams) {
        Ok(status) => status,
        Err(fault) => {
            // Should standard error be closed, the status is what is left to tell.
            let _ = writeln!(streams.err, "svgate: {fault}");
            fault.status()
        }
    }
}

fn dispatch(command: &Command, streams: &mut Streams<'_>) -> Result<u8, Fault> {
    let (output, err) = (&mut *streams.output, &mut *streams.err);
    match command {
        Command::Packet(args) => Ok(packet::run(args, streams.input, output, err)),
        Command::Keys(args) => keys::run(args, output, err),
        Command::Serve(args) => Ok(serve::run(args, err)),
        Command::Demo(args) => Ok(demo::run(args, output, err)),
        Command::Phone(args) => Ok(phone::run(args, output, err)),
        Command::Node(args) => {
            let site = Site::load(&args.action.common().config)?;
            node::run(&args.action, site, output).map(|()| 0)
        }
        Command::Store(args) => store::run(&args.action, output, err).map(|()| 0),
        Command::CheckConfig(args) => check_config::run(args, streams).map(|()| 0),
        Command::Export(on_site) => {
            let site = site_of(&on_site.config, on_site.args.node())?;
            site.on_books(async |site, books| {
                let (profile, places) = site.billing_files()?;
                let after_ms =
                    i64::from(site.config.purchase.provisional_after_s).saturating_mul(1_000);
                let open_since = site.now.plus_ms(after_ms.saturating_neg());
                let args = &on_site.args;
                Ok(export::run(args, &books, &profile, &places, open_since, output, err).await)
            })
        }
        Command::Reconcile(on_site) => {
            site_of(&on_site.config, None)?.on_books(async |site, books| {
                let (profile, places) = site.billing_files()?;
                let setting = reconcile::Setting {
                    context: &site.context,
                    profile: &profile,
                    places: &places,
                    now: site.now,
                };
                Ok(reconcile::run(&on_site.args, &books, setting, output, err).await)
            })
        }
        Command::OnBooks(command) => {
            let site = site_of(&command.common().config, command.node())?;
            let run = async |site: Site, books: Store| {
                command.run(&site, &books, output).await.map(|()| 0)
            };
            // A new database gets its schema before books are copied to it.
            if matches!(command, BooksCommand::Migrate(_)) {
                site.on_unmarked_books(run)
            } else {
                site.on_books(run)
            }
        }
    }
}

impl BooksCommand {
    const fn common(&self) -> &Common {
        match self {
            Self::Subscriber(args) => args.action.common(),
            Self::Merchant(args) => args.action.common(),
            Self::Purse(args) => args.action.common(),
            Self::Sim(args) => args.action.common(),
            Self::Terminal(args) => args.action.common(),
            Self::Bill(args) => args.action.common(),
            Self::Purchase(args) => args.action.common(),
            Self::Outbox(args) => args.action.common(),
            Self::Notices(args) => args.action.common(),
            Self::Migrate(args) => &args.common,
        }
    }

    /// The node whose money it is about, if that need not be this one.
    const fn node(&self) -> Option<u16> {
        match self {
            Self::Purse(purse::PurseArgs {
                action: purse::PurseAction::Load(args) | purse::PurseAction::Unload(args),
            }) => args.node,
            Self::Purse(_)
            | Self::Sim(_)
            | Self::Subscriber(_)
            | Self::Merchant(_)
            | Self::Terminal(_)
            | Self::Bill(_)
            | Self::Purchase(_)
            | Self::Outbox(_)
            | Self::Notices(_)
            | Self::Migrate(_) => None,
        }
    }

    async fn run<B: Books + Views>(
        &self,
        site: &Site,
        books: &B,
        output: &mut dyn Write,
    ) -> Result<(), Fault> {
        match self {
            Self::Subscriber(args) => subscriber::run(&args.action, site, books, output).await,
            Self::Merchant(args) => merchant::run(&args.action, site, books, output).await,
            Self::Purse(args) => purse::run(&args.action, books, output).await,
            Self::Sim(args) => sim::run(&args.action, site, books, output).await,
            Self::Terminal(args) => terminal::run(&args.action, books, output).await,
            Self::Bill(args) => bill::run(&args.action, site, books, output).await,
            Self::Purchase(args) => purchase::run(&args.action, books, output).await,
            Self::Outbox(args) => outbox::run(&args.action, books, output).await,
            Self::Notices(args) => notices::run(&args.action, books, output).await,
            Self::Migrate(args) => migrate::run(args, site, books, output).await,
        }
    }
}

/// The site of a configuration, as the node sees it that it is about.
fn site_of(config: &Path, node: Option<u16>) -> Result<Site, Fault> {
    let site = Site::load(config)?;
    match node {
        Some(node) => site.as_node(node),
        None => Ok(site),
    }
}

const STATUSES: &str = "\
Exit status: 0 ok, 2 usage, 3 refused, 4 not found, 5 conflict, 1 failure.
Secrets are never arguments: they are files that the configuration names.";
