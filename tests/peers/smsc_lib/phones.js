'use strict';
// The subscribers' phones: each order with its copies, parts and forgeries as deliveries for the
// SMSC, and each answer held against the order that it belongs to.

const { COUNTER_LOW, OUTCOMES, PAID, isPaid } = require('./applet_data');
const { ITEMS, MACHINES, SERVICE_NUMBER } = require('./catalogue');
const {
  SIM_DATA_DOWNLOAD, UDHI, addressed, packetPdus, textPdus, wordsOf,
} = require('./carriage');
const { appletOrder, ordersOf, phoneOf, phonesFor } = require('./orders');
const { SimCard, iccidOf } = require('./sim_card');
const { euros, readReply } = require('./texts');

const SHARE = {
  inParts: 0.08, copyAtOnce: 0.06, copyLater: 0.04, swapped: 0.05, again: 0.03, forged: 0.02,
  stranger: 0.01, elsewhere: 0.02,
};
/** A phone asks its subscriber no more than so often to send an order again. */
const TRIES_MAX = 8;
const STRANGER = '49309990000';
/** A forged order's reference: no honest order has one so high. */
const FORGED_REFERENCE = 900000;

class Phones {
  /** Phones for so many orders, numbered from `first` on. */
  constructor(orders, master, random, first = 0) {
    this.random = random;
    this.first = first;
    this.phones = Array.from({ length: phonesFor(orders) }, (_, i) => phoneOf(first + i));
    this.byMsisdn = new Map();
    for (const phone of this.phones) {
      phone.sim = new SimCard(master, iccidOf(phone.number), 1);
      phone.orders = ordersOf(phone, random);
      phone.byReference = new Map();
      phone.parts = 0;
      this.byMsisdn.set(phone.msisdn, phone);
    }
    this.orders = this.phones.flatMap((phone) => phone.orders).slice(0, orders);
    this.orders.forEach((order, id) => this.register(order, id));
    this.steps = this.plan();
    this.at = 0;
    this.ready = [];
    this.later = [];
    /** Takes copies to the SMSC of another node, where there is one. */
    this.elsewhere = null;
    this.faults = [];
    this.settled = 0;
    this.counts = {
      copies: 0, inParts: 0, swapped: 0, again: 0, forged: 0, strangers: 0, retries: 0,
      confirmations: 0, texts: 0, sentTwice: 0, counterLow: 0, elsewhere: 0,
    };
  }

  phoneOf(order) {
    return this.phones[order.phone - this.first];
  }

  register(order, id) {
    Object.assign(order, {
      id, payments: 1, needs: new Set(), acked: false, tries: 0, satisfied: false,
      answers: [], references: new Set(),
    });
    const phone = this.phoneOf(order);
    if (order.channel === 'secured') phone.byReference.set(order.reference, order);
    order.again = order.channel === 'text' && order.expect === 'paid' && order.item !== null
      && this.random.chance(SHARE.again);
    if (order.again) order.payments = 2;
  }

  /** Rounds over all phones in random order, so that one phone's orders lie far apart. */
  plan() {
    const steps = [];
    const made = new Set(this.orders);
    const rounds = Math.max(...this.phones.map((phone) => phone.orders.length));
    for (let round = 0; round < rounds; round += 1) {
      for (const phone of this.random.shuffled(this.phones)) {
        const order = phone.orders[round];
        const next = phone.orders[round + 1];
        if (!order || !made.delete(order)) continue;
        // The network may hand over a later order first: then the earlier one has a low counter.
        const swap = next && made.has(next) && this.random.chance(SHARE.swapped);
        if (swap) made.delete(next);
        steps.push(swap ? [order, next] : [order]);
      }
    }
    return steps;
  }

  /** Whether all orders have been handed to the SMSC. */
  get exhausted() {
    return this.at >= this.steps.length && this.later.length === 0 && this.ready.length === 0;
  }

  /** No further order is made; those that were not made yet are no part of the run. */
  endOrders() {
    this.steps.length = this.at;
    this.orders = this.orders.filter(({ tries }) => tries > 0);
  }

  /** The next delivery, or null. Orders are sealed only now: a card's counter rises with time. */
  next() {
    if (this.ready.length === 0 && this.at < this.steps.length) this.take(this.steps[this.at++]);
    if (this.ready.length === 0 && this.at >= this.steps.length) this.release(Infinity);
    return this.ready.shift() ?? null;
  }

  take(step) {
    const sent = step.map((order) => this.deliveriesOf(order));
    if (sent.length === 2) {
      this.counts.swapped += 1;
      sent.reverse();
    }
    this.ready.push(...sent.flat());
    if (this.random.chance(SHARE.forged)) this.ready.push(this.forgery(step[0]));
    if (this.random.chance(SHARE.stranger)) this.ready.push(this.stranger());
    this.release(this.at);
  }

  release(at) {
    const due = this.later.filter((copy) => copy.at <= at);
    if (due.length === 0) return;
    this.later = this.later.filter((copy) => copy.at > at);
    this.ready.push(...due.flatMap((copy) => copy.deliveries));
  }

  deliveriesOf(order) {
    const phone = this.phoneOf(order);
    const { random, counts } = this;
    // A copy of parts is no news; only a whole message is answered again, with its AGAIN number.
    const inParts = !order.again && random.chance(SHARE.inParts);
    if (inParts) {
      phone.parts += 1;
      counts.inParts += 1;
    }
    const reference = inParts ? phone.parts : null;
    order.tries += 1;
    const pdus = order.channel === 'secured'
      ? packetPdus(phone.msisdn, phone.sim.seal(appletOrder(order)), random, reference)
      : textPdus(phone.msisdn, wordsOf(order, random), random, reference);
    let deliveries = pdus.map((pdu, part) => this.delivery(order, pdu, `${order.tries}.${part}`));
    if (inParts && random.chance(0.5)) deliveries.reverse();
    if (order.again || random.chance(SHARE.copyAtOnce)) {
      counts.copies += 1;
      deliveries = [...deliveries, ...deliveries];
    } else if (random.chance(SHARE.copyLater)) {
      counts.copies += 1;
      this.later.push({ at: this.at + 20 + random.below(200), deliveries });
    }
    if (this.elsewhere && !order.again && random.chance(SHARE.elsewhere)) {
      counts.elsewhere += 1;
      phone.answeredTwoWays = true;
      this.elsewhere(deliveries);
    }
    return deliveries;
  }

  delivery(order, pdu, part) {
    order.needs.add(part);
    return { order, pdu, part };
  }

  forgery(like) {
    this.counts.forged += 1;
    const phone = this.phoneOf(like);
    const order = { ...like, item: ITEMS[0], code: ITEMS[0].code, reference: FORGED_REFERENCE };
    const packet = phone.sim.forge(appletOrder({ ...order, quantity: 1 }));
    return { order: null, pdu: packetPdus(phone.msisdn, packet, this.random, null)[0] };
  }

  stranger() {
    this.counts.strangers += 1;
    const words = `BUY ${MACHINES[0].code} ${ITEMS[0].code}`;
    const fields = { data_coding: 0, short_message: words };
    return { order: null, pdu: addressed(`${STRANGER}${this.counts.strangers}`, fields) };
  }

  /** The SMSC got an answer to a delivery. */
  answered({ order, part }, status) {
    if (order === null || status !== 0) return;
    order.needs.delete(part);
    order.acked = order.needs.size === 0;
    this.look(order);
  }

  /** A submit_sm from the gateway. */
  hear(pdu) {
    if (pdu.source_addr !== SERVICE_NUMBER) this.fault(`an answer came from ${pdu.source_addr}`);
    const phone = this.byMsisdn.get(pdu.destination_addr);
    if (pdu.esm_class & UDHI) {
      if (phone) this.hearPacket(phone, pdu);
      else this.fault(`a packet for ${pdu.destination_addr}, who has no SIM here`);
      return;
    }
    this.counts.texts += 1;
    const reply = readReply(String(pdu.short_message.message));
    if (phone) this.hearText(phone, reply);
    else if (reply.kind !== 'not_billable') this.fault(`a stranger read: ${JSON.stringify(reply)}`);
  }

  hearPacket(phone, pdu) {
    this.counts.confirmations += 1;
    const { udh, message } = pdu.short_message;
    const inForm = pdu.protocol_id === SIM_DATA_DOWNLOAD && pdu.data_coding === 0xf6
      && udh.length === 1 && udh[0][0] === 0x70 && udh[0][1] === 0;
    if (!inForm) this.fault(`a packet in another form: ${JSON.stringify(pdu)}`);
    let reply;
    try {
      reply = phone.sim.confirm(message, !phone.answeredTwoWays);
    } catch (error) {
      this.fault(`phone ${phone.number} could not open a confirmation: ${error.message}`);
      return;
    }
    if (reply === null) {
      this.counts.sentTwice += 1;
      return;
    }
    const order = phone.byReference.get(reply.reference);
    if (!order) {
      this.fault(`phone ${phone.number}: an answer to reference ${reply.reference}`);
      return;
    }
    if ((reply.coding === 'ucs2') !== (phone.language === 'ar')) {
      this.fault(`phone ${phone.number}: ${phone.language} in ${reply.coding}`);
    }
    order.answers.push({
      outcome: reply.outcome, purchase: reply.purchase ?? null, amount: reply.amount_minor ?? null,
    });
    if (reply.outcome === COUNTER_LOW) this.sendAgain(order);
    this.look(order);
  }

  /** The card sends the order again: a new counter, the same reference. */
  sendAgain(order) {
    this.counts.counterLow += 1;
    if (order.satisfied || order.tries >= TRIES_MAX) return;
    if (order.answers.some(({ outcome }) => isPaid(outcome))) return;
    this.counts.retries += 1;
    this.ready.unshift(...this.deliveriesOf(order));
  }

  hearText(phone, reply) {
    const order = this.orderOfText(phone, reply);
    if (!order) {
      this.fault(`phone ${phone.number} read what belongs to no order: ${JSON.stringify(reply)}`);
      return;
    }
    const { kind, ref = null, amount = null } = reply;
    order.answers.push({ kind, reference: ref, amount });
    if (reply.kind === 'paid') order.references.add(reply.ref);
    if (reply.kind === 'repeated' && order.again && !order.another) {
      order.another = true;
      this.counts.again += 1;
      const pdu = addressed(phone.msisdn, { data_coding: 0, short_message: reply.order });
      this.ready.unshift(this.delivery(order, pdu, 'again'));
    }
    this.look(order);
  }

  orderOfText(phone, reply) {
    const texts = phone.orders.filter((order) => order.channel === 'text');
    switch (reply.kind) {
      case 'paid':
        return texts.find((order) => order.expect === 'paid' && euros(order.gross) === reply.amount
          && order.machine.name === reply.merchant && order.item?.name === reply.item
          && (order.item === null || String(order.quantity) === reply.units));
      case 'refunded':
      case 'part_refunded':
        return texts.find((order) => order.references.has(reply.ref));
      case 'repeated':
      case 'again_used':
        return texts.find((order) => {
          const words = wordsOf(order, { pick: ([first]) => first });
          return reply.order === words || reply.order.startsWith(`${words} AGAIN `);
        });
      case 'unknown_item':
        return texts.find((order) => order.code === reply.item
          && String(order.shortCode) === reply.code);
      case 'unknown_short_code':
        return texts.find((order) => String(order.shortCode) === reply.code);
      case 'over_plain_cap':
        return texts.find((order) => order.expect === 'over_plain_cap');
      default:
        return undefined;
    }
  }

  /** Whether an order has now got all it should: its acknowledgement and its answer. */
  look(order) {
    if (order.satisfied || !order.acked) return;
    if (order.channel === 'secured') {
      const wanted = OUTCOMES[order.expect] ?? PAID;
      order.satisfied = order.answers.some(({ outcome }) => outcome === wanted);
    } else if (order.expect === 'paid') {
      order.satisfied = order.references.size >= order.payments;
    } else {
      order.satisfied = order.answers.some(({ kind }) => kind === order.expect);
    }
    if (order.satisfied) this.settled += 1;
  }

  fault(text) {
    if (this.faults.length < 1000) this.faults.push(text);
  }

  /** What is written down for the check. */
  journal() {
    return this.orders.map((order) => ({
      id: order.id,
      channel: order.channel,
      msisdn: this.phoneOf(order).msisdn,
      terminal: order.machine.id, item: order.item === null ? null : order.code,
      retail: order.item?.retail ?? null, quantity: order.quantity, gross: order.gross,
      value: order.value, expect: order.expect, reference: order.reference ?? null,
      payments: order.payments, acked: order.acked, tries: order.tries, answers: order.answers,
      references: [...order.references],
    }));
  }
}

module.exports = { Phones };
