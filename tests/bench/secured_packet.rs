//! How many secured packets one core opens, with everything but the commit: look the line up,
//! derive both keys from the master, decipher, check the CMAC, judge the counter, store it.
//!
//! ```text
//! cargo bench --bench secured_packet -- --sims 1000000 [--spi1 16|12] [--passes 5] [--token svgate.toml]
//! ```
//! Every SIM sends one packet per pass, in random order. Cold are the line (a table of all
//! SIMs by number) and the packet (one per SIM, the largest that one short message holds: 122 octets
//! ciphered, since 137 − 10 is no number of blocks, or 137 plain). Warm are code, master key and
//! allocator; in service the packet would be warm too. Times are of the processor (Linux), in ns;
//! a busy neighbour still costs cache. The last line is JSON. With a configuration that has a token, its
//! keys are measured beside: brought for cards that nobody has heard of (by the clock), and at hand.

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use svgate::auth::command::{CommandDraft, open_command, seal_command};
use svgate::auth::iccid::Iccid;
use svgate::auth::replay::{JUMP_MAX, LastHeard, Verdict, judge};
use svgate::auth::sealed_keys::KeyPlace;
use svgate::auth::secured_packet::{
    CcLength, KeyOctet, KeyProfile, KeyRecord, Spi, Spi1, Spi2, Tar, single_message_data_max,
};
use svgate::auth::sim_keys::{Direction, Master, derive};
use svgate::config::Config;
use svgate::gateway::key_source::Keyring as _;
use svgate::telemetry::clock::stopwatch;
use svgate::token::{Token, Trying};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let asked = Asked::from_arguments()?;
    let master = Master::new(&[0x5A; 32]);
    let profile = profile(asked.spi1)?;
    let mut lines = lines(asked.sims)?;
    let packets = packets(&asked, &lines, profile, &master)?;

    let mut passes = Vec::new();
    for _ in 0..asked.passes {
        for line in &mut lines {
            line.last = LastHeard::default();
        }
        let start = processor_time()?;
        let mut fresh = 0_u64;
        for (number, packet) in &packets {
            let line = lines.get_mut(*number).ok_or("no line")?;
            let keys = derive(&master, &line.iccid, line.key_version, Direction::Mo);
            let record = KeyRecord { profile, keys };
            let opened = open_command(packet, &record)?;
            if judge(&opened, &line.last, JUMP_MAX) == Verdict::Fresh {
                line.last = LastHeard {
                    counter: opened.counter,
                    digest: Some(opened.digest),
                };
                fresh += 1;
            }
            black_box(&opened.data);
        }
        passes.push(processor_time()?.saturating_sub(start) / u32::try_from(packets.len())?);
        if fresh != u64::try_from(packets.len())? {
            return Err(format!("only {fresh} packets were fresh").into());
        }
    }
    passes.sort_unstable();

    let derive_time = time_of_deriving(&lines, &master)?;
    let per_open = passes.get(passes.len() / 2).copied().unwrap_or_default();
    let of_token = asked.token.as_deref();
    let of_token = of_token.map(|file| token_times(file, &lines)).transpose()?;
    let answer = serde_json::json!({
        "bench": "secured_packet",
        "sims": asked.sims,
        "spi1": format!("{:02x}", asked.spi1.0),
        "packet_octets": packets.first().map_or(0, |(_, packet)| packet.len()),
        "passes": asked.passes,
        "open_ns_median": ns(per_open),
        "open_ns_best": passes.first().copied().map(ns),
        "open_ns_worst": passes.last().copied().map(ns),
        "opens_per_s_per_core": 1_000_000_000_u64.checked_div(ns(per_open)),
        "derive_both_keys_ns": ns(derive_time),
        "token_bring_card_us": of_token.map(|(brought, _)| brought.as_micros()),
        "token_at_hand_ns": of_token.map(|(_, held)| ns(held)),
        "cold": "line and packet",
        "without": "short message, store and reply",
    });
    writeln!(std::io::stdout(), "{answer}")?;
    Ok(())
}

/// What the command line asked for.
struct Asked {
    sims: u32,
    spi1: Spi1,
    passes: usize,
    token: Option<PathBuf>,
}

impl Asked {
    fn from_arguments() -> Result<Self> {
        let mut asked = Self {
            sims: 1_000_000,
            spi1: Spi1(0x16),
            passes: 5,
            token: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--sims" => asked.sims = value()?.parse::<u32>()?.max(1),
                "--spi1" => asked.spi1 = Spi1(u8::from_str_radix(&value()?, 16)?),
                "--token" => asked.token = Some(value()?.into()),
                "--passes" => asked.passes = value()?.parse::<usize>()?.max(1),
                // Cargo adds it to every benchmark.
                "--bench" => {}
                _ => {
                    return Err(
                        format!("{name} is not known: --sims --spi1 --passes --token").into(),
                    );
                }
            }
        }
        Ok(asked)
    }
}

/// What the gateway keeps of a line on this path.
struct Line {
    iccid: Iccid,
    key_version: u8,
    last: LastHeard,
}

fn profile(spi1: Spi1) -> Result<KeyProfile> {
    let key = KeyOctet::try_from(0x12)?;
    let tar = Tar([0xB2, 0xF0, 0x01]);
    Ok(KeyProfile {
        kic: key,
        kid: key,
        cc: CcLength::Eight,
        spi1_min: spi1,
        tar,
    })
}

fn lines(sims: u32) -> Result<Vec<Line>> {
    let line = |sim| {
        let body = format!("894902{sim:012}");
        let iccid = (0..10).find_map(|last| format!("{body}{last}").parse().ok());
        let iccid = iccid.ok_or("no check digit")?;
        Ok(Line {
            iccid,
            key_version: 1,
            last: LastHeard::default(),
        })
    };
    (0..sims).map(line).collect()
}

/// A first packet of every SIM, as large as one short message holds, in random order.
fn packets(
    asked: &Asked,
    lines: &[Line],
    profile: KeyProfile,
    master: &Master,
) -> Result<Vec<(usize, Box<[u8]>)>> {
    let mut chance = ChaCha8Rng::seed_from_u64(20_261_123);
    let mut order: Vec<(u64, usize)> = (0..lines.len())
        .map(|number| (chance.next_u64(), number))
        .collect();
    order.sort_unstable();

    let spi = Spi {
        spi1: asked.spi1,
        spi2: Spi2(0),
    };
    let mut data = vec![0; single_message_data_max(asked.spi1, profile.cc)];
    let mut packets = Vec::new();
    for (_, number) in order {
        let line = lines.get(number).ok_or("no line")?;
        let keys = derive(master, &line.iccid, line.key_version, Direction::Mo);
        chance.fill_bytes(&mut data);
        let draft = CommandDraft {
            spi,
            counter: 1,
            data: &data,
        };
        let packet = seal_command(&draft, &KeyRecord { profile, keys })?;
        packets.push((number, packet.into()));
    }
    Ok(packets)
}

/// What both keys of one SIM cost, its line warm.
fn time_of_deriving(lines: &[Line], master: &Master) -> Result<Duration> {
    const TIMES: u32 = 1_000_000;
    let line = lines.first().ok_or("no line")?;
    let start = processor_time()?;
    for _ in 0..TIMES {
        black_box(derive(
            master,
            black_box(&line.iccid),
            line.key_version,
            Direction::Mo,
        ));
    }
    Ok(processor_time()?.saturating_sub(start) / TIMES)
}

/// What the keys of a card cost whose master is in the token of a configuration: brought, and looked up
/// once they are at hand. The first is time by the clock: the token works elsewhere.
fn token_times(file: &Path, lines: &[Line]) -> Result<(Duration, Duration)> {
    let config = Config::load(file)?;
    let of_token = config
        .keys
        .token
        .ok_or("the configuration has no [keys.token]")?;
    let elapsed_us = stopwatch();
    let (token, _) = Token::open(&of_token, Trying::Asked, Arc::clone(&elapsed_us))?;
    let place = |line: &Line| KeyPlace {
        iccid: line.iccid,
        direction: Direction::Mo,
        version: line.key_version,
    };
    let places: Vec<KeyPlace> = lines.iter().take(TOKEN_CARDS).map(place).collect();
    let count = u32::try_from(places.len())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let start_us = elapsed_us();
    for some in places.chunks(TOKEN_CARDS_AT_ONCE) {
        runtime.block_on(token.bring(some.to_vec()))?;
    }
    let brought = Duration::from_micros(elapsed_us() - start_us) / count;
    let start = processor_time()?;
    for place in &places {
        black_box(token.at_hand(place)).ok_or("keys are away")?;
    }
    Ok((brought, processor_time()?.saturating_sub(start) / count))
}

/// Cards whose keys a token is asked for, as many at once as the writer asks for.
const TOKEN_CARDS: usize = 20_000;
const TOKEN_CARDS_AT_ONCE: usize = 64;

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How long this thread has run on a processor: what another program takes meanwhile is not ours.
fn processor_time() -> Result<Duration> {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = schedstat
        .split_whitespace()
        .next()
        .ok_or("no schedstat")?
        .parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}
