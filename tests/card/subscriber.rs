//! The person with the phone: what is pressed and typed, and a look at all that happens.

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::Rng as _;
use svgate::simulator::handset::card_phone::{CardPhone, WaitsFor};
use svgate::simulator::handset::cell::{Arrival, Cell};
use svgate::simulator::handset::equipment::{Answer, Carried, GeneralResult, Outgoing, Prompt};
use svgate::smpp::pdu::ShortMessage;
use svgate::telemetry::clock::clock;

use crate::journal::{Journal, Sent, Walk};
use crate::network::{Brought, Fate, Network, Origin};
use crate::site::{ITEMS, MACHINES};

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) short_code: u32,
    pub(crate) item: &'static str,
    pub(crate) units: u8,
    /// Minor units, fee included.
    pub(crate) price: i64,
    pub(crate) most: i64,
}

impl Order {
    pub(crate) fn draw(chance: &mut ChaCha8Rng) -> Self {
        let mut pick = |count: usize| usize::try_from(chance.next_u32()).unwrap() % count;
        let (item, retail) = ITEMS[pick(ITEMS.len())];
        let units = u8::try_from(pick(3) + 1).unwrap();
        let price = retail * i64::from(units) + 10;
        Self {
            short_code: MACHINES[pick(MACHINES.len())].short_code,
            item,
            units,
            price,
            most: price + i64::try_from(pick(3)).unwrap() * 50,
        }
    }

    /// As the card must show it.
    pub(crate) fn on_screen(&self) -> String {
        let Self {
            short_code,
            item,
            units,
            ..
        } = self;
        format!(
            "{item} x{units} >{short_code}\nAt most {} EUR",
            decimal(self.most)
        )
    }
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// What a person does in one walk through the menu.
pub(crate) struct Hand {
    choice: &'static str,
    order: Order,
    pins: VecDeque<&'static str>,
    leaves_at: Option<&'static str>,
    gives_up: bool,
    blocked: bool,
    network: VecDeque<Fate>,
    /// Whether "Sent" is left on the screen until the confirmation is there.
    pub(crate) waits_with_sent: bool,
}

impl Hand {
    pub(crate) fn buys(order: Order) -> Self {
        Self {
            choice: "Buy",
            order,
            pins: ["1234"].into(),
            leaves_at: None,
            gives_up: false,
            blocked: false,
            network: VecDeque::new(),
            waits_with_sent: false,
        }
    }

    pub(crate) fn repeats(order: Order) -> Self {
        Self {
            choice: "Repeat last order",
            ..Self::buys(order)
        }
    }

    pub(crate) fn sends_again(order: Order) -> Self {
        Self {
            choice: "Send again",
            ..Self::buys(order)
        }
    }

    pub(crate) fn leaves_at(screen: &'static str, order: Order) -> Self {
        Self {
            leaves_at: Some(screen),
            ..Self::buys(order)
        }
    }

    pub(crate) fn with_pins(self, pins: &[&'static str]) -> Self {
        Self {
            pins: pins.iter().copied().collect(),
            ..self
        }
    }

    pub(crate) fn with_network(self, network: &[Fate]) -> Self {
        Self {
            network: network.iter().copied().collect(),
            ..self
        }
    }

    pub(crate) fn gives_up(self) -> Self {
        Self {
            gives_up: true,
            ..self
        }
    }

    pub(crate) fn finds_it_blocked(self) -> Self {
        Self {
            blocked: true,
            ..self
        }
    }

    fn answer(&mut self, prompt: &Prompt, walk: &mut Walk) -> Answer {
        let ended = Answer::Otherwise(GeneralResult::ENDED);
        let typed = |text: String| Answer::Typed(text);
        match prompt {
            Prompt::Choose(menu) => {
                let item = menu.items.iter().find(|item| item.text == self.choice);
                let item = item.unwrap_or_else(|| panic!("no {} in {menu:?}", self.choice));
                Answer::Chosen(item.identifier)
            }
            Prompt::Type(entry) => match entry.question.as_str() {
                question if Some(question) == self.leaves_at => ended,
                "Number on the machine?" => typed(self.order.short_code.to_string()),
                "Item?" => typed(self.order.item.to_owned()),
                "How many?" => typed(self.order.units.to_string()),
                "At most how much?" => typed(decimal(self.order.most)),
                "PIN?" => {
                    let pin = self.pins.pop_front().expect("no more PINs are asked for");
                    walk.proved = pin == "1234";
                    typed(pin.to_owned())
                }
                _ => ended,
            },
            Prompt::Read(text) => match text.text.lines().next().unwrap_or_default() {
                headline if Some(headline) == self.leaves_at => ended,
                "Not sent. Send it again?" if self.gives_up => ended,
                "Pay this?" | "Not sent. Send it again?" => {
                    walk.agreed = Some(text.text.clone());
                    Answer::Read
                }
                "PIN is blocked." => {
                    walk.blocked = true;
                    ended
                }
                _ => Answer::Read,
            },
        }
    }
}

/// The person, with phone and network.
pub(crate) struct Subscriber {
    phone: CardPhone,
    cell: Cell,
    network: Network,
    journal: Journal,
    last_order: Option<Order>,
    /// Orders that came to the gateway, and have no answer yet.
    unanswered: u32,
}

impl Subscriber {
    pub(crate) fn new(phone: CardPhone, cell: Cell) -> Self {
        Self {
            phone,
            cell,
            network: Network::default(),
            journal: Journal::default(),
            last_order: None,
            unanswered: 0,
        }
    }

    pub(crate) fn into_journal(mut self) -> Journal {
        self.journal.lost = self.network.lost;
        self.journal
    }

    pub(crate) const fn has_bought(&self) -> bool {
        self.last_order.is_some()
    }

    pub(crate) fn last_order(&self) -> Order {
        self.last_order.clone().expect("there was an order")
    }

    /// Lets the card finish what it has to say.
    pub(crate) async fn idle(&mut self) {
        assert_eq!(self.phone.carry_on().await.unwrap(), WaitsFor::Anybody);
    }

    /// One way through the menu. Whether it led to an order.
    pub(crate) async fn walk(&mut self, mut hand: Hand) -> bool {
        let mut walk = Walk::of(&hand.order);
        self.phone.select(1).expect("the card has its menu");
        let mut brought: Option<Brought> = None;
        let mut texts = Vec::new();
        loop {
            match self.phone.carry_on().await.unwrap() {
                WaitsFor::User(prompt) => {
                    let is_sent =
                        matches!(&prompt, Prompt::Read(text) if text.text.starts_with("Sent."));
                    if is_sent && hand.waits_with_sent && brought.is_none() {
                        brought = Some(self.confirmation_in_session().await);
                        continue;
                    }
                    if let (Prompt::Read(text), true, false) = (&prompt, brought.is_some(), is_sent)
                    {
                        texts.push(text.text.clone());
                    }
                    let answer = hand.answer(&prompt, &mut walk);
                    self.phone.user_said(answer).expect("an answer that fits");
                }
                WaitsFor::Network(Outgoing::Message(submit)) => {
                    let fate = hand.network.pop_front().unwrap_or(Fate::Carried);
                    walk.sent.push(Sent::of(&submit, fate));
                    let carried = self.fare(Outgoing::Message(submit), fate).await;
                    self.phone.network_said(carried);
                }
                WaitsFor::Network(Outgoing::Ussd(text)) => panic!("a USSD string: {text}"),
                WaitsFor::Anybody => break,
            }
        }
        if let Some(brought) = brought {
            self.journal.busy += 1;
            self.journal.bring(&brought, texts);
        }
        assert_eq!(walk.blocked, hand.blocked, "{walk:?}");
        let consented = !walk.sent.is_empty();
        if consented {
            self.last_order = Some(hand.order);
        }
        self.journal.walks.push(walk);
        consented
    }

    /// Messages for the card, as the network brings them.
    pub(crate) async fn bring(&mut self, chance: &mut ChaCha8Rng) {
        while self.unanswered > 0 {
            let message = self.answer().await;
            for brought in self.network.carry(message, chance) {
                self.hear(brought).await;
            }
        }
    }

    /// The same over a network that does nothing wrong.
    pub(crate) async fn bring_all(&mut self) {
        while self.unanswered > 0 {
            let message = self.answer().await;
            let origin = Origin::Gateway;
            self.hear(Brought { message, origin }).await;
        }
    }

    /// A command of the operator's, which must come.
    pub(crate) async fn bring_one_command(&mut self) {
        self.unanswered += 1;
        let message = self.answer().await;
        let origin = Origin::Gateway;
        self.hear(Brought { message, origin }).await;
    }

    /// What the network still has.
    pub(crate) async fn bring_the_rest(&mut self) {
        self.bring_all().await;
        if let Some(brought) = self.network.rest() {
            // Something later was brought since.
            let origin = Origin::Late;
            self.hear(Brought { origin, ..brought }).await;
        }
        let more = tokio::time::timeout(QUIET, self.cell.arrival()).await;
        assert!(more.is_err(), "a message that nobody waits for: {more:?}");
    }

    /// What the card says of itself, by an APDU of our own.
    pub(crate) async fn key_version(&mut self) -> u8 {
        let select = hex::decode("00a4040008f073766761746501").unwrap();
        self.phone.transmit(&select).await.unwrap();
        let state = self.phone.transmit(&[0x80, 0xCA, 0, 1, 4]).await.unwrap();
        assert_eq!(state[4..], [0x90, 0], "{state:02x?}");
        state[3]
    }

    async fn fare(&mut self, outgoing: Outgoing, fate: Fate) -> Carried {
        match fate {
            Fate::Carried => {
                self.unanswered += 1;
                self.cell.carry(outgoing).await
            }
            Fate::Lost => Carried::Failed(GeneralResult::MESSAGE_REFUSED),
            Fate::AnswerLost => {
                self.unanswered += 1;
                assert_eq!(self.cell.carry(outgoing).await, Carried::Taken);
                Carried::Failed(GeneralResult::NETWORK_UNABLE)
            }
        }
    }

    /// The answer to an order, of which each has one.
    async fn answer(&mut self) -> ShortMessage {
        self.unanswered -= 1;
        let arrival = tokio::time::timeout(ANSWER_WITHIN, self.cell.arrival()).await;
        arrival.expect("the gateway answers").expect("a message")
    }

    /// The confirmation comes while "Sent" stands on the screen: the card is busy.
    async fn confirmation_in_session(&mut self) -> Brought {
        let message = self.answer().await;
        let origin = Origin::Gateway;
        self.offer(&message);
        assert!(matches!(
            self.phone.carry_on().await.unwrap(),
            WaitsFor::User(_)
        ));
        assert_eq!(self.phone.waiting(), 1, "a busy card says so");
        Brought { message, origin }
    }

    fn offer(&mut self, message: &ShortMessage) {
        match self.cell.read(message, clock()) {
            Arrival::ForCard(tpdu) => self.phone.download(&tpdu).expect("room for one"),
            other @ (Arrival::Text(_) | Arrival::Stray(_)) => panic!("{other:?}"),
        }
    }

    /// Brings a message to the card, and reads what it shows.
    async fn hear(&mut self, brought: Brought) {
        self.offer(&brought.message);
        let mut texts = Vec::new();
        loop {
            match self.phone.carry_on().await.unwrap() {
                WaitsFor::Anybody => break,
                WaitsFor::User(Prompt::Read(text)) => {
                    texts.push(text.text);
                    self.phone.user_said(Answer::Read).unwrap();
                }
                other @ (WaitsFor::User(_) | WaitsFor::Network(_)) => {
                    panic!("after a message: {other:?}")
                }
            }
        }
        assert_eq!(self.phone.waiting(), 0);
        self.journal.bring(&brought, texts);
    }
}

/// Milliseconds for an order; a command of another process is sent after the gateway's next look.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// In which nothing may come that nobody waits for.
const QUIET: Duration = Duration::from_millis(500);
