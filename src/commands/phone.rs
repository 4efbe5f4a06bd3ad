//! `svgate phone`: a phone in the terminal, with a card on a TCP port in it, and its message centre.
//!
//! ```text
//! keys ─► screen ─► card (APDUs over TCP) ─► SMS, USSD ─► message centre ◄──SMPP── svgate serve
//!            ▲                                                │
//!            └──────────── receipt ◄── card ◄── SMS-PP ◄──────┘
//! ```
//! Each line of standard input is a key pressed or something typed, so that a script can play it.

mod keyboard;
mod screen;

use std::io::{IsTerminal as _, Write};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncBufRead, BufReader};

use self::keyboard::Keyboard;
use self::screen::{Key, Screen};
use crate::config::smsc::{PasswordError, read_password};
use crate::domain::msisdn::Msisdn;
use crate::simulator::card::CardLinkError;
use crate::simulator::handset::card_phone::{CardError, CardPhone, WaitsFor};
use crate::simulator::handset::cell::{Arrival, Cell};
use crate::simulator::handset::equipment::{Answer, GeneralResult, Prompt};
use crate::simulator::smsc::{Clock, Smsc, SmscConfig};
use crate::smpp::pdu::ShortMessage;
use crate::telemetry::clock::{clock, stopwatch};

/// Arguments of `svgate phone`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PhoneArgs {
    /// Where the card listens
    #[arg(long, value_name = "HOST:PORT")]
    pub card: String,
    /// The phone's number, as the subscriber's record has it
    #[arg(long, value_name = "N")]
    pub msisdn: Msisdn,
    /// Where the phone's message centre waits for the gateway's bind
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:2775")]
    pub listen: SocketAddr,
    /// The gateway's name there
    #[arg(long, value_name = "NAME", default_value = "svgate")]
    pub system_id: String,
    /// Its password, in a file of one line: that of the gateway's `[[smsc]]`
    #[arg(long, value_name = "FILE")]
    pub password_file: PathBuf,
}

/// Why there is no phone, or no longer one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The message centre's port.
    #[error("--listen {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The card.
    #[error(
        "{0}; start it with `java -jar svgate-card-1.0.0.jar`, and take it out of any other phone"
    )]
    Card(#[from] CardLinkError),
    /// Keys or screen.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// Plays the phone until its input ends or it is switched off. Returns the exit status: 0 then, 1 when
/// there is no card or no port.
pub fn run(args: &PhoneArgs, output: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let played = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Trouble::System)
        .and_then(|runtime| {
            let stdin = std::io::stdin();
            // A file of one's own: the read that is underway at the end holds no lock on the other.
            let input = std::fs::File::from(stdin.as_fd().try_clone_to_owned()?);
            let input = BufReader::new(tokio::fs::File::from_std(input));
            let keyboard = Keyboard::new(input, stdin.is_terminal());
            let played = runtime.block_on(async {
                tokio::select! {
                    played = switch_on(args, keyboard, output) => played,
                    pressed = tokio::signal::ctrl_c() => pressed.map_err(Trouble::System),
                }
            });
            // A read of standard input cannot be taken back.
            runtime.shutdown_background();
            played
        });
    match played {
        Ok(()) => 0,
        Err(trouble) => {
            // Who reads nothing any more can't be told.
            let _ = writeln!(err, "svgate phone: {trouble}");
            1
        }
    }
}

async fn switch_on(
    args: &PhoneArgs,
    keyboard: Keyboard<impl AsyncBufRead + Unpin>,
    output: &mut dyn Write,
) -> Result<(), Trouble> {
    let password = read_password(&args.password_file)?;
    let config = SmscConfig {
        accounts: vec![(args.system_id.clone(), password.expose().to_owned())],
        ..SmscConfig::default()
    };
    let since = stopwatch();
    let time: Clock = Arc::new(move || Duration::from_micros(since()));
    let started = Smsc::start(config, args.listen, time, SUBMITTED_MAX).await;
    let (smsc, submitted) = started.map_err(|error| Trouble::Listen(args.listen, error))?;
    let phone = CardPhone::switch_on(&args.card).await?;
    let mut owner = Owner {
        keyboard,
        screen: Screen::new(output),
        cell: Cell::new(args.msisdn, smsc, submitted),
        phone,
    };
    owner.screen.note(&format!(
        "a card with the ATR {}; the gateway may bind at {}",
        hex::encode(owner.phone.answer_to_reset()),
        args.listen
    ))?;
    owner.play().await
}

/// The phone and the person who has it.
struct Owner<'a, R> {
    keyboard: Keyboard<R>,
    screen: Screen<'a>,
    cell: Cell,
    phone: CardPhone,
}

/// What happened first.
enum Event {
    Key(Key),
    Arrived(Box<ShortMessage>),
    InputEnded,
}

impl<R: AsyncBufRead + Unpin> Owner<'_, R> {
    async fn play(mut self) -> Result<(), Trouble> {
        let mut shown = None;
        loop {
            let waits = match self.phone.carry_on().await {
                Ok(WaitsFor::Network(outgoing)) => {
                    self.screen.note("sending …")?;
                    let carried = self.cell.carry(outgoing).await;
                    self.phone.network_said(carried);
                    continue;
                }
                Ok(waits) => waits,
                Err(CardError::Link(error)) => return Err(error.into()),
                Err(CardError::Fault(fault)) => {
                    self.screen.note(&fault.to_string())?;
                    continue;
                }
            };
            if shown.as_ref() != Some(&waits) {
                self.show(&waits)?;
            }
            match self.next(&waits).await? {
                Event::Arrived(message) => {
                    self.arrived(&message)?;
                    shown = Some(waits);
                }
                // What was to be waited for is there.
                Event::Key(Key::Wait) if is_something_to_look_at(&waits) => shown = Some(waits),
                Event::Key(key) => {
                    if self.press(&waits, key).await?.is_break() {
                        return Ok(());
                    }
                    shown = None;
                }
                Event::InputEnded => return Ok(()),
            }
        }
    }

    fn show(&mut self, waits: &WaitsFor) -> Result<(), Trouble> {
        match waits {
            WaitsFor::User(prompt) => self.screen.ask(prompt)?,
            WaitsFor::Anybody | WaitsFor::Network(_) => self.screen.idle(self.phone.menu())?,
        }
        Ok(())
    }

    /// Does what a key does; one that does nothing there leaves what is shown. Breaks when it
    /// switches the phone off.
    async fn press(&mut self, waits: &WaitsFor, key: Key) -> Result<ControlFlow<()>, Trouble> {
        match (waits, key) {
            (WaitsFor::User(prompt), key) => {
                if let Some(answer) = answer(prompt, key) {
                    self.phone.user_said(answer).ok();
                }
            }
            (_, Key::End) => return Ok(ControlFlow::Break(())),
            (_, Key::Wait) => match tokio::time::timeout(WAIT, self.cell.arrival()).await {
                Ok(Some(message)) => self.arrived(&message)?,
                Ok(None) | Err(_) => self.screen.note("nothing came")?,
            },
            (_, key) => {
                let mut items = self.phone.menu().into_iter().flat_map(|menu| &menu.items);
                let chosen = key.number().and_then(|at| items.nth(at));
                if let Some(identifier) = chosen.map(|item| item.identifier) {
                    self.phone.select(identifier).ok();
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A key, or a message: whichever is first.
    async fn next(&mut self, waits: &WaitsFor) -> Result<Event, Trouble> {
        let hidden = matches!(waits, WaitsFor::User(Prompt::Type(entry)) if entry.hidden);
        tokio::select! {
            line = self.keyboard.line(hidden) => match line? {
                Some(line) => {
                    if !self.keyboard.echoes() {
                        self.screen.typed(&line, hidden)?;
                    }
                    Ok(Event::Key(Key::of(line)))
                }
                None => Ok(Event::InputEnded),
            },
            Some(message) = self.cell.arrival() => Ok(Event::Arrived(message.into())),
        }
    }

    fn arrived(&mut self, message: &ShortMessage) -> Result<(), Trouble> {
        match self.cell.read(message, clock()) {
            Arrival::ForCard(tpdu) => {
                if let Err(full) = self.phone.download(&tpdu) {
                    self.screen.note(&full.to_string())?;
                }
            }
            Arrival::Text(text) => self.screen.message(&text)?,
            Arrival::Stray(what) => self.screen.note(what)?,
        }
        Ok(())
    }
}

const fn is_something_to_look_at(waits: &WaitsFor) -> bool {
    matches!(waits, WaitsFor::User(Prompt::Read(_) | Prompt::Choose(_)))
}

/// What a key does at a prompt; none when it does nothing there.
fn answer(prompt: &Prompt, key: Key) -> Option<Answer> {
    match (prompt, key) {
        (_, Key::Back) => Some(Answer::Otherwise(GeneralResult::BACK)),
        (_, Key::End) => Some(Answer::Otherwise(GeneralResult::ENDED)),
        (Prompt::Read(_), Key::Ok) => Some(Answer::Read),
        (Prompt::Choose(menu), key) => {
            let item = key.number().and_then(|at| menu.items.get(at))?;
            Some(Answer::Chosen(item.identifier))
        }
        (Prompt::Type(_), key) => key.into_text().map(Answer::Typed),
        (Prompt::Read(_), Key::Wait | Key::Text(_)) => None,
    }
}

const EXAMPLES: &str = "\
Keys, each with Enter: a number chooses, digits and letters are typed, Enter alone agrees; b back, q end.
When nothing is shown: 1 opens the card's menu, w waits for a message (in a script), q switches off.

Example, in a folder with the files of config/demo and a master.key of `svgate keys init`:
  java -jar svgate-card-1.0.0.jar --master master.key --iccid 8949020000000000014 &
  svgate phone --card 127.0.0.1:35963 --msisdn 4915112345601 --password-file smsc.password
  svgate serve --config svgate.toml                        (in another terminal)

The same by a script: open the menu, Buy, 2 of item 12 at 4711 for 6.00 at most, yes, PIN; receipt
  printf '%s\\n' 1 1 4711 12 2 6.00 '' 1234 '' w '' | svgate phone …";
/// Far more than one phone gets while somebody reads.
const SUBMITTED_MAX: usize = 64;
/// How long `w` waits: longer than any gateway that works.
const WAIT: Duration = Duration::from_secs(30);
