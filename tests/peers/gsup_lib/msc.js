'use strict';
// An MSC with its phones, as an HLR sees it: GSUP over IPA, sessions of supplementary services.

const net = require('node:net');

const { PROCESS, REQUEST, invoke, read, result } = require('./component');
const { HOST, PORT } = require('./hlr');

const ANSWER_WITHIN_MS = 10_000;
const NAME = 'MSC-peer';
const [BEGIN, CONTINUE, END] = [1, 2, 3];

function bcd(digits) {
  const padded = digits.length % 2 ? `${digits}f` : digits;
  return Buffer.from(padded.replace(/(.)(.)/g, '$2$1'), 'hex');
}

function digitsOf(octets) {
  return octets.toString('hex').replace(/(.)(.)/g, '$2$1').replace(/f$/, '');
}

class Msc {
  constructor() {
    this.sessions = new Map();
    this.nextSession = 1;
    this.faults = [];
  }

  /** Connects and gets known. */
  connect() {
    this.input = Buffer.alloc(0);
    this.socket = net.connect(PORT, HOST);
    this.socket.setNoDelay(true);
    this.socket.on('error', () => {});
    this.socket.on('data', (octets) => this.take(octets));
    return new Promise((resolve, reject) => {
      this.known = resolve;
      setTimeout(reject, ANSWER_WITHIN_MS, new Error('the HLR did not ask who we are')).unref();
    });
  }

  close() {
    this.socket.destroy();
  }

  frame(stream, ...parts) {
    const payload = Buffer.concat(parts.map((part) => Buffer.from(part)));
    const head = Buffer.alloc(3);
    head.writeUInt16BE(payload.length);
    head[2] = stream;
    this.socket.write(Buffer.concat([head, payload]));
  }

  take(octets) {
    this.input = Buffer.concat([this.input, octets]);
    while (this.input.length >= 3 && this.input.length >= 3 + this.input.readUInt16BE()) {
      const length = this.input.readUInt16BE();
      const payload = this.input.subarray(3, 3 + length);
      const stream = this.input[2];
      this.input = this.input.subarray(3 + length);
      if (stream === 0xfe) this.control(payload);
      else if (stream === 0xee && payload[0] === 5) this.gsup(payload.subarray(1));
    }
  }

  control(payload) {
    if (payload[0] === 0x00) this.frame(0xfe, [0x01]);
    if (payload[0] !== 0x04) return;
    const name = Buffer.from(`${NAME}\0`);
    const tags = [...payload.subarray(1)].filter((_, at) => at % 2 === 1);
    const items = tags.map((tag) => Buffer.concat([Buffer.from([0, name.length + 1, tag]), name]));
    this.frame(0xfe, [0x05], ...items);
    this.frame(0xfe, [0x06]);
    this.known();
  }

  gsup(message) {
    const found = new Map();
    for (let at = 1; at + 2 <= message.length; at += 2 + message[at + 1]) {
      found.set(message[at], message.subarray(at + 2, at + 2 + message[at + 1]));
    }
    if (!found.has(0x30)) return;
    const key = `${digitsOf(found.get(0x01))} ${found.get(0x30).readUInt32BE()}`;
    const session = this.sessions.get(key);
    if (!session) {
      this.faults.push(`a message to no session: ${message.toString('hex')}`);
      return;
    }
    try {
      const ends = found.get(0x31)[0] === END;
      session.hear({ ends, error: message[0] === 0x21, ...read(found.get(0x35) ?? Buffer.alloc(0)) });
    } catch (error) {
      this.faults.push(String(error));
    }
  }

  send(imsi, session, state, component) {
    const id = Buffer.alloc(4);
    id.writeUInt32BE(session);
    const element = (tag, value) => Buffer.concat([Buffer.from([tag, value.length]), value]);
    this.frame(
      0xee,
      [0x05, 0x20],
      element(0x01, bcd(imsi)),
      element(0x30, id),
      element(0x31, Buffer.from([state])),
      element(0x35, component),
    );
  }

  /** A session of one phone. */
  open(imsi) {
    const session = new Session(this, imsi, this.nextSession);
    this.nextSession += 1;
    this.sessions.set(`${imsi} ${session.id}`, session);
    return session;
  }
}

class Session {
  constructor(msc, imsi, id) {
    Object.assign(this, { msc, imsi, id, heard: [], waiting: [], invoke: 1 + (id % 100) });
    this.last = null;
  }

  hear(message) {
    const waiting = this.waiting.shift();
    if (waiting) waiting(message);
    else this.heard.push(message);
  }

  /** What the phone is shown next. */
  async next() {
    this.last = this.heard.shift() ?? await new Promise((resolve, reject) => {
      const late = setTimeout(
        reject, ANSWER_WITHIN_MS, new Error(`session ${this.id}: nothing came`),
      );
      this.waiting.push((message) => {
        clearTimeout(late);
        resolve(message);
      });
    });
    return this.last;
  }

  dial(code) {
    this.msc.send(this.imsi, this.id, BEGIN, invoke(this.invoke, PROCESS, code));
    return this.next();
  }

  answer(text) {
    this.say(text);
    return this.next();
  }

  /** Answers and does not wait. */
  say(text) {
    this.msc.send(this.imsi, this.id, CONTINUE, result(this.last.id, REQUEST, text));
  }
}

module.exports = { Msc };
