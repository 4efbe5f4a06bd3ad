//! Every cell of the table of states and events, written by hand.

use super::*;

const STATES: [State; 14] = [
    State::Requested,
    State::Ordered,
    State::Refused {
        cause: Refusal::OverCap,
    },
    State::Expired,
    State::Paying,
    State::InDoubt,
    State::Paid,
    State::Accepted,
    State::Dispensing,
    State::Supplied { units: 3 },
    State::Refunding { supplied: 2 },
    State::Refunding { supplied: 0 },
    State::Refunded,
    State::Unknown,
];

const EVENTS: [Event; 23] = [
    Event::Checked,
    Event::Refuse(Refusal::OverCap),
    Event::PaymentStarted,
    Event::ValueAcknowledged,
    Event::ProvenUnpaid,
    Event::ProvenLost,
    Event::DeadlinePassed,
    Event::AckAccepted,
    Event::AckWithdrawn,
    Event::DispensingStarted,
    Event::SupplyReported { units: 3 },
    Event::SupplyReported { units: 2 },
    Event::SupplyReported { units: 0 },
    Event::SupplyReported { units: 4 },
    Event::TerminalReset { approved: true },
    Event::TerminalReset { approved: false },
    Event::RefundReceived,
    Event::Resolved { units: 3 },
    Event::Resolved { units: 2 },
    Event::Resolved { units: 0 },
    Event::Resolved { units: 4 },
    Event::MerchantRevoked,
    Event::BooksRestored,
];

/// The outcome of every event (row, in the order of [`EVENTS`]) in every state (column, in the
/// order of [`STATES`]), written by hand: `.` refused as out of order, else the first letters
/// of the state that follows.
const TABLE: [&str; 23] = [
    //req ord rfs exp pay dbt pai acc dis sup rf2 rf0 rfd unk
    "ord .   .   .   .   .   .   .   .   .   .   .   .   .", // checked
    "rfs rfs .   .   .   .   .   .   .   .   .   .   .   .", // refuse
    ".   pay .   .   .   .   .   .   .   .   .   .   .   .", // started
    ".   pai .   .   pai pai .   .   .   .   .   .   .   .", // value ack
    ".   .   .   .   rfs rfs .   .   .   .   .   .   .   .", // unpaid
    ".   .   .   .   rfd rfd .   .   .   .   .   .   .   .", // lost
    ".   exp .   .   dbt dbt rf0 unk unk .   .   .   .   .", // deadline
    ".   .   .   .   .   .   acc .   .   .   .   .   .   .", // accepted
    ".   .   .   .   .   .   rf0 .   .   .   .   .   .   .", // withdrawn
    ".   .   .   .   .   .   .   dis .   .   .   .   .   .", // dispensing
    ".   .   .   .   .   .   .   sup sup .   .   .   .   sup", // supplied 3
    ".   .   .   .   .   .   .   rf2 rf2 .   .   .   .   rf2", // supplied 2
    ".   .   .   .   .   .   .   rf0 rf0 .   .   .   .   rf0", // supplied 0
    ".   .   .   .   .   .   .   .   .   .   .   .   .   .", // supplied 4
    ".   .   .   .   .   .   .   sup sup .   .   .   .   sup", // reset, yes
    ".   .   .   .   .   .   .   rf0 rf0 .   .   .   .   rf0", // reset, no
    ".   .   .   .   .   .   .   .   .   .   sup rfd .   .", // received
    ".   .   .   .   .   .   .   .   .   .   .   .   .   sup", // resolved 3
    ".   .   .   .   .   .   .   .   .   .   .   .   .   rf2", // resolved 2
    ".   .   .   .   .   .   .   .   .   .   .   .   .   rf0", // resolved 0
    ".   .   .   .   .   .   .   .   .   .   .   .   .   .", // resolved 4
    ".   rfs .   .   .   .   rf0 .   .   .   .   .   .   .", // revoked
    ".   .   .   .   .   .   unk unk unk .   .   .   .   .", // restored
];

/// What is carried out in the same cells, in order: `S`end value, `H`old charge, re`L`ease the
/// hold, return `V`alue, `C`harge, `A`ck to the terminal, `M`essage of confirmation, refund of
/// `1` or `3` units, `F`inish; `-` nothing.
const EFFECTS: [&str; 23] = [
    //req  ord  rfs  exp  pay  dbt  pai  acc  dis  sup  rf2  rf0  rfd  unk
    "-    .    .    .    .    .    .    .    .    .    .    .    .    .", // checked
    "-    -    .    .    .    .    .    .    .    .    .    .    .    .", // refuse
    ".    HS   .    .    .    .    .    .    .    .    .    .    .    .", // started
    ".    CAM  .    .    LCAM LCAM .    .    .    .    .    .    .    .", // value ack
    ".    .    .    .    LV   LV   .    .    .    .    .    .    .    .", // unpaid
    ".    .    .    .    LVF  LVF  .    .    .    .    .    .    .    .", // lost
    ".    -    .    .    S    S    3    -    -    .    .    .    .    .", // deadline
    ".    .    .    .    .    .    -    .    .    .    .    .    .    .", // accepted
    ".    .    .    .    .    .    3    .    .    .    .    .    .    .", // withdrawn
    ".    .    .    .    .    .    .    -    .    .    .    .    .    .", // dispensing
    ".    .    .    .    .    .    .    F    F    .    .    .    .    F", // supplied 3
    ".    .    .    .    .    .    .    1    1    .    .    .    .    1", // supplied 2
    ".    .    .    .    .    .    .    3    3    .    .    .    .    3", // supplied 0
    ".    .    .    .    .    .    .    .    .    .    .    .    .    .", // supplied 4
    ".    .    .    .    .    .    .    F    F    .    .    .    .    F", // reset, yes
    ".    .    .    .    .    .    .    3    3    .    .    .    .    3", // reset, no
    ".    .    .    .    .    .    .    .    .    .    F    F    .    .", // received
    ".    .    .    .    .    .    .    .    .    .    .    .    .    F", // resolved 3
    ".    .    .    .    .    .    .    .    .    .    .    .    .    1", // resolved 2
    ".    .    .    .    .    .    .    .    .    .    .    .    .    3", // resolved 0
    ".    .    .    .    .    .    .    .    .    .    .    .    .    .", // resolved 4
    ".    -    .    .    .    .    3    .    .    .    .    .    .    .", // revoked
    ".    .    .    .    .    .    -    -    -    .    .    .    .    .", // restored
];

fn short(state: State) -> &'static str {
    match state {
        State::Requested => "req",
        State::Ordered => "ord",
        State::Refused { .. } => "rfs",
        State::Expired => "exp",
        State::Paying => "pay",
        State::InDoubt => "dbt",
        State::Paid => "pai",
        State::Accepted => "acc",
        State::Dispensing => "dis",
        State::Supplied { .. } => "sup",
        State::Refunding { supplied: 0 } => "rf0",
        State::Refunding { .. } => "rf2",
        State::Refunded => "rfd",
        State::Unknown => "unk",
    }
}

fn letter(effect: Effect) -> String {
    let letter = match effect {
        Effect::SendValue => "S",
        Effect::HoldCharge => "H",
        Effect::ReleaseHold => "L",
        Effect::ReturnValue => "V",
        Effect::Charge => "C",
        Effect::AckTerminal => "A",
        Effect::Confirm => "M",
        Effect::Refund { units } => return units.to_string(),
        Effect::Finish => "F",
    };
    letter.to_owned()
}

fn purchase(state: State) -> Purchase {
    Purchase {
        id: PurchaseId(1),
        units: 3,
        state,
    }
}

#[test]
fn every_cell_of_states_and_events_is_as_the_tables_have_it() {
    let cells = |row: &'static str| row.split_whitespace().collect::<Vec<_>>();
    for ((event, states), effects) in EVENTS.into_iter().zip(TABLE).zip(EFFECTS) {
        let (states, effects) = (cells(states), cells(effects));
        assert_eq!((states.len(), effects.len()), (STATES.len(), STATES.len()));
        for (state, want) in STATES.into_iter().zip(states.into_iter().zip(effects)) {
            let got = purchase(state).on(event).map(|step| {
                let told: String = step.effects().map(letter).collect();
                let told = if told.is_empty() { "-" } else { &told }.to_owned();
                (short(step.after.state), told)
            });
            let got = got.unwrap_or((".", ".".to_owned()));
            assert_eq!((got.0, got.1.as_str()), want, "{state:?} on {event:?}");
        }
    }
}

/// The tables' letters tell neither the cause of a refusal nor how many pieces stand.
#[test]
fn a_refusal_has_its_cause_and_an_end_its_pieces() {
    let after = |state, event| purchase(state).on(event).unwrap().after.state;
    let refused = |cause| State::Refused { cause };
    for (state, event, end) in [
        (
            State::Requested,
            Event::Refuse(Refusal::Busy),
            refused(Refusal::Busy),
        ),
        (
            State::Paying,
            Event::ProvenUnpaid,
            refused(Refusal::NotPaid),
        ),
        (
            State::Ordered,
            Event::MerchantRevoked,
            refused(Refusal::MerchantClosed),
        ),
        (
            State::Dispensing,
            Event::SupplyReported { units: 2 },
            State::Refunding { supplied: 2 },
        ),
        (
            State::Refunding { supplied: 2 },
            Event::RefundReceived,
            State::Supplied { units: 2 },
        ),
        (
            State::Unknown,
            Event::Resolved { units: 3 },
            State::Supplied { units: 3 },
        ),
    ] {
        assert_eq!(after(state, event), end, "{state:?} on {event:?}");
    }
}

#[test]
fn nothing_follows_a_final_state() {
    for state in STATES.into_iter().filter(|s| s.is_final()) {
        for event in EVENTS {
            assert!(purchase(state).on(event).is_err(), "{state:?} {event:?}");
        }
    }
}

#[test]
fn each_path_to_paid_charges_once_and_each_path_from_it_ends_the_charge_once() {
    let effects = |state, event| -> Vec<Effect> {
        purchase(state)
            .on(event)
            .map(|s| s.effects().collect())
            .unwrap_or_default()
    };
    for state in STATES {
        for event in EVENTS {
            let list = effects(state, event);
            let after = purchase(state).on(event).map_or(state, |s| s.after.state);
            let charges = list.iter().filter(|e| **e == Effect::Charge).count();
            assert_eq!(charges == 1, after == State::Paid && state != State::Paid);
            let refunds = list.iter().any(|e| matches!(e, Effect::Refund { .. }));
            let begins = matches!(after, State::Refunding { .. }) && after != state;
            assert_eq!(refunds, begins, "{state:?} {event:?}");
        }
    }
}
