//! A small operator: books, a merchant with machines, and phones whose SIMs have keys.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use svgate::auth::command::{CommandDraft, CommandPacket, open_command, seal_command};
use svgate::auth::iccid::Iccid;
use svgate::auth::secured_packet::{CcLength, KeyProfile, KeyRecord, Spi, Spi1, Tar};
use svgate::auth::sim_keys::{Direction, Master, derive};
use svgate::dialogue::secured_order::{Agreed, SecuredOrder, Wanted};
use svgate::dialogue::secured_reply::SecuredReply;
use svgate::dialogue::texts::Texts;
use svgate::domain::Millis;
use svgate::domain::bill::Calendar;
use svgate::domain::charge::Price;
use svgate::domain::ids::{PurchaseId, TerminalId};
use svgate::domain::merchant::{Item, Merchant, UnknownEnd};
use svgate::domain::money::{Currency, MinorUnits};
use svgate::domain::subscriber::Standing;
use svgate::gateway::books::{Books, Committed};
use svgate::gateway::context::{Context, Profiles};
use svgate::gateway::key_source::KeySource;
use svgate::gateway::member::{
    Arrival, ArrivalEnd, Content, LineImport, LoadPurse, Member, MerchantImport, Outcome,
    TerminalAct, TerminalImport, Word,
};
use svgate::gateway::policy::{CardRules, CardWay, Class, Policy};
use svgate::gateway::record::OutboxRow;
use svgate::sms::gsm7;
use svgate::store::{Place, Store, StoreOptions, Writer};

/// 2026-11-23T10:00:00Z: where every test begins.
pub(crate) const START: Millis = Millis(1_795_428_000_000);

pub(crate) fn eur() -> Currency {
    "EUR".parse().unwrap()
}

pub(crate) fn minor(amount: i64) -> MinorUnits {
    MinorUnits::try_from(amount).unwrap()
}

pub(crate) fn profile(tar: [u8; 3]) -> KeyProfile {
    KeyProfile {
        kic: 0x12.try_into().unwrap(),
        kid: 0x12.try_into().unwrap(),
        cc: CcLength::try_from(8).unwrap(),
        spi1_min: Spi1(0x16),
        tar: Tar(tar),
    }
}

pub(crate) fn profiles() -> Profiles {
    Profiles {
        orders: profile([0xB2, 0xF0, 0x01]),
        confirmations: profile([0xB2, 0xF0, 0x02]),
        offers: false,
    }
}

/// Cards whose packets carry 4 octets of checksum, under another key set and to another address; their
/// orders need not be ciphered, so that they may come by USSD.
pub(crate) fn four_octets() -> Profiles {
    let four = |tar| KeyProfile {
        kic: 0x22.try_into().unwrap(),
        kid: 0x22.try_into().unwrap(),
        cc: CcLength::Four,
        ..profile(tar)
    };
    Profiles {
        orders: KeyProfile {
            spi1_min: Spi1(0x12),
            ..four([0xB2, 0xF0, 0x03])
        },
        confirmations: four([0xB2, 0xF0, 0x04]),
        offers: true,
    }
}

pub(crate) fn policy() -> Policy {
    let eur = eur();
    let class = Class {
        pin_above: [].into(),
        plain_cap: [(eur, minor(1_000))].into(),
        bill_maximum: [(eur, minor(20_000))].into(),
    };
    let careful = Class {
        pin_above: [(eur, minor(250))].into(),
        ..class.clone()
    };
    Policy {
        accept_within_s: 15,
        report_within_s: 90,
        alive_s: 60,
        kiosk_open_max: 5,
        pon_within_s: 120,
        cooling_off_s: 86_400,
        counter_jump_max: 10_000,
        reply_within_s: 3_600,
        parts_within_s: 300,
        provisional_after_s: 86_400,
        calendar: Calendar::new(jiff::tz::TimeZone::get("Europe/Berlin").unwrap(), 1),
        classes: [("standard".into(), class), ("careful".into(), careful)].into(),
        tax_basis_points: [("standard".into(), 1_900)].into(),
        fees: [(eur, minor(10))].into(),
        alphabets: [].into(),
        asking: None,
        cards: CardRules {
            way: Some(CardWay {
                smsc: "smsc-1".into(),
                service: "778".into(),
            }),
            old_version_s: 86_400,
            rekey_repeat_s: 86_400,
            rekey_times: 3,
            offer_every_s: 30,
        },
        shares_books: false,
    }
}

pub(crate) fn master() -> Arc<Master> {
    Arc::new(Master::new(&std::array::from_fn(|n| {
        u8::try_from(n).unwrap()
    })))
}

pub(crate) fn fits(text: &str) -> bool {
    let septets = gsm7::encode(text, gsm7::Tables::default()).map(|septets| septets.len());
    septets.map_or_else(
        |_| text.encode_utf16().count() <= 70,
        |septets| septets <= 160,
    )
}

pub(crate) fn context() -> Arc<Context> {
    context_of(0)
}

/// The context of one of several nodes.
pub(crate) fn context_of(node: u16) -> Arc<Context> {
    context_with(node, master().into())
}

fn context_with(node: u16, keys: KeySource) -> Arc<Context> {
    let texts = Texts::shipped(fits).unwrap();
    let context = Context::new(node, policy(), texts, keys, profiles()).unwrap();
    Arc::new(context.with_card_profiles([("four".into(), four_octets())].into()))
}

/// Books with their clock, and everything that their commits brought about.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) store: Store,
    pub(crate) context: Arc<Context>,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) committed: Arc<Mutex<Vec<Committed>>>,
    /// The file of the books; none in memory.
    pub(crate) path: Option<std::path::PathBuf>,
}

pub(crate) const TOKEN: [u8; 32] = [7; 32];

impl Shop {
    /// Opens books in memory, or at `path`, and runs their writer.
    pub(crate) async fn open(path: Option<std::path::PathBuf>) -> Self {
        let (shop, writer) = Self::resting(path).await;
        #[expect(
            clippy::disallowed_methods,
            reason = "a test runs the writer beside itself"
        )]
        tokio::spawn(writer.run());
        shop
    }

    /// Opens books whose writer takes nothing before it is run.
    pub(crate) async fn resting(path: Option<std::path::PathBuf>) -> (Self, Writer) {
        let place = crate::home::place(path.as_deref()).await;
        Self::of_node(place, 0, path).await
    }

    /// The books of one of several nodes.
    pub(crate) async fn of_node(
        place: Place,
        node: u16,
        path: Option<std::path::PathBuf>,
    ) -> (Self, Writer) {
        Self::of_context(place, context_of(node), node, path).await
    }

    /// Books whose SIMs' keys come from elsewhere than the master.
    pub(crate) async fn with_keys(keys: KeySource) -> Self {
        let place = crate::home::place(None).await;
        let (shop, writer) = Self::of_context(place, context_with(0, keys), 0, None).await;
        #[expect(
            clippy::disallowed_methods,
            reason = "a test runs the writer beside itself"
        )]
        tokio::spawn(writer.run());
        shop
    }

    async fn of_context(
        place: Place,
        context: Arc<Context>,
        node: u16,
        path: Option<std::path::PathBuf>,
    ) -> (Self, Writer) {
        let clock = Arc::new(AtomicI64::new(START.0));
        let committed = Arc::new(Mutex::new(Vec::new()));
        let ticking = Arc::clone(&clock);
        let keeping = Arc::clone(&committed);
        let (store, writer) = Store::open(
            &StoreOptions { place, node },
            Arc::clone(&context),
            Arc::new(move || Millis(ticking.load(Ordering::Relaxed))),
            Arc::new(move |batch| keeping.lock().unwrap().push(batch)),
        )
        .await
        .unwrap();
        let shop = Self {
            store,
            context,
            clock,
            committed,
            path,
        };
        (shop, writer)
    }

    pub(crate) async fn submit(&self, member: Member) -> Outcome {
        self.store.submit(member).await.unwrap()
    }

    pub(crate) fn pass_ms(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Loads 10,000.00 EUR, a coffee merchant with `machines` machines from 4711 on, and `phones`.
    pub(crate) async fn stocked(&self, machines: u32, phones: u32) {
        let load = LoadPurse {
            amount: minor(1_000_000_000),
            currency: eur(),
            reference: "L1".into(),
        };
        assert_eq!(self.submit(Member::LoadPurse(load)).await, Outcome::Done);
        let merchant = Member::ImportMerchant(Box::new(merchant(machines)));
        assert!(matches!(
            self.submit(merchant).await,
            Outcome::Imported { .. }
        ));
        for first in (0..phones).step_by(1_000) {
            let lines = (first..phones.min(first + 1_000))
                .map(|n| Phone::new(n).line())
                .collect();
            let outcome = self.submit(Member::ImportLines(lines)).await;
            assert!(matches!(outcome, Outcome::Imported { .. }), "{outcome:?}");
        }
        let polls: Vec<_> = (0..machines)
            .map(|n| {
                self.store.submit(Member::Seen {
                    terminal: terminal(n),
                })
            })
            .collect();
        for poll in polls {
            poll.await.unwrap();
        }
    }

    pub(crate) async fn alive(&self, machine: u32) {
        self.submit(Member::Seen {
            terminal: terminal(machine),
        })
        .await;
    }

    pub(crate) async fn act(&self, machine: u32, ack: i64, word: Word) -> Outcome {
        let act = TerminalAct {
            terminal: terminal(machine),
            token_sha256: TOKEN,
            ack,
            purchase: None,
            word,
            reason: None,
        };
        self.submit(Member::TerminalAct(act)).await
    }

    /// Every message that was written so far.
    pub(crate) fn messages(&self) -> Vec<OutboxRow> {
        self.committed
            .lock()
            .unwrap()
            .iter()
            .flat_map(|c| c.outbox.clone())
            .collect()
    }
}

pub(crate) fn terminal(machine: u32) -> TerminalId {
    format!("machine-{machine}").parse().unwrap()
}

pub(crate) fn merchant(machines: u32) -> MerchantImport {
    let item = |code: &str, name: &str, retail, wholesale| Item {
        code: code.parse().unwrap(),
        name: name.into(),
        price: Price {
            retail: minor(retail),
            wholesale: minor(wholesale),
        },
    };
    MerchantImport {
        merchant: Merchant {
            id: "coffee".parse().unwrap(),
            name: "Coffee & Co".into(),
            currency: eur(),
            tax_code: "standard".into(),
            discount_basis_points: 500,
            open: true,
            unknown_end: UnknownEnd::Wait,
        },
        items: vec![
            item("12", "Espresso", 250, 200),
            item("13", "Tea", 150, 120),
        ],
        terminals: (0..machines)
            .map(|n| TerminalImport {
                id: terminal(n),
                short_code: (4711 + n).try_into().unwrap(),
                items: Vec::new(),
                slots: u16::MAX,
                token_sha256: Some(TOKEN),
            })
            .collect(),
    }
}

/// A subscriber's phone with its SIM: account, number, card and its keys can be changed apart.
#[derive(Clone, Debug)]
pub(crate) struct Phone {
    pub(crate) account: u32,
    pub(crate) number: u32,
    pub(crate) card: u32,
    /// Of the card's keys.
    pub(crate) version: u8,
    pub(crate) profile: &'static str,
    pub(crate) counter: u64,
    pub(crate) reference: u32,
}

impl Phone {
    pub(crate) fn new(number: u32) -> Self {
        Self {
            account: number,
            number,
            card: number,
            version: 1,
            profile: "standard",
            counter: 0,
            reference: 0,
        }
    }

    pub(crate) fn msisdn(&self) -> svgate::domain::msisdn::Msisdn {
        (491_700_000_000 + i64::from(self.number))
            .try_into()
            .unwrap()
    }

    pub(crate) fn iccid(&self) -> Iccid {
        let body = format!("894900000{:09}", self.card);
        (0..10)
            .find_map(|check| format!("{body}{check}").parse().ok())
            .unwrap()
    }

    pub(crate) fn line(&self) -> LineImport {
        LineImport {
            account: format!("A{}", self.account).into(),
            msisdn: self.msisdn(),
            iccid: self.iccid().expose_digits().into(),
            imsi: format!("26201{:010}", self.card).into(),
            language: "en".into(),
            class: "standard".into(),
            currency: eur(),
            credit_limit: minor(10_000),
            cap: minor(5_000),
            key_version: self.version,
            profile: Some(self.profile.into()),
            sealed_keys: None,
            standing: Standing::Active,
        }
    }

    pub(crate) fn keys(&self, direction: Direction) -> KeyRecord {
        let profiles = match self.profile {
            "four" => four_octets(),
            _ => profiles(),
        };
        let profile = match direction {
            Direction::Mo => profiles.orders,
            Direction::Mt => profiles.confirmations,
        };
        KeyRecord {
            profile,
            keys: derive(&master(), &self.iccid(), self.version, direction),
        }
    }

    /// An order for one espresso at a machine, up to 3.00 EUR, under the next counter and reference.
    pub(crate) fn espresso(&mut self, machine: u32) -> Arrival {
        self.reference += 1;
        self.again(machine)
    }

    /// The same order as before under the next counter.
    pub(crate) fn again(&mut self, machine: u32) -> Arrival {
        let order = SecuredOrder {
            reference: self.reference.try_into().unwrap(),
            wanted: Wanted::Item {
                short_code: (4711 + machine).try_into().unwrap(),
                item: "12".parse().unwrap(),
                quantity: 1.try_into().unwrap(),
            },
            agreed: Agreed::AtMost(minor(300)),
            currency: eur(),
        };
        self.sealed(&order)
    }

    pub(crate) fn sealed(&mut self, order: &SecuredOrder) -> Arrival {
        self.counter += 1;
        let data = order.encode();
        let draft = CommandDraft {
            spi: Spi::ORDER,
            counter: self.counter,
            data: &data,
        };
        let packet = Bytes::from(seal_command(&draft, &self.keys(Direction::Mo)).unwrap());
        self.arrival(Content::Secured(packet.clone()), packet)
    }

    pub(crate) fn text(&self, words: &str) -> Arrival {
        self.arrival(
            Content::Text(words.into()),
            Bytes::copy_from_slice(words.as_bytes()),
        )
    }

    pub(crate) fn arrival(&self, content: Content, received: Bytes) -> Arrival {
        Arrival {
            smsc: "smsc-1".into(),
            trusted: true,
            sender: Some(self.msisdn()),
            service: "7788".into(),
            content,
            received,
            repeat_since: Millis(0),
            refused_since: Millis(0),
            chance: 6,
        }
    }

    /// Opens a confirmation as the card would.
    pub(crate) fn read(&self, row: &OutboxRow) -> (CommandPacket, SecuredReply) {
        let packet = row.message.user_data.strip_prefix(&[2, 0x70, 0]).unwrap();
        let opened = open_command(packet, &self.keys(Direction::Mt))
            .unwrap()
            .into_inner();
        let reply = SecuredReply::decode(&opened.data).unwrap();
        (opened, reply)
    }
}

pub(crate) fn end_of(outcome: &Outcome) -> (Option<PurchaseId>, ArrivalEnd) {
    match outcome {
        Outcome::Arrived { purchase, end, .. } => (*purchase, *end),
        other @ (Outcome::Ordered { .. }
        | Outcome::Ack(_)
        | Outcome::Done
        | Outcome::AlreadyDone
        | Outcome::Imported { .. }
        | Outcome::Batch(_)
        | Outcome::Bills(_)
        | Outcome::Commanded(_)
        | Outcome::Refused(_)) => panic!("not an arrival: {other:?}"),
    }
}

/// The text of a plain message.
pub(crate) fn words(row: &OutboxRow) -> String {
    gsm7::decode(&row.message.user_data, gsm7::Tables::default())
}
