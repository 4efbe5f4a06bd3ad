//! Stored value through its public door: canonical octets, and every cell of the purse's table.

#[path = "sv/table.rs"]
mod table;

use proptest::prelude::*;
use svgate::domain::ids::PurchaseId;
use svgate::domain::money::{Currency, MinorUnits};
use svgate::sv::SvError;
use svgate::sv::exception::{MAX_EXCEPTIONS, clear_code};
use svgate::sv::log::LogRecord;
use svgate::sv::mac::{EndKeys, MacKey};
use svgate::sv::message::{Message, PaymentDetails};
use svgate::sv::proof::{Standing, StatusReport};
use svgate::sv::purse::Purse;
use svgate::sv::purse::status::Status;
use svgate::sv::sequence::SequenceNo;

use table::{State, at, message};

proptest! {
    #[test]
    fn details_read_back_as_written_and_no_other_octets_read_as_them(
        details in any_details(), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let octets = details.to_octets();
        prop_assert!((46..=151).contains(&octets.len()));
        prop_assert_eq!(PaymentDetails::from_octets(&octets), Ok(details.clone()));
        prop_assert!(PaymentDetails::from_octets(&octets[..at.index(octets.len())]).is_err());
        prop_assert!(PaymentDetails::from_octets(&[&octets[..], &[0]].concat()).is_err());
        let mut other = octets.clone();
        other[at.index(octets.len())] ^= 1_u8 << bit;
        if let Ok(read) = PaymentDetails::from_octets(&other) {
            prop_assert_ne!(&read, &details);
            prop_assert_eq!(read.to_octets(), other);
        }
    }

    #[test]
    fn whatever_octets_come_nothing_panics_and_what_reads_is_canonical(
        octets in prop::collection::vec(any::<u8>(), 0..260), tag in 0..10_u8,
    ) {
        let octets = [&[1, tag][..], &octets].concat();
        if let Ok(message) = Message::from_octets(&octets) {
            prop_assert_eq!(message.to_octets(), &octets[..]);
        }
        if let Ok(record) = LogRecord::from_octets(&octets) {
            prop_assert_eq!(record.to_octets(), &octets[..]);
        }
        if let Ok(report) = StatusReport::from_octets(&octets) {
            prop_assert_eq!(report.to_octets(), &octets[..]);
        }
    }
}

#[test]
fn messages_records_and_reports_read_back_as_written() {
    let keys = Keys::new();
    let (mut lane, mut pos) = (purse("lane-1"), purse("pos-1"));
    let details = first_details();
    let (from, to) = (
        Message::StartFrom(details.clone()),
        Message::StartTo(details.clone()),
    );
    let mut messages = vec![from.clone(), to.clone()];
    let mut records = Vec::new();
    let _ = lane.receive(from, minor(9), keys.lane()).unwrap();
    let mut next = pos.receive(to, minor(0), keys.pos()).unwrap().reply;
    for lane_side in [true, false, true] {
        let message = next.take().unwrap();
        messages.push(message.clone());
        let step = if lane_side {
            lane.receive(message, minor(9), keys.lane()).unwrap()
        } else {
            pos.receive(message, minor(0), keys.pos()).unwrap()
        };
        records.extend(step.record);
        next = step.reply;
    }
    assert_eq!((messages.len(), records.len(), next), (5, 2, None));
    for message in messages {
        assert_eq!(Message::from_octets(&message.to_octets()), Ok(message));
    }
    for record in records {
        assert!(record.is_evidenced(&keys.pair));
        assert_eq!(LogRecord::from_octets(&record.to_octets()), Ok(record));
    }
    let report = pos.report(&details, &keys.pos).unwrap();
    assert_eq!(report.standing(), Standing::Credited);
    assert_eq!(StatusReport::from_octets(&report.to_octets()), Ok(report));
}

/// The MAC was computed by OpenSSL 3 (`openssl mac -cipher AES-128-CBC`) over the octets before it.
#[test]
fn a_request_has_the_documented_octets() {
    let keys = Keys::new();
    let step = at(State::Epv).0.resume(keys.pos()).unwrap();
    assert_eq!(hex::encode(step.to_octets()), REQUEST);
}

/// Only what equals the pending payment to the last field is followed, however well it is sealed.
#[test]
fn a_sealed_message_about_other_details_moves_nothing() {
    let keys = Keys::new();
    let usd = "USD".parse().unwrap();
    let others = [
        PaymentDetails {
            value: minor(6),
            ..first_details()
        },
        PaymentDetails {
            currency: usd,
            ..first_details()
        },
        PaymentDetails {
            merchant: "other".parse().unwrap(),
            ..first_details()
        },
        PaymentDetails {
            purchase: PurchaseId(2),
            ..first_details()
        },
        PaymentDetails {
            refund_of: Some(PurchaseId(1)),
            ..first_details()
        },
        PaymentDetails {
            pon: None,
            ..first_details()
        },
        PaymentDetails {
            deliver_within_s: 91,
            ..first_details()
        },
    ];
    for other in others {
        let mut pos = Purse::new("pos-1".parse().unwrap(), other.currency);
        let asked = pos
            .receive(Message::StartTo(other.clone()), minor(0), keys.pos())
            .unwrap();
        let (mut lane, _) = at(State::Epr);
        let refused = lane.receive(asked.reply.unwrap(), minor(9), keys.lane());
        assert_eq!(refused, Err(SvError::NotExpected), "{other:?}");
    }
}

#[test]
fn a_float_drawn_on_by_another_lane_meanwhile_is_not_overdrawn() {
    let keys = Keys::new();
    let (mut lane, _) = at(State::Epr);
    let before = lane.clone();
    let available = minor(4);
    let refused = lane.receive(message(2, &lane), available, keys.lane());
    assert_eq!(
        (refused, &lane),
        (Err(SvError::InsufficientFunds { available }), &before)
    );
}

#[test]
fn a_full_exception_log_stops_new_payments_until_the_archive_has_it() {
    let keys = Keys::new();
    let mut pos = purse("pos-1");
    for _ in 0..MAX_EXCEPTIONS {
        let _ = pos.receive(message(1, &pos), minor(0), keys.pos()).unwrap();
        assert!(pos.abort(&keys.pos).is_some());
        pos = Purse::from_row(pos.into_row()).unwrap();
    }
    let refused = pos.receive(message(1, &pos), minor(0), keys.pos());
    assert_eq!(refused, Err(SvError::ExceptionLogFull));

    let (results, _) = pos.read_exception_log(&keys.pos);
    let code = clear_code(&pos.row().name, &results, &keys.pos).unwrap();
    assert_eq!(
        clear_code(&pos.row().name, &results, &keys.lane),
        Err(SvError::NotAuthentic)
    );
    assert_eq!(pos.clear_exception_log(code, &keys.pos), Ok(()));
    assert_eq!(
        pos.clear_exception_log(code, &keys.pos),
        Err(SvError::WrongClearCode)
    );
    assert!(pos.receive(message(1, &pos), minor(0), keys.pos()).is_ok());
    let archived = pos
        .report(results[0].open(&keys.pos).unwrap().1, &keys.pos)
        .unwrap();
    assert_eq!(archived.standing(), Standing::Archived);
}

#[test]
fn a_restored_purse_goes_on_in_a_new_epoch_and_does_not_testify_about_the_old_one() {
    let keys = Keys::new();
    let (mut lane, _) = at(State::Epa);
    assert!(lane.enter_epoch(0, &keys.lane).is_err());
    assert!(lane.enter_epoch(1, &keys.lane).unwrap().is_some());
    let report = lane.report(&first_details(), &keys.lane).unwrap();
    assert_eq!(report.standing(), Standing::OtherEpoch);
    assert_eq!(lane.row().next_seq, SequenceNo::first(1));
}

#[test]
fn the_last_number_of_an_epoch_is_never_used() {
    let keys = Keys::new();
    let mut row = purse("pos-1").into_row();
    row.next_seq = SequenceNo::try_from((1 << 48) - 1).unwrap();
    let mut pos = Purse::from_row(row).unwrap();
    let refused = pos.receive(message(1, &pos), minor(0), keys.pos());
    assert_eq!(refused, Err(SvError::SequenceSpent));
}

#[test]
fn a_stored_purse_that_contradicts_itself_is_refused() {
    let good = at(State::Epa).0.into_row();
    assert!(Purse::from_row(good.clone()).is_ok());
    let mut rows = vec![good.clone(), good.clone(), good.clone(), good.clone()];
    rows[0].next_seq = first_details().from_seq;
    rows[1].status = Status::Epv(first_details());
    rows[2].name = "lane-2".parse().unwrap();
    rows[3].currency = "USD".parse().unwrap();
    for row in rows {
        assert_eq!(Purse::from_row(row), Err(SvError::CorruptPurse));
    }
}

struct Keys {
    lane: MacKey,
    pos: MacKey,
    pair: MacKey,
}

impl Keys {
    fn new() -> Self {
        let [lane, pos, pair] = [1, 2, 3].map(|octet| MacKey::new(&[octet; 16]));
        Self { lane, pos, pair }
    }

    fn lane(&self) -> EndKeys<'_> {
        EndKeys {
            own: &self.lane,
            pair: &self.pair,
        }
    }

    fn pos(&self) -> EndKeys<'_> {
        EndKeys {
            own: &self.pos,
            pair: &self.pair,
        }
    }
}

fn first_details() -> PaymentDetails {
    PaymentDetails {
        from: "lane-1".parse().unwrap(),
        to: "pos-1".parse().unwrap(),
        merchant: "coffee".parse().unwrap(),
        value: minor(5),
        currency: EUR.parse().unwrap(),
        from_seq: SequenceNo::first(0),
        to_seq: SequenceNo::first(0),
        purchase: PurchaseId(1),
        refund_of: None,
        pon: Some(83_920_171),
        deliver_within_s: 90,
    }
}

fn purse(name: &str) -> Purse {
    Purse::new(name.parse().unwrap(), EUR.parse().unwrap())
}

fn minor(amount: i64) -> MinorUnits {
    MinorUnits::try_from(amount).unwrap()
}

fn any_details() -> impl Strategy<Value = PaymentDetails> {
    let id = "[A-Za-z0-9._-]{1,32}";
    let currency = (0..Currency::all().count()).prop_map(|at| Currency::all().nth(at).unwrap());
    let ids = (id, id, id, any::<i64>(), any::<Option<i64>>());
    let numbers = (
        0..=i64::MAX,
        0..=i64::MAX,
        0..=i64::MAX,
        any::<Option<u32>>(),
        any::<u32>(),
    );
    (ids, numbers, currency).prop_map(
        |(
            (from, to, merchant, purchase, original),
            (value, from_seq, to_seq, pon, s),
            currency,
        )| {
            PaymentDetails {
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                merchant: merchant.parse().unwrap(),
                value: minor(value),
                currency,
                from_seq: from_seq.try_into().unwrap(),
                to_seq: to_seq.try_into().unwrap(),
                purchase: PurchaseId(purchase),
                refund_of: original.map(PurchaseId),
                pon,
                deliver_within_s: s,
            }
        },
    )
}

const EUR: &str = "EUR";
const REQUEST: &str = concat!(
    "0103066c616e652d3105706f732d3106636f66666565000000000000000503d20000000000000001",
    "0000000000000001000000000000000100010500852b0000005af72a4b54033ff0a6710e8cc5459b",
    "a832",
);
