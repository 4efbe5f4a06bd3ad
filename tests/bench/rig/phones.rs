//! Phones with their SIMs: orders as whole PDUs, made before the clock starts, half of them sealed;
//! and a look at every confirmation after it stopped.

use bytes::{Bytes, BytesMut};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use svgate::auth::command::{CommandDraft, open_command, seal_command};
use svgate::auth::iccid::Iccid;
use svgate::auth::secured_packet::{KeyProfile, KeyRecord, Spi};
use svgate::auth::sim_keys::{Direction, Master, derive};
use svgate::commands::keys::load_master;
use svgate::config::Config;
use svgate::dialogue::secured_order::{Agreed, SecuredOrder, Wanted};
use svgate::dialogue::secured_reply::{OutcomeCode, SecuredReply};
use svgate::domain::money::MinorUnits;
use svgate::gateway::context::Profiles;
use svgate::smpp::pdu::{Address, Body, Pdu, ShortMessage, decode, encode, split_frame};

use super::Sizes;
use super::gateway::{Site, short_code};

/// Everybody who may order.
pub(crate) struct Phones {
    sizes: Sizes,
    master: Master,
    profiles: Profiles,
    /// What each phone counts.
    counts: Vec<Phone>,
    chance: ChaCha8Rng,
}

/// What one phone counts.
#[derive(Clone, Copy, Default)]
struct Phone {
    /// Packets sealed, each with a new order.
    sealed: u32,
    /// Orders.
    orders: u32,
}

/// The orders of one bind: PDUs one after the other, each with a sequence number of 0.
#[derive(Default)]
pub(crate) struct Orders {
    octets: BytesMut,
    ends: Vec<usize>,
}

impl Orders {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The PDU of one order.
    pub(crate) fn pdu(&self, order: usize) -> &[u8] {
        let from = order.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.octets[from..self.ends[order]]
    }
}

impl Phones {
    pub(crate) fn new(site: &Site, sizes: Sizes) -> Self {
        let config = Config::load(&site.path("svgate.toml")).expect("the configuration is good");
        Self {
            sizes,
            master: load_master(&site.path("master.key")).unwrap(),
            profiles: config.keys.profiles(),
            counts: vec![Phone::default(); usize::try_from(sizes.subscribers).unwrap()],
            chance: ChaCha8Rng::seed_from_u64(20_261_125),
        }
    }

    /// `count` orders over the first `binds` binds, of phones drawn at random, in turn sealed and in
    /// words. One phone stays with one bind, so that its packets come in their order.
    pub(crate) fn orders(&mut self, count: u32, binds: u32) -> Vec<Orders> {
        let all = self.sizes.binds;
        let mut shares = Vec::new();
        shares.resize_with(usize::try_from(all).unwrap(), Orders::default);
        for n in 0..count {
            let drawn = self.chance.next_u32() % self.sizes.subscribers;
            let bind = drawn % all % binds;
            let phone = drawn - drawn % all + bind;
            let message = self.order(phone, n % 2 == 0);
            let bind = &mut shares[usize::try_from(bind).unwrap()];
            let pdu = Pdu::request(0, Body::DeliverSm(message));
            encode(&pdu, &mut bind.octets).unwrap();
            bind.ends.push(bind.octets.len());
        }
        shares
    }

    fn order(&mut self, number: u32, sealed: bool) -> ShortMessage {
        let phone = &mut self.counts[usize::try_from(number).unwrap()];
        // Another machine each time: the same words would be the same order.
        let machine = number.wrapping_add(phone.orders) % self.sizes.machines;
        phone.orders += 1;
        if !sealed {
            let words = format!("BUY {} 12", short_code(machine));
            return message(number, Bytes::from(words));
        }
        phone.sealed += 1;
        let order = SecuredOrder {
            reference: phone.sealed.try_into().unwrap(),
            wanted: Wanted::Item {
                short_code: short_code(machine).try_into().unwrap(),
                item: "12".parse().unwrap(),
                quantity: 1.try_into().unwrap(),
            },
            agreed: Agreed::AtMost(MinorUnits::try_from(300).unwrap()),
            currency: "EUR".parse().unwrap(),
        };
        let draft = CommandDraft {
            spi: Spi::ORDER,
            counter: phone.sealed.into(),
            data: &order.encode(),
        };
        let record = self.record(number, Direction::Mo, self.profiles.orders);
        let packet = seal_command(&draft, &record).unwrap();
        ShortMessage {
            esm_class: UDHI,
            protocol_id: SIM_DATA_DOWNLOAD,
            data_coding: CLASS_2_8_BIT,
            ..message(number, [COMMAND_HEADER, &packet].concat().into())
        }
    }

    /// Reads `submit_sm`s as the phones would; how many say that the order was paid.
    pub(crate) fn read(&self, heard: &[u8]) -> u32 {
        let mut heard = BytesMut::from(heard);
        let mut paid = 0;
        while let Some(frame) = split_frame(&mut heard).unwrap() {
            let Body::SubmitSm(message) = decode(&frame).unwrap().body else {
                panic!("only submit_sm is kept")
            };
            let octets = message.payload().0;
            let is_paid = match octets.strip_prefix(COMMAND_HEADER) {
                Some(packet) if message.esm_class & UDHI != 0 => {
                    self.outcome(&message.destination, packet) == OutcomeCode::Paid
                }
                Some(_) | None => octets.starts_with(b"Paid"),
            };
            if !is_paid {
                println!("a phone was told: {}", octets.escape_ascii());
            }
            paid += u32::from(is_paid);
        }
        paid
    }

    fn outcome(&self, to: &Address, packet: &[u8]) -> OutcomeCode {
        let digits = std::str::from_utf8(to.value.as_octets()).unwrap();
        let number = digits.parse::<u64>().unwrap() - FIRST_NUMBER;
        let number = u32::try_from(number).unwrap();
        let record = self.record(number, Direction::Mt, self.profiles.confirmations);
        let opened = open_command(packet, &record).unwrap();
        SecuredReply::decode(&opened.data).unwrap().outcome
    }

    fn record(&self, phone: u32, direction: Direction, profile: KeyProfile) -> KeyRecord {
        let iccid: Iccid = iccid(phone).parse().unwrap();
        KeyRecord {
            profile,
            keys: derive(&self.master, &iccid, KEY_VERSION, direction),
        }
    }
}

fn message(phone: u32, octets: Bytes) -> ShortMessage {
    ShortMessage {
        source: Address::international(msisdn(phone).to_string()),
        destination: Address {
            ton: NETWORK_SPECIFIC,
            npi: 1,
            value: "778".into(),
        },
        short_message: octets.into(),
        ..ShortMessage::default()
    }
}

/// The operator's name for a subscriber.
pub(crate) fn account(phone: u32) -> String {
    format!("A{phone:08}")
}

/// A phone's number.
pub(crate) fn msisdn(phone: u32) -> u64 {
    FIRST_NUMBER + u64::from(phone)
}

/// A card's IMSI.
pub(crate) fn imsi(phone: u32) -> String {
    format!("26201{phone:010}")
}

/// A card's number: ITU-T E.118, the last digit by Luhn.
pub(crate) fn iccid(phone: u32) -> String {
    let body = format!("8949020{phone:011}");
    let digits = body.bytes().rev().map(|octet| u32::from(octet - b'0'));
    let weighed = digits.enumerate().map(|(place, digit)| match place % 2 {
        0 if digit > 4 => 2 * digit - 9,
        0 => 2 * digit,
        _ => digit,
    });
    let check = (10 - weighed.sum::<u32>() % 10) % 10;
    format!("{body}{check}")
}

const KEY_VERSION: u8 = 1;
const FIRST_NUMBER: u64 = 491_700_000_000;
/// TP-UDHI in `esm_class`.
const UDHI: u8 = 0x40;
/// UDHL, IEI 70 (command packet) and its length: 3GPP TS 31.115 §4.2.
const COMMAND_HEADER: &[u8] = &[0x02, 0x70, 0x00];
const SIM_DATA_DOWNLOAD: u8 = 0x7F;
const CLASS_2_8_BIT: u8 = 0xF6;
const NETWORK_SPECIFIC: u8 = 3;
