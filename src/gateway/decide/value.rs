//! Value on its way from the operator's float to a merchant's POS, and what it moves in the ledger.

use crate::domain::charge::Charge;
use crate::domain::ids::{MerchantId, PurchaseId, SubscriberId};
use crate::domain::ledger::Account;
use crate::domain::money::{Currency, MinorUnits};
use crate::domain::pon::Pon;
use crate::domain::refusal::Refusal;
use crate::gateway::context::Context;
use crate::gateway::decide::life;
use crate::gateway::world::{Movement, World};
use crate::sv::scheme::Scheme;
use crate::sv::sequence::SequenceNo;
use crate::sv::transfer::{Order as Payment, Receipts};
use crate::sv::{Lane, PosPurse, SvError};

/// Value to be paid to a merchant's POS.
pub(super) struct ValueOrder<'a> {
    pub(super) purchase: PurchaseId,
    pub(super) merchant: &'a MerchantId,
    pub(super) value: MinorUnits,
    pub(super) currency: Currency,
    pub(super) pon: Option<Pon>,
}

/// What a payment left at both ends, not yet in the world.
pub(super) struct Value {
    lane: Lane,
    pos: PosPurse,
    receipts: Receipts,
    from_seq: SequenceNo,
    to_seq: SequenceNo,
}

/// Pays on copies of both ends.
///
/// # Errors
///
/// [`Refusal::PurseEmpty`] when the float does not hold the value; [`Refusal::Protocol`] when the ends
/// do not agree.
pub(super) fn paid(
    world: &World,
    order: &ValueOrder<'_>,
    context: &Context,
) -> Result<Value, Refusal> {
    let currency = order.currency;
    let lane = world.lanes.get(&currency).ok_or(Refusal::PurseEmpty)?;
    let pos = world.pos.get(&currency).ok_or(Refusal::PurseEmpty)?;
    let (mut lane, mut pos) = (Lane(lane.clone()), PosPurse(pos.clone()));
    let keys = context.transfer_keys(currency).ok_or(Refusal::Protocol)?;
    let (from_seq, to_seq) = (lane.0.row().next_seq, pos.0.row().next_seq);
    let payment = Payment {
        merchant: order.merchant.clone(),
        value: order.value,
        currency,
        purchase: order.purchase,
        pon: order.pon.map(Pon::number),
        deliver_within_s: context.policy.accept_within_s,
    };
    let available = world.balance(&Account::Float, currency).available();
    let receipts = Scheme::MondexStyle
        .pay(&mut lane, &mut pos, available, &payment, keys)
        .map_err(|error| {
            let empty = matches!(error, SvError::InsufficientFunds { .. });
            if empty {
                Refusal::PurseEmpty
            } else {
                Refusal::Protocol
            }
        })?;
    // The POS compares value and currency with the order before it answers.
    if receipts.debit != order.value || receipts.credit != order.value {
        return Err(Refusal::Protocol);
    }
    Ok(Value {
        lane,
        pos,
        receipts,
        from_seq,
        to_seq,
    })
}

impl Value {
    /// Puts both ends back, with what they logged; the numbers of payer and payee in the payment.
    pub(super) fn enter(self, world: &mut World, currency: Currency) -> (Option<u64>, Option<u64>) {
        world.lanes.insert(currency, self.lane.0);
        world.pos.insert(currency, self.pos.0);
        let Receipts { payer, payee, .. } = &self.receipts;
        life::log(world, payer, payee, life::Payer::Lane);
        let number = |seq: SequenceNo| u64::try_from(seq.number()).ok();
        (number(self.from_seq), number(self.to_seq))
    }
}

/// What a payment moves: value to the merchant, gross amount to the bill.
pub(super) fn movements(
    subscriber: SubscriberId,
    merchant: &MerchantId,
    charge: Charge,
) -> Result<[Movement; 4], Refusal> {
    let value = charge.wholesale;
    let income = charge.gross().and_then(|gross| gross.minus(charge.tax));
    let income = income.map_err(|_| Refusal::Protocol)?;
    let held = Account::PosHeld(merchant.clone());
    let receivable = Account::Receivable(subscriber);
    let movement = |from, to, amount, kind| Movement {
        from,
        to,
        amount,
        kind,
    };
    Ok([
        movement(Account::Float, Account::InFlight, value, "pay"),
        movement(Account::InFlight, held, value, "pay"),
        movement(Account::Income, receivable.clone(), income, "charge"),
        movement(Account::Tax, receivable, charge.tax, "charge_tax"),
    ])
}
