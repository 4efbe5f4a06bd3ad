//! The demo from the first file to the last comparison.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc;

use super::Trouble;
use super::card_owner;
use super::cast::{Cast, Part, Sizes};
use super::closing;
use super::crowd::{Crowd, Keys, machines, tills};
use super::gateway::{Program, Serving};
use super::plan::errands;
use super::provision::{self, Addresses, PASSWORD, SYSTEM_ID};
use super::screen::{MachineSums, Summary};
use super::stage::Stage;
use super::verdict::{Witnesses, faults};
use crate::auth::sim_keys::Master;
use crate::commands::keys::load_master;
use crate::config::Config;
use crate::simulator::handset::card_phone::CardPhone;
use crate::simulator::smsc::{Clock, Smsc, SmscConfig, Submitted};
use crate::simulator::soft_sim::CardProfiles;
use crate::simulator::terminal::Machine;
use crate::telemetry::clock::stopwatch;

/// Plays the whole demo.
pub(super) async fn play(
    sizes: Sizes,
    seed: u64,
    card: Option<&str>,
    folder: &Path,
    err: &mut dyn Write,
) -> Result<Summary, Trouble> {
    let clock = clock();
    let progress = progress_bar(sizes.purchases);
    progress.set_message("setting up");
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let cast = Cast::new(sizes, &mut chance);
    let plan = errands(&cast, sizes, &mut chance);
    let (scenery, submitted) = set_up(&cast, seed, folder, &clock).await?;
    let keys = keys(&scenery.program, folder, &mut chance)?;
    let card = match card {
        Some(address) => Some(insert(&cast, address, folder, err).await?),
        None => None,
    };
    let (mut serving, machines) = open_doors(&scenery, &cast, &clock, seed).await?;
    let Scenery {
        program,
        smsc,
        tokens,
        addresses,
    } = scenery;
    let tills = tills(&cast, &tokens, addresses.http);
    let stage = Stage::new(cast, smsc, tills, Arc::clone(&clock), progress.clone())
        .map_err(|error| Trouble::Part(error.to_string()))?;
    let stage = Arc::new(stage);

    progress.set_message("selling");
    progress.reset();
    let began = clock();
    let crowd = Crowd::start(&stage, plan, submitted, &keys, machines, card)?;
    let down = until_sold(&stage, &program, &mut serving, sizes).await?;
    let sold_in = clock().saturating_sub(began);
    progress.set_message("waiting for the last machines");
    closing::all_ended(&program).await?;
    serving.stop().await?;

    progress.set_message("comparing");
    let (told, mut machines) = crowd.curtain().await;
    let mut gave_out = Vec::new();
    let mut sums = MachineSums::default();
    for machine in &mut machines {
        machine.stop().await;
        gave_out.extend(machine.gave_out());
        sums.add(machine.counts());
    }
    let closed = closing::close(&program).await?;
    let witnesses = Witnesses {
        planned: sizes.purchases.into(),
        told: &told,
        gave_out: &gave_out,
    };
    let faults = faults(&closed.found, &witnesses);
    progress.finish_and_clear();
    Ok(Summary {
        sizes,
        seed,
        folder: folder.to_owned(),
        stage,
        machines: sums,
        closed,
        faults,
        sold_in,
        down,
        took: clock(),
    })
}

/// Says how to start the card of the first phone whose bill is in the card's currency, and waits for it.
async fn insert(
    cast: &Cast,
    address: &str,
    folder: &Path,
    err: &mut dyn Write,
) -> Result<(usize, CardPhone), Trouble> {
    let mut phones = cast.phones.iter().enumerate();
    let owner = phones.find(|(_, phone)| phone.currency.code() == CARD_CURRENCY);
    let (number, part) = owner.ok_or_else(|| {
        Trouble::Part("no phone's bill is in the card's currency; take more phones".to_owned())
    })?;
    writeln!(err, "{}", card_owner::how_to_start(address, part, folder))?;
    Ok((number, card_owner::inserted(address).await?))
}

/// What stands before anybody comes.
struct Scenery {
    program: Program,
    smsc: Smsc,
    tokens: Vec<String>,
    addresses: Addresses,
}

/// Starts the SMSC, writes the files, and provisions the books.
async fn set_up(
    cast: &Cast,
    seed: u64,
    folder: &Path,
    clock: &Clock,
) -> Result<(Scenery, mpsc::Receiver<Submitted>), Trouble> {
    let config = SmscConfig {
        accounts: vec![(SYSTEM_ID.to_owned(), PASSWORD.to_owned())],
        window_pdus: WINDOW_PDUS,
        seed,
        ..SmscConfig::default()
    };
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let started = Smsc::start(config, any_port, Arc::clone(clock), SUBMITTED_MAX).await;
    let (smsc, submitted) = started?;
    let addresses = Addresses::beside(smsc.address())?;
    let program = Program::this(folder)?;
    let mut tokens = provision::tokens(cast)?;
    provision::write_files(folder, cast, &tokens, addresses)?;
    provision::provision(&program, folder, cast).await?;
    if let (Some(machine), Some(token)) = (cast.machines.first(), tokens.first_mut()) {
        *token = provision::token_by_command(&program, &machine.id).await?;
    }
    let scenery = Scenery {
        program,
        smsc,
        tokens,
        addresses,
    };
    Ok((scenery, submitted))
}

/// Starts the gateway and the machines, and waits until it knows that they live.
async fn open_doors(
    scenery: &Scenery,
    cast: &Cast,
    clock: &Clock,
    seed: u64,
) -> Result<(Serving, Vec<Machine>), Trouble> {
    let mut serving = scenery.program.serve()?;
    let smsc = &scenery.smsc;
    let bound = within(BOUND_WITHIN, smsc.until_bound(1), "it does not bind");
    if let Err(trouble) = bound.await {
        let ended = serving.ended();
        let ended = ended.map(|status| Trouble::Gateway(format!("it ended with {status}")));
        return Err(ended.unwrap_or(trouble));
    }
    let http = scenery.addresses.http;
    let machines = machines(cast, &scenery.tokens, http, clock, seed);
    for (machine, part) in machines.iter().zip(&cast.machines) {
        if part.part != Part::Dead {
            let alive = machine.until_alive();
            within(ALIVE_WITHIN, alive, "a machine gets no answer").await?;
        }
    }
    let malformed = &smsc.faults().malformed_per_mille;
    malformed.store(MALFORMED_PER_MILLE, Ordering::Relaxed);
    Ok((serving, machines))
}

/// Waits until every errand is done; half way the gateway is killed and started again. Returns how
/// long no bind was up.
async fn until_sold(
    stage: &Stage,
    program: &Program,
    serving: &mut Serving,
    sizes: Sizes,
) -> Result<Duration, Trouble> {
    let planned = u64::from(sizes.purchases);
    let half = planned.div_ceil(2);
    let mut down = None;
    let (mut last_done, mut last_moved) = (0, stage.now());
    loop {
        let done = stage.counts.errands.load(Ordering::Relaxed);
        if done >= half && down.is_none() {
            stage.progress.set_message("gateway killed, starting again");
            let killed = stage.now();
            serving.kill().await?;
            within(
                BOUND_WITHIN,
                stage.smsc.until_bound(0),
                "the bind outlived the gateway",
            )
            .await?;
            *serving = program.serve()?;
            within(
                BOUND_WITHIN,
                stage.smsc.until_bound(1),
                "the gateway does not bind again",
            )
            .await?;
            down = Some(stage.now().saturating_sub(killed));
            stage
                .progress
                .set_message("selling, and writing a billing file");
            closing::export(program).await?;
            stage.progress.set_message("selling");
        }
        if let (true, Some(down)) = (done >= planned, down) {
            return Ok(down);
        }
        if let Some(status) = serving.ended() {
            return Err(Trouble::Gateway(format!(
                "it ended by itself with {status}"
            )));
        }
        if done > last_done {
            (last_done, last_moved) = (done, stage.now());
        }
        if stage.now().saturating_sub(last_moved) > STUCK_AFTER {
            return Err(Trouble::Stuck(format!(
                "{done} of {planned} orders are done"
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The keys of the demo's cards: both ends are personalised from the gateway's master.
fn keys(program: &Program, folder: &Path, chance: &mut ChaCha8Rng) -> Result<Keys, Trouble> {
    let master = load_master(&folder.join("master.key"));
    let master = master.map_err(|error| Trouble::Part(error.to_string()))?;
    let config = Config::load(&program.config());
    let config = config.map_err(|error| Trouble::Part(error.to_string()))?;
    let profiles = config.keys.profiles();
    let mut thief = [0; 32];
    chance.fill_bytes(&mut thief);
    Ok(Keys {
        master,
        thief: Master::new(&thief),
        profiles: CardProfiles {
            orders: profiles.orders,
            confirmations: profiles.confirmations,
        },
    })
}

async fn within(
    time: Duration,
    wait: impl Future<Output = ()>,
    complaint: &str,
) -> Result<(), Trouble> {
    let waited = tokio::time::timeout(time, wait).await;
    waited.map_err(|_| Trouble::Gateway(complaint.to_owned()))
}

fn clock() -> Clock {
    let elapsed_us = stopwatch();
    Arc::new(move || Duration::from_micros(elapsed_us()))
}

/// Drawn on standard error, and only where that is a terminal.
fn progress_bar(purchases: u32) -> ProgressBar {
    let progress = ProgressBar::new(purchases.into());
    let style = ProgressStyle::with_template(
        "{elapsed_precise} [{bar:40}] {pos}/{len} orders, {per_sec}  {msg}",
    );
    match style {
        Ok(style) => progress.with_style(style.progress_chars("=> ")),
        Err(_) => progress,
    }
}

/// What the card is personalised with, unless it is told otherwise.
const CARD_CURRENCY: &str = "EUR";
/// What an operator's SMSC grants.
const WINDOW_PDUS: usize = 100;
/// Confirmations that wait for the postman.
const SUBMITTED_MAX: usize = 10_000;
/// Real SMSCs send junk now and then; the link must live on.
const MALFORMED_PER_MILLE: u32 = 2;
const BOUND_WITHIN: Duration = Duration::from_secs(20);
const ALIVE_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Longer than a card tries: three seconds, eight times.
const STUCK_AFTER: Duration = Duration::from_secs(40);
