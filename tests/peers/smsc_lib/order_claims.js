'use strict';
// What phones and machines saw, held against each other: each acknowledged order has its one outcome,
// and machines and confirmations tell of the same payments.

const {
  OUTCOMES, PAID, PART_REFUNDED, REFUNDED, isPaid,
} = require('./applet_data');
const { euros, purchaseReference } = require('./texts');

const name = (order) => `order ${order.id} (${order.channel}, ${order.msisdn}, ${order.terminal}, `
  + `${order.item ?? 'amount'} x${order.quantity}, ${order.gross})`;
const json = JSON.stringify;

/** What an order's own subscriber was told of as paid: purchases, or references in texts. */
function paymentsTold(order) {
  if (order.channel === 'text') return new Set(order.references);
  const paid = order.answers.filter(({ outcome }) => isPaid(outcome));
  return new Set(paid.map(({ purchase }) => purchase));
}

/** Orders: each acknowledged one has its one outcome. */
function checkOrders(checks, journal) {
  const { orders } = journal;
  const payable = orders.filter(({ expect }) => expect === 'paid');
  const refused = orders.filter(({ expect }) => expect !== 'paid');
  const withAnswers = (order) => `${name(order)} ${order.expect}: ${json(order.answers)}`;

  checks.claim('every order was acknowledged in the end', orders.length,
    orders.filter(({ acked }) => !acked).map(name));
  const acked = orders.filter((order) => order.acked);
  checks.claim('every acknowledged order has its answer', acked.length,
    acked.filter(({ answers }) => answers.length === 0).map(name));
  const told = payable.filter((order) => order.acked);
  checks.claim('every payable order is paid and confirmed', told.length,
    told.filter((order) => paymentsTold(order).size < order.payments).map(withAnswers));
  checks.claim('no order is paid twice (by its confirmations)', payable.length,
    payable.filter((order) => paymentsTold(order).size > order.payments).map(withAnswers));
  const forItsReason = (order) => order.answers.some(
    ({ outcome, kind }) => outcome === OUTCOMES[order.expect] || kind === order.expect,
  );
  checks.claim('orders that must be refused are, for their reason', refused.length,
    refused.filter((order) => paymentsTold(order).size > 0 || !forItsReason(order))
      .map(withAnswers));
  const confirmations = orders.flatMap((order) => order.answers
    .filter(({ outcome }) => outcome === PAID).map((answer) => ({ order, answer })));
  checks.claim('a confirmation names the price that was agreed to', confirmations.length,
    confirmations.filter(({ order, answer }) => answer.amount !== order.gross)
      .map(({ order, answer }) => `${name(order)}: ${answer.amount}`));
}

const fits = ({ order, ack }) => ack.terminal === order.terminal && ack.item === order.item
  && ack.units === order.quantity && ack.value === order.value && ack.currency === 'EUR';

function byKey(acks, keyOf) {
  const known = new Map();
  for (const ack of acks) known.set(keyOf(ack), [...(known.get(keyOf(ack)) ?? []), ack]);
  return known;
}

/** The ack of an order among those that have its reference: a text's 30 bits may be those of two purchases. */
function ackOf(order, candidates) {
  return candidates.find((ack) => fits({ order, ack })) ?? candidates[0];
}

/** Machines: their journals and the confirmations tell of the same payments. */
function checkMachines(checks, journal) {
  const { machines, orders } = journal;
  const acks = machines.flatMap(({ terminal, acks: own }) => (
    own.map((ack) => ({ terminal, ...ack }))));
  const known = {
    secured: byKey(acks, ({ purchase }) => purchase),
    text: byKey(acks, ({ purchase }) => purchaseReference(purchase)),
  };
  const told = orders.flatMap((order) => [...paymentsTold(order)].map((payment) => (
    { order, payment, ack: ackOf(order, known[order.channel].get(payment) ?? []) })));
  const acked = told.filter(({ ack }) => ack);

  checks.claim('every payment was acked to a machine', told.length,
    told.filter(({ ack }) => !ack).map(({ order, payment }) => `${name(order)}: ${payment}`));
  checks.claim('the ack is of the machine, item, pieces and value', acked.length,
    acked.filter((one) => !fits(one)).map(({ order, ack }) => `${name(order)}: ${json(ack)}`));
  const confirmed = new Set(acked.map(({ ack }) => ack));
  checks.claim('every ack belongs to a payment that was confirmed', acks.length,
    acks.filter((ack) => !confirmed.has(ack)).map(json));
  checks.claim('one payment is one ack', acked.length,
    acked.length === confirmed.size ? [] : [`${acked.length} payments, ${confirmed.size} acks`]);
  checks.claim('one purchase is one ack', acks.length,
    acks.filter((ack) => known.secured.get(ack.purchase)[0] !== ack).map(json));
  // `first` is what the machine's first ack in this run must be.
  const gaps = ({ acks: own, first = 1 }) => (
    own.reduce((most, { ack }) => Math.max(most, ack), first - 1) !== own.length + first - 1);
  checks.claim('a machine\'s acks are numbered without a gap', machines.length,
    machines.filter(gaps).map(({ terminal }) => terminal));
  const ends = ['supplied', 'failed', 'part'];
  checks.claim('every ack was accepted and ended', acks.length,
    acks.filter(({ end }) => !ends.includes(end)).map(json));
  checks.claim('machines met no answer that they could not take', machines.length,
    machines.flatMap(({ terminal, faults }) => faults.map((fault) => `${terminal}: ${fault}`)));
  checkRefunds(checks, acked);
}

/** What goes back: all of it, or the pieces that did not come without the fee. */
function backOf({ order, ack }) {
  return ack.end === 'failed' ? order.gross : order.retail * (ack.units - ack.supplied);
}

function checkRefunds(checks, acked) {
  const refundsOf = ({ order, payment }) => order.answers.filter((answer) => (
    order.channel === 'text'
      ? answer.reference === payment && ['refunded', 'part_refunded'].includes(answer.kind)
      : answer.purchase === payment && [REFUNDED, PART_REFUNDED].includes(answer.outcome)));
  const jammed = acked.filter(({ ack }) => ['failed', 'part'].includes(ack.end));
  const wrong = jammed.filter((one) => {
    const amounts = new Set(refundsOf(one).map(({ amount }) => String(amount)));
    const right = one.order.channel === 'text' ? euros(backOf(one)) : String(backOf(one));
    return amounts.size !== 1 || !amounts.has(right);
  });
  checks.claim('what did not come out was refunded and told', jammed.length,
    wrong.map((one) => `${name(one.order)}: ${json(refundsOf(one))}, not ${backOf(one)}`));
  const whole = acked.filter(({ ack }) => ack.end === 'supplied');
  checks.claim('what came out was not refunded', whole.length,
    whole.filter((one) => refundsOf(one).length > 0).map(({ order }) => name(order)));
}

module.exports = { checkMachines, checkOrders };
