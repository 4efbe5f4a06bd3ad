use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::domain::msisdn::Msisdn;
use crate::gateway::record::ShortMessage;

const HOME: QueueLimits = QueueLimits {
    rows_max: 10,
    in_flight_max: 3,
};

fn row(id: i64, smsc: &str) -> OutboxRow {
    OutboxRow {
        id: OutboxId(id),
        purchase: None,
        smsc: smsc.into(),
        from: "4711".into(),
        to: number(id),
        message: ShortMessage {
            udhi: false,
            protocol_id: 0,
            data_coding: 0,
            user_data: Bytes::new(),
        },
        created: Millis(0),
        expires: Millis(100_000),
        node: Some(0),
        asks: None,
    }
}

/// A number for each id, so that none waits for another.
fn number(id: i64) -> Msisdn {
    (491_700_000_000 + id).try_into().unwrap()
}

/// A dispatch that has read an empty store.
fn empty() -> Dispatch {
    let mut dispatch = Dispatch::new([("home".into(), HOME), ("away".into(), HOME)]);
    read_through(&mut dispatch, &[]);
    dispatch
}

fn read_through(dispatch: &mut Dispatch, store: &[OutboxRow]) {
    const PAGE: usize = 4;
    while let Some(after) = dispatch.ask_page() {
        let rows = store.iter().filter(|row| row.id > after).take(PAGE);
        let rows: Vec<_> = rows.cloned().collect();
        let short = rows.len() < PAGE;
        dispatch.page(rows, short);
    }
}

fn next_id(dispatch: &mut Dispatch, smsc: &str, now: i64) -> Option<i64> {
    dispatch.next(smsc, Millis(now)).map(|row| row.id.0)
}

fn ended(dispatch: &mut Dispatch) -> Vec<(i64, Option<String>)> {
    let ended = dispatch.take_ended(100).into_iter();
    let ended = ended.map(|settled| match settled.end {
        OutboxEnd::Taken { .. } => (settled.id.0, None),
        OutboxEnd::Parked { cause } => (settled.id.0, Some(cause.to_string())),
    });
    ended.collect()
}

fn taken() -> Answer {
    Answer::Taken {
        message_id: "a1".into(),
        receipt: true,
    }
}

#[test]
fn a_row_leaves_once_until_it_is_answered() {
    let mut dispatch = empty();
    dispatch.offer(row(1, "home"));
    dispatch.offer(row(1, "home"));
    assert_eq!(next_id(&mut dispatch, "away", 0), None);
    assert_eq!(next_id(&mut dispatch, "home", 0), Some(1));
    assert_eq!(next_id(&mut dispatch, "home", 0), None);
    dispatch.offer(row(1, "home"));
    assert_eq!(next_id(&mut dispatch, "home", 0), None);
    dispatch.answered("home", OutboxId(1), taken(), Millis(0));
    dispatch.answered("home", OutboxId(1), taken(), Millis(0));
    assert_eq!(ended(&mut dispatch), [(1, None)]);
    dispatch.offer(row(1, "home"));
    assert_eq!(next_id(&mut dispatch, "home", 0), None, "not settled yet");
    dispatch.settled([OutboxId(1)]);
    assert_eq!((dispatch.rows(), dispatch.is_quiet()), (0, true));
}

#[test]
fn refused_for_now_it_leaves_later_and_later_until_it_expires() {
    let mut dispatch = empty();
    dispatch.offer(row(1, "home"));
    let (mut now, mut waits) = (0, Vec::new());
    while next_id(&mut dispatch, "home", now).is_some() {
        dispatch.answered("home", OutboxId(1), Answer::Again, Millis(now));
        let due = dispatch.next_due("home").unwrap().0;
        assert_eq!(next_id(&mut dispatch, "home", due - 1), None);
        waits.push(due - now);
        now = due;
    }
    assert!(waits.is_sorted() && waits[0] >= 1_000, "{waits:?}");
    assert!(waits.iter().sum::<i64>() > 100_000 && waits.len() > 5);
    dispatch.tick(Millis(now));
    assert_eq!(ended(&mut dispatch), [(1, Some("expired".into()))]);
}

#[test]
fn refused_for_good_it_is_parked_with_its_cause() {
    let mut dispatch = empty();
    dispatch.offer(row(1, "home"));
    dispatch.offer(row(2, "nowhere"));
    next_id(&mut dispatch, "home", 0);
    let cause = "ESME_RINVDSTADR (0x0B)";
    let never = Answer::Never {
        cause: cause.into(),
    };
    dispatch.answered("home", OutboxId(1), never, Millis(0));
    let nowhere = Some("smsc nowhere is not configured".into());
    assert_eq!(
        ended(&mut dispatch),
        [(2, nowhere), (1, Some(cause.into()))]
    );
    dispatch.settled([OutboxId(1), OutboxId(2)]);
    assert_eq!(dispatch.rows(), 0);
}

#[test]
fn without_a_bind_a_queue_rests_and_keeps_its_order() {
    let mut dispatch = empty();
    (1..=3).for_each(|id| dispatch.offer(row(id, "home")));
    assert_eq!(next_id(&mut dispatch, "home", 0), Some(1));
    dispatch.answered("home", OutboxId(1), Answer::NotBound, Millis(0));
    assert!(!dispatch.is_ready("home", Millis(499)));
    assert_eq!(next_id(&mut dispatch, "home", 499), None);
    assert_eq!(next_id(&mut dispatch, "home", 500), Some(1));
}

#[test]
fn to_one_number_messages_leave_in_order_and_one_at_a_time() {
    let to_one = |id| OutboxRow {
        to: number(0),
        ..row(id, "home")
    };
    let mut dispatch = empty();
    for id in 1..=3 {
        dispatch.offer(to_one(id));
    }
    dispatch.offer(row(4, "home"));
    assert_eq!(next_id(&mut dispatch, "home", 0), Some(1));
    assert_eq!(next_id(&mut dispatch, "home", 0), Some(4), "another's");
    assert_eq!(next_id(&mut dispatch, "home", 0), None);
    // Throttled: the later ones wait as long as it does.
    dispatch.answered("home", OutboxId(1), Answer::Again, Millis(0));
    assert_eq!(next_id(&mut dispatch, "home", 0), None);
    let due = dispatch.next_due("home").unwrap().0;
    assert_eq!(next_id(&mut dispatch, "home", due), Some(1));
    dispatch.answered("home", OutboxId(1), Answer::NotBound, Millis(due));
    assert_eq!(next_id(&mut dispatch, "home", due + 500), Some(1));
    dispatch.answered("home", OutboxId(1), taken(), Millis(due));
    assert_eq!(next_id(&mut dispatch, "home", due + 500), Some(2));
    dispatch.answered("home", OutboxId(2), Answer::Again, Millis(due + 500));
    // It expires while it is put off: what waited behind it goes on.
    let late = OutboxRow {
        expires: Millis(900_000),
        ..to_one(5)
    };
    dispatch.offer(late);
    dispatch.tick(Millis(100_000));
    let ends: Vec<_> = ended(&mut dispatch).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ends, [1, 3, 2]);
    assert_eq!(next_id(&mut dispatch, "home", 100_000), Some(5));
    dispatch.answered("home", OutboxId(4), taken(), Millis(0));
    dispatch.answered("home", OutboxId(5), taken(), Millis(0));
    dispatch.settled((1..=5).map(OutboxId));
    assert_eq!((dispatch.rows(), dispatch.is_quiet()), (0, false));
}

#[test]
fn nothing_leaves_before_the_store_told_of_what_was_written_earlier() {
    let mut dispatch = Dispatch::new([("home".into(), HOME)]);
    dispatch.offer(row(7, "home"));
    assert_eq!(next_id(&mut dispatch, "home", 0), None, "after a start");
    assert!(!dispatch.is_ready("home", Millis(0)));
    read_through(&mut dispatch, &[row(3, "home"), row(7, "home")]);
    assert_eq!(next_id(&mut dispatch, "home", 0), Some(3));
    assert_eq!(next_id(&mut dispatch, "home", 0), Some(7));
    dispatch.offer(row(9, "home"));
    dispatch.read_missed();
    assert_eq!(next_id(&mut dispatch, "home", 0), None, "after a loss");
    read_through(
        &mut dispatch,
        &[row(3, "home"), row(7, "home"), row(8, "home")],
    );
    assert_eq!(next_id(&mut dispatch, "home", 0), Some(8));
}

#[test]
fn a_dead_smsc_takes_no_room_from_another() {
    let mut dispatch = empty();
    (1..=50).for_each(|id| dispatch.offer(row(id, "away")));
    (51..=53).for_each(|id| dispatch.offer(row(id, "home")));
    assert_eq!(dispatch.rows(), 13);
    assert_eq!(next_id(&mut dispatch, "home", 0), Some(51));
}

#[test]
fn a_row_settled_while_a_page_was_read_does_not_come_back_with_it() {
    let mut dispatch = empty();
    dispatch.offer(row(1, "home"));
    dispatch.read_all();
    assert_eq!(dispatch.ask_page(), Some(OutboxId(0)));
    next_id(&mut dispatch, "home", 0);
    dispatch.answered("home", OutboxId(1), taken(), Millis(0));
    dispatch.take_ended(1);
    dispatch.settled([OutboxId(1)]);
    dispatch.page(vec![row(1, "home")], true);
    assert_eq!((dispatch.rows(), dispatch.ask_page()), (0, None));
}

/// Numbers that messages go to.
const NUMBERS: i64 = 3;

/// What can happen, in any order.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Commit { away: bool, told: bool },
    Leave,
    Answer(u8),
    Settle,
    Ask,
    Page,
    ReadAll,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (any::<bool>(), any::<bool>())
            .prop_map(|(away, told)| Happening::Commit { away, told }),
        3 => Just(Happening::Leave),
        3 => (0_u8..4).prop_map(Happening::Answer),
        2 => Just(Happening::Settle),
        1 => Just(Happening::Ask),
        1 => Just(Happening::Page),
        1 => Just(Happening::ReadAll),
    ]
}

/// The store and the SMSCs around a dispatch.
struct Around {
    dispatch: Dispatch,
    store: BTreeMap<i64, OutboxRow>,
    away: Vec<(&'static str, i64)>,
    taken: Vec<i64>,
    /// Taken by the SMSC, settled or not.
    answered: HashSet<i64>,
    page: Option<(Vec<OutboxRow>, bool)>,
    last: i64,
    now: i64,
}

impl Around {
    /// No earlier message to the same number by the same SMSC is still to be taken.
    fn is_next_to_its_number(&self, smsc: &str, id: i64) {
        let earlier = self.store.range(..id).map(|(_, row)| row);
        let mut earlier =
            earlier.filter(|row| *row.smsc == *smsc && row.to == number(id % NUMBERS));
        let waits = |row: &OutboxRow| !self.answered.contains(&row.id.0);
        assert_eq!(earlier.find(|row| waits(row)), None, "{id} leaves before");
    }

    fn happens(&mut self, what: Happening) {
        self.now += 400;
        match what {
            Happening::Commit { away, told } => {
                self.last += 1;
                let mut row = row(self.last, if away { "away" } else { "home" });
                row.expires = Millis(i64::MAX);
                row.to = number(self.last % NUMBERS);
                self.store.insert(self.last, row.clone());
                if told {
                    self.dispatch.offer(row);
                } else {
                    self.dispatch.read_missed();
                }
            }
            Happening::Leave => {
                for smsc in ["home", "away"] {
                    if let Some(id) = next_id(&mut self.dispatch, smsc, self.now) {
                        assert!(self.store.contains_key(&id), "{id} was settled");
                        assert!(!self.away.contains(&(smsc, id)), "{id} is away twice");
                        self.is_next_to_its_number(smsc, id);
                        self.away.push((smsc, id));
                    }
                }
            }
            Happening::Answer(kind) => {
                let Some((smsc, id)) = self.away.pop() else {
                    return;
                };
                let answer = match kind {
                    0 => Answer::Again,
                    1 => Answer::NotBound,
                    _ => {
                        self.answered.insert(id);
                        taken()
                    }
                };
                let now = Millis(self.now);
                self.dispatch.answered(smsc, OutboxId(id), answer, now);
            }
            Happening::Settle => {
                for settled in self.dispatch.take_ended(2) {
                    assert!(self.store.remove(&settled.id.0).is_some(), "settled twice");
                    self.taken.push(settled.id.0);
                    self.dispatch.settled([settled.id]);
                }
            }
            Happening::Ask => {
                if let Some(after) = self.dispatch.ask_page() {
                    let above = self.store.range(after.0 + 1..).take(4);
                    let rows: Vec<_> = above.map(|(_, row)| row.clone()).collect();
                    let short = rows.len() < 4;
                    self.page = Some((rows, short));
                }
            }
            Happening::Page => match self.page.take() {
                Some((rows, short)) => self.dispatch.page(rows, short),
                None => self.dispatch.page_failed(),
            },
            Happening::ReadAll => self.dispatch.read_all(),
        }
        assert!(self.dispatch.rows() <= 2 * HOME.rows_max);
    }
}

proptest! {
    #[test]
    fn every_row_is_taken_once_whatever_is_lost_on_the_way(
        happenings in proptest::collection::vec(happening(), 0..400)
    ) {
        let mut around = Around {
            dispatch: Dispatch::new([("home".into(), HOME), ("away".into(), HOME)]),
            store: BTreeMap::new(),
            away: Vec::new(),
            taken: Vec::new(),
            answered: HashSet::new(),
            page: None,
            last: 0,
            now: 0,
        };
        for what in happenings {
            around.happens(what);
        }
        // What commits did not tell is found by reading the store.
        around.happens(Happening::ReadAll);
        for _ in 0..2_000 {
            if around.store.is_empty() {
                break;
            }
            for what in [Happening::Ask, Happening::Page, Happening::Leave] {
                around.happens(what);
            }
            around.happens(Happening::Answer(3));
            around.happens(Happening::Settle);
        }
        prop_assert!(around.store.is_empty(), "left: {:?}", around.store.keys());
        prop_assert_eq!(around.taken.len(), usize::try_from(around.last).unwrap());
        prop_assert_eq!(around.dispatch.rows(), 0);
    }
}
