'use strict';
// Who sells what in this test, and what each order must cost: the operator's own arithmetic.

const FEE_MINOR = 10;
/** What one order by plain text may cost, and what one purchase may cost. */
const PLAIN_CAP_MINOR = 1000;
const CAP_MINOR = 5000;
const SERVICE_NUMBER = '778';
const FIRST_MSISDN = 4917000000000;

const ITEMS = [
  { code: '12', name: 'Espresso', retail: 250, wholesale: 200 },
  { code: '7', name: 'Water', retail: 120, wholesale: 90 },
  { code: 'A1', name: 'Sandwich', retail: 390, wholesale: 310 },
];

/** One merchant with one machine each, so that a reply's merchant names the machine. */
const MACHINES = [
  { id: 'bar-4711', code: 4711, merchant: 'bar', name: 'Snack Bar' },
  { id: 'cafe-4712', code: 4712, merchant: 'cafe', name: 'Coffee House' },
  { id: 'gym-4713', code: 4713, merchant: 'gym', name: 'Gym Corner' },
  { id: 'bus-815', code: 815, merchant: 'bus', name: 'Bus Station' },
  { id: 'zoo-90210', code: 90210, merchant: 'zoo', name: 'City Zoo' },
  { id: 'pool-555', code: 555, merchant: 'pool', name: 'Swimming Pool' },
];

/** What is written in merchant files: they have room for many acks, since phones come in crowds. */
function merchantFile() {
  const quoted = (text) => JSON.stringify(text);
  return MACHINES.map((machine) => [
    '[[merchant]]',
    `id = ${quoted(machine.merchant)}`,
    `name = ${quoted(machine.name)}`,
    'currency = "EUR"',
    'tax_code = "standard"',
    ...ITEMS.flatMap((item) => [
      '[[merchant.item]]',
      `code = ${quoted(item.code)}`,
      `name = ${quoted(item.name)}`,
      `retail_minor = ${item.retail}`,
      `wholesale_minor = ${item.wholesale}`,
    ]),
    '[[merchant.terminal]]',
    `id = ${quoted(machine.id)}`,
    `short_code = ${machine.code}`,
    'slots = 5000',
    '',
  ].join('\n')).join('\n');
}

function msisdnOf(phone) {
  return String(FIRST_MSISDN + phone);
}

/** What the subscriber pays, fee included, and what the merchant gets. */
function priceOf(item, quantity) {
  return { gross: item.retail * quantity + FEE_MINOR, value: item.wholesale * quantity };
}

/** What goes back when only some pieces came: the fee stays, unless nothing came at all. */
function refundOf(order, supplied) {
  if (supplied === 0) return order.gross;
  return order.item.retail * (order.quantity - supplied);
}

module.exports = {
  CAP_MINOR, FEE_MINOR, ITEMS, MACHINES, PLAIN_CAP_MINOR, SERVICE_NUMBER,
  merchantFile, msisdnOf, priceOf, refundOf,
};
