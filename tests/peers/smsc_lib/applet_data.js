'use strict';
// What the SIM applet and the gateway say inside their packets: a version octet, then tag, length,
// value. The tables are in src/dialogue/secured_order.rs and secured_reply.rs; this is the other
// end.

const VERBS = { buy: 1, pay: 2, pay_order: 3 };
const KINDS = { shown: 1, most: 2 };
/** Only the currencies that the vectors and the tests use: ISO 4217 numbers. */
const CURRENCIES = { EUR: 978, JPY: 392, KWD: 414 };

/** Outcomes that mean that the merchant was paid, whatever became of the goods. */
const PAID = 0x00;
const PENDING = 0x01;
const REFUNDED = 0x10;
const PART_REFUNDED = 0x11;
const COUNTER_LOW = 0x42;
const OUTCOMES = {
  paid: PAID,
  price_changed: 0x32,
  over_cap: 0x24,
  unknown_short_code: 0x30,
  unknown_item: 0x31,
};

function bcd(digits, octets) {
  return Buffer.from(String(digits).padStart(octets * 2, '0'), 'hex');
}

function shortest(minor) {
  const hex = BigInt(minor).toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
}

/** The data of an order; `order` has the field names of tests/vectors/orders.json. */
function encodeOrder(order) {
  const elements = [Buffer.from([0x01])];
  const add = (tag, value) => elements.push(Buffer.from([0x80 | tag, value.length]), value);
  add(0x01, Buffer.from([VERBS[order.verb]]));
  if (order.short_code !== undefined) add(0x02, bcd(order.short_code, 3));
  if (order.item !== undefined) add(0x03, Buffer.from(order.item, 'ascii'));
  if (order.quantity !== undefined) add(0x04, Buffer.from([order.quantity]));
  add(0x05, shortest(order.amount_minor));
  add(0x06, bcd(CURRENCIES[order.currency], 2));
  add(0x07, Buffer.from([KINDS[order.amount_kind]]));
  if (order.pon !== undefined) add(0x08, bcd(order.pon, 4));
  const reference = Buffer.alloc(4);
  reference.writeUInt32BE(order.reference);
  add(0x09, reference);
  return Buffer.concat(elements);
}

/** Reads a confirmation; throws an Error that says what is wrong with it. */
function decodeReply(octets) {
  if (octets[0] !== 0x01) throw new Error('not version 01');
  const found = new Map();
  for (let at = 1; at < octets.length;) {
    const [tag, length] = [octets[at], octets[at + 1]];
    if (length === undefined || at + 2 + length > octets.length) throw new Error('cut off');
    if (found.has(tag & 0x7f)) throw new Error(`tag ${tag} comes twice`);
    found.set(tag & 0x7f, octets.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  const must = (tag, length) => {
    const value = found.get(tag);
    if (value === undefined || value.length !== length) throw new Error(`tag ${tag}`);
    return value;
  };
  const reply = { outcome: must(0x11, 1)[0], reference: must(0x09, 4).readUInt32BE() };
  if (found.has(0x05)) {
    reply.amount_minor = Number(BigInt(`0x${found.get(0x05).toString('hex')}`));
    const number = Number(must(0x06, 2).toString('hex'));
    reply.currency = Object.keys(CURRENCIES).find((code) => CURRENCIES[code] === number);
  }
  if (found.has(0x12)) reply.purchase = must(0x12, 8).readBigUInt64BE().toString();
  const text = found.get(0x13);
  if (text !== undefined) {
    reply.coding = { 4: 'default', 8: 'ucs2' }[text[0]];
    reply.text_hex = text.subarray(1).toString('hex');
  }
  return reply;
}

/** Whether an outcome says that the merchant was paid. */
function isPaid(outcome) {
  return [PAID, PENDING, REFUNDED, PART_REFUNDED].includes(outcome);
}

module.exports = {
  COUNTER_LOW, OUTCOMES, PAID, PART_REFUNDED, REFUNDED, decodeReply, encodeOrder, isPaid,
};
