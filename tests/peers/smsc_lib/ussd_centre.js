'use strict';
// A USSD centre: one node-smpp server to which the gateway binds once for each dialect, and phones
// that wait for what is said to them.

const smpp = require('smpp');

const ANSWER_WITHIN_MS = 10_000;
/** 3GPP TS 23.038 §5: UCS2, no class. */
const UCS2_BROADCAST = 0x48;

class UssdCentre {
  constructor(password) {
    this.password = password;
    this.sessions = new Map();
    this.heard = new Map();
    this.waiting = new Map();
    this.statuses = [];
    this.faults = [];
    this.submits = 0;
    this.server = smpp.createServer({}, (session) => this.accept(session));
  }

  listen(port) {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', resolve);
    });
  }

  accept(session) {
    session.on('error', (error) => {
      if (!['ECONNRESET', 'EPIPE'].includes(error.code)) this.faults.push(error.message);
    });
    session.on('bind_transceiver', (pdu) => {
      session.socket.setNoDelay(true);
      session.send(pdu.response({ system_id: 'node-ussd' }));
      this.sessions.set(pdu.system_id, session);
    });
    session.on('enquire_link', (pdu) => session.send(pdu.response()));
    session.on('unbind', (pdu) => {
      session.send(pdu.response());
      session.close();
    });
    session.on('submit_sm', (pdu) => {
      this.submits += 1;
      session.send(pdu.response({ message_id: `u${this.submits}` }));
      this.hear(pdu);
    });
  }

  hear(pdu) {
    const phone = pdu.destination_addr;
    const kind = pdu.ussd_service_op === undefined ? 'sms' : 'ussd';
    const key = `${phone} ${kind}`;
    const waiting = this.waiting.get(key)?.shift();
    if (waiting) waiting(pdu);
    else this.heard.set(key, [...this.heard.get(key) ?? [], pdu]);
  }

  /** Sends a deliver_sm; resolves with the status of its answer. */
  deliver(dialect, pdu) {
    const session = this.sessions.get(dialect);
    return new Promise((resolve) => {
      session.send(new smpp.PDU('deliver_sm', pdu), (answer) => {
        this.statuses.push(answer.command_status);
        resolve(answer.command_status);
      });
    });
  }

  /** What is said to a phone next: by `ussd`, or by `sms`. */
  next(phone, kind) {
    const key = `${phone} ${kind}`;
    const heard = this.heard.get(key)?.shift();
    if (heard) return Promise.resolve(heard);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${key}: nothing came`)), ANSWER_WITHIN_MS);
      const list = this.waiting.get(key) ?? [];
      list.push((pdu) => {
        clearTimeout(late);
        resolve(pdu);
      });
      this.waiting.set(key, list);
    });
  }

  /** What came that nobody waited for. */
  left() {
    return [...this.heard].flatMap(([key, list]) => list.map((pdu) => `${key}: ${textOf(pdu)}`));
  }

  close() {
    for (const session of this.sessions.values()) session.destroy();
    this.server.close();
  }
}

/** The text of a message; node-smpp decodes by SMS rules, which are not those of a cell broadcast. */
function textOf(pdu) {
  const { message } = pdu.short_message;
  if (!Buffer.isBuffer(message)) return message;
  const { ASCII, UCS2 } = smpp.encodings;
  return (pdu.data_coding === UCS2_BROADCAST ? UCS2 : ASCII).decode(message);
}

module.exports = { UssdCentre, textOf };
