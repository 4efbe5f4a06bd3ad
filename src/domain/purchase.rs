//! A purchase's life as one pure function, [`Purchase::on`]; nothing else changes its state.
//!
//! ```text
//! Requested ─► Ordered ─► Paying ─► Paid ─► Accepted ─► Dispensing ─► Supplied
//!     │           │          │        │         │            ├─► Refunding ─► Refunded
//!     ▼           ▼          ▼        └─────────┴────────────┤
//!  Refused     Expired    InDoubt ── resume by replay        └─► Unknown ─► report | person
//! ```
//! The caller first stores the [`Step`], then carries out its effects.

use serde::{Deserialize, Serialize};

use crate::domain::ids::PurchaseId;
use crate::domain::refusal::Refusal;

/// What decides about one order of `units` pieces (1 for an amount): its id, size and state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// The order's id, by which every receiver knows a duplicate.
    pub id: PurchaseId,
    /// Pieces ordered, 1 to 99.
    pub units: u8,
    /// Where in its life it stands.
    pub state: State,
}

/// Where a purchase stands. A state carries only what that state has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// A proven order that is not checked yet.
    Requested,
    /// Catalogue, price and terminal are fixed; a kiosk's tentative order waits here.
    Ordered,
    /// Ended before payment, with nothing owed.
    Refused {
        /// Why.
        cause: Refusal,
    },
    /// A tentative order that nobody paid in time.
    Expired,
    /// Value left for a remote POS, and the full charge is held.
    Paying,
    /// No answer yet: the value may have arrived, so the last message is sent again.
    InDoubt,
    /// The merchant is paid and the subscriber charged; the terminal has not taken the ack.
    Paid,
    /// The terminal took the ack: the goods are its responsibility.
    Accepted,
    /// Goods are on their way out.
    Dispensing,
    /// Final: `units` pieces were given out and stand on the bill.
    Supplied {
        /// Pieces given out, 1 to the number ordered.
        units: u8,
    },
    /// The inverse charge stands; the value is on its way back from a POS.
    Refunding {
        /// Pieces given out, below the number ordered.
        supplied: u8,
    },
    /// Final: nothing was given out, and the whole charge is undone.
    Refunded,
    /// The terminal took the ack and fell silent. A person, a late report or the policy decides.
    Unknown,
}

/// What can happen to a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Every check before payment passed and the price is fixed.
    Checked,
    /// A check failed.
    Refuse(Refusal),
    /// A remote payment was started: value and charge are held.
    PaymentStarted,
    /// The POS holds the value: in this process at once, else by its `ack`.
    ValueAcknowledged,
    /// Both ends showed by MAC that the payer was never debited.
    ProvenUnpaid,
    /// Both ends logged the payment: the value is lost and reimbursed.
    ProvenLost,
    /// The time that this state may take has passed.
    DeadlinePassed,
    /// The terminal took the ack.
    AckAccepted,
    /// The terminal gave the ack back before anything was given out.
    AckWithdrawn,
    /// The terminal began to give out.
    DispensingStarted,
    /// The terminal says how many pieces it gave out, 0 to the number ordered.
    SupplyReported {
        /// Pieces given out.
        units: u8,
    },
    /// The terminal restarted after it took the ack: MDB/ICP 4.2 §7.
    TerminalReset {
        /// Whether "approved" had been written to the machine's journal before the reset.
        approved: bool,
    },
    /// The POS gave the value of the refund back.
    RefundReceived,
    /// A person or the merchant's policy decided what an unknown end was.
    Resolved {
        /// Pieces that count as given out.
        units: u8,
    },
    /// The merchant's contract ended.
    MerchantRevoked,
    /// The books were restored from a backup: what happened since then is forgotten.
    BooksRestored,
}

/// What follows from a step, in the order in which it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send the payment's last message (again) to the POS.
    SendValue,
    /// Hold the full charge: it counts against caps and credit.
    HoldCharge,
    /// Give the held charge free.
    ReleaseHold,
    /// The value in flight goes back to the float: it was never debited or is reimbursed.
    ReturnValue,
    /// Put the price on the bill.
    Charge,
    /// Tell the terminal that it is paid.
    AckTerminal,
    /// Tell the subscriber that it is paid.
    Confirm,
    /// Undo the charge for `units` pieces, tell the subscriber, and ask the value back.
    Refund {
        /// Pieces not given out.
        units: u8,
    },
    /// Nothing more happens: the ack is closed and the charge becomes exportable.
    Finish,
}

/// What [`Purchase::on`] decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The purchase after the event.
    pub after: Purchase,
    effects: [Option<Effect>; EFFECTS_MAX],
}

impl Step {
    /// What the caller carries out once `after` is stored, in order.
    pub fn effects(&self) -> impl Iterator<Item = Effect> + use<> {
        self.effects.into_iter().flatten()
    }
}

/// An event that this state does not take: a duplicate, late or forged. Nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is out of order in {state:?}")]
pub struct OutOfOrder {
    /// The state that stays.
    pub state: State,
    /// The event that was refused.
    pub event: Event,
}

impl Purchase {
    /// Decides the next step of this purchase's life and does nothing else.
    ///
    /// # Errors
    ///
    /// [`OutOfOrder`] for a duplicate, late or forged event; nothing changes.
    pub fn on(&self, event: Event) -> Result<Step, OutOfOrder> {
        use Effect::{
            AckTerminal, Charge, Confirm, Finish, HoldCharge, ReleaseHold, ReturnValue, SendValue,
        };
        use Event as E;
        use State as S;
        match (self.state, event) {
            (S::Requested, E::Checked) => Ok(self.to(S::Ordered, [])),
            (S::Requested | S::Ordered, E::Refuse(cause)) => Ok(self.to(S::Refused { cause }, [])),
            (S::Ordered, E::DeadlinePassed) => Ok(self.to(S::Expired, [])),
            (S::Ordered, E::MerchantRevoked) => Ok(self.to(
                S::Refused {
                    cause: Refusal::MerchantClosed,
                },
                [],
            )),
            (S::Ordered, E::PaymentStarted) => Ok(self.to(S::Paying, [HoldCharge, SendValue])),
            (S::Ordered, E::ValueAcknowledged) => {
                Ok(self.to(S::Paid, [Charge, AckTerminal, Confirm]))
            }
            (S::Paying | S::InDoubt, E::ValueAcknowledged) => {
                Ok(self.to(S::Paid, [ReleaseHold, Charge, AckTerminal, Confirm]))
            }
            // Silence is not a refusal: the value may have arrived. Send it again, never void.
            (S::Paying | S::InDoubt, E::DeadlinePassed) => Ok(self.to(S::InDoubt, [SendValue])),
            (S::Paying | S::InDoubt, E::ProvenUnpaid) => {
                let state = S::Refused {
                    cause: Refusal::NotPaid,
                };
                Ok(self.to(state, [ReleaseHold, ReturnValue]))
            }
            (S::Paying | S::InDoubt, E::ProvenLost) => {
                Ok(self.to(S::Refunded, [ReleaseHold, ReturnValue, Finish]))
            }
            (S::Paid, E::AckAccepted) => Ok(self.to(S::Accepted, [])),
            (S::Paid, E::AckWithdrawn | E::DeadlinePassed | E::MerchantRevoked) => {
                Ok(self.refund(0))
            }
            // The terminal may have taken the ack, and given out or back, since the backup.
            (S::Paid | S::Accepted | S::Dispensing, E::BooksRestored) => {
                Ok(self.to(S::Unknown, []))
            }
            (S::Accepted, E::DispensingStarted) => Ok(self.to(S::Dispensing, [])),
            // Accept won: the goods may be on their way. A machine that gives none out reports 0.
            // After it took the money, silence proves nothing in either direction.
            (S::Accepted | S::Dispensing, E::DeadlinePassed) => Ok(self.to(S::Unknown, [])),
            (S::Accepted | S::Dispensing | S::Unknown, E::SupplyReported { units })
            | (S::Unknown, E::Resolved { units })
                if units <= self.units =>
            {
                Ok(self.supplied(units))
            }
            (S::Accepted | S::Dispensing | S::Unknown, E::TerminalReset { approved }) => {
                Ok(self.supplied(if approved { self.units } else { 0 }))
            }
            (S::Refunding { supplied: 0 }, E::RefundReceived) => Ok(self.to(S::Refunded, [Finish])),
            (S::Refunding { supplied }, E::RefundReceived) => {
                Ok(self.to(S::Supplied { units: supplied }, [Finish]))
            }
            (state, event) => Err(OutOfOrder { state, event }),
        }
    }

    fn supplied(&self, units: u8) -> Step {
        if units == self.units {
            self.to(State::Supplied { units }, [Effect::Finish])
        } else {
            self.refund(units)
        }
    }

    fn refund(&self, supplied: u8) -> Step {
        let units = self.units.saturating_sub(supplied);
        self.to(State::Refunding { supplied }, [Effect::Refund { units }])
    }

    fn to<const N: usize>(self, state: State, wanted: [Effect; N]) -> Step {
        let mut effects = [None; EFFECTS_MAX];
        for (slot, effect) in effects.iter_mut().zip(wanted) {
            *slot = Some(effect);
        }
        Step {
            after: Self { state, ..self },
            effects,
        }
    }
}

impl State {
    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Refused { .. } | Self::Expired | Self::Supplied { .. } | Self::Refunded
        )
    }

    /// Whether the terminal still has something to do or to see: the ack is open.
    #[must_use]
    pub const fn ack_is_open(self) -> bool {
        matches!(
            self,
            Self::Paid | Self::Accepted | Self::Dispensing | Self::Unknown | Self::Refunding { .. }
        )
    }

    /// The state's name, as commands, files and machines see it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Ordered => "ordered",
            Self::Refused { .. } => "refused",
            Self::Expired => "expired",
            Self::Paying => "paying",
            Self::InDoubt => "in_doubt",
            Self::Paid => "paid",
            Self::Accepted => "accepted",
            Self::Dispensing => "dispensing",
            Self::Supplied { .. } => "supplied",
            Self::Refunding { .. } => "refunding",
            Self::Refunded => "refunded",
            Self::Unknown => "unknown",
        }
    }

    /// The name of OPC 30210-1 §8.16, `DeliveryAndPaymentStatusEnum`, for machines.
    #[must_use]
    pub const fn delivery_status(self) -> &'static str {
        match self {
            Self::Requested | Self::Ordered => "DeliveryRequestReceived",
            Self::Paying | Self::InDoubt => "PaymentInExecution",
            Self::Paid => "PaymentFinished",
            Self::Refused { .. } => "PaymentFailed",
            Self::Expired => "PaymentCancelledByUser",
            Self::Accepted | Self::Dispensing | Self::Unknown => "DeliveryInExecution",
            Self::Supplied { .. } => "DeliveryAndPaymentSuccess",
            Self::Refunding { .. } => "DeliveryFailRefundInExecution",
            Self::Refunded => "DeliveryFailRefundSuccess",
        }
    }
}

/// The longest list in [`Purchase::on`].
const EFFECTS_MAX: usize = 4;

#[cfg(test)]
mod tests;
