'use strict';
// The SMSC: node-smpp's server with a window, a queue, and patience. What the gateway did not
// acknowledge when its connection went is sent again after the next bind, in the same order.

const smpp = require('smpp');
const { EventEmitter } = require('node:events');

const WINDOW = 50;
/** The network gives up after 5 s; a gateway that lives must be faster. */
const ANSWER_WITHIN_MS = 5000;
const QUEUE_FULL = 0x14;
const COME_AGAIN_MS = 300;

/**
 * Emits `bound`, `gone`, `submit` (pdu), `answered` (delivery, status), `raw` (pdu).
 * A delivery is an object with the fields of a deliver_sm in `pdu`; it is never changed here.
 */
class MessageCentre extends EventEmitter {
  /** `next()` gives the next new delivery, or null when there is none just now. */
  constructor(account, next) {
    super();
    this.account = account;
    /** Says of each submit_sm whether it comes too fast: a real SMSC throttles now and then. */
    this.throttles = () => false;
    /** Says of a delivery that shall come again whether its time is over. */
    this.givesUp = () => false;
    this.next = next;
    this.session = null;
    this.unanswered = new Map();
    this.again = [];
    this.waiting = 0;
    this.counts = {
      binds: 0, wrongBinds: 0, sent: 0, resent: 0, comeAgain: 0, late: 0, enquired: 0, submits: 0,
      throttled: 0,
    };
    this.server = smpp.createServer({}, (session) => this.accept(session));
    this.timer = setInterval(() => this.tick(), 100);
  }

  listen(port) {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', () => resolve());
    });
  }

  /** Whether nothing is under way or waiting to be sent again. */
  idle() {
    return this.unanswered.size === 0 && this.again.length === 0 && this.waiting === 0;
  }

  /** Sends what the window has room for. */
  pump() {
    while (this.session && this.unanswered.size < WINDOW) {
      const delivery = this.again.shift() ?? this.next();
      if (!delivery) return;
      this.send(delivery);
    }
  }

  close() {
    clearInterval(this.timer);
    this.session?.destroy();
    this.server.close();
  }

  accept(session) {
    // A killed peer resets its connections; without a listener that would end this process.
    session.on('error', (error) => {
      if (!['ECONNRESET', 'EPIPE'].includes(error.code)) this.emit('fault', error);
    });
    session.on('close', () => this.lost(session));
    session.on('bind_transceiver', (pdu) => this.bind(session, pdu));
    session.on('enquire_link', (pdu) => {
      this.counts.enquired += 1;
      session.send(pdu.response());
    });
    session.on('unbind', (pdu) => {
      session.send(pdu.response());
      session.close();
    });
    session.on('submit_sm', (pdu) => {
      if (this.throttles()) {
        this.counts.throttled += 1;
        this.gather(session);
        session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
        return;
      }
      this.counts.submits += 1;
      this.gather(session);
      session.send(pdu.response({ message_id: `m${this.counts.submits}` }));
      this.emit('submit', pdu);
    });
    session.on('pdu', (pdu) => {
      if (pdu.isResponse()) this.emit('raw', pdu);
    });
  }

  bind(session, pdu) {
    if (pdu.system_id !== this.account.systemId || pdu.password !== this.account.password) {
      this.counts.wrongBinds += 1;
      session.send(pdu.response({ command_status: smpp.ESME_RBINDFAIL }));
      return;
    }
    this.counts.binds += 1;
    session.socket.setNoDelay(true);
    session.send(pdu.response({ system_id: 'node-smsc' }));
    this.session = session;
    this.emit('bound');
    this.pump();
  }

  lost(session) {
    if (this.session !== session) return;
    this.session = null;
    const left = [...this.unanswered.values()].map(({ delivery }) => delivery);
    this.unanswered.clear();
    this.counts.resent += left.length;
    this.again.unshift(...left);
    this.emit('gone');
  }

  /** What is written in one turn goes out in one segment, as from any busy SMSC. */
  gather({ socket }) {
    if (socket.writableCorked > 0) return;
    socket.cork();
    setImmediate(() => socket.uncork());
  }

  send(delivery) {
    const session = this.session;
    const sent = { delivery, at: Date.now(), late: false };
    const pdu = new smpp.PDU('deliver_sm', { ...delivery.pdu });
    this.counts.sent += 1;
    this.gather(session);
    const taken = session.send(pdu, (response) => {
      if (this.session !== session || !this.unanswered.delete(pdu.sequence_number)) return;
      this.answer(delivery, response.command_status);
    });
    if (taken) this.unanswered.set(pdu.sequence_number, sent);
    else this.again.unshift(delivery);
    if (!taken) this.lost(session);
  }

  answer(delivery, status) {
    if (status === QUEUE_FULL && !this.givesUp(delivery)) {
      this.counts.comeAgain += 1;
      this.waiting += 1;
      setTimeout(() => {
        this.waiting -= 1;
        this.again.push(delivery);
        this.pump();
      }, COME_AGAIN_MS);
    }
    this.emit('answered', delivery, status);
    this.pump();
  }

  /** Counts what a living gateway left unanswered for too long; it is not sent twice for that. */
  tick() {
    const now = Date.now();
    for (const sent of this.unanswered.values()) {
      if (!sent.late && now - sent.at > ANSWER_WITHIN_MS) {
        sent.late = true;
        this.counts.late += 1;
      }
    }
    this.pump();
  }
}

module.exports = { MessageCentre, QUEUE_FULL, WINDOW };
