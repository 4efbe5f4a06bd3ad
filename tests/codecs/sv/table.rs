//! Every cell of PRG-126's table: five states, five messages.

use svgate::sv::SvError;
use svgate::sv::message::{Message, PaymentDetails};
use svgate::sv::purse::{Movement, Purse, Step};

use super::{Keys, first_details, minor, purse};

/// Rows: what the purse waits for. Columns: what comes, for the pending payment.
#[test]
fn every_cell_of_the_table_does_what_prg_126_says() {
    use Said::{Ack, Debit, Nothing, Refused, Req, Val};
    // Columns: fresh startFrom, fresh startTo, req, val, ack.
    let table = [
        (State::Idle, [Nothing, Req, Refused, Refused, Refused]),
        (State::Epr, [Nothing, Req, Debit, Refused, Refused]),
        (State::Epv, [Nothing, Req, Refused, Ack, Refused]),
        (State::Epa, [Nothing, Req, Val, Refused, Nothing]),
        (State::Credited, [Nothing, Req, Refused, Ack, Refused]),
    ];
    for (state, row) in table {
        for (column, expected) in row.into_iter().enumerate() {
            let (mut purse, lane_side) = at(state);
            let before = purse.clone();
            let keys = Keys::new();
            let ends = if lane_side { keys.lane() } else { keys.pos() };
            let said = match purse.receive(message(column, &purse), minor(9), ends) {
                Ok(step) => said(&step),
                Err(error) => {
                    assert_eq!((error, &purse), (SvError::NotExpected, &before));
                    Refused
                }
            };
            assert_eq!(said, expected, "{state:?} column {column}");
            let gave_up = column < 2 && matches!(state, State::Epv | State::Epa);
            assert_eq!(
                purse.row().exceptions.len(),
                usize::from(gave_up),
                "{state:?} {column}"
            );
            assert_eq!(purse.row().next_seq > before.row().next_seq, column < 2);
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    Idle,
    Epr,
    Epv,
    Epa,
    Credited,
}

#[derive(Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Req,
    Debit,
    Val,
    Ack,
    Refused,
}

/// A purse in that state, and whether it is the payer of the first payment.
pub(super) fn at(state: State) -> (Purse, bool) {
    let keys = Keys::new();
    let steps: &[usize] = match state {
        State::Idle => &[],
        State::Epr => &[0],
        State::Epv => &[1],
        State::Epa => &[0, 2],
        State::Credited => &[1, 3],
    };
    let lane_side = !matches!(state, State::Epv | State::Credited);
    let (mut purse, ends) = if lane_side {
        (purse("lane-1"), keys.lane())
    } else {
        (purse("pos-1"), keys.pos())
    };
    for column in steps {
        let _ = purse
            .receive(message(*column, &purse), minor(9), ends)
            .unwrap();
    }
    (purse, lane_side)
}

/// What comes: a start under this purse's next number, or a sealed message of the first payment.
pub(super) fn message(column: usize, purse: &Purse) -> Message {
    let keys = Keys::new();
    let (me, seq) = (purse.row().name.clone(), purse.row().next_seq);
    let other = if me.as_str() == "lane-1" {
        "pos-1"
    } else {
        "lane-1"
    }
    .parse()
    .unwrap();
    let first = first_details();
    match column {
        0 => Message::StartFrom(PaymentDetails {
            from: me,
            to: other,
            from_seq: seq,
            ..first
        }),
        1 => Message::StartTo(PaymentDetails {
            from: other,
            to: me,
            to_seq: seq,
            ..first
        }),
        2 => at(State::Epv).0.resume(keys.pos()).unwrap(),
        3 => at(State::Epa).0.resume(keys.lane()).unwrap(),
        _ => at(State::Credited).0.resume(keys.pos()).unwrap(),
    }
}

fn said(step: &Step) -> Said {
    match (step.movement, &step.reply) {
        (Movement::Debit(_), Some(Message::Val { .. })) => Said::Debit,
        (Movement::None, Some(Message::Req { .. })) => Said::Req,
        (Movement::None, Some(Message::Val { .. })) => Said::Val,
        (Movement::None | Movement::Credit(_), Some(Message::Ack { .. })) => Said::Ack,
        (Movement::None, None) => Said::Nothing,
        (movement, reply) => panic!("{movement:?} {reply:?}"),
    }
}
