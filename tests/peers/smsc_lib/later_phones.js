'use strict';
// The same phones after the books were restored from a backup: the SMSC sends what it had sent before
// once more, subscribers order anew, and each answer is written down.

const { UDHI, addressed, packetPdus } = require('./carriage');
const { priceOf } = require('./catalogue');
const { appletOrder } = require('./orders');
const { readReply } = require('./texts');

const ANSWER_WITHIN_MS = 10_000;
/** So often an SMSC is told to send a message again until that one's time is over. */
const TRIES_MAX = 3;

class LaterPhones {
  /** `phones` are those of before; others are known by their number alone. */
  constructor(phones, random) {
    Object.assign(this, { phones, random, ready: [], waiting: new Map(), answers: [], faults: [] });
    Object.assign(this, { acknowledged: 0, givenUp: 0, tries: new Map() });
  }

  next() {
    return this.ready.shift() ?? null;
  }

  /** The SMSC got an answer to a delivery. */
  answered(delivery, status) {
    if (status === 0) this.acknowledged += 1;
  }

  /** Whether a delivery that shall come again is given up. */
  givesUp(delivery) {
    const tries = (this.tries.get(delivery) ?? 0) + 1;
    this.tries.set(delivery, tries);
    if (tries >= TRIES_MAX) this.givenUp += 1;
    return tries >= TRIES_MAX;
  }

  /** A submit_sm from the gateway. */
  hear(pdu) {
    const msisdn = pdu.destination_addr;
    const answer = pdu.esm_class & UDHI ? this.open(msisdn, pdu.short_message.message)
      : { way: 'text', ...readReply(String(pdu.short_message.message)) };
    if (answer === null) return;
    this.answers.push({ msisdn, ...answer });
    const key = `${msisdn} ${answer.reference ?? 'text'}`;
    this.waiting.get(key)?.(answer);
    this.waiting.delete(key);
  }

  /** A card refuses a confirmation whose counter is not above all that it heard before the restore. */
  open(msisdn, packet) {
    try {
      const reply = this.phones.byMsisdn.get(msisdn).sim.confirm(packet);
      return reply && { way: 'packet', ...reply };
    } catch (error) {
      this.faults.push(`${msisdn} could not open a confirmation: ${error.message}`);
      return null;
    }
  }

  /** Sends one delivery; resolves with the answer to that reference, or to words. */
  ask(msisdn, reference, pdu) {
    const key = `${msisdn} ${reference}`;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${key}: no answer`)), ANSWER_WITHIN_MS);
      this.waiting.set(key, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      this.ready.push({ pdu });
    });
  }

  /** An order in words, by any phone. */
  write(msisdn, machine, item) {
    const words = `BUY ${machine.code} ${item.code}`;
    return this.ask(msisdn, 'text', addressed(msisdn, { data_coding: 0, short_message: words }));
  }

  /** An order from the SIM's menu, after `skipped` more of the card's counters and references. */
  order(phone, machine, item, skipped) {
    const reference = Math.max(...phone.byReference.keys()) + skipped + 1;
    phone.sim.counter += skipped;
    const { gross } = priceOf(item, 1);
    const packet = phone.sim.seal(appletOrder({
      shortCode: machine.code, item, code: item.code, quantity: 1, agreed: gross, kind: 'shown', reference,
    }));
    const [pdu] = packetPdus(phone.msisdn, packet, this.random, null);
    return this.ask(phone.msisdn, reference, pdu);
  }
}

module.exports = { LaterPhones };
