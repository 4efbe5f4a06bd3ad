//! A whole transfer in one step, for two ends of this process that are stored in one commit.
//!
//! Every message of the protocol is made by one end and checked by the other, as if a network lay
//! between them, so that each end's record rests on what reached that end.

use crate::domain::ids::{MerchantId, PurchaseId};
use crate::domain::money::{Currency, MinorUnits};
use crate::sv::log::LogRecord;
use crate::sv::mac::{EndKeys, MacKey};
use crate::sv::message::{Message, PaymentDetails};
use crate::sv::purse::{Movement, Purse};
use crate::sv::{Lane, PosPurse, SvError};

/// What is to be paid, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// For whom the POS receives.
    pub merchant: MerchantId,
    /// What the merchant gets.
    pub value: MinorUnits,
    /// The currency of lane, POS and merchant.
    pub currency: Currency,
    /// The purchase that this pays.
    pub purchase: PurchaseId,
    /// The payment order number, where one was allotted.
    pub pon: Option<u32>,
    /// How long the merchant has to deliver, from the payment on.
    pub deliver_within_s: u32,
}

/// What is to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundOrder<'a> {
    /// The refund's own id.
    pub refund: PurchaseId,
    /// What goes back: the whole, or for the units not supplied. That all refunds of one payment
    /// stay within it is held by the store, which knows the others.
    pub value: MinorUnits,
    /// The payment that it gives back, as the POS has it in its log.
    pub original: &'a PaymentDetails,
}

/// The keys of an in-process transfer. Lane and POS keep their roles in a refund.
#[derive(Clone, Copy)]
pub struct TransferKeys<'a> {
    /// The lane's own key.
    pub lane: &'a MacKey,
    /// The POS's own key.
    pub pos: &'a MacKey,
    /// The key of this lane with this POS.
    pub pair: &'a MacKey,
}

/// What a transfer left at its two ends, and what the ledger has to move.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Receipts {
    /// The payer's record, made from the `ack` that it received.
    pub payer: LogRecord,
    /// The payee's record, made from the `val` that it received.
    pub payee: LogRecord,
    /// What the payer took from its value.
    pub debit: MinorUnits,
    /// What the payee added to its own. A correct protocol makes it equal to `debit`; the ledger
    /// may check.
    pub credit: MinorUnits,
}

/// Pays `order` from the float behind `lane`, of which `available` may be drawn on, to `pos`.
///
/// # Errors
///
/// [`SvError::InDoubt`] when either end has a payment under way: it is resumed or left first.
/// Otherwise what [`Purse::receive`] refused. After an error neither end has changed.
pub fn pay(
    lane: &mut Lane,
    pos: &mut PosPurse,
    available: MinorUnits,
    order: &Order,
    keys: TransferKeys<'_>,
) -> Result<Receipts, SvError> {
    let details = PaymentDetails {
        from: lane.0.row().name.clone(),
        to: pos.0.row().name.clone(),
        merchant: order.merchant.clone(),
        value: order.value,
        currency: order.currency,
        from_seq: lane.0.row().next_seq,
        to_seq: pos.0.row().next_seq,
        purchase: order.purchase,
        refund_of: None,
        pon: order.pon,
        deliver_within_s: order.deliver_within_s,
    };
    let from = EndKeys {
        own: keys.lane,
        pair: keys.pair,
    };
    let to = EndKeys {
        own: keys.pos,
        pair: keys.pair,
    };
    transfer((&mut lane.0, from), (&mut pos.0, to), available, details)
}

/// Gives value of `order.original` back: a new transfer, from `pos` to the float behind `lane`,
/// which need not be the lane that paid. `available` is what the POS holds for the merchant.
///
/// # Errors
///
/// [`SvError::NotRefundable`] when the original is a refund, was not paid to this POS, or is less
/// than `order.value`; otherwise as [`pay`]. After an error neither end has changed.
pub fn refund(
    pos: &mut PosPurse,
    lane: &mut Lane,
    available: MinorUnits,
    order: &RefundOrder<'_>,
    keys: TransferKeys<'_>,
) -> Result<Receipts, SvError> {
    let original = order.original;
    let paid_here = original.to == pos.0.row().name && original.refund_of.is_none();
    if !paid_here || order.value > original.value {
        return Err(SvError::NotRefundable);
    }
    let details = PaymentDetails {
        from: pos.0.row().name.clone(),
        to: lane.0.row().name.clone(),
        merchant: original.merchant.clone(),
        value: order.value,
        currency: original.currency,
        from_seq: pos.0.row().next_seq,
        to_seq: lane.0.row().next_seq,
        purchase: order.refund,
        refund_of: Some(original.purchase),
        pon: original.pon,
        deliver_within_s: 0,
    };
    let from = EndKeys {
        own: keys.pos,
        pair: keys.pair,
    };
    let to = EndKeys {
        own: keys.lane,
        pair: keys.pair,
    };
    transfer((&mut pos.0, from), (&mut lane.0, to), available, details)
}

/// Runs `startFrom … ack` on copies of both ends, and keeps them only when all of it went through.
fn transfer(
    (from, from_keys): (&mut Purse, EndKeys<'_>),
    (to, to_keys): (&mut Purse, EndKeys<'_>),
    available: MinorUnits,
    details: PaymentDetails,
) -> Result<Receipts, SvError> {
    if !from.is_idle() || !to.is_idle() {
        return Err(SvError::InDoubt);
    }
    let (mut paying, mut receiving) = (from.clone(), to.clone());
    // The payee draws on nothing, whatever it is told.
    let nothing = MinorUnits::ZERO;
    let _begun = paying.receive(Message::StartFrom(details.clone()), available, from_keys)?;
    let asked = receiving.receive(Message::StartTo(details), nothing, to_keys)?;
    let debited = paying.receive(said(asked.reply)?, available, from_keys)?;
    let credited = receiving.receive(said(debited.reply)?, nothing, to_keys)?;
    let closed = paying.receive(said(credited.reply)?, available, from_keys)?;
    let (Movement::Debit(debit), Movement::Credit(credit), Some(payer), Some(received)) = (
        debited.movement,
        credited.movement,
        closed.record,
        credited.record,
    ) else {
        return Err(SvError::NotExpected);
    };
    receiving.forget_ack();
    (*from, *to) = (paying, receiving);
    Ok(Receipts {
        payer,
        payee: received,
        debit,
        credit,
    })
}

/// The reply of a step that always has one.
fn said(reply: Option<Message>) -> Result<Message, SvError> {
    reply.ok_or(SvError::NotExpected)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sv::log::{ChainHead, Evidence, verify_chain};
    use crate::sv::sequence::SequenceNo;

    #[test]
    fn a_payment_leaves_each_end_a_record_that_rests_on_what_it_received() {
        let mut bench = Bench::new();
        let receipts = bench.pay(250, 1000).unwrap();
        assert_eq!((receipts.debit, receipts.credit), (minor(250), minor(250)));
        assert!(matches!(receipts.payer.evidence, Evidence::Ack { .. }));
        assert!(
            receipts.payer.is_evidenced(&bench.pair) && receipts.payee.is_evidenced(&bench.pair)
        );
        assert!(receipts.payee.has_good_s6(&bench.own_lane));
        assert!(!receipts.payee.has_good_s6(&bench.pair));
        assert_eq!(receipts.payer.details, receipts.payee.details);
        assert!(bench.lane.0.is_idle() && bench.pos.0.is_idle());

        let (lane_head, pos_head) = (bench.lane.0.row().log, bench.pos.0.row().log);
        let empty = ChainHead::default();
        assert!(verify_chain([receipts.payer], &bench.own_lane, empty, lane_head).is_ok());
        assert!(verify_chain([receipts.payee], &bench.own_pos, empty, pos_head).is_ok());
    }

    #[test]
    fn a_refund_goes_the_other_way_and_names_its_original() {
        let mut bench = Bench::new();
        let paid = bench.pay(250, 1000).unwrap().payer.details;
        let receipts = bench.refund(100, 250, &paid).unwrap();
        assert_eq!((receipts.debit, receipts.credit), (minor(100), minor(100)));
        let back = &receipts.payee.details;
        assert_eq!(
            (&back.from, &back.to, back.refund_of),
            (&paid.to, &paid.from, Some(paid.purchase))
        );
        assert!(receipts.payee.has_good_s6(&bench.own_pos));

        let stranger = PaymentDetails {
            to: "pos-2".parse().unwrap(),
            ..paid.clone()
        };
        for (value, original) in [(251, &paid), (1, back), (1, &stranger)] {
            assert_eq!(
                bench.refund(value, 1000, original),
                Err(SvError::NotRefundable)
            );
        }
    }

    #[test]
    fn a_refused_payment_changes_neither_end() {
        let mut bench = Bench::new();
        let before = (bench.lane.clone(), bench.pos.clone());
        let available = minor(249);
        assert_eq!(
            bench.pay(250, 249),
            Err(SvError::InsufficientFunds { available })
        );
        bench.currency = "USD".parse().unwrap();
        let purse = bench.lane.0.row().currency;
        assert_eq!(bench.pay(1, 9), Err(SvError::OtherCurrency { purse }));
        bench.currency = purse;
        // The POS is of another currency, which shows only after the lane has begun.
        bench.pos = PosPurse(Purse::new("pos-1".parse().unwrap(), "USD".parse().unwrap()));
        let other = bench.pos.0.row().currency;
        assert_eq!(
            bench.pay(1, 9),
            Err(SvError::OtherCurrency { purse: other })
        );
        bench.pos = before.1.clone();
        assert_eq!((bench.lane, bench.pos), before);
    }

    #[test]
    fn an_end_in_doubt_takes_no_new_payment_and_gives_none_up() {
        let mut bench = Bench::new();
        let keys = EndKeys {
            own: &bench.own_lane,
            pair: &bench.pair,
        };
        let start = Message::StartFrom(sample_details());
        let _ = bench.lane.0.receive(start, minor(9), keys).unwrap();
        let before = bench.lane.clone();
        assert_eq!(bench.pay(1, 9), Err(SvError::InDoubt));
        assert_eq!(bench.lane, before);
    }

    /// The first payment of `lane-1` to `pos-1`.
    pub(in crate::sv) fn sample_details() -> PaymentDetails {
        PaymentDetails {
            from: "lane-1".parse().unwrap(),
            to: "pos-1".parse().unwrap(),
            merchant: "coffee".parse().unwrap(),
            value: minor(5),
            currency: "EUR".parse().unwrap(),
            from_seq: SequenceNo::first(0),
            to_seq: SequenceNo::first(0),
            purchase: PurchaseId(1),
            refund_of: None,
            pon: Some(83_920_171),
            deliver_within_s: 90,
        }
    }

    struct Bench {
        lane: Lane,
        pos: PosPurse,
        own_lane: MacKey,
        own_pos: MacKey,
        pair: MacKey,
        currency: Currency,
    }

    impl Bench {
        fn new() -> Self {
            let currency = "EUR".parse().unwrap();
            Self {
                lane: Lane(Purse::new("lane-1".parse().unwrap(), currency)),
                pos: PosPurse(Purse::new("pos-1".parse().unwrap(), currency)),
                own_lane: MacKey::new(&[1; 16]),
                own_pos: MacKey::new(&[2; 16]),
                pair: MacKey::new(&[3; 16]),
                currency,
            }
        }

        fn pay(&mut self, value: i64, available: i64) -> Result<Receipts, SvError> {
            let order = Order {
                merchant: "coffee".parse().unwrap(),
                value: minor(value),
                currency: self.currency,
                purchase: PurchaseId(7),
                pon: None,
                deliver_within_s: 90,
            };
            let keys = TransferKeys {
                lane: &self.own_lane,
                pos: &self.own_pos,
                pair: &self.pair,
            };
            pay(
                &mut self.lane,
                &mut self.pos,
                minor(available),
                &order,
                keys,
            )
        }

        fn refund(
            &mut self,
            value: i64,
            available: i64,
            original: &PaymentDetails,
        ) -> Result<Receipts, SvError> {
            let order = RefundOrder {
                refund: PurchaseId(8),
                value: minor(value),
                original,
            };
            let keys = TransferKeys {
                lane: &self.own_lane,
                pos: &self.own_pos,
                pair: &self.pair,
            };
            refund(
                &mut self.pos,
                &mut self.lane,
                minor(available),
                &order,
                keys,
            )
        }
    }

    fn minor(amount: i64) -> MinorUnits {
        MinorUnits::try_from(amount).unwrap()
    }
}
