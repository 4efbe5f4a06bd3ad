'use strict';
// Holds what everybody outside saw (journal.json of smsc.js) against the claims of the gateway: no
// acknowledged order lost, none paid twice, every paid one confirmed and acked to its machine. The
// books themselves are read by kill9_books.js.
//
//   node kill9_check.js DIR

const { readFileSync } = require('node:fs');
const path = require('node:path');

const { checkBooks } = require('./kill9_books');
const {
  OUTCOMES, PAID, PART_REFUNDED, REFUNDED, isPaid,
} = require('./smsc_lib/applet_data');
const { Checks } = require('./smsc_lib/checks');
const { euros, purchaseReference } = require('./smsc_lib/texts');

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

/** Machines: their journals and the confirmations tell of the same payments. */
function checkMachines(checks, journal) {
  const { machines, orders } = journal;
  const acks = machines.flatMap(({ terminal, acks: own }) => (
    own.map((ack) => ({ terminal, ...ack }))));
  const known = {
    secured: new Map(acks.map((ack) => [ack.purchase, ack])),
    text: new Map(acks.map((ack) => [purchaseReference(ack.purchase), ack])),
  };
  const told = orders.flatMap((order) => [...paymentsTold(order)].map((payment) => (
    { order, payment, ack: known[order.channel].get(payment) })));
  const acked = told.filter(({ ack }) => ack);

  checks.claim('every payment was acked to a machine', told.length,
    told.filter(({ ack }) => !ack).map(({ order, payment }) => `${name(order)}: ${payment}`));
  const fits = ({ order, ack }) => ack.terminal === order.terminal && ack.item === order.item
    && ack.units === order.quantity && ack.value === order.value && ack.currency === 'EUR';
  checks.claim('the ack is of the machine, item, pieces and value', acked.length,
    acked.filter((one) => !fits(one)).map(({ order, ack }) => `${name(order)}: ${json(ack)}`));
  const confirmed = new Set(acked.map(({ ack }) => ack));
  checks.claim('every ack belongs to a payment that was confirmed', acks.length,
    acks.filter((ack) => !confirmed.has(ack)).map(json));
  checks.claim('one payment is one ack', acked.length,
    acked.length === confirmed.size ? [] : [`${acked.length} payments, ${confirmed.size} acks`]);
  checks.claim('one purchase is one ack', acks.length,
    acks.filter((ack) => known.secured.get(ack.purchase) !== ack).map(json));
  const gaps = ({ acks: own }) => Math.max(0, ...own.map(({ ack }) => ack)) !== own.length;
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

/** The wire: forgeries, malformed PDUs, kills. */
function checkWire(checks, journal) {
  const { counts, malformed, gateway } = journal;
  checks.claim('phones, SIMs and SMSC met nothing wrong', counts.submits, journal.faults);
  const other = Object.entries(counts.refusals).filter(([status]) => status !== '0x14');
  checks.claim('deliver_sm is answered 0, or 0x14 to come again', counts.sent,
    other.map(([status, times]) => `${status}: ${times}`));
  checks.claim('malformed PDUs are answered and the link stays in step', malformed.sent,
    [...malformed.faults, ...malformed.unanswered]);
  checks.claim('a stream out of step is told so, and bound anew', 1,
    malformed.step.nacked && malformed.step.bound ? [] : [json(malformed.step)]);
  checks.claim('the gateway binds again after each kill', counts.binds, [
    ...gateway.crashes,
    ...(counts.wrongBinds > 0 ? [`${counts.wrongBinds} wrong binds`] : []),
  ]);
  checks.claim('the gateway stops by SIGTERM with status 0', 1,
    gateway.stopped === 0 ? [] : [String(gateway.stopped)]);
}

function tell(journal) {
  const { counts, gateway, malformed, orders } = journal;
  console.log([
    `${orders.length} orders in ${counts.sent} deliver_sm within ${counts.wall_ms} ms`,
    `${gateway.kills} kills with -9, ${counts.resent} deliveries sent again after them`,
    `${counts.copies} copies, ${counts.swapped} swapped, ${counts.inParts} in parts`,
    `${counts.forged} forged, ${counts.strangers} from strangers, ${malformed.sent} malformed PDUs`,
    `${counts.comeAgain} told to come again, ${counts.again} AGAIN, `
      + `${counts.retries} sent again by the SIM for their counter`,
    `${counts.submits} submit_sm: ${counts.confirmations} secured confirmations, `
      + `${counts.sentTwice} of them seen before, and ${counts.texts} texts; `
      + `${counts.throttled} throttled`,
    // No claim: a disk that stands still, which a busy host's does, holds up every commit.
    `${counts.late} deliveries waited longer than the 5 s of the network`,
  ].join('\n'));
  for (const [said, times] of Object.entries(malformed.answered)) {
    console.log(`  ${String(times).padStart(4)}  ${said}`);
  }
}

function main() {
  const dir = process.argv[2];
  const journal = JSON.parse(readFileSync(path.join(dir, 'journal.json'), 'utf8'));
  tell(journal);
  const checks = new Checks();
  checkOrders(checks, journal);
  checkMachines(checks, journal);
  checkWire(checks, journal);
  checkBooks(checks, journal, path.join(dir, 'svgate.db'));
  process.exitCode = checks.report() ? 0 : 1;
}

main();
