'use strict';
// What the subscribers of this test want: drawn from a seed, with what must become of each.

const {
  FEE_MINOR, ITEMS, MACHINES, msisdnOf, priceOf,
} = require('./catalogue');

/** Of every five phones the fifth orders from its SIM menu only, in another language. */
const LANGUAGES = ['de', 'fr', 'ar'];
const SECURED_EACH = 6;
const TEXTS_EACH = 4;
/** Four phones of five make orders in words too. */
const ORDERS_EACH = SECURED_EACH + TEXTS_EACH * 0.8;

/** How a phone is registered, and how many orders it makes by which way. */
function phoneOf(number) {
  const menuOnly = number % 5 === 4;
  return {
    number,
    msisdn: msisdnOf(number),
    language: menuOnly ? LANGUAGES[Math.floor(number / 5) % LANGUAGES.length] : 'en',
    secured: SECURED_EACH,
    texts: menuOnly ? 0 : TEXTS_EACH,
  };
}

/** How many phones it takes for so many orders. */
function phonesFor(orders) {
  return Math.ceil(orders / ORDERS_EACH);
}

/** The orders of one phone, in the order in which its subscriber makes them. */
function ordersOf(phone, random) {
  const orders = [];
  const seen = new Set();
  for (let i = 0; i < phone.secured; i += 1) {
    orders.push({ ...securedOrder(random, i), channel: 'secured', reference: i + 1 });
  }
  for (let i = 0; i < phone.texts; i += 1) {
    let order;
    // Words have no identity: two equal orders within ten minutes would be one.
    do { order = textOrder(random, i); } while (seen.has(order.key));
    seen.add(order.key);
    orders.push({ ...order, channel: 'text' });
  }
  return random.shuffled(orders).map((order) => ({ phone: phone.number, ...order }));
}

function securedOrder(random, i) {
  const chance = random.next();
  const machine = random.pick(MACHINES);
  if (chance < 0.05) return amountOrder(machine, 100 + random.below(900));
  const item = random.pick(ITEMS);
  const order = itemOrder(machine, item, 1 + random.below(3));
  if (chance < 0.08) return { ...order, code: `Z${i}`, expect: 'unknown_item' };
  if (chance < 0.10) return { ...order, shortCode: 990 + i, expect: 'unknown_short_code' };
  if (chance < 0.13) return { ...order, agreed: order.gross - 1, expect: 'price_changed' };
  if (chance < 0.15) return { ...itemOrder(machine, ITEMS[2], 20 + i), expect: 'over_cap' };
  // Where the card did not know the price, it allows up to an amount.
  if (chance < 0.30) return { ...order, agreed: order.gross + random.below(500), kind: 'most' };
  return order;
}

function textOrder(random, i) {
  const chance = random.next();
  const machine = random.pick(MACHINES);
  if (chance < 0.08) return amountOrder(machine, 100 + random.below(800));
  if (chance < 0.12) {
    const order = { ...itemOrder(machine, ITEMS[0], 1), code: `Z${i}`, expect: 'unknown_item' };
    return { ...order, key: `${machine.code} Z${i}` };
  }
  if (chance < 0.15) {
    const shortCode = 990 + i;
    const order = { ...itemOrder(machine, ITEMS[0], 1), shortCode, expect: 'unknown_short_code' };
    return { ...order, key: `code ${shortCode}` };
  }
  // Its answer names no order, so that a phone makes one such order at most.
  if (i === 0 && chance < 0.25) {
    return { ...itemOrder(machine, ITEMS[2], 3), expect: 'over_plain_cap' };
  }
  const item = random.pick(ITEMS);
  return itemOrder(machine, item, 1 + random.below(item.retail > 300 ? 2 : 3));
}

function itemOrder(machine, item, quantity) {
  const { gross, value } = priceOf(item, quantity);
  return {
    machine, shortCode: machine.code, item, code: item.code, quantity, gross, value,
    agreed: gross, kind: 'shown', expect: 'paid', key: `${machine.code} ${item.code} x${quantity}`,
  };
}

/** An amount that the subscriber names goes to the merchant whole; the fee comes on top. */
function amountOrder(machine, amount) {
  return {
    machine, shortCode: machine.code, item: null, code: null, quantity: 1,
    amount, gross: amount + FEE_MINOR, value: amount, agreed: amount + FEE_MINOR, kind: 'shown',
    expect: 'paid', key: `${machine.code} pay ${amount}`,
  };
}

/** The fields of the order in its packet. */
function appletOrder(order) {
  const common = {
    short_code: order.shortCode, amount_minor: order.agreed, currency: 'EUR',
    amount_kind: order.kind, reference: order.reference,
  };
  if (order.item === null) return { verb: 'pay', ...common };
  return { verb: 'buy', item: order.code, quantity: order.quantity, ...common };
}

module.exports = {
  ORDERS_EACH, appletOrder, ordersOf, phoneOf, phonesFor,
};
